//! Logins that were checked a moment ago, by a keyed hash of what was sent.

use std::collections::HashMap;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::caller::Principal;

/// A checked login is believed this long.
const LIFETIME: Duration = Duration::from_secs(60);

/// Logins kept at most; each takes some 200 bytes.
const MOST: usize = 10_000;

/// HMAC-SHA-256 of a login under a key made at the start: what memory holds tells no password.
pub(super) type Fingerprint = [u8; 32];

/// Makes fingerprints.
pub(super) struct Fingerprints {
    mac: Hmac<Sha256>,
}

impl Fingerprints {
    pub(super) fn new(key: &[u8; 32]) -> Fingerprints {
        Fingerprints {
            mac: Hmac::new_from_slice(key).expect("HMAC takes a key of any length"),
        }
    }

    pub(super) fn of(&self, username: &str, password: &str) -> Fingerprint {
        let mut mac = self.mac.clone();
        // The length keeps `a` + `bc` and `ab` + `c` apart.
        mac.update(&(username.len() as u64).to_le_bytes());
        mac.update(username.as_bytes());
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

struct Entry {
    principal: Principal,
    generation: u64,
    until: Duration,
}

/// At most [`MOST`] good logins, each for [`LIFETIME`] and for one generation of users.
#[derive(Default)]
pub(super) struct Cache {
    entries: HashMap<Fingerprint, Entry>,
}

impl Cache {
    pub(super) fn get(
        &self,
        key: &Fingerprint,
        generation: u64,
        now: Duration,
    ) -> Option<Principal> {
        self.entries
            .get(key)
            .filter(|entry| entry.generation == generation && now < entry.until)
            .map(|entry| entry.principal.clone())
    }

    pub(super) fn put(
        &mut self,
        key: Fingerprint,
        principal: Principal,
        generation: u64,
        now: Duration,
    ) {
        if self.entries.len() >= MOST {
            self.entries
                .retain(|_, entry| entry.generation == generation && now < entry.until);
        }
        if self.entries.len() >= MOST {
            // Only good logins get here: this many in one minute is a busy day, not an attack.
            self.entries.clear();
        }
        let until = now + LIFETIME;
        self.entries.insert(
            key,
            Entry {
                principal,
                generation,
                until,
            },
        );
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lives_a_minute_and_one_generation() {
        let fingerprints = Fingerprints::new(&[7; 32]);
        let key = fingerprints.of("etl", "secret");
        let mut cache = Cache::default();
        let start = Duration::from_secs(5);
        cache.put(key, Principal::new("etl", Vec::new()), 1, start);
        assert!(cache.get(&key, 1, start).is_some());
        assert!(
            cache
                .get(&key, 1, start + LIFETIME - Duration::from_millis(1))
                .is_some()
        );
        assert!(cache.get(&key, 1, start + LIFETIME).is_none());
        assert!(cache.get(&key, 2, start).is_none());
    }

    #[test]
    fn a_fingerprint_knows_where_the_name_ends() {
        let fingerprints = Fingerprints::new(&[7; 32]);
        assert_ne!(fingerprints.of("a", "bc"), fingerprints.of("ab", "c"));
        assert_ne!(
            fingerprints.of("a", "b"),
            Fingerprints::new(&[8; 32]).of("a", "b")
        );
    }

    #[test]
    fn the_cache_is_bounded() {
        let mut cache = Cache::default();
        for number in 0..MOST as u64 + 10 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            cache.put(key, Principal::new("etl", Vec::new()), 1, Duration::ZERO);
        }
        assert!(cache.len() <= MOST);
    }
}
