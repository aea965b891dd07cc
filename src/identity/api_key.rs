//! API keys, known by their SHA-256 only.
//!
//! A key is random and long, so a plain digest is enough: nobody can try all keys, and how long
//! the look-up of a digest takes says nothing about the key that it was made from.

use std::collections::HashMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::caller::Principal;

/// The owners of keys.
#[derive(Default)]
pub(super) struct Keys {
    owners: HashMap<[u8; 32], Principal>,
}

impl Keys {
    pub(super) fn add(&mut self, digest: [u8; 32], owner: Principal) {
        self.owners.insert(digest, owner);
    }

    pub(super) fn owner(&self, key: &str) -> Option<&Principal> {
        self.owners.get(&digest(key))
    }

    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// A new API key made of 32 random bytes, and the line that the configuration knows it by.
pub fn api_key(random: [u8; 32]) -> (String, String) {
    // The prefix is for tools that look for secrets in repositories.
    let key = format!("overgate_{}", URL_SAFE_NO_PAD.encode(random));
    let mut line = "sha256:".to_owned();
    for byte in digest(&key) {
        // Writing to a string does not fail.
        let _ = write!(line, "{byte:02x}");
    }
    (key, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_digest() {
        // FIPS 180-4's example for `abc`.
        let start = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea];
        assert_eq!(digest("abc")[..8], start);
        let mut keys = Keys::default();
        keys.add(digest("a"), Principal::new("etl", Vec::new()));
        assert_eq!(keys.owner("a").map(|owner| &**owner.name()), Some("etl"));
        assert_eq!(keys.owner("b"), None);
    }

    #[test]
    fn a_new_key_can_be_used() {
        let (key, line) = api_key([7; 32]);
        assert!(crate::caller::is_key(&key), "{key}");
        assert_eq!(line.len(), 7 + 64);
        assert_ne!(api_key([8; 32]).1, line);
        assert!(
            !key.contains('.'),
            "as `Bearer` it would be taken for a token"
        );
    }
}
