//! Ending the sessions and tokens of an account that was suspended, where its policy says so.
//!
//! ```text
//! Due ─ intent, call ─▶ Cleared
//!  ├─ not suspended any more, gone, not wanted any more ─▶ Dropped
//!  └─ the provider won't, however often it is asked, or for too long ─▶ Failed
//! ```
//!
//! It is due from the transaction that confirms the suspension, so no crash forgets it. The suspension stands whatever
//! comes of it, and the call does the same however often it is made.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::AccountStatus;
use super::audit::{Action, Actor, Draft};
use super::candidate::{Candidate, CandidateState, Trouble};
use super::waiting;

/// How often it is tried before it is a failure that a person must look at.
pub const ATTEMPTS_MAX: u32 = 5;

/// Where the sessions of a suspended account stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Sessions {
    /// The policy left them alone. So do all older rows.
    #[default]
    Left,
    /// To be ended.
    Due {
        /// Tries so far. Each has an intent in the audit trail.
        attempts: u32,
        /// Not before this time.
        not_before: Option<DateTime<Utc>>,
        /// What stood in the way so far.
        #[serde(default, skip_serializing_if = "Trouble::is_none")]
        trouble: Trouble,
    },
    /// They were ended.
    Cleared {
        /// When we learnt it.
        at: DateTime<Utc>,
    },
    /// There is nothing to end any more.
    Dropped {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: Dropped,
    },
    /// Not done, in spite of trying.
    Failed {
        /// When.
        at: DateTime<Utc>,
        /// The provider's answer, redacted.
        error: String,
        /// A call was made whose effect can't be read anywhere, so they may have ended all the same.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unclear: bool,
    },
}

/// Why sessions were left alone after all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// The account is no longer suspended: its owner keeps the access.
    NotSuspended(AccountStatus),
    /// The provider no longer knows it.
    Gone,
    /// The policy does not say so any more, or is no longer in the configuration.
    NotWanted,
    /// The row claims a suspension that the audit trail does not have: somebody changed the database by hand.
    Unproven,
    /// The approval is from before the database was restored.
    Superseded,
}

impl Sessions {
    /// To be ended, not tried yet.
    pub fn due() -> Sessions {
        Sessions::Due { attempts: 0, not_before: None, trouble: Trouble::default() }
    }

    pub(super) fn is_left(&self) -> bool {
        *self == Sessions::Left
    }

    /// When they may be ended, `now` if that need not wait; `None` if they are not due.
    pub fn due_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Sessions::Due { not_before, .. } => Some(waiting::until(*not_before, now).unwrap_or(now)),
            Sessions::Left
            | Sessions::Cleared { .. }
            | Sessions::Dropped { .. }
            | Sessions::Failed { .. } => None,
        }
    }
}

/// What happens while sessions are ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The provider is about to be called. Must be committed before the call.
    Intend,
    /// They are ended.
    Confirm {
        /// What the provider calls the call, if it said so.
        reference: Option<String>,
    },
    /// There is nothing to end any more.
    Drop(Dropped),
    /// The try did not work and may be repeated.
    TryAgain {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The provider turned the call away unseen (rate limit, missing right): the try does not count.
    TurnedAway {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The provider can't be asked at the moment; this counts as no try.
    Wait {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// It took too long.
    TooLate,
}

/// The next state of a suspended candidate whose sessions are due, and the audit events that go with it. `None`: they
/// are not due, and nothing may be done.
///
/// What turns each try away for the same reason is in the audit trail once; the intents go on.
pub fn step(candidate: &Candidate, step: Step, now: DateTime<Utc>) -> Option<(CandidateState, Vec<Draft>)> {
    let CandidateState::Suspended { at, confirmation, sessions } = &candidate.state else {
        return None;
    };
    let Sessions::Due { attempts, not_before, trouble } = sessions else {
        return None;
    };
    let (sessions, event) = next(*attempts, *not_before, trouble, step, now)?;
    let events = event.map(|(action, detail)| {
        let subject = Some(candidate.subject());
        Draft { at: now, actor: Actor::System, action, subject, detail }
    });
    let state = CandidateState::Suspended { at: *at, confirmation: *confirmation, sessions };
    Some((state, events.into_iter().collect()))
}

fn next(
    attempts: u32,
    not_before: Option<DateTime<Utc>>,
    trouble: &Trouble,
    step: Step,
    now: DateTime<Utc>,
) -> Option<(Sessions, Option<(Action, Value)>)> {
    let again = |attempts, wait, error, waits| {
        let trouble = Trouble { error: Some(error), waits };
        Sessions::Due { attempts, not_before: Some(waiting::put_off(now, wait)), trouble }
    };
    let fail = |error: String| {
        // An attempt that was rejected unseen does not count.
        let unclear = attempts > 0;
        let detail = json!({ "error": error, "attempts": attempts, "unclear": unclear });
        (Sessions::Failed { at: now, error, unclear }, Some((Action::SessionsClearFailed, detail)))
    };
    let try_failed =
        |error: &str| (Action::SessionsClearTryFailed, json!({ "error": error, "attempt": attempts }));
    Some(match step {
        Step::Intend => {
            let attempts = attempts + 1;
            let event = (Action::SessionsClearIntended, json!({ "attempt": attempts }));
            (Sessions::Due { attempts, not_before, trouble: trouble.clone() }, Some(event))
        }
        // What we confirm is what we tried, with its intent in the audit trail.
        Step::Confirm { .. } if attempts == 0 => return None,
        Step::Confirm { reference } => {
            let mut detail = json!({ "attempts": attempts });
            if let Some(reference) = reference {
                detail["provider_request"] = json!(reference);
            }
            let event = (Action::SessionsCleared, detail);
            (Sessions::Cleared { at: now }, Some(event))
        }
        Step::Drop(why) => {
            let event = (Action::SessionsClearSkipped, json!({ "why": why }));
            (Sessions::Dropped { at: now, why }, Some(event))
        }
        Step::TryAgain { error, wait: _ } if attempts >= ATTEMPTS_MAX => fail(error),
        Step::TryAgain { error, wait } => {
            let event = try_failed(&error);
            (again(attempts, wait, error, 0), Some(event))
        }
        Step::TurnedAway { error, wait } => {
            let event = trouble.is_new(&error).then(|| try_failed(&error));
            (again(attempts.saturating_sub(1), wait, error, trouble.waits + 1), event)
        }
        Step::Wait { error, wait } => (again(attempts, wait, error, trouble.waits + 1), None),
        Step::TooLate => fail(trouble.error.clone().unwrap_or_default()),
    })
}
