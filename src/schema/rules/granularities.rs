//! Lengths of time: granularities and how they fit together.

use super::{Breach, Breaches, Object, REFUSES, Rule, get, primitive, text};
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
    let is = |name: &&str| name.eq_ignore_ascii_case(&text);
    COARSENESS.iter().position(|names| names.iter().any(is))
}

/// Do both ends of an interval lie where segments begin? `None`: nobody can tell without a calendar.
fn is_aligned(interval: &str, segments: &str) -> Option<bool> {
    let mut aligned = true;
    for end in interval.split('/') {
        if end.contains(['P', 'p']) {
            continue;
        }
        let end = end.strip_suffix('Z').unwrap_or(end);
        if end.contains(['+', 'W']) {
            return None;
        }
        let (date, time) = end.split_once('T').unwrap_or((end, ""));
        if time.contains('-') {
            return None;
        }
        let zero = |part: &str| part.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
        let at_midnight = zero(time);
        let at_hour = time.get(2..).is_none_or(zero);
        let mut parts = date.splitn(3, '-').skip(1);
        let (month, day) = (parts.next().unwrap_or("01"), parts.next().unwrap_or("01"));
        aligned &= match segments {
            "hour" | "pt1h" => at_hour,
            "day" | "p1d" => at_midnight,
            "month" | "p1m" => at_midnight && day == "01",
            "year" | "p1y" => at_midnight && day == "01" && month == "01",
            _ => return None,
        };
    }
    Some(aligned)
}

fn unaligned<'d>(object: Object<'_, 'd>, segments: Node<'d>, breaches: &mut Breaches<'_, 'd>) {
    let period = match segments.kind() {
        // Another zone or origin begins elsewhere.
        Kind::Object
            if get(segments, "timeZone")
                .or(get(segments, "origin"))
                .is_none() =>
        {
            get(segments, "period")
        }
        Kind::String => Some(segments),
        _ => None,
    };
    let Some(granularity) = period.and_then(Node::as_str) else {
        return;
    };
    let granularity = granularity.to_ascii_lowercase();
    for interval in object.get("intervals").into_iter().flat_map(Node::elements) {
        if interval
            .as_str()
            .and_then(|text| is_aligned(&text, &granularity))
            == Some(false)
        {
            let message =
                "The interval does not begin and end where segments of this granularity do";
            let effect = "Druid widens it to whole segments, and replaces all that is in them";
            breaches.push(Breach::new(
                Code::UnalignedInterval,
                interval,
                message,
                effect,
            ));
        }
    }
}

fn granularities<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
    let Some(segments) = object.get("segmentGranularity") else {
        return;
    };
    unaligned(object, segments, breaches);
    let Some(queries) = object.get("queryGranularity") else {
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
fn granularity<'d>(object: Object<'_, 'd>, breaches: &mut Breaches<'_, 'd>) {
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

#[cfg(test)]
mod tests {
    use super::is_aligned;

    #[test]
    fn intervals_and_segments() {
        for (interval, granularity, aligned) in [
            ("2020-01-01/2020-02-01", "day", Some(true)),
            ("2020-01-01T00:00:00.000Z/P1D", "day", Some(true)),
            ("2020/2021", "year", Some(true)),
            ("2020-02-01/2020-03-01", "month", Some(true)),
            ("2020-01-01T12:00/2020-01-02", "hour", Some(true)),
            ("2020-01-01T12:00/2020-01-02", "day", Some(false)),
            ("2020-01-15/2020-02-01", "month", Some(false)),
            ("2020-01-01T12:30/P1D", "hour", Some(false)),
            ("2020-01-01T00:00+01:00/P1D", "day", None),
            ("2020-01-01/2020-01-08", "week", None),
            ("2020-01-01T10:00-08:00/P1D", "hour", None),
        ] {
            assert_eq!(
                is_aligned(interval, granularity),
                aligned,
                "{interval} {granularity}"
            );
        }
    }
}
