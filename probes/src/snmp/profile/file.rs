//! A profile's file as it is written: every field optional that can be, nothing checked but its shape.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub name: String,
    pub title: String,
    #[serde(default)]
    pub includes: Vec<String>,
    #[serde(default, rename = "match")]
    pub matches: Match,
    #[serde(default)]
    pub rewalk: Vec<String>,
    #[serde(default)]
    pub table: Vec<Table>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Match {
    #[serde(default)]
    pub object_id: Vec<String>,
    #[serde(default)]
    pub description: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub name: String,
    #[serde(default)]
    pub scalar: bool,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub labels: Vec<Label>,
    pub discontinuity: Option<String>,
    pub stale_by: Option<String>,
    pub nominal: Option<When>,
    #[serde(default)]
    pub only: Vec<Only>,
    pub object: Vec<Object>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Only {
    pub at: usize,
    pub any: Vec<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Label {
    pub name: String,
    #[serde(default)]
    pub at: Vec<usize>,
    #[serde(default)]
    pub strings: usize,
    #[serde(default)]
    pub path: Vec<Step>,
    pub or: Option<String>,
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    Plain(String),
    Keep { object: String, keep: usize },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object {
    #[serde(default)]
    pub name: String,
    pub object: String,
    pub oid: String,
    #[serde(rename = "type")]
    pub carried: String,
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub unit: String,
    pub scale: Option<f64>,
    #[serde(default)]
    pub absent: Vec<i64>,
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    #[serde(default)]
    pub means: BTreeMap<String, String>,
    pub down_bits: Option<u32>,
    pub switch: Option<Switch>,
    pub sensor: Option<Sensor>,
    pub times: Option<String>,
    pub when: Option<When>,
    pub off: Option<When>,
    pub changed: Option<String>,
    pub instead: Option<Box<Object>>,
    #[serde(default)]
    pub bounded_by_speed: bool,
    #[serde(default)]
    pub acts_as_gauge: bool,
    #[serde(default)]
    pub fixed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    pub object: String,
    pub value: i64,
    pub scale: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sensor {
    pub precision: String,
    pub si: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    pub object: String,
    pub any: Vec<i64>,
}
