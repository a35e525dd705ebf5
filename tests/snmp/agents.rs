//! Against real agents of net-snmp: every version and protocol pair, and every way to be kept out.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use assured_probes::snmp::ber::{self, Pdu, PduKind, Reader};
use assured_probes::snmp::diagnosis::{self, Engine};
use assured_probes::snmp::{Binding, Oid};
use async_snmp::{AuthProtocol, MasterKeys};

use assured_probes::snmp::client::{Caps, Client, Sockets};
use assured_probes::snmp::poll::{Session, poll};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::restart::Continuity;
use assured_probes::snmp::{Access, Auth, Credential, Failure, Outcome, Privacy, Secret, Value, Version};
use common::{Snmpd, client, first_poll, get, target};

const UPTIME: &str = "1.3.6.1.2.1.1.3.0";
const CONTACT: &str = "1.3.6.1.2.1.1.4.0";

const AUTHS: [(&str, Auth); 6] = [
    ("MD5", Auth::Md5),
    ("SHA", Auth::Sha1),
    ("SHA-224", Auth::Sha224),
    ("SHA-256", Auth::Sha256),
    ("SHA-384", Auth::Sha384),
    ("SHA-512", Auth::Sha512),
];

const PRIVACIES: [(&str, Privacy); 6] = [
    ("DES", Privacy::Des),
    ("AES-128", Privacy::Aes128),
    ("AES-192", Privacy::Aes192),
    ("AES-256", Privacy::Aes256),
    ("AES-192-C", Privacy::Aes192Cisco),
    ("AES-256-C", Privacy::Aes256Cisco),
];

fn user(name: &str, auth: Option<Auth>, privacy: Option<Privacy>) -> Credential {
    let auth = auth.map(|a| (a, Secret::new(b"auth-secret-1")));
    Credential::user(name, auth, privacy.map(|p| (p, Secret::new(b"priv-secret-2")))).expect("a credential")
}

fn contact() -> Result<Value, Failure> {
    Ok(Value::Bytes((*b"duty@example.net").into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_and_every_pair_of_protocols_is_understood() {
    let mut config = String::from(
        "syscontact duty@example.net\nrocommunity open 127.0.0.0/8\nrouser plain noauth\ncreateUser plain\n",
    );
    let mut wanted = vec![("plain".to_owned(), user("plain", None, None))];
    for (auth_name, auth) in AUTHS {
        let name = format!("u{auth_name}");
        config += &format!("createUser {name} {auth_name} auth-secret-1\nrouser {name} auth\n");
        wanted.push((name.clone(), user(&name, Some(auth), None)));
        for (privacy_name, privacy) in PRIVACIES {
            let name = format!("u{auth_name}{privacy_name}");
            config += &format!(
                "createUser {name} {auth_name} auth-secret-1 {privacy_name} priv-secret-2\nrouser {name} priv\n"
            );
            wanted.push((name.clone(), user(&name, Some(auth), Some(privacy))));
        }
    }
    wanted.push(("v1".into(), Credential::community(Version::V1, "open")));
    wanted.push(("v2c".into(), Credential::community(Version::V2c, "open")));
    let agent = Snmpd::start(&config).await;
    let engine = client();
    let mut refused = Vec::new();
    for (name, credential) in wanted {
        engine.forget(agent.address);
        let answer = get(&engine, &target(agent.address, credential), CONTACT).await;
        if answer != contact() {
            refused.push(format!("{name}: {answer:?}"));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}\n{}", agent.log());
}

const USERS: &str = "syscontact duty@example.net
rocommunity open 127.0.0.0/8
rocommunity blind 127.0.0.0/8 -V systemonly
view systemonly included .1.3.6.1.2.1.1
createUser ann SHA-256 auth-secret-1 AES priv-secret-2
rouser ann priv
createUser bob SHA-256 auth-secret-1
rouser bob auth
createUser eve SHA-256 auth-secret-1
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_be_kept_out_is_told_apart() {
    let agent = Snmpd::start(USERS).await;
    let wrong = |secret: &[u8]| Secret::new(secret);
    let v3 = |name: &str, auth: &[u8], privacy: Option<&[u8]>| {
        let privacy = privacy.map(|p| (Privacy::Aes128, wrong(p)));
        Credential::user(name, Some((Auth::Sha256, wrong(auth))), privacy).expect("a credential")
    };
    let right = b"auth-secret-1";
    let mut told = Vec::new();
    let cases = [
        ("all right", v3("ann", right, Some(b"priv-secret-2")), Access::Open),
        ("wrong password", v3("ann", b"not-the-secret", Some(b"priv-secret-2")), Access::WrongPassword),
        ("wrong password without privacy", v3("bob", b"not-the-secret", None), Access::WrongPassword),
        ("wrong privacy password", v3("ann", right, Some(b"not-the-secret")), Access::WrongPrivacy),
        ("unknown user", v3("zoe", right, Some(b"priv-secret-2")), Access::UnknownUser),
        ("unknown user without authentication", Credential::user("zoe", None, None).unwrap(), Access::UnknownUser),
        ("a user without privacy", v3("bob", right, Some(b"priv-secret-2")), Access::UnsupportedLevel),
        ("a user without rights", v3("eve", right, None), Access::Denied),
        ("a level below what is wanted", v3("ann", right, None), Access::Denied),
        ("wrong community", Credential::community(Version::V2c, "guess"), Access::Silent),
        ("hidden view", Credential::community(Version::V2c, "blind"), Access::Hidden),
        ("community", Credential::community(Version::V2c, "open"), Access::Open),
    ];
    for (name, credential, expected) in cases {
        let engine = client();
        let report = first_poll(&engine, &target(agent.address, credential), None).await;
        if report.access != expected {
            told.push(format!("{name}: {expected:?} expected, {:?} found ({:?})", report.access, report.failure));
        }
    }
    let nobody = target(format!("127.0.0.1:{}", common::free_port()).parse().unwrap(), v3("ann", right, None));
    let report = first_poll(&client(), &nobody, None).await;
    assert_eq!((report.access, report.outcome), (Access::Silent, Outcome::Timeout));
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_agent_is_polled_on_and_its_restart_is_seen() {
    let mut agent = Snmpd::start(USERS).await;
    let engine: Client = client();
    let target = target(agent.address, user("ann", Some(Auth::Sha256), Some(Privacy::Aes128)));
    let mut session = Session::new(Library::embedded().into(), None, &target).unwrap();
    let first = poll(&engine, &target, &mut session, Duration::from_secs(0)).await;
    assert_eq!((first.access, first.continuity), (Access::Open, None));
    let second = poll(&engine, &target, &mut session, Duration::from_secs(1)).await;
    assert_eq!(second.continuity, Some(Continuity::Same));
    agent.restart().await;
    // Its boots went up: what we know of its clock is outdated, and is corrected by its signed report.
    let third = poll(&engine, &target, &mut session, Duration::from_secs(3)).await;
    assert_eq!(third.access, Access::Open, "{:?}", third.failure);
    let Some(Continuity::Restarted { agent_only, .. }) = third.continuity else { panic!("{:?}", third.continuity) };
    assert!(agent_only, "the host ran on");
    agent.replace().await;
    let fourth = poll(&engine, &target, &mut session, Duration::from_secs(6)).await;
    assert_eq!(fourth.access, Access::Open, "{:?}", fourth.failure);
    assert!(matches!(fourth.continuity, Some(Continuity::Replaced { .. })), "{:?}", fourth.continuity);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_opinion_reads_the_same() {
    let agent = Snmpd::start(USERS).await;
    let engine = client();
    let ours = target(agent.address, Credential::community(Version::V2c, "open"));
    let mut theirs =
        snmp2::SyncSession::new_v2c(agent.address, b"open", Some(Duration::from_secs(2)), 0).expect("a session");
    for oid in [CONTACT, "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.2.2.1.2.1", "1.3.6.1.2.1.2.2.1.5.1"] {
        let name: Vec<u64> = oid.split('.').map(|a| a.parse().unwrap()).collect();
        let other =
            theirs.get(&snmp2::Oid::from(&name).unwrap()).expect("an answer").varbinds.next().map(|(_, v)| match v {
                snmp2::Value::OctetString(bytes) => Value::Bytes(bytes.into()),
                snmp2::Value::ObjectIdentifier(oid) => Value::Oid(oid.to_string().parse().unwrap()),
                snmp2::Value::Unsigned32(n) => Value::Gauge32(n),
                snmp2::Value::Integer(n) => Value::Integer(n as i32),
                other => panic!("{oid}: {other:?}"),
            });
        assert_eq!(get(&engine, &ours, oid).await.ok(), other, "{oid}");
    }
    assert!(matches!(get(&engine, &ours, UPTIME).await, Ok(Value::TimeTicks(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interfaces_are_those_that_snmpwalk_sees() {
    let agent = Snmpd::start(USERS).await;
    let report = first_poll(&client(), &target(agent.address, Credential::community(Version::V2c, "open")), None).await;
    assert_eq!(report.profile.as_ref().map(|p| &*p.name), Some("linux"));
    let output = Command::new("snmpwalk")
        .args(["-v2c", "-copen", "-On", "-Oqv", &agent.address.to_string(), "1.3.6.1.2.1.31.1.1.1.1"])
        .output()
        .expect("snmpwalk: install the Debian package snmp");
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut names: Vec<&str> = seen.lines().map(|l| l.trim_matches('"')).collect();
    let rows = report.readings.iter().filter(|r| &*r.table == "interface" && &*r.name == "oper");
    let mut ours: Vec<&str> = rows.map(|r| r.labels[0].1.as_str()).collect();
    names.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, names);
    assert!(!names.is_empty());
}

/// A v3 engine made by hand, with a clock that can be set: answers `sysUpTime` and signs with the test's password.
fn clockwork(skew: Arc<AtomicU32>, refuses_everything: bool) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let id = b"\x80\x00\x1f\x88\x04clockwork".to_vec();
    let key = MasterKeys::new(AuthProtocol::Sha256, b"auth-secret-1").unwrap().localize(&id).unwrap().0;
    std::thread::spawn(move || {
        let mut buffer = [0u8; 2_048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let engine = Engine { id: id.clone(), boots: 3, time: 1_000 + skew.load(Ordering::Relaxed) as i32 };
            let mut body = Reader::new(Reader::new(&buffer[..length]).expect(0x30).unwrap());
            body.integer().unwrap();
            let mut global = Reader::new(body.expect(0x30).unwrap());
            let msg_id = global.integer().unwrap();
            let mut usm = Reader::new(Reader::new(body.expect(0x04).unwrap()).expect(0x30).unwrap());
            let (asked, _boots, time) = (usm.expect(0x04).unwrap(), usm.integer().unwrap(), usm.integer().unwrap());
            let user = usm.expect(0x04).unwrap().to_vec();
            let mut scope = Reader::new(body.expect(0x30).unwrap());
            scope.expect(0x04).unwrap();
            scope.expect(0x04).unwrap();
            let request = ber::pdu(&mut scope).unwrap();
            let report = |counter: u32| {
                let oid = Oid::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1, counter, 0]);
                let bindings = vec![Binding { oid, value: Value::Counter32(1) }];
                Pdu { kind: PduKind::Report, request_id: request.request_id, status: 0, index: 0, bindings }
            };
            let late = (time - engine.time).abs() > 150;
            let reply = if asked.is_empty() {
                diagnosis::message(msg_id, 0, &engine, b"", &[], &[], &diagnosis::scoped(&engine, &report(4)))
            } else if refuses_everything {
                diagnosis::message(msg_id, 0, &engine, &user, &[], &[], &diagnosis::scoped(&engine, &report(2)))
            } else {
                let bindings = vec![Binding { oid: UPTIME.parse().unwrap(), value: Value::TimeTicks(77) }];
                let answer = Pdu { kind: PduKind::Response, bindings, ..report(2) };
                let scoped = diagnosis::scoped(&engine, &if late { report(2) } else { answer });
                let room = vec![0; key.mac_len()];
                diagnosis::sign(diagnosis::message(msg_id, 1, &engine, &user, &room, &[], &scoped), &key).unwrap()
            };
            let _ = socket.send_to(&reply, from);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_whose_clock_drifts_is_followed_and_one_gone_astray_is_named() {
    let skew = Arc::new(AtomicU32::new(0));
    let engine = client();
    let bob = user("bob", Some(Auth::Sha256), None);
    let drifting = target(clockwork(skew.clone(), false), bob.clone());
    // Ten minutes are four time windows.
    for drift in [0, 600, 1_200, 1_260] {
        skew.store(drift, Ordering::Relaxed);
        assert_eq!(get(&engine, &drifting, UPTIME).await, Ok(Value::TimeTicks(77)), "{drift} s");
    }
    let astray = target(clockwork(skew, true), bob);
    assert_eq!(get(&engine, &astray, UPTIME).await, Err(Failure::Access(Access::ClockSkew)));
}

#[test]
fn sockets_are_those_of_the_thread_that_opens_them() {
    // As a thread inside another network namespace would: it enters the runtime, and opens.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let opened = std::thread::spawn(move || {
        let _entered = handle.enter();
        Sockets::open(&Caps::default())
    });
    let sockets = opened.join().unwrap().expect("sockets");
    let engine = Client::new(sockets, Caps::default(), Some(7)).unwrap();
    runtime.block_on(async {
        let agent = Snmpd::start(USERS).await;
        let answer = get(&engine, &target(agent.address, Credential::community(Version::V2c, "open")), CONTACT).await;
        assert_eq!(answer, contact());
    });
}
