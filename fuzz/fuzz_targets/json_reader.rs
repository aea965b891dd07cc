//! `checks/json_reader.rs`, which the project's own tests replay on the kept corpus.

#![no_main]

#[path = "../checks/json_reader.rs"]
mod json_reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| json_reader::holds(bytes));
