//! A long list, reduced while it streams: an array of objects that name their datasource.

use std::borrow::Cow;

use serde::Deserialize;

use super::Unexpected;
use crate::druid::DataSource;

/// The largest element, in bytes: a task's status has some 430.
const LARGEST_ELEMENT: usize = 1 << 20;

/// Finds the elements of the top-level array and keeps those whose datasource may be seen.
///
/// Chunks may end anywhere. An element is copied only when two chunks share it.
#[derive(Debug, Default)]
pub struct TaskList {
    state: State,
    /// Open brackets inside the element.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The part of an element that earlier chunks brought.
    begun: Vec<u8>,
    wrote: bool,
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

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "dataSource", borrow)]
    datasource: Option<Cow<'a, str>>,
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
        // Where the element that is open began in this chunk.
        let mut from = 0;
        for (at, byte) in chunk.iter().copied().enumerate() {
            match self.state {
                State::Start => match byte {
                    b' ' | b'\n' | b'\r' | b'\t' => {}
                    b'[' => {
                        out.push(b'[');
                        self.state = State::Between;
                    }
                    _ => return Err(Unexpected),
                },
                State::Between => match byte {
                    b' ' | b'\n' | b'\r' | b'\t' | b',' => {}
                    b'{' => {
                        self.state = State::Element;
                        self.depth = 1;
                        from = at;
                    }
                    b']' => {
                        out.push(b']');
                        self.state = State::End;
                    }
                    _ => return Err(Unexpected),
                },
                State::Element => {
                    if self.inside(byte) {
                        continue;
                    }
                    let tail = chunk.get(from..=at).unwrap_or_default();
                    if self.begun.is_empty() {
                        self.element(tail, sees, out)?;
                    } else {
                        let mut element = std::mem::take(&mut self.begun);
                        element.extend_from_slice(tail);
                        self.element(&element, sees, out)?;
                    }
                    self.state = State::Between;
                }
                State::End if byte.is_ascii_whitespace() => {}
                State::End => return Err(Unexpected),
            }
        }
        if self.state == State::Element {
            let rest = chunk.get(from..).unwrap_or_default();
            if self.begun.len() + rest.len() > LARGEST_ELEMENT {
                return Err(Unexpected);
            }
            self.begun.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Is the list complete?
    pub fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// Does the element go on after this byte?
    fn inside(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return true;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.depth > 0
    }

    fn element(
        &mut self,
        element: &[u8],
        sees: &dyn Fn(&DataSource) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Unexpected> {
        let named: Named<'_> = serde_json::from_slice(element).map_err(|_| Unexpected)?;
        let datasource = named
            .datasource
            .and_then(|name| name.parse::<DataSource>().ok());
        if datasource.is_some_and(|datasource| sees(&datasource)) {
            if self.wrote {
                out.push(b',');
            }
            self.wrote = true;
            out.extend_from_slice(element);
        }
        Ok(())
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
