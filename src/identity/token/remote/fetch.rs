//! One GET of a JWK set, over TLS or on this machine.

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::keys::{InvalidKeys, KeySet};
use super::Address;
use crate::certificate::{Files, authorities};

/// The largest answer, in bytes.
const LARGEST: usize = 256 << 10;

/// A file of certificates is at most this long.
const LARGEST_FILE: u64 = 1 << 20;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no answer in time")]
    Late,
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no HTTP answer: {0}")]
    Http(hyper::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer broke off or is larger than 256 KiB")]
    Body,
    #[error("{0}")]
    Keys(#[from] InvalidKeys),
}

/// Whose certificates are believed.
pub(super) struct Trust {
    connector: TlsConnector,
    files: Files,
}

impl Trust {
    /// What stands in the file.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Those in a file, or the system's.
    pub(super) fn new(ca: Option<&Path>) -> Result<Trust, String> {
        let mut files = Files::default();
        let roots = match ca {
            Some(path) => {
                let of_file =
                    |error: &dyn std::error::Error| format!("{}: {error}", path.display());
                let text = read(path).map_err(|error| of_file(&error))?;
                let (roots, chain) = authorities(&text).map_err(|error| of_file(&error))?;
                files.push(path, chain);
                roots
            }
            None => {
                let mut roots = RootCertStore::empty();
                let certificates = rustls_native_certs::load_native_certs()
                    .map_err(|error| format!("the system's: {error}"))?;
                // One that is broken stops nobody from using the others.
                roots.add_parsable_certificates(certificates);
                roots
            }
        };
        if roots.is_empty() {
            return Err("there is none".to_owned());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Trust {
            connector: TlsConnector::from(Arc::new(config)),
            files,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the authorities for an issuer's address are read here"
)]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    if file.take(LARGEST_FILE + 1).read_to_end(&mut text)? as u64 > LARGEST_FILE {
        return Err(io::Error::other("the file is larger than 1 MiB"));
    }
    Ok(text)
}

/// Asks for the keys. A redirect is not followed: the address is the operator's word.
pub(super) async fn keys(address: &Address, trust: Option<&Trust>) -> Result<KeySet, Failure> {
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(Failure::Connect)?;
    let body = match trust {
        Some(Trust { connector, .. }) => {
            let name = ServerName::try_from(address.host.clone())
                .map_err(|error| Failure::Connect(io::Error::other(error)))?;
            let stream = connector.connect(name, stream).await;
            get(stream.map_err(Failure::Connect)?, address).await?
        }
        None => get(stream, address).await?,
    };
    Ok(KeySet::read(&body)?)
}

async fn get<S>(stream: S, address: &Address) -> Result<Bytes, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let name = if address.host.contains(':') {
        format!("[{}]", address.host)
    } else {
        address.host.clone()
    };
    // Without the scheme's own port, which some servers do not know as theirs.
    let host = match (address.tls, address.port) {
        (true, 443) | (false, 80) => name,
        (_, port) => format!("{name}:{port}"),
    };
    let request = Request::get(&address.path)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Failure::Connect(io::Error::other(error)))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::Http)?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let answer = sender.send_request(request).await.map_err(Failure::Http)?;
        if answer.status() != StatusCode::OK {
            return Err(Failure::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        Ok(body.map_err(|_| Failure::Body)?.to_bytes())
    }
    .await;
    connection.abort();
    answer
}
