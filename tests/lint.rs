//! `overgate lint` as people and programs meet it.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the environment, and prints what it left out"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The command in the project's folder, with no colours asked for.
fn overgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overgate"));
    command
        .current_dir(root())
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE");
    command
}

fn lint(arguments: &[&str]) -> Output {
    let mut command = overgate();
    command.arg("lint").args(arguments);
    command.output().expect("the binary runs")
}

fn lint_stdin(arguments: &[&str], text: &[u8]) -> Output {
    let mut child = overgate()
        .arg("lint")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(text).expect("read");
    drop(stdin);
    child.wait_with_output().expect("ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Every `tests/fixtures/lint/*.txt`: a command, what it prints, its exit status.
/// `OVERGATE_SNAPSHOTS=write cargo test --test lint` writes what it prints now.
#[test]
fn screens_are_as_recorded() {
    let mut screens: Vec<PathBuf> = fs::read_dir(root().join("tests/fixtures/lint"))
        .expect("there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    screens.sort();
    assert!(screens.len() >= 15, "{} screens", screens.len());
    let writes = std::env::var_os("OVERGATE_SNAPSHOTS").is_some_and(|value| value == "write");
    let mut wrong = Vec::new();
    for path in screens {
        let recorded = fs::read_to_string(&path).expect("UTF-8");
        let command = recorded.lines().next().unwrap_or_default();
        let arguments = command
            .strip_prefix("$ overgate lint ")
            .expect("a command first");
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = lint(&arguments);
        let screen = format!(
            "{command}\n{}{}exit status {}\n",
            text(&output.stderr),
            text(&output.stdout),
            output.status.code().unwrap_or(-1),
        );
        if writes {
            fs::write(&path, &screen).expect("written");
        } else if screen != recorded {
            wrong.push(format!("{}\n{screen}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn exit_statuses_are_the_contracts() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("made");
    let empty = empty.to_str().expect("UTF-8");
    let fine = at("fine.json", r#"{"type": "noop"}"#);
    let warned = at("warned.json", r#"{"type": "acme", "dataSource": "a"}"#);
    let wrong = at("wrong.json", r#"{"type": "noop", "runTme": 5}"#);
    let lenient = at(
        "lenient.toml",
        "[validation.levels]\nmisspelled-field = \"warn\"\nunknown-type = \"deny\"\n\
         [upstream.credentials]\nusername = \"a\"\npassword = \"env:OVERGATE_IS_NOT_SET\"\n",
    );
    let typed = at("typed.toml", "[validation.types]\ntask = [\"acme\"]\n");
    let broken = at("broken.toml", "[validation]\nmax_dept = 5\n");
    let small = at("small.toml", "[validation]\nmax_body_size = \"1KiB\"\n");
    let large = format!(
        r#"{{"type": "noop", "dataSource": "{}"}}"#,
        "a".repeat(2_000)
    );
    let large = at("large.json", &large);
    for (arguments, status, said) in [
        (&[&*fine][..], 0, "1 file: no findings"),
        (&[&*warned], 0, "1 file: 1 warning"),
        (&[&*wrong], 1, "1 file: 1 error"),
        (&[&*wrong, &*fine], 1, "2 files: 1 error"),
        (&[empty], 0, "no specs found"),
        (&[&*wrong, "/nowhere/a.json"], 2, "1 path could not be read"),
        (&["/nowhere/a.json"], 2, "no specs found"),
        (&["--config", &lenient, &wrong], 0, "1 warning"),
        (&["--config", &lenient, &warned], 1, "1 error"),
        (&["--config", &typed, &warned], 0, "no findings"),
        (&["--config", &broken, &fine], 2, ""),
        (&["--config", "/nowhere/a.toml", &fine], 2, ""),
        (&["--config", &small, &large], 2, "could not be read"),
        (&["--druid", "28.x", &fine], 2, ""),
        (&["--kind", "sampler", &fine], 2, ""),
        (&[], 2, ""),
    ] {
        let output = lint(arguments);
        let printed = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?} {printed}"
        );
        assert!(printed.contains(said), "{arguments:?} {printed}");
        assert_eq!(output.stderr.is_empty(), status < 2, "{arguments:?}");
    }
    let output = lint(&["--config", &broken, &fine]);
    assert!(
        text(&output.stderr)
            .contains("2:1: validation.max_dept: there is no such key; did you mean"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn json_has_the_contracts_shape() {
    let output = lint(&["--format", "json", "tests/fixtures/lint/minified.json"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = serde_json::json!({"version": 1, "druid": "28.0.0", "files": [{
        "file": "tests/fixtures/lint/minified.json",
        "kind": "task",
        "type": "index_parallel",
        "datasources": ["wikipedia"],
        "findings": [{
            "code": "misspelled-field",
            "severity": "error",
            "pointer": "/spec/tuningConfig/maxRowsPerSegmnet",
            "line": 1, "column": 474, "end_line": 1, "end_column": 493,
            "message": "`maxRowsPerSegmnet` is not a field of the index_parallel tuningConfig",
            "effect": "Druid ignores it without a word; the default applies",
            "suggestion": {
                "text": "maxRowsPerSegment",
                "pointer": "/spec/tuningConfig/maxRowsPerSegment",
            },
        }],
    }]});
    assert_eq!(json(&output), expected);
    // What is wrong with nothing is valid JSON too.
    let output = lint(&[
        "--format",
        "json",
        "/nowhere",
        "tests/fixtures/lint/folder/.hidden",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        json(&output)["files"][0]["file"],
        "tests/fixtures/lint/folder/.hidden/c.json"
    );
}

#[test]
fn specs_inside_other_documents_are_found_at_their_place() {
    let output = lint(&[
        "--format",
        "json",
        "--druid",
        "37.0.0",
        "tests/fixtures/lint/supervisors.json",
        "tests/fixtures/lint/answer.json",
    ]);
    let told = json(&output);
    assert_eq!(told["druid"], "37.0.0");
    let files: Vec<[&str; 4]> = told["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|file| ["pointer", "kind", "type", "file"].map(|key| file[key].as_str().expect(key)))
        .collect();
    let supervisors = "tests/fixtures/lint/supervisors.json";
    assert_eq!(
        files,
        [
            ["/0/spec", "supervisor", "autocompact", supervisors],
            ["/1/spec", "supervisor", "autocompact", supervisors],
            [
                "/payload",
                "task",
                "index_parallel",
                "tests/fixtures/lint/answer.json"
            ],
        ]
    );
    assert_eq!(
        told["files"][0]["datasources"],
        serde_json::json!(["wikipedia"])
    );
    let finding = &told["files"][2]["findings"][0];
    let source = fs::read_to_string(root().join("tests/fixtures/lint/answer.json")).expect("there");
    let line = usize::try_from(finding["line"].as_u64().expect("a number")).expect("small");
    let line = source.lines().nth(line - 1).expect("that many lines");
    assert!(line.contains("maxRowInMemory"), "{line}");
    assert_eq!(
        finding["pointer"],
        "/payload/spec/tuningConfig/maxRowInMemory"
    );
}

#[test]
fn standard_input_is_judged_as_what_it_is_said_to_be() {
    let task = br#"{"type": "noop", "runTme": 5}"#;
    let output = lint_stdin(&["-"], task);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains(" --> <stdin>:1:18\n"),
        "{}",
        text(&output.stdout)
    );
    let output = lint_stdin(&["--kind", "supervisor", "--format", "json", "-"], task);
    let told = json(&output);
    assert_eq!(told["files"][0]["kind"], "supervisor");
    assert_eq!(told["files"][0]["findings"][0]["pointer"], "/type");
    // Named, so judged, although it is plainly something else.
    let output = lint_stdin(&["-"], br#"{"name": "specs", "version": "1.0.0"}"#);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let coloured = |variables: &[(&str, &str)]| {
        let output = overgate()
            .args(["lint", "tests/fixtures/lint/duplicate.json"])
            .envs(variables.iter().copied())
            .output()
            .expect("runs");
        text(&output.stdout).contains('\u{1b}')
    };
    for (variables, expected) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        assert_eq!(coloured(variables), expected, "{variables:?}");
    }
}

#[test]
fn many_files_are_told_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..200 {
        // Of different sizes, so that later ones end earlier.
        let more = " ".repeat((200 - number) * 500);
        let text = format!("{{\"type\": \"noop\",{more}\n \"runTme\": {number}}}");
        fs::write(folder.path().join(format!("{number:03}.json")), text).expect("written");
    }
    let path = folder.path().to_str().expect("UTF-8");
    let output = lint(&[path]);
    let printed = text(&output.stdout);
    let order: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.strip_prefix(" --> ")?.strip_suffix(".json:2:2"))
        .filter_map(|path| path.rsplit('/').next())
        .collect();
    let expected: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    assert_eq!(order, expected);
    assert!(printed.ends_with("\n200 files: 200 errors (Druid 28.0.0)\n"));
    assert!(output.stderr.is_empty(), "no terminal, no progress");
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let mut child = overgate()
        .args(["lint", "tests/fixtures/lint"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn sarif_names_rules_places_and_fixes() {
    let output = lint(&["--format", "sarif", "tests/fixtures/lint"]);
    assert_eq!(output.status.code(), Some(1));
    let log = json(&output);
    let run = &log["runs"][0];
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), overgate::finding::CODES.len());
    let results = run["results"].as_array().expect("results");
    let mut fixed = 0;
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
        assert_eq!(rules[rule]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        let source = fs::read(root().join(uri)).expect("the file that is meant");
        for fix in result["fixes"].as_array().into_iter().flatten() {
            let replacement = &fix["artifactChanges"][0]["replacements"][0];
            let mended = mend(text(&source), replacement);
            let output = lint_stdin(&["--format", "json", "-"], mended.as_bytes());
            let left = json(&output);
            let codes = |findings: &Value| {
                let codes = findings.as_array().into_iter().flatten();
                codes
                    .filter(|finding| finding["code"] == result["ruleId"])
                    .count()
            };
            let now: usize = left["files"]
                .as_array()
                .expect("files")
                .iter()
                .map(|file| codes(&file["findings"]))
                .sum();
            let of_rule = |other: &&Value| {
                other["ruleId"] == result["ruleId"]
                    && other["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == *uri
            };
            let before = results.iter().filter(of_rule).count();
            assert_eq!(now + 1, before, "{uri} {result}\n{mended}");
            fixed += 1;
        }
    }
    assert!(fixed >= 8, "{fixed} fixes");
}

/// A text after a replacement of SARIF's.
fn mend(source: &str, replacement: &Value) -> String {
    let region = &replacement["deletedRegion"];
    let number = |key: &str| usize::try_from(region[key].as_u64().expect(key)).expect("small");
    let offset = |line: usize, column: usize| {
        let start: usize = source
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum();
        let characters = source[start..].chars().take(column - 1);
        start + characters.map(char::len_utf8).sum::<usize>()
    };
    let from = offset(number("startLine"), number("startColumn"));
    let to = offset(number("endLine"), number("endColumn"));
    let inserted = replacement["insertedContent"]["text"]
        .as_str()
        .expect("text");
    format!("{}{inserted}{}", &source[..from], &source[to..])
}

/// Against the schema of SARIF itself, which `scripts/sarif-schema` brings: it is OASIS's, and no
/// part of the project.
#[test]
fn sarif_is_valid() {
    let Some(schema) = std::env::var_os("OVERGATE_SARIF_SCHEMA") else {
        eprintln!("SKIPPED: OVERGATE_SARIF_SCHEMA is not set (scripts/sarif-schema)");
        return;
    };
    let schema = fs::read_to_string(schema).expect("the schema");
    // Before its errata 01 the schema had a slip in a pattern that no strict validator reads.
    let schema = schema.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let empty = tempfile::tempdir().expect("a folder");
    let empty = empty.path().to_str().expect("UTF-8");
    for path in ["tests/fixtures/lint", "/nowhere", empty] {
        let log = json(&lint(&["--format", "sarif", path]));
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:#?}");
    }
    // It can fail.
    let mut log = json(&lint(&[
        "--format",
        "sarif",
        "tests/fixtures/lint/duplicate.json",
    ]));
    log["runs"][0]["results"][0]["level"] = Value::from("fatal");
    assert!(!validator.is_valid(&log));
}
