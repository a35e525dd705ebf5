//! SNMP: what a router, gateway or link is doing, read through profiles that are data.
//!
//! ```text
//! profile ─► poll::Session ─► fetch::Fetch ─► client ─► wire
//!                 ▲                              │
//!                 └── readings, counters ◄───────┘            trap ─► hints to poll now
//! ```
//!
//! [`Engine`] is the seam: one exchange with one target. [`client`] is the real one (async-snmp on shared
//! sockets); tests put an agent in memory behind it. What is asked next, in which size, and what a value
//! means is decided by pure code: [`fetch`] (the agent's limits), [`profile`] (objects as data), [`walk`]
//! (rows), [`counter`], [`restart`], [`interface`] (truth from counters and clocks), [`reading`].
//!
//! Nothing here knows a service or a contract, and nothing a device sends can panic or grow without a bound.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

pub mod agent;
pub mod ber;
pub mod channels;
pub mod client;
pub mod counter;
pub mod credential;
pub mod diagnosis;
pub mod fetch;
pub mod interface;
pub mod oid;
pub mod poll;
pub mod profile;
pub mod reading;
pub mod recording;
pub mod restart;
pub mod store;
pub mod trap;
pub mod walk;

pub use credential::{Auth, Credential, Privacy, Secret, Version};
pub use oid::Oid;

/// A value as SNMP carries it (RFC 2578 §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER, Integer32, an enumeration.
    Integer(i32),
    /// OCTET STRING.
    Bytes(Box<[u8]>),
    /// OBJECT IDENTIFIER.
    Oid(Oid),
    /// IpAddress.
    Address([u8; 4]),
    /// Counter32: wraps at 2^32.
    Counter32(u32),
    /// Gauge32, Unsigned32.
    Gauge32(u32),
    /// Hundredths of a second; wraps after 497 days.
    TimeTicks(u32),
    /// Counter64: any decrease is a reset.
    Counter64(u64),
    /// Opaque.
    Opaque(Box<[u8]>),
    /// NULL.
    Null,
    /// There is no such value; never to be read as 0.
    Absent(Absence),
}

/// Why there is no value (RFC 3416 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absence {
    /// The agent does not know the object, or its access view hides it.
    NoSuchObject,
    /// The object exists, but not for this row.
    NoSuchInstance,
    /// Nothing comes after.
    EndOfMib,
}

impl Value {
    /// As a number: integers, counters, gauges and ticks.
    pub fn number(&self) -> Option<i128> {
        match self {
            Value::Integer(v) => Some(i128::from(*v)),
            Value::Counter32(v) | Value::Gauge32(v) | Value::TimeTicks(v) => Some(i128::from(*v)),
            Value::Counter64(v) => Some(i128::from(*v)),
            _ => None,
        }
    }

    /// As text for people: printable UTF-8 without control characters, at most 255 characters; other octets in
    /// hexadecimal with colons.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Bytes(bytes) => Some(printable(bytes)),
            Value::Oid(oid) => Some(oid.to_string()),
            Value::Address([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
            other => other.number().map(|n| n.to_string()),
        }
    }
}

/// The most characters of a device's text that are kept.
pub const MAX_TEXT: usize = 255;

fn printable(bytes: &[u8]) -> String {
    // Devices fill fixed fields up with zeros.
    let length = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    // Zeros alone are no text: an address, a mask.
    let trimmed = if length == 0 && bytes.len() > 1 { bytes } else { &bytes[..length] };
    let plain = |text: &str| !text.chars().any(|c| c.is_control() && !c.is_whitespace());
    let latin: String;
    let text = match std::str::from_utf8(trimmed) {
        Ok(text) => text,
        // Names that people wrote in Latin-1: every octet a printable character, and most of them ASCII.
        Err(_) if trimmed.iter().filter(|b| b.is_ascii_graphic() || **b == b' ').count() * 4 >= trimmed.len() * 3 => {
            latin = trimmed.iter().copied().map(char::from).collect();
            &latin
        }
        Err(_) => "\0",
    };
    if plain(text) {
        return text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_TEXT).collect();
    }
    trimmed.iter().take(MAX_TEXT / 3).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The object's instance.
    pub oid: Oid,
    /// What the agent says it is.
    pub value: Value,
}

/// A device to be polled.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Where its agent listens, usually on port 161.
    pub address: SocketAddr,
    /// How to be let in.
    pub credential: Credential,
    /// How long, how often, how much.
    pub limits: Limits,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} {:?})", self.address, self.credential)
    }
}

/// What a device may cost and bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one try may take.
    pub timeout: Duration,
    /// Tries after the first. Each waits a little longer than the one before.
    pub retries: u32,
    /// How long a whole poll may take, retries included: less than the interval.
    pub deadline: Duration,
    /// The most identifiers in one request.
    pub oids: usize,
    /// The most repetitions in one GETBULK; 0 never uses GETBULK.
    pub repetitions: u32,
    /// The most rows that a table may have; the rest is left out and said so.
    pub rows: usize,
    /// The agent may answer from another address than the one asked (a router with many interfaces). Off: such
    /// answers are dropped.
    pub other_address: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            timeout: Duration::from_secs(2),
            retries: 1,
            deadline: Duration::from_secs(30),
            oids: 24,
            repetitions: 25,
            rows: 10_000,
            other_address: false,
        }
    }
}

/// One exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// These instances.
    Get(Vec<Oid>),
    /// What comes after each of these.
    Next(Vec<Oid>),
    /// What comes after each of these, so many times.
    Bulk {
        /// Where to go on from.
        oids: Vec<Oid>,
        /// How many rows of them.
        repetitions: u32,
    },
}

/// Why an exchange brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody answered in time, all tries used. A wrong community looks like this too.
    #[error("no answer in time")]
    Timeout,
    /// The agent answered, and would not let us in.
    #[error("{0}")]
    Access(Access),
    /// The answer would not fit a datagram.
    #[error("the agent says the answer is too big")]
    TooBig,
    /// SNMP v1's way to say that one of the names does not exist: which, counted from 1.
    #[error("the agent knows no such name (number {0})")]
    NoSuchName(u32),
    /// The agent refused with another error status.
    #[error("the agent answered with error status {status} about number {index}")]
    Agent {
        /// error-status (RFC 3416 §3).
        status: i32,
        /// error-index, counted from 1; 0 is the whole request.
        index: u32,
    },
    /// The answer could not be understood.
    #[error("the agent's answer is malformed")]
    Malformed,
    /// Our own side failed; nothing can be said about the device.
    #[error("could not ask: {0}")]
    Local(&'static str),
}

/// Whether we are let in, and if not, why. Logged once per change, named in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// The agent answers our questions.
    Open,
    /// Nothing comes back: the agent is off, filtered, or the community is wrong (v1 and v2c do not say).
    Silent,
    /// v3: usmStatsWrongDigests, the authentication password or protocol is wrong.
    WrongPassword,
    /// v3: the user is let in, but the privacy password or protocol is wrong.
    WrongPrivacy,
    /// v3: usmStatsUnknownUserNames.
    UnknownUser,
    /// v3: usmStatsUnsupportedSecLevels, the user has no such authentication or privacy.
    UnsupportedLevel,
    /// v3: usmStatsNotInTimeWindows even with the time that the agent told: its clock or boot count is astray.
    ClockSkew,
    /// v3: usmStatsUnknownEngineIDs even with the identity that the agent told.
    UnknownEngine,
    /// The agent knows us and says no (authorizationError, noAccess).
    Denied,
    /// The agent answers, but an access view hides what it must have.
    Hidden,
}

impl Access {
    /// As a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Access::Open => "open",
            Access::Silent => "silent",
            Access::WrongPassword => "wrong_password",
            Access::WrongPrivacy => "wrong_privacy",
            Access::UnknownUser => "unknown_user",
            Access::UnsupportedLevel => "unsupported_level",
            Access::ClockSkew => "clock_skew",
            Access::UnknownEngine => "unknown_engine",
            Access::Denied => "denied",
            Access::Hidden => "hidden",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Open => "the agent lets us in",
            Access::Silent => "the agent is silent: it is off, filtered, or the community is wrong",
            Access::WrongPassword => "the authentication password or protocol is wrong",
            Access::WrongPrivacy => "the privacy password or protocol is wrong",
            Access::UnknownUser => "the agent does not know this user",
            Access::UnsupportedLevel => "this user has no such authentication or privacy at the agent",
            Access::ClockSkew => "the agent's engine time is astray: it refuses the time that it told",
            Access::UnknownEngine => "the agent refuses the engine identity that it told",
            Access::Denied => "the agent knows us and denies access",
            Access::Hidden => "the agent answers, but its access view hides tables that it must have",
        })
    }
}

/// How an exchange or poll ended, as `assured_snmp_requests_total` counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// `ok`
    Ok,
    /// `timeout`
    Timeout,
    /// `auth`
    Auth,
    /// `error`
    Error,
}

impl Outcome {
    /// As a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Timeout => "timeout",
            Outcome::Auth => "auth",
            Outcome::Error => "error",
        }
    }
}

impl Failure {
    /// How it is counted.
    pub fn outcome(&self) -> Outcome {
        match self {
            Failure::Timeout | Failure::Access(Access::Silent) => Outcome::Timeout,
            Failure::Access(_) => Outcome::Auth,
            _ => Outcome::Error,
        }
    }

    /// What it says about being let in; `None` when it says nothing.
    pub fn access(&self) -> Option<Access> {
        match self {
            Failure::Timeout => Some(Access::Silent),
            Failure::Access(access) => Some(*access),
            _ => None,
        }
    }
}

/// An exchange under way.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Vec<Binding>, Failure>> + Send + 'a>>;

/// Carries out one exchange: with retries, in time, and only with the one who was asked.
pub trait Engine: Send + Sync {
    /// Asks. Cancelling the future gives up the exchange and leaves nothing behind.
    fn exchange<'a>(&'a self, target: &'a Target, ask: &'a Ask) -> Exchange<'a>;
}

/// Splits `address[:port]` as commands take it; without a port it is 161.
///
/// # Errors
/// A sentence when it is neither an address nor an address with a port.
pub fn address(text: &str) -> Result<SocketAddr, &'static str> {
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Ok(both);
    }
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>()
        .map(|ip| SocketAddr::new(ip, 161))
        .map_err(|_| "not an address: write 192.0.2.1, 192.0.2.1:16161 or [2001:db8::1]:161")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_device_is_bounded_and_printable() {
        let long = Value::Bytes(vec![b'x'; 5_000].into());
        assert_eq!(long.text().unwrap().len(), MAX_TEXT);
        assert_eq!(Value::Bytes((*b"Gi0/0\0").into()).text().unwrap(), "Gi0/0");
        assert_eq!(Value::Bytes((*b"a\r\nb").into()).text().unwrap(), "a b");
        assert_eq!(Value::Bytes((*b"eth0\0\0\0\0").into()).text().unwrap(), "eth0");
        assert_eq!(Value::Bytes((*b"B\xfcro Z\xfcrich").into()).text().unwrap(), "Büro Zürich");
        assert_eq!(Value::Bytes([0; 4].into()).text().unwrap(), "00:00:00:00");
        assert_eq!(Value::Bytes([0, 0x1b, 0xff].into()).text().unwrap(), "00:1b:ff");
        assert_eq!(Value::Bytes((*b"\x1b[31mred").into()).text().unwrap(), "1b:5b:33:31:6d:72:65:64");
        assert!(Value::Bytes(vec![0xff; 5_000].into()).text().unwrap().len() <= MAX_TEXT);
    }

    #[test]
    fn an_address_may_carry_a_port() {
        assert_eq!(address("192.0.2.1").unwrap().port(), 161);
        assert_eq!(address("192.0.2.1:16161").unwrap().port(), 16_161);
        assert_eq!(address("2001:db8::1").unwrap().to_string(), "[2001:db8::1]:161");
        assert_eq!(address("[2001:db8::1]:1161").unwrap().port(), 1_161);
        assert!(address("router").is_err());
    }
}
