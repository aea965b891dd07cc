//! Single values that Druid refuses or misreads: what it wants instead.

use super::leaf::{Leaf, Reading, Replacement, Rule};
use super::suggest::Hints;
use crate::finding::{Code, Finding, quote};
use crate::json::{Kind, Node};

/// Texts that people write for a granularity, and what Druid calls it.
const GRANULARITIES: &[(&str, &str)] = &[
    ("PT1S", "SECOND"),
    ("PT1M", "MINUTE"),
    ("PT5M", "FIVE_MINUTE"),
    ("PT10M", "TEN_MINUTE"),
    ("PT15M", "FIFTEEN_MINUTE"),
    ("PT30M", "THIRTY_MINUTE"),
    ("PT1H", "HOUR"),
    ("PT60M", "HOUR"),
    ("PT6H", "SIX_HOUR"),
    ("PT8H", "EIGHT_HOUR"),
    ("P1D", "DAY"),
    ("PT24H", "DAY"),
    ("P1W", "WEEK"),
    ("P7D", "WEEK"),
    ("P1M", "MONTH"),
    ("P3M", "QUARTER"),
    ("P1Y", "YEAR"),
    ("1S", "SECOND"),
    ("5M", "FIVE_MINUTE"),
    ("10M", "TEN_MINUTE"),
    ("15M", "FIFTEEN_MINUTE"),
    ("30M", "THIRTY_MINUTE"),
    ("1H", "HOUR"),
    ("6H", "SIX_HOUR"),
    ("8H", "EIGHT_HOUR"),
    ("1D", "DAY"),
    ("24H", "DAY"),
    ("7D", "WEEK"),
    ("1W", "WEEK"),
    ("1Y", "YEAR"),
    ("HOURLY", "HOUR"),
    ("DAILY", "DAY"),
    ("WEEKLY", "WEEK"),
    ("MONTHLY", "MONTH"),
    ("QUARTERLY", "QUARTER"),
    ("YEARLY", "YEAR"),
    ("ANNUALLY", "YEAR"),
    ("MINUTELY", "MINUTE"),
    ("5MIN", "FIVE_MINUTE"),
    ("15MIN", "FIFTEEN_MINUTE"),
    ("30MIN", "THIRTY_MINUTE"),
    ("5_MINUTE", "FIVE_MINUTE"),
    ("15_MINUTE", "FIFTEEN_MINUTE"),
    ("30_MINUTE", "THIRTY_MINUTE"),
    ("FIVEMINUTE", "FIVE_MINUTE"),
    ("NULL", "NONE"),
];

/// What Druid does with what it cannot read.
const REFUSES: &str = "Druid answers 400";

/// The finding about a single value.
pub(super) fn finding(
    hints: &Hints<'_>,
    code: Code,
    leaf: &Leaf,
    node: Node<'_>,
    reading: Reading,
) -> Finding {
    if let Reading::Replaced(replacement) = reading {
        return misread(hints, code, leaf, node, replacement);
    }
    let text = node.as_str();
    let written = text.as_deref().unwrap_or_default();
    let found = match node.kind() {
        Kind::String => quote(written),
        Kind::Number => quote(node.raw()),
        kind => kind.name().to_owned(),
    };
    let refused = |wanted: &str| {
        Finding::new(code, node, format!("This must be {wanted}, not {found}")).effect(REFUSES)
    };
    match &leaf.rule {
        Rule::Boolean => match written.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "t" | "1" | "true" => {
                refused("true or false").suggest_json("true")
            }
            "no" | "off" | "n" | "f" | "0" | "false" => {
                refused("true or false").suggest_json("false")
            }
            _ => refused("true or false"),
        },
        Rule::Integer(least, most) => {
            let digits = written.replace(['_', ','], "");
            let plain = digits.parse::<i64>().ok();
            match plain.filter(|number| (least..=most).contains(&number)) {
                Some(number) => refused("a whole number").suggest_json(number.to_string()),
                None if *most == i64::from(i32::MAX) => refused("a whole number up to 2147483647"),
                None => refused("a whole number"),
            }
        }
        Rule::Decimal => refused("a number"),
        Rule::Text => refused("a text"),
        Rule::Enumeration(names) if &*leaf.name == "Granularity" => {
            let upper = written.to_ascii_uppercase();
            let known = GRANULARITIES.iter().find(|(text, _)| *text == upper);
            let near = || {
                let names = names.names.iter().map(|name| &**name);
                let one = written.trim_end_matches(['s', 'S']);
                // A number says something that no name says.
                let is_word = !written.contains(|c: char| c.is_ascii_digit());
                let near = is_word.then(|| hints.nearest(one, names)).flatten();
                near.map(|near| near.name)
            };
            let meant = known.map(|(_, name)| *name).or_else(near);
            let finding = refused("the name of a granularity, or an object of type `period`");
            match meant {
                Some(name) => finding.suggest(name),
                None if super::iso::period(written) => finding.suggest_json(format!(
                    "{{\"type\": \"period\", \"period\": {}}}",
                    serde_json::Value::from(written)
                )),
                None => finding,
            }
        }
        Rule::Enumeration(names) => {
            let all: Vec<String> = names.names.iter().map(|name| format!("`{name}`")).collect();
            let finding = refused(&format!("one of {}", all.join(", ")));
            let names = names.names.iter().map(|name| &**name);
            match hints.nearest(written, names) {
                Some(near) => finding.suggest(near.name),
                None => finding,
            }
        }
        Rule::DateTime => refused("a time in ISO 8601 (`2020-01-31T00:00:00Z`) or milliseconds"),
        Rule::Interval => {
            let finding = refused(
                "an interval in ISO 8601 (`2020-01-01/2020-02-01`), its end not before its start",
            );
            let mended = interval(written);
            match mended {
                Some(mended) => finding.suggest(mended),
                None => finding,
            }
        }
        Rule::Period | Rule::Duration => {
            let finding = refused("a period in ISO 8601 (`PT1H`, `P1D`)");
            match period(written) {
                Some(mended) => finding.suggest(mended),
                None => finding,
            }
        }
        Rule::TimeZone(_) => refused("a time zone"),
        Rule::Size => refused("a number of bytes, or a text like `512MiB`"),
        Rule::Other(_) => refused(&format!("a value of Druid's {}", leaf.name)),
    }
}

fn misread(
    hints: &Hints<'_>,
    code: Code,
    leaf: &Leaf,
    node: Node<'_>,
    replacement: Replacement,
) -> Finding {
    let raw = node.raw();
    let shown = quote(raw.trim_matches('"'));
    let (message, effect) = match replacement {
        Replacement::WithoutFraction => (
            format!("This is a whole number, not {shown}"),
            "Druid cuts the fraction off without a word",
        ),
        Replacement::Milliseconds => (
            format!("This is a period (`PT1H`); the bare number {shown} counts milliseconds"),
            "Druid reads milliseconds",
        ),
        Replacement::Utc => (
            format!("The time zone {shown} is not known"),
            "Druid takes UTC without a word",
        ),
    };
    let finding = Finding::new(code, node, message).effect(effect);
    if let (Rule::TimeZone(names), Some(text)) = (&leaf.rule, node.as_str()) {
        // Of three letters every other zone is near.
        let names = names.iter().map(|name| &**name).filter(|_| text.len() > 5);
        return match hints.nearest(&text, names) {
            Some(near) => finding.suggest(near.name),
            None => finding,
        };
    }
    match (replacement, node.as_f64()) {
        (Replacement::Milliseconds, Some(number)) => match bare(number) {
            Some(period) => finding.suggest(period),
            None => finding,
        },
        _ => finding,
    }
}

/// A bare number as a period. Who writes 3600 means an hour, and who writes 3600000 does too: whole
/// minutes in milliseconds, and what would be days in seconds, are milliseconds.
fn bare(number: f64) -> Option<String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, as the condition says"
    )]
    let whole = ((1.0..=31_536_000_000.0).contains(&number)).then_some(number as u64)?;
    let in_seconds = whole / 1_000;
    let is_milliseconds =
        whole % 1_000 == 0 && (in_seconds % 60 == 0 || whole > 100_000 || whole % 3_600 != 0);
    match is_milliseconds {
        true => Some(seconds(in_seconds)),
        false => (whole <= 31_536_000).then(|| seconds(whole)),
    }
}

/// So many seconds as a period.
fn seconds(number: u64) -> String {
    match number {
        days if days % 86_400 == 0 => format!("P{}D", days / 86_400),
        hours if hours % 3_600 == 0 => format!("PT{}H", hours / 3_600),
        minutes if minutes % 60 == 0 => format!("PT{}M", minutes / 60),
        seconds => format!("PT{seconds}S"),
    }
}

/// `1h`, `30 min`, `1 day`, `3600`: as a period.
fn period(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(rest) = text.strip_prefix('p') {
        // `P1H` for `PT1H`.
        let mended = format!("PT{}", rest.trim_start_matches('t').to_ascii_uppercase());
        return super::iso::period(&mended).then_some(mended);
    }
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: u32 = number.parse().ok()?;
    Some(match unit.trim() {
        "" => bare(f64::from(number))?,
        "ms" | "millis" => return None,
        "s" | "sec" | "secs" | "second" | "seconds" => format!("PT{number}S"),
        "m" | "min" | "mins" | "minute" | "minutes" => format!("PT{number}M"),
        "h" | "hr" | "hour" | "hours" => format!("PT{number}H"),
        "d" | "day" | "days" => format!("P{number}D"),
        "w" | "week" | "weeks" => format!("P{number}W"),
        _ => return None,
    })
}

/// An interval with a blank for its `T`, or with another sign between its ends.
fn interval(text: &str) -> Option<String> {
    let candidates = [
        text.replace(' ', "T"),
        text.replace(" to ", "/"),
        text.replace(" - ", "/"),
        text.replace("--", "/"),
        text.replace(['_', ','], "/"),
        text.split_once('/')
            .map(|(from, to)| format!("{to}/{from}"))
            .unwrap_or_default(),
    ];
    candidates
        .into_iter()
        .find(|candidate| super::iso::interval(candidate))
}
