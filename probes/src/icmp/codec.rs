//! Echo requests and replies as bytes, and the requests that ICMP errors quote (RFC 792, RFC 4443).
//!
//! ```text
//! 0        1      2           4            6            8        12       16       24      32
//! ┌────────┬──────┬───────────┬────────────┬────────────┬────────┬────────┬────────┬───────┬─────────┐
//! │ type   │ code │ checksum  │ identifier │ sequence   │ magic  │ slot   │ token  │ key   │ padding │
//! └────────┴──────┴───────────┴────────────┴────────────┴────────┴────────┴────────┴───────┴─────────┘
//! ```
//!
//! The magic carries the layout's version, the slot is where the engine keeps the request, the token
//! is random and the key is the caller's. Numbers are big-endian.

use std::net::{IpAddr, Ipv4Addr};

use super::MIN_PAYLOAD;

/// The longest payload that is sent, in bytes: a jumbo frame's worth.
pub const MAX_PAYLOAD: u16 = 9_000;

/// Type, code, checksum, identifier and sequence, in bytes.
pub const HEADER: usize = 8;

const MAGIC: [u8; 4] = *b"asr\x01";
const PADDING: u8 = 0x5a;

/// Which ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// RFC 792.
    V4,
    /// RFC 4443.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Type of an echo request.
    pub const fn request_kind(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    /// Type of an echo reply.
    pub const fn reply_kind(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }
}

/// What a payload says about the request it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Where the engine keeps the request.
    pub slot: u32,
    /// Random, so that nobody who did not see the request can answer it.
    pub token: u64,
    /// The caller's key.
    pub key: u64,
}

/// An echo reply whose lengths, type and checksum are right. Whether it is *ours* is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// ICMP identifier.
    pub id: u16,
    /// ICMP sequence number.
    pub sequence: u16,
    /// Payload length, in bytes.
    pub size: usize,
    /// Absent when the payload is not of our making.
    pub identity: Option<Identity>,
    /// The padding is as it was sent.
    pub intact: bool,
    /// What the IPv4 header said, where the socket hands it out.
    pub header: Option<Ipv4Fields>,
}

/// The fields of an IPv4 header that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Fields {
    /// Sender.
    pub source: Ipv4Addr,
    /// Code point.
    pub dscp: u8,
    /// Remaining time to live.
    pub ttl: u8,
}

/// The request that an ICMP error quotes. Routers may quote as little as eight bytes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// ICMP identifier.
    pub id: u16,
    /// ICMP sequence number.
    pub sequence: u16,
    /// Absent when too little was quoted, or the request was not of our making.
    pub identity: Option<Identity>,
}

/// Why bytes are not an echo reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the headers say or need.
    #[error("datagram too short")]
    Short,
    /// The IPv4 header contradicts itself or is about another protocol.
    #[error("nonsense in the IPv4 header")]
    Header,
    /// Some other ICMP message.
    #[error("ICMP type {0} is not an echo reply")]
    Kind(u8),
    /// The checksum does not fit.
    #[error("bad ICMP checksum")]
    Checksum,
}

/// Appends an echo request. `size` is the payload's length, forced into [`MIN_PAYLOAD`]..=[`MAX_PAYLOAD`].
///
/// The IPv6 checksum stays zero: the kernel fills it in, because it covers addresses only it knows.
pub fn encode_request(family: Family, id: u16, sequence: u16, identity: Identity, size: u16, out: &mut Vec<u8>) {
    encode(family, family.request_kind(), id, sequence, identity, size, out);
}

/// Appends the echo reply an honest host would give; for tests and simulated hosts.
pub fn encode_reply(family: Family, id: u16, sequence: u16, identity: Identity, size: u16, out: &mut Vec<u8>) {
    encode(family, family.reply_kind(), id, sequence, identity, size, out);
}

fn encode(family: Family, kind: u8, id: u16, sequence: u16, identity: Identity, size: u16, out: &mut Vec<u8>) {
    let start = out.len();
    let size = usize::from(size.clamp(MIN_PAYLOAD, MAX_PAYLOAD));
    out.extend_from_slice(&[kind, 0, 0, 0]);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&identity.slot.to_be_bytes());
    out.extend_from_slice(&identity.token.to_be_bytes());
    out.extend_from_slice(&identity.key.to_be_bytes());
    out.resize(start + HEADER + size, PADDING);
    if family == Family::V4 {
        let sum = checksum(&out[start..]);
        out[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Reads an echo reply as a socket hands it out: raw IPv4 sockets with the IP header before it
/// (`with_header`), all others without. The IPv6 checksum has been verified by the kernel.
pub fn parse_reply(family: Family, with_header: bool, bytes: &[u8]) -> Result<Reply, Malformed> {
    let (header, message) = if with_header && family == Family::V4 {
        let (fields, message) = parse_ipv4(bytes)?;
        (Some(fields), message)
    } else {
        (None, bytes)
    };
    let (head, payload) = message.split_first_chunk::<HEADER>().ok_or(Malformed::Short)?;
    if head[0] != family.reply_kind() {
        return Err(Malformed::Kind(head[0]));
    }
    if head[1] != 0 {
        return Err(Malformed::Header);
    }
    if family == Family::V4 && checksum(message) != 0 {
        return Err(Malformed::Checksum);
    }
    let identity = parse_identity(payload);
    let intact = payload.get(usize::from(MIN_PAYLOAD)..).is_some_and(|rest| rest.iter().all(|byte| *byte == PADDING));
    Ok(Reply { id: be16(head, 4), sequence: be16(head, 6), size: payload.len(), identity, intact, header })
}

/// The identifier of an echo reply that cannot be read otherwise, for telling whose it is.
pub fn peek_id(family: Family, with_header: bool, bytes: &[u8]) -> Option<u16> {
    let header_length = if with_header && family == Family::V4 { usize::from(bytes.first()? & 0x0f) * 4 } else { 0 };
    let head = bytes.get(header_length..)?.first_chunk::<6>()?;
    (head[0] == family.reply_kind()).then(|| be16(head, 4))
}

/// Reads the echo request that an ICMP error quotes, beginning at its ICMP header.
pub fn parse_quoted(family: Family, bytes: &[u8]) -> Option<Quoted> {
    let (head, payload) = bytes.split_first_chunk::<HEADER>()?;
    if head[0] != family.request_kind() || head[1] != 0 {
        return None;
    }
    Some(Quoted { id: be16(head, 4), sequence: be16(head, 6), identity: parse_identity(payload) })
}

fn parse_ipv4(bytes: &[u8]) -> Result<(Ipv4Fields, &[u8]), Malformed> {
    let head = bytes.first_chunk::<20>().ok_or(Malformed::Short)?;
    let header_length = usize::from(head[0] & 0x0f) * 4;
    if head[0] >> 4 != 4 || header_length < 20 || head[9] != 1 {
        return Err(Malformed::Header);
    }
    let total_length = usize::from(be16(head, 2));
    if total_length < header_length {
        return Err(Malformed::Header);
    }
    let message = bytes.get(header_length..total_length).ok_or(Malformed::Short)?;
    let source = Ipv4Addr::new(head[12], head[13], head[14], head[15]);
    Ok((Ipv4Fields { source, dscp: head[1] >> 2, ttl: head[8] }, message))
}

fn parse_identity(payload: &[u8]) -> Option<Identity> {
    let head = payload.first_chunk::<{ MIN_PAYLOAD as usize }>()?;
    let [m0, m1, m2, m3, s0, s1, s2, s3, rest @ ..] = head;
    if [*m0, *m1, *m2, *m3] != MAGIC {
        return None;
    }
    let slot = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
    let [t0, t1, t2, t3, t4, t5, t6, t7, k0, k1, k2, k3, k4, k5, k6, k7] = rest;
    let token = u64::from_be_bytes([*t0, *t1, *t2, *t3, *t4, *t5, *t6, *t7]);
    let key = u64::from_be_bytes([*k0, *k1, *k2, *k3, *k4, *k5, *k6, *k7]);
    Some(Identity { slot, token, key })
}

/// The Internet checksum (RFC 1071). Zero over a message that carries its own right checksum.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut pairs = bytes.chunks_exact(2);
    let mut sum: u64 = pairs.by_ref().map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    if let [last] = pairs.remainder() {
        sum += u64::from(*last) << 8;
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn be16<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity { slot: 0x0001_0203, token: 0xdead_beef_0bad_cafe, key: 42 };

    fn reply(family: Family, size: u16) -> Vec<u8> {
        let mut out = Vec::new();
        encode_reply(family, 7, 9, IDENTITY, size, &mut out);
        out
    }

    fn with_ipv4(message: &[u8]) -> Vec<u8> {
        let total = (20 + message.len()) as u16;
        let mut out = vec![0x45, 46 << 2, 0, 0, 0, 0, 0, 0, 61, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        out[2..4].copy_from_slice(&total.to_be_bytes());
        out.extend_from_slice(message);
        out
    }

    #[test]
    fn a_reply_reads_back_as_written() {
        for family in [Family::V4, Family::V6] {
            for size in [0, 24, 25, 56, 1_472, 9_000, u16::MAX] {
                let read = parse_reply(family, false, &reply(family, size)).unwrap();
                assert_eq!((read.id, read.sequence, read.identity), (7, 9, Some(IDENTITY)));
                assert_eq!(read.size, usize::from(size.clamp(MIN_PAYLOAD, MAX_PAYLOAD)));
                assert!(read.intact && read.header.is_none());
            }
        }
    }

    #[test]
    fn the_ip_header_of_a_raw_socket_is_read() {
        let read = parse_reply(Family::V4, true, &with_ipv4(&reply(Family::V4, 56))).unwrap();
        let expected = Ipv4Fields { source: Ipv4Addr::new(192, 0, 2, 1), dscp: 46, ttl: 61 };
        assert_eq!(read.header, Some(expected));
        assert_eq!(read.identity, Some(IDENTITY));
    }

    #[test]
    fn the_identifier_is_known_even_of_a_truncated_reply() {
        let whole = with_ipv4(&reply(Family::V4, 56));
        for length in 0..whole.len() {
            assert_eq!(peek_id(Family::V4, true, &whole[..length]), (length >= 26).then_some(7));
        }
        assert_eq!(peek_id(Family::V6, false, &reply(Family::V6, 56)), Some(7));
        assert_eq!(peek_id(Family::V6, false, &reply(Family::V4, 56)), None);
    }

    #[test]
    fn every_truncation_is_an_error_or_too_small_a_payload() {
        let whole = with_ipv4(&reply(Family::V4, 56));
        for length in 0..whole.len() {
            assert_eq!(parse_reply(Family::V4, true, &whole[..length]), Err(Malformed::Short), "{length}");
        }
        let whole = reply(Family::V6, 56);
        for length in 0..whole.len() {
            assert!(parse_reply(Family::V6, false, &whole[..length]).map_or(true, |read| read.size < 56));
        }
    }

    #[test]
    fn every_flipped_bit_of_an_ipv4_reply_is_noticed() {
        let whole = reply(Family::V4, 32);
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_reply(Family::V4, false, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn changed_padding_with_a_right_checksum_is_noticed() {
        let mut message = reply(Family::V4, 32);
        message[HEADER + 30] ^= 0xff;
        message[2..4].fill(0);
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        assert!(!parse_reply(Family::V4, false, &message).unwrap().intact);
    }

    #[test]
    fn other_messages_are_not_replies() {
        let mut request = Vec::new();
        encode_request(Family::V4, 7, 9, IDENTITY, 24, &mut request);
        assert_eq!(parse_reply(Family::V4, false, &request), Err(Malformed::Kind(8)));
        assert_eq!(parse_reply(Family::V6, false, &request), Err(Malformed::Kind(8)));
    }

    #[test]
    fn a_quote_of_eight_bytes_still_names_the_request() {
        let mut request = Vec::new();
        encode_request(Family::V6, 7, 9, IDENTITY, 24, &mut request);
        assert_eq!(parse_quoted(Family::V6, &request), Some(Quoted { id: 7, sequence: 9, identity: Some(IDENTITY) }));
        assert_eq!(parse_quoted(Family::V6, &request[..8]), Some(Quoted { id: 7, sequence: 9, identity: None }));
        assert_eq!(parse_quoted(Family::V6, &request[..7]), None);
        assert_eq!(parse_quoted(Family::V4, &request), None);
    }

    #[test]
    fn checksum_of_rfc_1071_section_3() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[]), 0xffff);
        assert_eq!(checksum(&[0x01]), !0x0100);
    }
}
