//! Supervisors: their specs and histories, and no streams behind them.
//!
//! `NoopSupervisorSpec` answers as recorded on Druid 28.0.0; `kafka` and `kinesis` as recorded with
//! `kafka` on 33.0.0, with the spec as it was sent (Druid would add every default).

use std::collections::BTreeMap;

use http::StatusCode;

use super::answer::Answer;
use super::api::Call;
use super::typed::{Family, Refusal};
use super::value::{Json, Kind, quote};

/// Supervisors with a history that are kept.
const MOST: usize = 1_000;

/// Past specs that are kept of each.
const LONGEST_HISTORY: usize = 100;

/// Bytes of a spec that is kept.
const LARGEST: usize = 1 << 20;

const TYPES: [&str; 3] = ["NoopSupervisorSpec", "kafka", "kinesis"];

/// All there are and were.
#[derive(Debug, Default)]
pub(super) struct Supervisors {
    by_id: BTreeMap<String, Supervisor>,
}

#[derive(Debug, Default)]
struct Supervisor {
    /// `None`: terminated.
    spec: Option<Spec>,
    /// As printed, with the time of each, the newest first.
    history: Vec<(String, String)>,
}

/// A spec.
#[derive(Debug, Clone)]
enum Spec {
    Noop {
        id: Option<String>,
        datasources: Vec<String>,
    },
    Stream {
        type_id: String,
        datasource: String,
        stream: String,
        suspended: bool,
        sent: Json,
    },
}

impl Spec {
    fn read(type_id: String, sent: Json) -> Result<Spec, String> {
        if type_id == "NoopSupervisorSpec" {
            let datasources = match sent.present("dataSources").map(|names| &names.kind) {
                Some(Kind::List(names)) => names
                    .iter()
                    .filter_map(Json::text)
                    .map(str::to_owned)
                    .collect(),
                Some(_) | None => Vec::new(),
            };
            let id = sent.present("id").and_then(Json::text).map(str::to_owned);
            return Ok(Spec::Noop { id, datasources });
        }
        // `spec` unless it is null, then the old place.
        let inner = sent.present("spec").unwrap_or(&sent);
        let datasource = inner
            .present("dataSchema")
            .and_then(|schema| schema.present("dataSource"));
        let datasource = datasource
            .and_then(Json::text)
            .ok_or("dataSchema")?
            .to_owned();
        let config = inner.present("ioConfig");
        let stream =
            config.and_then(|config| config.present("topic").or_else(|| config.present("stream")));
        let stream = stream
            .and_then(Json::text)
            .unwrap_or(&datasource)
            .to_owned();
        let suspended = sent
            .present("suspended")
            .is_some_and(|value| value.text() == Some("true"));
        Ok(Spec::Stream {
            type_id,
            datasource,
            stream,
            suspended,
            sent,
        })
    }

    fn id(&self) -> Option<&str> {
        match self {
            Spec::Noop { id, datasources } => {
                id.as_deref().or(datasources.first().map(String::as_str))
            }
            // Up to 33 a stream's supervisor is named by its datasource, whatever it says.
            Spec::Stream { datasource, .. } => Some(datasource),
        }
    }

    fn datasources(&self) -> Vec<String> {
        match self {
            Spec::Noop { datasources, .. } => datasources.clone(),
            Spec::Stream { datasource, .. } => vec![datasource.clone()],
        }
    }

    fn is_suspended(&self) -> bool {
        match self {
            Spec::Noop { .. } => false,
            Spec::Stream { suspended, .. } => *suspended,
        }
    }

    /// As Druid prints it: a Noop has two `type`s (recorded).
    fn print(&self) -> String {
        match self {
            Spec::Noop { id, datasources } => {
                let id = id.as_deref().map_or("null".to_owned(), quote);
                let names: Vec<String> = datasources.iter().map(|name| quote(name)).collect();
                format!(
                    "{{\"type\":\"NoopSupervisorSpec\",\"id\":{id},\"dataSources\":[{}],\"suspended\":false,\"type\":\"noop\",\"source\":\"noop\"}}",
                    names.join(",")
                )
            }
            Spec::Stream {
                type_id,
                sent,
                suspended,
                ..
            } => {
                let mut members =
                    vec![("type".to_owned(), Json::made(Kind::Text(type_id.clone())))];
                if let Kind::Object(sent) = &sent.kind {
                    let kept = sent
                        .iter()
                        .filter(|(key, _)| key != "type" && key != "suspended");
                    members.extend(kept.cloned());
                }
                if sent.get("context").is_none() {
                    members.push(("context".to_owned(), Json::made(Kind::Null)));
                }
                members.push(("suspended".to_owned(), Json::made(Kind::Bool(*suspended))));
                Json::made(Kind::Object(members)).print()
            }
        }
    }
}

impl Supervisors {
    /// `POST /supervisor`
    pub(super) fn submit(&mut self, call: &Call<'_>, now: String) -> Result<Answer, Answer> {
        const CLASS: &str = "org.apache.druid.indexing.overlord.supervisor.SupervisorSpec";
        let absent = format!(
            "java.lang.NullPointerException: Cannot invoke \"{CLASS}.getDataSources()\" because \"spec\" is null"
        );
        let family = Family {
            class: CLASS,
            types: &TYPES,
            absent: &absent,
        };
        let typed = family
            .read(call.body)
            .map_err(|refusal| call.refuse(refusal))?;
        let class = format!("{CLASS} of type {}", typed.type_id);
        let spec = Spec::read(typed.type_id, typed.members).map_err(|problem| {
            call.refuse(Refusal::Error(format!(
                "Cannot construct instance of `{class}`, problem: {problem}"
            )))
        })?;
        let (Some(id), false) = (spec.id().map(str::to_owned), spec.datasources().is_empty())
        else {
            return Err(call.page(
                "java.lang.IllegalArgumentException: No dataSources found to perform authorization checks",
            ));
        };
        if self.by_id.len() >= MOST && !self.by_id.contains_key(&id) || call.body.len() > LARGEST {
            return Err(Answer::error(
                StatusCode::BAD_REQUEST,
                "the embedded Overlord keeps no more and no larger supervisors",
            ));
        }
        self.store(&id, spec, now);
        Ok(named(&id))
    }

    fn store(&mut self, id: &str, spec: Spec, now: String) {
        let supervisor = self.by_id.entry(id.to_owned()).or_default();
        supervisor.history.insert(0, (spec.print(), now));
        supervisor.history.truncate(LONGEST_HISTORY);
        supervisor.spec = Some(spec);
    }

    fn running(&self) -> impl Iterator<Item = (&String, &Spec)> {
        self.by_id
            .iter()
            .filter_map(|(id, supervisor)| Some((id, supervisor.spec.as_ref()?)))
    }

    /// `GET /supervisor`: `full` and `system` count with any value, `state` only if true.
    pub(super) fn list(&self, call: &Call<'_>) -> Answer {
        let full = call.query.get("full").is_some();
        let system = call.query.get("system").is_some();
        let state = call
            .query
            .get("state")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let entry = |(id, spec): (&String, &Spec)| {
            if !(full || system || state) {
                return quote(id);
            }
            let suspended = spec.is_suspended();
            let word = word(suspended);
            let kind = if full {
                format!(",\"spec\":{}", spec.print())
            } else if system {
                let (type_id, source) = match spec {
                    Spec::Noop { .. } => ("noop", "noop"),
                    Spec::Stream {
                        type_id, stream, ..
                    } => (type_id.as_str(), stream.as_str()),
                };
                format!(
                    ",\"specString\":{},\"type\":{},\"source\":{}",
                    quote(&spec.print()),
                    quote(type_id),
                    quote(source)
                )
            } else {
                String::new()
            };
            format!(
                "{{\"id\":{},\"state\":\"{word}\",\"detailedState\":\"{word}\",\"healthy\":true{kind},\"suspended\":{suspended}}}",
                quote(id)
            )
        };
        let entries: Vec<String> = self.running().map(entry).collect();
        Answer::json(format!("[{}]", entries.join(",")))
    }

    /// `GET /supervisor/history`
    pub(super) fn histories(&self) -> Answer {
        let all = self
            .by_id
            .iter()
            .map(|(id, supervisor)| format!("{}:{}", quote(id), history(supervisor)));
        Answer::json(format!("{{{}}}", all.collect::<Vec<_>>().join(",")))
    }

    /// `GET /supervisor/{id}/history`
    pub(super) fn history(&self, id: &str) -> Answer {
        match self.by_id.get(id) {
            Some(supervisor) => Answer::json(history(supervisor)),
            None => Answer::error(StatusCode::NOT_FOUND, &format!("No history for [{id}].")),
        }
    }

    /// `POST /supervisor/…All`
    pub(super) fn all(&mut self, action: Action, now: &str) -> Answer {
        let ids: Vec<String> = self.running().map(|(id, _)| id.clone()).collect();
        for id in ids {
            // Those that are as asked for already stay as they are.
            let _ = self.act(&id, action, now.to_owned());
        }
        Answer::json("{\"status\":\"success\"}")
    }

    /// `GET /supervisor/{id}` and what is below it.
    pub(super) fn get(&self, id: &str, part: Part, now: &str) -> Answer {
        let Some(spec) = self
            .by_id
            .get(id)
            .and_then(|supervisor| supervisor.spec.as_ref())
        else {
            return Answer::unknown("supervisor", id);
        };
        let missing = |more: &str| {
            Answer::error(
                StatusCode::NOT_FOUND,
                &format!("[{id}] does not exist{more}"),
            )
        };
        match (part, spec) {
            (Part::Spec, _) => Answer::json(spec.print()),
            (Part::Stats, _) => Answer::json("{}"),
            (Part::ParseErrors, _) => Answer::json("[]"),
            (Part::Status, Spec::Noop { .. }) => missing(""),
            (Part::Health, Spec::Noop { .. }) => missing(" or health check not implemented"),
            (Part::Health, Spec::Stream { .. }) => Answer::json("{\"healthy\":true}"),
            (
                Part::Status,
                Spec::Stream {
                    datasource,
                    stream,
                    suspended,
                    ..
                },
            ) => {
                let word = word(*suspended);
                Answer::json(format!(
                    "{{\"id\":{},\"generationTime\":\"{now}\",\"payload\":{{\"dataSource\":{},\"stream\":{},\"partitions\":0,\"replicas\":1,\"durationSeconds\":3600,\"activeTasks\":[],\"publishingTasks\":[],\"minimumLag\":{{}},\"aggregateLag\":0,\"suspended\":{suspended},\"healthy\":true,\"state\":\"{word}\",\"detailedState\":\"{word}\",\"recentErrors\":[]}}}}",
                    quote(id),
                    quote(datasource),
                    quote(stream)
                ))
            }
        }
    }

    /// `POST /supervisor/{id}/…`
    pub(super) fn act(&mut self, id: &str, action: Action, now: String) -> Answer {
        let Some(mut spec) = self
            .by_id
            .get(id)
            .and_then(|supervisor| supervisor.spec.clone())
        else {
            return Answer::unknown("supervisor", id);
        };
        match action {
            Action::Suspend | Action::Resume => {
                let suspend = action == Action::Suspend;
                if spec.is_suspended() == suspend {
                    let word = if suspend { "suspended" } else { "running" };
                    return Answer::error(
                        StatusCode::BAD_REQUEST,
                        &format!("[{id}] is already {word}"),
                    );
                }
                match &mut spec {
                    Spec::Noop { .. } => {}
                    Spec::Stream { suspended, .. } => *suspended = suspend,
                }
                let printed = spec.print();
                self.store(id, spec, now);
                Answer::json(printed)
            }
            Action::Terminate => {
                let tombstone = Spec::Noop {
                    id: None,
                    datasources: spec.datasources(),
                };
                self.store(id, tombstone, now);
                if let Some(supervisor) = self.by_id.get_mut(id) {
                    supervisor.spec = None;
                }
                named(id)
            }
            Action::Reset => named(id),
        }
    }
}

/// What can be read of a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Spec,
    Status,
    Health,
    Stats,
    ParseErrors,
}

/// What can be done to a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Suspend,
    Resume,
    Terminate,
    Reset,
}

fn named(id: &str) -> Answer {
    Answer::json(format!("{{\"id\":{}}}", quote(id)))
}

fn word(suspended: bool) -> &'static str {
    if suspended { "SUSPENDED" } else { "RUNNING" }
}

fn history(supervisor: &Supervisor) -> String {
    let entries = supervisor
        .history
        .iter()
        .map(|(spec, version)| format!("{{\"spec\":{spec},\"version\":\"{version}\"}}"));
    format!("[{}]", entries.collect::<Vec<_>>().join(","))
}
