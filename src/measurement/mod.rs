//! What one round of probes found out: a reply, a loss, a refusal, or that nothing was measured and why.
//!
//! "No data" is an outcome of its own. It is never folded silently into up or down.

pub mod buckets;
pub mod jitter;
pub mod minute;
pub mod recent;
pub mod rounds;
pub mod status;

use std::fmt;

use crate::names::{ClassIx, ComponentIx};
use crate::units::{Micros, Sec};

/// What became of one class's probe in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Our own probe came back in time.
    Reply {
        /// Round-trip time.
        rtt: Micros,
    },
    /// Nothing came back in time.
    Lost,
    /// Nothing came back in time, and somebody on the way said that it cannot get there
    /// (ICMP destination unreachable). Counts as lost.
    Refused,
    /// We cannot say. Counts as unknown time, never as loss.
    NotMeasured(Cause),
}

/// Why time is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The monitor was not running.
    Stopped,
    /// The slot was missed: the process was stalled or suspended.
    Skipped,
    /// The wall clock stepped over it.
    ClockStep,
    /// Every sentinel failed: the monitor itself is cut off.
    Isolated,
    /// The monitor's own host has no route or no network.
    NoRoute,
    /// The monitor's own socket dropped datagrams.
    SocketDrop,
    /// The monitor had no room or right to send the probe.
    SendFailed,
    /// The host name has never been resolved.
    Unresolved,
    /// The SNMP agent is silent although its device answers.
    AgentSilent,
    /// The SNMP agent rejects our credentials.
    AuthFailure,
    /// Its interface is switched off at the device: not an outage, and perhaps to be excluded.
    SwitchedOff,
    /// Its interface went away and came back between two polls; when it went the device does not tell.
    Flapped,
    /// The device answers, and does not say whether its interface is up.
    NotTold,
    /// The device has no interface of the configured name.
    NoInterface,
    /// An imported record says so.
    Imported,
    /// Rounds were lost after an unknown stretch, but too few in a row to say down.
    Undecided,
    /// No round covered the time, and nothing says why.
    Gap,
}

impl Cause {
    /// Every cause with its name in metrics, journal and reports.
    pub const NAMES: [(&'static str, Self); 17] = [
        ("stopped", Self::Stopped),
        ("skipped", Self::Skipped),
        ("clock_step", Self::ClockStep),
        ("isolated", Self::Isolated),
        ("no_route", Self::NoRoute),
        ("socket_drop", Self::SocketDrop),
        ("send_failed", Self::SendFailed),
        ("unresolved", Self::Unresolved),
        ("agent_silent", Self::AgentSilent),
        ("auth_failure", Self::AuthFailure),
        ("switched_off", Self::SwitchedOff),
        ("flapped", Self::Flapped),
        ("not_told", Self::NotTold),
        ("no_interface", Self::NoInterface),
        ("imported", Self::Imported),
        ("undecided", Self::Undecided),
        ("gap", Self::Gap),
    ];

    /// Those that a running daemon comes upon, and counts from its start: what was never counted cannot be seen to begin.
    pub const LIVE: [Self; 13] = [
        Self::Skipped,
        Self::ClockStep,
        Self::Isolated,
        Self::NoRoute,
        Self::SocketDrop,
        Self::SendFailed,
        Self::Unresolved,
        Self::AgentSilent,
        Self::AuthFailure,
        Self::SwitchedOff,
        Self::Flapped,
        Self::NotTold,
        Self::NoInterface,
    ];

    /// Its name in metrics, journal and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, c)| *c == self).map_or("gap", |(n, _)| n)
    }

    /// The cause with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, c)| *c)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All classes' probes to one component at one due time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// When it was due, floored to the second.
    pub at: Sec,
    /// Whom it probed.
    pub component: ComponentIx,
    /// One outcome per class probed.
    pub outcomes: Vec<(ClassIx, Outcome)>,
}

/// What a round says of reachability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// At least one class got a reply.
    Reply,
    /// No class got a reply and at least one was lost.
    Lost,
    /// No class was measured.
    NotMeasured(Cause),
}

impl Verdict {
    /// Several classes probed in one round make one verdict: reachable if any class got a reply.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut verdict = Self::NotMeasured(Cause::Gap);
        for outcome in outcomes {
            match (outcome, verdict) {
                (Outcome::Reply { .. }, _) => return Self::Reply,
                (Outcome::Lost | Outcome::Refused, _) => verdict = Self::Lost,
                (Outcome::NotMeasured(cause), Self::NotMeasured(_)) => verdict = Self::NotMeasured(cause),
                (Outcome::NotMeasured(_), _) => {}
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_reply_makes_a_round_reachable() {
        let reply = Outcome::Reply { rtt: Micros(5) };
        let none = Outcome::NotMeasured(Cause::SocketDrop);
        assert_eq!(Verdict::of([Outcome::Lost, reply]), Verdict::Reply);
        assert_eq!(Verdict::of([none, Outcome::Lost]), Verdict::Lost);
        assert_eq!(Verdict::of([Outcome::Refused, none]), Verdict::Lost);
        assert_eq!(Verdict::of([none]), Verdict::NotMeasured(Cause::SocketDrop));
    }
}
