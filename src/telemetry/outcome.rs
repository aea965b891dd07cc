//! The one record of an exchange.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::druid::DataSource;
use crate::quota::Said;

/// Which stage ended the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The header's bytes.
    Edge,
    /// The path or the query.
    Path,
    /// Who is it?
    Identity,
    /// Which endpoint?
    Route,
    /// May this principal do this at all?
    Standing,
    /// Whose task or supervisor is it?
    Owner,
    /// The body's bytes.
    Body,
    /// The body as JSON.
    Document,
    /// What the body says.
    Spec,
    /// May this principal do this to these datasources?
    Authorize,
    /// Schema and rules.
    Review,
    /// Limits.
    Quota,
    /// The Overlord did not answer.
    Upstream,
    /// Answered.
    Done,
}

impl Stage {
    /// All stages, in the order of a request's way.
    pub const ALL: [Stage; 14] = [
        Stage::Edge,
        Stage::Path,
        Stage::Identity,
        Stage::Route,
        Stage::Standing,
        Stage::Owner,
        Stage::Body,
        Stage::Document,
        Stage::Spec,
        Stage::Authorize,
        Stage::Review,
        Stage::Quota,
        Stage::Upstream,
        Stage::Done,
    ];

    /// Its name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Edge => "edge",
            Stage::Path => "path",
            Stage::Identity => "identity",
            Stage::Route => "route",
            Stage::Standing => "standing",
            Stage::Owner => "owner",
            Stage::Body => "body",
            Stage::Document => "document",
            Stage::Spec => "spec",
            Stage::Authorize => "authorize",
            Stage::Review => "review",
            Stage::Quota => "quota",
            Stage::Upstream => "upstream",
            Stage::Done => "done",
        }
    }
}

/// The code of a request that was not sent, because too many others are.
pub const OVERLOADED: &str = "overgateOverloaded";
/// How a read came by an answer that many may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// The Overlord was asked for it.
    Fetched,
    /// It waited for the answer to a question that was under way.
    Joined,
    /// The answer to a question of a moment ago.
    Reused,
    /// Not at all: the answer is too large, or there is no room. The Overlord was asked for it
    /// alone.
    Alone,
}

impl Sharing {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Sharing::Fetched => "fetched",
            Sharing::Joined => "joined",
            Sharing::Reused => "reused",
            Sharing::Alone => "alone",
        }
    }

    /// Was the Overlord asked by another read, or for another fact?
    fn is_shared(self) -> bool {
        matches!(self, Sharing::Joined | Sharing::Reused)
    }
}

/// What became of one request. A line of the access log; holds no body and no secret.
///
/// What serde writes of it is what the log has: a test holds the two together.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// When the request's first byte came. RFC 3339 in the log.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// As in the answer's `X-Request-Id`.
    pub request_id: String,
    /// The client's address, proxies that are trusted taken away.
    pub source: IpAddr,
    /// The user, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arc<str>>,
    /// The method, when the edge let it pass.
    pub method: Cow<'static, str>,
    /// The canonical path; empty when there is none.
    pub path: String,
    /// The endpoint, from the route table; `none` before it is known.
    pub operation: &'static str,
    /// What a grant must allow for it; `none` before it is known.
    pub action: &'static str,
    /// How much it matters under load; `none` before it is known. The endpoint says it to who
    /// reads the log.
    #[serde(skip)]
    pub class: &'static str,
    /// What the request reads or writes, at most ten.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "texts")]
    pub datasources: Vec<DataSource>,
    /// The task or supervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Arc<str>>,
    /// The status sent to the client; 0 when it left before.
    pub status: u16,
    /// The stage that made the answer.
    pub stage: Stage,
    /// Why it was refused: the problem's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The role that allowed it, or the limit that refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// Codes of findings that would have refused it, or warned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<&'static str>,
    /// Judged, reported, and let through because of `mode = "audit"`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub audited: bool,
    /// What each limit that covers it said: `admitted`, `near`, `would-refuse` or `refused`.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "said")]
    pub limits: Vec<(Arc<str>, Said)>,
    /// The Overlord that was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
    /// How often it was tried.
    pub attempts: u32,
    /// How a read came by its answer; `None`: it is of a kind that is not shared. In the log
    /// `true` for an answer that somebody else's question had brought.
    #[serde(
        rename = "shared",
        skip_serializing_if = "is_own",
        serialize_with = "shared"
    )]
    pub sharing: Option<Sharing>,
    /// From the first byte to the end of the answer.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
    /// Of it, waiting for the Overlord.
    #[serde(rename = "upstream_ms", serialize_with = "millis")]
    pub upstream_time: Duration,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the answer's body.
    pub sent: u64,
    /// The answer did not get to its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl Outcome {
    /// Did somebody else's question bring the answer?
    pub(super) fn is_shared(&self) -> bool {
        !is_own(&self.sharing)
    }
}

#[expect(
    clippy::ref_option,
    reason = "serde hands over a reference to the field"
)]
fn is_own(sharing: &Option<Sharing>) -> bool {
    !sharing.is_some_and(Sharing::is_shared)
}

fn shared<S: Serializer>(sharing: &Option<Sharing>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!is_own(sharing))
}

fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn texts<S: Serializer>(names: &[DataSource], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(DataSource::as_str))
}

fn said<S: Serializer>(limits: &[(Arc<str>, Said)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(limits.iter().map(|(limit, said)| (limit, said.name())))
}

/// Milliseconds with three digits behind the point.
fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
    serializer.serialize_f64(f64::from(micros) / 1_000.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A submission that Druid accepted.
    pub(in crate::telemetry) fn sample() -> Outcome {
        Outcome {
            time: "2026-01-01T00:00:00Z".parse().expect("a time"),
            request_id: "0000000100000001".to_owned(),
            source: IpAddr::from([127, 0, 0, 1]),
            principal: Some("etl".into()),
            method: "POST".into(),
            path: "/druid/indexer/v1/task".to_owned(),
            operation: "submit-task",
            action: "submit",
            class: "submission",
            datasources: vec!["wiki".parse().expect("a name")],
            subject: Some("t".into()),
            status: 200,
            stage: Stage::Done,
            code: None,
            rule: Some("writer".into()),
            findings: Vec::new(),
            audited: false,
            limits: Vec::new(),
            upstream: Some("127.0.0.1:8090".into()),
            attempts: 1,
            sharing: None,
            duration: Duration::from_millis(2),
            upstream_time: Duration::from_millis(1),
            received: 10,
            sent: 20,
            cut: false,
        }
    }

    #[test]
    fn every_stage_is_named_once_and_as_serde_names_it() {
        for stage in Stage::ALL {
            let json = serde_json::to_string(&stage).expect("a string");
            assert_eq!(json, format!("\"{}\"", stage.name()));
        }
        let names: std::collections::BTreeSet<_> =
            Stage::ALL.iter().map(|stage| stage.name()).collect();
        assert_eq!(names.len(), Stage::ALL.len());
    }
}
