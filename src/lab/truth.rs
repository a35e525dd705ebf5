//! What was really done to every probe, written down as it happens.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::scenario::{Lie, Nanos};
use crate::units::Dscp;

/// What became of one echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// An honest answer.
    Answered,
    /// No answer.
    Dropped,
    /// An answer that is wrong.
    Lied(Lie),
}

/// One echo request and its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Sighting {
    /// Number since the start, counted from 0.
    pub serial: u64,
    /// When the fleet read it, nanoseconds since the start.
    pub at_ns: u64,
    /// Whom it was for.
    pub host: IpAddr,
    /// Its code point.
    #[serde(serialize_with = "number")]
    pub dscp: Dscp,
    /// ICMP identifier.
    pub id: u16,
    /// ICMP sequence number.
    pub sequence: u16,
    /// The first eight bytes of its payload, big-endian; 0 when there are fewer.
    pub head: u64,
    /// The second eight bytes of its payload, likewise.
    pub second: u64,
    /// What was done.
    pub fate: Fate,
    /// The delay that was scripted.
    #[serde(serialize_with = "nanos")]
    pub delay: Nanos,
    /// The code point that the answer carries.
    #[serde(serialize_with = "number")]
    pub answer_dscp: Dscp,
    /// Whether a second copy follows.
    pub duplicated: bool,
    /// When the answer had gone out into the device; `None` before that, and when there is none.
    pub left_ns: Option<u64>,
}

/// Sums over many echo requests. `seen = answered + dropped + lied`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Requests that arrived.
    pub seen: u64,
    /// Honest answers.
    pub answered: u64,
    /// Left without an answer on purpose.
    pub dropped: u64,
    /// Answered with a lie.
    pub lied: u64,
    /// Answered twice.
    pub duplicated: u64,
    /// Answers with another code point than the request's.
    pub remarked: u64,
}

impl Counts {
    fn add(&mut self, sighting: &Sighting) {
        self.seen += 1;
        match sighting.fate {
            Fate::Answered => self.answered += 1,
            Fate::Dropped => self.dropped += 1,
            Fate::Lied(_) => self.lied += 1,
        }
        self.duplicated += u64::from(sighting.duplicated);
        self.remarked += u64::from(sighting.fate != Fate::Dropped && sighting.answer_dscp != sighting.dscp);
    }
}

/// What arrived that was no echo request to one of the hosts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Others {
    /// No packet, or with a wrong checksum.
    pub malformed: u64,
    /// To an address without a host: silence.
    pub nobody: u64,
    /// To a host, but nothing that it answers.
    pub ignored: u64,
    /// UDP datagrams to hosts.
    pub udp: u64,
    /// Answers thrown away because too many were under way.
    pub overflowed: u64,
}

/// The truth about a fleet: sums for ever, single requests as far as the ring goes.
#[derive(Debug)]
pub struct Truth {
    hosts: Vec<Vec<(Dscp, Counts)>>,
    total: Counts,
    ring: VecDeque<Sighting>,
    remember: usize,
    /// What was no echo request to a host.
    pub others: Others,
}

impl Truth {
    /// For so many hosts, remembering so many single requests; older ones are forgotten.
    #[must_use]
    pub fn new(hosts: usize, remember: usize) -> Self {
        let ring = VecDeque::with_capacity(remember.min(1 << 20));
        Self { hosts: vec![Vec::new(); hosts], total: Counts::default(), ring, remember, others: Others::default() }
    }

    /// Number of the next sighting.
    #[must_use]
    pub fn next_serial(&self) -> u64 {
        self.total.seen
    }

    /// Writes one down. `host` is the host's number in the fleet.
    pub fn record(&mut self, host: usize, sighting: Sighting) {
        self.total.add(&sighting);
        let Some(classes) = self.hosts.get_mut(host) else { return };
        match classes.iter_mut().find(|(dscp, _)| *dscp == sighting.dscp) {
            Some((_, counts)) => counts.add(&sighting),
            None => {
                let mut counts = Counts::default();
                counts.add(&sighting);
                classes.push((sighting.dscp, counts));
            }
        }
        if self.remember == 0 {
            return;
        }
        if self.ring.len() == self.remember {
            self.ring.pop_front();
        }
        self.ring.push_back(sighting);
    }

    /// Notes when the answer went out; gives the sighting, complete now, unless it is forgotten or this is a duplicate.
    pub fn left(&mut self, serial: u64, at_ns: u64) -> Option<Sighting> {
        let position = usize::try_from(serial.checked_sub(self.ring.front()?.serial)?).ok()?;
        let sighting = self.ring.get_mut(position)?;
        if sighting.left_ns.is_some() {
            return None;
        }
        sighting.left_ns = Some(at_ns);
        Some(*sighting)
    }

    /// Sums over all hosts and classes.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.total
    }

    /// Sums of one host by code point, in order of first appearance.
    #[must_use]
    pub fn host(&self, host: usize) -> &[(Dscp, Counts)] {
        self.hosts.get(host).map_or(&[], Vec::as_slice)
    }

    /// The last request that arrived, if any is remembered.
    #[must_use]
    pub fn latest(&self) -> Option<&Sighting> {
        self.ring.back()
    }

    /// The requests still remembered, oldest first.
    pub fn sightings(&self) -> impl ExactSizeIterator<Item = &Sighting> {
        self.ring.iter()
    }
}

fn number<S: serde::Serializer>(dscp: &Dscp, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u8(dscp.get())
}

fn nanos<S: serde::Serializer>(nanos: &Nanos, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u64(nanos.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(serial: u64) -> Sighting {
        Sighting {
            serial,
            at_ns: serial,
            host: "10.0.0.1".parse().unwrap(),
            dscp: Dscp::default(),
            id: 1,
            sequence: 1,
            head: 0,
            second: 0,
            fate: Fate::Answered,
            delay: Nanos(0),
            answer_dscp: Dscp::default(),
            duplicated: false,
            left_ns: None,
        }
    }

    #[test]
    fn old_sightings_are_forgotten_and_sums_are_not() {
        let mut truth = Truth::new(1, 3);
        for _ in 0..10 {
            truth.record(0, sighting(truth.next_serial()));
        }
        assert_eq!(truth.sightings().map(|s| s.serial).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!((truth.total().seen, truth.host(0)[0].1.answered), (10, 10));
        assert_eq!(truth.left(8, 99), Some(Sighting { left_ns: Some(99), ..sighting(8) }));
        assert_eq!((truth.left(2, 99), truth.left(8, 100), truth.left(10, 100)), (None, None, None));
        assert_eq!(truth.sightings().map(|s| s.left_ns).collect::<Vec<_>>(), [None, Some(99), None]);
    }
}
