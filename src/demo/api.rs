//! The Overlord API: a request in, an answer out.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::Answer;
use super::cluster::{Cluster, State};
use super::lists::{list, named_list, statuses};
use super::task::{Stage, Task, iso};
use crate::druid::{DataSource, TaskId};

/// Task types that Druid 28.0.0 knows without extensions (recorded).
const TYPES: [&str; 18] = [
    "archive",
    "compact",
    "index",
    "index_hadoop",
    "index_parallel",
    "index_realtime",
    "index_realtime_appenderator",
    "index_sub",
    "kill",
    "move",
    "noop",
    "partial_dimension_cardinality",
    "partial_dimension_distribution",
    "partial_index_generate",
    "partial_index_generic_merge",
    "partial_range_index_generate",
    "restore",
    "single_phase_sub_task",
];

/// A request as the API sees it.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    /// Decoded segments after the prefix.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) content_type: Option<&'a str>,
    pub(super) body: &'a [u8],
    /// The path as it came, for error pages.
    pub(super) uri: &'a str,
    /// `http://host:port` of the node that leads.
    pub(super) leader: &'a str,
}

impl Call<'_> {
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn page(&self, message: &str) -> Answer {
        Answer::page(StatusCode::INTERNAL_SERVER_ERROR, message, self.uri)
    }

    /// The body of an endpoint that takes JSON only.
    fn json(&self, what: &str) -> Result<Value, Answer> {
        let is_json = self.content_type.is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            return Err(Answer::empty(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        if self.body.trim_ascii().is_empty() {
            return Err(self.page(&format!(
                "java.lang.NullPointerException: Cannot invoke \"{what}\" because \"task\" is null"
            )));
        }
        match serde_json::from_slice(self.body) {
            Ok(Value::Null) => Err(self.page(&format!(
                "java.lang.NullPointerException: Cannot invoke \"{what}\" because \"task\" is null"
            ))),
            Ok(value) => Ok(value),
            Err(error) => Err(self.page(&format!(
                "javax.servlet.ServletException: com.fasterxml.jackson.core.JsonParseException: {error}"
            ))),
        }
    }
}

/// Answers a request as the leader.
pub(super) fn respond(cluster: &Cluster, call: &Call<'_>) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let get = call.method == Method::GET;
    let post = call.method == Method::POST;
    let delete = call.method == Method::DELETE;
    let mut state = cluster.state();
    match path.as_slice() {
        ["task"] if post => submit(cluster, &mut state, call),
        ["task", id, rest @ ..] => task(&mut state, id, rest, call),
        ["tasks"] if get => list(&state, call, call.query("state")),
        ["runningTasks"] if get => named_list(&state, call, "running"),
        ["pendingTasks"] if get => named_list(&state, call, "pending"),
        ["waitingTasks"] if get => named_list(&state, call, "waiting"),
        ["completeTasks"] if get => named_list(&state, call, "complete"),
        ["taskStatus"] if post => statuses(&state, call),
        ["datasources", name, "shutdownAllTasks"] if post => shutdown_all(&mut state, name),
        ["pendingSegments", _] if delete => Answer::json(&json!({"numDeleted": 0})),
        ["isLeader"] if get => Answer::json(&json!({"leader": true})),
        ["leader"] if get => Answer::json_text(StatusCode::OK, call.leader.to_owned()),
        ["workers"] if get => Answer::json_text(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({"error": "Task Runner does not support worker listing"}).to_string(),
        ),
        ["worker" | "scaling"] if get => Answer::json_text(StatusCode::OK, ""),
        ["worker"] if post => Answer::empty(StatusCode::OK),
        ["worker", "history"] if get => Answer::json(&json!([])),
        ["worker", _, "enable" | "disable"] if post => Answer::json_text(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({"error": "Task Runner does not support enable/disable worker"}).to_string(),
        ),
        ["totalWorkerCapacity"] if get => Answer::json(&json!({
            "currentClusterCapacity": -1, "maximumCapacityWithAutoScale": -1, "usedClusterCapacity": -1,
        })),
        ["lockedIntervals"] if post => Answer::json(&json!({})),
        ["lockedIntervals", "v2"] if post => Answer::json(&json!({})),
        ["sampler"] if post => Answer::error("The embedded Overlord samples nothing"),
        ["supervisor", rest @ ..] => supervisor(cluster, &mut state, rest, call),
        _ => wrong_method(&path),
    }
}

/// 405 where the path is an endpoint's, 404 elsewhere.
fn wrong_method(path: &[&str]) -> Answer {
    match path {
        ["task" | "taskStatus" | "sampler" | "lockedIntervals"]
        | ["datasources", _, "shutdownAllTasks"] => Answer::not_allowed("POST,OPTIONS"),
        [
            "tasks"
            | "runningTasks"
            | "pendingTasks"
            | "waitingTasks"
            | "completeTasks"
            | "isLeader"
            | "leader"
            | "workers"
            | "scaling"
            | "totalWorkerCapacity",
        ] => Answer::not_allowed("HEAD,GET,OPTIONS"),
        ["pendingSegments", _] => Answer::not_allowed("DELETE,OPTIONS"),
        _ => Answer::empty(StatusCode::NOT_FOUND),
    }
}

pub(super) fn source(text: &str, body: &[u8]) -> String {
    let column = body.len() + 1;
    format!(
        "{text}\n at [Source: (org.eclipse.jetty.server.HttpInputOverHTTP); line: 1, column: {column}]"
    )
}

fn submit(cluster: &Cluster, state: &mut State, call: &Call<'_>) -> Answer {
    const TASK: &str = "org.apache.druid.indexing.common.task.Task";
    let spec = match call.json(&format!("{TASK}.getDataSource()")) {
        Ok(spec) => spec,
        Err(answer) => return answer,
    };
    let missing = format!(
        "Could not resolve subtype of [simple type, class {TASK}]: missing type id property 'type'"
    );
    let Some(type_id) = spec.get("type").and_then(Value::as_str) else {
        return Answer::error(&source(&missing, call.body));
    };
    if !TYPES.contains(&type_id) {
        let known = TYPES.join(", ");
        return Answer::error(&source(
            &format!(
                "Please make sure to load all the necessary extensions and jars with type '{type_id}' on 'druid/overlord' service. \
                 Could not resolve type id '{type_id}' as a subtype of `{TASK}` known type ids = [{known}]"
            ),
            call.body,
        ));
    }
    let place = match type_id {
        "noop" | "kill" | "compact" | "move" | "archive" | "restore" => "/dataSource",
        _ => "/spec/dataSchema/dataSource",
    };
    let datasource = match (spec.pointer(place).and_then(Value::as_str), type_id) {
        (Some(name), _) => name.to_owned(),
        (None, "noop") => "none".to_owned(),
        (None, _) => {
            return Answer::error(&source(
                &format!("Cannot construct instance of `{TASK}`, problem: dataSource"),
                call.body,
            ));
        }
    };
    let now = cluster.now();
    let id = match spec.get("id").filter(|id| !id.is_null()) {
        None if type_id == "noop" => format!("noop_{}_{}", iso(now), state.letters()),
        None => format!("{type_id}_{datasource}_{}_{}", state.letters(), iso(now)),
        Some(id) => {
            let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            if let Err(error) = id.parse::<TaskId>() {
                return Answer::error(&source(
                    &format!(
                        "Cannot construct instance of `{TASK}`, problem: Invalid value for field [task ID]: Value [{id}]: {error}."
                    ),
                    call.body,
                ));
            }
            id
        }
    };
    if datasource.parse::<DataSource>().is_err() && type_id != "noop" {
        return Answer::error(&source("Invalid value for field [dataSource]", call.body));
    }
    if state.task(&id).is_some() {
        return Answer::error(&format!("Task [{id}] already exists."));
    }
    if state.unfinished() >= cluster.settings().queue {
        let most = cluster.settings().queue;
        return call.page(&format!(
            "java.lang.IllegalStateException: Too many tasks (max = {most})"
        ));
    }
    state.add(Task::new(
        id.clone(),
        type_id,
        &datasource,
        &spec,
        now,
        cluster.settings().run_time,
    ));
    Answer::json(&json!({ "task": id }))
}

fn task(state: &mut State, id: &str, rest: &[&str], call: &Call<'_>) -> Answer {
    let get = call.method == Method::GET;
    match rest {
        [] | ["status" | "segments" | "log" | "reports"] if !get => {
            Answer::not_allowed("HEAD,GET,OPTIONS")
        }
        ["shutdown"] if call.method != Method::POST => Answer::not_allowed("POST,OPTIONS"),
        ["shutdown"] => match state.task_mut(id) {
            Some(task) => {
                task.shut_down();
                Answer::json(&json!({ "task": id }))
            }
            None => Answer::unknown_task(id),
        },
        _ => match (state.task(id), rest) {
            (_, [first, ..])
                if !["status", "segments", "log", "reports"].contains(first) || rest.len() > 1 =>
            {
                Answer::empty(StatusCode::NOT_FOUND)
            }
            (None, _) => Answer::unknown_task(id),
            (Some(task), []) => Answer::json(&json!({"task": id, "payload": task.payload()})),
            (Some(task), ["status"]) => {
                Answer::json(&json!({"task": id, "status": task.status(false)}))
            }
            (Some(_), ["segments"]) => Answer::json(&json!([])),
            (Some(task), ["log"]) => log(task, call.query("offset")),
            (Some(task), _) => match task.reports() {
                Some(reports) => Answer::json(&reports),
                None => Answer::json_text(
                    StatusCode::NOT_FOUND,
                    "No task reports were found for this task. The task may not exist, or it may not have completed yet.",
                ),
            },
        },
    }
}

/// `offset` counts bytes; a negative one the last bytes (recorded).
fn log(task: &Task, offset: Option<&str>) -> Answer {
    let offset = match offset {
        None | Some("") => 0,
        Some(text) => match text.parse::<i64>() {
            Ok(i64::MAX) => return Answer::log_text(StatusCode::INTERNAL_SERVER_ERROR, ""),
            Ok(offset) => offset,
            Err(_) => return Answer::empty(StatusCode::NOT_FOUND),
        },
    };
    if task.stage == Stage::Pending {
        return Answer::log_text(
            StatusCode::NOT_FOUND,
            "No log was found for this task. The task may not exist, or it may not have begun running yet.",
        );
    }
    let length = task.log_length;
    match u64::try_from(offset) {
        Ok(from) => Answer::log(from.min(length), length),
        Err(_) if offset.unsigned_abs() < 64 * 1024 => Answer::log_text(
            StatusCode::OK,
            task.log_tail(offset.unsigned_abs().min(length)),
        ),
        Err(_) => Answer::log(length.saturating_sub(offset.unsigned_abs()), length),
    }
}

fn shutdown_all(state: &mut State, name: &str) -> Answer {
    let mut any = false;
    for task in state
        .tasks
        .iter_mut()
        .filter(|task| task.datasource == name && !task.is_ended())
    {
        task.shut_down();
        any = true;
    }
    if any {
        Answer::json(&json!({ "dataSource": name }))
    } else {
        Answer::json_text(StatusCode::NOT_FOUND, "")
    }
}

fn supervisor(cluster: &Cluster, state: &mut State, rest: &[&str], call: &Call<'_>) -> Answer {
    let get = call.method == Method::GET;
    let post = call.method == Method::POST;
    let now = iso(cluster.now());
    let has = |key: &str| call.query.iter().any(|(name, _)| name == key);
    match rest {
        [] if get => {
            let is_state = call
                .query("state")
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
            state
                .supervisors
                .list(has("full"), is_state || has("system"))
        }
        [] if post => match call
            .json("org.apache.druid.indexing.overlord.supervisor.SupervisorSpec.getDataSources()")
        {
            Ok(spec) => state.supervisors.submit(&spec, now),
            Err(answer) => answer,
        },
        ["history"] if get => state.supervisors.histories(),
        ["suspendAll" | "resumeAll" | "terminateAll"] if !post => {
            Answer::not_allowed("POST,OPTIONS")
        }
        [action @ ("suspendAll" | "resumeAll" | "terminateAll")] => {
            state.supervisors.all(action, &now)
        }
        [id] if get => state.supervisors.get(id, None),
        [id, part] if get => state.supervisors.get(id, Some(part)),
        [id, action] if post => state.supervisors.act(id, action, now),
        _ => Answer::empty(StatusCode::NOT_FOUND),
    }
}
