//! An oracle for authorization: what a spec touches, and who may submit it.
//!
//! Written from the documents alone, as a plain table. It favours being obvious over being fast.
//! Where the documents leave something open, it refuses.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a body was posted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body of `POST /task`.
    Task,
    /// The body of `POST /supervisor`.
    Supervisor,
}

/// Everything that a spec touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// The datasources that it writes.
    pub writes: BTreeSet<String>,
    /// The datasources that it reads.
    pub reads: BTreeSet<String>,
    /// What it reads from outside.
    pub inputs: Vec<Reach>,
    /// Whether something in it is not understood.
    pub opaque: bool,
}

/// What one input reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The type of the input.
    pub kind: String,
    /// Host names, in lower case, without ports.
    pub hosts: Vec<String>,
    /// Buckets; for `azureStorage` these are `account/container`.
    pub buckets: Vec<String>,
    /// Paths and keys. A listing that ends inside a segment carries a `*` at its end.
    pub paths: Vec<String>,
    /// Whether everything that it reaches is in the lists.
    pub told: bool,
}

/// One grant of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Some of `read`, `submit`, `shutdown`, `manage`, `admin`.
    pub actions: Vec<&'static str>,
    /// Patterns of datasources.
    pub datasources: Vec<String>,
    /// Types of tasks and supervisors; none means the plain ones.
    pub task_types: Option<Vec<String>>,
    /// What a spec may read from outside.
    pub inputs: Vec<InputRule>,
}

/// One kind of input that a grant allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRule {
    /// The type of the input.
    pub kind: String,
    /// Patterns of hosts.
    pub hosts: Option<Vec<String>>,
    /// Patterns of buckets.
    pub buckets: Option<Vec<String>>,
    /// Prefixes of paths, which end at a segment.
    pub prefixes: Option<Vec<String>>,
}

/// Where the datasource of a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In the body.
    Body,
    /// With the owner of the task in the path.
    Task,
    /// With the owner of the supervisor in the path.
    Supervisor,
    /// In the path.
    Path,
    /// In each element of the answer (or of the body's list of ids).
    List,
    /// Nowhere: the request is about the cluster.
    Cluster,
    /// Nowhere, and it needs no grant.
    Anybody,
    /// The request is refused to everybody.
    Never,
}

/// Task types that need not be named.
pub const PLAIN_TASKS: &[&str] = &[
    "index_parallel",
    "index",
    "compact",
    "kill",
    "archive",
    "restore",
    "noop",
];

/// Supervisor types that need not be named.
pub const PLAIN_SUPERVISORS: &[&str] = &["kafka", "kinesis", "rabbit", "autocompact"];

/// Input sources that the documents list and of which they do not say how to read what they reach.
const UNTOLD_SOURCES: &[&str] = &["generator", "nil", "delta", "iceberg"];

/// Native queries.
const QUERIES: &[&str] = &[
    "timeseries",
    "topN",
    "groupBy",
    "scan",
    "search",
    "timeBoundary",
    "segmentMetadata",
    "dataSourceMetadata",
    "windowOperator",
];

/// What every template below stands under.
pub const PREFIX: &str = "/druid/indexer/v1";

/// Every endpoint: method, template below [`PREFIX`], action, and where its datasource stands.
#[rustfmt::skip]
pub const ENDPOINTS: &[(&str, &str, &str, Where)] = &[
    // Tasks
    ("POST", "/task", "submit", Where::Body),
    ("GET", "/task/{task}", "read", Where::Task),
    ("GET", "/task/{task}/status", "read", Where::Task),
    ("GET", "/task/{task}/segments", "read", Where::Task),
    ("POST", "/task/{task}/shutdown", "shutdown", Where::Task),
    ("GET", "/task/{task}/log", "read", Where::Task),
    ("GET", "/task/{task}/reports", "read", Where::Task),
    ("GET", "/tasks", "read", Where::List),
    ("GET", "/waitingTasks", "read", Where::List),
    ("GET", "/pendingTasks", "read", Where::List),
    ("GET", "/runningTasks", "read", Where::List),
    ("GET", "/completeTasks", "read", Where::List),
    ("POST", "/taskStatus", "read", Where::List),
    ("POST", "/datasources/{datasource}/shutdownAllTasks", "shutdown", Where::Path),
    ("DELETE", "/pendingSegments/{datasource}", "manage", Where::Path),
    // Supervisors
    ("POST", "/supervisor", "submit", Where::Body),
    ("GET", "/supervisor", "read", Where::List),
    ("GET", "/supervisor/history", "read", Where::List),
    ("GET", "/supervisor/{supervisor}", "read", Where::Supervisor),
    ("GET", "/supervisor/{supervisor}/status", "read", Where::Supervisor),
    ("GET", "/supervisor/{supervisor}/health", "read", Where::Supervisor),
    ("GET", "/supervisor/{supervisor}/stats", "read", Where::Supervisor),
    ("GET", "/supervisor/{supervisor}/parseErrors", "read", Where::Supervisor),
    ("GET", "/supervisor/{supervisor}/history", "read", Where::Supervisor),
    ("POST", "/supervisor/{supervisor}/suspend", "manage", Where::Supervisor),
    ("POST", "/supervisor/{supervisor}/resume", "manage", Where::Supervisor),
    ("POST", "/supervisor/{supervisor}/reset", "manage", Where::Supervisor),
    ("POST", "/supervisor/{supervisor}/resetOffsets", "manage", Where::Supervisor),
    ("POST", "/supervisor/{supervisor}/terminate", "manage", Where::Supervisor),
    ("POST", "/supervisor/{supervisor}/shutdown", "manage", Where::Supervisor),
    ("POST", "/supervisor/{supervisor}/taskGroups/handoff", "manage", Where::Supervisor),
    ("POST", "/supervisor/suspendAll", "admin", Where::Cluster),
    ("POST", "/supervisor/resumeAll", "admin", Where::Cluster),
    ("POST", "/supervisor/terminateAll", "admin", Where::Cluster),
    // The sampler reads whatever its spec names, from the Overlord itself.
    ("POST", "/sampler", "admin", Where::Cluster),
    // Segments
    ("POST", "/datasources/{datasource}", "manage", Where::Path),
    ("DELETE", "/datasources/{datasource}", "manage", Where::Path),
    ("POST", "/datasources/{datasource}/markUsed", "manage", Where::Path),
    ("POST", "/datasources/{datasource}/markUnused", "manage", Where::Path),
    ("POST", "/datasources/{datasource}/segments/{segment}", "manage", Where::Path),
    ("DELETE", "/datasources/{datasource}/segments/{segment}", "manage", Where::Path),
    // Compaction
    ("GET", "/compaction/isSupervisorEnabled", "read", Where::Cluster),
    ("GET", "/compaction/config/cluster", "read", Where::Cluster),
    ("POST", "/compaction/config/cluster", "admin", Where::Cluster),
    ("GET", "/compaction/config/datasources", "read", Where::List),
    ("GET", "/compaction/config/datasources/{datasource}", "read", Where::Path),
    ("POST", "/compaction/config/datasources/{datasource}", "manage", Where::Path),
    ("DELETE", "/compaction/config/datasources/{datasource}", "manage", Where::Path),
    ("GET", "/compaction/config/datasources/{datasource}/history", "read", Where::Path),
    ("GET", "/compaction/status/datasources", "read", Where::List),
    ("GET", "/compaction/status/datasources/{datasource}", "read", Where::Path),
    ("POST", "/compaction/simulate", "admin", Where::Cluster),
    ("GET", "/compaction/progress", "read", Where::Cluster),
    ("GET", "/compaction/status", "read", Where::Cluster),
    // Cluster, workers, locks
    ("GET", "/leader", "read", Where::Cluster),
    ("GET", "/isLeader", "", Where::Anybody),
    ("GET", "/workers", "read", Where::Cluster),
    ("GET", "/worker", "read", Where::Cluster),
    ("POST", "/worker", "admin", Where::Cluster),
    ("GET", "/worker/history", "read", Where::Cluster),
    ("POST", "/worker/{worker}/enable", "admin", Where::Cluster),
    ("POST", "/worker/{worker}/disable", "admin", Where::Cluster),
    ("GET", "/scaling", "read", Where::Cluster),
    ("GET", "/totalWorkerCapacity", "read", Where::Cluster),
    // These name the datasources in the body.
    ("POST", "/lockedIntervals", "read", Where::Body),
    ("POST", "/lockedIntervals/v2", "read", Where::Body),
    ("POST", "/activeLocks", "read", Where::Body),
    // Druid's own processes only
    ("POST", "/action", "", Where::Never),
    // Extensions
    ("GET", "/k8s/taskrunner/executionconfig", "read", Where::Cluster),
    ("POST", "/k8s/taskrunner/executionconfig", "admin", Where::Cluster),
    ("GET", "/k8s/taskrunner/executionconfig/history", "read", Where::Cluster),
];

/// The type id of a spec; empty if it has none.
pub fn type_id(body: &Value) -> &str {
    body.get("type").and_then(Value::as_str).unwrap_or("")
}

// ---------------------------------------------------------------------------------------------
// What a spec touches

/// What a spec touches.
pub fn touch(kind: Kind, body: &Value) -> Touch {
    let mut touch = Touch::default();
    match kind {
        Kind::Task => task(body, &mut touch),
        Kind::Supervisor => supervisor(body, &mut touch),
    }
    touch
}

fn task(body: &Value, touch: &mut Touch) {
    match type_id(body) {
        "index_parallel" | "index" => batch(body, touch),
        "index_hadoop" => hadoop(body, touch),
        "compact" => compact(body, touch),
        "kill" | "move" | "archive" | "restore" => touch.write(field(body, "dataSource")),
        "noop" => {
            match field(body, "dataSource") {
                Some(name) => touch.write(Some(name)),
                None => touch.writes_named("none"),
            }
            // Read by releases before 28.
            if let Some(value) = field(body, "firehose") {
                firehose(value, touch);
            }
        }
        "query_controller" => controller(body, touch),
        "query_worker" => {
            touch.opaque = true;
            touch.write(field(body, "dataSource"));
        }
        "single_phase_sub_task"
        | "index_sub"
        | "partial_index_generate"
        | "partial_dimension_cardinality"
        | "partial_range_index_generate"
        | "partial_dimension_distribution"
        | "partial_index_generic_merge"
        | "index_realtime"
        | "index_realtime_appenderator" => {
            touch.opaque = true;
            batch(body, touch);
        }
        "index_kafka" => {
            touch.opaque = true;
            stream("kafka", body, touch);
        }
        "index_kinesis" => {
            touch.opaque = true;
            stream("kinesis", body, touch);
        }
        "index_rabbit" => {
            touch.opaque = true;
            stream("rabbit", body, touch);
        }
        _ => touch.opaque = true,
    }
}

fn supervisor(body: &Value, touch: &mut Touch) {
    match type_id(body) {
        kind @ ("kafka" | "kinesis" | "rabbit") => match field(body, "spec") {
            Some(spec) => stream(kind, spec, touch),
            None => stream(kind, body, touch),
        },
        "autocompact" => touch.write(at(body, &["spec", "dataSource"])),
        "scheduled_batch" => {
            touch.write(field(body, "dataSource"));
            match at(body, &["spec", "query"])
                .and_then(Value::as_str)
                .and_then(statement)
            {
                Some((target, sources)) => {
                    touch.writes.insert(target);
                    touch.reads.extend(sources);
                }
                None => touch.opaque = true,
            }
        }
        "derivativeDataSource" => {
            touch.write(field(body, "dataSource"));
            touch.read(field(body, "baseDataSource"));
            // Druid makes up a name where none is given.
            touch.opaque |= touch.writes.is_empty();
        }
        "NoopSupervisorSpec" => {
            for name in touch.list(field(body, "dataSources")) {
                touch.write(Some(name));
            }
        }
        _ => touch.opaque = true,
    }
}

/// `index`, `index_parallel` and their sub-tasks: all under `spec`.
fn batch(body: &Value, touch: &mut Touch) {
    touch.write(at(body, &["spec", "dataSchema", "dataSource"]));
    let Some(io) = touch.object(at(body, &["spec", "ioConfig"])) else {
        return;
    };
    if let Some(value) = io.get("inputSource").filter(|v| !v.is_null()) {
        source(value, touch);
    }
    if let Some(value) = io.get("firehose").filter(|v| !v.is_null()) {
        firehose(value, touch);
    }
}

fn hadoop(body: &Value, touch: &mut Touch) {
    touch.write(at(body, &["spec", "dataSchema", "dataSource"]));
    if let Some(io) = touch.object(at(body, &["spec", "ioConfig"]))
        && let Some(value) = io.get("inputSpec").filter(|v| !v.is_null())
    {
        path_spec(value, touch);
    }
}

/// An `inputSpec` of Hadoop.
fn path_spec(value: &Value, touch: &mut Touch) {
    match type_id(value) {
        "dataSource" => {
            let inner = field(value, "ingestionSpec");
            touch.read(inner.and_then(|spec| field(spec, "dataSource")));
            foreign_segments(field(value, "segments"), touch);
            foreign_segments(inner.and_then(|spec| field(spec, "segments")), touch);
        }
        "multi" => {
            if field(value, "children").is_none() {
                touch.opaque = true;
            }
            for child in touch.list(field(value, "children")) {
                path_spec(child, touch);
            }
        }
        kind => {
            if !["static", "granularity", "granular_unprocessed"].contains(&kind) {
                touch.opaque = true;
            }
            touch.inputs.push(Reach {
                kind: kind.to_owned(),
                ..Reach::default()
            });
        }
    }
}

fn compact(body: &Value, touch: &mut Touch) {
    let own = field(body, "dataSource");
    touch.write(own);
    // The legacy form lists whole segments, and each names its datasource.
    for segment in touch.list(field(body, "segments")) {
        let name = field(segment, "dataSource");
        if name.is_some() && name != own {
            touch.read(name);
        }
    }
}

/// Segments in full: each names the datasource that it is of.
fn foreign_segments(value: Option<&Value>, touch: &mut Touch) {
    for segment in touch.list(value) {
        if let Some(name) = field(segment, "dataSource") {
            touch.read(Some(name));
        }
    }
}

/// A stream: a supervisor's parts, or a stream task.
fn stream(kind: &str, parts: &Value, touch: &mut Touch) {
    touch.write(at(parts, &["dataSchema", "dataSource"]));
    let mut reach = Reach {
        kind: kind.to_owned(),
        ..Reach::default()
    };
    if let Some(io) = touch.object(field(parts, "ioConfig")) {
        match kind {
            "kafka" => kafka(io, &mut reach),
            "kinesis" => {
                let text = |name| io.get(name).and_then(Value::as_str);
                // Without an endpoint it is that of the region, and Druid has one for that too.
                let host = match text("endpoint") {
                    Some(endpoint) => bare_host(endpoint),
                    None => Some(format!(
                        "kinesis.{}.amazonaws.com",
                        text("region").unwrap_or("us-east-1")
                    )),
                };
                if let Some(host) = host {
                    reach.hosts.push(host);
                    reach.told = true;
                }
            }
            _ => {}
        }
    }
    touch.inputs.push(reach);
}

fn kafka(io: &Map<String, Value>, reach: &mut Reach) {
    let Some(properties) = io.get("consumerProperties") else {
        return;
    };
    let Some(servers) = field(properties, "bootstrap.servers").and_then(Value::as_str) else {
        return;
    };
    reach.told = true;
    for server in servers.split(',').map(str::trim).filter(|s| !s.is_empty()) {
        match host_of(server) {
            Some(host) => reach.hosts.push(host),
            None => reach.told = false,
        }
    }
    if reach.hosts.is_empty() || io.get("configOverrides").is_some_and(|v| !v.is_null()) {
        reach.told = false;
    }
    // A provider of properties may replace the servers.
    if let Some(provider) = field(properties, "druid.dynamic.config.provider") {
        let known = match field(provider, "type") {
            None => true,
            Some(id) => id == "mapString" || id == "environment",
        };
        let replaces = ["config", "variables"]
            .iter()
            .any(|key| at(provider, &[key, "bootstrap.servers"]).is_some());
        if !known || replaces || !provider.is_object() {
            reach.told = false;
        }
    }
}

fn controller(body: &Value, touch: &mut Touch) {
    match field(body, "spec").and_then(|spec| field(spec, "destination")) {
        None => touch.opaque = true,
        Some(destination) => match type_id(destination) {
            "dataSource" => touch.write(field(destination, "dataSource")),
            "taskReport" | "durableStorage" => touch.writes_named("__query_select"),
            "export" => {
                touch.writes_named("__query_export");
                touch.inputs.push(Reach {
                    kind: "export".to_owned(),
                    ..Reach::default()
                });
                let provider = field(destination, "exportStorageProvider").map_or("", type_id);
                if !["local", "s3", "google"].contains(&provider) {
                    touch.opaque = true;
                }
            }
            _ => touch.opaque = true,
        },
    }
    match at(body, &["spec", "query"]) {
        Some(value) => query(value, touch),
        None => touch.opaque = true,
    }
}

/// A native query.
fn query(value: &Value, touch: &mut Touch) {
    let id = field(value, "queryType").and_then(Value::as_str);
    if !id.is_some_and(|id| QUERIES.contains(&id)) {
        touch.opaque = true;
    }
    match field(value, "dataSource") {
        Some(inner) => data_source(inner, touch),
        None => touch.opaque = true,
    }
}

/// A native datasource: a name, or an object of some type.
fn data_source(value: &Value, touch: &mut Touch) {
    if value.is_string() {
        return touch.read(Some(value));
    }
    // A missing type is a table; so is an unknown one, but that is not taken for understood.
    let id = match field(value, "type") {
        None => "table",
        Some(id) => id.as_str().unwrap_or(""),
    };
    match id {
        "table" | "globalTable" => touch.read(field(value, "name")),
        "lookup" | "inline" => {}
        "union" => {
            let members = touch.list(field(value, "dataSources"));
            if members.is_empty() {
                touch.opaque = true;
            }
            for member in members {
                data_source(member, touch);
            }
        }
        "join" => {
            for side in ["left", "right"] {
                required(field(value, side), touch, data_source);
            }
        }
        "unnest" | "filter" => required(field(value, "base"), touch, data_source),
        "query" => required(field(value, "query"), touch, query),
        "external" => required(field(value, "inputSource"), touch, source),
        _ => {
            touch.opaque = true;
            if let Some(name) = field(value, "name") {
                touch.read(Some(name));
            }
            for key in ["base", "left", "right"] {
                if let Some(inner) = field(value, key) {
                    data_source(inner, touch);
                }
            }
            for inner in touch.list(field(value, "dataSources")) {
                data_source(inner, touch);
            }
            if let Some(inner) = field(value, "query") {
                query(inner, touch);
            }
        }
    }
}

fn required(value: Option<&Value>, touch: &mut Touch, walk: fn(&Value, &mut Touch)) {
    match value {
        Some(value) => walk(value, touch),
        None => touch.opaque = true,
    }
}

/// An input source.
fn source(value: &Value, touch: &mut Touch) {
    match type_id(value) {
        "" => touch.opaque = true,
        "inline" => {}
        "druid" => segments_of(value, touch),
        "combining" => delegates(value, touch, source),
        id => {
            if !reads_outside(id, value, touch) && !UNTOLD_SOURCES.contains(&id) {
                touch.opaque = true;
            }
        }
    }
}

/// A legacy firehose. Those named as an input source have its fields.
fn firehose(value: &Value, touch: &mut Touch) {
    match type_id(value) {
        "" => touch.opaque = true,
        "inline" => {}
        "ingestSegment" => segments_of(value, touch),
        "combining" => delegates(value, touch, firehose),
        id @ ("local" | "http" | "hdfs" | "sql") => {
            reads_outside(id, value, touch);
        }
        id => {
            touch.opaque = true;
            touch.inputs.push(Reach {
                kind: id.to_owned(),
                ..Reach::default()
            });
        }
    }
}

fn delegates(value: &Value, touch: &mut Touch, walk: fn(&Value, &mut Touch)) {
    if field(value, "delegates").is_none() {
        touch.opaque = true;
    }
    for delegate in touch.list(field(value, "delegates")) {
        walk(delegate, touch);
    }
}

/// A read of a datasource, whole or by segment. The id of a segment starts with its datasource
/// and the year; one that does not may be of another datasource.
fn segments_of(value: &Value, touch: &mut Touch) {
    let name = field(value, "dataSource");
    touch.read(name);
    let start = format!("{}_", name.and_then(Value::as_str).unwrap_or(""));
    for segment in touch.list(field(value, "segments")) {
        let own = field(segment, "segmentId")
            .and_then(Value::as_str)
            .and_then(|id| id.strip_prefix(&start))
            .is_some_and(|rest| {
                rest.len() > 4
                    && rest.bytes().take(4).all(|b| b.is_ascii_digit())
                    && rest.as_bytes()[4] == b'-'
            });
        if !own {
            touch.opaque = true;
        }
    }
}

/// Notes an input from outside, and says whether its type is one that can be read.
fn reads_outside(id: &str, value: &Value, touch: &mut Touch) -> bool {
    let mut reach = Reach {
        kind: id.to_owned(),
        ..Reach::default()
    };
    let known = match id {
        "http" => http(value, &mut reach),
        "s3" => cloud(value, &["s3"], &mut reach),
        "google" => cloud(value, &["gs"], &mut reach),
        "oss" => cloud(value, &["oss"], &mut reach),
        "azure" => cloud(value, &["azure"], &mut reach),
        "azureStorage" => cloud(value, &["azureStorage"], &mut reach),
        "hdfs" => hdfs(value, &mut reach),
        "local" => local(value, &mut reach),
        "sql" => sql(value, &mut reach),
        _ => None,
    };
    reach.told = known == Some(true);
    touch.inputs.push(reach);
    known.is_some()
}

/// The strings of a list; false if something in it is not one.
fn strings(value: Option<&Value>) -> (Vec<&str>, bool) {
    match value {
        None => (Vec::new(), true),
        Some(Value::Array(items)) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let all = texts.len() == items.len();
            (texts, all)
        }
        Some(_) => (Vec::new(), false),
    }
}

fn http(value: &Value, reach: &mut Reach) -> Option<bool> {
    let (uris, mut told) = strings(field(value, "uris"));
    told &= !uris.is_empty();
    for uri in uris {
        let parts = parts_of(uri).filter(|(scheme, ..)| {
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
        });
        match parts.and_then(|(_, authority, path)| Some((host_of(authority)?, path))) {
            Some((host, path)) => {
                reach.hosts.push(host);
                reach
                    .paths
                    .push(if path.is_empty() { "/" } else { path }.to_owned());
            }
            None => told = false,
        }
    }
    Some(told)
}

/// Object stores: `uris`, `prefixes` or `objects`.
fn cloud(value: &Value, schemes: &[&str], reach: &mut Reach) -> Option<bool> {
    let account = schemes == ["azureStorage"];
    let (uris, mut told) = strings(field(value, "uris"));
    let (prefixes, sound) = strings(field(value, "prefixes"));
    told &= sound;
    let mut places: Vec<(Option<(String, String)>, bool)> = Vec::new();
    for (text, listing) in uris
        .iter()
        .map(|uri| (uri, false))
        .chain(prefixes.iter().map(|prefix| (prefix, true)))
    {
        let place = parts_of(text)
            .filter(|(scheme, authority, _)| {
                schemes.iter().any(|s| s.eq_ignore_ascii_case(scheme))
                    && !authority.is_empty()
                    && !authority.contains(['@', ':'])
            })
            .map(|(_, bucket, path)| (bucket.to_owned(), without_slash(path).to_owned()));
        places.push((place, listing));
    }
    match field(value, "objects") {
        None => {}
        Some(Value::Array(objects)) => {
            for object in objects {
                let bucket = field(object, "bucket").and_then(Value::as_str);
                let path = field(object, "path").and_then(Value::as_str);
                let place = bucket
                    .zip(path)
                    .map(|(bucket, path)| (bucket.to_owned(), without_slash(path).to_owned()));
                places.push((place, false));
            }
        }
        Some(_) => told = false,
    }
    told &= !places.is_empty();
    for (place, listing) in places {
        // The first segment of a key in an account is its container.
        let place = if account {
            place.and_then(|(account, path)| {
                let (container, key) = path.split_once('/').unwrap_or((&path, ""));
                (!container.is_empty()).then(|| (format!("{account}/{container}"), key.to_owned()))
            })
        } else {
            place
        };
        match place {
            Some((bucket, mut path)) => {
                if listing && !path.is_empty() && !path.ends_with('/') {
                    path.push('*');
                }
                reach.buckets.push(bucket);
                reach.paths.push(path);
            }
            None => told = false,
        }
    }
    for pointer in [["endpointConfig", "url"], ["proxyConfig", "host"]] {
        if schemes != ["s3"] {
            break;
        }
        if let Some(text) = at(value, &pointer) {
            match text.as_str().and_then(bare_host) {
                Some(host) => reach.hosts.push(host),
                None => told = false,
            }
        }
    }
    Some(told)
}

fn hdfs(value: &Value, reach: &mut Reach) -> Option<bool> {
    let (texts, mut told) = match field(value, "paths") {
        Some(Value::String(text)) => (vec![text.as_str()], true),
        other => strings(other),
    };
    let mut bare = false;
    for path in texts.iter().flat_map(|text| text.split(',')) {
        // Alternatives and escapes of Hadoop's patterns may name anything.
        if path.is_empty() || path.contains(['{', '}', '\\']) {
            told = false;
            continue;
        }
        let (scheme, rest) = match path.split_once("://") {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => ("hdfs", path.strip_prefix("//")),
        };
        told &= scheme.eq_ignore_ascii_case("hdfs");
        let Some(rest) = rest else {
            bare = true;
            // A scheme without a host, as in `file:/x`.
            told &= !path.split('/').next().unwrap_or("").contains(':');
            reach.paths.push(path.to_owned());
            continue;
        };
        let (authority, key) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() {
            bare = true;
        } else {
            match host_of(authority) {
                Some(host) => reach.hosts.push(host),
                None => told = false,
            }
        }
        reach.paths.push(key.to_owned());
    }
    // One with a host and one without: the host of the second is not told.
    told &= !bare || reach.hosts.is_empty();
    told &= !reach.paths.is_empty();
    Some(told)
}

fn local(value: &Value, reach: &mut Reach) -> Option<bool> {
    let (files, mut told) = strings(field(value, "files"));
    match field(value, "baseDir") {
        Some(Value::String(dir)) => reach.paths.push(dir.clone()),
        Some(_) => told = false,
        None => {}
    }
    reach.paths.extend(files.into_iter().map(str::to_owned));
    Some(told && !reach.paths.is_empty())
}

fn sql(value: &Value, reach: &mut Reach) -> Option<bool> {
    let config = at(value, &["database", "connectorConfig"]);
    let uri = config
        .and_then(|config| field(config, "connectURI"))
        .and_then(Value::as_str);
    let Some((_, rest)) = uri
        .and_then(|uri| uri.strip_prefix("jdbc:"))
        .and_then(|uri| uri.split_once("://"))
    else {
        return Some(false);
    };
    let end = rest.find(['/', '?', '#', ';']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if authority.contains('@') {
        return Some(false);
    }
    let Some(host) = host_of(authority) else {
        return Some(false);
    };
    reach.hosts.push(host);
    // Other properties of a connection may name other hosts.
    let harmless = tail.split_once('?').is_none_or(|(_, properties)| {
        properties.split('&').all(|property| {
            let key = property.split('=').next().unwrap_or("");
            ["useSSL", "requireSSL", "ssl", "sslmode"].contains(&key)
        })
    });
    let pooled = config.is_some_and(|config| field(config, "dbcp").is_some());
    Some(harmless && !pooled && !tail.contains(';'))
}

/// Scheme, authority and path of a URI.
fn parts_of(uri: &str) -> Option<(&str, &str, &str)> {
    if uri.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return None;
    }
    let (scheme, rest) = uri.split_once("://")?;
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let rest = rest.split(['?', '#']).next()?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some((scheme, authority, path))
}

/// The host of `[user@]host[:port]`.
fn host_of(authority: &str) -> Option<String> {
    let place = match authority.split_once('@') {
        Some((_, place)) => place,
        None => authority,
    };
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (inner, port) = rest.split_once(']')?;
        let sound = inner
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
        if inner.is_empty() || !sound {
            return None;
        }
        (
            format!("[{inner}]"),
            port.strip_prefix(':').or(port.is_empty().then_some(""))?,
        )
    } else {
        let (host, port) = place.split_once(':').unwrap_or((place, ""));
        let sound = host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if host.is_empty() || !sound {
            return None;
        }
        (host.to_owned(), port)
    };
    port.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| host.to_ascii_lowercase())
}

/// The host of a URL that may lack its scheme.
fn bare_host(text: &str) -> Option<String> {
    if text.contains("://") {
        return host_of(parts_of(text)?.1);
    }
    host_of(text.split('/').next()?)
}

fn without_slash(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

/// A field; null is as good as absent.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

/// A field of a field.
fn at<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names
        .iter()
        .try_fold(value, |value, name| field(value, name))
}

impl Touch {
    fn writes_named(&mut self, name: &str) {
        self.writes.insert(name.to_owned());
    }

    /// A datasource that is written; if it is missing there is none.
    fn write(&mut self, name: Option<&Value>) {
        match name {
            None => {}
            Some(Value::String(name)) => self.writes_named(name),
            Some(_) => self.opaque = true,
        }
    }

    /// A datasource that is read; if it is missing, something else may be.
    fn read(&mut self, name: Option<&Value>) {
        match name {
            Some(Value::String(name)) => {
                self.reads.insert(name.clone());
            }
            _ => self.opaque = true,
        }
    }

    /// The members of a list that may be missing.
    fn list<'a>(&mut self, value: Option<&'a Value>) -> &'a [Value] {
        match value {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.opaque = true;
                &[]
            }
        }
    }

    /// An object that may be missing.
    fn object<'a>(&mut self, value: Option<&'a Value>) -> Option<&'a Map<String, Value>> {
        match value {
            None => None,
            Some(Value::Object(map)) => Some(map),
            Some(_) => {
                self.opaque = true;
                None
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------
// SQL, of a few simple forms

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Name(String),
    Other,
    Sign(char),
}

/// Words that lead out of the simple forms.
#[rustfmt::skip]
const NOT_SIMPLE: &[&str] = &[
    "SELECT", "FROM", "WITH", "TABLE", "EXTERN", "EXTEND", "UNION", "INTERSECT", "EXCEPT", "MINUS",
    "VALUES", "LATERAL", "UNNEST", "INSERT", "REPLACE", "INTO", "SET", "EXPLAIN",
];

/// The target and the sources of `INSERT INTO x SELECT ... FROM y [JOIN z ...]` or of
/// `REPLACE INTO x OVERWRITE ALL SELECT ... FROM y [JOIN z ...]`; none for any other text.
fn statement(text: &str) -> Option<(String, BTreeSet<String>)> {
    let mut tokens = tokens(text)?.into_iter().peekable();
    let word = |tokens: &mut dyn Iterator<Item = Token>, expected: &str| {
        matches!(tokens.next(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(expected))
            .then_some(())
    };
    let replace = match tokens.next()? {
        Token::Word(w) if w.eq_ignore_ascii_case("INSERT") => false,
        Token::Word(w) if w.eq_ignore_ascii_case("REPLACE") => true,
        _ => return None,
    };
    word(&mut tokens, "INTO")?;
    let target = table(tokens.next()?)?;
    if replace {
        word(&mut tokens, "OVERWRITE")?;
        word(&mut tokens, "ALL")?;
    }
    word(&mut tokens, "SELECT")?;

    let mut depth = 0;
    let mut columns = 0;
    loop {
        match tokens.next()? {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            Token::Word(w) if w.eq_ignore_ascii_case("FROM") && depth == 0 => break,
            Token::Word(w) if not_simple(&w) => return None,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
        columns += 1;
    }
    if columns == 0 {
        return None;
    }

    let mut sources = BTreeSet::new();
    let mut in_from = true;
    let mut expects = true;
    while let Some(token) = tokens.next() {
        if expects {
            sources.insert(table(token)?);
            if matches!(tokens.peek(), Some(Token::Sign('.' | '('))) {
                return None;
            }
            expects = false;
            continue;
        }
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            Token::Sign(',') if in_from && depth == 0 => return None,
            Token::Word(w) if w.eq_ignore_ascii_case("JOIN") => {
                if depth != 0 || !in_from {
                    return None;
                }
                expects = true;
            }
            Token::Word(w) if not_simple(&w) => return None,
            Token::Word(w)
                if [
                    "WHERE",
                    "GROUP",
                    "HAVING",
                    "ORDER",
                    "LIMIT",
                    "PARTITIONED",
                    "CLUSTERED",
                ]
                .iter()
                .any(|clause| w.eq_ignore_ascii_case(clause)) =>
            {
                in_from = false;
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    (!expects && depth == 0).then_some((target, sources))
}

fn not_simple(word: &str) -> bool {
    NOT_SIMPLE
        .iter()
        .any(|other| word.eq_ignore_ascii_case(other))
}

fn table(token: Token) -> Option<String> {
    match token {
        Token::Name(name) => Some(name),
        Token::Word(word) if !not_simple(&word) => Some(word),
        _ => None,
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        let next = chars.get(i + 1).copied();
        if c.is_whitespace() {
            i += 1;
        } else if c == '"' || c == '\'' {
            let mut quoted = String::new();
            i += 1;
            loop {
                match chars.get(i)? {
                    q if *q == c && chars.get(i + 1) == Some(&c) => {
                        quoted.push(c);
                        i += 2;
                    }
                    q if *q == c => break,
                    other => {
                        quoted.push(*other);
                        i += 1;
                    }
                }
            }
            i += 1;
            found.push(if c == '"' {
                Token::Name(quoted)
            } else {
                Token::Other
            });
        } else if c.is_ascii_alphabetic() || c == '_' {
            let start = i;
            while i < chars.len() && (chars[i].is_ascii_alphanumeric() || chars[i] == '_') {
                i += 1;
            }
            found.push(Token::Word(chars[start..i].iter().collect()));
        } else if c.is_ascii_digit() {
            while i < chars.len() && (chars[i].is_ascii_digit() || chars[i] == '.') {
                i += 1;
            }
            found.push(Token::Other);
        } else if (c == '-' && next == Some('-')) || (c == '/' && next == Some('*')) {
            return None;
        } else if "(),.*=<>+-/|%".contains(c) {
            found.push(Token::Sign(c));
            i += 1;
        } else {
            return None;
        }
    }
    Some(found)
}

// ---------------------------------------------------------------------------------------------
// The decision

/// Whether the holder of these grants may do this to all of these datasources. No datasource at
/// all means the cluster.
pub fn may(grants: &[Grant], action: &str, datasources: &[String]) -> bool {
    if datasources.is_empty() {
        return grants.iter().any(|g| g.does(action) && g.cluster_wide());
    }
    datasources
        .iter()
        .all(|name| grants.iter().any(|g| g.does(action) && g.matches(name)))
}

/// Whether the holder of these grants may ask for lists at all.
pub fn may_ask(grants: &[Grant]) -> bool {
    grants.iter().any(|g| g.does("read"))
}

/// Whether the holder of these grants may submit this spec. `replaced` has the datasources of the
/// supervisor that is stored under the same id.
pub fn may_submit(
    grants: &[Grant],
    kind: Kind,
    type_id: &str,
    touch: &Touch,
    replaced: &[String],
) -> bool {
    let holds = |action, name: &String| grants.iter().any(|g| g.does(action) && g.matches(name));
    let operator = may(grants, "admin", &[]);

    // 1: what it reads
    if !touch.reads.iter().all(|name| holds("read", name)) {
        return false;
    }
    // 4: what it replaces
    if !replaced.iter().all(|name| holds("submit", name)) {
        return false;
    }
    // 2: what nobody can judge
    if touch.opaque {
        let submits = grants.iter().any(|g| g.does("submit"));
        return (operator && submits)
            || grants.iter().any(|g| {
                g.does("submit") && g.cluster_wide() && g.names(type_id) && g.admits(touch)
            });
    }
    // 3: what it writes, and how
    !touch.writes.is_empty()
        && touch.writes.iter().all(|name| {
            grants.iter().any(|g| {
                g.does("submit")
                    && g.matches(name)
                    && (operator || (g.allows_type(kind, type_id) && g.admits(touch)))
            })
        })
}

impl Grant {
    fn does(&self, action: &str) -> bool {
        self.actions.contains(&action)
    }

    /// The pattern `*` alone, whatever stands beside it.
    fn cluster_wide(&self) -> bool {
        self.datasources.iter().any(|pattern| pattern == "*")
    }

    fn matches(&self, name: &str) -> bool {
        self.datasources.iter().any(|p| matches_pattern(p, name))
    }

    fn names(&self, type_id: &str) -> bool {
        self.task_types
            .as_ref()
            .is_some_and(|types| types.iter().any(|id| id == type_id))
    }

    fn allows_type(&self, kind: Kind, type_id: &str) -> bool {
        let plain = match kind {
            Kind::Task => PLAIN_TASKS,
            Kind::Supervisor => PLAIN_SUPERVISORS,
        };
        match self.task_types {
            Some(_) => self.names(type_id),
            None => plain.contains(&type_id),
        }
    }

    fn admits(&self, touch: &Touch) -> bool {
        touch
            .inputs
            .iter()
            .all(|reach| self.inputs.iter().any(|rule| rule.admits(reach)))
    }
}

impl InputRule {
    fn admits(&self, reach: &Reach) -> bool {
        // The host of a bucket is its cloud's own, unless the input names one: then a rule that lists
        // anything must list that too.
        let clouds = ["s3", "google", "azure", "azureStorage", "oss"];
        let is_cloud = clouds.contains(&self.kind.as_str());
        let lists = self.buckets.is_some() || self.prefixes.is_some();
        let hosts = match (is_cloud, reach.hosts.is_empty()) {
            (true, true) => reach.told || self.hosts.is_none(),
            (true, false) if lists && self.hosts.is_none() => false,
            _ => within(&self.hosts, &reach.hosts, reach.told, matches_pattern),
        };
        self.kind == reach.kind
            && hosts
            && within(&self.buckets, &reach.buckets, reach.told, matches_pattern)
            && within(&self.prefixes, &reach.paths, reach.told, covers)
    }
}

/// Where a list is given, the input must say what it reaches, and all of that must be in it.
fn within(
    rules: &Option<Vec<String>>,
    reached: &[String],
    told: bool,
    fits: fn(&str, &str) -> bool,
) -> bool {
    match rules {
        None => true,
        Some(rules) => {
            told && !reached.is_empty()
                && reached
                    .iter()
                    .all(|thing| rules.iter().any(|rule| fits(rule, thing)))
        }
    }
}

/// `*` is any run of characters; everything else is itself.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|&i| rest.is_char_boundary(i))
                .any(|i| matches_pattern(tail, &rest[i..]))
        }),
    }
}

/// Whether a prefix covers a path: both end at a segment, and the path does not climb.
pub fn covers(prefix: &str, path: &str) -> bool {
    if prefix.is_empty() || climbs(path) {
        return false;
    }
    match path.strip_prefix(prefix) {
        None => false,
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
    }
}

/// Whether a path has a segment `..`, as it stands or however often it is decoded.
fn climbs(path: &str) -> bool {
    let mut bytes = path.as_bytes().to_vec();
    loop {
        if bytes
            .split(|b| *b == b'/' || *b == b'\\')
            .any(|segment| segment == b"..")
        {
            return true;
        }
        let decoded = decode(&bytes);
        if decoded == bytes {
            return false;
        }
        bytes = decoded;
    }
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16));
    let mut decoded = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let pair = digit(bytes.get(i + 1)).zip(digit(bytes.get(i + 2)));
        match pair {
            Some((high, low)) if bytes[i] == b'%' => {
                decoded.push((high * 16 + low) as u8);
                i += 3;
            }
            _ => {
                decoded.push(bytes[i]);
                i += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Writes, reads and whether it is opaque.
    fn check(kind: Kind, body: Value, writes: &[&str], reads: &[&str], opaque: bool) -> Touch {
        let touch = touch(kind, &body);
        assert_eq!(touch.writes, set(writes), "writes of {body}");
        assert_eq!(touch.reads, set(reads), "reads of {body}");
        assert_eq!(touch.opaque, opaque, "opaque: {body}");
        touch
    }

    fn index(id: &str, input: Value) -> Value {
        json!({"type": id, "spec": {"dataSchema": {"dataSource": "wiki"},
            "ioConfig": {"type": id, "inputSource": input}}})
    }

    fn reach(input: Value) -> Reach {
        let found = touch(Kind::Task, &index("index_parallel", input.clone()));
        assert_eq!(found.inputs.len(), 1, "{input}");
        found.inputs[0].clone()
    }

    fn told(input: Value, hosts: &[&str], buckets: &[&str], paths: &[&str]) {
        let found = reach(input.clone());
        assert!(found.told, "{input}");
        assert_eq!(found.hosts, list(hosts), "{input}");
        assert_eq!(found.buckets, list(buckets), "{input}");
        assert_eq!(found.paths, list(paths), "{input}");
    }

    fn untold(input: Value) {
        assert!(!reach(input.clone()).told, "{input}");
    }

    #[test]
    fn batch_tasks() {
        for id in ["index", "index_parallel"] {
            check(
                Kind::Task,
                index(id, json!({"type": "inline", "data": "x"})),
                &["wiki"],
                &[],
                false,
            );
            let druid = json!({"type": "druid", "dataSource": "ads", "interval": "2020/2021"});
            check(
                Kind::Task,
                index(id, druid.clone()),
                &["wiki"],
                &["ads"],
                false,
            );
            let nested = json!({"type": "combining", "delegates": [
                {"type": "combining", "delegates": [druid, {"type": "druid", "dataSource": "wiki"}]}]});
            check(
                Kind::Task,
                index(id, nested),
                &["wiki"],
                &["ads", "wiki"],
                false,
            );
            check(Kind::Task, index(id, Value::Null), &["wiki"], &[], false);
            // What cannot be read
            for odd in [
                json!({}),
                json!(["druid", {"dataSource": "ads"}]),
                json!({"type": "druid"}),
                json!({"type": "combining"}),
                json!({"type": "combining", "delegates": [null]}),
                json!({"type": "shapes"}),
                json!("inline"),
            ] {
                check(Kind::Task, index(id, odd), &["wiki"], &[], true);
            }
        }
        check(
            Kind::Task,
            json!({"type": "index", "spec": {"dataSchema": {"dataSource": null}}}),
            &[],
            &[],
            false,
        );
        check(
            Kind::Task,
            json!({"type": "index", "spec": {"dataSchema": {"dataSource": 1}}}),
            &[],
            &[],
            true,
        );
        check(
            Kind::Task,
            json!({"type": "index_parallel", "spec": {"dataSchema": {"dataSource": "wiki"},
            "ioConfig": ["index_parallel", {}]}}),
            &["wiki"],
            &[],
            true,
        );
    }

    #[test]
    fn segments_of_another_datasource() {
        let input = |id: &str| {
            json!({"type": "druid", "dataSource": "wiki",
            "segments": [{"segmentId": id, "intervals": ["2020/2021"]}]})
        };
        let ours = "wiki_2020-01-01T00:00:00.000Z_2020-01-02T00:00:00.000Z_v";
        check(
            Kind::Task,
            index("index", input(ours)),
            &["wiki"],
            &["wiki"],
            false,
        );
        check(
            Kind::Task,
            index("index", input("wiki_en_2020-01-01T00:00:00.000Z_v")),
            &["wiki"],
            &["wiki"],
            true,
        );
    }

    #[test]
    fn firehoses() {
        let body = |hose: Value| {
            json!({"type": "index", "spec": {"dataSchema": {"dataSource": "wiki"},
            "ioConfig": {"type": "index", "firehose": hose}}})
        };
        check(
            Kind::Task,
            body(json!({"type": "ingestSegment", "dataSource": "ads"})),
            &["wiki"],
            &["ads"],
            false,
        );
        check(
            Kind::Task,
            body(json!({"type": "inline", "data": "x"})),
            &["wiki"],
            &[],
            false,
        );
        let combining = json!({"type": "combining", "delegates": [{"type": "ingestSegment", "dataSource": "ads"},
            {"type": "local", "baseDir": "/data", "filter": "*"}]});
        let found = check(Kind::Task, body(combining), &["wiki"], &["ads"], false);
        assert_eq!(found.inputs[0].paths, ["/data"]);
        let found = check(
            Kind::Task,
            body(json!({"type": "static-s3", "uris": ["s3://a/b"]})),
            &["wiki"],
            &[],
            true,
        );
        assert!(!found.inputs[0].told);
    }

    #[test]
    fn hadoop_tasks() {
        let body = |spec: Value| {
            json!({"type": "index_hadoop", "spec": {"dataSchema": {"dataSource": "wiki"},
            "ioConfig": {"type": "hadoop", "inputSpec": spec}}})
        };
        let own = json!({"type": "dataSource", "ingestionSpec": {"dataSource": "ads"}});
        check(Kind::Task, body(own.clone()), &["wiki"], &["ads"], false);
        let multi = json!({"type": "multi", "children": [own, {"type": "static", "paths": "/a"}]});
        let found = check(Kind::Task, body(multi), &["wiki"], &["ads"], false);
        assert_eq!(
            found.inputs,
            [Reach {
                kind: "static".to_owned(),
                ..Reach::default()
            }]
        );
        check(
            Kind::Task,
            body(json!({"type": "shapes"})),
            &["wiki"],
            &[],
            true,
        );
        check(
            Kind::Task,
            body(json!({"type": "dataSource"})),
            &["wiki"],
            &[],
            true,
        );
    }

    #[test]
    fn tasks_on_one_datasource() {
        for id in ["compact", "kill", "move", "archive", "restore", "noop"] {
            check(
                Kind::Task,
                json!({"type": id, "dataSource": "wiki"}),
                &["wiki"],
                &[],
                false,
            );
        }
        check(Kind::Task, json!({"type": "kill"}), &[], &[], false);
        check(
            Kind::Task,
            json!({"type": "noop", "dataSource": null}),
            &["none"],
            &[],
            false,
        );
        check(
            Kind::Task,
            json!({"type": "compact", "dataSource": "wiki",
            "segments": [{"dataSource": "wiki"}, {"dataSource": "ads"}]}),
            &["wiki"],
            &["ads"],
            false,
        );
    }

    #[test]
    fn only_for_druid_itself() {
        check(
            Kind::Task,
            json!({"type": "query_worker", "dataSource": "wiki"}),
            &["wiki"],
            &[],
            true,
        );
        check(
            Kind::Task,
            index(
                "single_phase_sub_task",
                json!({"type": "druid", "dataSource": "ads"}),
            ),
            &["wiki"],
            &["ads"],
            true,
        );
        for id in [
            "index_sub",
            "partial_index_generate",
            "partial_dimension_cardinality",
            "partial_range_index_generate",
            "partial_dimension_distribution",
            "partial_index_generic_merge",
            "index_realtime",
            "index_realtime_appenderator",
        ] {
            check(Kind::Task, index(id, Value::Null), &["wiki"], &[], true);
        }
        for id in ["index_kafka", "index_kinesis", "index_rabbit"] {
            check(
                Kind::Task,
                json!({"type": id, "dataSchema": {"dataSource": "wiki"}, "ioConfig": {}}),
                &["wiki"],
                &[],
                true,
            );
        }
        check(
            Kind::Task,
            json!({"type": "shapes", "dataSource": "wiki"}),
            &[],
            &[],
            true,
        );
        check(
            Kind::Task,
            json!({"type": "kafka", "spec": {}}),
            &[],
            &[],
            true,
        );
        check(Kind::Supervisor, json!({"type": "index"}), &[], &[], true);
        check(Kind::Task, json!({"dataSource": "wiki"}), &[], &[], true);
        check(
            Kind::Task,
            json!(["kill", {"dataSource": "wiki"}]),
            &[],
            &[],
            true,
        );
    }

    fn controller_of(destination: Value, source: Value) -> Value {
        json!({"type": "query_controller", "spec": {"destination": destination,
            "query": {"queryType": "scan", "dataSource": source}}})
    }

    #[test]
    fn destinations() {
        let wiki = json!({"type": "dataSource", "dataSource": "wiki"});
        check(
            Kind::Task,
            controller_of(wiki, json!("ads")),
            &["wiki"],
            &["ads"],
            false,
        );
        for id in ["taskReport", "durableStorage"] {
            check(
                Kind::Task,
                controller_of(json!({"type": id}), json!("ads")),
                &["__query_select"],
                &["ads"],
                false,
            );
        }
        let export = json!({"type": "export", "exportStorageProvider": {"type": "local", "exportPath": "/x"}});
        check(
            Kind::Task,
            controller_of(export, json!("ads")),
            &["__query_export"],
            &["ads"],
            false,
        );
        check(
            Kind::Task,
            controller_of(json!({"type": "export"}), json!("ads")),
            &["__query_export"],
            &["ads"],
            true,
        );
        check(
            Kind::Task,
            controller_of(json!({"type": "shapes"}), json!("ads")),
            &[],
            &["ads"],
            true,
        );
        check(
            Kind::Task,
            json!({"type": "query_controller"}),
            &[],
            &[],
            true,
        );
    }

    #[test]
    fn native_queries() {
        let read = |source: Value, reads: &[&str], opaque: bool| {
            check(
                Kind::Task,
                controller_of(json!({"type": "taskReport"}), source),
                &["__query_select"],
                reads,
                opaque,
            )
        };
        let table = |name: &str| json!({"type": "table", "name": name});
        read(table("ads"), &["ads"], false);
        read(json!({"name": "ads"}), &["ads"], false);
        read(
            json!({"type": "globalTable", "name": "ads"}),
            &["ads"],
            false,
        );
        read(
            json!({"type": "union", "dataSources": ["ads", table("wiki")]}),
            &["ads", "wiki"],
            false,
        );
        read(
            json!({"type": "join", "left": table("ads"), "right": {"type": "query",
            "query": {"queryType": "groupBy", "dataSource": "wiki"}}}),
            &["ads", "wiki"],
            false,
        );
        read(json!({"type": "lookup", "lookup": "wiki"}), &[], false);
        read(
            json!({"type": "inline", "columnNames": [], "rows": []}),
            &[],
            false,
        );
        read(
            json!({"type": "unnest", "base": {"type": "filter", "base": "ads"}}),
            &["ads"],
            false,
        );
        let found = read(
            json!({"type": "external", "inputSource": {"type": "local", "files": ["/a"]}}),
            &[],
            false,
        );
        assert_eq!(found.inputs[0].kind, "local");
        read(
            json!({"type": "external", "inputSource": {"type": "druid", "dataSource": "ads"}}),
            &["ads"],
            false,
        );
        for odd in [
            json!({"type": "shapes"}),
            json!({"type": "join", "left": "ads"}),
            json!({"type": "table"}),
            json!({"type": "union", "dataSources": []}),
            json!({"type": "query"}),
            json!(1),
            json!([]),
        ] {
            let reads: &[&str] = if odd.get("left").is_some() {
                &["ads"]
            } else {
                &[]
            };
            read(odd, reads, true);
        }
        // Druid takes an unknown type for a table.
        read(json!({"type": "shapes", "name": "ads"}), &["ads"], true);
        check(
            Kind::Task,
            json!({"type": "query_controller", "spec": {"destination": {"type": "taskReport"},
            "query": {"queryType": "shapes", "dataSource": "ads"}}}),
            &["__query_select"],
            &["ads"],
            true,
        );
    }

    #[test]
    fn streams() {
        let parts = json!({"dataSchema": {"dataSource": "wiki"},
            "ioConfig": {"topic": "t", "consumerProperties": {"bootstrap.servers": "K1.example.com:9092, k2:9092"}}});
        let mut legacy = parts.clone();
        legacy["type"] = json!("kafka");
        for body in [json!({"type": "kafka", "spec": parts}), legacy.clone()] {
            let found = check(Kind::Supervisor, body, &["wiki"], &[], false);
            assert_eq!(found.inputs[0].kind, "kafka");
            assert_eq!(found.inputs[0].hosts, ["k1.example.com", "k2"]);
            assert!(found.inputs[0].told);
        }
        legacy["spec"] = Value::Null;
        check(Kind::Supervisor, legacy.clone(), &["wiki"], &[], false);
        // What stands under `spec` counts.
        legacy["spec"] = json!({"dataSchema": {"dataSource": "ads"}, "ioConfig": {}});
        let found = check(Kind::Supervisor, legacy.clone(), &["ads"], &[], false);
        assert!(!found.inputs[0].told);
        legacy["spec"] = parts.clone();
        legacy["spec"]["ioConfig"]["consumerProperties"]["druid.dynamic.config.provider"] =
            json!({"type": "environment", "variables": {"sasl.jaas.config": "V"}});
        assert!(touch(Kind::Supervisor, &legacy).inputs[0].told);
        legacy["spec"]["ioConfig"]["consumerProperties"]["druid.dynamic.config.provider"] =
            json!({"config": {"bootstrap.servers": "elsewhere:9092"}});
        assert!(!touch(Kind::Supervisor, &legacy).inputs[0].told);

        let kinesis = |endpoint: Value| {
            touch(
                Kind::Supervisor,
                &json!({"type": "kinesis", "spec": {
            "dataSchema": {"dataSource": "wiki"}, "ioConfig": {"stream": "s", "endpoint": endpoint}}}),
            )
        };
        assert_eq!(
            kinesis(json!("kinesis.eu.example.com")).inputs[0].hosts,
            ["kinesis.eu.example.com"]
        );
        assert_eq!(
            kinesis(json!("https://K.example.com:443/")).inputs[0].hosts,
            ["k.example.com"]
        );
        assert_eq!(
            kinesis(Value::Null).inputs[0].hosts,
            ["kinesis.us-east-1.amazonaws.com"]
        );
        let rabbit = json!({"type": "rabbit", "spec": {"dataSchema": {"dataSource": "wiki"}, "ioConfig": {}}});
        assert!(!check(Kind::Supervisor, rabbit, &["wiki"], &[], false).inputs[0].told);
    }

    #[test]
    fn other_supervisors() {
        check(
            Kind::Supervisor,
            json!({"type": "autocompact", "spec": {"dataSource": "wiki"}}),
            &["wiki"],
            &[],
            false,
        );
        check(
            Kind::Supervisor,
            json!({"type": "derivativeDataSource", "dataSource": "wiki", "baseDataSource": "ads"}),
            &["wiki"],
            &["ads"],
            false,
        );
        check(
            Kind::Supervisor,
            json!({"type": "NoopSupervisorSpec", "dataSources": ["wiki", "ads"]}),
            &["ads", "wiki"],
            &[],
            false,
        );
        check(
            Kind::Supervisor,
            json!({"type": "NoopSupervisorSpec", "dataSources": null}),
            &[],
            &[],
            false,
        );
        check(Kind::Supervisor, json!({"type": "shapes"}), &[], &[], true);
        let sql = |typed: Value, query: &str| {
            json!({"type": "scheduled_batch", "dataSource": typed,
            "spec": {"query": query}, "schedulerConfig": {"type": "unix", "schedule": "@daily"}})
        };
        let replace =
            "REPLACE INTO wiki OVERWRITE ALL SELECT __time, \"page\" FROM ads PARTITIONED BY DAY";
        check(
            Kind::Supervisor,
            sql(json!("none"), replace),
            &["none", "wiki"],
            &["ads"],
            false,
        );
        check(
            Kind::Supervisor,
            sql(Value::Null, replace),
            &["wiki"],
            &["ads"],
            false,
        );
        check(
            Kind::Supervisor,
            sql(json!("wiki"), "EXPLAIN PLAN FOR SELECT 1"),
            &["wiki"],
            &[],
            true,
        );
    }

    #[test]
    fn statements() {
        let read = |text: &str, target: &str, sources: &[&str]| {
            assert_eq!(
                statement(text),
                Some((target.to_owned(), set(sources))),
                "{text}"
            );
        };
        read("insert into wiki select * from ads", "wiki", &["ads"]);
        read(
            "INSERT INTO \"wi\"\"ki\" SELECT COUNT(*), 'a''b' FROM Wiki",
            "wi\"ki",
            &["Wiki"],
        );
        read(
            "INSERT INTO w SELECT a.x FROM \"ads\" AS a LEFT JOIN metrics m ON a.x = m.x \
            JOIN wiki ON TRUE WHERE f(a, 1) > 2 GROUP BY 1, 2",
            "w",
            &["ads", "metrics", "wiki"],
        );
        for text in [
            "",
            "INSERT INTO wiki",
            "SELECT * FROM ads",
            "INSERT INTO w SELECT FROM ads",
            "INSERT INTO w SELECT * FROM ads, wiki",
            "INSERT INTO w SELECT * FROM (SELECT * FROM ads)",
            "INSERT INTO w SELECT * FROM TABLE(EXTERN('{}', '{}'))",
            "INSERT INTO w SELECT * FROM sys.tasks",
            "INSERT INTO w SELECT * FROM ads UNION ALL SELECT * FROM wiki",
            "INSERT INTO w SELECT * FROM ads; x",
            "INSERT INTO w SELECT * FROM ads -- x",
            "INSERT INTO druid.w SELECT * FROM ads",
            "INSERT INTO w SELECT * FROM ads WHERE x IN (SELECT x FROM wiki)",
            "INSERT INTO w SELECT * FROM 'ads'",
            "REPLACE INTO w OVERWRITE WHERE x SELECT * FROM ads",
            "INSERT INTO w SELECT * FROM ads JOIN",
        ] {
            assert_eq!(statement(text), None, "{text}");
        }
    }

    #[test]
    fn what_inputs_reach() {
        told(
            json!({"type": "http", "uris": ["https://Data.Example.com:8443/a/b?x#y", "http://u@h"]}),
            &["data.example.com", "h"],
            &[],
            &["/a/b", "/"],
        );
        for uri in [
            "ftp://h/a",
            "h/a",
            "http:///a",
            "http://a b/c",
            "http://h:x/",
            "http://a@b@c/",
            "http://h%2e/",
        ] {
            untold(json!({"type": "http", "uris": ["http://h/a", uri]}));
        }
        untold(json!({"type": "http"}));
        untold(json!({"type": "http", "uris": []}));
        told(
            json!({"type": "s3", "uris": ["s3://lake/raw/x"], "prefixes": null}),
            &[],
            &["lake"],
            &["raw/x"],
        );
        told(
            json!({"type": "s3", "prefixes": ["s3://lake/raw/", "s3://lake/raw", "s3://lake"]}),
            &[],
            &["lake", "lake", "lake"],
            &["raw/", "raw*", ""],
        );
        told(
            json!({"type": "google", "objects": [{"bucket": "lake", "path": "/raw/x"}]}),
            &[],
            &["lake"],
            &["raw/x"],
        );
        told(
            json!({"type": "google", "uris": ["gs://lake/raw/x"]}),
            &[],
            &["lake"],
            &["raw/x"],
        );
        told(
            json!({"type": "oss", "uris": ["oss://lake/raw/x"]}),
            &[],
            &["lake"],
            &["raw/x"],
        );
        told(
            json!({"type": "azure", "uris": ["azure://lake/raw/x"]}),
            &[],
            &["lake"],
            &["raw/x"],
        );
        told(
            json!({"type": "azureStorage", "uris": ["azureStorage://acc/lake/raw/x"]}),
            &[],
            &["acc/lake"],
            &["raw/x"],
        );
        told(
            json!({"type": "azureStorage", "objects": [{"bucket": "acc", "path": "lake/raw/x"}]}),
            &[],
            &["acc/lake"],
            &["raw/x"],
        );
        untold(json!({"type": "azureStorage", "prefixes": ["azureStorage://acc/"]}));
        untold(json!({"type": "s3", "uris": ["gs://lake/raw/x"]}));
        untold(json!({"type": "s3", "objects": [{"bucket": "lake"}]}));
        untold(json!({"type": "s3"}));
        told(
            json!({"type": "s3", "uris": ["s3://lake/x"], "endpointConfig": {"url": "https://Minio:9000"},
            "proxyConfig": {"host": "proxy", "port": 80}}),
            &["minio", "proxy"],
            &["lake"],
            &["x"],
        );
        told(
            json!({"type": "hdfs", "paths": "hdfs://nn:8020/a,hdfs://nn/b"}),
            &["nn", "nn"],
            &[],
            &["/a", "/b"],
        );
        told(
            json!({"type": "hdfs", "paths": ["/a", "/b"]}),
            &[],
            &[],
            &["/a", "/b"],
        );
        untold(json!({"type": "hdfs", "paths": ["/a", "hdfs://nn/b"]}));
        untold(json!({"type": "hdfs", "paths": ["s3a://bucket/b"]}));
        untold(json!({"type": "hdfs", "paths": "/a/{b,../c}"}));
        untold(json!({"type": "hdfs", "paths": "file:/etc"}));
        told(
            json!({"type": "local", "baseDir": "/data", "filter": "*", "files": null}),
            &[],
            &[],
            &["/data"],
        );
        told(
            json!({"type": "local", "files": ["/a", "/b"]}),
            &[],
            &[],
            &["/a", "/b"],
        );
        untold(json!({"type": "local"}));
        let sql = |uri: &str| {
            json!({"type": "sql", "sqls": ["SELECT 1"],
            "database": {"type": "mysql", "connectorConfig": {"connectURI": uri}}})
        };
        told(
            sql("jdbc:mysql://Db.Example.com:3306/x?useSSL=true"),
            &["db.example.com"],
            &[],
            &[],
        );
        told(sql("jdbc:postgresql://db/x"), &["db"], &[], &[]);
        for uri in [
            "jdbc:mysql://a,b/x",
            "jdbc:mysql://u:p@a/x",
            "jdbc:mysql://address=(host=a)/x",
            "jdbc:mysql:x",
            "jdbc:mysql://a/x?socksProxyHost=b",
            "mysql://a/x",
        ] {
            untold(sql(uri));
        }
        for id in ["generator", "nil", "delta", "iceberg"] {
            untold(json!({"type": id}));
        }
    }

    #[test]
    fn prefixes_and_patterns() {
        for (prefix, path, covered) in [
            ("/data/wiki", "/data/wiki", true),
            ("/data/wiki", "/data/wiki/x", true),
            ("/data/wiki", "/data/wikipedia", false),
            ("/data/wiki", "/data/wiki*", false),
            ("raw/", "raw/x", true),
            ("raw/", "raw/wi*", true),
            ("raw/", "raw", false),
            ("/", "/etc", true),
            ("/data", "/data/../etc", false),
            ("/data", "/data/%2E%2e/etc", false),
            ("/data", "/data/x%2f..%2fy", false),
            ("/data", "/data/%252e%252e/etc", false),
            ("/data", "/data/..x/y", true),
            ("", "/data", false),
        ] {
            assert_eq!(covers(prefix, path), covered, "{prefix} {path}");
        }
        for (pattern, text, fits) in [
            ("wiki", "wiki", true),
            ("wiki", "Wiki", false),
            ("wiki*", "wikipedia", true),
            ("*", "", true),
            ("w*i*a", "wikipedia", true),
            ("*.example.com", "example.com", false),
            ("w.ki", "wiki", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), fits, "{pattern} {text}");
        }
    }

    fn grant(actions: &[&'static str], datasources: &[&str]) -> Grant {
        Grant {
            actions: actions.to_vec(),
            datasources: list(datasources),
            task_types: None,
            inputs: Vec::new(),
        }
    }

    #[test]
    fn who_may() {
        let grants = [
            grant(&["read"], &["wiki*"]),
            grant(&["read", "manage"], &["ads"]),
        ];
        assert!(may(&grants, "read", &list(&["wiki", "ads"])));
        assert!(!may(&grants, "manage", &list(&["wiki", "ads"])));
        assert!(!may(&grants, "read", &[]));
        assert!(may(&[grant(&["read"], &["*"])], "read", &[]));
        assert!(!may(&[grant(&["read"], &["**"])], "read", &[]));
        assert!(may_ask(&grants) && !may_ask(&grants[..0]));
    }

    #[test]
    fn who_may_submit() {
        let asks = |grants: &[Grant], kind, body: &Value, replaced: &[&str]| {
            may_submit(
                grants,
                kind,
                type_id(body),
                &touch(kind, body),
                &list(replaced),
            )
        };
        let task = |grants: &[Grant], body: &Value| asks(grants, Kind::Task, body, &[]);
        let submit = grant(&["submit"], &["wiki"]);
        let everything = grant(&["read", "submit"], &["*"]);
        let operator = grant(&["admin"], &["*"]);

        // 1: reads
        let druid = index("index", json!({"type": "druid", "dataSource": "ads"}));
        assert!(!task(std::slice::from_ref(&submit), &druid));
        assert!(task(&[submit.clone(), grant(&["read"], &["ads"])], &druid));
        // 2: opaque
        let odd = json!({"type": "shapes"});
        assert!(!task(std::slice::from_ref(&everything), &odd));
        assert!(task(
            &[Grant {
                task_types: Some(list(&["shapes"])),
                ..everything.clone()
            }],
            &odd
        ));
        assert!(!task(
            &[Grant {
                task_types: Some(list(&["shapes"])),
                ..submit.clone()
            }],
            &odd
        ));
        assert!(!task(std::slice::from_ref(&operator), &odd));
        assert!(task(&[operator.clone(), submit.clone()], &odd));
        // 3: writes and types
        let kill = json!({"type": "kill", "dataSource": "wiki"});
        let moved = json!({"type": "move", "dataSource": "wiki"});
        assert!(task(std::slice::from_ref(&submit), &kill));
        assert!(!task(std::slice::from_ref(&submit), &moved));
        assert!(!task(std::slice::from_ref(&operator), &kill));
        assert!(task(&[operator.clone(), submit.clone()], &moved));
        assert!(!task(&[operator, everything], &json!({"type": "kill"})));
        let only_moves = Grant {
            task_types: Some(list(&["move"])),
            ..submit.clone()
        };
        assert!(task(std::slice::from_ref(&only_moves), &moved));
        assert!(!task(&[only_moves], &kill));
        // 3: inputs
        let http = index(
            "index",
            json!({"type": "http", "uris": ["http://a.example.com/raw/x"]}),
        );
        let with = |rule: InputRule| Grant {
            inputs: vec![rule],
            ..submit.clone()
        };
        let rule = InputRule {
            kind: "http".to_owned(),
            hosts: None,
            buckets: None,
            prefixes: None,
        };
        assert!(!task(std::slice::from_ref(&submit), &http));
        assert!(task(&[with(rule.clone())], &http));
        for (hosts, prefixes, allowed) in [
            (Some(list(&["*.example.com"])), Some(list(&["/raw"])), true),
            (Some(list(&["*.example.org"])), Some(list(&["/raw"])), false),
            (Some(list(&["*.example.com"])), Some(list(&["/ra"])), false),
        ] {
            assert_eq!(
                task(
                    &[with(InputRule {
                        hosts,
                        prefixes,
                        ..rule.clone()
                    })],
                    &http
                ),
                allowed
            );
        }
        assert!(!task(
            &[with(InputRule {
                buckets: Some(list(&["*"])),
                ..rule.clone()
            })],
            &http
        ));
        assert!(!task(
            &[with(InputRule {
                kind: "s3".to_owned(),
                ..rule
            })],
            &http
        ));
        // 4: what it replaces
        let noop = json!({"type": "autocompact", "spec": {"dataSource": "wiki"}});
        assert!(asks(
            std::slice::from_ref(&submit),
            Kind::Supervisor,
            &noop,
            &["wiki"]
        ));
        assert!(!asks(&[submit], Kind::Supervisor, &noop, &["wiki", "ads"]));
    }

    #[test]
    fn endpoints_stand_once() {
        let all: BTreeSet<_> = ENDPOINTS
            .iter()
            .map(|(method, path, ..)| (method, path))
            .collect();
        assert_eq!(all.len(), ENDPOINTS.len());
        for (method, path, action, place) in ENDPOINTS {
            let known = ["read", "submit", "shutdown", "manage", "admin"].contains(action);
            assert_eq!(
                known,
                !matches!(place, Where::Anybody | Where::Never),
                "{method} {path}"
            );
            assert_eq!(
                path.contains("{datasource}"),
                *place == Where::Path,
                "{method} {path}"
            );
            assert_eq!(
                path.contains("{task}"),
                *place == Where::Task,
                "{method} {path}"
            );
            assert_eq!(
                path.contains("{supervisor}"),
                *place == Where::Supervisor,
                "{method} {path}"
            );
        }
    }
}
