//! A service's figures of the month so far, for gauges and boards.

use super::Core;
use crate::names::ServiceIx;
use crate::sla::ledger;
use crate::snapshot::{ObjectiveView, Ratios};

/// What the gauges show of a service.
pub(super) struct Live {
    pub(super) ratios: Option<Ratios>,
    pub(super) budget_remaining: Option<f64>,
    pub(super) objectives: Vec<ObjectiveView>,
}

/// The month so far by the contract's formula.
pub(super) fn live(_core: &Core, _service: ServiceIx, _now: &ledger::Now) -> Live {
    Live { ratios: None, budget_remaining: None, objectives: Vec::new() }
}
