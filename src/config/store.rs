//! `[store]`: where gateways that enforce their limits together keep them.

use std::num::NonZeroU32;

use super::sections::{Resolve, secret};
use super::table::Table;
use super::{Secret, UpstreamCredentials};

/// `[store]`
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    /// `rediss`, not `redis`.
    pub tls: bool,
    /// A name or an address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database's number.
    pub database: u16,
    /// The login.
    pub credentials: Option<UpstreamCredentials>,
    /// Certificates of authorities (PEM).
    pub ca: Option<Secret>,
    /// What decides while it does not answer.
    pub fallback: Fallback,
    /// Gateways that share it.
    pub gateways: NonZeroU32,
    /// What the names of all that is kept there begin with.
    pub prefix: String,
}

/// What decides while the store does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Each gateway its share of the limits.
    Local,
    /// Nobody: what a limit covers is refused.
    Deny,
}

const SHAPE: &str = "an address is `redis://HOST:PORT` or `rediss://HOST:PORT` (TLS), with a database's number behind a slash if it is not 0";

/// Gateways that share a store.
const MOST_GATEWAYS: usize = 1_000;

pub(super) fn store(table: Table<'_, '_>, resolve: Resolve<'_>) -> Option<Store> {
    if !table.is_present() {
        return None;
    }
    let address = table
        .required("address")
        .and_then(|_| table.parsed("address", address));
    let login = table.table("credentials");
    let credentials = login.is_present().then(|| {
        let username = login.text("username");
        let password = login
            .required("password")
            .and_then(|_| secret(&login, "password", resolve));
        Some(UpstreamCredentials {
            username: username.unwrap_or_else(|| "default".to_owned()),
            password: password?,
        })
    });
    login.finish();
    let ca = secret(&table, "ca", resolve);
    if ca.is_some() && address.as_ref().is_some_and(|(tls, ..)| !tls) {
        table.wrong_value("ca", "this goes with a `rediss://` address only", None);
    }
    let words = [("local", Fallback::Local), ("deny", Fallback::Deny)];
    let fallback = table.choice("fallback", &words).unwrap_or(Fallback::Local);
    if fallback == Fallback::Local && !table.has("gateways") {
        table.wrong(
            "`gateways` is missing: how many share the store, so that each has its part of the limits while it does not answer",
        );
    }
    let gateways = table.count("gateways", 1..=MOST_GATEWAYS);
    let gateways = gateways.and_then(|gateways| NonZeroU32::new(u32::try_from(gateways).ok()?));
    let prefix = table.parsed("prefix", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
            true => Ok(text.to_owned()),
            false => Err("this has 1 to 64 letters, digits, `-`, `_` and `.`"),
        }
    });
    table.finish();
    let (tls, host, port, database) = address?;
    Some(Store {
        tls,
        host,
        port,
        database,
        credentials: credentials.flatten(),
        ca,
        fallback,
        gateways: gateways.unwrap_or(NonZeroU32::MIN),
        prefix: prefix.unwrap_or_else(|| "overgate".to_owned()),
    })
}

fn address(text: &str) -> Result<(bool, String, u16, u16), &'static str> {
    let (tls, rest) = match text.split_once("://").ok_or(SHAPE)? {
        ("redis", rest) => (false, rest),
        ("rediss", rest) => (true, rest),
        _ => return Err(SHAPE),
    };
    let (place, database) = match rest.split_once('/') {
        Some((place, "")) => (place, 0),
        Some((place, database)) => (place, database.parse().map_err(|_| SHAPE)?),
        None => (rest, 0),
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| SHAPE)?),
        Some(_) | None => (place, 6379),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || port == 0 || !host.chars().all(allowed) {
        return Err(SHAPE);
    }
    Ok((tls, host.to_ascii_lowercase(), port, database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_stores() {
        let good = [
            ("redis://a", (false, "a", 6379, 0)),
            ("rediss://A.example:6380/3", (true, "a.example", 6380, 3)),
            ("redis://[::1]:7000/", (false, "::1", 7000, 0)),
            ("redis://[::1]", (false, "::1", 6379, 0)),
        ];
        for (text, (tls, host, port, database)) in good {
            let expected = (tls, host.to_owned(), port, database);
            assert_eq!(address(text), Ok(expected), "{text}");
        }
        for text in [
            "a:6379",
            "http://a",
            "redis://",
            "redis://user:secret@a",
            "redis://a:0",
            "redis://a/x",
            "redis://a:70000",
        ] {
            assert_eq!(address(text), Err(SHAPE), "{text}");
        }
    }
}
