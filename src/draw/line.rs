//! Lines over time for pages: interrupted where nothing was measured, with a limit when there is one.
//!
//! Geometry and class names only: colours and dashes come from the style sheet. The numbers stand in
//! words beside it, so it is hidden from screen readers.

use std::fmt::Write as _;

// Width and height in the picture's own units; the page stretches it.
const W: f64 = 1000.0;
const H: f64 = 100.0;

/// Lines from 0 (or `floor`) to the highest value, and the value at the top.
///
/// A value that stands alone is drawn as a short stroke.
#[must_use]
pub fn lines(series: &[Vec<Option<f64>>], limit: Option<f64>, floor: f64, ceiling: Option<f64>) -> (String, f64) {
    let values = series.iter().flatten().flatten().copied();
    let highest = values.chain(limit).filter(|v| v.is_finite()).fold(floor, f64::max);
    let top = ceiling.unwrap_or(if highest > floor { floor + (highest - floor) * 1.1 } else { floor + 1.0 });
    let y = |v: f64| H - H * ((v - floor) / (top - floor)).clamp(0.0, 1.0);
    let mut svg = format!(
        r#"<svg class="lines" viewBox="0 0 {W} {H}" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="ground" width="{W}" height="{H}"/>"#
    );
    for share in [0.25, 0.5, 0.75] {
        let _ = write!(svg, r#"<path class="tick" d="M0 {0:.0}H{W}"/>"#, H * share);
    }
    for (n, values) in series.iter().enumerate() {
        let x = |at: usize| W * (at as f64 + 0.5) / values.len().max(1) as f64;
        let mut path = String::new();
        let mut pen_down = false;
        for (at, value) in values.iter().enumerate() {
            let Some(v) = value.filter(|v| v.is_finite()) else {
                pen_down = false;
                continue;
            };
            let alone = !pen_down && values.get(at + 1).is_none_or(|next| next.is_none());
            let _ = match (pen_down, alone) {
                (true, _) => write!(path, "L{:.1} {:.1}", x(at), y(v)),
                (false, false) => write!(path, "M{:.1} {:.1}", x(at), y(v)),
                (false, true) => write!(path, "M{:.1} {:.1}h3", x(at) - 1.5, y(v)),
            };
            pen_down = !alone;
        }
        if !path.is_empty() {
            let _ = write!(svg, r#"<path class="line l{n}" d="{path}"/>"#);
        }
    }
    if let Some(limit) = limit {
        let _ = write!(svg, r#"<path class="limit" d="M0 {:.1}H{W}"/>"#, y(limit));
    }
    (svg + "</svg>", top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_interrupted_where_nothing_was_measured() {
        let (svg, top) = lines(&[vec![Some(1.0), Some(2.0), None, Some(1.0)]], None, 0.0, None);
        assert!(svg.contains(r#"class="line l0" d="M125.0 54.5L375.0 9.1M873.5 54.5h3""#), "{svg}");
        assert!((top - 2.2).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_draws_no_line_and_wild_values_stay_inside() {
        let (svg, _) = lines(&[vec![None, None], vec![]], None, 0.0, None);
        assert!(!svg.contains("class=\"line l"), "{svg}");
        let (svg, top) = lines(&[vec![Some(f64::NAN), Some(9.0)]], Some(2.0), 1.0, Some(4.5));
        assert!(!svg.contains("NaN") && (top - 4.5).abs() < 1e-9, "{svg}");
        assert!(svg.contains(" 0.0h3"), "{svg}");
    }
}
