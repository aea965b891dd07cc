//! Public keys in PEM: `PUBLIC KEY` (RFC 5280's SubjectPublicKeyInfo) and `RSA PUBLIC KEY`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::keys::Key;

/// A file of keys has no more than this.
const MOST: usize = 1 << 20;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// The keys of a PEM file, those of other kinds left out. `None`: it is not PEM.
pub(super) fn keys(text: &[u8]) -> Option<Vec<Key>> {
    let text = std::str::from_utf8(text).ok()?;
    if text.len() > MOST {
        return None;
    }
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let (encoded, after) = after.split_once(end.as_str())?;
        rest = after;
        let encoded: String = encoded.split_ascii_whitespace().collect();
        let der = STANDARD.decode(encoded).ok()?;
        keys.extend(match label {
            "PUBLIC KEY" => subject_public_key(&der),
            "RSA PUBLIC KEY" => rsa(&der),
            _ => None,
        });
    }
    text.contains("-----BEGIN ").then_some(keys)
}

fn subject_public_key(der: &[u8]) -> Option<Key> {
    let (info, []) = take(der, SEQUENCE)? else {
        return None;
    };
    let (algorithm, info) = take(info, SEQUENCE)?;
    let (algorithm, _) = take(algorithm, OBJECT_ID)?;
    // A whole number of bytes: no bits are unused.
    let ([0, key @ ..], []) = take(info, BIT_STRING)? else {
        return None;
    };
    match algorithm {
        RSA => rsa(key),
        // The length of the point tells the curve.
        EC => Key::point(key),
        ED25519 => Key::ed25519(key),
        _ => None,
    }
}

fn rsa(der: &[u8]) -> Option<Key> {
    let (numbers, []) = take(der, SEQUENCE)? else {
        return None;
    };
    let (modulus, numbers) = take(numbers, INTEGER)?;
    let (exponent, []) = take(numbers, INTEGER)? else {
        return None;
    };
    Key::rsa(modulus, exponent)
}

/// The content of the DER element with this tag, and what follows it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (length, der) = if first < 0x80 {
        (usize::from(first), der)
    } else {
        let bytes = usize::from(first & 0x7f);
        if !(1..=2).contains(&bytes) {
            return None;
        }
        let (digits, der) = der.split_at_checked(bytes)?;
        let length = digits
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit));
        (length, der)
    };
    (found == tag).then(|| der.split_at_checked(length))?
}
