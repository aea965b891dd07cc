mod ends;

use http::header;
use proptest::prelude::*;
use tokio::io::{DuplexStream, duplex};

use super::super::head::Limits;
use super::*;

const LIMITS: Limits = Limits {
    bytes: 16 << 10,
    fields: 100,
};

impl Duplex for DuplexStream {
    fn reset(&mut self) {}
}

/// A session whose header has come with `with_it`, and the client's end.
fn session(header: &str, with_it: &[u8]) -> (Session, DuplexStream) {
    let (ours, theirs) = duplex(1 << 20);
    let block = Bytes::from(header.replace('\n', "\r\n") + "\r\n\r\n");
    let request = Request::read(block, &LIMITS).expect("it passes");
    let session = Session::new(Box::new(ours), request, BytesMut::from(with_it));
    (session, theirs)
}

fn get() -> (Session, DuplexStream) {
    session("GET /a HTTP/1.1\nHost: a", b"")
}

async fn body(session: &mut Session) -> io::Result<Vec<u8>> {
    let mut body = BytesMut::new();
    while session.read_body(&mut body).await? > 0 {}
    Ok(body.to_vec())
}

fn noon() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().expect("a time")
}

/// Answers with `pieces`; gives what the client sees and whether the connection is kept.
async fn answer(
    mut session: Session,
    mut client: DuplexStream,
    (status, length): (StatusCode, Length),
    pieces: &[&'static [u8]],
) -> (String, bool) {
    let etag = (header::ETAG, HeaderValue::from_static("x"));
    let fields = [(&etag.0, &etag.1)];
    session
        .begin(status, fields, length, noon())
        .await
        .expect("begun");
    for (number, piece) in pieces.iter().enumerate() {
        let is_last = number + 1 == pieces.len();
        let piece = Bytes::from_static(piece);
        session.write(piece, is_last).await.expect("written");
    }
    let kept = session.finish().await;
    let is_kept = kept.is_some();
    drop(kept);
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.expect("text");
    (seen, is_kept)
}

#[tokio::test]
async fn answers_are_written_with_their_framing() {
    let head = "HTTP/1.1 200 OK\r\nEtag: x\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\n";
    let kept = "Connection: keep-alive\r\n\r\n";
    let closed = "Connection: close\r\n\r\n";
    let (ok, known) = (StatusCode::OK, Length::Known);
    let old = "GET /a HTTP/1.0\nHost: a";
    let last = "GET /a HTTP/1.1\nHost: a\nConnection: close";
    let new = "GET /a HTTP/1.1\nHost: a";
    type Case<'c> = (&'c str, Length, &'c [&'static [u8]], String, bool);
    let cases: Vec<Case<'_>> = vec![
        (
            new,
            known(5),
            &[b"hel", b"lo"],
            format!("Content-Length: 5\r\n{kept}hello"),
            true,
        ),
        (
            new,
            known(0),
            &[b""],
            format!("Content-Length: 0\r\n{kept}"),
            true,
        ),
        (
            last,
            known(1),
            &[b"x"],
            format!("Content-Length: 1\r\n{closed}x"),
            false,
        ),
        (
            old,
            known(1),
            &[b"x"],
            format!("Content-Length: 1\r\n{closed}x"),
            false,
        ),
        (
            old,
            Length::Unknown,
            &[b"x", b"y", b""],
            format!("{closed}xy"),
            false,
        ),
        (
            new,
            Length::Unknown,
            &[b"hel", b"", b"lo", b""],
            format!("Transfer-Encoding: chunked\r\n{kept}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
            true,
        ),
        (
            new,
            Length::Unknown,
            &[b"hello"],
            format!("Transfer-Encoding: chunked\r\n{kept}5\r\nhello\r\n0\r\n\r\n"),
            true,
        ),
        // Shorter than was said: the client must see that, and nothing may follow.
        (
            new,
            known(5),
            &[b"hel"],
            format!("Content-Length: 5\r\n{kept}hel"),
            false,
        ),
        (
            new,
            known(5),
            &[],
            format!("Content-Length: 5\r\n{kept}"),
            false,
        ),
        (
            new,
            Length::Unknown,
            &[],
            format!("Transfer-Encoding: chunked\r\n{kept}"),
            false,
        ),
    ];
    for (request, length, pieces, expected, is_kept) in cases {
        let (ours, client) = session(request, b"");
        let seen = answer(ours, client, (ok, length), pieces).await;
        assert_eq!(
            seen,
            (format!("{head}{expected}"), is_kept),
            "{request} {length:?}"
        );
    }
}

#[tokio::test]
async fn long_pieces_are_written_as_they_are() {
    const LONG: &[u8] = &[b'x'; JOINED + 1];
    let whole = "x".repeat(JOINED + 1);
    let (ours, client) = get();
    let of = (StatusCode::OK, Length::Known(LONG.len() as u64));
    let (seen, is_kept) = answer(ours, client, of, &[LONG]).await;
    assert!(seen.ends_with(&format!("\r\n\r\n{whole}")) && is_kept);
    let (ours, client) = get();
    let (seen, _) = answer(
        ours,
        client,
        (StatusCode::OK, Length::Unknown),
        &[LONG, b"y"],
    )
    .await;
    let chunks = format!("\r\n\r\n1001\r\n{whole}\r\n1\r\ny\r\n0\r\n\r\n");
    assert!(seen.ends_with(&chunks));
}

#[tokio::test]
async fn some_answers_have_no_body() {
    for (method, status) in [
        ("HEAD", StatusCode::OK),
        ("GET", StatusCode::NO_CONTENT),
        ("GET", StatusCode::NOT_MODIFIED),
    ] {
        let (ours, client) = session(&format!("{method} /a HTTP/1.1\nHost: a"), b"");
        let (seen, is_kept) = answer(ours, client, (status, Length::Known(4)), &[b"body"]).await;
        assert!(seen.ends_with("Connection: keep-alive\r\n\r\n"), "{seen}");
        let has_length = status != StatusCode::NO_CONTENT;
        assert_eq!(seen.contains("Content-Length: 4"), has_length, "{seen}");
        assert!(is_kept);
    }
}

#[tokio::test]
async fn a_body_is_not_longer_than_was_said() {
    let (mut ours, _client) = get();
    let begun = ours.begin(StatusCode::OK, [], Length::Known(3), noon());
    begun.await.expect("begun");
    let wrote = ours.write(Bytes::from_static(b"body"), true).await;
    assert_eq!(
        wrote.map_err(|error| error.kind()),
        Err(io::ErrorKind::InvalidInput)
    );
    assert!(ours.finish().await.is_none());
}

#[tokio::test]
async fn an_answer_begins_once() {
    let (mut ours, _client) = get();
    let begun = ours.begin(StatusCode::OK, [], Length::Known(0), noon());
    begun.await.expect("begun");
    let again = ours.begin(StatusCode::OK, [], Length::Known(0), noon());
    let again = again.await.map_err(|error| error.kind());
    assert_eq!(again, Err(io::ErrorKind::InvalidInput));
}

#[tokio::test]
async fn what_is_behind_the_request_is_not_served() {
    let post = "POST /a HTTP/1.1\nHost: a\nContent-Length: 4";
    for (with_it, is_kept) in [(&b"body"[..], true), (b"bodyGET / HTTP/1.1\r\n", false)] {
        let (mut ours, client) = session(post, with_it);
        assert_eq!(body(&mut ours).await.expect("whole"), b"body");
        let (seen, kept) = answer(ours, client, (StatusCode::OK, Length::Known(0)), &[b""]).await;
        assert_eq!(kept, is_kept);
        assert_eq!(seen.contains("Connection: close"), !is_kept);
    }
    // Nor is the rest of a body that was not read.
    let (ours, client) = session(post, b"bo");
    let (seen, kept) = answer(ours, client, (StatusCode::OK, Length::Known(0)), &[b""]).await;
    assert!(!kept && seen.contains("Connection: close"));
}

#[tokio::test]
async fn a_client_that_waits_is_asked_for_its_body() {
    let waits = "POST /a HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 4";
    let (mut ours, mut client) = session(waits, b"");
    ours.ask_for_body().await.expect("told");
    let told = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut seen = vec![0; told.len()];
    client.read_exact(&mut seen).await.expect("told");
    assert_eq!(seen, told);
    client.write_all(b"body").await.expect("sent");
    assert_eq!(body(&mut ours).await.expect("whole"), b"body");
    // Nobody else is.
    let (seen, kept) = answer(ours, client, (StatusCode::OK, Length::Known(0)), &[b""]).await;
    assert!(kept && seen.starts_with("HTTP/1.1 200 OK\r\n"));
    let (mut ours, mut client) = get();
    ours.ask_for_body().await.expect("nothing to tell");
    drop(ours);
    let mut seen = Vec::new();
    client.read_to_end(&mut seen).await.expect("closed");
    assert_eq!(seen, b"");
}

#[tokio::test]
async fn a_client_that_leaves_is_no_end_of_its_body() {
    for framing in ["Content-Length: 4", "Transfer-Encoding: chunked"] {
        let (mut ours, client) =
            session(&format!("POST /a HTTP/1.1\nHost: a\n{framing}"), b"4\r\n");
        drop(client);
        let read = body(&mut ours).await;
        let kind = read.map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::UnexpectedEof), "{framing}");
    }
    let chunked = "POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked";
    let (mut ours, client) = session(chunked, b"4;x\r\nbody");
    let kind = body(&mut ours).await.map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::InvalidData));
    let (_, kept) = answer(
        ours,
        client,
        (StatusCode::BAD_REQUEST, Length::Known(0)),
        &[b""],
    )
    .await;
    assert!(!kept);
}

/// Runs something without a runtime of its own each time.
fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

proptest! {
    /// However a body comes, it is read as it was sent.
    #[test]
    fn bodies_are_read_as_they_were_sent(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..8),
        is_chunked: bool,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let whole = chunks.concat();
        let (framing, sent) = match is_chunked {
            false => (format!("Content-Length: {}", whole.len()), whole.clone()),
            true => {
                let mut sent = Vec::new();
                for chunk in &chunks {
                    sent.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                    sent.extend_from_slice(chunk);
                    sent.extend_from_slice(b"\r\n");
                }
                sent.extend_from_slice(b"0\r\n\r\n");
                ("Transfer-Encoding: chunked".to_owned(), sent)
            }
        };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(sent.len() + 1)).collect();
        cuts.sort_unstable();
        let first = cuts.first().copied().unwrap_or(0);
        let header = format!("POST /a HTTP/1.1\nHost: a\n{framing}");
        let (read, is_read) = run(async {
            let (mut ours, mut client) = session(&header, sent.get(..first).expect("in it"));
            let sending = async {
                let mut from = first;
                for to in cuts.iter().copied().chain([sent.len()]) {
                    client.write_all(sent.get(from..to).expect("in order")).await.expect("sent");
                    tokio::task::yield_now().await;
                    from = to;
                }
            };
            let (read, ()) = tokio::join!(body(&mut ours), sending);
            (read.expect("whole"), ours.is_body_read())
        });
        prop_assert_eq!(read, whole);
        prop_assert!(is_read);
    }
}
