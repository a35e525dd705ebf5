//! A site: its services, its components and what each class measures there.

use askama::Template;

use super::when::{millis, percent};
use super::{Desk, Frame, Promise, When, charts, look, made, reason, since};
use crate::draw::palette::Look;
use crate::http::history::History;
use crate::http::live::Parts;
use crate::measurement::status::DatedBy;
use crate::metrics::render::kind_name;
use crate::names::{ClassIx, ServiceIx};
use crate::snapshot::{ClassView, Shown, Snapshot};

const REFRESH: u32 = 30;

/// So many components are shown in full.
const MAX_COMPONENTS: usize = 60;
/// So many services are shown.
const MAX_SERVICES: usize = 200;

#[derive(Template)]
#[template(path = "page/site.html")]
struct SitePage<'a> {
    frame: Frame,
    parts: &'a Parts,
    id: String,
    title: String,
    worst: Look,
    desks: Vec<Desk>,
    charts: String,
}

#[derive(Template)]
#[template(path = "page/site/verdict.html")]
struct Verdict {
    title: String,
    wave: Option<String>,
    accepted: Option<String>,
    worst: Look,
}

#[derive(Template)]
#[template(path = "page/site/services.html")]
struct Services {
    services: Vec<ServiceRow>,
    more: usize,
}

#[derive(Template)]
#[template(path = "page/site/components.html")]
struct Components {
    components: Vec<ComponentRow>,
    more: usize,
}

struct ServiceRow {
    look: Look,
    id: String,
    title: String,
    class: String,
    since: Option<When>,
    reason: String,
    promise: Promise,
}

struct ComponentRow {
    look: Look,
    id: String,
    title: String,
    kind: &'static str,
    address: String,
    since: Option<When>,
    reason: String,
    classes: Vec<ClassRow>,
    interface: Option<InterfaceRow>,
    /// It has a page of its own.
    polled: bool,
}

struct InterfaceRow {
    look: Look,
    word: &'static str,
    since: Option<When>,
    dated: &'static str,
    polled: Option<When>,
    said: Option<(&'static str, Option<When>)>,
}

struct ClassRow {
    class: String,
    last: String,
    mean: String,
    p95: String,
    jitter: String,
    pdv: String,
    loss: String,
    mos: String,
    remarked: u64,
}

/// The page, with what the recent hours measured in a class when that could be read; `None` when no site has this identifier.
#[must_use]
pub fn render(s: &Snapshot, id: &str, hours: u32, class: ClassIx, history: Option<&History>) -> Option<String> {
    let ix = index(s, id)?;
    let mut contracts: Vec<_> =
        s.config.services.iter().filter(|of| of.site.get() == ix).map(|of| of.contract).collect();
    contracts.sort_unstable();
    contracts.dedup();
    let path = format!("/sites/{id}");
    let about = charts::About { path: &path, class, choose: s.config.classes.len() > 1, hours, service: None };
    Some(made(&SitePage {
        frame: Frame::new(s, Some(REFRESH), Some(format!("/events/sites/{id}"))),
        parts: &parts(s, id)?,
        id: s.config.sites[ix].id.to_string(),
        title: s.config.sites[ix].title.clone(),
        worst: worst(s, ix),
        desks: contracts.iter().filter_map(|c| s.config.contracts.get(c.get())).map(Desk::of).collect(),
        charts: history.map_or_else(charts::later, |history| charts::render(s, &about, history)),
    }))
}

/// The site of that identifier.
#[must_use]
pub fn index(s: &Snapshot, id: &str) -> Option<usize> {
    s.config.sites.iter().position(|site| site.id.as_str() == id)
}

/// As on the board: a site is as well as its services, and only without any as its components.
fn worst(s: &Snapshot, ix: usize) -> Look {
    let services = s.config.services.iter().zip(&s.services).filter(|(of, _)| of.site.get() == ix);
    let components = s.config.components.iter().zip(&s.components).filter(|(of, _)| of.site.get() == ix);
    let of_services = services.map(|(_, view)| look(view.state)).min_by_key(|look| look.rank);
    let of_components = components.map(|(_, view)| look(view.state)).min_by_key(|look| look.rank);
    of_services.or(of_components).unwrap_or(look(Shown::Unknown))
}

/// The parts of the page.
#[must_use]
pub fn parts(s: &Snapshot, id: &str) -> Option<Parts> {
    let ix = index(s, id)?;
    let site = &s.config.sites[ix];
    let all = s.config.services.iter().zip(&s.services).enumerate();
    let mut services: Vec<ServiceRow> = all
        .filter(|(_, (of, _))| of.site.get() == ix)
        .map(|(n, (of, view))| ServiceRow {
            look: look(view.state),
            id: of.id.to_string(),
            title: of.title.clone(),
            class: s.config.classes[of.class.get()].id.to_string(),
            since: since(view.since, s),
            reason: reason(&view.reason, s),
            promise: Promise::of(s, ServiceIx::from(n), view),
        })
        .collect();
    services.sort_by_key(|row| row.look.rank);
    let all = s.config.components.iter().zip(&s.components);
    let mut components: Vec<_> = all.filter(|(of, _)| of.site.get() == ix).collect();
    components.sort_by_key(|(_, view)| look(view.state).rank);
    let (more_services, more_components) =
        (services.len().saturating_sub(MAX_SERVICES), components.len().saturating_sub(MAX_COMPONENTS));
    services.truncate(MAX_SERVICES);
    components.truncate(MAX_COMPONENTS);
    let components = components
        .into_iter()
        .map(|(of, view)| ComponentRow {
            look: look(view.state),
            id: of.id.to_string(),
            title: if of.title == of.id.as_str() { String::new() } else { of.title.clone() },
            kind: kind_name(&of.kind),
            address: of.address.as_ref().map_or("not probed itself".to_owned(), ToString::to_string),
            since: since(view.since, s),
            reason: reason(&view.reason, s),
            classes: view.classes.iter().map(|c| class_row(s, c)).collect(),
            polled: s.devices.iter().any(|d| s.config.components[d.component.get()].id == of.id),
            interface: view.interface.as_ref().map(|i| InterfaceRow {
                look: look(i.state),
                word: match i.word {
                    "up" | "down" => "",
                    word => word.strip_prefix("down: ").unwrap_or(word),
                },
                since: since(i.since, s),
                dated: i.dated_by.map_or("", |by| match by {
                    DatedBy::Poll => "as a poll found it",
                    DatedBy::LastChange => "by the device's own clock",
                    DatedBy::Trap => "by the device's trap",
                }),
                polled: since(Some(i.polled), s),
                said: i.said.filter(|(_, word)| *word != i.word).map(|(at, word)| (word, since(Some(at), s))),
            }),
        })
        .collect();
    let verdict = Verdict {
        title: site.title.clone(),
        wave: site.wave.clone(),
        accepted: site.accepted.map(|day| day.strftime("%-d %B %Y").to_string()),
        worst: worst(s, ix),
    };
    Some(vec![
        ("banners", super::banners(s)),
        ("verdict", made(&verdict)),
        ("services", made(&Services { services, more: more_services })),
        ("components", made(&Components { components, more: more_components })),
    ])
}

fn class_row(s: &Snapshot, view: &ClassView) -> ClassRow {
    let none = || "–".to_owned();
    let replies = view.rtt.count();
    ClassRow {
        class: s.config.classes[view.class.get()].id.to_string(),
        last: view.last_rtt.map_or_else(none, |rtt| millis(rtt.as_secs_f64())),
        mean: if replies == 0 { none() } else { millis(view.rtt.sum_seconds() / replies as f64) },
        p95: view.rtt.quantile(0.95).map_or_else(none, millis),
        jitter: view.jitter_rfc3550.map_or_else(none, millis),
        pdv: view.pdv_p99.map_or_else(none, millis),
        loss: view.loss.map_or_else(none, |loss| percent(loss, 2)),
        mos: view.voice.map_or_else(none, |v| format!("{}{:.2}", if v.approximate { "≈ " } else { "" }, v.mos)),
        remarked: view.counts.remarked,
    }
}
