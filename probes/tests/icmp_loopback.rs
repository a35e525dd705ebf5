//! The batched engine against this machine's own loopback addresses, over raw or datagram sockets, whichever
//! are allowed here.

mod common;

use std::process::Command;
use std::time::Duration;

use assured_probes::icmp::socket::{Mode, OpenError, Options, Sockets};
use assured_probes::icmp::{Engine, EventKind, Failure, Request, Strays};
use common::{namespace, outcomes, request, start};

/// Set where this program runs itself inside a namespace that allows datagram sockets.
const INSIDE: &str = "ASSURED_TEST_DATAGRAM";

#[test]
fn every_loopback_address_answers_with_its_code_point_and_ttl() {
    let (engine, mut events) = start(Options::default());
    let mut requests: Vec<Request> =
        (0..2_000).map(|n| request(n, &format!("127.0.{}.{}", n / 250, n % 250 + 1))).collect();
    requests.push(request(2_000, "::1"));
    requests.push(request(2_001, "::ffff:127.0.0.1"));
    for (key, kind) in outcomes(&engine, &mut events, requests) {
        let EventKind::Reply { rtt, dscp, ttl } = kind else { panic!("{key}: {kind:?}") };
        assert_eq!((dscp, ttl), (Some(46), Some(64)), "{key}");
        assert!(rtt < Duration::from_millis(500), "{key}: {rtt:?}");
    }
    // Raw sockets see the answers to the tests beside this one.
    assert_eq!(Strays { foreign: 0, ..engine.strays() }, Strays::default());
}

#[test]
fn every_size_is_answered_and_what_is_too_long_is_not_sent() {
    let (engine, mut events) = start(Options::default());
    let sizes = [0, 24, 25, 56, 1_400, 9_000, 9_001, u16::MAX];
    for address in ["127.0.0.1", "::1"] {
        let requests = sizes.iter().zip(0..).map(|(size, key)| Request { size: *size, ..request(key, address) });
        for (key, kind) in outcomes(&engine, &mut events, requests.collect()) {
            if sizes[key as usize] <= 9_000 {
                assert!(matches!(kind, EventKind::Reply { .. }), "{address} {key}: {kind:?}");
            } else {
                assert_eq!(kind, EventKind::NotMeasured(Failure::SendFailed));
            }
        }
    }
}

#[test]
fn a_new_engine_starts_with_no_strays_and_stops_when_dropped() {
    let (engine, mut events) = start(Options::default());
    assert_eq!(Strays { foreign: 0, ..engine.strays() }, Strays::default());
    drop(engine);
    assert_eq!(events.blocking_recv(), None);
}

#[test]
fn all_of_this_holds_for_datagram_sockets_without_privilege() {
    if std::env::var_os(INSIDE).is_some() {
        let sockets = Sockets::open(Options::default()).unwrap();
        assert_eq!((sockets.v4(), sockets.v6()), (Some(Mode::Datagram), Some(Mode::Datagram)));
        return;
    }
    namespace("echo 0 0 > /proc/sys/net/ipv4/ping_group_range", "", INSIDE);
}

#[test]
fn without_permission_the_operator_is_told_what_to_do() {
    const DENIED: &str = "ASSURED_TEST_DENIED";
    if std::env::var_os(DENIED).is_none() {
        // Nobody in a new user namespace: no capabilities, and a new network namespace allows no group.
        let mut command = Command::new("unshare");
        command.args(["--user", "--net"]).arg(std::env::current_exe().unwrap());
        command.arg("without_permission_the_operator_is_told_what_to_do").env(DENIED, "1");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let error = Sockets::open(Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Denied), "{error:?}");
    for hint in ["net.ipv4.ping_group_range", "setcap cap_net_raw+ep", "AmbientCapabilities"] {
        assert!(error.to_string().contains(hint), "{error}");
    }
}
