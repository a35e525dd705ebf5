//! The fault register of a month.

use super::history::History;
use crate::config::Config;
use crate::evidence::fault::{Clock, Fault};
use crate::report::model::{self, FaultClock, FaultStep, FaultStop};
use crate::units::Sec;

pub(super) fn all(config: &Config, history: &History) -> Vec<model::Fault> {
    history.faults.all().into_iter().map(|f| fault(config, history, f)).collect()
}

fn fault(config: &Config, history: &History, f: &Fault) -> model::Fault {
    let time = |at: Option<Sec>| at.map(|at| at.to_string());
    let clock = Clock::of(config, f, &history.agreed, history.as_of);
    model::Fault {
        id: f.id.clone(),
        supplier_reference: f.supplier_reference.clone(),
        state: f.standing.name().into(),
        severity: u64::from(f.severity),
        site: f.site.clone(),
        services: f.services.clone(),
        components: f.components.clone(),
        symptom: f.symptom.clone(),
        responsible: f.responsible.name().into(),
        cause: f.cause.map(|c| c.name().into()),
        detected: f.detected.to_string(),
        reported: time(f.reported),
        cleared: time(f.cleared),
        closed: time(f.closed),
        stops: f
            .stops
            .iter()
            .map(|s| FaultStop {
                from: s.from.to_string(),
                to: time(s.to),
                reason: s.reason.name().into(),
                by: s.who.clone(),
                note: s.text.clone(),
                reference: s.reference.clone(),
            })
            .collect(),
        clock: clock.map(|c| FaultClock {
            within: c.within,
            run: c.run,
            stopped: c.stopped,
            due: time(c.due),
            late: c.is_late(),
        }),
        history: f
            .steps
            .iter()
            .map(|(_, at, s)| FaultStep {
                at: s.when.to_string(),
                written: at.to_string(),
                by: s.who.clone(),
                action: s.action.name().into(),
                note: s.text.clone(),
                reference: s.reference.clone(),
            })
            .collect(),
    }
}
