//! `journal.jsonl`: the chained records from which every figure of a pack follows.
//!
//! A line is one record as canonical JSON: keys sorted, no spaces, integers only (RFC 8785 as far
//! as it goes without fractions), with its own `hash`. The hash covers the record without it:
//!
//! ```text
//! h_0 = 32 zero bytes
//! h_i = SHA-256(0x01 ‖ h_{i−1} ‖ canonical_json_i)
//! ```
//!
//! so `jq -cS 'del(.hash)'` gives back exactly the bytes that were hashed.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::driver;
use crate::config::model::Hysteresis;
use crate::sla::fold;

/// The version of this format, in the genesis record.
pub const SCHEMA: &str = "assured-journal/1";
/// The longest line accepted, bytes: a sketch in base64 is the longest thing in it.
pub const MAX_LINE: usize = 64 * 1024;
/// The most records accepted.
pub const MAX_RECORDS: u64 = 20_000_000;

/// One record without its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// Always first, and only there.
    Genesis {
        /// [`SCHEMA`].
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

/// A record with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counts from 1.
    pub seq: u64,
    /// What it says.
    pub entry: Entry,
}

/// Why a journal is refused: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("journal.jsonl, line {line}: {what}")]
pub struct JournalError {
    /// Counts from 1.
    pub line: u64,
    /// In plain words.
    pub what: String,
}

/// Writes a journal: records in, chained lines out.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    seq: u64,
    head: [u8; 32],
}

impl Writer {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record.
    pub fn push(&mut self, entry: &Entry) {
        self.seq += 1;
        let Ok(Value::Object(mut record)) = serde_json::to_value(entry) else {
            unreachable!("an entry is a JSON object of integers and strings")
        };
        record.insert("seq".into(), self.seq.into());
        let (text, place) = placed(&record);
        let (before, after) = text.split_at(place);
        self.head = link(&self.head, [before, after]);
        for part in [before, "\"hash\":\"", &hex(&self.head), "\",", after, "\n"] {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }

    /// Records so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.seq
    }

    /// Hash of the last record, hex; zeros while there is none.
    #[must_use]
    pub fn head(&self) -> String {
        hex(&self.head)
    }

    /// The bytes of `journal.jsonl`.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A journal read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// In order.
    pub records: Vec<Record>,
    /// Hash of the last one, hex.
    pub head: String,
}

/// Reads a whole journal into memory, checking the chain.
pub fn decode(bytes: &[u8]) -> Result<Journal, JournalError> {
    let mut records = Vec::new();
    let head = read(bytes, |record| {
        records.push(record);
        Ok(())
    })?;
    Ok(Journal { records, head })
}

/// Reads a journal record by record, checking the chain, and gives the hash of the last one in hex.
///
/// Refuses what the writer would not have written byte for byte: other key orders, spaces,
/// fractions, unknown keys, a genesis elsewhere than in front, a missing last line feed.
pub fn read(bytes: &[u8], mut each: impl FnMut(Record) -> Result<(), String>) -> Result<String, JournalError> {
    let (batches, cut_off) = batches(bytes);
    let mut head = [0; 32];
    let parse = |(): &mut (), n: usize| batches[n].iter().map(|(line, text)| parsed(*line, text)).collect();
    let mut workers = vec![(); driver::processors().min(batches.len()).max(1)];
    driver::in_order(&mut workers, batches.len(), parse, |records: Vec<Result<Parsed<'_>, JournalError>>| {
        records.into_iter().try_for_each(|parsed| {
            let Parsed { record, canonical, claimed } = parsed?;
            let wrong = |what: String| JournalError { line: record.seq, what };
            head = link(&head, canonical);
            if hex(&head) != claimed {
                let what = "the hash does not follow from the record and the one before it: one of them was changed";
                return Err(wrong(what.into()));
            }
            if (record.seq == 1) != matches!(record.entry, Entry::Genesis { .. }) {
                return Err(wrong("a journal has its genesis record in front and nowhere else".into()));
            }
            let line = record.seq;
            each(record).map_err(|what| JournalError { line, what })
        })
    })?;
    match cut_off {
        Some(wrong) => Err(wrong),
        None => Ok(hex(&head)),
    }
}

/// Lines with their numbers, to be read together.
type Batch<'a> = Vec<(u64, &'a [u8])>;

/// Lines in a batch: large enough that handing it over costs nothing beside reading it.
const BATCH: usize = 2_048;

/// A journal's lines, and what is wrong behind them.
fn batches(bytes: &[u8]) -> (Vec<Batch<'_>>, Option<JournalError>) {
    let mut batches: Vec<Batch<'_>> = Vec::new();
    let mut rest = bytes;
    let mut line = 0;
    while !rest.is_empty() {
        line += 1;
        let wrong = |what: &str| Some(JournalError { line, what: what.into() });
        if line > MAX_RECORDS {
            return (batches, wrong(&format!("more than {MAX_RECORDS} records")));
        }
        let window = &rest[..rest.len().min(MAX_LINE + 1)];
        let Some(end) = window.iter().position(|&b| b == b'\n') else {
            let what = if rest.len() > MAX_LINE { "line too long" } else { "the last line is cut off" };
            return (batches, wrong(what));
        };
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH => batch.push((line, &rest[..end])),
            _ => batches.push(vec![(line, &rest[..end])]),
        }
        rest = &rest[end + 1..];
    }
    let empty = (line == 0).then(|| JournalError { line: 1, what: "the journal is empty".into() });
    (batches, empty)
}

/// How many records a journal that was read before has, and the hash of the last one: from its last line alone.
///
/// # Errors
/// There is no last line, or it is no record.
pub fn end(bytes: &[u8]) -> Result<(u64, String), JournalError> {
    let wrong = |what: &str| JournalError { line: 1, what: what.into() };
    let whole = bytes.strip_suffix(b"\n").ok_or_else(|| wrong("it is empty, or its last line is cut off"))?;
    let last = whole.rsplit(|&b| b == b'\n').next().unwrap_or_default();
    let object: Map<String, Value> = serde_json::from_slice(last).map_err(|e| wrong(&e.to_string()))?;
    let number = object.get("seq").and_then(Value::as_u64);
    let hash = object.get("hash").and_then(Value::as_str);
    let (records, head) = number.zip(hash).ok_or_else(|| wrong("its last line is no record"))?;
    Ok((records, head.to_owned()))
}

/// A line that is in order by itself.
struct Parsed<'a> {
    record: Record,
    /// What was hashed: the line before and after its hash.
    canonical: [&'a str; 2],
    /// The hash that it bears, hex.
    claimed: String,
}

fn parsed(line: u64, bytes: &[u8]) -> Result<Parsed<'_>, JournalError> {
    alone(line, bytes).map_err(|what| JournalError { line, what })
}

fn alone(line: u64, bytes: &[u8]) -> Result<Parsed<'_>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    let mut object: Map<String, Value> = serde_json::from_str(text).map_err(|e| format!("not a JSON object: {e}"))?;
    if object.values().any(|v| !plain(v)) {
        return Err("holds something other than integers, strings and lists of strings".into());
    }
    let Some(Value::String(claimed)) = object.remove("hash") else { return Err("no hash".into()) };
    let (hashed, place) = placed(&object);
    let with_hash = || -> Option<[&str; 2]> {
        let (before, after) = hashed.split_at(place);
        let rest = text.strip_prefix(before)?.strip_prefix("\"hash\":\"")?.strip_prefix(claimed.as_str())?;
        let rest = rest.strip_prefix("\",")?;
        (rest == after).then_some([&text[..place], rest])
    };
    let canonical = with_hash().ok_or("not in canonical form (sorted keys, no spaces, integers only)")?;
    let seq = object.get("seq").and_then(Value::as_u64).ok_or("no sequence number")?;
    if seq != line {
        return Err(format!("record {seq} stands where record {line} belongs: records are missing, added or swapped"));
    }
    object.remove("seq");
    let entry: Entry = serde_json::from_value(Value::Object(object)).map_err(|e| format!("not a record: {e}"))?;
    if let Entry::Rounds { step, interval, count, from, strays, .. } = entry {
        if strays >= count && strays > 0 {
            return Err("a run of rounds with more strays than others".into());
        }
        let reach = step.checked_mul(count).and_then(|s| i64::try_from(s).ok()).and_then(|s| from.checked_add(s));
        if step == 0 || interval == 0 || count == 0 || reach.is_none() {
            return Err("a run of rounds needs at least one round and a sensible interval".into());
        }
    }
    Ok(Parsed { record: Record { seq, entry }, canonical, claimed })
}

fn plain(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Number(n) => n.is_i64() || n.is_u64(),
        Value::Array(items) => items.iter().all(|v| v.is_string()),
        Value::Null | Value::Bool(_) | Value::Object(_) => false,
    }
}

/// Canonical JSON of a record of integers, strings and lists of strings, and the byte in front of which the record's hash has its place: it comes before `kind`, which every record has.
fn placed(object: &Map<String, Value>) -> (String, usize) {
    // Sorted here, not by the map: whether the map is sorted depends on a feature that any dependency may switch on.
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    let mut text = String::with_capacity(512);
    let mut place = None;
    text.push('{');
    for (n, (key, value)) in members.into_iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        if key.as_str() > "hash" {
            place.get_or_insert(text.len());
        }
        if key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            text.extend(["\"", key, "\""]);
        } else {
            write!(text, "{}", Value::from(key.as_str())).expect("a string takes every write");
        }
        write!(text, ":{value}").expect("a string takes every write");
    }
    let place = place.unwrap_or(text.len());
    text.push('}');
    (text, place)
}

fn link(before: &[u8; 32], canonical: [&str; 2]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([0x01]);
    hash.update(before);
    canonical.iter().for_each(|part| hash.update(part.as_bytes()));
    hash.finalize().into()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        write!(text, "{b:02x}").expect("a string takes every write");
        text
    })
}

/// Gathers one component's rounds of one source into maximal runs: equally spaced, same interval, same verdict.
///
/// A month of replies every second is one record.
#[derive(Debug, Clone)]
pub struct Runs {
    component: String,
    source: Source,
    open: Option<Run>,
}

#[derive(Debug, Clone)]
struct Run {
    from: i64,
    last: i64,
    step: Option<i64>,
    interval: u64,
    count: u64,
    outcome: RoundOutcome,
    cause: Option<String>,
}

impl Runs {
    /// For one component and source.
    #[must_use]
    pub fn new(component: &str, source: Source) -> Self {
        Self { component: component.to_owned(), source, open: None }
    }

    /// Takes the next round, later than the one before; gives the run that it ended, if it did.
    pub fn push(&mut self, at: i64, interval: u64, outcome: RoundOutcome, cause: Option<&str>) -> Option<Entry> {
        if let Some(run) = &mut self.open {
            let gap = at - run.last;
            let same = run.outcome == outcome && run.cause.as_deref() == cause && run.interval == interval;
            if same && gap > 0 && run.step.is_none_or(|step| step == gap) {
                (run.step, run.last, run.count) = (Some(gap), at, run.count + 1);
                return None;
            }
        }
        let ended = self.finish();
        let cause = cause.map(str::to_owned);
        self.open = Some(Run { from: at, last: at, step: None, interval, count: 1, outcome, cause });
        ended
    }

    /// Gives the run that is still open.
    pub fn finish(&mut self) -> Option<Entry> {
        let run = self.open.take()?;
        Some(Entry::Rounds {
            component: self.component.clone(),
            source: self.source,
            from: run.from,
            step: run.step.map_or(run.interval, i64::unsigned_abs),
            interval: run.interval,
            count: run.count,
            outcome: run.outcome,
            cause: run.cause,
            dated_by: None,
            strays: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(object: &Map<String, Value>) -> String {
        placed(object).0
    }

    fn object(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_chain_gives_the_published_vectors() {
        let first = link(&[0; 32], [&canonical(&object(r#"{"seq":1,"kind":"genesis","period":"2026-10"}"#)), ""]);
        assert_eq!(hex(&first), "679d69a33f66e06e00ebfe3ef0fd9ffd4a7ac7a3e0673b35488d3fa7ddf5e624");
        let second = r#"{"at":"2026-10-05T09:00:00Z","kind":"transition","seq":2,"service":"hq-wan","to":"down"}"#;
        let second = link(&first, [&canonical(&object(second)), ""]);
        assert_eq!(hex(&second), "ab607c50ab766e90be4d6ea36fb334a11d98d5614d000d8689779d2a4262c969");
    }

    pub(crate) fn genesis() -> Entry {
        Entry::Genesis {
            schema: SCHEMA.into(),
            contract: "converged".into(),
            period: "2026-10".into(),
            from: 0,
            to: 100,
            as_of: 100,
            time_zone: "Europe/London".into(),
            tz_data: "2026b".into(),
            vantage: "here".into(),
            calculation: "avail/1".into(),
            software: "assured 0.1.0".into(),
            store_sequence: 1,
            store_head: String::new(),
        }
    }

    fn journal() -> Vec<u8> {
        let mut writer = Writer::new();
        writer.push(&genesis());
        for n in 0..3 {
            writer.push(&Entry::Config { at: n, sha256: "00".into(), note: "\"quoted\" \u{1} é".into() });
        }
        writer.finish()
    }

    #[test]
    fn what_is_written_reads_back() {
        let read = decode(&journal()).unwrap();
        assert_eq!(read.records.len(), 4);
        assert_eq!(read.records[0].entry, genesis());
    }

    #[test]
    fn removed_swapped_and_cut_records_are_found() {
        let bytes = journal();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|&b| b == b'\n').collect();
        let removed = [lines[0], lines[1], lines[3]].concat();
        assert!(decode(&removed).unwrap_err().what.contains("missing, added or swapped"));
        let swapped = [lines[0], lines[2], lines[1], lines[3]].concat();
        assert_eq!(decode(&swapped).unwrap_err().line, 2);
        assert!(decode(&bytes[..bytes.len() - 1]).unwrap_err().what.contains("cut off"));
        assert!(decode(&[lines[1]].concat()).is_err());
        assert!(decode(b"").is_err());
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let bytes = journal();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn other_spellings_of_a_record_are_refused() {
        let text = String::from_utf8(journal()).unwrap();
        for (from, to) in [(":1,", ":1.0,"), ("{\"", "{ \""), ("\"at\":1", "\"at\":1,\"at\":1")] {
            assert!(decode(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn a_month_of_replies_is_one_record() {
        let mut runs = Runs::new("x", Source::Ping);
        for n in 0..1000 {
            assert_eq!(runs.push(n * 60, 60, RoundOutcome::Reply, None), None);
        }
        let Some(Entry::Rounds { from: 0, step: 60, count: 1000, .. }) =
            runs.push(60_000, 60, RoundOutcome::Lost, None)
        else {
            panic!("the run ends with the first lost round");
        };
        // A late round breaks the spacing, not the verdict.
        assert!(runs.push(60_070, 60, RoundOutcome::Lost, None).is_none());
        assert!(matches!(
            runs.push(60_130, 60, RoundOutcome::Lost, None),
            Some(Entry::Rounds { step: 70, count: 2, .. })
        ));
        assert!(matches!(runs.finish(), Some(Entry::Rounds { step: 60, count: 1, .. })));
    }
}
