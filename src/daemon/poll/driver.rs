//! Carries out polls: shared sockets, a session for each device, one poll of a device at a time.
//!
//! Devices do not wait for each other: each poll is a task of its own with a deadline, so that slow, silent or hostile
//! agents cost only themselves. Ends when nobody wants polls any more; polls under way are given up then, which leaves
//! their time unknown.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::client::{Caps, Client, OpenError, Sockets};
use assured_probes::snmp::poll::{Session, poll};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::{Target, store};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::digest::{Began, digest, undone};
use super::{Job, Polled};
use crate::clock::Clock;
use crate::measurement::Cause;
use crate::units::Sec;

/// Polls under way at a time; further ones wait, inside their deadline.
const AT_ONCE: usize = 2_048;
/// Sessions of devices that were not polled for so many intervals are let go.
const FORGET_AFTER: u32 = 3;

/// Opens the sockets when the first device is to be polled; elsewhere than in this network, if need be.
pub type Opener = Box<dyn FnOnce() -> Result<Sockets, OpenError> + Send>;

/// Opens them in this process's own network.
#[must_use]
pub fn here() -> Opener {
    Box::new(|| Sockets::open(&Caps::default()))
}

/// Everything the poller needs.
pub struct Poller {
    /// What is to be polled.
    pub jobs: mpsc::Receiver<Job>,
    /// What came of it.
    pub polled: mpsc::Sender<Polled>,
    /// Profiles; a reload may bring others.
    pub library: watch::Receiver<Arc<Library>>,
    /// See [`Opener`].
    pub opener: Opener,
    /// The number that DES privacy must never use twice is kept in this folder.
    pub data_dir: PathBuf,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
}

/// What is kept of a device between two polls.
struct Kept {
    target: Target,
    profile: Arc<str>,
    /// `None` while a poll is under way.
    session: Option<Box<Session>>,
    /// A notification came meanwhile: polled again at once.
    again: Option<Job>,
    last: Sec,
    interval: Duration,
}

/// A poll that has ended.
struct Ended {
    job: Job,
    library: u32,
    session: Box<Session>,
    polled: Polled,
}

impl Poller {
    /// Polls until there is nobody left to ask for it.
    pub async fn run(self) {
        let Self { mut jobs, polled, mut library, opener, data_dir, clock } = self;
        let mut opener = Some(opener);
        let mut client: Option<Arc<Client>> = None;
        let first = library.borrow_and_update().clone();
        let mut sessions = Sessions { library: first, nth: 0, kept: HashMap::new(), swept: clock.now().sec() };
        let mut under_way: JoinSet<Ended> = JoinSet::new();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            tokio::select! {
                job = jobs.recv() => {
                    let Some(job) = job else { return };
                    if let Some(opener) = opener.take() {
                        client = open(opener, &data_dir).await;
                    }
                    let Some(client) = &client else {
                        let _ = polled.try_send(undone(&job, Cause::SendFailed));
                        continue;
                    };
                    // A device that is still being polled is not polled twice: the poll under way will speak for it.
                    let Some(session) = sessions.lend(&job, client) else { continue };
                    under_way.spawn(carry_out(client.clone(), room.clone(), clock.clone(), job, session, sessions.nth));
                }
                Ok(()) = library.changed() => sessions.read_by(library.borrow_and_update().clone()),
                Some(ended) = under_way.join_next() => {
                    let Ok(Ended { job, session, library, polled: result }) = ended else { continue };
                    let again = sessions.take_back(&job, session, library);
                    if polled.send(result).await.is_err() {
                        return;
                    }
                    if let (Some(job), Some(client)) = (again, &client)
                        && let Some(session) = sessions.lend(&job, client)
                    {
                        let (client, room, clock) = (client.clone(), room.clone(), clock.clone());
                        under_way.spawn(carry_out(client, room, clock, job, session, sessions.nth));
                    }
                }
            }
        }
    }
}

/// What is known of every device.
struct Sessions {
    library: Arc<Library>,
    /// Sessions of an earlier library are not taken back.
    nth: u32,
    kept: HashMap<Arc<str>, Kept>,
    swept: Sec,
}

impl Sessions {
    /// The device's session, or `None` while it is being polled.
    fn lend(&mut self, job: &Job, client: &Client) -> Option<Box<Session>> {
        self.sweep(job.at, client);
        let fresh = || {
            let made = Session::new(self.library.clone(), Some(&job.profile), &job.target);
            // The configuration was checked against the same profiles; should one be gone, the device tells what it is.
            made.or_else(|_| Session::new(self.library.clone(), None, &job.target)).ok().map(Box::new)
        };
        let known = self.kept.get_mut(&job.device).filter(|k| k.target == job.target && k.profile == job.profile);
        if let Some(known) = known {
            // A poll never takes longer than its interval; one that did not come back at all has died.
            let overdue = job.at.since(known.last) > 2 * seconds(job.interval);
            let session = match known.session.take() {
                Some(session) => Some(session),
                None if overdue => fresh(),
                None => {
                    known.again = Some(job.clone()).filter(|job| job.hinted);
                    None
                }
            }?;
            (known.last, known.interval) = (job.at, job.interval);
            return Some(session);
        }
        let session = fresh()?;
        let (target, profile) = (job.target.clone(), job.profile.clone());
        let kept = Kept { target, profile, session: None, again: None, last: job.at, interval: job.interval };
        if let Some(before) = self.kept.insert(job.device.clone(), kept)
            && before.target.address != job.target.address
        {
            client.forget(before.target.address);
        }
        Some(session)
    }

    /// Goes on with other profiles: every device is looked at anew, for another may fit it.
    fn read_by(&mut self, library: Arc<Library>) {
        if *library != *self.library {
            tracing::info!(
                devices = self.kept.len(),
                "profiles changed: devices are read through them from their next poll on"
            );
            self.library = library;
            self.nth = self.nth.wrapping_add(1);
            self.kept.clear();
        }
    }

    /// Takes a session back; what is to be polled again at once.
    fn take_back(&mut self, job: &Job, session: Box<Session>, library: u32) -> Option<Job> {
        if library != self.nth {
            return None;
        }
        let kept = self.kept.get_mut(&job.device);
        let kept = kept.filter(|k| k.target == job.target && k.profile == job.profile)?;
        kept.session = Some(session);
        kept.again.take()
    }

    /// Once a minute: devices that are no longer polled are forgotten.
    fn sweep(&mut self, now: Sec, client: &Client) {
        if now.since(self.swept).abs() < 60 {
            return;
        }
        self.swept = now;
        self.kept.retain(|_, kept| {
            let stays = now.since(kept.last) <= i64::from(FORGET_AFTER) * seconds(kept.interval) + 60;
            if !stays {
                client.forget(kept.target.address);
            }
            stays
        });
    }
}

fn seconds(of: Duration) -> i64 {
    i64::try_from(of.as_secs()).unwrap_or(i64::MAX / 8).max(1)
}

async fn carry_out(
    client: Arc<Client>,
    room: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    job: Job,
    mut session: Box<Session>,
    library: u32,
) -> Ended {
    let _place = room.acquire_owned().await;
    let now = clock.now();
    let began = Began { wall_ns: now.wall_ns, mono: Duration::from_nanos(now.mono_ns) };
    let report = poll(&*client, &job.target, &mut session, began.mono).await;
    let polled = digest(&job, report, began, clock.now().sec());
    Ended { job, library, session, polled }
}

/// Opens the sockets; `None` when that fails, which the log says once and every poll says in its outcome.
async fn open(opener: Opener, data_dir: &std::path::Path) -> Option<Arc<Client>> {
    let file = data_dir.join("snmp-des-epoch");
    let kept = tokio::task::spawn_blocking(move || {
        if let Some(folder) = file.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        store::next_epoch(&file)
    });
    let epoch = match kept.await {
        Ok(Ok(epoch)) => Some(epoch),
        Ok(Err(error)) => {
            tracing::warn!("the number that keeps DES privacy safe cannot be kept, so it is random: {error}");
            None
        }
        Err(_) => None,
    };
    let sockets = match opener() {
        Ok(sockets) => sockets,
        Err(error) => {
            tracing::error!("devices cannot be polled: {error}");
            return None;
        }
    };
    match Client::new(sockets, Caps::default(), epoch) {
        Ok(client) => Some(Arc::new(client)),
        Err(error) => {
            tracing::error!("devices cannot be polled: {error}");
            None
        }
    }
}
