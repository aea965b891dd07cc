//! What was decided.

use std::sync::Arc;

use bytes::Bytes;

use super::Rejection;
use crate::caller::Principal;
use crate::druid::{DataSource, SupervisorId, TaskId};
use crate::finding::Finding;
use crate::policy::Permit;
use crate::quota::{Charge, Said};
use crate::route::{Endpoint, Route, Subject};

/// A decision, with what was learnt on the way to it.
#[derive(Debug)]
#[must_use]
pub struct Verdict {
    /// For the access log, whatever the decision.
    pub trace: Trace,
    /// The decision.
    pub decision: Result<Admitted, Rejection>,
}

/// What is known of a request when the decision falls.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Who.
    pub principal: Option<Principal>,
    /// Which endpoint.
    pub endpoint: Option<&'static Endpoint>,
    /// The canonical path; empty when there is none.
    pub path: String,
    /// What the path names.
    pub subject: Option<Subject>,
    /// What is read or written.
    pub datasources: Vec<DataSource>,
    /// The role or the limit that decided.
    pub rule: Option<Arc<str>>,
    /// Findings, refused or not.
    pub findings: Vec<Finding>,
    /// The datasource that limits count it for.
    pub counted: Option<DataSource>,
    /// What each limit said.
    pub limits: Vec<(Arc<str>, Said)>,
}

/// A request that may go upstream.
#[derive(Debug)]
pub struct Admitted {
    /// The proof.
    pub permit: Permit,
    /// Who asked.
    pub principal: Principal,
    /// Which endpoint, with its canonical path and query.
    pub route: Route,
    /// In which way.
    pub forward: Forward,
    /// What its limits took.
    pub charge: Charge,
    /// Findings that do not refuse.
    pub warnings: Vec<Finding>,
}

/// The way upstream.
#[derive(Debug)]
pub enum Forward {
    /// A task, judged whole: sent with its exact length, across a failover too.
    SubmitTask {
        /// As it came.
        body: Bytes,
        /// Its id, if it has one.
        id: Option<TaskId>,
        /// Its type.
        type_id: String,
        /// What it writes.
        datasource: Option<DataSource>,
    },
    /// A supervisor, judged whole.
    SubmitSupervisor {
        /// As it came.
        body: Bytes,
        /// Whom it may replace.
        ids: Vec<SupervisorId>,
    },
    /// Anything else, with its body if it has one; the answer streams.
    Relay {
        /// As it came.
        body: Option<Bytes>,
    },
    /// Every task of a datasource is to be shut down.
    ShutdownAll(DataSource),
    /// Nothing goes upstream: the verdict is the answer.
    DryRun {
        /// The stage that would refuse it.
        refused_by: Option<&'static str>,
        /// The limits that it would count against, and how much.
        charges: Vec<(Arc<str>, u32)>,
        /// What the spec would touch.
        datasources: Vec<DataSource>,
        /// Slots that it would take, if they can be told.
        slots: Option<u32>,
    },
}
