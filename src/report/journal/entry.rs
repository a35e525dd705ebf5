//! What a record of the journal says.

use serde::{Deserialize, Serialize};

use crate::config::model::Hysteresis;
use crate::sla::fold;

/// One record without its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// Always first, and only there.
    Genesis {
        /// [`super::SCHEMA`].
        schema: String,
        /// Identifier of the contract.
        contract: String,
        /// As in `2026-10`.
        period: String,
        /// Start of the month, seconds since the epoch.
        from: i64,
        /// End of the month.
        to: i64,
        /// The last instant that the evidence was looked at.
        as_of: i64,
        /// IANA name.
        time_zone: String,
        /// Version of the time-zone data.
        tz_data: String,
        /// Who was looking.
        vantage: String,
        /// Version of the accounting rules.
        calculation: String,
        /// Software that wrote it.
        software: String,
        /// Sequence of the last record of the store that was read.
        store_sequence: u64,
        /// Hash of that record, hex.
        store_head: String,
    },
    /// A configuration came into force.
    Config {
        /// Since when.
        at: i64,
        /// SHA-256 of its canonical text, hex.
        sha256: String,
        /// What changed, for people.
        note: String,
    },
    /// Equally spaced rounds with one verdict, but for strays among them.
    Rounds {
        /// Identifier.
        component: String,
        /// Where the verdict comes from.
        source: Source,
        /// Due time of the first round.
        from: i64,
        /// From round to round, seconds; `interval` when there is one only.
        step: u64,
        /// The configured interval, seconds.
        interval: u64,
        /// How many.
        count: u64,
        /// What they say.
        outcome: RoundOutcome,
        /// Why, when `not_measured`: a name of [`crate::measurement::Cause`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// How the moment of an interface's rounds is known: a name of [`crate::measurement::status::DatedBy`];
        /// none is `poll`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dated_by: Option<String>,
        /// Of `count`: how many said the opposite (lost among replies, or the other way round), each time too few in
        /// a row to change the state and with the verdict around them on both sides. No second depends on them.
        #[serde(default, skip_serializing_if = "is_zero")]
        strays: u64,
    },
    /// The state that a component had when the month began, where its rounds reach too far back to be listed.
    Carry {
        /// Identifier.
        component: String,
        /// When.
        at: i64,
        /// `up`, `down` or `unknown`.
        state: String,
        /// Since when.
        since: i64,
    },
    /// What one class's probes to one component measured in a stretch of time.
    Class {
        /// Identifier.
        component: String,
        /// The class.
        class: String,
        /// First second.
        from: i64,
        /// First second after.
        to: i64,
        /// Probes sent.
        sent: u64,
        /// Lost of those.
        lost: u64,
        /// Due, but not measured.
        not_measured: u64,
        /// Replies with a round-trip time.
        rtt_count: u64,
        /// Their sum, microseconds.
        rtt_sum_us: u64,
        /// Shortest, microseconds.
        rtt_min_us: u64,
        /// Longest, microseconds.
        rtt_max_us: u64,
        /// Sum of the minutes' RFC 3550 jitter, microseconds.
        jitter_sum_us: u64,
        /// Minutes in that sum.
        jitter_count: u64,
        /// The sketch of round-trip times, base64.
        sketch: String,
        /// When the replies came that these round-trip times are of, where not all of them count alike for everybody:
        /// first second, first second after, and how many, as in `1775383200 1775383220 20`. The probes stand in records
        /// of their own then, and `sent` is 0. The jitter is that of the last reply.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parts: Vec<String>,
    },
    /// A past month's outcome, for twelve-month tests and the trend.
    Month {
        /// Identifier of the service.
        service: String,
        /// As in `2026-09`.
        month: String,
        /// Seconds of its window.
        window: u64,
        /// Down seconds that counted.
        down: u64,
        /// As shown then; empty without evidence.
        availability: String,
        /// As judged then; empty without evidence.
        verdict: String,
    },
    /// A step in the life of an exclusion.
    Exclusion {
        /// When it was entered.
        at: i64,
        /// Identifier of the exclusion.
        id: String,
        /// `propose`, `agree`, `dispute` or `withdraw`.
        action: String,
        /// Who.
        by: String,
        /// Whom it touches; given when proposed.
        services: Vec<String>,
        /// First second.
        from: i64,
        /// First second after.
        to: i64,
        /// Why.
        reason: String,
        /// Letter or change.
        reference: String,
    },
    /// A step in the life of a fault.
    Fault {
        /// When it was written down.
        at: i64,
        /// When it was so.
        when: i64,
        /// Our reference.
        id: String,
        /// `open`, `report`, `update`, `stop`, `resume`, `clear`, `close` or `reopen`.
        action: String,
        /// Who.
        by: String,
        /// What is said.
        text: String,
        /// The supplier's reference, or what proves a stop.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reference: String,
        /// Identifier of the site; when opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<String>,
        /// Services of the contract that suffer; when opened.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
        /// Components that are thought to be at fault; when opened.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        components: Vec<String>,
        /// When it was noticed; when opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detected: Option<i64>,
        /// 1 to 4; when said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<u8>,
        /// Whose it is thought to be; when said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        responsible: Option<String>,
        /// Why the restore clock stands; of a stop.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<String>,
        /// What it was; when closed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// When the next word on it is due; when said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_update: Option<i64>,
    },
    /// A remark on an outage.
    Annotation {
        /// When.
        at: i64,
        /// Who.
        by: String,
        /// About which service.
        service: String,
        /// First second of the outage.
        outage: i64,
        /// What is said.
        text: String,
        /// Fault or change.
        reference: String,
    },
    /// A closed month's figures changed.
    Revision {
        /// When.
        at: i64,
        /// 2 for the first revision.
        number: u64,
        /// Why.
        reason: String,
        /// Head of the journal of the pack that it takes the place of, hex.
        supersedes: String,
        /// Figure, old value and new value, three texts each.
        changes: Vec<String>,
    },
    /// Something that happened to the monitor.
    Monitor {
        /// When.
        at: i64,
        /// `start`, `stop`, `clock_step`, `isolated`, `connected`.
        event: String,
        /// How far the clock stepped or how long it lasted, seconds.
        seconds: i64,
        /// For people.
        detail: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Where a run of rounds comes from: rule 5 of the accounting joins the two for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// ICMP to the component's own or far address.
    Ping,
    /// The operational state of its interface over SNMP: `reply` is up, `lost` is down.
    Interface,
}

impl Source {
    /// What changes the state that a component has by this source.
    #[must_use]
    pub fn hysteresis(self, configured: Hysteresis) -> Hysteresis {
        match self {
            Self::Ping => fold::Source::Address.hysteresis(configured),
            Self::Interface => fold::Source::Interface.hysteresis(configured),
        }
    }
}

/// What a run of rounds says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundOutcome {
    /// At least one class got a reply.
    Reply,
    /// None did, and at least one was lost.
    Lost,
    /// None was measured.
    NotMeasured,
}
