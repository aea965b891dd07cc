//! One connection to a node, and the exchange that runs on it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use pingora::protocols::Stream;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout_at};

use super::super::within::within;
use super::Malformed;
use super::chunked::{Chunked, Step};
use super::head::{self, Begun, Framing, Head};

/// Room for an answer's header and, of most, the body.
const FIRST: usize = 8 * 1024;

/// So much of a long body is read at a time.
const PIECE: usize = 64 * 1024;

/// Room that is worth a read.
const WORTH: usize = 4 * 1024;

/// Why an exchange with a node ended.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Reading or writing failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// It was closed before the answer's end.
    #[error("the connection was closed")]
    Closed,
    /// The node took nothing, or said nothing, for too long.
    #[error("the node was silent for too long")]
    Silent,
    /// Its answer means nothing, or two things.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// What is left of an answer's body.
#[derive(Debug)]
enum Left {
    Bytes(u64),
    Chunks(Chunked),
    UntilClose,
}

/// A connection on which one exchange runs at a time.
#[derive(Debug)]
pub(in super::super) struct Connection {
    stream: Stream,
    /// What has come and was not taken yet.
    buffer: BytesMut,
    left: Left,
    /// May another request follow?
    keeps: bool,
}

impl Connection {
    pub(in super::super) fn new(stream: Stream) -> Connection {
        Connection {
            stream,
            buffer: BytesMut::new(),
            left: Left::Bytes(0),
            keeps: true,
        }
    }

    /// Writes a request; each time the node takes a piece it gets `pause` for the next.
    ///
    /// # Errors
    /// [`WireError::Io`], [`WireError::Silent`]; the node may have answered all the same.
    pub(in super::super) async fn write(
        &mut self,
        head: Bytes,
        body: Bytes,
        pause: Duration,
    ) -> Result<(), WireError> {
        let mut rest = head.chain(body);
        // Without an answer, or with a part of the request written, no other can follow.
        self.left = Left::UntilClose;
        self.keeps = false;
        while rest.has_remaining() {
            let wrote = self.stream.write_buf(&mut rest);
            if within(pause, wrote).await.ok_or(WireError::Silent)?? == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
        }
        let flushed = within(pause, self.stream.flush()).await;
        flushed.ok_or(WireError::Silent)??;
        self.keeps = true;
        Ok(())
    }

    /// Reads up to the final answer's header, which must be here by `deadline`.
    ///
    /// # Errors
    /// [`WireError`]; after it the connection is of no use.
    pub(in super::super) async fn read_head(
        &mut self,
        deadline: Instant,
    ) -> Result<Head, WireError> {
        let head = timeout_at(deadline, self.final_head()).await;
        head.unwrap_or(Err(WireError::Silent))
    }

    async fn final_head(&mut self) -> Result<Head, WireError> {
        loop {
            if !self.buffer.is_empty()
                && let Some((begun, length)) = head::read(&self.buffer)?
            {
                self.buffer.advance(length);
                let Begun {
                    head,
                    framing,
                    keeps,
                } = begun;
                if head.status.is_informational() {
                    continue;
                }
                self.keeps &= keeps;
                self.left = match framing {
                    Framing::Length(length) => Left::Bytes(length),
                    Framing::Chunked => Left::Chunks(Chunked::new()),
                    Framing::UntilClose => Left::UntilClose,
                };
                return Ok(head);
            }
            if self.read(FIRST).await? == 0 {
                return Err(WireError::Closed);
            }
        }
    }

    /// How many bytes the body still has, where that is known.
    pub(in super::super) fn left(&self) -> Option<u64> {
        match self.left {
            Left::Bytes(left) => Some(left),
            Left::Chunks(_) | Left::UntilClose => None,
        }
    }

    /// The next piece of the body, never an empty one; `None` at its end. It can be broken off
    /// and goes on where it was.
    ///
    /// # Errors
    /// [`WireError`]: the body was cut, or nothing came for as long as `pause`.
    pub(in super::super) async fn piece(
        &mut self,
        pause: Duration,
    ) -> Result<Option<Bytes>, WireError> {
        loop {
            match &mut self.left {
                Left::Bytes(0) => return Ok(None),
                Left::Bytes(left) if !self.buffer.is_empty() => {
                    let here = self.buffer.len();
                    let taken = usize::try_from(*left).map_or(here, |left| left.min(here));
                    *left -= taken as u64;
                    return Ok(Some(self.buffer.split_to(taken).freeze()));
                }
                Left::UntilClose if !self.buffer.is_empty() => {
                    return Ok(Some(self.buffer.split().freeze()));
                }
                Left::Bytes(_) | Left::UntilClose => {}
                Left::Chunks(chunked) => match chunked.step(&mut self.buffer)? {
                    Step::Piece(piece) => return Ok(Some(piece)),
                    Step::End => {
                        self.left = Left::Bytes(0);
                        return Ok(None);
                    }
                    Step::More => {}
                },
            }
            let room = match self.left {
                Left::Bytes(left) => usize::try_from(left).map_or(PIECE, |left| left.min(PIECE)),
                Left::Chunks(_) | Left::UntilClose => PIECE,
            };
            let read = within(pause, self.read(room)).await;
            if read.ok_or(WireError::Silent)?? == 0 {
                return match self.left {
                    Left::UntilClose => {
                        self.left = Left::Bytes(0);
                        Ok(None)
                    }
                    Left::Bytes(_) | Left::Chunks(_) => Err(WireError::Closed),
                };
            }
        }
    }

    async fn read(&mut self, room: usize) -> io::Result<usize> {
        let free = self.buffer.capacity() - self.buffer.len();
        if free < room.min(WORTH) {
            self.buffer.reserve(room);
        }
        self.stream.read_buf(&mut self.buffer).await
    }

    /// Can another request follow? Asked after the end of an answer.
    pub(super) fn is_reusable(&self) -> bool {
        self.keeps && self.left() == Some(0) && self.buffer.is_empty()
    }

    /// It waits from now on, and needs no buffer for that.
    pub(super) fn rest(&mut self) {
        self.buffer = BytesMut::new();
    }

    /// What tells it from others.
    #[cfg(test)]
    pub(super) fn id(&self) -> pingora::protocols::UniqueIDType {
        self.stream.id()
    }

    /// Has it neither been closed nor said anything that nobody asked for? What tokio's driver
    /// has seen counts, which rarely takes a system call.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let read = poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut byte));
        // A task that has used up its budget would be told of every connection that it is quiet.
        let read = pin!(unconstrained(read));
        let mut context = Context::from_waker(Waker::noop());
        read.poll(&mut context).is_pending()
    }
}

#[cfg(test)]
mod tests {
    use pingora::protocols::l4::stream::Stream as L4Stream;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let ours = TcpStream::connect(address).await.expect("connected");
        let (theirs, _) = listener.accept().await.expect("accepted");
        (Connection::new(Box::new(L4Stream::from(ours))), theirs)
    }

    async fn exchange(answer: &[u8], closes: bool) -> (Result<Vec<u8>, WireError>, Connection) {
        let (mut connection, mut node) = pair().await;
        node.write_all(answer).await.expect("taken");
        let node = (!closes).then_some(node);
        let read = async {
            let head = Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n");
            connection.write(head, Bytes::new(), LONG).await?;
            connection.read_head(Instant::now() + LONG).await?;
            let mut body = Vec::new();
            while let Some(piece) = connection.piece(LONG).await? {
                assert!(!piece.is_empty());
                body.extend_from_slice(&piece);
            }
            Ok(body)
        }
        .await;
        drop(node);
        (read, connection)
    }

    #[tokio::test]
    async fn an_answer_ends_where_it_says() {
        let cases: [(&str, bool, &str, bool); 8] = [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                false,
                "abc",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                false,
                "",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                false,
                "abc",
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nabc", true, "abc", false),
            ("HTTP/1.1 204 No Content\r\n\r\n", false, "", true),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
                false,
                "a",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
                false,
                "a",
                false,
            ),
            // Something follows that nobody asked for.
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK",
                false,
                "a",
                false,
            ),
        ];
        for (answer, closes, body, is_reusable) in cases {
            let (read, connection) = exchange(answer.as_bytes(), closes).await;
            assert_eq!(read.expect(answer), body.as_bytes(), "{answer}");
            assert_eq!(connection.is_reusable(), is_reusable, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_cut_answer_is_no_answer() {
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        ] {
            let (read, connection) = exchange(answer.as_bytes(), true).await;
            assert!(read.is_err(), "{answer}: {read:?}");
            assert!(!connection.is_reusable(), "{answer}");
        }
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_waited_for() {
        let (mut connection, _node) = pair().await;
        let read = connection.read_head(Instant::now()).await;
        assert!(matches!(read, Err(WireError::Silent)), "{read:?}");
    }

    #[tokio::test]
    async fn a_body_that_stops_is_not_waited_for() {
        let (mut connection, mut node) = pair().await;
        let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab";
        node.write_all(begun).await.expect("taken");
        let head = connection.read_head(Instant::now() + LONG).await;
        assert_eq!(head.expect("answered").status, 200);
        let pause = Duration::from_millis(1);
        assert_eq!(
            connection.piece(pause).await.expect("a piece"),
            Some("ab".into())
        );
        let stopped = timeout(LONG, connection.piece(pause)).await;
        let stopped = stopped.expect("not waited for");
        assert!(matches!(stopped, Err(WireError::Silent)), "{stopped:?}");
        // And goes on where it was.
        node.write_all(b"c").await.expect("taken");
        assert_eq!(
            connection.piece(LONG).await.expect("a piece"),
            Some("c".into())
        );
        assert_eq!(connection.piece(LONG).await.expect("the end"), None);
    }

    #[tokio::test]
    async fn what_is_written_in_part_leaves_no_connection() {
        let (mut connection, mut node) = pair().await;
        // More than two sockets hold, of which the node reads nothing.
        let body = Bytes::from(vec![b'x'; 64 << 20]);
        let wrote = connection.write(Bytes::new(), body, Duration::from_millis(20));
        assert!(matches!(wrote.await, Err(WireError::Silent)));
        // It has answered all the same.
        let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
        node.write_all(answer).await.expect("taken");
        let head = connection.read_head(Instant::now() + LONG).await;
        assert_eq!(head.expect("answered").status, 413);
        assert!(!connection.is_reusable());
    }
}
