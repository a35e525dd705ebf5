//! Profiles: which objects to read, what they mean and how they become readings. Data, not code.
//!
//! ```text
//! probes/profiles/*.toml ─► file (mirror) ─► check (every problem at once) ─► Profile ─► Library
//! ```
//!
//! A new device needs a new file, not new code. [`Library::with`] lays files from a folder over the embedded
//! ones: same name, the folder's wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Oid;
use super::interface::{State, Why};

mod check;
mod file;

pub use check::Problem;

/// How a value is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Type {
    Integer,
    Counter32,
    Counter64,
    Gauge32,
    TimeTicks,
    Text,
    Oid,
    Address,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number as it is now.
    Gauge,
    /// A number that only grows.
    Counter,
    /// Works or does not.
    State,
    /// Text or a named value, for people.
    Info,
    /// `sysUpTime` at which something happened: read as "so long ago".
    Timestamp,
    /// Only used to read the others: a name, a unit, an index of another table.
    Helper,
}

/// One object of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Last part of the reading's name, such as `receive_bytes`. Empty for helpers.
    pub name: Arc<str>,
    /// Its name in the MIB.
    pub object: Arc<str>,
    /// Column or scalar, without instance.
    pub oid: Oid,
    /// How it is carried.
    pub carried: Type,
    /// What it is.
    pub kind: Kind,
    /// Unit of the reading after scaling, in base units (`seconds`, `bytes`, `ratio`, `celsius` …).
    pub unit: Arc<str>,
    /// Raw value times this is the reading.
    pub scale: f64,
    /// Raw values that mean "there is none".
    pub absent: Vec<i64>,
    /// Names of raw values, as the MIB has them.
    pub names: BTreeMap<i64, Arc<str>>,
    /// For states: what raw values mean. Others are unknown.
    pub means: BTreeMap<i64, State>,
    /// For states that are sums of bits: any of these is down; without them up.
    pub down_bits: Option<u32>,
    /// Another scale when a helper of the same index (in any table) has this value: `rttMonEchoAdminPrecision`.
    pub switch: Option<Switch>,
    /// Sensors: helpers that hold the decimal precision and the SI scale (RFC 3433).
    pub sensor: Option<(Arc<str>, Arc<str>)>,
    /// The helper whose value multiplies the reading: the allocation unit of a storage.
    pub times: Option<Arc<str>>,
    /// Read this one only where a helper of the same row has one of these values.
    pub when: Option<(Arc<str>, Vec<i64>)>,
    /// For states: the row is switched off on purpose when this helper has one of these values.
    pub off: Option<(Arc<str>, Vec<i64>)>,
    /// For states: the helper that holds `sysUpTime` at the last change.
    pub changed: Option<Arc<str>>,
    /// The object to use where this one does not exist: 32 bits instead of 64.
    pub instead: Option<Box<Object>>,
    /// For octet counters: the helper or reading with the line's speed in bit/s bounds what is plausible.
    pub bounded_by_speed: bool,
    /// Walked once, and again when the device says that its tables changed.
    pub fixed: bool,
}

/// See [`Object::switch`].
#[derive(Debug, Clone, PartialEq)]
pub struct Switch {
    /// The helper.
    pub object: Arc<str>,
    /// At this value …
    pub value: i64,
    /// … this scale.
    pub scale: f64,
}

/// How a row gets a label.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The label's name.
    pub name: Arc<str>,
    /// Which parts of the row's index to start from; empty: all.
    pub at: Vec<usize>,
    /// So many parts at the front of the index are texts with their length before them; the rest are single arcs.
    pub strings: usize,
    /// Helpers to go through: each one's value is the next one's index. Empty: the index is the label.
    pub path: Vec<Step>,
    /// A helper to take when the path leads nowhere or to an empty text.
    pub or: Option<Arc<str>>,
    /// Names for numbers.
    pub names: BTreeMap<i64, Arc<str>>,
}

/// One step of a label's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The helper, in any table.
    pub object: Arc<str>,
    /// How many arcs of the index before stay in front of the value.
    pub keep: usize,
}

/// Objects that share an index; or scalars, when `scalar`.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// First part of its readings' names, such as `interface`.
    pub name: Arc<str>,
    /// Its objects are scalars.
    pub scalar: bool,
    /// What tells rows apart, and what a reading is labelled with.
    pub labels: Vec<Label>,
    /// The objects.
    pub objects: Vec<Object>,
    /// The helper with the row's discontinuity time.
    pub discontinuity: Option<Arc<str>>,
    /// The helper with `sysUpTime` of the row's result: unmoved, the result is an old one.
    pub stale_by: Option<Arc<str>>,
    /// Rows whose speed is a configured word and no line's: it bounds nothing when this helper has one of these values.
    pub nominal: Option<(Arc<str>, Vec<i64>)>,
    /// Rows to read: at this place of the index one of these arcs.
    pub only: Vec<(usize, Vec<u32>)>,
    /// An agent of this kind has to have it: where it is missing, an access view hides it.
    pub required: bool,
}

/// A profile as it is used: its own tables and those of what it includes.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// As configuration names it.
    pub name: Arc<str>,
    /// For people.
    pub title: Arc<str>,
    /// Matches a `sysObjectID` below one of these.
    pub object_ids: Vec<Oid>,
    /// Matches a `sysDescr` of this form: `*` stands for anything.
    pub descriptions: Vec<String>,
    /// Tables and groups of scalars.
    pub tables: Vec<Table>,
    /// Scalars that move when tables change: then everything is walked anew.
    pub rewalk: Vec<Oid>,
}

/// The profiles that are there.
#[derive(Debug, Clone, PartialEq)]
pub struct Library {
    profiles: BTreeMap<Arc<str>, Arc<Profile>>,
}

/// The name of the profile that fits everything.
pub const GENERIC: &str = "generic";

const EMBEDDED: [(&str, &str); 9] = [
    ("audiocodes.toml", include_str!("../../../profiles/audiocodes.toml")),
    ("cisco-ios.toml", include_str!("../../../profiles/cisco-ios.toml")),
    ("cisco-ios-xe.toml", include_str!("../../../profiles/cisco-ios-xe.toml")),
    ("cisco-voice-gateway.toml", include_str!("../../../profiles/cisco-voice-gateway.toml")),
    ("generic.toml", include_str!("../../../profiles/generic.toml")),
    ("juniper.toml", include_str!("../../../profiles/juniper.toml")),
    ("linux.toml", include_str!("../../../profiles/linux.toml")),
    ("routing.toml", include_str!("../../../profiles/routing.toml")),
    ("ups.toml", include_str!("../../../profiles/ups.toml")),
];

impl Library {
    /// The embedded profiles.
    pub fn embedded() -> Library {
        Library::with(&[]).expect("the embedded profiles are checked by a test")
    }

    /// The embedded profiles with these files (name and text) laid over them.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn with(files: &[(String, String)]) -> Result<Library, Vec<Problem>> {
        check::library(&EMBEDDED, files).map(|profiles| Library { profiles })
    }

    /// By name.
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(|n| &**n)
    }

    /// The one that fits a device best: by the longest `sysObjectID`, then by `sysDescr`, else [`GENERIC`].
    pub fn choose(&self, object_id: Option<&Oid>, description: &str) -> &Arc<Profile> {
        let rank = |p: &Arc<Profile>| {
            let wanted = &p.descriptions;
            let described = wanted.iter().map(String::as_str).filter(|d| glob(d, description)).map(str::len).max();
            let below = object_id
                .and_then(|id| p.object_ids.iter().filter(|o| id.below(o).is_some()).map(|o| o.arcs().len()).max());
            match (below, described) {
                (None, None) => None,
                // Both are named, and only one fits: another model of the same make.
                (Some(_), None) if !wanted.is_empty() => None,
                (below, described) => Some((below.unwrap_or(0), described.unwrap_or(0))),
            }
        };
        let best = self.profiles.values().filter_map(|p| rank(p).map(|r| (r, p))).max_by(|a, b| a.0.cmp(&b.0));
        match best {
            Some((_, profile)) => profile,
            None => self.profiles.get(GENERIC).expect("a library without the generic profile is refused"),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for anything. Letters count whatever their case.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The word for a state in a profile.
fn meaning(word: &str) -> Option<State> {
    Some(match word {
        "up" => State::Up,
        "down" => State::Down(Why::Down),
        "testing" => State::Down(Why::Testing),
        "not_present" => State::Down(Why::NotPresent),
        "lower_layer" => State::Down(Why::LowerLayer),
        "dormant" => State::Down(Why::Dormant),
        "off" => State::AdministrativelyDown,
        "unknown" => State::Unknown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_profiles_hold() {
        let problems = Library::with(&[]).err().unwrap_or_default();
        assert!(problems.is_empty(), "{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>());
    }

    #[test]
    fn a_pattern_fits_what_it_should() {
        for (pattern, text, fits) in [
            ("*Cisco IOS Software*", "Cisco IOS Software, C3560", true),
            ("*IOS*Version 15*", "Cisco IOS Software, Version 15.0(2)", true),
            ("Linux *", "Linux host 6.1", true),
            ("linux *", "Linux host 6.1", true),
            ("Linux", "Linux host", false),
            ("*ends", "it ends", true),
            ("*ends", "it ends not", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_best_fit_is_chosen() {
        let library = Library::embedded();
        let choose = |id: &str, text: &str| library.choose(Some(&id.parse().unwrap()), text).name.to_string();
        assert_eq!(
            choose("1.3.6.1.4.1.9.1.1706", "Cisco IOS Software, ISR Software (X86_64_LINUX_IOSD)"),
            "cisco-ios-xe"
        );
        assert_eq!(
            choose("1.3.6.1.4.1.9.1.633", "Cisco IOS Software, C3560 Software, Version 15.0(2)SE11"),
            "cisco-ios"
        );
        assert_eq!(choose("1.3.6.1.4.1.9.1.1045", "Cisco IOS Software, C2900 Software"), "cisco-voice-gateway");
        assert_eq!(choose("1.3.6.1.4.1.9.12.3.1.3.719", "Cisco NX-OS(tm) n5000"), "cisco-ios");
        assert_eq!(choose("1.3.6.1.4.1.534.1", "Powerware UPS"), "ups");
        assert_eq!(choose("1.3.6.1.4.1.2636.1.1.1.2.25", "Juniper Networks, Inc. mx960"), "juniper");
        assert_eq!(choose("1.3.6.1.4.1.5003.8.1.1.24", "Product: MP-118 FXS"), "audiocodes");
        assert_eq!(choose("1.3.6.1.4.1.8072.3.2.10", "Linux ups 6.1"), "linux");
        assert_eq!(choose("1.3.6.1.4.1.99999.1", "Something else"), "generic");
        assert_eq!(&*library.choose(None, "").name, "generic");
    }
}
