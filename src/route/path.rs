//! The canonical form of a path.

use std::borrow::Cow;
use std::fmt;

/// Everything that is served stands below this.
pub const PREFIX: &str = "/druid/indexer/v1";

/// Its segments.
const NAMES: [&str; 3] = ["druid", "indexer", "v1"];

/// The longest target, in bytes: path and query.
const LONGEST_TARGET: usize = 4 * 1024;

/// The most segments after the prefix: no endpoint has more.
pub(super) const MOST_SEGMENTS: usize = 6;

/// A path below [`PREFIX`] that everybody reads the same way: decoded segments without empty ones,
/// `.` or `..`, slashes, backslashes, semicolons that were not escaped, or control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalPath {
    /// Its segments' texts, one behind the other.
    text: String,
    segments: [Segment; MOST_SEGMENTS],
    count: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Segment {
    /// Where its text ends; it begins where the one before ends.
    end: usize,
    /// Spelled without an escape. Jersey compares literal segments raw: `/%74ask` is not `/task`,
    /// and `/supervisor/%68istory` is the supervisor `history` (run on Druid 28.0.0). Written
    /// anew, neither would be what it was: no route has an escaped literal.
    plain: bool,
}

/// Why a path has no canonical form. Each is a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedPath {
    /// More than 4 KiB.
    #[error("the request target is longer than 4 KiB")]
    TooLong,
    /// `*`, a URL with a host, or nothing.
    #[error("the request target does not begin with `/`")]
    NoPath,
    /// `//`, or nothing between two slashes.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// `.` or `..`, in any spelling.
    #[error("the path has a `.` or `..` segment")]
    DotSegment,
    /// `;`: Druid's servlet drops what follows, its filters do not.
    #[error("the path has a `;`, which must be written `%3B` inside an id")]
    Parameter,
    /// `%zz`, or bytes that are not UTF-8.
    #[error("the path has an escape that is not UTF-8 text")]
    Escape,
    /// An escaped slash, backslash or control character.
    #[error("the path has an escaped slash, backslash or control character")]
    Forbidden,
    /// A character that must be escaped.
    #[error("the path has a character that must be escaped")]
    Unescaped,
}

/// Outcome of looking at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'t> {
    /// Below the prefix.
    Below(CanonicalPath, Option<&'t str>),
    /// Well formed and elsewhere: nothing is served there.
    Elsewhere,
}

impl CanonicalPath {
    /// Splits a target (`/path?query`) and parses its path.
    ///
    /// # Errors
    /// [`MalformedPath`]
    pub fn parse(target: &str) -> Result<Target<'_>, MalformedPath> {
        if target.len() > LONGEST_TARGET {
            return Err(MalformedPath::TooLong);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        // Checked before the prefix is looked at, so that no spelling is ever "elsewhere" here and
        // "below" for Druid: Jetty takes `/x/..;/druid` and `/druid%2findexer` for other paths.
        check_characters(path)?;
        let rest = path.strip_prefix('/').ok_or(MalformedPath::NoPath)?;
        if rest.is_empty() {
            return Ok(Target::Elsewhere);
        }
        // Druid's own documentation writes `/tasks/?state=…`: one slash at the end is none.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let is_escaped = rest.contains('%');
        let mut below = CanonicalPath {
            text: String::with_capacity(rest.len()),
            segments: [Segment::default(); MOST_SEGMENTS],
            count: 0,
        };
        // A prefix that is spelled as it should be needs no look at each of its names.
        let spelled = rest.strip_prefix(PREFIX.trim_start_matches('/'));
        let spelled = spelled.and_then(|below| below.strip_prefix('/'));
        let mut names = match spelled {
            Some(_) => &[][..],
            None => NAMES.as_slice(),
        }
        .iter();
        let mut left = Some(spelled.unwrap_or(rest));
        let mut is_below = true;
        // Whatever is elsewhere is well formed, too: each is looked at to the last.
        while let Some(from) = left {
            let raw;
            (raw, left) = match memchr::memchr(b'/', from.as_bytes()) {
                Some(at) => (from.get(..at).unwrap_or_default(), from.get(at + 1..)),
                None => (from, None),
            };
            let (text, plain) = segment(raw, is_escaped)?;
            match names.next() {
                Some(name) => is_below &= plain && text == *name,
                None => is_below &= below.push(&text, plain),
            }
        }
        // Nothing stands behind a prefix that is not whole.
        if !is_below || below.count == 0 {
            return Ok(Target::Elsewhere);
        }
        Ok(Target::Below(below, query))
    }

    /// Appends a segment; false: there are too many.
    fn push(&mut self, text: &str, plain: bool) -> bool {
        let Some(segment) = self.segments.get_mut(self.count) else {
            return false;
        };
        self.text.push_str(text);
        *segment = Segment {
            end: self.text.len(),
            plain,
        };
        self.count += 1;
        true
    }

    /// The decoded segments after the prefix.
    pub(super) fn segments(&self) -> impl ExactSizeIterator<Item = (&str, bool)> {
        let mut begin = 0;
        let segments = self.segments.get(..self.count).unwrap_or_default();
        segments.iter().map(move |segment| {
            let text = self.text.get(begin..segment.end).unwrap_or_default();
            begin = segment.end;
            (text, segment.plain)
        })
    }
}

/// RFC 3986's `pchar` and `/`, and no `;`.
fn check_characters(path: &str) -> Result<(), MalformedPath> {
    // Nearly every path is made of these. To the end, so that the compiler looks at many bytes at a
    // time.
    let is_usual = |byte: u8| is_unreserved(byte) | (byte == b'/');
    if path.bytes().fold(true, |is, byte| is & is_usual(byte)) {
        return Ok(());
    }
    match path.bytes().find(|byte| !is_path_byte(*byte)) {
        None => Ok(()),
        Some(b';') => Err(MalformedPath::Parameter),
        Some(_) => Err(MalformedPath::Unescaped),
    }
}

fn is_path_byte(byte: u8) -> bool {
    let is_other = matches!(
        byte,
        b'-' | b'.'
            | b'_'
            | b'~'
            | b'%'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b'='
            | b':'
            | b'@'
            | b'/'
    );
    byte.is_ascii_alphanumeric() || is_other
}

/// A segment's text, and whether it was spelled without an escape.
fn segment(raw: &str, is_escaped: bool) -> Result<(Cow<'_, str>, bool), MalformedPath> {
    if raw.is_empty() {
        return Err(MalformedPath::EmptySegment);
    }
    let text = match is_escaped {
        true => decode(raw).ok_or(MalformedPath::Escape)?,
        false => Cow::Borrowed(raw),
    };
    if text == "." || text == ".." {
        return Err(MalformedPath::DotSegment);
    }
    let plain = matches!(text, Cow::Borrowed(_));
    let is_forbidden = |c: char| c == '/' || c == '\\' || c.is_control();
    // Unescaped, they would not have come as far as here.
    if !plain && text.chars().any(is_forbidden) {
        return Err(MalformedPath::Forbidden);
    }
    Ok((text, plain))
}

/// Undoes percent-encoding once; `None` if an escape is malformed or the result is not UTF-8.
pub(super) fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Writes a name as one path segment: everything but RFC 3986's unreserved characters and `:` is
/// escaped, in upper case.
pub fn encode_segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    write_escaped(&mut encoded, text);
    encoded
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':')
}

pub(super) fn write_escaped(target: &mut String, text: &str) {
    // As nearly every text is.
    if text.bytes().fold(true, |is, byte| is & is_unreserved(byte)) {
        return target.push_str(text);
    }
    let mut rest = text;
    loop {
        let plain = rest.bytes().position(|byte| !is_unreserved(byte));
        let (run, others) = rest.split_at(plain.unwrap_or(rest.len()));
        target.push_str(run);
        let Some(first) = others.chars().next() else {
            return;
        };
        let (escaped, others) = others.split_at(first.len_utf8());
        for byte in escaped.bytes() {
            let digit = |value: u8| {
                char::from_digit(u32::from(value), 16)
                    .unwrap_or('0')
                    .to_ascii_uppercase()
            };
            target.push('%');
            target.push(digit(byte >> 4));
            target.push(digit(byte & 15));
        }
        rest = others;
    }
}

impl CanonicalPath {
    /// As it is sent upstream.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write_to(&mut text);
        text
    }

    /// Writes it as it is sent upstream.
    pub(super) fn write_to(&self, target: &mut String) {
        target.reserve(PREFIX.len() + self.count + self.text.len());
        target.push_str(PREFIX);
        for (text, _) in self.segments() {
            target.push('/');
            write_escaped(target, text);
        }
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What passes without a closer look would pass it.
    #[test]
    fn what_is_unreserved_may_stand_in_a_path() {
        for byte in 0..=u8::MAX {
            assert!(!is_unreserved(byte) || is_path_byte(byte), "{byte}");
        }
    }

    proptest! {
        /// A text is written in one way, whatever stands beside it.
        #[test]
        fn a_text_is_escaped_piece_by_piece(one in "[ -~\u{e9}]{0,8}", other in "[ -~\u{e9}]{0,8}") {
            let both = encode_segment(&format!("{one}{other}"));
            prop_assert_eq!(both, encode_segment(&one) + &encode_segment(&other));
        }
    }
}
