//! The complete data of one evidence pack: what `report.json` says, and nothing else.
//!
//! Integers and strings only, so that the same evidence gives the same bytes on every machine.
//! Percentages are strings with four decimals, truncated, without a sign (`"99.9537"`); times are
//! RFC 3339 UTC; money is text as in `GBP 25.00`. Whatever the human documents show stands here:
//! they are functions of this value alone, and `assured verify` makes them again.

mod fault;
mod measured;
mod service;

use serde::{Deserialize, Serialize};

pub use self::fault::{Fault, FaultClock, FaultStep, FaultStop};
pub use self::measured::{ClassStats, DayStats, RunState, SiteTimeline, StateRun, TimelineRow, VoiceDay, VoiceQuality};
pub use self::service::{Credit, Dated, Objective, Outage, Seconds, Service, TrendMonth, WithoutExclusions};
pub use crate::sla::figures::Verdict;
use crate::units::Sec;

/// The version of this shape, in `report.json` under `schema`.
pub const SCHEMA: &str = "assured-report/1";

/// The first key of `report.json` is `schema`, the rest follows in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Identifier of the contract.
    pub contract: String,
    /// Whether the month is not closed: figures may still change.
    pub provisional: bool,
    /// The month.
    pub period: Period,
    /// One for each service under the contract, in order of identifier.
    pub services: Vec<Service>,
    /// What was agreed, and with whom.
    pub terms: Terms,
    /// Over all services.
    pub totals: Totals,
    /// What every site looked like through the month.
    pub sites: Vec<SiteTimeline>,
    /// Round-trip time, loss and jitter per component and class.
    pub classes: Vec<ClassStats>,
    /// Voice quality per component and class that carries voice.
    pub voice: Vec<VoiceQuality>,
    /// Every exclusion and maintenance window that touches the month, counted or not.
    pub exclusions: Vec<Exclusion>,
    /// Every fault that touches the month, in the order in which they were opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// How well the monitor itself did.
    pub monitor: MonitorHealth,
    /// With what and how it was computed.
    pub method: Method,
    /// Where the records come from.
    pub evidence: Evidence,
    /// What this revision changed; absent in a first issue.
    pub revision: Option<Revision>,
}

/// The month in UTC and the zone that it is local to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First second.
    pub start: String,
    /// First second after.
    pub end: String,
    /// IANA name.
    pub time_zone: String,
    /// As in `2026-10`.
    pub month: String,
    /// The last instant that the evidence was looked at; the documents' date.
    pub as_of: String,
}

/// What was agreed, and with whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// A name for people.
    pub title: String,
    /// `legacy` or `consolidated`.
    pub kind: String,
    /// Who promises.
    pub provider: String,
    /// To whom.
    pub customer: String,
    /// The provider's reference.
    pub reference: String,
    /// First day.
    pub starts: String,
    /// Last day.
    pub ends: String,
    /// Single point of contact.
    pub contact: Contact,
    /// Every SLA in use.
    pub slas: Vec<SlaTerms>,
}

/// Whom to call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Contact {
    pub name: String,
    pub phone: String,
    pub email: String,
}

/// The terms of one SLA as the configuration states them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlaTerms {
    /// Identifier.
    pub id: String,
    /// The promised availability.
    pub availability: String,
    /// Its formula's name.
    pub formula: String,
    /// As configured.
    pub service_hours: String,
    /// `exclude`, `as_up` or `as_down`.
    pub unknown: String,
    /// Below it nothing is proven.
    pub coverage_floor: String,
    /// Shorter outages do not count, seconds.
    pub min_outage: u64,
    /// Notice that maintenance needs, seconds.
    pub maintenance_notice: u64,
    /// Restoration promised within, seconds.
    pub restore_within: Option<u64>,
    /// Credit schedule, a line each.
    pub credits: Vec<String>,
}

/// Over all services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Services whose promise was kept.
    pub met: u64,
    /// Broken.
    pub breached: u64,
    /// Not proven.
    pub not_proven: u64,
    /// Class objectives that did not hold.
    pub objectives_breached: u64,
    /// Down seconds that counted, over all services.
    pub down: u64,
    /// What is owed, one sum for each currency.
    pub credits: Vec<String>,
    /// Last day on which a credit can be claimed, when the contract says.
    pub claim_by: Option<String>,
}

/// An exclusion or a maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Identifier.
    pub id: String,
    /// `exclusion` or `maintenance`.
    pub kind: String,
    /// `proposed`, `agreed`, `disputed`, `withdrawn`; for maintenance `valid` or `late_notice`.
    pub state: String,
    /// Whether its time was taken out.
    pub counted: bool,
    /// Whom it touches.
    pub services: Vec<String>,
    /// First second.
    pub from: String,
    /// First second after.
    pub to: String,
    /// Down time inside it, over all services touched, seconds.
    pub down_inside: u64,
    /// Why.
    pub reason: String,
    /// The change's or letter's reference.
    pub reference: String,
    /// Every step, oldest first.
    pub history: Vec<ExclusionStep>,
}

/// Who did what when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExclusionStep {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// `proposed`, `agreed`, `disputed`, `withdrawn`, `announced`.
    pub action: String,
    /// Why.
    pub note: String,
}

/// How well the monitor itself did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorHealth {
    /// Who was looking.
    pub vantage: String,
    /// Share of the month that was measured, over all components.
    pub coverage: String,
    /// Probes sent.
    pub sent: u64,
    /// Probes due, but not measured.
    pub not_measured: u64,
    /// Stretches in which something was not measured.
    pub gaps: Vec<Gap>,
    /// Starts and stops.
    pub restarts: Vec<MonitorEvent>,
    /// Steps of the wall clock.
    pub clock_steps: Vec<MonitorEvent>,
    /// Configurations that came into force.
    pub config_changes: Vec<MonitorEvent>,
}

/// A stretch not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// First second.
    pub from: String,
    /// First second after.
    pub to: String,
    /// Length.
    pub seconds: u64,
    /// A name of [`crate::measurement::Cause`].
    pub cause: String,
    /// How many components it touched.
    pub components: u64,
}

/// Something that happened to the monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorEvent {
    /// When.
    pub at: String,
    /// What, for people.
    pub what: String,
}

/// With what and how it was computed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// As in `assured 0.1.0`.
    pub software: String,
    /// Version of the accounting rules, as in `avail/1`.
    pub calculation: String,
    /// Version of the time-zone data.
    pub tz_data: String,
    /// How things were probed.
    pub probing: Vec<Probing>,
    /// Greatest relative error of a percentile, parts per million.
    pub sketch_error_ppm: u64,
}

/// One way of probing with those probed so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probing {
    /// `icmp` or `snmp`.
    pub protocol: String,
    /// Components probed so.
    pub components: u64,
    /// From round to round, seconds.
    pub interval: u64,
    /// How long an answer may take, milliseconds.
    pub timeout_ms: u64,
    /// Consecutive lost rounds that make down; of SNMP, consecutive statements.
    pub down_after: u64,
    /// Consecutive replies that make up.
    pub up_after: u64,
}

/// Where the records come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Records in `journal.jsonl`.
    pub journal_records: u64,
    /// Hash of its last record, hex.
    pub journal_head: String,
    /// Sequence of the last record of the store that was read.
    pub store_sequence: u64,
    /// Hash of that record, hex.
    pub store_head: String,
    /// SHA-256 of the configuration, hex.
    pub config_sha256: String,
}

/// What a revision changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// 2 for the first revision.
    pub number: u64,
    /// Why.
    pub reason: String,
    /// Head of the journal of the pack before.
    pub supersedes: String,
    /// Every figure that changed.
    pub changes: Vec<Change>,
}

/// A figure that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Change {
    pub figure: String,
    pub old: String,
    pub new: String,
}

impl Report {
    /// `(start, end)` of the month; zero when the texts are no times.
    #[must_use]
    pub fn span(&self) -> (Sec, Sec) {
        (instant(&self.period.start), instant(&self.period.end))
    }

    /// The services that something was promised of in this month.
    pub fn promised(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|s| s.promised())
    }

    /// The verdict over all services of which something was promised: breached if any is, else not proven if any is, or
    /// there is none, else met.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.promised().any(|s| s.verdict == Verdict::Breached) {
            Verdict::Breached
        } else if self.promised().next().is_none() || self.promised().any(|s| s.verdict == Verdict::NotProven) {
            Verdict::NotProven
        } else {
            Verdict::Met
        }
    }

    /// Name of the pack's directory.
    #[must_use]
    pub fn pack_name(&self) -> String {
        format!("evidence-{}-{}", self.contract, self.period.month)
    }
}

/// An RFC 3339 text as an instant; the epoch when it is none.
#[must_use]
pub fn instant(text: &str) -> Sec {
    text.parse::<jiff::Timestamp>().map_or(Sec(0), |t| Sec(t.as_second()))
}

/// `numerator / denominator` as a percentage with four decimals, truncated; `0.0000` of nothing.
#[must_use]
pub fn percent(numerator: u64, denominator: u64) -> String {
    if denominator == 0 {
        return "0.0000".into();
    }
    let parts = u128::from(numerator) * 1_000_000 / u128::from(denominator);
    format!("{}.{:04}", parts / 10_000, parts % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_truncated_never_rounded() {
        assert_eq!(percent(42_960, 43_000), "99.9069");
        assert_eq!(percent(42_900, 43_200), "99.3055");
        assert_eq!(percent(999_999_999, 1_000_000_000), "99.9999");
        assert_eq!(percent(1, 1), "100.0000");
        assert_eq!(percent(0, 0), "0.0000");
    }
}
