//! Metrics in Prometheus text, OpenMetrics and protobuf, rendered from a snapshot in one pass.
//!
//! [`table`] names every metric, [`mod@render`] fills it from a snapshot, `rows` writes what it is
//! filled with, `about` says who is who, `promise` what alerts go by, [`negotiate`] picks the format a scraper asked for,
//! `driver` compresses beside the writing.

mod about;
mod device;
mod driver;
mod faults;
pub mod histogram;
pub mod negotiate;
mod promise;
pub mod render;
mod rows;
pub mod table;

pub use negotiate::Format;
pub use render::render;
