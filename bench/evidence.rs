//! What evidence costs: `bench/evidence.sh` runs it and prints a table.
//!
//! Arguments: components, minutes to commit. CPU is that of the working thread; disks are this machine's.
//! `make DIR [COMPONENTS [DAYS]]`, `report DIR` and `verify DIR` are of [`month`].

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod month;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assured::evidence::client::{Query, Reader};
use assured::evidence::import::{HEADER, Targets, import};
use assured::evidence::names::Names;
use assured::evidence::rollup::Grain;
use assured::evidence::store::{Entry, Store};
use assured::measurement::minute::{Minute, MinuteAggregator, Replies, Row, Tally};
use assured::measurement::rounds::{Rounds, Run, verdicts};
use assured::measurement::{Outcome, Round, Verdict};
use assured::names::{ClassIx, ComponentIx};
use assured::units::{Micros, Sec, Span};

/// 2026-10-01T00:00:00Z.
const START: i64 = 1_790_812_800;
const DAY: i64 = 86_400;
/// Distinct minutes; committed over and over with their time shifted.
const TEMPLATES: i64 = 60;
const MONTH_MINUTES: f64 = 31.0 * 1_440.0;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [what @ ("make" | "report" | "verify"), dir, rest @ ..] =
        &given.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        return whole_month(what, Path::new(dir), rest);
    }
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<i64>().expect("a number"));
    let components = arguments.next().unwrap_or(10_000);
    let minutes = arguments.next().unwrap_or(240);
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let ids: Vec<_> = (0..components).map(|n| format!("site-{:04}-r{}", n / 2, n % 2)).collect();
    let names = Arc::new(Names::new(ids.iter().map(String::as_str), ["default"]));
    println!("{components} components, one class, a round a second, {minutes} minutes committed\n");

    let mut templates = Vec::new();
    let folding = measure(|| templates = make_templates(u32::try_from(components).expect("few"), true));
    line("fold a minute of rounds", folding.cpu / u32::try_from(TEMPLATES).expect("small"), "CPU");

    commit(&dir.path().join("minutes"), &names, &templates, minutes);
    audit(&dir.path().join("minutes"), minutes);
    month(&dir.path().join("month"), &names, &templates);
    history(dir.path());
}

fn whole_month(what: &str, dir: &Path, rest: &[&str]) {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    let number = |n: usize, else_: i64| rest.get(n).map_or(else_, |a| a.parse().expect("a number"));
    let (report, verify) = month::arguments(dir);
    let run = |arguments: &[String]| month::assured(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    match what {
        "make" => month::make(dir, number(0, 10_000), number(1, 30)),
        "report" => run(&report),
        _ => run(&verify),
    }
}

/// Access circuits as they are: a base delay per site, queueing above it, spikes, rare losses, and if wanted a few
/// outages.
fn make_templates(components: u32, outages: bool) -> Vec<Minute> {
    let mut random = Random(0x5EED);
    let bases: Vec<f64> = (0..components).map(|_| 300.0 * (random.unit() * 6.6).exp()).collect();
    let noise: Vec<f64> = (0..components).map(|_| 0.01 + 0.08 * random.unit()).collect();
    let mut down_until = vec![0; components as usize];
    let mut aggregator = MinuteAggregator::new();
    let mut minutes = Vec::new();
    for at in START..START + TEMPLATES * 60 {
        for c in 0..components as usize {
            // Four outages of some minutes in a month of seconds.
            if outages && random.unit() < 4.0 / 2_678_400.0 {
                down_until[c] = at + 60 + (random.unit() * 1_200.0) as i64;
            }
            let spike = if random.unit() < 0.002 { 20.0 * random.unit() } else { 1.0 };
            let rtt = bases[c] * (1.0 - noise[c] * random.unit().max(1e-9).ln() * spike);
            let lost = at < down_until[c] || random.unit() < 0.000_5;
            let outcome = if lost { Outcome::Lost } else { Outcome::Reply { rtt: Micros(rtt as u32) } };
            let component = ComponentIx::from(c);
            aggregator
                .add(&Round { at: Sec(at), component, outcomes: vec![(ClassIx(0), outcome)] }, 1)
                .expect("in order");
        }
        minutes.extend(aggregator.take_before(Sec(at)));
    }
    minutes.extend(aggregator.take_all());
    minutes
}

fn commit(dir: &Path, names: &Arc<Names>, templates: &[Minute], minutes: i64) {
    let (mut store, _) = Store::open_as_daemon(dir, Sec(START)).expect("opened");
    let (mut cpu, mut wall, mut slowest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut rolled, mut rolls) = (Cost::default(), 0);
    for n in 0..minutes {
        let template = &templates[usize::try_from(n % TEMPLATES).expect("small")];
        let minute = shifted(template, (n / TEMPLATES) * TEMPLATES * 60);
        let (start, entry) = (minute.start, [Entry::Minute(minute, names.clone())]);
        let cost = measure(|| _ = store.append(start.plus(61), &entry).expect("written"));
        (cpu, wall, slowest) = (cpu + cost.cpu, wall + cost.wall, slowest.max(cost.wall));
        let cost = measure(|| rolls += store.roll_up(start.plus(61), start).expect("rolled up"));
        (rolled.cpu, rolled.wall) = (rolled.cpu + cost.cpu, rolled.wall + cost.wall);
    }
    drop(store);
    let count = u32::try_from(minutes).expect("few");
    line("commit a minute (limit 20 ms of CPU)", cpu / count, "CPU");
    line("  wall, mean", wall / count, "");
    line("  wall, slowest", slowest, "");
    if rolls > 0 {
        line("roll up an hour", rolled.cpu / u32::try_from(rolls).expect("few"), "CPU");
    }
    let conn = rusqlite::Connection::open(dir.join("evidence-2026-10.db")).expect("opened");
    let bytes = |grain: i64| -> (f64, f64) {
        let sql = "SELECT coalesce(sum(length(data)), 0), count(*) FROM part JOIN blob USING (seq) WHERE grain = ?1";
        conn.query_row(sql, [grain], |r| Ok((r.get::<_, i64>(0)? as f64, r.get::<_, i64>(1)? as f64))).expect("read")
    };
    let rows = (minutes as f64) * templates[0].rows.len() as f64;
    let file = fs::metadata(dir.join("evidence-2026-10.db")).expect("there").len() as f64;
    println!("{:<52}{:>10.1} B", "component-minute, blob", bytes(0).0 / rows);
    println!("{:<52}{:>10.1} B", "component-minute, whole file (limit 20 B)", file / rows);
    if bytes(1).1 > 0.0 {
        println!("{:<52}{:>10.1} B", "component-hour", bytes(1).0 / bytes(1).1 / templates[0].rows.len() as f64);
    }
}

fn audit(dir: &Path, minutes: i64) {
    let reader = Reader::open(dir).expect("readable");
    let before = process_cpu();
    let cost = measure(|| {
        let audit = reader.audit();
        assert_eq!(audit.problems, []);
    });
    let scale = MONTH_MINUTES / minutes as f64;
    line("  CPU of all threads for 31 days", (process_cpu() - before).mul_f64(scale), "CPU, scaled");
    line("audit: every minute re-read, hashed, added up", cost.wall, "");
    line("  for 31 days (limit 90 s)", cost.wall.mul_f64(scale), "scaled; on all processors");
}

/// A month of days, as roll-ups hold them, read as a report does.
fn month(dir: &Path, names: &Arc<Names>, templates: &[Minute]) {
    let mut hour: BTreeMap<_, Tally> = BTreeMap::new();
    for row in templates.iter().flat_map(|m| &m.rows) {
        hour.entry((row.component, row.class)).or_default().merge(&row.tally);
    }
    let (mut store, _) = Store::open_as_daemon(dir, Sec(START)).expect("opened");
    for day in 0..31 {
        for h in 0..24 {
            let by = day * DAY + h * 3_600;
            let rows =
                hour.iter().map(|(&(component, class), t)| Row { component, class, tally: shift(t, by) }).collect();
            let minute = Minute { start: Sec(START + by), rows };
            store.append(minute.start.plus(3_600), &[Entry::Minute(minute, names.clone())]).expect("written");
        }
        store.roll_up(Sec(START + (day + 1) * DAY), Sec(START + (day + 1) * DAY)).expect("rolled up");
    }
    drop(store);
    for (what, coarsest) in [("month from days", Grain::Day), ("month from hours", Grain::Hour)] {
        let reader = Reader::open(dir).expect("readable");
        let (mut down, mut totals) = (0_u64, BTreeMap::<_, Replies>::new());
        let span = Span::new(Sec(START), Sec(START + 31 * DAY));
        let cost = measure(|| {
            reader.rows(Query { span, coarsest, names, only: None }, |chunk| {
                for row in &chunk.rows {
                    let lost = |run: &Run<Verdict>| run.fate == Verdict::Lost;
                    let runs = verdicts([&row.tally.rounds]);
                    down += runs.filter(lost).map(|run| u64::from(run.count)).sum::<u64>();
                    totals.entry((row.component, row.class)).or_default().merge(&row.tally.replies);
                }
            });
        });
        assert!(down > 0 && reader.damages().is_empty());
        line(&format!("{what}: verdicts, losses, histograms (limit 10 s)"), cost.wall, "");
    }
}

fn history(dir: &Path) {
    let ids: Vec<_> = (0..100).map(|n| format!("r{n}")).collect();
    let mut text = format!("{HEADER}\n");
    for at in (START..START + 31 * DAY).step_by(60) {
        let time = Sec(at).to_string();
        for (n, id) in ids.iter().enumerate() {
            let _ = writeln!(text, "{time},{id},,reply,{}", 9_000 + (at * 7 + n as i64 * 31) % 2_000);
        }
    }
    let file = dir.join("history.csv");
    fs::write(&file, text).expect("written");
    let names = Names::new(ids.iter().map(String::as_str), ["default"]);
    let targets = Targets::new(names, vec![(ClassIx(0), 60); 100]);
    let cost = measure(|| _ = import(&dir.join("imported"), &file, &targets, "bench", Sec(START)).expect("imported"));
    line("import of 31 days, 100 components at 60 s", cost.wall, "");
}

fn shifted(minute: &Minute, by: i64) -> Minute {
    let row = |r: &Row| Row { component: r.component, class: r.class, tally: shift(&r.tally, by) };
    Minute { start: minute.start.plus(by), rows: minute.rows.iter().map(row).collect() }
}

fn shift(tally: &Tally, by: i64) -> Tally {
    let mut rounds = Rounds::default();
    for run in tally.rounds.runs() {
        rounds.push_run(Run { first: run.first.plus(by), ..run }).expect("in order");
    }
    Tally { rounds, replies: tally.replies.clone() }
}

#[derive(Default)]
struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn measure(work: impl FnOnce()) -> Cost {
    let (cpu, wall) = (thread_cpu(), Instant::now());
    work();
    Cost { cpu: thread_cpu() - cpu, wall: wall.elapsed() }
}

/// CPU time of this thread (Linux: the first field of schedstat, nanoseconds).
fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0))
}

/// CPU time of all threads (Linux: utime and stime of stat, hundredths of a second).
fn process_cpu() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn line(what: &str, time: Duration, unit: &str) {
    println!("{what:<52}{:>10.1} ms {unit}", time.as_secs_f64() * 1e3);
}

/// SplitMix64: the same workload on every machine.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
