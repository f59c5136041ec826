//! Days off: what counts as one, and how long periods of working days are, at every hour of years of days.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use inactive_contractors::domain::calendar::{Calendar, Period, Yearly, YearlyDay};

use super::fixture::{days, time};

const BERLIN: Tz = chrono_tz::Europe::Berlin;
/// Here the clocks go forward at midnight, so that some days begin at one.
const SANTIAGO: Tz = chrono_tz::America::Santiago;
/// Here 30 December 2011 never was.
const APIA: Tz = chrono_tz::Pacific::Apia;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("the test states a date")
}

fn calendar(zone: Tz, holidays: &[&str]) -> Calendar {
    Calendar { zone, holidays: holidays.iter().map(|text| date(text)).collect(), ..Calendar::default() }
}

/// Everybody works every day.
fn without_days_off(zone: Tz) -> Calendar {
    let week = (0..7).map(|day| Weekday::try_from(day).expect("one of seven"));
    Calendar { working_week: week.collect(), ..calendar(zone, &[]) }
}

fn yearly(from: &str, on: YearlyDay, days: u16) -> Yearly {
    Yearly { from: date(from), until: None, on, days, except: BTreeSet::new() }
}

fn with_yearly(holidays: impl IntoIterator<Item = Yearly>) -> Calendar {
    Calendar { yearly: holidays.into_iter().collect(), ..calendar(Tz::UTC, &[]) }
}

/// A moment in the zone's civil time.
fn civil(zone: Tz, text: &str) -> DateTime<Utc> {
    let naive = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a civil time");
    zone.from_local_datetime(&naive).earliest().expect("it is not skipped").to_utc()
}

/// Christmas and the days after it.
const CHRISTMAS: [&str; 4] = ["2026-12-24", "2026-12-25", "2026-12-31", "2027-01-01"];

/// Calendars of several kinds, each with a start from which daylight saving, a year's end and holidays come.
fn many() -> Vec<(Calendar, DateTime<Utc>)> {
    let odd = Calendar {
        working_week: vec![Weekday::Mon, Weekday::Wed, Weekday::Sun],
        ..calendar(SANTIAGO, &["2026-09-07"])
    };
    vec![
        (calendar(BERLIN, &CHRISTMAS), time("2026-12-20T00:00:00Z")),
        (calendar(BERLIN, &["2026-03-30"]), time("2026-03-25T00:00:00Z")),
        (calendar(BERLIN, &["2026-10-23", "2026-10-26"]), time("2026-10-20T00:00:00Z")),
        (odd, time("2026-09-01T00:00:00Z")),
        (calendar(APIA, &["2011-12-29"]), time("2011-12-25T00:00:00Z")),
        (without_days_off(BERLIN), time("2026-03-25T00:00:00Z")),
    ]
}

/// Moments of two weeks, at ever other times of the day.
fn moments(start: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    (0..200).map(move |tick| start + Duration::minutes(100 * tick + tick % 7))
}

#[test]
fn time_passes_on_working_days_from_the_time_of_day_of_the_sign_of_life() {
    let calendar = calendar(BERLIN, &["2026-12-24", "2026-12-25"]);
    for (since, count, until) in [
        ("2026-12-01 15:00", 1, "2026-12-02 15:00"), // a Tuesday
        ("2026-12-04 15:00", 1, "2026-12-07 15:00"), // over a weekend
        ("2026-12-05 15:00", 1, "2026-12-08 00:00"), // a Saturday: counted from Monday's midnight
        ("2026-12-04 00:00", 1, "2026-12-05 00:00"),
        ("2026-12-01 15:00", 5, "2026-12-08 15:00"),
        ("2026-12-23 09:00", 1, "2026-12-28 09:00"), // over Christmas and the weekend after it
        ("2026-12-24 09:00", 7, "2027-01-06 00:00"), // over the year's end
        ("2026-10-23 15:00", 1, "2026-10-26 15:00"), // over the night when clocks go back
        ("2026-03-27 15:00", 1, "2026-03-30 15:00"), // and forward
    ] {
        let end = calendar.after(civil(BERLIN, since), Period::WorkingDays(count));
        assert_eq!(end, civil(BERLIN, until), "{count} from {since}");
    }
}

#[test]
fn whole_working_days_are_counted() {
    let calendar = calendar(BERLIN, &["2026-12-24", "2026-12-25"]);
    for (since, now, count) in [
        ("2026-12-18 09:00", "2026-12-27 09:00", 3), // Friday to Sunday: Friday and three days but for nine hours
        ("2026-12-18 09:00", "2026-12-18 09:00", 0),
        ("2026-12-19 09:00", "2026-12-20 23:00", 0),
        ("2026-12-18 09:00", "2026-12-21 08:59", 0),
        ("2026-12-18 09:00", "2026-12-21 09:00", 1),
        ("2026-12-21 09:00", "2026-12-18 09:00", 0),
    ] {
        let counted = calendar.working_days_between(civil(BERLIN, since), civil(BERLIN, now));
        assert_eq!(counted, count, "{since} to {now}");
    }
}

#[test]
fn a_later_sign_of_life_never_makes_a_period_end_earlier() {
    for (calendar, start) in many() {
        for count in [1, 2, 5] {
            let ends: Vec<_> =
                moments(start).map(|at| calendar.after(at, Period::WorkingDays(count))).collect();
            assert!(ends.is_sorted(), "{calendar:?} {count}");
        }
    }
}

#[test]
fn working_days_never_end_before_calendar_days() {
    for (calendar, start) in many() {
        for at in moments(start) {
            for count in [1, 3, 7] {
                let end = calendar.after(at, Period::WorkingDays(count));
                assert!(end >= at + days(i64::from(count)), "{calendar:?} {at}");
            }
        }
    }
}

#[test]
fn where_nobody_is_ever_off_they_are_calendar_days() {
    let calendar = without_days_off(BERLIN);
    for at in moments(time("2026-03-25T00:00:00Z")) {
        assert_eq!(calendar.after(at, Period::WorkingDays(7)), at + days(7));
        assert_eq!(calendar.before(at, Period::WorkingDays(7)), at - days(7));
        assert_eq!(calendar.working_days_between(at - days(9), at), 9);
    }
    let busy = calendar_of_christmas();
    let hour = Period::Time(Duration::hours(30));
    assert_eq!(busy.after(time("2026-12-24T09:00:00Z"), hour), time("2026-12-25T15:00:00Z"));
    assert_eq!(busy.before(time("2026-12-25T15:00:00Z"), hour), time("2026-12-24T09:00:00Z"));
}

fn calendar_of_christmas() -> Calendar {
    calendar(BERLIN, &CHRISTMAS)
}

#[test]
fn one_more_holiday_never_makes_a_period_end_earlier() {
    for (calendar, start) in many() {
        for offset in 0..10 {
            let mut more = calendar.clone();
            more.holidays.insert(calendar.day_of(start) + chrono::Days::new(offset));
            for at in moments(start).step_by(7) {
                let period = Period::WorkingDays(3);
                assert!(more.after(at, period) >= calendar.after(at, period), "{calendar:?} {at}");
            }
            assert!(more.has_all_days_off_of(&calendar));
        }
    }
}

#[test]
fn the_three_ways_to_count_agree() {
    for (calendar, start) in many() {
        for at in moments(start) {
            for count in [1, 3] {
                let end = calendar.after(at, Period::WorkingDays(count));
                assert_eq!(calendar.working_days_between(at, end), i64::from(count), "{calendar:?} {at}");
                let early = calendar.working_days_between(at, end - Duration::seconds(1));
                assert_eq!(early, i64::from(count) - 1, "{calendar:?} {at}");
                // Anyone who was last seen before it has been idle long enough.
                let back = calendar.before(end, Period::WorkingDays(count));
                let worked = calendar.working_days_between(back, end);
                assert_eq!(worked, i64::from(count), "{calendar:?} {at}: {back}");
                let after = calendar.after(back - Duration::seconds(1), Period::WorkingDays(count));
                assert!(after <= end, "{calendar:?} {at}: {after} is after {end}");
            }
        }
    }
}

#[test]
fn days_begin_at_the_first_moment_that_there_is() {
    for (zone, day, start) in [
        (BERLIN, "2026-03-29", "2026-03-28T23:00:00Z"),
        (SANTIAGO, "2026-09-06", "2026-09-06T04:00:00Z"), // at one, because there is no midnight
        (SANTIAGO, "2026-04-05", "2026-04-05T04:00:00Z"),
        (APIA, "2011-12-30", "2011-12-30T10:00:00Z"), // skipped, so it begins where the next day does
        (APIA, "2011-12-31", "2011-12-30T10:00:00Z"),
    ] {
        assert_eq!(calendar(zone, &[]).start_of(date(day)), time(start), "{zone} {day}");
    }
}

#[test]
fn holidays_come_back_every_year() {
    let christmas = yearly("2020-12-25", YearlyDay::Date { month: 12, day: 25 }, 2);
    let new_year = yearly("2020-12-31", YearlyDay::Date { month: 12, day: 31 }, 2);
    let thanksgiving = YearlyDay::Nth { month: 11, weekday: Weekday::Thu, nth: 4 };
    let memorial = YearlyDay::Nth { month: 5, weekday: Weekday::Mon, nth: -1 };
    let leap = yearly("2024-02-29", YearlyDay::Date { month: 2, day: 29 }, 1);
    let calendar = with_yearly([
        christmas,
        new_year,
        yearly("2020-11-26", thanksgiving, 1),
        yearly("2020-05-25", memorial, 1),
        leap,
    ]);
    for off in [
        "2020-12-25",
        "2029-12-25",
        "2029-12-26",
        "2030-01-01",
        "2026-11-26",
        "2027-11-25",
        "2027-05-31",
        "2028-02-29",
    ] {
        assert!(calendar.is_day_off(date(off)), "{off}");
    }
    for on in ["2019-12-25", "2029-12-27", "2030-01-02", "2026-11-19", "2027-05-24", "2027-03-01"] {
        assert!(!calendar.is_day_off(date(on)), "{on}");
    }
}

#[test]
fn what_comes_back_may_end_and_leave_times_out() {
    let mut christmas = yearly("2020-12-25", YearlyDay::Date { month: 12, day: 25 }, 1);
    christmas.until = Some(date("2028-12-25"));
    christmas.except.insert(date("2024-12-25"));
    let calendar = with_yearly([christmas.clone()]);
    assert!(calendar.is_day_off(date("2028-12-25")) && calendar.is_day_off(date("2023-12-25")));
    assert!(!calendar.is_day_off(date("2024-12-25")) && !calendar.is_day_off(date("2029-12-25")));
    assert_eq!(calendar.holidays_end(), Some(date("2028-12-25")));
    christmas.until = None;
    assert_eq!(with_yearly([christmas]).holidays_end(), None);
    assert_eq!(calendar_of_christmas().holidays_end(), Some(date("2027-01-01")));
    assert_eq!(calendar_without_holidays().holidays_end(), None);
}

fn calendar_without_holidays() -> Calendar {
    calendar(BERLIN, &[])
}

#[test]
fn a_calendar_whose_days_are_all_off_lets_no_period_end_soon() {
    let always =
        with_yearly((1..=12).map(|month| yearly("2020-01-01", YearlyDay::Date { month, day: 1 }, 31)));
    let since = time("2026-11-23T09:00:00Z");
    assert!(always.after(since, Period::WorkingDays(1)) > since + days(365 * 50));
    assert!(always.before(since, Period::WorkingDays(1)) < since - days(365 * 5));
    assert_eq!(always.working_day_from(date("2026-11-23")), None);
}

#[test]
fn one_calendar_has_all_days_off_of_another_or_not() {
    let christmas = calendar_of_christmas();
    let more = calendar(BERLIN, &["2026-12-24", "2026-12-25", "2026-12-30", "2026-12-31", "2027-01-01"]);
    let saturday = calendar(BERLIN, &["2026-12-26"]);
    assert!(more.has_all_days_off_of(&christmas) && !christmas.has_all_days_off_of(&more));
    assert!(christmas.has_all_days_off_of(&saturday), "a holiday on a Saturday was off anyway");
    let six = Calendar {
        working_week: [christmas.working_week.clone(), vec![Weekday::Sat]].concat(),
        ..christmas.clone()
    };
    assert!(christmas.has_all_days_off_of(&six) && !six.has_all_days_off_of(&christmas));
    assert!(!calendar(Tz::UTC, &CHRISTMAS).has_all_days_off_of(&christmas), "other midnights");
    let back = with_yearly([yearly("2020-12-25", YearlyDay::Date { month: 12, day: 25 }, 1)]);
    assert!(!with_yearly([]).has_all_days_off_of(&back) && back.has_all_days_off_of(&with_yearly([])));
}

#[test]
fn names_are_found_by_day_and_are_no_part_of_what_is_stored() {
    let mut calendar = with_yearly([yearly("2020-12-25", YearlyDay::Date { month: 12, day: 25 }, 2)]);
    calendar.names.insert(date("2020-12-25"), "Christmas".into());
    assert_eq!(calendar.name_of(date("2026-12-26")), Some("Christmas"));
    assert_eq!(calendar.name_of(date("2026-12-27")), None);
    let json = serde_json::to_string(&calendar).expect("it is data");
    assert!(!json.contains("Christmas"), "{json}");
    let kept: Calendar = serde_json::from_str(&json).expect("it is kept");
    assert_eq!(kept, calendar.nameless());
}

#[test]
fn the_longest_run_of_days_off_counts_the_weekends_around_it() {
    let calendar = calendar(BERLIN, &["2026-12-24", "2026-12-25", "2026-12-28", "2027-01-01"]);
    assert_eq!(calendar.longest_run(), Some((date("2026-12-24"), 5)));
    assert_eq!(calendar_without_holidays().longest_run(), None);
}

#[test]
fn bygone_holidays_are_those_that_no_unfinished_period_has_in_it() {
    let (calendar, period) = (calendar_of_christmas(), Period::WorkingDays(3));
    let left = |now: &str| calendar.without_bygone_holidays(period, civil(BERLIN, now)).holidays.len();
    assert_eq!(left("2026-12-28 09:00"), 4);
    // Two days and nine hours of work ago it was the 23rd; one more day later, the 28th.
    assert_eq!(left("2026-12-30 09:00"), 4);
    assert_eq!(left("2027-01-04 09:00"), 2);
    assert_eq!(left("2027-01-07 09:00"), 0);
}
