//! Metrics in Prometheus text, OpenMetrics and protobuf, rendered from a snapshot in one pass.
//!
//! [`table`] names every metric, [`render`] fills it from a snapshot, [`negotiate`] picks the
//! format a scraper asked for, [`text`] turns OpenMetrics into the older Prometheus text.

pub mod histogram;
pub mod negotiate;
pub mod render;
pub mod table;
pub mod text;

pub use negotiate::Format;
pub use render::render;
