//! Counts of round-trip times in fixed log-linear buckets, 32 per octave, sparse.
//!
//! Below 64 µs every microsecond has its own bucket; above, a bucket is at most 1/32 of its
//! lower edge wide, so a value read back from its bucket's middle is off by at most 1.6 %.
//! Merging is exact, in any order.

use crate::sketch::Sketch;
use crate::units::Micros;

/// Most buckets there can be: the one of the greatest `u32` is the last.
pub const BUCKETS: u16 = 896;

/// The bucket that holds this time.
#[must_use]
pub fn bucket(rtt: Micros) -> u16 {
    let shift = (31 - (rtt.0 | 32).leading_zeros()) - 5;
    let index = 32 * shift + (rtt.0 >> shift);
    u16::try_from(index).expect("at most 895")
}

/// The smallest time in this bucket, and how many microseconds the bucket is wide.
#[must_use]
pub fn bounds(bucket: u16) -> (Micros, u32) {
    let bucket = u32::from(bucket.min(BUCKETS - 1));
    if bucket < 64 {
        return (Micros(bucket), 1);
    }
    let shift = bucket / 32 - 1;
    (Micros((bucket - 32 * shift) << shift), 1 << shift)
}

/// How many round-trip times fell into each bucket; only those that any fell into, in rising order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets(Vec<(u16, u32)>);

impl Buckets {
    /// Counts one.
    pub fn record(&mut self, rtt: Micros) {
        self.add(bucket(rtt), 1);
    }

    /// Counts `count` in `bucket`; beyond `u32::MAX` a bucket stays there.
    pub fn add(&mut self, bucket: u16, count: u32) {
        match self.0.last_mut() {
            Some((last, n)) if *last == bucket => *n = n.saturating_add(count),
            Some((last, _)) if *last > bucket => match self.0.binary_search_by_key(&bucket, |&(b, _)| b) {
                Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
                Err(at) => self.0.insert(at, (bucket, count)),
            },
            _ => self.0.push((bucket, count)),
        }
    }

    /// Takes in another's counts.
    pub fn merge(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        for &(bucket, count) in &other.0 {
            self.add(bucket, count);
        }
    }

    /// Bucket and count, in rising order.
    #[must_use]
    pub fn counts(&self) -> &[(u16, u32)] {
        &self.0
    }

    /// How many were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|&(_, n)| u64::from(n)).sum()
    }
}

impl From<&Buckets> for Sketch {
    fn from(buckets: &Buckets) -> Self {
        Self::from_counts(buckets.counts().iter().map(|&(bucket, count)| (bucket, u64::from(count))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap_up_to_the_last() {
        let mut next = 0_u64;
        for b in 0..BUCKETS {
            let (low, width) = bounds(b);
            assert_eq!(u64::from(low.0), next, "bucket {b}");
            assert_eq!(bucket(low), b);
            assert_eq!(bucket(Micros(low.0 + (width - 1))), b);
            assert!(low.0 < 64 || u64::from(width) * 32 <= u64::from(low.0));
            next += u64::from(width);
        }
        assert_eq!(next, 1 << 32);
    }

    #[test]
    fn merging_is_exact_in_any_order() {
        let (mut a, mut b, mut all) = (Buckets::default(), Buckets::default(), Buckets::default());
        for us in [5, 900, 20_000, 20_100, 3_000_000_000] {
            a.record(Micros(us));
            all.record(Micros(us));
        }
        for us in [1, 900, 21_000] {
            b.record(Micros(us));
            all.record(Micros(us));
        }
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!(ab, all);
        assert_eq!(ba, all);
        assert_eq!(all.total(), 8);
    }
}
