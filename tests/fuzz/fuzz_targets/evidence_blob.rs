//! Bytes read as a minute's blob of the evidence store: no panic, and both ways of reading agree that it is sound.
#![no_main]

use assured::evidence::blob;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rows = 0_u64;
    let whole = blob::decode(bytes, |_, _| rows += 1);
    let totals = blob::totals(bytes);
    if let (Ok(first), Ok((also_first, totals))) = (&whole, &totals) {
        assert_eq!(first, also_first);
        assert_eq!(totals.rows as u64, rows);
    }
});
