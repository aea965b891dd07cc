//! How a token can be signed.

use std::str::FromStr;

/// A signature algorithm of RFC 7518 or RFC 8037. There is none that takes a shared secret: who
/// can check such a token can make one, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// A name that is no algorithm here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownAlgorithm {
    /// `HS256` and its like.
    #[error("this is signed with a secret that whoever checks it must have; take RS256 or ES256")]
    SharedSecret,
    /// Anything else.
    #[error(
        "this is one of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`"
    )]
    Other,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 9] = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ];

    /// Its name in `alg`, which is case-sensitive.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps256 => "PS256",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Algorithm, UnknownAlgorithm> {
        let found = Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text);
        found.ok_or(if text.starts_with("HS") {
            UnknownAlgorithm::SharedSecret
        } else {
            UnknownAlgorithm::Other
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
        }
        for (text, unknown) in [
            ("HS256", UnknownAlgorithm::SharedSecret),
            ("none", UnknownAlgorithm::Other),
            ("rs256", UnknownAlgorithm::Other),
            ("ES512", UnknownAlgorithm::Other),
            ("", UnknownAlgorithm::Other),
        ] {
            assert_eq!(text.parse::<Algorithm>(), Err(unknown), "{text}");
        }
    }
}
