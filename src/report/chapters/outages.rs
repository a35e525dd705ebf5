//! Every stretch of down time of every service.

use crate::report::document::{Block, Cell, Chapter, Table};
use crate::report::model::{Dated, Outage, Report};
use crate::report::words::{self, Zone, length};

/// The chapter's title.
pub const TITLE: &str = "Outage register";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report, zone: &Zone) -> Chapter {
    let mut table = Table::new(
        &[
            ("Service", 2.0, false),
            ("From", 2.3, false),
            ("To", 2.3, false),
            ("Length", 1.5, true),
            ("Counted", 1.5, true),
            ("Cause and components", 3.6, false),
            ("Restored", 1.2, false),
        ],
        "No service was down at any time.",
    );
    for s in &report.services {
        for o in &s.outages {
            table.rows.push(vec![
                Cell::text(words::cut(&s.title)),
                Cell::Text(if o.began_before {
                    format!("before {}", zone.brief(&o.from))
                } else {
                    zone.brief(&o.from)
                }),
                Cell::Text(if o.lasts { format!("lasting on {}", zone.brief(&o.to)) } else { zone.brief(&o.to) }),
                Cell::text(length(o.seconds)),
                match o.excluded {
                    0 => Cell::strong(length(o.counted)),
                    excluded => Cell::Pair(length(o.counted), format!("{} excluded", length(excluded))),
                },
                because(o),
                Cell::text(match o.restored.as_deref() {
                    Some("within") => "in time",
                    Some(other) => other,
                    None => "–",
                }),
            ]);
        }
    }
    Chapter {
        title: TITLE.into(),
        blocks: vec![
            Block::Text("An outage is a stretch in which a service was down, from the first lost round to the first answered one, or from when to when its device says that the interface was down, to the second and before anything is excluded. Times are local; what counts is the length after agreed exclusions, minimum length and rounding.".into()),
            Block::Table(table),
        ],
    }
}

fn because(outage: &Outage) -> Cell {
    let cause = if outage.cause.is_empty() { "cause not known".to_owned() } else { outage.cause.clone() };
    let components: Vec<&str> = outage.components.iter().map(String::as_str).collect();
    let mut below = words::names(&components, 6);
    if let Some(dated) = dated(outage) {
        below = format!("{below}. {dated}");
    }
    if !outage.faults.is_empty() {
        below = format!("{below}. Fault {}", outage.faults.join(", "));
    }
    if outage.stopped > 0 {
        below = format!("{below}. Restore clock stood for {}", length(outage.stopped));
    }
    for note in &outage.notes {
        below = format!("{below}. {note}");
    }
    Cell::Pair(cause, below)
}

/// How its ends are known, where that is more than probes tell.
fn dated(outage: &Outage) -> Option<String> {
    let by = |dated: &Option<Dated>| dated.as_ref().filter(|d| d.source == "interface").map(Dated::words);
    match (by(&outage.from_by), by(&outage.to_by)) {
        (Some(from), Some(to)) if from == to => Some(format!("Dated by {from}")),
        (Some(from), Some(to)) => Some(format!("Begin dated by {from}, end by {to}")),
        (Some(from), None) => Some(format!("Begin dated by {from}")),
        (None, Some(to)) => Some(format!("End dated by {to}")),
        (None, None) => None,
    }
}
