//! What the contract's restore clock says of a fault.

use std::collections::BTreeSet;

use super::Fault;
use crate::config::Config;
use crate::names::{ServiceIx, SlaIx};
use crate::sla::exclusion::{self, Agreed, total, union};
use crate::sla::restore::RestoreClock;
use crate::units::{Sec, Span};

/// The clock of the service that has to be back first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Whose terms it runs by.
    pub service: ServiceIx,
    /// Seconds that restoring may take.
    pub within: u64,
    /// Seconds that it has run since the fault was noticed, until it was cleared.
    pub run: u64,
    /// Seconds that it stood for the fault's stops.
    pub stopped: u64,
    /// When it has run for as long as it may, were it to run on from now; `None` when that is years ahead.
    pub due: Option<Sec>,
}

impl Clock {
    /// Whether restoring took longer than it may.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.run > self.within
    }

    /// The clock of `fault` at `now`, by the terms under which the least is left; `None` when none promises anything.
    #[must_use]
    pub fn of(config: &Config, fault: &Fault, agreed: &[Agreed], now: Sec) -> Option<Self> {
        let services: Vec<ServiceIx> = fault.services.iter().filter_map(|id| config.service(id)).collect();
        Self::of_services(config, fault, &services, agreed, now)
    }

    /// [`Clock::of`] with the services already looked up. Services on the same terms that nothing is agreed for
    /// have the same clock: it is worked out once.
    #[must_use]
    pub fn of_services(
        config: &Config,
        fault: &Fault,
        services: &[ServiceIx],
        agreed: &[Agreed],
        now: Sec,
    ) -> Option<Self> {
        let mut seen: BTreeSet<(SlaIx, Vec<Span>)> = BTreeSet::new();
        let mut clocks = Vec::new();
        for &ix in services {
            let excluded = exclusion::of_service(config, ix, agreed);
            if seen.insert((config.services[ix.get()].sla, excluded.clone())) {
                clocks.extend(Self::of_service(config, fault, excluded, now, ix));
            }
        }
        clocks.into_iter().min_by_key(|c| (i128::from(c.within) - i128::from(c.run), c.service))
    }

    fn of_service(config: &Config, fault: &Fault, excluded: Vec<Span>, now: Sec, service: ServiceIx) -> Option<Self> {
        let sla = &config.slas[config.services[service.get()].sla.get()];
        let within = sla.restore_within?;
        let span = fault.span(now);
        let stops = fault.stopped(now);
        let stopped = total(&union(stops.iter().filter_map(|stop| stop.intersect(span))));
        let all = [excluded, stops].concat();
        let clock = RestoreClock { zone: &config.monitor.time_zone, hours: &sla.service_hours, stops: &all };
        let (run, due) = (clock.elapsed(span), clock.deadline(span.from, within));
        Some(Self { service, within, run, stopped, due })
    }
}
