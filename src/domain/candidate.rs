//! One proposed account on its way from proposal to outcome.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::AccountId;
use super::assess::{Assessment, Evidence};
use super::audit::{Action, Actor, Draft, Person, Subject};
use super::policy::{OwnAccounts, is_own_account};
use super::sessions::Sessions;
use super::waiting;

/// How often a suspension is tried before it is a failure that a person must look at.
pub const ATTEMPTS_MAX: u32 = 5;

/// The account as the approvers were shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The provider's id: what is acted on.
    pub id: AccountId,
    /// The login.
    pub login: String,
    /// The display name, possibly empty. Untrusted text.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The manager. Untrusted text.
    pub manager: Option<String>,
    /// Who the manager is, as the directory has it. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<String>,
    /// The organisation. Untrusted text.
    pub organization: Option<String>,
    /// Why it is proposed.
    pub evidence: Evidence,
    /// In how many sweeps in a row, before this one, the account was already proposed (0: new).
    pub pending_sweeps: u32,
}

/// How we know that a suspension took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// The provider said so in answer to our call.
    ByCall,
    /// The answer was lost or unclear; reading the account again showed it suspended.
    ByReading,
}

/// What shows that a call took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How we know.
    pub confirmation: Confirmation,
    /// What the provider calls the call, if it said so.
    pub reference: Option<String>,
}

impl Proof {
    /// The provider answered the call.
    pub fn by_call(reference: Option<String>) -> Proof {
        Proof { confirmation: Confirmation::ByCall, reference }
    }

    /// The account was read again.
    pub fn by_reading() -> Proof {
        Proof { confirmation: Confirmation::ByReading, reference: None }
    }

    /// For the audit event.
    pub(super) fn detail(&self, attempts: u32) -> Value {
        let mut detail = json!({ "confirmation": self.confirmation, "attempts": attempts });
        if let Some(reference) = &self.reference {
            detail["provider_request"] = json!(reference);
        }
        detail
    }
}

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

/// What the audit trail does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// The decision that the row names: by that person, at that time, about that list.
    Decision,
    /// That it selected this account: proposed there, neither kept nor settled before.
    Selection,
}

/// What stood in the way of a suspension so far, or of giving an account back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The last error, redacted.
    pub error: Option<String>,
    /// How often in a row the account could not even be read; in a restoration, how often in a row it was put off
    /// without a try that counts.
    pub waits: u32,
}

impl Trouble {
    /// Whether this error says something else than the last one. Numbers and what stands in parentheses are a time or
    /// the name of a single call, and differ each time.
    pub(super) fn is_new(&self, error: &str) -> bool {
        self.error.as_deref().is_none_or(|last| gist(last) != gist(error))
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Trouble::default()
    }
}

fn gist(error: &str) -> String {
    let mut depth = 0_u32;
    let outside = |c: &char| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' => {
            depth = depth.saturating_sub(1);
            false
        }
        other => depth == 0 && !other.is_ascii_digit(),
    };
    error.chars().filter(outside).collect()
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
    Due {
        /// Tries so far. Each has an intent in the audit trail.
        attempts: u32,
        /// Not before this time.
        not_before: Option<DateTime<Utc>>,
        /// The status change as read before the first try: if it differs later, somebody else was there.
        status_changed: Option<DateTime<Utc>>,
        /// Nothing was tried before the tries that are counted here: once all of them are rejected, none is left that
        /// may have worked.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nothing_before: bool,
        /// What stood in the way so far.
        #[serde(default, skip_serializing_if = "Trouble::is_none")]
        trouble: Trouble,
    },
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
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: Skip,
        /// The last error before an approval grew too old.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Not done, in spite of trying.
    Failed {
        /// When.
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

impl CandidateState {
    /// To be suspended, not tried yet.
    pub fn due() -> CandidateState {
        CandidateState::Due {
            attempts: 0,
            not_before: None,
            status_changed: None,
            nothing_before: false,
            trouble: Trouble::default(),
        }
    }

    /// To be suspended once more, after tries that failed. What was seen before them goes on saying whether somebody else
    /// was there, or we were.
    #[must_use]
    pub fn due_again(&self) -> CandidateState {
        let (CandidateState::Failed { status_changed, .. } | CandidateState::Due { status_changed, .. }) =
            self
        else {
            return CandidateState::due();
        };
        CandidateState::Due {
            attempts: 0,
            not_before: None,
            status_changed: *status_changed,
            nothing_before: false,
            trouble: Trouble::default(),
        }
    }

    /// Whether a try of ours may have worked. If none may, an account that is found suspended was suspended by
    /// somebody else.
    pub fn may_have_worked(&self) -> bool {
        match self {
            CandidateState::Due { attempts, status_changed, nothing_before, .. } => {
                *attempts > 0 || (status_changed.is_some() && !nothing_before)
            }
            CandidateState::Previewed
            | CandidateState::Proposed
            | CandidateState::Kept { .. }
            | CandidateState::Dropped
            | CandidateState::Suspended { .. }
            | CandidateState::Skipped { .. }
            | CandidateState::Failed { .. } => false,
        }
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
        match self {
            CandidateState::Due { not_before, .. } => Some(waiting::until(*not_before, now).unwrap_or(now)),
            CandidateState::Previewed
            | CandidateState::Proposed
            | CandidateState::Kept { .. }
            | CandidateState::Dropped
            | CandidateState::Suspended { .. }
            | CandidateState::Skipped { .. }
            | CandidateState::Failed { .. } => None,
        }
    }

    /// When the sessions of a suspended account may be ended, `now` if that need not wait; `None` if they are not due.
    pub fn sessions_due_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            CandidateState::Suspended { sessions, .. } => sessions.due_at(now),
            CandidateState::Previewed
            | CandidateState::Proposed
            | CandidateState::Kept { .. }
            | CandidateState::Dropped
            | CandidateState::Due { .. }
            | CandidateState::Skipped { .. }
            | CandidateState::Failed { .. } => None,
        }
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
    /// What was shown.
    pub shown: Shown,
    /// Where it stands.
    pub state: CandidateState,
}

impl Candidate {
    /// The account for audit events.
    pub fn subject(&self) -> Subject {
        Subject { id: self.shown.id.clone(), login: self.shown.login.clone() }
    }

    /// Whether the account is the person's own.
    pub fn is_own_of(&self, person: &Person, own_accounts: &OwnAccounts) -> bool {
        is_own_account(own_accounts, person, &self.subject(), self.shown.email.as_deref())
    }
}

/// What happens to a candidate while a decision is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The provider is about to be called. Must be committed before the call.
    Intend {
        /// The status change as read just before.
        status_changed: Option<DateTime<Utc>>,
        /// Why the account still meets the rule, as read just before.
        evidence: Option<Box<Evidence>>,
    },
    /// It is suspended.
    Confirm(Proof),
    /// It is suspended, and its sessions are to be ended.
    ConfirmAndClear(Proof),
    /// It is left alone.
    Skip(Skip),
    /// The try did not work and may be repeated.
    TryAgain {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The provider turned the call away unseen (rate limit, missing right): it surely did nothing, so the try does not
    /// count.
    TurnedAway {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The provider can't be asked at the moment (rate limit, missing right); this counts as no try.
    Wait {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The try did not work, and no repetition can help.
    GiveUp {
        /// The provider's answer, redacted.
        error: String,
    },
}

/// The next state of a due candidate and the audit events that go with it. `None`: the candidate is not due, and
/// nothing may be done with it.
pub fn step(candidate: &Candidate, step: Step, now: DateTime<Utc>) -> Option<(CandidateState, Vec<Draft>)> {
    let CandidateState::Due { attempts, not_before, status_changed, nothing_before, trouble } =
        &candidate.state
    else {
        return None;
    };
    let (attempts, first_seen, nothing_before) = (*attempts, *status_changed, *nothing_before);
    let event = |action, detail| {
        vec![Draft { at: now, actor: Actor::System, action, subject: Some(candidate.subject()), detail }]
    };
    let again = |attempts, wait, error, waits| {
        let trouble = Trouble { error: Some(error), waits };
        let not_before = Some(waiting::put_off(now, wait));
        CandidateState::Due { attempts, not_before, status_changed: first_seen, nothing_before, trouble }
    };
    let suspended = |proof: Proof, sessions| {
        let state = CandidateState::Suspended { at: now, confirmation: proof.confirmation, sessions };
        (state, event(Action::Suspended, proof.detail(attempts)))
    };
    let fail = |error: String| {
        let events = event(Action::SuspensionFailed, json!({ "error": error, "attempts": attempts }));
        (CandidateState::Failed { at: now, error, attempts, status_changed: first_seen }, events)
    };
    Some(match step {
        Step::Intend { status_changed, evidence } => {
            let attempts = attempts + 1;
            // A repetition keeps what was seen before the first try.
            let status_changed = if attempts == 1 { status_changed } else { first_seen };
            let detail =
                json!({ "attempt": attempts, "status_changed": status_changed, "evidence": evidence });
            let events = event(Action::SuspensionIntended, detail);
            let nothing_before = nothing_before || !candidate.state.may_have_worked();
            let (not_before, trouble) = (*not_before, trouble.clone());
            (CandidateState::Due { attempts, not_before, status_changed, nothing_before, trouble }, events)
        }
        // A suspension that we confirm is one that we tried, with its intent in the audit trail.
        Step::Confirm(_) | Step::ConfirmAndClear(_) if !candidate.state.may_have_worked() => return None,
        Step::Confirm(proof) => suspended(proof, Sessions::Left),
        Step::ConfirmAndClear(proof) => suspended(proof, Sessions::due()),
        Step::Skip(why) => {
            // What else ends it is its own reason; age alone has one behind it.
            let error = trouble.error.clone().filter(|_| why == Skip::ApprovalTooOld);
            let mut detail = json!({ "why": why });
            if let Some(error) = &error {
                detail["error"] = json!(error);
            }
            (CandidateState::Skipped { at: now, why, error }, event(Action::Skipped, detail))
        }
        Step::TryAgain { error, wait: _ } if attempts >= ATTEMPTS_MAX => fail(error),
        Step::TryAgain { error, wait } => {
            let events = event(Action::SuspensionTryFailed, json!({ "error": error, "attempt": attempts }));
            (again(attempts, wait, error, 0), events)
        }
        Step::TurnedAway { error, wait } => {
            let events = event(Action::SuspensionTryFailed, json!({ "error": error, "attempt": attempts }));
            (again(attempts.saturating_sub(1), wait, error, 0), events)
        }
        Step::Wait { error, wait } => (again(attempts, wait, error, trouble.waits + 1), Vec::new()),
        Step::GiveUp { error } => fail(error),
    })
}
