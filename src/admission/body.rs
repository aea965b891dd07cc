//! The checks of a body: from its bytes to the verdict.

use bytes::Bytes;

use super::admitted::{Forward, Verdict};
use super::charge::Then;
use super::known::Known;
use super::step::{AwaitingOwner, Question, Step};
use super::{BodyProblem, Enforcement, Rejection};
use crate::druid::{DataSource, Owner, SupervisorId};
use crate::finding::{Finding, Severity};
use crate::json::{Document, Kind, Node};
use crate::policy::{Permit, Scope};
use crate::route::{Action, JsonUse, SpecKind, Subject};
use crate::spec::{Spec, SpecId, hazards};

/// A spec that was read and authorized by itself; who owns what it replaces is still open.
#[derive(Debug)]
pub(super) struct ReadSpec {
    pub(super) body: Bytes,
    pub(super) spec: Spec,
    pub(super) findings: Vec<Finding>,
    pub(super) permit: Permit,
    /// Supervisors whose owners are still to be asked.
    pub(super) open: Vec<SupervisorId>,
}

/// Judges a spec's bytes.
pub(super) fn judge_spec(mut known: Box<Known>, kind: SpecKind, body: Bytes) -> Step {
    let snapshot = known.snapshot.clone();
    let document = match Document::read(body.clone(), &snapshot.json) {
        Ok(document) => document,
        Err(invalid) => {
            let finding = Finding::invalid(&invalid, &body);
            known.trace.findings = vec![finding.clone()];
            return known.reject(Rejection::InvalidDocument(finding));
        }
    };
    let spec = match Spec::read(&document, kind) {
        Ok(spec) => spec,
        Err(findings) => {
            known.trace.findings.clone_from(&findings);
            return known.reject(Rejection::InvalidSpec(findings));
        }
    };
    let effects = &spec.effects;
    known.trace.datasources = effects
        .writes
        .iter()
        .chain(&effects.reads)
        .cloned()
        .collect();
    let policies = &snapshot.policies;
    let permit = match kind {
        SpecKind::Task | SpecKind::Supervisor => {
            policies.authorize_submission(&known.principal, &spec)
        }
        SpecKind::Sampler => policies.authorize(&known.principal, Action::Admin, Scope::Cluster),
    };
    let permit = match permit {
        Ok(permit) => permit,
        Err(denial) => return known.reject(denial.into()),
    };
    known.trace.rule = Some(permit.role().clone());
    // Who may not submit it learns nothing of it, and costs no more than the reading.
    let findings = snapshot.schemas.check(&document, kind);
    let open = match &spec.id {
        SpecId::Supervisor(ids) => ids.clone(),
        SpecId::Task(_) | SpecId::None => Vec::new(),
    };
    let read = ReadSpec {
        body,
        spec,
        findings,
        permit,
        open,
    };
    next_owner(known, read)
}

/// Asks for the owner of the next supervisor that the submission could replace; judges on when
/// there is none left. Druid never checks the one that is replaced, on any version (run on 28.0.0).
pub(super) fn next_owner(known: Box<Known>, mut read: ReadSpec) -> Step {
    match read.open.pop() {
        Some(id) => Step::NeedOwner(AwaitingOwner {
            known,
            question: Question::Replaced {
                id,
                read: Box::new(read),
            },
        }),
        None => finish_spec(known, read),
    }
}

/// The owner of a supervisor that would be replaced.
pub(super) fn replaced(known: Box<Known>, read: ReadSpec, owner: Option<Owner>) -> Step {
    let policies = &known.snapshot.policies;
    let action = known.route.endpoint.action;
    let allowed = match &owner {
        None => Ok(()),
        Some(Owner::DataSources(datasources)) => policies
            .authorize(&known.principal, action, Scope::DataSources(datasources))
            .map(drop),
        Some(Owner::Unnamed) => policies
            .authorize(&known.principal, action, Scope::Cluster)
            .map(drop),
    };
    match allowed {
        Ok(()) => next_owner(known, read),
        // The name of somebody else's datasource is not for the one who was refused.
        Err(_) => known.reject(Rejection::Forbidden {
            action,
            datasource: None,
            unmet: None,
        }),
    }
}

fn finish_spec(mut known: Box<Known>, read: ReadSpec) -> Step {
    known.trace.findings.clone_from(&read.findings);
    let refused = known.snapshot.enforcement == Enforcement::Enforce
        && read
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
    let is_dry = known.route.query.is_dry_run();
    if refused && !is_dry {
        return known.reject(Rejection::Review(read.findings));
    }
    let claim = known.claim_of(&read.spec, read.permit.role());
    let effects = read.spec.effects;
    let datasource = effects.writes.first().cloned();
    known.trace.counted.clone_from(&datasource);
    let forward = match read.spec.id {
        // Who may submit may ask: a refusal by the review is an answer, not a failure.
        _ if is_dry => Forward::DryRun {
            refused_by: refused.then_some("review"),
            charges: claim.charges(),
            datasources: effects
                .writes
                .iter()
                .chain(&effects.reads)
                .cloned()
                .collect(),
            slots: effects.slots,
        },
        SpecId::Task(id) => Forward::SubmitTask {
            body: read.body,
            id,
            type_id: read.spec.type_id,
            datasource,
        },
        SpecId::Supervisor(ids) => Forward::SubmitSupervisor {
            body: read.body,
            ids,
        },
        SpecId::None => Forward::Relay {
            body: Some(read.body),
        },
    };
    let then = Then::Admit {
        permit: read.permit,
        forward,
        warnings: read.findings,
    };
    match is_dry {
        true => known.need_charge(claim.dry(), then),
        false => known.need_charge(claim, then),
    }
}

/// Judges the bytes of a JSON body that is no spec.
pub(super) fn judge_json(
    mut known: Box<Known>,
    permit: Option<Permit>,
    use_: JsonUse,
    body: Bytes,
) -> Step {
    let document = match Document::read(body.clone(), &known.snapshot.json) {
        Ok(document) => document,
        Err(invalid) => {
            let finding = Finding::invalid(&invalid, &body);
            known.trace.findings = vec![finding.clone()];
            return known.reject(Rejection::InvalidDocument(finding));
        }
    };
    // A compaction configuration has a task context too, which reaches a JVM like any other.
    let hazards = hazards(&document);
    if !hazards.is_empty() {
        known.trace.findings.clone_from(&hazards);
        return known.reject(Rejection::InvalidSpec(hazards));
    }
    let named = match names(document.root(), use_) {
        Ok(named) => named,
        Err(finding) => {
            let finding = *finding;
            known.trace.findings = vec![finding.clone()];
            return known.reject(Rejection::InvalidSpec(vec![finding]));
        }
    };
    if use_ == JsonUse::SameDataSource {
        let same = match (&known.route.subject, named.as_slice()) {
            (Subject::DataSource(path), [body]) => path == body,
            _ => false,
        };
        if !same {
            let finding = Finding::new(
                crate::finding::Code::ConflictingDatasource,
                document.root(),
                "`dataSource` is not the datasource of the path",
            );
            return known.reject(Rejection::InvalidSpec(vec![finding]));
        }
    }
    let action = known.route.endpoint.action;
    let permit = match permit {
        Some(permit) => permit,
        None => {
            known.trace.datasources.clone_from(&named);
            let scope = if named.is_empty() {
                Scope::Cluster
            } else {
                Scope::DataSources(&named)
            };
            match known
                .snapshot
                .policies
                .authorize(&known.principal, action, scope)
            {
                Ok(permit) => permit,
                Err(denial) => {
                    return known.reject(denial.into());
                }
            }
        }
    };
    known.trace.rule = Some(permit.role().clone());
    let about = known.trace.datasources.first().cloned();
    known.finish(permit, Forward::Relay { body: Some(body) }, about)
}

/// The datasources that a JSON body names.
fn names(root: Node<'_>, use_: JsonUse) -> Result<Vec<DataSource>, Box<Finding>> {
    use crate::finding::Code;
    let wrong =
        |node: Node<'_>, message: &str| Box::new(Finding::new(Code::WrongType, node, message));
    let name = |node: Node<'_>| -> Result<DataSource, Box<Finding>> {
        let text = node
            .as_str()
            .ok_or_else(|| wrong(node, "A datasource is a string"))?;
        text.parse().map_err(|error: crate::druid::InvalidName| {
            Box::new(Finding::new(Code::InvalidName, node, error.to_string()))
        })
    };
    match use_ {
        JsonUse::Plain => Ok(Vec::new()),
        JsonUse::TaskIds => {
            if root.kind() != Kind::Array {
                return Err(wrong(root, "The body is a list of task ids"));
            }
            match root
                .elements()
                .find(|element| element.kind() != Kind::String)
            {
                Some(element) => Err(wrong(element, "A task id is a string")),
                None => Ok(Vec::new()),
            }
        }
        JsonUse::SameDataSource => match root.get("dataSource") {
            Some(node) => Ok(vec![name(node)?]),
            None => Err(wrong(root, "`dataSource` is missing")),
        },
        JsonUse::LockFilters => {
            if root.kind() != Kind::Array {
                return Err(wrong(root, "The body is a list of filters"));
            }
            let of = |element: Node<'_>| match element.get("datasource") {
                Some(node) => name(node),
                None => Err(wrong(element, "`datasource` is missing")),
            };
            root.elements().map(of).collect()
        }
        JsonUse::DataSourceKeys => {
            if root.kind() != Kind::Object {
                return Err(wrong(root, "The body is an object of datasources"));
            }
            root.entries().map(|(key, _)| name(key)).collect()
        }
    }
}

/// Does the head of the request allow a body of JSON?
pub(super) fn media_type(content_type: Option<&str>) -> Result<(), BodyProblem> {
    let Some(value) = content_type else {
        return Err(BodyProblem::MediaType);
    };
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(BodyProblem::MediaType);
    }
    for parameter in parts {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(BodyProblem::MediaType);
        };
        // Jackson ignores the charset and guesses; the body is read as UTF-8 here.
        let value = value.trim().trim_matches('"');
        let is_utf8 = value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8");
        if !name.trim().eq_ignore_ascii_case("charset") || !is_utf8 {
            return Err(BodyProblem::MediaType);
        }
    }
    Ok(())
}

impl From<Verdict> for Step {
    fn from(verdict: Verdict) -> Step {
        Step::Done(Box::new(verdict))
    }
}
