//! What the gateway tells about its work: one [`Outcome`] per exchange, read by the metrics and by
//! the access log, so that the two cannot disagree.

mod access_log;
mod line;
mod metrics;
mod outcome;
mod readings;

use std::sync::Arc;

pub use access_log::{AccessLog, Sink};
pub use metrics::Metrics;
pub use outcome::{OVERLOADED, Outcome, Sharing, Stage};
pub use readings::Readings;

/// Takes outcomes.
#[derive(Debug, Clone)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    access_log: Arc<AccessLog>,
}

impl Telemetry {
    /// Counts in `metrics` and writes to `access_log`.
    pub fn new(metrics: Arc<Metrics>, access_log: Arc<AccessLog>) -> Telemetry {
        Telemetry {
            metrics,
            access_log,
        }
    }

    /// The metrics, for the admin listener.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Takes note of an exchange that has ended.
    pub fn report(&self, outcome: &Outcome) {
        self.metrics.count(outcome);
        self.access_log.write(outcome);
    }

    /// Writes out what is buffered.
    pub fn flush(&self) {
        self.access_log.flush();
    }
}
