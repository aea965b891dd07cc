//! Reasons held against decisions: what is told of a verdict is why it fell.

use overgate::admission::{Asked, Check, Rejection, Snapshot, Supplied, explain};
use overgate::caller::Principal;
use overgate::druid::{DataSourcePattern, DataSourcePatterns};
use overgate::policy::{Grant, Lack, On, PolicySet, Reason, Role, Scope};
use overgate::route::Action;
use overgate::spec::Spec;

/// What is wrong with the reasons of a submission of which the decision is known.
pub fn of_submission(
    policies: &PolicySet,
    principal: &Principal,
    spec: &Spec,
    is_allowed: bool,
) -> Vec<String> {
    let reasons = policies.reasons_to_submit(principal, spec);
    let mut wrong = Vec::new();
    if reasons.iter().all(Reason::allows) != is_allowed {
        wrong.push(format!("reasons {reasons:#?} for {is_allowed}"));
    }
    let is_operator = policies
        .authorize(principal, Action::Admin, Scope::Cluster)
        .is_ok();
    for reason in &reasons {
        // A grant that serves does so alone, unless its condition was waived for another's sake.
        for standing in &reason.grants {
            let lack = match (&standing.lack, &standing.waived) {
                (None, None) if is_operator => continue,
                (None, Some(_)) => {
                    if !is_operator {
                        wrong.push(format!("{} is waived for nobody", standing.number));
                    }
                    continue;
                }
                (None, None) => {
                    if !serves(standing.grant, principal, spec, &reason.on, reason.action) {
                        wrong.push(format!("{:?} does not serve {reason:?}", standing.grant));
                    }
                    continue;
                }
                (Some(lack), _) => lack,
            };
            // What is said to be lacking is: with it the grant serves, or lacks something else.
            if let Some(mended) = mended(standing.grant, lack, reason) {
                let set = only(principal, mended);
                let again = set.reasons_to_submit(principal, spec);
                let same = again
                    .iter()
                    .find(|other| other.on == reason.on && other.action == reason.action);
                let still = same.and_then(|other| other.grants.first());
                if still.is_some_and(|standing| standing.lack.as_ref() == Some(lack)) {
                    wrong.push(format!("{lack:?} is not what {:?} lacks", standing.grant));
                }
            }
        }
    }
    wrong
}

/// A set with one grant only.
fn only(principal: &Principal, grant: Grant) -> PolicySet {
    PolicySet::new([Role {
        name: principal.roles().first().expect("a role").clone(),
        grants: vec![grant],
    }])
}

fn serves(grant: &Grant, principal: &Principal, spec: &Spec, on: &On, action: Action) -> bool {
    let set = only(principal, grant.clone());
    match on {
        On::DataSource(datasource) => {
            let wanted = [datasource.clone()];
            let scope = Scope::DataSources(&wanted);
            set.authorize(principal, action, scope).is_ok()
        }
        On::Cluster => set.authorize(principal, action, Scope::Cluster).is_ok(),
        On::Anything => set.standing(principal, action).is_ok(),
        On::Opaque(_) => {
            let mut alone = spec.clone();
            alone.effects.reads.clear();
            set.authorize_submission(principal, &alone).is_ok()
        }
        On::Nothing => false,
    }
}

/// The grant's patterns, and this one.
fn added(grant: &Grant, pattern: DataSourcePattern) -> DataSourcePatterns {
    let own = grant.datasources.iter().cloned();
    own.chain([pattern]).collect()
}

/// The grant with what it lacks; `None`: a condition, which is not mended in one step.
fn mended(grant: &Grant, lack: &Lack, reason: &Reason<'_>) -> Option<Grant> {
    let mut grant = grant.clone();
    match (lack, &reason.on) {
        (Lack::Action, _) => grant.actions.push(reason.action),
        (Lack::DataSource, On::DataSource(datasource)) => {
            let pattern = datasource.as_str().parse().expect("a name is a pattern");
            grant.datasources = added(&grant, pattern);
        }
        (Lack::Cluster, _) => {
            grant.datasources = added(&grant, "*".parse().expect("a pattern"));
        }
        (Lack::DataSource | Lack::Condition(_), _) => return None,
    }
    Some(grant)
}

/// What `explain` tells of a request is what the machine decided, and why.
pub fn are_those_of_the_verdict(
    snapshot: &Snapshot,
    method: &str,
    target: String,
    body: Option<String>,
    owner: Option<&[String]>,
    outcome: &Result<(), Rejection>,
) {
    let told = format!("{method} {target} {body:?} {owner:?}: {outcome:?}");
    let names = |names: &[String]| {
        let names = names.iter().map(|name| name.parse().expect("a name"));
        Supplied::DataSources(names.collect())
    };
    let asked = Asked {
        head: super::head(method, target, body.as_deref()),
        principal: super::principal(),
        owner: owner.map_or(Supplied::Nobody, names),
        body: body.map(Into::into),
    };
    let explained = explain(&asked, snapshot).unwrap_or_else(|_| panic!("{told}"));
    let decision = explained.verdict.decision.as_ref().map(|_| ());
    assert_eq!(decision.map_err(Clone::clone), *outcome, "{told}");
    let stands = explained.standing.as_ref().is_none_or(Reason::allows);
    let is_authorized = explained.reasons.iter().all(Reason::allows);
    match (&explained.ended, outcome) {
        (None, Ok(())) => assert!(stands && is_authorized, "{told}: {explained:#?}"),
        (Some(Check::Standing), Err(_)) => assert!(!stands, "{told}: {explained:#?}"),
        (Some(Check::Authorize), Err(_)) => {
            assert!(stands && !is_authorized, "{told}: {explained:#?}");
        }
        (Some(check), Err(_)) => {
            assert!(is_authorized, "{told}: {check:?} {explained:#?}");
        }
        (ended, outcome) => panic!("{told}: {ended:?} {outcome:?}"),
    }
}
