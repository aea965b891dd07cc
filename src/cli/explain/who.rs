//! Who asks, as a configuration knows them.

use std::sync::Arc;

use super::stages::some;
use crate::caller::Principal;
use crate::config::{self, Config, nearest};
use crate::finding::quote;

/// A principal, and how it is known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) principal: Principal,
    pub(super) how: String,
}

/// The principal of that name, with the roles of the configuration, or those that are said of the
/// bearer of a token.
pub(super) fn principal(name: &str, said: &[String], config: &Config) -> Result<Known, String> {
    let has_roles_of_its_own = || match said {
        [] => Ok(()),
        _ => Err(format!(
            "`--role` is for tokens: the roles of {} are in the configuration",
            quote(name)
        )),
    };
    if let Some(user) = config.users.iter().find(|user| user.name == name) {
        has_roles_of_its_own()?;
        return Ok(known(name, &user.roles, "a user of the configuration"));
    }
    if let Some((prefix, subject)) = name.split_once(':') {
        return bearer(name, prefix, subject, said, config);
    }
    let filed = match &config.htpasswd {
        Some(path) => config::htpasswd_users(path)
            .map_err(|error| format!("the htpasswd file {}: {error}", path.display()))?,
        None => Vec::new(),
    };
    if filed.iter().any(|user| user == name) {
        has_roles_of_its_own()?;
        return Ok(known(name, &[], "a user of the htpasswd file"));
    }
    let users = config.users.iter().map(|user| user.name.as_str());
    let mut users: Vec<&str> = users.collect();
    for user in &filed {
        if !users.contains(&user.as_str()) {
            users.push(user);
        }
    }
    let near = nearest(name, users.iter().copied()).or_else(|| {
        // Short names with two letters the wrong way round.
        let mut users = users.iter();
        let near = users.find(|user| strsim::osa_distance(name, user) == 1)?;
        Some((*near).to_owned())
    });
    let token = match config.issuers.first() {
        Some(issuer) => format!("; the bearer of a token is `{}:SUBJECT`", issuer.name),
        None => String::new(),
    };
    let hint = match (near, users.as_slice()) {
        (Some(near), _) => format!("did you mean {}?", quote(&near)),
        (None, []) => format!("it has none{token}"),
        (None, many) => {
            let few = some(many.iter().map(|user| quote(user)));
            format!("it has {few}{token}")
        }
    };
    let name = quote(name);
    Err(format!("the configuration has no user {name}: {hint}"))
}

/// The bearer of a token: `ISSUER:SUBJECT`.
fn bearer(
    name: &str,
    prefix: &str,
    subject: &str,
    said: &[String],
    config: &Config,
) -> Result<Known, String> {
    let Some(issuer) = config.issuers.iter().find(|issuer| issuer.name == prefix) else {
        let names = config.issuers.iter().map(|issuer| issuer.name.as_str());
        let hint = match nearest(prefix, names) {
            Some(near) => format!("; did you mean {}?", quote(&format!("{near}:{subject}"))),
            None => String::new(),
        };
        return Err(format!(
            "the configuration has no issuer {}{hint}",
            quote(prefix)
        ));
    };
    if subject.is_empty() {
        return Err(format!("a token names somebody: `{prefix}:SUBJECT`"));
    }
    let given = || issuer.roles.iter().map(|(_, role)| role.as_str());
    for role in said {
        if given().any(|given| given == role) {
            continue;
        }
        let is_known = config.roles.iter().any(|known| *known.name == **role);
        let role_names = config.roles.iter().map(|known| &*known.name);
        let wrong = match is_known {
            true => format!("tokens of `{prefix}` do not give the role {}", quote(role)),
            false => format!("there is no role {}", quote(role)),
        };
        let near = match is_known {
            true => None,
            false => nearest(role, role_names),
        };
        let mut all: Vec<String> = given().map(quote).collect();
        all.dedup();
        let hint = match (near, all.as_slice()) {
            (Some(near), _) => format!("; did you mean {}?", quote(&near)),
            (None, []) => "; they give none".to_owned(),
            (None, all) => format!("; they give {}", all.join(", ")),
        };
        return Err(format!("{wrong}{hint}"));
    }
    let how = format!("by a token of the issuer `{prefix}`");
    Ok(known(name, said, &how))
}

fn known(name: &str, roles: &[String], how: &str) -> Known {
    let mut held: Vec<Arc<str>> = Vec::new();
    for role in roles {
        if !held.iter().any(|known| **known == **role) {
            held.push(role.as_str().into());
        }
    }
    Known {
        principal: Principal::new(name, held),
        how: how.to_owned(),
    }
}
