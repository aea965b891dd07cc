//! Bodies of answers: text, generated logs, and both cut short.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// One piece of a generated log, in bytes.
const PIECE: u64 = 64 * 1024;

/// The length of a log's line, in bytes.
const LINE: u64 = 32;

/// A body in pieces. It says nothing of its length: that is for the header to say.
#[derive(Debug)]
pub(super) struct Pieces {
    text: Bytes,
    log: Range<u64>,
    /// Bytes until the cut.
    left: Option<u64>,
    /// The last piece before the cut is given time to leave.
    flushed: bool,
}

impl Pieces {
    /// `text`, then the bytes `log` of a simulated log; broken off after `cut` bytes.
    pub(super) fn new(text: Bytes, log: Range<u64>, cut: Option<u64>) -> Pieces {
        Pieces {
            text,
            log,
            left: cut,
            flushed: false,
        }
    }

    fn next(&mut self) -> Bytes {
        if !self.text.is_empty() {
            return std::mem::take(&mut self.text);
        }
        let end = self.log.start.saturating_add(PIECE).min(self.log.end);
        let piece = log_bytes(self.log.start..end);
        self.log.start = end;
        piece
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == Some(0) {
            if !self.flushed {
                // An error at once would take with it what is still in the connection's buffer.
                self.flushed = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::Error::other("cut on purpose"))));
        }
        let mut piece = self.next();
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(left) = self.left {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            self.left = Some(left - piece.len() as u64);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.text.is_empty() && self.log.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

/// Bytes of a simulated log, which is the same at every place of every task: numbered lines of 32
/// bytes.
pub(super) fn log_bytes(range: Range<u64>) -> Bytes {
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
    let mut text = String::with_capacity(length + 64);
    let mut line = range.start / LINE;
    let skip = usize::try_from(range.start % LINE).unwrap_or(0);
    while text.len() < skip + length {
        text.push_str(&format!("INFO [main] Line {line:>14}\n"));
        line += 1;
    }
    Bytes::from(text).slice(skip..skip + length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[test]
    fn any_part_of_a_log_is_the_part_of_the_whole() {
        let whole = log_bytes(0..1_000);
        assert_eq!(
            &whole[..64],
            b"INFO [main] Line              0\nINFO [main] Line              1\n"
        );
        for (from, to) in [(0, 0), (1, 31), (31, 33), (500, 1_000)] {
            let range = usize::try_from(from).expect("small")..usize::try_from(to).expect("small");
            assert_eq!(log_bytes(from..to), whole.slice(range), "{from} {to}");
        }
    }

    #[tokio::test]
    async fn a_cut_comes_where_it_was_asked_for() {
        for cut in [0, 1, PIECE, PIECE + 1, 200_000] {
            let mut body = Pieces::new(Bytes::new(), 0..1_000_000, Some(cut));
            let mut seen = 0;
            let end = loop {
                match body.frame().await {
                    Some(Ok(frame)) => seen += frame.into_data().expect("data").len() as u64,
                    other => break other,
                }
            };
            assert_eq!(seen, cut);
            assert!(matches!(end, Some(Err(_))), "{cut}");
        }
        let whole = Pieces::new(Bytes::from_static(b"ab"), 0..64, None)
            .collect()
            .await
            .expect("whole");
        assert_eq!(whole.to_bytes().len(), 66);
    }
}
