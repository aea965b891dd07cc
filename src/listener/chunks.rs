//! The strict check of a chunked body, on its raw bytes, before any parser has seen them.
//!
//! Pingora takes any octet inside a chunk's extension, a bare line feed too, up to 8 KiB of it (run
//! on 0.9.1). A proxy in front that ends the line there sees other chunks than we do, and another
//! next request. So only what every parser reads alike passes: a size in plain hexadecimal, CRLF,
//! so many bytes, CRLF, and an end without trailers. RFC 9112 lets a server ignore extensions and
//! trailers; no client of Druid's sends any, so they are refused with everything else. What passes
//! keeps its connection.

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
    Size { digits: u8, value: u64 },
    /// After a size's CR.
    SizeEnd(u64),
    /// So many bytes of the chunk are to come.
    Inside(u64),
    /// Before a chunk's CR, or after it.
    ChunkEnd { cr: bool },
    /// After the last size: before the empty line's CR, or after it.
    End { cr: bool },
    /// What follows is another request's.
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

/// The body is not plainly chunked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body's chunks are malformed")]
pub(super) struct Malformed;

impl Chunks {
    /// Takes the next bytes, cut anywhere.
    ///
    /// # Errors
    /// [`Malformed`]
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while let Some((first, rest)) = bytes.split_first() {
            self.state = match self.state {
                State::Over => return Ok(()),
                State::Inside(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    self.state = match left - here as u64 {
                        0 => State::ChunkEnd { cr: false },
                        left => State::Inside(left),
                    };
                    continue;
                }
                State::Size { digits, value } => match (first, char::from(*first).to_digit(16)) {
                    (_, Some(digit)) if digits < MOST_DIGITS => State::Size {
                        digits: digits + 1,
                        value: value * 16 + u64::from(digit),
                    },
                    (b'\r', _) if digits > 0 => State::SizeEnd(value),
                    _ => return Err(Malformed),
                },
                State::SizeEnd(0) if *first == b'\n' => State::End { cr: false },
                State::SizeEnd(size) if *first == b'\n' => State::Inside(size),
                State::ChunkEnd { cr: false } if *first == b'\r' => State::ChunkEnd { cr: true },
                State::ChunkEnd { cr: true } if *first == b'\n' => State::default(),
                State::End { cr: false } if *first == b'\r' => State::End { cr: true },
                State::End { cr: true } if *first == b'\n' => State::Over,
                State::SizeEnd(_) | State::ChunkEnd { .. } | State::End { .. } => {
                    return Err(Malformed);
                }
            };
            bytes = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same at every cut.
    fn check(text: &[u8]) -> Result<State, Malformed> {
        let mut whole = Chunks::default();
        let verdict = whole.push(text).map(|()| whole.state);
        for at in 0..=text.len() {
            let (left, right) = text.split_at(at);
            let mut parts = Chunks::default();
            let both = parts.push(left).and_then(|()| parts.push(right));
            assert_eq!(both.map(|()| parts.state), verdict, "cut at {at}");
        }
        let mut bytes = Chunks::default();
        let each = text.iter().try_for_each(|byte| bytes.push(&[*byte]));
        assert_eq!(each.map(|()| bytes.state), verdict, "byte by byte");
        verdict
    }

    #[test]
    fn plain_chunks_pass() {
        for text in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n1\r\n\n\r\n0\r\n\r\n",
            "0000000a\r\n0123456789\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n00\r\n\r\n",
            "2\r\n\r\n\r\n0\r\n\r\n",
            // Another request's bytes are judged as such.
            "0\r\n\r\nGET / HTTP/1.1\r\n",
        ] {
            assert_eq!(check(text.as_bytes()), Ok(State::Over), "{text:?}");
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
                check(text.as_bytes()).is_ok_and(|state| state != State::Over),
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
