//! What every component's rounds said this month and last, in memory, so that a reload can replay them.
//!
//! Rounds at their regular interval with the same verdict take one entry, however many they are.

use std::collections::BTreeMap;

use crate::measurement::{Cause, Verdict};
use crate::names::Id;
use crate::sla::fold::Source;
use crate::units::Sec;

/// Entries kept per component and source; a component that changes its verdict more often than this in two
/// months loses the oldest, which a replay then takes as unknown.
const RUNS: usize = 20_000;

/// Rounds in a row, `interval` seconds apart, with one verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: Sec,
    /// Seconds from one to the next.
    pub interval: i64,
    /// How many, at least 1.
    pub count: i64,
    /// What each said.
    pub verdict: Verdict,
}

impl Run {
    /// The last of them.
    #[must_use]
    pub fn last(&self) -> Sec {
        self.first.plus(self.interval * (self.count - 1))
    }

    /// Each of them.
    pub fn rounds(self) -> impl Iterator<Item = Sec> {
        (0..self.count).map(move |n| self.first.plus(self.interval * n))
    }
}

/// The rounds of all components, by identifier: indices change with a reload.
#[derive(Debug, Clone, Default)]
pub struct History {
    runs: BTreeMap<(Id, Source), Vec<Run>>,
    forgotten: u64,
}

impl History {
    /// Adds rounds that follow those already there; a run of one that continues the last one grows it.
    pub fn push(&mut self, component: &Id, source: Source, run: Run) {
        let runs = match self.runs.get_mut(&(component.clone(), source)) {
            Some(runs) => runs,
            None => self.runs.entry((component.clone(), source)).or_default(),
        };
        match runs.last_mut() {
            Some(last)
                if last.verdict == run.verdict
                    && last.interval == run.interval
                    && last.last().plus(last.interval) == run.first =>
            {
                last.count += run.count;
            }
            Some(last) if run.first <= last.last() => {} // time that is accounted for already
            _ => runs.push(run),
        }
        if runs.len() > RUNS {
            let half = RUNS / 2;
            runs.drain(..half);
            self.forgotten += half as u64;
        }
    }

    /// A component's rounds, in order.
    pub fn of(&self, component: &Id, source: Source) -> &[Run] {
        self.runs.get(&(component.clone(), source)).map_or(&[], Vec::as_slice)
    }

    /// The first round of all.
    #[must_use]
    pub fn start(&self) -> Option<Sec> {
        self.runs.values().filter_map(|r| r.first()).map(|r| r.first).min()
    }

    /// Forgets rounds that ended before `instant`, and components that have none left.
    pub fn prune(&mut self, instant: Sec) {
        self.runs.retain(|_, runs| {
            runs.retain(|r| r.last() >= instant);
            !runs.is_empty()
        });
    }

    /// Entries that had no room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// A run of one round.
#[must_use]
pub fn single(at: Sec, interval: i64, verdict: Verdict) -> Run {
    // What a gap was called does not matter here; what was not measured keeps its cause.
    let verdict = if verdict == Verdict::NotMeasured(Cause::Gap) { Verdict::NotMeasured(Cause::Skipped) } else { verdict };
    Run { first: at, interval, count: 1, verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> Id {
        Id::new("ch-r1").expect("an identifier")
    }

    #[test]
    fn regular_rounds_of_one_verdict_take_one_entry() {
        let mut h = History::default();
        (0..1000).for_each(|n| h.push(&id(), Source::Address, single(Sec(n), 1, Verdict::Reply)));
        h.push(&id(), Source::Address, single(Sec(1000), 1, Verdict::Lost));
        h.push(&id(), Source::Address, single(Sec(1000), 1, Verdict::Reply));
        let runs = h.of(&id(), Source::Address);
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].count, runs[1].count), (1000, 1));
        assert_eq!(runs[0].rounds().last(), Some(Sec(999)));
        assert_eq!(h.start(), Some(Sec(0)));
    }

    #[test]
    fn a_restless_component_is_bounded() {
        let mut h = History::default();
        for n in 0..100_000 {
            let verdict = if n % 2 == 0 { Verdict::Reply } else { Verdict::Lost };
            h.push(&id(), Source::Address, single(Sec(n), 1, verdict));
        }
        assert!(h.of(&id(), Source::Address).len() <= RUNS);
        assert!(h.forgotten() > 0);
        h.prune(Sec(200_000));
        assert_eq!(h.start(), None);
    }
}
