//! Exemptions end by the clock, and the channel hears of it before.

use chrono::{DateTime, Utc};

use super::App;
use super::messages::Identity;
use super::wording::exceptions;

impl App {
    /// Ends what is over, and gathers what ends soon into one message per policy.
    pub(super) async fn end_exemptions(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        self.store.lapse_exemptions(now).await?;
        for policy in &self.policies {
            self.store.notice_exemptions(&policy.name, policy.exemption_notice, now).await?;
        }
        Ok(())
    }

    /// Tells the channel of a batch of exemptions that end soon. Returns when to try again, if it could not be told.
    pub(super) async fn announce_ending(&self, batch: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let exemptions = self.store.exemption_batch(batch).await?;
        let policy = exemptions.first().and_then(|granted| self.policy(&granted.policy));
        if let Some(policy) = policy {
            let message = Identity {
                key: format!("exemptions:{batch}:ending"),
                channel: &policy.channel,
                thread: None,
                card_of: None,
            };
            let card = exceptions::ending_soon(&exemptions, self.clock.now());
            if let Some(at) = self.told(&message, &card).await? {
                return Ok(Some(at));
            }
        }
        self.store.exemptions_announced(batch, self.clock.now()).await?;
        Ok(None)
    }
}
