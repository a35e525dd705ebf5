//! `report.html`: one file, nothing fetched, printable.

use askama::Template;

use super::document::{Block, Cell, Column, Document};
use super::model::Report;

/// The bytes of `report.html`.
#[must_use]
pub fn encode(document: &Document, report: &Report) -> Vec<u8> {
    Page { document, software: &report.method.software }
        .render()
        .expect("the template writes to memory only")
        .into_bytes()
}

#[derive(Template)]
#[template(path = "report/report.html")]
struct Page<'a> {
    document: &'a Document,
    software: &'a str,
}

/// Class attribute of a cell.
fn side(column: &Column) -> &'static str {
    if column.right { "r" } else { "" }
}
