//! Live tasks are counted, whoever submitted them.

use http::Method;
use jiff::SignedDuration;
use overgate::demo::Fault;
use serde_json::json;

use crate::support::client::{Answer, Call};
use crate::support::eventually;
use crate::support::rig::{PASSWORD, Rig, api};

fn noop(datasource: &str) -> String {
    format!(r#"{{"type":"noop","dataSource":"{datasource}"}}"#)
}

fn quota(more: &str) -> String {
    format!("[[quota]]\nname = \"live\"\n{more}\n")
}

/// Straight to the Overlord.
async fn past_the_gateway(rig: &Rig, datasource: &str) {
    let call = Call::new("POST", &api("/task")).json(noop(datasource));
    let answer = call.send(rig.nodes[0].address()).await.expect("answered");
    assert_eq!(answer.status, 200);
}

fn refused(answer: &Answer) -> bool {
    match answer.status {
        200 => false,
        429 => {
            assert_eq!(answer.code(), "overgateTooManyLive");
            assert!(answer.header("Retry-After").is_some());
            true
        }
        status => panic!("{status}: {}", answer.text()),
    }
}

#[tokio::test]
async fn three_of_ten_are_admitted_and_another_when_one_ends() {
    let rig = Rig::with("", &quota("max = 3")).await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(rig.post("wiki", "/task", noop("wiki_a")).await);
    }
    let admitted = answers.iter().filter(|answer| !refused(answer)).count();
    assert_eq!(admitted, 3);
    let last = answers
        .iter()
        .find(|answer| answer.status == 429)
        .expect("refused");
    let context = &last.json()["context"];
    assert_eq!(context["limit"], "live");
    assert_eq!((&context["inUse"], &context["max"]), (&json!(3), &json!(3)));
    assert_eq!(
        context["by"],
        json!([{"datasource": "wiki_a", "type": "noop", "inUse": 3}])
    );
    assert!(
        !refused(&rig.post("wiki", "/task", noop("wiki_b")).await),
        "another datasource"
    );
    rig.advance(SignedDuration::from_secs(10));
    eventually("one has ended", async || {
        (!refused(&rig.post("wiki", "/task", noop("wiki_a")).await)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn all_at_once_are_counted_like_one_after_another() {
    let rig = Rig::with("", &quota("max = 5")).await;
    let call = Call::new("POST", &api("/task"))
        .login("wiki", PASSWORD)
        .json(noop("wiki_a"));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (call, address) = (call.clone(), rig.address);
        calls.spawn(async move { call.send(address).await.expect("answered") });
    }
    let answers = calls.join_all().await;
    let admitted = answers.iter().filter(|answer| !refused(answer)).count();
    assert_eq!(admitted, 5);
}

#[tokio::test]
async fn tasks_that_came_past_the_gateway_count() {
    let rig = Rig::with("", &quota("per = \"all\"\nmax = 3")).await;
    past_the_gateway(&rig, "secret").await;
    past_the_gateway(&rig, "secret").await;
    past_the_gateway(&rig, "wiki_a").await;
    let over = rig.post("wiki", "/task", noop("wiki_b")).await;
    assert!(refused(&over));
    // What may not be seen has no name.
    assert_eq!(
        over.json()["context"]["by"],
        json!([
            {"datasource": "wiki_a", "type": "noop", "inUse": 1},
            {"datasource": null, "type": "others", "inUse": 2},
        ])
    );
    assert!(!over.text().contains("secret"));
}

#[tokio::test]
async fn what_druid_refuses_takes_no_place() {
    let rig = Rig::with("", &quota("max = 2")).await;
    let with_id = r#"{"type":"noop","dataSource":"wiki_a","id":"one"}"#;
    assert!(!refused(&rig.post("wiki", "/task", with_id).await));
    for _ in 0..5 {
        assert_eq!(rig.post("wiki", "/task", with_id).await.status, 400);
    }
    assert!(!refused(&rig.post("wiki", "/task", noop("wiki_a")).await));
    assert!(refused(&rig.post("wiki", "/task", noop("wiki_a")).await));
}

#[tokio::test]
async fn a_role_is_counted_by_what_it_may_submit() {
    let rig = Rig::with(
        "",
        &quota("per = \"role\"\nroles = [\"wiki-writer\"]\nmax = 2"),
    )
    .await;
    past_the_gateway(&rig, "wiki_z").await;
    past_the_gateway(&rig, "other").await;
    assert!(!refused(&rig.post("wiki", "/task", noop("wiki_a")).await));
    assert!(refused(&rig.post("wiki", "/task", noop("wiki_b")).await));
    assert!(
        !refused(&rig.post("admin", "/task", noop("wiki_b")).await),
        "another role"
    );
}

#[tokio::test]
async fn an_audited_quota_refuses_nothing_and_counts() {
    let rig = Rig::with("", &quota("max = 1\nmode = \"audit\"")).await;
    for _ in 0..3 {
        assert!(!refused(&rig.post("wiki", "/task", noop("wiki_a")).await));
    }
    let metrics = rig.metrics().await;
    let line = "overgate_limit_decisions_total{limit=\"live\",said=\"would-refuse\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn more_than_ever_may_live_is_refused_for_good() {
    let rig = Rig::with("", &quota("count = \"slots\"\nmax = 4")).await;
    let wide = r#"{"type":"compact","dataSource":"wiki_a","ioConfig":{"type":"compact","inputSpec":{"type":"interval","interval":"2020/2021"}},"tuningConfig":{"type":"index_parallel","maxNumConcurrentSubTasks":4}}"#;
    let never = rig.post("wiki", "/task", wide).await;
    assert_eq!(
        (never.status, never.code()),
        (400, "overgateTooManySlots".to_owned())
    );
}

/// Tenet 1: what is only audited never stands in the way, not even when nothing can be counted.
#[tokio::test]
async fn what_cannot_be_counted_refuses_only_where_it_is_enforced() {
    let broken = || Fault::Instead(500, "text/html", "<html/>".to_owned());
    for (mode, status) in [("audit", 200), ("enforce", 503)] {
        let rig = Rig::with("", &quota(&format!("max = 1\nmode = \"{mode}\""))).await;
        rig.nodes[0].fault(Method::GET, broken());
        let answer = rig.post("wiki", "/task", noop("wiki_a")).await;
        assert_eq!(answer.status, status, "{mode} {}", answer.text());
        if status == 503 {
            assert_eq!(answer.code(), "overgateUncounted");
        }
    }
}
