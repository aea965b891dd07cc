//! Which Overlord leads: a state machine over what was seen of each node, without I/O.

/// What was last seen of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// Nothing yet.
    Unknown,
    /// `/isLeader` said 200.
    Leading,
    /// `/isLeader` said 404: another leads, or this one is being elected and is not ready.
    Following,
    /// It takes connections and does not answer in time.
    Silent,
    /// It refuses connections, closes them, or answers what no Overlord answers.
    Unreachable,
    /// It led, and then redirected, was not ready, or cut an answer.
    Distrusted,
}

impl NodeState {
    /// The state's name in logs, metrics and `/status`.
    pub fn name(self) -> &'static str {
        match self {
            NodeState::Unknown => "unknown",
            NodeState::Leading => "leading",
            NodeState::Following => "following",
            NodeState::Silent => "silent",
            NodeState::Unreachable => "unreachable",
            NodeState::Distrusted => "distrusted",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NodeView {
    state: NodeState,
    /// When it claimed to lead: a count of claims, not a time.
    claim: Option<u64>,
}

/// What is known of all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderView {
    nodes: Vec<NodeView>,
    claims: u64,
}

impl LeaderView {
    /// Nothing is known of `count` nodes.
    pub fn new(count: usize) -> LeaderView {
        LeaderView {
            nodes: vec![
                NodeView {
                    state: NodeState::Unknown,
                    claim: None
                };
                count
            ],
            claims: 0,
        }
    }

    /// The state of each node.
    pub fn states(&self) -> impl Iterator<Item = NodeState> + '_ {
        self.nodes.iter().map(|node| node.state)
    }

    /// The node to send to.
    ///
    /// Two can say that they lead: a node that was stopped for longer than its ZooKeeper session
    /// says so once more when it wakes up (run on Druid 28.0.0). The newer claim counts.
    pub fn leader(&self) -> Option<usize> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.state == NodeState::Leading)
            .max_by_key(|(_, node)| node.claim)
            .map(|(index, _)| index)
    }

    /// Takes note of a probe's result; tells whether anything has changed.
    pub fn saw(&mut self, index: usize, state: NodeState) -> bool {
        let claims = self.claims;
        let Some(node) = self.nodes.get_mut(index) else {
            return false;
        };
        // A leader that is slow to answer a probe still leads; another's claim is newer if not.
        if node.state == NodeState::Leading && state == NodeState::Silent {
            return false;
        }
        if state == NodeState::Leading {
            // Who was last seen leading has claimed nothing new by coming back: only a node that
            // was seen following has been elected since.
            if node.state != NodeState::Leading && node.claim.is_none() {
                node.claim = Some(claims);
                self.claims = claims + 1;
            }
        } else if state == NodeState::Following {
            node.claim = None;
        }
        let changed = node.state != state;
        node.state = state;
        changed
    }

    /// Stops sending to a node until a probe says again that it leads.
    pub fn distrust(&mut self, index: usize) -> bool {
        match self.nodes.get_mut(index) {
            Some(node) if node.state == NodeState::Leading => {
                node.state = NodeState::Distrusted;
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use NodeState::{Following, Leading, Silent, Unreachable};

    use super::*;

    fn after(sightings: &[(usize, NodeState)]) -> LeaderView {
        let mut view = LeaderView::new(2);
        for (node, state) in sightings {
            view.saw(*node, *state);
        }
        view
    }

    #[test]
    fn the_leader_is_who_says_so_last() {
        type Sightings<'a> = &'a [(usize, NodeState)];
        let cases: &[(Sightings<'_>, Option<usize>)] = &[
            (&[], None),
            (&[(0, Following), (1, Following)], None),
            (&[(0, Leading), (1, Following)], Some(0)),
            // Election: both follow for a while.
            (&[(0, Leading), (0, Unreachable), (1, Following)], None),
            (
                &[(0, Leading), (0, Unreachable), (1, Following), (1, Leading)],
                Some(1),
            ),
            // A stopped leader wakes up after its session and says once more that it leads.
            (
                &[
                    (0, Leading),
                    (1, Following),
                    (1, Leading),
                    (0, Silent),
                    (0, Leading),
                ],
                Some(1),
            ),
            (
                &[(0, Leading), (0, Unreachable), (1, Leading), (0, Leading)],
                Some(1),
            ),
            // Re-elected: it was seen following in between.
            (
                &[(0, Leading), (1, Leading), (0, Following), (0, Leading)],
                Some(0),
            ),
            // A slow answer to a probe is no loss of the lead.
            (&[(0, Leading), (0, Silent)], Some(0)),
            (&[(0, Silent)], None),
            // Out of range.
            (&[(7, Leading)], None),
        ];
        for (sightings, leader) in cases {
            assert_eq!(after(sightings).leader(), *leader, "{sightings:?}");
        }
    }

    #[test]
    fn a_distrusted_leader_must_say_it_again() {
        let mut view = after(&[(0, Leading), (1, Following)]);
        assert!(view.distrust(0));
        assert!(!view.distrust(0), "nothing changes twice");
        assert!(!view.distrust(1), "only a leader is trusted");
        assert_eq!(view.leader(), None);
        assert!(view.saw(0, Leading));
        assert_eq!(view.leader(), Some(0));
    }
}
