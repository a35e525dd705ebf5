//! `[monitor]` and `[classes.X]`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZoneDatabase;

use super::access::Secrets;
use super::scalar;
use super::section::{Section, has};
use crate::config::model::{Alerting, Class, Keep, Monitor};
use crate::config::reader::{Context, Node, Wanted};
use crate::names::Id;
use crate::units::Dscp;

const KEYS: [&str; 19] = [
    "vantage",
    "listen",
    "data_dir",
    "time_zone",
    "include",
    "estate",
    "alertmanagers",
    "alertmanager_user",
    "alertmanager_password_file",
    "alertmanager_password",
    "alertmanager_ca_file",
    "alert_resend",
    "external_url",
    "sentinels",
    "profiles",
    "traps",
    "grafana",
    "web_config_file",
    "reports_dir",
];

/// Where evidence is kept when nothing was said.
const DATA_DIR: &str = "/var/lib/assured";

/// `[monitor]`; all of it has defaults.
pub fn monitor(
    cx: &Context<'_>,
    node: Option<Node<'_>>,
    keep: Keep,
    base_dir: &Path,
    secrets: &Secrets<'_>,
) -> Option<Monitor> {
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
    let alertmanagers =
        n.list(cx, "alertmanagers", |n| base_url(n, "an Alertmanager", "http://alertmanager.example.net:9093"));
    let alerting = alerting(cx, &n, secrets);
    let sentinels = n.list(cx, "sentinels", scalar::host);
    let grafana = n.opt(cx, "grafana", |n| base_url(n, "Grafana", "https://grafana.example.net"));
    let traps = n.opt(cx, "traps", traps);
    let data_dir = super::resolve_path(base_dir, &data_dir);
    let reports_dir = n.opt(cx, "reports_dir", scalar::text).map(|dir| super::resolve_path(base_dir, &dir));
    let time_zone_name = zone_name;
    Some(Monitor {
        vantage,
        listen,
        data_dir,
        time_zone,
        time_zone_name,
        alertmanagers,
        alerting,
        traps,
        sentinels,
        grafana,
        keep,
        reports_dir,
        web: Arc::default(),
    })
}

/// How alerts get to the Alertmanagers; all of it has defaults.
fn alerting(cx: &Context<'_>, n: &Node<'_>, secrets: &Secrets<'_>) -> Alerting {
    let resend = n.opt(cx, "alert_resend", |n| {
        let help = "give 1s to 5m: what stands is told again so often, and expires after four times as long";
        let seconds = scalar::seconds(n)?;
        (1..=300).contains(&seconds).then_some(seconds).ok_or_else(|| Wanted::new("a usable interval", help))
    });
    let external_url = n.opt(cx, "external_url", |n| base_url(n, "the pages", "https://assured.example.net"));
    let user = n.opt(cx, "alertmanager_user", |n| {
        let help = "basic authentication ends a user name at its first colon";
        let text = scalar::text(n)?;
        (!text.contains(':')).then_some(text).ok_or_else(|| Wanted::new("a user name", help))
    });
    let password = has(n.table(), "alertmanager_user").then(|| secrets.read(n, "alertmanager_password", 1));
    for key in ["alertmanager_password_file", "alertmanager_password"] {
        if let Some(n) = n.get(key).filter(|_| password.is_none()) {
            n.problem(cx, "a password is set without a user", "say whose it is: alertmanager_user = \"…\"");
        }
    }
    let authorities = n.get("alertmanager_ca_file").and_then(|_| secrets.named(n, "alertmanager_ca_file"));
    if let (Some(pem), Some(n)) = (&authorities, n.get("alertmanager_ca_file"))
        && !pem.contains("-----BEGIN CERTIFICATE-----")
    {
        n.problem(cx, "the file holds no certificate", "give a PEM file with the authorities' certificates");
    }
    Alerting {
        external_url,
        resend: resend.unwrap_or(Alerting::default().resend),
        basic_auth: user.zip(password.flatten()),
        authorities: authorities.map(Into::into),
    }
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

fn traps(n: &Node<'_>) -> Result<SocketAddr, Wanted> {
    let wanted = || Wanted::new("an address with a port", "write \"0.0.0.0:162\" or \"127.0.0.1:1162\"");
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

/// Another program's address: scheme, host, perhaps port and path; credentials in a URL end up in logs, pages and packs.
fn base_url(n: &Node<'_>, whose: &str, such_as: &str) -> Result<String, Wanted> {
    let wanted = |help: &str| Wanted::new(format!("the address of {whose}"), help);
    let example = &format!("write \"{such_as}\"");
    let text = n.text().ok_or_else(|| wanted(example))?;
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or_else(|| wanted(example))?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err(wanted("take user and password out of the URL: it is shown in logs and evidence"));
    }
    if text.contains(['?', '#']) || text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.len() > 512 {
        return Err(wanted(&format!("give scheme, host, port and path only, such as \"{such_as}\"")));
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
