//! `tls_server_config` of the web configuration: made into what a handshake needs, or every reason why not.

use std::sync::Arc;

use config::ValueKind;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    Error, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, crypto::ring::ALL_CIPHER_SUITES,
};

use super::ReadFile;
use super::web::{boolean, set};
use crate::config::reader::{Context, Node, Wanted};
use crate::config::web::{Clients, Tls, not_after};

const KEYS: [&str; 13] = [
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];

/// Largest file with certificates, bytes: a chain has a few kilobytes.
const MAX_PEM: usize = 1 << 20;

type Group = &'static dyn SupportedKxGroup;
const GROUPS: [(&str, Group); 3] = [
    ("X25519", ring::kx_group::X25519),
    ("CurveP256", ring::kx_group::SECP256R1),
    ("CurveP384", ring::kx_group::SECP384R1),
];

const VERSIONS: [(&str, u8); 2] = [("TLS12", 12), ("TLS13", 13)];

/// Everything about TLS; `None` when some of it cannot be used.
pub fn tls(cx: &Context<'_>, n: &Node<'_>, read_file: &ReadFile<'_>, sum: &mut Sha256) -> Option<Tls> {
    if !n.expect_table(cx, "write cert_file: and key_file: below it") {
        return None;
    }
    n.only(cx, &KEYS);
    if let Some(n) = set(n, "client_allowed_sans") {
        let help = "remove it, and give client_ca_file an authority that signs for nobody else";
        n.problem(cx, "is an option of the exporter toolkit that assured does not support", help);
    }
    let chain = pem(cx, n, "cert", "server.crt", read_file, sum).and_then(|(n, pem)| certificates(cx, &n, &pem));
    let key = pem(cx, n, "key", "server.key", read_file, sum).and_then(|(n, pem)| key(cx, &n, &pem));
    let versions = versions(cx, n);
    let suites = suites(cx, n, versions.as_deref());
    let groups = groups(cx, n);
    let server_first = n.opt(cx, "prefer_server_cipher_suites", |n| match n.value.kind {
        ValueKind::Nil => Ok(true),
        _ => boolean(n),
    });
    let clients = clients(cx, n);
    let authorities = authorities(cx, n, clients, read_file, sum);

    let provider = Arc::new(CryptoProvider { cipher_suites: suites?, kx_groups: groups?, ..ring::default_provider() });
    let verifier = match (clients?, authorities) {
        (Clients::NotAsked, _) => None,
        (clients, Some(roots)) => Some(verifier(cx, n, clients, roots, &provider)?),
        (_, None) => return None,
    };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions?);
    let builder = match builder {
        Ok(builder) => builder,
        Err(error) => {
            n.problem(cx, format!("versions and cipher suites do not fit: {error}"), "leave out cipher_suites");
            return None;
        }
    };
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = chain?;
    let until = chain.first().and_then(|first| not_after(first));
    let mut config = match builder.with_single_cert(chain, key?) {
        Ok(config) => config,
        Err(error) => {
            pair(cx, n, &error);
            return None;
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = server_first.unwrap_or(true);
    Some(Tls { config: Arc::new(config), clients: clients?, until })
}

/// What certificate and key together lack.
fn pair(cx: &Context<'_>, n: &Node<'_>, error: &Error) {
    let either = |a, b| set(n, a).or_else(|| set(n, b)).unwrap_or_else(|| n.clone());
    match error {
        Error::InconsistentKeys(_) => either("cert_file", "cert").problem(
            cx,
            "certificate and key do not belong together",
            "the first certificate of the file has to be the server's own, and the key the one it was made for",
        ),
        Error::InvalidCertificate(_) => {
            either("cert_file", "cert").problem(cx, "the first certificate cannot be read", "give X.509 in PEM format");
        }
        _ => either("key_file", "key").problem(
            cx,
            "the key cannot be used",
            "give an RSA key of 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519, in PEM format",
        ),
    }
}

/// The PEM text that stands under `KEY` or in the file that `KEY_file` names; never shown.
fn pem<'v>(
    cx: &Context<'_>,
    n: &Node<'v>,
    key: &str,
    such_as: &str,
    read_file: &ReadFile<'_>,
    sum: &mut Sha256,
) -> Option<(Node<'v>, Vec<u8>)> {
    let file_key = format!("{key}_file");
    let (inline, file) = (set(n, key), set(n, &file_key));
    if let (Some(inline), Some(_)) = (&inline, &file) {
        inline.problem(cx, format!("both {key} and {file_key} are set"), "keep one of the two");
        return None;
    }
    let (at, bytes) = match (inline, file) {
        (Some(at), _) => match at.text() {
            Some(text) => (at.clone(), Ok(text.as_bytes().to_vec())),
            None => (at.clone(), Err("it is not text".to_owned())),
        },
        (None, Some(at)) => match at.text() {
            Some(path) => (at.clone(), read_file(path)),
            None => {
                at.misfit(cx, &Wanted::new("a path", format!("write {file_key}: {such_as}")));
                return None;
            }
        },
        (None, None) => {
            cx.problem(n.place(cx), n.missing(&file_key), "is missing", format!("write {file_key}: {such_as}"));
            return None;
        }
    };
    match bytes {
        Ok(bytes) if bytes.len() > MAX_PEM => {
            at.problem(cx, format!("is larger than {} KiB", MAX_PEM >> 10), "give a PEM file with what is needed only");
            None
        }
        Ok(bytes) => {
            sum.update(key.as_bytes());
            sum.update((bytes.len() as u64).to_be_bytes());
            sum.update(&bytes);
            Some((at, bytes))
        }
        Err(why) => {
            let help = "give its path from this file's folder, and let the user that runs assured read it";
            at.problem(cx, format!("cannot read it: {why}"), help);
            None
        }
    }
}

fn certificates(cx: &Context<'_>, n: &Node<'_>, pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if !chain.is_empty() => Some(chain),
        _ => {
            n.problem(cx, "holds no certificate in PEM format", "it has lines of -----BEGIN CERTIFICATE-----");
            None
        }
    }
}

fn key(cx: &Context<'_>, n: &Node<'_>, pem: &[u8]) -> Option<PrivateKeyDer<'static>> {
    if let Ok(key) = PrivateKeyDer::from_pem_slice(pem) {
        return Some(key);
    }
    let encrypted = pem.windows(9).any(|w| w == b"ENCRYPTED");
    if encrypted {
        n.problem(cx, "the key is encrypted", "remove its passphrase: openssl pkey -in KEY -out PLAIN, mode 0600");
    } else {
        n.problem(cx, "holds no private key in PEM format", "it has a line of -----BEGIN PRIVATE KEY-----");
    }
    None
}

fn versions(cx: &Context<'_>, n: &Node<'_>) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let version = |n: &Node<'_>| {
        if matches!(n.value.kind, ValueKind::Nil) {
            return Ok(None);
        }
        let known = VERSIONS.iter().find(|(name, _)| n.text() == Some(name));
        let old = matches!(n.text(), Some("TLS10" | "TLS11"));
        let (what, help) = if old {
            ("a version that assured speaks", "TLS 1.0 and 1.1 are broken: write TLS12 or TLS13")
        } else {
            ("a version of TLS", "write TLS12 or TLS13")
        };
        known.map(|(_, v)| Some(*v)).ok_or_else(|| Wanted::new(what, help))
    };
    let read = |key: &str, otherwise| match n.get(key) {
        Some(_) => n.opt(cx, key, version).map(|v| v.unwrap_or(otherwise)),
        None => Some(otherwise),
    };
    let (min, max) = (read("min_version", 12), read("max_version", 13));
    let (min, max) = (min?, max?);
    if min > max {
        let at = n.get("max_version").unwrap_or_else(|| n.clone());
        at.problem(cx, "max_version is below min_version", "raise the one or lower the other");
        return None;
    }
    let all = [(12, &TLS12), (13, &TLS13)];
    Some(all.into_iter().filter(|(v, _)| (min..=max).contains(v)).map(|(_, v)| v).collect())
}

/// Those that are named, and always all of TLS 1.3: as in Go, the list is about TLS 1.2 alone.
fn suites(
    cx: &Context<'_>,
    n: &Node<'_>,
    versions: Option<&[&'static SupportedProtocolVersion]>,
) -> Option<Vec<SupportedCipherSuite>> {
    let modern = ALL_CIPHER_SUITES.iter().copied().filter(|s| s.tls13().is_some());
    let Some(list) = set(n, "cipher_suites") else { return Some(ALL_CIPHER_SUITES.to_vec()) };
    let before = cx.count();
    let named = n.list(cx, "cipher_suites", suite);
    if cx.count() > before {
        return None;
    }
    let old: Vec<SupportedCipherSuite> = named.into_iter().filter(|s| s.tls13().is_none()).collect();
    let speaks_old = versions.is_some_and(|v| v.iter().any(|v| **v == TLS12));
    let nothing = matches!(&list.value.kind, ValueKind::Array(items) if items.is_empty());
    if nothing {
        return Some(ALL_CIPHER_SUITES.to_vec());
    }
    if old.is_empty() && speaks_old {
        list.problem(cx, "none of these is for TLS 1.2", "add one, or write min_version: TLS13");
        return None;
    }
    Some(modern.chain(old).collect())
}

fn suite(n: &Node<'_>) -> Result<SupportedCipherSuite, Wanted> {
    let names = |s: &SupportedCipherSuite| format!("{:?}", s.suite()).replace("TLS13_", "TLS_");
    let wanted = || {
        let known: Vec<String> = ALL_CIPHER_SUITES.iter().map(names).collect();
        Wanted::new("a cipher suite that assured speaks", format!("choose from {}", known.join(", ")))
    };
    // Go has two of these under a shorter name as well.
    let text = n.text().ok_or_else(wanted)?;
    let full = if text.ends_with("_CHACHA20_POLY1305") { format!("{text}_SHA256") } else { text.to_owned() };
    ALL_CIPHER_SUITES.iter().copied().find(|s| names(s) == full).ok_or_else(wanted)
}

fn groups(cx: &Context<'_>, n: &Node<'_>) -> Option<Vec<Group>> {
    if set(n, "curve_preferences").is_none() {
        return Some(ring::default_provider().kx_groups);
    }
    let before = cx.count();
    let named = n.list(cx, "curve_preferences", |n| {
        let known = GROUPS.iter().find(|(name, _)| n.text() == Some(name));
        known
            .map(|(_, group)| *group)
            .ok_or_else(|| Wanted::new("a curve that assured speaks", "choose from X25519, CurveP256, CurveP384"))
    });
    if cx.count() > before {
        return None;
    }
    Some(if named.is_empty() { ring::default_provider().kx_groups } else { named })
}

fn clients(cx: &Context<'_>, n: &Node<'_>) -> Option<Clients> {
    let Some(n) = set(n, "client_auth_type") else { return Some(Clients::NotAsked) };
    match n.text() {
        Some("NoClientCert") => Some(Clients::NotAsked),
        Some("VerifyClientCertIfGiven") => Some(Clients::Asked),
        Some("RequireAndVerifyClientCert") => Some(Clients::Required),
        Some("RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert") => {
            let help =
                "nobody would verify the certificate: write RequireAndVerifyClientCert or VerifyClientCertIfGiven";
            n.problem(
                cx,
                format!("{} is a choice of the exporter toolkit that assured does not support", n.shown()),
                help,
            );
            None
        }
        _ => {
            let help = "write NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert";
            n.misfit(cx, &Wanted::new("a way to treat client certificates", help));
            None
        }
    }
}

fn authorities(
    cx: &Context<'_>,
    n: &Node<'_>,
    clients: Option<Clients>,
    read_file: &ReadFile<'_>,
    sum: &mut Sha256,
) -> Option<RootCertStore> {
    let at = set(n, "client_ca_file").or_else(|| set(n, "client_ca"));
    match (&at, clients) {
        (Some(at), Some(Clients::NotAsked)) => {
            let help = "write client_auth_type: RequireAndVerifyClientCert, or remove it";
            at.problem(cx, "an authority for client certificates is set, and none is asked for", help);
        }
        (None, Some(Clients::Asked | Clients::Required)) => {
            let help = "name the authority that signs for your clients: client_ca_file: client-ca.crt";
            cx.problem(n.place(cx), n.missing("client_ca_file"), "is missing", help);
        }
        _ => {}
    }
    at?;
    let (at, pem) = pem(cx, n, "client_ca", "client-ca.crt", read_file, sum)?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates(cx, &at, &pem)? {
        if roots.add(certificate).is_err() {
            at.problem(
                cx,
                "a certificate in it cannot be used as an authority",
                "give X.509 certificates in PEM format",
            );
            return None;
        }
    }
    Some(roots)
}

fn verifier(
    cx: &Context<'_>,
    n: &Node<'_>,
    clients: Clients,
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if clients == Clients::Asked { builder.allow_unauthenticated() } else { builder };
    match builder.build() {
        Ok(verifier) => Some(verifier),
        Err(error) => {
            let at = n.get("client_ca_file").unwrap_or_else(|| n.clone());
            at.problem(cx, format!("client certificates cannot be verified: {error}"), "give other authorities");
            None
        }
    }
}
