//! From a poll's report to what the core wants to know. Pure.

use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::interface::{Change, Source, State, Why};
use assured_probes::snmp::poll::Report;
use assured_probes::snmp::reading::{Is, Reading};
use assured_probes::snmp::restart::{Continuity, since};
use assured_probes::snmp::{Access, Outcome};

use super::interface::{Found, find};
use super::{Job, Polled, Wanted};
use crate::config::model::LinkRole;
use crate::measurement::Cause;
use crate::measurement::status::{self, DatedBy, Status, Word};
use crate::units::Sec;

/// Readings kept of one device; the rest is left out and counted.
pub const READINGS: usize = 20_000;

/// Both clocks when the poll began: reports are dated on the monotonic one, accounts on the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Began {
    /// Wall clock, nanoseconds since the Unix epoch.
    pub wall_ns: i64,
    /// The clock that the poll was given.
    pub mono: Duration,
}

impl Began {
    fn wall(&self, at: Duration) -> Sec {
        let after_ns = i64::try_from(at.as_nanos()).unwrap_or(i64::MAX / 2)
            - i64::try_from(self.mono.as_nanos()).unwrap_or(i64::MAX / 2);
        Sec(self.wall_ns.saturating_add(after_ns).div_euclid(1_000_000_000))
    }
}

/// What came of a poll.
#[must_use]
pub fn digest(job: &Job, report: Report, began: Began, heard: Sec) -> Polled {
    let mut complaints = Vec::new();
    let interfaces = job
        .links
        .iter()
        .map(|wanted| (wanted.link, statement(job, wanted, &report, began, heard, &mut complaints)))
        .collect();
    let cut = report.readings.len().saturating_sub(READINGS);
    let mut readings = report.readings;
    readings.truncate(READINGS);
    Polled {
        device: job.device.clone(),
        component: job.component,
        generation: job.generation,
        heard,
        outcome: report.outcome,
        access: report.access,
        access_changed: report.access_changed,
        restarted: report.continuity.is_some_and(Continuity::breaks_counters),
        profile: report.profile.map(|p| p.name.to_string()).unwrap_or_default(),
        description: report.description,
        uptime: report.uptime,
        readings: readings.into(),
        cut: cut as u64,
        interfaces,
        complaints,
    }
}

/// A job that was not carried out, and why.
#[must_use]
pub fn undone(job: &Job, cause: Cause) -> Polled {
    Polled {
        device: job.device.clone(),
        component: job.component,
        generation: job.generation,
        heard: job.at,
        outcome: Outcome::Error,
        access: Access::Open,
        access_changed: false,
        restarted: false,
        profile: String::new(),
        description: String::new(),
        uptime: None,
        readings: Arc::from([]),
        cut: 0,
        interfaces: job.links.iter().map(|w| (w.link, Status::unknown(job.at, cause))).collect(),
        complaints: Vec::new(),
    }
}

fn statement(
    job: &Job,
    wanted: &Wanted,
    report: &Report,
    began: Began,
    heard: Sec,
    complaints: &mut Vec<String>,
) -> Status {
    let unknown = |cause| Status { heard, ..Status::unknown(job.at, cause) };
    let found = match find(&report.readings, &wanted.interface) {
        Found::One(reading) => reading,
        Found::None if report.outcome != Outcome::Ok => return unknown(why_silent(report)),
        Found::None => {
            complaints.push(format!("it has no interface with the name or alias {:?}", wanted.interface));
            return unknown(Cause::NoInterface);
        }
        Found::Several => {
            complaints.push(format!("more than one of its interfaces is called {:?}", wanted.interface));
            return unknown(Cause::NoInterface);
        }
    };
    let Is::State(state, _, stamp) = found.is else { return unknown(Cause::NotTold) };
    let (since, flapped) = dated(found, stamp, report, began);
    Status {
        at: job.at,
        heard,
        word: word(state, wanted.role),
        since,
        flapped,
        dated_by: if job.hinted { DatedBy::Trap } else { DatedBy::Poll },
    }
}

fn why_silent(report: &Report) -> Cause {
    match report.outcome {
        Outcome::Timeout => Cause::AgentSilent,
        Outcome::Auth => Cause::AuthFailure,
        Outcome::Ok | Outcome::Error => match report.failure {
            Some(assured_probes::snmp::Failure::Local(_)) => Cause::SendFailed,
            _ => Cause::NotTold,
        },
    }
}

fn word(state: State, role: LinkRole) -> Word {
    match state {
        State::Up => Word::Up,
        State::Down(Why::Dormant) if role == LinkRole::Standby => Word::Up,
        State::Down(why) => Word::Down(match why {
            Why::Down => status::Why::Down,
            Why::Testing => status::Why::Testing,
            Why::NotPresent => status::Why::NotPresent,
            Why::LowerLayer => status::Why::LowerLayer,
            Why::Dormant => status::Why::Dormant,
        }),
        State::AdministrativelyDown => Word::Off,
        State::Unknown => Word::Unknown(Cause::NotTold),
    }
}

/// Since when it is in its state by the device's clock, and whether it left that state and came back since the last poll.
fn dated(reading: &Reading, stamp: Option<u32>, report: &Report, began: Began) -> (Option<Sec>, bool) {
    let changed = report.changes.iter().find(|c| c.row == reading.row && c.name == reading.name).map(|c| c.change);
    match changed {
        Some(Change::Flap { back }) => return (Some(began.wall(back.at)), true),
        Some(Change::Over(over)) if over.source == Source::LastChange => return (Some(began.wall(over.at)), false),
        // It went over, and what the device says of when is not to be believed.
        Some(Change::Over(_)) => return (None, false),
        Some(Change::None) | None => {}
    }
    // Unchanged, or seen for the first time: how long ago, as the device tells. 0 is "before the last restart".
    let age = report.uptime.zip(stamp.filter(|s| *s != 0)).and_then(|(uptime, stamp)| {
        let ticks = u32::try_from(uptime.as_millis() / 10).ok()?;
        since(ticks, stamp)
    });
    (age.map(|age| Sec(began.wall(began.mono).0 - i64::try_from(age.as_secs()).unwrap_or(i64::MAX / 4))), false)
}
