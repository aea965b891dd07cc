//! A task's context: a free map of which Druid reads some keys, and casts instead of converting.

use super::{Breach, Object, Rule};
use crate::finding::{Code, quote};
use crate::json::{Kind, Node};
use crate::schema::suggest;

pub(super) const RULES: &[Rule] = &[Rule {
    classes: &[
        "ParallelIndexSupervisorTask",
        "IndexTask",
        "CompactionTask",
        "KillUnusedSegmentsTask",
        "MoveTask",
        "ArchiveTask",
        "RestoreTask",
        "NoopTask",
        "HadoopIndexTask",
        "KafkaSupervisorSpec",
        "KinesisSupervisorSpec",
    ],
    check: context,
}];

/// What a key's value is cast to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cast {
    Number,
    Boolean,
    /// Read with care, or a text.
    Nothing,
}

/// The keys that Druid reads (`Tasks`, `AbstractTask`, 24 to 36).
const KEYS: &[(&str, Cast)] = &[
    ("priority", Cast::Number),
    ("taskLockTimeout", Cast::Number),
    ("forceTimeChunkLock", Cast::Boolean),
    ("useConcurrentLocks", Cast::Boolean),
    ("useSharedLock", Cast::Boolean),
    ("storeEmptyColumns", Cast::Boolean),
    ("storeCompactionState", Cast::Boolean),
    ("useLineageBasedSegmentAllocation", Cast::Boolean),
    ("subTaskTimeoutMillis", Cast::Number),
    ("taskLockType", Cast::Nothing),
    ("lookupLoadingMode", Cast::Nothing),
    ("lookupsToLoad", Cast::Nothing),
    ("lookupTier", Cast::Nothing),
    ("bloomFilterExpectedInsertions", Cast::Nothing),
    ("backgroundThreadPriority", Cast::Nothing),
    ("tags", Cast::Nothing),
    ("checkpoints", Cast::Nothing),
    ("maxNumTasks", Cast::Nothing),
];

const CASTS: &str = "the task casts it and fails with a ClassCastException where it is read";

fn context<'d>(object: Object<'_, 'd>, breaches: &mut Vec<Breach<'d>>) {
    let Some(context) = object
        .get("context")
        .filter(|node| node.kind() == Kind::Object)
    else {
        return;
    };
    for (key, value) in context.entries() {
        let name = key.as_str().unwrap_or_default();
        match KEYS.iter().find(|(known, _)| *known == name) {
            Some((_, cast)) => cast_of(&name, *cast, value, breaches),
            None => near(key, &name, context, breaches),
        }
    }
}

fn cast_of<'d>(name: &str, cast: Cast, value: Node<'d>, breaches: &mut Vec<Breach<'d>>) {
    let Some(text) = value.as_str() else {
        return;
    };
    let (wanted, meant) = match cast {
        Cast::Nothing => return,
        Cast::Number => (
            "a number",
            text.parse::<i64>().ok().map(|number| number.to_string()),
        ),
        Cast::Boolean => {
            let lower = text.to_ascii_lowercase();
            let meant = matches!(lower.as_str(), "true" | "false").then_some(lower);
            ("true or false", meant)
        }
    };
    let message = format!("`{name}` in a context must be {wanted}, not a text");
    let breach = Breach::new(Code::ContextText, value, message, CASTS);
    breaches.push(match meant {
        Some(meant) => breach.instead(meant),
        None => breach,
    });
}

/// A key that nothing reads, and that comes near one that is read.
fn near<'d>(key: Node<'d>, name: &str, context: Node<'d>, breaches: &mut Vec<Breach<'d>>) {
    if name.len() > 60 || name.len() < 4 || name.contains('.') {
        return;
    }
    let free = KEYS.iter().map(|(known, _)| *known);
    let free = free.filter(|known| context.get(known).is_none());
    if let Some(near) = suggest::nearest(name, free).filter(|near| near.distance <= 2) {
        let message = format!(
            "{} is no context key that Druid reads; `{}` is",
            quote(name),
            near.name
        );
        let breach = Breach::new(
            Code::LikelyContextKey,
            key,
            message,
            "Druid ignores it without a word",
        );
        breaches.push(breach.instead(serde_json::Value::from(near.name).to_string()));
    }
}
