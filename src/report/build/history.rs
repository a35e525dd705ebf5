//! What a journal says, put in order: the state of every second of every component, exclusions, aggregates.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::Config;
use crate::config::model::{Component, Hysteresis};
use crate::evidence::fault::Faults;
use crate::evidence::record::Body;
use crate::measurement::status::DatedBy;
use crate::measurement::{Cause, Verdict};
use crate::names::{ClassIx, ComponentIx, ContractIx, ServiceIx};
use crate::report::fault;
use crate::report::journal::{Entry, RoundOutcome, Source};
use crate::report::model::{Change, Revision};
use crate::sketch::Sketch;
use crate::sla::account::MonthBook;
use crate::sla::calendar::Month;
use crate::sla::exclusion::Agreed;
use crate::sla::ledger::{Ledger, Limits, Terms};
use crate::sla::link::Join;
use crate::sla::objective::ClassAggregate;
use crate::sla::state::{Machine, Segment, State};
use crate::sla::tree;
use crate::units::{Micros, Sec, Span};

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
        let close = closing(config, &components, month_span.to);
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

/// When a contract's month can no longer change by itself: the rounds that its last decisions need are in.
#[must_use]
pub fn closing(config: &Config, components: &[ComponentIx], month_end: Sec) -> Sec {
    let rounds = |source: Source, component: &Component, interval: Duration, timeout: Duration| -> u64 {
        let Hysteresis { down_after, up_after } = source.hysteresis(component.hysteresis);
        let rounds = u64::from(down_after.max(up_after)) + 1;
        let each = interval.as_secs().saturating_add(timeout.as_secs()).max(1);
        rounds.saturating_mul(each).saturating_mul(3) / 2 + 60
    };
    let wait = |c: &ComponentIx| -> u64 {
        let component = &config.components[c.get()];
        let icmp = component.icmp.as_ref().map(|i| (i.interval, i.timeout));
        let (interval, timeout) = icmp.unwrap_or((Duration::from_secs(60), Duration::ZERO));
        let pings = rounds(Source::Ping, component, interval, timeout);
        let polls = config.polling(component).map(|p| {
            // What interfaces said is written a poll later.
            rounds(Source::Interface, component, p.interval, p.longest()).saturating_add(p.interval.as_secs() + 60)
        });
        polls.map_or(pings, |polls| polls.max(pings))
    };
    let longest = components.iter().map(wait).max().unwrap_or(60);
    month_end.plus(i64::try_from(longest).unwrap_or(i64::MAX / 4))
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

#[derive(Debug, Clone)]
struct Rounds {
    component: ComponentIx,
    source: Source,
    first: Sec,
    step: i64,
    interval: u64,
    count: u64,
    verdict: Verdict,
    dated_by: DatedBy,
}

/// Positions by identifier: components, classes, services.
type Index = (BTreeMap<String, ComponentIx>, BTreeMap<String, ClassIx>, BTreeMap<String, ServiceIx>);

#[derive(Debug, Default)]
struct Parts {
    rounds: Vec<Rounds>,
    classes: Vec<ClassRow>,
    cases: Vec<Case>,
    past: BTreeMap<ServiceIx, Vec<PastMonth>>,
    notes: Vec<Note>,
    faults: Faults,
    /// How many steps of faults were taken.
    fault_steps: u64,
    events: Vec<(Sec, String, i64, String)>,
    configs: Vec<(Sec, String)>,
    revision: Option<Revision>,
    index: Option<Index>,
}

impl Parts {
    fn take(&mut self, config: &Config, entry: &Entry) -> Result<(), String> {
        let (components, classes, services) = self.index.get_or_insert_with(|| {
            let components = config.components.iter().enumerate();
            let classes = config.classes.iter().enumerate();
            let services = config.services.iter().enumerate();
            (
                components.map(|(n, c)| (c.id.to_string(), ComponentIx::from(n))).collect(),
                classes.map(|(n, c)| (c.id.to_string(), ClassIx::from(n))).collect(),
                services.map(|(n, s)| (s.id.to_string(), ServiceIx::from(n))).collect(),
            )
        });
        let component_of =
            |id: &str| components.get(id).copied().ok_or(format!("the configuration has no component {id}"));
        let service_of = |id: &str| services.get(id).copied().ok_or(format!("the configuration has no service {id}"));
        match entry {
            Entry::Genesis { .. } => return Err("a second genesis record".into()),
            Entry::Revision { number, reason, supersedes, changes, .. } => {
                let triples = changes.chunks_exact(3);
                if !triples.remainder().is_empty() {
                    return Err("a revision lists figure, old and new value, three texts each".into());
                }
                let change = |c: &[String]| Change { figure: c[0].clone(), old: c[1].clone(), new: c[2].clone() };
                self.revision = Some(Revision {
                    number: *number,
                    reason: reason.clone(),
                    supersedes: supersedes.clone(),
                    changes: triples.map(change).collect(),
                });
            }
            Entry::Carry { component, .. } => component_of(component).map(|_| ())?,
            Entry::Config { at, note, .. } => self.configs.push((Sec(*at), note.clone())),
            Entry::Rounds { component, source, from, step, interval, count, outcome, cause, dated_by, strays: _ } => {
                let dated_by = match dated_by.as_deref() {
                    None => DatedBy::Poll,
                    Some(name) => DatedBy::parse(name).ok_or(format!("{name} dates nothing"))?,
                };
                let verdict = match outcome {
                    RoundOutcome::Reply => Verdict::Reply,
                    RoundOutcome::Lost => Verdict::Lost,
                    RoundOutcome::NotMeasured => {
                        let cause = cause.as_deref().ok_or("rounds were not measured, but it does not say why")?;
                        Verdict::NotMeasured(Cause::parse(cause).ok_or(format!("{cause} is no cause"))?)
                    }
                };
                self.rounds.push(Rounds {
                    component: component_of(component)?,
                    source: *source,
                    first: Sec(*from),
                    step: i64::try_from(*step).map_err(|_| "a step beyond all time")?,
                    interval: *interval,
                    count: *count,
                    verdict,
                    dated_by,
                });
            }
            Entry::Class {
                component,
                class,
                from,
                to,
                sent,
                lost,
                not_measured,
                rtt_count,
                rtt_sum_us,
                rtt_min_us,
                rtt_max_us,
                jitter_sum_us,
                jitter_count,
                sketch,
            } => {
                let micros = |us: &u64| u32::try_from(*us).map(Micros).map_err(|_| "a round-trip time beyond all time");
                let answered = *rtt_count > 0;
                let span = Span::new(Sec(*from), Sec(*to));
                let aggregate = ClassAggregate {
                    span: Some(span),
                    received: sent.checked_sub(*lost).ok_or("a class record with more lost than sent")?,
                    timed: *rtt_count,
                    lost: *lost,
                    not_measured: *not_measured,
                    rtt_sum_us: *rtt_sum_us,
                    rtt_min: answered.then(|| micros(rtt_min_us)).transpose()?,
                    rtt_max: answered.then(|| micros(rtt_max_us)).transpose()?,
                    sketch: Sketch::from_text(sketch).map_err(|e| e.to_string())?,
                    jitter_nanos: jitter_sum_us.checked_mul(1000).ok_or("jitter beyond all time")?,
                    jitter_minutes: *jitter_count,
                };
                let class = classes.get(class).copied().ok_or(format!("the configuration has no class {class}"))?;
                self.classes.push(ClassRow { component: component_of(component)?, class, span, aggregate });
            }
            Entry::Month { service, month, down, availability, verdict, .. } => {
                let month = Month::parse(month).ok_or(format!("{month} is no month"))?;
                self.past.entry(service_of(service)?).or_default().push(PastMonth {
                    month,
                    down: *down,
                    availability: availability.clone(),
                    verdict: verdict.clone(),
                });
            }
            Entry::Exclusion { at, id, action, by, services, from, to, reason, reference } => {
                let services = services.iter().map(|s| service_of(s)).collect::<Result<Vec<_>, _>>()?;
                self.exclusion(Sec(*at), id, action, by, services, Span::new(Sec(*from), Sec(*to)), reason, reference)?;
            }
            Entry::Fault { id, services, .. } => {
                services.iter().try_for_each(|s| service_of(s).map(drop))?;
                self.fault_steps += 1;
                let record = fault::record(self.fault_steps, entry)?.expect("it is about a fault");
                if let Body::Fault(step) = &record.body {
                    self.faults.check(step, record.at).map_err(|e| format!("fault {id}: {e}"))?;
                }
                self.faults.take(&record);
            }
            Entry::Annotation { by, service, outage, text, reference, .. } => self.notes.push(Note {
                service: service_of(service)?,
                outage: Sec(*outage),
                by: by.clone(),
                text: text.clone(),
                reference: reference.clone(),
            }),
            Entry::Monitor { at, event, seconds, detail } => {
                self.events.push((Sec(*at), event.clone(), *seconds, detail.clone()));
            }
        }
        Ok(())
    }

    /// A step in the life of an exclusion: the proposer cannot agree to his own proposal, and what is withdrawn stays so.
    #[expect(clippy::too_many_arguments, reason = "the fields of one journal record")]
    fn exclusion(
        &mut self,
        at: Sec,
        id: &str,
        action: &str,
        by: &str,
        services: Vec<ServiceIx>,
        span: Span,
        reason: &str,
        reference: &str,
    ) -> Result<(), String> {
        let step = match action {
            "propose" => CaseState::Proposed,
            "agree" => CaseState::Agreed,
            "dispute" => CaseState::Disputed,
            "withdraw" => CaseState::Withdrawn,
            other => return Err(format!("{other} is nothing that is done with an exclusion")),
        };
        let known = self.cases.iter_mut().find(|c| c.id == id);
        let entry = (at, by.to_owned(), step, reason.to_owned());
        match (known, step) {
            (None, CaseState::Proposed) => self.cases.push(Case {
                id: id.to_owned(),
                services,
                span,
                state: step,
                proposer: by.to_owned(),
                reason: reason.to_owned(),
                reference: reference.to_owned(),
                steps: vec![entry],
            }),
            (None, _) => return Err(format!("exclusion {id} was never proposed")),
            (Some(_), CaseState::Proposed) => return Err(format!("exclusion {id} was proposed twice")),
            (Some(case), _) => {
                if case.state == CaseState::Withdrawn {
                    return Err(format!("exclusion {id} was withdrawn before"));
                }
                if step == CaseState::Agreed && case.proposer == by {
                    return Err(format!("exclusion {id} was agreed to by {by}, who proposed it"));
                }
                case.state = step;
                case.steps.push(entry);
            }
        }
        Ok(())
    }
}

/// What each source of a component says, and how the moments of that are known.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    pub(super) ping: Option<Vec<Segment>>,
    pub(super) interface: Option<Vec<Segment>>,
    /// The interface's rounds that are dated by more than a regular poll, in order.
    dated: Vec<DatedRun>,
}

/// First round, distance, how many, and what dates them.
type DatedRun = (Sec, i64, u64, DatedBy);

impl Sources {
    /// What a source's round at `at` is dated by.
    pub(super) fn dated_by(&self, source: Source, at: Sec) -> &'static str {
        match source {
            Source::Ping => "probe",
            Source::Interface => {
                let n = self.dated.partition_point(|(first, ..)| *first <= at);
                let run = n.checked_sub(1).map(|n| self.dated[n]);
                let hit = run.filter(|&(first, step, count, _)| {
                    let behind = at.since(first);
                    behind % step == 0 && u64::try_from(behind / step).is_ok_and(|n| n < count)
                });
                hit.map_or(DatedBy::Poll, |(.., dated_by)| dated_by).name()
            }
        }
    }

    /// The segments of each source, the one that may be dated to the second first.
    pub(super) fn both(&self) -> impl Iterator<Item = (Source, &[Segment])> {
        let interface = self.interface.as_deref().map(|s| (Source::Interface, s));
        interface.into_iter().chain(self.ping.as_deref().map(|s| (Source::Ping, s)))
    }
}

/// What every component's sources say from `begin` to `end`.
fn sources(config: &Config, components: &[ComponentIx], parts: &Parts, begin: Sec, end: Sec) -> Vec<Sources> {
    let mut by_component: BTreeMap<ComponentIx, Vec<&Rounds>> = BTreeMap::new();
    for rounds in &parts.rounds {
        by_component.entry(rounds.component).or_default().push(rounds);
    }
    let starts: Vec<Sec> = parts.events.iter().filter(|(_, e, ..)| e == "start").map(|(at, ..)| *at).collect();
    let mut all = vec![Sources::default(); config.components.len()];
    for &component in components {
        let rounds = by_component.get(&component).map_or(&[][..], Vec::as_slice);
        let of = |source: Source| {
            let mine: Vec<&Rounds> = rounds.iter().copied().filter(|r| r.source == source).collect();
            let hysteresis = source.hysteresis(config.components[component.get()].hysteresis);
            (!mine.is_empty()).then(|| states(&mine, hysteresis, &starts, begin, end))
        };
        let exact = rounds.iter().filter(|r| r.dated_by != DatedBy::Poll);
        let mut dated: Vec<DatedRun> = exact.map(|r| (r.first, r.step.max(1), r.count, r.dated_by)).collect();
        dated.sort_unstable_by_key(|(first, ..)| *first);
        all[component.get()] = Sources { ping: of(Source::Ping), interface: of(Source::Interface), dated };
    }
    all
}

/// Every component's settled states from `begin` to `end`: what its sources say, joined.
fn segments(
    config: &Config,
    components: &[ComponentIx],
    sources: &[Sources],
    begin: Sec,
    end: Sec,
) -> Vec<Vec<Segment>> {
    let mut all = vec![Vec::new(); config.components.len()];
    for &component in components {
        let Sources { ping, interface, .. } = &sources[component.get()];
        all[component.get()] = match (ping, interface) {
            (Some(far), Some(interface)) => {
                let mut joined = Vec::new();
                Join::new(begin).take(far, interface, &mut joined);
                joined
            }
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (None, None) => vec![Segment { span: Span::new(begin, end), state: State::Unknown(Cause::Gap) }],
        };
    }
    all
}

fn states(rounds: &[&Rounds], hysteresis: Hysteresis, starts: &[Sec], begin: Sec, end: Sec) -> Vec<Segment> {
    let first_interval = rounds.first().map_or(60, |r| r.interval);
    let mut machine = Machine::new(begin, Cause::Stopped, Duration::from_secs(first_interval), hysteresis);
    let mut out = Vec::new();
    let mut settled = Vec::new();
    for run in rounds {
        machine.configure(Duration::from_secs(run.interval), hysteresis);
        let last = machine.newest_round().unwrap_or(begin);
        if starts.iter().any(|s| last < *s && *s <= run.first) {
            machine.explain_gap(Cause::Stopped);
        }
        settled.clear();
        machine.run(run.first, run.step, run.count, run.verdict, &mut settled);
        settled.iter().for_each(|s| s.push_to(&mut out));
    }
    settled.clear();
    machine.finish(end, &mut settled);
    settled.iter().for_each(|s| s.push_to(&mut out));
    for segment in &mut out {
        segment.span.to = segment.span.to.min(end);
    }
    out.retain(|s| !s.span.is_empty());
    out
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
