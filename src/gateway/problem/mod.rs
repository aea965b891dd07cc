//! How a refusal looks in HTTP: the only place that knows.
//!
//! The body speaks the dialect that Druid's clients read: `error` and `errorMessage` (the console,
//! pydruid), in the form of Druid's own `ErrorResponse`. Who asks for `application/problem+json`
//! gets RFC 9457.

mod rejection;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::admission::{BodyProblem, Rejection};
use crate::finding::Finding;
use crate::quota::{Cost, Numbers, RateLimit};
use crate::telemetry::{OVERLOADED, Stage};
use crate::upstream::{Failure, NoMemory};

/// A refusal, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// `errorCode`, and `code` in log and metrics.
    pub(super) code: &'static str,
    category: &'static str,
    message: String,
    context: Map<String, Value>,
    findings: Vec<Finding>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Which stage says no.
    pub(super) stage: Stage,
    /// The request's body was not read to its end.
    pub(super) closes: bool,
    /// What became of the request at the Overlord.
    pub(super) fate: Fate,
}

/// What became of a request at the Overlord, for what its limits took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not sent, or came before anything was executed.
    Unreached,
    /// It was refused there.
    Refused,
    /// It may have been taken.
    Unknown,
}

/// What a client is told of a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// Its `errorCode`.
    pub code: &'static str,
    /// Its `errorMessage`.
    pub message: String,
}

impl Refusal {
    /// The body of the answer to a rejection, as a client gets it.
    pub fn body(rejection: Rejection, request_id: &str) -> Bytes {
        Problem::from(rejection).write(request_id, false).body
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Refusal {
        let problem = Problem::from(rejection);
        Refusal {
            status: problem.status.as_u16(),
            code: problem.code,
            message: problem.message,
        }
    }
}

/// The body of a problem, in either form.
pub(super) struct Written {
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
}

impl Problem {
    fn new(
        status: StatusCode,
        code: &'static str,
        stage: Stage,
        message: impl Into<String>,
    ) -> Problem {
        Problem {
            status,
            code,
            category: category(status),
            message: message.into(),
            context: Map::new(),
            findings: Vec::new(),
            headers: Vec::new(),
            stage,
            closes: false,
            fate: Fate::Refused,
        }
    }

    fn fate(mut self, fate: Fate) -> Problem {
        self.fate = fate;
        self
    }

    fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.push((name, value));
        }
        self
    }

    fn retry_after(self, time: Duration) -> Problem {
        let seconds = seconds(time).to_string();
        self.header(header::RETRY_AFTER, seconds)
    }

    fn findings(mut self, findings: Vec<Finding>) -> Problem {
        self.findings = findings;
        self
    }

    fn context(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.context.insert(name.to_owned(), value.into());
        self
    }

    fn closes(mut self) -> Problem {
        self.closes = true;
        self
    }

    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// The body for a client that does or does not ask for RFC 9457.
    pub(super) fn write(&self, request_id: &str, as_problem_json: bool) -> Written {
        let mut context = self.context.clone();
        context.insert("requestId".to_owned(), request_id.into());
        let (media_type, mut value) = if as_problem_json {
            let value = json!({
                "type": format!("https://overgate.dev/problems/{}", self.code),
                "title": self.status.canonical_reason().unwrap_or("Refused"),
                "status": self.status.as_u16(),
                "detail": self.message,
                "errorCode": self.code,
                "context": context,
            });
            ("application/problem+json", value)
        } else {
            let value = json!({
                "error": "druidException",
                "errorCode": self.code,
                "persona": if self.status.is_server_error() { "OPERATOR" } else { "USER" },
                "category": self.category,
                "errorMessage": self.message,
                "context": context,
            });
            ("application/json", value)
        };
        if !self.findings.is_empty()
            && let Value::Object(members) = &mut value
        {
            members.insert("findings".to_owned(), json!(self.findings));
        }
        // A tree of strings and numbers can always be written.
        let body = serde_json::to_vec(&value).unwrap_or_default();
        Written {
            media_type,
            body: body.into(),
        }
    }

    /// A header block that was refused at the edge.
    pub(super) fn edge(status: u16, reason: &str) -> Problem {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let code = match status {
            StatusCode::REQUEST_TIMEOUT => "overgateHeaderTimeout",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "overgateHeaderTooLarge",
            StatusCode::URI_TOO_LONG => "overgateTargetTooLong",
            StatusCode::METHOD_NOT_ALLOWED => "overgateMethodNotAllowed",
            StatusCode::EXPECTATION_FAILED => "overgateExpectation",
            StatusCode::NOT_IMPLEMENTED => "overgateTransferEncoding",
            StatusCode::HTTP_VERSION_NOT_SUPPORTED => "overgateHttpVersion",
            _ => "overgateMalformedRequest",
        };
        Problem::new(status, code, Stage::Edge, sentence(reason)).closes()
    }

    pub(super) fn unknown_host() -> Problem {
        Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "overgateUnknownHost",
            Stage::Edge,
            "This `Host` is not served here",
        )
        .closes()
    }

    /// The Overlord could not be asked, or its answer could not be handed on.
    pub(super) fn upstream(failure: &Failure, may_be_accepted: bool) -> Problem {
        let problem = match failure {
            Failure::NoLeader => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overgateNoLeader",
                Stage::Upstream,
                "No Overlord leads at the moment; the request was not executed, try again",
            )
            .retry_after(Duration::from_secs(5)),
            Failure::Overloaded { retry_after } => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                OVERLOADED,
                Stage::Upstream,
                "The Overlord has more to do than it can; the request was not executed, try again \
                 after the time that `Retry-After` says",
            )
            .retry_after(*retry_after),
            Failure::Lost(_) if may_be_accepted => Problem::new(
                StatusCode::BAD_GATEWAY,
                "overgateAnswerLost",
                Stage::Upstream,
                "The Overlord's answer was lost: the request may have been accepted. Look before \
                 sending it again; a task that carries an `id` is repeated safely",
            ),
            Failure::Lost(_) => Problem::new(
                StatusCode::BAD_GATEWAY,
                "overgateAnswerLost",
                Stage::Upstream,
                "The Overlord's answer was lost",
            ),
            Failure::Late => Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "overgateUpstreamTimeout",
                Stage::Upstream,
                if may_be_accepted {
                    "The Overlord did not answer in time: the request may have been accepted"
                } else {
                    "The Overlord did not answer in time"
                },
            ),
            Failure::Login => Problem::upstream_login(),
            Failure::NoMemory => BodyProblem::from(NoMemory).into(),
            Failure::TooLarge | Failure::Unexpected => Problem::unexpected_answer(),
        };
        problem.fate(match failure {
            Failure::NoLeader | Failure::Overloaded { .. } => Fate::Unreached,
            Failure::Login => Fate::Refused,
            Failure::Lost(_)
            | Failure::Late
            | Failure::NoMemory
            | Failure::TooLarge
            | Failure::Unexpected => Fate::Unknown,
        })
    }

    /// The store of shared limits does not answer, and nobody else may decide.
    pub(super) fn no_store() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overgateNoStore",
            Stage::Quota,
            "The store of the limits does not answer, so nothing that they cover is admitted; try \
             again",
        )
        .retry_after(Duration::from_secs(1))
    }

    /// The tasks that live cannot be counted, and a quota wants them counted.
    pub(super) fn uncounted() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overgateUncounted",
            Stage::Quota,
            "The live tasks cannot be counted at the moment, so no more are admitted; try again",
        )
        .retry_after(Duration::from_secs(5))
    }

    pub(super) fn unexpected_answer() -> Problem {
        Problem::new(
            StatusCode::BAD_GATEWAY,
            "overgateUnexpectedAnswer",
            Stage::Upstream,
            "The Overlord's answer is not what this endpoint answers",
        )
        .fate(Fate::Unknown)
    }

    /// Druid shut down some of a datasource's tasks and refused the others.
    pub(super) fn not_shut_down(left: usize, of: usize) -> Problem {
        Problem::new(
            StatusCode::BAD_GATEWAY,
            "overgateNotShutDown",
            Stage::Upstream,
            format!("Druid refused to shut down {left} of the {of} tasks; look, and try again"),
        )
        .fate(Fate::Unknown)
    }

    /// Druid refused the gateway's own login, or what the gateway has to ask for itself.
    pub(super) fn upstream_login() -> Problem {
        Problem::new(
            StatusCode::BAD_GATEWAY,
            "overgateUpstreamLogin",
            Stage::Upstream,
            "Druid refused the gateway's own account; tell whoever runs the gateway",
        )
    }

    /// Druid's queue is full: an HTML page with 500 up to 28, a 429 without `Retry-After` later.
    pub(super) fn queue_full() -> Problem {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "overgateQueueFull",
            Stage::Upstream,
            "Druid's task queue is full; the task was not accepted, try again later",
        )
        .retry_after(Duration::from_secs(10))
    }
}

/// Whole seconds, rounded up: waiting that long is long enough. Never 0.
pub(super) fn seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// `RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers-10 defines them.
pub(super) fn rate_limit_fields(
    rule: &RateLimit,
    numbers: &Numbers,
    remaining: u32,
    reset: Duration,
) -> (String, String) {
    let stays = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    let name: Cow<'_, str> = match rule.name.bytes().all(stays) {
        true => Cow::Borrowed(&rule.name),
        false => {
            let stays = |c: &char| u8::try_from(*c).is_ok_and(stays);
            rule.name.chars().filter(stays).collect()
        }
    };
    // With each answer to a submission: without a formatter.
    let mut digits = itoa::Buffer::new();
    let mut policy = String::with_capacity(name.len() + 48);
    let parts = [
        "\"",
        &name,
        "\";q=",
        digits.format(numbers.burst.get()),
        ";w=",
    ];
    policy.extend(parts);
    policy.push_str(digits.format(seconds(numbers.fills_in())));
    policy.push_str(match rule.cost {
        // The unit that is meant without one.
        Cost::Request => "",
        Cost::Slots => ";qu=\"slots\"",
    });
    let mut state = String::with_capacity(name.len() + 32);
    state.extend(["\"", &name, "\";r=", digits.format(remaining), ";t="]);
    state.push_str(digits.format(seconds(reset)));
    (policy, state)
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Druid's words for statuses (`DruidException.Category`).
fn category(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        429 => "CAPACITY_EXCEEDED",
        501 => "UNSUPPORTED",
        408 | 504 => "TIMEOUT",
        503 => "SERVICE_UNAVAILABLE",
        500 | 502 => "RUNTIME_FAILURE",
        _ => "INVALID_INPUT",
    }
}
