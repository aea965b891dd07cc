//! A document that has been read: the tape, and places in the text.

use std::sync::OnceLock;

use bytes::Bytes;
use bytestring::ByteString;

use super::count;
use super::node::Node;

/// A range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A place a person can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in Unicode characters.
    pub column: usize,
}

impl Position {
    /// Where a text begins.
    pub const FIRST: Position = Position { line: 1, column: 1 };

    /// Where one is after these bytes.
    pub(super) fn after(self, bytes: &[u8]) -> Position {
        let last = bytes.iter().rposition(|byte| *byte == b'\n');
        let on_line = bytes.get(last.map_or(0, |at| at + 1)..).unwrap_or_default();
        // Bytes that begin a character: all but UTF-8's continuation bytes.
        let characters = count(on_line, |byte| (byte & 0xc0) != 0x80);
        match last {
            None => Position {
                line: self.line,
                column: self.column + characters,
            },
            Some(_) => Position {
                line: self.line + count(bytes, |byte| byte == b'\n'),
                column: 1 + characters,
            },
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

impl Kind {
    /// With its article, for a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}

/// One value on the tape; an object's keys are string cells before their values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The cell after this value and all that it holds.
    pub(super) next: u32,
    /// A container's number of elements or entries; a key's hash.
    pub(super) extra: u32,
    pub(super) kind: Kind,
    pub(super) escaped: bool,
}

/// A strictly read JSON document: the bytes as they came, and where everything is in them.
#[derive(Debug)]
pub struct Document {
    text: ByteString,
    cells: Vec<Cell>,
    marks: OnceLock<Vec<Position>>,
    /// How often anybody looked at a value.
    #[cfg(test)]
    pub(crate) looks: std::sync::atomic::AtomicUsize,
}

impl Document {
    pub(super) fn new(text: ByteString, cells: Vec<Cell>) -> Document {
        Document {
            text,
            cells,
            marks: OnceLock::new(),
            #[cfg(test)]
            looks: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        self.text.as_bytes()
    }

    /// The whole value.
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// How many values and keys there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Never: there is a root.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Line and column of a byte. The first call goes over the whole text; the others look at no
    /// more than 1 KiB, however long a line is.
    pub fn position(&self, offset: usize) -> Position {
        let marks = self.marks.get_or_init(|| marks(self.text.as_bytes()));
        let offset = offset.min(self.text.len());
        let nearest = offset / STRIDE;
        let mark = marks.get(nearest).copied().unwrap_or(Position::FIRST);
        let between = self.text.as_bytes().get(nearest * STRIDE..offset);
        mark.after(between.unwrap_or_default())
    }

    /// The node that a JSON Pointer (RFC 6901) leads to.
    pub fn find(&self, pointer: &str) -> Option<Node<'_>> {
        let tokens = match pointer {
            "" => return Some(self.root()),
            _ => pointer.strip_prefix('/')?.split('/'),
        };
        let mut node = self.root();
        for token in tokens {
            node = match node.kind() {
                Kind::Array => node.elements().nth(token.parse().ok()?)?,
                Kind::Object => node.get(&token.replace("~1", "/").replace("~0", "~"))?,
                Kind::Null | Kind::Boolean | Kind::Number | Kind::String => return None,
            };
        }
        Some(node)
    }

    /// A document that is one string.
    pub fn of_text(text: &str) -> Document {
        let text = serde_json::Value::from(text).to_string();
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let escaped = text.contains('\\');
        let cell = Cell {
            start: 0,
            end,
            next: 1,
            extra: 0,
            kind: Kind::String,
            escaped,
        };
        Document::new(ByteString::from(text), vec![cell])
    }

    #[inline]
    pub(super) fn cell(&self, index: u32) -> &Cell {
        static NULL: Cell = Cell {
            start: 0,
            end: 0,
            next: u32::MAX,
            extra: 0,
            kind: Kind::Null,
            escaped: false,
        };
        #[cfg(test)]
        self.looks
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.cells.get(index as usize).unwrap_or(&NULL)
    }

    #[inline]
    pub(super) fn text(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// How many bytes lie between two marks. A table of lines would take eight bytes for every byte of
/// a text that is all line breaks; marks take one in 64, whatever the text.
const STRIDE: usize = 1024;

/// The position of every [`STRIDE`]th byte.
fn marks(bytes: &[u8]) -> Vec<Position> {
    let mut at = Position::FIRST;
    let mut marks = Vec::with_capacity(bytes.len() / STRIDE + 2);
    marks.push(at);
    for chunk in bytes.chunks(STRIDE) {
        at = at.after(chunk);
        marks.push(at);
    }
    marks
}
