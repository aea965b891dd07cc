use bytes::Bytes;

use super::*;
use crate::json::Limits;

/// What becomes of a body: the codes of its findings, or what it does in words.
fn outcome(kind: SpecKind, body: &[u8]) -> String {
    let document = match Document::read(Bytes::copy_from_slice(body), &Limits::default()) {
        Ok(document) => document,
        Err(invalid) => return Finding::invalid(&invalid, body).code.name().to_owned(),
    };
    match Spec::read(&document, kind) {
        Ok(spec) => {
            let names = |list: &[DataSource]| {
                list.iter()
                    .map(DataSource::as_str)
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let id = match &spec.id {
                SpecId::Task(Some(id)) => format!(" id {id}"),
                SpecId::Supervisor(ids) => {
                    let ids: Vec<_> = ids.iter().map(SupervisorId::as_str).collect();
                    format!(" ids {}", ids.join(","))
                }
                SpecId::Task(None) | SpecId::None => String::new(),
            };
            let opaque = spec
                .effects
                .opaque
                .map_or_else(String::new, |why| format!(" opaque {why:?}"));
            let reads = names(&spec.effects.reads);
            let reads = if reads.is_empty() {
                reads
            } else {
                format!(" reads {reads}")
            };
            format!(
                "{} writes {}{reads}{id}{opaque}",
                spec.type_id,
                names(&spec.effects.writes)
            )
        }
        Err(findings) => findings
            .iter()
            .map(|finding| finding.code.name())
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn check(kind: SpecKind, cases: &[(&str, &[u8], &str)]) {
    for (name, body, expected) in cases {
        assert_eq!(
            outcome(kind, body),
            *expected,
            "{name}: {}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn task_bodies_of_the_bypass_list() {
    let secret = r#"{"type":"druid","dataSource":"secret","interval":"2020/2021"}"#;
    let with_source = |source: &str| {
        format!(r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":"a"}},"ioConfig":{source}}}}}"#)
            .into_bytes()
    };
    let b8 = with_source(&format!(
        r#"{{"type":"index_parallel","inputSource":["druid",{secret}]}}"#
    ));
    let b9 = with_source(&format!(r#"["index_parallel",{{"inputSource":{secret}}}]"#));
    let b10 = with_source(&format!(
        r#"{{"type":"index_parallel","inputSource":{{"type":"combining","delegates":[{{"type":"combining","delegates":[{secret}]}}]}}}}"#
    ));
    let plain = with_source(&format!(
        r#"{{"type":"index_parallel","inputSource":{secret}}}"#
    ));
    let deep = format!(
        r#"{{"type":"noop","context":{{"a":{}{}}}}}"#,
        "[".repeat(2_000),
        "]".repeat(2_000)
    );
    let long_number = format!(r#"{{"type":"noop","a":{}}}"#, "1".repeat(1_001));
    let long_key = format!(r#"{{"type":"noop","{}":1}}"#, "k".repeat(60_000));
    let utf16: Vec<u8> = r#"{"type":"noop"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(
        SpecKind::Task,
        &[
            ("B1", br#"["kill",{"dataSource":"b","interval":"2020/2021"}]"#, "wrapper-array"),
            ("B2", br#"["kill",{"type":"noop","dataSource":"b"}]"#, "wrapper-array"),
            ("B3", br#"{"type":"kill","type":"noop","dataSource":"b"}"#, "duplicate-key"),
            ("B4", br#"{"type":"noop","dataSource":"a","dataSource":"b"}"#, "duplicate-key"),
            ("B5", br#"{"type":"index","spec":{},"spec":{}}"#, "duplicate-key"),
            ("B6", br#"{"type":null,"type":"kill","dataSource":"b"}"#, "duplicate-key"),
            ("B6 single", br#"{"type":null,"dataSource":"b"}"#, "wrong-type"),
            ("B7", br#"{"type":"noop"}{"type":"kill"}"#, "trailing-text"),
            ("B7 bracket", br#"{"type":"noop"}]"#, "trailing-text"),
            ("B7 nul", b"{\"type\":\"noop\"}\0", "trailing-text"),
            ("B8", &b8, "wrapper-array"),
            ("B9", &b9, "wrapper-array"),
            ("B10", &b10, "index_parallel writes a reads secret"),
            ("druid source", &plain, "index_parallel writes a reads secret"),
            ("B11", br#"{"type":"noop","data\u0053ource":"b"}"#, "noop writes b"),
            ("B12", b"{\"type\":\"noop\",\"\xc1\xa4ataSource\":\"b\"}", "ambiguous-encoding"),
            ("B13", &utf16, "malformed-json"),
            ("B14", b"\xef\xbb\xbf{\"type\":\"noop\"}", "ambiguous-encoding"),
            ("B15 number", br#"{"type":"noop","dataSource":123}"#, "wrong-type"),
            ("B15 boolean", br#"{"type":"noop","dataSource":true}"#, "wrong-type"),
            ("B15 fraction", br#"{"type":"noop","dataSource":1.50}"#, "wrong-type"),
            ("B16 nul", br#"{"type":"noop","dataSource":"a\u0000b"}"#, "forbidden-character"),
            ("B16 surrogate", br#"{"type":"noop","dataSource":"a\ud800b"}"#, "forbidden-character"),
            ("B20 javaOpts", br#"{"type":"noop","context":{"druid.indexer.runner.javaOpts":"-X"}}"#, "jvm-context-key"),
            ("B20 fork", br#"{"type":"noop","context":{"druid.indexer.fork.property.x":"y"}}"#, "jvm-context-key"),
            ("B20 any", br#"{"type":"noop","context":{"priority":1,"\u0064ruid.x":1}}"#, "jvm-context-key"),
            (
                "B21",
                br#"{"type":"query_controller","spec":{"query":{"queryType":"scan","dataSource":"secret"},"destination":{"type":"dataSource","dataSource":"a"}}}"#,
                "query_controller writes a reads secret",
            ),
            ("B22 depth", deep.as_bytes(), "too-deep"),
            ("B22 number", long_number.as_bytes(), "too-long"),
            ("B22 key", long_key.as_bytes(), "too-long"),
            ("B23 empty", b"", "malformed-json"),
            ("B23 null", b"null", "wrong-type"),
            ("B23 text", br#""""#, "wrong-type"),
            ("B23 number", b"5", "wrong-type"),
            ("B23 array", b"[]", "wrong-type"),
            ("B23 object", b"{}", "missing-field"),
            ("B24", br#"{"":{"enabled":true},"type":"noop"}"#, "empty-key"),
            ("B25", br#"{"type":"noop"}"#, "noop writes none"),
            ("one-element array", br#"["noop"]"#, "wrong-type"),
        ],
    );
}

#[test]
fn each_kind_of_task_names_its_datasource() {
    check(
        SpecKind::Task,
        &[
            ("index", br#"{"type":"index","spec":{"dataSchema":{"dataSource":"a"}}}"#, "index writes a"),
            ("compact", br#"{"type":"compact","id":"c1","dataSource":"a"}"#, "compact writes a id c1"),
            ("kill", br#"{"type":"kill","dataSource":"a"}"#, "kill writes a"),
            ("index_kafka", br#"{"type":"index_kafka","dataSchema":{"dataSource":"a"}}"#, "index_kafka writes a opaque Internal"),
            (
                "hadoop",
                br#"{"type":"index_hadoop","spec":{"dataSchema":{"dataSource":"a"},"ioConfig":{"type":"hadoop","inputSpec":{"type":"multi","children":[{"type":"dataSource","ingestionSpec":{"dataSource":"b"}}]}}}}"#,
                "index_hadoop writes a reads b",
            ),
            (
                "firehose",
                br#"{"type":"index","spec":{"dataSchema":{"dataSource":"a"},"ioConfig":{"type":"index","firehose":{"type":"ingestSegment","dataSource":"b"}}}}"#,
                "index writes a reads b",
            ),
            ("unknown", br#"{"type":"acme","dataSource":"a"}"#, "acme writes  opaque UnknownType"),
            ("case", br#"{"type":"Noop","dataSource":"a"}"#, "Noop writes  opaque UnknownType"),
            ("no datasource", br#"{"type":"kill"}"#, "missing-field"),
            ("null datasource", br#"{"type":"kill","dataSource":null}"#, "missing-field"),
            ("spec is text", br#"{"type":"index","spec":"x"}"#, "wrong-type"),
            ("bad name", br#"{"type":"kill","dataSource":"a/b"}"#, "invalid-name"),
            ("bad id", br#"{"type":"noop","id":"../x"}"#, "invalid-name"),
            ("numeric id", br#"{"type":"noop","id":5}"#, "wrong-type"),
            ("null id", br#"{"type":"noop","id":null}"#, "noop writes none"),
            ("dimensions", br#"{"type":"index","spec":{"dataSchema":{"dataSource":"a","dimensionsSpec":{"dimensions":["x",{"type":"long","name":"y"}]}}}}"#, "index writes a"),
            ("a disguise in dimensionsSpec", br#"{"type":"index","spec":{"dataSchema":{"dataSource":"a","granularitySpec":["uniform",{}]}}}"#, "wrapper-array"),
            ("druid source with a list", br#"{"type":"index","spec":{"dataSchema":{"dataSource":"a"},"ioConfig":{"inputSource":{"type":"druid","dataSource":["b"]}}}}"#, "wrong-type"),
            (
                "two at once",
                br#"{"type":"kill","id":7,"dataSource":8,"context":{"druid.x":1}}"#,
                "wrong-type wrong-type jvm-context-key",
            ),
        ],
    );
}

#[test]
fn supervisor_bodies_of_the_bypass_list() {
    check(
        SpecKind::Supervisor,
        &[
            (
                "S1",
                br#"{"type":"kafka","id":"theirs","spec":{"dataSchema":{"dataSource":"a"}}}"#,
                "kafka writes a ids theirs,a",
            ),
            (
                "S2",
                br#"{"type":"kafka","spec":{"dataSchema":{"dataSource":"b"}},"dataSchema":{"dataSource":"a"}}"#,
                "conflicting-datasource",
            ),
            ("S3", br#"{"type":"kafka","spec":null,"dataSchema":{"dataSource":"b"}}"#, "kafka writes b ids b"),
            (
                "S4",
                br#"{"type":"scheduled_batch","dataSource":"a","spec":{"query":"REPLACE INTO b"}}"#,
                "scheduled_batch writes a ids a opaque Sql",
            ),
            ("S5", br#"{"type":"NoopSupervisorSpec","dataSources":["a"],"id":"autocompact__b"}"#, "noop-supervisor reserved-id"),
            ("S6", br#"{"type":"kafka","dataSchema":{"dataSource":"a"}}"#, "kafka writes a ids a"),
            ("printed back", br#"{"type":"kafka","spec":{"dataSchema":{"dataSource":"a"}},"dataSchema":{"dataSource":"a"}}"#, "kafka writes a ids a"),
            ("reserved", br#"{"type":"kafka","id":"autocompact__b","dataSchema":{"dataSource":"a"}}"#, "reserved-id"),
            ("compaction", br#"{"type":"autocompact","spec":{"dataSource":"a"}}"#, "autocompact writes a ids autocompact__a"),
            ("unknown", br#"{"type":"acme"}"#, "acme writes  ids  opaque UnknownType"),
            ("array", br#"["kafka",{"spec":{}}]"#, "wrapper-array"),
            ("spec in disguise", br#"{"type":"kafka","spec":{"dataSchema":{"dataSource":"a"},"ioConfig":["kafka",{}]}}"#, "wrapper-array"),
        ],
    );
}

#[test]
fn slots_are_what_the_task_will_occupy() {
    let of = |kind, body: &str| {
        let document = Document::read(Bytes::copy_from_slice(body.as_bytes()), &Limits::default());
        Spec::read(&document.expect("valid"), kind)
            .expect("a spec")
            .effects
            .slots
            .unwrap_or(u32::MAX)
    };
    let parallel = |tuning: &str| {
        format!(
            r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":"a"}},"tuningConfig":{tuning}}}}}"#
        )
    };
    for (tuning, slots) in [
        ("{}", 1),
        (r#"{"maxNumConcurrentSubTasks":1}"#, 1),
        (r#"{"maxNumConcurrentSubTasks":4}"#, 5),
        (r#"{"maxNumConcurrentSubTasks":"4"}"#, 5),
        (r#"{"maxNumConcurrentSubTasks":4294967295}"#, u32::MAX),
        (r#"{"maxNumConcurrentSubTasks":" 4 "}"#, 5),
        (r#"{"maxNumConcurrentSubTasks":4.9}"#, 5),
        (r#"{"maxNumConcurrentSubTasks":1e3}"#, 1_001),
        (r#"{"maxNumConcurrentSubTasks":1e300}"#, u32::MAX),
        (r#"{"maxNumConcurrentSubTasks":-4}"#, 1),
        (r#"{"maxNumConcurrentSubTasks":""}"#, 1),
        (r#"{"maxNumConcurrentSubTasks":null}"#, 1),
        (r#"{"maxNumSubTasks":7}"#, 8),
        (r#"{"maxNumConcurrentSubTasks":3,"maxNumSubTasks":7}"#, 8),
        // Druid reads neither; a spelling that it did read would be the way around a limit.
        (r#"{"maxNumConcurrentSubTasks":"many"}"#, u32::MAX),
        (r#"{"maxNumConcurrentSubTasks":[4]}"#, u32::MAX),
        ("null", 1),
    ] {
        assert_eq!(of(SpecKind::Task, &parallel(tuning)), slots, "{tuning}");
    }
    for (body, slots) in [
        (r#"{"type":"noop"}"#, 1),
        // Of an extension's type nothing can be told.
        (r#"{"type":"acme_load"}"#, u32::MAX),
        (
            r#"{"type":"index","spec":{"dataSchema":{"dataSource":"a"}},"resource":{"availabilityGroup":"g","requiredCapacity":9}}"#,
            9,
        ),
        (r#"{"type":"noop","resource":{"requiredCapacity":0}}"#, 1),
        (
            r#"{"type":"compact","dataSource":"a","tuningConfig":{"maxNumConcurrentSubTasks":4}}"#,
            5,
        ),
        (
            r#"{"type":"query_controller","spec":{"tuningConfig":{"maxNumWorkers":3}}}"#,
            4,
        ),
    ] {
        assert_eq!(of(SpecKind::Task, body), slots, "{body}");
    }
    let kafka = |io: &str| {
        format!(
            r#"{{"type":"kafka","spec":{{"dataSchema":{{"dataSource":"a"}},"ioConfig":{io}}}}}"#
        )
    };
    let scaler = |enabled: &str| {
        format!(
            r#"{{"taskCount":2,"replicas":3,"autoScalerConfig":{{"enableTaskAutoScaler":{enabled},"taskCountMax":10}}}}"#
        )
    };
    for (io, slots) in [
        ("{}".to_owned(), 2),
        (r#"{"taskCount":3,"replicas":"2"}"#.to_owned(), 12),
        (r#"{"taskCount":0}"#.to_owned(), 2),
        (
            r#"{"taskCount":70000,"replicas":70000}"#.to_owned(),
            u32::MAX,
        ),
        (scaler("true"), 60),
        (scaler(r#""True""#), 60),
        (scaler("1"), 60),
        (scaler("false"), 12),
        (scaler("null"), 12),
    ] {
        assert_eq!(of(SpecKind::Supervisor, &kafka(&io)), slots, "{io}");
    }
    let legacy = r#"{"type":"kafka","spec":null,"dataSchema":{"dataSource":"a"},"ioConfig":{"taskCount":4}}"#;
    assert_eq!(of(SpecKind::Supervisor, legacy), 8);
}

/// Datasources are found wherever they stand, and what only looks dangerous is let through.
#[test]
fn what_stands_where() {
    let source = |source: &str| {
        format!(
            r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":"a"}},"ioConfig":{{"type":"index_parallel","inputSource":{source}}}}}}}"#
        )
    };
    let schema = |rest: &str| {
        format!(r#"{{"type":"index","spec":{{"dataSchema":{{"dataSource":"a",{rest}}}}}}}"#)
    };
    let task = |rest: &str| format!(r#"{{"type":"noop",{rest}}}"#);
    let cases: &[(String, &str)] = &[
        (source(r#"{"type":"acme_lake","dataSource":"b"}"#), "index_parallel writes a reads b opaque Input"),
        (source(r#"{"type":"acme_lake","dataSource":{"name":"b"}}"#), "index_parallel writes a opaque Input"),
        (source(r#"{"type":"dr\u0075id","dataSource":"b"}"#), "index_parallel writes a reads b"),
        (source(r#"{"type":"druid","dataSource":"b","segments":[{"segmentId":"b_1"}]}"#), "index_parallel writes a reads b opaque Input"),
        (source(r#"{"type":"druid","dataSource":"a"}"#), "index_parallel writes a reads a"),
        (source(r#"{"type":"druid","dataSource":"../b"}"#), "invalid-name"),
        (
            source(r#"{"type":"combining","delegates":[{"type":"druid","dataSource":"c"},{"type":"druid","dataSource":"b"},{"type":"druid","dataSource":"c"}]}"#),
            "index_parallel writes a reads c,b",
        ),
        (source(r#"{"type":"combining","delegates":[["druid",{"dataSource":"b"}]]}"#), "wrapper-array"),
        (source(r#"{"type":"inline","data":"[\"druid\",{}]"}"#), "index_parallel writes a"),
        (schema(r#""projections":[{"type":"aggregate","groupingColumns":["x",{"type":"long","name":"y"}]}]"#), "index writes a"),
        (schema(r#""transformSpec":{"filter":["not",{"field":{}}]}"#), "wrapper-array"),
        (schema(r#""transformSpec":{"filter":{"type":"and","fields":[["not",{"field":{}}]]}}"#), "wrapper-array"),
        (schema(r#""parser":["string",{}]"#), "wrapper-array"),
        (
            r#"{"type":"compact","dataSource":"a","segments":[{"dataSource":"b","interval":"2020/2021"}]}"#.to_owned(),
            "compact writes a reads b",
        ),
        (task(r#""context":{"tags":["x",{"team":"y"}],"dataSource":"b"}"#), "noop writes none"),
        (task(r#""context":{"druid.":1}"#), "jvm-context-key"),
        (task(r#""context":{"DRUID.x":1}"#), "jvm-context-key"),
        (task(r#""context":{"druid":1,"druidx":2,"x.druid.y":3}"#), "noop writes none"),
        (task(r#""context":{"tags":[{"druid.x":1}]}"#), "jvm-context-key"),
        (task(r#""other":{"taskContext":{"druid.x":1}}"#), "jvm-context-key"),
        (task(r#""type2":{"druid.x":1}"#), "noop writes none"),
        (r#"{"type":5,"context":{"druid.x":1}}"#.to_owned(), "wrong-type jvm-context-key"),
        (r#"{"type":"a\nb"}"#.to_owned(), "invalid-name"),
    ];
    for (body, expected) in cases {
        assert_eq!(
            outcome(SpecKind::Task, body.as_bytes()),
            *expected,
            "{body}"
        );
    }
    let compaction = r#"{"type":"autocompact","spec":{"dataSource":"a","taskContext":{"druid.indexer.runner.javaOpts":"-X"}}}"#;
    assert_eq!(
        outcome(SpecKind::Supervisor, compaction.as_bytes()),
        "jvm-context-key"
    );
    let long = format!(
        r#"{{"type":"autocompact","spec":{{"dataSource":"{}"}}}}"#,
        "a".repeat(250)
    );
    assert_eq!(
        outcome(SpecKind::Supervisor, long.as_bytes()),
        "invalid-name"
    );
}

#[test]
fn a_compaction_configuration_can_hold_hazards() {
    for (body, codes) in [
        (r#"{"dataSource":"a","taskContext":{"priority":1}}"#, ""),
        (r#"["inline",{"dataSource":"a"}]"#, "wrapper-array"),
        (
            r#"{"dataSource":"a","taskContext":{"druid.indexer.runner.javaOpts":"-X"}}"#,
            "jvm-context-key",
        ),
        (
            r#"{"dataSource":"a","granularitySpec":["uniform",{}]}"#,
            "wrapper-array",
        ),
    ] {
        let document = Document::read(Bytes::from(body), &Limits::default()).expect("valid");
        let found: Vec<_> = hazards(&document)
            .iter()
            .map(|finding| finding.code.name())
            .collect();
        assert_eq!(found.join(" "), codes, "{body}");
    }
}

/// Findings are the first of the document, and thousands cost no more than twenty.
#[test]
fn bodies_made_of_mistakes_are_told_in_good_time() {
    let wrappers = vec![r#"["x",{}]"#; 300_000].join(",\n");
    let keys: Vec<_> = (0..300_000)
        .map(|number| format!("\"druid.{number}\":0"))
        .collect();
    let delegates: Vec<_> = (0..100_000)
        .map(|number| format!(r#"{{"type":"druid","dataSource":"d{number}"}}"#))
        .collect();
    for (body, code, first) in [
        (
            format!("{{\"type\":\"noop\",\"a\":[{wrappers}]}}"),
            Code::WrapperArray,
            "/a/0",
        ),
        (
            format!("{{\"type\":\"noop\",\"context\":{{{}}}}}", keys.join(",")),
            Code::JvmContextKey,
            "/context/druid.0",
        ),
        (
            format!("{{\"type\":\"noop\",\"a\":[{}]}}", delegates.join(",")),
            Code::TooManyValues,
            "/a/1000/dataSource",
        ),
    ] {
        let document = Document::read(Bytes::from(body), &Limits::default()).expect("valid");
        let findings = Spec::read(&document, SpecKind::Task).expect_err("refused");
        assert_eq!(findings.len(), MOST);
        assert!(
            findings.iter().all(|finding| finding.code == code),
            "{code}"
        );
        assert_eq!(findings[0].pointer, first);
    }
}
