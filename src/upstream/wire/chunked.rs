//! A chunked body (RFC 9112, section 7.1), taken apart in its buffer without being copied.

use bytes::{Buf as _, Bytes, BytesMut};

use super::Malformed;

/// A line of size and extensions is at most this long, and so is a trailer.
const LONGEST_LINE: usize = 1024;

/// Trailers, which are dropped, are at most so many.
const MOST_TRAILERS: usize = 64;

/// So many hexadecimal digits fit the size.
const DIGITS: usize = 15;

/// How far a body has been taken apart.
#[derive(Debug)]
pub(super) struct Chunked(State);

#[derive(Debug)]
enum State {
    Size,
    /// So much of a chunk is left.
    Inside(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// So many trailers were dropped.
    Trailers(usize),
    Over,
    /// What came meant nothing; neither does what follows.
    Broken,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A piece, never empty.
    Piece(Bytes),
    /// More must come first.
    More,
    /// That was all.
    End,
}

impl Chunked {
    pub(super) fn new() -> Chunked {
        Chunked(State::Size)
    }

    /// The next piece of what has come.
    ///
    /// # Errors
    /// [`Malformed`]; the body cannot be taken further.
    pub(super) fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, Malformed> {
        loop {
            self.0 = match std::mem::replace(&mut self.0, State::Broken) {
                State::Size => match line(buffer)? {
                    None => return self.more(State::Size),
                    Some(line) => match size(&line)? {
                        0 => State::Trailers(0),
                        size => State::Inside(size),
                    },
                },
                State::Inside(0) => State::ChunkEnd,
                State::Inside(left) => {
                    if buffer.is_empty() {
                        return self.more(State::Inside(left));
                    }
                    let here = buffer.len();
                    let taken = usize::try_from(left).map_or(here, |left| left.min(here));
                    self.0 = State::Inside(left - taken as u64);
                    return Ok(Step::Piece(buffer.split_to(taken).freeze()));
                }
                State::ChunkEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        State::Size
                    }
                    Some(_) => return Err(Malformed("a chunk does not end where it says")),
                    None => return self.more(State::ChunkEnd),
                },
                State::Trailers(count) => match line(buffer)? {
                    None => return self.more(State::Trailers(count)),
                    Some(line) if line.is_empty() => State::Over,
                    Some(_) if count == MOST_TRAILERS => {
                        return Err(Malformed("there are too many trailers"));
                    }
                    Some(_) => State::Trailers(count + 1),
                },
                State::Over => {
                    self.0 = State::Over;
                    return Ok(Step::End);
                }
                State::Broken => return Err(Malformed("the body is broken")),
            };
        }
    }

    fn more(&mut self, state: State) -> Result<Step, Malformed> {
        self.0 = state;
        Ok(Step::More)
    }
}

/// The next line without its end; `None`: it has not come.
fn line(buffer: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
    let within = buffer.get(..LONGEST_LINE).unwrap_or(buffer);
    let Some(at) = within.iter().position(|byte| *byte == b'\n') else {
        return match buffer.len() < LONGEST_LINE {
            true => Ok(None),
            false => Err(Malformed("a line between chunks is too long")),
        };
    };
    let mut line = buffer.split_to(at + 1);
    match line.strip_suffix(b"\r\n") {
        Some(text) if !text.contains(&b'\r') => {
            line.truncate(at - 1);
            Ok(Some(line))
        }
        _ => Err(Malformed("a line between chunks does not end with CRLF")),
    }
}

/// The size at the beginning of a line; extensions mean nothing to us.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    let malformed = Malformed("a chunk's size is not a hexadecimal number");
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = digits.trim_ascii_end();
    if digits.is_empty() || digits.len() > DIGITS || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(malformed);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| malformed)?;
    u64::from_str_radix(digits, 16).map_err(|_| malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body, and what stands behind it.
    type Taken = Option<(Vec<u8>, Vec<u8>)>;

    /// Takes a body apart that comes in pieces, as `cuts` says.
    fn take(bytes: &[u8], cuts: &[usize]) -> Result<Taken, Malformed> {
        let (mut chunked, mut buffer) = (Chunked::new(), BytesMut::new());
        let (mut body, mut from) = (Vec::new(), 0);
        for to in cuts.iter().copied().chain([bytes.len()]) {
            buffer.extend_from_slice(bytes.get(from..to).expect("in order"));
            from = to;
            loop {
                match chunked.step(&mut buffer)? {
                    Step::Piece(piece) => {
                        assert!(!piece.is_empty());
                        body.extend_from_slice(&piece);
                    }
                    Step::More => break,
                    Step::End => {
                        buffer.extend_from_slice(bytes.get(from..).expect("the rest"));
                        return Ok(Some((body, buffer.to_vec())));
                    }
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn bodies_are_taken_apart_wherever_they_are_cut() {
        let cases: &[(&[u8], &[u8], &[u8])] = &[
            (b"0\r\n\r\n", b"", b""),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello", b""),
            (b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1", b"hello", b"HTTP/1.1"),
            (b"A \r\n0123456789\r\n00\r\n\r\n", b"0123456789", b""),
            (b"1;a=b\r\nx\r\n1\r\n\n\r\n0;c\r\n\r\n", b"x\n", b""),
            (b"1\r\nx\r\n0\r\nDate: now\r\nA: b\r\n\r\n", b"x", b""),
        ];
        for (bytes, body, rest) in cases {
            let told = Some((body.to_vec(), rest.to_vec()));
            for cut in 0..=bytes.len() {
                assert_eq!(take(bytes, &[cut]), Ok(told.clone()), "{bytes:?} at {cut}");
            }
            let each: Vec<usize> = (0..bytes.len()).collect();
            assert_eq!(take(bytes, &each), Ok(told), "{bytes:?} byte by byte");
        }
    }

    #[test]
    fn what_is_not_whole_is_waited_for() {
        for bytes in [
            "",
            "5",
            "5\r\nhel",
            "5\r\nhello\r\n",
            "0\r\n",
            "0\r\nA: b\r\n",
        ] {
            assert_eq!(take(bytes.as_bytes(), &[]), Ok(None), "{bytes:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let long = format!("5;{}\r\n", "x".repeat(LONGEST_LINE));
        let trailers = |count| format!("0\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(take(trailers(MOST_TRAILERS).as_bytes(), &[]).is_ok());
        let trailers = trailers(MOST_TRAILERS + 1);
        let cases = [
            "\r\n",
            ";\r\n",
            "5\nhello\n",
            "5\r\rhello\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "g\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhelloo\r\n0\r\n",
            "1000000000000000\r\n",
            &long,
            &trailers,
        ];
        for bytes in cases {
            let taken = take(bytes.as_bytes(), &[]);
            assert!(taken.is_err(), "{bytes:?} {taken:?}");
        }
    }

    #[test]
    fn nothing_is_read_behind_what_is_broken() {
        let (mut chunked, mut buffer) =
            (Chunked::new(), BytesMut::from("x\r\n1\r\na\r\n0\r\n\r\n"));
        for _ in 0..3 {
            assert!(chunked.step(&mut buffer).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_was_chunked_comes_back(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            cuts.sort_unstable();
            prop_assert_eq!(take(&bytes, &cuts), Ok(Some((chunks.concat(), Vec::new()))));
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = take(&bytes, &[bytes.len() / 2]);
        }
    }
}
