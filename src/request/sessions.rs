//! Ending the sessions of accounts that were suspended, where the policy says so.
//!
//! It comes after the suspensions of the same round and never stands in their way. What can't be done is tried again
//! like a suspension and for as long, and its end is shown beside the suspension, which stands in any case. A process
//! that dies finds the sessions still due.

use std::sync::OnceLock;

use chrono::Duration;
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::domain::account::{Account, AccountStatus};
use crate::domain::candidate::{Candidate, CandidateState, Trouble};
use crate::domain::policy::execute_by;
use crate::domain::request::{Decision, Request};
use crate::domain::sessions::{Dropped, Sessions, Step};
use crate::identity::IdentityError;
use crate::request::Requests;
use crate::request::suspend::{WAIT_FOR_PERSON, WAIT_FOR_PROVIDER, doubled};

/// What would stop the other accounts of the round too, and how long they wait for it.
type Standstill = OnceLock<(String, Duration)>;

impl Requests {
    /// Ends the sessions that are due now.
    pub(crate) async fn end_sessions(
        &self,
        request: &Request,
        decision: &Decision,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        // Read again: some of the accounts were suspended in this round.
        let Some((_, candidates)) = self.s.store.request(request.id).await? else {
            return Ok(());
        };
        let now = self.s.clock.now();
        let is_due = |one: &&Candidate| one.state.sessions_due_at(now).is_some_and(|at| at <= now);
        let standstill = Standstill::new();
        let tries: Vec<_> = candidates
            .iter()
            .filter(is_due)
            .map(async |candidate| {
                if stop.is_cancelled() {
                    return Ok(());
                }
                let taken = match standstill.get() {
                    Some((error, wait)) => Step::Wait { error: error.clone(), wait: *wait },
                    None => match self.end_sessions_of(request, decision, candidate, &standstill).await? {
                        Some(wanted) => wanted,
                        None => return Ok(()),
                    },
                };
                let now = self.s.clock.now();
                self.s.store.step_sessions(request.id, candidate.position, taken, now).await.map(drop)
            })
            .collect();
        let results: Vec<Result<(), crate::store::StoreError>> =
            stream::iter(tries).buffer_unordered(self.s.concurrency).collect().await;
        Ok(results.into_iter().collect::<Result<(), _>>()?)
    }

    /// One account. Returns the step to take, if there is one to take.
    async fn end_sessions_of(
        &self,
        request: &Request,
        decision: &Decision,
        candidate: &Candidate,
        standstill: &Standstill,
    ) -> Result<Option<Step>, crate::store::StoreError> {
        let Some(policy) = self.s.policy(&request.policy).filter(|policy| policy.clear_sessions) else {
            return Ok(Some(Step::Drop(Dropped::NotWanted)));
        };
        if !self.s.store.lineage().owns_request(request.id) {
            return Ok(Some(Step::Drop(Dropped::Superseded)));
        }
        let trouble = trouble(candidate);
        // Tried once in any case: ending the sessions of a suspended account is never out of date.
        if trouble.error.is_some() && self.s.clock.now() > execute_by(policy, decision.at) {
            return Ok(Some(Step::TooLate));
        }
        if self.s.store.pause_of(&policy.name).await?.is_some() {
            let error = "an admin has paused the policy".to_owned();
            return Ok(Some(Step::Wait { error, wait: WAIT_FOR_PERSON }));
        }
        let Some(read) = self.s.unless_ended(self.s.identity.read(&candidate.shown.id)).await else {
            return Ok(None);
        };
        match read {
            Ok(Account { status: AccountStatus::Suspended, .. }) => {}
            Ok(Account { status, .. }) => return Ok(Some(Step::Drop(Dropped::NotSuspended(status)))),
            Err(IdentityError::NotFound(_)) => return Ok(Some(Step::Drop(Dropped::Gone))),
            Err(error) => {
                let wait = self.put_off_sessions(&error, trouble.waits, standstill);
                return Ok(Some(Step::Wait { error: error.to_string(), wait }));
            }
        }
        let now = self.s.clock.now();
        if self.s.store.step_sessions(request.id, candidate.position, Step::Intend, now).await?.is_none() {
            return Ok(None);
        }
        let answer = self.s.identity.clear_sessions(&candidate.shown.id).await;
        Ok(Some(match answer {
            Ok(reference) => Step::Confirm { reference },
            Err(IdentityError::NotFound(_)) => Step::Drop(Dropped::Gone),
            Err(error @ (IdentityError::RateLimited { .. } | IdentityError::Denied(_))) => {
                let wait = self.put_off_sessions(&error, trouble.waits, standstill);
                Step::TurnedAway { error: error.to_string(), wait }
            }
            Err(
                error @ (IdentityError::Transient(_)
                | IdentityError::Refused(_)
                | IdentityError::Malformed(_)),
            ) => {
                self.put_off_sessions(&error, 0, standstill);
                Step::TryAgain { error: error.to_string(), wait: WAIT_FOR_PROVIDER }
            }
        }))
    }

    /// How long the account waits: twice as long each time in a row. What would stop the others too puts them off for
    /// the plain time only, so that another one is the first to try next time: one account alone may be out of reach.
    fn put_off_sessions(&self, error: &IdentityError, waits: u32, standstill: &Standstill) -> Duration {
        let (plain, wait) = match error {
            IdentityError::RateLimited { until } => {
                let wait = (*until - self.s.clock.now()).max(Duration::seconds(1));
                (Some(wait), wait)
            }
            IdentityError::Denied(_) => (Some(WAIT_FOR_PERSON), doubled(WAIT_FOR_PERSON, waits)),
            IdentityError::Transient(_) => (Some(WAIT_FOR_PROVIDER), doubled(WAIT_FOR_PROVIDER, waits)),
            IdentityError::Malformed(_) => (None, doubled(WAIT_FOR_PERSON, waits)),
            IdentityError::Refused(_) | IdentityError::NotFound(_) => {
                (None, doubled(WAIT_FOR_PROVIDER, waits))
            }
        };
        if let Some(plain) = plain {
            // Who came first has said it.
            let _ = standstill.set((error.to_string(), plain));
        }
        wait
    }
}

/// What stood in the way of ending the account's sessions so far.
fn trouble(candidate: &Candidate) -> Trouble {
    match &candidate.state {
        CandidateState::Suspended { sessions: Sessions::Due { trouble, .. }, .. } => trouble.clone(),
        CandidateState::Suspended { .. }
        | CandidateState::Previewed
        | CandidateState::Proposed
        | CandidateState::Kept { .. }
        | CandidateState::Dropped
        | CandidateState::Due { .. }
        | CandidateState::Skipped { .. }
        | CandidateState::Failed { .. } => Trouble::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::Bench;

    #[tokio::test]
    async fn what_would_stop_the_others_too_puts_them_off_for_the_plain_time() {
        let bench = Bench::new();
        let soon = bench.engine.s.clock.now() + Duration::seconds(30);
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
            let standstill = Standstill::new();
            let wait = bench.engine.requests.put_off_sessions(&error, 2, &standstill);
            let close = |wait: Duration, seconds: i64| (seconds - wait.num_seconds()).abs() < 10;
            assert!(close(wait, alone), "{error:?}: {wait}");
            let plain = standstill.get().map(|(_, plain)| *plain);
            assert_eq!(plain.is_some(), others.is_some(), "{error:?}");
            assert!(
                plain.is_none_or(|plain| close(plain, others.unwrap_or_default())),
                "{error:?}: {plain:?}"
            );
        }
    }
}
