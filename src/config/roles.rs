//! `[[user]]`, `[[role]]` and `[[rate_limit]]`.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::User;
use super::grants::grant;
use super::table::{Table, nearest};
use super::tls::certificates;
use crate::policy::Role;
use crate::quota::{KeyPart, Rate, RateLimit};
use crate::route::Action;

const ACTIONS: &[(&str, Action)] = &[
    ("read", Action::Read),
    ("submit", Action::Submit),
    ("shutdown", Action::Shutdown),
    ("manage", Action::Manage),
    ("admin", Action::Admin),
    ("read-secrets", Action::ReadSecrets),
];

const KEY_PARTS: &[(&str, KeyPart)] = &[
    ("datasource", KeyPart::DataSource),
    ("principal", KeyPart::Principal),
];

/// A burst is at most this: governor counts in 32 bits and nobody waits for more.
const LARGEST_BURST: usize = 1_000_000;

/// One of a few words in a list.
fn word<T: Copy>(words: &[(&str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let all: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                let hint = nearest(text, words.iter().map(|(word, _)| *word))
                    .map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
                format!(
                    "`{}` is not one of {}{hint}",
                    text.escape_debug(),
                    all.join(", ")
                )
            })
    }
}

/// The table's name, which must be there and be no other's.
fn name(table: &Table<'_, '_>, taken: &mut BTreeSet<String>) -> Option<String> {
    let name = table.required("name")?;
    if name.contains([':', '\u{0}']) || name.chars().any(char::is_control) || name.len() > 128 {
        table.wrong_value(
            "name",
            "a name has at most 128 bytes, no colon and no control character",
            None,
        );
        return None;
    }
    if !taken.insert(name.clone()) {
        table.wrong_value("name", "another has this name", None);
        return None;
    }
    Some(name)
}

/// `[[role]]`
pub(super) fn roles(root: &Table<'_, '_>) -> Vec<Role> {
    let mut taken = BTreeSet::new();
    let mut roles = Vec::new();
    for table in root.tables("role") {
        let name = name(&table, &mut taken);
        let grants = table
            .tables("grant")
            .into_iter()
            .filter_map(|table| {
                let actions = table.list("actions", word(ACTIONS));
                grant(table, actions)
            })
            .collect::<Vec<_>>();
        if grants.is_empty() {
            table.wrong("a role needs a `[[role.grant]]` that is right");
        }
        if let Some(name) = name {
            roles.push(Role {
                name: name.into(),
                grants,
            });
        }
        table.finish();
    }
    roles
}

/// `[[user]]`; `asks` says whether clients are asked for certificates.
pub(super) fn users(root: &Table<'_, '_>, roles: &[Role], asks: bool) -> Vec<User> {
    let mut taken = BTreeSet::new();
    let mut taken_names = BTreeSet::new();
    let mut users = Vec::new();
    for table in root.tables("user") {
        let name = name(&table, &mut taken);
        let certificates = certificates(&table, &mut taken_names, asks);
        let password = if certificates.is_some() {
            table.text("password")
        } else {
            table.required("password")
        };
        if password
            .as_deref()
            .is_some_and(|hash| !hash.starts_with("$argon2id$"))
        {
            table.wrong_value(
                "password",
                "this is not an argon2id hash; `overgate hash-password` makes one",
                None,
            );
        }
        let held = table.list("roles", |text| {
            if roles.iter().any(|role| &*role.name == text) {
                return Ok(text.to_owned());
            }
            let hint = nearest(text, roles.iter().map(|role| &*role.name))
                .map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
            Err(format!("there is no role `{}`{hint}", text.escape_debug()))
        });
        if let Some(name) = name {
            users.push(User {
                name,
                password,
                certificates: certificates.unwrap_or_default(),
                roles: held.unwrap_or_default(),
            });
        }
        table.finish();
    }
    users
}

/// `[[rate_limit]]`
pub(super) fn rate_limits(root: &Table<'_, '_>) -> Vec<Arc<RateLimit>> {
    let mut taken = BTreeSet::new();
    let mut limits = Vec::new();
    for table in root.tables("rate_limit") {
        let name = name(&table, &mut taken);
        let actions = table.list("actions", word(ACTIONS));
        let key = table.list("key", word(KEY_PARTS)).unwrap_or_default();
        let rate = table
            .required("rate")
            .and_then(|_| table.parsed("rate", str::parse::<Rate>));
        let burst = table.count("burst", 1..=LARGEST_BURST);
        if let (Some(name), Some(rate)) = (name, rate) {
            let burst = burst.and_then(|burst| NonZeroU32::new(u32::try_from(burst).ok()?));
            limits.push(Arc::new(RateLimit {
                name: name.into(),
                actions: actions.unwrap_or_else(|| vec![Action::Submit]),
                key,
                burst: burst.unwrap_or(rate.tokens),
                rate,
            }));
        }
        table.finish();
    }
    limits
}
