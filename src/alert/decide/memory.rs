//! What deciding has to remember between two looks: bounded by the configuration.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{LINGER, RESTARTED, SKIPPED, UNWRITTEN};
use crate::alert::catalogue::{FAST, LAG_S, MIN_BAD_MINUTES};
use crate::alert::message::Labels;
use crate::config::Config;
use crate::config::model::{ComponentKind, Measure};
use crate::names::{ClassIx, ComponentIx, ContractIx, ServiceIx, SiteIx};
use crate::snapshot::{ObjectiveView, Snapshot};
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
    /// The daemon's counts of judged and bad minutes when they were last looked at.
    judged: BTreeMap<(ServiceIx, ClassIx, Measure), (u64, u64)>,
    /// When minutes were bad, for objectives that had any.
    bad: BTreeMap<(ServiceIx, ClassIx, Measure), Minutes>,
    /// When what has to hold for a while was first seen, and last.
    pending: BTreeMap<Labels, (Sec, Sec)>,
    /// When each site was last down.
    down: BTreeMap<SiteIx, Sec>,
    /// Restarts of each device that is polled.
    restarts: BTreeMap<ComponentIx, Rise>,
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
        for device in s.devices.iter().filter(|d| d.polled.is_some()) {
            self.restarts.entry(device.component).or_default().learn(device.restarts, now);
        }
        self.lagging = s.monitor.scheduler_lag > LAG_S;
    }

    /// Whether the device restarted a short while ago.
    pub(super) fn restarted(&self, device: ComponentIx, now: Sec) -> bool {
        self.restarts.get(&device).is_some_and(|rise| rise.within(RESTARTED, now))
    }

    fn index(&mut self, config: &Arc<Config>) {
        self.restarts.clear();
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
        self.judged.clear();
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
        self.bad.retain(|_, history| !history.is_clean());
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

    /// Whether there are too many bad minutes of an objective, by the daemon's counts of them. `allowed` is the share of
    /// time that may be down.
    pub(super) fn bad_minutes(&mut self, ix: ServiceIx, objective: &ObjectiveView, allowed: f64, now: Sec) -> bool {
        let key = (ix, objective.class, objective.measure);
        let known = self.judged.entry(key).or_insert((objective.minutes, objective.bad_minutes));
        let (minutes, bad) = *known;
        // What was counted before the first look is history; a count that fell began anew.
        *known = (objective.minutes, objective.bad_minutes);
        if objective.bad_minutes > bad || self.bad.contains_key(&key) {
            let history = self.bad.entry(key).or_default();
            let more = |is: u64, was: u64| u32::try_from(is.saturating_sub(was)).unwrap_or(0);
            history.learn(more(objective.minutes, minutes), more(objective.bad_minutes, bad), now);
        }
        self.bad.get(&key).is_some_and(|history| history.too_many(allowed))
    }
}

/// Six hours of minutes that were judged after the first bad one, oldest first: how many, and how many of them were bad.
#[derive(Debug, Default, Clone)]
struct Minutes {
    counts: VecDeque<(Sec, u32, u32)>,
    begun: Option<Sec>,
    now: Sec,
}

impl Minutes {
    fn learn(&mut self, minutes: u32, bad: u32, now: Sec) {
        self.begun.get_or_insert(now);
        self.now = now;
        if minutes > 0 {
            self.counts.push_back((now, minutes, bad.min(minutes)));
        }
        let longest = FAST.iter().map(|w| i64::from(w.long_s)).max().unwrap_or(0);
        while self.counts.front().is_some_and(|(at, ..)| now.since(*at) >= longest) {
            self.counts.pop_front();
        }
    }

    fn is_clean(&self) -> bool {
        self.counts.iter().all(|(_, _, bad)| *bad == 0)
    }

    /// Minutes judged and bad in the last `window_s` seconds. Before the first bad one all were good.
    fn within(&self, window_s: u32) -> (u32, u32) {
        let window = i64::from(window_s);
        let of = self.counts.iter().filter(|(at, ..)| self.now.since(*at) < window);
        let (minutes, bad) = of.fold((0, 0), |(minutes, bad), (_, m, b)| (minutes + m, bad + b));
        let before = self.begun.map_or(0, |begun| window - self.now.since(begun)).max(0) / 60;
        (minutes + u32::try_from(before).unwrap_or(0), bad)
    }

    fn too_many(&self, allowed: f64) -> bool {
        FAST.iter().zip(BAD_IN_SHORT).any(|(w, least_short)| {
            let ((minutes, bad), (_, bad_short)) = (self.within(w.long_s), self.within(w.short_s));
            let least = MIN_BAD_MINUTES * w.long_s / 3_600 / if w.long_s > 3_600 { 2 } else { 1 };
            let factor = w.spent * 2_592_000.0 / f64::from(w.long_s);
            bad >= least && bad_short >= least_short && f64::from(bad) > factor * allowed * f64::from(minutes)
        })
    }
}

/// Least bad minutes in the short window of each of the [`FAST`] pairs, as the rules for Prometheus have it.
const BAD_IN_SHORT: [u32; 2] = [3, 5];
