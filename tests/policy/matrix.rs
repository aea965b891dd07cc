//! Every endpoint × role × datasource, as a table in the manual: a cell that changes is a change of
//! what somebody may do.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads and, if it is told to, writes the manual"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use overgate::admission::Rejection;
use overgate::druid::DruidVersion;
use overgate::finding::Levels;
use overgate::route::{BodyUse, ENDPOINTS, Endpoint, JsonUse, Origin, PREFIX, SpecKind};
use overgate::schema::SchemaSet;

use super::word::Grant;
use super::{decide, snapshot};

/// One action each on `wiki*`, all of them there, and all of them everywhere.
const ROLES: [(&str, &[&str], &str); 8] = [
    ("none", &[], "wiki*"),
    ("read", &["read"], "wiki*"),
    ("submit", &["submit"], "wiki*"),
    ("shutdown", &["shutdown"], "wiki*"),
    ("manage", &["manage"], "wiki*"),
    ("admin", &["admin"], "wiki*"),
    (
        "all",
        &["read", "submit", "shutdown", "manage", "admin"],
        "wiki*",
    ),
    (
        "operator",
        &["read", "submit", "shutdown", "manage", "admin"],
        "*",
    ),
];

/// Of the datasource of the role, and of somebody else's.
const DATASOURCES: [&str; 2] = ["wikipedia", "secret"];

fn body(endpoint: &Endpoint, datasource: &str) -> Option<String> {
    let body = match endpoint.body {
        BodyUse::Ignored => return None,
        BodyUse::Spec(SpecKind::Task) => {
            format!(r#"{{"type":"noop","dataSource":"{datasource}"}}"#)
        }
        BodyUse::Spec(SpecKind::Supervisor) => {
            format!(r#"{{"type":"autocompact","spec":{{"dataSource":"{datasource}"}}}}"#)
        }
        BodyUse::Spec(SpecKind::Sampler) => r#"{"type":"index","spec":{}}"#.to_owned(),
        BodyUse::Json(JsonUse::Plain) => "{}".to_owned(),
        BodyUse::Json(JsonUse::TaskIds) => "[]".to_owned(),
        BodyUse::Json(JsonUse::SameDataSource) => format!(r#"{{"dataSource":"{datasource}"}}"#),
        BodyUse::Json(JsonUse::LockFilters) => format!(r#"[{{"datasource":"{datasource}"}}]"#),
        BodyUse::Json(JsonUse::DataSourceKeys) => format!(r#"{{"{datasource}":0}}"#),
    };
    Some(body)
}

fn cell(
    endpoint: &Endpoint,
    grants: &[Grant],
    schemas: &Arc<SchemaSet>,
    datasource: &str,
) -> &'static str {
    let target = endpoint
        .template
        .replace("{datasource}", datasource)
        .replace("{task}", "some_task")
        .replace("{supervisor}", "some_supervisor")
        .replace("{segment}", "some_segment")
        .replace("{worker}", "some_worker:8091");
    let version = [33, 31, 28]
        .into_iter()
        .find(|major| endpoint.is_in(DruidVersion::new(*major, 0, 0)));
    let version = version.unwrap_or_else(|| panic!("no version has {}", endpoint.template));
    let owner = [datasource.to_owned()];
    let outcome = decide(
        snapshot(grants, schemas, version),
        endpoint.method,
        format!("{PREFIX}{target}"),
        body(endpoint, datasource),
        Some(&owner),
    );
    match outcome {
        Ok(()) => "yes",
        Err(Rejection::Forbidden { .. }) => "403",
        Err(Rejection::UnknownTask | Rejection::UnknownSupervisor) => "404",
        Err(Rejection::Blocked) => "never",
        Err(other) => panic!("{} {}: {other:?}", endpoint.method, endpoint.template),
    }
}

fn page() -> String {
    let schemas = SchemaSet::load(DruidVersion::new(33, 0, 0), Levels::default());
    let schemas = Arc::new(schemas.expect("a table"));
    let mut page = String::from(
        "# Who may do what\n\nWhat each action of a grant opens, endpoint by endpoint below `/druid/indexer/v1`. \
         The columns are principals with one grant on `wiki*` that has this one action (`all`: all five), asking about \
         a datasource of their own / about somebody else's; `operator` has all five on `*`. This page is made by a \
         test from the same functions that decide, and the test fails when a cell changes.\n\n\
         * `yes`: forwarded. Where the column *datasource* says `answer`, the answer is reduced to what may be read.\n\
         * `403`: refused at the stage `authorize`, with the action and the datasource that are missing.\n\
         * `404`: refused at the stage `owner`: what is somebody else's is as unknown as what does not exist. \
         (Who submits a supervisor under an id that is somebody else's is told 403, and under a task's id that exists \
         what Druid says: an id cannot be taken and hidden at once.)\n\
         * `never`: refused at the stage `standing`: for Druid's own processes.\n\n\
         A submission counts every datasource that the spec reads (`read`) and writes (`submit`), its type and its inputs: \
         see `task_types` and `inputs` in [config/overgate.toml](../config/overgate.toml).\n\n",
    );
    let names: Vec<&str> = ROLES.iter().map(|(name, ..)| *name).collect();
    let _written = writeln!(
        page,
        "| endpoint | action | datasource | {} |",
        names.join(" | ")
    );
    let _written = writeln!(page, "|---|---|---|{}", "---|".repeat(names.len()));
    for endpoint in ENDPOINTS {
        let origin = match endpoint.origin {
            Origin::None => "cluster",
            Origin::Path => "path",
            Origin::Query | Origin::Response => "answer",
            Origin::Body => "body",
            Origin::Task | Origin::Supervisor => "owner of the id",
        };
        let cells: Vec<String> = ROLES
            .iter()
            .map(|(_, actions, pattern)| {
                let grants: Vec<Grant> = match actions {
                    [] => Vec::new(),
                    _ => vec![Grant {
                        actions: actions.to_vec(),
                        datasources: vec![(*pattern).to_owned()],
                        task_types: None,
                        inputs: Vec::new(),
                    }],
                };
                let [own, foreign] =
                    DATASOURCES.map(|datasource| cell(endpoint, &grants, &schemas, datasource));
                if own == foreign {
                    own.to_owned()
                } else {
                    format!("{own} / {foreign}")
                }
            })
            .collect();
        let _written = writeln!(
            page,
            "| {} `{}` | {} | {origin} | {} |",
            endpoint.method,
            endpoint.template,
            endpoint.action.name(),
            cells.join(" | ")
        );
    }
    page
}

#[test]
fn the_matrix_in_the_manual_is_the_one_that_decides() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/authorization.md");
    if std::env::var_os("OVERGATE_SNAPSHOTS").is_some_and(|value| value == "write") {
        std::fs::write(&path, &page).expect("written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == page, "docs/authorization.md is old:\n{page}");
    for endpoint in ENDPOINTS {
        let row = format!("| {} `{}` |", endpoint.method, endpoint.template);
        assert_eq!(stands.matches(&row).count(), 1, "{row}");
    }
}
