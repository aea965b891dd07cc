//! The reader: one pass, no recursion, every bound held on the way.

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use super::document::{Cell, Document, Kind, Span};
use super::invalid::{Invalid, InvalidKind};
use super::keys::{duplicate, meaning};
use super::node::push_token;
use super::{Limits, most_values, scan, text};

/// How deep most specs are, and how many keys the objects have that are open at once.
const USUAL_DEPTH: usize = 16;
const USUAL_KEYS: usize = 64;

/// An open array or object.
struct Open {
    cell: usize,
    is_object: bool,
    count: u32,
    /// Where its keys begin in `Reader::keys`.
    keys: usize,
}

struct Reader<'b> {
    text: &'b str,
    /// The same.
    bytes: &'b [u8],
    limits: Limits,
    cells: Vec<Cell>,
    open: SmallVec<[Open; USUAL_DEPTH]>,
    /// The keys of the open objects: hash and cell.
    keys: SmallVec<[(u32, u32); USUAL_KEYS]>,
    at: usize,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Invalid`]: the first thing that is wrong, and where.
    pub fn read(bytes: Bytes, limits: &Limits) -> Result<Document, Invalid> {
        let at = |kind, start| Invalid {
            kind,
            span: Span {
                start,
                end: bytes.len().min(start + 1),
            },
            pointer: String::new(),
        };
        if u32::try_from(bytes.len()).is_err() {
            return Err(at(InvalidKind::TooLong, 0));
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(at(InvalidKind::ByteOrderMark, 0));
        }
        let text = ByteString::try_from(bytes.clone())
            .map_err(|error| at(InvalidKind::NotUtf8, error.valid_up_to()))?;
        let mut reader = Reader {
            text: &text,
            bytes: text.as_bytes(),
            limits: *limits,
            // Enough for all: a list that doubles would take three times as much at its worst.
            cells: Vec::with_capacity(most_values(&bytes, limits)),
            open: SmallVec::new(),
            keys: SmallVec::new(),
            at: 0,
        };
        match reader.read() {
            Ok(()) => {
                let cells = reader.cells;
                Ok(Document::new(text, cells))
            }
            Err((kind, offset)) => Err(Invalid {
                kind,
                span: reader.span(kind, offset),
                pointer: reader.pointer(),
            }),
        }
    }
}

/// A place in the text or on the tape, of which there is no cell without a byte.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a text of more than 32 bits is not read"
)]
#[inline]
fn narrow(wide: usize) -> u32 {
    wide as u32
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), scan::Wrong> {
        self.skip_space();
        if self.at == self.bytes.len() {
            return Err((InvalidKind::Empty, 0));
        }
        let mut is_first = self.value()?;
        while let Some(open) = self.open.last_mut() {
            let in_object = open.is_object;
            self.skip_space();
            let byte = self.byte()?;
            match byte {
                b']' | b'}' => {
                    self.close(byte)?;
                    is_first = false;
                    continue;
                }
                b',' if !is_first => {
                    self.at += 1;
                    self.skip_space();
                }
                _ if is_first => {}
                _ => {
                    return Err((
                        InvalidKind::Syntax("a comma or the end of the array or object is missing"),
                        self.at,
                    ));
                }
            }
            if in_object {
                self.key()?;
            }
            is_first = self.value()?;
        }
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err((InvalidKind::TrailingText, self.at));
        }
        Ok(())
    }

    /// The next byte, which must be there.
    #[inline]
    fn byte(&self) -> Result<u8, scan::Wrong> {
        let byte = self.bytes.get(self.at).copied();
        byte.ok_or((InvalidKind::Syntax("the text ends too early"), self.at))
    }

    #[inline]
    fn skip_space(&mut self) {
        // Most bytes that are asked about are no space: one comparison for them.
        while let Some(byte) = self.bytes.get(self.at).filter(|byte| **byte <= b' ') {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.skip_blanks();
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                _ => break,
            }
        }
    }

    /// Indentation, eight blanks at a time.
    #[inline]
    fn skip_blanks(&mut self) {
        const BLANKS: u64 = u64::from_le_bytes(*b"        ");
        while let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            let others = u64::from_le_bytes(*chunk) ^ BLANKS;
            // The first byte that is no blank is the lowest that is not zero; of none, eight.
            self.at += others.trailing_zeros() as usize / 8;
            if others != 0 {
                break;
            }
        }
    }

    /// Reads a value; of a container its beginning. Is what follows the first in a container?
    #[inline]
    fn value(&mut self) -> Result<bool, scan::Wrong> {
        let byte = self.byte()?;
        if let Some(open) = self.open.last_mut() {
            open.count += 1;
        }
        let start = self.at;
        match byte {
            b'"' => {
                let scanned = scan::string(self.bytes, start + 1, false)?;
                self.at = scanned.end + 1;
                self.push(start, self.at, Kind::String, 0, scanned.escaped)?;
            }
            b'{' | b'[' => {
                if self.open.len() >= self.limits.depth {
                    return Err((InvalidKind::TooDeep, start));
                }
                let is_object = byte == b'{';
                let kind = if is_object { Kind::Object } else { Kind::Array };
                let cell = self.push(start, start + 1, kind, 0, false)?;
                self.open.push(Open {
                    cell,
                    is_object,
                    count: 0,
                    keys: self.keys.len(),
                });
                self.at += 1;
                return Ok(true);
            }
            b'-' | b'0'..=b'9' => {
                self.at = scan::number(self.bytes, start)?;
                self.push(start, self.at, Kind::Number, 0, false)?;
            }
            b't' => self.word(b"true", Kind::Boolean)?,
            b'f' => self.word(b"false", Kind::Boolean)?,
            b'n' => self.word(b"null", Kind::Null)?,
            _ => return Err((InvalidKind::Syntax("a JSON value is missing"), start)),
        }
        Ok(false)
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), scan::Wrong> {
        let start = self.at;
        if !self
            .bytes
            .get(start..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            return Err((InvalidKind::Syntax("a JSON value is missing"), start));
        }
        self.at += word.len();
        self.push(start, self.at, kind, 0, false)?;
        Ok(())
    }

    /// Reads a key and its colon.
    #[inline]
    fn key(&mut self) -> Result<(), scan::Wrong> {
        let start = self.at;
        if self.byte()? != b'"' {
            return Err((
                InvalidKind::Syntax("a key in double quotes is missing"),
                start,
            ));
        }
        let scanned = scan::string(self.bytes, start + 1, true)?;
        self.at = scanned.end + 1;
        let raw = self.text.get(start + 1..scanned.end).unwrap_or_default();
        let hash = if scanned.escaped {
            text::hash(text::unescape(raw).as_bytes())
        } else {
            text::hash(raw.as_bytes())
        };
        let cell = self.push(start, self.at, Kind::String, hash, scanned.escaped)?;
        if raw.is_empty() {
            return Err((InvalidKind::EmptyKey, start));
        }
        self.keys.push((hash, narrow(cell)));
        self.skip_space();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err((
                InvalidKind::Syntax("a colon is missing after the key"),
                self.at,
            ));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), scan::Wrong> {
        let is_object = byte == b'}';
        let unopened = InvalidKind::Syntax("this closes what was not opened");
        let last = self.open.last();
        let open = last.is_some_and(|open| open.is_object == is_object);
        let open = if open { self.open.pop() } else { None };
        let open = open.ok_or((unopened, self.at))?;
        self.at += 1;
        let next = narrow(self.cells.len());
        let end = narrow(self.at);
        if let Some(cell) = self.cells.get_mut(open.cell) {
            cell.end = end;
            cell.next = next;
            cell.extra = open.count;
        }
        if is_object {
            let keys = self.keys.get_mut(open.keys..).unwrap_or_default();
            if let Some(cell) = duplicate(keys, &self.cells, self.text) {
                // The object counts as open for the pointer, with the key as its last.
                let start = self.cells.get(cell as usize).map_or(0, |cell| cell.start);
                self.keys.truncate(open.keys);
                self.keys.push((0, cell));
                self.open.push(open);
                return Err((InvalidKind::DuplicateKey, start as usize));
            }
            self.keys.truncate(open.keys);
        }
        Ok(())
    }

    #[inline]
    fn push(
        &mut self,
        start: usize,
        end: usize,
        kind: Kind,
        extra: u32,
        escaped: bool,
    ) -> Result<usize, scan::Wrong> {
        let index = self.cells.len();
        if index >= self.limits.values {
            return Err((InvalidKind::TooManyValues, start));
        }
        self.cells.push(Cell {
            start: narrow(start),
            end: narrow(end),
            next: narrow(index + 1),
            extra,
            kind,
            escaped,
        });
        Ok(index)
    }

    /// Where the reader stands, as a pointer.
    fn pointer(&self) -> String {
        const LONGEST: usize = 200;
        let mut pointer = String::new();
        for (level, open) in self.open.iter().enumerate() {
            if pointer.len() > LONGEST {
                pointer.push('…');
                break;
            }
            if open.is_object {
                // The last of its own keys: those of what is open inside it come after.
                let inner = self.open.get(level + 1);
                let end = inner.map_or(self.keys.len(), |inner| inner.keys);
                let last = self.keys.get(open.keys..end).and_then(<[_]>::last);
                if let Some((_, cell)) = last {
                    let name = meaning(&self.cells, self.text, *cell);
                    let name: String = name.chars().take(80).collect();
                    push_token(&mut pointer, &name);
                }
            } else if open.count > 0 {
                push_token(&mut pointer, &(open.count - 1).to_string());
            }
        }
        pointer
    }

    /// From an error's place to its end: a whole key, or one byte.
    fn span(&self, kind: InvalidKind, start: usize) -> Span {
        let key = match kind {
            InvalidKind::DuplicateKey => self.keys.last(),
            InvalidKind::EmptyKey
            | InvalidKind::NotUtf8
            | InvalidKind::ByteOrderMark
            | InvalidKind::Empty
            | InvalidKind::TooLong
            | InvalidKind::TrailingText
            | InvalidKind::Syntax(_)
            | InvalidKind::LoneSurrogate
            | InvalidKind::NulCharacter
            | InvalidKind::TooDeep
            | InvalidKind::TooManyValues
            | InvalidKind::KeyTooLong
            | InvalidKind::NumberTooLong
            | InvalidKind::NumberTooLarge => None,
        };
        let end = key
            .and_then(|(_, cell)| self.cells.get(*cell as usize))
            .map_or(start + 1, |cell| cell.end as usize);
        Span {
            start,
            end: end.min(self.bytes.len()),
        }
    }
}
