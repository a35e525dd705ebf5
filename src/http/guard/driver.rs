//! Verifies passwords, one at a time and with rests, so that whoever guesses costs others nothing.
//!
//! bcrypt is slow by design: at a cost of 10 some 70 ms of a core. It is computed on a thread that may block, one at
//! a time; after a wrong password nobody's is computed for three times as long as it took, so that a flood gets a
//! quarter of a core at most. A right pair is remembered, and then costs a hash. Those who wait are bounded, in all
//! and for each peer; who comes in vain is told so at once.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use super::password::{Claim, Known, Mark};
use super::{Peer, network};
use crate::config::web::Web;

/// So many different pairs wait to be verified; a further one is told to come again.
const MAX_WAITING: usize = 8;
/// So many of them from one peer.
const MAX_WAITING_PEER: usize = 2;
/// After a wrong password nobody's is looked at for so many times as long as it took.
const REST: u32 = 3;
/// Wrong passwords are told of in the log at most so often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Whether somebody comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Name and password are right.
    Right,
    /// They are not, or there are none.
    Wrong,
    /// Too many wait already.
    Busy,
}

/// Whoever looks at passwords.
pub struct Doorkeeper {
    key: [u8; 32],
    door: Mutex<Door>,
    /// One pair is verified at a time.
    turn: Arc<Semaphore>,
}

struct Door {
    known: Known,
    waiting: Vec<Waiting>,
    rested: Instant,
    told: Option<Instant>,
    untold: u64,
}

struct Waiting {
    mark: Mark,
    of: IpAddr,
    verdict: watch::Receiver<Option<bool>>,
}

impl Doorkeeper {
    /// Knows nobody yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system has randomness");
        let door = Door { known: Known::default(), waiting: Vec::new(), rested: Instant::now(), told: None, untold: 0 };
        Arc::new(Self { key, door: Mutex::new(door), turn: Arc::new(Semaphore::new(1)) })
    }

    /// Whether this claim is right. Being dropped at any point leaves its place to the next.
    pub async fn judge(self: &Arc<Self>, web: &Arc<Web>, peer: Peer, claim: Option<Claim>) -> Verdict {
        let Some(claim) = claim else { return Verdict::Wrong };
        let mark = claim.mark(&self.key, &web.fingerprint);
        let (tell, verdict) = watch::channel(None);
        let _place = match self.enter(mark, network(peer.address), &verdict) {
            Entered::Known => return Verdict::Right,
            Entered::Full => return Verdict::Busy,
            // Somebody has asked the very same: a browser asks for several things at once.
            Entered::Along(mut verdict) => {
                return match verdict.wait_for(Option::is_some).await.map(|v| *v) {
                    Ok(Some(true)) => Verdict::Right,
                    Ok(_) => Verdict::Wrong,
                    Err(_) => Verdict::Busy,
                };
            }
            Entered::Waiting(place) => place,
        };
        let turn = Arc::clone(&self.turn).acquire_owned().await.expect("the semaphore is never closed");
        let rested = self.door().rested;
        sleep_until(rested).await;
        let (web, keeper) = (Arc::clone(web), Arc::clone(self));
        // What has begun is ended and counted, even when whoever asked has gone: the turn goes along.
        let judging = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let began = Instant::now();
            let right = is_right(&web, &claim, &keeper.key);
            let mut door = keeper.door();
            if right {
                door.known.add(mark);
            } else {
                door.rested = Instant::now() + began.elapsed() * REST;
                door.untold += 1;
                door.tell(peer.address);
            }
            drop(door);
            tell.send_replace(Some(right));
            right
        });
        match judging.await {
            Ok(true) => Verdict::Right,
            _ => Verdict::Wrong,
        }
    }

    fn enter(self: &Arc<Self>, mark: Mark, of: IpAddr, verdict: &watch::Receiver<Option<bool>>) -> Entered {
        let mut door = self.door();
        if door.known.has(&mark) {
            return Entered::Known;
        }
        if let Some(same) = door.waiting.iter().find(|w| w.mark == mark) {
            return Entered::Along(same.verdict.clone());
        }
        let theirs = door.waiting.iter().filter(|w| w.of == of).count();
        if door.waiting.len() >= MAX_WAITING || theirs >= MAX_WAITING_PEER {
            return Entered::Full;
        }
        door.waiting.push(Waiting { mark, of, verdict: verdict.clone() });
        Entered::Waiting(Place { keeper: Arc::clone(self), mark })
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        // Whoever panicked left lists that are whole.
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    /// Says that there were wrong passwords, not oftener than once a minute; never whose: a name may be a mistyped password.
    fn tell(&mut self, last: IpAddr) {
        let now = Instant::now();
        if self.told.is_some_and(|told| now < told + TELL_EVERY) {
            return;
        }
        tracing::warn!(times = self.untold, last = %last, "wrong user or password for the pages");
        (self.told, self.untold) = (Some(now), 0);
    }
}

enum Entered {
    Known,
    Full,
    Along(watch::Receiver<Option<bool>>),
    Waiting(Place),
}

/// A place among those who wait.
struct Place {
    keeper: Arc<Doorkeeper>,
    mark: Mark,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.keeper.door().waiting.retain(|w| w.mark != self.mark);
    }
}

/// Takes the same time whether there is a user of that name or not.
fn is_right(web: &Web, claim: &Claim, key: &[u8; 32]) -> bool {
    let user = web.users.iter().find(|user| user.name == claim.name);
    let against = user.or_else(|| web.users.get(claim.stand_in(key, web.users.len())));
    let fits = against.is_some_and(|user| bcrypt::verify(&claim.password, user.hash.reveal()).unwrap_or(false));
    fits && user.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Secret;
    use crate::config::web::User;

    fn web() -> Arc<Web> {
        let user = |name: &str, password: &str| User {
            name: name.into(),
            hash: Secret::new(&bcrypt::hash(password, 4).expect("it can be made")),
        };
        Arc::new(Web { users: vec![user("noc", "right"), user("other", "thing")], ..Web::default() })
    }

    fn peer(last: u8) -> Peer {
        Peer { address: IpAddr::from([192, 0, 2, last]), certified: false, inside: false }
    }

    fn claim(name: &str, password: &str) -> Option<Claim> {
        Some(Claim { name: name.into(), password: password.into() })
    }

    #[tokio::test]
    async fn only_the_right_pair_comes_in_and_a_reload_forgets_it() {
        let (keeper, web) = (Doorkeeper::new(), web());
        assert_eq!(keeper.judge(&web, peer(1), None).await, Verdict::Wrong);
        assert_eq!(keeper.judge(&web, peer(1), claim("noc", "right")).await, Verdict::Right);
        for (name, password) in [("noc", "thing"), ("noc", ""), ("nobody", "right"), ("", "right"), ("noc", "right ")] {
            assert_eq!(keeper.judge(&web, peer(1), claim(name, password)).await, Verdict::Wrong, "{name} {password}");
        }
        let other = Arc::new(Web { users: web.users[1..].to_vec(), fingerprint: [1; 32], ..Web::default() });
        assert_eq!(keeper.judge(&other, peer(1), claim("noc", "right")).await, Verdict::Wrong);
        assert_eq!(keeper.judge(&other, peer(1), claim("other", "thing")).await, Verdict::Right);
    }

    #[tokio::test]
    async fn nobodys_password_never_fits_whatever_it_is_held_against() {
        let (keeper, web) = (Doorkeeper::new(), web());
        for n in 0..8 {
            for password in ["right", "thing"] {
                assert_eq!(keeper.judge(&web, peer(1), claim(&format!("n{n}"), password)).await, Verdict::Wrong);
            }
        }
    }

    #[tokio::test]
    async fn who_waits_is_bounded_and_who_is_known_never_waits() {
        let (keeper, web) = (Doorkeeper::new(), web());
        assert_eq!(keeper.judge(&web, peer(1), claim("noc", "right")).await, Verdict::Right);
        let held = Arc::clone(&keeper.turn).acquire_owned().await.expect("it is open");
        let ask = |last: u8, password: &'static str| {
            let (keeper, web) = (Arc::clone(&keeper), Arc::clone(&web));
            tokio::spawn(async move { keeper.judge(&web, peer(last), claim("noc", password)).await })
        };
        let waiting = |n: usize| {
            let keeper = Arc::clone(&keeper);
            async move {
                while keeper.door().waiting.len() != n {
                    tokio::task::yield_now().await;
                }
            }
        };
        let first = [ask(1, "a"), ask(1, "b")];
        waiting(2).await;
        assert_eq!(ask(1, "c").await.expect("judged"), Verdict::Busy, "one peer has two places");
        assert_eq!(keeper.judge(&web, peer(1), claim("noc", "right")).await, Verdict::Right);
        let along = ask(9, "a");
        let more: Vec<_> =
            (2..8).map(|last| ask(last, ["d", "e", "f", "g", "h", "i"][usize::from(last) - 2])).collect();
        waiting(MAX_WAITING).await;
        assert_eq!(ask(100, "z").await.expect("judged"), Verdict::Busy, "all places are taken");
        assert_eq!(keeper.judge(&web, peer(100), claim("noc", "right")).await, Verdict::Right);
        // Who goes leaves the place.
        more[5].abort();
        waiting(MAX_WAITING - 1).await;
        drop(held);
        for asked in first.into_iter().chain([along]).chain(more.into_iter().take(5)) {
            assert_eq!(asked.await.expect("judged"), Verdict::Wrong);
        }
        waiting(0).await;
    }
}
