//! The writer: one thread that appends minutes and facts, and that no trouble with the disk ends.
//!
//! What cannot be written waits, up to [`BACKLOG_MINUTES`], and is tried again with every new minute and every
//! [`RETRY`]. Beyond that the oldest minutes are dropped: an `unwritten` record says so once
//! writing works again, and their time is unknown in every report. Probing, metrics and alerts never wait.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::chain::Head;
use super::record::Body;
use super::retention::{Retention, retain};
use super::rollup::Grain;
use super::store::{Entry, Opened, Store, StoreError};
use crate::clock::Clock;
use crate::evidence::names::Names;
use crate::measurement::minute::{MINUTE, Minute};
use crate::units::{Sec, Span};

/// Minutes that wait while nothing can be written; an hour of 10,000 components is some 60 MB of memory.
pub const BACKLOG_MINUTES: usize = 60;
/// Facts that wait while nothing can be written.
pub const BACKLOG_FACTS: usize = 10_000;
/// Jobs on the way to the writer; more than a healthy disk ever sees, so that a hanging one cannot fill the memory.
const QUEUE: usize = 128;
/// How long to wait before trying again.
pub const RETRY: Duration = Duration::from_secs(5);

/// So long, seconds, an hour's roll-up waits for minutes that come late: what interfaces said comes one poll later.
/// What is later still has a roll-up of its own.
const STRAGGLERS: i64 = 300;

/// Why something was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// It waited until there was no room for it.
    #[error("the evidence could not be written for so long that it was dropped: its time is unknown")]
    Dropped,
    /// The writer has ended.
    #[error("the evidence writer has ended")]
    Closed,
}

/// Told when something is on the disk, or never will be.
pub type Written = oneshot::Receiver<Result<Head, NotWritten>>;

/// How the writer fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The newest record on the disk.
    pub head: Head,
    /// Attempts that failed, since start.
    pub write_failures: u64,
    /// Minutes that wait.
    pub backlog: usize,
    /// Minutes that were dropped, since start.
    pub dropped: u64,
    /// When something was written last, by the wall clock; `None` before the first time since start.
    pub last_written: Option<Sec>,
    /// Why the last attempt failed; `None` after a success.
    pub problem: Option<String>,
    /// Files set aside because they were damaged, since start.
    pub set_aside: Vec<PathBuf>,
}

/// A handle on the writer. Dropping it lets the writer finish what it can.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Job {
    entry: Entry,
    done: oneshot::Sender<Result<Head, NotWritten>>,
}

#[derive(Debug, Default)]
struct Shared {
    status: Mutex<Status>,
    /// Dropped and not yet confessed in the chain.
    unwritten: Mutex<Option<(Span, u64)>>,
    /// To be let go when something was written next.
    retention: Mutex<Option<Retention>>,
}

impl Writer {
    /// Opens a directory's evidence (see [`Store::open_as_daemon`]) and starts the writer's thread.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<(Self, Opened), StoreError> {
        let (store, opened) = Store::open_as_daemon(dir, clock.now().sec())?;
        let set_aside = opened.set_aside.iter().map(|(path, _)| path.clone()).collect();
        let status = Status { head: opened.head, set_aside, ..Status::default() };
        let shared = Arc::new(Shared { status: Mutex::new(status), ..Shared::default() });
        let (jobs, queue) = sync_channel(QUEUE);
        let worker = Worker { store, clock, shared: shared.clone(), waiting: VecDeque::new(), rolled: Sec(i64::MIN) };
        let thread = std::thread::Builder::new().name("evidence".into()).spawn(move || worker.run(&queue));
        let thread =
            thread.map_err(|source| StoreError::Io { what: "start the writer for", path: dir.to_owned(), source })?;
        Ok((Self { jobs: Some(jobs), shared, thread: Some(thread) }, opened))
    }

    /// Hands over a minute; never waits.
    pub fn commit(&self, minute: Minute, names: Arc<Names>) -> Written {
        self.send(Entry::Minute(minute, names))
    }

    /// Hands over a fact; never waits.
    pub fn append(&self, body: Body) -> Written {
        self.send(Entry::Fact(body))
    }

    /// Has old evidence let go, once something was written. Emptying a large file takes a minute or two of disk; what is
    /// to be written waits for it.
    pub fn retain(&self, retention: Retention) {
        *self.shared.retention.lock().unwrap_or_else(PoisonError::into_inner) = Some(retention);
    }

    /// How the writer fares at present.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tries once more to write what waits, and ends. Gives the last state; blocks while the disk does.
    pub fn close(mut self) -> Status {
        self.finish();
        self.status()
    }

    fn finish(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has told so on stderr; there is nothing more to wait for.
            let _ = thread.join();
        }
    }

    fn send(&self, entry: Entry) -> Written {
        let (done, written) = oneshot::channel();
        let Some(jobs) = &self.jobs else { return written };
        match jobs.try_send(Job { entry, done }) {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => self.shared.drop_job(job, NotWritten::Dropped),
            Err(TrySendError::Disconnected(job)) => self.shared.drop_job(job, NotWritten::Closed),
        }
        written
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn with_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Gives up on a job; a minute's time is remembered as unwritten.
    fn drop_job(&self, job: Job, why: NotWritten) {
        if let Entry::Minute(minute, _) = &job.entry {
            let span = Span::new(minute.start, minute.start.plus(MINUTE));
            let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            *unwritten = Some(match *unwritten {
                Some((all, n)) => (Span::new(all.from.min(span.from), all.to.max(span.to)), n + 1),
                None => (span, 1),
            });
            self.with_status(|s| s.dropped += 1);
        }
        // Nobody may be waiting for the answer.
        let _ = job.done.send(Err(why));
    }
}

struct Worker {
    store: Store,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    waiting: VecDeque<Job>,
    /// Hours before this one have been rolled up.
    rolled: Sec,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Job>) {
        loop {
            let received = if self.waiting.is_empty() {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                queue.recv_timeout(RETRY)
            };
            let open = !matches!(received, Err(RecvTimeoutError::Disconnected));
            self.waiting.extend(received.ok());
            self.waiting.extend(queue.try_iter());
            self.attempt();
            if !open {
                break;
            }
        }
        for job in std::mem::take(&mut self.waiting) {
            self.shared.drop_job(job, NotWritten::Closed);
        }
    }

    fn attempt(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let at = self.clock.now().sec();
        let unwritten = *self.shared.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        let confession = unwritten.map(|(span, minutes)| {
            let status = self.shared.status.lock().unwrap_or_else(PoisonError::into_inner);
            let why = status.problem.clone().unwrap_or_else(|| "the disk was too slow".into());
            Entry::Fact(Body::Unwritten { span, minutes, why })
        });
        let mut entries: Vec<Entry> = confession.into_iter().collect();
        entries.extend(self.waiting.iter().map(|job| job.entry.clone()));
        match self.store.append(at, &entries) {
            Ok(head) => self.succeeded(head, unwritten, &entries, at),
            Err(e) => self.failed(&e, at),
        }
    }

    fn succeeded(&mut self, head: Head, unwritten: Option<(Span, u64)>, entries: &[Entry], at: Sec) {
        let mut pending = self.shared.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        if *pending == unwritten {
            *pending = None;
        }
        drop(pending);
        for job in self.waiting.drain(..) {
            // Nobody may be waiting for the answer.
            let _ = job.done.send(Ok(head));
        }
        self.shared.with_status(|s| {
            if let Some(problem) = s.problem.take() {
                tracing::info!(head = head.sequence, "evidence is being written again, after: {problem}");
            }
            (s.head, s.backlog, s.last_written) = (head, 0, Some(at));
        });
        let newest = entries.iter().filter_map(|e| match e {
            Entry::Minute(minute, _) => Some(Grain::Hour.floor(minute.start.plus(-STRAGGLERS))),
            Entry::Fact(_) | Entry::Imported(..) => None,
        });
        if let Some(hour) = newest.max().filter(|hour| *hour > self.rolled) {
            match self.store.roll_up(at, hour).and_then(|_| self.store.head()) {
                Ok(head) => {
                    self.rolled = hour;
                    self.shared.with_status(|s| s.head = head);
                }
                Err(e) => self.failed(&e, at),
            }
        }
        let due = self.shared.retention.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(retention) = due {
            self.let_go(retention, at);
        }
    }

    /// Trouble with an old file is no trouble with the one that is written to.
    fn let_go(&mut self, retention: Retention, at: Sec) {
        match retain(&mut self.store, at, retention) {
            Ok(done) => done.iter().for_each(|what| tracing::info!("old evidence was let go as configured: {what}")),
            Err(e) => tracing::error!("old evidence could not be let go: {e}; tried again tomorrow"),
        }
        if let Ok(head) = self.store.head() {
            self.shared.with_status(|s| s.head = head);
        }
    }

    fn failed(&mut self, error: &StoreError, at: Sec) {
        let problem = error.to_string();
        self.shared.with_status(|s| {
            s.write_failures += 1;
            if s.problem.is_none() {
                tracing::error!("evidence is not being written, probing goes on: {problem}");
            }
            s.problem = Some(problem.clone());
        });
        if error.is_damage() {
            match self.store.abandon(at, &problem) {
                Ok(aside) => {
                    tracing::error!(file = %aside.display(), "a damaged evidence file was set aside, a new one begun");
                    self.shared.with_status(|s| s.set_aside.push(aside));
                }
                Err(e) => tracing::error!("the damaged evidence file cannot be set aside: {e}"),
            }
        }
        self.bound();
        let minutes = self.waiting.iter().filter(|j| matches!(j.entry, Entry::Minute(..))).count();
        self.shared.with_status(|s| s.backlog = minutes);
    }

    /// Keeps what waits within its bounds: the oldest goes.
    fn bound(&mut self) {
        for (bound, minutes) in [(BACKLOG_MINUTES, true), (BACKLOG_FACTS, false)] {
            let is_kind = |job: &Job| matches!(job.entry, Entry::Minute(..)) == minutes;
            let excess = self.waiting.iter().filter(|j| is_kind(j)).count().saturating_sub(bound);
            for _ in 0..excess {
                let oldest = self.waiting.iter().position(is_kind).and_then(|at| self.waiting.remove(at));
                if let Some(job) = oldest {
                    self.shared.drop_job(job, NotWritten::Dropped);
                }
            }
        }
    }
}
