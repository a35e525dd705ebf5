//! Devices as JSON: how they let us in and what they say over SNMP.

use assured_probes::snmp::reading::{Is, Reading};
use serde_json::{Value, json};

use super::api::text;
use crate::snapshot::{DeviceView, Snapshot};
use crate::units::Sec;

/// Every device that is polled, in short.
#[must_use]
pub fn all(s: &Snapshot) -> String {
    let devices: Vec<Value> = s.devices.iter().map(|d| head(s, d)).collect();
    text(&json!({"at": instant(s.at), "devices": devices}))
}

/// One device in full; `None` when none of this name is polled.
#[must_use]
pub fn one(s: &Snapshot, id: &str) -> Option<String> {
    let view = s.devices.iter().find(|d| s.config.components[d.component.get()].id.as_str() == id)?;
    let mut body = head(s, view);
    body["at"] = instant(s.at);
    body["description"] = json!(view.description);
    body["complaints"] = json!(view.complaints);
    body["left_out"] = json!(view.cut);
    body["readings"] = view.readings.iter().map(reading).collect();
    Some(text(&body))
}

fn head(s: &Snapshot, view: &DeviceView) -> Value {
    let polls = view.polls;
    json!({
        "id": s.config.components[view.component.get()].id,
        "access": view.access.map(|access| access.label()),
        "profile": view.profile,
        "uptime_seconds": view.uptime.map(|up| up.as_secs()),
        "restarts": view.restarts,
        "polled": view.polled.map(instant),
        "answered": view.answered.map(instant),
        "polls": {"ok": polls.ok, "timeout": polls.timeout, "auth": polls.auth, "error": polls.error},
    })
}

fn reading(r: &Reading) -> Value {
    let (kind, value) = match &r.is {
        Is::Number(number) => ("number", json!(number)),
        Is::Counter(count) => ("counter", json!(count.total)),
        Is::State(state, ..) => ("state", json!(state.word())),
        Is::Text(text) => ("text", json!(text)),
        Is::Ago(ago) => ("seconds_ago", json!(ago.as_secs())),
    };
    let labels: serde_json::Map<String, Value> = r.labels.iter().map(|(k, v)| (k.to_string(), json!(v))).collect();
    json!({"table": *r.table, "name": *r.name, "labels": labels, "unit": *r.unit, "kind": kind, "value": value})
}

fn instant(at: Sec) -> Value {
    json!(at.to_string())
}
