//! Real specs go through unchanged, or are refused for a reason that is right.
//!
//! The corpus is not part of the project: `OVERGATE_CORPUS` names its folder.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

use std::path::PathBuf;

use overgate::route::SpecKind;

#[path = "support/mod.rs"]
mod support;

use support::client::{Call, Client};
use support::rig::{PASSWORD, Rig, api};

/// Whole documents that are refused: four set the JVM's options in their context (code on the
/// worker for whoever may submit), four name no datasource, which Druid refuses too.
const REFUSED: &[(&str, &str)] = &[
    (
        "022_docs-development-extensions-contrib-druid-exact-count-bitmap.json",
        "missing-field",
    ),
    (
        "229_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        "jvm-context-key",
    ),
    (
        "230_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        "jvm-context-key",
    ),
    (
        "235_web-console-src-druid-models-ingestion-spec-ingestion-spec-spec.json",
        "missing-field",
    ),
    (
        "239_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        "jvm-context-key",
    ),
    (
        "240_src-test-java-org-apache-druid-indexing-overlord-forkingtaskrunnertest.json",
        "jvm-context-key",
    ),
    (
        "246_web-console-src-druid-models-ingestion-spec-ingestion-spec-spec.json",
        "missing-field",
    ),
    (
        "247_web-console-src-druid-models-ingestion-spec-ingestion-spec-spec.json",
        "missing-field",
    ),
];

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
            refused.push((
                name.as_str(),
                answer.json()["findings"][0]["code"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            ));
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
    let refused: Vec<(&str, &str)> = refused
        .iter()
        .map(|(name, code)| (*name, code.as_str()))
        .collect();
    assert_eq!(refused, REFUSED);
    println!(
        "{arrived} of {} documents arrived byte for byte",
        documents.len()
    );
}
