//! Nothing that is said of a spec repeats a secret that stands in it.

use serde_json::{Value, json};

use overgate::finding::{Code, Level, Levels, masked};
use overgate::route::SpecKind;
use overgate::schema::SchemaSet;

use crate::generate::{Dice, Tables, text};
use crate::judge::{judge, schemas};

const RELEASE: &str = "33.0.0";

/// What must not come back.
const MARK: &str = "hunter2";

/// Puts secrets into every object: as Druid has them, as other things, under their names and in addresses.
fn salted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let mut all: Vec<(String, Value)> = entries
                .iter()
                .map(|(key, value)| (key.clone(), salted(value)))
                .collect();
            all.extend([
                ("password".into(), json!(MARK)),
                (
                    "accessKeyId".into(),
                    json!({"type": "default", "password": MARK}),
                ),
                ("api-key".into(), json!([MARK, [MARK]])),
                ("requestHeaders".into(), json!({"X-Auth": MARK})),
                ("pasword".into(), json!({"a": [MARK]})),
                (
                    "connectURI".into(),
                    json!(format!("jdbc:x;user=a;Password={MARK}")),
                ),
                ("secretAccesKey".into(), json!([MARK, {"deeper": MARK}])),
                (
                    "sasl.jaas.config".into(),
                    json!(format!("user=x password={MARK};")),
                ),
                (
                    "uris".into(),
                    json!([format!("http://me:{MARK}@host/a?sig={MARK}")]),
                ),
                (
                    "uri".into(),
                    json!(format!("h ttp://me:{MARK}@host/a?sig={MARK}")),
                ),
            ]);
            Value::Object(all.into_iter().collect())
        }
        Value::Array(elements) => elements.iter().map(salted).collect(),
        other => other.clone(),
    }
}

#[test]
fn no_secret_is_repeated() {
    let tables = Tables::read(RELEASE);
    let all = schemas(RELEASE);
    // Of twenty findings most are about fields that nobody knows: once without those.
    let mut levels = Levels::default();
    for code in [
        Code::UnknownField,
        Code::MisspelledField,
        Code::MisplacedField,
        Code::NewerField,
    ] {
        levels.set(code, Level::Off);
    }
    let version = RELEASE.parse().expect("a release");
    let some = SchemaSet::load(version, levels).expect("a table");
    let mut dice = Dice::new(7);
    let (mut about, mut said) = (0, 0);
    for (kind, root) in [
        (SpecKind::Task, "task"),
        (SpecKind::Supervisor, "supervisor"),
    ] {
        // Every class stands in many of them.
        for seed in tables.seeds(root).into_iter().flatten().step_by(5) {
            let document = salted(&tables.changed(root, &seed, &mut dice));
            let written = text(&document);
            let findings = |schemas| judge(schemas, written.as_bytes(), kind);
            for finding in findings(&all).into_iter().chain(findings(&some)) {
                said += 1;
                about += usize::from(finding.message.contains("may be a secret"));
                let told = format!("{finding:?}");
                assert!(!told.contains(MARK), "{told}\n{written}");
            }
            for line in [written, format!("{document:#}")] {
                let shown = String::from_utf8(masked(line.as_bytes())).expect("text");
                assert!(line.contains(MARK) && !shown.contains(MARK), "{shown}");
            }
        }
    }
    // There was something to keep.
    assert!(about >= 10 && said > 1_000, "{about} of {said}");
}
