//! Strings and numbers, byte by byte where it must be and eight at a time where it can be.

use super::invalid::InvalidKind;

/// Jackson's limits from Druid 34 on.
const LONGEST_KEY: usize = 50_000;
const LONGEST_NUMBER: usize = 1_000;

/// A scanned string: where its closing quote is, and whether it has escapes.
pub(super) struct Text {
    pub(super) end: usize,
    pub(super) escaped: bool,
}

/// Something wrong at a byte.
pub(super) type Wrong = (InvalidKind, usize);

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where in eight bytes the first quote, backslash or control character is.
fn special(chunk: u64) -> Option<usize> {
    // A byte's high bit is set if it is one, or if a byte before it is.
    let has = |byte: u64| {
        let different = chunk ^ (LOW * byte);
        different.wrapping_sub(LOW) & !different
    };
    let control = chunk.wrapping_sub(LOW * 0x20) & !chunk;
    let found = (has(u64::from(b'"')) | has(u64::from(b'\\')) | control) & HIGH;
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

/// Scans a string whose opening quote is before `from`.
#[inline]
pub(super) fn string(bytes: &[u8], from: usize, is_key: bool) -> Result<Text, Wrong> {
    let mut at = from;
    let mut escaped = false;
    loop {
        while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            match special(u64::from_le_bytes(*chunk)) {
                Some(ahead) => {
                    at += ahead;
                    break;
                }
                None => at += 8,
            }
        }
        match bytes.get(at) {
            None => {
                return Err((
                    InvalidKind::Syntax("a string is not closed"),
                    from.saturating_sub(1),
                ));
            }
            Some(b'"') => break,
            Some(b'\\') => {
                escaped = true;
                at = escape(bytes, at)?;
            }
            Some(0..=0x1f) => {
                return Err((
                    InvalidKind::Syntax("a control character in a string must be escaped"),
                    at,
                ));
            }
            Some(_) => at += 1,
        }
    }
    if is_key && at - from > LONGEST_KEY {
        return Err((InvalidKind::KeyTooLong, from));
    }
    Ok(Text { end: at, escaped })
}

/// Checks an escape at its backslash; returns where it ends.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Wrong> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let unit = hex(bytes, at)?;
            match unit {
                0 => Err((InvalidKind::NulCharacter, at)),
                0xd800..=0xdbff => {
                    let follows = bytes.get(at + 6..at + 8) == Some(b"\\u");
                    match if follows { hex(bytes, at + 6)? } else { 0 } {
                        0xdc00..=0xdfff => Ok(at + 12),
                        _ => Err((InvalidKind::LoneSurrogate, at)),
                    }
                }
                0xdc00..=0xdfff => Err((InvalidKind::LoneSurrogate, at)),
                _ => Ok(at + 6),
            }
        }
        _ => Err((InvalidKind::Syntax("there is no such escape"), at)),
    }
}

fn hex(bytes: &[u8], at: usize) -> Result<u32, Wrong> {
    let wrong = (
        InvalidKind::Syntax("`\\u` wants four hexadecimal digits"),
        at,
    );
    let digits = bytes.get(at + 2..at + 6).ok_or(wrong)?;
    digits.iter().try_fold(0, |sum, byte| {
        let digit = char::from(*byte).to_digit(16);
        digit.map(|digit| sum * 16 + digit).ok_or(wrong)
    })
}

/// Scans a number that begins at `from`; returns where it ends.
pub(super) fn number(bytes: &[u8], from: usize) -> Result<usize, Wrong> {
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut at = from;
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    let whole = at;
    at = digits(at);
    if at == whole {
        return Err((InvalidKind::Syntax("a number needs a digit here"), at));
    }
    if bytes.get(whole) == Some(&b'0') && at - whole > 1 {
        return Err((
            InvalidKind::Syntax("a number does not begin with a zero"),
            whole,
        ));
    }
    let mut may_be_large = at - whole > 300;
    if bytes.get(at) == Some(&b'.') {
        let fraction = at + 1;
        at = digits(fraction);
        if at == fraction {
            return Err((
                InvalidKind::Syntax("a number needs a digit after its point"),
                at,
            ));
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        may_be_large = true;
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let exponent = at;
        at = digits(at);
        if at == exponent {
            return Err((
                InvalidKind::Syntax("a number needs a digit in its exponent"),
                at,
            ));
        }
    }
    if at - from > LONGEST_NUMBER {
        return Err((InvalidKind::NumberTooLong, from));
    }
    if may_be_large {
        let text = bytes
            .get(from..at)
            .and_then(|text| std::str::from_utf8(text).ok());
        let value = text.and_then(|text| text.parse::<f64>().ok());
        if value.is_none_or(|value| !value.is_finite()) {
            return Err((InvalidKind::NumberTooLarge, from));
        }
    }
    Ok(at)
}
