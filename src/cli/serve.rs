//! `overgate serve`.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use super::UNUSABLE;
use super::terminal::complain;
use crate::config::LoadError;
use crate::server::{Server, StartError, chain};

/// What is logged unless `RUST_LOG` says otherwise. Pingora's own lines can hold a request's path
/// and query, which are the access log's business.
const DEFAULT_LOG: &str = "info,pingora_core=error,pingora_proxy=error";

pub(super) fn run(config: &Path) -> ExitCode {
    start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("overgate: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let served = runtime.block_on(async {
        let server = Server::from_file(config).await?;
        server.run().await
    });
    // What still runs was given its time by the drain.
    runtime.shutdown_background();
    match served {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            if let StartError::Config(LoadError::Invalid { problems, path }) = &error {
                for problem in problems {
                    complain(&format!("{}:{problem}", path.display()));
                }
            }
            complain(&format!("overgate: {}", chain(&error)));
            match error {
                StartError::Config(_)
                | StartError::User(_)
                | StartError::Credentials
                | StartError::AdminNeedsToken(_)
                | StartError::Issuer(_)
                | StartError::Tls(_)
                | StartError::Trust(_)
                | StartError::Store(_) => ExitCode::from(UNUSABLE),
                StartError::Schema(_)
                | StartError::Listen { .. }
                | StartError::AccessLog { .. }
                | StartError::System(_)
                | StartError::NeedsRestart(_) => ExitCode::FAILURE,
            }
        }
    }
}

/// As [`start_logging`], but errors only: the tour tells what happens.
pub(super) fn start_logging_quietly() {
    start_logging_at("error");
}

/// JSON lines to standard error; text on a terminal.
pub(super) fn start_logging() {
    start_logging_at(DEFAULT_LOG);
}

fn start_logging_at(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // Somebody else may have set one up: tests do.
    let _ = if io::stderr().is_terminal() {
        lines.with_target(false).try_init()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init()
    };
}
