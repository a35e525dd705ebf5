//! Each record's hash takes in the one before: `h_i = SHA-256(0x01 ‖ h_{i−1} ‖ canonical_json_i)`, `h_0` is 32 zero bytes.
//!
//! Whoever knows the newest hash can tell that nothing before it was changed, removed,
//! added or swapped. The chain alone does not stop whoever holds the disk from writing
//! all of it anew: that takes a hash written down elsewhere (a signed pack).

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A SHA-256 value; shown and parsed as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first record follows: 32 zero bytes.
    pub const ZERO: Self = Self([0; 32]);

    /// The SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// From 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not 64 lower-case hexadecimal digits"))
    }
}

/// The hash of a record that follows `previous`.
#[must_use]
pub fn link(previous: &Hash, canonical_json: &str) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0x01]);
    sha.update(previous.0);
    sha.update(canonical_json.as_bytes());
    Hash(sha.finalize().into())
}

/// The newest record: its sequence number and hash. Before any record: 0 and zeroes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Sequence number; the first record has 1.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// The head after one more record.
    #[must_use]
    pub fn after(self, canonical_json: &str) -> Self {
        Self { sequence: self.sequence + 1, hash: link(&self.hash, canonical_json) }
    }
}

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Numbers do not follow each other.
    #[error("record {expected} is missing: record {found} stands in its place")]
    Missing {
        /// What should be there.
        expected: u64,
        /// What is.
        found: u64,
    },
    /// The hash is not that of the text and what stands before.
    #[error(
        "record {sequence} was changed, or something before it was removed or swapped: its hash is {found}, but its text gives {expected}"
    )]
    Changed {
        /// The record.
        sequence: u64,
        /// The hash computed from its text.
        expected: Hash,
        /// The hash that stands there.
        found: Hash,
    },
    /// The text is not a record that this place can have.
    #[error("record {sequence} is not a proper record: {problem}")]
    Improper {
        /// The record.
        sequence: u64,
        /// Why.
        problem: String,
    },
}

impl Broken {
    /// The record at which the chain breaks.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Missing { expected, .. } => *expected,
            Self::Changed { sequence, .. } | Self::Improper { sequence, .. } => *sequence,
        }
    }
}

/// Checks a chain record by record, from a head that is taken as given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verifier {
    head: Head,
}

impl Verifier {
    /// Starts after `head`; the default starts at the beginning of everything.
    #[must_use]
    pub fn after(head: Head) -> Self {
        Self { head }
    }

    /// The newest record that was found right.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Checks the next record: `sequence` as it is filed, its text, the hash that is kept with it.
    pub fn check(&mut self, sequence: u64, text: &str, hash: &Hash) -> Result<(), Broken> {
        let next = self.head.after(text);
        if sequence != next.sequence {
            return Err(Broken::Missing { expected: next.sequence, found: sequence });
        }
        if next.hash != *hash {
            return Err(Broken::Changed { sequence, expected: next.hash, found: *hash });
        }
        self.head = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"kind":"genesis","period":"2026-10","seq":1}"#;
    const SECOND: &str = r#"{"at":"2026-10-05T09:00:00Z","kind":"transition","seq":2,"service":"hq-wan","to":"down"}"#;

    fn hashes() -> [Hash; 2] {
        let first = link(&Hash::ZERO, FIRST);
        [first, link(&first, SECOND)]
    }

    #[test]
    fn the_published_vector_holds() {
        let [first, second] = hashes();
        assert_eq!(first.to_string(), "679d69a33f66e06e00ebfe3ef0fd9ffd4a7ac7a3e0673b35488d3fa7ddf5e624");
        assert_eq!(second.to_string(), "ab607c50ab766e90be4d6ea36fb334a11d98d5614d000d8689779d2a4262c969");
        assert_eq!(Hash::parse(&first.to_string()), Some(first));
    }

    #[test]
    fn the_first_broken_record_is_named() {
        let [first, second] = hashes();
        let mut whole = Verifier::default();
        assert_eq!(whole.check(1, FIRST, &first), Ok(()));
        assert_eq!(whole.check(2, SECOND, &second), Ok(()));

        let mut removed = Verifier::default();
        let broken = removed.check(2, SECOND, &second).expect_err("record 1 is gone");
        assert_eq!(broken.to_string(), "record 1 is missing: record 2 stands in its place");

        let mut changed = Verifier::default();
        changed.check(1, FIRST, &first).expect("right");
        let broken = changed.check(2, &SECOND.replace("down", "up"), &second).expect_err("text changed");
        assert_eq!(broken.sequence(), 2);

        let mut renumbered = Verifier::default();
        let broken = renumbered.check(1, SECOND, &second).expect_err("predecessor gone");
        assert!(matches!(broken, Broken::Changed { sequence: 1, .. }));
    }
}
