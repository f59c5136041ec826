//! Emergency stops: telling the channel of them, once each, and at every sweep that does not start because of one.

use chrono::{DateTime, Utc};

use crate::chat::Card;
use crate::domain::pause::Pause;
use crate::domain::policy::Policy;
use crate::domain::schedule;
use crate::outbox::{Identity, Outbox};
use crate::wording::pauses;

impl Outbox {
    /// Tells what there is to tell of a pause. Returns when to try again, if it could not be told.
    pub(crate) async fn tell_pause(&self, id: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(pause) = self.s.store.pause_by_id(id).await? else {
            return Ok(None);
        };
        if let Some(policy) = self.s.policy(&pause.policy) {
            if let Some(at) = self.tell_of(policy, &pause, "began", &pauses::began(&pause)).await? {
                return Ok(Some(at));
            }
            match &pause.ended {
                Some(by) => {
                    if let Some(at) =
                        self.tell_of(policy, &pause, "ended", &pauses::ended(&pause, by)).await?
                    {
                        return Ok(Some(at));
                    }
                }
                None => return self.tell_of_missed_sweep(policy, &pause).await,
            }
        }
        self.s.store.pause_told(id).await?;
        Ok(None)
    }

    async fn tell_of_missed_sweep(
        &self,
        policy: &Policy,
        pause: &Pause,
    ) -> anyhow::Result<Option<DateTime<Utc>>> {
        // What was owed before the pause began isn't missed for it.
        let Some(slot) = schedule::owed_slot(policy, pause.began.at, self.s.clock.now()) else {
            return Ok(None);
        };
        let which = format!("slot:{}", slot.timestamp());
        self.tell_of(policy, pause, &which, &pauses::no_sweep(pause, slot)).await
    }

    async fn tell_of(
        &self,
        policy: &Policy,
        pause: &Pause,
        which: &str,
        card: &Card,
    ) -> anyhow::Result<Option<DateTime<Utc>>> {
        let key = format!("pause:{}:{which}", pause.id);
        self.told(&Identity { key, channel: &policy.channel, thread: None, card_of: None }, card).await
    }
}
