//! A picture as a list of shapes and texts, and that list as SVG.

use std::fmt::Write as _;

use super::text::{self, Face};

/// A colour, sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink(pub u8, pub u8, pub u8);

/// The reports' inks; their greys differ too.
impl Ink {
    /// Text.
    pub const TEXT: Self = Self(0x1a, 0x1f, 0x24);
    /// Secondary text.
    pub const MUTED: Self = Self(0x55, 0x5f, 0x69);
    /// Lines between rows.
    pub const RULE: Self = Self(0xc8, 0xce, 0xd3);
    /// Background of table heads and panels.
    pub const TINT: Self = Self(0xf1, 0xf3, 0xf5);
    /// Headings and charts' first series.
    pub const MAIN: Self = Self(0x1f, 0x3a, 0x5f);
    /// Charts' second series.
    pub const SECOND: Self = Self(0x5b, 0x7d, 0xa8);
    /// Charts' third series.
    pub const THIRD: Self = Self(0x8f, 0xa3, 0xb8);
    /// Good.
    pub const GOOD: Self = Self(0x2f, 0x6b, 0x4f);
    /// Bad.
    pub const BAD: Self = Self(0x9b, 0x1c, 0x24);
    /// Neither.
    pub const DOUBT: Self = Self(0x8a, 0x63, 0x12);
    /// Paper.
    pub const PAPER: Self = Self(0xff, 0xff, 0xff);

    /// As in `#1a1f24`.
    #[must_use]
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Is centred there.
    Middle,
    /// Ends there.
    End,
}

/// A line's look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    /// Colour.
    pub ink: Ink,
    /// Width, points.
    pub width: f32,
    /// Length of dashes and of the gaps between them, points; solid without.
    pub dash: Option<(f32, f32)>,
}

impl Pen {
    /// A solid line.
    #[must_use]
    pub fn solid(ink: Ink, width: f32) -> Self {
        Self { ink, width, dash: None }
    }
}

/// A shape or a text; points, y grows downwards.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Item {
    /// A rectangle.
    Rect { x: f32, y: f32, w: f32, h: f32, fill: Option<Ink>, pen: Option<Pen> },
    /// A line through points.
    Line { points: Vec<(f32, f32)>, pen: Pen },
    /// A text on its base line.
    Text { x: f32, y: f32, size: f32, face: Face, ink: Ink, anchor: Anchor, text: String },
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drawing {
    /// Points.
    pub width: f32,
    /// Points.
    pub height: f32,
    /// What it shows, in words, for those who cannot see it.
    pub alt: String,
    /// From back to front.
    pub items: Vec<Item>,
}

impl Drawing {
    /// An empty picture.
    #[must_use]
    pub fn new(width: f32, height: f32) -> Self {
        Self { width, height, alt: String::new(), items: Vec::new() }
    }

    /// Adds a filled rectangle.
    pub fn fill(&mut self, x: f32, y: f32, w: f32, h: f32, ink: Ink) {
        self.items.push(Item::Rect { x, y, w, h, fill: Some(ink), pen: None });
    }

    /// Adds an outlined rectangle, filled when `fill` is given.
    pub fn frame(&mut self, x: f32, y: f32, w: f32, h: f32, fill: Option<Ink>, pen: Pen) {
        self.items.push(Item::Rect { x, y, w, h, fill, pen: Some(pen) });
    }

    /// Adds a straight line.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), pen: Pen) {
        self.items.push(Item::Line { points: vec![from, to], pen });
    }

    /// Adds a text that begins at a point.
    pub fn text(&mut self, x: f32, y: f32, size: f32, face: Face, ink: Ink, text: &str) {
        self.anchored(x, y, size, face, ink, Anchor::Start, text);
    }

    /// Adds a text.
    #[expect(clippy::too_many_arguments, reason = "a text has that many sides")]
    pub fn anchored(&mut self, x: f32, y: f32, size: f32, face: Face, ink: Ink, anchor: Anchor, text: &str) {
        self.items.push(Item::Text { x, y, size, face, ink, anchor, text: text::drawable(face, text) });
    }

    /// Adds another picture's items, moved.
    pub fn place(&mut self, x: f32, y: f32, other: &Self) {
        self.items.extend(other.items.iter().map(|item| item.moved(x, y)));
    }

    /// As one `<svg>` element of its own width; the style sheet lets it shrink.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{}\" width=\"{}pt\" viewBox=\"0 0 {} {}\">",
            text::escape(&self.alt),
            n(self.width),
            n(self.width),
            n(self.height)
        );
        for item in &self.items {
            item.svg(&mut svg);
        }
        svg.push_str("</svg>");
        svg
    }
}

impl Item {
    /// The same elsewhere.
    #[must_use]
    pub fn moved(&self, dx: f32, dy: f32) -> Self {
        let mut item = self.clone();
        match &mut item {
            Self::Rect { x, y, .. } | Self::Text { x, y, .. } => (*x, *y) = (*x + dx, *y + dy),
            Self::Line { points, .. } => points.iter_mut().for_each(|(x, y)| (*x, *y) = (*x + dx, *y + dy)),
        }
        item
    }

    fn svg(&self, out: &mut String) {
        let done = match self {
            Self::Rect { x, y, w, h, fill, pen } => {
                let fill = fill.map_or("none".to_owned(), Ink::css);
                write!(
                    out,
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"{}/>",
                    n(*x),
                    n(*y),
                    n(*w),
                    n(*h),
                    stroke(pen.as_ref())
                )
            }
            Self::Line { points, pen } => {
                let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect();
                write!(out, "<polyline points=\"{}\" fill=\"none\"{}/>", points.join(" "), stroke(Some(pen)))
            }
            Self::Text { x, y, size, face, ink, anchor, text } => {
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let face = match face {
                    Face::Regular => "",
                    Face::Bold => " font-weight=\"700\"",
                };
                write!(
                    out,
                    "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{face}>{}</text>",
                    n(*x),
                    n(*y),
                    n(*size),
                    ink.css(),
                    text::escape(text)
                )
            }
        };
        done.expect("a string takes every write");
    }
}

fn stroke(pen: Option<&Pen>) -> String {
    let Some(pen) = pen else { return String::new() };
    let dash = pen.dash.map_or(String::new(), |(on, off)| format!(" stroke-dasharray=\"{} {}\"", n(on), n(off)));
    format!(" stroke=\"{}\" stroke-width=\"{}\"{dash}", pen.ink.css(), n(pen.width))
}

/// At most two decimals, no trailing zeros: the same text on every machine.
fn n(value: f32) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_texts_escaped() {
        assert_eq!((n(1.0), n(0.125), n(-0.001), n(10.50)), ("1".into(), "0.12".into(), "0".into(), "10.5".into()));
        let mut drawing = Drawing::new(10.0, 10.0);
        drawing.text(1.0, 2.0, 8.0, Face::Bold, Ink::TEXT, "<script>&\"");
        assert!(drawing.svg().contains("&lt;script&gt;&amp;&quot;"));
    }
}
