//! Tokens as others would like them to be taken: forged, confused, broken, and good ones.

mod signing;

use serde_json::{Value, json};

use self::signing::{Kind, ec_point, encode, hmac, pem, public_jwk, sign, sign_der};
use super::*;

/// When everything here happens, in seconds since 1970.
pub(in super::super) const NOW: i64 = 1_800_000_000;

pub(super) const IDP: &str = "https://idp.example/realms/druid";
const OTHER: &str = "https://other.example";
const SINGLE: &str = "https://single.example";
const STRICT: &str = "https://strict.example";

pub(super) fn settings(
    name: &str,
    issuer: &str,
    algorithms: &[Algorithm],
    keys: String,
) -> IssuerSettings {
    IssuerSettings {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        audiences: vec!["overgate".to_owned(), "druid".to_owned()],
        algorithms: algorithms.to_vec(),
        keys: Keys::Text(keys),
        principal: "sub".to_owned(),
        roles_claim: "roles".to_owned(),
        roles: vec![("writers".to_owned(), "wiki-writer".to_owned())],
    }
}

/// A set with one key, `k`, for those who fetch it.
pub(super) fn some_keys() -> String {
    let mut jwk = public_jwk(Kind::Ed25519);
    jwk["kid"] = "k".into();
    json!({"keys": [jwk]}).to_string()
}

fn clock() -> Clock {
    Arc::new(|| Duration::ZERO)
}

/// `idp` with many keys, `other` with one, `single` with one in PEM and nested roles, and `strict`,
/// whose keys say themselves what they are for.
pub(in super::super) fn issuers() -> Issuers {
    use Algorithm as A;
    let jwk = |kind, id: &str, more: Value| {
        let mut jwk = public_jwk(kind);
        jwk["kid"] = id.into();
        for (name, value) in more.as_object().expect("an object") {
            jwk[name] = value.clone();
        }
        jwk
    };
    let idp = json!({"keys": [
        jwk(Kind::Rsa, "r1", json!({"alg": "RS256", "use": "sig"})),
        jwk(Kind::Rsa, "r2", json!({})),
        jwk(Kind::P256, "e1", json!({"use": "sig", "key_ops": ["verify"]})),
        jwk(Kind::Ed25519, "d1", json!({})),
        jwk(Kind::P384, "e384", json!({})),
        {"kty": "oct", "kid": "h1", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"},
        {"kty": "acme", "kid": "new"},
    ]});
    let strict = json!({"keys": [
        jwk(Kind::P256, "enc", json!({"use": "enc"})),
        jwk(Kind::P256, "wrap", json!({"key_ops": ["wrapKey"]})),
        jwk(Kind::P256, "other-alg", json!({"alg": "ES384"})),
        jwk(Kind::Rsa, "pss", json!({"alg": "PS256"})),
        jwk(Kind::P256, "use-number", json!({"use": 1})),
        jwk(Kind::P256, "alg-number", json!({"alg": 1})),
        jwk(Kind::P256, "ops-text", json!({"key_ops": "verify"})),
        jwk(Kind::P256, "curve", json!({"crv": "P-384"})),
        jwk(Kind::P256, "good", json!({"alg": "ES256"})),
    ]});
    let mut nested = settings(
        "single",
        SINGLE,
        &[A::Rs256, A::Rs384, A::Rs512, A::Ps384, A::Ps512],
        pem(Kind::Rsa),
    );
    nested.roles_claim = "realm_access.roles".to_owned();
    nested.principal = "email".to_owned();
    let other = public_jwk(Kind::OtherEd25519);
    let mut other_named = other.clone();
    other_named["kid"] = "o1".into();
    let in_pem = |name: &str, algorithm, kind| {
        settings(
            name,
            &format!("https://{name}.example"),
            &[algorithm],
            pem(kind),
        )
    };
    let list = [
        in_pem("p384", A::Es384, Kind::P384),
        in_pem("p256", A::Es256, Kind::P256),
        in_pem("ed25519", A::EdDsa, Kind::Ed25519),
        settings(
            "idp",
            IDP,
            &[A::Rs256, A::Ps256, A::Es256, A::EdDsa],
            idp.to_string(),
        ),
        settings(
            "other",
            OTHER,
            &[A::EdDsa],
            json!({"keys": [other_named]}).to_string(),
        ),
        nested,
        settings(
            "strict",
            STRICT,
            &[A::Es256, A::Es384, A::Rs256],
            strict.to_string(),
        ),
    ];
    Issuers::new(list, &clock(), None).unwrap_or_else(|error| panic!("{error}"))
}

/// Good claims with some of them replaced; `null` takes one away.
fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": IDP, "aud": "overgate", "sub": "alice", "exp": NOW + 300, "roles": ["writers"],
    });
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Signed with the key that `e1` names.
fn es256(header: Value, changes: Value) -> String {
    let header = header.to_string();
    sign(Kind::P256, "ES256", &header, &claims(changes).to_string())
}

pub(in super::super) fn e1(changes: Value) -> String {
    es256(json!({"alg": "ES256", "kid": "e1"}), changes)
}

/// With claims as they are written.
fn raw(claims: &str) -> String {
    sign(Kind::P256, "ES256", r#"{"alg":"ES256","kid":"e1"}"#, claims)
}

async fn outcome(issuers: &Issuers, token: &str) -> Result<String, Refused> {
    let accepted = issuers.check(token, NOW).await?;
    Ok(accepted.principal.name().to_string())
}

#[tokio::test]
async fn good_tokens_are_taken() {
    let issuers = issuers();
    let with = |kind, algorithm: &str, header: Value, changes: Value| {
        let (header, claims) = (header.to_string(), claims(changes).to_string());
        sign(kind, algorithm, &header, &claims)
    };
    let single = |algorithm: &str, header: Value| {
        let changes = json!({"iss": SINGLE, "email": "bob@example.com", "sub": null});
        with(Kind::Rsa, algorithm, header, changes)
    };
    let in_pem = |name: &str, kind, algorithm: &str| {
        let changes = json!({"iss": format!("https://{name}.example")});
        with(kind, algorithm, json!({"alg": algorithm}), changes)
    };
    let long = "s".repeat(LONGEST_NAME - "idp:".len());
    let long_name = format!("idp:{long}");
    let cases: Vec<(&str, String, &str)> = vec![
        ("ES256", e1(json!({})), "idp:alice"),
        (
            "RS256",
            with(
                Kind::Rsa,
                "RS256",
                json!({"alg": "RS256", "kid": "r1"}),
                json!({}),
            ),
            "idp:alice",
        ),
        (
            "PS256",
            with(
                Kind::Rsa,
                "PS256",
                json!({"alg": "PS256", "kid": "r2"}),
                json!({}),
            ),
            "idp:alice",
        ),
        (
            "EdDSA",
            with(
                Kind::Ed25519,
                "EdDSA",
                json!({"alg": "EdDSA", "kid": "d1"}),
                json!({}),
            ),
            "idp:alice",
        ),
        (
            "no kid, one key of the kind",
            with(Kind::Ed25519, "EdDSA", json!({"alg": "EdDSA"}), json!({})),
            "idp:alice",
        ),
        (
            "PEM, ES384",
            in_pem("p384", Kind::P384, "ES384"),
            "p384:alice",
        ),
        (
            "PEM, ES256",
            in_pem("p256", Kind::P256, "ES256"),
            "p256:alice",
        ),
        (
            "PEM, EdDSA",
            in_pem("ed25519", Kind::Ed25519, "EdDSA"),
            "ed25519:alice",
        ),
        (
            "PEM, RS384",
            single("RS384", json!({"alg": "RS384"})),
            "single:bob@example.com",
        ),
        (
            "PEM, RS512",
            single("RS512", json!({"alg": "RS512"})),
            "single:bob@example.com",
        ),
        (
            "PEM, PS384",
            single("PS384", json!({"alg": "PS384"})),
            "single:bob@example.com",
        ),
        (
            "PEM, PS512",
            single("PS512", json!({"alg": "PS512"})),
            "single:bob@example.com",
        ),
        (
            "PEM knows no names",
            single("RS256", json!({"alg": "RS256", "kid": "whatever"})),
            "single:bob@example.com",
        ),
        (
            "typ JWT",
            es256(
                json!({"alg": "ES256", "kid": "e1", "typ": "JWT"}),
                json!({}),
            ),
            "idp:alice",
        ),
        (
            "typ jwt",
            es256(
                json!({"alg": "ES256", "kid": "e1", "typ": "jwt"}),
                json!({}),
            ),
            "idp:alice",
        ),
        (
            "typ at+jwt",
            es256(
                json!({"alg": "ES256", "kid": "e1", "typ": "at+jwt"}),
                json!({}),
            ),
            "idp:alice",
        ),
        ("aud list", e1(json!({"aud": ["x", "druid"]})), "idp:alice"),
        ("expired by 59 s", e1(json!({"exp": NOW - 59})), "idp:alice"),
        ("nbf in 59 s", e1(json!({"nbf": NOW + 59})), "idp:alice"),
        ("nbf in the past", e1(json!({"nbf": 0})), "idp:alice"),
        ("iat with a fraction", e1(json!({"iat": 1.5})), "idp:alice"),
        (
            "other claims of any kind",
            e1(json!({"x": {"y": [1, {}]}, "jti": 5})),
            "idp:alice",
        ),
        (
            "unknown header fields",
            es256(json!({"alg": "ES256", "kid": "e1", "x": [1]}), json!({})),
            "idp:alice",
        ),
        (
            "a key of its own, not looked at",
            es256(
                json!({"alg": "ES256", "kid": "e1", "jku": "https://evil.example", "x5u": "https://evil.example"}),
                json!({}),
            ),
            "idp:alice",
        ),
        ("not ASCII", e1(json!({"sub": "älice"})), "idp:älice"),
        ("a colon in sub", e1(json!({"sub": "a:b"})), "idp:a:b"),
        ("the longest name", e1(json!({"sub": long})), &long_name),
        (
            "escapes",
            raw(&claims(json!({}))
                .to_string()
                .replace("alice", "\\u0061lice")),
            "idp:alice",
        ),
        (
            "spaces in JSON",
            raw(&format!(" {} ", claims(json!({})))),
            "idp:alice",
        ),
        (
            "the other issuer",
            with(
                Kind::OtherEd25519,
                "EdDSA",
                json!({"alg": "EdDSA", "kid": "o1"}),
                json!({"iss": OTHER}),
            ),
            "other:alice",
        ),
        (
            "a key that says ES256",
            es256(
                json!({"alg": "ES256", "kid": "good"}),
                json!({"iss": STRICT}),
            ),
            "strict:alice",
        ),
    ];
    for (what, token, expected) in cases {
        let outcome = outcome(&issuers, &token).await;
        assert_eq!(outcome, Ok(expected.to_owned()), "{what}");
    }
}

#[tokio::test]
async fn forged_and_broken_tokens_are_refused() {
    let issuers = issuers();
    let body = claims(json!({})).to_string();
    // One whose signature is spelt differently in plain base64.
    let in_url = |token: &String| {
        token
            .rsplit('.')
            .next()
            .is_some_and(|s| s.contains(['-', '_']))
    };
    let good = std::iter::repeat_with(|| e1(json!({})));
    let good = good.take(1_000).find(in_url).expect("nine of ten are");
    let parts: Vec<&str> = good.split('.').collect();
    let [_, payload, signature] = parts.as_slice() else {
        panic!("three parts")
    };
    let unsigned = |header: &str, signature: &[u8]| {
        format!(
            "{}.{payload}.{}",
            encode(header.as_bytes()),
            encode(signature)
        )
    };
    let hs = |header: &str, secret: &[u8]| {
        let input = format!("{}.{payload}", encode(header.as_bytes()));
        let tag = hmac(secret, input.as_bytes());
        format!("{input}.{}", encode(&tag))
    };
    let kid = |kid: Value| es256(json!({"alg": "ES256", "kid": kid}), json!({}));
    let header = |header: Value| es256(header, json!({}));
    let with = |kind, algorithm: &str, header: Value, changes: Value| {
        let (header, claims) = (header.to_string(), claims(changes).to_string());
        sign(kind, algorithm, &header, &claims)
    };
    let strict = |kid: &str, kind, algorithm: &str| {
        with(
            kind,
            algorithm,
            json!({"alg": algorithm, "kid": kid}),
            json!({"iss": STRICT}),
        )
    };
    let twice = |from: &str, to: &str| {
        assert!(body.contains(from), "{from}");
        raw(&body.replace(from, to))
    };
    let raw_header = |text: &str| sign(Kind::P256, "ES256", text, &body);
    let der = sign_der(r#"{"alg":"ES256","kid":"e1"}"#, &body);
    let mut flipped = good.clone().into_bytes();
    let at = flipped.len() - 10;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    let half = &signature[..signature.len() / 2];
    let point = ec_point(Kind::P256);
    let big = "x".repeat(8 * 1024);
    let long_sub = "s".repeat(LONGEST_NAME - "idp:".len() + 1);
    let attacker = json!({"alg": "EdDSA", "jwk": public_jwk(Kind::OtherEd25519)});
    let exp = format!("\"exp\":{}", NOW + 300);
    let cases: Vec<(&str, String)> = vec![
        // No signature at all.
        ("alg none", unsigned(r#"{"alg":"none"}"#, b"")),
        (
            "alg none, with a signature",
            unsigned(r#"{"alg":"none"}"#, b"x"),
        ),
        ("alg None", unsigned(r#"{"alg":"None"}"#, b"x")),
        ("alg NONE", unsigned(r#"{"alg":"NONE"}"#, b"x")),
        ("alg nOnE", unsigned(r#"{"alg":"nOnE"}"#, b"")),
        (
            "alg none, kid of a key",
            unsigned(r#"{"alg":"none","kid":"e1"}"#, b"x"),
        ),
        ("alg empty", unsigned(r#"{"alg":""}"#, b"x")),
        ("alg missing", header(json!({"kid": "e1"}))),
        ("alg null", raw_header(r#"{"alg":null,"kid":"e1"}"#)),
        ("alg a number", raw_header(r#"{"alg":256,"kid":"e1"}"#)),
        ("alg a list", raw_header(r#"{"alg":["ES256"],"kid":"e1"}"#)),
        (
            "alg in another case",
            raw_header(r#"{"alg":"es256","kid":"e1"}"#),
        ),
        (
            "alg with a space",
            raw_header(r#"{"alg":"ES256 ","kid":"e1"}"#),
        ),
        ("the signature cut off", format!("{}.{payload}.", parts[0])),
        ("two parts", format!("{}.{payload}", parts[0])),
        // A public key as a shared secret.
        (
            "HS256 with the PEM",
            hs(r#"{"alg":"HS256","kid":"r1"}"#, pem(Kind::Rsa).as_bytes()),
        ),
        (
            "HS256 with the point",
            hs(r#"{"alg":"HS256","kid":"e1"}"#, &point),
        ),
        (
            "HS256 with the JWK's secret",
            hs(
                r#"{"alg":"HS256","kid":"h1"}"#,
                b"secret-secret-secret-secret",
            ),
        ),
        (
            "RS256 with an HMAC",
            hs(r#"{"alg":"RS256","kid":"r1"}"#, pem(Kind::Rsa).as_bytes()),
        ),
        ("HS256, no kid", hs(r#"{"alg":"HS256"}"#, b"")),
        // Keys of another kind or for something else.
        (
            "ES256 with the RSA key's name",
            header(json!({"alg": "ES256", "kid": "r1"})),
        ),
        (
            "RS256 with the curve's name",
            with(
                Kind::Rsa,
                "RS256",
                json!({"alg": "RS256", "kid": "e1"}),
                json!({}),
            ),
        ),
        (
            "PS256 with a key for RS256",
            with(
                Kind::Rsa,
                "PS256",
                json!({"alg": "PS256", "kid": "r1"}),
                json!({}),
            ),
        ),
        (
            "RS384 is not allowed",
            with(
                Kind::Rsa,
                "RS384",
                json!({"alg": "RS384", "kid": "r2"}),
                json!({}),
            ),
        ),
        (
            "ES384 is not allowed",
            with(
                Kind::P384,
                "ES384",
                json!({"alg": "ES384", "kid": "e384"}),
                json!({}),
            ),
        ),
        (
            "ES256 with a key of P-384",
            with(
                Kind::P384,
                "ES384",
                json!({"alg": "ES256", "kid": "e384"}),
                json!({}),
            ),
        ),
        (
            "PS256 said, RS256 done",
            with(
                Kind::Rsa,
                "RS256",
                json!({"alg": "PS256", "kid": "r2"}),
                json!({}),
            ),
        ),
        (
            "RS256 said, PS256 done",
            with(
                Kind::Rsa,
                "PS256",
                json!({"alg": "RS256", "kid": "r1"}),
                json!({}),
            ),
        ),
        ("a key for encryption", strict("enc", Kind::P256, "ES256")),
        ("a key for wrapping", strict("wrap", Kind::P256, "ES256")),
        ("a key for ES384", strict("other-alg", Kind::P256, "ES256")),
        ("a key for PS256", strict("pss", Kind::Rsa, "RS256")),
        (
            "a key whose use is a number",
            strict("use-number", Kind::P256, "ES256"),
        ),
        (
            "a key whose alg is a number",
            strict("alg-number", Kind::P256, "ES256"),
        ),
        (
            "a key whose key_ops is text",
            strict("ops-text", Kind::P256, "ES256"),
        ),
        (
            "a key with the wrong curve's name",
            strict("curve", Kind::P256, "ES256"),
        ),
        // The choice of the key.
        (
            "no kid, two keys",
            with(Kind::Rsa, "RS256", json!({"alg": "RS256"}), json!({})),
        ),
        ("kid unknown", kid(json!("nothing"))),
        ("kid empty", kid(json!(""))),
        ("kid a path", kid(json!("../../../../dev/null"))),
        ("kid SQL", kid(json!("e1' UNION SELECT 'key'--"))),
        ("kid with a NUL", kid(json!("e1\u{0}"))),
        ("kid of another case", kid(json!("E1"))),
        ("kid very long", kid(json!("e".repeat(4_000)))),
        ("kid a number", kid(json!(1))),
        ("kid a list", kid(json!(["e1"]))),
        ("kid an object", kid(json!({"kid": "e1"}))),
        ("kid null", raw_header(r#"{"alg":"ES256","kid":null}"#)),
        (
            "kid of another issuer",
            with(
                Kind::OtherEd25519,
                "EdDSA",
                json!({"alg": "EdDSA", "kid": "o1"}),
                json!({}),
            ),
        ),
        (
            "another issuer's signature",
            with(
                Kind::OtherEd25519,
                "EdDSA",
                json!({"alg": "EdDSA", "kid": "d1"}),
                json!({}),
            ),
        ),
        (
            "signed by idp as other",
            with(
                Kind::Ed25519,
                "EdDSA",
                json!({"alg": "EdDSA", "kid": "o1"}),
                json!({"iss": OTHER}),
            ),
        ),
        (
            "its own key",
            with(Kind::OtherEd25519, "EdDSA", attacker.clone(), json!({})),
        ),
        (
            "its own key, with a kid",
            with(
                Kind::OtherEd25519,
                "EdDSA",
                {
                    let mut header = attacker;
                    header["kid"] = "d1".into();
                    header
                },
                json!({}),
            ),
        ),
        (
            "its own address of keys",
            with(
                Kind::OtherEd25519,
                "EdDSA",
                json!({"alg": "EdDSA", "kid": "x", "jku": "https://evil.example/keys"}),
                json!({}),
            ),
        ),
        (
            "its own certificate",
            with(
                Kind::OtherEd25519,
                "EdDSA",
                json!({"alg": "EdDSA", "kid": "d1", "x5c": ["AAAA"], "x5u": "https://evil.example"}),
                json!({}),
            ),
        ),
        // Header fields that change what is read.
        (
            "crit",
            header(json!({"alg": "ES256", "kid": "e1", "crit": ["exp"], "exp": NOW + 300})),
        ),
        (
            "crit empty",
            header(json!({"alg": "ES256", "kid": "e1", "crit": []})),
        ),
        (
            "crit null",
            raw_header(r#"{"alg":"ES256","kid":"e1","crit":null}"#),
        ),
        (
            "b64",
            header(json!({"alg": "ES256", "kid": "e1", "b64": false, "crit": ["b64"]})),
        ),
        (
            "typ of another kind",
            header(json!({"alg": "ES256", "kid": "e1", "typ": "dpop+jwt"})),
        ),
        (
            "typ logout",
            header(json!({"alg": "ES256", "kid": "e1", "typ": "logout+jwt"})),
        ),
        (
            "typ a number",
            header(json!({"alg": "ES256", "kid": "e1", "typ": 1})),
        ),
        (
            "alg twice",
            raw_header(r#"{"alg":"none","alg":"ES256","kid":"e1"}"#),
        ),
        (
            "kid twice",
            raw_header(r#"{"alg":"ES256","kid":"e1","kid":"x"}"#),
        ),
        (
            "alg twice, escaped",
            raw_header(r#"{"alg":"ES256","\u0061lg":"none","kid":"e1"}"#),
        ),
        ("header a list", raw_header(r#"["ES256"]"#)),
        ("header empty", raw_header("{}")),
        ("header no JSON", raw_header("alg: ES256")),
        (
            "header with a byte order mark",
            raw_header("\u{feff}{\"alg\":\"ES256\",\"kid\":\"e1\"}"),
        ),
        // Claims.
        ("iss missing", e1(json!({"iss": null}))),
        ("iss of nobody", e1(json!({"iss": "https://evil.example"}))),
        (
            "iss with a slash more",
            e1(json!({"iss": format!("{IDP}/")})),
        ),
        (
            "iss in another case",
            e1(json!({"iss": IDP.to_uppercase()})),
        ),
        ("iss a list", e1(json!({"iss": [IDP]}))),
        ("iss an object", e1(json!({"iss": {"is": IDP}}))),
        (
            "iss twice",
            twice(
                &format!("\"iss\":\"{IDP}\""),
                &format!("\"iss\":\"{OTHER}\",\"iss\":\"{IDP}\""),
            ),
        ),
        ("aud missing", e1(json!({"aud": null}))),
        ("aud of somebody else", e1(json!({"aud": "grafana"}))),
        ("aud list without us", e1(json!({"aud": ["a", "b"]}))),
        ("aud empty list", e1(json!({"aud": []}))),
        ("aud an object", e1(json!({"aud": {"overgate": true}}))),
        ("aud a list in a list", e1(json!({"aud": [["overgate"]]}))),
        ("aud mixed", e1(json!({"aud": ["overgate", 1]}))),
        ("aud a number", e1(json!({"aud": 1}))),
        ("aud with a space", e1(json!({"aud": "overgate grafana"}))),
        ("exp missing", e1(json!({"exp": null}))),
        ("exp null", twice(&exp, "\"exp\":null")),
        ("exp a string", e1(json!({"exp": (NOW + 300).to_string()}))),
        ("exp a float", twice(&exp, &format!("{exp}.0"))),
        ("exp in exponents", twice(&exp, "\"exp\":1.9e9")),
        ("exp negative", e1(json!({"exp": -1}))),
        ("exp huge", twice(&exp, "\"exp\":99999999999999999999")),
        (
            "exp in milliseconds",
            e1(json!({"exp": (NOW + 300) * 1_000})),
        ),
        ("exp true", e1(json!({"exp": true}))),
        ("exp a list", e1(json!({"exp": [NOW + 300]}))),
        ("exp twice", twice(&exp, &format!("\"exp\":1,{exp}"))),
        (
            "exp twice, escaped",
            twice(&exp, &format!("\"\\u0065xp\":1,{exp}")),
        ),
        ("nbf in 61 s", e1(json!({"nbf": NOW + 61}))),
        ("nbf a string", e1(json!({"nbf": "0"}))),
        ("nbf a float", e1(json!({"nbf": 0.5}))),
        ("nbf null", twice(&exp, &format!("\"nbf\":null,{exp}"))),
        ("sub missing", e1(json!({"sub": null}))),
        ("sub empty", e1(json!({"sub": ""}))),
        ("sub a number", e1(json!({"sub": 5}))),
        ("sub with a line break", e1(json!({"sub": "a\nb"}))),
        ("sub with a NUL", e1(json!({"sub": "a\u{0}"}))),
        ("sub too long", e1(json!({"sub": long_sub}))),
        ("claims a list", raw("[]")),
        ("claims a text", raw("\"alice\"")),
        ("claims with more behind", raw(&format!("{body}{{}}"))),
        ("claims with a comma", raw(&body.replace('}', ",}"))),
        ("claims empty", raw("")),
        (
            "claims of two meanings",
            raw(&body.replace("alice", "\\ud800")),
        ),
        (
            "claims very deep",
            raw(&format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))),
        ),
        // Signatures.
        (
            "r and s are zero",
            unsigned(r#"{"alg":"ES256","kid":"e1"}"#, &[0; 64]),
        ),
        (
            "r and s are one",
            unsigned(
                r#"{"alg":"ES256","kid":"e1"}"#,
                &[[0; 31].as_slice(), &[1], &[0; 31], &[1]].concat(),
            ),
        ),
        (
            "all ones",
            unsigned(r#"{"alg":"ES256","kid":"e1"}"#, &[0xff; 64]),
        ),
        ("half of it", format!("{}.{payload}.{half}", parts[0])),
        ("DER", der),
        ("a byte more", format!("{good}AA")),
        ("a bit flipped", String::from_utf8(flipped).expect("ASCII")),
        (
            "empty for Ed25519",
            unsigned(r#"{"alg":"EdDSA","kid":"d1"}"#, &[0; 64]),
        ),
        (
            "zeros for RSA",
            unsigned(r#"{"alg":"RS256","kid":"r1"}"#, &[0; 256]),
        ),
        (
            "ones for RSA",
            unsigned(
                r#"{"alg":"RS256","kid":"r1"}"#,
                &[[0; 255].as_slice(), &[1]].concat(),
            ),
        ),
        (
            "short for RSA",
            unsigned(r#"{"alg":"RS256","kid":"r1"}"#, &[1; 255]),
        ),
        (
            "of another token",
            format!(
                "{}.{}.{signature}",
                parts[0],
                encode(claims(json!({"sub": "root"})).to_string().as_bytes())
            ),
        ),
        // Encodings.
        ("a dot before", format!(".{good}")),
        ("a dot behind", format!("{good}.")),
        ("a dot too many", good.replacen('.', "..", 1)),
        ("five parts", format!("{good}.a.b")),
        ("padding", format!("{good}==")),
        (
            "padded claims",
            format!("{}.{payload}=.{signature}", parts[0]),
        ),
        ("a space", format!("{}. {payload}.{signature}", parts[0])),
        ("a line break", format!("{good}\n")),
        (
            "plain base64",
            format!(
                "{}.{payload}.{}",
                parts[0],
                signature.replace('-', "+").replace('_', "/")
            ),
        ),
        (
            "not canonical",
            format!("{}.{payload}.{}", parts[0], not_canonical(signature)),
        ),
        ("a NUL behind", format!("{good}\u{0}")),
        ("only dots", "..".to_owned()),
        ("empty", String::new()),
        ("longer than 8 KiB", e1(json!({"x": big}))),
        ("not ASCII", good.replace('.', "․")),
    ];
    assert!(cases.len() >= 100, "{}", cases.len());
    for (what, token) in cases {
        // Those that differ in nothing are no cases.
        assert_ne!(token, good, "{what}");
        let outcome = outcome(&issuers, &token).await;
        assert!(
            matches!(outcome, Err(Refused::Wrong | Refused::UnknownKey)),
            "{what}: {outcome:?} {token}"
        );
    }
    assert!(
        outcome(&issuers, &good).await.is_ok(),
        "nothing was wrong with it"
    );
}

/// The same bytes in another spelling: the last character's unused bits are not zero.
fn not_canonical(signature: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = signature.split_at(signature.len() - 1);
    let last = last.as_bytes()[0];
    let at = ALPHABET.iter().position(|c| *c == last).expect("base64url");
    format!("{start}{}", char::from(ALPHABET[at + 1]))
}

#[tokio::test]
async fn a_token_of_8_kib_is_taken_and_no_longer_one() {
    let issuers = issuers();
    let fits = |length: usize| e1(json!({"x": "x".repeat(length)}));
    let length = (5_000..6_200)
        .rev()
        .find(|length| fits(*length).len() <= 8 * 1024)
        .expect("some");
    assert!(outcome(&issuers, &fits(length)).await.is_ok());
    assert_eq!(
        outcome(&issuers, &fits(length + 3)).await,
        Err(Refused::Wrong)
    );
}

#[tokio::test]
async fn claims_give_the_roles_that_are_mapped_and_no_others() {
    let issuers = issuers();
    for (value, roles) in [
        (json!(["writers"]), vec!["wiki-writer"]),
        (json!("writers"), vec!["wiki-writer"]),
        (json!(["writers", "writers", "admins"]), vec!["wiki-writer"]),
        (json!(["wiki-writer", "operator"]), vec![]),
        (json!(["WRITERS"]), vec![]),
        (json!([["writers"], 5, null]), vec![]),
        (json!({"writers": "writers"}), vec![]),
        (json!("writers admins"), vec![]),
        (json!(5), vec![]),
    ] {
        let accepted = issuers.check(&e1(json!({"roles": value})), NOW).await;
        let principal = accepted.expect("good").principal;
        let held: Vec<&str> = principal.roles().iter().map(|role| &**role).collect();
        assert_eq!(held, roles, "{value}");
    }
    let nested = |changes: Value| {
        let mut all = json!({"iss": SINGLE, "email": "bob", "roles": ["writers"]});
        for (name, value) in changes.as_object().expect("an object") {
            all[name] = value.clone();
        }
        sign(
            Kind::Rsa,
            "RS256",
            r#"{"alg":"RS256"}"#,
            &claims(all).to_string(),
        )
    };
    for (changes, count) in [
        (json!({"realm_access": {"roles": ["writers"]}}), 1),
        (json!({"realm_access.roles": ["writers"]}), 1),
        (json!({"realm_access": ["roles"]}), 0),
        (json!({}), 0),
    ] {
        let accepted = issuers.check(&nested(changes.clone()), NOW).await;
        let principal = accepted.expect("good").principal;
        assert_eq!(principal.roles().len(), count, "{changes}");
    }
}

#[tokio::test]
async fn a_token_is_good_until_it_expires() {
    let issuers = issuers();
    for (left, lifetime) in [(300, 300), (1, 1), (0, 0), (-59, 0)] {
        let accepted = issuers.check(&e1(json!({"exp": NOW + left})), NOW).await;
        let expected = Duration::from_secs(lifetime);
        assert_eq!(accepted.expect("good").lifetime, expected, "{left}");
    }
}

#[test]
fn sets_of_keys_are_read_strictly_and_never_panic() {
    let good = public_jwk(Kind::P256);
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        json!({"keys": [jwk]}).to_string()
    };
    let rsa = |name: &str, value: &str| {
        let mut jwk = public_jwk(Kind::Rsa);
        jwk[name] = value.into();
        json!({"keys": [jwk]}).to_string()
    };
    let many = |count: usize| json!({"keys": vec![good.clone(); count]}).to_string();
    let whole = json!({"keys": [good]}).to_string();
    let half_pem = pem(Kind::Rsa)[..200].to_owned();
    use InvalidKeys::{Form, NoneUsable, TooMany};
    let cases: Vec<(String, Option<InvalidKeys>)> = vec![
        (whole.clone(), None),
        (many(100), None),
        (pem(Kind::Rsa), None),
        (pem(Kind::P256), None),
        (pem(Kind::P384), None),
        (pem(Kind::Ed25519), None),
        (
            format!("# two keys\n{}\n{}", pem(Kind::Rsa), pem(Kind::P256)),
            None,
        ),
        (pem(Kind::Rsa).replace('\n', "\r\n"), None),
        (many(101), Some(TooMany)),
        (String::new(), Some(Form)),
        ("{}".to_owned(), Some(Form)),
        ("{".to_owned(), Some(Form)),
        ("[]".to_owned(), Some(Form)),
        ("<html>".to_owned(), Some(Form)),
        (r#"{"keys":[],"keys":[]}"#.to_owned(), Some(Form)),
        (
            format!("{}{}", "[".repeat(9_000), "]".repeat(9_000)),
            Some(Form),
        ),
        (
            format!("{{\"a\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000)),
            Some(Form),
        ),
        (
            whole.replace("\"kty\"", "\"kty\":\"RSA\",\"kty\""),
            Some(Form),
        ),
        (r#"{"keys":5}"#.to_owned(), Some(Form)),
        (r#"{"keys":{"a":5}}"#.to_owned(), Some(Form)),
        (r#"{"keys":[5,null,"x",[]]}"#.to_owned(), Some(NoneUsable)),
        (with("kty", json!("EC2")), Some(NoneUsable)),
        (with("kty", json!(5)), Some(NoneUsable)),
        (with("crv", json!("P-521")), Some(NoneUsable)),
        (with("crv", json!("secp256k1")), Some(NoneUsable)),
        (with("x", json!("")), Some(NoneUsable)),
        (with("x", json!("AA")), Some(NoneUsable)),
        (with("x", json!("!!")), Some(NoneUsable)),
        (with("x", json!(5)), Some(NoneUsable)),
        (with("kid", json!(5)), Some(NoneUsable)),
        (rsa("n", ""), Some(NoneUsable)),
        (rsa("n", "AQAB"), Some(NoneUsable)),
        (rsa("n", &encode(&[0xff; 128])), Some(NoneUsable)),
        (rsa("n", &encode(&[0xff; 1_025])), Some(NoneUsable)),
        (rsa("n", &encode(&[0; 256])), Some(NoneUsable)),
        (rsa("e", ""), Some(NoneUsable)),
        (rsa("e", &encode(&[0])), Some(NoneUsable)),
        (rsa("e", &encode(&[1; 9])), Some(NoneUsable)),
        (half_pem, Some(Form)),
        (
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned(),
            Some(NoneUsable),
        ),
        (
            "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----".to_owned(),
            Some(Form),
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned(),
            Some(NoneUsable),
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".to_owned(),
            Some(NoneUsable),
        ),
        ("-----BEGIN ".to_owned(), Some(Form)),
    ];
    for (text, expected) in cases {
        let read = KeySet::read(text.as_bytes());
        assert_eq!(read.err(), expected, "{text:.200}");
    }
    // Cut anywhere and with any byte changed, nothing panics.
    for text in [whole, pem(Kind::Rsa), pem(Kind::Ed25519)] {
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            let _ = KeySet::read(&bytes[..at]);
            bytes[at] ^= 0x55;
            let _ = KeySet::read(&bytes);
        }
    }
}

#[tokio::test]
async fn who_had_a_token_is_told_from_who_never_had_one() {
    let issuers = issuers();
    for past in [60, 61, 1_000_000] {
        let token = e1(json!({"exp": NOW - past}));
        assert_eq!(issuers.check(&token, NOW).await, Err(Refused::Expired));
        // Signed by nobody, or for somebody else, it is as wrong as one that has not expired.
        let (signed, _) = token.rsplit_once('.').expect("three parts");
        let forged = format!("{signed}.{}", encode(&[1; 64]));
        let others = e1(json!({"exp": NOW - past, "aud": "other"}));
        for wrong in [forged, others] {
            assert_eq!(issuers.check(&wrong, NOW).await, Err(Refused::Wrong));
        }
    }
}

#[test]
fn a_point_that_is_not_on_its_curve_checks_nothing() {
    let mut jwk = public_jwk(Kind::P256);
    jwk["x"] = encode(&[1; 32]).into();
    jwk["kid"] = "e1".into();
    let keys = json!({"keys": [jwk]}).to_string();
    let issuer = settings("idp", IDP, &[Algorithm::Es256], keys);
    let issuers = Issuers::new([issuer], &clock(), None).expect("its numbers look right");
    let issuer = issuers.by_issuer.get(IDP).expect("there");
    let text = e1(json!({}));
    let token = Token::read(&text).expect("a token");
    assert_eq!(issuer.check(&text, &token, NOW), Err(Refused::Wrong));
}

#[test]
fn weak_keys_stop_the_load() {
    let issuer = settings("idp", IDP, &[Algorithm::Es256], "{\"keys\":[]}".to_owned());
    let error = Issuers::new([issuer], &clock(), None).expect_err("no key");
    assert!(error.to_string().contains("`idp`"), "{error}");
    // What is printed of issuers holds no key.
    assert!(!format!("{:?}", issuers()).contains("keys"));
}
