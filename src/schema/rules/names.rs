//! Names of columns: which stand twice, which are among them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::BuildHasher as _;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::{get, is_blank, text};
use crate::json::{Document, Kind, Node, hash_key};

/// A dimension's or metric's name: a text, or its `name`; of a filtered metric without one that of
/// the metric inside.
pub(super) fn name(node: Node<'_>) -> Option<Cow<'_, str>> {
    match node.kind() {
        Kind::String => node.as_str(),
        _ => text(own_name(node)?),
    }
}

/// Where a name stands, for a caret under it.
pub(super) fn name_node(node: Node<'_>) -> Node<'_> {
    own_name(node).unwrap_or(node)
}

fn own_name(node: Node<'_>) -> Option<Node<'_>> {
    const NAME: u32 = hash_key("name");
    let mut node = node;
    loop {
        let name = node.get_hashed("name", NAME).filter(|name| !name.is_null());
        if name.is_some_and(|name| !is_blank(name)) {
            return name;
        }
        // The reader bounds how deep they nest.
        let is_filtered = get(node, "type").and_then(Node::as_str).as_deref() == Some("filtered");
        match get(node, "aggregator").filter(|_| is_filtered) {
            Some(inside) => node = inside,
            None => return name,
        }
    }
}

/// The names of many columns, to be found and compared: sorted by a hash that nobody outside this
/// process can foresee, so that no document is made of names that share one.
#[derive(Debug)]
pub(super) struct Names<'d> {
    document: Option<&'d Document>,
    /// Half of a hash, and the place on the tape; those of one hash by name.
    sorted: SmallVec<[u64; 16]>,
    /// Is one of them empty?
    pub(super) has_blank: bool,
    /// Is one of them [`TIME`]?
    pub(super) has_time: bool,
}

/// The column of time.
pub(super) const TIME: &str = "__time";

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The upper half of an entry.
fn upper(name: &str) -> u64 {
    SEED.hash_one(name) >> 32
}

impl<'d> Names<'d> {
    /// Of columns; those without a name do not count.
    pub(super) fn of(columns: impl Iterator<Item = Node<'d>>) -> Names<'d> {
        let (mut document, mut has_blank, mut has_time) = (None, false, false);
        let hashed = |node: Node<'d>| {
            let node = name_node(node);
            let name = text(node)?;
            has_blank |= name.is_empty();
            has_time |= name == TIME;
            document = Some(node.document());
            Some(upper(&name) << 32 | u64::from(node.index()))
        };
        let mut sorted: SmallVec<[u64; 16]> = columns.filter_map(hashed).collect();
        sorted.sort_unstable();
        if let Some(document) = document {
            for run in sorted.chunk_by_mut(|left, right| left >> 32 == right >> 32) {
                if run.len() > 1 {
                    run.sort_by_cached_key(|entry| (text(node(document, *entry)), *entry));
                }
            }
        }
        Names {
            document,
            sorted,
            has_blank,
            has_time,
        }
    }

    /// Can a name be among the others too? `false` is certain.
    pub(super) fn may_share(&self, others: &Names<'_>) -> bool {
        let hashes = |names: &Names<'_>, at: usize| names.sorted.get(at).map(|entry| entry >> 32);
        let (mut at, mut other) = (0, 0);
        while let (Some(left), Some(right)) = (hashes(self, at), hashes(others, other)) {
            match left.cmp(&right) {
                Ordering::Less => at += 1,
                Ordering::Greater => other += 1,
                Ordering::Equal => return true,
            }
        }
        false
    }

    /// How many columns have one.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Is this name among them?
    pub(super) fn contain(&self, name: &str) -> bool {
        let Some(document) = self.document else {
            return false;
        };
        let hash = upper(name);
        let from = self.sorted.partition_point(|entry| entry >> 32 < hash);
        let run = self.sorted.get(from..).unwrap_or_default().iter();
        run.take_while(|entry| *entry >> 32 == hash)
            .any(|entry| text(node(document, *entry)).as_deref() == Some(name))
    }

    /// Those that stand a second time, in the document's order.
    pub(super) fn twice(&self) -> impl Iterator<Item = (Cow<'d, str>, Node<'d>)> {
        let pairs = self.sorted.array_windows().filter_map(|[left, right]| {
            if left >> 32 != right >> 32 {
                return None;
            }
            let document = self.document?;
            let (left, right) = (node(document, *left), node(document, *right));
            let name = text(right)?;
            (text(left)? == name).then_some((name, right))
        });
        let mut twice: Vec<_> = pairs.collect();
        twice.sort_unstable_by_key(|(_, node)| node.index());
        twice.into_iter()
    }
}

fn node(document: &Document, entry: u64) -> Node<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower half is the place"
    )]
    Node::new(document, entry as u32)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::json::Limits;

    #[test]
    fn names_are_found_and_compared() {
        let text = r#"["a", {"name": "b"}, {"name": "a"}, {}, "", {"name": 5}, "5", "b", "b",
            {"type": "filtered", "name": "", "aggregator": {"name": "inside"}}]"#;
        let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
        let names = Names::of(document.root().elements());
        for (name, is_among) in [
            ("a", true),
            ("b", true),
            ("5", true),
            ("", true),
            ("c", false),
            ("inside", true),
        ] {
            assert_eq!(names.contain(name), is_among, "{name}");
        }
        let twice: Vec<_> = names
            .twice()
            .map(|(name, node)| (name, node.pointer()))
            .collect();
        let twice: Vec<_> = twice.iter().map(|(name, at)| (&**name, &**at)).collect();
        assert_eq!(
            twice,
            [("a", "/2/name"), ("5", "/6"), ("b", "/7"), ("b", "/8")]
        );
        assert!(names.has_blank && !names.has_time);
        let others = |text: &'static str| {
            Document::read(Bytes::from(text), &Limits::default()).expect("valid")
        };
        for (text, shares) in [
            (r#"["c", "__time"]"#, false),
            (r#"["c", "inside"]"#, true),
            ("[]", false),
        ] {
            let document = others(text);
            let others = Names::of(document.root().elements());
            assert_eq!(names.may_share(&others), shares, "{text}");
            assert_eq!(others.may_share(&names), shares, "{text}");
            assert_eq!(others.has_time, text.contains(TIME), "{text}");
        }
    }
}
