//! The few route netlink messages that furnish a namespace (rtnetlink(7)): built, and their answer read.

use std::net::IpAddr;

use super::scenario::Prefix;

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const DELETE_ROUTE: u16 = 25;

const REQUEST: u16 = 0x0001;
const ACKNOWLEDGE: u16 = 0x0004;
const REPLACE: u16 = 0x0100;
const CREATE: u16 = 0x0400;

const UP: u32 = 1;

/// Brings a device up, with so many packets of room in its queue when given.
#[must_use]
pub fn link_up(index: u32, queue: Option<u32>) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend_from_slice(&index.to_ne_bytes());
    body.extend_from_slice(&UP.to_ne_bytes());
    body.extend_from_slice(&UP.to_ne_bytes());
    if let Some(queue) = queue {
        attribute(&mut body, 13, &queue.to_ne_bytes());
    }
    message(NEW_LINK, 0, &body)
}

/// Gives a device an address of its own, without duplicate address detection.
#[must_use]
pub fn add_address(index: u32, address: IpAddr) -> Vec<u8> {
    let (family, bytes) = octets(address);
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let no_dad = 0x02_u8;
    let mut body = vec![family, bits, no_dad, 0];
    body.extend_from_slice(&index.to_ne_bytes());
    attribute(&mut body, 2, &bytes);
    attribute(&mut body, 1, &bytes);
    message(NEW_ADDRESS, CREATE | REPLACE, &body)
}

/// Routes a prefix to a device.
#[must_use]
pub fn add_route(index: u32, prefix: Prefix) -> Vec<u8> {
    message(NEW_ROUTE, CREATE | REPLACE, &route(index, prefix))
}

/// Takes such a route away.
#[must_use]
pub fn delete_route(index: u32, prefix: Prefix) -> Vec<u8> {
    message(DELETE_ROUTE, 0, &route(index, prefix))
}

fn route(index: u32, prefix: Prefix) -> Vec<u8> {
    let network = prefix.network();
    let (family, bytes) = octets(network);
    let (main_table, by_hand, unicast) = (254, 4, 1);
    let scope = if network.is_ipv4() { 253 } else { 0 };
    let mut body = vec![family, prefix.length, 0, 0, main_table, by_hand, scope, unicast, 0, 0, 0, 0];
    attribute(&mut body, 1, &bytes);
    attribute(&mut body, 4, &index.to_ne_bytes());
    body
}

fn octets(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(a) => (2, a.octets().to_vec()),
        IpAddr::V6(a) => (10, a.octets().to_vec()),
    }
}

/// Appends an attribute; every value here is a multiple of four bytes long.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("values are addresses and numbers, at most 16 bytes");
    body.extend_from_slice(&length.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).expect("bodies are a few dozen bytes");
    let mut bytes = Vec::with_capacity(16 + body.len());
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&(REQUEST | ACKNOWLEDGE | flags).to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(body);
    bytes
}

/// Reads the kernel's answer: `Ok(0)` when done, `Ok(errno)` when refused, `Err` when it is no answer.
///
/// # Errors
/// The bytes are no NLMSG_ERROR message.
pub fn answer(bytes: &[u8]) -> Result<i32, NoAnswer> {
    let head = bytes.first_chunk::<20>().ok_or(NoAnswer)?;
    if u16::from_ne_bytes([head[4], head[5]]) != 2 {
        return Err(NoAnswer);
    }
    Ok(i32::from_ne_bytes([head[16], head[17], head[18], head[19]]).saturating_neg())
}

/// The kernel said something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kernel's answer over netlink makes no sense")]
pub struct NoAnswer;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_its_own_length() {
        let (v4, v6) = (Prefix::parse("10.0.0.0/8").unwrap(), Prefix::parse("fd00::/8").unwrap());
        let messages = [
            link_up(1, None),
            link_up(2, Some(10_000)),
            add_address(2, "10.0.0.1".parse().unwrap()),
            add_address(2, "fd00::1".parse().unwrap()),
            add_route(2, v4),
            delete_route(2, v6),
        ];
        for bytes in messages {
            assert_eq!(bytes.len() % 4, 0);
            assert_eq!(u32::from_ne_bytes(*bytes.first_chunk().unwrap()) as usize, bytes.len());
        }
    }

    #[test]
    fn answers_are_acknowledgements_or_refusals() {
        let answer_with = |kind: u16, errno: i32| {
            let mut bytes = message(kind, 0, &[]);
            bytes.extend_from_slice(&errno.to_ne_bytes());
            answer(&bytes)
        };
        assert_eq!(answer_with(2, 0), Ok(0));
        assert_eq!(answer_with(2, -17), Ok(17));
        assert_eq!(answer_with(3, 0), Err(NoAnswer));
        assert_eq!(answer(&[0; 19]), Err(NoAnswer));
    }
}
