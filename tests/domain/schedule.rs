//! Slots: civil time through daylight saving, the catch-up limit, and what a policy owes.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;
use inactive_contractors::domain::calendar::Calendar;
use inactive_contractors::domain::policy::Policy;
use inactive_contractors::domain::schedule::{next_slot, owed_slot, parse_cron};
use inactive_contractors::domain::settings::Schedule;

use super::fixture::{now, policy, time};

const BERLIN: Tz = chrono_tz::Europe::Berlin;
/// Two days before the clocks go forward (29 March 2026) and back (25 October 2026).
const FORWARD: &str = "2026-03-27T12:00:00Z";
const BACK: &str = "2026-10-23T12:00:00Z";

fn schedule(cron: &str, zone: Tz) -> Schedule {
    Schedule { cron: cron.into(), zone, days_off: None }
}

fn every(cron: &str, zone: Tz) -> Policy {
    Policy { schedule: schedule(cron, zone), ..policy() }
}

/// The slots that a bot owes in three days from `start` when its bell rings every twenty minutes.
fn owed_over(policy: &Policy, start: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
    (0..3 * 24 * 3)
        .filter_map(|tick| owed_slot(policy, start, start + Duration::minutes(20 * tick)))
        .collect()
}

/// The slots that the status command announces over the same time.
fn announced_over(policy: &Policy, start: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
    let end = start + Duration::days(3) - Duration::minutes(20);
    let after = |slot: &DateTime<Utc>| next_slot(&policy.schedule, *slot);
    std::iter::successors(after(&start), after).take_while(|slot| *slot <= end).collect()
}

fn civil_days(slots: &BTreeSet<DateTime<Utc>>, zone: Tz) -> Vec<NaiveDate> {
    slots.iter().map(|slot| slot.with_timezone(&zone).date_naive()).collect()
}

#[test]
fn through_daylight_saving_each_civil_day_has_one_slot() {
    for cron in ["30 2 * * *", "0 2 * * *", "0 3 * * *", "0 9 * * *"] {
        for start in [FORWARD, BACK] {
            let policy = every(cron, BERLIN);
            let slots = owed_over(&policy, time(start));
            let days = civil_days(&slots, BERLIN);
            let distinct: BTreeSet<_> = days.iter().collect();
            assert_eq!(distinct.len(), days.len(), "{cron} {start}: {slots:?}");
            assert_eq!(days.len(), 3, "{cron} {start}: {slots:?}");
        }
    }
}

#[test]
fn a_slot_is_the_same_instant_whatever_fraction_of_a_second_it_is_asked_at() {
    let (policy, known_since) = (every("0 9 * * *", BERLIN), time(FORWARD));
    let nine = time("2026-03-28T08:00:00Z");
    for milliseconds in [0, 1, 500, 999, 1_000, 3_600_500] {
        let asked_at = nine + Duration::milliseconds(milliseconds);
        assert_eq!(owed_slot(&policy, known_since, asked_at), Some(nine), "{asked_at}");
        let next = next_slot(&policy.schedule, asked_at).expect("there is a next one");
        assert_eq!(next, time("2026-03-29T07:00:00Z"), "{asked_at}");
    }
}

#[test]
fn nine_in_the_morning_stays_nine_in_the_morning() {
    for start in [FORWARD, BACK] {
        for slot in owed_over(&every("0 9 * * *", BERLIN), time(start)) {
            let local = slot.with_timezone(&BERLIN);
            assert_eq!((local.hour(), local.minute(), local.second()), (9, 0, 0), "{slot}");
        }
    }
}

#[test]
fn what_was_announced_is_what_is_owed() {
    let santiago = chrono_tz::America::Santiago;
    for (cron, zone, start) in [
        ("30 2 * * *", BERLIN, FORWARD),
        ("30 2 * * *", BERLIN, BACK),
        ("50 2 * * *", BERLIN, BACK),
        ("0 9 * * *", BERLIN, FORWARD),
        ("0 9 * * *", BERLIN, BACK),
        ("0 9 * * 1-5", BERLIN, FORWARD),
        // Here the clocks go forward at midnight on Sunday, 6 September 2026.
        ("30 0 * * *", santiago, "2026-09-04T12:00:00Z"),
        ("30 0 * * 0", santiago, "2026-09-04T12:00:00Z"),
    ] {
        let policy = every(cron, zone);
        let start = time(start);
        let announced = announced_over(&policy, start);
        assert!(!announced.is_empty(), "{cron}");
        assert_eq!(owed_over(&policy, start), announced, "{cron} {zone} {start}");
    }
}

#[test]
fn the_next_slot_is_strictly_after_now_at_every_moment() {
    for cron in ["30 2 * * *", "50 2 * * *", "*/10 * * * *", "0 9 * * *"] {
        for start in [FORWARD, BACK] {
            for tick in 0..(3 * 24 * 6) {
                let at = time(start) + Duration::minutes(10 * tick);
                let next = next_slot(&schedule(cron, BERLIN), at).unwrap();
                assert!(next > at, "{cron}: {next} is announced at {at}");
                assert!(next - at <= Duration::hours(25), "{cron}: {next} is announced at {at}");
            }
        }
    }
}

#[test]
fn a_slot_is_not_its_own_successor() {
    let nine = schedule("0 9 * * *", BERLIN);
    let slot = time("2026-11-23T08:00:00Z");
    assert_eq!(next_slot(&nine, slot - Duration::seconds(1)), Some(slot));
    assert_eq!(next_slot(&nine, slot), Some(slot + Duration::days(1)));
}

#[test]
fn a_slot_is_owed_from_its_moment_until_the_catch_up_limit() {
    let policy = every("0 9 * * *", BERLIN);
    let (slot, long_ago) = (time("2026-11-23T08:00:00Z"), time("2026-01-01T00:00:00Z"));
    let owed = |late: Duration| owed_slot(&policy, long_ago, slot + late);
    assert_eq!(owed(Duration::seconds(-1)), None, "yesterday's is too old");
    assert_eq!(owed(Duration::zero()), Some(slot));
    assert_eq!(owed(Duration::hours(6)), Some(slot));
    assert_eq!(owed(Duration::hours(6) + Duration::seconds(1)), None);
    let strict = Policy { catch_up: Duration::zero(), ..policy.clone() };
    assert_eq!(owed_slot(&strict, long_ago, slot + Duration::seconds(30)), Some(slot), "a slow bell");
    assert_eq!(owed_slot(&strict, long_ago, slot + Duration::seconds(61)), None);
}

#[test]
fn of_several_missed_slots_only_the_latest_is_owed() {
    let hourly = every("0 * * * *", BERLIN);
    let at = time("2026-11-23T08:59:00Z");
    assert_eq!(owed_slot(&hourly, at - Duration::days(9), at), Some(time("2026-11-23T08:00:00Z")));
}

#[test]
fn a_policy_owes_nothing_for_the_time_before_it_was_known() {
    let policy = every("0 9 * * *", BERLIN);
    let (slot, at) = (time("2026-11-23T08:00:00Z"), time("2026-11-23T08:30:00Z"));
    assert_eq!(owed_slot(&policy, slot - Duration::seconds(1), at), Some(slot));
    assert_eq!(owed_slot(&policy, slot, at), None);
    assert_eq!(owed_slot(&policy, slot + Duration::minutes(5), at), None);
}

#[test]
fn a_schedule_has_five_fields() {
    for good in ["0 9 * * *", "*/15 8-18 * * 1-5", "0 9 1 * *", "0 9 * * MON"] {
        assert!(parse_cron(good).is_ok(), "{good}");
    }
    for bad in
        ["", "9", "0 9 * *", "0 0 9 * * *", "61 9 * * *", "0 25 * * *", "daily", "@daily", "* * * * * * *"]
    {
        let error = parse_cron(bad).unwrap_err();
        assert!(error.contains("is not a cron schedule of five fields"), "{error}");
        assert_eq!(next_slot(&schedule(bad, BERLIN), now()), None);
        assert_eq!(owed_slot(&every(bad, BERLIN), now() - Duration::days(9), now()), None);
    }
}

/// Nine o'clock in Berlin on working days; the 24th and 25th of December are off, Thursday and Friday.
fn on_working_days(cron: &str) -> Policy {
    let holidays = ["2026-12-24", "2026-12-25"].map(|date| date.parse().expect("a date"));
    let days_off = Calendar { zone: BERLIN, holidays: holidays.into(), ..Calendar::default() };
    let schedule = Schedule { days_off: Some(days_off), ..schedule(cron, BERLIN) };
    Policy { schedule, catch_up: Duration::days(7), ..policy() }
}

#[test]
fn no_slot_is_announced_for_a_day_off() {
    let schedule = on_working_days("0 9 * * *").schedule;
    for (asked_at, next) in [
        ("2026-12-23T07:59:59Z", "2026-12-23T08:00:00Z"),
        ("2026-12-23T08:00:00Z", "2026-12-28T08:00:00Z"),
        ("2026-12-25T08:00:00Z", "2026-12-28T08:00:00Z"),
        ("2026-12-26T12:00:00Z", "2026-12-28T08:00:00Z"),
        ("2026-10-23T12:00:00Z", "2026-10-26T08:00:00Z"),
    ] {
        assert_eq!(next_slot(&schedule, time(asked_at)), Some(time(next)), "{asked_at}");
    }
    let midnight = on_working_days("0 0 * * *").schedule;
    assert_eq!(next_slot(&midnight, time("2026-12-24T12:00:00Z")), Some(time("2026-12-27T23:00:00Z")));
    let sundays = on_working_days("0 9 * * 0").schedule;
    assert_eq!(next_slot(&sundays, now()), None);
}

#[test]
fn nothing_is_owed_on_a_day_off_nor_for_one() {
    let policy = on_working_days("0 9 * * *");
    let long_ago = time("2026-01-01T00:00:00Z");
    let owed = |now: &str| owed_slot(&policy, long_ago, time(now));
    let wednesday = Some(time("2026-12-23T08:00:00Z"));
    assert_eq!(owed("2026-12-23T08:00:00Z"), wednesday);
    assert_eq!(owed("2026-12-23T22:59:00Z"), wednesday);
    for off in
        ["2026-12-24T08:00:00Z", "2026-12-24T12:00:00Z", "2026-12-25T08:00:00Z", "2026-12-27T22:59:00Z"]
    {
        assert_eq!(owed(off), None, "{off}");
    }
    assert_eq!(owed("2026-12-28T07:59:59Z"), wednesday, "Monday morning: if it was missed");
    assert_eq!(owed("2026-12-28T08:00:00Z"), Some(time("2026-12-28T08:00:00Z")));
    let strict = Policy { catch_up: Duration::hours(12), ..policy.clone() };
    assert_eq!(owed_slot(&strict, long_ago, time("2026-12-28T07:59:59Z")), None);
    let new = owed_slot(&policy, time("2026-12-23T09:00:00Z"), time("2026-12-28T07:59:59Z"));
    assert_eq!(new, None, "the policy was not known then");
}

#[test]
fn a_slot_just_before_midnight_may_start_just_after_it() {
    let policy = on_working_days("59 23 * * *");
    let owed = |now: &str| owed_slot(&policy, time("2026-01-01T00:00:00Z"), time(now));
    let slot = Some(time("2026-12-23T22:59:00Z"));
    assert_eq!(owed("2026-12-23T23:00:30Z"), slot);
    assert_eq!(owed("2026-12-23T23:09:00Z"), slot);
    assert_eq!(owed("2026-12-23T23:09:01Z"), None);
    assert_eq!(owed("2026-12-24T22:59:00Z"), None);
}

#[test]
fn on_working_days_what_was_announced_is_what_is_owed() {
    for cron in ["30 2 * * *", "0 0 * * *"] {
        for start in [BACK, "2026-12-23T05:00:00Z"] {
            let policy = Policy { catch_up: Duration::hours(5), ..on_working_days(cron) };
            let start = time(start);
            assert_eq!(owed_over(&policy, start), announced_over(&policy, start), "{cron} {start}");
        }
    }
}
