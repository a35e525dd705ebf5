//! What an interface's status means, and when it changed. Pure.
//!
//! `ifLastChange` holds `sysUpTime` at the moment the current state was entered, so that a slow poll still dates
//! a transition to the second, and a link that went down and up between two polls is not missed.

use std::time::Duration;

use super::restart::since;

/// What a component's own account says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It works.
    Up,
    /// It does not.
    Down(Why),
    /// Switched off on purpose: a proposal to exclude, not an outage.
    AdministrativelyDown,
    /// The device does not say.
    Unknown,
}

impl State {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down(Why::Down) => "down",
            State::Down(Why::Testing) => "down: in a test",
            State::Down(Why::NotPresent) => "down: not present",
            State::Down(Why::LowerLayer) => "down: what it runs over is down",
            State::Down(Why::Dormant) => "dormant",
            State::AdministrativelyDown => "switched off",
            State::Unknown => "unknown",
        }
    }
}

/// What kind of down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Plain down.
    Down,
    /// In a test: carries no traffic.
    Testing,
    /// A part is missing.
    NotPresent,
    /// Something below is down: the fault is there.
    LowerLayer,
    /// Waiting, though it is no backup on demand.
    Dormant,
}

/// Maps `ifAdminStatus` and `ifOperStatus` (RFC 2863 §3.1.12 to §3.1.14).
///
/// `on_demand` says that the interface is a declared backup: then dormant is up.
pub fn state(admin: Option<i32>, oper: Option<i32>, on_demand: bool) -> State {
    if admin == Some(2) {
        return State::AdministrativelyDown;
    }
    match oper {
        Some(1) => State::Up,
        Some(2) => State::Down(Why::Down),
        Some(3) => State::Down(Why::Testing),
        Some(5) if on_demand => State::Up,
        Some(5) => State::Down(Why::Dormant),
        Some(6) => State::Down(Why::NotPresent),
        Some(7) => State::Down(Why::LowerLayer),
        _ => State::Unknown,
    }
}

/// One look at an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When, on whatever clock the caller dates by.
    pub at: Duration,
    /// What it said.
    pub state: State,
    /// `sysUpTime` of the same answer, in hundredths of a second.
    pub uptime: u32,
    /// `ifLastChange`; `None` where the agent has none. 0 means before the last restart.
    pub last_change: Option<u32>,
}

/// How an instant is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The device's `ifLastChange`: exact to the second.
    LastChange,
    /// Only that it was seen at this poll: up to an interval late.
    Poll,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// When, on the looks' clock.
    pub at: Duration,
    /// Into what.
    pub to: State,
    /// How that is known.
    pub source: Source,
}

/// What happened between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It went over once, as far as can be told.
    Over(Transition),
    /// The state is the same, and yet it was entered anew: it went away and came back in between. When it went is
    /// not told, only that it was after the earlier look; when it came back is.
    Flap {
        /// The return.
        back: Transition,
    },
}

/// Compares two looks at the same interface of an agent that ran on (not across a restart).
pub fn change(before: &Look, now: &Look) -> Change {
    let entered = entered(before, now);
    if before.state != now.state {
        let (at, source) = entered.map_or((now.at, Source::Poll), |at| (at, Source::LastChange));
        return Change::Over(Transition { at, to: now.state, source });
    }
    let moved = match (before.last_change, now.last_change) {
        (Some(then), Some(later)) => then != later,
        _ => false,
    };
    match entered {
        Some(at) if moved && now.state != State::Unknown => {
            Change::Flap { back: Transition { at, to: now.state, source: Source::LastChange } }
        }
        _ => Change::None,
    }
}

/// When the present state was entered, if the device says so and it lies between the looks.
fn entered(before: &Look, now: &Look) -> Option<Duration> {
    let stamp = now.last_change?;
    // 0 is "before the last restart", unless it moved there: then it is the instant of a wrap.
    if stamp == 0 && before.last_change == Some(0) {
        return None;
    }
    let at = now.at.checked_sub(since(now.uptime, stamp)?)?;
    // Not moved: the stamp belongs to an earlier change, and says nothing about this one.
    if before.last_change == Some(stamp) {
        return None;
    }
    // Its clock may round: allow a second before the earlier look.
    (at + Duration::from_secs(1) >= before.at && at <= now.at).then(|| at.max(before.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: u64, state: State, last_change: u32) -> Look {
        Look {
            at: Duration::from_secs(at),
            state,
            uptime: u32::try_from(at).unwrap() * 100 + 50_000,
            last_change: Some(last_change),
        }
    }

    const DOWN: State = State::Down(Why::Down);

    #[test]
    fn every_status_has_its_meaning() {
        use State::*;
        for (admin, oper, on_demand, expected) in [
            (Some(1), Some(1), false, Up),
            (Some(1), Some(2), false, DOWN),
            (Some(2), Some(2), false, AdministrativelyDown),
            (Some(2), Some(1), false, AdministrativelyDown),
            (Some(1), Some(3), false, Down(Why::Testing)),
            (Some(1), Some(4), false, Unknown),
            (Some(1), Some(5), false, Down(Why::Dormant)),
            (Some(1), Some(5), true, Up),
            (Some(1), Some(6), false, Down(Why::NotPresent)),
            (Some(1), Some(7), false, Down(Why::LowerLayer)),
            (Some(1), Some(99), false, Unknown),
            (None, Some(1), false, Up),
            (None, None, false, Unknown),
        ] {
            assert_eq!(state(admin, oper, on_demand), expected, "{admin:?} {oper:?} {on_demand}");
        }
    }

    #[test]
    fn a_transition_is_dated_to_the_second_though_polls_are_a_minute_apart() {
        // At second 83 the uptime is 58 300.
        let change = change(&look(60, State::Up, 10_000), &look(120, DOWN, 58_300));
        let at = Duration::from_secs(83);
        assert_eq!(change, Change::Over(Transition { at, to: DOWN, source: Source::LastChange }));
    }

    #[test]
    fn a_flap_between_two_polls_is_seen() {
        let back = Transition { at: Duration::from_secs(95), to: State::Up, source: Source::LastChange };
        assert_eq!(change(&look(60, State::Up, 10_000), &look(120, State::Up, 59_500)), Change::Flap { back });
    }

    #[test]
    fn without_a_usable_stamp_the_poll_dates() {
        let now = look(120, DOWN, 10_000);
        let over = Change::Over(Transition { at: now.at, to: DOWN, source: Source::Poll });
        assert_eq!(change(&look(60, State::Up, 10_000), &now), over, "the stamp did not move");
        let none = Look { last_change: None, ..now };
        assert_eq!(change(&look(60, State::Up, 0), &none), over, "no stamp");
        let future = Look { last_change: Some(4_000_000), ..now };
        assert_eq!(change(&look(60, State::Up, 0), &future), over, "a stamp from before a restart");
        let old = Look { last_change: Some(51_000), ..now };
        assert_eq!(change(&look(60, State::Up, 10_000), &old), over, "a stamp older than the earlier look");
        assert_eq!(change(&look(60, State::Up, 0), &look(120, State::Up, 0)), Change::None);
    }

    #[test]
    fn stamps_are_dated_across_the_497_day_wrap() {
        let before =
            Look { at: Duration::from_secs(60), state: State::Up, uptime: u32::MAX - 2_999, last_change: Some(5) };
        let now = Look { at: Duration::from_secs(120), state: DOWN, uptime: 3_000, last_change: Some(u32::MAX - 999) };
        let at = Duration::from_secs(80);
        assert_eq!(change(&before, &now), Change::Over(Transition { at, to: DOWN, source: Source::LastChange }));
    }
}
