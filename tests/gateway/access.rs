//! Who gets in, and to what.

use crate::support::client::{Call, Client};
use crate::support::rig::{PASSWORD, Rig, api};

#[tokio::test]
async fn strangers_learn_nothing() {
    for target in [
        api("/tasks"),
        api("/nothing"),
        api("/action"),
        "/status".to_owned(),
        "/".to_owned() + "x",
    ] {
        // One for each: who is wrong too often waits.
        let rig = Rig::start().await;
        for call in [
            Call::get(&target),
            Call::get(&target).login("admin", "wrong"),
            Call::get(&target).login("nobody", PASSWORD),
            Call::get(&target).header("Authorization", "Bearer abc"),
        ] {
            let answer = rig.send(&call).await;
            assert_eq!(answer.status, 401, "{target} {}", answer.text());
            assert!(
                answer
                    .header("WWW-Authenticate")
                    .is_some_and(|value| value.starts_with("Basic"))
            );
            assert!(answer.header("X-Request-Id").is_some());
        }
    }
}

#[tokio::test]
async fn only_endpoints_of_the_configured_version_are_served() {
    let all = [
        ("POST", "/datasources/wiki/markUsed", "{}"),
        ("GET", "/compaction/config/cluster", ""),
        ("GET", "/compaction/status", ""),
        ("POST", "/lockedIntervals", "{}"),
        ("POST", "/lockedIntervals/v2", "[]"),
        ("POST", "/datasources/wiki/shutdownAllTasks", ""),
        ("GET", "/tasks", ""),
    ];
    for (version, served) in [
        ("28.0.0", [false, false, false, true, true, true, true]),
        ("27.0.0", [false, false, false, true, false, true, true]),
        ("31.0.0", [false, false, true, false, true, true, true]),
        ("33.0.0", [true, true, false, false, true, true, true]),
    ] {
        let rig = Rig::with(&format!("druid_version = \"{version}\""), "").await;
        for ((method, path, body), served) in all.into_iter().zip(served) {
            rig.nodes[0].record();
            let mut call = Call::new(method, &api(path)).login("admin", PASSWORD);
            if !body.is_empty() {
                call = call.json(body);
            }
            let answer = rig.send(&call).await;
            assert_eq!(
                !rig.nodes[0].received().is_empty(),
                served,
                "{version} {method} {path} {}",
                answer.text()
            );
            if !served {
                assert_eq!(
                    (answer.status, answer.code()),
                    (404, "overgateUnknownEndpoint".to_owned())
                );
                assert!(answer.text().contains(&format!("Druid {version} ")));
            }
        }
    }
}

#[tokio::test]
async fn another_host_is_not_served() {
    let rig = Rig::with("", "[listener]\nhosts = [\"overgate.test\"]\n").await;
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
    let mut call = Call::get(&api("/tasks")).login("wiki", PASSWORD);
    call.headers[0].1 = "other.test".to_owned();
    let answer = rig.send(&call).await;
    assert_eq!(
        (answer.status, answer.code()),
        (421, "overgateUnknownHost".to_owned())
    );
    assert_eq!(answer.header("Connection"), Some("close"));
}

#[tokio::test]
async fn what_no_grant_names_is_refused() {
    let rig = Rig::start().await;
    let noop = |datasource: &str| format!(r#"{{"type":"noop","dataSource":"{datasource}"}}"#);
    let copy = |from: &str| {
        format!(
            r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":"wiki"}},"ioConfig":{{"type":"index_parallel","inputSource":{{"type":"druid","dataSource":"{from}","interval":"2020/2021"}}}}}}}}"#
        )
    };
    let controller = r#"{"type":"query_controller","spec":{"query":{"dataSource":"secret"},"destination":{"type":"dataSource","dataSource":"wiki"}}}"#;
    for (user, body, status) in [
        ("wiki", noop("wikipedia"), 200),
        ("wiki", noop("other"), 403),
        ("wiki", r#"{"type":"noop"}"#.to_owned(), 403),
        ("wiki", copy("wiki_other"), 200),
        ("wiki", copy("secret"), 403),
        ("wiki", controller.to_owned(), 403),
        (
            "wiki",
            r#"{"type":"acme","dataSource":"wiki"}"#.to_owned(),
            403,
        ),
        ("viewer", noop("wikipedia"), 403),
        ("admin", noop("other"), 200),
        ("admin", copy("secret"), 200),
        // Past us; Druid itself does not know the type.
        ("admin", controller.to_owned(), 400),
    ] {
        let answer = rig.post(user, "/task", &body).await;
        assert_eq!(answer.status, status, "{user} {body}: {}", answer.text());
    }
    for (user, method, path, status) in [
        ("wiki", "GET", "/leader", 403),
        ("admin", "GET", "/leader", 200),
        ("viewer", "GET", "/isLeader", 200),
        ("wiki", "GET", "/workers", 403),
        ("wiki", "POST", "/supervisor/terminateAll", 403),
        ("admin", "POST", "/supervisor/terminateAll", 200),
        ("admin", "POST", "/action", 403),
        ("wiki", "DELETE", "/pendingSegments/wiki", 200),
        ("wiki", "DELETE", "/pendingSegments/other", 403),
        ("viewer", "DELETE", "/pendingSegments/wiki", 403),
        ("wiki", "GET", "/nothing", 404),
        ("wiki", "PUT", "/tasks", 405),
    ] {
        let answer = rig
            .send(&Call::new(method, &api(path)).login(user, PASSWORD))
            .await;
        assert_eq!(
            answer.status,
            status,
            "{user} {method} {path}: {}",
            answer.text()
        );
    }
    let put = rig
        .send(&Call::new("PUT", &api("/tasks")).login("wiki", PASSWORD))
        .await;
    assert_eq!(put.header("Allow"), Some("GET"));
}

#[tokio::test]
async fn an_unknown_task_and_somebody_elses_look_the_same() {
    let rig = Rig::start().await;
    let theirs = rig
        .post(
            "admin",
            "/task",
            r#"{"type":"noop","id":"theirs","dataSource":"secret"}"#,
        )
        .await;
    assert_eq!(theirs.status, 200);
    rig.nodes[0].record();
    for path in ["", "/status", "/log", "/reports", "/shutdown"] {
        let method = if path == "/shutdown" { "POST" } else { "GET" };
        let ask = async |id: &str| {
            let answer = rig
                .send(
                    &Call::new(method, &api(&format!("/task/{id}{path}"))).login("wiki", PASSWORD),
                )
                .await;
            let text = answer
                .text()
                .replace(answer.header("X-Request-Id").expect("an id"), "ID");
            (answer.status, text)
        };
        assert_eq!(ask("theirs").await, ask("nothing").await, "{path}");
        assert_eq!(ask("theirs").await.0, 404);
    }
    // Nothing but look-ups went upstream: no shutdown above all.
    for received in rig.nodes[0].received() {
        assert!(received.target.ends_with("/status"), "{}", received.target);
    }
    let own = rig
        .post(
            "wiki",
            "/task",
            r#"{"type":"noop","id":"own","dataSource":"wiki"}"#,
        )
        .await;
    assert_eq!(own.status, 200);
    assert_eq!(rig.get("wiki", "/task/own/status").await.status, 200);
    assert_eq!(rig.get("viewer", "/task/own").await.status, 200);
    let refused = rig
        .send(&Call::new("POST", &api("/task/own/shutdown")).login("viewer", PASSWORD))
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (403, "overgateForbidden".to_owned()),
        "it may be seen"
    );
    let done = rig
        .send(
            &Call::new("POST", &api("/task/own/shutdown"))
                .login("wiki", PASSWORD)
                .json("{}"),
        )
        .await;
    assert_eq!(done.json()["task"], "own");
}

#[tokio::test]
async fn a_supervisor_cannot_be_taken_over() {
    // Judged as 28 does, `id` would be a field of later releases.
    let rig = Rig::with(
        "",
        "[validation.levels]
newer-field = \"off\"",
    )
    .await;
    let kafka = |datasource: &str, id: &str| {
        crate::support::rig::kafka(datasource, &format!(r#""id":"{id}","#))
    };
    assert_eq!(
        rig.post("admin", "/supervisor", kafka("secret", "secret"))
            .await
            .status,
        200
    );
    let taken = rig
        .post("wiki", "/supervisor", kafka("wiki", "secret"))
        .await;
    assert_eq!(
        (taken.status, taken.code()),
        (403, "overgateForbidden".to_owned())
    );
    assert!(!taken.text().contains("secret"), "{}", taken.text());
    let tombstone = r#"{"type":"NoopSupervisorSpec","dataSources":["wiki"],"id":"secret"}"#;
    let refused = rig.post("wiki", "/supervisor", tombstone).await;
    assert_eq!(
        (refused.status, refused.code()),
        (400, "overgateInvalidSpec".to_owned())
    );
    assert_eq!(
        rig.post("wiki", "/supervisor", kafka("wiki", "wiki"))
            .await
            .status,
        200
    );
    assert_eq!(
        rig.post("wiki", "/supervisor", kafka("wiki", "wiki"))
            .await
            .status,
        200,
        "its own"
    );
    assert_eq!(
        rig.get("wiki", "/supervisor").await.json(),
        serde_json::json!(["wiki"])
    );
    for (user, path, status) in [
        ("wiki", "/supervisor/secret/suspend", 404),
        ("wiki", "/supervisor/nothing/suspend", 404),
        ("wiki", "/supervisor/wiki/suspend", 200),
        ("viewer", "/supervisor/wiki/resume", 403),
        ("wiki", "/supervisor/wiki/terminate", 200),
        ("wiki", "/supervisor/wiki/resume", 404),
    ] {
        let answer = rig
            .send(&Call::new("POST", &api(path)).login(user, PASSWORD))
            .await;
        assert_eq!(answer.status, status, "{user} {path}: {}", answer.text());
    }
}

#[tokio::test]
async fn nothing_of_the_client_but_its_request_reaches_druid() {
    let rig = Rig::with(
        "credentials = { username = \"overgate\", password = \"env:X\" }",
        "",
    )
    .await;
    rig.nodes[0].record();
    let mut call = Call::get(&api("/tasks")).login("admin", PASSWORD);
    for name in [
        "X-Druid-Author",
        "X-Forwarded-For",
        "X-Forwarded-User",
        "Forwarded",
        "X-Forwarded-Host",
        "X-HTTP-Method-Override",
        "Cookie",
        "X-Real-IP",
        "Via",
        "Origin",
        "User-Agent",
        "If-None-Match",
        "Range",
    ] {
        call = call.header(name, "canary");
    }
    assert_eq!(rig.send(&call).await.status, 200);
    let received = rig.nodes[0].received();
    let [request] = received.as_slice() else {
        panic!("{received:?}")
    };
    for (name, value) in &request.headers {
        assert!(
            !value.as_bytes().windows(6).any(|word| word == b"canary"),
            "{name}"
        );
    }
    let names: std::collections::BTreeSet<&str> = request
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    // A read that many may share is asked in nobody's name.
    assert_eq!(names, ["authorization", "host"].into());
    // base64 of `overgate:env:X`: in this rig a reference is its own secret.
    assert_eq!(
        request.headers["authorization"],
        "Basic b3ZlcmdhdGU6ZW52Olg="
    );
    assert_eq!(request.headers["host"], rig.nodes[0].address().to_string());
    // Any other names who asked.
    let call = Call::get(&api("/worker")).login("admin", PASSWORD);
    assert_eq!(
        rig.send(&call.header("X-Druid-Author", "canary"))
            .await
            .status,
        200
    );
    let received = rig.nodes[0].received();
    let [request] = received.as_slice() else {
        panic!("{received:?}")
    };
    assert_eq!(request.headers["x-druid-author"], "admin");
}

#[tokio::test]
async fn refusals_speak_the_dialect_that_is_asked_for() {
    let rig = Rig::start().await;
    let call = Call::new("POST", &api("/task"))
        .login("wiki", PASSWORD)
        .json("{\n  \"type\": 5\n}");
    let answer = rig.send(&call).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["error"], "druidException");
    assert_eq!(body["errorCode"], "overgateInvalidSpec");
    assert_eq!(body["category"], "INVALID_INPUT");
    assert_eq!(
        body["errorMessage"],
        "`type` is a string, not a number (line 2, column 11)"
    );
    assert_eq!(
        body["context"]["requestId"],
        answer.header("X-Request-Id").expect("an id")
    );
    assert_eq!(body["findings"][0]["pointer"], "/type");
    assert_eq!(
        (&body["findings"][0]["line"], &body["findings"][0]["column"]),
        (&2.into(), &11.into())
    );
    let problem = rig
        .send(&call.header("Accept", "application/problem+json, */*"))
        .await;
    assert_eq!(
        problem.header("Content-Type"),
        Some("application/problem+json")
    );
    assert_eq!(problem.json()["status"], 400);
    assert_eq!(problem.json()["detail"], body["errorMessage"]);
}

#[tokio::test]
async fn a_dry_run_asks_and_does_nothing() {
    let rig = Rig::start().await;
    rig.nodes[0].record();
    let ask = async |body: &str| rig.post("wiki", "/task?dryRun=All", body).await;
    let good = ask(r#"{"type":"noop","dataSource":"wiki"}"#).await;
    assert_eq!(good.status, 200);
    assert_eq!(good.json()["admitted"], true);
    assert_eq!(good.json()["datasources"], serde_json::json!(["wiki"]));
    assert_eq!(
        ask(r#"{"type":"noop","dataSource":"other"}"#).await.status,
        403
    );
    let bad = ask(r#"{"type":"noop","dataSource":"wiki","context":[],"runtime":5}"#).await;
    assert_eq!(bad.status, 200);
    assert_eq!(bad.json()["admitted"], false);
    assert_eq!(bad.json()["stage"], "review");
    assert_eq!(bad.json()["findings"][0]["code"], "wrong-type");
    assert_eq!(bad.json()["findings"][1]["suggestion"]["text"], "runTime");
    // What cannot be read cannot be authorized either.
    assert_eq!(ask(r#"{"type":"noop",}"#).await.status, 400);
    assert!(rig.nodes[0].received().is_empty());
}

#[tokio::test]
async fn a_connection_is_kept_after_answers_and_refusals() {
    let rig = Rig::start().await;
    let mut client = Client::connect(rig.address).await.expect("connected");
    for (call, status) in [
        (Call::get(&api("/tasks")).login("wiki", PASSWORD), 200),
        (Call::get(&api("/nothing")).login("wiki", PASSWORD), 404),
        (Call::get(&api("/tasks")), 401),
        (
            Call::new("POST", &api("/task"))
                .login("wiki", PASSWORD)
                .json("{"),
            400,
        ),
        (
            Call::new("POST", &api("/task"))
                .login("wiki", PASSWORD)
                .json(r#"{"type":"noop","dataSource":"wiki"}"#),
            200,
        ),
        (
            Call::get(&api("/task/nothing/log")).login("wiki", PASSWORD),
            404,
        ),
        (Call::get(&api("/tasks")).login("wiki", PASSWORD), 200),
    ] {
        let answer = client.call(&call).await.expect("answered");
        assert_eq!(answer.status, status, "{call:?}: {}", answer.text());
        assert_eq!(answer.header("Connection"), Some("keep-alive"), "{call:?}");
    }
}

#[tokio::test]
async fn a_compaction_configuration_cannot_run_code() {
    let rig = Rig::with("druid_version = \"33.0.0\"", "").await;
    rig.nodes[0].record();
    let path = "/compaction/config/datasources/wiki";
    for (body, status) in [
        (
            r#"{"dataSource":"wiki","taskContext":{"druid.indexer.runner.javaOpts":"-X"}}"#,
            400,
        ),
        (r#"{"dataSource":"other"}"#, 400),
        // Past us; the embedded Overlord is a 28 and has no such endpoint.
        (r#"{"dataSource":"wiki","taskContext":{"priority":1}}"#, 404),
    ] {
        assert_eq!(rig.post("wiki", path, body).await.status, status, "{body}");
    }
    assert_eq!(rig.nodes[0].received().len(), 1);
}

#[tokio::test]
async fn a_grant_says_what_a_spec_may_be_and_read() {
    let hash = crate::support::rig::cheap_hash();
    let rig = Rig::with(
        "",
        &format!(
            r#"
[[user]]
name = "lake"
password = "{hash}"
roles = ["lake-writer"]
[[role]]
name = "lake-writer"
[[role.grant]]
actions = ["submit"]
datasources = ["lake"]
inputs = [
    {{ type = "s3", buckets = ["landing-*"], prefixes = ["raw/"] }},
    {{ type = "http", hosts = ["*.example.com"] }},
]
[[role.grant]]
actions = ["submit"]
datasources = ["lake"]
task_types = ["move"]
[[role.grant]]
actions = ["read"]
datasources = ["wiki"]
"#
        ),
    )
    .await;
    let batch = |datasource: &str, source: &str| {
        format!(
            r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":"{datasource}","timestampSpec":{{"column":"t"}},"dimensionsSpec":{{"dimensions":["a"]}},"granularitySpec":{{"intervals":["2020/2021"]}}}},"ioConfig":{{"type":"index_parallel","inputSource":{source},"inputFormat":{{"type":"json"}}}}}}}}"#
        )
    };
    let lake = |source: &str| batch("lake", source);
    let cases = [
        (lake(r#"{"type":"inline","data":"{}"}"#), None),
        (
            lake(r#"{"type":"s3","uris":["s3://landing-1/raw/a.json"]}"#),
            None,
        ),
        (
            lake(r#"{"type":"s3","uris":["s3://landing-1/secret/a.json"]}"#),
            Some(
                "You may not submit to `lake` what reads from `s3` at `secret/a.json`: no grant of yours has such an input",
            ),
        ),
        (
            lake(r#"{"type":"s3","prefixes":["s3://other/raw/"]}"#),
            Some(
                "You may not submit to `lake` what reads from `s3` at `other`: no grant of yours has such an input",
            ),
        ),
        (
            lake(r#"{"type":"http","uris":["https://data.example.com/a"]}"#),
            None,
        ),
        (
            lake(r#"{"type":"http","uris":["http://169.254.169.254/latest/meta-data/"]}"#),
            Some(
                "You may not submit to `lake` what reads from `http` at `169.254.169.254`: no grant of yours has such an input",
            ),
        ),
        (
            lake(
                r#"{"type":"combining","delegates":[{"type":"inline","data":"{}"},{"type":"local","baseDir":"/etc","filter":"*"}]}"#,
            ),
            Some(
                "You may not submit to `lake` what reads from `local`: no grant of yours has such an input",
            ),
        ),
        (
            batch("wiki", r#"{"type":"inline","data":"{}"}"#),
            Some("You may not submit to `wiki`"),
        ),
        (
            lake(r#"{"type":"druid","dataSource":"ads","interval":"2020/2021"}"#),
            Some("You may not read `ads`"),
        ),
        (
            r#"{"type":"move","dataSource":"lake","interval":"2020/2021","targetLoadSpec":{}}"#
                .to_owned(),
            None,
        ),
        (
            r#"{"type":"index_hadoop","spec":{"dataSchema":{"dataSource":"lake"}}}"#.to_owned(),
            Some(
                "You may not submit a spec of type `index_hadoop` to `lake`: no grant of yours names the type",
            ),
        ),
        (
            r#"{"type":"acme_ingest","dataSource":"lake"}"#.to_owned(),
            Some(
                "This takes a cluster-wide grant that names its type: its type is not known here, so what it reads and writes cannot be told",
            ),
        ),
    ];
    for (body, refusal) in cases {
        let call = Call::new("POST", &api("/task?dryRun=All"))
            .login("lake", PASSWORD)
            .json(&body);
        let answer = rig.send(&call).await;
        match refusal {
            None => assert_eq!(answer.status, 200, "{body}: {}", answer.text()),
            Some(refusal) => {
                assert_eq!(answer.status, 403, "{body}: {}", answer.text());
                assert_eq!(answer.json()["errorMessage"], refusal, "{body}");
            }
        }
    }
}
