//! A hundred thousand generated documents, and Druid's own word on each.
//!
//! The answers are checked in (`tests/fixtures/oracle-RELEASE.json`) and replayed without Java.
//! `OVERGATE_ORACLE=ask cargo test --test specs oracle` asks Druid's reader again (Java 17 and
//! Maven; about a minute a release) and writes them.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::Bytes;
use serde_json::{Value, json};

use overgate::finding::{Code, Finding, Severity};
use overgate::json::{Document, Limits};
use overgate::route::SpecKind;
use overgate::schema::SchemaSet;
use overgate::spec::{Spec, SpecId};

use crate::generate::{Dice, Tables, text};
use crate::judge::{judge, line, says_dropped, says_refused, schemas};
use crate::record::hold;

/// How many documents of each release.
const DOCUMENTS: usize = 36_000;

/// A class of findings: its name, and whether one is of it.
type Named = (&'static str, fn(&Finding) -> bool);

/// Where we refuse what Druid reads, on purpose.
const STRICTER: &[Named] = &[
    (
        "an unknown type of a family with a default: Druid takes the default in silence",
        |finding| finding.code == Code::UnknownType,
    ),
    ("a type id that is no text: the same", |finding| {
        finding.code == Code::WrongType && finding.pointer.ends_with("type")
    }),
    (
        "an array or object for a word: Druid takes the default and loses its place",
        |finding| {
            finding.code == Code::WrongType
                && (finding.message.contains("one of ") || finding.message.contains("a time zone"))
        },
    ),
    (
        "a parser without a parseSpec: the task fails when it reads it",
        |finding| finding.message.contains("`parseSpec` is missing"),
    ),
    (
        "JavaScript where nobody looks at it before the task runs",
        |finding| finding.code == Code::JavascriptFunction,
    ),
    (
        "segments and their shards, which only Druid writes, and reads as it likes",
        |finding| {
            let mut steps = finding.pointer.split('/');
            steps.any(|step| step == "segments" || step == "shardSpec")
        },
    ),
];

/// Refusals of Druid that we do not see, by their cause: why not.
const UNSEEN: &[(&str, &str)] = &[
    ("IllegalCharset", "which encodings a JVM has"),
    ("UnsupportedCharset", "which encodings a JVM has"),
    (
        "lazy: IllegalArgumentException: Cannot construct instance of",
        "encodings, in a parser that only the task reads",
    ),
    (
        "lazy: DruidException: Encountered dimension",
        "columns of a parser that only the task reads",
    ),
    (
        "StringIndexOutOfBounds",
        "segment ids, in a list that Druid writes",
    ),
    ("because \"d", "shard specs, in a list that Druid writes"),
    (
        "NullPointerException: null",
        "shard specs, in a list that Druid writes",
    ),
    (
        "NullPointerException: Must set partitionNum",
        "shard specs, in a list that Druid writes",
    ),
    ("LookupExtractor", "a lookup without a lookup"),
    ("Lookup  not found", "which lookups a cluster has"),
    ("Illegal pattern component", "patterns of Joda-Time"),
    ("Invalid pattern specification", "patterns of Joda-Time"),
    ("metricColumns  must agree", "sketches"),
    ("Format requires a '/'", "extraction functions"),
    ("exceeds range of Integer", "a size as a number of bytes"),
    ("out of range of long", "numbers beyond 64 bits"),
    ("At most one of  or  must", "two of a few fields"),
    (
        "Conflicting segment granularities",
        "granularities that cannot be compared",
    ),
    ("Overlapping intervals", "a calendar"),
    ("Empty list of intervals", "a calendar"),
    ("must be within interval", "a calendar"),
    (
        "NullPointerException: inputSource",
        "a firehose without what it wraps",
    ),
    ("hashed partitionsSpec required", "sub-tasks of a batch"),
    ("Guaranteed rollup is not supported", "sub-tasks of a batch"),
    (
        "lazy: IAE: Encountered dimension",
        "columns of a parser that only the task reads",
    ),
    ("maxStringLength", "columns of 37"),
    ("Minor compaction", "compactions of 37"),
    ("Escape must be null or a single", "a filter"),
    ("because \"target\"", "extraction functions"),
    ("columnName", "projections"),
    ("For input string: \"a\"", "partitions"),
    (
        "because \"myName\"",
        "the MSQ engine on a metric without a name",
    ),
    (
        "partitionNum >=",
        "shard specs, in a list that Druid writes",
    ),
    ("Float.floatValue", "a null among numbers"),
    ("Please make sure to load", "an extension that is not there"),
];

/// The share of refused documents that may pass.
const MOST_UNSEEN: f64 = 0.001;

pub(crate) struct Asked {
    pub(crate) kind: SpecKind,
    pub(crate) text: String,
}

fn documents(release: &str) -> Vec<Asked> {
    let tables = Tables::read(release);
    let mut all = Vec::new();
    let mut left = DOCUMENTS;
    for (kind, root, share) in [
        (SpecKind::Supervisor, "supervisor", DOCUMENTS / 3),
        (SpecKind::Task, "task", DOCUMENTS),
    ] {
        let mut seeds = tables.seeds(root);
        // Of 28 no other supervisor can be loaded, and this one is always refused.
        seeds.retain(|of_type| of_type[0]["type"] != "NoopSupervisorSpec");
        let count = share.min(left);
        // Other changes for each release.
        let mut dice = Dice::new(release.bytes().map(u64::from).sum());
        let mut texts: HashSet<String> = HashSet::new();
        let mut add = |document: &Value| {
            let text = text(document);
            if texts.insert(text.clone()) {
                all.push(Asked { kind, text });
            }
            texts.len()
        };
        for seed in seeds.iter().flatten() {
            add(seed);
        }
        // Every type of a task or supervisor in turn, so that none is rare.
        for of_type in seeds.iter().cycle() {
            if add(&tables.changed(root, dice.pick(of_type), &mut dice)) >= count {
                break;
            }
        }
        left -= texts.len();
    }
    all
}

/// What an answer or our reading says, to compare: Druid's own type and id, datasources, properties
/// passed over.
fn digest(
    text: &str,
    type_id: &str,
    id: Option<&str>,
    datasources: &[String],
    dropped: &[String],
) -> String {
    // Of a name that stands at several places the oracle cannot always tell which was passed over.
    let mut sorted: Vec<String> = dropped
        .iter()
        .map(|pointer| {
            let name = pointer.rsplit('/').next().unwrap_or_default();
            let ambiguous = text.matches(&format!("\"{name}\":")).count() > 1;
            if ambiguous {
                format!("?{name}")
            } else {
                pointer.clone()
            }
        })
        .collect();
    sorted.sort();
    let text = format!("{type_id}\n{id:?}\n{datasources:?}\n{sorted:?}");
    // FNV-1a: the same on every machine.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{:07x}", hash & 0x0fff_ffff)
}

pub(crate) fn strings(value: &Value) -> Vec<String> {
    let texts = value.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A refusal's cause without what belongs to the one document.
fn cause(answer: &Value) -> String {
    let text = answer["cause"]
        .as_str()
        .or(answer["error"].as_str())
        .unwrap_or("?");
    let text: String = text.chars().take(140).collect();
    let mut plain = String::new();
    let mut depth = 0;
    for character in text.chars() {
        match character {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' if depth > 0 => depth -= 1,
            _ if depth > 0 || character.is_ascii_digit() => {}
            other => plain.push(other),
        }
    }
    plain.chars().take(90).collect()
}

/// What a release's oracle answers to requests, one after the other.
pub(crate) fn answers(release: &str, requests: Vec<Value>) -> Vec<Value> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut oracle = Command::new(format!("{root}/tests/oracle/run"))
        .arg(release)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the oracle starts");
    let mut input = oracle.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || {
        for request in requests {
            writeln!(input, "{request}").expect("the oracle reads");
        }
    });
    let output = oracle.wait_with_output().expect("ended");
    writer.join().expect("written");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let answer = |line| serde_json::from_str(line).expect("JSON");
    lines.lines().map(answer).collect()
}

/// How the oracle calls a kind of spec.
pub(crate) fn kind_name(kind: SpecKind) -> &'static str {
    match kind {
        SpecKind::Task => "task",
        SpecKind::Supervisor | SpecKind::Sampler => "supervisor",
    }
}

pub(crate) fn ask(release: &str, documents: &[&Asked]) -> Value {
    let request = |asked: &&Asked| json!({"kind": kind_name(asked.kind), "text": asked.text});
    let all = answers(release, documents.iter().map(request).collect());
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    let mut verdicts = Vec::new();
    for (answer, document) in all.into_iter().zip(documents) {
        if answer["ok"] != json!(true) || answer["lazyError"].is_string() {
            let number = causes.len();
            let cause = match answer["lazyError"].as_str() {
                Some(error) => format!("lazy: {}", cause(&json!({"cause": error}))),
                None => cause(&answer),
            };
            let number = *causes.entry(cause).or_insert(number);
            verdicts.push(format!("r{number:x}"));
            continue;
        }
        let written: Value = serde_json::from_str(&document.text).expect("JSON");
        // Druid makes an id of its own for a task that has none.
        let names_id = !written["id"].is_null();
        let id = match document.kind {
            SpecKind::Task => answer["taskId"].as_str().filter(|_| names_id),
            SpecKind::Supervisor | SpecKind::Sampler => answer["supervisorId"].as_str(),
        };
        let datasources = match &answer["dataSource"] {
            Value::String(one) => vec![one.clone()],
            list => strings(list),
        };
        let dropped = strings(&answer["unknown"]);
        let type_id = answer["type"].as_str().unwrap_or_default();
        let verdict = if dropped.is_empty() { 'w' } else { 'd' };
        verdicts.push(format!(
            "{verdict}{}",
            digest(&document.text, type_id, id, &datasources, &dropped)
        ));
    }
    let mut list: Vec<(String, usize)> = causes.into_iter().collect();
    list.sort_by_key(|(_, number)| *number);
    let list: Vec<String> = list.into_iter().map(|(cause, _)| cause).collect();
    let lines: Vec<String> = verdicts.chunks(16).map(|chunk| chunk.join(" ")).collect();
    json!({"release": release, "documents": fingerprint(documents), "causes": list, "answers": lines})
}

pub(crate) fn fingerprint(documents: &[&Asked]) -> String {
    let hash = documents.iter().flat_map(|document| document.text.bytes());
    let hash = hash.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// What we read of a document, in the form of [`digest`], for every id that it may have; `None`: it
/// cannot be authorized.
fn reading(document: &Asked, dropped: &[String]) -> Option<Vec<String>> {
    let bytes = Bytes::copy_from_slice(document.text.as_bytes());
    let read = Document::read(bytes, &Limits::default()).ok()?;
    let spec = Spec::read(&read, document.kind).ok()?;
    let ids: Vec<Option<String>> = match &spec.id {
        SpecId::Task(id) => vec![id.as_ref().map(|id| id.as_str().to_owned())],
        SpecId::Supervisor(ids) => ids.iter().map(|id| Some(id.as_str().to_owned())).collect(),
        SpecId::None => vec![None],
    };
    let datasources: Vec<String> = spec
        .effects
        .writes
        .iter()
        .map(ToString::to_string)
        .collect();
    let digest = |id: &Option<String>| {
        let id = id.as_deref();
        digest(&document.text, &spec.type_id, id, &datasources, dropped)
    };
    Some(ids.iter().map(digest).collect())
}

/// Why a document cannot be authorized.
fn unread(document: &Asked) -> Option<Vec<Finding>> {
    let bytes = Bytes::copy_from_slice(document.text.as_bytes());
    match Document::read(bytes, &Limits::default()) {
        Ok(read) => Spec::read(&read, document.kind).err(),
        Err(invalid) => Some(vec![Finding::invalid(&invalid, document.text.as_bytes())]),
    }
}

/// Names, ids and types must be plain, and nobody ends a supervisor by a submission.
fn is_plain(finding: &Finding) -> bool {
    matches!(
        finding.code,
        Code::NoopSupervisor
            | Code::InvalidName
            | Code::JvmContextKey
            | Code::ConflictingDatasource
            | Code::WrapperArray
    ) || finding.code == Code::WrongType
        && ["/id", "/type", "/dataSource"]
            .iter()
            .any(|name| finding.pointer.ends_with(name))
}

/// What came of the comparison of a release.
#[derive(Default)]
struct Outcome {
    counts: BTreeMap<(&'static str, &'static str), usize>,
    unseen: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

fn compare(schemas: &SchemaSet, documents: &[&Asked], answers: &Value) -> Outcome {
    let causes = strings(&answers["causes"]);
    let answers = strings(&answers["answers"]).join(" ");
    let answers: Vec<&str> = answers.split(' ').collect();
    assert_eq!(answers.len(), documents.len());
    let mut outcome = Outcome::default();
    for (document, answer) in documents.iter().zip(answers) {
        let findings = judge(schemas, document.text.as_bytes(), document.kind);
        let (verdict, rest) = answer.split_at(1);
        let dropped: Vec<String> = findings
            .iter()
            .filter(|finding| says_dropped(finding))
            .map(|finding| finding.pointer.clone())
            .collect();
        // What cannot be authorized is refused before any schema is asked.
        let unread = unread(document);
        let refused = unread.is_some() || findings.iter().any(says_refused);
        let errors = findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        let ours = match (refused, dropped.is_empty()) {
            (true, _) => "refused",
            (false, false) => "dropped",
            (false, true) if errors => "error",
            (false, true) => "whole",
        };
        let theirs = match verdict {
            "w" => "whole",
            "d" => "dropped",
            _ => "refused",
        };
        *outcome.counts.entry((theirs, ours)).or_default() += 1;
        let lines = || findings.iter().map(line).collect::<Vec<_>>().join("\n    ");
        let stricter = || {
            let errors = findings.iter().filter(|finding| says_refused(finding));
            let unread = unread
                .as_ref()
                .is_none_or(|findings| findings.iter().all(is_plain));
            // What Druid reads after an array in a type's place is not what is written there.
            let lost = findings.iter().any(|finding| {
                finding.code == Code::WrongType && STRICTER.iter().any(|(_, is)| is(finding))
            });
            lost || unread
                && errors
                    .into_iter()
                    .all(|finding| STRICTER.iter().any(|(_, is)| is(finding)))
        };
        match (theirs, ours) {
            ("refused", "refused") => {}
            ("refused", _) => {
                let cause = &causes[usize::from_str_radix(rest, 16).expect("a number")];
                *outcome.unseen.entry(cause.clone()).or_default() += 1;
                let named = UNSEEN.iter().any(|(piece, _)| cause.contains(piece));
                if !named {
                    outcome.wrong.push(format!(
                        "refused for {cause}, and we see {ours}:\n    {}\n    {}",
                        document.text,
                        lines()
                    ));
                }
            }
            (_, "refused") if stricter() => {}
            // A legacy dimension spec picks what it knows out of a map, and says nothing of the rest.
            ("whole", "dropped")
                if findings.iter().all(|finding| {
                    !says_dropped(finding) || finding.message.contains("dimension spec")
                }) => {}
            (same, other) if same == other => {
                let read = reading(document, &dropped);
                if read.is_some_and(|read| !read.iter().any(|read| read == rest)) {
                    outcome.wrong.push(format!(
                        "{same}, and read differently:\n    {}\n    {}",
                        document.text,
                        lines()
                    ));
                }
            }
            _ => outcome.wrong.push(format!(
                "{theirs}, and we see {ours}:\n    {}\n    {}",
                document.text,
                lines()
            )),
        }
    }
    outcome
}

#[test]
fn they_are_a_hundred_thousand() {
    let releases = ["28.0.0", "33.0.0", "37.0.0"];
    let all = releases.into_iter().flat_map(documents);
    let distinct: HashSet<String> = all.map(|document| document.text).collect();
    assert!(distinct.len() >= 100_000, "{}", distinct.len());
}

#[test]
fn oracle_28() {
    hold_against("28.0.0");
}

#[test]
fn oracle_33() {
    hold_against("33.0.0");
}

#[test]
fn oracle_37() {
    hold_against("37.0.0");
}

fn hold_against(release: &str) {
    let documents = documents(release);
    let documents: Vec<&Asked> = documents.iter().collect();
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/tests/fixtures/oracle-{release}.json");
    if std::env::var_os("OVERGATE_ORACLE").is_some_and(|word| word == "ask") {
        let answers = ask(release, &documents);
        let text = serde_json::to_string_pretty(&answers).expect("JSON");
        std::fs::write(&path, text + "\n").expect("written");
    }
    let text = std::fs::read_to_string(&path).expect(&path);
    let answers: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        answers["documents"],
        json!(fingerprint(&documents)),
        "Druid was asked about others: OVERGATE_ORACLE=ask cargo test --test specs oracle"
    );
    let outcome = compare(&schemas(release), &documents, &answers);
    let mut report = format!("{release}: {} documents\n", documents.len());
    for ((theirs, ours), count) in &outcome.counts {
        report += &format!("  Druid: {theirs:8}  overgate: {ours:8} {count:6}\n");
    }
    let refused = outcome
        .counts
        .iter()
        .filter(|((theirs, _), _)| *theirs == "refused");
    let refused: usize = refused.map(|(_, count)| count).sum();
    for (cause, count) in &outcome.unseen {
        report += &format!("  not seen: {count:4} {cause}\n");
    }
    let unseen: usize = outcome.unseen.values().sum();
    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    let share = unseen as f64 / refused as f64;
    report += &format!(
        "  not seen: {unseen} of {refused} that Druid refuses, {:.3} %",
        share * 100.0
    );
    for text in &outcome.wrong {
        println!("{release} {text}");
    }
    assert!(
        outcome.wrong.is_empty(),
        "{} disagreements",
        outcome.wrong.len()
    );
    assert!(share <= MOST_UNSEEN, "{report}");
    hold(release, &report);
}
