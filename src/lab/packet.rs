//! IPv4 and IPv6 packets with ICMP echo or UDP inside: taken apart with every length checked, and built.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest packet that is read or built, in bytes.
pub const MAX_PACKET: usize = 9000;

const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// A packet as it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom to.
    pub destination: IpAddr,
    /// Type of service or traffic class octet: six bits of code point, two of ECN.
    pub tos: u8,
    /// What it carries.
    pub body: Body<'a>,
    /// All of it, for an error to quote.
    pub whole: &'a [u8],
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// An ICMP echo request (RFC 792, RFC 4443 §4.1).
    Echo(Echo<'a>),
    /// A UDP datagram (RFC 768).
    Udp(Udp<'a>),
    /// Something that no host of ours answers.
    Other,
}

/// An echo request, or the contents of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Identifier.
    pub id: u16,
    /// Sequence number.
    pub sequence: u16,
    /// What is to come back.
    pub payload: &'a [u8],
}

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Port it came from.
    pub source_port: u16,
    /// Port it goes to.
    pub destination_port: u16,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Addresses and marks of a packet to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Who sends.
    pub source: IpAddr,
    /// Whom to; of the same family.
    pub destination: IpAddr,
    /// Type of service or traffic class octet.
    pub tos: u8,
    /// TTL or hop limit.
    pub ttl: u8,
}

/// Takes a packet apart. `None` when lengths, checksums or versions are wrong, or it is a fragment.
#[must_use]
pub fn parse(whole: &[u8]) -> Option<Packet<'_>> {
    let (source, destination, tos, protocol, rest) = match whole.first()? >> 4 {
        4 => parse_v4(whole)?,
        6 => parse_v6(whole)?,
        _ => return None,
    };
    let body = match (protocol, source) {
        (ICMP, IpAddr::V4(_)) => parse_echo(rest, 8, checksum(0, rest))?,
        (ICMPV6, IpAddr::V6(_)) => parse_echo(rest, 128, checksum(pseudo(source, destination, ICMPV6, rest), rest))?,
        (UDP, _) => parse_udp(source, destination, rest)?,
        _ => Body::Other,
    };
    Some(Packet { source, destination, tos, body, whole })
}

type Parts<'a> = (IpAddr, IpAddr, u8, u8, &'a [u8]);

fn parse_v4(whole: &[u8]) -> Option<Parts<'_>> {
    let header = whole.first_chunk::<20>()?;
    let header_length = usize::from(header[0] & 0x0F) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3FFF;
    if header_length < 20 || fragment != 0 || checksum(0, whole.get(..header_length)?) != 0 {
        return None;
    }
    let rest = whole.get(header_length..total)?;
    let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
    let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
    Some((source.into(), destination.into(), header[1], header[9], rest))
}

fn parse_v6(whole: &[u8]) -> Option<Parts<'_>> {
    let header = whole.first_chunk::<40>()?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let rest = whole.get(40..40 + length)?;
    let tos = (header[0] << 4) | (header[1] >> 4);
    let source: [u8; 16] = header[8..24].try_into().ok()?;
    let destination: [u8; 16] = header[24..40].try_into().ok()?;
    Some((Ipv6Addr::from(source).into(), Ipv6Addr::from(destination).into(), tos, header[6], rest))
}

fn parse_echo(rest: &[u8], request: u8, sum: u16) -> Option<Body<'_>> {
    let (head, payload) = rest.split_first_chunk::<8>()?;
    if sum != 0 {
        return None;
    }
    if head[0] != request || head[1] != 0 {
        return Some(Body::Other);
    }
    let id = u16::from_be_bytes([head[4], head[5]]);
    let sequence = u16::from_be_bytes([head[6], head[7]]);
    Some(Body::Echo(Echo { id, sequence, payload }))
}

fn parse_udp(source: IpAddr, destination: IpAddr, rest: &[u8]) -> Option<Body<'_>> {
    let head = rest.first_chunk::<8>()?;
    let datagram = rest.get(..usize::from(u16::from_be_bytes([head[4], head[5]])))?;
    let payload = datagram.get(8..)?;
    let unsummed = head[6..8] == [0, 0] && source.is_ipv4();
    if !unsummed && checksum(pseudo(source, destination, UDP, datagram), datagram) != 0 {
        return None;
    }
    let source_port = u16::from_be_bytes([head[0], head[1]]);
    let destination_port = u16::from_be_bytes([head[2], head[3]]);
    Some(Body::Udp(Udp { source_port, destination_port, payload }))
}

/// An echo reply.
#[must_use]
pub fn echo_reply(head: Head, echo: Echo<'_>) -> Vec<u8> {
    let kind = if head.source.is_ipv4() { 0 } else { 129 };
    let fields = (u32::from(echo.id) << 16) | u32::from(echo.sequence);
    icmp(head, kind, 0, fields, echo.payload)
}

/// An echo request: for the lab's own tests.
#[must_use]
pub fn echo_request(head: Head, echo: Echo<'_>) -> Vec<u8> {
    let kind = if head.source.is_ipv4() { 8 } else { 128 };
    let fields = (u32::from(echo.id) << 16) | u32::from(echo.sequence);
    icmp(head, kind, 0, fields, echo.payload)
}

/// Destination unreachable, host (RFC 792) or address (RFC 4443 §3.1), quoting what it is about.
#[must_use]
pub fn host_unreachable(head: Head, about: &[u8]) -> Vec<u8> {
    let (kind, code) = if head.source.is_ipv4() { (3, 1) } else { (1, 3) };
    icmp(head, kind, code, 0, &about[..about.len().min(quoted(head.source))])
}

/// Destination unreachable, port, quoting what it is about.
#[must_use]
pub fn port_unreachable(head: Head, about: &[u8]) -> Vec<u8> {
    let (kind, code) = if head.source.is_ipv4() { (3, 3) } else { (1, 4) };
    icmp(head, kind, code, 0, &about[..about.len().min(quoted(head.source))])
}

/// Most bytes that an error quotes: the message stays within 576 (RFC 1812 §4.3.2.3) or 1,280 bytes (RFC 4443 §3.1).
fn quoted(source: IpAddr) -> usize {
    if source.is_ipv4() { 576 - 28 } else { 1280 - 48 }
}

/// A UDP datagram.
#[must_use]
pub fn udp(head: Head, udp: Udp<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(8 + udp.payload.len());
    let length = u16::try_from(8 + udp.payload.len()).unwrap_or(u16::MAX);
    for field in [udp.source_port, udp.destination_port, length, 0] {
        body.extend_from_slice(&field.to_be_bytes());
    }
    body.extend_from_slice(udp.payload);
    let sum = match checksum(pseudo(head.source, head.destination, UDP, &body), &body) {
        0 => 0xFFFF,
        sum => sum,
    };
    body[6..8].copy_from_slice(&sum.to_be_bytes());
    wrap(head, UDP, &body)
}

fn icmp(head: Head, kind: u8, code: u8, fields: u32, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(8 + payload.len());
    body.extend_from_slice(&[kind, code, 0, 0]);
    body.extend_from_slice(&fields.to_be_bytes());
    body.extend_from_slice(payload);
    let (protocol, start) = match head.source {
        IpAddr::V4(_) => (ICMP, 0),
        IpAddr::V6(_) => (ICMPV6, pseudo(head.source, head.destination, ICMPV6, &body)),
    };
    let sum = checksum(start, &body);
    body[2..4].copy_from_slice(&sum.to_be_bytes());
    wrap(head, protocol, &body)
}

/// Puts an IP header before a body. An address of the wrong family becomes the unspecified one.
fn wrap(head: Head, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(40 + body.len());
    match head.source {
        IpAddr::V4(source) => {
            let IpAddr::V4(destination) = head.destination else { return Vec::new() };
            let total = u16::try_from(20 + body.len()).unwrap_or(u16::MAX).to_be_bytes();
            packet.extend_from_slice(&[0x45, head.tos, total[0], total[1], 0, 0, 0x40, 0, head.ttl, protocol, 0, 0]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            let sum = checksum(0, &packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        IpAddr::V6(source) => {
            let IpAddr::V6(destination) = head.destination else { return Vec::new() };
            let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
            packet.extend_from_slice(&[0x60 | (head.tos >> 4), head.tos << 4, 0, 0]);
            packet.extend_from_slice(&[length[0], length[1], protocol, head.ttl]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
        }
    }
    packet.extend_from_slice(body);
    packet
}

/// Where the ICMP or UDP part of a packet built here begins.
#[must_use]
pub fn body_offset(source: IpAddr) -> usize {
    if source.is_ipv4() { 20 } else { 40 }
}

/// Sum over the pseudo-header (RFC 768, RFC 8200 §8.1).
fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, body: &[u8]) -> u64 {
    let addresses = match (source, destination) {
        (IpAddr::V4(a), IpAddr::V4(b)) => sum(&a.octets()) + sum(&b.octets()),
        (IpAddr::V6(a), IpAddr::V6(b)) => sum(&a.octets()) + sum(&b.octets()),
        _ => 0,
    };
    addresses + u64::from(protocol) + body.len() as u64
}

/// The Internet checksum (RFC 1071) over `bytes`, starting from a sum; 0 when the bytes hold a right one.
fn checksum(start: u64, bytes: &[u8]) -> u16 {
    let mut folded = start + sum(bytes);
    while folded > 0xFFFF {
        folded = (folded & 0xFFFF) + (folded >> 16);
    }
    !u16::try_from(folded).expect("folded to 16 bits above")
}

fn sum(bytes: &[u8]) -> u64 {
    let pairs = bytes.chunks_exact(2);
    let odd = pairs.remainder().first().map_or(0, |&last| u64::from(last) << 8);
    pairs.map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u64>() + odd
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> [Head; 2] {
        [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")].map(|(a, b)| Head {
            source: a.parse().unwrap(),
            destination: b.parse().unwrap(),
            tos: 0xB8,
            ttl: 61,
        })
    }

    #[test]
    fn a_request_is_read_as_it_was_built() {
        for head in heads() {
            let echo = Echo { id: 0xABCD, sequence: 0x0102, payload: b"seven b" };
            let bytes = echo_request(head, echo);
            let packet = parse(&bytes).unwrap();
            assert_eq!((packet.source, packet.destination, packet.tos), (head.source, head.destination, 0xB8));
            assert_eq!(packet.body, Body::Echo(echo));
        }
    }

    #[test]
    fn a_datagram_is_read_as_it_was_built() {
        for head in heads() {
            let datagram = Udp { source_port: 161, destination_port: 40_000, payload: b"snmp?" };
            let bytes = udp(head, datagram);
            assert_eq!(parse(&bytes).unwrap().body, Body::Udp(datagram));
        }
    }

    #[test]
    fn replies_and_errors_are_not_answered() {
        for head in heads() {
            let echo = Echo { id: 1, sequence: 2, payload: b"x" };
            let request = echo_request(head, echo);
            assert_eq!(parse(&echo_reply(head, echo)).unwrap().body, Body::Other);
            assert_eq!(parse(&host_unreachable(head, &request)).unwrap().body, Body::Other);
            assert_eq!(parse(&port_unreachable(head, &request)).unwrap().body, Body::Other);
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_of_the_body_is_refused() {
        for head in heads() {
            let bytes = echo_request(head, Echo { id: 1, sequence: 2, payload: b"payload" });
            for length in 0..bytes.len() {
                assert_eq!(parse(&bytes[..length]), None, "{length} bytes");
            }
            for bit in body_offset(head.source) * 8..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(parse(&damaged), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_checksum_from_the_standard_comes_out() {
        assert_eq!(checksum(0, &[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]), !0xDDF2);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), version in 0u8..16) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = (*first & 0x0F) | (version << 4);
            }
            let _ = parse(&bytes);
        }
    }
}
