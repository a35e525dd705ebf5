//! A verdict as a small mark: solid for bad, outlined for good, dashed for doubt.

use super::drawing::{Anchor, Drawing, Ink, Pen};
use super::text::{self, Face};

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    /// As promised.
    Good,
    /// Not as promised.
    Bad,
    /// Not known.
    Doubt,
}

impl Tone {
    /// Its ink.
    #[must_use]
    pub fn ink(self) -> Ink {
        match self {
            Self::Good => Ink::GOOD,
            Self::Bad => Ink::BAD,
            Self::Doubt => Ink::DOUBT,
        }
    }

    /// Its name in style sheets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Doubt => "doubt",
        }
    }
}

/// The mark, as high as a line of text of that size needs.
#[must_use]
pub fn badge(tone: Tone, words: &str, size: f32) -> Drawing {
    let (pad, height) = (size * 0.5, size * 1.4);
    let mut drawing = Drawing::new(text::width(Face::Bold, size, words) + 2.0 * pad, height);
    drawing.alt = words.to_owned();
    let (w, ink) = (drawing.width, tone.ink());
    let (fill, pen, letters) = match tone {
        Tone::Bad => (Some(ink), Pen::solid(ink, 0.8), Ink::PAPER),
        Tone::Good => (None, Pen::solid(ink, 0.8), ink),
        Tone::Doubt => (None, Pen { ink, width: 0.8, dash: Some((2.0, 1.5)) }, ink),
    };
    drawing.frame(0.4, 0.4, w - 0.8, height - 0.8, fill, pen);
    drawing.anchored(w / 2.0, size * 1.05, size, Face::Bold, letters, Anchor::Middle, words);
    drawing
}
