//! Who guesses waits: failed logins, counted per source and per account.
//!
//! A source that failed a few times waits one second, then two, four, up to a minute, and is not
//! even checked meanwhile. An account that many sources guess at makes the same sources wait, and
//! no others: whoever has not failed gets in at once, so that a user cannot be locked out by
//! guessing at its password.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use super::cache::Fingerprint;
use crate::caller::Source;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;

/// Failures at one account, from anywhere, before it slows those who have failed.
const FREE_PER_ACCOUNT: u32 = 20;

/// The first wait; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Nothing is remembered longer than this after the last failure.
const MEMORY: Duration = Duration::from_secs(600);

/// Sources, and accounts, that are told apart; some 100 bytes each. What comes on top shares one
/// count, whose waits are the first one, so that an honest newcomer is not kept out.
const MOST: usize = 16_384;

/// A full table is looked through for what is forgotten at most this often.
const TIDY: Duration = Duration::from_secs(1);

/// What is counted.
#[derive(Default)]
pub(super) struct BackOff {
    sources: Counts<Source>,
    accounts: Counts<Fingerprint>,
}

impl BackOff {
    /// How long must this source wait before its next login, at that account, is checked?
    pub(super) fn wait(
        &self,
        source: Source,
        account: Option<&Fingerprint>,
        now: Duration,
    ) -> Option<Duration> {
        // Without failures of its own nobody waits.
        let own = self.sources.get(&source, now)?;
        let account = account.and_then(|account| self.accounts.get(account, now));
        let until = own
            .until
            .max(account.map_or(Duration::ZERO, |count| count.until));
        until.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// Counts a login that was checked and was wrong.
    pub(super) fn failed(&mut self, source: Source, account: Option<Fingerprint>, now: Duration) {
        self.sources.add(source, FREE, now);
        if let Some(account) = account {
            self.accounts.add(account, FREE_PER_ACCOUNT, now);
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Count {
    failures: u32,
    last: Duration,
    /// Nothing is checked before.
    until: Duration,
}

impl Count {
    fn is_forgotten(&self, now: Duration) -> bool {
        self.failures == 0 || now >= self.last.saturating_add(MEMORY)
    }

    fn add(&mut self, free: u32, longest: Duration, now: Duration) {
        if self.is_forgotten(now) {
            *self = Count::default();
        }
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        if let Some(doubled) = self.failures.checked_sub(free) {
            let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(doubled).unwrap_or(u32::MAX));
            self.until = now.saturating_add(wait.min(longest));
        }
    }
}

/// At most [`MOST`] counts, and one for all others.
struct Counts<K> {
    by_key: HashMap<K, Count>,
    others: Count,
    tidied: Duration,
}

impl<K> Default for Counts<K> {
    fn default() -> Counts<K> {
        Counts {
            by_key: HashMap::new(),
            others: Count::default(),
            tidied: Duration::ZERO,
        }
    }
}

impl<K: Eq + Hash> Counts<K> {
    fn get(&self, key: &K, now: Duration) -> Option<&Count> {
        let count = match self.by_key.get(key) {
            Some(count) => count,
            None if self.by_key.len() >= MOST => &self.others,
            None => return None,
        };
        (!count.is_forgotten(now)).then_some(count)
    }

    fn add(&mut self, key: K, free: u32, now: Duration) {
        let is_full = self.by_key.len() >= MOST && !self.by_key.contains_key(&key);
        if is_full && now >= self.tidied.saturating_add(TIDY) {
            self.tidied = now;
            self.by_key.retain(|_, count| !count.is_forgotten(now));
        }
        if is_full && self.by_key.len() >= MOST {
            self.others.add(free, FIRST_WAIT, now);
        } else {
            let count = self.by_key.entry(key).or_default();
            count.add(free, LONGEST_WAIT, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const ETL: Fingerprint = [1; 32];
    const OPS: Fingerprint = [2; 32];

    fn source(number: u32) -> Source {
        Source::from(IpAddr::from(number.to_be_bytes()))
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_up_to_a_minute_and_are_forgotten() {
        let mut back_off = BackOff::default();
        let mut now = at(100);
        let mut waits = Vec::new();
        for _ in 0..14 {
            back_off.failed(source(1), Some(ETL), now);
            let wait = back_off.wait(source(1), Some(&ETL), now);
            waits.push(wait.map_or(0, |wait| wait.as_secs()));
            assert_eq!(
                back_off.wait(source(2), Some(&ETL), now),
                None,
                "another source"
            );
            now += wait.unwrap_or_default();
            assert_eq!(
                back_off.wait(source(1), Some(&ETL), now),
                None,
                "it has waited"
            );
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        // One more within ten minutes of the last, and one after them.
        back_off.failed(source(1), None, now);
        assert_eq!(back_off.wait(source(1), None, now), Some(LONGEST_WAIT));
        now += MEMORY;
        back_off.failed(source(1), None, now);
        assert_eq!(back_off.wait(source(1), None, now), None);
    }

    #[test]
    fn an_account_slows_only_those_who_have_failed() {
        let mut back_off = BackOff::default();
        for number in 0..100 {
            back_off.failed(source(number), Some(ETL), at(5));
        }
        // One failure each: none would wait for its own.
        assert_eq!(
            back_off.wait(source(0), Some(&ETL), at(5)),
            Some(LONGEST_WAIT)
        );
        assert_eq!(back_off.wait(source(0), Some(&OPS), at(5)), None);
        assert_eq!(back_off.wait(source(0), None, at(5)), None);
        assert_eq!(
            back_off.wait(source(100), Some(&ETL), at(5)),
            None,
            "the honest"
        );
        assert_eq!(back_off.wait(source(0), Some(&ETL), at(65)), None);
    }

    #[test]
    fn tables_are_bounded_and_newcomers_get_in_within_a_second() {
        let mut back_off = BackOff::default();
        let most = u32::try_from(MOST).expect("few");
        for number in 0..most + 1_000 {
            let mut account = [0; 32];
            account[..4].copy_from_slice(&number.to_le_bytes());
            back_off.failed(source(number), Some(account), at(5));
        }
        assert_eq!(back_off.sources.by_key.len(), MOST);
        assert_eq!(back_off.accounts.by_key.len(), MOST);
        // Those beyond the table are one, and wait no longer than a second.
        assert_eq!(back_off.wait(source(most), None, at(5)), Some(FIRST_WAIT));
        let honest = back_off.wait(source(u32::MAX), Some(&ETL), at(5));
        assert_eq!(honest, Some(FIRST_WAIT));
        // What is forgotten makes room.
        let later = at(5) + MEMORY;
        assert_eq!(back_off.wait(source(u32::MAX), Some(&ETL), later), None);
        back_off.failed(source(u32::MAX), Some(ETL), later);
        assert_eq!(back_off.sources.by_key.len(), 1);
    }

    #[test]
    fn no_count_and_no_time_overflows() {
        let mut back_off = BackOff::default();
        for _ in 0..100 {
            back_off.failed(source(1), Some(ETL), Duration::MAX);
        }
        back_off.wait(source(1), Some(&ETL), Duration::MAX);
        back_off.failed(source(1), Some(ETL), Duration::ZERO);
    }
}
