//! Slots: the civil times at which a policy's sweep is owed.
//!
//! A slot is computed from the schedule and `now` alone, so it doesn't matter which bell rang or how late: the
//! database knows whether a slot has had its sweep.

use chrono::{DateTime, Duration, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::policy::{Policy, Schedule};

/// Parses five cron fields (minute, hour, day of month, month, day of week).
pub fn parse_cron(text: &str) -> Result<Cron, String> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .build()
        .parse(text)
        .map_err(|error| format!("\"{text}\" is not a cron schedule of five fields: {error}"))
}

/// The first slot strictly after `now`.
pub fn next_slot(schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let cron = parse_cron(&schedule.cron).ok()?;
    let next = cron.find_next_occurrence(&now.with_timezone(&schedule.zone), false).ok()?;
    Some(next.with_timezone(&Utc))
}

/// The slot that is owed at `now`: the latest one, if it is within the catch-up limit and later than `known_since`
/// (a policy owes nothing for the time before it existed).
pub fn owed_slot(policy: &Policy, known_since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let cron = parse_cron(&policy.schedule.cron).ok()?;
    let latest = cron.find_previous_occurrence(&now.with_timezone(&policy.schedule.zone), true).ok()?;
    let latest = latest.with_timezone(&Utc);
    // Daylight saving can move an occurrence that the iterator reports past `now`; such a slot is not due yet.
    (latest <= now && latest > known_since && now - latest <= policy.catch_up.max(Duration::minutes(1)))
        .then_some(latest)
}
