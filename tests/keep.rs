//! What was measured outlives the daemon: stops, kills, reloads, disks that are full or cannot be written to.
//!
//! Runs the real program over loopback addresses; one test mounts a small file system. Needs root.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use assured::config::{Config, load};
use assured::daemon::replay::Wanted;
use assured::daemon::replay::client::read;
use assured::evidence::client::{Query, Reader};
use assured::evidence::names::Names;
use assured::evidence::record::{Action, Body, Exclusion};
use assured::evidence::rollup::Grain;
use assured::evidence::store::{Entry, Store};
use assured::measurement::Cause;
use assured::measurement::rounds::{Fate, Rounds, verdicts};
use assured::names::ServiceIx;
use assured::sla::account::Accounts;
use assured::sla::calendar::Month;
use assured::sla::fold::{Fold, Source};
use assured::sla::ledger::Limits;
use assured::units::{Sec, Span};
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon of its own: configuration, data folder, address.
struct Home {
    dir: tempfile::TempDir,
    data: PathBuf,
    listen: String,
}

struct Daemon<'a> {
    home: &'a Home,
    child: Child,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let data = dir.path().join("data");
        Self::with_data(dir, data)
    }

    fn with_data(dir: tempfile::TempDir, data: PathBuf) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
        Self { dir, data, listen: free.to_string() }
    }

    /// Devices by name and address; one service needs all of them.
    fn configure(&self, devices: &[(&str, &str)], more: &str) {
        let mut toml = format!(
            "[monitor]\nvantage = \"test\"\nlisten = \"{}\"\ndata_dir = \"{}\"\ntime_zone = \"Europe/London\"\n\
             [probing]\nicmp = {{ interval = \"1s\", timeout = \"500ms\" }}\n\
             [contracts.c]\ntitle = \"C\"\nprovider = \"P\"\ncustomer = \"Q\"\nstarts = 2000-01-01\nends = 2099-12-31\n\
             [slas.s]\navailability = \"99.9%\"\n\
             [sites.x]\ntitle = \"X\"\n",
            self.listen,
            self.data.display()
        );
        for (name, address) in devices {
            toml += &format!("[devices.{name}]\nsite = \"x\"\naddress = \"{address}\"\n");
        }
        let names: Vec<String> = devices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        toml += &format!(
            "[services.all]\nsite = \"x\"\ncontract = \"c\"\nsla = \"s\"\nrequires = {{ all = [{}] }}\n{more}",
            names.join(", ")
        );
        fs::write(self.config(), toml).expect("written");
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("assured.toml")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assured"));
        command.args(["run", "--config"]).arg(self.config()).stderr(Stdio::piped());
        command
    }

    fn start(&self) -> Daemon<'_> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).expect("a log");
        let child = self.command().stderr(log).spawn().expect("it starts");
        let daemon = Daemon { home: self, child };
        daemon.wait("it answers", |d| d.get("/healthz").is_some());
        daemon
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Rounds of a component in the evidence.
    fn rounds(&self, component: &str) -> Rounds {
        let reader = Reader::open(&self.data).expect("evidence");
        let names = Names::new([component], ["default"]);
        let span = reader.extent().expect("minutes");
        let mut rounds = Rounds::default();
        let query = Query { span, coarsest: Grain::Day, names: &names, only: None };
        reader.rows(query, |chunk| chunk.rows.iter().for_each(|row| rounds.merge(&row.tally.rounds)));
        assert_eq!(reader.damages(), []);
        rounds
    }

    fn has_minutes(&self) -> bool {
        Reader::open(&self.data).is_ok_and(|reader| reader.extent().is_some())
    }

    fn loaded(&self) -> Config {
        load::load(&self.config()).expect("a sound configuration").config
    }

    /// What the service with this one component was told to have is what its rounds in the evidence make of it. The answer of
    /// the newest round may not have come at one of the moments, and its second was unknown then; not at all of them.
    fn assert_accounted(&self, told: &[(Sec, Accounts)], service: &str, component: &str) {
        let all = self.rounds(component);
        let of = |end: Sec, at: Sec| self.accounts_of(&all.clip(Span::new(Sec(0), end)), at, service, component);
        let in_flight = told.iter().filter(|(at, accounts)| of(*at, *at) != *accounts).inspect(|(at, accounts)| {
            let newest = all.clip(Span::new(Sec(0), *at)).last().expect("rounds");
            assert_eq!(
                of(newest, *at),
                *accounts,
                "at {at:?} without the newest round, for with it: {:?}",
                of(*at, *at)
            );
        });
        assert!(in_flight.count() < told.len(), "the newest round was in flight each time: {told:?}");
    }

    fn accounts_of(&self, rounds: &Rounds, at: Sec, service: &str, component: &str) -> Accounts {
        let config = self.loaded();
        let mut fold = Fold::new(&config, &[], at, Limits::LIVE);
        let ix = config.component_by_id()[component];
        verdicts([rounds]).for_each(|run| assert!(fold.run(ix, Source::Address, &run)));
        fold.advance();
        fold.now(config.service(service).expect("a service"), at).tally.accounts
    }

    fn kinds(&self) -> Vec<String> {
        let mut kinds = Vec::new();
        Reader::open(&self.data).expect("evidence").facts(|f| kinds.push(f.record.body.kind().to_owned()));
        kinds
    }

    fn assert_sound(&self) {
        let audit = Reader::open(&self.data).expect("evidence").audit();
        assert_eq!(audit.problems, [], "{:?}", audit.notes);
    }
}

impl Daemon<'_> {
    fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.home.listen);
        ureq::get(&url).call().ok()?.body_mut().read_to_string().ok()
    }

    fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.get(path).expect("an answer")).expect("JSON")
    }

    /// A metric of the monitor, or of the component `r1`; no other has two series here.
    fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics")?;
        let of = |line: &&str| {
            let labels = line.strip_prefix(name).filter(|rest| rest.starts_with('{'));
            labels.is_some_and(|l| l.contains("component=\"r1\"") || !l.contains("component="))
        };
        text.lines().find(of)?.rsplit(' ').next()?.parse().ok()
    }

    /// The service's accounts, and when they stood so.
    fn standing(&self) -> (Sec, Accounts) {
        self.standing_of("all")
    }

    /// The same a few times, at other fractions of a second each.
    fn standings_of(&self, service: &str) -> Vec<(Sec, Accounts)> {
        let pause = || std::thread::sleep(Duration::from_millis(1_300));
        (0..4).inspect(|_| pause()).map(|_| self.standing_of(service)).collect()
    }

    fn standing_of(&self, service: &str) -> (Sec, Accounts) {
        let service = self.json(&format!("/api/v1/services/{service}"));
        let at: jiff::Timestamp = service["at"].as_str().expect("a time").parse().expect("RFC 3339");
        let accounts = serde_json::from_value(service["month"]["seconds"].clone()).expect("four accounts");
        (Sec(at.as_second()), accounts)
    }

    fn answered(&self, n: f64) -> bool {
        self.metric("assured_probe_received_total").is_some_and(|got| got >= n)
    }

    fn reload(&self) {
        let url = format!("http://{}/-/reload", self.home.listen);
        ureq::post(&url).send_empty().expect("reloaded");
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let step = Duration::from_millis(200);
        let mut left = PATIENCE.as_millis() / step.as_millis();
        while !done(self) {
            left -= 1;
            assert!(left > 0, "{what}: never. The log:\n{}", self.home.log_text());
            std::thread::sleep(step);
        }
    }

    fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("dead");
    }

    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("small"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("told");
        assert!(self.child.wait().expect("ended").success(), "{}", self.home.log_text());
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        // Dead already, in a test that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const R1: (&str, &str) = ("r1", "127.0.0.21");

#[test]
fn after_a_kill_the_month_is_as_it_was_and_the_time_in_between_is_unknown_because_stopped() {
    let home = Home::new();
    home.configure(&[R1], "");
    let daemon = home.start();
    daemon.wait("a minute is on the disk", |d| d.home.has_minutes());
    let head = daemon.metric("assured_evidence_head_sequence").expect("a head");
    daemon.kill();

    let before = home.rounds("r1");
    let daemon = home.start();
    daemon.wait("two answers", |d| d.answered(2.0));
    let (at, accounts) = daemon.standing();
    let told = daemon.standings_of("all");
    assert!(daemon.metric("assured_evidence_head_sequence").expect("a head") > head);
    assert_eq!(daemon.metric("assured_evidence_write_failures_total"), Some(0.0));
    daemon.stop();

    home.assert_accounted(&told, "all", "r1");
    assert!(accounts.up >= u64::from(before.replies()), "{accounts:?}");
    let after = home.rounds("r1");
    let restarted = after.clip(Span::new(before.last().expect("rounds").plus(1), Sec(i64::MAX / 4)));
    let gap = restarted.first().expect("rounds").since(before.last().expect("rounds")) - 1;
    let config = home.loaded();
    let past = read(&home.data, &config, at, Wanted { restart: false, objectives: true }, &CancellationToken::new())
        .expect("read");
    let month = Month::of(at, &config.monitor.time_zone);
    let book = past.fold.ledger().month(ServiceIx(0), month).expect("this month");
    let unknown: Vec<(Cause, u64)> = book.unknown_by_cause().filter(|(cause, _)| *cause == Cause::Stopped).collect();
    let since = before.first().expect("rounds").since(month.span(&config.monitor.time_zone).from);
    assert_eq!(unknown, [(Cause::Stopped, u64::try_from(since + gap).expect("time goes on"))]);
    assert_eq!(home.kinds(), ["genesis", "config", "start", "start", "stop"]);
    home.assert_sound();
}

#[test]
fn a_drained_stop_keeps_the_minute_under_way_and_a_start_within_it_adds_to_it() {
    let home = Home::new();
    home.configure(&[R1], "");
    for _ in 0..2 {
        let daemon = home.start();
        daemon.wait("two answers", |d| d.answered(2.0));
        daemon.stop();
    }
    let daemon = home.start();
    daemon.wait("an answer", |d| d.answered(1.0));
    let told = daemon.standings_of("all");
    daemon.stop();
    home.assert_accounted(&told, "all", "r1");
    assert!(home.rounds("r1").replies() >= 5);
    home.assert_sound();
}

#[test]
fn a_reload_that_moves_a_device_to_another_place_leaves_its_rounds_its_own() {
    let home = Home::new();
    let only = "[services.only]\nsite = \"x\"\ncontract = \"c\"\nsla = \"s\"\nrequires = { all = [\"r1\"] }\n";
    home.configure(&[R1], only);
    let daemon = home.start();
    daemon.wait("three answers", |d| d.answered(3.0));
    // An address of documentation: nobody answers for it.
    home.configure(&[("a1", "192.0.2.77"), R1], only);
    daemon.reload();
    daemon.wait("the month is read again", |d| d.home.log_text().contains("the month so far was read"));
    daemon.wait("six answers", |d| d.answered(6.0));
    let (at, accounts) = daemon.standing();
    let only = daemon.standings_of("only");
    daemon.stop();

    home.assert_accounted(&only, "only", "r1");
    let (a1, r1) = (home.rounds("a1"), home.rounds("r1"));
    assert_eq!(a1.replies(), 0);
    assert!(a1.first().expect("rounds") > r1.first().expect("rounds").plus(1), "only after the reload");
    assert!(r1.replies() >= 6 && r1.lost() == 0, "{r1:?}");
    let skipped = r1.outcomes().filter(|(_, fate)| *fate != Fate::Reply);
    assert!(skipped.count() <= 1, "at most the round in flight: {r1:?}");
    // The service needs both: with nothing known of the one it was never up.
    let month = Month::of(at, &home.loaded().monitor.time_zone).span(&home.loaded().monitor.time_zone);
    assert_eq!(accounts.up, 0, "the new terms hold for the whole month: {accounts:?}");
    assert_eq!(i64::try_from(accounts.window()).expect("a month"), at.since(month.from));
    assert_eq!(home.kinds(), ["genesis", "config", "start", "config", "stop"]);
    home.assert_sound();
}

#[test]
fn an_exclusion_that_others_agree_on_meanwhile_changes_the_figures() {
    let home = Home::new();
    home.configure(&[R1], "");
    let daemon = home.start();
    daemon.wait("it is up", |d| d.json("/api/v1/services/all")["state"] == "up");
    let (at, accounts) = daemon.standing();
    assert_eq!(accounts.excluded, 0);
    let step = |action, who: &str| {
        let proposed = action == Action::Propose;
        Entry::Fact(Body::Exclusion(Exclusion {
            id: "X-1".into(),
            action,
            who: who.into(),
            why: "moved to another rack".into(),
            reference: String::new(),
            services: if proposed { vec!["all".into()] } else { Vec::new() },
            span: proposed.then_some(Span::new(at.plus(-2), at.plus(-1))),
        }))
    };
    let (mut store, _) = Store::open_as_command(&home.data, at).expect("opened beside the daemon");
    store.append(at, &[step(Action::Propose, "ann"), step(Action::Agree, "bob")]).expect("appended");
    daemon.wait("it is excluded", |d| d.standing().1.excluded == 1);
    daemon.stop();
    let daemon = home.start();
    assert_eq!(daemon.standing().1.excluded, 1, "and after a restart");
    daemon.stop();
    home.assert_sound();
}

/// A memory file system of one megabyte; unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn new(at: PathBuf) -> Self {
        fs::create_dir(&at).expect("made");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&at).status();
        assert!(mount.expect("mount runs").success());
        Self(at)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let umount = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(umount.expect("umount runs").success());
    }
}

#[test]
fn while_the_disk_is_full_probing_and_pages_go_on_and_nothing_is_lost_when_there_is_room_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(dir.path().join("data"));
    let home = Home::with_data(dir, disk.0.clone());
    home.configure(&[R1], "");
    let daemon = home.start();
    let head = daemon.metric("assured_evidence_head_sequence").expect("a head");
    let filler = disk.0.join("filler");
    // The file system gives out its last byte; the write that does not fit any more ends it.
    let _ = fs::write(&filler, vec![1; 2 << 20]);
    // A configuration is something to write.
    let filled: String = (0..200).map(|n| format!("[sites.y{n}]\ntitle = \"{}\"\n", "y".repeat(100))).collect();
    home.configure(&[R1], &filled);
    daemon.reload();
    daemon.wait("it cannot write", |d| d.metric("assured_evidence_write_failures_total").is_some_and(|n| n > 0.0));
    let before = daemon.metric("assured_probe_received_total").expect("probes");
    daemon.wait("it probes", |d| d.answered(before + 3.0));
    assert!(home.log_text().contains("evidence is not being written"), "{}", home.log_text());
    fs::remove_file(&filler).expect("removed");
    daemon.wait("it writes", |d| d.metric("assured_evidence_head_sequence").is_some_and(|n| n > head));
    daemon.wait("it says so", |d| d.home.log_text().contains("evidence is being written again"));
    daemon.stop();
    assert!(home.rounds("r1").replies() >= 3);
    home.assert_sound();
}

#[test]
fn a_folder_that_cannot_be_written_to_is_told_of_and_tried_again() {
    let home = Home::new();
    home.configure(&[R1], "");
    fs::write(&home.data, "a file where a folder should be").expect("written");
    let daemon = home.start();
    assert!(home.log_text().contains("NO EVIDENCE IS KEPT"), "{}", home.log_text());
    assert_eq!(daemon.metric("assured_evidence_write_failures_total"), Some(1.0));
    assert_eq!(daemon.metric("assured_evidence_head_sequence"), None);
    daemon.wait("it is up", |d| d.json("/api/v1/services/all")["state"] == "up");
    fs::remove_file(&home.data).expect("removed");
    daemon.wait("it writes", |d| d.metric("assured_evidence_head_sequence").is_some());
    daemon.stop();
    let rounds = home.rounds("r1");
    assert!(rounds.replies() >= 50, "what waited was written: {rounds:?}");
    home.assert_sound();
}

/// Starts a daemon that must not run; gives what it says.
fn refused(home: &Home) -> String {
    let mut child = home.command().spawn().expect("it starts");
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert_eq!(child.wait().expect("ended").code(), Some(1), "{said}");
    said
}

#[test]
fn a_second_daemon_and_foreign_evidence_are_refused_in_words() {
    let home = Home::new();
    home.configure(&[R1], "");
    let daemon = home.start();
    let other = Home::with_data(tempfile::tempdir().expect("a folder"), home.data.clone());
    other.configure(&[R1], "");
    let said = refused(&other);
    assert!(said.contains("another assured daemon already writes evidence"), "{said}");
    daemon.stop();

    let foreign = Home::new();
    foreign.configure(&[R1], "");
    fs::create_dir(&foreign.data).expect("made");
    fs::write(foreign.data.join("evidence-2026-01.db"), "a letter to my landlord, not a database".repeat(9))
        .expect("written");
    let said = refused(&foreign);
    assert!(said.contains("is not an evidence file of assured"), "{said}");
}
