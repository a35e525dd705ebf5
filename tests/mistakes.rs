//! What the commands say of a user's mistake: what was found and what would do, on one line or two, and never a trace. Probing needs root or
//! leave to open ICMP sockets.

use std::fs;
use std::process::Command;

const CONTRACT: &str =
    "[contracts.wan]\ntitle = \"W\"\nprovider = \"P\"\ncustomer = \"C\"\nstarts = 2026-01-01\nends = 2027-01-01\n";

/// What a command says on standard error with a configuration of those sections, without the program's name, and its exit code.
fn told(sections: &str, arguments: &str) -> (String, Option<i32>) {
    let dir = tempfile::tempdir().expect("a folder");
    let text = format!("[monitor]\nvantage = \"x\"\ndata_dir = \"data\"\n{sections}");
    fs::write(dir.path().join("assured.toml"), text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_assured"));
    let output = command.args(arguments.split(' ')).current_dir(dir.path()).output().expect("it runs");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    let said = said.strip_prefix("assured: ").unwrap_or_else(|| panic!("{said}"));
    assert!(!said.contains("panicked"), "{said}");
    (said.trim_end().replace(&dir.path().display().to_string(), "DIR"), output.status.code())
}

#[test]
fn a_report_says_what_it_lacks() {
    let report = |sections: &str, arguments: &str| told(sections, &format!("report {arguments}"));
    for (sections, arguments, says) in [
        ("", "--contract wan --month 2026-10", "the configuration has no contract \"wan\"; it has none"),
        (CONTRACT, "--contract lan --month 2026-10", "the configuration has no contract \"lan\"; it has wan"),
        (CONTRACT, "--contract wan --month 2026-13", "\"2026-13\" is no month: write it as in 2026-10"),
        (
            CONTRACT,
            "--contract wan --month 2026-10",
            "there is no evidence in data: `assured run` and `assured import` write it, into monitor.data_dir or the folder \
             that --data-dir names",
        ),
    ] {
        assert_eq!(report(sections, arguments), (says.to_owned(), Some(1)));
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    for arguments in ["verify nope.zip", "import nope.csv"] {
        let (said, code) = told(CONTRACT, arguments);
        assert!(said.contains("No such file or directory") && said.contains("nope."), "{said}");
        assert_eq!(code, Some(1));
    }
    let (said, code) = told("", "run --config nope.toml");
    assert!(said.contains("nope.toml: cannot read this file: it does not exist"), "{said}");
    assert_eq!(code, Some(78));
}

#[test]
fn whoever_stops_reading_sees_no_trace() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("assured.toml"), "[monitor]\nvantage = \"x\"\ndata_dir = \"data\"\n").expect("written");
    fs::write(dir.path().join("wrong.toml"), "[monitor]\nvantag = \"x\"\n").expect("written");
    for (arguments, code) in [
        ("exclude list", 0),
        ("fault list", 0),
        // Half of the rules is not what somebody wants to load.
        ("rules", 1),
        ("probe 127.0.0.1 --count 1", 0),
        ("check --config wrong.toml", 78),
        ("verify nope.zip", 1),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_assured"));
        let output =
            command.args(arguments.split(' ')).current_dir(dir.path()).stdout(writer).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{arguments}: {said}");
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
    }
}

#[test]
fn a_result_that_does_not_fit_the_disk_is_no_success() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("assured.toml"), "[monitor]\nvantage = \"x\"\ndata_dir = \"data\"\n").expect("written");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = Command::new(env!("CARGO_BIN_EXE_assured"));
    let output = command.args(["exclude", "list"]).current_dir(dir.path()).stdout(full).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim_end(), "assured: cannot write the result: No space left on device (os error 28)");
    assert_eq!(output.status.code(), Some(1));
}
