//! The strict check of a header block, on its raw bytes: the only parser that it meets.
//!
//! What passes has one meaning for everybody: one request line, `Name: value` fields, one `Host`,
//! one framing. What two parsers could read differently is refused (RFC 9110, RFC 9112; the list
//! of what Pingora, nginx, HAProxy and Jetty disagree on was measured).

mod bytes;

use std::ops::Range;

use self::bytes::{is_name_byte, is_value_byte, without_blanks, without_blanks_behind};

/// How a request's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`, and nothing else.
    Chunked,
}

/// What the check found out on its way, places counted from the block's begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    /// The method.
    pub(super) method: Range<usize>,
    /// The request's target.
    pub(super) target: Range<usize>,
    /// Name and value of each field, in their order; the value without the blanks around it.
    pub(super) fields: Vec<(Range<usize>, Range<usize>)>,
    /// The body's framing.
    pub(super) framing: Framing,
    /// HTTP/1.0: no chunked answers, no kept connection.
    pub(super) is_http_10: bool,
    /// The client wants no other exchange on this connection.
    pub(super) closes: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
}

/// Bounds of a header block.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the whole block.
    pub bytes: usize,
    /// Fields.
    pub fields: usize,
}

/// So many fields a client sends, most often.
const USUAL_FIELDS: usize = 12;

/// The longest request target.
pub const LONGEST_TARGET: usize = 4 * 1024;

/// Why a header block is refused. Each is answered with [`Refused::status`] and a closed
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// 400, 405, 414, 417, 431, 501 or 505.
    pub status: u16,
    /// What is wrong, in a sentence that shows nothing of the request.
    pub reason: &'static str,
}

const fn bad(reason: &'static str) -> Refused {
    Refused {
        status: 400,
        reason,
    }
}

/// Where the block ends: the length up to and with the empty line. A bare line feed ends a line
/// here too, so that the wait for more bytes ends and [`check`] can refuse it.
pub fn end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == b'\n') {
        let newline = from + at;
        match bytes.get(newline + 1..)? {
            [b'\n', ..] => return Some(newline + 2),
            [b'\r', b'\n', ..] => return Some(newline + 3),
            _ => from = newline + 1,
        }
    }
    None
}

/// The fields that decide what a request means.
#[derive(Default)]
struct Seen<'a> {
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    transfer: Option<&'a [u8]>,
    connection: Option<&'a [u8]>,
    expect: Option<&'a [u8]>,
    once: [bool; ONCE.len()],
}

/// Fields that may stand once: of two, servers disagree on which counts.
const ONCE: [&[u8]; 10] = [
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"connection",
    b"expect",
    b"authorization",
    b"x-api-key",
    b"content-type",
    b"content-encoding",
    b"accept-encoding",
];

/// Fields that make a proxy speak another protocol than the one it checked.
const REFUSED: [&[u8]; 4] = [b"upgrade", b"http2-settings", b"proxy-connection", b"te"];

/// Checks one whole header block, request line to empty line.
///
/// # Errors
/// [`Refused`] with the status to answer.
pub(super) fn check(block: &[u8], limits: &Limits) -> Result<Checked, Refused> {
    if block.len() > limits.bytes {
        return Err(Refused {
            status: 431,
            reason: "the header is too large",
        });
    }
    let mut lines = Lines { block, at: 0 };
    let (_, line) = lines.next()?;
    let (method, target, is_http_10) = request_line(line)?;
    let mut seen = Seen::default();
    let mut fields = Vec::with_capacity(USUAL_FIELDS);
    loop {
        let (at, line) = lines.next()?;
        if line.is_empty() {
            break;
        }
        if fields.len() == limits.fields {
            return Err(Refused {
                status: 431,
                reason: "there are too many header fields",
            });
        }
        fields.push(field(at, line, &mut seen)?);
    }
    if lines.at != block.len() {
        return Err(bad("bytes follow the header's end"));
    }
    host(&seen, is_http_10)?;
    let keeps = connection(&seen)?;
    expect(&seen, is_http_10)?;
    Ok(Checked {
        method: 0..method,
        target: method + 1..method + 1 + target,
        fields,
        framing: framing(&seen, is_http_10)?,
        is_http_10,
        closes: is_http_10 || !keeps,
        expects_continue: seen.expect.is_some(),
    })
}

/// Lines that end with CRLF and hold neither CR nor LF.
struct Lines<'a> {
    block: &'a [u8],
    /// Where the next one begins.
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line, and where it begins.
    fn next(&mut self) -> Result<(usize, &'a [u8]), Refused> {
        let bare = || bad("a header line does not end with CRLF");
        let rest = self.block.get(self.at..).unwrap_or_default();
        let length = memchr::memchr2(b'\r', b'\n', rest).ok_or_else(bare)?;
        let (line, end) = rest.split_at(length);
        if !end.starts_with(b"\r\n") {
            return Err(bare());
        }
        let at = self.at;
        self.at += length + 2;
        Ok((at, line))
    }
}

/// `METHOD SP TARGET SP HTTP/1.x`; tells how long the first two are, and whether it is HTTP/1.0.
fn request_line(line: &[u8]) -> Result<(usize, usize, bool), Refused> {
    let malformed = bad("the request line is not `METHOD TARGET HTTP/1.1`");
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed);
    };
    let is_http_10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        other if other.starts_with(b"HTTP/") => {
            return Err(Refused {
                status: 505,
                reason: "only HTTP/1.1 and HTTP/1.0 are spoken here",
            });
        }
        _ => return Err(malformed),
    };
    match method {
        b"GET" | b"POST" | b"DELETE" | b"PUT" | b"HEAD" | b"OPTIONS" | b"PATCH" => {}
        [] => return Err(malformed),
        _ => {
            return Err(Refused {
                status: 405,
                reason: "the method is not served here",
            });
        }
    }
    if target.len() > LONGEST_TARGET {
        return Err(Refused {
            status: 414,
            reason: "the request target is too long",
        });
    }
    if target.first() != Some(&b'/') {
        return Err(bad("the request target does not begin with a slash"));
    }
    if !target.iter().all(|byte| matches!(byte, 0x21..=0x7e)) || target.contains(&b'#') {
        return Err(bad(
            "the request target holds a character that must be escaped",
        ));
    }
    Ok((method.len(), target.len(), is_http_10))
}

/// Where a field's name and value stand.
type Field = (Range<usize>, Range<usize>);

fn field<'a>(at: usize, line: &'a [u8], seen: &mut Seen<'a>) -> Result<Field, Refused> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(bad("a header field is folded over two lines"));
    }
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(bad("a header line has no colon"))?;
    let (name, value) = line.split_at(colon);
    let value = without_blanks(value.get(1..).unwrap_or_default());
    let begin = at + line.len() - value.len();
    let value = without_blanks_behind(value);
    let place = (at..at + colon, begin..begin + value.len());
    if name.is_empty() || !name.iter().copied().all(is_name_byte) {
        return Err(bad(
            "a header field's name holds a character that it must not",
        ));
    }
    if !value.iter().copied().all(is_value_byte) {
        return Err(bad(
            "a header field's value holds a character that it must not",
        ));
    }
    if REFUSED
        .iter()
        .any(|refused| name.eq_ignore_ascii_case(refused))
    {
        return Err(bad(
            "`Upgrade`, `TE`, `HTTP2-Settings` and `Proxy-Connection` are not taken",
        ));
    }
    let Some(index) = ONCE.iter().position(|once| name.eq_ignore_ascii_case(once)) else {
        return Ok(place);
    };
    if let Some(flag) = seen.once.get_mut(index)
        && std::mem::replace(flag, true)
    {
        return Err(bad("a header field that may stand once stands twice"));
    }
    match index {
        0 => seen.host = Some(value),
        1 => seen.length = Some(value),
        2 => seen.transfer = Some(value),
        3 => seen.connection = Some(value),
        4 => seen.expect = Some(value),
        _ => {}
    }
    Ok(place)
}

fn host(seen: &Seen<'_>, is_http_10: bool) -> Result<(), Refused> {
    match seen.host {
        None if is_http_10 => Ok(()),
        None => Err(bad("there is no `Host`")),
        Some(host) => {
            let good = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
            if host.is_empty() || !host.iter().all(good) {
                return Err(bad("`Host` is not a name with a port"));
            }
            Ok(())
        }
    }
}

/// Is it kept? Only `close` and `keep-alive` may be asked for: any other name would be a field that
/// proxies remove on the way.
fn connection(seen: &Seen<'_>) -> Result<bool, Refused> {
    let mut keeps = true;
    let Some(value) = seen.connection else {
        return Ok(keeps);
    };
    for option in value.split(|byte| *byte == b',') {
        let option = without_blanks_behind(without_blanks(option));
        if option.eq_ignore_ascii_case(b"close") {
            keeps = false;
        } else if !option.eq_ignore_ascii_case(b"keep-alive") {
            return Err(bad(
                "`Connection` names something else than `close` or `keep-alive`",
            ));
        }
    }
    Ok(keeps)
}

fn expect(seen: &Seen<'_>, is_http_10: bool) -> Result<(), Refused> {
    match seen.expect {
        None => Ok(()),
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") && !is_http_10 => Ok(()),
        Some(_) => Err(Refused {
            status: 417,
            reason: "only `Expect: 100-continue` can be met",
        }),
    }
}

fn framing(seen: &Seen<'_>, is_http_10: bool) -> Result<Framing, Refused> {
    match (seen.length, seen.transfer) {
        (None, None) => Ok(Framing::None),
        (Some(_), Some(_)) => Err(bad(
            "`Content-Length` and `Transfer-Encoding` stand together",
        )),
        (Some(length), None) => {
            if length.is_empty() || length.len() > 10 || !length.iter().all(u8::is_ascii_digit) {
                return Err(bad("`Content-Length` is not one to ten digits"));
            }
            let digit = |sum: u64, byte: &u8| sum * 10 + u64::from(byte - b'0');
            match length.iter().fold(0, digit) {
                0 => Ok(Framing::None),
                length => Ok(Framing::Length(length)),
            }
        }
        (None, Some(_)) if is_http_10 => Err(bad("HTTP/1.0 has no `Transfer-Encoding`")),
        (None, Some(transfer)) if transfer.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (None, Some(transfer)) => {
            let token = |byte: &u8| is_name_byte(*byte) || b", \t;=".contains(byte);
            if transfer.iter().all(token) && !transfer.is_empty() {
                Err(Refused {
                    status: 501,
                    reason: "only `Transfer-Encoding: chunked` is understood",
                })
            } else {
                Err(bad("`Transfer-Encoding` is malformed"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
