//! Input formats, timestamps, flattening.

use super::filters::regex;
use super::{
    Breach, Breaches, Instead, Object, REFUSES, Rule, get, is_blank, is_true, text, whole,
};
use crate::finding::{Code, quote};
use crate::json::Node;
use crate::schema::near::nearest;

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["CsvInputFormat", "DelimitedInputFormat"],
        check: columns,
    },
    Rule {
        classes: &["JsonInputFormat"],
        check: json,
    },
    Rule {
        classes: &["RegexInputFormat"],
        check: pattern,
    },
    Rule {
        classes: &["KinesisInputFormat"],
        check: kinesis,
    },
    Rule {
        classes: &["TimestampSpec"],
        check: timestamp,
    },
    Rule {
        classes: &["JSONPathFieldSpec"],
        check: path,
    },
    Rule {
        classes: &["StringEncodingStrategy.FrontCoded"],
        check: front_coded,
    },
];

fn columns<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let header = ["findColumnsFromHeader", "hasHeaderRow"].map(|name| object.get(name));
    let list = object.text("listDelimiter");
    let delimiter = match object.class() {
        "CsvInputFormat" => ",".into(),
        _ => object.text("delimiter").unwrap_or("\t".into()),
    };
    if let (Some(list), Some(node)) = (&list, object.get("listDelimiter"))
        && *list == delimiter
    {
        let message = "`listDelimiter` must differ from the delimiter of columns";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
    match object.get("columns").filter(|node| !is_blank(*node)) {
        Some(columns) => {
            let split = |column: &Node<'_>| {
                !delimiter.is_empty()
                    && column
                        .as_str()
                        .is_some_and(|name| name.contains(&*delimiter))
            };
            if let Some(column) = columns.elements().find(split) {
                let message = "A column's name must not contain the delimiter";
                breaches.push(Breach::new(Code::InvalidValue, column, message, REFUSES));
            }
        }
        None => match header {
            [Some(_), Some(node)] => {
                let message =
                    "`hasHeaderRow` cannot stand beside `findColumnsFromHeader`, its new name";
                breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
            }
            // Without either the types say what is missing.
            [None, None] if object.get("columns").is_some() => {
                let message = "`columns` is empty, and nothing says that the first row names them";
                let node = object.get("columns").unwrap_or(object.node());
                breaches.push(Breach::new(Code::MissingField, node, message, REFUSES));
            }
            [Some(node), None] | [None, Some(node)] if !is_true(node) => {
                let message =
                    "Without `columns` the first row must name them: `findColumnsFromHeader: true`";
                breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
            }
            _ => {}
        },
    }
}

/// Jackson's `JsonParser.Feature`.
const FEATURES: [&str; 20] = [
    "AUTO_CLOSE_SOURCE",
    "ALLOW_COMMENTS",
    "ALLOW_YAML_COMMENTS",
    "ALLOW_UNQUOTED_FIELD_NAMES",
    "ALLOW_SINGLE_QUOTES",
    "ALLOW_UNQUOTED_CONTROL_CHARS",
    "ALLOW_BACKSLASH_ESCAPING_ANY_CHARACTER",
    "ALLOW_NUMERIC_LEADING_ZEROS",
    "ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS",
    "ALLOW_LEADING_DECIMAL_POINT_FOR_NUMBERS",
    "ALLOW_TRAILING_DECIMAL_POINT_FOR_NUMBERS",
    "ALLOW_NON_NUMERIC_NUMBERS",
    "ALLOW_MISSING_VALUES",
    "ALLOW_TRAILING_COMMA",
    "STRICT_DUPLICATE_DETECTION",
    "IGNORE_UNDEFINED",
    "INCLUDE_SOURCE_IN_LOCATION",
    "USE_FAST_DOUBLE_PARSER",
    "USE_FAST_BIG_NUMBER_PARSER",
    "CLEAR_CURRENT_TOKEN_ON_CLOSE",
];

fn json<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    for (key, _) in object
        .get("featureSpec")
        .into_iter()
        .flat_map(Node::entries)
    {
        if !breaches.wants(Code::InvalidValue) {
            break;
        }
        let name = key.as_str().unwrap_or_default();
        if !FEATURES.contains(&&*name) {
            let message = format!("{} is no feature of Jackson's parser", quote(&name));
            let breach = Breach::new(Code::InvalidValue, key, message, REFUSES);
            breaches.push(
                match nearest(&name, FEATURES.into_iter(), breaches.effort) {
                    Some(near) => breach.instead(Instead::Name(near.name)),
                    None => breach,
                },
            );
        }
    }
    if object.is_true("assumeNewlineDelimited")
        && let Some(node) = object
            .get("useJsonNodeReader")
            .filter(|node| is_true(*node))
    {
        let message = "`useJsonNodeReader` cannot stand beside `assumeNewlineDelimited`";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

fn pattern<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    regex(object, "pattern", breaches);
}

fn kinesis<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let key = object.text("partitionKeyColumnName");
    if let (Some(key), Some(node)) = (key, object.get("timestampColumnName"))
        && node.as_str().as_deref() == Some(&*key)
    {
        let message = "`timestampColumnName` must differ from `partitionKeyColumnName`";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

/// Formats of `TimestampParser` that are no patterns; any case.
const TIMESTAMP_FORMATS: [&str; 7] = ["auto", "iso", "posix", "millis", "micro", "nano", "ruby"];

fn timestamp<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(node) = object.get("format") else {
        return;
    };
    let Some(text) = text(node) else {
        return;
    };
    if text.is_empty() {
        let message = "`format` must not be empty";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        return;
    }
    if TIMESTAMP_FORMATS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(&text))
    {
        return;
    }
    let meant = translated(&text);
    if let Some(letter) = unknown_letter(&text) {
        let message = format!("`{letter}` means nothing in a timestamp pattern of Joda-Time");
        let breach = Breach::new(Code::InvalidValue, node, message, REFUSES);
        breaches.push(match meant {
            Some(meant) => breach.instead(Instead::Text(meant.into())),
            None => breach,
        });
    } else if let Some(meant) = meant {
        let message = format!("{} is not what Druid calls it", quote(&text));
        let effect = "Druid takes it for a pattern of Joda-Time, and no time fits it";
        let breach = Breach::new(Code::TimestampPattern, node, message, effect);
        breaches.push(breach.instead(Instead::Text(meant.into())));
    } else if let Some((message, mended)) = doubtful(&text) {
        let effect = "Druid reads other times than were meant, or none, and the task succeeds";
        let breach = Breach::new(Code::TimestampPattern, node, message, effect);
        breaches.push(breach.instead(Instead::Text(mended.into())));
    }
}

/// What others call the formats of `TimestampParser`.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("ms", "millis"),
    ("millisecond", "millis"),
    ("milliseconds", "millis"),
    ("epoch_millis", "millis"),
    ("s", "posix"),
    ("second", "posix"),
    ("seconds", "posix"),
    ("unix", "posix"),
    ("epoch", "posix"),
    ("us", "micro"),
    ("micros", "micro"),
    ("microseconds", "micro"),
    ("ns", "nano"),
    ("nanos", "nano"),
    ("nanoseconds", "nano"),
    ("iso8601", "iso"),
    ("iso-8601", "iso"),
    ("iso_8601", "iso"),
    ("rfc3339", "iso"),
];

/// What `strftime` calls what Joda-Time calls otherwise.
const STRFTIME: &[(char, &str)] = &[
    ('Y', "yyyy"),
    ('y', "yy"),
    ('m', "MM"),
    ('d', "dd"),
    ('H', "HH"),
    ('I', "hh"),
    ('p', "a"),
    ('M', "mm"),
    ('S', "ss"),
    ('f', "SSSSSS"),
    ('z', "Z"),
    ('j', "DDD"),
    ('b', "MMM"),
    ('a', "EEE"),
];

/// A format of another language in Druid's words: a name, a pattern of `strftime`, or one with a
/// bare `T` or a zone as `java.time` writes it.
fn translated(format: &str) -> Option<String> {
    let is_name = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(format);
    if let Some((_, meant)) = OTHER_NAMES.iter().find(is_name) {
        return Some((*meant).to_owned());
    }
    let mut meant = String::new();
    let mut characters = format.chars();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        match character {
            '%' if !is_quoted => {
                let letter = characters.next()?;
                let (_, joda) = STRFTIME.iter().find(|(known, _)| *known == letter)?;
                meant.push_str(joda);
            }
            'T' if !is_quoted => meant.push_str("'T'"),
            'X' if !is_quoted && meant.ends_with('Z') => {}
            'X' if !is_quoted => meant.push('Z'),
            other => {
                is_quoted ^= other == '\'';
                meant.push(other);
            }
        }
    }
    let is_sound = unknown_letter(&meant).is_none() && doubtful(&meant).is_none();
    (meant != format && is_sound).then_some(meant)
}

/// The letters of a pattern, without what is quoted.
fn letters(pattern: &str) -> impl Iterator<Item = char> {
    let mut quoted = false;
    pattern.chars().filter(move |c| {
        if *c == '\'' {
            quoted = !quoted;
        }
        !quoted && c.is_ascii_alphabetic()
    })
}

/// A letter that `DateTimeFormat` does not know.
fn unknown_letter(pattern: &str) -> Option<char> {
    letters(pattern).find(|letter| !"GCYxwedEeyDMdaKhHkmsSzZ".contains(*letter))
}

/// Letters that exist and rarely mean what was meant, with the pattern that does.
fn doubtful(pattern: &str) -> Option<(&'static str, String)> {
    let has = |letter: char| letters(pattern).any(|other| other == letter);
    if has('D') && !has('d') && has('M') {
        let mended = pattern.replace('D', "d").replace('Y', "y");
        return Some((
            "`D` is the day of the year; the day of the month is `d`",
            mended,
        ));
    }
    if has('Y') && !has('C') {
        let mended = pattern.replace('Y', "y");
        return Some((
            "`Y` is the year of the era, which no other library means; the year is `y`",
            mended,
        ));
    }
    if has('m') && !has('M') && has('d') && has('y') {
        return Some((
            "`m` is the minute; the month is `M`",
            pattern.replacen("mm", "MM", 1),
        ));
    }
    if has('h') && !has('a') {
        return Some((
            "`h` is the hour of half a day and needs `a`; of 24 hours it is `H`",
            pattern.replace('h', "H"),
        ));
    }
    None
}

fn path<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(kind) = object.text("type") else {
        return;
    };
    let needed = match kind.to_ascii_lowercase().as_str() {
        "path" | "jq" => "expr",
        "tree" => "nodes",
        _ => return,
    };
    if get(object.node(), needed).is_none_or(|node| needed == "nodes" && is_blank(node)) {
        let message = format!("`{needed}` is missing: where the field comes from");
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
}

fn front_coded<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("formatVersion")
        && whole(node).is_some_and(|version| version != 0.0 && version != 1.0)
    {
        let message = "`formatVersion` is 0 or 1";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
    if let Some(node) = object.get("bucketSize")
        && whole(node)
            .is_some_and(|size| !(1.0..=65_536.0).contains(&size) || size.log2().fract() != 0.0)
    {
        let message = "`bucketSize` must be a power of two";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_patterns() {
        for (pattern, mended) in [
            ("yyyy-MM-dd HH:mm:ss", None),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSZ", None),
            ("hh:mm a", None),
            ("yyyyDDD", None),
            ("yyyy-DDD HH:mm", None),
            ("YYYY-MM-DD", Some("yyyy-MM-dd")),
            ("YYYY-MM-dd HH:mm", Some("yyyy-MM-dd HH:mm")),
            ("yyyy-mm-dd", Some("yyyy-MM-dd")),
            ("yyyy-MM-dd hh:mm", Some("yyyy-MM-dd HH:mm")),
        ] {
            let found = doubtful(pattern).map(|(_, mended)| mended);
            assert_eq!(found.as_deref(), mended, "{pattern}");
            assert_eq!(unknown_letter(pattern), None, "{pattern}");
        }
        for (format, meant) in [
            ("ms", Some("millis")),
            ("Unix", Some("posix")),
            ("ISO8601", Some("iso")),
            ("%Y-%m-%d %H:%M:%S", Some("yyyy-MM-dd HH:mm:ss")),
            ("%Y-%m-%dT%H:%M", Some("yyyy-MM-dd'T'HH:mm")),
            ("yyyy-MM-ddTHH:mm:ss", Some("yyyy-MM-dd'T'HH:mm:ss")),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", Some("yyyy-MM-dd'T'HH:mm:ssZ")),
            ("%q", None),
            ("yyyy-MM-dd'T'HH:mm:ss", None),
        ] {
            assert_eq!(translated(format).as_deref(), meant, "{format}");
        }
        assert_eq!(unknown_letter("yyyy-MM-dd u"), Some('u'));
        assert_eq!(unknown_letter("'T'yyyy 'foo'"), None);
    }
}
