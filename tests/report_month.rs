//! A month of history comes in, a pack goes out, and its figures are those of an independent implementation.
//!
//! `tests/oracle/generate.py` makes a random month, `tests/oracle/oracle.py` accounts for it second by second from
//! the rules alone; `assured import`, `report` and `verify` do the same work through the real store and pack.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn assured(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_assured"))
        .args(args)
        .current_dir(folder)
        .env("ASSURED_LOG", "warn")
        .output()
        .expect("the binary runs")
}

fn python(script: &str, args: &[&str]) -> Vec<u8> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(script);
    let out = Command::new("python3").arg(script).args(args).output();
    let out = out.expect("python3 (3.11 or newer) is needed: apt-get install python3");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn ok(out: Output) -> String {
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{:?}\n{said}{}", out.status, String::from_utf8_lossy(&out.stderr));
    said
}

/// A month made, imported and reported: the folder, and the pack in it.
fn month(components: usize, seed: u32, month: &str, how: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    let (components, seed) = (components.to_string(), seed.to_string());
    python("generate.py", &[&[&components, path, &seed, month], how].concat());
    ok(assured(folder.path(), &["import", "rounds.csv", "--config", "assured.toml"]));
    ok(assured(
        folder.path(),
        &["report", "--contract", "c", "--month", month, "--config", "assured.toml", "--out", "out"],
    ));
    let pack = folder.path().join("out").join(format!("evidence-c-{month}"));
    (folder, pack)
}

fn report(pack: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(pack.join("report.json")).expect("report.json")).expect("JSON")
}

fn millis(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.strip_suffix("ms")?.parse().ok()).expect("milliseconds")
}

/// Compares everything that both say of every service; how many objectives were only known between bounds, and of how
/// many of those the verdict was known all the same.
fn agree(folder: &Path, pack: &Path, month: &str) -> (usize, usize) {
    let (mut bounded, mut decided) = (0, 0);
    let text = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let said = python("oracle.py", &[&text("assured.toml"), &text("rounds.csv"), &text("exclusions.json"), month]);
    let oracle: Value = serde_json::from_slice(&said).expect("the oracle prints JSON");
    let ours = report(pack);
    let services = ours["services"].as_array().expect("services");
    assert!(!services.is_empty());
    for service in services {
        let id = &service["id"];
        let theirs = oracle["services"].as_array().expect("services").iter().find(|s| s["id"] == *id);
        let theirs = theirs.unwrap_or_else(|| panic!("the oracle has no {id}"));
        for key in ["seconds", "availability", "lower", "upper", "coverage", "verdict"] {
            // Where nothing is known there is no availability; the report's percentages are strings all the same.
            let nothing = Value::from("0.0000");
            let expected = if theirs[key].is_null() { &nothing } else { &theirs[key] };
            assert_eq!(service[key], *expected, "{key} of {id}");
        }
        let outages = |of: &Value| -> Vec<(String, String, u64)> {
            let text = |o: &Value, key: &str| o[key].as_str().unwrap_or_default().to_owned();
            let list = of["outages"].as_array().expect("outages");
            list.iter().map(|o| (text(o, "from"), text(o, "to"), o["seconds"].as_u64().unwrap_or(0))).collect()
        };
        assert_eq!(outages(service), outages(theirs), "outages of {id}");
        let objectives = service["objectives"].as_array().expect("objectives");
        for expected in theirs["objectives"].as_array().expect("objectives") {
            let same = |o: &&Value| o["class"] == expected["class"] && o["measure"] == expected["measure"];
            let ours = objectives.iter().find(same).expect("the same objective");
            let what = format!("{} {} of {id}", ours["class"], ours["measure"]);
            let (value, verdict) = (&expected["value"], &expected["verdict"]);
            let Some(between) = ours["between"].as_array() else {
                assert_eq!((&ours["value"], &ours["verdict"]), (value, verdict), "{what}");
                continue;
            };
            // Not known which of a minute's replies count: the truth is inside, and no verdict contradicts it. The
            // fastest and the slowest stand at the edges of their buckets, and are cut to whole microseconds.
            bounded += 1;
            let [best, value, worst] = [&between[0], value, &between[1]].map(millis);
            assert!(best <= value + 0.001 && value <= worst + 0.001, "{what}: {best} {value} {worst}");
            assert!(ours["verdict"] == *verdict || ours["verdict"] == "not_proven", "{what}: {ours} {expected}");
            decided += usize::from(ours["verdict"] == *verdict);
        }
    }
    (bounded, decided)
}

/// A configuration with every interval set to `interval`.
fn with_interval(text: &str, interval: &str) -> String {
    let mut parts = text.split("interval = \"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let rest = part.split_once('"').expect("a quoted interval").1;
        format!("{all}interval = \"{interval}\"{rest}")
    })
}

/// [`agree`] where every minute counts as a whole or not at all.
fn agree_exactly(folder: &Path, pack: &Path, month: &str) {
    assert_eq!(agree(folder, pack, month), (0, 0), "nothing is known between bounds only");
}

#[test]
fn a_month_of_a_hundred_components_equals_the_oracles_second_for_second() {
    let (folder, pack) = month(100, 20, "2026-10", &[]);
    agree_exactly(folder.path(), &pack, "2026-10");
}

#[test]
fn every_edge_of_the_rules_equals_the_oracles_second_for_second() {
    // A month with each clock change.
    for (seed, month_of) in [(1, "2026-03"), (2, "2026-10")] {
        let (folder, pack) = month(8, seed, month_of, &["hostile"]);
        agree_exactly(folder.path(), &pack, month_of);
        ok(assured(folder.path(), &["verify", pack.to_str().expect("UTF-8")]));

        // Reported once more when everything is probed every second: the rounds keep the intervals that they had.
        let text = std::fs::read_to_string(folder.path().join("assured.toml")).expect("a configuration");
        let every_second = with_interval(&text, "1s");
        std::fs::write(folder.path().join("later.toml"), every_second).expect("written");
        let args = ["report", "--contract", "c", "--month", month_of, "--config", "later.toml", "--out", "later"];
        ok(assured(folder.path(), &args));
        let later = folder.path().join("later").join(format!("evidence-c-{month_of}"));
        agree_exactly(folder.path(), &later, month_of);
        ok(assured(folder.path(), &["verify", later.to_str().expect("UTF-8")]));
    }
}

#[test]
fn round_trips_of_cut_minutes_are_bounded_and_no_service_changes_anothers() {
    let (mut bounded, mut decided) = (0, 0);
    for seed in [1, 2, 3] {
        let (folder, pack) = month(6, seed, "2026-05", &["dense"]);
        let (some, of_those) = agree(folder.path(), &pack, "2026-05");
        ok(assured(folder.path(), &["verify", pack.to_str().expect("UTF-8")]));
        (bounded, decided) = (bounded + some, decided + of_those);
    }
    assert!(bounded > 10 && decided > 5, "{decided} of {bounded}: the months are meant to cut minutes");
}

#[test]
fn a_short_month_with_exclusions_equals_the_oracles_and_verifies_elsewhere() {
    let (folder, pack) = month(12, 3, "2026-03", &[]);
    agree_exactly(folder.path(), &pack, "2026-03");
    let here = folder.path();

    // The same evidence gives the same bytes.
    ok(assured(
        here,
        &["report", "--contract", "c", "--month", "2026-03", "--config", "assured.toml", "--out", "again"],
    ));
    for file in ["report.json", "report.pdf", "workbook.xlsx", "journal.jsonl", "minutes.csv.zst", "manifest.sig"] {
        let read = |out: &str| std::fs::read(here.join(out).join("evidence-c-2026-03").join(file)).expect("a file");
        assert!(read("out") == read("again"), "{file} differs between two reports of the same evidence");
    }

    // Elsewhere: nothing but the pack and the public key.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let zip = elsewhere.path().join("pack.zip");
    std::fs::copy(pack.with_extension("zip"), &zip).expect("a copy");
    std::fs::copy(here.join("data/signing.pub"), elsewhere.path().join("signing.pub")).expect("a copy");
    ok(assured(elsewhere.path(), &["verify", "pack.zip", "--key", "signing.pub"]));

    // An exclusion counts once somebody else agrees, and only then.
    let before = report(&pack);
    let down = before["services"][0]["outages"][0].clone();
    let (from, to) = (down["from"].as_str().expect("a time"), down["to"].as_str().expect("a time"));
    let step = ["--why", "power", "--reference", "L-1", "--config", "assured.toml"];
    let propose = ["exclude", "propose", "--service", "v000", "--from", from, "--to", to, "--by", "provider"];
    ok(assured(here, &[&propose[..], &step[..]].concat()));
    let own = assured(here, &[&["exclude", "agree", "X-1", "--by", "provider"][..], &step[..]].concat());
    assert!(!own.status.success(), "nobody agrees to his own proposal");
    ok(assured(here, &[&["exclude", "agree", "X-1", "--by", "customer"][..], &step[..]].concat()));
    let args = ["report", "--contract", "c", "--month", "2026-03", "--config", "assured.toml", "--out", "out"];
    let revised = assured(here, &args);
    assert!(String::from_utf8_lossy(&revised.stderr).contains("revision 2 of 2026-03"), "it says what it does");
    ok(revised);
    let after = report(&pack);
    assert_eq!(after["revision"]["number"], 2);
    assert_eq!(after["revision"]["reason"], "X-1 agreed by customer: power (L-1)", "what both agreed is the reason");
    assert!(after["revision"]["changes"].as_array().is_some_and(|c| !c.is_empty()), "old and new figures are listed");
    let seconds = |r: &Value, key: &str| r["services"][0]["seconds"][key].as_u64().expect("seconds");
    let moved = down["seconds"].as_u64().expect("seconds");
    assert_eq!(seconds(&after, "excluded"), seconds(&before, "excluded") + moved);
    assert_eq!(seconds(&after, "down"), seconds(&before, "down") - moved);
    assert_eq!(after["services"][0]["without_exclusions"]["seconds"]["down"], {
        let without = &before["services"][0]["without_exclusions"]["seconds"]["down"];
        without.clone()
    });
    let excluded =
        Value::from(vec![serde_json::json!({ "services": ["v000"], "from": from, "to": to, "state": "agreed" })]);
    std::fs::write(here.join("exclusions.json"), excluded.to_string()).expect("written");
    agree_exactly(here, &pack, "2026-03");
    ok(assured(here, &["verify", "out/evidence-c-2026-03.zip"]));
}
