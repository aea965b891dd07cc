use super::*;

const LIMITS: Limits = Limits {
    bytes: 16 << 10,
    fields: 100,
};

fn verdict(block: &[u8]) -> Result<Checked, u16> {
    check(block, &LIMITS).map_err(|refused| refused.status)
}

/// A request with these lines in place of its header fields.
fn with(fields: &str) -> Vec<u8> {
    format!("POST /druid/indexer/v1/task HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

#[test]
fn one_framing_or_none() {
    let cases: &[(&str, Result<Framing, u16>)] = &[
        ("", Ok(Framing::None)),
        ("Content-Length: 0\r\n", Ok(Framing::None)),
        ("Content-Length: 5\r\n", Ok(Framing::Length(5))),
        ("content-length:5\r\n", Ok(Framing::Length(5))),
        ("Content-Length: \t 5 \r\n", Ok(Framing::Length(5))),
        ("Content-Length: 0000000005\r\n", Ok(Framing::Length(5))),
        (
            "Content-Length: 9999999999\r\n",
            Ok(Framing::Length(9_999_999_999)),
        ),
        ("Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
        ("Transfer-Encoding: Chunked\r\n", Ok(Framing::Chunked)),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Err(400),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            Err(400),
        ),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
        ("Content-Length: 5\r\ncontent-length: 6\r\n", Err(400)),
        ("Content-Length: 5, 5\r\n", Err(400)),
        ("Content-Length: +5\r\n", Err(400)),
        ("Content-Length: -5\r\n", Err(400)),
        ("Content-Length: 0x5\r\n", Err(400)),
        ("Content-Length: 5 5\r\n", Err(400)),
        ("Content-Length:\r\n", Err(400)),
        ("Content-Length: 18446744073709551621\r\n", Err(400)),
        ("Content-Length: 00000000005\r\n", Err(400)),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Err(400),
        ),
        ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
        ("Transfer-Encoding: identity, chunked\r\n", Err(501)),
        ("Transfer-Encoding: chunked, chunked\r\n", Err(501)),
        ("Transfer-Encoding: chunked,\r\n", Err(501)),
        ("Transfer-Encoding: xchunked\r\n", Err(501)),
        ("Transfer-Encoding: identity\r\n", Err(501)),
        ("Transfer-Encoding: \"chunked\"\r\n", Err(400)),
        ("Transfer-Encoding:\r\n", Err(400)),
        ("Transfer-Encoding: \x0bchunked\r\n", Err(400)),
        ("Transfer-Encoding: \x0cchunked\r\n", Err(400)),
        ("Transfer-Encoding: chunked\x0c\r\n", Err(400)),
        ("Content-Length: \x0c5\r\n", Err(400)),
        ("Content-Length: 5\x0c\r\n", Err(400)),
        ("Connection: \x0cclose\r\n", Err(400)),
        ("Connection: close\x0c, close\r\n", Err(400)),
        ("X-A: \x0cb\r\n", Err(400)),
        ("Transfer-Encoding : chunked\r\n", Err(400)),
        ("Transfer_Encoding: chunked\r\n", Err(400)),
    ];
    for (fields, expected) in cases {
        let found = verdict(&with(fields)).map(|checked| checked.framing);
        assert_eq!(found, *expected, "{fields:?}");
    }
}

#[test]
fn lines_end_with_crlf_and_are_not_folded() {
    let cases: &[(&[u8], u16)] = &[
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX\0: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A_B: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nmore", 400),
        (b"", 400),
    ];
    for (block, status) in cases {
        assert_eq!(
            verdict(block),
            Err(*status),
            "{:?}",
            String::from_utf8_lossy(block)
        );
    }
}

#[test]
fn request_lines() {
    let long = format!("GET /{} HTTP/1.1", "a".repeat(LONGEST_TARGET));
    let cases: &[(&str, Result<(), u16>)] = &[
        ("GET / HTTP/1.1", Ok(())),
        ("POST /druid/indexer/v1/task?dryRun=All HTTP/1.1", Ok(())),
        ("GET / HTTP/1.0", Ok(())),
        ("OPTIONS / HTTP/1.1", Ok(())),
        ("OPTIONS * HTTP/1.1", Err(400)),
        ("GET foo HTTP/1.1", Err(400)),
        ("GET http://a/druid HTTP/1.1", Err(400)),
        ("GET  / HTTP/1.1", Err(400)),
        ("GET /  HTTP/1.1", Err(400)),
        ("GET /a b HTTP/1.1", Err(400)),
        ("GET\t/ HTTP/1.1", Err(400)),
        ("GET /a\0b HTTP/1.1", Err(400)),
        ("GET /ä HTTP/1.1", Err(400)),
        ("GET /a#b HTTP/1.1", Err(400)),
        ("GET /", Err(400)),
        ("GET / HTTP/1.1 x", Err(400)),
        ("GET / http/1.1", Err(400)),
        ("GET / HTTP/1.2", Err(505)),
        ("GET / HTTP/2.0", Err(505)),
        ("PRI * HTTP/2.0", Err(505)),
        ("get / HTTP/1.1", Err(405)),
        ("G!T / HTTP/1.1", Err(405)),
        ("TRACE / HTTP/1.1", Err(405)),
        ("CONNECT a:1 HTTP/1.1", Err(405)),
        (" / HTTP/1.1", Err(400)),
        (&long, Err(414)),
    ];
    for (line, expected) in cases {
        let block = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(verdict(block.as_bytes()).map(|_| ()), *expected, "{line:?}");
    }
}

#[test]
fn hop_by_hop_tricks_are_refused() {
    let cases: &[(&str, Result<(), u16>)] = &[
        ("Connection: close\r\n", Ok(())),
        ("Connection: Keep-Alive, close\r\n", Ok(())),
        ("Connection: close, Authorization\r\n", Err(400)),
        ("Connection: X-Id\r\n", Err(400)),
        ("Connection: upgrade\r\nUpgrade: websocket\r\n", Err(400)),
        ("Upgrade: h2c\r\n", Err(400)),
        ("HTTP2-Settings: AAMAAABkAAQAAP__\r\n", Err(400)),
        ("TE: trailers\r\n", Err(400)),
        ("Expect: 100-continue\r\n", Ok(())),
        ("Expect: 100-Continue\r\n", Ok(())),
        ("Expect: something\r\n", Err(417)),
        ("X-API-Key: a\r\nx-api-key: a\r\n", Err(400)),
        (
            "Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n",
            Err(400),
        ),
        (
            "Content-Type: application/json\r\ncontent-type: text/plain\r\n",
            Err(400),
        ),
        (
            "Content-Encoding: gzip\r\nContent-Encoding: identity\r\n",
            Err(400),
        ),
        ("Cookie: a\r\nCookie: b\r\n", Ok(())),
    ];
    for (fields, expected) in cases {
        assert_eq!(verdict(&with(fields)).map(|_| ()), *expected, "{fields:?}");
    }
}

#[test]
fn one_host() {
    let cases: &[(&str, Result<(), u16>)] = &[
        (
            "GET / HTTP/1.1\r\nHost: overgate.example:8190\r\n\r\n",
            Ok(()),
        ),
        ("GET / HTTP/1.1\r\nHost: [::1]:8190\r\n\r\n", Ok(())),
        ("GET / HTTP/1.0\r\n\r\n", Ok(())),
        ("GET / HTTP/1.1\r\n\r\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", Err(400)),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Err(400)),
        (
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            Err(400),
        ),
        ("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", Err(417)),
    ];
    for (block, expected) in cases {
        assert_eq!(
            verdict(block.as_bytes()).map(|_| ()),
            *expected,
            "{block:?}"
        );
    }
}

#[test]
fn bounds() {
    let fields = |count: usize| with(&"X: y\r\n".repeat(count));
    assert!(verdict(&fields(99)).is_ok());
    assert_eq!(
        verdict(&fields(100)),
        Err(431),
        "with Host it is one too many"
    );
    let large = with(&format!("X: {}\r\n", "y".repeat(LIMITS.bytes)));
    assert_eq!(verdict(&large), Err(431));
}

#[test]
fn the_end_is_found_at_the_first_empty_line() {
    let cases: &[(&[u8], Option<usize>)] = &[
        (b"", None),
        (b"GET / HTTP/1.1\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r", None),
        (b"GET / HTTP/1.1\r\n\r\n", Some(18)),
        (b"GET / HTTP/1.1\r\n\r\nbody", Some(18)),
        (b"a\n\nb", Some(3)),
        (b"a\n\r\nb", Some(4)),
        (b"\n", None),
    ];
    for (bytes, expected) in cases {
        assert_eq!(
            end(bytes),
            *expected,
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
}
