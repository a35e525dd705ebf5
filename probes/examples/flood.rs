//! Probes many loopback addresses at a steady rate and prints what it cost and what came of it.
//!
//! `flood [--engine batched|portable] [--mode raw|datagram] [--targets N] [--rate PER_SECOND] [--seconds S]
//! [--size BYTES] [--base 127.1.0.0] [--slice MS]`; one line, or with `--header` the columns' names first.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use assured_probes::icmp::batched::{BatchedEngine, Config};
use assured_probes::icmp::portable::PortableEngine;
use assured_probes::icmp::socket::{Mode, Options, Sockets};
use assured_probes::icmp::{Engine, Event, EventKind, Failure, Request};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, MissedTickBehavior, interval};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Plan::from_arguments() {
        Ok(plan) => {
            let (events, receiver) = channel(4_096);
            let engine = match plan.start(events) {
                Ok(engine) => engine,
                Err(error) => {
                    eprintln!("flood: {error}");
                    return ExitCode::FAILURE;
                }
            };
            run(&plan, engine.as_ref(), receiver).await;
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("flood: {problem}");
            ExitCode::from(2)
        }
    }
}

struct Plan {
    engine: String,
    mode: Option<Mode>,
    targets: u32,
    rate: u32,
    seconds: u32,
    size: u16,
    base: Ipv4Addr,
    /// Requests are handed over once in so many milliseconds.
    slice_ms: u64,
    header: bool,
}

impl Plan {
    fn from_arguments() -> Result<Self, String> {
        let mut values: HashMap<String, String> = HashMap::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = if name == "--header" { Some(String::new()) } else { arguments.next() };
            values.insert(name.clone(), value.ok_or(format!("{name} wants a value"))?);
        }
        let mut take = |name: &str, default: &str| values.remove(name).unwrap_or(default.into());
        fn number<T: std::str::FromStr>(text: String) -> Result<T, String> {
            text.parse().map_err(|_| format!("`{text}` does not fit"))
        }
        let plan = Self {
            engine: take("--engine", "batched"),
            mode: match take("--mode", "any").as_str() {
                "raw" => Some(Mode::Raw),
                "datagram" => Some(Mode::Datagram),
                _ => None,
            },
            targets: number(take("--targets", "1000"))?,
            rate: number(take("--rate", "1000"))?,
            seconds: number(take("--seconds", "10"))?,
            size: number(take("--size", "56"))?,
            base: number(take("--base", "127.1.0.0"))?,
            slice_ms: number(take("--slice", "2"))?,
            header: take("--header", "no") != "no",
        };
        match values.into_keys().next() {
            Some(unknown) => Err(format!("unknown argument {unknown}")),
            None if plan.targets == 0 || plan.rate == 0 || plan.slice_ms == 0 => Err("nothing to do".into()),
            None => Ok(plan),
        }
    }

    fn start(&self, events: tokio::sync::mpsc::Sender<Vec<Event>>) -> Result<Box<dyn Engine>, String> {
        if self.engine == "portable" {
            return Ok(Box::new(PortableEngine::start(200_000, events).map_err(|error| error.to_string())?));
        }
        let sockets = Sockets::open(Options { mode: self.mode, in_flight_max: 200_000, ..Options::default() })
            .map_err(|error| error.to_string())?;
        let engine = BatchedEngine::start(sockets, Config::default(), events).map_err(|error| error.to_string())?;
        Ok(Box::new(engine))
    }

    fn address(&self, target: u32) -> IpAddr {
        Ipv4Addr::from(u32::from(self.base).wrapping_add(1 + target)).into()
    }
}

/// One probe to each target in turn, in slices of some milliseconds.
async fn run(plan: &Plan, engine: &dyn Engine, mut receiver: Receiver<Vec<Event>>) {
    let total = u64::from(plan.rate) * u64::from(plan.seconds);
    let mut result = Outcome::default();
    let cpu_before = cpu_seconds();
    let mut ticks = interval(Duration::from_millis(plan.slice_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = ticks.tick().await;
    let mut sent = 0u64;
    while result.decided < total {
        tokio::select! {
            biased;
            batch = receiver.recv() => match batch {
                Some(batch) => batch.iter().for_each(|event| result.count(event)),
                None => break,
            },
            now = ticks.tick(), if sent < total => {
                let due = (now - began).as_micros() as u64 * u64::from(plan.rate) / 1_000_000 + 1;
                let requests = (sent..due.min(total)).map(|key| Request {
                    key,
                    address: plan.address((key % u64::from(plan.targets)) as u32),
                    dscp: 0,
                    size: plan.size,
                    timeout: Duration::from_secs(1),
                });
                engine.send(requests.collect());
                sent = sent.max(due.min(total));
            }
        }
    }
    let elapsed = Instant::now() - began;
    let cpu = cpu_seconds() - cpu_before;
    result.rtts.sort_unstable();
    let quantile = |per_mille: usize| match result.rtts.len() {
        0 => f64::NAN,
        length => result.rtts[(length - 1) * per_mille / 1_000].as_nanos() as f64 / 1e3,
    };
    if plan.header {
        println!(
            "{:<10}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}",
            "engine", "targets", "rate/s", "cpu us", "answered", "lost", "unmeas.", "p50 us", "p99 us", "max us"
        );
    }
    println!(
        "{:<10}{:>9}{:>9.0}{:>9.2}{:>10}{:>9}{:>9}{:>9.1}{:>9.1}{:>9.1}",
        plan.engine,
        plan.targets,
        total as f64 / elapsed.as_secs_f64(),
        cpu * 1e6 / total as f64,
        result.rtts.len(),
        result.lost,
        result.not_measured,
        quantile(500),
        quantile(990),
        quantile(1_000),
    );
    eprintln!("{:?} {:?}", result.failures, engine.strays());
}

#[derive(Default)]
struct Outcome {
    decided: u64,
    lost: u64,
    not_measured: u64,
    failures: HashMap<Failure, u64>,
    rtts: Vec<Duration>,
}

impl Outcome {
    fn count(&mut self, event: &Event) {
        match event.kind {
            EventKind::Reply { rtt, .. } => self.rtts.push(rtt),
            EventKind::Lost { .. } => self.lost += 1,
            EventKind::NotMeasured(failure) => {
                self.not_measured += 1;
                *self.failures.entry(failure).or_default() += 1;
            }
            EventKind::Late | EventKind::Duplicate => return,
        }
        self.decided += 1;
    }
}

/// CPU time of this process so far, in user and system mode together: the scheduler's own figure for each thread.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}
