//! TLS on the listener and towards the Overlords.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring, version,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::process::{Process, overlord};
use crate::support::client::{Call, Client};
use crate::support::eventually;
use crate::support::rig::{PASSWORD, api};

/// A certificate authority, and a certificate that it signed for one name.
struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    leaf: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn signing_for(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
            .expect("signed");
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new([name.to_owned()])
            .expect("a name")
            .signed_by(&key, &root)
            .expect("signed");
        Authority { root, leaf, key }
    }

    /// Writes `ca.pem`, `server.pem` and `server.key`.
    fn write(&self, folder: &Path) {
        for (name, text) in [
            ("ca.pem", self.root.pem()),
            ("server.pem", self.leaf.pem()),
            ("server.key", self.key.serialize_pem()),
        ] {
            std::fs::write(folder.join(name), text).expect("written");
        }
    }

    /// A client that trusts this authority only.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("supported")
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    /// Ends TLS before `plain`, as an Overlord with TLS would.
    async fn terminate_before(&self, plain: SocketAddr) -> SocketAddr {
        let key = self.key.serialize_der().try_into().expect("PKCS #8");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("supported")
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.der().clone()], key)
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

fn listener(folder: &Path, more: &str) -> String {
    let folder = folder.display();
    format!(
        "[listener]\n{more}\ntls = {{ certificate = \"{folder}/server.pem\", key = \"{folder}/server.key\" }}\n"
    )
}

#[tokio::test]
async fn the_listener_speaks_tls_1_2_and_1_3() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::signing_for("gateway.test");
    authority.write(folder.path());
    let gateway = Process::start(overlord.address(), &listener(folder.path(), "")).await;
    let name = ServerName::try_from("gateway.test").expect("a name");
    let call = Call::new("POST", &api("/task"))
        .login("admin", PASSWORD)
        .json(r#"{"type":"noop","dataSource":"wiki"}"#)
        .header("Connection", "close");
    for (version, spoken) in [
        (&version::TLS12, ProtocolVersion::TLSv1_2),
        (&version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let tcp = TcpStream::connect(gateway.address).await.expect("open");
        let connector = authority.client(&[version]);
        let mut stream = connector.connect(name.clone(), tcp).await.expect("trusted");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        stream.write_all(&call.bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("closed");
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("{\"task\":\"noop_"),
            "{answer}"
        );
    }
    // Another authority's client does not talk to it.
    let stranger = Authority::signing_for("gateway.test").client(&[&version::TLS13]);
    let tcp = TcpStream::connect(gateway.address).await.expect("open");
    assert!(stranger.connect(name, tcp).await.is_err());
    // Nor does it talk without TLS, or with what came before 1.2 (the greeting of TLS 1.1).
    let mut plain = Client::connect(gateway.address).await.expect("open");
    plain.write(&call.bytes()).await.expect("sent");
    assert!(plain.answer().await.is_err());
    let mut old = Client::connect(gateway.address).await.expect("open");
    let mut greeting = vec![22, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    greeting.extend([7; 32]);
    // No session, one cipher suite, no compression, one extension: signature_algorithms.
    greeting.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    greeting.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    old.write(&greeting).await.expect("sent");
    let mut said = Vec::new();
    old.stream.read_to_end(&mut said).await.expect("closed");
    // An alert (21), fatal (2), protocol_version (70): RFC 5246, section 7.2.
    assert_eq!(said, [21, 3, 3, 0, 2, 2, 70]);
}

#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    Authority::signing_for("gateway.test").write(folder.path());
    let more = listener(folder.path(), "tls_handshake_timeout = \"100ms\"");
    let gateway = Process::start(overlord.address(), &more).await;
    let mut silent = Client::connect(gateway.address).await.expect("open");
    assert!(silent.closed().await);
    let metrics = Call::get("/metrics").send(gateway.admin).await;
    let metrics = metrics.expect("answered").text();
    assert!(
        metrics.contains("overgate_connections_turned_away_total{reason=\"handshake-failed\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_overlord_is_believed_by_its_certificate() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (known, misnamed) = (
        Authority::signing_for("localhost"),
        Authority::signing_for("other.test"),
    );
    known.write(folder.path());
    let good = known.terminate_before(overlord.address()).await;
    // Signed by somebody else; and signed by a known one for another name.
    let foreign = Authority::signing_for("localhost");
    let foreign = foreign.terminate_before(overlord.address()).await;
    let wrong_name = misnamed.terminate_before(overlord.address()).await;
    let both = folder.path().join("both.pem");
    std::fs::write(&both, known.root.pem() + &misnamed.root.pem()).expect("written");
    let submit = Call::new("POST", &api("/task"))
        .login("admin", PASSWORD)
        .json(r#"{"type":"noop","dataSource":"wiki"}"#);
    for (node, ca, status) in [
        (good, Some(&both), 200),
        (good, None, 503),
        (foreign, Some(&both), 503),
        (wrong_name, Some(&both), 503),
    ] {
        let text = super::process::configuration(overlord.address(), "");
        let text = text.replace(
            &format!("\"http://{}\"]", overlord.address()),
            &format!("\"https://localhost:{}\"]", node.port()),
        );
        let ca = ca.map_or(String::new(), |path| {
            format!("ca = \"{}\"\n", path.display())
        });
        let text = text.replace(
            "[upstream]\n",
            &format!("[upstream]\nsubmission_deadline = \"1s\"\n{ca}"),
        );
        let config = folder.path().join("overgate.toml");
        std::fs::write(&config, text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_overgate"));
        let gateway = Process::spawn(&mut command, config).await;
        let answer = submit.send(gateway.address).await.expect("answered");
        assert_eq!(answer.status, status, "{node} {ca}: {}", answer.text());
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_told_and_stop_nothing() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("broken.pem");
    let begin = "-----BEGIN CERTIFICATE-----";
    for (content, told) in [
        (None, "No such file"),
        (Some("no PEM".to_owned()), "no PEM certificate"),
        (
            Some(format!("{begin}\n!!!!\n-----END CERTIFICATE-----\n")),
            "certificate in it is broken",
        ),
    ] {
        match &content {
            Some(text) => std::fs::write(&broken, text).expect("written"),
            None => assert!(!broken.exists()),
        }
        let gateway = Process::start(overlord.address(), "").await;
        let good = std::fs::read_to_string(&gateway.config).expect("written");
        let bad = good.replace(
            "[upstream]\n",
            &format!("[upstream]\nca = \"{}\"\n", broken.display()),
        );
        std::fs::write(&gateway.config, bad).expect("written");
        eventually("the refusal is told", async || {
            (gateway.said("reload refused") && gateway.said(told)).then_some(())
        })
        .await;
        let list = Call::get(&api("/tasks")).login("admin", PASSWORD);
        let answer = list.send(gateway.address).await.expect("answered");
        assert_eq!(answer.status, 200);
        let checked = Command::new(env!("CARGO_BIN_EXE_overgate"))
            .arg("check")
            .arg(&gateway.config)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&checked.stdout);
        assert!(!checked.status.success() && text.contains(told), "{text}");
    }
}
