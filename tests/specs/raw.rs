//! What is between the bytes and the spec: duplicates, wrapper arrays, encodings, coercions. Where we
//! let a body pass, Druid reads the type, the id and the datasources that we read.
//!
//! The answers are checked in (`tests/fixtures/raw.json`) and replayed without Java;
//! `OVERGATE_ORACLE=ask` asks Druid again.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::{Value, json};

use overgate::json::{Document, Limits};
use overgate::route::SpecKind;
use overgate::spec::{Spec, SpecId};

use crate::oracle::{answers, kind_name, strings};

const RELEASES: [&str; 3] = ["28.0.0", "33.0.0", "37.0.0"];

/// A batch task of the datasource, with these pieces in it.
fn batch(datasource: &str, source: &str, top: &str) -> String {
    format!(
        r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":{datasource},"timestampSpec":{{"column":"t"}},"dimensionsSpec":{{"dimensions":["a"]}},"granularitySpec":{{"intervals":["2020/2021"]}}}},"ioConfig":{{"type":"index_parallel","inputSource":{source},"inputFormat":{{"type":"json"}}}}}}{top}}}"#
    )
}

/// Bodies, each with a name.
fn bodies() -> Vec<(String, SpecKind, Vec<u8>)> {
    const INLINE: &str = r#"{"type":"inline","data":"x"}"#;
    let mut bodies: Vec<(String, SpecKind, Vec<u8>)> = Vec::new();
    let mut add =
        |name: &str, kind, text: &[u8]| bodies.push((name.to_owned(), kind, text.to_vec()));
    let task = SpecKind::Task;
    // Duplicates, plain and escaped, of what decides.
    for text in [
        r#"{"type":"noop","type":"kill","dataSource":"a","interval":"2020/2021"}"#,
        r#"{"type":"noop","typ\u0065":"kill","dataSource":"a","interval":"2020/2021"}"#,
        r#"{"type":"noop","id":"a","id":"b"}"#,
        r#"{"type":"noop","id":"a","i\u0064":"b"}"#,
        r#"{"type":"noop","dataSource":"a","dataSource":"b"}"#,
        r#"{"dataSource":"a","type":"noop","dataSource":"b"}"#,
        r#"{"type":"noop","context":{"a":1},"context":{"b":1}}"#,
        // Escapes that are plain letters.
        r#"{"typ\u0065":"noop","id":"a"}"#,
        r#"{"type":"no\u006fp","\u0069d":"a\u0062"}"#,
        r#"{"type":"noop","id":"a\/b"}"#,
        r#"{"type":"noop","dataSource":"w\u0077"}"#,
        r#"{"type":"noop","id":"\u00e9"}"#,
        r#"{"type":"noop","id":"\ud83d\ude00"}"#,
        r#"{"type":"noop","id":"\ud800"}"#,
        r#"{"type":"noop","id":"a\u0000b"}"#,
        // Wrapper arrays, as Jackson takes them for an object with a type.
        r#"["noop",{}]"#,
        r#"["kill",{"dataSource":"a","interval":"2020/2021"}]"#,
        r#"{"type":"noop","dataSource":["a"]}"#,
        r#"{"type":["noop"]}"#,
        r#"{"type":"noop","id":["a"]}"#,
        // Another type of JSON.
        r#"{"type":"noop","id":5}"#,
        r#"{"type":"noop","id":true}"#,
        r#"{"type":"noop","id":null}"#,
        r#"{"type":"noop","id":{}}"#,
        r#"{"type":"noop","dataSource":5}"#,
        r#"{"type":"noop","dataSource":null}"#,
        r#"{"type":null}"#,
        r#"{"type":5}"#,
        r#"{"type":"NOOP"}"#,
        r#"{"type":" noop"}"#,
        r#"{"type":"noop "}"#,
        r#"{}"#,
        r#"[]"#,
        r#"null"#,
        r#""noop""#,
        // Names at their edges.
        r#"{"type":"noop","id":""}"#,
        r#"{"type":"noop","id":" a"}"#,
        r#"{"type":"noop","id":"a b"}"#,
        r#"{"type":"noop","id":"a%20b"}"#,
        r#"{"type":"noop","id":"a\nb"}"#,
        r#"{"type":"noop","id":".."}"#,
        r#"{"type":"noop","id":"a\u200bb"}"#,
        r#"{"type":"noop","dataSource":""}"#,
        r#"{"type":"noop","dataSource":"a/b"}"#,
        r#"{"type":"noop","dataSource":" a"}"#,
        r#"{"type":"noop","dataSource":"a "}"#,
        r#"{"type":"noop","dataSource":"a\u00a0"}"#,
        r#"{"type":"noop","dataSource":"a\u202eb"}"#,
        r#"{"type":"noop","dataSource":".."}"#,
        r#"{"type":"noop","dataSource":"A"}"#,
        r#"{"type":"noop","groupId":"g","dataSource":"a"}"#,
        // Text that other readers take for JSON.
        "\u{c}{\"type\":\"noop\"}",
        "\n\t {\"type\":\"noop\"} \r\n",
        r#"{"type":"noop"/*x*/}"#,
        r#"{"type":"noop",}"#,
        r#"{'type':'noop'}"#,
        r#"{type:"noop"}"#,
        r#"{"type":"noop"} {"type":"kill"}"#,
        r#"{"type":"noop"}x"#,
        r#"{"type":"noop","runTime":NaN}"#,
        r#"{"type":"noop","runTime":007}"#,
        r#"{"type":"noop","runTime":+5}"#,
        r#"{"type":"noop","runTime":99999999999999999999}"#,
        r#"{"type":"noop","runTime":1e2}"#,
        r#"{"type":"noop","runTime":-0}"#,
        r#"{"type":"noop","runTime":"5"}"#,
        r#"{"type":"noop","":5}"#,
        // What is the id of another, and what Druid reads of it.
        r#"{"type":"compact","dataSource":"a","ioConfig":{"type":"compact","inputSpec":["interval",{"interval":"2020/2021"}]}}"#,
        r#"{"type":"kill","dataSource":"a","interval":"2020/2021","dataSources":["b"]}"#,
        r#"{"type":"index_parallel","spec":"{}"}"#,
        r#"{"type":"index_parallel","spec":[{}]}"#,
    ] {
        add(text, task, text.as_bytes());
    }
    for (datasource, source, top) in [
        (r#""a""#, INLINE, ""),
        (r#""a""#, INLINE, r#","dataSource":"b""#),
        (r#""a""#, INLINE, r#","dataSchema":{"dataSource":"b"}"#),
        (r#""a\u0062""#, INLINE, ""),
        (r#"["a"]"#, INLINE, ""),
        (r#"{"type":"table","name":"a"}"#, INLINE, ""),
        ("true", INLINE, ""),
        ("5", INLINE, ""),
        (
            r#""a""#,
            r#"{"type":"druid","dataSource":"b","interval":"2020/2021"}"#,
            "",
        ),
        (
            r#""a""#,
            r#"["druid",{"dataSource":"b","interval":"2020/2021"}]"#,
            "",
        ),
        (
            r#""a""#,
            r#"{"type":"combining","delegates":[["druid",{"dataSource":"b","interval":"2020/2021"}]]}"#,
            "",
        ),
        (
            r#""a""#,
            r#"{"type":"druid","dataSource":5,"interval":"2020/2021"}"#,
            "",
        ),
        (
            r#""a""#,
            r#"{"@class":"x","type":"druid","dataSource":"b","interval":"2020/2021"}"#,
            "",
        ),
    ] {
        let text = batch(datasource, source, top);
        add(&text, task, text.as_bytes());
    }
    let schema = r#"{"dataSource":"a","timestampSpec":{"column":"t"},"dimensionsSpec":{},"granularitySpec":{}}"#;
    let io = r#"{"topic":"t","consumerProperties":{"bootstrap.servers":"b"},"inputFormat":{"type":"json"}}"#;
    for text in [
        format!(r#"{{"type":"kafka","spec":{{"dataSchema":{schema},"ioConfig":{io}}}}}"#),
        format!(r#"{{"type":"kafka","id":"b","spec":{{"dataSchema":{schema},"ioConfig":{io}}}}}"#),
        format!(
            r#"{{"type":"kafka","id":"b","id":"c","spec":{{"dataSchema":{schema},"ioConfig":{io}}}}}"#
        ),
        format!(r#"{{"type":"kafka","dataSchema":{schema},"ioConfig":{io}}}"#),
        format!(
            r#"{{"type":"kafka","dataSchema":{{"dataSource":"old"}},"spec":{{"dataSchema":{schema},"ioConfig":{io}}}}}"#
        ),
        format!(r#"{{"type":"kafka","dataSchema":{schema},"ioConfig":{io},"spec":null}}"#),
        format!(r#"["kafka",{{"spec":{{"dataSchema":{schema},"ioConfig":{io}}}}}]"#),
        r#"{"type":"autocompact","spec":{"dataSource":"a"}}"#.to_owned(),
        r#"{"type":"autocompact","id":"b","spec":{"dataSource":"a"}}"#.to_owned(),
        r#"{"type":"NoopSupervisorSpec","id":"a","dataSources":["b"]}"#.to_owned(),
        r#"{"type":"kafka","spec":{"dataSchema":null}}"#.to_owned(),
    ] {
        add(&text, SpecKind::Supervisor, text.as_bytes());
    }
    // Encodings.
    let noop = r#"{"type":"noop","id":"a"}"#;
    let wide = |order: fn(u16) -> [u8; 2]| noop.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    add(
        "a byte order mark",
        task,
        format!("\u{feff}{noop}").as_bytes(),
    );
    add("UTF-16, big end first", task, &wide(u16::to_be_bytes));
    add("UTF-16, little end first", task, &wide(u16::to_le_bytes));
    let wider = noop
        .chars()
        .flat_map(|c| (c as u32).to_be_bytes())
        .collect::<Vec<u8>>();
    add("UTF-32", task, &wider);
    add("Latin-1", task, b"{\"type\":\"noop\",\"id\":\"\xe9\"}");
    add(
        "overlong UTF-8",
        task,
        b"{\"type\":\"noop\",\"id\":\"\xc1\xa1\"}",
    );
    add(
        "a surrogate in UTF-8",
        task,
        b"{\"type\":\"noop\",\"id\":\"\xed\xa0\x80\"}",
    );
    bodies
}

/// What Druid says of each body: `null` if it refuses it, else its type, id and datasources.
fn ask(release: &str, bodies: &[(String, SpecKind, Vec<u8>)]) -> Vec<Value> {
    let request = |(_, kind, body): &(String, SpecKind, Vec<u8>)| {
        let body = base64::engine::general_purpose::STANDARD.encode(body);
        json!({"kind": kind_name(*kind), "base64": body})
    };
    let all = answers(release, bodies.iter().map(request).collect());
    let answers = all.into_iter().zip(bodies).map(|(answer, (_, kind, _))| {
        if answer["ok"] != json!(true) {
            return Value::Null;
        }
        let id = match kind {
            SpecKind::Task => &answer["taskId"],
            SpecKind::Supervisor | SpecKind::Sampler => &answer["supervisorId"],
        };
        // An id that Druid makes has the time in it.
        let is_made = id
            .as_str()
            .is_some_and(|id| id.contains("_20") && id.contains('Z'));
        let id = if is_made { &Value::Null } else { id };
        json!({"type": answer["type"], "id": id, "dataSource": answer["dataSource"]})
    });
    answers.collect()
}

#[test]
fn what_passes_is_read_as_druid_reads_it() {
    let bodies = bodies();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/raw.json");
    if std::env::var_os("OVERGATE_ORACLE").is_some_and(|word| word == "ask") {
        let asked = RELEASES.map(|release| ask(release, &bodies));
        let rows: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(number, (name, ..))| {
                let answers: Vec<&Value> = asked.iter().map(|answers| &answers[number]).collect();
                json!({"body": name, "answers": answers})
            })
            .collect();
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        std::fs::write(path, format!("[\n{}\n]\n", lines.join(",\n"))).expect("written");
    }
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(path).expect(path)).expect("JSON");
    assert_eq!(
        rows.len(),
        bodies.len(),
        "OVERGATE_ORACLE=ask cargo test --test specs raw"
    );
    let (mut passed, mut read) = (0, 0);
    for (row, (name, kind, body)) in rows.iter().zip(&bodies) {
        assert_eq!(
            row["body"],
            json!(name),
            "OVERGATE_ORACLE=ask cargo test --test specs raw"
        );
        let Ok(document) = Document::read(Bytes::copy_from_slice(body), &Limits::default()) else {
            continue;
        };
        let Ok(spec) = Spec::read(&document, *kind) else {
            continue;
        };
        passed += 1;
        for (release, answer) in RELEASES
            .iter()
            .zip(row["answers"].as_array().expect("a list"))
        {
            if answer.is_null() {
                continue;
            }
            read += 1;
            assert_eq!(answer["type"], json!(spec.type_id), "{release} {name}");
            let ids: Vec<Option<&str>> = match &spec.id {
                SpecId::Task(id) => vec![id.as_ref().map(|id| id.as_str())],
                SpecId::Supervisor(ids) => ids.iter().map(|id| Some(id.as_str())).collect(),
                SpecId::None => vec![None],
            };
            assert!(
                ids.contains(&answer["id"].as_str()),
                "{release} {name}: {ids:?} {answer}"
            );
            let theirs = match &answer["dataSource"] {
                Value::String(one) => vec![one.clone()],
                list => strings(list),
            };
            let ours: Vec<String> = spec
                .effects
                .writes
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(ours, theirs, "{release} {name}");
        }
    }
    println!(
        "{} bodies, {passed} pass; Druid was asked of them {read} times",
        bodies.len()
    );
    assert!(passed >= 15 && read >= 30, "{passed} pass, {read} are read");
}
