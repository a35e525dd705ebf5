//! Which of a device's interfaces a configuration means. Pure.
//!
//! By ifName or ifAlias, as it is written; failing that without regard to case, or with the interface's type written
//! out or cut short (`GigabitEthernet0/0` and `Gi0/0`). A name that fits two interfaces fits none.

use assured_probes::snmp::reading::Reading;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found<'a> {
    /// Its operational state.
    One(&'a Reading),
    /// No interface has this name.
    None,
    /// More than one has.
    Several,
}

/// Finds an interface's operational state among what a device says.
#[must_use]
pub fn find<'a>(readings: &'a [Reading], wanted: &str) -> Found<'a> {
    let states = || readings.iter().filter(|r| &*r.table == "interface" && &*r.name == "oper");
    let ways: [&dyn Fn(&Reading) -> bool; 4] = [
        &|r| label(r, "interface") == wanted,
        &|r| label(r, "alias") == wanted,
        &|r| label(r, "interface").eq_ignore_ascii_case(wanted) || label(r, "alias").eq_ignore_ascii_case(wanted),
        &|r| same_written_out(label(r, "interface"), wanted),
    ];
    for fits in ways {
        let mut fitting = states().filter(|r| fits(r));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => return Found::One(one),
            (Some(_), Some(_)) => return Found::Several,
            (None, _) => {}
        }
    }
    Found::None
}

/// A row's label; empty when it has none of this name.
#[must_use]
pub fn label<'a>(reading: &'a Reading, name: &str) -> &'a str {
    reading.labels.iter().find(|(n, _)| &**n == name).map_or("", |(_, value)| value.as_str())
}

/// `Gi0/0` and `GigabitEthernet0/0`: the same place, and one type begins with the other.
fn same_written_out(a: &str, b: &str) -> bool {
    let split = |s: &str| {
        let at = s.find(|c: char| !c.is_ascii_alphabetic() && c != '-').unwrap_or(s.len());
        (s[..at].trim_end_matches('-').to_ascii_lowercase(), s[at..].trim().to_owned())
    };
    let ((type_a, place_a), (type_b, place_b)) = (split(a), split(b));
    let shorter = type_a.len().min(type_b.len());
    shorter >= 2 && !place_a.is_empty() && place_a == place_b && type_a[..shorter] == type_b[..shorter]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assured_probes::snmp::interface::State;
    use assured_probes::snmp::reading::Is;

    use super::*;

    fn oper(name: &str, alias: &str) -> Reading {
        Reading {
            table: "interface".into(),
            name: "oper".into(),
            object: "ifOperStatus".into(),
            unit: "".into(),
            labels: Arc::from([("interface".into(), name.to_owned()), ("alias".into(), alias.to_owned())]),
            row: name.into(),
            index: Box::from([]),
            is: Is::State(State::Up, "up".into(), None),
            fresh: true,
        }
    }

    fn found(all: &[Reading], wanted: &str) -> Option<String> {
        match find(all, wanted) {
            Found::One(r) => Some(label(r, "interface").to_owned()),
            Found::None | Found::Several => None,
        }
    }

    #[test]
    fn an_interface_is_known_by_name_alias_or_its_type_written_out() {
        let all =
            [oper("Gi0/0", "to the core"), oper("Gi0/1", "TO THE CORE 2"), oper("Te0/0", ""), oper("Gi0/1.100", "")];
        for (wanted, name) in [
            ("Gi0/0", Some("Gi0/0")),
            ("to the core", Some("Gi0/0")),
            ("to the core 2", Some("Gi0/1")),
            ("GigabitEthernet0/1", Some("Gi0/1")),
            ("gigabitethernet0/1.100", Some("Gi0/1.100")),
            ("TenGigE0/0", Some("Te0/0")),
            ("G0/0", None),
            ("Gi0/2", None),
            ("", None),
        ] {
            assert_eq!(found(&all, wanted).as_deref(), name, "{wanted}");
        }
    }

    #[test]
    fn a_name_that_fits_two_interfaces_fits_none() {
        let all = [oper("eth0", "wan"), oper("eth1", "wan")];
        assert_eq!(find(&all, "wan"), Found::Several);
        assert_eq!(find(&[oper("", ""), oper("", "")], ""), Found::Several);
    }
}
