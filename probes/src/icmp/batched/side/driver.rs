//! The sockets of one address family, with the requests in flight on them.

use std::io;
use std::sync::Arc;

use crate::icmp::batched::Config;
use crate::icmp::batched::client::{Counters, Shared, add};
use crate::icmp::batched::flight::{Answer, Handle, Stray, Table};
use crate::icmp::batched::stamp::{Anchor, KeyRing, Stalls};
use crate::icmp::batched::wheel::{TICK_NS, Wheel};
use crate::icmp::codec::{self, Family, Identity};
use crate::icmp::socket::{self, BATCH, Bundle, Incoming, Mode, Outgoing, QueuedError, RAW_IDS, Received, Socket};
use crate::icmp::{Event, EventKind, Failure, Request, Unreachable};

/// An answer stamped before the deadline may take so long through the kernel into our socket, in nanoseconds.
const GRACE_NS: u64 = TICK_NS;

/// Calls that read one queue in one turn: a flood does not keep us from our own deadlines.
const READS_MAX: usize = 256;

/// What both families use.
pub struct Common {
    pub shared: Arc<Shared>,
    pub anchor: Anchor,
    pub stalls: Stalls,
    pub tokens: Vec<u64>,
    pub outbox: Vec<Event>,
    pub incoming: Incoming,
    pub errors: Incoming,
    /// Answers came without a kernel stamp: read at once.
    pub unstamped: bool,
}

impl Common {
    /// Tells what became of a request.
    pub fn tell(&mut self, key: u64, kind: EventKind) {
        self.outbox.push(Event { key, kind });
    }

    fn token(&mut self) -> Option<u64> {
        if self.tokens.is_empty() {
            let mut bytes = [0; 4_096];
            getrandom::fill(&mut bytes).ok()?;
            self.tokens.extend(bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_ne_bytes(*chunk)));
        }
        self.tokens.pop()
    }
}

/// One address family.
pub struct Side {
    family: Family,
    mode: Mode,
    /// The first of a raw socket's identifiers.
    id_base: u16,
    pub lanes: Vec<Lane>,
    pub table: Table,
    pub wheel: Wheel<Handle>,
    outgoing: Outgoing,
    staged: Vec<Staged>,
    staged_lane: usize,
    due: Vec<Handle>,
}

struct Staged {
    handle: Handle,
    queued_ns: u64,
    request: Request,
}

/// One socket.
pub struct Lane {
    pub socket: Socket,
    ring: KeyRing,
    /// Everything that arrived before this moment has been read.
    read_until_ns: u64,
    /// The anchor's generation at that moment.
    read_generation: u32,
    /// The kernel's count of drops, as last seen.
    drops_seen: u32,
    /// Drops because the buffer was full.
    overflows: u64,
    /// The buffer was at least half full when it was last looked at.
    crowded: bool,
}

impl Side {
    /// Takes over the sockets of a family.
    pub fn new(bundle: Bundle, config: &Config, now_ns: u64) -> io::Result<Self> {
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let Bundle { family, mode, sockets, in_flight_max } = bundle;
        let ids = match mode {
            Mode::Raw => u32::from(RAW_IDS),
            Mode::Datagram => sockets.len() as u32,
        };
        let lane = |socket: Socket| Lane {
            drops_seen: socket.memory().map_or(0, |memory| memory.drops),
            socket,
            ring: KeyRing::new(),
            read_until_ns: now_ns,
            read_generation: 0,
            overflows: 0,
            crowded: true,
        };
        Ok(Self {
            family,
            mode,
            id_base: u16::from_ne_bytes(random) & !(RAW_IDS - 1),
            lanes: sockets.into_iter().map(lane).collect(),
            table: Table::new(ids << 16, in_flight_max, config.remember_max),
            wheel: Wheel::new(now_ns),
            outgoing: Outgoing::new(),
            staged: Vec::with_capacity(BATCH),
            staged_lane: 0,
            due: Vec::new(),
        })
    }

    fn lane_of(&self, slot: u32) -> usize {
        match self.mode {
            Mode::Raw => 0,
            Mode::Datagram => (slot >> 16) as usize,
        }
    }

    /// The slot that an identifier and a sequence number on a lane stand for; `None` if the identifier is not ours.
    fn slot_of(&self, lane: usize, id: u16, sequence: u16) -> Option<u32> {
        let high = match self.mode {
            Mode::Raw => id.checked_sub(self.id_base).filter(|high| *high < RAW_IDS)?,
            Mode::Datagram => (id == self.lanes[lane].socket.id).then_some(lane as u16)?,
        };
        Some(u32::from(high) << 16 | u32::from(sequence))
    }

    /// Makes a request ready to be sent; sends the batch when it is full.
    pub fn stage(
        &mut self,
        common: &mut Common,
        queued_ns: u64,
        request: Request,
        ttl: Option<u8>,
        returned: &mut Vec<(u64, Request)>,
    ) -> Result<(), Failure> {
        let token = common.token().ok_or(Failure::SendFailed)?;
        let (handle, slot) = self.table.reserve(request, token).ok_or(Failure::Overload)?;
        let lane = self.lane_of(slot);
        if lane != self.staged_lane || self.outgoing.len() == BATCH {
            self.send_staged(common, returned);
        }
        self.staged_lane = lane;
        common.incoming.fit(request.size);
        let id = match self.mode {
            Mode::Raw => self.id_base + (slot >> 16) as u16,
            Mode::Datagram => self.lanes[lane].socket.id,
        };
        let identity = Identity { slot, token, key: request.key };
        self.outgoing.push(request.address, request.dscp, ttl, |bytes| {
            codec::encode_request(self.family, id, slot as u16, identity, request.size, bytes);
        });
        self.staged.push(Staged { handle, queued_ns, request });
        Ok(())
    }

    /// Sends the batch. What a congested interface did not take goes to `returned`.
    pub fn send_staged(&mut self, common: &mut Common, returned: &mut Vec<(u64, Request)>) {
        let count = self.staged.len();
        let (mut first, mut retried) = (0, false);
        while first < count {
            let overflows = self.lanes[self.staged_lane].overflows;
            let now_ns = socket::now_ns();
            let mut deadlines = [0; BATCH];
            for (staged, deadline_ns) in self.staged[first..].iter().zip(&mut deadlines) {
                *deadline_ns = self.table.sending(staged.handle, now_ns, overflows);
            }
            match self.lanes[self.staged_lane].socket.send(&mut self.outgoing, first) {
                Ok(sent) if sent > 0 => {
                    let generation = common.anchor.generation();
                    for (staged, deadline_ns) in self.staged[first..].iter().zip(deadlines).take(sent) {
                        self.lanes[self.staged_lane].ring.push(staged.handle, generation);
                        self.wheel.insert(deadline_ns.saturating_add(GRACE_NS), staged.handle);
                    }
                    first += sent;
                    retried = false;
                }
                result => {
                    let error = result.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    // A failed send may have used up a number of the transmit stamps.
                    self.read_errors(common, self.staged_lane);
                    let lane = &mut self.lanes[self.staged_lane];
                    lane.ring.restart();
                    lane.socket.restart_stamps();
                    match error.kind() {
                        io::ErrorKind::WouldBlock => {
                            for staged in self.staged.drain(first..) {
                                self.table.release(staged.handle);
                                returned.push((staged.queued_ns, staged.request));
                            }
                            break;
                        }
                        // The error may be about an earlier request: ICMP errors stay pending on the socket.
                        _ if !retried => {
                            lane.socket.clear_error();
                            retried = true;
                        }
                        _ => {
                            let staged = &self.staged[first];
                            self.table.release(staged.handle);
                            common.tell(staged.request.key, EventKind::NotMeasured(failure(&error)));
                            first += 1;
                            retried = false;
                        }
                    }
                }
            }
        }
        self.staged.clear();
        self.outgoing.clear();
    }

    /// Reads everything that is queued. Returns how many datagrams that were.
    pub fn receive(&mut self, common: &mut Common, with_errors: bool) -> usize {
        (0..self.lanes.len()).map(|lane| self.receive_lane(common, lane, with_errors)).sum()
    }

    fn receive_lane(&mut self, common: &mut Common, index: usize, with_errors: bool) -> usize {
        if self.family == Family::V6 && self.mode == Mode::Raw {
            self.look_at_drops(common, index);
        }
        if with_errors || self.lanes[index].ring.awaits() {
            self.read_errors(common, index);
        }
        let mut incoming = std::mem::replace(&mut common.incoming, Incoming::none());
        let mut total = 0;
        for read in 0.. {
            let sample = socket::sample();
            common.anchor.observe(sample);
            if read == READS_MAX {
                self.lag(common, index, sample.after_ns);
                break;
            }
            match self.lanes[index].socket.receive(&mut incoming) {
                Ok(count) => {
                    total += count;
                    // An answer's transmit stamp is there before the answer.
                    if self.lanes[index].ring.awaits() {
                        self.read_errors(common, index);
                    }
                    let sample = socket::sample();
                    common.anchor.observe(sample);
                    let trusted = common.anchor.generation() == self.lanes[index].read_generation;
                    for received in incoming.iter() {
                        self.judge(common, index, &received, trusted, sample.after_ns);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let lane = &mut self.lanes[index];
                    lane.read_until_ns = sample.before_ns;
                    lane.read_generation = common.anchor.generation();
                    break;
                }
                // An ICMP error left pending; the datagrams behind it are still there.
                Err(_) => self.read_errors(common, index),
            }
        }
        common.incoming = incoming;
        total
    }

    /// A flood, and so far nobody knows what is behind it: what is overdue by a second was not measured.
    fn lag(&mut self, common: &mut Common, index: usize, now_ns: u64) {
        let lane = &mut self.lanes[index];
        if now_ns.saturating_sub(lane.read_until_ns) > 1_000_000_000 {
            common.stalls.push(lane.read_until_ns, now_ns);
            lane.read_until_ns = now_ns;
        }
    }

    /// Decides what a datagram is.
    fn judge(&mut self, common: &mut Common, index: usize, received: &Received<'_>, trusted: bool, now_ns: u64) {
        if let Some(drops) = received.drops {
            self.lanes[index].count_drops(&common.shared.counters, drops);
        }
        let counters = &common.shared.counters;
        let with_header = self.lanes[index].socket.with_header();
        let parsed = codec::parse_reply(self.family, with_header, received.bytes);
        let (Ok(reply), Some(from), false) = (parsed, received.address, received.truncated) else {
            let id = codec::peek_id(self.family, with_header, received.bytes);
            let foreign = id.is_some_and(|id| self.slot_of(index, id, 0).is_none());
            add(if foreign { &counters.foreign } else { &counters.corrupted }, 1);
            return;
        };
        let Some(slot) = self.slot_of(index, reply.id, reply.sequence) else {
            add(&counters.foreign, 1);
            return;
        };
        let stamp_ns = received.stamp_ns.filter(|_| trusted).and_then(|stamp| common.anchor.place(stamp, 0, now_ns));
        common.unstamped = stamp_ns.is_none();
        let answer = Answer {
            slot,
            identity: reply.identity,
            size: reply.size,
            intact: reply.intact,
            from,
            dscp: reply.header.map(|header| header.dscp).or(received.dscp),
            ttl: reply.header.map(|header| header.ttl).or(received.ttl),
            at_ns: stamp_ns.unwrap_or(now_ns),
            stamped: stamp_ns.is_some(),
        };
        match self.table.answer(&answer, &common.stalls, &mut common.outbox) {
            Ok(()) => {}
            Err(Stray::Mismatched) => add(&counters.mismatched, 1),
            Err(Stray::Spoofed) => add(&counters.spoofed, 1),
            Err(Stray::Corrupted) => add(&counters.corrupted, 1),
        }
    }

    /// Reads transmit stamps and ICMP errors.
    fn read_errors(&mut self, common: &mut Common, index: usize) {
        let mut errors = std::mem::replace(&mut common.errors, Incoming::none());
        for _ in 0..READS_MAX {
            match self.lanes[index].socket.receive(&mut errors) {
                Ok(0) => break,
                Ok(count) => {
                    let sample = socket::sample();
                    common.anchor.observe(sample);
                    for received in errors.iter() {
                        self.judge_error(common, index, &received, sample.after_ns);
                    }
                    if count < BATCH {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        common.errors = errors;
    }

    fn judge_error(&mut self, common: &mut Common, index: usize, received: &Received<'_>, now_ns: u64) {
        match received.error {
            Some(QueuedError::Stamp(number)) => {
                let Some((handle, generation)) = self.lanes[index].ring.take(number) else { return };
                let (Some(stamp), Some(sent_ns)) = (received.stamp_ns, self.table.sent_ns(handle)) else { return };
                if generation == common.anchor.generation()
                    && let Some(at_ns) = common.anchor.place(stamp, sent_ns, now_ns)
                {
                    self.table.stamp(handle, at_ns);
                }
            }
            Some(QueuedError::Icmp { from, kind, code }) => {
                let noted = codec::parse_quoted(self.family, received.bytes).is_some_and(|quoted| {
                    let Some(slot) = self.slot_of(index, quoted.id, quoted.sequence) else { return false };
                    let (Some(about), Some(from)) = (received.address, from) else { return false };
                    self.table.note(slot, quoted.identity, about, Unreachable { from, kind, code })
                });
                let counters = &common.shared.counters;
                add(if noted { &counters.unreachable } else { &counters.foreign_errors }, 1);
            }
            Some(QueuedError::Local) | None => {}
        }
    }

    /// Judges the deadlines up to which everything has been read.
    pub fn expire(&mut self, common: &mut Common) {
        let Some(read_until_ns) = self.lanes.iter().map(|lane| lane.read_until_ns).min() else { return };
        let mut due = std::mem::take(&mut self.due);
        self.wheel.take_due(read_until_ns, &mut due);
        due.retain(|handle| self.table.is_waiting(*handle));
        if !due.is_empty() {
            for lane in 0..self.lanes.len() {
                self.look_at_drops(common, lane);
            }
        }
        for handle in due.drain(..) {
            let Some(slot) = self.table.slot(handle) else { continue };
            let overflows = self.lanes[self.lane_of(slot)].overflows;
            common.outbox.extend(self.table.expire(handle, read_until_ns, overflows, &common.stalls));
        }
        self.due = due;
        self.table.forget(read_until_ns);
        if self.table.waiting() == 0 {
            for lane in &mut self.lanes {
                lane.ring.give_up();
            }
        }
    }

    fn look_at_drops(&mut self, common: &mut Common, index: usize) {
        let lane = &mut self.lanes[index];
        let Some(memory) = lane.socket.memory() else { return };
        let always = self.family == Family::V4 || self.mode == Mode::Datagram;
        // Raw IPv6 sockets also count bad checksums as drops, and those come from outside. A drop for want of
        // room happens only while the buffer is full, and nobody empties it but us.
        lane.crowded = always || memory.queued as usize >= lane.socket.receive_buffer / 2;
        lane.count_drops(&common.shared.counters, memory.drops);
    }
}

impl Lane {
    fn count_drops(&mut self, counters: &Counters, drops: u32) {
        let new = drops.wrapping_sub(self.drops_seen);
        if new == 0 || new > u32::MAX / 2 {
            return;
        }
        self.drops_seen = drops;
        if self.crowded {
            self.overflows += u64::from(new);
            add(&counters.socket_drops, u64::from(new));
        } else {
            add(&counters.corrupted, u64::from(new));
        }
    }
}

fn failure(error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EADDRNOTAVAIL | libc::ENODEV) => {
            Failure::NoRoute
        }
        _ => Failure::SendFailed,
    }
}
