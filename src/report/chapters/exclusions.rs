//! What was taken out, by whom and why, and what the figures would be without.

use crate::report::document::{Block, Cell, Chapter, Table};
use crate::report::model::{Exclusion, Report};
use crate::report::words::{self, Zone, length};

/// The chapter's title.
pub const TITLE: &str = "Exclusions, with and without";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report, zone: &Zone) -> Chapter {
    let mut list = Table::new(
        &[
            ("Exclusion", 1.8, false),
            ("When", 3.4, false),
            ("Services", 2.2, false),
            ("Down inside", 1.4, true),
            ("Reason and steps", 4.4, false),
            ("Counted", 1.2, false),
        ],
        "Nothing was excluded, proposed or announced for this month.",
    );
    for x in &report.exclusions {
        let services: Vec<&str> = x.services.iter().map(String::as_str).collect();
        list.rows.push(vec![
            Cell::Pair(x.id.clone(), format!("{}, {}", x.kind, x.state.replace('_', " "))),
            Cell::Pair(zone.brief(&x.from), format!("to {}", zone.brief(&x.to))),
            Cell::text(words::names(&services, 6)),
            Cell::text(length(x.down_inside)),
            Cell::Pair(format!("{} ({})", x.reason, x.reference), steps(x, zone)),
            Cell::strong(if x.counted { "yes" } else { "no" }),
        ]);
    }
    let mut figures = Table::new(
        &[
            ("Service", 2.6, false),
            ("With exclusions", 1.7, true),
            ("Verdict", 1.6, false),
            ("Credit", 1.5, true),
            ("Without", 1.7, true),
            ("Verdict", 1.6, false),
            ("Credit", 1.5, true),
        ],
        "–",
    );
    for s in &report.services {
        let w = &s.without_exclusions;
        figures.rows.push(vec![
            Cell::text(words::cut(&s.title)),
            Cell::strong(s.availability_shown()),
            Cell::verdict_on(s),
            Cell::text(s.credit.amount.as_deref().unwrap_or("–")),
            Cell::promised(s, || Cell::strong(format!("{}%", w.availability))),
            Cell::promised(s, || Cell::verdict(w.verdict)),
            Cell::text(w.credit.as_deref().unwrap_or("–")),
        ]);
    }
    Chapter {
        title: TITLE.into(),
        blocks: vec![
            Block::Text("An exclusion is a proposal until the other party agrees; only agreed ones, and maintenance announced in time, are taken out. Whoever proposes cannot agree.".into()),
            Block::Table(list),
            Block::Heading("The same month with and without what was excluded".into()),
            Block::Table(figures),
        ],
    }
}

fn steps(x: &Exclusion, zone: &Zone) -> String {
    let steps: Vec<String> = x
        .history
        .iter()
        .map(|s| {
            let note = if s.note.is_empty() { String::new() } else { format!(": {}", s.note) };
            format!("{} {} by {}{note}", zone.brief(&s.at), s.action, s.by)
        })
        .collect();
    steps.join("; ")
}
