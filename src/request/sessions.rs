//! Ending the sessions of accounts that were suspended, where the policy says so.
//!
//! It comes after the suspensions of the same round and never stands in their way. What can't be done is tried again
//! like a suspension and for as long, and its end is shown beside the suspension, which stands in any case.

use std::sync::OnceLock;

use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::domain::account::{Account, AccountStatus};
use crate::domain::attempt::{Attempt, AttemptStep, Dropped, Goal};
use crate::domain::candidate::Candidate;
use crate::domain::policy::execute_by;
use crate::domain::request::{Decision, Request};
use crate::identity::{Directory as _, IdentityError, Lifecycle as _, Reference};
use crate::request::Requests;
use crate::request::attempt::{self, Effect, Gate, Of, WAIT_FOR_PERSON, wait_after};
use crate::services::WorkResult;

/// What would stop the other accounts of the round too, and how long they wait for it.
type RoundBlocker = OnceLock<(String, Duration)>;

impl Requests {
    /// Ends the sessions that are due now.
    pub(crate) async fn end_sessions(
        &self,
        request: &Request,
        decision: &Decision,
        stop: &CancellationToken,
    ) -> WorkResult<()> {
        // Read again: some of the accounts were suspended in this round.
        let Some((_, candidates)) = self.s.store.request(request.id).await? else {
            return Ok(());
        };
        let now = self.s.clock.now();
        let round_blocker = &RoundBlocker::new();
        let tries: Vec<_> = candidates
            .iter()
            .filter_map(|one| Some((one, one.state.sessions_attempt()?)))
            .filter(|(_, attempt)| attempt.due_at(now) <= now)
            .map(async |(candidate, attempt)| {
                let mut one =
                    SessionsOf { requests: self, request, decision, candidate, attempt, round_blocker, stop };
                attempt::attempt(&mut one).await
            })
            .collect();
        let results: Vec<WorkResult<()>> =
            stream::iter(tries).buffer_unordered(self.s.concurrency).collect().await;
        results.into_iter().collect()
    }
}

/// The sessions of one suspended account, to be ended.
struct SessionsOf<'a> {
    requests: &'a Requests,
    request: &'a Request,
    decision: &'a Decision,
    candidate: &'a Candidate,
    attempt: &'a Attempt,
    round_blocker: &'a RoundBlocker,
    stop: &'a CancellationToken,
}

impl Effect for SessionsOf<'_> {
    const GOAL: Goal = Goal::EndSessions;
    const GONE: Dropped = Dropped::Gone;
    type Why = Dropped;
    type Begun = ();
    type Seen = Account;

    fn of(&self) -> Of<'_> {
        Of {
            s: &self.requests.s,
            provider: &self.request.rule.provider,
            account: &self.candidate.shown.id,
            attempt: self.attempt,
        }
    }

    async fn begin(&mut self) -> WorkResult<Gate<Self>> {
        let s = &self.requests.s;
        if self.stop.is_cancelled() {
            return Ok(Gate::Closed);
        }
        if let Some((error, wait)) = self.round_blocker.get() {
            return Ok(Gate::Instead(AttemptStep::Wait { error: error.clone(), wait: *wait }));
        }
        let Some(policy) = s.policy(&self.request.policy).filter(|policy| policy.clear_sessions) else {
            return Ok(Gate::CallOff(AttemptStep::Skip(Dropped::NotWanted)));
        };
        if !s.store.lineage().owns_request(self.request.id) {
            return Ok(Gate::CallOff(AttemptStep::Skip(Dropped::Superseded)));
        }
        // Tried once in any case: ending the sessions of a suspended account is never out of date.
        if self.attempt.trouble.error.is_some() && s.clock.now() > execute_by(policy, self.decision.at) {
            return Ok(Gate::CallOff(AttemptStep::TooLate));
        }
        if s.store.pause_of(&policy.name).await?.is_some() {
            let error = "an admin has paused the policy".to_owned();
            return Ok(Gate::Instead(AttemptStep::Wait { error, wait: WAIT_FOR_PERSON }));
        }
        Ok(Gate::Open(()))
    }

    async fn look(&self, (): &()) -> Result<Account, IdentityError> {
        let provider = self.requests.s.provider(self.of().provider);
        self.puts_others_off(provider.read(self.of().account).await)
    }

    async fn judge(&mut self, (): (), account: Account) -> WorkResult<Option<AttemptStep<Dropped>>> {
        let provider = self.requests.s.provider(self.of().provider);
        Ok(Some(match account.status {
            AccountStatus::Suspended if !provider.has_sessions(&account) => {
                AttemptStep::Skip(Dropped::SignsInElsewhere)
            }
            AccountStatus::Suspended => AttemptStep::Intend { status_changed: None, evidence: None },
            status => AttemptStep::Skip(Dropped::NotSuspended(status)),
        }))
    }

    async fn commit(&mut self, step: AttemptStep<Dropped>) -> WorkResult<bool> {
        let (s, position) = (&self.requests.s, self.candidate.position);
        Ok(s.store.step_sessions(self.request.id, position, step, s.clock.now()).await?.is_some())
    }

    async fn call(&mut self) -> Result<Reference, IdentityError> {
        let provider = self.requests.s.provider(self.of().provider);
        self.puts_others_off(provider.clear_sessions(self.of().account).await)
    }
}

impl SessionsOf<'_> {
    fn puts_others_off<T>(&self, answer: Result<T, IdentityError>) -> Result<T, IdentityError> {
        if let Err(error) = &answer
            && let Some(wait) = wait_of_others(error, self.requests.s.clock.now())
        {
            // Who came first has said it.
            let _ = self.round_blocker.set((error.to_string(), wait));
        }
        answer
    }
}

/// How long the other accounts wait for what would stop them too. It is the plain time, so that another one is the first
/// to try next time: one account alone may be out of reach.
fn wait_of_others(error: &IdentityError, now: DateTime<Utc>) -> Option<Duration> {
    match error {
        IdentityError::RateLimited { .. }
        | IdentityError::Denied(_)
        | IdentityError::Transient(_)
        | IdentityError::NotConfigured(_) => Some(wait_after(error, 0, now)),
        IdentityError::Malformed(_) | IdentityError::Refused(_) | IdentityError::NotFound(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_stop_the_others_too_puts_them_off_for_the_plain_time() {
        let now = DateTime::UNIX_EPOCH;
        let soon = now + Duration::seconds(30);
        let text = String::new;
        // The seconds that the account waits after two waits in a row, and the others.
        for (error, alone, others) in [
            (IdentityError::Denied(text()), 240, Some(60)),
            (IdentityError::Transient(text()), 20, Some(5)),
            (IdentityError::Malformed(text()), 240, None),
            (IdentityError::Refused(text()), 20, None),
            (IdentityError::NotFound(text()), 20, None),
            (IdentityError::RateLimited { until: soon }, 30, Some(30)),
            (IdentityError::RateLimited { until: soon - Duration::hours(1) }, 1, Some(1)),
        ] {
            assert_eq!(wait_after(&error, 2, now).num_seconds(), alone, "{error:?}");
            let wait = wait_of_others(&error, now).map(|wait| wait.num_seconds());
            assert_eq!(wait, others, "{error:?}");
        }
    }
}
