//! A service: its state and why, its accounts, its month, its objectives, what it stands on.

use askama::Template;

use super::needs::{self, Line};
use super::when::{self, duration, percent};
use super::{Desk, Frame, Promise, When, charts, day, look, made, reason, since};
use crate::config::model::{Formula, Measure, UnknownPolicy};
use crate::draw::bar;
use crate::draw::palette::Look;
use crate::draw::timeline::{self, Mark, MarkKind};
use crate::http::history::History;
use crate::http::live::Parts;
use crate::names::ServiceIx;
use crate::sla::ratio::Ratio;
use crate::snapshot::{ObjectiveView, OutageView, ServiceView, Snapshot};
use crate::units::{Sec, Share, Span};

const REFRESH: u32 = 30;

#[derive(Template)]
#[template(path = "page/service.html")]
struct ServicePage<'a> {
    frame: Frame,
    parts: &'a Parts,
    id: String,
    title: String,
    look: Look,
    site: String,
    site_id: String,
    class: String,
    desk: Desk,
    contract_id: String,
    charts: String,
}

#[derive(Template)]
#[template(path = "page/service/verdict.html")]
struct Verdict {
    title: String,
    look: Look,
    since: Option<When>,
    reason: String,
}

#[derive(Template)]
#[template(path = "page/service/promise.html")]
struct PromisePart {
    month: String,
    promise: Promise,
    formula: &'static str,
    unknown_policy: &'static str,
    bounds: Option<Bounds>,
    /// Coverage below which the month proves nothing, while it is below.
    floor: Option<String>,
    achievable: Option<String>,
    lost: bool,
}

#[derive(Template)]
#[template(path = "page/service/month.html")]
struct MonthPart {
    month: String,
    accounts: Vec<Account>,
    accounts_bar: String,
    window: String,
    timeline: String,
    first_day: String,
    middle_day: String,
    last_day: String,
}

#[derive(Template)]
#[template(path = "page/service/outages.html")]
struct OutagesPart {
    faults: Vec<super::faults::Line>,
    outages: Vec<Outage>,
    works: Vec<Work>,
}

#[derive(Template)]
#[template(path = "page/service/objectives.html")]
struct ObjectivesPart {
    objectives: Vec<Objective>,
}

#[derive(Template)]
#[template(path = "page/service/needs.html")]
struct NeedsPart {
    drawing: Option<String>,
    tree: Vec<Line>,
}

struct Bounds {
    lower: String,
    upper: String,
    coverage: String,
}

struct Account {
    class: &'static str,
    name: &'static str,
    seconds: u64,
    words: String,
    share: String,
}

struct Outage {
    from: When,
    to: Option<When>,
    length: String,
    components: String,
}

struct Work {
    from: When,
    to: When,
    reference: String,
    announced: bool,
}

struct Objective {
    class: String,
    measure: &'static str,
    value: String,
    limit: String,
    verdict: &'static str,
    mark: &'static str,
}

/// The page, with what the recent hours measured when that could be read; `None` when no service has this identifier.
#[must_use]
pub fn render(s: &Snapshot, id: &str, hours: u32, history: Option<&History>) -> Option<String> {
    let ix = s.config.service(id)?;
    let of = s.config.services.get(ix.get())?;
    let site = &s.config.sites[of.site.get()];
    let contract = &s.config.contracts[of.contract.get()];
    let path = format!("/services/{id}");
    let about = charts::About { path: &path, class: of.class, choose: false, hours, service: Some(ix) };
    let parts = parts(s, id)?;
    Some(made(&ServicePage {
        frame: Frame::new(s, Some(REFRESH), Some(format!("/events/services/{id}"))),
        parts: &parts,
        id: of.id.to_string(),
        title: of.title.clone(),
        look: look(s.services[ix.get()].state),
        site: site.title.clone(),
        site_id: site.id.to_string(),
        class: s.config.classes[of.class.get()].id.to_string(),
        desk: Desk::of(contract),
        contract_id: contract.id.to_string(),
        charts: history.map_or_else(charts::later, |history| charts::render(s, &about, history)),
    }))
}

/// The parts of the page.
#[must_use]
pub fn parts(s: &Snapshot, id: &str) -> Option<Parts> {
    let ix = s.config.service(id)?;
    let view = s.services.get(ix.get())?;
    let of = &s.config.services[ix.get()];
    let zone = &s.config.monitor.time_zone;
    let (month, name, days, last) = when::month_of(s.at, zone)?;
    let works = works(s, ix, month);
    let verdict = Verdict {
        title: of.title.clone(),
        look: look(view.state),
        since: since(view.since, s),
        reason: reason(&view.reason, s),
    };
    let outages = OutagesPart {
        faults: super::faults::of(s, &[ix]),
        outages: view.outages.iter().rev().map(|o| outage(s, o)).collect(),
        works: works
            .iter()
            .map(|(span, reference, announced)| Work {
                from: When::new(span.from, s.at, zone),
                to: When::new(span.to, s.at, zone),
                reference: reference.clone(),
                announced: *announced,
            })
            .collect(),
    };
    Some(vec![
        ("banners", super::banners(s)),
        ("verdict", made(&verdict)),
        ("promise", made(&promise(s, ix, view, name.clone()))),
        (
            "month",
            made(&MonthPart {
                timeline: timeline::month(month, s.at, &days, &marks(s, view, &works, month)),
                first_day: day(month.from, zone),
                middle_day: day(month.from.plus(i64::from(last) / 2 * 86_400), zone),
                last_day: day(month.to.plus(-1), zone),
                ..accounts(view, name)
            }),
        ),
        ("outages", made(&outages)),
        ("objectives", made(&ObjectivesPart { objectives: view.objectives.iter().map(|o| objective(s, o)).collect() })),
        ("needs", made(&NeedsPart { drawing: needs::drawing(s, ix), tree: needs::lines(s, &of.requires) })),
    ])
}

fn promise(s: &Snapshot, ix: ServiceIx, view: &ServiceView, month: String) -> PromisePart {
    let sla = &s.config.slas[s.config.services[ix.get()].sla.get()];
    PromisePart {
        month,
        promise: Promise::of(s, ix, view),
        formula: match sla.formula {
            Formula::Calendar => "over calendar time without the unknown; excluded time counts as up",
            Formula::Fixed30 => "over a fixed month of thirty days",
            Formula::AgreedTime => "over agreed service time: up against up and down",
            Formula::DowntimeBudget { .. } => "against a budget of down time",
        },
        unknown_policy: match sla.unknown {
            UnknownPolicy::Exclude => "Unknown time is left out of the figure.",
            UnknownPolicy::AsUp => "The contract counts unknown time as up.",
            UnknownPolicy::AsDown => "The contract counts unknown time as down.",
        },
        bounds: view.availability.map(|r| Bounds {
            lower: percent(r.lower, 4),
            upper: percent(r.upper, 4),
            coverage: percent(r.coverage, 4),
        }),
        floor: unproven_below(sla.coverage_floor, view),
        achievable: view.achievable.map(|share| percent(share, 4)),
        lost: view.budget_left_seconds.is_some_and(|left| left < 0),
    }
}

/// The floor that coverage has not reached so far; `None` when it has, or when the window has not begun.
fn unproven_below(floor: Share, view: &ServiceView) -> Option<String> {
    let a = view.accounts;
    let window = a.up + a.down + a.unknown + a.excluded;
    let short = window > 0 && !Ratio::new(window - a.unknown, window).reaches(floor);
    short.then(|| floor.to_string())
}

fn accounts(view: &ServiceView, month: String) -> MonthPart {
    let a = view.accounts;
    let window = a.up + a.down + a.unknown + a.excluded;
    let account = |class, name, seconds: u64| Account {
        class,
        name,
        seconds,
        words: duration(seconds),
        share: if window == 0 { "–".to_owned() } else { percent(seconds as f64 / window as f64, 4) },
    };
    MonthPart {
        month,
        accounts: vec![
            account("up", "Up", a.up),
            account("down", "Down", a.down),
            account("unknown", "Unknown", a.unknown),
            account("maintenance", "Excluded", a.excluded),
        ],
        accounts_bar: bar::stacked(&[
            ("up", a.up),
            ("down", a.down),
            ("unknown", a.unknown),
            ("maintenance", a.excluded),
        ]),
        window: duration(window),
        timeline: String::new(),
        first_day: String::new(),
        middle_day: String::new(),
        last_day: String::new(),
    }
}

fn outage(s: &Snapshot, o: &OutageView) -> Outage {
    Outage {
        from: When::new(o.from, s.at, &s.config.monitor.time_zone),
        to: since(o.to, s),
        length: duration(Span::new(o.from, o.to.unwrap_or(s.at)).seconds()),
        components: if o.components.is_empty() { "–".to_owned() } else { o.components.join(", ") },
    }
}

/// Maintenance that touches the service this month: when, its reference, whether it was announced in time.
fn works(s: &Snapshot, ix: ServiceIx, month: Span) -> Vec<(Span, String, bool)> {
    let of = &s.config.services[ix.get()];
    let notice = s.config.slas[of.sla.get()].maintenance_notice;
    let touching = s.config.maintenance.iter().filter(|m| {
        m.contract == of.contract
            && (m.services.is_empty() || m.services.contains(&ix))
            && m.span.intersect(month).is_some()
    });
    touching
        .map(|m| {
            let early = |notified: Sec| u64::try_from(m.span.from.since(notified)).is_ok_and(|s| s >= notice);
            (m.span, m.reference.clone(), m.notified.is_some_and(early))
        })
        .collect()
}

fn marks(s: &Snapshot, view: &ServiceView, works: &[(Span, String, bool)], month: Span) -> Vec<Mark> {
    let work = works.iter().filter(|w| w.2).map(|w| Mark { span: w.0, kind: MarkKind::Maintenance });
    let down = view
        .outages
        .iter()
        .map(|o| Mark { span: Span::new(o.from, o.to.unwrap_or(s.at.max(o.from.plus(1)))), kind: MarkKind::Down });
    let unknown = view.unknown.iter().map(|&span| Mark { span, kind: MarkKind::Unknown });
    unknown.chain(work).chain(down).filter(|m| m.span.intersect(month).is_some()).collect()
}

fn objective(s: &Snapshot, o: &ObjectiveView) -> Objective {
    let show = |v: f64| match o.measure {
        Measure::Loss => format!("{:.3}%", v * 100.0),
        Measure::Mos => format!("{v:.2}"),
        _ => when::millis(v),
    };
    let bound = if o.measure == Measure::Mos { "at least" } else { "at most" };
    let (verdict, mark) = match o.met {
        Some(true) => ("met", "up"),
        Some(false) => ("broken", "down"),
        None => ("not measured", "unknown"),
    };
    Objective {
        class: s.config.classes[o.class.get()].id.to_string(),
        measure: match o.measure {
            Measure::RttMean => "mean RTT",
            Measure::RttP50 => "median RTT",
            Measure::RttP95 => "95th percentile of RTT",
            Measure::RttP99 => "99th percentile of RTT",
            Measure::RttMax => "longest RTT",
            Measure::Jitter => "jitter (RFC 3550)",
            Measure::PdvP99 => "delay variation, 99th percentile",
            Measure::Loss => "loss",
            Measure::Mos => "MOS",
        },
        // More was lost than was answered within the percentile: there is no time to show.
        value: o.value.map_or("–".to_owned(), |v| if v.is_infinite() { "lost".to_owned() } else { show(v) }),
        limit: format!("{bound} {}", show(o.limit)),
        verdict,
        mark,
    }
}
