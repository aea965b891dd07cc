//! A simulated task.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::answer::log_bytes;

/// A key of the task's context that decides how its simulation ends.
const SIMULATE: &str = "simulate";

/// Another: how long its log is, in bytes.
const LOG_BYTES: &str = "simulateLogBytes";

/// A task's log unless its context says otherwise, in bytes.
const DEFAULT_LOG: u64 = 4_096;

/// The longest simulated log.
const LARGEST_LOG: u64 = 1 << 30;

/// What Druid writes as "never".
const EPOCH: &str = "1970-01-01T00:00:00.000Z";

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
    },
}

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) type_id: String,
    pub(super) datasource: String,
    payload: Value,
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

impl Task {
    pub(super) fn new(
        id: String,
        type_id: &str,
        datasource: &str,
        spec: &Value,
        created: Timestamp,
        run_time: SignedDuration,
    ) -> Task {
        let context = spec.get("context");
        let run_time = match (type_id, spec.get("runTime").and_then(Value::as_i64)) {
            ("noop", Some(millis)) => SignedDuration::from_millis(millis.max(0)),
            ("noop", None) => SignedDuration::from_millis(2_500),
            _ => run_time,
        };
        let of_context = |key: &str| context.and_then(|context| context.get(key));
        Task {
            payload: payload(&id, spec),
            id,
            type_id: type_id.to_owned(),
            datasource: datasource.to_owned(),
            created,
            stage: Stage::Pending,
            run_time,
            fails: of_context(SIMULATE).and_then(Value::as_str) == Some("failed"),
            log_length: of_context(LOG_BYTES)
                .and_then(Value::as_u64)
                .unwrap_or(DEFAULT_LOG)
                .min(LARGEST_LOG),
        }
    }

    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Running { since, .. } => since.saturating_add(self.run_time).ok(),
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
        };
    }

    pub(super) fn shut_down(&mut self) {
        if !self.is_ended() {
            let message = Some("Shutdown request from user".to_owned());
            self.stage = Stage::Ended {
                success: false,
                duration_ms: -1,
                message,
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

    /// `TaskStatusPlus`. A list keeps the runner's times for what is not finished; a single status
    /// does not (recorded).
    pub(super) fn status(&self, in_list: bool) -> Value {
        let created = iso(self.created);
        let (runner, duration, location, message) = match &self.stage {
            Stage::Pending => ("PENDING", -1, nowhere(), None),
            Stage::Running { slot, .. } => {
                let location = json!({"host": "127.0.0.1", "port": 8100 + slot, "tlsPort": -1});
                ("RUNNING", -1, location, None)
            }
            Stage::Ended {
                duration_ms,
                message,
                ..
            } => (
                if in_list { "NONE" } else { "WAITING" },
                *duration_ms,
                nowhere(),
                message.clone(),
            ),
        };
        let queued = if in_list && !self.is_ended() {
            created.clone()
        } else {
            EPOCH.to_owned()
        };
        json!({
            "id": self.id,
            "groupId": self.payload.get("groupId"),
            "type": self.type_id,
            "createdTime": created,
            "queueInsertionTime": queued,
            "statusCode": self.code(),
            "status": self.code(),
            "runnerStatusCode": runner,
            "duration": duration,
            "location": location,
            "dataSource": self.datasource,
            "errorMsg": message,
        })
    }

    /// An entry of a `taskStatus` answer; its location is always nowhere (recorded).
    pub(super) fn short_status(&self) -> Value {
        let (duration, message) = match &self.stage {
            Stage::Pending | Stage::Running { .. } => (-1, None),
            Stage::Ended {
                duration_ms,
                message,
                ..
            } => (*duration_ms, message.clone()),
        };
        json!({
            "id": self.id,
            "status": self.code(),
            "duration": duration,
            "errorMsg": message,
            "location": nowhere(),
        })
    }

    pub(super) fn payload(&self) -> &Value {
        &self.payload
    }

    /// A report, which a `noop` and a task that has not ended do not have (recorded).
    pub(super) fn reports(&self) -> Option<Value> {
        if !self.is_ended() || self.type_id == "noop" {
            return None;
        }
        Some(json!({
            "ingestionStatsAndErrors": {
                "type": "ingestionStatsAndErrors",
                "taskId": self.id,
                "payload": {
                    "ingestionState": if self.code() == "SUCCESS" { "COMPLETED" } else { "BUILD_SEGMENTS" },
                    "unparseableEvents": {},
                    "rowStats": {"buildSegments": {"processed": 3, "processedBytes": 0, "processedWithError": 0, "thrownAway": 0, "unparseable": 0}},
                    "errorMsg": Value::Null,
                    "segmentAvailabilityConfirmed": false,
                    "segmentAvailabilityWaitTimeMs": 0,
                },
            },
        }))
    }

    /// The end of the log, for short reads.
    pub(super) fn log_tail(&self, length: u64) -> hyper::body::Bytes {
        log_bytes(self.log_length.saturating_sub(length), self.log_length)
    }
}

fn nowhere() -> Value {
    json!({"host": Value::Null, "port": -1, "tlsPort": -1})
}

/// The spec as Druid prints it back: with an id, a group, a context and a resource.
fn payload(id: &str, spec: &Value) -> Value {
    let mut printed = Map::new();
    if let Value::Object(fields) = spec {
        printed.clone_from(fields);
    }
    printed.insert("id".to_owned(), id.into());
    printed.entry("groupId").or_insert_with(|| id.into());
    let context = printed.entry("context").or_insert_with(|| json!({}));
    if let Value::Object(context) = context {
        context.entry("forceTimeChunkLock").or_insert(true.into());
        context
            .entry("useLineageBasedSegmentAllocation")
            .or_insert(true.into());
    }
    printed
        .entry("resource")
        .or_insert_with(|| json!({"availabilityGroup": id, "requiredCapacity": 1}));
    Value::Object(printed)
}
