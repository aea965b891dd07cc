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

/// Its place among them.
fn place(text: &str) -> Option<usize> {
    let first = text.bytes().next()?.to_ascii_lowercase();
    let is = |name: &&str| name.as_bytes()[0] == first && name.eq_ignore_ascii_case(text);
    COARSENESS.iter().position(|names| names.iter().any(is))
}

pub(super) fn coarseness(node: Node<'_>) -> Option<usize> {
    let text = match node.kind() {
        Kind::String => node.as_str()?,
        Kind::Object => match get(node, "period") {
            Some(period) => period.as_str()?,
            None => get(node, "type")?.as_str()?,
        },
        Kind::Null | Kind::Boolean | Kind::Number | Kind::Array => return None,
    };
    place(&text)
}

/// Do both ends of an interval lie where segments begin? `None`: nobody can tell without a calendar.
fn is_aligned(interval: &str, segments: usize) -> Option<bool> {
    let segments = *COARSENESS.get(segments)?.first()?;
    let mut aligned = true;
    for end in interval.as_bytes().split(|byte| *byte == b'/') {
        if end.iter().any(|byte| matches!(byte, b'P' | b'p')) {
            continue;
        }
        let end = end.strip_suffix(b"Z").unwrap_or(end);
        if end.iter().any(|byte| matches!(byte, b'+' | b'W')) {
            return None;
        }
        let begin_of_time = end.iter().position(|byte| *byte == b'T');
        let (date, time) = end.split_at(begin_of_time.unwrap_or(end.len()));
        let time = time.get(1..).unwrap_or_default();
        if time.contains(&b'-') {
            return None;
        }
        let zero = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0' | b':' | b'.'));
        let at_midnight = zero(time);
        let at_hour = time.get(2..).is_none_or(zero);
        let mut parts = date.splitn(3, |byte| *byte == b'-').skip(1);
        let mut is_first = || parts.next().is_none_or(|part| part == b"01");
        let (in_january, on_first) = (is_first(), is_first());
        aligned &= match segments {
            "hour" => at_hour,
            "day" => at_midnight,
            "month" => at_midnight && on_first,
            "year" => at_midnight && on_first && in_january,
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
    let Some(granularity) = place(&granularity) else {
        return;
    };
    for interval in object.list("intervals") {
        if interval
            .as_str()
            .and_then(|text| is_aligned(&text, granularity))
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
    use super::{is_aligned, place};

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
                is_aligned(interval, place(granularity).expect("one of them")),
                aligned,
                "{interval} {granularity}"
            );
        }
    }
}
