//! Missed signs: what came to light of a person only after their account was suspended.
//!
//! Somebody may sign in between the last look and the call, and the provider's log is some minutes late. Neither can be
//! prevented. So each suspension is checked once more when the log has caught up, and what would have kept the account
//! is said.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::{Action, Draft};
use super::drift::{LOG_LAG_MAX, Watch};
use super::policy::Rule;
use super::sighting::{SecondLook, Sign};

/// A sign of life that was not known when the account was suspended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What the log says that it was. `None`: a sign-in that the account's own record has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
}

/// What was read of a suspended account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub last_sign_in: Option<DateTime<Utc>>,
    /// What the log said.
    pub look: SecondLook,
}

/// Returns whether the suspension is to be checked now: once the log has caught up with it, and the account's own record,
/// which is so late.
pub fn is_due(watch: &Watch, evidence_lag: Duration, now: DateTime<Utc>) -> bool {
    !watch.checked && now - watch.suspended_at >= LOG_LAG_MAX.max(evidence_lag)
}

/// Returns the sign that is later than the evidence, if with it the rule would not have proposed the account.
pub fn missed(watch: &Watch, rule: &Rule, checked: Checked) -> Option<Missed> {
    let in_log = match checked.look {
        SecondLook::Seen(seen) => Some(Missed { at: seen.at, sign: seen.sign }),
        SecondLook::NotAsked | SecondLook::Nothing { .. } | SecondLook::Failed(_) => None,
    };
    let own = checked.last_sign_in.map(|at| Missed { at, sign: None });
    let latest =
        [own, in_log].into_iter().flatten().max_by_key(|missed| (missed.at, missed.sign.is_some()))?;
    let would_have_kept = rule.calendar.after(latest.at, rule.inactive_after) > watch.suspended_at;
    (latest.at > watch.idle_since && would_have_kept).then_some(latest)
}

/// Returns the audit event of a missed sign.
pub fn found(watch: &Watch, missed: &Missed, now: DateTime<Utc>) -> Draft {
    Draft::by_bot(
        now,
        Action::MissedSignFound,
        json!({ "seen": missed, "idle_since": watch.idle_since, "suspended_at": watch.suspended_at }),
    )
    .about(watch.account.clone())
}
