//! What deciding has to remember between two looks: bounded by the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{LAG, TROUBLE, is_recent};
use crate::config::Config;
use crate::config::model::{ComponentKind, Measure};
use crate::names::{ClassIx, ComponentIx, ContractIx, ServiceIx, SiteIx};
use crate::snapshot::{ObjectiveView, Shown, Snapshot};
use crate::units::Sec;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Memory {
    config: Option<Arc<Config>>,
    /// Services that look at each component.
    users: Vec<Vec<ServiceIx>>,
    /// Devices of each site.
    devices: Vec<Vec<ComponentIx>>,
    /// Since when the last five minutes of a class are beyond a limit.
    beyond: BTreeMap<(ServiceIx, ClassIx, Measure), Sec>,
    /// When each site was last down.
    down: BTreeMap<SiteIx, Sec>,
    skipped: Rise,
    unwritten: Rise,
    lagging: Option<Sec>,
}

/// When a counter rose.
#[derive(Debug, Default, Clone, Copy)]
struct Rise {
    last: Option<u64>,
    at: Option<Sec>,
}

impl Rise {
    fn learn(&mut self, value: u64, now: Sec) {
        // What was counted before the first look is history.
        if self.last.is_some_and(|last| value > last) {
            self.at = Some(now);
        }
        self.last = Some(value);
    }

    fn within(&self, seconds: i64, now: Sec) -> bool {
        self.at.is_some_and(|at| (0..seconds).contains(&now.since(at)))
    }
}

impl Memory {
    pub(super) fn learn(&mut self, s: &Snapshot, now: Sec) {
        if !self.config.as_ref().is_some_and(|known| Arc::ptr_eq(known, &s.config)) {
            self.index(&s.config);
        }
        self.skipped.learn(s.monitor.scheduler_skipped, now);
        self.unwritten.learn(s.monitor.evidence_write_failures, now);
        self.lagging = (s.monitor.scheduler_lag > LAG).then(|| self.lagging.unwrap_or(now));
    }

    fn index(&mut self, config: &Arc<Config>) {
        self.users = vec![Vec::new(); config.components.len()];
        for (n, service) in config.services.iter().enumerate() {
            for component in service.requires.components() {
                let users = &mut self.users[component.get()];
                if users.last() != Some(&ServiceIx::from(n)) {
                    users.push(ServiceIx::from(n));
                }
            }
        }
        self.devices = vec![Vec::new(); config.sites.len()];
        for (n, component) in config.components.iter().enumerate() {
            if matches!(component.kind, ComponentKind::Device(_)) {
                self.devices[component.site.get()].push(ComponentIx::from(n));
            }
        }
        self.beyond.clear();
        self.down.clear();
        self.config = Some(config.clone());
    }

    /// The contract that answers for a component: when all services that look at it are under one.
    pub(super) fn contract(&self, component: ComponentIx, config: &Config) -> Option<ContractIx> {
        let mut contracts = self.users[component.get()].iter().map(|u| config.services[u.get()].contract);
        let first = contracts.next()?;
        contracts.all(|contract| contract == first).then_some(first)
    }

    pub(super) fn site_is_down(&mut self, site: SiteIx, now: Sec) {
        self.down.insert(site, now);
    }

    pub(super) fn site_was_down(&self, site: SiteIx, within: i64, now: Sec) -> bool {
        self.down.get(&site).is_some_and(|last| now.since(*last) < within)
    }

    pub(super) fn forget_sites(&mut self, after: i64, now: Sec) {
        self.down.retain(|_, last| now.since(*last) < after);
    }

    pub(super) fn devices(&self, site: SiteIx) -> Vec<ComponentIx> {
        self.devices[site.get()].clone()
    }

    /// Whether all services that look at the component are in maintenance. One that nobody looks at never is.
    pub(super) fn in_maintenance(&self, component: ComponentIx, s: &Snapshot) -> bool {
        let users = &self.users[component.get()];
        !users.is_empty() && users.iter().all(|u| s.services[u.get()].state == Shown::Maintenance)
    }

    pub(super) fn evidence_fails(&self, now: Sec) -> bool {
        self.unwritten.within(TROUBLE, now)
    }

    pub(super) fn late(&self, now: Sec) -> bool {
        self.skipped.within(TROUBLE, now) || self.lagging.is_some_and(|since| now.since(since) >= 60)
    }

    /// Since when five minutes of the objective's class are beyond its limit on some component of the service; `None`
    /// when they are not, or the measure is not looked at in five minutes.
    pub(super) fn beyond(&mut self, ix: ServiceIx, objective: &ObjectiveView, s: &Snapshot) -> Option<Sec> {
        let key = (ix, objective.class, objective.measure);
        let value = is_recent(objective.measure).then(|| worst(ix, objective, s)).flatten();
        let beyond = value.is_some_and(|value| match objective.measure {
            Measure::Mos => value < objective.limit,
            _ => value > objective.limit,
        });
        if !beyond {
            self.beyond.remove(&key);
            return None;
        }
        Some(*self.beyond.entry(key).or_insert(s.at))
    }
}

/// The worst of the service's components that are up; those that are down are told of otherwise.
fn worst(ix: ServiceIx, objective: &ObjectiveView, s: &Snapshot) -> Option<f64> {
    let components = s.config.services[ix.get()].requires.components();
    let values = components.into_iter().filter_map(|c| {
        let view = &s.components[c.get()];
        let class = view.classes.iter().find(|class| class.class == objective.class)?;
        // A handful of probes is no measurement: with two of them one lost is half of all.
        if view.state != Shown::Up || class.counts.sent < 60 {
            return None;
        }
        match objective.measure {
            Measure::Loss => class.loss,
            Measure::Jitter => class.jitter_rfc3550,
            Measure::PdvP99 => class.pdv_p99,
            Measure::Mos => class.voice.map(|v| v.mos),
            Measure::RttMean | Measure::RttP50 | Measure::RttP95 | Measure::RttP99 | Measure::RttMax => None,
        }
    });
    match objective.measure {
        Measure::Mos => values.reduce(f64::min),
        _ => values.reduce(f64::max),
    }
}
