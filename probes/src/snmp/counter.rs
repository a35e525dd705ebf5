//! From a counter's readings to what happened between them: a number, or a gap with its reason. Pure.
//!
//! A gap is never 0 and never a spike: whoever sums deltas loses a stretch and knows why.

use std::time::Duration;

/// How wide a counter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    /// Counter32: goes on at 0 after 4 294 967 295.
    Bits32,
    /// Counter64: never wraps in a lifetime, so any decrease is a reset.
    Bits64,
}

/// One reading of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// What it showed.
    pub value: u64,
    /// When, on the monotonic clock.
    pub at: Duration,
    /// The row's discontinuity time (`ifCounterDiscontinuityTime` and its like), if there is one.
    pub discontinuity: Option<u32>,
}

/// What is known around two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The counter's width.
    pub width: Width,
    /// The agent restarted in between.
    pub restarted: bool,
    /// The most that can happen in a second, in the counter's own unit: for octets the line speed in bit/s over 8.
    pub most_per_second: Option<u64>,
}

/// What happened between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delta {
    /// So much, in so long.
    Known {
        /// In the counter's unit.
        amount: u64,
        /// Between the two readings.
        over: Duration,
    },
    /// Nothing can be said about this stretch.
    Gap(Gap),
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// There is no earlier reading.
    First,
    /// The agent restarted: its counters began anew.
    Restart,
    /// The agent says the counter was interrupted.
    Discontinuity,
    /// A 64-bit counter went backwards.
    Reset,
    /// A 32-bit counter went backwards, and could have gone round more than once, or not at all.
    Ambiguous,
    /// More than the line can carry.
    Implausible,
    /// No time passed.
    NoTime,
    /// The row moved to another index in between.
    Renumbered,
}

impl Gap {
    /// As a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Gap::First => "first",
            Gap::Restart => "restart",
            Gap::Discontinuity => "discontinuity",
            Gap::Reset => "reset",
            Gap::Ambiguous => "ambiguous",
            Gap::Implausible => "implausible",
            Gap::NoTime => "no_time",
            Gap::Renumbered => "renumbered",
        }
    }
}

const ROUND: u64 = 1 << 32;
/// How far above the line's speed is still measurement error: 5%.
const MARGIN: (u128, u128) = (105, 100);

/// What happened between two readings of a counter.
pub fn delta(before: &Sample, now: &Sample, context: &Context) -> Delta {
    if context.restarted {
        return Delta::Gap(Gap::Restart);
    }
    if before.discontinuity != now.discontinuity {
        return Delta::Gap(Gap::Discontinuity);
    }
    let over = match now.at.checked_sub(before.at) {
        Some(over) if !over.is_zero() => over,
        _ => return Delta::Gap(Gap::NoTime),
    };
    if now.value >= before.value {
        let amount = now.value - before.value;
        return match context.most_per_second {
            Some(most) if too_much(amount, over, most) => Delta::Gap(Gap::Implausible),
            _ => Delta::Known { amount, over },
        };
    }
    if context.width == Width::Bits64 {
        return Delta::Gap(Gap::Reset);
    }
    let Some(amount) = (now.value + ROUND).checked_sub(before.value) else { return Delta::Gap(Gap::Reset) };
    match context.most_per_second {
        // Going round more than once would fit the stretch too, or going round at all is too much: not told.
        Some(most) if fits(ROUND, over, most) || too_much(amount, over, most) => Delta::Gap(Gap::Ambiguous),
        // Without a speed a wrap is believed only when it is short: the rest are resets in disguise.
        None if amount > ROUND / 64 => Delta::Gap(Gap::Ambiguous),
        _ => Delta::Known { amount, over },
    }
}

fn fits(amount: u64, over: Duration, most_per_second: u64) -> bool {
    u128::from(amount) * 1_000_000 <= u128::from(most_per_second) * over.as_micros()
}

fn too_much(amount: u64, over: Duration, most_per_second: u64) -> bool {
    u128::from(amount) * 1_000_000 * MARGIN.1 > u128::from(most_per_second) * over.as_micros() * MARGIN.0
}

/// A counter as it is shown: a total that only ever grows, made of the stretches that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    last: Option<Sample>,
    /// The sum of what is known.
    pub total: u64,
    /// How many stretches are missing in it, the first reading not counted.
    pub gaps: u32,
}

impl Total {
    /// Takes in a reading.
    pub fn observe(&mut self, now: Sample, context: &Context) -> Delta {
        let result = match &self.last {
            None => Delta::Gap(Gap::First),
            Some(before) => delta(before, &now, context),
        };
        match result {
            Delta::Known { amount, .. } => self.total = self.total.saturating_add(amount),
            Delta::Gap(Gap::First) => {}
            Delta::Gap(_) => self.gaps = self.gaps.saturating_add(1),
        }
        self.last = Some(now);
        result
    }

    /// The row is gone: what comes next is a first reading again, and counts as a gap.
    pub fn forget(&mut self) {
        if self.last.take().is_some() {
            self.gaps = self.gaps.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64, value: u64) -> Sample {
        Sample { value, at: Duration::from_secs(seconds), discontinuity: Some(0) }
    }

    fn octets(width: Width, bits_per_second: u64) -> Context {
        Context { width, restarted: false, most_per_second: Some(bits_per_second / 8) }
    }

    const MEGABIT: u64 = 1_000_000;

    #[test]
    fn every_crossing_of_the_rules() {
        use Gap::*;
        let known = |amount| Delta::Known { amount, over: Duration::from_secs(60) };
        let top = ROUND - 100;
        for (name, before, now, context, expected) in [
            ("forward", at(0, 10), at(60, 1_010), octets(Width::Bits64, MEGABIT), known(1_000)),
            ("still", at(0, 10), at(60, 10), octets(Width::Bits64, MEGABIT), known(0)),
            ("64 bits backward", at(0, 10), at(60, 9), octets(Width::Bits64, MEGABIT), Delta::Gap(Reset)),
            ("wrap at 10 Mbit/s", at(0, top), at(60, 100), octets(Width::Bits32, 10 * MEGABIT), known(200)),
            ("wrap, too fast", at(0, ROUND / 2), at(60, 0), octets(Width::Bits32, 10 * MEGABIT), Delta::Gap(Ambiguous)),
            (
                "1 Gbit/s wraps in 34 s",
                at(0, top),
                at(60, 1),
                octets(Width::Bits32, 1_000 * MEGABIT),
                Delta::Gap(Ambiguous),
            ),
            (
                "restart as wrap",
                at(0, 1_000_000),
                at(60, 5),
                octets(Width::Bits32, 10 * MEGABIT),
                Delta::Gap(Ambiguous),
            ),
            ("just plausible", at(0, 0), at(60, 7_875_000), octets(Width::Bits64, MEGABIT), known(7_875_000)),
            ("just too much", at(0, 0), at(60, 7_875_001), octets(Width::Bits64, MEGABIT), Delta::Gap(Implausible)),
            ("no time", at(60, 0), at(60, 1), octets(Width::Bits64, MEGABIT), Delta::Gap(NoTime)),
        ] {
            assert_eq!(delta(&before, &now, &context), expected, "{name}");
        }
    }

    #[test]
    fn a_restart_or_discontinuity_is_a_gap_even_when_the_counter_grew() {
        let context = octets(Width::Bits64, MEGABIT);
        let restarted = Context { restarted: true, ..context };
        assert_eq!(delta(&at(0, 1), &at(60, 2), &restarted), Delta::Gap(Gap::Restart));
        let moved = Sample { discontinuity: Some(77), ..at(60, 2) };
        assert_eq!(delta(&at(0, 1), &moved, &context), Delta::Gap(Gap::Discontinuity));
    }

    #[test]
    fn a_total_never_shrinks_nor_jumps_over_a_gap() {
        let context = octets(Width::Bits64, MEGABIT);
        let mut total = Total::default();
        let shown: Vec<u64> = [1_000_000, 1_000_500, 3, 103]
            .into_iter()
            .enumerate()
            .map(|(n, v)| {
                total.observe(at(n as u64 * 60, v), &context);
                total.total
            })
            .collect();
        assert_eq!(shown, [0, 500, 500, 600]);
        assert_eq!(total.gaps, 1);
    }

    proptest! {
        #[test]
        fn no_rate_is_ever_above_the_line(
            before in 0u64..ROUND, now in 0u64..ROUND, seconds in 1u64..10_000, bits in 8u64..100_000_000_000, wide: bool,
        ) {
            let width = if wide { Width::Bits64 } else { Width::Bits32 };
            if let Delta::Known { amount, over } = delta(&at(0, before), &at(seconds, now), &octets(width, bits)) {
                prop_assert!(amount as f64 / over.as_secs_f64() <= (bits / 8) as f64 * 1.0500001);
            }
        }

        #[test]
        fn what_truly_passed_is_found_or_a_gap(start in 0u64..ROUND, passed in 0u64..20_000_000_000, seconds in 1u64..600) {
            // A true line never carries more than its speed.
            let bits = passed * 8 / seconds + 8;
            let now = (start + passed) % ROUND;
            match delta(&at(0, start), &at(seconds, now), &octets(Width::Bits32, bits)) {
                Delta::Known { amount, .. } if passed < ROUND => prop_assert_eq!(amount, passed),
                Delta::Known { amount, .. } => prop_assert!(amount < passed, "rounds unseen are missing, never invented"),
                Delta::Gap(gap) => prop_assert!(matches!(gap, Gap::Ambiguous | Gap::Implausible)),
            }
        }
    }
}
