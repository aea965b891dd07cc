//! Real specs: each is accepted, or refused for a reason that stands in a table.
//!
//! The corpus lies outside the repository: `OVERGATE_CORPUS` names its folder (specs and
//! `index.tsv`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;

use super::SchemaSet;
use crate::finding::{Code, Finding};
use crate::json::{Document, Limits};
use crate::route::SpecKind;
use crate::spec::Spec;

/// Java options from whoever may submit run code on the worker; Druid reads them all.
const JAVA_OPTIONS: &str = "sets the JVM's options in its context";

/// Part of a document, or a fixture that is wrong on purpose; Druid refuses it too.
const NO_DATASOURCE: &str = "names no datasource";

/// All specs that the gateway refuses, for what code, and why that is right.
const REFUSED: &[(&str, Code, &str)] = &[
    (
        "022_docs-development-extensions-contrib-druid-exact-count-bitmap.json",
        Code::MissingField,
        NO_DATASOURCE,
    ),
    (
        "229_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        Code::JvmContextKey,
        JAVA_OPTIONS,
    ),
    (
        "230_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        Code::JvmContextKey,
        JAVA_OPTIONS,
    ),
    (
        "235_web-console-src-druid-models-ingestion-spec-ingestion-spec-spec.json",
        Code::MissingField,
        NO_DATASOURCE,
    ),
    (
        "239_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        Code::JvmContextKey,
        JAVA_OPTIONS,
    ),
    (
        "240_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        Code::JvmContextKey,
        JAVA_OPTIONS,
    ),
    (
        "246_web-console-src-druid-models-ingestion-spec-ingestion-spec-spec.json",
        Code::MissingField,
        NO_DATASOURCE,
    ),
    (
        "247_web-console-src-druid-models-ingestion-spec-ingestion-spec-spec.json",
        Code::MissingField,
        NO_DATASOURCE,
    ),
];

/// A row of `index.tsv` that is a whole document.
struct Row {
    file: String,
    datasource: String,
    kind: SpecKind,
}

fn rows(folder: &Path) -> Vec<Row> {
    let index = read(&folder.join("index.tsv"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('\t').collect();
        let [file, _, _, datasource, kind, ..] = cells.as_slice() else {
            panic!("a line of index.tsv has other columns: {line}");
        };
        let kind = match *kind {
            "task" => SpecKind::Task,
            "supervisor" => SpecKind::Supervisor,
            "sampler" => SpecKind::Sampler,
            _ => return None,
        };
        Some(Row {
            file: (*file).to_owned(),
            datasource: (*datasource).to_owned(),
            kind,
        })
    };
    index.lines().skip(1).filter_map(row).collect()
}

#[allow(
    clippy::disallowed_methods,
    reason = "the corpus is a folder, and this is a test"
)]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What Druid's own reader said of each document: by release, `whole`, `dropped` (with the
/// properties), `refused-type` or `refused`. Asked of 28.0.0, 33.0.0 and 37.0.0 in November 2026.
const VERDICTS: &str = include_str!("../../tests/fixtures/corpus-verdicts.json");

#[allow(
    clippy::disallowed_methods,
    reason = "only the environment knows where the corpus is, and this is a test"
)]
fn folder() -> Option<PathBuf> {
    std::env::var_os("OVERGATE_CORPUS").map(PathBuf::from)
}

/// What the gateway makes of a spec: the datasources it writes, or its findings.
fn judge(schemas: &SchemaSet, text: &str, kind: SpecKind) -> Result<Vec<String>, Vec<Finding>> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let document = Document::read(bytes, &Limits::default())
        .map_err(|invalid| vec![Finding::invalid(&invalid, text.as_bytes())])?;
    let spec = Spec::read(&document, kind)?;
    let findings = schemas.check(&document, kind);
    if findings.is_empty() {
        let names = spec.effects.writes.iter();
        Ok(names.map(ToString::to_string).collect())
    } else {
        Err(findings)
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that does nothing must say so")]
fn real_specs_are_accepted_or_refused_for_a_reason() {
    let Some(corpus) = folder() else {
        eprintln!("SKIPPED: OVERGATE_CORPUS is not set, so no real spec was read");
        return;
    };
    let schemas = SchemaSet::load().expect("the embedded schemas compile");
    let verdicts: BTreeMap<String, Value> =
        serde_json::from_str(VERDICTS).expect("verdicts are JSON");
    // Druid reads it if one of the asked releases does, all of it or with fields dropped.
    let druid_reads = |file: &str| {
        let releases = verdicts.get(file).and_then(Value::as_object);
        releases.is_some_and(|releases| {
            releases.values().any(|release| {
                matches!(
                    release.get("verdict").and_then(Value::as_str),
                    Some("whole" | "dropped")
                )
            })
        })
    };
    let (mut accepted, mut read_by_druid, mut problems) = (0, 0, Vec::new());
    let mut used = Vec::new();
    for row in rows(&corpus) {
        let text = read(&corpus.join(&row.file));
        read_by_druid += usize::from(druid_reads(&row.file));
        match judge(&schemas, &text, row.kind) {
            Ok(writes) => {
                accepted += 1;
                let named = row.datasource.as_str();
                if !named.is_empty() && !writes.is_empty() && writes != [named] {
                    problems.push(format!("{} writes {writes:?}, not {named}", row.file));
                }
            }
            Err(findings) => {
                let told: Vec<_> = findings
                    .iter()
                    .map(|finding| {
                        format!("{} {}: {}", finding.code, finding.pointer, finding.message)
                    })
                    .collect();
                let listed = REFUSED
                    .iter()
                    .find(|(file, code, _)| *file == row.file && findings[0].code == *code);
                match listed {
                    Some((file, _, why)) => {
                        used.push(*file);
                        if *why == NO_DATASOURCE && druid_reads(&row.file) {
                            problems.push(format!("{} is read by Druid: {told:?}", row.file));
                        }
                    }
                    None => problems.push(format!("{} is refused: {told:?}", row.file)),
                }
            }
        }
    }
    let unused: Vec<_> = REFUSED
        .iter()
        .filter(|(file, ..)| !used.contains(file))
        .collect();
    eprintln!("{accepted} specs accepted; Druid reads {read_by_druid}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(unused.is_empty(), "no longer refused: {unused:?}");
    assert!(read_by_druid > 100, "is this the corpus?");
}
