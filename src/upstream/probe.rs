//! The background task that asks each Overlord whether it leads.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep, timeout};

use super::leader::NodeState;
use super::{Overlords, Request, SendError};

/// Answered without credentials, and locally by every node (`RedirectFilter`).
const IS_LEADER: &str = "/druid/indexer/v1/isLeader";

/// Two probes of one node are at least this far apart, however often somebody asks for one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// A node that says nothing for this long is silent.
const PATIENCE: Duration = Duration::from_secs(3);

/// While nobody leads, nodes are asked this much more often.
const HURRY: u32 = 5;

impl Overlords {
    /// Probes all nodes until dropped: every `probe_interval`, and at once when a request met a
    /// node that does not lead.
    pub async fn probe(self: Arc<Self>) {
        let mut probes = tokio::task::JoinSet::new();
        for index in 0..self.settings.nodes.len() {
            probes.spawn(self.clone().probe_node(index));
        }
        while probes.join_next().await.is_some() {}
    }

    async fn probe_node(self: Arc<Self>, index: usize) {
        loop {
            let state = self.sight(index).await;
            self.view.send_if_modified(|view| {
                let before = view.leader();
                let changed = view.saw(index, state);
                if before != view.leader() {
                    match view
                        .leader()
                        .and_then(|leader| self.settings.nodes.get(leader))
                    {
                        Some(node) => {
                            tracing::info!(leader = node.authority(), "the leader changed")
                        }
                        None => tracing::warn!("no Overlord leads"),
                    }
                }
                changed
            });
            sleep(SHORTEST_PAUSE).await;
            let mut pause = self.settings.probe_interval;
            if self.view.borrow().leader().is_none() {
                pause /= HURRY;
            }
            let Some(wake) = self.wake.get(index) else {
                return;
            };
            // An elapsed pause and a wake-up are the same to us.
            let _ = timeout(pause.saturating_sub(SHORTEST_PAUSE), wake.notified()).await;
        }
    }

    async fn sight(self: &Arc<Self>, index: usize) -> NodeState {
        let request = Request::get(IS_LEADER);
        let deadline = Instant::now() + PATIENCE;
        let sent = match self.connect(index, deadline).await {
            Ok(connected) => self.send(connected, &request, deadline).await,
            Err(error) => Err(error),
        };
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(SendError::Late) => return NodeState::Silent,
            Err(SendError::NotSent(_) | SendError::NotFound(_) | SendError::Cut(_)) => {
                return NodeState::Unreachable;
            }
        };
        let status = answer.head.status;
        // Read to the end, so that the connection can serve the next probe.
        let _ = timeout(PATIENCE, answer.whole(4 << 10)).await;
        match status {
            StatusCode::OK => NodeState::Leading,
            StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => NodeState::Following,
            _ => NodeState::Unreachable,
        }
    }
}
