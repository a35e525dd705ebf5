//! Two engines that share no code are asked about the same addresses and must agree.

mod common;

use assured_probes::icmp::portable::PortableEngine;
use assured_probes::icmp::socket::Options;
use assured_probes::icmp::{EventKind, Request};
use common::hosts::{self, *};
use common::{namespace, outcomes, request, start};
use tokio::sync::mpsc::channel;

const INSIDE: &str = "ASSURED_TEST_SECOND_OPINION";

#[test]
fn surge_ping_and_the_batched_engine_agree() {
    if std::env::var_os(INSIDE).is_none() {
        return namespace("", "surge_ping_and_the_batched_engine_agree", INSIDE);
    }
    hosts::serve();
    let mut addresses: Vec<String> = (1..=200).map(|host| format!("127.0.0.{host}")).collect();
    addresses.extend([US, HONEST, HONEST_V6, "::1", DEAD, DEAD_V6, BAD_CHECKSUM_V6].map(String::from));
    // Nobody has a route there.
    addresses.extend(["8.8.8.8", "2001:db8:ffff::1"].map(String::from));
    let requests =
        || addresses.iter().zip(0..).map(|(address, key)| Request { dscp: 0, ..request(key, address) }).collect();

    let (batched, mut events) = start(Options::default());
    let ours = outcomes(&batched, &mut events, requests());

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (sender, mut events) = channel(1_024);
    let portable = runtime.block_on(async { PortableEngine::start(1_000, sender).unwrap() });
    let theirs = outcomes(&portable, &mut events, requests());

    for (key, ours) in ours {
        let same = match (ours, theirs[&key]) {
            (EventKind::Reply { .. }, EventKind::Reply { .. }) => true,
            (ours, theirs) => ours == theirs,
        };
        assert!(same, "{}: {ours:?} and {:?}", addresses[key as usize], theirs[&key]);
    }
}
