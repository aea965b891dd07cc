//! Everything that is not a task's submission: sent to the leader, its answer streamed down.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::admit::even;
use super::answer::Reply;
use super::exchange::{Gateway, Record};
use super::generation::Generation;
use super::gzip::{Gzip, SMALLEST, compressed, is_gzip, wants_gzip};
use super::head::takes_json;
use super::pieces::Pieces;
use super::problem::Problem;
use super::reduce::LARGEST;
use super::share::Question;
use super::submit::{failed, refused_by_druid};
use super::turn::turn;
use crate::admission::Rejection;
use crate::caller::Principal;
use crate::disclosure::{TaskList, length, members_with};
use crate::druid::DataSource;
use crate::listener::{Length, Session};
use crate::policy::{Permit, Sight};
use crate::route::{Action, Disclosure, Operation, Repeat, Route, Subject};
use crate::upstream::{Failure, Head, Held, Plan, Request, Trail, Whole};

/// An error of Druid's is read whole to see what it says; the largest seen has 18 kB.
const LARGEST_ERROR: usize = 1 << 20;

const AUTHOR: HeaderName = HeaderName::from_static("x-druid-author");

/// What a client's header contributes to ours, and who it is. Everything else stays here: Druid
/// reads identity from several headers, and audits what `X-Druid-Author` says.
pub(super) fn forwarded_fields(
    session: &Session,
    principal: &Principal,
    may_be_compressed: bool,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = Vec::with_capacity(3);
    let accept = session.request().value("accept");
    if let Some(Ok(accept)) = accept.map(HeaderValue::from_str) {
        fields.push((header::ACCEPT, accept));
    }
    if may_be_compressed && wants_gzip(session.request()) {
        fields.push((header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")));
    }
    let author = crate::route::encode_segment(principal.name());
    if let Ok(author) = HeaderValue::from_str(&author) {
        fields.push((AUTHOR, author));
    }
    fields
}

/// An answer that is streamed, or one that is reduced.
enum Answered {
    Begun(Pieces),
    Whole(Arc<Whole>),
}

impl Gateway {
    /// Sends a request on and hands its answer down, reduced to what the principal may read.
    #[expect(
        clippy::too_many_arguments,
        reason = "one exchange has this many sides; a struct would only rename them"
    )]
    pub(super) async fn relay(
        &self,
        session: &mut Session,
        principal: &Principal,
        permit: &Permit,
        route: &Route,
        body: Option<Bytes>,
        generation: &Generation,
        deadline: Instant,
        record: &mut Record<'_>,
        adds: &(dyn Fn(Reply) -> Reply + Send + Sync),
    ) {
        let endpoint = route.endpoint;
        let policies = &generation.snapshot.policies;
        let wanted = route
            .query
            .get("datasource")
            .and_then(|name| name.parse::<DataSource>().ok());
        let secrets = policies.sight(principal, Action::ReadSecrets);
        let covers = |sight: &Sight<'_>| match permit.datasources() {
            [] => sight.sees_all(),
            own => own.iter().all(|own| sight.sees(own)),
        };
        // Who may change a supervisor and not read it is told that it was done.
        let is_blind = endpoint.disclosure == Disclosure::Payload
            && !covers(&policies.sight(principal, Action::Read));
        // Of lists only what was asked for in full holds specs.
        let seals = match endpoint.disclosure {
            Disclosure::Payload => is_blind || !covers(&secrets),
            Disclosure::Supervisors => {
                let holds = ["full", "system"]
                    .iter()
                    .any(|key| route.query.get(key).is_some());
                holds && !secrets.sees_all()
            }
            Disclosure::SupervisorHistories
            | Disclosure::SupervisorHistory
            | Disclosure::CompactionConfigs => !secrets.sees_all(),
            Disclosure::Whole
            | Disclosure::TaskList
            | Disclosure::TaskStatuses
            | Disclosure::CompactionStatuses => false,
        };
        let whole = !seals
            && match endpoint.disclosure {
                Disclosure::Whole | Disclosure::Payload => true,
                // Whose list is asked for by name is filtered by us where Druid ignores the name.
                Disclosure::TaskList => {
                    wanted.is_none() && policies.sight(principal, Action::Read).sees_all()
                }
                Disclosure::TaskStatuses
                | Disclosure::Supervisors
                | Disclosure::SupervisorHistories
                | Disclosure::SupervisorHistory
                | Disclosure::CompactionConfigs
                | Disclosure::CompactionStatuses => {
                    policies.sight(principal, Action::Read).sees_all()
                }
            };
        let asked = match (endpoint.disclosure, &body) {
            (Disclosure::TaskStatuses, Some(body)) => length(body).ok(),
            _ => None,
        };
        let is_reduced = !whole && endpoint.disclosure != Disclosure::TaskList;
        let begun = Instant::now();
        let reads = endpoint.action == Action::Read;
        let settings = &generation.settings;
        let mut answered = None;
        if endpoint.is_shared && takes_json(session.request()) {
            let question = Question {
                target: route.upstream_target().into(),
                unavailable_is_an_answer: endpoint.operation == Operation::SupervisorHealth,
                reuse: settings.reuse_reads,
                keep: settings.reuse_reads,
                // One of very many that are polled; lists are few, and dear.
                if_wanted: endpoint.operation == Operation::TaskStatus,
                principal: Some(principal),
                turn: turn(endpoint, principal, permit.datasources()),
            };
            let read = self.share.read(&question, generation, deadline).await;
            record.upstream(read.trail, &generation.overlords, begun.elapsed());
            record.outcome.sharing = Some(read.by);
            answered = read.told.map(|told| {
                told.map(|read| match is_reduced {
                    true => Answered::Whole(read),
                    false => Answered::Begun(Pieces::Here(read, 0)),
                })
            });
        }
        let request = || Request {
            method: match endpoint.method {
                "POST" => Method::POST,
                "DELETE" => Method::DELETE,
                _ => Method::GET,
            },
            target: route.upstream_target().into(),
            headers: forwarded_fields(session, principal, whole),
            body,
        };
        let plan = Plan {
            repeatable: endpoint.repeat == Repeat::Yes,
            deadline,
            unavailable_is_an_answer: endpoint.operation == Operation::SupervisorHealth,
            turn: turn(endpoint, principal, permit.datasources()),
        };
        let answered = match answered {
            Some(answered) => answered,
            None => {
                self.ask_alone(&request(), plan, is_reduced, generation, record)
                    .await
            }
        };
        let answer = match answered {
            Ok(Answered::Begun(answer)) if answer.head().status == StatusCode::OK => answer,
            Ok(Answered::Whole(read)) if read.head.status == StatusCode::OK => {
                let reduced = match &route.subject {
                    Subject::Supervisor(id) if is_blind => Ok((
                        json!({"id": id.as_str()}).to_string().into(),
                        Held::default(),
                    )),
                    _ => {
                        self.reduce(principal, route, &read, generation, plan, record)
                            .await
                    }
                };
                return match reduced {
                    Ok((body, _held)) => {
                        // Fewer than were asked for: some are unknown, or somebody else's.
                        let told = members_with(&body).map_or(0, |ids| ids.len());
                        if asked.is_some_and(|asked| told < asked) {
                            even(begun, plan.deadline).await;
                        }
                        let (reply, body) =
                            compressed(session.request(), adds(Reply::of(&read.head)), body);
                        self.answer(session, reply, body, record).await
                    }
                    Err(problem) => {
                        if problem.status == StatusCode::NOT_FOUND {
                            even(begun, plan.deadline).await;
                        }
                        self.refuse_exchange(session, *problem, record).await
                    }
                };
            }
            // What there is not is told as what is somebody else's.
            Ok(Answered::Whole(read))
                if read.head.status == StatusCode::NOT_FOUND
                    && endpoint.disclosure == Disclosure::SupervisorHistory =>
            {
                even(begun, plan.deadline).await;
                let unknown = Rejection::UnknownSupervisor.into();
                return self.refuse_exchange(session, unknown, record).await;
            }
            // Druid's error answers are short and are Druid's own words.
            Ok(Answered::Whole(read)) => {
                return self
                    .hand_down_error(session, &read.head, read.body.clone(), record, adds)
                    .await;
            }
            Ok(Answered::Begun(mut answer)) => {
                return match timeout_at(plan.deadline, answer.rest(LARGEST_ERROR)).await {
                    Ok(Ok(body)) => {
                        self.hand_down_error(session, answer.head(), body, record, adds)
                            .await
                    }
                    Ok(Err(_)) | Err(_) => {
                        self.refuse_exchange(session, Problem::unexpected_answer(), record)
                            .await;
                    }
                };
            }
            Err(failure) => {
                return self
                    .refuse_exchange(session, failed(&failure, !reads), record)
                    .await;
            }
        };
        let end = begun + settings.transfer_deadline;
        if whole {
            self.stream(session, answer, end, None, record, adds).await;
        } else {
            let sight = policies.sight(principal, Action::Read);
            let sees = |datasource: &DataSource| {
                wanted.as_ref().is_none_or(|wanted| wanted == datasource) && sight.sees(datasource)
            };
            self.stream(session, answer, end, Some(&sees), record, adds)
                .await;
        }
    }

    /// Asks for one client.
    async fn ask_alone(
        &self,
        request: &Request,
        plan: Plan,
        is_reduced: bool,
        generation: &Generation,
        record: &mut Record<'_>,
    ) -> Result<Answered, Failure> {
        let begun = Instant::now();
        let overlords = &generation.overlords;
        let mut trail = Trail::default();
        let answered = if is_reduced {
            let read = overlords.exchange_whole(request, plan, LARGEST, &mut trail);
            read.await.map(|read| Answered::Whole(Arc::new(read)))
        } else {
            let begun = overlords.exchange(request, plan, &mut trail).await;
            begun.map(|answer| Answered::Begun(Pieces::Upstream(Box::new(answer))))
        };
        record.upstream(trail, overlords, begun.elapsed());
        answered
    }

    async fn hand_down_error(
        &self,
        session: &mut Session,
        head: &Head,
        body: Bytes,
        record: &mut Record<'_>,
        adds: &(dyn Fn(Reply) -> Reply + Send + Sync),
    ) {
        match refused_by_druid(head, &body) {
            Some(problem) => self.refuse_exchange(session, problem, record).await,
            None => {
                self.answer(session, adds(Reply::of(head)), body, record)
                    .await
            }
        }
    }

    /// Hands pieces down as they come. The next one is read when the client has taken the last:
    /// a client that reads slowly slows the Overlord down and takes no memory.
    async fn stream(
        &self,
        session: &mut Session,
        mut answer: Pieces,
        end: Instant,
        sees: Option<&(dyn Fn(&DataSource) -> bool + Send + Sync)>,
        record: &mut Record<'_>,
        adds: &(dyn Fn(Reply) -> Reply + Send + Sync),
    ) {
        let mut list = TaskList::default();
        let mut first = None;
        if let Some(sees) = sees {
            // A list is judged by its beginning, while a clean refusal is still possible.
            let encoded = answer.head().headers.contains_key(header::CONTENT_ENCODING);
            let mut out = Vec::new();
            let begun = answer.next().await.is_ok_and(|chunk| {
                let chunk = chunk.unwrap_or_default();
                let pushed = list.push(&chunk, &|datasource| sees(datasource), &mut out);
                pushed.is_ok()
            });
            if encoded || !begun {
                return self
                    .refuse_exchange(session, Problem::unexpected_answer(), record)
                    .await;
            }
            first = Some(out);
        }
        // What is reduced came as it is; who asked for it compressed gets it so.
        let is_worth_it = sees.is_some()
            || answer.is_plain()
                && answer
                    .length()
                    .is_some_and(|length| length >= SMALLEST as u64);
        let mut gzip = (is_worth_it && wants_gzip(session.request())).then(Gzip::new);
        let length = match answer.length() {
            Some(length) if sees.is_none() && gzip.is_none() => Length::Known(length),
            Some(_) | None => Length::Unknown,
        };
        let mut reply = adds(Reply::of(answer.head()));
        if gzip.is_some() {
            reply = is_gzip(reply);
        }
        if !self.begin_answer(session, reply, length, record).await {
            return;
        }
        if let Some(first) = first {
            let first = Gzip::push(gzip.as_mut(), first);
            if !self.write_piece(session, first, false, record).await {
                return;
            }
        }
        loop {
            let piece = match timeout_at(end, answer.next()).await {
                Ok(Ok(piece)) => piece,
                Ok(Err(_)) | Err(_) => break,
            };
            let piece = match (piece, sees) {
                (None, sees) if sees.is_none() || list.is_done() => {
                    if let Some(gzip) = gzip {
                        let last = gzip.end();
                        if !self.write_piece(session, last, false, record).await {
                            return;
                        }
                    }
                    return self.end(session, record).await;
                }
                (None, _) => break,
                (Some(piece), None) => match gzip.as_mut() {
                    Some(gzip) => Gzip::push(Some(gzip), piece.into()),
                    None => piece,
                },
                (Some(piece), Some(sees)) => {
                    let mut out = Vec::with_capacity(piece.len());
                    if list
                        .push(&piece, &|datasource| sees(datasource), &mut out)
                        .is_err()
                    {
                        break;
                    }
                    Gzip::push(gzip.as_mut(), out)
                }
            };
            if piece.is_empty() {
                continue;
            }
            if !self.write_piece(session, piece, false, record).await {
                return;
            }
        }
        // Too late for another status: the client must see that the answer is not whole.
        record.outcome.cut = true;
        session.close();
    }

    async fn end(&self, session: &mut Session, record: &mut Record<'_>) {
        self.write_piece(session, Bytes::new(), true, record).await;
    }
}
