//! Dates as people write them, read in a policy's time zone.
//!
//! A word such as `2026-10`, `yesterday` or `last quarter` names a stretch of civil time: midnight to midnight in the
//! zone, so a day that daylight saving makes shorter or longer is still that day. `since` begins where the stretch
//! begins, `until` ends where it ends (a day counts whole), a [`Period`] is the stretch itself. Nothing is guessed: what
//! is not understood is a [`Misread`], and [`UNDERSTOOD`] says what is.

use chrono::{DateTime, Datelike, Duration, NaiveDate, SubsecRound, Utc};
use chrono_tz::Tz;

use super::policy::start_of_day;

/// What people may write, for the sentence that says so.
pub const UNDERSTOOD: [&str; 12] = [
    "2026-10-01",
    "2026-10",
    "2026",
    "Q3 2026",
    "today",
    "yesterday",
    "30d",
    "12w",
    "this month",
    "last week",
    "last quarter",
    "last year",
];

/// The most words that one date has: "end of year".
const WORDS_MAX: usize = 3;
/// The years that a moment can be written in, in UTC: a question goes into a button as text.
const YEARS: std::ops::RangeInclusive<i32> = 0..=9999;
/// Nobody asks further back or ahead than this by a number of days.
const DAYS_MAX: i64 = 40_000;

/// Why a date can't be used. Each becomes one sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misread {
    /// Not a date in any of the forms of [`UNDERSTOOD`].
    NotUnderstood(String),
    /// In the form of a date, but the calendar has no such day, month or quarter.
    NotInCalendar(String),
    /// The time asked about has not begun yet.
    InFuture(String),
    /// It ends before it begins.
    Backwards(String),
}

/// A stretch of time: from `since` on, and before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Where it begins.
    pub since: DateTime<Utc>,
    /// Where it ends; not part of it.
    pub until: DateTime<Utc>,
}

/// What one date names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// Whole days, the last one included.
    Days(NaiveDate, NaiveDate),
    /// So many days, before or after now.
    Length(i64),
    /// One moment.
    Moment(DateTime<Utc>),
}

/// Units of the calendar that "this", "last" and "end of" go with.
#[derive(Clone, Copy)]
enum Unit {
    Week,
    Month,
    Quarter,
    Year,
}

/// How many of the leading words make up one date: as many as possible; 0 if none do.
pub fn date_words<W: AsRef<str>>(words: &[W], zone: Tz, now: DateTime<Utc>) -> usize {
    let reads =
        |count: &usize| !matches!(read(&join(&words[..*count]), zone, now), Err(Misread::NotUnderstood(_)));
    (1..=words.len().min(WORDS_MAX)).rev().find(reads).unwrap_or(0)
}

/// The moment from which on something is asked about.
pub fn since(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    match read(text, zone, now)? {
        Named::Days(first, _) => begin(first, zone, text),
        Named::Length(days) => Ok(now - Duration::days(days)),
        Named::Moment(at) => Ok(at),
    }
}

/// The moment up to which something is asked about: a day counts whole.
pub fn until(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    match read(text, zone, now)? {
        Named::Days(_, last) => end(last, zone, text),
        Named::Length(days) => Ok(now - Duration::days(days)),
        Named::Moment(at) => Ok(at),
    }
}

/// When something that starts now is to end: `30d` from now, or with a day, month or year.
pub fn ending(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    match read(text, zone, now)? {
        Named::Days(_, last) => end(last, zone, text),
        Named::Length(days) => Ok(now + Duration::days(days)),
        Named::Moment(at) => Ok(at),
    }
}

/// When something is to begin: with a day, month or year, or `30d` from now.
pub fn beginning(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    match read(text, zone, now)? {
        Named::Days(first, _) => begin(first, zone, text),
        Named::Length(days) => Ok(now + Duration::days(days)),
        Named::Moment(at) => Ok(at),
    }
}

/// A stretch of the past: one date, or two with "to", ".." or "until" between them. What has not passed yet is cut off.
pub fn period(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<Period, Misread> {
    let text = text.trim().to_lowercase();
    let bare = ["from ", "since "].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(&text);
    let (from, to) = [" to ", "..", " until ", " till "]
        .iter()
        .find_map(|between| bare.split_once(between))
        .unwrap_or((bare, bare));
    let begins = since(from, zone, now)?;
    let ends = match read(to, zone, now)? {
        // "90d" alone is what lies between then and now.
        Named::Length(_) if from == to => now,
        Named::Days(..) | Named::Length(_) | Named::Moment(_) => until(to, zone, now)?,
    };
    if begins >= now {
        return Err(Misread::InFuture(text));
    }
    if ends <= begins {
        return Err(Misread::Backwards(text));
    }
    Ok(Period { since: begins, until: ends.min(now) })
}

fn join<W: AsRef<str>>(words: &[W]) -> String {
    words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ")
}

fn begin(day: NaiveDate, zone: Tz, text: &str) -> Result<DateTime<Utc>, Misread> {
    writable(start_of_day(day, zone).ok_or_else(|| Misread::NotInCalendar(text.to_owned()))?, text)
}

fn end(last: NaiveDate, zone: Tz, text: &str) -> Result<DateTime<Utc>, Misread> {
    let after = last.succ_opt().and_then(|day| start_of_day(day, zone));
    writable(after.ok_or_else(|| Misread::NotInCalendar(text.to_owned()))?, text)
}

fn writable(at: DateTime<Utc>, text: &str) -> Result<DateTime<Utc>, Misread> {
    if YEARS.contains(&at.year()) { Ok(at) } else { Err(Misread::NotInCalendar(text.to_owned())) }
}

fn read(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<Named, Misread> {
    let asked = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(asked) {
        // Whole milliseconds, as everything that is stored.
        return writable(at.to_utc().trunc_subsecs(3), asked).map(Named::Moment);
    }
    let words = asked.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let today = now.with_timezone(&zone).date_naive();
    let days = match words.as_slice() {
        ["now"] => return Ok(Named::Moment(now)),
        ["today"] => Some((today, today)),
        ["yesterday"] => today.pred_opt().map(|day| (day, day)),
        ["tomorrow"] => today.succ_opt().map(|day| (day, day)),
        ["this", unit] => unit_named(unit, asked).map(|unit| around(unit, today))?,
        ["last", unit] => unit_named(unit, asked).map(|unit| before(unit, today))?,
        ["end", "of", unit] => {
            unit_named(unit, asked).map(|unit| around(unit, today).map(|(_, last)| (last, last)))?
        }
        [quarter, year] => quarter_named(quarter, year, asked)?,
        [one] => match length(one) {
            Some(days) => return Ok(Named::Length(days)),
            None => digits(one, asked)?,
        },
        _ => return Err(Misread::NotUnderstood(asked.to_owned())),
    };
    let (first, last) = days.ok_or_else(|| Misread::NotInCalendar(asked.to_owned()))?;
    Ok(Named::Days(first, last))
}

type Days = Option<(NaiveDate, NaiveDate)>;

fn unit_named(word: &str, asked: &str) -> Result<Unit, Misread> {
    match word {
        "week" => Ok(Unit::Week),
        "month" => Ok(Unit::Month),
        "quarter" => Ok(Unit::Quarter),
        "year" => Ok(Unit::Year),
        _ => Err(Misread::NotUnderstood(asked.to_owned())),
    }
}

/// A number of days as people write it: `30d`, `12w`; at most some decades.
pub fn length(word: &str) -> Option<i64> {
    let number = |unit| word.strip_suffix(unit).and_then(unsigned);
    let days = number("d").map(i64::from).or_else(|| number("w").map(|weeks| i64::from(weeks) * 7))?;
    (days <= DAYS_MAX).then_some(days)
}

/// Digits and nothing else: no sign.
fn unsigned(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// `2026-10-01`, `2026-10`, `2026`, `2026-q3`. The outer error: no such form; the inner `None`: no such day.
fn digits(word: &str, asked: &str) -> Result<Days, Misread> {
    let unknown = || Misread::NotUnderstood(asked.to_owned());
    let parts: Vec<&str> = word.split('-').collect();
    let number =
        |part: &str, width: usize| unsigned(part).filter(|_| part.len() == width).ok_or_else(unknown);
    let year = number(parts[0], 4)?.cast_signed();
    match parts[1..] {
        [] => Ok(months(year, 1, 12)),
        [quarter] if quarter.starts_with('q') => quarter_named(quarter, parts[0], asked),
        [month] => Ok(months(year, number(month, 2)?, 1)),
        [month, day] => {
            let day = NaiveDate::from_ymd_opt(year, number(month, 2)?, number(day, 2)?);
            Ok(day.map(|day| (day, day)))
        }
        _ => Err(unknown()),
    }
}

/// `q3` and `2026`, in either order.
fn quarter_named(one: &str, other: &str, asked: &str) -> Result<Days, Misread> {
    let unknown = || Misread::NotUnderstood(asked.to_owned());
    let (quarter, year) = if one.starts_with('q') { (one, other) } else { (other, one) };
    let quarter = quarter.strip_prefix('q').and_then(unsigned).ok_or_else(unknown)?;
    let year = Some(year).filter(|year| year.len() == 4).and_then(unsigned).ok_or_else(unknown)?;
    Ok((1..=4).contains(&quarter).then(|| months(year.cast_signed(), quarter * 3 - 2, 3)).flatten())
}

/// So many whole months from the first of `month` on.
fn months(year: i32, month: u32, count: u32) -> Days {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let last = first.checked_add_months(chrono::Months::new(count))?.pred_opt()?;
    Some((first, last))
}

/// The unit that a day lies in. Weeks begin on Monday.
fn around(unit: Unit, day: NaiveDate) -> Days {
    match unit {
        Unit::Week => {
            let first = day - Duration::days(i64::from(day.weekday().num_days_from_monday()));
            Some((first, first + Duration::days(6)))
        }
        Unit::Month => months(day.year(), day.month(), 1),
        Unit::Quarter => months(day.year(), day.month0() / 3 * 3 + 1, 3),
        Unit::Year => months(day.year(), 1, 12),
    }
}

/// The unit before the one that a day lies in.
fn before(unit: Unit, day: NaiveDate) -> Days {
    let (first, _) = around(unit, day)?;
    around(unit, first.pred_opt()?)
}
