//! `overgate check`: every problem of a configuration at once.

use std::path::Path;
use std::process::ExitCode;

use super::terminal::{Palette, complain, print};
use crate::config::{self, LoadError};
use crate::identity::Users;
use crate::server::chain;

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
    let users = config.users.iter().cloned();
    if let Err(error) = Users::new(0, users.map(|user| (user.name, user.password, user.roles))) {
        print(&format!(
            "{}: {}",
            path.display(),
            palette.bad(&error.to_string())
        ));
        return ExitCode::FAILURE;
    }
    let text = format!(
        "{} {}: {} Overlords of Druid {}, {} users, {} roles, {} rate limits",
        palette.good("ok"),
        path.display(),
        config.upstream.overlords.len(),
        config.upstream.druid_version,
        config.users.len(),
        config.roles.len(),
        config.rate_limits.len(),
    );
    print(&text)
}
