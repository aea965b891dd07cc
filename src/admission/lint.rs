//! The review of a file that nobody has submitted: every spec in it, and all that can be said of
//! each. The gateway's own judgement, except that it goes on where the gateway has seen enough.

use bytes::Bytes;

use crate::druid::DataSource;
use crate::finding::{Code, Finding, MOST, Severity};
use crate::json::{Document, Limits, Node};
use crate::route::SpecKind;
use crate::schema::SchemaSet;
use crate::spec::{Spec, Within, kind_of, mentions_druid, specs_in};

/// What was found in a spec.
#[derive(Debug)]
pub struct Report {
    /// Where in its file it stands: a JSON Pointer, empty for the whole.
    pub pointer: String,
    /// What it was judged as.
    pub kind: SpecKind,
    /// Its `type`, if it has one.
    pub type_id: Option<String>,
    /// The datasources that it writes, then those that it reads; none if that is in doubt.
    pub datasources: Vec<DataSource>,
    /// In the document's order.
    pub findings: Vec<Finding>,
}

/// Judges every spec in a file. Of what kind they are, they say themselves, unless somebody knows
/// better (`kind`). `None`: this is plainly no spec, and only who insists (`certain`) has it judged.
pub fn lint(
    body: &Bytes,
    kind: Option<SpecKind>,
    certain: bool,
    limits: &Limits,
    schemas: &SchemaSet,
) -> Option<Vec<Report>> {
    let document = match Document::read(body.clone(), limits) {
        Ok(document) => document,
        Err(invalid) => {
            return (certain || mentions_druid(body)).then(|| {
                vec![Report {
                    pointer: String::new(),
                    kind: kind.unwrap_or(SpecKind::Task),
                    type_id: None,
                    datasources: Vec::new(),
                    findings: vec![Finding::invalid(&invalid, body)],
                }]
            });
        }
    };
    let root = document.root();
    let specs = match specs_in(root, kind) {
        specs if !specs.is_empty() => specs,
        _ if certain => vec![Within {
            node: root,
            pointer: String::new(),
            kind: kind.unwrap_or_else(|| kind_of(root)),
        }],
        _ => return None,
    };
    let report = |within: Within<'_>| {
        let Within {
            node,
            pointer,
            kind,
        } = within;
        if node.index() == root.index() {
            return report(&document, kind, schemas);
        }
        // A part of a document is a document of its own, as the gateway would get it.
        let inner = Document::read(body.slice(node.span().start..node.span().end), limits)
            .expect("a value of a document that was read within the same limits");
        let mut report = report(&inner, kind, schemas);
        report.pointer = pointer;
        let findings = std::mem::take(&mut report.findings);
        report.findings = findings
            .into_iter()
            .map(|finding| finding.moved(&document, node.span().start, &report.pointer))
            .collect();
        report
    };
    Some(specs.into_iter().map(report).collect())
}

fn report(document: &Document, kind: SpecKind, schemas: &SchemaSet) -> Report {
    let of_schema = schemas.check(document, kind);
    let (datasources, findings) = match Spec::read(document, kind) {
        Ok(spec) => {
            let effects = spec.effects;
            let datasources = effects.writes.into_iter().chain(effects.reads).collect();
            (datasources, of_schema)
        }
        Err(of_spec) => (Vec::new(), merged(of_spec, of_schema)),
    };
    let type_id = document.root().get("type").and_then(Node::as_str);
    Report {
        pointer: String::new(),
        kind,
        type_id: type_id.map(std::borrow::Cow::into_owned),
        datasources,
        findings,
    }
}

/// Both readers' findings in the document's order. Where both mean the same, the schema's stays: it
/// knows the object's name and often the remedy.
fn merged(of_spec: Vec<Finding>, of_schema: Vec<Finding>) -> Vec<Finding> {
    let told = |finding: &Finding| {
        of_schema.iter().any(|known| {
            known.severity == Severity::Error
                && known.pointer == finding.pointer
                && (known.code == finding.code
                    || says_value_is_wrong(known.code) && says_value_is_wrong(finding.code))
        })
    };
    let mut findings: Vec<Finding> = of_spec.into_iter().filter(|own| !told(own)).collect();
    let wrapped = |finding: &Finding| {
        finding.code == Code::WrongType
            && findings
                .iter()
                .any(|own| own.code == Code::WrapperArray && own.pointer == finding.pointer)
    };
    let rest: Vec<Finding> = of_schema.into_iter().filter(|own| !wrapped(own)).collect();
    findings.extend(rest);
    // Those that the gateway would tell come first in any case.
    findings.truncate(MOST);
    findings.sort_by_key(|finding| (finding.line, finding.column, finding.code));
    findings
}

fn says_value_is_wrong(code: Code) -> bool {
    matches!(
        code,
        Code::WrongType | Code::InvalidValue | Code::InvalidName
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::druid::DruidVersion;
    use crate::finding::Levels;

    fn told(text: &str, certain: bool) -> Option<Vec<(String, SpecKind, Vec<String>)>> {
        let schemas =
            SchemaSet::load(DruidVersion::new(28, 0, 0), Levels::default()).expect("a table");
        let body = Bytes::from(text.to_owned());
        let reports = lint(&body, None, certain, &Limits::default(), &schemas)?;
        let words = |finding: &Finding| {
            let place = format!("{}:{}", finding.line, finding.column);
            format!("{} {} {place}", finding.code, finding.pointer)
        };
        let told = reports.iter().map(|report| {
            let findings = report.findings.iter().map(words).collect();
            (report.pointer.clone(), report.kind, findings)
        });
        Some(told.collect())
    }

    #[test]
    fn one_mistake_is_told_once() {
        for (text, expected) in [
            ("{}", &["missing-field  1:1"][..]),
            ("5", &["wrong-type  1:1"]),
            (r#"{"type": 5}"#, &["wrong-type /type 1:10"]),
            (r#"{"type": "kill"}"#, &["missing-field  1:1"; 2]),
            (r#"{"type": "noop", "id": 5}"#, &["wrong-type /id 1:24"]),
            (
                r#"{"type": "noop", "dataSource": "a/b", "runTme": 5}"#,
                &[
                    "invalid-name /dataSource 1:32",
                    "misspelled-field /runTme 1:39",
                ],
            ),
            (r#"["noop", {}]"#, &["wrapper-array  1:1"]),
            (r#"{"type": "noop", }"#, &["malformed-json /type 1:18"]),
        ] {
            let reports = told(text, true).expect("certain");
            let [(_, _, findings)] = reports.as_slice() else {
                panic!("{text}: {reports:?}")
            };
            assert_eq!(findings, expected, "{text}");
        }
    }

    #[test]
    fn specs_inside_are_judged_at_their_place() {
        let text = "[{\"id\": \"a\",\n  \"spec\": {\"type\": \"kafka\", \"suspnded\": true}},\n {\"type\": \"noop\", \"runTme\": 5}]";
        let reports = told(text, false).expect("specs");
        let [
            (first, SpecKind::Supervisor, of_first),
            (second, SpecKind::Task, of_second),
        ] = reports.as_slice()
        else {
            panic!("{reports:?}")
        };
        assert_eq!((first.as_str(), second.as_str()), ("/0/spec", "/1"));
        let misspelled = "misspelled-field /0/spec/suspnded 2:29".to_owned();
        assert!(of_first.contains(&misspelled), "{of_first:?}");
        assert_eq!(of_second, &["misspelled-field /1/runTme 3:19"]);
    }

    #[test]
    fn what_is_plainly_no_spec_is_judged_only_for_who_insists() {
        for text in [r#"{"name": "a"}"#, "{ // a comment\n}", "[1]"] {
            assert!(told(text, false).is_none(), "{text}");
            assert!(told(text, true).is_some(), "{text}");
        }
        assert!(told(r#"{"type": "index_parallel", "ioConfig": "#, false).is_some());
    }
}
