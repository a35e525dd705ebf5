//! Down time of the last months in the room of a table cell.

use super::drawing::{Drawing, Ink, Pen};

/// One month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Down seconds; `None` without evidence.
    pub down: Option<u64>,
    /// Whether the promise was broken.
    pub breached: bool,
}

/// A column of down time for each month, the last one on the right; the line is what was allowed.
///
/// Columns end at three times what was allowed. Broken months are solid, kept ones outlined, months without evidence a short dash.
#[must_use]
pub fn spark(months: &[Month], allowed: Option<u64>, width: f32, height: f32) -> Drawing {
    let mut drawing = Drawing::new(width, height);
    // A disaster fills its column; it must not press all other months flat.
    let most = allowed.filter(|a| *a > 0).map_or(u64::MAX, |a| a * 3);
    let top = months.iter().filter_map(|m| m.down).chain(allowed.map(|a| a + a / 2)).max().unwrap_or(0).clamp(1, most);
    let floor = height - 1.5;
    let y = |down: u64| floor - (floor - 1.0) * (down.min(top) as f32 / top as f32);
    let step = width / months.len().max(12) as f32;
    let first = width - step * months.len() as f32;
    for (n, month) in months.iter().enumerate() {
        let x = first + step * n as f32;
        match month.down {
            None => drawing.line((x + step * 0.3, floor), (x + step * 0.7, floor), Pen::solid(Ink::RULE, 1.0)),
            Some(0) => drawing.fill(x + step * 0.15, floor - 0.6, step * 0.7, 0.6, Ink::SECOND),
            Some(down) => {
                let column = (x + step * 0.15, y(down), step * 0.7, (floor - y(down)).max(0.8));
                if month.breached {
                    drawing.fill(column.0, column.1, column.2, column.3, Ink::BAD);
                } else {
                    drawing.frame(
                        column.0,
                        column.1,
                        column.2,
                        column.3,
                        Some(Ink::PAPER),
                        Pen::solid(Ink::SECOND, 0.6),
                    );
                }
            }
        }
    }
    drawing.line((0.0, floor + 0.5), (width, floor + 0.5), Pen::solid(Ink::MUTED, 0.5));
    if let Some(allowed) = allowed {
        drawing.line(
            (0.0, y(allowed)),
            (width, y(allowed)),
            Pen { ink: Ink::TEXT, width: 0.5, dash: Some((1.5, 1.0)) },
        );
    }
    drawing.alt = match months.iter().filter(|m| m.breached).count() {
        0 => format!("{} months, none breached", months.len()),
        n => format!("{} months, {n} breached", months.len()),
    };
    drawing
}
