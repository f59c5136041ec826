//! What people type: commands of our own words and of any, and dates that are written and read again.

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use inactive_contractors::domain::date_range::{Misread, period, since, until};
use proptest::prelude::*;

use crate::generate::{holds, nasty};
use crate::targets::{command, now, when};

const WORDS: [&str; 82] = [
    "Status",
    "sweep",
    "preview",
    "pending",
    "why",
    "exempt",
    "leave",
    "unexempt",
    "restore",
    "exemptions",
    "withdraw",
    "retry",
    "verify",
    "audit",
    "export",
    "report",
    "evidence",
    "help",
    "pause",
    "Resume",
    "--here",
    "--page",
    "--policy",
    "--before",
    "--after",
    "--",
    "-",
    "--help",
    "since",
    "until",
    "in",
    "by",
    "outcome",
    "request",
    "policy",
    "about",
    "from",
    "to",
    "for",
    "csv",
    "json",
    "failed",
    "suspended",
    "contractors",
    "vendors",
    "ada@x.example",
    "<@U1|ada>",
    "<mailto:a@b|a@b>",
    "#7",
    "-7",
    "+7",
    "30d",
    "2026-10-01",
    "Q3",
    "2026",
    "last",
    "quarter",
    "\"\"",
    "“why”",
    "now",
    "\u{2014}policy",
    "\u{2013}here",
    "\u{2014}polcy",
    "-x",
    "->",
    "\u{2014}",
    "vendor",
    "Vendors",
    "contractor",
    "because",
    "reason:",
    "all",
    "everything",
    "two",
    "weeks",
    "a",
    "month",
    "friday",
    "next",
    "14",
    "Dec",
    "03/04",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        1 => nasty(),
    ]
}

#[test]
fn any_words_are_understood_or_refused_in_words_that_fit() {
    let first = prop::sample::select(WORDS[..20].to_vec());
    holds(3000, &(first, prop::collection::vec(word(), 0..9)), |(first, words)| {
        command::check(format!("{first} {}", words.join(" ")).as_bytes());
    });
    holds(300, &nasty(), |text| command::check(text.as_bytes()));
}

fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(TZ_VARIANTS.to_vec())
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    // From 1990 to 2200, which is also what the rest of the bot takes for a time.
    (631_152_000..7_258_118_400_i64).prop_map(|at| DateTime::from_timestamp(at, 0).expect("it is in range"))
}

#[test]
fn a_day_is_that_day_in_every_zone_and_ends_where_the_next_begins() {
    holds(1500, &(zone(), moment(), moment()), |(zone, at, now)| {
        let day = at.with_timezone(&zone).date_naive();
        let next = day.succ_opt().expect("there is a day after");
        let written = day.format("%Y-%m-%d").to_string();
        when::reads(&written, zone, now);
        let begins = since(&written, zone, now).expect("a day that is there begins");
        assert_eq!(begins.with_timezone(&zone).date_naive(), day, "{zone}");
        assert!(begins <= at);
        // Where the date line moved the next day may be missing.
        if let Ok(ends) = until(&written, zone, now) {
            assert_eq!(Ok(ends), since(&next.format("%Y-%m-%d").to_string(), zone, now));
            assert!(at < ends && ends - begins <= Duration::hours(26), "{zone}: {begins} to {ends}");
        }
    });
}

#[test]
fn months_quarters_and_years_are_made_of_their_days() {
    holds(400, &(zone(), moment(), moment()), |(zone, at, now)| {
        let day = at.with_timezone(&zone).date_naive();
        let (year, month) = (day.year(), day.month());
        let quarter = day.month0() / 3 + 1;
        let begins = |year, month| NaiveDate::from_ymd_opt(year, month, 1).expect("a first").to_string();
        let after = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        for (text, first, next) in [
            (format!("{year}-{month:02}"), begins(year, month), begins(after.0, after.1)),
            (format!("{year}"), begins(year, 1), begins(year + 1, 1)),
            (format!("q{quarter} {year}"), begins(year, quarter * 3 - 2), {
                let last = quarter * 3 + 1;
                if last > 12 { begins(year + 1, 1) } else { begins(year, last) }
            }),
        ] {
            when::reads(&text, zone, now);
            assert_eq!(since(&text, zone, now), since(&first, zone, now), "{text}");
            if let Ok(ends) = until(&text, zone, now) {
                assert_eq!(Ok(ends), since(&next, zone, now), "{text}");
            }
        }
    });
}

#[test]
fn two_dates_are_the_time_between_them() {
    let joint = prop::sample::select(vec![" to ", "..", " until ", " till "]);
    holds(500, &(zone(), moment(), moment(), joint), |(zone, one, other, joint)| {
        let written = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive().to_string();
        let text = format!("{}{joint}{}", written(one), written(other));
        when::reads(&text, zone, now());
        match period(&text, zone, now()) {
            Ok(period) => assert_eq!(Ok(period.since), since(&written(one), zone, now())),
            Err(Misread::InFuture(_)) => assert!(one > now() - Duration::days(1)),
            Err(Misread::Backwards(_)) => assert!(written(one) > written(other), "{text}"),
            Err(misread) => assert!(matches!(misread, Misread::NotInCalendar(_)), "{misread:?}"),
        }
    });
}

#[test]
fn any_text_is_a_date_or_none() {
    let words = prop::sample::select(vec![
        "this",
        "last",
        "end",
        "of",
        "week",
        "month",
        "quarter",
        "year",
        "today",
        "yesterday",
        "tomorrow",
        "now",
        "Q1",
        "q4",
        "2026",
        "2026-02-30",
        "2026-13",
        "0000",
        "9999",
        "9999-12-31",
        "30d",
        "12w",
        "40001d",
        "to",
        "..",
        "since",
        "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00.1234567+14:00",
        "+7d",
        "-1d",
        "q+1",
    ]);
    let text = prop_oneof![
        3 => prop::collection::vec(words, 0..5).prop_map(|words| words.join(" ")),
        1 => nasty(),
    ];
    holds(1500, &(text, zone(), moment()), |(text, zone, now)| when::reads(&text, zone, now));
}
