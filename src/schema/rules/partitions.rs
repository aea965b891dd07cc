//! How segments are cut: partitionsSpec and the fields of old that stand for one.

use super::{Breach, Breaches, Object, REFUSES, Rule, get, is_blank, number};
use crate::finding::{Code, quote};
use crate::json::Node;

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["HashedPartitionsSpec"],
        check: hashed,
    },
    Rule {
        classes: &["DimensionRangePartitionsSpec"],
        check: range,
    },
    Rule {
        classes: &["SingleDimensionPartitionsSpec"],
        check: single_dimension,
    },
    Rule {
        classes: &["DynamicPartitionsSpec"],
        check: dynamic,
    },
    Rule {
        classes: &[
            "ParallelIndexTuningConfig",
            "IndexTask.IndexTuningConfig",
            "CompactionTask.CompactionTuningConfig",
        ],
        check: tuning,
    },
];

/// A count that is there: Druid takes -1 for absent (`PartitionsSpec.isEffectivelyNull`).
fn count<'d>(object: Object<'_, 'd>, name: &str) -> Option<(Node<'d>, f64)> {
    let node = object.get(name)?;
    let count = number(node)?;
    (count != -1.0).then_some((node, count))
}

fn given<'d, 'n>(
    object: Object<'_, 'd>,
    names: &[&'n str],
) -> impl Iterator<Item = (&'n str, Node<'d>, f64)> {
    names.iter().filter_map(move |name| {
        let (node, count) = count(object, name)?;
        Some((*name, node, count))
    })
}

fn at_most_one<'d>(object: Object<'_, 'd>, names: &[&str], breaches: &mut Breaches<'_, 'd>) {
    let mut given = given(object, names);
    if let (Some((first, ..)), Some((second, node, _))) = (given.next(), given.next()) {
        let message = format!("`{second}` cannot stand beside `{first}`: they say the same");
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

fn positive<'d>(object: Object<'_, 'd>, names: &[&str], breaches: &mut Breaches<'_, 'd>) {
    for (name, node, count) in given(object, names) {
        if count <= 0.0 {
            let message = format!("`{name}` must be greater than 0");
            breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        }
    }
}

fn hashed<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    const TARGETS: [&str; 3] = [
        "targetRowsPerSegment",
        "targetPartitionSize",
        "maxRowsPerSegment",
    ];
    at_most_one(object, &TARGETS, breaches);
    positive(object, &TARGETS, breaches);
    positive(object, &["numShards"], breaches);
    let target = given(object, &TARGETS).next();
    if let (Some((node, _)), Some((target, ..))) = (count(object, "numShards"), target) {
        let message =
            format!("`numShards` cannot stand beside `{target}`: one follows from the other");
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
    if object.get("partitionDimensions").is_none_or(is_blank) && object.get("type").is_some() {
        breaches.push(Breach::new(
            Code::ImplicitPartitions,
            object.node(),
            "Without `partitionDimensions` rows are hashed over all dimensions",
            "rows that could be rolled up fall into different segments",
        ));
    }
}

fn range<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    target_or_most(
        object,
        &["targetRowsPerSegment"],
        &["maxRowsPerSegment"],
        breaches,
    );
    // A compaction that is only configured is not looked at so closely.
    let is_configured = object.within(&[
        "InlineSchemaDataSourceCompactionConfig",
        "CatalogDataSourceCompactionConfig",
    ]);
    if let Some(node) = object.get("partitionDimensions")
        && is_blank(node)
        && is_configured.is_none()
    {
        let message = "`partitionDimensions` must name a dimension";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn single_dimension<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    target_or_most(
        object,
        &["targetRowsPerSegment", "targetPartitionSize"],
        &["maxRowsPerSegment", "maxPartitionSize"],
        breaches,
    );
}

/// Exactly one of a target and a maximum, each with its old names.
fn target_or_most<'d>(
    object: Object<'_, 'd>,
    targets: &[&str],
    most: &[&str],
    breaches: &mut Breaches<'_, 'd>,
) {
    at_most_one(object, targets, breaches);
    at_most_one(object, most, breaches);
    match (given(object, targets).next(), given(object, most).next()) {
        (Some((target, ..)), Some((maximum, node, _))) => {
            let message = format!("`{maximum}` cannot stand beside `{target}`: one of the two");
            breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
        }
        (None, None) => {
            let message = "`targetRowsPerSegment` or `maxRowsPerSegment` is missing";
            breaches.push(Breach::new(
                Code::MissingField,
                object.node(),
                message,
                REFUSES,
            ));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    positive(object, targets, breaches);
    positive(object, most, breaches);
}

fn dynamic<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    // Checked since 36 (`DynamicPartitionsSpec`).
    if object.release() >= 36 {
        positive(object, &["maxRowsPerSegment", "maxTotalRows"], breaches);
    }
}

fn tuning<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    at_most_one(
        object,
        &["targetPartitionSize", "maxRowsPerSegment"],
        breaches,
    );
    for pair in [["maxNumSubTasks", "maxNumConcurrentSubTasks"]] {
        if let [Some(_), Some(node)] = pair.map(|name| object.get(name)) {
            let [old, new] = pair;
            let message = format!("`{new}` cannot stand beside `{old}`, its old name");
            breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
        }
    }
    for name in [
        "maxNumSubTasks",
        "maxNumConcurrentSubTasks",
        "maxNumSegmentsToMerge",
        "totalNumMergeTasks",
    ] {
        if let Some(node) = object.get(name)
            && number(node).is_some_and(|count| count < 1.0)
        {
            let message = format!("`{name}` must be greater than 0");
            breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        }
    }
    partitions_of(object, breaches);
    if object.class() == "CompactionTask.CompactionTuningConfig"
        && let Some(node) = object.get("awaitSegmentAvailabilityTimeoutMillis")
        && number(node).is_some_and(|timeout| timeout != 0.0)
    {
        let message = "A compaction does not wait for segments";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
    // Where there is no partitionsSpec these make one (checked since 36).
    if object.release() >= 36
        && object.get("partitionsSpec").is_none()
        && !object.is_true("forceGuaranteedRollup")
    {
        positive(
            object,
            &["maxRowsPerSegment", "targetPartitionSize", "maxTotalRows"],
            breaches,
        );
    }
}

/// `forceGuaranteedRollup` and the kind of partitions belong together.
fn partitions_of<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let forced = object.is_true("forceGuaranteedRollup");
    let Some(partitions) = object.get("partitionsSpec") else {
        return;
    };
    let id = get(partitions, "type").and_then(Node::as_str);
    // What is missing or unknown is read as `hashed`.
    let is_dynamic = id.as_deref() == Some("dynamic");
    let at = get(partitions, "type").unwrap_or(partitions);
    if forced && is_dynamic {
        let message =
            "Perfect rollup needs `hashed` or `range` partitions: `dynamic` cannot guarantee it";
        breaches.push(Breach::new(Code::ConflictingFields, at, message, REFUSES));
    }
    if !forced && !is_dynamic {
        let id = id.as_deref().unwrap_or("hashed");
        let message = format!(
            "{} partitions need `forceGuaranteedRollup: true`",
            quote(id)
        );
        breaches.push(Breach::new(Code::ConflictingFields, at, message, REFUSES));
    }
    let single = matches!(id.as_deref(), Some("single_dim" | "dimension"));
    if forced && single && get(partitions, "partitionDimension").is_none() {
        let message = "Perfect rollup over one dimension needs `partitionDimension`";
        breaches.push(Breach::new(
            Code::MissingField,
            partitions,
            message,
            REFUSES,
        ));
    }
}
