//! Missed signs: a suspended account is read once more when the log has caught up, for a sign of life that nobody could
//! see before.

use crate::domain::account::Account;
use crate::domain::drift::{LOG_TRIES_MAX, Watch};
use crate::domain::missed::Checked;
use crate::domain::policy::Rule;
use crate::domain::sighting::SecondLook;
use crate::identity::{ActivityLog as _, Directory as _, IdentityError, Looks};
use crate::request::Requests;
use crate::services::WorkResult;

impl Requests {
    /// Reads the log about a suspended account that was just read. `Err`: it can't be read yet, and why.
    pub(crate) async fn check_again(
        &self,
        watch: &Watch,
        account: &Account,
        rule: &Rule,
    ) -> WorkResult<Result<Checked, String>> {
        let provider = self.s.provider(&watch.provider);
        let last_sign_in = if provider.evidence_lag().is_zero() {
            account.last_sign_in.at()
        } else {
            // The date has come late, and just the account itself may be read without it.
            match provider.confirm(&account.id, rule).await {
                Ok(account) => account.last_sign_in.at(),
                Err(IdentityError::Denied(_)) => None,
                Err(_) if watch.failures >= LOG_TRIES_MAX => None,
                Err(error) => return Ok(Err(error.to_string())),
            }
        };
        let own_record = Ok(Checked { last_sign_in, look: SecondLook::NotAsked });
        if !rule.check_sign_in_log {
            return Ok(own_record);
        }
        let now = self.s.clock.now();
        let asked = Looks::from([(account.id.clone(), self.look_from(&account.id, now).await?)]);
        let look = match provider.second_look(&asked).await.looks.remove(&account.id) {
            Some(Ok(look)) => look,
            None | Some(Err(IdentityError::Denied(_))) => return Ok(own_record),
            Some(Err(_)) if watch.failures >= LOG_TRIES_MAX => return Ok(own_record),
            Some(Err(error)) => return Ok(Err(error.to_string())),
        };
        let look = self.after_look(&watch.provider, &account.id, &look, now).await?;
        Ok(Ok(Checked { last_sign_in, look }))
    }
}
