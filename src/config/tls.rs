//! TLS: what the listener shows and asks for, and whom the Overlords are believed by.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use super::table::Table;
use crate::certificate::Name;

/// `listener.tls`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// The certificate chain (PEM), the listener's own first.
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// The authorities (PEM) that sign clients' certificates; without, clients are not asked for
    /// one.
    pub client_ca: Option<PathBuf>,
    /// Must a client have a certificate?
    pub client_certificates: ClientCertificates,
}

/// Must a client have a certificate?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// One that is shown must be good; a client without one logs in otherwise.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

/// `upstream.tls`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// The authorities (PEM) that sign the Overlords' certificates; the system's without.
    pub ca: Option<PathBuf>,
    /// The gateway's own certificate chain and its key (PEM), for Overlords that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The name that the Overlords' certificates must have; that of each address without.
    pub server_name: Option<String>,
}

/// A path, which may be written as `file:PATH` like a secret's.
pub(super) fn path(text: &str) -> Result<PathBuf, &'static str> {
    match text.strip_prefix("file:").unwrap_or(text) {
        "" => Err("this is empty"),
        path if path.starts_with("env:") => Err("this is a path, not the name of a variable"),
        path => Ok(PathBuf::from(path)),
    }
}

fn required(table: &Table<'_, '_>, key: &'static str) -> Option<PathBuf> {
    table.required(key).and_then(|_| table.parsed(key, path))
}

pub(super) fn listener(table: Table<'_, '_>) -> Option<ListenerTls> {
    let certificate = required(&table, "certificate");
    let key = required(&table, "key");
    let client_ca = table.parsed("client_ca", path);
    let words = [
        ("optional", ClientCertificates::Optional),
        ("required", ClientCertificates::Required),
    ];
    let client_certificates = table.choice("client_certificates", &words);
    if client_certificates.is_some() && client_ca.is_none() {
        table.wrong_value(
            "client_certificates",
            "without `client_ca` no client is asked for a certificate",
            None,
        );
    }
    table.finish();
    Some(ListenerTls {
        certificate: certificate?,
        key: key?,
        client_ca,
        client_certificates: client_certificates.unwrap_or(ClientCertificates::Optional),
    })
}

/// A host name that can be asked for in a handshake.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

pub(super) fn upstream(table: Table<'_, '_>) -> UpstreamTls {
    let ca = table.parsed("ca", path);
    let certificate = table.parsed("certificate", path);
    let key = table.parsed("key", path);
    for (key, there, other) in [
        ("certificate", certificate.is_some(), key.is_some()),
        ("key", key.is_some(), certificate.is_some()),
    ] {
        if there && !other {
            table.wrong_value(key, "a certificate and its `key` go together", None);
        }
    }
    let server_name = table.parsed("server_name", |text| {
        if text.parse::<IpAddr>().is_ok() || is_host(text) {
            return Ok(text.to_ascii_lowercase());
        }
        Err("this is a name or an IP address, without a port")
    });
    table.finish();
    UpstreamTls {
        ca,
        certificate: certificate.zip(key),
        server_name,
    }
}

/// The names in certificates that are a user's, none of which is another's. `None`: it has none.
/// `asks` says whether clients are asked for certificates at all.
pub(super) fn certificates(
    table: &Table<'_, '_>,
    taken: &mut BTreeSet<Name>,
    asks: bool,
) -> Option<Vec<Name>> {
    const KEY: &str = "certificates";
    if table.is_empty_list(KEY) {
        table.wrong_value(KEY, "this names nobody", None);
    }
    let names = table.list(KEY, str::parse::<Name>)?;
    if !asks {
        let message = "no client is asked for a certificate: `listener.tls` has no `client_ca`";
        table.wrong_value(KEY, message, None);
    }
    for name in &names {
        if !taken.insert(name.clone()) {
            table.wrong_value(KEY, format!("`{name}` stands for a user already"), None);
        }
    }
    Some(names)
}
