//! Series that alerts go by: what is left of a promise, who is kept quiet, and how far local time is from UTC.

use super::rows::Rows;
use crate::alert::quiet::Quiet;
use crate::snapshot::{AllowanceView, Snapshot};

/// A figure of each service's month.
pub(super) fn allowance(s: &Snapshot, rows: &mut Rows<'_>, of: fn(&AllowanceView) -> f64) {
    super::render::services(s, |labels, _, view| rows.gauge(&labels, view.allowance.as_ref().map(of)));
}

/// One series for each reason to raise no alert.
pub(super) fn quiet(s: &Snapshot, rows: &mut Rows<'_>) {
    let Quiet { parent_down, maintenance } = Quiet::of(s);
    for (n, component) in s.config.components.iter().enumerate() {
        let site = s.config.sites.get(component.site.get()).map_or("", |site| site.id.as_str());
        for (reason, holds) in [("parent_down", &parent_down), ("maintenance", &maintenance)] {
            let labels = [("site", site), ("component", component.id.as_str()), ("reason", reason)];
            rows.whole(&labels, u64::from(holds.get(n) == Some(&true)));
        }
    }
}

/// The offset that holds now, with its name in the zone, such as `BST`.
pub(super) fn utc_offset(s: &Snapshot, rows: &mut Rows<'_>) {
    let Ok(at) = jiff::Timestamp::from_second(s.at.0) else { return };
    let info = s.config.monitor.time_zone.to_offset_info(at);
    rows.gauge(&[("abbreviation", info.abbreviation())], Some(f64::from(info.offset().seconds())));
}
