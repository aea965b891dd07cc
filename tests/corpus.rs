//! Real specs go through unchanged, or are refused for a reason that is right.
//!
//! The corpus is not part of the project: `OVERGATE_CORPUS` names its folder.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use overgate::route::SpecKind;
use serde_json::Value;

#[path = "support/mod.rs"]
mod support;

use support::client::{Call, Client};
use support::rig::{PASSWORD, Rig, api};

/// Whole documents that cannot be authorized: four set the JVM's options in their context (code on
/// the worker for whoever may submit), four name no datasource, which Druid refuses too.
const UNREAD: &[&str] = &[
    "022_", "229_", "230_", "235_", "239_", "240_", "246_", "247_",
];

/// What Druid's own reader says of each document (`tests/specs/corpus.rs`).
const VERDICTS: &str = include_str!("fixtures/corpus-verdicts.json");

/// Why a refusal of the review is right: Druid 28 passes fields over or refuses the spec; or a later
/// release does, where 28 was asked without the extension (Kafka, Kinesis …).
fn reason(verdicts: &Value, name: &str, code: &str) -> Option<&'static str> {
    let said = |release: &str| {
        verdicts[name][release]["verdict"]
            .as_str()
            .unwrap_or_default()
    };
    match (said("28.0.0"), said("33.0.0")) {
        ("dropped", _) => Some("Druid 28 passes fields over"),
        ("refused", _) => Some("Druid 28 refuses it"),
        ("refused-type", _) if code == "newer-field" => {
            Some("a field that only later releases read")
        }
        ("refused-type", "dropped") => Some("Druid 33 passes fields over"),
        ("refused-type", "refused") => Some("Druid 33 refuses it"),
        // Neither was asked with the extension: fields that its inventory does not have.
        ("refused-type", "refused-type") if code.ends_with("-field") => {
            Some("a field that no reader has")
        }
        _ => None,
    }
}

/// The whole documents: tasks, supervisors and samplers, as `index.tsv` has them.
fn documents() -> Option<Vec<(String, SpecKind, Vec<u8>)>> {
    let Some(folder) = std::env::var_os("OVERGATE_CORPUS").map(PathBuf::from) else {
        eprintln!("SKIPPED: OVERGATE_CORPUS is not set, no real specs are read");
        return None;
    };
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("an index");
    let mut documents = Vec::new();
    for line in index.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, _, _, _, kind, ..] = fields.as_slice() else {
            panic!("{line}")
        };
        let kind = match *kind {
            "task" => SpecKind::Task,
            "supervisor" => SpecKind::Supervisor,
            "sampler" => SpecKind::Sampler,
            _ => continue,
        };
        let body = std::fs::read(folder.join(name)).expect("listed");
        documents.push(((*name).to_owned(), kind, body));
    }
    assert!(documents.len() > 200, "{} documents", documents.len());
    Some(documents)
}

#[tokio::test]
async fn real_specs_arrive_byte_for_byte() {
    let Some(documents) = documents() else { return };
    let rig = Rig::start().await;
    rig.nodes[0].record();
    let mut client = Client::connect(rig.address).await.expect("connected");
    let mut arrived = 0;
    let mut refused = Vec::new();
    for (name, kind, body) in &documents {
        let path = match kind {
            SpecKind::Task => "/task",
            SpecKind::Supervisor => "/supervisor",
            SpecKind::Sampler => "/sampler",
        };
        let call = Call::new("POST", &api(path))
            .login("admin", PASSWORD)
            .json(body);
        let answer = client.call(&call).await.expect("answered");
        let received = rig.nodes[0].received();
        let posts: Vec<_> = received
            .iter()
            .filter(|request| request.method == "POST")
            .collect();
        if posts.is_empty() && answer.status == 400 {
            let answer = answer.json();
            let findings = answer["findings"].as_array().expect("findings");
            let error = findings
                .iter()
                .find(|finding| finding["severity"] == "error");
            let code = error.expect("an error")["code"]
                .as_str()
                .expect("a code")
                .to_owned();
            refused.push((name.as_str(), code));
            continue;
        }
        let [post] = posts.as_slice() else {
            panic!(
                "{name}: {} requests, {} {}",
                posts.len(),
                answer.status,
                answer.text()
            )
        };
        assert!(post.body == *body, "{name} was altered");
        arrived += 1;
    }
    let verdicts: Value = serde_json::from_str(VERDICTS).expect("JSON");
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, code) in &refused {
        let unread = UNREAD.iter().any(|start| name.starts_with(start));
        let reason = match unread {
            true => Some("it cannot be authorized"),
            false => reason(&verdicts, name, code),
        };
        let reason = reason
            .unwrap_or_else(|| panic!("{name} is refused for {code}, and Druid reads it whole"));
        println!("refused: {name} {code}: {reason}");
        *reasons.entry(reason).or_default() += 1;
    }
    // Nothing that Druid reads whole is refused, and most of what it does not is.
    assert_eq!(reasons["it cannot be authorized"], UNREAD.len());
    assert!(reasons["Druid 28 refuses it"] >= 30, "{reasons:?}");
    println!(
        "{arrived} of {} documents arrived byte for byte",
        documents.len()
    );
}

#[test]
fn what_is_sealed_is_json_of_the_same_shape() {
    let Some(documents) = documents() else { return };
    fn shape(value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let entries: Vec<_> = map
                    .iter()
                    .map(|(key, value)| format!("{key}:{}", shape(value)))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
            Value::Array(list) => {
                let elements: Vec<_> = list.iter().map(shape).collect();
                format!("[{}]", elements.join(","))
            }
            _ => "x".to_owned(),
        }
    }
    let mut sealed = 0;
    for (name, _, body) in &documents {
        let Some(shown) = overgate::finding::sealed(body) else {
            continue;
        };
        sealed += 1;
        let before: Value = serde_json::from_slice(body).expect(name);
        let after: Value = serde_json::from_slice(&shown).expect(name);
        assert_eq!(shape(&before), shape(&after), "{name}");
    }
    println!(
        "{sealed} of {} documents hold something to hide",
        documents.len()
    );
    assert!(sealed > 0 && sealed < documents.len() / 3, "{sealed}");
}
