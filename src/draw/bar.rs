//! Bars for pages: parts of a whole, and how much of an allowance is left.
//!
//! Only geometry and class names: colours come from the style sheet. A picture says nothing that
//! does not stand in words beside it, so it is hidden from screen readers.

use std::fmt::Write as _;

/// Parts of a whole side by side, each with the class that colours it; parts of nothing are left out.
///
/// A part above zero is never thinner than 0.4% of the bar, so that a minute in a month can be seen.
#[must_use]
pub fn stacked(parts: &[(&str, u64)]) -> String {
    let total: u64 = parts.iter().map(|p| p.1).sum();
    let mut svg = open("bar");
    if total > 0 {
        let wide = |n: u64| if n == 0 { 0.0 } else { (n as f64 / total as f64).max(0.004) };
        let sum: f64 = parts.iter().map(|p| wide(p.1)).sum();
        let mut x = 0.0;
        for (class, n) in parts.iter().filter(|p| p.1 > 0) {
            let w = wide(*n) / sum * 1000.0;
            let _ = write!(svg, r#"<rect class="{class}" x="{x:.1}" y="0" width="{w:.1}" height="10"/>"#);
            x += w;
        }
    }
    svg + "</svg>"
}

/// How much of an allowance is left, as a share of one; below zero the bar is full and says so by its class.
#[must_use]
pub fn left(share: f64) -> String {
    let class = match share {
        s if s < 0.0 => "spent",
        s if s < 0.25 => "low",
        _ => "ample",
    };
    let w = if share < 0.0 { 1000.0 } else { share.min(1.0) * 1000.0 };
    let mut svg = open("bar");
    let _ = write!(svg, r#"<rect class="{class}" x="0" y="0" width="{w:.1}" height="10"/>"#);
    svg + "</svg>"
}

fn open(class: &str) -> String {
    format!(
        r#"<svg class="{class}" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="ground" width="1000" height="10"/>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_in_a_month_can_be_seen() {
        let svg = stacked(&[("up", 2_591_940), ("down", 60), ("unknown", 0)]);
        assert!(svg.contains(r#"<rect class="down" x="996.0" y="0" width="4.0""#), "{svg}");
        assert!(!svg.contains("unknown"));
    }

    #[test]
    fn nothing_measured_draws_only_the_ground() {
        assert!(!stacked(&[("up", 0)]).contains(r#"class="up""#));
    }

    #[test]
    fn an_overspent_allowance_is_full_and_marked() {
        assert!(left(-0.3).contains(r#"class="spent" x="0" y="0" width="1000.0""#));
        assert!(left(0.2).contains(r#"class="low" x="0" y="0" width="200.0""#));
        assert!(left(1.5).contains(r#"width="1000.0""#));
    }
}
