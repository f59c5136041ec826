//! Whose doing an account's status is, also at a provider that does not say when it changed.
//!
//! Where the account has that date, it alone decides. Where it hasn't, the provider's log and our own watch of the
//! suspended account say what can be known, and what is in doubt counts as somebody else's doing.

use chrono::{DateTime, Duration, Utc};

use super::account::{AccountStatus, Changer, StatusChange};
use super::drift::SKEW;

/// The provider stamps a suspension itself a moment before or after we learn of it.
const STAMP_WITHIN: Duration = Duration::seconds(5);

/// How our watch of a suspended account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It goes on: at each look so far the account was still suspended.
    Suspended,
    /// It ended, because the account was active again through somebody else since then.
    BackSince(DateTime<Utc>),
    /// It ended in another way.
    Over,
}

/// Returns whether a suspended account is so by our suspension of that time, and not by a later one of somebody else.
pub fn is_our_suspension(
    suspended_at: DateTime<Utc>,
    status_changed: Option<DateTime<Utc>>,
    in_log: Option<&StatusChange>,
    sight: Option<Sight>,
) -> bool {
    match (status_changed, in_log) {
        (Some(changed), _) => changed <= suspended_at + STAMP_WITHIN,
        (None, Some(last)) => last.at <= suspended_at + SKEW,
        (None, None) => sight == Some(Sight::Suspended),
    }
}

/// Returns since when an account that we suspended is back through somebody else, as far as is known.
pub fn back_by_others(
    suspended_at: DateTime<Utc>,
    status: &AccountStatus,
    status_changed: Option<DateTime<Utc>>,
    sight: Option<Sight>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if let Some(changed) = status_changed {
        return Some(changed).filter(|changed| *changed > suspended_at + STAMP_WITHIN);
    }
    match sight {
        Some(Sight::BackSince(at)) => Some(at).filter(|at| *at > suspended_at),
        // The next look finds out since when. Until then it has only just come back.
        Some(Sight::Suspended) => (*status != AccountStatus::Suspended).then_some(now),
        Some(Sight::Over) | None => None,
    }
}

/// Returns whether somebody else changed the status after it was read `before`; with the latest change since then in the
/// log, where the account has no date.
pub fn is_changed_by_others(
    before: Option<DateTime<Utc>>,
    status_changed: Option<DateTime<Utc>>,
    in_log: Option<&StatusChange>,
) -> bool {
    let by_others = |change: &StatusChange| match change.by {
        Changer::Us => false,
        Changer::Admin { .. } | Changer::Import { .. } | Changer::Unknown => true,
    };
    status_changed != before || (status_changed.is_none() && in_log.is_some_and(by_others))
}
