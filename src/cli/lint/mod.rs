//! `overgate lint`: specs judged offline by the gateway's own engine.

mod excerpt;
mod files;
mod json;
mod progress;
mod sarif;
mod text;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, ValueEnum, ValueHint};

pub(super) use self::files::words;
use self::files::{Input, Source};
pub(super) use self::json::kind_name;
use self::progress::Progress;
pub(super) use self::text::excerpts;
use self::work::{Judge, Outcome};
use super::UNUSABLE;
use super::schema::stand_in;
use super::terminal::{Palette, complain, write};
use crate::admission::Report;
use crate::config::{Judging, LoadError, load_judging};
use crate::druid::DruidVersion;
use crate::finding::{Finding, Severity, tamed};
use crate::json::Limits;
use crate::route::SpecKind;
use crate::server::chain;

/// What a person asks for.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The release of Druid that the specs are for [default: the configuration's, else 28.0.0]
    #[arg(long, value_name = "VERSION")]
    druid: Option<DruidVersion>,
    /// What the specs are
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    kind: Kind,
    /// How findings are told
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// A configuration whose `[validation]` and version of Druid hold
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Files, folders (every *.json below), or `-` for standard input
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// What each one says it is
    Auto,
    /// Tasks
    Task,
    /// Supervisors
    Supervisor,
}

impl Kind {
    fn asked(self) -> Option<SpecKind> {
        match self {
            Kind::Auto => None,
            Kind::Task => Some(SpecKind::Task),
            Kind::Supervisor => Some(SpecKind::Supervisor),
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// With the lines they are about
    Text,
    /// As JSON, for programs
    Json,
    /// As SARIF 2.1.0, for code scanning
    Sarif,
}

/// A file that was judged.
struct Judged<'f> {
    /// As a person knows it.
    shown: &'f str,
    /// Its text.
    bytes: &'f Bytes,
    /// Each spec in it.
    reports: &'f [Report],
}

/// Sums over all files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    files: usize,
    specs: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    /// Files that are no specs.
    others: usize,
    /// What could not be read.
    unreadable: usize,
}

impl Totals {
    fn count(&mut self, reports: &[Report]) {
        self.files += 1;
        self.specs += reports.len();
        for finding in reports.iter().flat_map(|report| &report.findings) {
            *match finding.severity {
                Severity::Error => &mut self.errors,
                Severity::Warning => &mut self.warnings,
                Severity::Info => &mut self.notes,
            } += 1;
        }
    }

    fn status(&self) -> ExitCode {
        match self {
            Totals { unreadable, .. } if *unreadable > 0 => ExitCode::from(UNUSABLE),
            Totals { errors, .. } if *errors > 0 => ExitCode::FAILURE,
            Totals { .. } => ExitCode::SUCCESS,
        }
    }
}

/// How a format tells findings: something first, a piece for each file, something last.
trait Tell: Sync {
    fn first(&self) -> String;
    /// Pieces of a file, each to be followed by [`Tell::between`] before the next.
    fn file(&self, judged: &Judged<'_>) -> Vec<String>;
    fn between(&self) -> &'static str;
    fn last(&self, totals: &Totals) -> String;
}

pub(super) fn run(asked: &Asked) -> ExitCode {
    let judging = match asked.config.as_deref().map(load_judging).transpose() {
        Ok(judging) => judging.unwrap_or_default(),
        Err(error) => {
            if let LoadError::Invalid { path, problems } = &error {
                for problem in problems {
                    complain(&format!("{}:{problem}", path.display()));
                }
            }
            complain(&format!("overgate: {}", chain(&error)));
            return ExitCode::from(UNUSABLE);
        }
    };
    let Judging {
        druid_version,
        validation,
    } = judging;
    let version = asked.druid.unwrap_or(druid_version);
    let schemas = match validation.schemas(version) {
        Ok(schemas) => schemas,
        Err(error) => {
            complain(&format!("overgate: {}", chain(&error)));
            return ExitCode::from(UNUSABLE);
        }
    };
    if let Some(words) = stand_in(version, &schemas) {
        complain(&words);
    }
    let (inputs, problems) = files::find(&asked.paths);
    for problem in &problems {
        complain(&format!("overgate: {}", tamed(problem)));
    }
    let judge = Judge {
        kind: asked.kind.asked(),
        largest: validation.max_body_size,
        limits: Limits {
            depth: validation.max_depth,
            values: validation.max_values,
        },
        schemas,
    };
    let tell: Box<dyn Tell> = match asked.format {
        Format::Text => Box::new(text::Text::new(Palette::of_stdout(), version)),
        Format::Json => Box::new(json::Json::new(version)),
        Format::Sarif => Box::new(sarif::Sarif::new()),
    };
    let totals = Totals {
        unreadable: problems.len(),
        ..Totals::default()
    };
    tell_all(&judge, &inputs, &*tell, totals)
}

/// Judges every file and tells of each in the order of the inputs.
fn tell_all(judge: &Judge, inputs: &[Input], tell: &dyn Tell, mut totals: Totals) -> ExitCode {
    let mut progress = Progress::new(inputs.len());
    let mut out = Out {
        gone: false,
        failed: false,
    };
    out.write(&tell.first());
    let mut begun = false;
    work::in_order(judge, inputs, tell, |outcome| {
        progress.hide();
        match outcome {
            Outcome::Told { pieces, reports } => {
                totals.count(&reports);
                for piece in pieces {
                    out.write(if begun { tell.between() } else { "" });
                    out.write(&piece);
                    begun = true;
                }
            }
            Outcome::NoSpec => totals.others += 1,
            Outcome::Unreadable(words) => {
                totals.unreadable += 1;
                complain(&format!("overgate: {}", tamed(&words)));
            }
        }
        progress.step();
    });
    progress.hide();
    out.write(&tell.last(&totals));
    match out.failed {
        true => ExitCode::from(UNUSABLE),
        false => totals.status(),
    }
}

/// Standard output, until nobody reads it (`| head`): the exit status tells all the same.
struct Out {
    gone: bool,
    /// Or is it full?
    failed: bool,
}

impl Out {
    fn write(&mut self, text: &str) {
        if self.gone || text.is_empty() {
            return;
        }
        if let Err(error) = write(text) {
            self.gone = true;
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                complain(&format!("overgate: cannot write: {}", words(&error)));
                self.failed = true;
            }
        }
    }
}

/// What to do about a finding, in words; `None`: nobody knows.
pub(super) fn help(finding: &Finding) -> Option<String> {
    let suggestion = finding.suggestion.as_ref()?;
    let quoted = crate::finding::quote(&suggestion.text);
    if finding.edit.is_some() {
        return Some(format!("write {quoted}"));
    }
    let (holder, name) = suggestion.pointer.rsplit_once('/')?;
    if suggestion.pointer == finding.pointer {
        return Some(format!("write {quoted}"));
    }
    if holder == finding.pointer {
        return Some(format!("add `{name}`: {quoted}"));
    }
    let place = match holder {
        "" => "to the top level".to_owned(),
        holder => format!("to `{holder}`"),
    };
    let own = finding.pointer.rsplit('/').next().unwrap_or_default();
    Some(if own == name {
        format!("move it {place}")
    } else {
        format!("move it {place}, as {quoted}")
    })
}
