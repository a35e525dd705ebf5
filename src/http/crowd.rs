//! How many a server lets in: from one peer at a time, and handshakes in a second. Functions of what they are told.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::guard::network;

/// Connections by the network that they come from.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    of: Mutex<HashMap<IpAddr, usize>>,
}

impl Crowd {
    /// At most so many from one.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, of: Mutex::default() })
    }

    /// Lets one in, until the guest is dropped; `None` when there are enough of them. Behind loopback may be a proxy
    /// with everybody behind it: it is not counted.
    #[must_use]
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Guest> {
        let from = network(address);
        if from.is_loopback() {
            return Some(Guest { crowd: Arc::clone(self), from: None });
        }
        let mut of = self.of();
        let there = of.entry(from).or_default();
        if *there >= self.most {
            return None;
        }
        *there += 1;
        drop(of);
        Some(Guest { crowd: Arc::clone(self), from: Some(from) })
    }

    fn of(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who was let in.
#[derive(Debug)]
pub struct Guest {
    crowd: Arc<Crowd>,
    from: Option<IpAddr>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some(from) = self.from else { return };
        let mut of = self.crowd.of();
        if let Some(there) = of.get_mut(&from) {
            *there -= 1;
            if *there == 0 {
                of.remove(&from);
            }
        }
    }
}

/// So many at once and then one every while (the generic cell rate algorithm, ITU-T I.371 Annex A).
#[derive(Debug)]
pub struct Pace {
    step: Duration,
    burst: Duration,
    /// When the next would be due if nobody ever hurried.
    due: Option<Instant>,
}

impl Pace {
    /// `burst` at once, then one every `step`.
    #[must_use]
    pub fn new(step: Duration, burst: u32) -> Self {
        Self { step, burst: step * burst.saturating_sub(1), due: None }
    }

    /// When the one who comes `now` may begin; `None` when that would be later than `patience` from now: then it does not count.
    #[must_use]
    pub fn turn(&mut self, now: Instant, patience: Duration) -> Option<Instant> {
        let due = self.due.map_or(now, |due| due.max(now));
        let begin = due.checked_sub(self.burst).map_or(now, |begin| begin.max(now));
        if begin > now + patience {
            return None;
        }
        self.due = Some(due + self.step);
        Some(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_never_has_more_than_its_part_and_who_goes_leaves_it() {
        let crowd = Crowd::new(2);
        let from = |text: &str| crowd.enter(text.parse().expect("an address"));
        let one = [from("192.0.2.1"), from("192.0.2.1")];
        assert!(one.iter().all(Option::is_some));
        assert!(from("192.0.2.1").is_none() && from("::ffff:192.0.2.1").is_none() && from("192.0.2.2").is_some());
        let six = [from("2001:db8::1"), from("2001:db8::2")];
        assert!(six.iter().all(Option::is_some) && from("2001:db8::3").is_none());
        let proxy: Vec<_> = (0..9).map(|_| from("127.0.0.1")).collect();
        assert!(proxy.iter().all(Option::is_some));
        drop((one, six));
        assert!(from("192.0.2.1").is_some() && from("2001:db8::3").is_some());
        drop(proxy);
        assert!(crowd.of().is_empty(), "nobody is remembered who is gone");
    }

    #[test]
    fn a_burst_begins_at_once_and_the_rest_in_turn_or_not_at_all() {
        let begin = Instant::now();
        let mut pace = Pace::new(Duration::from_millis(10), 3);
        let turns: Vec<_> = (0..6).map(|_| pace.turn(begin, Duration::from_millis(20))).collect();
        let after = |ms| Some(begin + Duration::from_millis(ms));
        assert_eq!(turns, [after(0), after(0), after(0), after(10), after(20), None]);
        let later = begin + Duration::from_secs(9);
        let turns: Vec<_> = (0..4).map(|_| pace.turn(later, Duration::ZERO)).collect();
        assert_eq!(turns, [Some(later), Some(later), Some(later), None], "what nobody used is not saved up");
    }
}
