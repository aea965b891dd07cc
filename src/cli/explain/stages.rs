//! Each check of a request, and what there is to tell of it.

use super::Story;
use super::effects::lines as spec_lines;
use super::grants::{MOST_NEAR, lacks, named, need, waived};
use crate::admission::{Check, Enforcement, Forward, Question, Rejection, Supplied};
use crate::druid::Owner;
use crate::finding::{Severity, plain, quote};
use crate::policy::Reason;
use crate::quota::{Cost, Draw, Group, Holds, LiveDraw};
use crate::route::{Action, BodyUse, Disclosure, Endpoint, Origin, Subject};

/// Names that a line lists.
pub(super) const MOST_NAMES: usize = 5;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Refused,
    /// It did not come to it, or it does not apply.
    Skipped,
}

/// A check, with what there is to tell of it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) check: Check,
    pub(super) outcome: Outcome,
    pub(super) lines: Vec<String>,
}

/// All checks, in their order.
pub(super) fn stages(story: &Story<'_>) -> Vec<Stage> {
    let ended = story.explained.ended;
    let mut is_over = false;
    let mut stages = Vec::new();
    for check in story.explained.order {
        let is_end = ended == Some(check);
        let told = match is_over {
            true => Told::none("not reached"),
            false => story.told(check),
        };
        let outcome = match (is_end, told.applies && !is_over) {
            (true, _) => Outcome::Refused,
            (false, true) => Outcome::Passed,
            (false, false) => Outcome::Skipped,
        };
        is_over |= is_end;
        stages.push(Stage {
            check,
            outcome,
            lines: told.lines,
        });
    }
    stages
}

/// What there is to tell of a check.
struct Told {
    applies: bool,
    lines: Vec<String>,
}

impl Told {
    fn one(line: impl Into<String>) -> Told {
        Told::all(vec![line.into()])
    }

    fn all(lines: Vec<String>) -> Told {
        Told {
            applies: true,
            lines,
        }
    }

    fn none(line: impl Into<String>) -> Told {
        Told {
            applies: false,
            lines: vec![line.into()],
        }
    }
}

impl Story<'_> {
    fn told(&self, check: Check) -> Told {
        let trace = &self.explained.verdict.trace;
        let is_end = self.explained.ended == Some(check);
        let endpoint = trace.endpoint;
        match (check, endpoint) {
            (Check::Path, _) if is_end => Told::one("cannot be read in one way"),
            (Check::Path, _) => match trace.path.as_str() {
                "" => Told::one("can be read in one way"),
                path => Told::one(plain(path)),
            },
            (Check::Identity, _) => Told::one(self.identity()),
            (Check::Route, None) => Told::one("no endpoint"),
            (Check::Route, Some(endpoint)) => Told::one(format!(
                "{}: {} {}, which {}",
                endpoint.operation.name(),
                endpoint.method,
                endpoint.template,
                match endpoint.action {
                    Action::Blocked => "nobody may use".to_owned(),
                    Action::Read
                    | Action::ReadSecrets
                    | Action::Submit
                    | Action::Shutdown
                    | Action::Manage
                    | Action::Admin => format!("takes `{}`", endpoint.action.name()),
                }
            )),
            (_, None) => Told::none("not reached"),
            (Check::Standing, Some(endpoint)) => match &self.explained.standing {
                Some(reason) if endpoint.action != Action::Blocked => Told::all(because(reason)),
                Some(_) | None => Told::one("it is for Druid's own processes"),
            },
            (Check::Owner, Some(endpoint)) => self.owner(endpoint),
            (Check::Body, Some(endpoint)) => self.body(endpoint, is_end),
            (Check::Document, Some(endpoint)) => match endpoint.body {
                BodyUse::Ignored => Told::none("no document is wanted"),
                BodyUse::Spec(_) | BodyUse::Json(_) if is_end => {
                    Told::one("no JSON that has one reading")
                }
                BodyUse::Spec(_) | BodyUse::Json(_) => Told::one("JSON that has one reading"),
            },
            (Check::Spec, Some(endpoint)) => match (endpoint.body, &self.explained.spec) {
                (_, Some(spec)) => Told::all(spec_lines(spec)),
                (BodyUse::Ignored, None) => Told::none("no spec is wanted"),
                (BodyUse::Spec(_), None) => Told::one("what decides who may submit it is in doubt"),
                (BodyUse::Json(_), None) if is_end => Told::one("not what this endpoint reads"),
                (BodyUse::Json(_), None) => Told::none("JSON that is no spec"),
            },
            (Check::Authorize, Some(endpoint)) => self.authorize(endpoint),
            (Check::Review, Some(endpoint)) => self.review(endpoint),
            (Check::Quota, Some(_)) => self.quota(),
        }
    }

    fn identity(&self) -> String {
        let roles = self.principal.roles().iter().map(|role| quote(role));
        let roles: Vec<String> = roles.collect();
        let roles = match roles.as_slice() {
            [] => "without a role".to_owned(),
            [role] => format!("with the role {role}"),
            roles => format!("with the roles {}", roles.join(", ")),
        };
        let name = quote(self.principal.name());
        format!("{name}, {}, {roles}", self.known)
    }

    fn owner(&self, endpoint: &Endpoint) -> Told {
        let explained = self.explained;
        let is_replaced = endpoint.origin == Origin::Body;
        if explained.questions.is_empty() {
            let unused = match self.owner {
                Supplied::Unsaid => "",
                Supplied::Nobody | Supplied::DataSources(_) => "; `--owner` is not needed",
            };
            return Told::none(match is_replaced {
                true => format!("it replaces nothing{unused}"),
                false => format!("the path names no task and no supervisor{unused}"),
            });
        }
        let line = |question: &Question| {
            let subject = match &question.subject {
                Subject::Task(id) => format!("the task {}", quote(id.as_str())),
                Subject::Supervisor(id) => format!("the supervisor {}", quote(id.as_str())),
                Subject::None | Subject::DataSource(_) | Subject::Worker(_) => "it".to_owned(),
            };
            match (&question.owner, self.owner, is_replaced) {
                (Some(Owner::DataSources(names)), _, _) => {
                    let names = some(names.iter().map(|name| quote(name.as_str())));
                    format!("{subject} is of {names}, as `--owner` says")
                }
                (Some(Owner::Unnamed), _, _) => format!("{subject} is of the cluster"),
                (None, Supplied::Unsaid, true) => format!(
                    "{subject} is taken not to be stored; if it is, say whose: `--owner DATASOURCE`"
                ),
                (None, Supplied::Unsaid, false) => format!(
                    "whose {subject} is cannot be asked: say `--owner DATASOURCE`; here it is taken to be unknown"
                ),
                (None, Supplied::Nobody | Supplied::DataSources(_), _) => {
                    format!("{subject} does not exist, as `--owner` says")
                }
            }
        };
        Told::all(explained.questions.iter().map(line).collect())
    }

    fn body(&self, endpoint: &Endpoint, is_end: bool) -> Told {
        let given = self.bytes.len();
        match (endpoint.body, self.explained.body) {
            (_, None) if is_end => Told::one(size(given)),
            (BodyUse::Ignored, None) => Told::none("none is wanted"),
            (BodyUse::Ignored, Some(length)) => {
                Told::one(format!("{}, which nobody reads", size(length)))
            }
            (BodyUse::Spec(_) | BodyUse::Json(_), length) => Told::one(format!(
                "{}, of at most {}",
                size(length.unwrap_or(given)),
                size(self.snapshot.max_body)
            )),
        }
    }

    fn authorize(&self, endpoint: &Endpoint) -> Told {
        let reasons = &self.explained.reasons;
        if !reasons.is_empty() {
            let mut lines: Vec<String> = reasons.iter().flat_map(because).collect();
            let is_hidden = matches!(
                self.explained.verdict.decision,
                Err(Rejection::UnknownTask | Rejection::UnknownSupervisor)
            );
            if is_hidden {
                lines
                    .push("nor may its datasource be read, so it is told to be unknown".to_owned());
            }
            return Told::all(lines);
        }
        match endpoint.disclosure {
            Disclosure::Whole | Disclosure::Payload => {
                Told::none("no datasource is named; the standing decides")
            }
            Disclosure::TaskList
            | Disclosure::TaskStatuses
            | Disclosure::Supervisors
            | Disclosure::SupervisorHistories
            | Disclosure::SupervisorHistory
            | Disclosure::CompactionConfigs
            | Disclosure::CompactionStatuses => Told::none(format!(
                "the answer is reduced to what may be read: {}",
                self.sight()
            )),
        }
    }

    /// The patterns of what the principal may see.
    fn sight(&self) -> String {
        let policies = &self.snapshot.policies;
        let reason = policies.reason_to_ask(self.principal, Action::Read);
        let mut patterns = Vec::new();
        for standing in reason
            .grants
            .iter()
            .filter(|standing| standing.lack.is_none())
        {
            for pattern in &standing.grant.datasources {
                let pattern = quote(&pattern.to_string());
                if !patterns.contains(&pattern) {
                    patterns.push(pattern);
                }
            }
        }
        some(patterns)
    }

    fn review(&self, endpoint: &Endpoint) -> Told {
        let findings = &self.explained.verdict.trace.findings;
        if !matches!(endpoint.body, BodyUse::Spec(_)) {
            return Told::none("no spec is reviewed");
        }
        let count = |wanted: Severity| {
            let of_level = findings.iter().filter(|finding| finding.severity == wanted);
            of_level.count()
        };
        let counts: Vec<String> = [
            (count(Severity::Error), "error", "errors"),
            (count(Severity::Warning), "warning", "warnings"),
            (count(Severity::Info), "note", "notes"),
        ]
        .into_iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more }))
        .collect();
        let version = self.snapshot.druid_version;
        if counts.is_empty() {
            return Told::one(format!("no findings (Druid {version})"));
        }
        let audit = match self.snapshot.enforcement {
            Enforcement::Audit if count(Severity::Error) > 0 => {
                "; `mode = \"audit\"` refuses nothing"
            }
            Enforcement::Audit | Enforcement::Enforce => "",
        };
        Told::one(format!("{} (Druid {version}){audit}", counts.join(", ")))
    }

    fn quota(&self) -> Told {
        let explained = self.explained;
        let claim = &explained.claim;
        if claim.draws.is_empty() && claim.live.is_empty() {
            return Told::none("no limit counts it");
        }
        let is_dry = matches!(
            explained.verdict.decision,
            Ok(ref admitted) if matches!(admitted.forward, Forward::DryRun { .. })
        );
        let verb = if is_dry { "would count" } else { "counts" };
        let rates = claim.draws.iter().map(|draw| rate_line(draw, verb));
        let quotas = claim.live.iter().map(|draw| quota_line(draw, verb));
        Told::all(rates.chain(quotas).collect())
    }
}

fn audited(holds: Holds) -> &'static str {
    match holds {
        Holds::Enforced => "",
        Holds::Audited => "; it is only audited",
    }
}

fn rate_line(draw: &Draw, verb: &str) -> String {
    let parts: Vec<String> = draw.parts().map(|(_, name)| quote(name)).collect();
    let each = match parts.is_empty() {
        true => "for all together".to_owned(),
        false => format!("for {}", parts.join(" and ")),
    };
    let cost = match (draw.rule.cost, draw.cost) {
        (Cost::Request, _) => "it".to_owned(),
        (Cost::Slots, 1) => "its slot".to_owned(),
        (Cost::Slots, slots) => format!("its {slots} slots"),
    };
    format!(
        "{} {verb} {cost} {each}: {}, bursts of {}{}",
        quote(&draw.rule.name),
        draw.numbers.rate,
        draw.numbers.burst,
        audited(draw.holds)
    )
}

fn quota_line(draw: &LiveDraw, verb: &str) -> String {
    let each = match &draw.group {
        Group::All => "among all".to_owned(),
        Group::DataSource(name) => format!("among those of {}", quote(name.as_str())),
        Group::Role(name) => format!("among those of the role {}", quote(name)),
    };
    let unit = match draw.quota.count {
        Cost::Request => "live tasks",
        Cost::Slots => "slots of live tasks",
    };
    format!(
        "{} {verb} {} {each}: at most {} {unit}{}",
        quote(&draw.quota.name),
        draw.want,
        draw.most,
        audited(draw.holds)
    )
}

/// A need with the grant that serves it, or with those that came near.
fn because(reason: &Reason<'_>) -> Vec<String> {
    let need = need(reason);
    if let Some(standing) = reason.by() {
        let mut lines = vec![format!("{need}: {}", named(standing))];
        lines.extend(waived(standing).map(|words| format!("  {words}")));
        return lines;
    }
    let mut lines = vec![match reason.grants.is_empty() {
        true => format!("{need}: there is no grant"),
        false => format!("{need}: no grant allows it"),
    }];
    let near = reason.near();
    for standing in near.iter().take(MOST_NEAR) {
        if let Some(lacks) = lacks(reason, standing) {
            lines.push(format!("  near: {} {lacks}", named(standing)));
        }
    }
    if near.len() > MOST_NEAR {
        lines.push(format!("  and {} more", near.len() - MOST_NEAR));
    }
    lines
}

/// A list that is cut.
pub(super) fn some(names: impl IntoIterator<Item = String>) -> String {
    let mut names = names.into_iter();
    let few: Vec<String> = names.by_ref().take(MOST_NAMES).collect();
    match names.count() {
        0 => few.join(", "),
        more => format!("{} and {more} more", few.join(", ")),
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes >= 1 << 10 && bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
    }
}
