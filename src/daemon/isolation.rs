//! Whether the monitor itself was cut off, told from its sentinels.
//!
//! A loss counts against a target only when the monitor could reach *something* both before
//! and after it. So a loss waits until the sentinels' next round is in; a reply never waits,
//! for it proves itself.

use std::collections::VecDeque;

/// What the sentinels say of one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Some sentinel answered before and after: the loss is the target's.
    Connected,
    /// No sentinel answered before, or none after: the monitor was cut off.
    Isolated,
    /// The sentinels' next round is not in yet.
    Wait,
}

/// Rounds remembered per sentinel; at one a second this is over a minute, far longer than a loss ever waits.
const REMEMBERED: usize = 90;

/// The sentinels' recent rounds.
#[derive(Debug, Clone)]
pub struct Isolation {
    sentinels: Vec<VecDeque<(i64, bool)>>,
    patience_ns: i64,
}

impl Isolation {
    /// For so many sentinels; a loss waits at most `patience_ns` for their next round. With none the monitor is never thought isolated.
    #[must_use]
    pub fn new(sentinels: usize, patience_ns: i64) -> Self {
        Self { sentinels: vec![VecDeque::new(); sentinels], patience_ns }
    }

    /// A sentinel's round is complete: it was due at `at_ns` (wall time) and was answered or not.
    pub fn round(&mut self, sentinel: usize, at_ns: i64, replied: bool) {
        if let Some(rounds) = self.sentinels.get_mut(sentinel) {
            if rounds.back().is_some_and(|&(last, _)| last >= at_ns) {
                rounds.clear(); // the wall clock went back: what was remembered is of another time line
            }
            rounds.push_back((at_ns, replied));
            if rounds.len() > REMEMBERED {
                rounds.pop_front();
            }
        }
    }

    /// What the sentinels say of a loss that was due at `at_ns`, asked at `now_ns`.
    #[must_use]
    pub fn judge(&self, at_ns: i64, now_ns: i64) -> Judgement {
        if self.sentinels.is_empty() {
            return Judgement::Connected;
        }
        let (mut before, mut any_before, mut after, mut all_after) = (false, false, false, true);
        for rounds in &self.sentinels {
            if let Some(&(_, replied)) = rounds.iter().rev().find(|&&(t, _)| t <= at_ns) {
                any_before = true;
                before |= replied;
            }
            match rounds.iter().find(|&&(t, _)| t > at_ns) {
                Some(&(_, replied)) => after |= replied,
                None => all_after = false,
            }
        }
        if any_before && !before {
            return Judgement::Isolated;
        }
        match (after, all_after) {
            (true, _) => Judgement::Connected,
            (false, true) => Judgement::Isolated,
            (false, false) if now_ns.saturating_sub(at_ns) > self.patience_ns => Judgement::Isolated,
            (false, false) => Judgement::Wait,
        }
    }

    /// Whether every sentinel's newest round went unanswered.
    #[must_use]
    pub fn isolated(&self) -> bool {
        !self.sentinels.is_empty() && self.sentinels.iter().all(|r| r.back().is_some_and(|&(_, replied)| !replied))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn without_sentinels_every_loss_is_the_targets() {
        assert_eq!(Isolation::new(0, S).judge(5, 5), Judgement::Connected);
        assert!(!Isolation::new(0, S).isolated());
    }

    #[test]
    fn a_loss_between_two_answered_rounds_is_the_targets() {
        let mut i = Isolation::new(2, 5 * S);
        i.round(0, S, true);
        i.round(1, S, false);
        assert_eq!(i.judge(S + 1, 2 * S), Judgement::Wait);
        i.round(0, 2 * S, false);
        assert_eq!(i.judge(S + 1, 2 * S), Judgement::Wait);
        i.round(1, 2 * S, true);
        assert_eq!(i.judge(S + 1, 2 * S), Judgement::Connected);
    }

    #[test]
    fn a_loss_as_the_monitor_is_cut_off_is_not_the_targets() {
        let mut i = Isolation::new(2, 5 * S);
        for sentinel in 0..2 {
            i.round(sentinel, S, true);
            i.round(sentinel, 2 * S, false);
        }
        assert_eq!(i.judge(S + 1, 3 * S), Judgement::Isolated);
        assert!(i.isolated());
    }

    #[test]
    fn a_loss_just_before_the_monitor_is_back_is_not_the_targets() {
        let mut i = Isolation::new(1, 5 * S);
        i.round(0, S, false);
        i.round(0, 2 * S, true);
        assert_eq!(i.judge(S + 1, 3 * S), Judgement::Isolated);
        assert_eq!(i.judge(2 * S + 1, 3 * S), Judgement::Wait);
        assert!(!i.isolated());
    }

    #[test]
    fn sentinels_that_say_nothing_are_not_waited_for_for_ever() {
        let i = Isolation::new(1, 5 * S);
        assert_eq!(i.judge(S, 6 * S), Judgement::Wait);
        assert_eq!(i.judge(S, 6 * S + 1), Judgement::Isolated);
    }

    #[test]
    fn memory_of_rounds_is_bounded() {
        let mut i = Isolation::new(1, S);
        (0..10_000).for_each(|n| i.round(0, n, true));
        assert_eq!(i.sentinels[0].len(), REMEMBERED);
    }
}
