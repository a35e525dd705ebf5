//! The codec under damage: whatever the network does to a datagram, it is never read as something else.

use assured_probes::icmp::codec::{
    Family, Identity, MAX_PAYLOAD, encode_reply, encode_request, parse_quoted, parse_reply, peek_id,
};
use proptest::prelude::*;

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::V4), Just(Family::V6)]
}

fn identity() -> impl Strategy<Value = Identity> {
    (any::<u32>(), any::<u64>(), any::<u64>()).prop_map(|(slot, token, key)| Identity { slot, token, key })
}

fn with_ipv4_header(message: &[u8], options: usize) -> Vec<u8> {
    let length = 20 + options * 4;
    let mut packet = vec![0; length];
    packet[0] = 0x40 | (length / 4) as u8;
    packet[2..4].copy_from_slice(&((length + message.len()) as u16).to_be_bytes());
    packet[8..10].copy_from_slice(&[64, 1]);
    packet.extend_from_slice(message);
    packet
}

proptest! {
    #[test]
    fn what_was_written_is_read_behind_any_ip_options(
        family in family(), id: u16, sequence: u16, identity in identity(), size in 24..=MAX_PAYLOAD, options in 0usize..=10,
    ) {
        let mut message = Vec::new();
        encode_reply(family, id, sequence, identity, size, &mut message);
        let plain = parse_reply(family, false, &message).unwrap();
        prop_assert_eq!((plain.id, plain.sequence, plain.identity), (id, sequence, Some(identity)));
        prop_assert!(plain.intact && plain.size == usize::from(size));
        if family == Family::V4 {
            let raw = parse_reply(family, true, &with_ipv4_header(&message, options)).unwrap();
            prop_assert_eq!((raw.id, raw.sequence, raw.identity, raw.size), (id, sequence, Some(identity), plain.size));
        }
        let mut request = Vec::new();
        encode_request(family, id, sequence, identity, size, &mut request);
        let quoted = parse_quoted(family, &request).unwrap();
        prop_assert_eq!((quoted.id, quoted.sequence, quoted.identity), (id, sequence, Some(identity)));
    }

    /// Fewer than sixteen changed bits in a row are always found by the checksum (RFC 1071).
    #[test]
    fn a_burst_of_damage_is_always_found(
        identity in identity(), size in 24u16..200, at in any::<prop::sample::Index>(), pattern in 1u16..0x8000, shift in 0u32..8,
    ) {
        let mut message = Vec::new();
        encode_reply(Family::V4, 1, 2, identity, size, &mut message);
        let at = at.index(message.len() - 2);
        let [a, b, c, _] = (u32::from(pattern) << 16 >> shift).to_be_bytes();
        for (place, bits) in message[at..].iter_mut().zip([a, b, c].into_iter().take(2)) {
            *place ^= bits;
        }
        prop_assume!(a != 0 || b != 0);
        prop_assert!(parse_reply(Family::V4, false, &message).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        family in family(), with_header: bool, bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = parse_reply(family, with_header, &bytes);
        let _ = peek_id(family, with_header, &bytes);
        let _ = parse_quoted(family, &bytes);
    }

    #[test]
    fn damaged_replies_never_panic_and_never_grow(
        family in family(), with_header: bool, identity in identity(), size in 24u16..200,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        encode_reply(family, 1, 2, identity, size, &mut bytes);
        if with_header {
            bytes = with_ipv4_header(&bytes, 0);
        }
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        if let Ok(reply) = parse_reply(family, with_header, &bytes) {
            prop_assert!(reply.size + 8 <= bytes.len());
        }
    }
}
