//! Users of the configuration, over Basic.
//!
//! A check costs some 20 ms of CPU and 19 MiB, so a flood of logins must not be able to take the
//! machine or to keep others out: at most [`CHECKS_AT_ONCE`] run, one source has at most
//! [`WAITING_PER_SOURCE`] in the queue, a good login is remembered for a minute, and requests with
//! the same credentials wait for one check.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::timeout;

use super::cache::{Cache, Fingerprint, Fingerprints};
use super::users::Users;
use crate::caller::{Credentials, Principal, Source};

/// Password checks that run at the same time.
const CHECKS_AT_ONCE: usize = 2;

/// Different logins of one source that wait for a check or are being checked.
const WAITING_PER_SOURCE: usize = 8;

/// Logins that wait, in all.
const WAITING: usize = 256;

/// A login waits at most this long.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Why nobody was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No credentials, or none that a configured way of logging in understands.
    Absent,
    /// Unknown user or wrong password; which of the two is nobody's business.
    Wrong,
    /// Too many logins at once.
    Busy,
}

/// Checks credentials.
pub struct Authenticator {
    fingerprints: Fingerprints,
    cache: Mutex<Cache>,
    checks: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
}

/// Logins in the queue, by source and by what was sent.
#[derive(Default)]
struct Waiting {
    total: usize,
    by_source: HashMap<Source, usize>,
    by_login: HashMap<Fingerprint, Arc<AsyncMutex<()>>>,
}

/// A place in the queue, given back on drop.
struct Place<'a> {
    authenticator: &'a Authenticator,
    source: Source,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.authenticator.waiting();
        waiting.total = waiting.total.saturating_sub(1);
        if let Some(count) = waiting.by_source.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.by_source.remove(&self.source);
            }
        }
    }
}

impl Authenticator {
    /// An authenticator whose cache is keyed with `key`, 32 random bytes.
    pub fn new(key: &[u8; 32]) -> Authenticator {
        Authenticator {
            fingerprints: Fingerprints::new(key),
            cache: Mutex::default(),
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            waiting: Mutex::default(),
        }
    }

    /// How many logins are remembered.
    pub fn remembered(&self) -> usize {
        self.cache().len()
    }

    /// Who sent these credentials from `source`? `now` is a monotonic time.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn authenticate(
        &self,
        users: &Users,
        credentials: &Credentials,
        source: IpAddr,
        now: Duration,
    ) -> Result<Principal, Failure> {
        let Credentials::Basic { username, password } = credentials else {
            return Err(Failure::Absent);
        };
        let key = self.fingerprints.of(username, password);
        if let Some(principal) = self.cache().get(&key, users.generation, now) {
            return Ok(principal);
        }
        timeout(
            LONGEST_WAIT,
            self.check(users, username, password, key, source, now),
        )
        .await
        .unwrap_or(Err(Failure::Busy))
    }

    async fn check(
        &self,
        users: &Users,
        username: &str,
        password: &str,
        key: Fingerprint,
        source: IpAddr,
        now: Duration,
    ) -> Result<Principal, Failure> {
        let same = self.same_login(key).ok_or(Failure::Busy)?;
        let outcome = {
            let _one = same.lock().await;
            if let Some(principal) = self.cache().get(&key, users.generation, now) {
                Ok(principal)
            } else {
                self.check_alone(users, username, password, key, source, now)
                    .await
            }
        };
        drop(same);
        self.forget_login(&key);
        outcome
    }

    async fn check_alone(
        &self,
        users: &Users,
        username: &str,
        password: &str,
        key: Fingerprint,
        source: IpAddr,
        now: Duration,
    ) -> Result<Principal, Failure> {
        let _place = self.place(source).ok_or(Failure::Busy)?;
        let permit = self
            .checks
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Failure::Busy)?;
        let (user, hash) = users.named(username).ok_or(Failure::Absent)?;
        let password = password.to_owned();
        let right = tokio::task::spawn_blocking(move || {
            // Held until the check has ended, even when the client has left meanwhile.
            let _permit = permit;
            hash.matches(&password)
        })
        .await
        .unwrap_or(false);
        match user {
            Some(user) if right => {
                self.cache()
                    .put(key, user.principal.clone(), users.generation, now);
                Ok(user.principal.clone())
            }
            Some(_) | None => Err(Failure::Wrong),
        }
    }

    fn place(&self, source: IpAddr) -> Option<Place<'_>> {
        let source = Source::from(source);
        let mut waiting = self.waiting();
        let of_source = waiting.by_source.get(&source).copied().unwrap_or(0);
        if waiting.total >= WAITING || of_source >= WAITING_PER_SOURCE {
            return None;
        }
        waiting.total += 1;
        waiting.by_source.insert(source, of_source + 1);
        drop(waiting);
        Some(Place {
            authenticator: self,
            source,
        })
    }

    fn same_login(&self, key: Fingerprint) -> Option<Arc<AsyncMutex<()>>> {
        let mut waiting = self.waiting();
        if waiting.by_login.len() >= 2 * WAITING && !waiting.by_login.contains_key(&key) {
            // Left behind by requests that were cut while they waited.
            waiting
                .by_login
                .retain(|_, lock| Arc::strong_count(lock) > 1);
            if waiting.by_login.len() >= 2 * WAITING {
                return None;
            }
        }
        Some(waiting.by_login.entry(key).or_default().clone())
    }

    fn forget_login(&self, key: &Fingerprint) {
        let mut waiting = self.waiting();
        if waiting
            .by_login
            .get(key)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            waiting.by_login.remove(key);
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::argon2id::hash_password;
    use super::super::users::Account;
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn users(generation: u64) -> Users {
        let etl = Account {
            name: "etl".to_owned(),
            password: Some(hash_password("secret").expect("hashed")),
            roles: vec!["writer".to_owned()],
        };
        Users::new(generation, [etl]).expect("good")
    }

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    }

    #[tokio::test]
    async fn only_the_right_password_gets_in() {
        let authenticator = Authenticator::new(&[1; 32]);
        let users = users(1);
        let cases = [
            (basic("etl", "secret"), Ok("etl")),
            (basic("etl", "wrong"), Err(Failure::Wrong)),
            (basic("nobody", "secret"), Err(Failure::Wrong)),
            (Credentials::Absent, Err(Failure::Absent)),
        ];
        for (credentials, expected) in cases {
            let outcome = authenticator
                .authenticate(&users, &credentials, HERE, Duration::ZERO)
                .await;
            let name = outcome.map(|principal| principal.name().to_string());
            assert_eq!(
                name.as_deref(),
                expected.as_ref().map(|name| *name),
                "{credentials:?}"
            );
        }
        assert_eq!(authenticator.remembered(), 1);
        assert!(authenticator.waiting().by_login.is_empty());
        assert!(authenticator.waiting().by_source.is_empty());
    }

    #[tokio::test]
    async fn one_source_cannot_fill_the_queue() {
        let authenticator = Arc::new(Authenticator::new(&[1; 32]));
        let users = Arc::new(users(1));
        // All workers taken: whoever comes now waits.
        let held = authenticator
            .checks
            .clone()
            .acquire_many_owned(2)
            .await
            .expect("open");
        let mut flood = Vec::new();
        for number in 0..WAITING_PER_SOURCE + 5 {
            // The addresses of one IPv6 network are one source.
            let number = u16::try_from(number).expect("few");
            let here = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number]);
            let (authenticator, users) = (authenticator.clone(), users.clone());
            flood.push(tokio::spawn(async move {
                let credentials = basic("etl", &format!("guess{number}"));
                authenticator
                    .authenticate(&users, &credentials, here, Duration::ZERO)
                    .await
            }));
        }
        // Those over the limit end at once, although no check has run.
        let mut busy = 0;
        while busy < 5 {
            tokio::task::yield_now().await;
            busy = flood.iter().filter(|task| task.is_finished()).count();
        }
        let elsewhere = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        drop(held);
        let honest = basic("etl", "secret");
        let outcome = authenticator
            .authenticate(&users, &honest, elsewhere, Duration::ZERO)
            .await;
        assert!(outcome.is_ok(), "{outcome:?}");
        let mut refused = 0;
        for task in flood {
            match task.await.expect("no panic") {
                Err(Failure::Busy) => refused += 1,
                Err(Failure::Wrong) => {}
                other => panic!("a guess got {other:?}"),
            }
        }
        assert_eq!(refused, 5);
    }

    #[tokio::test]
    async fn equal_logins_wait_for_one_check() {
        let authenticator = Arc::new(Authenticator::new(&[1; 32]));
        let users = Arc::new(users(1));
        let mut tasks = Vec::new();
        for _ in 0..50 {
            let (authenticator, users) = (authenticator.clone(), users.clone());
            tasks.push(tokio::spawn(async move {
                authenticator
                    .authenticate(&users, &basic("etl", "secret"), HERE, Duration::ZERO)
                    .await
            }));
        }
        for task in tasks {
            assert!(
                task.await.expect("no panic").is_ok(),
                "more than one source's share, but one login"
            );
        }
    }
}
