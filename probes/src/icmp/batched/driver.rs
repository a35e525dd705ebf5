//! The engine's thread: wakes, sends, receives, expires, tells, sleeps.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::Config;
use super::client::{Shared, add};
use super::side::driver::{Common, Side};
use super::stamp::{Anchor, Stalls};
use crate::icmp::codec::{Family, MAX_PAYLOAD};
use crate::icmp::socket::{self, BATCH, Bundle, Incoming, Sockets};
use crate::icmp::{Event, EventKind, Failure, MIN_PAYLOAD, Request};

/// Requests sent between two looks at the receive queue; fewer if that does not have room for the answers.
const SEND_MAX: usize = 1_024;

/// What a request takes of the receive buffer: a transmit stamp and an answer, as the kernel accounts them, and as
/// much again for what comes otherwise. In bytes.
const BUFFER_PER_REQUEST: usize = 4_096;

/// How long a request may wait to be sent, in nanoseconds; then the time it was meant for is over.
const QUEUED_MAX_NS: u64 = 1_000_000_000;

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

/// What the thread owns.
pub(super) struct Driver {
    shared: Arc<Shared>,
    config: Config,
    events: Sender<Vec<Event>>,
    v4: Option<Side>,
    v6: Option<Side>,
    common: Common,
    /// Requests to send and when they were handed over.
    queue: VecDeque<(u64, Request)>,
    coalesce: Duration,
    send_max: usize,
}

impl Driver {
    pub(super) fn new(
        sockets: Sockets,
        config: Config,
        events: Sender<Vec<Event>>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let coalesce = if sockets.receive_buffer() >= BUFFER_LARGE { COALESCE } else { COALESCE_SMALL };
        let send_max = (sockets.receive_buffer() / BUFFER_PER_REQUEST).clamp(BATCH, SEND_MAX);
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
        Ok(Self { shared, config, events, v4, v6, common, queue: VecDeque::new(), coalesce, send_max })
    }

    pub(super) fn run(mut self) {
        let mut turn = 0u64;
        let mut rest = Rest::Sockets;
        loop {
            let (due_ns, ready) = self.sleep(rest);
            if self.shared.stop.load(Ordering::SeqCst) {
                return;
            }
            let awake_ns = self.look(due_ns);
            turn += 1;
            let read_all = ready || turn.is_multiple_of(READ_ALL_EVERY);
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

    /// Sleeps as long as there is nothing to do. Returns when that should have ended at the latest, and whether
    /// a socket ended it.
    fn sleep(&mut self, rest: Rest) -> (u64, bool) {
        let now_ns = socket::now_ns();
        if rest == Rest::None {
            return (now_ns, false);
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
        let mut ready = false;
        // Whoever filled the inbox before that store did not wake us.
        if self.shared.inbox().batches.is_empty() {
            let sockets = sides().flat_map(|side| &side.lanes).map(|lane| &lane.socket);
            let count = if rest == Rest::Sockets { usize::MAX } else { 0 };
            ready = socket::wait(&self.shared.waker, sockets.take(count), limit);
        }
        self.shared.asleep.store(false, Ordering::SeqCst);
        (now_ns.saturating_add(limit.as_nanos() as u64), ready)
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
        while taken < self.send_max && returned.is_empty() {
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
