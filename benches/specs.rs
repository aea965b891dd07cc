//! What judging a spec costs, beside what `serde_json` takes to parse it into a `Value`.
//!
//! `cargo bench --bench specs` prints criterion's report and then the ratios with their bounds;
//! it fails if one is exceeded. docs/performance.md has a run of it.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads criterion's files and prints what it measured"
)]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use overgate::admission::Rejection;
use overgate::caller::Principal;
use overgate::druid::{DruidVersion, Overrides};
use overgate::finding::{Finding, Levels};
use overgate::gateway::Refusal;
use overgate::json::{Document, Limits};
use overgate::policy::{Grant, InputRule, PolicySet, Role};
use overgate::quota::{Clock, Cost, Facts, Holds, KeyPart, Limiter, Numbers, RateLimit};
use overgate::route::{Action, Operation, SpecKind};
use overgate::schema::SchemaSet;
use overgate::spec::Spec;
use serde_json::{Value, json};

/// The binary's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A batch task with this many columns, as people write them: indented.
fn batch(columns: usize, slip: bool) -> String {
    let types = ["string", "long", "double"];
    let dimensions: Vec<Value> = (0..columns)
        .map(|number| {
            let mut dimension = json!({
                "type": types[number % 3],
                "name": format!("customer_attribute_{number}"),
            });
            if number % 3 == 0 {
                dimension["createBitmapIndex"] = json!(number % 2 == 0);
                dimension["multiValueHandling"] = json!("SORTED_ARRAY");
            }
            if slip && number % 10 == 3 {
                dimension["creatBitmapIndex"] = json!(true);
            }
            dimension
        })
        .collect();
    let metrics: Vec<Value> = (0..columns / 3)
        .map(|number| {
            json!({
                "type": "doubleSum",
                "name": format!("sum_of_attribute_{number}"),
                "fieldName": format!("raw_attribute_{number}"),
            })
        })
        .collect();
    let transforms: Vec<Value> = (0..columns / 3)
        .map(|number| {
            json!({
                "type": "expression",
                "name": format!("customer_attribute_{number}"),
                "expression": format!("nvl(\"attribute_{number}\", 'unknown')"),
            })
        })
        .collect();
    let mut spec = json!({
        "type": "index_parallel",
        "spec": {
            "dataSchema": {
                "dataSource": "customers",
                "timestampSpec": {"column": "updated_at", "format": "iso"},
                "dimensionsSpec": {"dimensions": dimensions},
                "metricsSpec": metrics,
                "transformSpec": {"transforms": transforms},
                "granularitySpec": {
                    "segmentGranularity": "DAY",
                    "queryGranularity": "HOUR",
                    "rollup": false,
                    "intervals": ["2024-01-01/2024-02-01"],
                },
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "http", "uris": ["https://data.example.com/customers/2024-01.json.gz"]},
                "inputFormat": {"type": "json"},
                "appendToExisting": false,
            },
            "tuningConfig": {
                "type": "index_parallel",
                "maxRowsInMemory": 500_000,
                "maxNumConcurrentSubTasks": 8,
                "partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": 5_000_000},
            },
        },
    });
    if slip {
        spec["tuningConfig"] = json!({"type": "index_parallel"});
        spec["spec"]["tuningConfig"]["maxRowInMemroy"] = json!(5);
        spec["spec"]["ioConfig"]["dropExistng"] = json!(true);
        spec["spec"]["dataSchema"]["granularitySpec"]["segmentGranulrity"] = json!("P1D");
    }
    serde_json::to_string_pretty(&spec).expect("serializable")
}

/// Filters within filters, each with a field that nobody knows: 500 bytes.
fn nested() -> String {
    let depth = 12;
    format!(
        r#"{{"type":"index","spec":{{"dataSchema":{{"transformSpec":{{"filter":{}{{}}{}}}}}}}}}"#,
        r#"{"type":"not","fild":1,"field":"#.repeat(depth),
        "}".repeat(depth)
    )
}

/// Bodies that were made to cost: a wide context and a wide `tuningConfig` of names that come near,
/// very many dimensions, very many filters of a type that nobody knows.
fn costly(length: usize) -> [(&'static str, String); 3] {
    let filled = |head: &str, piece: &dyn Fn(usize) -> String, tail: &str| {
        let mut text = String::from(head);
        let mut number = 0;
        while text.len() < length - 80 {
            text.push_str(if number == 0 { "" } else { "," });
            text.push_str(&piece(number));
            number += 1;
        }
        text + tail
    };
    let context = |number| format!("\"priorty-of-customer-{number:06x}\":\"5\"");
    let tuning = |number| format!("\"maxRowsInMemroy-{number:06x}\":1234567");
    let half = filled(
        "{\"type\":\"index_parallel\",\"spec\":{\"tuningConfig\":{\"type\":\"index_parallel\",",
        &|number| {
            if number % 2 == 0 {
                tuning(number)
            } else {
                context(number)
            }
        },
        "}}}",
    );
    let dimensions = filled(
        "{\"type\":\"index_parallel\",\"spec\":{\"dataSchema\":{\"dimensionsSpec\":{\"dimensions\":[",
        &|number| format!("\"customer-{number:08x}\""),
        "]}}}}",
    );
    let filters = filled(
        "{\"type\":\"index_parallel\",\"spec\":{\"dataSchema\":{\"transformSpec\":{\"filter\":{\"type\":\"and\",\"fields\":[",
        &|number| format!("{{\"type\":\"a-filter-of-some-name-{number:08x}-that-is-long\"}}"),
        "]}}}}}",
    );
    [
        ("names", half),
        ("dimensions", dimensions),
        ("filters", filters),
    ]
}

fn findings(schemas: &SchemaSet, limits: &Limits, body: &Bytes) -> Vec<Finding> {
    let document = Document::read(body.clone(), limits).expect("a document");
    schemas.check(&document, SpecKind::Task)
}

/// What was measured: a name and nanoseconds, criterion's median.
fn median(group: &str, name: &str) -> f64 {
    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()));
    let path = folder.join(format!("criterion/{group}/{name}/new/estimates.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let estimates: Value = serde_json::from_slice(&text).expect("criterion's JSON");
    estimates["median"]["point_estimate"]
        .as_f64()
        .expect("a number")
}

/// How much longer one takes than the other: the median over many rounds in which both take turns,
/// so that a machine that has become slower meanwhile is no difference.
fn ratio(one: impl Fn(), other: impl Fn()) -> f64 {
    const ROUNDS: usize = 1_001;
    // Some 2 ms a turn.
    let begun = Instant::now();
    other();
    let times = (2_000_000 / begun.elapsed().as_nanos().max(1)).clamp(1, 1_000);
    let turn = |work: &dyn Fn()| {
        let begun = Instant::now();
        for _ in 0..times {
            work();
        }
        begun.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| turn(&one) / turn(&other)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ROUNDS / 2]
}

/// The steps of a submission's way, each by itself: 40 kB, from bytes to a verdict.
fn steps(criterion: &mut Criterion, schemas: &SchemaSet, limits: &Limits) {
    let body = Bytes::from(batch(180, false));
    let read = |body: &Bytes| Document::read(body.clone(), limits).expect("a document");
    let document = read(&body);
    let spec = Spec::read(&document, SpecKind::Task).expect("a spec");
    let role: Arc<str> = "writer".into();
    let grant = Grant {
        actions: vec![Action::Submit],
        datasources: ["customers*".parse().expect("a pattern")]
            .into_iter()
            .collect(),
        task_types: None,
        inputs: vec![InputRule {
            type_id: "http".into(),
            hosts: Some(vec!["data.example.com".to_owned()]),
            buckets: None,
            prefixes: None,
        }],
    };
    let policies = PolicySet::new([Role {
        name: role.clone(),
        grants: vec![grant],
    }]);
    let principal = Principal::new("etl", vec![role.clone()]);
    let begun = Instant::now();
    let limiter = Limiter::new(Clock::new(move || begun.elapsed()), 1 << 20);
    let limit = Arc::new(RateLimit {
        name: "submissions".into(),
        actions: vec![Action::Submit],
        roles: Vec::new(),
        key: vec![KeyPart::DataSource],
        cost: Cost::Request,
        numbers: Numbers {
            rate: "1000000/s".parse().expect("a rate"),
            burst: NonZeroU32::MAX,
        },
        overrides: Overrides::default(),
        holds: Holds::Enforced,
    });
    let facts = Facts {
        action: Action::Submit,
        operation: Operation::SubmitTask,
        principal: &principal,
        role: &role,
        source: None,
        datasources: &spec.effects.writes,
        task_type: Some(&spec.type_id),
        slots: spec.effects.slots,
    };
    let wrong = findings(schemas, limits, &Bytes::from(batch(180, true)));
    let refused = || Rejection::InvalidSpec(wrong.clone());
    let mut group = criterion.benchmark_group("steps");
    group.bench_function("read", |bencher| bencher.iter(|| read(black_box(&body))));
    group.bench_function("understand", |bencher| {
        bencher.iter(|| Spec::read(black_box(&document), SpecKind::Task));
    });
    group.bench_function("validate", |bencher| {
        bencher.iter(|| schemas.check(black_box(&document), SpecKind::Task));
    });
    group.bench_function("authorize", |bencher| {
        let permit = || policies.authorize_submission(&principal, black_box(&spec));
        bencher.iter(|| permit().expect("allowed"));
    });
    group.bench_function("limit", |bencher| {
        let take = || limiter.take(limit.draws(black_box(&facts)), principal.name());
        bencher.iter(|| take().expect("wide"));
    });
    group.bench_function("render a refusal", |bencher| {
        let render = |rejection| Refusal::body(rejection, "0000000100000001");
        bencher.iter_batched(refused, render, BatchSize::SmallInput);
    });
    group.finish();
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(4))
        .warm_up_time(Duration::from_secs(1))
        .sample_size(60)
        .configure_from_args();
    let version = DruidVersion::new(28, 0, 0);
    let schemas = SchemaSet::load(version, Levels::default()).expect("a table");
    let limits = Limits::default();
    // Specs beside a parse: the name, the text, the most of a parse that it may cost.
    let beside = [
        ("valid-40kB", batch(180, false), 0.7),
        ("valid-2kB", batch(4, false), 0.9),
        ("invalid-40kB", batch(180, true), 2.0),
    ];
    for (name, text, _) in &beside {
        let body = Bytes::from(text.clone());
        let count = findings(&schemas, &limits, &body).len();
        println!("{name}: {} bytes, {count} findings", body.len());
        assert_eq!(count > 0, name.starts_with("invalid"), "{name}");
        let mut group = criterion.benchmark_group(*name);
        group.bench_function("serde_json", |bencher| {
            bencher.iter(|| serde_json::from_slice::<Value>(black_box(&body)).expect("JSON"));
        });
        group.bench_function("overgate", |bencher| {
            bencher.iter(|| findings(&schemas, &limits, black_box(&body)));
        });
        group.finish();
    }
    // What was made to cost: the name, the text, the most milliseconds.
    let mut bodies = vec![("nested-filters".to_owned(), nested(), 1.0)];
    for (size, mebibytes, most) in [("1MiB", 1, 50.0), ("16MiB", 16, 200.0)] {
        for (what, text) in costly(mebibytes << 20) {
            bodies.push((format!("{what}-{size}"), text, most));
        }
    }
    for (name, text, _) in &bodies {
        let body = Bytes::from(text.clone());
        let told = |body: &Bytes| match Document::read(body.clone(), &limits) {
            Ok(document) => schemas.check(&document, SpecKind::Task),
            Err(invalid) => vec![Finding::invalid(&invalid, body)],
        };
        println!(
            "{name}: {} bytes, {} findings",
            body.len(),
            told(&body).len()
        );
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("overgate", |bencher| {
            bencher.iter(|| told(black_box(&body)));
        });
        group.finish();
    }
    steps(&mut criterion, &schemas, &limits);
    let mut group = criterion.benchmark_group("load");
    group.bench_function("28.0.0", |bencher| {
        bencher.iter_batched(
            Levels::default,
            |levels| SchemaSet::load(version, levels).expect("a table"),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    criterion.final_summary();

    // Who only wants a part (`cargo bench -- FILTER`), or only to see that it runs (`--test`), gets
    // no table.
    if std::env::args()
        .skip(1)
        .any(|argument| argument != "--bench")
    {
        return ExitCode::SUCCESS;
    }
    let mut rows = Vec::new();
    for (name, text, most) in &beside {
        let body = Bytes::from(text.clone());
        let ratio = ratio(
            || drop(black_box(findings(&schemas, &limits, black_box(&body)))),
            || drop(black_box(serde_json::from_slice::<Value>(black_box(&body)))),
        );
        rows.push((format!("{name}, of a parse by serde_json"), ratio, *most));
    }
    for (name, _, most) in &bodies {
        rows.push((
            format!("{name}, milliseconds"),
            median(name, "overgate") / 1e6,
            *most,
        ));
    }
    rows.push((
        "loading 28.0.0, milliseconds".to_owned(),
        median("load", "28.0.0") / 1e6,
        50.0,
    ));
    println!("\n| what | measured | bound |\n|---|---|---|");
    for (name, measured, most) in &rows {
        println!("| {name} | {measured:.2} | {most} |");
    }
    match rows.iter().all(|(_, measured, most)| measured <= most) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
