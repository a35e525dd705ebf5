//! The last five minutes of one class's probes to one target, for the operator's eyes.
//!
//! Evidence is kept elsewhere and exactly; this is what boards and gauges show.

use crate::measurement::Outcome;
use crate::units::Micros;

/// How far back it looks, seconds.
pub const WINDOW_S: u64 = 300;

/// No reply, where an RTT would stand.
const LOST: u32 = u32::MAX;

/// So many of the longest are looked at for the 99th percentile: of [`WINDOW_S`] probes at most, 1% and one.
const LONGEST: usize = WINDOW_S as usize / 100 + 1;

/// A ring of the newest outcomes that were measured.
#[derive(Debug, Clone)]
pub struct Recent {
    ring: Vec<u32>,
    next: usize,
    capacity: usize,
}

impl Recent {
    /// For probes that come every `interval_s` seconds.
    #[must_use]
    pub fn new(interval_s: u64) -> Self {
        let capacity = usize::try_from(WINDOW_S / interval_s.max(1)).unwrap_or(1).max(1);
        Self { ring: Vec::new(), next: 0, capacity }
    }

    /// Takes an outcome; what was not measured says nothing and is left out.
    pub fn record(&mut self, outcome: Outcome) {
        let value = match outcome {
            Outcome::Reply { rtt } => rtt.0.min(LOST - 1),
            Outcome::Lost | Outcome::Refused => LOST,
            Outcome::NotMeasured(_) => return,
        };
        if self.ring.len() < self.capacity {
            // All of it at once: grown by doubling, tens of thousands of rings would take half as much again.
            self.ring.reserve_exact(self.capacity - self.ring.len());
            self.ring.push(value);
        } else {
            self.ring[self.next] = value;
        }
        self.next = (self.next + 1) % self.capacity;
    }

    /// Loss, spread and mean over the window; `None` when nothing was measured.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        if self.ring.is_empty() {
            return None;
        }
        // One pass without allocating: a snapshot makes tens of thousands of summaries.
        let (mut replies, mut sum, mut min) = (0_usize, 0_u64, u32::MAX);
        let mut longest = [0; LONGEST];
        for &value in self.ring.iter().filter(|&&value| value != LOST) {
            replies += 1;
            sum += u64::from(value);
            min = min.min(value);
            if value > longest[LONGEST - 1] {
                let place = longest.partition_point(|&longer| longer >= value);
                longest[place..].rotate_right(1);
                longest[place] = value;
            }
        }
        let loss = (self.ring.len() - replies) as f64 / self.ring.len() as f64;
        let rtt = (replies > 0).then(|| {
            // Nearest rank: the smallest value that at least 99% do not exceed, so that 1% at most are longer.
            let p99 = Micros(longest[replies / 100]);
            RttSummary { mean_us: sum as f64 / replies as f64, min: Micros(min), p99 }
        });
        Some(Summary { loss, rtt })
    }
}

/// What the last five minutes were like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Lost share of what was measured, 0 to 1.
    pub loss: f64,
    /// Of the replies; `None` when there were none.
    pub rtt: Option<RttSummary>,
}

/// Round-trip times of the last five minutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RttSummary {
    /// Mean, microseconds.
    pub mean_us: f64,
    /// Least.
    pub min: Micros,
    /// 99th percentile by nearest rank.
    pub p99: Micros,
}

impl RttSummary {
    /// Packet delay variation: 99th percentile less the minimum (RFC 5481 §4.2), seconds.
    #[must_use]
    pub fn pdv_p99(&self) -> f64 {
        f64::from(self.p99.0 - self.min.0) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Cause;

    fn reply(us: u32) -> Outcome {
        Outcome::Reply { rtt: Micros(us) }
    }

    #[test]
    fn nothing_measured_says_nothing() {
        let mut recent = Recent::new(1);
        assert_eq!(recent.summary(), None);
        recent.record(Outcome::NotMeasured(Cause::SocketDrop));
        assert_eq!(recent.summary(), None);
    }

    #[test]
    fn losses_only_have_no_round_trip_time() {
        let mut recent = Recent::new(1);
        recent.record(Outcome::Refused);
        assert_eq!(recent.summary(), Some(Summary { loss: 1.0, rtt: None }));
    }

    #[test]
    fn delay_variation_is_the_99th_percentile_less_the_minimum() {
        let mut recent = Recent::new(1);
        (1..=100).for_each(|n| recent.record(reply(n * 1000)));
        let rtt = recent.summary().and_then(|s| s.rtt).expect("a hundred replies");
        assert_eq!((rtt.min, rtt.p99), (Micros(1000), Micros(99_000)));
        assert!((rtt.pdv_p99() - 0.098).abs() < 1e-12);
        assert!((rtt.mean_us - 50_500.0).abs() < 1e-9);
    }

    proptest::proptest! {
        #[test]
        fn a_summary_is_that_of_the_sorted_replies(rtts in proptest::collection::vec(0_u32..5_000, 1..700)) {
            let mut recent = Recent::new(1);
            rtts.iter().for_each(|us| recent.record(reply(*us)));
            let mut sorted = rtts[rtts.len().saturating_sub(300)..].to_vec();
            sorted.sort_unstable();
            let rank = (sorted.len() * 99).div_ceil(100) - 1;
            let rtt = recent.summary().and_then(|s| s.rtt).expect("replies");
            proptest::prop_assert_eq!((rtt.min.0, rtt.p99.0), (sorted[0], sorted[rank]));
            let mean = sorted.iter().map(|us| f64::from(*us)).sum::<f64>() / sorted.len() as f64;
            proptest::prop_assert!((rtt.mean_us - mean).abs() < 1e-6);
        }
    }

    #[test]
    fn only_the_last_five_minutes_count() {
        let mut recent = Recent::new(60);
        recent.record(Outcome::Lost);
        (0..5).for_each(|_| recent.record(reply(10)));
        assert_eq!(recent.summary().map(|s| s.loss), Some(0.0));
        assert_eq!(recent.ring.len(), 5);
    }
}
