//! Loading from the world: files, includes, environment, and this machine when there is nothing to load.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use config::{Map, Value, ValueKind};

use super::check::{Loaded, Mode, check};
use super::estate;
use super::file::{self, Layer, Origins};
use super::model::Config;
use super::problem::{Place, Problem};
use super::this_machine::configuration as machine_configuration;

/// Largest file of a configuration, in bytes.
const MAX_FILE: u64 = 256 << 20;
/// Largest secret or calendar, in bytes.
const MAX_NAMED_FILE: u64 = 2 << 20;
/// Most files that `include` and `estate` may bring in.
const MAX_FILES: usize = 10_000;

/// Where a configuration is looked for, in this order.
const PLACES: [&str; 2] = ["assured.toml", "/etc/assured/assured.toml"];

/// The configuration file that is used when none is named.
#[must_use]
pub fn find() -> Option<PathBuf> {
    PLACES.into_iter().map(PathBuf::from).find(|p| p.exists())
}

/// Loads a file with its includes, estates and the environment; every problem at once.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let variables = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("ASSURED__"))
        .collect();
    load_with(path, &variables)
}

/// Loads a file as [`load`] does, with the given variables for an environment.
pub fn load_with(path: &Path, variables: &BTreeMap<String, String>) -> Result<Loaded, Vec<Problem>> {
    let base_dir = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let mut gathered = Gathered::new(base_dir);
    gathered.main(path);
    gathered.finish(variables, Mode::Run)
}

/// Checks a text as if it stood in a file in `base_dir`; the environment has no say.
pub fn parse_str(text: &str, base_dir: &Path, mode: Mode) -> Result<Loaded, Vec<Problem>> {
    let mut gathered = Gathered::new(base_dir.to_path_buf());
    let order = gathered.origins.add("configuration");
    if mode == Mode::Run {
        gathered.main_text(text, order);
    } else {
        gathered.add_toml(text, order);
    }
    gathered.finish(&BTreeMap::new(), mode)
}

/// A configuration for `assured run` without any: this machine's gateway, resolvers and loopback.
#[must_use]
pub fn this_machine() -> Config {
    let read = |path: &str| read_bounded(Path::new(path), MAX_NAMED_FILE).unwrap_or_default();
    let text = |path: &str| String::from_utf8_lossy(&read(path)).into_owned();
    let toml =
        machine_configuration(&text("/proc/net/route"), &text("/proc/net/ipv6_route"), &text("/etc/resolv.conf"));
    match parse_str(&toml, Path::new(""), Mode::Run) {
        Ok(loaded) => loaded.config,
        Err(problems) => unreachable!("every value was checked when it was written down: {problems:?}"),
    }
}

/// Layers gathered so far.
struct Gathered {
    base_dir: PathBuf,
    origins: Origins,
    layers: Vec<Layer>,
    problems: Vec<Problem>,
}

impl Gathered {
    fn new(base_dir: PathBuf) -> Self {
        Self { base_dir, origins: Origins::default(), layers: Vec::new(), problems: Vec::new() }
    }

    fn main(&mut self, path: &Path) {
        let order = self.origins.add(path.display().to_string());
        let help = "name a file that exists with --config, and let the user that runs assured read it";
        if let Some(text) = self.read_text(path, order, help) {
            self.main_text(&text, order);
        }
    }

    /// The main file, and then whatever it names.
    fn main_text(&mut self, text: &str, order: u32) {
        self.add_toml(text, order);
        let Some(main) = self.layers.last() else { return };
        let naming = ["monitor", "include", "estate"];
        let main: Map<String, Value> =
            naming.iter().filter_map(|k| Some(((*k).to_owned(), main.table.get(*k)?.clone()))).collect();
        for (value, pattern) in self.named(&main, "include") {
            for path in self.matching(&value, &pattern, "include") {
                let order = self.origins.add(path.display().to_string());
                if let Some(text) = self.read_text(&path, order, "let the user that runs assured read it") {
                    self.add_toml(&text, order);
                }
            }
        }
        for (value, pattern) in self.named(&main, "estate") {
            for path in self.matching(&value, &pattern, "estate") {
                let order = self.origins.add(path.display().to_string());
                let Some(text) = self.read_text(&path, order, "let the user that runs assured read it") else {
                    continue;
                };
                let (mut layer, problems) = estate::read(&path, &text, order, &self.origins);
                self.problems.extend(problems);
                if path.extension().is_some_and(|e| e == "json") {
                    self.drop_known_sites(&mut layer);
                }
                self.layers.push(layer);
            }
        }
    }

    /// A device export knows its sites by name only: one that is described elsewhere is left to that.
    fn drop_known_sites(&self, layer: &mut Layer) {
        let known = |id: &String| {
            let mut sites = self.layers.iter().filter_map(|l| l.table.get("sites"));
            sites.any(|s| matches!(&s.kind, ValueKind::Table(t) if t.contains_key(id)))
        };
        if let Some(Value { kind: ValueKind::Table(sites), .. }) = layer.table.get_mut("sites") {
            sites.retain(|id, _| !known(id));
        }
    }

    fn add_toml(&mut self, text: &str, order: u32) {
        let (mut layer, problems) = file::read_toml(text, order, &self.origins);
        self.problems.extend(problems);
        if !self.layers.is_empty() {
            self.only_main_includes(&mut layer.table);
        }
        self.layers.push(layer);
    }

    /// An included file includes nothing: who reads the main file sees all there is.
    fn only_main_includes(&mut self, table: &mut Map<String, Value>) {
        let monitor = table.get_mut("monitor").and_then(|m| match &mut m.kind {
            ValueKind::Table(t) => ["include", "estate"].map(|k| t.remove_entry(k)).into(),
            _ => None,
        });
        let top = ["include", "estate"].map(|k| table.remove_entry(k));
        for (key, value) in top.into_iter().chain(monitor.into_iter().flatten()).flatten() {
            self.problems.push(Problem {
                place: self.origins.place(&value),
                key,
                found: "an included file cannot bring in others".into(),
                help: "name all files in the main file".into(),
            });
        }
    }

    /// The texts of `monitor.KEY` and of `KEY` at the top.
    fn named(&mut self, table: &Map<String, Value>, key: &str) -> Vec<(Value, String)> {
        let monitor = table.get("monitor").and_then(|m| match &m.kind {
            ValueKind::Table(t) => t.get(key),
            _ => None,
        });
        let mut texts = Vec::new();
        for value in table.get(key).into_iter().chain(monitor) {
            let items = match &value.kind {
                ValueKind::Array(items) => items.clone(),
                _ => vec![value.clone()],
            };
            for item in items {
                match &item.kind {
                    ValueKind::String(s) if !s.is_empty() => texts.push((item.clone(), s.clone())),
                    _ => self.problems.push(Problem {
                        place: self.origins.place(&item),
                        key: key.into(),
                        found: "not a list of file names".into(),
                        help: format!("write {key} = [\"estate.d/*.toml\"]"),
                    }),
                }
            }
        }
        texts
    }

    /// The files that a pattern names, in the order of their names; `*` and `?` in the last part only.
    fn matching(&mut self, value: &Value, pattern: &str, key: &str) -> Vec<PathBuf> {
        let path = self.base_dir.join(pattern);
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut fail = |found: String, help: &str| {
            self.problems.push(Problem { place: self.origins.place(value), key: key.into(), found, help: help.into() });
        };
        if !name.contains(['*', '?']) {
            if !path.is_file() {
                fail(format!("there is no file \"{}\"", path.display()), "give its path from the main file's folder");
                return Vec::new();
            }
            return vec![path];
        }
        let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) => {
                fail(
                    format!("cannot list \"{}\": {}", dir.display(), plain(&e)),
                    "give its path from the main file's folder; only the last part may have * or ?",
                );
                return Vec::new();
            }
        };
        let mut found: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .filter(|e| wildcard(name.as_bytes(), e.file_name().as_encoded_bytes()))
            .map(|e| path.with_file_name(e.file_name()))
            .take(MAX_FILES + 1)
            .collect();
        if found.len() > MAX_FILES {
            fail(format!("the pattern matches more than {MAX_FILES} files"), "put more into each file");
            found.clear();
        }
        found.sort_unstable();
        found
    }

    fn read_text(&mut self, path: &Path, order: u32, help: &str) -> Option<String> {
        let read = read_bounded(path, MAX_FILE)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()));
        match read {
            Ok(text) => Some(text),
            Err(why) => {
                self.problems.push(Problem {
                    place: self.origins.at(order, None),
                    key: String::new(),
                    found: format!("cannot read this file: {why}"),
                    help: help.into(),
                });
                None
            }
        }
    }

    /// Layers everything and checks it; what does not even parse is not checked further.
    fn finish(mut self, variables: &BTreeMap<String, String>, mode: Mode) -> Result<Loaded, Vec<Problem>> {
        let mut merged = Layer::default();
        for layer in std::mem::take(&mut self.layers) {
            self.problems.extend(file::collisions(&merged.table, &layer.table, &self.origins));
            merged.add(layer);
        }
        if !self.problems.is_empty() {
            super::problem::sort(&mut self.problems);
            return Err(self.problems);
        }
        let mut tree = Value::new(None, ValueKind::Table(merged.table));
        let environment = file::environment(variables, &tree, &mut self.origins);
        file::lay_over(&mut tree, &environment).map_err(|e| {
            vec![Problem {
                place: Place::default(),
                key: String::new(),
                found: format!("the layers do not merge: {e}"),
                help: "check the variables that begin with ASSURED__".into(),
            }]
        })?;
        if mode == Mode::Run {
            self.expand_profiles(&mut tree);
        }
        let Self { base_dir, origins, mut problems, .. } = self;
        let read_file = |name: &str| read_bounded(&base_dir.join(name), MAX_NAMED_FILE);
        let checked = check(&tree, &origins, mode, &base_dir, &read_file);
        // A large estate has millions of values, whose release nobody need wait for.
        std::thread::spawn(move || drop(tree));
        match checked {
            Ok(loaded) if problems.is_empty() => Ok(loaded),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more);
                super::problem::sort(&mut problems);
                Err(problems)
            }
        }
    }

    /// In `monitor.profiles`, folders and patterns become the files that are in them; a single text becomes a list.
    fn expand_profiles(&mut self, tree: &mut Value) {
        let ValueKind::Table(root) = &mut tree.kind else { return };
        let Some(ValueKind::Table(monitor)) = root.get_mut("monitor").map(|m| &mut m.kind) else { return };
        let Some(profiles) = monitor.get_mut("profiles") else { return };
        let items = match &profiles.kind {
            ValueKind::Array(items) => items.clone(),
            ValueKind::String(_) => vec![profiles.clone()],
            _ => return, // the check says what it should be
        };
        let mut files = Vec::new();
        for item in items {
            let ValueKind::String(text) = &item.kind else {
                files.push(item);
                continue;
            };
            let named = match self.base_dir.join(text) {
                folder if folder.is_dir() => format!("{}/*.toml", text.trim_end_matches('/')),
                _ => text.clone(),
            };
            if !named.rsplit('/').next().is_some_and(|name| name.contains(['*', '?'])) {
                files.push(item); // a file, which the check reads
                continue;
            }
            for path in self.matching(&item, &named, "monitor.profiles") {
                let name = path.strip_prefix(&self.base_dir).unwrap_or(&path).display().to_string();
                let origin = item.origin().map(str::to_owned);
                files.push(Value::new(origin.as_ref(), ValueKind::String(name)));
            }
        }
        profiles.kind = ValueKind::Array(files);
    }
}

/// A whole regular file, or why not, in a few words.
fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let file = fs::File::open(path).map_err(|e| plain(&e))?;
    if file.metadata().map_err(|e| plain(&e))?.is_dir() {
        return Err("it is a folder".into());
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(|e| plain(&e))?;
    if bytes.len() as u64 > max {
        return Err(format!("it is larger than {} MiB", max >> 20));
    }
    Ok(bytes)
}

fn plain(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => e.to_string(),
    }
}

/// Whether a file name fits a pattern with `*` (any run) and `?` (any byte); hidden files only fit a pattern with a dot.
fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_like_a_shell() {
        assert!(wildcard(b"*.toml", b"a.toml"));
        assert!(wildcard(b"a?c*", b"abcdef"));
        assert!(!wildcard(b"*.toml", b"a.toml~"));
        assert!(!wildcard(b"*.toml", b".hidden.toml"));
        assert!(wildcard(b"*a*b*", b"xxaxxbxx"));
        assert!(!wildcard(b"", b"a"));
    }

    #[test]
    fn this_machine_always_has_a_configuration() {
        let config = this_machine();
        assert!(!config.components.is_empty());
    }
}
