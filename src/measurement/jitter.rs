//! Delay variation from round-trip times: RFC 3550 §6.4.1 and the percentile of RFC 5481.
//!
//! Only round trips are known, so the difference of two transit times is taken as the
//! difference of two round-trip times (`method = "rtt_delta"`), never halved. Kept in
//! fixed-point integers: the same replies give the same jitter on every machine.

use crate::units::Micros;

/// Fraction bits of [`Jitter`]'s microseconds.
const FRACTION: u32 = 20;

/// The smoothed jitter `J += (|D| − J) / 16` over consecutive replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Jitter {
    last: Option<Micros>,
    /// Microseconds with [`FRACTION`] binary places.
    smoothed: u64,
    differences: u64,
}

impl Jitter {
    /// Takes the next reply, in order of arrival. Lost probes are passed over.
    pub fn reply(&mut self, rtt: Micros) {
        if let Some(last) = self.last.replace(rtt) {
            let difference = u64::from(rtt.0.abs_diff(last.0)) << FRACTION;
            if difference >= self.smoothed {
                self.smoothed += (difference - self.smoothed) / 16;
            } else {
                self.smoothed -= (self.smoothed - difference) / 16;
            }
            self.differences += 1;
        }
    }

    /// The jitter in nanoseconds, floored; `None` before two replies.
    #[must_use]
    pub fn nanos(&self) -> Option<u64> {
        // At most 2^52 before the product: no overflow beyond 2^62.
        (self.differences > 0).then(|| ((u128::from(self.smoothed) * 1000) >> FRACTION) as u64)
    }

    /// The jitter in seconds, for metrics; `None` before two replies.
    #[must_use]
    pub fn as_secs_f64(&self) -> Option<f64> {
        (self.differences > 0).then(|| self.smoothed as f64 / f64::from(1 << FRACTION) / 1e6)
    }
}

