//! What the test binaries share: an HTTP/1 client that shows every byte, and a gateway in process
//! before an embedded Overlord.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod client;
pub mod rig;
pub mod tls;
pub mod tokens;

use std::time::Duration;

/// How long something may take to come true. Generous: a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `check` gives a value.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(value) = check().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    match waited.await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}
