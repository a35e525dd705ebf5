//! The faults of a month as the register has them.

use serde::{Deserialize, Serialize};

/// A fault that touches the month, with what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Our reference.
    pub id: String,
    /// The supplier's; empty when they gave none.
    pub supplier_reference: String,
    /// `open`, `reported`, `clock stopped`, `cleared` or `closed`.
    pub state: String,
    /// 1 to 4.
    pub severity: u64,
    /// Identifier of the site; absent when there are several.
    pub site: Option<String>,
    /// Services of the contract that suffer.
    pub services: Vec<String>,
    /// Components that were thought to be at fault.
    pub components: Vec<String>,
    /// What was wrong, as it was opened.
    pub symptom: String,
    /// `supplier`, `customer`, `third_party` or `unknown`.
    pub responsible: String,
    /// What it was; absent until it is closed.
    pub cause: Option<String>,
    /// When it was noticed.
    pub detected: String,
    /// When the supplier was told.
    pub reported: Option<String>,
    /// When service was restored.
    pub cleared: Option<String>,
    /// When it was done with.
    pub closed: Option<String>,
    /// Times for which the restore clock stands.
    pub stops: Vec<FaultStop>,
    /// What the restore clock says; absent when no restoration was promised.
    pub clock: Option<FaultClock>,
    /// Every step.
    pub history: Vec<FaultStep>,
}

/// A time for which the restore clock stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultStop {
    /// First second.
    pub from: String,
    /// First second after; absent while it lasts.
    pub to: Option<String>,
    /// A name of [`crate::sla::restore::StopReason`].
    pub reason: String,
    /// Who entered it.
    pub by: String,
    /// In their words.
    pub note: String,
    /// What proves it; may be empty.
    pub reference: String,
}

/// What the restore clock says of a fault, by the terms under which the least was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultClock {
    /// Seconds that restoring may take.
    pub within: u64,
    /// Seconds that the clock ran.
    pub run: u64,
    /// Seconds that it stood for the fault's stops.
    pub stopped: u64,
    /// When the time is or was up, as it stands; absent when that is years ahead.
    pub due: Option<String>,
    /// Whether it ran for longer than it may.
    pub late: bool,
}

/// A step in the life of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultStep {
    /// When it was so.
    pub at: String,
    /// When it was written down.
    pub written: String,
    /// By whom.
    pub by: String,
    /// `open`, `report`, `update`, `stop`, `resume`, `clear`, `close` or `reopen`.
    pub action: String,
    /// What was said.
    pub note: String,
    /// The supplier's reference, or what proves a stop; may be empty.
    pub reference: String,
}
