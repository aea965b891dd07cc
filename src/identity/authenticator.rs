//! Who sent these credentials? What was right a moment ago is remembered, who guesses waits, and
//! the rest is checked.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};

use super::back_off::BackOff;
use super::basic::{Lane, Queue, Right};
use super::cache::{Cache, Fingerprint, Fingerprints, Seen};
use super::token::Refused;
use super::users::Users;
use crate::caller::{Credentials, Principal, Source, is_key};

/// A login waits at most this long for its check.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A monotonic clock.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Why nobody was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No credentials, or none that a configured way of logging in understands.
    Absent,
    /// Unknown user or wrong password, key or token; which of the two is nobody's business.
    Wrong,
    /// Too many logins at once.
    Busy,
    /// The issuer of the token cannot be reached for its keys.
    Unavailable,
    /// Too many failures before: no password is checked for this long, and a wrong key or token is
    /// not called so.
    Slowed(Duration),
}

/// Checks credentials.
pub struct Authenticator {
    fingerprints: Fingerprints,
    memory: Arc<Memory>,
    queue: Queue,
}

/// What earlier logins left.
struct Memory {
    clock: Clock,
    cache: Mutex<Cache>,
    back_off: Mutex<BackOff>,
    right: Mutex<Right>,
}

/// What is told apart of one login.
#[derive(Clone, Copy)]
struct Login {
    fingerprint: Fingerprint,
    source: Source,
    account: Option<Fingerprint>,
    generation: u64,
    /// Nobody knows it to have been right lately.
    is_new: bool,
}

impl Memory {
    fn seen(&self, login: &Login) -> Seen {
        let now = (self.clock)();
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(&login.fingerprint, login.generation, now)
    }

    fn back_off(&self) -> MutexGuard<'_, BackOff> {
        self.back_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn right(&self) -> MutexGuard<'_, Right> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it waits for its check.
    fn lane(&self, login: &Login) -> Lane {
        let account = login.account;
        account.map_or(Lane::Anybody, |account| {
            self.right().lane(login.source, account, (self.clock)())
        })
    }

    /// May it be checked now?
    fn may_try(&self, login: &Login) -> Result<(), Failure> {
        if !login.is_new {
            return Ok(());
        }
        let now = (self.clock)();
        let account = login.account.as_ref();
        match self.back_off().wait(login.source, account, now) {
            Some(wait) => Err(Failure::Slowed(wait)),
            None => Ok(()),
        }
    }

    /// What is said of a key or a token that was checked and is wrong. Who has failed too often
    /// does not even learn that.
    fn guessed(&self, login: &Login) -> Failure {
        if let Err(slowed) = self.may_try(login) {
            return slowed;
        }
        match self.settle(login, None, Duration::ZERO) {
            Ok(_) => Failure::Wrong,
            Err(failure) => failure,
        }
    }

    /// Remembers what came of a check. `lifetime` is how long a good login is believed at most.
    fn settle(
        &self,
        login: &Login,
        checked: Option<Principal>,
        lifetime: Duration,
    ) -> Result<Principal, Failure> {
        let now = (self.clock)();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(principal) = checked else {
            if !login.is_new {
                cache.forget(&login.fingerprint);
            }
            drop(cache);
            self.back_off().failed(login.source, login.account, now);
            return Err(Failure::Wrong);
        };
        if let Some(account) = login.account {
            self.right().put(login.source, account, now);
        }
        let end = now.saturating_add(lifetime);
        cache.put(
            login.fingerprint,
            principal.clone(),
            login.generation,
            now,
            end,
        );
        Ok(principal)
    }
}

impl Authenticator {
    /// An authenticator whose memory is keyed with `key`, 32 random bytes.
    pub fn new(key: &[u8; 32], clock: Clock) -> Authenticator {
        Authenticator {
            fingerprints: Fingerprints::new(key),
            memory: Arc::new(Memory {
                clock,
                cache: Mutex::default(),
                back_off: Mutex::default(),
                right: Mutex::default(),
            }),
            queue: Queue::new(),
        }
    }

    /// How many logins are remembered.
    pub fn remembered(&self) -> usize {
        let cache = self.memory.cache.lock();
        cache.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Who sent these credentials from `source`? `now` is the wall clock's, for tokens.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn authenticate(
        &self,
        users: &Users,
        credentials: &Credentials,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<Principal, Failure> {
        let (kind, parts) = match credentials {
            Credentials::Absent | Credentials::Certificate(_) => return Err(Failure::Absent),
            Credentials::Basic { username, password } => (0, [username.as_str(), password]),
            Credentials::Key(key) => (1, [key.as_str(), ""]),
            Credentials::Token(token) => (2, [token.as_str(), ""]),
        };
        let mut login = Login {
            fingerprint: self.fingerprints.of(kind, parts),
            source: Source::from(source),
            account: None,
            generation: users.generation,
            is_new: false,
        };
        match self.memory.seen(&login) {
            Seen::Now(principal) => return Ok(principal),
            Seen::Before => {}
            Seen::Never => login.is_new = true,
        }
        match credentials {
            Credentials::Basic { username, password } => {
                login.account = Some(self.fingerprints.of(3, [username, ""]));
                self.memory.may_try(&login)?;
                let checked = self.password(users, username, password, login);
                timeout(LONGEST_WAIT, checked)
                    .await
                    .unwrap_or(Err(Failure::Busy))
            }
            // These take microseconds and cannot be guessed, so that one that is right need not
            // wait for the guesses of others at its address.
            Credentials::Key(key) if users.schemes().key => match users.with_key(key) {
                Some(principal) => self.memory.settle(&login, Some(principal), Duration::MAX),
                None => Err(self.memory.guessed(&login)),
            },
            Credentials::Token(token) if users.takes_bearer(token) => {
                match self.token(users, token, now).await {
                    Ok((principal, lifetime)) => {
                        self.memory.settle(&login, Some(principal), lifetime)
                    }
                    Err(Refused::Wrong) => Err(self.memory.guessed(&login)),
                    // Whoever has these had a token, or asks at a bad time; neither guesses.
                    Err(Refused::Expired | Refused::UnknownKey) => Err(Failure::Wrong),
                    Err(Refused::NoKeys) => Err(Failure::Unavailable),
                }
            }
            Credentials::Absent
            | Credentials::Certificate(_)
            | Credentials::Key(_)
            | Credentials::Token(_) => Err(Failure::Absent),
        }
    }

    /// Whose token, or API key with dots in it, and for how long.
    async fn token(
        &self,
        users: &Users,
        token: &str,
        now: Timestamp,
    ) -> Result<(Principal, Duration), Refused> {
        if is_key(token)
            && let Some(principal) = users.with_key(token)
        {
            return Ok((principal, Duration::MAX));
        }
        let accepted = users.issuers.check(token, now.as_second()).await?;
        Ok((accepted.principal, accepted.lifetime))
    }

    async fn password(
        &self,
        users: &Users,
        username: &str,
        password: &str,
        login: Login,
    ) -> Result<Principal, Failure> {
        let (user, hash) = users.named(username).ok_or(Failure::Absent)?;
        let same = self.queue.same(login.fingerprint).ok_or(Failure::Busy)?;
        let one = same.turn.clone().lock_owned().await;
        if let Seen::Now(principal) = self.memory.seen(&login) {
            return Ok(principal);
        }
        let place = self.queue.place(login.source, self.memory.lane(&login));
        let mut place = place.ok_or(Failure::Busy)?;
        let turn = place.turn().await.ok_or(Failure::Busy)?;
        let begun = Instant::now();
        // While it waited, others of its source may have failed.
        self.memory.may_try(&login)?;
        let principal = user.map(|user| user.principal.clone());
        let password = password.to_owned();
        let memory = self.memory.clone();
        let settled = tokio::task::spawn_blocking(move || {
            // It is counted, and its turn lasts, even when the client has left meanwhile.
            let right = hash.matches(&password);
            let settled = memory.settle(&login, principal.filter(|_| right), Duration::MAX);
            drop(turn);
            settled
        })
        .await
        .unwrap_or(Err(Failure::Busy));
        if settled.is_err() {
            // Nobody waits for this one's wait.
            drop((place, one, same));
            sleep_until(begun + users.floor().await).await;
        }
        settled
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

#[cfg(test)]
mod tests;
