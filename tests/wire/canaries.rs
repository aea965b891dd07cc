//! Secrets that must be seen nowhere: planted in credentials, tokens, specs and the configuration,
//! and looked for in everything that the binary says, with its log at its most talkative.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::EcdsaKeyPair;
use serde_json::json;
use sha2::Digest as _;

use super::process::{Process, configuration, overlord};
use crate::support::client::{Answer, Call, Client};
use crate::support::rig::{PASSWORD, api, cheap_hash};
use crate::support::tokens::{jwks, key_pair, signed};

/// Each has its own, so that what leaks is known.
const CANARIES: [&str; 13] = [
    "canary-upstream-password",
    "canary-admin-token",
    "canary-api-key-0123456789",
    "canary-wrong-password",
    "canary-wrong-key-0123456789",
    "canary-token-subject",
    "canary-token-claim",
    "canary-token-signature",
    "canary-cookie",
    "canary-task-password",
    "canary-uri-user",
    "canary-uri-signature",
    "canary-jaas-password",
];

/// A canary as it is, and as headers, addresses and JSON could carry it.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        canary.as_bytes().to_vec(),
        canary.replace('-', "%2D").into_bytes(),
        canary.replace('-', "\\u002d").into_bytes(),
    ];
    // In base64 at each of the three places where it can begin.
    for before in ["", "a", "ab"] {
        for alphabet in [&STANDARD, &URL_SAFE_NO_PAD] {
            let encoded = alphabet.encode(format!("{before}{canary}"));
            let whole = encoded.trim_end_matches('=').as_bytes();
            // Its ends depend on what stands beside it.
            forms.push(whole.get(4..whole.len() - 4).unwrap_or_default().to_vec());
        }
    }
    forms
}

fn leaks(said: &[u8]) -> Vec<&'static str> {
    let holds = |form: &Vec<u8>| said.windows(form.len()).any(|bytes| bytes == form);
    let mut leaked = Vec::new();
    for canary in CANARIES.into_iter().chain([PASSWORD]) {
        if forms(canary).iter().any(holds) {
            leaked.push(canary);
        }
    }
    leaked
}

const ISSUER: &str = "https://sso.example.com/";

/// An issuer whose keys are in a file.
fn issuer(keys: &Path) -> String {
    format!(
        r#"
[[issuer]]
name = "sso"
issuer = "{ISSUER}"
audiences = ["druid"]
algorithms = ["ES256"]
keys = "file:{}"
[issuer.roles]
operators = "operator"
"#,
        keys.display()
    )
}

/// A good token, of which only the subject and what gives roles is anybody's business.
fn good_token(key: &EcdsaKeyPair) -> String {
    let claims = json!({
        "iss": ISSUER,
        "aud": "druid",
        "sub": "alice",
        "exp": 4_102_444_800_u64,
        "roles": ["operators", "canary-token-claim"],
        "email": "canary-token-claim",
        "nested": {"canary-token-claim": ["canary-token-claim"]},
    });
    signed(key, &claims)
}

/// A token that nobody signed.
fn token() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#),
        part(
            r#"{"iss":"https://sso.example.com/","aud":"druid","sub":"canary-token-subject","exp":4102444800}"#
        ),
        part("canary-token-signature"),
    )
}

fn specs() -> Vec<(&'static str, String)> {
    let batch = |more: &str| {
        format!(
            r#"{{"type":"index_parallel","spec":{{"dataSchema":{{"dataSource":"wiki","timestampSpec":{{"column":"t"}},"dimensionsSpec":{{"dimensions":["a"]}},"granularitySpec":{{"intervals":["2020/2021"]}}}},"ioConfig":{{"type":"index_parallel","inputSource":{{"type":"http","uris":["https://canary-uri-user:x@host.example.com/a?X-Amz-Signature=canary-uri-signature"],"httpAuthenticationPassword":"canary-task-password"}},"inputFormat":{{"type":"json"}}{more}}}}}}}"#
        )
    };
    let kafka = |more: &str| {
        format!(
            r#"{{"type":"kafka","spec":{{"dataSchema":{{"dataSource":"wiki","timestampSpec":{{"column":"t"}},"dimensionsSpec":{{"dimensions":["a"]}}}},"ioConfig":{{"topic":"t","consumerProperties":{{"bootstrap.servers":"127.0.0.1:9092","sasl.jaas.config":"PlainLoginModule required password=\"canary-jaas-password\";"}},"inputFormat":{{"type":"json"}}{more}}}}}}}"#
        )
    };
    vec![
        ("/task", batch("")),
        (
            "/task",
            batch(r#","httpAuthenticationPasswrd":"canary-task-password""#),
        ),
        ("/task", batch(r#","password":["canary-task-password"]"#)),
        ("/task", batch("") + "trailing"),
        (
            "/task?dryRun=All",
            batch(r#","secret":"canary-task-password""#),
        ),
        ("/supervisor", kafka("")),
        ("/supervisor", kafka(r#","taskDuratoin":"PT1H""#)),
        ("/supervisor?dryRun=All", kafka("")),
        ("/sampler", batch("")),
    ]
}

#[tokio::test]
async fn planted_secrets_are_seen_nowhere() {
    let overlord = overlord().await;
    let folder = tempfile::tempdir().expect("a folder");
    let digest = sha2::Sha256::digest("canary-api-key-0123456789");
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = cheap_hash();
    let key = key_pair();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, jwks(&key)).expect("written");
    let good_token = good_token(&key);
    let (_, signature) = good_token.rsplit_once('.').expect("three parts");
    let text = configuration(
        overlord.address(),
        "[admin]\ntoken = \"env:CANARY_ADMIN\"\n",
    )
    .replace(
        "probe_interval",
        "credentials = { username = \"gate\", password = \"env:CANARY_UPSTREAM\" }\nprobe_interval",
    ) + &issuer(&keys)
        + &format!(
            r#"
[[user]]
name = "program"
api_keys = ["sha256:{digest}"]
roles = ["operator"]
[[user]]
name = "secrets"
password = "{hash}"
roles = ["operator"]
"#
        );
    let config = folder.path().join("overgate.toml");
    std::fs::write(&config, &text).expect("written");
    let environment = [
        ("CANARY_ADMIN", "canary-admin-token"),
        ("CANARY_UPSTREAM", "canary-upstream-password"),
        ("RUST_LOG", "trace"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_overgate"));
    command.envs(environment);
    let process = Process::spawn(&mut command, config.clone()).await;

    let mut answers: Vec<(String, Answer)> = Vec::new();
    let mut client = Client::connect(process.address).await.expect("connected");
    let mut calls = Vec::new();
    for (path, body) in specs() {
        calls.push(
            Call::new("POST", &api(path))
                .login("admin", PASSWORD)
                .json(body),
        );
    }
    for path in [
        "/tasks",
        "/task/none",
        "/supervisor?full",
        "/supervisor?system",
        "/supervisor/wiki",
        "/supervisor/wiki/status",
        "/supervisor/wiki/history",
        "/supervisor/history",
        "/task/canary%00",
    ] {
        calls.push(Call::get(&api(path)).login("admin", PASSWORD));
        calls.push(Call::get(&api(path)).login("admin", "canary-wrong-password"));
        calls.push(Call::get(&api(path)).header("X-API-Key", "canary-api-key-0123456789"));
        calls.push(Call::get(&api(path)).header("X-API-Key", "canary-wrong-key-0123456789"));
        calls.push(Call::get(&api(path)).header("Authorization", &format!("Bearer {}", token())));
        let bearer = format!("Bearer {good_token}");
        calls.push(Call::get(&api(path)).header("Authorization", &bearer));
        calls.push(
            Call::get(&api(path))
                .header("Cookie", "session=canary-cookie")
                .login("admin", PASSWORD),
        );
        calls.push(Call::get(&api(path)).header("Authorization", "Digest canary-wrong-password"));
    }
    for call in calls {
        let name = format!("{} {}", call.method, call.target);
        let answer = match client.call(&call).await {
            Ok(answer) => answer,
            Err(_) => {
                client = Client::connect(process.address).await.expect("connected");
                client.call(&call).await.expect("answered")
            }
        };
        if answer.header("Connection") == Some("close") {
            client = Client::connect(process.address).await.expect("connected");
        }
        answers.push((name, answer));
    }
    let accepted = answers
        .iter()
        .filter(|(_, answer)| answer.status == 200)
        .count();
    assert!(accepted > 10, "{accepted} were accepted");
    assert!(
        process.said("sso:alice"),
        "the good token was taken, and the access log has its name"
    );
    let mut admin = Client::connect(process.admin).await.expect("connected");
    for path in ["/metrics", "/status", "/readyz?verbose", "/livez"] {
        for token in ["Bearer canary-admin-token", "Bearer canary-wrong-password"] {
            let call = Call::get(path).header("Authorization", token);
            let answer = admin.call(&call).await.expect("answered");
            answers.push((format!("admin {path}"), answer));
        }
    }
    for (name, answer) in &answers {
        let said = format!("{:?}\n{}", answer.headers, answer.text());
        assert!(!said.contains(signature), "{name}: {said}");
        assert_eq!(leaks(said.as_bytes()), [""; 0], "{name}: {said}");
    }

    // Reload with something wrong in it, then the commands.
    std::fs::write(
        &config,
        text.clone() + "password = \"canary-upstream-password\"\n",
    )
    .expect("written");
    process.signal("HUP");
    crate::support::eventually("the reload is refused", async || {
        process.said("reload").then_some(())
    })
    .await;
    std::fs::write(&config, &text).expect("written");
    let spec = folder.path().join("spec.json");
    for (number, (_, body)) in specs().into_iter().enumerate() {
        std::fs::write(&spec, body).expect("written");
        for arguments in [
            vec!["lint", "spec.json"],
            vec!["lint", "--format", "json", "spec.json"],
            vec!["lint", "--format", "sarif", "spec.json"],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_overgate"))
                .args(&arguments)
                .current_dir(folder.path())
                .envs(environment)
                .stdin(Stdio::null())
                .output()
                .expect("it runs");
            for said in [output.stdout, output.stderr] {
                let shown = String::from_utf8_lossy(&said).into_owned();
                assert_eq!(leaks(&said), [""; 0], "{arguments:?} {number}: {shown}");
            }
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_overgate"))
        .args(["check", "overgate.toml"])
        .current_dir(folder.path())
        .envs(environment)
        .output()
        .expect("it runs");
    for said in [output.stdout, output.stderr] {
        let shown = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(leaks(&said), [""; 0], "check: {shown}");
    }

    let lines = process.lines.lock().expect("no panic").join("\n");
    assert!(lines.lines().count() > 50, "the log says a lot: {lines}");
    assert!(!lines.contains(signature), "the good token's");
    let leaked = leaks(lines.as_bytes());
    let line = |canary: &&str| {
        lines
            .lines()
            .find(|line| !leaks(line.as_bytes()).is_empty() && line.contains(*canary))
    };
    assert_eq!(
        leaked,
        [""; 0],
        "{:?}",
        leaked.iter().map(line).collect::<Vec<_>>()
    );
}
