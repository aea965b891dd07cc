//! The guided tour of `overgate demo`: a few requests through the gateway, each with its expected
//! end.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One request of the tour.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// What it shows, in a sentence.
    pub title: &'static str,
    /// Who asks.
    pub user: &'static str,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Below `/druid/indexer/v1`.
    pub path: &'static str,
    /// A JSON body.
    pub body: Option<&'static str>,
    /// How it must end.
    pub expected: u16,
    /// What the answer must say.
    pub says: &'static str,
    /// What happens to the cluster before it.
    pub before: Before,
    /// How often it is sent; the last answer counts.
    pub times: usize,
}

/// What happens before a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// The leading Overlord is killed; the other is elected a moment later.
    LeaderDies,
}

/// The stops, in order.
pub const STOPS: &[Stop] = &[
    Stop {
        title: "A good spec goes through to Druid as it is",
        user: "etl",
        method: "POST",
        path: "/task",
        body: Some(
            r#"{"type":"index_parallel","id":"first","spec":{"dataSchema":{"dataSource":"wikipedia","timestampSpec":{"column":"time"},"dimensionsSpec":{"dimensions":["page"]},"granularitySpec":{"intervals":["2020-01-01/P1D"]}},"ioConfig":{"type":"index_parallel","inputSource":{"type":"inline","data":"{}"},"inputFormat":{"type":"json"}}}}"#,
        ),
        expected: 200,
        says: "first",
        before: Before::Nothing,
        times: 1,
    },
    Stop {
        title: "A typo that Druid would ignore is refused with its place",
        user: "etl",
        method: "POST",
        path: "/task",
        body: Some(
            "{\n  \"type\": \"noop\",\n  \"dataSource\": \"wikipedia\",\n  \"runTme\": 5000\n}",
        ),
        expected: 400,
        says: "`runTme` is not a field of the noop task (line 4, column 3)",
        before: Before::Nothing,
        times: 1,
    },
    Stop {
        title: "A spec that writes its own datasource and reads another's is refused",
        user: "etl",
        method: "POST",
        path: "/task",
        body: Some(
            r#"{"type":"index_parallel","spec":{"dataSchema":{"dataSource":"wikipedia"},"ioConfig":{"type":"index_parallel","inputSource":{"type":"druid","dataSource":"salaries","interval":"2020/2021"}}}}"#,
        ),
        expected: 403,
        says: "salaries",
        before: Before::Nothing,
        times: 1,
    },
    Stop {
        title: "A context key that would run code on the worker is refused",
        user: "etl",
        method: "POST",
        path: "/task",
        body: Some(
            r#"{"type":"noop","dataSource":"wikipedia","context":{"druid.indexer.runner.javaOpts":"-agentpath:x"}}"#,
        ),
        expected: 400,
        says: "jvm-context-key",
        before: Before::Nothing,
        times: 1,
    },
    Stop {
        title: "Who submits too often is told when to come back",
        user: "etl",
        method: "POST",
        path: "/task",
        body: Some(r#"{"type":"noop","dataSource":"wiki_busy"}"#),
        expected: 429,
        says: "submissions",
        before: Before::Nothing,
        times: 4,
    },
    Stop {
        title: "The leader dies; a submission waits for the next one and is stored once",
        user: "etl",
        method: "POST",
        path: "/task",
        body: Some(r#"{"type":"noop","id":"across-a-failover","dataSource":"wikipedia"}"#),
        expected: 200,
        says: "across-a-failover",
        before: Before::LeaderDies,
        times: 1,
    },
    Stop {
        title: "A list holds what its reader may see",
        user: "etl",
        method: "GET",
        path: "/tasks",
        body: None,
        expected: 200,
        says: "across-a-failover",
        before: Before::Nothing,
        times: 1,
    },
];

/// An answer on the tour.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// The gateway could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the gateway did not answer")]
pub struct TourError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Stop {
    /// Sends the request and returns the last answer.
    ///
    /// # Errors
    /// [`TourError`]
    pub async fn visit(&self, gateway: SocketAddr, password: &str) -> Result<Seen, TourError> {
        let mut seen = Seen {
            status: 0,
            body: String::new(),
        };
        for _ in 0..self.times {
            seen = tokio::time::timeout(Duration::from_secs(60), self.ask(gateway, password))
                .await
                .map_err(|late| TourError(late.into()))?
                .map_err(TourError)?;
        }
        Ok(seen)
    }

    async fn ask(
        &self,
        gateway: SocketAddr,
        password: &str,
    ) -> Result<Seen, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(gateway).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let login = format!("{}:{password}", self.user);
        let login = base64::engine::general_purpose::STANDARD.encode(login);
        let mut request = Request::builder()
            .method(if self.method == "POST" {
                Method::POST
            } else {
                Method::GET
            })
            .uri(format!("/druid/indexer/v1{}", self.path))
            .header("Host", gateway.to_string())
            .header("Authorization", format!("Basic {login}"));
        if self.body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let body = Full::new(Bytes::from_static(self.body.unwrap_or_default().as_bytes()));
        let response = sender.send_request(request.body(body)?).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Seen {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Did it end as it must?
    pub fn is_as_expected(&self, seen: &Seen) -> bool {
        seen.status == self.expected && seen.body.contains(self.says)
    }
}
