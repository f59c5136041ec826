//! Decides where each look at the provider's log begins, and what is remembered of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::account::AccountId;
use crate::domain::provider::ProviderName;
use crate::domain::sighting::{Memory, SecondLook, Sighting, known};
use crate::request::Requests;
use crate::store::StoreError;

impl Requests {
    /// Returns where a look for this account begins: a little before the end of the last one. `None`: as far back as
    /// the log is kept.
    pub(crate) async fn look_from(
        &self,
        account: &AccountId,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.memory_of(account).await?.and_then(|memory| memory.next_look(now)))
    }

    /// Returns what is known of the account after a look at it alone, which began at `now`. Remembered if it is news.
    pub(crate) async fn after_look(
        &self,
        provider: &ProviderName,
        account: &AccountId,
        look: &SecondLook,
        now: DateTime<Utc>,
    ) -> Result<SecondLook, StoreError> {
        let before = self.memory_of(account).await?;
        let after = known(before.as_ref(), look, now);
        let latest = before.as_ref().and_then(|memory| memory.latest.as_ref()).map(|(at, _)| *at);
        let is_news = match look {
            SecondLook::Seen(seen) => latest.is_none_or(|latest| seen.at > latest),
            SecondLook::Nothing { .. } => before.is_none(),
            SecondLook::NotAsked | SecondLook::Failed(_) => false,
        };
        if is_news {
            self.remember(provider, vec![(account.clone(), look.clone())], BTreeMap::new(), now).await;
        }
        Ok(after)
    }

    /// Remembers looks that began at `now`, unless the time is wrong: a later look would begin too late. If they can't
    /// be recorded, that only costs another look.
    pub(crate) async fn remember(
        &self,
        provider: &ProviderName,
        looks: Vec<(AccountId, SecondLook)>,
        others: BTreeMap<AccountId, Sighting>,
        now: DateTime<Utc>,
    ) {
        if looks.is_empty() || self.s.clock_is_off(provider).is_some() {
            return;
        }
        if let Err(error) = self.s.store.remember_looks(looks, others, now).await {
            tracing::warn!(%error, "can't record the signs of life that the log has");
        }
    }

    async fn memory_of(&self, account: &AccountId) -> Result<Option<Memory>, StoreError> {
        Ok(self.s.store.sightings(vec![account.clone()]).await?.remove(account))
    }
}
