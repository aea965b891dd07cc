//! What a request claims about its sender, before anybody has checked it.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::Name;

/// The longest `Authorization` value that is looked at, in bytes: a token of 8 KiB.
const LONGEST: usize = 8 * 1024 + "Bearer ".len();

/// How long an API key is, in bytes: a shorter one could be guessed.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 20..=512;

/// Credentials as the client sent them. Neither printed nor logged: `Debug` shows the user name only.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The request carries none.
    Absent,
    /// RFC 7617: a user name and a password that is not empty.
    Basic {
        /// The part before the first colon.
        username: String,
        /// All that follows the first colon.
        password: String,
    },
    /// An API key: `X-API-Key`, or RFC 6750's `Bearer` without a dot.
    Key(String),
    /// RFC 6750's `Bearer` with a dot in it: a signed token, if it is anything.
    Token(String),
    /// No header, but a certificate that the listener has verified, with these names.
    Certificate(Arc<[Name]>),
}

/// Credentials that no user can have sent: another scheme, bad base64, no colon, an empty password,
/// a key that is too short, or two credentials in one request.
///
/// An empty password is refused here, before any store is asked: an LDAP server takes one as
/// an anonymous login (CVE-2026-23906).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request's credentials are of no form that is understood, or there are two")]
pub struct InvalidCredentials;

/// The ways of logging in that a configuration offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schemes {
    /// User names with passwords.
    pub basic: bool,
    /// API keys.
    pub key: bool,
    /// Signed tokens.
    pub token: bool,
    /// Certificates that the listener asks for.
    pub certificate: bool,
}

impl Credentials {
    /// Reads what a request says of its sender: all values of `Authorization` and of `X-API-Key`.
    ///
    /// # Errors
    /// [`InvalidCredentials`] for what nobody can have sent, and for more than one value: of two,
    /// a proxy in front and this gateway could believe different ones.
    pub fn of_request<'v>(
        authorization: impl IntoIterator<Item = &'v [u8]>,
        api_key: impl IntoIterator<Item = &'v [u8]>,
    ) -> Result<Credentials, InvalidCredentials> {
        let (mut authorization, mut api_key) = (authorization.into_iter(), api_key.into_iter());
        let one = (authorization.next(), api_key.next());
        if authorization.next().is_some() || api_key.next().is_some() {
            return Err(InvalidCredentials);
        }
        match one {
            (None, None) => Ok(Credentials::Absent),
            (Some(value), None) => Credentials::from_authorization(value),
            (None, Some(value)) => Credentials::key(value),
            (Some(_), Some(_)) => Err(InvalidCredentials),
        }
    }

    /// Reads the value of an `Authorization` header.
    ///
    /// # Errors
    /// [`InvalidCredentials`] for everything that is not a well-formed `Basic` or `Bearer` value.
    pub fn from_authorization(value: &[u8]) -> Result<Credentials, InvalidCredentials> {
        if value.len() > LONGEST {
            return Err(InvalidCredentials);
        }
        let value = std::str::from_utf8(value).map_err(|_| InvalidCredentials)?;
        let (scheme, rest) = value.split_once(' ').ok_or(InvalidCredentials)?;
        let rest = rest.trim_matches(' ');
        // RFC 9110 section 11.1: the scheme is case-insensitive.
        if scheme.eq_ignore_ascii_case("basic") {
            return Credentials::basic(rest);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(InvalidCredentials);
        }
        if !rest.contains('.') {
            return Credentials::key(rest.as_bytes());
        }
        if !is_visible(rest) {
            return Err(InvalidCredentials);
        }
        Ok(Credentials::Token(rest.to_owned()))
    }

    fn basic(encoded: &str) -> Result<Credentials, InvalidCredentials> {
        let decoded = STANDARD.decode(encoded).map_err(|_| InvalidCredentials)?;
        let text = String::from_utf8(decoded).map_err(|_| InvalidCredentials)?;
        let (username, password) = text.split_once(':').ok_or(InvalidCredentials)?;
        if username.is_empty() || password.is_empty() || text.chars().any(char::is_control) {
            return Err(InvalidCredentials);
        }
        Ok(Credentials::Basic {
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }

    fn key(value: &[u8]) -> Result<Credentials, InvalidCredentials> {
        let key = std::str::from_utf8(value).map_err(|_| InvalidCredentials)?;
        if !is_key(key) {
            return Err(InvalidCredentials);
        }
        Ok(Credentials::Key(key.to_owned()))
    }
}

/// Can this be an API key: 20 to 512 visible ASCII characters?
pub fn is_key(text: &str) -> bool {
    KEY_LENGTHS.contains(&text.len()) && is_visible(text)
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Absent => f.write_str("Absent"),
            Credentials::Basic { username, .. } => f
                .debug_struct("Basic")
                .field("username", username)
                .finish_non_exhaustive(),
            Credentials::Key(_) => f.write_str("Key(…)"),
            Credentials::Token(_) => f.write_str("Token(…)"),
            Credentials::Certificate(names) => f.debug_tuple("Certificate").field(names).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "kkkkkkkkkkkkkkkkkkkk";

    fn key() -> Credentials {
        Credentials::Key(KEY.to_owned())
    }

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    }

    #[test]
    fn reads_what_rfc_7617_allows_and_nothing_else() {
        let encode = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let cases: &[(String, Option<Credentials>)] = &[
            (encode("etl:secret"), Some(basic("etl", "secret"))),
            (encode("etl:a:b"), Some(basic("etl", "a:b"))),
            (encode("etl:pässword"), Some(basic("etl", "pässword"))),
            (
                encode("etl:secret").replace("Basic", "bAsIc"),
                Some(basic("etl", "secret")),
            ),
            (encode("etl:"), None),
            (encode(":secret"), None),
            (encode("etl"), None),
            (encode("etl:sec\nret"), None),
            ("Basic !!!".to_owned(), None),
            ("Bearer abc".to_owned(), None),
            ("Bearer ".to_owned(), None),
            (format!("Bearer {KEY}"), Some(key())),
            (format!("bEARER  {KEY}"), Some(key())),
            (format!("Bearer {KEY} {KEY}"), None),
            (format!("Bearer {}", "k".repeat(19)), None),
            (format!("Bearer {}", "k".repeat(513)), None),
            (format!("Bearer {}ß", "k".repeat(30)), None),
            (
                "Bearer a.b.c".to_owned(),
                Some(Credentials::Token("a.b.c".to_owned())),
            ),
            ("Bearer a.b c".to_owned(), None),
            (format!("Bearer {}", "a.".repeat(4_097)), None),
            (
                format!("Bearer {}", "a.".repeat(4_096)),
                Some(Credentials::Token("a.".repeat(4_096))),
            ),
            (format!("ApiKey {KEY}"), None),
            ("Basic".to_owned(), None),
            (String::new(), None),
            (format!("Basic {}", "A".repeat(LONGEST)), None),
        ];
        for (value, expected) in cases {
            let read = Credentials::from_authorization(value.as_bytes()).ok();
            assert_eq!(&read, expected, "{value}");
        }
    }

    #[test]
    fn of_two_credentials_none_counts() {
        let header = format!("Bearer {KEY}");
        let (header, value) = (header.as_bytes(), KEY.as_bytes());
        type Values<'v> = &'v [&'v [u8]];
        let cases: &[(Values<'_>, Values<'_>, Option<Credentials>)] = &[
            (&[], &[], Some(Credentials::Absent)),
            (&[header], &[], Some(key())),
            (&[], &[value], Some(key())),
            (&[header], &[value], None),
            (&[header], &[b""], None),
            (&[header, header], &[], None),
            (&[], &[value, value], None),
            (&[], &[b""], None),
            (&[], &[b"short"], None),
            (&[], &[b"kkkkkkkkkkkkkkkkkkk k"], None),
            (
                &[],
                &[b"k.kkkkkkkkkkkkkkkkkk"],
                Some(Credentials::Key("k.kkkkkkkkkkkkkkkkkk".to_owned())),
            ),
            (&[], &[b"kkkkkkkkkkkkkkkkkkk\xff"], None),
        ];
        for (authorization, api_key, expected) in cases {
            let read =
                Credentials::of_request(authorization.iter().copied(), api_key.iter().copied());
            assert_eq!(&read.ok(), expected, "{authorization:?} {api_key:?}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        for secret in [
            basic("etl", "hunter2"),
            Credentials::Key("hunter2".to_owned()),
            Credentials::Token("hunter2".to_owned()),
        ] {
            assert!(!format!("{secret:?}").contains("hunter2"));
        }
    }
}
