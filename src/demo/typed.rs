//! Bodies whose `type` names a class of Druid's, and the words for those that name none.

use super::jackson;
use super::value::{self, Json, Kind, Malformed};

/// Members that some task's constructor takes: broken JSON inside one is a 400, elsewhere a 500.
const BOUND: [&str; 16] = [
    "id",
    "groupId",
    "dataSource",
    "runTime",
    "isReadyTime",
    "isReadyResult",
    "firehose",
    "context",
    "resource",
    "spec",
    "ioConfig",
    "interval",
    "segments",
    "tuningConfig",
    "granularitySpec",
    "metricsSpec",
];

/// A class of Druid's whose instances are read from JSON with a `type`.
#[derive(Debug)]
pub(super) struct Family<'a> {
    /// Its full name.
    pub(super) class: &'a str,
    /// The types it has.
    pub(super) types: &'a [&'a str],
    /// The exception of an empty body.
    pub(super) absent: &'a str,
}

/// Why a body is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 500 with Jetty's page.
    Page(String),
    /// 400 with `{"error": …}`.
    Error(String),
    /// 500 with `{"error": …}`.
    Failure(String),
}

/// A body whose type is known.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) type_id: String,
    /// The object with the members.
    pub(super) members: Json,
}

impl Family<'_> {
    /// Reads a body: an object with a `type`, of which the first counts, or `["type", {…}]`.
    pub(super) fn read(&self, body: &[u8]) -> Result<Typed, Refusal> {
        let absent = || Refusal::Page(self.absent.to_owned());
        let value = match jackson::read(body) {
            Ok(
                Some(Json {
                    kind: Kind::Null, ..
                })
                | None,
            ) => return Err(absent()),
            Ok(Some(value)) => value,
            Err(malformed) => return Err(refuse(malformed)),
        };
        let at =
            |message: String, offset: usize| Refusal::Error(message + &value::place(body, offset));
        match value.kind {
            Kind::Object(ref members) => {
                let Some((_, named)) = members.iter().find(|(key, _)| key == "type") else {
                    return Err(at(self.missing(), value.end));
                };
                let type_id = match &named.kind {
                    Kind::Null => "null",
                    Kind::List(_) => "[",
                    Kind::Object(_) => "{",
                    Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
                        named.text().unwrap_or_default()
                    }
                };
                let type_id = self
                    .known(type_id)
                    .map_err(|message| at(message, named.start))?;
                Ok(Typed {
                    type_id,
                    members: value,
                })
            }
            Kind::List(values) => {
                let mut values = values.into_iter();
                let wanted =
                    "expected VALUE_STRING: need JSON String that contains type id (for subtype of";
                let named = match values.next() {
                    None => {
                        let message =
                            format!("Unexpected token (END_ARRAY), {wanted} {})", self.class);
                        return Err(at(message, value.end));
                    }
                    Some(first) => first,
                };
                let Kind::Text(type_id) = &named.kind else {
                    let message = format!(
                        "Unexpected token ({}), {wanted} {})",
                        named.token(),
                        self.class
                    );
                    return Err(at(message, named.start));
                };
                let members = values.next();
                // Jackson is at the second value already when it complains of the first.
                let place = members.as_ref().map_or(value.end, |members| members.start);
                let type_id = self.known(type_id).map_err(|message| at(message, place))?;
                let Some(members) = members else {
                    return Err(absent());
                };
                if let Some(more) = values.next() {
                    let message = format!(
                        "Unexpected token ({}), expected END_ARRAY: expected closing END_ARRAY after type information and deserialized value",
                        more.token()
                    );
                    return Err(at(message, more.start));
                }
                match members.kind {
                    Kind::Object(_) => Ok(Typed { type_id, members }),
                    _ => Err(at(
                        format!("Cannot construct instance of `{}`", self.class),
                        members.start,
                    )),
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
                Err(at(self.missing(), value.start))
            }
        }
    }

    fn missing(&self) -> String {
        format!(
            "Could not resolve subtype of [simple type, class {}]: missing type id property 'type'",
            self.class
        )
    }

    pub(super) fn known(&self, type_id: &str) -> Result<String, String> {
        if self.types.contains(&type_id) {
            return Ok(type_id.to_owned());
        }
        Err(format!(
            "Please make sure to load all the necessary extensions and jars with type '{type_id}' on 'druid/overlord' service. \
             Could not resolve type id '{type_id}' as a subtype of `{}` known type ids = [{}]",
            self.class,
            self.types.join(", ")
        ))
    }
}

fn refuse(malformed: Malformed) -> Refusal {
    let Malformed {
        class,
        message,
        key,
        type_id,
        index: _,
    } = malformed;
    match (key, type_id) {
        (Some(key), Some(type_id)) if BOUND.contains(&key.as_str()) => Refusal::Error(format!(
            "{message} (through reference chain: {}[\"{key}\"])",
            class_of(&type_id)
        )),
        _ => Refusal::Page(format!(
            "javax.servlet.ServletException: com.fasterxml.jackson.core.{class}: {message}"
        )),
    }
}

/// The class of a task type.
pub(super) fn class_of(type_id: &str) -> String {
    let name = match type_id {
        "noop" => "NoopTask",
        "kill" => "KillUnusedSegmentsTask",
        "compact" => "CompactionTask",
        "index" => "IndexTask",
        "index_parallel" => "batch.parallel.ParallelIndexSupervisorTask",
        "move" => "MoveTask",
        "archive" => "ArchiveTask",
        "restore" => "RestoreTask",
        "index_hadoop" => "HadoopIndexTask",
        "index_realtime" => "RealtimeIndexTask",
        _ => "Task",
    };
    format!("org.apache.druid.indexing.common.task.{name}")
}
