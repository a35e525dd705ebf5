//! How the pages are protected, once the web configuration has been checked: TLS, passwords, headers.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;

use super::model::Secret;
use crate::units::Sec;

/// What `monitor.web_config_file` says; without one nothing is encrypted and nobody is asked for a password.
#[derive(Debug, Clone, Default)]
pub struct Web {
    /// Who has a password; empty: nobody is asked for one.
    pub users: Vec<User>,
    /// How connections are encrypted; `None`: they are not.
    pub tls: Option<Tls>,
    /// Headers that every answer carries besides our own, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Differs whenever anything of this does: SHA-256 of the file and of those that it names.
    pub fingerprint: [u8; 32],
}

impl Web {
    /// Whether it tells anybody apart from anybody else.
    #[must_use]
    pub fn identifies(&self) -> bool {
        !self.users.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.clients != Clients::NotAsked)
    }

    /// How the pages are addressed.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// One of `basic_auth_users`.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// bcrypt's hash of the password, checked for its form.
    pub hash: Secret,
}

/// `tls_server_config`.
#[derive(Clone)]
pub struct Tls {
    /// Certificate, key, versions and everything else that a handshake needs.
    pub config: Arc<ServerConfig>,
    /// Whether clients show certificates.
    pub clients: Clients,
    /// When the server's own certificate ends; `None` when that cannot be read from it.
    pub until: Option<Sec>,
}

impl fmt::Debug for Tls {
    /// Nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("clients", &self.clients).field("until", &self.until).finish_non_exhaustive()
    }
}

/// `client_auth_type`, as far as it is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// `NoClientCert`.
    NotAsked,
    /// `VerifyClientCertIfGiven`.
    Asked,
    /// `RequireAndVerifyClientCert`.
    Required,
}

impl Clients {
    /// For the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotAsked => "not asked for",
            Self::Asked => "verified when given",
            Self::Required => "required",
        }
    }
}

/// A certificate is told of so long before it ends, seconds.
const SOON: i64 = 14 * 86_400;

impl Tls {
    /// What an operator should know of the certificate at `now`; `None` when all is well.
    #[must_use]
    pub fn complaint(&self, now: Sec) -> Option<String> {
        let until = self.until?;
        match until.since(now) {
            left if left <= 0 => {
                Some(format!("the pages' certificate ended on {until}: browsers and Prometheus refuse it"))
            }
            left if left <= SOON => Some(format!("the pages' certificate ends on {until}: renew it and reload")),
            _ => None,
        }
    }
}

/// When a certificate ends (`notAfter`, RFC 5280 §4.1.2.5), from its DER; `None` when it is not built as it should be.
#[must_use]
pub fn not_after(der: &[u8]) -> Option<Sec> {
    let (_, certificate, _) = element(der)?;
    let (_, tbs, _) = element(certificate)?;
    let mut rest = tbs;
    let (tag, _, after) = element(rest)?;
    if tag == 0xa0 {
        rest = after; // the version, which old certificates leave out
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, time, _) = element(after)?;
    let text = std::str::from_utf8(time).ok().filter(|t| t.is_ascii())?;
    // UTCTime is of 1950 to 2049, GeneralizedTime has its century.
    let full = match tag {
        0x17 if text.len() == 13 => format!("{}{text}", if text >= "50" { "19" } else { "20" }),
        0x18 if text.len() == 15 => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| full.get(from..to);
    let instant = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    instant.parse::<jiff::Timestamp>().ok().map(|t| Sec(t.as_second()))
}

/// The first element of DER (X.690 §8.1): its tag, its content and what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0_usize, |n, d| n << 8 | usize::from(*d)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut der = vec![tag, u8::try_from(content.len()).expect("short")];
        der.extend_from_slice(content);
        der
    }

    fn certificate(version: bool, tag: u8, until: &str) -> Vec<u8> {
        let mut tbs = if version { vec![0xa0, 3, 2, 1, 2] } else { Vec::new() };
        tbs.extend([2, 1, 7, 0x30, 0, 0x30, 0]);
        let times = [wrapped(0x17, b"260101000000Z"), wrapped(tag, until.as_bytes())].concat();
        tbs.extend(wrapped(0x30, &times));
        wrapped(0x30, &wrapped(0x30, &tbs))
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_ways_of_writing_it() {
        let read = |version, tag, until| not_after(&certificate(version, tag, until)).map(|t| t.to_string());
        assert_eq!(read(true, 0x17, "271231235959Z").as_deref(), Some("2027-12-31T23:59:59Z"));
        assert_eq!(read(false, 0x18, "20501231235959Z").as_deref(), Some("2050-12-31T23:59:59Z"));
        assert_eq!(read(true, 0x17, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59Z"));
        assert_eq!(read(true, 0x17, "27123123595"), None);
        assert_eq!(read(true, 0x04, "271231235959Z"), None);
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_of_a_certificate_makes_it_panic() {
        let whole = certificate(true, 0x17, "271231235959Z");
        for n in 0..whole.len() {
            let _ = not_after(&whole[..n]);
            for bit in 0..8 {
                let mut other = whole.clone();
                other[n] ^= 1 << bit;
                let _ = not_after(&other);
            }
        }
    }

    #[test]
    fn a_certificate_is_told_of_two_weeks_before_it_ends() {
        let tls = |until| until_only(Some(Sec(until)));
        let now = Sec(1_000_000_000);
        assert!(tls(now.0 + SOON + 1).complaint(now).is_none());
        assert!(tls(now.0 + SOON).complaint(now).is_some_and(|c| c.contains("ends on")));
        assert!(tls(now.0).complaint(now).is_some_and(|c| c.contains("ended on")));
        assert!(until_only(None).complaint(now).is_none());
    }

    fn until_only(until: Option<Sec>) -> Tls {
        use tokio_rustls::rustls::crypto::ring::default_provider;
        use tokio_rustls::rustls::server::ResolvesServerCertUsingSni;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("it has them")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        Tls { config: Arc::new(config), clients: Clients::NotAsked, until }
    }
}
