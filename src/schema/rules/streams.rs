//! Supervisors of streams.

use std::borrow::Cow;

use super::{Breach, Breaches, Object, REFUSES, Rule, get, is_true, number, text};
use crate::finding::Code;
use crate::json::{Kind, Node};
use crate::schema::iso;

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &[
            "KafkaSupervisorTuningConfig",
            "KinesisSupervisorTuningConfig",
        ],
        check: tuning,
    },
    Rule {
        classes: &["KafkaSupervisorIOConfig"],
        check: kafka,
    },
    Rule {
        classes: &["KafkaIndexTaskIOConfig"],
        check: sequences,
    },
    Rule {
        classes: &[
            "KafkaSupervisorIngestionSpec",
            "KinesisSupervisorIngestionSpec",
        ],
        check: whole_spec,
    },
    Rule {
        classes: &["KafkaSupervisorIOConfig", "KinesisSupervisorIOConfig"],
        check: stream,
    },
    Rule {
        classes: &["LagBasedAutoScalerConfig"],
        check: auto_scaler,
    },
    Rule {
        classes: &["IdleConfig"],
        check: idle,
    },
    Rule {
        classes: &[
            "KafkaSupervisorTuningConfig",
            "KinesisSupervisorTuningConfig",
        ],
        check: offsets,
    },
];

/// Periods that Druid turns into a number of milliseconds.
const PERIODS: [&str; 6] = [
    "taskDuration",
    "startDelay",
    "period",
    "completionTimeout",
    "lateMessageRejectionPeriod",
    "earlyMessageRejectionPeriod",
];

fn kafka<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    consumer(object, breaches);
    if let (Some(_), Some(node)) = (object.get("topic"), object.get("topicPattern")) {
        let message = "`topicPattern` cannot stand beside `topic`: one of the two";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
    if let Some(node) = object.get("stopTaskCount")
        && number(node).is_some_and(|count| count < 1.0)
    {
        let message = "`stopTaskCount` must be greater than 0";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn consumer<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(properties) = object.get("consumerProperties") else {
        return;
    };
    if properties.kind() == Kind::Object && get(properties, "bootstrap.servers").is_none() {
        let message = "`bootstrap.servers` is missing in consumerProperties";
        breaches.push(Breach::new(
            Code::MissingField,
            properties,
            message,
            REFUSES,
        ));
    }
}

/// The types say so where the class could be measured.
fn whole_spec<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    for name in ["dataSchema", "ioConfig"] {
        if object.get(name).is_none() && !object.requires(name) {
            let message = format!("`{name}` is missing in spec");
            breaches.push(Breach::new(
                Code::MissingField,
                object.node(),
                message,
                REFUSES,
            ));
        }
    }
}

/// Where a task of a stream begins and ends; only Druid writes such tasks.
fn sequences<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let start = object
        .get("startSequenceNumbers")
        .or(object.get("startPartitions"));
    let end = object
        .get("endSequenceNumbers")
        .or(object.get("endPartitions"));
    let (Some(start), Some(end)) = (start, end) else {
        return;
    };
    let topic = |node| get(node, "stream").or(get(node, "topic")).and_then(text);
    let maps = ["partitionOffsetMap", "partitionSequenceNumberMap"];
    let keys = |map: Option<Node<'d>>| {
        let entries = map.into_iter().flat_map(Node::entries);
        let mut keys: Vec<_> = entries.filter_map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys
    };
    // The old name wins.
    let partitions = |node| keys(maps.iter().find_map(|name| get(node, name)));
    let numbers = |node: Node<'d>| {
        let all = maps.iter().flat_map(|name| keys(get(node, name)));
        all.into_iter().all(|key| key.parse::<i32>().is_ok())
    };
    let numbered = [
        "startSequenceNumbers",
        "startPartitions",
        "endSequenceNumbers",
        "endPartitions",
    ]
    .iter()
    .filter_map(|name| object.get(name))
    .all(numbers);
    if topic(start) != topic(end) || partitions(start) != partitions(end) || !numbered {
        let message = "Start and end must be of one topic and of the same partitions";
        breaches.push(Breach::new(Code::ConflictingFields, end, message, REFUSES));
    }
    if let Some(node) = get(start, "exclusivePartitions").filter(|node| !node.is_empty()) {
        let message = "Every start of a Kafka topic is inclusive";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn stream<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let late = object.get("lateMessageRejectionPeriod");
    if let (Some(_), Some(node)) = (late, object.get("lateMessageRejectionStartDateTime")) {
        let message =
            "`lateMessageRejectionStartDateTime` cannot stand beside `lateMessageRejectionPeriod`";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
    fixed(object, &PERIODS, breaches);
    let duration = object
        .get("taskDuration")
        .and_then(seconds)
        .unwrap_or(3_600.0);
    for name in ["earlyMessageRejectionPeriod", "lateMessageRejectionPeriod"] {
        if let Some(node) = object.get(name)
            && seconds(node).is_some_and(|period| period < duration)
        {
            let message = format!("`{name}` is shorter than the taskDuration");
            let effect =
                "Druid drops rows in silence whose time is further from the start of their task";
            breaches.push(Breach::new(Code::RejectionPeriod, node, message, effect));
        }
    }
}

fn tuning<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    const PERIODS: [&str; 4] = [
        "httpTimeout",
        "shutdownTimeout",
        "offsetFetchPeriod",
        "repartitionTransitionDuration",
    ];
    fixed(object, &PERIODS, breaches);
}

/// Periods that must be a number of milliseconds.
fn fixed<'d>(object: Object<'_, 'd>, names: &[&str], breaches: &mut Breaches<'_, 'd>) {
    for name in names {
        if let Some(node) = object.get(name)
            && node
                .as_str()
                .is_some_and(|text| iso::period(&text) && !iso::has_fixed_length(&text))
        {
            let message = format!("`{name}` must have a fixed length: no years, no months");
            breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        }
    }
}

/// How long a period of days and less is.
fn seconds(node: Node<'_>) -> Option<f64> {
    if node.kind() == Kind::Number {
        return Some(number(node)? / 1_000.0);
    }
    let text: Cow<'_, str> = node.as_str()?;
    let upper = text.to_ascii_uppercase();
    let rest = upper.strip_prefix('P')?;
    let (date, time) = rest.split_once('T').unwrap_or((rest, ""));
    let mut sum = 0.0;
    for (part, units) in [(date, "WD"), (time, "HMS")] {
        let mut left = part;
        while let Some(at) = left.find(|c: char| c.is_ascii_alphabetic()) {
            let (amount, unit) = left.split_at(at);
            let amount: f64 = amount.parse().ok()?;
            let unit_char = unit.chars().next().filter(|unit| units.contains(*unit))?;
            sum += amount
                * match unit_char {
                    'W' => 604_800.0,
                    'D' => 86_400.0,
                    'H' => 3_600.0,
                    'M' => 60.0,
                    _ => 1.0,
                };
            left = unit.get(1..)?;
        }
    }
    Some(sum)
}

fn auto_scaler<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("stopTaskCountRatio")
        && number(node).is_some_and(|ratio| ratio <= 0.0 || ratio > 1.0)
    {
        let message = "`stopTaskCountRatio` must be greater than 0 and at most 1";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
    if !object.is_true("enableTaskAutoScaler") {
        return;
    }
    let (least, most) = (object.number("taskCountMin"), object.number("taskCountMax"));
    for (name, bound) in [("taskCountMin", least), ("taskCountMax", most)] {
        if bound.is_none() {
            let message =
                format!("`{name}` is missing: an auto scaler that is enabled needs its bounds");
            breaches.push(Breach::new(
                Code::MissingField,
                object.node(),
                message,
                REFUSES,
            ));
        }
    }
    let at = object.get("taskCountMin").unwrap_or(object.node());
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        let message = "`taskCountMin` is greater than `taskCountMax`";
        breaches.push(Breach::new(Code::ConflictingFields, at, message, REFUSES));
    }
    if let (Some(start), Some(node)) = (
        object.number("taskCountStart"),
        object.get("taskCountStart"),
    ) && (least.is_some_and(|least| start < least) || most.is_some_and(|most| start > most))
    {
        let message = "`taskCountStart` is not between `taskCountMin` and `taskCountMax`";
        breaches.push(Breach::new(Code::ConflictingFields, node, message, REFUSES));
    }
}

fn idle<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("inactiveAfterMillis")
        && number(node).is_some_and(|after| after < 1.0)
    {
        let message = "`inactiveAfterMillis` must be greater than 0";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

fn offsets<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object
        .get("resetOffsetAutomatically")
        .filter(|node| is_true(*node))
    {
        breaches.push(Breach::new(
            Code::OffsetReset,
            node,
            "`resetOffsetAutomatically` goes on elsewhere when offsets are gone",
            "Druid skips or repeats rows in silence",
        ));
    }
}
