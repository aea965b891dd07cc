//! Single values: what Druid reads them as.
//!
//! The rules are those of Jackson's deserializers as Druid 28.0.0, 33.0.0 and 37.0.0 were measured to
//! apply them; every table carries the measurements, and a test holds the rules against them.

use std::collections::BTreeMap;

use super::iso;
use crate::json::{Kind, Node};

/// A type of single values.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) name: Box<str>,
    pub(super) rule: Rule,
    /// Is a text of blanks read, as an absent value? Not before 37.
    blank: bool,
}

/// What Druid makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Reads it as it is meant.
    Fine,
    /// Refuses it.
    Refused,
    /// Reads it as something else, without a word.
    Replaced(Replacement),
}

/// What Druid takes instead of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// The number without its fraction.
    WithoutFraction,
    /// A bare number is milliseconds.
    Milliseconds,
    /// UTC.
    Utc,
}

/// How a type reads its values.
#[derive(Debug)]
pub(super) enum Rule {
    Boolean,
    /// From, to.
    Integer(i64, i64),
    Decimal,
    Text,
    Enumeration(Enumeration),
    DateTime,
    Interval,
    Period,
    Duration,
    /// Names, sorted.
    TimeZone(Box<[Box<str>]>),
    /// `512MiB`, or a number.
    Size,
    /// Text with a rule of its own that only Druid knows; these kinds are read.
    Other(Kinds),
}

/// Names that a value may have.
#[derive(Debug)]
pub(super) struct Enumeration {
    pub(super) names: Vec<Box<str>>,
    any_case: bool,
    /// A number, or its text, as a place in the list.
    ordinals: bool,
}

/// Kinds of JSON values that are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kinds {
    boolean: bool,
    number: bool,
    text: bool,
    array: bool,
    object: bool,
}

impl Leaf {
    /// From the Java type, its names if it is an enumeration, and what was measured.
    pub(super) fn new(
        name: &str,
        java: &str,
        names: &[String],
        reads: &BTreeMap<String, bool>,
    ) -> Leaf {
        let read = |sample: &str| reads.get(sample).copied().unwrap_or(false);
        let rule = match java {
            "boolean" | "java.lang.Boolean" => Rule::Boolean,
            "byte" | "java.lang.Byte" => Rule::Integer(-128, 255),
            "short" | "java.lang.Short" => Rule::Integer(i16::MIN.into(), i16::MAX.into()),
            "int" | "java.lang.Integer" => Rule::Integer(i32::MIN.into(), i32::MAX.into()),
            "long" | "java.lang.Long" => Rule::Integer(i64::MIN, i64::MAX),
            "float" | "java.lang.Float" | "double" | "java.lang.Double" => Rule::Decimal,
            "java.lang.String" | "java.io.File" => Rule::Text,
            "org.joda.time.DateTime" => Rule::DateTime,
            "org.joda.time.Interval" => Rule::Interval,
            "org.joda.time.Period" => Rule::Period,
            "org.joda.time.Duration" => Rule::Duration,
            "org.joda.time.DateTimeZone" => {
                let mut names: Vec<Box<str>> =
                    names.iter().map(|name| name.as_str().into()).collect();
                names.sort_unstable();
                Rule::TimeZone(names.into())
            }
            "org.apache.druid.java.util.common.HumanReadableBytes" => Rule::Size,
            _ if !names.is_empty() => {
                let quoted = |text: String| format!("\"{text}\"");
                Rule::Enumeration(Enumeration {
                    any_case: names.iter().all(|name| {
                        read(&quoted(name.to_lowercase())) && read(&quoted(name.to_uppercase()))
                    }),
                    ordinals: read("\"0\""),
                    names: names.iter().map(|name| name.as_str().into()).collect(),
                })
            }
            _ => Rule::Other(Kinds {
                boolean: read("true"),
                number: read("1") || read("5.7"),
                text: read("\"abc\""),
                array: read("[]"),
                object: read("{}"),
            }),
        };
        Leaf {
            name: name.into(),
            rule,
            blank: read("\" \""),
        }
    }

    /// What Druid makes of this value.
    pub(super) fn read(&self, node: Node<'_>) -> Reading {
        use Reading::{Fine, Refused, Replaced};
        let fine = |fine: bool| if fine { Fine } else { Refused };
        let kind = node.kind();
        // What most values are, before anything is done with their text.
        match (&self.rule, kind) {
            (_, Kind::Null)
            | (Rule::Boolean, Kind::Boolean)
            | (Rule::Text, Kind::String | Kind::Number | Kind::Boolean)
            | (Rule::Decimal, Kind::Number) => return Fine,
            (Rule::Integer(least, most), Kind::Number) => return integer(node, *least, *most),
            (Rule::Text, Kind::Array | Kind::Object) => return Refused,
            _ => {}
        }
        let text = node.as_str();
        if self.blank
            && text
                .as_deref()
                .is_some_and(|text| text.trim_matches(' ').is_empty())
        {
            return Fine;
        }
        match &self.rule {
            Rule::Boolean => match (kind, text) {
                (Kind::Number, _) => fine(is_integral(node)),
                (_, Some(text)) => fine(is_boolean(text.trim_matches(' ')) || text.is_empty()),
                _ => Refused,
            },
            Rule::Integer(least, most) => match text {
                Some(text) => {
                    let number = text.trim_matches(' ');
                    let unsigned = number.strip_prefix('+').unwrap_or(number);
                    let signed_twice = unsigned.starts_with('+');
                    let within = unsigned
                        .parse::<i64>()
                        .is_ok_and(|number| (*least..=*most).contains(&number));
                    fine(within && !signed_twice || matches!(&*text, "" | "null"))
                }
                None => Refused,
            },
            Rule::Decimal => match text {
                Some(text) => fine(is_decimal(text.trim_matches(' ')) || text.is_empty()),
                None => Refused,
            },
            Rule::Text => Fine,
            Rule::Enumeration(names) => names.read(node, kind),
            Rule::DateTime => match (kind, text) {
                (Kind::Number, _) => fine(is_integral(node)),
                (_, Some(text)) => fine(text.trim_matches(' ').is_empty() || iso::date_time(&text)),
                _ => Refused,
            },
            Rule::Interval => fine(text.is_some_and(|text| iso::interval(&text))),
            Rule::Period => match (kind, text) {
                (Kind::Number, _) => milliseconds(node),
                (_, Some(text)) => fine(text.trim_matches(' ').is_empty() || iso::period(&text)),
                _ => Refused,
            },
            Rule::Duration => match (kind, text) {
                (Kind::Number, _) => milliseconds(node),
                (_, Some(text)) => fine(text.trim_matches(' ').is_empty() || iso::duration(&text)),
                _ => Refused,
            },
            Rule::TimeZone(names) => match text {
                Some(text) if is_time_zone(&text, names) => Fine,
                // Druid takes UTC, and loses its place in the document.
                None if matches!(kind, Kind::Array | Kind::Object) => Refused,
                _ => Replaced(Replacement::Utc),
            },
            Rule::Size => match (kind, text) {
                (Kind::Number, _) => fine(is_integral(node)),
                (_, Some(text)) => fine(is_size(&text)),
                _ => Refused,
            },
            Rule::Other(kinds) => fine(match kind {
                Kind::Boolean => kinds.boolean,
                Kind::Number => kinds.number,
                Kind::String => kinds.text,
                Kind::Array => kinds.array,
                Kind::Object => kinds.object,
                Kind::Null => true,
            }),
        }
    }
}

impl Enumeration {
    fn read(&self, node: Node<'_>, kind: Kind) -> Reading {
        let known = match node.as_str() {
            Some(text) => {
                self.names.iter().any(|name| {
                    **name == *text || self.any_case && name.eq_ignore_ascii_case(&text)
                }) || self.ordinals && self.is_ordinal(text.trim_matches(' '))
            }
            None => kind == Kind::Number && self.ordinals && self.is_ordinal(node.raw()),
        };
        match kind {
            _ if known => Reading::Fine,
            _ => Reading::Refused,
        }
    }

    fn is_ordinal(&self, text: &str) -> bool {
        text.parse::<usize>()
            .is_ok_and(|place| place < self.names.len())
    }
}

/// Is a number written without fraction and exponent?
fn is_integral(node: Node<'_>) -> bool {
    node.as_number()
        .is_some_and(|number| !number.contains(['.', 'e', 'E']))
}

fn integer(node: Node<'_>, least: i64, most: i64) -> Reading {
    if is_integral(node) {
        return match node.as_i64() {
            Some(number) if (least..=most).contains(&number) => Reading::Fine,
            _ => Reading::Refused,
        };
    }
    // Jackson casts a double; the bounds are exact enough for what a spec counts.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the casted bounds are Jackson's own"
    )]
    let (least, most) = (least as f64, most as f64);
    match node.as_f64() {
        Some(number) if number >= least && number <= most => {
            if number.fract() == 0.0 {
                Reading::Fine
            } else {
                Reading::Replaced(Replacement::WithoutFraction)
            }
        }
        _ => Reading::Refused,
    }
}

fn milliseconds(node: Node<'_>) -> Reading {
    match (is_integral(node), node.as_i64()) {
        (true, Some(0)) => Reading::Fine,
        (true, Some(_)) => Reading::Replaced(Replacement::Milliseconds),
        _ => Reading::Refused,
    }
}

fn is_boolean(text: &str) -> bool {
    matches!(
        text,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "null"
    )
}

/// What `Double.parseDouble` reads, hexadecimal floats aside.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity" | "INF" | "null") {
        return true;
    }
    let number = unsigned
        .strip_suffix(['d', 'D', 'f', 'F'])
        .unwrap_or(unsigned);
    let plain = number.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    plain && number.parse::<f64>().is_ok()
}

/// `1024`, `512MiB`, `1g`: `HumanReadableBytes` of Druid.
fn is_size(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let number = text.strip_suffix('b').unwrap_or(&text);
    let (number, unit) = match number.strip_suffix('i') {
        Some(number) => (number, true),
        None => (number, false),
    };
    let scaled = number.strip_suffix(['k', 'm', 'g', 't', 'p']);
    let bare = text.len() == number.len();
    let number = match scaled {
        Some(number) => number,
        // `5b` and `5i` are no sizes.
        None if unit || !bare => return false,
        None => number,
    };
    let digits = number.strip_prefix('+').unwrap_or(number);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // A second sign.
        return false;
    }
    digits
        .parse::<u64>()
        .is_ok_and(|number| i64::try_from(number).is_ok())
}

/// UTC, an offset, or a name that Joda-Time or the JDK knows (`DateTimes.inferTzFromString`).
fn is_time_zone(text: &str, names: &[Box<str>]) -> bool {
    let is_offset = |offset: &str| {
        offset.len() <= 12
            && offset
                .split([':', '.'])
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match text
        .strip_prefix("GMT")
        .unwrap_or(text)
        .strip_prefix(['+', '-'])
    {
        Some(offset) => is_offset(offset),
        // What is not known is UTC: who writes it in small letters has what was meant.
        None => {
            text.eq_ignore_ascii_case("utc")
                || names.binary_search_by(|name| (**name).cmp(text)).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_size;

    #[test]
    fn sizes() {
        for text in ["1024", "+5", "512MiB", "1g", "1kb"] {
            assert!(is_size(text), "{text}");
        }
        for text in ["", "++5", "-1", "5b", "5i", "1.5g", "many"] {
            assert!(!is_size(text), "{text}");
        }
    }
}
