//! Every endpoint of Druid 28's Tasks API page, with its documented statuses where Druid keeps
//! them, and what Druid answers where it does not (each such place says so).

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::client::{Answer, Call};
use crate::support::eventually;
use crate::support::rig::api;

struct Suite {
    gateway: SocketAddr,
    logins: Logins,
}

/// Users with their passwords.
#[derive(Clone, Copy)]
pub struct Logins {
    /// May do everything.
    pub operator: (&'static str, &'static str),
    /// May read `wiki*`, and nothing of other datasources.
    pub reader: (&'static str, &'static str),
}

impl Suite {
    async fn send(&self, call: Call) -> Answer {
        call.send(self.gateway)
            .await
            .unwrap_or_else(|error| panic!("{error}: {call:?}"))
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Call::get(&api(path)).login(self.logins.operator.0, self.logins.operator.1))
            .await
    }

    async fn post(&self, path: &str) -> Answer {
        self.send(
            Call::new("POST", &api(path)).login(self.logins.operator.0, self.logins.operator.1),
        )
        .await
    }

    async fn post_json(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(
            Call::new("POST", &api(path))
                .login(self.logins.operator.0, self.logins.operator.1)
                .json(body),
        )
        .await
    }

    async fn state(&self, id: &str) -> String {
        let answer = self.get(&format!("/task/{id}/status")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["status"]["status"]
            .as_str()
            .expect("a state")
            .to_owned()
    }

    async fn until_success(&self, id: &str) {
        let state = eventually_slowly(async || {
            let state = self.state(id).await;
            (state != "RUNNING").then_some(state)
        })
        .await;
        assert_eq!(
            state,
            "SUCCESS",
            "{id}: {}",
            self.get(&format!("/task/{id}/status")).await.text()
        );
    }
}

/// A peon's JVM takes its time.
async fn eventually_slowly<T>(mut check: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..4 {
        let outcome = tokio::time::timeout(crate::support::PATIENCE, async {
            loop {
                if let Some(value) = check().await {
                    return value;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        if let Ok(value) = outcome.await {
            return value;
        }
    }
    panic!("a task does not end")
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("a list")
        .iter()
        .filter_map(|task| task["id"].as_str())
        .collect()
}

/// `major` of `28.0.0`.
fn major(version: &str) -> u32 {
    version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .expect("a version")
}

pub async fn run(gateway: SocketAddr, logins: Logins, version: &str) {
    let suite = Suite { gateway, logins };
    eventually("a leader is known", async || {
        (suite.get("/tasks").await.status == 200).then_some(())
    })
    .await;
    submissions(&suite, version).await;
    ingestion(&suite, version).await;
    // Last of those that run tasks: the peon of a long noop task that is shut down while it runs
    // keeps its slot for minutes (run on 28.0.0).
    lists(&suite).await;
    shutdowns(&suite).await;
    rest(&suite).await;
}

async fn submissions(suite: &Suite, version: &str) {
    // 200 with the id; the documented 400 for a known id.
    let noop = r#"{"type":"noop","id":"suite-noop","dataSource":"wiki_suite","runTime":500}"#;
    let accepted = suite.post_json("/task", noop).await;
    assert_eq!(
        (accepted.status, accepted.json()),
        (200, json!({"task": "suite-noop"}))
    );
    let again = suite.post_json("/task", noop).await;
    assert_eq!(again.status, 400);
    let told = if major(version) < 29 {
        "error"
    } else {
        "errorMessage"
    };
    assert!(
        again.json()[told]
            .as_str()
            .is_some_and(|text| text.contains("already exists")),
        "{}",
        again.text()
    );
    let made = suite
        .post_json(
            "/task",
            r#"{"type":"noop","dataSource":"wiki_suite","runTime":100}"#,
        )
        .await;
    let id = made.json()["task"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("noop_"), "{id}");
    // Awkward ids round-trip.
    let odd = "suite s p%+:&'é";
    let body =
        json!({"type": "noop", "id": odd, "dataSource": "wiki_suite", "runTime": 100}).to_string();
    assert_eq!(
        suite.post_json("/task", body).await.json(),
        json!({ "task": odd })
    );
    let status = suite
        .get("/task/suite%20s%20p%25%2B%3A%26%27%C3%A9/status")
        .await;
    assert_eq!(status.json()["task"], odd, "{}", status.text());
    // Druid's own refusals come through as they are.
    let missing = suite
        .post_json("/task", r#"{"type":"index_parallel"}"#)
        .await;
    assert_eq!(missing.status, 400);
    let payload = suite.get("/task/suite-noop").await;
    assert_eq!(payload.json()["payload"]["type"], "noop");
    assert_eq!(payload.json()["payload"]["dataSource"], "wiki_suite");
    let status = suite.get("/task/suite-noop/status").await.json();
    for (key, value) in [
        ("id", "suite-noop"),
        ("type", "noop"),
        ("dataSource", "wiki_suite"),
    ] {
        assert_eq!(status["status"][key], value, "{status}");
    }
    suite.until_success("suite-noop").await;
    // A noop never has reports (the page: 200).
    let reports = suite.get("/task/suite-noop/reports").await;
    assert_eq!(reports.status, 404);
    // The page: 404 for what is not there, on every path below it.
    for path in ["", "/status", "/log", "/reports", "/segments"] {
        assert_eq!(
            suite
                .get(&format!("/task/suite-nothing{path}"))
                .await
                .status,
            404,
            "{path}"
        );
    }
    assert_eq!(suite.post("/task/suite-nothing/shutdown").await.status, 404);
}

/// Druid fails a task that begins in the moment in which another gives its slot back ("Unable to
/// pick a free slot, this should never happen"; run on 28.0.0).
async fn nothing_runs(suite: &Suite) {
    eventually_slowly(async || {
        for state in ["running", "pending", "waiting"] {
            let list = suite.get(&format!("/tasks?state={state}")).await;
            if list.status != 200 || list.json() != json!([]) {
                return None;
            }
        }
        Some(())
    })
    .await;
}

async fn lists(suite: &Suite) {
    nothing_runs(suite).await;
    for id in ["suite-l1", "suite-l2", "suite-l3", "suite-l4"] {
        let body =
            json!({"type": "noop", "id": id, "dataSource": "wiki_lists", "runTime": 600_000})
                .to_string();
        assert_eq!(suite.post_json("/task", body).await.status, 200);
    }
    // Two of each, and each once: while a task goes from one list to the other it can be in both.
    eventually_slowly(async || {
        let mut all = std::collections::BTreeSet::new();
        for state in ["running", "pending"] {
            let path = format!("/tasks?state={state}&datasource=wiki_lists");
            let list = suite.get(&path).await.json();
            let of = ids(&list);
            if of.len() != 2 {
                return None;
            }
            all.extend(of.into_iter().map(str::to_owned));
        }
        (all.len() == 4).then_some(())
    })
    .await;
    let of = async |path: &str| {
        let answer = suite.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        ids(&answer.json())
            .into_iter()
            .filter(|id| id.starts_with("suite-"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("/tasks?datasource=wiki_lists").await.len(), 4);
    assert_eq!(
        of("/tasks/?state=running&datasource=wiki_lists")
            .await
            .len(),
        2
    );
    assert_eq!(
        of("/tasks?state=pending&datasource=wiki_lists&type=noop")
            .await
            .len(),
        2
    );
    assert_eq!(of("/pendingTasks").await.len(), 2);
    assert_eq!(of("/waitingTasks").await.len(), 0);
    // What the documentation gives the old lists.
    for (path, count) in [
        ("/pendingTasks?datasource=wiki_lists&type=noop", 2),
        ("/pendingTasks?type=nothing", 0),
        ("/runningTasks?datasource=wiki_lists&type=noop", 2),
        ("/waitingTasks?type=noop&max=5", 0),
        ("/completeTasks?type=nothing", 0),
        ("/completeTasks?max=1&datasource=wiki_nothing", 0),
    ] {
        assert_eq!(of(path).await.len(), count, "{path}");
    }
    assert!(
        of("/completeTasks?n=1000")
            .await
            .contains(&"suite-noop".to_owned())
    );
    assert!(
        of("/tasks?state=complete&createdTimeInterval=2020-01-01_2030-01-01")
            .await
            .contains(&"suite-noop".to_owned())
    );
    assert_eq!(of("/tasks?type=nothing").await.len(), 0);
    assert_eq!(suite.get("/tasks?state=bogus").await.status, 400);
    let statuses = suite
        .post_json(
            "/taskStatus",
            r#"["suite-l1","suite-nothing","suite-noop"]"#,
        )
        .await;
    assert_eq!(statuses.status, 200);
    assert_eq!(statuses.json()["suite-l1"]["status"], "RUNNING");
    assert_eq!(statuses.json()["suite-noop"]["status"], "SUCCESS");
    assert!(statuses.json().get("suite-nothing").is_none());
    assert_eq!(suite.post_json("/taskStatus", "[]").await.status, 400);
    // Who may read wiki* sees these, who may not sees nothing: here everything is wiki's.
    let viewer = suite
        .send(
            Call::get(&api("/tasks?datasource=wiki_lists"))
                .login(suite.logins.reader.0, suite.logins.reader.1),
        )
        .await;
    assert_eq!(ids(&viewer.json()).len(), 4);
    let body =
        json!({"type": "noop", "id": "suite-secret", "dataSource": "secret", "runTime": 100})
            .to_string();
    assert_eq!(suite.post_json("/task", body).await.status, 200);
    let viewer = suite
        .send(Call::get(&api("/tasks")).login(suite.logins.reader.0, suite.logins.reader.1))
        .await;
    assert!(!viewer.text().contains("suite-secret"));
    let foreign = suite
        .send(
            Call::get(&api("/task/suite-secret/status"))
                .login(suite.logins.reader.0, suite.logins.reader.1),
        )
        .await;
    assert_eq!(foreign.status, 404);
}

async fn shutdowns(suite: &Suite) {
    let one = suite.post("/task/suite-l4/shutdown").await;
    assert_eq!((one.status, one.json()), (200, json!({"task": "suite-l4"})));
    assert_eq!(suite.state("suite-l4").await, "FAILED");
    // The page: 404 for a task that has ended; Druid: 200.
    assert_eq!(suite.post("/task/suite-l4/shutdown").await.status, 200);
    let all = suite.post("/datasources/wiki_lists/shutdownAllTasks").await;
    assert_eq!(
        (all.status, all.json()),
        (200, json!({"dataSource": "wiki_lists"}))
    );
    eventually("all are down", async || {
        let left = suite
            .get("/tasks?datasource=wiki_lists&state=pending")
            .await
            .json();
        ids(&left).is_empty().then_some(())
    })
    .await;
    assert_eq!(suite.state("suite-l1").await, "FAILED");
    eventually("none runs", async || {
        (suite
            .post("/datasources/wiki_lists/shutdownAllTasks")
            .await
            .status
            == 404)
            .then_some(())
    })
    .await;
    assert_eq!(
        suite
            .post("/datasources/wiki_nothing/shutdownAllTasks")
            .await
            .status,
        404
    );
}

/// A small real ingestion, from its submission to its log and report.
async fn ingestion(suite: &Suite, version: &str) {
    let spec = json!({
        "type": "index_parallel",
        "id": "suite-ingestion",
        "spec": {
            "dataSchema": {
                "dataSource": "wiki_ingestion",
                "timestampSpec": {"column": "time", "format": "iso"},
                "dimensionsSpec": {"dimensions": ["page"]},
                "granularitySpec": {"type": "uniform", "segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": false},
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "inline", "data": "{\"time\":\"2026-01-01T00:00:00Z\",\"page\":\"a\"}\n{\"time\":\"2026-01-01T01:00:00Z\",\"page\":\"b\"}\n{\"time\":\"2026-01-01T02:00:00Z\",\"page\":\"c\"}"},
                "inputFormat": {"type": "json"},
            },
            "tuningConfig": {"type": "index_parallel"},
        },
    });
    nothing_runs(suite).await;
    let accepted = suite.post_json("/task", spec.to_string()).await;
    assert_eq!(
        (accepted.status, accepted.json()),
        (200, json!({"task": "suite-ingestion"})),
        "{}",
        accepted.text()
    );
    suite.until_success("suite-ingestion").await;
    let log = eventually("the log is stored", async || {
        let log = suite.get("/task/suite-ingestion/log").await;
        (log.status == 200 && log.body.len() > 100).then_some(log)
    })
    .await;
    assert!(
        log.header("Content-Type")
            .is_some_and(|value| value.starts_with("text/plain"))
    );
    let tail = suite.get("/task/suite-ingestion/log?offset=-50").await;
    assert_eq!(tail.body, log.body[log.body.len() - 50..]);
    let rest = suite.get("/task/suite-ingestion/log?offset=50").await;
    assert_eq!(rest.body, log.body[50..]);
    let past = suite
        .get("/task/suite-ingestion/log?offset=999999999")
        .await;
    assert_eq!((past.status, past.body.len()), (200, 0));
    let report = eventually("the report is stored", async || {
        let report = suite.get("/task/suite-ingestion/reports").await;
        (report.status == 200).then_some(report)
    })
    .await;
    let rows = &report.json()["ingestionStatsAndErrors"]["payload"]["rowStats"]["buildSegments"]["processed"];
    assert_eq!(*rows, 3, "{}", report.text());
    // Segments of a task are kept no more: an empty list, from 31 on a 404.
    let segments = suite.get("/task/suite-ingestion/segments").await;
    assert_eq!(segments.status, if major(version) < 31 { 200 } else { 404 });
}

async fn rest(suite: &Suite) {
    let pending = suite
        .send(
            Call::new("DELETE", &api("/pendingSegments/wiki_suite"))
                .login(suite.logins.operator.0, suite.logins.operator.1),
        )
        .await;
    assert_eq!(
        (pending.status, pending.json()),
        (200, json!({"numDeleted": 0}))
    );
    assert_eq!(suite.get("/isLeader").await.json(), json!({"leader": true}));
    let leader = suite.get("/leader").await;
    assert!(
        leader.text().starts_with("http://127.0.0.1:"),
        "{}",
        leader.text()
    );
    assert_eq!(suite.get("/scaling").await.status, 200);
    assert_eq!(suite.get("/totalWorkerCapacity").await.status, 200);
    assert_eq!(
        suite
            .post_json(
                "/lockedIntervals/v2",
                r#"[{"datasource":"wiki_suite","priority":0}]"#
            )
            .await
            .status,
        200
    );
    audited(suite).await;
    let sample = json!({
        "type": "index",
        "spec": {
            "dataSchema": {"dataSource": "wiki_sample", "timestampSpec": {"column": "time"}, "dimensionsSpec": {}},
            "ioConfig": {
                "type": "index",
                "inputSource": {"type": "inline", "data": "{\"time\":\"2026-01-01T00:00:00Z\"}"},
                "inputFormat": {"type": "json"},
            },
        },
    });
    let sampled = suite.post_json("/sampler", sample.to_string()).await;
    assert_eq!(sampled.status, 200, "{}", sampled.text());
    assert_eq!(suite.get("/supervisor").await.json(), json!([]));
    assert_eq!(suite.get("/supervisor/history").await.status, 200);
    for path in ["", "/status", "/health", "/stats", "/history"] {
        assert_eq!(
            suite
                .get(&format!("/supervisor/nothing{path}"))
                .await
                .status,
            404,
            "{path}"
        );
    }
    for action in ["suspend", "resume", "reset", "terminate"] {
        assert_eq!(
            suite
                .post(&format!("/supervisor/nothing/{action}"))
                .await
                .status,
            404,
            "{action}"
        );
    }
    assert_eq!(
        suite.post("/supervisor/suspendAll").await.json(),
        json!({"status": "success"})
    );
}

/// Druid's audit names who logged in at the gateway, whatever a client says of itself.
async fn audited(suite: &Suite) {
    let (operator, password) = suite.logins.operator;
    let mut set = Call::new("POST", &api("/worker"))
        .login(operator, password)
        .json(r#"{"type":"default"}"#);
    for name in [
        "X-Druid-Author",
        "X-Druid-Comment",
        "X-Forwarded-User",
        "X-Forwarded-For",
        "Proxy-Authorization",
        "Cookie",
    ] {
        set = set.header(name, "mallory");
    }
    let set = suite.send(set).await;
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!(suite.get("/worker").await.json()["type"], "default");
    let history = suite.get("/worker/history").await;
    let change = &history.json()[0]["auditInfo"];
    assert_eq!(change["author"], operator, "{}", history.text());
    assert_eq!(change["comment"], "", "{}", history.text());
    assert_eq!(change["ip"], "127.0.0.1");
    assert!(!history.text().contains("mallory"), "{}", history.text());
}
