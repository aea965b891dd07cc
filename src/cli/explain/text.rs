//! For people: a line or a few for each check, then the verdict.

use super::mend::remedy;
use super::stages::{Outcome, Stage, stages};
use super::{Answer, Story};
use crate::admission::{Case, Check, Forward};
use crate::cli::lint::excerpts;
use crate::cli::terminal::Palette;
use crate::finding::{plain, quote};

/// Cells of a check's name.
const NAME: usize = 10;

/// Text, with or without colours.
pub(super) struct Text {
    palette: Palette,
}

impl Text {
    pub(super) fn new(palette: Palette) -> Text {
        Text { palette }
    }

    pub(super) fn tell(&self, story: &Story<'_>, answer: &Answer) -> String {
        let palette = self.palette;
        let request = format!("{} {}", plain(story.method), plain(story.target));
        let name = plain(story.principal.name());
        let mut text = format!("{} as {name}\n\n", palette.strong(&request));
        for stage in stages(story) {
            text.push_str(&self.stage(&stage));
            if tells_findings(story, stage.check) {
                text.push_str(&self.findings(story));
            }
        }
        text.push('\n');
        text.push_str(&self.verdict(story, answer));
        text
    }

    fn stage(&self, stage: &Stage) -> String {
        let palette = self.palette;
        let mark = match stage.outcome {
            Outcome::Passed => palette.good("✓"),
            Outcome::Refused => palette.bad("✗"),
            Outcome::Skipped => palette.faint("–"),
        };
        let name = format!("{:NAME$}", stage.check.name());
        let mut text = format!("{mark} {}", palette.strong(&name));
        for (number, line) in stage.lines.iter().enumerate() {
            if number > 0 {
                text.push_str(&" ".repeat(NAME + 2));
            }
            let line = match stage.outcome {
                Outcome::Skipped => palette.faint(line),
                Outcome::Passed | Outcome::Refused => line.clone(),
            };
            text.push_str(&format!(" {line}\n"));
        }
        text
    }

    fn findings(&self, story: &Story<'_>) -> String {
        let findings = &story.explained.verdict.trace.findings;
        let mut text = String::new();
        for told in excerpts(self.palette, story.shown, story.bytes, findings) {
            text.push('\n');
            for line in told.lines() {
                text.push_str(format!("  {line}").trim_end());
                text.push('\n');
            }
        }
        if !findings.is_empty() {
            text.push('\n');
        }
        text
    }

    fn verdict(&self, story: &Story<'_>, answer: &Answer) -> String {
        let palette = self.palette;
        let Answer {
            is_admitted,
            status,
            refusal,
        } = answer;
        let words = match (status, refusal) {
            (None, _) => format!(": {}", goes(story)),
            (Some(status), Some(refusal)) => {
                format!(" with {status} {}: {}", refusal.code, refusal.message)
            }
            (Some(status), None) if *is_admitted => {
                format!(": {status} with this verdict; a dry run goes no further")
            }
            (Some(status), None) => {
                format!(" by the review: {status} with this verdict, as it is a dry run")
            }
        };
        let mut text = match is_admitted {
            true => format!("{}{words}\n", palette.good("admitted")),
            false => format!("{}{words}\n", palette.bad("refused")),
        };
        for case in &story.explained.cases {
            let answer = Answer::of(&case.verdict);
            let outcome = match (answer.is_admitted, answer.status) {
                (true, _) => palette.good("admitted"),
                (false, Some(status)) => format!("{} with {status}", palette.bad("refused")),
                (false, None) => palette.bad("refused"),
            };
            let pattern = quote(&case.pattern);
            text.push_str(&format!("with an owner in {pattern}: {outcome}\n"));
        }
        let is_any = |case: &Case| case.pattern.bytes().all(|byte| byte == b'*');
        let cases = &story.explained.cases;
        if !cases.is_empty() && !cases.iter().any(is_any) {
            text.push_str("with any other owner: told to be unknown, too\n");
        }
        if !is_admitted && let Some(remedy) = remedy(story) {
            text.push_str(&format!("{} {remedy}\n", palette.guide("fix:")));
        }
        text
    }
}

/// Is this the check whose findings are to be told?
fn tells_findings(story: &Story<'_>, check: Check) -> bool {
    match story.explained.ended {
        Some(ended @ (Check::Document | Check::Spec)) => check == ended,
        Some(_) | None => check == Check::Review,
    }
}

/// What becomes of what is admitted.
fn goes(story: &Story<'_>) -> String {
    let forward = match &story.explained.verdict.decision {
        Ok(admitted) => Some(&admitted.forward),
        Err(_) => None,
    };
    match forward {
        Some(Forward::ShutdownAll(datasource)) => format!(
            "every task of {} is shut down at the Overlord",
            quote(datasource.as_str())
        ),
        Some(
            Forward::SubmitTask { .. }
            | Forward::SubmitSupervisor { .. }
            | Forward::Relay { .. }
            | Forward::DryRun { .. },
        )
        | None => "it goes to the Overlord, and the status is Druid's own".to_owned(),
    }
}
