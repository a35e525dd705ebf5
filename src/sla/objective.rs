//! Objectives of a class of service, over available time only.
//!
//! A probe counts for a service's objective when its second is in the service's `up` account:
//! an outage is not punished twice. Probes of a class are pooled over all components of the
//! service's tree that carry that class, a dead standby's among them.

use crate::config::model::{Codec, Limit, Measure, Objective};
use crate::measurement::jitter;
use crate::measurement::minute::Tally;
use crate::sketch::Sketch;
use crate::sla::figures::Verdict;
use crate::units::{Micros, Share, Span};
use crate::voice::{self, DelayModel, Rating};

const NANOS_PER_MICRO: u64 = 1_000;

/// What one class's probes of one component found in a stretch of time that counts.
///
/// The caller sees to it that all of `span` counts: it lies in the service's up account.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClassAggregate {
    /// From the first probe to behind the last.
    pub span: Option<Span>,
    /// Probes answered in time.
    pub received: u64,
    /// Probes not answered in time.
    pub lost: u64,
    /// Probes that were due but not measured; they are in no figure.
    pub not_measured: u64,
    /// Round-trip times in the figures below: those of the received probes, unless they stand in an aggregate of their
    /// own because what was received has to be told apart in time and the times cannot be.
    pub timed: u64,
    /// Sum of round-trip times, microseconds.
    pub rtt_sum_us: u64,
    /// Smallest round-trip time.
    pub rtt_min: Option<Micros>,
    /// Largest round-trip time.
    pub rtt_max: Option<Micros>,
    /// All round-trip times.
    pub sketch: Sketch,
    /// Sum of the minutes' RFC 3550 jitter, nanoseconds; see [`crate::measurement::jitter`].
    pub jitter_nanos: u64,
    /// Minutes in that sum.
    pub jitter_minutes: u64,
}

impl From<&Tally> for ClassAggregate {
    /// All of a tally, for a stretch that counts as a whole.
    fn from(tally: &Tally) -> Self {
        let Tally { rounds, replies } = tally;
        let answered = replies.count > 0;
        Self {
            span: rounds.first().zip(rounds.last()).map(|(first, last)| Span::new(first, last.plus(1))),
            received: u64::from(rounds.replies()),
            lost: u64::from(rounds.lost()),
            not_measured: u64::from(rounds.not_measured()),
            timed: u64::from(replies.count),
            rtt_sum_us: replies.sum_us,
            rtt_min: answered.then_some(replies.min),
            rtt_max: answered.then_some(replies.max),
            sketch: Sketch::from(&replies.buckets),
            jitter_nanos: replies.jitter_sum_us * NANOS_PER_MICRO,
            jitter_minutes: u64::from(replies.jitter_minutes),
        }
    }
}

impl ClassAggregate {
    /// Counts a reply.
    pub fn reply(&mut self, rtt: Micros) {
        self.replies(rtt, 1);
    }

    /// Counts as many replies that took equally long.
    pub fn replies(&mut self, rtt: Micros, times: u64) {
        if times == 0 {
            return;
        }
        self.received = self.received.saturating_add(times);
        self.timed = self.timed.saturating_add(times);
        self.rtt_sum_us = self.rtt_sum_us.saturating_add(u64::from(rtt.0).saturating_mul(times));
        self.rtt_min = Some(self.rtt_min.map_or(rtt, |m| m.min(rtt)));
        self.rtt_max = Some(self.rtt_max.map_or(rtt, |m| m.max(rtt)));
        self.sketch.record_times(rtt, times);
    }

    /// Counts a minute's jitter, once the minute is over.
    pub fn minute_jitter(&mut self, jitter: &jitter::Jitter) {
        if let Some(nanos) = jitter.nanos() {
            self.jitter_nanos = self.jitter_nanos.saturating_add(nanos);
            self.jitter_minutes += 1;
        }
    }

    /// Adds another stretch or another component: exact, in any order.
    pub fn merge(&mut self, other: &Self) {
        self.span = match (self.span, other.span) {
            (Some(a), Some(b)) => Some(Span::new(a.from.min(b.from), a.to.max(b.to))),
            (a, b) => a.or(b),
        };
        self.received = self.received.saturating_add(other.received);
        self.lost = self.lost.saturating_add(other.lost);
        self.not_measured = self.not_measured.saturating_add(other.not_measured);
        self.timed = self.timed.saturating_add(other.timed);
        self.rtt_sum_us = self.rtt_sum_us.saturating_add(other.rtt_sum_us);
        self.rtt_min = self.rtt_min.into_iter().chain(other.rtt_min).min();
        self.rtt_max = self.rtt_max.max(other.rtt_max);
        self.sketch.merge(&other.sketch);
        self.jitter_nanos = self.jitter_nanos.saturating_add(other.jitter_nanos);
        self.jitter_minutes = self.jitter_minutes.saturating_add(other.jitter_minutes);
    }

    /// Probes that were answered or lost.
    #[must_use]
    pub fn population(&self) -> u64 {
        self.received.saturating_add(self.lost)
    }

    /// Voice quality over all of it: mean round trip, mean jitter, loss, and what a de-jitter buffer of that size discards.
    #[must_use]
    pub fn voice(&self, codec: Codec, model: DelayModel) -> Option<Rating> {
        self.voice_from(self.rtt_min, codec, model)
    }

    /// [`voice`](Self::voice) where the de-jitter buffer began with a reply as fast as `fastest`.
    fn voice_from(&self, fastest: Option<Micros>, codec: Codec, model: DelayModel) -> Option<Rating> {
        if self.timed == 0 || self.population() == 0 {
            return None;
        }
        let rtt_ms = self.rtt_sum_us as f64 / self.timed as f64 / 1e3;
        let jitter_ms =
            if self.jitter_minutes == 0 { 0.0 } else { self.jitter_nanos as f64 / self.jitter_minutes as f64 / 1e6 };
        let loss_percent = self.lost as f64 * 100.0 / self.population() as f64;
        let playout = Micros((voice::playout_ms(jitter_ms) * 1e3) as u32);
        let latest = Micros(fastest.unwrap_or_default().0.saturating_add(playout.0));
        let late_percent = self.sketch.count_above(latest) as f64 * 100.0 / self.timed as f64;
        let path = voice::path_from_round_trips(codec, rtt_ms, jitter_ms, loss_percent, late_percent);
        Some(voice::rate(codec, path, model))
    }
}

/// What an objective came to. Ratios are exact; `Beyond` is a percentile that falls among lost probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Nanoseconds, floored.
    Nanos(u64),
    /// Lost probes of all.
    Loss {
        /// Lost.
        lost: u64,
        /// Lost and received.
        of: u64,
    },
    /// Ten-thousandths of MOS, truncated.
    Mos(u32),
    /// Longer than any answer: the rank falls among lost probes (RFC 2681 §4.1).
    Beyond,
}

impl Value {
    /// In the base unit (seconds, fraction, MOS) for metrics and charts; infinite when beyond.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Nanos(n) => n as f64 / 1e9,
            Self::Loss { lost, of } => lost as f64 / of as f64,
            Self::Mos(m) => f64::from(m) / 1e4,
            Self::Beyond => f64::INFINITY,
        }
    }
}

impl std::fmt::Display for Value {
    /// `12.345 ms`, `0.1234%`, `4.1234`, `lost`: truncated, in the unit that limits are written in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Nanos(n) => write!(f, "{}.{:03} ms", n / 1_000_000, n / 1_000 % 1_000),
            Self::Loss { lost, of } => {
                let ppm = u128::from(lost) * 1_000_000 / u128::from(of.max(1));
                write!(f, "{}.{:04}%", ppm / 10_000, ppm % 10_000)
            }
            Self::Mos(m) => write!(f, "{}.{:04}", m / 10_000, m % 10_000),
            Self::Beyond => f.write_str("lost"),
        }
    }
}

/// An objective and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// `None` when nothing was measured.
    pub value: Option<Value>,
    /// Whether it held; not proven when nothing was measured.
    pub verdict: Verdict,
}

/// Evaluates an objective over everything that counts; `codec` is the class's, for MOS.
#[must_use]
pub fn evaluate(objective: &Objective, all: &ClassAggregate, codec: Option<Codec>) -> Outcome {
    judge(objective, all, all.rtt_min, codec)
}

/// [`evaluate`] where variation is measured from a reply as fast as `fastest`.
pub(super) fn judge(
    objective: &Objective,
    all: &ClassAggregate,
    fastest: Option<Micros>,
    codec: Option<Codec>,
) -> Outcome {
    let judged = match objective.limit {
        Limit::Micros(limit) => delay(objective.measure, all, fastest, limit),
        Limit::Share(limit) => (all.population() > 0).then(|| {
            let kept =
                u128::from(all.lost) * u128::from(Share::ONE.0) <= u128::from(limit.0) * u128::from(all.population());
            (Value::Loss { lost: all.lost, of: all.population() }, Some(kept))
        }),
        Limit::Mos(limit) => {
            codec.and_then(|codec| all.voice_from(fastest, codec, DelayModel::default())).map(|rating| {
                let mos = (rating.mos * 1e4) as u32;
                (Value::Mos(mos), Some(mos >= limit))
            })
        }
    };
    let verdict = match judged {
        None | Some((_, None)) => Verdict::NotProven,
        Some((_, Some(true))) => Verdict::Met,
        Some((_, Some(false))) => Verdict::Breached,
    };
    Outcome { value: judged.map(|(value, _)| value), verdict }
}

/// A measure of delay in nanoseconds, and whether it is at most `limit` microseconds, exactly; `None` for whether when
/// what is kept of the round-trip times cannot tell.
fn delay(measure: Measure, all: &ClassAggregate, fastest: Option<Micros>, limit: u64) -> Option<(Value, Option<bool>)> {
    let limit_nanos = u128::from(limit) * u128::from(NANOS_PER_MICRO);
    let mean = |sum_nanos: u128, of: u64| {
        (of > 0).then(|| {
            let value = u64::try_from(sum_nanos / u128::from(of)).unwrap_or(u64::MAX);
            (Value::Nanos(value), Some(sum_nanos <= limit_nanos * u128::from(of)))
        })
    };
    let nanos = |us: Micros| Value::Nanos(u64::from(us.0) * NANOS_PER_MICRO);
    // A percentile is known to lie in a bucket, and no answer was faster or slower than the extremes.
    let (least, most) = (all.rtt_min.unwrap_or(Micros(0)), all.rtt_max.unwrap_or(Micros(u32::MAX)));
    let within = |q: u64, population: u64, base: Micros| {
        let share = Share(q * 1_000_000);
        let (low, high) = all.sketch.quantile_within(share, population)?;
        let middle = all.sketch.quantile_of(share, population)?;
        let above = |us: Micros| Micros(us.0.clamp(least.0, most.0.max(least.0)).saturating_sub(base.0));
        let (low, high) = (u64::from(above(low).0), u64::from(above(high).0));
        let kept = if high <= limit { Some(true) } else { (low > limit).then_some(false) };
        Some((nanos(above(middle)), kept))
    };
    let percentile = |q: u64| {
        let population = all.timed.saturating_add(all.lost);
        (population > 0).then(|| within(q, population, Micros(0)).unwrap_or((Value::Beyond, Some(false))))
    };
    match measure {
        Measure::RttMean => mean(u128::from(all.rtt_sum_us) * u128::from(NANOS_PER_MICRO), all.timed),
        Measure::RttP50 => percentile(50),
        Measure::RttP95 => percentile(95),
        Measure::RttP99 => percentile(99),
        Measure::RttMax => all.rtt_max.map(|us| (nanos(us), Some(u64::from(us.0) <= limit))),
        Measure::Jitter => mean(u128::from(all.jitter_nanos), all.jitter_minutes),
        Measure::PdvP99 => within(99, all.sketch.count(), fastest?),
        // The configuration check gives these limits of their own kind.
        Measure::Loss | Measure::Mos => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ClassIx;
    use proptest::prelude::*;

    fn judge(measure: Measure, limit: Limit, all: &ClassAggregate) -> (String, Verdict) {
        let outcome = evaluate(&Objective { class: ClassIx(0), measure, limit }, all, Some(Codec::G711));
        (outcome.value.map_or_else(|| "-".into(), |v| v.to_string()), outcome.verdict)
    }

    fn of(rtts: &[u32], lost: u64) -> ClassAggregate {
        let mut all = ClassAggregate { lost, ..ClassAggregate::default() };
        rtts.iter().for_each(|&us| all.reply(Micros(us)));
        all
    }

    #[test]
    fn means_are_compared_exactly() {
        let all = of(&[10_000, 10_000, 10_001], 0);
        assert_eq!(judge(Measure::RttMean, Limit::Micros(10_000), &all), ("10.000 ms".into(), Verdict::Breached));
        assert_eq!(judge(Measure::RttMean, Limit::Micros(10_001), &all).1, Verdict::Met);
    }

    #[test]
    fn loss_is_lost_of_lost_and_received() {
        let all = of(&[1_000; 999], 1);
        assert_eq!(judge(Measure::Loss, Limit::Share(Share(100_000)), &all), ("0.1000%".into(), Verdict::Met));
        assert_eq!(judge(Measure::Loss, Limit::Share(Share(99_999)), &all).1, Verdict::Breached);
        let unmeasured = ClassAggregate { not_measured: 50, ..ClassAggregate::default() };
        assert_eq!(judge(Measure::Loss, Limit::Share(Share(0)), &unmeasured), ("-".into(), Verdict::NotProven));
    }

    #[test]
    fn percentiles_count_the_lost_as_slower_than_all() {
        assert_eq!(judge(Measure::RttP95, Limit::Micros(50), &of(&[40; 95], 5)), ("0.040 ms".into(), Verdict::Met));
        assert_eq!(judge(Measure::RttP95, Limit::Micros(50), &of(&[40; 94], 6)), ("lost".into(), Verdict::Breached));
        assert_eq!(judge(Measure::RttMax, Limit::Micros(50), &of(&[40, 51], 6)).1, Verdict::Breached);
    }

    #[test]
    fn a_percentile_is_judged_only_where_what_is_kept_can_tell() {
        // 60.3 ms stands in a bucket from 59.392 to 60.415 ms.
        let alike = of(&[60_300; 1_440], 0);
        assert_eq!(judge(Measure::RttP95, Limit::Micros(60_000), &alike), ("60.300 ms".into(), Verdict::Breached));
        assert_eq!(judge(Measure::RttP95, Limit::Micros(60_300), &alike).1, Verdict::Met);
        let spread: Vec<u32> = (0..1_440).map(|n| 60_000 + n).collect();
        let spread = of(&spread, 0);
        assert_eq!(judge(Measure::RttP95, Limit::Micros(61_500), &spread).1, Verdict::Met, "above the slowest");
        assert_eq!(judge(Measure::RttP95, Limit::Micros(61_360), &spread).1, Verdict::NotProven, "in the bucket");
        assert_eq!(judge(Measure::RttP95, Limit::Micros(60_415), &spread).1, Verdict::Breached, "below the bucket");
        assert_eq!(judge(Measure::PdvP99, Limit::Micros(1_439), &spread).1, Verdict::Met);
        assert_eq!(judge(Measure::PdvP99, Limit::Micros(1_420), &spread).1, Verdict::NotProven);
        assert_eq!(judge(Measure::PdvP99, Limit::Micros(400), &spread).1, Verdict::Breached);
    }

    #[test]
    fn delay_variation_is_measured_from_the_fastest() {
        let all = of(&[30, 35, 30, 38, 30, 30], 0);
        assert_eq!(judge(Measure::PdvP99, Limit::Micros(8), &all), ("0.008 ms".into(), Verdict::Met));
        assert_eq!(judge(Measure::PdvP99, Limit::Micros(7), &all).1, Verdict::Breached);
        assert_eq!(judge(Measure::PdvP99, Limit::Micros(7), &of(&[], 3)), ("-".into(), Verdict::NotProven));
    }

    #[test]
    fn jitter_is_the_mean_of_the_minutes() {
        let mut all = of(&[1_000], 0);
        assert_eq!(judge(Measure::Jitter, Limit::Micros(5_000), &all), ("-".into(), Verdict::NotProven));
        for ms in [2_u32, 8] {
            let mut minute = jitter::Jitter::default();
            (0..2).for_each(|n| minute.reply(Micros(n * ms * 16_000)));
            all.minute_jitter(&minute);
        }
        assert_eq!(judge(Measure::Jitter, Limit::Micros(5_000), &all), ("5.000 ms".into(), Verdict::Met));
        assert_eq!(judge(Measure::Jitter, Limit::Micros(4_999), &all).1, Verdict::Breached);
    }

    #[test]
    fn voice_quality_needs_at_least_the_limit() {
        // 20 ms round trip: 10 + 40 + 40 ms, Cole-Rosenbluth Id 2.16, R 91.04.
        let all = of(&[20_000; 100], 0);
        let (mos, verdict) = judge(Measure::Mos, Limit::Mos(40_000), &all);
        assert_eq!((&mos[..5], verdict), ("4.363", Verdict::Met));
        assert_eq!(judge(Measure::Mos, Limit::Mos(43_700), &all).1, Verdict::Breached);
        let silent = of(&[], 10);
        assert_eq!(judge(Measure::Mos, Limit::Mos(10_000), &silent).1, Verdict::NotProven);
    }

    proptest! {
        #[test]
        fn merging_parts_gives_the_whole(a in proptest::collection::vec(0_u32..1_000_000, 0..40), b in proptest::collection::vec(0_u32..1_000_000, 0..40)) {
            let (mut left, mut right) = (of(&a, 2), of(&b, 3));
            let old = left.clone();
            left.merge(&right);
            right.merge(&old);
            prop_assert_eq!(&left, &of(&[a, b].concat(), 5));
            prop_assert_eq!(left, right);
        }
    }
}
