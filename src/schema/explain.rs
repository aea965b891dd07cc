//! Problems as findings: what is so, what Druid does, and what was probably meant.

use super::check::{Frame, Problem};
use super::kinds;
use super::leaf::{Reading, Rule};
use super::suggest;
use super::table::{Dates, Role, Shape, Types};
use crate::finding::{Code, Finding, quote};
use crate::json::{Kind, Node};

/// What Druid does with what it does not know.
const IGNORES: &str = "Druid ignores it without a word";

/// What Druid does with what it cannot read.
const REFUSES: &str = "Druid answers 400";

/// The code of a problem; the rest of the work is only worth it for who wants to know.
pub(super) fn code(types: &Types, problem: &Problem<'_>, frame: Option<&Frame<'_, '_>>) -> Code {
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
        Problem::Elsewhere { dates, .. } => dates_code(types, *dates),
        Problem::UnknownType { id, family } => type_code(types, *id, *family),
        Problem::Rule(breach) => breach.code,
        Problem::Unknown { key, value } => match frame {
            Some(frame) => guess(types, *key, *value, frame).code(),
            None => Code::UnknownField,
        },
    }
}

/// The finding of a problem.
pub(super) fn finding(
    types: &Types,
    problem: Problem<'_>,
    frame: Option<&Frame<'_, '_>>,
) -> Finding {
    let code = code(types, &problem, frame);
    match problem {
        Problem::Kind { node, wanted } => wrong_kind(types, node, wanted),
        Problem::Value {
            node,
            leaf,
            reading,
        } => super::values::finding(code, types.leaf(leaf), node, reading),
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
        Problem::NoType { node, family } => no_type(types, node, family),
        Problem::Elsewhere { key, value, dates } => other_release(types, key, value, dates, frame),
        Problem::UnknownType { id, family } => unknown_type(types, id, family),
        Problem::Rule(breach) => {
            let finding =
                Finding::new(breach.code, breach.node, breach.message).effect(breach.effect);
            match breach.instead {
                Some(json) => finding.suggest_json(json),
                None => finding,
            }
        }
        Problem::Unknown { key, value } => match frame {
            Some(frame) => unknown(types, key, value, frame),
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
    let noun = frame
        .family
        .and_then(|family| kinds::noun(&types.family(family).name));
    let place = frame.outer.and_then(|outer| {
        let mut entries = outer.node.entries();
        let (key, value) = entries.find(|(_, value)| value.holds(frame.node))?;
        Some((quoted_plain(key), value.kind() == Kind::Array))
    });
    match (id, noun, place) {
        (Some(id), Some(noun), _) if frame.outer.is_none() => format!("the {id} {noun}"),
        (None, Some(noun), None) => format!("the {noun}"),
        (Some(id), _, Some((field, false))) => format!("the {id} {field}"),
        (Some(id), Some(noun), Some((field, true))) => format!("a {id} {noun} in {field}"),
        (Some(id), None, Some((field, true))) => format!("a {id} in {field}"),
        (None, Some(noun), Some((field, true))) => format!("a {noun} in {field}"),
        (None, _, Some((field, true))) => format!("an entry of {field}"),
        (None, _, Some((field, false))) => field,
        (_, None, None) => "the document".to_owned(),
        (Some(id), Some(noun), None) => format!("the {id} {noun}"),
    }
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

fn wrong_kind(types: &Types, node: Node<'_>, shape: Shape) -> Finding {
    let wanted = wanted(types, shape);
    let message = format!("This must be {wanted}, not {}", node.kind().name());
    let finding = Finding::new(Code::WrongType, node, message).effect(REFUSES);
    let is_list = matches!(shape, Shape::Array(_)) || wanted == "an array";
    let single = !matches!(node.kind(), Kind::Array | Kind::Null);
    let raw = node.raw();
    if is_list && single && raw.len() <= 200 && !raw.contains('\n') {
        return finding.suggest_json(format!("[{raw}]"));
    }
    let mut elements = node.elements();
    if let (Kind::Array, Some(only), None, false) =
        (node.kind(), elements.next(), elements.next(), is_list)
        && matches!(only.kind(), Kind::Object | Kind::String)
        && only.raw().len() <= 200
        && !only.raw().contains('\n')
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

/// Some ids of a family, for a sentence.
fn some_ids(types: &Types, family: u16) -> String {
    const MOST: usize = 12;
    let members = &types.family(family).members;
    let names: Vec<String> = members
        .iter()
        .take(MOST)
        .map(|member| format!("`{}`", member.id))
        .collect();
    let more = if members.len() > MOST { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn no_type(types: &Types, node: Node<'_>, family: u16) -> Finding {
    let known = types.family(family);
    let what = kinds::noun(&known.name).unwrap_or("object");
    let message = format!(
        "`{}` is missing: it says what {what} this is, one of {}",
        known.property,
        some_ids(types, family)
    );
    let finding = Finding::new(Code::MissingField, node, message).effect(REFUSES);
    match known.members.as_slice() {
        [only] => finding.suggest_below(&known.property, only.id.to_string()),
        _ => finding,
    }
}

fn dates_code(types: &Types, dates: Dates) -> Code {
    match dates.since {
        Some(since) if types.version < since => Code::NewerField,
        Some(_) | None => Code::RemovedField,
    }
}

fn other_release(
    types: &Types,
    key: Node<'_>,
    value: Node<'_>,
    dates: Dates,
    frame: Option<&Frame<'_, '_>>,
) -> Finding {
    let code = dates_code(types, dates);
    let name = name(key);
    let message = match (code, dates) {
        (
            Code::NewerField,
            Dates {
                since: Some(since), ..
            },
        ) => format!(
            "{name} is read by Druid {since} and later; this is Druid {}",
            types.version
        ),
        (
            _,
            Dates {
                until: Some(until), ..
            },
        ) => {
            format!("{name} is no longer read by Druid {until} and later")
        }
        _ => format!("{name} is not read by Druid {}", types.version),
    };
    let finding = Finding::about_key(code, key, message).effect(IGNORES);
    let successor = frame.and_then(|frame| {
        let written = key.as_str()?;
        let (_, new) = SUCCESSORS.iter().find(|(old, _)| *old == written)?;
        let class = types.class(frame.class);
        class
            .named(new)
            .filter(|field| matches!(field.role, Role::Read(_)))
    });
    match successor {
        Some(field) if frame.is_some_and(|frame| frame.node.get(&field.name).is_none()) => {
            let _ = value;
            finding.rename(&field.name)
        }
        Some(_) | None => finding,
    }
}

/// What took the place of fields that are gone.
const SUCCESSORS: &[(&str, &str)] = &[
    ("firehose", "inputSource"),
    ("filter", "objectGlob"),
    ("recordBufferSize", "recordBufferSizeBytes"),
    ("maxRecordsPerPoll", "maxBytesPerPoll"),
];

/// What was probably meant by an unknown field.
enum Guess<'t> {
    /// A near name of the same object.
    Near(&'t str),
    /// This name, elsewhere in this document.
    Place(suggest::Place),
    /// A near name, elsewhere.
    NearPlace(&'t str, suggest::Place),
    /// This name in other types that may stand here.
    Types(Vec<&'t str>, &'t str),
    /// Nothing.
    Nothing,
}

impl Guess<'_> {
    fn code(&self) -> Code {
        match self {
            Guess::Near(_) => Code::MisspelledField,
            Guess::Place(_) | Guess::NearPlace(..) | Guess::Types(..) => Code::MisplacedField,
            Guess::Nothing => Code::UnknownField,
        }
    }
}

fn guess<'t>(types: &'t Types, key: Node<'_>, value: Node<'_>, frame: &Frame<'_, '_>) -> Guess<'t> {
    let written = key.as_str().unwrap_or_default();
    let near = suggest::near_field(types, &written, value, frame);
    if let Some(near) = near.filter(|near| near.distance <= 1) {
        return Guess::Near(near.name);
    }
    if let Some(name) = suggest::habit(types, &written, frame) {
        return Guess::Near(name);
    }
    let place = suggest::place(types, &written, value, frame);
    if let Some(place) = place.filter(|place| near.is_none() || place.steps <= 2) {
        return Guess::Place(place);
    }
    if let Some(near) = near {
        return Guess::Near(near.name);
    }
    if let Some((others, own)) = suggest::other_types(types, &written, frame) {
        return Guess::Types(others, own);
    }
    if let Some(name) = suggest::only_missing(types, value, frame) {
        return Guess::Near(name);
    }
    if let Some((name, place)) = suggest::near_place(types, &written, value, frame) {
        return Guess::NearPlace(name, place);
    }
    Guess::Nothing
}

fn unknown(types: &Types, key: Node<'_>, value: Node<'_>, frame: &Frame<'_, '_>) -> Finding {
    let guess = guess(types, key, value, frame);
    let code = guess.code();
    let name = name(key);
    let subject = subject(types, frame);
    let not_a_field = format!("{name} is not a field of {subject}");
    match guess {
        Guess::Near(near) => Finding::about_key(code, key, not_a_field)
            .effect(format!("{IGNORES}; the default applies"))
            .rename(near),
        Guess::Place(place) => {
            let holder = place
                .pointer
                .rsplit_once('/')
                .map_or("", |(holder, _)| holder);
            let belongs = match holder {
                "" => "at the top level".to_owned(),
                holder => format!("in `{holder}`"),
            };
            let message = format!("{not_a_field}; it belongs {belongs}");
            let written = key.as_str().unwrap_or_default();
            Finding::about_key(code, key, message)
                .effect(IGNORES)
                .suggest_place(written, place.pointer)
        }
        Guess::NearPlace(near, place) => {
            let message = format!(
                "{not_a_field}; perhaps `{near}` in `{}` is meant",
                place.holder()
            );
            Finding::about_key(code, key, message)
                .effect(IGNORES)
                .suggest_place(near, place.pointer)
        }
        Guess::Types(others, own) => {
            let known: Vec<String> = others.iter().take(4).map(|id| format!("`{id}`")).collect();
            let message = format!(
                "{not_a_field}: it is known for {}, not for `{own}`",
                known.join(", ")
            );
            Finding::about_key(code, key, message).effect(IGNORES)
        }
        Guess::Nothing => Finding::about_key(code, key, not_a_field).effect(IGNORES),
    }
}

/// Can an id that the family does not know be known to be wrong?
fn type_code(types: &Types, id: Node<'_>, family: u16) -> Code {
    let Some(text) = id.as_str() else {
        return Code::WrongType;
    };
    let family = types.family(family);
    if family.elsewhere.contains_key(&*text) || family.unloaded.contains_key(&*text) {
        return Code::UnknownType;
    }
    if family.unreadable.iter().any(|known| **known == *text) {
        return Code::MismatchedType;
    }
    let Some(noun) = kinds::noun(&family.name) else {
        return Code::UnknownType;
    };
    let of_noun = |other: &&super::table::Family| kinds::noun(&other.name) == Some(noun);
    let known = types
        .families
        .iter()
        .filter(of_noun)
        .any(|other| other.member(&text).is_some());
    if known {
        Code::MismatchedType
    } else {
        Code::UnknownType
    }
}

fn unknown_type(types: &Types, id: Node<'_>, number: u16) -> Finding {
    let code = type_code(types, id, number);
    let family = types.family(number);
    let noun = kinds::noun(&family.name).unwrap_or("type");
    let Some(text) = id.as_str() else {
        let message = format!(
            "`{}` is a string, not {}",
            family.property,
            id.kind().name()
        );
        return Finding::new(code, id, message).effect(REFUSES);
    };
    if let Some(extension) = family.unloaded.get(&*text) {
        let message = format!(
            "The {noun} {} is of the extension {extension}, which is not among those that are loaded",
            quote(&text)
        );
        return Finding::new(code, id, message).effect(REFUSES);
    }
    let dates = family.elsewhere.get(&*text);
    let message = match (code, dates) {
        (Code::MismatchedType, _) => format!(
            "{} cannot stand here: one of {}",
            quote(&text),
            some_ids(types, number)
        ),
        (
            _,
            Some(Dates {
                since: Some(since), ..
            }),
        ) if types.version < *since => format!(
            "The {noun} {} comes with Druid {since}; this is Druid {}",
            quote(&text),
            types.version
        ),
        (
            _,
            Some(Dates {
                until: Some(until), ..
            }),
        ) => {
            format!("The {noun} {} is gone since Druid {until}", quote(&text))
        }
        _ => format!("The {noun} {} is not known", quote(&text)),
    };
    let effect = match family.default {
        Some(class) if !family.strict => {
            let class = types.class(class);
            let default = family.members.iter().find(|member| {
                matches!(member.shape, Shape::Class(number) if types.class(number).name == class.name)
            });
            let default = default.map_or(&class.name, |member| &member.id);
            format!("without the extension that has it, Druid takes `{default}` without a word")
        }
        Some(_) | None => "without the extension that has it, Druid answers 400".to_owned(),
    };
    let effect = match code {
        Code::MismatchedType => REFUSES.to_owned(),
        _ => effect,
    };
    let finding = Finding::new(code, id, message).effect(effect);
    let ids = family.members.iter().map(|member| &*member.id);
    match suggest::nearest(&text, ids) {
        Some(near) => finding.suggest(near.name),
        None => match family.members.as_slice() {
            [only] if code == Code::MismatchedType => finding.suggest(only.id.to_string()),
            _ => finding,
        },
    }
}
