//! Problems as findings: what is so, what Druid does, and what was probably meant.

mod fields;
mod ids;

use super::check::{Frame, Problem};
use super::leaf::{Reading, Rule};
use super::rules::Instead;
use super::suggest::{Hints, plausible};
use super::table::{Shape, Types};
use crate::finding::{Code, Finding, LONGEST_QUOTE, holds_secret, quote};
use crate::json::{Kind, Node};

/// What Druid does with what it does not know.
const IGNORES: &str = "Druid ignores it without a word";

/// What Druid does with what it cannot read.
const REFUSES: &str = "Druid answers 400";

pub(super) use fields::{Guess, guess};

/// The code of a problem; of an unknown field what was guessed says it.
pub(super) fn code(types: &Types, problem: &Problem<'_>, guess: &Guess<'_>) -> Code {
    match problem {
        Problem::Kind { .. } | Problem::Null { .. } => Code::WrongType,
        Problem::Value {
            node,
            leaf,
            reading,
        } => match reading {
            Reading::Replaced(_) => Code::MisreadValue,
            Reading::Fine | Reading::Refused => value_code(&types.leaf(*leaf).rule, node.kind()),
        },
        Problem::Ignored { .. } => Code::IgnoredField,
        Problem::Missing { .. } | Problem::MissingOneOf { .. } | Problem::NoType { .. } => {
            Code::MissingField
        }
        Problem::Elsewhere { dates, .. } => fields::dates_code(types, *dates),
        Problem::UnknownType { id, family } => ids::type_code(types, *id, *family),
        Problem::Rule(breach) => breach.code,
        Problem::Unknown { .. } => guess.code(),
        Problem::TooCostly { .. } => Code::TooComplex,
    }
}

/// The finding of a problem.
pub(super) fn finding(
    hints: &Hints<'_>,
    code: Code,
    problem: Problem<'_>,
    frame: Option<&Frame<'_, '_>>,
    guess: Guess<'_>,
) -> Finding {
    let types = hints.types;
    match problem {
        Problem::Kind { node, wanted } => wrong_kind(types, node, wanted),
        Problem::Value {
            node,
            leaf,
            reading,
        } => super::values::finding(hints, code, types.leaf(leaf), node, reading),
        Problem::Null { node, field } => {
            let name = frame.and_then(|frame| types.class(frame.class).fields.get(field));
            let name = name.map_or("It", |field| &field.name);
            Finding::new(code, node, format!("`{name}` must not be null")).effect(REFUSES)
        }
        Problem::Ignored { key } => {
            let message = format!("{} is not read {}", name(key), inside(types, frame));
            Finding::about_key(code, key, message)
                .effect("Druid knows it and ignores it without a word")
        }
        Problem::Missing { field } => missing(types, field, frame),
        Problem::MissingOneOf { group } => missing_one_of(types, group, frame),
        Problem::NoType { node, family } => ids::no_type(types, node, family),
        Problem::Elsewhere { key, dates } => fields::other_release(types, key, dates, frame),
        Problem::UnknownType { id, family } => ids::unknown_type(hints, id, family),
        Problem::Rule(breach) => {
            let finding =
                Finding::new(breach.code, breach.node, breach.message).effect(breach.effect);
            match breach.instead {
                Some(Instead::Json(json)) => finding.suggest_json(json),
                Some(Instead::Text(text)) => finding.suggest(text),
                Some(Instead::Name(name)) => finding.rename(name),
                None => finding,
            }
        }
        Problem::TooCostly { node } => {
            let message = "The document takes more steps to check than any real spec";
            Finding::new(code, node, message).effect("Druid would take its time")
        }
        Problem::Unknown { key, .. } => match frame {
            Some(frame) => fields::unknown(types, key, frame, guess),
            None => Finding::about_key(code, key, "It is not known").effect(IGNORES),
        },
    }
}

fn name(key: Node<'_>) -> String {
    quote(&key.as_str().unwrap_or_default())
}

/// What an object is, for a sentence: "the index_parallel tuningConfig".
fn subject(types: &Types, frame: &Frame<'_, '_>) -> String {
    let id = frame.family.and_then(|number| {
        let family = types.family(number);
        let written = frame.node.get_hashed(&family.property, family.hash)?;
        let member = written.as_str().and_then(|id| family.member(&id))?;
        Some(member.id.clone())
    });
    let noun = frame.family.and_then(|family| types.family(family).noun);
    let place = frame.outer.and_then(|outer| {
        let mut entries = outer.node.entries();
        let (key, value) = entries.find(|(_, value)| value.holds(frame.node))?;
        Some((quoted_plain(key), value.kind() == Kind::Array))
    });
    match (id, noun, place) {
        (Some(id), Some(noun), _) if frame.outer.is_none() => format!("the {id} {noun}"),
        (None, Some(noun), None) => format!("the {noun}"),
        (Some(id), _, Some((field, false))) => format!("the {id} {field}"),
        (Some(id), Some(noun), Some((field, true))) => {
            format!("{} {noun} in {field}", with_article(&id))
        }
        (Some(id), None, Some((field, true))) => format!("{} in {field}", with_article(&id)),
        (None, Some(noun), Some((field, true))) => format!("{} in {field}", with_article(noun)),
        (None, _, Some((field, true))) => format!("an entry of {field}"),
        (None, _, Some((field, false))) => field,
        (_, None, None) => "the document".to_owned(),
        (Some(id), Some(noun), None) => format!("the {id} {noun}"),
    }
}

/// `a count`, `an expression`.
fn with_article(word: &str) -> String {
    let article = match word.chars().next() {
        Some('a' | 'e' | 'i' | 'o' | 'A' | 'E' | 'I' | 'O') => "an",
        _ => "a",
    };
    format!("{article} {word}")
}

/// A key without its quotes, if it is an ordinary name.
fn quoted_plain(key: Node<'_>) -> String {
    let name = key.as_str().unwrap_or_default();
    let plain = name.len() <= 60 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        name.into_owned()
    } else {
        quote(&name)
    }
}

fn inside(types: &Types, frame: Option<&Frame<'_, '_>>) -> String {
    frame.map_or_else(String::new, |frame| format!("by {}", subject(types, frame)))
}

/// What a value should be.
pub(super) fn wanted(types: &Types, shape: Shape) -> &'static str {
    match shape {
        Shape::Any => "a value",
        Shape::Array(_) => "an array",
        Shape::Map(_) => "an object",
        Shape::Family(family) if types.family(family).text.is_some() => "an object or a string",
        Shape::Family(_) => "an object",
        Shape::Class(class) => {
            let class = types.class(class);
            match class.delegate {
                Some(shape) => wanted(types, shape),
                None if class.string => "an object or a string",
                None => "an object",
            }
        }
        Shape::Leaf(_) => "a single value",
    }
}

/// Objects that people write as the list that is in them.
const LISTS: [(&str, &str); 2] = [
    ("DimensionsSpec", "dimensions"),
    ("TransformSpec", "transforms"),
];

fn wrong_kind(types: &Types, node: Node<'_>, shape: Shape) -> Finding {
    let wanted = wanted(types, shape);
    let message = format!("This must be {wanted}, not {}", node.kind().name());
    let finding = Finding::new(Code::WrongType, node, message).effect(REFUSES);
    let is_list = matches!(shape, Shape::Array(_)) || wanted == "an array";
    if let (true, Some(text)) = (is_list, node.as_str())
        && text.contains(',')
        && !holds_secret(node)
    {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        return finding.suggest_json(serde_json::Value::from(parts).to_string());
    }
    if let (Kind::Array, Shape::Class(class)) = (node.kind(), shape)
        && let name = &*types.class(class).name
        && let Some((_, list)) = LISTS.iter().find(|(class, _)| *class == name)
        && !holds_secret(node)
    {
        return finding.suggest_json(format!("{{\"{list}\": {}}}", node.raw()));
    }
    let single = !matches!(node.kind(), Kind::Array | Kind::Null);
    // What is short enough to be repeated, and no secret.
    let is_told = |node: Node<'_>| {
        let raw = node.raw();
        raw.len() <= LONGEST_QUOTE && !raw.contains('\n') && !holds_secret(node)
    };
    if is_list && single && is_told(node) {
        return finding.suggest_json(format!("[{}]", node.raw()));
    }
    let mut elements = node.elements();
    if let (Kind::Array, Some(only), None, false) =
        (node.kind(), elements.next(), elements.next(), is_list)
        && matches!(only.kind(), Kind::Object | Kind::String)
        && plausible(types, shape, only)
        && is_told(only)
    {
        return finding.suggest_json(only.raw());
    }
    finding
}

fn value_code(rule: &Rule, kind: Kind) -> Code {
    match (rule, kind) {
        (_, Kind::Array | Kind::Object) => Code::WrongType,
        (Rule::Boolean | Rule::Integer(..) | Rule::Decimal, Kind::String | Kind::Boolean) => {
            Code::WrongType
        }
        (
            Rule::Interval
            | Rule::Enumeration(_)
            | Rule::Other(_)
            | Rule::Period
            | Rule::Duration
            | Rule::DateTime
            | Rule::Size
            | Rule::TimeZone(_),
            Kind::Number | Kind::Boolean,
        ) => Code::WrongType,
        _ => Code::InvalidValue,
    }
}

fn missing(types: &Types, field: usize, frame: Option<&Frame<'_, '_>>) -> Finding {
    let Some((frame, field)) = frame.and_then(|frame| {
        let field = types.class(frame.class).fields.get(field)?;
        Some((frame, field))
    }) else {
        unreachable!("what is missing is missing in an object, and a field of its class");
    };
    let message = format!("`{}` is missing in {}", field.name, subject(types, frame));
    Finding::new(Code::MissingField, frame.node, message).effect(REFUSES)
}

fn missing_one_of(types: &Types, group: usize, frame: Option<&Frame<'_, '_>>) -> Finding {
    let Some(frame) = frame else {
        unreachable!("what is missing is missing in an object");
    };
    let class = types.class(frame.class);
    let sets = class
        .groups
        .get(group)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let names = |set: &u64| {
        let fields = class.fields.iter().filter(|field| field.bit & set != 0);
        let names: Vec<String> = fields.map(|field| format!("`{}`", field.name)).collect();
        names.join(" with ")
    };
    let sets: Vec<String> = sets.iter().map(names).collect();
    let message = format!(
        "{} is missing in {}",
        sets.join(" or "),
        subject(types, frame)
    );
    Finding::new(Code::MissingField, frame.node, message).effect(REFUSES)
}
