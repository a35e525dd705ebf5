//! From a configured credential to one that the engine takes.

use assured_probes::snmp::credential::CredentialError;
use assured_probes::snmp::{Auth, Credential, Privacy, Secret, Version};

use crate::config::model::{AuthProtocol, PrivProtocol, SnmpAccess};

/// The engine's credential.
///
/// # Errors
/// What RFC 3414 forbids: short passwords, long names.
pub fn credential(access: &SnmpAccess) -> Result<Credential, CredentialError> {
    let secret = |s: &crate::config::model::Secret| Secret::new(s.reveal().as_bytes());
    match access {
        SnmpAccess::V1(community) => Ok(Credential::community(Version::V1, community.reveal())),
        SnmpAccess::V2c(community) => Ok(Credential::community(Version::V2c, community.reveal())),
        SnmpAccess::V3 { user, auth, privacy } => Credential::user(
            user,
            auth.as_ref().map(|(protocol, password)| (auth_protocol(*protocol), secret(password))),
            privacy.as_ref().map(|(protocol, password)| (privacy_protocol(*protocol), secret(password))),
        ),
    }
}

/// The engine's name for it.
#[must_use]
pub fn auth_protocol(of: AuthProtocol) -> Auth {
    match of {
        AuthProtocol::Md5 => Auth::Md5,
        AuthProtocol::Sha1 => Auth::Sha1,
        AuthProtocol::Sha224 => Auth::Sha224,
        AuthProtocol::Sha256 => Auth::Sha256,
        AuthProtocol::Sha384 => Auth::Sha384,
        AuthProtocol::Sha512 => Auth::Sha512,
    }
}

/// The engine's name for it.
#[must_use]
pub fn privacy_protocol(of: PrivProtocol) -> Privacy {
    match of {
        PrivProtocol::Des => Privacy::Des,
        PrivProtocol::Aes128 => Privacy::Aes128,
        PrivProtocol::Aes192 => Privacy::Aes192,
        PrivProtocol::Aes256 => Privacy::Aes256,
    }
}
