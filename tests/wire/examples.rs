//! The examples about TLS, and the commands of the manual that make their files.

use std::path::Path;
use std::process::Command;

use super::process::{Process, overlord};
use crate::support::client::{Call, Client};
use crate::support::rig::api;
use crate::support::tls::{Authority, Identity, dns, uri};

/// Starts a gateway from an example whose files are in `folder`, and asks it what it is for.
async fn run(example: &str, folder: &Path, server: &Authority) {
    let overlord = overlord().await;
    let node = Identity::read(folder, "overlord");
    let druid = Authority::read(&folder.join("druid-ca.pem"));
    let asks = example.contains("client").then_some(&druid);
    let node = node.terminate_before(overlord.address(), asks).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = root.join("config/examples").join(example);
    let text = std::fs::read_to_string(text).expect("shipped");
    let text = text
        .replace("/etc/overgate", folder.to_str().expect("UTF-8"))
        .replace("0.0.0.0:8190", "127.0.0.1:0")
        .replace(
            "https://overlord-1.example.com:8290",
            &format!("https://localhost:{}", node.port()),
        )
        .replace("https://overlord-2.example.com:8290", "https://localhost:1");
    let config = folder.join("overgate.toml");
    std::fs::write(&config, text + "\n[admin]\naddress = \"127.0.0.1:0\"\n").expect("written");
    let checked = Command::new(env!("CARGO_BIN_EXE_overgate"))
        .arg("check")
        .arg(&config)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.starts_with("ok "), "no problem and no warning: {said}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_overgate"));
    let gateway = Process::spawn(&mut command, config).await;
    let etl = Identity::read(folder, "etl");
    let submission =
        Call::new("POST", &api("/task")).json(r#"{"type":"noop","dataSource":"wiki"}"#);
    let password = |user: &str| submission.clone().login(user, "change me");
    let with_certificates = example.contains("client");
    let cases = if with_certificates {
        vec![
            (Some(&etl), submission.clone(), 200),
            (Some(&etl), submission.clone().login("ops", "guess"), 401),
            (None, password("ops"), 200),
            (None, submission.clone(), 401),
        ]
    } else {
        vec![
            (None, password("etl"), 200),
            // Nobody has asked for it.
            (Some(&etl), submission.clone(), 401),
        ]
    };
    for (shows, call, status) in cases {
        let mut client: Client<_> = server.connect(gateway.address, shows).await.expect("open");
        let answer = client.call(&call).await.expect("answered");
        assert_eq!(answer.status, status, "{example}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_examples_about_tls_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, clients, druid) = (Authority::new(), Authority::new(), Authority::new());
    for (authority, name, names) in [
        (&server, "server", vec![dns("localhost")]),
        (&clients, "etl", vec![uri("spiffe://prod/etl")]),
        (&druid, "overlord", vec![dns("localhost")]),
        (&druid, "overgate", vec![]),
    ] {
        authority.sign(names).write(folder.path(), name);
    }
    for (authority, name) in [(&clients, "clients-ca.pem"), (&druid, "druid-ca.pem")] {
        std::fs::write(folder.path().join(name), authority.pem()).expect("written");
    }
    for example in ["tls.toml", "client-certificates.toml"] {
        run(example, folder.path(), &server).await;
    }
}

#[tokio::test]
async fn the_manuals_commands_make_the_examples_files() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("SKIPPED: there is no openssl here");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = std::fs::read_to_string(root.join("docs/tls.md")).expect("a page");
    let commands = manual.split("```bash\n").nth(1).expect("the commands");
    let commands = commands.split("```").next().expect("their end");
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(folder.path())
        .output()
        .expect("bash runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let server = Authority::read(&folder.path().join("gateway-ca.pem"));
    for example in ["tls.toml", "client-certificates.toml"] {
        run(example, folder.path(), &server).await;
        // What the manual shows of a configuration stands in the example.
        let text = std::fs::read_to_string(root.join("config/examples").join(example));
        let text = text.expect("shipped");
        let shown = manual.split("```toml\n").skip(1);
        let tls = shown.flat_map(|block| block.split("```").next().expect("closed").lines());
        let known = tls
            .filter(|line| line.starts_with("tls = ") && text.contains(line))
            .count();
        assert!(known > 0, "{example}");
    }
}
