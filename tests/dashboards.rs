//! The Grafana dashboards: made by their script, right by Grafana's own types, by the usual lint rules, and alive.
//!
//! Needs `python3`, the virtual environment `target/tools/jsonschema` that `tests/run` sets up, root, `prometheus` and
//! `prometheus-alertmanager`.

mod alerts;
mod daemon;
#[path = "dashboards/demo.rs"]
mod demo;
#[path = "dashboards/files.rs"]
mod files;
#[path = "dashboards/lint.rs"]
mod lint;
#[path = "dashboards/live.rs"]
mod live;
#[path = "dashboards/sight.rs"]
mod sight;
mod support;
