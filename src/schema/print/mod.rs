//! The types as JSON Schema (2020-12).
//!
//! A family is an object whose discriminator is checked first and picks the class by `if` and
//! `then`: a validator looks at one class only, so that a mistake has one exact place, and an editor
//! completes what belongs to the type that was chosen. The discriminator's values are an open set: an
//! id that nobody knows passes, as a cluster may have an extension for it.
//!
//! What is not here: the rules between fields, and what Druid reads as something else than it says.

mod class;
mod leaf;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::table::{Family, Member, Shape, Types};
use crate::route::SpecKind;

/// The schema, a definition a line.
pub(super) fn json_schema(types: &Types, kind: SpecKind, root: Shape) -> String {
    let (name, endpoint) = match kind {
        SpecKind::Task => ("task", "task"),
        SpecKind::Supervisor => ("supervisor", "supervisor"),
        SpecKind::Sampler => ("sampler", "sampler"),
    };
    let version = types.version;
    let mut printer = Printer::new(types);
    let reference = printer.shape(root);
    let head = [
        (
            "$schema",
            json!("https://json-schema.org/draft/2020-12/schema"),
        ),
        ("$id", json!(format!("urn:overgate:druid:{version}:{name}"))),
        ("title", json!(format!("Apache Druid {version}: {name}"))),
        (
            "description",
            json!(format!(
                "What POST /druid/indexer/v1/{endpoint} of Druid {version} reads. Generated from \
                 Druid's own classes by overgate; `overgate lint` says more."
            )),
        ),
        ("type", json!("object")),
        ("$ref", reference["$ref"].clone()),
    ];
    let mut text = String::from("{\n");
    for (key, value) in head {
        text.push_str(&format!(" \"{key}\": {value},\n"));
    }
    text.push_str(" \"$defs\": {\n");
    let definitions: Vec<String> = printer
        .definitions()
        .into_iter()
        .map(|(name, definition)| format!("  \"{name}\": {definition}"))
        .collect();
    text.push_str(&definitions.join(",\n"));
    text.push_str("\n }\n}\n");
    text
}

/// Something that has a definition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Family(u16),
    /// A class, and the family whose discriminator it may hold.
    Class(u16, Option<u16>),
    Leaf(u16),
}

/// Writes definitions, and remembers what they refer to.
struct Printer<'t> {
    types: &'t Types,
    /// By which ids each class is called, of which family.
    callers: BTreeMap<u16, Vec<(&'t Family, &'t Member)>>,
    wanted: Vec<Named>,
    seen: BTreeSet<Named>,
}

impl<'t> Printer<'t> {
    fn new(types: &'t Types) -> Printer<'t> {
        let mut callers: BTreeMap<u16, Vec<(&Family, &Member)>> = BTreeMap::new();
        for family in &types.families {
            for member in &family.members {
                if let Shape::Class(class) = member.shape {
                    callers.entry(class).or_default().push((family, member));
                }
            }
        }
        Printer {
            types,
            callers,
            wanted: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// All that is referred to, by name.
    fn definitions(&mut self) -> BTreeMap<String, Value> {
        let mut definitions = BTreeMap::new();
        while let Some(named) = self.wanted.pop() {
            let definition = match named {
                Named::Family(number) => self.family(number),
                Named::Class(number, family) => self.class(number, family),
                Named::Leaf(number) => leaf::schema(self.types.leaf(number)),
            };
            definitions.insert(self.name(named), definition);
        }
        definitions
    }

    /// A name that may stand in a reference: Java's have brackets.
    fn name(&self, named: Named) -> String {
        let name = match named {
            Named::Family(number) => format!("family.{}", self.types.family(number).name),
            Named::Leaf(number) => format!("value.{}", self.types.leaf(number).name),
            Named::Class(number, family) => {
                let name = &self.types.class(number).name;
                match family {
                    Some(family) => format!("{name}.{}", self.types.family(family).property),
                    None => name.to_string(),
                }
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        let parts = name.split(|c: char| !plain(c));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        parts.join("-")
    }

    fn refer(&mut self, named: Named) -> Value {
        // Two families with one name for their discriminator share what they call.
        let key = match named {
            Named::Class(class, Some(family)) => {
                let property = &self.types.family(family).property;
                let mut families = (0..).zip(&self.types.families);
                let first = families.find(|(_, other)| other.property == *property);
                Named::Class(class, first.map(|(number, _)| number))
            }
            Named::Family(_) | Named::Class(..) | Named::Leaf(_) => named,
        };
        if self.seen.insert(key) {
            self.wanted.push(key);
        }
        json!({"$ref": format!("#/$defs/{}", self.name(key))})
    }

    /// What a place takes; `null` always, as Druid takes it for an absent value.
    fn shape(&mut self, shape: Shape) -> Value {
        match shape {
            Shape::Any => json!({}),
            Shape::Leaf(number) => self.refer(Named::Leaf(number)),
            Shape::Family(number) => self.refer(Named::Family(number)),
            Shape::Class(number) => self.refer(Named::Class(number, None)),
            Shape::Array(inner) => {
                let items = self.shape(self.types.inner(inner));
                json!({"type": ["array", "null"], "items": items})
            }
            Shape::Map(inner) => {
                let values = self.shape(self.types.inner(inner));
                json!({"type": ["object", "null"], "additionalProperties": values})
            }
        }
    }

    fn family(&mut self, number: u16) -> Value {
        let family = self.types.family(number);
        let property = &*family.property;
        let noun = words::noun(family);
        let mut schema = Map::new();
        schema.insert("title".to_owned(), json!(noun));
        let types = match family.text {
            Some(_) => json!(["object", "string", "null"]),
            None => json!(["object", "null"]),
        };
        schema.insert("type".to_owned(), types);
        schema.insert(
            "properties".to_owned(),
            json!({property: self.discriminator(family, &noun)}),
        );
        if family.default.is_none() {
            schema.insert("required".to_owned(), json!([property]));
        }
        let mut branches = Vec::new();
        if let Some(text) = family.text {
            let named = self.shape(text);
            branches.push(match text {
                // Editors offer the names of an `anyOf`, and not those behind an `if`.
                Shape::Leaf(_) => json!({"anyOf": [named, {"type": ["object", "null"]}]}),
                Shape::Any
                | Shape::Family(_)
                | Shape::Class(_)
                | Shape::Array(_)
                | Shape::Map(_) => json!({"if": {"type": "string"}, "then": named}),
            });
        }
        let mut by_class: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for member in &family.members {
            if let Shape::Class(class) = member.shape {
                by_class.entry(class).or_default().push(&member.id);
            }
        }
        let mut branch = |ids: Value, required: Value, class: u16| {
            let class = self.refer(Named::Class(class, Some(number)));
            let picked = json!({
                "type": "object",
                "properties": {property: ids},
                "required": required,
            });
            branches.push(json!({"if": picked, "then": class}));
        };
        for (class, ids) in by_class {
            let ids = match ids.as_slice() {
                [one] => json!({"const": one}),
                several => json!({"enum": several}),
            };
            branch(ids, json!([property]), class);
        }
        if let Some(class) = family.default {
            // Absent or null.
            branch(json!({"type": "null"}), json!([]), class);
        }
        if !branches.is_empty() {
            schema.insert("allOf".to_owned(), Value::Array(branches));
        }
        Value::Object(schema)
    }

    /// The ids that are known, with what each needs, and any other but those that cannot be right.
    fn discriminator(&self, family: &Family, noun: &str) -> Value {
        let mut plain = Vec::new();
        let mut options = Vec::new();
        for member in &family.members {
            match words::needs(member) {
                None => plain.push(json!(member.id)),
                Some(words) => {
                    options.push(json!({"const": member.id, "description": words}));
                }
            }
        }
        if !plain.is_empty() {
            options.insert(0, json!({"enum": plain}));
        }
        let mut other = json!({"type": "string"});
        let misplaced = self.misplaced(family);
        if !misplaced.is_empty() {
            other["not"] = json!({"enum": misplaced});
        }
        options.push(other);
        let mut schema = json!({"description": format!("Which {noun} this is.")});
        if let Some(class) = family.default {
            options.push(json!({"type": "null"}));
            let of_class = |member: &&Member| member.shape == Shape::Class(class);
            if let Some(member) = family.members.iter().find(of_class) {
                schema["default"] = json!(member.id);
            }
        }
        schema["anyOf"] = Value::Array(options);
        schema
    }

    /// Ids that are known for the same kind of thing, and cannot stand in this family.
    fn misplaced(&self, family: &Family) -> BTreeSet<&'t str> {
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        let unreadable = |family: &'t Family| family.unreadable.iter().map(|id| &**id);
        for other in &self.types.families {
            if other.name == family.name {
                ids.extend(unreadable(other));
            } else if other.noun.is_some() && other.noun == family.noun {
                ids.extend(other.members.iter().map(|member| &*member.id));
            }
        }
        ids.retain(|id| family.member(id).is_none() && !family.elsewhere.contains_key(*id));
        ids
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
