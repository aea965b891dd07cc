//! Specs: what the gateway says of them, held against Druid's own reader.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reads files and prints what it measured"
)]

mod corpus;
mod generate;
mod judge;
mod mistakes;
mod oracle;
mod raw;
mod record;
mod secrets;
mod typos;
