//! What the printed schema takes is what the walk takes, rules between fields aside.
//!
//! The corpus lies outside the repository: `OVERGATE_CORPUS` names its folder (specs and
//! `index.tsv`).

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the environment, and prints what it measured"
)]

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;

use crate::druid::DruidVersion;
use crate::finding::{Code, Severity};
use crate::json::{Document, Kind, Limits};
use crate::route::SpecKind;
use crate::schema::check::{Frame, MOST_STEPS, Problem, Sink, Walk};
use crate::schema::explain::{self, Guess};
use crate::schema::suggest::Hints;
use crate::schema::table::{Shape, Types};
use crate::schema::{RELEASES, Release};

/// Notes the errors that one field shows: all but those of rules.
struct Structure<'t> {
    hints: Hints<'t>,
    errors: Vec<(Code, String)>,
}

impl Sink for Structure<'_> {
    const MOST: usize = usize::MAX;

    fn take(&mut self, problem: Problem<'_>, frame: Option<&Frame<'_, '_>>) -> ControlFlow<()> {
        let code = explain::code(self.hints.types, &problem, &Guess::Nothing);
        let is_rule = matches!(problem, Problem::Rule(_));
        if !is_rule && code.severity() == Severity::Error {
            let finding = explain::finding(&self.hints, code, problem, frame, Guess::Nothing);
            self.errors.push((code, finding.pointer));
        }
        ControlFlow::Continue(())
    }
}

/// A release's types, and what is printed of them in a validator.
struct Both {
    version: DruidVersion,
    types: Types,
    printed: Vec<(SpecKind, Shape, jsonschema::Validator)>,
}

fn both() -> Vec<Both> {
    let releases = RELEASES.iter().map(|release| {
        let types = Types::read(Release::judging(release.version).types, release.version);
        let types = types.expect("a table");
        let printed = [
            (SpecKind::Task, types.task),
            (SpecKind::Supervisor, types.supervisor),
            (SpecKind::Sampler, types.sampler),
        ];
        let printed = printed.map(|(kind, shape)| {
            let text = super::json_schema(&types, kind, shape);
            let schema: Value = serde_json::from_str(&text).expect("JSON");
            let validator = jsonschema::validator_for(&schema).expect("compiles");
            (kind, shape, validator)
        });
        Both {
            version: release.version,
            printed: printed.into(),
            types,
        }
    });
    releases.collect()
}

/// The errors of the walk, and the places where the printed schema fails.
type Judged = (Vec<(Code, String)>, Vec<String>);

fn judged(both: &Both, kind: SpecKind, text: &[u8]) -> Option<Judged> {
    let document = Document::read(Bytes::copy_from_slice(text), &Limits::default()).ok()?;
    // The reader of specs has its own word on what is no object.
    if document.root().kind() != Kind::Object {
        return None;
    }
    let value: Value = serde_json::from_slice(text).expect("a document is JSON");
    let (_, shape, printed) = both.printed.iter().find(|(known, ..)| *known == kind)?;
    let structure = Structure {
        hints: Hints::new(&both.types),
        errors: Vec::new(),
    };
    let mut walk = Walk::new(&both.types, MOST_STEPS, structure);
    let _ended = walk.value(document.root(), *shape, None);
    let places = printed
        .iter_errors(&value)
        .map(|error| error.instance_path().to_string())
        .collect();
    Some((walk.sink.errors, places))
}

/// Do both say the same?
fn agree(errors: &[(Code, String)], places: &[String]) -> bool {
    errors.is_empty() == places.is_empty()
}

/// The corpus: specs, their kinds and their texts.
fn corpus() -> Option<Vec<(String, SpecKind, Vec<u8>)>> {
    let Some(folder) = std::env::var_os("OVERGATE_CORPUS").map(PathBuf::from) else {
        eprintln!("SKIPPED: OVERGATE_CORPUS is not set, no real specs are judged");
        return None;
    };
    let index = fs::read_to_string(folder.join("index.tsv")).expect("an index");
    let mut specs = Vec::new();
    for line in index.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, _, _, _, kind, ..] = cells.as_slice() else {
            panic!("{line}")
        };
        let text = fs::read(folder.join(name)).expect("listed");
        let kinds = match *kind {
            "task" => vec![SpecKind::Task],
            "supervisor" => vec![SpecKind::Supervisor],
            "sampler" => vec![SpecKind::Sampler],
            // Parts of specs: broken as either.
            _ => vec![SpecKind::Task, SpecKind::Supervisor],
        };
        specs.extend(
            kinds
                .into_iter()
                .map(|kind| ((*name).to_owned(), kind, text.clone())),
        );
    }
    Some(specs)
}

#[test]
fn real_specs_are_judged_alike() {
    let Some(specs) = corpus() else { return };
    let mut wrong = Vec::new();
    // For another validator: scripts/test-schema.
    let mut verdicts = String::new();
    let (mut valid, mut invalid) = (0, 0);
    for both in both() {
        for (file, kind, text) in &specs {
            let Some((errors, places)) = judged(&both, *kind, text) else {
                continue;
            };
            if !agree(&errors, &places) {
                wrong.push(format!("{} {file} {errors:?} {places:?}", both.version));
            }
            let passes = errors.is_empty();
            verdicts.push_str(&format!("{} {kind:?} {passes} {file}\n", both.version));
            *if passes { &mut valid } else { &mut invalid } += 1;
        }
    }
    if let Some(path) = std::env::var_os("OVERGATE_VERDICTS") {
        fs::write(path, verdicts).expect("written");
    }
    println!("{valid} documents pass, {invalid} do not");
    assert!(wrong.is_empty(), "{} {wrong:#?}", wrong.len());
    assert!(valid > 500 && invalid > 500);
}

/// The pointers of all values in a document.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    let below = |token: &str| format!("{at}/{}", token.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                pointers(value, below(key), found);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                pointers(value, below(&index.to_string()), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

/// A copy with one thing changed.
fn changed(value: &Value, pointer: &str, change: usize) -> Option<Value> {
    let mut copy = value.clone();
    let new = match change {
        0 => serde_json::json!([]),
        1 => serde_json::json!("abc"),
        2 => serde_json::json!({}),
        3 => serde_json::json!(true),
        4 => Value::Null,
        5 => serde_json::json!(5),
        _ => {
            let (holder, key) = pointer.rsplit_once('/')?;
            let holder = copy.pointer_mut(holder)?.as_object_mut()?;
            let value = holder.remove(&key.replace("~1", "/").replace("~0", "~"))?;
            if change == 6 {
                holder.insert(format!("{key}X"), value);
            }
            return Some(copy);
        }
    };
    let place = copy.pointer_mut(pointer)?;
    if *place == new {
        return None;
    }
    *place = new;
    Some(copy)
}

#[test]
fn changed_specs_are_judged_alike() {
    let Some(specs) = corpus() else { return };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for both in both() {
        for (number, (file, kind, text)) in specs.iter().enumerate() {
            let Ok(value) = serde_json::from_slice::<Value>(text) else {
                continue;
            };
            let mut places = Vec::new();
            pointers(&value, String::new(), &mut places);
            // One place in seven, and there one change: all 60,000 (run once, none differed) take a
            // minute.
            for (place, pointer) in places.iter().enumerate().skip(number % 7).step_by(7) {
                let Some(copy) = changed(&value, pointer, (number + place) % 8) else {
                    continue;
                };
                let text = copy.to_string();
                let Some((errors, places)) = judged(&both, *kind, text.as_bytes()) else {
                    continue;
                };
                compared += 1;
                // Beside a `spec` nobody reads a legacy parser, which no schema can say.
                let unread =
                    pointer.starts_with("/dataSchema/parser") && value.get("spec").is_some();
                if !unread && !agree(&errors, &places) {
                    wrong.push(format!(
                        "{} {file} {pointer} {errors:?} {places:?}",
                        both.version
                    ));
                }
            }
        }
    }
    println!("{compared} changed documents");
    assert!(wrong.is_empty(), "{} {wrong:#?}", wrong.len());
    assert!(compared > 5_000);
}
