//! `checks/spec_reader.rs`, which the project's own tests replay on the kept corpus.

#![no_main]

#[path = "../checks/spec_reader.rs"]
mod spec_reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spec_reader::holds(bytes));
