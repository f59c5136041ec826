//! Drives one effect on an account: the only code that has the identity provider change something.
//!
//! Its turn, a read, whether it still may be done, the committed intent, the call, the outcome. A process that dies
//! anywhere in between finds the row still due, and reading the account again says what the call did. The effects
//! ([`suspend`](super::suspend), [`restore`](super::restore), [`sessions`](super::sessions)) say what differs.

use chrono::{DateTime, Duration, Utc};

use crate::domain::account::{Account, AccountId};
use crate::domain::attempt::{Attempt, AttemptStep, Goal, Proof};
use crate::domain::backoff;
use crate::domain::provider::ProviderName;
use crate::identity::{ActivityLog as _, Directory as _, IdentityError, Reference, StatusChange};
use crate::services::{Services, WorkResult};

/// A missing right or an unreadable answer needs a person: looked at again this often until the approval is too old.
pub(crate) const WAIT_FOR_PERSON: Duration = Duration::seconds(60);
/// A passing fault.
pub(crate) const WAIT_FOR_PROVIDER: Duration = Duration::seconds(5);
/// One that goes on is asked about less and less often, down to this.
const WAIT_MAX: Duration = Duration::minutes(5);

/// What every effect has.
pub(super) struct Of<'a> {
    pub(super) s: &'a Services,
    /// Where the account is, as its row says.
    pub(super) provider: &'a ProviderName,
    pub(super) account: &'a AccountId,
    /// What was tried so far.
    pub(super) attempt: &'a Attempt,
}

/// Whether an effect may be looked into.
pub(super) enum Gate<E: Effect> {
    /// It may.
    Open(E::Begun),
    /// It is to end like this, unless reading the account shows what an earlier call did: the outcome must not deny it.
    CallOff(AttemptStep<E::Why>),
    /// Take this step instead.
    Instead(AttemptStep<E::Why>),
    /// Not in this round.
    Closed,
}

/// At which moment the provider denied an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// When it was read again: nothing was called.
    Look,
    /// By the call itself, right after the account could be read.
    Call,
}

/// An effect on one account that is due.
pub(super) trait Effect: Sized {
    /// What is to be achieved.
    const GOAL: Goal;
    /// The provider does not know the account any more.
    const GONE: Self::Why;
    /// Why the account is left alone.
    type Why;
    /// What its turn came with.
    type Begun;
    /// What is read of the account before the call.
    type Seen;

    fn of(&self) -> Of<'_>;

    /// Waits for its turn, and says whether the effect may be looked into at all.
    async fn begin(&mut self) -> WorkResult<Gate<Self>>;

    /// Reads the account, with all that speaks against the effect.
    async fn look(&self, begun: &Self::Begun) -> Result<Self::Seen, IdentityError>;

    /// Returns the intent if the effect still may be had, and otherwise the step to take instead. `None`: not in this
    /// round.
    async fn judge(
        &mut self,
        begun: Self::Begun,
        seen: Self::Seen,
    ) -> WorkResult<Option<AttemptStep<Self::Why>>>;

    /// Returns what the account shows of an earlier call. `None`: it did nothing.
    fn found(&self, _: &Account) -> Option<AttemptStep<Self::Why>> {
        None
    }

    /// Commits a step. `false`: nothing may be done, since somebody else has settled it.
    async fn commit(&mut self, step: AttemptStep<Self::Why>) -> WorkResult<bool>;

    /// Makes the call, once.
    async fn call(&mut self) -> Result<Reference, IdentityError>;

    /// Returns the step after a denial, or where there is no provider to ask, if that is this account's own.
    async fn denied(&mut self, _: At, _: &IdentityError) -> WorkResult<Option<AttemptStep<Self::Why>>> {
        Ok(None)
    }

    /// Returns whether nobody waits any longer to read what an earlier call did.
    fn is_too_late_to_tell(&self) -> bool {
        false
    }

    /// Returns the step after a call that did not plainly succeed. What it did is read before the next one.
    async fn find_out(&mut self, error: IdentityError) -> WorkResult<AttemptStep<Self::Why>> {
        Ok(AttemptStep::TryAgain { error: error.to_string(), wait: WAIT_FOR_PROVIDER })
    }
}

/// Reads the latest change since then that the log has of an account without a date of its own. An error that passes
/// if nobody can tell: what may be somebody else's doing is not undone meanwhile.
pub(super) async fn changed_since(
    Of { s, provider, account, .. }: Of<'_>,
    since: DateTime<Utc>,
) -> Result<Option<StatusChange>, IdentityError> {
    let provider = s.provider(provider);
    if s.clock.now() - since > provider.log_kept() {
        let why =
            "the log does not go back to the last try, so nobody can tell who changed the account since";
        return Err(IdentityError::Transient(why.to_owned()));
    }
    provider.last_change(account, since).await.map_err(|error| match error {
        passing @ (IdentityError::RateLimited { .. }
        | IdentityError::Transient(_)
        | IdentityError::NotConfigured(_)) => passing,
        // The account itself could be read.
        IdentityError::NotFound(_)
        | IdentityError::Refused(_)
        | IdentityError::Denied(_)
        | IdentityError::Malformed(_) => {
            let why = format!("nobody can tell who changed the account since the last try: {error}");
            IdentityError::Transient(why)
        }
    })
}

/// Takes an effect as far as it can be taken now.
pub(super) async fn attempt<E: Effect>(effect: &mut E) -> WorkResult<()> {
    let step = match effect.begin().await? {
        Gate::Open(begun) => match effect.of().s.unless_ended(effect.look(&begun)).await {
            Some(Ok(seen)) => effect.judge(begun, seen).await?,
            Some(Err(error)) => Some(unread(effect, error).await?),
            None => None,
        },
        Gate::CallOff(end) => call_off(effect, end).await?,
        Gate::Instead(step) => Some(step),
        Gate::Closed => None,
    };
    let Some(step) = step else { return Ok(()) };
    let intends = matches!(step, AttemptStep::Intend { .. });
    if !effect.commit(step).await? || !intends {
        return Ok(());
    }
    let step = match effect.call().await {
        Ok(reference) => AttemptStep::Confirm(Proof::by_call(reference)),
        Err(IdentityError::NotFound(_)) => AttemptStep::Skip(E::GONE),
        Err(
            error @ (IdentityError::RateLimited { .. }
            | IdentityError::Denied(_)
            | IdentityError::NotConfigured(_)),
        ) => rejected(effect, error).await?,
        Err(
            error @ (IdentityError::Transient(_) | IdentityError::Refused(_) | IdentityError::Malformed(_)),
        ) => effect.find_out(error).await?,
    };
    effect.commit(step).await?;
    Ok(())
}

async fn call_off<E: Effect>(
    effect: &mut E,
    end: AttemptStep<E::Why>,
) -> WorkResult<Option<AttemptStep<E::Why>>> {
    let Of { s, provider, account, attempt } = effect.of();
    // An account does not show whether its sessions have ended.
    if E::GOAL == Goal::EndSessions || !attempt.may_have_worked(E::GOAL) {
        return Ok(Some(end));
    }
    Ok(match s.unless_ended(s.provider(provider).read(account)).await {
        Some(Ok(account)) => Some(effect.found(&account).unwrap_or(end)),
        Some(Err(error)) => Some(unread(effect, error).await?),
        None => None,
    })
}

/// Returns the step after an account could not be read.
pub(super) async fn unread<E: Effect>(
    effect: &mut E,
    error: IdentityError,
) -> WorkResult<AttemptStep<E::Why>> {
    if let IdentityError::NotFound(_) = error {
        return Ok(AttemptStep::Skip(E::GONE));
    }
    if let Some(own) = denied(effect, At::Look, &error).await? {
        return Ok(own);
    }
    if effect.is_too_late_to_tell() {
        return Ok(AttemptStep::TooLateToTell);
    }
    Ok(AttemptStep::Wait { error: error.to_string(), wait: patience(effect, &error) })
}

/// Returns the step after a call that was rejected unseen.
async fn rejected<E: Effect>(effect: &mut E, error: IdentityError) -> WorkResult<AttemptStep<E::Why>> {
    if let Some(own) = denied(effect, At::Call, &error).await? {
        return Ok(own);
    }
    Ok(AttemptStep::Rejected { error: error.to_string(), wait: patience(effect, &error) })
}

async fn denied<E: Effect>(
    effect: &mut E,
    at: At,
    error: &IdentityError,
) -> WorkResult<Option<AttemptStep<E::Why>>> {
    match error {
        IdentityError::Denied(_) | IdentityError::NotConfigured(_) => effect.denied(at, error).await,
        IdentityError::RateLimited { .. }
        | IdentityError::Transient(_)
        | IdentityError::NotFound(_)
        | IdentityError::Refused(_)
        | IdentityError::Malformed(_) => Ok(None),
    }
}

/// Returns how long the effect waits after an error: twice as long each time in a row that nothing could be tried.
pub(super) fn patience<E: Effect>(effect: &E, error: &IdentityError) -> Duration {
    let Of { s, attempt, .. } = effect.of();
    // Of the suspensions of a list, one account finds out for all of them whether a right is still missing.
    let finds_out = E::GOAL == Goal::Suspend && matches!(error, IdentityError::Denied(_));
    wait_after(error, if finds_out { 0 } else { attempt.trouble.waits }, s.clock.now())
}

/// Returns how long to wait after an error, where nothing could be tried so many times in a row.
pub(super) fn wait_after(error: &IdentityError, waits: u32, now: DateTime<Utc>) -> Duration {
    let first = match error {
        IdentityError::RateLimited { until } => return (*until - now).max(Duration::seconds(1)),
        IdentityError::Denied(_) | IdentityError::Malformed(_) | IdentityError::NotConfigured(_) => {
            WAIT_FOR_PERSON
        }
        IdentityError::Transient(_) | IdentityError::Refused(_) | IdentityError::NotFound(_) => {
            WAIT_FOR_PROVIDER
        }
    };
    backoff::doubled(first, waits, WAIT_MAX)
}

/// What came of one round of work on a request.
pub(crate) enum Effort {
    /// Every due account waits for its time.
    NothingDue,
    /// Each due account took a step, or was left for the next round.
    Made,
    /// Something that a person must fix blocks all of them.
    Blocked(Blocker),
}

/// What stands in the way of suspensions.
pub(crate) struct Blocker {
    /// In words.
    pub(crate) why: String,
    /// Whether people have to hear of it: it is no passing trouble, and not said elsewhere.
    pub(crate) to_be_told: bool,
    /// Whether it may be in the way of this account alone: a role may cover some accounts and not others.
    pub(crate) may_be_of_one: bool,
}

/// What blocks all suspensions of a request until a person fixes it.
pub(crate) struct Blocked {
    pub(crate) blocker: Blocker,
    /// When to find out whether it still does.
    pub(crate) until: DateTime<Utc>,
}
