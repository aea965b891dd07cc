//! Clients that log in with a certificate.

use rcgen::{DnType, ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::support::client::{Call, Client};
use crate::support::rig::{PASSWORD, Rig, api};
use crate::support::tls::{Authority, Identity, connect, dns, email, self_signed, uri};

/// A gateway that asks for certificates of `authority`, with users of its own for them.
async fn rig(server: &Authority, clients: &Authority, tls: &str) -> Rig {
    let folder = tempfile::tempdir().expect("a folder");
    let own = server.sign(vec![dns("localhost")]);
    own.write(folder.path(), "server");
    std::fs::write(folder.path().join("clients.pem"), clients.pem()).expect("written");
    let folder = folder.path().display();
    Rig::with(
        "",
        &format!(
            r#"
[[user]]
name = "etl"
certificates = ["dns:etl.example.com", "uri:spiffe://prod/etl", "email:etl@example.com"]
roles = ["wiki-writer"]
[[user]]
name = "ops"
certificates = ["dns:ops.example.com"]
roles = ["operator"]
[listener]
tls = {{ certificate = "{folder}/server.pem", key = "file:{folder}/server.key", client_ca = "{folder}/clients.pem"{tls} }}
"#
        ),
    )
    .await
}

/// The status of a submission to a datasource of wiki's and to another; `None` without an answer.
async fn statuses(
    rig: &Rig,
    server: &Authority,
    shows: Option<&Identity>,
    headers: &[(&str, &str)],
) -> [Option<u16>; 2] {
    let mut statuses = [None; 2];
    for (status, (datasource, version)) in statuses
        .iter_mut()
        .zip([("wiki", &TLS12), ("payments", &TLS13)])
    {
        let body = format!(r#"{{"type":"noop","dataSource":"{datasource}"}}"#);
        let mut call = Call::new("POST", &api("/task")).json(body);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let connector = server.client(&[version], shows, &[]);
        let Ok(stream) = connect(&connector, rig.address).await else {
            continue;
        };
        let answer = Client::over(stream).call(&call).await;
        *status = answer.ok().map(|answer| answer.status);
    }
    statuses
}

#[tokio::test]
async fn only_verified_alternative_names_of_one_user_get_in() {
    let (server, clients, other) = (Authority::new(), Authority::new(), Authority::new());
    let rig = rig(&server, &clients, "").await;
    let etl = || vec![dns("etl.example.com")];
    let named = |names: Vec<SanType>| clients.sign(names);
    let many = |count: u8| {
        (0..count)
            .map(|n| dns(&format!("h{n}.example")))
            .chain(etl())
    };
    let writer = [Some(200), Some(403)];
    let nobody = [Some(401), Some(401)];
    let refused = [None, None];
    type Case<'a> = (&'a str, Option<Identity>, [Option<u16>; 2]);
    let cases: [Case<'_>; _] = [
        ("none", None, nobody),
        ("a host name", Some(named(etl())), writer),
        (
            "in capitals",
            Some(named(vec![dns("ETL.Example.com")])),
            writer,
        ),
        ("a URI", Some(named(vec![uri("spiffe://prod/etl")])), writer),
        ("mail", Some(named(vec![email("etl@example.com")])), writer),
        (
            "the operator's",
            Some(named(vec![dns("ops.example.com")])),
            [Some(200), Some(200)],
        ),
        (
            "another name",
            Some(named(vec![dns("x.example.com")])),
            nobody,
        ),
        (
            "a part of the name",
            Some(named(vec![dns("example.com")])),
            nobody,
        ),
        (
            "a wildcard",
            Some(named(vec![dns("*.example.com")])),
            nobody,
        ),
        (
            "another kind",
            Some(named(vec![uri("dns:etl.example.com")])),
            nobody,
        ),
        (
            "one known, one unknown",
            Some(named(vec![dns("x.example.com"), dns("etl.example.com")])),
            writer,
        ),
        (
            "two users'",
            Some(named(vec![dns("etl.example.com"), dns("ops.example.com")])),
            nobody,
        ),
        ("31 more names", Some(named(many(31).collect())), writer),
        ("32 more names", Some(named(many(32).collect())), nobody),
        (
            "the common name only",
            Some(clients.sign_with(vec![], |params| {
                let name = &mut params.distinguished_name;
                name.push(DnType::CommonName, "etl.example.com");
            })),
            nobody,
        ),
        ("another authority's", Some(other.sign(etl())), refused),
        ("self-signed", Some(self_signed(etl())), refused),
        (
            "expired",
            Some(clients.sign_with(etl(), |params| {
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
            })),
            refused,
        ),
        (
            "of the future",
            Some(clients.sign_with(etl(), |params| {
                params.not_before = date_time_ymd(2900, 1, 1);
                params.not_after = date_time_ymd(2901, 1, 1);
            })),
            refused,
        ),
        (
            "a server's",
            Some(clients.sign_with(etl(), |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            })),
            refused,
        ),
    ];
    for (what, shows, expected) in cases {
        let seen = statuses(&rig, &server, shows.as_ref(), &[]).await;
        assert_eq!(seen, expected, "{what}");
    }
}

#[tokio::test]
async fn a_header_decides_alone() {
    let (server, clients) = (Authority::new(), Authority::new());
    let rig = rig(&server, &clients, "").await;
    let etl = clients.sign(vec![dns("etl.example.com")]);
    let login = |user: &str, password: &str| {
        let call = Call::get("/").login(user, password);
        call.headers.into_iter().nth(1).expect("the login").1
    };
    let nobody = [Some(401), Some(401)];
    // The certificate, headers, the statuses.
    type Case<'a> = (
        Option<&'a Identity>,
        Vec<(&'a str, String)>,
        [Option<u16>; 2],
    );
    let cases: [Case<'_>; _] = [
        (Some(&etl), vec![], [Some(200), Some(403)]),
        (
            None,
            vec![("Authorization", login("admin", PASSWORD))],
            [Some(200), Some(200)],
        ),
        (
            Some(&etl),
            vec![("Authorization", login("admin", PASSWORD))],
            [Some(200), Some(200)],
        ),
        (
            Some(&etl),
            vec![("Authorization", login("viewer", PASSWORD))],
            [Some(403), Some(403)],
        ),
        (
            Some(&etl),
            vec![("Authorization", login("admin", "guess"))],
            nobody,
        ),
        (
            Some(&etl),
            // A user without a password.
            vec![("Authorization", login("etl", "guess"))],
            nobody,
        ),
        (
            Some(&etl),
            vec![("Authorization", "Bearer x".to_owned())],
            nobody,
        ),
        (Some(&etl), vec![("Authorization", String::new())], nobody),
        (Some(&etl), vec![("X-API-Key", "k".repeat(20))], nobody),
        (Some(&etl), vec![("X-API-Key", String::new())], nobody),
        // What a proxy would say of a certificate is anybody's word.
        (
            None,
            vec![
                ("X-Forwarded-Client-Cert", "DNS=etl.example.com".to_owned()),
                ("X-SSL-Client-Verify", "SUCCESS".to_owned()),
                ("X-SSL-Client-S-DN", "CN=etl.example.com".to_owned()),
                ("Client-Cert", ":AAAA:".to_owned()),
            ],
            nobody,
        ),
    ];
    for (shows, headers, expected) in cases {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let seen = statuses(&rig, &server, shows, &headers).await;
        assert_eq!(seen, expected, "{} {headers:?}", shows.is_some());
    }
}

/// A session that was resumed would bring its certificate along without anybody looking at it.
#[tokio::test]
async fn sessions_are_resumed_only_where_no_certificate_is_asked_for() {
    let (server, clients) = (Authority::new(), Authority::new());
    let asks = rig(&server, &clients, "").await;
    let folder = tempfile::tempdir().expect("a folder");
    server
        .sign(vec![dns("localhost")])
        .write(folder.path(), "server");
    let folder = folder.path().display();
    let tls = format!("certificate = \"{folder}/server.pem\", key = \"{folder}/server.key\"");
    let does_not = Rig::with("", &format!("[listener]\ntls = {{ {tls} }}")).await;
    let etl = clients.sign(vec![dns("etl.example.com")]);
    for version in [&TLS12, &TLS13] {
        for (rig, again) in [
            (&asks, HandshakeKind::Full),
            (&does_not, HandshakeKind::Resumed),
        ] {
            let connector = server.client(&[version], Some(&etl), &[]);
            for kind in [HandshakeKind::Full, again] {
                let stream = connect(&connector, rig.address).await.expect("open");
                assert_eq!(
                    stream.get_ref().1.handshake_kind(),
                    Some(kind),
                    "{version:?}"
                );
                let mut client = Client::over(stream);
                let list = Call::get(&api("/tasks")).login("admin", PASSWORD);
                assert_eq!(client.call(&list).await.expect("answered").status, 200);
            }
        }
    }
}

#[tokio::test]
async fn a_required_certificate_is_required() {
    let (server, clients) = (Authority::new(), Authority::new());
    let rig = rig(&server, &clients, ", client_certificates = \"required\"").await;
    let etl = clients.sign(vec![dns("etl.example.com")]);
    let stranger = clients.sign(vec![dns("x.example.com")]);
    for (shows, expected) in [
        (None, [None, None]),
        (Some(&etl), [Some(200), Some(403)]),
        (Some(&stranger), [Some(401), Some(401)]),
    ] {
        assert_eq!(statuses(&rig, &server, shows, &[]).await, expected);
    }
}

#[tokio::test]
async fn bytes_are_checked_under_tls_as_without() {
    let (server, clients) = (Authority::new(), Authority::new());
    let rig = rig(&server, &clients, "").await;
    let etl = clients.sign(vec![dns("etl.example.com")]);
    for (bytes, status) in [
        (
            "GET /druid/indexer/v1/tasks HTTP/1.1\r\nHost: a\r\n\r\n",
            200,
        ),
        ("GET /druid/indexer/v1/tasks HTTP/1.1\nHost: a\n\n", 400),
        ("GET /druid/indexer/v1/tasks HTTP/1.1\r\n\r\n", 400),
        (
            "POST /druid/indexer/v1/task HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            400,
        ),
        (
            "POST /druid/indexer/v1/task HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n",
            400,
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ] {
        let mut client = server.connect(rig.address, Some(&etl)).await.expect("open");
        client.write(bytes.as_bytes()).await.expect("sent");
        let answer = client.answer().await.expect("answered");
        assert_eq!(answer.status, status, "{bytes:?}");
    }
}
