//! From the text of files and environment variables to one layered tree in which every value knows its place.
//!
//! Layers are sources of the `config` crate. A layer merges in place and keeps the origin of tables as
//! well as of values, so that a *missing* key can be reported at the table that lacks it.

use std::collections::BTreeMap;

use config::{Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// Deepest nesting of a configuration; deeper is refused before anything walks it.
const MAX_DEPTH: usize = 40;

/// The files and variables of one configuration, in the order of loading.
#[derive(Debug, Default, Clone)]
pub struct Origins {
    names: Vec<String>,
}

impl Origins {
    /// Adds a file, under the name by which the operator knows it.
    pub fn add(&mut self, name: impl Into<String>) -> u32 {
        self.names.push(name.into());
        u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
    }

    /// Where a value was set.
    #[must_use]
    pub fn place(&self, value: &Value) -> Place {
        self.decode(value.origin().unwrap_or_default())
    }

    fn decode(&self, origin: &str) -> Place {
        let (file, line) = origin.split_once(':').unwrap_or((origin, ""));
        let Ok(order) = file.parse::<u32>() else { return Place::default() };
        let file = self.names.get(order as usize).cloned().unwrap_or_default();
        Place { order, file, line: line.parse().ok().filter(|&line| line > 0) }
    }

    /// Whether a value came from the environment.
    #[must_use]
    pub fn is_environment(&self, value: &Value) -> bool {
        self.place(value).file.starts_with("environment ")
    }

    /// A place in a file.
    #[must_use]
    pub fn at(&self, order: u32, line: Option<u32>) -> Place {
        Place { order, file: self.names.get(order as usize).cloned().unwrap_or_default(), line }
    }
}

/// The origin as the values carry it: position in [`Origins`] and line.
#[must_use]
pub fn origin(file: u32, line: u32) -> String {
    format!("{file}:{line}")
}

/// One layer of configuration.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// Sections by name.
    pub table: Map<String, Value>,
}

impl Layer {
    /// Merges a later layer into this one.
    pub fn add(&mut self, later: Self) {
        merge(&mut self.table, later.table, true);
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.table.clone())
    }

    /// Merges in place: the trait's own way takes keys with dots apart and forgets where tables began.
    fn collect_to(&self, cache: &mut Value) -> Result<(), config::ConfigError> {
        if let ValueKind::Table(into) = &mut cache.kind {
            merge(into, self.table.clone(), true);
        }
        Ok(())
    }
}

/// The one list to which every file adds.
const APPENDED: &str = "maintenance";

/// Merges tables; `[[maintenance]]` is appended to, anything else is replaced.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>, top: bool) {
    for (key, value) in from {
        match into.get_mut(&key) {
            None => {
                into.insert(key, value);
            }
            Some(there) => match (&mut there.kind, value) {
                (ValueKind::Table(there), Value { kind: ValueKind::Table(new), .. }) => merge(there, new, false),
                (ValueKind::Array(there), Value { kind: ValueKind::Array(new), .. }) if top && key == APPENDED => {
                    there.extend(new);
                }
                (_, value) => *there = value,
            },
        }
    }
}

/// One source laid over what is there; it wins. The crate's builder would do the same to values, but
/// forget where tables began and copy the whole estate at every level.
pub fn lay_over(tree: &mut Value, layer: &dyn Source) -> Result<(), config::ConfigError> {
    layer.collect_to(tree)
}

/// Keys that two files both set, each reported at the later one.
pub fn collisions(earlier: &Map<String, Value>, later: &Map<String, Value>, origins: &Origins) -> Vec<Problem> {
    let mut found = Vec::new();
    collide((earlier, None), (later, None), "", origins, &mut found);
    found
}

fn collide(
    (earlier, earlier_at): (&Map<String, Value>, Option<&Value>),
    (later, later_at): (&Map<String, Value>, Option<&Value>),
    path: &str,
    origins: &Origins,
    found: &mut Vec<Problem>,
) {
    // The larger table may be the whole estate, the other an include of a few lines.
    let (small, large) = if earlier.len() < later.len() { (earlier, later) } else { (later, earlier) };
    for key in small.keys() {
        if !large.contains_key(key) {
            continue;
        }
        let (a, b) = (&earlier[key], &later[key]);
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (&a.kind, &b.kind) {
            (ValueKind::Table(ta), ValueKind::Table(tb)) => {
                collide((ta, Some(a)), (tb, Some(b)), &path, origins, found)
            }
            (ValueKind::Array(_), ValueKind::Array(_)) if path == APPENDED => {}
            _ => found.push(Problem {
                place: origins.place(placed(b, later_at)),
                key: path,
                found: format!("is already set at {}", origins.place(placed(a, earlier_at))),
                help: "keep one of the two".into(),
            }),
        }
    }
}

/// The value itself, or the row around it when the value does not know its place.
fn placed<'a>(value: &'a Value, around: Option<&'a Value>) -> &'a Value {
    if value.origin().is_some() { value } else { around.unwrap_or(value) }
}

/// Reads TOML text; syntax errors are returned beside whatever could be read.
pub fn read_toml(text: &str, file: u32, origins: &Origins) -> (Layer, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::new(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|e| Problem {
            place: origins.at(file, e.span().map(|s| lines.of(s.start))),
            key: String::new(),
            found: format!("this is not TOML: {}", e.message().lines().next().unwrap_or_default()),
            help: "a value is written key = \"text\", a section [section.name]; see docs/configuration.md".into(),
        })
        .collect();
    let mut deep = false;
    let table = convert_table(table.into_inner(), file, &lines, 0, &mut deep);
    if deep {
        problems.push(Problem {
            place: origins.at(file, None),
            key: String::new(),
            found: format!("tables or lists are nested more than {MAX_DEPTH} deep"),
            help: "flatten them; no part of a configuration needs so many levels".into(),
        });
    }
    (Layer { table }, problems)
}

/// Byte offsets of line starts.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(n, _)| n + 1)).collect())
    }

    fn of(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|&start| start <= offset)).unwrap_or(u32::MAX)
    }
}

fn convert_table(table: DeTable<'_>, file: u32, lines: &Lines, depth: usize, deep: &mut bool) -> Map<String, Value> {
    let mut map = Map::with_capacity(table.len());
    for (key, value) in table {
        let line = lines.of(key.span().start);
        let value = convert(value.into_inner(), file, line, lines, depth + 1, deep);
        map.insert(key.into_inner().into_owned(), value);
    }
    map
}

fn convert(value: DeValue<'_>, file: u32, line: u32, lines: &Lines, depth: usize, deep: &mut bool) -> Value {
    let at = origin(file, line);
    if depth > MAX_DEPTH {
        *deep = true;
        return Value::new(Some(&at), ValueKind::Nil);
    }
    let kind = match value {
        DeValue::String(s) => ValueKind::String(s.into_owned()),
        // What does not fit stays text, and is then reported as not being a number.
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(n) => ValueKind::I64(n),
            Err(_) => ValueKind::String(i.as_str().to_owned()),
        },
        DeValue::Float(f) => f.as_str().parse().map_or(ValueKind::Nil, ValueKind::Float),
        DeValue::Boolean(b) => ValueKind::Boolean(b),
        DeValue::Datetime(d) => ValueKind::String(d.to_string()),
        DeValue::Array(items) => ValueKind::Array(
            items
                .into_iter()
                .map(|item| {
                    let line = lines.of(item.span().start);
                    convert(item.into_inner(), file, line, lines, depth + 1, deep)
                })
                .collect(),
        ),
        DeValue::Table(t) => ValueKind::Table(convert_table(t, file, lines, depth, deep)),
    };
    Value::new(Some(&at), kind)
}

/// Keys whose text is a secret wherever it stands.
pub const SECRET_KEYS: [&str; 4] = ["community", "auth_password", "priv_password", "alertmanager_password"];

/// A layer of `ASSURED__SECTION__KEY` variables over what the files gave.
///
/// Names are matched without regard to case, and `_` stands for any of `-`, `_` and `.`: so
/// `ASSURED__DEVICES__CH_R1__ADDRESS` sets `devices.ch-r1.address`. A value that reads as a TOML
/// number, boolean, list or table is one; anything else is text.
pub fn environment(variables: &BTreeMap<String, String>, files: &Value, origins: &mut Origins) -> Layer {
    let mut table = Map::new();
    for (name, text) in variables {
        let Some(path) = name.strip_prefix("ASSURED__") else { continue };
        let parts: Vec<&str> = path.split("__").collect();
        if parts.iter().any(|p| p.is_empty()) || parts.len() > 8 {
            continue;
        }
        let at = format!("{}:", origins.add(format!("environment {name}")));
        let mut keys = Vec::with_capacity(parts.len());
        let mut known = Some(files);
        for part in parts {
            let key = existing_key(known, part).unwrap_or_else(|| part.to_ascii_lowercase());
            known = known.and_then(|v| match &v.kind {
                ValueKind::Table(t) => t.get(&key),
                _ => None,
            });
            keys.push(key);
        }
        let secret = keys.last().is_some_and(|k| SECRET_KEYS.contains(&k.as_str()));
        let kind = if secret { ValueKind::String(text.clone()) } else { environment_value(text, &at) };
        let mut layer = Value::new(Some(&at), kind);
        let mut keys = keys.into_iter();
        let Some(first) = keys.next() else { continue };
        for key in keys.rev() {
            layer = Value::new(Some(&at), Map::from([(key, layer)]));
        }
        merge(&mut table, Map::from([(first, layer)]), true);
    }
    Layer { table }
}

fn existing_key(table: Option<&Value>, part: &str) -> Option<String> {
    let ValueKind::Table(table) = &table?.kind else { return None };
    let plain = |t: &str| t.to_ascii_lowercase().replace(['-', '.'], "_");
    let wanted = plain(part);
    table.keys().filter(|k| plain(k) == wanted).min().cloned()
}

fn environment_value(text: &str, at: &str) -> ValueKind {
    match DeValue::parse(text) {
        Ok(value) if !matches!(value.get_ref(), DeValue::Datetime(_)) => {
            let lines = Lines::new("");
            let mut deep = false;
            let converted = convert(value.into_inner(), 0, 0, &lines, 1, &mut deep);
            if deep { ValueKind::Nil } else { restamp(converted, at).kind }
        }
        _ => ValueKind::String(text.to_owned()),
    }
}

fn restamp(value: Value, at: &str) -> Value {
    let kind = match value.kind {
        ValueKind::Array(items) => ValueKind::Array(items.into_iter().map(|v| restamp(v, at)).collect()),
        ValueKind::Table(t) => ValueKind::Table(t.into_iter().map(|(k, v)| (k, restamp(v, at))).collect()),
        kind => kind,
    };
    Value::new(Some(&at.to_owned()), kind)
}
