//! Drift: the accounts that the bot suspended are read again, in case somebody else restored them.
//!
//! ```text
//! watching ─ still suspended ─▶ watching, until the next look
//!    ├─ not known ─▶ watching, looked at again soon
//!    ├─ active again by others ─▶ over, reported and audited
//!    └─ restored by us, deactivated, gone, suspended again, watched long enough ─▶ over
//! ```
//!
//! A look that can't tell is never taken for a good one, and nothing here suspends anybody: an account that is active
//! again is judged by the next sweep as any other, with the grace that [`super::assess`] gives it.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::{AccountStatus, Changer, NotSuspendable, Reading, StatusChange};
use super::audit::{Action, Draft, Subject};
use super::backoff;
use super::ids::RequestId;
use super::provider::ProviderName;

/// The first look: imports that bring somebody back often run each hour.
pub const FIRST_LOOK_AFTER: Duration = Duration::hours(1);
/// An event may be in the provider's log so much later than its effect on the account.
pub const LOG_LAG_MAX: Duration = Duration::minutes(15);
/// So often a look is tried for the sake of the log alone; then it is reported without the name of who did it.
pub const LOG_TRIES_MAX: u32 = 4;
/// The provider's clock and ours differ by less, so an event of ours this near to the suspension is the suspension.
pub const SKEW: Duration = Duration::minutes(2);
/// The wait after the first look that failed; it doubles each time.
const BACK_OFF: Duration = Duration::minutes(1);
/// The wait never gets longer.
const BACK_OFF_MAX: Duration = Duration::hours(1);
/// So long after its end a watch is kept up for the sake of a last look that works.
const LAST_LOOK_WITHIN: Duration = Duration::days(1);

/// A suspension that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Never reused.
    pub id: i64,
    /// The request that the account was suspended for.
    pub request: RequestId,
    /// Where the account is.
    pub provider: ProviderName,
    pub account: Subject,
    /// The display name as it was shown, possibly empty. Untrusted text.
    pub name: String,
    /// When we learnt that it was suspended.
    pub suspended_at: DateTime<Utc>,
    /// When it was last seen to be suspended still.
    pub looked_at: Option<DateTime<Utc>>,
    /// Looks in a row that could not tell.
    pub failures: u32,
    /// Since when the account was idle, as it was shown.
    pub idle_since: DateTime<Utc>,
    /// Whether the log was read once more, when it had caught up with the suspension.
    pub checked: bool,
}

/// What our own records say of giving the account back since it was suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// Nobody asked the bot to.
    Never,
    /// It is being done.
    UnderWay,
    /// It was asked for and came to another end; the call may have had its effect all the same.
    Tried,
    /// The bot gave it back.
    Done,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The provider no longer knows the account.
    Gone,
    Account {
        status: AccountStatus,
        status_changed: Reading,
        /// What the log says of who changed it.
        log: Log,
    },
    /// It could not be read; the text says why.
    Unreadable(String),
}

/// What the provider's log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// A suspended account needs no explanation.
    NotAsked,
    /// The latest change of status since the suspension, if the log has one.
    Says(Option<StatusChange>),
    /// It could not be read just now; the text says why.
    Unreadable(String),
    /// The bot has no right to read it.
    Closed,
}

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// All is as we left it.
    StillSuspended,
    /// Somebody else brought it back.
    BackBy(Back),
    /// The provider no longer knows it.
    Gone,
    Deactivated,
    /// We gave it back on a person's word.
    RestoredByUs,
    /// That is not known yet; the text says why.
    NotTold(String),
}

/// An account that is active again through somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    /// Who did it.
    pub by: Changer,
    /// When its status changed, or else when that was seen.
    pub at: DateTime<Utc>,
    /// The provider's word for what was done, if the log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Its status now.
    pub status: AccountStatus,
}

/// How a watch came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    /// The account is active again through somebody else.
    Back(Back),
    /// The provider no longer knows it.
    Gone,
    Deactivated,
    /// We gave it back.
    RestoredByUs,
    /// It was suspended once more, and that is watched now.
    SuspendedAnew,
    /// It was still suspended at the last look; the policy watches no longer.
    Over,
    /// The policy watches no longer, and the last looks could not tell.
    LostSight {
        /// Why the very last one could not.
        why: String,
    },
}

/// What one look leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum DriftStep {
    /// Watch on.
    Watch {
        /// When to look next, if no sweep ends before.
        next_at: DateTime<Utc>,
        /// When it was last seen to be suspended still.
        looked_at: Option<DateTime<Utc>>,
        /// Looks in a row that could not tell.
        failures: u32,
    },
    /// The watch ends, with its audit events.
    End(End, Vec<Draft>),
}

/// Whether somebody has to say who changed the account: the log is only asked then.
pub fn needs_log(status: &AccountStatus) -> bool {
    match status {
        AccountStatus::Active => true,
        AccountStatus::Suspended => false,
        AccountStatus::NotSuspendable { why, .. } => may_be_used_again(*why),
    }
}

/// Whether a person gets in again, if only with a reset.
fn may_be_used_again(why: NotSuspendable) -> bool {
    match why {
        NotSuspendable::NotActivated
        | NotSuspendable::NeedsReset
        | NotSuspendable::Synced
        | NotSuspendable::Restricted
        | NotSuspendable::Agent => true,
        NotSuspendable::Deactivated | NotSuspendable::Unknown => false,
    }
}

/// What a look found, from what was read and what we did ourselves.
pub fn find(watch: &Watch, ours: Ours, seen: Seen, now: DateTime<Utc>) -> Finding {
    let (status, status_changed, log) = match seen {
        Seen::Gone => return Finding::Gone,
        Seen::Unreadable(why) => return Finding::NotTold(why),
        Seen::Account { status, status_changed, log } => (status, status_changed, log),
    };
    match &status {
        AccountStatus::Suspended => return Finding::StillSuspended,
        AccountStatus::NotSuspendable { why, word } if !may_be_used_again(*why) => {
            let is_over = status.is_deactivated();
            return if is_over {
                Finding::Deactivated
            } else {
                Finding::NotTold(format!("its status is {word}"))
            };
        }
        AccountStatus::Active | AccountStatus::NotSuspendable { .. } => {}
    }
    match ours {
        Ours::Done => return Finding::RestoredByUs,
        Ours::UnderWay => return Finding::NotTold("it is being restored".to_owned()),
        Ours::Never | Ours::Tried => {}
    }
    let changed_at = status_changed.at().filter(|at| *at > watch.suspended_at - SKEW);
    let change = match who_did_it(watch, log, changed_at, now) {
        Ok(change) => change,
        Err(why) => return Finding::NotTold(why),
    };
    let at = changed_at.or(change.as_ref().map(|change| change.at)).unwrap_or(now);
    let (by, what) = change.map_or((Changer::Unknown, None), |change| (change.by, Some(change.what)));
    if by == Changer::Us && ours == Ours::Tried {
        return Finding::RestoredByUs;
    }
    Finding::BackBy(Back { by, at, what, status })
}

/// The change that brought the account back, if the log has it. An error while it may still have it later.
fn who_did_it(
    watch: &Watch,
    log: Log,
    changed_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<StatusChange>, String> {
    let may_come = |why: String| if watch.failures < LOG_TRIES_MAX { Err(why) } else { Ok(None) };
    match log {
        Log::Closed => Ok(None),
        Log::Unreadable(why) => may_come(why),
        Log::NotAsked => may_come("the log was not asked".to_owned()),
        Log::Says(change) => {
            let suspension = |change: &StatusChange| {
                change.at < watch.suspended_at - SKEW
                    || (change.by == Changer::Us && change.at < watch.suspended_at + SKEW)
            };
            let change = change.filter(|change| !suspension(change));
            let fresh = changed_at.is_none_or(|at| now - at < LOG_LAG_MAX);
            if change.is_none() && fresh {
                return may_come("the log does not say yet who changed it".to_owned());
            }
            Ok(change)
        }
    }
}

/// What a finding leads to, under a policy that watches for so long; `None` while the clock is off: then no watch ends
/// because it has been long enough.
pub fn step(watch: &Watch, finding: Finding, watched_for: Option<Duration>, now: DateTime<Utc>) -> DriftStep {
    let first_look = watch.suspended_at + FIRST_LOOK_AFTER;
    let until = watched_for.map_or(DateTime::<Utc>::MAX_UTC, |length| watch.suspended_at + length);
    match finding {
        Finding::StillSuspended if watched_for.is_none() => {
            DriftStep::Watch { next_at: now + BACK_OFF_MAX, looked_at: watch.looked_at, failures: 0 }
        }
        Finding::StillSuspended if now >= until => DriftStep::End(End::Over, Vec::new()),
        Finding::StillSuspended => DriftStep::Watch {
            // A sweep may come before the first look, and does not replace it.
            next_at: if now < first_look { first_look } else { until },
            looked_at: Some(now),
            failures: 0,
        },
        Finding::NotTold(why) if now - LAST_LOOK_WITHIN >= until => {
            DriftStep::End(End::LostSight { why }, Vec::new())
        }
        Finding::NotTold(_) => DriftStep::Watch {
            next_at: now + backoff::doubled(BACK_OFF, watch.failures, BACK_OFF_MAX),
            looked_at: watch.looked_at,
            failures: watch.failures.saturating_add(1),
        },
        Finding::BackBy(back) => {
            let event = found(watch, &back, now);
            DriftStep::End(End::Back(back), vec![event])
        }
        Finding::Gone => DriftStep::End(End::Gone, Vec::new()),
        Finding::Deactivated => DriftStep::End(End::Deactivated, Vec::new()),
        Finding::RestoredByUs => DriftStep::End(End::RestoredByUs, Vec::new()),
    }
}

fn found(watch: &Watch, back: &Back, now: DateTime<Utc>) -> Draft {
    Draft::by_bot(
        now,
        Action::DriftFound,
        json!({
            "changer": back.by, "changed_at": back.at, "what": back.what, "status": back.status,
            "suspended_at": watch.suspended_at,
        }),
    )
    .about(watch.account.clone())
}
