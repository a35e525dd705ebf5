//! How late the lab's answers leave, and what a probe sees of it: `cargo run --release --example lab_accuracy -- 5000 10`
//! (hosts, seconds). Each host is probed once a second, evenly spread; delays are 0 to 49 ms.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use assured::lab::scenario::{Hosts, Nanos, Scenario};
use assured::lab::server::{self, SocketKind};
use assured::lab::truth::Fate;
use assured::lab::{Lab, Options};
use nix::sys::socket::{setsockopt, sockopt};

fn main() -> ExitCode {
    if let Some(code) = server::run_if_asked() {
        return code;
    }
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<u32>().ok());
    let (hosts, seconds) = (numbers.next().unwrap_or(5000), numbers.next().unwrap_or(10));
    match measure(hosts.clamp(1, 60_000), seconds.clamp(1, 600)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn measure(hosts: u32, seconds: u32) -> Result<(), Box<dyn std::error::Error>> {
    let first: IpAddr = "10.64.0.1".parse()?;
    let block = Hosts { count: hosts.into(), delay_step: Nanos::ms(1), delay_wrap: 50, ..Hosts::at(first) };
    let probes = hosts * seconds;
    let remember = usize::try_from(probes)?;
    let lab = Lab::start(&Scenario::new(1).with(block), &Options { remember, ..Options::default() })?;
    let socket = UdpSocket::from(lab.socket(SocketKind::IcmpDatagramV4)?);
    socket.set_nonblocking(false)?;
    // As much as the kernel lets us have: a full buffer would look like a fault of the lab's.
    setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20))
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &(8 << 20)))?;
    let receiver = socket.try_clone()?;
    receiver.set_read_timeout(Some(Duration::from_secs(2)))?;
    // The receiver counts only; its work must not stand in the way of the fleet's.
    let receiving = std::thread::spawn(move || {
        let mut bytes = [0; 200];
        (0..probes).take_while(|_| receiver.recv(&mut bytes).is_ok()).count()
    });

    let mut sent = Vec::with_capacity(remember);
    let (start, gap_ns) = (lab.now_ns(), 1_000_000_000 / u64::from(hosts));
    let base = u32::from_be_bytes([10, 64, 0, 1]);
    for n in 0..probes {
        let due = start + u64::from(n) * gap_ns;
        let ahead = due.saturating_sub(lab.now_ns());
        if ahead > 0 {
            std::thread::sleep(Duration::from_nanos(ahead));
        }
        let mut echo = [0; 64];
        echo[0] = 8;
        echo[6..8].copy_from_slice(&u16::try_from(n & 0xFFFF)?.to_be_bytes());
        let to = std::net::Ipv4Addr::from_bits(base + n % hosts);
        sent.push(lab.now_ns());
        socket.send_to(&echo, SocketAddr::new(to.into(), 0))?;
    }
    let received = receiving.join().map_err(|_| "the receiver panicked")?;

    // Requests arrive in the order in which they were sent.
    let (arriving, leaving) = lab.truth(|truth| {
        let answered = || truth.sightings().filter(|s| s.fate == Fate::Answered);
        let arriving: Vec<u64> = answered().zip(&sent).map(|(s, sent)| s.at_ns.saturating_sub(*sent)).collect();
        let leaving: Vec<u64> =
            answered().filter_map(|s| Some(s.left_ns?.saturating_sub(s.at_ns + s.delay.0))).collect();
        (arriving, leaving)
    });
    println!("probes {probes}, answers {received}, dropped by the device {}", lab.dropped()?);
    println!("microseconds from before sending to the fleet's reading:  {}", shares(arriving));
    println!("microseconds from the due time to the end of the delivery: {}", shares(leaving));
    Ok(())
}

fn shares(mut nanos: Vec<u64>) -> String {
    nanos.sort_unstable();
    let at = |share: usize| nanos.get(nanos.len() * share / 1000).map_or(0, |ns| ns / 1000);
    format!("p50 {}, p90 {}, p99 {}, p99.9 {}", at(500), at(900), at(990), at(999))
}
