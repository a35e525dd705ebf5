//! One target: its round in flight, and what its probes have shown so far.

use std::sync::Arc;

use assured_probes::icmp::{Event, EventKind, Failure};

use crate::config::model::{Host, IcmpProbing};
use crate::measurement::jitter::Jitter;
use crate::measurement::recent::Recent;
use crate::measurement::{Cause, Outcome};
use crate::metrics::histogram::RttHistogram;
use crate::names::{ClassIx, ComponentIx};
use crate::snapshot::Counts;
use crate::units::{Dscp, Micros};

/// Why a target is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is a component.
    Component(ComponentIx),
    /// It is the n-th sentinel.
    Sentinel(usize),
}

/// A target with its round in flight.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) purpose: Purpose,
    pub(super) host: Host,
    pub(super) probing: IcmpProbing,
    pub(super) classes: Vec<ClassStats>,
    generation: u32,
    flight: Option<Flight>,
}

/// All classes' probes of one round, some of them still under way.
#[derive(Debug)]
struct Flight {
    due_ns: i64,
    outcomes: Vec<Option<Outcome>>,
    left: usize,
}

/// A round that is complete: when it was due and what became of each class, in the target's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complete {
    pub(super) due_ns: i64,
    pub(super) outcomes: Vec<Outcome>,
}

/// A request's key: target slot, generation of the round, position of the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) slot: u32,
    generation: u32,
    class: u8,
}

const GENERATION_BITS: u32 = 24;

impl Key {
    fn pack(self) -> u64 {
        u64::from(self.slot) << 32 | u64::from(self.generation) << 8 | u64::from(self.class)
    }

    pub(super) fn unpack(key: u64) -> Self {
        Self {
            slot: (key >> 32) as u32,
            generation: (key >> 8) as u32 & ((1 << GENERATION_BITS) - 1),
            class: key as u8,
        }
    }
}

impl Target {
    /// A target that was never probed. `generation` starts anywhere; a reload starts it elsewhere,
    /// so that answers to requests of before find no round.
    pub(super) fn new(purpose: Purpose, host: Host, probing: IcmpProbing, generation: u32) -> Self {
        let interval_s = probing.interval.as_secs();
        let classes = probing.classes.iter().map(|&class| ClassStats::new(class, interval_s)).collect();
        Self { purpose, host, probing, classes, generation, flight: None }
    }

    /// Starts a round and gives the keys of its requests, one per class. A round still in flight ends:
    /// what it has not heard by now it never will, for time-outs are shorter than intervals.
    pub(super) fn begin(&mut self, slot: u32, due_ns: i64) -> (Option<Complete>, impl Iterator<Item = u64> + use<>) {
        let unfinished = self.flight.take().map(Flight::give_up);
        let classes = self.classes.len();
        self.generation = (self.generation + 1) & ((1 << GENERATION_BITS) - 1);
        let generation = self.generation;
        self.flight = Some(Flight { due_ns, outcomes: vec![None; classes], left: classes });
        let keys = (0..classes).map(move |c| Key { slot, generation, class: c as u8 }.pack());
        (unfinished, keys)
    }

    /// Ends the round in flight: nothing more will be heard of it, because of `cause`.
    pub(super) fn abandon(&mut self, cause: Cause) -> Option<Complete> {
        let flight = self.flight.take()?;
        let unheard = Outcome::NotMeasured(cause);
        let outcomes = flight.outcomes.into_iter().map(|o| o.unwrap_or(unheard)).collect();
        Some(Complete { due_ns: flight.due_ns, outcomes })
    }

    /// Whether a round is in flight.
    pub(super) fn in_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// The class that a key is about.
    pub(super) fn class_at(&self, key: Key) -> Option<ClassIx> {
        self.probing.classes.get(usize::from(key.class)).copied()
    }

    /// Takes what was learnt about a request; gives the round when it is the last of it.
    pub(super) fn event(&mut self, key: Key, event: &Event, sent: Dscp) -> Option<Complete> {
        let stats = self.classes.get_mut(usize::from(key.class))?;
        let outcome = match event.kind {
            EventKind::Late => {
                stats.counts.late += 1;
                return None;
            }
            EventKind::Duplicate => {
                stats.counts.duplicate += 1;
                return None;
            }
            EventKind::Reply { rtt, dscp, .. } => {
                if dscp.is_some_and(|d| d != sent.get()) {
                    stats.counts.remarked += 1;
                }
                Outcome::Reply { rtt: Micros(u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)) }
            }
            EventKind::Lost { unreachable: None } => Outcome::Lost,
            EventKind::Lost { unreachable: Some(_) } => Outcome::Refused,
            EventKind::NotMeasured(failure) => Outcome::NotMeasured(cause_of(failure)),
        };
        let flight = self.flight.as_mut().filter(|_| key.generation == self.generation)?;
        let place = flight.outcomes.get_mut(usize::from(key.class))?;
        if place.replace(outcome).is_some() {
            return None; // a second verdict on one request: the first stands in the count
        }
        flight.left -= 1;
        if flight.left > 0 {
            return None;
        }
        self.flight.take().map(Flight::give_up)
    }
}

impl Flight {
    fn give_up(self) -> Complete {
        let unheard = Outcome::NotMeasured(Cause::SendFailed);
        Complete { due_ns: self.due_ns, outcomes: self.outcomes.into_iter().map(|o| o.unwrap_or(unheard)).collect() }
    }
}

fn cause_of(failure: Failure) -> Cause {
    match failure {
        Failure::NoRoute | Failure::NoSocket => Cause::NoRoute,
        Failure::SendFailed | Failure::Overload => Cause::SendFailed,
        Failure::SocketDrop => Cause::SocketDrop,
        Failure::Stalled => Cause::Skipped,
    }
}

/// What one class's probes to one target have shown since the daemon started.
#[derive(Debug, Clone)]
pub(super) struct ClassStats {
    pub(super) class: ClassIx,
    pub(super) counts: Counts,
    pub(super) rtt: Arc<RttHistogram>,
    pub(super) last_rtt: Option<Micros>,
    pub(super) jitter: Jitter,
    pub(super) recent: Recent,
}

impl ClassStats {
    fn new(class: ClassIx, interval_s: u64) -> Self {
        Self {
            class,
            counts: Counts::default(),
            rtt: Arc::default(),
            last_rtt: None,
            jitter: Jitter::default(),
            recent: Recent::new(interval_s),
        }
    }

    /// Counts an outcome once it is judged.
    pub(super) fn record(&mut self, outcome: Outcome) {
        self.recent.record(outcome);
        match outcome {
            Outcome::Reply { rtt } => {
                self.counts.sent += 1;
                self.counts.received += 1;
                Arc::make_mut(&mut self.rtt).record(rtt);
                self.jitter.reply(rtt);
                self.last_rtt = Some(rtt);
            }
            Outcome::Lost | Outcome::Refused => {
                self.counts.sent += 1;
                self.counts.lost += 1;
            }
            Outcome::NotMeasured(_) => self.counts.not_measured += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn target() -> Target {
        let probing = IcmpProbing {
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(900),
            size: 64,
            classes: vec![ClassIx(0), ClassIx(1)],
        };
        Target::new(Purpose::Sentinel(0), Host::Name("a".into()), probing, 7)
    }

    fn reply(key: u64, dscp: u8) -> Event {
        Event { key, kind: EventKind::Reply { rtt: Duration::from_micros(250), dscp: Some(dscp), ttl: Some(64) } }
    }

    #[test]
    fn a_round_is_complete_when_every_class_is_heard_of() {
        let mut t = target();
        let (unfinished, keys) = t.begin(3, 1_000);
        assert_eq!(unfinished, None);
        let keys: Vec<u64> = keys.collect();
        assert_eq!(Key::unpack(keys[1]).slot, 3);
        let ef = Dscp::parse("EF").expect("a name");
        assert_eq!(t.event(Key::unpack(keys[0]), &reply(keys[0], 46), ef), None);
        let lost = Event { key: keys[1], kind: EventKind::Lost { unreachable: None } };
        let complete = t.event(Key::unpack(keys[1]), &lost, ef).expect("both are in");
        assert_eq!(complete.outcomes, [Outcome::Reply { rtt: Micros(250) }, Outcome::Lost]);
        assert_eq!(t.classes[0].counts.remarked, 0);
    }

    #[test]
    fn a_reply_with_another_code_point_is_counted_as_remarked() {
        let mut t = target();
        let (_, mut keys) = t.begin(0, 0);
        let key = keys.next().expect("two classes");
        t.event(Key::unpack(key), &reply(key, 0), Dscp::parse("EF").expect("a name"));
        assert_eq!(t.classes[0].counts.remarked, 1);
    }

    #[test]
    fn answers_to_an_earlier_round_do_not_touch_this_one() {
        let mut t = target();
        let (_, mut old) = t.begin(0, 0);
        let old = old.next().expect("two classes");
        let (unfinished, _) = t.begin(0, 1);
        let unheard = Outcome::NotMeasured(Cause::SendFailed);
        assert_eq!(unfinished.map(|c| c.outcomes), Some(vec![unheard, unheard]));
        assert_eq!(t.event(Key::unpack(old), &reply(old, 46), Dscp::default()), None);
        let late = Event { key: old, kind: EventKind::Late };
        assert_eq!(t.event(Key::unpack(old), &late, Dscp::default()), None);
        assert_eq!(t.classes[0].counts.late, 1);
    }

    #[test]
    fn keys_come_back_as_they_were_packed() {
        let key = Key { slot: u32::MAX, generation: (1 << GENERATION_BITS) - 1, class: 15 };
        assert_eq!(Key::unpack(key.pack()), key);
    }
}
