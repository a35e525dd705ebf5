//! How to be let in. Secrets never leave through `Debug`.

use std::fmt;
use std::sync::Arc;

/// A password or community. Prints nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Keeps it; a trailing line end (from a file) is left out.
    pub fn new(bytes: &[u8]) -> Secret {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Secret(bytes.strip_suffix(b"\r").unwrap_or(bytes).into())
    }

    /// The secret itself, for the wire.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The protocol's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// SNMPv1: no Counter64, no GETBULK.
    V1,
    /// SNMPv2c.
    V2c,
    /// SNMPv3 with the user-based security model (RFC 3414).
    V3,
}

/// Authentication protocols (RFC 3414, RFC 7860).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Auth {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Privacy protocols. For AES-192 and AES-256 with a short digest two ways to lengthen the key are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privacy {
    /// DES-CBC (RFC 3414): insecure, for old devices only.
    Des,
    /// AES-128-CFB (RFC 3826).
    Aes128,
    /// AES-192 with Blumenthal's key extension (net-snmp's).
    Aes192,
    /// AES-256 with Blumenthal's key extension (net-snmp's).
    Aes256,
    /// AES-192 with Reeder's key extension (Cisco's).
    Aes192Cisco,
    /// AES-256 with Reeder's key extension (Cisco's).
    Aes256Cisco,
}

impl Auth {
    /// All of them, with the names that configuration uses.
    pub const NAMES: [(&'static str, Auth); 6] = [
        ("MD5", Auth::Md5),
        ("SHA-1", Auth::Sha1),
        ("SHA-224", Auth::Sha224),
        ("SHA-256", Auth::Sha256),
        ("SHA-384", Auth::Sha384),
        ("SHA-512", Auth::Sha512),
    ];

    /// From configuration: `SHA-256`, also without the dash or in small letters; `SHA` is SHA-1.
    pub fn from_name(name: &str) -> Option<Auth> {
        let wanted = plain(name);
        if wanted == "sha" {
            return Some(Auth::Sha1);
        }
        Auth::NAMES.into_iter().find(|(n, _)| plain(n) == wanted).map(|(_, a)| a)
    }
}

impl Privacy {
    /// All of them, with the names that configuration uses.
    pub const NAMES: [(&'static str, Privacy); 6] = [
        ("DES", Privacy::Des),
        ("AES-128", Privacy::Aes128),
        ("AES-192", Privacy::Aes192),
        ("AES-256", Privacy::Aes256),
        ("AES-192-CISCO", Privacy::Aes192Cisco),
        ("AES-256-CISCO", Privacy::Aes256Cisco),
    ];

    /// From configuration: `AES-128`, also without the dash or in small letters; `AES` is AES-128.
    pub fn from_name(name: &str) -> Option<Privacy> {
        let wanted = plain(name);
        if wanted == "aes" {
            return Some(Privacy::Aes128);
        }
        Privacy::NAMES.into_iter().find(|(n, _)| plain(n) == wanted).map(|(_, p)| p)
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '-' && *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// What a device wants to see before it answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// v1 or v2c.
    Community {
        /// [`Version::V1`] or [`Version::V2c`].
        version: Version,
        /// Sent in clear.
        community: Secret,
    },
    /// v3.
    User(Arc<User>),
}

/// A v3 user.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct User {
    /// The user's name, sent in clear.
    pub name: String,
    /// Protocol and password, at least 8 octets (RFC 3414 §11.2).
    pub auth: Option<(Auth, Secret)>,
    /// Protocol and password; only together with authentication.
    pub privacy: Option<(Privacy, Secret)>,
    /// The context asked in; usually empty.
    pub context: String,
}

/// Why a credential cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// RFC 3414 §11.2.
    #[error("an SNMPv3 password needs at least 8 characters")]
    ShortPassword,
    /// RFC 3414 §1.4.2.
    #[error("privacy needs authentication: name an authentication protocol and its password")]
    PrivacyAlone,
    /// RFC 3414 §5: 1 to 32 octets.
    #[error("a user name has 1 to 32 characters")]
    UserName,
}

impl Credential {
    /// v1 or v2c with a community.
    pub fn community(version: Version, community: &str) -> Credential {
        let version = if version == Version::V1 { Version::V1 } else { Version::V2c };
        Credential::Community { version, community: Secret::new(community.as_bytes()) }
    }

    /// v3.
    ///
    /// # Errors
    /// What RFC 3414 forbids.
    pub fn user(
        name: &str,
        auth: Option<(Auth, Secret)>,
        privacy: Option<(Privacy, Secret)>,
    ) -> Result<Credential, CredentialError> {
        if name.is_empty() || name.len() > 32 {
            return Err(CredentialError::UserName);
        }
        if privacy.is_some() && auth.is_none() {
            return Err(CredentialError::PrivacyAlone);
        }
        let short = |s: Option<&Secret>| s.is_some_and(|s| s.expose().len() < 8);
        if short(auth.as_ref().map(|a| &a.1)) || short(privacy.as_ref().map(|p| &p.1)) {
            return Err(CredentialError::ShortPassword);
        }
        Ok(Credential::User(Arc::new(User { name: name.to_owned(), auth, privacy, context: String::new() })))
    }

    /// Which version it speaks.
    pub fn version(&self) -> Version {
        match self {
            Credential::Community { version, .. } => *version,
            Credential::User(_) => Version::V3,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::Community { version, .. } => write!(f, "Credential({version:?})"),
            Credential::User(user) => write!(f, "Credential({user:?})"),
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (auth, privacy) = (self.auth.as_ref().map(|a| a.0), self.privacy.as_ref().map(|p| p.0));
        write!(f, "V3 {} auth {auth:?} privacy {privacy:?}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let auth = Some((Auth::Sha256, Secret::new(b"open-sesame\n")));
        let credential = Credential::user("assured", auth, Some((Privacy::Aes128, Secret::new(b"hush-hush")))).unwrap();
        let shown = format!("{credential:?} {:?}", Credential::community(Version::V2c, "letmein"));
        for secret in ["open-sesame", "hush-hush", "letmein"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn protocols_are_named_as_people_write_them() {
        assert_eq!(Auth::from_name("sha256"), Some(Auth::Sha256));
        assert_eq!(Auth::from_name("SHA"), Some(Auth::Sha1));
        assert_eq!(Privacy::from_name("aes"), Some(Privacy::Aes128));
        assert_eq!(Privacy::from_name("AES-256-Cisco"), Some(Privacy::Aes256Cisco));
        assert_eq!(Privacy::from_name("3des"), None);
    }

    #[test]
    fn what_the_rfc_forbids_is_refused() {
        let secret = Secret::new(b"long enough");
        assert_eq!(Credential::user("", None, None).err(), Some(CredentialError::UserName));
        let privacy = Some((Privacy::Des, secret.clone()));
        assert_eq!(Credential::user("u", None, privacy).err(), Some(CredentialError::PrivacyAlone));
        let short = Some((Auth::Md5, Secret::new(b"short")));
        assert_eq!(Credential::user("u", short, None).err(), Some(CredentialError::ShortPassword));
        assert!(Credential::user("u", Some((Auth::Md5, secret)), None).is_ok());
    }
}
