//! The status board: what is wrong, since when, whom it hurts, whom to call, what is left of the promise.
//!
//! Each part is a piece of HTML of its own, made here for the whole page and for those who listen to it.

pub mod find;
mod month;
mod sites;
mod wrong;

use askama::Template;

use super::{Desk, Frame, look, made};
use crate::draw::palette::{Look, WORST_FIRST};
use crate::http::live::Parts;
use crate::snapshot::{Shown, Snapshot};
use find::Find;

/// Without scripts the board asks for itself again after so many seconds, unless the reader holds it still.
const REFRESH: u32 = 15;

/// How the board is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// For a wall: large, and only what is wrong, where, and what is left.
    pub wall: bool,
    /// Neither live nor refreshed.
    pub still: bool,
}

#[derive(Template)]
#[template(path = "page/board.html")]
struct Board<'a> {
    frame: Frame,
    parts: &'a Parts,
    title: String,
    find: &'a Find,
    found: String,
    sites: usize,
    services: usize,
    desks: Vec<Desk>,
    looks: Vec<Look>,
}

#[derive(Template)]
#[template(path = "page/wall.html")]
struct Wall<'a> {
    frame: Frame,
    parts: &'a Parts,
    title: String,
}

#[derive(Template)]
#[template(path = "page/board/verdict.html")]
struct Verdict {
    headline: String,
    worst: Look,
    tallies: Vec<Tally>,
    promises: String,
    overspent: bool,
}

struct Tally {
    look: Look,
    count: usize,
}

/// The page.
#[must_use]
pub fn render(s: &Snapshot, manner: Manner, find: &Find) -> String {
    let refresh = (!manner.still).then_some(REFRESH);
    let title = headline(s);
    if manner.wall {
        let stream = (!manner.still).then(|| "/events/wall".to_owned());
        return made(&Wall { frame: Frame::new(s, refresh, stream), parts: &wall_parts(s), title });
    }
    made(&Board {
        frame: Frame::new(s, refresh, (!manner.still).then(|| "/events/board".to_owned())),
        parts: &parts(s),
        title,
        find,
        found: sites::element(s, find),
        sites: s.config.sites.len(),
        services: s.services.len(),
        desks: s.config.contracts.iter().map(Desk::of).collect(),
        looks: WORST_FIRST.map(look).to_vec(),
    })
}

/// The sites that fit, as the whole element that the page holds them in.
#[must_use]
pub fn found(s: &Snapshot, find: &Find) -> String {
    sites::element(s, find)
}

/// The parts of the board.
#[must_use]
pub fn parts(s: &Snapshot) -> Parts {
    vec![
        ("banners", super::banners(s)),
        ("verdict", verdict(s)),
        ("wrong", wrong::render(s, wrong::TOLD)),
        ("tiles", sites::tiles(s, usize::MAX)),
        ("month", month::render(s, month::ROWS)),
        ("sites", sites::render(s, &Find::default())),
        ("behind", wrong::behind(s)),
        ("changed", sites::fingerprint(s)),
    ]
}

/// The parts of the board on a wall.
#[must_use]
pub fn wall_parts(s: &Snapshot) -> Parts {
    vec![
        ("banners", super::banners(s)),
        ("verdict", verdict(s)),
        ("wrong", wrong::render(s, wrong::TOLD_ON_A_WALL)),
        ("tiles", sites::tiles(s, sites::NAMED_ON_A_WALL)),
        ("month", month::render(s, month::ROWS_ON_A_WALL)),
    ]
}

fn verdict(s: &Snapshot) -> String {
    let worst = s.services.iter().map(|v| look(v.state)).min_by_key(|look| look.rank);
    let (promises, overspent) = promises(s);
    made(&Verdict {
        headline: headline(s),
        worst: worst.unwrap_or(look(Shown::Unknown)),
        tallies: WORST_FIRST
            .iter()
            .map(|&state| Tally { look: look(state), count: s.services.iter().filter(|v| v.state == state).count() })
            .collect(),
        promises,
        overspent,
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

/// How the month's promises stand, in a sentence, and whether any is overspent.
fn promises(s: &Snapshot) -> (String, bool) {
    let left = || s.services.iter().filter_map(|v| v.budget_remaining);
    let overspent = left().filter(|l| *l < 0.0).count();
    let low = left().filter(|l| (0.0..0.25).contains(l)).count();
    let services = |n: usize| if n == 1 { "1 service".to_owned() } else { format!("{n} services") };
    let words = match (left().count(), overspent, low) {
        (0, ..) => String::new(),
        (_, 0, 0) => "This month: every promise has at least a quarter of its allowance left.".to_owned(),
        (_, 0, n) => format!("This month: {} with less than a quarter of the allowance left.", services(n)),
        (_, n, 0) => format!("This month: {} over the allowance.", services(n)),
        (_, n, m) => {
            format!("This month: {} over the allowance, {} with less than a quarter of it left.", services(n), m)
        }
    };
    (words, overspent > 0)
}
