//! The rules that `assured rules` writes: Prometheus' own tools read and run them, and table, rules, runbooks and
//! tests agree.
//!
//! Needs `promtool` (Debian package `prometheus`, 2.42 or later) and `amtool` (`prometheus-alertmanager`) on the path.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use assured::alert::catalogue;
use assured::alert::quiet::Quiet;
use assured::alert::rules::{Rules, rules};
use assured::config::{self, Config, Mode};
use assured::lab::estate::{Addresses, COMMUNITY, COMMUNITY_FILE, demo_config};
use assured::metrics::{Format, render, table};
use assured::names::ComponentIx;
use support::estate;

const SMALLEST: &str = "deploy/examples/assured.toml";
const COUNCIL: &str = "deploy/examples/council/assured.toml";
/// What `promtool test rules` runs, on the rules of the smallest example.
const RUNS: [&str; 5] = ["states.yml", "promises.yml", "slow.yml", "monitor.yml", "texts.yml"];

fn configuration(file: &str) -> Config {
    config::load::load(Path::new(file)).unwrap_or_else(|problems| panic!("{file}: {problems:?}")).config
}

/// The configuration as if the daemon told nobody itself.
fn untold(config: Config) -> Config {
    let mut config = config;
    config.monitor.alertmanagers.clear();
    config
}

fn written(rules: &Rules) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("assured-recording.yml"), &rules.recording).expect("written");
    fs::write(dir.path().join("assured-alerts.yml"), &rules.alerts).expect("written");
    dir
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(program: &str, dir: &Path, arguments: &[&str]) -> String {
    let done = Command::new(program).current_dir(dir).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{program} of the Debian packages that tests/run installs: {error}"));
    let said = said(&done);
    assert!(done.status.success(), "{program} {arguments:?}: {said}");
    said
}

fn check(rules: &Rules, alerts: usize) {
    let dir = written(rules);
    let said = run("promtool", dir.path(), &["check", "rules", "assured-recording.yml", "assured-alerts.yml"]);
    assert!(said.contains(&format!("SUCCESS: {alerts} rules found")), "{said}");
}

#[test]
fn promtool_accepts_the_rules_of_every_example_of_the_demo_and_of_hostile_names() {
    let all = catalogue::ALL.len();
    check(&rules(&configuration(SMALLEST)), all);
    check(&rules(&untold(configuration(COUNCIL))), all);
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join(COMMUNITY_FILE), COMMUNITY).expect("written");
    let demo = demo_config("127.0.0.1:9878", dir.path(), Addresses::Lab);
    check(&rules(&config::load::parse_str(&demo, dir.path(), Mode::Run).expect("the demo is valid").config), all);
    check(&rules(&estate::hostile().config), all);
    check(&rules(&estate::empty().config), all);
}

#[test]
fn promtool_runs_every_threshold() {
    let dir = written(&rules(&configuration(SMALLEST)));
    for file in RUNS {
        fs::copy(Path::new("tests/rules").join(file), dir.path().join(file)).expect("copied");
        run("promtool", dir.path(), &["test", "rules", file]);
    }
}

#[test]
fn every_alert_is_run_by_some_test() {
    let runs = RUNS.map(|file| fs::read_to_string(Path::new("tests/rules").join(file)).expect("readable"));
    for alert in catalogue::ALL {
        assert!(runs.iter().any(|run| run.contains(alert.name)), "no test of {}", alert.name);
    }
}

#[test]
fn table_and_rules_and_runbooks_name_the_same_alerts() {
    let made = rules(&configuration(SMALLEST));
    let of_rules: Vec<&str> = made.alerts.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")).collect();
    let of_table: Vec<&str> = catalogue::ALL.iter().map(|a| a.name).collect();
    assert_eq!(of_rules, of_table);
    let index = fs::read_to_string("docs/runbooks/README.md").expect("an index of runbooks");
    for alert in catalogue::ALL {
        let page = fs::read_to_string(alert.runbook()).unwrap_or_else(|e| panic!("{}: {e}", alert.runbook()));
        assert!(page.starts_with(&format!("# {}\n", alert.name)), "{}", alert.runbook());
        let severity = format!("**{}**", alert.severity.name());
        assert!(page.contains(&severity), "{} does not say {severity}", alert.runbook());
        for part in [
            "## What it means",
            "## Look at first",
            "## Call",
            "## What it does to the promise",
            "## How it ends",
            "## False alarms",
        ] {
            assert!(page.contains(part), "{} lacks {part:?}", alert.runbook());
        }
        assert!(index.contains(&format!("]({}.md)", alert.name)), "the index lacks {}", alert.name);
    }
    let pages = fs::read_dir("docs/runbooks").expect("a folder").count();
    assert_eq!(pages, catalogue::ALL.len() + 1, "a runbook of no alert");
}

#[test]
fn rules_ask_for_series_that_exist_and_their_number_does_not_grow() {
    let made = rules(&configuration(SMALLEST));
    let known: BTreeSet<&str> = table::ALL.iter().map(|m| m.name).collect();
    let recorded: BTreeSet<&str> = made.recording.lines().filter_map(|l| l.trim().strip_prefix("- record: ")).collect();
    for text in [&made.recording, &made.alerts] {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        for word in text.split(|c: char| !is_name(c)).filter(|w| w.starts_with("assured_") || w.starts_with("assured:"))
        {
            assert!(known.contains(word) || recorded.contains(word), "{word} is no series");
        }
    }
    let of = |made: &Rules| made.recording.lines().count() + made.alerts.lines().count();
    assert_eq!(of(&rules(&estate::large(2_000).config)), of(&rules(&estate::empty().config)));
}

#[test]
fn what_hangs_on_something_down_is_quiet_and_so_is_what_only_services_in_maintenance_need() {
    let mut s = estate::council();
    let mut config = (*s.config).clone();
    let at = |id: &str| config.components.iter().position(|c| c.id.as_str() == id).expect("it is in the council");
    let (down, child, grandchild, worked_on) =
        (at("lib-hatfield-r1"), at("ch-gw1"), at("ch-gw2"), at("sch-hertford-r1"));
    config.components[child].parents = vec![ComponentIx::from(down)];
    config.components[grandchild].parents = vec![ComponentIx::from(worked_on), ComponentIx::from(child)];
    s.config = Arc::new(config);
    let quiet = Quiet::of(&s);
    let those = |of: &[bool]| of.iter().enumerate().filter(|(_, quiet)| **quiet).map(|(n, _)| n).collect::<Vec<_>>();
    assert_eq!(those(&quiet.parent_down), [child, grandchild], "the cause itself is not quiet");
    assert_eq!(those(&quiet.maintenance), [worked_on]);
    let text = String::from_utf8(render(&s, Format::Text)).expect("text");
    let series = |id: &str, reason: &str, value: u8| {
        let labels = format!("component=\"{id}\",reason=\"{reason}\"}} {value}");
        assert_eq!(text.matches(&labels).count(), 1, "{labels}");
    };
    series("ch-gw2", "parent_down", 1);
    series("ch-gw2", "maintenance", 0);
    series("sch-hertford-r1", "maintenance", 1);
    series("lib-hatfield-r1", "parent_down", 0);
}

#[test]
fn nothing_that_people_named_is_in_the_rules() {
    let mut hostile = (*estate::hostile().config).clone();
    hostile.monitor.vantage = "here".into();
    let made = rules(&hostile);
    for text in [&made.recording, &made.alerts] {
        assert!(!text.contains("<script") && !text.contains("7*7"), "{text}");
    }
    // The vantage is in selectors, and nowhere else.
    let made = rules(&estate::hostile().config);
    let with: Vec<&str> = made.alerts.lines().filter(|line| line.contains("7*7")).collect();
    assert!(!with.is_empty() && with.iter().all(|line| line.contains(r#"{vantage="\"><script>"#)), "{with:#?}");
}

#[test]
fn when_the_daemon_tells_itself_only_its_absence_is_left_to_prometheus() {
    let dir = tempfile::tempdir().expect("a folder");
    let told = Command::new(env!("CARGO_BIN_EXE_assured"))
        .args(["rules", "--config", COUNCIL, "--out"])
        .arg(dir.path())
        .output()
        .expect("it runs");
    assert!(told.status.success(), "{}", said(&told));
    assert!(String::from_utf8_lossy(&told.stderr).contains("monitor.alertmanagers is set"), "{}", said(&told));
    let alerts = fs::read_to_string(dir.path().join("assured-alerts.yml")).expect("written");
    let names: Vec<&str> = alerts.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(names, ["AssuredMonitorGone"]);
    assert!(alerts.lines().take(3).any(|line| line.contains("monitor.alertmanagers is set")), "{alerts}");
    assert!(fs::read_to_string(dir.path().join("assured-recording.yml")).expect("written").contains("- record:"));
    let files = fs::read_dir(dir.path()).expect("a folder").count();
    assert_eq!(files, 2, "nothing is left behind");

    let shown =
        Command::new(env!("CARGO_BIN_EXE_assured")).args(["rules", "--config", SMALLEST]).output().expect("it runs");
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.status.success() && shown.stderr.is_empty(), "{}", said(&shown));
    assert_eq!(text.matches("- alert: ").count(), catalogue::ALL.len());
    let none =
        Command::new(env!("CARGO_BIN_EXE_assured")).args(["rules", "--config", "none.toml"]).output().expect("it runs");
    assert_eq!(none.status.code(), Some(78), "{}", said(&none));
}

#[test]
fn the_shipped_prometheus_and_alertmanager_are_valid_and_keep_quiet_what_follows() {
    let here = Path::new(".");
    run("promtool", here, &["check", "config", "deploy/prometheus/prometheus.yml"]);
    run("amtool", here, &["check-config", "deploy/alertmanager/alertmanager.yml"]);
    let route = |labels: &[&str]| {
        let mut arguments = vec![
            "config",
            "routes",
            "test",
            "--config.file=deploy/alertmanager/alertmanager.yml",
            "--verify.receivers=operators",
        ];
        arguments.extend(labels);
        run("amtool", here, &arguments);
    };
    for alert in catalogue::ALL {
        let (name, severity) = (format!("alertname={}", alert.name), format!("severity={}", alert.severity.name()));
        route(&[&name, &severity]);
    }
    // Every alert that it names exists.
    let text = fs::read_to_string("deploy/alertmanager/alertmanager.yml").expect("readable");
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| w.starts_with("Assured") && w.len() > 7) {
        assert!(catalogue::named(word).is_some(), "{word} is no alert");
    }
}
