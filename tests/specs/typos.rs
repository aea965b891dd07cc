//! How well mistakes are understood: real specs, each with one slip that a person could make, and
//! Druid's own word on what came of it.
//!
//! The specs are those of the corpus that Druid 33 reads whole. The labels are checked in
//! (`tests/fixtures/typos-33.0.0.json`); `OVERGATE_ORACLE=ask` asks for them again.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use overgate::finding::{Finding, Severity};
use overgate::route::SpecKind;

use crate::corpus::{specs, verdict};
use crate::generate::{Dice, Tables, at_mut, text};
use crate::judge::{judge, line, says_dropped, says_refused, schemas};
use crate::oracle::{Asked, ask, fingerprint, strings};
use crate::record::hold;

const RELEASE: &str = "33.0.0";

/// How many slips of each kind in each spec.
const EACH: usize = 1;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slip {
    LetterGone,
    LetterTwice,
    LettersSwapped,
    LetterWrong,
    LetterMore,
    WrongCase,
    SnakeCase,
    Plural,
    Misplaced,
    OneForList,
    ListForOne,
    Missing,
    WrongTypeId,
    InvalidValue,
    /// Nothing: another way to write the same.
    Harmless,
}

const NAMES: [Slip; 8] = [
    Slip::LetterGone,
    Slip::LetterTwice,
    Slip::LettersSwapped,
    Slip::LetterWrong,
    Slip::LetterMore,
    Slip::WrongCase,
    Slip::SnakeCase,
    Slip::Plural,
];

const OTHERS: [Slip; 7] = [
    Slip::Misplaced,
    Slip::OneForList,
    Slip::ListForOne,
    Slip::Missing,
    Slip::WrongTypeId,
    Slip::InvalidValue,
    Slip::Harmless,
];

struct Case {
    slip: Slip,
    asked: Asked,
    /// Where it is told, if it is told exactly.
    pointer: String,
    /// What should be suggested first.
    meant: Option<String>,
}

/// A name with a slip in it.
fn slipped(name: &str, slip: Slip, dice: &mut Dice) -> Option<String> {
    let mut letters: Vec<char> = name.chars().collect();
    if letters.len() < 4 {
        return None;
    }
    let place = 1 + dice.below(letters.len() - 2);
    match slip {
        Slip::LetterGone => {
            letters.remove(place);
        }
        Slip::LetterTwice => letters.insert(place, letters[place]),
        Slip::LettersSwapped => {
            if letters[place] == letters[place + 1] {
                return None;
            }
            letters.swap(place, place + 1);
        }
        Slip::LetterWrong => {
            let other = *dice.pick(&['e', 'r', 't', 'a', 's', 'n', 'o', 'i']);
            if letters[place].eq_ignore_ascii_case(&other) {
                return None;
            }
            letters[place] = other;
        }
        Slip::LetterMore => letters.insert(place, *dice.pick(&['e', 'r', 't', 'a', 's', 'n'])),
        Slip::WrongCase => {
            let lower = name.to_lowercase();
            return (lower != name).then_some(lower).or_else(|| {
                let (first, rest) = name.split_at(1);
                Some(first.to_uppercase() + rest)
            });
        }
        Slip::SnakeCase => {
            let mut snake = String::new();
            for letter in letters {
                if letter.is_uppercase() {
                    snake.push('_');
                }
                snake.extend(letter.to_lowercase());
            }
            return (snake != name).then_some(snake);
        }
        Slip::Plural => {
            return Some(match name.strip_suffix('s') {
                Some(singular) => singular.to_owned(),
                None => format!("{name}s"),
            });
        }
        _ => return None,
    }
    let slipped: String = letters.into_iter().collect();
    (slipped != name).then_some(slipped)
}

fn pointer(path: &[String], name: &str) -> String {
    let steps = path.iter().map(String::as_str).chain(std::iter::once(name));
    steps
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect()
}

/// One spec with one slip; `None`: it has no place for this one.
fn slip_into(
    tables: &Tables,
    kind: SpecKind,
    spec: &Value,
    slip: Slip,
    dice: &mut Dice,
) -> Option<Case> {
    let root = match kind {
        SpecKind::Task => "task",
        SpecKind::Supervisor | SpecKind::Sampler => "supervisor",
    };
    let places = tables.places_of(root, spec);
    let (path, class) = dice.pick(&places).clone();
    let mut document = spec.clone();
    let properties = tables.properties(&class);
    let object = at_mut(&mut document, &path)?.as_object_mut()?;
    let read = |name: &&String| properties.contains_key(*name) && *name != "type";
    let names: Vec<String> = object.keys().filter(read).cloned().collect();
    let name = (!names.is_empty()).then(|| dice.pick(&names).clone());
    let mut meant = None;
    let pointer = match slip {
        Slip::Misplaced => {
            // A block one level up: beside what holds it.
            let (own, above) = path.split_last()?;
            let blocks: Vec<&String> = names
                .iter()
                .filter(|name| object[*name].is_object())
                .collect();
            let block = (!blocks.is_empty()).then(|| (*dice.pick(&blocks)).clone())?;
            let value = object.remove(&block)?;
            let above_object = at_mut(&mut document, above)?.as_object_mut()?;
            if above_object.contains_key(&block) || own == &block {
                return None;
            }
            above_object.insert(block.clone(), value);
            meant = Some(pointer(&path, &block));
            pointer(above, &block)
        }
        Slip::OneForList => {
            let name = names
                .iter()
                .find(|name| object[*name].as_array().is_some_and(|list| list.len() == 1))?;
            let only = object[name].as_array()?.first()?.clone();
            object.insert(name.clone(), only);
            pointer(&path, name)
        }
        Slip::ListForOne => {
            let name = name?;
            if properties[&name]["shape"].get("array").is_some() || object[&name].is_null() {
                return None;
            }
            let value = object.remove(&name)?;
            object.insert(name.clone(), json!([value]));
            pointer(&path, &name)
        }
        Slip::Missing => {
            let needed = |name: &&String| properties[*name]["required"] == json!(true);
            let name = names.iter().find(needed)?.clone();
            object.remove(&name);
            match path.split_last() {
                None => String::new(),
                Some((last, above)) => pointer(above, last),
            }
        }
        Slip::WrongTypeId => {
            let id = object.get("type")?.as_str()?.to_owned();
            let wrong = slipped(&id, *dice.pick(&NAMES[..5]), dice)?;
            object.insert("type".to_owned(), json!(wrong));
            meant = Some(id);
            pointer(&path, "type")
        }
        Slip::InvalidValue => {
            let name = name?;
            let leaf = properties[&name]["shape"]["leaf"].as_str()?;
            let bad = match leaf {
                "boolean" | "Boolean" => json!("yes"),
                "int" | "Integer" | "long" | "Long" => json!("many"),
                "Interval" => json!("2020-01-01 to 2020-02-01"),
                "Granularity" => json!("daily"),
                "Period" | "Duration" => json!("1 hour"),
                _ => return None,
            };
            object.insert(name.clone(), bad);
            pointer(&path, &name)
        }
        Slip::Harmless => {
            let name = name?;
            let leaf = properties[&name]["shape"]["leaf"].as_str();
            let same = match (leaf, &object[&name]) {
                (Some("boolean" | "Boolean"), Value::Bool(value)) => json!(value.to_string()),
                (Some("int" | "Integer" | "long" | "Long"), Value::Number(value))
                    if value.is_i64() =>
                {
                    json!(value.to_string())
                }
                (Some("String"), Value::Number(value)) => json!(value.to_string()),
                _ => {
                    // An optional field that is null is one that is not there.
                    let optional: Vec<&String> = properties
                        .iter()
                        .filter(|(name, property)| {
                            !object.contains_key(*name)
                                && property["notNull"].is_null()
                                && property["required"].is_null()
                        })
                        .map(|(name, _)| name)
                        .collect();
                    let name = (!optional.is_empty()).then(|| (*dice.pick(&optional)).clone())?;
                    object.insert(name, Value::Null);
                    return Some(case(slip, kind, &document, String::new(), None));
                }
            };
            object.insert(name.clone(), same);
            pointer(&path, &name)
        }
        _ => {
            let name = name?;
            let wrong = slipped(&name, slip, dice)?;
            if object.contains_key(&wrong) || properties.contains_key(&wrong) {
                return None;
            }
            let value = object.remove(&name)?;
            object.insert(wrong.clone(), value);
            meant = Some(name);
            pointer(&path, &wrong)
        }
    };
    Some(case(slip, kind, &document, pointer, meant))
}

fn case(
    slip: Slip,
    kind: SpecKind,
    document: &Value,
    pointer: String,
    meant: Option<String>,
) -> Case {
    Case {
        slip,
        asked: Asked {
            kind,
            text: text(document),
        },
        pointer,
        meant,
    }
}

fn cases() -> Option<Vec<Case>> {
    let tables = Tables::read(RELEASE);
    let mut dice = Dice::new(33);
    let mut cases = Vec::new();
    for spec in specs()? {
        if verdict(&spec.file, RELEASE) != "whole" || spec.kind == SpecKind::Sampler {
            continue;
        }
        let document: Value = serde_json::from_slice(&spec.text).expect("JSON");
        for slip in NAMES.into_iter().chain(OTHERS) {
            let tries =
                (0..8).filter_map(|_| slip_into(&tables, spec.kind, &document, slip, &mut dice));
            cases.extend(tries.take(EACH));
        }
    }
    Some(cases)
}

/// A share, for people.
#[derive(Default)]
struct Share(usize, usize);

impl Share {
    fn count(&mut self, good: bool) {
        self.0 += usize::from(good);
        self.1 += 1;
    }

    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    fn percent(&self) -> f64 {
        100.0 * self.0 as f64 / self.1.max(1) as f64
    }
}

#[derive(Default)]
struct Row {
    caught: Share,
    exact: Share,
    suggested: Share,
}

#[test]
fn slips_are_caught_where_they_are() {
    let Some(cases) = cases() else { return };
    let path = format!(
        "{}/tests/fixtures/typos-{RELEASE}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let asked: Vec<&Asked> = cases.iter().map(|case| &case.asked).collect();
    if std::env::var_os("OVERGATE_ORACLE").is_some_and(|word| word == "ask") {
        let answers = serde_json::to_string_pretty(&ask(RELEASE, &asked)).expect("JSON");
        std::fs::write(&path, answers + "\n").expect("written");
    }
    let answers: Map<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect("JSON");
    assert_eq!(
        answers["documents"],
        json!(fingerprint(&asked)),
        "Druid was asked about others"
    );
    let labels = strings(&answers["answers"]).join(" ");
    let schemas = schemas(RELEASE);
    let mut rows: BTreeMap<Slip, Row> = BTreeMap::new();
    let (mut harmless, mut alarms) = (0, Vec::new());
    let mut missed = Vec::new();
    for (case, label) in cases.iter().zip(labels.split(' ')) {
        let findings = judge(&schemas, case.asked.text.as_bytes(), case.asked.kind);
        let told = |finding: &&Finding| says_dropped(finding) || says_refused(finding);
        if label.starts_with('w') {
            harmless += 1;
            let alarm = findings
                .iter()
                .find(|finding| finding.severity == Severity::Error);
            if let Some(alarm) = alarm {
                alarms.push(format!("{:?} {}", case.slip, line(alarm)));
            }
            continue;
        }
        let row = rows.entry(case.slip).or_default();
        let caught = findings.iter().any(|finding| told(&finding));
        row.caught.count(caught);
        let here = findings
            .iter()
            .find(|finding| finding.pointer == case.pointer && finding.severity > Severity::Info);
        row.exact.count(here.is_some());
        let mut right = true;
        if let (Some(meant), true) = (&case.meant, case.slip != Slip::WrongTypeId) {
            let first = here.and_then(|finding| finding.suggestion.as_ref());
            right = first.is_some_and(|first| first.text == *meant || first.pointer == *meant);
            row.suggested.count(right);
        }
        if !caught || here.is_none() || !right {
            let said: Vec<String> = findings.iter().map(line).collect();
            missed.push(format!(
                "{:?} at {} (meant {:?}): {said:#?}",
                case.slip, case.pointer, case.meant
            ));
        }
    }
    let mut all = Row::default();
    let mut names = Share::default();
    let mut report = format!("{} slips in real specs, Druid {RELEASE}\n", cases.len());
    report += "slip             cases   caught    exact  suggested\n";
    for (slip, row) in &rows {
        report += &format!(
            "{:15} {:6} {:7.1}% {:7.1}% {:>10}\n",
            format!("{slip:?}"),
            row.caught.1,
            row.caught.percent(),
            row.exact.percent(),
            if row.suggested.1 > 0 {
                format!("{:.1}%", row.suggested.percent())
            } else {
                "-".to_owned()
            }
        );
        all.caught.0 += row.caught.0;
        all.caught.1 += row.caught.1;
        all.exact.0 += row.exact.0;
        all.exact.1 += row.exact.1;
        if NAMES.contains(slip) {
            names.0 += row.suggested.0;
            names.1 += row.suggested.1;
        }
    }
    report += &format!(
        "all             {:6} {:7.1}% {:7.1}%; names suggested {:.1}%\n",
        all.caught.1,
        all.caught.percent(),
        all.exact.percent(),
        names.percent()
    );
    report += &format!("harmless: {harmless}, false alarms: {}\n", alarms.len());
    if std::env::var_os("OVERGATE_SHOW").is_some() {
        for text in missed.iter().chain(&alarms) {
            println!("{text}");
        }
    }
    assert!(cases.len() >= 1_500, "{}", cases.len());
    assert!(alarms.is_empty(), "{alarms:#?}");
    assert!(all.caught.percent() >= 99.0, "caught");
    assert!(all.exact.percent() >= 97.0, "exact");
    assert!(names.percent() >= 95.0, "suggested");
    hold("slips", &report);
}
