//! Series that say who is who, what needs what and since when, so that a dashboard can name people and places.
//!
//! A Grafana table or an alert joins them by identifier: `… * on (service) group_left (title, class) assured_service_info`.

use std::collections::BTreeSet;

use super::rows::Rows;
use crate::config::model::ComponentKind;
use crate::sla::calendar::Month;
use crate::snapshot::{ServiceView, Snapshot};
use crate::units::Sec;

/// Titles and waves of sites.
pub(super) fn sites(s: &Snapshot, rows: &mut Rows<'_>) {
    for site in &s.config.sites {
        let wave = site.wave.as_deref().unwrap_or_default();
        rows.info(&[("site", site.id.as_str()), ("title", &site.title), ("wave", wave)]);
    }
}

/// Titles and kinds of components; a link names its device, and its interface where that counts.
pub(super) fn components(s: &Snapshot, rows: &mut Rows<'_>) {
    for component in &s.config.components {
        let (device, interface) = match &component.kind {
            ComponentKind::Device(_) => (component.id.as_str(), ""),
            ComponentKind::Link(link) => {
                let device = s.config.components.get(link.device.get()).map_or("", |d| d.id.as_str());
                (device, link.interface.as_deref().unwrap_or_default())
            }
        };
        rows.info(&[
            ("site", s.config.sites.get(component.site.get()).map_or("", |site| site.id.as_str())),
            ("component", component.id.as_str()),
            ("title", &component.title),
            ("kind", super::render::kind_name(&component.kind)),
            ("device", device),
            ("interface", interface),
        ]);
    }
}

/// Titles, classes and terms of services.
pub(super) fn services(s: &Snapshot, rows: &mut Rows<'_>) {
    super::render::services(s, |[site, id, contract], of, _| {
        let class = s.config.classes.get(of.class.get()).map_or("", |c| c.id.as_str());
        let sla = s.config.slas.get(of.sla.get()).map_or("", |sla| sla.id.as_str());
        rows.info(&[site, id, contract, ("title", &of.title), ("class", class), ("sla", sla)]);
    });
}

/// One series for each component that a service looks at, however deep in its tree.
pub(super) fn requirements(s: &Snapshot, rows: &mut Rows<'_>) {
    super::render::services(s, |[site, id, contract], of, _| {
        let needed: BTreeSet<_> = of.requires.components().into_iter().collect();
        for component in needed.into_iter().filter_map(|c| s.config.components.get(c.get())) {
            rows.info(&[site, id, contract, ("component", component.id.as_str())]);
        }
    });
}

/// Whom to call.
pub(super) fn contacts(s: &Snapshot, rows: &mut Rows<'_>) {
    for contract in &s.config.contracts {
        let who = &contract.contact;
        rows.info(&[
            ("contract", contract.id.as_str()),
            ("name", &who.name),
            ("phone", &who.phone),
            ("email", &who.email),
        ]);
    }
}

/// A service's share of its monthly charge that is at risk, by what was so far and by what no good luck can mend.
pub(super) fn credit(s: &Snapshot, rows: &mut Rows<'_>) {
    super::render::services(s, |[site, id, contract], _, view| {
        if let Some(credit) = view.credit {
            rows.gauge(&[site, id, contract, ("basis", "so_far")], Some(credit.so_far));
            rows.gauge(&[site, id, contract, ("basis", "certain")], Some(credit.certain));
        }
    });
}

/// An instant of each service.
pub(super) fn service_instants(s: &Snapshot, rows: &mut Rows<'_>, of: fn(&ServiceView) -> Option<Sec>) {
    super::render::services(s, |labels, _, view| rows.gauge(&labels, of(view).map(|at| at.0 as f64)));
}

/// First instant of the monitor's local month, or of the next one.
pub(super) fn month(s: &Snapshot, of_next: bool) -> Option<f64> {
    let span = Month::of(s.at, &s.config.monitor.time_zone).span(&s.config.monitor.time_zone);
    Some((if of_next { span.to } else { span.from }).0 as f64)
}
