//! Rules for Prometheus, made from the table of alerts: what `assured rules` writes. Pure text.
//!
//! Their number does not grow with the estate: every rule is about all services, sites or components
//! at once. Titles, contacts and references are looked up when an alert is told, in the series that
//! bear them, so they are right with any number of contracts and after any change of the
//! configuration, and no text of anybody's is ever taken for a template.

mod expression;
mod text;

use std::fmt::Write as _;

use super::catalogue::{self, Alert};
use crate::config::Config;

/// What `assured rules` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `assured-recording.yml`
    pub recording: String,
    /// `assured-alerts.yml`
    pub alerts: String,
    /// The daemon tells Alertmanagers itself, so that only what it cannot tell is in `alerts`.
    pub daemon_tells: bool,
}

/// Makes the rules of a configuration.
#[must_use]
pub fn rules(config: &Config) -> Rules {
    let vantage = &config.monitor.vantage;
    let daemon_tells = !config.monitor.alertmanagers.is_empty();
    let mut recording = head("Recording rules", config, "They stand behind the alerts and may be used in graphs.");
    recording.push_str("groups:\n  - name: assured-recording\n    rules:\n");
    for (name, expression) in expression::recorded(vantage) {
        let _ = writeln!(recording, "      - record: {name}");
        block(&mut recording, &expression);
    }
    let about = match daemon_tells {
        true => {
            "monitor.alertmanagers is set: the daemon tells Alertmanagers of everything itself, and nothing is to be told\n\
             # twice. Here is only what it cannot tell: that it is gone. Take monitor.alertmanagers out to get all alerts here."
        }
        false => {
            "Every alert has a page in docs/runbooks. monitor.alertmanagers is not set: the daemon itself tells nobody."
        }
    };
    let mut alerts = head("Alerting rules", config, about);
    alerts.push_str("groups:\n  - name: assured-alerts\n    rules:\n");
    for alert in catalogue::ALL.iter().filter(|alert| !(daemon_tells && alert.direct)) {
        one(&mut alerts, alert, vantage);
    }
    Rules { recording, alerts, daemon_tells }
}

fn head(what: &str, config: &Config, more: &str) -> String {
    let hash = config.hash.get(..16).unwrap_or(&config.hash);
    format!("# {what} for Prometheus, made by `assured rules` from configuration {hash}.\n# {more}\n")
}

fn one(out: &mut String, alert: &Alert, vantage: &str) {
    let _ = writeln!(out, "      - alert: {}", alert.name);
    block(out, &expression::of(alert, vantage));
    if alert.hold_s > 0 {
        let _ = writeln!(out, "        for: {}s", alert.hold_s);
    }
    let _ = writeln!(out, "        labels:\n          severity: {}\n        annotations:", alert.severity.name());
    for (name, template) in text::annotations(alert) {
        let _ = writeln!(out, "          {name}: {}", quoted(&template));
    }
}

/// An expression as a literal block.
fn block(out: &mut String, expression: &str) {
    out.push_str("        expr: |-\n");
    for line in expression.lines() {
        let _ = writeln!(out, "          {line}");
    }
}

/// A string in double quotes: JSON's are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string in PromQL, in double quotes: nothing but printable ASCII is left as it is.
fn promql(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            other if u32::from(other) > 0xFFFF => _ = write!(out, "\\U{:08x}", u32::from(other)),
            other => _ = write!(out, "\\u{:04x}", u32::from(other)),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_queries_are_printable_ascii() {
        assert_eq!(promql("a\"\\\n{{é\u{1f600}"), r#""a\"\\\u000a{{\u00e9\U0001f600""#);
    }

    #[test]
    fn every_series_is_asked_of_one_vantage_only() {
        for alert in catalogue::ALL {
            let text = expression::of(alert, "v1");
            for piece in text.split("assured_").skip(1).chain(text.split("assured:").skip(1)) {
                let selector = piece.split_once('{').expect("a selector").1;
                assert!(selector.starts_with("vantage=\"v1\""), "{}: {piece}", alert.name);
            }
        }
    }

    #[test]
    fn annotations_balance_and_leave_no_field_open() {
        for alert in catalogue::ALL {
            for (name, text) in text::annotations(alert) {
                assert_eq!(text.matches("{{").count(), text.matches("}}").count(), "{} {name}", alert.name);
                let opened = ["{{ with", "{{ range", "{{ if"].iter().map(|o| text.matches(o).count()).sum::<usize>();
                assert_eq!(opened, text.matches("{{ end }}").count(), "{} {name}: {text}", alert.name);
                for field in ["{site}", "{service}", "{component}", "{since}", "{left}", "{value}", "{vantage}"] {
                    assert!(!text.contains(field), "{} {name} leaves {field}", alert.name);
                }
            }
        }
    }
}
