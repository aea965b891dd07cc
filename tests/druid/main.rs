//! One API suite, run through the gateway against the embedded Overlord and against real Druid.
//!
//! `OVERGATE_DRUID=28.0.0 cargo test --test druid` starts two real Overlords (tests/druid/cluster);
//! without the variable that part is skipped. Where the embedded Overlord and the real one differ,
//! the suite fails for one of them.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod failover;
mod suite;

use std::net::SocketAddr;
use std::time::Instant;

use cluster::Cluster;
use support::rig::{Rig, users};

/// A gateway before these Overlords; the address, and what stops it.
async fn gateway(overlords: &[SocketAddr]) -> (SocketAddr, tokio::task::JoinHandle<bool>) {
    let list: Vec<String> = overlords
        .iter()
        .map(|address| format!("\"http://{address}\""))
        .collect();
    let text = format!(
        "[listener]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[telemetry]\naccess_log = \"off\"\n[upstream]\noverlords = [{}]\n{}",
        list.join(", "),
        users()
    );
    let config = overgate::config::Config::from_toml(&text, &|_| Err("no secrets".to_owned()))
        .expect("good");
    let server = overgate::server::Server::new(config, None)
        .await
        .expect("a gateway");
    let (address, _) = server.addresses().expect("bound");
    (
        address,
        tokio::spawn(async move { server.run().await.expect("signals") }),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded() {
    let rig = Rig::start().await;
    suite::run(rig.address, "28.0.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_druid() {
    let Ok(version) = std::env::var("OVERGATE_DRUID") else {
        eprintln!("SKIPPED: OVERGATE_DRUID is not set, no real Druid is asked");
        return;
    };
    let part =
        |name: &str, begun: Instant| println!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
    let now = Instant::now;
    let begun = now();
    let cluster = Cluster::start(&version);
    part("cluster", begun);
    let (address, serving) = gateway(&cluster.addresses()).await;
    let begun = now();
    suite::run(address, &version).await;
    part("suite", begun);
    let begun = now();
    failover::run(address, &cluster).await;
    part("failover", begun);
    serving.abort();
}
