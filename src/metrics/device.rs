//! What devices say, as series.
//!
//! Labels of rows (interfaces, trunks, sensors) are the device's own words: bounded in length by the engine, told apart
//! where two rows are called the same, and bounded in number here. What was not read at the newest poll is absent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assured_probes::snmp::channels;
use assured_probes::snmp::interface::State;
use assured_probes::snmp::reading::{Is, Reading};

use super::rows::Rows;
use crate::snapshot::{DeviceView, Snapshot};

/// So many rows of one kind are shown of a device; the rest is left out and counted in `assured_device_rows_left_out`.
pub const ROWS: usize = 1_000;

type Label<'a> = (&'static str, &'a str);

fn devices<'s>(s: &'s Snapshot, mut row: impl FnMut([Label<'s>; 2], &'s DeviceView)) {
    for view in &s.devices {
        let Some(component) = s.config.components.get(view.component.get()) else { continue };
        let site = s.config.sites.get(component.site.get()).map_or("", |site| site.id.as_str());
        row([("site", site), ("component", component.id.as_str())], view);
    }
}

pub(super) fn uptime(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |labels, d| rows.gauge(&labels, d.uptime.map(|u| u.as_secs_f64())));
}

pub(super) fn restarts(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |labels, d| {
        if d.polled.is_some() {
            rows.counter(&labels, d.restarts);
        }
    });
}

pub(super) fn info(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |[site, component], d| {
        if !d.profile.is_empty() {
            rows.info(&[site, component, ("profile", &d.profile)]);
        }
    });
}

pub(super) fn polls(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |[site, component], d| {
        let p = d.polls;
        for (result, count) in [("ok", p.ok), ("timeout", p.timeout), ("auth", p.auth), ("error", p.error)] {
            rows.counter(&[site, component, ("result", result)], count);
        }
    });
}

pub(super) fn access(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |[site, component], d| {
        if let Some(access) = d.access {
            rows.whole(&[site, component, ("access", access.label())], 1);
        }
    });
}

/// What was left out of a device's rows, here or when it was read.
pub(super) fn left_out(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |labels, d| {
        let mut tables: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for r in d.readings.iter() {
            tables.entry(&r.table).or_default().insert(&r.row);
        }
        let over: usize = tables.values().map(|rows| rows.len().saturating_sub(ROWS)).sum();
        if d.polled.is_some() {
            rows.whole(&labels, over as u64 + d.cut);
        }
    });
}

/// Calls `each` for every reading that is shown, with the name of its row: unique within its table.
fn shown<'s>(view: &'s DeviceView, table: Option<&str>, mut each: impl FnMut(&'s Reading, &str)) {
    let mut names: BTreeMap<(&str, &str), Arc<str>> = BTreeMap::new();
    let mut taken: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for reading in view.readings.iter().filter(|r| table.is_none_or(|t| &*r.table == t)) {
        let key = (&*reading.table, &*reading.row);
        if let Some(name) = names.get(&key) {
            each(reading, name);
            continue;
        }
        let taken = taken.entry(&reading.table).or_default();
        if taken.len() >= ROWS {
            continue;
        }
        let mut name = reading.labels.first().map_or(String::new(), |(_, value)| value.clone());
        if taken.contains(&name) {
            let index: Vec<String> = reading.index.iter().map(u32::to_string).collect();
            name = format!("{name} #{}", index.join("."));
        }
        taken.insert(name.clone());
        let name: Arc<str> = name.into();
        names.insert(key, name.clone());
        each(reading, &name);
    }
}

/// A gauge of every interface.
pub(super) fn interface_gauge(s: &Snapshot, rows: &mut Rows<'_>, name: &str, value: fn(&Is) -> Option<f64>) {
    devices(s, |[site, component], d| {
        shown(d, Some("interface"), |r, interface| {
            if &*r.name == name {
                rows.gauge(&[site, component, ("interface", interface)], value(&r.is));
            }
        });
    });
}

/// A counter of every interface: the sum of what is known since polling began.
pub(super) fn interface_counter(s: &Snapshot, rows: &mut Rows<'_>, name: &str) {
    devices(s, |[site, component], d| {
        shown(d, Some("interface"), |r, interface| {
            if &*r.name == name
                && let Is::Counter(count) = &r.is
            {
                rows.counter(&[site, component, ("interface", interface)], count.total);
            }
        });
    });
}

/// 1 for an interface that is up.
pub(super) fn is_up(is: &Is) -> Option<f64> {
    match is {
        Is::State(State::Unknown, ..) => None,
        Is::State(state, ..) => Some(f64::from(u8::from(*state == State::Up))),
        _ => None,
    }
}

/// 0 for an interface that somebody switched off.
pub(super) fn is_on(is: &Is) -> Option<f64> {
    match is {
        Is::State(State::Unknown, ..) => None,
        Is::State(state, ..) => Some(f64::from(u8::from(*state != State::AdministrativelyDown))),
        _ => None,
    }
}

/// A number.
pub(super) fn number(is: &Is) -> Option<f64> {
    match is {
        Is::Number(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn channels(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |[site, component], d| {
        for (trunk, channels) in channels::by_trunk(&d.readings).iter().take(ROWS) {
            let mut state = |state, count: Option<u32>| {
                rows.gauge(&[site, component, ("trunk", trunk), ("state", state)], count.map(f64::from));
            };
            state("in_service", channels.in_service);
            state("busy", channels.busy);
        }
    });
}

/// Every other number.
pub(super) fn readings(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |[site, component], d| {
        shown(d, None, |r, row| {
            if let (Is::Number(number), false) = (&r.is, &*r.table == "interface") {
                let (table, reading, unit) = (&*r.table, &*r.name, unit(r));
                let labels = [site, component, ("table", table), ("row", row), ("reading", reading), ("unit", unit)];
                rows.gauge(&labels, Some(*number));
            }
        });
    });
}

/// Every other counter.
pub(super) fn counts(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |[site, component], d| {
        shown(d, None, |r, row| {
            if let (Is::Counter(count), false) = (&r.is, &*r.table == "interface") {
                let labels =
                    [site, component, ("table", &*r.table), ("row", row), ("reading", &*r.name), ("unit", &*r.unit)];
                rows.counter(&labels, count.total);
            }
        });
    });
}

/// Every other state: 1 while it works.
pub(super) fn parts(s: &Snapshot, rows: &mut Rows<'_>) {
    devices(s, |[site, component], d| {
        shown(d, None, |r, row| {
            if &*r.table != "interface" {
                rows.gauge(&[site, component, ("table", &*r.table), ("row", row), ("reading", &*r.name)], is_up(&r.is));
            }
        });
    });
}

/// A sensor's unit is what it measures.
fn unit(reading: &Reading) -> &str {
    match &*reading.unit {
        "as_quantity" => reading.labels.get(1).map_or("", |(_, quantity)| quantity.as_str()),
        unit => unit,
    }
}

/// MOS as routers measure it between themselves (IP SLA): the worst of each class and codec. An operation belongs to the
/// class whose code point it is sent with; operations of no class are left to `assured_device_reading`.
pub(super) fn ip_sla_mos(s: &Snapshot, mut row: impl FnMut([Label<'_>; 5], f64)) {
    devices(s, |[site, component], d| {
        let text = |table: &str, name: &str, index: &[u32]| {
            let found = d.readings.iter().find(|r| &*r.table == table && &*r.name == name && *r.index == *index);
            found.and_then(|r| match &r.is {
                Is::Text(text) => Some(text.as_str()),
                _ => None,
            })
        };
        let mut worst: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for r in d.readings.iter().filter(|r| &*r.name == "mos") {
            let Is::Number(mos) = r.is else { continue };
            let tos = text("ip_sla", "tos", &r.index).and_then(|t| t.parse::<u8>().ok()).unwrap_or(0);
            let Some(class) = s.config.classes.iter().find(|c| c.dscp.get() == tos >> 2) else { continue };
            let codec = text("ip_sla", "codec", &r.index).unwrap_or("unknown");
            let entry = worst.entry((class.id.as_str(), codec)).or_insert(mos);
            *entry = entry.min(mos);
        }
        for ((class, codec), mos) in worst {
            row([site, component, ("class", class), ("codec", codec), ("source", "ip_sla")], mos);
        }
    });
}
