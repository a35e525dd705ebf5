//! A device as it tells of itself over SNMP: how we are let in, its interfaces, its channels, and what else is read.

use std::collections::BTreeMap;

use askama::Template;
use assured_probes::snmp::channels::by_trunk;
use assured_probes::snmp::counter::Delta;
use assured_probes::snmp::reading::{Is, Reading};

use super::{Frame, When, look, made, reason, since};
use crate::draw::palette::Look;
use crate::snapshot::Snapshot;

const REFRESH: u32 = 30;
/// So many interfaces, and so many other readings, are shown; the rest is counted.
const MAX_ROWS: usize = 500;

#[derive(Template)]
#[template(path = "page/device.html")]
struct DevicePage {
    frame: Frame,
    banners: String,
    id: String,
    title: String,
    site: String,
    state: Look,
    reason: String,
    access: String,
    profile: String,
    description: String,
    uptime: String,
    restarts: u64,
    polled: Option<When>,
    complaints: Vec<String>,
    ports: Vec<Port>,
    trunks: Vec<(String, String, String)>,
    readings: Vec<(String, String, String)>,
    left_out: usize,
}

#[derive(Default)]
struct Port {
    name: String,
    alias: String,
    state: &'static str,
    speed: String,
    receives: String,
    sends: String,
}

/// The page; `None` when no device of this identifier is polled.
#[must_use]
pub fn render(s: &Snapshot, id: &str) -> Option<String> {
    let view = s.devices.iter().find(|d| s.config.components[d.component.get()].id.as_str() == id)?;
    let of = &s.config.components[view.component.get()];
    let seen = s.components.get(view.component.get())?;
    let count = |n: Option<u32>| n.map_or_else(|| "not told".to_owned(), |n| n.to_string());
    let (mut ports, mut readings) = (ports(&view.readings), others(&view.readings));
    let left_out = ports.len().saturating_sub(MAX_ROWS)
        + readings.len().saturating_sub(MAX_ROWS)
        + usize::try_from(view.cut).unwrap_or(usize::MAX);
    ports.truncate(MAX_ROWS);
    readings.truncate(MAX_ROWS);
    Some(made(&DevicePage {
        frame: Frame::new(s, Some(REFRESH), None),
        banners: super::banners(s),
        id: of.id.to_string(),
        title: of.title.clone(),
        site: s.config.sites.get(of.site.get()).map(|site| site.id.to_string()).unwrap_or_default(),
        state: look(seen.state),
        reason: reason(&seen.reason, s),
        access: view
            .access
            .map_or_else(|| "It has not been polled yet".to_owned(), |access| capital(&access.to_string())),
        profile: view.profile.clone(),
        description: view.description.clone(),
        uptime: view.uptime.map_or_else(|| "not told".to_owned(), |up| in_days(up.as_secs())),
        restarts: view.restarts,
        polled: since(view.polled, s),
        complaints: view.complaints.iter().map(|c| capital(c)).collect(),
        ports,
        trunks: by_trunk(&view.readings)
            .into_iter()
            .map(|(name, c)| (name, count(c.in_service), count(c.busy)))
            .collect(),
        readings,
        left_out,
    }))
}

fn ports(readings: &[Reading]) -> Vec<Port> {
    let mut order: Vec<&str> = Vec::new();
    let mut ports: BTreeMap<&str, Port> = BTreeMap::new();
    for r in readings.iter().filter(|r| &*r.table == "interface") {
        let port = ports.entry(&r.row).or_insert_with(|| {
            order.push(&r.row);
            let label = |n: &str| r.labels.iter().find(|(k, _)| &**k == n).map_or_else(String::new, |(_, v)| v.clone());
            Port { name: label("interface"), alias: label("alias"), state: "not told", ..Port::default() }
        });
        match (&*r.name, &r.is) {
            ("oper", Is::State(state, ..)) => port.state = state.word(),
            ("speed", Is::Number(speed)) => port.speed = bits(*speed),
            ("receive_bytes", Is::Counter(count)) => port.receives = rate(count.delta),
            ("transmit_bytes", Is::Counter(count)) => port.sends = rate(count.delta),
            _ => {}
        }
    }
    order.into_iter().filter_map(|row| ports.remove(row)).collect()
}

fn others(readings: &[Reading]) -> Vec<(String, String, String)> {
    let others = readings.iter().filter(|r| &*r.table != "interface");
    others
        .map(|r| {
            let unit = match (&*r.unit, r.labels.get(1)) {
                ("as_quantity", Some((_, quantity))) => quantity.replace('_', " "),
                (unit, _) => unit.replace('_', " "),
            };
            let says = match &r.is {
                Is::Number(number) => format!("{} {unit}", (number * 1e4).round() / 1e4),
                Is::Counter(count) => format!("{} {unit} since polling began", count.total),
                Is::State(state, said, _) => format!("{} ({said})", state.word()),
                Is::Text(text) => text.clone(),
                Is::Ago(ago) => format!("{} ago", in_days(ago.as_secs())),
            };
            let row = r.labels.first().map_or_else(String::new, |(_, value)| value.clone());
            (format!("{} {}", r.table, r.name).replace('_', " "), row, says)
        })
        .collect()
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn in_days(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// What went through since the poll before, as bits per second.
fn rate(delta: Delta) -> String {
    match delta {
        Delta::Known { amount, over } if !over.is_zero() => bits(amount as f64 * 8.0 / over.as_secs_f64()),
        _ => "not known".to_owned(),
    }
}

/// Bits per second as people say it.
fn bits(rate: f64) -> String {
    match rate {
        r if r >= 1e9 => format!("{:.1} Gbit/s", r / 1e9),
        r if r >= 1e6 => format!("{:.1} Mbit/s", r / 1e6),
        r if r >= 1e3 => format!("{:.1} kbit/s", r / 1e3),
        r => format!("{r:.0} bit/s"),
    }
}
