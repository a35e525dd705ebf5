//! `assured check`: on broken configurations, one per rule, exactly the golden messages; on the shipped examples, nothing.
//!
//! `UPDATE_GOLDEN=1 cargo test --test check` writes the messages anew: then read them aloud.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use assured::command::check::check_command;
use assured::command::exit::CONFIG as BAD_CONFIG;
use assured::config::load::load_with;
use assured::config::model::{SnmpAccess, Tree};
use assured::config::{Mode, parse_str};

/// The TOML files of a folder, in order; paths relative to the package, as messages show them.
fn toml_files(dir: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|e| Path::new(dir).join(e.unwrap().file_name()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}

fn messages(path: &Path, variables: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    match load_with(path, variables) {
        Ok(loaded) => loaded.warnings.iter().for_each(|w| writeln!(text, "warning: {w}").unwrap()),
        Err(problems) => problems.iter().for_each(|p| writeln!(text, "{p}").unwrap()),
    }
    text
}

#[test]
fn every_broken_configuration_gets_its_golden_messages() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let files = toml_files("tests/check");
    assert!(files.len() >= 40, "the folder of broken configurations is there");
    let mut differing = Vec::new();
    for file in files {
        let golden = file.with_extension("txt");
        let found = messages(&file, &BTreeMap::new());
        assert!(!found.is_empty(), "{} is not broken", file.display());
        if update {
            fs::write(&golden, &found).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != found {
            differing.push(format!("{}:\n{found}", file.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn no_message_gives_a_secret_away() {
    for file in toml_files("tests/check") {
        let found = messages(&file, &BTreeMap::new());
        assert!(!found.contains("hunter2"), "{}: {found}", file.display());
    }
}

#[test]
fn the_shipped_examples_load_without_a_word() {
    let mut files = toml_files("deploy/examples");
    files.push("deploy/examples/council/assured.toml".into());
    files.extend(toml_files("deploy/examples/slas"));
    assert!(files.len() >= 5);
    for file in files {
        let found = messages(&file, &BTreeMap::new());
        assert_eq!(found, "", "{}", file.display());
        let mut out = Vec::new();
        assert_eq!(check_command(Some(file), &mut out), 0);
        assert!(out.is_empty());
    }
}

#[test]
fn a_broken_configuration_exits_with_78() {
    let mut out = Vec::new();
    assert_eq!(check_command(Some("tests/check/unknown-keys.toml".into()), &mut out), BAD_CONFIG);
    assert_eq!(String::from_utf8(out).unwrap(), fs::read_to_string("tests/check/unknown-keys.txt").unwrap());
    let mut out = Vec::new();
    assert_eq!(check_command(Some("tests/check/there-is-no-such-file.toml".into()), &mut out), BAD_CONFIG);
}

#[test]
fn the_evidence_text_loads_again_without_files_and_keeps_its_hash() {
    let config = load_with(Path::new("deploy/examples/council/assured.toml"), &BTreeMap::new()).unwrap().config;
    let text = &config.redacted_toml;
    for secret in ["password_file", "community_file", "example-only", "include", "estate ="] {
        assert!(!text.contains(secret), "{secret}");
    }
    let again = parse_str(text, Path::new("/nonexistent"), Mode::Evidence).unwrap().config;
    assert_eq!(&again.redacted_toml, text);
    assert_eq!(again.hash, config.hash);
    assert_eq!(again.slas.len(), config.slas.len());
    assert!(
        again.slas.iter().zip(&config.slas).all(|(a, b)| a.service_hours == b.service_hours && a.credits == b.credits)
    );
    assert_eq!(again.maintenance, config.maintenance);
}

#[test]
fn profiles_come_from_files_folders_and_patterns_and_a_packs_configuration_needs_none_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let profile = |name: &str| {
        format!(
            "name = \"{name}\"\ntitle = \"T\"\nincludes = [\"generic\"]\nmatch = {{ object_id = [\"1.3.6.1.4.1.99999.{}\"] }}\n",
            name.len()
        )
    };
    for folder in ["profiles.d", "more"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for (file, name) in [
        ("profiles.d/a.toml", "one"),
        ("profiles.d/b.toml", "three"),
        ("more/x-1.toml", "x"),
        ("alone", "alone"),
        ("profiles.d/not-read.txt", "not-read"),
        ("more/y-1.toml", "not-matched"),
        // One with the name of an embedded one takes its place.
        ("more/x-2.toml", "ups"),
    ] {
        fs::write(dir.path().join(file), profile(name)).unwrap();
    }
    let base = fs::read_to_string("tests/check/base/base.toml").unwrap();
    let load = |profiles: &str| {
        let variables = BTreeMap::from([("ASSURED__MONITOR__PROFILES".to_owned(), profiles.to_owned())]);
        let path = dir.path().join("assured.toml");
        fs::write(&path, &base).unwrap();
        load_with(&path, &variables)
    };
    for (profiles, there, absent) in [
        ("profiles.d", vec!["one", "three"], vec!["x", "alone", "not-read"]),
        ("[\"profiles.d/\", \"alone\", \"more/x-*\"]", vec!["one", "three", "x", "alone"], vec!["not-matched"]),
        ("alone", vec!["alone"], vec!["one"]),
    ] {
        let config = load(profiles).unwrap_or_else(|problems| panic!("{profiles}: {problems:?}")).config;
        let known: Vec<&str> = config.profiles.names().collect();
        assert!(there.iter().all(|name| known.contains(name)), "{profiles}: {known:?}");
        assert!(!absent.iter().any(|name| known.contains(name)), "{profiles}: {known:?}");
        assert!(known.contains(&"cisco-ios"), "the embedded ones are there, too");
        parse_str(&config.redacted_toml, Path::new("/nonexistent"), Mode::Evidence).expect("without any of the files");
    }
    let ours = load("more/x-2*").unwrap().config;
    assert_eq!(&*ours.profiles.get("ups").unwrap().title, "T");
    let problems = load("[\"nowhere/*.toml\", \"no-such-file\", true]").unwrap_err();
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        ["cannot list", "cannot be read", "not the name of a file"].iter().all(|w| found.iter().any(|f| f.contains(w)))
    );
}

#[test]
fn the_order_of_keys_and_files_does_not_change_the_hash() {
    let base = fs::read_to_string("tests/check/base/base.toml").unwrap();
    let mut sections: Vec<&str> = base.split("\n\n").collect();
    let one = parse_str(&sections.join("\n\n"), Path::new(""), Mode::Run).unwrap().config;
    sections.reverse();
    let other = parse_str(&sections.join("\n\n"), Path::new(""), Mode::Run).unwrap().config;
    assert_eq!(one.hash, other.hash);
    assert_eq!(one.hash.len(), 64);
}

#[test]
fn the_environment_overrides_files_and_may_carry_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let base = fs::read_to_string("tests/check/base/base.toml").unwrap();
    let path = dir.path().join("assured.toml");
    fs::write(&path, format!("{base}\n[snmp.read-only]\nversion = \"2c\"\n")).unwrap();
    assert!(load_with(&path, &BTreeMap::new()).is_err());
    let variables = [
        ("ASSURED__SNMP__READ_ONLY__COMMUNITY", "12345"),
        ("ASSURED__MONITOR__VANTAGE", "elsewhere"),
        ("ASSURED__PROBING__DOWN_AFTER", "5"),
        ("ASSURED__DEVICES__R1__ADDRESS", "192.0.2.77"),
    ];
    let variables = variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let config = load_with(&path, &variables).unwrap().config;
    assert_eq!(config.monitor.vantage, "elsewhere");
    assert_eq!(config.components[0].hysteresis.down_after, 5);
    assert_eq!(config.components[0].address.as_ref().unwrap().to_string(), "192.0.2.77");
    assert!(matches!(&config.credentials[0].access, SnmpAccess::V2c(s) if s.reveal() == "12345"));
    assert!(!config.redacted_toml.contains("12345"));
}

#[test]
fn a_mistake_in_the_environment_is_reported_under_its_variable() {
    let variables = [("ASSURED__PROBING__DOWN_AFTER".to_owned(), "often".to_owned())].into();
    let found = messages(Path::new("tests/check/base/base.toml"), &variables);
    assert!(
        found.starts_with("environment ASSURED__PROBING__DOWN_AFTER: probing.down_after: \"often\" is not"),
        "{found}"
    );
}

#[test]
fn an_override_keeps_what_it_does_not_name() {
    let base = fs::read_to_string("tests/check/base/base.toml").unwrap();
    let text = base.replace(
        "address = \"192.0.2.1\"",
        "address = \"192.0.2.1\"\nprobing = { icmp = { interval = \"10s\" }, up_after = 7 }",
    );
    let config = parse_str(&text, Path::new(""), Mode::Run).unwrap().config;
    let icmp = config.components[0].icmp.clone().unwrap();
    assert_eq!((icmp.interval.as_secs(), icmp.timeout.as_secs(), icmp.size), (10, 1, 64));
    assert_eq!((config.components[0].hysteresis.down_after, config.components[0].hysteresis.up_after), (3, 7));
}

#[test]
fn services_behind_services_are_followed() {
    let base = fs::read_to_string("tests/check/base/base.toml").unwrap();
    let text = format!(
        "{base}\n[services.all]\nsite = \"hall\"\ncontract = \"c\"\nsla = \"s\"\nrequires = {{ all = [\"data\"] }}\n"
    );
    let config = parse_str(&text, Path::new(""), Mode::Run).unwrap().config;
    let all = &config.services[config.service("all").unwrap().get()];
    assert!(matches!(&all.requires, Tree::AtLeast { k: 1, of } if matches!(&of[0], Tree::Service(..))));
    assert_eq!(all.requires.components().len(), 1);
}

#[test]
fn estates_from_csv_and_netbox_are_the_same_as_sections() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let base = fs::read_to_string("tests/check/base/base.toml").unwrap();
    put("assured.toml", &format!("estate = [\"*.csv\", \"netbox.json\"]\n{base}"));
    put(
        "devices.csv",
        "id,site,kind,address,parents,snmp_port\nr2,hall,router,192.0.2.2,r1,1161\nr3,hall,router,192.0.2.3,r1;r2,\n",
    );
    put(
        "rest.csv",
        "table,id,site,device,far_address,contract,sla,requires\nlinks,l2,,r2,192.0.2.200,,,\nservices,v2,hall,,,c,s,\"r1 & 2 of (r2, r3, l2)\"\n",
    );
    put(
        "netbox.json",
        r#"{"results":[{"name":"SW 9","site":{"slug":"annex","name":"Annex"},"role":{"slug":"core-router"},
            "primary_ip":{"address":"192.0.2.9/24"},"status":{"value":"active"}},
            {"name":"old","status":{"value":"offline"}}]}"#,
    );
    let config = load_with(&dir.path().join("assured.toml"), &BTreeMap::new())
        .unwrap_or_else(|p| panic!("{}", p.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
        .config;
    let ids: Vec<&str> = config.components.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["l2", "r1", "r2", "r3", "sw-9"]);
    assert_eq!(config.components[3].parents.len(), 2);
    let service = &config.services[config.service("v2").unwrap().get()];
    assert_eq!(service.requires.components().len(), 4);
}

#[test]
fn a_large_estate_loads_whole() {
    let mut csv = String::from("id,site,kind,address,parents\n");
    for n in 0..5_000 {
        writeln!(csv, "d{n},hall,host,10.{}.{}.{},r1", n >> 16, (n >> 8) & 255, n & 255).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let base = fs::read_to_string("tests/check/base/base.toml").unwrap();
    fs::write(dir.path().join("assured.toml"), format!("estate = [\"devices.csv\"]\n{base}")).unwrap();
    fs::write(dir.path().join("devices.csv"), csv).unwrap();
    let config = load_with(&dir.path().join("assured.toml"), &BTreeMap::new()).unwrap().config;
    assert_eq!(config.components.len(), 5_001);
}
