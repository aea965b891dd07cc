//! A quota of live tasks and a full queue, against real Overlords.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::client::{Answer, Call};
use crate::support::rig::{PASSWORD, api};

/// What the cluster's queue holds.
pub const QUEUE: usize = 5;

/// The quota that the gateway has.
pub const LIMITS: &str = r#"
[[quota]]
name = "live"
datasources = ["wiki*"]
max = 3
[[rate_limit]]
name = "submissions"
key = ["datasource"]
rate = "1/h"
burst = 20
"#;

/// A task takes some seconds to start and some to run: a minute is enough on a slow machine.
const LONGEST: Duration = Duration::from_secs(90);

async fn submit(gateway: SocketAddr, datasource: &str) -> Answer {
    let task = format!(r#"{{"type":"noop","dataSource":"{datasource}","runTime":4000}}"#);
    let call = Call::new("POST", &api("/task"))
        .login("admin", PASSWORD)
        .json(task);
    call.send(gateway).await.expect("answered")
}

/// Until it is answered with `status`.
async fn until(gateway: SocketAddr, datasource: &str, status: u16) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = submit(gateway, datasource).await;
        if answer.status == status {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < LONGEST, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub async fn run(gateway: SocketAddr) {
    let mut statuses = Vec::new();
    let mut last = None;
    for _ in 0..10 {
        let answer = submit(gateway, "wiki").await;
        statuses.push(answer.status);
        last = Some(answer);
    }
    let count = |status: u16| statuses.iter().filter(|each| **each == status).count();
    println!("10 submissions under a quota of 3: {statuses:?}");
    assert_eq!((count(200), count(429)), (3, 7));
    let last = last.expect("ten");
    assert_eq!(last.code(), "overgateTooManyLive");
    let context = &last.json()["context"];
    assert_eq!((&context["inUse"], &context["max"]), (&3.into(), &3.into()));
    assert!(last.header("Retry-After").is_some());
    // Two more fill Druid's own queue.
    let mut full = None;
    for _ in 0..4 {
        let answer = submit(gateway, "other").await;
        if answer.status != 200 {
            full = Some(answer);
            break;
        }
    }
    let full = full.expect("it holds five");
    assert_eq!(
        (full.status, full.code()),
        (429, "overgateQueueFull".to_owned()),
        "{}",
        full.text()
    );
    assert!(full.header("Retry-After").is_some());
    println!("a full queue: {} {}", full.status, full.text());
    // What Druid does not take costs no token: more often than the burst is refused by Druid alone.
    for _ in 0..25 {
        let again = submit(gateway, "other").await;
        assert!(
            ["overgateQueueFull", ""].contains(&again.code().as_str()),
            "{}",
            again.text()
        );
    }
    let admitted = until(gateway, "wiki", 200).await;
    println!(
        "admitted again after {:.1} s, when one had ended",
        admitted.as_secs_f64()
    );
    let other = until(gateway, "other", 200).await;
    println!(
        "and Druid's queue took one after {:.1} s more",
        other.as_secs_f64()
    );
}
