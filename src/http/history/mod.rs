//! What the recent hours measured, minute by minute, for charts: read from the evidence, not from the daemon's memory.
//!
//! The functions here make points of what was read; [`client`] reads.

pub mod client;

use std::collections::BTreeMap;

use crate::config::Config;
use crate::measurement::minute::Row;
use crate::names::{ClassIx, ComponentIx};
use crate::sla::objective::ClassAggregate;
use crate::units::{Sec, Share, Span};
use crate::voice::DelayModel;

/// Charts show at most so many lines.
pub const MAX_LINES: usize = 8;
/// Charts show at most so many hours.
pub const MAX_HOURS: u32 = 24;
/// Hours that are shown when nobody says.
pub const HOURS: u32 = 3;

/// Whose measurements: components with the class that they were probed in.
pub type Lines = Vec<(ComponentIx, ClassIx)>;

/// Measurements over time.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// From the first step's begin to the last one's end.
    pub span: Span,
    /// Length of a step, seconds.
    pub step: i64,
    /// In the order asked for.
    pub lines: Vec<Line>,
    /// Lines that were asked for beside these.
    pub left_out: usize,
}

/// One component's measurements in one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which component.
    pub component: ComponentIx,
    /// In which class.
    pub class: ClassIx,
    /// One for each step.
    pub points: Vec<Point>,
}

/// What a step measured; `None` is not measured, which is never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Mean round-trip time, seconds.
    pub rtt_mean: Option<f64>,
    /// 95th percentile of the replies' round-trip times, seconds.
    pub rtt_p95: Option<f64>,
    /// Mean of the minutes' jitter (RFC 3550 §6.4.1), seconds.
    pub jitter: Option<f64>,
    /// Share of probes lost.
    pub loss: Option<f64>,
    /// Mean opinion score (ITU-T G.107), for classes with a codec.
    pub mos: Option<f64>,
}

/// A measure of a [`Point`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// See [`Point::rtt_mean`].
    RttMean,
    /// See [`Point::rtt_p95`].
    RttP95,
    /// See [`Point::jitter`].
    Jitter,
    /// See [`Point::loss`].
    Loss,
    /// See [`Point::mos`].
    Mos,
}

impl Of {
    /// Every measure with its key in the API.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::RttMean, "rtt_mean_seconds"),
        (Self::RttP95, "rtt_p95_seconds"),
        (Self::Jitter, "jitter_seconds"),
        (Self::Loss, "loss"),
        (Self::Mos, "mos"),
    ];
}

impl Line {
    /// One measure's values.
    #[must_use]
    pub fn values(&self, of: Of) -> Vec<Option<f64>> {
        let pick = |p: &Point| match of {
            Of::RttMean => p.rtt_mean,
            Of::RttP95 => p.rtt_p95,
            Of::Jitter => p.jitter,
            Of::Loss => p.loss,
            Of::Mos => p.mos,
        };
        self.points.iter().map(pick).collect()
    }
}

/// The steps of `hours` before `at`: minutes up to six hours, then five minutes, so that a line has at most 360 points.
#[must_use]
pub fn steps(at: Sec, hours: u32) -> (Span, i64) {
    let hours = hours.clamp(1, MAX_HOURS);
    let step = if hours > 6 { 300 } else { 60 };
    let to = Sec(at.0.div_euclid(step) * step);
    (Span::new(to.plus(-i64::from(hours) * 3_600), to), step)
}

/// Collects rows into steps.
#[derive(Debug)]
pub struct Collector {
    span: Span,
    step: i64,
    found: BTreeMap<(ComponentIx, ClassIx), Vec<ClassAggregate>>,
}

impl Collector {
    /// For these lines; rows of others are passed over.
    #[must_use]
    pub fn new((span, step): (Span, i64), lines: &[(ComponentIx, ClassIx)]) -> Self {
        let steps = usize::try_from(span.seconds() / step.unsigned_abs().max(1)).unwrap_or(0);
        let found = lines.iter().map(|line| (*line, vec![ClassAggregate::default(); steps])).collect();
        Self { span, step, found }
    }

    /// Adds what was measured in the time that begins at `start`.
    pub fn add(&mut self, start: Sec, rows: &[Row]) {
        let Ok(n) = usize::try_from(start.since(self.span.from).div_euclid(self.step)) else { return };
        for row in rows {
            let line = self.found.get_mut(&(row.component, row.class));
            if let Some(step) = line.and_then(|steps| steps.get_mut(n)) {
                step.merge(&ClassAggregate::from(&row.tally));
            }
        }
    }

    /// The points.
    #[must_use]
    pub fn done(self, config: &Config, lines: &[(ComponentIx, ClassIx)], left_out: usize) -> History {
        let line = |&(component, class): &(ComponentIx, ClassIx)| {
            let codec = config.classes.get(class.get()).and_then(|class| class.codec);
            let steps = self.found.get(&(component, class));
            Line { component, class, points: steps.into_iter().flatten().map(|a| point(a, codec)).collect() }
        };
        History { span: self.span, step: self.step, lines: lines.iter().map(line).collect(), left_out }
    }
}

fn point(a: &ClassAggregate, codec: Option<crate::config::model::Codec>) -> Point {
    let seconds = |us: f64| us / 1e6;
    let replies = (a.received > 0).then_some(a.received as f64);
    Point {
        rtt_mean: replies.map(|n| seconds(a.rtt_sum_us as f64 / n)),
        rtt_p95: a.sketch.quantile(Share(95_000_000)).map(|p| seconds(f64::from(p.0))),
        jitter: (a.jitter_minutes > 0).then(|| a.jitter_nanos as f64 / a.jitter_minutes as f64 / 1e9),
        loss: (a.population() > 0).then(|| a.lost as f64 / a.population() as f64),
        mos: codec.and_then(|codec| a.voice(codec, DelayModel::default())).map(|rating| rating.mos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::minute::MinuteAggregator;
    use crate::measurement::{Outcome, Round};
    use crate::units::Micros;

    #[test]
    fn steps_end_at_the_last_whole_one_and_are_never_many() {
        assert_eq!(steps(Sec(7_259), 1), (Span::new(Sec(3_600), Sec(7_200)), 60));
        assert_eq!(steps(Sec(100_000), 24).1, 300);
        for hours in 0..100 {
            let (span, step) = steps(Sec(1_795_336_890), hours);
            assert!(span.seconds() / step.unsigned_abs() <= 360 && span.seconds() > 0, "{hours}");
        }
    }

    #[test]
    fn what_was_not_measured_is_no_zero() {
        let mut minutes = MinuteAggregator::new();
        let (component, class) = (ComponentIx(0), ClassIx(0));
        for (at, outcome) in [(0, Outcome::Reply { rtt: Micros(10_000) }), (1, Outcome::Lost)] {
            let round = Round { at: Sec(at), component, outcomes: vec![(class, outcome)] };
            minutes.add(&round, 1).expect("in order");
        }
        let minute = minutes.take_all().remove(0);
        let mut collector = Collector::new((Span::new(Sec(0), Sec(120)), 60), &[(component, class)]);
        collector.add(minute.start, &minute.rows);
        collector.add(Sec(-60), &minute.rows);
        collector.add(Sec(120), &minute.rows);
        let points = collector.found.values().flatten().map(|a| point(a, None)).collect::<Vec<_>>();
        assert_eq!(points[0].rtt_mean, Some(0.01));
        assert_eq!(points[0].loss, Some(0.5));
        assert_eq!(points[0].mos, None);
        assert_eq!(points[1], Point::default());
    }
}
