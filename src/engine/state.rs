//! Keeps what the loop knows of itself and of the witnesses.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::domain::lineage::Head;

/// What the loop leaves behind each time it comes round.
#[derive(Default)]
pub(crate) struct LoopProgress {
    pub(super) round: Option<Instant>,
    /// Since when the chat system has been away.
    pub(super) away_since: Option<Instant>,
}

impl LoopProgress {
    /// The loop has ended, and hangs no more.
    pub(crate) fn end(&mut self) {
        self.round = None;
    }

    /// The loop hangs since then.
    #[cfg(test)]
    pub(crate) fn hang(&mut self, since: Instant) {
        self.round = Some(since);
    }
}

/// What this process knows of the witnesses.
#[derive(Default)]
pub(crate) struct Witnesses {
    /// All channels were asked since the connection was last away.
    pub(super) asked: bool,
    /// The chat system has said hello before.
    pub(super) greeted: bool,
    /// Channels that could not be read, and why.
    pub(super) unread: BTreeMap<String, String>,
    /// When those are asked again.
    pub(super) again_at: Option<Instant>,
    /// The head of the audit trail before this process wrote to it, and the epoch of then.
    pub(super) opened_at: Option<(i64, Head)>,
}
