//! `overgate demo`: an embedded cluster, the gateway before it, and a tour.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::TcpListener;

use super::terminal::{Palette, complain, print};
use crate::config::Config;
use crate::demo::{Before, Cluster, Node, Role, STOPS, Settings, Stop};
use crate::identity::hash_password;
use crate::listener::Phase;
use crate::server::{Server, chain, wall_clock};

/// Everybody's password in the demonstration.
const PASSWORD: &str = "demo";

/// How long nobody leads after the leader has died; a real cluster takes its ZooKeeper session,
/// 30 s by default.
const ELECTION: Duration = Duration::from_millis(1_500);

/// More of an answer than this is not shown.
const LONGEST_SHOWN: usize = 700;

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn run(tour_only: bool) -> ExitCode {
    super::serve::start_logging_quietly();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("overgate: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(demonstrate(tour_only));
    runtime.shutdown_background();
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("overgate: {}", chain(&*error)));
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate(tour_only: bool) -> Result<bool, Failure> {
    let palette = Palette::of_stdout();
    let nodes = cluster().await?;
    let text = configuration(&nodes)?;
    let config = Config::from_toml(&text, &|_| {
        Err("the demonstration has no secrets".to_owned())
    })
    .map_err(|problems| format!("the demonstration's configuration: {problems:?}"))?;
    let server = Server::new(config, None).await?;
    let (gateway, admin) = server.addresses()?;
    let drain = server.drain();
    let serving = tokio::spawn(server.run());
    print(&format!(
        "{}\n  Overlords   {} and {} (in memory, simulated tasks)\n  gateway     http://{gateway}\n  admin       http://{admin}/metrics\n  users       etl (wiki*) and admin (everything), password `{PASSWORD}`\n",
        palette.strong("overgate demo"),
        nodes[0].address(),
        nodes[1].address(),
    ));
    let mut good = 0;
    for (number, stop) in STOPS.iter().enumerate() {
        if stop.before == Before::LeaderDies {
            fail_over(&nodes).await;
        }
        let seen = stop.visit(gateway, PASSWORD).await?;
        let as_expected = stop.is_as_expected(&seen);
        good += usize::from(as_expected);
        show(
            palette,
            number + 1,
            stop,
            seen.status,
            &seen.body,
            as_expected,
        );
    }
    let all = good == STOPS.len();
    let summary = format!("{good} of {} steps ended as expected", STOPS.len());
    print(&format!(
        "{}\n",
        if all {
            palette.good(&summary)
        } else {
            palette.bad(&summary)
        }
    ));
    if tour_only || !all {
        drain.enter(Phase::Closing);
    } else {
        print(&format!(
            "The gateway keeps serving until Ctrl-C. Try:\n  curl -u etl:{PASSWORD} http://{gateway}/druid/indexer/v1/tasks\n"
        ));
    }
    serving.await??;
    Ok(all)
}

async fn cluster() -> Result<Vec<Arc<Node>>, Failure> {
    let cluster = Cluster::new(Settings {
        clock: Arc::new(wall_clock),
        capacity: 2,
        run_time: SignedDuration::from_secs(3),
        queue: 1_000,
    });
    let first = TcpListener::bind("127.0.0.1:0").await?;
    let second = TcpListener::bind("127.0.0.1:0").await?;
    let leader = first.local_addr()?;
    Ok(vec![
        Arc::new(Node::start(cluster.clone(), first, Role::Leader)?),
        Arc::new(Node::start(cluster, second, Role::Follower(leader))?),
    ])
}

fn configuration(nodes: &[Arc<Node>]) -> Result<String, Failure> {
    let overlords: Vec<String> = nodes
        .iter()
        .map(|node| format!("\"http://{}\"", node.address()))
        .collect();
    let hash = hash_password(PASSWORD)?;
    Ok(format!(
        r#"
[listener]
address = "127.0.0.1:0"
[admin]
address = "127.0.0.1:0"
[upstream]
overlords = [{}]
[telemetry]
access_log = "off"
[drain]
lame_duck = "0s"
[[user]]
name = "etl"
password = "{hash}"
roles = ["wiki-writer"]
[[user]]
name = "admin"
password = "{hash}"
roles = ["operator"]
[[role]]
name = "wiki-writer"
[[role.grant]]
actions = ["submit", "read", "shutdown"]
datasources = ["wiki*"]
[[role]]
name = "operator"
[[role.grant]]
actions = ["read", "submit", "shutdown", "manage", "admin"]
datasources = ["*"]
[[rate_limit]]
name = "submissions"
key = ["datasource"]
rate = "6/min"
burst = 3
"#,
        overlords.join(", ")
    ))
}

/// The leader dies as by `kill -9`; the other node redirects to the dead address, and leads when
/// the election is over.
async fn fail_over(nodes: &[Arc<Node>]) {
    if let [old, new] = nodes {
        old.kill().await;
        let new = new.clone();
        tokio::spawn(async move {
            tokio::time::sleep(ELECTION).await;
            new.set_role(Role::Leader);
        });
    }
}

fn show(palette: Palette, number: usize, stop: &Stop, status: u16, body: &str, as_expected: bool) {
    let mut text = format!("{}\n", palette.strong(&format!("{number}. {}", stop.title)));
    let times = if stop.times > 1 {
        format!(" ({} times)", stop.times)
    } else {
        String::new()
    };
    text.push_str(&format!(
        "   {} /druid/indexer/v1{}  as {}{times}\n",
        stop.method, stop.path, stop.user
    ));
    for line in stop.body.unwrap_or_default().lines() {
        text.push_str(&palette.faint(&format!("   | {line}")));
        text.push('\n');
    }
    let shown: String = body.chars().take(LONGEST_SHOWN).collect();
    let more = if shown.len() < body.len() { " …" } else { "" };
    let mark = if as_expected {
        palette.good("as expected")
    } else {
        palette.bad("NOT AS EXPECTED")
    };
    text.push_str(&format!("   {status} {mark}\n   {shown}{more}\n"));
    print(&text);
}
