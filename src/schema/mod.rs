//! What Druid reads: its own types, and a document held against them.
//!
//! `schemas/druid-VERSION/types.json` is generated from Druid's classes with Druid's own mapper
//! (`schemas/generator`). One walk over the document along those types is both the fast form, which
//! stops at the first problem, and the one with findings: they cannot disagree. The same tables are
//! printed as JSON Schema (2020-12) for editors and other validators; a test holds the two together.
//!
//! Reading order: `table` (the types, compiled), `leaf` (single values), `check` (the walk),
//! `rules` (what holds between fields), `explain` and `suggest` (problems as findings), `print`
//! (the types as JSON Schema).

mod check;
#[cfg(test)]
mod cost;
mod explain;
mod iso;
mod kinds;
mod leaf;
mod near;
mod print;
mod release;
mod rules;
mod suggest;
mod table;
mod values;

use std::ops::ControlFlow;

pub use release::{RELEASES, Release};
pub use table::TableError;

use crate::druid::DruidVersion;
use crate::finding::{Code, Finding, Levels, MOST, Severity};
use crate::json::Document;
use crate::route::SpecKind;
use check::{Any, Frame, MOST_STEPS, Problem, Sink, Walk};
use explain::Guess;
use near::{Effort, nearest};
use suggest::Hints;
use table::{Shape, Types};

/// The types of one release of Druid, and how bad each kind of finding is.
#[derive(Debug)]
pub struct SchemaSet {
    types: Types,
    release: DruidVersion,
    levels: Levels,
    /// The most steps of a check.
    steps: usize,
}

impl SchemaSet {
    /// The types that judge for a release: those of the nearest release that is known and not newer
    /// (the oldest, if this one is older than all), with what came and went in between.
    ///
    /// # Errors
    /// [`TableError`]: an embedded table cannot be used.
    pub fn load(version: DruidVersion, levels: Levels) -> Result<SchemaSet, TableError> {
        let release = Release::judging(version);
        Ok(SchemaSet {
            types: Types::read(release.types, version)?,
            release: release.version,
            levels,
            steps: MOST_STEPS,
        })
    }

    /// The release whose types judge.
    pub fn release(&self) -> DruidVersion {
        self.release
    }

    /// Only these extensions are loaded: types of others are unknown.
    pub fn only(&mut self, extensions: &[String]) {
        self.types.only(extensions);
    }

    /// Lets a type of an extension that is not known pass, whatever its objects hold. False: there
    /// is no such kind of type; [`type_kinds`] lists them.
    pub fn allow(&mut self, kind: &str, id: &str) -> bool {
        let kind = kinds::KINDS.iter().find(|known| known.key == kind);
        if let Some(kind) = kind {
            self.types.allow(kind.families, id);
        }
        kind.is_some()
    }

    /// What is wrong with a document of that kind: at most [`MOST`] findings, errors before
    /// others, in the document's order.
    pub fn check(&self, document: &Document, kind: SpecKind) -> Vec<Finding> {
        let shape = self.shape(kind);
        if self.is_clean(document, shape) {
            return Vec::new();
        }
        let findings = Findings {
            hints: Hints::new(&self.types),
            levels: &self.levels,
            errors: Vec::new(),
            others: Vec::new(),
        };
        let mut walk = Walk::new(&self.types, self.steps, findings);
        let _ended = walk.value(document.root(), shape, None);
        let Findings { errors, others, .. } = walk.sink;
        let mut findings = errors;
        findings.extend(others);
        // Errors first: no number of warnings hides one.
        findings.truncate(MOST);
        findings.sort_by(|left, right| {
            (left.line, left.column, left.code).cmp(&(right.line, right.column, right.code))
        });
        findings
    }

    /// The types as JSON Schema (2020-12), for editors and other validators: what Druid reads passes;
    /// what it ignores or refuses does not, as far as one field shows it.
    pub fn json_schema(&self, kind: SpecKind) -> String {
        print::json_schema(&self.types, kind, self.shape(kind))
    }

    /// Is there nothing to say?
    pub fn is_valid(&self, document: &Document, kind: SpecKind) -> bool {
        self.is_clean(document, self.shape(kind))
    }

    fn is_clean(&self, document: &Document, shape: Shape) -> bool {
        let mut walk = Walk::new(&self.types, self.steps, Any::default());
        let _ended = walk.value(document.root(), shape, None);
        !walk.sink.0
    }

    fn shape(&self, kind: SpecKind) -> Shape {
        match kind {
            SpecKind::Task => self.types.task,
            SpecKind::Supervisor => self.types.supervisor,
            SpecKind::Sampler => self.types.sampler,
        }
    }
}

/// The extension that was probably meant by a name that is none of Druid's and comes near one. A
/// name that comes near none is somebody's own.
pub fn misspelled_extension(name: &str) -> Option<String> {
    let known = || EXTENSIONS.iter().copied();
    if known().any(|known| known == name) {
        return None;
    }
    let effort = Effort::new(usize::MAX);
    nearest(name, known(), &effort).map(|near| near.name.to_owned())
}

/// The extensions of Druid that have types of specs.
const EXTENSIONS: [&str; 17] = [
    "druid-avro-extensions",
    "druid-azure-extensions",
    "druid-bloom-filter",
    "druid-datasketches",
    "druid-google-extensions",
    "druid-hdfs-storage",
    "druid-histogram",
    "druid-kafka-indexing-service",
    "druid-kinesis-indexing-service",
    "druid-multi-stage-query",
    "druid-orc-extensions",
    "druid-parquet-extensions",
    "druid-protobuf-extensions",
    "druid-s3-extensions",
    "druid-stats",
    "mysql-metadata-storage",
    "postgresql-metadata-storage",
];

/// The kinds of types that [`SchemaSet::allow`] knows.
pub fn type_kinds() -> impl Iterator<Item = &'static str> {
    kinds::KINDS.iter().map(|kind| kind.key)
}

/// Makes findings of problems. Errors have a share of their own, so that no number of warnings
/// hides one.
struct Findings<'t> {
    hints: Hints<'t>,
    levels: &'t Levels,
    errors: Vec<Finding>,
    others: Vec<Finding>,
}

impl Findings<'_> {
    /// Can a finding about an unknown field still be told?
    fn wants_fields(&self) -> bool {
        let codes = [
            Code::MisspelledField,
            Code::MisplacedField,
            Code::UnknownField,
        ];
        self.others.len() < MOST
            || codes
                .iter()
                .any(|code| self.levels.of(*code) == Some(Severity::Error))
    }
}

impl Sink for Findings<'_> {
    const MOST: usize = MOST;

    fn take(&mut self, problem: Problem<'_>, frame: Option<&Frame<'_, '_>>) -> ControlFlow<()> {
        let guess = match (&problem, frame) {
            (Problem::Unknown { .. }, _) if !self.wants_fields() => {
                return ControlFlow::Continue(());
            }
            (Problem::Unknown { key, value }, Some(frame)) => {
                explain::guess(&self.hints, *key, *value, frame)
            }
            _ => Guess::Nothing,
        };
        let code = explain::code(self.hints.types, &problem, &guess);
        let Some(severity) = self.levels.of(code) else {
            return ControlFlow::Continue(());
        };
        let share = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning | Severity::Info => &mut self.others,
        };
        if share.len() < MOST {
            let mut finding = explain::finding(&self.hints, code, problem, frame, guess);
            finding.severity = severity;
            debug_assert_eq!(finding.code, code, "{}", finding.message);
            share.push(finding);
        }
        if self.errors.len() < MOST {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}
