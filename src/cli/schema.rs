//! `overgate schema`: the types of a release as JSON Schema.

use std::process::ExitCode;

use clap::ValueEnum;

use super::UNUSABLE;
use super::terminal::{complain, print};
use crate::druid::DruidVersion;
use crate::finding::Levels;
use crate::route::SpecKind;
use crate::schema::SchemaSet;
use crate::server::chain;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// What `POST /druid/indexer/v1/task` takes
    Task,
    /// What `POST /druid/indexer/v1/supervisor` takes
    Supervisor,
}

pub(super) fn run(version: DruidVersion, kind: Kind) -> ExitCode {
    let schemas = match SchemaSet::load(version, Levels::default()) {
        Ok(schemas) => schemas,
        Err(error) => {
            complain(&format!("overgate: {}", chain(&error)));
            return ExitCode::from(UNUSABLE);
        }
    };
    if let Some(words) = stand_in(version, &schemas) {
        complain(&words);
    }
    print(&schemas.json_schema(match kind {
        Kind::Task => SpecKind::Task,
        Kind::Supervisor => SpecKind::Supervisor,
    }))
}

/// What a person should know when another release's types judge.
pub(super) fn stand_in(version: DruidVersion, schemas: &SchemaSet) -> Option<String> {
    let release = schemas.release();
    if release == version {
        return None;
    }
    let newer = if release < version {
        "with what is known to have come and gone since"
    } else {
        "which is newer: fields that came in between pass"
    };
    Some(format!(
        "overgate: the types of Druid {release} judge for {version}, {newer}"
    ))
}
