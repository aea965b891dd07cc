//! Peers that are slow but never stop: a write timeout is for one piece, not for the whole.
//!
//! The pauses here are the subject, not a wait for something: they make the peer slow. Nothing is
//! asserted about how long they take but that the whole took longer than the timeout of a piece.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::Method;
use overgate::demo::Fault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::rustls::version::TLS13;

use super::process::{Process, configuration, overlord};
use crate::support::client::Call;
use crate::support::eventually;
use crate::support::rig::{PASSWORD, api};
use crate::support::tls::{Authority, dns};

/// Takes what comes in small portions: of 16 MiB, more than the timeouts below.
async fn sip(stream: &mut TcpStream, mut length: usize) {
    let mut portion = vec![0; 256 * 1024];
    while length > 0 {
        let most = length.min(portion.len());
        match stream.read(&mut portion[..most]).await {
            Ok(read) if read > 0 => length -= read,
            _ => return,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Leads, and takes every body slowly.
async fn slow_overlord() -> SocketAddr {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("small");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("bound");
    let listener: TcpListener = socket.listen(16).expect("listening");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                loop {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head).to_lowercase();
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                    sip(&mut stream, length.unwrap_or(0)).await;
                    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"task\":\"t\"}";
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_slow_overlord_takes_a_large_body() {
    let address = slow_overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("overgate.toml");
    let text =
        configuration(address, "").replace("[upstream]", "[upstream]\nwrite_timeout = \"400ms\"");
    std::fs::write(&config, text).expect("written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_overgate"));
    let gateway = Process::spawn(&mut command, config).await;
    let padding = "x".repeat(15 << 20);
    let body = format!(r#"{{"type":"noop","dataSource":"a","context":{{"padding":"{padding}"}}}}"#);
    let begun = Instant::now();
    let call = Call::new("POST", &api("/task"))
        .login("admin", PASSWORD)
        .json(body);
    let answer = call.send(gateway.address).await.expect("answered");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(begun.elapsed() > Duration::from_millis(400), "it was slow");
}

#[tokio::test]
async fn a_slow_client_takes_a_large_answer() {
    let overlord = overlord().await;
    let gateway = Process::start(
        overlord.address(),
        "[listener]\nwrite_timeout = \"400ms\"\n",
    )
    .await;
    // Reduced, so it is written in one go: more than the kernel takes for us.
    let padding = "x".repeat(30 << 20);
    let history = format!(
        r#"{{"wiki":[{{"spec":{{"type":"kafka","spec":{{"dataSchema":{{"dataSource":"wiki"}}}},"padding":"{padding}"}},"version":"2026-01-01T00:00:00.000Z"}}]}}"#
    );
    let length = history.len();
    overlord.fault(
        Method::GET,
        Fault::Instead(200, "application/json", history),
    );
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("small");
    let mut stream = socket.connect(gateway.address).await.expect("connected");
    let call = Call::get(&api("/supervisor/history")).login("viewer", PASSWORD);
    stream.write_all(&call.bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a header"));
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        head.contains(&format!("content-length: {length}")),
        "{head}"
    );
    let begun = Instant::now();
    let mut left = length;
    let mut portion = vec![0; 256 * 1024];
    while left > 0 {
        let read = stream.read(&mut portion).await.expect("no reset");
        assert!(read > 0, "{left} bytes are missing");
        left -= read;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begun.elapsed() > Duration::from_millis(800), "it was slow");
}

/// Whatever of an answer fits into the kernel's buffers and ours: a client that reads nothing is
/// cut, its last bytes and the good-bye of TLS included.
#[tokio::test]
async fn clients_that_take_nothing_are_let_go() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let own = authority.sign(vec![dns("localhost")]);
    own.write(folder.path(), "server");
    let folder = folder.path().display();
    let tls =
        format!("tls = {{ certificate = \"{folder}/server.pem\", key = \"{folder}/server.key\" }}");
    for encrypted in [false, true] {
        let more = format!(
            "[listener]\nwrite_timeout = \"300ms\"\nidle_timeout = \"300ms\"\n{}\n[validation]\nbody_memory = \"2GiB\"\n",
            if encrypted { &tls } else { "" }
        );
        let gateway = Process::start(overlord.address(), &more).await;
        let mut clients: Vec<Box<dyn std::any::Any>> = Vec::new();
        // Around the 3.7 MB that the kernel takes for a client that reads nothing; TLS holds 64 KiB.
        for size in (3_000_000..4_500_000).step_by(30_000) {
            let padding = "x".repeat(size);
            let history = format!(
                r#"{{"wiki":[{{"spec":{{"type":"kafka","spec":{{"dataSchema":{{"dataSource":"wiki"}}}},"padding":"{padding}"}},"version":"2026-01-01T00:00:00.000Z"}}]}}"#
            );
            overlord.fault(
                Method::GET,
                Fault::Instead(200, "application/json", history),
            );
            let call = Call::get(&api("/supervisor/history"))
                .login("viewer", PASSWORD)
                .header("Connection", "close");
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(32 * 1024).expect("small");
            let mut tcp = socket.connect(gateway.address).await.expect("connected");
            if encrypted {
                let connector = authority.client(&[&TLS13], None, &[]);
                let name = "localhost".try_into().expect("a name");
                let mut stream = connector.connect(name, tcp).await.expect("shaken");
                stream.write_all(&call.bytes()).await.expect("sent");
                stream.flush().await.expect("sent");
                stream.read_u8().await.expect("an answer");
                clients.push(Box::new(stream));
            } else {
                tcp.write_all(&call.bytes()).await.expect("sent");
                tcp.read_u8().await.expect("an answer");
                clients.push(Box::new(tcp));
            }
        }
        eventually("they are let go", async || {
            let metrics = Call::get("/metrics").send(gateway.admin).await.ok()?.text();
            metrics.contains("\novergate_connections 0\n").then_some(())
        })
        .await;
        drop(clients);
    }
}
