//! `overgate explain`: the verdict of a request and every step to it, sending nothing.

mod effects;
mod grants;
mod json;
mod mend;
mod stages;
mod text;
mod who;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, ValueEnum, ValueHint};

use self::text::Text;
use super::UNUSABLE;
use super::lint::words;
use super::schema::stand_in;
use super::terminal::{Palette, complain, print};
use crate::admission::{self, Explained, Forward, Head, Snapshot, Supplied, Unanswered, Verdict};
use crate::caller::{Principal, Schemes};
use crate::config::{self, LoadError};
use crate::druid::DataSource;
use crate::finding::{plain, quote};
use crate::gateway::Refusal;
use crate::server::{chain, snapshot};

/// What a person asks for.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The gateway's configuration; no secret in it is looked up, and nothing is sent
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: PathBuf,
    /// Who asks: a user, or `ISSUER:SUBJECT` for a token
    #[arg(long = "as", value_name = "PRINCIPAL")]
    principal: String,
    /// A role that the token gives; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Whose the task or supervisor is: its datasources, or `none` if there is no such one
    #[arg(long, value_name = "DATASOURCE", value_delimiter = ',')]
    owner: Vec<String>,
    /// The body: a file, or `-` for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    body: Option<PathBuf>,
    /// How it is told
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// GET, POST or DELETE
    method: String,
    /// The path and query, as a client sends them: /druid/indexer/v1/task
    target: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// As JSON, for programs
    Json,
}

/// All that is to be told.
struct Story<'s> {
    method: &'s str,
    target: &'s str,
    principal: &'s Principal,
    /// How the principal is known.
    known: &'s str,
    snapshot: &'s Snapshot,
    /// As a person knows the body.
    shown: &'s str,
    bytes: &'s Bytes,
    owner: &'s Supplied,
    explained: &'s Explained<'s>,
}

/// What the client gets.
struct Answer {
    is_admitted: bool,
    /// `None`: the Overlord's own.
    status: Option<u16>,
    /// The code and the message of a refusal.
    refusal: Option<Refusal>,
}

impl Answer {
    fn of(verdict: &Verdict) -> Answer {
        match &verdict.decision {
            Ok(admitted) => match &admitted.forward {
                Forward::DryRun { refused_by, .. } => Answer {
                    is_admitted: refused_by.is_none(),
                    status: Some(200),
                    refusal: None,
                },
                Forward::SubmitTask { .. }
                | Forward::SubmitSupervisor { .. }
                | Forward::Relay { .. }
                | Forward::ShutdownAll(_) => Answer {
                    is_admitted: true,
                    status: None,
                    refusal: None,
                },
            },
            Err(rejection) => {
                let refusal = Refusal::from(rejection.clone());
                Answer {
                    is_admitted: false,
                    status: Some(refusal.status),
                    refusal: Some(refusal),
                }
            }
        }
    }
}

pub(super) fn run(asked: &Asked) -> ExitCode {
    match explain(asked) {
        Ok((text, is_admitted)) => match print(&text) {
            ExitCode::SUCCESS if is_admitted => ExitCode::SUCCESS,
            ExitCode::SUCCESS => ExitCode::FAILURE,
            failed => failed,
        },
        Err(problem) => {
            complain(&problem);
            ExitCode::from(UNUSABLE)
        }
    }
}

/// What is told, and whether the request is admitted; or why that cannot be told.
fn explain(asked: &Asked) -> Result<(String, bool), String> {
    let complaint = |words: &str| format!("overgate: {words}");
    let config = config::load_alone(&asked.config).map_err(|error| {
        let mut text = String::new();
        if let LoadError::Invalid { path, problems } = &error {
            for problem in problems {
                text.push_str(&format!("{}:{problem}\n", path.display()));
            }
        }
        text + &complaint(&chain(&error))
    })?;
    let who::Known { principal, how } = who::principal(&asked.principal, &asked.roles, &config)
        .map_err(|words| complaint(&words))?;
    let owner = owner(&asked.owner).map_err(|words| complaint(&words))?;
    let method = http::Method::from_bytes(asked.method.as_bytes())
        .map_err(|_| complaint(&format!("{} is no method", quote(&asked.method))))?;
    let snapshot =
        snapshot(&config, 0, Schemes::default()).map_err(|error| complaint(&chain(&error)))?;
    if let Some(words) = stand_in(config.upstream.druid_version, &snapshot.schemas) {
        complain(&words);
    }
    let body = asked.body.as_deref();
    let body = body.map(|path| read(path, snapshot.max_body)).transpose()?;
    let shown = asked.body.as_deref().map_or_else(String::new, shown);
    let request = admission::Asked {
        head: Head {
            method: method.as_str().to_owned().into(),
            target: asked.target.clone(),
            has_body: body.as_ref().is_some_and(|body| !body.is_empty()),
            length: body.as_ref().map(|body| body.len() as u64),
            content_type: Some("application/json".to_owned()),
            is_encoded: false,
            source: None,
        },
        principal: principal.clone(),
        owner: owner.clone(),
        body: body.clone(),
    };
    let explained = admission::explain(&request, &snapshot).map_err(|unanswered| {
        let Unanswered::Body(endpoint) = unanswered;
        let words = format!(
            "{} {} is judged by its body: add `--body FILE`, or `--body -` for standard input",
            endpoint.method, endpoint.template
        );
        complaint(&words)
    })?;
    let story = Story {
        method: method.as_str(),
        target: &asked.target,
        principal: &principal,
        known: &how,
        snapshot: &snapshot,
        shown: &shown,
        bytes: &body.unwrap_or_default(),
        owner: &owner,
        explained: &explained,
    };
    let answer = Answer::of(&explained.verdict);
    let text = match asked.format {
        Format::Text => Text::new(Palette::of_stdout()).tell(&story, &answer),
        Format::Json => json::tell(&story, &answer),
    };
    Ok((text, answer.is_admitted))
}

/// What `--owner` says.
fn owner(words: &[String]) -> Result<Supplied, String> {
    match words {
        [] => Ok(Supplied::Unsaid),
        [one] if one == "none" => Ok(Supplied::Nobody),
        names => {
            let name = |name: &String| {
                let parsed = name.trim().parse::<DataSource>();
                parsed.map_err(|error| {
                    format!("`--owner`: {} is no datasource: {error}", quote(name))
                })
            };
            names
                .iter()
                .map(name)
                .collect::<Result<_, _>>()
                .map(Supplied::DataSources)
        }
    }
}

/// The body as a person knows it.
fn shown(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "<stdin>".to_owned(),
        _ => plain(&path.to_string_lossy()),
    }
}

/// The whole body, or the first byte too many.
#[expect(
    clippy::disallowed_methods,
    reason = "the body to explain is read here and nowhere else"
)]
fn read(path: &Path, largest: usize) -> Result<Bytes, String> {
    let most = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => io::stdin().lock().take(most).read_to_end(&mut bytes),
        _ => std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) => Ok(bytes.into()),
        Err(error) => Err(format!("overgate: {}: {}", shown(path), words(&error))),
    }
}
