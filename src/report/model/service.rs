//! One service's month: its verdict, its outages, its objectives and what is owed.

use serde::{Deserialize, Serialize};

use crate::sla::figures::Verdict;

/// One service's month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Identifier.
    pub id: String,
    /// Identifier of its site.
    pub site: String,
    /// `calendar`, `fixed30`, `agreed_time` or `downtime_budget`.
    pub formula: String,
    /// The accounts, seconds.
    pub seconds: Seconds,
    /// By the contract's formula.
    pub availability: String,
    /// Were all unknown time down.
    pub lower: String,
    /// Were all unknown time up.
    pub upper: String,
    /// Share of the window that was measured.
    pub coverage: String,
    /// What was promised.
    pub target: String,
    /// The verdict on availability.
    pub verdict: Verdict,
    /// Every maximal run of down time, before exclusion.
    pub outages: Vec<Outage>,
    /// Class objectives over up time.
    pub objectives: Vec<Objective>,
    /// What is owed.
    pub credit: Credit,
    /// A name for people.
    pub title: String,
    /// Identifier of the SLA.
    pub sla: String,
    /// Its class of service.
    pub class: String,
    /// What it costs a month, when the contract says.
    pub monthly_charge: Option<String>,
    /// How `availability` comes about, with its integers, in one line.
    pub working: String,
    /// Down time that would just have kept the promise, seconds; none for a promise without a number.
    pub allowed_down: Option<u64>,
    /// Up, but without its resilience, seconds.
    pub degraded: u64,
    /// The same month had nothing been excluded.
    pub without_exclusions: WithoutExclusions,
    /// Up to twelve months, oldest first, this one last.
    pub trend: Vec<TrendMonth>,
}

impl Service {
    /// Whether anything was promised of the month: not so before acceptance, or where no service hours fall into it.
    #[must_use]
    pub fn promised(&self) -> bool {
        self.seconds.window > 0
    }

    /// Availability for people: a dash where nothing was promised, or nothing of it is known.
    #[must_use]
    pub fn availability_shown(&self) -> String {
        let nothing_known = self.trend.last().is_some_and(|this| this.availability.is_none());
        if nothing_known || !self.promised() { "–".into() } else { format!("{}%", self.availability) }
    }
}

/// Accounts of a window; `window = up + down + unknown + excluded`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Seconds {
    pub window: u64,
    pub up: u64,
    pub down: u64,
    pub unknown: u64,
    pub excluded: u64,
}

/// A maximal run of service-down time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// First second down.
    pub from: String,
    /// First second up or unknown again.
    pub to: String,
    /// Length.
    pub seconds: u64,
    /// Why, as far as known; empty when nobody knows.
    pub cause: String,
    /// Which components were down.
    pub components: Vec<String>,
    /// Of these, agreed as excluded.
    pub excluded: u64,
    /// What counts against the promise, after exclusion, minimum length and rounding.
    pub counted: u64,
    /// Down when the month began; its start lies before.
    pub began_before: bool,
    /// Still down when the month (or the evidence) ended.
    pub lasts: bool,
    /// `within`, `late` or `open` against `restore_within`; absent when nothing was promised.
    pub restored: Option<String>,
    /// Seconds of it for which the restore clock stood, by the stops of its faults.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stopped: u64,
    /// Faults that it was handled under: our reference, and the supplier's where they gave one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// How its first second is known; absent when it is only cut there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_by: Option<Dated>,
    /// How its end is known; absent when it lasts, is cut there, or ends in unknown time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_by: Option<Dated>,
    /// Annotations, oldest first.
    pub notes: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// How the moment of a change is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dated {
    /// Which component changed.
    pub component: String,
    /// `ping` (its own or far address) or `interface` (what its device says of it).
    pub source: String,
    /// `probe` (a round of pings), `poll` (a regular poll of the device), `last_change` (the device's own clock, to the
    /// second) or `trap` (a poll that the device asked for).
    pub dated_by: String,
}

impl Dated {
    /// For people.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match (self.source.as_str(), self.dated_by.as_str()) {
            ("interface", "last_change") => "the device's own clock",
            ("interface", "trap") => "a poll on the device's trap",
            ("interface", _) => "a poll of the device",
            _ => "probes",
        }
    }
}

/// A class objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The class.
    pub class: String,
    /// As in `rtt_p95`.
    pub measure: String,
    /// With its unit, as in `30ms`, `0.1%` or `4.0`.
    pub limit: String,
    /// In the same unit; absent when nothing was measured.
    pub value: Option<String>,
    /// The best and the worst that it may have been, where round trips count of which nobody can say which they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<[String; 2]>,
    /// Whether it held.
    pub verdict: Verdict,
}

/// What is owed for a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// Of the monthly charge.
    pub percent: String,
    /// In money, when the charge is known.
    pub amount: Option<String>,
    /// How it comes about, in words and integers.
    pub working: String,
}

/// A service's month had nothing been excluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithoutExclusions {
    /// The accounts; `excluded` is 0.
    pub seconds: Seconds,
    /// By the same formula.
    pub availability: String,
    /// On the same terms.
    pub verdict: Verdict,
    /// In money, when the charge is known.
    pub credit: Option<String>,
}

/// One past month of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendMonth {
    /// As in `2026-10`.
    pub month: String,
    /// By the contract's formula; absent when there was no evidence.
    pub availability: Option<String>,
    /// Down seconds that counted.
    pub down: u64,
    /// The verdict then; absent when there was no evidence.
    pub verdict: Option<Verdict>,
}
