//! Giving accounts back: with [`super::carry_out`] the only code that tells the identity provider to change something.
//!
//! A person's wish is a row. Reading the account, committing the intent, the call, committing the outcome: a process
//! that dies anywhere in between finds the row still due, and reading the account again says what the call did.

use chrono::{DateTime, Duration, Utc};

use super::App;
use super::messages::{Identity, reference};
use super::requests::card_key;
use super::wording::exceptions;
use crate::domain::account::{Account, AccountStatus};
use crate::domain::assess::left_alone_until;
use crate::domain::candidate::Confirmation;
use crate::domain::restoration::{Restoration, RestorationState, Skip, Step};
use crate::identity::IdentityError;

/// A missing right or an unreadable answer needs a person.
const WAIT_FOR_PERSON: Duration = Duration::seconds(60);
/// A passing fault.
const WAIT_FOR_PROVIDER: Duration = Duration::seconds(5);

impl App {
    /// Makes a restoration's row true as far as that can be done now; says when to look again.
    pub(super) async fn restore(&self, id: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(restoration) = self.store.restoration(id).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        match restoration.state {
            RestorationState::Due { not_before: Some(at), .. } if at > now => return Ok(Some(at)),
            RestorationState::Due { attempts, .. } => {
                self.give_back(&restoration, attempts).await?;
                // Its end is told in the next round, from the row.
                return Ok(Some(self.clock.now()));
            }
            RestorationState::Restored { .. }
            | RestorationState::Skipped { .. }
            | RestorationState::Failed { .. } => {}
        }
        if let Some(at) = self.tell_restoration(&restoration).await? {
            return Ok(Some(at));
        }
        self.store.restoration_told(id).await?;
        Ok(None)
    }

    async fn give_back(&self, restoration: &Restoration, attempts: u32) -> anyhow::Result<()> {
        let account = &restoration.wish.account.id;
        let read = self.identity.read(account).await;
        self.note_identity(&read);
        match read {
            Ok(Account { status: AccountStatus::Suspended, .. }) => {}
            Ok(Account { status: AccountStatus::Active, .. }) if attempts > 0 => {
                return self.step_back(restoration, Step::Confirm(Confirmation::ByReading)).await;
            }
            Ok(Account { status, .. }) => {
                return self.step_back(restoration, Step::Skip(Skip::NotSuspended(status))).await;
            }
            Err(IdentityError::NotFound(_)) => {
                return self.step_back(restoration, Step::Skip(Skip::Gone)).await;
            }
            Err(error) => return self.step_back(restoration, Step::Wait(self.patience_for(&error))).await,
        }
        if self.store.step_restoration(restoration.id, Step::Intend, self.clock.now()).await?.is_none() {
            return Ok(());
        }
        let answer = self.identity.restore(account).await;
        self.note_identity(&answer);
        let step = match answer {
            Ok(()) => Step::Confirm(Confirmation::ByCall),
            Err(IdentityError::NotFound(_)) => Step::Skip(Skip::Gone),
            Err(error @ (IdentityError::RateLimited { .. } | IdentityError::Denied(_))) => {
                Step::TurnedAway { error: error.to_string(), wait: self.patience_for(&error) }
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

    async fn step_back(&self, restoration: &Restoration, step: Step) -> anyhow::Result<()> {
        self.store.step_restoration(restoration.id, step, self.clock.now()).await?;
        // The card of its request is live again, and shows it.
        self.nudge();
        Ok(())
    }

    fn patience_for(&self, error: &IdentityError) -> Duration {
        match error {
            IdentityError::RateLimited { until } => (*until - self.clock.now()).max(Duration::seconds(1)),
            IdentityError::Denied(_) | IdentityError::Malformed(_) => WAIT_FOR_PERSON,
            IdentityError::Transient(_) | IdentityError::Refused(_) | IdentityError::NotFound(_) => {
                WAIT_FOR_PROVIDER
            }
        }
    }

    /// Tells the channel what became of it.
    async fn tell_restoration(&self, restoration: &Restoration) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(policy) = self.policy(&restoration.wish.policy) else {
            return Ok(None);
        };
        let until = match restoration.state {
            RestorationState::Restored { at, .. } => Some(left_alone_until(at, &policy.rule)),
            RestorationState::Due { .. }
            | RestorationState::Skipped { .. }
            | RestorationState::Failed { .. } => None,
        };
        let card = match restoration.wish.request {
            Some(request) => self.store.message(&card_key(request)).await?.as_ref().and_then(reference),
            None => None,
        };
        let message = Identity {
            key: format!("restoration:{}", restoration.id),
            channel: &policy.channel,
            thread: None,
            card_of: None,
        };
        self.told(&message, &exceptions::restoration(restoration, card.as_ref(), until)).await
    }
}
