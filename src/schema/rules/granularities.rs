//! Lengths of time: granularities and how they fit together.

use super::{Breach, Object, REFUSES, Rule, get, primitive, text};
use crate::finding::Code;
use crate::json::{Kind, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        classes: &["UniformGranularitySpec"],
        check: granularities,
    },
    Rule {
        classes: &["DurationGranularity", "PeriodGranularity"],
        check: granularity,
    },
];

/// Granularities from fine to coarse, of those that can be told apart.
const COARSENESS: [&[&str]; 16] = [
    &["none"],
    &["second", "pt1s"],
    &["minute", "pt1m"],
    &["five_minute", "pt5m"],
    &["ten_minute", "pt10m"],
    &["fifteen_minute", "pt15m"],
    &["thirty_minute", "pt30m"],
    &["hour", "pt1h"],
    &["six_hour", "pt6h"],
    &["eight_hour", "pt8h"],
    &["day", "p1d"],
    &["week", "p1w"],
    &["month", "p1m"],
    &["quarter", "p3m"],
    &["year", "p1y"],
    &["all"],
];

pub(super) fn coarseness(node: Node<'_>) -> Option<usize> {
    let text = match node.kind() {
        Kind::String => node.as_str()?,
        Kind::Object => match get(node, "period") {
            Some(period) => period.as_str()?,
            None => get(node, "type")?.as_str()?,
        },
        Kind::Null | Kind::Boolean | Kind::Number | Kind::Array => return None,
    };
    let text = text.to_ascii_lowercase();
    COARSENESS.iter().position(|names| names.contains(&&*text))
}

fn granularities<'d>(object: Object<'_, 'd>, breaches: &mut Vec<Breach<'d>>) {
    let (Some(segments), Some(queries)) = (
        object.get("segmentGranularity"),
        object.get("queryGranularity"),
    ) else {
        return;
    };
    if let (Some(fine), Some(coarse)) = (coarseness(segments), coarseness(queries))
        && fine < coarse
    {
        breaches.push(Breach::new(
            Code::FinerSegments,
            segments,
            "`segmentGranularity` is finer than `queryGranularity`",
            "Druid accepts it, and fails when it allocates segments; a stream tries again for ever",
        ));
    }
}

/// A granularity of no length.
fn granularity<'d>(object: Object<'_, 'd>, breaches: &mut Vec<Breach<'d>>) {
    if let Some(node) = object.get("duration")
        && primitive(node) < 1.0
    {
        let message = "`duration` must be greater than 0";
        breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
    }
    if let Some(node) = object.get("period") {
        let text = text(node).unwrap_or_default();
        if !text.contains(|c: char| ('1'..='9').contains(&c)) {
            let message = "`period` must be longer than nothing";
            breaches.push(Breach::new(Code::InvalidValue, node, message, REFUSES));
        }
    }
}
