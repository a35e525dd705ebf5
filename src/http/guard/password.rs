//! What a request says of its user, and which pairs of name and password were right before.

use std::collections::VecDeque;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Most pairs that are remembered; the oldest makes room.
const MAX_KNOWN: usize = 128;

/// A name with its password, as somebody claims them. Never shown.
pub struct Claim {
    /// The name, up to the first colon.
    pub name: String,
    /// The password, whose encoding nobody tells for sure.
    pub password: Vec<u8>,
}

/// What stands in for a claim where it must not be kept: worth nothing without the key.
pub type Mark = [u8; 32];

impl Claim {
    /// What the header says (RFC 7617); `None` when there is none, several, or none that can be understood.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else { return None };
        let (scheme, pair) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = STANDARD.decode(pair.trim()).ok()?;
        let colon = pair.iter().position(|b| *b == b':')?;
        let name = String::from_utf8(pair[..colon].to_vec()).ok()?;
        Some(Self { name, password: pair[colon + 1..].to_vec() })
    }

    /// Its mark under this key and this web configuration.
    #[must_use]
    pub fn mark(&self, key: &[u8; 32], fingerprint: &[u8; 32]) -> Mark {
        let mut sum = Sha256::new();
        sum.update(key);
        sum.update(fingerprint);
        sum.update((self.name.len() as u64).to_be_bytes());
        sum.update(self.name.as_bytes());
        sum.update(&self.password);
        sum.finalize().into()
    }

    /// Which of so many users a name that nobody has is held against: always the same, so that time tells nothing.
    #[must_use]
    pub fn stand_in(&self, key: &[u8; 32], users: usize) -> usize {
        let mut sum = Sha256::new();
        sum.update(key);
        sum.update(self.name.as_bytes());
        let digest: [u8; 32] = sum.finalize().into();
        let (first, _) = digest.split_first_chunk::<8>().expect("32 bytes have 8");
        usize::try_from(u64::from_be_bytes(*first) % (users.max(1) as u64)).unwrap_or(0)
    }
}

/// Marks of claims that were right.
#[derive(Default)]
pub struct Known(VecDeque<Mark>);

impl Known {
    /// Whether this was right before.
    #[must_use]
    pub fn has(&self, mark: &Mark) -> bool {
        self.0.contains(mark)
    }

    /// Remembers one that was right.
    pub fn add(&mut self, mark: Mark) {
        if self.has(&mark) {
            return;
        }
        if self.0.len() >= MAX_KNOWN {
            self.0.pop_front();
        }
        self.0.push_back(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(text: &str) -> Option<(String, Vec<u8>)> {
        let headers = [(AUTHORIZATION, HeaderValue::from_str(text).expect("a value"))].into_iter().collect();
        Claim::read(&headers).map(|c| (c.name, c.password))
    }

    #[test]
    fn names_end_at_the_first_colon_and_passwords_are_bytes() {
        let basic = |pair: &[u8]| format!("Basic {}", STANDARD.encode(pair));
        assert_eq!(read(&basic(b"noc:a:b")), Some(("noc".into(), b"a:b".to_vec())));
        assert_eq!(read(&basic(b"noc:\xff\x00")), Some(("noc".into(), b"\xff\x00".to_vec())));
        assert_eq!(read(&format!("bAsIc  {}", STANDARD.encode("a:"))), Some(("a".into(), Vec::new())));
        for wrong in ["", "Basic", "Basic ", "Basic !!!", "Bearer YTpi", &basic(b"no colon"), &basic(b"\xff:x")] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let twice = [(AUTHORIZATION, HeaderValue::from_static("Basic YTpi")); 1];
        let mut headers: HeaderMap = twice.into_iter().collect();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert!(Claim::read(&headers).is_none());
    }

    #[test]
    fn a_mark_is_of_key_configuration_name_and_password() {
        let claim = |name: &str, password: &str| Claim { name: name.into(), password: password.into() };
        let mark = |c: Claim, key: u8, fingerprint: u8| c.mark(&[key; 32], &[fingerprint; 32]);
        let one = mark(claim("ab", "c"), 1, 1);
        assert_eq!(one, mark(claim("ab", "c"), 1, 1));
        for other in [
            mark(claim("a", "bc"), 1, 1),
            mark(claim("ab", "d"), 1, 1),
            mark(claim("ab", "c"), 2, 1),
            mark(claim("ab", "c"), 1, 2),
        ] {
            assert_ne!(one, other);
        }
        let stand_in = claim("nobody", "x").stand_in(&[1; 32], 3);
        assert_eq!(stand_in, claim("nobody", "y").stand_in(&[1; 32], 3));
        assert!(stand_in < 3 && claim("n", "").stand_in(&[1; 32], 0) == 0);
    }

    #[test]
    fn the_oldest_pair_is_forgotten_first() {
        let mut known = Known::default();
        let mark = |n: usize| {
            let mut mark = [0; 32];
            mark[..8].copy_from_slice(&(n as u64).to_be_bytes());
            mark
        };
        (0..=MAX_KNOWN).for_each(|n| known.add(mark(n)));
        known.add(mark(MAX_KNOWN));
        assert!(!known.has(&mark(0)) && known.has(&mark(1)) && known.has(&mark(MAX_KNOWN)));
        assert_eq!(known.0.len(), MAX_KNOWN);
    }
}
