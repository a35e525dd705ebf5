//! The layered tree checked into a [`Config`], or every problem that it has.
//!
//! A function of its arguments: files that the configuration names are read through a closure.
//! Every section is walked to its end whatever is found, and names resolve against all that was
//! *written*, valid or not, so that one mistake makes one problem.

mod access;
mod credits;
mod maintenance;
mod monitor;
mod network;
mod profiles;
mod scalar;
mod section;
mod services;
mod terms;
mod tls;
mod tree;
mod web;

use std::path::PathBuf;

use config::Value;
use sha2::{Digest, Sha256};

use super::canonical;
use super::file::Origins;
use super::model::Config;
use super::problem::Problem;
use super::reader::{Context, Node};

/// What the configuration is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To run by it: secrets and named files must be there.
    Run,
    /// To recompute figures from an evidence pack's `config.toml`: secrets are not there and not wanted.
    Evidence,
}

/// Reads a named file (its text relative to the main file's folder), or says why not.
pub type ReadFile<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// What was loaded, and what deserves a word.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is legal but probably not meant.
    pub warnings: Vec<Problem>,
}

/// Top-level sections and keys.
const SECTIONS: [&str; 14] = [
    "monitor",
    "evidence",
    "include",
    "estate",
    "snmp",
    "classes",
    "probing",
    "contracts",
    "slas",
    "sites",
    "devices",
    "links",
    "services",
    "maintenance",
];

/// Checks everything. `base_dir` is what a relative `data_dir` is relative to.
pub fn check(
    tree: &Value,
    origins: &Origins,
    mode: Mode,
    base_dir: &std::path::Path,
    read_file: &ReadFile<'_>,
) -> Result<Loaded, Vec<Problem>> {
    let cx = Context::new(origins);
    let root = Node::root(tree);
    root.only(&cx, &SECTIONS);
    let sections = section::Sections::read(&cx, &root);

    let keep = monitor::keep(&cx, root.get("evidence"));
    let secrets = access::Secrets::new(&cx, mode, read_file);
    let monitor = monitor::monitor(&cx, root.get("monitor"), keep, base_dir, &secrets);
    let named = root.get("monitor").and_then(|n| n.get("web_config_file"));
    let web = web::web(&cx, named, base_dir, mode, read_file);
    let credentials = access::credentials(&cx, &sections.snmp, mode, read_file);
    let profiles = profiles::profiles(&cx, &root, mode, read_file);
    let classes = monitor::classes(&cx, &sections.classes);
    let contracts = terms::contracts(&cx, &sections);
    let slas = terms::slas(&cx, &sections, classes.len(), read_file);
    let sites = network::sites(&cx, &sections.sites);
    let components = network::components(&cx, &root, &sections, classes.len());
    let services = services::services(&cx, &sections, classes.len(), &contracts, &sites);
    let maintenance =
        maintenance::maintenance(&cx, &root, &sections, &contracts, &services, monitor.as_ref().map(|m| &m.time_zone));

    let complete = cx.count() == 0 && web.problems.is_empty();
    let (mut problems, mut warnings) = cx.finish();
    // They have been sorted, within a file of their own.
    problems.extend(web.problems);
    warnings.extend(web.warnings);
    let (Some(monitor), true) = (monitor, complete) else { return Err(problems) };
    let monitor = super::model::Monitor { web: web.web, ..monitor };
    // Without problems every entry was made: positions agree with those that names resolved to.
    let slas: Vec<_> = slas.into_iter().flatten().collect();
    let redacted_toml = canonical::redacted(tree, &slas);
    let hash = Sha256::digest(redacted_toml.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    let config = Config {
        monitor,
        credentials: credentials.into_iter().flatten().collect(),
        classes: classes.into_iter().flatten().collect(),
        contracts: contracts.into_iter().flatten().collect(),
        slas,
        sites: sites.into_iter().flatten().collect(),
        components: components.into_iter().flatten().collect(),
        services: services.into_iter().flatten().collect(),
        maintenance,
        profiles,
        hash,
        redacted_toml,
    };
    Ok(Loaded { config, warnings })
}

/// A path of the configuration, relative ones from the main file's folder.
fn resolve_path(base_dir: &std::path::Path, text: &str) -> PathBuf {
    base_dir.join(text)
}
