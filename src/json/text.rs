//! What an escaped string means.

/// Undoes the escapes of a string that the reader has checked.
pub(super) fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut characters = after.chars();
        let (character, length) = match characters.next() {
            Some('b') => ('\u{8}', 1),
            Some('f') => ('\u{c}', 1),
            Some('n') => ('\n', 1),
            Some('r') => ('\r', 1),
            Some('t') => ('\t', 1),
            Some('u') => unicode(after),
            Some(itself) => (itself, itself.len_utf8()),
            None => break,
        };
        text.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// `uXXXX`, or `uXXXX\uXXXX` for a pair: the character and how many bytes it took.
fn unicode(after: &str) -> (char, usize) {
    let unit = |at: usize| {
        after
            .get(at..at + 4)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .unwrap_or(0xfffd)
    };
    let first = unit(1);
    if !(0xd800..=0xdbff).contains(&first) {
        return (char::from_u32(first).unwrap_or('\u{fffd}'), 5);
    }
    let second = unit(7);
    let scalar = 0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    (char::from_u32(scalar).unwrap_or('\u{fffd}'), 11)
}

/// Are these the same bytes? Names are short: to compare them here costs half of a call that must
/// first find out how.
#[inline]
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let (Some(left_end), Some(right_end)) = (left.last_chunk(), right.last_chunk()) else {
        return left.iter().zip(right).all(|(left, right)| left == right);
    };
    let word = u64::from_le_bytes;
    let mut left = left;
    let mut right = right;
    while let (Some((one, more)), Some((other, others))) =
        (left.split_first_chunk(), right.split_first_chunk())
    {
        if word(*one) != word(*other) {
            return false;
        }
        (left, right) = (more, others);
    }
    // The end, with some bytes twice rather than one by one.
    word(*left_end) == word(*right_end)
}

/// A hash of a key's meaning. Equal keys have equal hashes; keys that were made to collide cost no
/// more than a comparison each, since duplicates are found by sorting.
#[inline]
pub(super) const fn hash(bytes: &[u8]) -> u32 {
    let mut sum = bytes.len() as u64;
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk() {
        sum = mix(sum, u64::from_le_bytes(*chunk));
        rest = behind;
    }
    if rest.is_empty() {
        return fold(sum);
    }
    // The end, with some bytes twice rather than one by one.
    let end = if let Some(end) = bytes.last_chunk() {
        u64::from_le_bytes(*end)
    } else if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        (u32::from_le_bytes(*first) as u64) << 32 | u32::from_le_bytes(*last) as u64
    } else {
        let mut few = 0;
        while let Some((byte, behind)) = rest.split_first() {
            few = few << 8 | *byte as u64;
            rest = behind;
        }
        few
    };
    fold(mix(sum, end))
}

const fn mix(sum: u64, word: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    (sum ^ word).wrapping_mul(MULTIPLIER).rotate_left(29)
}

#[inline]
const fn fold(sum: u64) -> u32 {
    (sum ^ sum >> 32) as u32
}
