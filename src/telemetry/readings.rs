//! What is read at the moment of a scrape, and the gauges that show it.

use prometheus::{Gauge, Opts, Registry};

use super::metrics::registered;

/// What is read at the moment of a scrape instead of being counted on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// Per Overlord: its address, its state's name, does it lead?
    pub overlords: Vec<(String, &'static str, bool)>,
    /// Does the leader take the gateway's login? `None`: it was not asked yet.
    pub login: Option<bool>,
    /// Requests that were sent to the Overlord and have no answer yet.
    pub in_flight: usize,
    /// Requests that wait to be sent, by class.
    pub waiting: Vec<(&'static str, usize)>,
    /// Per file of certificates: when the first certificate in it ends, in Unix seconds.
    pub certificates: Vec<(String, i64)>,
    /// Client connections that are open.
    pub connections: usize,
    /// Buckets of the limiter.
    pub limiter_keys: usize,
    /// Draws so far that had to share a bucket for want of room.
    pub limiter_overflowed: u64,
    /// Does the store of shared limits answer? `None`: there is none.
    pub store: Option<bool>,
    /// How often it did not.
    pub store_failures: u64,
    /// Live tasks, as quotas count them; 0 before the first list.
    pub live_tasks: u32,
    /// The slots that they are counted to take.
    pub live_slots: u32,
    /// Admissions that no list has shown yet.
    pub live_pending: usize,
    /// How old the list of live tasks is, in seconds. `None`: no quota has asked for one.
    pub live_age: Option<u64>,
    /// Logins that are remembered.
    pub logins: usize,
    /// Task owners that are remembered.
    pub owners: usize,
    /// Bytes of bodies that are being read or judged.
    pub body_bytes: usize,
    /// Access log lines that were dropped.
    pub dropped_lines: u64,
    /// Draining?
    pub draining: bool,
    /// How many configurations were taken since the start.
    pub generation: u64,
    /// Did the last reload fail?
    pub reload_failed: bool,
}

/// A gauge, and where it is read from.
pub(super) type Read = (Gauge, fn(&Readings) -> f64);

/// Counts have far fewer than 2^53 values.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge that large is off by less than one in 2^53"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// A gauge for each of them.
pub(super) fn gauges_of(registry: &Registry) -> Vec<Read> {
    let gauge =
        |name: &str, help: &str| registered(registry, Gauge::with_opts(Opts::new(name, help)));
    vec![
        (
            gauge("overgate_connections", "Client connections that are open"),
            |now| float(now.connections as u64),
        ),
        (
            gauge(
                "overgate_upstream_in_flight",
                "Requests that were sent to the Overlord and whose answer has not begun",
            ),
            |now| float(now.in_flight as u64),
        ),
        (
            gauge("overgate_limiter_keys", "Buckets of the rate limits"),
            |now| float(now.limiter_keys as u64),
        ),
        (
            gauge(
                "overgate_limiter_overflow_draws",
                "Draws that had to share a bucket because there was no room for one of their own",
            ),
            |now| float(now.limiter_overflowed),
        ),
        (
            gauge(
                "overgate_store_down",
                "1 while the store of shared limits does not answer and limits fall back",
            ),
            |now| f64::from(u8::from(now.store == Some(false))),
        ),
        (
            gauge(
                "overgate_store_failures",
                "How often the store of shared limits did not answer in time",
            ),
            |now| float(now.store_failures),
        ),
        (
            gauge("overgate_live_tasks", "Live tasks, as quotas count them"),
            |now| f64::from(now.live_tasks),
        ),
        (
            gauge(
                "overgate_live_slots",
                "Slots that live tasks are counted to take",
            ),
            |now| f64::from(now.live_slots),
        ),
        (
            gauge("overgate_login_cache_entries", "Logins that are remembered"),
            |now| float(now.logins as u64),
        ),
        (
            gauge(
                "overgate_owner_cache_entries",
                "Task owners that are remembered",
            ),
            |now| float(now.owners as u64),
        ),
        (
            gauge(
                "overgate_body_memory_bytes",
                "Memory held for bodies that are read or judged, and answers that are read whole",
            ),
            |now| float(now.body_bytes as u64),
        ),
        (
            gauge(
                "overgate_access_log_dropped_lines",
                "Access log lines that were dropped",
            ),
            |now| float(now.dropped_lines),
        ),
        (
            gauge(
                "overgate_upstream_login_refused",
                "1 while Druid refuses the gateway's own credentials",
            ),
            |now| f64::from(u8::from(now.login == Some(false))),
        ),
        (
            gauge("overgate_draining", "1 while the gateway stops"),
            |now| f64::from(u8::from(now.draining)),
        ),
        (
            gauge(
                "overgate_config_generation",
                "Configurations taken since the start",
            ),
            |now| float(now.generation),
        ),
        (
            gauge(
                "overgate_config_reload_failed",
                "1 if the last reload was refused",
            ),
            |now| f64::from(u8::from(now.reload_failed)),
        ),
    ]
}
