//! Days along the bottom, values upwards: lines with a limit, and columns.
//!
//! Series differ in dash and weight, not in colour alone, and are named in the legend above.

use super::drawing::{Anchor, Drawing, Ink, Pen};
use super::text::{self, Face};

/// A line through the days' values; interrupted where nothing was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// One value for each day.
    pub values: Vec<Option<f64>>,
}

/// A chart over the days of a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Heading.
    pub title: String,
    /// Of the values, as in `ms`.
    pub unit: String,
    /// Labels of the days.
    pub days: Vec<String>,
    /// Up to three lines.
    pub series: Vec<Series>,
    /// A horizontal line with its name.
    pub limit: Option<(f64, String)>,
    /// Lowest value of the axis; 0 for most.
    pub floor: f64,
    /// Highest value of the axis when it has a natural one.
    pub ceiling: Option<f64>,
    /// Columns from the floor instead of lines.
    pub columns: bool,
}

const LEFT: f32 = 34.0;
const TOP: f32 = 28.0;
const BOTTOM: f32 = 13.0;

/// The picture.
#[must_use]
pub fn chart(chart: &Chart, width: f32, height: f32) -> Drawing {
    let mut drawing = Drawing::new(width, height);
    let (foot, room) = (height - BOTTOM, width - LEFT - 4.0);
    let values = chart.series.iter().flat_map(|s| s.values.iter().flatten()).copied();
    let highest = values.chain(chart.limit.as_ref().map(|l| l.0)).fold(chart.floor, f64::max);
    let (step, decimals) = tick_step((chart.ceiling.unwrap_or(highest) - chart.floor) / 4.0);
    let mut top = chart.floor + step;
    while top < chart.ceiling.unwrap_or(highest * 1.02) {
        top += step;
    }
    let top = chart.ceiling.unwrap_or(top);
    let y = |v: f64| foot - (foot - TOP) * (((v - chart.floor) / (top - chart.floor)).clamp(0.0, 1.0) as f32);
    let pitch = room / chart.days.len().max(1) as f32;
    let x = |n: usize| LEFT + pitch * (n as f32 + 0.5);

    drawing.text(0.0, 8.0, 8.5, Face::Bold, Ink::TEXT, &chart.title);
    let mut tick = chart.floor;
    while tick <= top + step / 1000.0 {
        drawing.line((LEFT, y(tick)), (LEFT + room, y(tick)), Pen::solid(Ink::RULE, 0.4));
        drawing.anchored(
            LEFT - 4.0,
            y(tick) + 2.3,
            6.5,
            Face::Regular,
            Ink::MUTED,
            Anchor::End,
            &format!("{tick:.decimals$}"),
        );
        tick += step;
    }
    drawing.text(0.0, TOP - 4.0, 6.5, Face::Regular, Ink::MUTED, &chart.unit);
    let every = if pitch < 11.0 { 2 } else { 1 };
    for (n, day) in chart.days.iter().enumerate().step_by(every) {
        drawing.anchored(x(n), height - 4.0, 6.5, Face::Regular, Ink::MUTED, Anchor::Middle, day);
    }
    let mut legend = LEFT;
    for (n, series) in chart.series.iter().enumerate() {
        let pen = pen(n);
        if chart.columns {
            for (day, value) in series.values.iter().enumerate() {
                match value {
                    Some(v) if *v > chart.floor => {
                        drawing.fill(x(day) - pitch * 0.3, y(*v), pitch * 0.6, (foot - y(*v)).max(0.6), pen.ink);
                    }
                    _ => {}
                }
            }
            drawing.fill(legend, TOP - 9.0, 12.0, 5.0, pen.ink);
        } else {
            for (from, run) in measured_runs(&series.values) {
                let mut points: Vec<_> = run.iter().enumerate().map(|(k, v)| (x(from + k), y(*v))).collect();
                if let [(px, py)] = points[..] {
                    points = vec![(px - 1.5, py), (px + 1.5, py)];
                }
                drawing.items.push(super::drawing::Item::Line { points, pen });
            }
            drawing.line((legend, TOP - 6.5), (legend + 16.0, TOP - 6.5), pen);
        }
        drawing.text(legend + 20.0, TOP - 4.0, 7.0, Face::Regular, Ink::TEXT, &series.label);
        legend += 32.0 + text::width(Face::Regular, 7.0, &series.label);
    }
    if let Some((limit, label)) = &chart.limit {
        let pen = Pen { ink: Ink::BAD, width: 0.9, dash: Some((4.0, 2.0)) };
        drawing.line((LEFT, y(*limit)), (LEFT + room, y(*limit)), pen);
        drawing.line((legend, TOP - 6.5), (legend + 16.0, TOP - 6.5), pen);
        drawing.text(legend + 20.0, TOP - 4.0, 7.0, Face::Regular, Ink::TEXT, label);
    }
    drawing.line((LEFT, foot), (LEFT + room, foot), Pen::solid(Ink::MUTED, 0.6));
    drawing.alt = format!("{} by day", chart.title);
    drawing
}

fn pen(n: usize) -> Pen {
    match n {
        0 => Pen::solid(Ink::MAIN, 1.4),
        1 => Pen { ink: Ink::SECOND, width: 1.0, dash: Some((3.0, 1.5)) },
        _ => Pen { ink: Ink::THIRD, width: 0.9, dash: Some((1.0, 1.2)) },
    }
}

/// A step of 1, 2 or 5 times a power of ten, at least `least`, with the decimals that it needs.
fn tick_step(least: f64) -> (f64, usize) {
    let least = if least.is_finite() && least > 0.0 { least.clamp(0.001, 1e12) } else { 1.0 };
    let steps = [(0.001, 3), (0.01, 2), (0.1, 1)].into_iter().chain((0..13).map(|k| (10_f64.powi(k), 0)));
    for (power, decimals) in steps {
        for factor in [1.0, 2.0, 5.0] {
            if power * factor >= least {
                return (power * factor, decimals);
            }
        }
    }
    (1e12, 0)
}

fn measured_runs(values: &[Option<f64>]) -> Vec<(usize, Vec<f64>)> {
    let mut runs: Vec<(usize, Vec<f64>)> = Vec::new();
    for (n, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(v), Some((from, run))) if *from + run.len() == n => run.push(*v),
            (Some(v), _) => runs.push((n, vec![*v])),
            (None, _) => {}
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(tick_step(7.3), (10.0, 0));
        assert_eq!(tick_step(0.013), (0.02, 2));
        assert_eq!(tick_step(0.0), (1.0, 0));
        assert_eq!(tick_step(f64::NAN), (1.0, 0));
    }

    #[test]
    fn a_line_is_interrupted_where_nothing_was_measured() {
        let runs = measured_runs(&[Some(1.0), None, Some(2.0), Some(3.0)]);
        assert_eq!(runs, [(0, vec![1.0]), (2, vec![2.0, 3.0])]);
    }
}
