//! Many who read the same cost the Overlord one question, each is given what is his, and nobody
//! what is older than what he knows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use overgate::demo::{Fault, Received, Role};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::client::{Answer, Call, Client};
use crate::support::eventually;
use crate::support::rig::{PASSWORD, Rig, api, cheap_hash};

/// Principals `p0` to `p4`: each sees the datasources `d0` to that of its own number, the last one
/// all there is.
fn principals() -> String {
    let hash = cheap_hash();
    (0..5)
        .map(|number| {
            let datasources = match number {
                4 => "\"*\"".to_owned(),
                _ => (0..=number)
                    .map(|number| format!("\"d{number}\""))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            format!(
                "[[user]]\nname = \"p{number}\"\npassword = \"{hash}\"\nroles = [\"r{number}\"]\n\
                 [[role]]\nname = \"r{number}\"\n[[role.grant]]\nactions = [\"read\"]\ndatasources = [{datasources}]\n"
            )
        })
        .collect()
}

fn noop(id: &str, datasource: &str) -> String {
    format!(r#"{{"type":"noop","id":"{id}","dataSource":"{datasource}","runTime":3600000}}"#)
}

fn get(user: &str, path: &str) -> Call {
    Call::get(&api(path)).login(user, PASSWORD)
}

fn ids(list: &Answer) -> BTreeSet<String> {
    assert_eq!(list.status, 200, "{}", list.text());
    let Value::Array(tasks) = list.json() else {
        panic!("{}", list.text())
    };
    tasks
        .iter()
        .map(|task| task["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The state of the one task in a status answer.
fn state(status: &Answer) -> String {
    assert_eq!(status.status, 200, "{}", status.text());
    status.json()["status"]["status"]
        .as_str()
        .expect("a state")
        .to_owned()
}

/// What a node has received of this.
fn asked(received: &[Received], path: &str) -> usize {
    let target = api(path);
    received
        .iter()
        .filter(|request| request.method == Method::GET && request.target == target)
        .count()
}

/// The count of the metric by how an answer was come by.
async fn reads(rig: &Rig, answer: &str) -> usize {
    let begin = format!("overgate_shared_reads_total{{answer=\"{answer}\"}} ");
    let metrics = rig.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&begin));
    line.map_or(0, |count| count.parse().expect("a count"))
}

/// What polling came to.
struct Polled {
    took: Duration,
    answers: usize,
    upstream: usize,
    bytes: usize,
    /// In their order.
    times: Vec<Duration>,
}

/// `clients` of five principals, each on a connection of its own, ask for the list of 100 tasks
/// once a second, `rounds` times, spread over the second.
async fn poll(upstream: &str, clients: u32, rounds: u32) -> (Polled, Rig) {
    let rig = Rig::with(upstream, &principals()).await;
    for number in 0..100 {
        let task = noop(&format!("t{number}"), &format!("d{}", number % 5));
        assert_eq!(rig.post("admin", "/task", task).await.status, 200);
    }
    let mut expected = Vec::new();
    for number in 0..5 {
        let list = rig.get(&format!("p{number}"), "/tasks").await;
        let own: BTreeSet<String> = (0..100)
            .filter(|task| task % 5 <= number)
            .map(|task| format!("t{task}"))
            .collect();
        assert_eq!(ids(&list), own, "p{number}");
        expected.push(list.body);
    }
    let expected = Arc::new(expected);
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Client::connect(rig.address).await.expect("connected"));
    }
    rig.nodes[0].record();
    let begun = Instant::now();
    let mut polling = tokio::task::JoinSet::new();
    for (number, mut client) in (0..clients).zip(connections) {
        let expected = expected.clone();
        polling.spawn(async move {
            let principal = number as usize % 5;
            let call = get(&format!("p{principal}"), "/tasks");
            let mut times = Vec::new();
            let mut bytes = 0;
            for round in 0..rounds {
                // The load that is measured, not a wait for something to happen.
                let at =
                    Duration::from_secs(round.into()) + Duration::from_secs(1) * number / clients;
                tokio::time::sleep_until(begun + at).await;
                let asked = Instant::now();
                let answer = client.call(&call).await.expect("answered");
                times.push(asked.elapsed());
                assert_eq!(answer.status, 200);
                assert!(answer.body == expected[principal], "{}", answer.text());
                bytes += answer.body.len();
            }
            (times, bytes)
        });
    }
    let mut polled = Polled {
        took: Duration::ZERO,
        answers: 0,
        upstream: 0,
        bytes: 0,
        times: Vec::new(),
    };
    while let Some(ended) = polling.join_next().await {
        let (times, bytes) = ended.expect("no panic");
        polled.answers += times.len();
        polled.bytes += bytes;
        polled.times.extend(times);
    }
    polled.took = begun.elapsed();
    polled.times.sort();
    let received = rig.nodes[0].received();
    polled.upstream = asked(&received, "/tasks");
    assert_eq!(polled.upstream, received.len(), "nothing else is asked");
    (polled, rig)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_clients_cost_two_questions_a_second() {
    for (name, reuse, rounds) in [
        ("500ms (default)", "", 4),
        ("0ms", "reuse_reads = \"0ms\"", 2),
    ] {
        let (polled, rig) = poll(reuse, 500, rounds).await;
        let seconds = polled.took.as_secs_f64();
        println!(
            "reuse_reads = {name}: 500 clients of 5 principals, a list of 100 tasks each second: \
             {} answers in {seconds:.2} s, {} upstream requests ({:.2} a second), {:.1} MB down, \
             p50 {:?}, p99 {:?}; fetched {}, joined {}, reused {}",
            polled.answers,
            polled.upstream,
            f64::from(u32::try_from(polled.upstream).expect("few")) / seconds,
            f64::from(u32::try_from(polled.bytes).expect("less than 4 GB")) / 1e6,
            polled.times[polled.times.len() / 2],
            polled.times[polled.times.len() * 99 / 100],
            reads(&rig, "fetched").await,
            reads(&rig, "joined").await,
            reads(&rig, "reused").await,
        );
        assert_eq!(polled.answers, 500 * usize::try_from(rounds).expect("few"));
        if reuse.is_empty() {
            // Two begin at least half a second apart: of any second's window there are two.
            let most = 2.0 * seconds + 1.0;
            let upstream = f64::from(u32::try_from(polled.upstream).expect("few"));
            assert!(upstream <= most, "{upstream} > {most}");
            assert!(polled.upstream > 2, "and it is asked again");
        }
    }
}

/// Whatever else is asked for at the time, and however long answers are on their way: what somebody
/// reads after a change of his own, or of the task that he reads, is not older than it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_older_than_a_change_that_was_answered() {
    // As long as it can be; and many answers that grow old on their way.
    let rig = Arc::new(Rig::with("reuse_reads = \"2s\"", "").await);
    let mut delay = 7_u64;
    for _ in 0..1_000 {
        delay = delay * 61 % 83;
        let late = Fault::Late(Duration::from_millis(delay % 40));
        rig.nodes[0].fault(Method::GET, late);
    }
    for user in ["admin", "wiki", "viewer"] {
        assert_eq!(rig.get(user, "/tasks").await.status, 200);
    }
    let rounds = 25;
    let ended = Arc::new(AtomicUsize::new(0));
    let actors = 2;
    let mut running = tokio::task::JoinSet::new();
    for actor in 0..actors {
        let (rig, ended) = (rig.clone(), ended.clone());
        running.spawn(async move {
            for round in 0..rounds {
                let id = format!("a{actor}-{round}");
                let status = format!("/task/{id}/status");
                // Others ask for it before it is there.
                let (call, address) = (get("viewer", &status), rig.address);
                let early = tokio::spawn(async move { call.send(address).await });
                let submitted = rig.post("wiki", "/task", noop(&id, "wiki")).await;
                assert_eq!(submitted.status, 200, "{}", submitted.text());
                let (own, list, others) = tokio::join!(
                    rig.get("wiki", &status),
                    rig.get("wiki", "/tasks"),
                    rig.get("viewer", &status)
                );
                assert_eq!(state(&own), "RUNNING", "{id}");
                assert_eq!(state(&others), "RUNNING", "{id}, read by another");
                assert!(ids(&list).contains(&id), "{id} is not listed");
                let shutdown = Call::new("POST", &api(&format!("/task/{id}/shutdown")));
                let shutdown = rig.send(&shutdown.login("wiki", PASSWORD)).await;
                assert_eq!(shutdown.status, 200, "{}", shutdown.text());
                let (own, list, others) = tokio::join!(
                    rig.get("wiki", &status),
                    rig.get("wiki", "/tasks?state=complete"),
                    rig.get("viewer", &status)
                );
                assert_eq!(state(&own), "FAILED", "{id}");
                assert_eq!(state(&others), "FAILED", "{id}, read by another");
                assert!(ids(&list).contains(&id), "{id} is not complete");
                let early = early.await.expect("no panic").expect("answered");
                assert!([200, 404].contains(&early.status), "{}", early.text());
            }
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    // The others: the same lists and statuses, all the time.
    for user in ["viewer", "admin", "wiki"] {
        let (rig, ended) = (rig.clone(), ended.clone());
        running.spawn(async move {
            let mut client = Client::connect(rig.address).await.expect("connected");
            let mut turn = 0;
            while ended.load(Ordering::Relaxed) < actors {
                turn += 1;
                let path = match turn % 3 {
                    0 => "/tasks".to_owned(),
                    1 => "/tasks?state=complete".to_owned(),
                    _ => format!("/task/a{}-{}/status", turn % actors, turn / 3 % rounds),
                };
                let answer = client.call(&get(user, &path)).await.expect("answered");
                assert!([200, 404].contains(&answer.status), "{}", answer.text());
            }
        });
    }
    while let Some(done) = running.join_next().await {
        done.expect("no panic");
    }
    let shared = reads(&rig, "joined").await + reads(&rig, "reused").await;
    assert!(shared > 100, "it was put to the test: {shared}");
}

/// A task's status is kept when it is asked for a second time, and then is no older than a change.
#[tokio::test]
async fn a_status_is_kept_from_the_second_time_on() {
    let rig = Rig::with("reuse_reads = \"2s\"", "").await;
    let submitted = rig.post("wiki", "/task", noop("t", "wiki")).await;
    assert_eq!(submitted.status, 200, "{}", submitted.text());
    rig.nodes[0].record();
    let mut questions = Vec::new();
    let mut received = Vec::new();
    for _ in 0..4 {
        assert_eq!(state(&rig.get("viewer", "/task/t/status").await), "RUNNING");
        received.extend(rig.nodes[0].received());
        questions.push(asked(&received, "/task/t/status"));
    }
    // One that took long to ask is asked again.
    assert_eq!(questions[..2], [1, 2]);
    assert!(
        questions[3] <= 3 && reads(&rig, "reused").await > 0,
        "{questions:?}"
    );
    let shutdown = Call::new("POST", &api("/task/t/shutdown")).login("wiki", PASSWORD);
    assert_eq!(rig.send(&shutdown).await.status, 200);
    for _ in 0..2 {
        assert_eq!(state(&rig.get("viewer", "/task/t/status").await), "FAILED");
    }
}

/// What concerns all that there is concerns everybody.
#[tokio::test]
async fn other_changes_are_seen_by_all() {
    let rig = Rig::with("reuse_reads = \"2s\"", "").await;
    let post = async |path: &str| {
        let call = Call::new("POST", &api(path)).login("admin", PASSWORD);
        let answer = rig.send(&call).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    };
    assert_eq!(
        rig.post("admin", "/task", noop("t", "wiki")).await.status,
        200
    );
    assert_eq!(
        rig.get("viewer", "/supervisor").await.json(),
        Value::Array(Vec::new())
    );
    assert_eq!(
        ids(&rig.get("viewer", "/tasks?state=running").await).len(),
        1
    );
    // Nobody's change: what was read a moment ago is read again.
    rig.nodes[0].record();
    assert_eq!(
        ids(&rig.get("viewer", "/tasks?state=running").await).len(),
        1
    );
    assert_eq!(rig.nodes[0].received().len(), 0);
    let supervisor = crate::support::rig::kafka("wiki", "");
    assert_eq!(
        rig.post("admin", "/supervisor", supervisor).await.status,
        200
    );
    assert_eq!(
        rig.get("viewer", "/supervisor").await.json(),
        serde_json::json!(["wiki"])
    );
    let state = async || {
        let status = rig.get("viewer", "/supervisor/wiki/status").await;
        status.json()["payload"]["suspended"].clone()
    };
    assert_eq!(state().await, false);
    post("/supervisor/wiki/suspend").await;
    assert_eq!(state().await, true);
    post("/datasources/wiki/shutdownAllTasks").await;
    assert_eq!(
        ids(&rig.get("viewer", "/tasks?state=running").await).len(),
        0
    );
    // What only asks changes nothing.
    rig.nodes[0].record();
    rig.post("admin", "/task?dryRun=All", noop("u", "wiki"))
        .await;
    rig.post("admin", "/taskStatus", "[\"t\"]").await;
    rig.nodes[0].received();
    assert_eq!(
        ids(&rig.get("viewer", "/tasks?state=running").await).len(),
        0
    );
    assert_eq!(rig.nodes[0].received().len(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_takes_no_answer_away() {
    let rig = Rig::start().await;
    assert_eq!(
        rig.post("wiki", "/task", noop("t", "wiki")).await.status,
        200
    );
    assert_eq!(rig.get("viewer", "/task/t/status").await.status, 200);
    rig.nodes[0].record();
    rig.nodes[0].set_role(Role::Silent);
    let mut leaves = Client::connect(rig.address).await.expect("connected");
    let call = get("wiki", "/tasks?state=running");
    leaves.write(&call.bytes()).await.expect("sent");
    let mut received = Vec::new();
    eventually("it is asked", async || {
        received.extend(rig.nodes[0].received());
        (!received.is_empty()).then_some(())
    })
    .await;
    drop(leaves);
    let mut stays = Client::connect(rig.address).await.expect("connected");
    let call = get("viewer", "/tasks?state=running");
    stays.write(&call.bytes()).await.expect("sent");
    // Two more exchanges: by then it waits, or it is given the answer in a moment.
    for _ in 0..2 {
        assert_eq!(rig.get("viewer", "/nothing").await.status, 404);
    }
    rig.nodes[0].set_role(Role::Leader);
    let answer = stays.answer().await.expect("answered");
    assert_eq!(ids(&answer), ["t".to_owned()].into());
    received.extend(rig.nodes[0].received());
    assert_eq!(asked(&received, "/tasks?state=running"), 1, "{received:?}");
}

/// What Druid refuses is told to those who waited for it, and to nobody who comes later.
#[tokio::test]
async fn an_error_is_for_those_who_waited() {
    let rig = Rig::with("reuse_reads = \"2s\"", "").await;
    for user in ["wiki", "viewer", "admin"] {
        assert_eq!(rig.get(user, "/waitingTasks").await.status, 200);
    }
    rig.nodes[0].record();
    rig.nodes[0].set_role(Role::Silent);
    let page = Fault::Instead(500, "text/html", "<p>broken</p>".to_owned());
    rig.nodes[0].fault(Method::GET, page);
    let mut clients = Vec::new();
    for number in 0..12 {
        let user = ["wiki", "viewer", "admin"][number % 3];
        let mut client = Client::connect(rig.address).await.expect("connected");
        client
            .write(&get(user, "/tasks").bytes())
            .await
            .expect("sent");
        clients.push(client);
    }
    let mut received = Vec::new();
    eventually("it is asked", async || {
        received.extend(rig.nodes[0].received());
        (!received.is_empty()).then_some(())
    })
    .await;
    for _ in 0..3 {
        assert_eq!(rig.get("viewer", "/nothing").await.status, 404);
    }
    rig.nodes[0].set_role(Role::Leader);
    let mut told = HashMap::new();
    for client in &mut clients {
        let answer = client.answer().await.expect("answered");
        if answer.status == 500 {
            assert_eq!(answer.text(), "<p>broken</p>");
        }
        *told.entry(answer.status).or_insert(0) += 1;
    }
    received.extend(rig.nodes[0].received());
    // On a machine that is very busy one or the other may have come too late.
    assert!(
        told[&500] > 6 && told.keys().all(|status| [200, 500].contains(status)),
        "{told:?}"
    );
    let late = usize::from(told.contains_key(&200));
    assert_eq!(asked(&received, "/tasks"), 1 + late, "{told:?}");
    for user in ["wiki", "viewer", "admin"] {
        assert_eq!(rig.get(user, "/tasks").await.status, 200, "{user}");
    }
}

/// A question ends with the time of the read that it was begun for; whoever has more asks again.
#[tokio::test]
async fn a_question_that_fails_is_asked_again() {
    let rig = Rig::with("read_deadline = \"3s\"\nreuse_reads = \"0ms\"", "").await;
    for user in ["wiki", "viewer"] {
        assert_eq!(rig.get(user, "/tasks").await.status, 200);
    }
    rig.nodes[0].record();
    rig.nodes[0].set_role(Role::Silent);
    let begun = Instant::now();
    let mut first = Client::connect(rig.address).await.expect("connected");
    first
        .write(&get("wiki", "/tasks").bytes())
        .await
        .expect("sent");
    let mut received = Vec::new();
    eventually("it is asked", async || {
        received.extend(rig.nodes[0].received());
        (!received.is_empty()).then_some(())
    })
    .await;
    // Deadlines are times: that of the second is a second later.
    tokio::time::sleep_until(begun + Duration::from_secs(1)).await;
    let mut second = Client::connect(rig.address).await.expect("connected");
    second
        .write(&get("viewer", "/tasks").bytes())
        .await
        .expect("sent");
    let failed = first.answer().await.expect("answered");
    assert_eq!(
        (failed.status, failed.code().as_str()),
        (504, "overgateUpstreamTimeout")
    );
    rig.nodes[0].set_role(Role::Leader);
    assert_eq!(second.answer().await.expect("answered").status, 200);
}

#[tokio::test]
async fn what_is_too_large_is_streamed_to_each() {
    let rig = Rig::with("reuse_reads = \"2s\"", "").await;
    let element = format!(
        r#"{{"id":"t","dataSource":"wiki","note":"{}"}}"#,
        "x".repeat(1_000)
    );
    let list = format!("[{}]", vec![element; 9_000].join(","));
    assert!(list.len() > 8 << 20);
    rig.nodes[0].record();
    for (user, asked) in [("wiki", 2), ("viewer", 1), ("admin", 1)] {
        for _ in 0..asked {
            let large = Fault::Instead(200, "application/json", list.clone());
            rig.nodes[0].fault(Method::GET, large);
        }
        let answer = rig.get(user, "/tasks").await;
        assert!(answer.status == 200 && answer.text() == list, "{user}");
        // Nobody else tries to share it for a while.
        assert_eq!(rig.nodes[0].received().len(), asked, "{user}");
    }
    assert_eq!(reads(&rig, "alone").await, 3);
    // Another one is shared.
    assert_eq!(rig.get("wiki", "/tasks?state=running").await.status, 200);
    assert_eq!(reads(&rig, "fetched").await, 1);
}

/// Compressed, as it is, or in another form: one question serves all but the last.
#[tokio::test]
async fn each_is_given_the_answer_as_he_wants_it() {
    use std::io::Read as _;

    let rig = Rig::with("reuse_reads = \"2s\"", "").await;
    for number in 0..20 {
        let task = noop(&format!("t{number}"), "wiki");
        assert_eq!(rig.post("admin", "/task", task).await.status, 200);
    }
    for user in ["viewer", "wiki", "admin"] {
        assert_eq!(rig.get(user, "/waitingTasks").await.status, 200);
    }
    rig.nodes[0].record();
    let plain = rig.get("admin", "/tasks").await;
    assert_eq!(ids(&plain).len(), 20);
    assert_eq!(
        plain.header("Content-Length"),
        Some(&*plain.body.len().to_string())
    );
    for user in ["admin", "viewer"] {
        let call = get(user, "/tasks").header("Accept-Encoding", "gzip");
        let answer = rig.send(&call).await;
        assert_eq!(answer.header("Content-Encoding"), Some("gzip"), "{user}");
        let mut text = String::new();
        flate2::read::GzDecoder::new(answer.body.as_slice())
            .read_to_string(&mut text)
            .expect("gzip");
        assert!(text == plain.text(), "{user}");
    }
    let call = get("wiki", "/tasks").header("Accept", "text/html, */*;q=0.1");
    assert_eq!(ids(&rig.send(&call).await).len(), 20);
    assert_eq!(rig.nodes[0].received().len(), 1);
    let call = get("wiki", "/tasks").header("Accept", "application/x-jackson-smile");
    rig.send(&call).await;
    let received = rig.nodes[0].received();
    assert_eq!(received[0].headers["accept"], "application/x-jackson-smile");
}

/// Nobody asks again, and its memory comes back all the same.
#[tokio::test]
async fn an_answer_is_dropped_when_its_moment_is_over() {
    let rig = Rig::with("reuse_reads = \"2s\"", "").await;
    let element = format!(
        r#"{{"id":"t","dataSource":"wiki","note":"{}"}}"#,
        "x".repeat(1_000)
    );
    let list = format!("[{}]", vec![element; 1_000].join(","));
    let large = Fault::Instead(200, "application/json", list.clone());
    rig.nodes[0].fault(Method::GET, large);
    let answer = rig.get("wiki", "/tasks").await;
    assert!(answer.status == 200 && answer.text() == list);
    let nothing = "overgate_body_memory_bytes 0\n";
    assert!(!rig.metrics().await.contains(nothing), "it is counted");
    eventually("its moment is over", async || {
        rig.metrics().await.contains(nothing).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_log_tells_whose_question_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let sink = format!("[telemetry]\naccess_log = \"{}\"", path.display());
    let rig = Rig::with("reuse_reads = \"2s\"", &sink).await;
    for user in ["wiki", "viewer"] {
        assert_eq!(rig.get(user, "/tasks").await.status, 200);
    }
    assert_eq!(rig.get("wiki", "/task/nothing").await.status, 404);
    let text = eventually("all lines are written", async || {
        let text = std::fs::read_to_string(&path).ok()?;
        (text.lines().count() >= 3).then_some(text)
    })
    .await;
    let told: Vec<(Value, Value, Value)> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| {
            let member = |name: &str| line[name].clone();
            (member("attempts"), member("shared"), member("upstream"))
        })
        .collect();
    let node = Value::from(rig.nodes[0].address().to_string());
    assert_eq!(
        told,
        [
            (1.into(), Value::Null, node.clone()),
            (0.into(), true.into(), Value::Null),
            // Its owner was asked for, and it may be submitted at any time.
            (1.into(), Value::Null, node),
        ]
    );
}

/// Lists of supervisors take two questions, both of which many share; so do the owners of what
/// nobody has asked about before.
#[tokio::test]
async fn the_gateways_own_questions_are_shared() {
    let rig = Rig::with("reuse_reads = \"2s\"", "").await;
    let supervisor = crate::support::rig::kafka("wiki", "");
    for (path, body) in [("/supervisor", supervisor), ("/task", noop("t", "wiki"))] {
        let call = Call::new("POST", &api(path)).json(body);
        let stored = call.send(rig.nodes[0].address()).await.expect("answered");
        assert_eq!(stored.status, 200, "{}", stored.text());
    }
    for user in ["wiki", "viewer", "admin"] {
        assert_eq!(rig.get(user, "/waitingTasks").await.status, 200);
    }
    rig.nodes[0].record();
    for (user, path) in [
        ("wiki", "/supervisor"),
        ("viewer", "/supervisor"),
        ("admin", "/supervisor"),
        ("wiki", "/supervisor?full"),
        ("admin", "/supervisor?full"),
    ] {
        assert_eq!(rig.get(user, path).await.status, 200, "{user} {path}");
    }
    let received = rig.nodes[0].received();
    assert_eq!(asked(&received, "/supervisor"), 1);
    assert_eq!(
        (asked(&received, "/supervisor?full"), received.len()),
        (1, 2)
    );
    // Nobody is answered before the first question is.
    rig.nodes[0].set_role(Role::Silent);
    let mut clients = Vec::new();
    for number in 0..10 {
        let user = ["wiki", "viewer"][number % 2];
        let mut client = Client::connect(rig.address).await.expect("connected");
        let call = get(user, "/task/t/status");
        client.write(&call.bytes()).await.expect("sent");
        clients.push(client);
    }
    let mut received = Vec::new();
    eventually("it is asked", async || {
        received.extend(rig.nodes[0].received());
        (!received.is_empty()).then_some(())
    })
    .await;
    for _ in 0..3 {
        assert_eq!(rig.get("viewer", "/nothing").await.status, 404);
    }
    rig.nodes[0].set_role(Role::Leader);
    for client in &mut clients {
        assert_eq!(client.answer().await.expect("answered").status, 200);
    }
    received.extend(rig.nodes[0].received());
    // One for its owner and one for its status, however many ask.
    assert!(asked(&received, "/task/t/status") <= 2, "{received:?}");
}

/// A task that Druid has forgotten is polled like any other.
#[tokio::test]
async fn unknown_ids_are_one_question_too() {
    let rig = Rig::with("", "").await;
    assert_eq!(rig.get("viewer", "/task/gone/status").await.status, 404);
    rig.nodes[0].set_delay(Duration::from_millis(300));
    rig.nodes[0].record();
    let call = Call::get(&api("/task/gone/status")).login("viewer", PASSWORD);
    let mut polling = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (call, address) = (call.clone(), rig.address);
        polling.spawn(async move { call.send(address).await.expect("answered").status });
    }
    while let Some(status) = polling.join_next().await {
        assert_eq!(status.expect("no panic"), 404);
    }
    let asked = rig.nodes[0].received().len();
    assert!(asked <= 4, "{asked} questions for 40 reads");
}
