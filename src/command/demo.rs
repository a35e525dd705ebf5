//! `assured demo`: an estate of its own, with the daemon over it. No set-up, nothing leaves this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::icmp::socket::{Options, Sockets};
use tokio_util::sync::CancellationToken;

use super::run::{block_on, open_sockets};
use super::{Failure, Outcome};
use crate::cli;
use crate::clock::SystemClock;
use crate::config::Mode;
use crate::config::load;
use crate::daemon::supervisor::Parts;
use crate::lab::estate::{Addresses, demo_config, demo_fleet};
use crate::lab::{self, Lab};

/// Runs the demo until it is interrupted, or for `--seconds`.
pub fn run(args: &cli::Demo) -> Outcome {
    let (lab, sockets) = match start_lab() {
        Ok((lab, sockets)) => (Some(lab), sockets),
        Err(why) => {
            tracing::warn!(
                "no network of its own for the demo: {why}. Falling back to addresses on this machine's loopback, \
                 where everything answers and nothing ever goes wrong"
            );
            (None, open_sockets()?)
        }
    };
    let addresses = if lab.is_some() { Addresses::Lab } else { Addresses::Loopback };
    let data_dir = match &args.data_dir {
        Some(dir) => dir.clone(),
        None => own_folder()?,
    };
    let text = demo_config(&args.listen.to_string(), &data_dir, addresses);
    let loaded = load::parse_str(&text, &data_dir, Mode::Run).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(format!("the demo's own configuration cannot be used:\n{}", lines.join("\n")))
    })?;
    let stop = CancellationToken::new();
    if let Some(seconds) = args.seconds {
        let stop = stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            stop.cancel();
        });
    }
    println!("The demo's page: http://{}/   (Ctrl-C ends it)", args.listen);
    if lab.is_some() {
        println!(
            "Within two minutes a library's link fails and comes back, county hall loses its standby, and a school flaps."
        );
    }
    let outcome = block_on(Parts {
        config: loaded.config,
        file: None,
        data_dir: None,
        sockets,
        clock: Arc::new(SystemClock::default()),
        stop,
    });
    drop(lab);
    outcome
}

/// The demo's network, and probing sockets opened inside it.
fn start_lab() -> Result<(Lab, Sockets), String> {
    let lab = Lab::start(&demo_fleet(), &lab::Options::default()).map_err(|e| e.to_string())?;
    let sockets = lab.sockets(Options::default()).map_err(|e| e.to_string())?;
    Ok((lab, sockets))
}

/// A folder for this run's evidence.
fn own_folder() -> Result<PathBuf, Failure> {
    let dir = std::env::temp_dir().join(format!("assured-demo-{}", std::process::id()));
    std::fs::create_dir_all(&dir)
        .map_err(|error| Failure::new(format!("cannot make {} for the demo's evidence: {error}", dir.display())))?;
    Ok(dir)
}
