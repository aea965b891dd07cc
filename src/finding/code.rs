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
    ($($variant:ident $name:literal $severity:ident $meaning:literal $effect:literal $example:literal,)*) => {
        /// What kind of finding it is: a stable name that configurations and scripts rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        /// All codes, in the manual's order.
        pub const CODES: &[CodeRow] = &[
            $(CodeRow {
                code: Code::$variant,
                severity: Severity::$severity,
                meaning: $meaning,
                effect: $effect,
                example: $example,
            },)*
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

/// A row of the table of codes.
#[derive(Debug, Clone, Copy)]
pub struct CodeRow {
    /// Which code.
    pub code: Code,
    /// How bad, unless the configuration says otherwise.
    pub severity: Severity,
    /// What it means, a sentence.
    pub meaning: &'static str,
    /// What Druid does with it.
    pub effect: &'static str,
    /// A piece of a document that has it.
    pub example: &'static str,
}

codes! {
    MalformedJson "malformed-json" Error "The body is no JSON (RFC 8259)." "Answers 400 or 500" "{\"type\": }",
    AmbiguousEncoding "ambiguous-encoding" Error "The body is not UTF-8, or begins with a byte order mark." "Guesses the encoding, and reads another text" "UTF-16",
    TrailingText "trailing-text" Error "Something follows the JSON value." "Ignores it" "{…} {…}",
    DuplicateKey "duplicate-key" Error "A key stands twice in one object." "Takes the first `type`, the last of any other key" "{\"id\": \"a\", \"id\": \"b\"}",
    EmptyKey "empty-key" Error "A key is empty." "Older releases inject values under it" "{\"\": true}",
    ForbiddenCharacter "forbidden-character" Error "A string holds U+0000 or half of a surrogate pair." "Stores another text" "\"\\ud800\"",
    TooDeep "too-deep" Error "Arrays and objects are nested too deeply." "Overflows its stack at some 1,000 levels" "[[[…]]]",
    TooManyValues "too-many-values" Error "The document has more values than the budget of the check allows." "Spends memory and time" "[1, 1, …]",
    TooComplex "too-complex" Error "Checking the document takes more steps than the budget of the check allows." "Spends time" "{\"a1\": 1, \"a2\": 2, …}",
    TooLong "too-long" Error "A key or a number is longer than Druid's newer releases read." "Answers 400" "1e99999",
    WrongType "wrong-type" Error "A value has the wrong JSON type." "Answers 400" "\"intervals\": \"2020/2021\"",
    MissingField "missing-field" Error "A field that Druid requires is missing." "Answers 400" "{\"type\": \"kill\", \"dataSource\": \"a\"}",
    MisspelledField "misspelled-field" Error "A field has a name that nothing reads, and one that is read comes near." "Ignores it" "\"maxRowsPerSegmnet\": 5",
    MisplacedField "misplaced-field" Error "A field stands where nothing reads it, and belongs elsewhere." "Ignores it" "{\"spec\": {…}, \"tuningConfig\": {…}}",
    UnknownField "unknown-field" Error "A field has a name that nothing reads." "Ignores it" "\"comment\": \"…\"",
    RemovedField "removed-field" Error "A field that earlier releases read." "Ignores it" "\"markAsUnused\": true",
    NewerField "newer-field" Error "A field that only later releases read." "Ignores it" "\"projections\": []",
    IgnoredField "ignored-field" Warning "A field that Druid prints or knows, and never reads." "Ignores it" "{\"type\": \"csv\", \"delimiter\": \";\"}",
    MismatchedType "mismatched-type" Error "The type exists, but not in this place." "Answers 400" "\"tuningConfig\": {\"type\": \"realtime\"}",
    UnknownType "unknown-type" Warning "The type is none that this release of Druid or its known extensions have." "Answers 400, or takes a default in silence" "\"inputFormat\": {\"type\": \"jsonl\"}",
    InvalidValue "invalid-value" Error "A value is not one that Druid reads." "Answers 400" "\"segmentGranularity\": \"P1D\"",
    MisreadValue "misread-value" Warning "Druid reads the value as something else than it says." "Takes the other value in silence" "\"taskDuration\": 3600",
    ConflictingFields "conflicting-fields" Error "Fields contradict each other." "Answers 400" "\"numShards\": 2, \"targetRowsPerSegment\": 5",
    InvalidName "invalid-name" Error "A name or an id breaks the rule for names." "Answers 400" "\"dataSource\": \"a/b\"",
    WrapperArray "wrapper-array" Error "An object is written as an array of its type and its fields." "Reads it as the object" "[\"noop\", {}]",
    JvmContextKey "jvm-context-key" Error "A context key beginning with `druid.` becomes a property of the task's JVM." "Starts the task with it" "\"druid.indexer.runner.javaOpts\": \"…\"",
    MaskedSecret "masked-secret" Error "A value is the mask that the gateway puts over a secret in what it shows." "Would overwrite the secret with it" "\"password\": \"<masked by overgate>\"",
    ConflictingDatasource "conflicting-datasource" Error "A spec names two different datasources where Druid reads one." "Takes the one in `spec`" "{\"spec\": {…}, \"dataSchema\": {…}}",
    NoopSupervisor "noop-supervisor" Error "A `NoopSupervisorSpec` replaces whatever supervisor has its id." "Stops that supervisor" "{\"type\": \"NoopSupervisorSpec\"}",
    ReservedId "reserved-id" Error "A supervisor's id begins with a prefix that Druid gives out itself." "Replaces Druid's own supervisor" "\"id\": \"autocompact__a\"",
    JavascriptFunction "javascript-function" Error "JavaScript, which Druid runs only where its operator has turned it on." "Refuses the spec, or runs the code" "{\"type\": \"javascript\", …}",
    FinerSegments "finer-segments" Warning "The segment granularity is finer than the query granularity." "Accepts it; allocation fails later, streams retry for ever" "\"segmentGranularity\": \"hour\", \"queryGranularity\": \"day\"",
    UnalignedInterval "unaligned-interval" Warning "An interval does not begin and end where segments do." "Widens it to whole segments, and replaces those" "\"intervals\": [\"2020-01-01T12:00/P1D\"], \"segmentGranularity\": \"DAY\"",
    OverwriteWithoutIntervals "overwrite-without-intervals" Warning "A batch task replaces data and does not say of which intervals." "Replaces every time chunk that any row falls into" "\"appendToExisting\": false",
    DropExisting "drop-existing" Warning "The task drops what it does not rewrite." "Replaces it by tombstones" "\"dropExisting\": true",
    OffsetReset "offset-reset" Warning "The supervisor skips data when its offsets are gone." "Loses data in silence" "\"resetOffsetAutomatically\": true",
    RejectionPeriod "rejection-period" Warning "Rows are rejected by their time within a window that is narrower than a task." "Drops rows in silence" "\"earlyMessageRejectionPeriod\": \"PT1M\"",
    TimestampPattern "timestamp-pattern" Warning "A letter of the timestamp pattern rarely means what is written." "Reads other times, or none" "\"format\": \"YYYY-MM-DD\"",
    UnusedTransform "unused-transform" Warning "A transform's result is neither a dimension nor used." "Computes it and drops it" "\"transforms\": [{\"name\": \"a\", …}]",
    ImplicitDimensions "implicit-dimensions" Warning "No dimension is named and discovery is not asked for." "Takes every field as a string" "\"dimensionsSpec\": {}",
    ContextText "context-text" Warning "A context value is a text where the task casts to a number or a boolean." "Fails when the task runs" "\"context\": {\"priority\": \"75\"}",
    LikelyContextKey "likely-context-key" Warning "A context key that nothing reads comes near one that is read." "Ignores it" "\"context\": {\"Priority\": 75}",
    UnreadFormat "unread-format" Warning "An input format stands beside a source that reads rows by itself." "Ignores it" "\"inputSource\": {\"type\": \"druid\"}, \"inputFormat\": {…}",
    SlowStart "slow-start" Info "The task runs in one piece." "Runs serially" "\"maxNumConcurrentSubTasks\": 1",
    LocalFiles "local-files" Info "The files are read on the worker, or on the Overlord when sampling." "Finds none, where the path is the author's" "\"inputSource\": {\"type\": \"local\"}",
    RollupWithoutCount "rollup-without-count" Info "Rows are rolled up, and nothing counts them." "Merges rows; their number is lost" "\"rollup\": true, \"metricsSpec\": []",
    ImplicitPartitions "implicit-partitions" Info "Partitions are hashed over all dimensions." "Rolls up less than it could" "\"partitionsSpec\": {\"type\": \"hashed\"}",
}

impl Code {
    /// Does it say that a body cannot be read or authorized with certainty? No configuration lets
    /// such a body pass.
    pub fn is_certain(self) -> bool {
        use Code::{
            AmbiguousEncoding, ConflictingDatasource, DuplicateKey, EmptyKey, ForbiddenCharacter,
            InvalidName, JvmContextKey, MalformedJson, MaskedSecret, NoopSupervisor, ReservedId,
            TooComplex, TooDeep, TooLong, TooManyValues, TrailingText, WrapperArray,
        };
        matches!(
            self,
            MalformedJson
                | AmbiguousEncoding
                | TrailingText
                | DuplicateKey
                | EmptyKey
                | ForbiddenCharacter
                | TooDeep
                | TooManyValues
                | TooComplex
                | TooLong
                | InvalidName
                | WrapperArray
                | JvmContextKey
                | MaskedSecret
                | ConflictingDatasource
                | NoopSupervisor
                | ReservedId
        )
    }

    /// The code of this name.
    pub fn named(name: &str) -> Option<Code> {
        let mut rows = CODES.iter().map(|row| row.code);
        rows.find(|code| code.name() == name)
    }
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
        for row in CODES {
            let name = row.code.name();
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
            assert!(names.insert(name), "{name} stands twice");
            assert!(row.meaning.ends_with('.'), "{name}");
            assert!(!row.effect.is_empty() && !row.example.is_empty(), "{name}");
            assert_eq!(row.severity, row.code.severity(), "{name}");
        }
    }
}
