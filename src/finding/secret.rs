//! What a document holds that nobody else should read: passwords, keys, tokens.
//!
//! A finding goes into answers, logs of a build, code scanning. None repeats such a value.

use std::borrow::Cow;
use std::ops::Range;

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
    "keystorekey",
];

/// Whole names.
const NAMES: &[&str] = &["pwd", "pass", "sas", "key", "headers"];

/// Words of names.
const WORDS: &[&str] = &["sas"];

/// A slip away from these is one too: who misspells it has a secret all the same.
const MISSPELLED: &[&str] = &["password", "secret", "passphrase", "credentials"];

/// Names in which a piece means something else.
const HARMLESS: &[&str] = &["tokenize"];

/// Below a secret these say how it is found, and not what it is: `{"type": "environment", "variable": …}`.
pub(super) const DESCRIBING: &[&str] = &["type", "variable", "variables"];

/// Do values under this name stay unsaid?
pub fn is_secret_name(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    let is_slip = |word: &str| {
        let comes_near = |known: &&str| {
            known.len().abs_diff(word.len()) <= 1 && strsim::osa_distance(known, word) <= 1
        };
        MISSPELLED.iter().any(comes_near)
    };
    let is_word = |word: &str| {
        let word = word.to_ascii_lowercase();
        WORDS.contains(&&*word) || is_slip(&word)
    };
    // An address is told without what it carries.
    let is_address = plain.ends_with("url") || plain.ends_with("uri");
    if is_address {
        return false;
    }
    NAMES.contains(&&*plain)
        || is_slip(&plain)
        || words(name).any(is_word)
        || PIECES.iter().any(|piece| plain.contains(piece))
            && !HARMLESS.iter().any(|piece| plain.contains(piece))
}

/// The words of a name: they begin with capitals, or behind what is no letter.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let parts = name.split(|character: char| !character.is_ascii_alphanumeric());
    parts.flat_map(|part| {
        let mut rest = part;
        std::iter::from_fn(move || {
            let inside = rest.char_indices().skip(1);
            let end = inside
                .filter(|(_, character)| character.is_ascii_uppercase())
                .map(|(at, _)| at)
                .next();
            let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
            rest = behind;
            (!word.is_empty()).then_some(word)
        })
    })
}

/// Does a value with this pointer stay unsaid?
pub(super) fn is_secret(pointer: &str) -> bool {
    let last = pointer.rsplit('/').next().unwrap_or_default();
    let describes = DESCRIBING.contains(&last) || pointer.contains("/variables/");
    pointer.split('/').any(is_secret_name) && !describes
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

/// Where secrets stand in a text, in order: before the `@` of an address, behind its `?` (signatures
/// of a signed address), and behind `password=` or `api key:`.
pub(super) fn secrets_in(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(sign) = text.get(at..).and_then(|rest| {
        let sign = rest.iter().position(|byte| matches!(byte, b':' | b'='))?;
        Some(at + sign)
    }) {
        at = sign + 1;
        let is_address = text.get(sign) == Some(&b':');
        if is_address && text.get(at..).is_some_and(|rest| rest.starts_with(b"//")) {
            at += 2;
            let rest = text.get(at..).unwrap_or_default();
            // Up to the next address: so no byte is looked at for two of them.
            let next = rest.windows(3).position(|next| next == b"://");
            let address = rest.get(..next.unwrap_or(rest.len())).unwrap_or_default();
            let query = address.iter().position(|byte| *byte == b'?');
            let (before, _) = address.split_at(query.unwrap_or(address.len()));
            let user = before.iter().rposition(|byte| *byte == b'@').filter(|end| {
                // A path may have an `@` in it too.
                let user = before.get(..*end).unwrap_or_default();
                user.contains(&b':') || !user.contains(&b'/')
            });
            found.extend(user.map(|end| at..at + end));
            if let Some(query) = query {
                found.push(at + query + 1..at + address.len());
            }
            at += match query {
                Some(_) => address.len(),
                None => user.unwrap_or(0),
            };
        } else if is_announced(text.get(..sign).unwrap_or_default()) {
            found.push(at..text.len());
            break;
        }
    }
    found.retain(|range| !range.is_empty());
    found.sort_by_key(|range| range.start);
    found
}

/// Does a text end with a word that says secret?
fn is_announced(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b"\"").unwrap_or(text);
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let begins = text.iter().rposition(|byte| !is_letter(byte));
    // No name of a secret is longer.
    let begins = begins
        .map_or(0, |at| at + 1)
        .max(text.len().saturating_sub(80));
    let word = text.get(begins..).unwrap_or_default();
    std::str::from_utf8(word).is_ok_and(is_secret_name)
}

/// A text without the secrets in it.
pub(super) fn without_secrets(text: &str) -> Cow<'_, str> {
    let secrets = secrets_in(text.as_bytes());
    if secrets.is_empty() {
        return text.into();
    }
    let mut shown = String::new();
    let mut at = 0;
    for secret in secrets {
        let from = secret.start.max(at);
        shown.push_str(text.get(at..from).unwrap_or_default());
        shown.push('…');
        at = secret.end.max(at);
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown.into()
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
                    mask(string, &mut shown);
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
pub(super) fn string_end(text: &[u8]) -> usize {
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

/// A text with stars for the secrets in it.
fn mask(text: &[u8], shown: &mut Vec<u8>) {
    let mut at = 0;
    for secret in secrets_in(text) {
        let from = secret.start.max(at);
        shown.extend_from_slice(text.get(at..from).unwrap_or_default());
        let to = secret.end.max(from);
        stars(text.get(from..to).unwrap_or_default(), shown);
        at = to;
    }
    shown.extend_from_slice(text.get(at..).unwrap_or_default());
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
            "httpAuthenticationPasswrd",
            "ssl.key.pasword",
            "requestHeaders",
            "Cookie",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "keyColumnName",
            "tokenizer",
            "user",
            "keyFormat",
            "type",
            "secureConnection",
            "passedRows",
            "sasl.oauthbearer.token.endpoint.url",
        ] {
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
            ("http://a/x,http://u:p@b/y", "http://a/x,http://…@b/y"),
            ("http://u:p/q@b/y,http://c/d", "http://…@b/y,http://c/d"),
            ("api_key=x,b", "api_key=…"),
            (
                "aws secret-access-key = x, password: y",
                "aws secret-access-key =…",
            ),
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
    fn what_is_no_text_is_masked_too() {
        let latin = b"{\"u\":\"http://u:p@h/\xfc\",\"v\":\"password=h\xfc\"}";
        let shown = masked(latin);
        assert_eq!(shown.get(..18), Some(&b"{\"u\":\"http://***@h"[..]));
        assert!(!shown.windows(2).any(|bytes| bytes == b"h\xfc"));
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
                r#"["http://***@h/x?******"]"#,
            ),
            (
                r#"{"pass\u0077ord": "abc", "b": "Pwd=ä;x"}"#,
                r#"{"pass\u0077ord": "***", "b": "Pwd=***"}"#,
            ),
            (
                r#"["http://a/x,http://u:p@h/y"]"#,
                r#"["http://a/x,http://***@h/y"]"#,
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
