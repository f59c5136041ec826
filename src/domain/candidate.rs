//! One proposed account on its way from proposal to outcome.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::assess::Assessment;
use super::attempt::{self, Attempt, Confirmation, Dropped, Goal, Next, Proof, Sessions, Unproven, drafts};
use super::audit::{Draft, Person, Subject};
use super::policy::{AccountOwners, is_own_account};
use super::snapshot::CandidateSnapshot;

/// Why an approved account was left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// It no longer met the rule when read again; the assessment says why.
    NoLongerMatches(Assessment),
    /// The provider no longer knows it.
    Gone,
    /// It was already suspended by somebody else before a try of ours could do it.
    AlreadySuspended,
    /// Its status changed after our first try: somebody else had a hand in it.
    ChangedByOthers,
    /// The approval was too old to be carried out.
    ApprovalTooOld,
    /// The approver's own account.
    OwnAccount,
    /// The policy is no longer in the configuration.
    PolicyGone,
    /// The row claims what the audit trail does not bear out: somebody changed the database by hand.
    Unproven(Unproven),
    /// The approval is from before the database was restored.
    Superseded,
}

/// Where a candidate stands. The variants carry their evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CandidateState {
    /// Shown in a preview, which asks for nothing.
    Previewed,
    /// Waiting for the decision.
    Proposed,
    /// The decision left it out.
    Kept {
        /// Who kept it.
        by: Person,
        /// Until when it is left alone, if they said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
    },
    /// The request ended without an approval.
    Dropped,
    /// Approved; to be suspended.
    Due(#[serde(serialize_with = "with_null")] Attempt),
    /// Done.
    Suspended {
        /// When we learnt it.
        at: DateTime<Utc>,
        /// How we know.
        confirmation: Confirmation,
        /// Where its sessions stand.
        #[serde(default, skip_serializing_if = "Sessions::is_left")]
        sessions: Sessions,
    },
    /// Left alone.
    Skipped {
        at: DateTime<Utc>,
        why: Skip,
        /// The last error before an approval grew too old.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Not done, in spite of trying.
    Failed {
        at: DateTime<Utc>,
        /// The provider's answer, redacted.
        error: String,
        /// Tries made.
        attempts: u32,
        /// The status change as read before the first try.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status_changed: Option<DateTime<Utc>>,
    },
}

/// Suspensions are stored with `null` where no status change was read. What else is due leaves it out.
fn with_null<S: Serializer>(attempt: &Attempt, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct WithNull<'a> {
        #[serde(flatten)]
        attempt: &'a Attempt,
        status_changed: (),
    }
    match attempt.status_changed {
        Some(_) => attempt.serialize(serializer),
        None => WithNull { attempt, status_changed: () }.serialize(serializer),
    }
}

impl CandidateState {
    /// To be suspended, not tried yet.
    pub fn due() -> CandidateState {
        CandidateState::Due(Attempt::default())
    }

    /// To be suspended once more, after tries that failed. What was seen before them goes on saying whether somebody else
    /// was there, or we were.
    #[must_use]
    pub fn due_again(&self) -> CandidateState {
        let (CandidateState::Failed { status_changed, .. }
        | CandidateState::Due(Attempt { status_changed, .. })) = self
        else {
            return CandidateState::due();
        };
        CandidateState::Due(Attempt { status_changed: *status_changed, ..Attempt::default() })
    }

    /// Returns what was tried of a suspension that is due.
    pub fn attempt(&self) -> Option<&Attempt> {
        if let CandidateState::Due(attempt) = self { Some(attempt) } else { None }
    }

    /// Returns what was tried of ending the sessions of a suspended account, while that is due.
    pub fn sessions_attempt(&self) -> Option<&Attempt> {
        if let CandidateState::Suspended { sessions: Sessions::Due(attempt), .. } = self {
            Some(attempt)
        } else {
            None
        }
    }

    /// Whether a try of ours may have worked. If none may, an account that is found suspended was suspended by
    /// somebody else.
    pub fn may_have_worked(&self) -> bool {
        self.attempt().is_some_and(|attempt| attempt.may_have_worked(Goal::Suspend))
    }

    /// Done, with sessions left alone.
    pub fn suspended(at: DateTime<Utc>, confirmation: Confirmation) -> CandidateState {
        CandidateState::Suspended { at, confirmation, sessions: Sessions::Left }
    }

    /// Left alone.
    pub fn skipped(at: DateTime<Utc>, why: Skip) -> CandidateState {
        CandidateState::Skipped { at, why, error: None }
    }

    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            CandidateState::Previewed => "previewed",
            CandidateState::Proposed => "proposed",
            CandidateState::Kept { .. } => "kept",
            CandidateState::Dropped => "dropped",
            CandidateState::Due { .. } => "due",
            CandidateState::Suspended { .. } => "suspended",
            CandidateState::Skipped { .. } => "skipped",
            CandidateState::Failed { .. } => "failed",
        }
    }

    /// When a due candidate may be tried, `now` if it need not wait; `None` if it is not due.
    pub fn due_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.attempt().map(|attempt| attempt.due_at(now))
    }

    /// When the sessions of a suspended account may be ended, `now` if that need not wait; `None` if they are not due.
    pub fn sessions_due_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.sessions_attempt().map(|attempt| attempt.due_at(now))
    }

    /// Whether an open question or task holds the account: at most one such row exists per account.
    pub fn is_open(&self) -> bool {
        match self {
            CandidateState::Proposed | CandidateState::Due { .. } => true,
            CandidateState::Previewed
            | CandidateState::Kept { .. }
            | CandidateState::Dropped
            | CandidateState::Suspended { .. }
            | CandidateState::Skipped { .. }
            | CandidateState::Failed { .. } => false,
        }
    }
}

/// A candidate of one approval request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Position in the request's list, from 0; fixed when the request is made.
    pub position: u32,
    pub shown: CandidateSnapshot,
    /// Where it stands.
    pub state: CandidateState,
}

impl Candidate {
    /// The account for audit events.
    pub fn subject(&self) -> Subject {
        Subject { id: self.shown.id.clone(), login: self.shown.login.clone() }
    }

    /// Whether the account is the person's own.
    pub fn is_own_of(&self, person: &Person, account_owners: &AccountOwners) -> bool {
        is_own_account(account_owners, person, &self.subject(), self.shown.email.as_deref())
    }
}

/// What happens to a candidate while a decision is executed.
pub type SuspensionStep = attempt::AttemptStep<Skip>;

/// The next state of a due candidate and the audit events that go with it. `None`: the candidate is not due, and
/// nothing may be done with it.
pub fn step(
    candidate: &Candidate,
    step: SuspensionStep,
    now: DateTime<Utc>,
) -> Option<(CandidateState, Vec<Draft>)> {
    let attempt = candidate.state.attempt()?;
    let (next, mut trace) = attempt.step(Goal::Suspend, step, now)?;
    let state = match next {
        Next::Due(attempt) => CandidateState::Due(attempt),
        Next::Done(Proof { confirmation, sessions, .. }) => {
            CandidateState::Suspended { at: now, confirmation, sessions }
        }
        Next::Skipped(why) => {
            // What else ends it is its own reason; age alone has one behind it.
            let error = attempt.trouble.error.clone().filter(|_| why == Skip::ApprovalTooOld);
            if let (Some(error), Some((_, detail))) = (&error, &mut trace) {
                detail["error"] = json!(error);
            }
            CandidateState::Skipped { at: now, why, error }
        }
        Next::Failed { error, .. } => {
            let Attempt { attempts, status_changed, .. } = *attempt;
            CandidateState::Failed { at: now, error, attempts, status_changed }
        }
    };
    Some((state, drafts(candidate.subject(), trace, now)))
}

/// The next state of a suspended candidate whose sessions are due, and the audit events that go with it. `None`: they
/// are not due, and nothing may be done.
pub fn step_sessions(
    candidate: &Candidate,
    step: attempt::AttemptStep<Dropped>,
    now: DateTime<Utc>,
) -> Option<(CandidateState, Vec<Draft>)> {
    let CandidateState::Suspended { at, confirmation, sessions: Sessions::Due(attempt) } = &candidate.state
    else {
        return None;
    };
    let (next, trace) = attempt.step(Goal::EndSessions, step, now)?;
    let sessions = match next {
        Next::Due(attempt) => Sessions::Due(attempt),
        Next::Done(_) => Sessions::Cleared { at: now },
        Next::Skipped(why) => Sessions::Dropped { at: now, why },
        Next::Failed { error, unclear, .. } => Sessions::Failed { at: now, error, unclear },
    };
    let state = CandidateState::Suspended { at: *at, confirmation: *confirmation, sessions };
    Some((state, drafts(candidate.subject(), trace, now)))
}
