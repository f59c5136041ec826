//! Reads the days and lengths that people write besides ISO dates: `friday`, `14 Dec`, `14/12/2026`, `two weeks`.
//!
//! A form that two people read as two different days is never decided here: it becomes [`Reading::Either`].

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;

/// Nobody asks further back or ahead than this by a number of days.
const DAYS_MAX: i64 = 40_000;
/// Nobody asks further back or ahead than this by a number of months.
const MONTHS_MAX: u32 = 1_200;

const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
const TENS: [(&str, u32); 3] = [("thirty", 30), ("sixty", 60), ("ninety", 90)];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

/// Which way a day without a year goes from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Toward {
    /// Questions look back.
    Past,
    /// What is granted lies ahead.
    Future,
}

/// What words in one of these forms name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Whole days, the last one included.
    Days(NaiveDate, NaiveDate),
    /// The form of a date, but the calendar has no such day.
    NoSuchDay,
    /// One of two days; only the writer knows which.
    Either(NaiveDate, NaiveDate),
}

impl Reading {
    pub(super) fn day(day: Option<NaiveDate>) -> Reading {
        day.map_or(Reading::NoSuchDay, |day| Reading::Days(day, day))
    }
}

/// A length of time as people write it: days of 24 hours, or months of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// This many days of 24 hours.
    Days(i64),
    /// This many months of the calendar: from 14 October to 14 November, or to the last day of a shorter month.
    Months(u32),
}

impl Length {
    /// Returns the moment this length after `at`, by the calendar of `zone`.
    pub fn after(self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        self.moved(at, zone, NaiveDate::checked_add_months, 1)
    }

    /// Returns the moment this length before `at`.
    pub fn before(self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        self.moved(at, zone, NaiveDate::checked_sub_months, -1)
    }

    fn moved(
        self,
        at: DateTime<Utc>,
        zone: Tz,
        by: impl FnOnce(NaiveDate, Months) -> Option<NaiveDate>,
        sign: i64,
    ) -> Option<DateTime<Utc>> {
        let days = match self {
            Length::Days(days) => sign.checked_mul(days)?,
            Length::Months(months) => {
                let day = at.with_timezone(&zone).date_naive();
                (by(day, Months::new(months))? - day).num_days()
            }
        };
        at.checked_add_signed(Duration::try_days(days)?)
    }
}

/// Reads a length such as `30d`, `12w`, `30 days`, `two weeks` or `a month` from words in lower case.
pub(super) fn length(words: &[&str]) -> Option<Length> {
    let (number, unit) = match words {
        [word] if *word == "fortnight" => (1, "fortnight"),
        [word] => {
            let digits = word.bytes().take_while(u8::is_ascii_digit).count();
            (unsigned(&word[..digits])?, &word[digits..])
        }
        ["a" | "an", unit] => (1, *unit),
        [number, unit] => (number_named(number)?, *unit),
        _ => return None,
    };
    let days = |each: i64| Some(i64::from(number) * each).filter(|days| *days <= DAYS_MAX).map(Length::Days);
    let months =
        |each: u32| number.checked_mul(each).filter(|months| *months <= MONTHS_MAX).map(Length::Months);
    match unit {
        "d" | "day" | "days" => days(1),
        "w" | "wk" | "wks" | "week" | "weeks" => days(7),
        "fortnight" | "fortnights" => days(14),
        "mo" | "month" | "months" => months(1),
        "y" | "yr" | "yrs" | "year" | "years" => months(12),
        _ => None,
    }
}

/// Returns whether a word counts something, or is a unit that lengths are written in: with it a length was meant.
pub(super) fn belongs_to_a_length(word: &str) -> bool {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let unit_alone = length(&["1", unit]).is_some() && unit.len() > 2;
    word.starts_with(|c: char| c.is_ascii_digit()) || unit_alone || number_named(word).is_some()
}

fn number_named(word: &str) -> Option<u32> {
    let mut named = (0..).zip(NUMBERS).chain(TENS.map(|(name, number)| (number, name)));
    unsigned(word).or_else(|| named.find(|(_, name)| *name == word).map(|(number, _)| number))
}

/// Reads digits and nothing else: no sign.
pub(super) fn unsigned(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Reads the name of a day of the week: `friday`, `fri`.
pub(super) fn weekday_named(word: &str) -> Option<Weekday> {
    let word = word.trim_end_matches('.');
    let short = |name: &str| ["tues", "thur", "thurs"].contains(&word) || word.len() == 3 || name == word;
    WEEKDAYS.iter().find(|(name, _)| name.starts_with(word) && short(name)).map(|(_, day)| *day)
}

/// Returns the next day of this name, or the last one; on such a day nobody knows whether today is meant.
pub(super) fn weekday(named: Weekday, toward: Toward, today: NaiveDate) -> Reading {
    let ahead = i64::from(named.days_since(today.weekday()));
    let day = |days: i64| today.checked_add_signed(Duration::days(days));
    match toward {
        Toward::Future if ahead == 0 => either(Some(today), day(7)),
        Toward::Past if ahead == 0 => either(day(-7), Some(today)),
        Toward::Future => Reading::day(day(ahead)),
        Toward::Past => Reading::day(day(ahead - 7)),
    }
}

/// Returns both days that `next friday` means: the coming one for some, the one of the week after for others.
pub(super) fn next_weekday(named: Weekday, today: NaiveDate) -> Reading {
    let ahead = i64::from(named.days_since(today.weekday()));
    let coming = today.checked_add_signed(Duration::days(if ahead == 0 { 7 } else { ahead }));
    either(coming, coming.and_then(|day| day.checked_add_signed(Duration::days(7))))
}

fn either(one: Option<NaiveDate>, other: Option<NaiveDate>) -> Reading {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Reading::Either(one, other),
        (day, other) => Reading::day(day.or(other)),
    }
}

/// Reads a month's name or its first letters, from three on.
pub(super) fn month_named(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('.');
    let short = word.len() == 3 || word == "sept";
    (1..)
        .zip(MONTHS)
        .find(|(_, name)| *name == word || short && name.starts_with(word))
        .map(|(month, _)| month)
}

/// Reads `14 dec`, `dec 14` and `14th of december`, each with a year or without.
pub(super) fn day_of_month(words: &[&str], toward: Toward, today: NaiveDate) -> Option<Reading> {
    let (day, month, year) = match words {
        [day, "of", month] => (ordinal(day)?, month_named(month)?, None),
        [day, "of", month, year] => (ordinal(day)?, month_named(month)?, Some(four_digits(year)?)),
        [one, other, year @ ..] if year.len() <= 1 => {
            let (day, month) = match month_named(one) {
                Some(month) => (ordinal(other)?, month),
                None => (ordinal(one)?, month_named(other)?),
            };
            let year = match year {
                [year] => Some(four_digits(year)?),
                _ => None,
            };
            (day, month, year)
        }
        _ => return None,
    };
    Some(Reading::day(dated(year, month, day, toward, today)))
}

/// Reads `14/12/2026`, `14.12.2026`, `14/12` and `2026/12/14`. `03/04` is two days for two people.
pub(super) fn with_slashes(word: &str, toward: Toward, today: NaiveDate) -> Option<Reading> {
    let separator = ['/', '.'].into_iter().find(|separator| word.contains(*separator))?;
    let closed = word.ends_with('.');
    let parts: Vec<&str> = word.strip_suffix('.').unwrap_or(word).split(separator).collect();
    let short = |part: &str| unsigned(part).filter(|_| (1..=2).contains(&part.len()));
    let (one, other, year) = match parts.as_slice() {
        [year, month, day] if year.len() == 4 => {
            let day = NaiveDate::from_ymd_opt(four_digits(year)?, short(month)?, short(day)?);
            return Some(Reading::day(day));
        }
        [one, other, year] => (short(one)?, short(other)?, Some(four_digits(year)?)),
        // "14.12" may be a time of day or a number.
        [one, other] if separator == '/' || closed => (short(one)?, short(other)?, None),
        _ => return None,
    };
    Some(either(dated(year, other, one, toward, today), dated(year, one, other, toward, today)))
}

/// Returns the day of that year; without one the nearest that the direction allows, today included.
fn dated(year: Option<i32>, month: u32, day: u32, toward: Toward, today: NaiveDate) -> Option<NaiveDate> {
    if let Some(year) = year {
        return NaiveDate::from_ymd_opt(year, month, day);
    }
    let mut years = [-1, 0, 1].map(|more| NaiveDate::from_ymd_opt(today.year() + more, month, day));
    match toward {
        Toward::Future => years.into_iter().flatten().find(|day| *day >= today),
        Toward::Past => {
            years.reverse();
            years.into_iter().flatten().find(|day| *day <= today)
        }
    }
}

/// Reads `14`, `14th` and `14.`.
fn ordinal(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    let ending = &word[digits.len()..];
    let known = ["", ".", "st", "nd", "rd", "th"].contains(&ending);
    unsigned(digits).filter(|_| known && (1..=2).contains(&digits.len()))
}

pub(super) fn four_digits(word: &str) -> Option<i32> {
    unsigned(word).filter(|_| word.len() == 4).map(u32::cast_signed)
}
