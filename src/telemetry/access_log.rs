//! One JSON line per exchange, written in batches.
//!
//! Handing each line to another thread costs some 20 µs of wake-up; appending it to a buffer that
//! a thread writes out every [`INTERVAL`] costs nothing that can be measured.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Outcome;

/// How long a line may wait.
const INTERVAL: Duration = Duration::from_millis(100);

/// Bytes that may wait; when the sink is too slow for more, lines are dropped and counted.
const MOST_WAITING: usize = 8 << 20;

/// Where lines go.
pub type Sink = Box<dyn Write + Send>;

/// The access log.
pub struct AccessLog {
    waiting: Mutex<Vec<u8>>,
    sink: Mutex<Option<Sink>>,
    dropped: AtomicU64,
    ended: AtomicBool,
}

impl AccessLog {
    /// A log that writes nothing.
    pub fn off() -> Arc<AccessLog> {
        Arc::new(AccessLog::with(None))
    }

    /// A log that writes to `sink` from a thread of its own, which ends with the log.
    pub fn to(sink: Sink) -> Arc<AccessLog> {
        let log = Arc::new(AccessLog::with(Some(sink)));
        let writer = Arc::downgrade(&log);
        std::thread::spawn(move || {
            while let Some(log) = writer.upgrade() {
                log.flush();
                if log.ended.load(Ordering::Relaxed) {
                    return;
                }
                drop(log);
                std::thread::park_timeout(INTERVAL);
            }
        });
        log
    }

    fn with(sink: Option<Sink>) -> AccessLog {
        AccessLog {
            ended: AtomicBool::new(sink.is_none()),
            waiting: Mutex::default(),
            sink: Mutex::new(sink),
            dropped: AtomicU64::new(0),
        }
    }

    /// Lines that were dropped because the sink did not take them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn write(&self, outcome: &Outcome) {
        if self.ended.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut line) = serde_json::to_vec(outcome) else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        line.push(b'\n');
        let mut waiting = lock(&self.waiting);
        if waiting.len() + line.len() > MOST_WAITING {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.extend_from_slice(&line);
    }

    pub(super) fn flush(&self) {
        // The sink is held first, so that two flushes write in order; requests never wait for it.
        let mut sink = lock(&self.sink);
        let lines = std::mem::take(&mut *lock(&self.waiting));
        if lines.is_empty() {
            return;
        }
        let Some(writer) = sink.as_mut() else { return };
        if let Err(error) = writer.write_all(&lines).and_then(|()| writer.flush()) {
            let lost = lines.iter().filter(|byte| **byte == b'\n').count();
            self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            tracing::error!(%error, lost, "the access log cannot be written");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}

impl std::fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessLog")
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}
