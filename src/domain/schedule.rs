//! Slots: the civil times at which a policy's sweep is owed.
//!
//! A slot is computed from the schedule and `now` alone, so it doesn't matter which bell rang or how late: the
//! database knows whether a slot has had its sweep.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::policy::{Policy, Schedule};

/// No clock in the time zone database is set back by more than a few hours, except where the date line moved.
const REPEATED_MAX_MINUTES: i64 = 180;

/// Parses five cron fields (minute, hour, day of month, month, day of week).
pub fn parse_cron(text: &str) -> Result<Cron, String> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .build()
        .parse(text)
        .map_err(|error| format!("\"{text}\" is not a cron schedule of five fields: {error}"))
}

/// The first slot strictly after `now`. A civil time that daylight saving skips has its slot when the gap ends; one
/// that it repeats has its slot the first time.
pub fn next_slot(schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    slot_after(&parse_cron(&schedule.cron).ok()?, schedule.zone, now)
}

/// The slot that is owed at `now`: the latest one, if it is within the catch-up limit and later than `known_since`
/// (a policy owes nothing for the time before it existed).
pub fn owed_slot(policy: &Policy, known_since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    owed(&policy.schedule, policy.catch_up, known_since, now)
}

/// The latest slot of a schedule at `now`, if it is not older than `catch_up` and later than `known_since`.
pub fn owed(
    schedule: &Schedule,
    catch_up: Duration,
    known_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let cron = parse_cron(&schedule.cron).ok()?;
    let zone = schedule.zone;
    // Going back, croner puts a slot that daylight saving skips before the gap, and within the repeated hour it
    // misses the first pass. So it only says where to start, and slots are what going forward finds.
    let near = cron.find_previous_occurrence(&now.with_timezone(&zone), true).ok()?.with_timezone(&Utc);
    let after = |from| slot_after(&cron, zone, from).filter(|slot| *slot <= now);
    let latest = std::iter::successors(after(near - Duration::seconds(1)), |slot| after(*slot)).last()?;
    (latest > known_since && now - latest <= catch_up.max(Duration::minutes(1))).then_some(latest)
}

/// The first slot strictly after `from`.
fn slot_after(cron: &Cron, zone: Tz, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // Croner carries a fraction of a second over into its answer, and a slot is one instant whoever asks when.
    let from = from.trunc_subsecs(0);
    // Within an hour that is repeated, croner answers with the first pass, which may be over: look on, a minute at a
    // time, until the answer lies ahead.
    (0..=REPEATED_MAX_MINUTES)
        .map_while(|minutes| {
            let local = (from + Duration::minutes(minutes)).with_timezone(&zone);
            cron.find_next_occurrence(&local, false).ok()
        })
        .map(|slot| slot.with_timezone(&Utc))
        .find(|slot| *slot > from)
}
