//! What judging a body and limiting a flood of names take of memory, counted at the allocator.

#![allow(clippy::print_stdout, reason = "a test prints what it measured")]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use overgate::caller::Principal;
use overgate::druid::{DruidVersion, Overrides};
use overgate::finding::Levels;
use overgate::json::{Document, Limits};
use overgate::quota::{Clock, Cost, Draw, Facts, Holds, KeyPart, Limiter, Numbers, RateLimit};
use overgate::route::{Action, Operation, SpecKind};
use overgate::schema::SchemaSet;
use overgate::server::LIMITER_BYTES;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// There is one allocator to count at.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task with so many of these in a place, `#` being their number.
fn task(place: &str, count: usize, piece: &str) -> String {
    let pieces: Vec<String> = (0..count)
        .map(|number| piece.replace('#', &number.to_string()))
        .collect();
    place.replace('…', &pieces.join(","))
}

#[test]
fn judging_takes_at_most_ten_times_the_body_and_a_mebibyte() {
    let _turn = turn();
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

/// What a principal draws for a datasource.
fn draws(rule: &Arc<RateLimit>, by: &Arc<str>, datasource: &str) -> Vec<Draw> {
    let datasource = datasource.parse().expect("a name");
    let role = "writer".into();
    rule.draws(&Facts {
        action: Action::Submit,
        operation: Operation::SubmitTask,
        principal: &Principal::new(by.clone(), Vec::new()),
        role: &role,
        source: None,
        datasources: std::slice::from_ref(&datasource),
        task_type: None,
        slots: Some(1),
    })
}

/// The bound that the gateway gives its buckets holds for what they really take, with short names
/// and with the longest.
#[test]
fn a_million_invented_names_stay_under_32_mebibytes() {
    let _turn = turn();
    let rule = Arc::new(RateLimit {
        name: "submissions".into(),
        actions: vec![Action::Submit],
        roles: Vec::new(),
        key: vec![KeyPart::DataSource, KeyPart::Principal],
        cost: Cost::Request,
        numbers: Numbers {
            rate: "30/h".parse().expect("a rate"),
            burst: NonZeroU32::MIN,
        },
        overrides: Overrides::default(),
        holds: Holds::Enforced,
    });
    for (length, names) in [(10, 1_000_000), (250, 150_000)] {
        let profiler = dhat::Profiler::builder().testing().build();
        let limiter = Limiter::new(Clock::new(|| Duration::ZERO), LIMITER_BYTES);
        let known: Arc<str> = "known".into();
        assert!(limiter.take(draws(&rule, &known, "wiki"), &known).is_ok());
        // By ten principals: each has a part of the room.
        for number in 0..names {
            let by: Arc<str> = format!("issuer:{}", number % 10).into();
            let _ = limiter.take(draws(&rule, &by, &format!("{number:0length$}")), &by);
        }
        let most = dhat::HeapStats::get().max_bytes;
        println!(
            "names of {length} bytes: {} buckets, {} KiB at most",
            limiter.len(),
            most >> 10
        );
        assert!(limiter.len() > 10_000);
        assert!(most < 32 << 20, "{most} bytes");
        let again = limiter.take(draws(&rule, &known, "wiki"), &known);
        assert!(again.is_err(), "who was known stays limited");
        drop(profiler);
    }
}
