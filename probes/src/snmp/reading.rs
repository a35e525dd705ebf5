//! From raw values through a profile to readings with names, labels and units. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::counter::{Delta, Gap, Width};
use super::interface::{State, Why};
use super::profile::{Kind, Label, Object, Profile, Table, Type};
use super::restart::since;
use super::walk::{Index, unique};
use super::{Oid, Value};

/// Everything brought in from a device, fixed columns of earlier polls included.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    /// Scalars by their object, without `.0`.
    pub scalars: HashMap<Oid, Value>,
    /// Columns by their object.
    pub columns: HashMap<Oid, BTreeMap<Index, Value>>,
    /// `sysUpTime` of the same poll.
    pub uptime: Option<u32>,
}

/// Labels of a row, in the profile's order.
pub type Labels = Arc<[(Arc<str>, String)]>;

/// One thing that a device says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// First part of its name: `interface`.
    pub table: Arc<str>,
    /// Last part of its name: `receive_bytes`.
    pub name: Arc<str>,
    /// Its name in the MIB.
    pub object: Arc<str>,
    /// Unit of a number.
    pub unit: Arc<str>,
    /// The row's labels; empty for scalars.
    pub labels: Labels,
    /// What tells the row from all others of this device, across renumbering.
    pub row: Arc<str>,
    /// The row's index now.
    pub index: Index,
    /// What it says.
    pub is: Is,
    /// Not fresh: the device's result is the one of an earlier poll, and must not be counted again.
    pub fresh: bool,
}

/// In words: `interface receive_bytes, interface Gi0/0: 123 bytes`.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)?;
        for (name, value) in self.labels.iter().filter(|(_, value)| !value.is_empty()) {
            write!(f, ", {name} {value}")?;
        }
        let unit = self.unit.replace('_', " ");
        match &self.is {
            Is::Number(number) => write!(f, ": {number} {unit}"),
            Is::Counter(count) => write!(f, ": {} {unit} so far", count.raw),
            Is::State(state, said, _) => write!(f, ": {} ({said})", state.word()),
            Is::Text(text) => write!(f, ": {text}"),
            Is::Ago(ago) => write!(f, ": {} s ago", ago.as_secs()),
        }?;
        if self.fresh { Ok(()) } else { f.write_str(", as before") }
    }
}

/// What a reading says.
#[derive(Debug, Clone, PartialEq)]
pub enum Is {
    /// A number in the reading's unit.
    Number(f64),
    /// A counter.
    Counter(Count),
    /// Works or does not; what the device calls it; `sysUpTime` at the last change, where it is told.
    State(State, Arc<str>, Option<u32>),
    /// For people.
    Text(String),
    /// It happened so long ago.
    Ago(Duration),
}

/// A counter's reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// As the device shows it.
    pub raw: u64,
    /// Its width.
    pub width: Width,
    /// The most that can be in a second.
    pub most_per_second: Option<u64>,
    /// The row's discontinuity time.
    pub discontinuity: Option<u32>,
    /// The sum of all known stretches since polling began: grows, and only grows.
    pub total: u64,
    /// What happened since the last poll.
    pub delta: Delta,
}

/// A profile's objects by name, for looking up helpers.
pub struct Reader<'a> {
    profile: &'a Profile,
    raw: &'a Raw,
    oids: HashMap<&'a str, &'a Oid>,
}

impl<'a> Reader<'a> {
    /// Over one poll.
    pub fn new(profile: &'a Profile, raw: &'a Raw) -> Reader<'a> {
        let oids = profile.tables.iter().flat_map(|t| &t.objects).map(|o| (&*o.object, &o.oid)).collect();
        Reader { profile, raw, oids }
    }

    /// All readings. Results whose time stamp is in `old` under the row's key are not fresh; new stamps are put in.
    pub fn readings(&self, old: &mut HashMap<Arc<str>, u32>) -> Vec<Reading> {
        let mut out = Vec::new();
        let mut taken: HashSet<Arc<str>> = HashSet::new();
        for table in &self.profile.tables {
            if table.scalar {
                self.scalars(table, &mut out);
            } else {
                self.rows(table, old, &mut taken, &mut out);
            }
        }
        out
    }

    fn scalars(&self, table: &Table, out: &mut Vec<Reading>) {
        let labels: Labels = Arc::from([]);
        for object in table.objects.iter().filter(|o| o.kind != Kind::Helper) {
            let Some(value) = self.raw.scalars.get(&object.oid) else { continue };
            if let Some(is) = self.is(object, value, &[], None, None) {
                out.push(reading(table, object, labels.clone(), table.name.clone(), Box::from([]), is, true));
            }
        }
    }

    fn rows(
        &self,
        table: &Table,
        old: &mut HashMap<Arc<str>, u32>,
        taken: &mut HashSet<Arc<str>>,
        out: &mut Vec<Reading>,
    ) {
        let shown: Vec<&Object> = table.objects.iter().filter(|o| o.kind != Kind::Helper).collect();
        let each = |o: &Object| self.raw.columns.get(&o.oid).into_iter().flat_map(BTreeMap::keys).collect::<Vec<_>>();
        let mut indices: Vec<&Index> = shown
            .iter()
            .flat_map(|o| each(o).into_iter().chain(o.instead.as_deref().map(each).unwrap_or_default()))
            .filter(|index| table.only.iter().all(|(at, any)| index.get(*at).is_some_and(|arc| any.contains(arc))))
            .collect();
        indices.sort_unstable();
        indices.dedup();
        for index in indices {
            let labels: Labels = table.labels.iter().map(|l| (l.name.clone(), self.label(l, index))).collect();
            let mut wanted = table.name.to_string();
            for (name, value) in labels.iter() {
                wanted.extend([" ", name, "=", value]);
            }
            let row = unique(wanted, index, |k| taken.contains(k));
            taken.insert(row.clone());
            let fresh = match table.stale_by.as_deref().and_then(|o| self.ticks(o, index)) {
                Some(stamp) => old.insert(row.clone(), stamp) != Some(stamp),
                None => true,
            };
            let nominal = table
                .nominal
                .as_ref()
                .is_some_and(|(helper, any)| self.helper(helper, index).is_some_and(|v| any.contains(&v)));
            let speed = if nominal { None } else { self.speed(table, index) };
            let interrupted = table.discontinuity.as_deref().and_then(|o| self.ticks(o, index));
            for object in &shown {
                let found = self.cell(object, index, speed, interrupted).or_else(|| {
                    let instead = object.instead.as_deref()?;
                    self.cell(instead, index, speed, interrupted)
                });
                if let Some(is) = found {
                    out.push(reading(table, object, labels.clone(), row.clone(), index.clone(), is, fresh));
                }
            }
        }
    }

    fn cell(&self, object: &Object, index: &[u32], speed: Option<u64>, interrupted: Option<u32>) -> Option<Is> {
        let value = self.raw.columns.get(&object.oid)?.get(index)?;
        self.is(object, value, index, speed, interrupted)
    }

    /// The line's speed in bit/s, if the table has a reading called so.
    fn speed(&self, table: &Table, index: &[u32]) -> Option<u64> {
        let object = table.objects.iter().find(|o| &*o.name == "speed" && o.kind == Kind::Gauge)?;
        let instead = || self.cell(object.instead.as_deref()?, index, None, None);
        match self.cell(object, index, None, None).or_else(instead)? {
            Is::Number(speed) if speed >= 1.0 => Some(speed as u64),
            _ => None,
        }
    }

    fn is(
        &self,
        object: &Object,
        value: &Value,
        index: &[u32],
        speed: Option<u64>,
        interrupted: Option<u32>,
    ) -> Option<Is> {
        if matches!(value, Value::Absent(_) | Value::Null) {
            return None;
        }
        if let Some((helper, any)) = &object.when
            && !self.helper(helper, index).is_some_and(|v| any.contains(&v))
        {
            return None;
        }
        let number = value.number();
        if let Some(number) = number
            && object.absent.iter().any(|a| i128::from(*a) == number)
        {
            return None;
        }
        Some(match object.kind {
            Kind::Helper => return None,
            Kind::Info => Is::Text(self.info(object, value)?),
            Kind::Timestamp => Is::Ago(since(self.raw.uptime?, ticks(value)?)?),
            Kind::State => {
                let raw = i64::try_from(number?).ok()?;
                let (state, said) = self.state(object, raw, index);
                Is::State(state, said, object.changed.as_deref().and_then(|c| self.ticks(c, index)))
            }
            Kind::Gauge => Is::Number(self.scaled(object, number?, index)?),
            Kind::Counter => {
                let width = match value {
                    Value::Counter64(_) => Width::Bits64,
                    _ => Width::Bits32,
                };
                let most_per_second = match (object.bounded_by_speed, &*object.unit) {
                    (true, _) => speed.map(|s| s / 8),
                    // The shortest packet that an internet line carries has some 40 octets.
                    (false, "packets") => speed.map(|s| s / 8 / 40),
                    _ => None,
                };
                Is::Counter(Count {
                    raw: u64::try_from(number?).ok()?,
                    width,
                    most_per_second: most_per_second.filter(|m| *m > 0),
                    discontinuity: interrupted,
                    total: 0,
                    delta: Delta::Gap(Gap::First),
                })
            }
        })
    }

    fn info(&self, object: &Object, value: &Value) -> Option<String> {
        let named = value.number().and_then(|n| i64::try_from(n).ok()).and_then(|n| object.names.get(&n));
        let text = named.map(|n| n.to_string()).or_else(|| value.text())?;
        (!text.is_empty()).then_some(text)
    }

    fn state(&self, object: &Object, raw: i64, index: &[u32]) -> (State, Arc<str>) {
        let said = |n: i64| object.names.get(&n).cloned().unwrap_or_else(|| n.to_string().into());
        if let Some((helper, any)) = &object.off
            && self.helper(helper, index).is_some_and(|v| any.contains(&v))
        {
            return (State::AdministrativelyDown, said(raw));
        }
        if let Some(mask) = object.down_bits {
            let set: Vec<Arc<str>> = (0..32).map(|bit| 1i64 << bit).filter(|b| raw & b != 0).map(said).collect();
            let state = if raw & i64::from(mask) != 0 { State::Down(Why::Down) } else { State::Up };
            return (state, set.iter().map(|s| &**s).collect::<Vec<_>>().join(" ").into());
        }
        (object.means.get(&raw).copied().unwrap_or(State::Unknown), said(raw))
    }

    fn scaled(&self, object: &Object, number: i128, index: &[u32]) -> Option<f64> {
        let mut scale = object.scale;
        if let Some(switch) = &object.switch
            && self.helper(&switch.object, index) == Some(switch.value)
        {
            scale = switch.scale;
        }
        if let Some((precision, si)) = &object.sensor {
            // RFC 3433: precision −8 to 9; scale 1 (yocto, 10^−24) to 17 (yotta), 9 is units. Beyond these nobody
            // knows what the number means.
            let precision = self.helper(precision, index).filter(|p| (-8..=9).contains(p))?;
            let si = self.helper(si, index).filter(|s| (1..=17).contains(s))?;
            let power = i32::try_from((si - 9) * 3 - precision.max(0)).ok()?;
            scale *= 10f64.powi(power);
        }
        if let Some(helper) = &object.times {
            scale *= self.helper(helper, index)? as f64;
        }
        Some(number as f64 * scale)
    }

    fn helper_value(&self, object: &str, index: &[u32]) -> Option<&Value> {
        let oid = *self.oids.get(object)?;
        self.raw.columns.get(oid).and_then(|c| c.get(index)).or_else(|| self.raw.scalars.get(oid))
    }

    fn helper(&self, object: &str, index: &[u32]) -> Option<i64> {
        self.helper_value(object, index)?.number().and_then(|n| i64::try_from(n).ok())
    }

    fn ticks(&self, object: &str, index: &[u32]) -> Option<u32> {
        ticks(self.helper_value(object, index)?)
    }

    fn label(&self, label: &Label, index: &[u32]) -> String {
        let (texts, rest) = split_strings(index, label.strings);
        let from: Vec<u32> = match label.at.as_slice() {
            [] => index.to_vec(),
            [one] if *one < texts.len() => return texts[*one].clone(),
            places => places.iter().filter_map(|at| rest.get(at.checked_sub(texts.len())?).copied()).collect(),
        };
        let found = self.follow(label, from).filter(|text| !text.is_empty());
        let or = || self.helper_value(label.or.as_deref()?, index)?.text().filter(|t| !t.is_empty());
        // What has no name has its number, but an absent text stays empty: an interface without a description.
        let number = || match label.path.last() {
            Some(_) if label.or.is_none() && self.leads_to_text(label) => String::new(),
            _ => index.iter().map(u32::to_string).collect::<Vec<_>>().join("."),
        };
        found.or_else(or).unwrap_or_else(number)
    }

    fn leads_to_text(&self, label: &Label) -> bool {
        let last = label.path.last().map(|s| &s.object);
        let all = self.profile.tables.iter().flat_map(|t| &t.objects);
        label.path.len() == 1 && all.into_iter().any(|o| Some(&o.object) == last && o.carried == Type::Text)
    }

    fn follow(&self, label: &Label, from: Vec<u32>) -> Option<String> {
        let named = |n: i128| i64::try_from(n).ok().and_then(|n| label.names.get(&n)).map(|n| n.to_string());
        let Some((last, steps)) = label.path.split_last() else {
            if let [one] = from.as_slice()
                && let Some(name) = named(i128::from(*one))
            {
                return Some(name);
            }
            return Some(from.iter().map(u32::to_string).collect::<Vec<_>>().join("."));
        };
        let mut at = from;
        for (step, next) in steps.iter().zip(&label.path[1..]) {
            let value = u32::try_from(self.helper(&step.object, &at)?).ok()?;
            at.truncate(next.keep);
            at.push(value);
        }
        let value = self.helper_value(&last.object, &at)?;
        value.number().and_then(named).or_else(|| value.text())
    }
}

/// So many length-prefixed texts at the front of an index, and what follows.
fn split_strings(index: &[u32], strings: usize) -> (Vec<String>, &[u32]) {
    let mut texts = Vec::new();
    let mut rest = index;
    for _ in 0..strings {
        let Some((length, after)) = rest.split_first() else { break };
        let Some((text, after)) = usize::try_from(*length).ok().and_then(|n| after.split_at_checked(n)) else { break };
        let bytes: Vec<u8> = text.iter().map(|arc| u8::try_from(*arc).unwrap_or(b'?')).collect();
        texts.push(Value::Bytes(bytes.into()).text().unwrap_or_default());
        rest = after;
    }
    (texts, rest)
}

fn ticks(value: &Value) -> Option<u32> {
    value.number().and_then(|n| u32::try_from(n).ok())
}

fn reading(
    table: &Table,
    object: &Object,
    labels: Labels,
    row: Arc<str>,
    index: Index,
    is: Is,
    fresh: bool,
) -> Reading {
    let (table, name) = (table.name.clone(), object.name.clone());
    let (object, unit) = (object.object.clone(), object.unit.clone());
    Reading { table, name, object, unit, labels, row, index, is, fresh }
}
