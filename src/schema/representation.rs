//! [`Document`] as the `jsonschema` crate wants to see it: no copy, every lookup on the tape.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{self, NodeIdentity};
use serde_json::{Number, Value};

use crate::json::{Document, Elements, Entries, Kind, Node, hash_key};

/// A value of more cells than this is never turned into a `Value`: a message does not repeat it,
/// and no schema compares with one.
const LARGEST_COPY: usize = 1_000;

/// The representation: documents of our own reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tape;

/// A key of the schema with its hash.
#[derive(Debug, Clone)]
pub(super) struct Key {
    text: String,
    hash: u32,
}

impl json::Json for Tape {
    type Node<'a> = Node<'a>;
    type PreparedKey = Key;
    type StringBuffer = Option<Document>;

    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Key {
        Key {
            text: key.to_owned(),
            hash: hash_key(key),
        }
    }

    fn with_string_node<T>(
        buffer: &mut Option<Document>,
        string: &str,
        f: impl FnOnce(Node<'_>) -> T,
    ) -> T {
        f(buffer.insert(Document::of_text(string)).root())
    }
}

impl<'a> json::Node<'a, Tape> for Node<'a> {
    type Object = Node<'a>;
    type Array = Node<'a>;
    type Number = Number;

    fn as_object(&self) -> Option<Node<'a>> {
        (self.kind() == Kind::Object).then_some(*self)
    }

    fn as_array(&self) -> Option<Node<'a>> {
        (self.kind() == Kind::Array).then_some(*self)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        Node::as_str(*self)
    }

    fn as_number(&self) -> Option<Number> {
        Node::as_number(*self).and_then(|text| text.parse().ok())
    }

    fn as_boolean(&self) -> Option<bool> {
        Node::as_bool(*self)
    }

    fn is_null(&self) -> bool {
        Node::is_null(*self)
    }

    fn is_number(&self) -> bool {
        self.kind() == Kind::Number
    }

    fn json_type(&self) -> JsonType {
        match self.kind() {
            Kind::Null => JsonType::Null,
            Kind::Boolean => JsonType::Boolean,
            Kind::Number => JsonType::Number,
            Kind::String => JsonType::String,
            Kind::Array => JsonType::Array,
            Kind::Object => JsonType::Object,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        let small = self.cells() <= LARGEST_COPY;
        Cow::Owned(if small { value(*self) } else { Value::Null })
    }

    fn equals_value(&self, expected: &Value) -> bool {
        self.cells() <= LARGEST_COPY && json::cmp::equal(&value(*self), expected)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::tagged(
            std::ptr::from_ref(self.document()).addr(),
            self.index(),
        ))
    }
}

impl<'a> json::Object<'a, Tape> for Node<'a> {
    type Node = Node<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        Node::len(*self)
    }

    fn get(&self, key: &Key) -> Option<Node<'a>> {
        self.get_hashed(&key.text, key.hash)
    }

    fn members(&self) -> Members<'a> {
        Members(self.entries())
    }
}

/// An object's members with their names.
pub(super) struct Members<'a>(Entries<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, node) = self.0.next()?;
        Some((key.as_str().unwrap_or_default(), node))
    }
}

impl<'a> json::Array<'a, Tape> for Node<'a> {
    type Node = Node<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        Node::len(*self)
    }

    fn elements(&self) -> Elements<'a> {
        Node::elements(*self)
    }

    fn is_unique(&self) -> bool {
        let elements: Vec<Value> = Node::elements(*self).map(value).collect();
        json::unique::is_unique(&elements)
    }
}

/// The node as a tree. Recursion no deeper than the reader allows.
fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Boolean => Value::Bool(node.as_bool().unwrap_or_default()),
        Kind::Number => json::Node::as_number(&node).map_or(Value::Null, Value::Number),
        Kind::String => Value::String(node.as_str().unwrap_or_default().into_owned()),
        Kind::Array => node.elements().map(value).collect(),
        Kind::Object => node
            .entries()
            .map(|(key, child)| (key.as_str().unwrap_or_default().into_owned(), value(child)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jsonschema::json::conformance;

    use super::*;
    use crate::json::Limits;

    #[test]
    fn the_representation_keeps_the_crates_contract() {
        let text = conformance::document().to_string();
        let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
        conformance::assert_conformance::<Tape>(&document.root());
    }
}
