//! `[[issuer]]`: whose signed tokens are taken.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::roles::name;
use super::sections::Resolve;
use super::table::Table;
use super::tls::path;
use super::users::role;
use crate::caller::Algorithm;
use crate::policy::Role;

/// `[[issuer]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// What its principals' names begin with, before a colon.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// An `aud` that its tokens must have.
    pub audiences: Vec<String>,
    /// How its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: IssuerKeys,
    /// The claim that names the principal.
    pub principal: String,
    /// The claim that is mapped to roles.
    pub roles_claim: String,
    /// Values of that claim, and the role that each gives.
    pub roles: Vec<(String, String)>,
}

impl Issuer {
    /// The file that its keys are in, or the authorities whom the address of its keys is believed
    /// by.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.keys {
            IssuerKeys::File { path, .. } => Some(path),
            IssuerKeys::Address { ca, .. } => ca.as_deref(),
        }
    }
}

/// `issuer.keys`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerKeys {
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// What it holds: a JWK set or PEM.
        text: String,
    },
    /// An address of a JWK set.
    Address {
        /// Where.
        url: KeysUrl,
        /// A file of CA certificates (PEM); the system's without.
        ca: Option<PathBuf>,
    },
}

/// An address of keys.
#[derive(Clone, PartialEq, Eq)]
pub struct KeysUrl {
    /// `https`, not `http`.
    pub tls: bool,
    /// A name or an address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query.
    pub path: String,
}

/// A query may hold a key to the keys.
impl fmt::Debug for KeysUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next();
        f.debug_struct("KeysUrl")
            .field("tls", &self.tls)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &path.unwrap_or_default())
            .finish()
    }
}

/// The issuers of the file. `resolve` is `None` where nobody logs in.
pub(super) fn issuers(
    root: &Table<'_, '_>,
    roles: &[Role],
    resolve: Option<Resolve<'_>>,
) -> Vec<Issuer> {
    let mut names = BTreeSet::new();
    let mut known = BTreeSet::new();
    let mut issuers = Vec::new();
    for table in root.tables("issuer") {
        let name = name(&table, &mut names);
        let issuer = table.required("issuer");
        if let Some(issuer) = &issuer
            && !known.insert(issuer.clone())
        {
            table.wrong_value("issuer", "another has this `iss`", None);
        }
        let audiences = some(&table, "audiences", |text| match text {
            "" => Err("this is empty"),
            text => Ok(text.to_owned()),
        });
        let algorithms = some(&table, "algorithms", str::parse::<Algorithm>);
        let keys = keys(&table, resolve);
        let principal = claim(&table, "principal", "sub");
        let roles_claim = claim(&table, "roles_claim", "roles");
        let roles = table.table("roles").pairs(|text| role(text, roles));
        if let (Some(name), Some(issuer), Some(audiences), Some(algorithms), Some(keys)) =
            (name, issuer, audiences, algorithms, keys)
        {
            issuers.push(Issuer {
                name,
                issuer,
                audiences,
                algorithms,
                keys,
                principal,
                roles_claim,
                roles,
            });
        }
        table.finish();
    }
    issuers
}

/// A list that must be there and hold something.
fn some<T, E: fmt::Display>(
    table: &Table<'_, '_>,
    key: &'static str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Option<Vec<T>> {
    let list = table.list(key, read);
    if list.is_none() {
        table.wrong(format!("`{key}` is missing"));
    }
    if table.is_empty_list(key) {
        table.wrong_value(key, "this is empty", None);
    }
    list
}

fn claim(table: &Table<'_, '_>, key: &'static str, default: &str) -> String {
    let read = table.text(key);
    if read.as_deref() == Some("") {
        table.wrong_value(key, "this is empty", None);
    }
    read.unwrap_or_else(|| default.to_owned())
}

fn keys(table: &Table<'_, '_>, resolve: Option<Resolve<'_>>) -> Option<IssuerKeys> {
    let reference = table.required("keys");
    let ca = table.parsed("ca", path);
    let reference = reference?;
    if let Some(path) = reference.strip_prefix("file:") {
        let text = table.parsed("keys", |reference| match resolve {
            None => Ok(String::new()),
            Some(resolve) => resolve(reference),
        });
        if ca.is_some() {
            table.wrong_value("ca", "this is for an https address of keys", None);
        }
        let path = PathBuf::from(path);
        return text.map(|text| IssuerKeys::File { path, text });
    }
    let url = table.parsed("keys", url)?;
    if ca.is_some() && !url.tls {
        table.wrong_value("ca", "this is for an https address of keys", None);
    }
    Some(IssuerKeys::Address { url, ca })
}

/// `https://HOST[:PORT]/PATH`; `http` on this machine only, where nobody can put in keys of theirs.
fn url(text: &str) -> Result<KeysUrl, &'static str> {
    const SHAPE: &str =
        "keys are at `file:PATH` (a JWK set or PEM) or at `https://HOST[:PORT]/PATH` (a JWK set)";
    let (scheme, rest) = text.split_once("://").ok_or(SHAPE)?;
    let (tls, default) = match scheme {
        "https" => (true, 443),
        "http" => (false, 80),
        _ => return Err(SHAPE),
    };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| SHAPE)?),
        Some(_) | None => (authority, default),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let is_path = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains('#');
    if host.is_empty() || port == 0 || !host.chars().all(allowed) || !is_path {
        return Err(SHAPE);
    }
    let is_here = host.parse::<IpAddr>().map_or_else(
        |_| host.eq_ignore_ascii_case("localhost"),
        |address| address.to_canonical().is_loopback(),
    );
    if !tls && !is_here {
        return Err(
            "keys that come over the network need `https`: whoever is between could make tokens",
        );
    }
    Ok(KeysUrl {
        tls,
        host: host.to_ascii_lowercase(),
        port,
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_query_is_printed() {
        let url = url("https://idp.example/keys?secret=hunter2").expect("good");
        let printed = format!("{url:?}");
        assert!(
            printed.contains("/keys") && !printed.contains("hunter2"),
            "{printed}"
        );
    }

    #[test]
    fn addresses_of_keys_are_safe() {
        let read = |text| {
            url(text)
                .map(|url| (url.tls, url.host, url.port, url.path))
                .ok()
        };
        let good =
            |tls, host: &str, port, path: &str| Some((tls, host.to_owned(), port, path.to_owned()));
        for (text, expected) in [
            (
                "https://IdP.example/keys?a=b",
                good(true, "idp.example", 443, "/keys?a=b"),
            ),
            (
                "https://idp.example:8443",
                good(true, "idp.example", 8443, "/"),
            ),
            ("https://[::1]:1/x", good(true, "::1", 1, "/x")),
            (
                "http://127.0.0.1:8080/x",
                good(false, "127.0.0.1", 8080, "/x"),
            ),
            ("http://[::1]/x", good(false, "::1", 80, "/x")),
            ("http://localhost/x", good(false, "localhost", 80, "/x")),
            ("http://idp.example/x", None),
            ("http://127.0.0.1.example/x", None),
            ("http://localhost@idp.example/x", None),
            ("https://user@idp.example/x", None),
            ("https:///x", None),
            ("https://idp.example:0/x", None),
            ("https://idp.example/a b", None),
            ("https://idp.example/#x", None),
            ("ftp://127.0.0.1/x", None),
            ("keys.json", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
