//! Another configuration: what keeps its identifier keeps what is known of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::figures::Objectives;
use super::target::{ClassStats, Purpose, Target};
use super::{Core, PATIENCE_NS, SENTINEL_INTERVAL, SENTINEL_TIMEOUT};
use crate::clock::Now;
use crate::config::Config;
use crate::config::model::{Host, IcmpProbing};
use crate::daemon::isolation::Isolation;
use crate::evidence;
use crate::measurement::{Cause, Outcome};
use crate::names::{ClassIx, ComponentIx, ServiceIx};
use crate::sla::exclusion::Agreed;
use crate::sla::ledger::Limits;
use crate::snapshot::ExclusionView;

impl Core {
    /// Goes on with another configuration: what is known of things that keep their identifier is kept.
    /// Only the evidence knows the past of those whose terms changed. Says in words what changed.
    pub fn reload(&mut self, config: Config, now: Now) -> String {
        self.abandon_rounds(now);
        let old = std::mem::replace(&mut self.config, Arc::new(config));
        let (fold, anew) = self.fold.reload(&old, &self.config, &self.agreed_anew(&old), now.sec(), Limits::LIVE);
        self.fold = fold;
        self.agreed = self.agreed_anew(&old);
        self.exclusions = self.exclusions_anew(&old);
        self.faults.reload(&self.config);
        if !self.keeping {
            for service in anew {
                let service = &self.config.services[service.get()].id;
                tracing::warn!(%service, "its hours, term or exclusions changed: its accounts begin anew");
            }
        }
        self.isolation = Isolation::new(self.config.monitor.sentinels.len(), PATIENCE_NS);
        self.connected(now.sec());
        self.objectives = Objectives::new(&self.config);
        self.since_asked = None;
        self.rename(&old);
        let before = std::mem::take(&mut self.targets);
        self.targets = self.aim(before);
        self.totals.reload_failed = false;
        self.tick(now);
        let (was, is) = (old.components.len(), self.config.components.len());
        format!("watching {is} components and {} services (before: {was} components)", self.config.services.len())
    }

    /// Rounds in flight, and losses that wait for the sentinels, cannot be waited for any more: they end as skipped.
    fn abandon_rounds(&mut self, now: Now) {
        for slot in 0..u32::try_from(self.targets.len()).unwrap_or(u32::MAX) {
            let abandoned = self.targets[slot as usize].abandon(Cause::Skipped);
            self.complete(slot, abandoned, now);
        }
        for (slot, waiting) in std::mem::take(&mut self.held) {
            for mut complete in waiting {
                if self.must_wait(&complete, now) {
                    complete.outcomes.fill(Outcome::NotMeasured(Cause::Skipped));
                }
                self.judged(slot, complete, now);
            }
        }
    }

    /// Minutes under way follow their components and classes to the new indices; what has none is complete.
    fn rename(&mut self, old: &Config) {
        let stated = self.interfaces.take_all();
        self.stated(stated);
        let components = self.config.component_by_id();
        let classes: BTreeMap<&str, ClassIx> =
            self.config.classes.iter().enumerate().map(|(n, c)| (c.id.as_str(), ClassIx::from(n))).collect();
        let new = |component: ComponentIx, class: ClassIx| {
            let component = old.components.get(component.get()).and_then(|c| components.get(c.id.as_str()))?;
            let class = old.classes.get(class.get()).and_then(|c| classes.get(c.id.as_str()))?;
            Some((*component, *class))
        };
        let ended = self.minutes.remap(new);
        self.interfaces.rename(|component| components.get(old.components.get(component.get())?.id.as_str()).copied());
        if self.keeping {
            self.kept.minutes.extend(ended.into_iter().map(|minute| (minute, self.meaning.clone())));
        }
        self.meaning = Arc::new(evidence::names::Names::of(&self.config));
    }

    /// The agreed exclusions by the indices of the present configuration, from those by the old one's.
    fn agreed_anew(&self, old: &Config) -> Vec<Agreed> {
        let services: BTreeMap<&str, ServiceIx> =
            self.config.services.iter().enumerate().map(|(n, s)| (s.id.as_str(), ServiceIx::from(n))).collect();
        let new = |ix: &ServiceIx| services.get(old.services.get(ix.get())?.id.as_str()).copied();
        let agreed = self.agreed.iter();
        agreed.map(|a| Agreed { services: a.services.iter().filter_map(new).collect(), span: a.span }).collect()
    }

    fn exclusions_anew(&self, old: &Config) -> Arc<[ExclusionView]> {
        let new = |ix: &ServiceIx| self.config.service(old.services.get(ix.get())?.id.as_str());
        let services = |view: &ExclusionView| view.services.iter().filter_map(new).collect::<Vec<_>>();
        let anew = self.exclusions.iter().map(|view| ExclusionView { services: services(view), ..view.clone() });
        anew.filter(|view| !view.services.is_empty()).collect()
    }

    /// Targets for the present configuration; those that are probed as before keep what they have shown.
    pub(super) fn aim(&mut self, before: Vec<Target>) -> Vec<Target> {
        // Answers to requests of before must not find a round of now.
        self.generation = self.generation.wrapping_add(0x1_0001);
        let mut known: BTreeMap<(Host, Vec<ClassIx>), Vec<ClassStats>> = BTreeMap::new();
        for target in before {
            known.insert((target.host.clone(), target.probing.classes.clone()), target.classes);
        }
        let mut targets = Vec::new();
        for (n, component) in self.config.components.iter().enumerate() {
            if let (Some(host), Some(probing)) = (&component.address, &component.icmp) {
                let purpose = Purpose::Component(ComponentIx::from(n));
                targets.push(Target::new(purpose, host.clone(), probing.clone(), self.generation));
            }
        }
        for (n, host) in self.config.monitor.sentinels.iter().enumerate() {
            let probing = IcmpProbing {
                interval: SENTINEL_INTERVAL,
                timeout: SENTINEL_TIMEOUT,
                size: 64,
                classes: vec![ClassIx(0)],
            };
            targets.push(Target::new(Purpose::Sentinel(n), host.clone(), probing, self.generation));
        }
        for target in &mut targets {
            if let Some(stats) = known.remove(&(target.host.clone(), target.probing.classes.clone())) {
                target.classes = stats;
            }
        }
        self.devices.aim(&self.config);
        self.names.retain(targets.iter().map(|t| &t.host).chain(self.devices.hosts()));
        self.find_devices();
        targets
    }
}
