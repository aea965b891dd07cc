//! The Overlord API: which paths there are, what they take, and who answers.

use http::{HeaderMap, Method, StatusCode, header};

use super::answer::Answer;
use super::cluster::{Cluster, Full, State};
use super::media::accepts;
use super::supervisors::{Action, Part};
use super::target::{Query, Segment, interval};
use super::task::{Stage, Task, iso};
use super::typed::{Family, Refusal};
use super::value::quote;
use super::{lists, spec, workers};

/// A request as the API sees it.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    /// Below the prefix.
    pub(super) path: &'a [Segment],
    pub(super) query: Query,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// The path as it came, for error pages.
    pub(super) uri: &'a str,
    /// `http://host:port` of the node that leads.
    pub(super) leader: &'a str,
}

/// What the API can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Submit,
    Payload,
    Status,
    Segments,
    Reports,
    Log,
    ShutDown,
    Tasks,
    RunningTasks,
    PendingTasks,
    WaitingTasks,
    CompleteTasks,
    TaskStatuses,
    ShutDownAll,
    DeletePendingSegments,
    IsLeader,
    Leader,
    Workers,
    Worker,
    SetWorker,
    WorkerHistory,
    SwitchWorker,
    Scaling,
    Capacity,
    LockedIntervals,
    LockedIntervalsSecond,
    TaskAction,
    Sample,
    Supervisors,
    SubmitSupervisor,
    SupervisorHistories,
    SupervisorHistory,
    Supervisor(Part),
    ActOnSupervisor(Action),
    ActOnAllSupervisors(Action),
}

/// What a request's body must be labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Nothing is read.
    Anything,
    /// `application/json`.
    Json,
    /// What Jackson feels responsible for, if there is a body.
    Jackson,
}

/// The operations of a path, by method; `None`: no such path. The API's own words are compared as
/// they were sent, so `%74asks` is not `tasks` (recorded).
fn operations(path: &[&str]) -> Option<Vec<(Method, Operation)>> {
    use Operation as O;
    let get = |operation| Some(vec![(Method::GET, operation)]);
    let post = |operation| Some(vec![(Method::POST, operation)]);
    match path {
        [] | [""] => Some(Vec::new()),
        ["task"] => post(O::Submit),
        ["task", "", ..] | ["supervisor", "", ..] => None,
        ["task", _] => get(O::Payload),
        ["task", _, "status"] => get(O::Status),
        ["task", _, "segments"] => get(O::Segments),
        ["task", _, "reports"] => get(O::Reports),
        ["task", _, "log"] => get(O::Log),
        ["task", _, "shutdown"] => post(O::ShutDown),
        ["tasks"] => get(O::Tasks),
        ["runningTasks"] => get(O::RunningTasks),
        ["pendingTasks"] => get(O::PendingTasks),
        ["waitingTasks"] => get(O::WaitingTasks),
        ["completeTasks"] => get(O::CompleteTasks),
        ["taskStatus"] => post(O::TaskStatuses),
        ["datasources", _, "shutdownAllTasks"] => post(O::ShutDownAll),
        ["pendingSegments", _] => Some(vec![(Method::DELETE, O::DeletePendingSegments)]),
        ["isLeader"] => get(O::IsLeader),
        ["leader"] => get(O::Leader),
        ["workers"] => get(O::Workers),
        ["worker"] => Some(vec![(Method::GET, O::Worker), (Method::POST, O::SetWorker)]),
        ["worker", "history"] => get(O::WorkerHistory),
        ["worker", _, "enable" | "disable"] => post(O::SwitchWorker),
        ["scaling"] => get(O::Scaling),
        ["totalWorkerCapacity"] => get(O::Capacity),
        ["lockedIntervals"] => post(O::LockedIntervals),
        ["lockedIntervals", "v2"] => post(O::LockedIntervalsSecond),
        ["action"] => post(O::TaskAction),
        ["sampler"] => post(O::Sample),
        ["supervisor"] => Some(vec![
            (Method::GET, O::Supervisors),
            (Method::POST, O::SubmitSupervisor),
        ]),
        ["supervisor", "history"] => get(O::SupervisorHistories),
        ["supervisor", "suspendAll"] => post(O::ActOnAllSupervisors(Action::Suspend)),
        ["supervisor", "resumeAll"] => post(O::ActOnAllSupervisors(Action::Resume)),
        ["supervisor", "terminateAll"] => post(O::ActOnAllSupervisors(Action::Terminate)),
        ["supervisor", _] => get(O::Supervisor(Part::Spec)),
        ["supervisor", _, "history"] => get(O::SupervisorHistory),
        ["supervisor", _, "status"] => get(O::Supervisor(Part::Status)),
        ["supervisor", _, "health"] => get(O::Supervisor(Part::Health)),
        ["supervisor", _, "stats"] => get(O::Supervisor(Part::Stats)),
        ["supervisor", _, "parseErrors"] => get(O::Supervisor(Part::ParseErrors)),
        ["supervisor", _, "suspend"] => post(O::ActOnSupervisor(Action::Suspend)),
        ["supervisor", _, "resume"] => post(O::ActOnSupervisor(Action::Resume)),
        ["supervisor", _, "reset" | "resetOffsets"] => post(O::ActOnSupervisor(Action::Reset)),
        ["supervisor", _, "terminate" | "shutdown"] => post(O::ActOnSupervisor(Action::Terminate)),
        _ => None,
    }
}

/// Answers a request as the leader.
pub(super) fn respond(cluster: &Cluster, call: &Call<'_>) -> Answer {
    let raw: Vec<&str> = call
        .path
        .iter()
        .map(|segment| segment.raw.as_str())
        .collect();
    let Some(operations) = operations(&raw) else {
        return Answer::empty(StatusCode::NOT_FOUND);
    };
    let Some((_, operation)) = operations.iter().find(|(method, _)| method == call.method) else {
        let allow = |method: &Method| {
            if method == Method::GET {
                "HEAD,GET,"
            } else {
                method_word(method)
            }
        };
        let allow: String = operations.iter().map(|(method, _)| allow(method)).collect();
        return Answer::not_allowed(allow + "OPTIONS");
    };
    call.negotiate(*operation)
        .and_then(|()| perform(cluster, *operation, call))
        .unwrap_or_else(|refused| refused)
}

fn method_word(method: &Method) -> &'static str {
    if method == Method::DELETE {
        "DELETE,"
    } else {
        "POST,"
    }
}

fn perform(cluster: &Cluster, operation: Operation, call: &Call<'_>) -> Result<Answer, Answer> {
    use Operation as O;
    let now = cluster.now();
    let mut guard = cluster.state();
    let state = &mut *guard;
    let name = call.path.get(1).map_or("", |segment| segment.text.as_str());
    Ok(match operation {
        O::Submit => submit(cluster, state, call)?,
        O::Payload => {
            let task = find(state, name, call)?;
            let payload = String::from_utf8_lossy(&task.payload);
            Answer::json(format!("{{\"task\":{},\"payload\":{payload}}}", quote(name)))
        }
        O::Status => Answer::json(find(state, name, call)?.status()),
        O::Segments => find(state, name, call).map(|_| Answer::json("[]"))?,
        O::Reports => find(state, name, call)?.reports().map_or_else(
            || {
                Answer::labelled(
                    StatusCode::NOT_FOUND,
                    "No task reports were found for this task. The task may not exist, or it may not have completed yet.",
                )
            },
            Answer::reports,
        ),
        O::Log => log(find(state, name, call)?, call)?,
        O::ShutDown => {
            find(state, name, call)?;
            state.shut_down(name, now);
            Answer::json(format!("{{\"task\":{}}}", quote(name)))
        }
        O::Tasks => lists::tasks(state, call, now)?,
        O::RunningTasks => lists::running(state, call),
        O::PendingTasks => lists::pending(state),
        O::WaitingTasks => lists::waiting(),
        O::CompleteTasks => lists::complete(state, call, now)?,
        O::TaskStatuses => lists::statuses(state, call.body),
        O::ShutDownAll => shut_down_all(state, name, now),
        O::DeletePendingSegments => match call.query.get("interval").map(interval) {
            Some(Err(_)) => Answer::speechless(),
            Some(Ok(_)) | None => Answer::json("{\"numDeleted\":0}"),
        },
        O::IsLeader => Answer::json("{\"leader\":true}"),
        O::Leader => Answer::json(call.leader.to_owned()),
        O::Workers => workers::unsupported("worker listing"),
        O::Worker => state.workers.config(),
        O::SetWorker => state.workers.set(call, now)?,
        O::WorkerHistory => state.workers.history(call)?,
        O::SwitchWorker => workers::unsupported("enable/disable worker actions"),
        O::Scaling => Answer::json(""),
        O::Capacity => Answer::json(
            "{\"currentClusterCapacity\":-1,\"maximumCapacityWithAutoScale\":-1,\"usedClusterCapacity\":-1}",
        ),
        O::LockedIntervals => workers::locked(call.body, false),
        O::LockedIntervalsSecond => workers::locked(call.body, true),
        O::TaskAction => workers::action(call)?,
        O::Sample => sample(call)?,
        O::Supervisors => state.supervisors.list(call),
        O::SubmitSupervisor => state.supervisors.submit(call, iso(now))?,
        O::SupervisorHistories => state.supervisors.histories(),
        O::SupervisorHistory => state.supervisors.history(name),
        O::Supervisor(part) => state.supervisors.get(name, part, &iso(now)),
        O::ActOnSupervisor(action) => state.supervisors.act(name, action, iso(now)),
        O::ActOnAllSupervisors(action) => state.supervisors.all(action, &iso(now)),
    })
}

impl Call<'_> {
    /// 500 with Jetty's page, or its JSON for those who ask for that.
    pub(super) fn page(&self, message: &str) -> Answer {
        let accept = self.header(header::ACCEPT).unwrap_or("*/*");
        if accept.contains("application/json")
            && !accept.contains("*/*")
            && !accept.contains("text/html")
        {
            return Answer::json_page(StatusCode::INTERNAL_SERVER_ERROR, message, self.uri);
        }
        Answer::page(StatusCode::INTERNAL_SERVER_ERROR, message, self.uri)
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> Answer {
        match refusal {
            Refusal::Page(message) => self.page(&message),
            Refusal::Error(message) => Answer::error(StatusCode::BAD_REQUEST, &message),
            Refusal::Failure(message) => Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &message),
        }
    }

    /// The first of that name counts (recorded).
    fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// 406 and 415, in that order (recorded).
    fn negotiate(&self, operation: Operation) -> Result<(), Answer> {
        let accept = self.header(header::ACCEPT);
        let offered = if operation == Operation::Log {
            ("text", "plain")
        } else {
            ("application", "json")
        };
        if !accept.is_none_or(|accept| accepts(accept, offered)) {
            return Err(Answer::empty(StatusCode::NOT_ACCEPTABLE));
        }
        let takes = match operation {
            Operation::Submit
            | Operation::SubmitSupervisor
            | Operation::Sample
            | Operation::SetWorker => Takes::Json,
            Operation::TaskStatuses
            | Operation::LockedIntervals
            | Operation::LockedIntervalsSecond
            | Operation::TaskAction => Takes::Jackson,
            _ => Takes::Anything,
        };
        if takes == Takes::Anything || takes == Takes::Jackson && self.body.is_empty() {
            return Ok(());
        }
        let unsupported = || Answer::empty(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let sent = self.header(header::CONTENT_TYPE).ok_or_else(unsupported)?;
        let essence = sent
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let malformed = || Answer::page(StatusCode::BAD_REQUEST, "Bad Request", self.uri);
        let (kind, subtype) = essence.split_once('/').ok_or_else(malformed)?;
        if kind.is_empty() || subtype.is_empty() {
            return Err(malformed());
        }
        let by_jackson =
            takes == Takes::Jackson && (subtype == "javascript" || subtype.ends_with("+json"));
        if kind == "application" && (subtype == "json" || by_jackson) {
            Ok(())
        } else {
            Err(unsupported())
        }
    }
}

/// A task by the id in the path, which Druid checks before it looks (recorded).
fn find<'a>(state: &'a State, id: &str, call: &Call<'_>) -> Result<&'a Task, Answer> {
    if let Err(problem) = spec::validate_id(id) {
        return Err(call.page(&format!(
            "org.apache.druid.error.DruidException: Invalid value for field [taskId]: {problem}"
        )));
    }
    state.task(id).ok_or_else(|| Answer::unknown("task", id))
}

fn submit(cluster: &Cluster, state: &mut State, call: &Call<'_>) -> Result<Answer, Answer> {
    let now = cluster.now();
    let new = spec::read(call.body, now, state.chance()).map_err(|refusal| call.refuse(refusal))?;
    let id = new.id.clone();
    if state.task(&id).is_some() {
        return Err(Answer::error(
            StatusCode::BAD_REQUEST,
            &format!("Task [{id}] already exists."),
        ));
    }
    let settings = cluster.settings();
    match state.add(Task::new(new, now, settings.run_time), settings.queue) {
        Ok(()) => Ok(Answer::json(format!("{{\"task\":{}}}", quote(&id)))),
        Err(Full::Queue(most)) => Err(call.page(&format!(
            "java.lang.IllegalStateException: Too many tasks (max = {most})"
        ))),
        Err(Full::Store) => {
            let message = format!("Encountered metadata exception for task [{id}]");
            Err(call.refuse(Refusal::Failure(message)))
        }
    }
}

/// `offset` counts bytes; a negative one the last bytes (recorded).
fn log(task: &Task, call: &Call<'_>) -> Result<Answer, Answer> {
    let offset = call.query.number::<i64>("offset")?.unwrap_or(0);
    if task.stage == Stage::Pending {
        return Ok(Answer::log_text(
            StatusCode::NOT_FOUND,
            "No log was found for this task. The task may not exist, or it may not have begun running yet.",
        ));
    }
    if offset == i64::MAX {
        // It overflows inside Druid.
        return Ok(Answer::log_text(StatusCode::INTERNAL_SERVER_ERROR, ""));
    }
    let length = task.log_length;
    let from = match u64::try_from(offset) {
        Ok(from) => from.min(length),
        Err(_) => length.saturating_sub(offset.unsigned_abs()),
    };
    Ok(Answer::log(from..length))
}

fn shut_down_all(state: &mut State, datasource: &str, now: jiff::Timestamp) -> Answer {
    // Before any ends: what starts in its place ends too.
    let ids = state.unfinished_of(datasource);
    if ids.is_empty() {
        return Answer::labelled(StatusCode::NOT_FOUND, "");
    }
    for id in ids {
        state.shut_down(&id, now);
    }
    Answer::json(format!("{{\"dataSource\":{}}}", quote(datasource)))
}

/// `POST /sampler`: reads the spec's type, and no source.
fn sample(call: &Call<'_>) -> Result<Answer, Answer> {
    let family = Family {
        class: "org.apache.druid.client.indexing.SamplerSpec",
        types: &["index", "kafka", "kinesis"],
        absent: "java.lang.NullPointerException: Request body cannot be empty",
    };
    family
        .read(call.body)
        .map_err(|refusal| call.refuse(refusal))?;
    Ok(Answer::json(
        "{\"numRowsRead\":0,\"numRowsIndexed\":0,\"logicalDimensions\":[],\"physicalDimensions\":[],\"logicalSegmentSchema\":[{\"name\":\"__time\",\"type\":\"LONG\"}],\"data\":[]}",
    ))
}
