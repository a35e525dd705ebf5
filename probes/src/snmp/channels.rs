//! How many of a gateway's channels are in service and how many are busy, from whatever its profile reads. Pure.

use std::collections::BTreeMap;

use super::reading::{Is, Reading};

/// The channels of one trunk. What the device does not tell is `None`, and never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Channels {
    /// Ready to carry a call, busy or not.
    pub in_service: Option<u32>,
    /// Carrying or setting up a call.
    pub busy: Option<u32>,
}

/// The trunk that stands for a whole gateway where it does not tell trunks apart.
pub const WHOLE: &str = "all";

/// The trunk that stands for a gateway's analogue ports.
pub const ANALOGUE: &str = "analogue";

/// Channels by trunk: ISDN bearer channels are grouped by the part of their name before the colon
/// (`Serial0/1/0:15`), AudioCodes trunks and trunk groups by number.
///
/// Where a gateway tells how many are in service of all its trunks together only, and how many are busy of each, what
/// is busy in all of them stands beside it, so that somebody can tell when there is no channel left.
pub fn by_trunk(readings: &[Reading]) -> BTreeMap<String, Channels> {
    let mut trunks: BTreeMap<String, Channels> = BTreeMap::new();
    let add = |slot: &mut Option<u32>, more: u32| *slot = Some(slot.unwrap_or(0).saturating_add(more));
    for reading in readings {
        let label = reading.labels.first().map(|(_, value)| value.as_str()).unwrap_or_default();
        match (&*reading.table, &*reading.name, &reading.is) {
            ("bearer", "call", Is::Text(call)) => {
                let trunk = trunks.entry(label.split(':').next().unwrap_or(label).to_owned()).or_default();
                add(&mut trunk.in_service, 1);
                add(&mut trunk.busy, u32::from(matches!(call.as_str(), "connecting" | "connected" | "active")));
            }
            ("analogue_port", "hook", Is::Text(hook)) => {
                let trunk = trunks.entry(ANALOGUE.to_owned()).or_default();
                add(&mut trunk.in_service, 1);
                add(&mut trunk.busy, u32::from(hook == "offHook"));
            }
            ("trunk_channels", "busy", Is::Number(number)) => {
                add(&mut trunks.entry(label.to_owned()).or_default().busy, whole(*number));
            }
            ("gateway_channels", "in_service", Is::Number(number)) => {
                add(&mut trunks.entry(WHOLE.to_owned()).or_default().in_service, whole(*number));
            }
            _ => {}
        }
    }
    let together = trunks.get(WHOLE).is_some_and(|whole| whole.busy.is_none() && whole.in_service.is_some());
    let apart = trunks.iter().filter(|(trunk, _)| *trunk != WHOLE && *trunk != ANALOGUE);
    if together && apart.clone().all(|(_, channels)| channels.in_service.is_none()) {
        let busy = apart.filter_map(|(_, channels)| channels.busy).reduce(u32::saturating_add);
        trunks.entry(WHOLE.to_owned()).or_default().busy = busy;
    }
    trunks
}

fn whole(number: f64) -> u32 {
    number.clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(table: &str, name: &str, label: &str, is: Is) -> Reading {
        let labels = vec![("trunk".into(), label.to_owned())].into();
        let (row, index) = (label.into(), [1].into());
        let (table, name) = (table.into(), name.into());
        Reading { table, name, object: "x".into(), unit: "".into(), labels, row, index, is, fresh: true }
    }

    #[test]
    fn bearer_channels_are_counted_by_trunk() {
        let call = |channel: &str, call: &str| reading("bearer", "call", channel, Is::Text(call.into()));
        let readings = [
            call("Serial0/1/0:0", "idle"),
            call("Serial0/1/0:1", "active"),
            call("Serial0/1/0:2", "connecting"),
            call("Serial0/2/0:0", "idle"),
        ];
        let trunks = by_trunk(&readings);
        assert_eq!(trunks["Serial0/1/0"], Channels { in_service: Some(3), busy: Some(2) });
        assert_eq!(trunks["Serial0/2/0"], Channels { in_service: Some(1), busy: Some(0) });
    }

    #[test]
    fn what_is_in_service_in_all_trunks_is_held_against_what_is_busy_in_all_of_them() {
        let busy = |trunk: &str, n: f64| reading("trunk_channels", "busy", trunk, Is::Number(n));
        let whole = reading("gateway_channels", "in_service", "0", Is::Number(60.0));
        let trunks = by_trunk(&[busy("0", 30.0), busy("1", 29.0), whole.clone()]);
        assert_eq!(trunks[WHOLE], Channels { in_service: Some(60), busy: Some(59) });
        assert_eq!(trunks["1"], Channels { in_service: None, busy: Some(29) });
        // Whoever tells nothing of its trunks tells nothing of what is busy; ports are in service by themselves.
        let hook = reading("analogue_port", "hook", "1", Is::Text("offHook".into()));
        let trunks = by_trunk(&[hook, whole]);
        assert_eq!(trunks[WHOLE], Channels { in_service: Some(60), busy: None });
    }

    #[test]
    fn what_is_not_told_is_not_zero() {
        let trunks = by_trunk(&[reading("trunk_channels", "busy", "1", Is::Number(12.0))]);
        assert_eq!(trunks["1"], Channels { in_service: None, busy: Some(12) });
        assert!(by_trunk(&[]).is_empty());
    }
}
