//! Where each kind of task and supervisor keeps its datasource and its id.
//!
//! Read in Druid's constructors (24 to 36) and run on 28.0.0 and 33.0.0. What is not in these
//! tables is opaque.

use super::effects::{Effects, Opaque};
use super::inputs::Reach;
use super::{Reader, slots, sql};
use crate::druid::{DataSource, SupervisorId};
use crate::finding::{Code, Finding, quote};
use crate::json::Node;
use crate::route::SpecKind;

/// Where a task's datasource stands.
#[derive(Clone, Copy)]
enum Writes {
    /// `/spec/dataSchema/dataSource`
    DataSchema,
    /// `/dataSource`
    TopLevel,
    /// `/dataSource`, or `none` without one (`NoopTask`).
    Noop,
    /// `/dataSchema/dataSource`: stream tasks have no `spec`.
    StreamTask,
    /// `/spec/destination/dataSource` of an MSQ controller.
    Destination,
}

/// Task types: who knows them writes there; the last column is why one cannot be seen through.
const TASKS: &[(&str, Writes, Option<Opaque>)] = &[
    ("index_parallel", Writes::DataSchema, None),
    ("index", Writes::DataSchema, None),
    ("index_hadoop", Writes::DataSchema, None),
    ("compact", Writes::TopLevel, None),
    ("kill", Writes::TopLevel, None),
    ("move", Writes::TopLevel, None),
    ("archive", Writes::TopLevel, None),
    ("restore", Writes::TopLevel, None),
    ("noop", Writes::Noop, None),
    ("index_realtime", Writes::DataSchema, Some(Opaque::Internal)),
    (
        "index_realtime_appenderator",
        Writes::DataSchema,
        Some(Opaque::Internal),
    ),
    (
        "single_phase_sub_task",
        Writes::DataSchema,
        Some(Opaque::Internal),
    ),
    ("index_sub", Writes::DataSchema, Some(Opaque::Internal)),
    (
        "partial_index_generate",
        Writes::DataSchema,
        Some(Opaque::Internal),
    ),
    (
        "partial_dimension_cardinality",
        Writes::DataSchema,
        Some(Opaque::Internal),
    ),
    (
        "partial_range_index_generate",
        Writes::DataSchema,
        Some(Opaque::Internal),
    ),
    (
        "partial_dimension_distribution",
        Writes::DataSchema,
        Some(Opaque::Internal),
    ),
    (
        "partial_index_generic_merge",
        Writes::DataSchema,
        Some(Opaque::Internal),
    ),
    ("index_kafka", Writes::StreamTask, Some(Opaque::Internal)),
    ("index_kinesis", Writes::StreamTask, Some(Opaque::Internal)),
    ("index_rabbit", Writes::StreamTask, Some(Opaque::Internal)),
    ("query_worker", Writes::TopLevel, Some(Opaque::Internal)),
    ("query_controller", Writes::Destination, None),
];

/// Types that do no more than to write the datasource that they name. The others are named in a
/// grant: `move` writes to a place of its own, `index_hadoop` loads code, a query reads what the
/// Broker would have refused.
const PLAIN: [&str; 11] = [
    "index_parallel",
    "index",
    "compact",
    "kill",
    "archive",
    "restore",
    "noop",
    "kafka",
    "kinesis",
    "rabbit",
    "autocompact",
];

/// Every type of tasks and supervisors that is known here.
pub fn types() -> impl Iterator<Item = &'static str> {
    let tasks = TASKS.iter().map(|(known, ..)| *known);
    tasks.chain(STREAMS).chain(SUPERVISORS)
}

/// Supervisors of streams: one form, three brokers.
pub(super) const STREAMS: [&str; 3] = ["kafka", "kinesis", "rabbit"];

/// The other supervisors.
const SUPERVISORS: [&str; 4] = [
    "autocompact",
    "scheduled_batch",
    "derivativeDataSource",
    "NoopSupervisorSpec",
];

/// What a type id stands for, if it is known.
pub fn kind_named(type_id: &str) -> Option<SpecKind> {
    if STREAMS.contains(&type_id) || SUPERVISORS.contains(&type_id) {
        return Some(SpecKind::Supervisor);
    }
    let known = TASKS.iter().any(|(known, ..)| *known == type_id);
    known.then_some(SpecKind::Task)
}

/// Ids that Druid gives its own supervisors.
const RESERVED: [&str; 2] = ["autocompact__", "scheduled_batch__"];

impl Reader {
    pub(super) fn effects(&mut self, root: Node<'_>, kind: SpecKind, type_id: &str) -> Effects {
        let mut effects = match kind {
            SpecKind::Task => self.task(root, type_id),
            SpecKind::Supervisor => self.supervisor(root, type_id),
            SpecKind::Sampler => Effects {
                opaque: Some(Opaque::Sampler),
                ..Effects::default()
            },
        };
        effects.slots = match effects.opaque {
            Some(Opaque::UnknownType) => None,
            _ => slots::of(root, kind, type_id),
        };
        effects.is_plain = PLAIN.contains(&type_id);
        effects
    }

    fn task(&mut self, root: Node<'_>, type_id: &str) -> Effects {
        let Some((_, place, opaque)) = TASKS.iter().find(|(known, ..)| *known == type_id) else {
            return Effects {
                opaque: Some(Opaque::UnknownType),
                ..Effects::default()
            };
        };
        let writes = match place {
            Writes::DataSchema => {
                self.required_datasource(root, &["spec", "dataSchema", "dataSource"])
            }
            Writes::TopLevel => self.required_datasource(root, &["dataSource"]),
            Writes::StreamTask => {
                let stream = type_id.strip_prefix("index_").unwrap_or(type_id);
                self.stream_input(root.get("ioConfig"), stream);
                self.required_datasource(root, &["dataSchema", "dataSource"])
            }
            Writes::Noop => match root.get("dataSource").filter(|node| !node.is_null()) {
                Some(node) => self.name(node, "A datasource"),
                None => "none".parse().ok(),
            },
            Writes::Destination => self.controller(root),
        };
        if type_id == "index_hadoop"
            && let Some(input) = root.at(&["spec", "ioConfig", "inputSpec"])
        {
            self.input_spec(input);
        }
        Effects {
            writes: writes.into_iter().collect(),
            opaque: *opaque,
            ..Effects::default()
        }
    }

    /// An MSQ controller: the query that it runs, and where the rows go. Returns the datasource that
    /// Druid takes for its own.
    fn controller(&mut self, root: Node<'_>) -> Option<DataSource> {
        match root.at(&["spec", "query"]) {
            Some(query) => self.query(query),
            None => self.opaque(Opaque::Query),
        }
        let destination = root.at(&["spec", "destination"]);
        let type_id = destination.and_then(|place| place.get("type"));
        match type_id.and_then(Node::as_str).as_deref() {
            Some("dataSource") => {
                self.required_datasource(root, &["spec", "destination", "dataSource"])
            }
            Some("taskReport" | "durableStorage") => "__query_select".parse().ok(),
            // Writes files, to wherever the spec says: a grant must say so.
            Some("export") => {
                self.input("export", Reach::odd());
                "__query_export".parse().ok()
            }
            Some(_) | None => {
                self.opaque(Opaque::Query);
                None
            }
        }
    }

    fn supervisor(&mut self, root: Node<'_>, type_id: &str) -> Effects {
        let mut effects = Effects::default();
        match type_id {
            _ if STREAMS.contains(&type_id) => {
                effects.writes.extend(self.stream_datasource(root));
                let spec = root.get("spec").filter(|spec| !spec.is_null());
                self.stream_input(spec.unwrap_or(root).get("ioConfig"), type_id);
            }
            "autocompact" => effects
                .writes
                .extend(self.required_datasource(root, &["spec", "dataSource"])),
            "derivativeDataSource" => {
                effects.writes.extend(
                    root.get("dataSource")
                        .and_then(|node| self.name(node, "A datasource")),
                );
                if effects.writes.is_empty() {
                    // Druid makes up a name.
                    self.opaque(Opaque::UnknownType);
                }
                if let Some(read) = self.required_datasource(root, &["baseDataSource"]) {
                    let _is_noted = self.read(read);
                }
            }
            "scheduled_batch" => {
                let named = root.get("dataSource").filter(|node| !node.is_null());
                effects
                    .writes
                    .extend(named.and_then(|node| self.name(node, "A datasource")));
                self.statement(root, &mut effects.writes);
            }
            "NoopSupervisorSpec" => {
                let message =
                    "A `NoopSupervisorSpec` is Druid's mark for a supervisor that was terminated";
                let finding = Finding::new(Code::NoopSupervisor, root, message);
                self.report(
                    finding.effect("it replaces whatever supervisor has its id, anybody's"),
                );
            }
            _ => effects.opaque = Some(Opaque::UnknownType),
        }
        effects
    }

    /// The SQL of a `scheduled_batch`. The cluster runs it whatever `dataSource` says.
    fn statement(&mut self, root: Node<'_>, writes: &mut Vec<DataSource>) {
        let text = root.at(&["spec", "query"]).and_then(Node::as_str);
        let Some(tables) = text.and_then(|text| sql::tables(&text)) else {
            return self.opaque(Opaque::Sql);
        };
        match tables.target.parse::<DataSource>() {
            Ok(target) if !writes.contains(&target) => writes.push(target),
            Ok(_) => {}
            Err(_) => self.opaque(Opaque::Sql),
        }
        for source in tables.sources {
            match source.parse() {
                Ok(source) => {
                    let _is_noted = self.read(source);
                }
                Err(_) => self.opaque(Opaque::Sql),
            }
        }
    }

    /// A stream supervisor's datasource. Druid reads `spec` if it is there and not null, and the
    /// legacy fields at the top level otherwise; it prints both, so both may be there, and must
    /// then name the same.
    fn stream_datasource(&mut self, root: Node<'_>) -> Option<DataSource> {
        let modern = root.get("spec").filter(|spec| !spec.is_null());
        let legacy = root
            .at(&["dataSchema", "dataSource"])
            .filter(|node| !node.is_null());
        let Some(_) = modern else {
            return self.required_datasource(root, &["dataSchema", "dataSource"]);
        };
        let datasource = self.required_datasource(root, &["spec", "dataSchema", "dataSource"]);
        if let Some(legacy) = legacy {
            let other = self.name::<DataSource>(legacy, "A datasource");
            if let (Some(datasource), Some(other)) = (&datasource, other)
                && *datasource != other
            {
                let message = format!(
                    "The supervisor names {} here and {} in `spec`",
                    quote(other.as_str()),
                    quote(datasource.as_str())
                );
                let finding = Finding::new(Code::ConflictingDatasource, legacy, message);
                self.report(
                    finding
                        .effect("Druid takes the one in `spec`")
                        .suggest(datasource.as_str()),
                );
            }
        }
        datasource
    }

    /// The ids under which Druid could store this supervisor: up to 33 a stream's datasource, from
    /// 34 on its `id` if it has one.
    pub(super) fn supervisor_ids(
        &mut self,
        root: Node<'_>,
        type_id: &str,
        effects: &Effects,
    ) -> Vec<SupervisorId> {
        let mut ids = Vec::new();
        if let Some(node) = root.get("id").filter(|node| !node.is_null())
            && let Some(id) = self.name::<SupervisorId>(node, "A supervisor's id")
        {
            let is_reserved = RESERVED
                .iter()
                .any(|prefix| id.as_str().starts_with(prefix));
            let is_derived = effects.writes.iter().any(|datasource| {
                let id = id.as_str();
                match type_id {
                    "autocompact" => id == format!("autocompact__{datasource}"),
                    "scheduled_batch" => {
                        id.starts_with(&format!("scheduled_batch__{datasource}__"))
                    }
                    _ => false,
                }
            });
            if is_reserved && !is_derived {
                let message = format!(
                    "The id {} begins with a prefix that Druid gives out",
                    quote(id.as_str())
                );
                self.report(Finding::new(Code::ReservedId, node, message));
            }
            ids.push(id);
        }
        for datasource in &effects.writes {
            let derived = match type_id {
                "autocompact" => format!("autocompact__{datasource}"),
                "derivativeDataSource" => format!("MaterializedViewSupervisor-{datasource}"),
                _ => datasource.to_string(),
            };
            match derived.parse() {
                Ok(id) if !ids.contains(&id) => ids.push(id),
                Ok(_) => {}
                // Too long with its prefix. Nobody could ask whom such an id belongs to.
                Err(error) => {
                    let message =
                        format!("The supervisor's id would be {}: {error}", quote(&derived));
                    self.report(Finding::new(Code::InvalidName, root, message));
                }
            }
        }
        ids
    }
}
