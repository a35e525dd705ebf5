//! The driver's hand on the evidence: gives minutes and facts to the writer, and has the past read back. Never waits.
//!
//! When the evidence cannot even be opened for writing, what should be written waits here, and
//! opening is tried again every minute; probing, pages and metrics go on.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::replay::{Past, Wanted, client as replay};
use crate::evidence::client::{newer_faults, newest_change};
use crate::evidence::driver::{BACKLOG_FACTS, BACKLOG_MINUTES, Writer, Written};
use crate::evidence::fault::Faults;
use crate::evidence::file::store as files;
use crate::evidence::names::Names;
use crate::evidence::record::Body;
use crate::evidence::retention::Retention;
use crate::evidence::store::{Opened, StoreError};
use crate::measurement::minute::{MINUTE, Minute};
use crate::units::{Sec, Span};

/// Something for the driver, found in the background.
#[derive(Debug)]
pub enum News {
    /// The past that was asked for last.
    Past(Box<Past>),
    /// The past that was asked for last cannot be had, and why.
    NoPast(String),
    /// Exclusions were proposed, agreed, disputed or withdrawn, or history was imported: the past has to be read again.
    Changed,
    /// Somebody did something about a fault.
    Faults(Faults),
    /// Evidence could not be opened before and can be now.
    Opened,
}

/// What the background sends home.
#[derive(Debug)]
enum Found {
    Past(u64, Result<Box<Past>, String>),
    NewestChange(Option<u64>),
    Faults(u64, Faults),
    Size(u64),
    Opening(Box<Result<(Writer, Opened), StoreError>>),
}

/// How keeping evidence fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Number of the newest record on the disk; none while the evidence is not open.
    pub head: Option<u64>,
    /// Attempts to write or open that failed, since start.
    pub failures: u64,
    /// Minutes that wait to be written.
    pub waiting: u64,
    /// Minutes that were dropped, because they waited too long, since start.
    pub dropped: u64,
    /// When something was written last; `None` before the first time since start.
    pub last_written: Option<Sec>,
    /// Bytes on the disk, all files together; looked at once a minute.
    pub bytes: Option<u64>,
    /// Why nothing is being written; `None` while all is well.
    pub problem: Option<String>,
}

/// See the module's text.
pub struct Keeper {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    hand: Hand,
    /// Failures to open, since start.
    not_opened: u64,
    /// Told when the newest thing handed over is on the disk.
    last: Option<Written>,
    found: mpsc::Receiver<Found>,
    home: mpsc::Sender<Found>,
    /// The newest import, and step about an exclusion, that the figures know.
    known_change: Option<u64>,
    /// The newest step about a fault that was told.
    known_fault: Option<u64>,
    asked: u64,
    reading: Option<CancellationToken>,
    looked_at: Option<Sec>,
    bytes: Option<u64>,
    retention: Retention,
    /// When old evidence was last asked to be let go.
    let_go_at: Option<Sec>,
}

/// How often old evidence is let go, seconds.
const LET_GO_EVERY: i64 = 86_400;

#[derive(Debug)]
enum Hand {
    Open(Writer),
    Shut(Waiting),
}

/// What waits while the evidence cannot be opened.
#[derive(Debug, Default)]
struct Waiting {
    minutes: VecDeque<(Minute, Arc<Names>)>,
    facts: VecDeque<Body>,
    dropped: Option<(Span, u64)>,
    opening: bool,
    why: String,
}

impl Keeper {
    /// Opens the evidence of a directory. Blocks. When it cannot be opened at present, says so in the log and keeps trying.
    ///
    /// # Errors
    /// Somebody else writes there, or what lies there is not ours to write to.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let (hand, not_opened) = match Writer::open(dir, clock.clone()) {
            Ok((writer, opened)) => {
                report(dir, &opened);
                (Hand::Open(writer), 0)
            }
            Err(error @ (StoreError::InUse(_) | StoreError::Foreign(_) | StoreError::Newer { .. })) => {
                return Err(error);
            }
            Err(error) => {
                tracing::error!(
                    "NO EVIDENCE IS KEPT: {error}. Probing goes on; what was measured waits up to {BACKLOG_MINUTES} minutes, \
                     and opening is tried again every minute"
                );
                (Hand::Shut(Waiting { why: error.to_string(), ..Waiting::default() }), 1)
            }
        };
        let (home, found) = mpsc::channel(16);
        Ok(Self {
            dir: dir.to_owned(),
            clock,
            hand,
            not_opened,
            last: None,
            found,
            home,
            known_change: None,
            known_fault: None,
            asked: 0,
            reading: None,
            looked_at: None,
            bytes: None,
            retention: Retention::default(),
            let_go_at: None,
        })
    }

    /// Hands over a minute with the names that its indices had.
    pub fn minute(&mut self, minute: Minute, names: Arc<Names>) {
        match &mut self.hand {
            Hand::Open(writer) => self.last = Some(writer.commit(minute, names)),
            Hand::Shut(waiting) => waiting.minute(minute, names),
        }
    }

    /// Hands over a fact.
    pub fn fact(&mut self, body: Body) {
        match &mut self.hand {
            Hand::Open(writer) => self.last = Some(writer.append(body)),
            Hand::Shut(waiting) => waiting.fact(body),
        }
    }

    /// Says that probing begins, with this configuration. `in_force` is the hash of the one that the evidence names last.
    pub fn begin(&mut self, config: &Config, in_force: Option<&str>) {
        self.retention = retention_of(config);
        if in_force != Some(&config.hash) {
            self.config(config);
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.fact(Body::Start { version, vantage: config.monitor.vantage.to_string() });
    }

    /// Says that a configuration came into force.
    pub fn config(&mut self, config: &Config) {
        self.retention = retention_of(config);
        self.fact(Body::Config { hash: config.hash.clone(), toml: config.redacted_toml.clone() });
    }

    /// Waits until what was handed over last is on the disk; false when it never will be, or waits for the disk to be opened.
    pub async fn written(&mut self) -> bool {
        match self.last.take() {
            Some(last) => matches!(last.await, Ok(Ok(_))),
            None => self.is_open(),
        }
    }

    /// Whether the evidence is open for writing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.hand, Hand::Open(_))
    }

    /// How it fares.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.hand {
            Hand::Open(writer) => {
                let status = writer.status();
                Standing {
                    head: Some(status.head.sequence),
                    failures: status.write_failures + self.not_opened,
                    waiting: status.backlog as u64,
                    dropped: status.dropped,
                    last_written: status.last_written,
                    bytes: self.bytes,
                    problem: status.problem,
                }
            }
            Hand::Shut(waiting) => Standing {
                failures: self.not_opened,
                waiting: waiting.minutes.len() as u64,
                dropped: waiting.dropped.map_or(0, |(_, minutes)| minutes),
                problem: Some(waiting.why.clone()),
                ..Standing::default()
            },
        }
    }

    /// Reads the states of the month so far, without what the classes did, which takes longer. Blocks.
    ///
    /// # Errors
    /// As [`replay::read`].
    pub fn past_at_start(&self, config: &Config, now: Sec) -> Result<Past, StoreError> {
        let wanted = Wanted { restart: true, objectives: false };
        replay::read(&self.dir, config, now, wanted, &CancellationToken::new())
    }

    /// Has the month so far read in the background, once what was handed over is on the disk. What was asked before is forgotten.
    pub fn ask_past(&mut self, config: Arc<Config>) {
        self.forget_past();
        self.asked += 1;
        let (asked, last, dir) = (self.asked, self.last.take(), self.dir.clone());
        let (home, now, cancel) = (self.home.clone(), self.clock.now().sec(), CancellationToken::new());
        self.reading = Some(cancel.clone());
        let open = self.is_open();
        let cancelled = cancel.clone();
        let read = async move {
            let written = match last {
                Some(last) => matches!(last.await, Ok(Ok(_))),
                None => true,
            };
            let past = if open && written {
                let wanted = Wanted { restart: false, objectives: true };
                let read = move || replay::read(&dir, &config, now, wanted, &cancel);
                match tokio::task::spawn_blocking(read).await {
                    Ok(past) => past.map(Box::new).map_err(|error| error.to_string()),
                    Err(died) => Err(format!("reading it failed: {died}")),
                }
            } else {
                Err("not all of it could be written".into())
            };
            // The driver may have ended meanwhile.
            let _ = home.send(Found::Past(asked, past)).await;
        };
        tokio::spawn(async move { cancelled.run_until_cancelled(read).await });
    }

    /// Looks for news on the disk, once a minute.
    pub fn tick(&mut self, now: Sec) {
        if self.looked_at.is_some_and(|at| (0..MINUTE).contains(&now.since(at))) {
            return;
        }
        let first = self.looked_at.replace(now).is_none();
        if let Hand::Open(writer) = &self.hand
            && self.retention.is_any()
            && self.let_go_at.is_none_or(|at| !(0..LET_GO_EVERY).contains(&now.since(at)))
        {
            self.let_go_at = Some(now);
            writer.retain(self.retention);
        }
        let (dir, home, known_fault) = (self.dir.clone(), self.home.clone(), self.known_fault);
        match &mut self.hand {
            Hand::Open(_) => drop(tokio::task::spawn_blocking(move || {
                // What cannot be read now is looked for again in a minute.
                if let Ok(bytes) = files::size(&dir) {
                    let _ = home.blocking_send(Found::Size(bytes));
                }
                if let Ok(newest) = newest_change(&dir) {
                    let _ = home.blocking_send(Found::NewestChange(newest));
                }
                if let Ok(Some((newest, faults))) = newer_faults(&dir, known_fault) {
                    let _ = home.blocking_send(Found::Faults(newest, faults));
                }
            })),
            Hand::Shut(waiting) if !waiting.opening && !first => {
                waiting.opening = true;
                let clock = self.clock.clone();
                drop(tokio::task::spawn_blocking(move || {
                    let opening = Box::new(Writer::open(&dir, clock));
                    let _ = home.blocking_send(Found::Opening(opening));
                }));
            }
            Hand::Shut(_) => {}
        }
    }

    /// The next news. Cancelling loses none.
    pub async fn news(&mut self) -> News {
        loop {
            let found = self.found.recv().await.expect("it holds a sender itself");
            match found {
                Found::Past(asked, past) if asked == self.asked => {
                    self.reading = None;
                    return match past {
                        Ok(past) => {
                            self.known_change = past.newest_change;
                            News::Past(past)
                        }
                        Err(why) => News::NoPast(why),
                    };
                }
                Found::Past(..) => {}
                Found::Faults(newest, faults) => {
                    self.known_fault = Some(newest);
                    return News::Faults(faults);
                }
                Found::Size(bytes) => self.bytes = Some(bytes),
                Found::NewestChange(newest) => {
                    if newest > self.known_change && self.reading.is_none() {
                        return News::Changed;
                    }
                }
                Found::Opening(opening) => match *opening {
                    Ok((writer, opened)) => {
                        report(&self.dir, &opened);
                        self.opened(writer);
                        return News::Opened;
                    }
                    Err(error) => self.still_shut(&error),
                },
            }
        }
    }

    /// The exclusions and imports that the figures take account of.
    pub fn knows_changes(&mut self, newest: Option<u64>) {
        self.known_change = newest;
    }

    /// Tries once more to write what waits, and ends. Blocks while the disk does.
    pub fn close(mut self) {
        self.forget_past();
        let (minutes, problem) = match self.hand {
            Hand::Open(writer) => {
                let status = writer.close();
                (status.backlog, status.problem)
            }
            Hand::Shut(waiting) => (waiting.minutes.len(), Some(waiting.why)),
        };
        if let Some(problem) = problem {
            tracing::error!(minutes, "ended without writing all evidence, its time is unknown: {problem}");
        }
    }

    fn forget_past(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.cancel();
        }
    }

    fn opened(&mut self, writer: Writer) {
        let Hand::Shut(waiting) = std::mem::replace(&mut self.hand, Hand::Open(writer)) else { return };
        tracing::info!("evidence is being kept from now on, after: {}", waiting.why);
        waiting.facts.into_iter().for_each(|fact| self.fact(fact));
        if let Some((span, minutes)) = waiting.dropped {
            self.fact(Body::Unwritten { span, minutes, why: waiting.why });
        }
        waiting.minutes.into_iter().for_each(|(minute, names)| self.minute(minute, names));
    }

    fn still_shut(&mut self, error: &StoreError) {
        self.not_opened += 1;
        if let Hand::Shut(waiting) = &mut self.hand {
            waiting.opening = false;
            let why = error.to_string();
            if waiting.why != why {
                tracing::error!("no evidence is kept: {why}");
                waiting.why = why;
            }
        }
    }
}

impl Waiting {
    fn minute(&mut self, minute: Minute, names: Arc<Names>) {
        self.minutes.push_back((minute, names));
        if self.minutes.len() > BACKLOG_MINUTES
            && let Some((oldest, _)) = self.minutes.pop_front()
        {
            let span = Span::new(oldest.start, oldest.start.plus(MINUTE));
            self.dropped = Some(match self.dropped {
                Some((all, n)) => (Span::new(all.from.min(span.from), all.to.max(span.to)), n + 1),
                None => (span, 1),
            });
        }
    }

    fn fact(&mut self, body: Body) {
        self.facts.push_back(body);
        if self.facts.len() > BACKLOG_FACTS {
            self.facts.pop_front();
        }
    }
}

fn retention_of(config: &Config) -> Retention {
    let keep = config.monitor.keep;
    Retention { minutes: keep.minutes_for, files: keep.files_for }
}

fn report(dir: &Path, opened: &Opened) {
    for (aside, problem) in &opened.set_aside {
        tracing::error!(file = %aside.display(), "a damaged evidence file was set aside, a new one begun: {problem}");
    }
    tracing::info!(dir = %dir.display(), head = opened.head.sequence, "keeping evidence");
}
