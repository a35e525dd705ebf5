//! What the SNMP tests share: real agents from net-snmp, and agents from recordings in memory or on a socket.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use assured_probes::snmp::agent::Agent;
use assured_probes::snmp::ber::{self, Message, Pdu, PduKind};
use assured_probes::snmp::client::{Caps, Client, Sockets};
use assured_probes::snmp::poll::{Report, Session, poll};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::{Ask, Binding, Credential, Engine, Exchange, Failure, Limits, Target, Value};

/// Limits for devices on the loopback: a silent one is found out quickly.
pub fn quick() -> Limits {
    Limits { timeout: Duration::from_millis(700), retries: 1, ..Limits::default() }
}

pub fn target(address: SocketAddr, credential: Credential) -> Target {
    Target { address, credential, limits: quick() }
}

pub fn client() -> Client {
    let caps = Caps::default();
    Client::new(Sockets::open(&caps).expect("sockets"), caps, None).expect("an engine")
}

pub async fn get(engine: &dyn Engine, target: &Target, oid: &str) -> Result<Value, Failure> {
    let ask = Ask::Get(vec![oid.parse().expect("an identifier")]);
    let bindings = engine.exchange(target, &ask).await?;
    Ok(bindings.into_iter().next().expect("one value").value)
}

/// One poll of a device never seen before.
pub async fn first_poll(engine: &dyn Engine, target: &Target, profile: Option<&str>) -> Report {
    static LIBRARY: LazyLock<Arc<Library>> = LazyLock::new(|| Arc::new(Library::embedded()));
    let mut session = Session::new(LIBRARY.clone(), profile, target).expect("a known profile");
    poll(engine, target, &mut session, Duration::from_secs(1)).await
}

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder that goes away with its owner.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("assured-snmp-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A real agent of net-snmp.
pub struct Snmpd {
    pub address: SocketAddr,
    folder: Folder,
    child: Option<Child>,
}

pub fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

impl Snmpd {
    /// With this configuration besides its address; ready when `probe` is answered.
    pub async fn start(config: &str) -> Snmpd {
        Snmpd::start_at([127, 0, 0, 1].into(), config).await
    }

    /// The same at another loopback address.
    pub async fn start_at(address: std::net::Ipv4Addr, config: &str) -> Snmpd {
        let address = SocketAddr::from((address, free_port()));
        let folder = Folder::new();
        fs::write(
            folder.0.join("snmpd.conf"),
            format!("rocommunity ready-probe 127.0.0.0/8 -V ready\nview ready included .1.3.6.1.2.1.1\n{config}\n"),
        )
        .expect("a configuration");
        let mut agent = Snmpd { address, folder, child: None };
        agent.run().await;
        agent
    }

    async fn run(&mut self) {
        let path = &self.folder.0;
        let child = Command::new("/usr/sbin/snmpd")
            .env("SNMP_PERSISTENT_DIR", path.join("state"))
            .env("SNMPCONFPATH", format!("{0}:{0}/state", path.display()))
            .args(["-f", "-Lf"])
            .arg(path.join("log"))
            .arg("-p")
            .arg(path.join("pid"))
            .arg(format!("udp:{}", self.address))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("snmpd of net-snmp: install the Debian package snmpd");
        self.child = Some(child);
        let engine = client();
        let ready = Credential::community(assured_probes::snmp::Version::V2c, "ready-probe");
        let mut target = target(self.address, ready);
        target.limits = Limits { timeout: Duration::from_millis(200), retries: 0, ..target.limits };
        for _ in 0..150 {
            if get(&engine, &target, "1.3.6.1.2.1.1.3.0").await.is_ok() {
                return;
            }
        }
        panic!("snmpd did not get ready:\n{}", fs::read_to_string(self.folder.0.join("log")).unwrap_or_default());
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGTERM, so that it keeps its engine's boots.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }

    pub async fn restart(&mut self) {
        self.stop();
        self.run().await;
    }

    /// Starts again without what it kept: another engine at the same address.
    pub async fn replace(&mut self) {
        self.stop();
        fs::remove_dir_all(self.folder.0.join("state")).expect("its state");
        self.run().await;
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.0.join("log")).unwrap_or_default()
    }
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An agent in memory, asked without a network and at an instant of the test's choosing.
pub struct Memory {
    pub agent: Mutex<Agent>,
    pub now: Mutex<Duration>,
}

impl Memory {
    pub fn new(agent: Agent) -> Memory {
        Memory { agent: Mutex::new(agent), now: Mutex::new(Duration::ZERO) }
    }

    fn answer(&self, ask: &Ask) -> Result<Vec<Binding>, Failure> {
        let (kind, names, status, index) = match ask {
            Ask::Get(oids) => (PduKind::Get, oids, 0, 0),
            Ask::Next(oids) => (PduKind::Next, oids, 0, 0),
            Ask::Bulk { oids, repetitions } => (PduKind::Bulk, oids, 0, *repetitions as i32),
        };
        let bindings = names.iter().map(|o| Binding { oid: o.clone(), value: Value::Null }).collect();
        let pdu = Pdu { kind, request_id: 1, status, index, bindings };
        let datagram = ber::encode(&Message { version: 1, community: b"public".to_vec(), pdu });
        let now = *self.now.lock().unwrap();
        let reply = self.agent.lock().unwrap().handle(&datagram, now).ok_or(Failure::Timeout)?;
        let pdu = ber::message(&reply.datagram).map_err(|_| Failure::Malformed)?.pdu;
        match pdu.status {
            0 => Ok(pdu.bindings),
            1 => Err(Failure::TooBig),
            status => Err(Failure::Agent { status, index: pdu.index as u32 }),
        }
    }
}

impl Engine for Memory {
    fn exchange<'a>(&'a self, _target: &'a Target, ask: &'a Ask) -> Exchange<'a> {
        Box::pin(std::future::ready(self.answer(ask)))
    }
}

/// An agent on a socket of its own. `twist` may change every answer before it is sent.
pub struct Served {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub fn serve(mut agent: Agent, mut twist: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static) -> Served {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = std::thread::spawn(move || {
        let started = tokio::time::Instant::now();
        let mut buffer = [0u8; 4_096];
        while !stopped.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
            if let Some(reply) = agent.handle(&buffer[..length], started.elapsed()) {
                let _ = socket.send_to(&twist(reply.datagram), from);
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

/// A small deterministic source of noise.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One to four random edits.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.next() % 4 {
            if bytes.is_empty() {
                return;
            }
            let at = (self.next() as usize) % bytes.len();
            match self.next() % 6 {
                0 => bytes[at] = self.next() as u8,
                1 => bytes[at] ^= 1 << (self.next() % 8),
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, self.next() as u8),
                4 => bytes.truncate(at),
                _ => bytes[at] = [0, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff][(self.next() % 7) as usize],
            }
        }
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the product's root").to_owned()
}
