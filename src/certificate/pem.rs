//! Certificate chains and private keys in PEM.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::{Error, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Who is told of a certificate's end, is told this long before.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Why a PEM file cannot be used. Nothing of the file is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No certificate.
    #[error("there is no PEM certificate in it")]
    NoCertificate,
    /// A certificate that cannot be read.
    #[error("a certificate in it is broken")]
    Broken,
    /// No key.
    #[error("there is no PEM private key in it")]
    NoKey,
    /// A key behind a passphrase.
    #[error("its private key is encrypted; nobody is here to type the passphrase")]
    Encrypted,
    /// A key that cannot be read.
    #[error("the private key in it is broken or of a kind that is not supported")]
    BrokenKey,
    /// The key of another certificate.
    #[error("this private key does not fit the certificate")]
    Mismatch,
    /// Something besides certificates where authorities stand.
    #[error("there is something else than certificates in it; it names authorities only")]
    Mixed,
    /// A certificate that cannot stand for an authority.
    #[error("a certificate in it cannot be trusted as an authority's")]
    NoAuthority,
}

/// The certificates of a file or of a peer, each of which can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    terms: Vec<Term>,
}

/// From when to when a certificate holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    subject: String,
    begin: Timestamp,
    end: Timestamp,
}

impl Term {
    fn of(der: &[u8]) -> Option<Term> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        // A date beyond the calendar is as good as its end.
        let time = |seconds, beyond| Timestamp::from_second(seconds).unwrap_or(beyond);
        rest.is_empty().then(|| Term {
            subject: certificate.subject().to_string(),
            begin: time(validity.not_before.timestamp(), Timestamp::MAX),
            end: time(validity.not_after.timestamp(), Timestamp::MAX),
        })
    }

    fn warning(&self, now: Timestamp) -> Option<String> {
        let left = self.end.duration_since(now);
        let what = if now < self.begin {
            format!("is not valid before {}", self.begin)
        } else if now > self.end {
            format!("expired on {}", self.end)
        } else if left < NOTICE {
            format!("expires on {}, in {} days", self.end, left.as_hours() / 24)
        } else {
            return None;
        };
        let subject = self.subject.escape_debug();
        Some(format!("the certificate of `{subject}` {what}"))
    }
}

impl Chain {
    /// Reads all certificates of a PEM text; other sections are passed over.
    ///
    /// # Errors
    /// [`Unusable::NoCertificate`], or [`Unusable::Broken`] if any of them is.
    pub fn from_pem(text: &[u8]) -> Result<Chain, Unusable> {
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(text) {
            certificates.push(certificate.map_err(|_| Unusable::Broken)?);
        }
        if certificates.is_empty() {
            return Err(Unusable::NoCertificate);
        }
        Chain::new(certificates)
    }

    /// The chain that a peer has shown, its own certificate first.
    ///
    /// # Errors
    /// [`Unusable::Broken`]
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Chain, Unusable> {
        let terms: Option<Vec<Term>> = certificates.iter().map(|der| Term::of(der)).collect();
        Ok(Chain {
            terms: terms.ok_or(Unusable::Broken)?,
            certificates,
        })
    }

    /// The certificates, in the file's order.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// When the first of them ends.
    pub fn end(&self) -> Timestamp {
        let ends = self.terms.iter().map(|term| term.end);
        ends.min().unwrap_or(Timestamp::MAX)
    }

    /// A sentence for each that is out of date, or will be within 14 days.
    pub fn warnings(&self, now: Timestamp) -> impl Iterator<Item = String> + '_ {
        self.terms.iter().filter_map(move |term| term.warning(now))
    }
}

/// Reads the first private key of a PEM text: PKCS #8, PKCS #1 or SEC 1.
///
/// # Errors
/// [`Unusable::NoKey`], [`Unusable::Encrypted`], [`Unusable::BrokenKey`]
pub fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Unusable> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| {
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
        match error {
            Error::NoItemsFound if text.windows(encrypted.len()).any(|part| part == encrypted) => {
                Unusable::Encrypted
            }
            Error::NoItemsFound => Unusable::NoKey,
            _ => Unusable::BrokenKey,
        }
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn pem() -> (String, String) {
        let mut params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 3, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn files_say_what_is_wrong_with_them() {
        let (certificate, private) = pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let no_base64 = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let open = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (text, expected) in [
            (certificate.clone(), Ok(1)),
            (certificate.clone() + &certificate, Ok(2)),
            (private.clone() + &certificate, Ok(1)),
            (private.clone(), Err(Unusable::NoCertificate)),
            (String::new(), Err(Unusable::NoCertificate)),
            ("text".to_owned(), Err(Unusable::NoCertificate)),
            (certificate.clone() + broken, Err(Unusable::Broken)),
            (certificate.clone() + no_base64, Err(Unusable::Broken)),
            (certificate.clone() + open, Err(Unusable::Broken)),
        ] {
            let read = Chain::from_pem(text.as_bytes());
            assert_eq!(
                read.map(|chain| chain.certificates.len()),
                expected,
                "{text}"
            );
        }
        let locked =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let bad = "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n";
        for (text, expected) in [
            (private.as_str(), Ok(())),
            (certificate.as_str(), Err(Unusable::NoKey)),
            ("", Err(Unusable::NoKey)),
            (locked, Err(Unusable::Encrypted)),
            (bad, Err(Unusable::BrokenKey)),
        ] {
            assert_eq!(key(text.as_bytes()).map(drop), expected, "{text}");
        }
    }

    #[test]
    fn the_end_is_told_two_weeks_before() {
        let chain = Chain::from_pem(pem().0.as_bytes()).expect("good");
        assert_eq!(chain.end().to_string(), "2026-03-01T00:00:00Z");
        for (now, told) in [
            (
                "2025-12-31T23:59:59Z",
                Some("is not valid before 2026-01-01T00:00:00Z"),
            ),
            ("2026-01-01T00:00:00Z", None),
            ("2026-02-15T00:00:00Z", None),
            (
                "2026-02-15T00:00:01Z",
                Some("expires on 2026-03-01T00:00:00Z, in 13 days"),
            ),
            (
                "2026-03-01T00:00:00Z",
                Some("expires on 2026-03-01T00:00:00Z, in 0 days"),
            ),
            (
                "2026-03-01T00:00:01Z",
                Some("expired on 2026-03-01T00:00:00Z"),
            ),
        ] {
            let warnings: Vec<String> = chain.warnings(now.parse().expect("a time")).collect();
            match told {
                None => assert!(warnings.is_empty(), "{now}: {warnings:?}"),
                Some(told) => assert!(
                    warnings.len() == 1 && warnings[0].ends_with(told),
                    "{now}: {warnings:?}"
                ),
            }
        }
    }
}
