//! Which bytes may stand where in a header field.

/// A token character (RFC 9110 section 5.6.2), without `_`: some servers read it as `-`.
pub(super) fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES
        .get(usize::from(byte))
        .is_some_and(|is_one| *is_one)
}

/// [`is_name_byte`] of every byte, made once.
const NAME_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let others = b"!#$%&'*+-.^`|~";
    let mut at = 0;
    while at < others.len() {
        bytes[others[at] as usize] = true;
        at += 1;
    }
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            bytes[byte as usize] = true;
        }
        byte += 1;
    }
    bytes
};

pub(super) fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e)
}

/// Without the blanks that may stand before a field's value (RFC 9110, section 5.5): no others. Rust's
/// `trim_ascii` takes a form feed for one, and what follows it for the value.
pub(super) fn without_blanks(value: &[u8]) -> &[u8] {
    let first = value.iter().position(|byte| !is_blank(*byte));
    value
        .get(first.unwrap_or(value.len())..)
        .unwrap_or_default()
}

/// Without those that may stand behind it.
pub(super) fn without_blanks_behind(value: &[u8]) -> &[u8] {
    let last = value.iter().rposition(|byte| !is_blank(*byte));
    value
        .get(..last.map_or(0, |last| last + 1))
        .unwrap_or_default()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
