//! Text read as a recorded walk: no panic, whatever stands in it.
#![no_main]

use assured_probes::snmp::recording::Recording;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let recording = Recording::read(bytes);
    assert!(recording.objects.len() <= bytes.len());
});
