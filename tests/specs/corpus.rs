//! Real specs, and what Druid's own reader says of each.
//!
//! The corpus lies outside the repository: `OVERGATE_CORPUS` names its folder (specs and
//! `index.tsv`). What Druid said stands in `tests/fixtures/corpus-verdicts.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use overgate::finding::Severity;
use overgate::route::SpecKind;

use crate::judge::{judge, line, says_dropped, says_refused, schemas};
use crate::record::hold;

/// What Druid's own reader said of each document: by release, `whole`, `dropped` (with the
/// properties), `refused-type` or `refused`. Asked of 28.0.0, 33.0.0 and 37.0.0 in November 2026.
const VERDICTS: &str = include_str!("../fixtures/corpus-verdicts.json");

/// Disagreements that are meant, by a piece of the file's name: and why.
const MEANT: &[(&str, &str)] = &[
    (
        "016_",
        "a parser of an extension: what it reads is not known, and Druid without it takes another",
    ),
    (
        "285_",
        "the same with Protobuf's, which is known: Druid was asked without the extension",
    ),
];

/// A whole document of the corpus.
pub(crate) struct Spec {
    pub(crate) file: String,
    pub(crate) kind: SpecKind,
    pub(crate) text: Vec<u8>,
}

/// The whole documents of the corpus; `None`, loudly, when nobody says where it is.
pub(crate) fn specs() -> Option<Vec<Spec>> {
    let Some(folder) = std::env::var_os("OVERGATE_CORPUS").map(PathBuf::from) else {
        eprintln!("SKIPPED: OVERGATE_CORPUS is not set, so no real spec was read");
        return None;
    };
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("an index");
    let mut specs = Vec::new();
    for row in index.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let kind = match cells[4] {
            "task" => SpecKind::Task,
            "supervisor" => SpecKind::Supervisor,
            "sampler" => SpecKind::Sampler,
            _ => continue,
        };
        specs.push(Spec {
            file: cells[0].to_owned(),
            kind,
            text: std::fs::read(folder.join(cells[0])).expect("listed"),
        });
    }
    assert!(specs.len() > 200, "is this the corpus?");
    Some(specs)
}

/// What Druid said of a document.
pub(crate) fn verdict(file: &str, release: &str) -> String {
    let verdicts: Value = serde_json::from_str(VERDICTS).expect("verdicts are JSON");
    let verdict = verdicts[file][release]["verdict"].as_str();
    verdict.unwrap_or_default().to_owned()
}

#[test]
fn findings_agree_with_druid() {
    let Some(specs) = specs() else { return };
    let verdicts: BTreeMap<String, Value> =
        serde_json::from_str(VERDICTS).expect("verdicts are JSON");
    let mut wrong = Vec::new();
    let mut report = "release  verdict of Druid  documents  agree  warned\n".to_owned();
    for release in ["28.0.0", "33.0.0", "37.0.0"] {
        let schemas = schemas(release);
        let mut table: BTreeMap<String, [usize; 3]> = BTreeMap::new();
        for spec in &specs {
            // Parts of documents are not in the table.
            let Some(said) = verdicts.get(&spec.file).map(|said| &said[release]) else {
                continue;
            };
            let verdict = said["verdict"].as_str().expect("a verdict");
            let findings = judge(&schemas, &spec.text, spec.kind);
            let found: BTreeSet<&str> = findings
                .iter()
                .filter(|finding| says_dropped(finding))
                .map(|finding| finding.pointer.as_str())
                .collect();
            let dropped: BTreeSet<&str> = said["dropped"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let errors = findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error);
            let agree = match verdict {
                "whole" => errors.count() == 0,
                "dropped" => found == dropped && errors.count() == dropped.len(),
                // Of an extension that was not at hand: nobody can say who is right.
                "refused-type" => true,
                _ => findings.iter().any(says_refused),
            };
            let row = table.entry(verdict.to_owned()).or_default();
            row[0] += 1;
            row[1] += usize::from(agree);
            row[2] += usize::from(
                findings
                    .iter()
                    .any(|finding| finding.severity != Severity::Error),
            );
            let meant = MEANT.iter().any(|(piece, _)| spec.file.contains(piece));
            if !agree && !meant {
                let lines: Vec<String> = findings.iter().map(line).collect();
                wrong.push(format!(
                    "{release} {}: {verdict} {dropped:?}\n    {}",
                    spec.file,
                    lines.join("\n    ")
                ));
            }
        }
        for (verdict, [all, agree, warned]) in table {
            report += &format!("{release}   {verdict:16}  {all:9}  {agree:5}  {warned:6}\n");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    hold("corpus", &report);
}
