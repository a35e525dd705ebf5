//! A service: its state and why, its accounts, its month, its objectives, what it stands on.

use askama::Template;

use super::when::{self, duration, percent};
use super::{Desk, Frame, Promise, When, day, look, made, since};
use crate::config::model::{Formula, Measure, Tree, UnknownPolicy};
use crate::draw::bar;
use crate::draw::palette::Look;
use crate::draw::timeline::{self, Mark, MarkKind};
use crate::names::ServiceIx;
use crate::snapshot::{ObjectiveView, ServiceView, Snapshot};
use crate::units::{Sec, Span};

const REFRESH: u32 = 30;

#[derive(Template)]
#[template(path = "page/service.html")]
struct ServicePage {
    frame: Frame,
    id: String,
    title: String,
    look: Look,
    since: Option<When>,
    reason: String,
    site: String,
    site_id: String,
    class: String,
    desk: Desk,
    promise: Promise,
    formula: &'static str,
    unknown_policy: &'static str,
    bounds: Option<Bounds>,
    accounts: Vec<Account>,
    accounts_bar: String,
    window: String,
    month: String,
    timeline: String,
    first_day: String,
    middle_day: String,
    last_day: String,
    outages: Vec<Outage>,
    works: Vec<Work>,
    objectives: Vec<Objective>,
    tree: Vec<TreeLine>,
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

/// A line of the requirement tree in the order of its reading: lists are opened and closed by the template.
enum TreeLine {
    Open { words: String },
    Close,
    Leaf { look: Look, id: String, site_id: String, reason: String },
}

/// The page; `None` when no service has this identifier.
#[must_use]
pub fn render(s: &Snapshot, id: &str) -> Option<String> {
    let ix = s.config.service(id)?;
    let (of, view) = (s.config.services.get(ix.get())?, s.services.get(ix.get())?);
    let (site, sla) = (&s.config.sites[of.site.get()], &s.config.slas[of.sla.get()]);
    let zone = &s.config.monitor.time_zone;
    let (month, name, days, last) = when::month_of(s.at, zone)?;
    let works = works(s, ix, month);
    let a = view.accounts;
    let window = a.up + a.down + a.unknown + a.excluded;
    let account = |class, name, seconds: u64| Account {
        class,
        name,
        seconds,
        words: duration(seconds),
        share: if window == 0 { "–".to_owned() } else { percent(seconds as f64 / window as f64, 4) },
    };
    let mut tree = Vec::new();
    grow(s, &of.requires, &mut tree);
    Some(made(&ServicePage {
        frame: Frame::new(s, Some(REFRESH)),
        id: of.id.to_string(),
        title: of.title.clone(),
        look: look(view.state),
        since: since(view.since, s),
        reason: view.reason.clone(),
        site: site.title.clone(),
        site_id: site.id.to_string(),
        class: s.config.classes[of.class.get()].id.to_string(),
        desk: Desk::of(&s.config.contracts[of.contract.get()]),
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
        timeline: timeline::month(month, s.at, &days, &marks(s, view, &works, month)),
        first_day: day(month.from, zone),
        middle_day: day(month.from.plus(i64::from(last) / 2 * 86_400), zone),
        last_day: day(month.to.plus(-1), zone),
        month: name,
        outages: view
            .outages
            .iter()
            .rev()
            .map(|o| Outage {
                from: When::new(o.from, s.at, zone),
                to: since(o.to, s),
                length: duration(Span::new(o.from, o.to.unwrap_or(s.at)).seconds()),
                components: if o.components.is_empty() { "–".to_owned() } else { o.components.join(", ") },
            })
            .collect(),
        works: works
            .iter()
            .map(|(span, reference, announced)| Work {
                from: When::new(span.from, s.at, zone),
                to: When::new(span.to, s.at, zone),
                reference: reference.clone(),
                announced: *announced,
            })
            .collect(),
        objectives: view.objectives.iter().map(|o| objective(s, o)).collect(),
        tree,
    }))
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
    work.chain(down).filter(|m| m.span.intersect(month).is_some()).collect()
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
        value: o.value.map_or("–".to_owned(), show),
        limit: format!("{bound} {}", show(o.limit)),
        verdict,
        mark,
    }
}

fn grow(s: &Snapshot, tree: &Tree, into: &mut Vec<TreeLine>) {
    match tree {
        Tree::Leaf(ix) => {
            let (of, view) = (&s.config.components[ix.get()], &s.components[ix.get()]);
            into.push(TreeLine::Leaf {
                look: look(view.state),
                id: of.id.to_string(),
                site_id: s.config.sites[of.site.get()].id.to_string(),
                reason: view.reason.clone(),
            });
        }
        Tree::Service(ix, inner) => {
            into.push(TreeLine::Open { words: format!("what {} needs", s.config.services[ix.get()].id) });
            grow(s, inner, into);
            into.push(TreeLine::Close);
        }
        Tree::AtLeast { k, of } => {
            let words = match (*k, of.len()) {
                (k, n) if k == n && n > 1 => "all of".to_owned(),
                (1, n) if n > 1 => "any one of".to_owned(),
                (k, n) => format!("at least {k} of {n}"),
            };
            into.push(TreeLine::Open { words });
            of.iter().for_each(|branch| grow(s, branch, into));
            into.push(TreeLine::Close);
        }
    }
}
