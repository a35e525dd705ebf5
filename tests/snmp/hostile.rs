//! Whatever arrives: no panic, no growth, nobody else held up, and no secret said.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use assured_probes::snmp::agent::{Agent, Bears, Event, Fault};
use assured_probes::snmp::ber::{self, Message, Pdu, PduKind};
use assured_probes::snmp::poll::{Report, Session, poll};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::recording::Recording;
use assured_probes::snmp::{
    Ask, Auth, Binding, Credential, Engine, Limits, Oid, Outcome, Privacy, Secret, Target, Value, Version, diagnosis,
};
use tracing::Subscriber;
use tracing::field::{Field, Visit};

use common::{Noise, client, first_poll, serve, target};

fn router() -> Agent {
    let mut text = String::from(
        "1.3.6.1.2.1.1.1.0|4|a router\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999\n1.3.6.1.2.1.1.3.0|67|1000\n",
    );
    for index in 1..=20 {
        for (column, kind, value) in [("2", "4", "eth"), ("8", "2", "1"), ("10", "65", "77"), ("5", "66", "1000000")] {
            text += &format!("1.3.6.1.2.1.2.2.1.{column}.{index}|{kind}|{value}\n");
        }
    }
    Agent::new(Arc::new(Recording::read(text.as_bytes()).objects), "public")
}

/// Real answers to start from: every kind of value, errors, reports.
fn seeds() -> Vec<Vec<u8>> {
    let mut agent = router();
    let names = ["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.2.2.1"];
    let bindings: Vec<Binding> =
        names.iter().map(|n| Binding { oid: n.parse::<Oid>().unwrap(), value: Value::Null }).collect();
    let mut seeds = Vec::new();
    for (version, kind, status, index) in
        [(0, PduKind::Get, 0, 0), (0, PduKind::Next, 0, 0), (1, PduKind::Get, 0, 0), (1, PduKind::Bulk, 1, 20)]
    {
        let pdu = Pdu { kind, request_id: 5, status, index, bindings: bindings.clone() };
        let asked = ber::encode(&Message { version, community: b"public".to_vec(), pdu });
        seeds.push(agent.handle(&asked, Duration::ZERO).expect("an answer").datagram);
        seeds.push(asked);
    }
    seeds.push(diagnosis::who_are_you(5));
    for trap in [PduKind::Trap, PduKind::Inform] {
        let up = Binding { oid: "1.3.6.1.2.1.1.3.0".parse().unwrap(), value: Value::TimeTicks(9) };
        let what = Binding {
            oid: "1.3.6.1.6.3.1.1.4.1.0".parse().unwrap(),
            value: Value::Oid("1.3.6.1.6.3.1.1.5.3".parse().unwrap()),
        };
        let pdu = Pdu { kind: trap, request_id: 1, status: 0, index: 0, bindings: vec![up, what] };
        seeds.push(ber::encode(&Message { version: 1, community: b"public".to_vec(), pdu }));
    }
    seeds
}

#[test]
fn two_hundred_thousand_mutations_are_read_or_refused() {
    let mut noise = Noise(0x5eed_1234_5678_9abc);
    let seeds = seeds();
    let mut read = 0;
    let mut agent = router();
    for round in 0..200_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        noise.mutate(&mut bytes);
        if let Ok(message) = ber::message(&bytes) {
            read += 1;
            for binding in &message.pdu.bindings {
                let _ = (binding.value.text(), binding.value.number(), binding.oid.to_string());
            }
        }
        let _ = diagnosis::read(&bytes, 5);
        let _ = agent.handle(&bytes, Duration::ZERO);
        // What the client and the receiver of traps read with.
        let decoded = async_snmp::message::Message::decode(bytes.into(), async_snmp::DecodeConfig::DEFAULT);
        if let Ok(decoded) = decoded {
            let _ = format!("{:?}", decoded.value.pdu().map(|p| p.varbinds().len()));
        }
    }
    assert!(read > 1_000, "the mutations reach beyond the shell: {read}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_answers_on_the_wire_end_every_poll() {
    let mut noise = Noise(77);
    let hostile = serve(router(), move |mut reply| {
        if noise.next().is_multiple_of(3) {
            noise.mutate(&mut reply);
        }
        reply
    });
    let engine = client();
    let limits = Limits { timeout: Duration::from_millis(20), retries: 0, ..Limits::default() };
    let target = Target { limits, ..target(hostile.address, Credential::community(Version::V2c, "public")) };
    let mut session = Session::new(Library::embedded().into(), None, &target).unwrap();
    let mut ended = [0; 4];
    for second in 0..200u64 {
        let report = poll(&engine, &target, &mut session, Duration::from_secs(second)).await;
        ended[report.outcome as usize] += 1;
        assert!(report.readings.len() < 5_000, "an answer of noise grew");
    }
    assert_eq!(ended.iter().sum::<i32>(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_about_lengths_and_identifiers_and_circles_do_not_pass() {
    for fault in [Fault::OtherRequest, Fault::LongLength, Fault::Half, Fault::Circle, Fault::GenErr, Fault::Silent] {
        let agent = router().with_script(vec![(Duration::ZERO, Event::Fault(Some(fault)))]);
        let liar = serve(agent, |reply| reply);
        let engine = client();
        let limits = Limits { timeout: Duration::from_millis(100), retries: 0, ..Limits::default() };
        let target = Target { limits, ..target(liar.address, Credential::community(Version::V2c, "public")) };
        let report = first_poll(&engine, &target, None).await;
        let interfaces = report.readings.iter().filter(|r| &*r.table == "interface").count();
        assert_eq!(interfaces, 0, "{fault:?}: {:?}", report.readings);
        assert!(report.requests < 300, "{fault:?}: {} exchanges", report.requests);
        let expected = matches!(fault, Fault::Circle | Fault::GenErr);
        assert_eq!(report.outcome == Outcome::Ok, expected, "{fault:?}: {:?}", report.failure);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_with_small_answers_is_learnt_once() {
    let small = serve(router().bearing(Bears { bytes: 200, bulk: false }), |reply| reply);
    let engine = client();
    for version in [Version::V1, Version::V2c] {
        let target = target(small.address, Credential::community(version, "public"));
        let mut session = Session::new(Library::embedded().into(), None, &target).unwrap();
        let first = poll(&engine, &target, &mut session, Duration::from_secs(0)).await;
        let second = poll(&engine, &target, &mut session, Duration::from_secs(60)).await;
        let rows = |r: &Report| r.readings.iter().filter(|r| &*r.table == "interface" && &*r.name == "oper").count();
        assert_eq!((rows(&first), rows(&second)), (20, 20), "{version:?} {:?} {:?}", first.failure, second.failure);
        assert!(second.requests < first.requests, "{version:?}: {} then {}", first.requests, second.requests);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_from_another_address_is_dropped_unless_the_device_says_so() {
    let asked = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = asked.local_addr().unwrap();
    asked.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let thread = std::thread::spawn(move || {
        let mut agent = router();
        let mut buffer = [0u8; 2_048];
        for _ in 0..2 {
            let Ok((length, from)) = asked.recv_from(&mut buffer) else { return };
            let reply = agent.handle(&buffer[..length], Duration::ZERO).expect("an answer");
            other.send_to(&reply.datagram, from).expect("sent");
        }
    });
    let engine = client();
    let ask = Ask::Get(vec!["1.3.6.1.2.1.1.3.0".parse().unwrap()]);
    for (other_address, answered) in [(false, false), (true, true)] {
        let limits = Limits { timeout: Duration::from_millis(200), retries: 0, other_address, ..Limits::default() };
        let target = Target { limits, ..target(address, Credential::community(Version::V2c, "public")) };
        assert_eq!(engine.exchange(&target, &ask).await.is_ok(), answered, "other_address = {other_address}");
    }
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_agents_do_not_hold_up_the_others() {
    // Five hundred silent devices, and one that answers: it is served while they all wait.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let honest = serve(router(), |reply| reply);
    let engine = Arc::new(client());
    let credential = Credential::community(Version::V2c, "public");
    let port = silent.local_addr().unwrap().port();
    let waiting: Vec<_> = (0..500u32)
        .map(|n| {
            let engine = engine.clone();
            let address = std::net::SocketAddr::from(([127, 9, (n / 250) as u8, (n % 250) as u8 + 1], port));
            let limits = Limits { timeout: Duration::from_secs(30), retries: 0, ..Limits::default() };
            let target = Target { address, credential: credential.clone(), limits };
            tokio::spawn(async move { first_poll(&*engine, &target, None).await.outcome })
        })
        .collect();
    for _ in 0..20 {
        let report = first_poll(&*engine, &target(honest.address, credential.clone()), None).await;
        assert_eq!(report.outcome, Outcome::Ok);
    }
    assert!(waiting.iter().all(|w| !w.is_finished()), "they are all still waiting");
    waiting.iter().for_each(|w| w.abort());
}

/// Hears everything that anybody logs, the client library's finest traces too.
struct Listener(Arc<Mutex<String>>);

impl Visit for Listener {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut heard = self.0.lock().unwrap();
        *heard += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Listener(self.0.clone()));
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Listener(self.0.clone()));
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Listener(self.0.clone()));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn no_failure_says_a_secret() {
    let heard = Arc::new(Mutex::new(String::new()));
    let _listening = tracing::subscriber::set_default(Listener(heard.clone()));
    const SECRETS: [&str; 3] = ["c0mmunity-secret", "auth-secret-99", "priv-secret-77"];
    let user = Credential::user(
        "assured",
        Some((Auth::Sha1, Secret::new(SECRETS[1].as_bytes()))),
        Some((Privacy::Aes128, Secret::new(SECRETS[2].as_bytes()))),
    )
    .unwrap();
    let closed = format!("127.0.0.1:{}", common::free_port()).parse().unwrap();
    let mut said = String::new();
    let agent = || Agent::new(Arc::default(), SECRETS[0]);
    let faults = [None, Some(Fault::GenErr), Some(Fault::Half), Some(Fault::Circle), Some(Fault::Silent)];
    for credential in
        [user, Credential::community(Version::V1, SECRETS[0]), Credential::community(Version::V2c, SECRETS[0])]
    {
        let limits = Limits { timeout: Duration::from_millis(50), retries: 0, ..Limits::default() };
        for fault in faults {
            let served = serve(agent().with_script(vec![(Duration::ZERO, Event::Fault(fault))]), |reply| reply);
            for address in [served.address, closed, "[::1]:9".parse().unwrap()] {
                let target = Target { address, credential: credential.clone(), limits };
                let report = first_poll(&client(), &target, None).await;
                said += &format!("{target:?} {report:?} {:?}", report.failure.as_ref().map(ToString::to_string));
            }
        }
    }
    let logged = heard.lock().unwrap().clone();
    assert!(logged.contains("snmp.target"), "the library's log was heard");
    for secret in SECRETS {
        assert!(!said.contains(secret), "{secret} was said");
        let at = logged.find(secret).map(|at| logged[at.saturating_sub(200)..at].to_owned());
        assert_eq!(at, None, "{secret} was logged");
        let octets = format!("{:?}", secret.as_bytes());
        assert!(!logged.contains(octets.trim_matches(['[', ']'])), "{secret} was logged as octets");
    }
    assert!(said.len() > 10_000);
}
