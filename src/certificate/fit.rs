//! Whether certificates can be used for what they are there for.

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::sign::CertifiedKey;

use super::pem::{Chain, Unusable, key};

/// A certificate chain with its key, which stands in a PEM text.
///
/// # Errors
/// [`Unusable`] says what is wrong with the key.
pub fn pair(chain: &Chain, text: &[u8], with: &CryptoProvider) -> Result<CertifiedKey, Unusable> {
    let key = key(text)?;
    // What rustls says of a key is not repeated: it could hold a part of it.
    CertifiedKey::from_der(chain.certificates().to_vec(), key, with).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => Unusable::Mismatch,
        rustls::Error::InvalidCertificate(_) => Unusable::Broken,
        _ => Unusable::BrokenKey,
    })
}

/// The authorities in a PEM text, with their certificates.
///
/// # Errors
/// [`Unusable::NoAuthority`] if one cannot be trusted, and [`Unusable::Mixed`] if there is
/// anything else in the text: the authority's key, for one, which belongs elsewhere.
pub fn authorities(text: &[u8]) -> Result<(RootCertStore, Chain), Unusable> {
    let chain = Chain::from_pem(text)?;
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text);
    let is_other = |kind| kind != SectionKind::Certificate;
    if sections.flatten().any(|(kind, _)| is_other(kind)) {
        return Err(Unusable::Mixed);
    }
    let mut roots = RootCertStore::empty();
    for root in chain.certificates() {
        roots.add(root.clone()).map_err(|_| Unusable::NoAuthority)?;
    }
    Ok((roots, chain))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::ring;

    use super::*;

    #[test]
    fn a_key_fits_its_certificate_and_authorities_stand_alone() {
        let key = KeyPair::generate().expect("a key");
        let other = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        let pem = params.self_signed(&key).expect("signed").pem();
        let chain = Chain::from_pem(pem.as_bytes()).expect("good");
        let private = key.serialize_pem();
        let no_key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        for (text, expected) in [
            (private.clone(), Ok(())),
            (pem.clone() + &private, Ok(())),
            (other.serialize_pem(), Err(Unusable::Mismatch)),
            (no_key.to_owned(), Err(Unusable::BrokenKey)),
            (pem.clone(), Err(Unusable::NoKey)),
        ] {
            let read = pair(&chain, text.as_bytes(), &ring::default_provider());
            assert_eq!(read.map(drop), expected, "{text}");
        }
        for (text, expected) in [
            (pem.clone() + &pem, Ok(2)),
            (pem + &private, Err(Unusable::Mixed)),
            (private, Err(Unusable::NoCertificate)),
        ] {
            let read = authorities(text.as_bytes()).map(|(roots, _)| roots.len());
            assert_eq!(read, expected, "{text}");
        }
    }
}
