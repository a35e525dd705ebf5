//! A month as a strip: what happened when.
//!
//! States differ in height as well as in colour: down fills the strip, maintenance is a low band.
//! Like all drawings for pages it holds geometry and class names only.

use std::fmt::Write as _;

use crate::units::{Sec, Span};

/// Something to show on the strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub span: Span,
    /// What.
    pub kind: MarkKind,
}

/// See [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// The service was down.
    Down,
    /// Work was announced.
    Maintenance,
}

/// The strip over `month`, known up to `now`, with a tick at each of `days`.
///
/// A mark inside the month is never thinner than four thousandths of it: three hours.
#[must_use]
pub fn month(month: Span, now: Sec, days: &[Sec], marks: &[Mark]) -> String {
    let length = month.seconds().max(1) as f64;
    let x = |at: Sec| (at.since(month.from) as f64 / length * 1000.0).clamp(0.0, 1000.0);
    let mut svg = String::from(
        r#"<svg class="timeline" viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true" focusable="false">"#,
    );
    let _ = write!(svg, r#"<rect class="ground" width="1000" height="40"/>"#);
    let _ = write!(svg, r#"<rect class="passed" width="{:.1}" height="40"/>"#, x(now));
    for day in days {
        let _ = write!(svg, r#"<path class="tick" d="M{0:.1} 0V40"/>"#, x(*day));
    }
    for mark in marks {
        let Some(inside) = mark.span.intersect(month) else { continue };
        let (class, y, h) = match mark.kind {
            MarkKind::Down => ("down", 0, 40),
            MarkKind::Maintenance => ("maintenance", 26, 14),
        };
        let (from, w) = (x(inside.from), (x(inside.to) - x(inside.from)).max(4.0));
        let from = from.min(1000.0 - w);
        let _ = write!(svg, r#"<rect class="{class}" x="{from:.1}" y="{y}" width="{w:.1}" height="{h}"/>"#);
    }
    let _ = write!(svg, r#"<path class="now" d="M{0:.1} 0V40"/>"#, x(now));
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_cut_to_the_month_and_can_be_seen() {
        let whole = Span::new(Sec(0), Sec(1_000_000));
        let down = |from, to| Mark { span: Span::new(Sec(from), Sec(to)), kind: MarkKind::Down };
        let svg = month(
            whole,
            Sec(500_000),
            &[],
            &[down(-50, 100_000), down(999_999, 2_000_000), down(2_000_000, 3_000_000)],
        );
        assert!(svg.contains(r#"class="down" x="0.0" y="0" width="100.0""#), "{svg}");
        assert!(svg.contains(r#"class="down" x="996.0" y="0" width="4.0""#), "{svg}");
        assert_eq!(svg.matches(r#"class="down""#).count(), 2);
    }
}
