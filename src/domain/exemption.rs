//! Exemptions that people grant: a policy leaves an account alone for a time, on somebody's word.
//!
//! Each has an owner, a reason and an end; none is for ever. One that starts later is a leave. They only ever subtract
//! from what a sweep proposes, and they stop a suspension that was approved and not carried out yet.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::AccountId;
use super::audit::{Action, Actor, Draft, Person, Subject};
use super::ids::PolicyName;
use super::policy::{AccountOwners, is_own_account};
use super::provider::ProviderName;

/// How far ahead an exemption may start.
pub const START_AHEAD_MAX: Duration = Duration::days(366);
/// The most characters of a reason.
pub const REASON_MAX: usize = 500;

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The policy that is to leave the account alone.
    pub policy: PolicyName,
    /// Where the account is.
    pub provider: ProviderName,
    pub account: Subject,
    /// The account's e-mail address, if it has one.
    pub email: Option<String>,
    /// Who asks; they will own it.
    pub by: Person,
    /// Why. Untrusted text.
    pub reason: String,
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
}

/// How an exemption came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Its time was over.
    Lapsed,
    /// A person ended it early.
    Lifted {
        by: Person,
        /// In their words. Untrusted text.
        reason: Option<String>,
    },
}

/// An exemption that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Never reused.
    pub id: i64,
    /// The policy that leaves the account alone.
    pub policy: PolicyName,
    /// Where the account is.
    pub provider: ProviderName,
    pub account: Subject,
    /// The owner.
    pub by: Person,
    /// Why. Untrusted text.
    pub reason: String,
    pub granted_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// Its end, once it came. A lapse by a clock that was ahead counts only from [`Self::ends_at`] on.
    pub end: Option<(DateTime<Utc>, End)>,
}

impl Granted {
    /// Whether the account is left alone at this moment.
    pub fn in_force(&self, now: DateTime<Utc>) -> bool {
        self.has_begun(now) && self.is_open(now)
    }

    /// Whether it has begun. What began when it was granted has, though the clock was ahead then and is right now.
    pub fn has_begun(&self, now: DateTime<Utc>) -> bool {
        self.starts_at <= now.max(self.granted_at)
    }

    /// Whether its end is still to come. That it lapsed is only as true as the clock was then; that somebody lifted it
    /// is true by any clock.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        let lifted = match &self.end {
            None | Some((_, End::Lapsed)) => false,
            Some((_, End::Lifted { .. })) => true,
        };
        !lifted && now < self.ends_at
    }
}

/// Why an exemption is not granted. Each becomes one sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No reason was given.
    NoReason,
    /// The reason has more than [`REASON_MAX`] characters.
    ReasonTooLong,
    /// It would end before it starts, or has ended already.
    EndsTooEarly,
    /// It would be longer than the policy allows.
    TooLong {
        /// The most that the policy allows.
        #[serde(with = "super::policy::seconds")]
        max: Duration,
    },
    /// It would start more than [`START_AHEAD_MAX`] from now.
    StartsTooLate,
    /// Nobody exempts their own account.
    OwnAccount,
    /// The chat system gave no e-mail address, so it can't be determined whether the account is their own.
    NoEmail,
}

/// Whether a reason, of an exemption or of anything else, has more than [`REASON_MAX`] characters.
pub fn is_too_long(reason: &str) -> bool {
    reason.chars().count() > REASON_MAX
}

/// Checks a wish against the policy's `max`, the longest that an exemption may be, and the accounts that it says are
/// people's own.
pub fn check(
    wish: &Wish,
    account_owners: &AccountOwners,
    max: Duration,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if wish.by.email.as_deref().is_none_or(|email| email.trim().is_empty()) {
        return Err(Refusal::NoEmail);
    }
    if is_own_account(account_owners, &wish.by, &wish.account, wish.email.as_deref()) {
        return Err(Refusal::OwnAccount);
    }
    if wish.reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    if is_too_long(&wish.reason) {
        return Err(Refusal::ReasonTooLong);
    }
    if wish.ends_at <= wish.starts_at || wish.ends_at <= now {
        return Err(Refusal::EndsTooEarly);
    }
    if wish.starts_at - now > START_AHEAD_MAX {
        return Err(Refusal::StartsTooLate);
    }
    if wish.ends_at - wish.starts_at.max(now) > max {
        return Err(Refusal::TooLong { max });
    }
    Ok(())
}

/// Whether a coming end is worth a notice `notice` before it: not for one that was meant to be about as short.
pub fn deserves_notice(granted: &Granted, notice: Duration) -> bool {
    granted.ends_at - granted.starts_at.max(granted.granted_at) >= notice * 2
}

/// The audit event of a granted exemption.
pub fn exempted(id: i64, wish: &Wish, at: DateTime<Utc>) -> Draft {
    let detail = json!({
        "exemption": id, "reason": wish.reason, "starts_at": wish.starts_at, "ends_at": wish.ends_at,
    });
    Draft::by(&wish.by, at, Action::Exempted, detail).about(wish.account.clone())
}

/// The audit event of an exemption's end.
pub fn ended(granted: &Granted, end: &End, at: DateTime<Utc>) -> Draft {
    let (actor, action, reason) = match end {
        End::Lapsed => (Actor::System, Action::ExemptionEnded, None),
        End::Lifted { by, reason } => (Actor::Person(by.clone()), Action::Unexempted, reason.clone()),
    };
    let detail = json!({ "exemption": granted.id, "reason": reason, "was_to_end_at": granted.ends_at });
    Draft::new(actor, at, action, detail).about(granted.account.clone())
}

/// The audit event of a notice in the channel that an exemption ends soon.
pub fn end_announced(granted: &Granted, at: DateTime<Utc>) -> Draft {
    let detail = json!({ "exemption": granted.id, "ends_at": granted.ends_at });
    Draft::by_bot(at, Action::ExemptionEndAnnounced, detail).about(granted.account.clone())
}

/// Of several exemptions of an account that are in force the one that ends last.
pub fn strongest<'a>(
    granted: impl Iterator<Item = &'a Granted>,
    account: &AccountId,
    now: DateTime<Utc>,
) -> Option<&'a Granted> {
    granted.filter(|one| one.account.id == *account && one.in_force(now)).max_by_key(|one| one.ends_at)
}
