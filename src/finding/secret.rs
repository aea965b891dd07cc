//! What a document holds that nobody else should read: passwords, keys, tokens.
//!
//! A finding goes into answers, logs of a build, code scanning. None repeats such a value.

use crate::json::{Kind, Node};

/// Pieces of the names under which secrets stand, in lower case and without separators. The fields
/// of Druid's own types (`password`, `secretAccessKey`, `sharedAccessStorageToken`, the headers of an
/// HTTP source …), and what stands in free maps (`sasl.jaas.config`, `ssl.key.password`, `api-key`,
/// `basic.auth.user.info`).
const PIECES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "accesskey",
    "apikey",
    "privatekey",
    "accountkey",
    "storagekey",
    "authorization",
    "requestheaders",
    "userinfo",
    "cookie",
    "jaas",
];

/// Whole names.
const NAMES: &[&str] = &["pwd", "pass", "sas", "key"];

/// A slip away from these is one too: who misspells it has a secret all the same.
const MISSPELLED: &[&str] = &["password", "secret", "passphrase", "credentials"];

/// Names in which a piece means something else.
const HARMLESS: &[&str] = &["tokenize"];

/// What stands before a secret in a text: `password=…`.
const BEFORE: &[&str] = &[
    "password=",
    "passwd=",
    "pwd=",
    "secret=",
    "token=",
    "apikey=",
    "accesskey=",
    "accountkey=",
];

/// Below a secret these say how it is found, and not what it is: `{"type": "environment", "variable": …}`.
const DESCRIBING: &[&str] = &["type", "variable"];

/// Do values under this name stay unsaid?
pub fn is_secret_name(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    let is_slip = |known: &&str| {
        known.len().abs_diff(plain.len()) <= 1 && strsim::osa_distance(known, &plain) <= 1
    };
    NAMES.contains(&&*plain)
        || MISSPELLED.iter().any(is_slip)
        || PIECES.iter().any(|piece| plain.contains(piece))
            && !HARMLESS.iter().any(|piece| plain.contains(piece))
}

/// Does a value with this pointer stay unsaid?
pub(super) fn is_secret(pointer: &str) -> bool {
    let last = pointer.rsplit('/').next().unwrap_or_default();
    pointer.split('/').any(is_secret_name) && !DESCRIBING.contains(&last)
}

/// Is there a secret somewhere in this value?
pub fn holds_secret(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::Object => node.entries().any(|(key, value)| {
            key.as_str().is_some_and(|name| is_secret_name(&name)) || holds_secret(value)
        }),
        Kind::Array => node.elements().any(holds_secret),
        Kind::String => node
            .as_str()
            .is_some_and(|text| without_secrets(&text) != text),
        Kind::Number | Kind::Boolean | Kind::Null => false,
    }
}

/// Where a text goes on with a secret: behind `password=`.
fn announced(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let ends = BEFORE
        .iter()
        .filter_map(|piece| Some(lower.find(piece)? + piece.len()));
    ends.min()
}

/// A text without what an address in it may carry: the user before the host, and what follows `?`
/// (signatures of a signed address). And without what follows `password=`.
pub(super) fn without_secrets(text: &str) -> std::borrow::Cow<'_, str> {
    let text = without_secrets_in_address(text);
    match announced(&text).and_then(|end| text.get(..end)) {
        Some(shown) => format!("{shown}…").into(),
        None => text,
    }
}

fn without_secrets_in_address(text: &str) -> std::borrow::Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.into();
    };
    let end = rest.find('?').unwrap_or(rest.len());
    let (address, query) = rest.split_at(end);
    let authority = address.find('/').unwrap_or(address.len());
    let host = address
        .get(..authority)
        .and_then(|authority| authority.rfind('@'))
        .map_or(0, |at| at + 1);
    if host == 0 && query.is_empty() {
        return text.into();
    }
    let user = if host == 0 { "" } else { "…@" };
    let query = if query.is_empty() { "" } else { "?…" };
    let host = address.get(host..).unwrap_or_default();
    format!("{scheme}://{user}{host}{query}").into()
}

/// A text with a star for each character of a secret in it; lines and columns stay what they were.
///
/// It goes by what stands there and not by a document, so that it works for what is no JSON too:
/// everything behind a name that says secret, and what an address may carry.
pub fn masked(text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut depth = 0_usize;
    // Behind a name that says secret; in an object or array behind one, which begins at this depth.
    let (mut is_named, mut within) = (false, None);
    while let Some((&byte, after)) = rest.split_first() {
        let mut written = byte;
        match byte {
            b'"' => {
                let (string, behind) = after.split_at(string_end(after));
                let closed = behind.strip_prefix(b"\"");
                shown.push(b'"');
                if closed
                    .unwrap_or(behind)
                    .trim_ascii_start()
                    .starts_with(b":")
                {
                    let name = String::from_utf8_lossy(string);
                    let name = serde_json::from_str(&format!("\"{name}\"")).unwrap_or(name);
                    is_named =
                        is_secret_name(&name) || within.is_some() && !DESCRIBING.contains(&&*name);
                    shown.extend_from_slice(string);
                } else if is_named {
                    stars(string, &mut shown);
                } else {
                    mask_address(string, &mut shown);
                }
                rest = behind;
                if let Some(behind) = closed {
                    shown.push(b'"');
                    rest = behind;
                }
                continue;
            }
            b'[' | b'{' => {
                if is_named && within.is_none() {
                    within = Some(depth);
                }
                depth += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if within.is_some_and(|begun| depth <= begun) {
                    within = None;
                }
                is_named = within.is_some();
            }
            b',' => is_named = within.is_some(),
            b'0'..=b'9' if is_named => written = b'*',
            _ => {}
        }
        shown.push(written);
        rest = after;
    }
    shown
}

/// How many bytes of a string stand before its closing quote.
fn string_end(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// A star for each character.
fn stars(text: &[u8], shown: &mut Vec<u8>) {
    let characters = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    shown.extend(std::iter::repeat_n(b'*', characters));
}

fn mask_address(text: &[u8], shown: &mut Vec<u8>) {
    let words = std::str::from_utf8(text).unwrap_or_default();
    if let Some((open, secret)) = announced(words).and_then(|end| words.split_at_checked(end)) {
        mask_address(open.trim_end_matches('=').as_bytes(), shown);
        shown.push(b'=');
        stars(secret.as_bytes(), shown);
        return;
    }
    let Some((scheme, address)) = words.split_once("://") else {
        shown.extend_from_slice(text);
        return;
    };
    let query = address.find('?').unwrap_or(address.len());
    let (address, query) = address.split_at(query);
    let authority = address.find('/').unwrap_or(address.len());
    let (authority, path) = address.split_at(authority);
    let (user, host) = match authority.rfind('@') {
        Some(at) => authority.split_at(at),
        None => ("", authority),
    };
    shown.extend_from_slice(scheme.as_bytes());
    shown.extend_from_slice(b"://");
    stars(user.as_bytes(), shown);
    shown.extend_from_slice(host.as_bytes());
    shown.extend_from_slice(path.as_bytes());
    stars(query.as_bytes(), shown);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "password",
            "httpAuthenticationPassword",
            "secretAccessKey",
            "accessKeyId",
            "sasl.jaas.config",
            "ssl.key.password",
            "sessionToken",
            "basic.auth.user.info",
            "api-key",
            "Access_Key",
            "key",
            "pwd",
            "pasword",
            "requestHeaders",
            "Cookie",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["keyColumnName", "tokenizer", "user", "keyFormat", "type"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn below_a_secret_all_is_but_how_it_is_found() {
        assert!(is_secret("/a/password"));
        assert!(is_secret("/password/0/b"));
        assert!(!is_secret("/password/type"));
        assert!(!is_secret("/a/b"));
    }

    #[test]
    fn addresses_lose_user_and_query() {
        for (text, shown) in [
            ("http://a:b@c/d?e=f", "http://…@c/d?…"),
            ("s3://bucket/p@th", "s3://bucket/p@th"),
            ("https://host?sig=1", "https://host?…"),
            ("a?b@c", "a?b@c"),
            ("user=a Password=b", "user=a Password=…"),
            ("https://u:p@host/x?password=a", "https://…@host/x?…"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn texts_are_masked() {
        for (line, shown) in [
            (
                r#"  "password": "hü\"r", "a": "b""#,
                r#"  "password": "*****", "a": "b""#,
            ),
            (
                r#"{"tokens":["a","b"],"c":["d"]}"#,
                r#"{"tokens":["*","*"],"c":["d"]}"#,
            ),
            (
                r#"{"secret": 12.5, "n": 12}"#,
                r#"{"secret": **.*, "n": 12}"#,
            ),
            (
                r#"{"password": {"type": "environment"}}"#,
                r#"{"password": {"type": "environment"}}"#,
            ),
            (
                r#"{"secret": {"a": ["b", {"c": 1}]}, "d": "e"}"#,
                r#"{"secret": {"a": ["*", {"c": *}]}, "d": "e"}"#,
            ),
            (r#""password":"unfinished"#, r#""password":"**********"#),
            (
                r#"["http://u:p@h/x?sig=ab"]"#,
                r#"["http://***@h/x*******"]"#,
            ),
            (
                r#"{"pass\u0077ord": "abc", "b": "Pwd=ä;x"}"#,
                r#"{"pass\u0077ord": "***", "b": "Pwd=***"}"#,
            ),
            (
                r#"{"user": "password", "x": 1}"#,
                r#"{"user": "password", "x": 1}"#,
            ),
        ] {
            assert_eq!(String::from_utf8_lossy(&masked(line.as_bytes())), shown);
        }
    }
}
