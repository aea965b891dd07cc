//! Signatures, by `ring`, in the form that `jsonwebtoken` asks for.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature as sign;
use signature::Verifier;

/// Checks signatures, and can do nothing else.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` use `ring`, once in a process; another call changes nothing.
pub(super) fn install() {
    let _ = RING.install_default();
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    Ok(Box::new(Ring {
        algorithm: *algorithm,
        key: key.clone(),
    }))
}

struct Ring {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let right = match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let key = sign::RsaPublicKeyComponents { n, e };
                let parameters = rsa(self.algorithm).ok_or_else(signature::Error::new)?;
                key.verify(parameters, message, signature)
            }
            DecodingKeyKind::SecretOrDer(point) => {
                let parameters = curve(self.algorithm).ok_or_else(signature::Error::new)?;
                sign::UnparsedPublicKey::new(parameters, point).verify(message, signature)
            }
        };
        right.map_err(|_| signature::Error::new())
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static sign::RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &sign::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &sign::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &sign::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &sign::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &sign::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &sign::RSA_PSS_2048_8192_SHA512,
        // The crate's list may grow; what is not named here checks nothing.
        _ => return None,
    })
}

/// Raw signatures of a fixed length, as RFC 7518 has them, not DER.
fn curve(algorithm: Algorithm) -> Option<&'static dyn sign::VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::ES256 => &sign::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &sign::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &sign::ED25519,
        _ => return None,
    })
}
