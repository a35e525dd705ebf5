//! Every service: promised, achieved, proven how well, and how the last twelve months were.

use crate::draw::badge::Tone;
use crate::draw::spark::{Month, spark};
use crate::report::document::{Block, Cell, Chapter, Table};
use crate::report::model::{Report, Service, Verdict};
use crate::report::words::{self, grouped};

/// The chapter's title.
pub const TITLE: &str = "Scorecard";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report) -> Chapter {
    if report.services.is_empty() {
        let nothing = "No service stands under this contract in this month.".to_owned();
        return Chapter { title: TITLE.into(), blocks: vec![Block::Text(nothing)] };
    }
    let mut score = Table::new(
        &[
            ("Service", 2.5, false),
            ("Promised", 1.5, true),
            ("Achieved", 1.65, true),
            ("If unknown time were down – up", 1.8, true),
            ("Measured", 1.6, true),
            ("Verdict", 1.7, false),
            ("Down time, twelve months", 1.9, false),
        ],
        "No service stands under this contract.",
    );
    let mut accounts = Table::new(
        &[
            ("Service", 2.6, false),
            ("Window", 1.5, true),
            ("Up", 1.5, true),
            ("Down", 1.2, true),
            ("Unknown", 1.2, true),
            ("Excluded", 1.2, true),
            ("Resilience lost", 1.3, true),
        ],
        "–",
    );
    let mut workings = Table::new(&[("Service", 2.4, false), ("Formula", 1.4, false), ("Working", 7.0, false)], "–");
    for s in &report.services {
        score.rows.push(vec![
            Cell::Pair(words::cut(&s.title), format!("{} · {}", s.site, s.sla)),
            Cell::text(format!("{}%", s.target)),
            Cell::strong(s.availability_shown()),
            Cell::promised(s, || Cell::Pair(format!("{}%", s.lower), format!("to {}%", s.upper))),
            Cell::promised(s, || Cell::text(format!("{}%", s.coverage))),
            Cell::verdict_on(s),
            Cell::Picture(spark(&months(s), s.allowed_down, 70.0, 20.0)),
        ]);
        accounts.rows.push(vec![
            Cell::text(&s.id),
            Cell::text(grouped(s.seconds.window)),
            Cell::text(grouped(s.seconds.up)),
            Cell::strong(grouped(s.seconds.down)),
            Cell::text(grouped(s.seconds.unknown)),
            Cell::text(grouped(s.seconds.excluded)),
            Cell::text(grouped(s.degraded)),
        ]);
        workings.rows.push(vec![Cell::text(&s.id), Cell::text(&s.formula), Cell::text(&s.working)]);
    }
    Chapter {
        title: TITLE.into(),
        blocks: vec![
            Block::Table(score),
            Block::Small("Columns on the right: down time of each month, this one last. Solid: breached. Outlined: kept. Dashed outline: not proven. Short dash: no evidence. Dashed line: what this month's promise allows.".into()),
            Block::Heading("Accounts, in seconds".into()),
            Block::Text("Every second of the window stands on exactly one account: excluded, else unknown, else down, else up. The four add up to the window.".into()),
            Block::Table(accounts),
            Block::Heading("How each percentage comes about".into()),
            Block::Table(workings),
            Block::Heading("The last twelve months in figures".into()),
            Block::Table(trend(report)),
            Block::Small("Availability in percent; breached months stand out in bold with an exclamation mark; a question mark: not proven.".into()),
        ],
    }
}

/// A line for each service, a column for each of the last twelve months that any service has.
fn trend(report: &Report) -> Table {
    let mut months: Vec<&str> = report.services.iter().flat_map(|s| &s.trend).map(|m| m.month.as_str()).collect();
    months.sort_unstable();
    months.dedup();
    let months = months.split_off(months.len().saturating_sub(12));
    let heads: Vec<String> = months.iter().map(|m| words::short_month(m)).collect();
    let mut columns = vec![("Service", 2.2, false)];
    columns.extend(heads.iter().map(|h| (h.as_str(), 1.0, true)));
    let mut table = Table::new(&columns, "–");
    for s in &report.services {
        let cell = |month: &&str| {
            let found = s.trend.iter().find(|m| m.month == **month);
            let Some(shown) = found.and_then(|m| m.availability.as_deref()) else {
                return Cell::Fine("–".into(), false);
            };
            match found.and_then(|m| m.verdict) {
                Some(Verdict::Met) => Cell::Fine(shown.to_owned(), false),
                Some(Verdict::Breached) => Cell::Fine(format!("{shown}!"), true),
                // Wide enough for the figure alone: the mark stands below it.
                Some(Verdict::NotProven) | None => Cell::Fine(format!("{shown} ?"), false),
            }
        };
        table.rows.push([Cell::text(&s.id)].into_iter().chain(months.iter().map(cell)).collect());
    }
    table
}

fn months(service: &Service) -> Vec<Month> {
    let mut months: Vec<Month> = service
        .trend
        .iter()
        .map(|m| Month {
            down: m.availability.as_ref().map(|_| m.down),
            tone: m.verdict.map_or(Tone::Doubt, words::tone),
        })
        .collect();
    let last_twelve = months.len().saturating_sub(12);
    months.split_off(last_twelve)
}
