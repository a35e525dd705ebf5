//! Object identifiers: how SNMP names everything.

use std::fmt;
use std::str::FromStr;

/// The most arcs an identifier may have (RFC 2578 §3.5).
pub const MAX_ARCS: usize = 128;

/// An object identifier, ordered as a walk meets it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Box<[u32]>);

impl Oid {
    /// From its arcs; those beyond [`MAX_ARCS`] are cut off.
    pub fn new(arcs: &[u32]) -> Oid {
        Oid(arcs[..arcs.len().min(MAX_ARCS)].into())
    }

    /// The arcs.
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// This identifier with `more` after it: a column's instance, a scalar's `.0`.
    pub fn child(&self, more: &[u32]) -> Oid {
        let mut arcs = Vec::with_capacity(self.0.len() + more.len());
        arcs.extend_from_slice(&self.0);
        arcs.extend_from_slice(more);
        Oid::new(&arcs)
    }

    /// What follows `prefix`, if this lies below it (or is it).
    pub fn below(&self, prefix: &Oid) -> Option<&[u32]> {
        self.0.strip_prefix(&*prefix.0)
    }
}

/// Why a text is no object identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an object identifier: write numbers with dots, such as 1.3.6.1.2.1.1.3")]
pub struct NotAnOid;

impl FromStr for Oid {
    type Err = NotAnOid;

    fn from_str(text: &str) -> Result<Oid, NotAnOid> {
        let mut arcs = Vec::new();
        for part in text.trim().strip_prefix('.').unwrap_or(text.trim()).split('.') {
            if arcs.len() == MAX_ARCS || part.starts_with('+') {
                return Err(NotAnOid);
            }
            arcs.push(part.parse::<u32>().map_err(|_| NotAnOid)?);
        }
        if arcs.len() < 2 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39) {
            return Err(NotAnOid);
        }
        Ok(Oid(arcs.into()))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, arc) in self.0.iter().enumerate() {
            write!(f, "{}{arc}", if position == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_and_prints_alike() {
        let oid: Oid = ".1.3.6.1.2.1.1.3.0".parse().unwrap();
        assert_eq!(oid.to_string(), "1.3.6.1.2.1.1.3.0");
        assert_eq!(oid.below(&"1.3.6.1.2.1.1".parse().unwrap()), Some(&[3, 0][..]));
        assert_eq!(oid.below(&"1.3.6.1.2.1.2".parse().unwrap()), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", ".", "1", "3.1", "1.40", "1.3.x", "1.3..6", "1.3.4294967296", "1.3.-1", "1.3.+1"] {
            assert_eq!(text.parse::<Oid>(), Err(NotAnOid), "{text}");
        }
        let long = vec!["1"; MAX_ARCS + 1].join(".");
        assert_eq!(long.parse::<Oid>(), Err(NotAnOid));
    }

    #[test]
    fn order_is_that_of_a_walk() {
        let parse = |t: &str| t.parse::<Oid>().unwrap();
        assert!(parse("1.3.6.1.2.1.2.2.1.2.9") < parse("1.3.6.1.2.1.2.2.1.2.10"));
        assert!(parse("1.3.6.1.2.1.2.2.1.2") < parse("1.3.6.1.2.1.2.2.1.2.1"));
    }
}
