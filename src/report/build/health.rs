//! Exclusions with their story, and how well the monitor itself did.

use std::collections::BTreeMap;

use super::history::{Case, CaseState, History};
use crate::config::Config;
use crate::config::model::Maintenance;
use crate::measurement::Cause;
use crate::names::ServiceIx;
use crate::report::model::{self, Exclusion, ExclusionStep, Gap, MonitorEvent, MonitorHealth};
use crate::sla::exclusion::announced_in_time;
use crate::sla::state::State;
use crate::units::{Sec, Span};

/// Gaps that are listed one by one; the longest are kept.
const GAPS: usize = 200;

pub(super) fn exclusions(config: &Config, history: &History) -> Vec<Exclusion> {
    let cases = history
        .cases
        .iter()
        .filter(|c| c.span.intersect(history.month_span).is_some())
        .map(|c| case(config, history, c));
    let maintenance = config
        .maintenance
        .iter()
        .filter(|m| m.contract == history.contract && m.span.intersect(history.month_span).is_some())
        .map(|m| planned(config, history, m));
    let mut all: Vec<Exclusion> = cases.chain(maintenance).collect();
    all.sort_by(|a, b| (&a.from, &a.id).cmp(&(&b.from, &b.id)));
    all
}

fn names(config: &Config, services: &[ServiceIx]) -> Vec<String> {
    services.iter().map(|s| config.services[s.get()].id.to_string()).collect()
}

/// Down time of the services inside a span, before exclusion.
fn down_inside(config: &Config, history: &History, services: &[ServiceIx], span: Span) -> u64 {
    let down = |s: &ServiceIx| -> u64 {
        let window = history.book(*s).map_or(&[][..], |b| b.plan().window.as_slice());
        history
            .service_runs(config, *s)
            .iter()
            .filter(|(_, state, _)| *state == State::Down)
            .filter_map(|(run, ..)| run.intersect(span))
            .flat_map(|down| window.iter().filter_map(move |w| w.intersect(down)))
            .map(Span::seconds)
            .sum()
    };
    services.iter().filter(|s| config.services[s.get()].contract == history.contract).map(down).sum()
}

fn case(config: &Config, history: &History, case: &Case) -> Exclusion {
    Exclusion {
        id: case.id.clone(),
        kind: "exclusion".into(),
        state: case.state.name().into(),
        counted: case.state == CaseState::Agreed,
        services: names(config, &case.services),
        from: case.span.from.to_string(),
        to: case.span.to.to_string(),
        down_inside: down_inside(config, history, &case.services, case.span),
        reason: case.reason.clone(),
        reference: case.reference.clone(),
        history: case
            .steps
            .iter()
            .map(|(at, by, step, note)| ExclusionStep {
                at: at.to_string(),
                by: by.clone(),
                action: step.name().into(),
                note: note.clone(),
            })
            .collect(),
    }
}

fn planned(config: &Config, history: &History, window: &Maintenance) -> Exclusion {
    let services: Vec<ServiceIx> =
        if window.services.is_empty() { super::services_of(config, history) } else { window.services.clone() };
    let in_time = |s: &ServiceIx| {
        let sla = &config.slas[config.services[s.get()].sla.get()];
        announced_in_time(window, sla.maintenance_notice)
    };
    let valid = services.iter().all(in_time);
    let counted = services.iter().any(in_time);
    let step = window.notified.map(|at| ExclusionStep {
        at: at.to_string(),
        by: config.contracts[window.contract.get()].provider.clone(),
        action: "announced".into(),
        note: String::new(),
    });
    Exclusion {
        id: window.reference.clone(),
        kind: "maintenance".into(),
        state: if valid { "valid".into() } else { "late_notice".into() },
        counted,
        services: names(config, &services),
        from: window.span.from.to_string(),
        to: window.span.to.to_string(),
        down_inside: down_inside(config, history, &services, window.span),
        reason: "planned maintenance".into(),
        reference: window.reference.clone(),
        history: step.into_iter().collect(),
    }
}

pub(super) fn monitor(config: &Config, history: &History) -> MonitorHealth {
    let whole = Span::new(history.month_span.from, history.end());
    let (mut known, mut all) = (0, 0);
    let mut gaps: BTreeMap<(Sec, Sec, Cause), u64> = BTreeMap::new();
    for component in &history.components {
        for segment in &history.segments[component.get()] {
            let Some(inside) = segment.span.intersect(whole) else { continue };
            all += inside.seconds();
            match segment.state {
                State::Unknown(cause) => *gaps.entry((inside.from, inside.to, cause)).or_default() += 1,
                State::Up | State::Down => known += inside.seconds(),
            }
        }
    }
    let mut gaps: Vec<Gap> = gaps
        .into_iter()
        .map(|((from, to, cause), components)| Gap {
            from: from.to_string(),
            to: to.to_string(),
            seconds: Span::new(from, to).seconds(),
            cause: cause.name().into(),
            components,
        })
        .collect();
    gaps.sort_by(|a, b| (b.seconds, &a.from, &a.cause).cmp(&(a.seconds, &b.from, &b.cause)));
    gaps.truncate(GAPS);
    gaps.sort_by(|a, b| (&a.from, &a.to, &a.cause).cmp(&(&b.from, &b.to, &b.cause)));
    let rows = history.classes.iter().filter(|r| history.month_span.contains(r.span.from));
    let (sent, not_measured) =
        rows.fold((0, 0), |(s, n), r| (s + r.aggregate.population(), n + r.aggregate.not_measured));
    let events = |wanted: &[&str]| -> Vec<MonitorEvent> {
        history
            .events
            .iter()
            .filter(|(at, event, ..)| wanted.contains(&event.as_str()) && history.month_span.contains(*at))
            .map(|(at, event, seconds, detail)| MonitorEvent {
                at: at.to_string(),
                what: in_words(event, *seconds, detail),
            })
            .collect()
    };
    let _ = config;
    MonitorHealth {
        vantage: history.genesis.vantage.clone(),
        coverage: model::percent(known, all),
        sent,
        not_measured,
        gaps,
        restarts: events(&["start", "stop"]),
        clock_steps: events(&["clock_step"]),
        config_changes: history
            .configs
            .iter()
            .filter(|(at, _)| history.month_span.contains(*at))
            .map(|(at, note)| MonitorEvent { at: at.to_string(), what: note.clone() })
            .collect(),
    }
}

fn in_words(event: &str, seconds: i64, detail: &str) -> String {
    let what = match event {
        "start" => "the monitor started".to_owned(),
        "stop" => "the monitor stopped".to_owned(),
        "clock_step" => format!("the clock stepped by {seconds} s"),
        other => other.to_owned(),
    };
    if detail.is_empty() { what } else { format!("{what}: {detail}") }
}
