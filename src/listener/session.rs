//! One exchange on a connection: a checked request, whose body is read, and its answer.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::chunks::{Chunks, Step};
use super::date::with_date;
use super::head::Framing;
use super::request::Request;
use crate::upstream::within;

/// A connection's two directions, encrypted or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    /// Makes the end of the connection one that the other end cannot take for a good one.
    fn reset(&mut self);
}

impl Duplex for TcpStream {
    fn reset(&mut self) {
        // A connection that is gone already cannot be broken.
        let _ = self.set_zero_linger();
    }
}

impl Duplex for TlsStream<TcpStream> {
    fn reset(&mut self) {
        self.get_mut().0.reset();
    }
}

/// A connection.
pub(super) type Stream = Box<dyn Duplex>;

/// So much of a body is read at a time, at most.
const PIECE: usize = 64 * 1024;

/// A chunked body's buffer.
const CHUNKS: usize = 8 * 1024;

/// Room for an answer's header and a short body.
const HEADER: usize = 1024;

/// Pieces up to this size are written together with what stands before them.
const JOINED: usize = 4 * 1024;

/// Until a write timeout is set.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How the body of an answer is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Known(u64),
    /// As long as it takes.
    Unknown,
}

/// What is left of a request's body.
#[derive(Debug)]
enum Body {
    Bytes(u64),
    Chunks(Chunks),
}

/// What is left of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// All of it.
    Awaited,
    /// So many bytes of its body.
    Bytes(u64),
    Chunks,
    /// It ends with the connection.
    UntilClose,
    /// It has no body, whatever its header says: the answer to HEAD, 204, 304.
    Bodiless,
    /// Nothing.
    Done,
}

/// A request whose header is checked, and the connection that it came on.
pub struct Session {
    request: Request,
    stream: Stream,
    /// What has come and was not taken yet.
    buffer: BytesMut,
    body: Body,
    answer: Answer,
    /// The answer's header, until it is written together with what follows.
    out: BytesMut,
    /// May another request follow?
    keeps: bool,
    /// Something was written in part: nothing can follow it.
    is_broken: bool,
    write_timeout: Duration,
}

impl Session {
    /// `buffer` is what has come behind the header.
    pub(super) fn new(stream: Stream, request: Request, buffer: BytesMut) -> Session {
        let body = match request.framing() {
            Framing::None => Body::Bytes(0),
            Framing::Length(length) => Body::Bytes(length),
            Framing::Chunked => Body::Chunks(Chunks::default()),
        };
        Session {
            keeps: !request.closes(),
            request,
            stream,
            buffer,
            body,
            answer: Answer::Awaited,
            out: BytesMut::new(),
            is_broken: false,
            write_timeout: WRITE_TIMEOUT,
        }
    }

    /// The request's header.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// A client that takes nothing for as long as this is gone.
    pub fn set_write_timeout(&mut self, timeout: Duration) {
        self.write_timeout = timeout;
    }

    /// No other request follows. Said in the answer's header, if that is not written yet.
    pub fn close(&mut self) {
        self.keeps = false;
    }

    /// Is all of the request's body read?
    pub fn is_body_read(&self) -> bool {
        matches!(self.body, Body::Bytes(0))
    }

    /// Tells a client that waits for it to send its body.
    ///
    /// # Errors
    /// It is gone, or takes nothing.
    pub async fn ask_for_body(&mut self) -> io::Result<()> {
        if self.request.expects_continue() && !self.is_body_read() {
            self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.write_out(Bytes::new(), b"").await?;
        }
        Ok(())
    }

    /// Appends what comes next of the request's body, at most 64 KiB; 0 at its end. It can be
    /// broken off and goes on where it was.
    ///
    /// # Errors
    /// `InvalidData`: its chunks are malformed; `UnexpectedEof`: the client left; what reading said.
    pub async fn read_body(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        loop {
            match &mut self.body {
                Body::Bytes(0) => return Ok(0),
                Body::Bytes(left) => {
                    let most = usize::try_from(*left).unwrap_or(PIECE).min(PIECE);
                    let read = match self.buffer.len().min(most) {
                        0 => {
                            into.reserve(most);
                            self.stream.read_buf(&mut into.limit(most)).await?
                        }
                        here => {
                            into.extend_from_slice(&self.buffer.split_to(here));
                            here
                        }
                    };
                    if read == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    *left -= read as u64;
                    return Ok(read);
                }
                Body::Chunks(chunks) => {
                    let step = chunks.take(&mut self.buffer).map_err(|malformed| {
                        self.keeps = false;
                        io::Error::new(io::ErrorKind::InvalidData, malformed)
                    })?;
                    match step {
                        Step::Piece(piece) => {
                            into.extend_from_slice(&piece);
                            return Ok(piece.len());
                        }
                        Step::End => {
                            self.body = Body::Bytes(0);
                            return Ok(0);
                        }
                        Step::More => {}
                    }
                }
            }
            self.buffer.reserve(CHUNKS);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Begins the answer. Its header leaves with the first piece of a body whose length is known,
    /// at once otherwise.
    ///
    /// # Errors
    /// The client is gone, or takes nothing; `InvalidInput`: it has begun before.
    pub async fn begin<'f>(
        &mut self,
        status: StatusCode,
        fields: impl IntoIterator<Item = (&'f HeaderName, &'f HeaderValue)>,
        length: Length,
        now: Timestamp,
    ) -> io::Result<()> {
        if self.answer != Answer::Awaited {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let has_none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        let is_bodiless = has_none || self.request.method() == "HEAD";
        self.answer = match length {
            _ if is_bodiless => Answer::Bodiless,
            Length::Known(length) => Answer::Bytes(length),
            Length::Unknown if self.request.is_http_10() => Answer::UntilClose,
            Length::Unknown => Answer::Chunks,
        };
        // What nobody has read, or asked to be read, could be taken for the next request.
        self.keeps &= self.is_body_read() && self.buffer.is_empty();
        self.keeps &= self.answer != Answer::UntilClose;
        let out = &mut self.out;
        out.reserve(HEADER);
        let reason = status.canonical_reason().unwrap_or("-");
        put(out, &["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"]);
        for (name, value) in fields {
            let begin = out.len();
            put(out, &[name.as_str()]);
            titled(out.get_mut(begin..).unwrap_or_default());
            put(out, &[": "]);
            out.put_slice(value.as_bytes());
            put(out, &["\r\n"]);
        }
        with_date(now, |date| put(out, &["Date: ", date, "\r\n"]));
        match length {
            // RFC 9110, section 8.6; RFC 9112, section 6.1.
            _ if status == StatusCode::NO_CONTENT => {}
            Length::Known(length) => {
                let mut digits = itoa::Buffer::new();
                put(out, &["Content-Length: ", digits.format(length), "\r\n"]);
            }
            // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
            Length::Unknown if self.request.is_http_10() => {}
            Length::Unknown => put(out, &["Transfer-Encoding: chunked\r\n"]),
        }
        let kept = if self.keeps { "keep-alive" } else { "close" };
        put(out, &["Connection: ", kept, "\r\n\r\n"]);
        match length {
            Length::Known(_) => Ok(()),
            Length::Unknown => self.write_out(Bytes::new(), b"").await,
        }
    }

    /// Writes a piece of the answer's body; the last one ends it.
    ///
    /// # Errors
    /// The client is gone, or takes nothing; `InvalidInput`: the body is longer than was said.
    pub async fn write(&mut self, mut piece: Bytes, is_last: bool) -> io::Result<()> {
        let mut behind: &'static [u8] = b"";
        match &mut self.answer {
            Answer::Awaited | Answer::Done => return Ok(()),
            Answer::Bodiless => piece.clear(),
            Answer::UntilClose => {}
            Answer::Bytes(left) => {
                let rest = left.checked_sub(piece.len() as u64);
                *left = rest.ok_or(io::ErrorKind::InvalidInput)?;
            }
            Answer::Chunks => {
                behind = match (piece.is_empty(), is_last) {
                    (true, false) => b"",
                    (true, true) => b"0\r\n\r\n",
                    (false, false) => b"\r\n",
                    (false, true) => b"\r\n0\r\n\r\n",
                };
                if !piece.is_empty() {
                    self.out
                        .extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                }
            }
        }
        if piece.len() <= JOINED {
            self.out.extend_from_slice(&piece);
            piece.clear();
        }
        self.write_out(piece, behind).await?;
        let is_short = matches!(self.answer, Answer::Bytes(left) if left > 0);
        if is_last && !is_short {
            self.answer = Answer::Done;
        }
        Ok(())
    }

    /// Writes what waits, and these behind it.
    async fn write_out(&mut self, piece: Bytes, behind: &'static [u8]) -> io::Result<()> {
        if self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut rest = self.out.split().chain(piece).chain(behind);
        if !rest.has_remaining() {
            return Ok(());
        }
        // So it stays if this fails, takes too long or is broken off.
        self.is_broken = true;
        let stream = &mut self.stream;
        let wrote = within(self.write_timeout, async {
            stream.write_all_buf(&mut rest).await?;
            stream.flush().await
        });
        wrote.await.ok_or(io::ErrorKind::TimedOut)??;
        self.is_broken = false;
        Ok(())
    }

    /// Ends it: gives the connection back if another request may follow on it, and says good-bye
    /// otherwise. An answer that was not written to its end is cut so that the client sees it.
    pub(super) async fn finish(mut self) -> Option<Stream> {
        if self.keeps && !self.is_broken && self.answer == Answer::Done && self.is_body_read() {
            return Some(self.stream);
        }
        // Not if something was written in part; it has a deadline.
        let wrote = self.write_out(Bytes::new(), b"").await;
        if self.answer == Answer::UntilClose {
            // Its end would be a good one.
            self.stream.reset();
            return None;
        }
        wrote.ok()?;
        let _gone = within(self.write_timeout, self.stream.shutdown()).await;
        None
    }
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.put_slice(part.as_bytes());
    }
}

/// `content-type` as `Content-Type`: not all who read headers know that it is the same.
fn titled(name: &mut [u8]) {
    let mut is_first = true;
    for byte in name {
        if is_first {
            byte.make_ascii_uppercase();
        }
        is_first = *byte == b'-';
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

#[cfg(test)]
mod tests;
