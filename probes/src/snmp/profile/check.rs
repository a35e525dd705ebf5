//! From a profile's file to a profile that cannot be wrong, with every problem reported.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{Kind, Label, Object, Profile, Step, Switch, Table, Type, file, meaning};
use crate::snmp::Oid;

/// What is wrong with a profile, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Where in it, such as `table interface, object ifName`.
    pub place: String,
    /// What was found, and what would do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.is_empty() {
            true => write!(f, "{}: {}", self.file, self.what),
            false => write!(f, "{}: {}: {}", self.file, self.place, self.what),
        }
    }
}

struct Problems {
    file: String,
    list: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, place: &str, what: impl Into<String>) {
        self.list.push(Problem { file: self.file.clone(), place: place.to_owned(), what: what.into() });
    }
}

struct Parsed {
    file: String,
    includes: Vec<String>,
    profile: Profile,
}

/// Reads all files, later ones over earlier ones of the same name, and joins what they include.
pub(super) fn library(
    embedded: &[(&str, &str)],
    laid_over: &[(String, String)],
) -> Result<BTreeMap<Arc<str>, Arc<Profile>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut parsed: BTreeMap<Arc<str>, Parsed> = BTreeMap::new();
    let files = embedded.iter().copied().chain(laid_over.iter().map(|(n, t)| (n.as_str(), t.as_str())));
    for (name, text) in files {
        let mut found = Problems { file: name.to_owned(), list: Vec::new() };
        if let Some(one) = profile(name, text, &mut found) {
            parsed.insert(one.profile.name.clone(), one);
        }
        problems.append(&mut found.list);
    }
    if !parsed.contains_key(super::GENERIC) {
        problems.push(Problem { file: "generic.toml".into(), place: String::new(), what: "missing".into() });
    }
    let mut library = BTreeMap::new();
    for (name, one) in &parsed {
        let mut found = Problems { file: one.file.clone(), list: Vec::new() };
        let joined = join(one, &parsed, &mut found);
        references(&joined, &mut found);
        problems.append(&mut found.list);
        library.insert(name.clone(), Arc::new(joined));
    }
    if problems.is_empty() { Ok(library) } else { Err(problems) }
}

/// A profile with the tables of everything that it includes, directly or not.
fn join(one: &Parsed, all: &BTreeMap<Arc<str>, Parsed>, problems: &mut Problems) -> Profile {
    let mut whole = one.profile.clone();
    let mut seen: BTreeSet<&str> = BTreeSet::from([&*one.profile.name]);
    let mut open: Vec<&str> = one.includes.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        let Some(other) = all.get(name) else {
            problems.add("includes", format!("there is no profile {name:?}"));
            continue;
        };
        for table in &other.profile.tables {
            // Its own table of the same name replaces the included one.
            if !whole.tables.iter().any(|t| t.name == table.name) {
                whole.tables.push(table.clone());
            }
        }
        whole.rewalk.extend(other.profile.rewalk.iter().filter(|o| !one.profile.rewalk.contains(o)).cloned());
        open.extend(other.includes.iter().map(String::as_str));
    }
    whole
}

/// Every helper that is named exists.
fn references(profile: &Profile, problems: &mut Problems) {
    let everywhere: BTreeSet<&str> = profile.tables.iter().flat_map(|t| t.objects.iter()).map(|o| &*o.object).collect();
    for table in &profile.tables {
        let mut need = |place: &str, name: &str| {
            if !everywhere.contains(name) {
                problems.add(place, format!("there is no object {name:?} in this profile"));
            }
        };
        let place = format!("table {}", table.name);
        for name in table.discontinuity.iter().chain(&table.stale_by).chain(table.nominal.iter().map(|n| &n.0)) {
            need(&place, name);
        }
        for label in &table.labels {
            let place = format!("{place}, label {}", label.name);
            for step in &label.path {
                need(&place, &step.object);
            }
            if let Some(name) = &label.or {
                need(&place, name);
            }
        }
        for object in &table.objects {
            let place = format!("{place}, object {}", object.object);
            for name in object.helpers() {
                need(&place, name);
            }
        }
    }
}

impl Object {
    fn helpers(&self) -> impl Iterator<Item = &str> {
        let sensor = self.sensor.iter().flat_map(|(p, s)| [p, s]);
        let rest = [
            self.switch.as_ref().map(|s| &s.object),
            self.when.as_ref().map(|w| &w.0),
            self.off.as_ref().map(|o| &o.0),
            self.changed.as_ref(),
            self.times.as_ref(),
        ];
        sensor.chain(rest.into_iter().flatten()).map(|name| &**name)
    }
}

fn profile(name: &str, text: &str, problems: &mut Problems) -> Option<Parsed> {
    let file: file::File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            problems.add("", error.to_string().trim().to_owned());
            return None;
        }
    };
    if !word(&file.name, true) {
        problems.add("name", "a profile's name has small letters, digits and dashes");
    }
    let object_ids = file.matches.object_id.iter().filter_map(|o| oid(o, "match", problems)).collect();
    let rewalk = file.rewalk.iter().filter_map(|o| oid(o, "rewalk", problems)).collect();
    let mut tables: Vec<Table> = Vec::new();
    for table in file.table {
        if tables.iter().any(|t| *t.name == *table.name) {
            problems.add(&format!("table {}", table.name), "there is another table of this name");
        }
        tables.push(self::table(table, problems));
    }
    let profile = Profile {
        name: file.name.as_str().into(),
        title: file.title.into(),
        object_ids,
        descriptions: file.matches.description,
        tables,
        rewalk,
    };
    Some(Parsed { file: name.to_owned(), includes: file.includes, profile })
}

fn table(table: file::Table, problems: &mut Problems) -> Table {
    let place = format!("table {}", table.name);
    if !word(&table.name, false) {
        problems.add(&place, "a table's name has small letters, digits and underscores");
    }
    if table.scalar != table.labels.is_empty() {
        problems.add(&place, "scalars have no labels, and a table's rows need at least one to be told apart");
    }
    let labels = table
        .labels
        .into_iter()
        .map(|label| {
            let place = format!("{place}, label {}", label.name);
            if !word(&label.name, false) {
                problems.add(&place, "a label's name has small letters, digits and underscores");
            }
            let path = label.path.into_iter().map(|step| match step {
                file::Step::Plain(object) => Step { object: object.into(), keep: 0 },
                file::Step::Keep { object, keep } => Step { object: object.into(), keep },
            });
            Label {
                name: label.name.as_str().into(),
                at: label.at,
                strings: label.strings,
                path: path.collect(),
                or: label.or.map(Into::into),
                names: names(label.names, &place, problems),
            }
        })
        .collect();
    let mut objects: Vec<Object> = Vec::new();
    for object in table.object {
        let place = format!("{place}, object {}", object.object);
        let one = self::object(object, &place, problems);
        if objects.iter().any(|o| o.object == one.object && o.name.is_empty() == one.name.is_empty()) {
            problems.add(&place, "named twice");
        }
        if !one.name.is_empty() && objects.iter().any(|o| o.name == one.name && o.when == one.when) {
            problems.add(&place, format!("another object is called {:?} too", one.name));
        }
        objects.push(one);
    }
    Table {
        name: table.name.into(),
        scalar: table.scalar,
        labels,
        objects,
        discontinuity: table.discontinuity.map(Into::into),
        stale_by: table.stale_by.map(Into::into),
        nominal: table.nominal.map(|n| (n.object.into(), n.any)),
        only: table.only.into_iter().map(|o| (o.at, o.any)).collect(),
        required: table.required,
    }
}

fn object(object: file::Object, place: &str, problems: &mut Problems) -> Object {
    let carried = match object.carried.as_str() {
        "integer" => Type::Integer,
        "counter32" => Type::Counter32,
        "counter64" => Type::Counter64,
        "gauge32" => Type::Gauge32,
        "timeticks" => Type::TimeTicks,
        "text" => Type::Text,
        "oid" => Type::Oid,
        "address" => Type::Address,
        other => {
            let all = "integer, counter32, counter64, gauge32, timeticks, text, oid or address";
            problems.add(place, format!("type {other:?} is not known: write {all}"));
            Type::Integer
        }
    };
    let kind = match object.kind.as_deref() {
        Some("gauge") => Kind::Gauge,
        Some("counter") => Kind::Counter,
        Some("state") => Kind::State,
        Some("info") => Kind::Info,
        Some("timestamp") => Kind::Timestamp,
        None => Kind::Helper,
        Some(other) => {
            problems.add(place, format!("kind {other:?} is not known: write gauge, counter, state, info or timestamp"));
            Kind::Helper
        }
    };
    let counts = matches!(carried, Type::Counter32 | Type::Counter64);
    if (kind == Kind::Helper) != object.name.is_empty() {
        problems.add(place, "an object with a kind needs a name, one without a kind is a helper and has none");
    }
    if kind != Kind::Helper && !word(&object.name, false) {
        problems.add(place, "a name has small letters, digits and underscores");
    }
    if kind == Kind::Counter && !counts {
        problems.add(place, "a counter is carried as counter32 or counter64");
    }
    if kind == Kind::Gauge && counts != object.acts_as_gauge {
        problems.add(place, "a gauge that the MIB declares as a counter says acts_as_gauge = true, and no other does");
    }
    if kind == Kind::Timestamp && carried != Type::TimeTicks {
        problems.add(place, "a timestamp is carried as timeticks");
    }
    if kind == Kind::State && object.means.is_empty() && object.down_bits.is_none() {
        problems.add(place, "a state says what its values mean: means = { 1 = \"up\", 2 = \"down\" }, or down_bits");
    }
    if matches!(kind, Kind::Gauge | Kind::Counter) && object.unit.is_empty() {
        problems.add(place, "a number has a unit, such as seconds, bytes, ratio or packets");
    }
    if kind != Kind::State && (object.off.is_some() || object.changed.is_some()) {
        problems.add(place, "only a state can be off or dated");
    }
    let scale = object.scale.unwrap_or(1.0);
    if !scale.is_finite() || scale == 0.0 || object.switch.as_ref().is_some_and(|s| !s.scale.is_finite()) {
        problems.add(place, "a scale is a finite number other than 0");
    }
    let mut means = BTreeMap::new();
    for (value, word) in object.means {
        match (value.parse::<i64>(), meaning(&word)) {
            (Ok(value), Some(state)) => drop(means.insert(value, state)),
            _ => problems.add(
                place,
                format!(
                    "{value} = {word:?}: write a number and up, down, testing, not_present, lower_layer, dormant, off or unknown"
                ),
            ),
        }
    }
    let instead = object.instead.map(|other| {
        let place = format!("{place}, instead");
        Box::new(self::object(*other, &place, problems))
    });
    Object {
        name: object.name.into(),
        object: object.object.as_str().into(),
        oid: oid(&object.oid, place, problems).unwrap_or_else(|| Oid::new(&[0, 0])),
        carried,
        kind,
        unit: object.unit.into(),
        scale,
        absent: object.absent,
        names: names(object.names, place, problems),
        means,
        down_bits: object.down_bits,
        switch: object.switch.map(|s| Switch { object: s.object.into(), value: s.value, scale: s.scale }),
        sensor: object.sensor.map(|s| (s.precision.into(), s.si.into())),
        times: object.times.map(Into::into),
        when: object.when.map(|w| (w.object.into(), w.any)),
        off: object.off.map(|w| (w.object.into(), w.any)),
        changed: object.changed.map(Into::into),
        instead,
        bounded_by_speed: object.bounded_by_speed,
        fixed: object.fixed,
    }
}

fn names(map: BTreeMap<String, String>, place: &str, problems: &mut Problems) -> BTreeMap<i64, Arc<str>> {
    let mut out = BTreeMap::new();
    for (value, name) in map {
        match value.parse::<i64>() {
            Ok(value) => drop(out.insert(value, name.into())),
            Err(_) => problems.add(place, format!("{value:?} is not a number that could have a name")),
        }
    }
    out
}

fn oid(text: &str, place: &str, problems: &mut Problems) -> Option<Oid> {
    text.parse().map_err(|error| problems.add(place, format!("{text:?} is {error}"))).ok()
}

fn word(text: &str, dashes: bool) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == if dashes { '-' } else { '_' };
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::super::Library;

    #[test]
    fn every_problem_of_a_file_is_reported_at_once() {
        let text = r#"
name = "my-box"
title = "Mine"
includes = ["nobody"]
match = { object_id = ["1.3.x"] }

[[table]]
name = "Fans"
labels = [{ name = "fan", path = ["fanName"] }]
[[table.object]]
name = "speed"
object = "fanSpeed"
oid = "1.3.6.1.4.1.99999.1"
type = "counter32"
kind = "gauge"
[[table.object]]
name = "state"
object = "fanState"
oid = "1.3.6.1.4.1.99999.2"
type = "enum"
kind = "state"
means = { 1 = "fine" }
"#;
        let problems = Library::with(&[("my-box.toml".into(), text.into())]).unwrap_err();
        let all = problems.iter().map(|p| format!("{p}\n")).collect::<String>();
        for expected in [
            "there is no profile \"nobody\"",
            "\"1.3.x\" is not an object identifier",
            "a table's name has small letters",
            "there is no object \"fanName\" in this profile",
            "acts_as_gauge",
            "a number has a unit",
            "type \"enum\" is not known",
            "1 = \"fine\": write a number and up, down",
        ] {
            assert!(all.contains(expected), "{expected} is missing in\n{all}");
        }
    }

    #[test]
    fn a_file_of_the_same_name_replaces_the_embedded_profile() {
        let text = "name = \"ups\"\ntitle = \"Ours\"\n[[table]]\nname = \"battery\"\nscalar = true\n[[table.object]]\nname = \"charge\"\nobject = \"charge\"\noid = \"1.3.6.1.4.1.1.1\"\ntype = \"gauge32\"\nkind = \"gauge\"\nunit = \"ratio\"\nscale = 0.01\n";
        let library = Library::with(&[("ups.toml".into(), text.into())]).unwrap();
        assert_eq!(&*library.get("ups").unwrap().title, "Ours");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let problems =
            Library::with(&[("x.toml".into(), "name = \"x\"\ntitle = \"X\"\ncolour = 1\n".into())]).unwrap_err();
        assert!(problems[0].what.contains("colour"));
    }
}
