//! Shutting down all tasks of a datasource, on every version of Druid.
//!
//! From 32 on Druid's own endpoint always answers 404: the class at `/datasources` hides it (run on
//! 33.0.0). So a 404 is not believed: the datasource's tasks are listed, and each is shut down.

use std::collections::BTreeSet;
use std::slice;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::answer::Reply;
use super::exchange::{Gateway, Record};
use super::generation::Generation;
use super::problem::Problem;
use super::relay::forwarded_fields;
use super::submit::{failed, refused_by_druid};
use super::turn::turn;
use crate::caller::Principal;
use crate::druid::DataSource;
use crate::listener::Session;
use crate::route::{PREFIX, Route, encode_segment};
use crate::upstream::{Failure, Plan, Request, Trail, Whole};

/// The first major release whose own endpoint is hidden.
const HIDDEN_SINCE: u16 = 32;

/// The largest list that is read.
const LARGEST: usize = 64 << 20;

/// Druid's names for what is not finished, in the order in which a task goes through them: one
/// that moves on while the lists are read is found in a later one.
const UNFINISHED: [&str; 3] = ["waiting", "pending", "running"];

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(rename = "dataSource")]
    datasource: Option<String>,
}

impl Gateway {
    #[expect(
        clippy::too_many_arguments,
        reason = "one exchange has this many sides; a struct would only rename them"
    )]
    pub(super) async fn shutdown_all(
        &self,
        session: &mut Session,
        principal: &Principal,
        route: &Route,
        datasource: &DataSource,
        generation: &Generation,
        deadline: Instant,
        record: &mut Record<'_>,
    ) {
        let begun = Instant::now();
        let plan = Plan {
            repeatable: true,
            deadline,
            unavailable_is_an_answer: false,
            turn: turn(route.endpoint, principal, slice::from_ref(datasource)),
        };
        let mut trail = Trail::default();
        if generation.snapshot.druid_version.major() < HIDDEN_SINCE {
            let mut request = Request::post(route.upstream_target());
            request.headers = forwarded_fields(session, principal, false);
            let sent = generation
                .overlords
                .exchange_whole(&request, plan, LARGEST, &mut trail)
                .await;
            record.upstream(trail, &generation.overlords, begun.elapsed());
            match sent {
                Ok(Whole { head, .. }) if head.status == StatusCode::NOT_FOUND => {}
                Ok(Whole { head, body, .. }) => {
                    return match refused_by_druid(&head, &body) {
                        Some(problem) => self.refuse_exchange(session, problem, record).await,
                        None => self.answer(session, Reply::of(&head), body, record).await,
                    };
                }
                Err(failure) => {
                    return self
                        .refuse_exchange(session, failed(&failure, true), record)
                        .await;
                }
            }
        }
        match each_task(session, principal, datasource, generation, plan, record).await {
            Ok(0) => {
                // As Druid 28 answers for a datasource without tasks: empty, labelled JSON.
                let reply = Reply::json(StatusCode::NOT_FOUND);
                self.answer(session, reply, Bytes::new(), record).await;
            }
            Ok(_) => {
                let body = json!({ "dataSource": datasource.as_str() });
                let body = serde_json::to_vec(&body).unwrap_or_default();
                self.answer(session, Reply::json(StatusCode::OK), body.into(), record)
                    .await;
            }
            Err(problem) => self.refuse_exchange(session, *problem, record).await,
        }
    }
}

/// Shuts down every unfinished task of the datasource; tells how many there were. All of them have
/// gone if it says so: what Druid refused to shut down is a problem.
async fn each_task(
    session: &Session,
    principal: &Principal,
    datasource: &DataSource,
    generation: &Generation,
    plan: Plan,
    record: &mut Record<'_>,
) -> Result<usize, Box<Problem>> {
    let mut ids = BTreeSet::new();
    for state in UNFINISHED {
        let name = encode_segment(datasource.as_str());
        let list = Request::get(format!("{PREFIX}/tasks?datasource={name}&state={state}"));
        let told = ask(&list, generation, plan, record).await?;
        if let Some(problem) = refused_by_druid(&told.head, &told.body) {
            return Err(Box::new(problem));
        }
        // The list is our own question, not the client's.
        if told.head.status == StatusCode::FORBIDDEN {
            return Err(Box::new(Problem::upstream_login()));
        }
        let tasks = match told.head.status {
            StatusCode::OK => serde_json::from_slice::<Vec<Listed>>(&told.body).ok(),
            _ => None,
        };
        let tasks = tasks.ok_or_else(|| Box::new(Problem::unexpected_answer()))?;
        let own = tasks
            .into_iter()
            .filter(|task| task.datasource.as_deref() == Some(datasource.as_str()));
        ids.extend(own.map(|task| task.id));
    }
    // From here on it is half done.
    let plan = Plan {
        turn: plan.turn.patient(),
        ..plan
    };
    // All are known before the first one ends: a free slot lets the next one in.
    let mut left = 0;
    for (done, id) in ids.iter().enumerate() {
        let mut shutdown = Request::post(format!("{PREFIX}/task/{}/shutdown", encode_segment(id)));
        shutdown.headers = forwarded_fields(session, principal, false);
        let told = match exchange(&shutdown, generation, plan, record).await {
            Ok(told) => told,
            // What was not executed is the rest.
            Err(Failure::Overloaded { .. } | Failure::NoLeader) if done > 0 => {
                let left = left + ids.len() - done;
                return Err(Box::new(Problem::not_shut_down(left, ids.len())));
            }
            Err(failure) => return Err(Box::new(failed(&failure, true))),
        };
        match told.head.status {
            // A 404 is a task that has gone by itself.
            StatusCode::OK | StatusCode::NOT_FOUND => {}
            StatusCode::UNAUTHORIZED => {
                let problem = refused_by_druid(&told.head, &told.body);
                return Err(Box::new(problem.unwrap_or_else(Problem::unexpected_answer)));
            }
            // The others are shut down all the same: who asks for this wants as few as can be.
            _ => left += 1,
        }
    }
    match left {
        0 => Ok(ids.len()),
        left => Err(Box::new(Problem::not_shut_down(left, ids.len()))),
    }
}

async fn ask(
    request: &Request,
    generation: &Generation,
    plan: Plan,
    record: &mut Record<'_>,
) -> Result<Whole, Box<Problem>> {
    let asked = exchange(request, generation, plan, record).await;
    asked.map_err(|failure| Box::new(failed(&failure, true)))
}

/// One exchange, its answer read whole, so that the connection serves the next one.
async fn exchange(
    request: &Request,
    generation: &Generation,
    plan: Plan,
    record: &mut Record<'_>,
) -> Result<Whole, Failure> {
    let begun = Instant::now();
    let mut trail = Trail::default();
    let overlords = &generation.overlords;
    let answered = overlords
        .exchange_whole(request, plan, LARGEST, &mut trail)
        .await;
    record.upstream(trail, overlords, begun.elapsed());
    answered
}
