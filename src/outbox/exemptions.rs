//! Exemptions end by the clock, and the channel hears of it before.

use chrono::{DateTime, Utc};

use crate::outbox::{Identity, Outbox};
use crate::wording::exemptions;

impl Outbox {
    /// Ends what is over, and gathers what ends soon into one message per policy.
    /// What is wrong with one keeps nothing else waiting.
    pub(crate) async fn end_exemptions(&self) {
        let now = self.s.clock.now();
        if let Err(error) = self.s.store.lapse_exemptions(now).await {
            tracing::error!(%error, "can't end the exemptions that are over; none of them counts all the same");
        }
        for policy in &self.s.policies {
            let noticed = self.s.store.notice_exemptions(&policy.name, policy.exemption_notice, now).await;
            if let Err(error) = noticed {
                tracing::error!(policy = policy.name, %error, "can't tell which exemptions end soon");
            }
        }
    }

    /// Tells the channel of a batch of exemptions that end soon. Returns when to try again, if it could not be told.
    pub(crate) async fn announce_ending(&self, batch: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let mut exemptions = self.s.store.exemption_batch(batch).await?;
        // One that was lifted meanwhile ends no more.
        exemptions.retain(|granted| granted.is_open(self.s.clock.now()));
        let policy = exemptions.first().and_then(|granted| self.s.policy(&granted.policy));
        if let Some(policy) = policy {
            let message = Identity {
                key: format!("exemptions:{batch}:ending"),
                channel: &policy.channel,
                thread: None,
                card_of: None,
            };
            let card = exemptions::ending_soon(&exemptions, self.s.clock.now());
            if let Some(at) = self.told(&message, &card).await? {
                return Ok(Some(at));
            }
        }
        self.s.store.exemptions_announced(batch, self.s.clock.now()).await?;
        Ok(None)
    }
}
