//! Pages, metrics and the API over HTTP.
//!
//! [`server`] owns the sockets and their limits, [`routes`] says what stands where, [`source`]
//! is how a handler asks the daemon for a snapshot. Pages ([`page`]) and answers ([`api`]) are
//! functions of that snapshot. [`live`] tells open pages what changed, [`history`] reads the recent
//! hours for charts. [`guard`] decides who may see and do what, [`reports`] finds evidence packs; [`crowd`], [`patience`]
//! and [`held`] are the bounds that [`server`] keeps.

pub mod api;
pub mod crowd;
pub mod devices;
pub mod guard;
pub mod held;
pub mod history;
pub mod live;
pub mod page;
pub mod patience;
pub mod reports;
pub mod routes;
pub mod server;
pub mod source;

pub use guard::Access;
pub use server::{Limits, serve, serve_as};
pub use source::{Ask, Source};
