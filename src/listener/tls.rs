//! TLS on the listener: TLS 1.2 and 1.3 by rustls, HTTP/1.1 only, client certificates if asked for.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::{self, Chain, Files, Name, Unusable};

/// HTTP/2 is not offered: every byte of a header is checked, and Druid's clients need none.
const PROTOCOL: &[u8] = b"http/1.1";

/// A file of certificates is at most this long: the roots of the whole web take a quarter.
const LARGEST: u64 = 1 << 20;

/// A certificate or key that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} for TLS on the listener")]
pub struct TlsError {
    path: PathBuf,
    source: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("rustls cannot use it")]
    Rustls(#[from] rustls::Error),
    #[error("rustls cannot use it")]
    Verifier(#[from] VerifierBuilderError),
}

/// Where a listener's certificate is, and whose clients' certificates it takes.
#[derive(Debug, Clone, Copy)]
pub struct TlsFiles<'a> {
    /// The certificate chain (PEM), the listener's own first.
    pub certificate: &'a Path,
    /// Its private key (PEM).
    pub key: &'a Path,
    /// Clients are asked for certificates that these authorities signed.
    pub clients: Option<ClientFiles<'a>>,
}

/// Who signs clients' certificates.
#[derive(Debug, Clone, Copy)]
pub struct ClientFiles<'a> {
    /// The authorities' certificates (PEM).
    pub ca: &'a Path,
    /// Is a client without a certificate turned away at once?
    pub required: bool,
}

/// What a listener needs to speak TLS: read from files and checked.
pub struct Tls {
    acceptor: TlsAcceptor,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    files: Files,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the files: all of them can be used, or none is.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn read(from: TlsFiles<'_>) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = read(from.certificate)
            .and_then(|text| Ok(Chain::from_pem(&text)?))
            .map_err(|reason| unusable(from.certificate, reason))?;
        let own = read(from.key)
            .and_then(|text| Ok(certificate::pair(&chain, &text, &provider)?))
            .map_err(|reason| unusable(from.key, reason))?;
        let mut files = Files::default();
        files.push(from.certificate, chain);
        let mut clients = None;
        if let Some(asked) = from.clients {
            let (verifier, chain) = read(asked.ca)
                .and_then(|text| verifier(&text, asked.required, &provider))
                .map_err(|reason| unusable(asked.ca, reason))?;
            clients = Some(verifier);
            files.push(asked.ca, chain);
        }
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS12, &version::TLS13])
            .map_err(|error| unusable(from.certificate, error.into()))?;
        let mut config = match &clients {
            Some(verifier) => config.with_client_cert_verifier(verifier.clone()),
            None => config.with_no_client_auth(),
        }
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        if clients.is_some() {
            // A resumed session brings its certificate along unverified: it could have expired
            // since. Who is asked for a certificate shows it at every handshake.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Tls {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            clients,
            files,
        })
    }

    /// The files of certificates that were read.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Runs a handshake; a client that does not come through gets its alert, and what is left of
    /// the connection is given back.
    pub(super) async fn accept(
        &self,
        tcp: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<Presented>), TcpStream> {
        let stream = self.acceptor.accept(tcp).into_fallible().await;
        let stream = stream.map_err(|(error, tcp)| {
            tracing::debug!(%error, "a TLS handshake failed");
            tcp
        })?;
        let shown = stream.get_ref().1.peer_certificates();
        let presented = match (shown, &self.clients) {
            (Some(shown), Some(verifier)) => Some(Presented::new(shown.to_vec(), verifier.clone())),
            (Some(_) | None, _) => None,
        };
        Ok((stream, presented))
    }
}

fn verifier(
    text: &[u8],
    required: bool,
    provider: &Arc<CryptoProvider>,
) -> Result<(Arc<dyn ClientCertVerifier>, Chain), Reason> {
    let (roots, chain) = certificate::authorities(text)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = if required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    Ok((builder.build()?, chain))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the listener's certificates are read here, at the start and at a reload"
)]
fn read(path: &Path) -> Result<Vec<u8>, Reason> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    if file.take(LARGEST + 1).read_to_end(&mut text)? as u64 > LARGEST {
        return Err(io::Error::other("the file is larger than 1 MiB").into());
    }
    Ok(text)
}

fn unusable(path: &Path, source: Reason) -> TlsError {
    TlsError {
        path: path.to_owned(),
        source,
    }
}

/// The certificate that a client has shown on a connection. It is believed as long as it has not
/// expired and the authorities that are trusted now vouch for it: on a kept connection, both can
/// change.
pub(super) struct Presented {
    chain: Chain,
    names: Arc<[Name]>,
    vouched_by: Arc<dyn ClientCertVerifier>,
}

impl Presented {
    fn new(
        shown: Vec<CertificateDer<'static>>,
        vouched_by: Arc<dyn ClientCertVerifier>,
    ) -> Presented {
        let names = match shown.first().map(|own| certificate::names(own)) {
            Some(Ok(names)) => names,
            Some(Err(error)) => {
                tracing::debug!(%error, "a client's certificate names nobody");
                Vec::new()
            }
            None => Vec::new(),
        };
        // What cannot be read has no end that could be watched: it names nobody.
        let (chain, names) = match Chain::new(shown) {
            Ok(chain) => (chain, names),
            Err(_) => (Chain::default(), Vec::new()),
        };
        Presented {
            chain,
            names: names.into(),
            vouched_by,
        }
    }

    /// Whom it names under `tls` at `now`; nobody once it is not believed any more.
    pub(super) fn names(&mut self, tls: Option<&Tls>, now: UnixTime) -> Arc<[Name]> {
        let verifier = tls.and_then(|tls| tls.clients.as_ref());
        let same = verifier
            .is_some_and(|now| std::ptr::addr_eq(&raw const **now, &raw const *self.vouched_by));
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let ended = seconds > self.chain.end().as_second();
        if !self.names.is_empty() && (!same || ended) {
            let vouched = self.chain.certificates().split_first().zip(verifier);
            match vouched {
                Some(((own, others), verifier))
                    if verifier.verify_client_cert(own, others, now).is_ok() =>
                {
                    self.vouched_by = verifier.clone();
                }
                Some(_) | None => self.names = Arc::default(),
            }
        }
        self.names.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
    };

    use super::*;

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn authority(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
    }

    /// A listener's TLS that takes certificates of `clients`.
    fn tls(folder: &Path, clients: Option<&str>) -> Tls {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        let own = params.self_signed(&key).expect("signed");
        let [certificate, private, ca] = ["own.pem", "own.key", "ca.pem"].map(|n| folder.join(n));
        std::fs::write(&certificate, own.pem()).expect("written");
        std::fs::write(&private, key.serialize_pem()).expect("written");
        std::fs::write(&ca, clients.unwrap_or_default()).expect("written");
        Tls::read(TlsFiles {
            certificate: &certificate,
            key: &private,
            clients: clients.map(|_| ClientFiles {
                ca: &ca,
                required: false,
            }),
        })
        .expect("good")
    }

    #[test]
    fn a_shown_certificate_counts_while_it_is_vouched_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let [ours, theirs] = ["ours", "theirs"].map(authority);
        let mut params = CertificateParams::new(["etl.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 3, 1);
        let key = KeyPair::generate().expect("a key");
        let shown = params.signed_by(&key, &ours).expect("signed");
        let first = tls(folder.path(), Some(&ours.pem()));
        // Others that a reload may bring.
        let same = tls(folder.path(), Some(&ours.pem()));
        let more = tls(folder.path(), Some(&(theirs.pem() + &ours.pem())));
        let others = tls(folder.path(), Some(&theirs.pem()));
        let nobodys = tls(folder.path(), None);
        let at = |text: &str| {
            let time: Timestamp = text.parse().expect("a time");
            let seconds = u64::try_from(time.as_second()).expect("after 1970");
            UnixTime::since_unix_epoch(Duration::from_secs(seconds))
        };
        let now = at("2026-02-01T00:00:00Z");
        let end = at("2026-03-01T00:00:00Z");
        let late = at("2026-03-01T00:00:01Z");
        // What it is asked under, one after the other on one connection, and whether it counts.
        type Case<'a> = &'a [(Option<&'a Tls>, UnixTime, bool)];
        let cases: &[Case<'_>] = &[
            &[(Some(&first), now, true), (Some(&first), end, true)],
            &[(Some(&first), late, false), (Some(&first), now, false)],
            &[(Some(&same), now, true), (Some(&same), late, false)],
            &[(Some(&more), now, true), (Some(&first), now, true)],
            &[(Some(&others), now, false), (Some(&first), now, false)],
            &[(Some(&nobodys), now, false)],
            &[(None, now, false)],
        ];
        for (number, case) in cases.iter().enumerate() {
            let verifier = first.clients.clone().expect("it asks");
            let mut presented = Presented::new(vec![shown.der().clone()], verifier);
            for (tls, now, counts) in *case {
                let names = presented.names(*tls, *now);
                assert_eq!(names.len(), usize::from(*counts), "{number} {now:?}");
            }
        }
    }
}
