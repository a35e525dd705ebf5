//! What people read, before it is HTML or PDF: a cover and chapters made of blocks.

use super::chapters::{self, cover::LISTED};
use super::layout;
use super::model::Report;
use super::words::{self, Zone};
use crate::draw::badge::Tone;
use crate::draw::drawing::Drawing;
use crate::draw::panel::Answer;

/// Width of text, tables and pictures, points: A4 less its margins.
pub const WIDTH: f32 = 505.0;

/// A report for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// As in `Service level evidence, October 2026`.
    pub title: String,
    /// Whom and what it is about.
    pub subtitle: String,
    /// Stands on every page.
    pub running: String,
    /// Said in front of everything when figures may still change.
    pub warning: Option<String>,
    /// First page.
    pub cover: Vec<Block>,
    /// The rest.
    pub chapters: Vec<Chapter>,
}

/// A numbered part.
#[derive(Debug, Clone, PartialEq)]
pub struct Chapter {
    /// Heading without its number.
    pub title: String,
    /// Contents.
    pub blocks: Vec<Block>,
}

/// A piece of text, table or picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading inside a chapter.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A remark in small print.
    Small(String),
    /// Names with values.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A picture, no wider than [`WIDTH`].
    Picture(Drawing),
    /// Questions with their answers in large letters.
    Answers(Vec<Answer>),
}

/// A table; its head is repeated on every page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Columns from left to right.
    pub columns: Vec<Column>,
    /// Each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Said instead when there is no row.
    pub empty: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// Share of the table's width.
    pub share: f32,
    /// Numbers stand to the right.
    pub right: bool,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// Text that stands out.
    Strong(String),
    /// A line of text with a smaller one below.
    Pair(String, String),
    /// Small text, and whether it stands out.
    Fine(String, bool),
    /// A verdict.
    Badge(Tone, String),
    /// A small picture.
    Picture(Drawing),
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[(&str, f32, bool)], empty: &str) -> Self {
        let columns =
            columns.iter().map(|(title, share, right)| Column { title: (*title).into(), share: *share, right: *right });
        Self { columns: columns.collect(), rows: Vec::new(), empty: empty.to_owned() }
    }

    /// Width of a column as a percentage of the table's, two decimals.
    #[must_use]
    pub fn width(&self, column: &Column) -> String {
        let total: f32 = self.columns.iter().map(|c| c.share).sum();
        format!("{:.2}", 100.0 * column.share / total)
    }
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Text that stands out.
    pub fn strong(text: impl Into<String>) -> Self {
        Self::Strong(text.into())
    }

    /// A verdict's mark.
    #[must_use]
    pub fn verdict(verdict: super::model::Verdict) -> Self {
        Self::Badge(words::tone(verdict), verdict.words().to_owned())
    }

    /// What `cell` says of a service, or a dash when nothing was promised of it.
    #[must_use]
    pub fn promised(service: &super::model::Service, cell: impl FnOnce() -> Self) -> Self {
        if service.promised() { cell() } else { Self::text("–") }
    }

    /// The verdict on a service, or that there is none to give.
    #[must_use]
    pub fn verdict_on(service: &super::model::Service) -> Self {
        if service.promised() { Self::verdict(service.verdict) } else { Self::text("no promise") }
    }
}

/// The document of a report.
#[must_use]
pub fn document(report: &Report) -> Document {
    let zone = Zone::new(&report.period.time_zone);
    let month = words::month(&report.period.month);
    let whole = Document {
        title: format!("Service level evidence, {month}"),
        subtitle: format!("{} — {} for {}", report.terms.title, report.terms.provider, report.terms.customer),
        running: format!("Evidence pack {} · {} · {}", report.contract, report.period.month, report.terms.reference),
        warning: report.provisional.then(|| {
            format!(
                "Provisional: the month was not closed on {}. Figures may still change.",
                zone.moment(&report.period.as_of)
            )
        }),
        cover: Vec::new(),
        chapters: vec![
            chapters::scorecard::chapter(report),
            chapters::outages::chapter(report, &zone),
            chapters::faults::chapter(report, &zone),
            chapters::timeline::chapter(report, &zone),
            chapters::quality::chapter(report),
            chapters::voice::chapter(report),
            chapters::exclusions::chapter(report, &zone),
            chapters::credits::chapter(report),
            chapters::health::chapter(report, &zone),
            chapters::method::chapter(report, &zone),
        ],
    };
    // As many services as leave verdict, figures and the picture of the month on one page.
    let [.., fewest] = LISTED;
    let fitting = LISTED.into_iter().map(|most| chapters::cover::blocks(report, &zone, most));
    let mut cover = fitting.into_iter().find(|blocks| layout::fits_one_page(&whole, blocks));
    let cover = cover.get_or_insert_with(|| chapters::cover::blocks(report, &zone, fewest));
    cover.extend(chapters::cover::revision(report));
    Document { cover: std::mem::take(cover), ..whole }
}
