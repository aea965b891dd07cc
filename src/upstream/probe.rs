//! The background task that asks each Overlord whether it leads.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep, timeout};

use super::leader::NodeState;
use super::{Overlords, Request, SendError};

/// Answered without credentials, and locally by every node (`RedirectFilter`).
const IS_LEADER: &str = "/druid/indexer/v1/isLeader";

/// Answered locally, too, but only once Druid has taken the login: 401 without, 403 to an account
/// without rights (run on 28.0.0 with its basic security).
const LEADER: &str = "/druid/indexer/v1/leader";

/// Two probes of one node are at least this far apart, however often somebody asks for one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// A connection that a node has closed stays at most this long.
const LONGEST_SWEEP: Duration = Duration::from_secs(1);

/// A node that says nothing for this long is silent.
const PATIENCE: Duration = Duration::from_secs(3);

/// While nobody leads, nodes are asked this much more often.
const HURRY: u32 = 5;

/// Closes the connections that wait when it is dropped.
struct Emptied(Arc<Overlords>);

impl Drop for Emptied {
    fn drop(&mut self) {
        self.0.pool.clear();
    }
}

impl Overlords {
    /// Probes all nodes until dropped: every `probe_interval`, and at once when a request met a
    /// node that does not lead.
    pub async fn probe(self: Arc<Self>) {
        // Who ends the probing wants these nodes no more.
        let _emptied = Emptied(self.clone());
        let mut probes = tokio::task::JoinSet::new();
        probes.spawn(self.clone().sweep());
        for index in 0..self.settings.nodes.len() {
            probes.spawn(self.clone().probe_node(index));
        }
        while probes.join_next().await.is_some() {}
    }

    /// Closes connections that nobody has used for too long, and those that a node has closed.
    async fn sweep(self: Arc<Self>) {
        let pause = (self.settings.idle_timeout / 2).clamp(SHORTEST_PAUSE, LONGEST_SWEEP);
        loop {
            sleep(pause).await;
            for index in 0..self.settings.nodes.len() {
                self.pool.sweep(index);
            }
        }
    }

    async fn probe_node(self: Arc<Self>, index: usize) {
        let mut told = String::new();
        loop {
            let state = match self.sight(index).await {
                Ok(state) => {
                    told.clear();
                    state
                }
                Err(error) => {
                    self.tell(index, &error, &mut told);
                    NodeState::Unreachable
                }
            };
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
            if state == NodeState::Leading {
                self.try_login(index).await;
            }
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

    /// Says why a node cannot be asked, once for each reason.
    fn tell(&self, index: usize, error: &SendError, told: &mut String) {
        let reason = reason(error);
        // The port that we came from stands in it, and is another each time.
        let kind: String = reason.chars().filter(|c| !c.is_ascii_digit()).collect();
        if *told != kind
            && let Some(node) = self.settings.nodes.get(index)
        {
            let overlord = node.authority();
            match distrust(&reason) {
                Some(reason) => {
                    tracing::warn!(
                        overlord,
                        reason,
                        "an Overlord's certificate is not believed"
                    );
                }
                None => {
                    tracing::warn!(
                        overlord,
                        tls = node.tls,
                        reason,
                        "an Overlord cannot be asked"
                    );
                }
            }
            *told = kind;
        }
    }

    /// How a node looks.
    ///
    /// # Errors
    /// It cannot be asked at all.
    async fn sight(self: &Arc<Self>, index: usize) -> Result<NodeState, SendError> {
        Ok(match self.status(index, IS_LEADER).await? {
            None => NodeState::Silent,
            Some(StatusCode::OK) => NodeState::Leading,
            Some(StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE) => NodeState::Following,
            Some(_) => NodeState::Unreachable,
        })
    }

    /// Does the leader take the gateway's login? `/isLeader` tells everybody who leads, so that a
    /// wrong password would show in nothing but the answers to clients.
    async fn try_login(self: &Arc<Self>, index: usize) {
        // Who says nothing, says nothing about the login.
        let Ok(Some(status)) = self.status(index, LEADER).await else {
            return;
        };
        let accepted = status != StatusCode::UNAUTHORIZED;
        let before = self.login.send_replace(Some(accepted));
        let Some(node) = self.settings.nodes.get(index) else {
            return;
        };
        let overlord = node.authority();
        if !accepted && before != Some(false) {
            tracing::warn!(overlord, "Druid refuses the gateway's own credentials");
        } else if accepted && before == Some(false) {
            tracing::info!(overlord, "Druid takes the gateway's own credentials");
        }
    }

    /// The status of a GET; `None`: no answer in time.
    ///
    /// # Errors
    /// It cannot be asked at all.
    async fn status(
        self: &Arc<Self>,
        index: usize,
        target: &str,
    ) -> Result<Option<StatusCode>, SendError> {
        let request = Request::get(target);
        let deadline = Instant::now() + PATIENCE;
        let sent = match self.connect(index, deadline).await {
            Ok(connected) => self.send(connected, &request, deadline).await,
            Err(error) => Err(error),
        };
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(SendError::Late) => return Ok(None),
            Err(
                error @ (SendError::NotSent(_)
                | SendError::NotFound(_)
                | SendError::Cut(_)
                | SendError::Unreadable(_)),
            ) => {
                return Err(error);
            }
        };
        let status = answer.head.status;
        // Read to the end, so that the connection can serve the next probe.
        let _ = timeout(PATIENCE, answer.whole(4 << 10)).await;
        Ok(Some(status))
    }
}

/// An error with its causes, in one line.
fn reason(error: &SendError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What rustls has against a node's certificate, out of all that Pingora puts around it.
fn distrust(reason: &str) -> Option<&str> {
    let (_, reason) = reason.split_once("invalid peer certificate: ")?;
    let end = reason.find(", SNI: ").unwrap_or(reason.len());
    reason.get(..end)
}
