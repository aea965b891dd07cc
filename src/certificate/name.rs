//! Whom a certificate names: its subject alternative names, never its common name.

use std::fmt;
use std::str::FromStr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The most names in one certificate.
const MOST_NAMES: usize = 32;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// One subject alternative name that can stand for a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// A host name, in lower case.
    Dns(String),
    /// A URI, a SPIFFE id for one: compared byte by byte.
    Uri(String),
    /// An address for mail: compared byte by byte.
    Email(String),
}

/// A text that is no name of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name in a certificate is `dns:etl.example.com`, `uri:spiffe://prod/etl` or `email:etl@example.com`: at most 256 visible ASCII characters, without wildcards"
)]
pub struct InvalidName;

/// A certificate whose names cannot be believed; it names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nameless {
    /// It is malformed, or a part of it is.
    #[error("the certificate or its names are malformed")]
    Malformed,
    /// It says more than is looked at.
    #[error(
        "the certificate has more than {MOST_NAMES} names, or one of over {LONGEST_NAME} bytes"
    )]
    TooMany,
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Name, InvalidName> {
        let (kind, name) = text.split_once(':').ok_or(InvalidName)?;
        let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        if name.is_empty() || name.len() > LONGEST_NAME || !visible || name.contains('*') {
            return Err(InvalidName);
        }
        match kind {
            "dns" if is_host(name) => Ok(Name::Dns(name.to_ascii_lowercase())),
            "uri" if name.contains(':') => Ok(Name::Uri(name.to_owned())),
            "email" if name.contains('@') => Ok(Name::Email(name.to_owned())),
            _ => Err(InvalidName),
        }
    }
}

fn is_host(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Dns(name) => write!(f, "dns:{name}"),
            Name::Uri(name) => write!(f, "uri:{name}"),
            Name::Email(name) => write!(f, "email:{name}"),
        }
    }
}

/// The names of a certificate in DER; none if it has no subject alternative names, whatever its
/// common name says.
///
/// # Errors
/// [`Nameless`]: part of it cannot be read or there is too much of it. What is left out could be
/// another user's name, so nothing of such a certificate counts.
pub fn names(der: &[u8]) -> Result<Vec<Name>, Nameless> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| Nameless::Malformed)?;
    // Also refuses an extension that is there twice.
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| Nameless::Malformed)?;
    if !rest.is_empty() {
        return Err(Nameless::Malformed);
    }
    let Some(extension) = extension else {
        return Ok(Vec::new());
    };
    let general = &extension.value.general_names;
    if general.len() > MOST_NAMES {
        return Err(Nameless::TooMany);
    }
    let mut names = Vec::new();
    for name in general {
        let (name, text) = match name {
            GeneralName::DNSName(text) => (Name::Dns(text.to_ascii_lowercase()), text),
            GeneralName::URI(text) => (Name::Uri((*text).to_owned()), text),
            GeneralName::RFC822Name(text) => (Name::Email((*text).to_owned()), text),
            GeneralName::OtherName(..)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(_) => continue,
        };
        if text.len() > LONGEST_NAME {
            return Err(Nameless::TooMany);
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params
            .distinguished_name
            .push(DnType::CommonName, "etl.example.com");
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("signed").der().to_vec()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().expect("ASCII"))
    }

    #[test]
    fn a_configured_name_is_exact() {
        for (text, name) in [
            ("dns:ETL.example.com", Some("dns:etl.example.com")),
            ("uri:spiffe://prod/ETL", Some("uri:spiffe://prod/ETL")),
            ("email:Etl@example.com", Some("email:Etl@example.com")),
            ("etl.example.com", None),
            ("cn:etl.example.com", None),
            ("DNS:etl.example.com", None),
            ("dns:", None),
            ("dns:*.example.com", None),
            ("dns:etl example.com", None),
            ("dns:etl/example", None),
            ("dns:münchen.example", None),
            ("uri:spiffe", None),
            ("uri:spiffe://prod/*", None),
            ("uri:spiffe://prod/\u{0}", None),
            ("email:etl", None),
        ] {
            let read = text.parse::<Name>().ok().map(|name| name.to_string());
            assert_eq!(read.as_deref(), name, "{text}");
        }
        let long = format!("dns:{}", "a".repeat(LONGEST_NAME + 1));
        assert_eq!(long.parse::<Name>(), Err(InvalidName));
    }

    #[test]
    fn only_alternative_names_count() {
        let uri = SanType::URI("spiffe://prod/ETL".try_into().expect("ASCII"));
        let email = SanType::Rfc822Name("etl@example.com".try_into().expect("ASCII"));
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        let long = "a".repeat(LONGEST_NAME + 1);
        type Read<'a> = Result<Vec<&'a str>, Nameless>;
        let cases: Vec<(Vec<SanType>, Read<'_>)> = vec![
            (vec![], Ok(vec![])),
            (vec![address.clone()], Ok(vec![])),
            (
                vec![dns("A.Example"), address, uri, email],
                Ok(vec![
                    "dns:a.example",
                    "uri:spiffe://prod/ETL",
                    "email:etl@example.com",
                ]),
            ),
            (vec![dns("a"); MOST_NAMES], Ok(vec!["dns:a"; MOST_NAMES])),
            (vec![dns("a"); MOST_NAMES + 1], Err(Nameless::TooMany)),
            (vec![dns("a"), dns(&long)], Err(Nameless::TooMany)),
        ];
        for (given, expected) in cases {
            let read = names(&certificate(given));
            let read = read.map(|names| names.iter().map(Name::to_string).collect::<Vec<_>>());
            let expected = expected.map(|names| {
                names
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<String>>()
            });
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_is_no_certificate_names_nobody_and_breaks_nothing() {
        let whole = certificate(vec![dns("a.example")]);
        for end in 0..whole.len() {
            assert_eq!(
                names(&whole[..end]),
                Err(Nameless::Malformed),
                "cut at {end}"
            );
        }
        let mut more = whole.clone();
        more.push(0);
        assert_eq!(names(&more), Err(Nameless::Malformed));
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            // Whatever it reads: it ends.
            let _ = names(&changed);
        }
    }
}
