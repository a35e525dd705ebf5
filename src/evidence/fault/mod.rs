//! The fault register: one list, one reference to quote, whoever noticed it and whoever mends it.
//!
//! ```text
//! open ─► open ── report ─► reported ─┬─ stop ─► stopped ── resume ─┐
//!          │                    ▲     │                             │
//!          │                    ├─────┼─────────────────────────────┘
//!          └── clear, stop too  │     └─ clear ─► cleared ── close ─► closed
//!                               └───────── reopen ───┴──────────────────┘
//! ```
//!
//! Records are only added; what stands is what folding all of them gives. A step that the rules forbid is
//! refused before it is written ([`Faults::check`]) and, should it stand in the chain all the same, ignored.
//! Stops are what the contract's restore clock stands for: see [`Faults::stops`].

mod clock;
pub mod reference;
mod step;

use std::collections::BTreeMap;

pub use self::clock::Clock;
pub use self::step::{Action, Cause, Responsible, Step};
use super::exclusion::MAX_TEXT;
use super::record::{Body, Record};
use crate::sla::restore::StopReason;
use crate::units::{Sec, Span};

/// Services and components that one fault names, at most.
pub const MAX_NAMED: usize = 2_000;
/// Worst and mildest severity: 1 is a service that is down with all its backup, 4 a question.
pub const SEVERITIES: std::ops::RangeInclusive<u8> = 1..=4;

/// Where a fault stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// In the register; the supplier was not told yet.
    Open,
    /// The supplier knows.
    Reported,
    /// The contract's clock stands.
    Stopped,
    /// Service is restored.
    Cleared,
    /// Done with.
    Closed,
}

impl Standing {
    /// Its name in lists, pages and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Reported => "reported",
            Self::Stopped => "clock stopped",
            Self::Cleared => "cleared",
            Self::Closed => "closed",
        }
    }

    /// Whether service is still to be restored.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Reported | Self::Stopped)
    }
}

/// Time for which the contract's clock stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// First second.
    pub from: Sec,
    /// First second that counts again; `None` while it lasts.
    pub to: Option<Sec>,
    /// Why.
    pub reason: StopReason,
    /// Who entered it.
    pub who: String,
    /// In their words.
    pub text: String,
    /// What proves it.
    pub reference: String,
}

/// A fault with all that was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Our reference.
    pub id: String,
    /// The supplier's; empty before they gave one.
    pub supplier_reference: String,
    /// Where.
    pub site: Option<String>,
    /// Services that suffer.
    pub services: Vec<String>,
    /// Components that are thought to be at fault.
    pub components: Vec<String>,
    /// What is wrong, as it was opened.
    pub symptom: String,
    /// 1 to 4.
    pub severity: u8,
    /// Whose fault it is thought to be.
    pub responsible: Responsible,
    /// When it was noticed.
    pub detected: Sec,
    /// When it was entered here.
    pub opened: Sec,
    /// When the supplier was first told.
    pub reported: Option<Sec>,
    /// When service was restored, as far as that holds.
    pub cleared: Option<Sec>,
    /// When it was done with, as far as that holds.
    pub closed: Option<Sec>,
    /// What it was.
    pub cause: Option<Cause>,
    /// When the next word on it is due.
    pub next_update: Option<Sec>,
    /// Times for which the clock stands, in order.
    pub stops: Vec<Stop>,
    /// Where it stands.
    pub standing: Standing,
    /// Every step: `seq` of its record, when it was written down, what.
    pub steps: Vec<(u64, Sec, Step)>,
}

impl Fault {
    /// From when it was noticed until it was cleared, or until `now`.
    #[must_use]
    pub fn span(&self, now: Sec) -> Span {
        Span::new(self.detected, self.cleared.unwrap_or(now).max(self.detected))
    }

    /// Times for which the clock stands, as of `now`.
    #[must_use]
    pub fn stopped(&self, now: Sec) -> Vec<Span> {
        let spans = self.stops.iter().map(|s| Span::new(s.from, s.to.unwrap_or(now).max(s.from)));
        spans.filter(|span| !span.is_empty()).collect()
    }

    /// The word that was due and has not come.
    #[must_use]
    pub fn overdue(&self, now: Sec) -> bool {
        self.standing.is_open() && self.next_update.is_some_and(|due| due < now)
    }

    /// When somebody last did something about it.
    fn last(&self) -> Sec {
        self.steps.iter().map(|(.., step)| step.when).max().unwrap_or(self.opened)
    }
}

/// All faults, by reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    faults: BTreeMap<String, Fault>,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refused {
    #[error("{0} must be given, in one line of at most {MAX_TEXT} bytes")]
    Text(&'static str),
    #[error("a fault is at a site, of a service or of a component: name at least one, and at most {MAX_NAMED}")]
    Nothing,
    #[error("there is a fault {0} already")]
    Taken(String),
    #[error("there is no fault {0}; `assured fault list --all` shows them all")]
    Unknown(String),
    #[error("a severity is 1 (down, with its backup), 2 (in part), 3 (worse than it should be) or 4 (a question)")]
    Severity,
    #[error("{when} is before {what}: the register is kept in order of time")]
    Order { when: Sec, what: String },
    #[error("{0} has not come yet")]
    Future(Sec),
    #[error("{id} is {standing}: {hint}", standing = .standing.name())]
    Standing { id: String, standing: Standing, hint: &'static str },
    #[error("a clock stops for one of these reasons: {}", stop_reasons())]
    Reason,
    #[error("closing says what it was (cause) and whose it was (responsible)")]
    Cause,
}

/// Reasons that somebody may stop the clock for, by name. What the monitor cannot see stops nothing by hand.
#[must_use]
pub fn stop_reasons() -> String {
    let names = StopReason::NAMES.iter().filter(|(_, r)| *r != StopReason::MonitorUnknown).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(", ")
}

impl Faults {
    /// Takes a record in; one that is not about faults, or that the rules forbid, changes nothing.
    pub fn take(&mut self, record: &Record) {
        if let Body::Fault(step) = &record.body
            && self.check(step, record.at).is_ok()
        {
            self.apply(record.seq, record.at, step);
        }
    }

    /// Whether a step may be written at `now`.
    ///
    /// # Errors
    /// What forbids it.
    pub fn check(&self, step: &Step, now: Sec) -> Result<(), Refused> {
        for (name, text) in [("a reference", &step.id), ("a name (by)", &step.who), ("what is said", &step.text)] {
            if text.trim().is_empty() || !in_a_line(text) {
                return Err(Refused::Text(name));
            }
        }
        if !in_a_line(&step.reference) {
            return Err(Refused::Text("a reference"));
        }
        if step.severity.is_some_and(|s| !SEVERITIES.contains(&s)) {
            return Err(Refused::Severity);
        }
        if step.when > now {
            return Err(Refused::Future(step.when));
        }
        match (self.faults.get(&step.id), step.action) {
            (Some(_), Action::Open) => Err(Refused::Taken(step.id.clone())),
            (None, Action::Open) => opening(step),
            (None, _) => Err(Refused::Unknown(step.id.clone())),
            (Some(fault), _) => further(fault, step),
        }
    }

    fn apply(&mut self, seq: u64, at: Sec, step: &Step) {
        let fault = self.faults.entry(step.id.clone()).or_insert_with(|| Fault {
            id: step.id.clone(),
            supplier_reference: String::new(),
            site: step.site.clone(),
            services: step.services.clone(),
            components: step.components.clone(),
            symptom: step.text.clone(),
            severity: 3,
            responsible: Responsible::Unknown,
            detected: step.detected.unwrap_or(step.when),
            opened: step.when,
            reported: None,
            cleared: None,
            closed: None,
            cause: None,
            next_update: None,
            stops: Vec::new(),
            standing: Standing::Open,
            steps: Vec::new(),
        });
        fault.severity = step.severity.unwrap_or(fault.severity);
        fault.responsible = step.responsible.unwrap_or(fault.responsible);
        // Whoever says something has said what was due.
        fault.next_update = step.next_update;
        let running = if fault.reported.is_some() { Standing::Reported } else { Standing::Open };
        match step.action {
            Action::Open | Action::Update => {}
            Action::Report => {
                fault.supplier_reference.clone_from(&step.reference);
                fault.reported.get_or_insert(step.when);
                if fault.standing == Standing::Open {
                    fault.standing = Standing::Reported;
                }
            }
            Action::Stop => {
                fault.stops.push(Stop {
                    from: step.when,
                    to: None,
                    reason: step.stop.as_deref().and_then(StopReason::parse).unwrap_or(StopReason::Suspension),
                    who: step.who.clone(),
                    text: step.text.clone(),
                    reference: step.reference.clone(),
                });
                fault.standing = Standing::Stopped;
            }
            Action::Resume => {
                fault.run_on(step.when);
                fault.standing = running;
            }
            Action::Clear => {
                fault.run_on(step.when);
                fault.cleared = Some(step.when);
                fault.standing = Standing::Cleared;
            }
            Action::Close => {
                fault.closed = Some(step.when);
                fault.cause = step.cause;
                fault.standing = Standing::Closed;
            }
            Action::Reopen => {
                (fault.cleared, fault.closed, fault.cause) = (None, None, None);
                fault.standing = running;
            }
        }
        fault.steps.push((seq, at, step.clone()));
    }

    /// The fault with this reference.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Fault> {
        self.faults.get(id)
    }

    /// All, in the order in which they were opened.
    #[must_use]
    pub fn all(&self) -> Vec<&Fault> {
        let mut all: Vec<&Fault> = self.faults.values().collect();
        all.sort_by_key(|f| f.steps.first().map_or(0, |(seq, ..)| *seq));
        all
    }

    /// When the contract's restore clock stands for a service, as of `now`: the stops of its faults.
    #[must_use]
    pub fn stops(&self, service: &str, now: Sec) -> Vec<Span> {
        let of_it = self.faults.values().filter(|f| f.services.iter().any(|s| s == service));
        of_it.flat_map(|f| f.stopped(now)).collect()
    }

    /// A reference that is not taken, for a fault that is opened at `at`.
    #[must_use]
    pub fn next_id(&self, at: Sec) -> String {
        let year = jiff::Timestamp::from_second(at.0).map_or(0, |t| t.to_zoned(jiff::tz::TimeZone::UTC).year());
        let first = self.faults.len() as u64;
        // Numbers of this year; with the faults of all years as the first guess none is looked at twice.
        let mut number = first;
        while number > 0 && !self.faults.contains_key(&reference::make(year, number - 1)) {
            number -= 1;
        }
        while self.faults.contains_key(&reference::make(year, number)) {
            number += 1;
        }
        reference::make(year, number)
    }
}

impl Fault {
    /// The clock runs again.
    fn run_on(&mut self, at: Sec) {
        if let Some(stop) = self.stops.last_mut().filter(|s| s.to.is_none()) {
            stop.to = Some(at);
        }
    }
}

fn in_a_line(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

fn opening(step: &Step) -> Result<(), Refused> {
    let named = step.services.len() + step.components.len() + usize::from(step.site.is_some());
    if named == 0 || named > MAX_NAMED {
        return Err(Refused::Nothing);
    }
    match step.detected {
        Some(detected) if detected > step.when => {
            Err(Refused::Order { when: step.when, what: format!("it was noticed ({detected})") })
        }
        _ => Ok(()),
    }
}

fn further(fault: &Fault, step: &Step) -> Result<(), Refused> {
    use Standing::{Cleared, Closed, Open, Reported, Stopped};
    if step.when < fault.last() {
        return Err(Refused::Order {
            when: step.when,
            what: format!("the last step on {} ({})", fault.id, fault.last()),
        });
    }
    let refused = |hint| Err(Refused::Standing { id: fault.id.clone(), standing: fault.standing, hint });
    match (step.action, fault.standing) {
        (Action::Report, _) if step.reference.trim().is_empty() => Err(Refused::Text("the supplier's reference")),
        (Action::Stop, Open | Reported) => {
            let reason = step.stop.as_deref().and_then(StopReason::parse);
            match reason.filter(|r| *r != StopReason::MonitorUnknown) {
                Some(_) => Ok(()),
                None => Err(Refused::Reason),
            }
        }
        (Action::Close, Cleared) if step.cause.is_none() || step.responsible.is_none() => Err(Refused::Cause),
        (Action::Update, _)
        | (Action::Report | Action::Clear, Open | Reported | Stopped)
        | (Action::Resume, Stopped)
        | (Action::Close, Cleared)
        | (Action::Reopen, Cleared | Closed) => Ok(()),
        (Action::Stop, Stopped) => refused("its clock stands already"),
        (Action::Resume, Open | Reported) => refused("its clock runs"),
        (Action::Close, Open | Reported | Stopped) => {
            refused("clear it first, with the time at which service was back")
        }
        (Action::Reopen, Open | Reported | Stopped) => refused("there is nothing to reopen"),
        (Action::Report | Action::Stop | Action::Resume | Action::Clear, Cleared | Closed)
        | (Action::Close, Closed) => refused("reopen it first, if it was not restored after all"),
        (Action::Open, _) => Err(Refused::Taken(fault.id.clone())),
    }
}

#[cfg(test)]
mod tests;
