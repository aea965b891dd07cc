//! Keys at an address: fetched when the gateway starts, every few minutes, and when a token names
//! a key that is not known yet.
//!
//! One fetch runs at a time, and one begins at most every [`APART`], however many unknown keys
//! there are. When the issuer cannot be reached, or answers something else, the keys it had are
//! believed on for a day; what it does tell takes the place of what was known.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{sleep, timeout};

use super::super::authenticator::Clock;
use super::keys::{InvalidKeys, KeySet};
use crate::certificate::Files;
use fetch::{Failure, Trust};

mod fetch;

/// Two fetches begin at least this far apart.
const APART: Duration = Duration::from_secs(30);

/// Keys are fetched again after this time.
const INTERVAL: Duration = Duration::from_secs(300);

/// A fetch takes at most this long.
const LONGEST: Duration = Duration::from_secs(5);

/// Keys that were not confirmed for this long are not believed any more.
const STALE: Duration = Duration::from_secs(24 * 3_600);

/// Where a JWK set is.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// `https`, not `http`.
    pub tls: bool,
    /// A name or an address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path with its query.
    pub path: String,
    /// A file of CA certificates (PEM); the system's without.
    pub ca: Option<PathBuf>,
}

/// A query may hold a key to the keys.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next();
        f.debug_struct("Address")
            .field("tls", &self.tls)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &path.unwrap_or_default())
            .field("ca", &self.ca)
            .finish()
    }
}

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the CA certificates: {0}")]
pub struct CaError(String);

/// Was the issuer asked since somebody wanted to know?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetched {
    /// It was, and has told its keys.
    Now,
    /// It was asked a moment before, or could not be asked.
    Not,
}

/// An issuer's keys at an address.
pub(super) struct Remote {
    address: Address,
    trust: Option<Trust>,
    clock: Clock,
    state: Mutex<State>,
    /// A fetch takes at most this long.
    patience: Duration,
    /// Held while a fetch runs.
    flight: AsyncMutex<()>,
    is_started: AtomicBool,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    confirmed: Duration,
    /// When the last fetch began.
    begun: Option<Duration>,
}

impl Remote {
    /// Keys at an address; those that `before` had fetched from there stay until they are fetched
    /// anew, if the same authorities are trusted. The certificates are read: the file may have
    /// changed.
    pub(super) fn new(
        address: Address,
        clock: Clock,
        before: Option<&Remote>,
    ) -> Result<Arc<Remote>, CaError> {
        let remote = Remote::patient(address, clock, LONGEST)?;
        if let Some(before) = before
            && before.files() == remote.files()
        {
            let known = before.state();
            *remote.state() = State {
                keys: known.keys.clone(),
                confirmed: known.confirmed,
                begun: None,
            };
        }
        Ok(Arc::new(remote))
    }

    fn patient(address: Address, clock: Clock, patience: Duration) -> Result<Remote, CaError> {
        let trust = address.tls.then(|| Trust::new(address.ca.as_deref()));
        Ok(Remote {
            trust: trust.transpose().map_err(CaError)?,
            address,
            clock,
            state: Mutex::default(),
            patience,
            flight: AsyncMutex::default(),
            is_started: AtomicBool::new(false),
        })
    }

    /// The file of authorities that it is believed by.
    pub(super) fn files(&self) -> Option<&Files> {
        self.trust.as_ref().map(Trust::files)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The keys, if any were fetched in the last day.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        let now = (self.clock)();
        let state = self.state();
        let keys = state.keys.as_ref()?;
        (now < state.confirmed.saturating_add(STALE)).then(|| keys.clone())
    }

    /// Fetches now and every few minutes, until nobody has these keys any more.
    pub(super) fn start(self: &Arc<Remote>) {
        if self.is_started.swap(true, Ordering::Relaxed) {
            return;
        }
        let this = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(remote) = this.upgrade() {
                remote.refresh().await;
                let wait = match remote.is_confirmed() {
                    true => INTERVAL,
                    false => APART,
                };
                drop(remote);
                sleep(wait).await;
            }
        });
    }

    /// Fetches the keys, or waits for the fetch that runs; does nothing if the last one began a
    /// moment ago.
    pub(super) async fn refresh(self: &Arc<Remote>) -> Fetched {
        let this = self.clone();
        let asked = (self.clock)();
        // It goes on when the request that asked for it has left.
        let task = tokio::spawn(async move { this.fetch(asked).await });
        task.await.unwrap_or(Fetched::Not)
    }

    /// Did the last fetch bring keys?
    fn is_confirmed(&self) -> bool {
        let state = self.state();
        let brought = state.keys.as_ref().is_some_and(|keys| !keys.is_empty());
        brought && state.begun.is_none_or(|begun| state.confirmed >= begun)
    }

    async fn fetch(&self, asked: Duration) -> Fetched {
        let _alone = self.flight.lock().await;
        let now = (self.clock)();
        {
            let mut state = self.state();
            if let Some(begun) = state.begun
                && now < begun.saturating_add(APART)
            {
                return match state.keys.is_some() && state.confirmed >= begun && begun >= asked {
                    true => Fetched::Now,
                    false => Fetched::Not,
                };
            }
            state.begun = Some(now);
        }
        let fetched = timeout(
            self.patience,
            fetch::keys(&self.address, self.trust.as_ref()),
        )
        .await;
        let host = &self.address.host;
        let keys = match fetched.unwrap_or(Err(Failure::Late)) {
            Ok(keys) => keys,
            // It is the issuer's word all the same: a key that it took back is not believed on.
            Err(failure @ Failure::Keys(InvalidKeys::NoneUsable)) => {
                tracing::error!(%host, error = %failure, "an issuer has no key any more, and none of its tokens is taken");
                KeySet::default()
            }
            Err(failure) => {
                tracing::warn!(%host, error = %failure, "an issuer's keys cannot be fetched");
                return Fetched::Not;
            }
        };
        let mut state = self.state();
        state.keys = Some(Arc::new(keys));
        state.confirmed = (self.clock)();
        Fetched::Now
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
