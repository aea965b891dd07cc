//! Where in this document a name belongs that nothing reads where it stands.

use super::super::check::Frame;
use super::super::near::Spelling;
use super::super::table::{Class, Named, Role, Types};
use super::{Hints, NAME, class_of, plausible};
use crate::json::Node;

/// How far down from an object another place is looked for.
const DEEPEST: usize = 3;

/// A place where a name belongs.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::schema) struct Place {
    /// JSON Pointer of the field there.
    pub(in crate::schema) pointer: String,
    /// Levels up and down from where it stands.
    pub(in crate::schema) steps: usize,
}

impl Place {
    /// The name of the object that holds it.
    pub(in crate::schema) fn holder(&self) -> &str {
        self.pointer.rsplit('/').nth(1).unwrap_or_default()
    }
}

/// A near name in an object close by.
pub(in crate::schema) fn near_place<'t>(
    hints: &Hints<'t>,
    written: &Spelling,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<(&'t str, Place)> {
    if !hints.effort.spend(hints.types.names.len() * NAME) {
        return None;
    }
    let slips = |named: &'t Named| {
        let slips = named.spelling.slips_up_to(1, written, &hints.effort)?;
        Some((slips, &*named.name))
    };
    let (_, name) = hints.types.names.iter().filter_map(slips).min()?;
    let place = place(hints, name, value, frame)?;
    (place.steps <= 4).then_some((name, place))
}

/// Names that say little: many objects have them, and each means another thing.
const COMMON: &[&str] = &[
    "column",
    "delegate",
    "dimension",
    "end",
    "expression",
    "field",
    "fieldName",
    "fields",
    "id",
    "key",
    "name",
    "outputName",
    "pattern",
    "size",
    "start",
    "type",
    "url",
    "value",
    "values",
];

/// Where in this document a field of this name belongs: below this object, around it, beside it.
pub(in crate::schema) fn place(
    hints: &Hints<'_>,
    name: &str,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<Place> {
    if !hints.types.reads(name) {
        return None;
    }
    let mut best: Option<Place> = None;
    let mut up = 0;
    let mut around = Some(frame);
    while let Some(frame) = around {
        if best.as_ref().is_some_and(|best| best.steps <= up) {
            break;
        }
        if let Some(path) = below(hints, name, value, frame) {
            let steps = up + path.len();
            if best.as_ref().is_none_or(|best| steps < best.steps) {
                let mut pointer = frame.node.pointer();
                for step in path {
                    pointer.push('/');
                    pointer.push_str(step);
                }
                pointer.push('/');
                pointer.push_str(name);
                best = Some(Place { pointer, steps });
            }
        }
        up += 1;
        around = frame.outer;
    }
    best
}

/// The shortest way down from an object to one that has a field of this name, and has it free.
fn below<'t>(
    hints: &Hints<'t>,
    name: &str,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<Vec<&'t str>> {
    let types = hints.types;
    let mut seen = vec![false; types.classes.len()];
    // In the order in which they were come by; nothing is taken out, since it leads to the next.
    let mut steps = vec![Step {
        class: frame.class,
        node: Some(frame.node),
        from: None,
        depth: 0,
    }];
    let mut there = Vec::new();
    let mut at = 0;
    while let Some(&Step {
        class: number,
        node,
        depth,
        ..
    }) = steps.get(at)
    {
        let class = types.class(number);
        if node.is_some_and(|node| !hints.affords(node)) {
            return None;
        }
        if takes(types, class, name, value) && node.is_none_or(|node| node.get(name).is_none()) {
            return Some(way(&steps, at));
        }
        at += 1;
        if depth == DEEPEST {
            continue;
        }
        if let Some(seen) = seen.get_mut(usize::from(number)) {
            *seen = true;
        }
        there.clear();
        there.resize(class.fields.len(), None);
        for (key, value) in node.into_iter().flat_map(Node::entries) {
            let hash = key.key_hash();
            let field = class.field(hash, |name| key.is_key(name, hash));
            if let Some(inner) = field.and_then(|field| there.get_mut(class.place(field))) {
                *inner = Some(value);
            }
        }
        // What the document has comes before what it could have.
        for is_there in [true, false] {
            for (field, inner) in class.fields.iter().zip(&there) {
                let Role::Read(shape) = field.role else {
                    continue;
                };
                // Nobody is sent to a field of old that is not there.
                if inner.is_some() != is_there || field.deprecated && !is_there {
                    continue;
                }
                let Some(next) = class_of(types, shape, *inner) else {
                    continue;
                };
                let Some(seen) = seen.get_mut(usize::from(next)) else {
                    continue;
                };
                if !std::mem::replace(seen, true) {
                    steps.push(Step {
                        class: next,
                        node: *inner,
                        from: Some((at - 1, &field.name)),
                        depth: depth + 1,
                    });
                }
            }
        }
    }
    None
}

/// An object on the way down, or a class whose object would be there.
struct Step<'t, 'd> {
    class: u16,
    node: Option<Node<'d>>,
    /// The step before, and the field that leads here.
    from: Option<(usize, &'t str)>,
    depth: usize,
}

/// The fields that lead to a step.
fn way<'t>(steps: &[Step<'t, '_>], to: usize) -> Vec<&'t str> {
    let mut way = Vec::with_capacity(DEEPEST);
    let mut at = to;
    while let Some((before, field)) = steps.get(at).and_then(|step| step.from) {
        way.push(field);
        at = before;
    }
    way.reverse();
    way
}

/// Does this class read a field of this name, with such a value? One with a name that says little
/// only, if it must be there.
fn takes(types: &Types, class: &Class, name: &str, value: Node<'_>) -> bool {
    class.named(name).is_some_and(|field| match field.role {
        Role::Read(shape) => {
            let is_meant = !COMMON.contains(&name) || field.bit & class.required != 0;
            is_meant && plausible(types, shape, value)
        }
        Role::Echo | Role::Ignored | Role::Tolerated => false,
    })
}
