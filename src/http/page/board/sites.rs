//! Every site: at a glance as tiles, and by class of service as a table of so many at a time.

use askama::Template;

use super::find::Find;
use crate::draw::palette::Look;
use crate::http::page::{look, made};
use crate::names::SiteIx;
use crate::snapshot::{Shown, Snapshot};

/// Sites on one page of the table.
const PAGE: usize = 40;
/// Tiles; sites with trouble come first, so none of them is left out before a thousand are in trouble.
const MAX_TILES: usize = 1_000;
/// With more sites than this only those in trouble are named on their tile.
const NAMED_TILES: usize = 80;
/// Of these so many on a wall, where nothing can be scrolled to: all of them have the mark of their state.
pub(super) const NAMED_ON_A_WALL: usize = 24;
/// Services of one class that are shown in one cell.
const MAX_CELL: usize = 4;

#[derive(Template)]
#[template(path = "page/board/tiles.html")]
struct Tiles {
    tiles: Vec<Tile>,
    dense: bool,
    more: usize,
}

struct Tile {
    id: String,
    title: String,
    look: Look,
    named: bool,
}

#[derive(Template)]
#[template(path = "page/board/sites.html")]
struct Sites {
    classes: Vec<String>,
    rows: Vec<Row>,
    first: usize,
    last: usize,
    fitting: usize,
    all: usize,
    before: Option<String>,
    after: Option<String>,
    words: String,
}

#[derive(Template)]
#[template(path = "page/board/found.html")]
struct Found {
    inner: String,
    plain: bool,
    query: String,
    fitting: usize,
}

struct Row {
    id: String,
    title: String,
    worst: Look,
    cells: Vec<Cell>,
}

struct Cell {
    services: Vec<Chip>,
    more: usize,
}

struct Chip {
    look: Look,
    id: String,
    title: String,
}

/// Each site's worst state; a site without services is as well as its components are.
fn worst(s: &Snapshot) -> Vec<Look> {
    let mut services: Vec<Option<Look>> = vec![None; s.config.sites.len()];
    let mut components = services.clone();
    let worse = |known: &mut Option<Look>, state: Shown| {
        let new = look(state);
        if known.is_none_or(|known| new.rank < known.rank) {
            *known = Some(new);
        }
    };
    for (of, view) in s.config.services.iter().zip(&s.services) {
        worse(&mut services[of.site.get()], view.state);
    }
    for (of, view) in s.config.components.iter().zip(&s.components) {
        worse(&mut components[of.site.get()], view.state);
    }
    services.into_iter().zip(components).map(|(s, c)| s.or(c).unwrap_or(look(Shown::Unknown))).collect()
}

/// All sites, those with trouble first, then by title.
fn order(s: &Snapshot, worst: &[Look]) -> Vec<SiteIx> {
    let mut order: Vec<SiteIx> = (0..s.config.sites.len()).map(SiteIx::from).collect();
    order.sort_by_key(|ix| (worst[ix.get()].rank, s.config.sites[ix.get()].title.as_str(), *ix));
    order
}

/// One tile for each site; of many sites at most so many in trouble are named.
pub(super) fn tiles(s: &Snapshot, most_named: usize) -> String {
    let worst = worst(s);
    let order = order(s, &worst);
    let dense = order.len() > NAMED_TILES;
    let tile = |(n, ix): (usize, &SiteIx)| {
        let (site, look) = (&s.config.sites[ix.get()], worst[ix.get()]);
        let named = !dense || (look.class != "up" && n < most_named);
        Tile { id: site.id.to_string(), title: site.title.clone(), look, named }
    };
    let more = order.len().saturating_sub(MAX_TILES);
    made(&Tiles { tiles: order.iter().take(MAX_TILES).enumerate().map(tile).collect(), dense, more })
}

/// The table's element as the page holds it: live when it shows what everybody sees, else asked for again on changes.
pub(super) fn element(s: &Snapshot, find: &Find) -> String {
    let (inner, fitting) = table(s, find);
    made(&Found { inner, plain: find.is_plain(), query: find.query(find.page), fitting })
}

/// What is inside of it.
pub(super) fn render(s: &Snapshot, find: &Find) -> String {
    table(s, find).0
}

fn table(s: &Snapshot, find: &Find) -> (String, usize) {
    let worst = worst(s);
    let mut fits: Vec<bool> = s
        .config
        .sites
        .iter()
        .map(|site| find.state.is_none() && (find.fits(&site.title) || find.fits(site.id.as_str())))
        .collect();
    for (of, view) in s.config.services.iter().zip(&s.services) {
        let site = &s.config.sites[of.site.get()];
        let named = || {
            find.fits(&of.title) || find.fits(of.id.as_str()) || find.fits(&site.title) || find.fits(site.id.as_str())
        };
        if !fits[of.site.get()] && find.state.is_none_or(|state| state == view.state) && named() {
            fits[of.site.get()] = true;
        }
    }
    if find.state.is_none() && !find.words.is_empty() {
        for of in &s.config.components {
            let address = of.address.as_ref().map(ToString::to_string).unwrap_or_default();
            fits[of.site.get()] |= find.fits(of.id.as_str()) || find.fits(&of.title) || find.fits(&address);
        }
    }
    let fitting: Vec<SiteIx> = order(s, &worst).into_iter().filter(|ix| fits[ix.get()]).collect();
    let page = find.page.min(fitting.len().saturating_sub(1) / PAGE);
    let shown: Vec<SiteIx> = fitting.iter().skip(page * PAGE).take(PAGE).copied().collect();
    let mut rows: Vec<Row> = shown
        .iter()
        .map(|ix| {
            let site = &s.config.sites[ix.get()];
            let cells = s.config.classes.iter().map(|_| Cell { services: Vec::new(), more: 0 }).collect();
            Row { id: site.id.to_string(), title: site.title.clone(), worst: worst[ix.get()], cells }
        })
        .collect();
    let mut place = vec![None; s.config.sites.len()];
    shown.iter().enumerate().for_each(|(n, ix)| place[ix.get()] = Some(n));
    for (of, view) in s.config.services.iter().zip(&s.services) {
        if let Some(n) = place[of.site.get()] {
            let chip = Chip { look: look(view.state), id: of.id.to_string(), title: of.title.clone() };
            rows[n].cells[of.class.get()].services.push(chip);
        }
    }
    for cell in rows.iter_mut().flat_map(|row| &mut row.cells) {
        cell.services.sort_by_key(|chip| chip.look.rank);
        cell.more = cell.services.len().saturating_sub(MAX_CELL);
        cell.services.truncate(MAX_CELL);
    }
    let (first, last) = (page * PAGE + 1, page * PAGE + shown.len());
    let html = made(&Sites {
        classes: s.config.classes.iter().map(|c| c.id.to_string()).collect(),
        rows,
        first,
        last,
        fitting: fitting.len(),
        all: s.config.sites.len(),
        before: (page > 0).then(|| find.query(page - 1)),
        after: (last < fitting.len()).then(|| find.query(page + 1)),
        words: find.words.clone(),
    });
    (html, fitting.len())
}

/// Differs when any service's state or the configuration does (FNV-1a: no secret rests on it).
pub(super) fn fingerprint(s: &Snapshot) -> String {
    let bytes = s.services.iter().map(|v| v.state as u8).chain(s.config.hash.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
