//! A real cluster, by the scripts beside this file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A running cluster; it ends when it is dropped.
pub struct Cluster {
    folder: tempfile::TempDir,
    nodes: Vec<SocketAddr>,
    admin: Option<String>,
}

/// Whom the Overlords ask who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Nobody.
    Off,
    /// Everybody: Druid's own basic security.
    Basic,
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/druid/cluster")
        .join(name)
}

impl Cluster {
    pub fn start(version: &str, security: Security) -> Cluster {
        Cluster::with(version, security, 1_000_000)
    }

    /// Whose queue holds so many tasks.
    pub fn with(version: &str, security: Security, queue: usize) -> Cluster {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cluster = Cluster {
            folder,
            nodes: Vec::new(),
            admin: None,
        };
        let status = Command::new(script("up"))
            .arg(version)
            .arg(cluster.folder.path())
            .args((security == Security::Basic).then_some("basic"))
            .env("DRUID_QUEUE", queue.to_string())
            .status();
        assert!(
            status.expect("the script runs").success(),
            "Druid {version} does not come up"
        );
        let told =
            std::fs::read_to_string(cluster.folder.path().join("cluster.env")).expect("written");
        for name in ["NODE1=", "NODE2="] {
            let address = told
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .expect("told");
            cluster.nodes.push(address.parse().expect("an address"));
        }
        if security == Security::Basic {
            let password = std::fs::read_to_string(cluster.folder.path().join("admin.password"));
            cluster.admin = Some(password.expect("written"));
        }
        cluster
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The login of whoever may do everything at Druid itself; anything where nobody is asked.
    pub fn admin(&self) -> (&str, &str) {
        ("admin", self.admin.as_deref().unwrap_or("nobody asks"))
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.clone()
    }

    /// Sends a signal to the node at that address.
    pub fn signal(&self, address: SocketAddr, signal: &str) {
        let number = self.number(address);
        let pid = std::fs::read_to_string(self.folder.path().join(format!("node-{number}.pid")))
            .expect("written");
        let sent = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(pid.trim())
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Brings a node that has ended back.
    pub fn revive(&self, address: SocketAddr) {
        let number = self.number(address);
        let started = Command::new("setsid")
            .args(["--fork", "bash"])
            .arg(self.folder.path().join(format!("start-{number}")))
            .stdin(Stdio::null())
            .status();
        assert!(started.expect("setsid runs").success());
    }

    fn number(&self, address: SocketAddr) -> usize {
        self.nodes
            .iter()
            .position(|node| *node == address)
            .expect("a node of ours")
            + 1
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new(script("down"))
            .arg(self.folder.path())
            .status();
    }
}
