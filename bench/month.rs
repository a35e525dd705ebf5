//! A whole month of 10,000 components, reported and verified by the commands themselves.
//!
//! `make` writes the evidence of a month minute by minute through the store's own interface, `report` and `verify`
//! are the commands with their log lines, each in a process of its own so that its peak memory is its own.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assured::cli::{Cli, Command};
use assured::command;
use assured::evidence::names::Names;
use assured::evidence::record::Body;
use assured::evidence::store::{Entry, Store};
use assured::measurement::minute::{Minute, MinuteAggregator, Row, Tally};
use assured::measurement::{Outcome, Round};
use assured::names::{ClassIx, ComponentIx};
use assured::units::Sec;
use clap::Parser as _;

use super::{Random, TEMPLATES, make_templates, shifted};

/// 2026-09-01T00:00:00Z: thirty days, all of them past.
const MONTH: &str = "2026-09";
const BEGIN: i64 = 1_788_220_800;
/// Components of a site, which has one service.
const PER_SITE: i64 = 10;
/// Minutes written in one transaction.
const BATCH: i64 = 60;

/// Writes `DIR/assured.toml` and `DIR/data` with `days` of rounds a second, one outage of a component in the month.
pub(super) fn make(dir: &Path, components: i64, days: i64) {
    let begun = Instant::now();
    fs::create_dir_all(dir).expect("a directory");
    let ids: Vec<String> = (0..components).map(id).collect();
    fs::write(dir.join("assured.toml"), configuration(components)).expect("written");
    let names = Arc::new(Names::new(ids.iter().map(String::as_str), ["default"]));
    let templates = make_templates(u32::try_from(components).expect("few"), false);
    let by = BEGIN - super::START;
    let templates: Vec<Minute> = templates.iter().map(|t| shifted(t, by)).collect();
    let down = outages(components, days * 1_440);
    let (mut store, _) = Store::open_as_daemon(&dir.join("data"), Sec(BEGIN)).expect("opened");
    let facts = [
        Body::Config { hash: "0".repeat(64), toml: String::new() },
        Body::Start { version: env!("CARGO_PKG_VERSION").to_owned(), vantage: "bench".into() },
    ];
    store.append(Sec(BEGIN), &facts.map(Entry::Fact)).expect("written");
    for first in (0..days * 1_440).step_by(usize::try_from(BATCH).expect("small")) {
        let entries: Vec<Entry> = (first..first + BATCH)
            .map(|n| {
                let template = &templates[usize::try_from(n % TEMPLATES).expect("small")];
                let mut minute = shifted(template, (n / TEMPLATES) * TEMPLATES * 60);
                for &component in down.get(&n).map_or(&[][..], Vec::as_slice) {
                    let at = minute.start;
                    let row: &mut Row = &mut minute.rows[component];
                    row.tally = lost(row.component, at);
                }
                Entry::Minute(minute, names.clone())
            })
            .collect();
        let at = Sec(BEGIN + (first + BATCH) * 60);
        store.append(at, &entries).expect("written");
        store.roll_up(at, at).expect("rolled up");
        if first % 1_440 == 0 {
            eprintln!("day {} of {days}, {} s", first / 1_440 + 1, begun.elapsed().as_secs());
        }
    }
    println!("made {components} components, {days} days in {} s", begun.elapsed().as_secs());
}

/// Runs `assured` with these arguments in this process, and says what it took.
pub(super) fn assured(arguments: &[&str]) {
    let cli = Cli::parse_from([&["assured"], arguments].concat());
    let begun = Instant::now();
    let outcome = match cli.command {
        Command::Report(report) => command::report::run(&report),
        Command::Verify(verify) => command::verify::run(&verify),
        _ => unreachable!("only these are timed"),
    };
    let wall = begun.elapsed();
    if let Err(failure) = outcome {
        println!("failed: {}", failure.message);
    }
    let name = format!("assured {}", arguments[0]);
    println!("{name:<28}{:>8.1} s wall, {:>6.1} s CPU, peak {} MiB", wall.as_secs_f64(), cpu().as_secs_f64(), peak());
}

fn cpu() -> Duration {
    super::process_cpu()
}

/// The most memory that this process ever held, MiB (Linux).
fn peak() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

pub(super) fn arguments(dir: &Path) -> (Vec<String>, Vec<String>) {
    let path = |name: &str| dir.join(name).to_str().expect("UTF-8").to_owned();
    let report = ["report", "--contract", "c", "--month", MONTH, "--replace", "--config"].map(str::to_owned);
    let report = report.into_iter().chain([path("assured.toml"), "--out".into(), path("out")]).collect();
    (report, vec!["verify".into(), path(&format!("out/evidence-c-{MONTH}"))])
}

fn id(n: i64) -> String {
    format!("s{:04}-d{}", n / PER_SITE, n % PER_SITE)
}

/// Which components are down in which minute: each once in the month, for one to twenty minutes.
fn outages(components: i64, minutes: i64) -> HashMap<i64, Vec<usize>> {
    let mut random = Random(0xD0);
    let mut down: HashMap<i64, Vec<usize>> = HashMap::new();
    for component in 0..usize::try_from(components).expect("few") {
        let from = (random.unit() * (minutes - 20) as f64) as i64;
        let length = 1 + (random.unit() * 20.0) as i64;
        (from..from + length).for_each(|n| down.entry(n).or_default().push(component));
    }
    down
}

fn lost(component: ComponentIx, minute: Sec) -> Tally {
    let mut aggregator = MinuteAggregator::new();
    for n in 0..60 {
        let round = Round { at: minute.plus(n), component, outcomes: vec![(ClassIx(0), Outcome::Lost)] };
        aggregator.add(&round, 1).expect("in order");
    }
    let rows: BTreeMap<_, _> =
        aggregator.take_all().into_iter().flat_map(|m| m.rows).map(|r| (r.component, r.tally)).collect();
    rows.into_values().next().expect("one row")
}

/// A council estate of a tenth as many sites and services as components.
fn configuration(components: i64) -> String {
    let mut text = String::from(
        r#"[monitor]
vantage = "bench"
data_dir = "data"
time_zone = "UTC"
[classes.default]
dscp = "CS0"
codec = "G.711"
[probing]
icmp = { interval = "1s", timeout = "1s", classes = ["default"] }
[contracts.c]
title = "Converged network"
kind = "consolidated"
provider = "P"
customer = "C"
reference = "R-1"
starts = 2026-01-01
ends = 2029-03-31
contact = { name = "Desk", phone = "1", email = "a@b.example" }
[slas.s]
availability = "99.95%"
formula = "calendar"
restore_within = "5h"
objectives = [
  { class = "default", measure = "rtt_mean", limit = "60ms" },
  { class = "default", measure = "rtt_p95", limit = "150ms" },
  { class = "default", measure = "jitter", limit = "10ms" },
  { class = "default", measure = "loss", limit = "0.1%" },
  { class = "default", measure = "mos", limit = "4.0" },
]
credits = [{ below = "99.95%", credit = "5%" }, { below = "99.5%", credit = "10%" }]
"#,
    );
    for site in 0..components / PER_SITE {
        let d = |n: i64| format!("\"{}\"", id(site * PER_SITE + n));
        let list = |from: i64, to: i64| (from..to).map(d).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "[sites.s{site:04}]\ntitle = \"Site {site}\"\n[services.v{site:04}]\nsite = \"s{site:04}\"\ncontract = \"c\"\n\
             sla = \"s\"\nclass = \"default\"\nmonthly_charge = \"GBP 500.00\"\n\
             requires = {{ all = [{}, {{ any = [{}] }}, {{ at_least = 3, of = [{}] }}] }}",
            list(0, 4),
            list(4, 6),
            list(6, 10)
        );
        for n in site * PER_SITE..(site + 1) * PER_SITE {
            let _ = writeln!(
                text,
                "[devices.{}]\nsite = \"s{site:04}\"\nkind = \"router\"\naddress = \"10.{}.{}.{}\"",
                id(n),
                n / 65_536,
                n / 256 % 256,
                n % 256
            );
        }
    }
    text
}
