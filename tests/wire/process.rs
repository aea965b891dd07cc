//! The binary as a child process, before an embedded cluster in this one.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use overgate::demo::{Cluster, Node, Role, Settings};
use tokio::net::TcpListener;

use crate::support::{
    eventually,
    rig::{PASSWORD, users},
};

/// An embedded Overlord that leads.
pub async fn overlord() -> Node {
    node(&cluster(), Role::Leader).await
}

pub fn cluster() -> Arc<Cluster> {
    Cluster::new(Settings {
        clock: Arc::new(overgate::server::wall_clock),
        capacity: 2,
        run_time: SignedDuration::from_secs(2),
        queue: 1_000_000,
    })
}

pub async fn node(cluster: &Arc<Cluster>, role: Role) -> Node {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    Node::start(cluster.clone(), listener, role).expect("bound")
}

/// A gateway process. Dropping it kills it.
pub struct Process {
    pub child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub config: PathBuf,
    pub lines: Arc<Mutex<Vec<String>>>,
    _folder: Option<tempfile::TempDir>,
}

/// A configuration before `overlord`, with more lines.
pub fn configuration(overlord: SocketAddr, more: &str) -> String {
    let mut text = format!(
        "{more}\n[upstream]\noverlords = [\"http://{overlord}\"]\nprobe_interval = \"100ms\"\n{}",
        users()
    );
    for section in ["listener", "admin"] {
        let head = format!("[{section}]");
        if text.contains(&head) {
            text = text.replace(&head, &format!("{head}\naddress = \"127.0.0.1:0\""));
        } else {
            text.push_str(&format!("{head}\naddress = \"127.0.0.1:0\"\n"));
        }
    }
    text
}

impl Process {
    pub async fn start(overlord: SocketAddr, more: &str) -> Process {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("overgate.toml");
        std::fs::write(&config, configuration(overlord, more)).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_overgate"));
        let mut process = Process::spawn(&mut command, config).await;
        process._folder = Some(folder);
        process
    }

    /// Runs `command serve --config FILE` and waits until it listens.
    pub async fn spawn(command: &mut Command, config: PathBuf) -> Process {
        let mut child = command
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let stderr = child.stderr.take().expect("piped");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                seen.lock().expect("no panic").push(line);
            }
        });
        let listens = |name: &str| -> Option<SocketAddr> {
            let lines = lines.lock().expect("no panic");
            lines.iter().find_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).ok()?;
                (line["message"] == "listening" && line["listener"] == name)
                    .then(|| line["address"].as_str()?.parse().ok())?
            })
        };
        let address = eventually("it listens", async || listens("downstream")).await;
        let admin = eventually("it listens for operators", async || listens("admin")).await;
        Process {
            child,
            address,
            admin,
            config,
            lines: lines.clone(),
            _folder: None,
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Its exit status, within `patience`.
    pub async fn exit(&mut self, patience: Duration) -> Option<i32> {
        let ended = tokio::time::timeout(patience, async {
            loop {
                if let Some(status) = self.child.try_wait().expect("ours") {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        ended.await.ok().flatten()
    }

    pub fn said(&self, text: &str) -> bool {
        self.lines
            .lock()
            .expect("no panic")
            .iter()
            .any(|line| line.contains(text))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            return;
        }
        // Whatever the test was about: nobody's password is in the log.
        let lines = self.lines.lock().expect("no panic");
        let said = lines.iter().find(|line| line.contains(PASSWORD));
        assert_eq!(said, None);
    }
}
