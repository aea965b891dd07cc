//! The headers: a request's as it is written, an answer's as it is understood.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::super::Request;
use super::Malformed;

/// An answer has at most so many fields.
const MOST_FIELDS: usize = 128;

/// An answer's header is at most this long.
pub(super) const LONGEST: usize = 64 * 1024;

/// Status and headers of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// All its fields.
    pub headers: HeaderMap,
}

/// How an answer's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    Chunked,
    /// With the connection.
    UntilClose,
}

/// An answer's header, and what it says of the connection.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) head: Head,
    pub(super) framing: Framing,
    /// May another request follow?
    pub(super) keeps: bool,
}

/// A request's header as it goes out.
///
/// # Errors
/// [`Malformed`]: the target holds what a request line must not.
pub(in super::super) fn write(
    request: &Request,
    authority: &str,
    authorization: Option<&HeaderValue>,
) -> Result<Bytes, Malformed> {
    let target = request.target.as_bytes();
    if target.first() != Some(&b'/') || !target.iter().all(|byte| matches!(byte, 0x21..=0x7e)) {
        return Err(Malformed("the request's target cannot be written"));
    }
    let mut out = BytesMut::with_capacity(512 + target.len());
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
    put(&[request.method.as_str().as_bytes(), b" ", target]);
    put(&[b" HTTP/1.1\r\nHost: ", authority.as_bytes(), b"\r\n"]);
    if let Some(authorization) = authorization {
        put(&[b"Authorization: ", authorization.as_bytes(), b"\r\n"]);
    }
    for (name, value) in &request.headers {
        put(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    match &request.body {
        Some(body) => {
            let mut digits = itoa::Buffer::new();
            let length = digits.format(body.len());
            put(&[b"Content-Type: application/json\r\n"]);
            put(&[b"Content-Length: ", length.as_bytes(), b"\r\n"]);
        }
        // Said, so that nobody between could think that a body is to come.
        None if request.method != http::Method::GET => put(&[b"Content-Length: 0\r\n"]),
        None => {}
    }
    put(&[b"\r\n"]);
    Ok(out.freeze())
}

/// Reads an answer's header, and tells how long it is; `None`: it is not whole.
///
/// # Errors
/// [`Malformed`]
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Begun, usize)>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut answer, bytes, &mut fields)
        .map_err(|_| Malformed("the answer's header cannot be parsed"))?;
    let httparse::Status::Complete(length) = parsed else {
        return match bytes.len() < LONGEST {
            true => Ok(None),
            false => Err(Malformed("the answer's header is too long")),
        };
    };
    if length > LONGEST {
        return Err(Malformed("the answer's header is too long"));
    }
    let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Malformed("the answer's status is none"))?;
    let mut headers = HeaderMap::with_capacity(answer.headers.len());
    // The values are parts of one copy, not a copy each.
    let block = Bytes::copy_from_slice(bytes.get(..length).unwrap_or_default());
    for field in answer.headers.iter() {
        let value = match field.value.len() {
            0 => Bytes::new(),
            length => {
                let begin = field.value.as_ptr().addr() - bytes.as_ptr().addr();
                block.slice(begin..begin + length)
            }
        };
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(field.name.as_bytes()),
            HeaderValue::from_maybe_shared(value),
        ) else {
            return Err(Malformed("a field of the answer cannot be parsed"));
        };
        headers.append(name, value);
    }
    let is_11 = answer.version == Some(1);
    let framing = framing(status, &headers, is_11)?;
    let keeps = is_11 && framing != Framing::UntilClose && !closes(&headers);
    let head = Head { status, headers };
    let begun = Begun {
        head,
        framing,
        keeps,
    };
    Ok(Some((begun, length)))
}

/// Of the answer to GET, POST or DELETE; of any other method nothing is sent.
fn framing(status: StatusCode, headers: &HeaderMap, is_11: bool) -> Result<Framing, Malformed> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Malformed("the answer speaks another protocol"));
    }
    let has_none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    if status.is_informational() || has_none {
        return Ok(Framing::Length(0));
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Framing::UntilClose),
        (Some(coding), None) if is_11 && codings.next().is_none() => {
            match coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
                true => Ok(Framing::Chunked),
                false => Err(Malformed("the answer's `Transfer-Encoding` is unknown")),
            }
        }
        (None, Some(length)) if lengths.all(|other| other == length) => {
            let digits = length.as_bytes();
            let is_number =
                !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
            if !is_number {
                return Err(Malformed("the answer's `Content-Length` is no number"));
            }
            let digit = |sum: u64, byte: &u8| sum * 10 + u64::from(byte - b'0');
            Ok(Framing::Length(digits.iter().fold(0, digit)))
        }
        _ => Err(Malformed("the answer's framing has two meanings")),
    }
}

fn closes(headers: &HeaderMap) -> bool {
    let mut options = headers.get_all(header::CONNECTION).iter();
    options.any(|options| {
        let mut options = options.as_bytes().split(|byte| *byte == b',');
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(head: &str) -> Result<(u16, Framing, bool), Malformed> {
        let bytes = head.replace('\n', "\r\n") + "\r\n\r\nbody";
        let (begun, length) = read(bytes.as_bytes())?.expect("whole");
        assert_eq!(bytes.get(length..), Some("body"));
        for cut in 0..length {
            let part = read(bytes.as_bytes().get(..cut).expect("inside"));
            assert!(matches!(part, Ok(None)), "{head:?} at {cut}");
        }
        Ok((begun.head.status.as_u16(), begun.framing, begun.keeps))
    }

    #[test]
    fn answers_have_one_framing() {
        use Framing::{Chunked, Length, UntilClose};
        let cases = [
            ("HTTP/1.1 200 OK\nContent-Length: 5", 200, Length(5), true),
            (
                "HTTP/1.1 200 OK\nContent-Length: 5\ncontent-length: 5",
                200,
                Length(5),
                true,
            ),
            (
                "HTTP/1.1 200\nTransfer-Encoding: Chunked",
                200,
                Chunked,
                true,
            ),
            (
                "HTTP/1.1 200 OK\nConnection: Close\nContent-Length: 0",
                200,
                Length(0),
                false,
            ),
            (
                "HTTP/1.1 200 OK\nConnection: x, close\nContent-Length: 0",
                200,
                Length(0),
                false,
            ),
            ("HTTP/1.1 200 OK", 200, UntilClose, false),
            ("HTTP/1.0 200 OK\nContent-Length: 5", 200, Length(5), false),
            ("HTTP/1.1 204 No Content", 204, Length(0), true),
            (
                "HTTP/1.1 304 Not Modified\nContent-Length: 5",
                304,
                Length(0),
                true,
            ),
            ("HTTP/1.1 100 Continue", 100, Length(0), true),
        ];
        for (head, status, framing, keeps) in cases {
            assert_eq!(framed(head), Ok((status, framing, keeps)), "{head:?}");
        }
    }

    #[test]
    fn what_has_two_meanings_is_refused() {
        let cases = [
            "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6",
            "HTTP/1.1 200 OK\nContent-Length: 5, 5",
            "HTTP/1.1 200 OK\nContent-Length: +5",
            "HTTP/1.1 200 OK\nContent-Length:",
            "HTTP/1.1 200 OK\nContent-Length: 9999999999999999999",
            "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked",
            "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked",
            "HTTP/1.0 200 OK\nTransfer-Encoding: chunked",
            "HTTP/1.1 101 Switching Protocols",
            "HTTP/1.1 2000 OK",
            "HTTP/2 200 OK",
            "HTTP/1.1 200 OK\nContent-Length : 5",
            "HTTP/1.1 200 OK\nA: b\n c",
            "220 mail ready",
        ];
        for head in cases {
            let bytes = head.replace('\n', "\r\n") + "\r\n\r\n";
            assert!(read(bytes.as_bytes()).is_err(), "{head:?}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(LONGEST));
        assert!(read(endless.as_bytes()).is_err());
        assert!(read(format!("{endless}\r\n\r\n").as_bytes()).is_err());
        let many = format!(
            "HTTP/1.1 200 OK\r\n{}\r\n",
            "a: b\r\n".repeat(MOST_FIELDS + 1)
        );
        assert!(read(many.as_bytes()).is_err());
    }

    #[test]
    fn a_request_is_written_with_its_framing() {
        let login = HeaderValue::from_static("Basic eDp5");
        let mut request = Request::post("/druid/indexer/v1/task?a=b");
        let written = |request: &Request| {
            let bytes = write(request, "one:8090", Some(&login)).expect("good");
            String::from_utf8(bytes.to_vec()).expect("text")
        };
        request.headers = vec![(header::ACCEPT, HeaderValue::from_static("*/*"))];
        let begin = "POST /druid/indexer/v1/task?a=b HTTP/1.1\r\nHost: one:8090\r\n\
            Authorization: Basic eDp5\r\naccept: */*\r\n";
        assert_eq!(
            written(&request),
            format!("{begin}Content-Length: 0\r\n\r\n")
        );
        request.body = Some(Bytes::from_static(b"{}"));
        let typed = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(written(&request), format!("{begin}{typed}"));
        let bare = write(&Request::get("/a"), "one:8090", None).expect("good");
        assert_eq!(bare, "GET /a HTTP/1.1\r\nHost: one:8090\r\n\r\n");
        for target in ["", "a", "/a b", "/a\r\nX: y", "/\u{e9}", "*"] {
            assert!(
                write(&Request::get(target), "one:8090", None).is_err(),
                "{target:?}"
            );
        }
    }
}
