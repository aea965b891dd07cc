//! The one table of endpoints: what is not in it is not served.
//!
//! Templates, statuses and authorization were read in Druid's source and run on 28.0.0 and 33.0.0;
//! `since` and `until` are the first and the last major release that has the endpoint (25 stands
//! for "earlier than any that matters").

use super::Subject;
use super::operation::{
    Action, BodyUse, Disclosure, JsonUse, Operation, Origin, Repeat, SpecKind, Who,
};
use super::path::CanonicalPath;
use crate::druid::{DruidVersion, InvalidName};

/// One endpoint.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Below the prefix; `{task}`, `{supervisor}`, `{datasource}`, `{segment}`, `{worker}` stand
    /// for one segment.
    pub template: &'static str,
    /// What it does.
    pub operation: Operation,
    /// What a grant must allow.
    pub action: Action,
    /// Where its datasources are found.
    pub origin: Origin,
    /// Who may use it if it has none.
    pub who: Who,
    /// What becomes of the body.
    pub body: BodyUse,
    /// May it be sent again after its answer was cut?
    pub repeat: Repeat,
    /// The first major release that has it.
    pub since: u16,
    /// The last one.
    pub until: Option<u16>,
    /// What becomes of the answer.
    pub disclosure: Disclosure,
    /// The query's keys.
    pub query: &'static [&'static str],
}

const fn get(template: &'static str, operation: Operation, origin: Origin) -> Endpoint {
    Endpoint {
        method: "GET",
        template,
        operation,
        action: Action::Read,
        origin,
        who: Who::ClusterWide,
        body: BodyUse::Ignored,
        repeat: Repeat::Yes,
        since: 25,
        until: None,
        disclosure: Disclosure::Whole,
        query: &[],
    }
}

const fn post(
    template: &'static str,
    operation: Operation,
    origin: Origin,
    action: Action,
) -> Endpoint {
    let mut endpoint = get(template, operation, origin);
    endpoint.method = "POST";
    endpoint.action = action;
    endpoint.repeat = Repeat::No;
    endpoint
}

const fn delete(template: &'static str, operation: Operation, origin: Origin) -> Endpoint {
    let mut endpoint = post(template, operation, origin, Action::Manage);
    endpoint.method = "DELETE";
    endpoint
}

impl Endpoint {
    const fn body(mut self, body: BodyUse) -> Endpoint {
        self.body = body;
        self
    }

    const fn reads(mut self, disclosure: Disclosure) -> Endpoint {
        self.disclosure = disclosure;
        self
    }

    const fn query(mut self, query: &'static [&'static str]) -> Endpoint {
        self.query = query;
        self
    }

    const fn repeat(mut self, repeat: Repeat) -> Endpoint {
        self.repeat = repeat;
        self
    }

    const fn since(mut self, major: u16) -> Endpoint {
        self.since = major;
        self
    }

    const fn until(mut self, major: u16) -> Endpoint {
        self.until = Some(major);
        self
    }

    const fn anybody(mut self) -> Endpoint {
        self.who = Who::Anybody;
        self
    }

    /// Does this release of Druid have the endpoint?
    pub fn is_in(&self, version: DruidVersion) -> bool {
        version.major() >= self.since && self.until.is_none_or(|last| version.major() <= last)
    }

    /// Submissions can be asked about without being made.
    pub fn takes_dry_run(&self) -> bool {
        matches!(
            self.operation,
            Operation::SubmitTask | Operation::SubmitSupervisor
        )
    }

    /// Does the template fit the path? Tells how many of its segments are literals.
    pub(super) fn matches(&self, path: &CanonicalPath) -> Option<usize> {
        let mut literals = 0;
        let mut segments = path.segments();
        for part in self.template.split('/').skip(1) {
            let (text, plain) = segments.next()?;
            if part.starts_with('{') {
                continue;
            }
            if !plain || part != text {
                return None;
            }
            literals += 1;
        }
        segments.next().is_none().then_some(literals)
    }

    /// What the path names.
    pub(super) fn subject(&self, path: &CanonicalPath) -> Result<Subject, InvalidName> {
        for (part, (text, _)) in self.template.split('/').skip(1).zip(path.segments()) {
            match part {
                "{task}" => return text.parse().map(Subject::Task),
                "{supervisor}" => return text.parse().map(Subject::Supervisor),
                "{datasource}" => return text.parse().map(Subject::DataSource),
                "{worker}" => return Ok(Subject::Worker(text.to_owned())),
                _ => {}
            }
        }
        Ok(Subject::None)
    }
}

const PLAIN: BodyUse = BodyUse::Json(JsonUse::Plain);
const LOCKS: BodyUse = BodyUse::Json(JsonUse::LockFilters);

/// All endpoints.
pub const ENDPOINTS: &[Endpoint] = &[
    // Tasks: `OverlordResource`.
    post("/task", Operation::SubmitTask, Origin::Body, Action::Submit)
        .body(BodyUse::Spec(SpecKind::Task))
        .repeat(Repeat::AskFirst),
    get("/task/{task}", Operation::TaskPayload, Origin::Task),
    get("/task/{task}/status", Operation::TaskStatus, Origin::Task),
    get(
        "/task/{task}/segments",
        Operation::TaskSegments,
        Origin::Task,
    ),
    // Of a task that has ended it is a 200 too, so twice is the same as once.
    post(
        "/task/{task}/shutdown",
        Operation::ShutdownTask,
        Origin::Task,
        Action::Shutdown,
    )
    .repeat(Repeat::Yes),
    get("/task/{task}/log", Operation::TaskLog, Origin::Task).query(&["offset"]),
    get("/task/{task}/reports", Operation::TaskReports, Origin::Task),
    get("/tasks", Operation::ListTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["state", "datasource", "createdTimeInterval", "max", "type"]),
    // The documentation gives these four a `datasource`; Druid ignores it, so the gateway filters.
    get("/waitingTasks", Operation::ListWaitingTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["datasource"]),
    get("/pendingTasks", Operation::ListPendingTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["datasource"]),
    get("/runningTasks", Operation::ListRunningTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["datasource", "type"]),
    get(
        "/completeTasks",
        Operation::ListCompleteTasks,
        Origin::Query,
    )
    .reads(Disclosure::TaskList)
    .query(&["datasource", "n"]),
    post(
        "/taskStatus",
        Operation::TaskStatuses,
        Origin::Response,
        Action::Read,
    )
    .body(BodyUse::Json(JsonUse::TaskIds))
    .reads(Disclosure::TaskStatuses)
    .repeat(Repeat::Yes),
    post(
        "/datasources/{datasource}/shutdownAllTasks",
        Operation::ShutdownAllTasks,
        Origin::Path,
        Action::Shutdown,
    )
    .repeat(Repeat::Yes),
    delete(
        "/pendingSegments/{datasource}",
        Operation::DeletePendingSegments,
        Origin::Path,
    )
    .query(&["interval"])
    .repeat(Repeat::Yes),
    // Supervisors: `SupervisorResource`.
    post(
        "/supervisor",
        Operation::SubmitSupervisor,
        Origin::Body,
        Action::Submit,
    )
    .body(BodyUse::Spec(SpecKind::Supervisor))
    .query(&["skipRestartIfUnmodified"]),
    get("/supervisor", Operation::ListSupervisors, Origin::Response)
        .reads(Disclosure::Supervisors)
        .query(&["full", "state", "system"]),
    get(
        "/supervisor/history",
        Operation::SupervisorHistories,
        Origin::Response,
    )
    .reads(Disclosure::SupervisorHistories),
    post(
        "/supervisor/suspendAll",
        Operation::SuspendAllSupervisors,
        Origin::None,
        Action::Admin,
    ),
    post(
        "/supervisor/resumeAll",
        Operation::ResumeAllSupervisors,
        Origin::None,
        Action::Admin,
    ),
    post(
        "/supervisor/terminateAll",
        Operation::TerminateAllSupervisors,
        Origin::None,
        Action::Admin,
    ),
    get(
        "/supervisor/{supervisor}",
        Operation::SupervisorSpec,
        Origin::Supervisor,
    ),
    get(
        "/supervisor/{supervisor}/status",
        Operation::SupervisorStatus,
        Origin::Supervisor,
    ),
    get(
        "/supervisor/{supervisor}/health",
        Operation::SupervisorHealth,
        Origin::Supervisor,
    ),
    get(
        "/supervisor/{supervisor}/stats",
        Operation::SupervisorStats,
        Origin::Supervisor,
    ),
    get(
        "/supervisor/{supervisor}/parseErrors",
        Operation::SupervisorParseErrors,
        Origin::Supervisor,
    ),
    // Outlives its supervisor: each entry is judged by the datasources that it names.
    get(
        "/supervisor/{supervisor}/history",
        Operation::SupervisorHistory,
        Origin::Response,
    )
    .reads(Disclosure::SupervisorHistory)
    .query(&["count"]),
    // Suspending what is suspended is a 400: repeated, it would report a failure that is none.
    post(
        "/supervisor/{supervisor}/suspend",
        Operation::SuspendSupervisor,
        Origin::Supervisor,
        Action::Manage,
    ),
    post(
        "/supervisor/{supervisor}/resume",
        Operation::ResumeSupervisor,
        Origin::Supervisor,
        Action::Manage,
    ),
    post(
        "/supervisor/{supervisor}/reset",
        Operation::ResetSupervisor,
        Origin::Supervisor,
        Action::Manage,
    ),
    post(
        "/supervisor/{supervisor}/resetOffsets",
        Operation::ResetSupervisorOffsets,
        Origin::Supervisor,
        Action::Manage,
    )
    .body(PLAIN)
    .since(28),
    post(
        "/supervisor/{supervisor}/terminate",
        Operation::TerminateSupervisor,
        Origin::Supervisor,
        Action::Manage,
    ),
    post(
        "/supervisor/{supervisor}/shutdown",
        Operation::ShutdownSupervisor,
        Origin::Supervisor,
        Action::Manage,
    ),
    post(
        "/supervisor/{supervisor}/taskGroups/handoff",
        Operation::HandOffTaskGroups,
        Origin::Supervisor,
        Action::Manage,
    )
    .body(PLAIN)
    .since(31),
    // Runs inside the Overlord, with its network and its files.
    post("/sampler", Operation::Sample, Origin::None, Action::Admin)
        .body(BodyUse::Spec(SpecKind::Sampler))
        .query(&["for"])
        .repeat(Repeat::Yes),
    // Segments: `OverlordDataSourcesResource`.
    post(
        "/datasources/{datasource}",
        Operation::MarkAllUsed,
        Origin::Path,
        Action::Manage,
    )
    .since(32)
    .repeat(Repeat::Yes),
    delete(
        "/datasources/{datasource}",
        Operation::MarkAllUnused,
        Origin::Path,
    )
    .since(32)
    .repeat(Repeat::Yes),
    post(
        "/datasources/{datasource}/markUsed",
        Operation::MarkUsed,
        Origin::Path,
        Action::Manage,
    )
    .body(PLAIN)
    .since(32)
    .repeat(Repeat::Yes),
    post(
        "/datasources/{datasource}/markUnused",
        Operation::MarkUnused,
        Origin::Path,
        Action::Manage,
    )
    .body(PLAIN)
    .since(32)
    .repeat(Repeat::Yes),
    post(
        "/datasources/{datasource}/segments/{segment}",
        Operation::MarkSegmentUsed,
        Origin::Path,
        Action::Manage,
    )
    .since(32)
    .repeat(Repeat::Yes),
    delete(
        "/datasources/{datasource}/segments/{segment}",
        Operation::MarkSegmentUnused,
        Origin::Path,
    )
    .since(32)
    .repeat(Repeat::Yes),
    // Compaction: `OverlordCompactionResource`.
    get(
        "/compaction/isSupervisorEnabled",
        Operation::CompactionSupervisorsEnabled,
        Origin::None,
    )
    .anybody()
    .since(31),
    get(
        "/compaction/config/cluster",
        Operation::ClusterCompactionConfig,
        Origin::None,
    )
    .since(33),
    post(
        "/compaction/config/cluster",
        Operation::SetClusterCompactionConfig,
        Origin::None,
        Action::Admin,
    )
    .body(PLAIN)
    .since(33),
    get(
        "/compaction/config/datasources",
        Operation::CompactionConfigs,
        Origin::Response,
    )
    .reads(Disclosure::CompactionConfigs)
    .since(33),
    get(
        "/compaction/config/datasources/{datasource}",
        Operation::CompactionConfig,
        Origin::Path,
    )
    .since(33),
    post(
        "/compaction/config/datasources/{datasource}",
        Operation::SetCompactionConfig,
        Origin::Path,
        Action::Manage,
    )
    .body(BodyUse::Json(JsonUse::SameDataSource))
    .since(33),
    delete(
        "/compaction/config/datasources/{datasource}",
        Operation::DeleteCompactionConfig,
        Origin::Path,
    )
    .since(33),
    get(
        "/compaction/config/datasources/{datasource}/history",
        Operation::CompactionConfigHistory,
        Origin::Path,
    )
    .query(&["interval", "count"])
    .since(33),
    get(
        "/compaction/status/datasources",
        Operation::CompactionStatuses,
        Origin::Response,
    )
    .reads(Disclosure::CompactionStatuses)
    .since(33),
    get(
        "/compaction/status/datasources/{datasource}",
        Operation::CompactionStatus,
        Origin::Path,
    )
    .since(33),
    post(
        "/compaction/simulate",
        Operation::SimulateCompaction,
        Origin::None,
        Action::Admin,
    )
    .body(PLAIN)
    .repeat(Repeat::Yes)
    .since(31),
    get(
        "/compaction/progress",
        Operation::CompactionProgress,
        Origin::None,
    )
    .query(&["dataSource"])
    .since(31)
    .until(32),
    get(
        "/compaction/status",
        Operation::ClusterCompactionStatus,
        Origin::None,
    )
    .query(&["dataSource"])
    .since(31)
    .until(32),
    // The cluster: `OverlordResource`.
    get("/leader", Operation::Leader, Origin::None),
    get("/isLeader", Operation::IsLeader, Origin::None).anybody(),
    get("/workers", Operation::Workers, Origin::None),
    get("/worker", Operation::WorkerConfig, Origin::None),
    post(
        "/worker",
        Operation::SetWorkerConfig,
        Origin::None,
        Action::Admin,
    )
    .body(PLAIN),
    get(
        "/worker/history",
        Operation::WorkerConfigHistory,
        Origin::None,
    )
    .query(&["interval", "count"]),
    post(
        "/worker/{worker}/enable",
        Operation::EnableWorker,
        Origin::None,
        Action::Admin,
    )
    .repeat(Repeat::Yes),
    post(
        "/worker/{worker}/disable",
        Operation::DisableWorker,
        Origin::None,
        Action::Admin,
    )
    .repeat(Repeat::Yes),
    get("/scaling", Operation::Scaling, Origin::None),
    get(
        "/totalWorkerCapacity",
        Operation::TotalWorkerCapacity,
        Origin::None,
    ),
    post(
        "/lockedIntervals",
        Operation::LockedIntervals,
        Origin::Body,
        Action::Read,
    )
    .body(BodyUse::Json(JsonUse::DataSourceKeys))
    .repeat(Repeat::Yes)
    .until(30),
    post(
        "/lockedIntervals/v2",
        Operation::LockedIntervalsV2,
        Origin::Body,
        Action::Read,
    )
    .body(LOCKS)
    .repeat(Repeat::Yes)
    .since(28),
    post(
        "/activeLocks",
        Operation::ActiveLocks,
        Origin::Body,
        Action::Read,
    )
    .body(LOCKS)
    .repeat(Repeat::Yes)
    .since(31),
    // For the cluster's own processes: total control over every datasource's segments and locks.
    post(
        "/action",
        Operation::TaskAction,
        Origin::None,
        Action::Blocked,
    ),
    // Extensions.
    get(
        "/k8s/taskrunner/executionconfig",
        Operation::K8sExecutionConfig,
        Origin::None,
    )
    .since(31),
    post(
        "/k8s/taskrunner/executionconfig",
        Operation::SetK8sExecutionConfig,
        Origin::None,
        Action::Admin,
    )
    .body(PLAIN)
    .since(31),
    get(
        "/k8s/taskrunner/executionconfig/history",
        Operation::K8sExecutionConfigHistory,
        Origin::None,
    )
    .query(&["interval", "count"])
    .since(31),
];
