//! The running binary: raw bytes, signals, restarts.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and the clock, and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

mod canaries;
mod edge;
mod examples;
mod login;
mod process;
mod signals;
mod slow;
mod tls;
