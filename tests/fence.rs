//! The house rules that a compiler does not keep: imports point inward, and only named files touch the world.

use std::fs;
use std::path::{Path, PathBuf};

/// Outer layers may import inner ones and their own; never the other way round.
const LAYERS: [&[&str]; 7] = [
    &["units", "names", "clock"],
    &["config", "measurement", "sketch"],
    &["voice", "schedule", "sla"],
    &["evidence", "draw", "snapshot", "metrics", "alert"],
    &["report", "http"],
    &["daemon", "lab"],
    &["command", "cli", "main"],
];

/// File names that may touch the world; everything else is a function of its arguments.
const WORLDLY: [&str; 9] = ["driver", "store", "client", "server", "socket", "signal", "supervisor", "main", "clock"];

/// What touching the world looks like.
const WORLD: [&str; 16] = [
    "std::fs",
    "std::env::",
    "std::net::UdpSocket",
    "std::net::Tcp",
    "std::os::unix::net",
    "std::process::Command",
    "std::thread",
    "std::io::stdout",
    "println!",
    "print!(",
    "tokio::net",
    "tokio::fs",
    "tokio::process",
    "rusqlite::Connection",
    "SystemTime::now",
    "Instant::now",
];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(dir).expect("a source folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The code without line comments and without its tests, which stand last.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("readable source");
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
    text.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix("src").expect("below src");
    let first = inside.components().next().expect("a file").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|l| l.contains(&module))
}

#[test]
fn imports_point_inward() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    for path in &files {
        let module = module_of(path);
        if module == "lib" {
            continue;
        }
        let own = layer(&module).unwrap_or_else(|| panic!("{} belongs to no layer: name it in LAYERS", path.display()));
        for piece in code(path).split("crate::").skip(1) {
            let names: Vec<String> = match piece.strip_prefix('{') {
                Some(list) => {
                    list.split('}').next().unwrap_or_default().split(',').map(|n| n.trim().to_owned()).collect()
                }
                None => vec![piece.to_owned()],
            };
            for name in names {
                let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if layer(&name).is_some_and(|l| l > own) {
                    wrong.push(format!("{} (layer {own}) imports crate::{name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point outward:\n{}", wrong.join("\n"));
}

#[test]
fn only_named_files_touch_the_world() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    for path in &files {
        let stem = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let named =
            WORLDLY.contains(&stem.as_str()) || path.starts_with("src/command") || path.ends_with("config/load.rs");
        if named {
            continue;
        }
        let code = code(path);
        for pattern in WORLD.iter().filter(|p| code.contains(**p)) {
            wrong.push(format!("{} uses {pattern}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "files that touch the world without being named for it:\n{}", wrong.join("\n"));
}

#[test]
fn probes_know_nothing_of_contracts() {
    let manifest = fs::read_to_string("probes/Cargo.toml").expect("the member's manifest");
    assert!(!manifest.contains("path = \"..\""), "probes must not depend on the root package");
    let mut files = Vec::new();
    sources(Path::new("probes/src"), &mut files);
    let unsafe_files: Vec<String> =
        files.iter().filter(|p| code(p).contains("unsafe {")).map(|p| p.display().to_string()).collect();
    assert!(unsafe_files.len() <= 1, "unsafe belongs in one file, found it in {unsafe_files:?}");
}
