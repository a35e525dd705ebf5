//! What is wrong: troubles as cards, and the devices and links behind them.

use askama::Template;

use crate::draw::palette::Look;
use crate::http::page::faults::{self, Line};
use crate::http::page::when::about;
use crate::http::page::{Desk, Promise, When, look, made, reason, since};
use crate::names::ServiceIx;
use crate::snapshot::{Shown, Snapshot};

/// So many troubles are told in full; the sites below show the others too.
pub(super) const TOLD: usize = 24;
/// A wall has room for fewer.
pub(super) const TOLD_ON_A_WALL: usize = 4;
/// So many services are named on one card.
const MAX_HURT: usize = 4;
/// So many devices and links are told of.
const MAX_BEHIND: usize = 40;

#[derive(Template)]
#[template(path = "page/board/wrong.html")]
struct Wrong {
    troubles: Vec<Trouble>,
    untold: usize,
    last: Option<Last>,
    services: usize,
    /// Open faults of services that are on no card.
    faults: Vec<Line>,
    more_faults: usize,
}

#[derive(Template)]
#[template(path = "page/board/behind.html")]
struct Behind {
    components: Vec<Part>,
    more: usize,
}

/// Services of one site under one contract that suffer the same for the same reason since the same second.
struct Trouble {
    look: Look,
    site: String,
    site_id: String,
    since: Option<When>,
    reason: String,
    desk: Desk,
    restore: Option<Restore>,
    hurt: Vec<Hurt>,
    /// Services that suffer beside those in `hurt`.
    more: usize,
    /// Faults under which it is being handled.
    faults: Vec<Line>,
}

struct Hurt {
    id: String,
    title: String,
    class: String,
    promise: Promise,
}

/// When the provider has to have it working again.
struct Restore {
    by: When,
    late: bool,
    /// How long is left, or how late it is.
    gap: String,
}

/// The outage that ended last.
struct Last {
    id: String,
    title: String,
    from: When,
    to: When,
    length: String,
}

struct Part {
    look: Look,
    id: String,
    site: String,
    site_id: String,
    since: Option<When>,
    reason: String,
}

/// The cards, the worst and oldest first; when nothing is wrong, the outage that was last.
pub(super) fn render(s: &Snapshot, told: usize) -> String {
    let mut wrong: Vec<ServiceIx> = (0..s.services.len().min(s.config.services.len()))
        .map(ServiceIx::from)
        .filter(|ix| s.services[ix.get()].state != Shown::Up)
        .collect();
    wrong.sort_by_key(|ix| {
        let view = &s.services[ix.get()];
        (look(view.state).rank, view.since.map_or(i64::MIN, |at| at.0), *ix)
    });
    let (mut groups, mut untold) = (Vec::<Vec<ServiceIx>>::new(), 0);
    for ix in &wrong {
        match groups.iter().position(|group| same_trouble(s, group[0], *ix)) {
            Some(known) => groups[known].push(*ix),
            None if groups.len() < told => groups.push(vec![*ix]),
            None => untold += 1,
        }
    }
    let on_cards = |ix: &ServiceIx| groups.iter().flatten().any(|shown| shown == ix);
    let elsewhere: Vec<_> = s.faults.iter().filter(|f| !f.services.iter().any(on_cards)).collect();
    made(&Wrong {
        faults: elsewhere.iter().take(told).map(|f| faults::line(s, f)).collect(),
        more_faults: elsewhere.len().saturating_sub(told),
        troubles: groups.iter().map(|group| trouble(s, group)).collect(),
        untold,
        last: if wrong.is_empty() { last(s) } else { None },
        services: s.services.len(),
    })
}

fn same_trouble(s: &Snapshot, a: ServiceIx, b: ServiceIx) -> bool {
    let (a_of, b_of) = (&s.config.services[a.get()], &s.config.services[b.get()]);
    let (a, b) = (&s.services[a.get()], &s.services[b.get()]);
    (a.state, a.since, &a.reason, a_of.site, a_of.contract, a_of.sla)
        == (b.state, b.since, &b.reason, b_of.site, b_of.contract, b_of.sla)
}

fn trouble(s: &Snapshot, group: &[ServiceIx]) -> Trouble {
    let ix = group[0];
    let (of, view) = (&s.config.services[ix.get()], &s.services[ix.get()]);
    let site = &s.config.sites[of.site.get()];
    let zone = &s.config.monitor.time_zone;
    let restore = view.restore_by.map(|by| {
        let gap = about(by.since(s.at).unsigned_abs());
        Restore { by: When::new(by, s.at, zone), late: by < s.at, gap }
    });
    Trouble {
        look: look(view.state),
        site: site.title.clone(),
        site_id: site.id.to_string(),
        since: since(view.since, s),
        reason: reason(&view.reason, s),
        desk: Desk::of(&s.config.contracts[of.contract.get()]),
        restore,
        faults: faults::of(s, group),
        more: group.len().saturating_sub(MAX_HURT),
        hurt: group.iter().take(MAX_HURT).map(|&ix| hurt(s, ix)).collect(),
    }
}

fn hurt(s: &Snapshot, ix: ServiceIx) -> Hurt {
    let of = &s.config.services[ix.get()];
    Hurt {
        id: of.id.to_string(),
        title: of.title.clone(),
        class: s.config.classes[of.class.get()].id.to_string(),
        promise: Promise::of(s, ix, &s.services[ix.get()]),
    }
}

fn last(s: &Snapshot) -> Option<Last> {
    let ended = s
        .services
        .iter()
        .zip(&s.config.services)
        .flat_map(|(view, of)| view.outages.iter().filter_map(move |outage| Some((outage.to?, outage.from, of))));
    let (to, from, of) = ended.max_by_key(|(to, from, _)| (*to, *from))?;
    let zone = &s.config.monitor.time_zone;
    Some(Last {
        id: of.id.to_string(),
        title: of.title.clone(),
        from: When::new(from, s.at, zone),
        to: When::new(to, s.at, zone),
        length: crate::http::page::when::duration(to.since(from).unsigned_abs()),
    })
}

/// Components that are not up, the worst and oldest first; nothing when all are.
pub(super) fn behind(s: &Snapshot) -> String {
    let mut wrong: Vec<_> =
        s.config.components.iter().zip(&s.components).filter(|(_, v)| v.state != Shown::Up).collect();
    wrong.sort_by_key(|(_, v)| (look(v.state).rank, v.since.map_or(i64::MIN, |at| at.0)));
    let more = wrong.len().saturating_sub(MAX_BEHIND);
    let part = |(of, view): (&crate::config::model::Component, &crate::snapshot::ComponentView)| {
        let site = &s.config.sites[of.site.get()];
        Part {
            look: look(view.state),
            id: of.id.to_string(),
            site: site.title.clone(),
            site_id: site.id.to_string(),
            since: since(view.since, s),
            reason: reason(&view.reason, s),
        }
    };
    made(&Behind { components: wrong.into_iter().take(MAX_BEHIND).map(part).collect(), more })
}
