//! What a sweep comes to: every account with its assessment, the counts, and whether the sweep may speak.

use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::account::{Account, UserType};
use super::assess::Assessment;
use super::ids::RequestId;
use super::policy::Policy;
use super::settings::Limits;

/// A sweep is held for a surge only above this many candidates, so that 1 → 4 is not an alarm.
const SURGE_FLOOR: u32 = 5;
/// Shares are written in decimal and computed in binary: 0.29 × 100 must not come out below 29.
const ROUNDING: f64 = 1e-6;
/// The share guards need at least this many accounts to mean anything.
const SHARE_FLOOR: u32 = 10;

/// An account with the answer it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessed {
    /// The account as it was read.
    pub account: Account,
    /// The answer, with its reason.
    pub assessment: Assessment,
    /// The open request that already asks about this account, if any: it is not asked about twice.
    pub waiting_in: Option<RequestId>,
}

/// How many accounts got which answer. `population` is the number listed, and the others add up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All accounts that the provider listed.
    pub population: u32,
    /// To be asked about.
    pub candidates: u32,
    /// Candidates that an open request already asks about.
    pub waiting: u32,
    /// Seen within the period.
    pub active: u32,
    /// In a grace period.
    pub in_grace: u32,
    /// Exempt or protected.
    pub exempt: u32,
    /// In a status that can't be suspended.
    pub not_suspendable: u32,
    /// With something missing or unreadable.
    pub unknown: u32,
    /// Listed, but of another type when looked at closely.
    pub other_type: u32,
}

impl Counts {
    /// Counts one more account; `waits`: an open request asks about it.
    pub fn add(&mut self, assessment: &Assessment, waits: bool) {
        self.population += 1;
        let slot = match assessment {
            Assessment::Candidate(_) if waits => &mut self.waiting,
            Assessment::Candidate(_) => &mut self.candidates,
            Assessment::Active(_) => &mut self.active,
            Assessment::InGrace { .. } => &mut self.in_grace,
            Assessment::Exempt(_) => &mut self.exempt,
            Assessment::NotSuspendable(_) => &mut self.not_suspendable,
            Assessment::Unknown(_) => &mut self.unknown,
            Assessment::OtherType(_) => &mut self.other_type,
        };
        *slot += 1;
    }
}

/// So far our clock may be from the provider's. Every period is a day or longer; what a few minutes change could as well
/// be a slow line.
pub const CLOCK_OFF_MAX: Duration = Duration::minutes(5);

/// A brake that stopped a sweep from asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The provider has no account of the type. A misspelt type looks just like this.
    NobodyOfType {
        /// The type that was asked for.
        user_type: UserType,
    },
    /// More than half of the accounts could not be judged.
    MostlyUnknown {
        /// How many could not be judged.
        unknown: u32,
        /// Of how many.
        population: u32,
    },
    /// Far fewer accounts than last time: the listing may be partial.
    FarFewer {
        /// This time.
        now: u32,
        /// Last time.
        before: u32,
    },
    /// More candidates than the policy allows.
    TooMany {
        /// How many.
        candidates: u32,
        /// The policy's `max_candidates`.
        max: u32,
    },
    /// A larger share than the policy allows.
    TooLargeAShare {
        /// How many candidates.
        candidates: u32,
        /// Of how many accounts.
        population: u32,
        /// The policy's `max_share` in percent.
        max_percent: u32,
    },
    /// Our clock and the provider's differ, so nobody can tell how long an account has been idle.
    ClockOff {
        /// By how many seconds ours is ahead; below zero: behind.
        ahead_s: i64,
    },
    /// Many more candidates than lately.
    Surge {
        /// How many.
        candidates: u32,
        /// The median of the recent sweeps.
        median: u32,
    },
}

impl Guard {
    /// The guard that stops everything while our clock is too far from the provider's. What isn't known stops nothing.
    pub fn of_clock(ahead: Option<Duration>) -> Option<Guard> {
        let ahead = ahead.filter(|ahead| ahead.abs() > CLOCK_OFF_MAX)?;
        Some(Guard::ClockOff { ahead_s: ahead.num_seconds() })
    }
}

/// Whether a sweep may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nobody to ask about.
    NoCandidates,
    /// Ask for approval.
    Ask,
    /// Show the list only: the rule has not gone live yet.
    Preview,
    /// Show the guard; a second person may release it once.
    Held(Guard),
    /// Tell the guard; there is nothing to release.
    Refused(Guard),
}

/// What earlier sweeps of the policy found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The population of the latest finished sweep.
    pub previous_population: Option<u32>,
    /// The candidate counts of the latest finished sweeps, newest first. Candidates that were waiting count too.
    pub recent_candidates: Vec<u32>,
    /// Whether the rule (or a wider one) has gone live.
    pub live: bool,
}

/// A sweep's result: applying it is somebody else's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The listed accounts that were kept, candidates first, the longest idle first. A sweep keeps no account that it
    /// has nothing to say about; they are in the counts.
    pub assessed: Vec<Assessed>,
    pub counts: Counts,
    /// Whether to ask.
    pub verdict: Verdict,
}

impl Plan {
    /// The accounts to ask about: candidates that no open request holds.
    pub fn candidates(&self) -> impl Iterator<Item = &Assessed> {
        self.assessed.iter().filter(|one| is_new_candidate(one))
    }
}

/// Puts the assessments together; `others` counts the accounts that were not kept. Pure.
pub fn plan(policy: &Policy, mut assessed: Vec<Assessed>, others: Counts, past: &Past) -> Plan {
    assessed.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut counts = others;
    for one in &assessed {
        counts.add(&one.assessment, one.waiting_in.is_some());
    }
    let verdict = verdict(policy, counts, past);
    Plan { assessed, counts, verdict }
}

fn verdict(policy: &Policy, counts: Counts, past: &Past) -> Verdict {
    if let Some(guard) = refusal(policy, counts) {
        return Verdict::Refused(guard);
    }
    // Before the holds: a held sweep can be released into asking, which would skip the preview. A preview asks for
    // nothing, so there is nothing to hold, and the first sweep that asks meets the same limits.
    if policy.preview_first && !past.live && counts.candidates > 0 {
        return Verdict::Preview;
    }
    if let Some(guard) = hold(&policy.limits, counts, past) {
        return Verdict::Held(guard);
    }
    if counts.candidates == 0 { Verdict::NoCandidates } else { Verdict::Ask }
}

fn refusal(policy: &Policy, counts: Counts) -> Option<Guard> {
    if counts.population - counts.other_type == 0 {
        return Some(Guard::NobodyOfType { user_type: policy.rule.user_type.clone() });
    }
    (counts.unknown * 2 > counts.population)
        .then_some(Guard::MostlyUnknown { unknown: counts.unknown, population: counts.population })
}

fn hold(limits: &Limits, counts: Counts, past: &Past) -> Option<Guard> {
    let Counts { population, candidates, .. } = counts;
    if let Some(before) = past.previous_population
        && before >= SHARE_FLOOR
        && f64::from(population) + ROUNDING < f64::from(before) * limits.min_population_share
    {
        return Some(Guard::FarFewer { now: population, before });
    }
    if candidates > limits.max_candidates {
        return Some(Guard::TooMany { candidates, max: limits.max_candidates });
    }
    if population >= SHARE_FLOOR
        && f64::from(candidates) > f64::from(population) * limits.max_share + ROUNDING
    {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0 to 1")]
        let max_percent = (limits.max_share * 100.0).round() as u32;
        return Some(Guard::TooLargeAShare { candidates, population, max_percent });
    }
    let median = median(&past.recent_candidates)?;
    // The recent counts include accounts that waited for an answer, so these count here too.
    let candidates = candidates + counts.waiting;
    let surges = limits.surge_factor > 0.0
        && candidates > SURGE_FLOOR
        && f64::from(candidates) > f64::from(median.max(1)) * limits.surge_factor;
    surges.then_some(Guard::Surge { candidates, median })
}

fn median(counts: &[u32]) -> Option<u32> {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied()
}

fn is_new_candidate(one: &Assessed) -> bool {
    matches!(one.assessment, Assessment::Candidate(_)) && one.waiting_in.is_none()
}

/// Candidates first and the longest idle first, then by the answer, then by login: the same list each time.
fn order(one: &Assessed) -> (u8, i64, &str, &str) {
    let (rank, since) = match &one.assessment {
        Assessment::Candidate(evidence) => {
            (u8::from(one.waiting_in.is_some()), evidence.idle.since.timestamp())
        }
        Assessment::Unknown(_) => (2, 0),
        Assessment::InGrace { idle, .. } => (3, idle.since.timestamp()),
        Assessment::Exempt(_) => (4, 0),
        Assessment::NotSuspendable(_) => (5, 0),
        Assessment::Active(idle) => (6, idle.since.timestamp()),
        Assessment::OtherType(_) => (7, 0),
    };
    (rank, since, one.account.login.as_str(), one.account.id.0.as_str())
}
