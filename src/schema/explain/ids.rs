//! Type ids that are missing, unknown, or of another place.

use super::REFUSES;
use crate::finding::{Code, Finding, quote};
use crate::json::Node;
use crate::schema::suggest::Hints;
use crate::schema::table::{Dates, Family, Shape, Types};

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

pub(super) fn no_type(types: &Types, node: Node<'_>, family: u16) -> Finding {
    let known = types.family(family);
    let what = known.noun.unwrap_or("object");
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

/// Can an id that the family does not know be known to be wrong?
pub(super) fn type_code(types: &Types, id: Node<'_>, family: u16) -> Code {
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
    let Some(noun) = family.noun else {
        return Code::UnknownType;
    };
    let of_noun = |other: &&Family| other.noun == Some(noun);
    let known = types
        .families
        .iter()
        .filter(of_noun)
        .any(|other| other.member(&text).is_some() || other.elsewhere.contains_key(&*text));
    if known {
        Code::MismatchedType
    } else {
        Code::UnknownType
    }
}

pub(super) fn unknown_type(hints: &Hints<'_>, id: Node<'_>, number: u16) -> Finding {
    let types = hints.types;
    let code = type_code(types, id, number);
    let family = types.family(number);
    let noun = family.noun.unwrap_or("type");
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
    match hints.nearest(&text, ids) {
        Some(near) => finding.suggest(near.name),
        None => match family.members.as_slice() {
            [only] if code == Code::MismatchedType => finding.suggest(only.id.to_string()),
            _ => finding,
        },
    }
}
