//! The layers of `lib.rs`, held apart: one crate cannot do it through Cargo.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with its layer. A module may use its own layer's only where the layer says so.
const LAYERS: &[(&str, u8)] = &[
    ("druid", 0),
    ("json", 0),
    ("finding", 0),
    ("route", 1),
    ("certificate", 1),
    ("caller", 1),
    ("spec", 1),
    ("schema", 2),
    ("policy", 2),
    ("quota", 2),
    ("disclosure", 2),
    ("admission", 3),
    ("config", 4),
    ("identity", 4),
    ("upstream", 4),
    ("store", 4),
    ("telemetry", 4),
    ("listener", 5),
    ("gateway", 5),
    ("admin", 5),
    ("demo", 5),
    ("server", 6),
    ("cli", 6),
];

/// Layers whose modules may use each other.
const SOCIABLE: [u8; 4] = [0, 1, 5, 6];

/// Layers without I/O, and what must not stand in them.
const PURE: u8 = 3;
const IMPURE: [&str; 8] = [
    "async ",
    "tokio",
    "pingora",
    "tracing",
    "std::fs",
    "std::env",
    "Instant::now",
    "SystemTime::now",
];

/// Crates that only some modules may see.
const OWNED: &[(&str, &[&str])] = &[
    ("pingora::", &["upstream"]),
    ("governor::", &["quota"]),
    ("prometheus::", &["telemetry"]),
    ("redis::", &["store"]),
    ("argon2::", &["identity"]),
    ("bcrypt::", &["identity"]),
    ("jsonwebtoken::", &["identity"]),
    (
        "rustls::",
        &["listener", "upstream", "certificate", "identity"],
    ),
    ("x509_parser::", &["certificate"]),
];

const LONGEST_FILE: usize = 400;

const BANNED_NAMES: [&str; 11] = [
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "manager",
    "types",
    "constants",
    "handler",
    "base",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Does the module above declare it under `#[cfg(test)]`?
fn is_test_only(path: &Path) -> bool {
    let stem = path.file_stem().expect("a name").to_string_lossy();
    let folder = path.parent().expect("a folder");
    let above = [folder.join("mod.rs"), folder.with_extension("rs")];
    above
        .iter()
        .filter_map(|above| fs::read_to_string(above).ok())
        .any(|text| text.contains(&format!("#[cfg(test)]\nmod {stem};")))
}

/// Every source file: its module, its path below `src`, and its code without comments and tests.
fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut files = Vec::new();
    for path in paths {
        let below = path.strip_prefix(&root).expect("below").to_owned();
        if is_test_only(&path) {
            continue;
        }
        let module = below
            .iter()
            .next()
            .expect("a name")
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        let text = fs::read_to_string(&path).expect("UTF-8");
        let code: Vec<&str> = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        files.push((module, below, code.join("\n")));
    }
    assert!(files.len() > 50, "the sources were not found");
    files
}

#[test]
fn modules_use_what_their_layer_may() {
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, path, code) in files() {
        let Some(own) = layers.get(module.as_str()) else {
            continue;
        };
        for rest in code.split("crate::").skip(1) {
            let used: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let Some(other) = layers.get(used.as_str()) else {
                continue;
            };
            let allowed = used == module || other < own || (other == own && SOCIABLE.contains(own));
            if !allowed {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_has_a_layer() {
    for (module, path, _) in files() {
        let known =
            LAYERS.iter().any(|(name, _)| *name == module) || module == "lib" || module == "main";
        assert!(known, "{} is in no layer", path.display());
    }
}

#[test]
fn what_decides_does_no_io() {
    let mut wrong = Vec::new();
    for (module, path, code) in files() {
        let pure = LAYERS
            .iter()
            .any(|(name, layer)| *name == module && *layer <= PURE);
        for word in IMPURE {
            if pure && code.contains(word) {
                wrong.push(format!("{} has `{word}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn crates_are_seen_where_they_belong() {
    let mut wrong = Vec::new();
    for (module, path, code) in files() {
        for (name, owners) in OWNED {
            if code.contains(name) && !owners.contains(&module.as_str()) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_short_and_named_after_what_they_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (_, path, _) in files() {
        let text = fs::read_to_string(root.join(&path)).expect("UTF-8");
        let lines = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        if lines > LONGEST_FILE {
            wrong.push(format!(
                "{}: {lines} lines before its tests",
                path.display()
            ));
        }
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if BANNED_NAMES.contains(&stem.as_str()) {
            wrong.push(format!("{} says nothing", path.display()));
        }
    }
    let main = fs::read_to_string(root.join("main.rs")).expect("UTF-8");
    assert!(main.lines().count() < 40, "the binary is a door");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
