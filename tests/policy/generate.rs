//! Specs and grants at random, the same ones for the same seed.

use super::word::{Grant, InputRule, Kind};
use serde_json::{Map, Value, json};

const DATASOURCES: &[&str] = &[
    "wiki",
    "wiki_en",
    "wikipedia",
    "metrics",
    "ads",
    "Wiki",
    "none",
];
const HOSTS: &[&str] = &[
    "data.example.com",
    "files.example.com",
    "Data.Example.com",
    "data.example.org",
    "example.com",
    "internal",
    "10.0.0.5",
];
const BUCKETS: &[&str] = &["lake", "lake-raw", "lake-private", "other"];
const PATHS: &[&str] = &[
    "/data",
    "/data/wiki",
    "/data/wiki/",
    "/data/wiki/2020.json",
    "/data/wiki/2020/01.json",
    "/data/wikipedia/2020.json",
    "/data/wiki/../private/a.json",
    "/data/wiki/..x/a.json",
    "/etc/passwd",
];
const KEYS: &[&str] = &[
    "raw/wiki/2020.json",
    "raw/wiki/2021.json",
    "raw/wiki/",
    "raw/wiki",
    "raw/wikipedia.json",
    "raw/",
    "raw",
    "raw/../private/a.json",
    "private/a.json",
];
const SOURCES: &[&str] = &[
    "http",
    "s3",
    "google",
    "oss",
    "azure",
    "azureStorage",
    "hdfs",
    "local",
    "sql",
    "generator",
    "nil",
    "delta",
    "iceberg",
];
const TYPES: &[&str] = &[
    "index_parallel",
    "index",
    "index_hadoop",
    "compact",
    "kill",
    "move",
    "archive",
    "restore",
    "noop",
    "query_controller",
    "query_worker",
    "single_phase_sub_task",
    "index_kafka",
    "index_flink",
    "kafka",
    "kinesis",
    "rabbit",
    "autocompact",
    "scheduled_batch",
    "derivativeDataSource",
    "NoopSupervisorSpec",
    "pulsar",
];

/// Numbers at random: splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True in so many of a hundred cases.
    fn in_hundred(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// From one to `most` members.
    fn some<T: Copy>(&mut self, of: &[T], most: usize) -> Vec<T> {
        (0..=self.below(most)).map(|_| self.one(of)).collect()
    }

    /// The index of one of these, by weight.
    fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (i, weight) in weights.iter().enumerate() {
            if left < *weight {
                return i;
            }
            left -= weight;
        }
        0
    }

    fn datasource(&mut self) -> &'static str {
        self.one(DATASOURCES)
    }
}

/// A spec, and what it is to be posted as.
pub fn spec(seed: u64) -> (Kind, Value) {
    let dice = &mut Dice(seed);
    if dice.in_hundred(70) {
        (Kind::Task, task(dice))
    } else {
        (Kind::Supervisor, supervisor(dice))
    }
}

/// From none to four grants.
pub fn grants(seed: u64) -> Vec<Grant> {
    let dice = &mut Dice(seed ^ 0x6772_616e_7473);
    (0..dice.below(5)).map(|_| grant(dice)).collect()
}

// ---------------------------------------------------------------------------------------------
// Tasks

fn task(dice: &mut Dice) -> Value {
    let weights = [26, 16, 8, 8, 5, 4, 2, 2, 5, 18, 2, 5, 4, 3];
    let mut body = match dice.weighted(&weights) {
        0 => batch(dice, "index_parallel"),
        1 => batch(dice, "index"),
        2 => hadoop(dice),
        3 => compact(dice),
        4 => {
            let mut body = interval_task(dice, "kill");
            if dice.in_hundred(30) {
                put(&mut body, "limit", json!(10));
                put(&mut body, "versions", Value::Null);
            }
            body
        }
        5 => {
            let mut body = interval_task(dice, "move");
            let key = dice.one(&["target", "targetLoadSpec"]);
            put(
                &mut body,
                key,
                json!({"bucket": dice.one(BUCKETS), "baseKey": "moved"}),
            );
            body
        }
        6 => interval_task(dice, "archive"),
        7 => interval_task(dice, "restore"),
        8 => noop(dice),
        9 => controller(dice),
        10 => {
            let mut body =
                json!({"type": "query_worker", "controllerTaskId": "query-1", "workerNumber": 0});
            name(dice, &mut body, "dataSource", 5);
            body
        }
        11 => sub_task(dice),
        12 => stream_task(dice),
        _ => {
            let id = dice.one(&[
                "index_flink",
                "compactx",
                "Index",
                "kafka",
                "scheduled_batch",
            ]);
            json!({"type": id, "dataSource": dice.datasource(),
                "spec": {"dataSchema": {"dataSource": dice.datasource()}}})
        }
    };
    match dice.below(8) {
        0 => put(&mut body, "context", Value::Null),
        1 => put(&mut body, "context", json!({"priority": 10})),
        2 => put(&mut body, "id", json!("my_task")),
        3 => put(&mut body, "id", Value::Null),
        // Printed by Druid, and not read again
        4 if ["index", "index_parallel"].contains(&body["type"].as_str().unwrap_or("")) => {
            let printed = dice.datasource();
            put(&mut body, "dataSource", json!(printed));
        }
        _ => {}
    }
    body
}

fn data_schema(dice: &mut Dice, parser: bool) -> Value {
    let mut schema = json!({
        "granularitySpec": {"type": "uniform", "segmentGranularity": "DAY", "queryGranularity": "NONE",
            "rollup": false, "intervals": ["2020-01-01/2021-01-01"]},
    });
    name(dice, &mut schema, "dataSource", 3);
    let time = json!({"column": "ts", "format": "auto"});
    let dimensions = json!({"dimensions": ["page", {"type": "long", "name": "added"}]});
    if parser {
        put(
            &mut schema,
            "parser",
            json!({"type": "string",
            "parseSpec": {"format": "json", "timestampSpec": time, "dimensionsSpec": dimensions}}),
        );
    } else {
        put(&mut schema, "timestampSpec", time);
        put(&mut schema, "dimensionsSpec", dimensions);
    }
    if dice.in_hundred(20) {
        put(&mut schema, "transformSpec", Value::Null);
    }
    if dice.in_hundred(20) {
        put(
            &mut schema,
            "metricsSpec",
            json!([{"type": "count", "name": "rows"}]),
        );
    }
    schema
}

fn batch(dice: &mut Dice, id: &str) -> Value {
    let legacy = id == "index" && dice.in_hundred(30);
    let mut io = json!({"type": id});
    if legacy {
        let hose = firehose(dice, 0);
        put(&mut io, "firehose", hose);
        if dice.in_hundred(20) {
            put(&mut io, "inputSource", Value::Null);
        }
    } else {
        match dice.below(40) {
            0 => {}
            1 => put(&mut io, "inputSource", Value::Null),
            _ => {
                let input = source(dice, 0);
                put(&mut io, "inputSource", input);
                put(&mut io, "inputFormat", json!({"type": "json"}));
            }
        }
        if dice.in_hundred(10) {
            put(&mut io, "firehose", Value::Null);
        }
    }
    if dice.in_hundred(20) {
        put(&mut io, "appendToExisting", json!(true));
    }
    let schema = data_schema(dice, legacy);
    let mut spec = json!({"dataSchema": schema, "ioConfig": io});
    match dice.below(6) {
        0 => put(&mut spec, "tuningConfig", Value::Null),
        1 => put(&mut spec, "tuningConfig", json!({"type": id})),
        _ => {}
    }
    json!({"type": id, "spec": spec})
}

fn sub_task(dice: &mut Dice) -> Value {
    let id = dice.one(&[
        "single_phase_sub_task",
        "index_sub",
        "partial_index_generate",
        "partial_dimension_cardinality",
        "partial_range_index_generate",
        "partial_dimension_distribution",
        "partial_index_generic_merge",
        "index_realtime_appenderator",
    ]);
    let mut body = batch(dice, "index_parallel");
    put(&mut body, "type", json!(id));
    put(&mut body, "groupId", json!("g"));
    put(
        &mut body,
        "supervisorTaskId",
        json!("index_parallel_wiki_1"),
    );
    put(&mut body, "subtaskSpecId", json!("s"));
    put(&mut body, "numAttempts", json!(0));
    put(&mut body, "context", json!({}));
    body
}

fn hadoop(dice: &mut Dice) -> Value {
    let mut io = json!({"type": "hadoop"});
    match dice.below(20) {
        0 => {}
        1 => put(&mut io, "inputSpec", Value::Null),
        _ => {
            let spec = path_spec(dice, 0);
            put(&mut io, "inputSpec", spec);
        }
    }
    let schema = data_schema(dice, true);
    json!({"type": "index_hadoop", "spec": {"dataSchema": schema, "ioConfig": io,
        "tuningConfig": {"type": "hadoop"}}})
}

fn path_spec(dice: &mut Dice, depth: usize) -> Value {
    let deeper = if depth < 5 { 30 } else { 0 };
    match dice.weighted(&[25, 10, 40, deeper, 3]) {
        0 => json!({"type": "static", "paths": hdfs_path(dice)}),
        1 => {
            let id = dice.one(&["granularity", "granular_unprocessed"]);
            json!({"type": id, "inputPath": hdfs_path(dice), "dataGranularity": "HOUR", "filePattern": ".*"})
        }
        2 => {
            let mut inner = json!({"intervals": ["2020/2021"]});
            name(dice, &mut inner, "dataSource", 2);
            let mut spec = json!({"type": "dataSource", "ingestionSpec": inner});
            if dice.in_hundred(20) {
                put(&mut spec, "segments", Value::Null);
            }
            spec
        }
        3 => {
            let count = dice.below(4);
            let children: Vec<Value> = (0..count).map(|_| path_spec(dice, depth + 1)).collect();
            json!({"type": "multi", "children": children})
        }
        _ => json!({"type": "shapes", "paths": hdfs_path(dice)}),
    }
}

fn compact(dice: &mut Dice) -> Value {
    let mut body = json!({"type": "compact"});
    name(dice, &mut body, "dataSource", 4);
    let own = body.get("dataSource").cloned().unwrap_or(Value::Null);
    match dice.below(4) {
        0 => put(
            &mut body,
            "ioConfig",
            json!({"type": "compact", "inputSpec": {"type": "interval", "interval": "2020/2021"}}),
        ),
        1 => put(
            &mut body,
            "ioConfig",
            json!({"type": "compact", "inputSpec": {"type": "segments",
            "segments": [format!("{}_2020-01-01T00:00:00.000Z_2020-01-02T00:00:00.000Z_v", own.as_str().unwrap_or("x"))]}}),
        ),
        2 => put(&mut body, "interval", json!("2020/2021")),
        _ => put(
            &mut body,
            "segments",
            json!([{"dataSource": own, "interval": "2020-01-01/2020-01-02",
            "version": "v", "size": 1, "shardSpec": {"type": "numbered", "partitionNum": 0, "partitions": 1}}]),
        ),
    }
    match dice.below(5) {
        0 => put(
            &mut body,
            "dimensions",
            json!({"dimensions": [{"type": "string", "name": "page"}]}),
        ),
        1 => put(&mut body, "transformSpec", json!({"filter": null})),
        2 => put(&mut body, "tuningConfig", json!({"type": "compaction"})),
        _ => {}
    }
    body
}

fn interval_task(dice: &mut Dice, id: &str) -> Value {
    let mut body = json!({"type": id, "interval": "2020-01-01/2020-02-01"});
    name(dice, &mut body, "dataSource", 5);
    body
}

fn noop(dice: &mut Dice) -> Value {
    let mut body = json!({"type": "noop", "runTime": 10});
    name(dice, &mut body, "dataSource", 40);
    if dice.in_hundred(10) {
        put(&mut body, "firehose", Value::Null);
    }
    body
}

fn stream_task(dice: &mut Dice) -> Value {
    let kind = dice.one(&["kafka", "kinesis", "rabbit"]);
    let mut io = stream_io(dice, kind);
    put(&mut io, "type", json!(kind));
    put(&mut io, "baseSequenceName", json!("s"));
    let schema = data_schema(dice, false);
    json!({"type": format!("index_{kind}"), "dataSchema": schema, "ioConfig": io})
}

// ---------------------------------------------------------------------------------------------
// Native queries

fn controller(dice: &mut Dice) -> Value {
    let destination = match dice.weighted(&[60, 12, 10, 12, 4, 2]) {
        0 => {
            let mut to = json!({"type": "dataSource", "segmentGranularity": "DAY", "replaceTimeChunks": null});
            name(dice, &mut to, "dataSource", 3);
            to
        }
        1 => json!({"type": "taskReport"}),
        2 => json!({"type": "durableStorage"}),
        3 => {
            let provider = match dice.below(3) {
                0 => json!({"type": "local", "exportPath": dice.one(PATHS)}),
                1 => json!({"type": "s3", "bucket": dice.one(BUCKETS), "prefix": "out"}),
                _ => json!({"type": "google", "bucket": dice.one(BUCKETS), "prefix": "out"}),
            };
            json!({"type": "export", "exportStorageProvider": provider, "resultFormat": "csv"})
        }
        4 => json!({"type": "shapes", "dataSource": dice.datasource()}),
        _ => Value::Null,
    };
    let query = if dice.in_hundred(2) {
        Value::Null
    } else {
        query(dice, 0)
    };
    json!({"type": "query_controller", "spec": {
        "query": query,
        "destination": destination,
        "columnMappings": [{"queryColumn": "page", "outputColumn": "page"}],
        "assignmentStrategy": "MAX",
        "tuningConfig": {"maxNumWorkers": 1, "maxRowsInMemory": 1000, "rowsPerSegment": 1000}
    }})
}

fn query(dice: &mut Dice, depth: usize) -> Value {
    let inner = data_source(dice, depth + 1);
    let intervals = json!({"type": "intervals", "intervals": ["2020/2021"]});
    match dice.weighted(&[50, 25, 8, 8, 6, 2]) {
        0 => json!({"queryType": "scan", "dataSource": inner, "intervals": intervals,
            "columns": ["page"], "resultFormat": "compactedList"}),
        1 => json!({"queryType": "groupBy", "dataSource": inner, "intervals": intervals,
            "granularity": {"type": "all"}, "dimensions": ["page"], "aggregations": [], "filter": null}),
        2 => {
            json!({"queryType": "topN", "dataSource": inner, "intervals": intervals, "granularity": "all",
            "dimension": "page", "metric": "rows", "threshold": 5,
            "aggregations": [{"type": "count", "name": "rows"}]})
        }
        3 => json!({"queryType": "timeseries", "dataSource": inner, "intervals": intervals,
            "granularity": "day", "aggregations": [{"type": "count", "name": "rows"}]}),
        4 => json!({"queryType": "windowOperator", "dataSource": inner, "intervals": intervals,
            "operators": [], "outputSignature": []}),
        _ => json!({"queryType": "shapes", "dataSource": inner, "intervals": intervals}),
    }
}

fn data_source(dice: &mut Dice, depth: usize) -> Value {
    if depth >= 6 {
        return table(dice);
    }
    match dice.weighted(&[34, 8, 12, 12, 5, 6, 6, 6, 9, 2]) {
        0 => table(dice),
        1 => {
            let count = 1 + dice.below(3);
            let members: Vec<Value> = (0..count).map(|_| table(dice)).collect();
            json!({"type": "union", "dataSources": members})
        }
        2 => {
            let left = data_source(dice, depth + 1);
            let right = data_source(dice, depth + 1);
            json!({"type": "join", "left": left, "right": right, "rightPrefix": "j.",
                "condition": "page == \"j.page\"", "joinType": "INNER", "leftFilter": null})
        }
        3 => json!({"type": "query", "query": query(dice, depth + 1)}),
        4 => json!({"type": "lookup", "lookup": dice.datasource()}),
        5 => {
            json!({"type": "inline", "columnNames": ["page"], "columnTypes": ["STRING"], "rows": [["x"]]})
        }
        6 => {
            let base = data_source(dice, depth + 1);
            json!({"type": "unnest", "base": base, "unnestFilter": null,
                "virtualColumn": {"type": "expression", "name": "u", "expression": "tags", "outputType": null}})
        }
        7 => {
            let base = data_source(dice, depth + 1);
            json!({"type": "filter", "base": base, "filter": {"type": "true"}})
        }
        8 => {
            let input = source(dice, depth);
            json!({"type": "external", "inputSource": input, "inputFormat": {"type": "json"},
                "signature": [{"name": "page", "type": "STRING"}]})
        }
        // Taken for a table by Druid
        _ => json!({"type": "shapes", "name": dice.datasource()}),
    }
}

fn table(dice: &mut Dice) -> Value {
    let name = dice.datasource();
    match dice.weighted(&[30, 60, 10]) {
        0 => json!(name),
        1 => json!({"type": "table", "name": name}),
        _ => json!({"name": name}),
    }
}

// ---------------------------------------------------------------------------------------------
// Input sources and firehoses

fn source(dice: &mut Dice, depth: usize) -> Value {
    let deeper = if depth < 5 { 14 } else { 0 };
    match dice.weighted(&[8, 18, deeper, 50, 8, 2]) {
        0 => json!({"type": "inline", "data": "{\"ts\": 1}"}),
        1 => druid(dice, "druid"),
        2 => {
            let count = 1 + dice.below(3);
            let delegates: Vec<Value> = (0..count).map(|_| source(dice, depth + 1)).collect();
            json!({"type": "combining", "delegates": delegates})
        }
        3 => {
            let id = dice.one(&SOURCES[..9]);
            outside(dice, id)
        }
        4 => {
            let id = dice.one(&SOURCES[9..]);
            outside(dice, id)
        }
        _ => json!({"type": "shapes", "uris": [uri(dice)]}),
    }
}

fn druid(dice: &mut Dice, id: &str) -> Value {
    let mut input = json!({"type": id, "filter": null});
    name(dice, &mut input, "dataSource", 2);
    if dice.in_hundred(75) {
        put(&mut input, "interval", json!("2020/2021"));
        if dice.in_hundred(20) {
            put(&mut input, "segments", Value::Null);
        }
    } else {
        let own = input
            .get("dataSource")
            .and_then(Value::as_str)
            .unwrap_or("x");
        let of = if dice.in_hundred(10) {
            dice.datasource().to_owned()
        } else {
            own.to_owned()
        };
        put(
            &mut input,
            "segments",
            json!([{"segmentId": format!("{of}_2020-01-01T00:00:00.000Z_2020-01-02T00:00:00.000Z_v"),
            "intervals": ["2020-01-01/2020-01-02"]}]),
        );
    }
    input
}

fn firehose(dice: &mut Dice, depth: usize) -> Value {
    let deeper = if depth < 5 { 20 } else { 0 };
    match dice.weighted(&[40, 8, deeper, 30, 4]) {
        0 => druid(dice, "ingestSegment"),
        1 => json!({"type": "inline", "data": "{\"ts\": 1}"}),
        2 => {
            let count = 1 + dice.below(3);
            let delegates: Vec<Value> = (0..count).map(|_| firehose(dice, depth + 1)).collect();
            json!({"type": "combining", "delegates": delegates})
        }
        3 => {
            let id = dice.one(&["local", "http", "hdfs", "sql"]);
            outside(dice, id)
        }
        _ => json!({"type": dice.one(&["receiver", "shapes"]), "serviceName": "x"}),
    }
}

fn uri(dice: &mut Dice) -> String {
    let scheme = dice.one(&["http", "https", "https"]);
    let port = dice.one(&["", "", ":8443"]);
    let mut path = dice.one(PATHS).to_owned();
    if dice.in_hundred(5) {
        path = "/data/wiki/%2e%2e/private/a.json".to_owned();
    }
    let end = if dice.in_hundred(8) { "?v=1" } else { "" };
    format!("{scheme}://{}{port}{path}{end}", dice.one(HOSTS))
}

fn hdfs_path(dice: &mut Dice) -> String {
    let start = dice.one(&["", "hdfs://data.example.com:8020", "hdfs://internal"]);
    format!("{start}{}", dice.one(PATHS))
}

/// An input source that reads outside; sometimes it does not say what.
fn outside(dice: &mut Dice, id: &str) -> Value {
    let mut input = json!({"type": id});
    let empty = dice.in_hundred(4);
    match id {
        "http" => {
            let count = 1 + dice.below(3);
            let uris: Vec<String> = (0..count).map(|_| uri(dice)).collect();
            put(&mut input, "uris", json!(if empty { vec![] } else { uris }));
            if dice.in_hundred(10) {
                put(&mut input, "httpAuthenticationUsername", Value::Null);
            }
        }
        "s3" | "google" | "oss" | "azure" | "azureStorage" => {
            if !empty {
                objects(dice, id, &mut input);
            }
            if id == "s3" && dice.in_hundred(20) {
                put(
                    &mut input,
                    "properties",
                    json!({"accessKeyId": null, "secretAccessKey": null}),
                );
                let host = dice.one(HOSTS);
                let url = dice.one(&["", "https://"]).to_owned() + host + dice.one(&["", ":9000"]);
                match dice.below(3) {
                    0 => put(
                        &mut input,
                        "endpointConfig",
                        json!({"url": url, "signingRegion": null}),
                    ),
                    1 => put(
                        &mut input,
                        "proxyConfig",
                        json!({"host": host, "port": 3128}),
                    ),
                    _ => put(&mut input, "endpointConfig", Value::Null),
                }
            }
        }
        "hdfs" => {
            let count = 1 + dice.below(3);
            let paths: Vec<String> = (0..count).map(|_| hdfs_path(dice)).collect();
            match dice.below(3) {
                _ if empty => put(&mut input, "paths", json!([])),
                0 => put(&mut input, "paths", json!(paths[0])),
                1 => put(&mut input, "paths", json!(paths.join(","))),
                _ => put(&mut input, "paths", json!(paths)),
            }
        }
        "local" => {
            if dice.in_hundred(50) {
                put(&mut input, "baseDir", json!(dice.one(PATHS)));
                put(&mut input, "filter", json!("*.json"));
                if dice.in_hundred(20) {
                    put(&mut input, "files", Value::Null);
                }
            } else if !empty {
                put(&mut input, "files", json!(dice.some(PATHS, 3)));
            }
        }
        "sql" => {
            let kind = dice.one(&["mysql", "postgresql"]);
            let port = dice.one(&["", ":3306"]);
            let end = dice.one(&["", "", "?useSSL=true", "?ssl=true&sslmode=require"]);
            let address = format!("jdbc:{kind}://{}{port}/db{end}", dice.one(HOSTS));
            let mut config =
                json!({"user": "u", "password": {"type": "environment", "variable": "P"}});
            if !empty {
                put(&mut config, "connectURI", json!(address));
            }
            put(&mut input, "sqls", json!(["SELECT * FROM t"]));
            put(
                &mut input,
                "database",
                json!({"type": kind, "connectorConfig": config}),
            );
        }
        "generator" => put(&mut input, "schemaName", json!("basic")),
        "delta" => put(&mut input, "tablePath", json!("/data/wiki")),
        "iceberg" => {
            put(&mut input, "tableName", json!("t"));
            put(&mut input, "namespace", json!("n"));
            put(
                &mut input,
                "icebergCatalog",
                json!({"type": "local", "warehousePath": "/data"}),
            );
            put(&mut input, "warehouseSource", json!({"type": "local"}));
        }
        _ => {}
    }
    if dice.in_hundred(10) {
        put(&mut input, "systemFields", Value::Null);
    }
    input
}

fn objects(dice: &mut Dice, id: &str, input: &mut Value) {
    let scheme = match id {
        "google" => "gs",
        other => other,
    };
    let form = dice.one(&["uris", "prefixes", "objects"]);
    let count = 1 + dice.below(3);
    let mut places = Vec::new();
    for _ in 0..count {
        let bucket = dice.one(BUCKETS);
        let key = if form == "prefixes" && dice.in_hundred(8) {
            ""
        } else if dice.in_hundred(3) {
            "raw/%2e%2e/private/a.json"
        } else {
            dice.one(KEYS)
        };
        // In an account, the container is the first segment.
        let (bucket, key) = match id {
            "azureStorage" => ("account", format!("{bucket}/{key}")),
            _ => (bucket, key.to_owned()),
        };
        places.push(match form {
            "objects" => json!({"bucket": bucket, "path": key}),
            _ => json!(format!("{scheme}://{bucket}/{key}")),
        });
    }
    put(input, form, json!(places));
    for other in ["uris", "prefixes", "objects"] {
        if other != form && dice.in_hundred(15) {
            put(input, other, Value::Null);
        }
    }
    if form != "uris" && dice.in_hundred(10) {
        put(input, "objectGlob", json!("**.json"));
    }
}

// ---------------------------------------------------------------------------------------------
// Supervisors

fn supervisor(dice: &mut Dice) -> Value {
    let mut body = match dice.weighted(&[35, 15, 6, 12, 16, 6, 7, 3]) {
        0 => stream(dice, "kafka"),
        1 => stream(dice, "kinesis"),
        2 => stream(dice, "rabbit"),
        3 => {
            let mut inner = json!({"skipOffsetFromLatest": "P1D", "tuningConfig": null});
            name(dice, &mut inner, "dataSource", 4);
            json!({"type": "autocompact", "spec": inner})
        }
        4 => scheduled(dice),
        5 => {
            let mut body = json!({"type": "derivativeDataSource", "dimensionsSpec": {"dimensions": ["page"]},
                "metricsSpec": []});
            name(dice, &mut body, "dataSource", 5);
            name(dice, &mut body, "baseDataSource", 2);
            body
        }
        6 => {
            let mut body = json!({"type": "NoopSupervisorSpec", "id": dice.datasource()});
            match dice.below(8) {
                0 => {}
                1 => put(&mut body, "dataSources", Value::Null),
                2 => put(&mut body, "dataSources", json!([])),
                _ => put(&mut body, "dataSources", json!(dice.some(DATASOURCES, 3))),
            }
            body
        }
        _ => {
            let id = dice.one(&["pulsar", "Kafka", "index", "compact"]);
            json!({"type": id, "spec": {"dataSchema": {"dataSource": dice.datasource()}},
                "dataSource": dice.datasource()})
        }
    };
    match dice.below(6) {
        0 => put(&mut body, "suspended", json!(true)),
        1 => put(&mut body, "suspended", Value::Null),
        2 if ["kafka", "kinesis", "rabbit"].contains(&body["type"].as_str().unwrap_or("")) => {
            put(&mut body, "id", json!("my_stream"));
        }
        _ => {}
    }
    body
}

fn stream(dice: &mut Dice, kind: &str) -> Value {
    let mut body = json!({"type": kind});
    let form = dice.weighted(&[60, 15, 10, 15]);
    // All under `spec`, all at the top, the same beside a null, or both
    if form != 1 && form != 2 {
        let io = stream_io(dice, kind);
        let schema = data_schema(dice, false);
        put(
            &mut body,
            "spec",
            json!({"dataSchema": schema, "ioConfig": io}),
        );
    }
    if form != 0 {
        let io = stream_io(dice, kind);
        let schema = data_schema(dice, false);
        put(&mut body, "dataSchema", schema);
        put(&mut body, "ioConfig", io);
        put(&mut body, "tuningConfig", Value::Null);
    }
    if form == 2 {
        put(&mut body, "spec", Value::Null);
    }
    body
}

fn stream_io(dice: &mut Dice, kind: &str) -> Value {
    match kind {
        "kafka" => {
            let mut properties = Map::new();
            if !dice.in_hundred(4) {
                let servers: Vec<String> = dice
                    .some(HOSTS, 3)
                    .iter()
                    .map(|host| format!("{host}:9092"))
                    .collect();
                let comma = dice.one(&[",", ", "]);
                properties.insert("bootstrap.servers".to_owned(), json!(servers.join(comma)));
            }
            if dice.in_hundred(10) {
                let provider = match dice.below(4) {
                    0 => {
                        json!({"type": "mapString", "config": {"bootstrap.servers": "elsewhere:9092"}})
                    }
                    1 => json!({"type": "mapString", "config": {"security.protocol": "SSL"}}),
                    _ => json!({"type": "environment", "variables": {"sasl.jaas.config": "JAAS"}}),
                };
                properties.insert("druid.dynamic.config.provider".to_owned(), provider);
            }
            json!({"topic": "t", "inputFormat": {"type": "json"}, "consumerProperties": properties})
        }
        "kinesis" => {
            let mut io = json!({"stream": "s", "inputFormat": {"type": "json"}});
            match dice.below(5) {
                0 => {}
                1 => put(&mut io, "endpoint", Value::Null),
                2 => put(
                    &mut io,
                    "endpoint",
                    json!(format!("https://{}:443", dice.one(HOSTS))),
                ),
                _ => put(&mut io, "endpoint", json!(dice.one(HOSTS))),
            }
            io
        }
        _ => {
            json!({"stream": "s", "uri": "rabbitmq-stream://internal:5552", "inputFormat": {"type": "json"}})
        }
    }
}

fn scheduled(dice: &mut Dice) -> Value {
    let (target, from, join) = (dice.datasource(), dice.datasource(), dice.datasource());
    let name = |dice: &mut Dice, name: &str| {
        // An unquoted word would be a keyword elsewhere, so some are always quoted.
        if name == "none" || dice.in_hundred(60) {
            format!("\"{name}\"")
        } else {
            name.to_owned()
        }
    };
    let (into, source, other) = (name(dice, target), name(dice, from), name(dice, join));
    let start = if dice.in_hundred(50) {
        format!("INSERT INTO {into}")
    } else {
        format!("REPLACE INTO {into} OVERWRITE ALL")
    };
    let text = match dice.weighted(&[45, 40, 15]) {
        0 => format!("{start} SELECT __time, page FROM {source} PARTITIONED BY DAY"),
        1 => format!(
            "{start} SELECT a.__time, a.page FROM {source} AS a {}JOIN {other} AS b ON a.page = b.page\nPARTITIONED BY ALL",
            dice.one(&["", "LEFT ", "INNER "])
        ),
        // No statement that anybody could read
        _ => dice
            .one(&[
                "",
                "not a statement",
                "INSERT INTO",
                "REPLACE INTO \"wiki\" OVERWRITE ALL SELECT",
                "INSERT INTO \"wiki\" SELECT \"page FROM ads",
            ])
            .to_owned(),
    };
    let mut body = json!({"type": "scheduled_batch", "spec": {"query": text, "context": null},
        "schedulerConfig": {"type": "unix", "schedule": "@daily"}});
    match dice.below(5) {
        0 => {}
        1 => put(&mut body, "dataSource", Value::Null),
        2 => {
            let typed = dice.datasource();
            put(&mut body, "dataSource", json!(typed));
        }
        _ => put(&mut body, "dataSource", json!(target)),
    }
    body
}

// ---------------------------------------------------------------------------------------------
// Grants

fn grant(dice: &mut Dice) -> Grant {
    let actions = match dice.below(6) {
        0 => vec!["read", "submit", "shutdown", "manage", "admin"],
        1 | 2 => vec!["read", "submit"],
        3 => vec!["admin"],
        _ => ["read", "submit", "shutdown", "manage", "admin"]
            .into_iter()
            .filter(|_| dice.in_hundred(40))
            .collect(),
    };
    let patterns = [
        "*",
        "wiki",
        "wiki*",
        "wiki_*",
        "*wiki*",
        "W*",
        "w*i*a",
        "metrics",
        "ads",
        "*s",
        "none",
        "__query_*",
    ];
    let datasources = match dice.below(10) {
        0..4 => vec!["*"],
        4 => vec!["*", dice.datasource()],
        _ => dice.some(&patterns[1..], 4),
    };
    let task_types = match dice.below(10) {
        0..5 => None,
        5..7 => Some(TYPES.to_vec()),
        7 => Some(dice.some(
            &[
                "move",
                "index_hadoop",
                "query_controller",
                "scheduled_batch",
            ],
            4,
        )),
        8 => Some(dice.some(TYPES, 8)),
        _ => Some(dice.some(TYPES, 2)),
    };
    let inputs = match dice.below(4) {
        0 => Vec::new(),
        // Everything that there is
        1 => SOURCES
            .iter()
            .chain(&[
                "kafka",
                "kinesis",
                "rabbit",
                "static",
                "granularity",
                "granular_unprocessed",
            ])
            .map(|id| rule(dice, id, 15))
            .collect(),
        _ => (0..1 + dice.below(6))
            .map(|_| {
                let id = dice.one(&[
                    "http",
                    "s3",
                    "google",
                    "azureStorage",
                    "hdfs",
                    "local",
                    "sql",
                    "kafka",
                    "kafka",
                    "kinesis",
                    "static",
                    "generator",
                    "shapes",
                ]);
                rule(dice, id, 60)
            })
            .collect(),
    };
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Grant {
        actions,
        datasources: owned(datasources),
        task_types: task_types.map(owned),
        inputs,
    }
}

/// A rule for one type, with lists that suit it, or that do not.
fn rule(dice: &mut Dice, id: &str, strict: usize) -> InputRule {
    let hosts = [
        "*",
        "*.example.com",
        "*example.com",
        "data.example.com",
        "*.example.*",
        "internal",
        "10.*",
    ];
    let buckets = [
        "*",
        "lake",
        "lake*",
        "lake-*",
        "account/*",
        "account/lake",
        "account/lake*",
    ];
    let prefixes = [
        "/",
        "/data",
        "/data/",
        "/data/wiki",
        "raw/",
        "raw",
        "raw/wiki",
        "private/",
        "/private",
    ];
    let suits = |names: &[&str]| names.contains(&id);
    let has_hosts = suits(&["http", "hdfs", "sql", "kafka", "kinesis"]);
    let has_buckets = suits(&["s3", "google", "oss", "azure", "azureStorage"]);
    let has_paths = has_buckets || suits(&["http", "hdfs", "local"]);
    let mut list = |of: &[&str], suits: bool| {
        let given = dice.in_hundred(if suits { strict } else { 2 });
        given.then(|| match dice.below(12) {
            0 => Vec::new(),
            _ => dice.some(of, 4).into_iter().map(str::to_owned).collect(),
        })
    };
    InputRule {
        kind: id.to_owned(),
        hosts: list(&hosts, has_hosts),
        buckets: list(&buckets, has_buckets),
        prefixes: list(&prefixes, has_paths),
    }
}

// ---------------------------------------------------------------------------------------------
// Small things

fn put(value: &mut Value, key: &str, part: Value) {
    if let Value::Object(map) = value {
        map.insert(key.to_owned(), part);
    }
}

/// A datasource under this key; missing or null in so many of a hundred cases.
fn name(dice: &mut Dice, value: &mut Value, key: &str, missing: usize) {
    if !dice.in_hundred(missing) {
        let name = dice.datasource();
        put(value, key, json!(name));
    } else if dice.in_hundred(50) {
        put(value, key, Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::super::word::{may_submit, touch, type_id};
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_same_seed_gives_the_same() {
        for seed in 0..1_000 {
            assert_eq!(spec(seed), spec(seed));
            assert_eq!(grants(seed), grants(seed));
        }
    }

    /// Types, and how many of them are opaque, allowed, refused.
    #[test]
    fn everything_is_there_and_both_answers() {
        let mut seen: BTreeMap<String, [usize; 4]> = BTreeMap::new();
        for seed in 0..200_000 {
            let (kind, body) = spec(seed);
            let effects = touch(kind, &body);
            let allowed = may_submit(&grants(seed), kind, type_id(&body), &effects, &[]);
            let row = seen
                .entry(format!("{kind:?} {}", type_id(&body)))
                .or_default();
            row[0] += 1;
            row[1] += usize::from(effects.opaque);
            row[2] += usize::from(allowed);
            row[3] += usize::from(!effects.reads.is_empty() || !effects.inputs.is_empty());
        }
        for id in TYPES {
            let found = seen
                .iter()
                .find(|(key, _)| key.ends_with(&format!(" {id}")));
            let Some((key, [all, _, allowed, _])) = found else {
                panic!("no {id}");
            };
            assert!(*allowed > 0 && allowed < all, "{key}: {seen:#?}");
        }
    }
}
