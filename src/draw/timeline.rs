//! A month as a strip: what happened when.
//!
//! States differ in height as well as in colour: down fills the strip, maintenance is a low band,
//! unknown time a hollow with a line through its middle.
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
    /// Nobody can say.
    Unknown,
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
            MarkKind::Maintenance | MarkKind::Unknown => ("maintenance", 26, 14),
        };
        if mark.kind == MarkKind::Unknown {
            // It is never made wider than it was: it would hide what is known.
            let (from, to) = (x(inside.from), x(inside.to));
            let _ = write!(
                svg,
                r#"<rect class="hollow" x="{from:.1}" width="{:.1}" height="40"/><path class="unsaid" d="M{from:.1} 20H{to:.1}"/>"#,
                to - from
            );
            continue;
        }
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
    fn unknown_time_does_not_look_like_time_that_was_up() {
        let whole = Span::new(Sec(0), Sec(1_000));
        let svg = month(whole, Sec(900), &[], &[Mark { span: Span::new(Sec(0), Sec(600)), kind: MarkKind::Unknown }]);
        assert!(svg.contains(r#"<rect class="hollow" x="0.0" width="600.0" height="40"/>"#), "{svg}");
        assert!(svg.contains(r#"<path class="unsaid" d="M0.0 20H600.0"/>"#), "{svg}");
    }

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
