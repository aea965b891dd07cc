//! Whom a stored spec belongs to: a tolerant reading of what Druid prints.
//!
//! Druid's own answers can hold duplicate keys (every `NoopSupervisorSpec` is printed with two
//! `type`s; run on 28.0.0), so the strict reader is not for them.

use crate::druid::{DataSource, Owner};

/// The datasources that a stored supervisor spec names.
pub fn stored_owner(body: &[u8]) -> Owner {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(spec) => owner_in(&spec),
        Err(_) => Owner::Unnamed,
    }
}

/// The same for a spec that is part of a longer answer. All places where any kind of supervisor
/// keeps its datasource count: a spec that names two belongs to both.
pub fn owner_in(spec: &serde_json::Value) -> Owner {
    let single = [
        "/spec/dataSchema/dataSource",
        "/dataSchema/dataSource",
        "/spec/dataSource",
        "/dataSource",
        "/baseDataSource",
    ];
    let mut names: Vec<&serde_json::Value> = single
        .iter()
        .filter_map(|pointer| spec.pointer(pointer))
        .filter(|name| !name.is_null())
        .collect();
    if let Some(list) = spec
        .get("dataSources")
        .and_then(serde_json::Value::as_array)
    {
        names.extend(list);
    }
    let mut datasources = Vec::new();
    for name in names {
        match name
            .as_str()
            .and_then(|name| name.parse::<DataSource>().ok())
        {
            Some(datasource) if !datasources.contains(&datasource) => datasources.push(datasource),
            Some(_) => {}
            None => return Owner::Unnamed,
        }
    }
    if datasources.is_empty() {
        Owner::Unnamed
    } else {
        Owner::DataSources(datasources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_belongs_to_every_datasource_it_names() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            (
                r#"{"type":"kafka","spec":{"dataSchema":{"dataSource":"a"}}}"#,
                Some(&["a"]),
            ),
            (
                r#"{"type":"kafka","dataSchema":{"dataSource":"a"},"spec":null}"#,
                Some(&["a"]),
            ),
            (
                r#"{"spec":{"dataSchema":{"dataSource":"a"}},"dataSchema":{"dataSource":"b"}}"#,
                Some(&["a", "b"]),
            ),
            (
                r#"{"type":"autocompact","spec":{"dataSource":"a"}}"#,
                Some(&["a"]),
            ),
            (
                r#"{"type":"NoopSupervisorSpec","type":"noop","dataSources":["a","b"]}"#,
                Some(&["a", "b"]),
            ),
            (r#"{"type":"NoopSupervisorSpec","type":"noop"}"#, None),
            (r#"{"dataSource":"a/b"}"#, None),
            (r#"{"dataSource":5}"#, None),
            ("not json", None),
        ];
        for (body, expected) in cases {
            let expected = expected.map_or(Owner::Unnamed, |names| {
                Owner::DataSources(
                    names
                        .iter()
                        .map(|name| name.parse().expect("a name"))
                        .collect(),
                )
            });
            assert_eq!(stored_owner(body.as_bytes()), expected, "{body}");
        }
    }
}
