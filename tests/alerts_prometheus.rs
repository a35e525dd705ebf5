//! From the wire to the operator, with the real programs: lab, daemon, Prometheus with the generated rules, and
//! Alertmanager with the shipped grouping and inhibition, in front of a sink for its messages.
//!
//! Needs root for the lab, and the Debian packages `prometheus` and `prometheus-alertmanager`.

mod daemon;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use assured::alert::rules::rules;
use assured::config::{self, Mode};
use assured::lab::scenario::{Chance, Fault, Hosts, Nanos, Scenario};
use daemon::{ASSURED, Estate, Inner, Page, free_address, host, lab, until, until_within};
use serde_json::Value;

/// A program that does not outlive its test, and whose last words are heard when that fails.
struct Running {
    child: Child,
    log: std::path::PathBuf,
}

impl Running {
    fn start(program: &str, dir: &Path, arguments: &[String]) -> Self {
        let log = dir.join(Path::new(program).file_name().expect("a name")).with_extension("log");
        let to = File::create(&log).expect("a file");
        let child = Command::new(program)
            .args(arguments)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(to.try_clone().expect("a second handle"))
            .stderr(to)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} of the Debian packages that tests/run installs: {error}"));
        Self { child, log }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail only because it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("--- {}\n{}", self.log.display(), tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Every message that Alertmanager sent.
type Messages = Arc<Mutex<Vec<Value>>>;

/// Takes webhooks until the test's process ends.
fn sink(at: SocketAddr) -> Messages {
    let messages = Messages::default();
    let listener = TcpListener::bind(at).expect("a free address");
    let into = Arc::clone(&messages);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let message = message(stream.expect("a connection"));
            into.lock().expect("nobody panicked").extend(message);
        }
    });
    messages
}

fn message(mut stream: TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()?;
    serde_json::from_slice(&body).ok()
}

/// A hall with a router, a gateway behind it and a link, and a library with a router and a gateway.
fn estate() -> Estate {
    let device = |id: &str, site: &str, kind: &str, address: &str, more: &str| {
        format!("[devices.{id}]\nsite = \"{site}\"\nkind = \"{kind}\"\naddress = \"{address}\"\n{more}\n")
    };
    let service = |id: &str, title: &str, site: &str, sla: &str, requires: &str| {
        format!(
            "[services.{id}]\ntitle = \"{title}\"\nsite = \"{site}\"\ncontract = \"converged\"\nsla = \"{sla}\"\nrequires = {requires}\n"
        )
    };
    let more = [
        "[contracts.converged]\ntitle = \"Converged\"\nprovider = \"P\"\ncustomer = \"C\"\nreference = \"ASE-0001\"\n\
         starts = 2000-01-01\nends = 2099-12-31\n\
         contact = { name = \"Service desk\", phone = \"0800 000 0000\", email = \"desk@example.net\" }\n\
         [slas.urgent]\navailability = \"99%\"\nrestore_within = \"1h\"\n\
         [sites.hall]\ntitle = \"The Hall\"\n[sites.library]\ntitle = \"Ware {{ Library }}\"\n"
            .to_owned(),
        device("hall-r1", "hall", "router", "10.1.0.1", ""),
        device("hall-gw1", "hall", "voip-gateway", "10.1.0.2", "parents = [\"hall-r1\"]"),
        "[links.hall-up]\nsite = \"hall\"\ndevice = \"hall-r1\"\nfar_address = \"10.1.0.3\"\n".to_owned(),
        device("lib-r1", "library", "router", "10.1.0.4", ""),
        device("lib-gw1", "library", "voip-gateway", "10.1.0.5", "parents = [\"lib-r1\"]"),
        service("hall-data", "Network", "hall", "plain", "{ all = [\"hall-r1\", \"hall-up\"] }"),
        service("lib-voice", "Telephony", "library", "urgent", "\"lib-gw1\""),
        service("lib-data", "Network", "library", "plain", "\"lib-r1\""),
    ];
    // With the time-out that one gets without asking: as long as the interval.
    let probing = r#"icmp = { interval = "1s" }"#.into();
    Estate { more: more.concat(), probing, ..Estate::of(&[]) }
}

/// Of each alert in a message: its name and what it is about.
fn names(message: &Value) -> Vec<String> {
    let of = |alert: &Value| {
        let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        format!("{} {}{}", label("alertname"), label("service"), label("component")).trim().to_owned()
    };
    let mut names: Vec<String> = message["alerts"].as_array().expect("alerts").iter().map(of).collect();
    names.sort();
    names
}

/// The shipped file with a sink, and with a patience that a test has.
fn alertmanager_config(sink: SocketAddr) -> String {
    let shipped = fs::read_to_string("deploy/alertmanager/alertmanager.yml").expect("it is shipped");
    let replaced = [
        ("http://127.0.0.1:9099/alerts", format!("http://{sink}/")),
        ("group_wait: 30s", "group_wait: 6s".into()),
        ("group_interval: 5m", "group_interval: 15s".into()),
    ];
    replaced.into_iter().fold(shipped, |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, &to)
    })
}

fn start_alertmanager(address: SocketAddr, sink: SocketAddr, dir: &Path) -> Running {
    fs::write(dir.join("alertmanager.yml"), alertmanager_config(sink)).expect("written");
    let arguments = [
        "--config.file=alertmanager.yml".into(),
        "--storage.path=am".into(),
        format!("--web.listen-address={address}"),
        "--cluster.listen-address=".into(),
    ];
    Running::start("prometheus-alertmanager", dir, &arguments)
}

/// One that scrapes the daemon every second, with the rules that stand in the folder.
fn start_prometheus(daemon: SocketAddr, alertmanager: SocketAddr, dir: &Path) -> Running {
    let config = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
         rule_files: [assured-*.yml]\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"{alertmanager}\"] }}] }}] }}\n\
         scrape_configs: [{{ job_name: assured, static_configs: [{{ targets: [\"{daemon}\"] }}] }}]\n"
    );
    fs::write(dir.join("prometheus.yml"), config).expect("written");
    let arguments = [
        "--config.file=prometheus.yml".into(),
        "--storage.tsdb.path=tsdb".into(),
        format!("--web.listen-address={}", free_address()),
    ];
    Running::start("prometheus", dir, &arguments)
}

#[test]
fn an_outage_arrives_once_with_its_contact_and_is_taken_back_and_site_and_link_arrive_as_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let (alertmanager, sink_at) = (free_address(), free_address());
    let messages = sink(sink_at);
    let _alertmanager = start_alertmanager(alertmanager, sink_at, dir.path());

    // The rules as they are written, but for the seconds that something must hold.
    let estate = estate();
    let config = config::load::parse_str(&estate.text(free_address(), dir.path()), dir.path(), Mode::Run)
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let made = rules(&config.config);
    let alerts = made.alerts.replace("for: 30s", "for: 2s").replace("for: 60s", "for: 2s");
    fs::write(dir.path().join("assured-recording.yml"), made.recording).expect("written");
    fs::write(dir.path().join("assured-alerts.yml"), alerts).expect("written");

    let silent = |host: Hosts| Hosts {
        faults: vec![Fault {
            from: Nanos::secs(15),
            to: Some(Nanos::secs(45)),
            loss: Chance::ALWAYS,
            ..Fault::default()
        }],
        ..host
    };
    // The whole hall fails, its link with it; at the library one gateway does. They are told some ten seconds later, and come
    // back midway between two looks of Alertmanager at its groups, which are 15 s apart: what ends within seconds is one end.
    let lab = lab(&Scenario::new(1)
        .with(silent(host("10.1.0.1")))
        .with(silent(host("10.1.0.2")))
        .with(silent(host("10.1.0.3")))
        .with(host("10.1.0.4"))
        .with(silent(host("10.1.0.5"))));
    let daemon = Inner::over(&lab, &estate);
    let _prometheus = start_prometheus(daemon.page.0, alertmanager, dir.path());
    daemon.page.until_up(&["hall-r1", "hall-gw1", "hall-up", "lib-r1", "lib-gw1"]);
    assert!(messages.lock().expect("nobody panicked").is_empty(), "nothing is wrong yet");

    let of = |site: &str, status: &str| -> Vec<Value> {
        let all = messages.lock().expect("nobody panicked");
        all.iter().filter(|m| m["groupLabels"]["site"] == site && m["status"] == status).cloned().collect()
    };
    until("both sites' troubles were told and are over", || {
        let over = |site| !of(site, "resolved").is_empty();
        (over("hall") && over("library")).then_some(())
    });

    // The library: one message with the outage and the gateway behind it, one that it is over.
    let told = of("library", "firing");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(
        names(&told[0]),
        ["AssuredComponentDown lib-gw1", "AssuredRestoreDeadlineNear lib-voice", "AssuredServiceDown lib-voice",]
    );
    let of_service = |m: &Value| {
        let alerts = m["alerts"].as_array().expect("alerts").clone();
        alerts.into_iter().find(|a| a["labels"]["alertname"] == "AssuredServiceDown").expect("the outage is told")
    };
    let outage = of_service(&told[0]);
    let wanted = serde_json::json!({
        "alertname": "AssuredServiceDown", "severity": "critical", "vantage": "test", "site": "library",
        "service": "lib-voice", "contract": "converged",
    });
    assert_eq!(outage["labels"], wanted);
    let said = |name: &str| outage["annotations"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(said("contact"), "Service desk, 0800 000 0000, desk@example.net");
    assert_eq!(said("quote"), "ASE-0001: lib-voice");
    assert_eq!(said("summary"), "Telephony at Ware {{ Library }} is down");
    assert_eq!(said("runbook"), "docs/runbooks/AssuredServiceDown.md");
    assert!(said("sla_impact").contains("99% is promised"), "{}", said("sla_impact"));
    // Local time to the second the daemon knows, with the zone's name.
    let service = daemon.page.json("/api/v1/services/lib-voice");
    let from = daemon::instant(&service["outages"][0]["from"]);
    let local = |at: i64| {
        let at = jiff::Timestamp::from_second(at).expect("near").to_zoned(daemon::london());
        at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    };
    assert_eq!(said("started_local"), local(from.0));
    let deadline = told[0]["alerts"].as_array().expect("alerts").iter();
    let deadline =
        deadline.map(|a| a["annotations"]["summary"].as_str().unwrap_or_default()).find(|s| s.contains("restored by"));
    let wanted_by = format!("Telephony at Ware {{{{ Library }}}} is to be restored by {}", local(from.0 + 3_600));
    assert_eq!(deadline, Some(wanted_by.as_str()));
    let over = of("library", "resolved");
    assert_eq!(over.len(), 1, "{over:#?}");
    assert_eq!(of_service(&over[0])["labels"], wanted);

    // The hall: one message; the link, the router and the gateway are kept quiet by their site.
    let told = of("hall", "firing");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(names(&told[0]), ["AssuredServiceDown hall-data", "AssuredSiteDown"]);
    assert_eq!(of("hall", "resolved").len(), 1);
    daemon.stop();
}

/// The demo as anybody starts it, with the rules as they are written for it: its library is cut off for thirty seconds
/// every two minutes.
#[test]
fn an_outage_of_the_demos_library_arrives_once_with_its_contact_and_is_taken_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let (page, alertmanager, sink_at) = (free_address(), free_address(), free_address());
    let messages = sink(sink_at);
    let _alertmanager = start_alertmanager(alertmanager, sink_at, dir.path());
    let data = dir.path().join("data");
    let arguments = ["demo", "--seconds", "600", "--listen"].map(String::from).to_vec();
    let more = [page.to_string(), "--data-dir".into(), data.display().to_string()];
    let _demo = Running::start(ASSURED, dir.path(), &[arguments, more.to_vec()].concat());
    let page = Page(page);
    until("the demo's page is there", || page.get("/healthz").ok());
    let mut rules = Command::new(ASSURED);
    let rules = rules.args(["rules", "--out"]).arg(dir.path()).arg("--config").arg(data.join("assured.toml")).output();
    let rules = rules.expect("the program");
    assert!(rules.status.success(), "{}", String::from_utf8_lossy(&rules.stderr));
    let _prometheus = start_prometheus(page.0, alertmanager, dir.path());

    let of = |status: &str| -> Vec<Value> {
        let all = messages.lock().expect("nobody panicked");
        all.iter().filter(|m| m["groupLabels"]["site"] == "alderbrook" && m["status"] == status).cloned().collect()
    };
    // At worst it has just come back when Prometheus begins to look.
    until_within(240, "the library's outage was told and is over", || (!of("resolved").is_empty()).then_some(()));
    let (told, over) = (of("firing"), of("resolved"));
    assert_eq!((told.len(), over.len()), (1, 1), "{told:#?}");
    let wanted = serde_json::json!({
        "alertname": "AssuredServiceDown", "severity": "critical", "vantage": "county-hall", "site": "alderbrook",
        "service": "alderbrook-data", "contract": "converged",
    });
    for message in [&told[0], &over[0]] {
        assert_eq!(names(message), ["AssuredServiceDown alderbrook-data"], "{message:#}");
        let alert = &message["alerts"][0];
        assert_eq!(alert["labels"], wanted);
        let said = &alert["annotations"];
        assert_eq!(said["contact"], "Example Telecom service desk, 0800 000 0000, desk@example.net");
        assert_eq!(said["quote"], "ET-WCC-0001: alderbrook-data");
    }
}
