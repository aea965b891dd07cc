//! The queue of password checks.
//!
//! A check costs some 20 ms of CPU and 19 MiB, or more, so a flood of logins must not be able to
//! take the machine or to keep others out: at most [`CHECKS_AT_ONCE`] run, one source has at most
//! [`WAITING_PER_SOURCE`] in the queue, and requests with the same credentials wait for one check.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};

use super::cache::Fingerprint;
use crate::caller::Source;

/// Password checks that run at the same time.
const CHECKS_AT_ONCE: usize = 2;

/// Different logins of one source that wait for a check or are being checked.
const WAITING_PER_SOURCE: usize = 8;

/// Logins that wait, in all.
const WAITING: usize = 256;

/// Who waits for a check.
pub(super) struct Queue {
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
pub(super) struct Place<'a> {
    queue: &'a Queue,
    source: Source,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        waiting.total = waiting.total.saturating_sub(1);
        if let Some(count) = waiting.by_source.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.by_source.remove(&self.source);
            }
        }
    }
}

/// One of the requests with the same credentials; the last one forgets them on drop.
pub(super) struct Same<'a> {
    queue: &'a Queue,
    key: Fingerprint,
    pub(super) turn: Arc<AsyncMutex<()>>,
}

impl Drop for Same<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        // This one's and the map's.
        if Arc::strong_count(&self.turn) <= 2 {
            waiting.by_login.remove(&self.key);
        }
    }
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue {
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            waiting: Mutex::default(),
        }
    }

    /// Joins the requests with these credentials; `None` if too many wait.
    pub(super) fn same(&self, key: Fingerprint) -> Option<Same<'_>> {
        let mut waiting = self.waiting();
        if waiting.by_login.len() >= 2 * WAITING && !waiting.by_login.contains_key(&key) {
            return None;
        }
        Some(Same {
            queue: self,
            key,
            turn: waiting.by_login.entry(key).or_default().clone(),
        })
    }

    /// A place in the queue; `None` if it, or the source's share of it, is full.
    pub(super) fn place(&self, source: Source) -> Option<Place<'_>> {
        let mut waiting = self.waiting();
        let of_source = waiting.by_source.get(&source).copied().unwrap_or(0);
        if waiting.total >= WAITING || of_source >= WAITING_PER_SOURCE {
            return None;
        }
        waiting.total += 1;
        waiting.by_source.insert(source, of_source + 1);
        drop(waiting);
        Some(Place {
            queue: self,
            source,
        })
    }

    /// Leave to check a password. Held until the check has ended.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.checks.clone().acquire_owned().await.ok()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does nobody wait?
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.waiting();
        waiting.total == 0 && waiting.by_source.is_empty() && waiting.by_login.is_empty()
    }
}
