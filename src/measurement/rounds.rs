//! When a component was probed and what became of each round, without the individual round-trip times.
//!
//! Rounds at their regular interval that fared the same take one step, however many
//! they are: an hour of replies costs as much as one. The form is canonical: the same rounds give
//! the same value whether they came one by one, minute by minute or in any other portions.

use super::{Cause, Outcome, Verdict};
use crate::units::{Micros, Sec, Span};

/// An [`Outcome`] without its round-trip time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Came back in time.
    Reply,
    /// Nothing came back in time.
    Lost,
    /// Lost, and somebody on the way said that it cannot get there.
    Refused,
    /// We cannot say.
    NotMeasured(Cause),
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Reply { .. } => Self::Reply,
            Outcome::Lost => Self::Lost,
            Outcome::Refused => Self::Refused,
            Outcome::NotMeasured(cause) => Self::NotMeasured(cause),
        }
    }
}

impl Fate {
    /// As an outcome whose round-trip time is 0, for whoever asks only about reachability.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Reply => Outcome::Reply { rtt: Micros(0) },
            Self::Lost => Outcome::Lost,
            Self::Refused => Outcome::Refused,
            Self::NotMeasured(cause) => Outcome::NotMeasured(cause),
        }
    }

    /// Its name in the journal: `reply`, `lost`, `refused` or the cause's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::NotMeasured(cause) => cause.name(),
        }
    }

    /// The fate with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "reply" => Some(Self::Reply),
            "lost" => Some(Self::Lost),
            "refused" => Some(Self::Refused),
            _ => Cause::parse(name).map(Self::NotMeasured),
        }
    }

    /// Its number in stored blobs; never reused.
    #[must_use]
    pub fn code(self) -> u64 {
        match self {
            Self::Reply => 0,
            Self::Lost => 1,
            Self::Refused => 2,
            Self::NotMeasured(cause) => match cause {
                Cause::Stopped => 3,
                Cause::Skipped => 4,
                Cause::ClockStep => 5,
                Cause::Isolated => 6,
                Cause::NoRoute => 7,
                Cause::SocketDrop => 8,
                Cause::SendFailed => 9,
                Cause::Unresolved => 10,
                Cause::AgentSilent => 11,
                Cause::AuthFailure => 12,
                Cause::Imported => 13,
                Cause::Gap => 14,
                Cause::Undecided => 15,
                Cause::SwitchedOff => 16,
                Cause::Flapped => 17,
                Cause::NotTold => 18,
                Cause::NoInterface => 19,
            },
        }
    }

    /// The fate with this number; an unknown one is a gap, as nobody can say more of it.
    #[must_use]
    pub fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Reply,
            1 => Self::Lost,
            2 => Self::Refused,
            _ => {
                let mut causes = Cause::NAMES.iter().map(|&(_, cause)| Self::NotMeasured(cause));
                causes.find(|fate| fate.code() == code).unwrap_or(Self::NotMeasured(Cause::Gap))
            }
        }
    }
}

/// Rounds in a row at their regular interval, all of one fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<F = Fate> {
    /// The first round.
    pub first: Sec,
    /// The interval in force, seconds; also the distance of neighbours in the run.
    pub interval: u32,
    /// How many rounds, at least 1.
    pub count: u32,
    /// What became of each.
    pub fate: F,
}

impl<F> Run<F> {
    /// The last round.
    #[must_use]
    pub fn last(&self) -> Sec {
        self.first.plus(i64::from(self.interval) * (i64::from(self.count) - 1))
    }
}

/// Rounds in a row at their regular interval, whatever became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The first round.
    pub first: Sec,
    /// The interval in force, seconds, at least 1; also the distance of neighbours.
    pub interval: u32,
    /// How many, at least 1.
    pub count: u32,
}

impl Segment {
    fn next(&self) -> Sec {
        self.first.plus(i64::from(self.interval) * i64::from(self.count))
    }

    fn last(&self) -> Sec {
        self.next().plus(-i64::from(self.interval))
    }
}

/// Rounds in a row that were not answered, by their position among all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Position of the first of them.
    pub index: u32,
    /// How many, at least 1.
    pub count: u32,
    /// What became of them; never [`Fate::Reply`].
    pub fate: Fate,
}

/// A component's rounds of one class over some time, in time order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rounds {
    segments: Vec<Segment>,
    stretches: Vec<Stretch>,
    count: u32,
}

/// A run that does not come after what is there already, or that has no length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the round at {at} does not come after the one before it")]
pub struct OutOfOrder {
    /// The offending round.
    pub at: Sec,
}

impl Rounds {
    /// Adds one round after all others. `interval` (seconds) is the one in force.
    pub fn push(&mut self, at: Sec, interval: u32, fate: Fate) -> Result<(), OutOfOrder> {
        self.push_run(Run { first: at, interval, count: 1, fate })
    }

    /// Adds a run after all others.
    pub fn push_run(&mut self, run: Run) -> Result<(), OutOfOrder> {
        let refused = OutOfOrder { at: run.first };
        if run.interval == 0 || run.count == 0 || self.last().is_some_and(|last| run.first <= last) {
            return Err(refused);
        }
        let count = self.count.checked_add(run.count).ok_or(refused)?;
        match self.segments.last_mut() {
            Some(s) if s.interval == run.interval && s.next() == run.first => s.count += run.count,
            _ => self.segments.push(Segment { first: run.first, interval: run.interval, count: run.count }),
        }
        if run.fate != Fate::Reply {
            match self.stretches.last_mut() {
                Some(s) if s.fate == run.fate && s.index + s.count == self.count => s.count += run.count,
                _ => self.stretches.push(Stretch { index: self.count, count: run.count, fate: run.fate }),
            }
        }
        self.count = count;
        Ok(())
    }

    /// From parts that were stored; `None` unless they are in the very form that [`Self::push_run`] makes.
    #[must_use]
    pub fn from_parts(segments: Vec<Segment>, stretches: Vec<Stretch>) -> Option<Self> {
        let mut count = 0_u32;
        let mut before: Option<Segment> = None;
        for s in &segments {
            count = count.checked_add(s.count)?;
            let seconds = i64::from(s.interval).checked_mul(i64::from(s.count))?;
            s.first.0.checked_add(seconds)?;
            let follows =
                before.is_none_or(|b| s.first > b.last() && !(b.interval == s.interval && b.next() == s.first));
            if s.count == 0 || s.interval == 0 || !follows {
                return None;
            }
            before = Some(*s);
        }
        let mut end: Option<(u32, Fate)> = None;
        for s in &stretches {
            let follows = end.is_none_or(|(end, fate)| s.index > end || (s.index == end && s.fate != fate));
            let last = s.index.checked_add(s.count)?;
            if s.count == 0 || s.fate == Fate::Reply || !follows || last > count {
                return None;
            }
            end = Some((last, s.fate));
        }
        Some(Self { segments, stretches, count })
    }

    /// How many rounds.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many were answered.
    #[must_use]
    pub fn replies(&self) -> u32 {
        self.count - self.stretches.iter().map(|s| s.count).sum::<u32>()
    }

    /// How many were lost or refused.
    #[must_use]
    pub fn lost(&self) -> u32 {
        let lost = self.stretches.iter().filter(|s| matches!(s.fate, Fate::Lost | Fate::Refused));
        lost.map(|s| s.count).sum()
    }

    /// How many were not measured.
    #[must_use]
    pub fn not_measured(&self) -> u32 {
        self.count - self.replies() - self.lost()
    }

    /// The first round.
    #[must_use]
    pub fn first(&self) -> Option<Sec> {
        self.segments.first().map(|s| s.first)
    }

    /// The last round.
    #[must_use]
    pub fn last(&self) -> Option<Sec> {
        self.segments.last().map(Segment::last)
    }

    /// When rounds were.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Those that were not answered.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Everything in time order, in as few steps as can be.
    #[must_use]
    pub fn runs(&self) -> Runs<'_> {
        Runs { rounds: self, segment: 0, within: 0, index: 0, stretch: 0 }
    }

    /// Round by round, in time order.
    pub fn outcomes(&self) -> impl Iterator<Item = (Sec, Fate)> + '_ {
        self.runs().flat_map(|run| {
            (0..i64::from(run.count)).map(move |n| (run.first.plus(n * i64::from(run.interval)), run.fate))
        })
    }

    /// The rounds inside `span`.
    #[must_use]
    pub fn clip(&self, span: Span) -> Self {
        let mut kept = Self::default();
        for mut run in self.runs() {
            let step = i64::from(run.interval);
            let skip = (span.from.since(run.first) + step - 1).div_euclid(step).max(0);
            let upto = (span.to.since(run.first) + step - 1).div_euclid(step).clamp(0, i64::from(run.count));
            let left = u32::try_from(upto - skip).unwrap_or(0);
            if left > 0 {
                run = Run { first: run.first.plus(skip * step), count: left, ..run };
                kept.push_run(run).expect("part of rounds in order is in order");
            }
        }
        kept
    }

    /// Takes in the rounds of `other`. Where both have a round at the same second, this one's stands.
    pub fn merge(&mut self, other: &Self) {
        let (Some(last), Some(first)) = (self.last(), other.first()) else {
            if self.count == 0 {
                self.clone_from(other);
            }
            return;
        };
        if last < first {
            for run in other.runs() {
                // A row beyond u32::MAX rounds would be 136 years of seconds.
                let _ = self.push_run(run);
            }
            return;
        }
        let mut all: Vec<(Sec, bool, u32, Fate)> = Vec::new();
        for (theirs, rounds) in [(false, &*self), (true, other)] {
            for run in rounds.runs() {
                let at = |n: u32| run.first.plus(i64::from(n) * i64::from(run.interval));
                all.extend((0..run.count).map(|n| (at(n), theirs, run.interval, run.fate)));
            }
        }
        all.sort_unstable_by_key(|&(at, theirs, ..)| (at, theirs));
        all.dedup_by_key(|&mut (at, ..)| at);
        let mut merged = Self::default();
        for (at, _, interval, fate) in all {
            merged.push(at, interval, fate).expect("sorted and without doubles");
        }
        *self = merged;
    }
}

/// Iterator over the runs of [`Rounds`].
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    rounds: &'a Rounds,
    segment: usize,
    within: u32,
    index: u32,
    stretch: usize,
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let segment = self.rounds.segments.get(self.segment)?;
        let (mut count, mut fate) = (segment.count - self.within, Fate::Reply);
        if let Some(stretch) = self.rounds.stretches.get(self.stretch) {
            if stretch.index > self.index {
                count = count.min(stretch.index - self.index);
            } else {
                let end = stretch.index + stretch.count;
                count = count.min(end - self.index);
                fate = stretch.fate;
                if self.index + count == end {
                    self.stretch += 1;
                }
            }
        }
        let first = segment.first.plus(i64::from(segment.interval) * i64::from(self.within));
        self.index += count;
        self.within += count;
        if self.within == segment.count {
            self.segment += 1;
            self.within = 0;
        }
        Some(Run { first, interval: segment.interval, count, fate })
    }
}

/// The verdicts on one component from the rounds of all its classes, in time order, in few steps.
///
/// Classes probed at the same second make one round ([`Verdict::of`]).
pub fn verdicts<'a>(classes: impl IntoIterator<Item = &'a Rounds>) -> impl Iterator<Item = Run<Verdict>> {
    let mut sources: Vec<(Runs<'a>, Option<Run>)> = Vec::new();
    for rounds in classes {
        let mut runs = rounds.runs();
        let head = runs.next();
        sources.push((runs, head));
    }
    std::iter::from_fn(move || {
        let first = sources.iter().filter_map(|(_, head)| head.map(|h| h.first)).min()?;
        let lead = sources.iter().filter_map(|(_, head)| *head).find(|h| h.first == first)?;
        let step = i64::from(lead.interval);
        let mut count = lead.count;
        for run in sources.iter().filter_map(|(_, head)| *head) {
            if run.first > first {
                let before = (run.first.since(first) + step - 1) / step;
                count = count.min(u32::try_from(before).unwrap_or(u32::MAX));
            } else if run.interval == lead.interval {
                count = count.min(run.count);
            } else {
                count = 1;
            }
        }
        let at_once = sources.iter().filter_map(|(_, head)| *head).filter(|h| h.first == first);
        let verdict = Verdict::of(at_once.map(|h| h.fate.outcome()));
        for (runs, head) in &mut sources {
            if let Some(run) = head.as_mut().filter(|h| h.first == first) {
                if run.count == count {
                    *head = runs.next();
                } else {
                    run.first = run.first.plus(i64::from(run.interval) * i64::from(count));
                    run.count -= count;
                }
            }
        }
        Some(Run { first, interval: lead.interval, count, fate: verdict })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            4 => Just(Fate::Reply),
            2 => Just(Fate::Lost),
            1 => Just(Fate::Refused),
            1 => Just(Fate::NotMeasured(Cause::Skipped)),
        ]
    }

    fn history() -> impl Strategy<Value = Vec<(Sec, u32, Fate)>> {
        prop::collection::vec(
            (prop_oneof![5 => Just(1_i64), 1 => 1..7_i64], prop_oneof![6 => Just(1_u32), 1 => 1..4_u32], fate()),
            0..200,
        )
        .prop_map(|steps| {
            let mut at = 1_000;
            steps
                .into_iter()
                .map(|(gap, interval, fate)| {
                    at += gap;
                    (Sec(at), interval, fate)
                })
                .collect()
        })
    }

    fn rounds(history: &[(Sec, u32, Fate)]) -> Rounds {
        let mut rounds = Rounds::default();
        for &(at, interval, fate) in history {
            rounds.push(at, interval, fate).expect("in order");
        }
        rounds
    }

    proptest! {
        #[test]
        fn every_round_comes_back_with_its_second_and_fate(history in history()) {
            let kept: Vec<_> = rounds(&history).outcomes().collect();
            let expected: Vec<_> = history.iter().map(|&(at, _, fate)| (at, fate)).collect();
            prop_assert_eq!(kept, expected);
        }

        #[test]
        fn a_prefix_and_the_rest_make_the_whole(history in history(), cut in 0..200_usize) {
            let (head, tail) = history.split_at(cut.min(history.len()));
            let mut merged = rounds(head);
            merged.merge(&rounds(tail));
            prop_assert_eq!(&merged, &rounds(&history));
            let mut swapped = rounds(tail);
            swapped.merge(&rounds(head));
            prop_assert_eq!(swapped, merged);
        }

        #[test]
        fn interleaved_parts_make_the_whole(history in history()) {
            let part = |odd: usize| {
                let chosen = history.iter().enumerate().filter(|(n, _)| n / 3 % 2 == odd);
                rounds(&chosen.map(|(_, r)| *r).collect::<Vec<_>>())
            };
            let mut merged = part(0);
            merged.merge(&part(1));
            prop_assert_eq!(merged, rounds(&history));
        }

        #[test]
        fn clipping_keeps_exactly_the_rounds_inside(history in history(), from in 990..1_200_i64, length in 0..300_i64) {
            let span = Span::new(Sec(from), Sec(from + length));
            let inside: Vec<_> = history.iter().copied().filter(|(at, ..)| span.contains(*at)).collect();
            prop_assert_eq!(rounds(&history).clip(span), rounds(&inside));
        }

        #[test]
        fn verdicts_in_runs_equal_verdicts_round_by_round(a in history(), b in history()) {
            let mut by_second: std::collections::BTreeMap<Sec, Vec<Outcome>> = std::collections::BTreeMap::new();
            for &(at, _, fate) in a.iter().chain(&b) {
                by_second.entry(at).or_default().push(fate.outcome());
            }
            let expected: Vec<_> = by_second.into_iter().map(|(at, all)| (at, Verdict::of(all))).collect();
            let (a, b) = (rounds(&a), rounds(&b));
            let found: Vec<_> = verdicts([&a, &b])
                .flat_map(|run| (0..i64::from(run.count)).map(move |n| (run.first.plus(n * i64::from(run.interval)), run.fate)))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_hour_of_replies_is_one_step() {
        let mut rounds = Rounds::default();
        for at in 0..3_600 {
            rounds.push(Sec(at), 1, Fate::Reply).expect("in order");
        }
        assert_eq!(rounds.runs().count(), 1);
        assert_eq!((rounds.segments().len(), rounds.stretches().len()), (1, 0));
    }

    #[test]
    fn a_second_round_at_the_same_second_is_refused() {
        let mut rounds = Rounds::default();
        rounds.push(Sec(5), 1, Fate::Reply).expect("first");
        assert_eq!(rounds.push(Sec(5), 1, Fate::Lost), Err(OutOfOrder { at: Sec(5) }));
    }

    #[test]
    fn fates_keep_their_code_and_name() {
        let causes = Cause::NAMES.iter().map(|&(_, c)| Fate::NotMeasured(c));
        for fate in [Fate::Reply, Fate::Lost, Fate::Refused].into_iter().chain(causes) {
            assert_eq!(Fate::from_code(fate.code()), fate);
            assert_eq!(Fate::parse(fate.name()), Some(fate));
        }
    }
}
