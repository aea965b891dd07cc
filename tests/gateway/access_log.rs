//! One line for each exchange, with what an auditor asks for and nothing that is secret.

use overgate::demo::Fault;
use serde_json::{Value, json};

use crate::support::client::{Call, Client};
use crate::support::eventually;
use crate::support::rig::{PASSWORD, Rig, api};

const LIMIT: &str = r#"
[[rate_limit]]
name = "narrow"
actions = ["submit"]
key = ["datasource"]
rate = "1/h"
burst = 1
"#;

/// What a line must not hold, in any spelling that a request gave it.
const CANARIES: [&str; 4] = [
    "canary",
    // Base64 of `wiki:canary-password`, and of everybody's password, without its padding.
    "d2lraTpjYW5hcnktcGFzc3dvcmQ",
    "correct horse",
    "Y29ycmVjdCBob3JzZ",
];

#[tokio::test]
async fn every_exchange_is_a_line_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let sink = format!("[telemetry]\naccess_log = \"{}\"\n{LIMIT}", path.display());
    let rig = Rig::with("reuse_reads = \"0ms\"", &sink).await;
    let task = |id: &str, datasource: &str| {
        format!(
            r#"{{"type":"noop","id":"{id}","dataSource":"{datasource}","context":{{"note":"canary-body"}}}}"#
        )
    };
    let odd = r#"{"type":"noop","dataSource":"wiki","context":"canary-value"}"#;
    let post = |path: &str, body: &str| Call::new("POST", &api(path)).json(body);
    let get = |path: &str| Call::get(&api(path));
    let wiki = |call: Call| call.login("wiki", PASSWORD);
    // Told to the Overlord behind our back: its owner is asked for.
    let hidden = post("/task", &task("hidden", "wiki_h"));
    let stored = hidden.send(rig.nodes[0].address()).await;
    assert_eq!(stored.expect("answered").status, 200);
    // The request, and members of its line; `attempts` tells how often the Overlord was asked.
    let cases: Vec<(Call, Value)> = vec![
        (
            wiki(post("/task", &task("t", "wiki"))),
            json!({"principal": "wiki", "method": "POST", "path": api("/task"), "operation": "submit-task", "action": "submit",
                "datasources": ["wiki"], "subject": "t", "status": 200, "stage": "done",
                "rule": "wiki-writer", "attempts": 1}),
        ),
        (
            wiki(post("/task", &task("u", "wiki"))),
            json!({"principal": "wiki", "datasources": ["wiki"], "status": 429, "stage": "quota",
                "code": "overgateOverQuota", "rule": "narrow", "attempts": 0}),
        ),
        (
            wiki(post("/task", &task("u", "secret"))),
            json!({"datasources": ["secret"], "status": 403, "stage": "authorize",
                "code": "overgateForbidden", "attempts": 0}),
        ),
        (
            wiki(post("/task", odd)),
            json!({"status": 400, "stage": "review", "findings": ["wrong-type"], "attempts": 0}),
        ),
        (
            wiki(post("/task", "{\"canary-key\":")),
            json!({"status": 400, "stage": "document", "attempts": 0}),
        ),
        (
            wiki(get("/task/t/status")),
            json!({"operation": "task-status", "subject": "t", "datasources": ["wiki"], "status": 200,
                "stage": "done", "attempts": 1}),
        ),
        (
            // The owner, and then the task.
            wiki(get("/task/hidden/status")),
            json!({"subject": "hidden", "datasources": ["wiki_h"], "status": 200, "attempts": 2}),
        ),
        (
            wiki(get("/task/nothing/status")),
            json!({"subject": "nothing", "status": 404, "stage": "owner", "attempts": 1}),
        ),
        (
            wiki(get("/tasks?type=canary-query")),
            json!({"operation": "list-tasks", "path": api("/tasks"), "status": 200, "attempts": 1}),
        ),
        (
            // The list, and the owners behind it.
            wiki(get("/supervisor")),
            json!({"operation": "list-supervisors", "status": 200, "attempts": 2}),
        ),
        (
            get("/tasks").login("wiki", "canary-password"),
            json!({"status": 401, "stage": "identity", "code": "overgateWrongCredentials", "attempts": 0}),
        ),
        (
            get("/tasks").header("Authorization", "Bearer canary-token"),
            json!({"status": 401, "stage": "identity"}),
        ),
        (
            get("/tasks").header("X-API-Key", "canary-key-of-nobody-0123"),
            json!({"status": 401, "stage": "identity", "code": "overgateUnauthenticated"}),
        ),
        (
            get("/tasks").header("Authorization", "Bearer canary.token.x"),
            json!({"status": 401, "stage": "identity"}),
        ),
        (
            wiki(
                get("/tasks")
                    .header("X-Secret", "canary-header")
                    .header("Cookie", "canary=1"),
            ),
            json!({"status": 200}),
        ),
        (
            wiki(get("/nothing")),
            json!({"operation": "none", "status": 404, "stage": "route"}),
        ),
    ];
    let count = cases.len() + 2;
    let mut expected = Vec::new();
    for (call, members) in cases {
        let answer = rig.send(&call).await;
        let id = answer.header("X-Request-Id").expect("told").to_owned();
        expected.push((id, members));
    }
    // Cut once: tried twice.
    rig.nodes[0].fault(http::Method::GET, Fault::CutBefore);
    let cut = rig.send(&wiki(get("/tasks"))).await;
    let members =
        json!({"status": 200, "attempts": 2, "upstream": rig.nodes[0].address().to_string()});
    expected.push((
        cut.header("X-Request-Id").expect("told").to_owned(),
        members,
    ));
    // Refused before there was a request.
    let mut client = Client::connect(rig.address).await.expect("connected");
    client
        .write(b"GET / HTTP/1.1\r\nX-Secret: canary\x01\r\n\r\n")
        .await
        .expect("sent");
    let edge = client.answer().await.expect("answered");
    let members = json!({"status": 400, "stage": "edge", "method": "", "path": ""});
    expected.push((
        edge.header("X-Request-Id").expect("told").to_owned(),
        members,
    ));

    let text = eventually("all lines are written", async || {
        let text = std::fs::read_to_string(&path).ok()?;
        (text.lines().count() >= count).then_some(text)
    })
    .await;
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary}: {text}");
    }
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(lines.len(), count);
    for (id, members) in expected {
        let mut of_it = lines
            .iter()
            .filter(|line| line["request_id"] == id.as_str());
        let line = of_it.next().unwrap_or_else(|| panic!("no line for {id}"));
        assert!(of_it.next().is_none(), "one line: {line}");
        for (name, value) in members.as_object().expect("an object") {
            assert_eq!(&line[name], value, "{name}: {line}");
        }
        assert_eq!(line["source"], "127.0.0.1", "{line}");
        let time = line["time"].as_str().expect("a time");
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
        let (took, upstream) = (line["duration_ms"].as_f64(), line["upstream_ms"].as_f64());
        let (took, upstream) = (took.expect("a number"), upstream.expect("a number"));
        let was_asked = line["attempts"] != 0;
        assert!(
            took > 0.0 && upstream <= took && (upstream > 0.0) == was_asked,
            "{line}"
        );
        assert!(
            line["received"].is_u64() && line["sent"].as_u64() > Some(0),
            "{line}"
        );
        assert_eq!(line["upstream"].is_string(), was_asked, "{line}");
    }
}
