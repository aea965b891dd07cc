//! Certificates made for a test, and clients that show and trust them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::client::Client;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Who signs.
pub struct Authority {
    /// Of one that was read from a file, only the certificate is known.
    signs: Option<CertifiedIssuer<'static, KeyPair>>,
    der: CertificateDer<'static>,
}

/// A certificate and its key.
pub struct Identity {
    pub pem: String,
    pub key_pem: String,
}

pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

pub fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().expect("ASCII"))
}

pub fn email(name: &str) -> SanType {
    SanType::Rfc822Name(name.try_into().expect("ASCII"))
}

/// A certificate that no authority has signed.
pub fn self_signed(names: Vec<SanType>) -> Identity {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    let certificate = params.self_signed(&key).expect("signed");
    Identity::new(&certificate, &key)
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two of one name would be told apart by their signatures only.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("authority {number}");
        params.distinguished_name.push(DnType::CommonName, name);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
            .expect("signed");
        Authority {
            der: root.der().clone(),
            signs: Some(root),
        }
    }

    /// One whose certificate is in a file.
    pub fn read(path: &Path) -> Authority {
        Authority {
            signs: None,
            der: CertificateDer::from_pem_file(path).expect("a certificate"),
        }
    }

    pub fn sign(&self, names: Vec<SanType>) -> Identity {
        self.sign_with(names, |_| {})
    }

    pub fn sign_with(
        &self,
        names: Vec<SanType>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        change(&mut params);
        let root = self.signs.as_ref().expect("one of our own");
        let certificate = params.signed_by(&key, root).expect("signed");
        Identity::new(&certificate, &key)
    }

    pub fn pem(&self) -> String {
        self.signs.as_ref().expect("one of our own").pem()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a certificate");
        roots
    }

    /// A client that trusts this authority only.
    pub fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shows: Option<&Identity>,
        protocols: &[&str],
    ) -> TlsConnector {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("supported")
            .with_root_certificates(self.roots());
        let mut config = match shows {
            Some(identity) => config
                .with_client_auth_cert(identity.chain(), identity.der())
                .expect("they fit"),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsConnector::from(Arc::new(config))
    }

    /// A connection to `localhost` at this address, by such a client.
    pub async fn connect(
        &self,
        address: SocketAddr,
        shows: Option<&Identity>,
    ) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let connector = self.client(&[&TLS12, &TLS13], shows, &["http/1.1"]);
        connect(&connector, address).await.map(Client::over)
    }
}

pub async fn connect(
    connector: &TlsConnector,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("a name");
    connector.connect(name, tcp).await
}

impl Identity {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Identity {
        Identity {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    /// Reads what [`Identity::write`] has written, or somebody else.
    pub fn read(folder: &Path, name: &str) -> Identity {
        let text = |ending: &str| {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::read_to_string(path).expect("written")
        };
        Identity {
            pem: text("pem"),
            key_pem: text("key"),
        }
    }

    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain = CertificateDer::pem_slice_iter(self.pem.as_bytes());
        chain.collect::<Result<_, _>>().expect("certificates")
    }

    pub fn der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key")
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub fn write(&self, folder: &Path, name: &str) {
        for (ending, text) in [("pem", &self.pem), ("key", &self.key_pem)] {
            std::fs::write(folder.join(format!("{name}.{ending}")), text).expect("written");
        }
    }

    /// Ends TLS before `plain`, as an Overlord with TLS would; with `asks`, for clients that this
    /// authority vouches for.
    pub async fn terminate_before(
        &self,
        plain: SocketAddr,
        asks: Option<&Authority>,
    ) -> SocketAddr {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("supported");
        let config = match asks {
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                config.with_client_cert_verifier(verifier.build().expect("roots"))
            }
            None => config.with_no_client_auth(),
        };
        let config = config
            .with_single_cert(self.chain(), self.der())
            .expect("they fit");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    let mut plain = TcpStream::connect(plain).await?;
                    copy_bidirectional(&mut stream, &mut plain).await
                });
            }
        });
        address
    }
}
