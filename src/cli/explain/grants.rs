//! Grants, and what they lack, in words.

use super::stages::some;
use crate::finding::quote;
use crate::policy::{Grant, Lack, On, Reason, Standing, Unmet};
use crate::route::Action;

/// Grants that are told of one need that none serves.
pub(super) const MOST_NEAR: usize = 3;

/// ``role `writer`, grant 1 (submit, read on wiki*)``
pub(super) fn named(standing: &Standing<'_>) -> String {
    format!(
        "role {}, grant {} ({})",
        quote(standing.role),
        standing.number,
        described(standing.grant)
    )
}

/// `submit, read on wiki*`
fn described(grant: &Grant) -> String {
    let actions: Vec<&str> = grant.actions.iter().copied().map(Action::name).collect();
    let patterns = grant.datasources.iter().map(ToString::to_string);
    format!("{} on {}", actions.join(", "), some(patterns))
}

/// `submit to wikipedia`
pub(super) fn need(reason: &Reason<'_>) -> String {
    let action = reason.action.name();
    match &reason.on {
        On::Anything => format!("`{action}` on anything"),
        On::Nothing => format!("`{action}` on nothing: no datasource is named"),
        On::DataSource(datasource) => format!("`{action}` on {}", quote(datasource.as_str())),
        On::Cluster => format!("`{action}` on every datasource"),
        On::Opaque(opaque) => format!("`{action}` whatever it does: {}", opaque.reason()),
    }
}

/// What the grant lacks, as a clause about it.
pub(super) fn lacks(reason: &Reason<'_>, standing: &Standing<'_>) -> Option<String> {
    Some(match standing.lack.as_ref()? {
        Lack::Action => format!("lacks `{}`", reason.action.name()),
        Lack::DataSource => match &reason.on {
            On::DataSource(datasource) => format!("does not cover {}", quote(datasource.as_str())),
            On::Anything | On::Nothing | On::Cluster | On::Opaque(_) => {
                "covers other datasources".to_owned()
            }
        },
        Lack::Cluster => "is not on `*`".to_owned(),
        Lack::Condition(unmet) => condition(unmet, standing.grant),
    })
}

/// The condition that is not met, as a clause about its grant.
fn condition(unmet: &Unmet, grant: &Grant) -> String {
    match unmet {
        Unmet::Type(type_id) => match &grant.task_types {
            Some(types) => {
                let types = some(types.iter().map(|named| quote(named)));
                format!("allows the types {types}, not {}", quote(type_id))
            }
            None => format!(
                "has no `task_types`, which {} must be named in",
                quote(type_id)
            ),
        },
        Unmet::Input { type_id, place } => {
            let has_rule = grant.inputs.iter().any(|rule| *rule.type_id == **type_id);
            let input = quote(type_id);
            match (has_rule, place) {
                (false, _) => format!("has no {input} in its `inputs`"),
                (true, Some(place)) => {
                    format!("allows {input} inputs, but none at {}", quote(place))
                }
                (true, None) => format!(
                    "allows {input} inputs at some places, and where this one reads cannot be told"
                ),
            }
        }
        Unmet::Opaque(opaque) => opaque.reason().to_owned(),
    }
}

/// What `waived` says: a condition that does not bind.
pub(super) fn waived(standing: &Standing<'_>) -> Option<String> {
    let unmet = standing.waived.as_ref()?;
    let condition = condition(unmet, standing.grant);
    Some(format!(
        "it {condition}; who has `admin` on `*` is bound by no condition"
    ))
}
