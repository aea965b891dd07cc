//! What specs write, held against Druid's own word: needs Java, so only where it is asked for.
//!
//! `OVERGATE_ORACLE=ask cargo test --test policy druid -- --nocapture`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test asks a program and says what it compared"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::Bytes;
use overgate::json::{Document, Limits};
use overgate::spec::Spec;
use serde_json::{Value, json};

use super::word::Kind;
use super::{generate, spec_kind};

const SPECS: u64 = 40_000;

/// Druid's answers, one a line.
fn ask(release: &str, requests: &str) -> Vec<Value> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut oracle = Command::new(format!("{root}/tests/oracle/run"))
        .arg(release)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut input = oracle.stdin.take().expect("piped");
    let requests = requests.to_owned();
    let writer = std::thread::spawn(move || input.write_all(requests.as_bytes()));
    let output = oracle.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("an answer"))
        .collect()
}

fn names(told: &Value) -> BTreeSet<String> {
    let list = match told {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let texts = list.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[test]
fn what_is_written_is_what_druid_writes() {
    if std::env::var_os("OVERGATE_ORACLE").is_none_or(|value| value != "ask") {
        println!("SKIPPED: Druid is not asked");
        return;
    }
    // Without a `dataSource` it asks a Broker for one while it reads: there is none.
    let asks = |body: &Value| body["type"] == "scheduled_batch" && body["dataSource"].is_null();
    let specs = (0..SPECS).map(generate::spec);
    let specs: Vec<_> = specs.filter(|(_, body)| !asks(body)).collect();
    let mut requests = String::new();
    for (number, (kind, body)) in specs.iter().enumerate() {
        let kind = match kind {
            Kind::Task => "task",
            Kind::Supervisor => "supervisor",
        };
        let request = json!({"id": number, "kind": kind, "text": body.to_string()});
        requests.push_str(&format!("{request}\n"));
    }
    for release in ["28.0.0", "33.0.0", "37.0.0"] {
        let answers = ask(release, &requests);
        assert_eq!(answers.len(), specs.len(), "{release}");
        let (mut read, mut both) = (0, 0);
        let mut differences = Vec::new();
        for answer in &answers {
            let number = answer["id"].as_u64().expect("ours") as usize;
            let (kind, body) = &specs[number];
            if answer["ok"] != true {
                continue;
            }
            read += 1;
            let document = Document::read(Bytes::from(body.to_string()), &Limits::default());
            let Ok(spec) = Spec::read(&document.expect("JSON"), spec_kind(*kind)) else {
                continue;
            };
            if spec.effects.opaque.is_some() {
                continue;
            }
            both += 1;
            let ours: BTreeSet<String> = spec
                .effects
                .writes
                .iter()
                .map(ToString::to_string)
                .collect();
            // Ours may be more: the SQL of a `scheduled_batch` counts too.
            let druids = names(&answer["dataSource"]);
            if !druids.is_subset(&ours) || (ours != druids && spec.type_id != "scheduled_batch") {
                differences.push(format!("{ours:?}, not {druids:?}: {body}"));
            }
        }
        println!(
            "{release}: {} specs, Druid reads {read}, {both} of them are seen through",
            specs.len()
        );
        assert!(both >= 10_000, "{release}: {both}");
        assert!(
            differences.is_empty(),
            "{release}: {} differences, the first:\n{}",
            differences.len(),
            differences[..differences.len().min(5)].join("\n")
        );
    }
}
