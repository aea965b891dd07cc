//! Bodies reach the Overlord byte for byte, or not at all.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::support::client::{Answer, Call, Client};
use crate::support::rig::{PASSWORD, Rig, api};

/// A valid task of exactly `size` bytes.
fn task(size: usize) -> Vec<u8> {
    let frame = r#"{"type":"noop","dataSource":"wiki","context":{"padding":""}}"#;
    let padding = "x".repeat(size - frame.len());
    frame
        .replace(r#""padding":"""#, &format!(r#""padding":"{padding}""#))
        .into_bytes()
}

fn sha(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn submission() -> Call {
    Call::new("POST", &api("/task"))
        .login("wiki", PASSWORD)
        .header("Content-Type", "application/json")
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = submission().header("Transfer-Encoding", "chunked").head();
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn every_size_in_every_framing() {
    let rig = Rig::start().await;
    rig.nodes[0].record();
    let mut client = Client::connect(rig.address).await.expect("connected");
    for size in [
        100,
        63 << 10,
        64 << 10,
        (64 << 10) + 1,
        65 << 10,
        1 << 20,
        16 << 20,
    ] {
        let body = task(size);
        for framing in ["length", "chunked", "expect"] {
            let bytes = match framing {
                "length" => submission().json(&body).bytes().to_vec(),
                "chunked" => chunked(&body, 50_000),
                _ => submission()
                    .header("Expect", "100-continue")
                    .header("Content-Length", &size.to_string())
                    .head(),
            };
            let bytes = if framing == "length" {
                let mut call = submission();
                call.body = Some(body.clone());
                call.bytes()
            } else {
                bytes
            };
            client.write(&bytes).await.expect("sent");
            if framing == "expect" {
                let (status, _) = client.head().await.expect("an interim answer");
                assert_eq!(status, 100);
                client.write(&body).await.expect("sent");
            }
            let answer = client.answer().await.expect("answered");
            assert_eq!(answer.status, 200, "{size} {framing}: {}", answer.text());
            assert_eq!(
                answer.header("Connection"),
                Some("keep-alive"),
                "{size} {framing}"
            );
            let received = rig.nodes[0].received();
            let [request] = received.as_slice() else {
                panic!("{size} {framing}: {} requests", received.len())
            };
            assert_eq!(sha(&request.body), sha(&body), "{size} {framing}");
            assert_eq!(
                request.headers["content-length"],
                size.to_string().as_str(),
                "{size} {framing}"
            );
            assert!(!request.headers.contains_key("transfer-encoding"));
        }
    }
}

#[tokio::test]
async fn one_byte_at_a_time() {
    let rig = Rig::start().await;
    rig.nodes[0].record();
    for size in [1_000, 1 << 20] {
        let body = task(size);
        let mut client = Client::connect(rig.address).await.expect("connected");
        client.write(&chunked(&body, 1)).await.expect("sent");
        let answer = client.answer().await.expect("answered");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(sha(&rig.nodes[0].received()[0].body), sha(&body));
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_at_once() {
    let rig = Rig::with("", "[validation]\nmax_body_size = \"64KiB\"\n").await;
    rig.nodes[0].record();
    // Announced: before a byte of it is read, and before a 100.
    let head = submission()
        .header("Expect", "100-continue")
        .header("Content-Length", "65537")
        .head();
    let mut client = Client::connect(rig.address).await.expect("connected");
    client.write(&head).await.expect("sent");
    let (status, headers) = client.head().await.expect("answered");
    assert_eq!(status, 413);
    assert!(
        headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("connection") && value == "close")
    );
    // Not announced: when it has come to that.
    let mut client = Client::connect(rig.address).await.expect("connected");
    client
        .write(&chunked(&task(66_000), 1_000))
        .await
        .expect("sent");
    let answer = client.answer().await.expect("answered");
    assert_eq!(
        (answer.status, answer.code()),
        (413, "overgateBodyTooLarge".to_owned())
    );
    let mut client = Client::connect(rig.address).await.expect("connected");
    client
        .write(&chunked(&task(65_536), 1_000))
        .await
        .expect("sent");
    assert_eq!(client.answer().await.expect("answered").status, 200);
    assert_eq!(rig.nodes[0].received().len(), 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let rig = Rig::with("", "[listener]\nbody_timeout = \"300ms\"\n").await;
    rig.nodes[0].record();
    let body = task(1_000);
    let mut call = submission();
    call.body = Some(body.clone());
    let whole = call.bytes();
    let mut client = Client::connect(rig.address).await.expect("connected");
    client.write(&whole[..whole.len() - 1]).await.expect("sent");
    let answer = client.answer().await.expect("answered");
    assert_eq!(
        (answer.status, answer.code()),
        (408, "overgateBodyTimeout".to_owned())
    );
    assert!(client.closed().await);
    // A client that leaves in the middle: Druid would run what is complete already, we do not.
    let mut client = Client::connect(rig.address).await.expect("connected");
    client.write(&whole[..whole.len() - 1]).await.expect("sent");
    drop(client);
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
    assert!(
        rig.nodes[0]
            .received()
            .iter()
            .all(|request| request.method != "POST")
    );
}

#[tokio::test]
async fn media_types_and_encodings() {
    let rig = Rig::start().await;
    rig.nodes[0].record();
    let ask = async |name: &str, value: &str| {
        let call = Call::new("POST", &api("/task")).login("wiki", PASSWORD);
        let mut call = if name.is_empty() {
            call
        } else {
            call.header(name, value)
        };
        if name == "Content-Encoding" {
            call = call.header("Content-Type", "application/json");
        }
        call.body = Some(task(100));
        rig.send(&call).await.status
    };
    for (name, value, status) in [
        ("Content-Type", "application/json", 200),
        ("Content-Type", "Application/JSON; Charset=\"UTF-8\"", 200),
        ("Content-Type", "application/json;charset=utf-16", 415),
        ("Content-Type", "application/json; boundary=x", 415),
        ("Content-Type", "application/vnd.api+json", 415),
        ("Content-Type", "application/x-jackson-smile", 415),
        ("Content-Type", "text/plain", 415),
        ("Content-Type", "*/*", 415),
        ("", "", 415),
        ("Content-Encoding", "gzip", 415),
        ("Content-Encoding", "identity", 415),
        ("Content-Encoding", "br", 415),
        ("Content-Encoding", "gzip, identity", 415),
    ] {
        assert_eq!(ask(name, value).await, status, "{name}: {value}");
    }
    assert_eq!(rig.nodes[0].received().len(), 2);
    // What carries no meaning is dropped: pydruid sends `""` with a shutdown.
    let own = rig
        .post(
            "wiki",
            "/task",
            r#"{"type":"noop","id":"own","dataSource":"wiki"}"#,
        )
        .await;
    assert_eq!(own.status, 200);
    rig.nodes[0].received();
    let mut shutdown = Call::new("POST", &api("/task/own/shutdown"))
        .login("wiki", PASSWORD)
        .header("Content-Type", "text/odd");
    shutdown.body = Some(b"\"\"".to_vec());
    assert_eq!(rig.send(&shutdown).await.status, 200);
    let received = rig.nodes[0].received();
    assert_eq!(received.last().map(|request| request.body.len()), Some(0));
    let mut get = Call::get(&api("/tasks")).login("wiki", PASSWORD);
    get.body = Some(b"x".to_vec());
    let answer = rig.send(&get).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "overgateBodyNotWanted".to_owned())
    );
}

#[tokio::test]
async fn bodies_share_a_bounded_memory() {
    let rig = Rig::with(
        "",
        "[validation]\nmax_body_size = \"1MiB\"\nbody_memory = \"3MiB\"\n",
    )
    .await;
    // Twice its size is set aside for each: one fits, the second does not.
    let head = submission()
        .header("Content-Length", &(1_000_000).to_string())
        .head();
    let mut first = Client::connect(rig.address).await.expect("connected");
    first.write(&head).await.expect("sent");
    crate::support::eventually("the first is being read", async || {
        rig.metrics()
            .await
            .contains("overgate_body_memory_bytes 2")
            .then_some(())
    })
    .await;
    let mut second = Client::connect(rig.address).await.expect("connected");
    second.write(&head).await.expect("sent");
    let refused = second.answer().await.expect("answered");
    assert_eq!(
        (refused.status, refused.code()),
        (503, "overgateNoMemory".to_owned())
    );
    assert_eq!(refused.header("Retry-After"), Some("1"));
    // An answer that is read whole takes four times its size of the same memory; a short one
    // none.
    let history = |length: usize| {
        let text = format!(
            r#"{{"wiki":[],"secret":[{{"version":"{}"}}]}}"#,
            "x".repeat(length)
        );
        overgate::demo::Fault::Instead(200, "application/json", text)
    };
    for (length, status) in [(500_000, 503), (50_000, 200)] {
        rig.nodes[0].fault(http::Method::GET, history(length));
        let answer = rig.get("viewer", "/supervisor/history").await;
        assert_eq!(answer.status, status, "{length}: {}", answer.text());
        if status == 503 {
            assert_eq!(answer.code(), "overgateNoMemory");
        }
    }
    first.write(&task(1_000_000)).await.expect("sent");
    assert_eq!(first.answer().await.expect("answered").status, 200);
    crate::support::eventually("the memory is given back", async || {
        rig.metrics()
            .await
            .contains("overgate_body_memory_bytes 0")
            .then_some(())
    })
    .await;
    rig.nodes[0].fault(http::Method::GET, history(500_000));
    let alone = rig.get("viewer", "/supervisor/history").await;
    assert_eq!(alone.status, 200, "{}", alone.text());
}

#[tokio::test]
async fn many_small_values_share_the_memory_too() {
    let rig = Rig::with(
        "",
        "[validation]\nmax_body_size = \"1MiB\"\nbody_memory = \"16MiB\"\n",
    )
    .await;
    // A value is two bytes here and more than 20 when it has been read: 24 MB in all.
    let zeros = format!(
        r#"{{"type":"noop","dataSource":"wiki","context":{{"x":[0{}]}}}}"#,
        ",0".repeat(499_000)
    );
    let announced = submission()
        .header("Content-Length", &(1_000_000).to_string())
        .head();
    let mut first = Client::connect(rig.address).await.expect("connected");
    first.write(&announced).await.expect("sent");
    let metric = async |text: &str| rig.metrics().await.contains(text).then_some(());
    crate::support::eventually("the first is being read", async || {
        metric("overgate_body_memory_bytes 2").await
    })
    .await;
    let refused = rig.post("wiki", "/task", &zeros).await;
    assert_eq!(
        (refused.status, refused.code()),
        (503, "overgateNoMemory".to_owned())
    );
    first.write(&task(1_000_000)).await.expect("sent");
    assert_eq!(first.answer().await.expect("answered").status, 200);
    // Alone it fits, with all there is; and all there is comes back.
    let alone = rig.post("wiki", "/task", &zeros).await;
    assert_eq!(alone.status, 200, "{}", alone.text());
    crate::support::eventually("the memory is given back", async || {
        metric("overgate_body_memory_bytes 0").await
    })
    .await;
}

#[tokio::test]
async fn a_large_log_arrives_byte_for_byte() {
    const LENGTH: usize = 20 << 20;
    let rig = Rig::start().await;
    let body = format!(
        r#"{{"type":"noop","id":"big","dataSource":"wiki","context":{{"simulateLogBytes":{LENGTH}}}}}"#
    );
    assert_eq!(rig.post("wiki", "/task", body).await.status, 200);
    let direct = Call::get(&api("/task/big/log"))
        .send(rig.nodes[0].address())
        .await
        .expect("answered");
    let through = rig.get("wiki", "/task/big/log").await;
    assert_eq!(through.body.len(), LENGTH);
    assert_eq!(sha(&through.body), sha(&direct.body));
    // Druid gives small logs a length and large ones chunks (recorded); either is kept.
    let length = |answer: &Answer| answer.header("Content-Length").map(str::to_owned);
    assert_eq!(length(&through), length(&direct));
    let tail = rig.get("wiki", "/task/big/log?offset=-1000").await;
    assert_eq!(tail.body, through.body[LENGTH - 1_000..]);
    let past = rig.get("wiki", "/task/big/log?offset=99999999").await;
    assert_eq!((past.status, past.body.len()), (200, 0));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen_to_break_off() {
    let rig = Rig::start().await;
    let body =
        r#"{"type":"noop","id":"own","dataSource":"wiki","context":{"simulateLogBytes":2000000}}"#;
    assert_eq!(rig.post("wiki", "/task", body).await.status, 200);
    rig.nodes[0].fault(http::Method::GET, overgate::demo::Fault::CutInside(300_000));
    let call = Call::get(&api("/task/own/log")).login("wiki", PASSWORD);
    let outcome = tokio::time::timeout(Duration::from_secs(10), call.send(rig.address)).await;
    let error = outcome
        .expect("it ends")
        .expect_err("the body is not whole");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(rig.metrics().await.contains("overgate_answers_cut_total 1"));
}

#[tokio::test]
async fn http_1_0_gets_no_chunks() {
    let rig = Rig::start().await;
    let call = Call::get(&api("/tasks")).login("wiki", PASSWORD);
    let bytes = String::from_utf8(call.bytes())
        .expect("text")
        .replace("HTTP/1.1", "HTTP/1.0");
    let mut client = Client::connect(rig.address).await.expect("connected");
    client.write(bytes.as_bytes()).await.expect("sent");
    let answer = client.answer().await.expect("answered");
    assert_eq!((answer.status, answer.text().as_str()), (200, "[]"));
    assert_eq!(answer.header("Transfer-Encoding"), None);
    assert_eq!(answer.header("Connection"), Some("close"));
}
