//! `assured probe --snmp` and `assured discover` against recorded devices, devices made by hand, and net-snmp's agent.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use assured_probes::snmp::agent::{Agent, Bears};
use assured_probes::snmp::recording::Recording;
use tokio::time::Instant;

/// An agent on a socket of its own.
struct Served {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Where the clock stands still, what an agent says is the same in every run.
fn serve(mut agent: Agent) -> Served {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = std::thread::spawn(move || {
        let mut buffer = [0_u8; 4_096];
        while !stopped.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            if let Some(reply) = agent.handle(&buffer[..length], Duration::ZERO) {
                let _ = socket.send_to(&reply.datagram, from);
            }
        }
    });
    Served { address, stop, thread: Some(thread) }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn recorded(text: &[u8]) -> Agent {
    Agent::new(Arc::new(Recording::read(text).objects), "public")
}

/// A folder with a configuration whose credentials are `ours` (v2c), `old` (v1) and `wrong`.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        place.write("community", "public\n");
        place.write("wrong", "another\n");
        place.write(
            "assured.toml",
            "[monitor]\nvantage = \"test\"\ninclude = [\"found/*.toml\"]\n\
             [snmp.ours]\nversion = \"2c\"\ncommunity_file = \"community\"\n\
             [snmp.old]\nversion = \"1\"\ncommunity_file = \"community\"\n\
             [snmp.wrong]\nversion = \"2c\"\ncommunity_file = \"wrong\"\n\
             [sites.here]\ntitle = \"Here\"\n\
             [devices.monitor]\nsite = \"here\"\naddress = \"127.0.0.9\"\n",
        );
        fs::create_dir(place.path("found")).expect("a folder");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn assured(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assured"));
        command.args(args).arg("--config").arg(self.path("assured.toml"));
        command.output().expect("the program runs")
    }

    fn probe(&self, address: SocketAddr, more: &[&str]) -> (bool, String) {
        let _ = fs::remove_file(self.path("found/one.toml"));
        let address = address.to_string();
        let out = self.assured(&[&["probe", &address, "--count", "1"], more].concat());
        assert!(out.stderr.is_empty() || !out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        (out.status.success(), String::from_utf8(out.stdout).expect("text"))
    }

    fn json(&self, address: SocketAddr) -> serde_json::Value {
        let (_, text) = self.probe(address, &["--snmp", "ours", "--json"]);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Discovers, includes what came, and checks the whole. Gives the fragment.
    fn discover(&self, address: SocketAddr, name: &str) -> String {
        let _ = fs::remove_file(self.path("found/one.toml"));
        let out = self.assured(&["discover", &address.to_string(), "--snmp", "ours"]);
        let (toml, said) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{name}: {said}");
        self.write("found/one.toml", &toml);
        let checked = self.assured(&["check"]);
        let problems = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "{name}:\n{problems}\n{toml}");
        toml.into_owned()
    }
}

/// The SNMP part, without what differs from run to run.
fn steady(text: &str, address: SocketAddr) -> String {
    let (_, snmp) = text.split_once("\n\n").expect("pings, then SNMP");
    let lines = snmp.replace(&address.to_string(), "ADDRESS");
    let lines = lines.lines().map(|line| match line.split_once(" exchanges, ") {
        Some((before, _)) => format!("{before} exchanges"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn golden(name: &str, text: &str) {
    let path = Path::new("tests/probe_snmp").join(name);
    if std::env::var_os("ASSURED_BLESS").is_some() {
        fs::write(&path, text).expect("a golden file");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; ASSURED_BLESS=1 writes it anew", path.display());
}

fn own(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/probe_snmp").join(name)).expect("a recording of ours")
}

/// Every recording of ours, and the recorded devices that `tests/snmp/install-recordings` fetches.
fn recordings() -> Vec<PathBuf> {
    let installed = Command::new("tests/snmp/install-recordings").status().expect("bash");
    assert!(installed.success(), "the recordings could not be fetched");
    let mut folders = vec![PathBuf::from("tests/probe_snmp"), PathBuf::from("target/tools/snmprec")];
    folders.extend(std::env::var_os("ASSURED_RECORDINGS").map(PathBuf::from));
    let mut all: Vec<PathBuf> = folders
        .iter()
        .flat_map(|f| fs::read_dir(f).expect("a folder").map(|e| e.expect("an entry").path()))
        .filter(|p| p.extension().is_some_and(|e| e == "snmprec"))
        .collect();
    all.sort();
    all
}

#[test]
fn every_recorded_device_is_shown_and_discovered() {
    let place = Place::new();
    for path in recordings() {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let device = serve(recorded(&fs::read(&path).expect("a recording")));
        let (worked, text) = place.probe(device.address, &["--snmp", "ours"]);
        assert!(worked, "{name}:\n{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
            assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        }
        assert!(text.lines().count() < 400, "{name}: {} lines", text.lines().count());
        place.discover(device.address, &name);
    }
}

#[test]
fn a_gateway_reads_as_it_was_made() {
    let place = Place::new();
    for name in ["cube", "mediant", "odd"] {
        let device = serve(recorded(&own(&format!("{name}.snmprec"))));
        let (_, text) = place.probe(device.address, &["--snmp", "ours"]);
        golden(&format!("{name}.txt"), &steady(&text, device.address));
        let fragment = place.discover(device.address, name);
        let port = format!("snmp_port = {}", device.address.port());
        golden(&format!("{name}.toml"), &fragment.replace(&port, "snmp_port = PORT"));
    }
}

#[test]
fn eight_trunks_are_told_apart() {
    let place = Place::new();
    let device = serve(recorded(&own("mediant.snmprec")));
    let found = place.json(device.address);
    let channels = found["snmp"]["channels"].as_object().expect("channels");
    assert_eq!(
        (0..8).map(|t| channels[&t.to_string()]["busy"].as_u64()).collect::<Vec<_>>(),
        (0..8).map(|t| Some(t * 3)).collect::<Vec<_>>()
    );
    let states: Vec<&str> = found["snmp"]["readings"]
        .as_array()
        .expect("readings")
        .iter()
        .filter(|r| r["table"] == "trunk" && r["name"] == "state")
        .map(|r| r["said"].as_str().expect("words"))
        .collect();
    assert_eq!(states, ["active", "active", "active", "active", "active", "losLof", "disabled", "active"]);
}

#[test]
fn five_thousand_interfaces_are_read_and_few_are_printed() {
    let mut text = String::from(
        "1.3.6.1.2.1.1.1.0|4|A large box\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.5\n1.3.6.1.2.1.1.3.0|67|500000\n",
    );
    for i in 1..=5_000 {
        text += &format!(
            "1.3.6.1.2.1.2.2.1.2.{i}|4|port {i}\n1.3.6.1.2.1.2.2.1.3.{i}|2|6\n1.3.6.1.2.1.2.2.1.7.{i}|2|1\n\
             1.3.6.1.2.1.2.2.1.8.{i}|2|{}\n1.3.6.1.2.1.31.1.1.1.1.{i}|4|ge-{i}\n1.3.6.1.2.1.31.1.1.1.15.{i}|66|1000\n\
             1.3.6.1.2.1.31.1.1.1.18.{i}|4|{}\n",
            i % 2 + 1,
            if i == 4_321 { "to the contact centre" } else { "" },
        );
    }
    let place = Place::new();
    let device = serve(recorded(text.as_bytes()));
    let (worked, shown) = place.probe(device.address, &["--snmp", "ours"]);
    assert!(worked && shown.lines().count() < 80, "{shown}");
    assert!(shown.contains("Interfaces: 5000 (2500 up, 2500 down)"), "{shown}");
    assert!(shown.contains("… and 4960 more (--json has all)"), "{shown}");
    assert!(shown.contains("to the contact centre"), "what somebody described comes first:\n{shown}");
    let found = place.json(device.address);
    assert_eq!(found["snmp"]["interfaces"].as_array().map(Vec::len), Some(5_000));
    let fragment = place.discover(device.address, "large");
    assert!(fragment.contains("title = \"to the contact centre\""));
    assert_eq!(fragment.matches("\n[links.").count(), 1, "nobody described the others");
    assert!(fragment.lines().count() < 260);
}

#[test]
fn an_agent_of_version_1_that_bears_little_is_read() {
    let place = Place::new();
    let device = serve(recorded(&own("odd.snmprec")).bearing(Bears { bytes: 484, bulk: false }));
    let (worked, text) = place.probe(device.address, &["--snmp", "old"]);
    assert!(worked && text.contains("SNMP v1 at") && text.contains("Interfaces: 7"), "{text}");
}

#[test]
fn who_is_not_let_in_learns_what_to_do() {
    let place = Place::new();
    let device = serve(recorded(&own("cube.snmprec")));
    let (worked, text) = place.probe(device.address, &["--snmp", "wrong"]);
    assert!(!worked && text.contains("no answer") && text.contains("do not tell a wrong community"), "{text}");
    assert!(!text.contains("another"), "the community is a secret: {text}");
    let out = place.assured(&["discover", &device.address.to_string(), "--snmp", "wrong"]);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0));
    let out = place.assured(&["probe", "127.0.0.1", "--snmp", "nobody"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(78) && said.contains("it has old, ours, wrong"), "{said}");
    let out = place.assured(&["probe", "127.0.0.1", "--snmp", "ours", "--profile", "nothing"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("there is no profile \"nothing\": there are audiocodes,"));
}

#[test]
fn a_profile_may_be_named() {
    let place = Place::new();
    let device = serve(recorded(&own("cube.snmprec")));
    let (worked, text) = place.probe(device.address, &["--snmp", "ours", "--profile", "generic"]);
    assert!(worked && text.contains("named on the command line") && !text.contains("Dial peers"), "{text}");
}

#[test]
fn a_device_that_the_configuration_has_is_not_defined_twice() {
    let place = Place::new();
    let device = serve(recorded(&own("cube.snmprec")));
    place.write(
        "found/known.toml",
        &format!(
            "[devices.gw]\nsite = \"here\"\naddress = \"127.0.0.1\"\nsnmp = \"ours\"\nsnmp_port = {}\n\
             [links.wan]\ndevice = \"gw\"\ninterface = \"Gi0/0/0\"\n",
            device.address.port()
        ),
    );
    let fragment = place.discover(device.address, "known");
    assert!(
        fragment.contains("# [devices.gw]") && fragment.contains("a link of the configuration has it already"),
        "{fragment}"
    );
    // The port of the configuration is used where none is given.
    let out = place.assured(&["discover", "127.0.0.1", "--snmp", "ours"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// net-snmp's own agent.
struct Snmpd(std::process::Child);

impl Drop for Snmpd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn net_snmps_agent_is_read_and_each_refusal_has_its_name() {
    let place = Place::new();
    let port = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    place.write(
        "snmpd.conf",
        "createUser assured SHA-256 authentic-one AES privacy-one\nrouser assured authpriv\nsysName hostile \"[devices.x]\" name\n",
    );
    place.write("auth", "authentic-one");
    place.write("priv", "privacy-one");
    place.write("bad", "not-the-password");
    let v3 = |name: &str, user: &str, auth: &str, privacy: &str| {
        format!(
            "[snmp.{name}]\nversion = \"3\"\nuser = \"{user}\"\nauth = \"SHA-256\"\nauth_password_file = \"{auth}\"\n\
             priv = \"AES-128\"\npriv_password_file = \"{privacy}\"\n"
        )
    };
    let more = [
        v3("right", "assured", "auth", "priv"),
        v3("badauth", "assured", "bad", "priv"),
        v3("badpriv", "assured", "auth", "bad"),
        v3("stranger", "nobody", "auth", "priv"),
    ];
    place.write("found/v3.toml", &more.concat());
    let child = Command::new("/usr/sbin/snmpd")
        .env("SNMP_PERSISTENT_DIR", place.path("state"))
        .env("SNMPCONFPATH", place.0.path())
        .args(["-f", "-LF", "e"])
        .arg(place.path("log"))
        .arg("-p")
        .arg(place.path("pid"))
        .arg(format!("udp:{address}"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("snmpd of net-snmp: install the Debian package snmpd");
    let _agent = Snmpd(child);
    let until = Instant::now() + Duration::from_secs(30);
    let text = loop {
        let (worked, text) = place.probe(address, &["--snmp", "right"]);
        if worked {
            break text;
        }
        assert!(Instant::now() < until, "{text}\n{}", fs::read_to_string(place.path("log")).unwrap_or_default());
    };
    assert!(text.contains("the agent lets us in") && text.contains("profile       linux"), "{text}");
    assert!(text.contains("\n  lo "), "{text}");
    for (credential, words) in [
        ("badauth", "the authentication password or protocol is wrong"),
        ("badpriv", "the privacy password or protocol is wrong"),
        ("stranger", "the agent does not know this user"),
    ] {
        let (worked, text) = place.probe(address, &["--snmp", credential]);
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!worked && flat.contains(words), "{credential}: {text}");
        assert!(!text.contains("not-the-password") && !text.contains("authentic-one"), "{text}");
    }
    let out = place.assured(&["discover", &address.to_string(), "--snmp", "right"]);
    let toml: toml::Table = toml::from_str(&String::from_utf8_lossy(&out.stdout)).expect("TOML");
    let devices = toml["devices"].as_table().expect("devices");
    assert_eq!(devices.len(), 1);
    let (_, device) = devices.iter().next().expect("a device");
    assert_eq!(device["title"].as_str(), Some("hostile \"[devices.x]\" name"));
}
