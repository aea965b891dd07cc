//! How many worker slots a submission occupies at most.

use super::kinds::STREAMS;
use crate::json::{Kind, Node};
use crate::route::SpecKind;

/// Worker slots that a submission takes at most, its sub-tasks included. `None`: they cannot be told,
/// since the type is not known here or a number is not one that Druid would read.
///
/// * A task takes `resource.requiredCapacity` for itself, 1 without.
/// * `index_parallel` and `compact` run alone unless `maxNumConcurrentSubTasks` (or its old name
///   `maxNumSubTasks`; both default to 1) is above 1, and then beside so many sub-tasks.
/// * An MSQ controller runs beside `maxNumWorkers` workers.
/// * A stream supervisor keeps `taskCount` × `replicas` tasks reading, or with an autoscaler up to
///   `taskCountMax` × `replicas`, and as many more publish what the last ones have read (Druid's
///   "Capacity planning": worker capacity = 2 × replicas × taskCount).
pub(super) fn of(root: Node<'_>, kind: SpecKind, type_id: &str) -> Option<u32> {
    let slots = at_most(root, kind, type_id);
    (slots != u32::MAX).then_some(slots)
}

fn at_most(root: Node<'_>, kind: SpecKind, type_id: &str) -> u32 {
    let of = |holder: Option<Node<'_>>, key: &str| holder.and_then(|holder| count(holder.get(key)));
    let own = || of(root.get("resource"), "requiredCapacity").map_or(1, |own| own.max(1));
    match (kind, type_id) {
        // Compaction that another engine runs: MSQ takes `maxNumTasks`, 2 without.
        (SpecKind::Task, "compact") if runner(root).is_some_and(|runner| runner != "native") => {
            let tasks = of(root.get("context"), "maxNumTasks");
            own().max(tasks.unwrap_or(2))
        }
        (SpecKind::Task, "index_parallel" | "compact") => {
            let tuning = match type_id {
                "compact" => root.get("tuningConfig"),
                _ => root.at(&["spec", "tuningConfig"]),
            };
            let names = ["maxNumConcurrentSubTasks", "maxNumSubTasks"];
            match names.iter().filter_map(|name| of(tuning, name)).max() {
                None | Some(0 | 1) => own(),
                Some(many) => own().saturating_add(many),
            }
        }
        (SpecKind::Task, "query_controller") => {
            let workers = of(root.at(&["spec", "tuningConfig"]), "maxNumWorkers");
            own().saturating_add(workers.unwrap_or(1))
        }
        (SpecKind::Supervisor, stream) if STREAMS.contains(&stream) => {
            let spec = root.get("spec").filter(|spec| !spec.is_null());
            let io = spec.unwrap_or(root).get("ioConfig");
            let scaler = io
                .and_then(|io| io.get("autoScalerConfig"))
                .filter(|scaler| is_true(scaler.get("enableTaskAutoScaler")));
            let tasks = of(io, "taskCount").unwrap_or(1);
            let most = of(scaler, "taskCountMax").unwrap_or(tasks).max(tasks);
            let reading = most.saturating_mul(of(io, "replicas").unwrap_or(1)).max(1);
            reading.saturating_mul(2)
        }
        (SpecKind::Task, _) => own(),
        // They submit tasks of their own, as many as they like.
        (SpecKind::Supervisor, _) => u32::MAX,
        (SpecKind::Sampler, _) => 1,
    }
}

/// The engine that a compaction names.
fn runner(root: Node<'_>) -> Option<String> {
    let named = root.get("compactionRunner")?.get("type")?;
    named.as_str().map(|text| text.to_string())
}

/// A count as Jackson reads it into an `int` (run on Druid 28.0.0 and 33.0.0): `5.7` is 5, `1e3` is
/// 1000, `"5"` and `" 5 "` are 5, `""` and `"null"` are nothing. What Druid would not read counts
/// as the most, lest there be a spelling that Druid reads and this does not.
fn count(node: Option<Node<'_>>) -> Option<u32> {
    let node = node?;
    match node.kind() {
        Kind::Null => None,
        Kind::Number => match node.as_i64() {
            Some(whole) => Some(clamp(whole)),
            // A cast of a float cuts the fraction and stops at the bounds.
            None => Some(node.as_f64().map_or(u32::MAX, |number| number as u32)),
        },
        Kind::String => match node.as_str()?.trim() {
            "" | "null" => None,
            text => Some(text.parse().map_or(u32::MAX, clamp)),
        },
        Kind::Boolean | Kind::Array | Kind::Object => Some(u32::MAX),
    }
}

fn clamp(whole: i64) -> u32 {
    u32::try_from(whole.max(0)).unwrap_or(u32::MAX)
}

/// A boolean as Jackson reads it (same runs): any whole number but 0 and three spellings of `true`.
fn is_true(node: Option<Node<'_>>) -> bool {
    let Some(node) = node else { return false };
    match node.kind() {
        Kind::Boolean => node.as_bool() == Some(true),
        Kind::Number => node.as_f64() != Some(0.0),
        Kind::String => matches!(
            node.as_str().as_deref().map(str::trim),
            Some("true" | "True" | "TRUE")
        ),
        Kind::Null | Kind::Array | Kind::Object => false,
    }
}
