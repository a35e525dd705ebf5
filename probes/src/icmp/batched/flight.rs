//! The requests in flight, and for a while those that are decided: what tells a reply from a late one,
//! a duplicate, a lie.
//!
//! ```text
//! reserve ─► waiting ─┬─ answer in time ─► Reply ──────► decided, answered ─ answer ─► Duplicate
//!                     ├─ answer too late ► Lost + Late ─► decided, answered
//!                     └─ expire ─► Lost / NotMeasured ──► decided ─ answer ─► Late ─► decided, answered
//! ```
//!
//! A request is found by its slot, which is the identifier and sequence number on the wire. A decided
//! request is forgotten after a time, when too many are remembered, or when its slot is needed.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::stamp::Stalls;
use crate::icmp::codec::Identity;
use crate::icmp::{Event, EventKind, Failure, Request, Unreachable};

/// How long a decided request is remembered, in nanoseconds: what comes later counts as mismatched.
const REMEMBER_NS: u64 = 10_000_000_000;

/// How many slots are looked at for a free one.
const SEARCH_MAX: u32 = 4_096;

/// Names a request in the table, and no other one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle {
    /// Where it is.
    pub(super) index: u32,
    /// Which of those that were there.
    pub(super) generation: u32,
}

/// An answer as it came off the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    /// Slot by identifier and sequence number.
    pub(super) slot: u32,
    /// What the payload says.
    pub(super) identity: Option<Identity>,
    /// Payload length, in bytes.
    pub(super) size: usize,
    /// The padding is as sent.
    pub(super) intact: bool,
    /// Sender.
    pub(super) from: IpAddr,
    /// Code point.
    pub(super) dscp: Option<u8>,
    /// TTL or hop limit.
    pub(super) ttl: Option<u8>,
    /// When it arrived.
    pub(super) at_ns: u64,
    /// `at_ns` is the kernel's stamp, not the time of reading.
    pub(super) stamped: bool,
}

/// Why an answer is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stray {
    /// No such request, or another token.
    Mismatched,
    /// Right in everything but its sender.
    Spoofed,
    /// Right in everything but its length or padding.
    Corrupted,
}

struct Flight {
    request: Request,
    token: u64,
    slot: u32,
    generation: u32,
    sent_ns: u64,
    /// Zero until the kernel's stamp is known.
    stamped_ns: u64,
    drops: u64,
    unreachable: Option<Unreachable>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Waiting,
    Decided { answered: bool },
}

/// See the module.
pub(super) struct Table {
    flights: Vec<Flight>,
    free: Vec<u32>,
    /// Index into `flights` plus one, by slot; zero for none.
    slots: Vec<u32>,
    next_slot: u32,
    waiting: usize,
    waiting_max: usize,
    /// Decided requests and when to forget them, oldest first.
    decided: VecDeque<(Handle, u64)>,
    decided_max: usize,
}

impl Table {
    /// A table with so many slots. At most `waiting_max` requests wait and `decided_max` are remembered.
    pub(super) fn new(slots: u32, waiting_max: usize, decided_max: usize) -> Self {
        Self {
            flights: Vec::new(),
            free: Vec::new(),
            slots: vec![0; slots as usize],
            next_slot: 0,
            waiting: 0,
            waiting_max,
            decided: VecDeque::new(),
            decided_max,
        }
    }

    /// How many requests wait for an answer.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The request still waits.
    pub(super) fn is_waiting(&mut self, handle: Handle) -> bool {
        self.get(handle).is_some_and(|flight| flight.state == State::Waiting)
    }

    /// The request's slot.
    pub(super) fn slot(&mut self, handle: Handle) -> Option<u32> {
        self.get(handle).map(|flight| flight.slot)
    }

    /// Makes room for a request, or says that there is none. Its slot goes on the wire.
    pub(super) fn reserve(&mut self, request: Request, token: u64) -> Option<(Handle, u32)> {
        if self.waiting >= self.waiting_max {
            return None;
        }
        let slot = self.find_slot()?;
        let mut flight = Flight {
            request,
            token,
            slot,
            generation: 0,
            sent_ns: 0,
            stamped_ns: 0,
            drops: 0,
            unreachable: None,
            state: State::Waiting,
        };
        let index = match self.free.pop() {
            Some(index) => {
                let place = &mut self.flights[index as usize];
                flight.generation = place.generation;
                *place = flight;
                index
            }
            None => {
                self.flights.push(flight);
                (self.flights.len() - 1) as u32
            }
        };
        let generation = self.flights[index as usize].generation;
        self.slots[slot as usize] = index + 1;
        self.waiting += 1;
        Some((Handle { index, generation }, slot))
    }

    /// Notes that a request is being sent, just before it is, and returns its deadline. `drops` is what its
    /// socket has dropped so far.
    pub(super) fn sending(&mut self, handle: Handle, now_ns: u64, drops: u64) -> u64 {
        match self.get(handle) {
            Some(flight) => {
                flight.sent_ns = now_ns;
                flight.drops = drops;
                now_ns.saturating_add(nanoseconds(flight.request.timeout))
            }
            None => now_ns,
        }
    }

    /// Takes a request back that could not be sent.
    pub(super) fn release(&mut self, handle: Handle) {
        if self.get(handle).is_some_and(|flight| flight.state == State::Waiting) {
            self.waiting -= 1;
            self.clear(handle);
        }
    }

    /// When a request began to be sent; for judging its transmit stamp.
    pub(super) fn sent_ns(&mut self, handle: Handle) -> Option<u64> {
        self.get(handle).map(|flight| flight.sent_ns)
    }

    /// Notes the kernel's transmit stamp.
    pub(super) fn stamp(&mut self, handle: Handle, at_ns: u64) {
        if let Some(flight) = self.get(handle) {
            flight.stamped_ns = at_ns;
        }
    }

    /// Judges an answer. What it means for its request goes to `events`.
    pub(super) fn answer(&mut self, answer: &Answer, stalls: &Stalls, events: &mut Vec<Event>) -> Result<(), Stray> {
        let handle = self.at_slot(answer.slot).ok_or(Stray::Mismatched)?;
        let flight = &mut self.flights[handle.index as usize];
        let key = flight.request.key;
        if answer.identity != Some(Identity { slot: answer.slot, token: flight.token, key }) {
            return Err(Stray::Mismatched);
        }
        if answer.from != flight.request.address {
            return Err(Stray::Spoofed);
        }
        if !answer.intact || answer.size != usize::from(flight.request.size) {
            return Err(Stray::Corrupted);
        }
        let was = std::mem::replace(&mut flight.state, State::Decided { answered: true });
        let mut tell = |kind| events.push(Event { key, kind });
        match was {
            State::Decided { answered: true } => tell(EventKind::Duplicate),
            State::Decided { answered: false } => tell(EventKind::Late),
            State::Free | State::Waiting => {
                let began_ns = if flight.stamped_ns > 0 { flight.stamped_ns } else { flight.sent_ns };
                let exact = answer.stamped && flight.stamped_ns > 0;
                let rtt = Duration::from_nanos(answer.at_ns.saturating_sub(began_ns));
                if !exact && stalls.touch(flight.sent_ns, answer.at_ns) {
                    tell(EventKind::NotMeasured(Failure::Stalled));
                } else if rtt <= flight.request.timeout {
                    tell(EventKind::Reply { rtt, dscp: answer.dscp, ttl: answer.ttl });
                } else {
                    tell(EventKind::Lost { unreachable: flight.unreachable });
                    tell(EventKind::Late);
                }
                self.remember(handle, answer.at_ns);
            }
        }
        Ok(())
    }

    /// Judges a request whose deadline has passed, after everything that came before it has been read.
    /// `None` if it is decided already.
    pub(super) fn expire(&mut self, handle: Handle, now_ns: u64, drops: u64, stalls: &Stalls) -> Option<Event> {
        let flight = self.get(handle).filter(|flight| flight.state == State::Waiting)?;
        flight.state = State::Decided { answered: false };
        let deadline_ns = flight.sent_ns.saturating_add(nanoseconds(flight.request.timeout));
        let kind = if stalls.touch(flight.sent_ns, deadline_ns) {
            EventKind::NotMeasured(Failure::Stalled)
        } else if drops != flight.drops {
            EventKind::NotMeasured(Failure::SocketDrop)
        } else {
            EventKind::Lost { unreachable: flight.unreachable }
        };
        let key = flight.request.key;
        self.remember(handle, now_ns);
        Some(Event { key, kind })
    }

    /// Notes an ICMP error about a request; false if there is no such request. It decides nothing: an error
    /// is easily forged, and an answer may still come.
    pub(super) fn note(
        &mut self,
        slot: u32,
        identity: Option<Identity>,
        about: IpAddr,
        unreachable: Unreachable,
    ) -> bool {
        let Some(handle) = self.at_slot(slot) else { return false };
        let flight = &mut self.flights[handle.index as usize];
        let expected = Identity { slot, token: flight.token, key: flight.request.key };
        if about != flight.request.address || identity.is_some_and(|quoted| quoted != expected) {
            return false;
        }
        flight.unreachable.get_or_insert(unreachable);
        true
    }

    /// Forgets what was decided long ago.
    pub(super) fn forget(&mut self, now_ns: u64) {
        while let Some((handle, until_ns)) = self.decided.front().copied() {
            if until_ns > now_ns && self.decided.len() <= self.decided_max {
                break;
            }
            self.decided.pop_front();
            if self.get(handle).is_some_and(|flight| flight.state != State::Waiting) {
                self.clear(handle);
            }
        }
    }

    fn remember(&mut self, handle: Handle, now_ns: u64) {
        self.waiting -= 1;
        self.decided.push_back((handle, now_ns.saturating_add(REMEMBER_NS)));
    }

    fn find_slot(&mut self) -> Option<u32> {
        let count = self.slots.len() as u32;
        for _ in 0..SEARCH_MAX.min(count) {
            let slot = self.next_slot;
            self.next_slot = (slot + 1) % count;
            match self.at_slot(slot) {
                None => return Some(slot),
                Some(handle) if self.flights[handle.index as usize].state != State::Waiting => {
                    self.clear(handle);
                    return Some(slot);
                }
                Some(_) => {}
            }
        }
        None
    }

    fn at_slot(&self, slot: u32) -> Option<Handle> {
        let index = self.slots.get(slot as usize)?.checked_sub(1)?;
        Some(Handle { index, generation: self.flights[index as usize].generation })
    }

    fn get(&mut self, handle: Handle) -> Option<&mut Flight> {
        self.flights.get_mut(handle.index as usize).filter(|flight| flight.generation == handle.generation)
    }

    fn clear(&mut self, handle: Handle) {
        let flight = &mut self.flights[handle.index as usize];
        flight.generation = flight.generation.wrapping_add(1);
        flight.state = State::Free;
        self.slots[flight.slot as usize] = 0;
        self.free.push(handle.index);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icmp::EventKind::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;
    const TOKEN: u64 = 0xfeed;

    fn request(key: u64) -> Request {
        let address = IpAddr::from([192, 0, 2, 1]);
        Request { key, address, dscp: 46, size: 56, timeout: Duration::from_millis(1_000) }
    }

    fn answer(slot: u32, key: u64, at_ns: u64) -> Answer {
        Answer {
            slot,
            identity: Some(Identity { slot, token: TOKEN, key }),
            size: 56,
            intact: true,
            from: IpAddr::from([192, 0, 2, 1]),
            dscp: Some(46),
            ttl: Some(61),
            at_ns,
            stamped: true,
        }
    }

    /// A table with one request in flight: sent at 10 ms, on the wire 0.1 ms later.
    fn one() -> (Table, Handle, u32) {
        let mut table = Table::new(16, 8, 8);
        let (handle, slot) = table.reserve(request(1), TOKEN).unwrap();
        assert_eq!(table.sending(handle, 10 * MS, 0), 1_010 * MS);
        table.stamp(handle, 10 * MS + 100_000);
        (table, handle, slot)
    }

    fn tell(table: &mut Table, answer: &Answer, stalls: &Stalls) -> Result<Vec<EventKind>, Stray> {
        let mut events = Vec::new();
        table.answer(answer, stalls, &mut events).map(|()| events.iter().map(|event| event.kind).collect())
    }

    fn lost() -> EventKind {
        Lost { unreachable: None }
    }

    #[test]
    fn rtt_runs_from_transmit_stamp_to_receive_stamp() {
        let (mut table, _, slot) = one();
        let told = tell(&mut table, &answer(slot, 1, 15 * MS), &Stalls::default());
        assert_eq!(told, Ok(vec![Reply { rtt: Duration::from_micros(4_900), dscp: Some(46), ttl: Some(61) }]));
        assert_eq!(table.waiting(), 0);
    }

    #[test]
    fn the_deadline_itself_is_in_time_and_a_nanosecond_later_is_late() {
        for (extra, in_time) in [(0, true), (1, false)] {
            let (mut table, _, slot) = one();
            let told = tell(&mut table, &answer(slot, 1, 1_010 * MS + 100_000 + extra), &Stalls::default()).unwrap();
            assert_eq!(matches!(told[0], Reply { .. }), in_time);
            assert_eq!(told[1..] == [Late], !in_time);
        }
    }

    #[test]
    fn an_answer_after_the_loss_is_late_once_and_then_a_duplicate() {
        let (mut table, handle, slot) = one();
        assert_eq!(table.expire(handle, 1_016 * MS, 0, &Stalls::default()), Some(Event { key: 1, kind: lost() }));
        assert_eq!(table.expire(handle, 1_016 * MS, 0, &Stalls::default()), None);
        assert_eq!(tell(&mut table, &answer(slot, 1, 5_000 * MS), &Stalls::default()), Ok(vec![Late]));
        assert_eq!(tell(&mut table, &answer(slot, 1, 5_001 * MS), &Stalls::default()), Ok(vec![Duplicate]));
    }

    #[test]
    fn a_second_answer_is_a_duplicate_until_the_request_is_forgotten() {
        let (mut table, _, slot) = one();
        tell(&mut table, &answer(slot, 1, 15 * MS), &Stalls::default()).unwrap();
        table.forget(15 * MS + REMEMBER_NS - 1);
        assert_eq!(tell(&mut table, &answer(slot, 1, 16 * MS), &Stalls::default()), Ok(vec![Duplicate]));
        table.forget(15 * MS + REMEMBER_NS);
        assert_eq!(tell(&mut table, &answer(slot, 1, 17 * MS), &Stalls::default()), Err(Stray::Mismatched));
    }

    #[test]
    fn what_does_not_fit_is_a_stray_and_decides_nothing() {
        let (mut table, _, slot) = one();
        let right = answer(slot, 1, 15 * MS);
        let identity = right.identity.unwrap();
        let strays = [
            (Answer { slot: slot + 1, ..right }, Stray::Mismatched),
            (Answer { slot: u32::MAX, ..right }, Stray::Mismatched),
            (Answer { identity: None, ..right }, Stray::Mismatched),
            (Answer { identity: Some(Identity { token: TOKEN + 1, ..identity }), ..right }, Stray::Mismatched),
            (Answer { identity: Some(Identity { key: 2, ..identity }), ..right }, Stray::Mismatched),
            (Answer { identity: Some(Identity { slot: slot + 1, ..identity }), ..right }, Stray::Mismatched),
            (Answer { from: IpAddr::from([192, 0, 2, 2]), ..right }, Stray::Spoofed),
            (Answer { size: 55, ..right }, Stray::Corrupted),
            (Answer { size: 57, ..right }, Stray::Corrupted),
            (Answer { intact: false, ..right }, Stray::Corrupted),
        ];
        for (wrong, stray) in strays {
            assert_eq!(tell(&mut table, &wrong, &Stalls::default()), Err(stray), "{wrong:?}");
        }
        assert_eq!(table.waiting(), 1);
        assert!(matches!(tell(&mut table, &right, &Stalls::default()).unwrap()[..], [Reply { .. }]));
    }

    #[test]
    fn an_icmp_error_is_told_with_the_loss_and_does_not_hinder_a_reply() {
        let by = Unreachable { from: IpAddr::from([198, 51, 100, 1]), kind: 3, code: 1 };
        let (mut table, handle, slot) = one();
        let about = IpAddr::from([192, 0, 2, 1]);
        assert!(table.note(slot, None, about, by));
        let expired = table.expire(handle, 1_016 * MS, 0, &Stalls::default()).unwrap();
        assert_eq!(expired.kind, Lost { unreachable: Some(by) });

        let (mut table, _, slot) = one();
        let identity = Identity { slot, token: TOKEN, key: 1 };
        assert!(table.note(slot, Some(identity), about, by));
        assert!(!table.note(slot, Some(Identity { token: 0, ..identity }), about, by));
        assert!(!table.note(slot, None, IpAddr::from([192, 0, 2, 3]), by));
        assert!(!table.note(slot + 1, None, about, by));
        let told = tell(&mut table, &answer(slot, 1, 15 * MS), &Stalls::default()).unwrap();
        assert!(matches!(told[..], [Reply { .. }]));
    }

    #[test]
    fn a_drop_at_our_socket_while_in_flight_is_not_a_loss() {
        let (mut table, handle, _) = one();
        let told = table.expire(handle, 1_016 * MS, 1, &Stalls::default()).unwrap();
        assert_eq!(told.kind, NotMeasured(Failure::SocketDrop));
    }

    #[test]
    fn after_a_stall_only_what_the_kernel_stamped_is_believed() {
        let mut stalls = Stalls::default();
        stalls.push(500 * MS, 20_000 * MS);
        let (mut table, _, slot) = one();
        let told = tell(&mut table, &answer(slot, 1, 600 * MS), &stalls).unwrap();
        assert!(matches!(told[..], [Reply { .. }]), "stamped within the deadline, read long after it");

        let (mut table, _, slot) = one();
        assert_eq!(tell(&mut table, &answer(slot, 1, 5_000 * MS), &stalls), Ok(vec![lost(), Late]));

        let (mut table, _, slot) = one();
        let unstamped = Answer { stamped: false, ..answer(slot, 1, 20_000 * MS) };
        assert_eq!(tell(&mut table, &unstamped, &stalls), Ok(vec![NotMeasured(Failure::Stalled)]));

        let (mut table, handle, slot) = one();
        let told = table.expire(handle, 20_000 * MS, 0, &stalls).unwrap();
        assert_eq!(told.kind, NotMeasured(Failure::Stalled));
        assert_eq!(tell(&mut table, &answer(slot, 1, 20_001 * MS), &stalls), Ok(vec![Late]));
    }

    #[test]
    fn a_stall_that_ended_before_the_request_changes_nothing() {
        let mut stalls = Stalls::default();
        stalls.push(MS, 10 * MS - 1);
        let (mut table, handle, _) = one();
        assert_eq!(table.expire(handle, 1_016 * MS, 0, &stalls).unwrap().kind, lost());
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut table = Table::new(16, 3, 2);
        let handles: Vec<_> = (0..3).map(|key| table.reserve(request(key), TOKEN).unwrap().0).collect();
        assert_eq!(table.reserve(request(3), TOKEN), None);
        table.release(handles[0]);
        assert!(table.reserve(request(3), TOKEN).is_some());
    }

    #[test]
    fn slots_in_use_are_passed_over_and_remembered_ones_are_taken_again() {
        let mut table = Table::new(4, 4, 4);
        let (first, first_slot) = table.reserve(request(0), TOKEN).unwrap();
        for key in 1..20 {
            let (handle, slot) = table.reserve(request(key), TOKEN).unwrap();
            assert_ne!(slot, first_slot);
            table.sending(handle, key * MS, 0);
            assert!(table.expire(handle, key * MS, 0, &Stalls::default()).is_some());
            table.forget(key * MS);
        }
        assert!(table.is_waiting(first));
        assert!(table.flights.len() <= 5);
    }

    proptest! {
        /// Whatever comes in whatever order: one decision for each request, and memory within bounds.
        #[test]
        fn each_request_is_decided_exactly_once(
            steps in proptest::collection::vec((0u8..5, 0usize..32, 0u64..3_000), 1..400),
        ) {
            let mut table = Table::new(32, 8, 8);
            let stalls = Stalls::default();
            let (mut now, mut sent, mut decisions) = (0, Vec::new(), Vec::<u32>::new());
            for (what, which, wait) in steps {
                now += wait * MS;
                let mut events = Vec::new();
                match what {
                    0 | 1 => if let Some((handle, slot)) = table.reserve(request(sent.len() as u64), TOKEN) {
                        table.sending(handle, now, 0);
                        sent.push((handle, slot));
                        decisions.push(0);
                    },
                    2 | 3 => if let Some(key) = sent.len().checked_sub(which + 1) {
                        let _ = table.answer(&answer(sent[key].1, key as u64, now), &stalls, &mut events);
                    },
                    _ => if let Some(key) = sent.len().checked_sub(which + 1) {
                        events.extend(table.expire(sent[key].0, now, 0, &stalls));
                    },
                }
                table.forget(now);
                for event in events {
                    if !matches!(event.kind, Late | Duplicate) {
                        decisions[event.key as usize] += 1;
                    }
                }
                prop_assert!(decisions.iter().all(|count| *count <= 1));
                prop_assert_eq!(decisions.iter().filter(|count| **count == 0).count(), table.waiting());
                prop_assert!(table.flights.len() <= 17 && table.decided.len() <= 8);
            }
        }
    }
}
