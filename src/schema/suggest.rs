//! What was probably meant by a name that is not there: a near one here, or the same one elsewhere.

mod place;

pub(super) use place::{Place, near_place, place};

use std::borrow::Cow;

use super::check::Frame;
use super::near::{self, Effort, Near, Spelling};
use super::table::{Role, Shape, Types};
use crate::json::{Kind, Node};

/// How far up another type is looked for.
const HIGHEST: usize = 4;

/// What telling all that was meant in one document may cost: some 20 ms.
const EFFORT: usize = 10_000_000;

/// What looking at an entry of an object costs.
const ENTRY: usize = 4;

/// What looking at a name costs that turns out not to be near.
const NAME: usize = 10;

/// Everything that a guess goes by.
#[derive(Debug)]
pub(super) struct Hints<'t> {
    pub(super) types: &'t Types,
    pub(super) effort: Effort,
}

impl<'t> Hints<'t> {
    pub(super) fn new(types: &'t Types) -> Hints<'t> {
        Hints {
            types,
            effort: Effort::new(EFFORT),
        }
    }

    /// The nearest of some names.
    pub(super) fn nearest<'n>(
        &self,
        written: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> Option<Near<'n>> {
        near::nearest(written, names, &self.effort)
    }

    /// Is there effort left for going over an object?
    fn affords(&self, node: Node<'_>) -> bool {
        self.effort.spend(node.len() * ENTRY)
    }

    /// Is this field of the object absent? Not, if that cannot be afforded.
    fn lacks(&self, node: Node<'_>, name: &str) -> bool {
        self.affords(node) && node.get(name).is_none()
    }
}

/// The near name among what an object may hold: what it does not hold yet (`is_free`), or what it
/// holds already.
pub(super) fn near_field<'t>(
    hints: &Hints<'t>,
    written: &Spelling,
    value: Node<'_>,
    frame: &Frame<'_, '_>,
    is_free: bool,
) -> Option<Near<'t>> {
    let types = hints.types;
    let fields = types.class(frame.class).fields.iter();
    if !hints.effort.spend(fields.len() * NAME) {
        return None;
    }
    let near = fields.filter_map(|field| match field.role {
        Role::Read(shape) => {
            let slips = field.spelling.slips(written, &hints.effort)?;
            // One slip is no chance, whatever stands there.
            let is_like = slips <= 1 || plausible(types, shape, value);
            let fits = is_like && hints.lacks(frame.node, &field.name) == is_free;
            let name = &*field.name;
            fits.then_some(Near { slips, name })
        }
        Role::Echo | Role::Ignored | Role::Tolerated => None,
    });
    let discriminator = frame.family.and_then(|family| {
        let name = &*types.family(family).property;
        let slips = Spelling::of(name).slips(written, &hints.effort)?;
        let fits = hints.lacks(frame.node, name) == is_free;
        fits.then_some(Near { slips, name })
    });
    near.chain(discriminator).min()
}

/// Could this value stand there?
pub(super) fn plausible(types: &Types, shape: Shape, value: Node<'_>) -> bool {
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
pub(super) fn habit<'t>(
    hints: &Hints<'t>,
    written: &str,
    frame: &Frame<'_, '_>,
) -> Option<&'t str> {
    let class = hints.types.class(frame.class);
    let of_class = |row: &&(&str, &str, &str)| *row.0 == *class.name && row.1 == written;
    let (.., meant) = HABITS.iter().find(of_class)?;
    let field = class.named(meant)?;
    let free = hints.lacks(frame.node, meant);
    (free && matches!(field.role, Role::Read(_))).then_some(&*field.name)
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
    hints: &Hints<'t>,
    name: &str,
    frame: &Frame<'_, '_>,
) -> Option<(Vec<&'t str>, &'t str)> {
    let types = hints.types;
    if !types.reads(name) {
        return None;
    }
    // Names from a typed object down to where the field stands.
    let mut path: Vec<Cow<'_, str>> = Vec::new();
    let mut around = Some(frame);
    while let Some(frame) = around.filter(|_| path.len() < HIGHEST) {
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
        let outer = frame.outer.filter(|outer| hints.affords(outer.node))?;
        // An element of an array has no name to go by.
        let step = outer
            .node
            .entries()
            .find(|(_, value)| value.index() == frame.node.index())
            .and_then(|(key, _)| key.as_str())?;
        path.push(step);
        around = Some(outer);
    }
    None
}
