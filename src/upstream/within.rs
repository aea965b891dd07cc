//! A deadline for what is nearly always ready.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

/// What comes of `future` within `limit`, `None` if nothing does. Tries once before it looks at the
/// clock: what is ready takes no timer.
pub async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let ready = std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    });
    match ready.await {
        Some(output) => Some(output),
        None => timeout(limit, future).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_ready_comes_and_what_is_not_has_its_time() {
        assert_eq!(within(Duration::ZERO, async { 1 }).await, Some(1));
        let later = tokio::task::yield_now();
        assert_eq!(within(Duration::from_secs(60), later).await, Some(()));
        let never = std::future::pending::<()>();
        assert_eq!(within(Duration::from_millis(1), never).await, None);
    }
}
