//! Submissions: judged whole, sent whole, answered whole.

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::answer::Reply;
use super::exchange::{Gateway, Record};
use super::generation::{Due, Generation};
use super::problem::{Problem, rate_limit_fields};
use super::relay::forwarded_fields;
use super::share::Act;
use super::turn::turn;
use crate::admission::{Admitted, Forward};
use crate::druid::{DataSource, TaskId};
use crate::listener::Session;
use crate::quota::Level;
use crate::route::{Action, Subject};
use crate::upstream::{Failure, Head, Plan, Request, Submission, Submitted, Trail};

/// The largest answer to a submission that is read; a supervisor's is its id.
const LARGEST_ANSWER: usize = 16 << 20;

impl Gateway {
    /// Carries out what was admitted.
    pub(super) async fn forward(
        &self,
        session: &mut Session,
        admitted: Admitted,
        generation: &Generation,
        due: Due,
        record: &mut Record<'_>,
    ) {
        let Admitted {
            permit,
            principal,
            route,
            forward,
            charge,
            warnings,
        } = admitted;
        record.outcome.rule = Some(permit.role().clone());
        // A limit's name and numbers are for those who may submit.
        let policies = &generation.snapshot.policies;
        let may_know = policies.standing(&principal, Action::Submit).is_ok();
        let level = charge.level.clone().filter(|_| may_know);
        let adds = |reply: Reply| with_level(reply.warnings(&warnings), level.as_ref());
        self.owes(charge, generation, record);
        let deadline = due.by(route.endpoint.action);
        record.act = match &forward {
            Forward::DryRun { .. } => None,
            Forward::SubmitTask { id, .. } => Act::of(route.endpoint, &principal, id.clone()),
            Forward::SubmitSupervisor { .. } | Forward::ShutdownAll(_) | Forward::Relay { .. } => {
                let task = match &route.subject {
                    Subject::Task(id) => Some(id.clone()),
                    _ => None,
                };
                Act::of(route.endpoint, &principal, task)
            }
        };
        match forward {
            Forward::DryRun {
                refused_by,
                charges,
                datasources,
                slots,
            } => {
                let names: Vec<&str> = datasources.iter().map(DataSource::as_str).collect();
                let charges: Vec<_> = charges
                    .iter()
                    .map(|(limit, cost)| json!({"limit": &**limit, "cost": cost}))
                    .collect();
                let verdict = json!({
                    "admitted": refused_by.is_none(),
                    "stage": refused_by,
                    "datasources": names,
                    "charges": charges,
                    "slots": slots,
                    "findings": warnings,
                });
                let body = serde_json::to_vec(&verdict).unwrap_or_default();
                self.answer(session, Reply::json(StatusCode::OK), body.into(), record)
                    .await;
            }
            Forward::SubmitTask {
                body,
                id,
                type_id,
                datasource,
            } => {
                let request = Request {
                    method: Method::POST,
                    target: route.upstream_target().into(),
                    headers: forwarded_fields(session, &principal, false),
                    body: Some(body),
                };
                let submission = Submission {
                    id,
                    type_id,
                    datasource,
                };
                let plan = Plan {
                    repeatable: false,
                    deadline,
                    unavailable_is_an_answer: false,
                    turn: turn(route.endpoint, &principal, submission.datasource.as_slice()),
                };
                let outcome = self
                    .submit_task(&request, &submission, generation, plan, record)
                    .await;
                match outcome {
                    Ok((reply, body)) => self.answer(session, adds(reply), body, record).await,
                    Err(problem) => self.refuse_exchange(session, problem, record).await,
                }
            }
            Forward::SubmitSupervisor { body, ids } => {
                for id in &ids {
                    generation.owners.forget(id);
                }
                self.relay(
                    session,
                    &principal,
                    &permit,
                    &route,
                    Some(body),
                    generation,
                    deadline,
                    record,
                    &adds,
                )
                .await;
                for id in &ids {
                    generation.owners.forget(id);
                }
            }
            Forward::ShutdownAll(datasource) => {
                self.shutdown_all(
                    session,
                    &principal,
                    &route,
                    &datasource,
                    generation,
                    deadline,
                    record,
                )
                .await;
            }
            Forward::Relay { body } => {
                self.relay(
                    session, &principal, &permit, &route, body, generation, deadline, record, &adds,
                )
                .await;
            }
        }
    }

    async fn submit_task(
        &self,
        request: &Request,
        submission: &Submission,
        generation: &Generation,
        plan: Plan,
        record: &mut Record<'_>,
    ) -> Result<(Reply, Bytes), Problem> {
        let begun = Instant::now();
        let mut trail = Trail::default();
        let overlords = &generation.overlords;
        let sent = overlords
            .submit(request, submission, plan, LARGEST_ANSWER, &mut trail)
            .await;
        record.upstream(trail, overlords, begun.elapsed());
        match sent {
            Ok(Submitted::Answered(head, body)) => {
                if let Some(problem) = refused_by_druid(&head, &body) {
                    return Err(problem);
                }
                if head.status == StatusCode::OK {
                    self.learn_task(&body, submission, generation, record);
                }
                Ok((Reply::of(&head), body))
            }
            // What Druid would have said, had its answer not been lost.
            Ok(Submitted::Stored(id)) => {
                let body = serde_json::to_vec(&json!({ "task": id.as_str() })).unwrap_or_default();
                self.learn_task(&body, submission, generation, record);
                Ok((Reply::json(StatusCode::OK), body.into()))
            }
            Err(failure) => Err(Problem::upstream(&failure, true)),
        }
    }

    fn learn_task(
        &self,
        body: &[u8],
        submission: &Submission,
        generation: &Generation,
        record: &mut Record<'_>,
    ) {
        #[derive(Deserialize)]
        struct Accepted {
            task: String,
        }
        let id = serde_json::from_slice::<Accepted>(body)
            .ok()
            .and_then(|accepted| accepted.task.parse::<TaskId>().ok());
        if let Some(id) = id {
            record.outcome.subject = Some(id.clone().into());
            if let Some(act) = &mut record.act {
                act.task = Some(id.clone());
            }
            if let Some(datasource) = &submission.datasource {
                generation.owners.learn(id, datasource.clone());
            }
        }
    }
}

/// Answers of Druid that are told in other words: a refused login of ours, and a full queue.
pub(super) fn refused_by_druid(head: &Head, body: &[u8]) -> Option<Problem> {
    match head.status {
        StatusCode::UNAUTHORIZED => Some(Problem::upstream_login()),
        // Druid 28 says it in the title of an HTML page (run on it).
        StatusCode::INTERNAL_SERVER_ERROR => {
            let full = b"Too many tasks";
            body.windows(full.len())
                .any(|words| words == full)
                .then(Problem::queue_full)
        }
        StatusCode::TOO_MANY_REQUESTS if !head.headers.contains_key(header::RETRY_AFTER) => {
            Some(Problem::queue_full())
        }
        _ => None,
    }
}

/// The state of the limit that is nearest to its end.
fn with_level(reply: Reply, level: Option<&Level>) -> Reply {
    // What Druid refuses is given back: the level is another then.
    let Some(level) = level.filter(|_| reply.status.is_success()) else {
        return reply;
    };
    let Level {
        rule,
        numbers,
        remaining,
    } = level;
    let (policy, state) = rate_limit_fields(rule, numbers, *remaining, numbers.token_in());
    reply
        .field(HeaderName::from_static("ratelimit-policy"), policy)
        .field(HeaderName::from_static("ratelimit"), state)
}

/// A failure of something that is not a submission.
pub(super) fn failed(failure: &Failure, changes_something: bool) -> Problem {
    Problem::upstream(failure, changes_something)
}
