//! A device's survey as a configuration fragment: the device, its links, its trunks. Pure.
//!
//! Whatever a device calls itself or its interfaces, the fragment is TOML that says exactly that: names are written
//! as quoted strings, and what stands in comments has no line breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use assured_probes::snmp::channels::by_trunk;
use assured_probes::snmp::interface::State;
use assured_probes::snmp::reading::Is;

use super::text::clean;
use super::{Interface, Survey};
use crate::names::Id;

/// Interfaces that are left out are named up to this many.
const LEFT_OUT: usize = 200;
/// On a device with more physical ports in use than this, a port that nobody described is no link.
const PORTS: usize = 12;
/// Longest text that the configuration takes, in bytes.
const MAX_TEXT: usize = 256;

/// What the configuration has already, and what was asked for.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Where the device's probes go: as it was typed.
    pub host: String,
    /// Where it stands; `None` when nobody says and the configuration leaves a choice.
    pub site: Option<String>,
    /// Sites that there are.
    pub sites: Vec<String>,
    /// Devices and links that there are.
    pub taken: BTreeSet<String>,
    /// The device that has this address already.
    pub known_as: Option<String>,
    /// Interfaces of that device that links have already.
    pub linked: BTreeSet<String>,
}

/// A fragment, and what a person should know about it.
#[derive(Debug, Clone, Default)]
pub struct Fragment {
    /// For standard output.
    pub toml: String,
    /// For standard error.
    pub notes: Vec<String>,
}

/// Writes the fragment.
pub fn fragment(survey: &Survey, around: &Around) -> Fragment {
    let mut out = Fragment::default();
    let mut taken = around.taken.clone();
    let interfaces = survey.interfaces();
    let name = survey.device("name").unwrap_or_default();
    let id = match &around.known_as {
        Some(known) => known.clone(),
        None => free(&device_id(name, &around.host), &mut taken),
    };
    let profile = survey.report.profile.as_ref().map_or("auto", |p| &p.name);
    comment(
        &mut out.toml,
        &format!("{} at {}: {}", if name.is_empty() { &id } else { name }, around.host, survey.report.description),
    );
    comment(&mut out.toml, &format!("Profile {profile}: {}.", survey.because()));
    let site = site(&mut out, around);
    device(&mut out, survey, around, &id, name, &site, profile, &interfaces);
    let physical = interfaces.iter().filter(|i| physical(i) && i.state == Some(State::Up)).count();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for interface in &interfaces {
        *names.entry(&interface.name).or_default() += 1;
    }
    let mut left_out = Vec::new();
    let mut active = 0;
    for interface in &interfaces {
        let reason = if names[interface.name.as_str()] > 1 {
            Some("several interfaces of this device have this name")
        } else if around.linked.contains(&interface.name) || around.linked.contains(&interface.alias) {
            Some("a link of the configuration has it already")
        } else {
            reason(interface, physical > PORTS)
        };
        match reason {
            Some(reason) => left_out.push((interface, reason)),
            None => {
                active += 1;
                link(&mut out.toml, &id, interface, &mut taken);
            }
        }
    }
    out.notes.push(format!(
        "{} of {} interfaces are written as links, {} as comments with the reason",
        active,
        interfaces.len(),
        left_out.len()
    ));
    if !left_out.is_empty() {
        out.toml.push('\n');
        comment(&mut out.toml, "Left out; to watch one, give it a [links.NAME] like those above:");
        for (interface, reason) in left_out.iter().take(LEFT_OUT) {
            let alias = if interface.alias.is_empty() { String::new() } else { format!(" ({})", interface.alias) };
            let name =
                if interface.name.is_empty() { format!("number {}", interface.index) } else { quoted(&interface.name) };
            comment(&mut out.toml, &format!("  {name}{alias}: {reason}"));
        }
        if left_out.len() > LEFT_OUT {
            comment(&mut out.toml, &format!("  … and {} more", left_out.len() - LEFT_OUT));
        }
    }
    trunks(&mut out.toml, survey);
    out
}

#[expect(clippy::too_many_arguments, reason = "the parts of one table")]
fn device(
    out: &mut Fragment,
    survey: &Survey,
    around: &Around,
    id: &str,
    name: &str,
    site: &str,
    profile: &str,
    interfaces: &[Interface],
) {
    // A device that the configuration has already is shown, but not defined twice.
    let off = if around.known_as.is_some() { "# " } else { "" };
    if let Some(known) = &around.known_as {
        out.notes.push(format!("{} is {known} in the configuration already: its table is a comment here", around.host));
        comment(&mut out.toml, "The configuration has this device already. As it is now, it would be:");
    }
    let mut line = |text: String| {
        let _ = writeln!(out.toml, "{off}{text}");
    };
    line(format!("[devices.{}]", key(id)));
    if usable(name) && name != id {
        line(format!("title = {}", quoted(name)));
    }
    line(format!("site = {}", quoted(site)));
    line(format!("kind = {}", quoted(kind(survey, profile, interfaces))));
    line(format!("address = {}", quoted(&around.host)));
    line(format!("profile = {}", quoted(profile)));
    line(format!("snmp = {}", quoted(&survey.credential)));
    if survey.address.port() != 161 {
        line(format!("snmp_port = {}", survey.address.port()));
    }
    if let Some(location) = survey.device("location") {
        comment(&mut out.toml, &format!("It says that it stands at: {location}"));
    }
}

/// Where the device stands; a site of its own where there is none to choose.
fn site(out: &mut Fragment, around: &Around) -> String {
    let chosen = around.site.clone().unwrap_or_else(|| "unassigned".into());
    if around.known_as.is_none() && !around.sites.contains(&chosen) {
        let _ = writeln!(
            out.toml,
            "\n[sites.{}]\ntitle = {}",
            key(&chosen),
            quoted(if around.site.is_some() { &chosen } else { "To be assigned" })
        );
    }
    if around.site.is_none() && around.known_as.is_none() {
        let mut there = around.sites.clone();
        there.truncate(12);
        let among = if there.is_empty() { String::new() } else { format!(", as in {}", there.join(", ")) };
        out.notes.push(format!("say where it stands: --site NAME{among}"));
    }
    out.toml.push('\n');
    chosen
}

fn kind(survey: &Survey, profile: &str, interfaces: &[Interface]) -> &'static str {
    let has = |tables: &[&str]| survey.report.readings.iter().any(|r| tables.contains(&&*r.table));
    let voice =
        interfaces.iter().any(|i| ["voiceFXO", "voiceFXS", "voiceEM", "ds0", "isdn"].contains(&i.kind.as_str()));
    match profile {
        "audiocodes" | "cisco-voice-gateway" => "voip-gateway",
        _ if has(&["bearer", "d_channel", "dsp_card", "dial_control_peer", "dial_peer", "trunk"]) || voice => {
            "voip-gateway"
        }
        "cisco-ios" | "cisco-ios-xe" | "juniper" | "routing" => "router",
        _ => "host",
    }
}

fn link(toml: &mut String, device: &str, interface: &Interface, taken: &mut BTreeSet<String>) {
    let id = free(&joined(device, &slug(&interface.name)), taken);
    let _ = writeln!(toml, "\n[links.{}]", key(&id));
    if usable(&interface.alias) {
        let _ = writeln!(toml, "title = {}", quoted(&interface.alias));
    }
    let _ = writeln!(toml, "device = {}\ninterface = {}", quoted(device), quoted(&interface.name));
    let alias = interface.alias.to_lowercase();
    let standby = alias.split(|c: char| !c.is_alphanumeric()).any(|w| w == "backup" || w == "standby");
    if standby {
        let _ = writeln!(toml, "role = \"standby\" # its alias says so");
    }
    let speed = interface.speed.map_or("of unknown speed".to_owned(), |s| format!("{} Mbit/s", s / 1e6));
    comment(
        toml,
        &format!(
            "{}, {speed}, {} now. Add far_address = \"…\" to ping its far end, too.",
            interface.kind, interface.said
        ),
    );
}

/// Why an interface is no link; `None` when it is one.
fn reason(i: &Interface, many: bool) -> Option<&'static str> {
    if !usable(&i.name) {
        return Some("it has no name that a configuration can hold");
    }
    if i.state == Some(State::AdministrativelyDown) {
        return Some("switched off on the device");
    }
    if i.state.is_none() {
        return Some("the device does not tell its status");
    }
    let by_kind = match i.kind.as_str() {
        "softwareLoopback" | "24" => Some("a loopback"),
        "tunnel" | "131" => Some("a tunnel: it runs over another interface"),
        "l2vlan" | "135" | "136" | "propVirtual" | "53" => Some("virtual: it runs over other interfaces"),
        "voiceEM" | "voiceFXO" | "voiceFXS" | "voiceEncap" | "voiceOverIp" | "ds0" | "isdn" | "isdns" | "isdnu"
        | "lapd" | "basicISDN" | "primaryISDN" => Some("carries voice or its signalling"),
        "ds1" => Some("a trunk"),
        "other" | "1" | "" => Some("not said to be a line"),
        _ => None,
    };
    if by_kind.is_some() {
        return by_kind;
    }
    if !physical(i) {
        return Some("not a kind of line that is known");
    }
    let lower = i.name.to_lowercase();
    if ["mgmt", "fxp", "me0", "em0", "management"].iter().any(|m| lower.starts_with(m)) {
        return Some("for management");
    }
    if lower.starts_with("null") || lower == "lo" {
        return Some("leads nowhere");
    }
    if lower.rsplit_once('.').is_some_and(|(_, n)| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit())) {
        return Some("runs over another interface");
    }
    match (i.alias.is_empty(), i.state) {
        (true, Some(State::Up)) if many => Some("one of many ports, and nobody described it"),
        (true, Some(State::Up)) => None,
        (true, _) => Some("not up, and nobody described it"),
        (false, _) => None,
    }
}

/// A line of its own: Ethernet, serial, DSL, optical, or several bundled.
fn physical(i: &Interface) -> bool {
    const KINDS: [&str; 24] = [
        "ethernetCsmacd",
        "6",
        "7",
        "propPointToPointSerial",
        "22",
        "ppp",
        "23",
        "frameRelay",
        "32",
        "37",
        "39",
        "49",
        "62",
        "69",
        "94",
        "95",
        "97",
        "108",
        "117",
        "ieee8023adLag",
        "161",
        "229",
        "230",
        "251",
    ];
    KINDS.contains(&i.kind.as_str())
}

fn trunks(toml: &mut String, survey: &Survey) {
    let mut lines = Vec::new();
    for reading in &survey.report.readings {
        if let (Is::State(state, said, _), "trunk" | "e1" | "d_channel") = (&reading.is, &*reading.table) {
            let label = reading.labels.first().map_or("", |(_, value)| value);
            let what =
                if &*reading.name == "d_channel" || &*reading.table == "d_channel" { "D channel" } else { "trunk" };
            lines.push(format!("{what} {label}: {} ({said})", state.word()));
        }
    }
    for (trunk, channels) in by_trunk(&survey.report.readings) {
        let told = |what: &str, n: Option<u32>| n.map(|n| format!("{what} {n}"));
        let parts: Vec<String> =
            [told("in service", channels.in_service), told("busy", channels.busy)].into_iter().flatten().collect();
        let whole = trunk == assured_probes::snmp::channels::WHOLE;
        let of = if whole { "all trunks".to_owned() } else { format!("trunk {trunk}") };
        lines.push(format!("channels of {of}: {}", parts.join(", ")));
    }
    if lines.is_empty() {
        return;
    }
    toml.push('\n');
    comment(toml, "Its trunks; they are read with the device and need no entry:");
    for line in lines.iter().take(LEFT_OUT) {
        comment(toml, &format!("  {line}"));
    }
    if lines.len() > LEFT_OUT {
        comment(toml, &format!("  … and {} more", lines.len() - LEFT_OUT));
    }
}

/// A comment, on one line whatever the text has.
fn comment(toml: &mut String, text: &str) {
    let indent = if text.starts_with("  ") { "  " } else { "" };
    let _ = writeln!(toml, "# {indent}{}", clean(text));
}

/// A TOML basic string (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
            {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A table's name: an identifier with dots needs quotes.
fn key(id: &str) -> String {
    if id.contains('.') { quoted(id) } else { id.to_owned() }
}

/// Whether the configuration takes it as a text.
fn usable(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

/// From `CH-R1.herts.example`: `ch-r1`. Where the name gives nothing, the address does.
fn device_id(name: &str, host: &str) -> String {
    let first = name.split('.').next().unwrap_or_default();
    let wanted = if first.chars().any(|c| c.is_ascii_alphabetic()) { slug(first) } else { String::new() };
    if wanted.is_empty() { joined("device", &slug(host)) } else { wanted }
}

/// Small letters, digits and single dashes; may be empty.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
        if out.len() >= Id::MAX_LEN {
            break;
        }
    }
    out.trim_matches(|c| c == '-' || c == '_').to_owned()
}

fn joined(front: &str, back: &str) -> String {
    if back.is_empty() { format!("{front}-port") } else { format!("{front}-{back}") }
}

/// A valid identifier that nobody has yet, and takes it.
fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let start = |most: usize| {
        let mut short: String = wanted.chars().take(most).collect();
        short.truncate(short.trim_end_matches('-').len());
        short
    };
    let mut id = start(Id::MAX_LEN);
    let mut number = 2;
    while !taken.insert(id.clone()) {
        let tail = format!("-{number}");
        id = format!("{}{tail}", start(Id::MAX_LEN - tail.len()));
        number += 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identifiers_are_valid_and_unique() {
        let mut taken = BTreeSet::from(["ch-r1".to_owned()]);
        assert_eq!(free(&device_id("CH-R1.herts.example", "10.1.0.1"), &mut taken), "ch-r1-2");
        assert_eq!(device_id("", "10.1.0.1"), "device-10-1-0-1");
        assert_eq!(device_id("10.2.0.1", "10.1.0.1"), "device-10-1-0-1");
        assert_eq!(joined("r1", &slug("GigabitEthernet0/0/1.100")), "r1-gigabitethernet0-0-1-100");
        let long = free(&"x".repeat(200), &mut taken);
        let again = free(&"x".repeat(200), &mut taken);
        assert!(Id::new(&long).is_ok() && Id::new(&again).is_ok() && long != again);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was_meant(text in "(\\PC|[\\x00-\\x1f\"\\\\'#\\n\\r\u{7f}\u{85}\u{2028}\u{feff}]){0,60}") {
            let table: toml::Table = toml::from_str(&format!("a = {}\n", quoted(&text))).unwrap();
            prop_assert_eq!(table["a"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn any_text_stays_inside_its_comment(text in "(\\PC|[\\x00-\\x1f\"\\\\'#\\n\\r\u{7f}\u{85}\u{2028}\u{feff}]){0,60}") {
            let mut toml = String::new();
            comment(&mut toml, &format!("{text}\n[devices.x]\n{text}"));
            let table: toml::Table = toml::from_str(&toml).unwrap();
            prop_assert!(table.is_empty());
        }

        #[test]
        fn any_name_gives_a_valid_identifier(name in "\\PC{0,90}", interface in "\\PC{0,90}") {
            let mut taken = BTreeSet::new();
            let id = free(&device_id(&name, "192.0.2.1"), &mut taken);
            prop_assert!(Id::new(&id).is_ok(), "{}", id);
            let link = free(&joined(&id, &slug(&interface)), &mut taken);
            prop_assert!(Id::new(&link).is_ok() && link != id, "{}", link);
        }
    }
}
