//! `[[role.grant]]`: actions, datasources, and what a spec may be and read.

use std::sync::Arc;

use super::table::{Table, nearest};
use crate::druid::DataSourcePattern;
use crate::policy::{Grant, InputRule};
use crate::route::Action;
use crate::spec::types;

/// Input sources that reach something outside of Druid: hosts, buckets, paths?
const INPUTS: [(&str, [bool; 3]); 19] = [
    ("local", [false, false, true]),
    ("http", [true, false, true]),
    ("hdfs", [true, false, true]),
    ("s3", [true, true, true]),
    ("google", [false, true, true]),
    ("azure", [false, true, true]),
    ("azureStorage", [false, true, true]),
    ("oss", [true, true, true]),
    ("sql", [true, false, false]),
    ("kafka", [true, false, false]),
    ("kinesis", [true, false, false]),
    ("rabbit", [false, false, false]),
    ("delta", [false, false, false]),
    ("iceberg", [false, false, false]),
    ("generator", [false, false, false]),
    // What formats reach: registries of schemas, descriptors by an address, jars.
    ("schema_registry", [true, false, false]),
    ("descriptor", [false, false, false]),
    ("jar", [false, false, false]),
    // Where the rows of a query are written as files.
    ("export", [false, false, false]),
];

pub(super) fn grant(table: Table<'_, '_>, actions: Option<Vec<Action>>) -> Option<Grant> {
    let datasources = table.list("datasources", str::parse::<DataSourcePattern>);
    if actions.is_none() {
        table.wrong("`actions` is missing");
    }
    if datasources.is_none() {
        table.wrong("`datasources` is missing");
    }
    let task_types = table.list("task_types", |text| {
        // One that is none of Druid's is an extension's, unless it comes near.
        match nearest(text, types()).filter(|near| near != text) {
            Some(near) if !types().any(|known| known == text) => Err(format!(
                "there is no type `{}`; did you mean `{near}`?",
                text.escape_debug()
            )),
            _ if text.is_empty() || text.contains('*') => {
                Err("this is a type's id; each stands for itself".to_owned())
            }
            _ => Ok(Arc::from(text)),
        }
    });
    let inputs = table.tables("inputs").into_iter().filter_map(input);
    let inputs = inputs.collect::<Vec<_>>();
    let submits = actions
        .as_ref()
        .is_some_and(|actions| actions.contains(&Action::Submit));
    if !submits && (task_types.is_some() || !inputs.is_empty()) {
        table.wrong("`task_types` and `inputs` say what may be submitted, and `submit` is not among the actions");
    }
    table.finish();
    Some(Grant {
        actions: actions?,
        datasources: datasources?.into(),
        task_types,
        inputs,
    })
}

fn input(table: Table<'_, '_>) -> Option<InputRule> {
    let type_id = table.required("type");
    let known = || INPUTS.iter().map(|(known, _)| *known);
    let wrong = type_id.as_deref().and_then(|type_id| match type_id {
        "inline" => Some("an `inline` source reads from nowhere; it needs no entry".to_owned()),
        "druid" => Some(
            "a `druid` source reads a datasource; it needs the action `read` on that".to_owned(),
        ),
        "combining" => Some("a `combining` source is its delegates; list those".to_owned()),
        _ if known().any(|known| known == type_id) => None,
        _ => nearest(type_id, known())
            .map(|near| format!("there is no such input source; did you mean `{near}`?")),
    });
    if let Some(wrong) = &wrong {
        table.wrong_value("type", wrong, None);
    }
    let reaches = type_id.as_deref().and_then(|type_id| {
        let found = INPUTS.iter().find(|(known, _)| *known == type_id);
        found.map(|(_, reaches)| *reaches)
    });
    let [hosts, buckets, prefixes] = [
        ("hosts", pattern as fn(&str) -> Result<String, &'static str>),
        ("buckets", pattern),
        ("prefixes", prefix),
    ]
    .map(|(key, read)| table.list(key, read));
    let lists = [
        ("hosts", hosts.is_some()),
        ("buckets", buckets.is_some()),
        ("prefixes", prefixes.is_some()),
    ];
    for ((key, is_given), reaches) in lists.into_iter().zip(reaches.unwrap_or([true; 3])) {
        if is_given && !reaches {
            let type_id = type_id.as_deref().unwrap_or_default();
            let message = format!("`{type_id}` sources have none that could be told");
            table.wrong_value(key, message, None);
        }
    }
    table.finish();
    Some(InputRule {
        type_id: type_id.filter(|_| wrong.is_none())?.into(),
        hosts: hosts.map(|hosts| hosts.iter().map(|host| host.to_ascii_lowercase()).collect()),
        buckets,
        prefixes,
    })
}

/// A host's or a bucket's name, with stars.
fn pattern(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b'*' | b':' | b'/' | b'$')
    };
    if text.is_empty() || !text.bytes().all(is_plain) || text.contains("://") {
        return Err("this is a name, in which `*` stands for any characters; no address");
    }
    Ok(text.to_owned())
}

fn prefix(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("this is empty; leave the list away to allow every path");
    }
    if text.contains('*') || text.contains("://") || text.split('/').any(|part| part == "..") {
        return Err("this is what a path begins with, up to a slash: no address, no `*`, no `..`");
    }
    Ok(text.to_owned())
}
