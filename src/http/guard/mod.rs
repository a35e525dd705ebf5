//! Who may see and do what, decided before anything is made.
//!
//! The rules, all of them:
//! - With `basic_auth_users` everything asks for a password, but for `/healthz` and `/readyz`: they tell one word, and
//!   whoever asks them – a kubelet, a load balancer – has no password.
//! - Reading needs nothing more. Changing something (`POST`), and evidence packs, which have money in them, need
//!   somebody who is known: by a password or by a certificate.
//! - Where nobody can be known, because nothing was configured, those on the machine itself may do it, when the
//!   pages are served on loopback only.
//! - No page of another site makes an operator's browser change anything, whoever he is.
//!
//! The functions here are pure; [`driver`] verifies passwords, [`layer`] stands in front of the routes.

pub mod driver;
pub mod layer;
pub mod password;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HOST, HeaderName, ORIGIN, VIA};
use axum::http::uri::Authority;

use crate::config::Config;
use crate::config::web::Web;

/// What the server goes by; another one takes its place when the configuration is read again.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// TLS, passwords, headers.
    pub web: Arc<Web>,
    /// Where evidence packs are; `None`: nowhere.
    pub packs: Option<PathBuf>,
}

impl Access {
    /// What this configuration says of it.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self { web: Arc::clone(&config.monitor.web), packs: Some(config.monitor.packs()) }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether it has shown a certificate, which was verified.
    pub certified: bool,
    /// Whether the pages are served on loopback only.
    pub inside: bool,
}

/// How well somebody is known who got past the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// By password or certificate.
    Known,
    /// Nobody can be known here, and this one is on the machine itself.
    Local,
    /// May read.
    Stranger,
}

impl Standing {
    /// Whether changes and packs are for him.
    #[must_use]
    pub fn is_trusted(self) -> bool {
        self != Self::Stranger
    }
}

/// Headers by which a proxy says that it speaks for somebody else.
const PASSED_ON: [HeaderName; 6] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// How well this one is known, a right password told apart.
#[must_use]
pub fn standing(web: &Web, peer: Peer, password: bool, headers: &HeaderMap) -> Standing {
    if password || peer.certified {
        Standing::Known
    } else if !web.identifies() && peer.inside && peer.address.is_loopback() && is_direct(headers) {
        Standing::Local
    } else {
        Standing::Stranger
    }
}

/// Whether a request on loopback comes from this machine's own user.
///
/// A proxy says that it passes something on, and a page of a stranger that has its name point to 127.0.0.1 (DNS
/// rebinding) asks for that name.
fn is_direct(headers: &HeaderMap) -> bool {
    if PASSED_ON.iter().any(|name| headers.contains_key(name)) {
        return false;
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // HTTP/1.0, which no browser speaks.
        (None, _) => true,
        (Some(host), None) => host.to_str().is_ok_and(is_loopback_name),
        _ => false,
    }
}

fn is_loopback_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a request that changes something comes from no page, or from one of our own.
///
/// Browsers of today say so in `Sec-Fetch-Site` (Fetch Metadata), those of yesterday in `Origin` (RFC 6454 §7).
#[must_use]
pub fn is_of_this_site(headers: &HeaderMap) -> bool {
    if let Some(from) = headers.get("sec-fetch-site") {
        return from == "same-origin" || from == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let authority = |text: &str| text.split_once("://").map(|(_, rest)| rest.to_ascii_lowercase());
    let origin = origin.to_str().ok().and_then(authority);
    let host = headers.get(HOST).and_then(|h| h.to_str().ok()).map(str::to_ascii_lowercase);
    origin.is_some() && origin == host
}

/// The part of an address that one peer has for itself: all of IPv4, a /64 of IPv6.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Secret;
    use crate::config::web::User;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().expect("a value"))).collect()
    }

    fn peer(address: &str, certified: bool, inside: bool) -> Peer {
        Peer { address: address.parse().expect("an address"), certified, inside }
    }

    #[test]
    fn only_who_is_on_the_machine_itself_is_trusted_without_being_known() {
        let open = Web::default();
        let local = |peer, pairs: &[(&'static str, &str)]| standing(&open, peer, false, &headers(pairs));
        let here = peer("127.0.0.1", false, true);
        for host in ["localhost", "localhost:9878", "127.0.0.1:9878", "[::1]:9878", "LocalHost", "127.200.3.4"] {
            assert_eq!(local(here, &[("host", host)]), Standing::Local, "{host}");
        }
        assert_eq!(local(here, &[]), Standing::Local);
        for host in ["evil.example.net", "localhost.example.net", "192.0.2.1", "127.0.0.1.example.net", "", "[::2]"] {
            assert_eq!(local(here, &[("host", host)]), Standing::Stranger, "{host}");
        }
        for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] {
            assert_eq!(local(here, &[("host", "localhost"), (name, "x")]), Standing::Stranger, "{name}");
        }
        assert_eq!(local(peer("127.0.0.1", false, false), &[]), Standing::Stranger, "it listens to others, too");
        assert_eq!(local(peer("192.0.2.1", false, true), &[]), Standing::Stranger);
    }

    #[test]
    fn who_could_be_known_and_is_not_is_a_stranger_wherever_he_is() {
        let user = User { name: "noc".into(), hash: Secret::new("x") };
        let web = Web { users: vec![user], ..Web::default() };
        let here = peer("127.0.0.1", false, true);
        assert_eq!(standing(&web, here, false, &HeaderMap::new()), Standing::Stranger);
        assert_eq!(standing(&web, here, true, &HeaderMap::new()), Standing::Known);
        assert_eq!(standing(&web, peer("192.0.2.1", true, false), false, &HeaderMap::new()), Standing::Known);
    }

    #[test]
    fn no_other_site_makes_a_browser_change_anything() {
        let ours = |pairs: &[(&'static str, &str)]| is_of_this_site(&headers(pairs));
        assert!(ours(&[("host", "a:1")]), "curl sends neither");
        assert!(ours(&[("sec-fetch-site", "same-origin")]) && ours(&[("sec-fetch-site", "none")]));
        for from in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(!ours(&[("sec-fetch-site", from)]), "{from}");
        }
        assert!(ours(&[("host", "A:1"), ("origin", "https://a:1")]));
        for origin in ["null", "https://b:1", "https://a", "a:1", ""] {
            assert!(!ours(&[("host", "a:1"), ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn one_peer_has_one_network() {
        let of = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
