//! The daemon over real SNMP agents: what is read becomes metrics, what keeps us out is told apart, silence is unknown.
//!
//! Needs `snmpd` and `snmptrap` (Debian's packages `snmpd` and `snmp`), and ICMP sockets.

#[path = "snmp/common/mod.rs"]
mod common;
mod daemon;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::agent::{Agent, Event, Fault};
use assured_probes::snmp::recording::Recording;
use assured_probes::snmp::{Oid, Value};
use common::{Snmpd, serve};
use daemon::{Estate, Metrics, Outer, apart, ip, nowhere, until};
use nix::sys::signal::Signal;

const SECRETS: [&str; 4] = ["community-hunter2", "auth-hunter2", "priv-hunter2", "wrong-hunter2"];

/// An estate whose devices are polled every two seconds, with four credentials.
fn estate() -> Estate {
    let mut estate = Estate::of(&[]);
    estate.probing = "icmp = { interval = \"1s\", timeout = \"900ms\" }\n\
        snmp = { interval = \"2s\", timeout = \"600ms\", retries = 0 }"
        .into();
    for (name, keys) in [
        ("plain", "version = \"2c\"\ncommunity_file = \"community\""),
        (
            "good",
            "version = \"3\"\nuser = \"reader\"\nauth = \"SHA-256\"\nauth_password_file = \"auth\"\npriv = \"AES-128\"\npriv_password_file = \"priv\"",
        ),
        (
            "wrong",
            "version = \"3\"\nuser = \"reader\"\nauth = \"SHA-256\"\nauth_password_file = \"wrong\"\npriv = \"AES-128\"\npriv_password_file = \"priv\"",
        ),
        (
            "nobody",
            "version = \"3\"\nuser = \"nobody\"\nauth = \"SHA-256\"\nauth_password_file = \"auth\"\npriv = \"AES-128\"\npriv_password_file = \"priv\"",
        ),
    ] {
        estate.more += &format!("[snmp.{name}]\n{keys}\n");
    }
    estate
}

fn device(estate: &mut Estate, id: &str, address: std::net::SocketAddr, credential: &str) {
    estate.more += &format!(
        "[devices.{id}]\nsite = \"here\"\naddress = \"{}\"\nsnmp = \"{credential}\"\nsnmp_port = {}\n",
        address.ip(),
        address.port()
    );
}

fn link(estate: &mut Estate, id: &str, device: &str, interface: &str) {
    estate.more += &format!("[links.{id}]\ndevice = \"{device}\"\ninterface = \"{interface}\"\n");
}

/// The daemon with the files of its secrets.
fn start(estate: &Estate) -> Outer {
    Outer::start_with(estate, |dir| {
        for (name, secret) in ["community", "auth", "priv", "wrong"].into_iter().zip(SECRETS) {
            std::fs::write(dir.join(name), secret).expect("written");
        }
    })
}

fn access(m: &Metrics, device: &str, access: &str) -> bool {
    m.sum("assured_snmp_access", &[("component", device), ("access", access)]) > 0.5
}

/// What the daemon says anywhere.
fn everything(daemon: &Outer) -> String {
    let pages =
        ["/", "/metrics", "/sites/here", "/api/v1/devices", "/api/v1/components", "/api/v1/status", "/devices/real"];
    let mut all = daemon.log();
    pages.iter().for_each(|page| all += &daemon.page.get(page).unwrap_or_default());
    all
}

const SNMPD: &str = "rocommunity community-hunter2 127.0.0.0/8\n\
    createUser reader SHA-256 auth-hunter2 AES priv-hunter2\nrouser reader priv\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_being_kept_out_has_its_name_and_one_line_and_no_secret_shows() {
    let real = Snmpd::start(SNMPD).await;
    let narrow = Snmpd::start_at([127, 0, 0, 2].into(), "rocommunity community-hunter2 127.0.0.0/8 -V ready\n").await;
    let third = Snmpd::start_at([127, 0, 0, 3].into(), SNMPD).await;
    let fourth = Snmpd::start_at([127, 0, 0, 4].into(), SNMPD).await;
    let mut estate = estate();
    device(&mut estate, "real", real.address, "good");
    link(&mut estate, "loop", "real", "lo");
    link(&mut estate, "nowhere", "real", "eth99");
    device(&mut estate, "narrow", narrow.address, "plain");
    device(&mut estate, "wrong-password", third.address, "wrong");
    device(&mut estate, "wrong-user", fourth.address, "nobody");
    device(&mut estate, "silent", "127.0.0.5:1".parse().unwrap(), "plain");
    link(&mut estate, "dark", "silent", "lo");
    let daemon = start(&estate);

    daemon.page.until("every way in is known", |m| {
        access(m, "real", "open")
            && access(m, "narrow", "hidden")
            && access(m, "wrong-password", "wrong_password")
            && access(m, "wrong-user", "unknown_user")
            && access(m, "silent", "silent")
    });
    // Three polls more: a line is said once.
    daemon.page.until("polls go on", |m| {
        m.sum("assured_snmp_requests_total", &[("component", "real"), ("result", "ok")]) >= 4.0
            && m.sum("assured_snmp_requests_total", &[("component", "silent"), ("result", "timeout")]) >= 4.0
            && m.sum("assured_snmp_requests_total", &[("component", "wrong-user"), ("result", "auth")]) >= 2.0
    });
    let metrics = daemon.page.until("the devices answer pings", |m| {
        ["real", "narrow", "wrong-password", "wrong-user", "silent"].iter().all(|d| m.is_in(d, "up"))
    });
    assert!(metrics.is_in("loop", "up"), "its device says so");
    assert!(metrics.is_in("dark", "unknown"), "silence is never down");
    assert!(metrics.is_in("nowhere", "unknown"), "there is no such interface");
    assert!(metrics.sum("assured_interface_receive_bytes_total", &[("component", "real")]) >= 0.0);
    assert!(metrics.sum("assured_device_uptime_seconds", &[("component", "real")]) > 0.0);
    assert_eq!(metrics.sum("assured_interface_oper_up", &[("component", "real"), ("interface", "lo")]) as u64, 1);
    assert_eq!(metrics.sum("assured_device_info", &[("component", "real"), ("profile", "linux")]) as u64, 1);

    let log = daemon.log();
    for (device, words) in [
        ("narrow", "view hides"),
        ("wrong-password", "password or protocol is wrong"),
        ("wrong-user", "does not know this user"),
        ("silent", "silent"),
        ("real", "eth99"),
    ] {
        let about = log.lines().filter(|l| l.contains(&format!("device={device}")) && l.contains(words)).count();
        assert_eq!(about, 1, "{device}: {log}");
    }
    let said = everything(&daemon);
    for secret in SECRETS {
        assert!(!said.contains(secret), "{secret} is said somewhere");
    }
}

#[test]
fn a_device_that_is_gone_altogether_is_told_of_once() {
    apart(|| {
        nowhere();
        ip("link add v0 type veth peer name v1");
        ip("link set v0 up");
        ip("link set v1 up");
        ip("addr add 10.9.0.1/24 dev v0");
        ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent");
        let mut estate = estate();
        estate.more += "[devices.gone]\nsite = \"here\"\naddress = \"10.9.0.2\"\nsnmp = \"plain\"\n";
        let daemon = start(&estate);
        daemon.page.until("it is down and its agent silent", |m| {
            m.is_in("gone", "down")
                && m.sum("assured_snmp_requests_total", &[("component", "gone"), ("result", "timeout")]) >= 3.0
        });
        let log = daemon.log();
        let lines: Vec<_> = log.lines().filter(|l| l.contains("gone")).collect();
        assert!(lines.len() == 1 && lines[0].contains("without an answer"), "{log}");
        assert!(access(&daemon.page.scrape(), "gone", "silent"), "the metrics tell all the same");
    });
}

/// A profile that reads one number of a made-up kind of router, under this name.
fn profile_of_own(reading: &str) -> String {
    format!(
        "name = \"own\"\ntitle = \"Of our own\"\nincludes = [\"generic\"]\n\
         match = {{ object_id = [\"1.3.6.1.4.1.99999\"] }}\n\
         [[table]]\nname = \"own\"\nscalar = true\nobject = [\n\
         {{ name = \"{reading}\", object = \"sysServices\", oid = \"1.3.6.1.2.1.1.7\", type = \"integer\", kind = \"gauge\", \
         unit = \"ratio\" }},\n]\n"
    )
}

#[test]
fn a_reload_reads_the_folder_of_profiles_again_and_moves_the_receiver_of_traps() {
    let agent = serve(router(Vec::new()), |answer| answer);
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let (first, second) = (common::free_port(), common::free_port());
    let with_traps = |port: u16| {
        let mut estate = estate();
        estate.monitor += &format!("traps = \"127.0.0.1:{port}\"\nprofiles = \"profiles.d\"\n");
        device(&mut estate, "r", agent.address, "plain");
        estate
    };
    let daemon = Outer::start_with(&with_traps(first), |dir| {
        for (name, secret) in ["community", "auth", "priv", "wrong"].into_iter().zip(SECRETS) {
            std::fs::write(dir.join(name), secret).expect("written");
        }
        std::fs::create_dir(dir.join("profiles.d")).expect("made");
        std::fs::write(dir.join("profiles.d/README"), "no profile").expect("written");
    });
    let read_through =
        |m: &Metrics, profile: &str| m.sum("assured_device_info", &[("component", "r"), ("profile", profile)]) > 0.5;
    let said = |what: String| until(&what, || daemon.log().contains(&what).then_some(()));
    daemon.page.until("it is read through what is there", |m| read_through(m, "generic"));
    said(format!("receiving SNMP notifications listen=127.0.0.1:{first}"));

    let file = daemon.dir.path().join("profiles.d/own.toml");
    std::fs::write(&file, profile_of_own("before")).expect("written");
    daemon.rewrite(&with_traps(second));
    daemon.signal(Signal::SIGHUP);
    daemon.page.until("the new profile fits better", |m| read_through(m, "own"));
    said(format!("receiving SNMP notifications listen=127.0.0.1:{second}"));
    std::net::UdpSocket::bind(("127.0.0.1", first)).expect("the first port is free again");

    // An address that another has: the receiver stays where it is. A profile that is broken: nothing changes.
    daemon.rewrite(&with_traps(taken.local_addr().expect("an address").port()));
    daemon.signal(Signal::SIGHUP);
    said("go on being received at the address of before".into());
    assert!(std::net::UdpSocket::bind(("127.0.0.1", second)).is_err(), "it listens there");
    std::fs::write(&file, "name = 7").expect("written");
    daemon.signal(Signal::SIGHUP);
    said("configuration not taken over".into());
    assert!(daemon.log().contains("profiles.d/own.toml"), "{}", daemon.log());
    std::fs::remove_file(&file).expect("it is there");
    daemon.signal(Signal::SIGHUP);
    daemon.page.until("the embedded one is what is left", |m| read_through(m, "generic"));
}

const OPER: &str = "1.3.6.1.2.1.2.2.1.8.1";
const LAST_CHANGE: &str = "1.3.6.1.2.1.2.2.1.9.1";

fn oid(text: &str) -> Oid {
    text.parse().expect("an identifier")
}

/// A router with one interface, whose agent has been running for a day.
fn router(script: Vec<(Duration, Event)>) -> Agent {
    let recording = "1.3.6.1.2.1.1.1.0|4|a scripted router\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1\n\
        1.3.6.1.2.1.1.3.0|67|8640000\n1.3.6.1.2.1.2.2.1.2.1|4|eth0\n1.3.6.1.2.1.2.2.1.5.1|66|100000000\n\
        1.3.6.1.2.1.2.2.1.7.1|2|1\n1.3.6.1.2.1.2.2.1.8.1|2|1\n1.3.6.1.2.1.2.2.1.9.1|67|100\n\
        1.3.6.1.2.1.2.2.1.10.1|65|1000\n1.3.6.1.2.1.31.1.1.1.1.1|4|eth0\n1.3.6.1.2.1.31.1.1.1.18.1|4|to the core\n";
    Agent::new(Arc::new(Recording::read(recording.as_bytes()).objects), "community-hunter2").with_script(script)
}

#[test]
fn a_link_goes_down_when_its_device_says_so_and_is_unknown_when_the_device_is_silent() {
    let second = Duration::from_secs;
    let down = second(5);
    let agent = serve(
        router(vec![
            (down, Event::Set(oid(OPER), Value::Integer(2))),
            (down, Event::Set(oid(LAST_CHANGE), Value::TimeTicks(8_640_000 + 500))),
            (second(9), Event::Fault(Some(Fault::Silent))),
        ]),
        |answer| answer,
    );
    // Another one that never ends its answers: it costs nobody else anything.
    let hostile = serve(router(vec![(second(0), Event::Fault(Some(Fault::Circle)))]), |answer| answer);
    let mut estate = estate();
    device(&mut estate, "r", agent.address, "plain");
    link(&mut estate, "l", "r", "to the core");
    estate.more += "[devices.other]\nsite = \"here\"\naddress = \"localhost\"\nsnmp = \"plain\"\n";
    estate.more += &format!("snmp_port = {}\n", hostile.address.port());
    let daemon = start(&estate);
    daemon.page.until("the link is up", |m| m.is_in("l", "up"));
    daemon.page.until("the link is down", |m| m.is_in("l", "down") && m.is_in("r", "up"));
    let link = daemon.page.json("/api/v1/components/l");
    assert_eq!(link["interface"]["dated_by"], "last_change", "{link}");
    let metrics = daemon.page.until("the link is unknown", |m| m.is_in("l", "unknown"));
    assert!(metrics.is_in("r", "up"), "it answers pings");
    assert!(metrics.not_measured("agent_silent") >= 1);
}

#[test]
fn a_trap_sets_off_a_poll_at_once_and_changes_nothing_by_itself() {
    let agent = serve(router(Vec::new()), |answer| answer);
    let mut estate = estate();
    let traps = common::free_port();
    estate.monitor += &format!("traps = \"127.0.0.1:{traps}\"\n");
    estate.probing = estate.probing.replace("interval = \"2s\"", "interval = \"5m\"");
    device(&mut estate, "r", agent.address, "plain");
    link(&mut estate, "l", "r", "eth0");
    let daemon = start(&estate);
    daemon.page.until("the receiver is there", |_| daemon.log().contains("receiving SNMP notifications"));
    // Never polled so far, unless its slot of five minutes has just come: a notification is what sets it off.
    let before = daemon.page.scrape().sum("assured_snmp_requests_total", &[("component", "r")]);
    let down = |community: &str| {
        let status = Command::new("snmptrap")
            .args(["-v2c", "-c", community, &format!("127.0.0.1:{traps}"), "", "1.3.6.1.6.3.1.1.5.3"])
            .args(["1.3.6.1.2.1.2.2.1.1.1", "i", "1"])
            .status();
        assert!(status.expect("snmptrap of the Debian package snmp").success());
    };
    down("not-the-community");
    down(SECRETS[0]);
    let metrics = until("it was polled", || {
        let m = daemon.page.scrape();
        (m.sum("assured_snmp_requests_total", &[("component", "r"), ("result", "ok")]) > before).then_some(m)
    });
    assert!(metrics.is_in("l", "up"), "the trap said down, the device says up");
    assert_eq!(metrics.sum("assured_snmp_notifications_total", &[("result", "polled")]) as u64, 1);
}
