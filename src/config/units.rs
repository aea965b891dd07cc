//! Durations and sizes with their units.

use std::time::Duration;

/// Reads `250ms`, `30s`, `5min`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "a duration is a whole number with `ms`, `s`, `min` or `h`: `30s`";
    let (number, unit) = split(text).ok_or(SHAPE)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(SHAPE),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or(SHAPE)
}

/// Reads `512`, `16KiB`, `16MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Result<usize, &'static str> {
    const SHAPE: &str = "a size is a whole number with `B`, `KiB`, `MiB` or `GiB`: `16MiB`";
    let (number, unit) = split(text).ok_or(SHAPE)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(SHAPE),
    };
    number
        .checked_mul(bytes)
        .and_then(|size| usize::try_from(size).ok())
        .ok_or(SHAPE)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_required_and_known() {
        let durations: &[(&str, Option<u64>)] = &[
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("5 min", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("30", None),
            ("30sec", None),
            ("-1s", None),
            ("1.5s", None),
            ("", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ];
        for (text, millis) in durations {
            assert_eq!(
                duration(text).ok(),
                millis.map(Duration::from_millis),
                "{text}"
            );
        }
        let sizes: &[(&str, Option<usize>)] = &[
            ("512B", Some(512)),
            ("16KiB", Some(16 << 10)),
            ("16 MiB", Some(16 << 20)),
            ("1GiB", Some(1 << 30)),
            ("16MB", None),
            ("16", None),
        ];
        for (text, bytes) in sizes {
            assert_eq!(size(text).ok(), *bytes, "{text}");
        }
    }
}
