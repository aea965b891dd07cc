//! The keys of an object: what they mean, and which stands twice.

use std::borrow::Cow;

use super::document::Cell;
use super::text::unescape;

/// The cell of the first key that stands a second time among these of an object: hash and cell.
///
/// Sorting by hash makes equal keys neighbours; only keys of one hash are compared as texts, and
/// those again by sorting. So keys that were made to collide cost a sort and no more: hashes
/// need no secret.
pub(super) fn duplicate(keys: &mut [(u32, u32)], cells: &[Cell], text: &str) -> Option<u32> {
    // Of most objects all keys differ in the end of their hash already: no need to sort them.
    let mut seen = 0_u128;
    let differ = keys.iter().all(|(hash, _)| {
        let bit = 1 << (hash & 127);
        let is_new = seen & bit == 0;
        seen |= bit;
        is_new
    });
    if differ {
        return None;
    }
    keys.sort_unstable();
    let mut first: Option<u32> = None;
    for run in keys.chunk_by(|left, right| left.0 == right.0) {
        if run.len() < 2 {
            continue;
        }
        let mut names: Vec<_> = run
            .iter()
            .map(|(_, cell)| (meaning(cells, text, *cell), *cell))
            .collect();
        names.sort_unstable();
        let again = names
            .windows(2)
            .filter_map(|pair| match pair {
                [left, right] if left.0 == right.0 => Some(right.1),
                _ => None,
            })
            .min();
        first = [first, again].into_iter().flatten().min();
    }
    first
}

/// A key's meaning.
pub(super) fn meaning<'b>(cells: &[Cell], text: &'b str, cell: u32) -> Cow<'b, str> {
    let Some(cell) = cells.get(cell as usize) else {
        return Cow::Borrowed("");
    };
    let raw = text
        .get(cell.start as usize + 1..(cell.end as usize).saturating_sub(1))
        .unwrap_or_default();
    if cell.escaped {
        Cow::Owned(unescape(raw))
    } else {
        Cow::Borrowed(raw)
    }
}
