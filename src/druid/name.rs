//! Names of datasources, tasks and supervisors.
//!
//! Druid's own rule (`IdUtils.validateId`) is not applied to every name by Druid: a `noop` or a
//! `kill` may name any datasource. Here one rule holds for all, a little stricter than Druid's:
//! what it refuses cannot be stored, cannot be addressed by a path, or looks like another name.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The metadata store's columns hold so many characters (run on Druid 28.0.0: longer is a 500).
const LONGEST: usize = 255;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing.
    #[error("a name is not empty")]
    Empty,
    /// More than 255 characters.
    #[error("a name has at most 255 characters")]
    TooLong,
    /// Begins with a full stop: Druid refuses it, and `.` and `..` are path segments.
    #[error("a name does not begin with a full stop")]
    LeadingDot,
    /// A slash or backslash.
    #[error("a name has no slash and no backslash")]
    Slash,
    /// A control character, a line break, a space other than U+0020, or one outside the Basic
    /// Multilingual Plane.
    #[error(
        "a name has no control characters, no white space but the space, and none of the characters that Druid refuses"
    )]
    Character,
}

/// Checks `text` against the rule that all names share.
fn check(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    if text.starts_with('.') {
        return Err(InvalidName::LeadingDot);
    }
    // What nearly every name is made of. To the end, so that the compiler looks at many bytes at a
    // time.
    let is_usual =
        |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_' | b'.' | b':');
    match text.len() <= LONGEST && text.bytes().fold(true, |is, byte| is & is_usual(byte)) {
        true => Ok(()),
        false => check_characters(text),
    }
}

fn check_characters(text: &str) -> Result<(), InvalidName> {
    for (index, character) in text.chars().enumerate() {
        if index >= LONGEST {
            return Err(InvalidName::TooLong);
        }
        match character {
            '/' | '\\' => return Err(InvalidName::Slash),
            ' ' => {}
            // `IdUtils` refuses U+0001 to U+001E, U+0080 to U+009E, U+D801 to U+F8FE and U+FFF1 to
            // U+FFFE; the ends that it lets slip (U+0000, U+001F, U+007F ...) are refused here too.
            _ if character.is_control() || character.is_whitespace() => {
                return Err(InvalidName::Character);
            }
            '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}' | '\u{feff}' | '\u{10000}'.. => {
                return Err(InvalidName::Character);
            }
            // Marks that change the direction of what a person reads around them.
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => {
                return Err(InvalidName::Character);
            }
            _ => {}
        }
    }
    Ok(())
}

macro_rules! name {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<$name, InvalidName> {
                check(text).map(|()| $name(text.into()))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;

            fn try_from(text: &str) -> Result<$name, InvalidName> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for Arc<str> {
            fn from(name: $name) -> Arc<str> {
                name.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// A datasource's name: what permissions and quotas hang on.
    DataSource
}
name! {
    /// A task's id.
    TaskId
}
name! {
    /// A supervisor's id.
    SupervisorId
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is passed without a closer look would pass it.
        #[test]
        fn what_is_usual_is_a_name(text in "[a-zA-Z0-9:_-][a-zA-Z0-9:_./\u{1} \u{e9}-]{0,300}") {
            prop_assert_eq!(check(&text), check_characters(&text));
        }
    }

    #[test]
    fn names_that_druid_can_store_and_address() {
        let longest = "a".repeat(255);
        for good in [
            "wikipedia",
            "a",
            "0",
            "index_parallel_wiki_iajoonnd_2023-07-07T17:53:12.174Z",
            "query-52as 8aafe-7265-4427-89fe-dc51275cc470",
            "a%b+c:d&e'f",
            "größe",
            "日本",
            "a..b",
            "a;x",
            &longest,
        ] {
            assert_eq!(
                good.parse::<DataSource>()
                    .map(|name| name.to_string())
                    .as_deref(),
                Ok(good)
            );
        }
    }

    #[test]
    fn names_that_mean_trouble() {
        let long = "a".repeat(256);
        let cases = [
            ("", InvalidName::Empty),
            (".", InvalidName::LeadingDot),
            ("..", InvalidName::LeadingDot),
            (".hidden", InvalidName::LeadingDot),
            ("a/b", InvalidName::Slash),
            ("a\\b", InvalidName::Slash),
            ("a\nb", InvalidName::Character),
            ("a\0", InvalidName::Character),
            ("a\u{1f}", InvalidName::Character),
            ("a\u{7f}", InvalidName::Character),
            ("a\u{9f}", InvalidName::Character),
            ("a\u{a0}b", InvalidName::Character),
            ("a\u{2028}b", InvalidName::Character),
            ("a\u{202e}b", InvalidName::Character),
            ("a\u{fffd}", InvalidName::Character),
            ("😀", InvalidName::Character),
            (&long, InvalidName::TooLong),
        ];
        for (bad, error) in cases {
            assert_eq!(bad.parse::<TaskId>(), Err(error), "{bad:?}");
        }
    }
}
