//! What every site looked like through the month: one line for each service and component.

use std::collections::BTreeSet;

use super::history::History;
use super::{services_of, term_of};
use crate::config::Config;
use crate::names::{ComponentIx, ServiceIx, SiteIx};
use crate::report::model::{RunState, SiteTimeline, StateRun, TimelineRow};
use crate::sla::state::State;
use crate::units::{Sec, Span};

pub(super) fn all(config: &Config, history: &History) -> Vec<SiteTimeline> {
    let services = services_of(config, history);
    let sites: BTreeSet<SiteIx> = services.iter().map(|s| config.services[s.get()].site).collect();
    let mut timelines: Vec<SiteTimeline> = sites
        .into_iter()
        .map(|site| {
            let here: Vec<ServiceIx> =
                services.iter().copied().filter(|s| config.services[s.get()].site == site).collect();
            let components: BTreeSet<ComponentIx> =
                here.iter().flat_map(|s| config.services[s.get()].requires.components()).collect();
            let services = here.iter().map(|s| service_row(config, history, *s));
            let components = components.iter().map(|c| component_row(config, history, *c));
            SiteTimeline {
                site: config.sites[site.get()].id.to_string(),
                title: config.sites[site.get()].title.clone(),
                rows: services.chain(components).collect(),
            }
        })
        .collect();
    timelines.sort_by(|a, b| a.site.cmp(&b.site));
    timelines
}

fn service_row(config: &Config, history: &History, service: ServiceIx) -> TimelineRow {
    let month = history.month_span;
    let mut painted = Painted::new(month);
    for (span, state, degraded) in history.service_runs(config, service) {
        painted.paint(span, run_state(state, degraded));
    }
    let term = term_of(config, service);
    if let Some(book) = history.book(service) {
        let plan = book.plan();
        let mut from = month.from;
        for window in plan.window.iter().chain([&Span::new(month.to, month.to)]) {
            painted.paint(Span::new(from, window.from), RunState::Outside);
            from = window.to;
        }
        for excluded in &plan.excluded {
            painted.paint(Span::new(excluded.from, excluded.to.min(history.end())), RunState::Excluded);
        }
    }
    painted.paint(Span::new(month.from, term.from), RunState::Outside);
    painted.paint(Span::new(term.to, month.to), RunState::Outside);
    painted.paint(Span::new(history.end(), month.to), RunState::Outside);
    TimelineRow { id: config.services[service.get()].id.to_string(), kind: "service".into(), runs: painted.runs() }
}

fn component_row(config: &Config, history: &History, component: ComponentIx) -> TimelineRow {
    let month = history.month_span;
    let mut painted = Painted::new(month);
    for segment in &history.segments[component.get()] {
        painted.paint(segment.span, run_state(segment.state, false));
    }
    painted.paint(Span::new(history.end(), month.to), RunState::Outside);
    TimelineRow {
        id: config.components[component.get()].id.to_string(),
        kind: "component".into(),
        runs: painted.runs(),
    }
}

fn run_state(state: State, degraded: bool) -> RunState {
    match state {
        State::Up if degraded => RunState::Degraded,
        State::Up => RunState::Up,
        State::Down => RunState::Down,
        State::Unknown(_) => RunState::Unknown,
    }
}

/// A month painted over with states, the later paint on top.
struct Painted {
    month: Span,
    /// What each stretch is, from its first second on, in order; the first begins with the month.
    edges: Vec<(Sec, RunState)>,
}

impl Painted {
    fn new(month: Span) -> Self {
        Self { month, edges: vec![(month.from, RunState::Unknown)] }
    }

    fn paint(&mut self, span: Span, state: RunState) {
        let Some(span) = span.intersect(self.month) else { return };
        let first = self.edges.partition_point(|(at, _)| *at < span.from);
        let after = self.edges.partition_point(|(at, _)| *at <= span.to);
        // The state that goes on behind the paint.
        let behind = self.edges[after - 1].1;
        let mut new = vec![(span.from, state)];
        if span.to < self.month.to {
            new.push((span.to, behind));
        }
        self.edges.splice(first..after, new);
    }

    fn runs(self) -> Vec<StateRun> {
        let mut runs: Vec<(Span, RunState)> = Vec::new();
        for (n, &(from, state)) in self.edges.iter().enumerate() {
            let to = self.edges.get(n + 1).map_or(self.month.to, |(at, _)| *at);
            match runs.last_mut() {
                Some((last, before)) if *before == state => last.to = to,
                _ if from < to => runs.push((Span::new(from, to), state)),
                _ => {}
            }
        }
        runs.into_iter()
            .map(|(span, state)| StateRun { from: span.from.to_string(), to: span.to.to_string(), state })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(paints: &[(i64, i64, RunState)]) -> Vec<(i64, i64, RunState)> {
        let mut painted = Painted::new(Span::new(Sec(0), Sec(100)));
        for &(from, to, state) in paints {
            painted.paint(Span::new(Sec(from), Sec(to)), state);
        }
        let instant = |t: &str| t.parse::<jiff::Timestamp>().expect("a time").as_second();
        painted.runs().iter().map(|r| (instant(&r.from), instant(&r.to), r.state)).collect()
    }

    #[test]
    fn the_later_paint_lies_on_top_and_nothing_is_left_bare() {
        use RunState::{Down, Excluded, Unknown, Up};
        assert_eq!(runs(&[]), [(0, 100, Unknown)]);
        assert_eq!(runs(&[(0, 50, Up), (50, 100, Down)]), [(0, 50, Up), (50, 100, Down)]);
        assert_eq!(
            runs(&[(0, 50, Up), (50, 100, Down), (40, 60, Excluded)]),
            [(0, 40, Up), (40, 60, Excluded), (60, 100, Down)]
        );
        assert_eq!(runs(&[(10, 20, Up), (20, 30, Up)]), [(0, 10, Unknown), (10, 30, Up), (30, 100, Unknown)]);
        assert_eq!(runs(&[(-10, 200, Up), (0, 0, Down)]), [(0, 100, Up)]);
    }
}
