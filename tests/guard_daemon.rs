//! The real daemon behind its door: a flood of wrong passwords while it probes, TLS by reload, and a real Prometheus.
//!
//! Needs root for a network namespace, and the Debian packages `prometheus` and `openssl`.

mod daemon;

#[path = "guard/papers.rs"]
mod papers;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use daemon::{Estate, Metrics, Outer, Page, apart, free_address, nowhere, until};
use nix::sys::signal::Signal;
use papers::{Papers, basic, exchange, get};

fn guarded(mut estate: Estate) -> Estate {
    estate.monitor = "web_config_file = \"web.yml\"\n".into();
    estate
}

fn hash(password: &str, cost: u32) -> String {
    bcrypt::hash_with_result(password, cost).expect("made").format_for_version(bcrypt::Version::TwoY)
}

/// Status and body of an answer to this user.
fn ask(page: Page, path: &str, authorization: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(page.0).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn scrape(page: Page, authorization: &str) -> Option<Metrics> {
    ask(page, "/metrics", authorization).filter(|(status, _)| *status == 200).map(|(_, text)| Metrics::parse(&text))
}

/// Guesses until it is told to stop, a new password each time; counts how that was answered.
fn guess(page: Page, nth: u64, stop: &AtomicBool, wrong: &AtomicU64, busy: &AtomicU64) {
    let mut tries = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let Ok(stream) = TcpStream::connect(page.0) else { continue };
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut reader = BufReader::new(stream);
        while !stop.load(Ordering::Relaxed) {
            tries += 1;
            let name = if tries.is_multiple_of(2) { "noc" } else { "nobody" };
            let guess = basic(name, &format!("guess {nth} {tries}"));
            let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{guess}\r\n");
            if reader.get_mut().write_all(request.as_bytes()).is_err() {
                break;
            }
            let Some((status, length)) = head(&mut reader) else { break };
            match status {
                401 => wrong.fetch_add(1, Ordering::Relaxed),
                429 => busy.fetch_add(1, Ordering::Relaxed),
                other => panic!("a guess was answered by {other}"),
            };
            if reader.read_exact(&mut vec![0; length]).is_err() {
                break;
            }
        }
    }
}

fn head(reader: &mut BufReader<TcpStream>) -> Option<(u16, usize)> {
    let (mut status, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Some((status?, length));
        }
        status = status.or_else(|| line.split(' ').nth(1)?.parse().ok());
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
}

#[test]
fn a_flood_of_wrong_passwords_loses_no_probe_and_keeps_nobody_out_who_is_in() {
    apart(|| {
        nowhere();
        let estate = guarded(Estate::crowd("127.20.0.1", 300));
        let web = format!("basic_auth_users:\n  noc: {}\n  new: {}\n", hash("right", 10), hash("other", 10));
        let daemon = Outer::start_with(&estate, |dir| fs::write(dir.join("web.yml"), web).expect("written"));
        let (page, noc) = (daemon.page, basic("noc", "right"));
        let rounds = |m: &Metrics| m.sum("assured_probe_received_total", &[]);
        let first = until("everybody has answered", || {
            scrape(page, &noc).filter(|m| m.by_component("assured_probe_received_total").values().all(|n| *n >= 2.0))
        });
        let memory = resident(&daemon);

        let (stop, wrong, busy) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        let mut last = None;
        thread::scope(|scope| {
            for nth in 0..12 {
                let (stop, wrong, busy) = (&stop, &wrong, &busy);
                scope.spawn(move || guess(page, nth, stop, wrong, busy));
            }
            // Six rounds of everybody, and somebody who comes anew, while they guess.
            let seen = until("probing goes on", || {
                let now = scrape(page, &noc).expect("who is in stays in, at once");
                (rounds(&now) >= rounds(&first) + 6.0 * 300.0).then_some(now)
            });
            last = Some(seen);
            // From another address: each has two places among those who wait.
            let elsewhere = tokio::net::TcpSocket::new_v4().expect("a socket");
            elsewhere.bind("127.77.0.1:0".parse().expect("an address")).expect("all of it is ours");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let anew = runtime.block_on(async {
                exchange(elsewhere.connect(page.0).await.ok()?, &get("/", &basic("new", "other"))).await
            });
            assert_eq!(anew.expect("an answer").status, 200, "who comes anew waits, and gets in");
            stop.store(true, Ordering::Relaxed);
        });
        let last = last.expect("scraped");
        for series in
            ["assured_probe_lost_total", "assured_scheduler_skipped_total", "assured_monitor_not_measured_total"]
        {
            assert_eq!(last.sum(series, &[]), first.sum(series, &[]), "{series} in a flood");
        }
        assert!(last.is_in("h0", "up") && last.is_in("h299", "up"));
        let (wrong, busy) = (wrong.into_inner(), busy.into_inner());
        assert!(wrong > 0 && busy > wrong, "{wrong} were looked at and {busy} turned away");
        assert!(resident(&daemon) < memory + 64 * 1024, "from {memory} to {} KiB", resident(&daemon));
        let log = daemon.log();
        assert!((1..=3).contains(&log.matches("wrong user or password").count()), "{log}");
        assert!(!log.contains("guess") && !log.contains("right") && !log.contains("$2y$"), "{log}");
    });
}

/// Memory in use, KiB.
fn resident(daemon: &Outer) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("it lives");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

struct Prometheus(Child, Page);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Prometheus {
    fn over(target: Page, dir: &Path) -> Self {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: assured\n  scheme: https\n  \
             tls_config: {{ca_file: ca.crt, server_name: localhost}}\n  \
             basic_auth: {{username: prometheus, password_file: password}}\n  \
             static_configs: [{{targets: ['{}']}}]\n",
            target.0
        );
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        fs::write(dir.join("password"), "scrape me\n").unwrap();
        let address = free_address();
        let child = Command::new("prometheus")
            .arg("--log.level=error")
            .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .spawn()
            .expect("prometheus is there");
        Self(child, Page(address))
    }

    fn value(&self, query: &str) -> Option<f64> {
        let mut answer = ureq::get(format!("http://{}/api/v1/query", self.1.0)).query("query", query).call().ok()?;
        let body: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        body["data"]["result"].as_array()?.first()?["value"][1].as_str()?.parse().ok()
    }
}

#[test]
fn a_reload_turns_tls_on_renews_it_and_survives_a_broken_file_and_prometheus_scrapes_it() {
    apart(|| {
        nowhere();
        let papers = Arc::new(Papers::make());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let users = format!("basic_auth_users:\n  prometheus: {}\n", hash("scrape me", 8));
        let mut estate = Estate::of(&[("a", "127.1.0.1"), ("b", "127.1.0.2")]);
        estate.monitor = format!("web_config_file = \"{}\"\n", papers.path("web.yml").display());
        papers.write("web.yml", &users);
        let daemon = Outer::start(&estate);
        let page = daemon.page;
        assert_eq!(ask(page, "/", "").expect("an answer").0, 401);

        let tls = format!("{users}tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n");
        papers.write("web.yml", &tls);
        daemon.signal(Signal::SIGHUP);
        let secure = |path: &str, lines: &str| {
            runtime.block_on(async { exchange(papers.connect(page.0, None).await.ok()?, &get(path, lines)).await })
        };
        until("it speaks TLS", || secure("/healthz", "").filter(|a| a.status == 200));
        assert_eq!(secure("/", "").expect("an answer").status, 401);
        let prometheus = basic("prometheus", "scrape me");
        assert_eq!(secure("/", &prometheus).expect("an answer").status, 200);
        assert_eq!(ask(page, "/metrics", &prometheus).expect("an answer").0, 400, "plain HTTP is told so");

        let scraping = Prometheus::over(page, papers.0.path());
        until("Prometheus sees both up", || {
            (scraping.value("count(assured_component_state{state=\"up\"} == 1)") == Some(2.0)).then_some(())
        });
        assert_eq!(scraping.value("up{job=\"assured\"}"), Some(1.0));

        // Broken in several ways at once: every one is told, and all goes on as it was.
        papers
            .write("web.yml", &tls.replace("server.key", "client.key").replace("basic_auth_users", "basic_auth_user"));
        daemon.signal(Signal::SIGHUP);
        until("the log tells", || {
            let log = daemon.log();
            (log.contains("going on with the one before")
                && log.contains("web.yml:1: basic_auth_user: is not a known key")
                && log.contains("certificate and key do not belong together"))
            .then_some(())
        });
        let metrics = Metrics::parse(&secure("/metrics", &prometheus).expect("an answer").body);
        assert_eq!(metrics.sum("assured_config_last_reload_successful", &[]) as u64, 0);

        let shown = || {
            let stream = runtime.block_on(papers.connect(page.0, None)).expect("a connection");
            stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone()
        };
        let before = shown();
        for end in ["crt", "key"] {
            fs::copy(papers.path(&format!("renewed.{end}")), papers.path(&format!("server.{end}"))).expect("copied");
        }
        papers.write("web.yml", &tls);
        assert_eq!(shown(), before, "files alone change nothing");
        daemon.signal(Signal::SIGHUP);
        until("the new certificate is shown", || (shown() != before).then_some(()));
        let log = daemon.log();
        assert!(log.contains("pages are protected") && log.contains("tls=true") && !log.contains("$2y$"), "{log}");
    });
}
