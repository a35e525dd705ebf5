//! A component's verdicts over a month, in as few runs as they make.
//!
//! A lost round now and then changes no second of the accounts, and a month of rounds every second has thousands of
//! them: they are counted as strays of the run that they lie in, not listed one by one.

use std::collections::BTreeMap;

use crate::config::model::Hysteresis;
use crate::measurement::Verdict;
use crate::measurement::minute::Row;
use crate::measurement::rounds::{Rounds, Run, verdicts};
use crate::measurement::status::DatedBy;
use crate::report::journal::{Entry, RoundOutcome, Source};
use crate::units::{Sec, Span};

/// Runs of rounds in order of time.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    hysteresis: Hysteresis,
    runs: Vec<Stretch>,
}

/// Rounds at equal distances with one verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    first: i64,
    /// From round to round; the interval while there is one only.
    step: i64,
    interval: u32,
    count: u64,
    verdict: Verdict,
    dated_by: DatedBy,
    /// Of `count`: those that said the opposite, too few in a row to change anything.
    strays: u64,
}

impl Stretch {
    fn last(&self) -> i64 {
        self.first + self.step * i64::try_from(self.count - 1).unwrap_or(0)
    }
}

impl Merged {
    pub(super) fn new(hysteresis: Hysteresis) -> Self {
        Self { hysteresis, runs: Vec::new() }
    }

    /// So many rounds of one kind in a row decide the state, whatever came before.
    fn enough(&self) -> u64 {
        u64::from(self.hysteresis.down_after.max(self.hysteresis.up_after))
    }

    /// Takes one chunk's rows of one component, those of `source`; rounds outside of `span` are left out.
    pub(super) fn take(&mut self, rows: &[Row], source: Source, span: Span) {
        let mut clipped = Vec::new();
        // Few rounds are dated by anything but the regular poll.
        let mut dated: BTreeMap<Sec, DatedBy> = BTreeMap::new();
        for row in rows.iter().filter(|row| source_of(row) == source) {
            let rounds = row.tally.rounds.clip(span);
            match DatedBy::of_class(row.class) {
                Some(by @ (DatedBy::LastChange | DatedBy::Trap)) => {
                    dated.extend(rounds.outcomes().map(|(at, _)| (at, by)));
                }
                Some(DatedBy::Poll) | None => {}
            }
            clipped.push(rounds);
        }
        for run in verdicts(clipped.iter().collect::<Vec<&Rounds>>()) {
            let by = |at: Sec| dated.get(&at).copied().unwrap_or(DatedBy::Poll);
            if dated.is_empty() {
                self.push(run, DatedBy::Poll);
            } else {
                for n in 0..run.count {
                    let first = run.first.plus(i64::from(n) * i64::from(run.interval));
                    self.push(Run { first, count: 1, ..run }, by(first));
                }
            }
        }
    }

    /// Takes what comes later.
    pub(super) fn append(&mut self, later: Self) {
        later.runs.into_iter().for_each(|s| self.add(s));
    }

    /// When each run ended, and the interval of its rounds.
    pub(super) fn intervals(&self) -> impl Iterator<Item = (Sec, u64)> {
        self.runs.iter().map(|run| (Sec(run.last()), u64::from(run.interval)))
    }

    fn push(&mut self, run: Run<Verdict>, dated_by: DatedBy) {
        self.add(Stretch {
            dated_by,
            first: run.first.0,
            step: i64::from(run.interval),
            interval: run.interval,
            count: u64::from(run.count),
            verdict: run.fate,
            strays: 0,
        });
    }

    fn add(&mut self, next: Stretch) {
        if let Some(open) = self.runs.last_mut() {
            let gap = next.first - open.last();
            let alike = open.verdict == next.verdict
                && open.interval == next.interval
                && open.dated_by == next.dated_by
                && gap > 0;
            let open_fits = open.count == 1 || open.step == gap;
            let next_fits = next.count == 1 || next.step == gap;
            if alike && open_fits && next_fits {
                open.step = gap;
                open.count += next.count;
                open.strays += next.strays;
                self.absorb();
                return;
            }
        }
        self.runs.push(next);
        self.absorb();
    }

    /// Makes one of the last three runs when the middle one is too short to change the state that the first one
    /// decided, and the last one is of the first one's verdict again.
    fn absorb(&mut self) {
        let [.., before, stray, after] = self.runs.as_slice() else { return };
        let limit = match (before.verdict, stray.verdict) {
            (Verdict::Reply, Verdict::Lost) => self.hysteresis.down_after,
            (Verdict::Lost, Verdict::Reply) => self.hysteresis.up_after,
            _ => return,
        };
        let step = before.step;
        let even = |s: &Stretch| {
            s.interval == before.interval && s.dated_by == before.dated_by && (s.count == 1 || s.step == step)
        };
        let follow = stray.first - before.last() == step && after.first - stray.last() == step;
        let covered = 2 * step <= 3 * i64::from(before.interval);
        let decided = before.strays > 0 || (before.count > 1 && before.count >= self.enough());
        let fits = after.verdict == before.verdict && even(stray) && even(after) && follow && covered && decided;
        if fits && stray.count < u64::from(limit) {
            let whole = Stretch {
                count: before.count + stray.count + after.count,
                strays: before.strays + stray.count + after.strays,
                ..*before
            };
            self.runs.truncate(self.runs.len() - 3);
            self.runs.push(whole);
        }
    }

    /// Drops what no longer matters before the last stretch that decides the state by itself: enough equal verdicts, or
    /// rounds that were not measured. Of an outage the beginning matters too, so that everything from the last stretch
    /// stays that decided otherwise before it.
    pub(super) fn decide(&mut self) -> Decided {
        let enough = self.enough();
        let decides = |s: &Stretch| match s.verdict {
            Verdict::Reply | Verdict::Lost => s.count >= enough && 2 * s.step <= 3 * i64::from(s.interval),
            Verdict::NotMeasured(_) => true,
        };
        let Some(last) = self.runs.iter().rposition(decides) else { return Decided::No };
        let otherwise = |s: &Stretch| decides(s) && s.verdict != Verdict::Lost;
        let Some(first) = self.runs[..=last].iter().rposition(otherwise) else { return Decided::Down };
        self.runs.drain(..first);
        let first = &mut self.runs[0];
        if first.strays == 0 {
            // Of a long time that worked, its end is enough.
            let keep = enough + 1;
            if first.count > keep {
                first.first += first.step * i64::try_from(first.count - keep).unwrap_or(0);
                first.count = keep;
            }
        }
        Decided::Whole
    }
}

/// What the rounds before a month say of its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decided {
    /// Nothing.
    No,
    /// The component is down; when it went down lies further back.
    Down,
    /// The state, and since when if it is down.
    Whole,
}

/// Whether a row has rounds of probes or statements about an interface.
pub(super) fn source_of(row: &Row) -> Source {
    if DatedBy::of_class(row.class).is_some() { Source::Interface } else { Source::Ping }
}

/// As journal entries.
pub(super) fn entries(component: &str, source: Source, merged: &Merged) -> impl Iterator<Item = Entry> {
    merged.runs.iter().map(move |s| {
        let (outcome, cause) = match s.verdict {
            Verdict::Reply => (RoundOutcome::Reply, None),
            Verdict::Lost => (RoundOutcome::Lost, None),
            Verdict::NotMeasured(cause) => (RoundOutcome::NotMeasured, Some(cause.name().to_owned())),
        };
        Entry::Rounds {
            component: component.to_owned(),
            source,
            from: s.first,
            step: u64::try_from(s.step).unwrap_or(1),
            interval: u64::from(s.interval),
            count: s.count,
            outcome,
            cause,
            dated_by: (s.dated_by != DatedBy::Poll).then(|| s.dated_by.name().to_owned()),
            strays: s.strays,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::measurement::Cause;
    use crate::sla::state::{Machine, Segment};
    use crate::units::Sec;

    fn stretch(first: i64, step: i64, count: u64, verdict: Verdict) -> Stretch {
        Stretch { first, step, interval: 60, count, verdict, dated_by: DatedBy::Poll, strays: 0 }
    }

    fn merged(stretches: &[Stretch]) -> Merged {
        let mut merged = Merged::new(Hysteresis { down_after: 3, up_after: 2 });
        stretches.iter().for_each(|s| merged.add(*s));
        merged
    }

    #[test]
    fn hours_of_replies_are_one_run() {
        let m = merged(&[stretch(0, 60, 60, Verdict::Reply), stretch(3600, 60, 60, Verdict::Reply)]);
        assert_eq!(m.runs, [stretch(0, 60, 120, Verdict::Reply)]);
    }

    #[test]
    fn rounds_at_another_distance_than_the_interval_are_still_one_run() {
        let single: Vec<Stretch> = (0..10).map(|n| stretch(n * 61, 60, 1, Verdict::Reply)).collect();
        assert_eq!(merged(&single).runs, [stretch(0, 61, 10, Verdict::Reply)]);
    }

    #[test]
    fn what_lies_before_a_decision_does_not_matter() {
        let mut m = merged(&[
            stretch(0, 60, 100, Verdict::Lost),
            stretch(6000, 60, 50, Verdict::Reply),
            stretch(9000, 60, 1, Verdict::Lost),
        ]);
        assert_eq!(m.decide(), Decided::Whole);
        assert_eq!(m.runs, [stretch(6000 + 46 * 60, 60, 4, Verdict::Reply), stretch(9000, 60, 1, Verdict::Lost)]);
        let mut undecided = merged(&[stretch(0, 60, 1, Verdict::Reply), stretch(60, 60, 2, Verdict::Lost)]);
        assert_eq!(undecided.decide(), Decided::No);
    }

    #[test]
    fn an_outage_is_followed_to_its_beginning_past_an_answer_that_ended_nothing() {
        let outage = [
            stretch(6000, 60, 50, Verdict::Lost),
            stretch(9010, 60, 1, Verdict::Reply),
            stretch(9060, 60, 50, Verdict::Lost),
        ];
        let mut m = merged(&[&[stretch(0, 60, 100, Verdict::Reply)], &outage[..]].concat());
        assert_eq!(m.decide(), Decided::Whole);
        assert_eq!(m.runs, [&[stretch(96 * 60, 60, 4, Verdict::Reply)], &outage[..]].concat());
        assert_eq!(merged(&outage).decide(), Decided::Down, "it may have begun before what was read");
    }

    #[test]
    fn too_few_lost_rounds_between_replies_are_strays_and_enough_are_not() {
        let three = |lost: u64| {
            merged(&[
                stretch(0, 60, 10, Verdict::Reply),
                stretch(600, 60, lost, Verdict::Lost),
                stretch(600 + i64::try_from(lost).unwrap() * 60, 60, 5, Verdict::Reply),
            ])
            .runs
        };
        assert_eq!(three(2), [Stretch { strays: 2, ..stretch(0, 60, 17, Verdict::Reply) }]);
        assert_eq!(three(3).len(), 3, "three in a row are an outage");
        // Undecided before, a gap, or rounds that were not measured: every run stays.
        let few = [
            stretch(0, 60, 2, Verdict::Reply),
            stretch(120, 60, 1, Verdict::Lost),
            stretch(180, 60, 9, Verdict::Reply),
        ];
        assert_eq!(merged(&few).runs, few);
        let late = [
            stretch(0, 60, 9, Verdict::Reply),
            stretch(540, 60, 1, Verdict::Lost),
            stretch(660, 60, 9, Verdict::Reply),
        ];
        assert_eq!(merged(&late).runs, late);
        let blind = [
            stretch(0, 60, 9, Verdict::Reply),
            stretch(540, 60, 1, Verdict::NotMeasured(Cause::Isolated)),
            stretch(600, 60, 9, Verdict::Reply),
        ];
        assert_eq!(merged(&blind).runs, blind);
    }

    proptest! {
        #[test]
        fn strays_change_no_second(
            rounds in "[RLN.]{1,200}|(R{8}|RL|L{4}|LLR|N|[.])*", down_after in 1_u32..5, up_after in 1_u32..4, interval in 1_u32..4
        ) {
            let hysteresis = Hysteresis { down_after, up_after };
            let step = i64::from(interval);
            let states = |runs: &[Stretch]| {
                let wait = Duration::from_secs(u64::from(interval));
                let mut machine = Machine::new(Sec(0), Cause::Stopped, wait, hysteresis);
                let mut out: Vec<Segment> = Vec::new();
                for s in runs {
                    let mut part = Vec::new();
                    machine.run(Sec(s.first), s.step, s.count, s.verdict, &mut part);
                    part.into_iter().for_each(|p| p.push_to(&mut out));
                }
                let mut part = Vec::new();
                machine.finish(Sec(step * 2_000), &mut part);
                part.into_iter().for_each(|p| p.push_to(&mut out));
                out
            };
            let mut singles = Vec::new();
            for (n, letter) in (0..).zip(rounds.chars()) {
                let verdict = match letter {
                    'R' => Verdict::Reply,
                    'L' => Verdict::Lost,
                    'N' => Verdict::NotMeasured(Cause::Isolated),
                    _ => continue,
                };
                singles.push(Stretch { first: n * step, step, interval, count: 1, verdict, dated_by: DatedBy::Poll, strays: 0 });
            }
            let mut merged = Merged::new(hysteresis);
            singles.iter().for_each(|s| merged.add(*s));
            prop_assert_eq!(states(&singles), states(&merged.runs));
            let count: u64 = merged.runs.iter().map(|s| s.count).sum();
            prop_assert_eq!(count, singles.len() as u64);
        }
    }
}
