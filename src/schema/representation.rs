//! [`Document`] as the `jsonschema` crate wants to see it: no copy, every lookup on the tape.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{self, NodeIdentity};
use serde_json::{Number, Value};

use crate::json::{Document, Elements, Entries, Kind, Node, hash_key};

/// The crate copies the value into every error, and no message here repeats one: what is larger
/// than this, in cells or bytes, is told as `null`.
const LARGEST_COPY: (usize, usize) = (16, 1_024);

/// No schema compares with an array or object of more cells than this.
const LARGEST_COMPARED: usize = 1_000;

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
        let (cells, bytes) = LARGEST_COPY;
        let is_small = self.cells() <= cells && self.raw().len() <= bytes;
        Cow::Owned(if is_small { value(*self) } else { Value::Null })
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match expected {
            Value::Null => Node::is_null(*self),
            Value::Bool(expected) => Node::as_bool(*self) == Some(*expected),
            Value::String(expected) => Node::as_str(*self).is_some_and(|text| text == *expected),
            // Numbers compare as such, however they are written.
            Value::Number(_) => {
                self.kind() == Kind::Number && json::cmp::equal(&value(*self), expected)
            }
            Value::Array(list) => self.compare(Kind::Array, list.len(), expected),
            Value::Object(map) => self.compare(Kind::Object, map.len(), expected),
        }
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::tagged(
            std::ptr::from_ref(self.document()).addr(),
            self.index(),
        ))
    }
}

impl Node<'_> {
    /// Is it a container of that kind and length, and equal?
    fn compare(self, kind: Kind, length: usize, expected: &Value) -> bool {
        self.kind() == kind
            && Node::len(self) == length
            && self.cells() <= LARGEST_COMPARED
            && json::cmp::equal(&value(self), expected)
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

    #[test]
    fn equality_is_that_of_json_schema() {
        use jsonschema::json::Node as _;
        let cases = [
            ("null", "null", true),
            ("null", "false", false),
            ("true", "true", true),
            ("1", "true", false),
            ("1.0", "1", true),
            ("10e-1", "1", true),
            ("1", "2", false),
            ("\"1\"", "1", false),
            (r#""\u0061""#, r#""a""#, true),
            (r#"{"a":[1.0],"b":2}"#, r#"{"b":2,"a":[1]}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            ("[1,2]", "[2,1]", false),
            ("[]", "{}", false),
        ];
        for (text, expected, equal) in cases {
            let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
            let expected: Value = serde_json::from_str(expected).expect("valid");
            assert_eq!(
                document.root().equals_value(&expected),
                equal,
                "{text} {expected}"
            );
        }
    }
}
