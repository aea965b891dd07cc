//! What a check costs does not grow faster than the document, whoever wrote it.
//!
//! Counted in looks at values, which no machine and no load changes.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::check::MOST_STEPS;
use super::*;
use crate::finding::Level;
use crate::json::Limits;

/// A batch task with these pieces in it.
#[derive(Default)]
struct Task {
    dimensions: String,
    schema: String,
    format: String,
    tuning: String,
    top: String,
}

impl Task {
    fn text(&self) -> String {
        let Task {
            dimensions,
            schema,
            format,
            tuning,
            top,
        } = self;
        format!(
            r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":"a","timestampSpec":{{"column":"t"}},
            "dimensionsSpec":{{"dimensions":["x"{dimensions}]}},
            "granularitySpec":{{"segmentGranularity":"day","intervals":["2020/2021"]}}{schema}}},
            "ioConfig":{{"type":"index_parallel","inputSource":{{"type":"inline","data":"x"}},"inputFormat":{{"type":"json"{format}}}}},
            "tuningConfig":{{"type":"index_parallel"{tuning}}}}}{top}}}"#
        )
    }
}

/// So many times this, with a number for each `#`.
fn many(count: usize, piece: &str) -> String {
    let mut text = String::new();
    for number in 0..count {
        let piece = piece.replace('#', &format!("{number:x}"));
        write!(text, ",{piece}").expect("a string");
    }
    text
}

/// Documents that were made to cost, of a size.
fn costly(count: usize) -> Vec<(&'static str, String)> {
    let list = |piece: &str| many(count, piece).split_off(1);
    let task = |task: Task| task.text();
    vec![
        (
            "dimensions",
            task(Task {
                dimensions: many(count, r#""d#""#),
                ..Task::default()
            }),
        ),
        (
            "the same dimension",
            task(Task {
                dimensions: many(count, r#""d""#),
                ..Task::default()
            }),
        ),
        (
            "metrics beside dimensions",
            task(Task {
                dimensions: many(count, r#""d#""#),
                schema: format!(
                    r#","metricsSpec":[{}]"#,
                    list(r#"{"type":"count","name":"m#"}"#)
                ),
                ..Task::default()
            }),
        ),
        (
            "excluded dimensions",
            task(Task {
                dimensions: format!(
                    "{}],\"dimensionExclusions\":[{}",
                    many(count, r#""d#""#),
                    list(r#""e#""#)
                ),
                ..Task::default()
            }),
        ),
        (
            "metrics without names",
            task(Task {
                schema: format!(r#","metricsSpec":[{}]"#, list(r#"{"type":"longSum"}"#)),
                ..Task::default()
            }),
        ),
        (
            "metrics of unknown types",
            task(Task {
                schema: format!(r#","metricsSpec":[{}]"#, list(r#"{"type":"lnogSum#"}"#)),
                ..Task::default()
            }),
        ),
        (
            "echoes",
            task(Task {
                schema: format!(
                    r#","metricsSpec":[{}]"#,
                    list(r#"{"type":"count","name":"m#","fieldName":1}"#)
                ),
                ..Task::default()
            }),
        ),
        (
            "transforms",
            task(Task {
                schema: format!(
                    r#","transformSpec":{{"transforms":[{}]}}"#,
                    list(r#"{"type":"expression","name":"t#_","expression":"1"}"#)
                ),
                ..Task::default()
            }),
        ),
        (
            "filters",
            task(Task {
                schema: format!(
                    r#","transformSpec":{{"filter":{{"type":"and","fields":[{}]}}}}"#,
                    list(r#"{"type":"q"}"#)
                ),
                ..Task::default()
            }),
        ),
        (
            "nested filters with fields that nobody knows",
            task(Task {
                schema: format!(
                    r#","transformSpec":{{"filter":{}{{}}{}}}"#,
                    r#"{"type":"not","fild":1,"dataSource":"a","x":1,"field":"#.repeat(40),
                    "}".repeat(40)
                ),
                ..Task::default()
            }),
        ),
        (
            "intervals that are not aligned",
            task(Task {
                schema: String::new(),
                ..Task::default()
            })
            .replace(r#""2020/2021""#, &list(r#""2020-01-01T01/P1D""#)),
        ),
        (
            "features",
            task(Task {
                format: format!(
                    r#","featureSpec":{{{}}}"#,
                    list(r#""ALLOW_COMMENTS#":true"#)
                ),
                ..Task::default()
            }),
        ),
        (
            "unknown fields",
            task(Task {
                tuning: many(count, r#""zz#":0"#),
                ..Task::default()
            }),
        ),
        (
            "misspelled fields",
            task(Task {
                tuning: many(count, r#""maxRowsInMemroy#":0"#),
                ..Task::default()
            }),
        ),
        (
            "unknown fields at the top",
            task(Task {
                top: many(count, r#""zz#":0"#),
                ..Task::default()
            }),
        ),
        (
            "a context",
            task(Task {
                top: format!(r#","context":{{{}}}"#, list(r#""k#":0"#)),
                ..Task::default()
            }),
        ),
        (
            "a context of slips",
            task(Task {
                top: format!(r#","context":{{{}}}"#, list(r#""priorty#":"5""#)),
                ..Task::default()
            }),
        ),
        (
            "misplaced fields under a wide object",
            task(Task {
                tuning: many(count, r#""zz#":0"#),
                top: format!(
                    r#","context":{{}},"intervals":[],"metricsSpec":[],"granularitySpec":{{}}{}"#,
                    many(count, r#""yy#":0"#)
                ),
                ..Task::default()
            }),
        ),
    ]
}

/// The most looks for each value: a dozen rules ask each transform for a few of its fields, and equal
/// names are sorted.
const MOST_LOOKS: usize = 100;

/// Looks for each value, of a document and a check.
fn looks(schemas: &SchemaSet, text: &str) -> usize {
    let document = Document::read(Bytes::from(text.to_owned()), &Limits::default());
    let document = document.unwrap_or_else(|invalid| panic!("{invalid:?}: {text}"));
    let before = document.looks.load(Ordering::Relaxed);
    schemas.check(&document, SpecKind::Task);
    (document.looks.load(Ordering::Relaxed) - before) / document.len()
}

fn schemas(levels: Levels) -> SchemaSet {
    SchemaSet::load(DruidVersion::new(28, 0, 0), levels).expect("a table")
}

#[test]
fn a_check_looks_at_each_value_a_few_times() {
    let mut lenient = Levels::default();
    for code in [
        Code::UnknownField,
        Code::MisspelledField,
        Code::MisplacedField,
        Code::UnknownType,
    ] {
        lenient.set(code, Level::Warn);
    }
    for schemas in [schemas(Levels::default()), schemas(lenient)] {
        for ((what, small), (_, large)) in costly(300).iter().zip(costly(3_000)) {
            let (of_small, of_large) = (looks(&schemas, small), looks(&schemas, &large));
            assert!(
                of_small <= MOST_LOOKS && of_large <= of_small * 3 / 2 + 1,
                "{what}: {of_small} looks for each value, {of_large} where there are more"
            );
        }
    }
}

#[test]
fn who_takes_too_many_steps_is_refused() {
    let mut schemas = schemas(Levels::default());
    let text = Task {
        dimensions: many(100, r#""d#""#),
        ..Task::default()
    }
    .text();
    let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
    assert!(schemas.is_valid(&document, SpecKind::Task));
    assert_eq!(schemas.steps, MOST_STEPS);
    schemas.steps = 100;
    assert!(!schemas.is_valid(&document, SpecKind::Task));
    let codes: Vec<_> = schemas
        .check(&document, SpecKind::Task)
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(codes, [Code::TooComplex]);
}

/// A guess costs whether it finds something or not: who is told of no unknown field cannot be made to
/// guess at a million of them.
#[test]
fn guesses_end() {
    let mut levels = Levels::default();
    levels.set(Code::UnknownField, Level::Off);
    let schemas = schemas(levels);
    let codes = |count: usize| -> Vec<Code> {
        let text = Task {
            tuning: many(count, r#""qzzxq#wvvjk":0"#) + r#","maxRowsInMemroy":5"#,
            ..Task::default()
        }
        .text();
        let document = Document::read(Bytes::from(text), &Limits::default()).expect("valid");
        let errors = schemas.check(&document, SpecKind::Task).into_iter();
        let errors = errors.filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.code).collect()
    };
    assert_eq!(codes(100), [Code::MisspelledField]);
    assert_eq!(codes(4_000), []);
}
