//! Which alerts stand: a snapshot, what was seen before, and now in; alerts with their starts out. No clock, no I/O.
//!
//! What is unknown neither raises an alert nor ends one: it is left as it was for a while
//! ([`Stands::Perhaps`]). Maintenance and exclusions raise nothing. A component behind another that
//! is down raises nothing either, unless it had raised an alert before: that one would seem to be over.

pub mod burn;
mod describe;
mod memory;

use std::sync::Arc;

use assured_probes::snmp::Access;
use assured_probes::snmp::channels::by_trunk;

use self::describe::{Case, Found};
pub use self::memory::Memory;
use super::catalogue::{self as c, BUDGET_LOW, DEADLINE_NEAR_S, MIN_MEASURED_S};
use super::message::Labels;
use super::queue::{Decided, Stands};
use super::quiet::Quiet;
use crate::clock::Now;
use crate::config::Config;
use crate::config::model::{ComponentKind, Measure};
use crate::names::{ComponentIx, ServiceIx, SiteIx};
use crate::sla::exclusion::{Agreed, of_service};
use crate::snapshot::{DeviceView, ServiceView, Shown, Snapshot};
use crate::units::Sec;

/// A site counts as down for so long after its first device answers, seconds: what was silent behind it comes back
/// piece by piece, and would be told of meanwhile.
pub const LINGER: i64 = 10;
/// Evidence is written again when no write failed for so long, seconds.
pub const UNWRITTEN: i64 = 600;
/// The scheduler keeps up again when no round was left out for so long, seconds.
pub const SKIPPED: i64 = 120;
/// A device's restart is told of for so long, seconds.
pub const RESTARTED: i64 = 900;
/// A daemon that started so long ago, seconds, has evidence to show.
pub const SETTLED: i64 = 300;
/// An objective of the month needs so many probes behind it.
pub const MIN_PROBES: u64 = 100;
/// One for loss needs so many lost ones.
pub const MIN_LOST: u64 = 3;

/// Everything that can be said of `snapshot` at `now`. `since` tells since when an alert has been standing.
#[must_use]
pub fn decide(
    snapshot: &Snapshot,
    memory: &mut Memory,
    now: Now,
    since: impl Fn(&Labels) -> Option<Sec>,
) -> Vec<Decided> {
    memory.learn(snapshot, now.sec());
    let quiet = Quiet::of(snapshot);
    let mut look = Look { s: snapshot, memory, quiet, now: now.sec(), since: &since, out: Vec::new() };
    look.monitor();
    for n in 0..snapshot.config.sites.len() {
        look.site(SiteIx::from(n));
    }
    for n in 0..snapshot.components.len() {
        look.component(ComponentIx::from(n));
    }
    for device in &snapshot.devices {
        look.device(device);
    }
    let agreed: Vec<Agreed> =
        (snapshot.exclusions.iter()).map(|e| Agreed { services: e.services.clone(), span: e.span }).collect();
    for n in 0..snapshot.services.len() {
        look.service(ServiceIx::from(n), &agreed);
    }
    let Look { out, .. } = look;
    memory.forget(now.sec());
    out
}

struct Look<'a> {
    s: &'a Snapshot,
    memory: &'a mut Memory,
    quiet: Quiet,
    now: Sec,
    since: &'a dyn Fn(&Labels) -> Option<Sec>,
    out: Vec<Decided>,
}

impl Look<'_> {
    /// The alert stands since then.
    fn raise(&mut self, case: Case, since: Sec) {
        self.raise_with(case, since, Found::default());
    }

    /// The alert stands, since it was first seen.
    fn raise_seen(&mut self, case: Case) {
        self.raise(case, self.now);
    }

    fn raise_with(&mut self, case: Case, since: Sec, found: Found) {
        let labels = case.labels(self.s);
        let standing = (self.since)(&labels);
        let since = match standing {
            // What is resumed after a restart began earlier than the rounds of now can prove.
            Some(known) => known.min(since),
            None => {
                // Prometheus learns of states at its scrapes and waits; here it is known when what a component
                // hangs on would have been found down (`settled`), and nothing more is waited for.
                let hold = match case {
                    Case::Site(..) | Case::Component(..) => 0,
                    Case::Service(line, _)
                    | Case::Objective(line, ..)
                    | Case::Device(line, _)
                    | Case::Trunk(line, ..)
                    | Case::Monitor(line) => i64::from(line.hold_s),
                };
                let first = if hold > 0 { self.memory.first_seen(&labels, self.now) } else { self.now };
                if self.now.since(first) < hold {
                    return;
                }
                since.min(first)
            }
        };
        let alert = case.alert(self.s, labels, since, found, self.memory);
        self.out.push(Decided { alert, stands: Stands::Since(since) });
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
            self.raise_seen(Case::Monitor(&c::MONITOR_ISOLATED));
        }
        let settled = self.now.since(self.s.started) > SETTLED;
        if self.memory.evidence_fails(self.now) || (settled && monitor.evidence_head_sequence.is_none()) {
            self.raise_seen(Case::Monitor(&c::EVIDENCE_NOT_WRITTEN));
        }
        if self.memory.late(self.now) {
            self.raise_seen(Case::Monitor(&c::SCHEDULER_LATE));
        }
        if !monitor.reload_successful {
            self.raise_seen(Case::Monitor(&c::CONFIGURATION_REJECTED));
        }
    }

    /// A site is down when every device of it is, and what it hangs on is not.
    fn site(&mut self, site: SiteIx) {
        let devices = self.memory.devices(site);
        let state = |c: &ComponentIx| self.s.components[c.get()].state;
        let case = Case::Site(&c::SITE_DOWN, site);
        if devices.is_empty() || devices.iter().any(|c| matches!(state(c), Shown::Up | Shown::Degraded)) {
            if self.memory.site_was_down(site, self.now) {
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
            let excused = devices.iter().all(|c| outside(c) || self.quiet.maintenance[c.get()]);
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
        let case = Case::Component(&c::COMPONENT_DOWN, component);
        match view.state {
            Shown::Down => {
                let excused = self.quiet.maintenance[component.get()] || self.quiet.parent_down[component.get()];
                if self.stands(case) || (!excused && self.settled(component)) {
                    self.raise(case, view.since.unwrap_or(self.now));
                }
            }
            Shown::Unknown => self.perhaps(case, decision(&self.s.config, component)),
            Shown::Up | Shown::Degraded | Shown::Maintenance => {}
        }
    }

    /// What a device says over SNMP, or does not.
    fn device(&mut self, device: &DeviceView) {
        let component = device.component;
        if self.memory.restarted(component, self.now) {
            self.raise_seen(Case::Device(&c::DEVICE_RESTARTED, component));
        }
        let answers = self.s.components[component.get()].state == Shown::Up;
        match device.access {
            None | Some(Access::Open) => {}
            // Of a device that does not answer at all another alert speaks.
            Some(Access::Silent) if !answers => {}
            Some(_) => self.raise_seen(Case::Device(&c::SNMP_ACCESS, component)),
        }
        for (n, channels) in by_trunk(&device.readings).values().enumerate() {
            if let (Some(busy), Some(in_service)) = (channels.busy, channels.in_service)
                && in_service > 0
                && busy >= in_service
            {
                self.raise_seen(Case::Trunk(&c::GATEWAY_CHANNELS_EXHAUSTED, component, n));
            }
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
                self.raise(Case::Service(&c::SERVICE_DOWN, ix), since);
                self.deadline(ix, since);
            }
            Shown::Degraded => self.raise(Case::Service(&c::SERVICE_DEGRADED, ix), view.since.unwrap_or(self.now)),
            Shown::Unknown => {
                let more = service.requires.components().into_iter().map(|c| decision(&config, c)).max().unwrap_or(0);
                for case in [
                    Case::Service(&c::SERVICE_DOWN, ix),
                    Case::Service(&c::SERVICE_DEGRADED, ix),
                    Case::Service(&c::RESTORE_DEADLINE_NEAR, ix),
                    Case::Service(&c::RESTORE_DEADLINE_PASSED, ix),
                ] {
                    self.perhaps(case, more);
                }
            }
            Shown::Up | Shown::Maintenance => {}
        }
        self.figures(ix, view);
        self.quality(ix);
        let down = burn::down(view, self.now);
        let allowed = view.allowance.map_or(0, |a| a.allowed);
        if view.state == Shown::Maintenance || down.is_empty() || allowed == 0 {
            return;
        }
        let promise = burn::Promise { allowed, hours: &sla.service_hours, zone: &config.monitor.time_zone };
        match burn::burns(&promise, &down, &of_service(&config, ix, agreed), self.now) {
            Some(burn::Pace::Fast) => self.raise_seen(Case::Service(&c::BUDGET_BURN_FAST, ix)),
            Some(burn::Pace::Slow) => self.raise_seen(Case::Service(&c::BUDGET_BURN_SLOW, ix)),
            None => {}
        }
    }

    /// What the month's figures say.
    fn figures(&mut self, ix: ServiceIx, view: &ServiceView) {
        let measured = u64::from(MIN_MEASURED_S);
        let lost = view.allowance.is_some_and(|a| a.counted > a.allowed) && view.accounts.down > 0;
        let left = view.budget_remaining.filter(|left| (0.0..BUDGET_LOW).contains(left));
        if lost {
            self.raise_seen(Case::Service(&c::TARGET_UNACHIEVABLE, ix));
        } else if left.is_some() && view.accounts.down > 0 && view.accounts.up + view.accounts.down >= measured {
            self.raise_seen(Case::Service(&c::BUDGET_LOW_ALERT, ix));
        }
        if view.accounts.up < measured {
            return;
        }
        for objective in view.objectives.iter().filter(|o| o.met == Some(false) && o.probes >= MIN_PROBES) {
            // Half a probe less: the product of a share and a count need not be a whole number.
            let few_lost = objective.measure == Measure::Loss
                && objective.value.is_some_and(|v| v * (objective.probes as f64) < MIN_LOST as f64 - 0.5);
            if !few_lost {
                self.raise_seen(Case::Objective(&c::OBJECTIVE_MISSED, ix, objective.class, objective.measure));
            }
        }
    }

    /// Minutes beyond an objective's limit, one after the other.
    fn quality(&mut self, ix: ServiceIx) {
        let config = &self.s.config;
        let allowed = 1.0 - config.slas[config.services[ix.get()].sla.get()].availability.as_f64();
        for objective in &self.s.services[ix.get()].objectives {
            let case = Case::Objective(&c::QUALITY_POOR, ix, objective.class, objective.measure);
            if self.memory.bad_minutes(ix, objective, allowed, self.now) {
                self.raise_seen(case);
            }
        }
    }

    fn deadline(&mut self, ix: ServiceIx, since: Sec) {
        let Some(deadline) = self.s.services[ix.get()].restore_by else { return };
        let left = deadline.since(self.now);
        let found = Found { deadline: Some(deadline) };
        let near = i64::from(DEADLINE_NEAR_S);
        if left < 0 {
            self.raise_with(Case::Service(&c::RESTORE_DEADLINE_PASSED, ix), deadline, found);
        } else if left <= near {
            self.raise_with(Case::Service(&c::RESTORE_DEADLINE_NEAR, ix), deadline.plus(-near).max(since), found);
        }
    }
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
