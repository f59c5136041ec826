//! Until when finished cards offer to restore accounts.

use chrono::DateTime;

use crate::domain::candidate::Candidate;
use crate::domain::ids::RequestId;
use crate::domain::request::Request;
use crate::request::Requests;
use crate::services::{WorkResult, lock};
use crate::wording::row_menu::undo_until;

/// A card whose offer ended longer ago than this while nothing ran keeps it; pressing it gets a sentence.
const DOWN_MAX: chrono::Duration = chrono::Duration::days(14);

impl Requests {
    /// A finished card stops offering to give accounts back by the clock: it is drawn again then. `drawn_after` is a
    /// moment before it was drawn: what ended since is still on it.
    pub(crate) fn undo_ends(
        &self,
        request: &Request,
        candidates: &[Candidate],
        drawn_after: DateTime<chrono::Utc>,
    ) {
        let Some(policy) = self.s.policy(&request.policy) else { return };
        let times = candidates.iter().filter_map(|candidate| undo_until(policy, candidate));
        let ends = times.filter(|at| *at > drawn_after).map(|at| (at, request.id));
        lock(&self.undo_ends).extend(ends);
        self.s.rows.rewind();
    }

    /// After a start: cards that offer to give accounts back, or did when this process was not there to end it.
    pub(crate) async fn look_at_finished_cards(&self) -> WorkResult<()> {
        let longest =
            self.s.policies.iter().map(|policy| policy.restore_button_for).max().unwrap_or_default();
        let since = self.s.clock.now() - longest - DOWN_MAX;
        let finished = self.s.store.completed_since(since).await?;
        lock(&self.turned).extend(finished);
        Ok(())
    }

    /// The requests whose cards offer less from now on.
    pub(crate) fn undo_ended(&self) -> Vec<RequestId> {
        let mut ends = lock(&self.undo_ends);
        let later = ends.split_off(&(self.s.clock.now(), RequestId(i64::MAX)));
        std::mem::replace(&mut *ends, later).into_iter().map(|(_, request)| request).collect()
    }

    /// When the next card offers less.
    pub(crate) fn next_undo_end(&self) -> Option<DateTime<chrono::Utc>> {
        lock(&self.undo_ends).first().map(|(at, _)| *at)
    }
}
