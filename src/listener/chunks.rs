//! A chunked body, read strictly: what two parsers could read differently is refused.
//!
//! A proxy in front that ends a chunk's extension at a bare line feed sees other chunks than one
//! that does not, and another next request. So only what every parser reads alike passes: a size in
//! plain hexadecimal, CRLF, so many bytes, CRLF, and an end without trailers. RFC 9112 lets a server
//! ignore extensions and trailers; no client of Druid's sends any, so they are refused with
//! everything else. What passes keeps its connection.

use bytes::{Buf as _, Bytes, BytesMut};

/// More digits than any body here can have.
const MOST_DIGITS: u8 = 8;

/// Follows a chunked body from its first byte to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chunks {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a size, after so many digits.
    Size {
        digits: u8,
        value: u64,
    },
    /// After a size's CR.
    SizeEnd(u64),
    /// So many bytes of the chunk are to come.
    Inside(u64),
    /// Before a chunk's CR, or after it.
    ChunkEnd {
        cr: bool,
    },
    /// After the last size: before the empty line's CR, or after it.
    End {
        cr: bool,
    },
    Over,
}

impl Default for State {
    fn default() -> State {
        State::Size {
            digits: 0,
            value: 0,
        }
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A piece, never empty.
    Piece(Bytes),
    /// More must come first.
    More,
    /// That was all; what follows is another request's.
    End,
}

/// The body is not plainly chunked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body's chunks are malformed")]
pub(super) struct Malformed;

impl Chunks {
    /// Takes the body's next piece out of what has come.
    ///
    /// # Errors
    /// [`Malformed`]
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Step, Malformed> {
        while let Some(first) = buffer.first().copied() {
            self.state = match self.state {
                State::Over => return Ok(Step::End),
                State::Inside(left) => {
                    let here = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(buffer.len());
                    self.state = match left - here as u64 {
                        0 => State::ChunkEnd { cr: false },
                        left => State::Inside(left),
                    };
                    return Ok(Step::Piece(buffer.split_to(here).freeze()));
                }
                State::Size { digits, value } => match (first, char::from(first).to_digit(16)) {
                    (_, Some(digit)) if digits < MOST_DIGITS => State::Size {
                        digits: digits + 1,
                        value: value * 16 + u64::from(digit),
                    },
                    (b'\r', _) if digits > 0 => State::SizeEnd(value),
                    _ => return Err(Malformed),
                },
                State::SizeEnd(0) if first == b'\n' => State::End { cr: false },
                State::SizeEnd(size) if first == b'\n' => State::Inside(size),
                State::ChunkEnd { cr: false } if first == b'\r' => State::ChunkEnd { cr: true },
                State::ChunkEnd { cr: true } if first == b'\n' => State::default(),
                State::End { cr: false } if first == b'\r' => State::End { cr: true },
                State::End { cr: true } if first == b'\n' => State::Over,
                State::SizeEnd(_) | State::ChunkEnd { .. } | State::End { .. } => {
                    return Err(Malformed);
                }
            };
            buffer.advance(1);
        }
        match self.state {
            State::Over => Ok(Step::End),
            _ => Ok(Step::More),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Taken = Result<(Vec<u8>, Option<Vec<u8>>), Malformed>;

    /// Takes a body apart that comes in pieces; gives it and, if it ended, what stands behind it.
    fn take<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Taken {
        let (mut chunks, mut buffer) = (Chunks::default(), BytesMut::new());
        let (mut body, mut is_over) = (Vec::new(), false);
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while !is_over {
                match chunks.take(&mut buffer)? {
                    Step::Piece(piece) => {
                        assert!(!piece.is_empty());
                        body.extend_from_slice(&piece);
                    }
                    Step::More => break,
                    Step::End => is_over = true,
                }
            }
        }
        Ok((body, is_over.then(|| buffer.to_vec())))
    }

    /// The same at every cut.
    fn check(text: &[u8]) -> Taken {
        let whole = take([text]);
        for at in 0..=text.len() {
            let (left, right) = text.split_at(at);
            assert_eq!(take([left, right]), whole, "cut at {at}");
        }
        assert_eq!(take(text.chunks(1)), whole, "byte by byte");
        whole
    }

    #[test]
    fn plain_chunks_pass() {
        for (text, body, rest) in [
            ("0\r\n\r\n", "", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
            ("5\r\nhello\r\n1\r\n\n\r\n0\r\n\r\n", "hello\n", ""),
            ("0000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""),
            ("A\r\n0123456789\r\n00\r\n\r\n", "0123456789", ""),
            ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""),
            // Another request's bytes are judged as such.
            ("0\r\n\r\nGET / HTTP/1.1\r\n", "", "GET / HTTP/1.1\r\n"),
        ] {
            let taken = check(text.as_bytes());
            assert_eq!(taken, Ok((body.into(), Some(rest.into()))), "{text:?}");
        }
        for text in [
            "",
            "5",
            "5\r",
            "5\r\n",
            "5\r\nhel",
            "5\r\nhello",
            "0\r\n",
            "0\r\n\r",
        ] {
            assert!(
                check(text.as_bytes()).is_ok_and(|(_, rest)| rest.is_none()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_does_not() {
        for text in [
            "\r\n",
            "\n",
            "5\nhello\r\n",
            "5\r\rhello",
            "5;a=b\r\nhello",
            "5;\nGET / HTTP/1.1\r\n",
            "5 \r\nhello",
            " 5\r\nhello",
            "+5\r\nhello",
            "-5\r\nhello",
            "0x5\r\nhello",
            "5_0\r\n",
            "g\r\n",
            "000000005\r\nhello",
            "ffffffffffffffff1\r\n",
            "5\r\nhello0\r\n",
            "5\r\nhello\n0\r\n",
            "5\r\nhello\r0",
            "5\r\nhelloo\r\n",
            "5\r\nhell\r\n0\r\n\r\n",
            "0\r\nX: y\r\n\r\n",
            "0\r\n\n",
            "0\n\r\n",
            "0;a\r\n\r\n",
            "0\r\n\rX",
        ] {
            assert_eq!(check(text.as_bytes()), Err(Malformed), "{text:?}");
        }
    }
}
