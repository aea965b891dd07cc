//! `[identity]` and `[[user]]`: who may log in, and with what.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::User;
use super::htpasswd::{self, Line, strength};
use super::roles::name;
use super::sections::Resolve;
use super::table::{Table, nearest};
use super::tls::{certificates, path};
use crate::policy::Role;

/// The users of the file and of its htpasswd file, and where that is. `resolve` is `None` where
/// nobody logs in; `asks` says whether clients are asked for certificates.
pub(super) fn users(
    root: &Table<'_, '_>,
    roles: &[Role],
    resolve: Option<Resolve<'_>>,
    asks: bool,
) -> (Vec<User>, Option<PathBuf>) {
    let identity = root.table("identity");
    let (mut lines, file) = htpasswd(&identity, resolve);
    identity.finish();
    let mut taken = BTreeSet::new();
    let mut taken_names = BTreeSet::new();
    let mut keys = BTreeSet::new();
    let mut users = Vec::new();
    for table in root.tables("user") {
        let name = name(&table, &mut taken);
        let own = password(&table);
        let api_keys = api_keys(&table, &mut keys);
        let certificates = certificates(&table, &mut taken_names, asks);
        let held = table.list("roles", |text| role(text, roles));
        let filed = name
            .as_ref()
            .and_then(|name| lines.iter().position(|line| line.name == *name));
        let filed = filed.map(|index| lines.remove(index));
        if let (Some(_), Some(line)) = (&own, &filed) {
            table.wrong_value(
                "password",
                format!(
                    "line {} of the htpasswd file has this user, too",
                    line.number
                ),
                None,
            );
        }
        if let Some(name) = name {
            users.push(User {
                name,
                password: own.or(filed.map(|line| line.hash)),
                api_keys: api_keys.unwrap_or_default(),
                certificates: certificates.unwrap_or_default(),
                roles: held.unwrap_or_default(),
            });
        }
        table.finish();
    }
    // They may log in; no role, no right.
    users.extend(lines.into_iter().map(|line| User {
        name: line.name,
        password: Some(line.hash),
        api_keys: Vec::new(),
        certificates: Vec::new(),
        roles: Vec::new(),
    }));
    (users, file)
}

/// The lines of the htpasswd file and where it is, if there is one.
fn htpasswd(table: &Table<'_, '_>, resolve: Option<Resolve<'_>>) -> (Vec<Line>, Option<PathBuf>) {
    let file = table.parsed("htpasswd", path);
    let text = file.as_ref().and_then(|_| {
        table.parsed("htpasswd", |reference| match resolve {
            None => Ok(String::new()),
            Some(resolve) if reference.starts_with("file:") => resolve(reference),
            Some(resolve) => resolve(&format!("file:{reference}")),
        })
    });
    let (lines, problems) = htpasswd::read(text.as_deref().unwrap_or_default());
    for problem in problems {
        table.wrong_value("htpasswd", problem, None);
    }
    (lines, file)
}

fn password(table: &Table<'_, '_>) -> Option<String> {
    let hash = table.text("password")?;
    if let Err(reason) = strength(&hash) {
        let message = format!("{reason}; `overgate hash-password` makes a good one");
        table.wrong_value("password", message, None);
    }
    Some(hash)
}

/// The digests of a user's API keys, none of which is another's. `None`: it has none.
fn api_keys(table: &Table<'_, '_>, taken: &mut BTreeSet<[u8; 32]>) -> Option<Vec<[u8; 32]>> {
    if table.is_empty_list("api_keys") {
        table.wrong_value("api_keys", "this names no key", None);
    }
    let digests = table.list("api_keys", digest)?;
    for digest in &digests {
        if !taken.insert(*digest) {
            table.wrong_value("api_keys", "one of these keys is there twice", None);
        }
    }
    Some(digests)
}

/// `sha256:` and 64 hexadecimal digits. What is none is not repeated: it could be the key.
fn digest(text: &str) -> Result<[u8; 32], &'static str> {
    const SHAPE: &str = "this is `sha256:` and 64 hexadecimal digits; \
                         `overgate hash-password --api-key` makes a key and this of it";
    let digits = text.strip_prefix("sha256:").ok_or(SHAPE)?;
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(SHAPE);
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| SHAPE)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| SHAPE)?;
    }
    Ok(digest)
}

/// The name of a role that there is.
pub(super) fn role(text: &str, roles: &[Role]) -> Result<String, String> {
    if roles.iter().any(|role| &*role.name == text) {
        return Ok(text.to_owned());
    }
    let hint = nearest(text, roles.iter().map(|role| &*role.name))
        .map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
    Err(format!("there is no role `{}`{hint}", text.escape_debug()))
}
