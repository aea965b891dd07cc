//! TLS on the listener: TLS 1.2 and 1.3 by rustls, HTTP/1.1 only.

use std::path::Path;

use pingora::listeners::tls::{Acceptor, TlsSettings};

/// A certificate or key that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not readable, or no PEM of the right kind.
    #[error("cannot use the TLS certificate or key: {0}")]
    Unusable(String),
}

/// An acceptor for a PEM certificate chain and its key.
///
/// # Errors
/// [`TlsError`]; files are read here, because Pingora's own `build` panics on bad ones.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<Acceptor, TlsError> {
    for path in [certificate, key] {
        readable(path)?;
    }
    let (Some(certificate), Some(key)) = (certificate.to_str(), key.to_str()) else {
        return Err(TlsError::Unusable("a path is not UTF-8".to_owned()));
    };
    let settings = TlsSettings::intermediate(certificate, key)
        .map_err(|error| TlsError::Unusable(error.to_string()))?;
    // Built on a thread of its own: what Pingora answers with a panic becomes an error.
    std::thread::scope(|scope| scope.spawn(|| settings.build()).join())
        .map_err(|_| TlsError::Unusable("the certificate and the key do not fit".to_owned()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the listener's certificate is read when it is set up"
)]
fn readable(path: &Path) -> Result<(), TlsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| TlsError::Unusable(format!("{}: {error}", path.display())))?;
    if text.contains("-----BEGIN ") {
        Ok(())
    } else {
        Err(TlsError::Unusable(format!(
            "{}: this is no PEM file",
            path.display()
        )))
    }
}
