//! Alerts told to Alertmanagers directly, Prometheus not running: against the real Alertmanager with a sink behind it,
//! and against servers that fail in every way they can.
//!
//! Needs root: each test has a network namespace of its own.

mod alerts;
mod daemon;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use alerts::{Alertmanager, Mood, Server, notifications, told};
use assured::lab::scenario::{Chance, Fault, Hosts, Nanos, Scenario};
use assured::units::Sec;
use daemon::{
    ASSURED, Estate, Outer, apart, enter, free_address, host, instant, ip, lab, nowhere, until, until_within, wall_ns,
};
use nix::sys::signal::Signal;
use serde_json::Value;

const CONTACT: &str = "Night desk, 0800 000 0000, desk@example.net";

/// A depot with a router, and a hall with a router and a link, each with a service and somebody to call.
fn estate(monitor: &str) -> Estate {
    let more = "[contracts.wan]\ntitle = \"WAN\"\nprovider = \"P\"\ncustomer = \"C\"\nreference = \"ASE-0001\"\n\
         starts = 2000-01-01\nends = 2099-12-31\n\
         contact = { name = \"Night desk\", phone = \"0800 000 0000\", email = \"desk@example.net\" }\n\
         [sites.depot]\ntitle = \"Depot\"\n[sites.hall]\ntitle = \"County Hall\"\n\
         [devices.depot-r1]\nsite = \"depot\"\naddress = \"10.9.0.4\"\n\
         [devices.depot-r2]\nsite = \"depot\"\naddress = \"127.1.0.2\"\n\
         [services.depot-data]\nsite = \"depot\"\ncontract = \"wan\"\nsla = \"plain\"\nrequires = \"depot-r1\"\n\
         [devices.hall-r1]\nsite = \"hall\"\naddress = \"10.9.0.2\"\n\
         [links.hall-wan]\nsite = \"hall\"\ndevice = \"hall-r1\"\nfar_address = \"10.9.0.3\"\n\
         [services.hall-data]\nsite = \"hall\"\ncontract = \"wan\"\nsla = \"plain\"\nrequires = \"hall-wan\"\n";
    let monitor = format!("alert_resend = \"3s\"\n{monitor}");
    // With the time-out that one gets without asking: as long as the interval.
    let probing = r#"icmp = { interval = "1s" }"#.into();
    Estate { monitor, more: more.into(), probing, ..Estate::of(&[("well", "127.1.0.1")]) }
}

fn direct(urls: &[String]) -> String {
    format!("alertmanagers = {urls:?}")
}

/// A namespace in which the site's addresses answer or are silent, as told.
fn stage() {
    nowhere();
    ip("link add v0 type veth peer name v1");
    ip("link set v0 up");
    ip("link set v1 up");
    ip("addr add 10.9.0.1/24 dev v0");
    for last in [2, 3, 4] {
        ip(&format!("neigh add 10.9.0.{last} lladdr 02:00:00:00:00:02 dev v0 nud permanent"));
        answers(last, true);
    }
}

fn answers(last: u8, does: bool) {
    ip(&format!("addr {} 10.9.0.{last}/32 dev lo", if does { "add" } else { "del" }));
}

fn is_in(page: daemon::Page, component: &str, state: &str) {
    page.until(&format!("{component} is {state}"), |m| m.is_in(component, state));
}

fn after(alert: &Value, what: &str) -> i64 {
    instant(&alert[what]).since(Sec(wall_ns() / 1_000_000_000))
}

fn names(alerts: &[Value]) -> BTreeSet<&str> {
    alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect()
}

#[test]
fn an_outage_in_the_lab_is_one_notification_with_whom_to_call_and_so_is_one_of_site_and_link_at_once() {
    apart(|| {
        let fault = |faults: &[(u64, u64)], address| Hosts {
            faults: (faults.iter())
                .map(|&(from, to)| Fault {
                    from: Nanos::secs(from),
                    to: Some(Nanos::secs(to)),
                    loss: Chance::ALWAYS,
                    ..Fault::default()
                })
                .collect(),
            ..host(address)
        };
        // A service alone, and everything of a site at once. Long enough to be told of while it lasts: an alert that began
        // longer ago than Alertmanager waits for others is passed on at once, before what keeps it quiet is known.
        let lab = lab(&Scenario::new(1)
            .with(fault(&[(7, 28)], "10.9.0.2"))
            .with(fault(&[(7, 28)], "10.9.0.3"))
            .with(fault(&[(7, 27)], "10.9.0.4")));
        enter(&lab);
        let dir = tempfile::tempdir().unwrap();
        let sink = Server::start(Mood::Fine);
        let alertmanager = Alertmanager::start(free_address(), dir.path(), &sink, ("10s", "25s"), None);
        let daemon = Outer::start(&estate(&direct(&[alertmanager.url()])));

        let all = until_within(120, "both are over for the sink", || {
            let all = notifications(&sink);
            (all.iter().filter(|n| n.status == "resolved").count() >= 2).then_some(all)
        });
        let of = |site: &str, status: &str| -> Vec<_> {
            let at = |n: &&alerts::Notification| n.alerts[0]["labels"]["site"] == site && n.status == status;
            all.iter().filter(at).cloned().collect()
        };
        for site in ["depot", "hall"] {
            assert_eq!((of(site, "firing").len(), of(site, "resolved").len()), (1, 1), "{all:#?}");
        }
        let service = &of("depot", "firing")[0].alerts;
        assert_eq!(names(service), BTreeSet::from(["AssuredServiceDown", "AssuredComponentDown"]));
        let service = service.iter().find(|a| a["labels"]["alertname"] == "AssuredServiceDown").expect("it is told of");
        let labels = serde_json::json!({
            "alertname": "AssuredServiceDown", "severity": "critical", "vantage": "test",
            "site": "depot", "service": "depot-data", "contract": "wan",
        });
        assert_eq!(service["labels"], labels);
        assert_eq!(service["annotations"]["contact"], CONTACT);
        assert_eq!(service["annotations"]["quote"], "ASE-0001: depot-data");
        assert!(service["generatorURL"].as_str().unwrap().ends_with("/services/depot-data"), "{service}");
        let page = daemon.page.json("/api/v1/services/depot-data");
        assert_eq!(instant(&service["startsAt"]), instant(&page["outages"][0]["from"]), "it began when the outage did");

        let site = &of("hall", "firing")[0].alerts;
        let cause_and_cost = BTreeSet::from(["AssuredSiteDown", "AssuredServiceDown"]);
        assert_eq!(names(site), cause_and_cost, "the site stands for its router and its link: {all:#?}");
        for alert in site {
            assert_eq!(alert["annotations"]["contact"], CONTACT);
        }
    });
}

#[test]
fn while_the_alertmanager_is_down_nothing_is_lost_not_even_what_began_and_ended() {
    apart(|| {
        stage();
        let dir = tempfile::tempdir().unwrap();
        let sink = Server::start(Mood::Fine);
        let address = free_address();
        let daemon = Outer::start(&estate(&direct(&[format!("http://{address}")])));
        let page = daemon.page;
        page.until_up(&["hall-r1", "hall-wan", "well"]);
        answers(3, false);
        page.until("the outage waits to be told", |m| m.sum("assured_alerts_standing", &[]) as u64 >= 2);
        answers(3, true);
        page.until("it is over and still waits", |m| {
            m.sum("assured_alerts_standing", &[]) as u64 == 0 && m.sum("assured_alerts_queued", &[]) as u64 >= 2
        });
        answers(4, false);
        page.until("another one stands", |m| m.sum("assured_alerts_standing", &[]) as u64 >= 1);
        // As long as somebody wants it to last: `ALERTMANAGER_DOWN_S=130 cargo test --test alerts_direct while_the`.
        let more = std::env::var("ALERTMANAGER_DOWN_S").map_or(0, |s| s.parse().expect("seconds"));
        std::thread::sleep(std::time::Duration::from_secs(more));
        assert!(page.scrape().sum("assured_alertmanager_send_failures_total", &[]) as u64 >= 2);
        assert_eq!(page.scrape().count("assured_alertmanager_last_success_timestamp_seconds"), 0);

        let alertmanager = Alertmanager::start(address, dir.path(), &sink, ("5s", "1s"), None);
        let all = until("the sink hears what stands, what was, and that it is over", || {
            let all = notifications(&sink);
            let said = |service: &str, status: &str| {
                all.iter().flat_map(|n| &n.alerts).any(|a| a["labels"]["service"] == service && a["status"] == status)
            };
            let told = said("hall-data", "firing") && said("hall-data", "resolved") && said("depot-data", "firing");
            told.then_some(all.clone())
        });
        let late = all.iter().flat_map(|n| &n.alerts).find(|a| a["labels"]["service"] == "hall-data").unwrap();
        let text = late["annotations"]["description"].as_str().unwrap();
        assert!(text.starts_with("Over already: it lasted from "), "{text}");
        page.until("all is told", |m| m.sum("assured_alerts_queued", &[]) as u64 == 0);
        assert_eq!(page.scrape().sum("assured_alerts_dropped_total", &[]) as u64, 0);
        assert_eq!(daemon.log().matches("cannot be told of alerts").count(), 1, "one line a change");
        drop(alertmanager);
    });
}

#[test]
fn over_a_kill_a_standing_alert_keeps_its_start_and_an_end_that_is_owed_is_told() {
    apart(|| {
        stage();
        let listener = Server::start(Mood::Fine);
        let mut daemon = Outer::start(&estate(&direct(&[listener.url()])));
        daemon.page.until_up(&["hall-r1", "hall-wan"]);
        answers(3, false);
        let first = until("it is told", || told(&listener.said(), "AssuredServiceDown").pop());
        assert!(after(&first, "endsAt") > 6, "it expires only when nobody tells it any more: {first}");
        daemon.kill();

        daemon.again();
        let before = listener.said().len();
        let again = until("it is told again", || told(&listener.said()[before..], "AssuredServiceDown").pop());
        assert_eq!((&again["startsAt"], &again["labels"]), (&first["startsAt"], &first["labels"]));
        is_in(daemon.page, "hall-wan", "down");
        let told_twice = listener.said().len();
        until("it goes on being told", || told(&listener.said()[told_twice..], "AssuredServiceDown").pop());
        assert!(told(&listener.said(), "AssuredServiceDown").iter().all(|a| after(a, "endsAt") > 0), "never as over");

        listener.set(Mood::Status(503));
        answers(3, true);
        daemon.page.until("it is over and not heard", |m| {
            m.sum("assured_alerts_standing", &[]) as u64 == 0 && m.sum("assured_alerts_queued", &[]) as u64 > 0
        });
        daemon.kill();
        listener.set(Mood::Fine);
        daemon.again();
        let before = listener.said().len();
        let over = until("the end is told", || {
            told(&listener.said()[before..], "AssuredServiceDown").into_iter().find(|a| after(a, "endsAt") <= 0)
        });
        assert_eq!((&over["startsAt"], &over["labels"]), (&first["startsAt"], &first["labels"]));
    });
}

#[test]
fn an_alertmanager_that_misbehaves_holds_up_neither_the_others_nor_probing() {
    apart(|| {
        stage();
        let victim = Server::start(Mood::Fine);
        let moods = [
            Mood::Status(500),
            Mood::Slow,
            Mood::Garbage,
            Mood::Silent,
            Mood::Huge(500),
            Mood::Redirect(victim.address),
        ];
        let bad: Vec<Server> = moods.into_iter().map(Server::start).collect();
        let (good, huge, strict) =
            (Server::start(Mood::Fine), Server::start(Mood::Huge(200)), Server::start(Mood::Status(400)));
        let mut urls: Vec<String> = bad.iter().map(Server::url).collect();
        urls.extend([good.url(), huge.url(), strict.url(), format!("http://{}", free_address())]);
        let daemon = Outer::start(&estate(&direct(&urls)));
        let page = daemon.page;
        page.until_up(&["hall-r1", "hall-wan", "well"]);
        answers(3, false);
        for fine in [&good, &huge] {
            until("those who listen hear of it, and again", || {
                (told(&fine.said(), "AssuredServiceDown").len() >= 2).then_some(())
            });
        }
        let metrics = page.until("everybody else is counted as failing", |m| {
            urls.iter().filter(|url| **url != good.url()).all(|url| {
                // The one with the huge answers takes alerts, but its list of silences does not end.
                *url == strict.url()
                    || m.sum("assured_alertmanager_send_failures_total", &[("alertmanager", url)]) as u64 >= 1
            })
        });
        // The service's and the link's: each is refused once, however often it is told.
        let dropped = metrics.sum("assured_alerts_dropped_total", &[]) as u64;
        assert!((1..=2).contains(&dropped), "what one will not take is given up: {dropped}");
        assert!(victim.said().is_empty(), "a redirect is not followed");
        assert_eq!(metrics.of("lost", "well"), 0, "probing goes on as if nothing were");
        let log = daemon.log();
        assert!(
            !log.contains('\u{7}') && !log.contains("\u{1b}[31mway"),
            "what strangers say does not drive the terminal"
        );
        assert!(log.lines().count() < 80, "one line a change:\n{log}");
    });
}

#[test]
fn maintenance_and_agreed_exclusions_become_silences_and_go_with_them() {
    apart(|| {
        stage();
        let dir = tempfile::tempdir().unwrap();
        let sink = Server::start(Mood::Fine);
        let alertmanager = Alertmanager::start(free_address(), dir.path(), &sink, ("5s", "1s"), None);
        let at = |seconds: i64| Sec(wall_ns() / 1_000_000_000 + seconds).to_string();
        let window = |from: &str, to: &str| {
            let mut estate = estate(&direct(&[alertmanager.url()]));
            estate.more += &format!(
                "[[maintenance]]\ncontract = \"wan\"\nservices = [\"hall-data\"]\nfrom = {from}\nto = {to}\n\
                 reference = \"CHG-77\"\nnotified = 2001-01-01T00:00:00Z\n"
            );
            estate
        };
        let (from, to) = (at(-30), at(3_600));
        let mut daemon = Outer::start(&window(&from, &to));
        let silences = || -> Vec<Value> {
            let all = alertmanager.get("/api/v2/silences");
            all.as_array().unwrap().iter().filter(|s| s["status"]["state"] != "expired").cloned().collect()
        };
        until("there is one", || Some(silences()).filter(|s| s.len() == 1));
        let exclude = |arguments: &[&str]| {
            let done =
                Command::new(ASSURED).arg("exclude").args(arguments).arg("--config").arg(daemon.config()).output();
            let done = done.expect("it runs");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        let (begin, end) = (at(600), at(1_200));
        let proposed =
            ["propose", "--service", "s-well", "--from", &begin, "--to", &end, "--by", "a", "--why", "power"];
        exclude(&proposed);
        exclude(&["agree", "X-1", "--by", "b", "--why", "true"]);
        // A restart makes no second one of what is there, and reads what was agreed.
        daemon.kill();
        daemon.again();
        let both = until("there are two silences", || Some(silences()).filter(|s| s.len() == 2));
        let of =
            |all: &[Value], what: &str| all.iter().find(|s| s["comment"].as_str().unwrap().contains(what)).cloned();
        let maintenance = of(&both, "CHG-77").expect("one for the window");
        assert_eq!(maintenance["createdBy"], "assured");
        assert_eq!(instant(&maintenance["endsAt"]).to_string(), to);
        assert!(of(&both, "exclusion X-1").is_some_and(|s| s["status"]["state"] == "pending"), "{both:#?}");

        // What goes down in maintenance wakes nobody.
        answers(3, false);
        is_in(daemon.page, "hall-wan", "down");

        // The window moves, and then is withdrawn.
        let later = at(7_200);
        daemon.rewrite(&window(&from, &later));
        daemon.signal(Signal::SIGHUP);
        until("the silence follows", || {
            of(&silences(), "CHG-77").filter(|s| instant(&s["endsAt"]).to_string() == later)
        });
        assert_eq!(silences().len(), 2);
        assert!(told_of(&alertmanager).is_empty(), "{:?}", told_of(&alertmanager));
        daemon.rewrite(&estate(&direct(&[alertmanager.url()])));
        daemon.signal(Signal::SIGHUP);
        until("the silence goes", || (silences().len() == 1).then_some(()));
        until("and the outage is told", || (!notifications(&sink).is_empty()).then_some(()));
    });
}

/// The alerts that an Alertmanager knows.
fn told_of(alertmanager: &Alertmanager) -> Vec<String> {
    let all = alertmanager.get("/api/v2/alerts");
    all.as_array().unwrap().iter().map(|a| a["labels"]["alertname"].to_string()).collect()
}

fn openssl(dir: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().expect("openssl is there");
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn over_tls_with_a_password_alerts_arrive_and_the_password_is_nowhere_to_be_seen() {
    // A password whose bcrypt hash is a published test vector (crypt_blowfish).
    const PASSWORD: &str = "U*U*";
    const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK";
    apart(|| {
        stage();
        let dir = tempfile::tempdir().unwrap();
        let address = free_address();
        openssl(
            dir.path(),
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 \
                 -subj /CN=alertmanager -addext subjectAltName=IP:{} -addext basicConstraints=critical,CA:FALSE",
                address.ip()
            ),
        );
        let web = dir.path().join("web.yml");
        let text = format!(
            "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\nbasic_auth_users:\n  assured: {HASH}\n"
        );
        fs::write(&web, text).unwrap();
        fs::write(dir.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        let sink = Server::start(Mood::Fine);
        let alertmanager = Alertmanager::start(address, dir.path(), &sink, ("5s", "1s"), Some(&web));
        // Somebody who asks for the password by a redirect, or listens, must not matter: it goes to the named ones only.
        let monitor = |authority: &str| {
            format!(
                "{}\nalertmanager_user = \"assured\"\nalertmanager_password_file = \"{}\"\n{authority}",
                direct(&[alertmanager.url()]),
                dir.path().join("password").display()
            )
        };
        let named = format!("alertmanager_ca_file = \"{}\"", dir.path().join("cert.pem").display());
        let daemon = Outer::start(&estate(&monitor("")));
        let page = daemon.page;
        page.until_up(&["hall-r1", "hall-wan"]);
        answers(3, false);
        page.until("a certificate of nobody we trust is refused", |m| {
            m.sum("assured_alertmanager_send_failures_total", &[]) as u64 >= 2
        });
        assert!(notifications(&sink).is_empty());
        daemon.rewrite(&estate(&monitor(&named)));
        daemon.signal(Signal::SIGHUP);
        until("it arrives", || (!notifications(&sink).is_empty()).then_some(()));

        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("assured:{PASSWORD}"));
        let mut shown = vec![daemon.log()];
        for path in ["/", "/metrics", "/api/v1/status", "/api/v1/services", "/services/hall-data"] {
            shown.push(page.get(path).unwrap());
        }
        shown.extend(everything_below(&daemon.dir.path().join("data")));
        assert!(shown.len() > 8, "there is evidence");
        for text in &shown {
            assert!(!text.contains(PASSWORD) && !text.contains(&encoded), "{text}");
        }
        assert!(shown.iter().any(|text| text.contains("hall-wan")), "it would have been found");
    });
}

/// Every file below a folder, as text.
fn everything_below(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything_below(&path));
        } else {
            found.push(String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
        }
    }
    found
}
