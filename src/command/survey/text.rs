//! What a device said over SNMP, for a terminal of 80 columns. Pure.
//!
//! Everything that a device sent is made harmless before it is written, and every list is bounded: the whole is in
//! the JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use assured_probes::snmp::Access;
use assured_probes::snmp::channels::by_trunk;
use assured_probes::snmp::interface::State;
use assured_probes::snmp::reading::{Is, Reading};

use super::{Interface, Since, Survey, flaw_in_words};

/// Columns of the terminal that it is laid out for.
const WIDTH: usize = 80;
/// Interfaces shown.
const INTERFACES: usize = 40;
/// Rows shown of any other table.
const ROWS: usize = 20;
/// Where values begin.
const INDENT: usize = 16;

/// Headings, with the tables below each. A table that is in none gets a heading of its own.
const GROUPS: [(&str, &[&str]); 12] = [
    ("Gateway", &["gateway", "call_volume", "calls", "call_media", "gateway_channels", "sip", "sip_calls", "rtp"]),
    ("Trunks and channels", &["trunk", "trunk_group", "d_channel", "e1", "isdn_signalling", "analogue_port"]),
    ("Dial peers", &["dial_peer", "dial_control_peer"]),
    ("Signal processors", &["dsp_card", "dsp"]),
    ("Power supply", &["ups", "ups_output"]),
    ("IP SLA and RPM", &["ip_sla", "ip_sla_jitter", "rpm", "rpm_summary"]),
    (
        "Processors and memory",
        &["cpu", "processor", "load", "memory", "memory_pool", "enhanced_memory_pool", "storage"],
    ),
    ("Environment", &["operating", "temperature", "fan", "power_supply", "sensor", "cisco_sensor"]),
    ("Routing neighbours", &["bgp_peer", "ospf_neighbour"]),
    ("Classes of service", &["qos_class"]),
    ("Parts", &["part"]),
    // Shown in their own way, or too fine for people.
    (
        "",
        &[
            "device",
            "interface",
            "ethernet",
            "bearer",
            "trunk_channels",
            "cpu_time",
            "qos_policy_index",
            "qos_object_index",
            "qos_policy_name",
            "qos_class_name",
        ],
    ),
];

impl Survey {
    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let report = &self.report;
        let _ = writeln!(out, "SNMP {} at {}, credential {}", self.version, self.address, self.credential);
        let access = match (report.access, &report.failure) {
            (Access::Silent, _) => "no answer".to_owned(),
            (Access::Open, Some(failure)) => format!("the agent lets us in, but {failure}"),
            (access, _) => access.to_string(),
        };
        field(&mut out, "access", &access);
        if !self.advice().is_empty() {
            field(&mut out, "what to do", self.advice());
        }
        if let Some(profile) = &report.profile {
            field(&mut out, "profile", &format!("{}: {} ({})", profile.name, profile.title, clean(&self.because())));
        }
        if report.requests > 0 && !report.readings.is_empty() {
            let (values, requests) = (report.readings.len(), report.requests);
            field(
                &mut out,
                "read",
                &format!("{values} values in {requests} exchanges, {:.1} s", self.took.as_secs_f64()),
            );
        }
        if let Some((oid, flaw)) = report.flaws.first() {
            let more = report.flaws.len() - 1;
            let others = if more == 0 { String::new() } else { format!(" (and {more} more columns)") };
            field(&mut out, "not whole", &format!("{oid}: {}{others}", flaw_in_words(*flaw)));
        }
        if report.profile.is_none() {
            return out;
        }
        self.device_text(&mut out);
        for (heading, tables) in GROUPS.iter().filter(|g| !g.0.is_empty()) {
            self.group(&mut out, heading, tables);
            if *heading == "Trunks and channels" {
                self.channels(&mut out);
            }
        }
        let known: Vec<&str> = GROUPS.iter().flat_map(|g| g.1.iter().copied()).collect();
        let mut own: Vec<&str> = report.readings.iter().map(|r| &*r.table).filter(|t| !known.contains(t)).collect();
        own.dedup();
        for table in own {
            self.group(&mut out, &table.replace('_', " "), &[table]);
        }
        self.interfaces_text(&mut out);
        out
    }

    fn device_text(&self, out: &mut String) {
        let _ = writeln!(out, "\nDevice");
        for name in ["name", "location", "description"] {
            if let Some(text) = self.device(name) {
                field(out, if name == "description" { "says it is" } else { name }, &clean(text));
            }
        }
        if let Some(uptime) = self.report.uptime {
            field(out, "agent up for", &span(uptime));
        }
        for reading in self.report.readings.iter().filter(|r| &*r.table == "device") {
            if let (Is::Number(seconds), "host_uptime") = (&reading.is, &*reading.name)
                && *seconds >= 0.0
            {
                field(out, "host up for", &span(Duration::from_secs(*seconds as u64)));
            }
        }
    }

    /// A heading with its tables, a line a row.
    fn group(&self, out: &mut String, heading: &str, tables: &[&str]) {
        let mut begun = false;
        for table in tables {
            let mut rows: BTreeMap<(&[u32], &str), Vec<&Reading>> = BTreeMap::new();
            for reading in self.report.readings.iter().filter(|r| &*r.table == *table) {
                rows.entry((&reading.index, &reading.row)).or_default().push(reading);
            }
            let lines: Vec<(String, String)> = rows.values().filter_map(|row| line(table, row)).collect();
            if lines.is_empty() {
                continue;
            }
            if !begun {
                let _ = writeln!(out, "\n{heading}");
                begun = true;
            }
            for (name, values) in lines.iter().take(ROWS) {
                field(out, name, values);
            }
            more(out, lines.len(), ROWS);
        }
    }

    fn channels(&self, out: &mut String) {
        let trunks = by_trunk(&self.report.readings);
        if trunks.is_empty() {
            return;
        }
        let _ = writeln!(out, "\nChannels");
        for (trunk, channels) in trunks.iter().take(ROWS) {
            let told = |what: &str, n: Option<u32>| n.map(|n| format!("{what} {n}"));
            let parts: Vec<String> =
                [told("in service", channels.in_service), told("busy", channels.busy)].into_iter().flatten().collect();
            let text = parts.join(" · ");
            let whole = trunk == assured_probes::snmp::channels::WHOLE;
            field(out, &if whole { "all trunks".to_owned() } else { format!("trunk {}", clean(trunk)) }, &text);
        }
        more(out, trunks.len(), ROWS);
    }

    fn interfaces_text(&self, out: &mut String) {
        let mut all = self.interfaces();
        if all.is_empty() {
            return;
        }
        let count = |fits: fn(&Interface) -> bool| all.iter().filter(|i| fits(i)).count();
        let parts = [
            (count(|i| i.state == Some(State::Up)), "up"),
            (count(|i| matches!(i.state, Some(State::Down(_)))), "down"),
            (count(|i| i.state == Some(State::AdministrativelyDown)), "switched off"),
            (count(|i| matches!(i.state, Some(State::Unknown) | None)), "unknown"),
        ];
        let parts: Vec<String> = parts.iter().filter(|p| p.0 > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let _ = writeln!(out, "\nInterfaces: {} ({})", all.len(), parts.join(", "));
        let bounded = all.len() > INTERFACES;
        if bounded {
            // Those that somebody described come first: they are what is looked for.
            all.sort_by_key(|i| (i.alias.is_empty(), i.state == Some(State::AdministrativelyDown)));
        }
        let widest = all.iter().take(INTERFACES).map(|i| clean(&i.name).chars().count()).max().unwrap_or(0);
        let names = widest.clamp(4, 26);
        let _ = writeln!(out, "  {:<names$} {:<12} {:>10} {:>10}  alias", "name", "state", "speed", "since");
        for i in all.iter().take(INTERFACES) {
            let state = match i.state {
                Some(State::Up) => "up".to_owned(),
                Some(State::AdministrativelyDown) => "switched off".to_owned(),
                Some(State::Down(_)) => {
                    if i.said == "lowerLayerDown" {
                        "down (below)".into()
                    } else {
                        i.said.clone()
                    }
                }
                Some(State::Unknown) => "unknown".to_owned(),
                None => "–".to_owned(),
            };
            let speed = i.speed.map_or("–".to_owned(), |s| value(s, "bits_per_second", None));
            let since = match i.since {
                Some(Since::Ago(ago)) => short(ago),
                Some(Since::Start) => "start".into(),
                None => "–".into(),
            };
            let name = cut(&clean(&i.name), names);
            let start = format!("  {name:<names$} {:<12} {speed:>10} {since:>10}", cut(&state, 12));
            let room = WIDTH.saturating_sub(start.chars().count() + 2);
            let alias = cut(&clean(&i.alias), room);
            let _ = writeln!(out, "{}", format!("{start}  {alias}").trim_end());
        }
        more(out, all.len(), INTERFACES);
        self.troubles(out, &all);
    }

    /// Interfaces that count errors or discards.
    fn troubles(&self, out: &mut String, all: &[Interface]) {
        const NAMES: [(&str, &str); 4] = [
            ("receive_errors", "errors in"),
            ("transmit_errors", "errors out"),
            ("receive_discards", "discards in"),
            ("transmit_discards", "discards out"),
        ];
        let mut troubled: Vec<(u64, String, String)> = all
            .iter()
            .filter_map(|i| {
                let counts: Vec<(u64, &str)> = NAMES
                    .iter()
                    .filter_map(|(n, word)| Some((*i.counters.get(*n)?, *word)))
                    .filter(|c| c.0 > 0)
                    .collect();
                let sum = counts.iter().fold(0_u64, |sum, c| sum.saturating_add(c.0));
                let text: Vec<String> = counts.iter().map(|(n, word)| format!("{word} {n}")).collect();
                (sum > 0).then(|| (sum, clean(&i.name), text.join(" · ")))
            })
            .collect();
        if troubled.is_empty() {
            return;
        }
        troubled.sort_by_key(|t| std::cmp::Reverse(t.0));
        let _ = writeln!(out, "\nErrors and discards so far");
        for (_, name, text) in troubled.iter().take(8) {
            field(out, name, text);
        }
        more(out, troubled.len(), 8);
    }
}

/// One row of a table: its name and its values; `None` when there is nothing to say.
fn line(table: &str, row: &[&Reading]) -> Option<(String, String)> {
    let labels = &row.first()?.labels;
    let quantity = labels.iter().find(|(name, _)| &**name == "quantity").map(|(_, q)| q.as_str());
    let shown: Vec<String> = labels
        .iter()
        .filter(|(name, text)| &**name != "quantity" && !text.is_empty())
        .map(|(_, text)| clean(text))
        .collect();
    let values: Vec<String> = row.iter().filter_map(|r| said(r, quantity)).collect();
    if values.is_empty() {
        return None;
    }
    let table = match table {
        "calls" => "calls by",
        "cpu" => "CPU",
        "dial_control_peer" => "peer",
        "dial_peer" => "peer",
        "ip_sla" => "operation",
        "ip_sla_jitter" => "jitter of",
        "cisco_sensor" => "sensor",
        "bgp_peer" => "BGP",
        "ospf_neighbour" => "OSPF",
        "enhanced_memory_pool" | "memory_pool" => "pool",
        "power_supply" => "supply",
        "processor" => "processor",
        "qos_class" => "class",
        "sip_calls" => "SIP calls",
        other => other,
    };
    // What a sensor or a part is called says enough.
    let plain = ["part", "operating", "sensor", "temperature", "fan", "supply", "storage", "pool"].contains(&table);
    let name = match (shown.as_slice(), plain) {
        ([], _) => table.replace('_', " "),
        (labels, true) => labels.join(", "),
        (labels, false) => format!("{} {}", table.replace('_', " "), labels.join(", ")),
    };
    Some((name, values.join(" · ")))
}

/// A value with its name and unit; `None` for what would only be noise.
fn said(r: &Reading, quantity: Option<&str>) -> Option<String> {
    let name = r.name.replace('_', " ");
    let text = match &r.is {
        Is::Number(number) => match (name.as_str(), value(*number, &r.unit, quantity)) {
            ("value", text) => text,
            // "legs 46 legs"
            (name, text) if text.ends_with(name) => text,
            (_, text) => format!("{name} {text}"),
        },
        Is::Counter(count) if count.raw == 0 => return None,
        Is::Counter(count) => format!("{name} {}", value(count.raw as f64, &r.unit, None)),
        Is::State(state, said, _) => {
            let word = state.word();
            let said = clean(said);
            let means = if said.is_empty() || said == word { word.to_owned() } else { format!("{word} ({said})") };
            if name == "state" { means } else { format!("{name} {means}") }
        }
        Is::Text(text) => format!("{name} {}", clean(text)),
        Is::Ago(ago) => format!("{} ago", span(*ago)),
    };
    Some(if r.fresh { text } else { format!("{text}, as before") })
}

/// A number with its unit, as people say it.
fn value(number: f64, unit: &str, quantity: Option<&str>) -> String {
    let unit = if unit == "as_quantity" { quantity.unwrap_or("") } else { unit };
    match unit {
        "seconds" => seconds(number),
        "bytes" => scaled(number, "B"),
        "bits_per_second" => scaled(number, "bit/s"),
        "ratio" => format!("{}%", rounded(number * 100.0)),
        "celsius" => format!("{} °C", rounded(number)),
        "volts_ac" => scaled(number, "V AC"),
        "volts_dc" => scaled(number, "V"),
        "amperes" => scaled(number, "A"),
        "watts" => scaled(number, "W"),
        "hertz" => scaled(number, "Hz"),
        "percent_rh" => format!("{}% humidity", rounded(number)),
        "cmm" => format!("{} m³/min", rounded(number)),
        "truth" => {
            if number == 1.0 {
                "yes".into()
            } else {
                "no".into()
            }
        }
        "mos" | "icpif" | "" | "other" | "unknown" => rounded(number),
        other => {
            let unit = other.replace('_', " ");
            let one =
                unit.strip_suffix("ses").map(|u| format!("{u}s")).or_else(|| unit.strip_suffix('s').map(str::to_owned));
            format!("{} {}", rounded(number), if number == 1.0 { one.unwrap_or(unit) } else { unit })
        }
    }
}

fn seconds(number: f64) -> String {
    match number.abs() {
        0.0 => "0 s".to_owned(),
        least if least < 1e-3 => format!("{} µs", rounded(number * 1e6)),
        less if less < 1.0 => format!("{} ms", rounded(number * 1e3)),
        few if few < 120.0 => format!("{} s", rounded(number)),
        many if many < 1e12 && number > 0.0 => span(Duration::from_secs(number as u64)),
        _ => format!("{} s", rounded(number)),
    }
}

/// With k, M, G, T as far as it takes.
fn scaled(number: f64, unit: &str) -> String {
    let steps = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match steps.iter().find(|(step, _)| number.abs() >= *step) {
        Some((step, letter)) => format!("{} {letter}{unit}", rounded(number / step)),
        None => format!("{} {unit}", rounded(number)),
    }
}

/// Two decimals at most.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A duration in words: its two largest units.
fn span(duration: Duration) -> String {
    let s = duration.as_secs();
    let two = |a: u64, unit: &str, b: u64, rest: &str| {
        if b == 0 { format!("{a} {unit}") } else { format!("{a} {unit} {b} {rest}") }
    };
    match s {
        0..=119 => format!("{s} s"),
        120..=7_199 => format!("{} min", s / 60),
        7_200..=172_799 => two(s / 3_600, "h", s % 3_600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

/// A duration for a narrow column.
fn short(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0..=119 => format!("{s} s"),
        120..=7_199 => format!("{} min", s / 60),
        7_200..=172_799 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

/// A device's text without anything that a terminal could obey or that turns writing round.
pub(super) fn clean(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let kept: String = text.chars().map(|c| if harmful(c) { ' ' } else { c }).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most so many characters; `…` stands for what is left out.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain((most > 0).then_some('…')).collect()
}

/// A name and its text, wrapped below itself.
fn field(out: &mut String, name: &str, text: &str) {
    let name = cut(name, 34);
    let mut line = format!("  {name:<width$}  ", width = INDENT - 4);
    let mut used = line.chars().count();
    let mut empty = true;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        for piece in pieces(word, WIDTH - INDENT) {
            let length = piece.chars().count();
            if used > INDENT && used + usize::from(!empty) + length > WIDTH {
                let _ = writeln!(out, "{}", line.trim_end());
                line = " ".repeat(INDENT);
                (used, empty) = (INDENT, true);
            }
            if !empty {
                line.push(' ');
                used += 1;
            }
            line.push_str(&piece);
            (used, empty) = (used + length, false);
        }
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

/// A word longer than a line in parts.
fn pieces(word: &str, most: usize) -> Vec<String> {
    let all: Vec<char> = word.chars().collect();
    all.chunks(most).map(|part| part.iter().collect()).collect()
}

fn more(out: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(out, "  … and {} more (--json has all)", all - shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_their_units() {
        for (number, unit, expected) in [
            (1e9, "bits_per_second", "1 Gbit/s"),
            (64e3, "bits_per_second", "64 kbit/s"),
            (0.125, "ratio", "12.5%"),
            (0.0235, "seconds", "23.5 ms"),
            (0.000_25, "seconds", "250 µs"),
            (7_260.0, "seconds", "2 h 1 min"),
            (4.09, "mos", "4.09"),
            (1.0, "calls", "1 call"),
            (1.0, "processes", "1 process"),
            (3.0, "channels", "3 channels"),
            (41.0, "celsius", "41 °C"),
            (-0.001, "celsius", "0 °C"),
        ] {
            assert_eq!(value(number, unit, None), expected);
        }
        assert_eq!(value(3.3, "as_quantity", Some("volts_dc")), "3.3 V");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(clean("\u{1b}[2Jred\u{202e}left\ttab\r\n"), "[2Jred left tab");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut out = String::new();
        field(&mut out, &"n".repeat(200), &format!("{} and {}", "x".repeat(300), "word ".repeat(60)));
        assert!(out.lines().all(|l| l.chars().count() <= WIDTH), "{out}");
        assert_eq!(out.matches('x').count(), 300);
    }
}
