//! Leaders that die and leaders that stop, under clients that submit and poll.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Mutex;

use crate::cluster::Cluster;
use crate::support::client::Call;
use crate::support::eventually;
use crate::support::rig::{PASSWORD, api};

const CLIENTS: usize = 4;

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// Markers of accepted submissions, with the id that each got.
    accepted: BTreeMap<String, String>,
    /// Submissions without an id whose answer was lost.
    lost: Vec<String>,
    /// Everything else that went wrong.
    failed: Vec<String>,
}

async fn leads(node: SocketAddr) -> bool {
    let asked = tokio::time::timeout(
        Duration::from_secs(2),
        Call::get(&api("/isLeader")).send(node),
    )
    .await;
    matches!(asked, Ok(Ok(answer)) if answer.status == 200)
}

async fn leader(nodes: &[SocketAddr]) -> SocketAddr {
    eventually("somebody leads", async || {
        for node in nodes {
            if leads(*node).await {
                return Some(*node);
            }
        }
        None
    })
    .await
}

async fn client(
    gateway: SocketAddr,
    number: usize,
    seen: Arc<Mutex<Seen>>,
    done: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) {
    let mut last = None;
    let mut round = 0;
    while !done.load(Ordering::Relaxed) {
        round += 1;
        let marker = format!("m-{number}-{round}");
        let mut task = json!({"type": "noop", "dataSource": "wiki_failover", "runTime": 1, "context": {"marker": marker}});
        let with_id = round % 2 == 0;
        if with_id {
            task["id"] = marker.clone().into();
        }
        let submit = Call::new("POST", &api("/task"))
            .login("admin", PASSWORD)
            .json(task.to_string());
        let outcome = submit.send(gateway).await;
        count.fetch_add(1, Ordering::Relaxed);
        let mut seen_now = seen.lock().await;
        match outcome {
            Ok(answer) if answer.status == 200 => {
                let id = answer.json()["task"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                last = Some(id.clone());
                seen_now.accepted.insert(marker, id);
            }
            Ok(answer) if answer.status == 502 && !with_id => seen_now.lost.push(marker),
            Ok(answer) => {
                seen_now
                    .failed
                    .push(format!("{marker}: {} {}", answer.status, answer.text()))
            }
            Err(error) => seen_now.failed.push(format!("{marker}: {error}")),
        }
        drop(seen_now);
        if let Some(id) = &last {
            let encoded = overgate::route::encode_segment(id);
            let poll = Call::get(&api(&format!("/task/{encoded}/status"))).login("admin", PASSWORD);
            let asked = Instant::now();
            let outcome = poll.send(gateway).await;
            count.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Ok(answer) if answer.status == 200 => {}
                other => {
                    let after = asked.elapsed();
                    let failed = &mut seen.lock().await.failed;
                    failed.push(format!("status of {id} after {after:?}: {other:?}"));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn run(gateway: SocketAddr, cluster: &Cluster) {
    let nodes = cluster.addresses();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (done, count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            tokio::spawn(client(
                gateway,
                number,
                seen.clone(),
                done.clone(),
                count.clone(),
            ))
        })
        .collect();
    for signal in ["KILL", "TERM"] {
        let from = count.load(Ordering::Relaxed);
        eventually("some load", async || {
            (count.load(Ordering::Relaxed) > from + 40).then_some(())
        })
        .await;
        let old = leader(&nodes).await;
        let begun = Instant::now();
        cluster.signal(old, signal);
        let others: Vec<SocketAddr> = nodes.iter().copied().filter(|node| *node != old).collect();
        leader(&others).await;
        println!(
            "SIG{signal}: another node led after {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        let from = count.load(Ordering::Relaxed);
        eventually("load goes on", async || {
            (count.load(Ordering::Relaxed) > from + 40).then_some(())
        })
        .await;
        eventually("the old node has ended", async || {
            tokio::net::TcpStream::connect(old)
                .await
                .is_err()
                .then_some(())
        })
        .await;
        // Back again, as a follower, before the next one goes.
        cluster.revive(old);
        for _ in 0..4 {
            let back = tokio::time::timeout(crate::support::PATIENCE, async {
                loop {
                    let (admin, password) = cluster.admin();
                    let call = Call::get(&api("/waitingTasks")).login(admin, password);
                    if let Ok(Ok(answer)) =
                        tokio::time::timeout(Duration::from_secs(2), call.send(old)).await
                        && answer.status == 307
                    {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            });
            if back.await.is_ok() {
                break;
            }
        }
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no panic");
    }
    let seen = seen.lock().await;
    println!(
        "{} requests, {} submissions accepted, {} without an id lost their answer",
        count.load(Ordering::Relaxed),
        seen.accepted.len(),
        seen.lost.len()
    );
    assert!(seen.failed.is_empty(), "{:#?}", seen.failed);
    // Every accepted one is stored under its id, and every marker once.
    let list = Call::get(&api("/tasks?datasource=wiki_failover")).login("admin", PASSWORD);
    let list = list.send(gateway).await.expect("answered").json();
    let mut stored: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for task in list.as_array().expect("a list") {
        let id = task["id"].as_str().expect("an id");
        let encoded = overgate::route::encode_segment(id);
        let payload = Call::get(&api(&format!("/task/{encoded}"))).login("admin", PASSWORD);
        let payload = payload.send(gateway).await.expect("answered").json();
        let marker = payload["payload"]["context"]["marker"]
            .as_str()
            .expect("a marker")
            .to_owned();
        // A task that ends while Druid puts the list together stands in it twice: a set of ids.
        stored.entry(marker).or_default().insert(id.to_owned());
    }
    for (marker, id) in &seen.accepted {
        assert_eq!(
            stored.get(marker),
            Some(&BTreeSet::from([id.clone()])),
            "{marker}: lost or doubled"
        );
    }
    for (marker, ids) in &stored {
        assert_eq!(ids.len(), 1, "{marker}: {ids:?}");
        assert!(
            seen.accepted.contains_key(marker) || seen.lost.contains(marker),
            "{marker}: nobody was told"
        );
    }
}
