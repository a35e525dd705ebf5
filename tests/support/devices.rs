//! What polled devices say, made by hand: a router with interfaces of one name, and a gateway.

use std::sync::Arc;
use std::time::Duration;

use assured::names::ComponentIx;
use assured::snapshot::{DeviceView, Polls};
use assured_probes::snmp::Access;
use assured_probes::snmp::counter::{Delta, Gap, Width};
use assured_probes::snmp::interface::{State, Why};
use assured_probes::snmp::reading::{Count, Is, Reading};

use super::NOW;

fn reading(table: &str, name: &str, unit: &str, labels: &[(&str, &str)], index: u32, is: Is) -> Reading {
    Reading {
        table: table.into(),
        name: name.into(),
        object: "made".into(),
        unit: unit.into(),
        labels: labels.iter().map(|(k, v)| (Arc::from(*k), (*v).to_owned())).collect(),
        row: format!("{table} {index} {labels:?}").into(),
        index: Box::from([index]),
        is,
        fresh: true,
    }
}

fn count(total: u64) -> Is {
    let delta = Delta::Gap(Gap::First);
    Is::Counter(Count { raw: total, width: Width::Bits64, most_per_second: None, discontinuity: None, total, delta })
}

fn interface(name: &str, alias: &str, index: u32, state: State) -> Vec<Reading> {
    let labels = [("interface", name), ("alias", alias)];
    let of = |name: &str, unit: &str, is| reading("interface", name, unit, &labels, index, is);
    vec![
        of("oper", "", Is::State(state, "made".into(), Some(4_711))),
        of("speed", "bits_per_second", Is::Number(1e9)),
        of("receive_bytes", "bytes", count(123_456_789_012)),
        of("transmit_bytes", "bytes", count(9_876_543_210)),
        of("receive_errors", "packets", count(3)),
        of("transmit_errors", "packets", count(0)),
        of("receive_discards", "packets", count(12)),
        of("transmit_discards", "packets", count(99)),
    ]
}

/// A device with everything that is shown of one.
pub fn device(component: ComponentIx) -> DeviceView {
    let mut readings = interface("Gi0/0", "to the core", 1, State::Up);
    readings.extend(interface("Gi0/1", "quote \" and \\ back\nslash", 2, State::Down(Why::LowerLayer)));
    readings.extend(interface("Gi0/1", "the same name again", 3, State::AdministrativelyDown));
    let sla = [("operation", "7")];
    readings.extend([
        reading("cpu", "load_5m", "ratio", &[("cpu", "1")], 1, Is::Number(0.37)),
        reading("sensor", "value", "as_quantity", &[("sensor", "inlet"), ("quantity", "celsius")], 4, Is::Number(31.5)),
        reading("fan", "state", "", &[("fan", "fan 1")], 1, Is::State(State::Down(Why::Down), "critical".into(), None)),
        reading("qos_class", "dropped_packets", "packets", &[("class", "voice")], 9, count(17)),
        reading("bearer", "call", "", &[("channel", "Se0/1/0:15")], 1, Is::Text("connected".into())),
        reading("bearer", "call", "", &[("channel", "Se0/1/0:16")], 2, Is::Text("idle".into())),
        reading("ip_sla", "tos", "", &sla, 7, Is::Text("184".into())),
        reading("ip_sla", "codec", "", &sla, 7, Is::Text("g711ulaw".into())),
        reading("ip_sla_jitter", "mos", "mos", &sla, 7, Is::Number(4.31)),
    ]);
    DeviceView {
        component,
        access: Some(Access::Open),
        profile: "cisco-ios".into(),
        description: "Cisco IOS Software, made by hand".into(),
        uptime: Some(Duration::from_secs(8_640_000)),
        restarts: 1,
        polls: Polls { ok: 812, timeout: 3, auth: 0, error: 1 },
        polled: Some(NOW.plus(-21)),
        answered: Some(NOW.plus(-21)),
        readings: readings.into(),
        cut: 2,
        complaints: vec!["it has no interface with the name or alias \"Gi9/9\"".into()],
    }
}

/// One that refuses us.
pub fn refusing(component: ComponentIx) -> DeviceView {
    DeviceView {
        access: Some(Access::WrongPassword),
        profile: String::new(),
        description: String::new(),
        uptime: None,
        restarts: 0,
        polls: Polls { ok: 0, timeout: 0, auth: 9, error: 0 },
        answered: None,
        readings: Arc::from([]),
        cut: 0,
        complaints: Vec::new(),
        ..device(component)
    }
}
