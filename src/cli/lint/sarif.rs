//! For code scanning: SARIF 2.1.0, with a fix where there is one.

use serde_json::{Value, json};

use super::{Judged, Tell, Totals, help};
use crate::finding::{CODES, CodeRow, Edit, Finding, Severity};
use crate::json::{Document, Limits};

/// SARIF.
pub(super) struct Sarif {
    /// Paths below it are told from it: a repository's files, whatever the machine.
    folder: String,
}

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

impl Sarif {
    pub(super) fn new() -> Sarif {
        let folder = std::env::current_dir().unwrap_or_default();
        Sarif {
            folder: folder.to_string_lossy().into_owned(),
        }
    }

    /// A file's name as a URI reference (RFC 3986).
    fn uri(&self, shown: &str) -> String {
        let below = shown
            .strip_prefix(&self.folder)
            .and_then(|rest| rest.strip_prefix('/'));
        let path = match (shown, below) {
            ("<stdin>", _) => "stdin",
            (_, Some(below)) => below,
            (other, None) => other,
        };
        let mut uri = String::new();
        if path.starts_with('/') {
            uri.push_str("file://");
        }
        for byte in path.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    uri.push(char::from(byte));
                }
                other => uri.push_str(&format!("%{other:02X}")),
            }
        }
        uri
    }

    fn result(&self, finding: &Finding, uri: &str, document: Option<&Document>) -> Value {
        let help = help(finding);
        let mut text = finding.message.clone();
        for more in [&finding.effect, &help].into_iter().flatten() {
            text.push_str(&format!("; {more}"));
        }
        let region = json!({
            "startLine": finding.line,
            "startColumn": finding.column,
            "endLine": finding.end_line,
            "endColumn": finding.end_column,
        });
        let mut result = json!({
            "ruleId": finding.code,
            "ruleIndex": CODES.iter().position(|row| row.code == finding.code),
            "level": level(finding.severity),
            "message": {"text": text},
            "locations": [{
                "physicalLocation": {"artifactLocation": {"uri": uri}, "region": region},
                "logicalLocations": [{"fullyQualifiedName": finding.pointer}],
            }],
        });
        if let (Some(edit), Some(document)) = (&finding.edit, document) {
            let words = help.unwrap_or_else(|| "write it so".to_owned());
            result["fixes"] = json!([{
                "description": {"text": words},
                "artifactChanges": [{
                    "artifactLocation": {"uri": uri},
                    "replacements": [replacement(edit, document)],
                }],
            }]);
        }
        result
    }
}

fn replacement(edit: &Edit, document: &Document) -> Value {
    let from = document.position(edit.span.start);
    let to = document.position(edit.span.end);
    json!({
        "deletedRegion": {
            "startLine": from.line,
            "startColumn": from.column,
            "endLine": to.line,
            "endColumn": to.column,
        },
        "insertedContent": {"text": edit.text},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rule(row: &CodeRow) -> Value {
    let CodeRow {
        code,
        severity,
        meaning,
        effect,
        example,
    } = row;
    json!({
        "id": code,
        "shortDescription": {"text": meaning},
        "fullDescription": {"text": format!("{meaning} What Druid does: {effect}.")},
        "help": {"text": format!("For example: {example}")},
        "defaultConfiguration": {"level": level(*severity)},
    })
}

impl Tell for Sarif {
    fn first(&self) -> String {
        let driver = json!({
            "name": "overgate",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": CODES.iter().map(rule).collect::<Vec<Value>>(),
        });
        format!(
            "{{\"$schema\": \"{SCHEMA}\", \"version\": \"2.1.0\", \"runs\": [{{\n\
             \"tool\": {{\"driver\": {driver}}},\n\
             \"columnKind\": \"unicodeCodePoints\",\n\"results\": [\n"
        )
    }

    fn file(&self, judged: &Judged<'_>) -> Vec<String> {
        let findings = || judged.reports.iter().flat_map(|report| &report.findings);
        let uri = self.uri(judged.shown);
        // For the places of the changes; what has one was read before, within narrower limits.
        let document = findings()
            .any(|finding| finding.edit.is_some())
            .then(|| {
                let limits = Limits {
                    depth: usize::MAX,
                    values: usize::MAX,
                };
                Document::read(judged.bytes.clone(), &limits).ok()
            })
            .flatten();
        let result = |finding| self.result(finding, &uri, document.as_ref()).to_string();
        findings().map(result).collect()
    }

    fn between(&self) -> &'static str {
        ",\n"
    }

    fn last(&self, totals: &Totals) -> String {
        let all_read = totals.unreadable == 0;
        format!("\n],\n\"invocations\": [{{\"executionSuccessful\": {all_read}}}]\n}}]}}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_uris() {
        let sarif = Sarif {
            folder: "/home/me".to_owned(),
        };
        for (shown, uri) in [
            ("specs/wiki.json", "specs/wiki.json"),
            ("a b/ä%.json", "a%20b/%C3%A4%25.json"),
            ("/home/me/specs/a.json", "specs/a.json"),
            ("/home/meg/a#.json", "file:///home/meg/a%23.json"),
            ("../a.json", "../a.json"),
            ("<stdin>", "stdin"),
        ] {
            assert_eq!(sarif.uri(shown), uri);
        }
    }
}
