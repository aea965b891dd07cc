//! The ways of logging in, each as its shipped example configures it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::EcdsaKeyPair;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::client::{Answer, Call};
use crate::support::rig::{PASSWORD, Rig, api};
use crate::support::tokens::{jwks, key_pair, signed};

#[tokio::test]
async fn users_of_an_htpasswd_file_get_the_roles_of_their_name() {
    let rig = Rig::example("htpasswd.toml", &[]).await;
    for (user, password, read, submit) in [
        ("etl", "change me", 200, 200),
        ("ops", "change me", 200, 200),
        // No `[[user]]`: it is known, and may do nothing.
        ("guest", "change me", 403, 403),
        ("etl", "change", 401, 401),
        ("nobody", "change me", 401, 401),
    ] {
        let answer = rig
            .send(&Call::get(&api("/tasks")).login(user, password))
            .await;
        assert_eq!(answer.status, read, "{user}: {}", answer.text());
        let submission = Call::new("POST", &api("/task"))
            .login(user, password)
            .json(r#"{"type":"noop","dataSource":"wiki"}"#);
        let answer = rig.send(&submission).await;
        assert_eq!(answer.status, submit, "{user}: {}", answer.text());
    }
}

const KEY: &str = "change-me-change-me-change-me";

#[tokio::test]
async fn programs_have_keys() {
    let rig = Rig::example("api-keys.toml", &[]).await;
    let tasks = || Call::get(&api("/tasks"));
    let bearer = format!("Bearer {KEY}");
    let wrong = format!("{KEY}!");
    for (call, status) in [
        (tasks().header("X-API-Key", KEY), 200),
        (tasks().header("x-api-key", KEY), 200),
        (tasks().header("Authorization", &bearer), 200),
        (tasks().header("X-API-Key", &wrong), 401),
        (tasks().header("X-API-Key", "short"), 401),
        (
            tasks()
                .header("X-API-Key", KEY)
                .header("Authorization", &bearer),
            401,
        ),
        (
            tasks().header("X-API-Key", KEY).header("X-API-Key", KEY),
            400,
        ),
        (
            tasks()
                .header("Authorization", &bearer)
                .header("Authorization", &bearer),
            400,
        ),
        (tasks().login("airflow", KEY), 401),
        (tasks(), 401),
    ] {
        let answer = rig.send(&call).await;
        assert_eq!(answer.status, status, "{call:?}: {}", answer.text());
        if status == 401 {
            let challenges = all(&answer, "WWW-Authenticate");
            assert_eq!(
                challenges,
                ["Bearer realm=\"overgate\""],
                "nobody has a password"
            );
        }
        assert!(!answer.text().contains(KEY));
    }
    // The key stays here.
    rig.nodes[0].record();
    assert_eq!(
        rig.send(&tasks().header("X-API-Key", KEY)).await.status,
        200
    );
    for received in rig.nodes[0].received() {
        assert!(!received.headers.contains_key("x-api-key"));
        assert_eq!(received.headers["x-druid-author"], "airflow");
    }
}

/// An identity provider of one key, which can be changed.
struct Provider {
    address: SocketAddr,
    keys: Arc<Mutex<String>>,
}

impl Provider {
    async fn start(keys: String) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let provider = Provider {
            address: listener.local_addr().expect("bound"),
            keys: Arc::new(Mutex::new(keys)),
        };
        let keys = provider.keys.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = keys.lock().expect("not poisoned").clone();
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        provider
    }
}

/// A token that is good for a minute by this machine's clock.
fn token(key: &EcdsaKeyPair, changes: &[(&str, Value)]) -> String {
    let mut claims = json!({
        "iss": "https://sso.example.com/realms/data",
        "aud": "druid",
        "exp": jiff::Timestamp::now().as_second() + 60,
        "preferred_username": "alice",
        "realm_access": {"roles": ["druid-writers", "offline_access"]},
    });
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    signed(key, &claims)
}

#[tokio::test]
async fn tokens_of_an_identity_provider_get_mapped_roles() {
    let key = key_pair();
    let provider = Provider::start(jwks(&key)).await;
    let keys = format!("http://{}/keys", provider.address);
    let shipped = "https://sso.example.com/realms/data/protocol/openid-connect/certs";
    let rig = Rig::example("jwt.toml", &[(shipped, &keys)]).await;
    let with = |token: &str| {
        Call::new("POST", &api("/task"))
            .header("Authorization", &format!("Bearer {token}"))
            .json(r#"{"type":"noop","dataSource":"wiki"}"#)
    };
    rig.nodes[0].record();
    let good = token(&key, &[]);
    assert_eq!(rig.send(&with(&good)).await.status, 200);
    for received in rig.nodes[0].received() {
        assert_eq!(received.headers["x-druid-author"], "sso:alice");
        assert!(!received.headers.contains_key("authorization"));
    }
    let now = jiff::Timestamp::now().as_second();
    for (changes, status) in [
        (
            vec![("realm_access", json!({"roles": ["druid-admins"]}))],
            200,
        ),
        // Known, and without a role.
        (vec![("realm_access", json!({"roles": ["operator"]}))], 403),
        (vec![("aud", json!("grafana"))], 401),
        (vec![("exp", json!(now - 100))], 401),
        (vec![("nbf", json!(now + 100))], 401),
    ] {
        let answer = rig.send(&with(&token(&key, &changes))).await;
        assert_eq!(answer.status, status, "{changes:?}: {}", answer.text());
        if status == 401 {
            let challenges = all(&answer, "WWW-Authenticate");
            assert_eq!(challenges, ["Bearer realm=\"overgate\""]);
        }
    }
    let stranger = rig.send(&with(&token(&key_pair(), &[]))).await;
    assert_eq!(
        (stranger.status, stranger.code()),
        (401, "overgateWrongCredentials".to_owned())
    );
}

#[tokio::test]
async fn without_the_providers_keys_nobody_is_called_wrong() {
    let key = key_pair();
    let provider = Provider::start("not yet".to_owned()).await;
    let keys = format!("http://{}/keys", provider.address);
    let shipped = "https://sso.example.com/realms/data/protocol/openid-connect/certs";
    let rig = Rig::example("jwt.toml", &[(shipped, &keys)]).await;
    // More often than wrong credentials would be answered.
    for _ in 0..10 {
        let call = Call::get(&api("/tasks"));
        let token = format!("Bearer {}", token(&key, &[]));
        let answer = rig.send(&call.header("Authorization", &token)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (503, "overgateNoIssuerKeys".to_owned())
        );
        assert_eq!(answer.header("Retry-After"), Some("5"));
    }
}

#[tokio::test]
async fn a_key_that_its_provider_does_not_know_yet_is_no_guess() {
    let key = key_pair();
    let provider = Provider::start(jwks(&key)).await;
    let keys = format!("http://{}/keys", provider.address);
    let shipped = "https://sso.example.com/realms/data/protocol/openid-connect/certs";
    let rig = Rig::example("jwt.toml", &[(shipped, &keys)]).await;
    let send = async |token: String| {
        let call = Call::get(&api("/tasks"));
        let call = call.header("Authorization", &format!("Bearer {token}"));
        rig.send(&call).await.status
    };
    let good = token(&key, &[]);
    assert_eq!(send(good.clone()).await, 200);
    let (_, rest) = good.split_once('.').expect("three parts");
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"new","typ":"JWT"}"#);
    for _ in 0..10 {
        assert_eq!(send(format!("{header}.{rest}")).await, 503);
        // An hour ago it was good.
        let past = jiff::Timestamp::now().as_second() - 3_600;
        assert_eq!(send(token(&key, &[("exp", past.into())])).await, 401);
    }
    assert_eq!(
        send(token(&key, &[("preferred_username", "bob".into())])).await,
        200
    );
}

#[tokio::test]
async fn every_way_of_logging_in_is_offered() {
    let user = format!(
        "[[user]]\nname = \"program\"\nroles = [\"operator\"]\napi_keys = [\"sha256:{}\"]\n",
        "0a".repeat(32)
    );
    let rig = Rig::with("", &user).await;
    let answer = rig.send(&Call::get(&api("/tasks"))).await;
    assert_eq!(
        all(&answer, "WWW-Authenticate"),
        [
            "Basic realm=\"overgate\", charset=\"UTF-8\"",
            "Bearer realm=\"overgate\""
        ]
    );
    assert_eq!(
        answer.json()["errorMessage"],
        "This gateway wants HTTP Basic credentials or an API key"
    );
}

#[tokio::test]
async fn who_guesses_waits() {
    let proxies = "[listener]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let rig = Rig::with("", proxies).await;
    let from = |source: &str, user: &str, password: &str| {
        Call::get(&api("/tasks"))
            .login(user, password)
            .header("X-Forwarded-For", source)
    };
    assert_eq!(
        rig.send(&from("192.0.2.1", "viewer", PASSWORD))
            .await
            .status,
        200
    );
    for number in 0..5 {
        let guess = from("192.0.2.1", "wiki", &format!("guess{number}"));
        assert_eq!(rig.send(&guess).await.status, 401);
    }
    for password in ["guess", PASSWORD] {
        let answer = rig.send(&from("192.0.2.1", "wiki", password)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (429, "overgateTooManyFailures".to_owned())
        );
        assert_eq!(answer.header("Retry-After"), Some("1"));
        assert_eq!(answer.header("WWW-Authenticate"), None);
    }
    let honest = rig.send(&from("192.0.2.1", "viewer", PASSWORD)).await;
    assert_eq!(honest.status, 200, "right before: {}", honest.text());
    let elsewhere = rig.send(&from("192.0.2.2", "wiki", PASSWORD)).await;
    assert_eq!(elsewhere.status, 200, "{}", elsewhere.text());
}

/// All values of a header.
fn all<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let headers = answer.headers.iter();
    let values = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    values.map(|(_, value)| value.as_str()).collect()
}
