//! Delay variation from round-trip times: RFC 3550 §6.4.1.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_sample_comes_out() {
        // Transit times 30 35 30 38 30 30 ms.
        let mut jitter = Jitter::default();
        let mut seen = Vec::new();
        for ms in [30, 35, 30, 38, 30, 30] {
            jitter.reply(Micros(ms * 1000));
            seen.extend(jitter.as_secs_f64().map(|s| s * 1e3));
        }
        for (got, printed) in seen.iter().zip([0.3125, 0.605_469, 1.067_627, 1.500_900, 1.407_094]) {
            assert!((got - printed).abs() < 1e-6, "{got} for {printed}");
        }
        assert_eq!(seen.len(), 5);
        assert_eq!(jitter.nanos(), Some(1_407_094));
    }

    #[test]
    fn one_reply_has_no_jitter() {
        let mut jitter = Jitter::default();
        assert_eq!(jitter.nanos(), None);
        jitter.reply(Micros(5));
        assert_eq!(jitter.nanos(), None);
        jitter.reply(Micros(5));
        assert_eq!(jitter.nanos(), Some(0));
    }

    #[test]
    fn the_largest_swings_do_not_overflow() {
        let mut jitter = Jitter::default();
        for n in 0..1000 {
            jitter.reply(Micros(if n % 2 == 0 { 0 } else { u32::MAX }));
        }
        assert!(jitter.nanos().is_some_and(|n| n < u64::from(u32::MAX) * 1000));
    }
}
