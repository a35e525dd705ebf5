//! A real Prometheus, and every query put to it as Grafana would.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use assured::clock::{Clock as _, SystemClock};
use assured::metrics::histogram::RttHistogram;
use assured::snapshot::Snapshot;
use assured::units::Micros;
use serde_json::Value;

use crate::daemon::free_address;
use crate::files::dashboards;
use crate::lint::{Query, queries};
use crate::support::{estate, serve};

/// A child that does not outlive its test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail only because it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Prometheus that scrapes its target every second and has the rules that stand in its folder as `assured-*.yml`.
pub struct Prometheus {
    address: String,
    /// Shows the time since it was started.
    clock: SystemClock,
    _child: Running,
}

impl Prometheus {
    pub fn over(target: &str, dir: &Path, more: &[&str]) -> Self {
        let file = dir.join("prometheus.yml");
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [assured-*.yml]\n\
             scrape_configs:\n  - job_name: assured\n    static_configs: [{{targets: [{target:?}]}}]\n"
        );
        std::fs::write(&file, config).expect("written");
        let address = free_address().to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus of the Debian package `prometheus`");
        Self { address, clock: SystemClock::default(), _child: Running(child) }
    }

    /// How long it has been running.
    pub fn seconds(&self) -> u64 {
        self.clock.now().mono_ns / 1_000_000_000
    }

    /// The answer's `data`, or what Prometheus said against it. `Ok(None)` while nobody answers yet.
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Option<Value>, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.get(format!("http://{}{path}", self.address));
        for (key, value) in parameters {
            request = request.query(key, value);
        }
        let Ok(mut answer) = request.call() else { return Ok(None) };
        let mut text = String::new();
        answer.body_mut().as_reader().read_to_string(&mut text).map_err(|e| e.to_string())?;
        if answer.status().as_u16() == 503 {
            return Ok(None);
        }
        let mut body: Value = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
        if body["status"] == "success" {
            Ok(Some(body["data"].take()))
        } else {
            Err(format!("{} {}", answer.status(), body["error"]))
        }
    }

    /// The labels of every series that a query has a figure for: now, or for a panel over time at any moment so far.
    pub fn answers(&self, query: &Query, vantage: &str) -> Vec<BTreeSet<String>> {
        let expr = self.filled_in(&query.expr, query.step_s, vantage);
        let now = self.clock.now().wall_ns / 1_000_000_000;
        let asked = if query.instant {
            self.ask("/api/v1/query", &[("query", &expr)])
        } else {
            let from = now - i64::try_from(self.seconds()).expect("short");
            self.ask(
                "/api/v1/query_range",
                &[("query", &expr), ("start", &from.to_string()), ("end", &now.to_string()), ("step", "1")],
            )
        };
        let data = asked.unwrap_or_else(|why| panic!("{}: {why}\n{expr}", query.at)).unwrap_or_default();
        let series = data["result"].as_array().cloned().unwrap_or_default();
        let has_figure =
            |s: &Value| finite(&s["value"]) || s["values"].as_array().is_some_and(|values| values.iter().any(finite));
        let labels = |s: &Value| s["metric"].as_object().expect("labels").keys().cloned().collect();
        series.iter().filter(|s| has_figure(s)).map(labels).collect()
    }

    /// A query as Grafana would send it: "All" everywhere, the times of a scrape a second.
    pub fn filled_in(&self, expr: &str, step_s: u64, vantage: &str) -> String {
        let range = self.seconds().max(5);
        let mut expr = expr.replace("$vantage", vantage);
        for many in ["contract", "site", "service", "component", "trunk"] {
            expr = expr.replace(&format!("${many}"), ".*");
        }
        // Longer names first: one begins like another.
        expr = expr
            .replace("$__rate_interval", &format!("{}s", 4 * step_s))
            .replace("$__range_s", &range.to_string())
            .replace("$__range", &format!("{range}s"))
            .replace("$__interval", &format!("{step_s}s"));
        assert!(!expr.replace("\"$1\"", "").contains('$'), "a variable was left: {expr}");
        expr
    }
}

fn finite(value: &Value) -> bool {
    value[1].as_str().and_then(|v| v.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

/// Asks again and again until every query has answered, with every label that its panel shows; says which did not.
pub fn until_all_answer(prometheus: &Prometheus, mut open: Vec<Query>, vantage: &str, patience: Duration) {
    assert!(!open.is_empty());
    let lacks = |query: &Query| -> Vec<String> {
        let series = prometheus.answers(query, vantage);
        let lacking = |labels: &BTreeSet<String>| query.labels.difference(labels).cloned().collect();
        // The least lacking series tells.
        series.iter().map(lacking).min_by_key(Vec::len).unwrap_or_else(|| vec!["everything".into()])
    };
    while prometheus.seconds() < patience.as_secs() {
        open.retain(|q| !lacks(q).is_empty());
        if open.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let told =
        |q: &Query| format!("{} lacks {:?}\n    {}", q.at, lacks(q), prometheus.filled_in(&q.expr, q.step_s, vantage));
    let left: Vec<String> = open.iter().map(told).collect();
    panic!("without an answer after {patience:?}:\n{}", left.join("\n"));
}

pub fn all_queries() -> Vec<Query> {
    dashboards().iter().flat_map(|(path, d)| queries(&path.display().to_string(), d)).collect()
}

/// Every variable's values, as its menu would show them.
pub fn variables_have_values(prometheus: &Prometheus, vantage: &str) {
    let mut asked = 0;
    for (path, dashboard) in dashboards() {
        for variable in
            dashboard["templating"]["list"].as_array().expect("variables").iter().filter(|v| v["type"] == "query")
        {
            let query = variable["query"]["query"].as_str().expect("a query");
            let inside = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')')).expect("label_values");
            let (selector, label) = inside.rsplit_once(',').expect("a metric and a label");
            let selector = prometheus.filled_in(selector, 1, vantage);
            let data = prometheus.ask(&format!("/api/v1/label/{}/values", label.trim()), &[("match[]", &selector)]);
            let values =
                data.unwrap_or_else(|why| panic!("{}: {}: {why}", path.display(), variable["name"])).expect("it is up");
            assert!(
                values.as_array().is_some_and(|v| !v.is_empty()),
                "{}: {} has no values",
                path.display(),
                variable["name"]
            );
            asked += 1;
        }
    }
    assert!(asked >= 18, "{asked}");
}

/// The council after `n` scrapes: its round-trip times go on.
fn moving_on(n: u64) -> Arc<Snapshot> {
    let mut s = estate::council();
    s.at = s.at.plus(i64::try_from(n).expect("few"));
    for class in s.components.iter_mut().flat_map(|c| &mut c.classes) {
        let mut rtt = RttHistogram::default();
        (0..u32::try_from(20 * (n + 1)).expect("few")).for_each(|reply| rtt.record(Micros(4_000 + reply % 400 * 125)));
        class.rtt = Arc::new(rtt);
    }
    Arc::new(s)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn round_trip_panels_answer_from_native_histograms_too() {
    let served = serve(moving_on).await;
    let dir = tempfile::tempdir().expect("a folder");
    let prometheus = Prometheus::over(&served.address.to_string(), dir.path(), &["--enable-feature=native-histograms"]);
    let chosen = all_queries().into_iter().filter(|q| q.expr.contains("assured_probe_rtt_seconds_bucket")).collect();
    tokio::task::block_in_place(|| {
        until_all_answer(&prometheus, chosen, "county-hall", Duration::from_secs(60));
        let classic =
            prometheus.ask("/api/v1/query", &[("query", "count(assured_probe_rtt_seconds_bucket)")]).expect("a query");
        assert_eq!(
            classic.expect("it is up")["result"].as_array().map(Vec::len),
            Some(0),
            "only native ones were taken"
        );
    });
    served.stop().await;
}

#[test]
fn a_wallboard_without_a_monitor_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let prometheus = Prometheus::over(&free_address().to_string(), dir.path(), &[]);
    let noc = dashboards().into_iter().find(|(p, _)| p.ends_with("noc.json")).expect("the wallboard").1;
    let mut told: Vec<Query> =
        queries("noc", &noc).into_iter().filter(|q| q.at == "noc: What is wrong (A)" || q.panel == "Monitor").collect();
    assert_eq!(told.len(), 2);
    // Of whom nothing is heard nothing is known but that.
    told.iter_mut().for_each(|q| q.labels.retain(|label| label == "title"));
    until_all_answer(&prometheus, told, "county-hall", Duration::from_secs(60));
}
