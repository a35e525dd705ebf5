//! `assured demo`: an estate of its own, with the daemon over it. No set-up, nothing leaves this machine.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::icmp::socket::{Options, Sockets};
use assured_probes::snmp::client::{Caps, OpenError};
use tokio_util::sync::CancellationToken;

use super::run::{block_on, open_sockets};
use super::{Failure, Outcome, now};
use crate::cli;
use crate::clock::SystemClock;
use crate::config::load;
use crate::config::{Config, Mode};
use crate::daemon::poll::driver::{self as poller, Opener};
use crate::daemon::supervisor::{Parts, cannot_listen};
use crate::evidence::chain::Hash;
use crate::evidence::client::Reader;
use crate::evidence::names::Names;
use crate::evidence::record::Body;
use crate::evidence::store::{Entry, Store};
use crate::lab::estate::{Addresses, COMMUNITY, COMMUNITY_FILE, demo_config, demo_fleet};
use crate::lab::{self, Lab, history};
use crate::sla::calendar::Month;

/// Runs the demo until it is interrupted, or for `--seconds`.
pub fn run(args: &cli::Demo) -> Outcome {
    let listen = free(args.listen)?;
    let (lab, sockets) = match start_lab() {
        Ok((lab, sockets)) => (Some(Arc::new(lab)), sockets),
        Err(why) => {
            tracing::warn!(
                "no network of its own for the demo: {why}. Falling back to addresses on this machine's loopback, \
                 where everything answers and nothing ever goes wrong. With network namespaces and /dev/net/tun (as \
                 root, for one) the demo has faults that come and go"
            );
            (None, open_sockets()?)
        }
    };
    let addresses = match &lab {
        Some(lab) if lab.runs_inside() => Addresses::Lab,
        // Nothing is asked over SNMP from outside the lab: 10.0.0.0/8 may be real there.
        Some(_) => Addresses::LabPingsOnly,
        None => Addresses::Loopback,
    };
    let data_dir = match &args.data_dir {
        Some(dir) => dir.clone(),
        None => own_folder()?,
    };
    let text = telling(&args.alertmanager, demo_config(&listen.to_string(), &data_dir, addresses));
    let community = data_dir.join(COMMUNITY_FILE);
    std::fs::create_dir_all(&data_dir)
        .and_then(|()| std::fs::write(&community, COMMUNITY))
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", community.display())))?;
    let loaded = load::parse_str(&text, &data_dir, Mode::Run).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(format!("the demo's own configuration cannot be used:\n{}", lines.join("\n")))
    })?;
    let file = data_dir.join("assured.toml");
    std::fs::write(&file, &text).map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
    say!("Making a past month of evidence …");
    let month = remember_a_month(&loaded.config)?;
    let stop = CancellationToken::new();
    if let Some(seconds) = args.seconds {
        let stop = stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            stop.cancel();
        });
    }
    say!("The demo's page: http://{listen}/   (Ctrl-C ends it)\nIts metrics:     http://{listen}/metrics");
    if lab.is_some() {
        say!(
            "Within a minute a school flaps and a library's link fails and comes back; within two, county hall loses its \
             standby for a while.",
        );
    }
    if let Some(month) = month {
        say!(
            "Last month's evidence is there too:\n  assured report --contract converged --month {month} --config {} --out {}\nis then shown on http://{}/reports",
            file.display(),
            loaded.config.monitor.packs().display(),
            listen
        );
    }
    let outcome = block_on(Parts {
        config: loaded.config,
        file: None,
        data_dir: None,
        sockets,
        snmp: match &lab {
            Some(lab) => inside(lab.clone()),
            None => poller::here(),
        },
        clock: Arc::new(SystemClock::default()),
        stop,
    });
    drop(lab);
    outcome
}

/// The configuration with the Alertmanagers to be told directly, when there are any.
fn telling(alertmanagers: &[String], config: String) -> String {
    if alertmanagers.is_empty() {
        return config;
    }
    config.replacen(
        "[monitor]\n",
        &format!("[monitor]\nalertmanagers = {}\n", toml::Value::from(alertmanagers.to_vec())),
        1,
    )
}

/// The address for the pages, tried before anything is started; port 0 becomes one that is free.
fn free(listen: SocketAddr) -> Result<SocketAddr, Failure> {
    TcpListener::bind(listen).and_then(|listener| listener.local_addr()).map_err(|error| {
        let what_to_do = cannot_listen(&error);
        Failure::new(format!(
            "cannot listen on {listen}: {error}. {what_to_do}: choose another with --listen 127.0.0.1:0"
        ))
    })
}

/// Opens what devices are polled by inside the lab, or not at all.
fn inside(lab: Arc<Lab>) -> Opener {
    Box::new(move || {
        let opened = lab.snmp_sockets(Caps::default(), tokio::runtime::Handle::current());
        opened.map_err(|error| OpenError::Socket(error.to_string()))
    })
}

/// The demo's network, and probing sockets opened inside it.
fn start_lab() -> Result<(Lab, Sockets), String> {
    let lab = Lab::start(&demo_fleet(), &lab::Options::default()).map_err(|e| e.to_string())?;
    let sockets = lab.sockets(Options::default()).map_err(|e| e.to_string())?;
    Ok((lab, sockets))
}

/// Brings a past month in through the evidence store, as an import does; nothing when it is there already.
fn remember_a_month(config: &Config) -> Result<Option<Month>, Failure> {
    let at = now();
    let span = history::past_month(config, at);
    let month = Month::of(span.from, &config.monitor.time_zone);
    let dir = &config.monitor.data_dir;
    let there = Reader::open(dir).ok().and_then(|r| r.extent()).is_some_and(|e| e.intersect(span).is_some());
    if there {
        return Ok(Some(month));
    }
    let failed = |error| Failure::new(format!("cannot keep the demo's past month: {error}"));
    let (mut store, _) = Store::open_as_daemon(dir, at).map_err(failed)?;
    let record = Body::Import {
        sha256: Hash::of(b"the demo's past month"),
        file: "the demo's past month".into(),
        rounds: history::rounds(config, span),
        span,
        by: "assured demo".into(),
    };
    let names = Arc::new(Names::of(config));
    let minutes = history::minutes(config, span).map(|minute| Entry::Imported(minute, names.clone()));
    store.append_stream(at, std::iter::once(Entry::Fact(record)).chain(minutes)).map_err(failed)?;
    store.roll_up(at, span.to).map_err(failed)?;
    Ok(Some(month))
}

/// A folder for this run's evidence.
fn own_folder() -> Result<PathBuf, Failure> {
    let dir = std::env::temp_dir().join(format!("assured-demo-{}", std::process::id()));
    std::fs::create_dir_all(&dir)
        .map_err(|error| Failure::new(format!("cannot make {} for the demo's evidence: {error}", dir.display())))?;
    Ok(dir)
}
