//! What a device said over SNMP, arranged for people and for machines. Pure.

pub mod fragment;
pub mod text;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::interface::State;
use assured_probes::snmp::poll::Report;
use assured_probes::snmp::reading::{Is, Reading};
use assured_probes::snmp::restart::since;
use assured_probes::snmp::{Access, Failure, Outcome};
use serde_json::{Map, Value, json};

/// Who chose the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// `--profile`.
    CommandLine(String),
    /// The configuration, for this device.
    Configuration(String, String),
    /// The device's own words.
    Auto,
}

impl Chosen {
    /// The profile's name, when somebody named it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Chosen::CommandLine(name) | Chosen::Configuration(name, _) => Some(name),
            Chosen::Auto => None,
        }
    }
}

/// A device asked once.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Where its agent was asked.
    pub address: SocketAddr,
    /// Name of the credential.
    pub credential: String,
    /// Version and protection, in words.
    pub version: String,
    /// Who chose the profile.
    pub chosen: Chosen,
    /// What came of it.
    pub report: Report,
    /// How long it took.
    pub took: Duration,
}

/// One interface, its readings brought together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interface {
    /// `ifName`, else `ifDescr`; may be empty.
    pub name: String,
    /// `ifAlias`.
    pub alias: String,
    /// `ifIndex`.
    pub index: u32,
    /// `ifType`, as the MIB names it, else its number.
    pub kind: String,
    /// What its status means; `None` when it has none.
    pub state: Option<State>,
    /// Its status in the MIB's words.
    pub said: String,
    /// In bit/s, when the device tells.
    pub speed: Option<f64>,
    /// How long it has been in this state.
    pub since: Option<Since>,
    /// Counters by name, as the device shows them.
    pub counters: BTreeMap<Arc<str>, u64>,
}

/// Since when an interface has been in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// For so long.
    Ago(Duration),
    /// Since the agent started, or longer.
    Start,
}

impl Survey {
    /// Whether the agent let us in and answered to the end. A hidden table is said, but is no failure.
    pub fn worked(&self) -> bool {
        self.report.outcome == Outcome::Ok
    }

    /// A value of the group `device`.
    pub fn device(&self, name: &str) -> Option<&str> {
        self.report.readings.iter().find_map(|r| match &r.is {
            Is::Text(text) if &*r.table == "device" && &*r.name == name && !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
    }

    /// Its interfaces, in the device's order.
    pub fn interfaces(&self) -> Vec<Interface> {
        let uptime = self.report.uptime.map(ticks);
        let mut all: BTreeMap<(&[u32], &str), Interface> = BTreeMap::new();
        for reading in self.report.readings.iter().filter(|r| &*r.table == "interface") {
            let interface = all.entry((&reading.index, &reading.row)).or_default();
            interface.index = reading.index.last().copied().unwrap_or_default();
            for (name, value) in reading.labels.iter() {
                match &**name {
                    "interface" => interface.name.clone_from(value),
                    "alias" => interface.alias.clone_from(value),
                    _ => {}
                }
            }
            match (&*reading.name, &reading.is) {
                ("oper", Is::State(state, said, changed)) => {
                    interface.state = Some(*state);
                    interface.said = said.to_string();
                    interface.since = match (*changed, uptime) {
                        (Some(0), _) => Some(Since::Start),
                        (Some(stamp), Some(uptime)) => since(uptime, stamp).map(Since::Ago),
                        _ => None,
                    };
                }
                ("type", Is::Text(kind)) => interface.kind.clone_from(kind),
                // Tunnels and the like say 0 for "I cannot tell".
                ("speed", Is::Number(speed)) => interface.speed = Some(*speed).filter(|s| *s > 0.0),
                (_, Is::Counter(count)) => drop(interface.counters.insert(reading.name.clone(), count.raw)),
                _ => {}
            }
        }
        all.into_values().collect()
    }

    /// Why this profile.
    pub fn because(&self) -> String {
        match &self.chosen {
            Chosen::CommandLine(_) => return "named on the command line".into(),
            Chosen::Configuration(_, device) => return format!("the configuration names it for {device}"),
            Chosen::Auto => {}
        }
        let Some(profile) = &self.report.profile else { return String::new() };
        let id = self.report.object_id.as_ref();
        let fits = id
            .and_then(|id| profile.object_ids.iter().filter(|o| id.below(o).is_some()).max_by_key(|o| o.arcs().len()));
        let described = profile
            .descriptions
            .iter()
            .find(|d| assured_probes::snmp::profile::glob(d, &self.report.description))
            .map(|d| d.trim_matches('*').replace('*', " … "));
        match (id, fits, described) {
            (Some(id), Some(below), Some(words)) => {
                format!("sysObjectID {id} is below {below}, sysDescr has \"{words}\"")
            }
            (Some(id), Some(below), None) => format!("sysObjectID {id} is below {below}"),
            (_, None, Some(words)) => format!("sysDescr has \"{words}\""),
            (Some(id), None, None) => format!("no profile knows sysObjectID {id}: what every agent tells"),
            (None, ..) => "the device tells no sysObjectID: what every agent tells".into(),
        }
    }

    /// What is wrong with the access, and what to do; empty when nothing is.
    pub fn advice(&self) -> &'static str {
        let community = self.version.starts_with("v1") || self.version.starts_with("v2c");
        match (self.report.access, &self.report.failure) {
            (Access::Silent, _) if community => {
                "SNMP v1 and v2c do not tell a wrong community from a dead agent. Check on the device that SNMP is on, \
                 that its access list lets this machine in, and the community; and on the way that UDP gets through."
            }
            (Access::Silent, _) => {
                "Not even the question who the agent is was answered, so it is not the password. Check on the device \
                 that SNMP v3 is on and that its access list lets this machine in; and on the way that UDP gets through."
            }
            (Access::WrongPassword, _) => {
                "The agent knows the user and refuses the signature. Compare the authentication protocol, then the \
                 password, with the device."
            }
            (Access::WrongPrivacy, _) => {
                "User and authentication are right. Compare the privacy protocol, then its password, with the device; \
                 some devices lengthen keys for AES-192 and AES-256 in their own way."
            }
            (Access::UnknownUser, _) => {
                "The agent runs v3, but has no user of this name. Compare the name, or create the user."
            }
            (Access::UnsupportedLevel, _) => {
                "The agent knows the user, but not with this protection. Give the user this authentication and privacy \
                 on the device, or take away here what it does not have."
            }
            (Access::ClockSkew, _) => {
                "The agent refuses the time that it told itself. Restart its SNMP agent; look for two devices with the \
                 same engine identity."
            }
            (Access::UnknownEngine, _) => "The agent refuses the identity that it told itself. Restart its SNMP agent.",
            (Access::Denied, _) => {
                "The agent knows us and says no. Give the user or community a read view on the device."
            }
            (Access::Hidden, _) => {
                "It answers, but the interface table is not there. Widen the view of this user or community on the \
                 device; what was read is below."
            }
            (Access::Open, Some(Failure::Timeout)) => {
                "It began to answer and then did not go on in time: a slow agent, or large answers are lost on the way. \
                 What was read is below."
            }
            (Access::Open, Some(_)) => "What was read until then is below.",
            (Access::Open, None) => "",
        }
    }

    /// What a machine reads.
    pub fn json(&self) -> Value {
        let report = &self.report;
        let interfaces: Vec<Value> = self
            .interfaces()
            .into_iter()
            .map(|i| {
                let mut object = json!({
                    "name": i.name,
                    "alias": i.alias,
                    "index": i.index,
                    "type": i.kind,
                    "state": i.state.map(word),
                    "oper_status": i.said,
                    "admin_down": i.state == Some(State::AdministrativelyDown),
                    "speed_bits_per_second": i.speed,
                    "since_seconds": match i.since { Some(Since::Ago(ago)) => Some(ago.as_secs()), _ => None },
                    "since_start": i.since == Some(Since::Start),
                });
                if let Some(object) = object.as_object_mut() {
                    object.extend(i.counters.iter().map(|(name, raw)| (name.to_string(), json!(raw))));
                }
                object
            })
            .collect();
        let trunks: Map<String, Value> = assured_probes::snmp::channels::by_trunk(&report.readings)
            .into_iter()
            .map(|(trunk, c)| (trunk, json!({ "in_service": c.in_service, "busy": c.busy })))
            .collect();
        json!({
            "address": self.address,
            "credential": self.credential,
            "version": self.version,
            "access": report.access.label(),
            "access_means": report.access.to_string(),
            "advice": self.advice(),
            "outcome": report.outcome.label(),
            "failure": report.failure.as_ref().map(ToString::to_string),
            "profile": report.profile.as_ref().map(|p| json!({
                "name": &*p.name, "title": &*p.title, "because": self.because(),
            })),
            "object_id": report.object_id.as_ref().map(ToString::to_string),
            "description": report.description,
            "uptime_seconds": report.uptime.map(|u| u.as_secs()),
            "requests": report.requests,
            "seconds": self.took.as_secs_f64(),
            "interfaces": interfaces,
            "channels": trunks,
            "readings": report.readings.iter().map(reading).collect::<Vec<_>>(),
            "not_whole": report.flaws.iter().map(|(oid, flaw)| json!({
                "object": oid.to_string(), "because": flaw_in_words(*flaw),
            })).collect::<Vec<_>>(),
        })
    }
}

/// `sysUpTime` again, as the device tells it.
fn ticks(uptime: Duration) -> u32 {
    // It came from 32 bits.
    u32::try_from(uptime.as_millis() / 10).unwrap_or(u32::MAX)
}

/// A state as a machine reads it.
pub fn word(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Down(_) => "down",
        State::AdministrativelyDown => "off",
        State::Unknown => "unknown",
    }
}

/// Why a column is not whole.
pub fn flaw_in_words(flaw: assured_probes::snmp::fetch::Flaw) -> &'static str {
    use assured_probes::snmp::fetch::Flaw;
    match flaw {
        Flaw::TooManyRows => "it has more rows than are read",
        Flaw::NotIncreasing => "the agent goes round in a circle",
        Flaw::TooBig => "not even one value fits an answer",
        Flaw::Refused => "the agent refuses it",
    }
}

fn reading(r: &Reading) -> Value {
    let labels: Map<String, Value> = r.labels.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    let index: Vec<String> = r.index.iter().map(u32::to_string).collect();
    let mut object = json!({
        "table": &*r.table,
        "name": &*r.name,
        "object": &*r.object,
        "labels": labels,
        "index": index.join("."),
    });
    let more = match &r.is {
        Is::Number(number) => json!({ "value": number, "unit": &*r.unit }),
        Is::Counter(count) => json!({ "counter": count.raw, "unit": &*r.unit }),
        Is::State(state, said, _) => json!({ "state": word(*state), "said": &**said }),
        Is::Text(text) => json!({ "text": text }),
        Is::Ago(ago) => json!({ "seconds_ago": ago.as_secs() }),
    };
    if let (Some(object), Some(more)) = (object.as_object_mut(), more.as_object()) {
        object.extend(more.clone());
    }
    object
}
