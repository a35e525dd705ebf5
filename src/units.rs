//! Exact integers with their unit: instants, round-trip times, percentages, money, code points.

use std::fmt;

/// An instant in whole seconds since the Unix epoch, UTC; sub-second parts are floored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Sec(pub i64);

impl Sec {
    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// This instant moved by `seconds`.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for Sec {
    /// RFC 3339, UTC, as in `2026-10-25T01:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{}s", self.0),
        }
    }
}

/// A half-open interval of time, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// First second inside.
    pub from: Sec,
    /// First second after.
    pub to: Sec,
}

impl Span {
    /// From `from` up to, not including, `to`; empty when `to` is not later.
    #[must_use]
    pub fn new(from: Sec, to: Sec) -> Self {
        Self { from, to }
    }

    /// Length in seconds; 0 when empty.
    #[must_use]
    pub fn seconds(self) -> u64 {
        u64::try_from(self.to.since(self.from)).unwrap_or(0)
    }

    /// Whether no second lies inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: Sec) -> bool {
        self.from <= at && at < self.to
    }

    /// The seconds that both have; `None` when there are none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let both = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (!both.is_empty()).then_some(both)
    }
}

/// A share of one in parts per hundred million: `100%` is 100 000 000, `99.95%` is 99 950 000.
///
/// Six decimals of a percentage are exact; the configuration refuses more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Share(pub u64);

impl Share {
    /// The whole.
    pub const ONE: Self = Self(100_000_000);

    /// As a fraction, for metrics and charts only; never compared with a target.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Self::ONE.0 as f64
    }
}

impl fmt::Display for Share {
    /// As in `99.95%`: only the decimals that are there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if rest == 0 {
            write!(f, "{whole}%")
        } else {
            write!(f, "{whole}.{}%", format!("{rest:06}").trim_end_matches('0'))
        }
    }
}

/// A round-trip time in whole microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Micros(pub u32);

impl Micros {
    /// As seconds, for metrics.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

/// An amount in the minor unit of its currency, as in pence of GBP.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units: `GBP 500.00` is 50 000.
    pub minor: i64,
    /// ISO 4217 code, three capital letters.
    pub currency: [u8; 3],
}

impl fmt::Display for Money {
    /// As in `GBP 500.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let code = std::str::from_utf8(&self.currency).unwrap_or("???");
        write!(f, "{code} {sign}{}.{:02}", self.minor.unsigned_abs() / 100, self.minor.unsigned_abs() % 100)
    }
}

/// A Differentiated Services code point, 0 to 63 (RFC 2474 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Dscp(u8);

impl Dscp {
    /// The names of RFC 4594 §2.3 and RFC 8622 with their code points.
    pub const NAMES: [(&'static str, u8); 24] = [
        ("DF", 0),
        ("CS0", 0),
        ("LE", 1),
        ("CS1", 8),
        ("AF11", 10),
        ("AF12", 12),
        ("AF13", 14),
        ("CS2", 16),
        ("AF21", 18),
        ("AF22", 20),
        ("AF23", 22),
        ("CS3", 24),
        ("AF31", 26),
        ("AF32", 28),
        ("AF33", 30),
        ("CS4", 32),
        ("AF41", 34),
        ("AF42", 36),
        ("AF43", 38),
        ("CS5", 40),
        ("VA", 44),
        ("EF", 46),
        ("CS6", 48),
        ("CS7", 56),
    ];

    /// The code point, when it is one.
    #[must_use]
    pub fn new(value: u8) -> Option<Self> {
        (value < 64).then_some(Self(value))
    }

    /// From a name such as `EF`, or a number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, v)| Self(v));
        named.or_else(|| text.parse().ok().and_then(Self::new))
    }

    /// The six bits.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// The traffic class octet that carries it, with ECN clear.
    #[must_use]
    pub fn tos(self) -> u8 {
        self.0 << 2
    }
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|&&(_, v)| v == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_print_only_their_decimals() {
        assert_eq!(Share(99_950_000).to_string(), "99.95%");
        assert_eq!(Share::ONE.to_string(), "100%");
        assert_eq!(Share(99_999_999).to_string(), "99.999999%");
    }

    #[test]
    fn code_points_have_names_and_traffic_class_octets() {
        assert_eq!(Dscp::parse("ef").map(Dscp::tos), Some(0xB8));
        assert_eq!(Dscp::parse("AF31").map(Dscp::get), Some(26));
        assert_eq!(Dscp::parse("64"), None);
        assert_eq!(Dscp::parse("0").map(|d| d.to_string()), Some("DF".into()));
    }

    #[test]
    fn spans_are_half_open() {
        let a = Span::new(Sec(0), Sec(10));
        assert!(a.contains(Sec(9)) && !a.contains(Sec(10)));
        assert_eq!(a.intersect(Span::new(Sec(10), Sec(20))), None);
        assert_eq!(a.intersect(Span::new(Sec(5), Sec(20))), Some(Span::new(Sec(5), Sec(10))));
    }

    #[test]
    fn money_shows_minor_units() {
        assert_eq!(Money { minor: 50_000, currency: *b"GBP" }.to_string(), "GBP 500.00");
    }
}
