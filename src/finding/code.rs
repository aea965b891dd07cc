//! The one table of codes.

use std::fmt;

use serde::{Serialize, Serializer};

/// How bad a finding is, unless the configuration says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Probably not what was meant.
    Warning,
    /// Refused.
    Error,
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $meaning:literal,)*) => {
        /// What kind of finding it is: a stable name that configurations and scripts rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        /// All codes with their severity and meaning, in the manual's order.
        pub const CODES: &[(Code, Severity, &str)] = &[
            $((Code::$variant, Severity::$severity, $meaning),)*
        ];

        impl Code {
            /// Its name, in kebab case.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// How bad it is by default.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    InvalidJson "invalid-json" Error "The body is no JSON (RFC 8259).",
    NotUtf8 "not-utf8" Error "The body is not UTF-8, or begins with a byte order mark.",
    TrailingText "trailing-text" Error "Something follows the JSON value.",
    DuplicateKey "duplicate-key" Error "A key stands twice in one object.",
    EmptyKey "empty-key" Error "A key is empty.",
    ForbiddenCharacter "forbidden-character" Error "A string holds U+0000 or half of a surrogate pair.",
    TooDeep "too-deep" Error "Arrays and objects are nested too deeply.",
    TooManyValues "too-many-values" Error "The document has more values than allowed.",
    TooLong "too-long" Error "A key or a number is longer than Druid's newer releases read.",
    WrongType "wrong-type" Error "A value has the wrong JSON type.",
    MissingField "missing-field" Error "A field that Druid requires is missing.",
    InvalidName "invalid-name" Error "A name or an id breaks the rule for names.",
    WrapperArray "wrapper-array" Error "An object is written as an array of its type and its fields.",
    JvmContextKey "jvm-context-key" Error "A context key beginning with `druid.` becomes a property of the task's JVM.",
    ConflictingDatasource "conflicting-datasource" Error "A spec names two different datasources where Druid reads one.",
    NoopSupervisor "noop-supervisor" Error "A `NoopSupervisorSpec` replaces whatever supervisor has its id.",
    ReservedId "reserved-id" Error "A supervisor's id begins with a prefix that Druid gives out itself.",
    InvalidValue "invalid-value" Error "A value is not one that the schema allows.",
    UnknownType "unknown-type" Warning "The type is none that this version of Druid has by itself.",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique() {
        let mut names = std::collections::BTreeSet::new();
        for (code, _, meaning) in CODES {
            let name = code.name();
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
            assert!(names.insert(name), "{name} stands twice");
            assert!(meaning.ends_with('.'), "{name}");
        }
    }
}
