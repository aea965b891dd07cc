//! A long list, reduced while it streams: an array of objects that name their datasource.
//!
//! 5,000 tasks are 2.2 MB, and consoles ask for them every few seconds: the bytes are gone over eight
//! at a time, and only quotes and brackets are looked at one by one.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Unexpected;
use crate::druid::DataSource;

/// The largest element, in bytes: a task's status has some 430.
const LARGEST_ELEMENT: usize = 1 << 20;

/// Answers about names that are remembered.
const MOST_REMEMBERED: usize = 1_000;

/// How Druid writes the field, up to its value.
const FIELD: &[u8] = b"\"dataSource\"";

/// Finds the elements of the top-level array and keeps those whose datasource may be seen.
///
/// Chunks may end anywhere. An element is copied only when two chunks share it.
#[derive(Debug, Default)]
pub struct TaskList {
    state: State,
    /// Open brackets inside the element.
    depth: usize,
    in_string: bool,
    /// The byte before was a backslash that escapes.
    escaped: bool,
    /// The part of an element that earlier chunks brought.
    begun: Vec<u8>,
    wrote: bool,
    /// Of the element that is open: how often the field stands in it itself, where its value begins
    /// in this chunk, and whether there is any backslash.
    fields: u32,
    value: Option<usize>,
    has_escapes: bool,
    /// What was said of names before.
    remembered: HashMap<Box<[u8]>, bool>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before `[`.
    #[default]
    Start,
    /// Before an element, a comma or `]`.
    Between,
    Element,
    /// After `]`.
    End,
}

impl TaskList {
    /// Takes a chunk; appends what may be shown to `out`.
    ///
    /// # Errors
    /// [`Unexpected`]: this is no list of objects.
    pub fn push(
        &mut self,
        chunk: &[u8],
        sees: &dyn Fn(&DataSource) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Unexpected> {
        let mut at = 0;
        while let Some(byte) = chunk.get(at).copied() {
            match (self.state, byte) {
                (State::Start | State::Between | State::End, b' ' | b'\n' | b'\r' | b'\t')
                | (State::Between, b',') => at += 1,
                (State::Start, b'[') => {
                    out.push(b'[');
                    self.state = State::Between;
                    at += 1;
                }
                (State::Between, b']') => {
                    out.push(b']');
                    self.state = State::End;
                    at += 1;
                }
                (State::Between, b'{') => {
                    self.state = State::Element;
                    self.depth = 0;
                    self.fields = 0;
                    self.value = None;
                    self.has_escapes = false;
                }
                (State::Element, _) => {
                    let rest = chunk.get(at..).unwrap_or_default();
                    let Some(length) = self.end_of_element(rest) else {
                        if self.begun.len() + rest.len() > LARGEST_ELEMENT {
                            return Err(Unexpected);
                        }
                        self.begun.extend_from_slice(rest);
                        return Ok(());
                    };
                    let tail = rest.get(..length).unwrap_or_default();
                    if self.begun.is_empty() {
                        let name = self.plain_name(tail);
                        self.element(tail, name, sees, out)?;
                    } else {
                        let mut element = std::mem::take(&mut self.begun);
                        element.extend_from_slice(tail);
                        self.element(&element, None, sees, out)?;
                    }
                    self.state = State::Between;
                    at += length;
                }
                (State::Start | State::Between | State::End, _) => return Err(Unexpected),
            }
        }
        Ok(())
    }

    /// Is the list complete?
    pub fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// How many of these bytes belong to the element that is open, its last one included; `None`:
    /// all of them, and it goes on.
    fn end_of_element(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.escaped {
                bytes.get(at)?;
                self.escaped = false;
                at += 1;
            }
            let rest = bytes.get(at..)?;
            if self.in_string {
                at += ahead(rest, |chunk| has(chunk, b'"') | has(chunk, b'\\'))?;
                match bytes.get(at)? {
                    b'"' => self.in_string = false,
                    b'\\' => {
                        self.escaped = true;
                        self.has_escapes = true;
                    }
                    _ => {}
                }
            } else {
                at += match rest {
                    // Between most strings there is nothing else.
                    [b':' | b',', b'"', ..] => 1,
                    // `[` and `{`, `]` and `}` differ in one bit.
                    _ => ahead(rest, |chunk| {
                        let folded = chunk | (LOW * 0x20);
                        has(chunk, b'"') | has(folded, b'{') | has(folded, b'}')
                    })?,
                };
                match bytes.get(at)? {
                    b'"' => {
                        self.in_string = true;
                        let field = rest_of(bytes, at).strip_prefix(FIELD);
                        if self.depth == 1 && field.is_some_and(|after| !after.starts_with(b",")) {
                            self.fields += 1;
                            self.value = Some(at + FIELD.len());
                        }
                    }
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
            }
            at += 1;
        }
    }

    /// The name of the datasource of an element that says it once and plainly, as Druid does.
    /// `None`: it must be read in earnest.
    fn plain_name<'e>(&self, element: &'e [u8]) -> Option<&'e [u8]> {
        if self.fields != 1 || self.has_escapes {
            return None;
        }
        let value = rest_of(element, self.value?).strip_prefix(b":\"")?;
        let end = value.iter().position(|byte| *byte == b'"')?;
        value.get(..end)
    }

    fn element(
        &mut self,
        element: &[u8],
        name: Option<&[u8]>,
        sees: &dyn Fn(&DataSource) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Unexpected> {
        let is_seen = match name {
            Some(name) => match self.remembered.get(name) {
                Some(seen) => *seen,
                None => {
                    let text = std::str::from_utf8(name).ok();
                    let datasource = text.and_then(|name| name.parse::<DataSource>().ok());
                    let seen = datasource.is_some_and(|datasource| sees(&datasource));
                    if self.remembered.len() < MOST_REMEMBERED {
                        self.remembered.insert(name.into(), seen);
                    }
                    seen
                }
            },
            None => {
                let Names(names) = serde_json::from_slice(element).map_err(|_| Unexpected)?;
                let is_visible = |name: &Option<String>| {
                    let datasource = name.as_ref().and_then(|name| name.parse().ok());
                    datasource.is_some_and(|datasource| sees(&datasource))
                };
                !names.is_empty() && names.iter().all(is_visible)
            }
        };
        if is_seen {
            if self.wrote {
                out.push(b',');
            }
            self.wrote = true;
            out.extend_from_slice(element);
        }
        Ok(())
    }
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Which of eight bytes are this one: their high bits, and perhaps of some behind the first.
#[inline]
fn has(chunk: u64, byte: u8) -> u64 {
    let different = chunk ^ (LOW * u64::from(byte));
    different.wrapping_sub(LOW) & !different & HIGH
}

/// How far it is to the first byte for which `find` has a bit, at most; `None`: there is none.
#[inline]
fn ahead(bytes: &[u8], find: impl Fn(u64) -> u64) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = find(u64::from_le_bytes(*chunk));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    // Fewer than eight are left: the caller looks at each.
    (at < bytes.len()).then_some(at)
}

fn rest_of(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// Every `dataSource` of an object.
struct Names(Vec<Option<String>>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Names;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    match &*key {
                        "dataSource" => names.push(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[ {"id":"1","dataSource":"a","x":{"y":["]}",{"z":"\"}"}]}},
        {"id":"2","dataSource":"b"},{"id":"3"},{"dataSource":"a/b"} ,
        {"dataSource":null},{"dataSource":"\u0061","errorMsg":"größe \\"} ]"#;
    const KEPT: &str = r#"[{"id":"1","dataSource":"a","x":{"y":["]}",{"z":"\"}"}]}},{"dataSource":"\u0061","errorMsg":"größe \\"}]"#;

    fn reduce(chunks: &[&[u8]]) -> Result<String, Unexpected> {
        let mut list = TaskList::default();
        let mut out = Vec::new();
        for chunk in chunks {
            list.push(chunk, &|datasource| datasource.as_str() == "a", &mut out)?;
        }
        if !list.is_done() {
            return Err(Unexpected);
        }
        Ok(String::from_utf8(out).expect("cut between characters only"))
    }

    #[test]
    fn every_split_gives_the_same_list() {
        assert_eq!(reduce(&[LIST.as_bytes()]).as_deref(), Ok(KEPT));
        for at in 0..LIST.len() {
            let (left, right) = LIST.as_bytes().split_at(at);
            assert_eq!(reduce(&[left, right]).as_deref(), Ok(KEPT), "split at {at}");
        }
        let bytes: Vec<&[u8]> = LIST.as_bytes().chunks(1).collect();
        assert_eq!(reduce(&bytes).as_deref(), Ok(KEPT));
    }

    #[test]
    fn what_is_no_list_of_objects_is_not_handed_on() {
        for text in [
            "",
            "{}",
            "[1]",
            "[\"a\"]",
            "[{]",
            "[{\"dataSource\":\"a\"}",
            "[]]",
            "[]{}",
            "[{\"dataSource\":5}]",
            "<html>",
        ] {
            assert_eq!(reduce(&[text.as_bytes()]), Err(Unexpected), "{text}");
        }
        assert_eq!(reduce(&[b"[]"]).as_deref(), Ok("[]"));
    }

    #[test]
    fn a_name_counts_where_druid_would_read_it() {
        for (element, is_kept) in [
            (r#"{"dataSource":"a"}"#, true),
            (r#"{"dataSource" : "a"}"#, true),
            (r#"{"x":"dataSource","dataSource":"a"}"#, true),
            (r#"{"x":"dataSource","dataSource":"b"}"#, false),
            (r#"{"x":"dataSource"}"#, false),
            (r#"{"x":{"dataSource":"a"}}"#, false),
            (r#"{"x":{"dataSource":"a"},"dataSource":"b"}"#, false),
            (r#"{"x":[{"dataSource":"b"}],"dataSource":"a"}"#, true),
            (r#"{"x":"{\"dataSource\":\"a\"}","dataSource":"b"}"#, false),
            (r#"{"x":"\\","dataSource":"a"}"#, true),
            // Twice: both count.
            (r#"{"dataSource":"a","dataSource":"a"}"#, true),
            (r#"{"dataSource":"a","dataSource":"b"}"#, false),
            (r#"{"dataSource":"a","data\u0053ource":"b"}"#, false),
            (r#"{"dataSource":"a","dataSource":null}"#, false),
            (r#"{"dataSource":"\u0062"}"#, false),
        ] {
            let list = format!("[{element}]");
            let expected = if is_kept { &*list } else { "[]" };
            let bytes: Vec<&[u8]> = list.as_bytes().chunks(1).collect();
            assert_eq!(
                reduce(&[list.as_bytes()]).as_deref(),
                Ok(expected),
                "{element}"
            );
            assert_eq!(reduce(&bytes).as_deref(), Ok(expected), "{element}");
        }
    }

    #[test]
    fn an_element_without_end_is_given_up() {
        let mut list = TaskList::default();
        let mut out = Vec::new();
        let chunk = [b' '; 64 * 1024];
        let sees = |_: &DataSource| true;
        assert_eq!(list.push(b"[{\"a\":\"", &sees, &mut out), Ok(()));
        let refused = (0..100).any(|_| list.push(&chunk, &sees, &mut out).is_err());
        assert!(refused);
    }
}
