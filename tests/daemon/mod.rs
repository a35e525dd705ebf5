//! What the tests of the daemon share: places to run it in, ways to run it, and eyes to read it with.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use assured::clock::{Clock, Now, SystemClock};
use assured::config::{self, Mode};
use assured::daemon::supervisor::{self, Parts, SuperviseError};
use assured::lab::scenario::{Hosts, Scenario};
use assured::lab::{self, Lab};
use assured::schedule::plan::Plan;
use assured::sla::calendar::Month;
use assured::units::Sec;
use assured_probes::icmp::socket::Sockets;
use jiff::tz::TimeZone;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

pub const ASSURED: &str = env!("CARGO_BIN_EXE_assured");
/// Whoever waits longer than this waits in vain, seconds.
const PATIENCE_S: u64 = 60;

// Places.

/// Runs a test on a thread of its own, which may then go to another namespace.
pub fn apart(test: impl FnOnce() + Send + 'static) {
    if let Err(panic) = thread::spawn(test).join() {
        std::panic::resume_unwind(panic);
    }
}

/// Takes the calling thread to an empty network namespace with nothing but loopback.
pub fn nowhere() {
    unshare(CloneFlags::CLONE_NEWNET).expect("tests run as root");
    ip("link set lo up");
}

/// Takes the calling thread into the lab's namespace.
pub fn enter(lab: &Lab) {
    let namespace =
        lab.inside(|| File::open("/proc/thread-self/ns/net")).expect("a thread has it").expect("it is there");
    setns(namespace, CloneFlags::CLONE_NEWNET).expect("tests run as root");
}

/// `ip` with these arguments, in the calling thread's namespace.
pub fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is there");
    assert!(done.success(), "ip {arguments}");
}

pub fn lab(scenario: &Scenario) -> Lab {
    let options = lab::Options { way: lab::client::Way::Thread, remember: 1 << 20, ..lab::Options::default() };
    Lab::start(scenario, &options).expect("tests run as root, with a TUN device")
}

pub fn host(address: &str) -> Hosts {
    Hosts::at(address.parse().expect("an address"))
}

/// An address for pages that no other test and no other run of the tests has.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from((
        [127, 200 | (std::process::id() >> 16) as u8 & 31, high, low],
        NEXT.fetch_add(1, Ordering::Relaxed),
    ))
}

// Clocks.

/// Now, by the machine's wall clock, nanoseconds.
pub fn wall_ns() -> i64 {
    SystemClock::default().now().wall_ns
}

/// A clock whose wall time can be stepped.
pub struct Stepping {
    inner: SystemClock,
    offset_ns: AtomicI64,
}

impl Stepping {
    /// Shows `wall` now.
    pub fn starting_at(wall: &str) -> Arc<Self> {
        let start: jiff::Timestamp = wall.parse().expect("an instant");
        let inner = SystemClock::default();
        let offset = i64::try_from(start.as_nanosecond()).expect("near") - inner.now().wall_ns;
        Arc::new(Self { inner, offset_ns: AtomicI64::new(offset) })
    }

    pub fn step(&self, seconds: i64) {
        self.offset_ns.fetch_add(seconds * 1_000_000_000, Ordering::SeqCst);
    }
}

impl Clock for Stepping {
    fn now(&self) -> Now {
        let now = self.inner.now();
        Now { wall_ns: now.wall_ns + self.offset_ns.load(Ordering::SeqCst), ..now }
    }
}

/// Looks until there is something to see. The pause only spares the machine.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE_S, what, look)
}

/// The same, with a patience of its own, seconds.
pub fn until_within<T>(patience_s: u64, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::default();
    while clock.now().mono_ns < patience_s * 1_000_000_000 {
        if let Some(seen) = look() {
            return seen;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("waited {patience_s} s in vain until {what}");
}

// Configurations.

/// A configuration in which every device `x` has a service `s-x`.
#[derive(Clone)]
pub struct Estate {
    pub monitor: String,
    pub probing: String,
    pub more: String,
    /// What stands in every service besides.
    pub service: String,
    /// Whether every device has one.
    pub services: bool,
    pub devices: Vec<(String, String)>,
}

impl Estate {
    pub fn of(devices: &[(&str, &str)]) -> Self {
        Self {
            monitor: String::new(),
            probing: r#"icmp = { interval = "1s", timeout = "900ms" }"#.into(),
            more: String::new(),
            service: String::new(),
            services: true,
            devices: devices.iter().map(|(id, address)| ((*id).into(), (*address).into())).collect(),
        }
    }

    /// So many devices `h0`, `h1` … at consecutive addresses, and one service that needs them all.
    pub fn crowd(first: &str, count: u32) -> Self {
        let first: std::net::Ipv4Addr = first.parse().expect("an address");
        let address = |n| std::net::Ipv4Addr::from_bits(first.to_bits() + n).to_string();
        let devices: Vec<_> = (0..count).map(|n| (format!("h{n}"), address(n))).collect();
        let names: Vec<_> = devices.iter().map(|(id, _)| id.as_str()).collect();
        let more = format!(
            "[services.s-all]\nsite = \"here\"\ncontract = \"long\"\nsla = \"plain\"\nrequires = {{ all = {names:?} }}\n"
        );
        Self { more, services: false, devices, ..Self::of(&[]) }
    }

    pub fn text(&self, listen: SocketAddr, dir: &Path) -> String {
        let mut text = format!(
            "[monitor]\nvantage = \"test\"\nlisten = \"{listen}\"\ndata_dir = \"{}\"\ntime_zone = \"Europe/London\"\n{}\n\
             [probing]\n{}\n\
             [contracts.long]\ntitle = \"Long\"\nprovider = \"P\"\ncustomer = \"C\"\nstarts = 2000-01-01\nends = 2099-12-31\n\
             [slas.plain]\navailability = \"99%\"\n\
             [sites.here]\ntitle = \"Here\"\n{}\n",
            dir.join("data").display(),
            self.monitor,
            self.probing,
            self.more,
        );
        for (id, address) in &self.devices {
            let _ = write!(text, "[devices.{id}]\nsite = \"here\"\naddress = \"{address}\"\n");
            if !self.services {
                continue;
            }
            let _ = write!(
                text,
                "[services.s-{id}]\nsite = \"here\"\ncontract = \"long\"\nsla = \"plain\"\nrequires = \"{id}\"\n{}\n",
                self.service
            );
        }
        text
    }
}

pub fn london() -> TimeZone {
    TimeZone::get("Europe/London").expect("time zones are built in")
}

/// The instant at which the round of `id` is due that was seen on the way at `wall_ns`; rounds are a second apart.
pub fn due_before(id: &str, wall_ns: i64) -> i64 {
    let mut last = None;
    Plan::new([(0, id, 1_000_000_000)]).due(wall_ns - 1_000_000_000, wall_ns, |due| last = Some(due.at_ns));
    last.expect("once a second it is due")
}

// Eyes.

/// What a scrape showed.
pub struct Metrics(Vec<(String, String, f64)>);

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            (name.to_owned(), labels.to_owned(), value.parse().expect("a number"))
        };
        Self(text.lines().filter(|line| !line.starts_with('#')).map(sample).collect())
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = f64> {
        let wanted: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let fits = |of: &str| wanted.iter().all(|w| of.split(['{', ',', '}']).any(|label| label == w));
        self.0
            .iter()
            .filter(|(of, labels, _)| of == name && fits(labels))
            .map(|(.., value)| *value)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Sum over all series that carry these labels; 0 without any.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).sum()
    }

    /// Sums by component.
    pub fn by_component(&self, name: &str) -> BTreeMap<&str, f64> {
        let mut sums = BTreeMap::new();
        for (_, labels, value) in self.0.iter().filter(|(of, ..)| of == name) {
            let component = labels.split_once("component=\"").and_then(|(_, rest)| rest.split_once('"'));
            *sums.entry(component.expect("of a component").0).or_default() += value;
        }
        sums
    }

    /// How many series of that name there are.
    pub fn count(&self, name: &str) -> usize {
        self.matching(name, &[]).count()
    }

    /// Every label value of a key.
    pub fn mentions(&self, label: &str) -> bool {
        self.0.iter().any(|(_, labels, _)| labels.contains(label))
    }

    pub fn is_in(&self, component: &str, state: &str) -> bool {
        self.sum("assured_component_state", &[("component", component), ("state", state)]) > 0.5
    }

    pub fn of(&self, what: &str, component: &str) -> u64 {
        self.sum(&format!("assured_probe_{what}_total"), &[("component", component)]) as u64
    }

    pub fn not_measured(&self, cause: &str) -> u64 {
        self.sum("assured_monitor_not_measured_total", &[("cause", cause)]) as u64
    }

    pub fn accounts(&self, service: &str) -> Accounts {
        let of =
            |account| self.sum("assured_service_month_seconds", &[("service", service), ("account", account)]) as i64;
        Accounts { up: of("up"), down: of("down"), unknown: of("unknown"), excluded: of("excluded") }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts {
    pub up: i64,
    pub down: i64,
    pub unknown: i64,
    pub excluded: i64,
}

impl Accounts {
    pub fn window(self) -> i64 {
        self.up + self.down + self.unknown + self.excluded
    }
}

/// A daemon's pages.
#[derive(Clone, Copy)]
pub struct Page(pub SocketAddr);

impl Page {
    pub fn get(self, path: &str) -> Result<String, ureq::Error> {
        self.get_as(path, "*/*")
    }

    pub fn get_as(self, path: &str, accept: &str) -> Result<String, ureq::Error> {
        let mut answer = ureq::get(format!("http://{}{path}", self.0)).header("accept", accept).call()?;
        answer.body_mut().with_config().limit(1 << 30).read_to_string()
    }

    pub fn scrape(self) -> Metrics {
        Metrics::parse(&self.get("/metrics").expect("metrics are served"))
    }

    pub fn json(self, path: &str) -> serde_json::Value {
        let body = self.get(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        serde_json::from_str(&body).expect("JSON")
    }

    /// Waits until a scrape shows it.
    pub fn until(self, what: &str, mut shown: impl FnMut(&Metrics) -> bool) -> Metrics {
        until(what, || self.get("/metrics").ok().map(|text| Metrics::parse(&text)).filter(|m| shown(m)))
    }

    pub fn until_up(self, components: &[&str]) -> Metrics {
        self.until(&format!("{components:?} are up"), |m| components.iter().all(|c| m.is_in(c, "up")))
    }

    /// Scrapes, and holds the four accounts of each of these services against the elapsed window: from the start of the
    /// local month, or from `begin` when that is later, to the second of the scrape by `clock`.
    pub fn accounts_add_up(self, clock: &dyn Clock, services: &[&str], begin: Option<Sec>) -> Metrics {
        let before = clock.now().sec();
        let metrics = self.scrape();
        let after = clock.now().sec();
        for service in services {
            let accounts = metrics.accounts(service);
            let month = Month::of(before, &london()).span(&london()).from;
            let start = begin.map_or(month, |begin| begin.max(month));
            let (least, most) = (before.since(start), after.since(start));
            let window = accounts.window();
            assert!((least..=most).contains(&window), "{service}: {accounts:?} make {window}, not {least} to {most}");
        }
        metrics
    }
}

/// An instant of the API.
pub fn instant(value: &serde_json::Value) -> Sec {
    let text = value.as_str().unwrap_or_else(|| panic!("an instant, not {value}"));
    Sec(text.parse::<jiff::Timestamp>().expect("RFC 3339").as_second())
}

// Ways to run it.

/// The daemon in this process.
pub struct Inner {
    pub page: Page,
    stop: CancellationToken,
    thread: Option<JoinHandle<Result<(), SuperviseError>>>,
    _dir: tempfile::TempDir,
}

impl Inner {
    pub fn start(estate: &Estate, sockets: Sockets, clock: Arc<dyn Clock>) -> Self {
        let (dir, address) = (tempfile::tempdir().expect("a folder"), free_address());
        let loaded = config::load::parse_str(&estate.text(address, dir.path()), dir.path(), Mode::Run)
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        let stop = CancellationToken::new();
        let parts = Parts {
            config: loaded.config,
            file: None,
            data_dir: None,
            sockets,
            snmp: assured::daemon::poll::driver::here(),
            clock,
            stop: stop.clone(),
        };
        let thread = thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(supervisor::run(parts))
        });
        let page = Page(address);
        until("the page is there", || page.get("/healthz").ok());
        Self { page, stop, thread: Some(thread), _dir: dir }
    }

    pub fn over(lab: &Lab, estate: &Estate) -> Self {
        let sockets = lab.sockets(Default::default()).expect("sockets inside");
        Self::start(estate, sockets, Arc::new(SystemClock::default()))
    }

    pub fn stop(mut self) {
        self.end().expect("a stop that was asked for is no failure");
    }

    fn end(&mut self) -> Result<(), SuperviseError> {
        self.stop.cancel();
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("the daemon does not panic"))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = self.end();
        }
    }
}

/// The real binary, in the calling thread's namespaces.
pub struct Outer {
    pub page: Page,
    pub dir: tempfile::TempDir,
    child: Child,
}

impl Outer {
    /// Starts `assured run` and waits for its pages.
    pub fn start(estate: &Estate) -> Self {
        Self::start_with(estate, |_| ())
    }

    /// The same, with other files made beside the configuration first.
    pub fn start_with(estate: &Estate, files: impl FnOnce(&Path)) -> Self {
        let (dir, address) = (tempfile::tempdir().expect("a folder"), free_address());
        files(dir.path());
        fs::write(dir.path().join("assured.toml"), estate.text(address, dir.path())).expect("written");
        let child = Self::spawn(dir.path());
        let mut outer = Self { page: Page(address), dir, child };
        outer.until_served();
        outer
    }

    fn spawn(dir: &Path) -> Child {
        let log = File::options().create(true).append(true).open(dir.join("log")).expect("a file");
        command(Path::new(ASSURED), dir).stderr(Stdio::from(log)).spawn().expect("it starts")
    }

    fn until_served(&mut self) {
        until("the page is there", || {
            let ended = self.child.try_wait().expect("it is ours");
            assert!(ended.is_none(), "it ended: {}", self.log());
            self.page.get("/healthz").ok()
        });
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Starts it again in the same folder.
    pub fn again(&mut self) {
        self.child = Self::spawn(self.dir.path());
        self.until_served();
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("assured.toml")
    }

    /// Writes another configuration over the present one.
    pub fn rewrite(&self, estate: &Estate) {
        fs::write(self.config(), estate.text(self.page.0, self.dir.path())).expect("written");
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).expect("it logs")
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")), signal).expect("it is ours");
    }

    pub fn ended(&mut self) -> ExitStatus {
        until("it ends", || self.child.try_wait().expect("it is ours"))
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of the daemon\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `PROGRAM run --config DIR/assured.toml`
pub fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["run", "--config"]).arg(dir.join("assured.toml")).stdin(Stdio::null()).stdout(Stdio::null());
    command.env_remove("NOTIFY_SOCKET");
    command
}
