//! What is asked: the requests, and what comes back.

use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::specs;

/// Everybody's password in overgate's configuration.
pub const PASSWORD: &str = "change me";

/// So many tasks are in the list.
pub const TASKS: usize = 5_000;

/// A task's log.
pub const LOG: usize = 20 << 20;

/// One kind of request.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// `GET` of a task's status, each of another task.
    Status,
    /// `POST` of a valid spec of 2 KB.
    Post2k,
    /// `POST` of a valid spec of 40 KB.
    Post40k,
    /// `POST` of a spec of 40 KB with a field in ten that Druid would ignore. The peers forward it.
    Invalid40k,
    /// A log of 20 MiB.
    Log,
    /// `GET /tasks`, 5,000 of them, by somebody who may see all.
    List,
    /// The same by somebody who may see two fifths of them. The peers have no such thing.
    Filtered,
}

impl Work {
    /// All of them, as they are measured.
    pub const ALL: [Work; 7] = [
        Work::Status,
        Work::Post2k,
        Work::Post40k,
        Work::Invalid40k,
        Work::Log,
        Work::List,
        Work::Filtered,
    ];

    /// How people call it.
    pub fn title(self) -> &'static str {
        match self {
            Work::Status => "GET status",
            Work::Post2k => "POST 2 KB",
            Work::Post40k => "POST 40 KB",
            Work::Invalid40k => "POST 40 KB, invalid",
            Work::Log => "20 MiB log",
            Work::List => "list of 5,000 tasks",
            Work::Filtered => "the same, filtered",
        }
    }

    /// Connections at once.
    pub fn connections(self) -> usize {
        match self {
            Work::Status | Work::Post2k | Work::Post40k | Work::Invalid40k => 64,
            Work::Log | Work::List | Work::Filtered => 8,
        }
    }

    /// The request.
    pub fn request(self) -> Request {
        let team = || "team";
        match self {
            Work::Status => Request::get(
                &format!("/druid/indexer/v1/task/index_parallel_wiki_{SLOT}/status"),
                team(),
            ),
            Work::Post2k => Request::post(&specs::batch("wiki", 2_000, false)),
            Work::Post40k => Request::post(&specs::batch("wiki", 40_000, false)),
            Work::Invalid40k => Request::post(&specs::batch("wiki", 40_000, true)),
            Work::Log => Request::get("/druid/indexer/v1/task/index_parallel_wiki_log/log", team()),
            // Another question each time, or the answer would be one for all.
            Work::List => Request::get(&format!("/druid/indexer/v1/tasks?max={SLOT}"), "admin"),
            Work::Filtered => Request::get(&format!("/druid/indexer/v1/tasks?max={SLOT}"), team()),
        }
    }
}

/// Stands for a number that is another one in each request.
pub const SLOT: &str = "1000000000";

/// So many numbers there are. They come again later than overgate gives an answer twice (500 ms)
/// and sooner than it forgets whose a task is, as with clients that poll their tasks.
pub const NUMBERS: u64 = 40_000;

/// A request's bytes.
#[derive(Debug, Clone)]
pub struct Request {
    /// All of them.
    pub bytes: Vec<u8>,
    /// Where the number stands.
    slot: Option<usize>,
    /// So many numbers there are.
    pub numbers: u64,
}

impl Request {
    /// A GET by `user`.
    pub fn get(target: &str, user: &str) -> Request {
        Request::of(format!(
            "GET {target} HTTP/1.1\r\nHost: overgate.test\r\n{}\r\n\r\n",
            authorization(user)
        ))
    }

    /// A submission by the team.
    pub fn post(body: &str) -> Request {
        Request::of(format!(
            "POST /druid/indexer/v1/task HTTP/1.1\r\nHost: overgate.test\r\n{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            authorization("team"),
            body.len()
        ))
    }

    fn of(text: String) -> Request {
        Request {
            slot: text.find(SLOT),
            bytes: text.into_bytes(),
            numbers: NUMBERS,
        }
    }

    /// Makes it the request with this number.
    pub fn number(&mut self, number: u64) {
        let Some(slot) = self.slot else { return };
        let digits = format!("{}", 1_000_000_000 + number % self.numbers);
        if let Some(place) = self.bytes.get_mut(slot..slot + SLOT.len()) {
            place.copy_from_slice(digits.as_bytes());
        }
    }
}

fn authorization(user: &str) -> String {
    let login = format!("{user}:{PASSWORD}");
    let encoded = base64::engine::general_purpose::STANDARD.encode(login);
    format!("Authorization: Basic {encoded}")
}

/// The list of all tasks, as an Overlord of 28.0.0 writes it; two fifths of them belong to the team.
pub fn tasks() -> String {
    let element = |number: usize| {
        let datasource = match number % 5 {
            0 | 1 => format!("wiki_{}", number % 40),
            _ => format!("other_{}", number % 40),
        };
        format!(
            r#"{{"id":"index_parallel_{datasource}_iajoonnd_2026-11-07T17:53:12.174Z","groupId":"index_parallel_{datasource}_iajoonnd_2026-11-07T17:53:12.174Z","type":"index_parallel","createdTime":"2026-11-07T17:53:12.175Z","queueInsertionTime":"1970-01-01T00:00:00.000Z","statusCode":"SUCCESS","status":"SUCCESS","runnerStatusCode":"NONE","duration":{number},"location":{{"host":"worker-{}.example.com","port":8100,"tlsPort":-1}},"dataSource":"{datasource}","errorMsg":null}}"#,
            number % 9
        )
    };
    let all: Vec<String> = (0..TASKS).map(element).collect();
    format!("[{}]", all.join(","))
}
