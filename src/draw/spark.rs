//! Down time of the last months in the room of a table cell.

use super::badge::Tone;
use super::drawing::{Drawing, Ink, Pen};

/// One month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Down seconds; `None` without evidence.
    pub down: Option<u64>,
    /// Whether the promise was kept.
    pub tone: Tone,
}

/// The lowest column that is dashed, points.
const LEAST_DASHED: f32 = 4.0;

/// A column of down time for each month, the last one on the right; the line is what was allowed.
///
/// Columns end at three times what was allowed. Broken months are solid, kept ones outlined, those of which neither is
/// proven dashed, months without evidence a short dash.
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
            Some(0) if month.tone != Tone::Doubt => {
                drawing.fill(x + step * 0.15, floor - 0.6, step * 0.7, 0.6, Ink::SECOND);
            }
            Some(down) => {
                // Dashes need some height to be seen as such.
                let least = if month.tone == Tone::Doubt { LEAST_DASHED } else { 0.8 };
                let h = (floor - y(down)).max(least);
                let (x, y, w) = (x + step * 0.15, floor - h, step * 0.7);
                match month.tone {
                    Tone::Bad => drawing.fill(x, y, w, h, Ink::BAD),
                    Tone::Good => drawing.frame(x, y, w, h, Some(Ink::PAPER), Pen::solid(Ink::SECOND, 0.6)),
                    Tone::Doubt => {
                        let pen = Pen { ink: Ink::DOUBT, width: 0.6, dash: Some((1.2, 0.9)) };
                        drawing.frame(x, y, w, h, Some(Ink::PAPER), pen);
                    }
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
    let count = |tone| months.iter().filter(|m| m.tone == tone && m.down.is_some()).count();
    let breached = match count(Tone::Bad) {
        0 => format!("{} months, none breached", months.len()),
        n => format!("{} months, {n} breached", months.len()),
    };
    drawing.alt = match count(Tone::Doubt) {
        0 => breached,
        n => format!("{breached}, {n} not proven"),
    };
    drawing
}
