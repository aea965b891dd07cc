//! Is it well formed? JSON Schemas (2020-12) run on the document itself.
//!
//! The schemas are the outer form of tasks and supervisors, written by hand and embedded. A
//! document that is valid is decided by the fast form; only one that is not is walked for
//! findings. Nobody else sees the `jsonschema` crate.

mod representation;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};

use crate::finding::{Code, Finding, MOST, quote};
use crate::json::Document;
use crate::route::SpecKind;
use representation::Tape;

/// The schema that a task must keep, for editors and other validators.
pub const TASK: &str = include_str!("../../schemas/envelope/task.json");

/// The schema that a supervisor must keep.
pub const SUPERVISOR: &str = include_str!("../../schemas/envelope/supervisor.json");

/// The crate makes all errors of a document before it hands out the first: some 400 bytes each, so
/// 400 MB for two megabytes of body that are wrong throughout (measured). A document of more values
/// than this is told its first error only.
const LARGEST_WALKED: usize = 20_000;

/// The compiled schemas.
#[derive(Debug, Clone)]
pub struct SchemaSet {
    task: Validator<Tape>,
    supervisor: Validator<Tape>,
}

/// An embedded schema that does not compile: a mistake in this program.
#[derive(Debug, thiserror::Error)]
#[error("the schema {name} cannot be compiled: {reason}")]
pub struct SchemaError {
    name: &'static str,
    reason: String,
}

impl SchemaSet {
    /// Compiles the embedded schemas; some milliseconds.
    ///
    /// # Errors
    /// [`SchemaError`]
    pub fn load() -> Result<SchemaSet, SchemaError> {
        Ok(SchemaSet {
            task: compile("task", TASK)?,
            supervisor: compile("supervisor", SUPERVISOR)?,
        })
    }

    /// What is wrong with a document of that kind, at most [`MOST`] findings.
    pub fn check(&self, document: &Document, kind: SpecKind) -> Vec<Finding> {
        let validator = match kind {
            SpecKind::Task => &self.task,
            SpecKind::Supervisor => &self.supervisor,
            // The sampler is the operators' own; its form is Druid's business.
            SpecKind::Sampler => return Vec::new(),
        };
        if validator.is_valid(document.root()) {
            return Vec::new();
        }
        if document.len() > LARGEST_WALKED {
            let first = validator.validate(document.root()).err();
            return first.iter().map(|error| finding(document, error)).collect();
        }
        let mut findings: Vec<_> = validator
            .iter_errors(document.root())
            .take(MOST)
            .map(|error| finding(document, &error))
            .collect();
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings
    }
}

fn compile(name: &'static str, text: &str) -> Result<Validator<Tape>, SchemaError> {
    let failed = |reason: String| SchemaError { name, reason };
    let schema = serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
    jsonschema::options_for::<Tape>()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(&schema)
        .map_err(|error| failed(error.to_string()))
}

fn finding(document: &Document, error: &ValidationError<'_>) -> Finding {
    let pointer = error.instance_path().as_str();
    let node = document.find(pointer).unwrap_or_else(|| document.root());
    let name = pointer.rsplit('/').next().filter(|name| !name.is_empty());
    let subject = name.map_or_else(|| "The document".to_owned(), quote);
    let kind = error.kind();
    if let ValidationErrorKind::Type { kind } = kind {
        let wanted = match kind {
            TypeKind::Single(one) => article(*one).to_owned(),
            TypeKind::Multiple(several) => {
                let words: Vec<_> = several
                    .iter()
                    .map(article)
                    .filter(|word| *word != "null")
                    .collect();
                words.join(" or ")
            }
        };
        let message = format!("{subject} is {wanted}, not {}", node.kind().name());
        Finding::new(Code::WrongType, node, message).effect("Druid answers 400")
    } else if let ValidationErrorKind::Required { property } = kind {
        let property = property.as_str().unwrap_or_default();
        let message = format!("{} is missing", quote(property));
        Finding::new(Code::MissingField, node, message).effect("Druid answers 400")
    } else {
        // Everything else is told by its keyword; the value itself is never repeated.
        let keyword = kind.keyword();
        let message = format!("{subject} does not satisfy the schema's `{keyword}`");
        Finding::new(Code::InvalidValue, node, message)
    }
}

fn article(kind: jsonschema::JsonType) -> &'static str {
    match kind {
        jsonschema::JsonType::Null => "null",
        jsonschema::JsonType::Boolean => "a boolean",
        jsonschema::JsonType::Integer => "a whole number",
        jsonschema::JsonType::Number => "a number",
        jsonschema::JsonType::String => "a string",
        jsonschema::JsonType::Array => "an array",
        jsonschema::JsonType::Object => "an object",
    }
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::json::Limits;

    fn codes(kind: SpecKind, body: &str) -> Vec<String> {
        let document = Document::read(Bytes::copy_from_slice(body.as_bytes()), &Limits::default());
        let schemas = SchemaSet::load().expect("the embedded schemas compile");
        let findings = schemas.check(&document.expect("valid JSON"), kind);
        findings
            .iter()
            .map(|finding| format!("{} {}", finding.code, finding.pointer))
            .collect()
    }

    #[test]
    fn what_must_be_an_object_is_one() {
        let cases: &[(&str, &[&str])] = &[
            (r#"{"type":"noop"}"#, &[]),
            (r#"{"type":"noop","context":null}"#, &[]),
            (
                r#"{"type":"index","spec":{"dataSchema":{"dataSource":"a","metricsSpec":[]}}}"#,
                &[],
            ),
            (r#"{"type":"noop","context":[]}"#, &["wrong-type /context"]),
            (r#"{"type":"index","spec":[]}"#, &["wrong-type /spec"]),
            (
                r#"{"type":"index","spec":{"dataSchema":{"metricsSpec":{}},"ioConfig":"x"}}"#,
                &[
                    "wrong-type /spec/dataSchema/metricsSpec",
                    "wrong-type /spec/ioConfig",
                ],
            ),
            (r#"{"type":5}"#, &["wrong-type /type"]),
            (r#"{"type":""}"#, &["invalid-value /type"]),
            ("{}", &["missing-field "]),
        ];
        for (body, expected) in cases {
            let mut found = codes(SpecKind::Task, body);
            found.sort();
            assert_eq!(&found, expected, "{body}");
        }
    }

    #[test]
    fn a_finding_says_what_was_wanted_and_never_what_was_sent() {
        let body = r#"{"type":"noop","context":["hunter2"]}"#;
        let document = Document::read(Bytes::from(body), &Limits::default()).expect("valid");
        let findings = SchemaSet::load()
            .expect("compiles")
            .check(&document, SpecKind::Task);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "`context` is an object, not an array");
        assert_eq!((findings[0].line, findings[0].column), (1, 26));
    }

    #[test]
    fn at_most_twenty_findings() {
        let of = |count: usize| {
            let metrics = vec!["1"; count].join(",");
            format!(r#"{{"type":"index","spec":{{"dataSchema":{{"metricsSpec":[{metrics}]}}}}}}"#)
        };
        let found = codes(SpecKind::Task, &of(500));
        assert_eq!(found.len(), MOST);
        let first = "wrong-type /spec/dataSchema/metricsSpec/0";
        assert_eq!(found[0], first);
        assert_eq!(codes(SpecKind::Task, &of(LARGEST_WALKED)), [first]);
    }
}
