//! What readers see: an immutable picture of everything at one instant.
//!
//! The driver makes one when a reader asks and none is fresh; pages, metrics and the API are
//! functions of it. Tables are parallel to those of [`Config`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::Access;
use assured_probes::snmp::reading::Reading;

use crate::config::Config;
use crate::config::model::Measure;
use crate::evidence::fault::Responsible;
use crate::measurement::Cause;
use crate::measurement::status::DatedBy;
use crate::metrics::histogram::RttHistogram;
use crate::names::{ClassIx, ComponentIx, ServiceIx};
use crate::units::{Micros, Sec, Span};

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
    /// Devices that are polled, in the order of `config.components`.
    pub devices: Vec<DeviceView>,
    /// Exclusions that both parties agreed on.
    pub exclusions: Arc<[ExclusionView]>,
    /// Faults that are still to be restored, worst and oldest first.
    pub faults: Vec<FaultView>,
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
    /// One for each class that is probed; none in a brief snapshot.
    pub classes: Vec<ClassView>,
    /// What its device says of its interface; `None` for what has none that is polled, and before the first poll.
    pub interface: Option<InterfaceView>,
}

/// An interface, as its device tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceView {
    /// Up, down, or unknown: nothing was heard, or it is switched off.
    pub state: Shown,
    /// The newest word on it, for an operator: `up`, `down: not present`, `switched off`, or why nothing is known.
    pub word: &'static str,
    /// Since when it is in this state, as far as we saw it enter that.
    pub since: Option<Sec>,
    /// What dates `since`.
    pub dated_by: Option<DatedBy>,
    /// The newest poll, whatever it brought.
    pub polled: Sec,
    /// What the device said last, and when: the newest word that was not silence.
    pub said: Option<(Sec, &'static str)>,
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
    /// What is at risk of falling due as a credit; `None` when the terms give none or nothing can be compared.
    pub credit: Option<CreditView>,
    /// How the month's allowance stands; `None` while no month is booked.
    pub allowance: Option<AllowanceView>,
    /// When the outage that lasts is to be restored by, by the contract's clock; `None` when nothing is down, or no
    /// restoration is promised.
    pub restore_by: Option<Sec>,
    /// Objectives so far.
    pub objectives: Vec<ObjectiveView>,
    /// Down intervals of this month, `to` is `None` while it lasts.
    pub outages: Vec<OutageView>,
    /// Stretches of this month that nobody can tell of, in order of time; of very many the longest.
    pub unknown: Vec<Span>,
    /// Seconds of the month's allowed down time that are left, negative once it is overspent; `None` when none is allowed.
    pub budget_left_seconds: Option<i64>,
    /// The highest availability that the month can still reach, as a fraction: all that is to come is up.
    pub achievable: Option<f64>,
}

/// A credit as a share of the monthly charge, for metrics and pages; what is owed is decided by the evidence pack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CreditView {
    /// If the month ended as it stands, were enough of it measured.
    pub so_far: f64,
    /// Even if everything still to come is up.
    pub certain: f64,
}

/// Down time that a month may have, and what is left of its promise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AllowanceView {
    /// Seconds that may count as down in the whole month.
    pub allowed: u64,
    /// Seconds that count as down so far: rounded, and with unknown time where the terms say so.
    pub counted: u64,
    /// The highest availability that the whole month can still reach, as a fraction.
    pub achievable: f64,
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
    /// Probes behind the value, answered or lost.
    pub probes: u64,
    /// Minutes judged one by one since the daemon started.
    pub minutes: u64,
    /// Of those: beyond the limit.
    pub bad_minutes: u64,
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

/// A device that is polled by SNMP, and what it said at the newest poll.
#[derive(Debug, Clone)]
pub struct DeviceView {
    /// Which device.
    pub component: ComponentIx,
    /// Whether we are let in; `None` before the first poll.
    pub access: Option<Access>,
    /// The profile that it is read through; empty while it was never reached.
    pub profile: String,
    /// `sysDescr`.
    pub description: String,
    /// How long its agent has been running; `None` when the newest poll did not tell.
    pub uptime: Option<Duration>,
    /// Restarts seen since the daemon started.
    pub restarts: u64,
    /// How polls ended, since the daemon started.
    pub polls: Polls,
    /// The newest poll, whatever it brought.
    pub polled: Option<Sec>,
    /// The newest poll that was answered.
    pub answered: Option<Sec>,
    /// What the newest poll brought; empty when it brought nothing.
    pub readings: Arc<[Reading]>,
    /// Readings left out because there were too many.
    pub cut: u64,
    /// What does not fit the configuration, in words.
    pub complaints: Vec<String>,
}

/// How polls ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Polls {
    /// Everything was answered.
    pub ok: u64,
    /// No answer in time.
    pub timeout: u64,
    /// The agent would not let us in.
    pub auth: u64,
    /// Anything else.
    pub error: u64,
}

/// An exclusion that both parties agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionView {
    /// Its identifier, as in `X-7`.
    pub id: String,
    /// The ticket or letter that it was agreed by; may be empty.
    pub reference: String,
    /// Whom it touches.
    pub services: Vec<ServiceIx>,
    /// When.
    pub span: Span,
}

/// A fault of the register that is still to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultView {
    /// Our reference.
    pub id: String,
    /// The supplier's; empty before they gave one.
    pub supplier_reference: String,
    /// 1 to 4.
    pub severity: u8,
    /// Whose it is thought to be.
    pub responsible: Responsible,
    /// Where it stands, in a word or two.
    pub standing: &'static str,
    /// Why the contract's clock stands; `None` while it runs.
    pub stopped: Option<&'static str>,
    /// Services that suffer.
    pub services: Vec<ServiceIx>,
    /// What is wrong.
    pub symptom: String,
    /// When it was noticed.
    pub detected: Sec,
    /// When the supplier was told.
    pub reported: Option<Sec>,
    /// When it is to be restored by, by the contract's clock; of very many faults only the first know.
    pub due: Option<Sec>,
    /// Whether that has passed.
    pub late: bool,
    /// When the next word on it is due.
    pub next_update: Option<Sec>,
    /// Whether that has passed.
    pub overdue: bool,
}

/// What the Alertmanagers are told directly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertsView {
    /// Alerts whose latest news some Alertmanager has not taken yet.
    pub queued: u64,
    /// Alerts that stand.
    pub standing: u64,
    /// Alerts that were dropped, since start.
    pub dropped: u64,
    /// Every Alertmanager that is configured.
    pub alertmanagers: Vec<AlertmanagerView>,
}

/// One Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertmanagerView {
    /// Its base URL.
    pub url: String,
    /// When it last took what it was told, since start.
    pub last_success: Option<Sec>,
    /// Requests that failed, since start.
    pub failures: u64,
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
    /// SNMP notifications received since start, by what became of them.
    pub notifications: [(&'static str, u64); 5],
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
    /// What the Alertmanagers are told; empty when none is configured.
    pub alerts: Arc<AlertsView>,
}
