//! Lists of tasks, and the statuses of many at once.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::answer::Answer;
use super::api::Call;
use super::cluster::State;
use super::jackson;
use super::target::{NotANumber, interval};
use super::task::{Task, print};
use super::value::{self, Kind, quote};

/// How long `/tasks` and `/completeTasks` go back unless told (Druid's default).
const RECENT: SignedDuration = SignedDuration::from_hours(24);

const STATES: [&str; 4] = ["pending", "waiting", "running", "complete"];

impl From<NotANumber> for Answer {
    fn from(NotANumber: NotANumber) -> Answer {
        Answer::empty(StatusCode::NOT_FOUND)
    }
}

fn show<'a>(tasks: impl Iterator<Item = &'a Task>) -> Answer {
    Answer::json(print(&tasks.map(Task::listed).collect::<Vec<_>>()))
}

/// Finished tasks since `start`, the newest first, at most so many. A negative number breaks
/// Druid's query (recorded).
fn finished<'a>(
    state: &'a State,
    call: &Call<'_>,
    start: Timestamp,
    most: Option<i32>,
    keep: impl Fn(&Task) -> bool + 'a,
) -> Result<impl Iterator<Item = &'a Task>, Answer> {
    let most = match most.map(usize::try_from) {
        None => usize::MAX,
        Some(Ok(most)) => most,
        Some(Err(_)) => {
            return Err(call.page(
                "org.skife.jdbi.v2.exceptions.CallbackFailedException: org.skife.jdbi.v2.exceptions.ResultSetException: Exception thrown while attempting to traverse the result set",
            ));
        }
    };
    Ok(state
        .ended()
        .filter(move |task| task.created >= start && keep(task))
        .take(most))
}

fn since(now: Timestamp, length: SignedDuration) -> Timestamp {
    now.checked_sub(length).unwrap_or(Timestamp::MIN)
}

/// `GET /tasks`
pub(super) fn tasks(state: &State, call: &Call<'_>, now: Timestamp) -> Result<Answer, Answer> {
    let most = call.query.number::<i32>("max")?;
    let wanted = call.query.get("state").map(str::to_ascii_lowercase);
    if let Some(sent) = call.query.get("state")
        && !STATES.contains(&sent.to_ascii_lowercase().as_str())
    {
        return Err(Answer::plain(
            StatusCode::BAD_REQUEST,
            format!(
                "Invalid state : {sent}, valid values are: [{}]",
                STATES.join(", ")
            ),
        ));
    }
    // Of the interval only its length counts, back from now (recorded).
    let length = match call.query.get("createdTimeInterval") {
        None => RECENT,
        Some(text) => match interval(&text.replace('_', "/")) {
            Ok((start, end)) => end.duration_since(start),
            Err(message) => {
                return Err(call.page(&format!("java.lang.IllegalArgumentException: {message}")));
            }
        },
    };
    let datasource = call.query.get("datasource").map(str::to_owned);
    let type_id = call.query.get("type").map(str::to_owned);
    let fits = move |task: &Task| {
        datasource
            .as_ref()
            .is_none_or(|name| *name == task.datasource)
            && type_id.as_ref().is_none_or(|name| *name == task.type_id)
    };
    let is = |state: &str| wanted.as_deref().is_none_or(|wanted| wanted == state);
    let mut shown = Vec::new();
    if is("complete") {
        // `max` limits these only, and before the type is looked at would be Druid's business.
        shown.extend(finished(
            state,
            call,
            since(now, length),
            most,
            fits.clone(),
        )?);
    }
    if is("running") {
        shown.extend(state.running().filter(|task| fits(task)));
    }
    if is("pending") {
        shown.extend(state.pending().filter(|task| fits(task)));
    }
    Ok(show(shown.into_iter()))
}

/// `GET /completeTasks`, which knows `n` only.
pub(super) fn complete(state: &State, call: &Call<'_>, now: Timestamp) -> Result<Answer, Answer> {
    let most = call.query.number("n")?;
    Ok(show(finished(
        state,
        call,
        since(now, RECENT),
        most,
        |_| true,
    )?))
}

/// `GET /runningTasks`, which knows `type` only.
pub(super) fn running(state: &State, call: &Call<'_>) -> Answer {
    let wanted = call.query.get("type");
    show(
        state
            .running()
            .filter(|task| wanted.is_none_or(|type_id| type_id == task.type_id)),
    )
}

/// `GET /pendingTasks`
pub(super) fn pending(state: &State) -> Answer {
    show(state.pending())
}

/// `GET /waitingTasks`: nothing waits for a lock here.
pub(super) fn waiting() -> Answer {
    Answer::json("[]")
}

/// `POST /taskStatus`
pub(super) fn statuses(state: &State, body: &[u8]) -> Answer {
    const SET: &str = "java.util.HashSet<java.lang.String>";
    let none = || Answer::labelled(StatusCode::BAD_REQUEST, "No TaskIds provided.");
    let refuse = |message: String| Answer::error(StatusCode::BAD_REQUEST, &message);
    let value = match jackson::read(body) {
        Ok(None) => return none(),
        Ok(Some(value)) => value,
        Err(malformed) => {
            let value::Malformed { message, index, .. } = malformed;
            return refuse(format!(
                "{message} (through reference chain: java.util.HashSet[{index}])"
            ));
        }
    };
    let place = |offset: usize| value::place(body, offset);
    let what = match &value.kind {
        Kind::Null => return none(),
        Kind::List(ids) if ids.is_empty() => return none(),
        Kind::List(ids) => {
            let mut seen = std::collections::HashSet::new();
            let mut entries = Vec::new();
            for (index, id) in ids.iter().enumerate() {
                if matches!(id.kind, Kind::List(_) | Kind::Object(_)) {
                    let what = if matches!(id.kind, Kind::List(_)) {
                        "Array"
                    } else {
                        "Object"
                    };
                    return refuse(format!(
                        "Cannot deserialize value of type `java.lang.String` from {what} value (token `JsonToken.{}`){} (through reference chain: java.util.HashSet[{index}])",
                        id.token(),
                        place(id.start)
                    ));
                }
                if let Some(id) = id.text()
                    && seen.insert(id)
                    && let Some(task) = state.task(id)
                {
                    entries.push(format!("{}:{}", quote(id), print(&task.short())));
                }
            }
            return Answer::json(format!("{{{}}}", entries.join(",")));
        }
        Kind::Text(text) => {
            return refuse(format!(
                "Cannot construct instance of `java.util.HashSet` (although at least one Creator exists): no String-argument constructor/factory method to deserialize from String value ('{text}'){}",
                place(value.start)
            ));
        }
        Kind::Object(_) => "Object",
        Kind::Number(_) if value.token() == "VALUE_NUMBER_INT" => "Integer",
        Kind::Number(_) => "Floating-point",
        Kind::Bool(_) => "Boolean",
    };
    refuse(format!(
        "Cannot deserialize value of type `{SET}` from {what} value (token `JsonToken.{}`){}",
        value.token(),
        place(value.start)
    ))
}
