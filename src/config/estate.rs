//! Estates of thousands: CSV tables and NetBox exports, made into the same sections as TOML.

use std::path::Path;

use config::{Map, Value, ValueKind};
use serde_json::Value as Json;

use super::file::{Layer, Origins, origin};
use super::problem::Problem;

/// Most rows of one file.
const MAX_ROWS: usize = 400_000;

/// Tables that an estate may hold.
const TABLES: [&str; 4] = ["devices", "links", "sites", "services"];

/// Columns whose cells are lists, separated by spaces or semicolons.
const LISTS: [&str; 1] = ["parents"];

/// Reads an estate; its kind follows from the file's name.
pub fn read(path: &Path, text: &str, file: u32, origins: &Origins) -> (Layer, Vec<Problem>) {
    let mut reading = Reading { file, origins, layer: Layer::default(), problems: Vec::new() };
    let stem = path.file_stem().map(|s| s.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => reading.csv(text, &stem),
        Some("json") => reading.netbox(text),
        _ => reading.fail(None, "not a kind of estate that is known", "name it .csv, or .json for a NetBox export"),
    }
    (reading.layer, reading.problems)
}

struct Reading<'a> {
    file: u32,
    origins: &'a Origins,
    layer: Layer,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn fail(&mut self, line: Option<u32>, found: impl Into<String>, help: impl Into<String>) {
        let place = self.origins.at(self.file, line);
        self.problems.push(Problem { place, key: String::new(), found: found.into(), help: help.into() });
    }

    fn value(&self, line: u32, kind: impl Into<ValueKind>) -> Value {
        Value::new(Some(&origin(self.file, line)), kind)
    }

    /// Puts an entry into its section; a second one of the same name is a problem.
    fn put(&mut self, table: &str, id: String, entry: Map<String, Value>, line: u32) {
        let at = origin(self.file, line);
        let entry = Value::new(Some(&at), entry);
        let none = || Value::new(Some(&at), Map::<String, Value>::new());
        let section = self.layer.table.entry(table.to_owned()).or_insert_with(none);
        let ValueKind::Table(section) = &mut section.kind else { return };
        if let Some(earlier) = section.get(&id) {
            let at = self.origins.place(earlier);
            let found = format!("{table}.{} is already set at {at}", super::reader::visible(&id));
            self.fail(Some(line), found, "keep one of the two rows");
        } else {
            section.insert(id, entry);
        }
    }

    /// One row, one entry. The table comes from a `table` column, or else from the file's name.
    fn csv(&mut self, text: &str, stem: &str) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(text.as_bytes());
        let header: Vec<String> = match rows.headers() {
            Ok(h) => h.iter().map(str::to_owned).collect(),
            Err(_) => {
                return self.fail(
                    Some(1),
                    "the header cannot be read",
                    "give the names of the columns in the first line",
                );
            }
        };
        let by_name = TABLES.into_iter().find(|t| *t == stem);
        let table_column = header.iter().position(|h| h == "table");
        if !header.iter().any(|h| h == "id") {
            return self.fail(
                Some(1),
                "there is no column \"id\"",
                "name the column that holds the identifiers \"id\"",
            );
        }
        if by_name.is_none() && table_column.is_none() {
            let help = "name the file devices.csv, links.csv, sites.csv or services.csv, or add a column \"table\"";
            return self.fail(Some(1), "nothing says what the rows are", help);
        }
        for (count, row) in rows.records().enumerate() {
            if count >= MAX_ROWS {
                return self.fail(
                    None,
                    format!("there are more than {MAX_ROWS} rows"),
                    "split the estate between several monitors",
                );
            }
            match row {
                Ok(row) => self.row(&header, &row, by_name, table_column),
                Err(e) => {
                    let line = e.position().and_then(|p| u32::try_from(p.line()).ok());
                    let found = match e.kind() {
                        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                            format!("the row has {len} cells, the header {expected_len}")
                        }
                        _ => "the row cannot be read".to_owned(),
                    };
                    self.fail(line, found, "give every row as many cells as the header; quote cells that hold a comma");
                }
            }
        }
    }

    fn row(&mut self, header: &[String], row: &csv::StringRecord, by_name: Option<&str>, table_column: Option<usize>) {
        let line = row.position().and_then(|p| u32::try_from(p.line()).ok()).unwrap_or(0);
        let named = table_column.and_then(|c| row.get(c)).filter(|t| !t.is_empty());
        let table = match named {
            Some(t) => TABLES.into_iter().find(|known| *known == t),
            None => by_name,
        };
        let Some(table) = table.map(str::to_owned) else {
            return self.fail(
                Some(line),
                "the row's table is not known",
                "write devices, links, sites or services in the column \"table\"",
            );
        };
        let mut id = String::new();
        let mut entry = Map::with_capacity(header.len());
        for (column, cell) in header.iter().zip(row) {
            match column.as_str() {
                "table" => {}
                "id" => id = cell.to_owned(),
                _ if cell.is_empty() => {}
                _ => match cell_value(column, cell) {
                    Ok(kind) => {
                        // The row knows its line; a cell need not.
                        entry.insert(column.clone(), Value::new(None, kind));
                    }
                    Err(why) => {
                        let found = format!("{column}: {why}");
                        self.fail(Some(line), found, "write ch-r1 & (ch-primary | ch-backup), 2 of (a, b, c), or JSON");
                    }
                },
            }
        }
        if id.is_empty() {
            return self.fail(Some(line), "the row has no id", "give it one, or remove the row");
        }
        self.put(&table, id, entry, line);
    }

    /// A list of devices as `/api/dcim/devices/` gives it, with or without its envelope. Active devices with an address are taken.
    fn netbox(&mut self, text: &str) {
        let parsed: Json = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(e) => {
                let line = u32::try_from(e.line()).ok();
                return self.fail(
                    line,
                    "this is not JSON",
                    "export the devices of NetBox's /api/dcim/devices/ as they are",
                );
            }
        };
        let Some(list) = parsed.get("results").unwrap_or(&parsed).as_array() else {
            return self.fail(
                None,
                "this is not a list of NetBox devices",
                "export /api/dcim/devices/ as it is, with or without \"results\"",
            );
        };
        if list.len() > MAX_ROWS {
            return self.fail(
                None,
                format!("there are more than {MAX_ROWS} devices"),
                "split the estate between several monitors",
            );
        }
        for (position, device) in list.iter().enumerate() {
            self.netbox_device(position + 1, device);
        }
    }

    fn netbox_device(&mut self, number: usize, device: &Json) {
        let text = |pointer: &str| device.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        if text("/status/value").as_deref() != Some("active") {
            return;
        }
        let Some(name) = text("/name") else {
            return self.fail(None, format!("device {number} has no name"), "name it in NetBox");
        };
        let (Some(site), Some(address)) = (text("/site/slug"), text("/primary_ip/address")) else {
            let found = format!("active device \"{}\" has no site or no primary_ip", super::reader::visible(&name));
            return self.fail(None, found, "set both in NetBox, or its status to something else than active");
        };
        let kind = match text("/role/slug").or_else(|| text("/device_role/slug")).unwrap_or_default() {
            role if role.contains("gateway") => "voip-gateway",
            role if role.contains("router") => "router",
            _ => "host",
        };
        let address = address.split('/').next().unwrap_or_default().to_owned();
        let value = |kind: String| self.value(0, kind);
        let entry = Map::from([
            ("title".to_owned(), value(name.clone())),
            ("site".to_owned(), value(site.clone())),
            ("kind".to_owned(), value(kind.to_owned())),
            ("address".to_owned(), value(address)),
        ]);
        let title = value(text("/site/name").unwrap_or_else(|| site.clone()));
        self.put("devices", slug(&name), entry, 0);
        let known = matches!(self.layer.table.get("sites").map(|s| &s.kind), Some(ValueKind::Table(t)) if t.contains_key(&site));
        if !known {
            self.put("sites", site, Map::from([("title".to_owned(), title)]), 0);
        }
    }
}

/// An identifier from a name: lower case, everything outside the alphabet a hyphen.
fn slug(name: &str) -> String {
    let made: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .collect();
    made.trim_matches(['-', '_', '.']).to_owned()
}

fn cell_value(column: &str, cell: &str) -> Result<ValueKind, String> {
    if column == "requires" && !cell.starts_with(['{', '[', '"']) {
        return expression(cell);
    }
    if cell.starts_with('{') || cell.starts_with('[') {
        let json: Json = serde_json::from_str(cell).map_err(|_| "the cell begins like JSON but is not".to_owned())?;
        return Ok(from_json(&json));
    }
    if LISTS.contains(&column) {
        let names = cell.split([' ', ';']).filter(|n| !n.is_empty());
        return Ok(ValueKind::Array(names.map(|n| Value::new(None, n)).collect()));
    }
    if column == "snmp_port" {
        return Ok(cell.parse::<i64>().map_or_else(|_| ValueKind::from(cell), ValueKind::I64));
    }
    Ok(cell.into())
}

fn from_json(json: &Json) -> ValueKind {
    match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(b) => ValueKind::Boolean(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| ValueKind::Float(n.as_f64().unwrap_or(0.0)), ValueKind::I64),
        Json::String(s) => ValueKind::String(s.clone()),
        Json::Array(items) => ValueKind::Array(items.iter().map(|i| Value::new(None, from_json(i))).collect()),
        Json::Object(o) => {
            ValueKind::Table(o.iter().map(|(k, v)| (k.clone(), Value::new(None, from_json(v)))).collect())
        }
    }
}

/// Deepest nesting of an expression.
const MAX_DEPTH: usize = 32;

/// `a & (b | c)`, `2 of (a, b, c)`: `&` binds more tightly than `|`.
fn expression(text: &str) -> Result<ValueKind, String> {
    let mut tokens = Tokens { rest: text };
    let read = either(&mut tokens, 0)?;
    match tokens.next() {
        None => Ok(read),
        Some(extra) => Err(format!("unexpected \"{}\"", super::reader::visible(extra))),
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let first = rest.chars().next()?;
        if "&|(),".contains(first) {
            return Some(&rest[..1]);
        }
        let end = rest.find(|c: char| c.is_whitespace() || "&|(),".contains(c)).unwrap_or(rest.len());
        Some(&rest[..end])
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.peek()?;
        self.rest = &self.rest.trim_start()[token.len()..];
        Some(token)
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        match self.next() {
            Some(t) if t == wanted => Ok(()),
            Some(t) => Err(format!("expected \"{wanted}\" but found \"{}\"", super::reader::visible(t))),
            None => Err(format!("expected \"{wanted}\" at the end")),
        }
    }
}

fn group(key: &str, items: Vec<ValueKind>) -> ValueKind {
    let of = ValueKind::Array(items.into_iter().map(|k| Value::new(None, k)).collect());
    ValueKind::Table(Map::from([(key.to_owned(), Value::new(None, of))]))
}

fn either(tokens: &mut Tokens<'_>, depth: usize) -> Result<ValueKind, String> {
    separated(tokens, depth, "|", "any", |t, d| separated(t, d, "&", "all", one))
}

fn separated(
    tokens: &mut Tokens<'_>,
    depth: usize,
    by: &str,
    key: &str,
    inner: impl Fn(&mut Tokens<'_>, usize) -> Result<ValueKind, String>,
) -> Result<ValueKind, String> {
    let first = inner(tokens, depth)?;
    if tokens.peek() != Some(by) {
        return Ok(first);
    }
    let mut items = vec![first];
    while tokens.peek() == Some(by) {
        tokens.next();
        items.push(inner(tokens, depth)?);
    }
    Ok(group(key, items))
}

fn one(tokens: &mut Tokens<'_>, depth: usize) -> Result<ValueKind, String> {
    if depth > MAX_DEPTH {
        return Err(format!("brackets are nested more than {MAX_DEPTH} deep"));
    }
    match tokens.next() {
        Some("(") => {
            let inside = either(tokens, depth + 1)?;
            tokens.expect(")")?;
            Ok(inside)
        }
        Some(k) if tokens.peek() == Some("of") && k.bytes().all(|b| b.is_ascii_digit()) => {
            let k: i64 = k.parse().map_err(|_| "too large a number".to_owned())?;
            tokens.next();
            tokens.expect("(")?;
            let mut items = vec![either(tokens, depth + 1)?];
            while tokens.peek() == Some(",") {
                tokens.next();
                items.push(either(tokens, depth + 1)?);
            }
            tokens.expect(")")?;
            let ValueKind::Table(mut t) = group("of", items) else { unreachable!("group makes a table") };
            t.insert("at_least".to_owned(), Value::new(None, k));
            Ok(ValueKind::Table(t))
        }
        Some(t) if !"&|(),".contains(t) => Ok(t.into()),
        Some(t) => Err(format!("expected a name but found \"{t}\"")),
        None => Err("expected a name at the end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canon(kind: &ValueKind) -> String {
        match kind {
            ValueKind::Table(t) => {
                let mut parts: Vec<String> = t.iter().map(|(k, v)| format!("{k}={}", canon(&v.kind))).collect();
                parts.sort();
                format!("{{{}}}", parts.join(","))
            }
            ValueKind::Array(a) => format!("[{}]", a.iter().map(|v| canon(&v.kind)).collect::<Vec<_>>().join(",")),
            other => other.to_string(),
        }
    }

    #[test]
    fn expressions_become_groups() {
        let read = |t| canon(&expression(t).unwrap());
        assert_eq!(read("a"), "a");
        assert_eq!(read("a & (b | c)"), "{all=[a,{any=[b,c]}]}");
        assert_eq!(read("a & b | c"), "{any=[{all=[a,b]},c]}");
        assert_eq!(read("2 of (a, b, c & d)"), "{at_least=2,of=[a,b,{all=[c,d]}]}");
    }

    #[test]
    fn broken_expressions_are_refused() {
        for bad in ["", "a &", "(a", "a b", "2 of a", "& a", "a)", &"(".repeat(5000)] {
            assert!(expression(bad).is_err(), "{bad}");
        }
    }
}
