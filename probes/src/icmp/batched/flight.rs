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
