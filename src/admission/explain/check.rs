//! The checks of a request, and at which one a verdict fell.

use super::{Drive, Forward, Rejection};
use crate::route::{Endpoint, Origin};

/// The checks of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The path and the query.
    Path,
    /// Who is it?
    Identity,
    /// Which endpoint?
    Route,
    /// May this principal do this at all?
    Standing,
    /// Whose task or supervisor is it?
    Owner,
    /// The body's bytes.
    Body,
    /// The body as JSON.
    Document,
    /// What the body says.
    Spec,
    /// May this principal do this to these datasources?
    Authorize,
    /// Schema and rules.
    Review,
    /// Limits.
    Quota,
}

impl Check {
    /// All checks, in the order in which this endpoint's requests pass them. Where the body names
    /// the datasources, it is read before they are authorized, and the owner is that of a
    /// supervisor which a submission would replace.
    pub(super) fn order(drive: &Drive) -> [Check; 11] {
        use Check::{
            Authorize, Body, Document, Identity, Owner, Path, Quota, Review, Route, Spec, Standing,
        };
        let trace = &drive.verdict.trace;
        let is_refused_for_body = matches!(drive.verdict.decision, Err(Rejection::Body(_)));
        match trace.endpoint.map(|endpoint| endpoint.origin) {
            None => [
                Path, Identity, Route, Standing, Owner, Body, Document, Spec, Authorize, Review,
                Quota,
            ],
            // What the header says of the body is looked at before anybody is asked for anything.
            Some(_) if is_refused_for_body && drive.body.is_none() => [
                Path, Identity, Route, Standing, Body, Document, Spec, Owner, Authorize, Review,
                Quota,
            ],
            Some(Origin::Body) => [
                Path, Identity, Route, Standing, Body, Document, Spec, Authorize, Owner, Review,
                Quota,
            ],
            Some(
                Origin::Path
                | Origin::Query
                | Origin::Task
                | Origin::Supervisor
                | Origin::Response
                | Origin::None,
            ) => [
                Path, Identity, Route, Standing, Owner, Authorize, Body, Document, Spec, Review,
                Quota,
            ],
        }
    }

    /// Its name, as in the access log.
    pub fn name(self) -> &'static str {
        match self {
            Check::Path => "path",
            Check::Identity => "identity",
            Check::Route => "route",
            Check::Standing => "standing",
            Check::Owner => "owner",
            Check::Body => "body",
            Check::Document => "document",
            Check::Spec => "spec",
            Check::Authorize => "authorize",
            Check::Review => "review",
            Check::Quota => "quota",
        }
    }
}

/// The check that refused.
pub(super) fn ended(drive: &Drive, stands: bool) -> Option<Check> {
    let Drive {
        verdict, questions, ..
    } = drive;
    let rejection = match &verdict.decision {
        Ok(admitted) => {
            return match &admitted.forward {
                Forward::DryRun { refused_by, .. } => refused_by.map(|_| Check::Review),
                Forward::SubmitTask { .. }
                | Forward::SubmitSupervisor { .. }
                | Forward::Relay { .. }
                | Forward::ShutdownAll(_) => None,
            };
        }
        Err(rejection) => rejection,
    };
    let of_body = |endpoint: &Endpoint| endpoint.origin == Origin::Body;
    Some(match rejection {
        Rejection::MalformedTarget(_) if verdict.trace.principal.is_none() => Check::Path,
        Rejection::MalformedTarget(_)
        | Rejection::UnknownEndpoint
        | Rejection::NotInVersion(_)
        | Rejection::MethodNotAllowed(_) => Check::Route,
        Rejection::Unauthenticated(_)
        | Rejection::WrongCredentials(_)
        | Rejection::TooManyFailures(_)
        | Rejection::NoIssuerKeys
        | Rejection::TooManyLogins => Check::Identity,
        Rejection::Blocked => Check::Standing,
        Rejection::Forbidden { .. } if !stands => Check::Standing,
        // The owner of a supervisor that would be replaced is asked for after all else is allowed.
        Rejection::Forbidden { .. }
            if !questions.is_empty() && verdict.trace.endpoint.is_some_and(of_body) =>
        {
            Check::Owner
        }
        Rejection::Forbidden { .. } => Check::Authorize,
        // Told as unknown, for who may not even see it.
        Rejection::UnknownTask | Rejection::UnknownSupervisor
            if questions.iter().any(|question| question.owner.is_some()) =>
        {
            Check::Authorize
        }
        Rejection::UnknownTask | Rejection::UnknownSupervisor => Check::Owner,
        Rejection::Body(_) => Check::Body,
        Rejection::InvalidDocument(_) => Check::Document,
        Rejection::InvalidSpec(_) => Check::Spec,
        Rejection::Review(_) => Check::Review,
        Rejection::OverQuota { .. } => Check::Quota,
    })
}
