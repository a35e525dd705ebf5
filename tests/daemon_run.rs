//! `assured run` on real packets: what is dead goes down from its first lost round, what lives does not, and every
//! second of the month is on exactly one account.
//!
//! Needs root: each test has a network namespace of its own.

mod daemon;

use std::fs;

use assured::clock::{Clock, SystemClock};
use assured::lab::scenario::{Chance, Fault, Nanos, Scenario};
use assured::lab::truth::Fate;
use assured::units::Sec;
use daemon::{Estate, Inner, Outer, apart, due_before, host, instant, ip, lab, london, nowhere, until, wall_ns};

const SECOND: i64 = 1_000_000_000;

/// A link with us at one end and nobody at the other.
fn link_to_nobody() {
    ip("link add v0 type veth peer name v1");
    ip("link set v0 up");
    ip("link set v1 up");
    ip("addr add 10.9.0.1/24 dev v0");
}

/// Lets everybody open datagram ICMP sockets in the calling thread's namespace; without it they are raw.
fn allow_datagrams() {
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
}

#[test]
fn a_dead_address_goes_down_from_its_first_lost_round_and_nothing_else_does() {
    apart(|| {
        nowhere();
        link_to_nobody();
        // The neighbour is known and silent.
        ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent");
        let today = jiff::Timestamp::from_nanosecond(wall_ns().into()).unwrap().to_zoned(london()).date();
        let mut estate = Estate::of(&[("a", "127.1.0.1"), ("b", "127.1.0.2"), ("dead", "10.9.0.2")]);
        estate.more = format!(
            "[contracts.new]\ntitle = \"New\"\nprovider = \"P\"\ncustomer = \"C\"\nstarts = {today}\nends = 2099-12-31\n\
             [sites.late]\ntitle = \"Late\"\naccepted = {today}\n\
             [services.s-new]\nsite = \"here\"\ncontract = \"new\"\nsla = \"plain\"\nrequires = \"a\"\n\
             [services.s-late]\nsite = \"late\"\ncontract = \"long\"\nsla = \"plain\"\nrequires = {{ all = [\"a\", \"dead\"] }}\n"
        );
        let clock = SystemClock::default();
        let midnight = Sec(today.to_zoned(london()).unwrap().timestamp().as_second());

        let before = wall_ns();
        let daemon = Outer::start(&estate);
        let ready = wall_ns();
        let page = daemon.page;
        page.until_up(&["a", "b"]);
        page.until("the dead one is down", |m| m.is_in("dead", "down"));
        let first = |from| Sec((due_before("dead", from) + SECOND).div_euclid(SECOND));
        let dead = page.json("/api/v1/components/dead");
        let since = instant(&dead["since"]);
        assert!((first(before)..=first(ready)).contains(&since), "{dead}: not backdated to {}", first(before));

        for _ in 0..4 {
            let metrics = page.accounts_add_up(&clock, &["s-a", "s-b", "s-dead"], None);
            page.accounts_add_up(&clock, &["s-new", "s-late"], Some(midnight));
            for lives in ["s-a", "s-b", "s-new"] {
                assert_eq!(metrics.accounts(lives).down, 0);
            }
            assert!(metrics.is_in("a", "up") && metrics.is_in("b", "up") && metrics.is_in("dead", "down"));
            let now = clock.now().sec();
            until("another second has passed", || (clock.now().sec() > now).then_some(()));
        }
        let service = page.json("/api/v1/services/s-dead");
        assert_eq!(service["month"]["seconds"]["down"].as_i64().unwrap(), instant(&service["at"]).since(since));
        assert_eq!((service["outages"].as_array().unwrap().len(), instant(&service["outages"][0]["from"])), (1, since));
        assert!(service["outages"][0]["to"].is_null());
        let probes = &page.json("/api/v1/components/dead")["classes"][0]["probes"];
        assert_eq!(probes["received"], 0);
        assert!(daemon.log().matches("down: 3 rounds in a row without an answer").count() == 1, "one line a change");
    });
}

/// A neighbour that ARP does not find is dead; an address without a route was never asked.
fn neighbour_and_stranger(datagrams: bool) {
    apart(move || {
        nowhere();
        link_to_nobody();
        if datagrams {
            allow_datagrams();
        }
        let estate = Estate::of(&[("a", "127.1.0.1"), ("neighbour", "10.9.0.3"), ("stranger", "198.51.100.1")]);
        let daemon = Outer::start(&estate);
        let page = daemon.page;
        let engine = if datagrams { "datagram" } else { "raw" };
        assert_eq!(page.json("/api/v1/status")["monitor"]["engine"], engine);
        let metrics = page.until("the neighbour is down", |m| m.is_in("neighbour", "down"));
        assert!(metrics.of("lost", "neighbour") >= 3);
        assert_eq!((metrics.of("not_measured", "neighbour"), metrics.of("received", "neighbour")), (0, 0));
        page.until_up(&["a"]);
        let metrics = page.accounts_add_up(&SystemClock::default(), &["s-a", "s-neighbour", "s-stranger"], None);
        assert!(metrics.is_in("stranger", "unknown"));
        assert_eq!((metrics.of("sent", "stranger"), metrics.of("lost", "stranger")), (0, 0));
        assert_eq!(metrics.not_measured("no_route"), metrics.of("not_measured", "stranger"));
        assert!(metrics.not_measured("no_route") > 0);
        assert_eq!((metrics.accounts("s-stranger").down, metrics.accounts("s-a").down), (0, 0));
        assert!(metrics.accounts("s-neighbour").down >= 3);
        let reason = page.json("/api/v1/components/stranger")["reason"].to_string();
        assert!(reason.contains("this host has no route to it"), "{reason}");
    });
}

#[test]
fn with_raw_sockets_a_neighbour_that_arp_does_not_find_is_down_and_an_address_without_a_route_unknown() {
    neighbour_and_stranger(false);
}

#[test]
fn with_datagram_sockets_a_neighbour_that_arp_does_not_find_is_down_and_an_address_without_a_route_unknown() {
    neighbour_and_stranger(true);
}

#[test]
fn an_outage_is_booked_from_its_first_lost_round_to_its_first_answer() {
    let fault = |from, to, host| {
        let outage =
            Fault { from: Nanos::secs(from), to: Some(Nanos::secs(to)), loss: Chance::ALWAYS, ..Fault::default() };
        assured::lab::scenario::Hosts { faults: vec![outage], ..host }
    };
    let lab = lab(&Scenario::new(1)
        .with(host("10.1.0.1"))
        .with(fault(8, 16, host("10.1.0.2")))
        // Two rounds are one too few.
        .with(fault(9, 11, host("10.1.0.3"))));
    let daemon = Inner::over(&lab, &Estate::of(&[("well", "10.1.0.1"), ("ill", "10.1.0.2"), ("faint", "10.1.0.3")]));
    let page = daemon.page;
    let clock = SystemClock::default();
    page.until_up(&["well", "ill", "faint"]);
    page.until("it goes down", |m| m.is_in("ill", "down"));
    page.accounts_add_up(&clock, &["s-well", "s-ill", "s-faint"], None);
    page.until_up(&["ill"]);
    let service = until("the outage is closed", || {
        let service = page.json("/api/v1/services/s-ill");
        (!service["outages"][0]["to"].is_null()).then_some(service)
    });
    let metrics = page.accounts_add_up(&clock, &["s-well", "s-ill", "s-faint"], None);

    let epoch_ns = wall_ns() - i64::try_from(lab.now_ns()).unwrap();
    let second_of = |at_ns: u64| Sec(due_before("ill", epoch_ns + i64::try_from(at_ns).unwrap()).div_euclid(SECOND));
    let ill: Vec<_> = lab.truth(|truth| {
        truth.sightings().filter(|s| s.host.to_string() == "10.1.0.2").map(|s| (second_of(s.at_ns), s.fate)).collect()
    });
    let from = ill.iter().find(|(_, fate)| *fate == Fate::Dropped).unwrap().0;
    let to = ill.iter().find(|(at, fate)| *at > from && *fate == Fate::Answered).unwrap().0;
    assert_eq!((instant(&service["outages"][0]["from"]), instant(&service["outages"][0]["to"])), (from, to));
    assert_eq!(metrics.accounts("s-ill").down, to.since(from));
    assert_eq!((metrics.accounts("s-well").down, metrics.accounts("s-faint").down), (0, 0));
    assert_eq!(metrics.of("received", "well"), metrics.of("sent", "well"));
    daemon.stop();
}
