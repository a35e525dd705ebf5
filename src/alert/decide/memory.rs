//! What deciding has to remember between two looks: bounded by the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{LINGER, SKIPPED, UNWRITTEN};
use crate::alert::catalogue::{LAG_S, MIN_BAD_MINUTES};
use crate::alert::message::Labels;
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
    /// Services of each site.
    services: Vec<Vec<ServiceIx>>,
    /// Devices of each site.
    devices: Vec<Vec<ComponentIx>>,
    /// Which minutes were bad, for objectives that had any.
    bad: BTreeMap<(ServiceIx, ClassIx, Measure), Minutes>,
    /// When what has to hold for a while was first seen, and last.
    pending: BTreeMap<Labels, (Sec, Sec)>,
    /// When each site was last down.
    down: BTreeMap<SiteIx, Sec>,
    skipped: Rise,
    unwritten: Rise,
    lagging: bool,
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
        self.lagging = s.monitor.scheduler_lag > LAG_S;
    }

    fn index(&mut self, config: &Arc<Config>) {
        self.users = vec![Vec::new(); config.components.len()];
        self.services = vec![Vec::new(); config.sites.len()];
        for (n, service) in config.services.iter().enumerate() {
            self.services[service.site.get()].push(ServiceIx::from(n));
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
        self.bad.clear();
        self.down.clear();
        self.config = Some(config.clone());
    }

    /// Contracts of the services that look at a component.
    pub(super) fn contracts_of(&self, component: ComponentIx, config: &Config) -> BTreeSet<ContractIx> {
        self.users[component.get()].iter().map(|u| config.services[u.get()].contract).collect()
    }

    /// Contracts of the services at a site.
    pub(super) fn contracts_of_site(&self, site: SiteIx, config: &Config) -> BTreeSet<ContractIx> {
        self.services[site.get()].iter().map(|u| config.services[u.get()].contract).collect()
    }

    pub(super) fn site_is_down(&mut self, site: SiteIx, now: Sec) {
        self.down.insert(site, now);
    }

    pub(super) fn site_was_down(&self, site: SiteIx, now: Sec) -> bool {
        self.down.get(&site).is_some_and(|last| now.since(*last) < LINGER)
    }

    /// Since when the alert's condition holds without a break.
    pub(super) fn first_seen(&mut self, labels: &Labels, now: Sec) -> Sec {
        match self.pending.get_mut(labels) {
            Some((first, last)) => {
                *last = now;
                *first
            }
            None => {
                self.pending.insert(labels.clone(), (now, now));
                now
            }
        }
    }

    /// Lets go of what did not come up in this look.
    pub(super) fn forget(&mut self, now: Sec) {
        self.pending.retain(|_, (_, last)| *last == now);
        self.down.retain(|_, last| now.since(*last) < LINGER);
        self.bad.retain(|_, minutes| minutes.last_bad.is_some_and(|last| now.since(last) < WINDOW * 60));
    }

    pub(super) fn devices(&self, site: SiteIx) -> Vec<ComponentIx> {
        self.devices[site.get()].clone()
    }

    pub(super) fn evidence_fails(&self, now: Sec) -> bool {
        self.unwritten.within(UNWRITTEN, now)
    }

    pub(super) fn late(&self, now: Sec) -> bool {
        self.skipped.within(SKIPPED, now) || self.lagging
    }

    /// Since when there are too many bad minutes of an objective's class, on some component of the service. A minute
    /// is bad when the five minutes before it are beyond the limit.
    pub(super) fn bad_minutes(&mut self, ix: ServiceIx, objective: &ObjectiveView, s: &Snapshot) -> Option<Sec> {
        let key = (ix, objective.class, objective.measure);
        let beyond = worst(ix, objective, s).is_some_and(|value| match objective.measure {
            Measure::Mos => value < objective.limit,
            _ => value > objective.limit,
        });
        if beyond {
            self.bad.entry(key).or_default().mark(s.at);
        }
        self.bad.get_mut(&key)?.too_many(s.at)
    }
}

/// The last hour, a bit a minute, the newest lowest.
#[derive(Debug, Default, Clone, Copy)]
struct Minutes {
    bits: u64,
    newest: i64,
    last_bad: Option<Sec>,
    since: Option<Sec>,
}

/// Minutes of the long window.
const WINDOW: i64 = 60;
/// Minutes of the short window: it goes on.
const SHORT: u32 = 5;

impl Minutes {
    fn pass(&mut self, now: Sec) {
        let minute = now.0.div_euclid(60);
        let passed = u32::try_from(minute - self.newest).unwrap_or(0);
        self.bits = self.bits.checked_shl(passed).unwrap_or(0) & ((1 << WINDOW) - 1);
        self.newest = minute.max(self.newest);
    }

    fn mark(&mut self, now: Sec) {
        self.pass(now);
        self.bits |= 1;
        self.last_bad = Some(now);
    }

    fn too_many(&mut self, now: Sec) -> Option<Sec> {
        self.pass(now);
        let recent = self.bits & ((1 << SHORT) - 1);
        let many = self.bits.count_ones() >= MIN_BAD_MINUTES && recent != 0;
        self.since = many.then(|| self.since.unwrap_or(now));
        self.since
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
