//! A verdict with the way to it, for somebody who asks and sends nothing. The verdict is that of
//! [`begin`], driven with facts that are said instead of fetched; what is told beside it is read
//! with the functions that the machine itself uses.

mod check;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

pub use check::Check;

use super::{Claim, Forward, Head, Login, Rejection, Snapshot, Step, Verdict, begin};
use crate::caller::Principal;
use crate::druid::{DataSource, DataSourcePattern, Owner};
use crate::json::Document;
use crate::policy::{Reason, Scope};
use crate::quota::Charge;
use crate::route::{Action, BodyUse, Endpoint, Origin, Subject};
use crate::spec::Spec;

/// A request, and what is said of the facts that a gateway would ask for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method, target, and what a header would say of the body.
    pub head: Head,
    /// Who.
    pub principal: Principal,
    /// Whose the task or supervisor is.
    pub owner: Supplied,
    /// The body, if one is given.
    pub body: Option<Bytes>,
}

/// What is said of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supplied {
    /// Nothing.
    Unsaid,
    /// There is no such task or supervisor.
    Nobody,
    /// It has these datasources.
    DataSources(Vec<DataSource>),
}

/// A fact that the machine asked for and nobody has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The body.
    Body(&'static Endpoint),
}

/// A verdict and the way to it.
#[derive(Debug)]
pub struct Explained<'s> {
    /// The machine's own.
    pub verdict: Verdict,
    /// All checks, in the order in which this request passes them.
    pub order: [Check; 11],
    /// The check that refused, or in a dry run would refuse.
    pub ended: Option<Check>,
    /// May the principal do this at all? `None`: it did not come to that.
    pub standing: Option<Reason<'s>>,
    /// The owners that were asked for.
    pub questions: Vec<Question>,
    /// The bytes of the body, if it was asked for.
    pub body: Option<usize>,
    /// The spec, if the body is one.
    pub spec: Option<Spec>,
    /// All that it takes; empty where nothing is authorized beyond the standing.
    pub reasons: Vec<Reason<'s>>,
    /// What it draws from its limits; nothing if it did not come to that.
    pub claim: Claim,
    /// The verdicts for owners that could be, where none was said.
    pub cases: Vec<Case>,
}

/// An owner that was asked for, and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The task or supervisor.
    pub subject: Subject,
    /// Its owner; `None`: there is none.
    pub owner: Option<Owner>,
}

/// What the verdict would be for an owner that a pattern covers.
#[derive(Debug)]
pub struct Case {
    /// A pattern of a grant.
    pub pattern: String,
    /// The verdict for a datasource that it covers, and that none of the cases before covers.
    pub verdict: Verdict,
}

/// Judges a request with the facts that are said, and tells the way.
///
/// # Errors
/// [`Unanswered`]: the machine came to a fact that nobody has said. An owner need not be: then the
/// task is taken to be unknown, and a supervisor to replace none.
pub fn explain<'s>(asked: &Asked, snapshot: &'s Snapshot) -> Result<Explained<'s>, Unanswered> {
    let drive = drive(asked, snapshot, &asked.owner)?;
    let is_open = asked.owner == Supplied::Unsaid;
    let of_path = drive.verdict.trace.endpoint.filter(|endpoint| {
        is_open && !drive.questions.is_empty() && endpoint.origin != Origin::Body
    });
    let cases = match of_path {
        Some(endpoint) => cases(asked, snapshot, endpoint.action)?,
        None => Vec::new(),
    };
    Ok(tell(asked, snapshot, drive, cases))
}

/// What came of a run of the machine.
struct Drive {
    verdict: Verdict,
    questions: Vec<Question>,
    body: Option<usize>,
    claim: Claim,
}

fn drive(asked: &Asked, snapshot: &Snapshot, owner: &Supplied) -> Result<Drive, Unanswered> {
    let mut questions = Vec::new();
    let mut body = None;
    let mut claim = Claim::default();
    let mut step = begin(asked.head.clone(), Arc::new(snapshot.clone()));
    loop {
        step = match step {
            Step::Done(verdict) => {
                return Ok(Drive {
                    verdict: *verdict,
                    questions,
                    body,
                    claim,
                });
            }
            Step::NeedPrincipal(wait) => wait.supply(Login::Known(asked.principal.clone())),
            Step::NeedOwner(wait) => {
                let owner = match owner {
                    Supplied::Unsaid | Supplied::Nobody => None,
                    Supplied::DataSources(names) => Some(Owner::DataSources(names.clone())),
                };
                questions.push(Question {
                    subject: wait.subject(),
                    owner: owner.clone(),
                });
                wait.supply(owner)
            }
            Step::NeedBody(wait) => match &asked.body {
                Some(bytes) => {
                    body = Some(bytes.len());
                    wait.supply(Ok(bytes.clone()))
                }
                None => return Err(Unanswered::Body(wait.endpoint())),
            },
            // Nobody is charged.
            Step::NeedCharge(mut wait) => {
                claim = wait.take_claim();
                wait.supply(Ok(Charge::default()))
            }
        };
    }
}

/// Owners that make a difference: those of the grants that allow the action, then those whom the
/// principal may at least see.
fn cases(asked: &Asked, snapshot: &Snapshot, action: Action) -> Result<Vec<Case>, Unanswered> {
    let policies = &snapshot.policies;
    let mut seen = BTreeSet::new();
    let mut cases: Vec<(DataSourcePattern, Case)> = Vec::new();
    for action in [action, Action::Read] {
        for standing in policies.reason_to_ask(&asked.principal, action).grants {
            if standing.lack.is_some() {
                continue;
            }
            for pattern in &standing.grant.datasources {
                if !seen.insert(pattern.to_string()) {
                    continue;
                }
                let before: Vec<_> = cases.iter().map(|(pattern, _)| pattern).collect();
                let Some(datasource) = example(pattern, &before) else {
                    continue;
                };
                let owner = Supplied::DataSources(vec![datasource]);
                let Drive { verdict, .. } = drive(asked, snapshot, &owner)?;
                let case = Case {
                    pattern: pattern.to_string(),
                    verdict,
                };
                cases.push((pattern.clone(), case));
            }
        }
    }
    Ok(cases.into_iter().map(|(_, case)| case).collect())
}

/// A datasource that the pattern covers and none of the others does. `None`: those cover all that it
/// does, or very nearly.
fn example(pattern: &DataSourcePattern, others: &[&DataSourcePattern]) -> Option<DataSource> {
    ["", "x", "any", "0-example", "Example_q"]
        .iter()
        .filter_map(|fill| pattern.to_string().replace('*', fill).parse().ok())
        .find(|name| pattern.matches(name) && !others.iter().any(|other| other.matches(name)))
}

fn tell<'s>(
    asked: &Asked,
    snapshot: &'s Snapshot,
    drive: Drive,
    cases: Vec<Case>,
) -> Explained<'s> {
    let policies = &snapshot.policies;
    let principal = &asked.principal;
    let trace = &drive.verdict.trace;
    let served = trace.endpoint;
    let served = served.filter(|endpoint| endpoint.is_in(snapshot.druid_version));
    let standing = served.and_then(|endpoint| match endpoint.is_cluster_wide() {
        true => policies
            .reasons(principal, endpoint.action, Scope::Cluster)
            .pop(),
        false => Some(policies.reason_to_ask(principal, endpoint.action)),
    });
    let spec = served
        .filter(|_| drive.body.is_some())
        .and_then(|endpoint| spec(asked, snapshot, endpoint));
    let stands = standing.as_ref().is_some_and(Reason::allows);
    let ended = check::ended(&drive, stands);
    let order = Check::order(&drive);
    let is_reached = |check| match ended {
        None => true,
        Some(ended) => order
            .iter()
            .take_while(|passed| **passed != ended)
            .chain([&ended])
            .any(|passed| *passed == check),
    };
    let reasons = match served {
        Some(endpoint) if is_reached(Check::Authorize) => reasons(
            endpoint,
            snapshot,
            principal,
            spec.as_ref(),
            &trace.datasources,
        ),
        Some(_) | None => Vec::new(),
    };
    let counts = is_reached(Check::Quota);
    let Drive {
        verdict,
        questions,
        body,
        claim,
    } = drive;
    Explained {
        claim: if counts { claim } else { Claim::default() },
        verdict,
        order,
        ended,
        standing,
        questions,
        body,
        spec,
        reasons,
        cases,
    }
}

/// All that is authorized beyond the standing. `named` are the datasources that the machine found;
/// none where it is the cluster that is meant.
fn reasons<'s>(
    endpoint: &Endpoint,
    snapshot: &'s Snapshot,
    principal: &Principal,
    spec: Option<&Spec>,
    named: &[DataSource],
) -> Vec<Reason<'s>> {
    let policies = &snapshot.policies;
    let cluster = |action| policies.reasons(principal, action, Scope::Cluster);
    match (endpoint.origin, spec) {
        (Origin::Body, Some(spec)) => policies.reasons_to_submit(principal, spec),
        // A sampler is about the cluster, whatever it would write.
        (Origin::None, Some(_)) => cluster(Action::Admin),
        (Origin::None | Origin::Response, _) => Vec::new(),
        (Origin::Query, _) if named.is_empty() => Vec::new(),
        (Origin::Path | Origin::Task | Origin::Supervisor | Origin::Body, _)
            if named.is_empty() =>
        {
            cluster(endpoint.action)
        }
        (Origin::Path | Origin::Query | Origin::Task | Origin::Supervisor | Origin::Body, _) => {
            policies.reasons(principal, endpoint.action, Scope::DataSources(named))
        }
    }
}

/// The spec that the machine read.
fn spec(asked: &Asked, snapshot: &Snapshot, endpoint: &Endpoint) -> Option<Spec> {
    let BodyUse::Spec(kind) = endpoint.body else {
        return None;
    };
    let document = Document::read(asked.body.clone()?, &snapshot.json).ok()?;
    Spec::read(&document, kind).ok()
}
