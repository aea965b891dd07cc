//! Times as Joda-Time reads them: dates, periods, intervals.
//!
//! As far as a spec needs it. Where Joda is more liberal than a person would write (week dates,
//! ordinal dates), so is this: what Druid reads is never refused here.

/// A date or a date with a time, as `ISODateTimeFormat.dateTimeParser` and `dateOptionalTimeParser`
/// read it.
pub(super) fn date_time(text: &str) -> bool {
    let text = text.trim_matches(' ');
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    (date.is_empty() && time.is_some_and(|time| !time.is_empty()) || is_date(date))
        && time.is_none_or(is_time)
        && (!has_usual_year(date) || day(date).is_some())
}

/// `2020-01-31` as a number that compares as the days do.
fn usual_days(text: &str) -> Option<u32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
        return None;
    };
    let number = |digits: &[&u8]| {
        digits.iter().try_fold(0, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + u32::from(**digit - b'0'))
        })
    };
    let (year, month, day) = (
        number(&[y1, y2, y3, y4])?,
        number(&[m1, m2])?,
        number(&[d1, d2])?,
    );
    // Of the others the calendar is asked.
    let is_sure = (1..=12).contains(&month) && (1..=28).contains(&day);
    is_sure.then_some((year * 100 + month) * 100 + day)
}

fn has_usual_year(date: &str) -> bool {
    let year = date.split('-').next().unwrap_or_default();
    // The last weeks of 9999 are beyond the calendar.
    year.len() <= 4 && digits(year) && year != "9999"
}

/// `2020`, `2020-01`, `2020-01-31`, `2020-W05-1`, `2020-031`; signs and long years too.
fn is_date(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split('-');
    let Some(year) = parts.next() else {
        return false;
    };
    if year.is_empty() || year.len() > 9 || !digits(year) {
        return false;
    }
    match (parts.next(), parts.next(), parts.next()) {
        (None, _, _) => true,
        (Some(week), day, None) if week.starts_with('W') => {
            within(week.get(1..).unwrap_or_default(), 1, 53)
                && day.is_none_or(|day| within(day, 1, 7))
        }
        (Some(day), None, _) if day.len() == 3 => within(day, 1, 366),
        (Some(month), None, _) => within(month, 1, 12),
        (Some(month), Some(day), None) => within(month, 1, 12) && within(day, 1, days(year, month)),
        (Some(_), Some(_), Some(_)) => false,
    }
}

/// How many days a month has.
fn days(year: &str, month: &str) -> u32 {
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let year = number(year);
    match number(month) {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `12`, `12:30`, `12:30:15.123`, with a zone or without.
fn is_time(text: &str) -> bool {
    let (time, zone) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut parts = time.split(':');
    let mut fits = true;
    for most in [23, 59, 59] {
        let Some(part) = parts.next() else { break };
        let (whole, fraction) = part.split_once(['.', ',']).unwrap_or((part, "0"));
        fits &= (whole.is_empty() && time.is_empty() || within(whole, 0, most)) && digits(fraction);
    }
    fits && parts.next().is_none() && is_zone(zone)
}

fn is_zone(text: &str) -> bool {
    match text.strip_prefix(['+', '-']) {
        Some(offset) => {
            // `+01`, `+0100`, `+01:00`; of seconds nobody needs to know more.
            let (hours, rest) = offset.split_at_checked(2).unwrap_or((offset, ""));
            let minutes = rest.strip_prefix(':').unwrap_or(rest);
            let (minutes, rest) = minutes.split_at_checked(2).unwrap_or((minutes, ""));
            within(hours, 0, 23)
                && (minutes.is_empty() || within(minutes, 0, 59))
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))
        }
        None => matches!(text, "" | "Z"),
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn within(text: &str, least: u32, most: u32) -> bool {
    digits(text)
        && text.len() <= 3
        && text
            .parse()
            .is_ok_and(|number| (least..=most).contains(&number))
}

/// `P1DT2H`, any case, signs before numbers, a fraction of seconds.
pub(super) fn period(text: &str) -> bool {
    // Most that are asked about are times.
    if !text.contains(['P', 'p']) {
        return false;
    }
    let text = text.to_ascii_uppercase();
    let text = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let Some(rest) = text.strip_prefix('P') else {
        return false;
    };
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    let in_order = |text: &str, units: &str| {
        let mut left = units;
        let mut rest = text;
        while !rest.is_empty() {
            let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) else {
                return false;
            };
            let (number, unit) = rest.split_at(at);
            let Some(place) = left.find(unit.get(..1).unwrap_or_default()) else {
                return false;
            };
            let number = number.strip_prefix(['-', '+']).unwrap_or(number);
            let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
            let fractional = number.len() != whole.len();
            if !digits(whole) || whole.len() > 10 || !(fraction.is_empty() || digits(fraction)) {
                return false;
            }
            if fractional && !unit.starts_with('S') {
                return false;
            }
            left = left.get(place + 1..).unwrap_or_default();
            rest = unit.get(1..).unwrap_or_default();
        }
        true
    };
    let any = !date.is_empty() || time.is_some_and(|time| !time.is_empty());
    any && in_order(date, "YMWD")
        && time.is_none_or(|time| !time.is_empty() && in_order(time, "HMS"))
}

/// Has a period neither years nor months (`Period.toStandardDuration`)?
pub(super) fn has_fixed_length(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let date = upper.split('T').next().unwrap_or_default();
    let is_zero = |unit: char| {
        let Some((before, _)) = date.split_once(unit) else {
            return true;
        };
        let digits = before
            .rsplit(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        digits.bytes().all(|byte| byte == b'0')
    };
    is_zero('Y') && is_zero('M')
}

/// Has it only parts of a fixed length? A duration may have days and hours, no years.
pub(super) fn duration(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let date = upper.split('T').next().unwrap_or_default();
    period(text) && !date.contains(['Y', 'M', 'W'])
}

/// `start/end`, `start/period`, `period/end`, not ending before it starts.
pub(super) fn interval(text: &str) -> bool {
    let Some((from, to)) = text.split_once('/') else {
        return false;
    };
    if to.contains('/') || from.is_empty() || to.is_empty() {
        return false;
    }
    let is_period = |text: &str| text.starts_with(['P', 'p']) && period(text);
    match (is_period(from), is_period(to)) {
        (true, true) => false,
        // Back from its end, or not on from its start.
        (true, false) => date_time(to) && !is_negative(from),
        (false, true) => date_time(from) && !is_negative(to),
        (false, false) => match (usual_days(from), usual_days(to)) {
            // What most intervals are.
            (Some(from), Some(to)) => from <= to,
            _ => date_time(from) && date_time(to) && in_order(from, to),
        },
    }
}

/// Does every part of a period go back? Of mixed ones nobody can tell without a calendar.
fn is_negative(period: &str) -> bool {
    let numbers = period.split(|c: char| !c.is_ascii_digit());
    let numbers = numbers.filter(|number| !number.is_empty()).count();
    let is_some = period.contains(|c: char| ('1'..='9').contains(&c));
    is_some && period.matches('-').count() >= numbers
}

/// Do two times stand in order? Of years of more digits nobody need know.
fn in_order(from: &str, to: &str) -> bool {
    match (instant(from), instant(to)) {
        (Some(from), Some(to)) => from <= to,
        _ => true,
    }
}

/// Does an interval end where it starts?
pub(super) fn is_empty(interval: &str) -> bool {
    let ends = interval
        .split_once('/')
        .filter(|_| self::interval(interval));
    let Some((from, to)) = ends else {
        return false;
    };
    match (instant(from), instant(to)) {
        (Some(from), Some(to)) => from == to,
        _ => from == to,
    }
}

/// A time whose year has up to four digits, in milliseconds since 1970; without a zone it is in UTC.
fn instant(text: &str) -> Option<i64> {
    let (date, time) = text.trim_matches(' ').split_once('T').unwrap_or((text, ""));
    if !time.is_empty() && !is_time(time) {
        return None;
    }
    let (time, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    };
    let midnight = day(date)?.to_datetime(jiff::civil::Time::midnight());
    let midnight = jiff::tz::Offset::UTC.to_timestamp(midnight).ok()?;
    let mut sum = midnight.as_millisecond();
    for (part, unit) in time.split(':').zip([3_600_000.0, 60_000.0, 1_000.0]) {
        let part: f64 = match part {
            "" => 0.0,
            part => part.replace(',', ".").parse().ok()?,
        };
        #[expect(clippy::cast_possible_truncation, reason = "less than a day")]
        let part = (part * unit) as i64;
        sum += part;
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let offset: String = zone.chars().filter(char::is_ascii_digit).collect();
    let part = |range| {
        offset
            .get(range)
            .and_then(|part: &str| part.parse::<i64>().ok())
    };
    let minutes = part(0..2).unwrap_or(0) * 60 + part(2..4).unwrap_or(0);
    Some(sum - sign * minutes * 60_000)
}

/// The day of a date whose year has up to four digits; the first one, where less is said.
fn day(text: &str) -> Option<jiff::civil::Date> {
    let mut parts = text.split('-');
    let year: i16 = parts.next().filter(|year| year.len() <= 4)?.parse().ok()?;
    let small = |part: &str| part.parse::<i8>().ok();
    match (parts.next(), parts.next()) {
        (None, _) => jiff::civil::Date::new(year, 1, 1).ok(),
        (Some(week), day) if week.starts_with('W') => {
            let weekday = jiff::civil::Weekday::from_monday_one_offset(small(day.unwrap_or("1"))?);
            let week = small(week.get(1..)?)?;
            let date = jiff::civil::ISOWeekDate::new(year, week, weekday.ok()?);
            Some(date.ok()?.date())
        }
        (Some(ordinal), None) if ordinal.len() == 3 => {
            let ordinal: i16 = ordinal.parse().ok()?;
            let first = jiff::civil::Date::new(year, 1, 1).ok()?;
            first.with().day_of_year(ordinal).build().ok()
        }
        (Some(month), day) => {
            jiff::civil::Date::new(year, small(month)?, small(day.unwrap_or("1"))?).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intervals_are_empty() {
        for (interval, empty) in [
            ("2020-01-05/2020-01-05T00", true),
            ("2020-01-01T01:00Z/2020-01-01T02:00+01:00", true),
            ("2020/2021", false),
            ("2020-01-01T1e300/2020-01-02", false),
            ("2020-01-01Tinf/2020-01-01Tinf", false),
        ] {
            assert_eq!(is_empty(interval), empty, "{interval}");
        }
    }

    #[test]
    fn what_joda_reads() {
        for text in [
            "2020",
            "2020-01",
            "2020-02-29",
            "2020-01-01T00",
            "2020-01-01T00:00:00.000Z",
            "2020-01-01T10:20+01:00",
            "2020-W05",
            "2020-031",
            "-5",
            "+2020-01-01",
            "146140482-04-24T15:36:27.903Z",
        ] {
            assert!(date_time(text), "{text}");
        }
        for text in [
            "",
            "abc",
            "2020-13",
            "2020-02-30",
            "2020/01/01",
            "2020-01-01 10:00",
            "2020-01-01T25",
            "2020-01-01T10:61",
            "01.01.2020",
            "today",
        ] {
            assert!(!date_time(text), "{text}");
        }
        for text in ["P1D", "PT1H", "pt1h", "P1Y2M3W4DT5H6M7.8S", "-P1D", "PT-5M"] {
            assert!(period(text), "{text}");
        }
        for text in [
            "", "P", "PT", "1h", "P1H", "P1DT", "P1D1Y", "1D", "PT1.5H", "5",
        ] {
            assert!(!period(text), "{text}");
        }
        assert!(duration("P1D") && duration("PT5M") && !duration("P1M") && !duration("P1Y"));
        for text in [
            "2020-01-01/2021-01-01",
            "2020/P1D",
            "P1D/2020-01-01",
            "2020-01-01T00:00Z/2020-01-01T01:00Z",
            // As Druid 28.0.0 and 33.0.0 were asked.
            "2020-01-02T00:00+14:00/2020-01-01T23:00-12:00",
            "2020-01-01T00:00+0100/P1D",
            "2020-01-01T00:00+01/P1D",
            "2020-01-01T12.5/P1D",
            "P1M-1D/2020-02-01",
            "2020-02-01/P-0D",
            "9999-W52-7/P1D",
            "-0001-01-01/2020",
            "20200101/20200102",
            "2020-01-01T10:00:00+23:59/P1D",
            "P1D/2020",
            "2020/2020",
        ] {
            assert!(interval(text), "{text}");
        }
        for text in [
            "",
            "2020-01-01",
            "P1D/P1D",
            "a/b",
            "2021-01-01/2020-01-01",
            "/2020",
            "2020-01-01/2020-01-02/2020-01-03",
            "2020-01-01T24:00/P1D",
            "2021/2020",
            "2020-02/2020-01",
            "2020-01-01T10:00/2020-01-01T09:00",
            "2020-01-01T10:00Z/2020-01-01T10:30+01:00",
            "2020-W05/2020-W04",
            "2020-031/2020-030",
            "2020-01-01T00:00+25:00/P1D",
            "2020-01-01T23:59.5/2020-01-01T23:59.4",
            "2020-01-01/2019-W53",
            "2020-01-01T10:00:00+24:00/P1D",
            "2020/-P1D",
            "2020/P-1D",
            "2020-01-05/05",
        ] {
            assert!(!interval(text), "{text}");
        }
    }
}
