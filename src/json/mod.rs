//! JSON as Druid will see it, or not at all: a strict reader with positions.
//!
//! [`Document::read`] goes over the bytes once, into a flat tape (20 bytes a value, no tree), and
//! refuses everything that two readers could read differently: Jackson takes the first `type` of a
//! duplicate and the last of any other key, ignores what follows the first value, decodes UTF-16,
//! UTF-32 and overlong UTF-8, and injects values under an empty key (run on Druid 28.0.0;
//! CVE-2021-25646). What passes is RFC 8259 in UTF-8 with one meaning.

mod document;
mod invalid;
mod keys;
mod node;
mod read;
mod scan;
mod text;

pub use document::{Document, Kind, Position, Span};
pub use invalid::{Invalid, InvalidKind};
pub use node::{Elements, Entries, Node};
pub(crate) use node::{hash_key, is_name};

/// Bounds of a document, held while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The deepest nesting of arrays and objects.
    pub depth: usize,
    /// The most values, keys included.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        // Druid up to 33 overflows its stack at some 1,000 levels (run on 28.0.0); a real spec has
        // under 20. A spec of 1 MB with 40,000 URIs has some 40,000 values.
        Limits {
            depth: 64,
            values: 1_000_000,
        }
    }
}

/// What [`Document::read`] takes for a value, keys included, at most: a cell of 20 bytes and, for
/// each key, which always has a value, 8 bytes in a list that doubles as it grows and 32 while keys
/// that collide are compared.
const MOST_PER_VALUE: usize = 20 + (2 * 8 + 32) / 2;

/// No fewer than the values of a text, keys included: each but the first stands behind one of
/// these bytes. Inside strings they count too, so a long text seems to have more than it has.
fn most_values(text: &[u8], limits: &Limits) -> usize {
    let counted = count(text, |byte| matches!(byte, b',' | b':' | b'[' | b'{'));
    (counted + 1).min(limits.values)
}

/// How many bytes are such. Summed up in bytes, of which a processor adds sixteen at a time.
fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    let of = |chunk: &[u8]| chunk.iter().map(|byte| u8::from(is(*byte))).sum::<u8>();
    let chunks = bytes.chunks(u8::MAX.into());
    chunks.map(|chunk| usize::from(of(chunk))).sum()
}

/// The bytes that reading a text takes at most, beside the text itself. A value can be two bytes
/// of text (`0,`), so no factor of the text's length would do.
pub fn memory_to_read(text: &[u8], limits: &Limits) -> usize {
    most_values(text, limits) * MOST_PER_VALUE
}

#[cfg(test)]
mod tests;
