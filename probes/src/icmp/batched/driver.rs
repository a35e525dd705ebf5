//! The engine's thread: sends, receives, expires, tells.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Sender, WeakSender};

use super::Config;
use super::flight::{Answer, Handle, Stray, Table};
use super::stamp::{Anchor, KeyRing, Stalls};
use super::wheel::{TICK_NS, Wheel};
use crate::icmp::codec::{self, Family, Identity, MAX_PAYLOAD};
use crate::icmp::socket::{
    self, BATCH, Bundle, Incoming, Mode, Outgoing, QueuedError, RAW_IDS, Received, Socket, Sockets, Waker,
};
use crate::icmp::{Engine, Event, EventKind, Failure, MIN_PAYLOAD, Request, Strays, Unreachable};

/// An answer stamped before the deadline may take so long through the kernel into our socket, in nanoseconds.
const GRACE_NS: u64 = TICK_NS;

/// Requests sent between two looks at the receive queue.
const SEND_MAX: usize = 1_024;

/// How long a request may wait to be sent, in nanoseconds; then the time it was meant for is over.
const QUEUED_MAX_NS: u64 = 1_000_000_000;

/// Calls that read one queue in one turn: a flood does not keep us from our own deadlines.
const READS_MAX: usize = 256;

/// After work the thread leaves the sockets alone for so long: stamps make it free, and it halves the cost.
const COALESCE: Duration = Duration::from_millis(2);

/// The same with a receive buffer that would fill too soon (`net.core.rmem_max` untouched).
const COALESCE_SMALL: Duration = Duration::from_micros(250);

/// A receive buffer from which on [`COALESCE`] is safe, in bytes.
const BUFFER_LARGE: usize = 4 << 20;

/// The longest sleep while something is in flight, so that not running is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// The longest sleep otherwise.
const IDLE: Duration = Duration::from_secs(1);

/// All sockets are read at least every so many turns, even those where nothing is awaited.
const READ_ALL_EVERY: u64 = 16;

/// See [`super`]. Dropping it stops the thread; requests in flight then come to nothing, and the channel closes.
pub struct BatchedEngine {
    shared: Arc<Shared>,
    /// Weak, so that the channel closes should the thread ever die.
    events: WeakSender<Vec<Event>>,
    queue_max: usize,
    thread: Option<JoinHandle<()>>,
}

impl BatchedEngine {
    /// Starts the thread. Events come in batches; a full channel holds them back, within bounds.
    ///
    /// # Errors
    /// When the system refuses a thread, a wake-up descriptor or randomness.
    pub fn start(sockets: Sockets, config: Config, events: Sender<Vec<Event>>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            inbox: Mutex::new(Inbox::default()),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            waker: Waker::new()?,
            counters: Counters::default(),
        });
        let weak = events.downgrade();
        let driver = Driver::new(sockets, config, events, shared.clone())?;
        let thread = std::thread::Builder::new().name("icmp".into()).spawn(move || driver.run())?;
        Ok(Self { shared, events: weak, queue_max: config.queue_max, thread: Some(thread) })
    }
}

impl Engine for BatchedEngine {
    fn send(&self, mut requests: Vec<Request>) {
        let mut refused = Vec::new();
        {
            let mut inbox = self.shared.inbox();
            let room = self.queue_max.saturating_sub(inbox.len);
            if requests.len() > room {
                refused = requests.split_off(room);
            }
            if !requests.is_empty() {
                inbox.len += requests.len();
                inbox.batches.push((socket::now_ns(), requests));
            }
        }
        if self.shared.asleep.swap(false, Ordering::SeqCst) {
            self.shared.waker.wake();
        }
        if refused.is_empty() {
            return;
        }
        let kind = EventKind::NotMeasured(Failure::Overload);
        let refused: Vec<_> = refused.into_iter().map(|request| Event { key: request.key, kind }).collect();
        let count = refused.len() as u64;
        if self.events.upgrade().is_none_or(|events| events.try_send(refused).is_err()) {
            add(&self.shared.counters.events_dropped, count);
        }
    }

    fn strays(&self) -> Strays {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Strays {
            foreign: read(&counters.foreign),
            mismatched: read(&counters.mismatched),
            spoofed: read(&counters.spoofed),
            corrupted: read(&counters.corrupted),
            unreachable: read(&counters.unreachable),
            foreign_errors: read(&counters.foreign_errors),
            socket_drops: read(&counters.socket_drops),
            events_dropped: read(&counters.events_dropped),
        }
    }
}

impl Drop for BatchedEngine {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by the thread itself, and the closed channel told the receiver.
            let _ = thread.join();
        }
    }
}

struct Shared {
    inbox: Mutex<Inbox>,
    /// The thread is about to sleep, or asleep, and wants to be woken.
    asleep: AtomicBool,
    stop: AtomicBool,
    waker: Waker,
    counters: Counters,
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Inbox {
    batches: Vec<(u64, Vec<Request>)>,
    /// Requests here and in the thread's own queue.
    len: usize,
}

#[derive(Default)]
struct Counters {
    foreign: AtomicU64,
    mismatched: AtomicU64,
    spoofed: AtomicU64,
    corrupted: AtomicU64,
    unreachable: AtomicU64,
    foreign_errors: AtomicU64,
    socket_drops: AtomicU64,
    events_dropped: AtomicU64,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// What the thread owns.
struct Driver {
    shared: Arc<Shared>,
    config: Config,
    events: Sender<Vec<Event>>,
    v4: Option<Side>,
    v6: Option<Side>,
    common: Common,
    /// Requests to send and when they were handed over.
    queue: VecDeque<(u64, Request)>,
    coalesce: Duration,
}

/// What both families use.
struct Common {
    shared: Arc<Shared>,
    anchor: Anchor,
    stalls: Stalls,
    tokens: Vec<u64>,
    outbox: Vec<Event>,
    incoming: Incoming,
    errors: Incoming,
    /// Answers came without a kernel stamp: read at once.
    unstamped: bool,
}

impl Driver {
    fn new(sockets: Sockets, config: Config, events: Sender<Vec<Event>>, shared: Arc<Shared>) -> io::Result<Self> {
        let coalesce = if sockets.receive_buffer() >= BUFFER_LARGE { COALESCE } else { COALESCE_SMALL };
        let sample = socket::sample();
        let common = Common {
            shared: shared.clone(),
            anchor: Anchor::new(sample),
            stalls: Stalls::default(),
            tokens: Vec::new(),
            outbox: Vec::new(),
            incoming: Incoming::datagrams(),
            errors: Incoming::errors(),
            unstamped: false,
        };
        let side =
            |bundle: Option<Bundle>| bundle.map(|bundle| Side::new(bundle, &config, sample.after_ns)).transpose();
        let (v4, v6) = (side(sockets.v4)?, side(sockets.v6)?);
        Ok(Self { shared, config, events, v4, v6, common, queue: VecDeque::new(), coalesce })
    }

    fn run(mut self) {
        let mut turn = 0u64;
        let mut rest = Rest::Sockets;
        loop {
            let due_ns = self.sleep(rest);
            if self.shared.stop.load(Ordering::SeqCst) {
                return;
            }
            let awake_ns = self.look(due_ns);
            turn += 1;
            let read_all = rest == Rest::Sockets || turn.is_multiple_of(READ_ALL_EVERY);
            self.take_inbox();
            let (sent, blocked) = self.send_some(awake_ns);
            let mut received = 0;
            for side in [&mut self.v4, &mut self.v6].into_iter().flatten() {
                if read_all || side.table.waiting() > 0 {
                    received += side.receive(&mut self.common, read_all);
                    side.expire(&mut self.common);
                }
            }
            if self.flush().is_err() {
                return;
            }
            self.look(awake_ns);
            let awaiting = self.waiting() > 0 || sent == 0;
            rest = if blocked {
                Rest::Blocked
            } else if !self.queue.is_empty() {
                Rest::None
            } else if sent + received > 0 && awaiting && !self.common.unstamped {
                Rest::Coalesce
            } else {
                Rest::Sockets
            };
        }
    }

    fn waiting(&self) -> usize {
        [&self.v4, &self.v6].into_iter().flatten().map(|side| side.table.waiting()).sum()
    }

    /// Compares the clocks, and notes a stall if it is much later than `expected_ns`.
    fn look(&mut self, expected_ns: u64) -> u64 {
        let sample = socket::sample();
        self.common.anchor.observe(sample);
        if sample.after_ns > expected_ns.saturating_add(self.config.stall.as_nanos() as u64) {
            self.common.stalls.push(expected_ns, sample.after_ns);
        }
        sample.after_ns
    }

    /// Sleeps as long as there is nothing to do. Returns when that should have ended at the latest.
    fn sleep(&mut self, rest: Rest) -> u64 {
        let now_ns = socket::now_ns();
        if rest == Rest::None {
            return now_ns;
        }
        let sides = || [&self.v4, &self.v6].into_iter().flatten();
        let busy = !self.common.outbox.is_empty() || self.waiting() > 0;
        let mut limit = if busy { SLEEP_MAX } else { IDLE };
        let waiting = sides().filter(|side| side.table.waiting() > 0);
        for due_ns in waiting.filter_map(|side| side.wheel.next_ns(SLEEP_MAX.as_nanos() as u64)) {
            limit = limit.min(Duration::from_nanos(due_ns.saturating_sub(now_ns)));
        }
        match rest {
            Rest::Coalesce => limit = limit.min(self.coalesce),
            Rest::Blocked => limit = limit.min(Duration::from_millis(1)),
            Rest::None | Rest::Sockets => {}
        }
        self.shared.asleep.store(true, Ordering::SeqCst);
        // Whoever filled the inbox before that store did not wake us.
        if self.shared.inbox().batches.is_empty() {
            let sockets = sides().flat_map(|side| &side.lanes).map(|lane| &lane.socket);
            let count = if rest == Rest::Sockets { usize::MAX } else { 0 };
            socket::wait(&self.shared.waker, sockets.take(count), limit);
        }
        self.shared.asleep.store(false, Ordering::SeqCst);
        now_ns.saturating_add(limit.as_nanos() as u64)
    }

    fn take_inbox(&mut self) {
        let batches = std::mem::take(&mut self.shared.inbox().batches);
        for (at_ns, requests) in batches {
            self.queue.extend(requests.into_iter().map(|request| (at_ns, request)));
        }
    }

    /// Sends what is queued, within bounds. Returns how many were taken, and whether an interface is congested.
    fn send_some(&mut self, now_ns: u64) -> (usize, bool) {
        let mut taken = 0;
        let mut returned = Vec::new();
        while taken < SEND_MAX && returned.is_empty() {
            let Some((queued_ns, mut request)) = self.queue.pop_front() else { break };
            taken += 1;
            request.address = request.address.to_canonical();
            request.size = request.size.max(MIN_PAYLOAD);
            let side = match Family::of(request.address) {
                Family::V4 => &mut self.v4,
                Family::V6 => &mut self.v6,
            };
            let result = match side {
                _ if self.common.stalls.touch(queued_ns, now_ns) => Err(Failure::Stalled),
                _ if now_ns.saturating_sub(queued_ns) > QUEUED_MAX_NS => Err(Failure::Overload),
                None => Err(Failure::NoSocket),
                _ if request.size > MAX_PAYLOAD || request.dscp > 63 => Err(Failure::SendFailed),
                Some(side) => side.stage(&mut self.common, queued_ns, request, self.config.ttl, &mut returned),
            };
            if let Err(failure) = result {
                self.common.tell(request.key, EventKind::NotMeasured(failure));
            }
        }
        for side in [&mut self.v4, &mut self.v6].into_iter().flatten() {
            side.send_staged(&mut self.common, &mut returned);
        }
        let blocked = !returned.is_empty();
        taken -= returned.len().min(taken);
        for item in returned.into_iter().rev() {
            self.queue.push_front(item);
        }
        self.shared.inbox().len -= taken;
        (taken, blocked)
    }

    /// Hands events over; fails when nobody will ever read them.
    fn flush(&mut self) -> Result<(), ()> {
        let outbox = &mut self.common.outbox;
        if outbox.is_empty() {
            return Ok(());
        }
        match self.events.try_send(std::mem::take(outbox)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(()),
            Err(TrySendError::Full(events)) => {
                *outbox = events;
                let excess = outbox.len().saturating_sub(self.config.outbox_max);
                outbox.truncate(self.config.outbox_max);
                add(&self.shared.counters.events_dropped, excess as u64);
                Ok(())
            }
        }
    }
}

/// How to sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Not at all.
    None,
    /// Until the interface has room again.
    Blocked,
    /// For new requests only, and not long.
    Coalesce,
    /// Until anything happens.
    Sockets,
}

impl Common {
    fn tell(&mut self, key: u64, kind: EventKind) {
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
struct Side {
    family: Family,
    mode: Mode,
    /// The first of a raw socket's identifiers.
    id_base: u16,
    lanes: Vec<Lane>,
    table: Table,
    wheel: Wheel<Handle>,
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
struct Lane {
    socket: Socket,
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
    fn new(bundle: Bundle, config: &Config, now_ns: u64) -> io::Result<Self> {
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
    fn stage(
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
    fn send_staged(&mut self, common: &mut Common, returned: &mut Vec<(u64, Request)>) {
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
    fn receive(&mut self, common: &mut Common, with_errors: bool) -> usize {
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
    fn expire(&mut self, common: &mut Common) {
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
