//! `assured run`: the daemon.

use std::process::ExitCode;
use std::sync::Arc;

use assured_probes::icmp::socket::{OpenError, Options, Sockets};
use tokio_util::sync::CancellationToken;

use super::{Failure, Outcome, exit};
use crate::cli::Place;
use crate::clock::SystemClock;
use crate::config::load;
use crate::daemon::supervisor::{self, Parts};

/// Runs the daemon until it is told to stop.
pub fn run(place: &Place) -> Outcome {
    let file = place.config.clone().or_else(load::find);
    let mut config = match &file {
        Some(file) => {
            let loaded = load::load(file).map_err(|problems| {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                Failure::with_code(exit::CONFIG, format!("{} cannot be used:\n{}", file.display(), lines.join("\n")))
            })?;
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            loaded.config
        }
        None => {
            tracing::warn!(
                "no configuration (./assured.toml, /etc/assured/assured.toml): watching this machine's own gateway, resolvers and loopback"
            );
            load::this_machine()
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
        clock: Arc::new(SystemClock::default()),
        stop: CancellationToken::new(),
    };
    block_on(parts)
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
