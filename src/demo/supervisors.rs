//! Supervisors: their specs and histories, and no streams behind them.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;

/// Supervisors with a history that are kept.
const MOST: usize = 1_000;

/// Past specs that are kept of each.
const LONGEST_HISTORY: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Supervisors {
    by_id: BTreeMap<String, Supervisor>,
}

#[derive(Debug, Default)]
struct Supervisor {
    /// `None`: terminated.
    spec: Option<Value>,
    /// Newest first, with the time of each.
    history: Vec<(Value, String)>,
}

fn datasources(spec: &Value) -> Vec<String> {
    let stream = ["/spec/dataSchema/dataSource", "/dataSchema/dataSource"];
    let named = stream
        .iter()
        .find_map(|pointer| spec.pointer(pointer)?.as_str());
    match named {
        Some(name) => vec![name.to_owned()],
        None => spec
            .get("dataSources")
            .and_then(Value::as_array)
            .map(|list| {
                list.iter()
                    .filter_map(|name| Some(name.as_str()?.to_owned()))
                    .collect()
            })
            .unwrap_or_default(),
    }
}

fn unknown(id: &str) -> Answer {
    Answer::plain(
        StatusCode::NOT_FOUND,
        format!("Cannot find any supervisor with id: [{id}]"),
    )
}

impl Supervisors {
    /// `POST /supervisor`
    pub(super) fn submit(&mut self, spec: &Value, now: String) -> Answer {
        let type_id = spec.get("type").and_then(Value::as_str).unwrap_or_default();
        if !["kafka", "kinesis", "NoopSupervisorSpec"].contains(&type_id) {
            return Answer::error(&format!(
                "Please make sure to load all the necessary extensions and jars with type '{type_id}' on 'druid/overlord' service."
            ));
        }
        let datasources = datasources(spec);
        let Some(first) = datasources.first() else {
            return Answer::page(
                StatusCode::INTERNAL_SERVER_ERROR,
                "java.lang.IllegalArgumentException: No dataSources found to perform authorization checks",
                "/druid/indexer/v1/supervisor",
            );
        };
        let id = match spec.get("id").and_then(Value::as_str) {
            Some(id) if type_id == "NoopSupervisorSpec" => id.to_owned(),
            Some(_) | None => first.clone(),
        };
        if self.by_id.len() >= MOST && !self.by_id.contains_key(&id) {
            return Answer::error("the embedded Overlord keeps no more supervisors");
        }
        self.store(&id, spec.clone(), now);
        Answer::json(&json!({ "id": id }))
    }

    fn store(&mut self, id: &str, spec: Value, now: String) {
        let supervisor = self.by_id.entry(id.to_owned()).or_default();
        supervisor.history.insert(0, (spec.clone(), now));
        supervisor.history.truncate(LONGEST_HISTORY);
        supervisor.spec = Some(spec);
    }

    fn running(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.by_id
            .iter()
            .filter_map(|(id, supervisor)| Some((id, supervisor.spec.as_ref()?)))
    }

    /// `GET /supervisor`
    pub(super) fn list(&self, full: bool, state: bool) -> Answer {
        let entries = self.running().map(|(id, spec)| {
            let suspended = spec.get("suspended").and_then(Value::as_bool).unwrap_or(false);
            let word = if suspended { "SUSPENDED" } else { "RUNNING" };
            match (full, state) {
                (true, _) => json!({"id": id, "state": word, "detailedState": word, "healthy": true, "spec": spec, "suspended": suspended}),
                (false, true) => json!({"id": id, "state": word, "detailedState": word, "healthy": true, "suspended": suspended}),
                (false, false) => id.as_str().into(),
            }
        });
        Answer::json(&Value::Array(entries.collect()))
    }

    /// `GET /supervisor/history`
    pub(super) fn histories(&self) -> Answer {
        let all = self
            .by_id
            .iter()
            .map(|(id, supervisor)| (id.clone(), history(supervisor)));
        Answer::json(&Value::Object(all.collect()))
    }

    /// `POST /supervisor/…All`
    pub(super) fn all(&mut self, action: &str, now: &str) -> Answer {
        let ids: Vec<String> = self.running().map(|(id, _)| id.clone()).collect();
        for id in ids {
            let done = self.act(&id, action.trim_end_matches("All"), now.to_owned());
            drop(done);
        }
        Answer::json(&json!({"status": "success"}))
    }

    /// `GET /supervisor/{id}` and what is below it.
    pub(super) fn get(&self, id: &str, part: Option<&str>) -> Answer {
        let supervisor = self.by_id.get(id);
        if part == Some("history") {
            return match supervisor {
                Some(supervisor) => Answer::json(&history(supervisor)),
                None => Answer::json_text(
                    StatusCode::NOT_FOUND,
                    json!({ "error": format!("No history for [{id}].") }).to_string(),
                ),
            };
        }
        let Some(spec) = supervisor.and_then(|supervisor| supervisor.spec.as_ref()) else {
            return unknown(id);
        };
        match part {
            None => Answer::json(spec),
            Some("status") => Answer::json(&json!({
                "id": id,
                "generationTime": "1970-01-01T00:00:00.000Z",
                "payload": {"dataSource": datasources(spec).first(), "state": "RUNNING", "suspended": spec.get("suspended")},
            })),
            Some("health") => Answer::json(&json!({"healthy": true})),
            Some("stats") => Answer::json(&json!({"0": {}})),
            Some("parseErrors") => Answer::json(&json!([])),
            Some(_) => Answer::empty(StatusCode::NOT_FOUND),
        }
    }

    /// `POST /supervisor/{id}/…`
    pub(super) fn act(&mut self, id: &str, action: &str, now: String) -> Answer {
        let Some(spec) = self
            .by_id
            .get(id)
            .and_then(|supervisor| supervisor.spec.clone())
        else {
            return unknown(id);
        };
        match action {
            "suspend" | "resume" => {
                let suspend = action == "suspend";
                let was = spec
                    .get("suspended")
                    .and_then(Value::as_bool)
                    .unwrap_or(false);
                if was == suspend {
                    let word = if suspend { "suspended" } else { "running" };
                    let text = json!({ "error": format!("[{id}] is already {word}") });
                    return Answer::json_text(StatusCode::BAD_REQUEST, text.to_string());
                }
                let mut changed = spec;
                if let Value::Object(fields) = &mut changed {
                    fields.insert("suspended".to_owned(), suspend.into());
                }
                self.store(id, changed.clone(), now);
                Answer::json(&changed)
            }
            "terminate" | "shutdown" => {
                let tombstone = json!({"type": "NoopSupervisorSpec", "id": id, "dataSources": datasources(&spec), "suspended": false});
                self.store(id, tombstone, now);
                if let Some(supervisor) = self.by_id.get_mut(id) {
                    supervisor.spec = None;
                }
                Answer::json(&json!({ "id": id }))
            }
            "reset" | "resetOffsets" => Answer::json(&json!({ "id": id })),
            _ => Answer::empty(StatusCode::NOT_FOUND),
        }
    }
}

fn history(supervisor: &Supervisor) -> Value {
    let versions = supervisor.history.iter();
    versions
        .map(|(spec, version)| json!({"spec": spec, "version": version}))
        .collect()
}
