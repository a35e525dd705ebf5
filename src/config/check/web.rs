//! The file that `monitor.web_config_file` names, in the format of Prometheus' exporter toolkit.
//!
//! Every option of that format is known here: what we do not do is refused by its name and never passed over, because
//! a limit that somebody wrote down and nobody keeps is worse than none.
//! Source: exporter-toolkit `docs/web-configuration.md`.

use std::path::Path;
use std::sync::Arc;

use config::ValueKind;
use sha2::{Digest, Sha256};

use super::{Mode, ReadFile, tls};
use crate::config::file::Origins;
use crate::config::model::Secret;
use crate::config::problem::Problem;
use crate::config::reader::{Context, Node, Wanted, visible};
use crate::config::web::{User, Web};
use crate::config::yaml::read_yaml;

const SECTIONS: [&str; 4] = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
];
/// Most users; who has more wants client certificates or a proxy.
const MAX_USERS: usize = 100;
/// Longest user name and header, bytes.
const MAX_TEXT: usize = 256;
/// The dearest password: 2^14 rounds take about a second, and whoever asks makes us take it.
const MAX_COST: u32 = 14;
/// The cheapest: 2^8 rounds, a few milliseconds.
const MIN_COST: u32 = 8;

/// What was read, and what is to be said of it.
#[derive(Default)]
pub struct Read {
    pub web: Arc<Web>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

/// Reads the file that `named` names, and those that it names; without any, everything is open.
pub fn web(cx: &Context<'_>, named: Option<Node<'_>>, base_dir: &Path, mode: Mode, read_file: &ReadFile<'_>) -> Read {
    let Some(named) = named.filter(|_| mode == Mode::Run) else { return Read::default() };
    let Some(name) = named.text().filter(|t| !t.trim().is_empty()) else {
        named.misfit(cx, &Wanted::new("a path", "write web_config_file = \"web.yml\""));
        return Read::default();
    };
    let text = match read_file(name).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            named.problem(cx, "the file is not text", "give a YAML file; see docs/web-configuration.md");
            return Read::default();
        }
        Err(why) => {
            let help = "give the path from the main file's folder, and let the user that runs assured read it";
            named.problem(cx, format!("cannot read the file {}: {why}", named.shown()), help);
            return Read::default();
        }
    };
    // What it names is named from its own folder.
    let folder = Path::new(name).parent().unwrap_or(Path::new("")).to_owned();
    let beside = move |path: &str| read_file(&folder.join(path).to_string_lossy());
    let mut origins = Origins::default();
    let file = origins.add(base_dir.join(name).display().to_string());
    let (tree, problems) = read_yaml(&text, file, &origins);
    if !problems.is_empty() {
        return Read { problems, ..Read::default() };
    }
    let cx = Context::new(&origins);
    let mut sum = Sha256::new();
    sum.update(text.as_bytes());
    let web = sections(&cx, &Node::root(&tree), &beside, &mut sum);
    let (problems, warnings) = cx.finish();
    Read { web: Arc::new(Web { fingerprint: sum.finalize().into(), ..web }), problems, warnings }
}

fn sections(cx: &Context<'_>, root: &Node<'_>, read_file: &ReadFile<'_>, sum: &mut Sha256) -> Web {
    root.only(cx, &SECTIONS);
    if let Some(n) = set(root, "rate_limit") {
        let help = "remove it: one allowance for everybody would let a flood keep Prometheus out. Connections, \
                    handshakes and passwords have bounds of their own, see docs/api.md";
        n.problem(cx, "is an option of the exporter toolkit that assured does not support", help);
    }
    let tls = set(root, "tls_server_config").and_then(|n| tls::tls(cx, &n, read_file, sum));
    let users = set(root, "basic_auth_users").map(|n| users(cx, &n)).unwrap_or_default();
    let headers = set(root, "http_server_config").map(|n| http(cx, &n)).unwrap_or_default();
    if cx.count() == 0 && tls.is_none() && users.is_empty() {
        let place = cx.origins.at(0, None);
        let help = "fill in tls_server_config and basic_auth_users";
        cx.warning(place, String::new(), "it sets neither TLS nor a password", help);
    }
    if tls.is_none()
        && let Some(n) = set(root, "basic_auth_users")
    {
        if set(root, "tls_server_config").is_none() {
            let help = "add tls_server_config, unless assured listens on loopback with an encrypting proxy in front";
            n.warning(cx, "passwords cross the network readable", help);
        }
    } else if tls.is_none()
        && headers.iter().any(|(name, _)| *name == "strict-transport-security")
        && let Some(n) = root.get("http_server_config")
    {
        n.warning(cx, "Strict-Transport-Security means nothing without TLS", "add tls_server_config, or remove it");
    }
    Web { users, tls, headers, fingerprint: [0; 32] }
}

/// A child that says something: the toolkit takes nothing and empty text for not being there.
pub fn set<'v>(n: &Node<'v>, key: &str) -> Option<Node<'v>> {
    n.get(key).filter(|n| match &n.value.kind {
        ValueKind::Nil => false,
        ValueKind::String(s) => !s.is_empty(),
        _ => true,
    })
}

/// A boolean, in all the ways that YAML 1.1 and so the toolkit knows.
pub fn boolean(n: &Node<'_>) -> Result<bool, Wanted> {
    match n.text().map(str::to_ascii_lowercase).as_deref() {
        Some("true" | "yes" | "on" | "y") => Ok(true),
        Some("false" | "no" | "off" | "n") => Ok(false),
        _ => Err(Wanted::new("true or false", "write true or false")),
    }
}

fn users(cx: &Context<'_>, n: &Node<'_>) -> Vec<User> {
    if !n.expect_table(cx, "write a line NAME: BCRYPT-HASH for each") {
        return Vec::new();
    }
    let entries = n.entries();
    if entries.len() > MAX_USERS {
        n.problem(
            cx,
            format!("there are more than {MAX_USERS} users"),
            "for so many use client certificates, or a proxy that knows them",
        );
        return Vec::new();
    }
    entries.into_iter().filter_map(|(name, n)| user(cx, name, &n)).collect()
}

/// Never shows what stands there: it may be the password itself.
fn user(cx: &Context<'_>, name: &str, n: &Node<'_>) -> Option<User> {
    const MAKE: &str = "make one with: htpasswd -nBC 10 NAME";
    if name.is_empty() || name.len() > MAX_TEXT || name.contains(':') || name.chars().any(char::is_control) {
        let help = format!("give 1 to {MAX_TEXT} characters without a colon: basic authentication ends the name there");
        n.problem(cx, format!("\"{}\" is not a user name", visible(name)), help);
    }
    let Some(hash) = n.text().filter(|t| t.parse::<bcrypt::HashParts>().is_ok()) else {
        n.problem(cx, "is not a hash by bcrypt (not shown)", format!("{MAKE}; it begins with $2y$, $2b$ or $2a$"));
        return None;
    };
    let cost = hash.parse::<bcrypt::HashParts>().map_or(0, |parts| parts.get_cost());
    if !(MIN_COST..=MAX_COST).contains(&cost) {
        let found = format!("a cost of {cost} is not from {MIN_COST} to {MAX_COST}");
        n.problem(
            cx,
            found,
            format!("10 takes some 70 ms for each password, and twice as long with every step; {MAKE}"),
        );
    }
    Some(User { name: name.to_owned(), hash: Secret::new(hash) })
}

fn http(cx: &Context<'_>, n: &Node<'_>) -> Vec<(&'static str, String)> {
    if !n.expect_table(cx, "write http2: and headers: below it") {
        return Vec::new();
    }
    n.only(cx, &["http2", "headers"]);
    if let (Some(true), Some(n)) = (set(n, "http2").and_then(|_| n.opt(cx, "http2", boolean)), n.get("http2")) {
        n.warning(cx, "HTTP/2 is not spoken here, every client gets HTTP/1.1", "remove it, or write http2: false");
    }
    let Some(n) = set(n, "headers") else { return Vec::new() };
    if !n.expect_table(cx, "write a line NAME: VALUE for each") {
        return Vec::new();
    }
    n.only(cx, &HEADERS);
    HEADERS.iter().filter_map(|name| header(cx, &set(&n, name)?, name)).collect()
}

fn header(cx: &Context<'_>, n: &Node<'_>, name: &str) -> Option<(&'static str, String)> {
    let help = format!("give 1 to {MAX_TEXT} visible characters");
    let fits = |t: &&str| t.len() <= MAX_TEXT && t.bytes().all(|b| (0x20..0x7f).contains(&b));
    let Some(value) = n.text().filter(fits) else {
        n.misfit(cx, &Wanted::new("a header's value", help));
        return None;
    };
    let (wanted, why) = match name {
        "X-XSS-Protection" => return Some(("x-xss-protection", value.to_owned())),
        "Strict-Transport-Security" => return Some(("strict-transport-security", value.to_owned())),
        "X-Content-Type-Options" => ("nosniff", "every answer says nosniff anyway: write that, or remove it"),
        "X-Frame-Options" => ("deny", "no page of assured may be framed: write deny, or remove it"),
        _ => ("", "remove it: every page has a stricter policy of its own, made for what is on it"),
    };
    if !value.eq_ignore_ascii_case(wanted) {
        n.problem(cx, format!("{} cannot be set here", n.shown()), why);
    }
    None
}
