//! Alerts: what there is to be told of, and when it is kept quiet.
//!
//! [`catalogue`] is the one table behind both paths, the rules for Prometheus and the daemon's own telling.

pub mod catalogue;
pub mod quiet;
pub mod rules;
