//! The gateway's own account at a Druid with basic security: made by the commands of the manual,
//! and what fails without each of its permissions, as the manual's table says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::suite::Logins;
use crate::support::client::{Answer, Call};
use crate::support::eventually;
use crate::support::rig::api;

/// The account of the manual.
pub const NAME: &str = "overgate";

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/druid-account.md");
    std::fs::read_to_string(path).expect("a manual")
}

/// Runs the manual's commands; the file with the account's password.
pub fn create(cluster: &Cluster) -> PathBuf {
    let manual = manual();
    let (_, commands) = manual.split_once("```sh\n").expect("commands");
    let (commands, _) = commands.split_once("```").expect("closed");
    let leader = cluster.addresses()[0];
    let run = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .env("COORDINATOR", format!("http://{leader}"))
        .current_dir(cluster.folder())
        .status();
    assert!(run.expect("bash runs").success(), "the manual's commands");
    cluster.folder().join("overgate.password")
}

/// Druid does not know the account, or not with this password: the gateway is not ready and says
/// why, without the password.
pub async fn is_refused(overlords: &[SocketAddr], version: &str, cluster: &Cluster) {
    let secret = "nobody has this one";
    let file = cluster.folder().join("wrong.password");
    std::fs::write(&file, secret).expect("written");
    for password in [Some(file.as_path()), None] {
        let (gateway, _folder) = crate::shipped_example(overlords, version, password).await;
        let admin = async |path: &str| Call::get(path).send(gateway.admin).await.expect("answered");
        let told = "Druid refuses the gateway's own credentials";
        eventually("it is not ready and says why", async || {
            let ready = admin("/readyz").await;
            (ready.status == 503 && ready.text().contains(told)).then_some(())
        })
        .await;
        eventually("it is in the log", async || {
            gateway.said(told).then_some(())
        })
        .await;
        let (user, own) = crate::EXAMPLE.operator;
        let list = Call::get(&api("/tasks")).login(user, own);
        let list = list.send(gateway.address).await.expect("answered");
        assert_eq!(
            (list.status, list.code()),
            (502, "overgateUpstreamLogin".to_owned())
        );
        assert_eq!(list.header("WWW-Authenticate"), None);
        for path in ["/readyz?verbose", "/status", "/metrics"] {
            assert!(!admin(path).await.text().contains(secret));
        }
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{NAME}:{secret}"));
        assert!(!gateway.said(secret) && !gateway.said(&encoded));
    }
}

/// What an endpoint does without a permission.
enum Without {
    Fails(&'static str),
    IsEmpty(&'static str),
}

use Without::{Fails, IsEmpty};

/// A request, the endpoint that the manual calls it, and what it needs.
struct Asked {
    endpoint: &'static str,
    path: &'static str,
    body: Option<Value>,
    needs: &'static [Without],
}

impl Asked {
    fn fails_without(&self, name: &str) -> bool {
        let mut needs = self.needs.iter();
        needs.any(|need| matches!(need, Fails(permission) if *permission == name))
    }

    fn is_empty_without(&self, name: &str) -> bool {
        let mut needs = self.needs.iter();
        needs.any(|need| matches!(need, IsEmpty(permission) if *permission == name))
    }
}

fn asked() -> Vec<Asked> {
    let ask = |endpoint, path, needs| Asked {
        endpoint,
        path,
        body: None,
        needs,
    };
    let say = |endpoint, path, body, needs| Asked {
        endpoint,
        path,
        body: Some(body),
        needs,
    };
    let read: &[Without] = &[Fails("DATASOURCE READ")];
    let write: &[Without] = &[Fails("DATASOURCE WRITE")];
    // The gateway looks first: which tasks there are, whose the supervisor is.
    let both: &[Without] = &[Fails("DATASOURCE READ"), Fails("DATASOURCE WRITE")];
    let look: &[Without] = &[Fails("STATE READ")];
    let state: &[Without] = &[Fails("STATE WRITE")];
    let config: &[Without] = &[Fails("CONFIG READ")];
    let input = json!({"type": "inline", "data": "{\"t\":1}"});
    let io = |kind| json!({"type": kind, "inputSource": input, "inputFormat": {"type": "json"}});
    let schema = json!({"dataSource": "wiki_account", "timestampSpec": {"column": "t"}, "dimensionsSpec": {"dimensions": ["a"]}});
    // Ids that the suite has used: whoever may submit them hears that they exist.
    let ingestion = json!({"type": "index_parallel", "id": "suite-ingestion", "spec": {"dataSchema": schema, "ioConfig": io("index_parallel")}});
    let sample = json!({"type": "index", "spec": {"dataSchema": schema, "ioConfig": io("index")}});
    let noop = json!({"type": "noop", "id": "suite-noop", "dataSource": "wiki_suite"});
    let supervisor =
        json!({"type": "NoopSupervisorSpec", "id": "account", "dataSources": ["wiki_account"]});
    vec![
        say("POST /supervisor", "/supervisor", supervisor, write),
        say("POST /task", "/task", noop, write),
        say(
            "POST /task",
            "/task",
            ingestion,
            &[Fails("DATASOURCE WRITE"), Fails("EXTERNAL READ")],
        ),
        ask("GET /task/{id}", "/task/suite-ingestion", read),
        ask(
            "GET /task/{id}/status",
            "/task/suite-ingestion/status",
            read,
        ),
        ask(
            "GET /task/{id}/segments",
            "/task/suite-ingestion/segments",
            read,
        ),
        ask("GET /task/{id}/log", "/task/suite-ingestion/log", read),
        ask(
            "GET /task/{id}/reports",
            "/task/suite-ingestion/reports",
            read,
        ),
        ask(
            "POST /task/{id}/shutdown",
            "/task/suite-ingestion/shutdown",
            write,
        ),
        ask("GET /tasks", "/tasks", &[IsEmpty("DATASOURCE READ")]),
        ask(
            "GET /completeTasks",
            "/completeTasks",
            &[IsEmpty("DATASOURCE READ")],
        ),
        say(
            "POST /taskStatus",
            "/taskStatus",
            json!(["suite-noop"]),
            state,
        ),
        ask(
            "POST /datasources/{name}/shutdownAllTasks",
            "/datasources/wiki_suite/shutdownAllTasks",
            both,
        ),
        ask(
            "DELETE /pendingSegments/{name}",
            "/pendingSegments/wiki_suite?interval=2020-01-01/2020-01-02",
            both,
        ),
        ask(
            "GET /supervisor",
            "/supervisor",
            &[IsEmpty("DATASOURCE WRITE")],
        ),
        ask(
            "GET /supervisor/history",
            "/supervisor/history",
            &[IsEmpty("DATASOURCE READ")],
        ),
        ask("GET /supervisor/{id}", "/supervisor/account", read),
        ask(
            "GET /supervisor/{id}/stats",
            "/supervisor/account/stats",
            read,
        ),
        ask(
            "GET /supervisor/{id}/history",
            "/supervisor/account/history",
            read,
        ),
        ask(
            "POST /supervisor/{id}/suspend",
            "/supervisor/account/suspend",
            both,
        ),
        ask(
            "POST /supervisor/{id}/resume",
            "/supervisor/account/resume",
            both,
        ),
        ask(
            "POST /supervisor/{id}/reset",
            "/supervisor/account/reset",
            both,
        ),
        say(
            "POST /sampler",
            "/sampler",
            sample,
            &[Fails("STATE WRITE"), Fails("EXTERNAL READ")],
        ),
        ask("GET /isLeader", "/isLeader", &[]),
        ask("GET /leader", "/leader", look),
        ask("GET /workers", "/workers", look),
        ask("GET /scaling", "/scaling", look),
        ask("GET /worker", "/worker", config),
        ask("GET /worker/history", "/worker/history", config),
        ask("GET /totalWorkerCapacity", "/totalWorkerCapacity", config),
        say(
            "POST /worker",
            "/worker",
            json!({"type": "default"}),
            &[Fails("CONFIG WRITE")],
        ),
        ask(
            "POST /worker/{host}/enable",
            "/worker/nothing:1/enable",
            state,
        ),
        ask(
            "POST /worker/{host}/disable",
            "/worker/nothing:1/disable",
            state,
        ),
        say(
            "POST /lockedIntervals",
            "/lockedIntervals",
            json!({"wiki_suite": 0}),
            state,
        ),
        say(
            "POST /lockedIntervals/v2",
            "/lockedIntervals/v2",
            json!([{"datasource": "wiki_suite", "priority": 0}]),
            state,
        ),
    ]
}

struct Account<'a> {
    cluster: &'a Cluster,
    gateway: SocketAddr,
    logins: Logins,
    password: String,
}

impl Account<'_> {
    async fn ask(&self, asked: &Asked) -> Answer {
        let (method, _) = asked.endpoint.split_once(' ').expect("a method");
        // The gateway takes nobody's `NoopSupervisorSpec`, and 28.0.0 has no other without
        // extensions: this one is asked of Druid itself.
        let (address, (user, password)) = if asked.endpoint == "POST /supervisor" {
            (self.cluster.addresses()[0], (NAME, self.password.as_str()))
        } else {
            (self.gateway, self.logins.operator)
        };
        let call = Call::new(method, &api(asked.path)).login(user, password);
        let call = match &asked.body {
            Some(body) => call.json(body.to_string()),
            None => call,
        };
        call.send(address).await.expect("answered")
    }

    /// Names in permissions are regular expressions over the whole name.
    async fn narrow(&self, all: &[Value]) {
        let narrow: Vec<Value> = all
            .iter()
            .cloned()
            .map(|mut permission| {
                let resource = &mut permission["resource"];
                match resource["type"].as_str() {
                    Some("DATASOURCE") => resource["name"] = "wiki.*".into(),
                    Some("EXTERNAL") => resource["name"] = "inline|s3".into(),
                    _ => {}
                }
                permission
            })
            .collect();
        self.grant(&narrow.iter().collect::<Vec<_>>()).await;
        let (user, password) = self.logins.operator;
        let submit = async |datasource: &str| {
            let noop = json!({"type": "noop", "id": "suite-noop", "dataSource": datasource});
            let call = Call::new("POST", &api("/task"))
                .login(user, password)
                .json(noop.to_string());
            call.send(self.gateway).await.expect("answered").status
        };
        eventually("others are refused", async || {
            (submit("secret").await == 403 && submit("a_wiki").await == 403).then_some(())
        })
        .await;
        assert_eq!(submit("wiki_suite").await, 400, "it exists");
        for asked in asked() {
            let answer = self.ask(&asked).await;
            assert_ne!(answer.status, 403, "{}: {}", asked.endpoint, answer.text());
        }
    }

    /// Gives the role these permissions; they do not count at once.
    async fn grant(&self, permissions: &[&Value]) {
        let (user, password) = self.cluster.admin();
        let roles = "/druid-ext/basic-security/authorization/db/basic/roles/overgate/permissions";
        let set = Call::new("POST", roles)
            .login(user, password)
            .json(json!(permissions).to_string());
        let set = set.send(self.cluster.addresses()[0]).await;
        let set = set.expect("answered");
        assert_eq!(set.status, 200, "{}", set.text());
    }
}

/// Takes each permission away in turn: what fails is what the manual says.
pub async fn permissions(gateway: SocketAddr, logins: Logins, cluster: &Cluster) {
    let account = Account {
        cluster,
        gateway,
        logins,
        password: std::fs::read_to_string(cluster.folder().join("overgate.password"))
            .expect("written"),
    };
    let file = std::fs::read_to_string(cluster.folder().join("permissions.json"));
    let all: Vec<Value> = serde_json::from_str(&file.expect("written")).expect("JSON");
    let asked = asked();
    let mut with_all = Vec::new();
    for asked in &asked {
        let answer = account.ask(asked).await;
        assert_ne!(answer.status, 403, "{}: {}", asked.endpoint, answer.text());
        with_all.push(answer);
    }
    let manual = manual();
    let mut wrong = Vec::new();
    for missing in &all {
        let name = format!(
            "{} {}",
            missing["resource"]["type"].as_str().expect("a type"),
            missing["action"].as_str().expect("an action")
        );
        let rest: Vec<&Value> = all.iter().filter(|one| *one != missing).collect();
        account.grant(&rest).await;
        let first = asked.iter().position(|asked| asked.fails_without(&name));
        let first = first.expect("every permission is for something");
        eventually("it counts", async || {
            (account.ask(&asked[first]).await.status == 403).then_some(())
        })
        .await;
        let row = manual
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("the manual has no row for {name}"));
        let mut told = Vec::new();
        for (asked, before) in asked.iter().zip(&with_all) {
            let endpoint = asked.endpoint;
            let answer = account.ask(asked).await;
            let is_empty = |answer: &Answer| matches!(answer.text().as_str(), "[]" | "{}");
            let needed = asked.fails_without(&name) || asked.is_empty_without(&name);
            let expected = if asked.fails_without(&name) {
                answer.status != before.status
            } else {
                answer.status == before.status && (is_empty(&answer) != is_empty(before)) == needed
            };
            // A row that names `POST /task` is for both kinds of tasks.
            let told_of = row.contains(&format!("`{endpoint}`"));
            if !expected || (told_of != needed && endpoint != "POST /task") {
                wrong.push(format!(
                    "without {name}: {endpoint} {} was {} {}",
                    answer.status,
                    before.status,
                    answer.text()
                ));
            }
            if needed {
                told.push(format!("{endpoint} {}", answer.status));
            }
        }
        println!("without {name}: {}", told.join(", "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    account.narrow(&all).await;
    let all: Vec<&Value> = all.iter().collect();
    account.grant(&all).await;
    eventually("everything may be done again", async || {
        for asked in &asked {
            if account.ask(asked).await.status == 403 {
                return None;
            }
        }
        Some(())
    })
    .await;
}
