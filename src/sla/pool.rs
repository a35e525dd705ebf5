//! What counts of a class for an objective, where not all of it can be told apart.
//!
//! Of a minute's round trips the evidence keeps how many there were in which second, but of their times only the least,
//! the greatest, the sum and a histogram. Where a service's up time begins or ends inside such a minute, so many of its
//! replies count and nobody can say which. They may have been the fastest, or the slowest: both are worked out, and
//! the verdict stands only where it is the same.

use super::objective::{ClassAggregate, Outcome, Value, evaluate, judge};
use crate::config::model::{Codec, Objective};
use crate::sla::figures::Verdict;
use crate::units::Micros;

/// Everything that counts for an objective.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// What counts as a whole.
    whole: ClassAggregate,
    /// Of minutes that count in part: what counts if that was the fastest, what is likely, and if it was the slowest.
    /// Losses and jitter are known, and stand in `whole`.
    parts: Option<Box<[ClassAggregate; 3]>>,
}

/// What an objective came to, and between what it must lie when that is not known exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// As likely as can be; the verdict holds for all that is possible.
    pub outcome: Outcome,
    /// The best and the worst that is possible; `None` when the value is known.
    pub between: Option<(Value, Value)>,
}

impl Pool {
    /// Adds what counts as a whole: exact, in any order.
    pub fn add(&mut self, all: &ClassAggregate) {
        self.whole.merge(all);
    }

    /// Adds the round trips of a minute of which only `counted` count; its jitter, which is that of its last reply,
    /// when that one counts.
    pub fn add_part(&mut self, minute: &ClassAggregate, counted: u64, last_counts: bool) {
        if last_counts {
            self.whole.jitter_nanos = self.whole.jitter_nanos.saturating_add(minute.jitter_nanos);
            self.whole.jitter_minutes = self.whole.jitter_minutes.saturating_add(minute.jitter_minutes);
        }
        if counted > 0 {
            let parts = self.parts.get_or_insert_default();
            for (part, which) in parts.iter_mut().zip([Which::Fastest, Which::Spread, Which::Slowest]) {
                part.merge(&pick(minute, counted, which));
            }
        }
    }

    /// Evaluates an objective over all of it; `codec` is the class's, for MOS.
    #[must_use]
    pub fn evaluate(&self, objective: &Objective, codec: Option<Codec>) -> Judged {
        let Some(parts) = &self.parts else {
            return Judged { outcome: evaluate(objective, &self.whole, codec), between: None };
        };
        let [fast, likely, slow] = parts.each_ref().map(|part| {
            let mut all = self.whole.clone();
            all.merge(part);
            all
        });
        // Variation is measured from the fastest reply of all: it is least when that was none of the fast ones.
        let best = judge(objective, &fast, slow.rtt_min, codec);
        let worst = judge(objective, &slow, fast.rtt_min, codec);
        let likely = judge(objective, &likely, likely.rtt_min, codec);
        let verdict = if best.verdict == worst.verdict { best.verdict } else { Verdict::NotProven };
        let between = best.value.zip(worst.value).filter(|(best, worst)| best != worst);
        Judged { outcome: Outcome { verdict, ..likely }, between }
    }
}

/// Which of a minute's replies are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Fastest,
    /// One out of so many, from the fastest to the slowest.
    Spread,
    Slowest,
}

/// `wanted` of a minute's replies, each as fast or as slow as its bucket allows.
fn pick(minute: &ClassAggregate, wanted: u64, which: Which) -> ClassAggregate {
    let all = minute.sketch.count();
    let wanted = wanted.min(all);
    // How many of the `n` fastest are taken.
    let taken = |n: u64| -> u64 {
        let (n, all, wanted) = (u128::from(n), u128::from(all), u128::from(wanted));
        let taken = match which {
            Which::Fastest => n.min(wanted),
            Which::Slowest => (n + wanted).saturating_sub(all),
            // The middle ones of as many equal groups.
            Which::Spread => (2 * wanted * n).saturating_sub(all).div_ceil(2 * all.max(1)).min(wanted),
        };
        u64::try_from(taken).unwrap_or(u64::MAX)
    };
    let (least, most) = (minute.rtt_min.unwrap_or_default(), minute.rtt_max.unwrap_or(Micros(u32::MAX)));
    let mut found = ClassAggregate::default();
    let mut faster = 0_u64;
    for (low, high, count) in minute.sketch.buckets() {
        let upto = faster.saturating_add(count);
        let times = taken(upto) - taken(faster);
        faster = upto;
        let at = match which {
            Which::Fastest => low,
            Which::Spread => Micros(low.0 + (high.0 - low.0) / 2),
            Which::Slowest => high,
        };
        found.replies(at.max(least).min(most.max(least)), times);
    }
    found.received = 0;
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Limit, Measure};
    use crate::names::ClassIx;
    use proptest::prelude::*;

    fn of(rtts: &[u32]) -> ClassAggregate {
        let mut all = ClassAggregate::default();
        rtts.iter().for_each(|&us| all.replies(Micros(us), 1));
        all
    }

    fn judged(pool: &Pool, measure: Measure, limit: Limit) -> Judged {
        pool.evaluate(&Objective { class: ClassIx(0), measure, limit }, Some(Codec::G711))
    }

    #[test]
    fn a_minute_that_counts_in_part_can_leave_a_verdict_open() {
        let mut pool = Pool::default();
        pool.add(&of(&[10_000; 60]));
        // Thirty of sixty, half of which were slow: all, some, or none of those.
        pool.add_part(&of(&[[10_000; 30], [200_000; 30]].concat()), 30, false);
        let max = |limit| judged(&pool, Measure::RttMax, Limit::Micros(limit)).outcome.verdict;
        assert_eq!([max(200_000), max(100_000), max(9_999)], [Verdict::Met, Verdict::NotProven, Verdict::Breached]);
        let mean = judged(&pool, Measure::RttMean, Limit::Micros(50_000));
        assert_eq!(mean.outcome.verdict, Verdict::NotProven);
        let (Value::Nanos(best), Value::Nanos(worst)) = mean.between.unwrap() else { panic!("a mean is a time") };
        assert_eq!(worst, (60 * 10_000 + 30 * 200_000) * 1_000 / 90);
        assert!((9_900_000..=10_000_000).contains(&best), "{best}");
    }

    #[test]
    fn all_alike_is_as_good_as_known() {
        let mut pool = Pool::default();
        pool.add_part(&of(&[12_345; 60]), 1, false);
        let mean = judged(&pool, Measure::RttMean, Limit::Micros(12_345));
        assert_eq!((mean.outcome.value, mean.between), (Some(Value::Nanos(12_345_000)), None));
        assert_eq!(mean.outcome.verdict, Verdict::Met);
    }

    proptest! {
        /// Whichever replies counted: what came of them lies between, and no verdict contradicts it.
        #[test]
        fn the_truth_is_never_outside(
            whole in proptest::collection::vec(1_000_u32..300_000, 0..30),
            minute in proptest::collection::vec((1_000_u32..300_000, proptest::bool::ANY), 1..60),
            lost in 0_u64..5, limit in 1_000_u64..300_000, mos in 20_000_u32..44_000,
        ) {
            let counted: Vec<u32> = minute.iter().filter(|(_, counts)| *counts).map(|(us, _)| *us).collect();
            let received = u64::try_from(whole.len() + counted.len()).unwrap();
            let known = ClassAggregate { lost, received, jitter_nanos: 3_000_000, jitter_minutes: 1, ..ClassAggregate::default() };
            let mut pool = Pool::default();
            pool.add(&known);
            pool.add(&ClassAggregate { received: 0, ..of(&whole) });
            let all: Vec<u32> = minute.iter().map(|(us, _)| *us).collect();
            pool.add_part(&of(&all), u64::try_from(counted.len()).unwrap(), false);
            let mut truth = ClassAggregate { received: 0, ..of(&[whole, counted].concat()) };
            truth.merge(&known);
            for measure in [Measure::RttMean, Measure::RttP50, Measure::RttP95, Measure::RttP99, Measure::RttMax, Measure::PdvP99, Measure::Mos] {
                let limit = if measure == Measure::Mos { Limit::Mos(mos) } else { Limit::Micros(limit) };
                let ours = judged(&pool, measure, limit);
                let objective = Objective { class: ClassIx(0), measure, limit };
                let exact = evaluate(&objective, &truth, Some(Codec::G711));
                let contradicts = matches!(
                    (ours.outcome.verdict, exact.verdict),
                    (Verdict::Met, Verdict::Breached) | (Verdict::Breached, Verdict::Met)
                );
                prop_assert!(!contradicts, "{measure:?}: {ours:?}, {exact:?}");
                if let (Some((best, worst)), Some(value)) = (ours.between, ours.outcome.value) {
                    let (best, value, worst) = (best.as_f64(), value.as_f64(), worst.as_f64());
                    let inside = (best <= value && value <= worst) || (worst <= value && value <= best);
                    prop_assert!(inside, "{measure:?}: {best} {value} {worst}");
                }
            }
        }
    }
}
