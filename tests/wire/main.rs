//! The running binary: raw bytes, signals, restarts.

#[path = "../support/mod.rs"]
mod support;

mod edge;
mod process;
mod signals;
