//! The digest in the channel: once per slot, however often the process restarts.

use chrono::{DateTime, Utc};

use crate::domain::digest;
use crate::outbox::{Identity, Outbox};
use crate::wording::digest as wording;

impl Outbox {
    /// Makes the digest of each policy whose latest slot has none yet. What is wrong with one keeps no other waiting.
    pub(crate) async fn start_owed_digests(&self) {
        for policy in self.s.policies.iter().filter(|policy| policy.digest.is_some()) {
            let start = async {
                let now = self.s.clock.now();
                let known = self.s.store.know_policy(&policy.name, now).await?;
                match digest::owed(policy, known.first_seen_at, now) {
                    Some(owed) => self.s.store.start_digest(&policy.name, owed).await,
                    None => Ok(()),
                }
            };
            if let Err(error) = start.await {
                tracing::error!(policy = policy.name, %error, "can't start the digest that is owed");
            }
        }
    }

    /// Tells the channel. Returns when to try again, if it could not be told.
    pub(crate) async fn tell_digest(&self, id: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(row) = self.s.store.digest(id).await? else {
            return Ok(None);
        };
        let policy = self.s.policy(&row.policy).and_then(|policy| Some((policy, policy.digest.as_ref()?)));
        // Without a policy there is no channel, and nobody wants to know.
        if let Some((policy, digest)) = policy {
            let now = self.s.clock.now();
            let mut ending = self.s.store.open_exemptions(vec![policy.name.clone()], now).await?;
            let until = row.until + (row.until - row.since);
            ending.retain(|granted| granted.in_force(now) && granted.ends_at <= until);
            let view = wording::View {
                policy: &policy.name,
                period: digest.period,
                since: row.since,
                until: row.until,
                tally: &self.s.store.tally(&policy.name, row.since, row.until).await?,
                open: self.s.store.open_requests(Some(&policy.name)).await?.len(),
                ending: ending.len(),
                trend: self.reports.trend(policy).await?,
            };
            let message = Identity {
                key: format!("digest:{id}"),
                channel: &policy.channel,
                thread: None,
                card_of: None,
            };
            if let Some(at) = self.told(&message, &wording::card(&view)).await? {
                return Ok(Some(at));
            }
        }
        self.s.store.digest_told(id).await?;
        Ok(None)
    }
}
