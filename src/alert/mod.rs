//! Alerts: which stand, how they are told to Alertmanagers directly, and the silences that go with maintenance.
//!
//! ```text
//! snapshot ─► decide ─► queue ─► message ─► client ─► every Alertmanager
//!                         │ ▲                            ▲
//!                         ▼ │ (restart)                  │
//!                        store          silence ─────────┘
//! ```
//!
//! [`driver`] makes it happen; all but it, `client` and `store` are functions of their arguments.

pub mod client;
pub mod decide;
pub mod driver;
pub mod message;
pub mod queue;
pub mod silence;
pub mod store;
