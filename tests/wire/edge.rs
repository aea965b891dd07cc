//! Bytes that must not pass, and clients that never finish.

use std::time::{Duration, Instant};

use super::process::{Process, overlord};
use crate::support::client::{Call, Client};
use crate::support::eventually;
use crate::support::rig::{PASSWORD, api};

/// What each raw request is answered; after a refusal the connection is closed and nothing of the
/// request has reached the Overlord.
#[tokio::test]
async fn malformed_requests_end_at_the_edge() {
    let overlord = overlord().await;
    overlord.record();
    let gateway = Process::start(overlord.address(), "").await;
    let good = String::from_utf8(
        Call::new("POST", &api("/task"))
            .login("admin", PASSWORD)
            .head(),
    )
    .expect("text");
    let body = r#"{"type":"noop","dataSource":"a"}"#;
    let with = |fields: &str, body: &str| {
        good.replace(
            "\r\n\r\n",
            &format!("\r\nContent-Type: application/json\r\n{fields}\r\n\r\n{body}"),
        )
    };
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let smuggled = format!("{body}GET /druid/indexer/v1/leader HTTP/1.1\r\nHost: a\r\n\r\n");
    let cases: Vec<(String, u16)> = vec![
        (
            with("Content-Length: 32\r\nTransfer-Encoding: chunked", &chunked),
            400,
        ),
        (with("Content-Length: 32\r\nContent-Length: 32", body), 400),
        (with("Content-Length: 32, 32", body), 400),
        (with("Transfer-Encoding: gzip, chunked", &chunked), 501),
        (
            with(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                &chunked,
            ),
            400,
        ),
        (
            with(
                "Content-Length: 32\r\nUpgrade: websocket\r\nConnection: Upgrade",
                &smuggled,
            ),
            400,
        ),
        (
            with("Content-Length: 32\r\nConnection: Authorization", body),
            400,
        ),
        (with("Content-Length: 32\r\nExpect: miracles", body), 417),
        (with("Content-Length: 32\r\n X: folded", body), 400),
        (with("Content-Length: 32", body).replace("\r\n", "\n"), 400),
        (
            with("Content-Length: 32", body).replace("Host: overgate.test\r\n", ""),
            400,
        ),
        (
            with("Content-Length: 32", body).replace("Host:", "Host: b\r\nHost:"),
            400,
        ),
        (
            with("Content-Length: 32", body).replace("HTTP/1.1", "HTTP/1.2"),
            505,
        ),
        (
            with("Content-Length: 32", body).replace("POST ", "TRACE "),
            405,
        ),
        (
            with("Content-Length: 32", body).replace("/druid", "http://a/druid"),
            400,
        ),
        (
            with("Content-Length: 32", body).replace("/task", "/ta\0sk"),
            400,
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(), 400),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
                "y".repeat(20_000)
            ),
            431,
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(5_000)),
            414,
        ),
    ];
    for (bytes, status) in cases {
        let mut client = Client::connect(gateway.address).await.expect("connected");
        client.write(bytes.as_bytes()).await.expect("sent");
        let answer = client
            .answer()
            .await
            .unwrap_or_else(|error| panic!("{error}: {bytes:.300}"));
        assert_eq!(answer.status, status, "{bytes:.300}");
        assert_eq!(answer.header("Connection"), Some("close"), "{bytes:.300}");
        assert_eq!(answer.json()["error"], "druidException");
        assert!(client.closed().await, "{bytes:.300}");
    }
    assert!(overlord.received().is_empty());
    // And a good one passes, in the same process; what is behind it is not served.
    let mut client = Client::connect(gateway.address).await.expect("connected");
    client
        .write(with("Content-Length: 32", &smuggled).as_bytes())
        .await
        .expect("sent");
    assert_eq!(client.answer().await.expect("answered").status, 200);
    assert!(client.closed().await);
    assert_eq!(overlord.received().len(), 1);
}

/// A chunked body that two parsers could read differently ends here, whether it comes with its
/// header or after it; a plain one keeps its connection.
#[tokio::test]
async fn only_plain_chunks_pass() {
    let overlord = overlord().await;
    overlord.record();
    let gateway = Process::start(overlord.address(), "").await;
    let head = Call::new("POST", &api("/task"))
        .login("admin", PASSWORD)
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked")
        .head();
    let json = r#"{"type":"noop","dataSource":"a"}"#;
    let smuggled = "GET /druid/indexer/v1/leader HTTP/1.1\r\nHost: a\r\n\r\n";
    let plain = format!("20\r\n{json}\r\n0\r\n\r\n");
    let long = "x".repeat(7_000);
    let cases = [
        // Sizes.
        format!("0x20\r\n{json}\r\n0\r\n\r\n"),
        format!("+20\r\n{json}\r\n0\r\n\r\n"),
        format!(" 20\r\n{json}\r\n0\r\n\r\n"),
        format!("20 \r\n{json}\r\n0\r\n\r\n"),
        format!("\r\n{json}\r\n0\r\n\r\n"),
        format!("000000000000000020\r\n{json}\r\n0\r\n\r\n"),
        format!("10000000000000020\r\n{json}\r\n0\r\n\r\n"),
        format!("21\r\n{json}\r\n0\r\n\r\n"),
        format!("1f\r\n{json}\r\n0\r\n\r\n"),
        // Terminators.
        format!("20\n{json}\r\n0\r\n\r\n"),
        format!("20\r\n{json}\n0\r\n\r\n"),
        format!("20\r\n{json}0\r\n\r\n"),
        format!("20\r\n{json}\r\n0\n\n"),
        format!("20\r\n{json}\r\n0\r\n\n"),
        // Extensions.
        format!("20;a=b\r\n{json}\r\n0\r\n\r\n"),
        format!("20;\n0\r\n\r\n{smuggled}\r\n{json}\r\n0\r\n\r\n"),
        format!("20;a=\"\n\"\r\n{json}\r\n0\r\n\r\n"),
        format!("20;{long}\r\n{json}\r\n0\r\n\r\n"),
        format!("20\r\n{json}\r\n0;a\r\n\r\n"),
        // Trailers.
        format!("20\r\n{json}\r\n0\r\nContent-Length: 5\r\n\r\n"),
        format!("20\r\n{json}\r\n0\r\nX: y\n\r\n"),
        format!("20\r\n{json}\r\n0\r\n{smuggled}"),
    ];
    for body in &cases {
        for together in [true, false] {
            let mut client = Client::connect(gateway.address).await.expect("connected");
            if together {
                let bytes = [head.as_slice(), body.as_bytes()].concat();
                client.write(&bytes).await.expect("sent");
            } else {
                // The header passes; the body is asked for, and then it comes.
                let waiting = String::from_utf8(head.clone()).expect("text");
                let waiting = waiting.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
                client.write(waiting.as_bytes()).await.expect("sent");
                assert_eq!(client.head().await.expect("interim").0, 100);
                client.write(body.as_bytes()).await.expect("sent");
            }
            let answer = client
                .answer()
                .await
                .unwrap_or_else(|error| panic!("{error}: {together} {body:.100?}"));
            assert_eq!(answer.status, 400, "{together} {body:.100?}");
            assert!(client.closed().await, "{together} {body:.100?}");
        }
    }
    assert!(overlord.received().is_empty());
    let mut client = Client::connect(gateway.address).await.expect("connected");
    for _ in 0..3 {
        let bytes = [head.as_slice(), plain.as_bytes()].concat();
        for piece in bytes.chunks(7) {
            client.write(piece).await.expect("sent");
        }
        let answer = client.answer().await.expect("answered");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
    }
    assert_eq!(overlord.received().len(), 3);
}

#[tokio::test]
async fn clients_that_never_finish_are_cut_and_others_served() {
    let overlord = overlord().await;
    let limits = "[listener]\nheader_timeout = \"600ms\"\nfirst_byte_timeout = \"500ms\"\nidle_timeout = \"400ms\"\n";
    let gateway = Process::start(overlord.address(), limits).await;
    let get = Call::get(&api("/tasks")).login("admin", PASSWORD);
    assert_eq!(
        get.send(gateway.address).await.expect("answered").status,
        200
    );
    // One byte now and then: the deadline is for the whole header.
    let mut slow = Vec::new();
    for _ in 0..200 {
        slow.push(tokio::spawn(async move {
            let mut client = Client::connect(gateway.address).await.expect("connected");
            let begun = Instant::now();
            for byte in b"GET /druid/indexer/v1/tasks HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy" {
                if client.write(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                if begun.elapsed() > Duration::from_millis(1_500) {
                    break;
                }
            }
            let status = client.answer().await.map(|answer| answer.status).unwrap_or(0);
            (status, begun.elapsed())
        }));
    }
    for _ in 0..20 {
        assert_eq!(
            get.send(gateway.address).await.expect("answered").status,
            200,
            "an honest one meanwhile"
        );
    }
    for client in slow {
        let (status, _) = client.await.expect("no panic");
        assert!(status == 408 || status == 0, "{status}");
    }
    // Says nothing; says nothing more after an answer; begins a second header and stops.
    let mut silent = Client::connect(gateway.address).await.expect("connected");
    let mut idle = Client::connect(gateway.address).await.expect("connected");
    assert_eq!(idle.call(&get).await.expect("answered").status, 200);
    let mut half = Client::connect(gateway.address).await.expect("connected");
    assert_eq!(half.call(&get).await.expect("answered").status, 200);
    half.write(b"GET /druid").await.expect("sent");
    let closed = tokio::time::timeout(Duration::from_secs(5), async {
        assert!(silent.closed().await && idle.closed().await);
        assert_eq!(half.answer().await.expect("answered").status, 408);
    });
    assert!(closed.await.is_ok(), "all are closed");
}

#[tokio::test]
async fn connections_are_bounded_and_come_back() {
    let overlord = overlord().await;
    let limits = "[listener]\nmax_connections_per_source = 50\n";
    let gateway = Process::start(overlord.address(), limits).await;
    let mut clients = Vec::new();
    for _ in 0..120 {
        clients.push(
            Client::connect(gateway.address)
                .await
                .expect("the kernel accepts"),
        );
    }
    let metrics = async || {
        Call::get("/metrics")
            .send(gateway.admin)
            .await
            .expect("answered")
            .text()
    };
    eventually("70 are turned away", async || {
        metrics()
            .await
            .contains("overgate_connections_turned_away_total{reason=\"too-many-connections\"} 70")
            .then_some(())
    })
    .await;
    assert!(metrics().await.contains("overgate_connections 50"));
    drop(clients);
    eventually("all places are free", async || {
        metrics()
            .await
            .contains("overgate_connections 0")
            .then_some(())
    })
    .await;
    let get = Call::get(&api("/tasks")).login("admin", PASSWORD);
    assert_eq!(
        get.send(gateway.address).await.expect("answered").status,
        200
    );
}

/// Resident memory in bytes.
fn memory(process: &Process) -> usize {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).expect("it runs");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("told");
    let kilobytes: usize = line
        .split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number");
    kilobytes * 1024
}

#[tokio::test]
async fn readers_that_stall_cost_no_memory() {
    let overlord = overlord().await;
    let gateway = Process::start(overlord.address(), "").await;
    let body =
        r#"{"type":"noop","id":"big","dataSource":"a","context":{"simulateLogBytes":20971520}}"#;
    let submit = Call::new("POST", &api("/task"))
        .login("admin", PASSWORD)
        .json(body);
    assert_eq!(
        submit.send(gateway.address).await.expect("answered").status,
        200
    );
    let log = Call::get(&api("/task/big/log")).login("admin", PASSWORD);
    assert_eq!(
        log.send(gateway.address)
            .await
            .expect("answered")
            .body
            .len(),
        20 << 20
    );
    let before = memory(&gateway);
    let mut readers = Vec::new();
    for _ in 0..50 {
        let mut reader = Client::connect(gateway.address).await.expect("connected");
        reader.write(&log.bytes()).await.expect("sent");
        assert_eq!(reader.head().await.expect("begun").0, 200);
        readers.push(reader);
    }
    let mut most = 0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        most = most.max(memory(&gateway));
    }
    assert!(
        most < before + (30 << 20),
        "{} MiB more",
        (most - before) >> 20
    );
}
