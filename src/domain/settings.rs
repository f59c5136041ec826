//! Says when a policy runs, who its people are, where it stops, and what it sends besides its cards.

use chrono::Duration;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;

/// The brakes that turn a strange sweep into a held one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// More candidates than this are held.
    pub max_candidates: u32,
    /// A larger share of the listed accounts than this (0–1) is held.
    pub max_share: f64,
    /// Fewer accounts than this share (0–1) of the previous sweep's are held.
    pub min_population_share: f64,
    /// More candidates than this many times the recent median are held (0: never).
    pub surge_factor: f64,
}

/// When a sweep runs: civil time in a zone, so that 09:00 stays 09:00 through daylight saving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Five cron fields, validated.
    pub cron: String,
    /// The IANA time zone.
    pub zone: Tz,
    /// The days on which no scheduled sweep runs; `None`: it runs on every day that the cron fields name.
    pub days_off: Option<Calendar>,
}

/// A set of people in the chat system, looked up each time it is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// User ids.
    pub users: Vec<String>,
    /// User group ids; their members at the time of asking.
    pub groups: Vec<String>,
    /// Whether everybody in the policy's channel counts.
    pub channel_members: bool,
}

impl People {
    /// Whether the set can never hold anybody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && !self.channel_members
    }
}

/// The people that a policy notifies, and when, if a request stays unanswered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reminders {
    /// How long before the deadline approvers are reminded.
    pub remind_before: Vec<Duration>,
    /// Who is reminded: people and user groups, never a whole channel.
    pub remind: People,
    /// How long before the deadline somebody else is notified.
    pub escalate_before: Option<Duration>,
    pub escalate_to: People,
}

/// How much one digest tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestPeriod {
    /// Seven days.
    Weekly,
    /// From the same day of the month before.
    Monthly,
}

impl DigestPeriod {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            DigestPeriod::Weekly => "weekly",
            DigestPeriod::Monthly => "monthly",
        }
    }
}

/// When a policy's digest is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How much it covers.
    pub period: DigestPeriod,
    /// When: civil time in the policy's zone.
    pub schedule: Schedule,
}
