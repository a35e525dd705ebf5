//! The fault register as the daemon sees it: which clocks stand, and what is still to be restored.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::evidence::fault::{Clock, Fault, Faults, Standing};
use crate::names::ServiceIx;
use crate::sla::exclusion::Agreed;
use crate::snapshot::FaultView;
use crate::units::{Sec, Span};

/// Open faults that readers are told of one by one, the worst first; metrics count them all.
const TOLD: usize = 200;

/// The register by the indices of the present configuration.
#[derive(Debug, Default)]
pub(super) struct Register {
    faults: Faults,
    /// Times for which the restore clock of a service stands; without an end while it stands.
    stops: BTreeMap<ServiceIx, Vec<(Sec, Option<Sec>)>>,
    /// References of what is open, worst and oldest first, with the services that suffer.
    open: Vec<(String, Vec<ServiceIx>)>,
}

impl Register {
    /// What the evidence has, for a configuration.
    pub(super) fn new(config: &Config, faults: Faults) -> Self {
        let by_id: BTreeMap<&str, ServiceIx> =
            config.services.iter().enumerate().map(|(n, s)| (s.id.as_str(), ServiceIx::from(n))).collect();
        let services =
            |f: &Fault| f.services.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect::<Vec<_>>();
        let mut stops: BTreeMap<ServiceIx, Vec<(Sec, Option<Sec>)>> = BTreeMap::new();
        let mut open: Vec<&Fault> = Vec::new();
        for fault in faults.all() {
            for service in services(fault) {
                let all = fault.stops.iter().map(|stop| (stop.from, stop.to));
                stops.entry(service).or_default().extend(all);
            }
            if fault.standing.is_open() {
                open.push(fault);
            }
        }
        open.sort_by_key(|f| (f.severity, f.detected));
        let open = open.into_iter().map(|f| (f.id.clone(), services(f))).collect();
        Self { stops, open, faults }
    }

    /// The same register for another configuration.
    pub(super) fn reload(&mut self, config: &Config) {
        *self = Self::new(config, std::mem::take(&mut self.faults));
    }

    /// When the restore clock of a service stands, as of `now`.
    pub(super) fn stops(&self, service: ServiceIx, now: Sec) -> impl Iterator<Item = Span> {
        let all = self.stops.get(&service).map_or(&[][..], Vec::as_slice);
        all.iter().map(move |(from, to)| Span::new(*from, to.unwrap_or(now).max(*from)))
    }

    /// What is open, for readers.
    pub(super) fn views(&self, config: &Config, agreed: &[Agreed], now: Sec) -> Vec<FaultView> {
        let known = self.open.iter().filter_map(|(id, services)| Some((self.faults.get(id)?, services)));
        known.enumerate().map(|(n, (fault, services))| view(config, fault, services, agreed, now, n < TOLD)).collect()
    }
}

fn view(
    config: &Config,
    fault: &Fault,
    services: &[ServiceIx],
    agreed: &[Agreed],
    now: Sec,
    in_full: bool,
) -> FaultView {
    let clock = if in_full { Clock::of_services(config, fault, services, agreed, now) } else { None };
    FaultView {
        id: fault.id.clone(),
        supplier_reference: fault.supplier_reference.clone(),
        severity: fault.severity,
        responsible: fault.responsible,
        standing: fault.standing.name(),
        stopped: fault.stops.last().filter(|_| fault.standing == Standing::Stopped).map(|stop| stop.reason.name()),
        services: services.to_vec(),
        symptom: fault.symptom.clone(),
        detected: fault.detected,
        reported: fault.reported,
        due: clock.and_then(|c| c.due),
        late: clock.is_some_and(|c| c.is_late()),
        next_update: fault.next_update,
        overdue: fault.overdue(now),
    }
}
