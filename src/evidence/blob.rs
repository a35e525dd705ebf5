//! Rows of many components over one minute, hour or day, as columns of variable-length integers, compressed.
//!
//! Rows stand in blocks of [`BLOCK_ROWS`], each compressed by itself, so that few rows can be read without
//! the rest. Layout in `docs/evidence.md`. Whatever is read is hostile: every length and count is bounded.

use super::record::Totals;
use crate::measurement::buckets::{BUCKETS, Buckets, bucket};
use crate::measurement::minute::{Replies, Tally};
use crate::measurement::rounds::{Fate, Rounds, Segment, Stretch};
use crate::units::{Micros, Sec};

/// First bytes of every blob: the format and its version.
pub const MAGIC: [u8; 4] = *b"AEB1";

/// Rows in a block, but for the last.
pub const BLOCK_ROWS: usize = 1024;

/// Largest block accepted when decompressed; an encoder's block of a day of constant trouble stays far below.
const MAX_BLOCK: u64 = 256 << 20;

/// zstd level; higher ones gain 1 % and cost twice.
const LEVEL: i32 = 3;

const SERIES: usize = 0;
const SEGMENTS: usize = 1;
const SEGMENT_START: usize = 2;
const SEGMENT_INTERVAL: usize = 3;
const SEGMENT_COUNT: usize = 4;
const STRETCHES: usize = 5;
const STRETCH_GAP: usize = 6;
const STRETCH_COUNT: usize = 7;
const STRETCH_FATE: usize = 8;
const REPLIES: usize = 9;
const RTT_MIN: usize = 10;
const RTT_SPREAD: usize = 11;
const RTT_EXCESS: usize = 12;
const JITTER_MINUTES: usize = 13;
const JITTER_SUM: usize = 14;
const BUCKET_COUNT: usize = 15;
const BUCKET_GAP: usize = 16;
const BUCKET_FILL: usize = 17;
const COLUMNS: usize = 18;

/// Why bytes are not a blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBlob {
    /// Other first bytes.
    #[error("it does not begin as a blob of this version")]
    Magic,
    /// It ends too early, or a number in it cannot be.
    #[error("it is cut short or damaged in its {0}")]
    Damaged(&'static str),
}

/// Encodes blobs; keeps the compressor from one to the next.
pub struct Encoder(zstd::bulk::Compressor<'static>);

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self(zstd::bulk::Compressor::new(LEVEL).expect("the level exists"))
    }
}

impl Encoder {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Encodes rows, which stand in rising order of their series; `start` is the blob's first second.
    ///
    /// # Panics
    /// When series do not rise.
    #[must_use]
    pub fn encode(&mut self, start: Sec, rows: &[(u32, &Tally)]) -> Vec<u8> {
        encode(&mut self.0, start, rows)
    }
}

fn encode(compressor: &mut zstd::bulk::Compressor<'_>, start: Sec, rows: &[(u32, &Tally)]) -> Vec<u8> {
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "rows come in rising order of their series");
    let mut directory = Vec::new();
    let mut body = Vec::new();
    for block in rows.chunks(BLOCK_ROWS) {
        let columns = encode_block(start, block);
        let mut raw = Vec::new();
        for column in &columns {
            put(&mut raw, column.len() as u64);
        }
        for column in &columns {
            raw.extend_from_slice(column);
        }
        let packed = compressor.compress(&raw).expect("zstd compresses any bytes into a buffer of its own size");
        let (first, last) = (block[0].0, block[block.len() - 1].0);
        for n in [u64::from(first), u64::from(last - first), block.len() as u64, raw.len() as u64, packed.len() as u64]
        {
            put(&mut directory, n);
        }
        body.extend_from_slice(&packed);
    }
    let mut blob = MAGIC.to_vec();
    put(&mut blob, zigzag(start.0));
    put(&mut blob, rows.len().div_ceil(BLOCK_ROWS) as u64);
    blob.extend_from_slice(&directory);
    blob.extend_from_slice(&body);
    blob
}

fn encode_block(start: Sec, rows: &[(u32, &Tally)]) -> [Vec<u8>; COLUMNS] {
    let mut columns: [Vec<u8>; COLUMNS] = Default::default();
    let mut before = rows[0].0;
    for (series, tally) in rows {
        put(&mut columns[SERIES], u64::from(series - before));
        before = *series;
        put(&mut columns[SEGMENTS], tally.rounds.segments().len() as u64);
        let mut from = start;
        for s in tally.rounds.segments() {
            put(&mut columns[SEGMENT_START], zigzag(s.first.since(from)));
            put(&mut columns[SEGMENT_INTERVAL], u64::from(s.interval));
            put(&mut columns[SEGMENT_COUNT], u64::from(s.count));
            from = s.first.plus(i64::from(s.interval) * i64::from(s.count));
        }
        put(&mut columns[STRETCHES], tally.rounds.stretches().len() as u64);
        let mut end = 0;
        for s in tally.rounds.stretches() {
            put(&mut columns[STRETCH_GAP], u64::from(s.index - end));
            put(&mut columns[STRETCH_COUNT], u64::from(s.count));
            put(&mut columns[STRETCH_FATE], s.fate.code());
            end = s.index + s.count;
        }
        encode_replies(&mut columns, &tally.replies, tally.rounds.replies());
    }
    columns
}

fn encode_replies(columns: &mut [Vec<u8>; COLUMNS], replies: &Replies, expected: u32) {
    put(&mut columns[REPLIES], zigzag(i64::from(replies.count) - i64::from(expected)));
    if replies.count == 0 {
        return;
    }
    put(&mut columns[RTT_MIN], u64::from(replies.min.0));
    put(&mut columns[RTT_SPREAD], u64::from(replies.max.0 - replies.min.0));
    put(&mut columns[RTT_EXCESS], replies.sum_us - u64::from(replies.min.0) * u64::from(replies.count));
    put(&mut columns[JITTER_MINUTES], u64::from(replies.jitter_minutes));
    put(&mut columns[JITTER_SUM], replies.jitter_sum_us);
    // The first bucket is that of the minimum, the last count is what the others leave.
    let counts = replies.buckets.counts();
    put(&mut columns[BUCKET_COUNT], counts.len() as u64 - 1);
    for pair in counts.windows(2) {
        put(&mut columns[BUCKET_GAP], u64::from(pair[1].0 - pair[0].0) - 1);
        put(&mut columns[BUCKET_FILL], u64::from(pair[0].1));
    }
}

/// Decodes a blob, row by row in rising order of series; gives its first second.
pub fn decode(blob: &[u8], row: impl FnMut(u32, Tally)) -> Result<Sec, BadBlob> {
    decode_where(blob, |_, _| true, row)
}

/// Decodes only rows of which `wanted` says so, given the first and last series of a block and then a row's own twice.
pub fn decode_where(
    blob: &[u8],
    wanted: impl Fn(u32, u32) -> bool,
    mut row: impl FnMut(u32, Tally),
) -> Result<Sec, BadBlob> {
    let (start, blocks) = open(blob)?;
    let mut unpacker = unpacker();
    let mut last: Option<u32> = None;
    for block in blocks {
        if last.is_some_and(|last| block.first <= last) {
            return Err(BadBlob::Damaged("series"));
        }
        last = Some(block.last);
        if wanted(block.first, block.last) {
            let raw = block.unpack(&mut unpacker)?;
            decode_block(start, &block, &raw, |series| wanted(series, series), &mut row)?;
        }
    }
    Ok(start)
}

/// What adds up in a blob, without making its rows; gives its first second too.
pub fn totals(blob: &[u8]) -> Result<(Sec, Totals), BadBlob> {
    let (start, blocks) = open(blob)?;
    let mut unpacker = unpacker();
    let mut totals = Totals::default();
    for block in blocks {
        let raw = block.unpack(&mut unpacker)?;
        let mut columns = columns(&raw)?;
        totals.rows += block.rows;
        while !columns[SEGMENT_COUNT].0.is_empty() {
            totals.rounds = totals.rounds.saturating_add(columns[SEGMENT_COUNT].take("rounds")?);
        }
        while !columns[STRETCH_FATE].0.is_empty() {
            let count = columns[STRETCH_COUNT].take("losses")?;
            match Fate::from_code(columns[STRETCH_FATE].take("losses")?) {
                Fate::Lost | Fate::Refused => totals.lost = totals.lost.saturating_add(count),
                _ => totals.not_measured = totals.not_measured.saturating_add(count),
            }
        }
    }
    Ok((start, totals))
}

/// What adds up in some rows.
pub fn totals_of<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Totals {
    let mut totals = Totals::default();
    for tally in tallies {
        let (count, lost) = (u64::from(tally.rounds.count()), u64::from(tally.rounds.lost()));
        totals.rows += 1;
        totals.rounds += count;
        totals.lost += lost;
        totals.not_measured += count - lost - u64::from(tally.rounds.replies());
    }
    totals
}

type Unpacker = zstd::bulk::Decompressor<'static>;

fn unpacker() -> Unpacker {
    Unpacker::new().expect("zstd needs no dictionary")
}

struct Block<'a> {
    first: u32,
    last: u32,
    rows: u64,
    raw: usize,
    packed: &'a [u8],
}

impl Block<'_> {
    fn unpack(&self, with: &mut Unpacker) -> Result<Vec<u8>, BadBlob> {
        let damaged = BadBlob::Damaged("compressed block");
        let raw = with.decompress(self.packed, self.raw).map_err(|_| damaged.clone())?;
        if raw.len() == self.raw { Ok(raw) } else { Err(damaged) }
    }
}

fn open(blob: &[u8]) -> Result<(Sec, Vec<Block<'_>>), BadBlob> {
    let damaged = || BadBlob::Damaged("directory");
    let mut rest = Cursor(blob.strip_prefix(&MAGIC).ok_or(BadBlob::Magic)?);
    let start = Sec(unzigzag(rest.take("directory")?));
    let count = rest.take("directory")?;
    let mut blocks = Vec::new();
    let mut lengths = Vec::new();
    for _ in 0..count {
        let [first, width, rows, raw, packed] = [(); 5].map(|()| rest.take("directory"));
        let (first, raw) = (first?, raw?);
        let last = first.checked_add(width?).ok_or_else(damaged)?;
        let rows = rows?;
        if raw > MAX_BLOCK || rows == 0 || rows > BLOCK_ROWS as u64 {
            return Err(damaged());
        }
        let (first, last) = (u32::try_from(first).map_err(|_| damaged())?, u32::try_from(last).map_err(|_| damaged())?);
        lengths.push(usize::try_from(packed?).map_err(|_| damaged())?);
        blocks.push(Block { first, last, rows, raw: usize::try_from(raw).map_err(|_| damaged())?, packed: &[] });
    }
    let mut body = rest.0;
    for (block, length) in blocks.iter_mut().zip(lengths) {
        (block.packed, body) = body.split_at_checked(length).ok_or_else(damaged)?;
    }
    if body.is_empty() { Ok((start, blocks)) } else { Err(damaged()) }
}

fn columns(raw: &[u8]) -> Result<[Cursor<'_>; COLUMNS], BadBlob> {
    let damaged = || BadBlob::Damaged("columns");
    let mut rest = Cursor(raw);
    let mut lengths = [0; COLUMNS];
    for length in &mut lengths {
        *length = usize::try_from(rest.take("columns")?).map_err(|_| damaged())?;
    }
    let mut columns = [Cursor(&[]); COLUMNS];
    for (column, length) in columns.iter_mut().zip(lengths) {
        (column.0, rest.0) = rest.0.split_at_checked(length).ok_or_else(damaged)?;
    }
    if rest.0.is_empty() { Ok(columns) } else { Err(damaged()) }
}

fn decode_block(
    start: Sec,
    block: &Block<'_>,
    raw: &[u8],
    wanted: impl Fn(u32) -> bool,
    row: &mut impl FnMut(u32, Tally),
) -> Result<(), BadBlob> {
    let mut columns = columns(raw)?;
    let mut series = block.first;
    let mut skipped = Skipped::default();
    for n in 0..block.rows {
        let delta = columns[SERIES].small("series")?;
        series = series.checked_add(delta).filter(|s| *s <= block.last).ok_or(BadBlob::Damaged("series"))?;
        if (delta == 0) != (n == 0) {
            return Err(BadBlob::Damaged("series"));
        }
        if !wanted(series) {
            skipped.row(&mut columns)?;
            continue;
        }
        skipped.done(&mut columns)?;
        let rounds = decode_rounds(start, &mut columns)?;
        let replies = decode_replies(&mut columns, rounds.replies())?;
        row(series, Tally { rounds, replies });
    }
    skipped.done(&mut columns)?;
    if columns.iter().all(|c| c.0.is_empty()) { Ok(()) } else { Err(BadBlob::Damaged("columns")) }
}

/// Rows that nobody asked for, passed over together: what follows from them in each column is only counted first.
#[derive(Default)]
struct Skipped {
    segments: usize,
    stretches: usize,
    replies: usize,
    gaps: usize,
}

impl Skipped {
    /// Counts the next row, whose numbers are next in the columns that say how many others there are.
    fn row(&mut self, columns: &mut [Cursor<'_>; COLUMNS]) -> Result<(), BadBlob> {
        let mut rounds = 0_i64;
        let segments = columns[SEGMENTS].count("rounds")?;
        for _ in 0..segments {
            rounds += i64::from(columns[SEGMENT_COUNT].small("rounds")?);
        }
        let stretches = columns[STRETCHES].count("losses")?;
        for _ in 0..stretches {
            rounds -= i64::from(columns[STRETCH_COUNT].small("losses")?);
        }
        self.segments += segments;
        self.stretches += stretches;
        if rounds.checked_add(unzigzag(columns[REPLIES].take("replies")?)) != Some(0) {
            self.replies += 1;
            self.gaps =
                self.gaps.checked_add(columns[BUCKET_COUNT].count("buckets")?).ok_or(BadBlob::Damaged("buckets"))?;
        }
        Ok(())
    }

    /// Passes over what was counted.
    fn done(&mut self, columns: &mut [Cursor<'_>; COLUMNS]) -> Result<(), BadBlob> {
        let Self { segments, stretches, replies, gaps } = std::mem::take(self);
        let counts = [
            (segments, "rounds", &[SEGMENT_START, SEGMENT_INTERVAL][..]),
            (stretches, "losses", &[STRETCH_GAP, STRETCH_FATE]),
            (replies, "replies", &[RTT_MIN, RTT_SPREAD, RTT_EXCESS, JITTER_MINUTES, JITTER_SUM]),
            (gaps, "buckets", &[BUCKET_FILL, BUCKET_GAP]),
        ];
        for (count, what, of) in counts {
            of.iter().try_for_each(|column| columns[*column].skip(count, what))?;
        }
        Ok(())
    }
}

fn decode_rounds(start: Sec, columns: &mut [Cursor<'_>; COLUMNS]) -> Result<Rounds, BadBlob> {
    let damaged = || BadBlob::Damaged("rounds");
    let count = take_count(columns, SEGMENTS, SEGMENT_COUNT)?;
    let mut segments = Vec::with_capacity(count);
    let mut from = start;
    for _ in 0..count {
        let first = Sec(from.0.checked_add(unzigzag(columns[SEGMENT_START].take("rounds")?)).ok_or_else(damaged)?);
        let interval = columns[SEGMENT_INTERVAL].small("rounds")?;
        let rounds = columns[SEGMENT_COUNT].small("rounds")?;
        segments.push(Segment { first, interval, count: rounds });
        from = first.plus(i64::from(interval) * i64::from(rounds));
    }
    let count = take_count(columns, STRETCHES, STRETCH_COUNT)?;
    let mut stretches = Vec::with_capacity(count);
    let mut end = 0_u32;
    for _ in 0..count {
        let index = end.checked_add(columns[STRETCH_GAP].small("losses")?).ok_or_else(damaged)?;
        let rounds = columns[STRETCH_COUNT].small("losses")?;
        let fate = Fate::from_code(columns[STRETCH_FATE].take("losses")?);
        stretches.push(Stretch { index, count: rounds, fate });
        end = index.checked_add(rounds).ok_or_else(damaged)?;
    }
    Rounds::from_parts(segments, stretches).ok_or_else(damaged)
}

fn decode_replies(columns: &mut [Cursor<'_>; COLUMNS], expected: u32) -> Result<Replies, BadBlob> {
    let damaged = || BadBlob::Damaged("replies");
    let count = i64::from(expected).checked_add(unzigzag(columns[REPLIES].take("replies")?)).ok_or_else(damaged)?;
    let count = u32::try_from(count).map_err(|_| damaged())?;
    if count == 0 {
        return Ok(Replies::default());
    }
    let min = columns[RTT_MIN].small("replies")?;
    let max = min.checked_add(columns[RTT_SPREAD].small("replies")?).ok_or_else(damaged)?;
    let excess = columns[RTT_EXCESS].take("replies")?;
    let sum_us = (u64::from(min) * u64::from(count)).checked_add(excess).ok_or_else(damaged)?;
    let jitter_minutes = columns[JITTER_MINUTES].small("replies")?;
    let jitter_sum_us = columns[JITTER_SUM].take("replies")?;
    let mut buckets = Buckets::default();
    let (mut at, mut left) = (bucket(Micros(min)), count);
    for _ in 0..take_count(columns, BUCKET_COUNT, BUCKET_GAP)? {
        let fill = columns[BUCKET_FILL].small("buckets")?;
        left = left.checked_sub(fill).filter(|left| *left > 0 && fill > 0).ok_or_else(damaged)?;
        buckets.add(at, fill);
        let gap = u16::try_from(columns[BUCKET_GAP].take("buckets")?).map_err(|_| damaged())?;
        at = at.checked_add(gap).and_then(|b| b.checked_add(1)).filter(|b| *b < BUCKETS).ok_or_else(damaged)?;
    }
    buckets.add(at, left);
    Ok(Replies { count, sum_us, min: Micros(min), max: Micros(max), jitter_sum_us, jitter_minutes, buckets })
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// The next number (LEB128).
    fn take(&mut self, what: &'static str) -> Result<u64, BadBlob> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(BadBlob::Damaged(what))?;
            self.0 = rest;
            n |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(BadBlob::Damaged(what))
    }

    fn small(&mut self, what: &'static str) -> Result<u32, BadBlob> {
        u32::try_from(self.take(what)?).map_err(|_| BadBlob::Damaged(what))
    }

    /// The next number, of entries that another column has.
    fn count(&mut self, what: &'static str) -> Result<usize, BadBlob> {
        usize::try_from(self.take(what)?).map_err(|_| BadBlob::Damaged(what))
    }

    /// Passes over `count` numbers: as many bytes without their highest bit end one each.
    fn skip(&mut self, mut count: usize, what: &'static str) -> Result<(), BadBlob> {
        const HIGHEST: u64 = 0x8080_8080_8080_8080;
        while let Some((eight, rest)) = self.0.split_first_chunk::<8>() {
            let ends = (!u64::from_le_bytes(*eight) & HIGHEST).count_ones() as usize;
            // What follows the last end in these bytes may be the next number's begin.
            if ends >= count {
                break;
            }
            count -= ends;
            self.0 = rest;
        }
        while count > 0 {
            let (&byte, rest) = self.0.split_first().ok_or(BadBlob::Damaged(what))?;
            self.0 = rest;
            count -= usize::from(byte < 0x80);
        }
        Ok(())
    }
}

/// Reads a number of entries, at most as many as the column `of` has bytes left.
fn take_count(columns: &mut [Cursor<'_>; COLUMNS], column: usize, of: usize) -> Result<usize, BadBlob> {
    let count = columns[column].take("counts")?;
    let most = columns[of].0.len();
    usize::try_from(count).ok().filter(|n| *n <= most).ok_or(BadBlob::Damaged("counts"))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measurement::Cause;

    pub(crate) fn tally(start: i64, fates: &[(u8, u32)]) -> Tally {
        let mut tally = Tally::default();
        for (n, &(fate, us)) in fates.iter().enumerate() {
            let at = Sec(start + n as i64 + i64::from(fate == 5));
            let fate = match fate {
                0 => Fate::Lost,
                1 => Fate::Refused,
                2 => Fate::NotMeasured(Cause::Isolated),
                _ => Fate::Reply,
            };
            if tally.rounds.push(at, 1, fate).is_ok() && fate == Fate::Reply {
                let mut one =
                    Replies { count: 1, sum_us: u64::from(us), min: Micros(us), max: Micros(us), ..Replies::default() };
                one.jitter_minutes = u32::from(us % 3 == 0);
                one.jitter_sum_us = u64::from(us % 7);
                one.buckets.record(Micros(us));
                tally.replies.merge(&one);
            }
        }
        tally
    }

    fn rows() -> impl Strategy<Value = Vec<(u32, Tally)>> {
        let fates =
            prop::collection::vec((0..12_u8, prop_oneof![0..2_000_u32, 19_000..21_000_u32, any::<u32>()]), 0..70);
        prop::collection::vec((1..5_u32, fates), 0..20).prop_map(|rows| {
            let mut series = 0;
            rows.into_iter()
                .map(|(gap, fates)| {
                    series += gap;
                    (series, tally(120, &fates))
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in rows()) {
            let refs: Vec<_> = rows.iter().map(|(s, t)| (*s, t)).collect();
            let blob = Encoder::new().encode(Sec(120), &refs);
            let mut back = Vec::new();
            prop_assert_eq!(decode(&blob, |s, t| back.push((s, t))), Ok(Sec(120)));
            prop_assert_eq!(&back, &rows);
            prop_assert_eq!(totals(&blob), Ok((Sec(120), totals_of(rows.iter().map(|(_, t)| t)))));
        }

        #[test]
        fn some_rows_are_those_of_all(rows in rows(), wanted in prop::collection::vec(any::<bool>(), 100)) {
            let refs: Vec<_> = rows.iter().map(|(s, t)| (*s, t)).collect();
            let blob = Encoder::new().encode(Sec(120), &refs);
            let asked = |first: u32, last: u32| (first..=last).any(|series| wanted[series as usize]);
            let mut some = Vec::new();
            prop_assert_eq!(decode_where(&blob, asked, |s, t| some.push((s, t))), Ok(Sec(120)));
            let expected: Vec<_> = rows.into_iter().filter(|(s, _)| asked(*s, *s)).collect();
            prop_assert_eq!(some, expected);
        }

        #[test]
        fn damaged_bytes_are_an_error_or_rows_but_never_a_panic(rows in rows(), at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>()) {
            let refs: Vec<_> = rows.iter().map(|(s, t)| (*s, t)).collect();
            let mut blob = Encoder::new().encode(Sec(120), &refs);
            let flipped = at.index(blob.len());
            blob[flipped] ^= 1 << bit;
            let _ = decode(&blob, |_, _| ());
            let _ = totals(&blob);
            blob.truncate(cut.index(blob.len()));
            let _ = decode(&blob, |_, _| ());
        }

        #[test]
        fn damaged_columns_are_an_error_or_rows_but_never_a_panic(raw in prop::collection::vec(any::<u8>(), 0..300)) {
            let block = Block { first: 0, last: 9, rows: 3, raw: raw.len(), packed: &[] };
            let _ = decode_block(Sec(0), &block, &raw, |series| series % 2 == 0, &mut |_, _| ());
        }
    }

    #[test]
    fn rows_that_are_not_wanted_are_passed_over() {
        let kinds = [
            tally(0, &[(9, 500); 60]),
            tally(0, &[(0, 0); 60]),
            tally(0, &[(9, 500), (0, 0), (1, 0), (2, 0), (9, 90_000), (5, 7)]),
            Tally::default(),
        ];
        let rows: Vec<_> = (0..3_000_u32).map(|s| (s, &kinds[s as usize % kinds.len()])).collect();
        let blob = Encoder::new().encode(Sec(0), &rows);
        let wanted = [0, 1, 2, 3, 700, 1_501, 1_502, 2_999];
        let mut seen = Vec::new();
        let asked = |first, last| wanted.iter().any(|s| (first..=last).contains(s));
        decode_where(&blob, asked, |s, tally| seen.push((s, tally))).expect("whole");
        let expected: Vec<_> = wanted.iter().map(|s| (*s, kinds[*s as usize % kinds.len()].clone())).collect();
        assert_eq!(seen, expected);
    }
}
