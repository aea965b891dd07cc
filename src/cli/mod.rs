//! The commands: arguments in, exit status out.

mod check;
mod demo;
mod explain;
mod lint;
mod password;
mod schema;
mod serve;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::druid::DruidVersion;

/// The admission controller that Apache Druid lacks: a gateway in front of the Overlord.
#[derive(Debug, Parser)]
#[command(name = "overgate", version, about, long_about = None, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve {
        /// The configuration file (TOML)
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Show the whole thing on one machine: an embedded Overlord, the gateway, a tour
    Demo {
        /// End after the tour instead of serving until Ctrl-C
        #[arg(long)]
        tour_only: bool,
    },
    /// Judge specs as the gateway would, without one
    Lint(lint::Asked),
    /// Check a configuration: every problem at once
    Check {
        /// The configuration file (TOML)
        file: PathBuf,
    },
    /// The verdict of a request and every step to it, sending nothing
    Explain(explain::Asked),
    /// Print the JSON Schema of tasks or supervisors, for editors and other validators
    Schema {
        /// The release of Druid
        #[arg(long, value_name = "VERSION", default_value = "28.0.0")]
        druid: DruidVersion,
        /// Which one
        kind: schema::Kind,
    },
    /// Read a password, print its argon2id hash
    HashPassword {
        /// Make a new API key instead: print it, and the line that the configuration knows it by
        #[arg(long)]
        api_key: bool,
    },
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Bad usage or configuration.
const UNUSABLE: u8 = 2;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, and are no failure.
            let failed = error.use_stderr();
            let _ = error.print();
            return if failed {
                ExitCode::from(UNUSABLE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match arguments.command {
        Command::Serve { config } => serve::run(&config),
        Command::Demo { tour_only } => demo::run(tour_only),
        Command::Lint(asked) => lint::run(&asked),
        Command::Check { file } => check::run(&file),
        Command::Explain(asked) => explain::run(&asked),
        Command::Schema { druid, kind } => schema::run(druid, kind),
        Command::HashPassword { api_key: false } => password::run(),
        Command::HashPassword { api_key: true } => password::make_key(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "overgate", &mut script);
            terminal::print(&String::from_utf8_lossy(&script))
        }
    }
}
