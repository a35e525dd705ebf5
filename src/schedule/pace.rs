//! The pace: which stretch of wall time to serve now, and which was missed.
//!
//! Fed with both clocks at every tick, it tells a late tick from a stall and a stall from a
//! stepped wall clock. Missed slots are never made up for in a burst: they are handed back
//! with their cause, to be recorded as not measured.

use crate::clock::Now;
use crate::measurement::Cause;

/// What to do at a tick. Stretches are `(after, until]` in nanoseconds since the Unix epoch, of wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Slots to probe now.
    pub serve: Option<(i64, i64)>,
    /// Slots that were missed, and why.
    pub missed: Option<(i64, i64, Cause)>,
    /// How far the wall clock moved against the monotonic one, when that is a step, nanoseconds.
    pub stepped_ns: Option<i64>,
}

/// Keeps pace with the clocks; see the module's text.
#[derive(Debug, Clone)]
pub struct Pace {
    served_until_ns: i64,
    last: Now,
}

/// A slot may be probed this late, nanoseconds; later, it is skipped.
pub const LATEST_NS: i64 = 250_000_000;

/// A wall clock that moves this far against the monotonic one between two ticks has stepped, nanoseconds.
/// NTP slews by at most 500 ppm, far below it.
pub const STEP_NS: i64 = 400_000_000;

impl Pace {
    /// Starts at `now`; the first slots served come after it.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self { served_until_ns: now.wall_ns, last: now }
    }

    /// What to do, given both clocks.
    pub fn tick(&mut self, now: Now) -> Tick {
        let mono_ns = i64::try_from(now.mono_ns.saturating_sub(self.last.mono_ns)).unwrap_or(i64::MAX);
        let wall_ns = now.wall_ns.saturating_sub(self.last.wall_ns);
        let drift_ns = wall_ns.saturating_sub(mono_ns);
        // A suspended machine looks like a forward step, for the monotonic clock rests too.
        let stepped_ns = (drift_ns.abs() >= STEP_NS).then_some(drift_ns);
        self.last = now;

        if stepped_ns.is_some_and(|s| s < 0) {
            // Probing goes on, for the operator's eyes; the accounts ignore rounds of time they already have.
            self.served_until_ns = now.wall_ns;
        }
        if now.wall_ns <= self.served_until_ns {
            return Tick { stepped_ns, ..Tick::default() };
        }
        let oldest = now.wall_ns.saturating_sub(LATEST_NS);
        let missed = (self.served_until_ns < oldest).then(|| {
            let cause = if stepped_ns.is_some_and(|s| s > 0) { Cause::ClockStep } else { Cause::Skipped };
            (self.served_until_ns, oldest, cause)
        });
        let serve = Some((self.served_until_ns.max(oldest), now.wall_ns));
        self.served_until_ns = now.wall_ns;
        Tick { serve, missed, stepped_ns }
    }

    /// The wall time up to which slots were served or given up, nanoseconds since the Unix epoch.
    #[must_use]
    pub fn served_until_ns(&self) -> i64 {
        self.served_until_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn at(wall_ms: i64, mono_ms: u64) -> Now {
        Now { wall_ns: wall_ms * MS, mono_ns: mono_ms * 1_000_000 }
    }

    #[test]
    fn ticks_serve_the_stretch_since_the_last() {
        let mut pace = Pace::new(at(1_000_000, 0));
        let tick = pace.tick(at(1_000_002, 2));
        assert_eq!(tick, Tick { serve: Some((1_000_000 * MS, 1_000_002 * MS)), missed: None, stepped_ns: None });
        assert_eq!(pace.tick(at(1_000_004, 4)).serve, Some((1_000_002 * MS, 1_000_004 * MS)));
    }

    #[test]
    fn a_stall_is_skipped_and_never_made_up_for() {
        let mut pace = Pace::new(at(1_000_000, 0));
        let tick = pace.tick(at(1_020_000, 20_000));
        assert_eq!(tick.missed, Some((1_000_000 * MS, 1_019_750 * MS, Cause::Skipped)));
        assert_eq!(tick.serve, Some((1_019_750 * MS, 1_020_000 * MS)));
        assert_eq!(tick.stepped_ns, None);
    }

    #[test]
    fn a_forward_step_is_a_step_and_its_slots_are_missed() {
        let mut pace = Pace::new(at(1_000_000, 0));
        let tick = pace.tick(at(4_600_002, 2));
        assert_eq!(tick.stepped_ns, Some(3_600_000 * MS));
        assert_eq!(tick.missed, Some((1_000_000 * MS, 4_599_752 * MS, Cause::ClockStep)));
    }

    #[test]
    fn a_backward_step_bursts_nothing_and_probing_goes_on() {
        let mut pace = Pace::new(at(4_600_000, 0));
        let tick = pace.tick(at(1_000_002, 2));
        assert_eq!(tick, Tick { serve: None, missed: None, stepped_ns: Some(-3_600_000 * MS) });
        assert_eq!(pace.tick(at(1_000_004, 4)).serve, Some((1_000_002 * MS, 1_000_004 * MS)));
    }

    #[test]
    fn a_small_backward_slew_serves_no_slot_twice() {
        let mut pace = Pace::new(at(1_000_000, 0));
        pace.tick(at(1_000_010, 10));
        assert_eq!(pace.tick(at(1_000_008, 12)).serve, None);
        assert_eq!(pace.tick(at(1_000_012, 16)).serve, Some((1_000_010 * MS, 1_000_012 * MS)));
    }

    #[test]
    fn slewing_is_not_a_step() {
        let mut pace = Pace::new(at(1_000_000, 0));
        assert_eq!(pace.tick(at(1_000_003, 2)).stepped_ns, None);
    }
}
