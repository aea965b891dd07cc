//! The printed schemas: what they take, held against the check itself, and the files in `schemas/`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the environment, and prints what it measured"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use overgate::finding::{Finding, Levels, Severity};
use overgate::json::{Document, Limits};
use overgate::route::SpecKind;
use overgate::schema::{RELEASES, SchemaSet};
use serde_json::Value;

/// A release's schemas: the project's own, and the printed ones in a validator.
struct Both {
    own: SchemaSet,
    printed: BTreeMap<&'static str, jsonschema::Validator>,
}

fn both() -> Vec<Both> {
    let releases = RELEASES.iter().map(|release| {
        let own = SchemaSet::load(release.version, Levels::default()).expect("a table");
        let printed = [SpecKind::Task, SpecKind::Supervisor, SpecKind::Sampler].map(|kind| {
            let schema: Value = serde_json::from_str(&own.json_schema(kind)).expect("JSON");
            assert!(
                jsonschema::meta::is_valid(&schema),
                "against the schema of schemas"
            );
            let validator = jsonschema::validator_for(&schema).expect("compiles");
            (name(kind), validator)
        });
        Both {
            printed: printed.into(),
            own,
        }
    });
    releases.collect()
}

fn name(kind: SpecKind) -> &'static str {
    match kind {
        SpecKind::Task => "task",
        SpecKind::Supervisor => "supervisor",
        SpecKind::Sampler => "sampler",
    }
}

/// The errors that the project finds, and the places where the printed schema fails.
fn judged(both: &Both, kind: SpecKind, text: &[u8]) -> Option<(Vec<Finding>, Vec<String>)> {
    let document = Document::read(Bytes::copy_from_slice(text), &Limits::default()).ok()?;
    let value: Value = serde_json::from_slice(text).expect("a document is JSON");
    let mut errors = both.own.check(&document, kind);
    errors.retain(|finding| finding.severity == Severity::Error);
    let places = both.printed[name(kind)]
        .iter_errors(&value)
        .map(|error| error.instance_path().to_string())
        .collect();
    Some((errors, places))
}

#[test]
fn structure_is_judged_alike() {
    use SpecKind::{Supervisor, Task};
    let compact = |rest: &str| format!(r#"{{"type":"compact","dataSource":"a",{rest}}}"#);
    let input = r#""ioConfig":{"type":"compact","inputSpec":{"type":"interval","interval":"2020-01-01/P1D"}}"#;
    let cases: Vec<(SpecKind, String, Option<&str>)> = vec![
        (Task, r#"{"type":"noop"}"#.into(), None),
        (Task, r#"{"type":"noop","runTime":"5"}"#.into(), None),
        (Task, r#"{"type":"noop","runTime":5.5}"#.into(), None),
        (
            Task,
            r#"{"type":"noop","runTime":null,"context":{"a":[{}]}}"#.into(),
            None,
        ),
        (Task, r#"{"type":"noop","runTme":5}"#.into(), Some("")),
        (
            Task,
            r#"{"type":"noop","runTime":"many"}"#.into(),
            Some("/runTime"),
        ),
        (
            Task,
            r#"{"type":"noop","runTime":true}"#.into(),
            Some("/runTime"),
        ),
        (
            Task,
            r#"{"type":"noop","context":[]}"#.into(),
            Some("/context"),
        ),
        (Task, r#"{"type":"acme","anything":5}"#.into(), None),
        (Task, r#"{"type":5}"#.into(), Some("/type")),
        (Task, r#"{"type":null}"#.into(), Some("/type")),
        (Task, "{}".into(), Some("")),
        (Task, "[]".into(), Some("")),
        (Task, r#"{"type":"kill","dataSource":"a"}"#.into(), Some("")),
        (Task, compact(input), None),
        (
            Task,
            compact(&format!(
                r#"{input},"granularitySpec":{{"segmentGranularity":"day"}}"#
            )),
            None,
        ),
        (
            Task,
            compact(&format!(
                r#"{input},"granularitySpec":{{"segmentGranularity":"daily"}}"#
            )),
            Some("/granularitySpec/segmentGranularity"),
        ),
        (
            Task,
            compact(&format!(
                r#"{input},"granularitySpec":{{"segmentGranularity":{{"type":"period","perod":"P1D"}}}}"#
            )),
            Some("/granularitySpec/segmentGranularity"),
        ),
        (
            Task,
            compact(&format!(
                r#"{input},"tuningConfig":{{"type":"index_parallel"}}"#
            )),
            None,
        ),
        (
            Task,
            compact(&format!(
                r#"{input},"metricsSpec":{{"type":"count","name":"a"}}"#
            )),
            Some("/metricsSpec"),
        ),
        (
            Task,
            compact(&format!(
                r#"{input},"metricsSpec":[{{"type":"count","nme":"a"}}]"#
            )),
            Some("/metricsSpec/0"),
        ),
        (
            Task,
            compact(&format!(
                r#"{input},"metricsSpec":[{{"type":"filtered","filter":{{"type":"and","fields":[{{"type":"not","field":{{"type":"selector","dimension":"a","value":"b","x":1}}}}]}},"aggregator":{{"type":"count","name":"a"}}}}]"#
            )),
            Some("/metricsSpec/0/filter/fields/0/field"),
        ),
        (Supervisor, r#"{"type":"NoopSupervisorSpec"}"#.into(), None),
        (Supervisor, r#"{"type":"index_parallel"}"#.into(), None),
        (Supervisor, "null".into(), Some("")),
    ];
    for both in both() {
        for (kind, text, place) in &cases {
            // The reader refuses a body that is `null` in words of its own.
            let (errors, places) = judged(&both, *kind, text.as_bytes()).expect("a document");
            let release = both.own.release();
            assert_eq!(
                places.first().map(String::as_str),
                *place,
                "{release} {text} {errors:?} {places:?}"
            );
            assert!(
                errors.is_empty() == places.is_empty() || text == "null",
                "{release} {text} {errors:?} {places:?}"
            );
            assert!(places.len() <= 2, "no wall of errors: {text} {places:?}");
        }
    }
}

/// `schemas/druid-VERSION/KIND.schema.json`, for editors that take a file from a repository.
/// `OVERGATE_SNAPSHOTS=write cargo test --test schema` writes them.
#[test]
fn the_schemas_in_the_repository_are_those_that_are_printed() {
    let writes = std::env::var_os("OVERGATE_SNAPSHOTS").is_some_and(|value| value == "write");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for release in RELEASES {
        let own = SchemaSet::load(release.version, Levels::default()).expect("a table");
        for kind in [SpecKind::Task, SpecKind::Supervisor] {
            let file = format!("druid-{}/{}.schema.json", release.version, name(kind));
            let printed = own.json_schema(kind);
            if writes {
                fs::write(folder.join(&file), &printed).expect("written");
            }
            let stands = fs::read_to_string(folder.join(&file)).unwrap_or_default();
            assert!(
                stands == printed,
                "{file} is old: OVERGATE_SNAPSHOTS=write cargo test --test schema"
            );
            assert!(printed.len() < 400_000, "{file}: {} bytes", printed.len());
        }
    }
}
