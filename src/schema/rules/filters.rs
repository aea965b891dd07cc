//! Filters and extraction functions.

use std::borrow::Cow;

use super::{Breach, Breaches, Object, REFUSES, Rule, get, is_blank, is_true, text, whole};
use crate::finding::{Code, quote};

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["AndDimFilter", "OrDimFilter"],
        check: fields,
    },
    Rule {
        classes: &["LikeDimFilter"],
        check: like,
    },
    Rule {
        classes: &["IntervalDimFilter"],
        check: intervals,
    },
    Rule {
        classes: &["ColumnComparisonDimFilter"],
        check: comparison,
    },
    Rule {
        classes: &[
            "RegexDimFilter",
            "RegexSearchQuerySpec",
            "RegexFilteredDimensionSpec",
        ],
        check: pattern,
    },
    Rule {
        classes: &["RegexDimExtractionFn", "MatchingDimExtractionFn"],
        check: expression,
    },
    Rule {
        classes: &[
            "EqualityFilter",
            "RangeFilter",
            "TypedInFilter",
            "ArrayContainsElementFilter",
        ],
        check: match_type,
    },
    Rule {
        classes: &[
            "JavaScriptDimFilter",
            "JavaScriptExtractionFn",
            "JavaScriptAggregatorFactory",
            "JavaScriptParseSpec",
        ],
        check: javascript,
    },
    Rule {
        classes: &[
            "AutoTypeColumnSchema",
            "ExpressionVirtualColumn",
            "NestedFieldVirtualColumn",
            "DefaultDimensionSpec",
            "ExtractionDimensionSpec",
        ],
        check: cast,
    },
    Rule {
        classes: &["SubstringDimExtractionFn"],
        check: substring,
    },
    Rule {
        classes: &["BoundDimFilter"],
        check: bound,
    },
    Rule {
        classes: &["PolygonBound", "RectangularBound"],
        check: coordinates,
    },
    Rule {
        classes: &["LookupDimensionSpec"],
        check: lookup,
    },
    Rule {
        classes: &["TypedInFilter"],
        check: typed_in,
    },
];

fn empty<'d>(object: Object<'_, 'd>, name: &str, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get(name)
        && is_blank(node)
    {
        let message = format!("`{name}` must not be empty");
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn fields<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    empty(object, "fields", breaches);
}

fn intervals<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    empty(object, "intervals", breaches);
}

fn like<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("escape")
        && text(node).is_some_and(|escape| escape.encode_utf16().count() != 1)
    {
        let message = "`escape` must be one character";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn comparison<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("dimensions")
        && node.len() < 2
    {
        let message = "`dimensions` must name two or more";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn typed_in<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let (Some(_), Some(node)) = (object.get("values"), object.get("sortedValues")) {
        let message = "`sortedValues` cannot stand beside `values`: one of the two";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

/// The type of what is compared: a text that is none reads as null, and is refused then.
fn match_type<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let name = match object.class() {
        "ArrayContainsElementFilter" => "elementMatchValueType",
        _ => "matchValueType",
    };
    let Some(node) = object.get(name) else {
        return;
    };
    if !node.as_str().is_some_and(|text| is_column_type(&text)) {
        let message =
            format!("`{name}` must be the type of a column: `STRING`, `LONG`, `ARRAY<LONG>`");
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

/// What `ColumnType.fromString` reads.
pub(super) fn is_column_type(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let base = upper.strip_suffix("_ARRAY").unwrap_or(&upper);
    if matches!(base, "STRING" | "LONG" | "FLOAT" | "DOUBLE") {
        return true;
    }
    let inner = |name: &str| {
        upper
            .strip_prefix(name)?
            .strip_prefix('<')?
            .strip_suffix('>')
    };
    if upper == "COMPLEX" || inner("COMPLEX").is_some() {
        return true;
    }
    // No deeper than anybody nests.
    inner("ARRAY").is_some_and(|inner| upper.matches('<').count() < 8 && is_column_type(inner))
}

fn javascript<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let at = object.get("type").unwrap_or(object.node());
    let effect =
        "Druid refuses it, unless `druid.javascript.enabled` is set: then it runs the code";
    breaches.push(Breach::new(
        Code::JavascriptFunction,
        at,
        "JavaScript is code that runs in Druid",
        effect,
    ));
}

/// Where a text that is no type reads as none at all.
fn cast<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    for name in ["castToType", "outputType", "expectedType"] {
        if let Some(node) = object.get(name)
            && let Some(text) = node.as_str()
            && !is_column_type(&text)
        {
            let message = format!(
                "{} is no type of a column: `STRING`, `LONG`, `ARRAY<LONG>`",
                quote(&text)
            );
            let effect = "Druid takes it as absent without a word";
            breaches.push(Breach::new(Code::MisreadValue, node, message, effect));
        }
    }
}

fn substring<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("length")
        && whole(node).is_some_and(|length| length < 1.0)
    {
        let message = "`length` must be greater than 0";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn bound<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let (Some(old), Some(ordering)) = (object.get("alphaNumeric"), object.get("ordering")) else {
        return;
    };
    let order = ordering
        .as_str()
        .or_else(|| get(ordering, "type")?.as_str());
    let is_alphanumeric = order.is_some_and(|order| order.eq_ignore_ascii_case("alphanumeric"));
    // `"null"` and an empty text are no boolean, and no contradiction.
    let is_absent = |text: Cow<'_, str>| matches!(text.trim(), "" | "null");
    if is_true(old) != is_alphanumeric && !old.as_str().is_some_and(is_absent) {
        let message = "`alphaNumeric` contradicts `ordering`, its new name";
        breaches.push(Breach::new(Code::ConflictingFields, old, message, REFUSES));
    }
}

/// Lists of coordinates are equally long.
fn coordinates<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let (first, second) = match object.class() {
        "PolygonBound" => ("abscissa", "ordinate"),
        _ => ("minCoords", "maxCoords"),
    };
    if let (Some(one), Some(other)) = (object.get(first), object.get(second))
        && (one.len() != other.len() || one.is_empty())
    {
        let message =
            format!("`{second}` must have as many coordinates as `{first}`, and at least one");
        breaches.push(Breach::new(
            Code::ConflictingFields,
            other,
            message,
            REFUSES,
        ));
    }
}

fn lookup<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let (Some(_), Some(node)) = (object.get("lookup"), object.get("name")) {
        let message = "`name` cannot stand beside `lookup`: one of the two";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

fn pattern<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    regex(object, "pattern", breaches);
}

fn expression<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    regex(object, "expr", breaches);
}

pub(super) fn regex<'d>(object: Object<'_, 'd>, name: &str, breaches: &mut Breaches<'_, 'd>) {
    let Some(node) = object.get(name) else {
        return;
    };
    if let Some(why) = node.as_str().and_then(|text| broken(&text)) {
        let message = format!("`{name}` is no regular expression: {why}");
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

/// What is broken in a pattern for certain. Java knows more than is checked here: what this lets
/// pass Druid may still refuse, and never the other way round.
fn broken(pattern: &str) -> Option<&'static str> {
    let mut open = 0_usize;
    let mut characters = pattern.chars();
    let mut first = true;
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let Some(escaped) = characters.next() else {
                    return Some("nothing follows the last `\\`");
                };
                // A quotation may hold anything.
                if escaped == 'Q' {
                    return None;
                }
            }
            // Classes nest and intersect: only one that never ends is told.
            '[' => {
                let rest = characters.as_str();
                if !rest.contains(']') {
                    return Some("a `[` is not closed");
                }
                return None;
            }
            '(' => open += 1,
            ')' => match open.checked_sub(1) {
                Some(left) => open = left,
                None => return Some("a `)` closes nothing"),
            },
            '*' | '+' | '?' if first => return Some("it begins with a repetition of nothing"),
            _ => {}
        }
        first = false;
    }
    (open > 0).then_some("a `(` is not closed")
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn patterns() {
        for (pattern, is_broken) in [
            ("a.*b", false),
            ("(a|b)+?", false),
            (r"\(", false),
            (r"\Q(\E", false),
            ("[(]", false),
            ("[a&&[b]]", false),
            ("(?<name>a)", false),
            ("", false),
            ("(a", true),
            ("a)", true),
            ("*a", true),
            ("[a", true),
            ("a\\", true),
        ] {
            assert_eq!(broken(pattern).is_some(), is_broken, "{pattern}");
        }
    }
}
