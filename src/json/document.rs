//! A document that has been read, and its nodes.

use std::borrow::Cow;
use std::sync::OnceLock;

use bytes::Bytes;

use super::text;

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
        let characters = on_line
            .iter()
            .filter(|byte| (**byte & 0xc0) != 0x80)
            .count();
        match last {
            None => Position {
                line: self.line,
                column: self.column + characters,
            },
            Some(_) => Position {
                line: self.line + bytes.iter().filter(|byte| **byte == b'\n').count(),
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
    bytes: Bytes,
    cells: Vec<Cell>,
    marks: OnceLock<Vec<Position>>,
}

impl Document {
    pub(super) fn new(bytes: Bytes, cells: Vec<Cell>) -> Document {
        Document {
            bytes,
            cells,
            marks: OnceLock::new(),
        }
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole value.
    pub fn root(&self) -> Node<'_> {
        Node {
            document: self,
            index: 0,
        }
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
    /// more than 4 KiB, however long a line is.
    pub fn position(&self, offset: usize) -> Position {
        let marks = self.marks.get_or_init(|| marks(&self.bytes));
        let offset = offset.min(self.bytes.len());
        let nearest = offset / STRIDE;
        let mark = marks.get(nearest).copied().unwrap_or(Position::FIRST);
        let between = self.bytes.get(nearest * STRIDE..offset);
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
        let bytes = serde_json::to_vec(text).unwrap_or_default();
        let end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let escaped = bytes.contains(&b'\\');
        let cell = Cell {
            start: 0,
            end,
            next: 1,
            extra: 0,
            kind: Kind::String,
            escaped,
        };
        Document::new(Bytes::from(bytes), vec![cell])
    }

    fn cell(&self, index: u32) -> Cell {
        const NULL: Cell = Cell {
            start: 0,
            end: 0,
            next: u32::MAX,
            extra: 0,
            kind: Kind::Null,
            escaped: false,
        };
        self.cells.get(index as usize).copied().unwrap_or(NULL)
    }

    fn text(&self, start: usize, end: usize) -> &str {
        self.bytes
            .get(start..end)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }
}

/// How many bytes lie between two marks. A table of lines would take eight bytes for every byte of
/// a text that is all line breaks; marks take one in 256, whatever the text.
const STRIDE: usize = 4096;

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

/// A value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document,
    index: u32,
}

impl<'d> Node<'d> {
    fn cell(self) -> Cell {
        self.document.cell(self.index)
    }

    /// The document it belongs to.
    pub fn document(self) -> &'d Document {
        self.document
    }

    /// Its place on the tape: a number that no other node of the document has.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// How many cells it takes: itself and all that it holds.
    pub(crate) fn cells(self) -> usize {
        (self.cell().next as usize).saturating_sub(self.index as usize)
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.cell().kind
    }

    /// Where it is; a string's quotes included.
    pub fn span(self) -> Span {
        let cell = self.cell();
        Span {
            start: cell.start as usize,
            end: cell.end as usize,
        }
    }

    /// Its bytes as they came.
    pub fn raw(self) -> &'d str {
        let Span { start, end } = self.span();
        self.document.text(start, end)
    }

    /// A string's meaning.
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        let cell = self.cell();
        if cell.kind != Kind::String {
            return None;
        }
        let raw = self.document.text(
            cell.start as usize + 1,
            (cell.end as usize).saturating_sub(1),
        );
        Some(if cell.escaped {
            Cow::Owned(text::unescape(raw))
        } else {
            Cow::Borrowed(raw)
        })
    }

    /// `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Boolean).then(|| self.raw() == "true")
    }

    /// A number as it is written.
    pub fn as_number(self) -> Option<&'d str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// A number that is written as an integer and fits.
    pub fn as_i64(self) -> Option<i64> {
        self.as_number()?.parse().ok()
    }

    /// A number, as near as a double comes; never infinite.
    pub fn as_f64(self) -> Option<f64> {
        self.as_number()?.parse().ok()
    }

    /// Is it `null`?
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Elements of an array, entries of an object, 0 for everything else.
    pub fn len(self) -> usize {
        let cell = self.cell();
        match cell.kind {
            Kind::Array | Kind::Object => cell.extra as usize,
            Kind::Null | Kind::Boolean | Kind::Number | Kind::String => 0,
        }
    }

    /// Has it no elements and no entries?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// An object's value under a key.
    pub fn get(self, key: &str) -> Option<Node<'d>> {
        self.get_hashed(key, text::hash(key.as_bytes()))
    }

    pub(crate) fn get_hashed(self, key: &str, hash: u32) -> Option<Node<'d>> {
        self.entries()
            .find(|(name, _)| name.is_key(key, hash))
            .map(|(_, value)| value)
    }

    fn is_key(self, key: &str, hash: u32) -> bool {
        self.cell().extra == hash && self.as_str().is_some_and(|name| name == key)
    }

    /// An array's elements.
    pub fn elements(self) -> Elements<'d> {
        let is_array = self.kind() == Kind::Array;
        Elements {
            document: self.document,
            next: self.index + 1,
            left: if is_array { self.len() } else { 0 },
        }
    }

    /// An object's keys and values.
    pub fn entries(self) -> Entries<'d> {
        let is_object = self.kind() == Kind::Object;
        Entries {
            document: self.document,
            next: self.index + 1,
            left: if is_object { self.len() } else { 0 },
        }
    }

    /// The value that a chain of keys leads to.
    pub fn at(self, keys: &[&str]) -> Option<Node<'d>> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The node's JSON Pointer (RFC 6901). Walks from the root.
    pub fn pointer(self) -> String {
        let mut pointer = String::new();
        let mut node = self.document.root();
        while node.index != self.index {
            let holds =
                |child: Node<'d>| child.index <= self.index && self.index < child.cell().next;
            let step = match node.kind() {
                Kind::Object => node.entries().find_map(|(key, value)| {
                    let inside = key.index == self.index || holds(value);
                    inside.then(|| (key.as_str().unwrap_or_default().into_owned(), key, value))
                }),
                Kind::Array => node
                    .elements()
                    .enumerate()
                    .find(|(_, value)| holds(*value))
                    .map(|(index, value)| (index.to_string(), value, value)),
                Kind::Null | Kind::Boolean | Kind::Number | Kind::String => None,
            };
            let Some((name, key, value)) = step else {
                break;
            };
            push_token(&mut pointer, &name);
            if key.index == self.index {
                break;
            }
            node = value;
        }
        pointer
    }
}

/// The hash that [`Node::get_hashed`] wants beside a key.
pub(crate) fn hash_key(key: &str) -> u32 {
    text::hash(key.as_bytes())
}

/// Appends `/` and an escaped reference token.
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for character in token.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Iterates over an array.
#[derive(Debug, Clone)]
pub struct Elements<'d> {
    document: &'d Document,
    next: u32,
    left: usize,
}

impl<'d> Iterator for Elements<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        self.left = self.left.checked_sub(1)?;
        let node = Node {
            document: self.document,
            index: self.next,
        };
        self.next = node.cell().next;
        Some(node)
    }
}

/// Iterates over an object.
#[derive(Debug, Clone)]
pub struct Entries<'d> {
    document: &'d Document,
    next: u32,
    left: usize,
}

impl<'d> Iterator for Entries<'d> {
    type Item = (Node<'d>, Node<'d>);

    fn next(&mut self) -> Option<(Node<'d>, Node<'d>)> {
        self.left = self.left.checked_sub(1)?;
        let key = Node {
            document: self.document,
            index: self.next,
        };
        let value = Node {
            document: self.document,
            index: self.next + 1,
        };
        self.next = value.cell().next;
        Some((key, value))
    }
}
