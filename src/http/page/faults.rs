//! Faults of the register on pages: what to quote, where it stands, and when it is due.

use super::when::about;
use super::{Desk, When};
use crate::names::ServiceIx;
use crate::snapshot::{FaultView, Snapshot};

/// A fault as a line.
pub(crate) struct Line {
    pub id: String,
    pub severity: u8,
    /// As in `reported` or `clock stopped: third party outside domain`.
    pub standing: String,
    /// The supplier's reference; empty when they were not told.
    pub theirs: String,
    pub symptom: String,
    pub services: String,
    pub since: When,
    pub due: Option<Due>,
    pub overdue: Option<String>,
    pub desk: Option<Desk>,
}

/// When it is to be restored.
pub(crate) struct Due {
    pub at: When,
    pub late: bool,
    pub gap: String,
}

/// Services that are named.
const NAMED: usize = 3;

/// Open faults that touch any of `services`.
pub(crate) fn of(s: &Snapshot, services: &[ServiceIx]) -> Vec<Line> {
    s.faults.iter().filter(|f| f.services.iter().any(|ix| services.contains(ix))).map(|f| line(s, f)).collect()
}

/// A fault as a line.
pub(crate) fn line(s: &Snapshot, fault: &FaultView) -> Line {
    let zone = &s.config.monitor.time_zone;
    let standing = match fault.stopped {
        Some(reason) => format!("{}: {}", fault.standing, reason.replace('_', " ")),
        None => fault.standing.to_owned(),
    };
    let services: Vec<&str> =
        fault.services.iter().filter_map(|ix| s.config.services.get(ix.get())).map(|of| of.title.as_str()).collect();
    let more = services.len().saturating_sub(NAMED);
    let named = services.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let contract = fault.services.first().and_then(|ix| s.config.services.get(ix.get())).map(|of| of.contract);
    Line {
        id: fault.id.clone(),
        severity: fault.severity,
        standing,
        theirs: fault.supplier_reference.clone(),
        symptom: fault.symptom.clone(),
        services: if more == 0 { named } else { format!("{named} and {more} more") },
        since: When::new(fault.detected, s.at, zone),
        due: fault.due.map(|at| Due {
            at: When::new(at, s.at, zone),
            late: fault.late,
            gap: about(at.since(s.at).unsigned_abs()),
        }),
        overdue: fault.next_update.filter(|_| fault.overdue).map(|due| about(s.at.since(due).unsigned_abs())),
        desk: contract.map(|ix| Desk::of(&s.config.contracts[ix.get()])),
    }
}
