//! The daemon against the lab's truth: `cargo run --release --example daemon_lab -- 5000 60` (hosts, seconds).
//!
//! Each host is probed once a second; delays are 0 to 49 ms by index and constant, so every RTT that the daemon shows
//! can be held against its host's delay. They are read from the site's page of the API every ten seconds.

use std::error::Error;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use assured::clock::SystemClock;
use assured::config::{self, Mode};
use assured::daemon::supervisor::{self, Parts};
use assured::lab::scenario::{Hosts, Nanos, Scenario};
use assured::lab::{Lab, Options, server};
use tokio_util::sync::CancellationToken;

const FIRST: u32 = u32::from_be_bytes([10, 64, 0, 1]);
const LISTEN: &str = "127.0.0.1:19879";
const DELAYS: u32 = 50;

fn main() -> ExitCode {
    if let Some(code) = server::run_if_asked() {
        return code;
    }
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<u32>().ok());
    let (hosts, seconds) = (numbers.next().unwrap_or(5000), numbers.next().unwrap_or(60));
    match measure(hosts.clamp(1, 60_000), seconds.clamp(10, 600)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn measure(hosts: u32, seconds: u32) -> Result<(), Box<dyn Error>> {
    let first = IpAddr::from(Ipv4Addr::from_bits(FIRST));
    let block = Hosts { count: hosts.into(), delay_step: Nanos::ms(1), delay_wrap: DELAYS.into(), ..Hosts::at(first) };
    let remember = usize::try_from(hosts * 10)?;
    let lab = Lab::start(&Scenario::new(1).with(block), &Options { remember, ..Options::default() })?;
    let loaded = config::load::parse_str(&configuration(hosts), Path::new("/tmp"), Mode::Run);
    let stop = CancellationToken::new();
    let parts = Parts {
        config: loaded.map_err(|problems| format!("{problems:?}"))?.config,
        file: None,
        data_dir: None,
        sockets: lab.sockets(Default::default())?,
        snmp: assured::daemon::poll::driver::here(),
        clock: Arc::new(SystemClock::default()),
        stop: stop.clone(),
    };
    let daemon = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.map_err(|e| e.to_string())?.block_on(supervisor::run(parts)).map_err(|e| e.to_string())
    });
    let mut errors_us = Vec::new();
    for _ in 0..seconds / 10 {
        std::thread::sleep(Duration::from_secs(10));
        errors_us.extend(read_errors()?);
    }
    let site = site()?;
    let sum = |what: &str| -> u64 {
        let components = site["components"].as_array().into_iter().flatten();
        components.filter_map(|c| c["classes"][0]["probes"][what].as_u64()).sum()
    };
    let (total, dropped) = (lab.truth(|t| t.total()), lab.dropped()?);
    println!(
        "probes sent {}, answered {}, lost {}, late {}, duplicate {}, not measured {}",
        sum("sent"),
        sum("received"),
        sum("lost"),
        sum("late"),
        sum("duplicate"),
        sum("not_measured"),
    );
    println!("the lab saw {}, answered {}; its device dropped {dropped}", total.seen, total.answered);
    println!("RTT less scripted delay, microseconds, {} of them: {}", errors_us.len(), shares(errors_us));
    let own: Vec<i64> = lab.truth(|t| {
        let late = |s: &assured::lab::truth::Sighting| Some(s.left_ns? as i64 - (s.at_ns + s.delay.0) as i64);
        t.sightings().filter_map(late).map(|ns| ns / 1000).collect()
    });
    println!("of that the lab's own lateness, microseconds:     {}", shares(own));
    stop.cancel();
    daemon.join().map_err(|_| "the daemon panicked")??;
    Ok(())
}

fn site() -> Result<serde_json::Value, Box<dyn Error>> {
    let mut answer = ureq::get(format!("http://{LISTEN}/api/v1/sites/here")).call()?;
    let text = answer.body_mut().with_config().limit(1 << 30).read_to_string()?;
    Ok(serde_json::from_str(&text)?)
}

/// The newest RTT of every host, less its host's delay, microseconds.
fn read_errors() -> Result<Vec<i64>, Box<dyn Error>> {
    let site = site()?;
    let error = |component: &serde_json::Value| {
        let n: u32 = component["id"].as_str()?.strip_prefix('h')?.parse().ok()?;
        let rtt = component["classes"][0]["rtt_last_seconds"].as_f64()?;
        Some((rtt * 1e6).round() as i64 - i64::from(n % DELAYS) * 1000)
    };
    Ok(site["components"].as_array().into_iter().flatten().filter_map(error).collect())
}

fn shares(mut values: Vec<i64>) -> String {
    values.sort_unstable();
    let at = |share: usize| values.get(values.len() * share / 1000).copied().unwrap_or(0);
    format!("p50 {}, p90 {}, p99 {}, p99.9 {}", at(500), at(900), at(990), at(999))
}

fn configuration(hosts: u32) -> String {
    let mut text = format!(
        "[monitor]\nvantage = \"bench\"\nlisten = \"{LISTEN}\"\ndata_dir = \"/tmp/assured-bench-lab\"\n\
         [probing]\nicmp = {{ interval = \"1s\", timeout = \"900ms\" }}\n\
         [contracts.c]\ntitle = \"C\"\nprovider = \"P\"\ncustomer = \"C\"\nstarts = 2000-01-01\nends = 2099-12-31\n\
         [slas.s]\navailability = \"99%\"\n[sites.here]\ntitle = \"Here\"\n\
         [services.v]\nsite = \"here\"\ncontract = \"c\"\nsla = \"s\"\nrequires = \"h0\"\n"
    );
    for n in 0..hosts {
        let address = Ipv4Addr::from_bits(FIRST + n);
        let _ = write!(text, "[devices.h{n}]\nsite = \"here\"\naddress = \"{address}\"\n");
    }
    text
}
