//! What can stand in the chain: one fact per record, as canonical JSON with `seq`, `at`, `kind` and `v`.
//!
//! Times are integer seconds since the Unix epoch, spans half-open `{from,to}`, hashes lower-case
//! hex. A reader keeps the texts it read: a record of a kind it does not know still chains.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical::{self, NotCanonical};
use super::chain::Hash;
use super::fault;
use crate::units::{Sec, Span};

/// Version of the record format, `v` in every record.
pub const VERSION: u32 = 1;

/// A record as it stands in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the chain; the first is 1.
    pub seq: u64,
    /// When it was written, by the wall clock.
    pub at: Sec,
    /// What it says.
    pub body: Body,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// The chain begins.
    Genesis {
        /// Version of the program.
        version: String,
    },
    /// A new file begins; the chain goes on.
    File {
        /// `YYYY-MM`, as in the file's name.
        month: String,
    },
    /// A damaged file was set aside; the chain goes on from the last record that was right.
    Recovered {
        /// The damaged file under its new name.
        file: String,
        /// What was wrong with it.
        problem: String,
        /// The last record that was found right; `seq` here is one more than the last that may have existed.
        last_good: u64,
        /// Hash of that record: what this record follows.
        last_good_hash: Hash,
    },
    /// A configuration came into force.
    Config {
        /// `Config::hash`.
        hash: String,
        /// `Config::redacted_toml`.
        toml: String,
    },
    /// The daemon began to probe.
    Start {
        /// Version of the program.
        version: String,
        /// Who looks.
        vantage: String,
    },
    /// The daemon ended on purpose.
    Stop {
        /// Why, in words.
        reason: String,
    },
    /// The wall clock stepped.
    ClockStep {
        /// By so many milliseconds; negative is back.
        milliseconds: i64,
    },
    /// The monitor was cut off: every sentinel failed.
    Isolated {
        /// When.
        span: Span,
    },
    /// Gives numbers to components and classes, for the blobs of this file.
    Series {
        /// Number of the first; the others follow.
        first: u32,
        /// Component and class of each.
        names: Vec<(String, String)>,
    },
    /// A minute's rounds.
    Minute(Rows),
    /// An hour's rounds, made from its minutes.
    Hour(RollUp),
    /// A day's rounds (UTC), made from its hours.
    Day(RollUp),
    /// Minutes that could not be written; their time is unknown.
    Unwritten {
        /// From the first to the end of the last.
        span: Span,
        /// How many.
        minutes: u64,
        /// What stood in the way.
        why: String,
    },
    /// History from elsewhere follows, in the minutes that name this record's `seq`.
    Import {
        /// SHA-256 of the file.
        sha256: Hash,
        /// Its name, without folders.
        file: String,
        /// Rounds in it.
        rounds: u64,
        /// From the first round's minute to the end of the last one's.
        span: Span,
        /// Who brought it.
        by: String,
    },
    /// A step in the life of an exclusion; see [`super::exclusion`].
    Exclusion(Exclusion),
    /// A step in the life of a fault; see [`super::fault`].
    Fault(fault::Step),
    /// A remark on an outage.
    Annotation {
        /// Which service's outage.
        service: String,
        /// When the outage was.
        span: Span,
        /// Who says so.
        who: String,
        /// What was remarked.
        text: String,
        /// The cause, when the remark settles it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
        /// A ticket or letter.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reference: Option<String>,
    },
    /// A contract's month closed: from here on only a revision changes its figures.
    Close {
        /// Which contract.
        contract: String,
        /// `YYYY-MM`, local to the monitor's zone.
        month: String,
        /// SHA-256 of the figures as they stood; see `crate::report::revision`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        report: Option<Hash>,
    },
    /// A closed month's figures changed.
    Revision {
        /// Which contract.
        contract: String,
        /// `YYYY-MM`.
        month: String,
        /// 2 for the first revision.
        number: u32,
        /// Why.
        #[serde(default)]
        reason: String,
        /// Head of the journal of the pack that it takes the place of, hex.
        #[serde(default)]
        supersedes: String,
        /// SHA-256 of the figures as they stand now.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        report: Option<Hash>,
        /// Figure, old value, new value.
        changes: Vec<(String, String, String)>,
    },
    /// A component's interface was switched off, or is on again. What it says otherwise stands in the minutes.
    Interface {
        /// Which component.
        component: String,
        /// `off` or `on`.
        state: String,
        /// Since when.
        since: Sec,
        /// What dates it: `poll`, `last_change`, `trap`.
        source: String,
    },
    /// Old evidence was let go as configured.
    Retention {
        /// The file.
        file: String,
        /// `minutes` (its minutes' blobs) or `all` (the file).
        scope: String,
        /// First record of the file.
        first: u64,
        /// Last record of the file.
        last: u64,
        /// Hash of the last.
        last_hash: Hash,
    },
    /// Something that this version does not know: its kind. The text is kept by whoever read it.
    #[serde(skip)]
    Other(String),
}

/// A blob of rows, as its record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// First second covered.
    pub start: Sec,
    /// SHA-256 of the blob.
    pub sha256: Hash,
    /// What adds up in it.
    pub totals: Totals,
    /// `seq` of the import it came by; none: it was measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub import: Option<u64>,
}

/// A blob of rows made from other blobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollUp {
    /// First second covered.
    pub start: Sec,
    /// SHA-256 of the blob.
    pub sha256: Hash,
    /// Root of the tree over its rows; see [`super::merkle`].
    pub root: Hash,
    /// What adds up in it.
    pub totals: Totals,
    /// The records whose blobs it was made from.
    pub covers: Covers,
}

/// Which records a roll-up was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covers {
    /// `seq` of the first.
    pub first: u64,
    /// `seq` of the last.
    pub last: u64,
    /// How many.
    pub count: u64,
    /// SHA-256 over their blobs' SHA-256 values (32 bytes each) in order of `seq`.
    pub sha256: Hash,
}

/// What adds up in a blob, for a quick check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows.
    pub rows: u64,
    /// Rounds of all rows.
    pub rounds: u64,
    /// Rounds not answered, `refused` among them.
    pub lost: u64,
    /// Rounds not measured.
    pub not_measured: u64,
}

/// A step in the life of an exclusion or adjustment. Append-only: a later step never erases one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// Which exclusion, as in `X-7`.
    pub id: String,
    /// What is done.
    pub action: Action,
    /// Who does it.
    pub who: String,
    /// Why.
    pub why: String,
    /// A ticket or letter.
    pub reference: String,
    /// Services that it touches; of a proposal.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub services: Vec<String>,
    /// When; of a proposal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub span: Option<Span>,
}

/// What is done with an exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Somebody asks for it.
    Propose,
    /// Somebody else accepts it.
    Agree,
    /// Somebody rejects it.
    Dispute,
    /// Whoever proposed it takes it back.
    Withdraw,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    seq: u64,
    at: Sec,
    v: u32,
    #[serde(flatten)]
    body: Body,
}

impl Record {
    /// Its canonical text.
    ///
    /// # Panics
    /// For [`Body::Other`], which is only ever read.
    #[must_use]
    pub fn to_text(&self) -> String {
        let envelope = Envelope { seq: self.seq, at: self.at, v: VERSION, body: self.body.clone() };
        let value = serde_json::to_value(envelope).expect("records are made of strings, integers and lists");
        canonical::to_string(&value).expect("records hold no fractions")
    }

    /// Reads a canonical text.
    pub fn parse(text: &str) -> Result<Self, BadRecord> {
        let value = canonical::parse(text)?;
        let number = |key: &str| value.get(key).and_then(Value::as_i64).ok_or_else(|| BadRecord::Field(key.into()));
        let seq = u64::try_from(number("seq")?).map_err(|_| BadRecord::Field("seq".into()))?;
        let at = Sec(number("at")?);
        let kind = value.get("kind").and_then(Value::as_str).ok_or_else(|| BadRecord::Field("kind".into()))?;
        if number("v")? > i64::from(VERSION) || !Body::KINDS.contains(&kind) {
            return Ok(Self { seq, at, body: Body::Other(kind.to_owned()) });
        }
        let envelope: Envelope = serde_json::from_value(value).map_err(|e| BadRecord::Content(e.to_string()))?;
        Ok(Self { seq, at, body: envelope.body })
    }
}

/// Why a text is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// Not canonical JSON.
    #[error(transparent)]
    Text(#[from] NotCanonical),
    /// A field that every record has.
    #[error("the field {0:?} is missing or of the wrong type")]
    Field(String),
    /// Something else in it.
    #[error("{0}")]
    Content(String),
}

impl Body {
    /// Every kind that this version knows.
    pub const KINDS: [&'static str; 21] = [
        "genesis",
        "file",
        "recovered",
        "config",
        "start",
        "stop",
        "clock_step",
        "isolated",
        "series",
        "minute",
        "hour",
        "day",
        "unwritten",
        "import",
        "exclusion",
        "fault",
        "annotation",
        "close",
        "revision",
        "interface",
        "retention",
    ];

    /// Its kind, as in the record's text.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::File { .. } => "file",
            Self::Recovered { .. } => "recovered",
            Self::Config { .. } => "config",
            Self::Start { .. } => "start",
            Self::Stop { .. } => "stop",
            Self::ClockStep { .. } => "clock_step",
            Self::Isolated { .. } => "isolated",
            Self::Series { .. } => "series",
            Self::Minute(_) => "minute",
            Self::Hour(_) => "hour",
            Self::Day(_) => "day",
            Self::Unwritten { .. } => "unwritten",
            Self::Import { .. } => "import",
            Self::Exclusion(_) => "exclusion",
            Self::Fault(_) => "fault",
            Self::Annotation { .. } => "annotation",
            Self::Close { .. } => "close",
            Self::Revision { .. } => "revision",
            Self::Interface { .. } => "interface",
            Self::Retention { .. } => "retention",
            Self::Other(kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Body> {
        let span = Span::new(Sec(60), Sec(120));
        let hash = Hash::of(b"x");
        let totals = Totals { rows: 1, rounds: 60, lost: 2, not_measured: 3 };
        let covers = Covers { first: 2, last: 61, count: 60, sha256: hash };
        let roll = RollUp { start: Sec(0), sha256: hash, root: hash, totals, covers };
        let text = |t: &str| t.to_owned();
        vec![
            Body::Genesis { version: text("0.1.0") },
            Body::File { month: text("2026-10") },
            Body::Recovered { file: text("f"), problem: text("p"), last_good: 7, last_good_hash: hash },
            Body::Config { hash: text("h"), toml: text("a = \"b\"\n") },
            Body::Start { version: text("0.1.0"), vantage: text("county-hall") },
            Body::Stop { reason: text("asked to") },
            Body::ClockStep { milliseconds: -1_500 },
            Body::Isolated { span },
            Body::Series { first: 0, names: vec![(text("ch-r1"), text("voice"))] },
            Body::Minute(Rows { start: Sec(60), sha256: hash, totals, import: Some(3) }),
            Body::Hour(roll.clone()),
            Body::Day(roll),
            Body::Unwritten { span, minutes: 1, why: text("disk full") },
            Body::Import { sha256: hash, file: text("f.csv"), rounds: 9, span, by: text("ann") },
            Body::Exclusion(Exclusion {
                id: text("X-1"),
                action: Action::Propose,
                who: text("ann"),
                why: text("power"),
                reference: text("T-1"),
                services: vec![text("s")],
                span: Some(span),
            }),
            Body::Fault(fault::Step {
                id: text("F-C222-Q"),
                action: fault::Action::Close,
                who: text("ann"),
                text: text("fibre mended"),
                when: Sec(90),
                reference: text("INC-1"),
                site: Some(text("hq")),
                services: vec![text("s")],
                components: vec![text("l")],
                detected: Some(Sec(60)),
                severity: Some(1),
                responsible: Some(fault::Responsible::ThirdParty),
                stop: Some(text("mbrc")),
                cause: Some(fault::Cause::NoFaultFound),
                next_update: Some(Sec(99)),
            }),
            Body::Annotation {
                service: text("s"),
                span,
                who: text("ann"),
                text: text("t"),
                cause: Some(text("power")),
                reference: None,
            },
            Body::Close { contract: text("c"), month: text("2026-10"), report: None },
            Body::Revision {
                contract: text("c"),
                month: text("2026-10"),
                number: 2,
                reason: text("agreed"),
                supersedes: text("00"),
                report: Some(hash),
                changes: vec![(text("f"), text("1"), text("2"))],
            },
            Body::Interface { component: text("l"), state: text("off"), since: Sec(9), source: text("trap") },
            Body::Retention { file: text("f"), scope: text("all"), first: 1, last: 9, last_hash: hash },
        ]
    }

    #[test]
    fn every_kind_comes_back_from_its_canonical_text() {
        let samples = samples();
        for kind in Body::KINDS {
            assert!(samples.iter().any(|b| b.kind() == kind), "{kind}");
        }
        for body in samples {
            let record = Record { seq: 5, at: Sec(1_000), body };
            let text = record.to_text();
            assert!(text.contains(&format!("\"kind\":\"{}\"", record.body.kind())), "{text}");
            assert_eq!(Record::parse(&text).expect("canonical"), record);
        }
    }

    #[test]
    fn a_kind_from_the_future_is_kept_by_its_name() {
        let text = r#"{"at":1,"kind":"weather","seq":2,"v":1}"#;
        assert_eq!(Record::parse(text).expect("a record").body, Body::Other("weather".into()));
    }

    #[test]
    fn a_record_without_its_fields_is_refused() {
        assert_eq!(Record::parse("{}"), Err(BadRecord::Field("seq".into())));
        assert!(Record::parse(r#"{"at":1,"kind":"stop","seq":2,"v":1}"#).is_err());
    }
}
