//! A simulated task and what the API tells of it.

use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::spec::NewTask;
use super::value::quote;

/// A task's log unless its context says otherwise, in bytes.
const DEFAULT_LOG: u64 = 4_096;

/// The longest simulated log, in bytes.
const LARGEST_LOG: u64 = 1 << 30;

/// What Druid writes for "not known".
const EPOCH: &str = "1970-01-01T00:00:00.000Z";

/// Between the time that the store notes and the time that the runner notes, which lists show
/// (recorded: 4 ms and more).
const RUNNER_LAG: SignedDuration = SignedDuration::from_millis(4);

/// Where the first slot's process listens; the others follow (Druid's default).
const FIRST_PORT: usize = 8_100;

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    Pending,
    Running {
        since: Timestamp,
        slot: usize,
    },
    Ended {
        success: bool,
        duration_ms: i64,
        message: Option<String>,
        cancelled: bool,
    },
}

/// A stored task.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    group: String,
    pub(super) type_id: String,
    pub(super) datasource: String,
    /// As `GET /task/{id}` prints it.
    pub(super) payload: Bytes,
    pub(super) created: Timestamp,
    pub(super) stage: Stage,
    run_time: SignedDuration,
    fails: bool,
    pub(super) log_length: u64,
}

/// How Druid prints a time.
pub(super) fn iso(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Druid's `TaskStatusPlus`, in its order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusPlus<'a> {
    id: &'a str,
    group_id: &'a str,
    #[serde(rename = "type")]
    type_id: &'a str,
    created_time: String,
    queue_insertion_time: String,
    status_code: &'static str,
    status: &'static str,
    runner_status_code: &'static str,
    duration: i64,
    location: Location,
    data_source: &'a str,
    error_msg: Option<&'a str>,
}

/// Druid's `TaskStatus`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShortStatus<'a> {
    id: &'a str,
    status: &'static str,
    duration: i64,
    error_msg: Option<&'a str>,
    location: Location,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    host: Option<&'static str>,
    port: i64,
    tls_port: i64,
}

const NOWHERE: Location = Location {
    host: None,
    port: -1,
    tls_port: -1,
};

impl Task {
    pub(super) fn new(new: NewTask, created: Timestamp, run_time: SignedDuration) -> Task {
        Task {
            id: new.id,
            group: new.group,
            type_id: new.type_id,
            datasource: new.datasource,
            payload: new.payload.into(),
            created,
            stage: Stage::Pending,
            run_time: new.run_time.unwrap_or(run_time),
            fails: new.fails,
            log_length: new.log_length.unwrap_or(DEFAULT_LOG).min(LARGEST_LOG),
        }
    }

    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Running { since, .. } => {
                Some(since.checked_add(self.run_time).unwrap_or(Timestamp::MAX))
            }
            Stage::Pending | Stage::Ended { .. } => None,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended { .. })
    }

    pub(super) fn end(&mut self) {
        let duration_ms = i64::try_from(self.run_time.as_millis()).unwrap_or(i64::MAX);
        let message = self
            .fails
            .then(|| "The simulation was asked to fail".to_owned());
        self.stage = Stage::Ended {
            success: !self.fails,
            duration_ms,
            message,
            cancelled: false,
        };
    }

    /// Ends what has not ended, as Druid does on request: failed, with no duration (recorded).
    pub(super) fn shut_down(&mut self) {
        if !self.is_ended() {
            let message = Some("Shutdown request from user".to_owned());
            self.stage = Stage::Ended {
                success: false,
                duration_ms: -1,
                message,
                cancelled: true,
            };
        }
    }

    fn code(&self) -> &'static str {
        match self.stage {
            Stage::Pending | Stage::Running { .. } => "RUNNING",
            Stage::Ended { success: true, .. } => "SUCCESS",
            Stage::Ended { success: false, .. } => "FAILED",
        }
    }

    fn message(&self) -> Option<&str> {
        match &self.stage {
            Stage::Pending | Stage::Running { .. } => None,
            Stage::Ended { message, .. } => message.as_deref(),
        }
    }

    fn duration(&self) -> i64 {
        match self.stage {
            Stage::Pending | Stage::Running { .. } => -1,
            Stage::Ended { duration_ms, .. } => duration_ms,
        }
    }

    fn status_plus(&self, in_list: bool) -> StatusPlus<'_> {
        let (runner_status_code, location) = match self.stage {
            Stage::Pending => ("PENDING", NOWHERE),
            Stage::Running { slot, .. } => {
                let port = i64::try_from(FIRST_PORT + slot).unwrap_or(-1);
                (
                    "RUNNING",
                    Location {
                        host: Some("127.0.0.1"),
                        port,
                        tls_port: -1,
                    },
                )
            }
            Stage::Ended { .. } if in_list => ("NONE", NOWHERE),
            Stage::Ended {
                cancelled: true, ..
            } => ("PENDING", NOWHERE),
            Stage::Ended {
                cancelled: false, ..
            } => ("WAITING", NOWHERE),
        };
        let (created_time, queue_insertion_time) = if in_list && !self.is_ended() {
            let seen = iso(self.created.checked_add(RUNNER_LAG).unwrap_or(self.created));
            (seen.clone(), seen)
        } else {
            (iso(self.created), EPOCH.to_owned())
        };
        StatusPlus {
            id: &self.id,
            group_id: &self.group,
            type_id: &self.type_id,
            created_time,
            queue_insertion_time,
            status_code: self.code(),
            status: self.code(),
            runner_status_code,
            duration: self.duration(),
            location,
            data_source: &self.datasource,
            error_msg: self.message(),
        }
    }

    /// An entry of a list: of what has not ended, the runner's times.
    pub(super) fn listed(&self) -> StatusPlus<'_> {
        self.status_plus(true)
    }

    /// The answer of `/status`.
    pub(super) fn status(&self) -> String {
        #[derive(Serialize)]
        struct Answer<'a> {
            task: &'a str,
            status: StatusPlus<'a>,
        }
        print(&Answer {
            task: &self.id,
            status: self.status_plus(false),
        })
    }

    /// An entry of a `taskStatus` answer; its location is always nowhere (recorded).
    pub(super) fn short(&self) -> ShortStatus<'_> {
        ShortStatus {
            id: &self.id,
            status: self.code(),
            duration: self.duration(),
            error_msg: self.message(),
            location: NOWHERE,
        }
    }

    /// A report, which only an ingestion that has ended has (recorded).
    pub(super) fn reports(&self) -> Option<String> {
        let ingests = ["index", "single_phase", "partial", "compact"];
        if !self.is_ended() || !ingests.iter().any(|kind| self.type_id.starts_with(kind)) {
            return None;
        }
        let state = if self.code() == "SUCCESS" {
            "COMPLETED"
        } else {
            "BUILD_SEGMENTS"
        };
        let stats = r#"{"processed":3,"processedBytes":150,"processedWithError":0,"thrownAway":0,"unparseable":0}"#;
        let message = self.message().map_or("null".to_owned(), quote);
        Some(format!(
            r#"{{"ingestionStatsAndErrors":{{"type":"ingestionStatsAndErrors","taskId":{},"payload":{{"ingestionState":"{state}","unparseableEvents":{{}},"rowStats":{{"determinePartitions":{stats},"buildSegments":{stats}}},"errorMsg":{message},"segmentAvailabilityConfirmed":false,"segmentAvailabilityWaitTimeMs":0}}}}}}"#,
            quote(&self.id)
        ))
    }
}

/// JSON of a shape that always has one.
pub(super) fn print(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
