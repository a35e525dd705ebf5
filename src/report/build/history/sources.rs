//! What the sources of every component say, second by second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::parts::{Parts, Rounds};
use crate::config::Config;
use crate::config::model::Hysteresis;
use crate::measurement::Cause;
use crate::measurement::status::DatedBy;
use crate::names::ComponentIx;
use crate::report::journal::Source;
use crate::sla::link::Join;
use crate::sla::state::{Machine, Segment, State};
use crate::units::{Sec, Span};

/// What each source of a component says, and how the moments of that are known.
#[derive(Debug, Clone, Default)]
pub(in crate::report::build) struct Sources {
    pub(in crate::report::build) ping: Option<Vec<Segment>>,
    pub(in crate::report::build) interface: Option<Vec<Segment>>,
    /// The interface's rounds that are dated by more than a regular poll, in order.
    dated: Vec<DatedRun>,
}

/// First round, distance, how many, and what dates them.
type DatedRun = (Sec, i64, u64, DatedBy);

impl Sources {
    /// What a source's round at `at` is dated by.
    pub(in crate::report::build) fn dated_by(&self, source: Source, at: Sec) -> &'static str {
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
    pub(in crate::report::build) fn both(&self) -> impl Iterator<Item = (Source, &[Segment])> {
        let interface = self.interface.as_deref().map(|s| (Source::Interface, s));
        interface.into_iter().chain(self.ping.as_deref().map(|s| (Source::Ping, s)))
    }
}

/// What every component's sources say from `begin` to `end`.
pub(super) fn sources(
    config: &Config,
    components: &[ComponentIx],
    parts: &Parts,
    begin: Sec,
    end: Sec,
) -> Vec<Sources> {
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
pub(super) fn segments(
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
