//! What goes wrong on our own side or on the way, each told as what it is. Every test runs itself again inside
//! namespaces of its own, against hosts behind a TUN device, once with datagram and once with raw sockets.

mod common;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use assured_probes::icmp::batched::Config;
use assured_probes::icmp::socket::{Mode, Options};
use assured_probes::icmp::{Engine, Event, EventKind, Failure, Request, Strays, Unreachable};
use common::hosts::{self, *};
use common::{namespace, outcomes, outcomes_of, request, start, start_with};

const INSIDE: &str = "ASSURED_TEST_TROUBLE";

const SETUP: &str = "echo 0 0 > /proc/sys/net/ipv4/ping_group_range";

const LOST: EventKind = EventKind::Lost { unreachable: None };

/// Runs `test` inside the namespaces, or itself there.
fn inside(name: &str, test: impl Fn(Options)) {
    if std::env::var_os(INSIDE).is_none() {
        namespace(SETUP, name, INSIDE);
        return;
    }
    hosts::serve();
    for mode in [Mode::Datagram, Mode::Raw] {
        test(Options { mode: Some(mode), ..Options::default() });
    }
}

#[test]
fn a_dead_address_is_lost() {
    inside("a_dead_address_is_lost", |options| {
        let (engine, mut events) = start(options);
        let requests = vec![request(1, DEAD), request(2, DEAD_V6), request(3, "127.0.0.1")];
        let decided = outcomes(&engine, &mut events, requests);
        assert_eq!(decided[&1], LOST);
        assert_eq!(decided[&2], LOST);
        assert!(matches!(decided[&3], EventKind::Reply { .. }));
    });
}

#[test]
fn without_a_route_nothing_is_measured() {
    inside("without_a_route_nothing_is_measured", |options| {
        let (engine, mut events) = start(options);
        let mut requests: Vec<_> = (0..300).map(|key| request(key, "8.8.8.8")).collect();
        requests.push(request(300, "2001:db8:ffff::1"));
        requests.extend((301..600).map(|key| request(key, "127.0.0.1")));
        for (key, kind) in outcomes(&engine, &mut events, requests) {
            match key {
                0..=300 => assert_eq!(kind, EventKind::NotMeasured(Failure::NoRoute), "{key}"),
                _ => assert!(matches!(kind, EventKind::Reply { .. }), "{key}: {kind:?}"),
            }
        }
    });
}

#[test]
fn an_unreachable_is_told_with_the_loss_and_blamed_on_no_other_request() {
    inside("an_unreachable_is_told_with_the_loss_and_blamed_on_no_other_request", |options| {
        let (engine, mut events) = start(options);
        let by = |from, kind, code| EventKind::Lost { unreachable: Some(Unreachable { from, kind, code }) };
        // Several rounds, so that errors are pending on the socket when the next round is sent.
        for round in 0..4 {
            let requests = vec![
                Request { timeout: Duration::from_millis(100), ..request(round * 10, UNREACHABLE) },
                Request { timeout: Duration::from_millis(100), ..request(round * 10 + 1, UNREACHABLE_V6) },
                request(round * 10 + 2, HONEST),
                request(round * 10 + 3, HONEST_V6),
            ];
            let decided = outcomes(&engine, &mut events, requests);
            assert_eq!(decided[&(round * 10)], by(router().into(), 3, 1));
            assert_eq!(decided[&(round * 10 + 1)], by(IpAddr::from(ROUTER_V6), 1, 3));
            for key in [round * 10 + 2, round * 10 + 3] {
                assert!(matches!(decided[&key], EventKind::Reply { .. }), "{key}: {:?}", decided[&key]);
            }
        }
        assert_eq!(engine.strays(), Strays { unreachable: 8, ..Strays::default() });
    });
}

#[test]
fn a_lie_is_never_a_reply_and_counted_as_what_it_is() {
    inside("a_lie_is_never_a_reply_and_counted_as_what_it_is", |options| {
        let (engine, mut events) = start(options);
        let lies = [
            WRONG_PAYLOAD,
            WRONG_ID,
            TRUNCATED,
            SPOOFED_SOURCE,
            BAD_CHECKSUM,
            BAD_CHECKSUM_V6,
            FOREIGN_ERROR,
            WRONG_SEQUENCE,
            DEAD,
        ];
        let requests = lies.iter().zip(0..).map(|(address, key)| request(key, address)).collect();
        for (key, kind) in outcomes(&engine, &mut events, requests) {
            assert_eq!(kind, LOST, "{}", lies[key as usize]);
        }
        // A datagram socket never sees another identifier or a bad checksum: the kernel counts those.
        let expected = match options.mode {
            Some(Mode::Raw) => {
                Strays { mismatched: 3, foreign: 1, spoofed: 1, corrupted: 2, foreign_errors: 1, ..Strays::default() }
            }
            _ => Strays { mismatched: 3, spoofed: 1, ..Strays::default() },
        };
        assert_eq!(engine.strays(), expected);
    });
}

#[test]
fn late_answers_and_duplicates_follow_the_decision() {
    inside("late_answers_and_duplicates_follow_the_decision", |options| {
        let (engine, mut events) = start(options);
        engine.send(vec![request(1, LATE), request(2, TWICE)]);
        let mut told = Vec::new();
        while told.len() < 4 {
            told.extend(events.blocking_recv().unwrap());
        }
        let of = |key| told.iter().filter(move |event| event.key == key).map(|event| event.kind).collect::<Vec<_>>();
        assert_eq!(of(1), [LOST, EventKind::Late]);
        assert!(matches!(of(2)[..], [EventKind::Reply { .. }, EventKind::Duplicate]), "{told:?}");
        assert_eq!(engine.strays(), Strays::default());
    });
}

#[test]
fn code_point_and_ttl_of_the_answer_are_told() {
    inside("code_point_and_ttl_of_the_answer_are_told", |options| {
        let (engine, mut events) = start(options);
        let addresses = [HONEST, REMARKED, HONEST_V6];
        let decided = outcomes(
            &engine,
            &mut events,
            addresses.iter().zip(0..).map(|(address, key)| request(key, address)).collect(),
        );
        for (key, expected) in [(0, (46, 61)), (1, (10, 33)), (2, (46, 61))] {
            let EventKind::Reply { dscp, ttl, .. } = decided[&key] else { panic!("{:?}", decided[&key]) };
            assert_eq!((dscp, ttl), (Some(expected.0), Some(expected.1)), "{}", addresses[key as usize]);
        }
    });
}

#[test]
fn requests_carry_the_ttl_asked_for() {
    inside("requests_carry_the_ttl_asked_for", |options| {
        let (engine, mut events) = start_with(options, Config { ttl: Some(7), ..Config::default() });
        let decided = outcomes(&engine, &mut events, vec![request(1, SAME_TTL), request(2, SAME_TTL_V6)]);
        for kind in decided.values() {
            assert!(matches!(kind, EventKind::Reply { ttl: Some(7), .. }), "{decided:?}");
        }
    });
}

#[test]
fn a_full_receive_buffer_is_not_a_loss() {
    inside("a_full_receive_buffer_is_not_a_loss", |options| {
        let (engine, mut events) = start(Options { receive_buffer: 1, ..options });
        for address in ["127.0.0.1", "::1"] {
            let requests = (0..1_000).map(|key| request(key, address)).collect();
            let decided = outcomes(&engine, &mut events, requests);
            let dropped = EventKind::NotMeasured(Failure::SocketDrop);
            let not_measured = decided.values().filter(|kind| **kind == dropped).count();
            let answered = decided.values().filter(|kind| matches!(kind, EventKind::Reply { .. })).count();
            assert!(not_measured > 0, "{address}");
            assert_eq!(not_measured + answered, 1_000, "{address}: {decided:?}");
        }
        assert!(engine.strays().socket_drops > 0);
    });
}

#[test]
fn a_stopped_process_has_not_measured() {
    inside("a_stopped_process_has_not_measured", |options| {
        let (engine, mut events) = start(options);
        let stop = format!("kill -STOP {0}; sleep 1.5; kill -CONT {0}", std::process::id());
        let mut requests: Vec<_> = (0..100).map(|key| request(key, DEAD)).collect();
        requests.push(request(100, HONEST));
        engine.send(requests);
        // The answer shows that all of them are on their way.
        let first = events.blocking_recv().unwrap();
        assert!(matches!(first[..], [Event { key: 100, kind: EventKind::Reply { .. } }]), "{first:?}");
        assert!(Command::new("sh").args(["-c", &stop]).status().unwrap().success());
        let decided = outcomes_of(&mut events, 100);
        assert!(decided.values().all(|kind| *kind == EventKind::NotMeasured(Failure::Stalled)), "{decided:?}");
        let decided = outcomes(&engine, &mut events, vec![request(200, DEAD), request(201, "127.0.0.1")]);
        assert_eq!(decided[&200], LOST);
        assert!(matches!(decided[&201], EventKind::Reply { .. }));
    });
}

#[test]
fn more_than_there_is_room_for_is_overload() {
    inside("more_than_there_is_room_for_is_overload", |options| {
        let (engine, mut events) = start(Options { in_flight_max: 100, ..options });
        let decided = outcomes(&engine, &mut events, (0..150).map(|key| request(key, DEAD)).collect());
        let count = |kind| decided.values().filter(|other| **other == kind).count();
        assert_eq!(count(EventKind::NotMeasured(Failure::Overload)), 50);
        assert_eq!(count(LOST), 100);
    });
}

#[test]
fn more_than_65_536_are_in_flight_at_once() {
    inside("more_than_65_536_are_in_flight_at_once", |options| {
        let (engine, mut events) = start(options);
        let mut decided = BTreeMap::new();
        // In portions, each seen through by an answer, because a request does not queue for longer than a second.
        for portion in 0..10 {
            let wait = |key| Request { timeout: Duration::from_secs(4), ..request(key, DEAD) };
            engine.send((portion * 7_000..(portion + 1) * 7_000).map(wait).collect());
            decided.append(&mut outcomes(&engine, &mut events, vec![request(100_000 + portion, "127.0.0.1")]));
        }
        decided.append(&mut outcomes_of(&mut events, 70_010 - decided.len()));
        for (key, kind) in decided {
            match key {
                0..70_000 => assert_eq!(kind, LOST, "{key}"),
                _ => assert!(matches!(kind, EventKind::Reply { .. }), "{key}: {kind:?}"),
            }
        }
    });
}

#[test]
fn an_absent_family_is_told_and_hinders_nothing() {
    inside("an_absent_family_is_told_and_hinders_nothing", |options| {
        std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
        let (engine, mut events) = start(options);
        let decided = outcomes(&engine, &mut events, vec![request(1, "::1"), request(2, "127.0.0.1")]);
        assert!(matches!(decided[&1], EventKind::NotMeasured(Failure::NoRoute | Failure::NoSocket)), "{decided:?}");
        assert!(matches!(decided[&2], EventKind::Reply { .. }));
    });
}
