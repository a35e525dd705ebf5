//! Ed25519 (RFC 8032): keys as PEM, and `manifest.sig`.
//!
//! `manifest.sig` is three lines, so that standard tools can check it:
//!
//! ```text
//! assured-signature/1
//! key-id: 3f0d1c5a77e2b914
//! signature: (64 bytes, base64)
//! ```
//!
//! The key id is the first eight bytes of SHA-256 over the 32 bytes of the public key, hex.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::journal::hex;

/// The monitor's signing key.
pub struct Key(SigningKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.public().id())
    }
}

/// The key that its signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A file does not hold the key that it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key in PEM form: {0}")]
pub struct KeyError(String);

impl Key {
    /// Makes a key of 32 bytes from a good source of randomness.
    #[must_use]
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// Reads a PKCS#8 private key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|e| KeyError(e.to_string()))
    }

    /// As PKCS#8 version 1 (RFC 8410 §7), which every tool reads.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let bytes = ed25519_dalek::pkcs8::KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).expect("32 bytes always encode").to_string()
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The bytes of `manifest.sig` over those of `manifest.json`.
    #[must_use]
    pub fn sign(&self, manifest: &[u8]) -> Vec<u8> {
        signature_file(&self.public().id(), &self.0.sign(manifest).to_bytes())
    }
}

impl PublicKey {
    /// Reads a public key (SubjectPublicKeyInfo).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_pem(pem).map(Self).map_err(|e| KeyError(e.to_string()))
    }

    /// As SubjectPublicKeyInfo (RFC 8410 §4).
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("32 bytes always encode")
    }

    /// First eight bytes of SHA-256 over its 32 bytes, hex.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes())[..8])
    }

    /// Checks `manifest.sig` against `manifest.json`; says in words what is wrong.
    pub fn check(&self, manifest: &[u8], file: &[u8]) -> Result<(), String> {
        let unreadable = || "manifest.sig is not a signature file".to_owned();
        let text = std::str::from_utf8(file).map_err(|_| unreadable())?;
        let encoded = text.lines().find_map(|l| l.strip_prefix("signature: ")).ok_or_else(unreadable)?;
        let bytes: [u8; 64] = STANDARD.decode(encoded).ok().and_then(|b| b.try_into().ok()).ok_or_else(unreadable)?;
        if signature_file(&self.id(), &bytes) != file {
            return Err("manifest.sig was changed, or names another key than the manifest".into());
        }
        self.0.verify_strict(manifest, &Signature::from_bytes(&bytes)).map_err(|_| {
            format!(
                "the signature in manifest.sig does not belong to manifest.json under key {}: one of them was changed",
                self.id()
            )
        })
    }
}

fn signature_file(key_id: &str, signature: &[u8; 64]) -> Vec<u8> {
    format!("assured-signature/1\nkey-id: {key_id}\nsignature: {}\n", STANDARD.encode(signature)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_files() {
        let key = Key::from_random(&[7; 32]);
        let again = Key::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(PublicKey::from_pem(&key.public().to_pem()).unwrap(), key.public());
        assert!(Key::from_pem("nonsense").is_err());
    }

    #[test]
    fn every_flipped_byte_of_a_signature_is_found() {
        let key = Key::from_random(&[7; 32]);
        let file = key.sign(b"manifest");
        assert_eq!(key.public().check(b"manifest", &file), Ok(()));
        assert!(key.public().check(b"manifest2", &file).is_err());
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(key.public().check(b"manifest", &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn debug_shows_the_id_only() {
        assert_eq!(format!("{:?}", Key::from_random(&[7; 32])).len(), "Key()".len() + 16);
    }
}
