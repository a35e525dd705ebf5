//! From a component's rounds to the state of every second of its history.
//!
//! ```text
//!                    reply                        down_after lost
//!   ┌──────────────────────────────► UP ────────────────────────────┐
//!   │                                 ▲                             ▼
//! UNDECIDED                           └──────────────────────────  DOWN
//!   │        down_after lost                up_after replies        ▲
//!   └───────────────────────────────────────────────────────────────┘
//! UP and DOWN go back to UNDECIDED with any second that no round covers
//! and with every round that was not measured.
//! ```
//!
//! Both changes take effect at the *first* of the rounds that prove them, so a segment is
//! settled only when no later round can change it. Rules 1 to 4 of `docs/accounting.md`.

use std::time::Duration;

use crate::config::model::Hysteresis;
use crate::measurement::{Cause, Verdict};
use crate::units::{Sec, Span};

/// What a second is put down as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It worked.
    Up,
    /// It did not.
    Down,
    /// Nobody can say, and why not.
    Unknown(Cause),
}

impl State {
    /// Whether both are the same state; the causes of unknown time may differ.
    #[must_use]
    pub fn same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// A stretch of time in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    /// When.
    pub span: Span,
    /// In which state.
    pub state: State,
}

impl Segment {
    /// Appends `self` to contiguous segments: an equal neighbour grows, empty ones vanish.
    pub fn push_to(self, segments: &mut Vec<Self>) {
        if self.span.is_empty() {
            return;
        }
        match segments.last_mut() {
            Some(last) if last.state == self.state && last.span.to == self.span.from => last.span.to = self.span.to,
            _ => segments.push(self),
        }
    }
}

/// What a component is held to be at present; the newest rounds may still change the recent past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// The state.
    pub state: State,
    /// From when on it holds, backdated; `None` while neither up nor down was ever decided.
    pub since: Option<Sec>,
    /// The round (or the end of waiting for one) that decided it.
    pub confirmed_at: Sec,
    /// Lost rounds in a row that have not changed it yet.
    pub lost: u32,
    /// Replies in a row that have not changed it yet.
    pub replies: u32,
    /// The first of those rounds, when there are any.
    pub pending_since: Option<Sec>,
}

/// The state machine of one component, or of one source of a link's state.
#[derive(Debug, Clone)]
pub struct Machine {
    interval: Duration,
    hysteresis: Hysteresis,
    phase: Phase,
    newest: Option<Newest>,
    /// Everything before is settled. While rounds are pending this is the first of them, else the newest round.
    settled: Sec,
    /// What the next uncovered time is put down to.
    gap: Cause,
    state: State,
    since: Sec,
    decided_once: bool,
    confirmed_at: Sec,
    ignored: u64,
}

/// Where the machine stands, with the rounds in a row that have not changed it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Undecided { lost: u32 },
    Up { lost: u32 },
    Down { replies: u32 },
}

/// The newest round; the time it covers is known only when the next one comes, or does not.
#[derive(Debug, Clone, Copy)]
struct Newest {
    at: Sec,
    interval: Duration,
    measured: Result<(), Cause>,
}

impl Newest {
    /// Whether a round at `next` comes within 1.5 intervals of this one.
    fn reaches(self, next: Sec) -> bool {
        let gap_ms = i128::from(next.since(self.at)) * 2_000;
        gap_ms <= 3 * i128::try_from(self.interval.as_millis()).unwrap_or(i128::MAX / 4)
    }

    /// Where the time it covers ends when no other round comes in reach.
    fn alone_until(self) -> Sec {
        self.at.plus(i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX / 2))
    }
}

impl Machine {
    /// Rounds after this instant (in the year 9502) are ignored: no calendar is computed that far.
    pub const LATEST: Sec = Sec(237_700_000_000);

    /// A machine whose history begins at `start`; time up to the first round is unknown because of `before`.
    #[must_use]
    pub fn new(start: Sec, before: Cause, interval: Duration, hysteresis: Hysteresis) -> Self {
        Self {
            interval,
            hysteresis,
            phase: Phase::Undecided { lost: 0 },
            newest: None,
            settled: start,
            gap: before,
            state: State::Unknown(before),
            since: start,
            decided_once: false,
            confirmed_at: start,
            ignored: 0,
        }
    }

    /// Takes a round and appends what it settles to `out`.
    ///
    /// Returns false when the round is not newer than what was taken already: it is then
    /// counted in [`ignored`](Self::ignored) and changes nothing. All classes probed in the
    /// same second are one round; the caller makes one verdict of them.
    pub fn round(&mut self, at: Sec, verdict: Verdict, out: &mut Vec<Segment>) -> bool {
        if at < self.settled || at > Self::LATEST || self.newest.is_some_and(|n| at <= n.at) {
            self.ignored += 1;
            return false;
        }
        self.cover_until(at, out);
        // Time that no round covers has the cause of the round before it, when that was not measured.
        self.gap = if let Verdict::NotMeasured(cause) = verdict { cause } else { Cause::Gap };
        let measured = match verdict {
            Verdict::Reply => {
                self.reply(at, out);
                Ok(())
            }
            Verdict::Lost => {
                self.lost(at, out);
                Ok(())
            }
            Verdict::NotMeasured(cause) => {
                self.settle_pending(at, out);
                self.forget(State::Unknown(cause), at, at);
                Err(cause)
            }
        };
        self.newest = Some(Newest { at, interval: self.interval, measured });
        true
    }

    /// Takes `count` rounds with one verdict, `step` seconds apart, as if they came one by one, in few steps.
    ///
    /// Returns false when any of them was not newer than what was taken already.
    pub fn run(&mut self, first: Sec, step: i64, count: u64, verdict: Verdict, out: &mut Vec<Segment>) -> bool {
        let at = |n: u64| first.plus(step.saturating_mul(i64::try_from(n).unwrap_or(i64::MAX)));
        // So many rounds decide whatever can be decided; behind them the same again changes nothing.
        let enough = u64::from(self.hysteresis.down_after.max(self.hysteresis.up_after)).saturating_add(1);
        let mut taken = true;
        let mut n = 0;
        while n < count {
            if n == enough && count - n > 2 && self.newest.is_some_and(|newest| newest.reaches(newest.at.plus(step))) {
                n = count - 1;
                self.repeat_until(at(n - 1), out);
            }
            taken &= self.round(at(n), verdict, out);
            n += 1;
        }
        taken
    }

    /// The newest round's verdict, which has decided all it can, was repeated without a gap up to a round at `at`.
    fn repeat_until(&mut self, at: Sec, out: &mut Vec<Segment>) {
        let Some(newest) = &mut self.newest else { return };
        if newest.at >= at {
            return;
        }
        newest.at = at;
        let measured = newest.measured;
        let state = measured.map_or_else(State::Unknown, |()| self.state);
        self.settle(at, state, out);
    }

    /// Says that no round earlier than `before` will come any more.
    ///
    /// Settles what that makes certain: once the next round is out of reach of the newest
    /// one, the time behind it is unknown. Later rounds earlier than `before` may then be ignored.
    pub fn expire(&mut self, before: Sec, out: &mut Vec<Segment>) {
        if before <= self.settled || self.newest.is_some_and(|n| n.reaches(before)) {
            return;
        }
        let gap = self.gap;
        self.cover_until(before, out);
        self.newest = None;
        self.gap = gap;
    }

    /// Ends the history at `end` (at the newest round, should that be later) and settles all of it.
    pub fn finish(mut self, end: Sec, out: &mut Vec<Segment>) {
        let end = self.newest.map_or(end, |n| end.max(n.at));
        if let Some(newest) = self.newest {
            let covered = newest.alone_until().min(end);
            match newest.measured {
                Ok(()) => self.settle_pending(covered, out),
                Err(cause) => self.settle(covered, State::Unknown(cause), out),
            }
        }
        self.settle(end, State::Unknown(self.gap), out);
    }

    /// Names the cause of the uncovered time after the newest round, should there be any.
    pub fn explain_gap(&mut self, cause: Cause) {
        self.gap = cause;
        if self.newest.is_none() {
            self.state = State::Unknown(cause);
        }
    }

    /// Takes a new interval and hysteresis from the next round on, as after a reload.
    pub fn configure(&mut self, interval: Duration, hysteresis: Hysteresis) {
        self.interval = interval;
        self.hysteresis = hysteresis;
    }

    /// Rounds needed for a change, by configuration.
    #[must_use]
    pub fn hysteresis(&self) -> Hysteresis {
        self.hysteresis
    }

    /// From round to round, by configuration.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// What it is held to be at present.
    #[must_use]
    pub fn confirmed(&self) -> Confirmed {
        let (lost, replies) = match self.phase {
            Phase::Undecided { lost } | Phase::Up { lost } => (lost, 0),
            Phase::Down { replies } => (0, replies),
        };
        Confirmed {
            state: self.state,
            since: self.decided_once.then_some(self.since),
            confirmed_at: self.confirmed_at,
            lost,
            replies,
            pending_since: (lost + replies > 0).then_some(self.settled),
        }
    }

    /// The state that `at` has for the time being, seen from `now`, and until when that holds.
    ///
    /// For instants at or after [`settled_until`](Self::settled_until): the confirmed state
    /// while the next round may still come (1.5 intervals and `timeout` after the newest),
    /// afterwards what [`expire`](Self::expire) would make of it.
    #[must_use]
    pub fn provisional(&self, at: Sec, now: Sec, timeout: Duration) -> (State, Sec) {
        let Some(newest) = self.newest else { return (State::Unknown(self.gap), Sec(i64::MAX)) };
        let wait_ms = newest.interval.as_millis() * 3 / 2 + timeout.as_millis();
        let overdue = newest.at.plus(i64::try_from(wait_ms.div_ceil(1000)).unwrap_or(i64::MAX / 2));
        if now <= overdue {
            return (self.state, Sec(i64::MAX));
        }
        let covered = newest.alone_until();
        if at < covered { (self.state, covered) } else { (State::Unknown(self.gap), Sec(i64::MAX)) }
    }

    /// No round can change anything before this instant any more.
    #[must_use]
    pub fn settled_until(&self) -> Sec {
        self.settled
    }

    /// When the newest round was; `None` before the first and after a gap was settled.
    #[must_use]
    pub fn newest_round(&self) -> Option<Sec> {
        self.newest.map(|n| n.at)
    }

    /// Whether the newest round covers the time up to a round at `next`, should that be the next.
    #[must_use]
    pub fn reaches(&self, next: Sec) -> bool {
        self.newest.is_some_and(|newest| newest.reaches(next))
    }

    /// Rounds that came out of order or twice, and were left out.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Closes the time that the newest round covers, now that nothing comes between it and `next`.
    fn cover_until(&mut self, next: Sec, out: &mut Vec<Segment>) {
        if let Some(newest) = self.newest {
            let reached = newest.reaches(next);
            let covered = if reached { next } else { newest.alone_until().min(next) };
            match newest.measured {
                Err(cause) => self.settle(covered, State::Unknown(cause), out),
                Ok(()) if !reached => {
                    self.settle_pending(covered, out);
                    self.forget(State::Unknown(self.gap), covered, next);
                }
                Ok(()) => match self.phase {
                    Phase::Up { lost: 0 } | Phase::Down { replies: 0 } => self.settle(covered, self.state, out),
                    Phase::Undecided { .. } | Phase::Up { .. } | Phase::Down { .. } => return,
                },
            }
        }
        if self.settled < next {
            self.forget(State::Unknown(self.gap), self.settled, next);
            self.settle(next, State::Unknown(self.gap), out);
        }
    }

    fn reply(&mut self, at: Sec, out: &mut Vec<Segment>) {
        match self.phase {
            Phase::Undecided { .. } => self.confirm(State::Up, at, out),
            Phase::Up { lost } => {
                if lost > 0 {
                    self.settle(at, State::Up, out);
                }
                self.phase = Phase::Up { lost: 0 };
            }
            Phase::Down { replies } if replies + 1 >= self.hysteresis.up_after => self.confirm(State::Up, at, out),
            Phase::Down { replies } => self.phase = Phase::Down { replies: replies + 1 },
        }
    }

    fn lost(&mut self, at: Sec, out: &mut Vec<Segment>) {
        let enough = |lost: u32| lost.saturating_add(1) >= self.hysteresis.down_after;
        match self.phase {
            Phase::Undecided { lost } | Phase::Up { lost } if enough(lost) => self.confirm(State::Down, at, out),
            Phase::Undecided { lost } => {
                self.phase = Phase::Undecided { lost: lost + 1 };
                self.state = State::Unknown(Cause::Undecided);
            }
            Phase::Up { lost } => self.phase = Phase::Up { lost: lost + 1 },
            Phase::Down { replies } => {
                if replies > 0 {
                    self.settle(at, State::Down, out);
                }
                self.phase = Phase::Down { replies: 0 };
            }
        }
    }

    /// Decides up or down, effective at the first pending round, or at this one when none is pending.
    fn confirm(&mut self, state: State, at: Sec, out: &mut Vec<Segment>) {
        self.state = state;
        self.since = self.settled;
        self.decided_once = true;
        self.confirmed_at = at;
        self.phase = if state == State::Up { Phase::Up { lost: 0 } } else { Phase::Down { replies: 0 } };
        self.settle(at, state, out);
    }

    /// Too few rounds in a row change nothing: the time keeps the state it had.
    fn settle_pending(&mut self, to: Sec, out: &mut Vec<Segment>) {
        let state = match self.phase {
            Phase::Undecided { .. } => State::Unknown(Cause::Undecided),
            Phase::Up { .. } => State::Up,
            Phase::Down { .. } => State::Down,
        };
        self.settle(to, state, out);
    }

    /// Goes back to undecided: unknown from `since`, known at `at`.
    fn forget(&mut self, state: State, since: Sec, at: Sec) {
        if !self.state.same_kind(state) {
            self.since = since;
            self.confirmed_at = at;
        }
        self.state = state;
        self.phase = Phase::Undecided { lost: 0 };
    }

    fn settle(&mut self, to: Sec, state: State, out: &mut Vec<Segment>) {
        if to > self.settled {
            Segment { span: Span::new(self.settled, to), state }.push_to(out);
            self.settled = to;
        }
    }
}
#[cfg(test)]
mod tests;
