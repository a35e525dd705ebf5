//! The part of BER that SNMP v1 and v2c need, and the outer shell of v3 (RFC 3416, RFC 3412 §6).
//!
//! Written for the agent of the lab, for the access diagnosis and as a second opinion of the client
//! library's decoder. Every length is checked against what is there; nesting is fixed by the format.

use super::oid::{MAX_ARCS, Oid};
use super::{Absence, Binding, Value};

/// The most bindings a message may carry before it is refused.
pub const MAX_BINDINGS: usize = 2_048;

/// Why bytes are no SNMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BerError {
    /// A length points past the end.
    #[error("the message ends before it says it does")]
    Short,
    /// Another type than the format wants here.
    #[error("an unexpected type tag {0:#04x}")]
    Tag(u8),
    /// A number, identifier or length that cannot be.
    #[error("a value that its type cannot hold")]
    Value,
    /// More bindings than [`MAX_BINDINGS`].
    #[error("more bindings than a message may carry")]
    Many,
}

/// What a PDU asks or says, by its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PduKind {
    /// GetRequest.
    Get,
    /// GetNextRequest.
    Next,
    /// Response.
    Response,
    /// GetBulkRequest: status and index hold non-repeaters and max-repetitions.
    Bulk,
    /// InformRequest.
    Inform,
    /// SNMPv2-Trap.
    Trap,
    /// Report.
    Report,
}

impl PduKind {
    fn tag(self) -> u8 {
        match self {
            PduKind::Get => 0xa0,
            PduKind::Next => 0xa1,
            PduKind::Response => 0xa2,
            PduKind::Bulk => 0xa5,
            PduKind::Inform => 0xa6,
            PduKind::Trap => 0xa7,
            PduKind::Report => 0xa8,
        }
    }

    fn from_tag(tag: u8) -> Result<PduKind, BerError> {
        [PduKind::Get, PduKind::Next, PduKind::Response, PduKind::Bulk, PduKind::Inform, PduKind::Trap, PduKind::Report]
            .into_iter()
            .find(|k| k.tag() == tag)
            .ok_or(BerError::Tag(tag))
    }
}

/// A PDU in any version's envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Pdu {
    /// What it is.
    pub kind: PduKind,
    /// Which request it belongs to.
    pub request_id: i32,
    /// error-status, or non-repeaters.
    pub status: i32,
    /// error-index, or max-repetitions.
    pub index: i32,
    /// Names and values.
    pub bindings: Vec<Binding>,
}

/// A v1 or v2c message.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// 0 is v1, 1 is v2c.
    pub version: i32,
    /// The community: a secret sent in clear.
    pub community: Vec<u8>,
    /// What is inside.
    pub pdu: Pdu,
}

/// Reads elements one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over these bytes.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// Nothing is left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next element's tag and contents.
    pub fn element(&mut self) -> Result<(u8, &'a [u8]), BerError> {
        let (&tag, rest) = self.bytes.split_first().ok_or(BerError::Short)?;
        let (&first, mut rest) = rest.split_first().ok_or(BerError::Short)?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 || rest.len() < count {
                return Err(BerError::Short);
            }
            length = rest[..count].iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
            rest = &rest[count..];
        }
        if rest.len() < length {
            return Err(BerError::Short);
        }
        let (contents, after) = rest.split_at(length);
        self.bytes = after;
        Ok((tag, contents))
    }

    /// The next element, which has to have this tag.
    pub fn expect(&mut self, wanted: u8) -> Result<&'a [u8], BerError> {
        let (tag, contents) = self.element()?;
        if tag == wanted { Ok(contents) } else { Err(BerError::Tag(tag)) }
    }

    /// The next INTEGER.
    pub fn integer(&mut self) -> Result<i32, BerError> {
        signed(self.expect(0x02)?)
    }
}

fn signed(bytes: &[u8]) -> Result<i32, BerError> {
    if bytes.is_empty() || bytes.len() > 8 {
        return Err(BerError::Value);
    }
    let start = if bytes[0] & 0x80 != 0 { -1i64 } else { 0 };
    let value = bytes.iter().fold(start, |sum, b| sum << 8 | i64::from(*b));
    i32::try_from(value).map_err(|_| BerError::Value)
}

fn unsigned(bytes: &[u8]) -> Result<u64, BerError> {
    match bytes {
        [] => Err(BerError::Value),
        [0, rest @ ..] if rest.len() <= 8 => Ok(rest.iter().fold(0, |sum, b| sum << 8 | u64::from(*b))),
        all if all.len() <= 8 => Ok(all.iter().fold(0, |sum, b| sum << 8 | u64::from(*b))),
        _ => Err(BerError::Value),
    }
}

fn unsigned32(bytes: &[u8]) -> Result<u32, BerError> {
    u32::try_from(unsigned(bytes)?).map_err(|_| BerError::Value)
}

fn oid(bytes: &[u8]) -> Result<Oid, BerError> {
    let mut arcs: Vec<u32> = Vec::with_capacity(bytes.len() + 1);
    let mut value: u64 = 0;
    let mut open = false;
    for byte in bytes {
        value = value << 7 | u64::from(byte & 0x7f);
        open = byte & 0x80 != 0;
        if value > u64::from(u32::MAX) + 80 || arcs.len() >= MAX_ARCS {
            return Err(BerError::Value);
        }
        if open {
            continue;
        }
        if arcs.is_empty() {
            let first = (value / 40).min(2);
            arcs.push(u32::try_from(first).map_err(|_| BerError::Value)?);
            value -= first * 40;
        }
        arcs.push(u32::try_from(value).map_err(|_| BerError::Value)?);
        value = 0;
    }
    if open || arcs.is_empty() {
        return Err(BerError::Value);
    }
    Ok(Oid::new(&arcs))
}

fn value(tag: u8, bytes: &[u8]) -> Result<Value, BerError> {
    Ok(match tag {
        0x02 => Value::Integer(signed(bytes)?),
        0x04 => Value::Bytes(bytes.into()),
        0x05 => Value::Null,
        0x06 => Value::Oid(oid(bytes)?),
        0x40 => Value::Address(bytes.try_into().map_err(|_| BerError::Value)?),
        0x41 => Value::Counter32(unsigned32(bytes)?),
        0x42 => Value::Gauge32(unsigned32(bytes)?),
        0x43 => Value::TimeTicks(unsigned32(bytes)?),
        0x44 => Value::Opaque(bytes.into()),
        0x46 => Value::Counter64(unsigned(bytes)?),
        0x80 => Value::Absent(Absence::NoSuchObject),
        0x81 => Value::Absent(Absence::NoSuchInstance),
        0x82 => Value::Absent(Absence::EndOfMib),
        other => return Err(BerError::Tag(other)),
    })
}

/// Reads a PDU.
pub fn pdu(reader: &mut Reader<'_>) -> Result<Pdu, BerError> {
    let (tag, contents) = reader.element()?;
    let kind = PduKind::from_tag(tag)?;
    let mut inner = Reader::new(contents);
    let (request_id, status, index) = (inner.integer()?, inner.integer()?, inner.integer()?);
    let mut list = Reader::new(inner.expect(0x30)?);
    let mut bindings = Vec::new();
    while !list.is_empty() {
        if bindings.len() == MAX_BINDINGS {
            return Err(BerError::Many);
        }
        let mut pair = Reader::new(list.expect(0x30)?);
        let name = oid(pair.expect(0x06)?)?;
        let (tag, contents) = pair.element()?;
        bindings.push(Binding { oid: name, value: value(tag, contents)? });
    }
    Ok(Pdu { kind, request_id, status, index, bindings })
}

/// Reads a v1 or v2c message.
pub fn message(datagram: &[u8]) -> Result<Message, BerError> {
    let mut body = Reader::new(Reader::new(datagram).expect(0x30)?);
    let version = body.integer()?;
    if !(0..=1).contains(&version) {
        return Err(BerError::Value);
    }
    let community = body.expect(0x04)?.to_vec();
    Ok(Message { version, community, pdu: pdu(&mut body)? })
}

/// Appends an element.
pub fn put(into: &mut Vec<u8>, tag: u8, contents: &[u8]) {
    into.push(tag);
    let length = contents.len();
    match length {
        0..=0x7f => into.push(length as u8),
        0x80..=0xff => into.extend([0x81, length as u8]),
        0x100..=0xffff => into.extend([0x82, (length >> 8) as u8, length as u8]),
        _ => into.extend([0x84, (length >> 24) as u8, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
    }
    into.extend_from_slice(contents);
}

/// Appends an INTEGER.
pub fn put_integer(into: &mut Vec<u8>, value: i32) {
    let bytes = value.to_be_bytes();
    let mut from = 0;
    while from < 3 && ((bytes[from] == 0 && bytes[from + 1] < 0x80) || (bytes[from] == 0xff && bytes[from + 1] >= 0x80))
    {
        from += 1;
    }
    put(into, 0x02, &bytes[from..]);
}

fn put_unsigned(into: &mut Vec<u8>, tag: u8, value: u64) {
    let mut bytes = [0u8; 9];
    bytes[1..].copy_from_slice(&value.to_be_bytes());
    let mut from = 0;
    while from < 8 && bytes[from] == 0 && bytes[from + 1] < 0x80 {
        from += 1;
    }
    put(into, tag, &bytes[from..]);
}

fn put_oid(into: &mut Vec<u8>, oid: &Oid) {
    let arcs = oid.arcs();
    let mut bytes = Vec::with_capacity(arcs.len() + 4);
    let head = u64::from(arcs.first().copied().unwrap_or(0)) * 40 + u64::from(arcs.get(1).copied().unwrap_or(0));
    for arc in std::iter::once(head).chain(arcs.iter().skip(2).map(|a| u64::from(*a))) {
        let groups = (64 - arc.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let seven = (arc >> (group * 7)) as u8 & 0x7f;
            bytes.push(if group == 0 { seven } else { seven | 0x80 });
        }
    }
    put(into, 0x06, &bytes);
}

fn put_value(into: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Integer(v) => put_integer(into, *v),
        Value::Bytes(v) => put(into, 0x04, v),
        Value::Null => put(into, 0x05, &[]),
        Value::Oid(v) => put_oid(into, v),
        Value::Address(v) => put(into, 0x40, v),
        Value::Counter32(v) => put_unsigned(into, 0x41, u64::from(*v)),
        Value::Gauge32(v) => put_unsigned(into, 0x42, u64::from(*v)),
        Value::TimeTicks(v) => put_unsigned(into, 0x43, u64::from(*v)),
        Value::Opaque(v) => put(into, 0x44, v),
        Value::Counter64(v) => put_unsigned(into, 0x46, *v),
        Value::Absent(Absence::NoSuchObject) => put(into, 0x80, &[]),
        Value::Absent(Absence::NoSuchInstance) => put(into, 0x81, &[]),
        Value::Absent(Absence::EndOfMib) => put(into, 0x82, &[]),
    }
}

/// Appends one binding.
pub fn put_binding(into: &mut Vec<u8>, binding: &Binding) {
    let mut pair = Vec::with_capacity(32);
    put_oid(&mut pair, &binding.oid);
    put_value(&mut pair, &binding.value);
    put(into, 0x30, &pair);
}

/// Appends a PDU.
pub fn put_pdu(into: &mut Vec<u8>, pdu: &Pdu) {
    let mut list = Vec::with_capacity(pdu.bindings.len() * 24);
    for binding in &pdu.bindings {
        put_binding(&mut list, binding);
    }
    let mut body = Vec::with_capacity(list.len() + 24);
    put_integer(&mut body, pdu.request_id);
    put_integer(&mut body, pdu.status);
    put_integer(&mut body, pdu.index);
    put(&mut body, 0x30, &list);
    put(into, pdu.kind.tag(), &body);
}

/// Writes a v1 or v2c message.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + message.pdu.bindings.len() * 24);
    put_integer(&mut body, message.version);
    put(&mut body, 0x04, &message.community);
    put_pdu(&mut body, &message.pdu);
    let mut whole = Vec::with_capacity(body.len() + 6);
    put(&mut whole, 0x30, &body);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i32>().prop_map(Value::Integer),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|v| Value::Bytes(v.into())),
            any::<u32>().prop_map(Value::Counter32),
            any::<u32>().prop_map(Value::Gauge32),
            any::<u32>().prop_map(Value::TimeTicks),
            any::<u64>().prop_map(Value::Counter64),
            any::<[u8; 4]>().prop_map(Value::Address),
            prop::collection::vec(any::<u32>(), 1..20).prop_map(|v| Value::Oid(below_1_3(&v))),
            Just(Value::Null),
            Just(Value::Absent(Absence::NoSuchObject)),
            Just(Value::Absent(Absence::EndOfMib)),
        ]
    }

    fn below_1_3(arcs: &[u32]) -> Oid {
        Oid::new(&[1, 3]).child(arcs)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            request_id: i32,
            version in 0..=1i32,
            community in prop::collection::vec(any::<u8>(), 0..40),
            bindings in prop::collection::vec((prop::collection::vec(any::<u32>(), 1..20), any_value()), 0..20),
        ) {
            let bindings = bindings.into_iter().map(|(o, value)| Binding { oid: below_1_3(&o), value }).collect();
            let pdu = Pdu { kind: PduKind::Response, request_id, status: 0, index: 0, bindings };
            let sent = Message { version, community, pdu };
            let read = message(&encode(&sent));
            prop_assert!(read.is_ok_and(|m| m == sent));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = message(&bytes);
        }
    }

    #[test]
    fn the_two_bytes_that_killed_another_decoder_are_refused() {
        assert_eq!(message(&[0x30, 0x81]).err(), Some(BerError::Short));
    }
}
