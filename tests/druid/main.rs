//! One API suite, run through the gateway against the embedded Overlord and against real Druid:
//! through `overgate serve` with the shipped example for two Overlords, of which only addresses and
//! Druid's version are replaced.
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

#[path = "../wire/process.rs"]
mod process;

mod account;
mod cluster;
mod failover;
mod quota;
mod suite;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cluster::{Cluster, Security};
use overgate::demo;
use process::Process;
use support::rig::{PASSWORD, Rig, users};

/// Of the rig.
const RIG: suite::Logins = suite::Logins {
    operator: ("admin", PASSWORD),
    reader: ("viewer", PASSWORD),
};

/// Of the shipped example.
const EXAMPLE: suite::Logins = suite::Logins {
    operator: ("ops", "change me"),
    reader: ("etl", "change me"),
};

/// `[upstream] credentials`, or nothing.
fn credentials(password: Option<&Path>) -> String {
    password.map_or_else(String::new, |file| {
        let (name, file) = (account::NAME, file.display());
        format!("credentials = {{ username = \"{name}\", password = \"file:{file}\" }}\n")
    })
}

/// The built binary, as an operator starts it.
async fn shipped_example(
    overlords: &[SocketAddr],
    version: &str,
    password: Option<&Path>,
) -> (Process, tempfile::TempDir) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("config/examples/two-overlords.toml");
    let mut text = std::fs::read_to_string(path).expect("shipped");
    let [first, second] = overlords else {
        panic!(
            "the example has two Overlords, here are {}",
            overlords.len()
        )
    };
    for (shipped, ours) in [
        ("127.0.0.1:8190", "127.0.0.1:0".to_owned()),
        ("127.0.0.1:8090", first.to_string()),
        ("127.0.0.1:8091", second.to_string()),
        ("28.0.0", version.to_owned()),
        (
            "[upstream]\n",
            format!("[upstream]\n{}", credentials(password)),
        ),
    ] {
        assert_eq!(
            text.matches(shipped).count(),
            1,
            "{shipped} stands there once"
        );
        text = text.replace(shipped, &ours);
    }
    text.push_str("[admin]\naddress = \"127.0.0.1:0\"\n");
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("two-overlords.toml");
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_overgate"));
    (Process::spawn(&mut command, config).await, folder)
}

/// A gateway with these limits before these Overlords; the address, and what stops it.
async fn gateway(
    overlords: &[SocketAddr],
    version: &str,
    password: Option<&Path>,
    limits: &str,
) -> (SocketAddr, tokio::task::JoinHandle<bool>) {
    let list: Vec<String> = overlords
        .iter()
        .map(|address| format!("\"http://{address}\""))
        .collect();
    let text = format!(
        "[listener]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[telemetry]\naccess_log = \"off\"\n[upstream]\noverlords = [{}]\ndruid_version = \"{version}\"\n{}{}{limits}",
        list.join(", "),
        credentials(password),
        users()
    );
    let resolve = |reference: &str| {
        let path = reference.strip_prefix("file:").ok_or("no file")?;
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    };
    let config = overgate::config::Config::from_toml(&text, &resolve).expect("good");
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
    suite::run(rig.address, RIG, "28.0.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_behind_the_shipped_example() {
    let rig = Rig::start().await;
    let overlords: Vec<SocketAddr> = rig.nodes.iter().map(demo::Node::address).collect();
    let (example, _folder) = shipped_example(&overlords, "28.0.0", None).await;
    suite::run(example.address, EXAMPLE, "28.0.0").await;
}

/// Prints how long something took since `begun`.
fn part(name: &str, begun: Instant) {
    println!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
}

/// The version that the environment names.
fn version() -> Option<String> {
    let version = std::env::var("OVERGATE_DRUID").ok();
    if version.is_none() {
        eprintln!("SKIPPED: OVERGATE_DRUID is not set, no real Druid is asked");
    }
    version
}

/// The failover, through a gateway without limits: its clients submit as fast as they can.
async fn fail_over(cluster: &Cluster, version: &str, password: Option<&Path>) {
    let (address, serving) = gateway(&cluster.addresses(), version, password, "").await;
    let begun = Instant::now();
    failover::run(address, cluster).await;
    part("failover", begun);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_druid() {
    let Some(version) = version() else { return };
    let begun = Instant::now();
    let cluster = Cluster::start(&version, Security::Off);
    part("cluster", begun);
    let begun = Instant::now();
    let (example, _folder) = shipped_example(&cluster.addresses(), &version, None).await;
    suite::run(example.address, EXAMPLE, &version).await;
    part("suite", begun);
    drop(example);
    fail_over(&cluster, &version, None).await;
}

/// A quota of live tasks, and a queue that is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn druid_under_quotas() {
    let Some(version) = version() else { return };
    let begun = Instant::now();
    let cluster = Cluster::with(&version, Security::Off, quota::QUEUE);
    part("cluster", begun);
    let begun = Instant::now();
    let overlords = cluster.addresses();
    let (address, serving) = gateway(&overlords, &version, None, quota::LIMITS).await;
    quota::run(address).await;
    serving.abort();
    part("quotas", begun);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secured_druid() {
    let Some(version) = version() else { return };
    let all = Instant::now();
    let cluster = Cluster::start(&version, Security::Basic);
    part("cluster", all);
    let overlords = cluster.addresses();
    let begun = Instant::now();
    account::is_refused(&overlords, &version, &cluster).await;
    let password = account::create(&cluster);
    part("account", begun);
    let begun = Instant::now();
    let (example, _folder) = shipped_example(&overlords, &version, Some(&password)).await;
    suite::run(example.address, EXAMPLE, &version).await;
    part("suite", begun);
    drop(example);
    let begun = Instant::now();
    let (address, serving) = gateway(&overlords, &version, Some(&password), "").await;
    account::permissions(address, RIG, &cluster).await;
    serving.abort();
    part("permissions", begun);
    fail_over(&cluster, &version, Some(&password)).await;
    part("secured, all", all);
}
