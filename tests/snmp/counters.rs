//! A scripted device, polled once a minute: gaps where they must be, and no spike anywhere.

mod common;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::agent::{Agent, Event};
use assured_probes::snmp::counter::{Delta, Gap};
use assured_probes::snmp::interface::{Change, Source, State, Why};
use assured_probes::snmp::poll::{Session, poll};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::reading::Is;
use assured_probes::snmp::recording::Recording;
use assured_probes::snmp::{Credential, Oid, Target, Value, Version};
use common::{Memory, quick, root};

fn target() -> Target {
    let address = "192.0.2.1:161".parse().unwrap();
    Target { address, credential: Credential::community(Version::V2c, "public"), limits: quick() }
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

const OPER: &str = "1.3.6.1.2.1.2.2.1.8";
const LAST_CHANGE: &str = "1.3.6.1.2.1.2.2.1.9";
const IN_32: &str = "1.3.6.1.2.1.2.2.1.10";
const IN_64: &str = "1.3.6.1.2.1.31.1.1.1.6";
const DISCONTINUITY: &str = "1.3.6.1.2.1.31.1.1.1.19";

fn row(index: u32, name: &str, speed: u32) -> Vec<(Oid, Value)> {
    let text = || Value::Bytes(name.as_bytes().into());
    let at = |column: &str| oid(column).child(&[index]);
    vec![
        (at("1.3.6.1.2.1.2.2.1.2"), text()),
        (at("1.3.6.1.2.1.2.2.1.5"), Value::Gauge32(speed)),
        (at("1.3.6.1.2.1.2.2.1.7"), Value::Integer(1)),
        (at(OPER), Value::Integer(1)),
        (at(LAST_CHANGE), Value::TimeTicks(100)),
        (at("1.3.6.1.2.1.31.1.1.1.1"), text()),
        (at(DISCONTINUITY), Value::TimeTicks(0)),
    ]
}

fn device() -> Agent {
    let base = "1.3.6.1.2.1.1.1.0|4|a scripted router\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1\n1.3.6.1.2.1.1.3.0|67|8640000\n";
    let mut objects = Recording::read(base.as_bytes()).objects;
    objects.extend(row(1, "eth0", 100_000_000));
    objects.extend(row(2, "ser0", 10_000_000));
    objects.extend(row(3, "tun0", 10_000_000));
    objects.insert(oid(IN_64).child(&[1]), Value::Counter64(1 << 40));
    objects.insert(oid(IN_32).child(&[2]), Value::Counter32(u32::MAX - 50_000_000));
    objects.insert(oid(IN_64).child(&[3]), Value::Counter64(7_000));
    Agent::new(Arc::new(objects), "public")
}

fn gone(index: u32) -> Vec<Event> {
    let columns = row(index, "", 0).into_iter().map(|(o, _)| o);
    columns.chain([oid(IN_64).child(&[index])]).map(Event::Remove).collect()
}

fn come(index: u32, name: &str, speed: u32, counter: u64, per_second: i64) -> Vec<Event> {
    let counted = oid(IN_64).child(&[index]);
    let mut events: Vec<Event> = row(index, name, speed).into_iter().map(|(o, v)| Event::Set(o, v)).collect();
    events.extend([Event::Set(counted.clone(), Value::Counter64(counter)), Event::Grow(counted, per_second)]);
    events
}

fn script() -> Vec<(Duration, Event)> {
    let mut script = Vec::new();
    let mut at = |seconds: u64, events: Vec<Event>| {
        script.extend(events.into_iter().map(|e| (Duration::from_secs(seconds), e)));
    };
    let grow = |column: &str, index: u32, rate: i64| Event::Grow(oid(column).child(&[index]), rate);
    at(0, vec![grow(IN_64, 1, 1_000_000), grow(IN_32, 2, 500_000), grow(IN_64, 3, 10)]);
    // The 32-bit counter of ser0 wraps at second 100.
    at(150, vec![Event::Set(oid(IN_64).child(&[1]), Value::Counter64(5)), grow(IN_64, 1, 1_000_000)]);
    at(270, vec![Event::Set(oid(DISCONTINUITY).child(&[2]), Value::TimeTicks(8_667_000))]);
    at(330, vec![Event::Reboot]);
    at(390, gone(3));
    at(450, gone(1));
    at(450, come(11, "eth0", 100_000_000, 777, 1_000_000));
    at(510, come(3, "tun0", 10_000_000, 9_000, 10));
    at(630, vec![Event::Set(oid(IN_64).child(&[11]), Value::Counter64(1 << 50)), grow(IN_64, 11, 1_000_000)]);
    script
}

#[tokio::test(start_paused = true)]
async fn rates_have_gaps_where_they_must_and_no_spike_anywhere() {
    let engine = Memory::new(device().with_script(script()));
    let target = target();
    let mut session = Session::new(Library::embedded().into(), None, &target).unwrap();
    let mut shown = String::new();
    for minute in 0..13u64 {
        let now = Duration::from_secs(minute * 60);
        *engine.now.lock().unwrap() = now;
        let report = poll(&engine, &target, &mut session, now).await;
        writeln!(shown, "second {}: {:?}", now.as_secs(), report.continuity).unwrap();
        for row in &report.rows.appeared {
            writeln!(shown, "  {row} appeared").unwrap();
        }
        for row in &report.rows.vanished {
            writeln!(shown, "  {row} vanished").unwrap();
        }
        for reading in report.readings.iter().filter(|r| &*r.name == "receive_bytes") {
            let Is::Counter(count) = reading.is else { panic!("{reading:?}") };
            let said = match count.delta {
                Delta::Known { amount, over } => {
                    let rate = amount / over.as_secs();
                    assert!(rate <= 1_100_000, "a spike: {reading:?}");
                    format!("{rate} bytes/s")
                }
                Delta::Gap(gap) => format!("gap: {}", gap.label()),
            };
            writeln!(shown, "  {:6} total {:>10}  {said}", reading.labels[0].1, count.total).unwrap();
        }
    }
    let path = root().join("tests/snmp/golden/counters.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&path).expect("the golden file"));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_went_down_and_up_between_two_polls_is_dated_to_the_second() {
    // Uptime starts at 8 640 000: second s is 8 640 000 + 100 s.
    let ticks = |seconds: u64| Value::TimeTicks(8_640_000 + seconds as u32 * 100);
    let set = |at: u64, status: i32| {
        let at = Duration::from_secs(at);
        let (oper, changed) = (oid(OPER).child(&[2]), oid(LAST_CHANGE).child(&[2]));
        [(at, Event::Set(oper, Value::Integer(status))), (at, Event::Set(changed, ticks(at.as_secs())))]
    };
    let script = [set(83, 2), set(97, 1), set(203, 2), set(301, 1)].concat();
    let engine = Memory::new(device().with_script(script));
    let target = target();
    let mut session = Session::new(Library::embedded().into(), None, &target).unwrap();
    let mut seen = Vec::new();
    for minute in 0..7u64 {
        let now = Duration::from_secs(minute * 60);
        *engine.now.lock().unwrap() = now;
        let report = poll(&engine, &target, &mut session, now).await;
        seen.extend(report.changes.into_iter().map(|c| (c.row.to_string(), c.change)));
    }
    let changes: Vec<(u64, State, bool)> = seen
        .iter()
        .map(|(row, change)| {
            assert!(row.contains("ser0"), "{row}");
            match change {
                Change::Flap { back: t } => (t, true),
                Change::Over(t) => (t, false),
                Change::None => panic!(),
            }
        })
        .map(|(t, flap)| {
            assert_eq!(t.source, Source::LastChange);
            (t.at.as_secs(), t.to, flap)
        })
        .collect();
    assert_eq!(changes, [(97, State::Up, true), (203, State::Down(Why::Down), false), (301, State::Up, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_ip_sla_result_is_not_counted_twice() {
    let base = "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9.1.1\n1.3.6.1.2.1.1.3.0|67|100000\n\
        1.3.6.1.4.1.9.9.42.1.2.10.1.1.5|66|20\n1.3.6.1.4.1.9.9.42.1.2.10.1.2.5|2|1\n1.3.6.1.4.1.9.9.42.1.2.10.1.5.5|67|99000\n";
    let mut agent = Agent::new(Arc::new(Recording::read(base.as_bytes()).objects), "public");
    agent = agent.with_script(vec![(
        Duration::from_secs(150),
        Event::Set(oid("1.3.6.1.4.1.9.9.42.1.2.10.1.5.5"), Value::TimeTicks(114_000)),
    )]);
    let engine = Memory::new(agent);
    let target = target();
    let mut session = Session::new(Library::embedded().into(), None, &target).unwrap();
    let mut fresh = Vec::new();
    for minute in 0..5u64 {
        let now = Duration::from_secs(minute * 60);
        *engine.now.lock().unwrap() = now;
        let report = poll(&engine, &target, &mut session, now).await;
        fresh.extend(report.readings.iter().filter(|r| &*r.table == "ip_sla" && &*r.name == "rtt").map(|r| r.fresh));
    }
    assert_eq!(fresh, [true, false, false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_tunnels_configured_speed_makes_no_traffic_implausible() {
    let mut objects = row(1, "Tu0", 100_000).into_iter().chain(row(2, "eth0", 100_000)).collect::<Vec<_>>();
    objects.push((oid("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(100_000)));
    for (index, kind) in [(1, 131), (2, 6)] {
        objects.push((oid("1.3.6.1.2.1.2.2.1.3").child(&[index]), Value::Integer(kind)));
        objects.push((oid(IN_64).child(&[index]), Value::Counter64(0)));
    }
    let mut agent = Agent::new(Arc::new(objects.into_iter().collect()), "public");
    agent = agent.with_script(vec![
        (Duration::ZERO, Event::Grow(oid(IN_64).child(&[1]), 1_000_000)),
        (Duration::ZERO, Event::Grow(oid(IN_64).child(&[2]), 1_000_000)),
    ]);
    let engine = Memory::new(agent);
    let target = target();
    let mut session = Session::new(Library::embedded().into(), None, &target).unwrap();
    let mut deltas = Vec::new();
    for minute in 0..2u64 {
        let now = Duration::from_secs(minute * 60);
        *engine.now.lock().unwrap() = now;
        let report = poll(&engine, &target, &mut session, now).await;
        deltas = report
            .readings
            .iter()
            .filter_map(|r| if let Is::Counter(c) = &r.is { Some(c.delta) } else { None })
            .collect();
    }
    let known = Delta::Known { amount: 60_000_000, over: Duration::from_secs(60) };
    assert_eq!(deltas, [known, Delta::Gap(Gap::Implausible)]);
}
