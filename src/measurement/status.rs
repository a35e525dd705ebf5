//! What a device said of one of its interfaces, and the rounds that this makes.
//!
//! A statement is no sample: it needs no repetition, and it may say since when it holds. So one poll makes up to
//! four rounds: what was until then, the moment of the change by the device's own clock, and the poll itself.
//! `docs/accounting.md` §4 has the rules.

use super::Cause;
use super::rounds::Fate;
use crate::names::ClassIx;
use crate::units::Sec;

/// One poll's word on one interface, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// When the poll was due; of a poll out of turn (a trap set it off) the second of its answer.
    pub at: Sec,
    /// The second in which the answer came; `at` when none came.
    pub heard: Sec,
    /// What it said.
    pub word: Word,
    /// Since when, by the device's own clock (`ifLastChange`) on ours; `None` where it does not say. However long
    /// ago: what it means for the time since the poll before is found out by [`Status::rounds`].
    pub since: Option<Sec>,
    /// The same word as at the poll before, and yet entered anew: it went away and came back in between.
    pub flapped: bool,
    /// What dates a change that this poll is the first to tell of, should `since` not.
    pub dated_by: DatedBy,
}

/// What a device says of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It carries traffic, or waits to, as a declared backup.
    Up,
    /// It does not.
    Down(Why),
    /// Switched off by somebody (`ifAdminStatus` down).
    Off,
    /// Nothing was heard of it, or nothing that says anything.
    Unknown(Cause),
}

/// What kind of down (`ifOperStatus`, RFC 2863 §3.1.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Plain down.
    Down,
    /// In a test: carries no traffic.
    Testing,
    /// A part of the device is missing.
    NotPresent,
    /// Something below it is down: the fault is there.
    LowerLayer,
    /// Waiting, though it is no backup.
    Dormant,
}

/// How the moment of a change is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DatedBy {
    /// A regular poll saw it: it may have been up to an interval earlier.
    Poll,
    /// The device's `ifLastChange`: to the second.
    LastChange,
    /// A trap set off the poll that saw it.
    Trap,
}

impl DatedBy {
    /// Every one with its name in evidence and reports.
    pub const NAMES: [(&'static str, Self); 3] =
        [("poll", Self::Poll), ("last_change", Self::LastChange), ("trap", Self::Trap)];

    /// Its name in evidence and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }

    /// The one with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, d)| *d)
    }

    /// Under which class a minute keeps rounds that are dated so: none of the configuration's.
    #[must_use]
    pub fn class(self) -> ClassIx {
        ClassIx(u32::MAX - self as u32)
    }

    /// What dates the rounds that a minute keeps under this class; `None` for a class of the configuration.
    #[must_use]
    pub fn of_class(class: ClassIx) -> Option<Self> {
        Self::NAMES.into_iter().map(|(_, d)| d).find(|d| d.class() == class)
    }

    /// The name that such a class has in evidence; no identifier can be the same.
    #[must_use]
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Poll => "@poll",
            Self::LastChange => "@last_change",
            Self::Trap => "@trap",
        }
    }
}

impl Word {
    /// As what became of a round.
    #[must_use]
    pub fn fate(self) -> Fate {
        match self {
            Self::Up => Fate::Reply,
            Self::Down(_) => Fate::Lost,
            Self::Off => Fate::NotMeasured(Cause::SwitchedOff),
            Self::Unknown(cause) => Fate::NotMeasured(cause),
        }
    }

    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down(Why::Down) => "down",
            Self::Down(Why::Testing) => "down: in a test",
            Self::Down(Why::NotPresent) => "down: not present",
            Self::Down(Why::LowerLayer) => "down: what it runs over is down",
            Self::Down(Why::Dormant) => "dormant, though it is no standby",
            Self::Off => "switched off",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A round that a statement makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// From when on it holds.
    pub at: Sec,
    /// Reply is up, lost is down.
    pub fate: Fate,
    /// How that moment is known.
    pub dated_by: DatedBy,
}

/// Our clock and the device's are compared by a message: so many seconds may lie between them.
const SKEW: i64 = 2;

impl Status {
    /// Nothing came of the poll that was due at `at`, and why.
    #[must_use]
    pub fn unknown(at: Sec, cause: Cause) -> Self {
        let word = Word::Unknown(cause);
        Self { at, heard: at, word, since: None, flapped: false, dated_by: DatedBy::Poll }
    }

    /// The rounds that it makes, in order of time, none before `floor` (the first second that is not accounted for by
    /// the statement before, which was `before`).
    ///
    /// `on_demand` is a backup that is up while it waits and while it works: that it went from one to the other is no
    /// outage.
    #[must_use]
    pub fn rounds(&self, before: Option<Fate>, floor: Sec, on_demand: bool) -> Vec<Stated> {
        let fate = self.word.fate();
        let heard = self.heard.max(self.at);
        let anew = before != Some(fate);
        let since = self.since.filter(|_| (anew || self.flapped) && !matches!(self.word, Word::Unknown(_)));
        let since = since.filter(|s| *s >= floor.plus(-SKEW)).map(|s| s.max(floor).min(heard)).filter(|s| *s >= floor);
        let by_device = |at, fate| Stated { at, fate, dated_by: DatedBy::LastChange };
        let mut rounds = Vec::new();
        let mut entered = since;
        if let (Some(since), true) = (since, self.flapped) {
            // The second before it came back is the one that it was surely away.
            let away = since.plus(-1).max(floor);
            let back = away.plus(1);
            let surely_down = self.word == Word::Up && !on_demand && back <= heard;
            let end = if surely_down { away } else { since };
            if end > floor {
                rounds.push(by_device(floor, Fate::NotMeasured(Cause::Flapped)));
            }
            if surely_down {
                rounds.push(by_device(away, Fate::Lost));
                entered = Some(back);
            }
        } else if let (Some(since), Some(before)) = (since, before)
            && since > self.at
            && self.at >= floor
        {
            // It changed while the poll was under way.
            rounds.push(Stated { at: self.at, fate: before, dated_by: DatedBy::Poll });
        }
        if let Some(entered) = entered {
            rounds.push(by_device(entered, fate));
        }
        if entered.is_none_or(|entered| self.at > entered) && self.at >= floor {
            let seen_first = entered.is_none() && anew && self.dated_by == DatedBy::Trap;
            let dated_by = if seen_first { DatedBy::Trap } else { DatedBy::Poll };
            rounds.push(Stated { at: self.at, fate, dated_by });
        }
        rounds
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UP: Option<Fate> = Some(Fate::Reply);
    const DOWN: Option<Fate> = Some(Fate::Lost);

    fn said(at: i64, word: Word, since: Option<i64>) -> Status {
        Status { at: Sec(at), heard: Sec(at), word, since: since.map(Sec), flapped: false, dated_by: DatedBy::Poll }
    }

    fn flap(at: i64, word: Word, since: i64) -> Status {
        Status { flapped: true, ..said(at, word, Some(since)) }
    }

    fn short(rounds: &[Stated]) -> Vec<(i64, &'static str, &'static str)> {
        rounds.iter().map(|r| (r.at.0, r.fate.name(), r.dated_by.name())).collect()
    }

    #[test]
    fn a_change_is_dated_by_the_device_between_two_polls() {
        let down = said(120, Word::Down(Why::Down), Some(83));
        assert_eq!(short(&down.rounds(UP, Sec(61), false)), [(83, "lost", "last_change"), (120, "lost", "poll")]);
        let up = said(180, Word::Up, Some(140));
        assert_eq!(short(&up.rounds(DOWN, Sec(121), false)), [(140, "reply", "last_change"), (180, "reply", "poll")]);
    }

    #[test]
    fn the_same_word_again_is_one_round_whatever_its_date() {
        assert_eq!(short(&said(120, Word::Up, Some(-900)).rounds(UP, Sec(61), false)), [(120, "reply", "poll")]);
        assert_eq!(short(&said(120, Word::Up, Some(60)).rounds(UP, Sec(61), false)), [(120, "reply", "poll")]);
    }

    #[test]
    fn a_change_that_nothing_dates_is_dated_by_the_poll_or_its_trap() {
        let down = said(120, Word::Down(Why::NotPresent), None);
        assert_eq!(short(&down.rounds(UP, Sec(61), false)), [(120, "lost", "poll")]);
        let hint = Status { dated_by: DatedBy::Trap, ..down };
        assert_eq!(short(&hint.rounds(UP, Sec(61), false)), [(120, "lost", "trap")]);
        assert_eq!(short(&hint.rounds(DOWN, Sec(61), false)), [(120, "lost", "poll")], "no change, nothing to date");
        let old = said(120, Word::Down(Why::Down), Some(20));
        assert_eq!(short(&old.rounds(UP, Sec(61), false)), [(120, "lost", "poll")], "before the poll that said up");
    }

    #[test]
    fn a_flap_is_down_for_the_second_before_it_came_back_and_unknown_before_that() {
        let rounds = flap(120, Word::Up, 95).rounds(UP, Sec(61), false);
        assert_eq!(
            short(&rounds),
            [
                (61, "flapped", "last_change"),
                (94, "lost", "last_change"),
                (95, "reply", "last_change"),
                (120, "reply", "poll"),
            ]
        );
        let soon = flap(120, Word::Up, 61).rounds(UP, Sec(61), false);
        assert_eq!(short(&soon), [(61, "lost", "last_change"), (62, "reply", "last_change"), (120, "reply", "poll")]);
        let just_now = flap(120, Word::Up, 120).rounds(UP, Sec(61), false);
        assert_eq!(
            short(&just_now),
            [(61, "flapped", "last_change"), (119, "lost", "last_change"), (120, "reply", "last_change")]
        );
    }

    #[test]
    fn what_was_between_two_downs_is_unknown_and_a_backup_that_worked_was_not_away() {
        let again = flap(120, Word::Down(Why::Down), 95).rounds(DOWN, Sec(61), false);
        assert_eq!(short(&again), [(61, "flapped", "last_change"), (95, "lost", "last_change"), (120, "lost", "poll")]);
        let backup = flap(120, Word::Up, 95).rounds(UP, Sec(61), true);
        assert_eq!(
            short(&backup),
            [(61, "flapped", "last_change"), (95, "reply", "last_change"), (120, "reply", "poll")]
        );
    }

    #[test]
    fn a_change_while_the_poll_was_under_way_is_behind_what_was_when_it_was_due() {
        let late = Status { heard: Sec(123), ..said(120, Word::Down(Why::Down), Some(122)) };
        assert_eq!(short(&late.rounds(UP, Sec(61), false)), [(120, "reply", "poll"), (122, "lost", "last_change")]);
        let ahead = Status { heard: Sec(123), ..said(120, Word::Down(Why::Down), Some(500)) };
        assert_eq!(short(&ahead.rounds(None, Sec(61), false)), [(123, "lost", "last_change")], "a clock that is ahead");
    }

    #[test]
    fn silence_has_its_cause_and_no_date() {
        let silent = Status { since: Some(Sec(100)), ..Status::unknown(Sec(120), Cause::AgentSilent) };
        assert_eq!(short(&silent.rounds(UP, Sec(61), false)), [(120, "agent_silent", "poll")]);
        let off = said(120, Word::Off, Some(100)).rounds(UP, Sec(61), false);
        assert_eq!(short(&off), [(100, "switched_off", "last_change"), (120, "switched_off", "poll")]);
    }

    #[test]
    fn dates_have_classes_of_their_own() {
        for (name, dated_by) in DatedBy::NAMES {
            assert_eq!((dated_by.name(), DatedBy::parse(name)), (name, Some(dated_by)));
            assert_eq!(DatedBy::of_class(dated_by.class()), Some(dated_by));
            assert!(crate::names::Id::new(dated_by.class_name()).is_err());
        }
        assert_eq!(DatedBy::of_class(ClassIx(0)), None);
    }

    proptest! {
        #[test]
        fn rounds_rise_lie_between_the_polls_and_the_last_says_the_word(
            at in 100_i64..200, late in 0_i64..6, since in prop::option::of(0_i64..300), floor in 90_i64..140,
            word in 0_usize..4, before in 0_usize..4, flapped: bool, on_demand: bool,
        ) {
            let words = [Word::Up, Word::Down(Why::Down), Word::Off, Word::Unknown(Cause::AgentSilent)];
            let word = words[word];
            let status = Status { heard: Sec(at + late), flapped, ..said(at, word, since) };
            let rounds = status.rounds(Some(words[before].fate()), Sec(floor), on_demand);
            prop_assert!(rounds.windows(2).all(|w| w[0].at < w[1].at), "{:?}", rounds);
            prop_assert!(rounds.iter().all(|r| r.at >= Sec(floor)), "{:?}", rounds);
            prop_assert!(rounds.len() <= 4);
            if at + late >= floor {
                prop_assert!(rounds.iter().all(|r| r.at <= Sec(at + late)), "{:?}", rounds);
            }
            if at >= floor {
                prop_assert_eq!(rounds.last().map(|r| r.fate), Some(word.fate()));
            }
        }
    }
}
