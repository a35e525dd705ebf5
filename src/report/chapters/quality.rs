//! Quality objectives, and round-trip time, loss and jitter of every class.

use crate::draw::chart::{Chart, Series, chart};
use crate::draw::drawing::Drawing;
use crate::report::document::{Block, Cell, Chapter, Table, WIDTH};
use crate::report::model::{ClassStats, DayStats, Report};
use crate::report::words::{self, day, grouped, millis};

/// Components drawn; the workbook lists all.
const DRAWN: usize = 40;

/// The chapter's title.
pub const TITLE: &str = "Quality by class of service";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report) -> Chapter {
    let mut objectives = Table::new(
        &[
            ("Service", 2.4, false),
            ("Class", 1.1, false),
            ("Measure", 2.3, false),
            ("Limit", 1.2, true),
            ("Measured", 2.3, true),
            ("Verdict", 1.5, false),
        ],
        "The contract names no quality objective.",
    );
    for s in &report.services {
        for o in &s.objectives {
            let value = o.value.as_deref().unwrap_or("–");
            objectives.rows.push(vec![
                Cell::text(words::cut(&s.title)),
                Cell::text(&o.class),
                Cell::text(measure(&o.measure)),
                Cell::Text(format!("{} {}", if o.measure == "mos" { "≥" } else { "≤" }, o.limit)),
                match &o.between {
                    None => Cell::strong(value),
                    Some([best, worst]) => Cell::Pair(value.to_owned(), format!("{best} to {worst}")),
                },
                Cell::verdict(o.verdict),
            ]);
        }
    }
    let mut months = Table::new(
        &[
            ("Component", 2.2, false),
            ("Class", 1.3, false),
            ("Probes", 1.7, true),
            ("Lost", 1.4, true),
            ("Shortest", 1.45, true),
            ("Mean", 1.2, true),
            ("95%", 1.2, true),
            ("99%", 1.2, true),
            ("Longest", 1.3, true),
            ("Jitter", 1.1, true),
        ],
        "Nothing was measured by class.",
    );
    for c in &report.classes {
        let m = &c.month;
        months.rows.push(vec![
            Cell::text(&c.component),
            Cell::Pair(c.class.clone(), c.dscp.clone()),
            Cell::text(grouped(m.sent)),
            Cell::Text(m.loss.as_ref().map_or("–".into(), |l| format!("{l}%"))),
            Cell::text(millis(m.min_us)),
            Cell::text(millis(m.mean_us)),
            Cell::text(millis(m.p95_us)),
            Cell::text(millis(m.p99_us)),
            Cell::text(millis(m.max_us)),
            Cell::text(millis(m.jitter_us)),
        ]);
    }
    let mut blocks = vec![
        Block::Text("Objectives are judged over the time in which the service was up. Round-trip times are in milliseconds; 95% means that so many of the answers were no later.".into()),
        Block::Table(objectives),
    ];
    if report.services.iter().flat_map(|s| &s.objectives).any(|o| o.between.is_some()) {
        blocks.push(Block::Text("Under a value stands, at best to at worst, what it may have been: where up time began or ended inside a minute, the evidence tells how many of its answers count, not which. The verdict holds for all of that, or is not proven.".into()));
    }
    blocks.extend([Block::Heading("The month by class, times in milliseconds".into()), Block::Table(months)]);
    for c in report.classes.iter().take(DRAWN) {
        blocks.push(Block::Heading(format!("{}, class {} ({})", c.component, c.class, c.dscp)));
        blocks.push(Block::Picture(pictures(c)));
    }
    if report.classes.len() > DRAWN {
        blocks
            .push(Block::Small(format!("{} more are in workbook.xlsx, sheet Classes.", report.classes.len() - DRAWN)));
    }
    Chapter { title: TITLE.into(), blocks }
}

fn measure(name: &str) -> &str {
    match name {
        "rtt_mean" => "round-trip time, mean",
        "rtt_p50" => "round-trip time, median",
        "rtt_p95" => "round-trip time, 95%",
        "rtt_p99" => "round-trip time, 99%",
        "rtt_max" => "round-trip time, longest",
        "jitter" => "jitter (RFC 3550)",
        "pdv_p99" => "delay variation, 99% (RFC 5481)",
        "loss" => "probes lost",
        "mos" => "voice quality (MOS)",
        other => other,
    }
}

/// Round-trip time on the left, loss and jitter on the right.
fn pictures(c: &ClassStats) -> Drawing {
    const HEIGHT: f32 = 118.0;
    let days: Vec<String> = c.days.iter().map(|d| day(&d.date)).collect();
    let series = |label: &str, pick: fn(&DayStats) -> Option<u64>| Series {
        label: label.into(),
        values: c.days.iter().map(|d| pick(d).map(|us| us as f64 / 1000.0)).collect(),
    };
    let limit = c.rtt_limit_us.map(|us| {
        let what = match c.rtt_limit_measure.as_deref() {
            Some("rtt_mean") => "limit of the mean",
            Some("rtt_p95") => "limit of 95%",
            _ => "limit",
        };
        (us as f64 / 1000.0, what.to_owned())
    });
    let base = Chart {
        title: String::new(),
        unit: "ms".into(),
        days,
        series: Vec::new(),
        limit: None,
        floor: 0.0,
        ceiling: None,
        columns: false,
    };
    let rtt = Chart {
        title: "Round-trip time".into(),
        series: vec![series("mean", |d| d.mean_us), series("95%", |d| d.p95_us), series("99%", |d| d.p99_us)],
        limit,
        ..base.clone()
    };
    let loss = Chart {
        title: "Probes lost".into(),
        unit: "%".into(),
        series: vec![Series {
            label: "lost".into(),
            values: c.days.iter().map(|d| d.loss.as_ref().and_then(|l| l.parse().ok())).collect(),
        }],
        columns: true,
        ..base.clone()
    };
    let jitter = Chart { title: "Jitter".into(), series: vec![series("RFC 3550", |d| d.jitter_us)], ..base };
    let (left, right) = (WIDTH * 0.52, WIDTH * 0.24 - 8.0);
    let mut both = Drawing::new(WIDTH, HEIGHT);
    both.place(0.0, 0.0, &chart(&rtt, left, HEIGHT));
    both.place(left + 8.0, 0.0, &chart(&sparse(loss), right, HEIGHT));
    both.place(left + right + 16.0, 0.0, &chart(&sparse(jitter), right, HEIGHT));
    both.alt = format!("Round-trip time, loss and jitter of {} in class {} by day", c.component, c.class);
    both
}

/// Fewer day labels for a narrow chart.
fn sparse(mut chart: Chart) -> Chart {
    for (n, day) in chart.days.iter_mut().enumerate() {
        if n % 6 != 0 {
            day.clear();
        }
    }
    chart
}
