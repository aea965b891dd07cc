//! Classes: objects with properties.

use serde_json::{Map, Value, json};

use super::super::table::{Class, Field, Role, Shape};
use super::{Printer, words};

/// What an absent value or `null` is not.
const NOT_NULL: [&str; 5] = ["object", "array", "string", "number", "boolean"];

impl Printer<'_> {
    pub(super) fn class(&mut self, number: u16, family: Option<u16>) -> Value {
        let class = self.types.class(number);
        let mut schema = Map::new();
        let (title, description) = self.title(number, class);
        schema.insert("title".to_owned(), json!(title));
        if let Some(description) = description {
            schema.insert("description".to_owned(), json!(description));
        }
        let mut short = Vec::new();
        if class.string {
            short.push("string");
        }
        if class.integer {
            short.push("number");
        }
        if let Some(delegate) = class.delegate {
            let delegate = self.shape(delegate);
            let options = if short.is_empty() {
                json!([delegate])
            } else {
                json!([{"type": short}, delegate])
            };
            schema.insert("anyOf".to_owned(), options);
            return Value::Object(schema);
        }
        let mut kinds = vec!["object"];
        kinds.extend(short);
        kinds.push("null");
        schema.insert("type".to_owned(), json!(kinds));
        let mut properties: Map<String, Value> = class
            .fields
            .iter()
            .map(|field| (field.name.to_string(), self.field(class, field)))
            .collect();
        if let Some(family) = family {
            let property = self.types.family(family).property.to_string();
            properties.entry(property).or_insert(json!(true));
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !class.open {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        let required = fields_of(class, class.required);
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        // Of a group one set must be there, and not be null.
        let set = |bits: &u64| {
            let names = fields_of(class, *bits);
            let filled = names
                .iter()
                .map(|name| ((*name).to_owned(), json!({"not": {"type": "null"}})));
            let filled: Map<String, Value> = filled.collect();
            json!({"required": names, "properties": filled})
        };
        let group =
            |sets: &Vec<u64>| json!({"anyOf": sets.iter().map(set).collect::<Vec<Value>>()});
        let mut groups: Vec<Value> = class.groups.iter().map(group).collect();
        groups.extend(self.legacy(class, &mut schema));
        if !groups.is_empty() {
            schema.insert("allOf".to_owned(), Value::Array(groups));
        }
        Value::Object(schema)
    }

    /// A stream's supervisor that has a `spec` throws its legacy fields away; nobody reads the parser
    /// in them then, as the walk knows too.
    fn legacy(&mut self, class: &Class, schema: &mut Map<String, Value>) -> Option<Value> {
        if !matches!(
            &*class.name,
            "KafkaSupervisorSpec" | "KinesisSupervisorSpec"
        ) {
            return None;
        }
        let Role::Read(Shape::Class(number)) = class.named("dataSchema")?.role else {
            return None;
        };
        let read = schema.get_mut("properties")?.get_mut("dataSchema")?;
        let read = std::mem::replace(read, json!(true));
        let mut thrown_away = self.class(number, None);
        *thrown_away.get_mut("properties")?.get_mut("parser")? = json!(true);
        Some(json!({
            "if": {"required": ["spec"], "properties": {"spec": {"not": {"type": "null"}}}},
            "then": {"properties": {"dataSchema": thrown_away}},
            "else": {"properties": {"dataSchema": read}},
        }))
    }

    /// By what people call it, and what it needs.
    fn title(&self, number: u16, class: &Class) -> (String, Option<String>) {
        let callers = self.callers.get(&number).map_or(&[][..], Vec::as_slice);
        let Some((family, member)) = callers.first() else {
            return (words::spaced(&class.name), None);
        };
        let title = format!("{} {}", member.id, words::noun(family));
        (title, words::needs(member))
    }

    fn field(&mut self, class: &Class, field: &Field) -> Value {
        let shape = match field.role {
            Role::Read(shape) => shape,
            Role::Echo => {
                return json!({
                    "readOnly": true,
                    "description": "Druid prints it and does not read it.",
                });
            }
            Role::Ignored => {
                return json!({
                    "deprecated": true,
                    "description": "Druid knows it and does not read it.",
                });
            }
            Role::Tolerated => return json!(true),
        };
        let mut schema = self.shape(shape);
        if field.not_null {
            schema["type"] = match shape {
                Shape::Array(_) => json!("array"),
                Shape::Map(_) => json!("object"),
                Shape::Any | Shape::Leaf(_) | Shape::Family(_) | Shape::Class(_) => {
                    json!(NOT_NULL)
                }
            };
        }
        let default = field.default.as_deref();
        if let Some(default) = default.and_then(|text| serde_json::from_str(text).ok()) {
            schema["default"] = default;
        }
        if field.deprecated {
            schema["deprecated"] = json!(true);
        }
        let told = self.description(class, field, shape);
        if !told.is_empty() {
            schema["description"] = json!(told);
        }
        schema
    }

    /// What a person who points at the field should know.
    fn description(&self, class: &Class, field: &Field, shape: Shape) -> String {
        let mut told = Vec::new();
        if field.bit & class.required != 0 {
            told.push("Required.".to_owned());
        }
        let what = match shape {
            Shape::Any => None,
            Shape::Leaf(leaf) => Some(super::leaf::words(self.types.leaf(leaf))),
            Shape::Family(family) => {
                let noun = words::noun(self.types.family(family));
                (noun != *field.name).then(|| format!("Takes: {noun}."))
            }
            Shape::Class(_) => None,
            Shape::Array(_) => Some("A list.".to_owned()),
            Shape::Map(_) => Some("An object with free keys.".to_owned()),
        };
        told.extend(what);
        if let Some(default) = &field.default {
            told.push(format!("Default: `{default}`."));
        }
        if field.deprecated {
            told.push("Deprecated.".to_owned());
        }
        told.extend(words::dates(field.dates));
        told.join(" ")
    }
}

/// The names that a set of bits stands for.
fn fields_of(class: &Class, bits: u64) -> Vec<&str> {
    let fields = class.fields.iter().filter(|field| field.bit & bits != 0);
    fields.map(|field| &*field.name).collect()
}
