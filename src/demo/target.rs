//! Targets as Jetty and Jersey read them: paths, queries and intervals (recorded on Druid 28.0.0).

use jiff::civil::{Date, Time};
use jiff::{Span, Timestamp, tz::TimeZone};

/// Below this is the Overlord's API.
const PREFIX: [&str; 3] = ["druid", "indexer", "v1"];

/// A path, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Below the prefix.
    Api(Vec<Segment>),
    /// `/status` and what is below it.
    Status(String),
    /// Elsewhere in Jersey's realm, where nothing is.
    Nothing,
    /// Jetty's realm.
    Outside,
    /// Refused before anybody looks: the reason.
    Ambiguous(&'static str),
    /// Refused with a page.
    Illegal,
}

/// A segment of a path, its parameters (`;x=y`) dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// As it was sent: the API's own words are compared with this.
    pub(super) raw: String,
    /// Decoded: ids and names.
    pub(super) text: String,
}

/// Understands a raw path.
pub(super) fn place(path: &str) -> Place {
    if path.split('/').any(|segment| {
        let name = segment.split(';').next().unwrap_or_default();
        segment.contains(';') && (name == "." || name == "..")
    }) {
        return Place::Ambiguous("Ambiguous path parameters");
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Place::Ambiguous("Bad Request");
    };
    let mut segments = Vec::new();
    for segment in rest.split('/') {
        let raw = segment.split(';').next().unwrap_or_default();
        let Some(text) = decode(raw) else {
            return Place::Ambiguous("Bad Request");
        };
        segments.push(Segment {
            raw: raw.to_owned(),
            text,
        });
    }
    if rest.contains(['\\', '{', '}', '|', '^', '<', '>', '"', '`']) {
        return Place::Illegal;
    }
    // One trailing slash is taken as none, two are not.
    if segments.len() > 1
        && segments
            .last()
            .is_some_and(|segment| segment.raw.is_empty())
    {
        segments.pop();
    }
    let first = segments.first().map_or("", |segment| segment.raw.as_str());
    match first {
        "status" => Place::Status(
            segments
                .get(1)
                .map(|segment| segment.raw.clone())
                .unwrap_or_default(),
        ),
        "druid-ext" | "druid-internal" => Place::Nothing,
        "druid" => {
            if segments.len() >= 3
                && segments
                    .iter()
                    .zip(PREFIX)
                    .all(|(segment, word)| segment.raw == word)
            {
                Place::Api(segments.split_off(3))
            } else {
                Place::Nothing
            }
        }
        _ => Place::Outside,
    }
}

/// Percent-decoding of a segment: `None` for a wrong escape and for `%00`; bytes that are no UTF-8
/// become U+FFFD.
fn decode(text: &str) -> Option<String> {
    let bytes = unescape(text.as_bytes(), false)?;
    (!bytes.contains(&0)).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Without `lenient`, `None` for a wrong escape; with it, the escape stays as it is and `+` is a
/// space.
fn unescape(text: &[u8], lenient: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte == b'+' && lenient {
            bytes.push(b' ');
            continue;
        }
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |offset: usize| {
            text.get(at + offset)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            _ if lenient => bytes.push(b'%'),
            _ => return None,
        }
    }
    Some(bytes)
}

/// A query's pairs in order. `;` separates nothing, and the first of a repeated key counts.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(query: &str) -> Query {
        let text = |part: &str| {
            let bytes = unescape(part.as_bytes(), true).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (text(key), text(value))
            });
        Query(pairs.collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// A number. `None`: absent or empty; an error: Jersey's empty 404.
    pub(super) fn number<N: std::str::FromStr>(&self, key: &str) -> Result<Option<N>, NotANumber> {
        match self.get(key) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| NotANumber),
        }
    }
}

/// A parameter that Jersey could not convert.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotANumber;

/// An interval of time as Joda reads it: `2000/2001`, `2000-01-01/P1Y`, `P1D/2000-01-02T03:04`.
///
/// # Errors
/// Joda's message.
pub(super) fn interval(text: &str) -> Result<(Timestamp, Timestamp), String> {
    let Some((first, second)) = text.split_once('/') else {
        return Err(format!("Format requires a '/' separator: {text}"));
    };
    let wrong = |part: &str| format!("Invalid format: \"{part}\"");
    let (start, end) = if first.starts_with('P') {
        let end = instant(second).ok_or_else(|| wrong(second))?;
        (shift(end, first, -1).ok_or_else(|| wrong(first))?, end)
    } else {
        let start = instant(first).ok_or_else(|| wrong(first))?;
        let end = if second.starts_with('P') {
            shift(start, second, 1)
        } else {
            instant(second)
        };
        (start, end.ok_or_else(|| wrong(second))?)
    };
    if end < start {
        return Err("The end instant must be greater than the start instant".to_owned());
    }
    Ok((start, end))
}

fn shift(from: Timestamp, period: &str, sign: i64) -> Option<Timestamp> {
    let span: Span = period.parse().ok()?;
    let local = TimeZone::UTC
        .to_datetime(from)
        .checked_add(span.checked_mul(sign).ok()?)
        .ok()?;
    TimeZone::UTC.to_timestamp(local).ok()
}

/// A date with as much of a time as there is, in UTC unless it says otherwise.
fn instant(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let mut parts = date.split('-').map(str::parse::<i16>);
    let year = parts.next()?.ok()?;
    let mut part = || match parts.next() {
        None => Some(1),
        Some(Ok(number)) => i8::try_from(number).ok(),
        Some(Err(_)) => None,
    };
    let date = Date::new(year, part()?, part()?).ok()?;
    let zone = time.find(['Z', '+', '-']);
    let (clock, zone) = time.split_at(zone.unwrap_or(time.len()));
    let offset_minutes = match zone {
        "" | "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = zone
                .get(1..)?
                .split_once(':')
                .unwrap_or((zone.get(1..)?, "0"));
            sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
        }
    };
    let mut parts = clock.split(':').filter(|part| !part.is_empty());
    let hour = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    let minute = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    let (second, fraction) = parts
        .next()
        .map_or(("0", ""), |part| part.split_once('.').unwrap_or((part, "")));
    let nanos: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(9)
        .collect();
    let time = Time::new(hour, minute, second.parse().ok()?, nanos.parse().ok()?).ok()?;
    let local = TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    local
        .checked_sub(Span::new().try_minutes(offset_minutes).ok()?)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_as_joda_reads_them() {
        for (text, start, end) in [
            ("2000/2001", "2000-01-01T00:00:00Z", "2001-01-01T00:00:00Z"),
            (
                "2020-01-01T00:00/2020-01-01T00:01",
                "2020-01-01T00:00:00Z",
                "2020-01-01T00:01:00Z",
            ),
            (
                "2000-01-01/P1Y",
                "2000-01-01T00:00:00Z",
                "2001-01-01T00:00:00Z",
            ),
            (
                "P1D/2000-01-02",
                "2000-01-01T00:00:00Z",
                "2000-01-02T00:00:00Z",
            ),
            (
                "2000-01-01T02:00:00.500+02:00/2001",
                "2000-01-01T00:00:00.5Z",
                "2001-01-01T00:00:00Z",
            ),
        ] {
            let wanted = (start.parse().expect("a time"), end.parse().expect("a time"));
            assert_eq!(interval(text), Ok(wanted), "{text}");
        }
        for (text, message) in [
            ("bogus", "Format requires a '/' separator: bogus"),
            (
                "2001/2000",
                "The end instant must be greater than the start instant",
            ),
            ("2001/x", "Invalid format: \"x\""),
            ("99999/2000", "Invalid format: \"99999\""),
        ] {
            assert_eq!(interval(text), Err(message.to_owned()));
        }
    }

    #[test]
    fn queries_as_jetty_reads_them() {
        let query = Query::read("data%73ource=a&datasource=b&x=%zz&y=a+b&z&n=%2B5");
        assert_eq!(query.get("datasource"), Some("a"));
        assert_eq!(
            (query.get("x"), query.get("y"), query.get("z")),
            (Some("%zz"), Some("a b"), Some(""))
        );
        assert_eq!(
            (query.number::<i64>("n"), query.number::<i64>("y")),
            (Ok(Some(5)), Err(NotANumber))
        );
    }
}
