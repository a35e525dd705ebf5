//! Hosts behind a TUN device, each with its own way of answering an echo request.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use assured_probes::icmp::codec::checksum;
use tun_rs::{DeviceBuilder, SyncDevice};

pub const US: &str = "10.9.0.1";
pub const DEAD: &str = "10.9.0.9";
pub const HONEST: &str = "10.9.0.10";
pub const WRONG_PAYLOAD: &str = "10.9.0.11";
pub const WRONG_ID: &str = "10.9.0.12";
pub const TRUNCATED: &str = "10.9.0.13";
pub const SPOOFED_SOURCE: &str = "10.9.0.14";
pub const BAD_CHECKSUM: &str = "10.9.0.15";
pub const TWICE: &str = "10.9.0.16";
pub const LATE: &str = "10.9.0.17";
pub const UNREACHABLE: &str = "10.9.0.18";
pub const REMARKED: &str = "10.9.0.19";
pub const FOREIGN_ERROR: &str = "10.9.0.20";
pub const WRONG_SEQUENCE: &str = "10.9.0.21";
pub const SAME_TTL: &str = "10.9.0.22";
pub const ROUTER: [u8; 4] = [10, 9, 0, 254];
pub const DEAD_V6: &str = "2001:db8::9";
pub const HONEST_V6: &str = "2001:db8::10";
pub const BAD_CHECKSUM_V6: &str = "2001:db8::15";
pub const SAME_TTL_V6: &str = "2001:db8::22";
pub const UNREACHABLE_V6: &str = "2001:db8::18";
pub const ROUTER_V6: [u16; 8] = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe];

/// How much later than asked the late host answers.
pub const LATENESS: Duration = Duration::from_millis(700);

/// Makes the device in this process's network namespace and answers from a thread of its own, to the process's end.
pub fn serve() {
    let device = Arc::new(DeviceBuilder::new().name("hosts").build_sync().expect("a TUN device can be made"));
    let script = "ip link set hosts up; ip addr add 10.9.0.1/24 dev hosts; ip addr add 2001:db8::1/64 dev hosts nodad";
    assert!(Command::new("sh").args(["-ec", script]).status().unwrap().success());
    thread::spawn(move || {
        let mut packet = [0; 10_000];
        while let Ok(length) = device.recv(&mut packet) {
            let packet = &packet[..length];
            match packet[0] >> 4 {
                4 if packet[9] == 1 && packet[20] == 8 => answer_v4(&device, packet),
                6 if packet[6] == 58 && packet[40] == 128 => answer_v6(&device, packet),
                _ => {}
            }
        }
    });
}

fn answer_v4(device: &Arc<SyncDevice>, request: &[u8]) {
    let host = request[19];
    let mut reply = request.to_vec();
    reply.copy_within(12..16, 16);
    reply[12..16].copy_from_slice(&request[16..20]);
    reply[8] = 61;
    reply[20] = 0;
    match host {
        10 | 16 | 17 => {}
        22 => reply[8] = request[8],
        11 => reply[36] ^= 1,
        12 => reply[24] ^= 0xff,
        13 => reply.truncate(20 + 8 + 12),
        14 => reply[15] = 10,
        15 => reply[30] ^= 1,
        18 => return error_v4(device, request, false),
        19 => (reply[1], reply[8]) = (10 << 2, 33),
        20 => return error_v4(device, request, true),
        21 => reply[26] ^= 0x80,
        _ => return,
    }
    finish_v4(&mut reply);
    if host == 15 {
        reply[22] ^= 0xff;
    }
    if host == 16 {
        device.send(&reply).unwrap();
    }
    if host == 17 {
        let device = device.clone();
        thread::spawn(move || {
            thread::sleep(LATENESS);
            device.send(&reply).unwrap();
        });
        return;
    }
    device.send(&reply).unwrap();
}

/// Destination unreachable (host), quoting as little as RFC 792 asks: the IP header and eight bytes.
fn error_v4(device: &SyncDevice, request: &[u8], foreign: bool) {
    let mut packet = request[..20].to_vec();
    packet[12..16].copy_from_slice(&ROUTER);
    packet[16..20].copy_from_slice(&request[12..16]);
    packet.extend_from_slice(&[3, 1, 0, 0, 0, 0, 0, 0]);
    packet.extend_from_slice(&request[..28]);
    if foreign {
        packet[20 + 8 + 24] ^= 0xff;
    }
    finish_v4(&mut packet);
    device.send(&packet).unwrap();
}

fn finish_v4(packet: &mut [u8]) {
    let length = packet.len() as u16;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    for (range, at) in [(0..20, 10), (20..packet.len(), 22)] {
        packet[at..at + 2].fill(0);
        let sum = checksum(&packet[range]);
        packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

fn answer_v6(device: &SyncDevice, request: &[u8]) {
    let host = request[39];
    let mut reply = request.to_vec();
    reply[8..24].copy_from_slice(&request[24..40]);
    reply[24..40].copy_from_slice(&request[8..24]);
    reply[7] = 61;
    reply[40] = 129;
    match host {
        0x10 | 0x15 => {}
        0x22 => reply[7] = request[7],
        0x18 => {
            reply.truncate(40);
            for (place, word) in reply[8..24].chunks_exact_mut(2).zip(ROUTER_V6) {
                place.copy_from_slice(&word.to_be_bytes());
            }
            reply.extend_from_slice(&[1, 3, 0, 0, 0, 0, 0, 0]);
            reply.extend_from_slice(request);
        }
        _ => return,
    }
    let length = reply.len() as u16 - 40;
    reply[4..6].copy_from_slice(&length.to_be_bytes());
    reply[42..44].fill(0);
    let mut covered = reply[8..40].to_vec();
    covered.extend_from_slice(&[0, 0, length.to_be_bytes()[0], length.to_be_bytes()[1], 0, 0, 0, 58]);
    covered.extend_from_slice(&reply[40..]);
    let sum = checksum(&covered);
    reply[42..44].copy_from_slice(&sum.to_be_bytes());
    if host == 0x15 {
        reply[42] ^= 0xff;
    }
    device.send(&reply).unwrap();
}

/// The router's address.
pub fn router() -> Ipv4Addr {
    ROUTER.into()
}
