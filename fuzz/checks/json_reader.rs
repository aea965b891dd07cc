//! Whatever the strict reader accepts, serde_json accepts, and as the same value; whatever it
//! refuses, it refuses at a place inside the text.
//!
//! Our depth is 64 and serde_json's 128, so depth alone never tells them apart.

use bytes::Bytes;
use overgate::json::{Document, Kind, Limits, Node};
use serde_json::Value;

fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Boolean => Value::Bool(node.as_bool().expect("a boolean")),
        Kind::Number => {
            serde_json::from_str(node.as_number().expect("a number")).expect("serde_json's number")
        }
        Kind::String => Value::String(node.as_str().expect("a string").into_owned()),
        Kind::Array => node.elements().map(value).collect(),
        Kind::Object => node
            .entries()
            .map(|(key, child)| (key.as_str().expect("a key").into_owned(), value(child)))
            .collect(),
    }
}

/// Spans nest and follow one another, pointers and keys lead back to the node.
fn check(document: &Document, node: Node<'_>) {
    let span = node.span();
    assert!(span.start < span.end && span.end <= document.bytes().len());
    let found = document
        .find(&node.pointer())
        .expect("a pointer leads back");
    assert_eq!(found.span(), span);
    let mut from = span.start;
    let mut inside = |child: Node<'_>| {
        assert!(from < child.span().start && child.span().end < span.end);
        from = child.span().end;
    };
    node.elements().for_each(&mut inside);
    node.entries().for_each(|(key, child)| {
        inside(key);
        inside(child);
    });
    for (key, child) in node.entries() {
        let key = key.as_str().expect("a key");
        assert_eq!(node.get(&key).map(Node::span), Some(child.span()));
        check(document, child);
    }
    node.elements().for_each(|child| check(document, child));
}

/// Panics if it does not hold for these bytes.
pub fn holds(bytes: &[u8]) {
    match Document::read(Bytes::copy_from_slice(bytes), &Limits::default()) {
        Ok(document) => {
            let expected: Value = serde_json::from_slice(bytes).expect("serde_json accepts it");
            assert_eq!(value(document.root()), expected);
            let end = document.position(bytes.len());
            assert!(end.line >= 1 && end.column >= 1);
            // Pointers are found by walking: quadratic here.
            if document.len() <= 200 {
                check(&document, document.root());
            }
        }
        Err(invalid) => {
            assert!(invalid.span.start <= bytes.len() && invalid.span.end <= bytes.len());
            let (start, end) = invalid.positions(bytes);
            assert!(start < end);
        }
    }
}
