//! An id that is somebody else's is as unknown as one that nobody has: in bytes and in time.

use std::time::{Duration, Instant};

use crate::support::client::{Answer, Call, Client};
use crate::support::rig::{PASSWORD, Rig, api};

async fn filled(count: usize) -> Rig {
    let rig = Rig::start().await;
    for number in 0..count {
        let body = format!(
            r#"{{"type":"noop","id":"s{number}","dataSource":"secret","runTime":3600000}}"#
        );
        assert_eq!(rig.post("admin", "/task", body).await.status, 200);
    }
    let supervisor = crate::support::rig::kafka("secret", "");
    assert_eq!(
        rig.post("admin", "/supervisor", supervisor).await.status,
        200
    );
    rig
}

/// All of an answer that is not its request's own.
fn told(answer: &Answer) -> (u16, Vec<String>, String) {
    let id = answer.header("X-Request-Id").unwrap_or_default().to_owned();
    let fields = answer.headers.iter();
    let fields = fields
        .filter(|(name, _)| !["date", "x-request-id"].contains(&&*name.to_ascii_lowercase()))
        .map(|(name, value)| format!("{name}: {value}"));
    (
        answer.status,
        fields.collect(),
        answer.text().replace(&id, ""),
    )
}

#[tokio::test]
async fn the_same_bytes() {
    let rig = filled(1).await;
    for (method, foreign, unknown) in [
        ("GET", "/task/s0", "/task/t0"),
        ("GET", "/task/s0/status", "/task/t0/status"),
        ("GET", "/task/s0/log", "/task/t0/log"),
        ("POST", "/task/s0/shutdown", "/task/t0/shutdown"),
        ("GET", "/supervisor/secret", "/supervisor/secres"),
        (
            "GET",
            "/supervisor/secret/status",
            "/supervisor/secres/status",
        ),
        (
            "GET",
            "/supervisor/secret/history",
            "/supervisor/secres/history",
        ),
        (
            "POST",
            "/supervisor/secret/reset",
            "/supervisor/secres/reset",
        ),
    ] {
        let ask = |path: &str| Call::new(method, &api(path)).login("wiki", PASSWORD);
        // Twice, since the gateway remembers owners.
        for _ in 0..2 {
            let (foreign, unknown) = (rig.send(&ask(foreign)).await, rig.send(&ask(unknown)).await);
            assert_eq!(told(&foreign), told(&unknown), "{method} {foreign:?}");
            assert_eq!(foreign.status, 404);
        }
    }
}

/// The medians of two kinds of requests that take turns on one connection.
async fn medians(rig: &Rig, pairs: usize, ask: impl Fn(usize) -> [Call; 2]) -> [Duration; 2] {
    let mut client = Client::connect(rig.address).await.expect("connected");
    let mut times = [Vec::new(), Vec::new()];
    for pair in 0..pairs {
        let mut calls: Vec<_> = ask(pair).into_iter().zip(0..).collect();
        // Neither is always the first.
        if pair % 2 == 1 {
            calls.reverse();
        }
        for (call, kind) in calls {
            let begun = Instant::now();
            let answer = client.call(&call).await.expect("answered");
            times[kind].push(begun.elapsed());
            assert!(
                answer.status == 404 || answer.text() == "{}",
                "{}",
                answer.text()
            );
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

async fn compare(pairs: usize) {
    let rig = filled(20).await;
    let get = |path: String| Call::get(&api(&path)).login("wiki", PASSWORD);
    for kind in ["task", "supervisor", "statuses"] {
        let [foreign, unknown] = medians(&rig, pairs, |pair| match kind {
            "task" => [
                get(format!("/task/s{}/status", pair % 20)),
                get(format!("/task/t{}/status", pair % 20)),
            ],
            "supervisor" => [
                get("/supervisor/secret".to_owned()),
                get("/supervisor/secres".to_owned()),
            ],
            _ => ["s", "t"].map(|letter| {
                let call = Call::new("POST", &api("/taskStatus")).login("wiki", PASSWORD);
                call.json(format!(r#"["{letter}{}"]"#, pair % 20))
            }),
        })
        .await;
        let ratio = foreign.as_secs_f64() / unknown.as_secs_f64();
        println!(
            "{kind}: {pairs} pairs, foreign {foreign:?}, unknown {unknown:?}, ratio {ratio:.3}"
        );
        assert!(
            (0.95..=1.05).contains(&ratio),
            "{kind}: {foreign:?} {unknown:?}"
        );
    }
}

#[tokio::test]
async fn the_same_time() {
    compare(60).await;
}

/// As many as the promise says; ten minutes.
#[tokio::test]
#[ignore = "takes ten minutes"]
async fn the_same_time_of_ten_thousand_pairs() {
    compare(10_000).await;
}
