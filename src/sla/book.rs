//! How a service's time is booked: runs of one state, cut into months.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::measurement::Cause;
use crate::names::ComponentIx;
use crate::sla::account::{Kind, MonthBook, Plan, Tally};
use crate::sla::calendar::{self, Month};
use crate::sla::ledger::{Limits, Terms};
use crate::sla::state::State;
use crate::sla::tree::Standing;
use crate::units::{Sec, Span};

/// What is fixed about a service's month.
pub(super) fn plan(terms: &Terms, month: Month, zone: &TimeZone) -> Arc<Plan> {
    let window = calendar::window(month, zone, &terms.hours, terms.term);
    Arc::new(Plan::new(month, month.span(zone), terms.term, window, &terms.excluded))
}

/// How far a service is booked, and the run of one state that is under way.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) frontier: Sec,
    standing: Standing,
    pub(super) since: Sec,
    /// Down, but not yet long enough to count: booked when it ends or has become long enough.
    pub(super) held: Option<Held>,
    /// Where the run of down time under way began.
    down_since: Option<Sec>,
}

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) span: Span,
    pub(super) components: Vec<ComponentIx>,
}

impl Book {
    /// Nothing is booked before `start`.
    pub(super) fn new(start: Sec) -> Self {
        let standing = Standing { state: State::Unknown(Cause::Stopped), degraded: false };
        Self { frontier: start, standing, since: start, held: None, down_since: None }
    }

    pub(super) fn same(&self, standing: Standing) -> bool {
        self.standing.state.same_kind(standing.state) && self.standing.degraded == standing.degraded
    }

    /// Goes from the frontier to `target` and hands out contiguous pieces to book, with the components they came from.
    pub(super) fn sweep(
        &mut self,
        target: Sec,
        min_outage: u64,
        mut state_at: impl FnMut(Sec) -> (Standing, Sec),
        mut causes_at: impl FnMut(Sec) -> Vec<ComponentIx>,
        mut post: impl FnMut(Span, Kind, &[ComponentIx]),
    ) {
        while self.frontier < target {
            let (standing, until) = state_at(self.frontier);
            let piece = Span::new(self.frontier, until.min(target));
            if !self.same(standing) {
                self.since = piece.from;
            }
            self.standing = standing;
            self.frontier = piece.to;
            if standing.state == State::Down {
                self.down(piece, min_outage, causes_at(piece.from), &mut post);
                continue;
            }
            self.down_since = None;
            if let Some(held) = self.held.take() {
                post(held.span, Kind::Short, &held.components);
            }
            match standing.state {
                State::Unknown(cause) => post(piece, Kind::Unknown(cause), &causes_at(piece.from)),
                State::Up | State::Down if standing.degraded => post(piece, Kind::Degraded, &causes_at(piece.from)),
                State::Up | State::Down => post(piece, Kind::Up, &[]),
            }
        }
    }

    fn down(
        &mut self,
        piece: Span,
        min_outage: u64,
        components: Vec<ComponentIx>,
        post: &mut impl FnMut(Span, Kind, &[ComponentIx]),
    ) {
        let began = *self.down_since.get_or_insert(piece.from);
        let whole = Span::new(began, piece.to);
        if whole.seconds() < min_outage {
            let held = self.held.get_or_insert_with(|| Held { span: whole, components: Vec::new() });
            held.span = whole;
            for component in components {
                if !held.components.contains(&component) {
                    held.components.push(component);
                }
            }
            return;
        }
        if let Some(held) = self.held.take() {
            post(held.span, Kind::Down { began }, &held.components);
        }
        post(piece, Kind::Down { began }, &components);
    }
}

/// Where a service's time is booked: month after month.
pub(super) struct Pages<'a> {
    pub(super) terms: &'a Terms,
    pub(super) plans: &'a mut [Arc<Plan>; 2],
    pub(super) months: &'a mut VecDeque<MonthBook>,
    pub(super) zone: &'a TimeZone,
    pub(super) limits: Limits,
}

impl Pages<'_> {
    pub(super) fn post(&mut self, span: Span, kind: Kind, components: &[ComponentIx]) {
        let mut rest = span;
        while !rest.is_empty() {
            let current = self.months.back_mut().expect("a service always has its current month");
            let end = current.plan().month_span.to;
            let part = Span::new(rest.from, rest.to.min(end));
            current.post(part, kind, components, self.terms.rounding, self.limits.entries);
            rest.from = part.to;
            if part.to < end {
                break;
            }
            current.close();
            self.plans.rotate_left(1);
            self.plans[1] = plan(self.terms, self.plans[0].month.next(), self.zone);
            self.months.push_back(MonthBook::new(&self.plans[0]));
            if self.months.len() > self.limits.months {
                self.months.pop_front();
            }
        }
    }
}

/// Books onto a copy of the numbers alone: what is provisional leaves no trace.
pub(super) struct Scratch<'a> {
    pub(super) terms: &'a Terms,
    pub(super) plan: Arc<Plan>,
    pub(super) tally: Tally,
    /// The month after, made ready.
    pub(super) next: &'a Arc<Plan>,
    pub(super) zone: &'a TimeZone,
}

impl Scratch<'_> {
    pub(super) fn post(&mut self, span: Span, kind: Kind) {
        let mut rest = span;
        while !rest.is_empty() {
            let end = self.plan.month_span.to;
            let part = Span::new(rest.from, rest.to.min(end));
            self.tally.post(&self.plan, part, kind, self.terms.rounding);
            rest.from = part.to;
            if part.to < end {
                break;
            }
            let month = self.plan.month.next();
            self.plan =
                if self.next.month == month { Arc::clone(self.next) } else { plan(self.terms, month, self.zone) };
            self.tally = Tally::default();
        }
    }
}
