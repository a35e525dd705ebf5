//! How well the monitor itself did: nobody need believe a watchman who sleeps.

use crate::report::document::{Block, Cell, Chapter, Table};
use crate::report::model::{MonitorEvent, Report};
use crate::report::words::{Zone, count, grouped, length};

/// Gaps listed; the longest are.
const LISTED: usize = 40;

/// The chapter's title.
pub const TITLE: &str = "The monitor itself";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report, zone: &Zone) -> Chapter {
    let m = &report.monitor;
    let mut longest: Vec<_> = m.gaps.iter().collect();
    longest.sort_by_key(|g| std::cmp::Reverse(g.seconds));
    longest.truncate(LISTED);
    longest.sort_by(|a, b| (&a.from, &a.cause).cmp(&(&b.from, &b.cause)));
    let mut gaps = Table::new(
        &[
            ("From", 2.6, false),
            ("To", 2.6, false),
            ("Length", 1.5, true),
            ("Components", 1.6, true),
            ("Cause", 4.5, false),
        ],
        "Nothing was left unmeasured.",
    );
    for g in longest {
        gaps.rows.push(vec![
            Cell::text(zone.brief(&g.from)),
            Cell::text(zone.brief(&g.to)),
            Cell::text(length(g.seconds)),
            Cell::text(grouped(g.components)),
            Cell::text(cause(&g.cause)),
        ]);
    }
    let mut blocks = vec![
        Block::Facts(vec![
            ("Looked from".into(), m.vantage.clone()),
            ("Measured".into(), format!("{}% of the month over all components", m.coverage)),
            ("Probes".into(), format!("{} sent, {} due but not measured", grouped(m.sent), grouped(m.not_measured))),
            ("Restarts".into(), count(m.restarts.len() as u64, "event")),
            ("Clock steps".into(), count(m.clock_steps.len() as u64, "step")),
        ]),
        Block::Heading("Time not measured".into()),
        Block::Table(gaps),
    ];
    if m.gaps.len() > LISTED {
        blocks.push(Block::Small(format!("The {LISTED} longest of {}; report.json lists all.", m.gaps.len())));
    }
    for (title, events, empty) in [
        ("Starts and stops", &m.restarts, "The monitor ran through the whole month."),
        ("Steps of the clock", &m.clock_steps, "The clock never stepped."),
        ("Configuration", &m.config_changes, "The configuration did not change."),
    ] {
        blocks.push(Block::Heading(title.into()));
        blocks.push(Block::Table(list(events, empty, zone)));
    }
    Chapter { title: TITLE.into(), blocks }
}

fn list(events: &[MonitorEvent], empty: &str, zone: &Zone) -> Table {
    let mut table = Table::new(&[("When", 2.6, false), ("What", 9.0, false)], empty);
    table.rows.extend(events.iter().map(|e| vec![Cell::text(zone.brief(&e.at)), Cell::text(&e.what)]));
    table
}

fn cause(name: &str) -> &str {
    match name {
        "stopped" => "the monitor was not running",
        "skipped" => "the monitor was stalled or suspended",
        "clock_step" => "the clock stepped over it",
        "isolated" => "the monitor itself was cut off",
        "no_route" => "the monitor's host had no network",
        "socket_drop" => "the monitor's host dropped answers",
        "send_failed" => "the monitor could not send",
        "unresolved" => "the name did not resolve",
        "agent_silent" => "the device's agent was silent",
        "auth_failure" => "the device refused the monitor's credentials",
        "switched_off" => "the interface was switched off at the device",
        "flapped" => "the interface went away and came back; the device does not tell when it went",
        "not_told" => "the device did not say whether the interface was up",
        "no_interface" => "the device had no interface of that name",
        "imported" => "imported as not measured",
        "gap" => "no round covers it and nothing says why",
        other => other,
    }
}
