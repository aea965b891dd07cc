//! Mistakes that people make, each bad and mended.
//!
//! M1 to M32 are the clusters of mistakes that users of Druid report; two of them (M22 protobuf
//! descriptors, M23 the effective indexSpec) cannot be seen in a document.

use serde_json::{Value, json};

use overgate::finding::Severity;
use overgate::route::SpecKind;

use crate::judge::{judge, line, schemas};

/// A batch task without a mistake.
fn batch() -> Value {
    json!({
        "type": "index_parallel",
        "spec": {
            "dataSchema": {
                "dataSource": "wiki",
                "timestampSpec": {"column": "ts", "format": "iso"},
                "dimensionsSpec": {"dimensions": ["page", {"type": "long", "name": "added"}]},
                "metricsSpec": [{"type": "count", "name": "count"}],
                "granularitySpec": {
                    "type": "uniform", "segmentGranularity": "DAY", "queryGranularity": "HOUR",
                    "intervals": ["2020-01-01/2020-02-01"]
                },
                "transformSpec": {"transforms": [{"type": "expression", "name": "page", "expression": "lower(page)"}]}
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "http", "uris": ["https://example.org/a.json"]},
                "inputFormat": {"type": "json"}
            },
            "tuningConfig": {
                "type": "index_parallel", "maxNumConcurrentSubTasks": 4,
                "partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": 5000000}
            }
        },
        "context": {"priority": 50}
    })
}

/// A Kafka supervisor without a mistake.
fn kafka() -> Value {
    json!({
        "type": "kafka",
        "spec": {
            "dataSchema": {
                "dataSource": "wiki",
                "timestampSpec": {"column": "ts", "format": "iso"},
                "dimensionsSpec": {"dimensions": ["page"]},
                "granularitySpec": {"type": "uniform", "segmentGranularity": "HOUR", "queryGranularity": "NONE", "rollup": false}
            },
            "ioConfig": {
                "topic": "wiki",
                "inputFormat": {"type": "json"},
                "consumerProperties": {"bootstrap.servers": "kafka:9092"},
                "taskDuration": "PT1H",
                "useEarliestOffset": true
            },
            "tuningConfig": {"type": "kafka", "maxRowsPerSegment": 5000000}
        }
    })
}

fn kinesis() -> Value {
    let mut document = kafka();
    document["type"] = json!("kinesis");
    document["spec"]["ioConfig"] = json!({
        "stream": "wiki", "inputFormat": {"type": "json"}, "endpoint": "kinesis.us-east-1.amazonaws.com"
    });
    document["spec"]["tuningConfig"] = json!({"type": "kinesis"});
    document
}

fn compact() -> Value {
    json!({
        "type": "compact", "dataSource": "wiki",
        "ioConfig": {"type": "compact", "inputSpec": {"type": "interval", "interval": "2020-01-01/2020-02-01"}},
        "tuningConfig": {"type": "index_parallel"}
    })
}

fn kill() -> Value {
    json!({"type": "kill", "dataSource": "wiki", "interval": "2020-01-01/2020-02-01"})
}

/// What is done to a document: a value put at a pointer, or (`null` as a marker) what is there moved.
enum Change {
    Put(&'static str, Value),
    Take(&'static str),
    Move(&'static str, &'static str),
}
use Change::{Move, Put, Take};

fn change(document: &mut Value, change: &Change) -> Option<Value> {
    let split = |pointer: &'static str| pointer.rsplit_once('/').expect("a pointer");
    match change {
        Put(pointer, value) => {
            let (holder, name) = split(pointer);
            let holder = document.pointer_mut(holder).expect(holder);
            match holder {
                Value::Array(list) => list.push(value.clone()),
                Value::Object(object) => {
                    object.insert(name.to_owned(), value.clone());
                }
                _ => panic!("{pointer}"),
            }
            None
        }
        Take(pointer) => {
            let (holder, name) = split(pointer);
            document
                .pointer_mut(holder)
                .expect(holder)
                .as_object_mut()?
                .remove(name)
        }
        Move(from, to) => {
            let taken = self::change(document, &Take(from)).expect(from);
            self::change(document, &Put(to, taken))
        }
    }
}

/// Which mistake, in which document, what is done, and what must be said: code, pointer, suggestion.
type Case = (
    &'static str,
    fn() -> Value,
    Vec<Change>,
    &'static str,
    &'static str,
    Option<&'static str>,
);

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    vec![
        ("M1", batch, vec![Move("/spec/tuningConfig", "/tuningConfig")], "misplaced-field", "/tuningConfig", Some("/spec/tuningConfig")),
        ("M1", batch, vec![Move("/spec/dataSchema/granularitySpec", "/spec/granularitySpec")], "misplaced-field", "/spec/granularitySpec", Some("/spec/dataSchema/granularitySpec")),
        ("M2", kinesis, vec![Put("/spec/ioConfig/topic", json!("wiki"))], "misplaced-field", "/spec/ioConfig/topic", None),
        ("M2", kinesis, vec![Put("/spec/ioConfig/useEarliestOffset", json!(true))], "misplaced-field", "/spec/ioConfig/useEarliestOffset", None),
        ("M2", kinesis, vec![Put("/spec/ioConfig/stopTaskCount", json!(2))], "ignored-field", "/spec/ioConfig/stopTaskCount", None),
        ("M2", kafka, vec![Put("/spec/tuningConfig/partitionsSpec", json!({"type": "dynamic"}))], "misplaced-field", "/spec/tuningConfig/partitionsSpec", None),
        ("M3", kafka, vec![Put("/spec/tuningConfig/type", json!("realtime"))], "mismatched-type", "/spec/tuningConfig/type", Some("kafka")),
        ("M3", batch, vec![Put("/spec/tuningConfig/type", json!("kafka"))], "mismatched-type", "/spec/tuningConfig/type", None),
        ("M4", batch, vec![Take("/spec/tuningConfig/type")], "missing-field", "/spec/tuningConfig", None),
        ("M4", batch, vec![Take("/spec/ioConfig/inputFormat/type")], "missing-field", "/spec/ioConfig/inputFormat", None),
        ("M5", batch, vec![Put("/spec/ioConfig/inputFormat/type", json!("parqet"))], "unknown-type", "/spec/ioConfig/inputFormat/type", Some("parquet")),
        ("M6", kill, vec![Put("/markAsUnused", json!(true))], "removed-field", "/markAsUnused", None),
        ("M6", batch, vec![Put("/spec/ioConfig/firehose", json!({"type": "local"}))], "removed-field", "/spec/ioConfig/firehose", None),
        ("M7", batch, vec![Put("/spec/dataSchema/dimensionsSpec/dimensions/-", json!({"type": "string", "column": "user"}))], "misspelled-field", "/spec/dataSchema/dimensionsSpec/dimensions/2/column", Some("name")),
        ("M7", batch, vec![Put("/spec/dataSchema/dimensionsSpec/dimensions/-", json!({"type": "string"}))], "missing-field", "/spec/dataSchema/dimensionsSpec/dimensions/2", None),
        ("M8", batch, vec![Put("/spec/dataSchema/metricsSpec/-", json!("added"))], "wrong-type", "/spec/dataSchema/metricsSpec/1", None),
        ("M8", batch, vec![Put("/spec/dataSchema/metricsSpec/-", json!({"type": "longSum", "name": "sum"}))], "missing-field", "/spec/dataSchema/metricsSpec/1", None),
        ("M9", batch, vec![Put("/spec/tuningConfig/partitionsSpec", json!({"type": "hashed", "partitionDimensions": ["page"]}))], "conflicting-fields", "/spec/tuningConfig/partitionsSpec/type", None),
        ("M9", batch, vec![Put("/spec/tuningConfig/forceGuaranteedRollup", json!(true)), Put("/spec/tuningConfig/partitionsSpec", json!({"type": "range", "partitionDimensions": ["page"], "targetRowsPerSegment": 5})), Put("/spec/ioConfig/appendToExisting", json!(true))], "conflicting-fields", "/spec/ioConfig/appendToExisting", None),
        ("M10", batch, vec![Put("/spec/tuningConfig/forceGuaranteedRollup", json!(true)), Put("/spec/tuningConfig/partitionsSpec", json!({"type": "hashed"}))], "implicit-partitions", "/spec/tuningConfig/partitionsSpec", None),
        ("M11", batch, vec![Put("/spec/dataSchema/granularitySpec/segmentGranularity", json!("hour")), Put("/spec/dataSchema/granularitySpec/queryGranularity", json!("day"))], "finer-segments", "/spec/dataSchema/granularitySpec/segmentGranularity", None),
        ("M12", kafka, vec![Put("/spec/ioConfig/autoScalerConfig", json!({"enableTaskAutoScaler": true, "taskCountMin": 5, "taskCountMax": 2}))], "conflicting-fields", "/spec/ioConfig/autoScalerConfig/taskCountMin", None),
        ("M12", kafka, vec![Put("/spec/ioConfig/autoScalerConfig", json!({"enableTaskAutoScaler": true, "taskCountMax": 2}))], "missing-field", "/spec/ioConfig/autoScalerConfig", None),
        ("M13", batch, vec![Put("/spec/dataSchema/timestampSpec/format", json!("YYYY-MM-DD"))], "timestamp-pattern", "/spec/dataSchema/timestampSpec/format", Some("yyyy-MM-dd")),
        ("M13", batch, vec![Put("/spec/dataSchema/timestampSpec/format", json!("yyyy-MM-dd hh:mm"))], "timestamp-pattern", "/spec/dataSchema/timestampSpec/format", Some("yyyy-MM-dd HH:mm")),
        ("M14", batch, vec![Put("/spec/dataSchema/transformSpec/transforms/-", json!({"type": "expression", "name": "twice", "expression": "added * 2"}))], "unused-transform", "/spec/dataSchema/transformSpec/transforms/1/name", None),
        ("M15", batch, vec![Move("/spec/dataSchema/transformSpec", "/spec/ioConfig/transformSpec")], "misplaced-field", "/spec/ioConfig/transformSpec", Some("/spec/dataSchema/transformSpec")),
        ("M16", kafka, vec![Put("/spec/ioConfig/earlyMessageRejectionPeriod", json!("PT10M"))], "rejection-period", "/spec/ioConfig/earlyMessageRejectionPeriod", None),
        ("M17", batch, vec![Take("/spec/dataSchema/granularitySpec/intervals")], "overwrite-without-intervals", "/spec/dataSchema/granularitySpec", None),
        ("M17", batch, vec![Put("/spec/ioConfig/dropExisting", json!(true))], "drop-existing", "/spec/ioConfig/dropExisting", None),
        ("M17", batch, vec![Put("/spec/ioConfig/dropExisting", json!(true)), Put("/spec/ioConfig/appendToExisting", json!(true))], "conflicting-fields", "/spec/ioConfig/dropExisting", None),
        ("M18", batch, vec![Put("/spec/dataSchema/granularitySpec/intervals", json!(["2020-01-01T12:00/2020-01-02T12:00"]))], "unaligned-interval", "/spec/dataSchema/granularitySpec/intervals/0", None),
        ("M19", batch, vec![Put("/spec/dataSchema/granularitySpec/segmentGranularity", json!("P1D"))], "invalid-value", "/spec/dataSchema/granularitySpec/segmentGranularity", Some("DAY")),
        ("M19", batch, vec![Put("/spec/dataSchema/granularitySpec/segmentGranularity", json!("daily"))], "invalid-value", "/spec/dataSchema/granularitySpec/segmentGranularity", Some("DAY")),
        ("M19", batch, vec![Put("/spec/dataSchema/granularitySpec/segmentGranularity", json!("15m"))], "invalid-value", "/spec/dataSchema/granularitySpec/segmentGranularity", Some("FIFTEEN_MINUTE")),
        ("M20", batch, vec![Put("/spec/ioConfig/inputFormat", json!({"type": "csv", "findColumnsFromHeader": true, "delimiter": ";"}))], "ignored-field", "/spec/ioConfig/inputFormat/delimiter", None),
        ("M20", batch, vec![Put("/spec/ioConfig/inputFormat/columns", json!(["a"]))], "misplaced-field", "/spec/ioConfig/inputFormat/columns", None),
        ("M21", batch, vec![Put("/spec/ioConfig/inputSource", json!({"type": "druid", "dataSource": "wiki", "interval": "2020-01-01/2020-02-01"}))], "unread-format", "/spec/ioConfig/inputFormat", None),
        ("M24", batch, vec![Put("/context/priority", json!("75"))], "context-text", "/context/priority", Some("75")),
        ("M24", batch, vec![Put("/context/useConcurrentLocks", json!("true"))], "context-text", "/context/useConcurrentLocks", Some("true")),
        ("M24", batch, vec![Put("/context/Priority", json!(75)), Take("/context/priority")], "likely-context-key", "/context/Priority", Some("priority")),
        ("M25", kafka, vec![Put("/spec/ioConfig/taskDuration", json!(3600))], "misread-value", "/spec/ioConfig/taskDuration", Some("PT1H")),
        ("M25", kafka, vec![Put("/spec/ioConfig/taskDuration", json!("1h"))], "invalid-value", "/spec/ioConfig/taskDuration", Some("PT1H")),
        ("M26", batch, vec![Put("/spec/dataSchema/granularitySpec/intervals", json!("2020-01-01/2020-02-01"))], "wrong-type", "/spec/dataSchema/granularitySpec/intervals", Some("[\"2020-01-01/2020-02-01\"]")),
        ("M27", batch, vec![Put("/spec/dataSchema/metricsSpec/-", json!({"type": "longSum", "name": "added", "fieldName": "added"}))], "conflicting-fields", "/spec/dataSchema/metricsSpec/1/name", None),
        ("M27", batch, vec![Put("/spec/dataSchema/dimensionsSpec/dimensions/-", json!("page"))], "conflicting-fields", "/spec/dataSchema/dimensionsSpec/dimensions/2", None),
        ("M27", batch, vec![Put("/spec/dataSchema/dimensionsSpec/dimensions/-", json!("__time"))], "invalid-value", "/spec/dataSchema/dimensionsSpec/dimensions/2", None),
        ("M28", batch, vec![Put("/spec/dataSchema/dimensionsSpec", json!({}))], "implicit-dimensions", "/spec/dataSchema/dimensionsSpec", None),
        ("M29", batch, vec![Put("/spec/dataSchema/granularitySpec/rollup", json!(true)), Put("/spec/dataSchema/metricsSpec", json!([]))], "rollup-without-count", "/spec/dataSchema/granularitySpec/rollup", None),
        ("M30", batch, vec![Move("/spec/dataSchema/granularitySpec/segmentGranularity", "/spec/dataSchema/granularitySpec/segmentGranularty")], "misspelled-field", "/spec/dataSchema/granularitySpec/segmentGranularty", Some("segmentGranularity")),
        ("M30", batch, vec![Move("/spec/tuningConfig/partitionsSpec", "/spec/tuningConfig/partitionSpec")], "misspelled-field", "/spec/tuningConfig/partitionSpec", Some("partitionsSpec")),
        ("M30", batch, vec![Move("/spec/dataSchema/metricsSpec", "/spec/dataSchema/metricSpec")], "misspelled-field", "/spec/dataSchema/metricSpec", Some("metricsSpec")),
        ("M30", batch, vec![Move("/spec/ioConfig/inputFormat", "/spec/ioConfig/inputformat")], "misspelled-field", "/spec/ioConfig/inputformat", Some("inputFormat")),
        ("M31", batch, vec![Put("/spec/tuningConfig/maxNumConcurrentSubTasks", json!(1))], "slow-start", "/spec/tuningConfig/maxNumConcurrentSubTasks", None),
        ("M32", batch, vec![Put("/spec/ioConfig/inputSource", json!({"type": "local", "baseDir": "/home/me", "filter": "*"}))], "local-files", "/spec/ioConfig/inputSource", None),
        ("compaction", compact, vec![Put("/tuningConfig/type", json!("kafka"))], "mismatched-type", "/tuningConfig/type", Some("compaction")),
    ]
}

#[test]
fn every_mistake_is_told_and_its_mended_form_passes() {
    let schemas = schemas("33.0.0");
    let kind = |document: &Value| match document["type"].as_str() {
        Some("kafka" | "kinesis") => SpecKind::Supervisor,
        _ => SpecKind::Task,
    };
    for clean in [batch(), kafka(), kinesis(), compact(), kill()] {
        let findings = judge(&schemas, clean.to_string().as_bytes(), kind(&clean));
        let told: Vec<String> = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info)
            .map(line)
            .collect();
        assert!(told.is_empty(), "{told:?} of {clean}");
    }
    let mut wrong = Vec::new();
    for (mistake, mended, changes, code, pointer, suggestion) in cases() {
        let mut bad = mended();
        for each in &changes {
            change(&mut bad, each);
        }
        let kind = kind(&bad);
        let is_told = |document: &Value| {
            let findings = judge(&schemas, document.to_string().as_bytes(), kind);
            let found = findings.iter().any(|finding| {
                let suggested = finding.suggestion.as_ref();
                let right = suggestion.is_none_or(|wanted| {
                    suggested.is_some_and(|found| found.text == wanted || found.pointer == wanted)
                });
                finding.code.name() == code && finding.pointer == pointer && right
            });
            (found, findings.iter().map(line).collect::<Vec<_>>())
        };
        let (found, said) = is_told(&bad);
        if !found {
            wrong.push(format!(
                "{mistake}: not {code} at {pointer}, but {said:#?}\n  {bad}"
            ));
        }
        assert!(
            !is_told(&mended()).0,
            "{mistake}: the mended form has {code} too"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
