//! An answer that goes down piece by piece: the Overlord's own as it comes, or one that is here.

use std::sync::Arc;

use bytes::Bytes;
use http::header;

use crate::upstream::{Answer, Head, ReadError, Whole};

/// As much as is reduced or compressed at a time: a client takes that much memory of an answer
/// that all share.
const PIECE: usize = 64 * 1024;

/// Where the pieces come from.
pub(super) enum Pieces {
    /// The Overlord.
    Upstream(Box<Answer>),
    /// What it has said, and how much of it has gone down.
    Here(Arc<Whole>, usize),
}

impl Pieces {
    pub(super) fn head(&self) -> &Head {
        match self {
            Pieces::Upstream(answer) => &answer.head,
            Pieces::Here(whole, _) => &whole.head,
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        match self {
            Pieces::Upstream(answer) => answer.chunk().await,
            Pieces::Here(whole, at) => {
                let end = whole.body.len().min(*at + PIECE);
                let piece = whole.body.slice(*at..end);
                *at = end;
                Ok(Some(piece).filter(|piece| !piece.is_empty()))
            }
        }
    }

    /// The rest, up to `limit` bytes.
    pub(super) async fn rest(&mut self, limit: usize) -> Result<Bytes, ReadError> {
        match self {
            Pieces::Upstream(answer) => answer.whole(limit).await,
            Pieces::Here(whole, at) => Ok(whole.body.slice(*at..)),
        }
    }

    /// How many bytes there are, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Pieces::Upstream(answer) => {
                let length = answer.head.headers.get(header::CONTENT_LENGTH);
                length.and_then(|value| value.to_str().ok()?.parse().ok())
            }
            Pieces::Here(whole, _) => Some(whole.body.len() as u64),
        }
    }

    /// Was it asked for as it is, not compressed as the client wants it?
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Pieces::Here(..))
    }
}
