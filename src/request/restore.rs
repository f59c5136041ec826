//! Restoring accounts, as `attempt.rs` drives it. A person's wish is a row. What can't be done for too long ends as failed:
//! nobody is restored because of a request from weeks ago.

use chrono::{DateTime, Duration, Utc};

use crate::domain::account::{Account, AccountStatus};
use crate::domain::attempt::{Attempt, Goal, Proof};
use crate::domain::backoff;
use crate::domain::drift::LOG_LAG_MAX;
use crate::domain::restoration::{Restoration, RestorationState, RestoreStep, Skip, restore_by};
use crate::domain::undated::is_changed_by_others;
use crate::identity::{Directory as _, IdentityError, Lifecycle as _, Reference, StatusChange};
use crate::request::Requests;
use crate::request::attempt::{self, Effect, Gate, Of, changed_since};
use crate::services::WorkResult;

/// A wish that is too old but was tried is read for so long, because its end must not deny what a try did.
const FIND_OUT_WITHIN: Duration = Duration::hours(1);

impl Requests {
    /// Makes a restoration's row true as far as that can be done now; says when to look again.
    pub(crate) async fn restore(&self, id: i64) -> WorkResult<Option<DateTime<Utc>>> {
        let Some(restoration) = self.s.store.restoration(id).await? else {
            return Ok(None);
        };
        let RestorationState::Due(attempt) = &restoration.state else { return Ok(None) };
        let by = restore_by(self.s.policy(&restoration.wish.policy), restoration.asked_at);
        if let Some(at) =
            waits_until(attempt.not_before, by, restoration.state.was_tried(), self.s.clock.now())
        {
            return Ok(Some(at));
        }
        attempt::attempt(&mut Restoring { requests: self, restoration: &restoration, attempt, by }).await?;
        // Whether it has ended is seen in the next round, from the row.
        Ok(Some(self.s.clock.now()))
    }
}

/// A wish, to be executed `by` then.
struct Restoring<'a> {
    requests: &'a Requests,
    restoration: &'a Restoration,
    attempt: &'a Attempt,
    by: DateTime<Utc>,
}

impl Effect for Restoring<'_> {
    const GOAL: Goal = Goal::Restore;
    const GONE: Skip = Skip::Gone;
    type Why = Skip;
    type Begun = ();
    type Seen = (Account, Option<StatusChange>);

    fn of(&self) -> Of<'_> {
        let (s, wish) = (&self.requests.s, &self.restoration.wish);
        Of { s, provider: &wish.provider, account: &wish.account.id, attempt: self.attempt }
    }

    async fn begin(&mut self) -> WorkResult<Gate<Self>> {
        let s = &self.requests.s;
        let (now, lineage) = (s.clock.now(), s.store.lineage());
        if !lineage.owns_restoration(self.restoration.id) {
            self.by = lineage.epoch_began.unwrap_or(now);
            return Ok(Gate::CallOff(RestoreStep::Skip(Skip::Superseded)));
        }
        Ok(if now < self.by { Gate::Open(()) } else { Gate::CallOff(RestoreStep::TooLate) })
    }

    async fn look(&self, (): &()) -> Result<Self::Seen, IdentityError> {
        let account = self.requests.s.provider(self.of().provider).read(self.of().account).await?;
        let undated = account.status_changed.at().is_none();
        let asked_at = self.restoration.asked_at;
        // What is younger than the log's delay can't be determined either way.
        let old = self.attempt.attempts > 0 || self.requests.s.clock.now() - asked_at > LOG_LAG_MAX;
        let asks = undated && old && account.status == AccountStatus::Suspended;
        let in_log = if asks { changed_since(self.of(), asked_at).await? } else { None };
        Ok((account, in_log))
    }

    async fn judge(&mut self, (): (), (account, in_log): Self::Seen) -> WorkResult<Option<RestoreStep>> {
        let tried_enough = self.restoration.state.is_tried_enough();
        let error = self.attempt.trouble.error.clone().unwrap_or_default();
        let intend = RestoreStep::Intend { status_changed: account.status_changed.at(), evidence: None };
        let next = if tried_enough { RestoreStep::GiveUp { error } } else { intend };
        Ok(Some(self.seen(&account, in_log.as_ref()).unwrap_or(next)))
    }

    fn found(&self, account: &Account) -> Option<RestoreStep> {
        self.seen(account, None)
    }

    async fn commit(&mut self, step: RestoreStep) -> WorkResult<bool> {
        let (s, intends) = (&self.requests.s, matches!(step, RestoreStep::Intend { .. }));
        let taken = s.store.step_restoration(self.restoration.id, step, s.clock.now()).await?;
        if !intends {
            // The card of its request is live again, and shows it.
            s.nudge();
        }
        Ok(taken.is_some())
    }

    async fn call(&mut self) -> Result<Reference, IdentityError> {
        self.requests.s.provider(self.of().provider).restore(self.of().account).await
    }

    fn is_too_late_to_tell(&self) -> bool {
        self.requests.s.clock.now() >= self.by + FIND_OUT_WITHIN
    }
}

impl Restoring<'_> {
    /// Returns what the account shows, with the latest change in the log if it has no date of its own.
    fn seen(&self, account: &Account, in_log: Option<&StatusChange>) -> Option<RestoreStep> {
        match &account.status {
            AccountStatus::Suspended => {
                let changed = account.status_changed.at();
                // Older rows have not kept what was read.
                let before = self.attempt.status_changed.or(changed);
                let by_others = is_changed_by_others(before, changed, in_log);
                by_others.then_some(RestoreStep::Skip(Skip::ChangedByOthers))
            }
            AccountStatus::Active if self.restoration.state.was_tried() => {
                Some(RestoreStep::Confirm(Proof::by_reading()))
            }
            status => Some(RestoreStep::Skip(Skip::NotSuspended(status.clone()))),
        }
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
    backoff::until(not_before, now).map(|at| at.min(end)).filter(|at| *at > now)
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
