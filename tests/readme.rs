//! The README's command blocks do what they say.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

use std::path::Path;
use std::process::Command;

use overgate::finding::{CODES, CodeRow, Severity};

/// Runs a `$ overgate …` line in the project's folder; gives standard output.
fn run(line: &str) -> String {
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_overgate"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary runs");
    // What is shown has errors, or is refused, on purpose.
    let refused = ["overgate lint ", "overgate explain "];
    let expected = i32::from(refused.iter().any(|command| line.starts_with(command)));
    assert_eq!(
        output.status.code(),
        Some(expected),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn console_blocks_print_what_they_show() {
    for (page, blocks) in [("README.md", 4), ("docs/explain.md", 2)] {
        assert_eq!(console_blocks(page), blocks, "{page}");
    }
}

/// Runs the blocks of a page, and counts them.
fn console_blocks(page: &str) -> usize {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect("a page");
    let mut blocks = 0;
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("closed");
        let mut lines = block.lines();
        let command = lines
            .next()
            .and_then(|line| line.strip_prefix("$ "))
            .expect("a command first");
        let printed = run(command);
        let mut rest = printed.as_str();
        // `…` stands for what is left out.
        for part in lines
            .collect::<Vec<_>>()
            .join("\n")
            .split('…')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let at = rest
                .find(part)
                .unwrap_or_else(|| panic!("{command} does not print\n{part}\nbut\n{printed}"));
            rest = &rest[at + part.len()..];
        }
        blocks += 1;
    }
    blocks
}

#[test]
fn commands_and_make_targets_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("a README");
    let makefile = std::fs::read_to_string(root.join("Makefile")).expect("a Makefile");
    for target in ["demo", "test"] {
        assert!(readme.contains(&format!("make {target}")));
        assert!(makefile.contains(&format!("\n{target}:")));
    }
    let help = run("overgate --help");
    for command in [
        "serve",
        "demo",
        "lint",
        "check",
        "explain",
        "schema",
        "hash-password",
        "completions",
    ] {
        assert!(help.contains(command), "{command}");
        assert!(
            readme.contains(&format!("`overgate {command}")),
            "{command}"
        );
    }
    // Links lead to files.
    for link in readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        assert!(root.join(link).exists(), "{link}");
    }
}

/// `OVERGATE_SNAPSHOTS=write cargo test --test readme` writes it.
#[test]
fn the_table_of_codes_is_that_of_the_code() {
    let mut page = String::from(
        "# Codes\n\n\
         What `overgate lint` and the gateway find. The level is the default: `[validation.levels]` \
         sets another one, except where a star says that no configuration lets such a body pass, as \
         it cannot be read or authorized with certainty.\n\n\
         | code | level | meaning | what Druid does | example |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for row in CODES {
        let CodeRow {
            code,
            severity,
            meaning,
            effect,
            example,
        } = row;
        let level = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let star = if code.is_certain() { " \\*" } else { "" };
        let example = example.replace('|', "\\|");
        page.push_str(&format!(
            "| `{code}` | {level}{star} | {meaning} | {effect} | `{example}` |\n"
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md");
    if std::env::var_os("OVERGATE_SNAPSHOTS").is_some_and(|value| value == "write") {
        std::fs::write(&path, &page).expect("written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == page, "docs/codes.md is old:\n{page}");
}

/// The manual's pages name no command, option or file that is not there.
#[test]
fn the_manuals_commands_and_links_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let commands = ["lint", "explain"].map(|command| {
        let help = run(&format!("overgate help {command}"));
        (format!("overgate {command} "), help)
    });
    for page in [
        "docs/explain.md",
        "docs/lint.md",
        "docs/schema.md",
        "docs/logging-in.md",
        "docs/tls.md",
    ] {
        let text = std::fs::read_to_string(root.join(page)).expect("a page");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            assert!(root.join("docs").join(link).exists(), "{page}: {link}");
        }
        for (command, options) in &commands {
            let lines = text.lines().filter_map(|line| line.split_once(command));
            let lines = lines.map(|(_, arguments)| arguments);
            let words = lines.flat_map(|line| line.split([' ', '`', '[', ']', '|']));
            for option in words.filter(|word| word.starts_with("--")) {
                assert!(options.contains(option), "{page}: {option}");
            }
        }
    }
}

#[test]
fn exit_statuses_are_the_contracts() {
    let status = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_overgate"))
            .args(arguments)
            .output()
            .expect("runs");
        output.status.code()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "[upstream]\n").expect("written");
    let bad = bad.to_str().expect("UTF-8");
    for (arguments, expected) in [
        (&["--version"][..], 0),
        (&["schema", "task"], 0),
        (&["schema", "--druid", "37.0.0", "supervisor"], 0),
        (&["schema", "--druid", "37.x", "supervisor"], 2),
        (&["schema", "nothing"], 2),
        (&["frobnicate"], 2),
        (&["check", bad], 1),
        (&["check", "/nowhere/at/all.toml"], 1),
        (&["serve", "--config", bad], 2),
        (&["serve"], 2),
        (&["completions", "bash"], 0),
    ] {
        assert_eq!(status(arguments), Some(expected), "{arguments:?}");
    }
}
