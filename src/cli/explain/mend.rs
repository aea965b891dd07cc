//! What would have a request admitted, if somebody knows.

use super::Story;
use super::grants::MOST_NEAR;
use crate::admission::{Check, Explained, Rejection};
use crate::cli::lint::help;
use crate::config::nearest;
use crate::finding::{Finding, Severity, plain, quote};
use crate::policy::{Lack, On, Reason, Standing, Unmet};
use crate::route::{Action, CanonicalPath, ENDPOINTS, PREFIX, Route, Target};
use crate::spec::Input;

/// The remedy in a sentence; `None`: there is none, or nobody knows.
pub(super) fn remedy(story: &Story<'_>) -> Option<String> {
    let explained = story.explained;
    let ended = explained.ended?;
    match &explained.verdict.decision {
        Err(Rejection::UnknownEndpoint) => endpoint(story),
        Err(Rejection::MethodNotAllowed(allow)) => Some(format!("use {}", allow.join(" or "))),
        Err(Rejection::NotInVersion(_)) => {
            Some("if the cluster runs another Druid, say so in `upstream.druid_version`".to_owned())
        }
        Err(Rejection::Body(_)) => None,
        Err(
            Rejection::Forbidden { .. } | Rejection::UnknownTask | Rejection::UnknownSupervisor,
        ) if ended != Check::Owner => grants(story),
        Err(Rejection::Forbidden { .. }) => {
            let action = explained.verdict.trace.endpoint?.action.name();
            Some(format!(
                "it takes `{action}` on every datasource of the supervisor that it would replace"
            ))
        }
        Err(Rejection::InvalidDocument(_) | Rejection::InvalidSpec(_) | Rejection::Review(_))
        | Ok(_) => first_help(&explained.verdict.trace.findings),
        Err(
            Rejection::MalformedTarget(_)
            | Rejection::Unauthenticated(_)
            | Rejection::WrongCredentials(_)
            | Rejection::TooManyFailures(_)
            | Rejection::NoIssuerKeys
            | Rejection::TooManyLogins
            | Rejection::Blocked
            | Rejection::UnknownTask
            | Rejection::UnknownSupervisor
            | Rejection::OverQuota { .. },
        ) => None,
    }
}

/// What to do about the first error.
fn first_help(findings: &[Finding]) -> Option<String> {
    let mut errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let finding = errors.next()?;
    let help = help(finding)?;
    let more = match errors.count() {
        0 => "",
        _ => "; more above",
    };
    Some(format!("line {}: {help}{more}", finding.line))
}

/// The address that was probably meant.
fn endpoint(story: &Story<'_>) -> Option<String> {
    let (path, query) = match story.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (story.target, None),
    };
    let whole = format!("{PREFIX}{path}");
    if let Ok(Target::Below(canonical, _)) = CanonicalPath::parse(&whole)
        && Route::find(story.method, canonical, query).is_ok()
    {
        return Some(format!("write {}", quote(&whole)));
    }
    let below = path.strip_prefix(PREFIX).unwrap_or(path);
    let templates = ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.method == story.method);
    let near = nearest(below, templates.map(|endpoint| endpoint.template))?;
    Some(format!("did you mean `{PREFIX}{near}`?"))
}

/// The grants that are missing, or the conditions to change in those that are there.
fn grants(story: &Story<'_>) -> Option<String> {
    let Explained {
        standing, reasons, ..
    } = story.explained;
    let missing = standing.iter().chain(reasons);
    let missing: Vec<&Reason<'_>> = missing.filter(|reason| !reason.allows()).collect();
    let mut remedies: Vec<String> = Vec::new();
    for reason in &missing {
        let near = reason.near();
        let condition = near.iter().find_map(|standing| match &standing.lack {
            Some(Lack::Condition(unmet)) => Some((*standing, unmet)),
            Some(Lack::Action | Lack::DataSource | Lack::Cluster) | None => None,
        });
        let remedy = match condition {
            Some((standing, unmet)) => Some(change(story, standing, unmet)),
            None => grant(story, reason, &missing),
        };
        remedies.extend(remedy.filter(|remedy| !remedies.contains(remedy)));
    }
    (!remedies.is_empty()).then(|| remedies.join("; and "))
}

/// The grant that serves this need, and all of its kind that are missing.
fn grant(story: &Story<'_>, reason: &Reason<'_>, missing: &[&Reason<'_>]) -> Option<String> {
    let name = quote(story.principal.name());
    let role = match story.principal.roles() {
        [] => format!("a role for {name}, who has none, and in it a grant"),
        [role] => format!("a grant in the role {}", quote(role)),
        _ => format!("a grant in a role of {name}"),
    };
    let action = reason.action.name();
    let grant = format!("{role} with actions = [\"{action}\"]");
    let datasources = match &reason.on {
        On::Nothing => return None,
        On::Anything => return Some(grant),
        On::Cluster | On::Opaque(_) => vec!["*".to_owned()],
        On::DataSource(_) => missing
            .iter()
            .filter(|other| other.action == reason.action)
            .filter_map(|other| match &other.on {
                On::DataSource(datasource) => Some(datasource.to_string()),
                On::Anything | On::Nothing | On::Cluster | On::Opaque(_) => None,
            })
            .collect(),
    };
    let mut grant = format!(
        "{grant}, datasources = [\"{}\"]",
        datasources.join("\", \"")
    );
    let spec = story.explained.spec.as_ref();
    if let Some(spec) = spec.filter(|_| reason.action == Action::Submit) {
        if !spec.effects.is_plain {
            grant.push_str(&format!(", task_types = [\"{}\"]", plain(&spec.type_id)));
        }
        let inputs = spec.effects.inputs.as_slice();
        let mut rules: Vec<String> = Vec::new();
        for input in inputs {
            let of_type = inputs.iter().filter(|other| other.type_id == input.type_id);
            let rule = rule(&input.type_id, of_type);
            rules.extend((!rules.contains(&rule)).then_some(rule));
        }
        if !rules.is_empty() {
            grant.push_str(&format!(", inputs = [{}]", rules.join(", ")));
        }
    }
    Some(grant)
}

/// The change of a grant that has its condition met.
fn change(story: &Story<'_>, standing: &Standing<'_>, unmet: &Unmet) -> String {
    let grant = format!("grant {} of role {}", standing.number, quote(standing.role));
    match unmet {
        Unmet::Type(type_id) => match &standing.grant.task_types {
            Some(_) => format!("add \"{}\" to the `task_types` of {grant}", plain(type_id)),
            None => format!(
                "name the type: `task_types = [\"{}\", …]` in {grant}, with the others that it is to allow",
                plain(type_id)
            ),
        },
        Unmet::Input { type_id, .. } => {
            let spec = story.explained.spec.as_ref();
            let inputs = spec.map(|spec| spec.effects.inputs.as_slice());
            let of_type = inputs
                .unwrap_or_default()
                .iter()
                .filter(|input| input.type_id == *type_id);
            let rule = rule(type_id, of_type.clone());
            let mut all = of_type;
            match all.all(|input| input.is_told) {
                true => format!("allow it in the `inputs` of {grant}: {rule}"),
                false => format!(
                    "write plainly where it reads, or allow any place in the `inputs` of {grant}: {rule}"
                ),
            }
        }
        Unmet::Opaque(opaque) => opaque.reason().to_owned(),
    }
}

/// `{ type = "s3", buckets = ["landing"] }`
fn rule<'i>(type_id: &str, inputs: impl Iterator<Item = &'i Input>) -> String {
    let (mut hosts, mut buckets, mut is_told) = (Vec::new(), Vec::new(), true);
    for input in inputs {
        is_told &= input.is_told;
        hosts.extend(input.hosts.iter().map(|host| plain(host)));
        buckets.extend(input.buckets.iter().map(|bucket| plain(bucket)));
    }
    let mut rule = format!("{{ type = \"{}\"", plain(type_id));
    for (key, mut names) in [("hosts", hosts), ("buckets", buckets)] {
        names.sort();
        names.dedup();
        // No list covers what is not understood, and a long one helps nobody.
        if !is_told || names.is_empty() || names.len() > MOST_NEAR {
            continue;
        }
        rule.push_str(&format!(", {key} = [\"{}\"]", names.join("\", \"")));
    }
    rule + " }"
}
