//! Load for the SNMP benchmark: devices that answer, and pollers of several makes. Run by `bench/snmp.sh`.
//!
//! ```text
//! snmp_load serve   PORT DEVICES [LOST_PER_MILLE]     devices on 127.1.0.1 and up, each a socket of its own
//! snmp_load poll    ours|snmp2 PORT DEVICES POLLS     ten identifiers a poll, one poll under way per device
//! snmp_load v3      ours ADDRESS POLLS                SHA-1 with AES-128, user `bench`, against one agent
//! snmp_load scrape  PORT DEVICES SCRAPES HTTP_PORT PID  through snmp_exporter, whose CPU is taken from PID
//! snmp_load walk    ADDRESS TIMES                     the 22 columns of ifTable
//! snmp_load profile PORT DEVICES SECONDS              whole profiles, every device once within these seconds
//! ```

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use assured_probes::snmp::agent::Agent;
use assured_probes::snmp::client::{Caps, Client, Sockets};
use assured_probes::snmp::fetch::{Fetch, Plan, Quirks};
use assured_probes::snmp::poll::{Session, poll};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::recording::Recording;
use assured_probes::snmp::{Ask, Auth, Credential, Engine, Limits, Oid, Outcome, Privacy, Secret, Target, Version};
use tokio::time::Instant;

const OIDS: [&str; 10] = [
    "1.3.6.1.2.1.1.3.0",
    "1.3.6.1.2.1.2.2.1.7.1",
    "1.3.6.1.2.1.2.2.1.8.1",
    "1.3.6.1.2.1.2.2.1.9.1",
    "1.3.6.1.2.1.2.2.1.13.1",
    "1.3.6.1.2.1.2.2.1.14.1",
    "1.3.6.1.2.1.2.2.1.19.1",
    "1.3.6.1.2.1.2.2.1.20.1",
    "1.3.6.1.2.1.31.1.1.1.6.1",
    "1.3.6.1.2.1.31.1.1.1.10.1",
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|a| a.parse::<u64>().ok()).unwrap_or(0);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    match args.first().map(String::as_str) {
        Some("serve") => runtime.block_on(serve(number(1), number(2), number(3))),
        Some("poll") if args[1] == "ours" => runtime.block_on(ours(number(2), number(3), number(4))),
        Some("poll") => runtime.block_on(snmp2(number(2), number(3), number(4))),
        Some("v3") => runtime.block_on(v3(&args[2], number(3))),
        Some("walk") => runtime.block_on(walk(&args[1], number(2))),
        Some("scrape") => scrape(number(1), number(2), number(3), number(4), number(5)),
        Some("profile") => runtime.block_on(profiles(number(1), number(2), number(3))),
        _ => eprintln!("see the first lines of the source"),
    }
}

fn device(number: u64, port: u64) -> SocketAddr {
    let address = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + number as u32;
    SocketAddr::from((Ipv4Addr::from(address), port as u16))
}

/// A router with eight interfaces.
fn router() -> Recording {
    let mut text = String::from(
        "1.3.6.1.2.1.1.1.0|4|Cisco IOS Software, C2960 Software\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9.1.1208\n1.3.6.1.2.1.1.3.0|67|8640000\n1.3.6.1.2.1.1.5.0|4|router\n1.3.6.1.4.1.9.9.109.1.1.1.1.8.1|66|7\n",
    );
    for index in 1..=8 {
        for (column, kind, value) in [
            ("2.2.1.2", "4", "GigabitEthernet0/1"),
            ("2.2.1.3", "2", "6"),
            ("2.2.1.5", "66", "1000000000"),
            ("2.2.1.7", "2", "1"),
            ("2.2.1.8", "2", "1"),
            ("2.2.1.9", "67", "4000"),
            ("2.2.1.13", "65", "0"),
            ("2.2.1.14", "65", "3"),
            ("2.2.1.19", "65", "0"),
            ("2.2.1.20", "65", "1"),
            ("31.1.1.1.6", "70", "123456789012"),
            ("31.1.1.1.10", "70", "223456789012"),
            ("31.1.1.1.7", "70", "1234567"),
            ("31.1.1.1.11", "70", "2234567"),
            ("31.1.1.1.15", "66", "1000"),
            ("31.1.1.1.18", "4", "circuit 4711"),
            ("31.1.1.1.19", "67", "0"),
        ] {
            text += &format!("1.3.6.1.2.1.{column}.{index}|{kind}|{value}\n");
        }
        text += &format!("1.3.6.1.2.1.31.1.1.1.1.{index}|4|Gi0/{index}\n");
    }
    Recording::read(text.as_bytes())
}

async fn serve(port: u64, devices: u64, lost_per_mille: u64) {
    let objects = Arc::new(router().objects);
    let started = Instant::now();
    for number in 0..devices {
        let socket =
            tokio::net::UdpSocket::bind(device(number, port)).await.expect("an address of 127.0.0.0/8; ulimit -n?");
        let mut agent = Agent::new(objects.clone(), "public");
        tokio::spawn(async move {
            let mut buffer = [0u8; 2_048];
            let mut noise = number * 7_919 + 1;
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if (noise >> 33) % 1_000 < lost_per_mille {
                    continue;
                }
                if let Some(reply) = agent.handle(&buffer[..length], started.elapsed()) {
                    let _ = socket.send_to(&reply.datagram, from).await;
                }
            }
        });
    }
    println!("ready");
    std::future::pending::<()>().await;
}

/// CPU seconds and resident KiB of a process.
fn usage(pid: &str) -> (f64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| after.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|p| p.parse::<u64>().ok()).unwrap_or(0) * 4;
    ((ticks(11) + ticks(12)) / 100.0, resident)
}

fn report(what: &str, polls: u64, failed: u64, started: Instant, before: (f64, u64), devices: u64) {
    let wall = started.elapsed().as_secs_f64();
    let (cpu, resident) = usage("self");
    let cpu = cpu - before.0;
    println!(
        "{what}: {:.0} polls/s, {:.2} CPU-s per 100,000 ({:.0} polls per CPU-s), {failed} of {polls} failed, {:.1} KiB per device",
        polls as f64 / wall,
        cpu * 100_000.0 / polls as f64,
        polls as f64 / cpu.max(0.001),
        (resident.saturating_sub(before.1)) as f64 / devices as f64,
    );
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(1), retries: 2, ..Limits::default() }
}

fn names() -> Vec<Oid> {
    OIDS.iter().map(|o| o.parse().expect("an identifier")).collect()
}

fn engine() -> Client {
    let caps = Caps::default();
    Client::new(Sockets::open(&caps).expect("sockets"), caps, None).expect("an engine")
}

async fn ours(port: u64, devices: u64, polls: u64) {
    let engine = Arc::new(engine());
    let (before, started) = (usage("self"), Instant::now());
    let failed = Arc::new(AtomicU64::new(0));
    let each = polls / devices;
    let tasks: Vec<_> = (0..devices)
        .map(|number| {
            let (engine, failed) = (engine.clone(), failed.clone());
            tokio::spawn(async move {
                let credential = Credential::community(Version::V2c, "public");
                let target = Target { address: device(number, port), credential, limits: limits() };
                let ask = Ask::Get(names());
                for _ in 0..each {
                    if !engine.exchange(&target, &ask).await.is_ok_and(|b| b.len() == OIDS.len()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        let _ = task.await;
    }
    report("assured v2c", each * devices, failed.load(Ordering::Relaxed), started, before, devices);
}

async fn snmp2(port: u64, devices: u64, polls: u64) {
    let (before, started) = (usage("self"), Instant::now());
    let failed = Arc::new(AtomicU64::new(0));
    let each = polls / devices;
    let tasks: Vec<_> = (0..devices)
        .map(|number| {
            let failed = failed.clone();
            tokio::spawn(async move {
                let mut session =
                    snmp2::AsyncSession::new_v2c(device(number, port), b"public", 0).await.expect("a session");
                let names: Vec<Vec<u64>> =
                    OIDS.iter().map(|o| o.split('.').map(|a| a.parse().unwrap_or(0)).collect()).collect();
                let oids: Vec<snmp2::Oid> = names.iter().filter_map(|n| snmp2::Oid::from(n).ok()).collect();
                let refs: Vec<&snmp2::Oid> = oids.iter().collect();
                for _ in 0..each {
                    let answer = tokio::time::timeout(Duration::from_secs(1), session.get_many(&refs)).await;
                    if !matches!(answer, Ok(Ok(pdu)) if pdu.varbinds.clone().count() == OIDS.len()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        let _ = task.await;
    }
    report("snmp2 v2c (no retries)", each * devices, failed.load(Ordering::Relaxed), started, before, devices);
}

async fn v3(address: &str, polls: u64) {
    let engine = Arc::new(engine());
    let secret = |s: &str| Secret::new(s.as_bytes());
    let credential = Credential::user(
        "bench",
        Some((Auth::Sha1, secret("auth-secret-1"))),
        Some((Privacy::Aes128, secret("priv-secret-2"))),
    )
    .expect("a credential");
    let target = Target { address: address.parse().expect("an address"), credential, limits: limits() };
    let ask = Ask::Get(names());
    let _ = engine.exchange(&target, &ask).await;
    let (before, started) = (usage("self"), Instant::now());
    let failed = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let (engine, target, ask, failed) = (engine.clone(), target.clone(), ask.clone(), failed.clone());
            tokio::spawn(async move {
                for _ in 0..polls / 2 {
                    if engine.exchange(&target, &ask).await.is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        let _ = task.await;
    }
    report("assured v3 SHA-1 AES-128 (one snmpd)", polls, failed.load(Ordering::Relaxed), started, before, 1);
}

async fn walk(address: &str, times: u64) {
    let engine = engine();
    let credential = Credential::community(Version::V2c, "public");
    let target = Target { address: address.parse().expect("an address"), credential, limits: limits() };
    let column = |n: u32| (Oid::new(&[1, 3, 6, 1, 2, 1, 2, 2, 1, n]), 0);
    let plan = Plan { scalars: Vec::new(), columns: (1..=22).map(column).collect() };
    for _ in 0..times {
        let (before, started) = (usage("self"), Instant::now());
        let mut fetch = Fetch::new(&plan, &target.limits, Quirks::start(&target.limits, true));
        while let Some(ask) = fetch.ask() {
            let answer = engine.exchange(&target, &ask).await;
            fetch.answer(&ask, answer);
        }
        let fetched = fetch.finish();
        let values: usize = fetched.columns.values().map(|c| c.rows.len()).sum();
        println!(
            "assured: {values} values in {:.3} s, {:.2} CPU-s, {} exchanges, {:?}",
            started.elapsed().as_secs_f64(),
            usage("self").0 - before.0,
            fetched.requests,
            fetched.failure
        );
    }
}

fn scrape(port: u64, devices: u64, scrapes: u64, http: u64, pid: u64) {
    let before = usage(&pid.to_string());
    let started = Instant::now();
    let failed = AtomicU64::new(0);
    let threads = 16;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let failed = &failed;
            scope.spawn(move || {
                for n in (thread..scrapes).step_by(threads as usize) {
                    let target = device(n % devices, port);
                    let ask = format!("GET /snmp?module=bench&target={target} HTTP/1.0\r\n\r\n");
                    let mut answer = String::new();
                    let done = TcpStream::connect(("127.0.0.1", http as u16))
                        .and_then(|mut s| s.write_all(ask.as_bytes()).and_then(|()| s.read_to_string(&mut answer)));
                    if done.is_err() || !answer.contains("ifOperStatus") {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let cpu = usage(&pid.to_string()).0 - before.0;
    println!(
        "snmp_exporter v2c: {:.0} scrapes/s, {:.2} CPU-s per 100,000, {} of {scrapes} failed",
        scrapes as f64 / started.elapsed().as_secs_f64(),
        cpu * 100_000.0 / scrapes as f64,
        failed.into_inner(),
    );
}

async fn profiles(port: u64, devices: u64, seconds: u64) {
    let library = Arc::new(Library::embedded());
    let engine = Arc::new(engine());
    let empty = usage("self");
    let readings = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(AtomicU64::new(0));
    let mut sessions: Vec<Option<(Target, Session)>> = (0..devices)
        .map(|number| {
            let credential = Credential::community(Version::V2c, "public");
            let target = Target { address: device(number, port), credential, limits: limits() };
            Some((target.clone(), Session::new(library.clone(), None, &target).expect("a session")))
        })
        .collect();
    let origin = Instant::now();
    for round in 0..3 {
        let (before, started) = (usage("self"), Instant::now());
        let (read_before, exchanges) = (readings.load(Ordering::Relaxed), Arc::new(AtomicU64::new(0)));
        let mut tasks = Vec::new();
        for (number, slot) in sessions.iter_mut().enumerate() {
            tokio::time::sleep_until(started + Duration::from_secs(seconds).mul_f64(number as f64 / devices as f64))
                .await;
            let (target, mut session) = slot.take().expect("put back below");
            let (engine, readings, failed, exchanges) =
                (engine.clone(), readings.clone(), failed.clone(), exchanges.clone());
            tasks.push(tokio::spawn(async move {
                let report = poll(&*engine, &target, &mut session, origin.elapsed()).await;
                readings.fetch_add(report.readings.len() as u64, Ordering::Relaxed);
                exchanges.fetch_add(u64::from(report.requests), Ordering::Relaxed);
                if report.outcome != Outcome::Ok {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                (target, session)
            }));
        }
        for (slot, task) in sessions.iter_mut().zip(tasks) {
            *slot = task.await.ok();
        }
        let (cpu, resident) = usage("self");
        println!(
            "assured, whole profiles, round {round}: {devices} devices in {:.1} s, {:.1} CPU-s, {} readings, {} exchanges, {} failed, {:.1} KiB per device",
            started.elapsed().as_secs_f64(),
            cpu - before.0,
            readings.load(Ordering::Relaxed) - read_before,
            exchanges.load(Ordering::Relaxed),
            failed.load(Ordering::Relaxed),
            (resident.saturating_sub(empty.1)) as f64 / devices as f64,
        );
    }
}
