//! What a notification hints at. Pure. A hint never changes a state: it says whom to poll now.
//!
//! Notifications come over UDP, may be lost, repeated, or made up by anybody. So they are de-duplicated, each
//! device may trigger only so many polls, and only so many devices are remembered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::snmp::{Binding, Oid};

/// What kind of thing a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// coldStart, warmStart.
    Restart,
    /// linkDown, linkUp.
    Link {
        /// linkUp.
        up: bool,
        /// `ifIndex`, when the notification carries it.
        index: Option<u32>,
    },
    /// A D channel or E1 line changed.
    Trunk,
    /// An IP SLA operation timed out, crossed its threshold or lost its connection.
    IpSla,
    /// A BGP neighbour came or went.
    Bgp,
    /// An OSPF neighbour changed.
    Ospf,
    /// A power supply went to its battery, or back.
    Power,
    /// Somebody asked the device with a wrong community: nothing to poll for.
    AuthenticationFailure,
    /// Not one that we know.
    Other,
}

impl About {
    /// As a metric label.
    pub fn label(self) -> &'static str {
        match self {
            About::Restart => "restart",
            About::Link { up: true, .. } => "link_up",
            About::Link { up: false, .. } => "link_down",
            About::Trunk => "trunk",
            About::IpSla => "ip_sla",
            About::Bgp => "bgp",
            About::Ospf => "ospf",
            About::Power => "power",
            About::AuthenticationFailure => "authentication_failure",
            About::Other => "other",
        }
    }
}

/// A notification as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Who sent it; not proven below v3 with authentication.
    pub from: IpAddr,
    /// The sender's signature was checked.
    pub authenticated: bool,
    /// Its `snmpTrapOID`; for v1 the equivalent of RFC 3584 §3.1.
    pub trap: Oid,
    /// What it is about.
    pub about: About,
    /// The sender's `sysUpTime`, in hundredths of a second.
    pub uptime: u32,
}

const IF_INDEX: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 1];

/// What a notification is about.
pub fn about(trap: &Oid, bindings: &[Binding]) -> About {
    let index = || {
        let object = Oid::new(IF_INDEX);
        let found = bindings.iter().find(|b| b.oid.below(&object).is_some())?;
        u32::try_from(found.value.number()?).ok()
    };
    let snmp_traps = [1, 3, 6, 1, 6, 3, 1, 1, 5];
    if let Some(&[which]) = trap.below(&Oid::new(&snmp_traps)) {
        return match which {
            1 | 2 => About::Restart,
            3 => About::Link { up: false, index: index() },
            4 => About::Link { up: true, index: index() },
            5 => About::AuthenticationFailure,
            _ => About::Other,
        };
    }
    let families: [(&[u32], About); 9] = [
        (&[1, 3, 6, 1, 4, 1, 9, 9, 42, 2], About::IpSla),
        (&[1, 3, 6, 1, 2, 1, 15, 0], About::Bgp),
        (&[1, 3, 6, 1, 2, 1, 15, 7], About::Bgp),
        (&[1, 3, 6, 1, 4, 1, 9, 9, 187, 0], About::Bgp),
        (&[1, 3, 6, 1, 2, 1, 14, 16, 2], About::Ospf),
        (&[1, 3, 6, 1, 2, 1, 10, 18, 15], About::Trunk),
        (&[1, 3, 6, 1, 2, 1, 10, 20, 2], About::Trunk),
        (&[1, 3, 6, 1, 4, 1, 5003, 9, 10, 1, 21, 2, 0], About::Trunk),
        (&[1, 3, 6, 1, 2, 1, 33, 2], About::Power),
    ];
    families.into_iter().find(|(p, _)| trap.below(&Oid::new(p)).is_some()).map_or(About::Other, |(_, a)| a)
}

/// How much notifications may set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The same notification within this time is a repetition.
    pub repeat_within: Duration,
    /// A device may set off a poll at most this often.
    pub poll_every: Duration,
    /// So many senders and notifications are remembered; the rest set off nothing until some are forgotten.
    pub remembered: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { repeat_within: Duration::from_secs(10), poll_every: Duration::from_secs(5), remembered: 20_000 }
    }
}

/// What to do about a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Poll the device now.
    Poll,
    /// Record it, nothing more: it is not about anything polled, or the device was polled for one just now. In the
    /// latter case a further poll is owed once `poll_every` has passed; see [`Desk::owed`].
    Note,
    /// Seen already: an inform that was sent again, a trap that came by two ways.
    Repeated,
    /// No room to remember it.
    Overflow,
}

/// Decides about notifications. Counts what it turned down.
#[derive(Debug)]
pub struct Desk {
    bounds: Bounds,
    seen: HashMap<(IpAddr, Oid, About, u32), Duration>,
    polled: HashMap<IpAddr, Duration>,
    owed: HashMap<IpAddr, Duration>,
    /// How many came, by what became of them: poll, note, repeated, overflow.
    pub counted: [u64; 4],
}

impl Desk {
    /// With these bounds.
    pub fn new(bounds: Bounds) -> Desk {
        Desk { bounds, seen: HashMap::new(), polled: HashMap::new(), owed: HashMap::new(), counted: [0; 4] }
    }

    /// Takes in a notification.
    pub fn take(&mut self, hint: &Hint, now: Duration) -> Verdict {
        let verdict = self.judge(hint, now);
        let at = match verdict {
            Verdict::Poll => 0,
            Verdict::Note => 1,
            Verdict::Repeated => 2,
            Verdict::Overflow => 3,
        };
        self.counted[at] += 1;
        verdict
    }

    fn judge(&mut self, hint: &Hint, now: Duration) -> Verdict {
        let Bounds { repeat_within, poll_every, remembered } = self.bounds;
        if self.seen.len() >= remembered || self.polled.len() >= remembered {
            self.seen.retain(|_, at| now.saturating_sub(*at) < repeat_within);
            self.polled.retain(|_, at| now.saturating_sub(*at) < poll_every);
        }
        let key = (hint.from, hint.trap.clone(), hint.about, hint.uptime);
        if self.seen.get(&key).is_some_and(|at| now.saturating_sub(*at) < repeat_within) {
            return Verdict::Repeated;
        }
        if self.seen.len() >= remembered || self.polled.len() >= remembered {
            return Verdict::Overflow;
        }
        self.seen.insert(key, now);
        if matches!(hint.about, About::Other | About::AuthenticationFailure) {
            return Verdict::Note;
        }
        if let Some(at) = self.polled.get(&hint.from)
            && now.saturating_sub(*at) < poll_every
        {
            self.owed.insert(hint.from, *at + poll_every);
            return Verdict::Note;
        }
        self.polled.insert(hint.from, now);
        Verdict::Poll
    }

    /// Devices whose further poll is due.
    pub fn owed(&mut self, now: Duration) -> Vec<IpAddr> {
        let due: Vec<IpAddr> = self.owed.iter().filter(|(_, at)| **at <= now).map(|(ip, _)| *ip).collect();
        for ip in &due {
            self.owed.remove(ip);
            self.polled.insert(*ip, now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Value;

    fn hint(trap: &str, uptime: u32) -> Hint {
        let trap: Oid = trap.parse().unwrap();
        let about = about(&trap, &[]);
        Hint { from: "192.0.2.1".parse().unwrap(), authenticated: false, trap, about, uptime }
    }

    #[test]
    fn every_notification_is_about_something() {
        let index = Binding { oid: Oid::new(IF_INDEX).child(&[7]), value: Value::Integer(7) };
        let of = |t: &str| about(&t.parse().unwrap(), std::slice::from_ref(&index));
        assert_eq!(of("1.3.6.1.6.3.1.1.5.1"), About::Restart);
        assert_eq!(of("1.3.6.1.6.3.1.1.5.3"), About::Link { up: false, index: Some(7) });
        assert_eq!(of("1.3.6.1.6.3.1.1.5.4"), About::Link { up: true, index: Some(7) });
        assert_eq!(of("1.3.6.1.4.1.9.9.42.2.0.2"), About::IpSla);
        assert_eq!(of("1.3.6.1.2.1.15.0.2"), About::Bgp);
        assert_eq!(of("1.3.6.1.2.1.14.16.2.2"), About::Ospf);
        assert_eq!(of("1.3.6.1.2.1.10.18.15.0.1"), About::Trunk);
        assert_eq!(of("1.3.6.1.2.1.10.20.2.0.1"), About::Trunk);
        assert_eq!(of("1.3.6.1.2.1.33.2.1"), About::Power);
        assert_eq!(of("1.3.6.1.4.1.1.1"), About::Other);
    }

    #[test]
    fn repetitions_and_floods_set_off_one_poll() {
        let at = Duration::from_secs;
        let mut desk = Desk::new(Bounds::default());
        assert_eq!(desk.take(&hint("1.3.6.1.6.3.1.1.5.3", 100), at(0)), Verdict::Poll);
        assert_eq!(desk.take(&hint("1.3.6.1.6.3.1.1.5.3", 100), at(1)), Verdict::Repeated);
        for n in 0..1_000 {
            assert_eq!(desk.take(&hint("1.3.6.1.6.3.1.1.5.4", 200 + n), at(2)), Verdict::Note);
        }
        assert!(desk.owed(at(4)).is_empty());
        assert_eq!(desk.owed(at(5)).len(), 1, "the last one is not lost");
        assert_eq!(desk.take(&hint("1.3.6.1.6.3.1.1.5.5", 300), at(60)), Verdict::Note);
    }

    #[test]
    fn made_up_senders_fill_the_memory_only_to_its_bound() {
        let mut desk = Desk::new(Bounds { remembered: 100, ..Bounds::default() });
        for n in 0..10_000u32 {
            let from = IpAddr::from(std::net::Ipv4Addr::from(n));
            desk.take(&Hint { from, ..hint("1.3.6.1.6.3.1.1.5.3", n) }, Duration::from_secs(1));
        }
        assert!(desk.seen.len() <= 100 && desk.polled.len() <= 100 && desk.owed.len() <= 100);
        assert_eq!(desk.counted, [100, 0, 0, 9_900]);
    }
}
