//! What started a sweep.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::audit::{Actor, Person};
use super::ids::RequestId;

/// A sweep that takes longer than this does not end by itself: a million accounts within an org's rate limit take about an
/// hour.
pub const LATE_AFTER: Duration = Duration::hours(6);
/// A next slot that comes sooner than this makes no sweep late: one that a passing fault stops is tried again for an hour.
pub const LATE_MIN: Duration = Duration::hours(2);

/// Why a sweep runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trigger", rename_all = "snake_case")]
pub enum Trigger {
    /// The schedule's slot came.
    Schedule { slot: DateTime<Utc> },
    /// The slot came while the bot was not running.
    CatchUp { slot: DateTime<Utc> },
    /// A person asked for it.
    Command { by: Person },
    /// A person asked again about an ended request.
    AskedAgain {
        by: Person,
        /// The ended request.
        request: RequestId,
    },
    /// The rule was changed while a request waited, so the bot asks again.
    RuleChanged {
        /// The first of the requests that it left behind.
        request: RequestId,
    },
    /// A person took the policy's rule live.
    WentLive { by: Person },
}

impl Trigger {
    /// The person behind it, if there is one.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Trigger::Schedule { .. } | Trigger::CatchUp { .. } | Trigger::RuleChanged { .. } => None,
            Trigger::Command { by } | Trigger::AskedAgain { by, .. } | Trigger::WentLive { by } => Some(by),
        }
    }

    /// The ended request that it asks about again.
    pub fn asks_again(&self) -> Option<RequestId> {
        match self {
            Trigger::AskedAgain { request, .. } => Some(*request),
            Trigger::Schedule { .. }
            | Trigger::CatchUp { .. }
            | Trigger::RuleChanged { .. }
            | Trigger::Command { .. }
            | Trigger::WentLive { .. } => None,
        }
    }

    /// Who the audit trail says it was.
    pub fn actor(&self) -> Actor {
        self.person().map_or(Actor::System, |person| Actor::Person(person.clone()))
    }
}

/// The key of a scheduled slot. A sweep on time and one that catches up have the same key, so only one of them runs.
pub fn slot_key(slot: DateTime<Utc>) -> String {
    slot.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Returns when a sweep should have ended: by the next slot, or after [`LATE_AFTER`].
pub fn late_at(started_at: DateTime<Utc>, next_slot: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let until_slot = next_slot.map_or(LATE_AFTER, |slot| slot - started_at);
    started_at + until_slot.clamp(LATE_MIN, LATE_AFTER)
}
