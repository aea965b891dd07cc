//! For programs: the contract's shape, a spec a line.

use serde::Serialize;

use super::{Judged, Tell, Totals};
use crate::admission::Report;
use crate::druid::{DataSource, DruidVersion};
use crate::finding::Finding;
use crate::route::SpecKind;

/// JSON.
pub(super) struct Json {
    version: DruidVersion,
}

#[derive(Serialize)]
struct Row<'r> {
    file: &'r str,
    /// Where in the file, if the file is not the spec itself.
    #[serde(skip_serializing_if = "str::is_empty")]
    pointer: &'r str,
    kind: &'static str,
    r#type: Option<&'r str>,
    datasources: Vec<&'r str>,
    findings: &'r [Finding],
}

impl Json {
    pub(super) fn new(version: DruidVersion) -> Json {
        Json { version }
    }
}

pub(in crate::cli) fn kind_name(kind: SpecKind) -> &'static str {
    match kind {
        SpecKind::Task => "task",
        SpecKind::Supervisor => "supervisor",
        SpecKind::Sampler => "sampler",
    }
}

impl Tell for Json {
    fn first(&self) -> String {
        let druid = self.version;
        format!("{{\"version\": 1, \"druid\": \"{druid}\", \"files\": [\n")
    }

    fn file(&self, judged: &Judged<'_>) -> Vec<String> {
        let row = |report: &Report| {
            let Report {
                pointer,
                kind,
                type_id,
                datasources,
                findings,
            } = report;
            let row = Row {
                file: judged.shown,
                pointer,
                kind: kind_name(*kind),
                r#type: type_id.as_deref(),
                datasources: datasources.iter().map(DataSource::as_str).collect(),
                findings,
            };
            serde_json::to_string(&row).expect("strings and numbers are JSON")
        };
        judged.reports.iter().map(row).collect()
    }

    fn between(&self) -> &'static str {
        ",\n"
    }

    fn last(&self, _: &Totals) -> String {
        "\n]}\n".to_owned()
    }
}
