//! Bytes that an ICMP error quotes: no panic.
#![no_main]

use assured_probes::icmp::codec::{Family, parse_quoted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, &[u8])| {
    let (v6, bytes) = input;
    let family = if v6 { Family::V6 } else { Family::V4 };
    if let Some(quoted) = parse_quoted(family, bytes) {
        assert!(bytes.len() >= 8);
        assert!(quoted.identity.is_none() || bytes.len() >= 32);
    }
});
