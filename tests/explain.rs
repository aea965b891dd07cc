//! `overgate explain` as people and programs meet it.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads files and the environment"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use overgate::telemetry::Stage;
use serde_json::{Value, json};

const CONFIG: &str = "tests/fixtures/explain/gateway.toml";
const PREFIX: &str = "/druid/indexer/v1";

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

/// `explain` with the fixtures' configuration.
fn explain(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = overgate()
        .args(["explain", "--config", CONFIG])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // Who needs no body reads none.
    let _ = child.stdin.take().expect("piped").write_all(stdin);
    child.wait_with_output().expect("ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn told(arguments: &[&str], stdin: &[u8]) -> Value {
    let output = explain(&[&["--format", "json"], arguments].concat(), stdin);
    assert_eq!(text(&output.stderr), "");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let status = i32::from(told["admitted"] != true);
    assert_eq!(output.status.code(), Some(status), "{told}");
    told
}

/// Every `tests/fixtures/explain/*.txt`: a command, what it prints, its exit status.
/// `OVERGATE_SNAPSHOTS=write cargo test --test explain` writes what it prints now.
#[test]
fn screens_are_as_recorded() {
    let mut screens: Vec<PathBuf> = fs::read_dir(root().join("tests/fixtures/explain"))
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
            .strip_prefix("$ overgate ")
            .expect("a command first");
        let output = overgate()
            .args(arguments.split(' '))
            .output()
            .expect("the binary runs");
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
fn what_cannot_be_explained_is_told_with_a_hint() {
    let tasks = format!("{PREFIX}/tasks");
    let task = format!("{PREFIX}/task");
    let offsets = format!("{PREFIX}/supervisor/x/resetOffsets");
    for (arguments, hint) in [
        (&["--as", "elt", "GET", &tasks][..], "did you mean `etl`?"),
        (&["--as", "gest", "GET", &tasks], "did you mean `guest`?"),
        (&["--as", "nobody", "GET", &tasks], "it has `etl`, `ops`"),
        (
            &["--as", "ssl:alice", "GET", &tasks],
            "did you mean `sso:alice`?",
        ),
        (&["--as", "sso:", "GET", &tasks], "`sso:SUBJECT`"),
        (
            &["--as", "sso:alice", "--role", "wiki-writr", "GET", &tasks],
            "did you mean `wiki-writer`?",
        ),
        (
            &["--as", "sso:alice", "--role", "operator", "GET", &tasks],
            "tokens of `sso` do not give the role `operator`; they give `wiki-writer`",
        ),
        (
            &["--as", "etl", "--role", "operator", "GET", &tasks],
            "`--role` is for tokens",
        ),
        (&["--as", "etl", "POST", &task], "`--body FILE`"),
        (
            &["--as", "ops", "--owner", "a", "POST", &offsets],
            "`--body FILE`",
        ),
        // The verdict for some owner takes it.
        (&["--as", "ops", "POST", &offsets], "`--body FILE`"),
        (
            &["--as", "etl", "--body", "/nowhere", "POST", &task],
            "/nowhere: No such file or directory",
        ),
        (
            &["--as", "etl", "--owner", "a/b", "GET", &tasks],
            "`a/b` is no datasource",
        ),
        (&["--as", "etl", "G ET", &tasks], "`G ET` is no method"),
        (&["--as", "etl", "GET"], "<TARGET>"),
        (&["GET", &tasks], "--as"),
    ] {
        let output = explain(arguments, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {said}");
        assert!(said.contains(hint), "{arguments:?} {said}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("broken.toml");
    fs::write(&broken, "[validation]\nmax_dept = 5\n").expect("written");
    for (config, hint) in [
        (broken.to_str().expect("UTF-8"), "2:1: validation.max_dept"),
        ("/nowhere.toml", "cannot read /nowhere.toml"),
    ] {
        let output = overgate()
            .args(["explain", "--config", config, "--as", "etl", "GET", &tasks])
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(2), "{config}");
        assert!(text(&output.stderr).contains(hint), "{config}");
    }
}

#[test]
fn json_tells_what_the_text_tells() {
    let target = format!("{PREFIX}/task");
    let body = "tests/fixtures/explain/foreign.json";
    let told = told(&["--as", "etl", "POST", &target, "--body", body], b"");
    let page = fs::read_to_string(root().join("docs/explain.md")).expect("the manual");
    let example = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let example: Value = serde_json::from_str(example).expect("JSON");
    // The example leaves stages away that are like others.
    let mut shown = told.clone();
    let kept = |stage: &Value| {
        ["spec", "authorize", "review"]
            .iter()
            .any(|name| stage["stage"] == *name)
    };
    let stages = shown["stages"].as_array_mut().expect("a list");
    assert_eq!(stages.len(), 11);
    let known = Stage::ALL.map(Stage::name);
    for stage in &*stages {
        let name = stage["stage"].as_str().expect("a name");
        assert!(
            known.contains(&name),
            "{name} is no stage of the access log"
        );
    }
    stages.retain(kept);
    assert_eq!(
        shown,
        example,
        "{}",
        serde_json::to_string_pretty(&shown).expect("JSON")
    );
}

#[test]
fn owners_that_could_be_are_told() {
    let target = format!("{PREFIX}/task/index_1/shutdown");
    for (who, expected) in [
        (
            "etl",
            json!([
                {"owner": "wiki*", "admitted": true, "status": null},
                {"owner": "metrics", "admitted": false, "status": 403},
            ]),
        ),
        (
            "ops",
            json!([{"owner": "*", "admitted": true, "status": null}]),
        ),
        ("guest", json!([])),
    ] {
        let told = told(&["--as", who, "POST", &target], b"");
        assert_eq!(told["cases"], expected, "{who}");
        assert_eq!(told["admitted"], false, "{who}");
    }
}

/// What is told of a request is nothing of the secrets in it.
#[test]
fn secrets_of_the_body_are_not_told() {
    let spec = fs::read_to_string(root().join("tests/fixtures/lint/fine.json")).expect("there");
    let target = format!("{PREFIX}/task");
    for address in [
        "https://reader:hunter2@example.com/wiki.json",
        "https://example.com/wiki.json?token=hunter2",
        "jdbc:mysql://reader:hunter2@example.com/x?password=hunter2",
    ] {
        let body = spec
            .replace("https://example.com/wiki.json", address)
            .replace(
                "\"inputFormat\"",
                "\"password\": \"hunter2\", \"secretAccessKey\": \"hunter2\", \"inputFormat\"",
            );
        for who in ["etl", "ops"] {
            for format in ["text", "json"] {
                let arguments = [
                    "--as", who, "--format", format, "POST", &target, "--body", "-",
                ];
                let output = explain(&arguments, body.as_bytes());
                let said = text(&output.stdout);
                assert!(said.contains("wikipedia"), "{address} {said}");
                assert!(!said.contains("hunter2"), "{address} {said}");
            }
        }
    }
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let coloured = |variables: &[(&str, &str)]| {
        let target = format!("{PREFIX}/tasks");
        let output = overgate()
            .args(["explain", "--config", CONFIG, "--as", "etl", "GET", &target])
            .envs(variables.iter().copied())
            .output()
            .expect("runs");
        text(&output.stdout).contains('\u{1b}')
    };
    for (variables, expected) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        assert_eq!(coloured(variables), expected, "{variables:?}");
    }
}

/// Nobody is charged: a limit of one request a day admits each that is asked about.
#[test]
fn nothing_is_charged_and_audit_refuses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("audit.toml");
    let config = fs::read_to_string(root().join(CONFIG)).expect("there");
    let config = config
        .replacen("[upstream]", "mode = \"audit\"\n[upstream]", 1)
        .replace("rate = \"30/min\"\nburst = 60", "rate = \"1/d\"");
    fs::write(&path, config).expect("written");
    let target = format!("{PREFIX}/task");
    let output = overgate()
        .args([
            "explain",
            "--config",
            path.to_str().expect("UTF-8"),
            "--as",
            "etl",
            "POST",
        ])
        .args([&target, "--body", "tests/fixtures/lint/wikipedia.json"])
        .output()
        .expect("runs");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("`mode = \"audit\"` refuses nothing"),
        "{said}"
    );
    assert!(said.contains("1/d, bursts of 1"), "{said}");
}
