//! Rounds gathered into runs.

use super::{Entry, RoundOutcome, Source};

/// Gathers one component's rounds of one source into maximal runs: equally spaced, same interval, same verdict.
///
/// A month of replies every second is one record.
#[derive(Debug, Clone)]
pub struct Runs {
    component: String,
    source: Source,
    open: Option<Run>,
}

#[derive(Debug, Clone)]
struct Run {
    from: i64,
    last: i64,
    step: Option<i64>,
    interval: u64,
    count: u64,
    outcome: RoundOutcome,
    cause: Option<String>,
}

impl Runs {
    /// For one component and source.
    #[must_use]
    pub fn new(component: &str, source: Source) -> Self {
        Self { component: component.to_owned(), source, open: None }
    }

    /// Takes the next round, later than the one before; gives the run that it ended, if it did.
    pub fn push(&mut self, at: i64, interval: u64, outcome: RoundOutcome, cause: Option<&str>) -> Option<Entry> {
        if let Some(run) = &mut self.open {
            let gap = at - run.last;
            let same = run.outcome == outcome && run.cause.as_deref() == cause && run.interval == interval;
            if same && gap > 0 && run.step.is_none_or(|step| step == gap) {
                (run.step, run.last, run.count) = (Some(gap), at, run.count + 1);
                return None;
            }
        }
        let ended = self.finish();
        let cause = cause.map(str::to_owned);
        self.open = Some(Run { from: at, last: at, step: None, interval, count: 1, outcome, cause });
        ended
    }

    /// Gives the run that is still open.
    pub fn finish(&mut self) -> Option<Entry> {
        let run = self.open.take()?;
        Some(Entry::Rounds {
            component: self.component.clone(),
            source: self.source,
            from: run.from,
            step: run.step.map_or(run.interval, i64::unsigned_abs),
            interval: run.interval,
            count: run.count,
            outcome: run.outcome,
            cause: run.cause,
            dated_by: None,
            strays: 0,
        })
    }
}
