//! Queries: keys that the endpoint knows, each at most once, decoded once, written anew.
//!
//! Druid takes the first of a repeated key, decodes keys (`data%73ource`), and does not split at
//! `;` (run on 28.0.0); so that nobody has to know, all of it is refused.

use super::endpoint::Endpoint;
use super::path::write_escaped;

/// The key of a dry run. The gateway's own; never sent upstream.
const DRY_RUN: &str = "dryRun";

/// A query whose keys the endpoint knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(&'static str, Option<String>)>,
    dry_run: bool,
}

/// Why a query is refused. Each is a 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedQuery {
    /// A key that this endpoint does not have.
    #[error("the endpoint has no such query parameter; it knows {}", list(known, *dry_run))]
    UnknownKey {
        /// The keys that Druid has for it.
        known: &'static [&'static str],
        /// Has it a dry run?
        dry_run: bool,
    },
    /// A key twice.
    #[error("the query parameter `{0}` stands twice")]
    Twice(&'static str),
    /// A character that must be escaped, an escape that is malformed, a control character.
    #[error("the query has a character or an escape that cannot be read in one way")]
    Malformed,
    /// A dry run of another kind than Kubernetes' only one.
    #[error("`dryRun` is `All` or absent")]
    DryRun,
}

fn list(known: &[&str], dry_run: bool) -> String {
    let keys: Vec<String> = known
        .iter()
        .chain(dry_run.then_some(&DRY_RUN))
        .map(|key| format!("`{key}`"))
        .collect();
    if keys.is_empty() {
        return "none".to_owned();
    }
    keys.join(", ")
}

impl Query {
    pub(super) fn parse(query: Option<&str>, endpoint: &Endpoint) -> Result<Query, MalformedQuery> {
        let mut parsed = Query::default();
        let Some(query) = query.filter(|query| !query.is_empty()) else {
            return Ok(parsed);
        };
        for pair in query.split('&') {
            let (key, value) = match pair.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (pair, None),
            };
            if key == DRY_RUN && endpoint.takes_dry_run() {
                if parsed.dry_run {
                    return Err(MalformedQuery::Twice(DRY_RUN));
                }
                if value != Some("All") {
                    return Err(MalformedQuery::DryRun);
                }
                parsed.dry_run = true;
                continue;
            }
            // Compared as written: an escaped key is refused as unknown.
            let Some(key) = endpoint.query.iter().find(|known| **known == key) else {
                return Err(MalformedQuery::UnknownKey {
                    known: endpoint.query,
                    dry_run: endpoint.takes_dry_run(),
                });
            };
            if parsed.pairs.iter().any(|(known, _)| known == key) {
                return Err(MalformedQuery::Twice(key));
            }
            let value = value.map(decode).transpose()?;
            parsed.pairs.push((key, value));
        }
        Ok(parsed)
    }

    /// A key's value; a key without `=` is the empty text, as Druid has it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// Is there any key but this one?
    pub(super) fn has_other_than(&self, key: &str) -> bool {
        self.pairs.iter().any(|(known, _)| *known != key)
    }

    /// Is the verdict all that is asked for?
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// What an old list's query is to `/tasks`, behind a first parameter. Both `n` and `max` are the
    /// most tasks to list: the smaller one holds.
    pub(super) fn write_filters(&self, target: &mut String) {
        let most = |key| self.get(key).map(|text| (text, text.parse::<u32>()));
        let n_is_most = match (most("n"), most("max")) {
            (Some((_, Ok(n))), Some((_, Ok(max)))) => n < max,
            (n, max) => n.is_some() && max.is_none(),
        };
        for (key, value) in &self.pairs {
            let name = match *key {
                "n" if n_is_most => "max",
                "max" if n_is_most => continue,
                "n" => continue,
                other => other,
            };
            write_pair(target, '&', name, value.as_deref());
        }
    }

    pub(super) fn write_to(&self, target: &mut String) {
        for (index, (key, value)) in self.pairs.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write_pair(target, separator, key, value.as_deref());
        }
    }
}

fn write_pair(target: &mut String, separator: char, key: &str, value: Option<&str>) {
    target.push(separator);
    target.push_str(key);
    if let Some(value) = value {
        target.push('=');
        write_escaped(target, value);
    }
}

/// Decodes a value once; `+` is a space, as Druid has it.
fn decode(raw: &str) -> Result<String, MalformedQuery> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$'()*+,:@/?".contains(&byte);
    if !raw.bytes().all(allowed) {
        return Err(MalformedQuery::Malformed);
    }
    let spaced = raw.replace('+', " ");
    let text = super::path::decode(&spaced).ok_or(MalformedQuery::Malformed)?;
    if text.chars().any(char::is_control) {
        return Err(MalformedQuery::Malformed);
    }
    Ok(text.into_owned())
}
