//! The connector: whose certificates it trusts, and which it shows.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pingora::connectors::{ConnectorOptions, TransportConnector};
use rustls::crypto::ring;
use sha2::{Digest as _, Sha256};

use crate::certificate::{self, Chain, Files, Unusable};

/// A file of certificates is at most this long.
const LARGEST: u64 = 1 << 20;

/// TLS towards the Overlords. Chain and name of an Overlord's certificate are always checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A file of authorities' certificates (PEM); the system's store without.
    pub ca: Option<PathBuf>,
    /// Our own certificate chain and its key (PEM), for nodes that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The name that the nodes' certificates must have; that of each node's address without.
    pub server_name: Option<String>,
}

/// A file that TLS towards the Overlords cannot use.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} for TLS to the Overlords")]
pub struct TrustError {
    path: PathBuf,
    source: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("its name is not UTF-8")]
    Name,
    #[error("Pingora's connector cannot use it")]
    Pingora,
}

/// What the files of [`TlsSettings`] held when they were read. Two are equal if their files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    settings: TlsSettings,
    files: Files,
    key: Option<[u8; 32]>,
}

impl Trust {
    /// Reads the files and checks that they can be used.
    ///
    /// # Errors
    /// [`TrustError`] names the file and what is wrong with it. They are looked at here, because
    /// Pingora's connector panics on bad ones.
    pub fn read(settings: &TlsSettings) -> Result<Trust, TrustError> {
        let mut trust = Trust {
            settings: settings.clone(),
            files: Files::default(),
            key: None,
        };
        if let Some(path) = &settings.ca {
            let (_, chain) = read(path)
                .and_then(|text| Ok(certificate::authorities(&text)?))
                .map_err(|reason| unusable(path, reason))?;
            trust.files.push(path, chain);
        }
        if let Some((path, key_path)) = &settings.certificate {
            let chain = read(path)
                .and_then(|text| Ok(Chain::from_pem(&text)?))
                .map_err(|reason| unusable(path, reason))?;
            let key = read(key_path)
                .and_then(|text| fitting(&chain, &text))
                .map_err(|reason| unusable(key_path, reason))?;
            trust.key = Some(key);
            trust.files.push(path, chain);
        }
        Ok(trust)
    }

    /// The files of certificates that were read.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The name that a node's certificate must have, and that the node is asked for.
    pub(super) fn server_name<'n>(&'n self, host: &'n str) -> &'n str {
        self.settings.server_name.as_deref().unwrap_or(host)
    }

    /// A connector that trusts and shows these certificates.
    ///
    /// # Errors
    /// [`TrustError`]
    pub(super) fn connector(&self) -> Result<TransportConnector, TrustError> {
        let text = |path: &Path| {
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| unusable(path, Reason::Name))
        };
        // Connections that wait are in a pool of our own.
        let mut options = ConnectorOptions::new(0);
        options.ca_file = self.settings.ca.as_deref().map(text).transpose()?;
        if let Some((certificate, key)) = &self.settings.certificate {
            options.cert_key_file = Some((text(certificate)?, text(key)?));
        }
        // On a thread of its own: it reads the files again, and panics if they are bad by now.
        std::thread::scope(|scope| {
            scope
                .spawn(|| TransportConnector::new(Some(options)))
                .join()
        })
        .map_err(|_| {
            let path = self.settings.ca.as_deref();
            unusable(
                path.unwrap_or(Path::new("the system's store")),
                Reason::Pingora,
            )
        })
    }
}

/// The key's hash, if it is the certificate's.
fn fitting(chain: &Chain, text: &[u8]) -> Result<[u8; 32], Reason> {
    certificate::pair(chain, text, &ring::default_provider())?;
    Ok(Sha256::digest(text).into())
}

#[expect(
    clippy::disallowed_methods,
    reason = "certificates for the Overlords are read when the connector is made"
)]
fn read(path: &Path) -> Result<Vec<u8>, Reason> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    if file.take(LARGEST + 1).read_to_end(&mut text)? as u64 > LARGEST {
        return Err(io::Error::other("the file is larger than 1 MiB").into());
    }
    Ok(text)
}

fn unusable(path: &Path, source: Reason) -> TrustError {
    TrustError {
        path: path.to_owned(),
        source,
    }
}
