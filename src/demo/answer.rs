//! Answers with the headers that Druid 28.0.0 gives each kind (recorded).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::ext::ReasonPhrase;
use serde_json::Value;

/// One piece of a generated body.
const PIECE: u64 = 64 * 1024;

/// An answer before it is turned into HTTP.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    media_type: Option<&'static str>,
    fields: Vec<(HeaderName, String)>,
    pub(super) body: Content,
    /// A page of Jetty's own: other headers, and no date.
    is_page: bool,
}

/// A body.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// As it is.
    Text(Bytes),
    /// So many bytes of log, from a place on.
    Log { from: u64, to: u64 },
}

impl Answer {
    fn new(status: StatusCode, media_type: Option<&'static str>, body: impl Into<Bytes>) -> Answer {
        Answer {
            status,
            media_type,
            fields: Vec::new(),
            body: Content::Text(body.into()),
            is_page: false,
        }
    }

    pub(super) fn json(value: &Value) -> Answer {
        Answer::json_text(StatusCode::OK, value.to_string())
    }

    /// Text that Druid labels JSON, whether it is or not.
    pub(super) fn json_text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
        Answer::new(status, Some("application/json"), text)
    }

    pub(super) fn error(message: &str) -> Answer {
        Answer::json_text(
            StatusCode::BAD_REQUEST,
            serde_json::json!({ "error": message }).to_string(),
        )
    }

    pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
        Answer::new(status, Some("text/plain"), text)
    }

    pub(super) fn empty(status: StatusCode) -> Answer {
        Answer::new(status, None, Bytes::new())
    }

    pub(super) fn log(from: u64, to: u64) -> Answer {
        Answer {
            body: Content::Log { from, to },
            ..Answer::new(
                StatusCode::OK,
                Some("text/plain;charset=utf-8"),
                Bytes::new(),
            )
        }
    }

    pub(super) fn log_text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
        Answer::new(status, Some("text/plain;charset=utf-8"), text)
    }

    pub(super) fn unknown_task(id: &str) -> Answer {
        Answer::plain(
            StatusCode::NOT_FOUND,
            format!("Cannot find any task with id: [{id}]"),
        )
    }

    pub(super) fn not_allowed(allow: &str) -> Answer {
        let mut answer = Answer::empty(StatusCode::METHOD_NOT_ALLOWED);
        answer.fields.push((header::ALLOW, allow.to_owned()));
        answer
    }

    pub(super) fn redirect(location: String) -> Answer {
        let mut answer = Answer::empty(StatusCode::TEMPORARY_REDIRECT);
        answer.fields.push((header::LOCATION, location));
        answer
    }

    /// Jetty's error page.
    pub(super) fn page(status: StatusCode, message: &str, path: &str) -> Answer {
        let escaped = message
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        let code = status.as_u16();
        let body = format!(
            "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n\
             <title>Error {code} {escaped}</title>\n</head>\n<body><h2>HTTP ERROR {code} {escaped}</h2>\n<table>\n\
             <tr><th>URI:</th><td>{path}</td></tr>\n<tr><th>STATUS:</th><td>{code}</td></tr>\n\
             <tr><th>MESSAGE:</th><td>{escaped}</td></tr>\n<tr><th>SERVLET:</th><td>default</td></tr>\n</table>\n\n</body>\n</html>\n"
        );
        Answer {
            is_page: true,
            ..Answer::new(status, Some("text/html;charset=iso-8859-1"), body)
        }
    }

    /// The answer as HTTP. `cut` ends the body after that many bytes.
    pub(super) fn into_http(
        self,
        method: &Method,
        date: &str,
        cut: Option<u64>,
    ) -> Response<Pieces> {
        let (body, length) = match self.body {
            Content::Text(text) => {
                let length = text.len() as u64;
                (
                    Pieces {
                        text: Some(text),
                        log: 0..0,
                        left: cut,
                        flushed: false,
                    },
                    length,
                )
            }
            Content::Log { from, to } => (
                Pieces {
                    text: None,
                    log: from..to,
                    left: cut,
                    flushed: false,
                },
                to.saturating_sub(from),
            ),
        };
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            let phrase = ReasonPhrase::from_static(b"Server Error");
            response.extensions_mut().insert(phrase);
        }
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        };
        let frame_ancestors = HeaderName::from_static("content-security-policy");
        if self.is_page {
            if method == Method::GET {
                set(frame_ancestors, "frame-ancestors 'none'");
            }
            set(header::CACHE_CONTROL, "must-revalidate,no-cache,no-store");
        } else {
            set(header::DATE, date);
            if method != Method::POST {
                set(header::CACHE_CONTROL, "no-cache, no-store, max-age=0");
                set(frame_ancestors, "frame-ancestors 'none'");
            }
        }
        if let Some(media_type) = self.media_type {
            set(header::CONTENT_TYPE, media_type);
        }
        for (name, value) in self.fields {
            set(name, &value);
        }
        let is_stream = !is_error && !self.is_page && self.status == StatusCode::OK;
        if is_stream && method != Method::DELETE {
            set(header::VARY, "Accept-Encoding, User-Agent");
        }
        // Druid's own answers are chunked; pages, redirects, errors and logs have a length.
        let is_log = self
            .media_type
            .is_some_and(|media_type| media_type.starts_with("text/plain;"));
        if !is_stream || is_log {
            set(header::CONTENT_LENGTH, &length.to_string());
        }
        response
    }
}

/// A body in pieces.
#[derive(Debug)]
pub(super) struct Pieces {
    text: Option<Bytes>,
    log: std::ops::Range<u64>,
    /// Break off after so many bytes.
    left: Option<u64>,
    flushed: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == Some(0) {
            // Once around, so that what came before the cut has left.
            if !std::mem::replace(&mut self.flushed, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::Error::other("cut on purpose"))));
        }
        let mut piece = match self.text.take() {
            Some(text) => text,
            None if self.log.is_empty() => return Poll::Ready(None),
            None => {
                let end = (self.log.start + PIECE).min(self.log.end);
                let piece = log_bytes(self.log.start, end);
                self.log.start = end;
                piece
            }
        };
        if let Some(left) = self.left {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            self.left = Some(left - piece.len() as u64);
        }
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The bytes of a simulated log: numbered lines of 32 bytes.
pub(super) fn log_bytes(from: u64, to: u64) -> Bytes {
    const LINE: u64 = 32;
    let mut text = Vec::with_capacity(usize::try_from(to - from).unwrap_or(0) + 64);
    let mut line = from / LINE;
    let start = line * LINE;
    while start + (text.len() as u64) < to {
        text.extend_from_slice(format!("INFO [main] Line {line:>14}\n").as_bytes());
        line += 1;
    }
    let skip = usize::try_from(from - start).unwrap_or(0);
    let length = usize::try_from(to - from).unwrap_or(0);
    Bytes::from(text).slice(skip..skip + length)
}
