//! Answers that are reduced here leave as the client asked for them: with gzip where it wants that.
//!
//! The level is the fastest: a list of tasks shrinks to a tenth at any.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header;

use super::answer::Reply;
use crate::listener::Request;

/// Below this it is not worth a header.
pub(super) const SMALLEST: usize = 1_024;

/// Does the client take gzip? A coding with `q=0` is one that it does not take (RFC 9110, 12.5.3).
pub(super) fn wants_gzip(request: &Request) -> bool {
    let values = request.values("accept-encoding");
    let mut codings = values.flat_map(|value| value.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        is_gzip && weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0))
    })
}

/// A whole answer, compressed if the client wants that and it is worth it.
pub(super) fn compressed(request: &Request, reply: Reply, body: Bytes) -> (Reply, Bytes) {
    if body.len() < SMALLEST || !wants_gzip(request) {
        return (reply, body);
    }
    let mut gzip = Gzip::new();
    let mut shorter = gzip.take(&body);
    shorter.extend_from_slice(&gzip.end());
    (is_gzip(reply), shorter.into())
}

/// The header of a compressed answer.
pub(super) fn is_gzip(reply: Reply) -> Reply {
    reply
        .field(header::CONTENT_ENCODING, "gzip")
        .field(header::VARY, "Accept-Encoding")
}

/// Compresses what comes piece by piece.
pub(super) struct Gzip(GzEncoder<Vec<u8>>);

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip(GzEncoder::new(Vec::new(), Compression::fast()))
    }

    /// A piece, through the compressor if there is one; what comes out of it may be nothing yet.
    pub(super) fn push(gzip: Option<&mut Gzip>, piece: Vec<u8>) -> Bytes {
        match gzip {
            Some(gzip) => gzip.take(&piece).into(),
            None => piece.into(),
        }
    }

    fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        // A vector takes everything.
        let _wrote = self.0.write_all(piece);
        std::mem::take(self.0.get_mut())
    }

    /// What is left.
    pub(super) fn end(self) -> Bytes {
        self.0.finish().unwrap_or_default().into()
    }
}
