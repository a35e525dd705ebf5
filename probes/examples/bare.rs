//! The least that probing loopback addresses costs: the system calls and nothing else. It keeps nothing, checks nothing
//! but a reply's type, and so says what part of an engine's cost is the kernel's.
//!
//! `bare [--stamps] [--targets N] [--rate PER_SECOND] [--seconds S]`; prints the columns of `flood`. 56 bytes, batches of
//! 64, a look every 2 ms. With `--stamps` the kernel stamps every request and reply, as it does for the engine, and both
//! are fetched, if not read.

#![allow(clippy::disallowed_methods, reason = "it measures time itself")]

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

const BATCH: usize = 64;
/// ICMP header and payload, in bytes.
const LENGTH: usize = 8 + 56;
/// Room for an IPv4 header with all its options before that.
const ROOM: usize = 60 + LENGTH;
/// Room for control messages, in bytes.
const CONTROL: usize = 128;
const SLICE: Duration = Duration::from_millis(2);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default).max(1)
    };
    let (targets, rate, seconds) = (number("--targets", 1_000), number("--rate", 1_000), number("--seconds", 10));
    let stamps = arguments.iter().any(|argument| argument == "--stamps");
    let socket = open()?;
    if stamps {
        ask_for_stamps(&socket)?;
    }
    let mut names = [const { empty_name() }; BATCH];
    let mut request = [[0u8; LENGTH]; BATCH];
    let mut room = [[0u8; ROOM]; BATCH];
    let (total, mut sent, mut answered) = (rate * seconds, 0u64, 0u64);
    let (began, cpu_before) = (Instant::now(), cpu_seconds());
    while began.elapsed() < Duration::from_secs(seconds + 1) && answered < total {
        let due = (began.elapsed().as_micros() as u64 * rate / 1_000_000 + 1).min(total);
        while sent < due {
            let count = BATCH.min((due - sent) as usize);
            for n in 0..count {
                let number = sent + n as u64;
                let address = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + (number % targets) as u32;
                names[n].sin_addr.s_addr = address.to_be();
                echo_request(&mut request[n], number as u16);
            }
            sent += send(&socket, &mut names[..count], &mut request[..count])? as u64;
        }
        while stamps && receive(&socket, &mut room, libc::MSG_ERRQUEUE) == BATCH {}
        loop {
            let got = receive(&socket, &mut room, 0);
            answered += got as u64;
            if got < BATCH {
                break;
            }
        }
        std::thread::sleep(SLICE);
    }
    println!(
        "{:<10}{:>9}{:>9.0}{:>9.2}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}",
        if stamps { "bare+stamp" } else { "bare" },
        targets,
        sent as f64 / began.elapsed().as_secs_f64(),
        (cpu_seconds() - cpu_before) * 1e6 / sent as f64,
        answered,
        sent - answered.min(sent),
        "-",
        "-",
        "-",
        "-"
    );
    Ok(())
}

/// A datagram socket where that is allowed, as the engine does, else a raw one that is shown echo replies only.
fn open() -> io::Result<Socket> {
    let socket = match Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)) {
        Ok(socket) => socket,
        Err(_) => {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
            let (raw, filter, but_echo_replies) = (255, 1, !1u32);
            // SAFETY: the kernel reads four bytes from a living u32.
            let result =
                unsafe { libc::setsockopt(socket.as_raw_fd(), raw, filter, (&raw const but_echo_replies).cast(), 4) };
            if result < 0 {
                return Err(io::Error::last_os_error());
            }
            socket
        }
    };
    let large: libc::c_int = 32 << 20;
    // SAFETY: the kernel reads four bytes from a living integer. Without the privilege the buffer stays as it is.
    unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, (&raw const large).cast(), 4);
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn ask_for_stamps(socket: &Socket) -> io::Result<()> {
    let wanted = libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_TX_SOFTWARE
        | libc::SOF_TIMESTAMPING_SOFTWARE
        | libc::SOF_TIMESTAMPING_OPT_ID
        | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    // SAFETY: the kernel reads four bytes from a living integer.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, (&raw const wanted).cast(), 4)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const fn empty_name() -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: 0 },
        sin_zero: [0; 8],
    }
}

/// An echo request with that sequence number and its checksum (RFC 1071).
fn echo_request(bytes: &mut [u8; LENGTH], sequence: u16) {
    bytes[0] = 8;
    bytes[2..4].fill(0);
    bytes[6..8].copy_from_slice(&sequence.to_be_bytes());
    let sum: u32 = bytes.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
}

fn send(socket: &Socket, names: &mut [libc::sockaddr_in], requests: &mut [[u8; LENGTH]]) -> io::Result<usize> {
    // SAFETY: plain C structs of integers and pointers; all zeroes is a valid value.
    let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { std::mem::zeroed() };
    for (((name, request), vector), header) in names.iter_mut().zip(&mut *requests).zip(&mut vectors).zip(&mut headers)
    {
        *vector = libc::iovec { iov_base: request.as_mut_ptr().cast(), iov_len: LENGTH };
        header.msg_hdr.msg_name = (&raw mut *name).cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as _;
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the first `requests.len()` (≤ BATCH) headers point at living names, vectors and payloads of the lengths given.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), requests.len() as _, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}

/// How many replies were there, or stamps if `queue` is the error queue; [`BATCH`] at most.
fn receive(socket: &Socket, room: &mut [[u8; ROOM]; BATCH], queue: libc::c_int) -> usize {
    let mut control = [[0u64; CONTROL / 8]; BATCH];
    // SAFETY: plain C structs of integers and pointers; all zeroes is a valid value.
    let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { std::mem::zeroed() };
    for (((chunk, control), vector), header) in room.iter_mut().zip(&mut control).zip(&mut vectors).zip(&mut headers) {
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = CONTROL as _;
        *vector = libc::iovec { iov_base: chunk.as_mut_ptr().cast(), iov_len: ROOM };
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: all BATCH headers point at living vectors and distinct buffers and control areas of the lengths given;
    // no time-out is passed.
    let got = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            BATCH as _,
            (queue | libc::MSG_DONTWAIT) as _,
            std::ptr::null_mut(),
        )
    };
    usize::try_from(got).unwrap_or(0)
}

/// CPU time of this thread so far, in user and system mode together: the scheduler's own figure.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
