//! Rate limits, metrics and their bounds.

use crate::support::rig::Rig;

const LIMIT: &str = r#"
[[rate_limit]]
name = "submissions"
actions = ["submit"]
key = ["datasource"]
rate = "1/h"
burst = 2
"#;

fn noop(datasource: &str) -> String {
    format!(r#"{{"type":"noop","dataSource":"{datasource}"}}"#)
}

#[tokio::test]
async fn submissions_are_counted_per_datasource() {
    let rig = Rig::with("", LIMIT).await;
    rig.nodes[0].record();
    let first = rig.post("wiki", "/task", noop("wiki_a")).await;
    assert_eq!(first.status, 200);
    assert_eq!(
        first.header("RateLimit-Policy"),
        Some("\"submissions\";q=2;w=7200")
    );
    assert_eq!(
        first.header("RateLimit"),
        Some("\"submissions\";r=1;t=3600")
    );
    // What is refused costs nothing.
    assert_eq!(
        rig.post(
            "wiki",
            "/task",
            r#"{"type":"noop","dataSource":"wiki_a","context":5}"#
        )
        .await
        .status,
        400
    );
    assert_eq!(
        rig.post("viewer", "/task", noop("wiki_a")).await.status,
        403
    );
    assert_eq!(
        rig.post("wiki", "/task?dryRun=All", noop("wiki_a"))
            .await
            .status,
        200
    );
    assert_eq!(rig.post("wiki", "/task", noop("wiki_a")).await.status, 200);
    let refused = rig.post("wiki", "/task", noop("wiki_a")).await;
    assert_eq!(
        (refused.status, refused.code()),
        (429, "overgateOverQuota".to_owned())
    );
    let wait: u64 = refused
        .header("Retry-After")
        .expect("told")
        .parse()
        .expect("seconds");
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    assert_eq!(refused.json()["context"]["limit"], "submissions");
    assert_eq!(
        rig.post("wiki", "/task", noop("wiki_b")).await.status,
        200,
        "another datasource"
    );
    assert_eq!(
        rig.get("wiki", "/tasks").await.status,
        200,
        "reads are not counted"
    );
    assert_eq!(
        rig.nodes[0]
            .received()
            .iter()
            .filter(|request| request.method == "POST")
            .count(),
        3
    );
}

#[tokio::test]
async fn in_audit_mode_limits_and_schemas_report_and_refuse_nothing() {
    let rig = Rig::with("", &format!("mode = \"audit\"\n{LIMIT}")).await;
    for _ in 0..4 {
        assert_eq!(rig.post("wiki", "/task", noop("wiki_a")).await.status, 200);
    }
    let odd = rig
        .post(
            "wiki",
            "/task",
            r#"{"type":"noop","dataSource":"wiki_a","context":5}"#,
        )
        .await;
    assert_eq!(odd.status, 200, "{}", odd.text());
    assert_eq!(odd.header("Overgate-Warning"), Some("wrong-type /context"));
    // Everything else holds.
    assert_eq!(rig.post("wiki", "/task", noop("other")).await.status, 403);
    assert_eq!(
        rig.post(
            "wiki",
            "/task",
            r#"{"type":"noop","type":"kill","dataSource":"wiki"}"#
        )
        .await
        .status,
        400
    );
}

#[tokio::test]
async fn invented_names_make_no_series() {
    let rig = Rig::with("", LIMIT).await;
    let mut client = crate::support::client::Client::connect(rig.address)
        .await
        .expect("connected");
    for number in 0..2_000 {
        let call = crate::support::client::Call::new("POST", &crate::support::rig::api("/task"))
            .login("wiki", crate::support::rig::PASSWORD)
            .json(noop(&format!(
                "{}invented{number}",
                if number % 2 == 0 { "wiki" } else { "" }
            )));
        client.call(&call).await.expect("answered");
    }
    let metrics = rig.metrics().await;
    let series = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();
    assert!(series < 1_000, "{series}");
    assert!(
        metrics
            .contains("overgate_submissions_total{datasource=\"other\",outcome=\"accepted\"} 900"),
        "{metrics}"
    );
    assert!(
        metrics.contains("overgate_requests_total{operation=\"submit-task\",status=\"4xx\"} 1000"),
        "{metrics}"
    );
    assert!(
        metrics.contains(
            "overgate_decisions_total{code=\"overgateForbidden\",stage=\"authorize\"} 1000"
        )
    );
    assert!(metrics.contains("overgate_limiter_keys 1000"));
}
