//! What fuzzing found worth keeping, replayed through the assertions of the fuzz targets.

#![allow(clippy::disallowed_methods, reason = "a test reads files")]

#[path = "../fuzz/checks/json_reader.rs"]
mod json_reader;
#[path = "../fuzz/checks/spec_reader.rs"]
mod spec_reader;

use std::path::Path;

/// The inputs that are kept for a target: none before its first run.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| {
            let path = entry.expect("readable").path();
            let bytes = std::fs::read(&path).expect("readable");
            (path.display().to_string(), bytes)
        })
        .collect()
}

/// Names the input that does not hold.
fn replay(target: &str, holds: fn(&[u8])) {
    // The assertions themselves are tried without a corpus too.
    let by_hand: [&[u8]; 6] = [
        b"",
        br#"{"type":"noop","dataSource":"a"}"#,
        br#"{"a":[1,{"b":null}],"a":2}"#,
        b"[0,1e400]",
        b"\xff",
        br#"{"type":"index","spec":["a",{"ioConfig":{}}]}"#,
    ];
    let by_hand = by_hand.map(|bytes| ("by hand".to_owned(), bytes.to_vec()));
    for (name, bytes) in corpus(target).into_iter().chain(by_hand) {
        let held = std::panic::catch_unwind(|| holds(&bytes));
        assert!(held.is_ok(), "{target}: {name}");
    }
}

#[test]
fn the_json_readers_corpus_holds() {
    replay("json_reader", json_reader::holds);
}

#[test]
fn the_spec_readers_corpus_holds() {
    replay("spec_reader", spec_reader::holds);
}
