//! What happens when the leader goes away, in every way that was seen on real clusters.

use std::time::Duration;

use http::Method;
use overgate::demo::{Fault, Role};

use crate::support::PATIENCE;
use crate::support::client::Call;
use crate::support::rig::{PASSWORD, Rig, api};

fn noop(id: Option<&str>) -> String {
    let id = id.map_or_else(String::new, |id| format!("\"id\":\"{id}\","));
    format!(r#"{{"type":"noop",{id}"dataSource":"wiki"}}"#)
}

/// How often a task of that id is stored.
fn stored(rig: &Rig, id: &str) -> usize {
    rig.cluster
        .stored()
        .iter()
        .filter(|(stored, _)| stored == id)
        .count()
}

/// Lets the second node lead after `time`.
async fn elect_later(rig: &Rig, time: Duration) {
    tokio::time::sleep(time).await;
    rig.nodes[1].set_role(Role::Electing);
    tokio::time::sleep(time).await;
    rig.nodes[1].set_role(Role::Leader);
}

#[tokio::test]
async fn a_killed_leader_is_waited_out_by_reads_and_submissions() {
    let rig = Rig::start().await;
    assert_eq!(
        rig.post("wiki", "/task", noop(Some("before"))).await.status,
        200
    );
    // The follower redirects to the dead node for the whole session.
    rig.nodes[0].kill().await;
    let (read, list, task, ()) = tokio::join!(
        rig.get("wiki", "/task/before/status"),
        rig.get("wiki", "/tasks"),
        rig.post("wiki", "/task", noop(None)),
        elect_later(&rig, Duration::from_millis(300)),
    );
    for answer in [read, list, task] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("Location"), None);
    }
    assert_eq!(rig.cluster.stored().len(), 2);
}

#[tokio::test]
async fn a_leader_that_steps_down_is_left_at_once() {
    let rig = Rig::start().await;
    let old = rig.nodes[0].address();
    let new = rig.nodes[1].address();
    // Each is what the sender would be told at that moment of a real failover.
    for role in [Role::Follower(new), Role::Follower(old), Role::Electing] {
        rig.nodes[0].set_role(role.clone());
        let (answer, ()) = tokio::join!(
            rig.post("wiki", "/task", noop(None)),
            elect_later(&rig, Duration::from_millis(100)),
        );
        assert_eq!(answer.status, 200, "{role:?} {}", answer.text());
        rig.nodes[1].set_role(Role::Follower(old));
        rig.nodes[0].set_role(Role::Leader);
    }
    assert_eq!(rig.cluster.stored().len(), 3);
}

#[tokio::test]
async fn no_leader_by_the_deadline_is_told_as_503() {
    let rig = Rig::with(
        "submission_deadline = \"400ms\"\nread_deadline = \"300ms\"",
        "",
    )
    .await;
    rig.nodes[0].kill().await;
    for answer in [
        rig.post("wiki", "/task", noop(Some("x"))).await,
        rig.get("wiki", "/tasks").await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (503, "overgateNoLeader".to_owned())
        );
        assert!(answer.header("Retry-After").is_some());
    }
    assert!(rig.cluster.stored().is_empty());
}

/// A silent upstream, and one that is slow twice: every kind of request ends within its budget.
#[tokio::test]
async fn no_request_outlives_its_deadline() {
    let deadlines =
        "submission_deadline = \"500ms\"\nread_deadline = \"500ms\"\nreuse_reads = \"0ms\"";
    let kafka = crate::support::rig::kafka("wiki", "");
    let kafka = kafka.as_str();
    let cases = [
        // The owner is asked for first.
        ("GET", "/task/t/log", None),
        ("POST", "/task/t/shutdown", None),
        ("POST", "/supervisor", Some(kafka.to_owned())),
        // Relayed, streamed and reduced.
        ("GET", "/tasks", None),
        ("GET", "/supervisor", None),
        ("POST", "/taskStatus", Some("[\"t\"]".to_owned())),
        ("DELETE", "/pendingSegments/wiki", None),
        ("POST", "/datasources/wiki/shutdownAllTasks", None),
        // Submitted.
        ("POST", "/task", Some(noop(None))),
        ("POST", "/task", Some(noop(Some("mine")))),
    ];
    let ask = async move |slow: bool, method: &str, path: &str, body: Option<&str>| {
        let rig = Rig::with(deadlines, "").await;
        let task = Call::new("POST", &api("/task")).json(noop(Some("t")));
        let stored = task.send(rig.nodes[0].address()).await;
        assert_eq!(stored.expect("answered").status, 200);
        // Many gateways start at once: finding the leader may take longer than the deadline.
        let until = tokio::time::Instant::now() + PATIENCE;
        while rig.get("wiki", "/tasks").await.status != 200 {
            assert!(tokio::time::Instant::now() < until, "nobody leads");
        }
        if slow {
            // Each question has its answer in time, two together do not.
            rig.nodes[0].set_delay(Duration::from_millis(300));
        } else {
            rig.nodes[0].set_role(Role::Silent);
        }
        let mut call = Call::new(method, &api(path)).login("wiki", PASSWORD);
        if let Some(body) = body {
            call = call.json(body);
        }
        let begun = tokio::time::Instant::now();
        let answer = rig.send(&call).await;
        let took = begun.elapsed();
        assert_eq!(
            (answer.status, answer.code()),
            (504, "overgateUpstreamTimeout".to_owned()),
            "slow: {slow}, {method} {path}: {}",
            answer.text()
        );
        assert!(
            took >= Duration::from_millis(450) && took < Duration::from_secs(5),
            "{method} {path} {took:?}"
        );
    };
    let mut asked = tokio::task::JoinSet::new();
    for (method, path, body) in cases {
        let takes_two = ["/task/t", "/supervisor", "/taskStatus"]
            .iter()
            .any(|prefix| path.starts_with(prefix));
        for slow in [false, true] {
            if slow && !takes_two {
                continue;
            }
            let body = body.clone();
            asked.spawn(async move { ask(slow, method, path, body.as_deref()).await });
        }
    }
    while let Some(ended) = asked.join_next().await {
        ended.expect("no panic");
    }
}

#[tokio::test]
async fn a_submission_with_an_id_survives_every_cut() {
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutInside(3)] {
        let rig = Rig::start().await;
        rig.nodes[0].fault(Method::POST, fault.clone());
        let answer = rig.post("wiki", "/task", noop(Some("mine"))).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, serde_json::json!({"task": "mine"})),
            "{fault:?}"
        );
        assert_eq!(stored(&rig, "mine"), 1, "{fault:?}");
        assert_eq!(rig.get("wiki", "/task/mine/status").await.status, 200);
    }
}

#[tokio::test]
async fn a_submission_without_an_id_is_never_sent_twice() {
    for (fault, count) in [
        (Fault::CutBefore, 0),
        (Fault::CutAfter, 1),
        (Fault::CutInside(3), 1),
    ] {
        let rig = Rig::start().await;
        rig.nodes[0].fault(Method::POST, fault.clone());
        let answer = rig.post("wiki", "/task", noop(None)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (502, "overgateAnswerLost".to_owned()),
            "{fault:?}"
        );
        assert!(answer.text().contains("may have been accepted"));
        assert_eq!(rig.cluster.stored().len(), count, "{fault:?}");
    }
}

#[tokio::test]
async fn somebody_elses_task_of_that_id_does_not_count_as_ours() {
    let rig = Rig::start().await;
    assert_eq!(
        rig.post("wiki", "/task", noop(Some("taken"))).await.status,
        200
    );
    // Old enough not to be ours.
    rig.advance(jiff::SignedDuration::from_secs(60));
    for body in [
        noop(Some("taken")),
        noop(Some("taken")).replace("wiki", "wiki_other"),
    ] {
        rig.nodes[0].fault(Method::POST, Fault::CutBefore);
        let answer = rig.post("wiki", "/task", &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.json()["error"], "Task [taken] already exists.");
    }
    assert_eq!(stored(&rig, "taken"), 1);
    // And a plain duplicate is Druid's business.
    let plain = rig.post("wiki", "/task", noop(Some("taken"))).await;
    assert_eq!(plain.json()["error"], "Task [taken] already exists.");
}

#[tokio::test]
async fn a_leader_killed_with_a_submission_in_flight() {
    let rig = Rig::start().await;
    // The leader is known, and so are the credentials.
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
    rig.nodes[0].set_delay(Duration::from_secs(3_600));
    let kill = async {
        // In flight: the node has it, and will never answer.
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.nodes[0].kill().await;
        rig.nodes[1].set_role(Role::Leader);
    };
    let (with, without, ()) = tokio::join!(
        rig.post("wiki", "/task", noop(Some("mine"))),
        rig.post("wiki", "/task", noop(None)),
        kill
    );
    assert_eq!(
        (with.status, without.status),
        (200, 502),
        "{} {}",
        with.text(),
        without.text()
    );
    assert_eq!(stored(&rig, "mine"), 1);
}

#[tokio::test]
async fn a_leader_that_falls_silent_is_left_when_another_leads() {
    let rig = Rig::with("reuse_reads = \"0ms\"", "").await;
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
    rig.nodes[0].set_role(Role::Silent);
    let elect = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.nodes[1].set_role(Role::Leader);
    };
    let (list, task, ()) = tokio::join!(
        rig.get("wiki", "/tasks"),
        rig.post("wiki", "/task", noop(Some("mine"))),
        elect
    );
    assert_eq!(
        (list.status, task.status),
        (200, 200),
        "{} {}",
        list.text(),
        task.text()
    );
    // Awake again, it says once more that it leads: the newer claim counts.
    rig.nodes[0].set_role(Role::Leader);
    rig.nodes[0].record();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
    assert!(rig.nodes[0].received().is_empty());
}

#[tokio::test]
async fn a_read_is_repeated_until_its_first_byte_went_down() {
    let rig = Rig::start().await;
    rig.nodes[0].fault(Method::GET, Fault::CutBefore);
    rig.nodes[0].fault(Method::GET, Fault::CutAfter);
    rig.nodes[0].fault(Method::GET, Fault::CutInside(0));
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_is_read_whole_is_asked_for_again_wherever_it_was_cut() {
    let rig = Rig::with("reuse_reads = \"0ms\"", "").await;
    let kafka = crate::support::rig::kafka("wiki", "");
    let kafka = kafka.as_str();
    assert_eq!(rig.post("wiki", "/supervisor", kafka).await.status, 200);
    assert_eq!(rig.post("wiki", "/task", noop(Some("t"))).await.status, 200);
    for cut in [0, 1, 10] {
        // Stored behind our back: its owner is asked for.
        let id = format!("cut{cut}");
        let submit = Call::new("POST", &api("/task")).json(noop(Some(&id)));
        let submitted = submit.send(rig.nodes[0].address()).await;
        assert_eq!(submitted.expect("answered").status, 200);
        for path in [
            &format!("/task/{id}"),
            "/supervisor",
            "/supervisor/history",
            "/supervisor/wiki/history",
        ] {
            rig.nodes[0].fault(Method::GET, Fault::CutInside(cut));
            let answer = rig.get("viewer", path).await;
            assert_eq!(answer.status, 200, "{path} {cut}: {}", answer.text());
        }
    }
    let statuses = async |cut| {
        rig.nodes[0].fault(Method::POST, Fault::CutInside(cut));
        rig.post("viewer", "/taskStatus", r#"["t"]"#).await
    };
    for cut in [0, 1, 10] {
        assert_eq!(statuses(cut).await.status, 200, "{cut}");
    }
}

#[tokio::test]
async fn an_owner_that_cannot_be_read_is_not_remembered() {
    let rig = Rig::start().await;
    let kafka = crate::support::rig::kafka("wiki", "");
    let kafka = kafka.as_str();
    // Stored behind our back: nothing is remembered of them yet.
    for (path, body) in [
        ("/task", noop(Some("t"))),
        ("/supervisor", kafka.to_owned()),
    ] {
        let call = Call::new("POST", &api(path)).json(body);
        let stored = call.send(rig.nodes[0].address()).await.expect("answered");
        assert_eq!(stored.status, 200, "{}", stored.text());
    }
    for path in ["/task/t", "/supervisor/wiki/status"] {
        let garbage = Fault::Instead(200, "application/json", "{\"status\":".to_owned());
        rig.nodes[0].fault(Method::GET, garbage);
        let answer = rig.get("wiki", path).await;
        assert_eq!(
            (answer.status, answer.code()),
            (502, "overgateUnexpectedAnswer".to_owned()),
            "{path}"
        );
        assert_eq!(rig.get("wiki", path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_already_exists_that_answers_our_own_repeat_counts_as_ours() {
    let rig = Rig::start().await;
    // Stored, the answer lost, not to be seen by the first look, and then a duplicate.
    rig.nodes[0].fault(Method::POST, Fault::CutAfter);
    let unknown = Fault::Instead(404, "application/json", "{}".to_owned());
    rig.nodes[0].fault(Method::GET, unknown);
    rig.nodes[0].record();
    let answer = rig.post("wiki", "/task", noop(Some("mine"))).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, serde_json::json!({"task": "mine"}))
    );
    let methods: Vec<Method> = rig.nodes[0]
        .received()
        .into_iter()
        .map(|request| request.method)
        .collect();
    assert_eq!(
        methods,
        [Method::POST, Method::GET, Method::POST, Method::GET]
    );
    assert_eq!(stored(&rig, "mine"), 1);
}

#[tokio::test]
async fn changes_follow_the_tables_column() {
    let rig = Rig::start().await;
    let kafka = crate::support::rig::kafka("wiki", "");
    let kafka = kafka.as_str();
    assert_eq!(rig.post("wiki", "/supervisor", kafka).await.status, 200);
    assert_eq!(rig.post("wiki", "/task", noop(Some("t"))).await.status, 200);
    for (method, path, body, status) in [
        ("POST", "/task/t/shutdown", None, 200),
        ("DELETE", "/pendingSegments/wiki", None, 200),
        ("POST", "/taskStatus", Some("[\"t\"]"), 200),
        ("POST", "/supervisor/wiki/suspend", None, 502),
        ("POST", "/supervisor/wiki/reset", None, 502),
        ("POST", "/supervisor", Some(kafka), 502),
    ] {
        rig.nodes[0].fault(method.parse().expect("a method"), Fault::CutBefore);
        let mut call = Call::new(method, &api(path)).login("wiki", PASSWORD);
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = rig.send(&call).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }
}

#[tokio::test]
async fn unhealthy_is_an_answer() {
    let rig = Rig::start().await;
    let kafka = crate::support::rig::kafka("wiki", "");
    let kafka = kafka.as_str();
    assert_eq!(rig.post("wiki", "/supervisor", kafka).await.status, 200);
    assert_eq!(rig.get("wiki", "/supervisor/wiki").await.status, 200);
    let unhealthy = Fault::Instead(503, "application/json", r#"{"healthy":false}"#.to_owned());
    rig.nodes[0].fault(Method::GET, unhealthy);
    let answer = rig.get("wiki", "/supervisor/wiki/health").await;
    assert_eq!(
        (answer.status, answer.json()),
        (503, serde_json::json!({"healthy": false}))
    );
}

#[tokio::test]
async fn druids_words_for_a_full_queue_and_a_refused_login() {
    let rig = Rig::start().await;
    let page = "<title>Error 500 java.lang.IllegalStateException: Too many tasks (max = 5)</title>";
    for (fault, status, code) in [
        (
            Fault::Instead(500, "text/html", page.to_owned()),
            429,
            "overgateQueueFull",
        ),
        (
            Fault::Instead(429, "application/json", "{}".to_owned()),
            429,
            "overgateQueueFull",
        ),
        (
            Fault::Instead(401, "application/json", "{}".to_owned()),
            502,
            "overgateUpstreamLogin",
        ),
    ] {
        rig.nodes[0].fault(Method::POST, fault);
        let answer = rig.post("wiki", "/task", noop(None)).await;
        assert_eq!((answer.status, answer.code()), (status, code.to_owned()));
        assert_eq!(answer.header("Retry-After").is_some(), status == 429);
    }
    rig.nodes[0].fault(
        Method::POST,
        Fault::Instead(500, "text/html", "<title>other</title>".to_owned()),
    );
    let other = rig.post("wiki", "/task", noop(None)).await;
    assert_eq!(
        (other.status, other.text().as_str()),
        (500, "<title>other</title>")
    );
}
