//! The real Prometheus reads what we expose: `promtool` lints it, a server scrapes it with native histograms.
//!
//! Needs `prometheus` and `promtool` (Debian package `prometheus`, 2.40 or later) on the path.

mod support;

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use assured::metrics::histogram::RttHistogram;
use assured::metrics::{Format, render};
use assured::snapshot::Snapshot;
use assured::units::Micros;
use support::{estate, serve};

fn lint(snapshot: Snapshot) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool of the Debian package `prometheus`");
    let text = render(&Arc::new(snapshot), Format::Text);
    promtool.stdin.take().expect("piped").write_all(&text).expect("promtool reads it all");
    let told = promtool.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    // A line's speed is told in bits everywhere.
    let said: Vec<&str> = said.lines().filter(|l| !l.is_empty() && !l.contains("_speed_bits_per_second")).collect();
    assert!(said.is_empty(), "promtool has nothing to say: {said:?}");
}

#[test]
fn promtool_finds_nothing_in_the_text_of_any_estate() {
    lint(estate::council());
    lint(estate::hostile());
    lint(estate::empty());
    lint(estate::large(500));
}

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail only because it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The council after `n` scrapes: 400 more replies to ch-r1's voice probes for each, evenly from 10 to 60 ms.
fn moved_on(n: u64) -> Arc<Snapshot> {
    let mut s = estate::council();
    let voice = &mut s.components[0].classes[0];
    let mut rtt = RttHistogram::default();
    for reply in 0..400 * u32::try_from(n + 1).expect("few scrapes") {
        rtt.record(Micros(10_000 + reply % 400 * 125));
    }
    voice.counts.sent += 400 * n;
    voice.counts.received += 400 * n;
    voice.rtt = Arc::new(rtt);
    Arc::new(s)
}

/// The value of an instant query; `None` while it has none.
async fn ask(prometheus: &str, query: &str) -> Option<f64> {
    let (url, query) = (format!("http://{prometheus}/api/v1/query"), query.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        ureq::get(&url).query("query", &query).call().ok()?.body_mut().read_to_string().ok()
    });
    let answer: serde_json::Value = serde_json::from_str(&asked.await.expect("no panic")?).expect("JSON");
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok().filter(|v: &f64| v.is_finite())
}

/// Asks until there is an answer; a minute is far more than a Prometheus on a loaded machine needs.
async fn eventually(prometheus: &str, query: &str) -> f64 {
    let asking = async {
        loop {
            if let Some(value) = ask(prometheus, query).await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("no answer to {query}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_scrapes_native_histograms_and_answers_a_quantile() {
    let served = serve(moved_on).await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("prometheus.yml");
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: assured\n    static_configs: [{{targets: ['{}']}}]\n",
        served.address
    );
    std::fs::write(&file, config).expect("written");
    // Another process may take the port in between; then Prometheus ends and the queries below say so.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let _prometheus = Running(
        Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--enable-feature=native-histograms", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus of the Debian package `prometheus`"),
    );

    // The series has no `le`: only a native histogram answers. Truth: 95% of 10–60 ms is 57.5 ms, a bucket is 9.05% wide.
    let voice = r#"{component="ch-r1",class="voice"}"#;
    let p95 =
        eventually(&address, &format!("histogram_quantile(0.95, rate(assured_probe_rtt_seconds{voice}[20s]))")).await;
    assert!((0.0527..0.0628).contains(&p95), "p95 is {p95}");

    assert!(eventually(&address, "up{job=\"assured\"}").await > 0.5);
    assert!(eventually(&address, &format!("rate(assured_probe_sent_total{voice}[20s])")).await > 0.0);
    let window = eventually(&address, "sum(assured_service_month_seconds{service=\"ch-voice\"})").await;
    assert!((window - estate::NOW.since(estate::MONTH) as f64).abs() < 0.5, "{window}");
    assert!((eventually(&address, "count(assured_service_state{state=\"down\"} == 1)").await - 2.0).abs() < 0.5);
    served.stop().await;
}
