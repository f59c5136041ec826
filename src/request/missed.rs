//! Missed signs: a suspended account is read once more when the log has caught up, and its card's thread hears of a
//! sign of life that nobody could see before.

use chrono::{DateTime, Utc};

use crate::domain::account::Account;
use crate::domain::assess::SecondLook;
use crate::domain::drift::{LOG_TRIES_MAX, Watch};
use crate::domain::missed::Checked;
use crate::identity::{IdentityError, Looks};
use crate::outbox::Identity;
use crate::request::Requests;
use crate::services::{card_key, reference};
use crate::wording::drift;

impl Requests {
    /// Reads the log about a suspended account that was just read. `Err`: it can't be read yet, and why.
    pub(crate) async fn check_again(
        &self,
        watch: &Watch,
        account: &Account,
        with_log: bool,
    ) -> anyhow::Result<Result<Checked, String>> {
        let last_sign_in = account.last_sign_in.at();
        let own_record = Ok(Checked { last_sign_in, look: SecondLook::NotAsked });
        if !with_log {
            return Ok(own_record);
        }
        let now = self.s.clock.now();
        let asked = Looks::from([(account.id.clone(), self.look_from(&account.id, now).await?)]);
        let look = match self.s.identity.second_look(&asked).await.looks.remove(&account.id) {
            Some(Ok(look)) => look,
            None | Some(Err(IdentityError::Denied(_))) => return Ok(own_record),
            Some(Err(_)) if watch.failures >= LOG_TRIES_MAX => return Ok(own_record),
            Some(Err(error)) => return Ok(Err(error.to_string())),
        };
        let look = self.after_look(&account.id, &look, now).await?;
        Ok(Ok(Checked { last_sign_in, look }))
    }

    /// Says in the thread of the card what came to light of an account that it suspended.
    pub(crate) async fn tell_missed(&self, watch: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some((found, missed)) = self.s.store.missed(watch).await? else { return Ok(None) };
        if let Some((request, candidates)) = self.s.store.request(found.request).await?
            && let Some(policy) = self.s.policy(&request.policy)
        {
            let card = self.s.store.message(&card_key(request.id)).await?.as_ref().and_then(reference);
            let message = Identity {
                key: format!("missed:{watch}"),
                channel: card.as_ref().map_or(&policy.channel, |card| &card.channel),
                thread: card.as_ref(),
                card_of: None,
            };
            let candidate = candidates.iter().find(|one| one.shown.id == found.account.id);
            let said = drift::missed(policy, &request, candidate, &found, &missed, self.s.clock.now());
            if let Some(at) = self.outbox.told(&message, &said).await? {
                return Ok(Some(at));
            }
        }
        self.s.store.missed_told(watch, self.s.clock.now()).await?;
        Ok(None)
    }
}
