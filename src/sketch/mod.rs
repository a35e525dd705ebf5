//! A mergeable log-linear histogram of round-trip times, pure.
//!
//! Fixed integer buckets, [`PER_OCTAVE`] for each doubling: below 64 µs every microsecond has
//! its own, above a bucket is at most 1/32 of its lower edge wide. A quantile is the middle
//! of the bucket that holds its rank, so it is off by at most 1/64 = 1.5625 % ([`ERROR_BOUND`]);
//! that bound stands in every report. Merging adds counts: exact, in any order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::units::{Micros, Share};

/// Buckets for each doubling of the round-trip time.
pub const PER_OCTAVE: u32 = 32;
/// A quantile is off by at most this share of itself.
pub const ERROR_BOUND: Share = Share(1_562_500);
/// Buckets in all, for the whole range of `u32` microseconds.
pub const BUCKETS: u16 = 896;
/// No valid encoding is longer, in bytes.
pub const MAX_ENCODED: usize = 3 + BUCKETS as usize * 12;

/// Counts of round-trip times by bucket; only buckets that hold something take room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Ascending by bucket, counts at least 1.
    counts: Vec<(u16, u64)>,
}

/// Why bytes are not a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early.
    #[error("the sketch is cut short")]
    Truncated,
    /// Bytes are left over, or a number is written longer than need be.
    #[error("the sketch is not in its one canonical form")]
    NotCanonical,
    /// A bucket that does not exist, or one out of order.
    #[error("the sketch names a bucket that does not exist")]
    Bucket,
    /// Counts beyond 64 bits.
    #[error("the counts of the sketch overflow")]
    Overflow,
    /// The text is not base64.
    #[error("the sketch is not base64 without padding")]
    Base64,
}

impl Sketch {
    /// Counts one round-trip time.
    pub fn record(&mut self, rtt: Micros) {
        self.record_times(rtt, 1);
    }

    /// Counts as many equal round-trip times.
    pub fn record_times(&mut self, rtt: Micros, times: u64) {
        if times > 0 {
            self.add(bucket(rtt.0), times);
        }
    }

    /// From counts by bucket, in any order; buckets that do not exist are left out.
    pub fn from_counts(counts: impl IntoIterator<Item = (u16, u64)>) -> Self {
        let mut sketch = Self::default();
        for (bucket, count) in counts {
            if bucket < BUCKETS && count > 0 {
                sketch.add(bucket, count);
            }
        }
        sketch
    }

    /// Adds everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
            return;
        }
        for &(bucket, count) in &other.counts {
            self.add(bucket, count);
        }
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &(_, n)| sum.saturating_add(n))
    }

    /// The smallest round-trip time that at least the share `q` of `population` does not exceed:
    /// nearest rank, `rank = max(1, ⌈q · population⌉)`, the middle of the bucket that holds it.
    ///
    /// `population` may be larger than [`count`](Self::count): the rest stands above all
    /// (lost probes, RFC 2681 §4.1). `None` when the rank falls among them, or nothing was counted.
    #[must_use]
    pub fn quantile_of(&self, q: Share, population: u64) -> Option<Micros> {
        self.bucket_of(q, population).map(middle)
    }

    /// The lowest and the highest round-trip time that the quantile may exactly be: the edges of the bucket that holds
    /// its rank. As [`quantile_of`](Self::quantile_of) otherwise.
    #[must_use]
    pub fn quantile_within(&self, q: Share, population: u64) -> Option<(Micros, Micros)> {
        let (low, width) = edges(self.bucket_of(q, population)?);
        Some((Micros(low), Micros(low + (width - 1))))
    }

    fn bucket_of(&self, q: Share, population: u64) -> Option<u16> {
        let exact = u128::from(q.0) * u128::from(population);
        let rank = exact.div_ceil(u128::from(Share::ONE.0)).max(1);
        let mut seen = 0_u128;
        for &(bucket, count) in &self.counts {
            seen += u128::from(count);
            if seen >= rank {
                return Some(bucket);
            }
        }
        None
    }

    /// [`quantile_of`](Self::quantile_of) what was counted.
    #[must_use]
    pub fn quantile(&self, q: Share) -> Option<Micros> {
        self.quantile_of(q, self.count())
    }

    /// How many lie in buckets wholly above `limit`.
    #[must_use]
    pub fn count_above(&self, limit: Micros) -> u64 {
        let last = bucket(limit.0);
        self.counts.iter().filter(|&&(b, _)| b > last).fold(0, |sum, &(_, n)| sum.saturating_add(n))
    }

    /// Buckets that hold something as (lowest, highest, count), ascending: for charts.
    pub fn buckets(&self) -> impl Iterator<Item = (Micros, Micros, u64)> {
        self.counts.iter().map(|&(b, n)| {
            let (low, width) = edges(b);
            (Micros(low), Micros(low + (width - 1)), n)
        })
    }

    /// Appends the one byte form of this sketch: how many buckets, then for each the distance
    /// from the one before and its count, all LEB128.
    pub fn encode(&self, into: &mut Vec<u8>) {
        put(into, self.counts.len() as u64);
        let mut before = 0;
        for &(bucket, count) in &self.counts {
            put(into, u64::from(bucket - before));
            put(into, count);
            before = bucket;
        }
    }

    /// Reads what [`encode`](Self::encode) wrote, and nothing else: every sketch has one byte form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let len = take(&mut rest)?;
        if len > u64::from(BUCKETS) {
            return Err(DecodeError::Bucket);
        }
        let mut counts = Vec::new();
        let (mut before, mut total) = (0_u64, 0_u64);
        for n in 0..len {
            let step = take(&mut rest)?;
            let bucket = before.checked_add(step).filter(|&b| b < u64::from(BUCKETS)).ok_or(DecodeError::Bucket)?;
            let count = take(&mut rest)?;
            if (n > 0 && step == 0) || count == 0 {
                return Err(DecodeError::NotCanonical);
            }
            total = total.checked_add(count).ok_or(DecodeError::Overflow)?;
            counts.push((u16::try_from(bucket).map_err(|_| DecodeError::Bucket)?, count));
            before = bucket;
        }
        if rest.is_empty() { Ok(Self { counts }) } else { Err(DecodeError::NotCanonical) }
    }

    /// As text for journals: base64 of [`encode`](Self::encode), without padding.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        STANDARD_NO_PAD.encode(bytes)
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        if text.len() > MAX_ENCODED * 2 {
            return Err(DecodeError::Base64);
        }
        Self::decode(&STANDARD_NO_PAD.decode(text).map_err(|_| DecodeError::Base64)?)
    }

    fn add(&mut self, bucket: u16, count: u64) {
        match self.counts.binary_search_by_key(&bucket, |&(b, _)| b) {
            Ok(n) => self.counts[n].1 = self.counts[n].1.saturating_add(count),
            Err(n) => self.counts.insert(n, (bucket, count)),
        }
    }
}

impl serde::Serialize for Sketch {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.to_text())
    }
}

impl<'de> serde::Deserialize<'de> for Sketch {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_text(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// Which bucket a value belongs to.
fn bucket(us: u32) -> u16 {
    let index = if us < PER_OCTAVE {
        us
    } else {
        let shift = us.ilog2() - PER_OCTAVE.ilog2();
        shift * PER_OCTAVE + (us >> shift)
    };
    u16::try_from(index).expect("the largest u32 is in bucket 895")
}

/// The lowest value of a bucket, and how many values it holds.
fn edges(bucket: u16) -> (u32, u32) {
    let bucket = u32::from(bucket);
    if bucket < 2 * PER_OCTAVE {
        return (bucket, 1);
    }
    let shift = bucket / PER_OCTAVE - 1;
    ((PER_OCTAVE + bucket % PER_OCTAVE) << shift, 1 << shift)
}

fn middle(bucket: u16) -> Micros {
    let (low, width) = edges(bucket);
    Micros(low + (width - 1) / 2)
}

fn put(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn take(from: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0_u64;
    for n in 0..10 {
        let (&byte, rest) = from.split_first().ok_or(DecodeError::Truncated)?;
        *from = rest;
        if n == 9 && byte > 1 {
            return Err(DecodeError::Overflow);
        }
        value |= u64::from(byte & 0x7F) << (7 * n);
        if byte & 0x80 == 0 {
            return if byte == 0 && n > 0 { Err(DecodeError::NotCanonical) } else { Ok(value) };
        }
    }
    Err(DecodeError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const P50: Share = Share(50_000_000);
    const P95: Share = Share(95_000_000);

    fn of(values: &[u32]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|&v| sketch.record(Micros(v)));
        sketch
    }

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_join() {
        assert_eq!(bucket(u32::MAX), BUCKETS - 1);
        for b in 0..BUCKETS - 1 {
            let (low, width) = edges(b);
            assert_eq!((bucket(low), bucket(low + width - 1), bucket(low + width)), (b, b, b + 1));
        }
    }

    #[test]
    fn quantiles_take_the_nearest_rank() {
        let s = of(&[1, 2, 3, 4]);
        assert_eq!(s.quantile(P50), Some(Micros(2)));
        assert_eq!(s.quantile(P95), Some(Micros(4)));
        assert_eq!(s.quantile(Share(0)), Some(Micros(1)));
        assert_eq!(Sketch::default().quantile(P50), None);
    }

    #[test]
    fn lost_probes_stand_above_all() {
        let s = of(&[10; 94]);
        assert_eq!(s.quantile_of(P95, 100), None, "six of a hundred were lost");
        assert_eq!(of(&[10; 95]).quantile_of(P95, 100), Some(Micros(10)));
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let bad: [(&[u8], DecodeError); 8] = [
            (&[], DecodeError::Truncated),
            (&[1, 5], DecodeError::Truncated),
            (&[0, 0], DecodeError::NotCanonical),
            (&[0x80, 0x00], DecodeError::NotCanonical),
            (&[1, 5, 0], DecodeError::NotCanonical),
            (&[2, 5, 1, 0, 1], DecodeError::NotCanonical),
            (&[1, 0x80, 7, 1], DecodeError::Bucket),
            (&[0xFF; 11], DecodeError::Overflow),
        ];
        for (bytes, error) in bad {
            assert_eq!(Sketch::decode(bytes), Err(error), "{bytes:?}");
        }
        assert!(Sketch::from_text("*").is_err());
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_the_bound(mut values in proptest::collection::vec(any::<u32>(), 1..200), q in 0_u64..=100_000_000) {
            let got = u64::from(of(&values).quantile(Share(q)).unwrap().0);
            values.sort_unstable();
            let rank = (q as usize * values.len()).div_ceil(100_000_000).max(1);
            let truth = u64::from(values[rank - 1]);
            prop_assert!(got.abs_diff(truth) * 64 <= truth, "{got} for {truth}");
        }

        #[test]
        fn merging_is_exact_in_any_order(a in proptest::collection::vec(any::<u32>(), 0..50), b in proptest::collection::vec(any::<u32>(), 0..50)) {
            let (mut ab, mut ba) = (of(&a), of(&b));
            ab.merge(&of(&b));
            ba.merge(&of(&a));
            prop_assert_eq!(&ab, &ba);
            prop_assert_eq!(&ab, &of(&[a, b].concat()));
            prop_assert_eq!(Sketch::from_text(&ab.to_text()), Ok(ab));
        }

        #[test]
        fn whatever_decodes_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(sketch) = Sketch::decode(&bytes) {
                let mut again = Vec::new();
                sketch.encode(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
