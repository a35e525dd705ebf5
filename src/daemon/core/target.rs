//! One target: its round in flight, and what its probes have shown so far.

use std::collections::VecDeque;
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

/// Rounds of one target that may be in flight: a time-out may be as long as the interval, so that the verdict on a round
/// comes when the next one has begun. What has not been heard two rounds later never will be.
const FLIGHTS: usize = 3;

/// A target with its rounds in flight.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) purpose: Purpose,
    pub(super) host: Host,
    pub(super) probing: IcmpProbing,
    pub(super) classes: Vec<ClassStats>,
    generation: u32,
    /// The oldest first. A round that is complete waits for those before it: rounds are told in order of time.
    flights: VecDeque<Flight>,
}

/// All classes' probes of one round, some of them still under way.
#[derive(Debug)]
struct Flight {
    generation: u32,
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
        Self { purpose, host, probing, classes, generation, flights: VecDeque::new() }
    }

    /// Starts a round and gives the keys of its requests, one per class, and the rounds that have ended by that.
    pub(super) fn begin(&mut self, slot: u32, due_ns: i64) -> (Vec<Complete>, impl Iterator<Item = u64> + use<>) {
        let mut ended = Vec::new();
        while self.flights.len() >= FLIGHTS {
            ended.extend(self.flights.pop_front().map(Flight::give_up));
            ended.extend(self.complete());
        }
        let classes = self.classes.len();
        self.generation = (self.generation + 1) & ((1 << GENERATION_BITS) - 1);
        let generation = self.generation;
        self.flights.push_back(Flight { generation, due_ns, outcomes: vec![None; classes], left: classes });
        let keys = (0..classes).map(move |c| Key { slot, generation, class: c as u8 }.pack());
        (ended, keys)
    }

    /// Nothing is sent in the round that was begun last, because of `cause`. Gives the rounds that are complete by that.
    pub(super) fn refuse(&mut self, cause: Cause) -> Vec<Complete> {
        if let Some(newest) = self.flights.back_mut() {
            newest.outcomes.fill(Some(Outcome::NotMeasured(cause)));
            newest.left = 0;
        }
        self.complete()
    }

    /// Ends every round in flight: nothing more will be heard of them, because of `cause`.
    pub(super) fn abandon(&mut self, cause: Cause) -> Vec<Complete> {
        self.flights.drain(..).map(|flight| flight.end(cause)).collect()
    }

    /// Takes the rounds that are complete, as far as nothing before them is in flight.
    fn complete(&mut self) -> Vec<Complete> {
        let mut ended = Vec::new();
        while self.flights.front().is_some_and(|flight| flight.left == 0) {
            ended.extend(self.flights.pop_front().map(Flight::give_up));
        }
        ended
    }

    /// Whether a round is in flight.
    pub(super) fn in_flight(&self) -> bool {
        !self.flights.is_empty()
    }

    /// The class that a key is about.
    pub(super) fn class_at(&self, key: Key) -> Option<ClassIx> {
        self.probing.classes.get(usize::from(key.class)).copied()
    }

    /// Takes what was learnt about a request; gives the rounds that are complete by that, in order of time.
    pub(super) fn event(&mut self, key: Key, event: &Event, sent: Dscp) -> Vec<Complete> {
        let Some(stats) = self.classes.get_mut(usize::from(key.class)) else { return Vec::new() };
        let outcome = match event.kind {
            EventKind::Late => {
                stats.counts.late += 1;
                return Vec::new();
            }
            EventKind::Duplicate => {
                stats.counts.duplicate += 1;
                return Vec::new();
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
        let Some(flight) = self.flights.iter_mut().find(|f| f.generation == key.generation) else { return Vec::new() };
        let Some(place) = flight.outcomes.get_mut(usize::from(key.class)) else { return Vec::new() };
        if flight.left == 0 || place.replace(outcome).is_some() {
            return Vec::new(); // a second verdict on one request: the first stands in the count
        }
        flight.left -= 1;
        self.complete()
    }
}

impl Flight {
    fn give_up(self) -> Complete {
        self.end(Cause::SendFailed)
    }

    /// What was not heard of by now was not measured because of `cause`.
    fn end(self, cause: Cause) -> Complete {
        let unheard = Outcome::NotMeasured(cause);
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
        assert_eq!(unfinished, []);
        let keys: Vec<u64> = keys.collect();
        assert_eq!(Key::unpack(keys[1]).slot, 3);
        let ef = Dscp::parse("EF").expect("a name");
        assert_eq!(t.event(Key::unpack(keys[0]), &reply(keys[0], 46), ef), []);
        let lost = Event { key: keys[1], kind: EventKind::Lost { unreachable: None } };
        let complete = t.event(Key::unpack(keys[1]), &lost, ef);
        assert_eq!(complete[0].outcomes, [Outcome::Reply { rtt: Micros(250) }, Outcome::Lost]);
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
    fn a_verdict_that_comes_when_the_next_round_has_begun_still_counts_and_rounds_keep_their_order() {
        let mut t = target();
        let first: Vec<u64> = t.begin(0, 0).1.collect();
        let second: Vec<u64> = t.begin(0, 1_000).1.collect();
        let ef = Dscp::parse("EF").expect("a name");
        for key in second {
            assert_eq!(t.event(Key::unpack(key), &reply(key, 46), ef), [], "the first round is still out");
        }
        let lost = |key| Event { key, kind: EventKind::Lost { unreachable: None } };
        assert_eq!(t.event(Key::unpack(first[0]), &lost(first[0]), ef), []);
        let both = t.event(Key::unpack(first[1]), &lost(first[1]), ef);
        let replied = Outcome::Reply { rtt: Micros(250) };
        assert_eq!(both.iter().map(|c| c.due_ns).collect::<Vec<_>>(), [0, 1_000]);
        assert_eq!(both.iter().map(|c| c.outcomes[0]).collect::<Vec<_>>(), [Outcome::Lost, replied]);
        assert!(!t.in_flight());
    }

    #[test]
    fn what_is_not_heard_of_three_rounds_later_was_not_measured() {
        let mut t = target();
        let old = t.begin(0, 0).1.next().expect("two classes");
        assert_eq!(t.begin(0, 1).0, []);
        assert_eq!(t.begin(0, 2).0, []);
        let unheard = Outcome::NotMeasured(Cause::SendFailed);
        assert_eq!(t.begin(0, 3).0, [Complete { due_ns: 0, outcomes: vec![unheard, unheard] }]);
        assert_eq!(t.event(Key::unpack(old), &reply(old, 46), Dscp::default()), []);
        let late = Event { key: old, kind: EventKind::Late };
        assert_eq!(t.event(Key::unpack(old), &late, Dscp::default()), []);
        assert_eq!(t.classes[0].counts.late, 1);
    }

    #[test]
    fn a_round_that_is_refused_waits_for_the_one_before() {
        let mut t = target();
        let keys: Vec<u64> = t.begin(0, 0).1.collect();
        drop(t.begin(0, 1));
        assert_eq!(t.refuse(Cause::Unresolved), []);
        let ended = t.abandon(Cause::Skipped);
        assert_eq!(
            ended.iter().map(|c| c.outcomes[0]).collect::<Vec<_>>(),
            [Cause::Skipped, Cause::Unresolved].map(Outcome::NotMeasured)
        );
        assert_eq!(t.event(Key::unpack(keys[0]), &reply(keys[0], 46), Dscp::default()), []);
    }

    #[test]
    fn keys_come_back_as_they_were_packed() {
        let key = Key { slot: u32::MAX, generation: (1 << GENERATION_BITS) - 1, class: 15 };
        assert_eq!(Key::unpack(key.pack()), key);
    }
}
