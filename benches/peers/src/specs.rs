//! Specs as people submit them.

use serde_json::{Value, json};

/// A batch task that writes `datasource`, of about `length` bytes. With `slips`, every tenth
/// dimension and a few other places have a field that Druid would ignore.
pub fn batch(datasource: &str, length: usize, slips: bool) -> String {
    let mut columns = 1;
    loop {
        let spec = of_columns(datasource, columns, slips);
        if spec.len() >= length {
            return spec;
        }
        // Each column is some 150 bytes: a few steps, and never far beyond.
        columns += ((length - spec.len()) / 200).max(1);
    }
}

fn of_columns(datasource: &str, columns: usize, slips: bool) -> String {
    let types = ["string", "long", "double"];
    let dimension = |number: usize| {
        let mut dimension = json!({
            "type": types[number % types.len()],
            "name": format!("customer_attribute_{number}"),
        });
        if number.is_multiple_of(3) {
            dimension["createBitmapIndex"] = json!(true);
            dimension["multiValueHandling"] = json!("SORTED_ARRAY");
        }
        if slips && number % 10 == 3 {
            dimension["creatBitmapIndex"] = json!(true);
        }
        dimension
    };
    let metric = |number: usize| {
        json!({
            "type": "doubleSum",
            "name": format!("sum_of_attribute_{number}"),
            "fieldName": format!("raw_attribute_{number}"),
        })
    };
    let dimensions: Vec<Value> = (0..columns).map(dimension).collect();
    let metrics: Vec<Value> = (0..columns / 3).map(metric).collect();
    let mut spec = json!({
        "type": "index_parallel",
        "spec": {
            "dataSchema": {
                "dataSource": datasource,
                "timestampSpec": {"column": "updated_at", "format": "iso"},
                "dimensionsSpec": {"dimensions": dimensions},
                "metricsSpec": metrics,
                "granularitySpec": {
                    "segmentGranularity": "DAY",
                    "queryGranularity": "HOUR",
                    "rollup": false,
                    "intervals": ["2024-01-01/2024-02-01"],
                },
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "http", "uris": ["https://data.example.com/2024-01.json.gz"]},
                "inputFormat": {"type": "json"},
                "appendToExisting": false,
            },
            "tuningConfig": {
                "type": "index_parallel",
                "maxRowsInMemory": 500_000,
                "maxNumConcurrentSubTasks": 8,
                "partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": 5_000_000},
            },
        },
    });
    if slips {
        spec["spec"]["tuningConfig"]["maxRowInMemroy"] = json!(5);
        spec["spec"]["ioConfig"]["dropExistng"] = json!(true);
    }
    format!("{spec:#}")
}

/// A batch task with so many fields that Druid would ignore, and little else.
pub fn with_findings(datasource: &str, count: usize) -> String {
    let mut spec: Value =
        serde_json::from_str(&batch(datasource, 2_000, false)).unwrap_or_default();
    let dimensions: Vec<Value> = (0..10_000)
        .map(|number| {
            let name = format!("attribute_{number}");
            match number < count {
                true => json!({"type": "string", "name": name, "creatBitmapIndex": true}),
                false => json!({"type": "string", "name": name, "createBitmapIndex": true}),
            }
        })
        .collect();
    spec["spec"]["dataSchema"]["dimensionsSpec"] = json!({"dimensions": dimensions});
    spec.to_string()
}
