//! The ways of logging in, each as its shipped example configures it.

use crate::support::client::{Answer, Call};
use crate::support::rig::{PASSWORD, Rig, api};

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
            401,
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
