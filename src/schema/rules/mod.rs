//! What holds between the fields of an object: the checks of Druid's constructors, and what Druid
//! accepts and nobody wants.
//!
//! A rule belongs to classes, looks at one object and what stands around it, and says what is
//! broken. It is asked once for every such object, so it looks at no more than that object's own
//! fields and a list or two below them.

mod aggregators;
mod columns;
mod context;
mod filters;
mod formats;
mod granularities;
mod ingestion;
mod names;
mod parsers;
mod partitions;
mod streams;
mod tasks;

use std::borrow::Cow;

use super::check::{Frame, key_bit};
use super::near::Effort;
use super::table::Types;
use crate::finding::Code;
use crate::json::{Kind, Node, hash_key};

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// The classes whose objects it looks at.
    pub(super) classes: &'static [&'static str],
    pub(super) check: for<'d> fn(Object<'_, 'd>, &mut Breaches<'_, 'd>),
}

/// A rule that is broken.
#[derive(Debug)]
pub(super) struct Breach<'d> {
    pub(super) code: Code,
    /// The value that it is about, or the key.
    pub(super) node: Node<'d>,
    /// What is so, in a sentence.
    pub(super) message: Cow<'static, str>,
    /// What Druid does.
    pub(super) effect: &'static str,
    /// What to write in its place, if that is certain.
    pub(super) instead: Option<Instead>,
}

/// What to write.
#[derive(Debug)]
pub(super) enum Instead {
    /// JSON, in the place of a value.
    Json(Cow<'static, str>),
    /// A text, in the place of a value.
    Text(Cow<'static, str>),
    /// A name, in the place of a key.
    Name(&'static str),
}

impl<'d> Breach<'d> {
    pub(super) fn new(
        code: Code,
        node: Node<'d>,
        message: impl Into<Cow<'static, str>>,
        effect: &'static str,
    ) -> Breach<'d> {
        Breach {
            code,
            node,
            message: message.into(),
            effect,
            instead: None,
        }
    }

    /// With what to write instead.
    pub(super) fn instead(mut self, instead: Instead) -> Breach<'d> {
        self.instead = Some(instead);
        self
    }
}

/// Takes what a rule finds: of each code no more than anybody is told.
#[derive(Debug)]
pub(super) struct Breaches<'e, 'd> {
    pub(super) found: Vec<Breach<'d>>,
    /// How many there are of each code.
    told: Vec<(Code, usize)>,
    most: usize,
    /// For suggestions.
    pub(super) effort: &'e Effort,
}

impl<'e, 'd> Breaches<'e, 'd> {
    pub(super) fn new(most: usize, effort: &'e Effort) -> Breaches<'e, 'd> {
        Breaches {
            found: Vec::new(),
            told: Vec::new(),
            most,
            effort,
        }
    }

    pub(super) fn push(&mut self, breach: Breach<'d>) {
        let at = self.told.iter().position(|(code, _)| *code == breach.code);
        let at = at.unwrap_or_else(|| {
            self.told.push((breach.code, 0));
            self.told.len() - 1
        });
        let (_, count) = &mut self.told[at];
        if *count < self.most {
            *count += 1;
            self.found.push(breach);
        }
    }

    /// Would one more of this code be told? If not, a loop need not go on.
    pub(super) fn wants(&self, code: Code) -> bool {
        let told = self.told.iter().find(|(told, _)| *told == code);
        told.is_none_or(|(_, count)| *count < self.most)
    }
}

/// Refused by a constructor.
pub(super) const REFUSES: &str = "Druid refuses the spec";

/// Every rule there is.
const RULES: [&[Rule]; 11] = [
    aggregators::RULES,
    columns::RULES,
    context::RULES,
    filters::RULES,
    formats::RULES,
    granularities::RULES,
    parsers::RULES,
    ingestion::RULES,
    partitions::RULES,
    streams::RULES,
    tasks::RULES,
];

/// The rules of a class.
pub(super) fn of(class: &str) -> Vec<&'static Rule> {
    let all = RULES.into_iter().flatten();
    all.filter(|rule| rule.classes.contains(&class)).collect()
}

/// An object that a rule looks at. A `null` counts as absent, as it does for Druid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'f, 'd> {
    types: &'f Types,
    frame: &'f Frame<'f, 'd>,
}

impl<'f, 'd> Object<'f, 'd> {
    pub(super) fn new(types: &'f Types, frame: &'f Frame<'f, 'd>) -> Object<'f, 'd> {
        Object { types, frame }
    }

    pub(super) fn node(self) -> Node<'d> {
        self.frame.node
    }

    /// The release that judges: its first number.
    pub(super) fn release(self) -> u16 {
        self.types.version.major()
    }

    /// The object around it.
    pub(super) fn outer(self) -> Option<Object<'f, 'd>> {
        let frame = self.frame.outer?;
        Some(Object {
            types: self.types,
            frame,
        })
    }

    /// The nearest object around it, or itself, of one of these classes.
    pub(super) fn within(self, classes: &[&str]) -> Option<Object<'f, 'd>> {
        let mut object = self;
        while !classes.contains(&object.class()) {
            object = object.outer()?;
        }
        Some(object)
    }

    pub(super) fn class(self) -> &'f str {
        &self.types.class(self.frame.class).name
    }

    /// Do the types say themselves when this field is missing?
    pub(super) fn requires(self, name: &str) -> bool {
        let class = self.types.class(self.frame.class);
        class
            .named(name)
            .is_some_and(|field| field.bit & class.required != 0)
    }

    #[inline]
    pub(super) fn get(self, name: &str) -> Option<Node<'d>> {
        let hash = hash_key(name);
        if self.frame.keys & key_bit(hash) == 0 {
            return None;
        }
        let value = self.frame.node.get_hashed(name, hash);
        value.filter(|value| !value.is_null())
    }

    /// The elements of a list; of what is none, none.
    pub(super) fn list(self, name: &str) -> impl Iterator<Item = Node<'d>> + Clone + use<'d> {
        self.get(name).into_iter().flat_map(Node::elements)
    }

    /// Is this field read as true?
    pub(super) fn is_true(self, name: &str) -> bool {
        self.get(name).is_some_and(is_true)
    }

    pub(super) fn number(self, name: &str) -> Option<f64> {
        self.get(name).and_then(number)
    }

    pub(super) fn text(self, name: &str) -> Option<Cow<'d, str>> {
        self.get(name)?.as_str()
    }
}

/// A field that is there and not `null`.
#[inline]
pub(super) fn get<'d>(node: Node<'d>, name: &str) -> Option<Node<'d>> {
    node.get(name).filter(|value| !value.is_null())
}

/// As Jackson reads a boolean.
pub(super) fn is_true(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::Boolean => node.as_bool() == Some(true),
        Kind::Number => node.raw().contains(|c: char| ('1'..='9').contains(&c)),
        Kind::String => node
            .as_str()
            .is_some_and(|text| matches!(text.trim(), "true" | "True" | "TRUE")),
        Kind::Null | Kind::Array | Kind::Object => false,
    }
}

/// As Jackson reads a number: texts too.
pub(super) fn number(node: Node<'_>) -> Option<f64> {
    match node.kind() {
        Kind::Number => node.as_f64(),
        Kind::String => node.as_str()?.trim().parse().ok(),
        Kind::Null | Kind::Boolean | Kind::Array | Kind::Object => None,
    }
}

/// A single value as text: Jackson makes one of numbers and booleans too.
pub(super) fn text(node: Node<'_>) -> Option<Cow<'_, str>> {
    match node.kind() {
        Kind::String => node.as_str(),
        Kind::Number | Kind::Boolean => Some(Cow::Borrowed(node.raw())),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

/// A whole number as Jackson reads it: a fraction is cut off. An empty text is none.
pub(super) fn whole(node: Node<'_>) -> Option<f64> {
    number(node).map(f64::trunc)
}

/// The same for a primitive, which is 0 where nothing is said.
pub(super) fn primitive(node: Node<'_>) -> f64 {
    whole(node).unwrap_or(0.0)
}

/// Is it a list or a text without anything in it?
pub(super) fn is_blank(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::String => node.raw().len() == r#""""#.len(),
        Kind::Array | Kind::Object => node.is_empty(),
        Kind::Null => true,
        Kind::Boolean | Kind::Number => false,
    }
}
