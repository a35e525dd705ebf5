//! What callers hold: requests go in here, counters are read here.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{Sender, WeakSender};

use super::Config;
use super::driver::Driver;
use crate::icmp::socket::{self, Sockets, Waker};
use crate::icmp::{Engine, Event, EventKind, Failure, Request, Strays};

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

/// What callers and the thread share.
pub(super) struct Shared {
    pub(super) inbox: Mutex<Inbox>,
    /// The thread is about to sleep, or asleep, and wants to be woken.
    pub(super) asleep: AtomicBool,
    pub(super) stop: AtomicBool,
    pub(super) waker: Waker,
    pub(super) counters: Counters,
}

impl Shared {
    pub(super) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(super) struct Inbox {
    pub(super) batches: Vec<(u64, Vec<Request>)>,
    /// Requests here and in the thread's own queue.
    pub(super) len: usize,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) foreign: AtomicU64,
    pub(super) mismatched: AtomicU64,
    pub(super) spoofed: AtomicU64,
    pub(super) corrupted: AtomicU64,
    pub(super) unreachable: AtomicU64,
    pub(super) foreign_errors: AtomicU64,
    pub(super) socket_drops: AtomicU64,
    pub(super) events_dropped: AtomicU64,
}

/// Counts.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
