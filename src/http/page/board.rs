//! The status board: what is wrong, since when, whom it hurts, whom to call, what is left of the promise.

use askama::Template;

use super::{Desk, Frame, Promise, When, look, made, since};
use crate::draw::palette::{Look, WORST_FIRST};
use crate::names::{ServiceIx, SiteIx};
use crate::snapshot::{Shown, Snapshot};
use crate::units::Sec;

/// The board asks for itself again after so many seconds, unless the reader holds it still.
const REFRESH: u32 = 15;

/// So many troubles are told in full; the grid below shows the others too.
const MAX_TOLD: usize = 40;

/// So many services are named on one card.
const MAX_HURT: usize = 8;

/// So many services stand in the list of those with the least of their promise left.
const MAX_PROMISES: usize = 12;

#[derive(Template)]
#[template(path = "page/board.html")]
struct Board {
    frame: Frame,
    headline: String,
    worst: Option<Look>,
    tallies: Vec<Tally>,
    services: usize,
    troubles: Vec<Trouble>,
    untold: usize,
    components: Vec<Part>,
    desks: Vec<Desk>,
    classes: Vec<String>,
    sites: Vec<SiteRow>,
    promises: Vec<PromiseRow>,
    more_promises: bool,
    still: bool,
}

struct Tally {
    look: Look,
    count: usize,
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

struct Part {
    look: Look,
    id: String,
    site: String,
    site_id: String,
    since: Option<When>,
    reason: String,
}

struct SiteRow {
    id: String,
    title: String,
    worst: Look,
    cells: Vec<Vec<Cell>>,
    rank: u8,
}

struct Cell {
    look: Look,
    id: String,
    title: String,
}

struct PromiseRow {
    id: String,
    title: String,
    site: String,
    promise: Promise,
}

/// The page; `still` when it should not ask for itself again.
#[must_use]
pub fn render(s: &Snapshot, still: bool) -> String {
    let tallies: Vec<Tally> = WORST_FIRST
        .iter()
        .map(|&state| Tally { look: look(state), count: s.services.iter().filter(|v| v.state == state).count() })
        .collect();
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
        match groups.iter().take(MAX_TOLD).position(|group| same_trouble(s, group[0], *ix)) {
            Some(known) => groups[known].push(*ix),
            None if groups.len() < MAX_TOLD => groups.push(vec![*ix]),
            None => untold += 1,
        }
    }
    let worst = wrong.first().map(|ix| look(s.services[ix.get()].state));
    let promises = promises(s);
    made(&Board {
        frame: Frame::new(s, (!still).then_some(REFRESH)),
        headline: headline(s),
        worst,
        tallies,
        services: s.services.len(),
        troubles: groups.iter().map(|group| trouble(s, group)).collect(),
        untold,
        components: parts(s),
        desks: s.config.contracts.iter().map(Desk::of).collect(),
        classes: s.config.classes.iter().map(|c| c.id.to_string()).collect(),
        sites: sites(s),
        more_promises: s.services.len() > promises.len(),
        promises,
        still,
    })
}

/// One sentence that answers "is anything wrong?".
fn headline(s: &Snapshot) -> String {
    let count = |state| s.services.iter().filter(|v| v.state == state).count();
    let total = s.services.len();
    let (down, unknown, degraded) = (count(Shown::Down), count(Shown::Unknown), count(Shown::Degraded));
    let say = |n: usize, what: &str| format!("{n} {} {what}", if n == 1 { "service is" } else { "services are" });
    match (total, down, unknown, degraded) {
        (0, ..) => "No service is configured".to_owned(),
        (_, 0, 0, 0) => format!("All is well with {total} {}", if total == 1 { "service" } else { "services" }),
        (_, 0, 0, n) => say(n, "degraded, none is down"),
        (_, 0, n, _) if n == total => "No service has been measured yet".to_owned(),
        (_, 0, n, _) => say(n, "unknown, none is known to be down"),
        (_, n, ..) => say(n, "down"),
    }
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
    let within = s.config.slas[of.sla.get()].restore_within.and_then(|seconds| i64::try_from(seconds).ok());
    let restore = match (view.state, view.since, within) {
        (Shown::Down, Some(at), Some(within)) => {
            let by: Sec = at.plus(within);
            Some(Restore {
                by: When::new(by, s.at, zone),
                late: by < s.at,
                gap: super::when::duration(by.since(s.at).unsigned_abs()),
            })
        }
        _ => None,
    };
    Trouble {
        look: look(view.state),
        site: site.title.clone(),
        site_id: site.id.to_string(),
        since: since(view.since, s),
        reason: view.reason.clone(),
        desk: Desk::of(&s.config.contracts[of.contract.get()]),
        restore,
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

/// Components that are not up, the worst and oldest first.
fn parts(s: &Snapshot) -> Vec<Part> {
    let mut wrong: Vec<_> =
        s.config.components.iter().zip(&s.components).filter(|(_, v)| v.state != Shown::Up).collect();
    wrong.sort_by_key(|(_, v)| (look(v.state).rank, v.since.map_or(i64::MIN, |at| at.0)));
    let part = |(of, view): (&crate::config::model::Component, &crate::snapshot::ComponentView)| {
        let site = &s.config.sites[of.site.get()];
        Part {
            look: look(view.state),
            id: of.id.to_string(),
            site: site.title.clone(),
            site_id: site.id.to_string(),
            since: since(view.since, s),
            reason: view.reason.clone(),
        }
    };
    wrong.into_iter().take(MAX_TOLD).map(part).collect()
}

/// Sites by classes, those with trouble first.
fn sites(s: &Snapshot) -> Vec<SiteRow> {
    let classes = s.config.classes.len();
    let mut rows: Vec<SiteRow> = s
        .config
        .sites
        .iter()
        .map(|site| SiteRow {
            id: site.id.to_string(),
            title: site.title.clone(),
            worst: look(Shown::Up),
            cells: (0..classes).map(|_| Vec::new()).collect(),
            rank: u8::MAX,
        })
        .collect();
    for (of, view) in s.config.services.iter().zip(&s.services) {
        let row = &mut rows[of.site.get()];
        let look = look(view.state);
        if look.rank < row.rank {
            (row.worst, row.rank) = (look, look.rank);
        }
        row.cells[of.class.get()].push(Cell { look, id: of.id.to_string(), title: of.title.clone() });
    }
    for (of, view) in s.config.components.iter().zip(&s.components) {
        let row = &mut rows[of.site.get()];
        let look = look(view.state);
        if row.rank == u8::MAX {
            // A site without services is as well as its components are.
            row.worst = if look.rank < row.worst.rank { look } else { row.worst };
        }
    }
    let site = |n: usize| SiteIx::from(n);
    let mut order: Vec<(u8, SiteIx, SiteRow)> =
        rows.into_iter().enumerate().map(|(n, row)| (row.worst.rank, site(n), row)).collect();
    order.sort_by(|a, b| (a.0, a.2.title.as_str(), a.1).cmp(&(b.0, b.2.title.as_str(), b.1)));
    order.into_iter().map(|(.., row)| row).collect()
}

/// The services with the least of their promise left.
fn promises(s: &Snapshot) -> Vec<PromiseRow> {
    let mut rows: Vec<(f64, ServiceIx)> = s
        .services
        .iter()
        .enumerate()
        .map(|(n, view)| (view.budget_remaining.unwrap_or(f64::INFINITY), ServiceIx::from(n)))
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    rows.into_iter()
        .take(MAX_PROMISES)
        .map(|(_, ix)| {
            let of = &s.config.services[ix.get()];
            PromiseRow {
                id: of.id.to_string(),
                title: of.title.clone(),
                site: s.config.sites[of.site.get()].title.clone(),
                promise: Promise::of(s, ix, &s.services[ix.get()]),
            }
        })
        .collect()
}
