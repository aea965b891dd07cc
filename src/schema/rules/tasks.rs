//! Tasks as a whole.

use super::granularities::coarseness;
use super::{
    Breach, Breaches, Instead, Object, REFUSES, Rule, get, is_blank, is_true, number, primitive,
    text,
};
use crate::finding::Code;
use crate::json::Node;
use crate::schema::iso;

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["KillUnusedSegmentsTask"],
        check: kill,
    },
    Rule {
        classes: &["ParallelIndexSupervisorTask", "IndexTask"],
        check: datasource,
    },
    Rule {
        classes: &["CompactionTask"],
        check: compact,
    },
    Rule {
        classes: &["RealtimeAppenderatorIngestionSpec"],
        check: realtime,
    },
    Rule {
        classes: &["TaskResource"],
        check: resource,
    },
    Rule {
        classes: &[
            "PartialHashSegmentGenerateTask",
            "PartialRangeSegmentGenerateTask",
            "PartialDimensionCardinalityTask",
            "PartialDimensionDistributionTask",
        ],
        check: partial,
    },
    Rule {
        classes: &["HadoopIndexTask"],
        check: hadoop,
    },
    Rule {
        classes: &[
            "KillUnusedSegmentsTask",
            "MoveTask",
            "ArchiveTask",
            "RestoreTask",
        ],
        check: interval,
    },
];

fn kill<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if object.is_true("markAsUnused")
        && object.release() < 31
        && let Some(limit) = object.get("limit").filter(|limit| number(*limit).is_some())
    {
        let message = "`limit` cannot stand beside `markAsUnused`";
        breaches.push(Breach::new(
            Code::ConflictingFields,
            limit,
            message,
            REFUSES,
        ));
    }
    for name in ["batchSize", "limit"] {
        if let Some(node) = object.get(name)
            && number(node).is_some_and(|count| count < 1.0)
        {
            let message = format!("`{name}` must be greater than 0");
            breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        }
    }
}

/// Druid prints it here too, and never reads it: who writes another one is mistaken.
fn datasource<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(node) = object.get("dataSource") else {
        return;
    };
    let read = object
        .node()
        .at(&["spec", "dataSchema", "dataSource"])
        .and_then(text);
    if read.is_none_or(|read| text(node).as_ref() != Some(&read)) {
        let message = "`dataSource` is read in the dataSchema, and not here";
        let effect = "Druid ignores it without a word";
        breaches.push(Breach::new(Code::IgnoredField, node, message, effect));
    }
}

fn interval<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(node) = object.get("interval") else {
        return;
    };
    if iso::is_empty(&node.as_str().unwrap_or_default()) {
        let message = "The interval is empty: it ends where it starts";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn compact<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    // `CompactionTask.getTuningConfig` knows three of the family.
    if let Some(id) = object
        .get("tuningConfig")
        .and_then(|tuning| get(tuning, "type"))
        && let Some(text) = id.as_str()
        && !matches!(&*text, "compaction" | "index_parallel" | "index")
    {
        let message = "A compaction takes a tuningConfig of type `compaction` or `index_parallel`";
        let breach = Breach::new(Code::MismatchedType, id, message, REFUSES);
        breaches.push(breach.instead(Instead::Text("compaction".into())));
    }
    if let Some(io) = object.get("ioConfig")
        && get(io, "inputSpec").is_none()
    {
        let message = "`inputSpec` is missing in ioConfig: what to compact";
        breaches.push(Breach::new(Code::MissingField, io, message, REFUSES));
    }
    if let (Some(segments), Some(spec)) = (
        object.get("segmentGranularity"),
        object.get("granularitySpec"),
    ) {
        let other = get(spec, "segmentGranularity");
        let differs = match other {
            None => true,
            Some(other) => match (coarseness(segments), coarseness(other)) {
                (Some(one), Some(other)) => one != other,
                _ => false,
            },
        };
        if differs {
            let message = "`segmentGranularity` must be the one of the granularitySpec, or absent";
            breaches.push(Breach::new(
                Code::ConflictingFields,
                segments,
                message,
                REFUSES,
            ));
        }
    }
    // An empty list of segments counts as none.
    if object.get("segments").is_some_and(is_blank)
        && object.get("interval").is_none()
        && object.get("ioConfig").is_none()
    {
        let message = "`ioConfig` is missing: what to compact";
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
    if let Some(node) = object
        .get("tuningConfig")
        .filter(|tuning| {
            get(*tuning, "type").and_then(Node::as_str).as_deref() != Some("compaction")
        })
        .and_then(|tuning| get(tuning, "awaitSegmentAvailabilityTimeoutMillis"))
        && number(node).is_some_and(|timeout| timeout > 0.0)
    {
        let message = "A compaction does not wait for segments";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
    let mut given = ["ioConfig", "interval", "segments"]
        .iter()
        .filter_map(|name| Some((*name, object.get(name).filter(|node| !is_blank(*node))?)));
    if let (Some((first, _)), Some((second, node))) = (given.next(), given.next()) {
        let message =
            format!("`{second}` cannot stand beside `{first}`: one of them says what to compact");
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

fn realtime<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    // Only where Druid makes the id, which it does of these.
    if object.outer().is_some_and(|task| task.get("id").is_some()) {
        return;
    }
    if object.get("tuningConfig").is_none() {
        let message = "`tuningConfig` is missing in spec";
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
}

fn resource<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("requiredCapacity")
        && primitive(node) < 1.0
    {
        let message = "`requiredCapacity` must be greater than 0";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

/// Sub-tasks, which only Druid writes.
fn partial<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(spec) = object.get("spec") else {
        return;
    };
    let forced = spec.at(&["tuningConfig", "forceGuaranteedRollup"]);
    if !forced.is_some_and(is_true) {
        let message = "`forceGuaranteedRollup: true` is missing in the tuningConfig of a sub-task";
        breaches.push(Breach::new(Code::MissingField, spec, message, REFUSES));
    }
    let intervals = spec.at(&["dataSchema", "granularitySpec", "intervals"]);
    if intervals.is_none_or(is_blank) && object.class() != "PartialDimensionCardinalityTask" {
        let message = "`intervals` is missing in the granularitySpec of a sub-task";
        breaches.push(Breach::new(Code::MissingField, spec, message, REFUSES));
    }
}

/// What a Hadoop task fills in by itself.
fn hadoop<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(spec) = object.get("spec") else {
        return;
    };
    let io = get(spec, "ioConfig");
    let own = [
        ("segmentOutputPath", io),
        ("metadataUpdateSpec", io),
        ("workingPath", get(spec, "tuningConfig")),
    ];
    for (name, holder) in own {
        if let Some(node) = holder.and_then(|holder| get(holder, name)) {
            let message = format!("`{name}` must be absent: the task sets it by itself");
            breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
        }
    }
}
