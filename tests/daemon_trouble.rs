//! What befalls the monitor itself ends in unknown time with its cause counted, and none of it in down time.
//!
//! Needs root: each test has a lab in a network namespace of its own.

mod daemon;

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use assured::clock::{Clock, Now, SystemClock};
use assured::config::{self, Mode};
use assured::daemon::core::{Core, Draft};
use assured::lab::scenario::{Chance, Fault, Hosts, Nanos, Scenario};
use assured::measurement::Cause;
use assured::snapshot::Shown;
use assured::units::Sec;
use assured_probes::icmp::socket::{self, Mode as Sockets};
use assured_probes::icmp::{Event, EventKind, Strays};
use daemon::{Accounts, Estate, Inner, Outer, Page, Stepping, apart, enter, host, lab, london, nowhere, until};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

/// Four hosts that always answer, two of them as sentinels.
fn fleet() -> Scenario {
    Scenario::new(1).with(Hosts { count: 4, delay: Nanos::ms(2), ..host("10.1.0.1") })
}

const BOTH: [&str; 2] = ["a", "b"];
const SERVICES: [&str; 2] = ["s-a", "s-b"];

fn estate() -> Estate {
    Estate::of(&[("a", "10.1.0.1"), ("b", "10.1.0.2")])
}

fn with_sentinels(mut estate: Estate) -> Estate {
    estate.monitor = r#"sentinels = ["10.1.0.3", "10.1.0.4"]"#.into();
    estate
}

/// Waits until both are up and everything before now is settled as such; gives the accounts.
fn settled(page: Page) -> [Accounts; 2] {
    page.until_up(&BOTH);
    SERVICES.map(|service| page.scrape().accounts(service))
}

/// Nothing was booked as down, at least `least` seconds became unknown, and the cause is counted.
fn unknown_since(page: Page, clock: &dyn Clock, before: [Accounts; 2], least: i64, cause: &str) {
    let metrics = page.accounts_add_up(clock, &SERVICES, None);
    for (service, before) in SERVICES.iter().zip(before) {
        let after = metrics.accounts(service);
        assert_eq!(after.down, 0, "{service}");
        let unknown = after.unknown - before.unknown;
        assert!(unknown >= least, "{service}: {unknown} s became unknown, {before:?} to {after:?}");
        assert!(after.up >= before.up, "{service}: what was up stays up");
        assert_eq!(page.json(&format!("/api/v1/services/{service}"))["outages"].as_array().unwrap().len(), 0);
    }
    assert!(metrics.not_measured(cause) >= 2, "each has at least one round that was not measured: {cause}");
    for component in BOTH {
        assert!(metrics.of("not_measured", component) > 0);
    }
}

#[test]
fn a_process_stopped_for_twenty_seconds_was_not_watching() {
    apart(|| {
        let lab = lab(&fleet());
        enter(&lab);
        let daemon = Outer::start(&with_sentinels(estate()));
        let before = settled(daemon.page);
        daemon.signal(Signal::SIGSTOP);
        // The network goes on answering: the lab is a thread of this process, not of that one.
        thread::sleep(Duration::from_secs(20));
        daemon.signal(Signal::SIGCONT);
        let up = SERVICES.map(|s| daemon.page.scrape().accounts(s).up);
        daemon.page.until("both are up again for seconds", |m| {
            let grown = SERVICES.iter().zip(up).all(|(service, up)| m.accounts(service).up >= up + 3);
            grown && BOTH.iter().all(|c| m.is_in(c, "up"))
        });
        unknown_since(daemon.page, &SystemClock::default(), before, 18, "skipped");
        let metrics = daemon.page.scrape();
        assert!(metrics.sum("assured_scheduler_skipped_total", &[]) >= 2.0 * 18.0);
        assert_eq!(metrics.of("lost", "a") + metrics.of("lost", "b"), 0);
        let sent = metrics.of("sent", "a");
        assert!(
            sent + 15 < u64::try_from(metrics.accounts("s-a").window()).unwrap(),
            "missed slots are not made up for"
        );
    });
}

/// The daemon over a lab, by a clock of ours. It starts far from the end of a month, and from summer time's.
fn stepping(scenario: &Scenario, estate: &Estate) -> (assured::lab::Lab, Inner, Arc<Stepping>) {
    let lab = lab(scenario);
    let clock = Stepping::starting_at("2026-06-15T12:00:00Z");
    let daemon = Inner::start(estate, lab.sockets(Default::default()).unwrap(), clock.clone());
    (lab, daemon, clock)
}

#[test]
fn a_clock_that_steps_forward_leaves_unknown_time() {
    let (_lab, daemon, clock) = stepping(&fleet(), &with_sentinels(estate()));
    let page = daemon.page;
    let before = settled(page);
    clock.step(3600);
    page.until("the step was noticed", |m| m.sum("assured_monitor_clock_steps_total", &[]) > 0.5);
    page.until("time went on", |m| m.accounts("s-a").up > before[0].up + 5);
    page.until_up(&BOTH);
    unknown_since(page, &*clock, before, 3595, "clock_step");
    let unknown = page.scrape().accounts("s-a").unknown - before[0].unknown;
    assert!(unknown <= 3605, "the step, and nothing else: {unknown}");
    assert!((page.scrape().sum("assured_monitor_clock_steps_total", &[]) - 1.0).abs() < 0.5);
    daemon.stop();
}

#[test]
fn a_clock_that_steps_back_books_no_second_twice() {
    // Host b falls silent after the step: its losses are of a time that is accounted for already.
    let silent = Fault { from: Nanos::secs(14), to: Some(Nanos::secs(20)), loss: Chance::ALWAYS, ..Fault::default() };
    let fleet = Scenario::new(1)
        .with(host("10.1.0.1"))
        .with(Hosts { faults: vec![silent], ..host("10.1.0.2") })
        .with(Hosts { count: 2, ..host("10.1.0.3") });
    let (lab, daemon, clock) = stepping(&fleet, &with_sentinels(estate()));
    let page = daemon.page;
    settled(page);
    let ahead = clock.now().sec();
    until("b is about to fall silent", || (lab.now_ns() > 12_000_000_000).then_some(()));
    let before = SERVICES.map(|service| page.scrape().accounts(service));
    clock.step(-3600);
    page.until("the step was noticed", |m| m.sum("assured_monitor_clock_steps_total", &[]) > 0.5);
    let received = page.scrape().of("received", "a");
    page.until("probing goes on, and b has been silent", |m| {
        m.of("received", "a") > received + 3 && m.of("lost", "b") >= 4
    });
    for (service, before) in SERVICES.iter().zip(before) {
        let after = page.scrape().accounts(service);
        assert_eq!(after.down, 0, "{service}");
        let month = assured::sla::calendar::Month::of(ahead, &london()).span(&london()).from;
        // What was booked stays; the time that comes once more is not booked again.
        assert!(
            after.window() >= before.window() - 3 && after.window() <= ahead.since(month) + 60,
            "{before:?} {after:?}"
        );
    }
    // Somebody sets the clock right again.
    until("b is well", || (lab.now_ns() > 21_000_000_000).then_some(()));
    clock.step(3600);
    page.until("time goes on", |m| {
        m.accounts("s-a").up >= before[0].up + 3 && m.accounts("s-b").up >= before[1].up + 3
    });
    page.until_up(&BOTH);
    unknown_since(page, &*clock, before, 5, "clock_step");
    assert!((page.scrape().sum("assured_monitor_clock_steps_total", &[]) - 2.0).abs() < 0.5);
    daemon.stop();
}

#[test]
fn without_a_route_time_is_unknown_until_it_is_back() {
    let lab = lab(&fleet());
    let daemon = Inner::over(&lab, &estate());
    let page = daemon.page;
    let before = settled(page);
    lab.remove_route().unwrap();
    page.until("both were asked in vain", |m| {
        BOTH.iter().all(|c| m.is_in(c, "unknown") && m.of("not_measured", c) >= 6)
    });
    lab.restore_route().unwrap();
    page.until_up(&BOTH);
    unknown_since(page, &SystemClock::default(), before, 5, "no_route");
    daemon.stop();
}

#[test]
fn when_no_sentinel_answers_nobody_else_is_blamed() {
    // The whole network is gone for seven seconds; b stays gone.
    let cut = |to| Fault { from: Nanos::secs(10), to, loss: Chance::ALWAYS, ..Fault::default() };
    let fleet = Scenario::new(1)
        .with(Hosts { faults: vec![cut(Some(Nanos::secs(17)))], ..host("10.1.0.1") })
        .with(Hosts { faults: vec![cut(None)], ..host("10.1.0.2") })
        .with(Hosts { count: 2, faults: vec![cut(Some(Nanos::secs(17)))], ..host("10.1.0.3") });
    let lab = lab(&fleet);
    let daemon = Inner::over(&lab, &with_sentinels(estate()));
    let page = daemon.page;
    let clock = SystemClock::default();
    let before = settled(page);
    page.until("the monitor knows that it is cut off", |m| m.sum("assured_monitor_isolated", &[]) > 0.5);
    let metrics = page.until("both are unknown", |m| BOTH.iter().all(|c| m.is_in(c, "unknown")));
    assert!(metrics.not_measured("isolated") >= 2);
    page.until("the monitor is connected again", |m| m.sum("assured_monitor_isolated", &[]) < 0.5);
    assert!(BOTH.iter().all(|c| !page.scrape().is_in(c, "down")));
    page.until_up(&["a"]);
    page.until("b, which is really gone, is down", |m| m.is_in("b", "down"));
    let metrics = page.accounts_add_up(&clock, &SERVICES, None);
    for (service, before) in SERVICES.iter().zip(before) {
        let unknown = metrics.accounts(service).unknown - before.unknown;
        assert!(unknown >= 5, "{service}: {unknown}");
    }
    assert_eq!(metrics.accounts("s-a").down, 0);
    // b's outage begins when it could be seen again, not when the monitor was cut off.
    let (gone_s, isolated_s) = (metrics.accounts("s-b").down, lab.now_ns() / 1_000_000_000 - 16);
    assert!(gone_s <= i64::try_from(isolated_s).unwrap() + 1, "{gone_s} s down, connected for {isolated_s} s");
    daemon.stop();
}

#[test]
fn answers_that_our_own_buffer_had_no_room_for_are_not_lost() {
    // Everybody answers; the answers to twelve classes at once are more than the smallest buffer holds.
    let lab = lab(&Scenario::new(1).with(Hosts { count: 60, delay: Nanos::ms(3), ..host("10.1.0.1") }));
    let devices: Vec<_> = (1..=60).map(|n| (format!("h{n}"), format!("10.1.0.{n}"))).collect();
    let names: Vec<String> = (0..12).map(|n| format!("c{n}")).collect();
    let mut estate = Estate { devices, service: "class = \"c0\"".into(), ..estate() };
    estate.probing = format!("icmp = {{ interval = \"1s\", timeout = \"900ms\", size = 1400, classes = {names:?} }}");
    estate.more = names.iter().enumerate().map(|(n, name)| format!("[classes.{name}]\ndscp = {}\n", n * 4)).collect();
    let options = socket::Options { receive_buffer: 1, mode: Some(Sockets::Datagram), ..Default::default() };
    let daemon = Inner::start(&estate, lab.sockets(options).unwrap(), Arc::new(SystemClock::default()));
    let metrics = daemon.page.until("answers were dropped here", |m| m.not_measured("socket_drop") > 200);
    assert!(metrics.sum("assured_monitor_stray_total", &[("kind", "socket_drop")]) > 100.0);
    assert!(metrics.sum("assured_probe_received_total", &[]) > 0.0);
    assert_eq!(metrics.sum("assured_probe_lost_total", &[]) as u64, 0);
    assert_eq!(metrics.sum("assured_component_state", &[("state", "down")]) as u64, 0);
    assert_eq!(metrics.sum("assured_service_month_seconds", &[("account", "down")]) as u64, 0);
    daemon.stop();
}

/// Gives the calling thread a `/etc/hosts` and a resolver (that refuses) of its own.
fn own_names(dir: &std::path::Path) {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
    for (name, text) in [("hosts", "127.1.0.1 known.lab\n"), ("resolv.conf", "nameserver 127.0.0.1\n")] {
        fs::write(dir.join(name), text).unwrap();
        mount(Some(&dir.join(name)), &std::path::Path::new("/etc").join(name), nothing, MsFlags::MS_BIND, nothing)
            .unwrap();
    }
}

#[test]
fn a_name_that_does_not_resolve_is_unknown_and_up_once_it_does() {
    apart(|| {
        nowhere();
        let dir = tempfile::tempdir().unwrap();
        own_names(dir.path());
        let daemon = Outer::start(&Estate::of(&[("a", "known.lab"), ("b", "later.lab")]));
        let page = daemon.page;
        page.until_up(&["a"]);
        let metrics = page.until("b was due more than often enough to be down", |m| m.of("not_measured", "b") >= 5);
        assert!(metrics.is_in("b", "unknown"));
        assert_eq!((metrics.of("sent", "b"), metrics.not_measured("unresolved")), (0, metrics.of("not_measured", "b")));
        assert!((metrics.sum("assured_monitor_unresolved", &[]) - 1.0).abs() < 0.5);
        let reason = page.json("/api/v1/components/b")["reason"].to_string();
        assert!(reason.contains("its name cannot be resolved"), "{reason}");
        fs::write(dir.path().join("hosts"), "127.1.0.1 known.lab\n127.1.0.2 later.lab\n").unwrap();
        let metrics = page.until_up(&BOTH);
        assert!(metrics.sum("assured_monitor_unresolved", &[]) < 0.5);
        assert_eq!((metrics.accounts("s-a").down, metrics.accounts("s-b").down), (0, 0));
        page.accounts_add_up(&SystemClock::default(), &SERVICES, None);
    });
}

/// The core alone, without clock and network: rounds a second apart, whose answers are as told.
struct Rounds {
    core: Core,
    at: i64,
}

impl Rounds {
    fn over(address: &str) -> Self {
        let dir = std::path::Path::new("/nowhere");
        let text = Estate::of(&[("a", address)]).text("127.0.0.1:1".parse().unwrap(), dir);
        let loaded = config::load::parse_str(&text, dir, Mode::Run).unwrap();
        let at = 1_781_524_800; // 2026-06-15 12:00:00 UTC
        Self { core: Core::new(loaded.config, Vec::new(), Sec(at), "none"), at }
    }

    fn now(&self) -> Now {
        Now { wall_ns: (self.at + 1) * 1_000_000_000, mono_ns: u64::try_from(self.at).unwrap() * 1_000_000_000 }
    }

    /// So many rounds that end like this. A round without an address ends by itself.
    fn rounds(&mut self, count: i64, kind: EventKind) {
        for _ in 0..count {
            let (now, mut requests) = (self.now(), Vec::new());
            let due = assured::schedule::plan::Due { slot: 0, at_ns: self.at * 1_000_000_000 };
            self.core.due(due, now, &mut requests);
            requests.iter().for_each(|r| self.core.event(&Event { key: r.key, kind }, now));
            self.core.tick(now);
            self.at += 1;
        }
    }

    fn shown(&self) -> (Shown, u64, u64) {
        let snapshot = self.core.snapshot(self.now(), &Strays::default());
        let unresolved = snapshot.monitor.not_measured.get(&Cause::Unresolved).copied().unwrap_or(0);
        (snapshot.components[0].state, snapshot.services[0].accounts.down, unresolved)
    }
}

#[test]
fn losses_while_the_resolver_fails_are_unknown_and_down_once_it_answers() {
    let reply = EventKind::Reply { rtt: Duration::from_millis(1), dscp: Some(0), ttl: None };
    let lost = EventKind::Lost { unreachable: None };
    let address = IpAddr::from([192, 0, 2, 7]);
    let mut target = Rounds::over("gw.example");
    target.rounds(2, reply);
    assert_eq!(target.shown(), (Shown::Unknown, 0, 2), "there is nowhere to send it to");
    target.core.looked("gw.example", &[address]);
    target.rounds(10, reply);
    assert_eq!(target.shown(), (Shown::Up, 0, 2));
    target.core.looked("gw.example", &[]);
    target.rounds(10, reply);
    assert_eq!(target.shown(), (Shown::Up, 0, 2), "the last address still answers");
    target.rounds(10, lost);
    assert_eq!(target.shown(), (Shown::Unknown, 0, 12), "it may have moved");
    target.core.looked("gw.example", &[address]);
    target.rounds(10, lost);
    let (state, down, unresolved) = target.shown();
    assert_eq!((state, unresolved), (Shown::Down, 12));
    assert!((9..=11).contains(&down), "{down} s, and not a second of the time before");
}

#[test]
fn a_picture_drafted_a_target_at_a_time_is_the_same() {
    let mut target = Rounds::over("192.0.2.7");
    target.rounds(20, EventKind::Reply { rtt: Duration::from_millis(3), dscp: Some(0), ttl: None });
    let mut draft = Draft::default();
    assert!(!target.core.draft(&mut draft, 0), "its only target is not in it yet");
    assert!(target.core.draft(&mut draft, 1));
    let sliced = target.core.snapshot_from(draft, target.now(), &Strays::default());
    assert_eq!(sliced.components[0].classes[0].counts.received, 20);
    assert_eq!(format!("{sliced:?}"), format!("{:?}", target.core.snapshot(target.now(), &Strays::default())));
}
