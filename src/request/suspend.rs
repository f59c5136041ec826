//! Executing an approval: each account is read again, judged again by the rule that was shown and by the rule of today, and
//! then suspended, as `attempt.rs` drives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::domain::account::{Account, AccountStatus};
use crate::domain::assess::{Assessment, assess};
use crate::domain::attempt::{Attempt, Goal, Proof, Sessions};
use crate::domain::candidate::{Candidate, CandidateState, Skip, SuspensionStep};
use crate::domain::ids::RequestId;
use crate::domain::policy::{Policy, execute_by};
use crate::domain::request::{Decision, Request};
use crate::domain::undated::is_changed_by_others;
use crate::identity::watched::Watched;
use crate::identity::{Directory as _, FreshLook, IdentityError, Lifecycle as _, Reference, StatusChange};
use crate::request::Requests;
use crate::request::attempt::{
    self, At, Blocker, Effect, Effort, Gate, Of, WAIT_FOR_PERSON, WAIT_FOR_PROVIDER, changed_since, patience,
    unread,
};
use crate::request::standing::fresh_standing;
use crate::services::work::Work;
use crate::services::{WorkResult, lock};

/// What was read of an account is acted on within this time. A machine that slept in between, or whose clock jumped,
/// starts again.
const LOOK_HOLDS: Duration = Duration::minutes(5);

/// What a round has found out about whether calls get through.
#[derive(Default)]
struct AttemptGate {
    /// A suspension succeeded, and none was denied since.
    open: AtomicBool,
    /// A suspension was denied right after another succeeded.
    passed_by: AtomicBool,
}

impl AttemptGate {
    fn got_through(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// Whether this is in the way of one account: a suspension succeeded since the last one that was denied.
    fn is_of_one(&self, blocker: &Blocker) -> bool {
        let of_one = blocker.may_be_of_one && self.open.swap(false, Ordering::Relaxed);
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
    pub(crate) async fn execute_round(
        &self,
        request: &Request,
        decision: &Decision,
        candidates: &[Candidate],
        at_most: usize,
        stop: &CancellationToken,
    ) -> WorkResult<Effort> {
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
    ) -> WorkResult<Effort> {
        let now = self.s.clock.now();
        let mut due: Vec<(&Candidate, &Attempt)> = candidates
            .iter()
            .filter_map(|one| Some((one, one.state.attempt()?)))
            .filter(|(_, attempt)| attempt.due_at(now) <= now)
            .collect();
        // Accounts that had no turn yet come first: a few that are denied each time must not use up all the turns.
        due.sort_by_key(|(_, attempt)| attempt.not_before);
        // What has not begun, or has only looked, stays due; a call in flight is let finish.
        let (halt, passage) = (stop.child_token(), AttemptGate::default());
        let last_error = last_error(candidates);
        let tries: Vec<_> = due
            .into_iter()
            .take(at_most)
            .map(async |(candidate, attempt)| {
                if halt.is_cancelled() {
                    return Ok(None);
                }
                let (passage, blocker) = (&passage, None);
                let mut one = Suspension {
                    requests: self,
                    request,
                    decision,
                    candidate,
                    attempt,
                    last_error,
                    passage,
                    stop,
                    blocker,
                };
                let blocker = attempt::attempt(&mut one).await.map(|()| one.blocker);
                self.s.rows.moves_on(&Work::Request(request.id));
                let goes_on = match &blocker {
                    Ok(blocker) => blocker.as_ref().is_none_or(|blocker| passage.is_of_one(blocker)),
                    Err(_) => false,
                };
                if !goes_on {
                    halt.cancel();
                }
                blocker
            })
            .collect();
        let results: Vec<WorkResult<Option<Blocker>>> =
            stream::iter(tries).buffer_unordered(self.s.concurrency).collect().await;
        if results.is_empty() {
            return Ok(Effort::NothingDue);
        }
        let blockers: Vec<Option<Blocker>> = results.into_iter().collect::<WorkResult<_>>()?;
        // What turns everybody away turns everybody away in the next round, too.
        let of_all = |blocker: &Blocker| !(blocker.may_be_of_one && passage.ever_open());
        Ok(blockers.into_iter().flatten().find(of_all).map_or(Effort::Made, Effort::Blocked))
    }
}

/// One approved account, to be suspended.
struct Suspension<'a> {
    requests: &'a Requests,
    request: &'a Request,
    decision: &'a Decision,
    candidate: &'a Candidate,
    attempt: &'a Attempt,
    /// What last stood in the way of any account of the list.
    last_error: Option<&'a str>,
    passage: &'a AttemptGate,
    stop: &'a CancellationToken,
    /// What stands in the way, if it stops the others too or may.
    blocker: Option<Blocker>,
}

/// The account has its turn.
struct Begun<'a> {
    policy: &'a Policy,
    at: DateTime<Utc>,
    /// How far back the log is read.
    since: Option<DateTime<Utc>>,
}

impl<'a> Effect for Suspension<'a> {
    const GOAL: Goal = Goal::Suspend;
    const GONE: Skip = Skip::Gone;
    type Why = Skip;
    type Begun = Begun<'a>;
    type Seen = (FreshLook, Option<StatusChange>);

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
        // Whatever is waited for is waited for before anything is looked at.
        let provider = s.provider(&self.request.rule.provider);
        let Some(turn) = s.unless_ended(provider.turn_to_change()).await else { return Ok(Gate::Closed) };
        let Some(policy) = s.policy(&self.request.policy) else {
            return Ok(Gate::CallOff(SuspensionStep::Skip(Skip::PolicyGone)));
        };
        if !s.store.lineage().owns_request(self.request.id) {
            return Ok(Gate::CallOff(SuspensionStep::Skip(Skip::Superseded)));
        }
        if s.clock.now() > execute_by(policy, self.decision.at) {
            return self.begin_too_late().await;
        }
        if s.store.pause_of(&policy.name).await?.is_some() {
            let why = "an admin has paused the policy".to_owned();
            self.blocker = Some(Blocker { why, to_be_told: false, may_be_of_one: false });
            return Ok(Gate::Closed);
        }
        if let Err(error) = turn {
            return Ok(Gate::Instead(unread(self, error).await?));
        }
        // The policy is about the accounts of another provider now.
        if policy.rule.provider != self.request.rule.provider {
            return Ok(Gate::CallOff(SuspensionStep::Skip(Skip::PolicyGone)));
        }
        let at = s.clock.now();
        let since = self.requests.look_from(self.of().account, at).await?;
        Ok(Gate::Open(Begun { policy, at, since }))
    }

    async fn look(&self, begun: &Begun<'a>) -> Result<Self::Seen, IdentityError> {
        // The configuration may exempt more today than when the list was shown, and what isn't looked up exempts nobody.
        let rule = self.request.rule.looking_up_also_for(&begun.policy.rule);
        let fresh = self.provider().look(self.of().account, &rule, begun.since).await?;
        let undated = fresh.account.status_changed.at().is_none();
        let in_log = if undated && self.attempt.attempts > 0 {
            changed_since(self.of(), self.decision.at).await?
        } else {
            None
        };
        Ok((fresh, in_log))
    }

    async fn judge(
        &mut self,
        begun: Begun<'a>,
        (fresh, in_log): Self::Seen,
    ) -> WorkResult<Option<SuspensionStep>> {
        let s = &self.requests.s;
        // The look has just shown what time it is there; how long the account is idle can't be determined otherwise.
        if let Some(why) = s.clock_is_off(&self.request.rule.provider) {
            return Ok(Some(self.blocked(why, true)));
        }
        let step = match self.still_meets(&begun, &fresh, in_log.as_ref()).await {
            Ok(step) => step,
            // Such as approvers who can't be looked up: nobody can be judged until they can, and the card says so.
            Err(error) => return Ok(Some(self.blocked(format!("{error:#}"), !error.may_pass()))),
        };
        let now = s.clock.now();
        let is_fresh = (Duration::zero()..=LOOK_HOLDS).contains(&(now - begun.at));
        let in_time = now <= execute_by(begun.policy, self.decision.at);
        // What is left stays due: the next round, or the next start, finds out whether it still may be done.
        let goes_on = is_fresh && in_time && !self.stop.is_cancelled();
        Ok(Some(step).filter(|step| goes_on || !matches!(step, SuspensionStep::Intend { .. })))
    }

    fn found(&self, account: &Account) -> Option<SuspensionStep> {
        (account.status == AccountStatus::Suspended).then(|| SuspensionStep::Confirm(Proof::by_reading()))
    }

    async fn commit(&mut self, step: SuspensionStep) -> WorkResult<bool> {
        let (s, request) = (&self.requests.s, self.request);
        let clears = s.policy(&request.policy).is_some_and(|policy| policy.clear_sessions);
        let step = match step {
            SuspensionStep::Confirm(proof) if clears => {
                SuspensionStep::Confirm(Proof { sessions: Sessions::due(), ..proof })
            }
            other => other,
        };
        let taken = s.store.step_candidate(request.id, self.candidate.position, step, s.clock.now()).await?;
        Ok(taken.is_some())
    }

    async fn call(&mut self) -> Result<Reference, IdentityError> {
        let (requests, request) = (self.requests, self.request.id);
        let denied_before = requests.denials_so_far(request);
        let answer = self.provider().suspend(self.of().account).await;
        if answer.is_ok() {
            self.passage.got_through();
            requests.note_got_through(request, denied_before);
        }
        answer
    }

    /// A right is missing, for all accounts if not for this one: then it fails with an error of its own.
    async fn denied(&mut self, at: At, error: &IdentityError) -> WorkResult<Option<SuspensionStep>> {
        let own = if matches!(error, IdentityError::NotConfigured(_)) {
            None
        } else {
            self.requests.denied_for_itself(self.request, self.candidate, at, error).await?
        };
        if own.is_none() {
            self.blocker = Some(denied(error));
        }
        Ok(own.map(|error| SuspensionStep::GiveUp { error }))
    }

    async fn find_out(&mut self, error: IdentityError) -> WorkResult<SuspensionStep> {
        let read = self.provider().read(self.of().account).await;
        let error = error.to_string();
        Ok(match read {
            Ok(Account { status: AccountStatus::Active, .. }) => {
                SuspensionStep::TryAgain { error, wait: WAIT_FOR_PROVIDER }
            }
            Ok(account) => self.found(&account).unwrap_or(SuspensionStep::Skip(Skip::NoLongerMatches(
                Assessment::NotSuspendable(account.status),
            ))),
            Err(IdentityError::NotFound(_)) => SuspensionStep::Skip(Skip::Gone),
            // What the call did is not known: it is no failure, and no next try, before somebody could look.
            Err(unread) => SuspensionStep::Wait { error, wait: patience(self, &unread) },
        })
    }
}

impl Suspension<'_> {
    fn provider(&self) -> Arc<Watched> {
        self.requests.s.provider(&self.request.rule.provider)
    }

    /// The approval is too old. The end of an account that never came to its turn says what stood in the way of others.
    async fn begin_too_late(&mut self) -> WorkResult<Gate<Self>> {
        let s = &self.requests.s;
        // The answer says what time it is there: a clock that is ahead ends no approval.
        let read = self.provider().read(self.of().account).await;
        if let (Ok(_), Some(why)) = (&read, s.clock_is_off(&self.request.rule.provider)) {
            self.blocker = Some(Blocker { why, to_be_told: true, may_be_of_one: false });
            return Ok(Gate::Closed);
        }
        if let (None, Some(error)) = (&self.attempt.trouble.error, self.last_error) {
            self.commit(SuspensionStep::Wait { error: error.to_owned(), wait: Duration::zero() }).await?;
        }
        Ok(Gate::CallOff(SuspensionStep::Skip(Skip::ApprovalTooOld)))
    }

    /// Returns the intent with why the account is still to be suspended, or the step to take because it must not be.
    async fn still_meets(
        &self,
        begun: &Begun<'_>,
        fresh: &FreshLook,
        in_log: Option<&StatusChange>,
    ) -> WorkResult<SuspensionStep> {
        let account = &fresh.account;
        if account.status == AccountStatus::Suspended {
            let ours = self.candidate.state.may_have_worked();
            let done = if ours { self.found(account) } else { None };
            return Ok(done.unwrap_or(SuspensionStep::Skip(Skip::AlreadySuspended)));
        }
        let (status_changed, before) = (account.status_changed.at(), self.attempt.status_changed);
        let was_read_before = self.attempt.attempts > 0 || before.is_some();
        if was_read_before && is_changed_by_others(before, status_changed, in_log) {
            return Ok(SuspensionStep::Skip(Skip::ChangedByOthers));
        }
        let standing =
            fresh_standing(self.requests, &self.request.rule.provider, begun.policy, fresh, begun.at).await?;
        // The rule that the approvers were shown and the rule of today must both still propose the account.
        let mut evidence = None;
        for rule in [&self.request.rule, &begun.policy.rule] {
            match assess(account, &standing, rule, self.requests.s.clock.now()) {
                Assessment::Candidate(seen) => {
                    evidence.get_or_insert_with(|| Box::new(seen));
                }
                other @ (Assessment::OtherType(_)
                | Assessment::Exempt(_)
                | Assessment::NotSuspendable(_)
                | Assessment::Unknown(_)
                | Assessment::Active(_)
                | Assessment::InGrace { .. }) => {
                    return Ok(SuspensionStep::Skip(Skip::NoLongerMatches(other)));
                }
            }
        }
        Ok(SuspensionStep::Intend { status_changed, evidence })
    }

    /// Nobody of the list can be judged. If the approval ends before that is fixed, its end says why.
    fn blocked(&mut self, why: String, to_be_told: bool) -> SuspensionStep {
        self.blocker = Some(Blocker { why: why.clone(), to_be_told, may_be_of_one: false });
        SuspensionStep::Wait { error: why, wait: WAIT_FOR_PERSON }
    }
}

/// A right that is missing for this account, if not for all.
fn denied(error: &IdentityError) -> Blocker {
    let may_be_of_one = matches!(error, IdentityError::Denied(_));
    Blocker { why: error.to_string(), to_be_told: true, may_be_of_one }
}

/// What last stood in the way of any account of the list.
fn last_error(candidates: &[Candidate]) -> Option<&str> {
    candidates.iter().find_map(|one| match &one.state {
        CandidateState::Skipped { error, .. } => error.as_deref(),
        other => other.attempt()?.trouble.error.as_deref(),
    })
}

impl Requests {
    /// How many accounts of the request were denied so far.
    pub(crate) fn denials_so_far(&self, request: RequestId) -> u32 {
        lock(&self.denials).get(&request).map_or(0, |denials| denials.count)
    }

    /// A suspension of the request got through whose call began after so many denials. What was under way when the right
    /// was taken away shows nothing.
    pub(crate) fn note_got_through(&self, request: RequestId, after: u32) {
        lock(&self.denials).entry(request).or_default().got_through(after);
    }

    /// Notes that the account was denied. Returns the error that it fails with, if that is its own. An account does not
    /// fail while nobody knows what an earlier call did.
    pub(crate) async fn denied_for_itself(
        &self,
        request: &Request,
        candidate: &Candidate,
        at: At,
        error: &IdentityError,
    ) -> WorkResult<Option<String>> {
        let seen = lock(&self.denials).entry(request.id).or_default().note(candidate.position);
        if at == At::Look && candidate.state.may_have_worked() {
            return Ok(None);
        }
        let candidates = self.s.store.request(request.id).await?.map(|(_, candidates)| candidates);
        let is_of_one = seen.is_of_one(at, &candidates.unwrap_or_default());
        Ok(is_of_one.then(|| {
            format!(
                "{} denies only this account and suspends others of the list, so it may be outside the resource set of \
                 the bot's role: {error}",
                self.s.terms(&request.rule.provider).name
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::RetryState;
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
        let due = |error: Option<&str>| {
            let trouble = RetryState { error: error.map(str::to_owned), waits: 0 };
            CandidateState::Due(Attempt { trouble, ..Attempt::default() })
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
    fn between_suspensions_that_get_through_one_is_rejected_alone_and_two_in_a_row_are_not() {
        let (passage, error) = (AttemptGate::default(), IdentityError::Denied("no right".into()));
        let blocker = |may_be_of_one| Blocker { may_be_of_one, ..denied(&error) };
        assert!(!passage.is_of_one(&blocker(true)) && !passage.ever_open(), "nobody got through yet");
        passage.got_through();
        assert!(!passage.is_of_one(&blocker(false)), "a clock is everybody's");
        assert!(passage.is_of_one(&blocker(true)));
        assert!(!passage.is_of_one(&blocker(true)), "the right may have been taken away meanwhile");
        assert!(passage.ever_open());
        passage.got_through();
        assert!(passage.is_of_one(&blocker(true)));
    }
}
