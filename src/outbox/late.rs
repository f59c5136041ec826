//! Reports sweeps that do not end. A row counts a sweep's age from its first try, over restarts and reloads of the
//! configuration: a sweep that is begun again and again shows like one that hangs.

use chrono::{DateTime, Utc};

use crate::domain::policy::Policy;
use crate::domain::schedule;
use crate::domain::sweep::late_at;
use crate::outbox::Identity;
use crate::services::App;
use crate::store::{StoreError, SweepRow, SweepState};
use crate::wording::notices;

impl App {
    /// Returns the sweeps that should have ended by now, oldest first.
    pub(crate) async fn late_sweeps(&self, now: DateTime<Utc>) -> Result<Vec<SweepRow>, StoreError> {
        let mut late = Vec::new();
        for id in self.store.unfinished_sweeps().await? {
            let Some(sweep) = self.store.sweep(id).await? else { continue };
            if self.policy(&sweep.policy).is_some_and(|policy| is_late(&sweep, policy, now)) {
                late.push(sweep);
            }
        }
        Ok(late)
    }

    /// Tells the policy's channel once that a sweep has not ended.
    pub(crate) async fn tell_late_sweep(&self, id: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(sweep) = self.store.sweep(id).await? else { return Ok(None) };
        let Some(policy) = self.policy(&sweep.policy) else { return Ok(None) };
        if !is_late(&sweep, policy, self.clock.now()) {
            return Ok(None);
        }
        let message = Identity {
            key: format!("sweep:{id}:late"),
            channel: &policy.channel,
            thread: None,
            card_of: None,
        };
        self.told(&message, &notices::sweep_late(&sweep.policy, sweep.started_at)).await
    }
}

/// Returns whether the sweep should have ended by now.
pub(crate) fn is_late(sweep: &SweepRow, policy: &Policy, now: DateTime<Utc>) -> bool {
    let next_slot = schedule::next_slot(&policy.schedule, sweep.started_at);
    sweep.state == SweepState::Started && late_at(sweep.started_at, next_slot) <= now
}
