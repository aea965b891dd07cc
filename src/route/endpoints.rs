//! The one table of endpoints: what is not in it is not served.
//!
//! Templates, statuses and authorization were read in Druid's source and run on 28.0.0 and 33.0.0;
//! `since` and `until` are the first and the last major release that has the endpoint (25 stands
//! for "earlier than any that matters").

use super::endpoint::{Endpoint, admin, delete, get, manage, post};
use super::operation::{
    Action, BodyUse, Class, Disclosure, JsonUse, Operation as Op, Origin, Repeat, SpecKind,
};

const PLAIN: BodyUse = BodyUse::Json(JsonUse::Plain);
const LOCKS: BodyUse = BodyUse::Json(JsonUse::LockFilters);

/// All endpoints.
pub const ENDPOINTS: &[Endpoint] = &[
    // Tasks: `OverlordResource`.
    post("/task", Op::SubmitTask, Origin::Body, Action::Submit)
        .body(BodyUse::Spec(SpecKind::Task))
        .repeat(Repeat::AskFirst),
    get("/task/{task}", Op::TaskPayload, Origin::Task)
        .class(Class::Poll)
        .reads(Disclosure::Payload),
    get("/task/{task}/status", Op::TaskStatus, Origin::Task)
        .class(Class::Poll)
        .shared(),
    get("/task/{task}/segments", Op::TaskSegments, Origin::Task).class(Class::Poll),
    // Of a task that has ended it is a 200 too, so twice is the same as once.
    post(
        "/task/{task}/shutdown",
        Op::ShutdownTask,
        Origin::Task,
        Action::Shutdown,
    )
    .repeat(Repeat::Yes),
    get("/task/{task}/log", Op::TaskLog, Origin::Task).query(&["offset"]),
    get("/task/{task}/reports", Op::TaskReports, Origin::Task).reads(Disclosure::Payload),
    get("/tasks", Op::ListTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["state", "datasource", "createdTimeInterval", "max", "type"])
        .shared(),
    // The documentation gives these four what `/tasks` has, less `state`. Druid ignores all of it
    // but `type` for running tasks, and takes an `n` for complete ones (run on 28.0.0 and 33.0.0):
    // with any of it `/tasks` is asked (`Route::upstream_target`).
    get("/waitingTasks", Op::ListWaitingTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["datasource", "createdTimeInterval", "max", "type"])
        .shared(),
    get("/pendingTasks", Op::ListPendingTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["datasource", "createdTimeInterval", "max", "type"])
        .shared(),
    get("/runningTasks", Op::ListRunningTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["datasource", "createdTimeInterval", "max", "type"])
        .shared(),
    get("/completeTasks", Op::ListCompleteTasks, Origin::Query)
        .reads(Disclosure::TaskList)
        .query(&["datasource", "createdTimeInterval", "max", "type", "n"])
        .shared(),
    post(
        "/taskStatus",
        Op::TaskStatuses,
        Origin::Response,
        Action::Read,
    )
    .class(Class::Poll)
    .body(BodyUse::Json(JsonUse::TaskIds))
    .reads(Disclosure::TaskStatuses)
    .repeat(Repeat::Yes),
    post(
        "/datasources/{datasource}/shutdownAllTasks",
        Op::ShutdownAllTasks,
        Origin::Path,
        Action::Shutdown,
    )
    .repeat(Repeat::Yes),
    delete(
        "/pendingSegments/{datasource}",
        Op::DeletePendingSegments,
        Origin::Path,
    )
    .query(&["interval"])
    .repeat(Repeat::Yes),
    // Supervisors: `SupervisorResource`.
    post(
        "/supervisor",
        Op::SubmitSupervisor,
        Origin::Body,
        Action::Submit,
    )
    .body(BodyUse::Spec(SpecKind::Supervisor))
    .query(&["skipRestartIfUnmodified"]),
    get("/supervisor", Op::ListSupervisors, Origin::Response)
        .reads(Disclosure::Supervisors)
        .query(&["full", "state", "system"])
        .shared(),
    get(
        "/supervisor/history",
        Op::SupervisorHistories,
        Origin::Response,
    )
    .reads(Disclosure::SupervisorHistories),
    admin("/supervisor/suspendAll", Op::SuspendAllSupervisors),
    admin("/supervisor/resumeAll", Op::ResumeAllSupervisors),
    admin("/supervisor/terminateAll", Op::TerminateAllSupervisors),
    get(
        "/supervisor/{supervisor}",
        Op::SupervisorSpec,
        Origin::Supervisor,
    )
    .class(Class::Poll)
    .reads(Disclosure::Payload),
    get(
        "/supervisor/{supervisor}/status",
        Op::SupervisorStatus,
        Origin::Supervisor,
    )
    .class(Class::Poll)
    .shared(),
    get(
        "/supervisor/{supervisor}/health",
        Op::SupervisorHealth,
        Origin::Supervisor,
    )
    .class(Class::Poll)
    .shared(),
    get(
        "/supervisor/{supervisor}/stats",
        Op::SupervisorStats,
        Origin::Supervisor,
    )
    .shared(),
    get(
        "/supervisor/{supervisor}/parseErrors",
        Op::SupervisorParseErrors,
        Origin::Supervisor,
    ),
    // Outlives its supervisor: each entry is judged by the datasources that it names.
    get(
        "/supervisor/{supervisor}/history",
        Op::SupervisorHistory,
        Origin::Response,
    )
    .reads(Disclosure::SupervisorHistory)
    .query(&["count"]),
    // Suspending what is suspended is a 400: repeated, it would report a failure that is none.
    manage(
        "/supervisor/{supervisor}/suspend",
        Op::SuspendSupervisor,
        Origin::Supervisor,
    )
    .reads(Disclosure::Payload),
    manage(
        "/supervisor/{supervisor}/resume",
        Op::ResumeSupervisor,
        Origin::Supervisor,
    )
    .reads(Disclosure::Payload),
    manage(
        "/supervisor/{supervisor}/reset",
        Op::ResetSupervisor,
        Origin::Supervisor,
    ),
    manage(
        "/supervisor/{supervisor}/resetOffsets",
        Op::ResetSupervisorOffsets,
        Origin::Supervisor,
    )
    .body(PLAIN)
    .since(28),
    manage(
        "/supervisor/{supervisor}/terminate",
        Op::TerminateSupervisor,
        Origin::Supervisor,
    ),
    manage(
        "/supervisor/{supervisor}/shutdown",
        Op::ShutdownSupervisor,
        Origin::Supervisor,
    ),
    manage(
        "/supervisor/{supervisor}/taskGroups/handoff",
        Op::HandOffTaskGroups,
        Origin::Supervisor,
    )
    .body(PLAIN)
    .since(31),
    // Runs inside the Overlord, with its network and its files.
    admin("/sampler", Op::Sample)
        .class(Class::Listing)
        .body(BodyUse::Spec(SpecKind::Sampler))
        .query(&["for"])
        .repeat(Repeat::Yes),
    // Segments: `OverlordDataSourcesResource`.
    manage("/datasources/{datasource}", Op::MarkAllUsed, Origin::Path)
        .since(32)
        .repeat(Repeat::Yes),
    delete("/datasources/{datasource}", Op::MarkAllUnused, Origin::Path)
        .since(32)
        .repeat(Repeat::Yes),
    manage(
        "/datasources/{datasource}/markUsed",
        Op::MarkUsed,
        Origin::Path,
    )
    .body(PLAIN)
    .since(32)
    .repeat(Repeat::Yes),
    manage(
        "/datasources/{datasource}/markUnused",
        Op::MarkUnused,
        Origin::Path,
    )
    .body(PLAIN)
    .since(32)
    .repeat(Repeat::Yes),
    manage(
        "/datasources/{datasource}/segments/{segment}",
        Op::MarkSegmentUsed,
        Origin::Path,
    )
    .since(32)
    .repeat(Repeat::Yes),
    delete(
        "/datasources/{datasource}/segments/{segment}",
        Op::MarkSegmentUnused,
        Origin::Path,
    )
    .since(32)
    .repeat(Repeat::Yes),
    // Compaction: `OverlordCompactionResource`.
    get(
        "/compaction/isSupervisorEnabled",
        Op::CompactionSupervisorsEnabled,
        Origin::None,
    )
    .class(Class::Poll)
    .since(31),
    get(
        "/compaction/config/cluster",
        Op::ClusterCompactionConfig,
        Origin::None,
    )
    .class(Class::Poll)
    .since(33),
    admin("/compaction/config/cluster", Op::SetClusterCompactionConfig)
        .body(PLAIN)
        .since(33),
    get(
        "/compaction/config/datasources",
        Op::CompactionConfigs,
        Origin::Response,
    )
    .reads(Disclosure::CompactionConfigs)
    .since(33),
    get(
        "/compaction/config/datasources/{datasource}",
        Op::CompactionConfig,
        Origin::Path,
    )
    .class(Class::Poll)
    .reads(Disclosure::Payload)
    .since(33),
    manage(
        "/compaction/config/datasources/{datasource}",
        Op::SetCompactionConfig,
        Origin::Path,
    )
    .body(BodyUse::Json(JsonUse::SameDataSource))
    .since(33),
    delete(
        "/compaction/config/datasources/{datasource}",
        Op::DeleteCompactionConfig,
        Origin::Path,
    )
    .since(33),
    get(
        "/compaction/config/datasources/{datasource}/history",
        Op::CompactionConfigHistory,
        Origin::Path,
    )
    .reads(Disclosure::Payload)
    .query(&["interval", "count"])
    .since(33),
    get(
        "/compaction/status/datasources",
        Op::CompactionStatuses,
        Origin::Response,
    )
    .reads(Disclosure::CompactionStatuses)
    .shared()
    .since(33),
    get(
        "/compaction/status/datasources/{datasource}",
        Op::CompactionStatus,
        Origin::Path,
    )
    .class(Class::Poll)
    .shared()
    .since(33),
    admin("/compaction/simulate", Op::SimulateCompaction)
        .class(Class::Listing)
        .body(PLAIN)
        .repeat(Repeat::Yes)
        .since(31),
    get("/compaction/progress", Op::CompactionProgress, Origin::None)
        .class(Class::Poll)
        .shared()
        .query(&["dataSource"])
        .since(31)
        .until(32),
    get(
        "/compaction/status",
        Op::ClusterCompactionStatus,
        Origin::None,
    )
    .shared()
    .query(&["dataSource"])
    .since(31)
    .until(32),
    // The cluster: `OverlordResource`.
    get("/leader", Op::Leader, Origin::None)
        .class(Class::Health)
        .shared(),
    // Asked by those who decide where to send something: never of a moment ago.
    get("/isLeader", Op::IsLeader, Origin::None)
        .class(Class::Health)
        .anybody(),
    get("/workers", Op::Workers, Origin::None).shared(),
    get("/worker", Op::WorkerConfig, Origin::None).class(Class::Poll),
    admin("/worker", Op::SetWorkerConfig).body(PLAIN),
    get("/worker/history", Op::WorkerConfigHistory, Origin::None).query(&["interval", "count"]),
    admin("/worker/{worker}/enable", Op::EnableWorker).repeat(Repeat::Yes),
    admin("/worker/{worker}/disable", Op::DisableWorker).repeat(Repeat::Yes),
    get("/scaling", Op::Scaling, Origin::None).shared(),
    get(
        "/totalWorkerCapacity",
        Op::TotalWorkerCapacity,
        Origin::None,
    )
    .class(Class::Poll)
    .shared(),
    post(
        "/lockedIntervals",
        Op::LockedIntervals,
        Origin::Body,
        Action::Read,
    )
    .body(BodyUse::Json(JsonUse::DataSourceKeys))
    .repeat(Repeat::Yes)
    .until(30),
    post(
        "/lockedIntervals/v2",
        Op::LockedIntervalsV2,
        Origin::Body,
        Action::Read,
    )
    .body(LOCKS)
    .repeat(Repeat::Yes)
    .since(28),
    post("/activeLocks", Op::ActiveLocks, Origin::Body, Action::Read)
        .body(LOCKS)
        .repeat(Repeat::Yes)
        .since(31),
    // For the cluster's own processes: total control over every datasource's segments and locks.
    post("/action", Op::TaskAction, Origin::None, Action::Blocked),
    // Extensions.
    get(
        "/k8s/taskrunner/executionconfig",
        Op::K8sExecutionConfig,
        Origin::None,
    )
    .class(Class::Poll)
    .since(31),
    admin("/k8s/taskrunner/executionconfig", Op::SetK8sExecutionConfig)
        .body(PLAIN)
        .since(31),
    get(
        "/k8s/taskrunner/executionconfig/history",
        Op::K8sExecutionConfigHistory,
        Origin::None,
    )
    .query(&["interval", "count"])
    .since(31),
];
