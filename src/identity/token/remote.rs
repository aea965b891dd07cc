//! Keys at an address: fetched when the gateway starts, every few minutes, and when a token names
//! a key that is not known yet.
//!
//! One fetch runs at a time, and one begins at most every [`APART`], however many unknown keys
//! there are. When the issuer cannot be reached, the keys it had are believed on for a day.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{sleep, timeout};

use super::super::authenticator::Clock;
use super::keys::KeySet;
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the CA certificates: {0}")]
pub struct CaError(String);

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

#[derive(Clone, Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    confirmed: Duration,
    /// When the last fetch began.
    begun: Option<Duration>,
}

impl Remote {
    /// Keys at an address; those that `before` had fetched from there stay. The certificates are
    /// read anew: the file may have changed.
    pub(super) fn new(
        address: Address,
        clock: Clock,
        before: Option<&Remote>,
    ) -> Result<Arc<Remote>, CaError> {
        let remote = Remote::patient(address, clock, LONGEST)?;
        if let Some(before) = before {
            *remote.state() = before.state().clone();
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
                let wait = match remote.refresh().await {
                    true => INTERVAL,
                    false => APART,
                };
                drop(remote);
                sleep(wait).await;
            }
        });
    }

    /// Fetches the keys, or waits for the fetch that runs; does nothing if the last one began a
    /// moment ago. Were the present keys confirmed by the last fetch?
    pub(super) async fn refresh(self: &Arc<Remote>) -> bool {
        let this = self.clone();
        // It goes on when the request that asked for it has left.
        let task = tokio::spawn(async move { this.fetch().await });
        task.await.unwrap_or(false)
    }

    async fn fetch(&self) -> bool {
        let _alone = self.flight.lock().await;
        let now = (self.clock)();
        {
            let mut state = self.state();
            if let Some(begun) = state.begun
                && now < begun.saturating_add(APART)
            {
                return state.keys.is_some() && state.confirmed >= begun;
            }
            state.begun = Some(now);
        }
        let fetched = timeout(
            self.patience,
            fetch::keys(&self.address, self.trust.as_ref()),
        )
        .await;
        let fetched = fetched.unwrap_or(Err(Failure::Late));
        let mut state = self.state();
        match fetched {
            Ok(keys) => {
                state.keys = Some(Arc::new(keys));
                state.confirmed = (self.clock)();
                true
            }
            Err(failure) => {
                tracing::warn!(host = %self.address.host, error = %failure, "an issuer's keys cannot be fetched");
                false
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
