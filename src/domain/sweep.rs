//! What started a sweep.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::audit::{Actor, Person};

/// Why a sweep runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trigger", rename_all = "snake_case")]
pub enum Trigger {
    /// The schedule's slot came.
    Schedule {
        /// The slot.
        slot: DateTime<Utc>,
    },
    /// The slot came while the bot was not running.
    CatchUp {
        /// The slot.
        slot: DateTime<Utc>,
    },
    /// A person asked for it.
    Command {
        /// Who.
        by: Person,
    },
    /// A person had the question of an ended request put anew.
    AskedAgain {
        /// Who.
        by: Person,
        /// The ended request.
        request: i64,
    },
    /// The rule was changed while a request waited, so the question is put anew.
    RuleChanged {
        /// The first of the requests that it left behind.
        request: i64,
    },
    /// A person took the policy's rule live.
    WentLive {
        /// Who.
        by: Person,
    },
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
    pub fn asks_again(&self) -> Option<i64> {
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
