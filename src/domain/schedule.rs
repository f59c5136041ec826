//! Slots: the civil times at which a policy's sweep is owed.
//!
//! A slot is computed from the schedule and `now` alone, so it doesn't matter which bell rang or how late: the
//! database knows whether a slot has had its sweep.

use std::fmt::Display;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::calendar::Calendar;
use super::policy::Policy;
use super::settings::Schedule;

/// No clock in the time zone database is set back by more than a few hours, except where the date line moved.
const REPEATED_MAX_MINUTES: i64 = 180;
/// A schedule whose next so many slots are all on days off never comes: one that means only Sundays, say.
const DAYS_OFF_MAX: usize = 400;
/// A slot that comes just before midnight may still start this much later, though the new day is off.
const PAST_MIDNIGHT_MAX: Duration = Duration::minutes(10);

/// Parses five cron fields (minute, hour, day of month, month, day of week).
pub fn parse_cron(text: &str) -> Result<Cron, String> {
    let wrong = |why: &dyn Display| format!("\"{text}\" is not a cron schedule of five fields: {why}");
    // The schedule trigger puts a field of seconds before it, which a nickname such as @daily doesn't take.
    if text.contains('@') {
        return Err(wrong(&"names that begin with @ are not taken; \"0 9 * * *\" is each day at 09:00"));
    }
    CronParser::builder().seconds(Seconds::Disallowed).build().parse(text).map_err(|error| wrong(&error))
}

/// The first slot strictly after `now` that is on no day off. A civil time that daylight saving skips has its slot when
/// the gap ends; one that it repeats has its slot the first time.
pub fn next_slot(schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let cron = parse_cron(&schedule.cron).ok()?;
    let mut from = now;
    for _ in 0..DAYS_OFF_MAX {
        let slot = slot_after(&cron, schedule.zone, from)?;
        let Some(days_off) = off_at(schedule, slot) else { return Some(slot) };
        let day = days_off.working_day_from(days_off.day_of(slot))?;
        from = days_off.start_of(day) - Duration::seconds(1);
    }
    None
}

/// The slot that is owed at `now`: the latest one on no day off, if it is within the catch-up limit and later than
/// `known_since` (a policy owes nothing for the time before it existed). On a day off nothing is owed, so that what was
/// missed does not come then.
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
    let oldest = now - catch_up.max(Duration::minutes(1));
    let mut until = now;
    let latest = loop {
        let slot = latest_slot(&cron, schedule.zone, until)?;
        if slot < oldest || slot <= known_since {
            return None;
        }
        let Some(days_off) = off_at(schedule, slot) else { break slot };
        until = days_off.start_of(days_off.day_of(slot)) - Duration::seconds(1);
    };
    let too_late = off_at(schedule, now).is_some() && now - latest > PAST_MIDNIGHT_MAX;
    (!too_late).then_some(latest)
}

/// The days off of the schedule, if the moment is on one of them.
fn off_at(schedule: &Schedule, at: DateTime<Utc>) -> Option<&Calendar> {
    schedule.days_off.as_ref().filter(|calendar| calendar.is_day_off(calendar.day_of(at)))
}

/// The last slot up to `until`.
fn latest_slot(cron: &Cron, zone: Tz, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // Going back, croner puts a slot that daylight saving skips before the gap, and within the repeated hour it
    // misses the first pass. So it only says where to start, and slots are what going forward finds.
    let near = cron.find_previous_occurrence(&until.with_timezone(&zone), true).ok()?.with_timezone(&Utc);
    let after = |from| slot_after(cron, zone, from).filter(|slot| *slot <= until);
    std::iter::successors(after(near - Duration::seconds(1)), |slot| after(*slot)).last()
}

/// The first slot strictly after `from`.
fn slot_after(cron: &Cron, zone: Tz, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // Croner carries a fraction of a second over into its answer, and a slot is one instant no matter who asks when.
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
