//! The daemon over the lab's fleets: nothing honest is lost, and nothing that is a lie counts as a reply.
//!
//! Needs root: each test has a lab in a network namespace of its own.

mod daemon;

use std::sync::Arc;

use assured::clock::SystemClock;
use assured::lab::scenario::Scenario;
use assured_probes::icmp::socket::{Mode, Options};
use daemon::{Estate, Inner, host, lab};

#[test]
fn of_five_thousand_hosts_none_is_falsely_lost_and_none_falsely_there() {
    let scenario = Scenario::parse(include_str!("scenarios/lab/five-thousand.toml")).unwrap();
    let lab = lab(&scenario);
    let daemon = Inner::over(&lab, &Estate::crowd("10.64.0.1", 5000));
    let page = daemon.page;
    let metrics = page.until("everybody has been asked a few times", |m| {
        let received = m.by_component("assured_probe_received_total");
        received.len() == 5000 && received.values().all(|&n| n >= 4.0)
    });
    assert_eq!((lab.dropped().unwrap(), lab.write_failures()), (0, 0), "the lab itself was fast enough");
    assert_eq!(metrics.sum("assured_probe_lost_total", &[]) as u64, 0);
    for never in ["late", "duplicate", "remarked"] {
        assert_eq!(metrics.sum(&format!("assured_probe_{never}_total"), &[]) as u64, 0, "{never}");
    }
    assert_eq!(metrics.sum("assured_monitor_stray_total", &[]) as u64, 0);
    assert_eq!(metrics.sum("assured_component_state", &[("state", "down")]) as u64, 0);
    // The truth was written down before the answer was: it may know more, never less.
    for (component, &received) in &metrics.by_component("assured_probe_received_total") {
        let n: u32 = component[1..].parse().unwrap();
        let address = std::net::Ipv4Addr::from_bits(u32::from_be_bytes([10, 64, 0, 1]) + n);
        let number = lab.number(address.into()).unwrap();
        let answered: u64 = lab.truth(|t| t.host(number).iter().map(|(_, counts)| counts.answered).sum());
        assert!(received as u64 <= answered, "{component}: {received} replies, {answered} answers");
    }
    // Nobody is faster than the script: 0 to 49 ms by index.
    for n in [0, 1, 24, 49, 99, 4999] {
        let class = &page.json(&format!("/api/v1/components/h{n}"))["classes"][0];
        let rtt = class["rtt_last_seconds"].as_f64().unwrap();
        assert!(rtt >= f64::from(n % 50) / 1e3, "h{n}: {rtt}");
    }
    daemon.stop();
}

/// Devices for the hosts of `hostile.toml`, both families, and one that is honest.
fn hostile() -> Estate {
    let lies = ["payload", "id", "sequence", "truncated", "spoofed", "late", "checksum", "unreachable", "silent"];
    let mut devices = vec![("honest".to_owned(), "10.65.0.1".to_owned())];
    for (n, lie) in (1..).zip(lies) {
        devices.push((format!("{lie}4"), format!("10.66.0.{n}")));
        devices.push((format!("{lie}6"), format!("fd66::{n}")));
    }
    Estate { devices, ..Estate::of(&[]) }
}

fn no_lie_is_a_reply(mode: Mode) {
    let scenario = Scenario::parse(include_str!("scenarios/lab/hostile.toml")).unwrap().with(host("10.65.0.1"));
    let lab = lab(&scenario);
    let sockets = lab.sockets(Options { mode: Some(mode), ..Options::default() }).unwrap();
    let daemon = Inner::start(&hostile(), sockets, Arc::new(SystemClock::default()));
    let page = daemon.page;
    let metrics = page.until("answers came five seconds late, and everybody is judged", |m| {
        let judged = m.sum("assured_component_state", &[("state", "down")]) as u64;
        m.of("late", "late4") >= 2 && m.of("late", "late6") >= 2 && judged >= 18
    });
    let stray = |kind| metrics.sum("assured_monitor_stray_total", &[("kind", kind)]) as u64;
    assert!(metrics.is_in("honest", "up"));
    let received = metrics.by_component("assured_probe_received_total");
    assert_eq!(received.len(), 19);
    for (component, received) in received.into_iter().filter(|(component, _)| *component != "honest") {
        assert_eq!(received as u64, 0, "{component}");
        assert!(metrics.is_in(component, "down"), "{component}");
        assert!(metrics.of("lost", component) >= 3 && metrics.of("duplicate", component) == 0, "{component}");
        if !component.starts_with("late") {
            assert_eq!(metrics.of("late", component), 0, "{component}");
        }
    }
    for kind in ["mismatched", "spoofed", "unreachable"] {
        assert!(stray(kind) >= 4, "{kind}: {}", stray(kind));
    }
    // Another identifier, and a wrong checksum: the kernel keeps both from datagram sockets.
    for kind in ["foreign", "corrupted"] {
        assert_eq!(stray(kind) >= 4, mode == Mode::Raw, "{kind}: {}", stray(kind));
    }
    assert_eq!((stray("socket_drop"), stray("event_dropped"), stray("foreign_error")), (0, 0, 0));
    daemon.stop();
}

#[test]
fn on_datagram_sockets_no_lie_is_a_reply() {
    no_lie_is_a_reply(Mode::Datagram);
}

#[test]
fn on_raw_sockets_no_lie_is_a_reply() {
    no_lie_is_a_reply(Mode::Raw);
}

/// The defaults: a loss is known when the next round has begun, and is a loss all the same.
#[test]
fn with_a_time_out_as_long_as_the_interval_the_silent_are_down_and_nobody_else_is() {
    let scenario = Scenario::parse(include_str!("scenarios/lab/hostile.toml")).unwrap().with(host("10.65.0.1"));
    let lab = lab(&scenario);
    let probing = "icmp = { interval = \"1s\", timeout = \"1s\" }".into();
    let daemon = Inner::over(&lab, &Estate { probing, ..hostile() });
    let metrics = daemon.page.until("everybody is judged", |m| {
        m.sum("assured_component_state", &[("state", "down")]) as u64 == 18 && m.is_in("honest", "up")
    });
    assert!(metrics.of("lost", "silent4") >= 3);
    assert_eq!((metrics.not_measured("send_failed"), metrics.of("lost", "honest")), (0, 0));
    daemon.stop();
}

#[test]
fn twice_overtaken_and_remarked_are_counted_as_that() {
    let scenario = Scenario::parse(include_str!("scenarios/lab/awkward.toml")).unwrap();
    let lab = lab(&scenario);
    let mut estate = Estate::of(&[
        ("twice", "10.67.0.1"),
        ("overtaken", "10.67.0.2"),
        ("remarked", "10.67.0.3"),
        ("starved", "10.67.0.5"),
    ]);
    estate.probing = r#"icmp = { interval = "1s", timeout = "900ms", classes = ["voice", "data"] }"#.into();
    estate.more = "[classes.voice]\ndscp = \"EF\"\n[classes.data]\ndscp = \"AF31\"\n".into();
    estate.service = "class = \"voice\"".into();
    let daemon = Inner::over(&lab, &estate);
    let all = ["twice", "overtaken", "remarked", "starved"];
    let metrics = daemon.page.until("all have been asked often", |m| all.iter().all(|c| m.of("received", c) >= 8));
    let (twice, once) = (metrics.of("duplicate", "twice"), metrics.of("received", "twice"));
    assert!(twice + 2 >= once && twice <= once + 2, "{twice} seconds of {once} answers");
    assert_eq!(
        (metrics.of("lost", "twice"), metrics.of("lost", "overtaken"), metrics.of("late", "overtaken")),
        (0, 0, 0)
    );
    let of = |what, class| {
        metrics.sum(&format!("assured_probe_{what}_total"), &[("component", "remarked"), ("class", class)]) as u64
    };
    assert!(of("received", "voice") > 0 && of("remarked", "voice") >= of("received", "voice"));
    assert_eq!(of("remarked", "data"), 0);
    assert!(all.iter().all(|c| metrics.is_in(c, "up")), "one class that suffers does not make a device unreachable");
    daemon.stop();
}
