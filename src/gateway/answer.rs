//! Writing answers: our own, and the Overlord's with our additions.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use super::exchange::{Gateway, Record};
use super::problem::{Fate, Problem};
use crate::finding::{Finding, Severity};
use crate::listener::{Length, Phase, Session};
use crate::upstream::Head;

/// After a refusal with an unread body so much of it is read and dropped, lest a reset takes the
/// answer with it.
const LINGER_BYTES: usize = 1 << 20;
const LINGER: Duration = Duration::from_millis(500);

/// What a client takes within the write timeout.
const PIECE: usize = 64 * 1024;

/// `Overgate-Warning` fields: at most so many, and so many bytes in all.
const MOST_WARNINGS: usize = 20;
const WARNING_BYTES: usize = 4 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const WARNING: HeaderName = HeaderName::from_static("overgate-warning");

/// Fields of an Overlord's answer that are not handed on: those between us and it, what its
/// authenticators have to say, and where it would send the client behind our back.
const NOT_HANDED_ON: [HeaderName; 15] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::LOCATION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::WWW_AUTHENTICATE,
    // Of the gateway's own login at Druid.
    header::SET_COOKIE,
    HeaderName::from_static("authentication-info"),
    HeaderName::from_static("proxy-authentication-info"),
    // The log has ours.
    REQUEST_ID,
];

/// An answer's header in the making.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    fields: Vec<(HeaderName, HeaderValue)>,
    /// Of a refusal: what became of the request at the Overlord.
    fate: Option<Fate>,
}

impl Reply {
    /// An answer of our own, in JSON.
    pub(super) fn json(status: StatusCode) -> Reply {
        let media_type = HeaderValue::from_static("application/json");
        Reply {
            status,
            fields: vec![(header::CONTENT_TYPE, media_type)],
            fate: None,
        }
    }

    /// The Overlord's answer.
    pub(super) fn of(head: &Head) -> Reply {
        Reply {
            status: head.status,
            fields: handed_on(&head.headers),
            fate: None,
        }
    }

    /// With another field; what no field may hold is left out.
    pub(super) fn field(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Reply {
        if let Ok(value) = value.try_into() {
            self.fields.push((name, value));
        }
        self
    }

    /// With findings that do not refuse.
    pub(super) fn warnings(mut self, findings: &[Finding]) -> Reply {
        let mut left = WARNING_BYTES;
        // What is only worth a line in the log is not told.
        let told = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info);
        for finding in told.take(MOST_WARNINGS) {
            let pointer = crate::route::encode_segment(&finding.pointer).replace("%2F", "/");
            let text = format!("{} {pointer}", finding.code);
            let Some(rest) = left.checked_sub(text.len()) else {
                break;
            };
            left = rest;
            self = self.field(WARNING, text);
        }
        self
    }
}

/// What of an Overlord's header is handed on.
fn handed_on(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = Vec::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if !NOT_HANDED_ON.contains(name) {
            fields.push((name.clone(), value.clone()));
        }
    }
    fields
}

impl Gateway {
    /// Writes an answer's header.
    pub(super) async fn begin_answer(
        &self,
        session: &mut Session,
        reply: Reply,
        length: Length,
        record: &mut Record<'_>,
    ) -> bool {
        if reply.fate == Some(Fate::Unreached) {
            // It changed nothing.
            record.act = None;
        }
        record.acted();
        if self.drain.phase() >= Phase::LameDuck {
            session.close();
        }
        record.outcome.status = reply.status.as_u16();
        record.settle(reply.fate);
        let reply = reply.field(REQUEST_ID, record.request_id());
        let fields = reply.fields.iter().map(|(name, value)| (name, value));
        let begun = session
            .begin(reply.status, fields, length, self.now())
            .await;
        self.wrote(session, begun.is_ok(), record)
    }

    /// Writes a piece of an answer's body.
    pub(super) async fn write_piece(
        &self,
        session: &mut Session,
        mut piece: Bytes,
        end: bool,
        record: &mut Record<'_>,
    ) -> bool {
        // The timeout is for one write: a slow client may take long for a long answer.
        loop {
            let part = piece.split_to(piece.len().min(PIECE));
            let length = part.len() as u64;
            let is_last = piece.is_empty();
            let wrote = session.write(part, end && is_last).await;
            if !self.wrote(session, wrote.is_ok(), record) {
                return false;
            }
            record.outcome.sent += length;
            if is_last {
                return true;
            }
        }
    }

    fn wrote(&self, session: &mut Session, wrote: bool, record: &mut Record<'_>) -> bool {
        if !wrote {
            // The client left, or takes nothing any more.
            session.close();
            record.outcome.cut = true;
        }
        wrote
    }

    /// Writes a whole answer.
    pub(super) async fn answer(
        &self,
        session: &mut Session,
        reply: Reply,
        body: Bytes,
        record: &mut Record<'_>,
    ) {
        let length = Length::Known(body.len() as u64);
        if self.begin_answer(session, reply, length, record).await {
            self.write_piece(session, body, true, record).await;
        }
    }

    /// Refuses an exchange.
    pub(super) async fn refuse_exchange(
        &self,
        session: &mut Session,
        problem: Problem,
        record: &mut Record<'_>,
    ) {
        record.outcome.stage = problem.stage;
        record.outcome.code = Some(problem.code);
        let mut accepted = session.request().values("accept");
        let as_problem_json = accepted.any(|value| value.contains("application/problem+json"));
        drop(accepted);
        let written = problem.write(record.request_id(), as_problem_json);
        let mut reply = Reply {
            status: problem.status,
            fields: problem.headers().to_vec(),
            fate: Some(problem.fate),
        };
        reply = reply.field(header::CONTENT_TYPE, written.media_type);
        let unread = !session.is_body_read();
        if problem.closes || unread {
            session.close();
        }
        self.answer(session, reply, written.body, record).await;
        if unread && !record.outcome.cut {
            let until = Instant::now() + LINGER;
            let mut dropped = 0;
            let mut piece = BytesMut::new();
            while dropped < LINGER_BYTES
                && let Ok(Ok(read @ 1..)) = timeout_at(until, session.read_body(&mut piece)).await
            {
                dropped += read;
                piece.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_druid_and_the_gateway_stays_there() {
        let mut headers = HeaderMap::new();
        let told = [
            "Connection",
            "Location",
            "WWW-Authenticate",
            "Set-Cookie",
            "Authentication-Info",
            "Proxy-Authentication-Info",
            "Proxy-Authenticate",
            "Keep-Alive",
            "X-Request-Id",
            "ETag",
        ];
        for name in told {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name.clone(), HeaderValue::from_static("one"));
            headers.append(name, HeaderValue::from_static("two"));
        }
        let reply = Reply::of(&Head {
            status: StatusCode::OK,
            headers,
        });
        let names: Vec<&str> = reply.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["etag", "etag"]);
    }
}
