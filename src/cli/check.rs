//! `overgate check`: every problem of a configuration at once.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::terminal::{Palette, complain, print};
use crate::config::{self, Config, LoadError};
use crate::identity::Clock;
use crate::listener;
use crate::server::{chain, users};
use crate::upstream::check_ca;

pub(super) fn run(path: &Path) -> ExitCode {
    let palette = Palette::of_stdout();
    let config = match config::load(path) {
        Ok(config) => config,
        Err(error @ LoadError::Read { .. }) => {
            complain(&format!("overgate: {}", chain(&error)));
            return ExitCode::FAILURE;
        }
        Err(error @ LoadError::Invalid { .. }) => {
            let LoadError::Invalid { problems, .. } = &error else {
                unreachable!("matched above")
            };
            let mut text = String::new();
            for problem in problems {
                text.push_str(&format!("{}:{problem}\n", path.display()));
            }
            text.push_str(&format!("{}\n", palette.bad(&error.to_string())));
            print(&text);
            return ExitCode::FAILURE;
        }
    };
    let problems = beyond_the_text(&config);
    if !problems.is_empty() {
        let mut text = String::new();
        for problem in problems {
            text.push_str(&format!("{}: {}\n", path.display(), palette.bad(&problem)));
        }
        print(&text);
        return ExitCode::FAILURE;
    }
    let text = format!(
        "{} {}: {} Overlords of Druid {}, {} users, {} issuers, {} roles, {} rate limits",
        palette.good("ok"),
        path.display(),
        config.upstream.overlords.len(),
        config.upstream.druid_version,
        config.users.len(),
        config.issuers.len(),
        config.roles.len(),
        config.rate_limits.len(),
    );
    print(&text)
}

/// What only a look at hashes and files shows.
fn beyond_the_text(config: &Config) -> Vec<String> {
    // Nothing is fetched: no clock is looked at.
    let clock: Clock = Arc::new(|| Duration::ZERO);
    let users = users(config, 0, &clock, None);
    let tls = config.listener.tls.as_ref();
    let tls = tls.map_or(Ok(()), |files| {
        listener::acceptor(&files.certificate, &files.key).map(drop)
    });
    let ca = config.upstream.ca.as_deref().map_or(Ok(()), check_ca);
    [
        users.err().map(|error| chain(&error)),
        tls.err().map(|error| error.to_string()),
        ca.err().map(|error| error.to_string()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
