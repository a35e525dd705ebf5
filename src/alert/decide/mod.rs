//! Which alerts stand: a snapshot, what was seen before, and now in; alerts with their starts out. No clock, no I/O.
//!
//! What is unknown neither raises an alert nor ends one: it is left as it was for a while
//! ([`Stands::Perhaps`]). Maintenance and exclusions raise nothing. A component behind another that
//! is down raises nothing either, unless it had raised an alert before: that one would seem to be over.

pub mod burn;
mod describe;
mod memory;

use std::sync::Arc;

use self::describe::Case;
pub use self::memory::Memory;
use super::message::Labels;
use super::queue::{Decided, Stands};
use crate::clock::Now;
use crate::config::Config;
use crate::config::model::{ComponentKind, Formula, Measure};
use crate::names::{ComponentIx, ServiceIx, SiteIx};
use crate::sla::exclusion::{Agreed, of_service};
use crate::sla::restore::RestoreClock;
use crate::snapshot::{ServiceView, Shown, Snapshot};
use crate::units::Sec;

/// Alerts of the month's figures wait until so much of it was measured, seconds: one bad minute in the first ten
/// says nothing of the month.
pub const MIN_MEASURED: u64 = 3_600;
/// So much of the month's allowed down time is left when it is low.
pub const BUDGET_LOW: f64 = 0.25;
/// A site counts as down for so long after its first device answers, seconds: what was silent behind it comes back
/// piece by piece, and would be told of meanwhile.
pub const LINGER: i64 = 10;
/// A restore deadline is near so many seconds before it passes.
pub const DEADLINE_NEAR: i64 = 3_600;
/// Five minutes of a class beyond its limit must go on for so long, seconds.
pub const QUALITY_FOR: i64 = 300;
/// So late the scheduler may be for a moment, seconds.
pub const LAG: f64 = 1.0;
/// So long it may be late, or evidence stay unwritten, before it is said; and so long nothing must fail before it is over.
pub const TROUBLE: i64 = 300;

/// Everything that can be said of `snapshot` at `now`. `since` tells since when an alert has been standing.
#[must_use]
pub fn decide(
    snapshot: &Snapshot,
    memory: &mut Memory,
    now: Now,
    since: impl Fn(&Labels) -> Option<Sec>,
) -> Vec<Decided> {
    memory.learn(snapshot, now.sec());
    let mut look = Look { s: snapshot, memory, now: now.sec(), since: &since, out: Vec::new() };
    look.monitor();
    for n in 0..snapshot.config.sites.len() {
        look.site(SiteIx::from(n));
    }
    for n in 0..snapshot.components.len() {
        look.component(ComponentIx::from(n));
    }
    look.memory.forget_sites(LINGER, now.sec());
    let agreed: Vec<Agreed> =
        (snapshot.exclusions.iter()).map(|e| Agreed { services: e.services.clone(), span: e.span }).collect();
    for n in 0..snapshot.services.len() {
        look.service(ServiceIx::from(n), &agreed);
    }
    look.out
}

struct Look<'a> {
    s: &'a Snapshot,
    memory: &'a mut Memory,
    now: Sec,
    since: &'a dyn Fn(&Labels) -> Option<Sec>,
    out: Vec<Decided>,
}

impl Look<'_> {
    /// The alert stands since then.
    fn raise(&mut self, case: Case, since: Sec) {
        let labels = case.labels(self.s);
        // What is resumed after a restart began earlier than the rounds of now can prove.
        let since = (self.since)(&labels).map_or(since, |known| known.min(since));
        let alert = case.alert(self.s, labels, since, self.memory);
        self.out.push(Decided { alert, stands: Stands::Since(since) });
    }

    /// The alert stands, since it was first seen.
    fn raise_seen(&mut self, case: Case) {
        self.raise(case, self.now);
    }

    /// Nobody can say; what can be said takes so many seconds more.
    fn perhaps(&mut self, case: Case, seconds: u64) {
        let alert = case.nothing(self.s);
        self.out.push(Decided { alert, stands: Stands::Perhaps(seconds) });
    }

    fn stands(&self, case: Case) -> bool {
        (self.since)(&case.labels(self.s)).is_some()
    }

    fn monitor(&mut self) {
        let monitor = &self.s.monitor;
        if monitor.isolated {
            self.raise_seen(Case::MonitorIsolated);
        }
        if self.memory.evidence_fails(self.now) || monitor.evidence_head_sequence.is_none() {
            self.raise_seen(Case::EvidenceNotWritten);
        }
        if self.memory.late(self.now) {
            self.raise_seen(Case::SchedulerLate);
        }
        if !monitor.reload_successful {
            self.raise_seen(Case::ConfigRejected);
        }
    }

    /// A site is down when every device of it is, and what it hangs on is not.
    fn site(&mut self, site: SiteIx) {
        let devices = self.memory.devices(site);
        let state = |c: &ComponentIx| self.s.components[c.get()].state;
        let case = Case::SiteDown(site);
        if devices.is_empty() || devices.iter().any(|c| matches!(state(c), Shown::Up | Shown::Degraded)) {
            if self.memory.site_was_down(site, LINGER, self.now) {
                self.raise_seen(case);
            }
            return;
        }
        if devices.iter().all(|c| state(c) == Shown::Down) {
            let outside = |c: &ComponentIx| {
                ancestors(&self.s.config, *c)
                    .into_iter()
                    .any(|p| self.s.config.components[p.get()].site != site && state(&p) == Shown::Down)
            };
            let excused = devices.iter().all(|c| outside(c) || self.memory.in_maintenance(*c, self.s));
            let settled = devices.iter().all(|c| self.settled(*c));
            if self.stands(case) || (!excused && settled) {
                self.memory.site_is_down(site, self.now);
                let since = devices.iter().filter_map(|c| self.s.components[c.get()].since).max();
                self.raise(case, since.unwrap_or(self.now));
            }
        } else {
            let longest = devices.iter().map(|c| decision(&self.s.config, *c)).max();
            self.perhaps(case, longest.unwrap_or(0));
        }
    }

    fn component(&mut self, component: ComponentIx) {
        let view = &self.s.components[component.get()];
        let case = Case::ComponentDown(component);
        match view.state {
            Shown::Down => {
                let excused = self.memory.in_maintenance(component, self.s)
                    || ancestors(&self.s.config, component)
                        .into_iter()
                        .any(|p| self.s.components[p.get()].state == Shown::Down);
                if self.stands(case) || (!excused && self.settled(component)) {
                    self.raise(case, view.since.unwrap_or(self.now));
                }
            }
            Shown::Unknown => self.perhaps(case, decision(&self.s.config, component)),
            Shown::Up | Shown::Degraded | Shown::Maintenance => {}
        }
    }

    /// Whether what the component hangs on would have been found down by now, had it failed in the same moment.
    fn settled(&self, component: ComponentIx) -> bool {
        let wait = ancestors(&self.s.config, component).into_iter().map(|p| decision(&self.s.config, p)).max();
        let since = self.s.components[component.get()].since.unwrap_or(self.now);
        wait.is_none_or(|wait| self.now.since(since) >= i64::try_from(wait).unwrap_or(i64::MAX))
    }

    fn service(&mut self, ix: ServiceIx, agreed: &[Agreed]) {
        let view = &self.s.services[ix.get()];
        let config = self.s.config.clone();
        let service = &config.services[ix.get()];
        let sla = &config.slas[service.sla.get()];
        match view.state {
            Shown::Down => {
                let since = view.since.unwrap_or(self.now);
                self.raise(Case::ServiceDown(ix), since);
                self.deadline(ix, since, agreed);
            }
            Shown::Degraded => self.raise(Case::ResilienceLost(ix), view.since.unwrap_or(self.now)),
            Shown::Unknown => {
                let more = service.requires.components().into_iter().map(|c| decision(&config, c)).max().unwrap_or(0);
                for case in [
                    Case::ServiceDown(ix),
                    Case::ResilienceLost(ix),
                    Case::RestoreDeadlineNear(ix),
                    Case::RestoreDeadlinePassed(ix),
                ] {
                    self.perhaps(case, more);
                }
            }
            Shown::Up | Shown::Maintenance => {}
        }
        self.figures(ix, view);
        if view.state != Shown::Maintenance {
            let down = burn::down(view, self.now);
            let excluded = if down.is_empty() { Vec::new() } else { of_service(&config, ix, agreed) };
            let allowed = 1.0 - sla.availability.as_f64();
            let budget = burn::Promise { allowed, hours: &sla.service_hours, zone: &config.monitor.time_zone };
            let began = self.s.started;
            match burn::burns(&budget, &down, &excluded, began, self.now) {
                Some(burn::Pace::Fast) => self.raise_seen(Case::BudgetBurnFast(ix)),
                Some(burn::Pace::Slow) => self.raise_seen(Case::BudgetBurnSlow(ix)),
                None => {}
            }
            self.quality(ix);
        }
    }

    /// What the month's figures say.
    fn figures(&mut self, ix: ServiceIx, view: &ServiceView) {
        let config = self.s.config.clone();
        let sla = &config.slas[config.services[ix.get()].sla.get()];
        if view.accounts.up + view.accounts.down < MIN_MEASURED && view.state != Shown::Down {
            return;
        }
        let none_allowed =
            sla.availability.0 >= 100_000_000 || sla.formula == (Formula::DowntimeBudget { month: 0, year: None });
        match view.budget_remaining {
            Some(left) if left < 0.0 => self.raise_seen(Case::TargetUnreachable(ix)),
            Some(left) if left < BUDGET_LOW => self.raise_seen(Case::BudgetLow(ix)),
            Some(_) => {}
            None if none_allowed && view.accounts.down > 0 => self.raise_seen(Case::TargetUnreachable(ix)),
            None => {}
        }
        if view.accounts.up < MIN_MEASURED {
            return;
        }
        for objective in view.objectives.iter().filter(|o| o.met == Some(false)) {
            self.raise_seen(Case::ObjectiveMissed(ix, objective.class, objective.measure));
        }
    }

    /// The last five minutes of the classes that a service has objectives for.
    fn quality(&mut self, ix: ServiceIx) {
        let view = &self.s.services[ix.get()];
        // What is down has no quality.
        if !matches!(view.state, Shown::Up | Shown::Degraded) {
            return;
        }
        for objective in &view.objectives {
            let beyond = self.memory.beyond(ix, objective, self.s);
            let case = Case::QualityPoor(ix, objective.class, objective.measure);
            match beyond {
                Some(since) if self.now.since(since) >= QUALITY_FOR => self.raise(case, since),
                // Between two looks at five minutes it may dip below for a moment.
                Some(_) if self.stands(case) => self.raise_seen(case),
                Some(_) | None => {}
            }
        }
    }

    fn deadline(&mut self, ix: ServiceIx, since: Sec, agreed: &[Agreed]) {
        let config = &self.s.config;
        let sla = &config.slas[config.services[ix.get()].sla.get()];
        let Some(within) = sla.restore_within else { return };
        let stops = of_service(config, ix, agreed);
        let clock = RestoreClock { zone: &config.monitor.time_zone, hours: &sla.service_hours, stops: &stops };
        let Some(deadline) = clock.deadline(since, within) else { return };
        let left = deadline.since(self.now);
        if left < 0 {
            self.raise(Case::RestoreDeadlinePassed(ix), deadline);
        } else if left <= DEADLINE_NEAR {
            self.raise(Case::RestoreDeadlineNear(ix), deadline.plus(-DEADLINE_NEAR).max(since));
        }
    }
}

/// Whether a measure is looked at over five minutes, too: those that a snapshot has.
fn is_recent(measure: Measure) -> bool {
    matches!(measure, Measure::Loss | Measure::Jitter | Measure::PdvP99 | Measure::Mos)
}

/// Everything that a component hangs on, nearest first.
fn ancestors(config: &Arc<Config>, component: ComponentIx) -> Vec<ComponentIx> {
    let mut found: Vec<ComponentIx> = Vec::new();
    let mut next = 0;
    let of = |c: ComponentIx| config.components[c.get()].parents.iter().copied();
    let mut to_do: Vec<ComponentIx> = of(component).collect();
    while let Some(&parent) = to_do.get(next) {
        next += 1;
        if !found.contains(&parent) && parent != component {
            found.push(parent);
            to_do.extend(of(parent));
        }
    }
    found
}

/// How long it takes at most until a component's state is decided, seconds.
fn decision(config: &Arc<Config>, component: ComponentIx) -> u64 {
    let component = &config.components[component.get()];
    let rounds = u64::from(component.hysteresis.down_after.max(component.hysteresis.up_after)) + 1;
    let polled = match &component.kind {
        ComponentKind::Device(device) => device.snmp.as_ref().map(|(_, probing)| probing.interval.as_secs()),
        ComponentKind::Link(_) => None,
    };
    let interval = component.icmp.as_ref().map(|icmp| icmp.interval.as_secs()).or(polled).unwrap_or(60);
    rounds * interval
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
