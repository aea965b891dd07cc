//! `overgate check`: every problem of a configuration at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::terminal::{Palette, complain, print};
use crate::config::{self, Config, LoadError, UpstreamTls};
use crate::identity::Clock;
use crate::server::{chain, listener_tls, upstream_tls, users, wall_clock};
use crate::upstream::Trust;

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
    let (problems, warnings) = beyond_the_text(&config);
    let mut text = String::new();
    for problem in &problems {
        text.push_str(&format!("{}: {}\n", path.display(), palette.bad(problem)));
    }
    for warning in &warnings {
        text.push_str(&format!("{}: warning: {warning}\n", path.display()));
    }
    if !problems.is_empty() {
        print(&text);
        return ExitCode::FAILURE;
    }
    let text = format!(
        "{text}{} {}: {} Overlords of Druid {}, {} users, {} issuers, {} roles, {} rate limits",
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

/// What only a look at hashes and files shows: what cannot be, and what will not do for long.
fn beyond_the_text(config: &Config) -> (Vec<String>, Vec<String>) {
    // Nothing is fetched: no clock is looked at.
    let clock: Clock = Arc::new(|| Duration::ZERO);
    let users = users(config, 0, &clock, None);
    let tls = listener_tls(&config.listener);
    let trust = Trust::read(&upstream_tls(&config.upstream));
    let now = wall_clock();
    let mut warnings: Vec<String> = config.warnings().collect();
    if let Ok(Some(tls)) = &tls {
        warnings.extend(tls.files().warnings(now));
    }
    if let Ok(trust) = &trust {
        warnings.extend(trust.files().warnings(now));
    }
    if let Ok(users) = &users {
        let files = users.issuers().files();
        warnings.extend(files.flat_map(|files| files.warnings(now)));
    }
    // Two issuers may share a file, and with the Overlords.
    let mut told = BTreeSet::new();
    warnings.retain(|warning| told.insert(warning.clone()));
    let asked_for = config.upstream.tls != UpstreamTls::default();
    let mut overlords = config.upstream.overlords.iter();
    if asked_for && overlords.all(|overlord| !overlord.tls) {
        warnings.push("`upstream.tls` is for nothing: no Overlord is `https`".to_owned());
    }
    let problems = [
        users.err().map(|error| chain(&error)),
        tls.err().map(|error| chain(&error)),
        trust.err().map(|error| chain(&error)),
    ];
    (problems.into_iter().flatten().collect(), warnings)
}
