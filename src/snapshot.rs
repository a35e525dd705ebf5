//! What readers see: an immutable picture of everything at one instant.
//!
//! The driver makes one when a reader asks and none is fresh; pages, metrics and the API are
//! functions of it. Tables are parallel to those of [`Config`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Config;
use crate::config::model::Measure;
use crate::measurement::Cause;
use crate::metrics::histogram::RttHistogram;
use crate::names::ClassIx;
use crate::units::{Micros, Sec};

/// Everything at one instant.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was made.
    pub at: Sec,
    /// When the daemon started.
    pub started: Sec,
    /// What it is about.
    pub config: Arc<Config>,
    /// Parallel to `config.components`.
    pub components: Vec<ComponentView>,
    /// Parallel to `config.services`.
    pub services: Vec<ServiceView>,
    /// The monitor itself.
    pub monitor: MonitorView,
}

/// A state as it is shown. `Degraded` and `Maintenance` are only ever shown: in the accounts both are what they stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shown {
    /// Up, and everything behind it too.
    Up,
    /// Up, but some component of the tree is down.
    Degraded,
    /// Down, confirmed.
    Down,
    /// Nobody can say.
    Unknown,
    /// Inside agreed or announced maintenance.
    Maintenance,
}

impl Shown {
    /// Its name in metrics, pages and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Maintenance => "maintenance",
        }
    }
}

/// A component.
#[derive(Debug, Clone)]
pub struct ComponentView {
    /// Its confirmed state.
    pub state: Shown,
    /// Since when, backdated to the first round that proved it; `None` while nothing was ever decided.
    pub since: Option<Sec>,
    /// Why, in words for an operator: `3 rounds lost since 02:14:07Z; parent core-r1 is down`.
    pub reason: String,
    /// One for each class that is probed.
    pub classes: Vec<ClassView>,
}

/// One class's probes to one component.
#[derive(Debug, Clone)]
pub struct ClassView {
    /// The class.
    pub class: ClassIx,
    /// Counts since the daemon started.
    pub counts: Counts,
    /// Round-trip times since the daemon started.
    pub rtt: Arc<RttHistogram>,
    /// The newest reply.
    pub last_rtt: Option<Micros>,
    /// RFC 3550 §6.4.1 over consecutive RTTs, seconds; `None` before two replies.
    pub jitter_rfc3550: Option<f64>,
    /// 99th percentile of RTT less the minimum over the last five minutes (RFC 5481 PDV), seconds.
    pub pdv_p99: Option<f64>,
    /// Share lost over the last five minutes; `None` when nothing was measured.
    pub loss: Option<f64>,
    /// E-model estimate over the last five minutes when the class has a codec.
    pub voice: Option<VoiceView>,
}

/// Counts of probes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Probes that left.
    pub sent: u64,
    /// Probes answered in time.
    pub received: u64,
    /// Probes not answered in time.
    pub lost: u64,
    /// Answers after the time-out; their probes count as lost.
    pub late: u64,
    /// Further answers to one probe.
    pub duplicate: u64,
    /// Answers that came back with another code point.
    pub remarked: u64,
    /// Probes that were due but not measured.
    pub not_measured: u64,
}

/// Voice quality by the E-model (ITU-T G.107).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceView {
    /// Transmission rating factor.
    pub r: f64,
    /// Mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// For codecs that the narrow-band model does not fit.
    pub approximate: bool,
}

/// A service, this month so far.
#[derive(Debug, Clone)]
pub struct ServiceView {
    /// Its state now.
    pub state: Shown,
    /// Since when.
    pub since: Option<Sec>,
    /// Why, in words for an operator.
    pub reason: String,
    /// The four accounts of the month so far; they add up to the window so far.
    pub accounts: AccountsView,
    /// Availability by the contract's formula and its bounds, as fractions; `None` while the window is empty.
    pub availability: Option<Ratios>,
    /// Share of the month's allowed down time that is left, may be negative; `None` when none is allowed.
    pub budget_remaining: Option<f64>,
    /// Objectives so far.
    pub objectives: Vec<ObjectiveView>,
    /// Down intervals of this month, `to` is `None` while it lasts.
    pub outages: Vec<OutageView>,
}

/// Seconds on each account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AccountsView {
    pub up: u64,
    pub down: u64,
    pub unknown: u64,
    pub excluded: u64,
}

/// Availability with its bounds, as fractions of one, for metrics and pages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratios {
    /// By the contract's formula and unknown policy.
    pub value: f64,
    /// Were all unknown time down.
    pub lower: f64,
    /// Were all unknown time up.
    pub upper: f64,
    /// 1 − unknown / window.
    pub coverage: f64,
}

/// An objective, this month so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectiveView {
    /// About which class.
    pub class: ClassIx,
    /// What is measured.
    pub measure: Measure,
    /// In the base unit (seconds, fraction, MOS); `None` when nothing was measured.
    pub value: Option<f64>,
    /// In the same unit.
    pub limit: f64,
    /// Whether it holds.
    pub met: Option<bool>,
}

/// An outage of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutageView {
    /// First second down.
    pub from: Sec,
    /// First second up again.
    pub to: Option<Sec>,
    /// Which components were down, by identifier.
    pub components: Vec<String>,
}

/// The monitor itself.
#[derive(Debug, Clone, Default)]
pub struct MonitorView {
    /// Every sentinel fails.
    pub isolated: bool,
    /// How late the scheduler's last slot was, seconds.
    pub scheduler_lag: f64,
    /// Slots not probed, since start.
    pub scheduler_skipped: u64,
    /// Outcomes that were not measured, by cause, since start.
    pub not_measured: BTreeMap<Cause, u64>,
    /// Datagrams that belong to no probe of ours, by kind (`foreign`, `corrupted`, `spoofed`, `unreachable` …), since start.
    pub stray: BTreeMap<&'static str, u64>,
    /// Which ICMP sockets are in use: `datagram`, `raw`, `surge-ping`.
    pub engine: &'static str,
    /// Whether the last reload succeeded.
    pub reload_successful: bool,
    /// Last record written, when evidence is kept.
    pub evidence_head_sequence: Option<u64>,
    /// Evidence writes that failed, since start.
    pub evidence_write_failures: u64,
    /// Minutes of evidence that wait to be written.
    pub evidence_waiting: u64,
    /// Minutes of evidence that were dropped because they waited too long, since start.
    pub evidence_dropped: u64,
    /// When evidence was written last; `None` before the first time since start.
    pub evidence_last_write: Option<Sec>,
    /// Bytes of all evidence files.
    pub evidence_bytes: Option<u64>,
    /// Why evidence is not being written, while it is not.
    pub evidence_problem: Option<String>,
    /// Wall-clock steps seen, since start.
    pub clock_steps: u64,
    /// Names that do not resolve at present.
    pub unresolved: u64,
}
