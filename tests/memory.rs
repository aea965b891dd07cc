//! What judging a body takes of memory, counted at the allocator.

#![allow(clippy::print_stdout, reason = "a test prints what it measured")]

use bytes::Bytes;
use overgate::druid::DruidVersion;
use overgate::finding::Levels;
use overgate::json::{Document, Limits};
use overgate::route::SpecKind;
use overgate::schema::SchemaSet;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// A task with so many of these in a place, `#` being their number.
fn task(place: &str, count: usize, piece: &str) -> String {
    let pieces: Vec<String> = (0..count)
        .map(|number| piece.replace('#', &number.to_string()))
        .collect();
    place.replace('…', &pieces.join(","))
}

#[test]
fn judging_takes_at_most_ten_times_the_body_and_a_mebibyte() {
    let schemas = SchemaSet::load(DruidVersion::new(28, 0, 0), Levels::default()).expect("a table");
    let data_schema = r#"{"type":"index_parallel","spec":{"dataSchema":{…}}}"#;
    let dimensions = data_schema.replace('…', r#""dimensionsSpec":{"dimensions":[…]}"#);
    let metrics = data_schema.replace('…', r#""metricsSpec":[…]"#);
    let nested = format!(
        r#"{{"type":"index","spec":{{"dataSchema":{{"transformSpec":{{"filter":{}{{}}{}}}}}}}}}"#,
        r#"{"type":"not","fild":1,"field":"#.repeat(12),
        "}".repeat(12)
    );
    let bodies = [
        (
            "a real one",
            task(
                &dimensions,
                500,
                r#"{"type":"string","name":"customer_attribute_#"}"#,
            ),
        ),
        ("nested filters", nested),
        ("dimensions", task(&dimensions, 20_000, r#""dimension-#""#)),
        (
            "the same dimension",
            task(&dimensions, 20_000, r#""dimension""#),
        ),
        (
            "metrics of unknown types",
            task(&metrics, 10_000, r#"{"type":"longsSum#"}"#),
        ),
        (
            "metrics without names",
            task(&metrics, 10_000, r#"{"type":"longSum"}"#),
        ),
        (
            "unknown fields",
            task(
                r#"{"type":"index_parallel",…}"#,
                20_000,
                r#""maxRowsInMemroy#":1"#,
            ),
        ),
        (
            "a context",
            task(
                r#"{"type":"noop","context":{…}}"#,
                20_000,
                r#""priorty#":"5""#,
            ),
        ),
    ];
    for (what, text) in bodies {
        let body = Bytes::from(text);
        let bound = body.len() * 10 + (1 << 20);
        let profiler = dhat::Profiler::builder().testing().build();
        let document = Document::read(body.clone(), &Limits::default()).expect("a document");
        let findings = schemas.check(&document, SpecKind::Task);
        let most = dhat::HeapStats::get().max_bytes;
        drop(profiler);
        println!(
            "{what}: {} bytes, {} findings, {most} bytes of memory",
            body.len(),
            findings.len()
        );
        assert!(
            most <= bound,
            "{what}: {most} bytes for {} of body",
            body.len()
        );
    }
}
