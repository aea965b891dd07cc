//! The connector, and whose certificates it trusts.

use std::path::{Path, PathBuf};

use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;

/// Upstream connections that are kept, in all.
const POOL_SIZE: usize = 128;

/// A file of CA certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the Overlords' CA certificates in {path}: {reason}")]
pub struct CaError {
    path: PathBuf,
    reason: String,
}

/// A connector that trusts the certificates in `ca`, or the system's without a file.
///
/// # Errors
/// [`CaError`]; the file is looked at here, because Pingora's connector panics on a bad one.
pub(super) fn connector(ca: Option<&Path>) -> Result<Connector, CaError> {
    let mut options = ConnectorOptions::new(POOL_SIZE);
    if let Some(path) = ca {
        options.ca_file = Some(certificates(path)?);
    }
    std::thread::scope(|scope| scope.spawn(|| Connector::new(Some(options))).join())
        .map_err(|_| unusable(ca.unwrap_or(Path::new("")), "a certificate in it is broken"))
}

/// Can the certificates in this file be trusted?
///
/// # Errors
/// [`CaError`]
pub fn check_ca(path: &Path) -> Result<(), CaError> {
    connector(Some(path)).map(drop)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the CA certificates are read when the connector is made"
)]
fn certificates(path: &Path) -> Result<String, CaError> {
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable(path, "there is no PEM certificate in it"));
    }
    let name = path.to_str();
    name.map(str::to_owned)
        .ok_or_else(|| unusable(path, "its name is not UTF-8"))
}

fn unusable(path: &Path, reason: impl std::fmt::Display) -> CaError {
    CaError {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
