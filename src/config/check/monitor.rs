//! `[monitor]` and `[classes.X]`.

use std::net::SocketAddr;
use std::path::Path;

use jiff::tz::TimeZoneDatabase;

use super::scalar;
use super::section::Section;
use crate::config::model::{Class, Keep, Monitor};
use crate::config::reader::{Context, Node, Wanted};
use crate::names::Id;
use crate::units::Dscp;

const KEYS: [&str; 8] =
    ["vantage", "listen", "data_dir", "time_zone", "include", "estate", "alertmanagers", "sentinels"];

/// Where evidence is kept when nothing was said.
const DATA_DIR: &str = "/var/lib/assured";

/// `[monitor]`; all of it has defaults.
pub fn monitor(cx: &Context<'_>, node: Option<Node<'_>>, keep: Keep, base_dir: &Path) -> Option<Monitor> {
    let empty = config::Value::new(None, config::Map::<String, config::Value>::new());
    let n = node.unwrap_or_else(|| Node::root(&empty));
    if !n.expect_table(cx, "write [monitor] and its keys below it") {
        return None;
    }
    n.only(cx, &KEYS);
    let vantage = n.opt(cx, "vantage", label).unwrap_or_else(|| "monitor".into());
    let listen = n.opt(cx, "listen", listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9878)));
    let data_dir = n.opt(cx, "data_dir", scalar::text).unwrap_or_else(|| DATA_DIR.into());
    let zone_name = n.opt(cx, "time_zone", time_zone).unwrap_or_else(|| "UTC".into());
    let time_zone = TimeZoneDatabase::bundled().get(&zone_name).unwrap_or(jiff::tz::TimeZone::UTC);
    let alertmanagers = n.list(cx, "alertmanagers", base_url);
    let sentinels = n.list(cx, "sentinels", scalar::host);
    let data_dir = super::resolve_path(base_dir, &data_dir);
    Some(Monitor { vantage, listen, data_dir, time_zone, time_zone_name: zone_name, alertmanagers, sentinels, keep })
}

/// `[evidence]`; without it everything is kept for ever.
pub fn keep(cx: &Context<'_>, node: Option<Node<'_>>) -> Keep {
    let Some(n) = node.filter(|n| n.expect_table(cx, "write [evidence] and its keys below it")) else {
        return Keep::default();
    };
    n.only(cx, &["minutes_for", "files_for"]);
    let minutes_for = n.opt(cx, "minutes_for", |n| {
        at_least(n, LEAST_MINUTES, "reports of the last two months look into minutes: write \"62d\" or more")
    });
    let files_for = n.opt(cx, "files_for", |n| {
        let help = "trends, tests over twelve months and open cases need the past year: write \"400d\" or more";
        let seconds = at_least(n, LEAST_FILES, help)?;
        if minutes_for.is_some_and(|minutes| minutes > seconds) {
            return Err(Wanted::new("as long as minutes_for", "minutes cannot outlast the files that they are in"));
        }
        Ok(seconds)
    });
    Keep { minutes_for, files_for }
}

/// 62 days: the month that is over and the one before it, and some days to close it.
const LEAST_MINUTES: u64 = 62 * 86_400;
/// Twelve months and the one after, less nothing.
const LEAST_FILES: u64 = 400 * 86_400;

fn at_least(n: &Node<'_>, least: u64, help: &str) -> Result<u64, Wanted> {
    let seconds = scalar::seconds(n)?;
    (seconds >= least).then_some(seconds).ok_or_else(|| Wanted::new("long enough", help))
}

fn label(n: &Node<'_>) -> Result<String, Wanted> {
    let text = scalar::text(n)?;
    let help = "it labels every series: give at most 63 characters";
    (text.chars().count() <= 63).then_some(text).ok_or_else(|| Wanted::new("a usable name", help))
}

fn listen(n: &Node<'_>) -> Result<SocketAddr, Wanted> {
    let wanted =
        || Wanted::new("an address with a port", "write \"127.0.0.1:9878\", \"[::]:9878\" or \"0.0.0.0:9878\"");
    n.text().and_then(|t| t.parse().ok()).ok_or_else(wanted)
}

fn time_zone(n: &Node<'_>) -> Result<String, Wanted> {
    let known = TimeZoneDatabase::bundled();
    let wanted = |near: Option<String>| {
        let help = near.map_or_else(
            || "write its IANA name, such as \"Europe/London\"".to_owned(),
            |near| format!("did you mean \"{near}\"?"),
        );
        Wanted::new("a time zone", help)
    };
    let text = n.text().ok_or_else(|| wanted(None))?;
    let names: Vec<String> = known.available().map(|z| z.to_string()).collect();
    if let Some(exact) = names.iter().find(|z| z.eq_ignore_ascii_case(text)) {
        return Ok(exact.clone());
    }
    Err(wanted(crate::config::problem::did_you_mean(text, names.iter().map(String::as_str)).map(str::to_owned)))
}

/// An Alertmanager: scheme, host, perhaps port and path; credentials in a URL end up in logs and packs.
fn base_url(n: &Node<'_>) -> Result<String, Wanted> {
    let wanted = |help: &str| Wanted::new("the address of an Alertmanager", help);
    let example = "write \"http://alertmanager.example.net:9093\"";
    let text = n.text().ok_or_else(|| wanted(example))?;
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or_else(|| wanted(example))?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err(wanted("take user and password out of the URL: it is shown in logs and evidence"));
    }
    if text.contains(['?', '#']) || text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.len() > 512 {
        return Err(wanted("give scheme, host, port and path only, such as \"http://alertmanager.example.net:9093\""));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, port) = v6.split_once(']').ok_or_else(|| wanted(example))?;
            (host, port.strip_prefix(':'))
        }
        None => authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p))),
    };
    let port_fits = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0));
    let host_fits = crate::config::parse::host(host).is_some();
    (port_fits && host_fits).then(|| text.trim_end_matches('/').to_owned()).ok_or_else(|| wanted(example))
}

/// `[classes.X]`; without any there is `default`, DSCP 0.
pub fn classes(cx: &Context<'_>, section: &Section<'_>) -> Vec<Option<Class>> {
    let class = |(id, n): &(&str, Node<'_>)| {
        n.only(cx, &["dscp", "codec"]);
        let dscp = n.req(cx, "dscp", "say which code point its packets carry: dscp = \"EF\"", scalar::dscp)?;
        let codec = n.opt(cx, "codec", scalar::codec);
        Some(Class { id: Id::new(id).ok()?, dscp, codec })
    };
    if section.entries.is_empty() {
        let id = Id::new("default").expect("\"default\" is in the alphabet");
        return vec![Some(Class { id, dscp: Dscp::default(), codec: None })];
    }
    section.entries.iter().map(class).collect()
}
