//! Why bytes are no document.

use super::{Position, Span};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKind {
    /// A byte sequence that is no UTF-8; UTF-16 and UTF-32 end here.
    #[error("this is not UTF-8")]
    NotUtf8,
    /// U+FEFF first.
    #[error("the text begins with a byte order mark")]
    ByteOrderMark,
    /// Nothing, or white space only.
    #[error("there is no JSON value")]
    Empty,
    /// More than 4 GiB.
    #[error("the text is too long")]
    TooLong,
    /// Something follows the value.
    #[error("text follows the JSON value")]
    TrailingText,
    /// RFC 8259 has something else here.
    #[error("{0}")]
    Syntax(&'static str),
    /// A key stands twice in one object.
    #[error("the key stands twice in one object")]
    DuplicateKey,
    /// The key is `""`.
    #[error("the key is empty")]
    EmptyKey,
    /// Half of a surrogate pair.
    #[error("the escape is half of a surrogate pair")]
    LoneSurrogate,
    /// `\u0000`.
    #[error("the text holds U+0000")]
    NulCharacter,
    /// More levels than allowed.
    #[error("arrays and objects are nested too deeply")]
    TooDeep,
    /// More values than allowed.
    #[error("there are too many values")]
    TooManyValues,
    /// A key of more than 50,000 bytes: Jackson's limit from Druid 34 on.
    #[error("the key is too long")]
    KeyTooLong,
    /// More than 1,000 characters: Jackson's limit from Druid 34 on.
    #[error("the number has too many digits")]
    NumberTooLong,
    /// No finite double: Jackson reads infinity.
    #[error("the number is too large")]
    NumberTooLarge,
}

/// Bytes that are no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Invalid {
    /// What.
    pub kind: InvalidKind,
    /// Where, in bytes.
    pub span: Span,
    /// The value it stands in or at: a JSON Pointer (RFC 6901), cut at 200 bytes.
    pub pointer: String,
}

impl Invalid {
    /// Line and column of the place and of its end, from 1, in the bytes that were read.
    pub fn positions(&self, bytes: &[u8]) -> (Position, Position) {
        let Span { start, end } = self.span;
        let before = bytes.get(..start).unwrap_or(bytes);
        let begin = Position::FIRST.after(before);
        let inside = bytes.get(start..end).unwrap_or_default();
        // A line break is the end of its own line, not the beginning of the next.
        let after = match inside {
            [_] | [] => Position {
                line: begin.line,
                column: begin.column + 1,
            },
            _ => begin.after(inside),
        };
        (begin, after)
    }

    /// Line and column of the place.
    pub fn position(&self, bytes: &[u8]) -> Position {
        self.positions(bytes).0
    }
}
