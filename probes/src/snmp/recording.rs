//! Recorded walks in the `.snmprec` format: `OID|type|value`, one object a line. Pure.
//!
//! The type is the BER tag in decimal; with an `x` behind it the value is in hexadecimal. Tags with further
//! variation modules of the simulator (`:`) are read for their plain value and otherwise ignored.

use std::collections::BTreeMap;

use super::{Oid, Value};

/// A line that is no recorded object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// A device as it was recorded: every object in a walk's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// The objects.
    pub objects: BTreeMap<Oid, Value>,
    /// Lines that could not be read. Recordings made by hand have some.
    pub bad: Vec<BadLine>,
}

impl Recording {
    /// Reads a recording. Lines that are none are left out and named.
    pub fn read(text: &[u8]) -> Recording {
        let mut recording = Recording::default();
        for (number, line) in text.split(|b| *b == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match object(line) {
                Ok((oid, value)) => drop(recording.objects.insert(oid, value)),
                Err(what) => recording.bad.push(BadLine { line: number + 1, what }),
            }
        }
        recording
    }
}

fn object(line: &[u8]) -> Result<(Oid, Value), &'static str> {
    let mut parts = line.splitn(3, |b| *b == b'|');
    let mut next = || parts.next().ok_or("three parts are wanted: OID|type|value");
    let (oid, tag, raw) = (next()?, next()?, next()?);
    let oid: Oid = text(oid)?.parse().map_err(|_| "not an object identifier")?;
    let tag = text(tag)?;
    let tag = tag.split(':').next().unwrap_or_default();
    let (number, hex) = match tag.strip_suffix('x') {
        Some(number) => (number, true),
        None => (tag.strip_suffix('e').unwrap_or(tag), false),
    };
    let tag: u8 = number.parse().map_err(|_| "not a type tag")?;
    let bytes = if hex { unhex(raw)? } else { raw.to_vec() };
    let number = || text(&bytes)?.trim().parse::<i128>().map_err(|_| "not a number");
    let narrow = "a number that its type cannot hold";
    let value = match tag {
        2 => Value::Integer(i32::try_from(number()?).map_err(|_| narrow)?),
        4 => Value::Bytes(bytes.into()),
        5 => Value::Null,
        6 => Value::Oid(text(&bytes)?.trim().parse().map_err(|_| "not an object identifier")?),
        64 if hex => Value::Address(bytes.as_slice().try_into().map_err(|_| "not an address")?),
        64 => {
            Value::Address(text(&bytes)?.trim().parse::<std::net::Ipv4Addr>().map_err(|_| "not an address")?.octets())
        }
        65 => Value::Counter32(u32::try_from(number()?).map_err(|_| narrow)?),
        66 => Value::Gauge32(u32::try_from(number()?).map_err(|_| narrow)?),
        67 => Value::TimeTicks(u32::try_from(number()?).map_err(|_| narrow)?),
        68 => Value::Opaque(bytes.into()),
        70 => Value::Counter64(u64::try_from(number()?).map_err(|_| narrow)?),
        _ => return Err("a type that is not known"),
    };
    Ok((oid, value))
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(bytes).map_err(|_| "not text")
}

fn unhex(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or("not hexadecimal");
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    if !text.len().is_multiple_of(2) {
        return Err("an odd number of hexadecimal digits");
    }
    text.chunks(2).map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read() {
        let text = b"1.3.6.1.2.1.1.1.0|4|a router\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9\n1.3.6.1.2.1.1.3.0|67|123\n\
            1.3.6.1.2.1.2.1.0|2|-4\n1.3.6.1.2.1.4.1|64|192.0.2.1\n1.3.6.1.2.1.4.2|64x|c0000201\n\
            1.3.6.1.2.1.4.3|65|4294967295\n1.3.6.1.2.1.4.4|70|18446744073709551615\n1.3.6.1.2.1.4.5|4x|00ff\n\
            1.3.6.1.2.1.4.6|66|7\n1.3.6.1.2.1.4.7|5|\n";
        let recording = Recording::read(text);
        assert_eq!((recording.objects.len(), recording.bad.len()), (11, 0), "{:?}", recording.bad);
        let get = |oid: &str| recording.objects[&oid.parse::<Oid>().unwrap()].clone();
        assert_eq!(get("1.3.6.1.2.1.4.2"), get("1.3.6.1.2.1.4.1"));
        assert_eq!(get("1.3.6.1.2.1.4.5"), Value::Bytes([0, 255].into()));
        assert_eq!(get("1.3.6.1.2.1.4.4"), Value::Counter64(u64::MAX));
    }

    #[test]
    fn lines_that_are_none_are_named() {
        let recording = Recording::read(b"\n1.3.6|2\n1.3.6.1|2|x\n1.3.6.1|99|1\n1.3.6.1|65|-1\n1.3.6.1|4x|abc\n");
        assert_eq!(recording.bad.iter().map(|b| b.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert!(recording.objects.is_empty());
    }
}
