//! A histogram of round-trip times with classic and native buckets.
//!
//! Both are counted, because neither can be had from the other: classic boundaries are round
//! numbers of milliseconds, native ones powers of 2^(1/8). The native side is a dense run from
//! the lowest to the highest bucket hit, so a target with a steady RTT takes some 300 bytes and
//! one that has seen everything from 1 µs to over an hour takes about 1.2 kB.

use std::sync::LazyLock;

use crate::units::Micros;

/// Upper bounds of the classic buckets in microseconds; a last one to infinity follows.
pub const CLASSIC_BOUNDS_US: [u32; 14] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 500_000, 1_000_000,
];

/// The native resolution: 2^3 buckets per power of two, each 9.05% wider than the one before.
pub const SCHEMA: i32 = 3;

/// Native values up to this many seconds (2^-21, just under half a microsecond) are zero: only 0 µs is.
pub const ZERO_THRESHOLD: f64 = 1.0 / 2_097_152.0;

/// Index of the native bucket whose upper bound is `NATIVE_BOUNDS_US[0]`: 2^(-160/8) s is just under 1 µs.
const FIRST_INDEX: i16 = -160;

/// Index of the last native bucket: 2^(97/8) s lies above `u32::MAX` µs.
const LAST_INDEX: i16 = 97;

/// Upper bounds of the native buckets, floored to whole microseconds: for whole microseconds this loses nothing.
static NATIVE_BOUNDS_US: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let bound = |index: i16| (f64::from(index) / 8.0).exp2() * 1e6;
    (FIRST_INDEX..=LAST_INDEX).map(|index| bound(index) as u32).collect()
});

/// Counts of round-trip times since start.
///
/// A bucket counts up to `u32::MAX`, which at one probe a second is 136 years.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RttHistogram {
    count: u64,
    sum_us: u64,
    zero: u32,
    /// One more than there are bounds: the last is up to infinity.
    classic: [u32; CLASSIC_BOUNDS_US.len() + 1],
    /// Native index of `native[0]`.
    first: i16,
    native: Vec<u32>,
}

impl RttHistogram {
    /// Counts one.
    pub fn record(&mut self, rtt: Micros) {
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(u64::from(rtt.0));
        let classic = CLASSIC_BOUNDS_US.partition_point(|&bound| bound < rtt.0);
        self.classic[classic] = self.classic[classic].saturating_add(1);
        if rtt.0 == 0 {
            self.zero = self.zero.saturating_add(1);
        } else {
            let slot = self.slot(native_index(rtt));
            *slot = slot.saturating_add(1);
        }
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all, in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }

    /// Classic buckets as upper bound in seconds and own (not cumulative) count; the last bound is infinity.
    #[must_use]
    pub fn classic(&self) -> [(f64, u64); CLASSIC_BOUNDS_US.len() + 1] {
        std::array::from_fn(|n| {
            let bound = CLASSIC_BOUNDS_US.get(n).map_or(f64::INFINITY, |&us| f64::from(us) / 1e6);
            (bound, u64::from(self.classic[n]))
        })
    }

    /// How many were zero for the native buckets.
    #[must_use]
    pub fn native_zero(&self) -> u64 {
        u64::from(self.zero)
    }

    /// Native buckets as spans (gap to the previous span or, for the first, its index; length) and count deltas.
    #[must_use]
    pub fn native(&self) -> (Vec<(i32, u32)>, Vec<i64>) {
        let (mut spans, mut deltas) = (Vec::<(i32, u32)>::new(), Vec::new());
        let (mut gap, mut before, mut inside) = (i32::from(self.first), 0i64, false);
        for &count in &self.native {
            if count == 0 {
                gap += 1;
                inside = false;
                continue;
            }
            match spans.last_mut() {
                Some(span) if inside => span.1 += 1,
                _ => spans.push((gap, 1)),
            }
            (gap, inside) = (0, true);
            deltas.push(i64::from(count) - before);
            before = i64::from(count);
        }
        (spans, deltas)
    }

    /// The upper bound of the native bucket in which the `q`-quantile lies, in seconds, at most 9.05% too
    /// high; `None` when nothing was counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = u64::from(self.zero);
        if self.count > 0 && seen >= rank {
            return Some(0.0);
        }
        for (index, &count) in (self.first..).zip(&self.native) {
            seen += u64::from(count);
            if seen >= rank {
                return Some((f64::from(index) / 8.0).exp2());
            }
        }
        None
    }

    /// The bytes it takes, its heap part included.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.native.capacity() * size_of::<u32>()
    }

    /// The counter of a native bucket, growing the run towards it.
    fn slot(&mut self, index: i16) -> &mut u32 {
        if self.native.is_empty() {
            self.first = index;
        }
        if index < self.first {
            let missing = usize::from((self.first - index).unsigned_abs());
            self.native.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = index;
        }
        let position = usize::from((index - self.first).unsigned_abs());
        if position >= self.native.len() {
            self.native.reserve_exact(position + 1 - self.native.len());
            self.native.resize(position + 1, 0);
        }
        &mut self.native[position]
    }
}

/// The native bucket of a round-trip time above zero.
fn native_index(rtt: Micros) -> i16 {
    let bounds = &*NATIVE_BOUNDS_US;
    let position = bounds.partition_point(|&bound| bound < rtt.0).min(bounds.len() - 1);
    FIRST_INDEX + i16::try_from(position).expect("there are fewer than 300 native buckets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_buckets_hold_their_upper_bound() {
        let mut h = RttHistogram::default();
        for us in [0, 1_000, 1_001, 1_000_000, 1_000_001, u32::MAX] {
            h.record(Micros(us));
        }
        let counts: Vec<u64> = h.classic().iter().map(|b| b.1).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(h.classic()[14].0, f64::INFINITY);
        assert_eq!(h.count(), 6);
    }

    #[test]
    fn native_buckets_hold_their_upper_bound_and_no_more() {
        for us in [1, 2, 15_624, 15_625, 15_626, 31_250, 999_999, 1_000_000, 1_000_001, u32::MAX] {
            let index = f64::from(native_index(Micros(us)));
            let seconds = f64::from(us) / 1e6;
            assert!(seconds <= (index / 8.0).exp2(), "{us} µs lies in bucket {index}");
            assert!(seconds > ((index - 1.0) / 8.0).exp2(), "{us} µs lies above the bucket below {index}");
        }
        assert_eq!(native_index(Micros(1_000_000)), 0, "one second is the upper bound of bucket 0");
    }

    #[test]
    fn spans_and_deltas_give_back_every_count() {
        let mut h = RttHistogram::default();
        for us in [1_000, 1_000, 1_000, 1_090, 500_000, 2, 0] {
            h.record(Micros(us));
        }
        let (spans, deltas) = h.native();
        let (mut index, mut delta, mut count, mut total) = (0i32, deltas.iter(), 0i64, 0i64);
        let mut seen = Vec::new();
        for (gap, length) in &spans {
            index += gap;
            for _ in 0..*length {
                count += delta.next().expect("a delta for each bucket of a span");
                seen.push((index, count));
                total += count;
                index += 1;
            }
        }
        assert!(delta.next().is_none());
        assert_eq!(u64::try_from(total).expect("not negative") + h.native_zero(), h.count());
        assert!(seen.contains(&(i32::from(native_index(Micros(1_000))), 3)));
        assert!(seen.contains(&(i32::from(native_index(Micros(500_000))), 1)));
        assert!(seen.contains(&(i32::from(native_index(Micros(2))), 1)));
    }

    #[test]
    fn quantiles_are_at_most_a_bucket_too_high() {
        let mut h = RttHistogram::default();
        assert_eq!(h.quantile(0.95), None);
        (1..=100).for_each(|ms| h.record(Micros(ms * 1_000)));
        for (q, exact) in [(0.0, 0.001), (0.5, 0.05), (0.95, 0.095), (1.0, 0.1)] {
            let found = h.quantile(q).expect("something was counted");
            assert!((exact..exact * 1.0906).contains(&found), "{q}: {found}");
        }
    }

    #[test]
    fn twenty_thousand_of_them_fit_in_a_few_tens_of_megabytes() {
        let mut steady = RttHistogram::default();
        (0..1_000).for_each(|n| steady.record(Micros(8_000 + n * 6)));
        assert!(steady.memory() < 400, "{}", steady.memory());
        let mut worst = RttHistogram::default();
        (0..32).for_each(|bit| worst.record(Micros(1 << bit)));
        assert!(worst.memory() < 1_500, "{}", worst.memory());
    }
}
