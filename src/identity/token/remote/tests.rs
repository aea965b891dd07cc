//! Issuers that answer well, badly and not at all.

use std::sync::atomic::{AtomicU64, AtomicUsize};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::super::tests::{IDP, NOW, e1, settings, some_keys};
use super::super::{Issuers, Keys, Refused};
use super::*;
use crate::caller::Algorithm;

/// An issuer on this machine, whose answer can be changed.
struct Issuer {
    port: u16,
    answer: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicUsize>,
    clock: Arc<AtomicU64>,
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Nothing is answered at all.
const SILENCE: &[u8] = b"";

impl Issuer {
    async fn start(tls: Option<TlsAcceptor>) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = Issuer {
            port: listener.local_addr().expect("bound").port(),
            answer: Arc::new(Mutex::new(answer("200 OK", &some_keys()))),
            requests: Arc::default(),
            clock: Arc::default(),
        };
        let (to_send, requests) = (issuer.answer.clone(), issuer.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (to_send, requests) = (to_send.clone(), requests.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &to_send, &requests).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &to_send, &requests).await;
                            }
                        }
                    }
                });
            }
        });
        issuer
    }

    fn answers(&self, answer: Vec<u8>) {
        *self.answer.lock().expect("not poisoned") = answer;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn advance(&self, time: Duration) {
        self.clock.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    fn address(&self) -> Address {
        Address {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port: self.port,
            path: "/keys?a=b".to_owned(),
            ca: None,
        }
    }

    fn remote(&self, address: Address, patience: Duration) -> Arc<Remote> {
        Arc::new(Remote::patient(address, self.clock(), patience).expect("good"))
    }

    /// It goes on a little whenever it is looked at.
    fn clock(&self) -> Clock {
        let (clock, looks) = (self.clock.clone(), AtomicU64::new(0));
        Arc::new(move || {
            let looks = Duration::from_nanos(looks.fetch_add(1, Ordering::Relaxed));
            Duration::from_secs(1_000 + clock.load(Ordering::Relaxed)) + looks
        })
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &Mutex<Vec<u8>>,
    requests: &AtomicUsize,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    assert!(request.starts_with(b"GET /keys?a=b HTTP/1.1\r\n"));
    requests.fetch_add(1, Ordering::Relaxed);
    let answer = answer.lock().expect("not poisoned").clone();
    if answer == SILENCE {
        // Held open until the other side has had enough.
        let _ = stream.read_buf(&mut request).await;
    }
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

/// Asks for the keys; were they told, now or a moment ago?
async fn told(remote: &Arc<Remote>) -> bool {
    remote.refresh().await;
    remote.is_confirmed()
}

fn has_keys(remote: &Remote) -> bool {
    let keys = remote.keys();
    keys.is_some_and(|keys| keys.candidates(Some("k"), Algorithm::EdDsa).len() == 1)
}

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_good_answer_is_taken_and_a_bad_one_changes_nothing() {
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300 << 10));
    let issuer = Issuer::start(None).await;
    let remote = issuer.remote(issuer.address(), PATIENCE);
    for known in [false, true] {
        for bad in [
            answer("404 Not Found", &some_keys()),
            answer("500 Internal Server Error", &some_keys()),
            answer("302 Found\r\nLocation: /elsewhere", &some_keys()),
            answer("200 OK", "{\"keys\":5}"),
            answer("200 OK", "<html>"),
            answer("200 OK", ""),
            answer("200 OK", &large),
            answer("200 OK", &some_keys())[..100].to_vec(),
            b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(),
        ] {
            let text = String::from_utf8_lossy(&bad).into_owned();
            issuer.answers(bad);
            assert!(!told(&remote).await, "{text:.80}");
            assert_eq!(has_keys(&remote), known, "{text:.80}");
            issuer.advance(APART);
        }
        issuer.answers(answer("200 OK", &some_keys()));
        assert!(told(&remote).await);
        assert!(has_keys(&remote));
        issuer.advance(APART);
    }
}

#[tokio::test]
async fn what_an_issuer_takes_back_is_not_believed() {
    for word in [
        "{\"keys\":[]}".to_owned(),
        "{\"keys\":[5]}".to_owned(),
        some_keys().replace("Ed25519", "Ed448"),
    ] {
        let issuer = Issuer::start(None).await;
        let remote = issuer.remote(issuer.address(), PATIENCE);
        assert!(told(&remote).await);
        issuer.answers(answer("200 OK", &word));
        issuer.advance(APART);
        assert_eq!(remote.refresh().await, Fetched::Now);
        assert!(!has_keys(&remote), "{word}");
        assert!(!remote.is_confirmed(), "it is asked again soon");
        issuer.answers(answer("200 OK", &some_keys()));
        issuer.advance(APART);
        assert!(told(&remote).await);
        assert!(has_keys(&remote));
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_left() {
    let issuer = Issuer::start(None).await;
    issuer.answers(SILENCE.to_vec());
    let remote = issuer.remote(issuer.address(), Duration::from_millis(20));
    assert!(!told(&remote).await);
    assert!(!has_keys(&remote));
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_at_a_time_and_few() {
    let issuer = Issuer::start(None).await;
    let remote = issuer.remote(issuer.address(), PATIENCE);
    let mut tasks = Vec::new();
    for _ in 0..1_000 {
        let remote = remote.clone();
        tasks.push(tokio::spawn(async move {
            remote.refresh().await == Fetched::Now
        }));
    }
    for task in tasks {
        assert!(
            task.await.expect("no panic"),
            "all get what the one fetched"
        );
    }
    assert_eq!(issuer.requests(), 1);
    issuer.advance(APART - Duration::from_secs(1));
    assert!(told(&remote).await);
    assert_eq!(issuer.requests(), 1);
    issuer.advance(Duration::from_secs(1));
    assert!(told(&remote).await);
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn an_unknown_key_is_wrong_only_by_its_issuers_word() {
    let issuer = Issuer::start(None).await;
    let mut settings = settings("idp", IDP, &[Algorithm::Es256], String::new());
    settings.keys = Keys::Address(issuer.address());
    let issuers = Issuers::new([settings], &issuer.clock(), None).expect("good");
    let token = e1(serde_json::json!({}));
    for _ in 0..3 {
        let asked = issuers.check(&token, NOW).await;
        assert_eq!(asked, Err(Refused::UnknownKey), "it was asked for the key");
        let early = issuers.check(&token, NOW).await;
        assert_eq!(early, Err(Refused::NoKeys), "it is not to be asked yet");
        issuer.advance(APART);
    }
    assert_eq!(issuer.requests(), 3);
    issuer.answers(answer("500 Internal Server Error", ""));
    assert_eq!(issuers.check(&token, NOW).await, Err(Refused::NoKeys));
    let expired = e1(serde_json::json!({"exp": NOW - 100}));
    issuer.advance(APART);
    assert_eq!(issuers.check(&expired, NOW).await, Err(Refused::Expired));
    assert_eq!(
        issuer.requests(),
        4,
        "nobody is asked about one that has expired"
    );
}

#[tokio::test]
async fn a_fetch_goes_on_when_who_asked_for_it_has_left() {
    let issuer = Issuer::start(None).await;
    let remote = issuer.remote(issuer.address(), PATIENCE);
    let mut asked = Box::pin(remote.refresh());
    // Begun, and left.
    tokio::select! {
        biased;
        _ = &mut asked => {}
        () = tokio::task::yield_now() => {}
    }
    drop(asked);
    assert!(told(&remote).await);
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn keys_outlive_an_outage_of_less_than_a_day() {
    let issuer = Issuer::start(None).await;
    let remote = issuer.remote(issuer.address(), PATIENCE);
    assert!(told(&remote).await);
    issuer.answers(answer("503 Service Unavailable", ""));
    issuer.advance(STALE - Duration::from_secs(1));
    assert!(!told(&remote).await);
    assert!(has_keys(&remote));
    issuer.advance(Duration::from_secs(1));
    assert!(!has_keys(&remote));
    issuer.answers(answer("200 OK", &some_keys()));
    issuer.advance(APART);
    assert!(told(&remote).await);
    assert!(has_keys(&remote));
}

#[tokio::test]
async fn keys_are_fetched_at_the_start_and_asked_for_once() {
    let issuer = Issuer::start(None).await;
    let remote = issuer.remote(issuer.address(), PATIENCE);
    remote.start();
    remote.start();
    while !has_keys(&remote) {
        tokio::task::yield_now().await;
    }
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn a_reload_keeps_what_was_fetched() {
    let issuer = Issuer::start(None).await;
    let before = issuer.remote(issuer.address(), PATIENCE);
    assert!(told(&before).await);
    let after = Remote::new(issuer.address(), before.clock.clone(), Some(&before));
    let after = after.expect("good");
    assert!(has_keys(&after));
    assert!(told(&after).await);
    assert_eq!(issuer.requests(), 2, "they are asked for again, at once");
}

#[tokio::test]
async fn over_tls_the_certificate_must_be_trusted() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .expect("its own");
    let issuer = Issuer::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        Some(path)
    };
    let own = file("own.pem", &certified.cert.pem());
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let other = file("other.pem", &other.cert.pem());
    for (host, ca, good) in [
        ("localhost", own.clone(), true),
        ("localhost", other.clone(), false),
        ("127.0.0.1", own.clone(), false),
    ] {
        let address = Address {
            tls: true,
            host: host.to_owned(),
            ca: ca.clone(),
            ..issuer.address()
        };
        let remote = issuer.remote(address, PATIENCE);
        assert_eq!(told(&remote).await, good, "{host} {ca:?}");
        assert_eq!(has_keys(&remote), good);
    }
    let address = |ca: &Option<PathBuf>| Address {
        tls: true,
        host: "localhost".to_owned(),
        ca: ca.clone(),
        ..issuer.address()
    };
    // What was fetched stays as long as the same authorities are trusted.
    let before = issuer.remote(address(&own), PATIENCE);
    assert!(told(&before).await);
    let after = || Remote::new(address(&own), before.clock.clone(), Some(&before)).expect("good");
    assert!(has_keys(&after()));
    let path = own.clone().expect("a file");
    std::fs::copy(other.clone().expect("a file"), path).expect("copied");
    assert!(!has_keys(&after()), "others are trusted");
    for bad in [file("empty.pem", ""), Some(folder.path().join("none.pem"))] {
        let address = Address {
            tls: true,
            ca: bad.clone(),
            ..issuer.address()
        };
        assert!(
            Remote::new(address, Arc::new(|| Duration::ZERO), None).is_err(),
            "{bad:?}"
        );
    }
}
