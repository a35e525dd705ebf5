//! `report.pdf`: PDF/A-2b with embedded fonts; the same bytes every time.

use krilla::Document as Pdf;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{Path, PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use sha2::{Digest as _, Sha256};

use super::document::Document;
use super::journal::hex;
use super::layout::{self, PAGE};
use super::model::{Report, instant};
use crate::draw::drawing::{Anchor, Ink, Item, Pen};
use crate::draw::text::{self, Face};

/// The document could not be made valid PDF/A.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("report.pdf cannot be made: {0}")]
pub struct PdfError(String);

/// The bytes of `report.pdf`; `json` is the text of the report, of which the document bears the hash as its identity.
pub fn encode(document: &Document, report: &Report, json: &[u8]) -> Result<Vec<u8>, PdfError> {
    let failed = |e: &dyn std::fmt::Debug| PdfError(format!("{e:?}"));
    let configuration =
        ConfigurationBuilder::new().with_archival_validator(Archival::A2_B).finish().map_err(|e| failed(&e))?;
    let mut pdf =
        Pdf::new_with(SerializeSettings { configuration, enable_tagging: false, ..SerializeSettings::default() });
    let fonts = Face::ALL.map(|face| Font::new(face.file().into(), 0).expect("the committed fonts parse"));
    let mut outline = Outline::new();
    let size = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(|| PdfError("no page size".into()))?;
    for (n, page) in layout::pages(document).iter().enumerate() {
        for (title, y) in &page.marks {
            outline.push_child(OutlineNode::new(title.clone(), XyzDestination::new(n, Point::from_xy(0.0, *y))));
        }
        let mut sheet = pdf.start_page_with(size.clone());
        let mut surface = sheet.surface();
        for item in &page.items {
            draw(&mut surface, &fonts, item);
        }
        surface.finish();
        sheet.finish();
    }
    pdf.set_outline(outline);
    pdf.set_metadata(metadata(document, report, json));
    pdf.finish().map_err(|e| failed(&e))
}

fn metadata(document: &Document, report: &Report, json: &[u8]) -> Metadata {
    let metadata = Metadata::new()
        .title(document.title.clone())
        .description(document.subtitle.clone())
        .language("en-GB".into())
        .creator(report.method.software.clone())
        .producer(report.method.software.clone())
        .document_id(hex(&Sha256::digest(json)[..16]));
    let Ok(at) = jiff::Timestamp::from_second(instant(&report.period.as_of).0) else { return metadata };
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let two = |v: i8| u8::try_from(v).unwrap_or(0);
    metadata.creation_date(
        DateTime::new(u16::try_from(at.year()).unwrap_or(1970))
            .month(two(at.month()))
            .day(two(at.day()))
            .hour(two(at.hour()))
            .minute(two(at.minute()))
            .second(two(at.second()))
            .utc_offset_hour(0)
            .utc_offset_minute(0),
    )
}

fn draw(surface: &mut Surface<'_>, fonts: &[Font; 2], item: &Item) {
    match item {
        Item::Rect { x, y, w, h, fill, pen } => {
            let Some(rect) = Rect::from_xywh(*x, *y, w.max(0.01), h.max(0.01)) else { return };
            let mut path = PathBuilder::new();
            path.push_rect(rect);
            paint(surface, path.finish(), *fill, pen.as_ref());
        }
        Item::Line { points, pen } => {
            let mut path = PathBuilder::new();
            for (n, (x, y)) in points.iter().enumerate() {
                if n == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
            }
            paint(surface, path.finish(), None, Some(pen));
        }
        Item::Text { x, y, size, face, ink, anchor, text } => {
            let back = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => text::width(*face, *size, text) / 2.0,
                Anchor::End => text::width(*face, *size, text),
            };
            let glyphs: Vec<KrillaGlyph> = text
                .char_indices()
                .filter_map(|(at, c)| {
                    let (glyph, advance) = face.glyph(c)?;
                    Some(KrillaGlyph::new(GlyphId::new(glyph), advance, 0.0, 0.0, 0.0, at..at + c.len_utf8(), None))
                })
                .collect();
            if glyphs.is_empty() {
                return;
            }
            surface.set_fill(Some(ink_fill(*ink)));
            surface.set_stroke(None);
            surface.draw_glyphs(
                Point::from_xy(x - back, *y),
                &glyphs,
                fonts[*face as usize].clone(),
                text,
                *size,
                false,
            );
        }
    }
}

fn paint(surface: &mut Surface<'_>, path: Option<Path>, fill: Option<Ink>, pen: Option<&Pen>) {
    let Some(path) = path else { return };
    surface.set_fill(fill.map(ink_fill));
    surface.set_stroke(pen.map(|pen| Stroke {
        paint: color(pen.ink).into(),
        width: pen.width,
        dash: pen.dash.map(|(on, off)| StrokeDash { array: vec![on, off], offset: 0.0 }),
        ..Stroke::default()
    }));
    surface.draw_path(&path);
}

fn ink_fill(ink: Ink) -> Fill {
    Fill { paint: color(ink).into(), opacity: NormalizedF32::ONE, ..Fill::default() }
}

fn color(ink: Ink) -> rgb::Color {
    rgb::Color::new(ink.0, ink.1, ink.2)
}
