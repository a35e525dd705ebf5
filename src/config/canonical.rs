//! The configuration as one canonical text: the same settings give the same bytes, whatever files they came from.
//!
//! Sections and keys are sorted; secrets, the paths of secrets and the names of files that were
//! merged in are left out; a holiday calendar is replaced by its days. What is left loads again.

use std::fmt::Write;

use config::{Map, Value, ValueKind};

use super::model::{ServiceHours, Sla};

/// Keys left out of `[snmp.X]`.
const SECRETS: [&str; 6] =
    ["community", "community_file", "auth_password", "auth_password_file", "priv_password", "priv_password_file"];
/// Keys left out of `[monitor]`.
const MONITOR_SECRETS: [&str; 3] = ["alertmanager_password", "alertmanager_password_file", "web_config_file"];
/// Keys left out of `[monitor]` and of the top: what they named is in the text itself.
const MERGED: [&str; 2] = ["include", "estate"];
/// Sections whose children are sections of their own.
const NAMED: [&str; 8] = ["snmp", "classes", "contracts", "slas", "sites", "devices", "links", "services"];

/// The text.
#[must_use]
pub fn redacted(tree: &Value, slas: &[Sla]) -> String {
    let ValueKind::Table(root) = &tree.kind else { return String::new() };
    let mut out = String::new();
    for (name, value) in sorted(root) {
        match &value.kind {
            _ if MERGED.contains(&name) => {}
            ValueKind::Table(entries) if NAMED.contains(&name) => {
                for (id, entry) in sorted(entries) {
                    let ValueKind::Table(keys) = &entry.kind else { continue };
                    let _ = writeln!(out, "[{name}.{}]", Key(id));
                    let sla = (name == "slas").then(|| slas.iter().find(|s| s.id.as_str() == id)).flatten();
                    section(&mut out, keys, |key| name == "snmp" && SECRETS.contains(&key), sla);
                }
            }
            ValueKind::Table(keys) => {
                let _ = writeln!(out, "[{}]", Key(name));
                section(
                    &mut out,
                    keys,
                    |key| name == "monitor" && (MERGED.contains(&key) || MONITOR_SECRETS.contains(&key)),
                    None,
                );
            }
            ValueKind::Array(items) => {
                for item in items {
                    let ValueKind::Table(keys) = &item.kind else { continue };
                    let _ = writeln!(out, "[[{}]]", Key(name));
                    section(&mut out, keys, |_| false, None);
                }
            }
            _ => {}
        }
    }
    out
}

fn section(out: &mut String, keys: &Map<String, Value>, left_out: impl Fn(&str) -> bool, sla: Option<&Sla>) {
    for (key, value) in sorted(keys) {
        if left_out(key) {
            continue;
        }
        let _ = write!(out, "{} = ", Key(key));
        match sla.map(|s| &s.service_hours) {
            Some(ServiceHours::Weekly { holidays, .. }) if key == "holidays" => {
                let days: Vec<String> = holidays.iter().map(|d| format!("\"{d}\"")).collect();
                let _ = write!(out, "[{}]", days.join(", "));
            }
            _ => inline(out, value),
        }
        out.push('\n');
    }
    out.push('\n');
}

fn sorted(table: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut entries: Vec<(&str, &Value)> = table.iter().map(|(k, v)| (k.as_str(), v)).collect();
    entries.sort_unstable_by_key(|(k, _)| *k);
    entries
}

fn inline(out: &mut String, value: &Value) {
    match &value.kind {
        ValueKind::String(s) => text(out, s),
        ValueKind::Float(f) => {
            let _ = write!(out, "{f:?}");
        }
        ValueKind::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                inline(out, item);
            }
            out.push(']');
        }
        ValueKind::Table(table) => {
            out.push_str("{ ");
            for (n, (key, item)) in sorted(table).into_iter().enumerate() {
                let _ = write!(out, "{}{} = ", if n > 0 { ", " } else { "" }, Key(key));
                inline(out, item);
            }
            out.push_str(" }");
        }
        ValueKind::Nil => out.push_str("\"\""),
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
}

/// A key, bare where TOML allows it.
struct Key<'a>(&'a str);

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !self.0.is_empty() && self.0.bytes().all(bare) {
            return f.write_str(self.0);
        }
        let mut quoted = String::new();
        text(&mut quoted, self.0);
        f.write_str(&quoted)
    }
}

/// A basic string (TOML 1.0 "String").
fn text(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
