//! Parsers of old, and what only Druid writes.

use super::{Breach, Breaches, Object, REFUSES, Rule, text};
use crate::finding::Code;

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["MapInputRowParser", "StringInputRowParser"],
        check: parser,
    },
    Rule {
        classes: &["StringInputRowParser", "KafkaStringHeaderFormat"],
        check: encoding,
    },
    Rule {
        classes: &[
            "DimensionRangeBucketShardSpec",
            "BuildingDimensionRangeShardSpec",
        ],
        check: shards,
    },
];

fn encoding<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if let Some(node) = object.get("encoding")
        && text(node).is_some_and(|name| !is_encoding(&name))
    {
        let message = "`encoding` is the name of a character set: `UTF-8`";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
}

/// Parts of segments, which Druid writes.
fn shards<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let bounded = object.get("start").is_some() || object.get("end").is_some();
    if bounded && object.get("dimensions").is_none() {
        let message = "`dimensions` is missing in shardSpec";
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            REFUSES,
        ));
    }
}

/// Does it look like a character set that some JVM has?
fn is_encoding(name: &str) -> bool {
    const FAMILIES: [&str; 18] = [
        "utf", "iso", "us-ascii", "ascii", "windows", "cp", "ibm", "big5", "gb", "euc", "shift",
        "sjis", "koi8", "latin", "x-", "jis", "tis", "cesu",
    ];
    let lower = name.to_ascii_lowercase();
    FAMILIES.iter().any(|family| lower.starts_with(family))
}

/// A parser of old: read when the task runs.
fn parser<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    if object.get("parseSpec").is_none() && !object.requires("parseSpec") {
        let message = "`parseSpec` is missing in parser";
        let effect = "Druid accepts the spec, and the task fails when it reads the parser";
        breaches.push(Breach::new(
            Code::MissingField,
            object.node(),
            message,
            effect,
        ));
    }
}
