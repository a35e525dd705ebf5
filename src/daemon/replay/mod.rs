//! The month so far out of the evidence: after a restart, and whenever terms or exclusions change.
//!
//! ```text
//! facts ─► starts, agreed exclusions ─┐
//! chunks of rounds (hours) ───────────┴─► fold ─► accounts, outages, states
//!                                     └─► objectives (hours that are up throughout at once, minutes of the others)
//! ```
//!
//! The same [`Fold`] as live, fed in fewer steps.

pub mod client;

use std::collections::BTreeMap;

use super::core::figures::{Cut, Objectives};
use crate::config::Config;
use crate::evidence::exclusion::Exclusions;
use crate::evidence::fault::Faults;
use crate::evidence::record::{Body, Record};
use crate::evidence::recover::Chunk;
use crate::evidence::rollup::{DAY, Grain};
use crate::measurement::minute::Row;
use crate::measurement::rounds::{Rounds, Run, verdicts};
use crate::measurement::status::DatedBy;
use crate::measurement::{Cause, Verdict};
use crate::names::{ComponentIx, ServiceIx};
use crate::sla::calendar::Month;
use crate::sla::exclusion::Agreed;
use crate::sla::fold::{Fold, Source};
use crate::sla::ledger::Limits;
use crate::snapshot::ExclusionView;
use crate::units::{Sec, Span};

/// States of a component that are remembered while the objectives wait for the books.
const HISTORY: usize = 8_000;
/// Before the month's start so much is read, for the states that stand at it, seconds.
const BEFORE: i64 = DAY;

/// What the evidence says of the month so far.
#[derive(Debug)]
pub struct Past {
    /// Accounts and machines.
    pub fold: Fold,
    pub(in crate::daemon) objectives: Objectives,
    /// Exclusions that both sides agreed on.
    pub agreed: Vec<Agreed>,
    /// The same with their names.
    pub exclusions: Vec<ExclusionView>,
    /// The fault register.
    pub faults: Faults,
    /// The newest import, or step in the life of any exclusion: its record's number.
    pub newest_change: Option<u64>,
    /// Links whose interface was said to be switched off last, by identifier, and since when.
    pub switched_off: BTreeMap<String, Sec>,
    /// Hash of the configuration that was last said to be in force.
    pub config_hash: Option<String>,
    /// What of the evidence could not be read, in words.
    pub damages: Vec<String>,
}

/// What to read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The monitor begins now: what is over by now is booked.
    pub restart: bool,
    /// What the classes did, too. It takes hours and minutes where states alone take days: many times as long.
    pub objectives: bool,
}

/// What the facts say, as far as the accounts need it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    exclusions: Exclusions,
    faults: Faults,
    newest_change: Option<u64>,
    starts: Vec<Sec>,
    switched_off: BTreeMap<String, Sec>,
    config_hash: Option<String>,
}

impl Facts {
    pub(super) fn take(&mut self, record: &Record) {
        match &record.body {
            Body::Exclusion(_) => {
                self.exclusions.take(record);
                self.newest_change = self.newest_change.max(Some(record.seq));
            }
            Body::Fault(_) => self.faults.take(record),
            Body::Import { .. } => self.newest_change = self.newest_change.max(Some(record.seq)),
            Body::Start { .. } => self.starts.push(record.at),
            Body::Interface { component, state, since, .. } if state == "off" => {
                self.switched_off.insert(component.clone(), *since);
            }
            Body::Interface { component, .. } => drop(self.switched_off.remove(component)),
            Body::Config { hash, .. } => self.config_hash = Some(hash.clone()),
            _ => {}
        }
    }

    /// The agreed exclusions of services that the configuration has.
    fn agreed(&self, config: &Config) -> Vec<ExclusionView> {
        let services: BTreeMap<&str, ServiceIx> =
            config.services.iter().enumerate().map(|(n, s)| (s.id.as_str(), ServiceIx::from(n))).collect();
        let agreed = self.exclusions.agreed().map(|case| ExclusionView {
            id: case.id.clone(),
            reference: case.steps.first().map_or_else(String::new, |(_, _, step)| step.reference.clone()),
            services: case.services.iter().filter_map(|s| services.get(s.as_str()).copied()).collect(),
            span: case.span,
        });
        agreed.filter(|a| !a.services.is_empty()).collect()
    }
}

/// A replay under way.
#[derive(Debug)]
pub(super) struct Replay<'a> {
    config: &'a Config,
    past: Past,
    /// When the monitor began to probe, sorted.
    starts: Vec<Sec>,
    /// Each component's newest round of each source.
    newest: Newest,
    month: Span,
    objectives: bool,
}

impl<'a> Replay<'a> {
    /// For the month that `now` is in. `first` is the first second of evidence.
    pub(super) fn new(config: &'a Config, facts: &Facts, first: Sec, now: Sec, wanted: Wanted) -> Self {
        let zone = &config.monitor.time_zone;
        let month = Month::of(now, zone).span(zone);
        let begin = if first < month.from { month.from.plus(-BEFORE) } else { month.from };
        let exclusions = facts.agreed(config);
        let agreed: Vec<Agreed> =
            exclusions.iter().map(|e| Agreed { services: e.services.clone(), span: e.span }).collect();
        let mut starts = facts.starts.clone();
        starts.extend(wanted.restart.then_some(now));
        starts.sort_unstable();
        let past = Past {
            fold: Fold::new(config, &agreed, begin, Limits { history: HISTORY, ..Limits::LIVE }),
            objectives: Objectives::new(config),
            agreed,
            exclusions,
            faults: facts.faults.clone(),
            newest_change: facts.newest_change,
            switched_off: facts.switched_off.clone(),
            config_hash: facts.config_hash.clone(),
            damages: Vec::new(),
        };
        let objectives = wanted.objectives && past.objectives.are_any();
        Self {
            config,
            past,
            starts,
            newest: Newest(vec![[Sec(i64::MIN); 2]; config.components.len()]),
            month,
            objectives,
        }
    }

    /// How finely the month is to be read.
    pub(super) fn grain(&self) -> Grain {
        if self.objectives { Grain::Hour } else { Grain::Day }
    }

    /// What is to be read before the month: its states matter, its figures do not.
    pub(super) fn before(&self) -> Span {
        Span::new(self.month.from.plus(-BEFORE), self.month.from)
    }

    /// The month.
    pub(super) fn month(&self) -> Span {
        self.month
    }

    /// Takes a chunk in; chunks come in time order. Gives stretches whose minutes have to be looked at one by one.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> Vec<Cut> {
        self.explain(&chunk);
        self.past.fold.expire(chunk.span.from);
        feed(&mut self.past.fold, &chunk.rows, |fold, whose, run| {
            explain_start(fold, &self.starts, &self.newest, whose, run.first);
            self.newest.set(whose, run.last());
        });
        self.past.fold.advance();
        if self.objectives && chunk.span.from >= self.month.from {
            let (_, probed) = stated_and_probed(chunk.rows);
            self.past.objectives.add(chunk.span, probed);
        }
        self.past.objectives.advance(&self.past.fold, self.config)
    }

    /// Counts a minute of a cut.
    pub(super) fn minute(&mut self, cut: &Cut, span: Span, rows: &[Row]) {
        self.past.objectives.count_part(cut, span, rows, &self.past.fold, self.config);
    }

    /// Everything that was looked at with history is counted: lets go of it.
    pub(super) fn settled(&mut self) {
        if let Some(span) = self.past.objectives.waiting() {
            self.past.fold.trim_history(span.from, HISTORY);
        }
    }

    /// No more chunks. At a restart (`now`) what is settled by it is booked; cuts as above.
    pub(super) fn end(&mut self, now: Option<Sec>) -> Vec<Cut> {
        for whose in self.newest.all() {
            if self.starts.last().is_some_and(|start| self.newest.get(whose) < *start) {
                self.past.fold.explain_gap(whose.0, whose.1, Cause::Stopped);
            }
        }
        if let Some(now) = now {
            self.past.fold.expire(now);
        }
        self.past.fold.advance();
        self.past.objectives.advance(&self.past.fold, self.config)
    }

    pub(super) fn finish(mut self, damages: Vec<String>) -> Past {
        self.past.fold.trim_history(Sec(i64::MAX), 0);
        Past { damages, ..self.past }
    }

    /// Time before a source's first round of the chunk, or all of the chunk, is put down to the monitor's restart in it.
    fn explain(&mut self, chunk: &Chunk) {
        let mut first = vec![[chunk.span.to; 2]; self.newest.0.len()];
        for row in &chunk.rows {
            let place = first.get_mut(row.component.get()).map(|both| &mut both[source_of(row) as usize]);
            if let (Some(place), Some(at)) = (place, row.tally.rounds.first()) {
                *place = at.min(*place);
            }
        }
        for whose in self.newest.all() {
            let first = first[whose.0.get()][whose.1 as usize];
            explain_start(&mut self.past.fold, &self.starts, &self.newest, whose, first);
        }
    }
}

/// Whose rounds: a component's, of one source.
type Whose = (ComponentIx, Source);

/// The newest round of each component's sources.
#[derive(Debug)]
struct Newest(Vec<[Sec; 2]>);

impl Newest {
    fn all(&self) -> impl Iterator<Item = Whose> + use<> {
        (0..self.0.len()).flat_map(|n| Source::ALL.map(|source| (ComponentIx::from(n), source)))
    }

    fn get(&self, (component, source): Whose) -> Sec {
        self.0.get(component.get()).map_or(Sec(i64::MAX), |both| both[source as usize])
    }

    fn set(&mut self, (component, source): Whose, at: Sec) {
        if let Some(both) = self.0.get_mut(component.get()) {
            both[source as usize] = at;
        }
    }
}

/// When the monitor began to probe between a source's newest round and `next`, time without rounds was `stopped`.
fn explain_start(fold: &mut Fold, starts: &[Sec], newest: &Newest, whose: Whose, next: Sec) {
    let newest = newest.get(whose);
    let after = starts.partition_point(|s| *s <= newest);
    if starts.get(after).is_some_and(|s| *s <= next) {
        fold.explain_gap(whose.0, whose.1, Cause::Stopped);
    }
}

/// Whether a row has rounds of probes or statements about an interface.
fn source_of(row: &Row) -> Source {
    if DatedBy::of_class(row.class).is_some() { Source::Interface } else { Source::Address }
}

/// What interfaces said, and what probes found.
pub(super) fn stated_and_probed(rows: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
    rows.into_iter().partition(|row| source_of(row) == Source::Interface)
}

/// Feeds rows of some time, in order of component; `before` is told of each run.
pub(super) fn feed(fold: &mut Fold, rows: &[Row], mut before: impl FnMut(&mut Fold, Whose, &Run<Verdict>)) {
    for same in rows.chunk_by(|a, b| a.component == b.component) {
        for source in Source::ALL {
            let whose = (same[0].component, source);
            let rounds: Vec<&Rounds> =
                same.iter().filter(|row| source_of(row) == source).map(|row| &row.tally.rounds).collect();
            for run in verdicts(rounds) {
                before(fold, whose, &run);
                fold.run(whose.0, source, &run);
            }
        }
    }
}
