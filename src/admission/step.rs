//! The steps before the body, in their order.

use std::sync::Arc;

use bytes::Bytes;

use super::admitted::{Admitted, Forward, Trace, Verdict};
use super::body::{ReadSpec, judge_json, judge_spec, media_type, replaced};
use super::{BodyProblem, Enforcement, Rejection, Snapshot};
use crate::caller::Principal;
use crate::druid::{DataSource, Owner, SupervisorId};
use crate::finding::Finding;
use crate::policy::{Permit, Scope};
use crate::quota::Charge;
use crate::route::{
    Action, BodyUse, CanonicalPath, Origin, Route, Subject, Target, Unroutable, Who,
};

/// A body that Druid does not read is read and dropped up to this size.
const LARGEST_IGNORED: usize = 64 * 1024;

/// What the header says, as far as admission needs it.
#[derive(Debug, Clone)]
pub struct Head {
    /// The method.
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// Is there a body (a length above zero, or chunks)?
    pub has_body: bool,
    /// `Content-Length`.
    pub length: Option<u64>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Is there a `Content-Encoding`?
    pub is_encoded: bool,
}

/// Decided, or waiting for a fact.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Decided.
    Done(Box<Verdict>),
    /// Who is it?
    NeedPrincipal(Box<AwaitingPrincipal>),
    /// Whose task or supervisor is it?
    NeedOwner(Box<AwaitingOwner>),
    /// The body.
    NeedBody(Box<AwaitingBody>),
}

/// Outcome of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// This is who it is.
    Known(Principal),
    /// No credentials that are understood.
    Absent,
    /// Unknown user or wrong password.
    Wrong,
    /// Too many logins at once.
    Busy,
}

/// Waits for the principal.
#[derive(Debug)]
pub struct AwaitingPrincipal {
    snapshot: Arc<Snapshot>,
    head: Head,
    path: Option<CanonicalPath>,
}

/// Waits for an owner.
#[derive(Debug)]
pub struct AwaitingOwner {
    pub(super) known: Known,
    pub(super) question: Question,
}

/// Whose owner is asked for, and what follows.
#[derive(Debug)]
pub(super) enum Question {
    /// The subject of the path.
    Subject,
    /// A supervisor that a submission would replace.
    Replaced {
        id: SupervisorId,
        read: Box<ReadSpec>,
    },
}

/// Waits for the body.
#[derive(Debug)]
pub struct AwaitingBody {
    known: Known,
    permit: Option<Permit>,
    limit: usize,
}

/// What is known once the route is.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) principal: Principal,
    pub(super) route: Route,
    pub(super) head: Head,
    pub(super) trace: Trace,
}

/// Begins with a request's header.
pub fn begin(head: Head, snapshot: Arc<Snapshot>) -> Step {
    match CanonicalPath::parse(&head.target) {
        Ok(Target::Below(path, _)) => Step::NeedPrincipal(Box::new(AwaitingPrincipal {
            snapshot,
            head,
            path: Some(path),
        })),
        // Strangers learn nothing: what is not served is told to those who are known.
        Ok(Target::Elsewhere) => Step::NeedPrincipal(Box::new(AwaitingPrincipal {
            snapshot,
            head,
            path: None,
        })),
        Err(malformed) => reject(
            Trace::default(),
            Rejection::MalformedTarget(malformed.to_string()),
        ),
    }
}

fn reject(trace: Trace, rejection: Rejection) -> Step {
    Step::Done(Box::new(Verdict {
        trace,
        decision: Err(rejection),
    }))
}

impl AwaitingPrincipal {
    /// Goes on with who it is.
    pub fn supply(self, login: Login) -> Step {
        let mut trace = Trace::default();
        if let Some(path) = &self.path {
            trace.path = path.to_string();
        }
        let principal = match login {
            Login::Known(principal) => principal,
            Login::Absent => return reject(trace, Rejection::Unauthenticated),
            Login::Wrong => return reject(trace, Rejection::WrongCredentials),
            Login::Busy => return reject(trace, Rejection::TooManyLogins),
        };
        trace.principal = Some(principal.clone());
        let Some(path) = self.path else {
            return reject(trace, Rejection::UnknownEndpoint);
        };
        let query = self.head.target.split_once('?').map(|(_, query)| query);
        let route = match Route::find(&self.head.method, path, query) {
            Ok(route) => route,
            Err(unroutable) => return reject(trace, unroutable.into()),
        };
        trace.endpoint = Some(route.endpoint);
        trace.subject = Some(route.subject.clone());
        let known = Known {
            snapshot: self.snapshot,
            principal,
            route,
            head: self.head,
            trace,
        };
        known.standing()
    }
}

impl From<Unroutable> for Rejection {
    fn from(unroutable: Unroutable) -> Rejection {
        match unroutable {
            Unroutable::UnknownEndpoint => Rejection::UnknownEndpoint,
            Unroutable::MethodNotAllowed { allow } => Rejection::MethodNotAllowed(allow),
            Unroutable::InvalidName(name) => Rejection::MalformedTarget(name.to_string()),
            Unroutable::Query(query) => Rejection::MalformedTarget(query.to_string()),
        }
    }
}

impl Known {
    /// May the principal do this at all?
    fn standing(mut self) -> Step {
        let endpoint = self.route.endpoint;
        let action = endpoint.action;
        if action == Action::Blocked {
            return self.reject(Rejection::Blocked);
        }
        let policies = &self.snapshot.policies;
        let permit = match (endpoint.origin, endpoint.who) {
            (Origin::None, Who::ClusterWide) => {
                policies.authorize(&self.principal, action, Scope::Cluster)
            }
            (Origin::None, Who::Anybody)
            | (
                Origin::Path
                | Origin::Body
                | Origin::Query
                | Origin::Task
                | Origin::Supervisor
                | Origin::Response,
                Who::ClusterWide | Who::Anybody,
            ) => policies.standing(&self.principal, action),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(_) => {
                return self.reject(Rejection::Forbidden {
                    action,
                    datasource: None,
                    opaque: None,
                });
            }
        };
        if let Err(problem) = self.body_head() {
            return self.reject(Rejection::Body(problem));
        }
        match endpoint.origin {
            Origin::None | Origin::Response => self.with_permit(permit),
            Origin::Query => match self.queried() {
                Ok(None) => self.with_permit(permit),
                Ok(Some(datasource)) => self.authorize(Owner::DataSources(vec![datasource])),
                Err(rejection) => self.reject(rejection),
            },
            Origin::Path => match self.route.subject.clone() {
                Subject::DataSource(datasource) => {
                    self.authorize(Owner::DataSources(vec![datasource]))
                }
                Subject::None | Subject::Task(_) | Subject::Supervisor(_) | Subject::Worker(_) => {
                    self.authorize(Owner::Unnamed)
                }
            },
            Origin::Task | Origin::Supervisor => Step::NeedOwner(Box::new(AwaitingOwner {
                known: self,
                question: Question::Subject,
            })),
            Origin::Body => self.need_body(None),
        }
    }

    /// The datasource that a list's query asks for.
    fn queried(&mut self) -> Result<Option<DataSource>, Rejection> {
        let Some(text) = self.route.query.get("datasource") else {
            return Ok(None);
        };
        let named = text.parse::<DataSource>();
        named.map(Some).map_err(|error| {
            Rejection::MalformedTarget(format!("the query parameter `datasource`: {error}"))
        })
    }

    /// What the header says of the body, before a byte of it is read.
    fn body_head(&self) -> Result<(), BodyProblem> {
        if self.head.is_encoded {
            return Err(BodyProblem::Encoded);
        }
        match self.route.endpoint.body {
            BodyUse::Spec(_) | BodyUse::Json(_) => {
                media_type(self.head.content_type.as_deref())?;
                self.within(self.snapshot.max_body)
            }
            BodyUse::Ignored if self.route.endpoint.method != "POST" && self.head.has_body => {
                Err(BodyProblem::NotWanted)
            }
            BodyUse::Ignored => self.within(LARGEST_IGNORED),
        }
    }

    fn within(&self, limit: usize) -> Result<(), BodyProblem> {
        if self.head.length.is_some_and(|length| length > limit as u64) {
            return Err(BodyProblem::TooLarge(limit));
        }
        Ok(())
    }

    /// Authorizes something whose owner is known.
    fn authorize(mut self, owner: Owner) -> Step {
        let action = self.route.endpoint.action;
        let scope = match &owner {
            Owner::DataSources(datasources) => {
                self.trace.datasources.clone_from(datasources);
                Scope::DataSources(datasources)
            }
            Owner::Unnamed => Scope::Cluster,
        };
        match self
            .snapshot
            .policies
            .authorize(&self.principal, action, scope)
        {
            Ok(permit) => self.with_permit(permit),
            Err(denial) => {
                let rejection = self.denied(denial.datasource, scope);
                self.reject(rejection)
            }
        }
    }

    /// An id that is somebody else's is as unknown as one that does not exist, unless its owner
    /// may be seen.
    fn denied(&self, datasource: Option<DataSource>, scope: Scope<'_>) -> Rejection {
        let action = self.route.endpoint.action;
        let visible = self
            .snapshot
            .policies
            .authorize(&self.principal, Action::Read, scope)
            .is_ok();
        match self.route.endpoint.origin {
            Origin::Task if !visible => Rejection::UnknownTask,
            Origin::Supervisor if !visible => Rejection::UnknownSupervisor,
            Origin::Task
            | Origin::Supervisor
            | Origin::Path
            | Origin::Query
            | Origin::Body
            | Origin::Response
            | Origin::None => Rejection::Forbidden {
                action,
                datasource,
                opaque: None,
            },
        }
    }

    fn with_permit(mut self, permit: Permit) -> Step {
        self.trace.rule = Some(permit.role().clone());
        match self.route.endpoint.body {
            BodyUse::Spec(_) | BodyUse::Json(_) => self.need_body(Some(permit)),
            BodyUse::Ignored if self.head.has_body => self.need_body(Some(permit)),
            BodyUse::Ignored => self.without_body(permit),
        }
    }

    fn need_body(self, permit: Option<Permit>) -> Step {
        let limit = match self.route.endpoint.body {
            BodyUse::Spec(_) | BodyUse::Json(_) => self.snapshot.max_body,
            BodyUse::Ignored => LARGEST_IGNORED,
        };
        Step::NeedBody(Box::new(AwaitingBody {
            known: self,
            permit,
            limit,
        }))
    }

    fn without_body(mut self, permit: Permit) -> Step {
        let subject = match &self.route.subject {
            Subject::DataSource(datasource) => Some(datasource.clone()),
            Subject::None | Subject::Task(_) | Subject::Supervisor(_) | Subject::Worker(_) => {
                self.trace.datasources.first().cloned()
            }
        };
        let charge = match self.charge(subject.as_ref()) {
            Ok(charge) => charge,
            Err(rejection) => return self.reject(rejection),
        };
        let forward = match (self.route.endpoint.operation, &self.route.subject) {
            (crate::route::Operation::ShutdownAllTasks, Subject::DataSource(datasource)) => {
                Forward::ShutdownAll(datasource.clone())
            }
            _ => Forward::Relay { body: None },
        };
        self.admit(permit, forward, charge, Vec::new())
    }

    /// Takes the tokens.
    pub(super) fn charge(
        &mut self,
        datasource: Option<&DataSource>,
    ) -> Result<Option<Charge>, Rejection> {
        let action = self.route.endpoint.action;
        let limits = &self.snapshot.rate_limits;
        match self
            .snapshot
            .limiter
            .take(limits, action, &self.principal, datasource)
        {
            Ok(charge) => Ok(charge),
            Err(over) if self.snapshot.enforcement == Enforcement::Audit => {
                self.trace.audited = Some(over);
                Ok(None)
            }
            Err(over) => {
                self.trace.rule = Some(over.rule.name.clone());
                Err(Rejection::OverQuota(over))
            }
        }
    }

    pub(super) fn reject(self, rejection: Rejection) -> Step {
        reject(self.trace, rejection)
    }

    pub(super) fn admit(
        self,
        permit: Permit,
        forward: Forward,
        charge: Option<Charge>,
        warnings: Vec<Finding>,
    ) -> Step {
        let Known {
            snapshot: _,
            principal,
            route,
            head: _,
            trace,
        } = self;
        let admitted = Admitted {
            permit,
            principal,
            route,
            forward,
            charge,
            warnings,
        };
        Verdict {
            trace,
            decision: Ok(admitted),
        }
        .into()
    }
}

impl AwaitingOwner {
    /// Whose owner is asked for.
    pub fn subject(&self) -> Subject {
        match &self.question {
            Question::Subject => self.known.route.subject.clone(),
            Question::Replaced { id, .. } => Subject::Supervisor(id.clone()),
        }
    }

    /// Must the leader be asked, even if the answer is remembered? For all that changes something.
    pub fn fresh(&self) -> bool {
        self.known.route.endpoint.action != Action::Read
    }

    /// Goes on with the owner; `None`: there is no such thing.
    pub fn supply(self, owner: Option<Owner>) -> Step {
        match (self.question, owner) {
            (Question::Subject, Some(owner)) => self.known.authorize(owner),
            (Question::Subject, None) => {
                let rejection = match self.known.route.subject {
                    Subject::Supervisor(_) => Rejection::UnknownSupervisor,
                    Subject::Task(_)
                    | Subject::None
                    | Subject::DataSource(_)
                    | Subject::Worker(_) => Rejection::UnknownTask,
                };
                self.known.reject(rejection)
            }
            (Question::Replaced { read, .. }, owner) => replaced(self.known, *read, owner),
        }
    }

    /// Ends here: the owner could not be asked for.
    pub fn into_trace(self) -> Trace {
        self.known.trace
    }
}

impl AwaitingBody {
    /// The largest body that is wanted, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Goes on with the body, or with why there is none.
    pub fn supply(self, body: Result<Bytes, BodyProblem>) -> Step {
        let AwaitingBody {
            known,
            permit,
            limit: _,
        } = self;
        let body = match body {
            Ok(body) => body,
            Err(problem) => return known.reject(Rejection::Body(problem)),
        };
        match (known.route.endpoint.body, permit) {
            (BodyUse::Spec(kind), _) => judge_spec(known, kind, body),
            (BodyUse::Json(use_), permit) => judge_json(known, permit, use_, body),
            (BodyUse::Ignored, Some(permit)) => known.without_body(permit),
            (BodyUse::Ignored, None) => {
                unreachable!("only bodies that name datasources are read without a permit")
            }
        }
    }
}
