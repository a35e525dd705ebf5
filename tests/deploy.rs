//! What `deploy/` ships holds together: the unit, the configurations in the guide and the manifests, the Debian package.

use std::fs;
use std::path::Path;
use std::process::Command;

use assured::config::{Mode, parse_str};

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with every problem when the text is no configuration that `assured run` takes without a warning.
fn takes(what: &str, text: &str) {
    match parse_str(text, Path::new("deploy/examples"), Mode::Run) {
        Ok(loaded) => {
            let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
            assert!(warnings.is_empty(), "{what}: {}", warnings.join("\n"));
        }
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{what}: {}\n{text}", problems.join("\n"));
        }
    }
}

/// The blocks of a page that are marked as this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}");
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == opening {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(block.join("\n"));
        }
    }
    found
}

#[test]
fn the_unit_is_confined_and_does_not_restart_on_what_does_not_mend_itself() {
    let unit = read("deploy/systemd/assured.service");
    let lines: Vec<&str> = unit.lines().collect();
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/assured run --config /etc/assured/assured.toml",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
        "RestartPreventExitStatus=77 78",
        "DynamicUser=yes",
        "StateDirectory=assured",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "SystemCallFilter=@system-service",
        "MemoryDenyWriteExecute=yes",
        "MemoryMax=2G",
        "WantedBy=multi-user.target",
    ] {
        assert!(lines.contains(&line), "the unit lacks {line}");
    }
    let codes = [assured::command::exit::NO_PRIVILEGE, assured::command::exit::CONFIG];
    assert_eq!(codes, [77, 78], "the unit names these");
}

#[test]
fn without_the_sysctl_the_capability_is_there_to_have() {
    let sysctl = read("deploy/systemd/sysctl.d/60-assured.conf");
    assert!(sysctl.lines().any(|line| line == "net.ipv4.ping_group_range = 0 2147483647"));
    let raw = read("deploy/systemd/assured.service.d/net-raw.conf");
    for line in ["AmbientCapabilities=CAP_NET_RAW", "CapabilityBoundingSet=CAP_NET_RAW", "PrivateUsers=no"] {
        assert!(raw.lines().any(|found| found == line), "the drop-in lacks {line}");
    }
}

#[test]
fn every_configuration_in_the_guide_is_taken() {
    let found = blocks(&read("docs/deploy.md"), "toml");
    assert!(!found.is_empty(), "the guide has a configuration");
    for text in &found {
        takes("docs/deploy.md", text);
    }
}

#[test]
fn the_packaged_configuration_is_the_one_that_the_guide_shows() {
    let packaged = read("deploy/debian/assured.toml");
    takes("deploy/debian/assured.toml", &packaged);
    let without_comments: Vec<&str> = packaged.lines().filter(|line| !line.starts_with('#')).collect();
    let shown = blocks(&read("docs/deploy.md"), "toml");
    assert_eq!(shown.first().map(String::as_str), Some(without_comments.join("\n").as_str()));
}

#[test]
fn the_configuration_in_the_manifests_is_taken() {
    let manifest = read("deploy/kubernetes/configmap.yaml");
    let (_, text) = manifest.split_once("  assured.toml: |\n").expect("the map has an assured.toml");
    let text: Vec<&str> = text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    takes("deploy/kubernetes/configmap.yaml", &text.join("\n"));
}

#[test]
fn the_image_is_built_with_the_version_that_the_package_asks_for() {
    let manifest = read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).expect("a rust-version");
    let version = version.trim_end_matches('"');
    let file = read("deploy/container/Containerfile");
    assert!(file.contains(&format!("docker.io/library/rust:{version}.")), "the Containerfile builds with {version}");
    assert!(file.lines().any(|line| line == "USER 65532:65532"), "nobody is root in it");
}

fn package(binary: &Path, folder: &Path) -> Vec<u8> {
    let made = Command::new("deploy/debian/build")
        .args([binary, folder])
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .expect("the script runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let path = String::from_utf8(made.stdout).expect("a path");
    fs::read(path.trim_end()).expect("the package")
}

#[test]
fn the_debian_package_has_everything_and_is_the_same_twice() {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        // Every Debian has it, and so has whatever CI runs on; elsewhere there is nothing to make a package with.
        assert!(std::env::var_os("CI").is_none(), "dpkg-deb is missing");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let binary = dir.path().join("assured");
    fs::write(&binary, "#!/bin/sh\n# linked against GLIBC_2.17 and GLIBC_2.34\n").expect("a stand-in for the binary");
    let first = package(&binary, &dir.path().join("one"));
    let second = package(&binary, &dir.path().join("two"));
    assert!(first == second, "the same input gives the same bytes");

    let file = dir.path().join("assured.deb");
    fs::write(&file, &first).expect("written");
    let ask = |what: &str| {
        let said = Command::new("dpkg-deb").arg(what).arg(&file).output().expect("dpkg-deb runs");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).expect("text")
    };
    let fields = ask("--field");
    assert!(fields.contains(&format!("Version: {}\n", env!("CARGO_PKG_VERSION"))), "{fields}");
    assert!(fields.contains("Depends: libc6 (>= 2.34), libgcc-s1\n"), "{fields}");
    let contents = ask("--contents");
    for path in [
        "./usr/bin/assured",
        "./usr/lib/systemd/system/assured.service",
        "./usr/lib/sysctl.d/60-assured.conf",
        "./etc/assured/assured.toml",
        "./usr/share/doc/assured/copyright",
        "./usr/share/doc/assured/changelog.gz",
        "./usr/share/doc/assured/docs/deploy.md",
        "./usr/share/doc/assured/examples/prometheus/prometheus.yml",
        "./usr/share/doc/assured/examples/alertmanager/alertmanager.yml",
        "./usr/share/assured/dashboards/noc.json",
    ] {
        assert!(contents.lines().any(|line| line.ends_with(&format!(" {path}"))), "{path} is missing:\n{contents}");
    }
    assert!(contents.lines().all(|line| line.contains(" root/root ")), "{contents}");
    let conffiles = Command::new("dpkg-deb").arg("--info").arg(&file).arg("conffiles").output().expect("dpkg-deb runs");
    assert_eq!(String::from_utf8_lossy(&conffiles.stdout), "/etc/assured/assured.toml\n");
}
