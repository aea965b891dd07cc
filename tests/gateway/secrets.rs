//! Secrets in what Druid prints back: hidden, shown to those who may see them, never overwritten.

use std::io::Read as _;

use crate::support::client::Call;
use crate::support::rig::{PASSWORD, Rig, api, cheap_hash};

const SECRET: &str = "hunter2-canary";

/// A supervisor with a secret in its consumer's properties.
fn supervisor(datasource: &str) -> String {
    let jaas = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\\\"u\\\" password=\\\"{SECRET}\\\";"
    );
    format!(
        r#"{{"type":"kafka","spec":{{"dataSchema":{{"dataSource":"{datasource}","timestampSpec":{{"column":"t"}},"dimensionsSpec":{{"dimensions":["a"]}}}},"ioConfig":{{"topic":"t","consumerProperties":{{"bootstrap.servers":"127.0.0.1:9092","sasl.jaas.config":"{jaas}"}},"inputFormat":{{"type":"json"}}}}}}}}"#
    )
}

fn task(id: &str, datasource: &str) -> String {
    format!(
        r#"{{"type":"index_parallel","id":"{id}","spec":{{"dataSchema":{{"dataSource":"{datasource}","timestampSpec":{{"column":"t"}},"dimensionsSpec":{{"dimensions":["a"]}},"granularitySpec":{{"intervals":["2020/2021"]}}}},"ioConfig":{{"type":"index_parallel","inputSource":{{"type":"http","uris":["https://u:{SECRET}@127.0.0.1/x"],"httpAuthenticationPassword":"{SECRET}"}},"inputFormat":{{"type":"json"}}}}}}}}"#
    )
}

async fn filled() -> Rig {
    let hash = cheap_hash();
    let rig = Rig::with(
        "",
        &format!(
            r#"
[[user]]
name = "keeper"
password = "{hash}"
roles = ["wiki-reader", "wiki-keeper"]
[[user]]
name = "blind"
password = "{hash}"
roles = ["wiki-blind"]
[[role]]
name = "wiki-blind"
[[role.grant]]
actions = ["manage"]
datasources = ["wiki*"]
[[role]]
name = "wiki-keeper"
[[role.grant]]
actions = ["read-secrets"]
datasources = ["wiki_a"]
"#
        ),
    )
    .await;
    for datasource in ["wiki_a", "wiki_b"] {
        let answer = rig
            .post("admin", "/supervisor", supervisor(datasource))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = rig
            .post(
                "admin",
                "/task",
                task(&format!("task_{datasource}"), datasource),
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    rig
}

#[tokio::test]
async fn payloads_lose_their_secrets() {
    let rig = filled().await;
    let all = [
        "/task/task_wiki_a",
        "/task/task_wiki_b",
        "/supervisor/wiki_a",
        "/supervisor/wiki_b",
        "/supervisor?full",
        "/supervisor?system",
        "/supervisor/wiki_a/history",
        "/supervisor/wiki_b/history",
        "/supervisor/history",
    ];
    for user in ["viewer", "wiki", "keeper", "admin"] {
        for path in all {
            let answer = rig.get(user, path).await;
            assert_eq!(answer.status, 200, "{user} {path} {}", answer.text());
            let text = answer.text();
            let shows = text.contains(SECRET);
            let hides = text.contains("<masked by overgate>");
            // Of the lists it sees one whole and one without.
            let is_own = path.contains("wiki_a");
            let is_list = !path.contains("wiki");
            let (shown, hidden) = match user {
                "keeper" => (is_own || is_list, !is_own || is_list),
                _ => (false, true),
            };
            assert_eq!((shows, hides), (shown, hidden), "{user} {path} {text}");
        }
    }
    // What only names supervisors has nothing to hide.
    let answer = rig.get("viewer", "/supervisor").await;
    assert_eq!(answer.text(), r#"["wiki_a","wiki_b"]"#);
    for act in ["suspend", "resume"] {
        let answer = rig
            .post("wiki", &format!("/supervisor/wiki_a/{act}"), String::new())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains(SECRET), "{}", answer.text());
        // Who may not read it is told no more than that it was done.
        let path = format!("/supervisor/wiki_b/{act}");
        let answer = rig.post("blind", &path, String::new()).await;
        assert_eq!(answer.text(), r#"{"id":"wiki_b"}"#);
    }
}

#[tokio::test]
async fn a_masked_spec_does_not_overwrite_the_secret() {
    let rig = filled().await;
    let shown = rig.get("wiki", "/supervisor/wiki_a").await.text();
    rig.nodes[0].record();
    for (path, body) in [
        ("/supervisor", shown),
        ("/task", rig.get("wiki", "/task/task_wiki_a").await.text()),
    ] {
        let body = match path {
            "/task" => serde_json::from_str::<serde_json::Value>(&body).expect("JSON")["payload"]
                .to_string(),
            _ => body,
        };
        let answer = rig.post("admin", path, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        let answer = answer.json();
        let codes: Vec<_> = answer["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|finding| &finding["code"])
            .collect();
        assert!(
            codes.iter().any(|code| *code == "masked-secret"),
            "{answer}"
        );
    }
    let posts = rig.nodes[0]
        .received()
        .into_iter()
        .filter(|request| request.method == "POST");
    assert_eq!(posts.count(), 0);
    // Whom it was shown to whole may send it back.
    let shown = rig.get("keeper", "/supervisor/wiki_a").await.text();
    let answer = rig.post("admin", "/supervisor", shown).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn what_is_reduced_is_compressed_again() {
    let rig = filled().await;
    for datasource in ["wiki_c", "wiki_d", "wiki_e"] {
        let answer = rig
            .post("admin", "/supervisor", supervisor(datasource))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for number in 0..40 {
        let body = format!(r#"{{"type":"noop","id":"n{number}","dataSource":"wiki_n"}}"#);
        assert_eq!(rig.post("admin", "/task", body).await.status, 200);
    }
    for path in ["/tasks", "/supervisor?full", "/supervisor/history"] {
        let plain = rig.get("wiki", path).await;
        for (accepts, is_gzip) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
        ] {
            let call = Call::get(&api(path))
                .login("wiki", PASSWORD)
                .header("Accept-Encoding", accepts);
            let answer = rig.send(&call).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(
                answer.header("Content-Encoding") == Some("gzip"),
                is_gzip,
                "{path} {accepts}"
            );
            let mut text = String::new();
            if is_gzip {
                let mut read = flate2::read::GzDecoder::new(&answer.body[..]);
                read.read_to_string(&mut text).expect("gzip");
                assert!(answer.body.len() < plain.body.len());
            } else {
                text = answer.text();
            }
            assert_eq!(text, plain.text(), "{path} {accepts}");
        }
    }
}
