//! An issuer's public keys: a JWK set (RFC 7517) or PEM.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::DecodingKey;

use super::pem;
use crate::caller::Algorithm;
use crate::json::{Document, Kind as JsonKind, Limits, Node};

/// A set may have this many keys; more are a mistake.
const MOST: usize = 100;

/// Bounds of a set's document.
const LIMITS: Limits = Limits {
    depth: 16,
    values: 20_000,
};

/// Why no key can be had from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// Neither JSON without duplicate keys nor PEM.
    #[error("it is neither a JWK set nor PEM")]
    Form,
    /// More than 100.
    #[error("it holds more than {MOST} keys")]
    TooMany,
    /// All are of other kinds, weak or broken.
    #[error(
        "no key in it can be used: RSA of 2048 to 8192 bits, P-256, P-384 and Ed25519 can, if they are public and meant for signatures"
    )]
    NoneUsable,
}

/// What a key can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A public key.
pub(super) struct Key {
    id: Option<String>,
    /// What the key itself says that it is for.
    algorithm: Option<String>,
    kind: Kind,
    pub(super) key: DecodingKey,
}

/// All keys of an issuer.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

impl Kind {
    fn checks(self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => Kind::Rsa,
            Algorithm::Es256 => Kind::P256,
            Algorithm::Es384 => Kind::P384,
            Algorithm::EdDsa => Kind::Ed25519,
        };
        self == kind
    }
}

impl Key {
    /// A key without a name, from its numbers. `None`: too short, too long, or of no such kind.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Key> {
        let modulus = without_zeros(modulus);
        let exponent = without_zeros(exponent);
        let bits = (modulus.len() * 8).checked_sub(modulus.first()?.leading_zeros() as usize)?;
        if !(2048..=8192).contains(&bits) || exponent.is_empty() || exponent.len() > 8 {
            return None;
        }
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Some(Key::new(Kind::Rsa, key))
    }

    /// A point in the uncompressed form.
    pub(super) fn point(point: &[u8]) -> Option<Key> {
        let kind = match (point.first(), point.len()) {
            (Some(4), 65) => Kind::P256,
            (Some(4), 97) => Kind::P384,
            _ => return None,
        };
        Some(Key::new(kind, DecodingKey::from_ec_der(point)))
    }

    pub(super) fn ed25519(key: &[u8]) -> Option<Key> {
        (key.len() == 32).then(|| Key::new(Kind::Ed25519, DecodingKey::from_ed_der(key)))
    }

    fn new(kind: Kind, key: DecodingKey) -> Key {
        Key {
            id: None,
            algorithm: None,
            kind,
            key,
        }
    }

    /// One of a set; `None` for what is not understood, which RFC 7517 wants to be passed over.
    fn from_jwk(jwk: Node<'_>) -> Option<Key> {
        let text = |name| jwk.get(name).map(Node::as_str);
        let number = |name| {
            let encoded = jwk.get(name)?.as_str()?;
            URL_SAFE_NO_PAD.decode(encoded.as_bytes()).ok()
        };
        // What is there must be a string that says so.
        if let Some(meant_for) = text("use")
            && meant_for? != "sig"
        {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops")
            && !operations
                .elements()
                .any(|operation| operation.as_str().is_some_and(|name| name == "verify"))
        {
            return None;
        }
        let key = match text("kty")??.as_ref() {
            "RSA" => Key::rsa(&number("n")?, &number("e")?)?,
            "EC" => {
                let (x, y) = (number("x")?, number("y")?);
                let size = match text("crv")??.as_ref() {
                    "P-256" => 32,
                    "P-384" => 48,
                    _ => return None,
                };
                if x.len() != size || y.len() != size {
                    return None;
                }
                Key::point(&[&[4], x.as_slice(), &y].concat())?
            }
            "OKP" if text("crv")?? == "Ed25519" => Key::ed25519(&number("x")?)?,
            _ => return None,
        };
        let optional = |name| match text(name) {
            None => Some(None),
            Some(value) => value.map(|value| Some(value.into_owned())),
        };
        Some(Key {
            id: optional("kid")?,
            algorithm: optional("alg")?,
            ..key
        })
    }

    fn suits(&self, algorithm: Algorithm) -> bool {
        let own = self.algorithm.as_deref();
        self.kind.checks(algorithm) && own.is_none_or(|own| own == algorithm.name())
    }
}

impl KeySet {
    /// Reads a JWK set, or PEM with one or more public keys.
    pub(super) fn read(text: &[u8]) -> Result<KeySet, InvalidKeys> {
        let keys = if !text.trim_ascii_start().starts_with(b"{") {
            pem::keys(text).ok_or(InvalidKeys::Form)?
        } else {
            let document = Document::read(Bytes::copy_from_slice(text), &LIMITS)
                .map_err(|_| InvalidKeys::Form)?;
            let list = document.root().get("keys").ok_or(InvalidKeys::Form)?;
            if list.kind() != JsonKind::Array {
                return Err(InvalidKeys::Form);
            }
            if list.len() > MOST {
                return Err(InvalidKeys::TooMany);
            }
            list.elements().filter_map(Key::from_jwk).collect()
        };
        if keys.len() > MOST {
            return Err(InvalidKeys::TooMany);
        }
        if keys.is_empty() {
            return Err(InvalidKeys::NoneUsable);
        }
        Ok(KeySet { keys })
    }

    /// The keys that may have signed a token with this `kid`. Without one there must be no choice:
    /// exactly one key suits. A key that has no name itself, as in PEM, likewise.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<&Key> {
        let suiting = || self.keys.iter().filter(|key| key.suits(algorithm));
        let mut candidates: Vec<&Key> = match id {
            None => suiting().collect(),
            Some(id) if self.knows(id) => {
                return suiting()
                    .filter(|key| key.id.as_deref() == Some(id))
                    .collect();
            }
            Some(_) => suiting().filter(|key| key.id.is_none()).collect(),
        };
        if candidates.len() > 1 {
            candidates.clear();
        }
        candidates
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn knows(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
