//! Carrying out an approval: with `restore` and `sessions` the only code that tells the identity
//! provider to change something.
//!
//! For each account: read it again, judge it again by the rule that was shown and by the rule of today, commit the
//! intent, make the call, commit the outcome. A process that dies anywhere in between finds the row still due, and
//! reading the account again says what the call did.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::domain::account::{Account, AccountStatus};
use crate::domain::assess::{Assessment, Evidence, assess};
use crate::domain::candidate::{Candidate, CandidateState, Proof, Skip, Step};
use crate::domain::policy::{Policy, execute_by};
use crate::domain::request::{Decision, Request};
use crate::domain::waiting;
use crate::identity::{FreshLook, IdentityError};
use crate::request::Requests;
use crate::request::denials::At;
use crate::request::standing::fresh_standing;
use crate::services::may_pass;
use crate::services::work::Work;

/// A missing right or an unreadable answer needs a person: looked at again this often until the approval is too old.
pub(crate) const WAIT_FOR_PERSON: Duration = Duration::seconds(60);
/// A passing fault.
pub(crate) const WAIT_FOR_PROVIDER: Duration = Duration::seconds(5);
/// One that goes on is asked about less and less often, down to this.
const WAIT_MAX: Duration = Duration::minutes(5);

/// What was read of an account is acted on within this time. A machine that slept in between, or whose clock jumped,
/// starts again.
const LOOK_HOLDS: Duration = Duration::minutes(5);

/// What came of one round of work on a request.
pub(crate) enum Effort {
    /// Every due account waits for its time.
    NothingDue,
    /// Each due account took a step, or was left for the next round.
    Made,
    /// Something that a person must fix blocks all of them.
    Blocked(Hindrance),
}

/// What stands in the way of suspensions.
pub(crate) struct Hindrance {
    /// In words.
    pub(crate) why: String,
    /// Whether people have to hear of it: it is no passing trouble, and not said elsewhere.
    pub(crate) to_be_told: bool,
    /// Whether it may be in the way of this account alone: a role may cover some accounts and not others.
    pub(crate) may_be_of_one: bool,
}

/// What a round has found out about whether calls get through.
#[derive(Default)]
struct Passage {
    /// A suspension succeeded, and none was denied since.
    open: AtomicBool,
    /// A suspension was denied right after another succeeded.
    passed_by: AtomicBool,
}

impl Passage {
    fn got_through(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// Whether this is in the way of one account: a suspension succeeded since the last one that was denied.
    fn is_of_one(&self, hindrance: &Hindrance) -> bool {
        let of_one = hindrance.may_be_of_one && self.open.swap(false, Ordering::Relaxed);
        self.passed_by.fetch_or(of_one, Ordering::Relaxed);
        of_one
    }

    /// Whether any suspension got through.
    fn ever_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) || self.passed_by.load(Ordering::Relaxed)
    }
}

impl Requests {
    /// Works on the candidates of an approved request that are due now, or the first `at_most` of them; then on the
    /// sessions of those that are suspended.
    pub(crate) async fn carry_out(
        &self,
        request: &Request,
        decision: &Decision,
        candidates: &[Candidate],
        at_most: usize,
        stop: &CancellationToken,
    ) -> anyhow::Result<Effort> {
        let effort = self.suspend_due(request, decision, candidates, at_most, stop).await?;
        self.end_sessions(request, decision, stop).await?;
        Ok(effort)
    }

    async fn suspend_due(
        &self,
        request: &Request,
        decision: &Decision,
        candidates: &[Candidate],
        at_most: usize,
        stop: &CancellationToken,
    ) -> anyhow::Result<Effort> {
        let now = self.s.clock.now();
        let is_due = |candidate: &&Candidate| candidate.state.due_at(now).is_some_and(|at| at <= now);
        let mut due: Vec<&Candidate> = candidates.iter().filter(is_due).collect();
        // Accounts that had no turn yet come first: a few that are denied each time must not use up all the turns.
        due.sort_by_key(|candidate| put_off_until(candidate));
        // What has not begun, or has only looked, stays due; a call in flight is let finish.
        let (halt, passage) = (stop.child_token(), Passage::default());
        let last_error = last_error(candidates);
        let tries: Vec<_> = due
            .into_iter()
            .take(at_most)
            .map(async |candidate| {
                if halt.is_cancelled() {
                    return Ok(None);
                }
                let obstacle =
                    self.carry_out_one(request, decision, candidate, last_error, &passage, stop).await;
                self.s.moves_on(Work::Request(request.id));
                let goes_on = match &obstacle {
                    Ok(obstacle) => obstacle.as_ref().is_none_or(|hindrance| passage.is_of_one(hindrance)),
                    Err(_) => false,
                };
                if !goes_on {
                    halt.cancel();
                }
                obstacle
            })
            .collect();
        let results: Vec<anyhow::Result<Option<Hindrance>>> =
            stream::iter(tries).buffer_unordered(self.s.concurrency).collect().await;
        if results.is_empty() {
            return Ok(Effort::NothingDue);
        }
        let obstacles: Vec<Option<Hindrance>> = results.into_iter().collect::<anyhow::Result<_>>()?;
        // What turns everybody away turns everybody away in the next round, too.
        let of_all = |hindrance: &Hindrance| !(hindrance.may_be_of_one && passage.ever_open());
        Ok(obstacles.into_iter().flatten().find(of_all).map_or(Effort::Made, Effort::Blocked))
    }

    /// Leaves an account alone if its approval is too old, and says what blocked it meanwhile.
    async fn call_off_too_old(
        &self,
        request: &Request,
        candidate: &Candidate,
        last_error: Option<&str>,
    ) -> anyhow::Result<Option<Hindrance>> {
        // The answer says what time it is there: a clock that is ahead ends no approval.
        let read = self.s.identity.read(&candidate.shown.id).await;
        if let (Ok(_), Some(why)) = (&read, self.s.clock_is_off()) {
            return Ok(Some(Hindrance { why, to_be_told: true, may_be_of_one: false }));
        }
        if let (CandidateState::Due { trouble, .. }, Some(error)) = (&candidate.state, last_error)
            && trouble.error.is_none()
        {
            // It never came to its turn; what stood in the way of another one stood in its way.
            let why = Step::Wait { error: error.to_owned(), wait: Duration::zero() };
            self.take(request, candidate, why).await?;
        }
        self.call_off(request, candidate, Skip::ApprovalTooOld).await
    }

    /// Returns what stands in the way of all suspensions of a policy that an admin has paused.
    async fn is_paused(&self, policy: &Policy) -> anyhow::Result<Option<Hindrance>> {
        let why = || "an admin has paused the policy".to_owned();
        let pause = self.s.store.pause_of(&policy.name).await?;
        Ok(pause.map(|_| Hindrance { why: why(), to_be_told: false, may_be_of_one: false }))
    }

    /// One account. Returns what stands in the way, if it stops the others too or may.
    async fn carry_out_one(
        &self,
        request: &Request,
        decision: &Decision,
        candidate: &Candidate,
        last_error: Option<&str>,
        passage: &Passage,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Hindrance>> {
        // Whatever is waited for is waited for before anything is looked at.
        let Some(turn) = self.s.unless_ended(self.s.identity.turn_to_change()).await else { return Ok(None) };
        let Some(policy) = self.s.policy(&request.policy) else {
            return self.call_off(request, candidate, Skip::PolicyGone).await;
        };
        if !self.s.store.lineage().owns_request(request.id) {
            return self.call_off(request, candidate, Skip::Superseded).await;
        }
        if self.s.clock.now() > execute_by(policy, decision.at) {
            return self.call_off_too_old(request, candidate, last_error).await;
        }
        if let Some(paused) = self.is_paused(policy).await? {
            return Ok(Some(paused));
        }
        if let Err(error) = turn {
            return self.not_now(request, candidate, error).await;
        }
        let began = self.s.clock.now();
        let since = self.look_from(&candidate.shown.id, began).await?;
        let fresh = match self.look_before(request, policy, candidate, since).await {
            Some(Ok(fresh)) => fresh,
            Some(Err(error)) => return self.not_now(request, candidate, error).await,
            None => return Ok(None),
        };
        // The look has just shown what time it is there; how long the account is idle can't be told otherwise.
        if let Some(why) = self.s.clock_is_off() {
            // If the approval ends before that is fixed, its end says why.
            let wait = Step::Wait { error: why.clone(), wait: WAIT_FOR_PERSON };
            self.take(request, candidate, wait).await?;
            return Ok(Some(Hindrance { why, to_be_told: true, may_be_of_one: false }));
        }
        let evidence = match self.still_meets(request, policy, candidate, &fresh, began).await {
            Ok(Ok(evidence)) => evidence,
            Ok(Err(instead)) => return self.take(request, candidate, instead).await,
            // Such as approvers who can't be looked up: nobody can be judged until they can, and the card says so.
            Err(error) => {
                let (why, to_be_told) = (format!("{error:#}"), !may_pass(&error));
                let hindrance = Hindrance { why, to_be_told, may_be_of_one: false };
                let wait = Step::Wait { error: hindrance.why.clone(), wait: WAIT_FOR_PERSON };
                self.take(request, candidate, wait).await?;
                return Ok(Some(hindrance));
            }
        };
        let now = self.s.clock.now();
        let holds = (Duration::zero()..=LOOK_HOLDS).contains(&(now - began));
        if !holds || now > execute_by(policy, decision.at) || stop.is_cancelled() {
            // Still due: the next round, or the next start, finds out whether it still may be done.
            return Ok(None);
        }
        let intent = Step::Intend { status_changed: fresh.account.status_changed.at(), evidence };
        if self.s.store.step_candidate(request.id, candidate.position, intent, now).await?.is_none() {
            // No longer due: somebody else settled it, so nothing is called.
            return Ok(None);
        }
        let denied_before = self.denials_so_far(request.id);
        let answer = self.s.identity.suspend(&candidate.shown.id).await;
        match answer {
            Ok(reference) => {
                passage.got_through();
                self.note_got_through(request.id, denied_before);
                self.take(request, candidate, Step::Confirm(Proof::by_call(reference))).await
            }
            Err(error) => self.find_out(request, candidate, error).await,
        }
    }

    /// Reads the account with all that either rule looks up. `None`: the workflow ends first.
    async fn look_before(
        &self,
        request: &Request,
        policy: &Policy,
        candidate: &Candidate,
        since: Option<DateTime<Utc>>,
    ) -> Option<Result<FreshLook, IdentityError>> {
        // The configuration may exempt more today than when the list was shown, and what isn't looked up exempts nobody.
        let rule = request.rule.looking_up_also_for(&policy.rule);
        let fresh = self.s.unless_ended(self.s.identity.look(&candidate.shown.id, &rule, since)).await?;
        Some(fresh)
    }

    /// No call may be made any more. What an earlier one did is read first: the outcome must not deny it.
    async fn call_off(
        &self,
        request: &Request,
        candidate: &Candidate,
        why: Skip,
    ) -> anyhow::Result<Option<Hindrance>> {
        if !candidate.state.may_have_worked() {
            return self.take(request, candidate, Step::Skip(why)).await;
        }
        let read = self.s.identity.read(&candidate.shown.id).await;
        let step = match read {
            Ok(Account { status: AccountStatus::Suspended, .. }) => Step::Confirm(Proof::by_reading()),
            Ok(_) => Step::Skip(why),
            Err(error) => return self.not_now(request, candidate, error).await,
        };
        self.take(request, candidate, step).await
    }

    /// Why the account is still to be suspended, or the step to take because it must not be.
    async fn still_meets(
        &self,
        request: &Request,
        policy: &Policy,
        candidate: &Candidate,
        fresh: &FreshLook,
        began: DateTime<Utc>,
    ) -> anyhow::Result<Result<Option<Box<Evidence>>, Step>> {
        let account = &fresh.account;
        let CandidateState::Due { attempts, status_changed, .. } = &candidate.state else {
            return Ok(Ok(None));
        };
        if account.status == AccountStatus::Suspended {
            let ours = candidate.state.may_have_worked();
            let step =
                if ours { Step::Confirm(Proof::by_reading()) } else { Step::Skip(Skip::AlreadySuspended) };
            return Ok(Err(step));
        }
        let tried = *attempts > 0 || status_changed.is_some();
        if tried && account.status_changed.at() != *status_changed {
            return Ok(Err(Step::Skip(Skip::ChangedByOthers)));
        }
        let standing = fresh_standing(self, policy, fresh, began).await?;
        // The rule that the approvers were shown and the rule of today must both still propose the account.
        let mut seen = None;
        for rule in [&request.rule, &policy.rule] {
            match assess(account, &standing, rule, self.s.clock.now()) {
                Assessment::Candidate(evidence) => {
                    seen.get_or_insert_with(|| Box::new(evidence));
                }
                other @ (Assessment::OtherType(_)
                | Assessment::Exempt(_)
                | Assessment::NotSuspendable(_)
                | Assessment::Unknown(_)
                | Assessment::Active(_)
                | Assessment::InGrace { .. }) => {
                    return Ok(Err(Step::Skip(Skip::NoLongerMatches(other))));
                }
            }
        }
        Ok(Ok(seen))
    }

    /// The account could not be read: nothing was tried.
    async fn not_now(
        &self,
        request: &Request,
        candidate: &Candidate,
        error: IdentityError,
    ) -> anyhow::Result<Option<Hindrance>> {
        let obstacle = match &error {
            IdentityError::NotFound(_) => {
                return self.take(request, candidate, Step::Skip(Skip::Gone)).await;
            }
            IdentityError::Denied(_) => {
                if let Some(own) = self.denied_for_itself(request, candidate, At::Look, &error).await? {
                    return self.take(request, candidate, Step::GiveUp { error: own }).await;
                }
                Some(denied(&error))
            }
            IdentityError::RateLimited { .. }
            | IdentityError::Transient(_)
            | IdentityError::Refused(_)
            | IdentityError::Malformed(_) => None,
        };
        let wait = match &error {
            IdentityError::Transient(_) | IdentityError::Refused(_) | IdentityError::Malformed(_) => {
                longer(self.patience(&error), candidate)
            }
            IdentityError::RateLimited { .. } | IdentityError::Denied(_) | IdentityError::NotFound(_) => {
                self.patience(&error)
            }
        };
        self.take(request, candidate, Step::Wait { error: error.to_string(), wait }).await?;
        Ok(obstacle)
    }

    /// The call did not plainly succeed: reading the account again says what it did.
    async fn find_out(
        &self,
        request: &Request,
        candidate: &Candidate,
        error: IdentityError,
    ) -> anyhow::Result<Option<Hindrance>> {
        match &error {
            IdentityError::NotFound(_) => {
                return self.take(request, candidate, Step::Skip(Skip::Gone)).await;
            }
            IdentityError::Denied(_) => {
                if let Some(own) = self.denied_for_itself(request, candidate, At::Call, &error).await? {
                    return self.take(request, candidate, Step::GiveUp { error: own }).await;
                }
                self.take(request, candidate, self.turned_away(&error)).await?;
                return Ok(Some(denied(&error)));
            }
            IdentityError::RateLimited { .. } => {
                return self.take(request, candidate, self.turned_away(&error)).await;
            }
            IdentityError::Transient(_) | IdentityError::Refused(_) | IdentityError::Malformed(_) => {}
        }
        let again = Step::TryAgain { error: error.to_string(), wait: WAIT_FOR_PROVIDER };
        let step = match self.s.identity.read(&candidate.shown.id).await {
            Ok(Account { status: AccountStatus::Suspended, .. }) => Step::Confirm(Proof::by_reading()),
            Err(IdentityError::NotFound(_)) => Step::Skip(Skip::Gone),
            Ok(Account { status: AccountStatus::Active, .. }) => again,
            // What the call did is not known: it is no failure, and no next try, before somebody could look.
            Err(
                unread @ (IdentityError::RateLimited { .. }
                | IdentityError::Transient(_)
                | IdentityError::Refused(_)
                | IdentityError::Denied(_)
                | IdentityError::Malformed(_)),
            ) => Step::Wait { error: error.to_string(), wait: longer(self.patience(&unread), candidate) },
            Ok(Account { status, .. }) => {
                Step::Skip(Skip::NoLongerMatches(Assessment::NotSuspendable(status)))
            }
        };
        self.take(request, candidate, step).await
    }

    fn turned_away(&self, error: &IdentityError) -> Step {
        Step::TurnedAway { error: error.to_string(), wait: self.patience(error) }
    }

    fn patience(&self, error: &IdentityError) -> Duration {
        match error {
            IdentityError::RateLimited { until } => (*until - self.s.clock.now()).max(Duration::seconds(1)),
            IdentityError::Denied(_) | IdentityError::Malformed(_) => WAIT_FOR_PERSON,
            IdentityError::Transient(_) | IdentityError::Refused(_) | IdentityError::NotFound(_) => {
                WAIT_FOR_PROVIDER
            }
        }
    }

    /// Commits a step; a suspension that is known to have worked leaves its sessions to be ended where the policy says
    /// so. Always `Ok(None)`, for the callers that end with it.
    async fn take(
        &self,
        request: &Request,
        candidate: &Candidate,
        step: Step,
    ) -> anyhow::Result<Option<Hindrance>> {
        let clears = self.s.policy(&request.policy).is_some_and(|policy| policy.clear_sessions);
        let step = match step {
            Step::Confirm(proof) if clears => Step::ConfirmAndClear(proof),
            other => other,
        };
        self.s.store.step_candidate(request.id, candidate.position, step, self.s.clock.now()).await?;
        Ok(None)
    }
}

/// A right that is missing for this account, if not for all.
fn denied(error: &IdentityError) -> Hindrance {
    Hindrance { why: error.to_string(), to_be_told: true, may_be_of_one: true }
}

/// Until when a due account was put off the last time; `None` if it never was.
fn put_off_until(candidate: &Candidate) -> Option<DateTime<Utc>> {
    if let CandidateState::Due { not_before, .. } = &candidate.state { *not_before } else { None }
}

/// What last stood in the way of any account of the list.
fn last_error(candidates: &[Candidate]) -> Option<&str> {
    candidates.iter().find_map(|one| match &one.state {
        CandidateState::Due { trouble, .. } => trouble.error.as_deref(),
        CandidateState::Skipped { error, .. } => error.as_deref(),
        CandidateState::Previewed
        | CandidateState::Proposed
        | CandidateState::Kept { .. }
        | CandidateState::Dropped
        | CandidateState::Suspended { .. }
        | CandidateState::Failed { .. } => None,
    })
}

/// Twice as long each time in a row, after so many waits.
pub(crate) fn doubled(wait: Duration, waits: u32) -> Duration {
    waiting::doubled(wait, waits, WAIT_MAX)
}

/// Twice as long each time in a row that the account could not be read.
fn longer(wait: Duration, candidate: &Candidate) -> Duration {
    match &candidate.state {
        CandidateState::Due { trouble, .. } => doubled(wait, trouble.waits),
        CandidateState::Previewed
        | CandidateState::Proposed
        | CandidateState::Kept { .. }
        | CandidateState::Dropped
        | CandidateState::Suspended { .. }
        | CandidateState::Skipped { .. }
        | CandidateState::Failed { .. } => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::candidate::Trouble;
    use crate::engine::bench::shown;

    #[test]
    fn what_stood_in_the_way_of_one_account_is_known_also_once_it_is_left_alone() {
        let now = chrono::DateTime::UNIX_EPOCH;
        let last = |states: &[CandidateState]| {
            let candidate =
                |state: &CandidateState| Candidate { position: 0, shown: shown(now), state: state.clone() };
            let all: Vec<Candidate> = states.iter().map(candidate).collect();
            last_error(&all).map(str::to_owned)
        };
        let due = |error: Option<&str>| CandidateState::Due {
            attempts: 0,
            not_before: None,
            status_changed: None,
            nothing_before: false,
            trouble: Trouble { error: error.map(str::to_owned), waits: 0 },
        };
        let skipped = CandidateState::Skipped {
            at: now,
            why: Skip::ApprovalTooOld,
            error: Some("no right".to_owned()),
        };
        assert_eq!(last(&[CandidateState::Proposed, due(None)]), None);
        assert_eq!(last(&[due(None), due(Some("no answer"))]).as_deref(), Some("no answer"));
        assert_eq!(last(&[due(None), skipped]).as_deref(), Some("no right"));
    }

    #[test]
    fn between_suspensions_that_get_through_one_is_turned_away_alone_and_two_in_a_row_are_not() {
        let (passage, error) = (Passage::default(), IdentityError::Denied("no right".into()));
        let hindrance = |may_be_of_one| Hindrance { may_be_of_one, ..denied(&error) };
        assert!(!passage.is_of_one(&hindrance(true)) && !passage.ever_open(), "nobody got through yet");
        passage.got_through();
        assert!(!passage.is_of_one(&hindrance(false)), "a clock is everybody's");
        assert!(passage.is_of_one(&hindrance(true)));
        assert!(!passage.is_of_one(&hindrance(true)), "the right may have been taken away meanwhile");
        assert!(passage.ever_open());
        passage.got_through();
        assert!(passage.is_of_one(&hindrance(true)));
    }
}
