//! Giving a suspended account back, on a person's word.
//!
//! A wish is meant for now: an account that nobody could restore for a day must not come back by itself weeks later.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::AccountStatus;
use super::attempt::{self, ATTEMPTS_MAX, Attempt, Confirmation, Goal, Next, Proof, drafts};
use super::audit::{Action, Actor, AuditEvent, Draft, Person, Subject};
use super::ids::{PolicyName, RequestId};
use super::policy::Policy;
use super::provider::ProviderName;

/// How long a wish is worked on if its policy is no longer in the configuration: the default of `execute_within`.
pub const WITHIN_WITHOUT_POLICY: Duration = Duration::hours(24);

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The policy whose grace period it starts, and whose channel is notified.
    pub policy: PolicyName,
    /// Where the account is.
    pub provider: ProviderName,
    /// The request that the account was suspended for, if this bot suspended it.
    pub request: Option<RequestId>,
    pub account: Subject,
    /// Its display name, possibly empty. Untrusted text.
    pub name: String,
    /// Who asks.
    pub by: Person,
    /// Why. Untrusted text.
    pub reason: String,
}

/// Why an account was not restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    NotSuspended(AccountStatus),
    /// The provider no longer knows it.
    Gone,
    /// Its status changed since it was asked for, and it is suspended: somebody else did that, and meant it.
    ChangedByOthers,
    /// The row claims a wish that the audit trail does not have: somebody changed the database by hand.
    Unproven,
    /// The wish is from before the database was restored.
    Superseded,
}

/// Where a restoration stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RestorationState {
    /// To be done.
    Due(Attempt),
    /// The account is back.
    Restored {
        /// When we learnt it.
        at: DateTime<Utc>,
        /// How we know.
        confirmation: Confirmation,
    },
    /// There was nothing to restore.
    Skipped { at: DateTime<Utc>, why: Skip },
    /// Not done, in spite of trying.
    Failed {
        at: DateTime<Utc>,
        /// The provider's answer, redacted; empty if there was none in time.
        error: String,
        /// The wish grew too old; there may have been tries left.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        too_late: bool,
        /// What a try did could not be found out: the account may be back all the same.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unclear: bool,
    },
}

impl RestorationState {
    /// Returns what was tried of a restoration that is due.
    pub fn attempt(&self) -> Option<&Attempt> {
        if let RestorationState::Due(attempt) = self { Some(attempt) } else { None }
    }

    /// Whether it was tried as often as it may be.
    pub fn is_tried_enough(&self) -> bool {
        self.attempt().is_some_and(|attempt| attempt.attempts >= ATTEMPTS_MAX)
    }

    /// Returns whether a call was made that may have done something.
    pub fn was_tried(&self) -> bool {
        self.attempt().is_some_and(|attempt| attempt.may_have_worked(Goal::Restore))
    }

    /// To be done, not tried yet; with the account's status change as read when it was asked for.
    pub fn due(status_changed: Option<DateTime<Utc>>) -> RestorationState {
        RestorationState::Due(Attempt { status_changed, ..Attempt::default() })
    }

    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            RestorationState::Due { .. } => "due",
            RestorationState::Restored { .. } => "restored",
            RestorationState::Skipped { .. } => "skipped",
            RestorationState::Failed { .. } => "failed",
        }
    }

    /// Whether the account is back, or on its way.
    pub fn is_or_will_be_back(&self) -> bool {
        match self {
            RestorationState::Due { .. } | RestorationState::Restored { .. } => true,
            RestorationState::Skipped { .. } | RestorationState::Failed { .. } => false,
        }
    }
}

/// One restoration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// Never reused.
    pub id: i64,
    /// What was asked.
    pub wish: Wish,
    pub asked_at: DateTime<Utc>,
    /// Where it stands.
    pub state: RestorationState,
}

/// What happens while a wish is executed.
pub type RestoreStep = attempt::AttemptStep<Skip>;

/// The time by which a wish of `asked_at` must have been carried out.
pub fn restore_by(policy: Option<&Policy>, asked_at: DateTime<Utc>) -> DateTime<Utc> {
    asked_at + policy.map_or(WITHIN_WITHOUT_POLICY, |policy| policy.execute_within)
}

/// The audit event of the wish.
pub fn asked(wish: &Wish, at: DateTime<Utc>) -> Draft {
    Draft::by(
        &wish.by,
        at,
        Action::RestoreAsked,
        json!({ "reason": wish.reason, "suspended_by_us": wish.request.is_some() }),
    )
    .about(wish.account.clone())
}

/// Whether the trail's last wish about this account is the one that the row claims. A row alone is only a claim.
pub fn is_proven(restoration: &Restoration, asked: Option<&AuditEvent>) -> bool {
    asked.is_some_and(|event| {
        event.action == Action::RestoreAsked.word()
            && event.subject.as_ref() == Some(&restoration.wish.account)
            && event.actor == Actor::Person(restoration.wish.by.clone())
            && event.at == restoration.asked_at
            && event.hash == event.compute_hash()
    })
}

/// The next state of a due restoration with its audit events. `None`: it is not due, and nothing may be done.
pub fn step(
    restoration: &Restoration,
    step: RestoreStep,
    now: DateTime<Utc>,
) -> Option<(RestorationState, Vec<Draft>)> {
    let (next, trace) = restoration.state.attempt()?.step(Goal::Restore, step, now)?;
    let state = match next {
        Next::Due(attempt) => RestorationState::Due(attempt),
        Next::Done(Proof { confirmation, .. }) => RestorationState::Restored { at: now, confirmation },
        Next::Skipped(why) => RestorationState::Skipped { at: now, why },
        Next::Failed { error, too_late, unclear } => {
            RestorationState::Failed { at: now, error, too_late, unclear }
        }
    };
    Some((state, drafts(restoration.wish.account.clone(), trace, now)))
}
