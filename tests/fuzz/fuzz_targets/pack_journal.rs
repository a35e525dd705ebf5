//! Bytes read as the journal and the report of somebody else's pack: no panic.
#![no_main]

use assured::report::{journal, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = journal::decode(bytes);
    let _ = json::decode(bytes);
});
