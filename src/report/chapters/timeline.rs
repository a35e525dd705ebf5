//! The month as a picture for each site.

use crate::draw::month::{Band, Mark, legend, month};
use crate::report::document::{Block, Chapter, WIDTH};
use crate::report::model::{Report, RunState, Service, SiteTimeline, TimelineRow, instant};
use crate::report::words::{self, Zone};
use crate::units::Span;

/// With more sites than this, those that were up all month are named and not drawn.
const DRAWN: usize = 12;
/// Bands in one picture; a page holds more.
const BANDS: usize = 36;

/// The chapter's title.
pub const TITLE: &str = "The month at each site";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report, zone: &Zone) -> Chapter {
    let (from, to) = report.span();
    let span = Span::new(from, to);
    let midnights = zone.midnights(span);
    let quiet = |site: &SiteTimeline| {
        site.rows.iter().flat_map(|r| &r.runs).all(|r| matches!(r.state, RunState::Up | RunState::Outside))
    };
    let (named, drawn): (Vec<&SiteTimeline>, Vec<&SiteTimeline>) =
        report.sites.iter().partition(|s| report.sites.len() > DRAWN && quiet(s));
    let mut blocks = vec![
        Block::Text(format!(
            "One picture for each site: services in bold, below them the components that carry them. Days are local to {}. A stretch too short for its true width is drawn as a thin line, so that no outage is invisible.",
            report.period.time_zone
        )),
        Block::Picture(legend(WIDTH)),
    ];
    for site in drawn {
        for (part, rows) in site.rows.chunks(BANDS).enumerate() {
            let continued = if part == 0 { "" } else { ", continued" };
            blocks.push(Block::Heading(format!("{}{continued}", site.title)));
            let bands: Vec<Band> = rows.iter().map(band).collect();
            let mut picture = month(&bands, span, &midnights, WIDTH);
            picture.alt = format!("Timeline of {} in {}", site.title, words::month(&report.period.month));
            blocks.push(Block::Picture(picture));
        }
    }
    if !named.is_empty() {
        let titles: Vec<&str> = named.iter().map(|s| s.title.as_str()).collect();
        blocks.push(Block::Heading("Up all month".into()));
        blocks.push(Block::Text(format!("{}.", titles.join(", "))));
    }
    Chapter { title: TITLE.into(), blocks }
}

/// The services of the cover through the month.
#[must_use]
pub fn glance(report: &Report, zone: &Zone, services: &[&Service]) -> Vec<Block> {
    let (from, to) = report.span();
    let span = Span::new(from, to);
    let rows: Vec<&TimelineRow> = report.sites.iter().flat_map(|s| &s.rows).filter(|r| r.kind == "service").collect();
    let bands: Vec<Band> = services
        .iter()
        .filter_map(|s| rows.iter().find(|r| r.id == s.id).map(|r| Band { label: s.title.clone(), ..band(r) }))
        .collect();
    if bands.is_empty() {
        return Vec::new();
    }
    let mut picture = month(&bands, span, &zone.midnights(span), WIDTH);
    picture.alt = format!("State of every service in {}", words::month(&report.period.month));
    vec![Block::Heading("When".into()), Block::Picture(picture), Block::Picture(legend(WIDTH))]
}

fn band(row: &TimelineRow) -> Band {
    Band {
        label: row.id.clone(),
        strong: row.kind == "service",
        marks: row.runs.iter().map(|r| (Span::new(instant(&r.from), instant(&r.to)), mark(r.state))).collect(),
    }
}

fn mark(state: RunState) -> Mark {
    match state {
        RunState::Up => Mark::Up,
        RunState::Degraded => Mark::Degraded,
        RunState::Down => Mark::Down,
        RunState::Unknown => Mark::Unknown,
        RunState::Excluded => Mark::Excluded,
        RunState::Outside => Mark::Outside,
    }
}
