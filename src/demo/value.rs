//! A JSON value that keeps the order of its members and knows its place.

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Json {
    pub(super) kind: Kind,
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset of its last byte.
    pub(super) end: usize,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// A value that stands nowhere.
    pub(super) fn made(kind: Kind) -> Json {
        Json {
            kind,
            start: 0,
            end: 0,
        }
    }

    /// A member of an object. Jackson keeps the last of a repeated key (`type` is another matter).
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        let Kind::Object(members) = &self.kind else {
            return None;
        };
        members
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// As [`Json::get`], with `null` taken as absent.
    pub(super) fn present(&self, key: &str) -> Option<&Json> {
        self.get(key)
            .filter(|value| !matches!(value.kind, Kind::Null))
    }

    /// What Jackson makes of it where a string is wanted: numbers and booleans become text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) | Kind::Number(text) => Some(text),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            Kind::Null | Kind::List(_) | Kind::Object(_) => None,
        }
    }

    /// Jackson's name of the token that it begins with.
    pub(super) fn token(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "VALUE_NULL",
            Kind::Bool(true) => "VALUE_TRUE",
            Kind::Bool(false) => "VALUE_FALSE",
            Kind::Number(text) if text.contains(['.', 'e', 'E']) => "VALUE_NUMBER_FLOAT",
            Kind::Number(_) => "VALUE_NUMBER_INT",
            Kind::Text(_) => "VALUE_STRING",
            Kind::List(_) => "START_ARRAY",
            Kind::Object(_) => "START_OBJECT",
        }
    }

    /// Printed without spaces.
    pub(super) fn print(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Kind::Number(text) => out.push_str(text),
            Kind::Text(text) => out.push_str(&quote(text)),
            Kind::List(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Kind::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&quote(name));
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// A string as JSON.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// How Jackson names a request's body.
pub(super) const SOURCE: &str = "[Source: (org.eclipse.jetty.server.HttpInputOverHTTP); ";

/// Jackson's words for a place: ` at [Source: …]`, on a line of its own.
pub(super) fn place(body: &[u8], offset: usize) -> String {
    let (line, column) = line_and_column(body, offset);
    format!("\n at {SOURCE}line: {line}, column: {column}]")
}

/// Line and column of an offset, both from 1; columns are bytes, as Jackson counts them.
pub(super) fn line_and_column(body: &[u8], offset: usize) -> (usize, usize) {
    let before = body.get(..offset.min(body.len())).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    (line, offset - start + 1)
}

/// What is wrong with a text that should be JSON.
#[derive(Debug)]
pub(super) struct Malformed {
    /// Jackson's class, below `com.fasterxml.jackson.core`.
    pub(super) class: &'static str,
    /// Its message, place included.
    pub(super) message: String,
    /// The member of the outermost object that was being read.
    pub(super) key: Option<String>,
    /// The first `type` before it.
    pub(super) type_id: Option<String>,
    /// Values of the outermost list before it.
    pub(super) index: usize,
}
