//! The values of a document: what they are, what they hold, where they stand.

use std::borrow::Cow;

use super::document::{Cell, Document, Kind, Span};
use super::text;

/// A value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document,
    index: u32,
}

impl<'d> Node<'d> {
    pub(crate) fn new(document: &'d Document, index: u32) -> Node<'d> {
        Node { document, index }
    }

    #[inline]
    fn cell(self) -> &'d Cell {
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

    /// Is it that node, or does it hold it?
    pub(crate) fn holds(self, other: Node<'_>) -> bool {
        self.index <= other.index && other.index < self.cell().next
    }

    /// What it is.
    #[inline]
    pub fn kind(self) -> Kind {
        self.cell().kind
    }

    /// Where it is; a string's quotes included.
    #[inline]
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
    #[inline]
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
    #[inline]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Elements of an array, entries of an object, 0 for everything else.
    #[inline]
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
    #[inline]
    pub fn get(self, key: &str) -> Option<Node<'d>> {
        self.get_hashed(key, text::hash(key.as_bytes()))
    }

    #[inline]
    pub(crate) fn get_hashed(self, key: &str, hash: u32) -> Option<Node<'d>> {
        let object = self.cell();
        if object.kind != Kind::Object {
            return None;
        }
        let mut index = self.index + 1;
        for _ in 0..object.extra {
            let name = self.document.cell(index);
            let value = Node::new(self.document, index + 1);
            if name.extra == hash && Node::new(self.document, index).is_key(key, hash) {
                return Some(value);
            }
            index = value.cell().next;
        }
        None
    }

    /// Is it a key of this name, whose hash is given?
    #[inline]
    pub(crate) fn is_key(self, key: &str, hash: u32) -> bool {
        let cell = self.cell();
        if cell.extra != hash || cell.kind != Kind::String {
            return false;
        }
        if cell.escaped {
            return self.as_str().is_some_and(|name| name == key);
        }
        let inside = cell.start as usize + 1..(cell.end as usize).saturating_sub(1);
        let name = self.document.bytes().get(inside);
        name.is_some_and(|name| text::same(name, key.as_bytes()))
    }

    /// A key's hash, that of its meaning.
    #[inline]
    pub(crate) fn key_hash(self) -> u32 {
        self.cell().extra
    }

    /// An array's elements.
    #[inline]
    pub fn elements(self) -> Elements<'d> {
        let is_array = self.kind() == Kind::Array;
        Elements {
            document: self.document,
            next: self.index + 1,
            left: if is_array { self.len() } else { 0 },
        }
    }

    /// An object's keys and values.
    #[inline]
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
#[inline]
pub(crate) const fn hash_key(key: &str) -> u32 {
    text::hash(key.as_bytes())
}

/// Are these two the same name?
#[inline]
pub(crate) fn is_name(left: &str, right: &str) -> bool {
    text::same(left.as_bytes(), right.as_bytes())
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

    #[inline]
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

    #[inline]
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
