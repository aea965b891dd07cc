//! The embedded Overlord against the recorded one, and its nodes against what is asked of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Cluster, Fault, Node, Role, Settings};

const RECORDED: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/recorded-28.0.0.jsonl"
));

/// A cluster whose time stands still unless it is moved.
struct Rig {
    cluster: Arc<Cluster>,
    millis: Arc<AtomicI64>,
}

impl Rig {
    fn new(queue: usize) -> Rig {
        let millis = Arc::new(AtomicI64::new(0));
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let now = millis.clone();
        let settings = Settings {
            clock: Arc::new(move || {
                start + SignedDuration::from_millis(now.load(Ordering::Relaxed))
            }),
            queue,
            ..Settings::default()
        };
        Rig {
            cluster: Cluster::new(settings),
            millis,
        }
    }

    fn advance(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    async fn node(&self, role: Role) -> Node {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Node::start(self.cluster.clone(), listener, role).expect("bound")
    }
}

/// An answer as it came.
#[derive(Debug)]
struct Seen {
    status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    whole: bool,
}

impl Seen {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    fn read(bytes: &[u8]) -> Option<Seen> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
        let mut lines = head.split("\r\n");
        let mut status = lines.next().expect("a line").splitn(3, ' ').skip(1);
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut seen = Seen {
            status: status.next()?.parse().expect("a number"),
            reason: status.next().unwrap_or_default().to_owned(),
            headers,
            body: bytes[end + 4..].to_vec(),
            whole: true,
        };
        if seen.header("Transfer-Encoding").is_some() {
            let mut rest = std::mem::take(&mut seen.body);
            seen.whole = false;
            while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
                let size = str::from_utf8(&rest[..at])
                    .ok()
                    .and_then(|size| usize::from_str_radix(size, 16).ok());
                let size = size.expect("a size");
                if size == 0 {
                    seen.whole = true;
                    break;
                }
                let data = &rest[at + 2..];
                seen.body.extend_from_slice(&data[..size.min(data.len())]);
                if data.len() < size + 2 {
                    break;
                }
                rest = data[size + 2..].to_vec();
            }
        }
        Some(seen)
    }
}

/// One request on a connection of its own; `None`: the connection closed without an answer.
async fn ask(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Seen> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut stream = TcpStream::connect(to).await.expect("connected");
    stream
        .write_all(format!("{text}\r\n{body}").as_bytes())
        .await
        .expect("sent");
    let mut bytes = Vec::new();
    // A reset is an end like another.
    let _ = stream.read_to_end(&mut bytes).await;
    Seen::read(&bytes)
}

async fn get(node: &Node, path: &str) -> Seen {
    ask(
        node.address(),
        "GET",
        &format!("/druid/indexer/v1{path}"),
        &[],
        "",
    )
    .await
    .expect("answered")
}

async fn post(node: &Node, path: &str, body: &str) -> Seen {
    let json = [("Content-Type", "application/json")];
    ask(
        node.address(),
        "POST",
        &format!("/druid/indexer/v1{path}"),
        &json,
        body,
    )
    .await
    .expect("answered")
}

async fn noop(node: &Node, id: &str, more: &str) {
    let answer = post(
        node,
        "/task",
        &format!(r#"{{"type":"noop","id":"{id}","dataSource":"a"{more}}}"#),
    )
    .await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, format!(r#"{{"task":"{id}"}}"#))
    );
}

/// What differs from run to run, alike: times, durations, ports.
fn masked(text: &str, addresses: &[SocketAddr]) -> String {
    let mut text = text.replace("127.0.0.1:18282", "<leader>");
    for address in addresses {
        text = text.replace(&address.to_string(), "<leader>");
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let time = rest.get(..24).filter(|time| {
            let shape: String = time
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect();
            shape == "0000-00-00T00:00:00.000Z" && !time.starts_with("1970")
        });
        if time.is_some() {
            out.push_str("<time>");
            rest = &rest[24..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            if out.ends_with("\"port\":") || out.ends_with("\"duration\":") {
                rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            }
        }
    }
    out
}

/// Headers that are compared: all but those of the connection and the framing, and dates by their
/// presence.
fn comparable(
    headers: impl Iterator<Item = (String, String)>,
    address: &[SocketAddr],
    sized: bool,
) -> Vec<(String, String)> {
    headers
        .filter(|(name, _)| {
            name != "Connection"
                && name != "Transfer-Encoding"
                && (sized || name != "Content-Length")
        })
        .map(|(name, value)| {
            let value = if name == "Date" {
                "<date>".to_owned()
            } else {
                masked(&value, address)
            };
            (name, value)
        })
        .collect()
}

#[tokio::test]
async fn answers_are_those_of_druid_28() {
    let rig = Rig::new(1_000);
    let leader = rig.node(Role::Leader).await;
    let follower = rig.node(Role::Follower(leader.address())).await;
    let electing = rig.node(Role::Electing).await;
    // The task that had finished when the recording began.
    let done = "index_parallel_wiki_local_mfaeodcg_2026-11-23T16:17:48.007Z";
    let spec = format!(
        r#"{{"type":"index_parallel","id":"{done}","spec":{{"dataSchema":{{"dataSource":"wiki_local"}},"ioConfig":{{"type":"index_parallel"}}}}}}"#
    );
    assert_eq!(post(&leader, "/task", &spec).await.status, 200);
    rig.advance(10_000);
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in RECORDED.lines() {
        let recorded: Value = serde_json::from_str(line).expect("JSON");
        let text = |pointer: &str| {
            recorded
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let pairs = |pointer: &str| -> Vec<(String, String)> {
            serde_json::from_value(recorded.pointer(pointer).cloned().expect("headers"))
                .expect("pairs")
        };
        let node = match text("/node") {
            "leader" => &leader,
            "follower" => &follower,
            "electing" => &electing,
            other => panic!("{other}"),
        };
        let sent = pairs("/request/headers");
        let sent: Vec<(&str, &str)> = sent
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = ask(
            node.address(),
            text("/request/method"),
            text("/request/target"),
            &sent,
            text("/request/body"),
        );
        let answer = answer.await.expect("answered");
        let addresses = [leader.address()];
        // The stack traces of pages are left out, here and there.
        let title = recorded.pointer("/response/title").is_some();
        let body = if title {
            text("/response/title")
        } else {
            text("/response/body")
        };
        let there = masked(body, &addresses);
        let mut here = masked(&answer.text(), &addresses);
        if title {
            here = here.split("</title>").next().unwrap_or_default().to_owned();
        }
        let headers = pairs("/response/headers");
        let sized = !title && headers.iter().any(|(name, _)| name == "Content-Length");
        let expected = comparable(headers.into_iter(), &addresses, sized);
        let seen = comparable(answer.headers.iter().cloned(), &addresses, sized);
        let status = recorded
            .pointer("/response/status")
            .and_then(Value::as_u64)
            .expect("a status");
        if (u64::from(answer.status), &seen, &here) != (status, &expected, &there) {
            wrong.push(format!(
                "{}: {} {}\n  druid {status} {expected:?}\n        {there}\n  here  {} {seen:?}\n        {here}",
                text("/name"), text("/request/method"), text("/request/target"), answer.status
            ));
        }
        count += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 30, "{count}");
}

#[tokio::test]
async fn tasks_wait_run_and_end_by_the_clock() {
    let rig = Rig::new(1_000);
    let node = rig.node(Role::Leader).await;
    for (id, millis) in [("one", 1_000), ("two", 3_000), ("three", 1_500)] {
        noop(&node, id, &format!(r#","runTime":{millis}"#)).await;
    }
    let ids = async |path: &str| -> Vec<String> {
        let list = get(&node, path).await.json();
        let ids = list.as_array().expect("a list").iter();
        ids.map(|entry| entry["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(
        (ids("/runningTasks").await, ids("/pendingTasks").await),
        (
            vec!["one".to_owned(), "two".to_owned()],
            vec!["three".to_owned()]
        )
    );
    // The third starts when the first ends, not when somebody looks.
    rig.advance(2_600);
    assert_eq!(ids("/tasks").await, ["three", "one", "two"]);
    let three = get(&node, "/task/three/status").await.json();
    let status = &three["status"];
    assert_eq!(
        (status["statusCode"].as_str(), status["duration"].as_i64()),
        (Some("SUCCESS"), Some(1_500))
    );
    let two = get(&node, "/task/two/status").await.json();
    assert_eq!(two["status"]["location"]["port"], 8_101);
    // What is shut down frees its slot; what has ended stays as it is.
    noop(&node, "four", "").await;
    noop(&node, "five", "").await;
    assert_eq!(ids("/pendingTasks").await, ["five"]);
    for id in ["two", "one"] {
        assert_eq!(
            post(&node, &format!("/task/{id}/shutdown"), "")
                .await
                .status,
            200
        );
    }
    assert_eq!(ids("/runningTasks").await, ["four", "five"]);
    assert_eq!(ids("/tasks?state=complete&max=2").await, ["three", "two"]);
    // A day later lists have forgotten them, the store has not.
    rig.advance(86_400_001);
    assert_eq!(ids("/tasks").await, [] as [&str; 0]);
    assert_eq!(
        ids("/tasks?createdTimeInterval=2020-01-01_2020-01-03")
            .await
            .len(),
        5
    );
    assert_eq!(get(&node, "/task/one/status").await.status, 200);
    assert_eq!(rig.cluster.stored().len(), 5);
}

#[tokio::test]
async fn ids_reports_and_failures() {
    let rig = Rig::new(1_000);
    let node = rig.node(Role::Leader).await;
    let submit = async |body: &str| {
        post(&node, "/task", body).await.json()["task"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let noop = submit(r#"{"type":"noop"}"#).await;
    let shape: String = noop
        .chars()
        .map(|c| if c.is_ascii_hexdigit() { '0' } else { c })
        .collect();
    assert_eq!(
        shape,
        "noop_0000-00-00T00:00:00.000Z_00000000-0000-0000-0000-000000000000"
    );
    let kill =
        submit(r#"["kill",{"type":"noop","dataSource":"b","interval":"2020-01-01/P1Y"}]"#).await;
    let (head, tail) = (kill.split_at(7).0, kill.split_at(15).1);
    assert_eq!(
        (head, tail),
        (
            "kill_b_",
            "_2020-01-01T00:00:00.000Z_2021-01-01T00:00:00.000Z_2026-01-01T00:00:00.000Z"
        )
    );
    assert!(
        kill[7..15]
            .chars()
            .all(|letter| ('a'..='p').contains(&letter)),
        "{kill}"
    );
    let index = |context: &str| {
        format!(
            r#"{{"type":"index","context":{context},"spec":{{"dataSchema":{{"dataSource":"w"}},"ioConfig":{{"type":"index"}}}}}}"#
        )
    };
    let good = submit(&index("{}")).await;
    let bad = submit(&index(r#"{"simulate":"failed","simulateRunTime":10}"#)).await;
    assert!(good.starts_with("index_w_") && good != bad, "{good}");
    assert_eq!(
        get(&node, &format!("/task/{bad}/reports")).await.status,
        404
    );
    rig.advance(60_000);
    for (id, code, duration, state) in [
        (&good, "SUCCESS", 2_000, "COMPLETED"),
        (&bad, "FAILED", 10, "BUILD_SEGMENTS"),
    ] {
        let status = get(&node, &format!("/task/{id}/status")).await.json();
        assert_eq!(
            (&status["status"]["status"], &status["status"]["duration"]),
            (&code.into(), &duration.into())
        );
        let reports = get(&node, &format!("/task/{id}/reports")).await;
        assert_eq!(
            reports.json()["ingestionStatsAndErrors"]["payload"]["ingestionState"],
            state
        );
        assert_eq!(
            reports.header("Content-Length"),
            Some(reports.body.len().to_string().as_str())
        );
    }
    assert_eq!(
        get(&node, &format!("/task/{noop}/reports")).await.status,
        404
    );
    // What is printed can be read again, with the context's own members first.
    let printed = get(&node, &format!("/task/{bad}")).await.json();
    assert_eq!(printed["payload"]["context"]["simulate"], "failed");
    assert_eq!(printed["payload"]["spec"]["dataSchema"]["dataSource"], "w");
}

#[tokio::test]
async fn a_full_queue_is_told_as_druid_28_tells_it() {
    let rig = Rig::new(2);
    let node = rig.node(Role::Leader).await;
    noop(&node, "one", "").await;
    noop(&node, "two", "").await;
    let full = post(&node, "/task", r#"{"type":"noop","id":"three"}"#).await;
    assert_eq!((full.status, full.reason.as_str()), (500, "Server Error"));
    assert!(full.text().contains(
        "<title>Error 500 java.lang.IllegalStateException: Too many tasks (max = 2)</title>"
    ));
    assert_eq!(full.header("Date"), None);
    let twice = post(&node, "/task", r#"{"type":"noop","id":"two"}"#).await;
    assert_eq!(
        (twice.status, twice.text().as_str()),
        (400, r#"{"error":"Task [two] already exists."}"#)
    );
    rig.advance(10_000);
    noop(&node, "three", "").await;
}

#[tokio::test]
async fn a_log_of_twenty_mebibytes() {
    const LENGTH: usize = 20 << 20;
    let rig = Rig::new(10);
    let node = rig.node(Role::Leader).await;
    noop(
        &node,
        "big",
        &format!(r#","context":{{"simulateLogBytes":{LENGTH}}}"#),
    )
    .await;
    let whole = get(&node, "/task/big/log").await;
    assert_eq!(
        (whole.body.len(), whole.header("Content-Length")),
        (LENGTH, None)
    );
    assert!(whole.body == super::stream::log_bytes(0..LENGTH as u64));
    for (offset, from) in [
        ("-1000", LENGTH - 1_000),
        ("20971000", 20_971_000),
        ("99999999", LENGTH),
    ] {
        let part = get(&node, &format!("/task/big/log?offset={offset}")).await;
        assert!(part.body == whole.body[from..], "{offset}");
        assert_eq!(
            part.header("Content-Length"),
            Some((LENGTH - from).to_string().as_str())
        );
    }
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    let rig = Rig::new(100);
    let node = rig.node(Role::Leader).await;
    let send = async |id: &str| {
        let body = format!(r#"{{"type":"noop","id":"{id}"}}"#);
        ask(
            node.address(),
            "POST",
            "/druid/indexer/v1/task",
            &[("Content-Type", "application/json")],
            &body,
        )
        .await
    };
    node.record();
    for (fault, id) in [(Fault::CutBefore, "before"), (Fault::CutAfter, "after")] {
        node.fault(Method::POST, fault);
        assert!(send(id).await.is_none(), "{id}");
    }
    node.fault(Method::POST, Fault::CutInside(5));
    let cut = send("inside").await.expect("a part");
    assert_eq!(
        (cut.status, cut.text().as_str(), cut.whole),
        (200, r#"{"tas"#, false)
    );
    node.fault(
        Method::POST,
        Fault::Instead(429, "application/json", "{}".to_owned()),
    );
    assert_eq!(send("instead").await.expect("an answer").status, 429);
    // A fault waits for its method, and probes do not use it up.
    node.fault(Method::GET, Fault::Instead(404, "", String::new()));
    assert_eq!(send("whole").await.expect("an answer").status, 200);
    assert_eq!(get(&node, "/isLeader").await.text(), r#"{"leader":true}"#);
    assert_eq!(get(&node, "/tasks").await.status, 404);
    assert_eq!(get(&node, "/tasks").await.status, 200);
    let stored: Vec<String> = rig.cluster.stored().into_iter().map(|(id, _)| id).collect();
    assert_eq!(stored, ["after", "inside", "whole"]);
    let received = node.received();
    assert_eq!(received.len(), 7);
    assert_eq!(received[0].body, r#"{"type":"noop","id":"before"}"#);
    assert_eq!(
        (
            received[6].target.as_str(),
            received[6].headers["host"].as_bytes()
        ),
        ("/druid/indexer/v1/tasks", &b"x"[..])
    );
    assert!(node.received().is_empty());
}

#[tokio::test]
async fn roles_redirect_deceive_and_fall_silent() {
    let rig = Rig::new(100);
    let one = rig.node(Role::Leader).await;
    let two = rig.node(Role::Follower(one.address())).await;
    // Raw target kept, body not waited for, nothing stored.
    let body = r#"{"type":"noop","id":"x"}"#;
    let json = [("Content-Type", "application/json")];
    let target = "/druid/indexer/v1/task?a=%zz";
    let away = ask(two.address(), "POST", target, &json, body)
        .await
        .expect("an answer");
    assert_eq!(
        away.header("Location"),
        Some(format!("http://{}{target}", one.address()).as_str())
    );
    assert_eq!(
        (
            away.status,
            away.header("Connection"),
            away.header("Content-Length")
        ),
        (307, Some("close"), Some("0"))
    );
    assert!(rig.cluster.stored().is_empty());
    // To itself.
    two.set_role(Role::Follower(two.address()));
    let itself = get(&two, "/tasks").await;
    assert_eq!(
        itself.header("Location"),
        Some(format!("http://{}/druid/indexer/v1/tasks", two.address()).as_str())
    );
    // Deposed: probes are lied to until one answer was given.
    one.set_role(Role::Deposed(two.address()));
    for _ in 0..2 {
        assert_eq!(get(&one, "/isLeader").await.status, 200);
    }
    noop(&one, "late", "").await;
    assert_eq!(
        (
            get(&one, "/isLeader").await.status,
            get(&one, "/tasks").await.status
        ),
        (404, 307)
    );
    assert_eq!(one.role(), Role::Follower(two.address()));
    // Silent until its role changes, and then as the new one.
    two.set_role(Role::Silent);
    two.record();
    let arrived = async {
        while two.received().is_empty() {
            tokio::task::yield_now().await;
        }
        two.set_role(Role::Electing);
    };
    let (waited, ()) = tokio::join!(get(&two, "/tasks"), arrived);
    assert_eq!(waited.status, 503);
}

#[tokio::test]
async fn a_killed_node_refuses_and_comes_back_to_the_same_tasks() {
    let rig = Rig::new(100);
    let node = rig.node(Role::Leader).await;
    noop(&node, "kept", "").await;
    node.set_role(Role::Silent);
    node.record();
    let kill = async {
        while node.received().is_empty() {
            tokio::task::yield_now().await;
        }
        node.kill().await;
    };
    let (cut, ()) = tokio::join!(
        ask(node.address(), "GET", "/druid/indexer/v1/tasks", &[], ""),
        kill
    );
    assert!(cut.is_none());
    let refused = TcpStream::connect(node.address())
        .await
        .expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    node.revive(Role::Leader).await.expect("the port is free");
    assert_eq!(get(&node, "/task/kept/status").await.status, 200);
}

#[tokio::test]
async fn supervisors_of_streams() {
    let rig = Rig::new(10);
    let node = rig.node(Role::Leader).await;
    let spec = r#"{"type":"kafka","id":"ignored","spec":{"dataSchema":{"dataSource":"ks"},"ioConfig":{"topic":"t"}}}"#;
    assert_eq!(
        post(&node, "/supervisor", spec).await.text(),
        r#"{"id":"ks"}"#
    );
    let printed = r#"{"type":"kafka","id":"ignored","spec":{"dataSchema":{"dataSource":"ks"},"ioConfig":{"topic":"t"}},"context":null,"suspended":"#;
    assert_eq!(
        get(&node, "/supervisor/ks").await.text(),
        format!("{printed}false}}")
    );
    let steps = [
        (
            "resume",
            400,
            r#"{"error":"[ks] is already running"}"#.to_owned(),
        ),
        ("suspend", 200, format!("{printed}true}}")),
        (
            "suspend",
            400,
            r#"{"error":"[ks] is already suspended"}"#.to_owned(),
        ),
        ("reset", 200, r#"{"id":"ks"}"#.to_owned()),
        ("resetOffsets", 200, r#"{"id":"ks"}"#.to_owned()),
        ("shutdown", 200, r#"{"id":"ks"}"#.to_owned()),
        (
            "terminate",
            404,
            "Cannot find any supervisor with id: [ks]".to_owned(),
        ),
    ];
    assert_eq!(
        get(&node, "/supervisor?state=true").await.json()[0]["state"],
        "RUNNING"
    );
    assert_eq!(
        get(&node, "/supervisor/ks/status").await.json()["payload"]["stream"],
        "t"
    );
    for (action, status, text) in steps {
        let answer = post(&node, &format!("/supervisor/ks/{action}"), "").await;
        assert_eq!((answer.status, answer.text()), (status, text), "{action}");
    }
    let history = get(&node, "/supervisor/ks/history").await;
    assert_eq!(history.json().as_array().map(Vec::len), Some(3));
    // A tombstone has its type twice (recorded).
    assert!(history.text().starts_with(
        r#"[{"spec":{"type":"NoopSupervisorSpec","id":null,"dataSources":["ks"],"suspended":false,"type":"noop","source":"noop"},"version":"2026"#
    ));
    assert_eq!(get(&node, "/supervisor").await.text(), "[]");
    for (action, state) in [("suspendAll", "SUSPENDED"), ("resumeAll", "RUNNING")] {
        post(
            &node,
            "/supervisor",
            &spec.replace(
                "\"type\":\"kafka\"",
                "\"type\":\"kafka\",\"suspended\":false",
            ),
        )
        .await;
        assert_eq!(
            post(&node, &format!("/supervisor/{action}"), "")
                .await
                .text(),
            r#"{"status":"success"}"#
        );
        assert_eq!(
            get(&node, "/supervisor?full").await.json()[0]["state"],
            state
        );
    }
}

#[tokio::test]
async fn nothing_that_is_sent_breaks_it() {
    let rig = Rig::new(100_000);
    let node = rig.node(Role::Leader).await;
    let good = r#"{"type":"index","id":"\ud83d\u0001é","context":{"a":[1.5e3,-0,{"b":null}]},"spec":{"dataSchema":{"dataSource":"w"},"ioConfig":{"type":"index"}}}"#;
    let mut bodies: Vec<Vec<u8>> = (0..good.len())
        .map(|end| good.as_bytes()[..end].to_vec())
        .collect();
    for (at, byte) in
        (0..good.len()).flat_map(|at| [b'"', b'[', b'\\', 0, 0xff, b'9'].map(|byte| (at, byte)))
    {
        let mut body = good.as_bytes().to_vec();
        body[at] = byte;
        bodies.push(body);
    }
    for depth in [511, 512, 513, 100_000] {
        let nested = format!(
            r#"{{"type":"noop","context":{{"x":{}{}}}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        bodies.push(nested.into_bytes());
    }
    let now = rig.cluster.now();
    for body in &bodies {
        // The verdict matters elsewhere; here, that there is one and that what passes can be printed.
        if let Ok(task) = super::spec::read(body, now, 1) {
            assert!(!task.payload.is_empty());
        }
    }
    let deep = format!(
        r#"{{"type":"noop","context":{{"x":{}{}}}}}"#,
        "[".repeat(2_000),
        "]".repeat(2_000)
    );
    let deep = post(&node, "/task", &deep).await;
    assert_eq!(deep.status, 400);
    assert!(
        deep.text()
            .starts_with(r#"{"error":"JSON is too deeply nested."#),
        "{}",
        deep.text()
    );
    for path in [
        "",
        "/",
        "//",
        "/task/",
        "/task//status",
        "/%",
        "/task/%f0%9f",
        "/supervisor//",
        "/task/a;b=c/status;x",
    ] {
        assert!(get(&node, path).await.status >= 400, "{path}");
    }
    for times in [
        "/",
        "P/P",
        "2020/",
        "P999999999999Y/2020",
        "2020/P-5Y",
        "-1/0",
        "9999-99/1",
        "2020T99/2021",
        "2020+:/2021",
    ] {
        assert!(
            matches!(
                get(&node, &format!("/tasks?createdTimeInterval={times}"))
                    .await
                    .status,
                200 | 500
            ),
            "{times}"
        );
    }
}
