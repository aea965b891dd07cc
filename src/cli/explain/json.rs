//! For programs: the shape that `docs/explain.md` shows.

use serde_json::{Value, json};

use super::grants::lacks;
use super::mend::remedy;
use super::stages::{Outcome, stages};
use super::{Answer, Story};
use crate::admission::{Case, Check, Question};
use crate::cli::lint::kind_name;
use crate::druid::{DataSource, Owner};
use crate::finding::plain;
use crate::policy::{On, Reason, Standing};
use crate::quota::{Cost, Draw, Group, Holds, LiveDraw};
use crate::route::{Action, Subject};
use crate::spec::{Input, Place, Spec};

/// Places of an input that are told.
const MOST_PLACES: usize = 100;

pub(super) fn tell(story: &Story<'_>, answer: &Answer) -> String {
    let explained = story.explained;
    let trace = &explained.verdict.trace;
    let refusal = answer.refusal.as_ref();
    let roles: Vec<&str> = story.principal.roles().iter().map(AsRef::as_ref).collect();
    let told = json!({
        "version": 1,
        "druid": story.snapshot.druid_version.to_string(),
        "request": {"method": story.method, "target": plain(story.target)},
        "principal": {"name": &**story.principal.name(), "roles": roles},
        "admitted": answer.is_admitted,
        "status": answer.status,
        "stage": explained.ended.map(Check::name),
        "code": refusal.map(|refusal| refusal.code),
        "message": refusal.map(|refusal| refusal.message.as_str()),
        "fix": remedy(story).filter(|_| !answer.is_admitted),
        "operation": trace.endpoint.map(|endpoint| endpoint.operation.name()),
        "stages": stages(story).into_iter().map(|stage| json!({
            "stage": stage.check.name(),
            "outcome": match stage.outcome {
                Outcome::Passed => "passed",
                Outcome::Refused => "refused",
                Outcome::Skipped => "skipped",
            },
            "text": stage.lines,
        })).collect::<Vec<Value>>(),
        "standing": explained.standing.as_ref().map(reason),
        "owners": explained.questions.iter().map(question).collect::<Vec<Value>>(),
        "spec": explained.spec.as_ref().map(spec),
        "reasons": explained.reasons.iter().map(reason).collect::<Vec<Value>>(),
        "findings": trace.findings,
        "limits": explained.claim.draws.iter().map(limit).collect::<Vec<Value>>(),
        "quotas": explained.claim.live.iter().map(quota).collect::<Vec<Value>>(),
        "cases": explained.cases.iter().map(case).collect::<Vec<Value>>(),
    });
    // A tree of strings and numbers can always be written.
    serde_json::to_string_pretty(&told).unwrap_or_default()
}

fn reason(reason: &Reason<'_>) -> Value {
    let (on, opaque) = match &reason.on {
        On::DataSource(datasource) => (json!(datasource.as_str()), None),
        On::Cluster => (json!("*"), None),
        On::Anything | On::Nothing => (Value::Null, None),
        On::Opaque(opaque) => (json!("*"), Some(opaque.reason())),
    };
    json!({
        "action": reason.action.name(),
        "on": on,
        "opaque": opaque,
        "allowed": reason.allows(),
        "by": reason.by().map(|standing| grant(reason, standing)),
        "near": match reason.allows() {
            true => Vec::new(),
            false => reason.near().into_iter().map(|near| grant(reason, near)).collect(),
        },
    })
}

fn grant(reason: &Reason<'_>, standing: &Standing<'_>) -> Value {
    let Standing {
        role,
        number,
        grant,
        lack: _,
        waived: _,
    } = standing;
    let actions: Vec<&str> = grant.actions.iter().copied().map(Action::name).collect();
    let datasources: Vec<String> = grant.datasources.iter().map(ToString::to_string).collect();
    json!({
        "role": &***role,
        "grant": number,
        "actions": actions,
        "datasources": datasources,
        "lacks": lacks(reason, standing),
    })
}

fn question(question: &Question) -> Value {
    let (kind, id) = match &question.subject {
        Subject::Task(id) => ("task", id.as_str()),
        Subject::Supervisor(id) => ("supervisor", id.as_str()),
        Subject::DataSource(name) => ("datasource", name.as_str()),
        Subject::Worker(name) => ("worker", name.as_str()),
        Subject::None => ("none", ""),
    };
    let owner = question.owner.as_ref().map(|owner| match owner {
        Owner::DataSources(names) => json!(texts(names)),
        Owner::Unnamed => json!(["*"]),
    });
    json!({"kind": kind, "id": id, "datasources": owner})
}

fn texts(names: &[DataSource]) -> Vec<&str> {
    names.iter().map(DataSource::as_str).collect()
}

fn spec(spec: &Spec) -> Value {
    let Spec {
        kind,
        type_id,
        id: _,
        effects,
    } = spec;
    json!({
        "kind": kind_name(*kind),
        "type": plain(type_id),
        "writes": texts(&effects.writes),
        "reads": texts(&effects.reads),
        "inputs": effects.inputs.iter().map(input).collect::<Vec<Value>>(),
        "slots": effects.slots,
        "opaque": effects.opaque.map(|opaque| opaque.reason()),
    })
}

fn input(input: &Input) -> Value {
    let Input {
        type_id,
        hosts,
        buckets,
        paths,
        is_told,
    } = input;
    let all = |names: &[String]| -> Vec<String> {
        let names = names.iter().take(MOST_PLACES);
        names.map(|name| plain(name)).collect()
    };
    let place = |place: &Place| json!({"path": plain(&place.text), "prefix": place.is_prefix});
    json!({
        "type": plain(type_id),
        "hosts": all(hosts),
        "buckets": all(buckets),
        "paths": paths.iter().take(MOST_PLACES).map(place).collect::<Vec<Value>>(),
        "complete": *is_told && [hosts.len(), buckets.len(), paths.len()].iter().all(|count| *count <= MOST_PLACES),
    })
}

fn limit(draw: &Draw) -> Value {
    let key: serde_json::Map<String, Value> = draw
        .parts()
        .map(|(part, name)| (part.name().to_owned(), name.into()))
        .collect();
    json!({
        "name": &*draw.rule.name,
        "rate": draw.numbers.rate.to_string(),
        "burst": draw.numbers.burst,
        "key": key,
        "cost": draw.cost,
        "mode": mode(draw.holds),
    })
}

fn quota(draw: &LiveDraw) -> Value {
    let (per, of) = match &draw.group {
        Group::All => ("all", None),
        Group::DataSource(name) => ("datasource", Some(name.as_str())),
        Group::Role(name) => ("role", Some(&**name)),
    };
    let count = match draw.quota.count {
        Cost::Request => "tasks",
        Cost::Slots => "slots",
    };
    json!({
        "name": &*draw.quota.name,
        "per": per,
        "of": of,
        "count": count,
        "max": draw.most,
        "wants": draw.want,
        "mode": mode(draw.holds),
    })
}

fn mode(holds: Holds) -> &'static str {
    match holds {
        Holds::Enforced => "enforce",
        Holds::Audited => "audit",
    }
}

fn case(case: &Case) -> Value {
    let Answer {
        is_admitted,
        status,
        refusal: _,
    } = Answer::of(&case.verdict);
    json!({"owner": case.pattern, "admitted": is_admitted, "status": status})
}
