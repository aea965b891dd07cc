//! The steps before the body, in their order.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::admitted::{Trace, Verdict};
use super::body::{ReadSpec, judge_json, judge_spec, replaced};
use super::charge::AwaitingCharge;
use super::known::Known;
use super::{BodyProblem, Rejection, Snapshot};
use crate::caller::Principal;
use crate::druid::{Owner, SupervisorId};
use crate::policy::Permit;
use crate::quota::Charge;
use crate::route::{Action, BodyUse, CanonicalPath, Endpoint, Route, Subject, Target, Unroutable};

/// What the header says, as far as admission needs it.
#[derive(Debug, Clone)]
pub struct Head {
    /// The method.
    pub method: Cow<'static, str>,
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
    /// The client's address, as far as it can be believed; nobody's for what is only judged.
    pub source: Option<IpAddr>,
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
    NeedOwner(AwaitingOwner),
    /// The body.
    NeedBody(AwaitingBody),
    /// What do its limits say?
    NeedCharge(Box<AwaitingCharge>),
}

/// Outcome of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// This is who it is.
    Known(Principal),
    /// No credentials that are understood.
    Absent,
    /// Unknown user, or wrong password, key or token.
    Wrong,
    /// Too many logins at once.
    Busy,
    /// The keys of the token's issuer cannot be had.
    Unavailable,
    /// Too many failures before; nothing is checked for this long.
    Slowed(Duration),
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
    pub(super) known: Box<Known>,
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
    pub(super) known: Box<Known>,
    pub(super) permit: Option<Permit>,
    pub(super) limit: usize,
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

pub(super) fn reject(trace: Trace, rejection: Rejection) -> Step {
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
            trace.path = path.text();
        }
        let principal = match login {
            Login::Known(principal) => principal,
            Login::Absent => {
                let rejection = Rejection::Unauthenticated(self.snapshot.schemes);
                return reject(trace, rejection);
            }
            Login::Wrong => {
                let rejection = Rejection::WrongCredentials(self.snapshot.schemes);
                return reject(trace, rejection);
            }
            Login::Slowed(wait) => return reject(trace, Rejection::TooManyFailures(wait)),
            Login::Busy => return reject(trace, Rejection::TooManyLogins),
            Login::Unavailable => return reject(trace, Rejection::NoIssuerKeys),
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
        let version = self.snapshot.druid_version;
        if !route.endpoint.is_in(version) {
            return reject(trace, Rejection::NotInVersion(version));
        }
        // Large, and handed from step to step.
        let known = Box::new(Known {
            snapshot: self.snapshot,
            principal,
            route,
            head: self.head,
            trace,
            charge: None,
        });
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

impl AwaitingOwner {
    /// Whose owner is asked for.
    pub fn subject(&self) -> Subject {
        match &self.question {
            Question::Subject => self.known.route.subject.clone(),
            Question::Replaced { id, .. } => Subject::Supervisor(id.clone()),
        }
    }

    /// What is asked of the gateway.
    pub fn endpoint(&self) -> &'static Endpoint {
        self.known.route.endpoint
    }

    /// Who asks.
    pub fn principal(&self) -> &Principal {
        &self.known.principal
    }

    /// What the request does.
    pub fn action(&self) -> Action {
        self.known.route.endpoint.action
    }

    /// Must the leader be asked, even if the answer is remembered? For all that changes something.
    pub fn fresh(&self) -> bool {
        self.action() != Action::Read
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

    /// Ends here: the owner could not be asked for. With what was charged before.
    pub fn into_trace(self) -> (Trace, Charge) {
        (self.known.trace, self.known.charge.unwrap_or_default())
    }
}

impl AwaitingBody {
    /// Whose body it is.
    pub fn endpoint(&self) -> &'static Endpoint {
        self.known.route.endpoint
    }

    /// What the request does.
    pub fn action(&self) -> Action {
        self.known.route.endpoint.action
    }

    /// The largest body that is wanted, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes that judging `body` takes at most, beside the body itself.
    pub fn memory(&self, body: &[u8]) -> usize {
        match self.known.route.endpoint.body {
            BodyUse::Spec(_) | BodyUse::Json(_) => {
                crate::json::memory_to_read(body, &self.known.snapshot.json)
            }
            BodyUse::Ignored => 0,
        }
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
