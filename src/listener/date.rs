//! The `Date` of answers (RFC 9110, 6.6.1), written once a second.

use std::cell::RefCell;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

thread_local! {
    /// A second, and how it is written.
    static LAST: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Hands over a time as an answer's header has it, `Thu, 26 Nov 2026 12:00:00 GMT`.
pub(super) fn with_date(now: Timestamp, take: impl FnOnce(&str)) {
    LAST.with_borrow_mut(|(second, written)| {
        if *second != now.as_second() {
            written.clear();
            // A string takes what it is given, and the year has four digits until 9999.
            let _ = DateTimePrinter::new().print_timestamp_rfc9110(&now, &mut *written);
            *second = now.as_second();
        }
        take(written);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_is_written() {
        for (time, expected) in [
            ("2026-11-26T12:00:00.999Z", "Thu, 26 Nov 2026 12:00:00 GMT"),
            ("2026-11-26T12:00:00Z", "Thu, 26 Nov 2026 12:00:00 GMT"),
            ("2026-11-26T12:00:01Z", "Thu, 26 Nov 2026 12:00:01 GMT"),
            ("2027-03-01T00:00:00Z", "Mon, 01 Mar 2027 00:00:00 GMT"),
        ] {
            let time = time.parse().expect("a time");
            with_date(time, |written| assert_eq!(written, expected));
        }
    }
}
