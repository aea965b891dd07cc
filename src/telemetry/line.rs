//! An outcome as a line of JSON, the same that serde would write of it.
//!
//! Written out by hand because it is written for every request: a serializer that is told each key
//! and each quote by itself took half as much again (docs/performance.md).

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::outcome::Outcome;

/// Appends the line, with its end.
pub(super) fn write(line: &mut Vec<u8>, outcome: &Outcome) {
    // Taken apart, so that no field is forgotten.
    let Outcome {
        time,
        request_id,
        source,
        principal,
        method,
        path,
        operation,
        action,
        class: _,
        datasources,
        subject,
        status,
        stage,
        code,
        rule,
        findings,
        audited,
        limits,
        upstream,
        attempts,
        sharing: _,
        duration,
        upstream_time,
        received,
        sent,
        cut,
    } = outcome;
    let mut line = Line(line);
    line.put("{\"time\":\"");
    line.time(*time);
    line.put("\"");
    line.text(",\"request_id\":", request_id);
    line.put(",\"source\":\"");
    line.address(*source);
    line.put("\"");
    line.some(",\"principal\":", principal.as_deref());
    line.text(",\"method\":", method);
    line.text(",\"path\":", path);
    line.text(",\"operation\":", operation);
    line.text(",\"action\":", action);
    line.texts(",\"datasources\":[", datasources);
    line.some(",\"subject\":", subject.as_deref());
    line.number(",\"status\":", (*status).into());
    line.text(",\"stage\":", stage.name());
    line.some(",\"code\":", *code);
    line.some(",\"rule\":", rule.as_deref());
    line.texts(",\"findings\":[", findings);
    line.mark(",\"audited\":true", *audited);
    let mut between = ",\"limits\":[[";
    for (limit, said) in limits {
        line.text(std::mem::replace(&mut between, ",["), limit);
        line.text(",", said.name());
        line.put("]");
    }
    line.mark("]", !limits.is_empty());
    line.some(",\"upstream\":", upstream.as_deref());
    line.number(",\"attempts\":", (*attempts).into());
    line.mark(",\"shared\":true", outcome.is_shared());
    line.millis(",\"duration_ms\":", *duration);
    line.millis(",\"upstream_ms\":", *upstream_time);
    line.number(",\"received\":", *received);
    line.number(",\"sent\":", *sent);
    line.mark(",\"cut\":true", *cut);
    line.put("}\n");
}

/// A line in the making. `before` is what stands before a value: comma, key and colon.
struct Line<'l>(&'l mut Vec<u8>);

impl Line<'_> {
    fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn mark(&mut self, mark: &str, is_so: bool) {
        if is_so {
            self.put(mark);
        }
    }

    fn text(&mut self, before: &str, text: &str) {
        self.put(before);
        // To the end, so that the compiler looks at many bytes at a time.
        let is_all_plain = text.bytes().fold(true, |is, byte| is & is_plain(byte));
        if is_all_plain {
            self.put("\"");
            self.put(text);
            self.put("\"");
        } else {
            // A vector takes what it is given.
            let _ = serde_json::to_writer(&mut *self.0, text);
        }
    }

    fn some(&mut self, before: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(before, text);
        }
    }

    fn texts<T: AsRef<str>>(&mut self, before: &str, texts: &[T]) {
        let mut between = before;
        for text in texts {
            self.text(std::mem::replace(&mut between, ","), text.as_ref());
        }
        self.mark("]", !texts.is_empty());
    }

    /// RFC 3339 in UTC, with three digits behind the point.
    fn time(&mut self, time: Timestamp) {
        let time = Offset::UTC.to_datetime(time);
        let number = |number: i8| u64::try_from(number).unwrap_or_default();
        // The gateway's clock stands behind the year 0.
        self.digits(u64::try_from(time.year()).unwrap_or_default(), 4);
        for (before, part) in [
            ("-", time.month()),
            ("-", time.day()),
            ("T", time.hour()),
            (":", time.minute()),
            (":", time.second()),
        ] {
            self.put(before);
            self.digits(number(part), 2);
        }
        self.put(".");
        self.digits(u64::try_from(time.millisecond()).unwrap_or_default(), 3);
        self.put("Z");
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                let mut between = "";
                for octet in address.octets() {
                    self.number(std::mem::replace(&mut between, "."), octet.into());
                }
            }
            IpAddr::V6(address) => {
                // A vector takes what it is given.
                let _ = write!(self.0, "{address}");
            }
        }
    }

    fn number(&mut self, before: &str, number: u64) {
        self.put(before);
        self.digits(number, 1);
    }

    /// At least so many digits.
    fn digits(&mut self, number: u64, least: usize) {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut count = 0;
        for (index, digit) in digits.iter_mut().rev().enumerate() {
            if rest == 0 && index >= least {
                break;
            }
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            count = index + 1;
        }
        let digits = digits.get(digits.len() - count..).unwrap_or_default();
        self.0.extend_from_slice(digits);
    }

    /// Milliseconds with one to three digits behind the point.
    fn millis(&mut self, before: &str, duration: Duration) {
        let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        self.number(before, u64::from(micros / 1_000));
        self.put(".");
        self.digits(u64::from(micros % 1_000), 3);
        for _ in 0..2 {
            if self.0.last() == Some(&b'0') {
                self.0.pop();
            }
        }
    }
}

/// Does it stand in a JSON text as it is?
fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::outcome::{Sharing, Stage, tests::sample};
    use super::*;
    use crate::quota::Said;

    fn check(outcome: &Outcome) {
        let mut line = Vec::new();
        write(&mut line, outcome);
        let line = String::from_utf8(line).expect("UTF-8");
        let serdes = serde_json::to_string(outcome).expect("JSON") + "\n";
        assert_eq!(line, serdes);
    }

    #[test]
    fn a_line_is_what_serde_would_write() {
        check(&sample());
        let mut full = sample();
        full.source = "2001:db8::1".parse().expect("an address");
        full.datasources = ["a", "b\"\u{e9}"]
            .map(|name| name.parse().expect("a name"))
            .into();
        full.path = "b\"\\\u{1}\n\u{e9}".to_owned();
        full.code = Some("overgateOverloaded");
        full.findings = vec!["one", "two"];
        full.audited = true;
        full.limits = vec![("a".into(), Said::Near), ("b\"".into(), Said::Refused)];
        full.sharing = Some(Sharing::Joined);
        full.cut = true;
        full.sent = u64::MAX;
        check(&full);
        full.sharing = Some(Sharing::Fetched);
        full.limits.truncate(1);
        full.principal = None;
        full.subject = None;
        full.rule = None;
        full.upstream = None;
        check(&full);
        for stage in Stage::ALL {
            check(&Outcome { stage, ..sample() });
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_it(
            path: Vec<char>,
            name: Vec<char>,
            micros in 0..5_000_000_000_u64,
            time in 0..253_402_207_200_000_000_000_i128,
            address: u32,
            status: u16,
            sent: u64,
        ) {
            let [path, name] = [path, name].map(String::from_iter);
            let mut outcome = sample();
            outcome.path = path;
            outcome.subject = Some(name.as_str().into());
            outcome.time = Timestamp::from_nanosecond(time).expect("a time");
            outcome.source = std::net::Ipv4Addr::from(address).into();
            outcome.principal = Some(name.into());
            outcome.duration = Duration::from_micros(micros);
            outcome.upstream_time = Duration::from_micros(micros % 10_000);
            outcome.status = status;
            outcome.sent = sent;
            check(&outcome);
        }
    }
}
