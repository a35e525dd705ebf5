//! Pages, metrics and the API over HTTP.
//!
//! [`server`] owns the sockets and their limits, [`routes`] says what stands where, [`source`]
//! is how a handler asks the daemon for a snapshot. Pages ([`page`]) and answers ([`api`]) are
//! functions of that snapshot. [`live`] tells open pages what changed, [`history`] reads the recent
//! hours for charts.

pub mod api;
pub mod devices;
pub mod history;
pub mod live;
pub mod page;
pub mod routes;
pub mod server;
pub mod source;

pub use server::serve;
pub use source::{Ask, Source};
