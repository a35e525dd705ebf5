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

mod entry;
mod runs;

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use self::entry::{Entry, RoundOutcome, Source};
pub use self::runs::Runs;
use super::driver;

/// The version of this format, in the genesis record.
pub const SCHEMA: &str = "assured-journal/1";
/// The longest line accepted, bytes: a sketch in base64 is the longest thing in it.
pub const MAX_LINE: usize = 64 * 1024;
/// The most records accepted.
pub const MAX_RECORDS: u64 = 20_000_000;

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
