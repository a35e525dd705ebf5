//! Hours and days made from minutes: the same rounds in fewer steps, replies merged exactly.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::blob::{self, Encoder};
use super::canonical;
use super::chain::Hash;
use super::merkle;
use super::record::{Covers, RollUp};
use crate::measurement::buckets::Buckets;
use crate::measurement::minute::{Replies, Tally};
use crate::measurement::rounds::{Fate, Rounds, Segment, Stretch};
use crate::units::{Micros, Sec};

/// Seconds in an hour.
pub const HOUR: i64 = 3_600;
/// Seconds in a day (UTC).
pub const DAY: i64 = 86_400;

/// How much time a blob covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// 60 s.
    Minute,
    /// 3 600 s.
    Hour,
    /// 86 400 s.
    Day,
}

impl Grain {
    /// Its length in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// The first second of the minute, hour or day that `at` is in.
    #[must_use]
    pub fn floor(self, at: Sec) -> Sec {
        Sec(at.0.div_euclid(self.seconds()) * self.seconds())
    }

    /// The next finer one.
    #[must_use]
    pub fn finer(self) -> Option<Self> {
        match self {
            Self::Minute => None,
            Self::Hour => Some(Self::Minute),
            Self::Day => Some(Self::Hour),
        }
    }
}

/// Merges rows of many blobs by their series.
#[derive(Debug, Default)]
pub struct Merger {
    /// For each series one more than its place in `rows`; 0 for none.
    places: Vec<u32>,
    rows: Vec<(u32, Tally)>,
}

impl Merger {
    /// Takes in a row. Parts of one series cost least in time order.
    ///
    /// # Panics
    /// For more series than numbers for them.
    pub fn add(&mut self, series: u32, tally: Tally) {
        let at = series as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, 0);
        }
        match self.places[at].checked_sub(1) {
            Some(place) => self.rows[place as usize].1.merge(&tally),
            None => {
                self.rows.push((series, tally));
                self.places[at] = u32::try_from(self.rows.len()).expect("no more rows than series, which are u32");
            }
        }
    }

    /// The merged rows in rising order of their series.
    pub fn rows(&self) -> Vec<(u32, &Tally)> {
        let mut rows: Vec<(u32, &Tally)> = self.rows.iter().map(|(series, tally)| (*series, tally)).collect();
        rows.sort_by_key(|(series, _)| *series);
        rows
    }

    /// The merged rows in rising order of their series.
    pub fn into_rows(self) -> impl Iterator<Item = (u32, Tally)> {
        let mut rows = self.rows;
        rows.sort_by_key(|(series, _)| *series);
        rows.into_iter()
    }
}

/// A blob that goes into a roll-up, as its record names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// `seq` of its record.
    pub seq: u64,
    /// SHA-256 of the blob.
    pub sha256: Hash,
}

/// The blob of merged rows and what its record says; `names` gives a series' component and class.
///
/// `parts` are what was merged, in order of `seq`; never empty.
#[must_use]
pub fn roll_up<'n>(
    start: Sec,
    merged: &Merger,
    parts: &[Part],
    names: impl Fn(u32) -> (&'n str, &'n str),
    encoder: &mut Encoder,
) -> (Vec<u8>, RollUp) {
    let rows = merged.rows();
    let data = encoder.encode(start, &rows);
    let root = merkle::root(&leaves(&rows, names));
    let totals = blob::totals_of(rows.iter().map(|(_, t)| *t));
    let sha256 = Hash::of(&data);
    (data, RollUp { start, sha256, root, totals, covers: covers(parts) })
}

/// What a roll-up says of the parts that it was made from.
#[must_use]
pub fn covers(parts: &[Part]) -> Covers {
    let mut sha = Sha256::new();
    parts.iter().for_each(|p| sha.update(p.sha256.0));
    let seq = |p: Option<&Part>| p.map_or(0, |p| p.seq);
    let sha256 = Hash(sha.finalize().into());
    Covers { first: seq(parts.first()), last: seq(parts.last()), count: parts.len() as u64, sha256 }
}

/// The leaves of the tree over a roll-up's rows, in order of component and class.
pub fn leaves<'n>(rows: &[(u32, &Tally)], names: impl Fn(u32) -> (&'n str, &'n str)) -> Vec<Hash> {
    let mut named: Vec<_> = rows.iter().map(|(series, tally)| (names(*series), *tally)).collect();
    named.sort_by_key(|(name, _)| *name);
    named.iter().map(|((component, class), tally)| merkle::leaf(&row_text(component, class, tally))).collect()
}

/// A row as canonical JSON: a leaf of the tree, and what a pack's journal carries.
///
/// `rounds` are `[first, interval, count]`, `failed` are `[index, count, fate]`, `buckets` are `[bucket, count]`.
#[must_use]
pub fn row_text(component: &str, class: &str, tally: &Tally) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("{\"class\":");
    canonical::write_string(class, &mut out);
    out.push_str(",\"component\":");
    canonical::write_string(component, &mut out);
    out.push_str(",\"failed\":[");
    for (n, s) in tally.rounds.stretches().iter().enumerate() {
        let _ = write!(out, "{}[{},{},\"{}\"]", comma(n), s.index, s.count, s.fate.name());
    }
    let r = &tally.replies;
    out.push_str("],\"replies\":{\"buckets\":[");
    for (n, (bucket, count)) in r.buckets.counts().iter().enumerate() {
        let _ = write!(out, "{}[{bucket},{count}]", comma(n));
    }
    let _ = write!(
        out,
        "],\"count\":{},\"jitter_minutes\":{},\"jitter_sum_us\":{},\"max_us\":{},\"min_us\":{},\"sum_us\":{}}},\"rounds\":[",
        r.count, r.jitter_minutes, r.jitter_sum_us, r.max.0, r.min.0, r.sum_us
    );
    for (n, s) in tally.rounds.segments().iter().enumerate() {
        let _ = write!(out, "{}[{},{},{}]", comma(n), s.first.0, s.interval, s.count);
    }
    out.push_str("]}");
    out
}

fn comma(n: usize) -> &'static str {
    if n == 0 { "" } else { "," }
}

/// A row read back from [`row_text`]: component, class and what was found.
pub fn parse_row(text: &str) -> Result<(String, String, Tally), BadRow> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Text {
        class: String,
        component: String,
        failed: Vec<(u32, u32, String)>,
        replies: Figures,
        rounds: Vec<(Sec, u32, u32)>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Figures {
        buckets: Vec<(u16, u32)>,
        count: u32,
        jitter_minutes: u32,
        jitter_sum_us: u64,
        max_us: Micros,
        min_us: Micros,
        sum_us: u64,
    }
    let read: Text = serde_json::from_str(text).map_err(|e| BadRow(e.to_string()))?;
    let segments = read.rounds.iter().map(|&(first, interval, count)| Segment { first, interval, count }).collect();
    let mut stretches = Vec::with_capacity(read.failed.len());
    for (index, count, fate) in read.failed {
        let fate = Fate::parse(&fate).ok_or_else(|| BadRow(format!("unknown fate {fate:?}")))?;
        stretches.push(Stretch { index, count, fate });
    }
    let rounds = Rounds::from_parts(segments, stretches).ok_or_else(|| BadRow("its rounds are out of order".into()))?;
    let mut buckets = Buckets::default();
    read.replies.buckets.iter().for_each(|&(bucket, count)| buckets.add(bucket, count));
    let f = read.replies;
    let replies = Replies {
        count: f.count,
        sum_us: f.sum_us,
        min: f.min_us,
        max: f.max_us,
        jitter_sum_us: f.jitter_sum_us,
        jitter_minutes: f.jitter_minutes,
        buckets,
    };
    let tally = Tally { rounds, replies };
    if row_text(&read.component, &read.class, &tally) == text {
        Ok((read.component, read.class, tally))
    } else {
        Err(BadRow("it is not in canonical form".into()))
    }
}

/// Why a text is not a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a row: {0}")]
pub struct BadRow(String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::blob::tests::tally;

    #[test]
    fn a_row_comes_back_from_its_text() {
        let row = tally(60, &[(9, 20_000), (0, 0), (0, 0), (2, 0), (9, 20_500), (5, 90)]);
        let text = row_text("ch-r1", "voice", &row);
        assert_eq!(parse_row(&text), Ok(("ch-r1".into(), "voice".into(), row)));
        assert!(canonical::parse(&text).is_ok(), "{text}");
        assert!(parse_row(&text.replace("\"lost\"", "\"lots\"")).is_err());
        assert!(parse_row(&text.replace(':', ": ")).is_err());
    }

    #[test]
    fn merged_minutes_are_the_hour() {
        let mut merger = Merger::default();
        let mut whole = Tally::default();
        for minute in 0..60 {
            let fates: Vec<_> =
                (0..60).map(|s| (if minute == 7 && s > 50 { 0 } else { 9 }, 20_000 + minute * s)).collect();
            let part = tally(i64::from(minute) * 60, &fates);
            whole.merge(&part);
            merger.add(4, part);
        }
        let parts = [Part { seq: 9, sha256: Hash::ZERO }, Part { seq: 12, sha256: Hash::of(b"b") }];
        let (data, record) = roll_up(Sec(0), &merger, &parts, |_| ("a", "b"), &mut Encoder::new());
        let mut back = Vec::new();
        blob::decode(&data, |s, t| back.push((s, t))).expect("whole");
        assert_eq!(back, [(4, whole)]);
        assert_eq!((record.totals.rounds, record.totals.lost, record.totals.rows), (3_600, 9, 1));
        assert_eq!((record.covers.first, record.covers.last, record.covers.count), (9, 12, 2));
    }
}
