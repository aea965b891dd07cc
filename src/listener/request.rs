//! A request's header that has passed the check.

use std::ops::Range;

use bytes::Bytes;

use super::head::{Checked, Framing, Limits, Refused, check};

/// A header block that passed, and where everything stands in it. All of it is ASCII.
#[derive(Clone)]
pub struct Request {
    block: Bytes,
    checked: Checked,
}

impl Request {
    /// Checks a whole header block, request line to empty line.
    ///
    /// # Errors
    /// [`Refused`] with the status to answer.
    pub(super) fn read(block: Bytes, limits: &Limits) -> Result<Request, Refused> {
        let checked = check(&block, limits)?;
        Ok(Request { block, checked })
    }

    fn text(&self, place: &Range<usize>) -> &str {
        let bytes = self.block.get(place.clone()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The method, as it was sent.
    pub fn method(&self) -> &str {
        self.text(&self.checked.method)
    }

    /// The request's target: path and query, from its slash on.
    pub fn target(&self) -> &str {
        self.text(&self.checked.target)
    }

    /// The values of all fields of this name, in their order, without blanks around them.
    pub fn values<'r>(&'r self, name: &'static str) -> impl Iterator<Item = &'r str> {
        let is_it = move |place: &Range<usize>| {
            let bytes = self.block.get(place.clone()).unwrap_or_default();
            bytes.eq_ignore_ascii_case(name.as_bytes())
        };
        let fields = self.checked.fields.iter();
        let found = fields.filter(move |(field, _)| is_it(field));
        found.map(|(_, value)| self.text(value))
    }

    /// The value of the first field of this name.
    pub fn value(&self, name: &'static str) -> Option<&str> {
        self.values(name).next()
    }

    /// How the body is framed.
    pub fn framing(&self) -> Framing {
        self.checked.framing
    }

    /// HTTP/1.0, which knows no chunks.
    pub fn is_http_10(&self) -> bool {
        self.checked.is_http_10
    }

    /// Does the client want no other exchange on this connection?
    pub(super) fn closes(&self) -> bool {
        self.checked.closes
    }

    /// Does the client wait for `100 Continue`?
    pub(super) fn expects_continue(&self) -> bool {
        self.checked.expects_continue
    }
}

impl std::fmt::Debug for Request {
    /// Its header may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        bytes: 16 << 10,
        fields: 100,
    };

    fn read(block: &str) -> Request {
        Request::read(Bytes::copy_from_slice(block.as_bytes()), &LIMITS).expect("it passes")
    }

    #[test]
    fn everything_is_found_where_it_stands() {
        let request = read(
            "POST /a?b=c HTTP/1.1\r\nHost: one\r\nx-a: \t first \t\r\nX-A:second\r\nX-B:\r\n\r\n",
        );
        assert_eq!((request.method(), request.target()), ("POST", "/a?b=c"));
        assert_eq!(request.value("host"), Some("one"));
        let all: Vec<&str> = request.values("X-a").collect();
        assert_eq!(all, ["first", "second"]);
        assert_eq!(request.value("x-b"), Some(""));
        assert_eq!(request.value("x"), None);
        assert!(!request.closes() && !request.is_http_10() && !request.expects_continue());
    }

    #[test]
    fn what_a_client_says_of_its_connection() {
        for (version, fields, closes) in [
            ("1.1", "", false),
            ("1.1", "Connection: close\r\n", true),
            ("1.1", "Connection: Keep-Alive , CLOSE\r\n", true),
            ("1.1", "Connection: keep-alive\r\n", false),
            ("1.0", "", true),
            // As good as nobody speaks it any more: it is not worth a second kind of keeping.
            ("1.0", "Connection: keep-alive\r\n", true),
        ] {
            let request = read(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
            assert_eq!(request.closes(), closes, "{version} {fields:?}");
            assert_eq!(request.is_http_10(), version == "1.0");
        }
        let waits = read("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n");
        assert!(waits.expects_continue());
    }

    /// Headers, most of them with a byte too many or another one somewhere.
    fn blocks() -> impl Strategy<Value = Vec<u8>> {
        let names = prop::sample::select(vec![
            "X-A",
            "Accept",
            "Connection",
            "Content-Length",
            "Transfer-Encoding",
            "Expect",
        ]);
        let values = prop_oneof![
            "[ -~]{0,8}",
            prop::sample::select(vec!["5", "chunked", "close", "100-continue", "a,b"])
                .prop_map(str::to_owned),
        ];
        let field = (names, "[ \t]{0,2}", values, "[ \t]{0,2}");
        let field = field.prop_map(|(name, before, value, behind)| {
            format!("{name}:{before}{value}{behind}\r\n")
        });
        let fields = prop::collection::vec(field, 0..4).prop_map(|all| all.concat());
        let whole = ("(GET|POST) /[!-~]{0,8} HTTP/1[.][01]\r\n", fields)
            .prop_map(|(line, fields)| format!("{line}Host: a\r\n{fields}\r\n"));
        let wrong = prop_oneof![
            0..=b' ',
            prop::sample::select(b":,;\x7f\"".as_slice()),
            any::<u8>(),
        ];
        let change =
            prop::option::weighted(0.8, (any::<prop::sample::Index>(), wrong, any::<bool>()));
        (whole, change).prop_map(|(whole, change)| {
            let mut block = whole.into_bytes();
            match change {
                None => {}
                Some((at, byte, true)) => block.insert(at.index(block.len() + 1), byte),
                Some((at, byte, false)) => {
                    let at = at.index(block.len());
                    block.splice(at..=at, [byte]);
                }
            }
            block
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        /// What passes, another parser reads as we do: nobody behind us or before us sees another
        /// request. (The reverse does not hold, nor should it.)
        #[test]
        fn what_passes_has_one_meaning(block in blocks()) {
            let Ok(request) = Request::read(block.clone().into(), &LIMITS) else {
                return Ok(());
            };
            let mut fields = [httparse::EMPTY_HEADER; 100];
            let mut other = httparse::Request::new(&mut fields);
            let status = other.parse(&block);
            prop_assert_eq!(status, Ok(httparse::Status::Complete(block.len())));
            prop_assert_eq!(other.method, Some(request.method()));
            prop_assert_eq!(other.path, Some(request.target()));
            prop_assert_eq!(other.version, Some(u8::from(!request.is_http_10())));
            let ours = request.checked.fields.iter().map(|(name, value)| {
                (request.text(name), request.text(value).as_bytes())
            });
            let ours: Vec<(&str, &[u8])> = ours.collect();
            let theirs: Vec<(&str, &[u8])> =
                other.headers.iter().map(|field| (field.name, field.value)).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
