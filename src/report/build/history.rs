//! What a journal says, put in order: the state of every second of every component, exclusions, aggregates.

mod parts;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use self::parts::Parts;
pub(in crate::report::build) use self::sources::Sources;
use self::sources::{segments, sources};
use super::closing::{Intervals, closing};
use crate::config::Config;
use crate::evidence::fault::Faults;
use crate::measurement::Cause;
use crate::names::{ClassIx, ComponentIx, ContractIx, ServiceIx};
use crate::report::journal::Entry;
use crate::report::model::Revision;
use crate::sla::account::MonthBook;
use crate::sla::calendar::Month;
use crate::sla::exclusion::Agreed;
use crate::sla::ledger::{Ledger, Limits, Terms};
use crate::sla::objective::ClassAggregate;
use crate::sla::state::{Segment, State};
use crate::sla::tree;
use crate::units::{Sec, Span};

/// The first record of the journal.
#[derive(Debug, Clone)]
pub struct Genesis {
    pub(super) tz_data: String,
    pub(super) vantage: String,
    pub(super) calculation: String,
    pub(super) software: String,
    pub(super) store_sequence: u64,
    pub(super) store_head: String,
}

/// An exclusion through its life.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its identifier.
    pub id: String,
    /// Whom it touches.
    pub services: Vec<ServiceIx>,
    /// When.
    pub span: Span,
    /// Where it stands.
    pub state: CaseState,
    /// Who proposed it.
    pub proposer: String,
    /// Why.
    pub reason: String,
    /// Letter or change.
    pub reference: String,
    /// Every step: when, who, what, why.
    pub steps: Vec<(Sec, String, CaseState, String)>,
}

/// Where an exclusion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CaseState {
    Proposed,
    Agreed,
    Disputed,
    Withdrawn,
}

impl CaseState {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Agreed => "agreed",
            Self::Disputed => "disputed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// An aggregate with whose it is.
#[derive(Debug, Clone)]
pub struct ClassRow {
    pub(super) component: ComponentIx,
    pub(super) class: ClassIx,
    pub(super) span: Span,
    pub(super) aggregate: ClassAggregate,
    /// When the replies of `aggregate` came, and how many, when they do not count as a whole.
    pub(super) parts: Vec<(Span, u64)>,
}

/// A past month of a service.
#[derive(Debug, Clone)]
pub struct PastMonth {
    pub(super) month: Month,
    pub(super) down: u64,
    pub(super) availability: String,
    pub(super) verdict: String,
}

/// A remark on an outage.
#[derive(Debug, Clone)]
pub struct Note {
    pub(super) service: ServiceIx,
    pub(super) outage: Sec,
    pub(super) by: String,
    pub(super) text: String,
    pub(super) reference: String,
}

/// Everything that the figures follow from.
#[derive(Debug)]
pub struct History {
    pub(super) genesis: Genesis,
    /// The contract that it is about.
    pub contract: ContractIx,
    /// The month.
    pub month: Month,
    /// All of it.
    pub month_span: Span,
    /// The last instant looked at.
    pub as_of: Sec,
    /// Whether the month may still change.
    pub provisional: bool,
    /// The components that the contract's services need, in order.
    pub components: Vec<ComponentIx>,
    /// Settled segments of every component, by index; empty for those that do not matter.
    pub segments: Vec<Vec<Segment>>,
    /// What each of its sources says, by index.
    pub(super) sources: Vec<Sources>,
    /// Exclusions in order of their first step.
    pub cases: Vec<Case>,
    pub(super) classes: Vec<ClassRow>,
    pub(super) past: BTreeMap<ServiceIx, Vec<PastMonth>>,
    pub(super) notes: Vec<Note>,
    /// The fault register, as far as it touches the month.
    pub(super) faults: Faults,
    /// What was agreed to be excluded.
    pub(super) agreed: Vec<Agreed>,
    pub(super) events: Vec<(Sec, String, i64, String)>,
    pub(super) configs: Vec<(Sec, String)>,
    /// The newest revision.
    pub(super) revision: Option<Revision>,
    /// The books as agreed.
    pub ledger: Ledger,
    /// The books had nothing been excluded.
    pub(super) ledger_without: Ledger,
}

/// Reads a journal record by record against the configuration it came with.
#[derive(Debug)]
pub struct Reading<'a> {
    config: &'a Config,
    begun: Option<Begun>,
    parts: Parts,
}

/// What the first record says.
#[derive(Debug)]
struct Begun {
    genesis: Genesis,
    contract: ContractIx,
    month: Month,
    month_span: Span,
    as_of: Sec,
}

impl<'a> Reading<'a> {
    /// Before the first record.
    #[must_use]
    pub fn new(config: &'a Config) -> Self {
        Self { config, begun: None, parts: Parts::default() }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// What cannot be understood, in words.
    pub fn take(&mut self, entry: &Entry) -> Result<(), String> {
        if self.begun.is_some() {
            return self.parts.take(self.config, entry);
        }
        let Entry::Genesis {
            contract,
            period,
            from,
            to,
            as_of,
            tz_data,
            vantage,
            calculation,
            software,
            store_sequence,
            store_head,
            ..
        } = entry
        else {
            return Err("the journal has no genesis record".into());
        };
        let monitor = &self.config.monitor;
        let contract = self.config.contract(contract).ok_or(format!("the configuration has no contract {contract}"))?;
        let month = Month::parse(period).ok_or(format!("{period} is no month"))?;
        let month_span = month.span(&monitor.time_zone);
        if month_span != Span::new(Sec(*from), Sec(*to)) {
            return Err(format!("{period} in {} is not what the journal says it is", monitor.time_zone_name));
        }
        let genesis = Genesis {
            tz_data: tz_data.clone(),
            vantage: vantage.clone(),
            calculation: calculation.clone(),
            software: software.clone(),
            store_sequence: *store_sequence,
            store_head: store_head.clone(),
        };
        self.begun = Some(Begun { genesis, contract, month, month_span, as_of: Sec(*as_of) });
        Ok(())
    }

    /// Puts in order what was taken.
    ///
    /// # Errors
    /// There was nothing.
    pub fn finish(self) -> Result<History, String> {
        let Self { config, begun, parts } = self;
        let Begun { genesis, contract, month, month_span, as_of } = begun.ok_or("the journal has no genesis record")?;
        let mut classes = parts.classes;
        classes.sort_by_key(|r| (r.component, r.class, r.span.from));
        let parts = Parts { classes, ..parts };
        let components = components_of(config, contract);
        let mut intervals = Intervals::default();
        for rounds in &parts.rounds {
            intervals.take(month_span.to, rounds.component, rounds.source, rounds.last(), rounds.interval);
        }
        let close = closing(config, contract, month_span.to, &intervals);
        let begin =
            parts.rounds.iter().map(|r| r.first).min().map_or(month_span.from, |first| first.min(month_span.from));
        let end = as_of.min(close).max(begin);
        let watched = watched_of(config, contract);
        let sources = sources(config, &watched, &parts, begin, end);
        let segments = segments(config, &watched, &sources, begin, end);
        let agreed: Vec<Agreed> = parts
            .cases
            .iter()
            .filter(|c| c.state == CaseState::Agreed)
            .map(|c| Agreed { services: c.services.clone(), span: c.span })
            .collect();
        let terms = Terms::of(config, &agreed);
        let without: Vec<Terms> = terms.iter().map(|t| Terms { excluded: Vec::new(), ..t.clone() }).collect();
        let book = |terms| book(config, terms, &segments, begin, end);
        Ok(History {
            contract,
            month,
            month_span,
            as_of,
            provisional: as_of < close,
            ledger: book(terms),
            ledger_without: book(without),
            genesis,
            components,
            segments,
            sources,
            cases: parts.cases,
            classes: parts.classes,
            past: parts.past,
            notes: parts.notes,
            faults: parts.faults,
            agreed,
            events: parts.events,
            configs: parts.configs,
            revision: parts.revision,
        })
    }
}

impl History {
    /// Reads entries that follow each other as in a journal.
    ///
    /// # Errors
    /// What cannot be understood, in words.
    pub fn of<'e>(config: &Config, entries: impl IntoIterator<Item = &'e Entry>) -> Result<Self, String> {
        let mut reading = Reading::new(config);
        entries.into_iter().try_for_each(|entry| reading.take(entry))?;
        reading.finish()
    }

    /// The month's book of a service; `None` when the evidence does not reach into the month.
    #[must_use]
    pub fn book(&self, service: ServiceIx) -> Option<&MonthBook> {
        self.ledger.month(service, self.month)
    }

    /// What the classes of a component measured, by class and then in order of time.
    pub(super) fn classes_of(&self, component: ComponentIx) -> &[ClassRow] {
        let from = self.classes.partition_point(|r| r.component < component);
        let to = self.classes.partition_point(|r| r.component <= component);
        &self.classes[from..to]
    }

    /// Where the evidence of the month ends: at its end, or where it was looked at last.
    #[must_use]
    pub fn end(&self) -> Sec {
        self.month_span.to.min(self.as_of)
    }

    /// The states of a service through the month so far, before exclusion: (span, state, resilience lost).
    #[must_use]
    pub fn service_runs(&self, config: &Config, service: ServiceIx) -> Vec<(Span, State, bool)> {
        let tree = &config.services[service.get()].requires;
        let whole = Span::new(self.month_span.from, self.end());
        let mut edges: BTreeSet<Sec> = BTreeSet::from([whole.from]);
        for component in tree.components() {
            let inside = self.segments[component.get()].iter().filter_map(|s| s.span.intersect(whole));
            edges.extend(inside.map(|s| s.from));
        }
        let edges: Vec<Sec> = edges.into_iter().collect();
        let mut runs: Vec<(Span, State, bool)> = Vec::new();
        for (n, &from) in edges.iter().enumerate() {
            let span = Span::new(from, edges.get(n + 1).copied().unwrap_or(whole.to));
            if span.is_empty() {
                continue;
            }
            let standing = tree::evaluate(tree, |c| self.state_at(c, from));
            match runs.last_mut() {
                Some((last, state, degraded))
                    if state.same_kind(standing.state) && *degraded == standing.degraded && last.to == from =>
                {
                    last.to = span.to;
                }
                _ => runs.push((span, standing.state, standing.degraded)),
            }
        }
        runs
    }

    /// A component's state at an instant.
    #[must_use]
    pub fn state_at(&self, component: ComponentIx, at: Sec) -> State {
        let segments = &self.segments[component.get()];
        let n = segments.partition_point(|s| s.span.to <= at);
        match segments.get(n) {
            Some(s) if s.span.contains(at) => s.state,
            _ => State::Unknown(Cause::Gap),
        }
    }
}

/// When rounds count for the objectives of `service`: the seconds of its up account so far.
///
/// Nothing counts when the service had more outages than a register holds.
#[must_use]
pub fn counted_spans_of(history: &History, service: ServiceIx) -> Vec<Span> {
    let booked = history.ledger.booked_until(service).min(history.end());
    history.book(service).and_then(|book| book.up_spans(booked)).unwrap_or_default()
}

/// The components that a contract's services need.
#[must_use]
pub fn components_of(config: &Config, contract: ContractIx) -> Vec<ComponentIx> {
    let services = config.services.iter().filter(|s| s.contract == contract);
    let all: BTreeSet<ComponentIx> = services.flat_map(|s| s.requires.components()).collect();
    all.into_iter().collect()
}

/// The same with everything that stands before them: parents name the cause of an outage.
#[must_use]
pub fn watched_of(config: &Config, contract: ContractIx) -> Vec<ComponentIx> {
    let mut all = BTreeSet::new();
    let mut to_do = components_of(config, contract);
    while let Some(component) = to_do.pop() {
        if all.insert(component) {
            to_do.extend(config.components[component.get()].parents.iter().copied());
        }
    }
    all.into_iter().collect()
}

fn book(config: &Config, terms: Vec<Terms>, segments: &[Vec<Segment>], begin: Sec, end: Sec) -> Ledger {
    let zone = config.monitor.time_zone.clone();
    let mut ledger = Ledger::new(zone, terms, config.components.len(), begin, Limits::REPORT);
    for (n, segments) in segments.iter().enumerate() {
        let component = ComponentIx::from(n);
        for segment in segments {
            ledger.component_segment(component, *segment);
        }
        if segments.last().is_none_or(|s| s.span.to < end) {
            let from = segments.last().map_or(begin, |s| s.span.to);
            ledger.component_segment(
                component,
                Segment { span: Span::new(from, end), state: State::Unknown(Cause::Gap) },
            );
        }
    }
    ledger.finish();
    ledger
}
