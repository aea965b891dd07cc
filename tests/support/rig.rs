//! A gateway in this process, before an embedded cluster of two Overlords.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::{SignedDuration, Timestamp};
use overgate::config::Config;
use overgate::demo::{Cluster, Node, Role, Settings};
use overgate::listener::{Drain, Phase};
use overgate::server::Server;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::client::{Answer, Call};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse";

/// A gateway and its cluster. Dropping it stops both.
pub struct Rig {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub cluster: Arc<Cluster>,
    pub nodes: Vec<Node>,
    pub drain: Arc<Drain>,
    pub ended: JoinHandle<bool>,
    clock: Arc<AtomicI64>,
}

/// The cheapest hash of everybody's password that is taken, made once.
pub fn cheap_hash() -> String {
    static HASH: LazyLock<String> = LazyLock::new(|| cheapest(PASSWORD));
    HASH.clone()
}

fn cheapest(password: &str) -> String {
    let params = Params::new(7 * 1024, 5, 1, None).expect("the cheapest that is taken");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes())
        .expect("hashed")
        .to_string()
}

/// Users `admin` (everything), `wiki` (wiki*: submit, read, shutdown, manage) and `viewer` (wiki*:
/// read).
pub fn users() -> String {
    let hash = cheap_hash();
    format!(
        r#"
[[user]]
name = "admin"
password = "{hash}"
roles = ["operator"]
[[user]]
name = "wiki"
password = "{hash}"
roles = ["wiki-writer"]
[[user]]
name = "viewer"
password = "{hash}"
roles = ["wiki-reader"]
[[role]]
name = "operator"
[[role.grant]]
actions = ["read", "submit", "shutdown", "manage", "admin"]
datasources = ["*"]
[[role]]
name = "wiki-writer"
[[role.grant]]
actions = ["read", "submit", "shutdown", "manage"]
datasources = ["wiki*"]
inputs = [{{ type = "kafka", hosts = ["127.0.0.1"] }}]
[[role]]
name = "wiki-reader"
[[role.grant]]
actions = ["read"]
datasources = ["wiki*"]
"#
    )
}

/// A Kafka supervisor that Druid reads whole; `more` goes before its `spec`.
pub fn kafka(datasource: &str, more: &str) -> String {
    format!(
        r#"{{"type":"kafka",{more}"spec":{{"dataSchema":{{"dataSource":"{datasource}","timestampSpec":{{"column":"t"}},"dimensionsSpec":{{"dimensions":["a"]}}}},"ioConfig":{{"topic":"t","consumerProperties":{{"bootstrap.servers":"127.0.0.1:9092"}},"inputFormat":{{"type":"json"}}}}}}}}"#
    )
}

impl Rig {
    /// A gateway with its defaults.
    pub async fn start() -> Rig {
        Rig::with("", "").await
    }

    /// With more lines in `[upstream]` and more sections.
    pub async fn with(upstream: &str, more: &str) -> Rig {
        Rig::build(&[], |overlords| Rig::text(overlords, upstream, more)).await
    }

    /// The same before these Overlords instead of the embedded ones.
    pub async fn before(overlords: &[SocketAddr], upstream: &str, more: &str) -> Rig {
        Rig::build(overlords, |overlords| Rig::text(overlords, upstream, more)).await
    }

    fn text(overlords: &[String], upstream: &str, more: &str) -> String {
        let telemetry = if more.contains("[telemetry]") {
            ""
        } else {
            "[telemetry]\naccess_log = \"off\""
        };
        let text = format!(
            r#"
{more}
[admin]
address = "127.0.0.1:0"
[drain]
lame_duck = "50ms"
{telemetry}
[upstream]
overlords = [{}]
probe_interval = "100ms"
{upstream}
{}
"#,
            overlords.join(", "),
            users()
        );
        if text.contains("[listener]") {
            text.replace("[listener]", "[listener]\naddress = \"127.0.0.1:0\"")
        } else {
            format!("{text}\n[listener]\naddress = \"127.0.0.1:0\"\n")
        }
    }

    /// A shipped example, with the addresses of this rig. `replace` stands for what an operator
    /// would put in its place.
    pub async fn example(name: &str, replace: &[(&str, &str)]) -> Rig {
        let path = format!("{}/config/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut text = std::fs::read_to_string(path).expect("shipped");
        for (from, to) in replace {
            assert!(text.contains(from), "{name} has no {from}");
            text = text.replace(from, to);
        }
        Rig::build(&[], |overlords| {
            let mut all: toml::Table = text.parse().expect("TOML");
            for more in [
                format!("[upstream]\noverlords = [{}]", overlords.join(", ")),
                "[listener]\naddress = \"127.0.0.1:0\"".to_owned(),
                "[admin]\naddress = \"127.0.0.1:0\"".to_owned(),
                "[telemetry]\naccess_log = \"off\"".to_owned(),
                "[drain]\nlame_duck = \"50ms\"".to_owned(),
            ] {
                for (section, value) in more.parse::<toml::Table>().expect("TOML") {
                    let section = all
                        .entry(section)
                        .or_insert_with(|| toml::Table::new().into());
                    let section = section.as_table_mut().expect("a section");
                    section.extend(value.as_table().expect("a section").clone());
                }
            }
            all.to_string()
        })
        .await
    }

    async fn build(instead: &[SocketAddr], text: impl FnOnce(&[String]) -> String) -> Rig {
        // Not the time of day: tests move it.
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let clock = Arc::new(AtomicI64::new(0));
        let moved = clock.clone();
        let begun = tokio::time::Instant::now();
        let cluster = Cluster::new(Settings {
            clock: Arc::new(move || {
                let real = SignedDuration::try_from(begun.elapsed()).expect("short");
                start + real + SignedDuration::from_millis(moved.load(Ordering::Relaxed))
            }),
            capacity: 2,
            run_time: SignedDuration::from_secs(2),
            queue: 1_000_000,
        });
        let mut nodes = Vec::new();
        let mut leader = None;
        for _ in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("bound");
            let role = leader.map_or(Role::Leader, Role::Follower);
            leader.get_or_insert(address);
            nodes.push(Node::start(cluster.clone(), listener, role).expect("bound"));
        }
        let own: Vec<SocketAddr> = nodes.iter().map(Node::address).collect();
        let named = if instead.is_empty() { &own } else { instead };
        let overlords: Vec<String> = named
            .iter()
            .map(|address| format!("\"http://{address}\""))
            .collect();
        let text = text(&overlords);
        // A secret is its own reference, unless that is a file.
        let resolve = |reference: &str| {
            let file = reference.strip_prefix("file:");
            let file = file.and_then(|path| std::fs::read_to_string(path).ok());
            Ok(file.unwrap_or_else(|| reference.to_owned()))
        };
        let config = Config::from_toml(&text, &resolve)
            .unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        let server = Server::new(config, None).await.expect("a gateway");
        let (address, admin) = server.addresses().expect("bound");
        let drain = server.drain();
        let ended = tokio::spawn(async move { server.run().await.expect("signals") });
        Rig {
            address,
            admin,
            cluster,
            nodes,
            drain,
            ended,
            clock,
        }
    }

    /// Moves the cluster's clock.
    pub fn advance(&self, time: SignedDuration) {
        self.clock.fetch_add(
            i64::try_from(time.as_millis()).expect("short"),
            Ordering::Relaxed,
        );
    }

    pub async fn send(&self, call: &Call) -> Answer {
        call.send(self.address)
            .await
            .unwrap_or_else(|error| panic!("{error}: {call:?}"))
    }

    /// As a user, below the prefix.
    pub async fn get(&self, user: &str, path: &str) -> Answer {
        self.send(&Call::get(&api(path)).login(user, PASSWORD))
            .await
    }

    pub async fn post(&self, user: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(
            &Call::new("POST", &api(path))
                .login(user, PASSWORD)
                .json(body),
        )
        .await
    }

    /// The metrics as text.
    pub async fn metrics(&self) -> String {
        Call::get("/metrics")
            .send(self.admin)
            .await
            .expect("the admin listener answers")
            .text()
    }
}

pub fn api(path: &str) -> String {
    format!("/druid/indexer/v1{path}")
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.drain.enter(Phase::Closing);
        self.ended.abort();
    }
}
