//! Giving a suspended account back, on a person's word.
//!
//! ```text
//! Due ─ intent, call ─▶ Restored
//!  ├─ not suspended, suspended again by somebody else, gone ─▶ Skipped
//!  └─ the provider won't, however often it is asked, or for too long ─▶ Failed
//! ```
//!
//! A wish is meant for now: an account that nobody could give back for a day must not come back by itself weeks later.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::AccountStatus;
use super::audit::{Action, Actor, AuditEvent, Draft, Person, Subject};
use super::candidate::{Confirmation, Proof, Trouble};
use super::policy::Policy;
use super::waiting;

/// How often it is tried before a person must look at it.
pub const ATTEMPTS_MAX: u32 = 5;

/// How long a wish is worked on if its policy is no longer in the configuration: the default of `carry_out_within`.
pub const WITHIN_WITHOUT_POLICY: Duration = Duration::hours(24);

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The policy whose grace period it starts, and whose channel is told.
    pub policy: String,
    /// The request that the account was suspended for, if this bot suspended it.
    pub request: Option<i64>,
    /// The account.
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
    /// It is not suspended.
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
    Due {
        /// Tries so far. Each has an intent in the audit trail.
        attempts: u32,
        /// Not before this time.
        not_before: Option<DateTime<Utc>>,
        /// What stands in the way so far.
        #[serde(default, skip_serializing_if = "Trouble::is_none")]
        trouble: Trouble,
        /// The status change as read when it was asked for, or else before the first try. `None` in older rows:
        /// nothing is compared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status_changed: Option<DateTime<Utc>>,
    },
    /// The account is back.
    Restored {
        /// When we learnt it.
        at: DateTime<Utc>,
        /// How we know.
        confirmation: Confirmation,
    },
    /// There was nothing to give back.
    Skipped {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: Skip,
    },
    /// Not done, in spite of trying.
    Failed {
        /// When.
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
    /// Whether it was tried as often as it may be.
    pub fn is_tried_enough(&self) -> bool {
        matches!(self, RestorationState::Due { attempts: ATTEMPTS_MAX.., .. })
    }

    /// Returns whether a call was made that may have done something.
    pub fn was_tried(&self) -> bool {
        matches!(self, RestorationState::Due { attempts: 1.., .. })
    }

    /// To be done, not tried yet; with the account's status change as read when it was asked for.
    pub fn due(status_changed: Option<DateTime<Utc>>) -> RestorationState {
        RestorationState::Due { attempts: 0, not_before: None, trouble: Trouble::default(), status_changed }
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
    /// When.
    pub asked_at: DateTime<Utc>,
    /// Where it stands.
    pub state: RestorationState,
}

/// What happens while it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The provider is about to be called. Must be committed before the call.
    Intend {
        /// The status change as read just before.
        status_changed: Option<DateTime<Utc>>,
    },
    /// The account is back.
    Confirm(Proof),
    /// There is nothing to give back.
    Skip(Skip),
    /// The try did not work, as far as can be told: what it did is read before anything else.
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
    /// The account can't be read at the moment; nothing was tried.
    Wait {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// It was tried often enough, and the account was read since: none of the tries worked.
    GiveUp,
    /// The wish is too old to be carried out.
    TooLate,
    /// The same, and what a try did could not be read for as long as that was waited for.
    TooLateToTell,
}

/// The time by which a wish of `asked_at` must have been carried out.
pub fn restore_by(policy: Option<&Policy>, asked_at: DateTime<Utc>) -> DateTime<Utc> {
    asked_at + policy.map_or(WITHIN_WITHOUT_POLICY, |policy| policy.carry_out_within)
}

/// The audit event of the wish.
pub fn asked(wish: &Wish, at: DateTime<Utc>) -> Draft {
    Draft {
        at,
        actor: Actor::Person(wish.by.clone()),
        action: Action::RestoreAsked,
        subject: Some(wish.account.clone()),
        detail: json!({ "reason": wish.reason, "suspended_by_us": wish.request.is_some() }),
    }
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
///
/// What turns each try away for the same reason is in the audit trail once; the intents go on.
pub fn step(
    restoration: &Restoration,
    step: Step,
    now: DateTime<Utc>,
) -> Option<(RestorationState, Vec<Draft>)> {
    let RestorationState::Due { attempts, not_before, trouble, status_changed } = &restoration.state else {
        return None;
    };
    let (attempts, first_seen) = (*attempts, *status_changed);
    let event = |action, detail| {
        let subject = Some(restoration.wish.account.clone());
        vec![Draft { at: now, actor: Actor::System, action, subject, detail }]
    };
    let again = |attempts, wait, error, waits| {
        let trouble = Trouble { error: Some(error), waits };
        let not_before = Some(waiting::put_off(now, wait));
        RestorationState::Due { attempts, not_before, trouble, status_changed: first_seen }
    };
    let fail = |too_late, unclear| {
        let error = trouble.error.clone().unwrap_or_default();
        let mut detail = json!({ "error": error, "attempts": attempts });
        for (word, _) in [("too_late", too_late), ("unclear", unclear)].into_iter().filter(|(_, is)| *is) {
            detail[word] = json!(true);
        }
        (RestorationState::Failed { at: now, error, too_late, unclear }, event(Action::RestoreFailed, detail))
    };
    Some(match step {
        Step::Intend { status_changed } => {
            let attempts = attempts + 1;
            // What is read after a try may be the work of the try.
            let status_changed = if attempts == 1 { first_seen.or(status_changed) } else { first_seen };
            let detail = json!({ "attempt": attempts, "status_changed": status_changed });
            let (not_before, trouble) = (*not_before, trouble.clone());
            let state = RestorationState::Due { attempts, not_before, trouble, status_changed };
            (state, event(Action::RestoreIntended, detail))
        }
        // What we confirm is what we tried, with its intent in the audit trail.
        Step::Confirm(_) if attempts == 0 => return None,
        Step::Confirm(proof) => (
            RestorationState::Restored { at: now, confirmation: proof.confirmation },
            event(Action::Restored, proof.detail(attempts)),
        ),
        Step::Skip(why) => {
            let events = event(Action::RestoreSkipped, json!({ "why": why }));
            (RestorationState::Skipped { at: now, why }, events)
        }
        Step::TryAgain { error, wait } => {
            let events = event(Action::RestoreTryFailed, json!({ "error": error, "attempt": attempts }));
            (again(attempts, wait, error, 0), events)
        }
        Step::TurnedAway { error, wait } => {
            let events = if trouble.is_new(&error) {
                event(Action::RestoreTryFailed, json!({ "error": error, "attempt": attempts }))
            } else {
                Vec::new()
            };
            (again(attempts.saturating_sub(1), wait, error, trouble.waits + 1), events)
        }
        Step::Wait { error, wait } => (again(attempts, wait, error, trouble.waits + 1), Vec::new()),
        Step::GiveUp => fail(false, false),
        Step::TooLate => fail(true, false),
        Step::TooLateToTell => fail(true, true),
    })
}
