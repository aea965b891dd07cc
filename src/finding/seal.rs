//! Answers of Druid without the secrets in them.
//!
//! A value that is hidden becomes [`MASK`], so that the answer stays JSON and what was hidden can be
//! told from what was not: a spec that is submitted with a mask in it would overwrite the secret,
//! and is refused ([`Code::MaskedSecret`](super::Code)).

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::secret::{DESCRIBING, is_secret_name, secrets_in, string_end};

/// What stands in the place of a secret. It needs no escape in JSON.
pub const MASK: &str = "<masked by overgate>";

/// The part of it that stays the same whoever writes the text again.
pub const MASK_WORDS: &str = "masked by overgate";

/// How deep texts that hold JSON are followed (`specString` is one, an audit's payload another).
const DEEPEST: usize = 3;

/// JSON without the values that stand under the name of a secret, and without what an address or a
/// text carries of the kind. `None`: there are none.
///
/// It goes over the bytes and not over a document: Druid's own answers can hold a key twice, and
/// what is no secret keeps its bytes.
pub fn sealed(text: &[u8]) -> Option<Vec<u8>> {
    let mut shown = Vec::new();
    let changed = seal(text, &mut shown, DEEPEST);
    changed.then_some(shown)
}

/// What the values of an array or object are.
#[derive(Clone, Copy, Default)]
struct Inside {
    is_secret: bool,
    /// Names of variables and the like: whatever they stand for, they are none.
    is_exempt: bool,
    /// What finds properties elsewhere.
    is_provider: bool,
}

fn seal(text: &[u8], shown: &mut Vec<u8>, depth: usize) -> bool {
    shown.reserve(text.len());
    let mut changed = false;
    let mut rest = text;
    // Of the value that follows, and of those of each array and object that is open.
    let mut value = Inside::default();
    let mut below = value;
    let mut open: Vec<Inside> = Vec::new();
    let mut is_formula = false;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' => {
                let (string, behind) = after.split_at(string_end(after));
                rest = behind.strip_prefix(b"\"").unwrap_or(behind);
                let is_key = rest.trim_ascii_start().starts_with(b":");
                if is_key {
                    let inside = open.last().copied().unwrap_or_default();
                    let name = unescaped(string);
                    let is_secret = inside.is_secret || is_secret_name(&name);
                    let is_map = name == "variables" && inside.is_provider;
                    let describes = is_map || name != "variables" && DESCRIBING.contains(&&*name);
                    value = Inside {
                        is_secret: is_secret && !inside.is_exempt && !describes,
                        is_exempt: inside.is_exempt || describes && name != "type",
                        is_provider: name == "druid.dynamic.config.provider",
                    };
                    // What describes is a text: an array or object in its place is as secret as ever.
                    below = if is_map || inside.is_exempt {
                        value
                    } else {
                        Inside {
                            is_secret,
                            is_exempt: false,
                            ..value
                        }
                    };
                    is_formula = matches!(&*name, "expression" | "expr" | "pattern" | "function");
                }
                shown.push(b'"');
                if is_key {
                    shown.extend_from_slice(string);
                } else if value.is_secret && !string.is_empty() || holds_key(string) {
                    shown.extend_from_slice(MASK.as_bytes());
                    changed = true;
                } else if is_formula || value.is_exempt {
                    shown.extend_from_slice(string);
                } else {
                    changed |= seal_string(string, shown, depth);
                }
                shown.push(b'"');
                continue;
            }
            b'[' | b'{' => open.push(below),
            b']' | b'}' => {
                open.pop();
                value = open.last().copied().unwrap_or_default();
                below = value;
            }
            b',' => {
                value = open.last().copied().unwrap_or_default();
                below = value;
                is_formula = false;
            }
            b'-' | b'0'..=b'9' if value.is_secret => {
                let is_part =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let end = rest.iter().position(|byte| !is_part(byte));
                rest = rest.get(end.unwrap_or(rest.len())..).unwrap_or_default();
                shown.push(b'"');
                shown.extend_from_slice(MASK.as_bytes());
                shown.push(b'"');
                changed = true;
                continue;
            }
            _ => {}
        }
        shown.push(byte);
        rest = after;
    }
    changed
}

/// Is there a private key in PEM in a text?
fn holds_key(string: &[u8]) -> bool {
    const END: &[u8] = b"PRIVATE KEY-----";
    string.windows(END.len()).any(|words| words == END)
}

fn unescaped(string: &[u8]) -> Cow<'_, str> {
    let name = String::from_utf8_lossy(string);
    if !name.contains('\\') {
        return name;
    }
    match serde_json::from_str::<String>(&format!("\"{name}\"")) {
        Ok(name) => Cow::Owned(name),
        Err(_) => name,
    }
}

/// A string that is no secret by its name: what it carries, and if it is JSON itself what is in that.
fn seal_string(string: &[u8], shown: &mut Vec<u8>, depth: usize) -> bool {
    // JSON, or a text with JSON in it: the statement of a query names its inputs so.
    let has_quotes = string.windows(2).any(|bytes| bytes == b"\\\"");
    if has_quotes && depth == 0 {
        // Nobody wrote JSON into texts so often.
        shown.extend_from_slice(MASK.as_bytes());
        return true;
    }
    if has_quotes {
        let text = unescaped(string);
        let mut inside = Vec::new();
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let changed = match is_json {
            true => seal(text.as_bytes(), &mut inside, depth - 1),
            // A statement or a message with JSON in it: all behind a name that says secret.
            false => seal_text(text.as_bytes(), &mut inside),
        };
        // As before, where nothing changed: its escapes may be others than ours.
        let written = changed.then(|| serde_json::to_string(&String::from_utf8_lossy(&inside)));
        match written {
            Some(Ok(written)) => {
                let inside = written
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                shown.extend_from_slice(inside.unwrap_or(MASK).as_bytes());
            }
            Some(Err(_)) => shown.extend_from_slice(MASK.as_bytes()),
            None => shown.extend_from_slice(string),
        }
        return changed;
    }
    seal_text(string, shown)
}

/// A text without what it carries.
fn seal_text(string: &[u8], shown: &mut Vec<u8>) -> bool {
    let mut at = 0;
    for secret in secrets_in(string) {
        let is_query = secret
            .start
            .checked_sub(1)
            .and_then(|sign| string.get(sign))
            == Some(&b'?');
        let carried = string.get(secret.clone()).unwrap_or_default();
        if secret.start < at {
            continue;
        }
        if is_query && !signs(carried) {
            // What follows an address may be more than its query.
            let mut behind = Vec::new();
            if seal_text(carried, &mut behind) {
                shown.extend_from_slice(string.get(at..secret.start).unwrap_or_default());
                shown.extend_from_slice(&behind);
                at = secret.end;
            }
            continue;
        }
        shown.extend_from_slice(string.get(at..secret.start).unwrap_or_default());
        shown.extend_from_slice(MASK.as_bytes());
        at = secret.end;
    }
    shown.extend_from_slice(string.get(at..).unwrap_or_default());
    at > 0
}

/// Does the query of an address carry a secret or a signature?
fn signs(query: &[u8]) -> bool {
    let mut parameters = query.split(|byte| matches!(byte, b'&' | b';'));
    parameters.any(|parameter| {
        let name = parameter
            .split(|byte| *byte == b'=')
            .next()
            .unwrap_or_default();
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        name.contains("sig") || name.contains("auth") || name == "code" || is_secret_name(&name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test reads the clock")]
    fn texts_that_were_made_to_cost_do_not() {
        for piece in ["=//", "://", ":", "a?", "\\\"", "x=1?"] {
            let text = format!("[\"{}\"]", piece.repeat(1 << 20));
            let begun = std::time::Instant::now();
            let _sealed = sealed(text.as_bytes());
            // Some hundred milliseconds in a debug build; what grows with the square takes hours.
            assert!(begun.elapsed().as_secs() < 20, "{piece}");
        }
    }

    #[test]
    fn secrets_are_hidden_and_the_rest_keeps_its_bytes() {
        for (text, shown) in [
            (
                r#"{"a": 1.50 ,"password":"x\"y","b":["c"]}"#,
                Some(r#"{"a": 1.50 ,"password":"<masked by overgate>","b":["c"]}"#),
            ),
            (
                r#"{"type":"kafka","type":"noop","password":5,"pwd":-1.5e3,"x":2}"#,
                Some(
                    r#"{"type":"kafka","type":"noop","password":"<masked by overgate>","pwd":"<masked by overgate>","x":2}"#,
                ),
            ),
            (
                r#"{"secret":{"a":["b",{"c":"d"}],"e":null},"f":"g"}"#,
                Some(
                    r#"{"secret":{"a":["<masked by overgate>",{"c":"<masked by overgate>"}],"e":null},"f":"g"}"#,
                ),
            ),
            (
                r#"{"password":{"type":"environment","variable":"P"}}"#,
                None,
            ),
            (
                r#"{"password":{"type":"default","password":"x"}}"#,
                Some(r#"{"password":{"type":"default","password":"<masked by overgate>"}}"#),
            ),
            (r#"{"password":""}"#, None),
            (r#"{"password":null,"secret":true}"#, None),
            (
                r#"{"pass\u0077ord":"x"}"#,
                Some(r#"{"pass\u0077ord":"<masked by overgate>"}"#),
            ),
            (
                r#"["http://u:p@h/x","https://h/x?y=1","https://h/x?X-Amz-Signature=ab&y=1"]"#,
                Some(
                    r#"["http://<masked by overgate>@h/x","https://h/x?y=1","https://h/x?<masked by overgate>"]"#,
                ),
            ),
            (
                r#"{"sasl.jaas.config":"x","a":"Module required user=\"u\" password=\"p\";"}"#,
                Some(
                    r#"{"sasl.jaas.config":"<masked by overgate>","a":"Module required user=\"u\" password=<masked by overgate>"}"#,
                ),
            ),
            (
                r#"{"specString":"{\"password\":\"x\",\"a\":\"\u00e4\"}"}"#,
                Some(r#"{"specString":"{\"password\":\"<masked by overgate>\",\"a\":\"ä\"}"}"#),
            ),
            (r#"{"specString":"{\"a\":\"\u00e4\"}"}"#, None),
            (
                r#"{"payload":"{\"spec\":\"{\\\"password\\\":\\\"x\\\"}\"}"}"#,
                Some(
                    r#"{"payload":"{\"spec\":\"{\\\"password\\\":\\\"<masked by overgate>\\\"}\"}"}"#,
                ),
            ),
            (r#"{"id":"a","b":[1,2,{"c":"d"}]}"#, None),
            (
                r#"{"variable":{"password":"x"},"password":{"type":{"a":"x"}}}"#,
                Some(
                    r#"{"variable":{"password":"<masked by overgate>"},"password":{"type":{"a":"<masked by overgate>"}}}"#,
                ),
            ),
            (
                r#"[{"password":[["x"],{"type":"environment","variable":"P"}]}]"#,
                Some(
                    r#"[{"password":[["<masked by overgate>"],{"type":"environment","variable":"P"}]}]"#,
                ),
            ),
            (
                r#"{"variables":{"password":"x"}}"#,
                Some(r#"{"variables":{"password":"<masked by overgate>"}}"#),
            ),
            (
                r#"["GET http://h/x?y=1 failed, password=x","http://h/x?useSSL=true,password=x"]"#,
                Some(
                    r#"["GET http://h/x?y=1 failed, password=<masked by overgate>","http://h/x?useSSL=true,password=<masked by overgate>"]"#,
                ),
            ),
            (
                r#"["SELECT 1 FROM TABLE(EXTERN('{\"password\":\"a\"}')), TABLE(S3(secretAccessKey => 'LEAK'))"]"#,
                Some(r#"["SELECT 1 FROM TABLE(EXTERN('{\"password\":<masked by overgate>"]"#),
            ),
            (
                r#"{"druid.dynamic.config.provider":{"type":"environment","variables":{"sasl.jaas.config":"JAAS"}},"pwd":"x"}"#,
                Some(
                    r#"{"druid.dynamic.config.provider":{"type":"environment","variables":{"sasl.jaas.config":"JAAS"}},"pwd":"<masked by overgate>"}"#,
                ),
            ),
            (
                r#"{"sasl.oauthbearer.token.endpoint.url":"https://h/x"}"#,
                None,
            ),
            (r#"{"expression":"concat('token: ', \"a\")"}"#, None),
            (
                r#"{"query":"INSERT INTO a SELECT \"x\" FROM TABLE(EXTERN('{\"type\":\"s3\",\"properties\":{\"secretAccessKey\":\"t\"}}'))"}"#,
                Some(
                    r#"{"query":"INSERT INTO a SELECT \"x\" FROM TABLE(EXTERN('{\"type\":\"s3\",\"properties\":{\"secretAccessKey\":<masked by overgate>"}"#,
                ),
            ),
            (
                r#"{"ssl.keystore.key":"x","a":"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"}"#,
                Some(r#"{"ssl.keystore.key":"<masked by overgate>","a":"<masked by overgate>"}"#),
            ),
            (
                r#"{"headers":{"X-Auth":"x"},"fs.azure.sas.container":"y"}"#,
                Some(
                    r#"{"headers":{"X-Auth":"<masked by overgate>"},"fs.azure.sas.container":"<masked by overgate>"}"#,
                ),
            ),
        ] {
            let sealed = sealed(text.as_bytes());
            let sealed = sealed.as_deref().map(String::from_utf8_lossy);
            assert_eq!(sealed.as_deref(), shown, "{text}");
        }
    }
}
