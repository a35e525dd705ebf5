//! The lab's agents, asked through its namespace by the client that the daemon asks with.
//!
//! Needs root (a thread with a namespace of its own).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use assured::lab::client::{Options, Way};
use assured::lab::estate::{COMMUNITY, demo_fleet};
use assured::lab::{Lab, Scenario};
use assured_probes::snmp::client::{Caps, Client};
use assured_probes::snmp::counter::Delta;
use assured_probes::snmp::interface::{Change, Source};
use assured_probes::snmp::poll::{Report, Session, poll};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::reading::Is;
use assured_probes::snmp::restart::Continuity;
use assured_probes::snmp::{Access, Credential, Limits, Outcome, Target, Version};
use tokio::time::Instant;

/// A device that is polled again and again.
struct Polled {
    target: Target,
    session: Session,
    started: Instant,
}

impl Polled {
    fn new(address: &str, community: &str) -> Polled {
        let limits = Limits { timeout: Duration::from_millis(400), retries: 0, ..Limits::default() };
        let address: SocketAddr = format!("{address}:161").parse().expect("an address");
        let target = Target { address, credential: Credential::community(Version::V2c, community), limits };
        let session = Session::new(Arc::new(Library::embedded()), None, &target).expect("a profile");
        Polled { target, session, started: Instant::now() }
    }

    async fn poll(&mut self, client: &Client) -> Report {
        poll(client, &self.target, &mut self.session, self.started.elapsed()).await
    }

    /// Polls until it is so, for a while.
    async fn until(&mut self, client: &Client, what: &str, so: impl Fn(&Report) -> bool) -> Report {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let report = self.poll(client).await;
            if so(&report) {
                return report;
            }
            assert!(Instant::now() < until, "{what}: {:?} {:?}", report.outcome, report.changes);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn start(scenario: &Scenario) -> Lab {
    Lab::start(scenario, &Options { way: Way::Thread, ..Options::default() }).expect("a namespace: are you root?")
}

fn client(lab: &Lab) -> Client {
    let caps = Caps::default();
    let sockets = lab.snmp_sockets(caps, tokio::runtime::Handle::current()).expect("sockets inside");
    Client::new(sockets, caps, None).expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_in_the_lab_does_what_its_script_says() {
    let scenario = Scenario::parse(include_str!("scenarios/lab/snmp.toml")).expect("a scenario");
    let lab = start(&scenario);
    let client = client(&lab);
    let mut flaps = Polled::new("10.1.0.1", "lab");
    let first = flaps.until(&client, "an answer", |r| r.outcome == Outcome::Ok).await;
    assert_eq!(first.access, Access::Open);
    // It is down for half a second; its stamp dates that, whenever it is asked.
    let dated = |r: &Report| {
        r.changes.iter().any(|c| match &c.change {
            Change::Over(t) | Change::Flap { back: t } => t.source == Source::LastChange,
            Change::None => false,
        })
    };
    flaps.until(&client, "a dated change", dated).await;
    let mut rows = Polled::new("10.1.0.2", "lab");
    rows.until(&client, "a row that comes", |r| r.rows.appeared.iter().any(|row| row.contains("Gi0/9"))).await;
    rows.until(&client, "a row that goes", |r| r.rows.vanished.iter().any(|row| row.contains("Gi0/9"))).await;
    let mut restarts = Polled::new("10.1.0.3", "lab");
    let broken = |r: &Report| r.continuity.is_some_and(Continuity::breaks_counters);
    let restart = restarts.until(&client, "a restart", broken).await;
    let counts: Vec<&Delta> = restart
        .readings
        .iter()
        .filter_map(|r| if let Is::Counter(count) = &r.is { Some(&count.delta) } else { None })
        .collect();
    assert!(!counts.is_empty() && counts.iter().all(|d| matches!(d, Delta::Gap(_))), "{counts:?}");
    // Silent, slow, for somebody else, malformed: nothing of it is believed, and nobody waits for ever.
    for address in ["10.1.0.4", "10.1.0.5", "10.1.0.6", "10.1.0.7"] {
        let report = Polled::new(address, "lab").poll(&client).await;
        assert_ne!(report.outcome, Outcome::Ok, "{address}");
        assert!(report.readings.is_empty(), "{address}");
    }
    let stranger = Polled::new("10.1.0.1", "public").poll(&client).await;
    assert_eq!(stranger.outcome, Outcome::Timeout);
    assert_eq!(lab.write_failures(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demos_devices_are_read_whole() {
    let lab = start(&demo_fleet());
    let client = client(&lab);
    for (address, profile, interfaces, trunks) in
        [("10.10.0.1", "cisco-ios-xe", 3, 0), ("10.11.0.10", "audiocodes", 1, 4), ("10.20.2.1", "cisco-ios-xe", 2, 0)]
    {
        let mut device = Polled::new(address, COMMUNITY);
        let report = device.until(&client, address, |r| r.outcome == Outcome::Ok).await;
        assert_eq!(report.profile.as_ref().map(|p| &*p.name), Some(profile));
        let count =
            |table: &str, name: &str| report.readings.iter().filter(|r| &*r.table == table && &*r.name == name).count();
        assert_eq!((count("interface", "oper"), count("trunk_channels", "busy")), (interfaces, trunks), "{address}");
    }
}
