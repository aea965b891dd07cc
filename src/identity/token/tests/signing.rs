//! Keys that are made for a test, and what they sign.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use getrandom::SysRng;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
};
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::UnwrapErr;
use serde_json::{Value, json};

/// One of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
    OtherEd25519,
}

struct Keys {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p256_der: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    other: Ed25519KeyPair,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let rsa = rsa::PrivateKey::new(&mut UnwrapErr(SysRng), 2048).expect("a key");
    let rsa = rsa.to_pkcs8_der().expect("DER");
    let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let p256 = p256.expect("a key");
    let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random);
    let p384 = p384.expect("a key");
    let ed25519 = || {
        let key = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("its own")
    };
    let curve =
        |algorithm, key: &[u8]| EcdsaKeyPair::from_pkcs8(algorithm, key, &random).expect("its own");
    Keys {
        rsa: RsaKeyPair::from_pkcs8(rsa.as_bytes()).expect("its own"),
        p256: curve(&ECDSA_P256_SHA256_FIXED_SIGNING, p256.as_ref()),
        p256_der: curve(&ECDSA_P256_SHA256_ASN1_SIGNING, p256.as_ref()),
        p384: curve(&ECDSA_P384_SHA384_FIXED_SIGNING, p384.as_ref()),
        ed25519: ed25519(),
        other: ed25519(),
    }
});

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// A point in its uncompressed form.
pub(super) fn ec_point(kind: Kind) -> Vec<u8> {
    let key = if kind == Kind::P384 {
        &KEYS.p384
    } else {
        &KEYS.p256
    };
    key.public_key().as_ref().to_vec()
}

fn edwards(kind: Kind) -> &'static Ed25519KeyPair {
    if kind == Kind::OtherEd25519 {
        &KEYS.other
    } else {
        &KEYS.ed25519
    }
}

pub(super) fn public_jwk(kind: Kind) -> Value {
    match kind {
        Kind::Rsa => {
            let public = PublicKeyComponents::<Vec<u8>>::from(KEYS.rsa.public());
            json!({"kty": "RSA", "n": encode(&public.n), "e": encode(&public.e)})
        }
        Kind::P256 | Kind::P384 => {
            let point = ec_point(kind);
            let (x, y) = point[1..].split_at(point.len() / 2);
            let curve = if kind == Kind::P256 { "P-256" } else { "P-384" };
            json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        }
        Kind::Ed25519 | Kind::OtherEd25519 => {
            let x = encode(edwards(kind).public_key().as_ref());
            json!({"kty": "OKP", "crv": "Ed25519", "x": x})
        }
    }
}

/// SubjectPublicKeyInfo in PEM, as `openssl pkey -pubout` writes it.
pub(super) fn pem(kind: Kind) -> String {
    let algorithm: &[u8] = match kind {
        Kind::Rsa => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
        Kind::P256 => {
            b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
        }
        Kind::P384 => b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
        Kind::Ed25519 | Kind::OtherEd25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
    };
    let key = match kind {
        Kind::Rsa => KEYS.rsa.public_key().as_ref().to_vec(),
        Kind::P256 | Kind::P384 => ec_point(kind),
        Kind::Ed25519 | Kind::OtherEd25519 => edwards(kind).public_key().as_ref().to_vec(),
    };
    let bits = element(3, &[&[0], key.as_slice()].concat());
    let info = element(0x30, &[algorithm, &bits].concat());
    let encoded = STANDARD.encode(info);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    let mut bytes = vec![tag];
    match length {
        0..128 => bytes.push(length.to_be_bytes()[1]),
        128..256 => bytes.extend([0x81, length.to_be_bytes()[1]]),
        256.. => {
            bytes.push(0x82);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A token with this header and these claims, signed by an algorithm that may be another than the
/// header's.
pub(super) fn sign(kind: Kind, algorithm: &str, header: &str, claims: &str) -> String {
    let input = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let random = SystemRandom::new();
    let message = input.as_bytes();
    let signature = match kind {
        Kind::Rsa => {
            let padding: &dyn ring::signature::RsaEncoding = match algorithm {
                "RS256" => &RSA_PKCS1_SHA256,
                "RS384" => &RSA_PKCS1_SHA384,
                "RS512" => &RSA_PKCS1_SHA512,
                "PS256" => &RSA_PSS_SHA256,
                "PS384" => &RSA_PSS_SHA384,
                "PS512" => &RSA_PSS_SHA512,
                other => panic!("{other}"),
            };
            let mut signature = vec![0; KEYS.rsa.public().modulus_len()];
            KEYS.rsa
                .sign(padding, &random, message, &mut signature)
                .expect("signed");
            signature
        }
        Kind::P256 => {
            let signature = KEYS.p256.sign(&random, message).expect("signed");
            signature.as_ref().to_vec()
        }
        Kind::P384 => {
            let signature = KEYS.p384.sign(&random, message).expect("signed");
            signature.as_ref().to_vec()
        }
        Kind::Ed25519 | Kind::OtherEd25519 => edwards(kind).sign(message).as_ref().to_vec(),
    };
    format!("{input}.{}", encode(&signature))
}

/// Signed on P-256, with a signature in DER.
pub(super) fn sign_der(header: &str, claims: &str) -> String {
    let input = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let signature = KEYS.p256_der.sign(&SystemRandom::new(), input.as_bytes());
    format!("{input}.{}", encode(signature.expect("signed").as_ref()))
}
