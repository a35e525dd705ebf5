//! An engine on real sockets, and the events of what is sent with it.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod hosts;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use assured_probes::icmp::batched::{BatchedEngine, Config};
use assured_probes::icmp::socket::{Options, Sockets};
use assured_probes::icmp::{Engine, Event, EventKind, Request};
use tokio::sync::mpsc::{Receiver, channel};

pub fn request(key: u64, address: &str) -> Request {
    let address: IpAddr = address.parse().unwrap();
    Request { key, address, dscp: 46, size: 64, timeout: Duration::from_millis(500) }
}

pub fn start(options: Options) -> (BatchedEngine, Receiver<Vec<Event>>) {
    start_with(options, Config::default())
}

pub fn start_with(options: Options, config: Config) -> (BatchedEngine, Receiver<Vec<Event>>) {
    let (events, receiver) = channel(1_024);
    let sockets = Sockets::open(options).unwrap();
    (BatchedEngine::start(sockets, config, events).unwrap(), receiver)
}

/// Sends, and waits until every request is decided.
pub fn outcomes(
    engine: &dyn Engine,
    events: &mut Receiver<Vec<Event>>,
    requests: Vec<Request>,
) -> BTreeMap<u64, EventKind> {
    let count = requests.len();
    engine.send(requests);
    outcomes_of(events, count)
}

/// Waits until so many requests are decided.
pub fn outcomes_of(events: &mut Receiver<Vec<Event>>, count: usize) -> BTreeMap<u64, EventKind> {
    let mut decided = BTreeMap::new();
    while decided.len() < count {
        for event in events.blocking_recv().expect("the engine runs") {
            if !matches!(event.kind, EventKind::Late | EventKind::Duplicate) {
                assert_eq!(decided.insert(event.key, event.kind), None, "decided twice");
            }
        }
    }
    decided
}

/// Runs this test program again, in new user and network namespaces where loopback is up, after the shell
/// commands of `setup`. `variable` is set inside; `filter` chooses the tests.
pub fn namespace(setup: &str, filter: &str, variable: &str) {
    let program = std::env::current_exe().unwrap();
    let script = format!("set -e\nip link set lo up\n{setup}\nexec \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", &script]).arg(program).arg(filter);
    let output = command.env(variable, "1").output().expect("unshare is there (util-linux)");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "inside the namespace:\n{text}");
}
