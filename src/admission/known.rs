//! From the route to the body: standing, owner, authorization, and the charge.

use std::sync::Arc;

use super::admitted::{Admitted, Forward, Trace, Verdict};
use super::body::media_type;
use super::charge::{Claim, Then};
use super::step::{AwaitingBody, AwaitingOwner, Head, Question, Step, reject};
use super::{BodyProblem, Rejection, Snapshot};
use crate::caller::Principal;
use crate::druid::{DataSource, Owner};
use crate::finding::Finding;
use crate::policy::{Permit, Scope};
use crate::quota::Charge;
use crate::route::{Action, BodyUse, Operation, Origin, Route, Subject};

/// A body that Druid does not read is read and dropped up to this size.
const LARGEST_IGNORED: usize = 64 * 1024;

/// What is known once the route is.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) principal: Principal,
    pub(super) route: Route,
    pub(super) head: Head,
    pub(super) trace: Trace,
    /// Once its limits were asked.
    pub(super) charge: Option<Charge>,
}

impl Known {
    /// May the principal do this at all?
    pub(super) fn standing(self: Box<Self>) -> Step {
        let endpoint = self.route.endpoint;
        let action = endpoint.action;
        if action == Action::Blocked {
            return self.reject(Rejection::Blocked);
        }
        let policies = &self.snapshot.policies;
        let permit = match endpoint.is_cluster_wide() {
            true => policies.authorize(&self.principal, action, Scope::Cluster),
            false => policies.standing(&self.principal, action),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(_) => {
                return self.reject(Rejection::Forbidden {
                    action,
                    datasource: None,
                    unmet: None,
                });
            }
        };
        if let Err(problem) = self.body_head() {
            return self.reject(Rejection::Body(problem));
        }
        // Nothing is worked on before it is counted, where that can be said so early.
        match self.early_draws(permit.role()) {
            draws if draws.is_empty() => self.stands(permit),
            draws => self.need_charge(Claim::of(draws), Then::Stands(permit)),
        }
    }

    /// Goes on with somebody who may do this at all.
    pub(super) fn stands(mut self: Box<Self>, permit: Permit) -> Step {
        match self.route.endpoint.origin {
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
            Origin::Task | Origin::Supervisor => Step::NeedOwner(AwaitingOwner {
                known: self,
                question: Question::Subject,
            }),
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
    pub(super) fn authorize(mut self: Box<Self>, owner: Owner) -> Step {
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
                unmet: None,
            },
        }
    }

    fn with_permit(mut self: Box<Self>, permit: Permit) -> Step {
        self.trace.rule = Some(permit.role().clone());
        match self.route.endpoint.body {
            BodyUse::Spec(_) | BodyUse::Json(_) => self.need_body(Some(permit)),
            BodyUse::Ignored if self.head.has_body => self.need_body(Some(permit)),
            BodyUse::Ignored => self.without_body(permit),
        }
    }

    fn need_body(self: Box<Self>, permit: Option<Permit>) -> Step {
        let limit = match self.route.endpoint.body {
            BodyUse::Spec(_) | BodyUse::Json(_) => self.snapshot.max_body,
            BodyUse::Ignored => LARGEST_IGNORED,
        };
        Step::NeedBody(AwaitingBody {
            known: self,
            permit,
            limit,
        })
    }

    pub(super) fn without_body(self: Box<Self>, permit: Permit) -> Step {
        let subject = match &self.route.subject {
            Subject::DataSource(datasource) => Some(datasource.clone()),
            Subject::None | Subject::Task(_) | Subject::Supervisor(_) | Subject::Worker(_) => {
                self.trace.datasources.first().cloned()
            }
        };
        let forward = match (self.route.endpoint.operation, &self.route.subject) {
            (Operation::ShutdownAllTasks, Subject::DataSource(datasource)) => {
                Forward::ShutdownAll(datasource.clone())
            }
            _ => Forward::Relay { body: None },
        };
        self.finish(permit, forward, subject)
    }

    pub(super) fn reject(self: Box<Self>, rejection: Rejection) -> Step {
        reject(self.trace, rejection)
    }

    pub(super) fn admit(
        self: Box<Self>,
        permit: Permit,
        forward: Forward,
        warnings: Vec<Finding>,
    ) -> Step {
        let Known {
            snapshot: _,
            principal,
            route,
            head: _,
            trace,
            charge,
        } = *self;
        let admitted = Admitted {
            permit,
            principal,
            route,
            forward,
            charge: charge.unwrap_or_default(),
            warnings,
        };
        Verdict {
            trace,
            decision: Ok(admitted),
        }
        .into()
    }
}
