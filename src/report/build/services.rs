//! Each service's month: accounts, availability, outages, objectives, credit.

use std::collections::BTreeSet;

use super::history::{ClassRow, History, counted_spans_of};
use super::{percent, services_of};
use crate::config::Config;
use crate::config::model::{Formula, Limit, Objective, Sla, UnknownPolicy};
use crate::measurement::Cause;
use crate::names::{ComponentIx, ServiceIx};
use crate::report::journal::{Entry as Journaled, Source};
use crate::report::model::{self, Credit, Dated, Outage, Seconds, Service, TrendMonth, Verdict, WithoutExclusions};
use crate::sla::account::{Accounts, Entered, Entry, MonthBook, round};
use crate::sla::credit::{Claim, credit};
use crate::sla::exclusion::{total, union};
use crate::sla::figures::{Counted, Figures, Promise, figures, formula_name};
use crate::sla::objective::Value;
use crate::sla::pool::{Judged, Pool};
use crate::sla::ratio::Ratio;
use crate::sla::restore::RestoreClock;
use crate::sla::state::State;
use crate::sla::tree;
use crate::units::{Money, Sec, Span};

/// Months of a trend, this one included.
const TREND: usize = 12;

pub(super) fn all(config: &Config, history: &History) -> Vec<(Service, Option<Money>)> {
    services_of(config, history).into_iter().map(|ix| service(config, history, ix)).collect()
}

/// What a month came to, as the records that a later month's report keeps of it.
pub(super) fn outcomes(config: &Config, history: &History) -> Vec<Journaled> {
    let mut found = Vec::new();
    for ix in services_of(config, history) {
        let terms = &config.services[ix.get()];
        let sla = &config.slas[terms.sla.get()];
        let down_before = history.past.get(&ix).map_or(0, |p| p.iter().rev().take(TREND - 1).map(|m| m.down).sum());
        let Some(book) = history.book(ix) else { continue };
        let (accounts, figures) = work(book, &Promise::from(sla), sla, down_before);
        if accounts.window() == 0 {
            continue;
        }
        found.push(Journaled::Month {
            service: terms.id.to_string(),
            month: history.month.to_string(),
            window: accounts.window(),
            down: figures.counted_down,
            availability: figures.availability.map(Ratio::percent).unwrap_or_default(),
            verdict: verdict_of(accounts, &figures).name().into(),
        });
    }
    found
}

/// A service, and what is owed for it.
fn service(config: &Config, history: &History, ix: ServiceIx) -> (Service, Option<Money>) {
    let terms = &config.services[ix.get()];
    let sla = &config.slas[terms.sla.get()];
    let promise = Promise::from(sla);
    let past = history.past.get(&ix).map_or(&[][..], Vec::as_slice);
    let eleven: Vec<_> = past.iter().rev().take(TREND - 1).rev().collect();
    let down_before = eleven.iter().map(|m| m.down).sum();
    let book = history.book(ix);
    let worked = book.map(|b| work(b, &promise, sla, down_before));
    let without = history.ledger_without.month(ix, history.month).map(|b| work(b, &promise, sla, down_before));
    let nothing = || (Accounts::default(), None::<Figures>);
    let (accounts, figures) = worked.map_or_else(nothing, |(a, f)| (a, Some(f)));
    let (accounts_without, figures_without) = without.map_or_else(nothing, |(a, f)| (a, Some(f)));
    let verdict = figures.as_ref().map_or(Verdict::NotProven, |f| verdict_of(accounts, f));
    let outages = book.map_or_else(Vec::new, |b| outages(config, history, ix, b, sla));
    let late = |book: Option<&MonthBook>, stops: &[Span]| {
        let clock = RestoreClock { zone: &config.monitor.time_zone, hours: &sla.service_hours, stops };
        book.zip(sla.restore_within).map_or(0, |(book, within)| clock.late(book.outages().iter(), within))
    };
    let stops = book.map_or_else(Vec::new, |b| stops(config, history, ix, b));
    let late_with = late(book, &stops);
    let late_without = late(history.ledger_without.month(ix, history.month), &[]);
    let claim = |verdict: Verdict, figures: Option<&Figures>, late: u64| Claim {
        verdict,
        availability: figures.and_then(|f| f.availability),
        down: figures.map_or(0, |f| f.counted_down),
        down_before,
        late_restorations: late,
        monthly_charge: terms.monthly_charge.clone(),
    };
    let (credit, owed) = owed(sla, &claim(verdict, figures.as_ref(), late_with));
    let verdict_without = figures_without.as_ref().map_or(Verdict::NotProven, |f| verdict_of(accounts_without, f));
    let owed_without = self::owed(sla, &claim(verdict_without, figures_without.as_ref(), late_without));
    let shown = |r: Option<Ratio>| r.map_or_else(|| "0.0000".into(), Ratio::percent);
    // The pack's percentages are always numbers. Thirty days less no down time are thirty days, and the figure stays
    // between its bounds; people are shown a dash.
    let availability = |f: &Figures| f.availability.or((sla.formula == Formula::Fixed30).then_some(f.upper));
    let service = Service {
        id: terms.id.to_string(),
        site: config.sites[terms.site.get()].id.to_string(),
        formula: formula_name(&sla.formula).into(),
        seconds: seconds(accounts),
        availability: shown(figures.as_ref().and_then(availability)),
        lower: shown(figures.as_ref().map(|f| f.lower)),
        upper: shown(figures.as_ref().map(|f| f.upper)),
        coverage: shown(figures.as_ref().map(|f| f.coverage)),
        target: percent(sla.availability),
        verdict,
        objectives: objectives(config, history, ix, sla),
        credit,
        title: terms.title.clone(),
        sla: sla.id.to_string(),
        class: config.classes[terms.class.get()].id.to_string(),
        monthly_charge: terms.monthly_charge.as_ref().map(Money::to_string),
        working: working(sla, accounts, figures.as_ref()),
        allowed_down: figures.as_ref().map(|f| f.allowed_down),
        degraded: book.map_or(0, |b| b.tally().degraded),
        without_exclusions: WithoutExclusions {
            seconds: seconds(accounts_without),
            availability: shown(figures_without.as_ref().and_then(availability)),
            verdict: verdict_without,
            credit: owed_without.1.map(|m| m.to_string()),
        },
        trend: trend(history, &eleven, figures.as_ref(), verdict),
        outages,
    };
    (service, owed)
}

fn work(book: &MonthBook, promise: &Promise, sla: &Sla, down_before: u64) -> (Accounts, Figures) {
    let counted = Counted::new(&book.tally(), sla.rounding, down_before);
    (counted.accounts, figures(promise, &counted, book.plan()))
}

/// A month whose window holds nothing was not promised: nothing of it is proven.
fn verdict_of(accounts: Accounts, figures: &Figures) -> Verdict {
    if accounts.window() == 0 { Verdict::NotProven } else { figures.verdict }
}

fn seconds(accounts: Accounts) -> Seconds {
    Seconds {
        window: accounts.window(),
        up: accounts.up,
        down: accounts.down,
        unknown: accounts.unknown,
        excluded: accounts.excluded,
    }
}

/// How availability comes about, with its integers.
fn working(sla: &Sla, a: Accounts, figures: Option<&Figures>) -> String {
    let Some(figures) = figures.filter(|_| a.window() > 0) else {
        return "no second of this month is inside the contract's window and the evidence".into();
    };
    let down = figures.counted_down;
    let shown = figures.availability.map_or_else(|| "nothing".into(), |r| format!("{}%", r.percent()));
    let unknown = match sla.unknown {
        UnknownPolicy::Exclude => a.unknown,
        _ => 0,
    };
    let policy = match sla.unknown {
        UnknownPolicy::Exclude => "",
        UnknownPolicy::AsUp => "; unknown time counts as up",
        UnknownPolicy::AsDown => "; unknown time counts as down",
    };
    match sla.formula {
        Formula::Calendar => format!(
            "({} s window - {unknown} s unknown - {down} s down) / ({} s - {unknown} s) = {shown}{policy}",
            a.window(),
            a.window()
        ),
        Formula::AgreedTime => {
            let whole = a.window() - a.excluded - unknown;
            format!(
                "{} s up / ({} s up + {down} s down) = {shown}{policy}",
                whole.saturating_sub(down),
                whole.saturating_sub(down)
            )
        }
        Formula::Fixed30 => format!("1 - {down} s down / 2592000 s = {shown}{policy}"),
        Formula::DowntimeBudget { month, year } => {
            let year = year.map_or_else(String::new, |y| format!(", {y} s in twelve months"));
            format!("{down} s down of {month} s allowed in the month{year}; as a share of the month {shown}{policy}")
        }
    }
}

fn outages(config: &Config, history: &History, ix: ServiceIx, book: &MonthBook, sla: &Sla) -> Vec<Outage> {
    book.outages().iter().map(|entry| outage(config, history, ix, book, sla, entry)).collect()
}

fn outage(config: &Config, history: &History, ix: ServiceIx, book: &MonthBook, sla: &Sla, entry: &Entry) -> Outage {
    let names = |list: &[ComponentIx]| -> Vec<String> {
        list.iter().map(|c| config.components[c.get()].id.to_string()).collect()
    };
    let short = entry.what == Entered::ShortOutage;
    let counted = if short { 0 } else { round(entry.seconds - entry.excluded, sla.rounding) };
    let roots = tree::root_causes(
        &entry.components,
        |c| config.components[c.get()].parents.as_slice(),
        // At any time in it: which of them was probed first must not matter.
        |c| history.segments[c.get()].iter().any(|s| s.state == State::Down && s.span.intersect(entry.span).is_some()),
    );
    let notes: Vec<String> = history
        .notes
        .iter()
        .filter(|n| n.service == ix && entry.span.contains(n.outage))
        .map(|n| {
            let reference = if n.reference.is_empty() { String::new() } else { format!(" ({})", n.reference) };
            format!("{}: {}{reference}", n.by, n.text)
        })
        .collect();
    let mut cause = if !roots.is_empty() && roots != entry.components {
        format!("behind {}", names(&roots).join(", "))
    } else {
        String::new()
    };
    let off = switched_off(history, entry);
    if !off.is_empty() {
        let why = format!("{} switched off at its device", names(&off).join(", "));
        cause = if cause.is_empty() { why } else { format!("{cause}; {why}") };
    }
    if short {
        let why = format!("shorter than {} s: does not count", sla.min_outage);
        cause = if cause.is_empty() { why } else { format!("{cause}; {why}") };
    }
    let ongoing = entry.ongoing && entry.span.to >= history.end();
    let fault = Span::new(entry.began, entry.span.to);
    let restored = sla.restore_within.map(|within| {
        let zone = &config.monitor.time_zone;
        let clock = RestoreClock { zone, hours: &sla.service_hours, stops: &stops(config, history, ix, book) };
        match (clock.in_time(fault, within), ongoing) {
            (true, true) => "open".to_owned(),
            (true, false) => "within".to_owned(),
            (false, _) => "late".to_owned(),
        }
    });
    Outage {
        from: entry.span.from.to_string(),
        to: entry.span.to.to_string(),
        seconds: entry.seconds,
        cause,
        components: names(&entry.components),
        excluded: entry.excluded,
        counted,
        began_before: entry.began < entry.span.from,
        lasts: ongoing,
        restored,
        stopped: {
            let stood = history.faults.stops(config.services[ix.get()].id.as_str(), history.as_of);
            total(&union(stood.into_iter().filter_map(|stop| stop.intersect(fault))))
        },
        faults: faults_of(config, history, ix, fault),
        from_by: dated(config, history, entry.components.iter().copied(), entry.span.from, Edge::Begin),
        to_by: {
            let all = config.services[ix.get()].requires.components();
            let first = entry.components.iter().copied();
            dated(config, history, first.chain(all), entry.span.to, Edge::End).filter(|_| !ongoing)
        },
        notes,
    }
}

/// When the restore clock of a service stands: what is excluded, and the stops of its faults.
fn stops(config: &Config, history: &History, ix: ServiceIx, book: &MonthBook) -> Vec<Span> {
    let faults = history.faults.stops(config.services[ix.get()].id.as_str(), history.as_of);
    [book.plan().excluded.clone(), faults].concat()
}

/// Our reference of every fault that an outage was handled under, with the supplier's.
fn faults_of(config: &Config, history: &History, ix: ServiceIx, outage: Span) -> Vec<String> {
    let id = config.services[ix.get()].id.as_str();
    let all = history.faults.all().into_iter();
    all.filter(|f| f.services.iter().any(|s| s == id) && f.span(history.as_of).intersect(outage).is_some())
        .map(|f| match f.supplier_reference.as_str() {
            "" => f.id.clone(),
            theirs => format!("{} (supplier's {theirs})", f.id),
        })
        .collect()
}

/// Those components of an outage whose interface was switched off in it.
fn switched_off(history: &History, entry: &Entry) -> Vec<ComponentIx> {
    let off = |c: &ComponentIx| {
        let interface = history.sources[c.get()].interface.as_deref().unwrap_or_default();
        let inside = interface.iter().filter(|s| s.span.intersect(entry.span).is_some());
        inside.into_iter().any(|s| s.state == State::Unknown(Cause::SwitchedOff))
    };
    entry.components.iter().copied().filter(off).collect()
}

/// Which end of an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

/// How the moment is known at which one of `components` went down, or was up again; the device's own clock first.
fn dated(
    config: &Config,
    history: &History,
    components: impl Iterator<Item = ComponentIx>,
    at: Sec,
    edge: Edge,
) -> Option<Dated> {
    let mut found: Option<Dated> = None;
    for component in components {
        let sources = &history.sources[component.get()];
        for (source, segments) in sources.both() {
            let n = segments.partition_point(|s| s.span.from < at);
            let (before, after) = (n.checked_sub(1).map(|n| &segments[n]), segments.get(n));
            let begins = after.is_some_and(|s| s.span.from == at);
            let changed = match edge {
                Edge::Begin => begins && after.is_some_and(|s| s.state == State::Down),
                Edge::End => {
                    begins
                        && before.is_some_and(|s| s.state == State::Down)
                        && after.is_some_and(|s| s.state == State::Up)
                }
            };
            // A segment that begins with the evidence is cut there.
            if !changed || before.is_none() {
                continue;
            }
            let dated_by = sources.dated_by(source, at);
            let better = found.as_ref().is_none_or(|f| f.dated_by != "last_change" && dated_by == "last_change");
            if better {
                let source = match source {
                    Source::Ping => "ping",
                    Source::Interface => "interface",
                };
                let component = config.components[component.get()].id.to_string();
                found = Some(Dated { component, source: source.into(), dated_by: dated_by.into() });
            }
        }
    }
    found
}

fn objectives(config: &Config, history: &History, ix: ServiceIx, sla: &Sla) -> Vec<model::Objective> {
    if sla.objectives.is_empty() {
        return Vec::new();
    }
    let counted = counted_spans_of(history, ix);
    let components: BTreeSet<ComponentIx> = config.services[ix.get()].requires.components().into_iter().collect();
    sla.objectives
        .iter()
        .map(|objective| {
            let mut pool = Pool::default();
            let rows = components.iter().flat_map(|c| history.classes_of(*c));
            for row in rows.filter(|r| r.class == objective.class) {
                pour(row, &counted, &mut pool);
            }
            let class = &config.classes[objective.class.get()];
            let Judged { outcome, between } = pool.evaluate(objective, class.codec);
            let between = between.map(|(best, worst)| [value(best), value(worst)]);
            model::Objective {
                class: class.id.to_string(),
                measure: objective.measure.name().into(),
                limit: limit(objective),
                value: outcome.value.map(value),
                between: between.filter(|[best, worst]| best != worst),
                verdict: outcome.verdict,
            }
        })
        .collect()
}

/// Adds what counts of a class record where `counted` says when rounds count.
fn pour(row: &ClassRow, counted: &[Span], pool: &mut Pool) {
    let Some((last, _)) = row.parts.last() else {
        if inside(counted, row.span) {
            pool.add(&row.aggregate);
        }
        return;
    };
    let ours = row.parts.iter().filter(|(part, _)| inside(counted, *part)).map(|(_, replies)| replies).sum::<u64>();
    if ours == row.aggregate.timed {
        pool.add(&row.aggregate);
    } else {
        pool.add_part(&row.aggregate, ours, inside(counted, *last));
    }
}

/// Whether all of `span` lies in one of the disjoint, sorted `spans`.
pub(super) fn inside(spans: &[Span], span: Span) -> bool {
    let n = spans.partition_point(|s| s.to <= span.from);
    spans.get(n).is_some_and(|s| s.from <= span.from && span.to <= s.to)
}

/// A limit as it is configured.
fn limit(objective: &Objective) -> String {
    match objective.limit {
        Limit::Micros(us) if us % 1000 == 0 => format!("{}ms", us / 1000),
        Limit::Micros(us) => format!("{}.{:03}ms", us / 1000, us % 1000),
        Limit::Share(share) => share.to_string(),
        Limit::Mos(mos) => {
            let text = format!("{}.{:04}", mos / 10_000, mos % 10_000);
            let cut = text.trim_end_matches('0');
            if cut.ends_with('.') { format!("{cut}0") } else { cut.to_owned() }
        }
    }
}

/// A value in the unit of its limit, truncated.
fn value(value: Value) -> String {
    match value {
        Value::Nanos(n) => format!("{}.{:03}ms", n / 1_000_000, n / 1_000 % 1_000),
        other => other.to_string(),
    }
}

/// What is owed, in the report's words and as money.
fn owed(sla: &Sla, claim: &Claim) -> (Credit, Option<Money>) {
    let Some(schedule) = &sla.credits else {
        let none =
            Credit { percent: "0.0000".into(), amount: None, working: "the contract has no credit schedule".into() };
        return (none, None);
    };
    let worked = credit(schedule, claim);
    let shown = Credit {
        percent: percent(worked.percent),
        amount: worked.amount.as_ref().map(Money::to_string),
        working: worked.working.join("; "),
    };
    (shown, worked.amount)
}

fn trend(
    history: &History,
    eleven: &[&super::history::PastMonth],
    figures: Option<&Figures>,
    verdict: Verdict,
) -> Vec<TrendMonth> {
    let past = eleven.iter().map(|m| TrendMonth {
        month: m.month.to_string(),
        availability: (!m.availability.is_empty()).then(|| m.availability.clone()),
        down: m.down,
        verdict: match m.verdict.as_str() {
            "met" => Some(Verdict::Met),
            "breached" => Some(Verdict::Breached),
            "not_proven" => Some(Verdict::NotProven),
            _ => None,
        },
    });
    let this = TrendMonth {
        month: history.month.to_string(),
        availability: figures.and_then(|f| f.availability).map(Ratio::percent),
        down: figures.map_or(0, |f| f.counted_down),
        verdict: Some(verdict),
    };
    past.chain([this]).collect()
}
