//! Holds a telecoms provider to its contract: probes, accounts, alerts and proves.
//!
//! Data flows one way, and imports point inward:
//!
//! ```text
//! config ─► schedule ─► probes ─► measurement ─► sla ─┬─► evidence ─► report
//!                                                     ├─► snapshot ─► metrics, pages, API
//!                                                     └─► alerts
//! ```
//!
//! Live operation, restart and report fold the *same* records through the *same*
//! accounting code: a restart is a replay, a report is a replay with an end date.
//! Only files named `driver`, `store`, `client`, `server`, `socket`, `signal`,
//! `supervisor` (and `main`, `clock`, `command/*`, `config/load`) touch the world;
//! everything else is a function of its arguments. `tests/fence.rs` keeps it so.
#![forbid(unsafe_code)]

// Vocabulary: names, exact integers, time.
pub mod clock;
pub mod names;
pub mod units;

// What is promised, and of whom.
pub mod config;

// From the clock to the wire and back.
pub mod measurement;
pub mod schedule;

// The product's heart: pure, integer, replayable.
pub mod sketch;
pub mod sla;
pub mod voice;

// What is kept, shown, said.
pub mod alert;
pub mod draw;
pub mod evidence;
pub mod http;
pub mod metrics;
pub mod report;
pub mod snapshot;

// What runs it.
pub mod cli;
pub mod command;
pub mod daemon;
pub mod lab;
