//! A component's verdicts over a month, in as few runs as they make.

use std::collections::BTreeMap;

use crate::measurement::Verdict;
use crate::measurement::minute::Row;
use crate::measurement::rounds::{Rounds, Run, verdicts};
use crate::measurement::status::DatedBy;
use crate::report::journal::{Entry, RoundOutcome, Source};
use crate::units::{Sec, Span};

/// Runs of rounds in order of time.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
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
}

impl Stretch {
    fn last(&self) -> i64 {
        self.first + self.step * i64::try_from(self.count - 1).unwrap_or(0)
    }

    /// Whether it is the same loss that `before` was, with nothing unknown in between.
    fn goes_on_from(&self, before: &Self) -> bool {
        let lost = self.verdict == Verdict::Lost && before.verdict == Verdict::Lost;
        lost && 2 * (self.first - before.last()) <= 3 * i64::from(before.interval)
    }
}

impl Merged {
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

    fn push(&mut self, run: Run<Verdict>, dated_by: DatedBy) {
        self.add(Stretch {
            dated_by,
            first: run.first.0,
            step: i64::from(run.interval),
            interval: run.interval,
            count: u64::from(run.count),
            verdict: run.fate,
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
                return;
            }
        }
        self.runs.push(next);
    }

    /// Drops what no longer matters before the last stretch that decides the state by itself: `enough`
    /// equal verdicts, or rounds that were not measured. False when there is none.
    pub(super) fn decide(&mut self, enough: u32) -> bool {
        let decides = |s: &Stretch| match s.verdict {
            Verdict::Reply | Verdict::Lost => s.count >= u64::from(enough) && 2 * s.step <= 3 * i64::from(s.interval),
            Verdict::NotMeasured(_) => true,
        };
        let Some(mut n) = self.runs.iter().rposition(decides) else { return false };
        // An outage that is dated by several hands is one outage.
        while n > 0 && self.runs[n].goes_on_from(&self.runs[n - 1]) {
            n -= 1;
        }
        self.runs.drain(..n);
        let first = &mut self.runs[0];
        if first.verdict != Verdict::Lost {
            // Of a long time that worked, its end is enough; of an outage, the beginning counts too.
            let keep = u64::from(enough) + 1;
            if first.count > keep {
                first.first += first.step * i64::try_from(first.count - keep).unwrap_or(0);
                first.count = keep;
            }
        }
        true
    }
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
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(first: i64, step: i64, count: u64, verdict: Verdict) -> Stretch {
        Stretch { first, step, interval: 60, count, verdict, dated_by: DatedBy::Poll }
    }

    fn merged(stretches: &[Stretch]) -> Merged {
        let mut merged = Merged::default();
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
        assert!(m.decide(3));
        assert_eq!(m.runs, [stretch(6000 + 46 * 60, 60, 4, Verdict::Reply), stretch(9000, 60, 1, Verdict::Lost)]);
        let mut undecided = merged(&[stretch(0, 60, 1, Verdict::Reply), stretch(60, 60, 2, Verdict::Lost)]);
        assert!(!undecided.decide(3));
    }
}
