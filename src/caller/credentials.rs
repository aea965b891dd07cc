//! What a request claims about its sender, before anybody has checked it.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::Name;

/// The longest `Authorization` value that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

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
    /// No header, but a certificate that the listener has verified, with these names.
    Certificate(Arc<[Name]>),
}

/// Credentials that no user can have sent: another scheme, bad base64, no colon, an empty password.
///
/// An empty password is refused here, before any store is asked: an LDAP server takes one as
/// an anonymous login (CVE-2026-23906).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Authorization header is not `Basic` with a base64 user name and password")]
pub struct InvalidCredentials;

impl Credentials {
    /// Reads the value of an `Authorization` header.
    ///
    /// # Errors
    /// [`InvalidCredentials`] for everything that is not a well-formed `Basic` value.
    pub fn from_authorization(value: &[u8]) -> Result<Credentials, InvalidCredentials> {
        if value.len() > LONGEST {
            return Err(InvalidCredentials);
        }
        let value = std::str::from_utf8(value).map_err(|_| InvalidCredentials)?;
        let (scheme, rest) = value.split_once(' ').ok_or(InvalidCredentials)?;
        // RFC 9110 section 11.1: the scheme is case-insensitive.
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(InvalidCredentials);
        }
        let decoded = STANDARD
            .decode(rest.trim_matches(' '))
            .map_err(|_| InvalidCredentials)?;
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
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Absent => f.write_str("Absent"),
            Credentials::Basic { username, .. } => f
                .debug_struct("Basic")
                .field("username", username)
                .finish_non_exhaustive(),
            Credentials::Certificate(names) => f.debug_tuple("Certificate").field(names).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_password_is_never_printed() {
        assert!(!format!("{:?}", basic("etl", "hunter2")).contains("hunter2"));
    }
}
