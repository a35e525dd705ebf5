//! Datagrams read as SNMP, as a device, the receiver of notifications and the diagnosis of access read them: no panic.
#![no_main]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use assured_probes::snmp::agent::Agent;
use assured_probes::snmp::recording::Recording;
use assured_probes::snmp::{ber, diagnosis};
use libfuzzer_sys::fuzz_target;

static AGENT: LazyLock<Mutex<Agent>> = LazyLock::new(|| {
    let text = "1.3.6.1.2.1.1.1.0|4|a router\n1.3.6.1.2.1.1.3.0|67|1000\n1.3.6.1.2.1.2.2.1.8.1|2|1\n";
    Mutex::new(Agent::new(Arc::new(Recording::read(text.as_bytes()).objects), "public"))
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = ber::message(bytes) {
        for binding in &message.pdu.bindings {
            let _ = (binding.value.text(), binding.value.number(), binding.oid.to_string());
        }
    }
    let _ = diagnosis::read(bytes, 5);
    let _ = AGENT.lock().expect("nobody panicked").handle(bytes, Duration::ZERO);
});
