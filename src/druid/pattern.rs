//! Patterns over datasource names: `wiki*`.

use std::fmt;
use std::str::FromStr;

use super::DataSource;

/// Text that is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pattern is a datasource's name in which `*` stands for any characters")]
pub struct InvalidPattern;

/// A name in which every `*` stands for any characters, none included. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DataSourcePattern {
    text: String,
}

impl DataSourcePattern {
    /// Does it match every name there is?
    pub fn matches_all(&self) -> bool {
        self.text.bytes().all(|byte| byte == b'*')
    }

    /// What stands before its first star, and after its last. Without a star it stands before all.
    pub(super) fn ends(&self) -> (&str, Option<&str>) {
        match self.text.split_once('*') {
            None => (&self.text, None),
            Some((before, rest)) => {
                let after = rest.rsplit_once('*').map_or(rest, |(_, after)| after);
                (before, Some(after))
            }
        }
    }

    /// Does it match this name?
    pub fn matches(&self, datasource: &DataSource) -> bool {
        matches_pattern(&self.text, datasource.as_str())
    }
}

/// Does a pattern, in which every `*` stands for any characters, match this name? Takes time linear
/// in the name for each `*`, never more.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // Each part at its first place leaves the most room for those that follow.
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some(at) = name.find(part) else {
            return false;
        };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    name.ends_with(last)
}

impl FromStr for DataSourcePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<DataSourcePattern, InvalidPattern> {
        // What could never match a name is a mistake. Every star may stand for nothing, but a first
        // one may have to stand for something: `*.daily` matches no `.daily`, which is no name.
        let without = text.replace('*', "");
        let shortest = match (text.starts_with('*'), without.as_str()) {
            (true, "") => "a".to_owned(),
            (true, rest) if rest.starts_with('.') => format!("a{rest}"),
            (true | false, rest) => rest.to_owned(),
        };
        if shortest.parse::<DataSource>().is_ok() {
            Ok(DataSourcePattern {
                text: text.to_owned(),
            })
        } else {
            Err(InvalidPattern)
        }
    }
}

impl fmt::Display for DataSourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases: &[(&str, &str, bool)] = &[
            ("wiki", "wiki", true),
            ("wiki", "wikipedia", false),
            ("wiki*", "wiki", true),
            ("wiki*", "wikipedia", true),
            ("wiki*", "a_wiki", false),
            ("*wiki", "a_wiki", true),
            ("*wiki", "wiki_a", false),
            ("*", "anything", true),
            ("**", "anything", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "axxbxxc", true),
            ("a*b*c", "axxc", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*ab*b", "aab", false),
            ("a*ab*b", "aabb", true),
            ("Wiki*", "wikipedia", false),
            ("*.daily", "wiki.daily", true),
            ("*.daily", "wiki.hourly", false),
            ("größe*", "größer", true),
        ];
        for (pattern, name, expected) in cases {
            let parsed: DataSourcePattern = pattern.parse().expect("a pattern");
            let name: DataSource = name.parse().expect("a name");
            assert_eq!(parsed.matches(&name), *expected, "{pattern} {name}");
        }
    }

    #[test]
    fn only_stars_match_all() {
        for (pattern, all) in [("*", true), ("***", true), ("a*", false), ("*a", false)] {
            let parsed: DataSourcePattern = pattern.parse().expect("a pattern");
            assert_eq!(parsed.matches_all(), all, "{pattern}");
        }
    }

    #[test]
    fn what_no_name_can_match_is_refused() {
        for bad in ["", "a/b*", "a\n*", ".a*", ".*", "*/", "*./a"] {
            assert!(bad.parse::<DataSourcePattern>().is_err(), "{bad:?}");
        }
    }
}
