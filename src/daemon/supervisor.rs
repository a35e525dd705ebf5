//! Starts the daemon's tasks, watches over them, and ends them in order.
//!
//! Every task has its owner here. One that ends before it was asked to ends the process: a
//! monitor with a dead part would show old states as if they were new.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::icmp::Engine;
use assured_probes::icmp::batched::{self, BatchedEngine};
use assured_probes::icmp::socket::Sockets;
use assured_probes::snmp::profile::Library;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::driver::{self, Driver};
use super::keeper::driver::Keeper;
use super::poll::{self, driver::Poller, server::Reception};
use super::replay::Past;
use super::resolve;
use super::signal::{self, Signals, tell_service_manager};
use crate::alert;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::evidence::store::StoreError;
use crate::http::Access;
use crate::http::server::{self, Limits};
use crate::http::source::{Ask, Source};
use crate::snapshot::Snapshot;
use crate::units::Sec;

/// Batches of events that may wait for the driver; the engine throws further ones away, and counts them.
const EVENT_BATCHES: usize = 4096;
/// Polls that may wait to be carried out, and results that may wait for the driver; further polls are left out.
const POLLS: usize = 4096;
/// How long the first probe waits for the start to be on the disk.
const START_WRITTEN: Duration = Duration::from_secs(2);
/// How long a stop may take before the process ends all the same.
const DRAIN: Duration = Duration::from_secs(10);

/// What to run.
pub struct Parts {
    /// What to watch.
    pub config: Config,
    /// Where the configuration came from and is read again; `None` when it came from no file.
    pub file: Option<PathBuf>,
    /// In place of the configuration's data folder, also after a reload.
    pub data_dir: Option<PathBuf>,
    /// What probes leave by.
    pub sockets: Sockets,
    /// Opens what devices are polled by, when the first is.
    pub snmp: poll::driver::Opener,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// Ends the daemon as SIGTERM does.
    pub stop: CancellationToken,
}

/// Why the daemon could not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// The pages' address cannot be had.
    #[error("cannot listen on {address}: {error}. {}: `monitor.listen` chooses the address", cannot_listen(error))]
    Listen {
        /// Where it should have listened.
        address: std::net::SocketAddr,
        /// Why it cannot.
        error: std::io::Error,
    },
    /// Something the daemon needs from the operating system cannot be had.
    #[error("cannot {what}: {error}")]
    System {
        /// What failed.
        what: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// The evidence must not be written to.
    #[error("{0}")]
    Evidence(#[from] StoreError),
    /// A task ended that should not have.
    #[error("the {0} ended unexpectedly; ending with it rather than show old states as new")]
    Died(&'static str),
}

/// What stands behind an address that cannot be had, in words.
#[must_use]
pub fn cannot_listen(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::AddrInUse => "Another program has this address, perhaps another assured",
        ErrorKind::PermissionDenied => "A port below 1024 needs CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => "This machine has no such address",
        _ => "The system does not allow it",
    }
}

/// Runs until a signal, `stop`, or the death of a part.
///
/// # Errors
/// See [`SuperviseError`]; a stop that was asked for is none.
pub async fn run(parts: Parts) -> Result<(), SuperviseError> {
    let system = |what| move |error| SuperviseError::System { what, error };
    let mut signals = Signals::listen().map_err(system("listen to signals"))?;
    let address = parts.config.monitor.listen;
    let (access_in, access) = watch::channel(Arc::new(Access::of(&parts.config)));
    let listener = TcpListener::bind(address).await.map_err(|error| SuperviseError::Listen { address, error })?;
    let address = listener.local_addr().unwrap_or(address); // port 0 has become one
    let modes = (parts.sockets.v4(), parts.sockets.v6());
    let config = Arc::new(parts.config);
    let (mut keeper, past) = open_evidence(config.clone(), parts.clock.clone()).await?;

    let now = parts.clock.now().sec();
    let (events_in, events) = mpsc::channel(EVENT_BATCHES);
    let engine = BatchedEngine::start(parts.sockets, batched::Config::default(), events_in)
        .map_err(system("start the probing engine"))?;
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let in_force = past.as_ref().and_then(|past| past.config_hash.clone());
    keeper.begin(&config, in_force.as_deref());
    // The start stands in the evidence before the first round does, unless the disk is in trouble.
    let _ = tokio::time::timeout(START_WRITTEN, keeper.written()).await;
    let mut core = Core::new(Arc::unwrap_or_clone(config), Vec::new(), parts.clock.now().sec(), engine_name(modes));
    core.keep();
    if let Some(past) = past {
        core.adopt(past);
    }
    let watched = core.config().components.len();
    let (names_in, names) = watch::channel(core.names());
    let (looked_in, looked) = mpsc::channel(64);
    let (driver_asks, asks) = mpsc::channel(64);
    let (alerts_in, alerts) = watch::channel(Arc::default());
    let (alarmed, alarms) = watch::channel(!core.config().monitor.alertmanagers.is_empty());
    let teller = alert::driver::Parts {
        data_dir: core.config().monitor.data_dir.clone(),
        clock: parts.clock.clone(),
        wanted: alarms,
        picture: picture(driver_asks.clone()),
        shown: alerts_in,
        stop: CancellationToken::new(),
    };
    let alerts_stop = teller.stop.clone();
    let (jobs_in, jobs) = mpsc::channel(POLLS);
    let (polled_in, polled) = mpsc::channel(POLLS);
    let data_dir = core.config().monitor.data_dir.clone();
    let (received, reception) = watch::channel(Reception::of(core.config()));
    let (profiled, library) = watch::channel(core.config().profiles.clone());
    let (hints_in, hints) = mpsc::channel(POLLS);
    let traps = poll::server::receive(reception, data_dir.clone(), hints_in);
    let poller = Poller { jobs, polled: polled_in, library, opener: parts.snmp, data_dir, clock: parts.clock.clone() };
    let clock = parts.clock.clone();
    let driver = Driver {
        jobs: jobs_in,
        polled,
        hints,
        core,
        engine,
        events,
        asks,
        looked,
        names: names_in,
        keeper,
        alerts,
        clock: parts.clock,
    };
    let (source, mut questions) = Source::new();
    let ended = CancellationToken::new();

    let mut driver = tokio::spawn(driver.run());
    let traps = tokio::spawn(traps);
    let mut poller = tokio::spawn(poller.run());
    let resolver = tokio::spawn(resolve::client::run(names, looked_in));
    let mut teller = tokio::spawn(alert::driver::run(teller));
    let scheme = access.borrow().web.scheme();
    tell_of_protection(address, &access.borrow(), now);
    let serving = server::serve_as(listener, source, access, Limits::default(), ended.clone().cancelled_owned());
    let mut pages = tokio::spawn(serving);

    tell_service_manager(NotifyState::Ready);
    tracing::info!(components = watched, page = %format!("{scheme}://{address}/"), "watching");

    let reloading = Reloading {
        file: parts.file,
        data_dir: parts.data_dir,
        driver: driver_asks.clone(),
        alarmed,
        received,
        profiled,
        access: access_in,
        clock,
    };
    let mut driver_ended = None;
    let outcome = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                signal::Ask::Stop => break Ok(()),
                signal::Ask::Reload => {
                    let _ = reloading.reload().await; // it has said in the log how it went
                }
            },
            () = parts.stop.cancelled() => break Ok(()),
            question = questions.recv() => match question {
                Some(Ask::Snapshot(answer)) => {
                    // A full queue drops the question: its reader is told to try again.
                    let _ = driver_asks.try_send(driver::Ask::Snapshot(answer));
                }
                Some(Ask::Brief(answer)) => {
                    let _ = driver_asks.try_send(driver::Ask::Brief(answer));
                }
                Some(Ask::Reload(answer)) => {
                    let _ = answer.send(reloading.reload().await);
                }
                Some(Ask::Ready(answer)) => {
                    let _ = answer.send(Ok(()));
                }
                None => break Err(SuperviseError::Died("page server")),
            },
            ended = &mut driver => {
                driver_ended = Some(ended);
                break Err(SuperviseError::Died("driver"));
            }
            _ = &mut pages => break Err(SuperviseError::Died("page server")),
            _ = &mut poller => break Err(SuperviseError::Died("SNMP poller")),
            _ = &mut teller => break Err(SuperviseError::Died("teller of alerts")),
        }
    };

    tell_service_manager(NotifyState::Stopping);
    tracing::info!("stopping: waiting for the probes in flight");
    ended.cancel();
    resolver.abort(); // it owns nothing but timers
    traps.abort();
    poller.abort(); // polls under way are given up: nobody waits a minute for a router
    alerts_stop.cancel();
    let _ = driver_asks.send(driver::Ask::Stop).await;
    let drained = async {
        let ended = match driver_ended {
            Some(ended) => ended,
            None => (&mut driver).await,
        };
        if let Ok(keeper) = ended {
            let _ = tokio::task::spawn_blocking(move || keeper.close()).await;
        }
        if !pages.is_finished() {
            let _ = (&mut pages).await;
        }
        if !teller.is_finished() {
            let _ = (&mut teller).await;
        }
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("not everything ended within {} s; ending all the same", DRAIN.as_secs());
    }
    outcome
}

/// How the teller of alerts looks at the daemon; a driver that is too busy for it is looked at later.
fn picture(
    driver: mpsc::Sender<driver::Ask>,
) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = Option<Arc<Snapshot>>> + Send>> + Send {
    move || {
        let (answer, answered) = oneshot::channel();
        let asked = driver.try_send(driver::Ask::Snapshot(answer)).is_ok();
        Box::pin(async move { if asked { answered.await.ok() } else { None } })
    }
}

/// Opens the evidence and reads the month so far; a directory that cannot be read at present is told of, and has no past.
async fn open_evidence(config: Arc<Config>, clock: Arc<dyn Clock>) -> Result<(Keeper, Option<Past>), SuperviseError> {
    let opening = tokio::task::spawn_blocking(move || {
        let mut keeper = Keeper::open(&config.monitor.data_dir, clock.clone())?;
        let past = match keeper.past_at_start(&config, clock.now().sec()) {
            Ok(past) => {
                past.damages.iter().for_each(|damage| tracing::warn!("evidence is damaged: {damage}"));
                keeper.knows_changes(past.newest_change);
                Some(past)
            }
            Err(error) => {
                tracing::error!("this month's evidence cannot be read, its figures begin anew: {error}");
                None
            }
        };
        Ok((keeper, past))
    });
    opening.await.unwrap_or(Err(SuperviseError::Died("reader of the evidence")))
}

fn engine_name(
    modes: (Option<assured_probes::icmp::socket::Mode>, Option<assured_probes::icmp::socket::Mode>),
) -> &'static str {
    use assured_probes::icmp::socket::Mode;
    match modes.0.or(modes.1) {
        Some(Mode::Datagram) => "datagram",
        Some(Mode::Raw) => "raw",
        None => "none",
    }
}

/// Says how the pages are protected, and what about that an operator should know.
fn tell_of_protection(address: std::net::SocketAddr, access: &Access, now: Sec) {
    let web = &access.web;
    let certificates = web.tls.as_ref().map_or("not asked for", |tls| tls.clients.word());
    let loopback = address.ip().is_loopback();
    if web.tls.is_some() || !web.users.is_empty() {
        tracing::info!(
            tls = web.tls.is_some(),
            users = web.users.len(),
            client_certificates = certificates,
            "pages are protected"
        );
    }
    if !web.identifies() && !loopback {
        tracing::warn!(
            "everybody who reaches {address} reads every page; evidence packs and reload are refused there. \
             monitor.web_config_file adds TLS and passwords"
        );
    } else if web.tls.is_none() && !loopback {
        tracing::warn!(
            "passwords for {address} cross the network readable: add tls_server_config to monitor.web_config_file"
        );
    }
    if let Some(complaint) = web.tls.as_ref().and_then(|tls| tls.complaint(now)) {
        tracing::warn!("{complaint}");
    }
}

/// What a reload needs to know, and who is told of it.
struct Reloading {
    file: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    driver: mpsc::Sender<driver::Ask>,
    /// The teller of alerts: whether anybody is to be told.
    alarmed: watch::Sender<bool>,
    /// The receiver of notifications: where, and from whom.
    received: watch::Sender<Reception>,
    /// The poller: what devices are read through.
    profiled: watch::Sender<Arc<Library>>,
    /// The pages: who may see and do what.
    access: watch::Sender<Arc<Access>>,
    clock: Arc<dyn Clock>,
}

impl Reloading {
    /// Reads the configuration again and hands it on; what is wrong with it leaves everything as it was.
    async fn reload(&self) -> Result<(), String> {
        let Some(file) = self.file.clone() else {
            return Err("there is no configuration file to read again".into());
        };
        let read = tokio::task::spawn_blocking(move || config::load::load(&file)).await;
        let problems = match read {
            Ok(Ok(loaded)) => {
                for warning in &loaded.warnings {
                    tracing::warn!("{warning}");
                }
                return self.hand_on(loaded.config).await;
            }
            Ok(Err(problems)) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            Err(died) => format!("reading the configuration failed: {died}"),
        };
        tracing::error!("configuration not taken over, going on with the one before:\n{problems}");
        let _ = self.driver.send(driver::Ask::ReloadFailed).await;
        Err(problems)
    }

    async fn hand_on(&self, mut config: Config) -> Result<(), String> {
        if let Some(dir) = &self.data_dir {
            config.monitor.data_dir.clone_from(dir);
        }
        let alarms = !config.monitor.alertmanagers.is_empty();
        let (reception, profiles) = (Reception::of(&config), config.profiles.clone());
        let (access, address) = (Access::of(&config), config.monitor.listen);
        let (answer, answered) = oneshot::channel();
        let sent = self.driver.send(driver::Ask::Reload(Box::new(config), answer)).await;
        if sent.is_ok()
            && let Ok(said) = answered.await
        {
            self.alarmed.send_replace(alarms);
            self.profiled.send_replace(profiles);
            self.received.send_replace(reception);
            if self.access.borrow().web.fingerprint != access.web.fingerprint {
                tell_of_protection(address, &access, self.clock.now().sec());
            }
            self.access.send_replace(Arc::new(access));
            tracing::info!("configuration read again: {said}");
            return Ok(());
        }
        Err("the daemon is stopping".into())
    }
}
