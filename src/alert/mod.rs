//! Alerts: what there is to be told of, which stand, how Alertmanagers are told directly, and the silences that go
//! with maintenance.
//!
//! ```text
//! snapshot ─► decide ─► queue ─► message ─► client ─► every Alertmanager
//!               ▲         │ ▲                            ▲
//!    catalogue ─┤         ▼ │ (restart)                  │
//!    quiet ─────┘        store          silence ─────────┘
//! ```
//!
//! [`catalogue`] is the one table behind both paths, the rules for Prometheus and the daemon's own telling. [`driver`]
//! makes the latter happen; all but it, `client` and `store` are functions of their arguments.

pub mod catalogue;
pub mod client;
pub mod decide;
pub mod driver;
pub mod message;
pub mod queue;
pub mod quiet;
pub mod rules;
pub mod silence;
pub mod store;
