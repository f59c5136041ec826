//! Dates as people write them.

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use inactive_contractors::domain::date_range::{
    DateRange, Length, Misread, UNDERSTOOD, beginning, date_words, ending, length, looks_like_a_length,
    period, since, until,
};

const BERLIN: Tz = chrono_tz::Europe::Berlin;

/// A Wednesday, in daylight saving time in Berlin (UTC+2).
fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 14, 12, 0, 0).unwrap()
}

/// In Berlin, as RFC 3339 in UTC.
fn check(text: &str, from: &str, to: &str) {
    let show = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%MZ").to_string();
    let found = (since(text, BERLIN, now()).map(show), until(text, BERLIN, now()).map(show));
    assert_eq!(found, (Ok(from.to_owned()), Ok(to.to_owned())), "{text}");
}

#[test]
fn a_day_is_from_midnight_to_midnight_in_the_zone() {
    check("2026-10-01", "2026-09-30T22:00Z", "2026-10-01T22:00Z");
    check("today", "2026-10-13T22:00Z", "2026-10-14T22:00Z");
    check("Yesterday", "2026-10-12T22:00Z", "2026-10-13T22:00Z");
    // The days on which the clocks change have 23 and 25 hours.
    check("2026-03-29", "2026-03-28T23:00Z", "2026-03-29T22:00Z");
    check("2026-10-25", "2026-10-24T22:00Z", "2026-10-25T23:00Z");
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_when_the_clocks_go_on() {
    // In Beirut daylight saving began at midnight.
    let beirut: Tz = chrono_tz::Asia::Beirut;
    let begins = since("2026-03-29", beirut, now()).unwrap();
    assert_eq!(begins.with_timezone(&beirut).format("%H:%M").to_string(), "01:00");
    assert_eq!(until("2026-03-28", beirut, now()).unwrap(), begins);
}

#[test]
fn months_quarters_and_years_end_with_their_last_day() {
    check("2026-02", "2026-01-31T23:00Z", "2026-02-28T23:00Z");
    check("2028-02", "2028-01-31T23:00Z", "2028-02-29T23:00Z");
    check("2026-12", "2026-11-30T23:00Z", "2026-12-31T23:00Z");
    check("2026", "2025-12-31T23:00Z", "2026-12-31T23:00Z");
    for q3 in ["Q3 2026", "2026 q3", "2026-Q3"] {
        check(q3, "2026-06-30T22:00Z", "2026-09-30T22:00Z");
    }
}

#[test]
fn this_and_last_go_by_the_calendar() {
    check("this month", "2026-09-30T22:00Z", "2026-10-31T23:00Z");
    check("last week", "2026-10-04T22:00Z", "2026-10-11T22:00Z");
    check("this week", "2026-10-11T22:00Z", "2026-10-18T22:00Z");
    check("last month", "2026-08-31T22:00Z", "2026-09-30T22:00Z");
    check("last  quarter", "2026-06-30T22:00Z", "2026-09-30T22:00Z");
    check("last year", "2024-12-31T23:00Z", "2025-12-31T23:00Z");
    // Just after midnight in Berlin it is the new month there, though not in UTC.
    let first = Utc.with_ymd_and_hms(2026, 12, 31, 23, 30, 0).unwrap();
    assert_eq!(
        since("this year", BERLIN, first).unwrap(),
        Utc.with_ymd_and_hms(2026, 12, 31, 23, 0, 0).unwrap()
    );
    assert_eq!(
        until("last month", BERLIN, first).unwrap(),
        Utc.with_ymd_and_hms(2026, 12, 31, 23, 0, 0).unwrap()
    );
}

#[test]
fn lengths_count_back_from_now_and_ends_count_on() {
    check("30d", "2026-09-14T12:00Z", "2026-09-14T12:00Z");
    check("12w", "2026-07-22T12:00Z", "2026-07-22T12:00Z");
    check("2026-10-01T08:30:00Z", "2026-10-01T08:30Z", "2026-10-01T08:30Z");
    let end = |text: &str| ending(text, BERLIN, now()).unwrap().format("%Y-%m-%dT%H:%MZ").to_string();
    assert_eq!(end("30d"), "2026-11-13T12:00Z");
    assert_eq!(end("2026-12-31"), "2026-12-31T23:00Z");
    assert_eq!(end("end of year"), "2026-12-31T23:00Z");
    assert_eq!(end("end of month"), "2026-10-31T23:00Z");
    assert_eq!(end("tomorrow"), "2026-10-15T22:00Z");
    assert_eq!(end("now"), "2026-10-14T12:00Z");
    let begin = |text: &str| beginning(text, BERLIN, now()).unwrap().format("%Y-%m-%dT%H:%MZ").to_string();
    assert_eq!(begin("30d"), "2026-11-13T12:00Z");
    assert_eq!(begin("2026-12-31"), "2026-12-30T23:00Z");
}

#[test]
fn a_period_ends_now_at_the_latest() {
    let ask = |text: &str| period(text, BERLIN, now());
    let day = |month, day, hour| Utc.with_ymd_and_hms(2026, month, day, hour, 0, 0).unwrap();
    assert_eq!(ask("90d"), Ok(DateRange { since: day(7, 16, 12), until: now() }));
    assert_eq!(ask("this month"), Ok(DateRange { since: day(9, 30, 22), until: now() }));
    assert_eq!(ask("last month"), Ok(DateRange { since: day(8, 31, 22), until: day(9, 30, 22) }));
    let three = Ok(DateRange { since: day(8, 31, 22), until: day(9, 3, 22) });
    assert_eq!(ask("2026-09-01 to 2026-09-03"), three);
    assert_eq!(ask("2026-09-01..2026-09-03"), three);
    assert_eq!(ask("from 2026-09-01 until 2026-09-03"), three);
    assert_eq!(ask("90d to 30d"), Ok(DateRange { since: day(7, 16, 12), until: day(9, 14, 12) }));
    assert_eq!(ask("2027"), Err(Misread::InFuture("2027".into())));
    assert_eq!(ask("2026-09-03..2026-09-01"), Err(Misread::Backwards("2026-09-03..2026-09-01".into())));
}

#[test]
fn what_is_not_understood_says_so() {
    for text in [
        "",
        "soon",
        "2026-1-1",
        "14.12",
        "14/12/26",
        "3m",
        "december",
        "two",
        "a few weeks",
        "next",
        "14th of nowhere",
        "last",
        "last decade",
        "30",
        "d",
        "-5d",
        "end of",
        "99999999999d",
        "50000d",
        "2026-10-01-02",
        "q 2026",
        "+2026-10",
        "２０２６",
        "30ä",
    ] {
        assert_eq!(since(text, BERLIN, now()), Err(Misread::NotUnderstood(text.trim().to_owned())), "{text}");
        assert_eq!(date_words(&[text], BERLIN, now()), 0, "{text}");
    }
    for text in ["2026-02-29", "2026-13", "2026-00", "2026-10-32", "Q5 2026", "q0 2026"] {
        assert_eq!(since(text, BERLIN, now()), Err(Misread::NotInCalendar(text.to_owned())));
    }
    for text in UNDERSTOOD {
        assert!(since(text, BERLIN, now()).is_ok(), "{text}");
    }
}

fn shown(at: Result<DateTime<Utc>, Misread>) -> String {
    let local = at.map(|at| at.with_timezone(&BERLIN).format("%Y-%m-%d %H:%M").to_string());
    local.unwrap_or_else(|misread| format!("{misread:?}"))
}

/// From a Wednesday, 14:00 in Berlin.
#[test]
fn days_ahead_are_read_as_people_write_them() {
    for (text, ends) in [
        ("friday", "2026-10-17 00:00"),
        ("Fri", "2026-10-17 00:00"),
        ("Friday,", "2026-10-17 00:00"),
        ("tuesday", "2026-10-21 00:00"),
        ("this friday", "2026-10-17 00:00"),
        ("friday 16 oct", "2026-10-17 00:00"),
        ("14 Dec", "2026-12-15 00:00"),
        ("Dec 14", "2026-12-15 00:00"),
        ("14th of December", "2026-12-15 00:00"),
        ("14 Dec 2027", "2027-12-15 00:00"),
        ("December 14, 2027", "2027-12-15 00:00"),
        ("14 oct", "2026-10-15 00:00"),
        ("13 oct", "2027-10-14 00:00"),
        ("14.12.2026", "2026-12-15 00:00"),
        ("14.12.", "2026-12-15 00:00"),
        ("14/12", "2026-12-15 00:00"),
        ("12/14/2026", "2026-12-15 00:00"),
        ("03/03/2027", "2027-03-04 00:00"),
        ("2026/12/14", "2026-12-15 00:00"),
        ("end of the month", "2026-11-01 00:00"),
        ("end of next month", "2026-12-01 00:00"),
        ("2 weeks", "2026-10-28 13:00"),
    ] {
        assert_eq!(shown(ending(text, BERLIN, now())), ends, "{text}");
    }
    for (text, begins) in [("next week", "2026-10-19 00:00"), ("friday", "2026-10-16 00:00")] {
        assert_eq!(shown(beginning(text, BERLIN, now())), begins, "{text}");
    }
    // A question looks back.
    for (text, begins) in [("friday", "2026-10-09 00:00"), ("14 Dec", "2025-12-14 00:00")] {
        assert_eq!(shown(since(text, BERLIN, now())), begins, "{text}");
    }
}

#[test]
fn what_is_two_days_for_two_people_is_never_decided() {
    for (text, one, other) in [
        ("03/04", "2027-04-03", "2027-03-04"),
        ("03/04/2027", "2027-04-03", "2027-03-04"),
        ("3.4.2027", "2027-04-03", "2027-03-04"),
        ("wednesday", "2026-10-14", "2026-10-21"),
        ("next friday", "2026-10-16", "2026-10-23"),
        ("next wednesday", "2026-10-21", "2026-10-28"),
        ("next month", "2026-11-01", "2026-11-30"),
        ("December 2026", "2026-12-01", "2026-12-31"),
    ] {
        let days = [one, other].map(|day| day.parse().unwrap());
        assert_eq!(ending(text, BERLIN, now()), Err(Misread::Ambiguous(text.to_owned(), days)), "{text}");
    }
    // Of two days only one is a Saturday.
    assert_eq!(shown(ending("saturday 03/04/2027", BERLIN, now())), "2027-04-04 00:00");
    for text in ["29 feb", "friday 14 oct", "31/11/2026", "30 Feb 2027"] {
        assert_eq!(ending(text, BERLIN, now()), Err(Misread::NotInCalendar(text.to_owned())), "{text}");
    }
}

#[test]
fn lengths_are_read_as_people_write_them() {
    for (text, lasts, count) in [
        ("30d", Length::Days(30), 1),
        ("30 d", Length::Days(30), 2),
        ("30 days parental leave", Length::Days(30), 2),
        ("2weeks", Length::Days(14), 1),
        ("Two weeks, holiday", Length::Days(14), 2),
        ("a fortnight", Length::Days(14), 2),
        ("a month", Length::Months(1), 2),
        ("3 months", Length::Months(3), 2),
        ("one year", Length::Months(12), 2),
        ("ninety days", Length::Days(90), 2),
    ] {
        let words: Vec<&str> = text.split(' ').collect();
        assert_eq!(length(&words), Some((lasts, count)), "{text}");
    }
    for text in ["", "weeks", "3m", "3x", "a while", "parental leave", "-3 days", "50000 days", "101 years"] {
        assert_eq!(length(&text.split(' ').collect::<Vec<_>>()), None, "{text}");
    }
    // A month ends on the day of the same number, or on the last one; a day of 24 hours may end at another time of day.
    let at = Utc.with_ymd_and_hms(2027, 1, 31, 12, 0, 0).unwrap();
    assert_eq!(shown(Ok(Length::Months(1).after(at, BERLIN).unwrap())), "2027-02-28 13:00");
    assert_eq!(shown(Ok(Length::Months(1).before(now(), BERLIN).unwrap())), "2026-09-14 14:00");
    for (text, meant) in [
        ("a few weeks", true),
        ("the next two weeks", true),
        ("3x off", true),
        ("parental leave 12 weeks", true),
        ("parental leave", false),
        ("a customer", false),
        ("", false),
    ] {
        assert_eq!(looks_like_a_length(&text.split(' ').collect::<Vec<_>>()), meant, "{text}");
    }
}

#[test]
fn a_date_takes_as_many_words_as_it_has() {
    let count = |line: &str| date_words(&line.split(' ').collect::<Vec<_>>(), BERLIN, now());
    assert_eq!(count("last month until yesterday"), 2);
    assert_eq!(count("2026 q3 by ada"), 2);
    assert_eq!(count("2026 by ada"), 1);
    assert_eq!(count("end of year holidays"), 3);
    assert_eq!(count("2026-02-31"), 1);
    assert_eq!(count("last"), 0);
    assert_eq!(count("holidays"), 0);
    assert_eq!(count("friday 14 people left"), 1);
    assert_eq!(count("14 dec on site"), 2);
    assert_eq!(count("friday 16th of october 2026 off"), 5);
    assert_eq!(count("03/04 off"), 1);
}
