//! A minute of rounds per component and class: what is kept of them for ever.
//!
//! When rounds were and which of them failed is kept to the round ([`Rounds`]); of the replies'
//! round-trip times what [`Replies`] holds.

use std::collections::BTreeMap;

use super::buckets::Buckets;
use super::rounds::{Fate, Rounds};
use super::{Outcome, Round};
use crate::names::{ClassIx, ComponentIx};
use crate::units::{Micros, Sec};

/// Seconds in a minute.
pub const MINUTE: i64 = 60;

/// The minute (UTC) that `at` is in, by its first second.
#[must_use]
pub fn minute_of(at: Sec) -> Sec {
    Sec(at.0.div_euclid(MINUTE) * MINUTE)
}

/// What is kept of the replies of some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replies {
    /// How many.
    pub count: u32,
    /// Sum of their round-trip times, microseconds.
    pub sum_us: u64,
    /// The shortest; 0 without replies.
    pub min: Micros,
    /// The longest; 0 without replies.
    pub max: Micros,
    /// Sum over the minutes of the jitter at the minute's end (RFC 3550 §6.4.1 over consecutive
    /// round-trip times), microseconds, of those minutes in which a difference was taken.
    pub jitter_sum_us: u64,
    /// How many minutes `jitter_sum_us` is the sum of.
    pub jitter_minutes: u32,
    /// How they spread.
    pub buckets: Buckets,
}

impl Replies {
    fn record(&mut self, rtt: Micros) {
        self.min = if self.count == 0 { rtt } else { self.min.min(rtt) };
        self.max = self.max.max(rtt);
        self.count += 1;
        self.sum_us += u64::from(rtt.0);
        self.buckets.record(rtt);
    }

    /// Takes in another's replies; exact, in any order.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.jitter_sum_us = self.jitter_sum_us.saturating_add(other.jitter_sum_us);
        self.jitter_minutes = self.jitter_minutes.saturating_add(other.jitter_minutes);
        self.buckets.merge(&other.buckets);
    }
}

/// One component's rounds of one class over some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// When they were, and which failed.
    pub rounds: Rounds,
    /// What the others took.
    pub replies: Replies,
}

impl Tally {
    /// Takes in another's rounds. A second that both have is kept once in `rounds`.
    pub fn merge(&mut self, other: &Self) {
        self.rounds.merge(&other.rounds);
        self.replies.merge(&other.replies);
    }
}

/// A [`Tally`] with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who was probed.
    pub component: ComponentIx,
    /// In which class.
    pub class: ClassIx,
    /// What was found.
    pub tally: Tally,
}

/// All rows of one minute, in order of component and class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute {
    /// Its first second.
    pub start: Sec,
    /// At most one per component and class.
    pub rows: Vec<Row>,
}

/// Smoothed interarrival jitter (RFC 3550 §6.4.1 and A.8) in sixteenths of a microsecond.
#[derive(Debug, Clone, Copy)]
struct Jitter {
    last: Micros,
    sixteenths: u64,
}

impl Jitter {
    fn next(&mut self, rtt: Micros) {
        let difference = u64::from(self.last.0.abs_diff(rtt.0));
        self.sixteenths = self.sixteenths + difference - ((self.sixteenths + 8) >> 4);
        self.last = rtt;
    }
}

/// Folds finished rounds into minutes.
///
/// Rounds may come in any order among components; one component's come in time order. A minute
/// leaves by [`MinuteAggregator::take_before`], once, when the driver knows that its last round is in.
#[derive(Debug, Default)]
pub struct MinuteAggregator {
    open: BTreeMap<Sec, BTreeMap<(ComponentIx, ClassIx), Tally>>,
    jitter: BTreeMap<(ComponentIx, ClassIx), Jitter>,
    taken: Option<Sec>,
}

/// A round that cannot be kept: its minute is gone, or a later round of its component is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the round of {at} came after its minute was closed or out of order")]
pub struct TooLate {
    /// When it was due.
    pub at: Sec,
}

impl MinuteAggregator {
    /// Without any rounds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a round; `interval` (seconds, at least 1) is the component's interval in force when it was due.
    pub fn add(&mut self, round: &Round, interval: u32) -> Result<(), TooLate> {
        let (at, minute) = (round.at, minute_of(round.at));
        if self.taken.is_some_and(|before| minute < before) {
            return Err(TooLate { at });
        }
        let cells = self.open.entry(minute).or_default();
        for &(class, outcome) in &round.outcomes {
            let key = (round.component, class);
            let cell = cells.entry(key).or_default();
            cell.rounds.push(at, interval.max(1), Fate::from(outcome)).map_err(|_| TooLate { at })?;
            let Outcome::Reply { rtt } = outcome else { continue };
            cell.replies.record(rtt);
            match self.jitter.get_mut(&key) {
                Some(jitter) => {
                    jitter.next(rtt);
                    cell.replies.jitter_minutes = 1;
                    cell.replies.jitter_sum_us = jitter.sixteenths >> 4;
                }
                None => {
                    self.jitter.insert(key, Jitter { last: rtt, sixteenths: 0 });
                }
            }
        }
        Ok(())
    }

    /// Takes a round that has a fate and no round-trip time, as a statement's.
    pub fn add_stated(
        &mut self,
        component: ComponentIx,
        class: ClassIx,
        at: Sec,
        interval: u32,
        fate: Fate,
    ) -> Result<(), TooLate> {
        let minute = minute_of(at);
        if self.taken.is_some_and(|before| minute < before) {
            return Err(TooLate { at });
        }
        let cell = self.open.entry(minute).or_default().entry((component, class)).or_default();
        cell.rounds.push(at, interval.max(1), fate).map_err(|_| TooLate { at })
    }

    /// Every minute that ends at or before `end`, in time order, whether or not it has rounds in its middle;
    /// rounds that come for them later are refused.
    pub fn take_before(&mut self, end: Sec) -> Vec<Minute> {
        let end = minute_of(end);
        let rest = self.open.split_off(&end);
        let done = std::mem::replace(&mut self.open, rest);
        self.taken = self.taken.max(Some(end));
        let minute = |(start, cells): (Sec, BTreeMap<_, _>)| Minute {
            start,
            rows: cells.into_iter().map(|((component, class), tally)| Row { component, class, tally }).collect(),
        };
        done.into_iter().filter(|(_, cells)| !cells.is_empty()).map(minute).collect()
    }

    /// Everything, the unfinished minute too: at the end of a run. Later rounds of these minutes are refused.
    pub fn take_all(&mut self) -> Vec<Minute> {
        match self.open.keys().next_back() {
            Some(last) => self.take_before(last.plus(MINUTE)),
            None => Vec::new(),
        }
    }

    /// Minutes that were not taken yet, in time order.
    pub fn open(&self) -> impl Iterator<Item = Minute> + '_ {
        self.open.iter().map(|(start, cells)| {
            let row = |(&(component, class), tally): (&_, &Tally)| Row { component, class, tally: tally.clone() };
            Minute { start: *start, rows: cells.iter().map(row).collect() }
        })
    }

    /// Everything before this instant was taken; `None` when nothing was asked for yet.
    #[must_use]
    pub fn taken_before(&self) -> Option<Sec> {
        self.taken
    }

    /// Indices change their meaning: `new` gives the new ones of what goes on, `None` for what ends.
    ///
    /// What goes on keeps its rounds of the minutes under way and its jitter. What ends is
    /// returned under its old indices: the rest of its minutes.
    pub fn remap(&mut self, new: impl Fn(ComponentIx, ClassIx) -> Option<(ComponentIx, ClassIx)>) -> Vec<Minute> {
        let mut ended = Vec::new();
        for (start, cells) in std::mem::take(&mut self.open) {
            let mut rows = Vec::new();
            let mut kept = BTreeMap::new();
            for ((component, class), tally) in cells {
                match new(component, class) {
                    Some(key) => drop(kept.insert(key, tally)),
                    None => rows.push(Row { component, class, tally }),
                }
            }
            self.open.insert(start, kept);
            if !rows.is_empty() {
                ended.push(Minute { start, rows });
            }
        }
        let jitter = std::mem::take(&mut self.jitter);
        self.jitter = jitter.into_iter().filter_map(|((c, k), j)| Some((new(c, k)?, j))).collect();
        ended
    }

    /// Forgets what jitter was smoothed over: after a clock step.
    pub fn forget_jitter(&mut self) {
        self.jitter.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Cause;

    fn round(at: i64, outcome: Outcome) -> Round {
        Round { at: Sec(at), component: ComponentIx(3), outcomes: vec![(ClassIx(0), outcome)] }
    }

    fn reply(us: u32) -> Outcome {
        Outcome::Reply { rtt: Micros(us) }
    }

    #[test]
    fn a_minute_keeps_every_loss_to_its_second() {
        let mut aggregator = MinuteAggregator::new();
        for at in 120..180 {
            let outcome = match at {
                130 | 131 => Outcome::Lost,
                140 => Outcome::NotMeasured(Cause::SocketDrop),
                _ => reply(1_000 + u32::try_from(at).expect("small")),
            };
            aggregator.add(&round(at, outcome), 1).expect("in order");
        }
        aggregator.add(&round(180, reply(1)), 1).expect("in order");
        let minutes = aggregator.take_before(Sec(185));
        assert_eq!(minutes.len(), 1);
        let tally = &minutes[0].rows[0].tally;
        let failed: Vec<_> = tally.rounds.outcomes().filter(|(_, f)| *f != Fate::Reply).collect();
        let drop = Fate::NotMeasured(Cause::SocketDrop);
        assert_eq!(failed, [(Sec(130), Fate::Lost), (Sec(131), Fate::Lost), (Sec(140), drop)]);
        assert_eq!((tally.replies.count, tally.rounds.replies()), (57, 57));
        assert_eq!((tally.replies.min, tally.replies.max), (Micros(1_120), Micros(1_179)));
        assert_eq!(tally.replies.buckets.total(), 57);
    }

    #[test]
    fn a_round_for_a_closed_minute_is_refused() {
        let mut aggregator = MinuteAggregator::new();
        aggregator.take_before(Sec(120));
        assert_eq!(aggregator.add(&round(119, Outcome::Lost), 1), Err(TooLate { at: Sec(119) }));
        assert_eq!(aggregator.add(&round(120, Outcome::Lost), 1), Ok(()));
        assert_eq!(aggregator.take_all().len(), 1);
        assert_eq!(aggregator.add(&round(121, Outcome::Lost), 1), Err(TooLate { at: Sec(121) }));
    }

    #[test]
    fn jitter_is_rfc_3550_in_integers_over_consecutive_replies() {
        // A.8: jitter += d - ((jitter + 8) >> 4), over differences 1600, 1600, 0 with a loss in between.
        let mut aggregator = MinuteAggregator::new();
        let outcomes = [reply(10_000), reply(11_600), Outcome::Lost, reply(10_000), reply(10_000)];
        for (at, outcome) in outcomes.into_iter().enumerate() {
            aggregator.add(&round(i64::try_from(at).expect("small"), outcome), 1).expect("in order");
        }
        let replies = &aggregator.take_all()[0].rows[0].tally.replies;
        let (mut j, mut expected) = (0_u64, Vec::new());
        for d in [1_600, 1_600, 0] {
            j = j + d - ((j + 8) >> 4);
            expected.push(j >> 4);
        }
        assert_eq!(expected, [100, 193, 181]);
        assert_eq!((replies.jitter_sum_us, replies.jitter_minutes), (181, 1));
    }

    #[test]
    fn rounds_of_a_minute_under_way_follow_their_component_to_its_new_index() {
        let mut aggregator = MinuteAggregator::new();
        for component in [3, 4] {
            let outcomes = vec![(ClassIx(0), reply(component * 100))];
            let round = Round { at: Sec(61), component: ComponentIx(component), outcomes };
            aggregator.add(&round, 1).expect("in order");
        }
        // 3 becomes 4, and 4 is no more.
        let ended = aggregator.remap(|c, k| (c.0 == 3).then_some((ComponentIx(4), k)));
        let who = |m: &Minute| m.rows.iter().map(|r| (r.component.0, r.tally.replies.sum_us)).collect::<Vec<_>>();
        assert_eq!(ended.iter().map(who).collect::<Vec<_>>(), [[(4, 400)]]);
        assert_eq!(aggregator.open().map(|m| who(&m)).collect::<Vec<_>>(), [[(4, 300)]]);
        let next = Round { at: Sec(62), component: ComponentIx(4), outcomes: vec![(ClassIx(0), reply(316))] };
        aggregator.add(&next, 1).expect("in order");
        let minutes = aggregator.take_all();
        assert_eq!((minutes.len(), minutes[0].start, who(&minutes[0])), (1, Sec(60), vec![(4, 616)]));
        assert_eq!(minutes[0].rows[0].tally.replies.jitter_minutes, 1, "its jitter goes on");
    }

    #[test]
    fn a_single_reply_has_no_jitter() {
        let mut aggregator = MinuteAggregator::new();
        aggregator.add(&round(0, reply(5)), 60).expect("in order");
        assert_eq!(aggregator.take_all()[0].rows[0].tally.replies.jitter_minutes, 0);
        aggregator.add(&round(60, reply(5)), 60).expect("in order");
        assert_eq!(aggregator.take_all()[0].rows[0].tally.replies.jitter_minutes, 1);
    }
}
