//! A simulated network whose hosts really answer: `assured demo` and the tests share it.
//!
//! ```text
//!  scenario (TOML) ─► fleet ─► truth            pure: who answers what, when, and what was done
//!                      ▲  │
//!          packets in  │  ▼  replies with their due time
//!                     driver ◄─► TUN device     one thread, in the middle of nowhere
//!                                  │
//!                       namespace (thread or helper process)
//!                                  │
//!                       sockets opened inside, handed to the daemon
//! ```
//!
//! The hosts stand behind a TUN device in a network namespace of its own, so nothing of the
//! machine's network is touched. A socket belongs to the namespace it was made in, whoever
//! uses it later: [`Lab::socket`](client::Lab::socket) has one made inside and hands it out.
//! See `docs/lab.md`.

pub mod agents;
pub mod chance;
pub mod client;
pub mod driver;
pub mod estate;
pub mod fleet;
pub mod history;
pub mod netlink;
pub mod packet;
pub mod scenario;
pub mod server;
pub mod store;
pub mod truth;

pub use client::{Lab, LabError, Options};
pub use scenario::Scenario;
