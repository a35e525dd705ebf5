//! `assured run`: the daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use assured_probes::icmp::socket::{OpenError, Options, Sockets};
use tokio_util::sync::CancellationToken;

use super::{Failure, Outcome, exit, load_file};
use crate::cli::Place;
use crate::clock::SystemClock;
use crate::config::load;
use crate::daemon::supervisor::{self, Parts};

/// Runs the daemon until it is told to stop.
pub fn run(place: &Place) -> Outcome {
    let file = place.config.clone().or_else(load::find);
    let mut config = match &file {
        Some(file) => load_file(file)?,
        None => {
            tracing::warn!(
                "no configuration (./assured.toml, /etc/assured/assured.toml): watching this machine's own gateway, resolvers and loopback"
            );
            let mut config = load::this_machine();
            if place.data_dir.is_none() {
                config.monitor.data_dir = some_folder();
            }
            config
        }
    };
    if let Some(dir) = &place.data_dir {
        config.monitor.data_dir.clone_from(dir);
    }
    let parts = Parts {
        config,
        file,
        data_dir: place.data_dir.clone(),
        sockets: open_sockets()?,
        snmp: crate::daemon::poll::driver::here(),
        clock: Arc::new(SystemClock::default()),
        stop: CancellationToken::new(),
    };
    block_on(parts)
}

/// Where evidence is kept when nobody said where: the first folder that can be written to.
fn some_folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let candidates = [
        Some(PathBuf::from("/var/lib/assured")),
        set("XDG_STATE_HOME").map(|state| state.join("assured")),
        set("HOME").map(|home| home.join(".local/state/assured")),
    ];
    if let Some(dir) = candidates.into_iter().flatten().find(|dir| is_writable(dir)) {
        tracing::info!("evidence is kept in {}: --data-dir chooses another folder", dir.display());
        return dir;
    }
    let dir = std::env::temp_dir().join("assured");
    tracing::warn!(
        "neither /var/lib/assured nor a folder of your own can be written to: evidence is kept in {}, \
         which may not outlive a restart of this machine; --data-dir chooses another folder",
        dir.display()
    );
    dir
}

/// Whether files can be made in the folder, which is made when it is not there.
fn is_writable(dir: &Path) -> bool {
    let trial = dir.join(format!(".assured-{}", std::process::id()));
    let made = std::fs::create_dir_all(dir).and_then(|()| std::fs::File::create_new(&trial));
    // A left-over would be an empty file with a telling name.
    let _ = std::fs::remove_file(&trial);
    made.is_ok()
}

/// Opens the probing sockets, or says what the operator has to do.
pub(super) fn open_sockets() -> Result<Sockets, Failure> {
    Sockets::open(Options::default()).map_err(|error| match error {
        OpenError::Denied => Failure::with_code(exit::NO_PRIVILEGE, error),
        OpenError::Failed(_) => Failure::new(error),
    })
}

/// Runs the daemon on a runtime of its own.
pub(super) fn block_on(parts: Parts) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    let outcome = runtime.block_on(supervisor::run(parts));
    // Whoever still hangs on a disk was given its time.
    runtime.shutdown_background();
    outcome.map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}
