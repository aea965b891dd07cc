//! One shape for everything that is said about a document.

mod code;
mod level;
mod seal;
mod secret;

use serde::Serialize;

pub use code::{CODES, Code, CodeRow, Severity};
pub use level::{Level, Levels};
pub use seal::{MASK, MASK_WORDS, sealed};
pub use secret::{holds_secret, masked};

use crate::json::{Document, Invalid, InvalidKind, Kind, Node, Position, Span};

/// Findings about one document, at most this many.
pub const MOST: usize = 20;

/// The longest piece of a document that a finding repeats, in characters.
pub const LONGEST_QUOTE: usize = 80;

/// The longest pointer that a finding carries, in bytes. Keys may be long and nested: without a
/// bound, twenty findings about a body of a megabyte would be an answer of twenty.
const LONGEST_POINTER: usize = 1_000;

/// Something about a document that its author should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// JSON Pointer (RFC 6901) of the value it is about.
    pub pointer: String,
    /// From 1.
    pub line: usize,
    /// From 1, in Unicode characters.
    pub column: usize,
    /// Where the value ends.
    pub end_line: usize,
    /// The column behind its last character.
    pub end_column: usize,
    /// What is so, in a sentence.
    pub message: String,
    /// What Druid would have done.
    pub effect: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<Suggestion>,
    /// The change that does it, if one does.
    #[serde(skip)]
    pub edit: Option<Edit>,
    #[serde(skip)]
    span: Span,
    /// Is it about a secret? Then nothing of what stands there is told.
    #[serde(skip)]
    is_secret: bool,
}

/// A change of the text: these bytes become that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Which bytes.
    pub span: Span,
    /// JSON.
    pub text: String,
}

/// What was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// To write instead.
    pub text: String,
    /// Where.
    pub pointer: String,
}

impl Finding {
    /// A finding about a value. Of a secret it says only that.
    pub fn new(code: Code, node: Node<'_>, message: impl Into<String>) -> Finding {
        let mut finding = Finding::about_key(code, node, message);
        finding.is_secret = secret::is_secret(&finding.pointer);
        let is_single = matches!(node.kind(), Kind::String | Kind::Number);
        if is_single && finding.is_secret {
            "Druid cannot use this value, which is not shown because it may be a secret"
                .clone_into(&mut finding.message);
        }
        finding
    }

    /// A finding about a key of an object: the key's own place.
    pub fn about_key(code: Code, key: Node<'_>, message: impl Into<String>) -> Finding {
        Finding::at(
            code,
            key.document(),
            key.span(),
            key.pointer(),
            message.into(),
        )
    }

    fn at(
        code: Code,
        document: &Document,
        span: Span,
        pointer: String,
        message: String,
    ) -> Finding {
        let start = document.position(span.start);
        let end = document.position(span.end);
        Finding {
            span,
            ..Finding::placed(code, cut(pointer), start, end, message)
        }
    }

    fn placed(
        code: Code,
        pointer: String,
        start: Position,
        end: Position,
        message: String,
    ) -> Finding {
        Finding {
            code,
            severity: code.severity(),
            pointer,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            message,
            effect: None,
            suggestion: None,
            edit: None,
            span: Span { start: 0, end: 0 },
            is_secret: false,
        }
    }

    /// With what Druid would have done.
    #[must_use]
    pub fn effect(mut self, effect: impl Into<String>) -> Finding {
        self.effect = Some(effect.into());
        self
    }

    /// With the text that was probably meant, in the place of the value, if it is short.
    #[must_use]
    pub fn suggest(mut self, text: impl Into<String>) -> Finding {
        let text = text.into();
        if self.is_secret || is_long(&text) {
            return self;
        }
        self.replace(serde_json::Value::from(text.as_str()).to_string());
        self.suggestion(text, None)
    }

    /// With the JSON that was probably meant, in the place of the value, if it is short.
    #[must_use]
    pub fn suggest_json(mut self, json: impl Into<String>) -> Finding {
        let json = json.into();
        if self.is_secret || is_long(&json) {
            return self;
        }
        self.replace(json.clone());
        self.suggestion(json, None)
    }

    /// With the name that was probably meant, in the place of the key that it is about.
    #[must_use]
    pub fn rename(mut self, name: &str) -> Finding {
        self.replace(serde_json::Value::from(name).to_string());
        let holder = self
            .pointer
            .rsplit_once('/')
            .map_or("", |(holder, _)| holder);
        let pointer = pointer_below(holder, name);
        self.suggestion(name, Some(pointer))
    }

    /// With a value that is missing below the object that it is about.
    #[must_use]
    pub fn suggest_below(self, name: &str, text: impl Into<String>) -> Finding {
        let pointer = pointer_below(&self.pointer, name);
        self.suggestion(text, Some(pointer))
    }

    /// With the place where it belongs.
    #[must_use]
    pub fn suggest_place(self, name: impl Into<String>, pointer: String) -> Finding {
        self.suggestion(name, Some(cut(pointer)))
    }

    fn suggestion(mut self, text: impl Into<String>, pointer: Option<String>) -> Finding {
        self.suggestion = Some(Suggestion {
            text: text.into(),
            pointer: pointer.unwrap_or_else(|| self.pointer.clone()),
        });
        self
    }

    /// The same about a larger document that holds the one it was made for, from byte `start` on,
    /// under the pointer `holder`.
    #[must_use]
    pub fn moved(mut self, outer: &Document, start: usize, holder: &str) -> Finding {
        let moved = |span: Span| Span {
            start: span.start + start,
            end: span.end + start,
        };
        self.span = moved(self.span);
        let (from, to) = (
            outer.position(self.span.start),
            outer.position(self.span.end),
        );
        (self.line, self.column) = (from.line, from.column);
        (self.end_line, self.end_column) = (to.line, to.column);
        self.pointer = cut(format!("{holder}{}", self.pointer));
        if let Some(suggestion) = &mut self.suggestion {
            suggestion.pointer = cut(format!("{holder}{}", suggestion.pointer));
        }
        if let Some(edit) = &mut self.edit {
            edit.span = moved(edit.span);
        }
        self
    }

    fn replace(&mut self, text: String) {
        self.edit = Some(Edit {
            span: self.span,
            text,
        });
    }

    /// The finding that stands for bytes which are no document.
    pub fn invalid(invalid: &Invalid, bytes: &[u8]) -> Finding {
        let (start, end) = invalid.positions(bytes);
        let (code, effect) = explain(invalid.kind);
        let mut message = invalid.kind.to_string();
        if let Some(first) = message.get(..1) {
            message = format!(
                "{}{}",
                first.to_uppercase(),
                message.get(1..).unwrap_or_default()
            );
        }
        let finding = Finding::placed(code, invalid.pointer.clone(), start, end, message);
        match effect {
            Some(effect) => finding.effect(effect),
            None => finding,
        }
    }
}

/// Is it more than a finding repeats?
fn is_long(text: &str) -> bool {
    text.chars().nth(LONGEST_QUOTE).is_some()
}

/// The code of a reading error, and what Druid 28 does with such a body (run on it).
fn explain(kind: InvalidKind) -> (Code, Option<&'static str>) {
    match kind {
        InvalidKind::NotUtf8 | InvalidKind::ByteOrderMark => (
            Code::AmbiguousEncoding,
            Some("Druid decodes UTF-16, UTF-32 and overlong UTF-8 too, and reads another text"),
        ),
        InvalidKind::Empty => (Code::MalformedJson, Some("Druid answers 500")),
        InvalidKind::TrailingText => (
            Code::TrailingText,
            Some("Druid reads the first value and ignores the rest without a word"),
        ),
        InvalidKind::Syntax(_) => (Code::MalformedJson, None),
        InvalidKind::DuplicateKey => (
            Code::DuplicateKey,
            Some("Druid takes the first `type` and the last of any other key, without a word"),
        ),
        InvalidKind::EmptyKey => (
            Code::EmptyKey,
            Some("older Druids inject values under an empty key (CVE-2021-25646)"),
        ),
        InvalidKind::LoneSurrogate | InvalidKind::NulCharacter => (Code::ForbiddenCharacter, None),
        InvalidKind::TooDeep => (
            Code::TooDeep,
            Some("Druid up to 33 overflows its stack at some 1,000 levels"),
        ),
        InvalidKind::TooManyValues | InvalidKind::TooLong => (Code::TooManyValues, None),
        InvalidKind::KeyTooLong | InvalidKind::NumberTooLong | InvalidKind::NumberTooLarge => {
            (Code::TooLong, None)
        }
    }
}

/// A piece of a document for a message: cut, without control characters, and without what an address
/// may carry of its user.
pub fn quote(text: &str) -> String {
    let text = secret::without_secrets(text);
    let mut quoted = String::from("`");
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST_QUOTE {
            quoted.push('…');
            break;
        }
        quoted.push(tame(character));
    }
    quoted.push('`');
    quoted
}

/// A piece of a document, whole: without control characters, and without what an address may carry
/// of its user.
pub fn plain(text: &str) -> String {
    tamed(&secret::without_secrets(text))
}

/// The character, or U+FFFD for one that would change how a terminal shows what stands around it.
pub fn tame(character: char) -> char {
    if character.is_control() || is_invisible(character) {
        '\u{fffd}'
    } else {
        character
    }
}

/// A text that changes nothing around it on a terminal.
pub fn tamed(text: &str) -> String {
    text.chars().map(tame).collect()
}

/// Characters that change how what stands around them looks: marks of direction, joiners, line and
/// paragraph separators.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The pointer of a field of what another one leads to.
fn pointer_below(holder: &str, name: &str) -> String {
    let token = name.replace('~', "~0").replace('/', "~1");
    format!("{holder}/{token}")
}

/// A pointer of bearable length.
fn cut(mut pointer: String) -> String {
    if pointer.len() > LONGEST_POINTER {
        pointer.truncate(pointer.floor_char_boundary(LONGEST_POINTER));
        pointer.push('…');
    }
    pointer
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::json::Limits;

    #[test]
    fn a_finding_has_the_shape_of_the_contract() {
        let text = "{\n \"a\": {\"maxRowsPerSegmnet\": 5}}";
        let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
        let node = document
            .root()
            .at(&["a", "maxRowsPerSegmnet"])
            .expect("there");
        let finding = Finding::new(Code::WrongType, node, "m")
            .effect("e")
            .suggest("s");
        let json = serde_json::to_string(&finding).expect("serializable");
        assert_eq!(
            json,
            "{\"code\":\"wrong-type\",\"severity\":\"error\",\"pointer\":\"/a/maxRowsPerSegmnet\",\
             \"line\":2,\"column\":29,\"end_line\":2,\"end_column\":30,\"message\":\"m\",\
             \"effect\":\"e\",\"suggestion\":{\"text\":\"s\",\"pointer\":\"/a/maxRowsPerSegmnet\"}}"
        );
    }

    #[test]
    fn a_finding_moves_into_the_document_around() {
        let inner = "{\n \"ä\": {\"maxRows\": 5}}";
        let document = Document::read(Bytes::from(inner), &Limits::default()).expect("valid");
        let (key, _) = document
            .root()
            .get("ä")
            .expect("there")
            .entries()
            .next()
            .expect("one");
        let found = Finding::about_key(Code::MisspelledField, key, "m").rename("maxRowsInMemory");
        assert_eq!((found.line, found.column), (2, 8));
        let text = format!("[1,\n  {inner}\n]");
        let outer = Document::read(Bytes::from(text.clone()), &Limits::default()).expect("valid");
        let holder = outer.root().elements().nth(1).expect("there");
        let moved = found.moved(&outer, holder.span().start, &holder.pointer());
        assert_eq!((moved.line, moved.column), (3, 8));
        assert_eq!((moved.end_line, moved.end_column), (3, 17));
        assert_eq!(moved.pointer, "/1/ä/maxRows");
        let suggestion = moved.suggestion.expect("suggested");
        assert_eq!(suggestion.pointer, "/1/ä/maxRowsInMemory");
        let Edit { span, .. } = moved.edit.expect("a change");
        assert_eq!(text.get(span.start..span.end), Some("\"maxRows\""));
    }

    #[test]
    fn quotes_are_short_and_tame() {
        assert_eq!(
            quote("a\nb\u{202e}\u{2066}c\u{2028}"),
            "`a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}`"
        );
        assert_eq!(quote(&"x".repeat(500)).chars().count(), LONGEST_QUOTE + 3);
    }

    #[test]
    fn a_secret_is_not_told() {
        let text = "{\"password\": [\"hunter2\", 7]}";
        let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
        for node in document.root().get("password").expect("there").elements() {
            let finding = Finding::new(Code::WrongType, node, quote(node.raw()))
                .suggest(node.raw())
                .suggest_json(node.raw());
            assert!(finding.message.contains("may be a secret"));
            assert_eq!((finding.suggestion, finding.edit), (None, None));
        }
    }

    #[test]
    fn long_keys_make_no_long_findings() {
        let key = "ä".repeat(5_000);
        let text = format!("{{\"{key}\":{{\"{key}\":5}}}}");
        let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
        let node = document.root().at(&[&key, &key]).expect("there");
        let finding = Finding::new(Code::WrongType, node, quote(&key));
        assert!(finding.pointer.len() <= LONGEST_POINTER + '…'.len_utf8());
        assert!(finding.pointer.starts_with("/ää") && finding.pointer.ends_with('…'));
        assert_eq!(finding.message.chars().count(), LONGEST_QUOTE + 3);
    }

    #[test]
    fn reading_errors_are_findings() {
        let text = b"{\"a\":1,\n\"a\":2}";
        let invalid =
            Document::read(Bytes::from_static(text), &Limits::default()).expect_err("twice");
        let finding = Finding::invalid(&invalid, text);
        assert_eq!(
            (finding.code, finding.line, finding.column),
            (Code::DuplicateKey, 2, 1)
        );
        assert_eq!((finding.end_line, finding.end_column), (2, 4));
        assert_eq!(finding.pointer, "/a");
        assert_eq!(finding.message, "The key stands twice in one object");
    }
}
