//! Lists of tasks, and the statuses of several.

use http::StatusCode;
use serde_json::Value;

use super::answer::Answer;
use super::api::{Call, source};
use super::cluster::State;
use super::task::{Stage, Task};

fn in_state(task: &Task, state: &str) -> bool {
    match state {
        "running" => matches!(task.stage, Stage::Running { .. }),
        "pending" => task.stage == Stage::Pending,
        "complete" => task.is_ended(),
        _ => false,
    }
}

pub(super) fn list(state: &State, call: &Call<'_>, wanted: Option<&str>) -> Answer {
    let wanted = wanted.map(str::to_ascii_lowercase);
    if let Some(wanted) = &wanted
        && !["pending", "waiting", "running", "complete"].contains(&wanted.as_str())
    {
        let sent = call.query("state").unwrap_or_default();
        return Answer::plain(
            StatusCode::BAD_REQUEST,
            format!(
                "Invalid state : {sent}, valid values are: [pending, waiting, running, complete]"
            ),
        );
    }
    let mut most = match call.query("max") {
        None | Some("") => usize::MAX,
        Some(text) => match text.parse::<i32>() {
            Ok(most) => match usize::try_from(most) {
                Ok(most) => most,
                Err(_) => return call.page("org.skife.jdbi.v2.exceptions.CallbackFailedException"),
            },
            Err(_) => return Answer::empty(StatusCode::NOT_FOUND),
        },
    };
    let kept = state.tasks.iter().rev().filter(|task| {
        wanted
            .as_deref()
            .is_none_or(|wanted| in_state(task, wanted))
            && call
                .query("datasource")
                .is_none_or(|name| name == task.datasource)
            && call.query("type").is_none_or(|name| name == task.type_id)
    });
    // `max` limits the finished ones only (recorded).
    let kept = kept.filter(|task| {
        if !task.is_ended() {
            return true;
        }
        let within = most > 0;
        most = most.saturating_sub(1);
        within
    });
    Answer::json(&kept.map(|task| task.status(true)).collect())
}

/// The four old lists know `n` (complete) and `type` (running) only.
pub(super) fn named_list(state: &State, call: &Call<'_>, wanted: &str) -> Answer {
    let mut most = usize::MAX;
    if wanted == "complete"
        && let Some(text) = call.query("n").filter(|text| !text.is_empty())
    {
        most = match text.parse::<i32>().map(usize::try_from) {
            Ok(Ok(most)) => most,
            Ok(Err(_)) => return call.page("org.skife.jdbi.v2.exceptions.CallbackFailedException"),
            Err(_) => return Answer::empty(StatusCode::NOT_FOUND),
        };
    }
    let of_type = call.query("type").filter(|_| wanted == "running");
    let kept = state
        .tasks
        .iter()
        .rev()
        .filter(|task| in_state(task, wanted) && of_type.is_none_or(|name| name == task.type_id))
        .take(most);
    Answer::json(&kept.map(|task| task.status(true)).collect())
}

pub(super) fn statuses(state: &State, call: &Call<'_>) -> Answer {
    if call.content_type.is_none() && !call.body.is_empty() {
        return Answer::empty(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let none = || Answer::json_text(StatusCode::BAD_REQUEST, "No TaskIds provided.");
    let ids = match serde_json::from_slice::<Value>(call.body) {
        Ok(Value::Array(ids)) if ids.is_empty() => return none(),
        Ok(Value::Array(ids)) => ids,
        Ok(Value::Null) => return none(),
        Ok(_) => {
            return Answer::error(&source(
                "Cannot deserialize value of type `java.util.HashSet<java.lang.String>`",
                call.body,
            ));
        }
        Err(_) if call.body.trim_ascii().is_empty() => return none(),
        Err(error) => return call.page(&format!("javax.servlet.ServletException: {error}")),
    };
    let known = ids
        .iter()
        .filter_map(|id| state.task(id.as_str()?))
        .map(|task| (task.id.clone(), task.short_status()));
    Answer::json(&Value::Object(known.collect()))
}
