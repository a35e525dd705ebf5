//! Bytes from the network, read as an echo reply: no panic, and nothing read that is not there.
#![no_main]

use assured_probes::icmp::codec::{Family, checksum, parse_reply, peek_id};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, bool, bool, Vec<u8>)| {
    let (v6, with_header, repair, mut bytes) = input;
    let family = if v6 { Family::V6 } else { Family::V4 };
    // A right checksum is hard to guess, and what is behind it is to be reached.
    let start = if with_header && !v6 { bytes.first().map_or(0, |first| usize::from(first & 0x0f) * 4) } else { 0 };
    if repair && let Some(message) = bytes.get_mut(start..).filter(|message| message.len() >= 8) {
        message[2..4].fill(0);
        let sum = checksum(message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let peeked = peek_id(family, with_header, &bytes);
    if let Ok(reply) = parse_reply(family, with_header, &bytes) {
        assert_eq!(peeked, Some(reply.id));
        assert!(reply.size + 8 <= bytes.len());
        assert_eq!(reply.header.is_some(), with_header && !v6);
        assert!(reply.identity.is_none() || reply.size >= 24);
    }
});
