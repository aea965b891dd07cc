//! `overgate hash-password`: a password in, its argon2id hash out; or a new API key and its digest.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::{Command, ExitCode};

use super::UNUSABLE;
use super::terminal::{complain, print};
use crate::identity::{api_key, hash_password};
use crate::server::chain;

pub(super) fn run() -> ExitCode {
    let password = match read() {
        Ok(password) => password,
        Err(error) => {
            complain(&format!("overgate: cannot read the password: {error}"));
            return ExitCode::from(UNUSABLE);
        }
    };
    match hash_password(&password) {
        Ok(hash) => print(&hash),
        Err(error) => {
            complain(&format!("overgate: {}", chain(&error)));
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Prints a new API key, which is shown this once, and below it what the configuration holds.
pub(super) fn make_key() -> ExitCode {
    let mut random = [0; 32];
    if let Err(error) = getrandom::fill(&mut random) {
        complain(&format!("overgate: there is no randomness: {error}"));
        return ExitCode::from(UNUSABLE);
    }
    let (key, line) = api_key(random);
    print(&format!("{key}\n{line}"))
}

/// One line of standard input; from a terminal without showing it, where `stty` can see to that.
fn read() -> io::Result<String> {
    let on_terminal = io::stdin().is_terminal();
    let hidden = on_terminal && echo(false);
    if on_terminal {
        complain("Password:");
    }
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    if hidden {
        echo(true);
    }
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn echo(on: bool) -> bool {
    let switch = if on { "echo" } else { "-echo" };
    Command::new("stty")
        .arg(switch)
        .status()
        .is_ok_and(|status| status.success())
}
