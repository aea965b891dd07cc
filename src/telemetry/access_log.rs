//! One JSON line per exchange, written in batches.
//!
//! Handing each line to another thread costs some 20 µs of wake-up; appending it to a buffer that
//! a thread writes out every [`INTERVAL`] costs nothing that can be measured.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Outcome, line};

/// How long a line may wait.
const INTERVAL: Duration = Duration::from_millis(100);

/// Bytes that may wait; when the sink is too slow for more, lines are dropped and counted.
const MOST_WAITING: usize = 8 << 20;

/// A line is rarely longer.
const USUAL_LINE: usize = 1024;

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
        let mut line = Vec::with_capacity(USUAL_LINE);
        line::write(&mut line, outcome);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::outcome::tests::sample;

    /// What each write brought; refuses them all if told to.
    #[derive(Clone, Default)]
    struct Writes {
        each: Arc<Mutex<Vec<Vec<u8>>>>,
        broken: bool,
    }

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.broken {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            lock(&self.each).push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn log(broken: bool) -> (AccessLog, Arc<Mutex<Vec<Vec<u8>>>>) {
        let writes = Writes {
            broken,
            ..Writes::default()
        };
        let each = writes.each.clone();
        (AccessLog::with(Some(Box::new(writes))), each)
    }

    #[test]
    fn lines_that_waited_together_are_written_together() {
        let (log, writes) = log(false);
        for number in 0..100 {
            let mut outcome = sample();
            outcome.request_id = format!("{number}");
            log.write(&outcome);
        }
        assert!(lock(&writes).is_empty(), "nobody waits for the sink");
        log.flush();
        log.flush();
        let written = lock(&writes).concat();
        assert_eq!(lock(&writes).len(), 1, "in one write");
        let lines = written.split_inclusive(|byte| *byte == b'\n');
        let ids: Vec<String> = lines
            .map(|line| {
                let line: serde_json::Value = serde_json::from_slice(line).expect("JSON");
                line["request_id"].as_str().expect("text").to_owned()
            })
            .collect();
        let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(ids, expected, "each once and in order");
        log.write(&sample());
        drop(log);
        assert_eq!(lock(&writes).len(), 2, "the end loses nothing");
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let (log, writes) = log(false);
        let mut outcome = sample();
        outcome.path = "x".repeat(1 << 20);
        for _ in 0..10 {
            log.write(&outcome);
        }
        // Seven of a little more than a mebibyte fit into eight.
        assert_eq!(log.dropped(), 3);
        log.flush();
        assert!(lock(&writes).concat().len() <= MOST_WAITING);
        log.write(&outcome);
        assert_eq!(log.dropped(), 3, "there is room again");
    }

    #[test]
    fn what_the_sink_does_not_take_is_counted() {
        let (log, _) = log(true);
        for _ in 0..5 {
            log.write(&sample());
        }
        log.flush();
        assert_eq!(log.dropped(), 5);
    }
}
