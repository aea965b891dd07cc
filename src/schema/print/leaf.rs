//! Single values: which kinds of JSON, and texts by a pattern.
//!
//! Which kinds a type reads, it is asked itself with samples, so that this cannot say otherwise.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::super::leaf::{Enumeration, Leaf, Reading, Rule};
use crate::json::{Document, Limits};

/// Is a text of JSON read, as itself or as something else?
fn reads(leaf: &Leaf, json: &str) -> bool {
    let document = Document::read(Bytes::from(json.to_owned()), &Limits::default());
    document.is_ok_and(|document| leaf.read(document.root()) != Reading::Refused)
}

fn reads_text(leaf: &Leaf, text: &str) -> bool {
    reads(leaf, &Value::from(text).to_string())
}

/// What a type takes.
pub(super) fn schema(leaf: &Leaf) -> Value {
    let mut schema = Map::new();
    let mut put = |key: &str, value: Value| schema.insert(key.to_owned(), value);
    put("description", json!(words(leaf)));
    let mut kinds = Vec::new();
    let number = if reads(leaf, "5.7") {
        Some("number")
    } else if reads(leaf, "1") || reads(leaf, "0") {
        Some("integer")
    } else {
        None
    };
    let bare = [("true", "boolean"), ("[]", "array"), ("{}", "object")];
    let bare = bare.iter().filter(|(sample, _)| reads(leaf, sample));
    kinds.extend(bare.map(|(_, kind)| *kind));
    if let Rule::Enumeration(names) = &leaf.rule {
        return enumeration(leaf, names, &kinds);
    }
    kinds.extend(number);
    let pattern = pattern(&leaf.rule);
    let any_text = pattern.is_none() && reads_text(leaf, "abc");
    if any_text || pattern.is_some() {
        kinds.push("string");
    }
    kinds.push("null");
    put("type", json!(kinds));
    if let Some(pattern) = pattern {
        put("pattern", json!(or_blank(leaf, &pattern)));
    }
    if let Rule::Integer(least, most) = &leaf.rule {
        put("minimum", json!(least));
        put("maximum", json!(most));
    }
    let examples = examples(&leaf.rule);
    if !examples.is_empty() {
        put("examples", json!(examples));
    }
    Value::Object(schema)
}

/// `2020`, `2020-01-31`, `2020-W05-1`, `2020-031`; no calendar is held against it.
const DATE: &str = "[-+]?[0-9]{1,9}(?:-(?:[0-9]{1,3}(?:-[0-9]{1,2})?|W[0-9]{1,2}(?:-[1-7])?))?";

/// `12:30:15.123`
const TIME: &str = "[0-9]{1,3}(?:[.,][0-9]+)?(?::[0-9]{1,3}(?:[.,][0-9]+)?){0,2}";

const ZONE: &str = "(?:Z|[-+][0-9]+(?::[0-9]+)*)";

/// `P1DT2H`; the units may stand in any order.
const PERIOD: &str = "[-+]?[Pp](?:(?:[-+]?[0-9]+[YyMmWwDd])+(?:[Tt](?:[-+]?[0-9]+(?:[.,][0-9]*)?[HhMmSs])+)?|[Tt](?:[-+]?[0-9]+(?:[.,][0-9]*)?[HhMmSs])+)";

/// Texts that a type reads; `None`: any, or as the samples say.
fn pattern(rule: &Rule) -> Option<String> {
    let time = || format!(" *(?:{DATE}(?:T(?:{TIME})?{ZONE}?)?|T(?:{TIME}{ZONE}?|{ZONE})) *");
    Some(match rule {
        Rule::Boolean => " *(?:true|True|TRUE|false|False|FALSE|null) *".to_owned(),
        Rule::Integer(..) => " *\\+?-?[0-9]+ *|null".to_owned(),
        Rule::Decimal => {
            let number = "(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][-+]?[0-9]+)?[dDfF]?";
            format!(" *[-+]?(?:NaN|Infinity|INF|null|{number}) *")
        }
        Rule::DateTime => time(),
        Rule::Interval => {
            let time = time();
            format!("(?:{PERIOD}/{time}|{time}/(?:{PERIOD}|{time}))")
        }
        Rule::Period | Rule::Duration => PERIOD.to_owned(),
        Rule::Size => "\\s*\\+?[0-9]+(?:[kmgtpKMGTP][iI]?[bB]?)?\\s*".to_owned(),
        Rule::Text | Rule::Enumeration(_) | Rule::TimeZone(_) | Rule::Other(_) => return None,
    })
}

/// With what Druid takes as absent.
fn or_blank(leaf: &Leaf, pattern: &str) -> String {
    let blank = match (reads_text(leaf, ""), reads_text(leaf, " ")) {
        (_, true) => "| *",
        (true, false) => "|",
        (false, false) => "",
    };
    format!("^(?:{pattern}{blank})$")
}

/// Names, for an editor to offer, and all other ways to write them.
fn enumeration(leaf: &Leaf, names: &Enumeration, kinds: &[&str]) -> Value {
    let names: Vec<&str> = names.names.iter().map(|name| &**name).collect();
    let mut options = vec![json!({"enum": names})];
    let in_any_case = names.iter().all(|name| {
        reads_text(leaf, &name.to_lowercase()) && reads_text(leaf, &name.to_uppercase())
    });
    let mut texts: Vec<String> = Vec::new();
    if in_any_case {
        texts.extend(names.iter().map(|name| any_case(name)));
    }
    let last = names.len().saturating_sub(1);
    if reads_text(leaf, "0") && !names.contains(&"0") {
        texts.extend((0..=last).map(|place| format!(" *\\+?{place} *")));
    }
    if reads(leaf, "0") {
        options.push(json!({"type": "integer", "minimum": 0, "maximum": last}));
    }
    if reads_text(leaf, " ") {
        texts.push(" *".to_owned());
    } else if reads_text(leaf, "") {
        texts.push(String::new());
    }
    if !texts.is_empty() {
        let pattern = format!("^(?:{})$", texts.join("|"));
        options.push(json!({"type": "string", "pattern": pattern}));
    }
    let mut kinds = kinds.to_vec();
    kinds.push("null");
    options.push(json!({"type": kinds}));
    json!({"description": words(leaf), "anyOf": options})
}

/// A pattern for a name in any case.
fn any_case(name: &str) -> String {
    let mut pattern = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphabetic() {
            let (upper, lower) = (letter.to_ascii_uppercase(), letter.to_ascii_lowercase());
            pattern.push_str(&format!("[{upper}{lower}]"));
        } else if letter.is_ascii_alphanumeric() || letter == '_' {
            pattern.push(letter);
        } else {
            pattern.push_str(&format!("\\{letter}"));
        }
    }
    pattern
}

/// What a value is, in a sentence.
pub(super) fn words(leaf: &Leaf) -> String {
    match &leaf.rule {
        Rule::Boolean => "True or false.",
        Rule::Integer(..) => "A whole number.",
        Rule::Decimal => "A number.",
        Rule::Text => "A text.",
        Rule::Enumeration(_) => "One of the names.",
        Rule::DateTime => "A time in ISO 8601, or milliseconds since 1970.",
        Rule::Interval => "An interval in ISO 8601.",
        Rule::Period | Rule::Duration => "A period in ISO 8601; a bare number is milliseconds.",
        Rule::TimeZone(_) => "A time zone: its name, or an offset.",
        Rule::Size => "A number of bytes, or a text with a unit.",
        Rule::Other(_) => return format!("{}.", super::words::spaced(&leaf.name)),
    }
    .to_owned()
}

fn examples(rule: &Rule) -> &'static [&'static str] {
    match rule {
        Rule::DateTime => &["2020-01-31T00:00:00Z"],
        Rule::Interval => &["2020-01-01/2020-02-01"],
        Rule::Period | Rule::Duration => &["PT1H", "P1D"],
        Rule::TimeZone(_) => &["UTC", "Europe/Berlin"],
        Rule::Size => &["512MiB"],
        Rule::Boolean
        | Rule::Integer(..)
        | Rule::Decimal
        | Rule::Text
        | Rule::Enumeration(_)
        | Rule::Other(_) => &[],
    }
}
