//! Every query of every panel and variable, executed by a real Prometheus over series of ours.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use assured::clock::{Clock as _, SystemClock};
use assured::config::model::Measure;
use assured::measurement::Cause;
use assured::metrics::histogram::RttHistogram;
use assured::names::ClassIx;
use assured::snapshot::{ObjectiveView, Shown, Snapshot};
use assured::units::Micros;
use serde_json::Value;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::files::dashboards;
use crate::lint::{Query, queries};
use crate::support::{estate, serve};

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail only because it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").to_string()
}

/// A Prometheus that scrapes `target` every second.
struct Prometheus {
    address: String,
    /// Shows the time since it was started.
    clock: SystemClock,
    _child: Running,
}

impl Prometheus {
    fn over(targets: &[&str], dir: &Path, more: &[&str]) -> Self {
        let file = dir.join("prometheus.yml");
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: assured\n    static_configs: [{{targets: {targets:?}}}]\n"
        );
        std::fs::write(&file, config).expect("written");
        let address = free_address();
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
    fn seconds(&self) -> u64 {
        self.clock.now().mono_ns / 1_000_000_000
    }

    /// The answer's `data`, or what Prometheus said against it. `Ok(None)` while nobody answers yet.
    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Option<Value>, String> {
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

    /// Whether a query has any figure, now or, when `over_time`, at any moment so far.
    fn answers(&self, query: &Query, over_time: bool, vantage: &str) -> bool {
        let expr = self.filled_in(&query.expr, vantage);
        let now = self.clock.now().wall_ns / 1_000_000_000;
        let asked = if query.instant && !over_time {
            self.ask("/api/v1/query", &[("query", &expr)])
        } else {
            let from = now - i64::try_from(self.seconds()).expect("short");
            self.ask(
                "/api/v1/query_range",
                &[("query", &expr), ("start", &from.to_string()), ("end", &now.to_string()), ("step", "1")],
            )
        };
        let data = asked.unwrap_or_else(|why| panic!("{}: {why}\n{expr}", query.at));
        data.is_some_and(|d| {
            d["result"]
                .as_array()
                .is_some_and(|r| r.iter().any(|series| !series["values"].is_null() || finite(&series["value"])))
        })
    }

    /// A query as Grafana would send it: "All" everywhere, the times of a scrape a second.
    fn filled_in(&self, expr: &str, vantage: &str) -> String {
        let range = self.seconds().max(5);
        let mut expr = expr.replace("$vantage", vantage);
        for many in ["contract", "site", "service", "component", "trunk"] {
            expr = expr.replace(&format!("${many}"), ".*");
        }
        // Longer names first: one begins like another.
        expr = expr
            .replace("$__rate_interval", "4s")
            .replace("$__range_s", &range.to_string())
            .replace("$__range", &format!("{range}s"))
            .replace("$__interval", "1s");
        assert!(!expr.replace("\"$1\"", "").contains('$'), "a variable was left: {expr}");
        expr
    }
}

fn finite(value: &Value) -> bool {
    value[1].as_str().and_then(|v| v.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

/// Asks again and again until every query has answered; says which did not.
fn until_all_answer(prometheus: &Prometheus, mut open: Vec<Query>, over_time: bool, vantage: &str, patience: Duration) {
    assert!(!open.is_empty());
    while prometheus.seconds() < patience.as_secs() {
        open.retain(|q| !prometheus.answers(q, over_time, vantage));
        if open.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let left: Vec<String> =
        open.iter().map(|q| format!("{}\n    {}", q.at, prometheus.filled_in(&q.expr, vantage))).collect();
    panic!("without an answer after {patience:?}:\n{}", left.join("\n"));
}

fn all_queries() -> Vec<Query> {
    dashboards().iter().flat_map(|(path, d)| queries(&path.display().to_string(), d)).collect()
}

/// Every variable's values, as its menu would show them.
fn variables_have_values(prometheus: &Prometheus, vantage: &str) {
    for (path, dashboard) in dashboards() {
        for variable in
            dashboard["templating"]["list"].as_array().expect("variables").iter().filter(|v| v["type"] == "query")
        {
            let query = variable["query"]["query"].as_str().expect("a query");
            let inside = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')')).expect("label_values");
            let (selector, label) = inside.rsplit_once(',').expect("a metric and a label");
            let selector = prometheus.filled_in(selector, vantage);
            let data = prometheus.ask(&format!("/api/v1/label/{}/values", label.trim()), &[("match[]", &selector)]);
            let values =
                data.unwrap_or_else(|why| panic!("{}: {}: {why}", path.display(), variable["name"])).expect("it is up");
            assert!(
                values.as_array().is_some_and(|v| !v.is_empty()),
                "{}: {} has no values",
                path.display(),
                variable["name"]
            );
        }
    }
}

/// The council after `n` scrapes, with something to tell for every family there is.
fn moving_on(n: u64) -> Arc<Snapshot> {
    let mut s = estate::council();
    s.at = s.at.plus(i64::try_from(n).expect("few"));
    for component in &mut s.components {
        for class in &mut component.classes {
            class.counts.sent += 30 * n;
            class.counts.received += 29 * n;
            class.counts.remarked += n;
            class.counts.lost += n;
            let mut rtt = RttHistogram::default();
            (0..u32::try_from(20 * (n + 1)).expect("few"))
                .for_each(|reply| rtt.record(Micros(4_000 + reply % 400 * 125)));
            class.rtt = Arc::new(rtt);
        }
    }
    for service in &mut s.services {
        let objective = |measure, value, limit, met| ObjectiveView {
            class: ClassIx(0),
            measure,
            value: Some(value),
            limit,
            met: Some(met),
        };
        service.objectives = vec![
            objective(Measure::RttP95, 0.021, 0.030, true),
            objective(Measure::Jitter, 0.006, 0.005, false),
            objective(Measure::Loss, 0.0004, 0.001, true),
            objective(Measure::Mos, 4.2, 4.0, true),
        ];
    }
    // A gateway that flaps.
    s.components[2].state = if n % 4 < 2 { Shown::Down } else { Shown::Up };
    s.monitor.not_measured.insert(Cause::Skipped, 2 + n);
    s.monitor.evidence_head_sequence = Some(91_233 + n);
    Arc::new(s)
}

/// Serves what the council's snapshot does not have, for as long as the test runs; counters rise with every scrape.
async fn others() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        for n in 0_u64.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let told = |line: &str| match line.rsplit_once("} ") {
                Some((series, value)) if series.contains("_total{") => {
                    format!("{series}}} {}\n", value.parse::<f64>().expect("a number") + 10.0 * n as f64)
                }
                _ => format!("{line}\n"),
            };
            let text: String = include_str!("others.prom").lines().map(told).collect();
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length:";
            // A scraper that goes away is scraped no more; the next one is served.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(format!("{head} {}\r\n\r\n{text}", text.len()).as_bytes()).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_every_panel_and_variable_answers_over_the_council() {
    let served = serve(moving_on).await;
    let dir = tempfile::tempdir().expect("a folder");
    let prometheus = Prometheus::over(&[&served.address.to_string(), &others().await], dir.path(), &[]);
    tokio::task::block_in_place(|| {
        until_all_answer(&prometheus, all_queries(), false, "county-hall", Duration::from_secs(60));
        variables_have_values(&prometheus, "county-hall");
    });
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn round_trip_panels_answer_from_native_histograms_too() {
    let served = serve(moving_on).await;
    let dir = tempfile::tempdir().expect("a folder");
    let prometheus =
        Prometheus::over(&[&served.address.to_string()], dir.path(), &["--enable-feature=native-histograms"]);
    let chosen = all_queries().into_iter().filter(|q| q.expr.contains("assured_probe_rtt_seconds_bucket")).collect();
    tokio::task::block_in_place(|| {
        until_all_answer(&prometheus, chosen, false, "county-hall", Duration::from_secs(60));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallboard_without_a_monitor_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let prometheus = Prometheus::over(&[&free_address()], dir.path(), &[]);
    let noc = dashboards().into_iter().find(|(p, _)| p.ends_with("noc.json")).expect("the wallboard").1;
    let told: Vec<Query> =
        queries("noc", &noc).into_iter().filter(|q| q.at == "noc: What is wrong (A)" || q.panel == "Monitor").collect();
    assert_eq!(told.len(), 2);
    tokio::task::block_in_place(|| until_all_answer(&prometheus, told, false, "county-hall", Duration::from_secs(60)));
}

/// What the demo need not show within its first minutes, and why.
fn left_out(query: &Query) -> bool {
    let others = include_str!("others.prom").lines().filter_map(|l| l.split_once('{'));
    // Series that other parts of the daemon add; objectives count whole minutes, for which a test should not wait;
    // gateways never fail there; on a machine with time to spare everything is measured.
    others.into_iter().any(|(name, _)| query.expr.contains(name))
        || ["assured_objective_value", "assured_objective_met"].iter().any(|name| query.expr.contains(name))
        || ["Gateways", "Not measured, by cause"].contains(&query.panel.as_str())
}

#[test]
fn every_query_answers_over_the_demo() {
    let dir = tempfile::tempdir().expect("a folder");
    let (page, evidence) = (free_address(), dir.path().join("evidence"));
    std::fs::create_dir(&evidence).expect("made");
    let _demo = Running(
        Command::new(env!("CARGO_BIN_EXE_assured"))
            .args(["demo", "--seconds", "400", "--listen", &page, "--data-dir"])
            .arg(&evidence)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program"),
    );
    let prometheus = Prometheus::over(&[&page], dir.path(), &[]);
    let chosen = all_queries().into_iter().filter(|q| !left_out(q)).collect();
    until_all_answer(&prometheus, chosen, true, "county-hall", Duration::from_secs(300));
}
