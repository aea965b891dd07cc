//! Workers, their configuration, locks and task actions: as far as an Overlord with local slots
//! has any (recorded on Druid 28.0.0 with its local runner).

use http::StatusCode;
use jiff::Timestamp;

use super::answer::Answer;
use super::api::Call;
use super::jackson;
use super::spec::TASK;
use super::target::interval;
use super::task::iso;
use super::typed::{Family, Refusal};
use super::value::{self, Json, Kind, quote};

/// Past configurations that are kept.
const LONGEST_HISTORY: usize = 100;

/// Task actions of Druid 28.0.0 (recorded).
const ACTIONS: [&str; 22] = [
    "checkPointDataSourceMetadata",
    "lockAcquire",
    "lockList",
    "lockRelease",
    "lockTryAcquire",
    "markSegmentsAsUnused",
    "resetDataSourceMetadata",
    "retrieveSegmentsToReplace",
    "segmentAllocate",
    "segmentInsertion",
    "segmentListUnused",
    "segmentListUsed",
    "segmentLockAcquire",
    "segmentLockTryAcquire",
    "segmentMetadataUpdate",
    "segmentNuke",
    "segmentTransactionalAppend",
    "segmentTransactionalInsert",
    "segmentTransactionalReplace",
    "surrogateAction",
    "updateLocation",
    "updateStatus",
];

/// The configuration of workers: the last one, and those before it with their times.
#[derive(Debug, Default)]
pub(super) struct Workers {
    config: Option<String>,
    history: Vec<Change>,
}

/// One of them.
#[derive(Debug)]
struct Change {
    time: Timestamp,
    config: String,
    author: String,
    comment: String,
}

impl Workers {
    /// `GET /worker`: empty until it is set.
    pub(super) fn config(&self) -> Answer {
        Answer::json(self.config.clone().unwrap_or_default())
    }

    /// `POST /worker`
    pub(super) fn set(&mut self, call: &Call<'_>, now: Timestamp) -> Result<Answer, Answer> {
        let value = match jackson::read(call.body) {
            Ok(
                Some(Json {
                    kind: Kind::Null, ..
                })
                | None,
            ) => {
                return Err(call.page(
                    "java.lang.NullPointerException: Cannot invoke \"Object.getClass()\" because \"newValue\" is null",
                ));
            }
            Ok(Some(value)) => value,
            Err(malformed) => {
                let message = malformed.message;
                let class = malformed.class;
                return Err(call.page(&format!(
                    "javax.servlet.ServletException: com.fasterxml.jackson.core.{class}: {message}"
                )));
            }
        };
        let strategy = value.present("selectStrategy");
        let kind = strategy
            .and_then(|strategy| strategy.get("type"))
            .and_then(Json::text);
        // A strategy in JavaScript is off by default, a list is none (recorded).
        if !matches!(value.kind, Kind::Object(_)) || kind == Some("javascript") {
            return Err(Answer::speechless());
        }
        let strategy = strategy.map_or_else(
            || "null".to_owned(),
            |_| {
                let known = [
                    "fillCapacity",
                    "fillCapacityWithAffinity",
                    "equalDistribution",
                ];
                let kind = kind
                    .filter(|kind| known.contains(kind))
                    .unwrap_or("equalDistribution");
                format!("{{\"type\":{},\"affinityConfig\":null}}", quote(kind))
            },
        );
        let scaler = value
            .present("autoScaler")
            .map_or_else(|| "null".to_owned(), Json::print);
        let config = format!(
            "{{\"type\":\"default\",\"selectStrategy\":{strategy},\"autoScaler\":{scaler}}}"
        );
        let said = |name: &str| {
            let value = call.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        self.history.push(Change {
            time: now,
            config: config.clone(),
            author: said("x-druid-author"),
            comment: said("x-druid-comment"),
        });
        let surplus = self.history.len().saturating_sub(LONGEST_HISTORY);
        self.history.drain(..surplus);
        self.config = Some(config);
        Ok(Answer::empty(StatusCode::OK))
    }

    /// `GET /worker/history`
    pub(super) fn history(&self, call: &Call<'_>) -> Result<Answer, Answer> {
        let count = call.query.number::<i32>("count")?;
        if count.is_some_and(|count| count <= 0) {
            return Err(Answer::error(
                StatusCode::BAD_REQUEST,
                "Limit must be greater than zero!",
            ));
        }
        if let Some(Err(message)) = call.query.get("interval").map(interval) {
            return Err(call.page(&format!("java.lang.IllegalArgumentException: {message}")));
        }
        let most = count
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(usize::MAX);
        let entries: Vec<String> = self
            .history
            .iter()
            .take(most)
            .map(|change| {
                format!(
                    "{{\"key\":\"worker.config\",\"type\":\"worker.config\",\"auditInfo\":{{\"author\":{},\"comment\":{},\"ip\":\"127.0.0.1\"}},\"payload\":{},\"auditTime\":\"{}\"}}",
                    quote(&change.author),
                    quote(&change.comment),
                    quote(&change.config),
                    iso(change.time)
                )
            })
            .collect();
        Ok(Answer::json(format!("[{}]", entries.join(","))))
    }
}

/// What the local runner cannot do.
pub(super) fn unsupported(what: &str) -> Answer {
    let message = format!("Task Runner does not support {what}");
    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &message)
}

/// `POST /lockedIntervals` and its second version: nothing is ever locked.
pub(super) fn locked(body: &[u8], is_second: bool) -> Answer {
    let none = if is_second {
        "No filter provided"
    } else {
        "No Datasource provided"
    };
    let none = || Answer::labelled(StatusCode::BAD_REQUEST, none);
    let value = match jackson::read(body) {
        Ok(
            Some(Json {
                kind: Kind::Null, ..
            })
            | None,
        ) => return none(),
        Ok(Some(value)) => value,
        Err(malformed) => return Answer::error(StatusCode::BAD_REQUEST, &malformed.message),
    };
    match (&value.kind, is_second) {
        (Kind::List(filters), true) if filters.is_empty() => none(),
        (Kind::Object(minimums), false) if minimums.is_empty() => none(),
        (Kind::List(_), true) | (Kind::Object(_), false) => Answer::json("{}"),
        (_, _) => {
            let class = if is_second {
                "java.util.ArrayList<org.apache.druid.metadata.LockFilterPolicy>"
            } else {
                "java.util.LinkedHashMap<java.lang.String,java.lang.Integer>"
            };
            let what = if matches!(value.kind, Kind::List(_)) {
                "Array"
            } else {
                "Object"
            };
            let message = format!(
                "Cannot deserialize value of type `{class}` from {what} value (token `JsonToken.{}`){}",
                value.token(),
                value::place(body, value.start)
            );
            Answer::error(StatusCode::BAD_REQUEST, &message)
        }
    }
}

/// `POST /action`, where peons talk to their Overlord: there are none, so only what needs no lock
/// is answered, and always with nothing.
pub(super) fn action(call: &Call<'_>) -> Result<Answer, Answer> {
    const HOLDER: &str = "org.apache.druid.indexing.common.actions.TaskActionHolder";
    let body = call.body;
    let value = match jackson::read(body) {
        Ok(
            Some(Json {
                kind: Kind::Null, ..
            })
            | None,
        ) => {
            return Err(call.page(&format!(
                "java.lang.NullPointerException: Cannot invoke \"{HOLDER}.getTask()\" because \"holder\" is null"
            )));
        }
        Ok(Some(value)) => value,
        Err(malformed) => return Err(Answer::error(StatusCode::BAD_REQUEST, &malformed.message)),
    };
    if !matches!(value.kind, Kind::Object(_)) {
        let message = format!(
            "Cannot deserialize value of type `{HOLDER}` from Array value (token `JsonToken.{}`){}",
            value.token(),
            value::place(body, value.start)
        );
        return Err(Answer::error(StatusCode::BAD_REQUEST, &message));
    }
    let failed = |message: &str| Answer::error(StatusCode::INTERNAL_SERVER_ERROR, message);
    let Some(task) = value.present("task") else {
        return Err(failed(&format!(
            "Cannot invoke \"{TASK}.getId()\" because \"this.task\" is null"
        )));
    };
    let action = value
        .present("action")
        .and_then(|action| action.get("type"));
    let name = action.and_then(Json::text).unwrap_or("null");
    let class = "org.apache.druid.indexing.common.actions.TaskAction";
    let family = Family {
        class,
        types: &ACTIONS,
        absent: "",
    };
    if let Err(message) = family.known(name) {
        let place = value::place(body, action.map_or(value.end, |action| action.start));
        let message = format!(
            "{message} (for POJO property 'action'){place} (through reference chain: {HOLDER}[\"action\"])"
        );
        return Err(call.refuse(Refusal::Error(message)));
    }
    if name.starts_with("lock") && name != "lockList" || name.starts_with("segmentLock") {
        let id = task.get("id").and_then(Json::text).unwrap_or("null");
        return Err(failed(&format!(
            "org.apache.druid.java.util.common.ISE: Unable to grant lock to inactive Task [{id}]"
        )));
    }
    Ok(Answer::json("{\"result\":[]}"))
}
