//! What a token says, read strictly. Nothing here is believed yet.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::json::{Document, Kind, Limits, Node};

/// The longest token, in bytes.
const LONGEST: usize = 8 * 1024;

/// Bounds of header and claims.
const LIMITS: Limits = Limits {
    depth: 16,
    values: 2_000,
};

/// Times are whole seconds of this range: up to the year 9999.
const TIMES: std::ops::RangeInclusive<i64> = 0..=253_402_300_799;

/// A token in its parts.
pub(super) struct Token {
    header: Document,
    claims: Document,
}

impl Token {
    /// Takes a token apart: three parts of base64url without padding, the first two of them JSON
    /// objects without duplicate keys.
    pub(super) fn read(text: &str) -> Option<Token> {
        if text.len() > LONGEST {
            return None;
        }
        let mut parts = text.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || signature.is_empty() {
            return None;
        }
        URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Token {
            header: object(header)?,
            claims: object(claims)?,
        })
    }

    /// `alg`, if this is a token that can be checked: no extension that must be understood
    /// (`crit`), and no other kind of token.
    pub(super) fn algorithm(&self) -> Option<Cow<'_, str>> {
        let header = self.header.root();
        if header.get("crit").is_some() {
            return None;
        }
        if let Some(kind) = header.get("typ") {
            let kind = kind.as_str()?;
            let known = ["JWT", "at+jwt"];
            if !known.iter().any(|known| known.eq_ignore_ascii_case(&kind)) {
                return None;
            }
        }
        header.get("alg")?.as_str()
    }

    /// `kid`: `Some(None)` if there is none, `None` if it is no string.
    pub(super) fn key_id(&self) -> Option<Option<Cow<'_, str>>> {
        match self.header.root().get("kid") {
            None => Some(None),
            Some(id) => id.as_str().map(Some),
        }
    }

    pub(super) fn issuer(&self) -> Option<Cow<'_, str>> {
        self.claims.root().get("iss")?.as_str()
    }

    /// Is one of `audiences` meant?
    pub(super) fn is_for(&self, audiences: &[String]) -> bool {
        let Some(node) = self.claims.root().get("aud") else {
            return false;
        };
        let is_ours = |text: Option<Cow<'_, str>>| {
            text.is_some_and(|text| audiences.iter().any(|audience| *audience == text))
        };
        match node.kind() {
            Kind::String => is_ours(node.as_str()),
            Kind::Array => {
                node.elements().all(|each| each.kind() == Kind::String)
                    && node.elements().any(|each| is_ours(each.as_str()))
            }
            Kind::Null | Kind::Boolean | Kind::Number | Kind::Object => false,
        }
    }

    /// `exp`, which must be there.
    pub(super) fn expires(&self) -> Option<i64> {
        time(self.claims.root().get("exp")?)
    }

    /// `nbf`: `Some(None)` if there is none, `None` if it is no time.
    pub(super) fn begins(&self) -> Option<Option<i64>> {
        match self.claims.root().get("nbf") {
            None => Some(None),
            Some(begin) => time(begin).map(Some),
        }
    }

    /// A claim that is a string.
    pub(super) fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        self.find(path)?.as_str()
    }

    /// A claim that is a string or a list of strings.
    pub(super) fn list(&self, path: &str) -> Vec<Cow<'_, str>> {
        let Some(node) = self.find(path) else {
            return Vec::new();
        };
        match node.as_str() {
            Some(one) => vec![one],
            None => node.elements().filter_map(Node::as_str).collect(),
        }
    }

    /// A claim by its whole name, which may have dots (`https://example.com/roles`), or by a
    /// dotted path.
    fn find(&self, path: &str) -> Option<Node<'_>> {
        let claims = self.claims.root();
        let walk = || {
            path.split('.')
                .try_fold(claims, |node, name| node.get(name))
        };
        claims.get(path).or_else(walk)
    }
}

fn object(encoded: &str) -> Option<Document> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let document = Document::read(Bytes::from(bytes), &LIMITS).ok()?;
    (document.root().kind() == Kind::Object).then_some(document)
}

/// A whole number of seconds. A string, a fraction or a number of the year 10000 is none: what
/// another reader would make of it is not known (CVE-2026-25537: a string was passed over).
fn time(node: Node<'_>) -> Option<i64> {
    node.as_i64().filter(|time| TIMES.contains(time))
}
