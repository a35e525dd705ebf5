//! Contracts and their terms: what is promised, how it is judged, and what is owed.

use std::sync::Arc;

use jiff::civil::Date;

use crate::names::{ClassIx, ContractIx, Id};
use crate::units::Share;

/// `[contracts.X]`.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The contract's identifier.
    pub id: Id,
    /// A name for people.
    pub title: String,
    /// Consolidated, or one of those it replaces.
    pub kind: ContractKind,
    /// Who promises.
    pub provider: String,
    /// To whom.
    pub customer: String,
    /// The provider's reference.
    pub reference: String,
    /// First day, local to the monitor's zone.
    pub starts: Date,
    /// Last day, inclusive.
    pub ends: Date,
    /// Contracts that it replaces.
    pub replaces: Vec<ContractIx>,
    /// Single point of contact.
    pub contact: Contact,
    /// Days after the end of a month in which a credit must be claimed, when the contract says.
    pub claim_within_days: Option<u32>,
}

/// `kind` of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractKind {
    /// `legacy`
    Legacy,
    /// `consolidated`
    Consolidated,
}

/// Whom to call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Desk or person.
    pub name: String,
    /// Telephone number as people dial it.
    pub phone: String,
    /// E-mail address.
    pub email: String,
}

/// `[slas.X]`: terms of a promise.
#[derive(Debug, Clone)]
pub struct Sla {
    /// The terms' identifier.
    pub id: Id,
    /// The promised availability.
    pub availability: Share,
    /// How it is computed.
    pub formula: Formula,
    /// When the service is promised at all.
    pub service_hours: ServiceHours,
    /// What becomes of unknown time.
    pub unknown: UnknownPolicy,
    /// Below it the verdict is `not_proven`.
    pub coverage_floor: Share,
    /// Shorter outages do not count, seconds.
    pub min_outage: u64,
    /// How an outage's length is rounded before it counts.
    pub rounding: Rounding,
    /// A window announced later than this before its start excludes nothing, seconds.
    pub maintenance_notice: u64,
    /// A fault is to be restored within so many seconds.
    pub restore_within: Option<u64>,
    /// Objectives per class.
    pub objectives: Vec<Objective>,
    /// What is owed when the promise is broken.
    pub credits: Option<CreditSchedule>,
}

/// `formula` of an SLA; see `docs/accounting.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formula {
    /// (W − unknown − down) / (W − unknown); excluded time counts as up.
    Calendar,
    /// 1 − down / 2 592 000, not below 0.
    Fixed30,
    /// up / (up + down).
    AgreedTime,
    /// Down time against a month's maximum and the previous twelve months', seconds.
    DowntimeBudget {
        /// Most down seconds in a month.
        month: u64,
        /// Most down seconds in the previous twelve months, this one included.
        year: Option<u64>,
    },
}

/// `unknown` of an SLA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Leaves numerator and denominator.
    Exclude,
    /// Is counted as up.
    AsUp,
    /// Is counted as down.
    AsDown,
}

/// How an outage's length is rounded before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the second.
    None,
    /// Down to full minutes.
    FloorMinute,
    /// Up to full minutes.
    CeilMinute,
}

/// `service_hours` of an SLA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceHours {
    /// Always.
    Always,
    /// On some weekdays between two local times of day, not on holidays.
    Weekly {
        /// Monday to Sunday.
        days: [bool; 7],
        /// First minute of the local day, 0 to 1439.
        from_minute: u16,
        /// First minute after, 1 to 1440, later than `from_minute`.
        to_minute: u16,
        /// Local dates on which the hours do not apply.
        holidays: Arc<[Date]>,
    },
}

/// One line of `objectives`.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// The class it is about.
    pub class: ClassIx,
    /// What is measured.
    pub measure: Measure,
    /// What it may reach at most (at least, for `Mos`).
    pub limit: Limit,
}

/// What an objective measures, over available time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Measure {
    RttMean,
    RttP50,
    RttP95,
    RttP99,
    RttMax,
    /// `jitter`: RFC 3550 §6.4.1 smoothed over consecutive RTTs, the mean of the minutes' values.
    Jitter,
    /// `pdv_p99`: 99th percentile of RTT less the minimum (RFC 5481).
    PdvP99,
    Loss,
    Mos,
}

impl Measure {
    /// Every measure with its name in configuration, metrics and reports.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("rtt_mean", Self::RttMean),
        ("rtt_p50", Self::RttP50),
        ("rtt_p95", Self::RttP95),
        ("rtt_p99", Self::RttP99),
        ("rtt_max", Self::RttMax),
        ("jitter", Self::Jitter),
        ("pdv_p99", Self::PdvP99),
        ("loss", Self::Loss),
        ("mos", Self::Mos),
    ];

    /// Its name in configuration, metrics and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, m)| *m == self).map_or("?", |(n, _)| n)
    }
}

/// The limit of an objective, in the measure's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// At most so many microseconds.
    Micros(u64),
    /// At most such a share.
    Share(Share),
    /// At least so many ten-thousandths of MOS: 4.0 is 40 000.
    Mos(u32),
}

/// `credits` of an SLA: the four shapes in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreditSchedule {
    /// `{ below = "99.95%", credit = "5%" }`: the lowest band reached gives the credit. Ordered by falling `below`, credits rising.
    Tiers(Vec<CreditTier>),
    /// `{ over = "43m", credit = "20%" }`: cumulative down time bands. Ordered by rising `over`, credits rising.
    DowntimeBands(Vec<CreditBand>),
    /// Per started interval above the month's (standard) or the year's (elevated) maximum.
    PerInterval {
        /// Length of an interval, seconds.
        interval: u64,
        /// Credit per started interval above the month's maximum.
        standard: Share,
        /// Credit per started interval above the year's maximum.
        elevated: Share,
        /// Whether the elevated credit takes the place of the standard one, or adds to it.
        elevated_replaces_standard: bool,
        /// Most down seconds in a month.
        month_max: u64,
        /// Most down seconds in twelve months.
        year_max: u64,
    },
    /// A credit for every outage not restored within `restore_within`.
    PerIncident {
        /// Credit for each.
        credit: Share,
        /// Most per month.
        cap: Share,
    },
}

/// A band of [`CreditSchedule::Tiers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditTier {
    /// Applies when availability is below.
    pub below: Share,
    /// Share of the monthly charge.
    pub credit: Share,
}

/// A band of [`CreditSchedule::DowntimeBands`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditBand {
    /// Applies when down seconds exceed.
    pub over: u64,
    /// Share of the monthly charge.
    pub credit: Share,
}
