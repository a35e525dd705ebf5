//! A histogram of round-trip times with classic and native buckets.

use crate::units::Micros;

/// Counts of round-trip times since start.
#[derive(Debug, Clone, Default)]
pub struct RttHistogram {
    count: u64,
    sum_us: u64,
}

impl RttHistogram {
    /// Counts one.
    pub fn record(&mut self, rtt: Micros) {
        self.count += 1;
        self.sum_us += u64::from(rtt.0);
    }
}
