//! Logins that were checked a moment ago, by a keyed hash of what was sent.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::caller::Principal;

/// A checked login is believed this long.
const LIFETIME: Duration = Duration::from_secs(60);

/// Who was right this short a time ago does not guess: see [`Seen::Before`].
const MEMORY: Duration = Duration::from_secs(600);

/// Logins kept at most; each takes some 200 bytes.
const MOST: usize = 10_000;

/// Logins of one principal kept at most: an issuer may make it a token for each request.
const MOST_OF_ONE: usize = 100;

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

    /// Of what the parts are; their lengths keep `a` + `bc` and `ab` + `c` apart, their kind a key
    /// and a token.
    pub(super) fn of(&self, kind: u8, parts: [&str; 2]) -> Fingerprint {
        let mut mac = self.mac.clone();
        mac.update(&[kind]);
        mac.update(&(parts[0].len() as u64).to_le_bytes());
        for part in parts {
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

struct Entry {
    principal: Principal,
    generation: u64,
    until: Duration,
    number: u64,
}

/// What is remembered of a login.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was right a moment ago.
    Now(Principal),
    /// It was right some minutes ago, or under another configuration. It is checked again, but it
    /// is no guess: whoever else guesses from the same address does not slow it.
    Before,
    /// It is not known to have been right.
    Never,
}

/// At most [`MOST`] good logins, each for [`LIFETIME`] and for one generation of users.
#[derive(Default)]
pub(super) struct Cache {
    entries: HashMap<Fingerprint, Entry>,
    /// The logins of each, by their numbers, the oldest first.
    by_principal: HashMap<Arc<str>, BTreeMap<u64, Fingerprint>>,
    /// How many were remembered.
    put: u64,
}

impl Cache {
    pub(super) fn get(&self, key: &Fingerprint, generation: u64, now: Duration) -> Seen {
        match self.entries.get(key) {
            Some(entry) if entry.generation == generation && now < entry.until => {
                Seen::Now(entry.principal.clone())
            }
            Some(entry) if now < entry.until.saturating_add(MEMORY) => Seen::Before,
            Some(_) | None => Seen::Never,
        }
    }

    /// Remembers a good login for a minute, or until `end`.
    pub(super) fn put(
        &mut self,
        key: Fingerprint,
        principal: Principal,
        generation: u64,
        now: Duration,
        end: Duration,
    ) {
        self.forget(&key);
        let name = principal.name().clone();
        let own = self.by_principal.get(&name);
        let goes = match own.filter(|own| own.len() >= MOST_OF_ONE) {
            Some(own) => Some(own),
            None if self.entries.len() >= MOST => {
                self.by_principal.values().max_by_key(|own| own.len())
            }
            None => None,
        };
        if let Some((_, oldest)) = goes.and_then(BTreeMap::first_key_value) {
            self.forget(&oldest.clone());
        }
        self.put += 1;
        self.by_principal
            .entry(name)
            .or_default()
            .insert(self.put, key);
        self.entries.insert(
            key,
            Entry {
                principal,
                generation,
                until: now.saturating_add(LIFETIME).min(end),
                number: self.put,
            },
        );
    }

    /// It is not right any more.
    pub(super) fn forget(&mut self, key: &Fingerprint) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        let name = entry.principal.name();
        if let Some(own) = self.by_principal.get_mut(name) {
            own.remove(&entry.number);
            if own.is_empty() {
                self.by_principal.remove(name);
            }
        }
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
        let key = fingerprints.of(0, ["etl", "secret"]);
        let principal = Principal::new("etl", Vec::new());
        let mut cache = Cache::default();
        let start = Duration::from_secs(5);
        let millisecond = Duration::from_millis(1);
        assert_eq!(cache.get(&key, 1, start), Seen::Never);
        cache.put(key, principal.clone(), 1, start, Duration::MAX);
        let end = start + LIFETIME;
        assert_eq!(cache.get(&key, 1, start), Seen::Now(principal.clone()));
        assert_eq!(
            cache.get(&key, 1, end - millisecond),
            Seen::Now(principal.clone())
        );
        assert_eq!(cache.get(&key, 1, end), Seen::Before);
        assert_eq!(cache.get(&key, 2, start), Seen::Before);
        assert_eq!(cache.get(&key, 1, end + MEMORY - millisecond), Seen::Before);
        assert_eq!(cache.get(&key, 1, end + MEMORY), Seen::Never);
        cache.put(key, principal.clone(), 1, start, start + millisecond);
        assert_eq!(cache.get(&key, 1, start), Seen::Now(principal));
        assert_eq!(
            cache.get(&key, 1, start + millisecond),
            Seen::Before,
            "it has its own end"
        );
        cache.forget(&key);
        assert_eq!(cache.get(&key, 1, start), Seen::Never);
    }

    #[test]
    fn a_fingerprint_knows_where_the_name_ends() {
        let fingerprints = Fingerprints::new(&[7; 32]);
        let of = |kind, parts| fingerprints.of(kind, parts);
        assert_ne!(of(0, ["a", "bc"]), of(0, ["ab", "c"]));
        assert_ne!(of(0, ["a", ""]), of(1, ["a", ""]));
        assert_ne!(
            of(0, ["a", "b"]),
            Fingerprints::new(&[8; 32]).of(0, ["a", "b"])
        );
    }

    #[test]
    fn the_cache_is_bounded_and_each_has_its_share() {
        let mut cache = Cache::default();
        let mut put = |name: &str, number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&(number as u64).to_le_bytes());
            let principal = Principal::new(name, Vec::new());
            cache.put(key, principal, 1, Duration::ZERO, Duration::MAX);
            let known = |key| cache.entries.contains_key(key);
            let mut oldest = [0; 32];
            oldest[..8].copy_from_slice(&1_u64.to_le_bytes());
            (cache.len(), known(&[0; 32]), known(&oldest))
        };
        // One login of the first, and a flood of the second.
        assert_eq!(put("first", 0), (1, true, false));
        for number in 1..=MOST_OF_ONE {
            assert_eq!(put("second", number), (number + 1, true, true));
        }
        assert_eq!(put("second", 200), (MOST_OF_ONE + 1, true, false));
        // So many others that the table is full: it is the largest that gives way.
        for number in 0..MOST {
            let (len, first, _) = put(&format!("user{number}"), 1_000 + number);
            assert!(len <= MOST && first, "{number}");
        }
        let counted: usize = cache.by_principal.values().map(BTreeMap::len).sum();
        assert_eq!((cache.len(), counted), (MOST, MOST));
    }
}
