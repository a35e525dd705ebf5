//! Scrapes of ten thousand targets while they are probed, held against the peers' own tools.
//!
//! Needs `promtool` and `prometheus` (Debian's package), and ICMP sockets.

mod daemon;

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use assured::clock::SystemClock;
use assured_probes::icmp::socket::Sockets;
use daemon::{Estate, Inner, Metrics, free_address, until};

fn over_loopback(estate: &Estate) -> Inner {
    let sockets = Sockets::open(Default::default()).expect("tests run as root");
    Inner::start(estate, sockets, Arc::new(SystemClock::default()))
}

/// Two classes, one of them with a codec, so that every family has series.
fn classes(estate: &mut Estate, interval: &str) {
    estate.probing =
        format!("icmp = {{ interval = \"{interval}\", timeout = \"900ms\", classes = [\"voice\", \"data\"] }}");
    estate.more += "[classes.voice]\ndscp = \"EF\"\ncodec = \"G.711\"\n[classes.data]\ndscp = \"AF31\"\n";
    estate.more = estate.more.replacen("sla = \"plain\"\n", "sla = \"plain\"\nclass = \"voice\"\n", 1);
}

fn lint(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let done = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.is_empty(), "promtool: {said}");
}

#[test]
fn ten_thousand_targets_are_scraped_while_they_are_probed() {
    let mut estate = Estate::crowd("127.20.0.1", 10_000);
    // Unoptimised code takes its time; what is asked for here is validity, not speed.
    classes(&mut estate, "5s");
    let daemon = over_loopback(&estate);
    let page = daemon.page;
    let first = page.until("everybody has been asked", |m| {
        m.count("assured_probe_rtt_seconds_count") == 20_000
            && m.by_component("assured_probe_received_total").values().all(|&n| n >= 2.0)
    });

    let received = |m: &Metrics| m.sum("assured_probe_received_total", &[]);
    page.until("probing goes on", |m| received(m) > received(&first));
    let text = page.get_as("/metrics", "text/plain").unwrap();
    let second = Metrics::parse(&text);
    assert_eq!(second.sum("assured_probe_lost_total", &[]) as u64, 0);
    assert_eq!(second.count("assured_component_state"), 40_000);
    lint(&text);

    let open = page.get_as("/metrics", "application/openmetrics-text; version=1.0.0").unwrap();
    assert!(open.ends_with("# EOF\n") && open.matches("# EOF").count() == 1);
    let third = Metrics::parse(&open);
    assert_eq!(third.count("assured_probe_rtt_seconds_bucket"), second.count("assured_probe_rtt_seconds_bucket"));
    assert!(received(&third) >= received(&second));
    daemon.stop();
}

/// A real Prometheus over one target.
struct Prometheus(Child, daemon::Page);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Prometheus {
    fn over(target: daemon::Page, dir: &std::path::Path) -> Self {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: assured\n  \
             static_configs: [{{targets: ['{}']}}]\n",
            target.0
        );
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        let address = free_address();
        let child = Command::new("prometheus")
            .args(["--enable-feature=native-histograms", "--log.level=error"])
            .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .spawn()
            .expect("prometheus is there");
        Self(child, daemon::Page(address))
    }

    /// The value of a query that has exactly one.
    fn value(&self, query: &str) -> Option<f64> {
        let mut answer = ureq::get(format!("http://{}/api/v1/query", self.1.0)).query("query", query).call().ok()?;
        let body: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        let [one] = body["data"]["result"].as_array()?.as_slice() else { return None };
        one["value"][1].as_str()?.parse().ok().filter(|value: &f64| value.is_finite())
    }
}

#[test]
fn a_real_prometheus_answers_a_percentile_from_native_histograms() {
    let mut estate = Estate::of(&[("a", "127.1.0.1"), ("b", "127.1.0.2")]);
    classes(&mut estate, "1s");
    estate.service = "class = \"voice\"".into();
    let daemon = over_loopback(&estate);
    daemon.page.until_up(&["a", "b"]);
    let dir = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::over(daemon.page, dir.path());
    // No `le` and no `_bucket`: only a native histogram can answer this.
    let p95 = "histogram_quantile(0.95, sum(rate(assured_probe_rtt_seconds{class=\"voice\"}[10s])))";
    let p95 = until("Prometheus knows the percentile", || prometheus.value(p95));
    assert!(p95 > 0.0 && p95 < 0.9, "{p95} s");
    assert_eq!(prometheus.value("sum(up)"), Some(1.0));
    assert_eq!(prometheus.value("count(assured_component_state{state=\"up\"} == 1)"), Some(2.0));
    daemon.stop();
}
