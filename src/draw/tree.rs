//! What a service needs, drawn: the service on the left, then what it takes of what, components on the right.
//!
//! States are told by glyph, by the weight and dash of the line that leads there, and by a word in the
//! text alternative. Geometry and class names only: colours come from the style sheet.

use std::fmt::Write as _;

use super::text::{self, Face};

/// A knot of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knot {
    /// What stands in its box.
    pub words: String,
    /// Its state's class, as in [`super::palette::Look::class`].
    pub class: &'static str,
    /// What it needs; a component needs nothing.
    pub needs: Vec<Self>,
}

/// More knots than this are not drawn: a list reads better.
pub const MAX_KNOTS: usize = 60;

const SIZE: f32 = 14.0;
const BOX: f32 = 30.0;
const PITCH: f32 = 40.0;
const GAP: f32 = 44.0;
const GLYPH: f32 = 16.0;
const PAD: f32 = 10.0;
const WIDEST: f32 = 260.0;

impl Knot {
    fn count(&self) -> usize {
        1 + self.needs.iter().map(Self::count).sum::<usize>()
    }

    fn depth(&self) -> usize {
        1 + self.needs.iter().map(Self::depth).max().unwrap_or(0)
    }

    fn label(&self) -> String {
        text::fit(Face::Bold, SIZE, &self.words, WIDEST - GLYPH - 3.0 * PAD)
    }

    /// The width of its box; letters of the page's own font may be a little wider than ours.
    fn width(&self) -> f32 {
        text::width(Face::Bold, SIZE, &self.label()) * 1.1 + GLYPH + 3.0 * PAD
    }

    fn widest(&self, level: usize) -> f32 {
        match level {
            0 => self.width(),
            n => self.needs.iter().map(|k| k.widest(n - 1)).fold(0.0, f32::max),
        }
    }
}

/// The drawing with `alt` as its text alternative; `None` when there is too much to draw.
#[must_use]
pub fn tree(root: &Knot, alt: &str) -> Option<String> {
    if root.count() > MAX_KNOTS {
        return None;
    }
    let mut columns = vec![1.0];
    for level in 0..root.depth() {
        let left = columns.last().copied().unwrap_or_default();
        columns.push(left + root.widest(level) + GAP);
    }
    let width = columns.last().copied().unwrap_or_default() - GAP + 1.0;
    let mut drawn = String::new();
    let mut next = BOX / 2.0 + 1.0;
    place(root, 0, &columns, &mut next, &mut drawn);
    let height = next - PITCH + BOX / 2.0 + 1.0;
    Some(format!(
        r#"<svg class="needs" role="img" aria-label="{}" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}">{drawn}</svg>"#,
        text::escape(alt)
    ))
}

/// Draws a knot and what it needs, and gives the height of its middle.
fn place(knot: &Knot, level: usize, columns: &[f32], next: &mut f32, into: &mut String) -> f32 {
    let (x, w) = (columns[level], knot.width());
    let middles: Vec<f32> = knot.needs.iter().map(|k| place(k, level + 1, columns, next, into)).collect();
    let y = match (middles.first(), middles.last()) {
        (Some(first), Some(last)) => (first + last) / 2.0,
        _ => {
            let y = *next;
            *next += PITCH;
            y
        }
    };
    if let Some(&to) = columns.get(level + 1) {
        let turn = to - GAP / 2.0;
        for (need, middle) in knot.needs.iter().zip(&middles) {
            let _ = write!(
                into,
                r#"<path class="branch {}" d="M{:.1} {y:.1}H{turn:.1}V{middle:.1}H{to:.1}"/>"#,
                need.class,
                x + w
            );
        }
    }
    let round = if knot.needs.is_empty() || level == 0 { 6.0 } else { BOX / 2.0 };
    let _ = write!(
        into,
        r##"<g class="knot {0}"><rect x="{x:.1}" y="{1:.1}" width="{w:.1}" height="{BOX}" rx="{round}"/><use href="#glyph-{0}" x="{2:.1}" y="{3:.1}" width="{GLYPH}" height="{GLYPH}"/><text x="{4:.1}" y="{5:.1}">{6}</text></g>"##,
        knot.class,
        y - BOX / 2.0,
        x + PAD,
        y - GLYPH / 2.0,
        x + PAD * 1.7 + GLYPH,
        y + SIZE * 0.36,
        text::escape(&knot.label()),
    );
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(words: &str, class: &'static str) -> Knot {
        Knot { words: words.into(), class, needs: vec![] }
    }

    #[test]
    fn every_knot_has_its_box_glyph_and_line() {
        let either =
            Knot { words: "any one of 2".into(), class: "up", needs: vec![leaf("a", "down"), leaf("b", "up")] };
        let root = Knot { words: "Telephony".into(), class: "degraded", needs: vec![either] };
        let svg = tree(&root, "Telephony is degraded").expect("small");
        assert_eq!(
            (svg.matches("<rect").count(), svg.matches("<use").count(), svg.matches("<path").count()),
            (4, 4, 3)
        );
        assert!(svg.contains(r#"class="branch down""#) && svg.contains(r#"aria-label="Telephony is degraded""#));
        assert!(svg.contains(r#"height="72""#), "{svg}");
    }

    #[test]
    fn names_are_escaped_and_cut_and_a_forest_is_not_drawn() {
        let svg = tree(&leaf(&"<script>".repeat(40), "up"), "\"<x>").expect("one knot");
        assert!(!svg.contains("<script") && !svg.contains("<x>") && svg.contains("..."));
        let many = Knot { words: String::new(), class: "up", needs: (0..MAX_KNOTS).map(|_| leaf("x", "up")).collect() };
        assert_eq!(tree(&many, ""), None);
    }
}
