//! A site: its services, its components and what each class measures there.

use askama::Template;

use super::when::{millis, percent};
use super::{Desk, Frame, Promise, When, look, made, since};
use crate::draw::palette::Look;
use crate::measurement::status::DatedBy;
use crate::metrics::render::kind_name;
use crate::names::ServiceIx;
use crate::snapshot::{ClassView, Shown, Snapshot};

const REFRESH: u32 = 30;

#[derive(Template)]
#[template(path = "page/site.html")]
struct SitePage {
    frame: Frame,
    id: String,
    title: String,
    wave: Option<String>,
    accepted: Option<String>,
    worst: Look,
    services: Vec<ServiceRow>,
    components: Vec<ComponentRow>,
    desks: Vec<Desk>,
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

/// The page; `None` when no site has this identifier.
#[must_use]
pub fn render(s: &Snapshot, id: &str) -> Option<String> {
    let ix = s.config.sites.iter().position(|site| site.id.as_str() == id)?;
    let site = &s.config.sites[ix];
    let mut contracts = Vec::new();
    let mut services: Vec<ServiceRow> = Vec::new();
    for (n, (of, view)) in
        s.config.services.iter().zip(&s.services).enumerate().filter(|(_, (of, _))| of.site.get() == ix)
    {
        contracts.push(of.contract);
        services.push(ServiceRow {
            look: look(view.state),
            id: of.id.to_string(),
            title: of.title.clone(),
            class: s.config.classes[of.class.get()].id.to_string(),
            since: since(view.since, s),
            reason: view.reason.clone(),
            promise: Promise::of(s, ServiceIx::from(n), view),
        });
    }
    services.sort_by_key(|row| row.look.rank);
    let mut components: Vec<ComponentRow> = s
        .config
        .components
        .iter()
        .zip(&s.components)
        .filter(|(of, _)| of.site.get() == ix)
        .map(|(of, view)| ComponentRow {
            look: look(view.state),
            id: of.id.to_string(),
            title: if of.title == of.id.as_str() { String::new() } else { of.title.clone() },
            kind: kind_name(&of.kind),
            address: of.address.as_ref().map_or("not probed itself".to_owned(), ToString::to_string),
            since: since(view.since, s),
            reason: view.reason.clone(),
            classes: view.classes.iter().map(|c| class_row(s, c)).collect(),
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
    components.sort_by_key(|row| row.look.rank);
    contracts.sort_unstable();
    contracts.dedup();
    // As on the board: a site is as well as its services, and only without any as its components.
    let of_services = services.iter().map(|row| row.look).min_by_key(|look| look.rank);
    let of_components = components.iter().map(|row| row.look).min_by_key(|look| look.rank);
    let worst = of_services.or(of_components);
    Some(made(&SitePage {
        frame: Frame::new(s, Some(REFRESH)),
        id: site.id.to_string(),
        title: site.title.clone(),
        wave: site.wave.clone(),
        accepted: site.accepted.map(|day| day.strftime("%-d %B %Y").to_string()),
        worst: worst.unwrap_or(look(Shown::Unknown)),
        services,
        components,
        desks: contracts.iter().filter_map(|c| s.config.contracts.get(c.get())).map(Desk::of).collect(),
    }))
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
