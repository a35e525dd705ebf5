//! Credentials for SNMP, and what keeps secrets out of sight.

use std::sync::Arc;

use crate::names::Id;

/// `[snmp.X]`.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The credential's name.
    pub id: Id,
    /// Protocol version with what it needs.
    pub access: SnmpAccess,
}

/// SNMP version and secrets.
#[derive(Debug, Clone)]
pub enum SnmpAccess {
    /// Version 1 with a community.
    V1(Secret),
    /// Version 2c with a community.
    V2c(Secret),
    /// Version 3, user-based security (RFC 3414).
    V3 {
        /// User name.
        user: String,
        /// Authentication protocol and password.
        auth: Option<(AuthProtocol, Secret)>,
        /// Privacy protocol and password; only with `auth`.
        privacy: Option<(PrivProtocol, Secret)>,
    },
}

/// Authentication protocols (RFC 3414, RFC 7860).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum AuthProtocol {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Privacy protocols (RFC 3414, RFC 3826; AES-192/256 by the Blumenthal draft).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PrivProtocol {
    Des,
    Aes128,
    Aes192,
    Aes256,
}

/// A secret: its `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes the secret text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Gives the secret to whoever authenticates with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
