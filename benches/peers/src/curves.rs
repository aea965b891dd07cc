//! How what a request costs grows: with its body, with what is wrong in it, with what is configured,
//! and with who else is there.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load;
use crate::peer::{self, Kind, Peer, Programs};
use crate::run::{self, Progress};
use crate::specs;
use crate::turns::{Field, Load, Pace};
use crate::work::{Request, SLOT, Work};

/// One curve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Curve {
    /// What grows.
    pub what: String,
    /// What is asked meanwhile.
    pub asked: String,
    /// How much of it, and the CPU time by request in microseconds.
    pub points: Vec<(u64, f64)>,
}

/// Connections, of which so many ask at most.
const OPEN: &str = "connections that are open, of which at most 64 ask";
const ASKING: usize = 64;

/// One point: how much, more of overgate's configuration, and the load.
type Point = (u64, String, Load);

fn asks(work: Work, request: Request, connections: usize) -> Load {
    Load {
        work,
        request,
        connections,
    }
}

/// Users, each with a role, a rate limit and a quota of his own, and datasources with a rate of their
/// own, beside those who ask.
fn configured(count: u64) -> String {
    let one = |number: u64| {
        format!(
            r#"[[user]]
name = "user_{number}"
api_keys = ["sha256:{number:064x}"]
roles = ["role_{number}"]
[[role]]
name = "role_{number}"
[[role.grant]]
actions = ["submit", "read"]
datasources = ["team_{number}_*"]
[[rate_limit]]
name = "limit_{number}"
actions = ["submit", "read"]
roles = ["role_{number}"]
key = ["principal"]
rate = "100/s"
[[quota]]
name = "quota_{number}"
datasources = ["team_{number}_*"]
max = 100
"#
        )
    };
    let own = |number: u64| {
        format!("{{ datasources = [\"team_{number}_*\", \"*_{number}.raw\"], rate = \"9/s\" }}")
    };
    let all: String = (0..count).map(one).collect();
    let owns: Vec<String> = (0..count).map(own).collect();
    let owns = owns.join(", ");
    format!(
        r#"{all}[[rate_limit]]
name = "overridden"
actions = ["submit", "read"]
key = ["datasource"]
rate = "1000000/s"
overrides = [{owns}]
"#
    )
}

fn points() -> Vec<(&'static str, &'static str, Vec<Point>)> {
    let none = String::new;
    let status = || Work::Status.request();
    let of_body = |length: u64| {
        let body = specs::batch("wiki", usize::try_from(length).unwrap_or(0), false);
        (
            body.len() as u64,
            none(),
            asks(Work::Post40k, Request::post(&body), 4),
        )
    };
    let of_findings = |count: u64| {
        let body = specs::with_findings("wiki", usize::try_from(count).unwrap_or(0));
        let work = if count == 0 {
            Work::Post40k
        } else {
            Work::Invalid40k
        };
        (count, none(), asks(work, Request::post(&body), 4))
    };
    let of_datasources = |count: u64| {
        let mut request = Request::post(&specs::batch(&format!("wiki_{SLOT}"), 2_000, false));
        request.numbers = count;
        (count, none(), asks(Work::Post2k, request, 64))
    };
    let of_connections = |count: u64| {
        let connections = usize::try_from(count).unwrap_or(1).min(ASKING);
        let open = count.min(peer::clients() as u64);
        (open, none(), asks(Work::Status, status(), connections))
    };
    let of_configured = |count: u64| (count, configured(count), asks(Work::Status, status(), 64));
    let of_configured_post = |count: u64| {
        let request = Work::Post2k.request();
        (count, configured(count), asks(Work::Post2k, request, 64))
    };
    let tens = [10, 100, 1_000, 10_000];
    vec![
        (
            "bytes of a valid body",
            "POST",
            [2_000, 16_000, 128_000, 1 << 20, 4 << 20, 16_000_000]
                .map(of_body)
                .into(),
        ),
        (
            "fields that Druid would ignore, of 10,000 dimensions",
            "POST",
            [0, 10, 100, 1_000, 10_000].map(of_findings).into(),
        ),
        (
            "users, roles, limits, quotas and overrides, each",
            "GET status",
            tens.map(of_configured).into(),
        ),
        (
            "users, roles, limits, quotas and overrides, each",
            "POST 2 KB",
            tens.map(of_configured_post).into(),
        ),
        (
            "datasources that are submitted to",
            "POST 2 KB",
            [10, 1_000, 100_000, 1_000_000].map(of_datasources).into(),
        ),
        (
            OPEN,
            "GET status",
            [1, 10, 100, 1_000, 10_000].map(of_connections).into(),
        ),
    ]
}

/// Measures all of them.
///
/// # Errors
/// As [`run::run`].
pub async fn run(programs: &Programs, time: Duration) -> io::Result<Vec<Curve>> {
    let upstream = run::upstream().await?;
    let all = points();
    let count: usize = all.iter().map(|(.., points)| points.len()).sum();
    let mut progress = Progress::of(u32::try_from(count).unwrap_or(u32::MAX));
    let mut curves = Vec::new();
    for (what, asked, points) in all {
        let mut measured = Vec::new();
        for (much, more, load) in points {
            progress.step(&format!("{much} {what}, {asked}"));
            let peer = Peer::start(programs, Kind::Overgate, upstream, &more).await?;
            let idle = match what == OPEN {
                true => usize::try_from(much).unwrap_or(0),
                false => 0,
            };
            let idle = idle.saturating_sub(load.connections);
            let idle = load::idle(peer.address, &Work::Status.request(), idle).await?;
            let mut field = Field::of(std::slice::from_ref(&peer));
            let turns = field.measure(&load, Pace::of_time(time)).await?;
            drop(idle);
            measured.push((much, turns.first().map_or(f64::NAN, |turns| turns.cpu)));
        }
        curves.push(Curve {
            what: what.to_owned(),
            asked: asked.to_owned(),
            points: measured,
        });
    }
    progress.end();
    Ok(curves)
}

/// As Markdown.
pub fn table(curves: &[Curve]) -> String {
    let mut text = String::from("| asked | beside | CPU by request, µs |\n|---|---|---|\n");
    for curve in curves {
        let points = curve.points.iter();
        let points = points.map(|(much, cpu)| format!("{much}: {cpu:.0}"));
        let points: Vec<String> = points.collect();
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            curve.asked,
            curve.what,
            points.join(", ")
        ));
    }
    text
}
