//! TLS on the listener and towards the Overlords.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use overgate::demo::Role;
use rcgen::date_time_ymd;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::process::{Process, cluster, configuration, node, overlord};
use crate::support::client::{Answer, Call, Client};
use crate::support::eventually;
use crate::support::rig::{PASSWORD, api};
use crate::support::tls::{Authority, connect, dns};

fn listener(folder: &Path, more: &str) -> String {
    let folder = folder.display();
    format!(
        "[listener]\n{more}\ntls = {{ certificate = \"{folder}/server.pem\", key = \"{folder}/server.key\" }}\n"
    )
}

fn submission() -> Call {
    Call::new("POST", &api("/task"))
        .login("admin", PASSWORD)
        .json(r#"{"type":"noop","dataSource":"wiki"}"#)
}

/// Waits for a line of the log that has all of `parts`.
async fn says(gateway: &Process, parts: &[&str]) {
    let what = format!("it says {parts:?}");
    eventually(&what, async || {
        let lines = gateway.lines.lock().expect("no panic");
        let mut lines = lines.iter();
        let has_all = |line: &String| parts.iter().all(|part| line.contains(part));
        lines.any(has_all).then_some(())
    })
    .await;
}

/// What `overgate check` prints, and whether all is well.
fn check(config: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_overgate"))
        .arg("check")
        .arg(config)
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), text)
}

#[tokio::test]
async fn the_listener_speaks_tls_1_2_and_1_3_and_http_1_1() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let own = authority.sign(vec![dns("localhost")]);
    own.write(folder.path(), "server");
    let gateway = Process::start(overlord.address(), &listener(folder.path(), "")).await;
    let (old, new) = (&TLS12, &TLS13);
    // What the client offers, what is spoken; `None`: the handshake fails.
    for (version, offers, spoken) in [
        (old, &[][..], Some((ProtocolVersion::TLSv1_2, None))),
        (new, &[][..], Some((ProtocolVersion::TLSv1_3, None))),
        (
            new,
            &["h2", "http/1.1"][..],
            Some((ProtocolVersion::TLSv1_3, Some("http/1.1"))),
        ),
        (
            old,
            &["http/1.1"][..],
            Some((ProtocolVersion::TLSv1_2, Some("http/1.1"))),
        ),
        (new, &["h2"][..], None),
    ] {
        let connector = authority.client(&[version], None, offers);
        let stream = connect(&connector, gateway.address).await;
        assert_eq!(stream.is_ok(), spoken.is_some(), "{offers:?}");
        let (Ok(stream), Some((version, protocol))) = (stream, spoken) else {
            continue;
        };
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(version));
        assert_eq!(session.alpn_protocol(), protocol.map(str::as_bytes));
        let mut client = Client::over(stream);
        for _ in 0..2 {
            let answer = client.call(&submission()).await.expect("answered");
            assert_eq!(answer.status, 200);
            assert!(
                answer.text().contains("{\"task\":\"noop_"),
                "{}",
                answer.text()
            );
        }
    }
    // Another authority's client does not talk to it.
    let stranger = Authority::new();
    assert!(stranger.connect(gateway.address, None).await.is_err());
    // Nor does it talk without TLS, or with what came before 1.2 (the greeting of TLS 1.1).
    let mut greeting = vec![22, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    greeting.extend([7; 32]);
    // No session, one cipher suite, no compression, one extension: signature_algorithms.
    greeting.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    greeting.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let large = submission().header("X-Padding", &"x".repeat(100_000));
    for (sent, alert) in [
        // An alert (21), fatal (2), protocol_version (70): RFC 5246, section 7.2.
        (greeting, vec![21, 3, 3, 0, 2, 2, 70]),
        // decode_error (50); not a reset, although much of the request was not read.
        (submission().bytes(), vec![21, 3, 3, 0, 2, 2, 50]),
        (large.bytes(), vec![21, 3, 3, 0, 2, 2, 50]),
    ] {
        let mut old = Client::connect(gateway.address).await.expect("open");
        old.write(&sent).await.expect("sent");
        let mut said = Vec::new();
        old.stream.read_to_end(&mut said).await.expect("closed");
        assert_eq!(said, alert);
    }
}

#[tokio::test]
async fn handshakes_that_do_not_end_are_cut_and_keep_nobody_out() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let own = authority.sign(vec![dns("localhost")]);
    own.write(folder.path(), "server");
    // One half of them says nothing, the other the beginning of a greeting.
    let half_open = async |address: SocketAddr, number: usize| {
        let mut client = Client::connect(address).await.expect("open");
        if number.is_multiple_of(2) {
            let _ = client.write(&[22, 3, 1, 1, 0, 1]).await;
        }
        client
    };
    let bounds = "max_connections_per_source = 60";
    let gateway = Process::start(overlord.address(), &listener(folder.path(), bounds)).await;
    let mut flood = Vec::new();
    for number in 0..50 {
        flood.push(half_open(gateway.address, number).await);
    }
    let mut honest = authority
        .connect(gateway.address, None)
        .await
        .expect("open");
    assert_eq!(
        honest.call(&submission()).await.expect("answered").status,
        200
    );
    // More than one source may have: others are served all the same.
    for number in 0..50 {
        flood.push(half_open(gateway.address, number).await);
    }
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.2:0".parse().expect("an address"))
        .expect("bound");
    let tcp = socket.connect(gateway.address).await.expect("open");
    let connector = authority.client(&[&TLS13], None, &[]);
    let stream = connector.connect("localhost".try_into().expect("a name"), tcp);
    let mut elsewhere = Client::over(stream.await.expect("shaken"));
    assert_eq!(
        elsewhere
            .call(&submission())
            .await
            .expect("answered")
            .status,
        200
    );
    drop(flood);

    let deadline = "tls_handshake_timeout = \"100ms\"";
    let gateway = Process::start(overlord.address(), &listener(folder.path(), deadline)).await;
    for number in 0..2 {
        assert!(half_open(gateway.address, number).await.closed().await);
    }
    let metrics = Call::get("/metrics").send(gateway.admin).await;
    let metrics = metrics.expect("answered").text();
    assert!(
        metrics.contains("overgate_connections_turned_away_total{reason=\"handshake-failed\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn new_connections_get_a_new_certificate_and_old_ones_go_on() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second, clients, strangers) = (
        Authority::new(),
        Authority::new(),
        Authority::new(),
        Authority::new(),
    );
    first
        .sign(vec![dns("localhost")])
        .write(folder.path(), "server");
    let ca = folder.path().join("clients.pem");
    std::fs::write(&ca, clients.pem()).expect("written");
    let own = listener(folder.path(), "").replace(
        "server.key\"",
        &format!("server.key\", client_ca = \"{}\"", ca.display()),
    );
    let user = "[[user]]\nname = \"etl\"\ncertificates = [\"dns:etl.example\"]\nroles = [\"wiki-writer\"]\n";
    let gateway = Process::start(overlord.address(), &(user.to_owned() + &own)).await;
    let etl = clients.sign(vec![dns("etl.example")]);
    let list = Call::get(&api("/tasks"));
    let mut kept = first
        .connect(gateway.address, Some(&etl))
        .await
        .expect("open");
    assert_eq!(kept.call(&list).await.expect("answered").status, 200);

    // The certificate comes first and fits no key for a moment; a key that is none; both.
    let renewed = second.sign(vec![dns("localhost")]);
    let key = folder.path().join("server.key");
    std::fs::write(folder.path().join("server.pem"), &renewed.pem).expect("written");
    says(&gateway, &["reload refused", "server.key", "does not fit"]).await;
    let (good, told) = check(&gateway.config);
    assert!(
        !good
            && told.contains(
                "server.key for TLS on the listener: this private key does not fit the certificate"
            ),
        "{told}"
    );
    std::fs::write(&key, "no key").expect("written");
    says(
        &gateway,
        &["reload refused", "server.key", "no PEM private key"],
    )
    .await;
    for connection in [
        &mut kept,
        &mut first
            .connect(gateway.address, Some(&etl))
            .await
            .expect("open"),
    ] {
        assert_eq!(connection.call(&list).await.expect("answered").status, 200);
    }
    std::fs::write(&key, &renewed.key_pem).expect("written");
    says(&gateway, &["configuration reloaded", "\"generation\":2"]).await;
    assert!(first.connect(gateway.address, Some(&etl)).await.is_err());
    for connection in [
        &mut kept,
        &mut second
            .connect(gateway.address, Some(&etl))
            .await
            .expect("open"),
    ] {
        assert_eq!(connection.call(&list).await.expect("answered").status, 200);
    }

    // Who is not vouched for any more is nobody, on a kept connection too; who is known by both
    // authorities, is.
    std::fs::write(&ca, strangers.pem()).expect("written");
    gateway.signal("HUP");
    says(&gateway, &["configuration reloaded", "\"generation\":3"]).await;
    assert_eq!(kept.call(&list).await.expect("answered").status, 401);
    let login = list.clone().login("admin", PASSWORD);
    assert_eq!(kept.call(&login).await.expect("answered").status, 200);
    let refused = match second.connect(gateway.address, Some(&etl)).await {
        Ok(mut client) => client.call(&list).await.map(|answer| answer.status),
        Err(error) => Err(error),
    };
    assert!(refused.is_err(), "{refused:?}");
}

/// A gateway before TLS Overlords at `nodes`, with `tls` in its section.
async fn before(nodes: &[SocketAddr], tls: &str, folder: &Path) -> Process {
    let text = configuration(nodes[0], "");
    let urls: Vec<String> = nodes
        .iter()
        .map(|node| format!("\"https://localhost:{}\"", node.port()))
        .collect();
    let text = text.replace(&format!("\"http://{}\"", nodes[0]), &urls.join(", "));
    let text = text.replace(
        "[upstream]\n",
        &format!("[upstream]\nsubmission_deadline = \"1s\"\nread_deadline = \"1s\"\n{tls}\n"),
    );
    let config = folder.join("overgate.toml");
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_overgate"));
    Process::spawn(&mut command, config).await
}

async fn submit(gateway: &Process) -> Answer {
    submission().send(gateway.address).await.expect("answered")
}

#[tokio::test]
async fn an_overlord_is_believed_by_its_certificate() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (known, foreign) = (Authority::new(), Authority::new());
    let ours = known.sign(vec![]);
    ours.write(folder.path(), "ours");
    foreign.sign(vec![]).write(folder.path(), "theirs");
    std::fs::write(folder.path().join("ca.pem"), known.pem()).expect("written");
    let plain = overlord.address();
    let serve = async |authority: &Authority, name: &str, asks: Option<&Authority>| {
        let own = authority.sign(vec![dns(name)]);
        own.terminate_before(plain, asks).await
    };
    let expired = known.sign_with(vec![dns("localhost")], |params| {
        params.not_after = date_time_ymd(2021, 1, 1);
        params.not_before = date_time_ymd(2020, 1, 1);
    });
    let expired = expired.terminate_before(plain, None).await;
    let good = serve(&known, "localhost", None).await;
    let stranger = serve(&foreign, "localhost", None).await;
    let misnamed = serve(&known, "overlord.test", None).await;
    let asks = serve(&known, "localhost", Some(&known)).await;
    let ca = format!("ca = \"{}/ca.pem\"", folder.path().display());
    let shows = |name: &str| {
        let folder = folder.path().display();
        format!("{ca}, certificate = \"{folder}/{name}.pem\", key = \"{folder}/{name}.key\"")
    };
    let named = format!("{ca}, server_name = \"overlord.test\"");
    for (node, tls, status, told) in [
        (good, ca.clone(), 200, ""),
        (good, String::new(), 503, "UnknownIssuer"),
        (stranger, ca.clone(), 503, "UnknownIssuer"),
        (expired, ca.clone(), 503, "certificate expired"),
        (misnamed, ca.clone(), 503, "certificate not valid for name"),
        (misnamed, named.clone(), 200, ""),
        (good, named, 503, "certificate not valid for name"),
        (asks, shows("ours"), 200, ""),
        (asks, shows("theirs"), 503, "an Overlord cannot be asked"),
        (asks, ca.clone(), 503, "an Overlord cannot be asked"),
        // Without TLS there.
        (plain, ca.clone(), 503, "TLSHandshakeFailure"),
    ] {
        let gateway = before(&[node], &format!("tls = {{ {tls} }}"), folder.path()).await;
        let answer = submit(&gateway).await;
        assert_eq!(answer.status, status, "{tls}: {}", answer.text());
        if told.is_empty() {
            // The probe, the question whose task it is, and the answer that streams through.
            let id = answer.json()["task"].as_str().expect("an id").to_owned();
            let task = Call::get(&api(&format!("/task/{id}"))).login("wiki", PASSWORD);
            let answer = task.send(gateway.address).await.expect("answered");
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            says(
                &gateway,
                &[
                    "an Overlord",
                    &format!("\"overlord\":\"localhost:{}\"", node.port()),
                    told,
                ],
            )
            .await;
            assert!(
                !answer.text().contains(&node.port().to_string()),
                "{}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn a_failover_stays_within_tls_and_the_configured_nodes() {
    let cluster = cluster();
    let first = node(&cluster, Role::Leader).await;
    let second = node(&cluster, Role::Follower(first.address())).await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("written");
    let own = authority.sign(vec![dns("localhost")]);
    let nodes = [
        own.terminate_before(first.address(), None).await,
        own.terminate_before(second.address(), None).await,
    ];
    let tls = format!("tls = {{ ca = \"{}/ca.pem\" }}", folder.path().display());
    let gateway = before(&nodes, &tls, folder.path()).await;
    assert_eq!(submit(&gateway).await.status, 200);
    // Whoever follows redirects to a node without TLS that nobody has configured.
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    first.set_role(Role::Follower(elsewhere.local_addr().expect("bound")));
    let (answer, ()) = tokio::join!(submit(&gateway), async {
        second.set_role(Role::Leader);
    });
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(cluster.stored().len(), 2);
    let asked = elsewhere.into_std().expect("a socket").accept();
    assert_eq!(asked.expect_err("nobody").kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn new_authorities_for_the_overlords_are_taken_when_their_file_changes() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (Authority::new(), Authority::new());
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, old.pem()).expect("written");
    let own = new.sign(vec![dns("localhost")]);
    let node = own.terminate_before(overlord.address(), None).await;
    let tls = format!("tls = {{ ca = \"{}\" }}", path.display());
    let gateway = before(&[node], &tls, folder.path()).await;
    says(
        &gateway,
        &[
            "an Overlord's certificate is not believed",
            "\"reason\":\"UnknownIssuer\"",
        ],
    )
    .await;
    assert_eq!(submit(&gateway).await.status, 503);
    std::fs::write(&path, new.pem()).expect("written");
    says(&gateway, &["configuration reloaded"]).await;
    assert_eq!(submit(&gateway).await.status, 200);
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
            &format!("[upstream]\ntls = {{ ca = \"{}\" }}\n", broken.display()),
        );
        std::fs::write(&gateway.config, bad).expect("written");
        says(&gateway, &["reload refused", "broken.pem", told]).await;
        let list = Call::get(&api("/tasks")).login("admin", PASSWORD);
        let answer = list.send(gateway.address).await.expect("answered");
        assert_eq!(answer.status, 200);
        let (good, text) = check(&gateway.config);
        assert!(
            !good && text.contains(told) && text.contains("broken.pem"),
            "{text}"
        );
        // A file of a configuration that was refused is watched all the same.
        std::fs::write(&broken, Authority::new().pem()).expect("written");
        says(&gateway, &["configuration reloaded", "\"generation\":2"]).await;
        std::fs::remove_file(&broken).expect("there");
    }
}

#[tokio::test]
async fn who_expires_is_told_in_time() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let config = folder.path().join("overgate.toml");
    let text = configuration(overlord.address(), &listener(folder.path(), ""));
    std::fs::write(&config, text).expect("written");
    let today = overgate::server::wall_clock();
    let days = |count: i64| {
        let seconds = today.as_second() + count * 24 * 60 * 60;
        date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds.unsigned_abs())
    };
    for (end, told) in [
        (days(-1), Some("expired on ")),
        (days(13), Some("in 12 days")),
        (days(15), None),
    ] {
        let own = authority.sign_with(vec![dns("localhost")], |params| params.not_after = end);
        own.write(folder.path(), "server");
        let (good, text) = check(&config);
        assert!(good, "a warning only: {text}");
        match told {
            Some(told) => assert!(
                text.contains("server.pem: the certificate of") && text.contains(told),
                "{text}"
            ),
            None => assert!(!text.contains("warning"), "{text}"),
        }
    }
    let own = authority.sign_with(vec![dns("localhost")], |params| params.not_after = days(-1));
    own.write(folder.path(), "server");
    let gateway = Process::start(overlord.address(), &listener(folder.path(), "")).await;
    says(
        &gateway,
        &[
            "a certificate has to be replaced",
            "server.pem",
            "expired on",
        ],
    )
    .await;
    let metrics = Call::get("/metrics").send(gateway.admin).await;
    let metrics = metrics.expect("answered").text();
    let end = format!("server.pem\"}} {}\n", today.as_second() - 24 * 60 * 60);
    assert!(metrics.contains(&end), "{metrics}");
}

#[tokio::test]
async fn who_an_issuer_is_believed_by_expires_as_others_do() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let soon = overgate::server::wall_clock().as_second() + 13 * 24 * 60 * 60;
    let end = date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(soon.unsigned_abs());
    let ca = Authority::new().sign_with(vec![dns("idp")], |params| params.not_after = end);
    ca.write(folder.path(), "idp-ca");
    let issuer = |name: &str| {
        format!(
            "[[issuer]]\nname = \"{name}\"\nissuer = \"https://{name}.example\"\naudiences = [\"druid\"]\n\
             algorithms = [\"ES256\"]\nkeys = \"https://127.0.0.1:1/keys\"\nca = \"{}/idp-ca.pem\"\n",
            folder.path().display()
        )
    };
    let issuers = issuer("one") + &issuer("two");
    let gateway = Process::start(overlord.address(), &issuers).await;
    let (good, text) = check(&gateway.config);
    assert!(good, "a warning only: {text}");
    assert_eq!(text.matches("in 12 days").count(), 1, "{text}");
    let told = [
        "a certificate has to be replaced",
        "idp-ca.pem",
        "in 12 days",
    ];
    says(&gateway, &told).await;
    let metrics = Call::get("/metrics").send(gateway.admin).await;
    let metrics = metrics.expect("answered").text();
    assert!(
        metrics.contains(&format!("idp-ca.pem\"}} {soon}\n")),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_reload_turns_tls_on_and_off() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let own = authority.sign(vec![dns("localhost")]);
    own.write(folder.path(), "server");
    let gateway = Process::start(overlord.address(), "").await;
    let mut plain = Client::connect(gateway.address).await.expect("open");
    assert_eq!(
        plain.call(&submission()).await.expect("answered").status,
        200
    );
    let without = std::fs::read_to_string(&gateway.config).expect("written");
    let with = without.replace("[listener]\n", &listener(folder.path(), ""));
    std::fs::write(&gateway.config, with).expect("written");
    says(&gateway, &["configuration reloaded", "\"generation\":2"]).await;
    let mut encrypted = authority
        .connect(gateway.address, None)
        .await
        .expect("open");
    for _ in 0..2 {
        let answer = encrypted.call(&submission()).await.expect("answered");
        assert_eq!(answer.status, 200);
        assert_eq!(
            plain.call(&submission()).await.expect("answered").status,
            200
        );
        std::fs::write(&gateway.config, &without).expect("written");
        says(&gateway, &["configuration reloaded", "\"generation\":3"]).await;
    }
    assert!(authority.connect(gateway.address, None).await.is_err());
    assert_eq!(
        submission()
            .send(gateway.address)
            .await
            .expect("answered")
            .status,
        200
    );
}
