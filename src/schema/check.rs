//! One walk over a document along its types: the fast form and the form with findings are the same
//! code, so they cannot disagree.
//!
//! Every value is looked at once, whatever the document: a discriminator picks the class, a hash the
//! property. A rule looks at its object a few times more. So the work follows the number of values,
//! which the reader bounds; steps are counted all the same, and a walk that has gone too many ends.

use std::ops::ControlFlow;

use super::leaf::Reading;
use super::near::Effort;
use super::rules::{Breach, Breaches, Object};
use super::table::{Class, Dates, Role, Shape, Types};
use crate::json::{Kind, Node};

/// What the rules may spend on telling what was meant: some milliseconds.
const EFFORT: usize = 4_000_000;

/// Something that is not as Druid reads it.
#[derive(Debug)]
pub(super) enum Problem<'d> {
    /// A value of another kind than its place wants.
    Kind { node: Node<'d>, wanted: Shape },
    /// A single value that Druid refuses or replaces.
    Value {
        node: Node<'d>,
        leaf: u16,
        reading: Reading,
    },
    /// A property that the class does not have.
    Unknown { key: Node<'d>, value: Node<'d> },
    /// A property that the class has in other releases.
    Elsewhere { key: Node<'d>, dates: Dates },
    /// A property that Druid knows and does not read.
    Ignored { key: Node<'d> },
    /// A property that must be there, by its place in the class.
    Missing { field: usize },
    /// None of the sets of properties of a group is there.
    MissingOneOf { group: usize },
    /// `null` where Druid refuses it.
    Null { node: Node<'d>, field: usize },
    /// No discriminator.
    NoType { node: Node<'d>, family: u16 },
    /// A discriminator that stands for nothing.
    UnknownType { id: Node<'d>, family: u16 },
    /// A rule between fields is broken.
    Rule(Breach<'d>),
    /// The walk has gone as many steps as it may.
    TooCostly { node: Node<'d> },
}

/// The objects around a problem, the innermost first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'f, 'd> {
    pub(super) outer: Option<&'f Frame<'f, 'd>>,
    pub(super) node: Node<'d>,
    pub(super) class: u16,
    /// Of which family, and by which id.
    pub(super) family: Option<u16>,
    /// Which keys it may have, once all were seen: a bit for each hash's last six.
    pub(super) keys: u64,
}

/// The bit of a key's hash in [`Frame::keys`].
#[inline]
pub(super) fn key_bit(hash: u32) -> u64 {
    1 << (hash & 63)
}

/// Takes problems.
pub(super) trait Sink {
    /// How many of one kind, about one object, are of use.
    const MOST: usize;

    /// A problem in the innermost object of `frame`, if it is in one. Break: enough is known.
    fn take(&mut self, problem: Problem<'_>, frame: Option<&Frame<'_, '_>>) -> ControlFlow<()>;
}

/// Is there a problem at all?
#[derive(Debug, Default)]
pub(super) struct Any(pub(super) bool);

impl Sink for Any {
    const MOST: usize = 1;

    fn take(&mut self, _: Problem<'_>, _: Option<&Frame<'_, '_>>) -> ControlFlow<()> {
        self.0 = true;
        ControlFlow::Break(())
    }
}

/// The most steps of a walk: an entry of an object or an element of an array that is looked at.
/// Twice the most values that are read, for a rule or two about each.
pub(super) const MOST_STEPS: usize = 2_000_000;

/// A walk over a document.
pub(super) struct Walk<'t, S> {
    pub(super) types: &'t Types,
    pub(super) sink: S,
    effort: Effort,
    /// What is left of [`MOST_STEPS`].
    steps: usize,
}

impl<'t, S: Sink> Walk<'t, S> {
    pub(super) fn new(types: &'t Types, steps: usize, sink: S) -> Walk<'t, S> {
        Walk {
            types,
            sink,
            effort: Effort::new(EFFORT),
            steps,
        }
    }

    /// Goes over the entries or elements of this value, so many times.
    fn step(&mut self, node: Node<'_>, times: usize) -> ControlFlow<()> {
        match self.steps.checked_sub(node.len() * times) {
            Some(left) => {
                self.steps = left;
                ControlFlow::Continue(())
            }
            None => {
                // Whatever the sink would like: nothing follows.
                let _wanted = self.sink.take(Problem::TooCostly { node }, None);
                ControlFlow::Break(())
            }
        }
    }

    /// Holds a value against a shape.
    pub(super) fn value(
        &mut self,
        node: Node<'_>,
        shape: Shape,
        frame: Option<&Frame<'_, '_>>,
    ) -> ControlFlow<()> {
        let kind = node.kind();
        if kind == Kind::Null {
            return ControlFlow::Continue(());
        }
        match shape {
            Shape::Any => ControlFlow::Continue(()),
            Shape::Leaf(leaf) => match self.types.leaf(leaf).read(node) {
                Reading::Fine => ControlFlow::Continue(()),
                reading => self.sink.take(
                    Problem::Value {
                        node,
                        leaf,
                        reading,
                    },
                    frame,
                ),
            },
            Shape::Array(inner) if kind == Kind::Array => match self.types.inner(inner) {
                Shape::Any => ControlFlow::Continue(()),
                inner => {
                    self.step(node, 1)?;
                    for element in node.elements() {
                        self.value(element, inner, frame)?;
                    }
                    ControlFlow::Continue(())
                }
            },
            Shape::Map(inner) if kind == Kind::Object => match self.types.inner(inner) {
                Shape::Any => ControlFlow::Continue(()),
                inner => {
                    self.step(node, 1)?;
                    for (_, value) in node.entries() {
                        self.value(value, inner, frame)?;
                    }
                    ControlFlow::Continue(())
                }
            },
            Shape::Array(_) | Shape::Map(_) => self.kind(node, shape, frame),
            Shape::Family(family) => self.family(node, kind, family, frame),
            Shape::Class(class) => self.class(node, class, None, frame),
        }
    }

    fn kind(
        &mut self,
        node: Node<'_>,
        wanted: Shape,
        frame: Option<&Frame<'_, '_>>,
    ) -> ControlFlow<()> {
        self.sink.take(Problem::Kind { node, wanted }, frame)
    }

    fn family(
        &mut self,
        node: Node<'_>,
        kind: Kind,
        number: u16,
        frame: Option<&Frame<'_, '_>>,
    ) -> ControlFlow<()> {
        let types = self.types;
        let family = types.family(number);
        match (kind, family.text) {
            (Kind::Object, _) => {}
            (Kind::String, Some(text)) => return self.value(node, text, frame),
            _ => return self.kind(node, Shape::Family(number), frame),
        }
        let id = node.get_hashed(&family.property, family.hash);
        let shape = match id.filter(|id| !id.is_null()) {
            None => match family.default {
                Some(class) => Shape::Class(class),
                None => {
                    let problem = Problem::NoType {
                        node,
                        family: number,
                    };
                    return self.sink.take(problem, frame);
                }
            },
            Some(id) => {
                let member = id.as_str().and_then(|text| family.member(&text));
                // Druid prints a default class that has no id under its own name.
                let default = family.default.filter(|class| {
                    let name = &*types.class(*class).name;
                    !family.strict && id.as_str().is_some_and(|id| id == name)
                });
                match member
                    .map(|member| member.shape)
                    .or(default.map(Shape::Class))
                {
                    Some(shape) => shape,
                    None => {
                        let problem = Problem::UnknownType { id, family: number };
                        return self.sink.take(problem, frame);
                    }
                }
            }
        };
        match shape {
            Shape::Class(class) => self.class(node, class, Some(number), frame),
            // Read by code of its own.
            Shape::Any | Shape::Family(_) | Shape::Leaf(_) | Shape::Array(_) | Shape::Map(_) => {
                ControlFlow::Continue(())
            }
        }
    }

    fn class(
        &mut self,
        node: Node<'_>,
        number: u16,
        family: Option<u16>,
        outer: Option<&Frame<'_, '_>>,
    ) -> ControlFlow<()> {
        let types = self.types;
        let class = types.class(number);
        match node.kind() {
            Kind::Null => return ControlFlow::Continue(()),
            Kind::String if class.string => return ControlFlow::Continue(()),
            Kind::Number if class.integer => return ControlFlow::Continue(()),
            _ if class.delegate.is_some() => {
                let shape = class.delegate.unwrap_or(Shape::Any);
                return self.value(node, shape, outer);
            }
            Kind::Object => {}
            _ => return self.kind(node, Shape::Class(number), outer),
        }
        let frame = Frame {
            outer,
            node,
            class: number,
            family,
            keys: u64::MAX,
        };
        self.step(node, 1 + class.rules.len())?;
        let discriminator = family.map(|family| types.family(family));
        let (mut seen, mut filled) = (0, 0);
        let mut echoes = 0;
        let mut keys = 0;
        for (key, value) in node.entries() {
            let hash = key.key_hash();
            keys |= key_bit(hash);
            let field = class.field(hash, |name| key.is_key(name, hash));
            match field {
                None => {
                    let is_type = discriminator
                        .is_some_and(|family| key.is_key(&family.property, family.hash));
                    if !is_type && !class.open {
                        let problem = unknown(class, key, value);
                        self.sink.take(problem, Some(&frame))?;
                    }
                }
                Some(field) => match field.role {
                    Role::Tolerated => {}
                    Role::Echo => echoes += 1,
                    Role::Ignored if value.is_null() => {}
                    Role::Ignored => self.sink.take(Problem::Ignored { key }, Some(&frame))?,
                    Role::Read(shape) => {
                        seen |= field.bit;
                        if !value.is_null() {
                            filled |= field.bit;
                        }
                        if field.not_null && value.is_null() {
                            let field = class.place(field);
                            self.sink
                                .take(Problem::Null { node: value, field }, Some(&frame))?;
                        } else if !is_thrown_away(types, &frame, &field.name) {
                            self.value(value, shape, Some(&frame))?;
                        }
                    }
                },
            }
        }
        if 0 < echoes && echoes < class.echoes {
            self.written_echoes(class, &frame)?;
        }
        self.absent(class, seen, filled, &frame)?;
        let frame = Frame { keys, ..frame };
        if class.rules.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut breaches = Breaches::new(S::MOST, &self.effort);
        for rule in &class.rules {
            (rule.check)(Object::new(types, &frame), &mut breaches);
        }
        for breach in breaches.found {
            self.sink.take(Problem::Rule(breach), Some(&frame))?;
        }
        ControlFlow::Continue(())
    }

    /// Druid prints all of the fields that it does not read back: where some are missing, somebody
    /// wrote the others.
    fn written_echoes(&mut self, class: &Class, frame: &Frame<'_, '_>) -> ControlFlow<()> {
        for (key, value) in frame.node.entries() {
            let hash = key.key_hash();
            let field = class.field(hash, |name| key.is_key(name, hash));
            if field.is_some_and(|field| field.role == Role::Echo) && !value.is_null() {
                self.sink.take(Problem::Ignored { key }, Some(frame))?;
            }
        }
        ControlFlow::Continue(())
    }

    /// What must be there and is not; of a group one set must be there and not be null.
    fn absent(
        &mut self,
        class: &Class,
        seen: u64,
        filled: u64,
        frame: &Frame<'_, '_>,
    ) -> ControlFlow<()> {
        let missing = class.required & !seen;
        if missing != 0 {
            for (place, field) in class.fields.iter().enumerate() {
                if field.bit & missing != 0 {
                    self.sink
                        .take(Problem::Missing { field: place }, Some(frame))?;
                }
            }
        }
        for (group, sets) in class.groups.iter().enumerate() {
            if sets.iter().all(|set| set & !filled != 0) {
                self.sink
                    .take(Problem::MissingOneOf { group }, Some(frame))?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn unknown<'d>(class: &Class, key: Node<'d>, value: Node<'d>) -> Problem<'d> {
    let dates = match class.elsewhere.is_empty() {
        true => None,
        false => key.as_str().and_then(|name| class.elsewhere.get(&*name)),
    };
    match dates {
        Some(dates) => Problem::Elsewhere { key, dates: *dates },
        None => Problem::Unknown { key, value },
    }
}

/// A stream's supervisor that has a `spec` throws its legacy fields away, and then nobody reads the
/// parser in them: Druid keeps it as a map until a task asks (run on 33.0.0).
fn is_thrown_away(types: &Types, frame: &Frame<'_, '_>, name: &str) -> bool {
    name == "parser"
        && frame.outer.is_some_and(|outer| {
            let class = &*types.class(outer.class).name;
            let is_stream = matches!(class, "KafkaSupervisorSpec" | "KinesisSupervisorSpec");
            is_stream && outer.node.get("spec").is_some_and(|spec| !spec.is_null())
        })
}
