//! What is owed, worked out step by step.

use crate::report::document::{Block, Cell, Chapter, Table};
use crate::report::model::Report;
use crate::report::words;

/// The chapter's title.
pub const TITLE: &str = "Service credits";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report) -> Chapter {
    let mut table = Table::new(
        &[
            ("Service", 2.2, false),
            ("Monthly charge", 1.6, true),
            ("Credit", 1.3, true),
            ("Amount", 1.5, true),
            ("Working", 6.0, false),
        ],
        "No service stands under this contract.",
    );
    for s in &report.services {
        table.rows.push(vec![
            Cell::text(words::cut(&s.title)),
            Cell::text(s.monthly_charge.as_deref().unwrap_or("not known")),
            Cell::Text(format!("{}%", s.credit.percent)),
            Cell::strong(s.credit.amount.as_deref().unwrap_or("–")),
            Cell::text(&s.credit.working),
        ]);
    }
    let total = if report.totals.credits.is_empty() { "nothing".to_owned() } else { report.totals.credits.join(" + ") };
    let claim = match &report.totals.claim_by {
        Some(day) => format!("Last day to claim: {}.", words::date(day)),
        None => "The contract names no last day to claim.".to_owned(),
    };
    let contact = &report.terms.contact;
    let mut schedules =
        Table::new(&[("Terms", 1.8, false), ("Promise", 4.0, false), ("Credit schedule", 5.0, false)], "–");
    for sla in &report.terms.slas {
        let restore = sla.restore_within.map_or(String::new(), |s| format!(", restored within {}", words::length(s)));
        schedules.rows.push(vec![
            Cell::text(&sla.id),
            Cell::Text(format!(
                "{}% by {}, hours {}, unknown time: {}, proven from {}% measured{restore}",
                sla.availability, sla.formula, sla.service_hours, sla.unknown, sla.coverage_floor
            )),
            Cell::Text(if sla.credits.is_empty() { "none".into() } else { sla.credits.join("; ") }),
        ]);
    }
    Chapter {
        title: TITLE.into(),
        blocks: vec![
            Block::Facts(vec![
                ("Owed in all".into(), total),
                ("Claim".into(), format!("{claim} To {}, quoting {}.", report.terms.provider, report.terms.reference)),
                (
                    "Contact".into(),
                    [&contact.name, &contact.phone, &contact.email]
                        .into_iter()
                        .filter(|t| !t.is_empty())
                        .cloned()
                        .collect::<Vec<_>>()
                        .join(", "),
                ),
            ]),
            Block::Table(table),
            Block::Heading("Terms".into()),
            Block::Table(schedules),
        ],
    }
}
