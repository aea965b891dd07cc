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

/// What Druid did not take costs nothing: whether it refused it or was not there.
#[tokio::test]
async fn what_druid_does_not_take_is_given_back() {
    let rig = Rig::with("submission_deadline = \"2s\"", LIMIT).await;
    let with_id = |id: &str| format!(r#"{{"type":"noop","dataSource":"wiki_a","id":"{id}"}}"#);
    let status = async |body: String| rig.post("wiki", "/task", body).await.status;
    assert_eq!(status(with_id("one")).await, 200);
    // The burst is two: were these counted, the third would be the last.
    for _ in 0..5 {
        let again = rig.post("wiki", "/task", with_id("one")).await;
        assert_eq!(again.status, 400, "{}", again.text());
        assert_eq!(again.header("RateLimit"), None, "it is given back");
    }
    rig.nodes[0].kill().await;
    for _ in 0..2 {
        let unreached = rig.post("wiki", "/task", with_id("two")).await;
        assert_eq!(
            (unreached.status, unreached.code()),
            (503, "overgateNoLeader".to_owned())
        );
    }
    rig.nodes[0]
        .revive(overgate::demo::Role::Leader)
        .await
        .expect("its port");
    assert_eq!(status(with_id("two")).await, 200);
    assert_eq!(status(with_id("three")).await, 429);
}

/// What is no submission is counted before it is worked on; those who may not submit are told no
/// more than to wait.
#[tokio::test]
async fn reads_are_counted_before_they_are_worked_on() {
    let reads = r#"
[[rate_limit]]
name = "reads"
actions = ["read"]
roles = ["wiki-reader"]
key = ["principal", "operation"]
rate = "1/min"
burst = 2
"#;
    let rig = Rig::with("", reads).await;
    for _ in 0..2 {
        let unknown = rig.get("viewer", "/task/nobody/status").await;
        assert_eq!(unknown.status, 404);
    }
    rig.nodes[0].record();
    let refused = rig.get("viewer", "/task/nobody/status").await;
    assert_eq!(
        (refused.status, refused.code()),
        (429, "overgateOverQuota".to_owned())
    );
    let told = refused.json();
    assert_eq!(told["context"]["limit"], serde_json::Value::Null);
    assert!(
        told["errorMessage"]
            .as_str()
            .expect("text")
            .starts_with("Too many requests; try again in ")
    );
    assert_eq!(refused.header("RateLimit"), None);
    assert_eq!(refused.header("RateLimit-Policy"), None);
    let wait: u64 = refused
        .header("Retry-After")
        .expect("told")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let asked = rig.nodes[0].received();
    assert!(
        asked
            .iter()
            .all(|request| !request.target.contains("nobody")),
        "{asked:?}"
    );
    // Another endpoint, another principal.
    assert_eq!(rig.get("viewer", "/tasks").await.status, 200);
    assert_eq!(rig.get("wiki", "/task/nobody/status").await.status, 404);
}

#[tokio::test]
async fn a_limit_that_is_audited_refuses_nothing_and_counts() {
    let limits = format!(
        "{LIMIT}\n[[rate_limit]]\nname = \"shadow\"\nkey = [\"principal\"]\nrate = \"1/h\"\nmode = \"audit\"\n"
    );
    let rig = Rig::with("", &limits).await;
    for name in ["wiki_a", "wiki_b", "wiki_c", "wiki_c"] {
        assert_eq!(rig.post("wiki", "/task", noop(name)).await.status, 200);
    }
    let last = rig.post("wiki", "/task", noop("wiki_c")).await;
    assert_eq!(last.status, 429);
    assert_eq!(last.json()["context"]["limit"], "submissions");
    let metrics = rig.metrics().await;
    for line in [
        "overgate_limit_decisions_total{limit=\"shadow\",said=\"near\"} 1",
        "overgate_limit_decisions_total{limit=\"shadow\",said=\"would-refuse\"} 4",
        "overgate_limit_decisions_total{limit=\"submissions\",said=\"refused\"} 1",
        "overgate_limit_decisions_total{limit=\"submissions\",said=\"admitted\"} 3",
        "overgate_limit_decisions_total{limit=\"submissions\",said=\"near\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let status = crate::support::client::Call::get("/status")
        .send(rig.admin)
        .await;
    let status = status.expect("answered").json();
    let fullest = &status["fullestBuckets"][0];
    assert_eq!(
        fullest["takenPercent"].as_f64().map(f64::round),
        Some(100.0),
        "{status}"
    );
    let keys: Vec<_> = status["fullestBuckets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|bucket| (bucket["limit"].as_str(), bucket["key"][0].as_str()))
        .collect();
    assert!(
        keys.contains(&(Some("submissions"), Some("wiki_c"))),
        "{keys:?}"
    );
    assert!(keys.contains(&(Some("shadow"), Some("wiki"))), "{keys:?}");
}

#[tokio::test]
async fn slots_are_what_a_submission_will_take() {
    let slots = r#"
[[rate_limit]]
name = "slots"
cost = "slots"
rate = "1/h"
burst = 10
"#;
    let rig = Rig::with("", slots).await;
    let wide = |slots: &str| {
        format!(
            r#"{{"type":"compact","dataSource":"wiki_a","ioConfig":{{"type":"compact","inputSpec":{{"type":"interval","interval":"2020/2021"}}}},"tuningConfig":{{"type":"index_parallel","maxNumConcurrentSubTasks":{slots}}}}}"#
        )
    };
    let never = rig.post("wiki", "/task", wide("10")).await;
    assert_eq!(
        (never.status, never.code()),
        (400, "overgateTooManySlots".to_owned())
    );
    assert_eq!(never.header("Retry-After"), None, "waiting does not help");
    let dry = rig.post("wiki", "/task?dryRun=All", wide("7")).await.json();
    assert_eq!(
        dry["charges"],
        serde_json::json!([{"limit": "slots", "cost": 8}])
    );
    assert_eq!(dry["admitted"], true);
    let first = rig.post("wiki", "/task", wide("7")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(
        first.header("RateLimit-Policy"),
        Some("\"slots\";q=10;w=36000;qu=\"slots\"")
    );
    assert_eq!(first.header("RateLimit"), Some("\"slots\";r=2;t=3600"));
    let dry = rig.post("wiki", "/task?dryRun=All", wide("2")).await.json();
    assert_eq!(
        (&dry["admitted"], &dry["stage"]),
        (&false.into(), &"quota".into())
    );
    assert_eq!(rig.post("wiki", "/task", wide("2")).await.status, 429);
    assert_eq!(rig.post("wiki", "/task", wide("1")).await.status, 200);
}

/// A sampler has a spec and is no submission: it is counted once.
#[tokio::test]
async fn a_sampler_is_counted_once() {
    let limit = "[[rate_limit]]\nname = \"admin\"\nactions = [\"admin\"]\nrate = \"1/h\"\n";
    let rig = Rig::with("", limit).await;
    let spec = r#"{"type":"index","spec":{"ioConfig":{"type":"index","inputSource":{"type":"inline","data":"{}"},"inputFormat":{"type":"json"}},"dataSchema":{"dataSource":"wiki","timestampSpec":{"column":"t"},"dimensionsSpec":{}}}}"#;
    let first = rig.post("admin", "/sampler", spec).await;
    assert_ne!(first.status, 429, "{}", first.text());
    assert_eq!(rig.post("admin", "/sampler", spec).await.status, 429);
}

/// What was charged before it turned out that nobody leads is given back.
#[tokio::test]
async fn an_election_costs_nothing() {
    let limit = "[[rate_limit]]\nname = \"stops\"\nactions = [\"shutdown\"]\nkey = [\"principal\"]\nrate = \"1/h\"\nburst = 2\n";
    let rig = Rig::with("submission_deadline = \"500ms\"", limit).await;
    assert_eq!(rig.get("wiki", "/tasks").await.status, 200);
    rig.nodes[0].kill().await;
    for _ in 0..4 {
        let unreached = rig.post("wiki", "/task/t/shutdown", "").await;
        assert_eq!(unreached.code(), "overgateNoLeader", "{}", unreached.text());
    }
}
