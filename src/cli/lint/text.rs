//! For people, in the manner of rustc: what is so, where, the line, what Druid does, what to write.

use super::excerpt::{Excerpt, excerpt};
use super::{Judged, Tell, Totals, help};
use crate::cli::terminal::Palette;
use crate::druid::DruidVersion;
use crate::finding::{Finding, MOST, Severity, masked, tamed};

/// Text, with or without colours.
pub(super) struct Text {
    palette: Palette,
    version: DruidVersion,
}

impl Text {
    pub(super) fn new(palette: Palette, version: DruidVersion) -> Text {
        Text { palette, version }
    }
}

/// A finding with the line that it is about, of a file as a person knows it. Where `is_within`, the
/// line alone does not say what is meant: the pointer is told too.
fn finding(
    palette: Palette,
    shown: &str,
    lines: &mut Lines<'_>,
    finding: &Finding,
    is_within: bool,
) -> String {
    let title = format!("{}[{}]", name(finding.severity), finding.code);
    let title = match finding.severity {
        Severity::Error => palette.bad(&title),
        Severity::Warning => palette.doubtful(&title),
        Severity::Info => palette.guide(&title),
    };
    let message = palette.strong(&format!(": {}", finding.message));
    let end = if finding.end_line == finding.line {
        finding.end_column
    } else {
        usize::MAX
    };
    let Excerpt {
        text,
        indent,
        width,
        is_cut,
    } = excerpt(lines.line(finding.line), finding.column, end);
    let file = tamed(shown);
    let mut place = format!("{file}:{}:{}", finding.line, finding.column);
    // Where the line alone does not say it.
    if is_cut || is_within {
        place.push_str(&format!(" ({})", tamed(&finding.pointer)));
    }
    let number = finding.line.to_string();
    let gutter = " ".repeat(number.len());
    let (arrow, bar) = (palette.guide("-->"), palette.guide("|"));
    let (number, equals) = (palette.guide(&number), palette.guide("="));
    let carets = "^".repeat(width);
    let carets = match finding.severity {
        Severity::Error => palette.bad(&carets),
        Severity::Warning => palette.doubtful(&carets),
        Severity::Info => palette.guide(&carets),
    };
    let indent = " ".repeat(indent);
    let mut told = format!(
        "{title}{message}\n{gutter}{arrow} {place}\n{gutter} {bar}\n{number} {bar} {text}\n{gutter} {bar} {indent}{carets}\n"
    );
    let effect = finding.effect.as_ref().map(|effect| ("effect", effect));
    let help = help(finding);
    let help = help.as_ref().map(|help| ("help", help));
    for (label, words) in [effect, help].into_iter().flatten() {
        let label = palette.strong(&format!("{label}:"));
        told.push_str(&format!("{gutter} {equals} {label} {words}\n"));
    }
    told
}

/// Findings about one document, each with its line; no secret is shown.
pub(in crate::cli) fn excerpts(
    palette: Palette,
    shown: &str,
    bytes: &[u8],
    findings: &[Finding],
) -> Vec<String> {
    let masked = masked(bytes);
    let mut lines = Lines::new(&masked);
    let told = |found| finding(palette, shown, &mut lines, found, false);
    findings.iter().map(told).collect()
}

impl Tell for Text {
    fn first(&self) -> String {
        String::new()
    }

    fn file(&self, judged: &Judged<'_>) -> Vec<String> {
        if judged
            .reports
            .iter()
            .all(|report| report.findings.is_empty())
        {
            return Vec::new();
        }
        let shown = masked(judged.bytes);
        let mut lines = Lines::new(&shown);
        let mut pieces = Vec::new();
        for report in judged.reports {
            for finding in &report.findings {
                let is_within = !report.pointer.is_empty();
                let judged = judged.shown;
                pieces.push(self::finding(
                    self.palette,
                    judged,
                    &mut lines,
                    finding,
                    is_within,
                ));
            }
            let is_error = |finding: &&Finding| finding.severity == Severity::Error;
            if report.findings.iter().filter(is_error).count() >= MOST {
                let words = format!("only the first {MOST} errors of a spec are told");
                pieces.push(format!("{}: {words}\n", self.palette.strong("note")));
            }
        }
        pieces
    }

    fn between(&self) -> &'static str {
        "\n"
    }

    fn last(&self, totals: &Totals) -> String {
        let Totals {
            files,
            specs,
            errors,
            warnings,
            notes,
            others,
            unreadable,
        } = totals;
        let palette = self.palette;
        let some = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            more_than_one => Some(format!("{more_than_one} {more}")),
        };
        let found: Vec<String> = [
            some(*errors, "error", "errors").map(|words| palette.bad(&words)),
            some(*warnings, "warning", "warnings").map(|words| palette.doubtful(&words)),
            some(*notes, "note", "notes").map(|words| palette.guide(&words)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut judged = some(*files, "file", "files").unwrap_or_else(|| "no specs found".into());
        if specs > files {
            judged.push_str(&format!(" with {specs} specs"));
        }
        let mut summary = match (files, found.as_slice()) {
            (0, _) => judged,
            (_, []) => format!("{judged}: {}", palette.good("no findings")),
            (_, found) => format!("{judged}: {}", found.join(", ")),
        };
        let asides: Vec<String> = [
            (*files > 0).then(|| format!("Druid {}", self.version)),
            some(*others, "file is no spec", "files are no specs"),
            some(
                *unreadable,
                "path could not be read",
                "paths could not be read",
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !asides.is_empty() {
            summary.push_str(&palette.faint(&format!(" ({})", asides.join("; "))));
        }
        let blank = if found.is_empty() { "" } else { "\n" };
        format!("{blank}{summary}\n")
    }
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// The lines of a text, by their numbers; quick where they are asked for in order.
struct Lines<'b> {
    bytes: &'b [u8],
    number: usize,
    start: usize,
}

impl<'b> Lines<'b> {
    fn new(bytes: &'b [u8]) -> Lines<'b> {
        Lines {
            bytes,
            number: 1,
            start: 0,
        }
    }

    fn line(&mut self, number: usize) -> &'b [u8] {
        if number < self.number {
            *self = Lines::new(self.bytes);
        }
        loop {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n');
            if self.number == number {
                return rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            }
            let Some(end) = end else { return &[] };
            self.start += end + 1;
            self.number += 1;
        }
    }
}
