//! What an endpoint does, who may do it, and how its bodies and answers are treated.

/// What a grant allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Look.
    Read,
    /// Submit tasks and supervisors.
    Submit,
    /// Shut tasks down.
    Shutdown,
    /// Change what runs or is configured for a datasource.
    Manage,
    /// Change the cluster, or run code on the Overlord itself.
    Admin,
    /// See the secrets in what may be read. No endpoint asks for it: it decides what answers show.
    ReadSecrets,
    /// Nobody may.
    Blocked,
}

impl Action {
    /// Its name in the configuration, logs and answers.
    pub fn name(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Submit => "submit",
            Action::Shutdown => "shutdown",
            Action::Manage => "manage",
            Action::Admin => "admin",
            Action::ReadSecrets => "read-secrets",
            Action::Blocked => "blocked",
        }
    }
}

/// Where the datasources of a request are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The path names one.
    Path,
    /// The body names them.
    Body,
    /// The query may name one, and the answer is reduced in any case.
    Query,
    /// The task of the path has one.
    Task,
    /// The supervisor of the path has some.
    Supervisor,
    /// The answer names them: it is reduced to what the principal may see.
    Response,
    /// None: it is about the cluster.
    None,
}

/// Who may use an endpoint without a datasource ([`Origin::None`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Those with a grant for the action on every datasource.
    ClusterWide,
    /// Everybody with any grant for the action.
    Anybody,
}

/// The kind of document that a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecKind {
    /// A task.
    Task,
    /// A supervisor.
    Supervisor,
    /// A sampler's spec.
    Sampler,
}

/// How a request's body is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyUse {
    /// Druid reads none: clients may send a little (`{}`, `""`), it is dropped.
    Ignored,
    /// A spec: judged whole, forwarded as it came.
    Spec(SpecKind),
    /// Other JSON: read strictly, forwarded as it came.
    Json(JsonUse),
}

/// What a JSON body that is no spec holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonUse {
    /// A list of task ids.
    TaskIds,
    /// Something about the subject of the path.
    Plain,
    /// `/dataSource` must be the path's.
    SameDataSource,
    /// A list whose elements name a datasource in `datasource`.
    LockFilters,
    /// An object whose keys are datasources.
    DataSourceKeys,
}

/// May a request be sent again after its answer was cut?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Twice is the same as once.
    Yes,
    /// Twice is not the same as once.
    No,
    /// After asking the leader whether it has the id.
    AskFirst,
}

/// How an answer is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Handed on.
    Whole,
    /// A spec or what holds one: handed on without its secrets.
    Payload,
    /// An array of objects with a `dataSource` each.
    TaskList,
    /// An object of task ids.
    TaskStatuses,
    /// An array of supervisor ids or of supervisors.
    Supervisors,
    /// An object of supervisor ids with their past specs.
    SupervisorHistories,
    /// An array of one supervisor's past specs.
    SupervisorHistory,
    /// `{"compactionConfigs":[…]}`
    CompactionConfigs,
    /// `{"latestStatus":[…]}`
    CompactionStatuses,
}

/// How much a request matters when the Overlord has more to do than it can: the most important
/// first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Who leads, and is it there?
    Health,
    /// Tasks and supervisors that are submitted.
    Submission,
    /// Everything else that changes something.
    Change,
    /// One task, one supervisor, one setting.
    Poll,
    /// Lists, logs, reports, histories, and whatever else is large or slow.
    Listing,
}

impl Class {
    /// All classes, the most important first.
    pub const ALL: [Class; 5] = [
        Class::Health,
        Class::Submission,
        Class::Change,
        Class::Poll,
        Class::Listing,
    ];

    /// Its name in metrics and in `/status`.
    pub fn name(self) -> &'static str {
        match self {
            Class::Health => "health",
            Class::Submission => "submission",
            Class::Change => "change",
            Class::Poll => "poll",
            Class::Listing => "listing",
        }
    }
}

macro_rules! operations {
    ($($variant:ident $name:literal,)*) => {
        /// One per endpoint.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is explained by its row in the table of endpoints")]
        pub enum Operation { $($variant,)* }

        impl Operation {
            /// Its name in metrics and logs.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$variant => $name,)* }
            }
        }
    };
}

operations! {
    SubmitTask "submit-task",
    TaskPayload "task-payload",
    TaskStatus "task-status",
    TaskSegments "task-segments",
    ShutdownTask "shutdown-task",
    TaskLog "task-log",
    TaskReports "task-reports",
    ListTasks "list-tasks",
    ListWaitingTasks "list-waiting-tasks",
    ListPendingTasks "list-pending-tasks",
    ListRunningTasks "list-running-tasks",
    ListCompleteTasks "list-complete-tasks",
    TaskStatuses "task-statuses",
    ShutdownAllTasks "shutdown-all-tasks",
    DeletePendingSegments "delete-pending-segments",
    SubmitSupervisor "submit-supervisor",
    ListSupervisors "list-supervisors",
    SupervisorSpec "supervisor-spec",
    SupervisorStatus "supervisor-status",
    SupervisorHealth "supervisor-health",
    SupervisorStats "supervisor-stats",
    SupervisorParseErrors "supervisor-parse-errors",
    SupervisorHistory "supervisor-history",
    SupervisorHistories "supervisor-histories",
    SuspendSupervisor "suspend-supervisor",
    ResumeSupervisor "resume-supervisor",
    ResetSupervisor "reset-supervisor",
    ResetSupervisorOffsets "reset-supervisor-offsets",
    TerminateSupervisor "terminate-supervisor",
    ShutdownSupervisor "shutdown-supervisor",
    HandOffTaskGroups "hand-off-task-groups",
    SuspendAllSupervisors "suspend-all-supervisors",
    ResumeAllSupervisors "resume-all-supervisors",
    TerminateAllSupervisors "terminate-all-supervisors",
    Sample "sample",
    MarkAllUsed "mark-all-used",
    MarkAllUnused "mark-all-unused",
    MarkUsed "mark-used",
    MarkUnused "mark-unused",
    MarkSegmentUsed "mark-segment-used",
    MarkSegmentUnused "mark-segment-unused",
    CompactionSupervisorsEnabled "compaction-supervisors-enabled",
    ClusterCompactionConfig "cluster-compaction-config",
    SetClusterCompactionConfig "set-cluster-compaction-config",
    CompactionConfigs "compaction-configs",
    CompactionConfig "compaction-config",
    SetCompactionConfig "set-compaction-config",
    DeleteCompactionConfig "delete-compaction-config",
    CompactionConfigHistory "compaction-config-history",
    CompactionStatuses "compaction-statuses",
    CompactionStatus "compaction-status",
    SimulateCompaction "simulate-compaction",
    CompactionProgress "compaction-progress",
    ClusterCompactionStatus "cluster-compaction-status",
    Leader "leader",
    IsLeader "is-leader",
    Workers "workers",
    WorkerConfig "worker-config",
    SetWorkerConfig "set-worker-config",
    WorkerConfigHistory "worker-config-history",
    EnableWorker "enable-worker",
    DisableWorker "disable-worker",
    Scaling "scaling",
    TotalWorkerCapacity "total-worker-capacity",
    LockedIntervals "locked-intervals",
    LockedIntervalsV2 "locked-intervals-v2",
    ActiveLocks "active-locks",
    TaskAction "task-action",
    K8sExecutionConfig "k8s-execution-config",
    SetK8sExecutionConfig "set-k8s-execution-config",
    K8sExecutionConfigHistory "k8s-execution-config-history",
}
