//! The only place that reads a clock.
//!
//! Durations come from the monotonic clock, boundaries and records from wall time;
//! a [`Now`] carries both, read together.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::units::Sec;

/// Wall and monotonic time, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds since the Unix epoch, UTC; may step.
    pub wall_ns: i64,
    /// Nanoseconds since an arbitrary start; never steps back.
    pub mono_ns: u64,
}

impl Now {
    /// The wall time in whole seconds, floored.
    #[must_use]
    pub fn sec(self) -> Sec {
        Sec(self.wall_ns.div_euclid(1_000_000_000))
    }
}

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Reads both clocks.
    fn now(&self) -> Now;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Now {
        let mono_ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let wall_ns = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(d) => i64::try_from(d.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Now { wall_ns, mono_ns }
    }
}
