//! A connection whose small writes are joined: header and body of an answer leave in one segment.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, Ssl, UniqueID,
    UniqueIDType,
};
use pingora::protocols::{SocketDigest, TimingDigest};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufWriter, ReadBuf};

use super::chunks::{Chunks, Malformed};

/// Answers up to this size leave in one write.
const WRITE_BUFFER: usize = 4 * 1024;

/// A stream of Pingora's with a write buffer; Pingora flushes at the end of every answer.
#[derive(Debug)]
pub(super) struct Joined<S> {
    inner: BufWriter<S>,
    body: Watched,
}

/// The chunked body that is being read from a connection, if there is one: its bytes are checked
/// on their way to Pingora.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched(Arc<Mutex<Option<Chunks>>>);

impl Watched {
    /// Watches another body, or none.
    pub(super) fn set(&self, body: Option<Chunks>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }

    fn push(&self, bytes: &[u8]) -> Result<(), Malformed> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(chunks) => chunks.push(bytes),
            None => Ok(()),
        }
    }
}

impl<S: IO> Joined<S> {
    pub(super) fn new(stream: S, body: Watched) -> Joined<S> {
        Joined {
            inner: BufWriter::with_capacity(WRITE_BUFFER, stream),
            body,
        }
    }
}

impl<S: IO> AsyncRead for Joined<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(self.inner.get_mut()).poll_read(cx, buf);
        if let Err(malformed) = self
            .body
            .push(buf.filled().get(before..).unwrap_or_default())
        {
            buf.set_filled(before);
            let error = io::Error::new(io::ErrorKind::InvalidData, malformed);
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl<S: IO> AsyncWrite for Joined<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[async_trait]
impl<S: IO> Shutdown for Joined<S> {
    async fn shutdown(&mut self) {
        // A peer that is gone already cannot be told good-bye.
        let _ = self.inner.flush().await;
        Shutdown::shutdown(self.inner.get_mut()).await;
    }
}

#[async_trait]
impl<S: IO> Peek for Joined<S> {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.inner.get_mut().try_peek(buf).await
    }
}

impl<S: IO> UniqueID for Joined<S> {
    fn id(&self) -> UniqueIDType {
        self.inner.get_ref().id()
    }
}

impl<S: IO> Ssl for Joined<S> {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ref().get_ssl_digest()
    }
}

impl<S: IO> GetTimingDigest for Joined<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_ref().get_timing_digest()
    }
}

impl<S: IO> GetProxyDigest for Joined<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_ref().get_proxy_digest()
    }
}

impl<S: IO> GetSocketDigest for Joined<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_ref().get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.get_mut().set_socket_digest(digest);
    }
}
