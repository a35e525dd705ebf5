//! The committed files, their script and Grafana's types.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Every committed dashboard with its path, in the order of their names.
pub fn dashboards() -> Vec<(PathBuf, Value)> {
    let mut paths: Vec<PathBuf> = fs::read_dir("dashboards")
        .expect("the folder")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    let read = |p: &PathBuf| serde_json::from_str(&fs::read_to_string(p).expect("readable")).expect("JSON");
    paths
        .into_iter()
        .map(|p| {
            let value = read(&p);
            (p, value)
        })
        .collect()
}

/// The panels of a dashboard that draw something.
pub fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().expect("panels").iter().filter(|p| p["type"] != "row")
}

fn make(more: &[&str], out: &Path) {
    let done =
        Command::new("python3").args(["dashboards/make", "--out"]).arg(out).args(more).output().expect("python3");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_committed_dashboards_are_what_the_script_makes() {
    let made = tempfile::tempdir().expect("a folder");
    make(&[], made.path());
    let names: Vec<_> = dashboards().into_iter().map(|(p, _)| p.file_name().expect("a name").to_owned()).collect();
    assert_eq!(names.len(), 6);
    assert_eq!(fs::read_dir(made.path()).expect("made").count(), names.len(), "nothing else is committed");
    for name in names {
        let (committed, fresh) = (fs::read(Path::new("dashboards").join(&name)), fs::read(made.path().join(&name)));
        assert!(
            committed.expect("committed") == fresh.expect("made"),
            "{} is stale: run python3 dashboards/make",
            name.display()
        );
    }
}

#[test]
fn the_address_of_the_boards_pages_can_be_chosen() {
    let made = tempfile::tempdir().expect("a folder");
    make(&["--board", "https://noc.example/assured/"], made.path());
    let text = fs::read_to_string(made.path().join("noc.json")).expect("made");
    assert!(text.contains("https://noc.example/assured\"") && !text.contains("127.0.0.1"));
}

fn validate(paths: &[PathBuf]) -> Output {
    Command::new("target/tools/jsonschema/bin/python")
        .arg("tests/dashboards/validate.py")
        .args(paths)
        .output()
        .expect("target/tools/jsonschema, which tests/run sets up")
}

#[test]
fn every_dashboard_is_right_by_grafanas_own_types() {
    let paths: Vec<PathBuf> = dashboards().into_iter().map(|(p, _)| p).collect();
    let done = validate(&paths);
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn grafanas_types_find_faults_that_are_put_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_, sound) = dashboards().remove(0);
    let at =
        |kind: &str| sound["panels"].as_array().expect("panels").iter().position(|p| p["type"] == kind).expect("one");
    let (lines, table) = (at("timeseries"), at("table"));
    let faults: [(String, Value); 6] = [
        (format!("/panels/{lines}/fieldConfig/defaults/custom/drawStyle"), "lines".into()),
        (format!("/panels/{lines}/gridPos/w"), "6".into()),
        (format!("/panels/{lines}/options/legend/displayMode"), "lots".into()),
        (format!("/panels/{table}/options/cellHeight"), "tall".into()),
        (format!("/panels/{table}/fieldConfig/defaults/thresholds/mode"), "relative".into()),
        ("/schemaVersion".into(), "new".into()),
    ];
    for (pointer, value) in faults {
        let mut broken = sound.clone();
        *broken.pointer_mut(&pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        let path = dir.path().join("broken.json");
        fs::write(&path, broken.to_string()).expect("written");
        let done = validate(&[path]);
        assert_eq!(done.status.code(), Some(1), "{pointer}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(!done.stdout.is_empty(), "{pointer}");
    }
}

#[test]
fn provisioning_names_the_folder_and_a_prometheus() {
    let sources = fs::read_to_string("dashboards/provisioning/datasources/assured.yaml").expect("readable");
    let boards = fs::read_to_string("dashboards/provisioning/dashboards/assured.yaml").expect("readable");
    for (text, wanted) in [
        (&sources, &["apiVersion: 1", "type: prometheus", "timeInterval: 15s", "url: "][..]),
        (
            &boards,
            &["apiVersion: 1", "type: file", "path: /etc/grafana/dashboards/assured", "allowUiUpdates: false"][..],
        ),
    ] {
        wanted.iter().for_each(|w| assert!(text.contains(w), "{w} is missing in\n{text}"));
        assert!(!text.contains("password") && !text.contains('\t'));
    }
}
