//! Has the agent restarted since the last poll, and when did it start? Pure.
//!
//! v3 engines and agents that show `snmpEngineBoots` say so themselves. Otherwise `sysUpTime` tells, which wraps
//! after 2^32 hundredths of a second: 497 d 2 h 27 m 52.96 s. A wrap is not a restart.

use std::time::Duration;

/// What an agent says about its own age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    /// `sysUpTime`, in hundredths of a second.
    pub uptime: u32,
    /// When that was read, on the monotonic clock.
    pub at: Duration,
    /// `snmpEngineID`, where it can be read.
    pub engine: Option<Box<[u8]>>,
    /// `snmpEngineBoots`, where it can be read.
    pub boots: Option<u32>,
    /// `hrSystemUptime`, in hundredths of a second: the host's age, not the agent's.
    pub host_uptime: Option<u32>,
}

/// What came between two polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The same agent, running on.
    Same,
    /// `sysUpTime` went round after 497 days: the same agent, running on.
    Wrapped,
    /// The agent restarted.
    Restarted {
        /// How long before the reading it started.
        ago: Duration,
        /// Only the agent did; the host ran on, so that it is no outage.
        agent_only: bool,
    },
    /// Another device answers now.
    Replaced {
        /// How long before the reading it started.
        ago: Duration,
    },
}

impl Continuity {
    /// Counters of before and after cannot be compared.
    pub fn breaks_counters(self) -> bool {
        matches!(self, Continuity::Restarted { .. } | Continuity::Replaced { .. })
    }
}

const ROUND: i128 = 1 << 32;

/// Compares two readings of an agent's age.
pub fn compare(before: &Age, now: &Age) -> Continuity {
    let ago = Duration::from_millis(u64::from(now.uptime) * 10);
    if before.engine.is_some() && now.engine.is_some() && before.engine != now.engine {
        return Continuity::Replaced { ago };
    }
    let passed = now.at.saturating_sub(before.at);
    let clock = uptime_continues(before.uptime, now.uptime, passed);
    if let (Some(then), Some(boots)) = (before.boots, now.boots) {
        // The engine's own count is authoritative.
        if then == boots {
            return if clock == Clock::Wrapped { Continuity::Wrapped } else { Continuity::Same };
        }
    } else if clock != Clock::Back {
        return if clock == Clock::Wrapped { Continuity::Wrapped } else { Continuity::Same };
    }
    let host = before.host_uptime.zip(now.host_uptime);
    let agent_only = host.is_some_and(|(b, n)| uptime_continues(b, n, passed) != Clock::Back);
    Continuity::Restarted { ago, agent_only }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Clock {
    Forward,
    Wrapped,
    Back,
}

fn uptime_continues(before: u32, now: u32, passed: Duration) -> Clock {
    let passed_cs = i128::try_from(passed.as_millis() / 10).unwrap_or(i128::MAX / 2);
    let tolerance = 500 + passed_cs / 1_000; // 100·(5 s + 0.001·Δt)
    let expected = i128::from(before) + passed_cs;
    let new = i128::from(now);
    if expected + tolerance >= ROUND {
        let off = (new - expected).rem_euclid(ROUND);
        if off.min(ROUND - off) <= tolerance {
            return if new < i128::from(before) || passed_cs >= ROUND { Clock::Wrapped } else { Clock::Forward };
        }
    }
    if new < expected - tolerance { Clock::Back } else { Clock::Forward }
}

/// How long before `now` an instant given in `sysUpTime` was, modulo 2^32 (`ifLastChange` and its like).
/// `None` when it lies in the future: the agent restarted in between, or does not keep to the MIB.
pub fn since(uptime: u32, stamp: u32) -> Option<Duration> {
    let centiseconds = uptime.wrapping_sub(stamp);
    // Half a round back is taken as forward: a stamp up to a second ahead is rounding, more is nonsense.
    match centiseconds {
        0..=0x7fff_ffff => Some(Duration::from_millis(u64::from(centiseconds) * 10)),
        c if c >= u32::MAX - 100 => Some(Duration::ZERO),
        // Older than 248 days: only believable if the agent has run that long without a wrap in between.
        c if stamp < uptime => Some(Duration::from_millis(u64::from(c) * 10)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(uptime: u32, seconds: u64) -> Age {
        Age { uptime, at: Duration::from_secs(seconds), engine: None, boots: None, host_uptime: None }
    }

    #[test]
    fn running_on_is_not_a_restart() {
        assert_eq!(compare(&age(1_000, 0), &age(7_000, 60)), Continuity::Same);
        assert_eq!(compare(&age(1_000, 0), &age(6_800, 60)), Continuity::Same, "its clock is 2 s behind in a minute");
    }

    #[test]
    fn a_young_uptime_is_a_restart_dated_by_itself() {
        let ago = Duration::from_secs(20);
        assert_eq!(compare(&age(9_000_000, 0), &age(2_000, 60)), Continuity::Restarted { ago, agent_only: false });
        // Larger than before, and yet younger than the stretch between: restarted while nobody looked.
        assert_eq!(compare(&age(1_000, 0), &age(2_000, 600)), Continuity::Restarted { ago, agent_only: false });
    }

    #[test]
    fn a_wrap_after_497_days_is_not_a_restart() {
        let before = age(u32::MAX - 2_999, 0);
        assert_eq!(compare(&before, &age(3_000, 60)), Continuity::Wrapped);
        assert_eq!(compare(&before, &age(3_400, 60)), Continuity::Wrapped, "within 5 s");
        assert!(matches!(compare(&before, &age(100, 60)), Continuity::Restarted { .. }), "a restart near the wrap");
        let late = age(u32::MAX - 5_999, 0);
        assert_eq!(compare(&late, &age(u32::MAX - 10, 60)), Continuity::Same, "just before the wrap");
    }

    #[test]
    fn the_engines_own_count_outranks_its_uptime() {
        let with = |uptime, seconds, boots| Age { boots: Some(boots), ..age(uptime, seconds) };
        assert_eq!(compare(&with(9_000, 0, 3), &with(100, 60, 3)), Continuity::Same);
        assert!(matches!(compare(&with(9_000, 0, 3), &with(15_000, 60, 4)), Continuity::Restarted { .. }));
    }

    #[test]
    fn another_engine_is_another_device() {
        let with = |id: u8| Age { engine: Some([id; 5].into()), ..age(5_000, u64::from(id)) };
        assert!(matches!(compare(&with(1), &with(2)), Continuity::Replaced { .. }));
    }

    #[test]
    fn a_restarted_agent_on_a_running_host_is_told_apart() {
        let with = |uptime, seconds, host| Age { host_uptime: Some(host), ..age(uptime, seconds) };
        let result = compare(&with(900_000, 0, 5_000_000), &with(1_000, 60, 5_006_000));
        assert_eq!(result, Continuity::Restarted { ago: Duration::from_secs(10), agent_only: true });
    }

    #[test]
    fn a_stamp_is_dated_across_the_wrap() {
        assert_eq!(since(10_000, 4_000), Some(Duration::from_secs(60)));
        assert_eq!(since(1_000, u32::MAX - 999), Some(Duration::from_secs(20)));
        assert_eq!(since(1_000, 1_050), Some(Duration::ZERO), "half a second ahead is rounding");
        assert_eq!(since(1_000, 900_000), None, "from before a restart");
        assert_eq!(since(4_000_000_000, 100), Some(Duration::from_millis(39_999_999_000)));
    }
}
