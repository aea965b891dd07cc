//! Answers with the headers that Druid 28.0.0 gives each kind, in its order (recorded).

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use hyper::body::Bytes;
use hyper::ext::ReasonPhrase;

use super::stream::Pieces;
use super::value::quote;

/// Jetty's buffer: what is no file and no longer than this gets a length, the rest is chunked.
const BUFFER: u64 = 32 * 1024;

/// An answer before it is turned into HTTP.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    family: Family,
    media_type: Option<&'static str>,
    /// Boxed, because few have one and an answer is also what an error is made of.
    field: Option<Box<(HeaderName, String)>>,
    text: Bytes,
    log: std::ops::Range<u64>,
    sized: Length,
}

/// Who wrote an answer decides its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Druid.
    Druid,
    /// Druid, failing without a word.
    Speechless,
    /// Jetty's error pages.
    Page,
    /// Jetty's HTTP parser.
    Parser,
    /// Druid's filter of methods: no header at all.
    Filter,
}

/// Whether an answer with a body says how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Always,
    IfShort,
    Never,
}

impl Answer {
    fn new(status: StatusCode, media_type: Option<&'static str>, text: impl Into<Bytes>) -> Answer {
        Answer {
            status,
            family: Family::Druid,
            media_type,
            field: None,
            text: text.into(),
            log: 0..0,
            sized: Length::Never,
        }
    }

    /// 200 with JSON.
    pub(super) fn json(text: impl Into<Bytes>) -> Answer {
        Answer::labelled(StatusCode::OK, text)
    }

    /// Text that Druid labels JSON, whether it is or not.
    pub(super) fn labelled(status: StatusCode, text: impl Into<Bytes>) -> Answer {
        Answer::new(status, Some("application/json"), text)
    }

    /// `{"error": …}`
    pub(super) fn error(status: StatusCode, message: &str) -> Answer {
        Answer::labelled(status, format!("{{\"error\":{}}}", quote(message)))
    }

    pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
        Answer::new(status, Some("text/plain"), text)
    }

    pub(super) fn empty(status: StatusCode) -> Answer {
        Answer::new(status, None, Bytes::new())
    }

    /// 500 without body, content type and date.
    pub(super) fn speechless() -> Answer {
        Answer {
            family: Family::Speechless,
            ..Answer::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }

    /// A part of a simulated log.
    pub(super) fn log(range: std::ops::Range<u64>) -> Answer {
        Answer {
            log: range,
            sized: Length::IfShort,
            ..Answer::log_text(StatusCode::OK, Bytes::new())
        }
    }

    /// What is said in place of a log.
    pub(super) fn log_text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
        Answer::new(status, Some("text/plain;charset=utf-8"), text)
    }

    /// A task's reports: a file, sent with its length.
    pub(super) fn reports(text: impl Into<Bytes>) -> Answer {
        Answer {
            sized: Length::Always,
            ..Answer::json(text)
        }
    }

    pub(super) fn unknown(what: &str, id: &str) -> Answer {
        Answer::plain(
            StatusCode::NOT_FOUND,
            format!("Cannot find any {what} with id: [{id}]"),
        )
    }

    /// Jersey's 405.
    pub(super) fn not_allowed(allow: String) -> Answer {
        Answer {
            field: Some(Box::new((header::ALLOW, allow))),
            ..Answer::empty(StatusCode::METHOD_NOT_ALLOWED)
        }
    }

    /// The 405 that comes before Jersey.
    pub(super) fn filtered(method: &Method, path: &str) -> Answer {
        if method == Method::HEAD {
            return Answer::page(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", path);
        }
        Answer {
            family: Family::Filter,
            ..Answer::empty(StatusCode::METHOD_NOT_ALLOWED)
        }
    }

    pub(super) fn redirect(location: String) -> Answer {
        let field = Some(Box::new((header::LOCATION, location)));
        Answer {
            field,
            ..Answer::empty(StatusCode::TEMPORARY_REDIRECT)
        }
    }

    /// Jetty's parser refuses a request.
    pub(super) fn bad_message(reason: &str) -> Answer {
        let body = format!("<h1>Bad Message 400</h1><pre>reason: {reason}</pre>");
        let family = Family::Parser;
        Answer {
            family,
            ..Answer::new(
                StatusCode::BAD_REQUEST,
                Some("text/html;charset=iso-8859-1"),
                body,
            )
        }
    }

    /// Jetty's error page. Druid's carries the stack trace of a 500 as well; this one does not.
    pub(super) fn page(status: StatusCode, message: &str, path: &str) -> Answer {
        let escaped = escape(message);
        let path = escape(path);
        let code = status.as_u16();
        let cause = if status == StatusCode::INTERNAL_SERVER_ERROR {
            format!("<tr><th>CAUSED BY:</th><td>{escaped}</td></tr>\n")
        } else {
            String::new()
        };
        let body = format!(
            "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n\
             <title>Error {code} {escaped}</title>\n</head>\n<body><h2>HTTP ERROR {code} {escaped}</h2>\n<table>\n\
             <tr><th>URI:</th><td>{path}</td></tr>\n<tr><th>STATUS:</th><td>{code}</td></tr>\n\
             <tr><th>MESSAGE:</th><td>{escaped}</td></tr>\n<tr><th>SERVLET:</th><td>default</td></tr>\n{cause}</table>\n\n</body>\n</html>\n"
        );
        // Of one byte each: what Latin 1 has not is a question mark.
        let body: Vec<u8> = body
            .chars()
            .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
            .collect();
        let family = Family::Page;
        Answer {
            family,
            ..Answer::new(status, Some("text/html;charset=iso-8859-1"), body)
        }
    }

    /// The same as JSON, for those who accept that and no page.
    pub(super) fn json_page(status: StatusCode, message: &str, path: &str) -> Answer {
        let message = quote(message);
        let body = format!(
            "{{\n\"servlet\":\"default\",\n\"cause0\":{message},\n\"message\":{message},\n\"url\":{},\n\"status\":\"{}\"\n}}",
            quote(path),
            status.as_u16()
        );
        Answer {
            family: Family::Page,
            ..Answer::labelled(status, body)
        }
    }

    /// An answer that a test has made up.
    pub(super) fn instead(status: StatusCode, media_type: &'static str, text: String) -> Answer {
        let media_type = if media_type.is_empty() {
            None
        } else {
            Some(media_type)
        };
        Answer::new(status, media_type, text)
    }

    fn length(&self) -> u64 {
        self.text.len() as u64 + self.log.end.saturating_sub(self.log.start)
    }

    /// The answer as HTTP. `cut` ends the body after that many bytes, if it is longer.
    pub(super) fn into_http(
        self,
        method: &Method,
        date: &str,
        cut: Option<u64>,
    ) -> Response<Pieces> {
        let length = self.length();
        let cut = cut.filter(|cut| *cut < length);
        let is_head = method == Method::HEAD;
        let text = if is_head { Bytes::new() } else { self.text };
        let mut response = Response::new(Pieces::new(text, self.log, cut));
        *response.status_mut() = self.status;
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            // Jetty's words.
            response
                .extensions_mut()
                .insert(ReasonPhrase::from_static(b"Server Error"));
        }
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        };
        let policy = |set: &mut dyn FnMut(HeaderName, &str)| {
            if method != Method::POST && !is_head {
                set(header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'");
            }
        };
        match self.family {
            Family::Druid => {
                set(header::DATE, date);
                if method != Method::POST {
                    set(header::CACHE_CONTROL, "no-cache, no-store, max-age=0");
                }
                policy(&mut set);
            }
            Family::Page => {
                policy(&mut set);
                set(header::CACHE_CONTROL, "must-revalidate,no-cache,no-store");
            }
            Family::Speechless if method == Method::POST => set(header::DATE, date),
            Family::Speechless => policy(&mut set),
            Family::Parser | Family::Filter => {}
        }
        if let Some(media_type) = self.media_type {
            set(header::CONTENT_TYPE, media_type);
        }
        if let Some(field) = self.field {
            let (name, value) = *field;
            set(name, &value);
        }
        if self.status == StatusCode::OK && method != Method::DELETE {
            set(header::VARY, "Accept-Encoding, User-Agent");
        }
        let sized = match self.sized {
            Length::Always => true,
            Length::IfShort => length <= BUFFER,
            Length::Never => length == 0,
        };
        if sized || matches!(self.family, Family::Page | Family::Parser) {
            set(header::CONTENT_LENGTH, &length.to_string());
        }
        if self.family == Family::Parser {
            set(header::CONNECTION, "close");
        }
        response
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other => out.push(other),
        }
    }
    out
}
