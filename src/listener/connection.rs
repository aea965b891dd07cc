//! One connection: handshake, header blocks under their deadlines, one request after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::UnixTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::accept::{Arrival, Listener, Serve};
use super::chunks::{Chunks, Step};
use super::drain::{Drain, Phase};
use super::head::{self, Framing, Limits, Refused};
use super::request::Request;
use super::session::{Session, Stream};
use super::tls::Presented;

/// A connection accepted just before the closing phase may still have its first request on the
/// way (1 of 4,670 restarts under load met this): it gets this much more.
const LAST_CALL: Duration = Duration::from_secs(1);

/// A request that follows the last one within this is served where that was.
const SOON: Duration = Duration::from_millis(100);

/// Room for most header blocks.
const BLOCK: usize = 1024;

/// What is read and thrown away after a refusal, so that the answer is not lost in a reset.
const LINGER_BYTES: usize = 256 * 1024;
/// For how long.
const LINGER: Duration = Duration::from_millis(500);

/// What came of the body with the header is judged with it; what comes later breaks the body off.
const MALFORMED_CHUNKS: Refused = Refused {
    status: 400,
    reason: "the body's chunks are malformed, or carry extensions or trailers",
};

/// Deadlines and bounds of connections.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections at once, in all.
    pub max_connections: usize,
    /// Connections at once from one address.
    pub max_connections_per_source: usize,
    /// Of a header block.
    pub limits: Limits,
    /// A whole header block, from its first byte.
    pub header_timeout: Duration,
    /// A new connection's first byte.
    pub first_byte_timeout: Duration,
    /// The next request's first byte.
    pub idle_timeout: Duration,
    /// A TLS handshake.
    pub tls_handshake_timeout: Duration,
}

/// Why a connection was closed without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A bound on connections was reached.
    TooManyConnections,
    /// The TLS handshake failed or took too long.
    HandshakeFailed,
}

/// A header block that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeRefusal {
    /// The connection's other end.
    pub peer: SocketAddr,
    /// Status and reason.
    pub refused: Refused,
    /// From the first byte to the refusal.
    pub after: Duration,
}

enum Stop {
    /// Nothing to say: the peer left.
    Close,
    Refuse(Refused),
}

/// What came of waiting for a header block.
enum First {
    /// Bytes of it, at this time.
    Came(Instant),
    /// Nothing in time.
    Late,
    /// The peer left, or the listener closes.
    Over,
}

/// A connection's other end.
struct End {
    peer: SocketAddr,
    is_tls: bool,
    presented: Option<Presented>,
}

impl<S: Serve> Listener<S> {
    pub(super) async fn connection(self: &Arc<Self>, tcp: TcpStream, peer: SocketAddr) {
        // Answers are joined by us; waiting for more would only delay them.
        let _ = tcp.set_nodelay(true);
        let tls = self.tls.load_full();
        let mut presented = None;
        let mut stream: Stream = match &tls {
            None => Box::new(tcp),
            Some(tls) => {
                let limit = self.settings.load().tls_handshake_timeout;
                match timeout(limit, tls.accept(tcp)).await {
                    Ok(Ok((encrypted, shown))) => {
                        presented = shown;
                        Box::new(encrypted)
                    }
                    Ok(Err(rest)) => {
                        self.serve.turned_away(Verdict::HandshakeFailed);
                        // The alert is written; a reset would take it back.
                        let mut rest: Stream = Box::new(rest);
                        let _ = timeout(LINGER, say_and_close(&mut rest, &[])).await;
                        return;
                    }
                    Err(_) => return self.serve.turned_away(Verdict::HandshakeFailed),
                }
            }
        };
        let mut end = End {
            peer,
            is_tls: tls.is_some(),
            presented,
        };
        drop(tls);
        let mut wait = self.settings.load().first_byte_timeout;
        let mut fresh = true;
        loop {
            let mut block = BytesMut::with_capacity(BLOCK);
            let at = match first_bytes(&mut stream, &mut block, wait, &self.drain, fresh).await {
                First::Came(at) => at,
                First::Late | First::Over => return bid_farewell(stream).await,
            };
            // On the heap, so that a connection that waits is small.
            let kept = Box::pin(self.requests(&mut end, stream, block, at)).await;
            let Some((kept, left)) = kept else {
                return;
            };
            (stream, wait) = (kept, left);
            fresh = false;
        }
    }

    /// Serves requests for as long as one follows the other soon: this has some 7 kB, all of which
    /// are written to put it on the heap. Gives back a connection that waits longer, and how long it
    /// still may. The first request's first bytes are in `block`; they came `at`.
    async fn requests(
        self: &Arc<Self>,
        end: &mut End,
        mut stream: Stream,
        mut block: BytesMut,
        mut at: Instant,
    ) -> Option<(Stream, Duration)> {
        loop {
            let settings = self.settings.load_full();
            let request = match read_head(&mut stream, &mut block, &settings, at).await {
                Ok(request) => request,
                Err(Stop::Close) => {
                    bid_farewell(stream).await;
                    return None;
                }
                Err(Stop::Refuse(refused)) => {
                    let refusal = EdgeRefusal {
                        peer: end.peer,
                        refused,
                        after: at.elapsed(),
                    };
                    let answer = self.serve.refuse(refusal);
                    let _ = timeout(LINGER, say_and_close(&mut stream, &answer)).await;
                    return None;
                }
            };
            drop(settings);
            let certificate = end
                .presented
                .as_mut()
                .map(|shown| shown.names(self.tls.load().as_deref(), UnixTime::now()));
            let arrival = Arrival {
                peer: end.peer,
                at,
                tls: end.is_tls,
                certificate,
            };
            let mut session = Session::new(stream, request, block);
            self.serve.serve(&mut session, arrival).await;
            // Whether it is kept was said in the answer's header: a drain that has begun since does
            // not take it back, or the client's next request would be lost.
            stream = session.finish().await?;
            block = BytesMut::with_capacity(BLOCK);
            let wait = self.settings.load().idle_timeout;
            let soon = wait.min(SOON);
            at = match first_bytes(&mut stream, &mut block, soon, &self.drain, false).await {
                First::Came(at) => at,
                First::Late => return Some((stream, wait.saturating_sub(soon))),
                First::Over => {
                    bid_farewell(stream).await;
                    return None;
                }
            };
        }
    }
}

async fn bid_farewell(mut stream: Stream) {
    let _ = timeout(LINGER, stream.shutdown()).await;
}

/// Waits for the first bytes of a header block.
async fn first_bytes(
    stream: &mut Stream,
    block: &mut BytesMut,
    wait: Duration,
    drain: &Drain,
    fresh: bool,
) -> First {
    let first = tokio::select! {
        biased;
        read = timeout(wait, stream.read_buf(block)) => read,
        () = closing(drain, fresh) => return First::Over,
    };
    match first {
        Ok(Ok(1..)) => First::Came(Instant::now()),
        Ok(Ok(0) | Err(_)) => First::Over,
        Err(_) => First::Late,
    }
}

/// Reads the rest of one header block whose first bytes came `at`; what came of the body with it
/// stays in `block`.
async fn read_head(
    stream: &mut Stream,
    block: &mut BytesMut,
    settings: &Settings,
    at: Instant,
) -> Result<Request, Stop> {
    let until = at + settings.header_timeout;
    loop {
        if let Some(end) = head::end(block) {
            let header = block.split_to(end).freeze();
            let request = Request::read(header, &settings.limits).map_err(Stop::Refuse)?;
            if request.framing() == Framing::Chunked {
                check_chunks(block).map_err(Stop::Refuse)?;
            }
            return Ok(request);
        }
        if block.len() > settings.limits.bytes {
            return Err(Stop::Refuse(Refused {
                status: 431,
                reason: "the header is too large",
            }));
        }
        match timeout_at(until, stream.read_buf(block)).await {
            Ok(Ok(read)) if read > 0 => {}
            Ok(_) => return Err(Stop::Close),
            Err(_) => {
                return Err(Stop::Refuse(Refused {
                    status: 408,
                    reason: "the header did not arrive in time",
                }));
            }
        }
    }
}

/// Judges what has come of a chunked body.
fn check_chunks(body: &[u8]) -> Result<(), Refused> {
    let mut chunks = Chunks::default();
    let mut body = BytesMut::from(body);
    loop {
        match chunks.take(&mut body) {
            Ok(Step::Piece(_)) => {}
            Ok(Step::More | Step::End) => return Ok(()),
            Err(_) => return Err(MALFORMED_CHUNKS),
        }
    }
}

async fn closing(drain: &Drain, fresh: bool) {
    drain.reached(Phase::Closing).await;
    if fresh {
        tokio::time::sleep(LAST_CALL).await;
    }
}

/// Writes the last answer, then reads on for a moment: closing with unread bytes would reset the
/// connection, and the answer with it.
async fn say_and_close(stream: &mut Stream, answer: &[u8]) -> std::io::Result<()> {
    stream.write_all(answer).await?;
    AsyncWriteExt::shutdown(&mut *stream).await?;
    let mut rest = BytesMut::with_capacity(4096);
    let mut total = 0;
    while total < LINGER_BYTES {
        match stream.read_buf(&mut rest).await? {
            0 => break,
            read => total += read,
        }
        rest.clear();
    }
    Ok(())
}
