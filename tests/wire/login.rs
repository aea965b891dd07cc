//! The gateway's own login at Druid, refused and taken.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::process::{Process, configuration};
use crate::support::client::Call;
use crate::support::eventually;
use crate::support::rig::{PASSWORD, api};

/// `overgate:the wrong one`, and `overgate:the right one`.
const WRONG: &str = "Basic b3ZlcmdhdGU6dGhlIHdyb25nIG9uZQ==";
const RIGHT: &str = "Basic b3ZlcmdhdGU6dGhlIHJpZ2h0IG9uZQ==";

/// Of an Overlord whose account for the gateway may do nothing.
const RIGHTLESS: &str = "none";

/// An Overlord with security on, as far as 28.0.0 shows it: `/isLeader` is for everybody, all else
/// for who has the login. Gives all requests that it got, whole.
async fn guarded(login: Arc<Mutex<&'static str>>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = seen.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, login.clone(), all.clone()));
        }
    });
    (address, seen)
}

async fn serve(
    mut connection: TcpStream,
    login: Arc<Mutex<&'static str>>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut arrived = Vec::new();
    loop {
        let text = loop {
            let text = String::from_utf8_lossy(&arrived).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
                    let digits = rest.lines().next().expect("a line");
                    digits.parse::<usize>().expect("a length")
                });
                if body.len() >= length {
                    break text;
                }
            }
            if !matches!(connection.read_buf(&mut arrived).await, Ok(1..)) {
                return;
            }
        };
        arrived.clear();
        let login = *login.lock().expect("no panic");
        let is_leader = text.starts_with("GET /druid/indexer/v1/isLeader ");
        let (status, body) = if !is_leader && login == RIGHTLESS {
            ("403 Forbidden", "{}")
        } else if is_leader {
            ("200 OK", r#"{"leader":true}"#)
        } else if text.contains(login) {
            ("200 OK", "[]")
        } else {
            ("401 Unauthorized", "<html>Error 401 Unauthorized</html>")
        };
        if !is_leader {
            seen.lock().expect("no panic").push(text);
        }
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if connection.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_refused_login_is_told_and_the_password_is_not() {
    let wanted = Arc::new(Mutex::new(RIGHT));
    let (overlord, seen) = guarded(wanted.clone()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("overgate.password");
    std::fs::write(&password, "the wrong one\n").expect("written");
    let config = folder.path().join("overgate.toml");
    let credentials = format!(
        "[upstream]\ncredentials = {{ username = \"overgate\", password = \"file:{}\" }}",
        password.display()
    );
    let text = configuration(overlord, "").replace("[upstream]", &credentials);
    std::fs::write(&config, text).expect("written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_overgate"));
    let gateway = Process::spawn(&mut command, config).await;
    let admin = async |path: &str| Call::get(path).send(gateway.admin).await.expect("answered");
    let refused = "[-] login: Druid refuses the gateway's own credentials";
    eventually("it is told", async || {
        let ready = admin("/readyz").await;
        (ready.status == 503 && ready.text().contains(refused)).then_some(())
    })
    .await;
    eventually("it is logged", async || {
        gateway
            .said("Druid refuses the gateway's own credentials")
            .then_some(())
    })
    .await;
    // Whatever a client asks: whose login was refused is told, and it is nobody's of its own.
    for call in [
        Call::get(&api("/tasks")),
        Call::get(&api("/task/some/status")),
        Call::get(&api("/supervisor/some")),
        Call::new("POST", &api("/datasources/wiki/shutdownAllTasks")),
        Call::new("POST", &api("/task")).json(r#"{"type":"noop","dataSource":"wiki"}"#),
    ] {
        let told = format!("{call:?}");
        for user in ["admin", "wiki"] {
            let call = call.clone().login(user, PASSWORD);
            let answer = call.send(gateway.address).await.expect("answered");
            assert_eq!(
                (answer.status, answer.code()),
                (502, "overgateUpstreamLogin".to_owned()),
                "{user} {told}: {}",
                answer.text()
            );
        }
    }
    let status = admin("/status").await;
    assert_eq!(status.json()["loginAccepted"], false, "{}", status.text());
    let metrics = admin("/metrics").await.text();
    assert!(metrics.contains("overgate_upstream_login_refused 1"));
    // The account has the gateway's password now, without a word to the gateway.
    *wanted.lock().expect("no panic") = WRONG;
    eventually("it is ready", async || {
        (admin("/readyz").await.status == 200).then_some(())
    })
    .await;
    eventually("that is logged, too", async || {
        gateway
            .said("Druid takes the gateway's own credentials")
            .then_some(())
    })
    .await;
    // Or the gateway gets the account's.
    *wanted.lock().expect("no panic") = RIGHT;
    eventually("it is not ready", async || {
        (admin("/readyz").await.status == 503).then_some(())
    })
    .await;
    // An account without rights is one all the same: for Druid's own answers, not for readiness.
    *wanted.lock().expect("no panic") = RIGHTLESS;
    eventually("it is ready without rights", async || {
        (admin("/readyz").await.status == 200).then_some(())
    })
    .await;
    let look = Call::get(&api("/task/some/status")).login("admin", PASSWORD);
    let look = look.send(gateway.address).await.expect("answered");
    assert_eq!(
        (look.status, look.code()),
        (502, "overgateUpstreamLogin".to_owned())
    );
    *wanted.lock().expect("no panic") = RIGHT;
    eventually("it is not ready with the wrong password", async || {
        (admin("/readyz").await.status == 503).then_some(())
    })
    .await;
    std::fs::write(&password, "the right one\n").expect("written");
    gateway.signal("HUP");
    eventually("it is ready again", async || {
        (admin("/readyz").await.status == 200).then_some(())
    })
    .await;
    let list = Call::get(&api("/tasks")).login("admin", PASSWORD);
    let list = list.send(gateway.address).await.expect("answered");
    assert_eq!((list.status, list.text().as_str()), (200, "[]"));
    let told = [
        admin("/readyz?verbose").await.text(),
        admin("/status").await.text(),
        metrics,
        gateway.lines.lock().expect("no panic").join("\n"),
    ];
    for told in told {
        for secret in ["wrong one", "right one", WRONG, RIGHT] {
            let secret = secret.trim_start_matches("Basic ");
            assert!(!told.contains(secret), "{told}");
        }
    }
    // A client's login never went up.
    for request in seen.lock().expect("no panic").iter() {
        let login = request.lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            name.eq_ignore_ascii_case("authorization")
        });
        let login: Vec<&str> = login.collect();
        assert_eq!(login.len(), 1, "{request}");
        assert!(login[0].ends_with(WRONG) || login[0].ends_with(RIGHT));
    }
}
