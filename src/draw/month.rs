//! A month as bands, one below the other: what was up, down or unknown, and when.
//!
//! States differ in height as well as in shade: down fills the band, degraded its lower half,
//! unknown is a hollow box, excluded fills the upper half.

use super::drawing::{Anchor, Drawing, Ink, Pen};
use super::text::{self, Face};
use crate::units::{Sec, Span};

/// What a stretch of a band shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// Up.
    Up,
    /// Up without resilience.
    Degraded,
    /// Down.
    Down,
    /// Nobody can say.
    Unknown,
    /// Agreed as excluded.
    Excluded,
    /// Not promised at that time.
    Outside,
}

/// One band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Its name.
    pub label: String,
    /// Whether the name stands out.
    pub strong: bool,
    /// Stretches in order.
    pub marks: Vec<(Span, Mark)>,
}

const LABEL: f32 = 112.0;
const BAND: f32 = 11.0;
const PITCH: f32 = 15.0;
const AXIS: f32 = 14.0;
/// The shortest stretch that can still be seen, points.
const LEAST: f32 = 1.2;

/// The bands over `span`, with a tick at every local midnight and the day's number beside it.
#[must_use]
pub fn month(bands: &[Band], span: Span, midnights: &[(Sec, String)], width: f32) -> Drawing {
    let mut drawing = Drawing::new(width, AXIS + PITCH * bands.len() as f32 + 2.0);
    let room = width - LABEL;
    let x = |at: Sec| {
        let share = at.since(span.from) as f64 / span.seconds().max(1) as f64;
        LABEL + room * share.clamp(0.0, 1.0) as f32
    };
    let foot = drawing.height;
    for (n, (at, day)) in midnights.iter().enumerate() {
        drawing.line((x(*at), AXIS - 3.0), (x(*at), foot), Pen::solid(Ink::RULE, 0.4));
        let end = midnights.get(n + 1).map_or(span.to, |m| m.0);
        drawing.anchored((x(*at) + x(end)) / 2.0, AXIS - 5.0, 6.5, Face::Regular, Ink::MUTED, Anchor::Middle, day);
    }
    for (n, band) in bands.iter().enumerate() {
        let y = AXIS + PITCH * n as f32 + (PITCH - BAND) / 2.0;
        let face = if band.strong { Face::Bold } else { Face::Regular };
        let indent = if band.strong { 0.0 } else { 8.0 };
        let label = text::fit(face, 7.5, &band.label, LABEL - indent - 6.0);
        drawing.text(indent, y + 8.2, 7.5, face, Ink::TEXT, &label);
        // Long states first: a short outage is never painted over by what surrounds it.
        let mut marks: Vec<_> = band.marks.iter().filter_map(|(s, m)| s.intersect(span).map(|s| (s, *m))).collect();
        marks.sort_by_key(|(_, mark)| paint_order(*mark));
        for (at, mark) in marks {
            paint(&mut drawing, mark, x(at.from), y, x(at.to) - x(at.from));
        }
    }
    drawing
}

fn paint_order(mark: Mark) -> u8 {
    match mark {
        Mark::Outside => 0,
        Mark::Up => 1,
        Mark::Unknown => 2,
        Mark::Degraded => 3,
        Mark::Excluded => 4,
        Mark::Down => 5,
    }
}

fn paint(drawing: &mut Drawing, mark: Mark, x: f32, y: f32, w: f32) {
    let wide = w.max(LEAST);
    let light = Ink(0xd5, 0xe3, 0xda);
    match mark {
        Mark::Outside => drawing.line((x, y + BAND / 2.0), (x + w, y + BAND / 2.0), Pen::solid(Ink::RULE, 0.5)),
        Mark::Up => drawing.fill(x, y, w, BAND, light),
        Mark::Degraded => {
            drawing.fill(x, y, wide, BAND, light);
            drawing.fill(x, y + BAND / 2.0, wide, BAND / 2.0, Ink(0xc0, 0x8a, 0x2b));
        }
        Mark::Down => drawing.fill(x, y, wide, BAND, Ink::BAD),
        Mark::Unknown => {
            drawing.fill(x, y, wide, BAND, Ink::PAPER);
            drawing.frame(
                x,
                y + 0.4,
                wide,
                BAND - 0.8,
                None,
                Pen { ink: Ink::MUTED, width: 0.6, dash: Some((1.2, 0.8)) },
            );
        }
        Mark::Excluded => {
            drawing.fill(x, y, wide, BAND, Ink::PAPER);
            drawing.fill(x, y, wide, BAND / 2.0, Ink::MAIN);
        }
    }
}

/// What the marks mean, in one line.
#[must_use]
pub fn legend(width: f32) -> Drawing {
    let marks = [
        (Mark::Up, "up"),
        (Mark::Degraded, "up, resilience lost"),
        (Mark::Down, "down"),
        (Mark::Unknown, "unknown"),
        (Mark::Excluded, "excluded by agreement"),
        (Mark::Outside, "outside service hours"),
    ];
    let mut drawing = Drawing::new(width, BAND + 4.0);
    drawing.alt = "Legend of the timeline".into();
    let mut x = 0.0;
    for (mark, words) in marks {
        paint(&mut drawing, mark, x, 2.0, 16.0);
        drawing.text(x + 20.0, 10.0, 7.5, Face::Regular, Ink::TEXT, words);
        x += 20.0 + text::width(Face::Regular, 7.5, words) + 12.0;
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::drawing::Item;

    #[test]
    fn one_second_down_in_a_month_can_be_seen() {
        let span = Span::new(Sec(0), Sec(2_678_400));
        let marks = vec![
            (Span::new(Sec(0), Sec(1000)), Mark::Up),
            (Span::new(Sec(1000), Sec(1001)), Mark::Down),
            (Span::new(Sec(1001), Sec(2_678_400)), Mark::Up),
        ];
        let drawing = month(&[Band { label: "x".into(), strong: true, marks }], span, &[], 499.0);
        let down = drawing.items.iter().find_map(|i| match i {
            Item::Rect { w, fill: Some(Ink::BAD), .. } => Some(*w),
            _ => None,
        });
        assert_eq!(down, Some(LEAST));
    }
}
