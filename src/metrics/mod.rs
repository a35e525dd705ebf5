//! Metrics in Prometheus text, OpenMetrics and protobuf, rendered from a snapshot in one pass.

pub mod histogram;
