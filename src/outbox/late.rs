//! Reports sweeps that do not end. A row counts a sweep's age from its first try, over restarts and reloads of the
//! configuration: a sweep that is begun again and again shows like one that hangs.

use chrono::{DateTime, Utc};

use crate::outbox::{Identity, Outbox};
use crate::reports::overview::is_late;
use crate::wording::notices;

impl Outbox {
    /// Tells the policy's channel once that a sweep has not ended.
    pub(crate) async fn tell_late_sweep(&self, id: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(sweep) = self.s.store.sweep(id).await? else { return Ok(None) };
        let Some(policy) = self.s.policy(&sweep.policy) else { return Ok(None) };
        if !is_late(&sweep, policy, self.s.clock.now()) {
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
