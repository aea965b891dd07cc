//! A task's context: a free map of which Druid reads some keys, and casts instead of converting.

use super::{Breach, Breaches, Instead, Object, Rule};
use crate::finding::{Code, quote};
use crate::json::{Kind, Node};
use crate::schema::near::Known;

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

fn context<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(context) = object
        .get("context")
        .filter(|node| node.kind() == Kind::Object)
    else {
        return;
    };
    let is_absent = |name: &&str| context.get(name).is_none();
    let absent = Known::new(KEYS.iter().map(|(known, _)| *known).filter(is_absent));
    for (key, value) in context.entries() {
        let name = key.as_str().unwrap_or_default();
        match KEYS.iter().find(|(known, _)| *known == name) {
            Some((_, cast)) => cast_of(&name, *cast, value, breaches),
            None => near(key, &name, &absent, breaches),
        }
    }
}

fn cast_of<'d>(name: &str, cast: Cast, value: Node<'d>, breaches: &mut Breaches<'_, 'd>) {
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
        Some(meant) => breach.instead(Instead::Json(meant.into())),
        None => breach,
    });
}

/// A key that nothing reads, and that comes near one that is read.
fn near<'d>(key: Node<'d>, name: &str, absent: &Known<'static>, breaches: &mut Breaches<'_, 'd>) {
    let is_like = (4..=60).contains(&name.len()) && !name.contains('.');
    if !is_like || !breaches.wants(Code::LikelyContextKey) {
        return;
    }
    let near = absent.nearest(name, breaches.effort);
    if let Some(near) = near.filter(|near| near.slips <= 2) {
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
        breaches.push(breach.instead(Instead::Name(near.name)));
    }
}
