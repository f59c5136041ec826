//! Giving accounts back: with [`crate::request::suspend`] and [`crate::request::sessions`] the only code that tells the identity
//! provider to change something.
//!
//! A person's wish is a row. Reading the account, committing the intent, the call, committing the outcome: a process
//! that dies anywhere in between finds the row still due, and reading the account again says what the call did. What
//! can't be done for too long ends as failed: nobody is restored because of a request from weeks ago.

use chrono::{DateTime, Duration, Utc};

use crate::domain::account::{Account, AccountStatus};
use crate::domain::assess::left_alone_until;
use crate::domain::candidate::Proof;
use crate::domain::restoration::{Restoration, RestorationState, Skip, Step, restore_by};
use crate::domain::waiting;
use crate::identity::IdentityError;
use crate::outbox::Identity;
use crate::request::Requests;
use crate::request::suspend::{WAIT_FOR_PERSON, WAIT_FOR_PROVIDER, doubled};
use crate::services::{card_key, reference};
use crate::wording::exemptions;

/// A wish that is too old but was tried is read for so long, because its end must not deny what a try did.
const FIND_OUT_WITHIN: Duration = Duration::hours(1);

impl Requests {
    /// Makes a restoration's row true as far as that can be done now; says when to look again.
    pub(crate) async fn restore(&self, id: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(restoration) = self.s.store.restoration(id).await? else {
            return Ok(None);
        };
        let now = self.s.clock.now();
        match &restoration.state {
            RestorationState::Due { not_before, .. } => {
                let by = self.restore_by(&restoration);
                if let Some(at) = waits_until(*not_before, by, restoration.state.was_tried(), now) {
                    return Ok(Some(at));
                }
                let lineage = self.s.store.lineage();
                if !lineage.owns_restoration(id) {
                    let since = lineage.epoch_began.unwrap_or(now);
                    self.call_back_off(&restoration, since, Step::Skip(Skip::Superseded)).await?;
                } else if now < by {
                    self.give_back(&restoration).await?;
                } else {
                    self.call_back_off(&restoration, by, Step::TooLate).await?;
                }
                // Its end is told in the next round, from the row.
                return Ok(Some(self.s.clock.now()));
            }
            RestorationState::Restored { .. }
            | RestorationState::Skipped { .. }
            | RestorationState::Failed { .. } => {}
        }
        if let Some(at) = self.tell_restoration(&restoration).await? {
            return Ok(Some(at));
        }
        self.s.store.restoration_told(id).await?;
        Ok(None)
    }

    fn restore_by(&self, restoration: &Restoration) -> DateTime<Utc> {
        restore_by(self.s.policy(&restoration.wish.policy), restoration.asked_at)
    }

    async fn give_back(&self, restoration: &Restoration) -> anyhow::Result<()> {
        let account = match self.s.unless_ended(self.still_to_be_given_back(restoration)).await {
            Some(Ok(account)) => account,
            Some(Err(step)) => return self.step_back(restoration, step).await,
            None => return Ok(()),
        };
        if restoration.state.is_tried_enough() {
            return self.step_back(restoration, Step::GiveUp).await;
        }
        let intent = Step::Intend { status_changed: account.status_changed.at() };
        if self.s.store.step_restoration(restoration.id, intent, self.s.clock.now()).await?.is_none() {
            return Ok(());
        }
        let answer = self.s.identity.restore(&restoration.wish.account.id).await;
        let step = match answer {
            Ok(reference) => Step::Confirm(Proof::by_call(reference)),
            Err(IdentityError::NotFound(_)) => Step::Skip(Skip::Gone),
            Err(error @ (IdentityError::RateLimited { .. } | IdentityError::Denied(_))) => {
                Step::TurnedAway { error: error.to_string(), wait: self.patience_for(&error, restoration) }
            }
            // What the call did is read in the next round.
            Err(
                error @ (IdentityError::Transient(_)
                | IdentityError::Refused(_)
                | IdentityError::Malformed(_)),
            ) => Step::TryAgain { error: error.to_string(), wait: WAIT_FOR_PROVIDER },
        };
        self.step_back(restoration, step).await
    }

    /// Returns the account as it is, if it is still to be restored; otherwise the step to take instead.
    async fn still_to_be_given_back(&self, restoration: &Restoration) -> Result<Account, Step> {
        let read = self.s.identity.read(&restoration.wish.account.id).await;
        match read {
            Ok(account) if account.status == AccountStatus::Suspended => {
                let seen = seen_before(restoration);
                if seen.is_some() && seen != account.status_changed.at() {
                    return Err(Step::Skip(Skip::ChangedByOthers));
                }
                Ok(account)
            }
            Ok(Account { status: AccountStatus::Active, .. }) if restoration.state.was_tried() => {
                Err(Step::Confirm(Proof::by_reading()))
            }
            Ok(Account { status, .. }) => Err(Step::Skip(Skip::NotSuspended(status))),
            Err(IdentityError::NotFound(_)) => Err(Step::Skip(Skip::Gone)),
            Err(error) => {
                let wait = self.patience_for(&error, restoration);
                Err(Step::Wait { error: error.to_string(), wait })
            }
        }
    }

    /// Ends a wish that is too old, or of an earlier epoch, without a call. What an earlier call did is read first.
    async fn call_back_off(
        &self,
        restoration: &Restoration,
        by: DateTime<Utc>,
        end: Step,
    ) -> anyhow::Result<()> {
        let step = if restoration.state.was_tried() {
            match self.still_to_be_given_back(restoration).await {
                Ok(_) => end,
                Err(Step::Wait { .. }) if self.s.clock.now() >= by + FIND_OUT_WITHIN => Step::TooLateToTell,
                Err(step) => step,
            }
        } else {
            end
        };
        self.step_back(restoration, step).await
    }

    async fn step_back(&self, restoration: &Restoration, step: Step) -> anyhow::Result<()> {
        self.s.store.step_restoration(restoration.id, step, self.s.clock.now()).await?;
        // The card of its request is live again, and shows it.
        self.s.nudge();
        Ok(())
    }

    /// How long to wait; twice as long each time in a row that nothing could be tried.
    fn patience_for(&self, error: &IdentityError, restoration: &Restoration) -> Duration {
        let waits = match &restoration.state {
            RestorationState::Due { trouble, .. } => trouble.waits,
            RestorationState::Restored { .. }
            | RestorationState::Skipped { .. }
            | RestorationState::Failed { .. } => 0,
        };
        match error {
            IdentityError::RateLimited { until } => (*until - self.s.clock.now()).max(Duration::seconds(1)),
            IdentityError::Denied(_) | IdentityError::Malformed(_) => doubled(WAIT_FOR_PERSON, waits),
            IdentityError::Transient(_) | IdentityError::Refused(_) | IdentityError::NotFound(_) => {
                doubled(WAIT_FOR_PROVIDER, waits)
            }
        }
    }

    /// Tells the channel what became of it.
    async fn tell_restoration(&self, restoration: &Restoration) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(policy) = self.s.policy(&restoration.wish.policy) else {
            return Ok(None);
        };
        let until = match restoration.state {
            RestorationState::Restored { at, .. } => Some(left_alone_until(at, &policy.rule)),
            RestorationState::Due { .. }
            | RestorationState::Skipped { .. }
            | RestorationState::Failed { .. } => None,
        };
        let card = match restoration.wish.request {
            Some(request) => self.s.store.message(&card_key(request)).await?.as_ref().and_then(reference),
            None => None,
        };
        let message = Identity {
            key: format!("restoration:{}", restoration.id),
            channel: &policy.channel,
            thread: None,
            card_of: None,
        };
        self.outbox.told(&message, &exemptions::restoration(restoration, card.as_ref(), until)).await
    }
}

/// When to look at a wish again that was put off and is to be done `by` then.
fn waits_until(
    not_before: Option<DateTime<Utc>>,
    by: DateTime<Utc>,
    tried: bool,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    // What a try did is looked for beyond that time, and no more often than before it.
    let end = if tried && now >= by { by + FIND_OUT_WITHIN } else { by };
    waiting::until(not_before, now).map(|at| at.min(end)).filter(|at| *at > now)
}

/// The account's status change as it was known before any try.
fn seen_before(restoration: &Restoration) -> Option<DateTime<Utc>> {
    match &restoration.state {
        RestorationState::Due { status_changed, .. } => *status_changed,
        RestorationState::Restored { .. }
        | RestorationState::Skipped { .. }
        | RestorationState::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_that_was_put_off_waits_until_its_end_and_one_that_was_tried_for_an_hour_more() {
        let by = DateTime::UNIX_EPOCH + Duration::days(20);
        let minutes = |minutes| by + Duration::minutes(minutes);
        let waits = |at: i64, tried, now: i64| {
            waits_until(Some(minutes(at)), by, tried, minutes(now)).map(|until| (until - by).num_minutes())
        };
        for tried in [false, true] {
            assert_eq!(waits(-1, tried, -2), Some(-1));
            assert_eq!(waits(-2, tried, -2), None, "its time has come");
            assert_eq!(waits(4, tried, -2), Some(0), "its end comes first");
            assert_eq!(waits_until(None, by, tried, minutes(-2)), None);
        }
        assert_eq!(waits(4, false, 0), None, "nothing was done, so there is nothing to find out");
        assert_eq!(waits(4, true, 0), Some(4));
        assert_eq!(waits(58, true, 57), Some(58));
        assert_eq!(waits(64, true, 57), Some(60));
        assert_eq!(waits(64, true, 60), None);
    }
}
