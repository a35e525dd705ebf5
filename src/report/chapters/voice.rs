//! What calls would have sounded like.

use crate::draw::chart::{Chart, Series, chart};
use crate::report::document::{Block, Cell, Chapter, Table, WIDTH};
use crate::report::model::Report;
use crate::report::words::{day, grouped, mos};

/// Components drawn; the table lists all.
const DRAWN: usize = 40;

/// The chapter's title.
pub const TITLE: &str = "Voice quality";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report) -> Chapter {
    let mut table = Table::new(
        &[
            ("Component", 2.2, false),
            ("Class", 1.1, false),
            ("Codec", 1.6, false),
            ("R", 0.9, true),
            ("MOS", 0.9, true),
            ("Limit", 0.9, true),
            ("Minutes", 1.3, true),
            ("Below 4.0", 1.5, true),
            ("Below 3.6", 1.5, true),
        ],
        "No class of this contract carries voice.",
    );
    let mut blocks = vec![Block::Text("Estimated by the E-model (ITU-T G.107) from delay, loss and jitter as measured: R from 0 to 100, MOS from 1 to 4.5. Above 4.0 users are satisfied; below 3.6 many are not. It says what the network would do to a call, not how any real call went.".into())];
    for v in &report.voice {
        table.rows.push(vec![
            Cell::text(&v.component),
            Cell::text(&v.class),
            Cell::Text(format!("{}{}", v.codec, if v.approximate { " (approx.)" } else { "" })),
            Cell::text(v.r_tenths.map_or("–".into(), |r| format!("{}.{}", r / 10, r % 10))),
            Cell::strong(mos(v.mos_e4)),
            Cell::text(mos(v.mos_limit_e4)),
            Cell::text(grouped(v.minutes)),
            Cell::Text(format!("{}%", v.below_4_0)),
            Cell::Text(format!("{}%", v.below_3_6)),
        ]);
    }
    blocks.push(Block::Table(table));
    let mut models: Vec<&str> = report.voice.iter().map(|v| v.delay_model.as_str()).collect();
    models.sort_unstable();
    models.dedup();
    if !models.is_empty() {
        blocks.push(Block::Small(format!(
            "Delay: {}.{}",
            models.join("; "),
            if report.voice.iter().any(|v| v.approximate) {
                " Codecs marked approximate are outside the narrow-band model."
            } else {
                ""
            }
        )));
    }
    for v in report.voice.iter().take(DRAWN) {
        let series = |label: &str, pick: fn(&crate::report::model::VoiceDay) -> Option<u64>| Series {
            label: label.into(),
            values: v.days.iter().map(|d| pick(d).map(|m| m as f64 / 10_000.0)).collect(),
        };
        let picture = chart(
            &Chart {
                title: format!("{}, class {}: mean opinion score", v.component, v.class),
                unit: "MOS".into(),
                days: v.days.iter().map(|d| day(&d.date)).collect(),
                series: vec![series("day", |d| d.mos_e4), series("worst minute", |d| d.worst_e4)],
                limit: v.mos_limit_e4.map(|l| (l as f64 / 10_000.0, "limit".to_owned())),
                floor: 1.0,
                ceiling: Some(5.0),
                columns: false,
            },
            WIDTH,
            112.0,
        );
        blocks.push(Block::Picture(picture));
    }
    Chapter { title: TITLE.into(), blocks }
}
