//! What devices said of their interfaces: the newest word of each, the minutes of their statements, and who was switched off.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Core;
use super::switched::Switched;
use super::view;
use crate::clock::Now;
use crate::config::Config;
use crate::config::model::{ComponentKind, LinkRole, SnmpProbing};
use crate::daemon::isolation::Judgement;
use crate::measurement::minute::{Minute, MinuteAggregator};
use crate::measurement::rounds::Fate;
use crate::measurement::status::{DatedBy, Stated, Status, Word};
use crate::measurement::{Cause, Verdict};
use crate::names::ComponentIx;
use crate::sla::fold::Source;
use crate::units::Sec;

/// A minute of statements stays open for so long after the last answer that may still date something into it.
const SLACK: Duration = Duration::from_secs(15);
/// A poll's answer may take as long as the next poll, but is not waited for longer than this.
const SLOWEST: Duration = Duration::from_secs(60);

/// What is known of the interfaces.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    /// What was said last.
    heard: BTreeMap<ComponentIx, Heard>,
    /// Statements by how long their minutes stay open, seconds: a poll may date a change back to the poll before it.
    open: BTreeMap<i64, MinuteAggregator>,
    pub(super) switched: Switched,
}

/// The newest statement about an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    /// As it came.
    pub(super) status: Status,
    /// What became of it.
    fate: Fate,
    /// What dates the state that it is in, and when that was entered, as far as we saw it.
    pub(super) entered: Option<(Sec, DatedBy)>,
    /// The newest statement that was none of silence.
    pub(super) said: Option<(Sec, Word)>,
}

impl Interfaces {
    /// What was said last of an interface.
    pub(super) fn heard(&self, component: ComponentIx) -> Option<&Heard> {
        self.heard.get(&component)
    }

    /// Whether any device was asked yet: before that only the evidence knows what was switched off.
    pub(super) fn anything_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    /// Minutes that no statement can come into any more.
    pub(super) fn take_before(&mut self, now: Sec) -> Vec<Minute> {
        let mut minutes: Vec<Minute> =
            self.open.iter_mut().flat_map(|(wait, open)| open.take_before(now.plus(-wait))).collect();
        minutes.sort_by_key(|m| m.start);
        minutes
    }

    /// Every minute, the unfinished ones too. Statements go on in minutes of their own.
    pub(super) fn take_all(&mut self) -> Vec<Minute> {
        let mut minutes: Vec<Minute> =
            std::mem::take(&mut self.open).into_values().flat_map(|mut open| open.take_all()).collect();
        minutes.sort_by_key(|m| m.start);
        minutes
    }

    /// Minutes that were not taken yet.
    pub(super) fn open(&self) -> impl Iterator<Item = Minute> + '_ {
        self.open.values().flat_map(MinuteAggregator::open)
    }

    /// Components have other indices now, or are gone.
    pub(super) fn rename(&mut self, new: impl Fn(ComponentIx) -> Option<ComponentIx>) {
        let heard = std::mem::take(&mut self.heard);
        self.heard = heard.into_iter().filter_map(|(c, heard)| Some((new(c)?, heard))).collect();
        self.switched.rename(new);
    }

    fn minutes_of(&mut self, polling: &SnmpProbing) -> &mut MinuteAggregator {
        let answer = polling.interval.min(SLOWEST).saturating_add(polling.longest());
        let wait = polling.interval.saturating_add(answer).saturating_add(SLACK);
        self.open.entry(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX / 4)).or_default()
    }
}

impl Core {
    /// A device said something of one of its interfaces, or a poll brought nothing: that too has to be said here, at once.
    ///
    /// Statements about one interface come in order of time. What is not a link with an interface on a polled device
    /// is passed over.
    pub fn status(&mut self, component: ComponentIx, status: &Status, now: Now) {
        let Some(config) = self.config.components.get(component.get()) else { return };
        let Some(polling) = self.config.polling(config).cloned() else { return };
        let on_demand = is_standby(&self.config, component);
        let status = self.with_cause(*status, now);
        let before = self.interfaces.heard.get(&component).copied();
        let floor = self.fold.open_from(component, Source::Interface, status.at).unwrap_or(status.at);
        let minutes = self.interfaces.minutes_of(&polling);
        let floor = minutes.taken_before().map_or(floor, |taken| floor.max(taken));
        let rounds = status.rounds(before.map(|b| b.fate), floor, on_demand);
        let interval = u32::try_from(polling.interval.as_secs()).unwrap_or(u32::MAX).max(1);
        let was = self.fold.confirmed(component).state;
        for round in &rounds {
            let kept = self.interfaces.minutes_of(&polling).add_stated(
                component,
                round.dated_by.class(),
                round.at,
                interval,
                round.fate,
            );
            if kept.is_err() {
                self.totals.too_late += 1;
                continue;
            }
            let verdict = Verdict::of([round.fate.outcome()]);
            self.fold.round(component, Source::Interface, round.at, verdict);
            if let Fate::NotMeasured(cause) = round.fate {
                *self.totals.not_measured.entry(cause).or_default() += 1;
            }
        }
        let Some(last) = rounds.last() else { return };
        self.interfaces.heard.insert(component, heard(before, status, &rounds));
        self.switched_off(component, status.word, rounds.iter().find(|r| r.fate == last.fate).unwrap_or(last));
        self.tell(component, was, last.at, "its device says so");
    }

    /// Silence while the monitor itself is cut off is nothing that the agent did.
    fn with_cause(&self, status: Status, now: Now) -> Status {
        let silent = matches!(status.word, Word::Unknown(Cause::AgentSilent));
        let at_ns = status.at.0.saturating_mul(1_000_000_000);
        if silent && self.isolation.judge(at_ns, now.wall_ns) == Judgement::Isolated {
            return Status { word: Word::Unknown(Cause::Isolated), ..status };
        }
        status
    }

    /// Statements on their way to the evidence.
    pub(super) fn stated(&mut self, minutes: Vec<Minute>) {
        for minute in minutes {
            if let Some(since) = &mut self.since_asked {
                since.push(minute.clone());
            }
            if self.keeping {
                self.kept.minutes.push((minute, self.meaning.clone()));
            }
        }
    }

    /// One line in the log when a component's state changed.
    pub(super) fn tell(&self, component: ComponentIx, was: crate::sla::state::State, at: Sec, why_down: &str) {
        use crate::sla::state::State;
        let id = &self.config.components[component.get()].id;
        let confirmed = self.fold.confirmed(component);
        if was.same_kind(confirmed.state) {
            return;
        }
        let since = confirmed.since.unwrap_or(at);
        match (was, confirmed.state) {
            // The first decision after the start is no news.
            (State::Unknown(Cause::Stopped | Cause::Undecided), State::Up) => {
                tracing::debug!(component = %id, %since, "up");
            }
            (_, State::Up) => tracing::info!(component = %id, %since, was = view::state_name(was), "up"),
            (_, State::Down) => tracing::warn!(component = %id, %since, "down: {why_down}"),
            (_, State::Unknown(cause)) => {
                tracing::warn!(component = %id, since = %at, %cause, "unknown: {}", view::cause_in_words(cause));
            }
        }
    }
}

/// Whether a component is a backup on demand.
fn is_standby(config: &Config, component: ComponentIx) -> bool {
    matches!(&config.components[component.get()].kind, ComponentKind::Link(link) if link.role == LinkRole::Standby)
}

fn heard(before: Option<Heard>, status: Status, rounds: &[Stated]) -> Heard {
    let fate = status.word.fate();
    let dated = rounds.iter().find(|r| r.fate == fate).map(|r| (r.at, r.dated_by));
    let entered = match before {
        Some(before) if before.fate == fate && !status.flapped => before.entered,
        _ => dated,
    };
    let told = !matches!(status.word, Word::Unknown(_));
    let said = if told { Some((status.heard, status.word)) } else { before.and_then(|b| b.said) };
    Heard { status, fate, entered, said }
}
