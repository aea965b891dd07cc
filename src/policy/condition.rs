//! What a grant asks of a spec: its type, and what it reads from outside of Druid.

use std::borrow::Cow;
use std::sync::Arc;

use crate::druid::matches_pattern;
use crate::spec::{Input, Place, Spec};

/// Inputs of one type that a spec may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRule {
    /// The input source's type; of a stream its supervisor's.
    pub type_id: Arc<str>,
    /// Patterns of hosts, in small letters; `None`: any.
    pub hosts: Option<Vec<String>>,
    /// Patterns of buckets, likewise.
    pub buckets: Option<Vec<String>>,
    /// What paths begin with, up to a slash, likewise.
    pub prefixes: Option<Vec<String>>,
}

/// Inputs whose host is their cloud's, unless they name another.
const OF_CLOUDS: [&str; 5] = ["s3", "google", "azure", "azureStorage", "oss"];

/// How often a path may be decoded before it says what it is.
const MOST_DECODINGS: usize = 3;

/// A condition that a spec does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// Its type must be named in `task_types`.
    Type(String),
    /// Nothing in `inputs` allows this.
    Input {
        /// The input's type.
        type_id: String,
        /// The first host, bucket or path that no list covers; `None`: the type, or something in it
        /// that is not understood.
        place: Option<String>,
    },
    /// Not all that it does can be told.
    Opaque(crate::spec::Opaque),
}

impl InputRule {
    /// Does it allow this input? If not: what it does not cover.
    fn allows(&self, input: &Input) -> Result<(), Option<String>> {
        let Input {
            type_id,
            hosts,
            buckets,
            paths,
            is_told,
        } = input;
        if !is_told && !self.is_unbounded() {
            return Err(None);
        }
        // A bucket's own host is its cloud's; one that is named takes a list of its own.
        match (&self.hosts, hosts.as_slice()) {
            (None, [first, ..]) if !self.is_unbounded() && OF_CLOUDS.contains(&&**type_id) => {
                return Err(Some(first.clone()));
            }
            (Some(_), []) if OF_CLOUDS.contains(&&**type_id) => {}
            (patterns, hosts) => named(patterns.as_deref(), hosts)?,
        }
        named(self.buckets.as_deref(), buckets)?;
        let Some(prefixes) = &self.prefixes else {
            return Ok(());
        };
        let outside = |place: &&Place| !prefixes.iter().any(|prefix| is_below(prefix, place));
        match paths.iter().find(outside) {
            Some(place) => Err(Some(place.text.clone())),
            // A list was given, and the input does not say where it reads.
            None if paths.is_empty() => Err(None),
            None => Ok(()),
        }
    }

    fn is_unbounded(&self) -> bool {
        self.hosts.is_none() && self.buckets.is_none() && self.prefixes.is_none()
    }
}

/// Is each of these covered by a pattern?
fn named(patterns: Option<&[String]>, names: &[String]) -> Result<(), Option<String>> {
    let Some(patterns) = patterns else {
        return Ok(());
    };
    let covered = |name: &&String| {
        !patterns
            .iter()
            .any(|pattern| matches_pattern(pattern, name))
    };
    match names.iter().find(covered) {
        Some(name) => Err(Some(name.clone())),
        None if names.is_empty() => Err(None),
        None => Ok(()),
    }
}

/// Is the place below a prefix? `/data/wiki` and `/data/wiki/` cover `/data/wiki/x`, neither covers
/// `/data/wikipedia`, and nothing covers a path that climbs.
fn is_below(prefix: &str, place: &Place) -> bool {
    let folder = prefix.strip_suffix('/').unwrap_or(prefix);
    let Some(rest) = place.text.strip_prefix(folder) else {
        return false;
    };
    let is_inside = rest.starts_with('/');
    let is_it = rest.is_empty() && !prefix.ends_with('/') && !place.is_prefix;
    !prefix.is_empty() && (is_inside || is_it) && !climbs(&place.text)
}

/// Is there a `..` among the parts of a path, however it is written? What is encoded more often than
/// anybody would counts as one: who decodes how often is not known.
fn climbs(path: &str) -> bool {
    let mut path = Cow::Borrowed(path);
    for _ in 0..MOST_DECODINGS {
        let Some(decoded) = decoded(&path) else {
            return path.split(['/', '\\']).any(is_parent);
        };
        path = Cow::Owned(decoded);
    }
    true
}

/// Some servers take a part up to a semicolon, some readers cut blanks away.
fn is_parent(part: &str) -> bool {
    let name = part.split(';').next().unwrap_or_default();
    name.trim_matches(|character: char| character <= ' ') == ".."
}

/// A path without the percent signs before a dot, a slash, a backslash and a percent sign; `None`:
/// there are none.
fn decoded(path: &str) -> Option<String> {
    let mut decoded = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        let character = match after.as_bytes() {
            [b'2', b'e' | b'E', ..] => Some('.'),
            [b'2', b'f' | b'F', ..] => Some('/'),
            [b'2', b'5', ..] => Some('%'),
            [b'5', b'c' | b'C', ..] => Some('\\'),
            [b'3', b'b' | b'B', ..] => Some(';'),
            _ => None,
        };
        decoded.push_str(before);
        decoded.push(character.unwrap_or('%'));
        rest = match character {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    decoded.push_str(rest);
    (decoded != path).then_some(decoded)
}

/// Does the spec meet the conditions of a grant with these lists?
pub(super) fn meets(
    task_types: Option<&[Arc<str>]>,
    inputs: &[InputRule],
    spec: &Spec,
) -> Result<(), Unmet> {
    let is_named = match task_types {
        Some(types) => types.iter().any(|named| **named == *spec.type_id),
        None => spec.effects.is_plain,
    };
    if !is_named {
        return Err(Unmet::Type(spec.type_id.clone()));
    }
    for input in &spec.effects.inputs {
        let mut refusal = Some(None);
        for rule in inputs.iter().filter(|rule| *rule.type_id == *input.type_id) {
            match rule.allows(input) {
                Ok(()) => {
                    refusal = None;
                    break;
                }
                Err(place) => refusal = Some(place),
            }
        }
        if let Some(place) = refusal {
            return Err(Unmet::Input {
                type_id: input.type_id.clone(),
                place,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_prefixes() {
        for (prefix, path, is_prefix, expected) in [
            ("/data/wiki", "/data/wiki", false, true),
            ("/data/wiki", "/data/wiki/x.json", false, true),
            ("/data/wiki", "/data/wikipedia", false, false),
            ("/data/wiki/", "/data/wiki/x", false, true),
            ("/data/wiki/", "/data/wiki", false, false),
            ("/data/wiki", "/data", false, false),
            ("/data/wiki", "/data/wiki/../ads/x", false, false),
            ("/data/wiki", "/data/wiki/..", false, false),
            ("/data/wiki", "/data/wiki/%2e%2e/ads", false, false),
            ("/data/wiki", "/data/wiki/%252E./ads", false, false),
            ("/data/wiki", "/data/wiki%2f..%2fads", false, false),
            ("/data/wiki", "/data/wiki/a\\..\\b", false, false),
            ("/data/wiki", "/data/wiki/a..b", false, true),
            ("/data/wiki", "/data/wiki/.. ", false, false),
            ("/data/wiki", "/data/wiki/..;/ads", false, false),
            ("/data/wiki", "/data/wiki/..%3b/ads", false, false),
            ("/data/wiki", "/data/wiki/%25252e/x", false, false),
            ("/data/wiki", "/data/wiki/100%/x%20y", false, true),
            ("raw/", "raw/x", false, true),
            ("raw", "raw/wiki", true, true),
            ("raw/wiki", "raw/wiki", true, false),
            ("raw/wiki", "raw/wiki/", true, true),
            ("", "x", false, false),
            ("", "", false, false),
            ("/", "/x", false, true),
        ] {
            let place = Place {
                text: path.to_owned(),
                is_prefix,
            };
            assert_eq!(
                is_below(prefix, &place),
                expected,
                "{prefix} {path} {is_prefix}"
            );
        }
    }
}
