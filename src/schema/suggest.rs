//! What was probably meant by a name that is not there: a near one here, or the same one elsewhere.

use std::collections::{BTreeSet, VecDeque};

use super::check::Frame;
use super::table::{Class, Field, Role, Shape, Types};
use crate::json::{Kind, Node};

/// The longest name that is compared; no field of Druid's comes near.
const LONGEST: usize = 80;

/// How far down from an object another place is looked for.
const DEEPEST: usize = 3;

/// A name that is near, and how near: 0 differs in case and separators only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near<'t> {
    pub(super) distance: usize,
    pub(super) name: &'t str,
}

/// The nearest of some names, if one is near enough to be meant.
pub(super) fn nearest<'t>(written: &str, names: impl Iterator<Item = &'t str>) -> Option<Near<'t>> {
    if written.len() > LONGEST {
        return None;
    }
    let plain = plain(written);
    names
        .filter_map(|name| distance(&plain, name).map(|distance| Near { distance, name }))
        .min()
}

/// Without case and separators.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// How many slips lie between a plain name and a real one; `None`: too many for a slip.
fn distance(written: &str, name: &str) -> Option<usize> {
    let name = plain(name);
    let slips = strsim::osa_distance(written, &name);
    let length = written.chars().count().max(name.chars().count());
    let most = match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        9..=14 => 3,
        _ => 4,
    };
    if slips <= most {
        return Some(slips);
    }
    // `granularity` for `granularitySpec`, `partition` for `partitionsSpec`.
    let (short, long) = if written.len() < name.len() {
        (written, name.as_str())
    } else {
        (name.as_str(), written)
    };
    let rest = long.strip_prefix(short)?;
    let suffix = matches!(
        rest,
        "spec" | "config" | "s" | "sspec" | "ms" | "millis" | "seconds" | "period" | "name"
    );
    (suffix && short.len() >= 4).then_some(3)
}

/// The near name among what an object may hold and does not yet.
pub(super) fn near_field<'t>(
    types: &'t Types,
    written: &str,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<Near<'t>> {
    let class = types.class(frame.class);
    let free = class.fields.iter().filter(|field| match field.role {
        Role::Read(shape) => {
            frame.node.get(&field.name).is_none() && plausible(types, shape, value)
        }
        Role::Echo | Role::Ignored | Role::Tolerated => false,
    });
    let discriminator = frame.family.map(|family| &*types.family(family).property);
    let discriminator = discriminator.filter(|name| frame.node.get(name).is_none());
    nearest(written, free.map(|field| &*field.name).chain(discriminator))
}

/// Could this value stand there?
fn plausible(types: &Types, shape: Shape, value: Node<'_>) -> bool {
    match (shape, value.kind()) {
        (Shape::Any, _) | (_, Kind::Null) => true,
        (Shape::Array(_), kind) => kind == Kind::Array,
        (Shape::Map(_), kind) => kind == Kind::Object,
        (Shape::Family(family), kind) => {
            kind == Kind::Object || kind == Kind::String && types.family(family).text.is_some()
        }
        (Shape::Class(class), kind) => {
            let class = types.class(class);
            kind == Kind::Object || kind == Kind::String && class.string || class.delegate.is_some()
        }
        (Shape::Leaf(_), kind) => !matches!(kind, Kind::Object | Kind::Array),
    }
}

/// A place where a name belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// JSON Pointer of the field there.
    pub(super) pointer: String,
    /// Levels up and down from where it stands.
    pub(super) steps: usize,
}

impl Place {
    /// The name of the object that holds it.
    pub(super) fn holder(&self) -> &str {
        self.pointer.rsplit('/').nth(1).unwrap_or_default()
    }
}

/// Names that people write by habit, by the class they write them in, and what is read.
const HABITS: &[(&str, &str, &str)] = &[
    ("StringDimensionSchema", "column", "name"),
    ("LongDimensionSchema", "column", "name"),
    ("DoubleDimensionSchema", "column", "name"),
    ("FloatDimensionSchema", "column", "name"),
    ("AutoTypeColumnSchema", "column", "name"),
    ("StringDimensionSchema", "dimension", "name"),
    (
        "UniformGranularitySpec",
        "granularity",
        "segmentGranularity",
    ),
    ("UniformGranularitySpec", "interval", "intervals"),
    ("UniformGranularitySpec", "rollUp", "rollup"),
    ("DataSchema", "datasource", "dataSource"),
    ("DataSchema", "metrics", "metricsSpec"),
    ("DataSchema", "aggregators", "metricsSpec"),
    ("DataSchema", "dimensions", "dimensionsSpec"),
    ("DataSchema", "transforms", "transformSpec"),
    ("DataSchema", "granularity", "granularitySpec"),
    ("DataSchema", "timestamp", "timestampSpec"),
    ("TimestampSpec", "timestampColumn", "column"),
    ("TimestampSpec", "timestampFormat", "format"),
    ("DimensionsSpec", "exclusions", "dimensionExclusions"),
    (
        "KafkaSupervisorIOConfig",
        "bootstrapServers",
        "consumerProperties",
    ),
    ("KafkaSupervisorIOConfig", "topics", "topicPattern"),
    ("KafkaSupervisorIOConfig", "format", "inputFormat"),
    ("ParallelIndexIOConfig", "format", "inputFormat"),
    ("ParallelIndexIOConfig", "source", "inputSource"),
    ("ParallelIndexIOConfig", "input", "inputSource"),
];

/// The name that is read where another one is written by habit.
pub(super) fn habit<'t>(types: &'t Types, written: &str, frame: &Frame<'_, '_>) -> Option<&'t str> {
    let class = types.class(frame.class);
    let of_class = |row: &&(&str, &str, &str)| *row.0 == *class.name && row.1 == written;
    let (.., meant) = HABITS.iter().find(of_class)?;
    let field = class.named(meant)?;
    let free = frame.node.get(meant).is_none();
    (free && matches!(field.role, Role::Read(_))).then_some(&*field.name)
}

/// The one required field that is missing, where this value could stand.
pub(super) fn only_missing<'t>(
    types: &'t Types,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<&'t str> {
    let class = types.class(frame.class);
    let mut missing = class
        .fields
        .iter()
        .filter(|field| field.bit & class.required != 0 && frame.node.get(&field.name).is_none());
    let field = missing.next()?;
    let Role::Read(shape) = field.role else {
        return None;
    };
    (missing.next().is_none() && plausible(types, shape, value)).then_some(&*field.name)
}

/// A near name in an object close by.
pub(super) fn near_place<'t>(
    types: &'t Types,
    written: &str,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<(&'t str, Place)> {
    let mut best: Option<(usize, &'t str)> = None;
    for class in &types.classes {
        for field in &class.fields {
            let Role::Read(shape) = field.role else {
                continue;
            };
            let bound = best.map_or(2, |(distance, _)| distance);
            if field.name.len().abs_diff(written.len()) > 3 || !plausible(types, shape, value) {
                continue;
            }
            if let Some(near) = nearest(written, std::iter::once(&*field.name))
                && near.distance < bound
            {
                best = Some((near.distance, near.name));
            }
        }
    }
    let (_, name) = best?;
    let place = place(types, name, value, frame)?;
    (place.steps <= 4).then_some((name, place))
}

/// Where in this document a field of this name belongs: below this object, around it, beside it.
pub(super) fn place(
    types: &Types,
    name: &str,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<Place> {
    let mut best: Option<Place> = None;
    let mut up = 0;
    let mut around = Some(frame);
    while let Some(frame) = around {
        if let Some((path, down)) = below(types, name, value, frame) {
            let steps = up + down;
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

/// The shortest way down from an object to one that has a field of this name.
fn below<'t>(
    types: &'t Types,
    name: &str,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
) -> Option<(Vec<&'t str>, usize)> {
    let mut seen = BTreeSet::from([frame.class]);
    let mut open = VecDeque::from([(frame.class, Some(frame.node), Vec::new())]);
    while let Some((number, node, path)) = open.pop_front() {
        let class = types.class(number);
        if takes(types, class, name, value) {
            let steps = path.len();
            return Some((path, steps));
        }
        if path.len() == DEEPEST {
            continue;
        }
        // What the document has comes before what it could have.
        let present = |field: &&Field| node.is_some_and(|node| node.get(&field.name).is_some());
        let (there, absent): (Vec<_>, Vec<_>) = class.fields.iter().partition(present);
        for field in there.into_iter().chain(absent) {
            let Role::Read(shape) = field.role else {
                continue;
            };
            let inner = node.and_then(|node| node.get(&field.name));
            let Some(next) = class_of(types, shape, inner) else {
                continue;
            };
            // A field of old that nobody should be sent to.
            if (!field.deprecated || inner.is_some()) && seen.insert(next) {
                let mut path = path.clone();
                path.push(&*field.name);
                open.push_back((next, inner, path));
            }
        }
    }
    None
}

/// Does this class read a field of this name, with such a value?
fn takes(types: &Types, class: &Class, name: &str, value: Node<'_>) -> bool {
    class.named(name).is_some_and(|field| match field.role {
        Role::Read(shape) => plausible(types, shape, value),
        Role::Echo | Role::Ignored | Role::Tolerated => false,
    })
}

/// The class that a place holds: by what stands there, else by its type.
pub(super) fn class_of(types: &Types, shape: Shape, node: Option<Node<'_>>) -> Option<u16> {
    match shape {
        Shape::Class(class) => Some(class),
        Shape::Family(number) => {
            let family = types.family(number);
            let written = node.and_then(|node| node.get_hashed(&family.property, family.hash));
            let member = written
                .and_then(Node::as_str)
                .and_then(|id| family.member(&id).map(|member| member.shape));
            let only = || match family.members.as_slice() {
                [one] => Some(one.shape),
                _ => None,
            };
            match member.or_else(only) {
                Some(Shape::Class(class)) => Some(class),
                Some(_) => None,
                None => family.default,
            }
        }
        Shape::Any | Shape::Leaf(_) | Shape::Array(_) | Shape::Map(_) => None,
    }
}

/// Types beside this one that have a field of this name at the same place: `kafka`, when it stands
/// in a `kinesis` supervisor. And the one it stands in.
pub(super) fn other_types<'t>(
    types: &'t Types,
    name: &str,
    frame: &Frame<'_, '_>,
) -> Option<(Vec<&'t str>, &'t str)> {
    // Names from a typed object down to where the field stands.
    let mut path: Vec<String> = Vec::new();
    let mut around = Some(frame);
    while let Some(frame) = around {
        if let Some(number) = frame.family {
            let family = types.family(number);
            let own = frame.node.get_hashed(&family.property, family.hash);
            let own = own.and_then(Node::as_str).unwrap_or_default();
            let has = |shape: Shape| {
                let mut class = class_of(types, shape, None)?;
                for step in path.iter().rev() {
                    let Role::Read(shape) = types.class(class).named(step)?.role else {
                        return None;
                    };
                    class = class_of(types, shape, None)?;
                }
                let field = types.class(class).named(name)?;
                matches!(field.role, Role::Read(_)).then_some(())
            };
            let members = family.members.iter();
            let others: Vec<&str> = members
                .clone()
                .filter(|member| *member.id != *own && has(member.shape).is_some())
                .map(|member| &*member.id)
                .collect();
            let own = members.into_iter().find(|member| *member.id == *own);
            if let (false, Some(own)) = (others.is_empty(), own) {
                return Some((others, &own.id));
            }
        }
        let outer = frame.outer?;
        // An element of an array has no name to go by.
        let step = outer
            .node
            .entries()
            .find(|(_, value)| value.index() == frame.node.index())
            .and_then(|(key, _)| key.as_str())?;
        path.push(step.into_owned());
        around = Some(outer);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let names = [
            "maxRowsPerSegment",
            "maxRowsInMemory",
            "partitionsSpec",
            "metricsSpec",
            "type",
            "id",
        ];
        for (written, expected) in [
            ("maxRowsPerSegmnet", Some("maxRowsPerSegment")),
            ("max_rows_per_segment", Some("maxRowsPerSegment")),
            ("MAXROWSINMEMORY", Some("maxRowsInMemory")),
            ("partitionSpec", Some("partitionsSpec")),
            ("partitions", Some("partitionsSpec")),
            ("metricSpec", Some("metricsSpec")),
            ("metrics", Some("metricsSpec")),
            ("tpye", Some("type")),
            ("ip", None),
            ("somethingElse", None),
        ] {
            let near = nearest(written, names.into_iter()).map(|near| near.name);
            assert_eq!(near, expected, "{written}");
        }
    }
}
