//! Bytes read as a certificate, for the day on which it ends: no panic.
#![no_main]

use assured::config::web::not_after;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = not_after(bytes);
});
