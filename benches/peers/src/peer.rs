//! The proxies, each with one worker and a configuration for exactly this job.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::load;
use crate::process::Process;
use crate::work::Work;

/// Clients at once that every peer must take: 10,000, or as many as files may be open here. HAProxy
/// wants two for each, and some more.
pub fn clients() -> usize {
    let files = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(1_024, |(_, most)| most);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    (files.saturating_sub(500) / 2).min(10_000)
}

/// Whom we measure.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// nginx, `proxy_pass` and nothing else.
    Nginx,
    /// HAProxy, the same.
    Haproxy,
    /// Envoy, the same.
    Envoy,
    /// Pingora's stock proxy.
    Pingora,
    /// overgate with all that it has.
    Overgate,
}

impl Kind {
    /// All of them, in the order of a round.
    pub const ALL: [Kind; 5] = [
        Kind::Nginx,
        Kind::Haproxy,
        Kind::Envoy,
        Kind::Pingora,
        Kind::Overgate,
    ];

    /// How people call it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::Haproxy => "HAProxy",
            Kind::Envoy => "Envoy",
            Kind::Pingora => "Pingora",
            Kind::Overgate => "overgate",
        }
    }
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// overgate's binary.
    pub overgate: PathBuf,
    /// Envoy's, if there is one.
    pub envoy: Option<PathBuf>,
}

impl Programs {
    /// What can be measured.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Kind::ALL.to_vec();
        kinds.retain(|kind| *kind != Kind::Envoy || self.envoy.is_some());
        kinds
    }

    fn command(&self, kind: Kind) -> Command {
        match kind {
            Kind::Nginx => Command::new("nginx"),
            Kind::Haproxy => Command::new("haproxy"),
            Kind::Envoy => Command::new(self.envoy.as_deref().unwrap_or(Path::new("envoy"))),
            Kind::Overgate => Command::new(&self.overgate),
            Kind::Pingora => {
                Command::new(std::env::current_exe().unwrap_or_else(|_| "peers".into()))
            }
        }
    }

    /// The version that a program says it is.
    pub fn version(&self, kind: Kind) -> String {
        if kind == Kind::Pingora {
            return "0.9.1".to_owned();
        }
        let argument = match kind {
            Kind::Nginx | Kind::Haproxy => "-v",
            _ => "--version",
        };
        let Ok(output) = self.command(kind).arg(argument).output() else {
            return "unknown".to_owned();
        };
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let number = |word: &&str| {
            word.split('.').count() >= 3
                && word
                    .split('.')
                    .take(2)
                    .all(|part| part.parse::<u32>().is_ok())
        };
        said.split(|c: char| c.is_whitespace() || c == '/' || c == '-')
            .find(number)
            .unwrap_or("unknown")
            .to_owned()
    }
}

/// A proxy that runs.
#[derive(Debug)]
pub struct Peer {
    /// Which.
    pub kind: Kind,
    /// Where.
    pub address: SocketAddr,
    /// Its process.
    pub process: Process,
    _folder: tempfile::TempDir,
}

/// A port that nobody has now.
///
/// # Errors
/// There is none.
pub fn free() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

impl Peer {
    /// Starts a proxy before `upstream`, and waits until it answers. `more` is for overgate: see
    /// [`overgate`].
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub async fn start(
        programs: &Programs,
        kind: Kind,
        upstream: SocketAddr,
        more: &str,
    ) -> io::Result<Peer> {
        let folder = tempfile::tempdir()?;
        let address = free()?;
        let at = folder.path().display().to_string();
        let mut command = programs.command(kind);
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        match kind {
            Kind::Nginx => {
                let path = write("nginx.conf", nginx(&at, address, upstream))?;
                command.arg("-c").arg(path).args(["-e", "stderr"]);
            }
            Kind::Haproxy => {
                let path = write("haproxy.cfg", haproxy(address, upstream))?;
                command.arg("-f").arg(path);
            }
            Kind::Envoy => {
                let path = write("envoy.json", envoy(address, upstream))?;
                command.arg("-c").arg(path);
                command.args([
                    "--concurrency",
                    "1",
                    "--log-level",
                    "off",
                    "--disable-hot-restart",
                ]);
            }
            Kind::Pingora => {
                command
                    .arg("bare")
                    .arg(address.to_string())
                    .arg(upstream.to_string());
            }
            Kind::Overgate => {
                let path = write(
                    "overgate.toml",
                    overgate(&at, address, free()?, upstream, more),
                )?;
                command.arg("serve").arg("--config").arg(path);
                command.env("TOKIO_WORKER_THREADS", "1");
            }
        }
        let process = Process::on_proxy_core(&command)?;
        let mut peer = Peer {
            kind,
            address,
            process,
            _folder: folder,
        };
        peer.wait().await?;
        Ok(peer)
    }

    async fn wait(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            let request = Work::Status.request();
            match load::idle(self.address, &request, 1).await {
                Ok(_) => return Ok(()),
                Err(_)
                    if !self.process.has_ended() && begun.elapsed() < Duration::from_secs(20) =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => {
                    let what = format!("{} does not answer: {error}", self.kind.title());
                    return Err(io::Error::other(what));
                }
            }
        }
    }
}

/// Bodies stay in memory, answers of megabytes are handed on as they come.
fn nginx(folder: &str, listen: SocketAddr, upstream: SocketAddr) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {folder}/{name};\n"))
        .concat();
    // The worker must get at the folder; who is not root has no choice.
    format!(
        "user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections {files}; }}
http {{
  access_log off;
{temporary}  client_max_body_size 0;
  client_body_buffer_size 64k;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  upstream overlord {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen {listen} backlog=4096;
    location / {{
      proxy_pass http://overlord;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
    }}
    location ~ (/log|/tasks)$ {{
      proxy_pass http://overlord;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
    }}
  }}
}}
",
        files = clients() + 1_000
    )
}

fn haproxy(listen: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global
  nbthread 1
  maxconn {clients}
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
frontend front
  bind {listen} backlog 4096
  default_backend back
backend back
  server overlord {upstream} pool-max-conn 512
",
        clients = clients() + 100
    )
}

fn envoy(listen: SocketAddr, upstream: SocketAddr) -> String {
    let address = |of: SocketAddr| serde_json::json!({"socket_address": {"address": of.ip().to_string(), "port_value": of.port()}});
    let router = serde_json::json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    });
    let manager = serde_json::json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "generate_request_id": false,
        "route_config": {"virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "overlord", "timeout": "0s"}}]
        }]},
        "http_filters": [router]
    });
    let many = serde_json::json!({"thresholds": [{
        "max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000
    }]});
    serde_json::json!({"static_resources": {
        "listeners": [{
            "address": address(listen),
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager
            }]}]
        }],
        "clusters": [{
            "name": "overlord",
            "type": "STATIC",
            "circuit_breakers": many,
            "load_assignment": {
                "cluster_name": "overlord",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}]
            }
        }]
    }})
    .to_string()
}

/// Everything on: logins, grants, the review of specs, a rate limit for each kind of key, a quota,
/// metrics and the access log. Limits are so high that they refuse nothing. `more` is further
/// sections.
fn overgate(
    folder: &str,
    listen: SocketAddr,
    admin: SocketAddr,
    upstream: SocketAddr,
    more: &str,
) -> String {
    let most = clients() + 100;
    format!(
        r#"[listener]
address = "{listen}"
max_connections = {most}
max_connections_per_source = {most}
idle_timeout = "300s"
[admin]
address = "{admin}"
[upstream]
overlords = ["http://{upstream}"]
[telemetry]
access_log = "{folder}/access.log"
[[user]]
name = "team"
password = "{HASH}"
roles = ["team"]
[[user]]
name = "admin"
password = "{HASH}"
roles = ["admin"]
[[role]]
name = "team"
[[role.grant]]
actions = ["submit", "read", "shutdown"]
datasources = ["wiki*"]
inputs = [{{ type = "http", hosts = ["data.example.com"] }}]
[[role]]
name = "admin"
[[role.grant]]
actions = ["submit", "read", "shutdown", "manage", "admin"]
datasources = ["*"]
[[rate_limit]]
name = "submissions"
actions = ["submit"]
key = ["datasource"]
rate = "{MANY}/s"
[[rate_limit]]
name = "everybody"
actions = ["read", "submit", "shutdown"]
key = ["principal"]
rate = "{MANY}/s"
[[quota]]
name = "live"
per = "datasource"
max = {MANY}
{more}"#
    )
}

/// More than anybody asks for.
const MANY: u32 = 1_000_000;

/// Of [`crate::work::PASSWORD`], as `overgate hash-password` makes it.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$8UExGbJd1pDH4XL6bQftXg$narr3c54PJuD3r1WSDGus6CqFTEXASQCEru2qiIPvTc";
