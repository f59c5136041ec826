//! One effect on an account on its way to an outcome: suspending it, restoring it, ending its sessions.
//!
//! ```text
//! due ─ intent, call ─▶ done
//!  ├─ it must not be done any more, or has been done by somebody else ─▶ skipped
//!  └─ the provider won't, however often it is asked, or for too long ─▶ failed
//! ```
//!
//! Each goal stores states of its own: [`CandidateState`](super::candidate::CandidateState),
//! [`RestorationState`](super::restoration::RestorationState) and [`Sessions`]. How one leads to the next is here, once.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::AccountStatus;
use super::assess::Evidence;
use super::audit::{Action, Draft, Subject};
use super::backoff;

/// How often an effect is tried before it is a failure that a person must look at.
pub const ATTEMPTS_MAX: u32 = 5;

/// What is to be achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The account is suspended.
    Suspend,
    /// Its suspension has ended.
    Restore,
    /// Its sessions and tokens have ended.
    EndSessions,
}

/// The audit actions of one goal.
struct Actions {
    intended: Action,
    done: Action,
    skipped: Action,
    try_failed: Action,
    failed: Action,
}

impl Goal {
    fn actions(self) -> Actions {
        match self {
            Goal::Suspend => Actions {
                intended: Action::SuspensionIntended,
                done: Action::Suspended,
                skipped: Action::Skipped,
                try_failed: Action::SuspensionTryFailed,
                failed: Action::SuspensionFailed,
            },
            Goal::Restore => Actions {
                intended: Action::RestoreIntended,
                done: Action::Restored,
                skipped: Action::RestoreSkipped,
                try_failed: Action::RestoreTryFailed,
                failed: Action::RestoreFailed,
            },
            Goal::EndSessions => Actions {
                intended: Action::SessionsClearIntended,
                done: Action::SessionsCleared,
                skipped: Action::SessionsClearSkipped,
                try_failed: Action::SessionsClearTryFailed,
                failed: Action::SessionsClearFailed,
            },
        }
    }
}

/// An effect that is due: what was tried, and what stood in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Tries so far. Each has an intent in the audit trail.
    pub attempts: u32,
    /// Not before this time.
    pub not_before: Option<DateTime<Utc>>,
    /// The account's status change as read when it was asked for, or else before the first try: if it differs later,
    /// somebody else was there. `None` also in older rows: nothing is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_changed: Option<DateTime<Utc>>,
    /// Of a suspension: nothing was tried before the tries that are counted here. Once all of them are rejected, none is
    /// left that may have worked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_before: bool,
    /// What stood in the way so far.
    #[serde(default, skip_serializing_if = "RetryState::is_none")]
    pub trouble: RetryState,
}

/// What stood in the way so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryState {
    /// The last error, redacted.
    pub error: Option<String>,
    /// How often in a row it was put off without a try that counts. Of a suspension: without a try at all.
    pub waits: u32,
}

impl RetryState {
    /// Returns whether this error says something else than the last one.
    fn is_new(&self, error: &str) -> bool {
        self.error.as_deref().is_none_or(|last| summary(last) != summary(error))
    }

    fn is_none(&self) -> bool {
        *self == RetryState::default()
    }
}

/// What makes an error the same as another one: its words without figures, such as the minutes of a clock, and without
/// what stands in parentheses, such as the id of the call.
pub fn summary(error: &str) -> String {
    let mut depth = 0_u32;
    let same = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && !c.is_ascii_digit()
    };
    error.chars().filter(same).collect()
}

/// How we know that a call took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// The provider said so in answer to our call.
    ByCall,
    /// The answer was lost or unclear; reading the account again showed it.
    ByReading,
}

/// What shows that a call took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How we know.
    pub confirmation: Confirmation,
    /// What the provider calls the call, if it said so.
    pub reference: Option<String>,
    /// Where that leaves the sessions of an account that is suspended.
    pub sessions: Sessions,
}

impl Proof {
    /// The provider answered the call.
    pub fn by_call(reference: Option<String>) -> Proof {
        Proof { confirmation: Confirmation::ByCall, reference, sessions: Sessions::Left }
    }

    /// The account was read again.
    pub fn by_reading() -> Proof {
        Proof { confirmation: Confirmation::ByReading, reference: None, sessions: Sessions::Left }
    }
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

/// Where the sessions of a suspended account stand. They are due from the transaction that confirms the suspension, so
/// no crash forgets them; the suspension stands in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Sessions {
    /// The policy left them alone. So do all older rows.
    #[default]
    Left,
    /// To be ended.
    Due(Attempt),
    /// They were ended.
    Cleared {
        /// When we learnt it.
        at: DateTime<Utc>,
    },
    /// There is nothing to end any more.
    Dropped { at: DateTime<Utc>, why: Dropped },
    /// Not done, in spite of trying.
    Failed {
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
    /// Its person signs in elsewhere, so there are none here that could be ended.
    SignsInElsewhere,
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
        Sessions::Due(Attempt::default())
    }

    pub(super) fn is_left(&self) -> bool {
        *self == Sessions::Left
    }

    /// Returns when they may be ended, `now` if that need not wait; `None` if they are not due.
    pub fn due_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if let Sessions::Due(attempt) = self { Some(attempt.due_at(now)) } else { None }
    }
}

/// What happens to an effect that is due. `W` is why its account may be left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptStep<W> {
    /// The provider is about to be called. Must be committed before the call.
    Intend {
        /// The status change as read just before.
        status_changed: Option<DateTime<Utc>>,
        /// Why the account still meets the rule, as read just before; for a suspension.
        evidence: Option<Box<Evidence>>,
    },
    /// It is done.
    Confirm(Proof),
    /// The account is left alone.
    Skip(W),
    /// The try did not work, as far as is known, and may be repeated.
    TryAgain {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The provider rejected the call unseen (rate limit, missing right): it surely did nothing, so the try does not count.
    Rejected {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// The provider can't be asked at the moment; nothing was tried.
    Wait {
        /// The provider's answer, redacted.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
    /// It was tried, and no repetition can help.
    GiveUp {
        /// The provider's answer, redacted.
        error: String,
    },
    /// It may not be done any more, because it took too long. The last error says why.
    TooLate,
    /// The same, and what a try did could not be read for as long as that was waited for.
    TooLateToTell,
}

/// Where a step leads.
pub(super) enum Next<W> {
    Due(Attempt),
    Done(Proof),
    Skipped(W),
    Failed { error: String, too_late: bool, unclear: bool },
}

/// What the audit trail gets of a step.
type Trace = Option<(Action, Value)>;

/// Returns the audit event of a step, for this account.
pub(super) fn drafts(subject: Subject, trace: Trace, at: DateTime<Utc>) -> Vec<Draft> {
    let draft = |(action, detail)| Draft::by_bot(at, action, detail).about(subject);
    trace.map(draft).into_iter().collect()
}

impl Attempt {
    /// Returns when it may be tried, `now` if it need not wait.
    pub fn due_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        backoff::until(self.not_before, now).unwrap_or(now)
    }

    /// Returns whether a try of ours may have worked. If none may, what is found done was done by somebody else.
    pub fn may_have_worked(&self, goal: Goal) -> bool {
        // Of a suspension that failed and is tried once more, what was seen before the earlier tries is kept.
        let tried_before = goal == Goal::Suspend && self.status_changed.is_some() && !self.nothing_before;
        self.attempts > 0 || tried_before
    }

    /// Returns where the step leads and what the audit trail gets of it. `None`: what was never tried is not confirmed.
    ///
    /// What rejects each try for the same reason is in the audit trail once; the intents go on. Each rejected suspension is
    /// there: the other accounts of its list wait for what blocks it, so they are few.
    pub(super) fn step<W: Serialize>(
        &self,
        goal: Goal,
        step: AttemptStep<W>,
        now: DateTime<Utc>,
    ) -> Option<(Next<W>, Trace)> {
        let actions = goal.actions();
        let try_failed =
            |error: &str| Some((actions.try_failed, json!({ "error": error, "attempt": self.attempts })));
        let again = |attempts, error, wait, waits| {
            let not_before = Some(backoff::put_off(now, wait));
            let trouble = RetryState { error: Some(error), waits };
            Next::Due(Attempt { attempts, not_before, trouble, ..self.clone() })
        };
        let last_error = || self.trouble.error.clone().unwrap_or_default();
        Some(match step {
            AttemptStep::Intend { status_changed, evidence } => {
                let (next, detail) = self.intend(goal, status_changed, evidence.as_deref());
                (Next::Due(next), Some((actions.intended, detail)))
            }
            // What we confirm is what we tried, with its intent in the audit trail.
            AttemptStep::Confirm(_) if !self.may_have_worked(goal) => return None,
            AttemptStep::Confirm(proof) => {
                let detail = self.detail_of(goal, &proof);
                (Next::Done(proof), Some((actions.done, detail)))
            }
            AttemptStep::Skip(why) => {
                let detail = json!({ "why": why });
                (Next::Skipped(why), Some((actions.skipped, detail)))
            }
            // Before a restoration is given up, the account is read once more.
            AttemptStep::TryAgain { error, .. } if self.attempts >= ATTEMPTS_MAX && goal != Goal::Restore => {
                self.fail(goal, error, false, false)
            }
            AttemptStep::TryAgain { error, wait } => {
                let trace = try_failed(&error);
                (again(self.attempts, error, wait, 0), trace)
            }
            AttemptStep::Rejected { error, wait } => {
                let each = goal == Goal::Suspend;
                let trace = if each || self.trouble.is_new(&error) { try_failed(&error) } else { None };
                let waits = if each { 0 } else { self.trouble.waits + 1 };
                (again(self.attempts.saturating_sub(1), error, wait, waits), trace)
            }
            AttemptStep::Wait { error, wait } => {
                (again(self.attempts, error, wait, self.trouble.waits + 1), None)
            }
            AttemptStep::GiveUp { error } => self.fail(goal, error, false, false),
            AttemptStep::TooLate => self.fail(goal, last_error(), true, false),
            AttemptStep::TooLateToTell => self.fail(goal, last_error(), true, true),
        })
    }

    fn intend(
        &self,
        goal: Goal,
        read: Option<DateTime<Utc>>,
        evidence: Option<&Evidence>,
    ) -> (Attempt, Value) {
        let attempts = self.attempts + 1;
        // What is read after a try may be the work of the try.
        let status_changed = if attempts == 1 { self.status_changed.or(read) } else { self.status_changed };
        let mut detail = json!({ "attempt": attempts });
        if goal != Goal::EndSessions {
            detail["status_changed"] = json!(status_changed);
        }
        if goal == Goal::Suspend {
            detail["evidence"] = json!(evidence);
        }
        let nothing_before = goal == Goal::Suspend && (self.nothing_before || !self.may_have_worked(goal));
        (Attempt { attempts, status_changed, nothing_before, ..self.clone() }, detail)
    }

    fn detail_of(&self, goal: Goal, proof: &Proof) -> Value {
        let mut detail = json!({ "attempts": self.attempts });
        // Only the call itself can show that sessions have ended.
        if goal != Goal::EndSessions {
            detail["confirmation"] = json!(proof.confirmation);
        }
        if let Some(reference) = &proof.reference {
            detail["provider_request"] = json!(reference);
        }
        detail
    }

    fn fail<W>(&self, goal: Goal, error: String, too_late: bool, unclear: bool) -> (Next<W>, Trace) {
        // What a call did to sessions can't be read anywhere. One that was rejected unseen does not count.
        let unclear = if goal == Goal::EndSessions { self.attempts > 0 } else { unclear };
        let mut detail = json!({ "error": error, "attempts": self.attempts });
        if goal == Goal::Restore && too_late {
            detail["too_late"] = json!(true);
        }
        if goal == Goal::EndSessions || unclear {
            detail["unclear"] = json!(unclear);
        }
        (Next::Failed { error, too_late, unclear }, Some((goal.actions().failed, detail)))
    }
}
