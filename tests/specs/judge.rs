//! One helper touches the API; the tests are tables.

use bytes::Bytes;

use overgate::druid::DruidVersion;
use overgate::finding::{Code, Finding, Levels, Severity};
use overgate::json::{Document, Limits};
use overgate::route::SpecKind;
use overgate::schema::SchemaSet;

/// The schemas of a release, at the default levels.
pub(crate) fn schemas(version: &str) -> SchemaSet {
    let version: DruidVersion = version.parse().expect("a release");
    SchemaSet::load(version, Levels::default()).expect("the embedded types can be used")
}

/// What the schemas say of a text; a text that is no document has the one finding that says so.
pub(crate) fn judge(schemas: &SchemaSet, text: &[u8], kind: SpecKind) -> Vec<Finding> {
    match Document::read(Bytes::copy_from_slice(text), &Limits::default()) {
        Ok(document) => schemas.check(&document, kind),
        Err(invalid) => vec![Finding::invalid(&invalid, text)],
    }
}

/// Does the finding say that Druid passes a property over?
pub(crate) fn says_dropped(finding: &Finding) -> bool {
    matches!(
        finding.code,
        Code::MisspelledField
            | Code::MisplacedField
            | Code::UnknownField
            | Code::RemovedField
            | Code::NewerField
    )
}

/// Does it say that Druid refuses, or would without an extension?
pub(crate) fn says_refused(finding: &Finding) -> bool {
    let refuses = finding.effect.as_deref() == Some("Druid refuses the spec");
    refuses
        || finding.code == Code::UnknownType
        || finding.severity == Severity::Error && !says_dropped(finding)
}

/// A finding in a line.
pub(crate) fn line(finding: &Finding) -> String {
    let suggestion = finding.suggestion.as_ref();
    let suggestion = suggestion.map_or(String::new(), |suggestion| {
        format!(" => {} at {}", suggestion.text, suggestion.pointer)
    });
    format!(
        "{} {}: {}{suggestion}",
        finding.code, finding.pointer, finding.message
    )
}
