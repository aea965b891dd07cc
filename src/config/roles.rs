//! `[[role]]`, and the words and names that other tables share with it.

use std::collections::BTreeSet;

use super::grants::grant;
use super::table::{Table, nearest};
use crate::policy::Role;
use crate::route::Action;

pub(super) const ACTIONS: &[(&str, Action)] = &[
    ("read", Action::Read),
    ("submit", Action::Submit),
    ("shutdown", Action::Shutdown),
    ("manage", Action::Manage),
    ("admin", Action::Admin),
    ("read-secrets", Action::ReadSecrets),
];

/// One of a few words in a list.
pub(super) fn word<T: Copy>(words: &[(&str, T)]) -> impl Fn(&str) -> Result<T, String> {
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

pub(super) const NAME: &str = "a name has at most 128 bytes, no colon and no control character";

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && !text.contains(':')
        && !text.chars().any(char::is_control)
}

/// The table's name, which must be there and be no other's.
pub(super) fn name(table: &Table<'_, '_>, taken: &mut BTreeSet<String>) -> Option<String> {
    let name = table.required("name")?;
    if !is_name(&name) {
        table.wrong_value("name", NAME, None);
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
