//! A day of a few links, second by second: what they really do, a monitor's core that polls and pings, and its evidence.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assured::clock::Now;
use assured::config::{Config, Mode, load};
use assured::daemon::core::Core;
use assured::daemon::replay::{Past, Wanted, client::read};
use assured::evidence::client::Reader;
use assured::evidence::exclusion::Exclusions;
use assured::evidence::record::Body;
use assured::evidence::store::{Entry, Store};
use assured::measurement::Cause;
use assured::measurement::status::{DatedBy, Status, Why, Word};
use assured::names::{ComponentIx, ContractIx, ServiceIx};
use assured::report::collect::{self, Collected};
use assured::report::journal;
use assured::report::model::Report;
use assured::schedule::plan::Plan;
use assured::sla::calendar::Month;
use assured::snapshot::Snapshot;
use assured::units::Sec;
use assured_probes::icmp::{Event, EventKind, Strays};
use tokio_util::sync::CancellationToken;

/// 2026-11-10T00:00:00Z.
pub const BEGIN: Sec = Sec(1_794_268_800);
/// From poll to poll, seconds.
pub const INTERVAL: i64 = 60;

const CONFIG: &str = r#"
[monitor]
vantage = "test"
time_zone = "Europe/London"
SENTINELS
[snmp.public]
version = "2c"
community_file = "community"
[probing]
icmp = { interval = "10s", timeout = "1s" }
snmp = { interval = "60s", timeout = "2s", retries = 1 }
[contracts.c]
title = "C"
provider = "P"
customer = "Q"
starts = 2026-11-10
ends = 2026-11-11
[slas.s]
availability = "99.9%"
[sites.x]
title = "X"
[devices.r1]
site = "x"
address = "192.0.2.1"
snmp = "public"
[links.backup]
site = "x"
device = "r1"
interface = "Dialer1"
role = "standby"
[links.bare]
site = "x"
device = "r1"
interface = "Gi0/1"
[links.both]
site = "x"
device = "r1"
interface = "Gi0/2"
far_address = "192.0.2.2"
[services.s-bare]
site = "x"
contract = "c"
sla = "s"
requires = { all = ["bare"] }
[services.s-both]
site = "x"
contract = "c"
sla = "s"
requires = { all = ["both"] }
[services.s-either]
site = "x"
contract = "c"
sla = "s"
requires = { any = ["bare", "backup"] }
[services.s-waits]
site = "x"
contract = "c"
sla = "s"
requires = { all = ["backup"] }
"#;

/// See the module's text.
pub struct World {
    pub dir: tempfile::TempDir,
    pub config: Config,
    pub core: Core,
    plan: Plan,
    store: Store,
    /// Seconds up to here are over.
    pub now: Sec,
    /// Whether the far end of `both` answers.
    pub far_answers: bool,
    waiting: Vec<Entry>,
    /// What the oracle is told: rounds of pings, and statements.
    pings: String,
    polls: String,
    config_text: String,
}

/// The configuration, with whatever is to stand in `[monitor]`.
pub fn config(folder: &Path, monitor: &str) -> Config {
    std::fs::write(folder.join("community"), "public").expect("a writable folder");
    let text = CONFIG.replace("SENTINELS", monitor);
    load::parse_str(&text, folder, Mode::Run).expect("a sound configuration").config
}

pub fn at(sec: Sec) -> Now {
    Now { wall_ns: sec.0 * 1_000_000_000, mono_ns: u64::try_from(sec.0).expect("positive") * 1_000_000_000 }
}

impl World {
    pub fn new() -> Self {
        Self::with("")
    }

    pub fn with(monitor: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path(), monitor);
        let (store, _) = Store::open_as_daemon(&dir.path().join("data"), BEGIN).expect("opened");
        let core = Core::new(config.clone(), Vec::new(), BEGIN, "none");
        let plan = core.plan();
        let config_text = CONFIG.replace("SENTINELS", monitor);
        let pings = "time,component,class,outcome,rtt_us\n".to_owned();
        let polls = "due,heard,component,word,since,flapped\n".to_owned();
        let mut world = Self {
            dir,
            config,
            core,
            plan,
            store,
            now: BEGIN,
            far_answers: true,
            waiting: Vec::new(),
            pings,
            polls,
            config_text,
        };
        world.started();
        world
    }

    fn started(&mut self) {
        self.core.keep();
        let start = Entry::Fact(Body::Start { version: "1".into(), vantage: "test".into() });
        self.store.append(self.now, &[start]).expect("written");
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn component(&self, id: &str) -> ComponentIx {
        self.config.component_by_id()[id]
    }

    pub fn service(&self, id: &str) -> ServiceIx {
        self.config.service(&format!("s-{id}")).expect("configured")
    }

    /// The device says something of a link; due and heard now.
    pub fn says(&mut self, link: &str, word: Word, since: Option<i64>, flapped: bool) {
        self.status(link, Status { flapped, since: since.map(|s| BEGIN.plus(s)), ..said(self.now, word) });
    }

    pub fn status(&mut self, link: &str, status: Status) {
        let word = match status.word {
            Word::Up => "up",
            Word::Down(_) => "down",
            Word::Off => "off",
            Word::Unknown(_) => "unknown",
        };
        let since = status.since.map_or(String::new(), |s| s.0.to_string());
        let Status { at: due, heard, flapped, .. } = status;
        writeln!(self.polls, "{},{},{link},{word},{since},{}", due.0, heard.0, u8::from(flapped)).expect("text");
        let component = self.component(link);
        self.core.status(component, &status, at(self.now.max(status.heard)));
    }

    /// Pings and time go on until `offset` seconds after the begin.
    pub fn until(&mut self, offset: i64) {
        let end = BEGIN.plus(offset);
        while self.now < end {
            let (before, now) = (at(self.now), at(self.now.plus(1)));
            self.now = self.now.plus(1);
            let mut requests = Vec::new();
            // Due instants are floored to the second.
            let now_text = self.now.plus(-1);
            let core = &mut self.core;
            self.plan.due(before.wall_ns, now.wall_ns, |due| core.due(due, now, &mut requests));
            for request in requests {
                let far = request.address.to_string() == "192.0.2.2";
                let answers = !far || self.far_answers;
                let (id, outcome) = (if far { "both" } else { "r1" }, if answers { "reply" } else { "lost" });
                writeln!(self.pings, "{now_text},{id},default,{outcome},").expect("text");
                let rtt = Duration::from_micros(900);
                let kind = if answers {
                    EventKind::Reply { rtt, dscp: None, ttl: None }
                } else {
                    EventKind::Lost { unreachable: None }
                };
                self.core.event(&Event { key: request.key, kind }, now);
            }
            self.core.tick(now);
            self.keep();
        }
    }

    fn keep(&mut self) {
        let kept = self.core.take_kept();
        let minutes = kept.minutes.into_iter().map(|(minute, names)| Entry::Minute(minute, names));
        self.waiting.extend(kept.facts.into_iter().map(Entry::Fact).chain(minutes));
        if self.now.0 % 600 == 0 {
            self.write();
        }
        if self.now.0 % 3_600 == 400 {
            self.store.roll_up(self.now, self.now.plus(-400)).expect("rolled up");
        }
    }

    fn write(&mut self) {
        if !self.waiting.is_empty() {
            self.store.append(self.now, &std::mem::take(&mut self.waiting)).expect("written");
        }
    }

    /// The monitor ends, and what it knew is on the disk.
    pub fn stop(&mut self) {
        self.core.close(at(self.now));
        self.keep();
        self.write();
    }

    /// The monitor is killed: what was not on the disk is lost.
    pub fn kill(&mut self) {
        self.waiting.clear();
    }

    /// The monitor starts again, so many seconds later.
    pub fn start(&mut self, later: i64) {
        self.now = self.now.plus(later);
        self.core = Core::new(self.config.clone(), Vec::new(), self.now, "none");
        let past = self.past(true);
        self.started();
        self.core.adopt(past);
        self.plan = self.core.plan();
    }

    /// What the evidence says now.
    pub fn past(&self, restart: bool) -> Past {
        let wanted = Wanted { restart, objectives: true };
        let past = read(&self.data(), &self.config, self.now, wanted, &CancellationToken::new()).expect("read");
        assert_eq!(past.damages, Vec::<String>::new());
        past
    }

    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot(at(self.now), &Strays::default())
    }

    /// The same instant as the evidence has it.
    pub fn replayed(&self) -> Snapshot {
        let mut core = Core::new(self.config.clone(), Vec::new(), self.now, "none");
        core.adopt(self.past(true));
        core.snapshot(at(self.now), &Strays::default())
    }

    pub fn collected(&self) -> Collected {
        let mut readers = Reader::open_alike(&self.data(), 3).expect("readable");
        let month = Month::of(BEGIN, &self.config.monitor.time_zone);
        let wanted = collect::Wanted { contract: ContractIx(0), month, at: self.now, asked: true, until: None };
        let collect =
            |readers: &mut [Reader]| collect::collect(&self.config, readers, wanted, &mut |_| ()).expect("collected");
        let collected = collect(&mut readers);
        let alone = collect(&mut readers[..1]);
        let same = (&alone.journal, &alone.minutes) == (&collected.journal, &collected.minutes);
        assert!(same, "the bytes do not depend on the number of readers");
        collected
    }

    pub fn report(&self) -> Report {
        report(&self.config, &self.collected().journal)
    }

    pub fn exclusions(&self) -> Exclusions {
        let mut all = Exclusions::default();
        Reader::open(&self.data()).expect("readable").facts(|stored| all.take(&stored.record));
        all
    }

    /// The same month by an implementation of its own, from the rules alone.
    pub fn oracle(&self) -> serde_json::Value {
        let put = |name: &str, text: &str| std::fs::write(self.dir.path().join(name), text).expect("a writable folder");
        put("config.toml", &self.config_text);
        put("rounds.csv", &self.pings);
        put("statements.csv", &self.polls);
        put("exclusions.json", "[]");
        let month = Month::of(BEGIN, &self.config.monitor.time_zone).to_string();
        let run = std::process::Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/oracle.py"))
            .args(["config.toml", "rounds.csv", "exclusions.json", month.as_str(), "statements.csv"])
            .current_dir(self.dir.path())
            .output()
            .expect("the oracle needs python3, version 3.11 or later, in the path");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        serde_json::from_slice(&run.stdout).expect("the oracle prints JSON")
    }

    /// Outages of a service so far, in seconds from the begin.
    pub fn outages(&self, service: &str) -> Vec<(i64, i64)> {
        let view = &self.snapshot().services[self.service(service).get()];
        let offset = |at: Sec| at.since(BEGIN);
        view.outages.iter().map(|o| (offset(o.from), offset(o.to.unwrap_or(self.now)))).collect()
    }
}

pub fn report(config: &Config, journal: &[u8]) -> Report {
    assured::report::build::report(config, &journal::decode(journal).expect("chained")).expect("computed")
}

pub fn said(now: Sec, word: Word) -> Status {
    Status { at: now, heard: now, word, since: None, flapped: false, dated_by: DatedBy::Poll }
}

pub const DOWN: Word = Word::Down(Why::Down);
pub const SILENT: Word = Word::Unknown(Cause::AgentSilent);

/// An interface with a clock of its own, and what the poller knows of it.
pub struct Device {
    /// What it is from when on; the first entry is before everything.
    history: Vec<(i64, Word)>,
    heard: Option<(i64, Word)>,
}

impl Device {
    pub fn new(history: Vec<(i64, Word)>) -> Self {
        Self { history, heard: None }
    }

    pub fn truth(&self, at: i64) -> Word {
        self.history[self.history.partition_point(|(from, _)| *from <= at) - 1].1
    }

    /// A poll's word in the second `heard`, `due` a little earlier.
    pub fn poll(&mut self, due: i64, heard: i64, trap: bool) -> Status {
        let n = self.history.partition_point(|(from, _)| *from <= heard) - 1;
        let (since, word) = self.history[n];
        let moved = self.heard.is_some_and(|(before, _)| since > before);
        let flapped = moved && self.heard.is_some_and(|(_, before)| before == word);
        self.heard = Some((heard, word));
        let dated_by = if trap { DatedBy::Trap } else { DatedBy::Poll };
        let since = (n > 0).then(|| BEGIN.plus(since));
        Status { at: BEGIN.plus(due), heard: BEGIN.plus(heard), word, since, flapped, dated_by }
    }
}
