//! A service's figures of the month so far, for gauges and boards. Reports compute theirs from the evidence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Core;
use super::judged::Judged;
use crate::config::Config;
use crate::config::model::Sla;
use crate::measurement::minute::{MINUTE, Row};
use crate::measurement::status::DatedBy;
use crate::names::{ClassIx, ComponentIx, ServiceIx};
use crate::sla::account::{Entered, MonthBook};
use crate::sla::calendar::Month;
use crate::sla::credit::at_risk;
use crate::sla::figures::{Counted, Promise, figures};
use crate::sla::fold::Fold;
use crate::sla::ledger;
use crate::sla::objective::{ClassAggregate, evaluate};
use crate::sla::restore::RestoreClock;
use crate::snapshot::{AllowanceView, CreditView, ObjectiveView, Ratios};
use crate::units::{Sec, Span};

/// Stretches that may wait until every service is booked past them; more are left out of the live objectives.
const WAITING: usize = 30;

/// What the gauges show of a service.
pub(super) struct Live {
    pub(super) ratios: Option<Ratios>,
    pub(super) budget_remaining: Option<f64>,
    pub(super) credit: Option<CreditView>,
    pub(super) allowance: Option<AllowanceView>,
    pub(super) objectives: Vec<ObjectiveView>,
    pub(super) budget_left_seconds: Option<i64>,
    pub(super) achievable: Option<f64>,
}

/// The month so far by the contract's formula.
pub(super) fn live(core: &Core, service: ServiceIx, now: &ledger::Now, at: Sec) -> Live {
    let config = &core.config;
    let sla = &config.slas[config.services[service.get()].sla.get()];
    let promise = Promise::from(sla);
    let counted = Counted::new(&now.tally, sla.rounding, 0);
    let Some(book) = core.fold.ledger().month(service, now.month) else {
        return Live {
            ratios: None,
            budget_remaining: None,
            credit: None,
            allowance: None,
            objectives: Vec::new(),
            budget_left_seconds: None,
            achievable: None,
        };
    };
    let figures = figures(&promise, &counted, book.plan());
    let ratios = (counted.accounts.window() > 0).then_some(()).and(figures.availability).map(|value| Ratios {
        value: value.as_f64(),
        lower: figures.lower.as_f64(),
        upper: figures.upper.as_f64(),
        coverage: figures.coverage.as_f64(),
    });
    let allowed = figures.allowed_down;
    let budget_remaining = (allowed > 0).then(|| figures.budget_left as f64 / allowed as f64);
    let credit = sla.credits.as_ref().and_then(|schedule| {
        let at_risk = at_risk(schedule, &figures, late_restorations(core, service, sla, book, at))?;
        Some(CreditView { so_far: at_risk.so_far.as_f64(), certain: at_risk.certain.as_f64() })
    });
    let allowance =
        Some(AllowanceView { allowed, counted: figures.counted_down, achievable: figures.achievable.as_f64() });
    let objectives = sla
        .objectives
        .iter()
        .enumerate()
        .map(|(n, objective)| {
            let all = core.objectives.of(service, objective.class, now.month);
            let codec = config.classes[objective.class.get()].codec;
            let outcome = evaluate(objective, all, codec);
            let (minutes, bad_minutes) = core.objectives.judged(service, n);
            ObjectiveView {
                class: objective.class,
                measure: objective.measure,
                value: outcome.value.map(|v| v.as_f64()),
                limit: limit_in_base_units(objective.limit),
                met: outcome.value.map(|_| outcome.verdict == crate::sla::figures::Verdict::Met),
                probes: all.population(),
                minutes,
                bad_minutes,
            }
        })
        .collect();
    let budget_left_seconds = (allowed > 0).then_some(figures.budget_left);
    let achievable = ratios.map(|_| figures.achievable.as_f64());
    Live { ratios, budget_remaining, credit, allowance, objectives, budget_left_seconds, achievable }
}

/// Outages of the month that were not restored in time, as a report would count them; the one that lasts included.
fn late_restorations(core: &Core, ix: ServiceIx, sla: &Sla, book: &MonthBook, now: Sec) -> u64 {
    let Some(within) = sla.restore_within.filter(|_| book.outages().iter().next().is_some()) else { return 0 };
    let stops: Vec<Span> = book.plan().excluded.iter().copied().chain(core.faults.stops(ix, now)).collect();
    let clock = RestoreClock { zone: &core.config.monitor.time_zone, hours: &sla.service_hours, stops: &stops };
    clock.late(book.outages().iter(), within)
}

fn limit_in_base_units(limit: crate::config::model::Limit) -> f64 {
    use crate::config::model::Limit;
    match limit {
        Limit::Micros(us) => us as f64 / 1e6,
        Limit::Share(share) => share.as_f64(),
        Limit::Mos(mos) => f64::from(mos) / 1e4,
    }
}

/// What the classes of each service's components did in available time, this month.
///
/// Stretch by stretch, live a minute each: a stretch counts for a service when the service was up through
/// all of it. Minutes that are cut are left out here; reports look at their rounds.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Objectives {
    waiting: VecDeque<(Span, Vec<Row>)>,
    month: Option<Month>,
    found: BTreeMap<(ServiceIx, ClassIx), ClassAggregate>,
    /// Of that: what the stretch at hand brought, while it is a minute.
    minute: BTreeMap<(ServiceIx, ClassIx), ClassAggregate>,
    nothing: ClassAggregate,
    judged: Judged,
    /// Services that look at a component, for those that have objectives.
    users: BTreeMap<ComponentIx, Vec<ServiceIx>>,
}

/// A stretch that counted for some components, and that others were not up through, or not for all their services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Cut {
    pub(in crate::daemon) span: Span,
    pub(in crate::daemon) components: BTreeSet<ComponentIx>,
}

impl Objectives {
    pub(in crate::daemon) fn new(config: &Config) -> Self {
        let mut users: BTreeMap<ComponentIx, Vec<ServiceIx>> = BTreeMap::new();
        for (n, service) in config.services.iter().enumerate() {
            if config.slas[service.sla.get()].objectives.is_empty() {
                continue;
            }
            for component in service.requires.components() {
                users.entry(component).or_default().push(ServiceIx::from(n));
            }
        }
        Self { users, ..Self::default() }
    }

    /// Whether any service has objectives.
    pub(in crate::daemon) fn are_any(&self) -> bool {
        !self.users.is_empty()
    }

    /// Takes a stretch in, to be counted when every service is booked past it.
    pub(in crate::daemon) fn add(&mut self, span: Span, rows: Vec<Row>) {
        self.waiting.push_back((span, rows));
        if self.waiting.len() > WAITING {
            self.waiting.pop_front();
        }
    }

    /// Counts the stretches that every service is booked past. Gives those longer than a minute that did not
    /// count for everybody: nothing of what the named components did in them is in the figures yet.
    pub(in crate::daemon) fn advance(&mut self, fold: &Fold, config: &Config) -> Vec<Cut> {
        let mut cuts = Vec::new();
        while let Some(&(span, _)) = self.waiting.front() {
            if !booked_past(fold, span.to) {
                break;
            }
            let (_, rows) = self.waiting.pop_front().expect("it has a front");
            self.minute.clear();
            let components = self.count(span, &rows, fold, config, |_| true);
            self.judged.minute(span, &self.minute, config);
            if span.seconds() > MINUTE.unsigned_abs() && !components.is_empty() {
                cuts.push(Cut { span, components });
            }
        }
        cuts
    }

    /// The first stretch that waits for the books.
    pub(in crate::daemon) fn waiting(&self) -> Option<Span> {
        self.waiting.front().map(|&(span, _)| span)
    }

    /// Counts a stretch of a cut that [`advance`](Self::advance) gave.
    pub(in crate::daemon) fn count_part(&mut self, cut: &Cut, span: Span, rows: &[Row], fold: &Fold, config: &Config) {
        self.count(span, rows, fold, config, |component| cut.components.contains(&component));
    }

    /// Minutes judged one by one since the start, and how many of them were beyond the limit of the service's nth objective.
    pub(super) fn judged(&self, service: ServiceIx, nth: usize) -> (u64, u64) {
        self.judged.of(service, nth)
    }

    /// Goes on with the minutes that another has judged: what is replayed is not judged again.
    pub(in crate::daemon) fn judge_on(&mut self, other: &mut Self) {
        self.judged = std::mem::take(&mut other.judged);
    }

    fn of(&self, service: ServiceIx, class: ClassIx, month: Month) -> &ClassAggregate {
        if self.month != Some(month) {
            return &self.nothing;
        }
        self.found.get(&(service, class)).unwrap_or(&self.nothing)
    }

    /// Gives the components that were not counted for all of their services; they are counted for none.
    /// A minute is as short as a stretch gets: there each service counts for itself.
    fn count(
        &mut self,
        span: Span,
        rows: &[Row],
        fold: &Fold,
        config: &Config,
        wanted: impl Fn(ComponentIx) -> bool,
    ) -> BTreeSet<ComponentIx> {
        let month = Month::of(span.from, &config.monitor.time_zone);
        if self.month != Some(month) {
            self.found.clear();
            self.month = Some(month);
        }
        let whole = span.seconds() > MINUTE.unsigned_abs();
        let mut cut = BTreeSet::new();
        let mut up: BTreeMap<ServiceIx, bool> = BTreeMap::new();
        let probed = rows.iter().filter(|r| DatedBy::of_class(r.class).is_none());
        for row in probed.filter(|r| wanted(r.component)) {
            let Some(users) = self.users.get(&row.component) else { continue };
            let mut service_up = |service: ServiceIx| {
                *up.entry(service).or_insert_with(|| {
                    fold.ledger().month(service, month).is_some_and(|book| up_throughout(book, span))
                })
            };
            if whole && !users.iter().all(|&service| service_up(service)) {
                cut.insert(row.component);
                continue;
            }
            let aggregate = ClassAggregate::from(&row.tally);
            for &service in users.iter().filter(|&&service| service_up(service)) {
                self.found.entry((service, row.class)).or_default().merge(&aggregate);
                if !whole {
                    self.minute.entry((service, row.class)).or_default().merge(&aggregate);
                }
            }
        }
        cut
    }
}

/// Whether every service's books have got to `to`.
fn booked_past(fold: &Fold, to: Sec) -> bool {
    let ledger = fold.ledger();
    (0..ledger.services()).all(|n| ledger.booked_until(ServiceIx::from(n)) >= to)
}

/// Whether all of `span` is in the window, not excluded, and neither down nor unknown.
fn up_throughout(book: &MonthBook, span: Span) -> bool {
    let plan = book.plan();
    let within = plan.window.iter().any(|w| w.from <= span.from && span.to <= w.to);
    let touches = |from: Sec, to: Sec| Span::new(from, to).intersect(span).is_some();
    within
        && !plan.excluded.iter().any(|e| touches(e.from, e.to))
        && !book.outages().iter().any(|o| o.what == Entered::Outage && touches(o.span.from, o.span.to))
        && !book.unknown().iter().any(|u| touches(u.span.from, u.span.to))
}
