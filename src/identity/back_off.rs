//! Who guesses waits: failed logins, counted per source and per account.
//!
//! A source that failed a few times waits one second, then two, four, up to a minute. An account
//! that many sources guess at makes those wait that have failed there some times themselves, and
//! no others: whoever has not failed gets in at once, so that a user cannot be locked out by
//! guessing at its password.
//!
//! The tables are bounded. What has no place in them has not failed: the one whose last failure
//! was the longest ago is let go, so that nobody is kept out by the failures of others.

use std::hash::Hash;
use std::time::Duration;

use super::cache::Fingerprint;
use super::recent::Recent;
use crate::caller::Source;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;

/// Failures at one account, from anywhere, before it slows those who have failed.
const FREE_PER_ACCOUNT: u32 = 20;

/// Failures of a source at one account before it waits with the others who fail there.
const FREE_OF_SOURCE_AT_ACCOUNT: u32 = 3;

/// The first wait; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Nothing is remembered longer than this after the last failure.
const MEMORY: Duration = Duration::from_secs(600);

/// Sources, accounts and pairs of them that are told apart; some 200 bytes each.
const MOST: usize = 16_384;

/// What is counted.
pub(super) struct BackOff {
    sources: Counts<Source>,
    accounts: Counts<Fingerprint>,
    pairs: Counts<(Source, Fingerprint)>,
}

impl Default for BackOff {
    fn default() -> BackOff {
        BackOff {
            sources: Counts(Recent::new(MOST)),
            accounts: Counts(Recent::new(MOST)),
            pairs: Counts(Recent::new(MOST)),
        }
    }
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
        let mut until = self.sources.get(&source, now)?.until;
        if let Some(account) = account
            && let Some(pair) = self.pairs.get(&(source, *account), now)
            && pair.failures >= FREE_OF_SOURCE_AT_ACCOUNT
            && let Some(all) = self.accounts.get(account, now)
        {
            until = until.max(all.until);
        }
        until.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// Counts a login that was checked and was wrong.
    pub(super) fn failed(&mut self, source: Source, account: Option<Fingerprint>, now: Duration) {
        self.sources.add(source, FREE, now);
        if let Some(account) = account {
            self.accounts.add(account, FREE_PER_ACCOUNT, now);
            self.pairs.add((source, account), FREE, now);
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

    fn add(&mut self, free: u32, now: Duration) {
        if self.is_forgotten(now) {
            *self = Count::default();
        }
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        if let Some(doubled) = self.failures.checked_sub(free) {
            let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(doubled).unwrap_or(u32::MAX));
            self.until = now.saturating_add(wait.min(LONGEST_WAIT));
        }
    }
}

struct Counts<K>(Recent<K, Count>);

impl<K: Clone + Eq + Hash> Counts<K> {
    fn get(&self, key: &K, now: Duration) -> Option<&Count> {
        self.0.get(key).filter(|count| !count.is_forgotten(now))
    }

    fn add(&mut self, key: K, free: u32, now: Duration) {
        self.0.touch(key).add(free, now);
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
    fn an_account_slows_only_those_who_have_failed_there() {
        let mut back_off = BackOff::default();
        for number in 0..100 {
            back_off.failed(source(number), Some(ETL), at(5));
        }
        // One mistake each, and none of the last one's here.
        back_off.failed(source(100), Some(OPS), at(5));
        for number in 0..101 {
            assert_eq!(back_off.wait(source(number), Some(&ETL), at(5)), None);
        }
        // A third one: none would wait for its own.
        back_off.failed(source(0), Some(ETL), at(5));
        assert_eq!(back_off.wait(source(0), Some(&ETL), at(5)), None);
        back_off.failed(source(0), Some(ETL), at(5));
        let wait = back_off.wait(source(0), Some(&ETL), at(5));
        assert_eq!(wait, Some(LONGEST_WAIT));
        assert_eq!(back_off.wait(source(0), Some(&OPS), at(5)), None);
        assert_eq!(back_off.wait(source(0), None, at(5)), None);
        assert_eq!(back_off.wait(source(0), Some(&ETL), at(65)), None);
    }

    #[test]
    fn a_full_table_keeps_nobody_out() {
        let mut back_off = BackOff::default();
        let most = u32::try_from(MOST).expect("few");
        let account = |number: u32| {
            let mut account = [0; 32];
            account[..4].copy_from_slice(&number.to_le_bytes());
            account
        };
        for _ in 0..FREE {
            back_off.failed(source(u32::MAX), Some(ETL), at(4));
        }
        for number in 0..most + 1_000 {
            for _ in 0..FREE {
                back_off.failed(source(number), Some(account(number)), at(5));
            }
        }
        assert_eq!(back_off.sources.0.len(), MOST);
        assert_eq!(back_off.accounts.0.len(), MOST);
        assert_eq!(back_off.pairs.0.len(), MOST);
        let wait = |number| back_off.wait(source(number), None, at(5));
        assert_eq!(wait(most + 1_000), None, "a newcomer has not failed");
        assert_eq!(wait(u32::MAX), None, "the oldest are let go");
        assert_eq!(wait(999), None, "the oldest are let go");
        assert_eq!(wait(1_000), Some(FIRST_WAIT));
        assert_eq!(wait(most + 999), Some(FIRST_WAIT));
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
