//! A task's payload as `GET /task/{id}` prints it: Druid's order of the members, its additions to
//! the context, and the spec as it was sent (Druid would add every default).

use super::value::{Json, Kind, quote};

/// What the Overlord adds to a context that does not say otherwise (recorded).
const CONTEXT: [&str; 2] = ["forceTimeChunkLock", "useLineageBasedSegmentAllocation"];

/// The payload of a task with that id and group.
pub(super) fn print(type_id: &str, id: &str, group: &str, datasource: &str, spec: &Json) -> String {
    let id_and_group = format!(
        "{{\"type\":{},\"id\":{},\"groupId\":{}",
        quote(type_id),
        quote(id),
        quote(group)
    );
    let datasource = format!(",\"dataSource\":{}", quote(datasource));
    let resource = spec.present("resource").map_or_else(
        || {
            format!(
                ",\"resource\":{{\"availabilityGroup\":{},\"requiredCapacity\":1}}",
                quote(id)
            )
        },
        |resource| format!(",\"resource\":{}", resource.print()),
    );
    let context = format!(",\"context\":{}", context(spec).print());
    let member = |key: &str, default: &str| {
        let value = spec
            .present(key)
            .map_or_else(|| default.to_owned(), Json::print);
        format!(",{}:{value}", quote(key))
    };
    match type_id {
        "noop" => format!(
            "{id_and_group}{datasource}{}{context}{resource}}}",
            member("runTime", "2500")
        ),
        "kill" | "move" | "archive" | "restore" | "compact" => {
            format!(
                "{id_and_group}{datasource}{}{context}{resource}}}",
                rest(spec)
            )
        }
        _ => format!(
            "{id_and_group}{resource}{}{context}{datasource}}}",
            rest(spec)
        ),
    }
}

/// The members that have no place of their own, each once with its last value.
fn rest(spec: &Json) -> String {
    const PLACED: [&str; 6] = ["type", "id", "groupId", "dataSource", "context", "resource"];
    let Kind::Object(members) = &spec.kind else {
        return String::new();
    };
    let mut out = String::new();
    let mut seen = std::collections::HashSet::new();
    for (key, _) in members {
        if !PLACED.contains(&key.as_str())
            && seen.insert(key)
            && let Some(value) = spec.get(key)
        {
            out.push(',');
            out.push_str(&quote(key));
            out.push(':');
            out.push_str(&value.print());
        }
    }
    out
}

fn context(spec: &Json) -> Json {
    let mut members = match spec.get("context").map(|context| &context.kind) {
        Some(Kind::Object(members)) => members.clone(),
        Some(_) | None => Vec::new(),
    };
    for key in CONTEXT {
        if !members.iter().any(|(name, _)| name == key) {
            members.push((key.to_owned(), Json::made(Kind::Bool(true))));
        }
    }
    Json::made(Kind::Object(members))
}
