//! `[snmp.X]`: who may read a device. Secrets come from files or the environment only.

use super::section::{Section, has};
use super::{Mode, ReadFile, scalar};
use crate::config::model::{AuthProtocol, Credential, PrivProtocol, Secret, SnmpAccess};
use crate::config::reader::{Context, Node};
use crate::names::Id;

const KEYS: [&str; 9] = [
    "version",
    "user",
    "auth",
    "auth_password_file",
    "priv",
    "priv_password_file",
    "community_file",
    "community",
    "auth_password",
];

/// Longest secret, in bytes.
const MAX_SECRET: usize = 4096;
/// Shortest password of SNMPv3 (RFC 3414 §11.2).
const MIN_PASSWORD: usize = 8;

const AUTH: [(&str, AuthProtocol); 6] = [
    ("MD5", AuthProtocol::Md5),
    ("SHA-1", AuthProtocol::Sha1),
    ("SHA-224", AuthProtocol::Sha224),
    ("SHA-256", AuthProtocol::Sha256),
    ("SHA-384", AuthProtocol::Sha384),
    ("SHA-512", AuthProtocol::Sha512),
];

const PRIV: [(&str, PrivProtocol); 4] = [
    ("DES", PrivProtocol::Des),
    ("AES-128", PrivProtocol::Aes128),
    ("AES-192", PrivProtocol::Aes192),
    ("AES-256", PrivProtocol::Aes256),
];

#[derive(Clone, Copy, PartialEq)]
enum Version {
    V1,
    V2c,
    V3,
}

/// `[snmp.X]`.
pub fn credentials(
    cx: &Context<'_>,
    section: &Section<'_>,
    mode: Mode,
    read_file: &ReadFile<'_>,
) -> Vec<Option<Credential>> {
    let reader = Secrets::new(cx, mode, read_file);
    section.entries.iter().map(|(id, n)| credential(&reader, id, n)).collect()
}

fn credential(secrets: &Secrets<'_>, id: &str, n: &Node<'_>) -> Option<Credential> {
    let cx = secrets.cx;
    let mut known = KEYS.to_vec();
    known.push("priv_password");
    n.only(cx, &known);
    let versions = [("1", Version::V1), ("2c", Version::V2c), ("3", Version::V3)];
    let version = n.req(cx, "version", "write version = \"1\", \"2c\" or \"3\"", |n| scalar::choice(n, &versions))?;
    let strangers: &[&str] = match version {
        Version::V3 => &["community", "community_file"],
        _ => &["user", "auth", "auth_password", "auth_password_file", "priv", "priv_password", "priv_password_file"],
    };
    for key in strangers {
        if let Some(n) = n.get(key) {
            let help = match version {
                Version::V3 => "version 3 takes user, auth and priv; remove it or choose version \"2c\"",
                _ => "versions 1 and 2c take a community only; remove it or choose version \"3\"",
            };
            n.problem(cx, "does not belong to this version", help);
        }
    }
    let access = match version {
        Version::V1 => SnmpAccess::V1(secrets.read(n, "community", 1)?),
        Version::V2c => SnmpAccess::V2c(secrets.read(n, "community", 1)?),
        Version::V3 => v3(secrets, n)?,
    };
    Some(Credential { id: Id::new(id).ok()?, access })
}

fn v3(secrets: &Secrets<'_>, n: &Node<'_>) -> Option<SnmpAccess> {
    let cx = secrets.cx;
    let user = n.req(cx, "user", "version 3 needs a user name", scalar::text);
    let auth = n.opt(cx, "auth", |n| scalar::choice(n, &AUTH));
    let privacy = n.opt(cx, "priv", |n| scalar::choice(n, &PRIV));
    let named = |key| has(n.table(), key);
    let auth_secret = if named("auth") { Some(secrets.read(n, "auth_password", MIN_PASSWORD)) } else { None };
    let priv_secret = if named("priv") { Some(secrets.read(n, "priv_password", MIN_PASSWORD)) } else { None };
    if named("priv") && !named("auth") {
        let at = n.get("priv").unwrap_or_else(|| n.clone());
        at.problem(cx, "privacy is set without authentication", "add auth = \"SHA-256\" and auth_password_file");
    }
    for (key, needs) in [("auth_password_file", "auth"), ("priv_password_file", "priv")] {
        if let Some(n) = n.get(key).filter(|_| !named(needs)) {
            n.problem(
                cx,
                format!("a password is set without {needs}"),
                format!("say with which protocol: {needs} = \"…\""),
            );
        }
    }
    let auth = match (auth, auth_secret) {
        (Some(protocol), Some(secret)) => Some((protocol, secret?)),
        _ => None,
    };
    let privacy = match (privacy, priv_secret) {
        (Some(protocol), Some(secret)) => Some((protocol, secret?)),
        _ => None,
    };
    Some(SnmpAccess::V3 { user: user?, auth, privacy })
}

/// Reads what stands in files of its own.
pub struct Secrets<'a> {
    cx: &'a Context<'a>,
    mode: Mode,
    read_file: &'a ReadFile<'a>,
}

impl<'a> Secrets<'a> {
    /// Reads by `read_file`; for evidence nothing is read.
    pub fn new(cx: &'a Context<'a>, mode: Mode, read_file: &'a ReadFile<'a>) -> Self {
        Self { cx, mode, read_file }
    }

    /// The text of a file that is no secret; `None` when it cannot be had, or is not wanted.
    pub fn named(&self, n: &Node<'_>, key: &str) -> Option<String> {
        if self.mode == Mode::Evidence {
            return None;
        }
        let file = n.get(key)?;
        let path = scalar::text(&file).map_err(|wanted| file.misfit(self.cx, &wanted)).ok()?;
        match (self.read_file)(&path).map(String::from_utf8) {
            Ok(Ok(text)) => return Some(text),
            Ok(Err(_)) => file.problem(self.cx, "the file is not text", "give a file in PEM format"),
            Err(why) => {
                let help = "give the path from the main file's folder, and let the user that runs assured read it";
                file.problem(self.cx, format!("cannot read the file {}: {why}", file.shown()), help);
            }
        }
        None
    }

    /// A secret from `KEY_file` or from the environment's `KEY`; never from a file of the configuration itself.
    pub fn read(&self, n: &Node<'_>, key: &str, min: usize) -> Option<Secret> {
        if self.mode == Mode::Evidence {
            return Some(Secret::new(""));
        }
        let cx = self.cx;
        let file_key = format!("{key}_file");
        if let Some(inline) = n.get(key) {
            if !cx.origins.is_environment(inline.value) {
                let help = format!(
                    "put it into a file of its own and name that with {file_key}, or set it in the environment"
                );
                inline.problem(cx, "a secret stands in the configuration itself", help);
                return None;
            }
            return self.fits(&inline, inline.text().unwrap_or_default(), min);
        }
        let Some(file) = n.get(&file_key) else {
            let help =
                format!("name the file that holds it: {file_key} = \"secrets/…\", or set {key} in the environment");
            cx.problem(n.place(cx), n.missing(&file_key), "is missing", help);
            return None;
        };
        let path = match scalar::text(&file) {
            Ok(path) => path,
            Err(wanted) => {
                file.misfit(cx, &wanted);
                return None;
            }
        };
        match (self.read_file)(&path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.fits(&file, text.trim_end_matches(['\r', '\n']), min),
                Err(_) => {
                    file.problem(cx, "the secret file is not text", "write the secret as one line of UTF-8");
                    None
                }
            },
            Err(why) => {
                let help = "give the path from the main file's folder, and let the user that runs assured read it";
                file.problem(cx, format!("cannot read the secret file {}: {why}", file.shown()), help);
                None
            }
        }
    }

    fn fits(&self, n: &Node<'_>, secret: &str, min: usize) -> Option<Secret> {
        let found = if secret.trim().is_empty() {
            "the secret is empty".to_owned()
        } else if secret.len() < min {
            format!("the password has fewer than the {min} characters that SNMPv3 requires")
        } else if secret.len() > MAX_SECRET {
            format!("the secret is longer than {MAX_SECRET} bytes")
        } else if secret.contains(char::is_control) {
            "the secret has line breaks or control characters inside".to_owned()
        } else {
            return Some(Secret::new(secret));
        };
        n.problem(self.cx, found, "write the secret, and nothing else, as one line");
        None
    }
}
