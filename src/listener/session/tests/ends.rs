//! How a connection ends, if nobody may take its end for a good one.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::TcpListener;

use super::*;

/// A connection whose good-bye the other end never takes, as TLS can have it.
struct Mute(DuplexStream);

impl AsyncRead for Mute {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Mute {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl Duplex for Mute {
    fn reset(&mut self) {}
}

/// A session with a client that speaks HTTP/1.0, over a connection that the kernel can reset.
async fn over_tcp() -> (Session, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let client = TcpStream::connect(address).await.expect("connected");
    let (ours, _) = listener.accept().await.expect("accepted");
    let block = Bytes::from("GET /a HTTP/1.0\r\n\r\n");
    let request = Request::read(block, &LIMITS).expect("it passes");
    let session = Session::new(Box::new(ours), request, BytesMut::new());
    (session, client)
}

/// HTTP/1.0 has no other sign of a cut answer.
#[tokio::test]
async fn an_answer_that_ends_with_the_connection_is_cut_by_a_reset() {
    for (is_whole, expected) in [
        (true, Ok("x")),
        (false, Err(io::ErrorKind::ConnectionReset)),
    ] {
        let (mut ours, mut client) = over_tcp().await;
        let begun = ours.begin(StatusCode::OK, [], Length::Unknown, noon());
        begun.await.expect("begun");
        let wrote = ours.write(Bytes::from_static(b"x"), is_whole).await;
        wrote.expect("written");
        assert!(ours.finish().await.is_none());
        let mut seen = String::new();
        let read = client.read_to_string(&mut seen).await;
        let end = read.map_err(|error| error.kind());
        let end = end.map(|_| seen.rsplit("\r\n\r\n").next().unwrap_or_default());
        assert_eq!(end, expected);
    }
}

/// Nor has it if the client took nothing for too long.
#[tokio::test]
async fn an_answer_that_stood_still_is_cut_by_a_reset() {
    let (mut ours, mut client) = over_tcp().await;
    ours.set_write_timeout(Duration::from_millis(10));
    let begun = ours.begin(StatusCode::OK, [], Length::Unknown, noon());
    begun.await.expect("begun");
    // More than any buffer between the two takes.
    let long = Bytes::from(vec![b'x'; 64 << 20]);
    assert!(ours.write(long, false).await.is_err());
    assert!(ours.finish().await.is_none());
    let mut seen = Vec::new();
    let read = client.read_to_end(&mut seen).await;
    let end = read.map_err(|error| error.kind());
    assert_eq!(end, Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_left() {
    let (ours, client) = duplex(16);
    let block = Bytes::from("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    let request = Request::read(block, &LIMITS).expect("it passes");
    let mut ours = Session::new(Box::new(ours), request, BytesMut::new());
    ours.set_write_timeout(Duration::from_secs(5));
    let begun = ours
        .begin(StatusCode::OK, [], Length::Unknown, noon())
        .await;
    assert_eq!(
        begun.map_err(|error| error.kind()),
        Err(io::ErrorKind::TimedOut)
    );
    // Nothing can follow what was written in part.
    let wrote = ours.write(Bytes::from_static(b"body"), true).await;
    assert_eq!(
        wrote.map_err(|error| error.kind()),
        Err(io::ErrorKind::BrokenPipe)
    );
    assert!(ours.finish().await.is_none());
    drop(client);
    // A header that waits for its body has a deadline, too.
    let (ours, client) = duplex(16);
    let block = Bytes::from("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    let request = Request::read(block, &LIMITS).expect("it passes");
    let mut ours = Session::new(Box::new(ours), request, BytesMut::new());
    let begun = ours.begin(StatusCode::OK, [], Length::Known(1), noon());
    begun.await.expect("it waits");
    assert!(ours.finish().await.is_none());
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_good_bye_has_a_deadline() {
    let (ours, _client) = duplex(1 << 10);
    let block = Bytes::from("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let request = Request::read(block, &LIMITS).expect("it passes");
    let mut ours = Session::new(Box::new(Mute(ours)), request, BytesMut::new());
    let begun = ours.begin(StatusCode::OK, [], Length::Known(0), noon());
    begun.await.expect("begun");
    ours.write(Bytes::new(), true).await.expect("written");
    // Without one this would wait for ever.
    let finished = tokio::time::timeout(Duration::from_secs(3_600), ours.finish()).await;
    assert!(finished.expect("it ends").is_none());
}
