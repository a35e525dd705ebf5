//! The fault register: whom we told, what they call it, and how long it took by the contract's clock.

use crate::report::document::{Block, Cell, Chapter, Table};
use crate::report::model::{Fault, Report};
use crate::report::words::{self, Zone, length};

/// Steps of a fault that are told in full.
const STEPS: usize = 8;

/// The chapter's title.
pub const TITLE: &str = "Fault register";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report, zone: &Zone) -> Chapter {
    let mut table = Table::new(
        &[
            ("Fault", 1.9, false),
            ("Where", 2.2, false),
            ("Noticed, told, restored", 3.0, false),
            ("Restore clock", 2.3, false),
            ("What was wrong, and what was done", 5.0, false),
        ],
        "No fault of this contract was in the register this month.",
    );
    for f in &report.faults {
        let theirs =
            if f.supplier_reference.is_empty() { "not reported".to_owned() } else { f.supplier_reference.clone() };
        let services: Vec<&str> = f.services.iter().map(String::as_str).collect();
        let site = f.site.clone().unwrap_or_else(|| "several sites".into());
        table.rows.push(vec![
            Cell::Pair(f.id.clone(), format!("{theirs}. Severity {}, {}", f.severity, f.state)),
            Cell::Pair(site, words::names(&services, 6)),
            Cell::Pair(zone.brief(&f.detected), told(f, zone)),
            clock(f, zone),
            Cell::Pair(f.symptom.clone(), steps(f, zone)),
        ]);
    }
    Chapter {
        title: TITLE.into(),
        blocks: vec![
            Block::Text("Each fault has one reference of ours, and the supplier's beside it. Its restore clock starts when the fault was noticed, runs in service hours, and stands for agreed exclusions and for the stops listed here, each with its reason; outages under the contract are judged by the same clock.".into()),
            Block::Table(table),
        ],
    }
}

fn told(f: &Fault, zone: &Zone) -> String {
    let at = |what: &str, at: &Option<String>, none: &str| {
        at.as_ref().map_or_else(|| none.to_owned(), |at| format!("{what} {}", zone.brief(at)))
    };
    format!("{}; {}", at("told", &f.reported, "not told"), at("restored", &f.cleared, "not restored"))
}

fn clock(f: &Fault, zone: &Zone) -> Cell {
    let Some(clock) = &f.clock else { return Cell::text("none promised") };
    let word = match (clock.late, f.cleared.is_some()) {
        (true, _) => "late",
        (false, true) => "in time",
        (false, false) => "running",
    };
    let mut below = format!("{} of {}", length(clock.run), length(clock.within));
    if clock.stopped > 0 {
        below = format!("{below}, stood for {}", length(clock.stopped));
    }
    for stop in &f.stops {
        let to = stop.to.as_ref().map_or_else(|| "now".to_owned(), |to| zone.brief(to));
        let reference = if stop.reference.is_empty() { String::new() } else { format!(" ({})", stop.reference) };
        below = format!("{below}. {} to {to}: {}{reference}", zone.brief(&stop.from), stop.reason.replace('_', " "));
    }
    Cell::Pair(word.to_owned(), below)
}

fn steps(f: &Fault, zone: &Zone) -> String {
    // The first step is the symptom.
    let all = f.history.get(1..).unwrap_or_default();
    let skipped = all.len().saturating_sub(STEPS);
    let mut told: Vec<String> = Vec::new();
    if skipped > 0 {
        told.push(format!("{} before", words::count(skipped as u64, "step")));
    }
    told.extend(
        all.iter().skip(skipped).map(|s| format!("{} {} by {}: {}", zone.brief(&s.at), s.action, s.by, s.note)),
    );
    let whose = match (&f.cause, f.responsible.as_str()) {
        (Some(cause), whose) => format!("{}, {}", cause.replace('_', " "), whose.replace('_', " ")),
        (None, "unknown") => String::new(),
        (None, whose) => format!("thought to be the {}'s", whose.replace('_', " ")),
    };
    if !whose.is_empty() {
        told.push(format!("Cause: {whose}"));
    }
    told.join("; ")
}
