//! The lab does what its scenarios say: each trick seen from a socket of our own, on real packets.
//!
//! Needs root, or user namespaces and a `/dev/net/tun` that everybody may open.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use assured::lab::client::{Options, Way};
use assured::lab::fleet::{Agent, HostRef};
use assured::lab::packet::Udp;
use assured::lab::scenario::{Chance, Fault, Hosts, Lie, Nanos, Scenario, Treatment};
use assured::lab::server::SocketKind;
use assured::lab::truth::{Fate, Sighting};
use assured::lab::{Lab, LabError};
use assured::units::Dscp;
use nix::sys::socket::{setsockopt, sockopt};

const PAYLOAD: &[u8; 16] = b"sixteen bytes ok";

fn options(way: Way) -> Options {
    Options { way, helper: Some(env!("CARGO_BIN_EXE_assured").into()), ..Options::default() }
}

fn start(hosts: impl IntoIterator<Item = Hosts>) -> Lab {
    let scenario = hosts.into_iter().fold(Scenario::new(1), Scenario::with);
    Lab::start(&scenario, &options(Way::Any)).unwrap()
}

fn host(address: &str) -> Hosts {
    Hosts::at(address.parse().unwrap())
}

fn dscp(name: &str) -> Dscp {
    Dscp::parse(name).unwrap()
}

/// A socket from inside; ICMP sockets are as good as UDP ones to send to and receive from.
fn open(lab: &Lab, kind: SocketKind) -> UdpSocket {
    let socket = UdpSocket::from(lab.socket(kind).unwrap());
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

/// Sends an IPv4 or IPv6 echo request with this sequence number.
fn echo(socket: &UdpSocket, to: &str, sequence: u16) -> std::io::Result<usize> {
    let to: IpAddr = to.parse().unwrap();
    let kind = if to.is_ipv4() { 8 } else { 128 };
    let [high, low] = sequence.to_be_bytes();
    // A raw IPv4 socket sends what it is given: the checksum has to be there, with identifier 0x1234.
    let mut bytes = [&[kind, 0, 0, 0, 0x12, 0x34, high, low], PAYLOAD.as_slice()].concat();
    let sum = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let sum = !u16::try_from((sum & 0xFFFF) + (sum >> 16)).unwrap();
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    socket.send_to(&bytes, SocketAddr::new(to, 0))
}

/// The next message, and who sent it.
fn next(socket: &UdpSocket) -> (Vec<u8>, IpAddr) {
    let mut bytes = vec![0; 2000];
    let (length, from) = socket.recv_from(&mut bytes).unwrap();
    bytes.truncate(length);
    (bytes, from.ip())
}

fn sightings(lab: &Lab) -> Vec<Sighting> {
    lab.truth(|t| t.sightings().copied().collect())
}

/// A host answers in both families, the truth says so, and the routes can be taken away and put back.
fn works(options: &Options) {
    let scenario = Scenario::new(1).with(Hosts { delay: Nanos::ms(2), ..host("10.1.0.1") }).with(host("fd00::1"));
    let lab = Lab::start(&scenario, options).unwrap();
    for (kind, to) in [(SocketKind::IcmpDatagramV4, "10.1.0.1"), (SocketKind::IcmpDatagramV6, "fd00::1")] {
        let socket = open(&lab, kind);
        echo(&socket, to, 7).unwrap();
        let (bytes, from) = next(&socket);
        assert_eq!((from.to_string().as_str(), &bytes[6..]), (to, [&[0, 7], PAYLOAD.as_slice()].concat().as_slice()));
        lab.remove_route().unwrap();
        assert_eq!(echo(&socket, to, 8).unwrap_err().kind(), ErrorKind::NetworkUnreachable);
        lab.restore_route().unwrap();
        echo(&socket, to, 9).unwrap();
        assert_eq!(next(&socket).0[6..8], [0, 9]);
    }
    assert_eq!(lab.truth(|t| (t.total().seen, t.total().answered)), (4, 4));
    assert_eq!((lab.dropped().unwrap(), lab.write_failures()), (0, 0));
}

#[test]
fn a_thread_can_have_the_namespace() {
    works(&options(Way::Thread));
}

#[test]
fn a_helper_process_can_have_the_namespace() {
    works(&options(Way::Helper));
}

/// The helper, called as user 65534 who may do nothing, but who may open TUN devices as on most machines.
fn helper_as_nobody(directory: &std::path::Path) -> PathBuf {
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory, everybody.clone()).unwrap();
    let program = directory.join("assured");
    fs::copy(env!("CARGO_BIN_EXE_assured"), &program).unwrap();
    let script = directory.join("as-nobody");
    let text = format!(
        "#!/bin/sh\nexec unshare -m sh -c '\n  mknod {dir}/tun c 10 200 && chmod 666 {dir}/tun && \
         mount --bind {dir}/tun /dev/net/tun || exit 1\n  \
         exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
         {dir}/assured \"$@\"' sh \"$@\"\n",
        dir = directory.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, everybody).unwrap();
    script
}

#[test]
fn a_helper_without_any_privilege_can_have_the_namespace() {
    let directory = tempfile::tempdir().unwrap();
    let helper = Some(helper_as_nobody(directory.path()));
    works(&Options { helper, ..options(Way::Helper) });
}

#[test]
fn what_cannot_be_had_is_said_plainly() {
    let wrong = Options { helper: Some("/nowhere/at-all".into()), ..options(Way::Helper) };
    assert!(matches!(Lab::start(&Scenario::new(1), &wrong), Err(LabError::Helper(_))));
    let lab = Lab::start(&Scenario::new(1), &options(Way::Helper)).unwrap();
    assert!(matches!(lab.inside(|| ()), Err(LabError::NotAThread)));
}

#[test]
fn answers_leave_after_their_delay_and_the_truth_knows_when() {
    let lab = start([Hosts { count: 50, delay_step: Nanos::ms(1), ..host("10.64.0.1") }]);
    let socket = open(&lab, SocketKind::IcmpDatagramV4);
    for n in (1..=50).rev() {
        echo(&socket, &format!("10.64.0.{n}"), n).unwrap();
    }
    let order: Vec<_> = (1..=50).map(|_| u16::from(next(&socket).0[7])).collect();
    let mut due: Vec<_> = sightings(&lab).iter().map(|s| (s.at_ns + s.delay.0, s.serial, s.sequence)).collect();
    due.sort_unstable();
    assert_eq!(order, due.iter().map(|&(_, _, sequence)| sequence).collect::<Vec<_>>());
    for s in sightings(&lab) {
        assert_eq!(s.delay, Nanos::ms(u64::from(s.sequence - 1)));
        assert!(s.left_ns.is_none_or(|left| left >= s.at_ns + s.delay.0), "{s:?}");
        assert_eq!((s.head, s.second), (u64::from_be_bytes(*b"sixteen "), u64::from_be_bytes(*b"bytes ok")));
    }
}

#[test]
fn classes_are_kept_or_remarked_and_dropped_apart() {
    let remarked = Treatment {
        dscp: dscp("EF"),
        delay: Nanos(0),
        jitter: Nanos(0),
        loss: Chance::NEVER,
        remark: Some(dscp("AF31")),
    };
    let lossy = Treatment { dscp: dscp("AF41"), loss: Chance::ALWAYS, remark: None, ..remarked.clone() };
    let lab = start([Hosts { ttl: 57, classes: vec![remarked, lossy], ..host("10.1.0.1") }]);
    let socket = open(&lab, SocketKind::IcmpRawV4);
    for (sequence, class) in ["AF41", "EF", "CS1"].into_iter().enumerate() {
        setsockopt(&socket, sockopt::Ipv4Tos, &i32::from(dscp(class).tos())).unwrap();
        echo(&socket, "10.1.0.1", sequence.try_into().unwrap()).unwrap();
    }
    for (sequence, class) in [(1, "AF31"), (2, "CS1")] {
        let (bytes, _) = next(&socket);
        assert_eq!((bytes[1], bytes[8], bytes[27]), (dscp(class).tos(), 57, sequence));
    }
    let counts = lab.truth(|t| t.host(0).to_vec());
    assert_eq!(counts.iter().map(|(_, c)| c.dropped).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(counts.iter().map(|(_, c)| c.remarked).collect::<Vec<_>>(), [0, 1, 0]);
}

#[test]
fn duplicates_come_twice_and_held_back_answers_are_overtaken() {
    let held = Fault { to: Some(Nanos::secs(3600)), delay: Nanos::ms(400), ..Fault::default() };
    let lab = start([
        Hosts { duplicates: Chance::ALWAYS, ..host("10.1.0.1") },
        Hosts { faults: vec![held], ..host("10.1.0.2") },
    ]);
    let socket = open(&lab, SocketKind::IcmpDatagramV4);
    echo(&socket, "10.1.0.2", 1).unwrap();
    echo(&socket, "10.1.0.1", 2).unwrap();
    let order: Vec<_> = (0..3).map(|_| next(&socket).0[7]).collect();
    assert_eq!(order, [2, 2, 1]);
}

#[test]
fn an_outage_ends_when_the_script_says() {
    let to = Nanos::ms(300);
    let outage = Fault { to: Some(to), loss: Chance::ALWAYS, ..Fault::default() };
    let lab = start([Hosts { faults: vec![outage], ..host("10.1.0.1") }]);
    let socket = open(&lab, SocketKind::IcmpDatagramV4);
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut bytes = [0; 100];
    for sequence in 0.. {
        echo(&socket, "10.1.0.1", sequence).unwrap();
        if socket.recv(&mut bytes).is_ok() {
            break;
        }
    }
    for s in sightings(&lab) {
        assert_eq!(s.fate == Fate::Dropped, s.at_ns < to.0, "{s:?}");
    }
    assert!(lab.now_ns() >= to.0);
}

#[test]
fn every_lie_arrives_as_it_was_told() {
    let lies = [
        Lie::WrongPayload,
        Lie::WrongId,
        Lie::WrongSequence,
        Lie::Truncated,
        Lie::SpoofedSource,
        Lie::BadChecksum,
        Lie::Unreachable,
    ];
    let hosts = lies.iter().zip(1..).map(|(&lie, n)| {
        let faults = vec![Fault { lie: Some(lie), ..Fault::default() }];
        Hosts { faults, ..host(&format!("10.1.0.{n}")) }
    });
    let lab = start(hosts.chain([host("10.1.0.100")]));
    let socket = open(&lab, SocketKind::IcmpRawV4);
    let ask = |last: u8| {
        echo(&socket, &format!("10.1.0.{last}"), 0x0102).unwrap();
        let (bytes, from) = next(&socket);
        (bytes[20..].to_vec(), from.to_string())
    };
    let (honest, _) = ask(100);
    assert_eq!(honest[..2], [0, 0]);
    assert_eq!(honest[4..], [&[0x12, 0x34, 1, 2], PAYLOAD.as_slice()].concat());

    assert_eq!(ask(1).0[8..], PAYLOAD.map(|byte| !byte));
    let (wrong_id, wrong_sequence) = (ask(2).0, ask(3).0);
    assert!(wrong_id[4..6] != honest[4..6] && wrong_id[6..] == honest[6..]);
    assert!(wrong_sequence[6..8] != honest[6..8] && wrong_sequence[4..6] == honest[4..6]);
    assert_eq!(ask(4).0[4..], honest[4..12]);
    assert_eq!(ask(5), (honest.clone(), "10.1.0.133".into()));
    let (bad, from) = ask(6);
    assert!(bad[2..4] != honest[2..4] && bad[4..] == honest[4..] && from == "10.1.0.6");
    let (unreachable, from) = ask(7);
    assert_eq!((&unreachable[..2], from.as_str()), (&[3, 1][..], "10.255.255.253"));
    assert_eq!(unreachable[8 + 16..8 + 20], [10, 1, 0, 7]);
    assert_eq!(lab.truth(|t| (t.total().lied, t.total().answered)), (7, 1));
}

#[test]
fn the_journal_has_a_line_for_every_request() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("truth.jsonl");
    let scenario = Scenario::new(1).with(host("10.1.0.1")).with(Hosts { loss: Chance::ALWAYS, ..host("10.1.0.2") });
    let lab = Lab::start(&scenario, &Options { journal: Some(path.clone()), ..options(Way::Any) }).unwrap();
    let socket = open(&lab, SocketKind::IcmpDatagramV4);
    for sequence in 0..100 {
        echo(&socket, &format!("10.1.0.{}", 2 - sequence % 2), sequence).unwrap();
    }
    for _ in 0..50 {
        next(&socket);
    }
    drop(lab);
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["serial"].as_u64());
    assert_eq!(lines.len(), 100);
    for (n, line) in lines.iter().enumerate() {
        assert_eq!((line["sequence"].as_u64(), line["left_ns"].is_null()), (Some(n as u64), n % 2 == 0));
        assert_eq!(line["fate"], if n % 2 == 0 { "dropped" } else { "answered" });
    }
}

#[test]
fn every_scenario_file_can_be_read() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/lab");
    let files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for path in files {
        let read = Scenario::parse(&fs::read_to_string(&path).unwrap());
        assert!(read.is_ok(), "{}: {read:?}", path.display());
    }
}

#[test]
fn datagrams_reach_the_agent_and_closed_ports_refuse() {
    struct Shout;
    impl Agent for Shout {
        fn answer(&mut self, host: HostRef<'_>, datagram: &Udp<'_>, _: u64) -> Option<Vec<u8>> {
            Some([host.name.as_bytes(), &datagram.payload.to_ascii_uppercase()].concat())
        }
        fn listens(&self, _: HostRef<'_>, port: u16) -> bool {
            port == 161
        }
    }
    for way in [Way::Thread, Way::Helper] {
        let scenario = Scenario::new(1).with(Hosts { name: "r1 says ".into(), ..host("10.1.0.1") });
        let lab = Lab::start(&scenario, &options(way)).unwrap();
        lab.set_agent(Box::new(Shout));
        let socket = open(&lab, SocketKind::UdpV4);
        socket.connect("10.1.0.1:161").unwrap();
        socket.send(b"hello").unwrap();
        assert_eq!(next(&socket).0, b"r1 says HELLO");
        socket.connect("10.1.0.1:162").unwrap();
        socket.send(b"hello").unwrap();
        assert_eq!(socket.recv(&mut [0; 10]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn code_that_opens_its_own_sockets_can_run_inside() {
    let lab = Lab::start(&Scenario::new(1).with(host("10.1.0.1")), &options(Way::Thread)).unwrap();
    let local = lab.inside(|| {
        let socket = UdpSocket::bind("10.255.255.254:0").unwrap();
        socket.local_addr().unwrap().ip()
    });
    assert_eq!(local.unwrap(), "10.255.255.254".parse::<IpAddr>().unwrap());
    assert!(UdpSocket::bind("10.255.255.254:0").is_err());
}

#[test]
fn five_thousand_hosts_a_second_for_ten_seconds_lose_nothing() {
    let lab = start([Hosts { count: 5000, delay_step: Nanos::ms(1), delay_wrap: 50, ..host("10.64.0.0") }]);
    let socket = open(&lab, SocketKind::IcmpDatagramV4);
    setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20)).unwrap();
    let receiver = socket.try_clone().unwrap();
    let counting = std::thread::spawn(move || {
        let mut answers = vec![0; 5000];
        for _ in 0..50_000 {
            let (bytes, _) = next(&receiver);
            answers[usize::from(u16::from_be_bytes([bytes[6], bytes[7]]))] += 1;
        }
        answers
    });
    for _ in 0..10 {
        for slot in 0..100_u32 {
            for n in slot * 50..(slot + 1) * 50 {
                let sequence = u16::try_from(n).unwrap();
                echo(&socket, &format!("10.64.{}.{}", n / 256, n % 256), sequence).unwrap();
            }
            // Paces the load; nothing below depends on it.
            std::thread::sleep(Duration::from_millis(9));
        }
    }
    assert_eq!(counting.join().unwrap(), vec![10; 5000]);
    assert_eq!(lab.truth(|t| (t.total().seen, t.total().answered)), (50_000, 50_000));
    assert_eq!((lab.dropped().unwrap(), lab.write_failures()), (0, 0));
}
