//! Identifiers as they stand in the configuration, and their dense indices.
//!
//! An [`Id`] is text for people, metrics and evidence. An index (`ComponentIx` …)
//! is its position in the loaded [`Config`](crate::config::Config) and never
//! leaves the process: a reload may number things anew.

use std::fmt;
use std::sync::Arc;

/// A configured identifier: 1 to 63 characters of `a-z`, `0-9`, `-`, `_` and `.`, starting with a letter or digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

/// Why a text is not an [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("an identifier must not be empty")]
    Empty,
    /// More than [`Id::MAX_LEN`] bytes.
    #[error("an identifier has at most 63 characters")]
    TooLong,
    /// A character outside the alphabet, or `-`, `_`, `.` in first place.
    #[error("an identifier is made of a-z, 0-9, '-', '_' and '.', and starts with a letter or digit")]
    Character,
}

impl Id {
    /// The longest identifier accepted, in bytes.
    pub const MAX_LEN: usize = 63;

    /// Checks and takes a text.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(IdError::TooLong);
        }
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let mut bytes = text.bytes();
        if !bytes.next().is_some_and(inner) || !bytes.all(|b| inner(b) || matches!(b, b'-' | b'_' | b'.')) {
            return Err(IdError::Character);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As a position in the configuration's table.
            #[must_use]
            pub fn get(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            fn from(position: usize) -> Self {
                Self(u32::try_from(position).expect("the configuration check bounds every table far below u32::MAX"))
            }
        }
    )*};
}

index! {
    /// Position of a device or link in `Config::components`.
    ComponentIx;
    /// Position in `Config::services`.
    ServiceIx;
    /// Position in `Config::sites`.
    SiteIx;
    /// Position in `Config::contracts`.
    ContractIx;
    /// Position in `Config::slas`.
    SlaIx;
    /// Position in `Config::classes`.
    ClassIx;
    /// Position in `Config::credentials`.
    CredentialIx;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_keep_to_their_alphabet_and_length() {
        assert!(Id::new("ch-r1").is_ok());
        assert!(Id::new("9.a_b").is_ok());
        assert_eq!(Id::new(""), Err(IdError::Empty));
        assert_eq!(Id::new("-a"), Err(IdError::Character));
        assert_eq!(Id::new("County"), Err(IdError::Character));
        assert_eq!(Id::new(&"a".repeat(64)), Err(IdError::TooLong));
        assert!(Id::new(&"a".repeat(63)).is_ok());
    }
}
