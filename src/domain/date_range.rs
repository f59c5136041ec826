//! Dates as people write them, read in a policy's time zone.
//!
//! A word such as `2026-10`, `yesterday` or `last quarter` names a stretch of civil time: midnight to midnight in the
//! zone, so a day that daylight saving makes shorter or longer is still that day. `since` begins where the stretch
//! begins, `until` ends where it ends (a day counts whole), a [`DateRange`] is the stretch itself. Nothing is guessed: what
//! is not understood, or can be read in two ways, is a [`Misread`], and [`UNDERSTOOD`] says what is understood.
//!
//! The crates that read such dates (`dateparser`, `interim`, `chrono-english`) decide `03/04` and `next friday` for the
//! writer, and don't say how many of the words before a reason they took, so this is our own.

mod written;

use chrono::{DateTime, Datelike, Duration, NaiveDate, SubsecRound, Utc};
use chrono_tz::Tz;

pub use self::written::Length;
use self::written::{Reading, Toward};
use super::policy::start_of_day;

/// What people may write, for the sentence that says so.
pub const UNDERSTOOD: [&str; 15] = [
    "2026-10-01",
    "14 Dec",
    "friday",
    "2026-10",
    "2026",
    "Q3 2026",
    "today",
    "yesterday",
    "30d",
    "12w",
    "two months",
    "this month",
    "last week",
    "last quarter",
    "last year",
];

/// The most words that one date has: "friday 14th of december 2026".
const WORDS_MAX: usize = 5;
/// The years that a moment can be written in, in UTC: a question goes into a button as text.
const YEARS: std::ops::RangeInclusive<i32> = 0..=9999;

/// Why a date can't be used. Each becomes one sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misread {
    /// Not a date in any of the forms of [`UNDERSTOOD`].
    NotUnderstood(String),
    /// In the form of a date, but the calendar has no such day, month or quarter.
    NotInCalendar(String),
    /// One of two days, and only the writer knows which.
    Ambiguous(String, [NaiveDate; 2]),
    /// The time asked about has not begun yet.
    InFuture(String),
    /// It ends before it begins.
    Backwards(String),
}

/// A stretch of time: from `since` on, and before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateRange {
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
    /// A length of time before or after now.
    Length(Length),
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
    let reads = |count: &usize| {
        let text = join(&words[..*count]);
        !matches!(read(&text, Toward::Future, zone, now), Err(Misread::NotUnderstood(_)))
    };
    (1..=words.len().min(WORDS_MAX)).rev().find(reads).unwrap_or(0)
}

/// The moment from which on something is asked about.
pub fn since(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    match read(text, Toward::Past, zone, now)? {
        Named::Days(first, _) => begin(first, zone, text),
        Named::Length(length) => moved(length.before(now, zone), text),
        Named::Moment(at) => Ok(at),
    }
}

/// The moment up to which something is asked about: a day counts whole.
pub fn until(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    match read(text, Toward::Past, zone, now)? {
        Named::Days(_, last) => end(last, zone, text),
        Named::Length(length) => moved(length.before(now, zone), text),
        Named::Moment(at) => Ok(at),
    }
}

/// When something that starts now is to end: `30d` from now, or with a day, month or year.
///
/// "until next month" and "until December 2026" end where the month begins for some, and where it ends for others.
pub fn ending(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    let opening = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    match read(text, Toward::Future, zone, now)? {
        Named::Days(first, last)
            if first != last && (opening == "next" || written::month_named(&opening).is_some()) =>
        {
            Err(Misread::Ambiguous(text.trim().to_owned(), [first, last]))
        }
        Named::Days(_, last) => end(last, zone, text),
        Named::Length(length) => moved(length.after(now, zone), text),
        Named::Moment(at) => Ok(at),
    }
}

/// When something is to begin: with a day, month or year, or `30d` from now.
pub fn beginning(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, Misread> {
    match read(text, Toward::Future, zone, now)? {
        Named::Days(first, _) => begin(first, zone, text),
        Named::Length(length) => moved(length.after(now, zone), text),
        Named::Moment(at) => Ok(at),
    }
}

/// Reads a length of time as people write it, such as `30d`, and says how many of the leading words it has.
pub fn length<W: AsRef<str>>(words: &[W]) -> Option<(Length, usize)> {
    let words: Vec<String> = words.iter().take(2).map(|word| plain(word.as_ref())).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    (1..=words.len()).rev().find_map(|count| Some((written::length(&words[..count])?, count)))
}

/// Returns whether these leading words were meant as a length of time, though they may not be readable as one.
pub fn looks_like_a_length<W: AsRef<str>>(words: &[W]) -> bool {
    words.iter().take(4).any(|word| written::belongs_to_a_length(&plain(word.as_ref())))
}

/// A stretch of the past: one date, or two with "to", ".." or "until" between them. What has not passed yet is cut off.
pub fn period(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateRange, Misread> {
    let text = text.trim().to_lowercase();
    let bare = ["from ", "since "].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(&text);
    let (from, to) = [" to ", "..", " until ", " till "]
        .iter()
        .find_map(|between| bare.split_once(between))
        .unwrap_or((bare, bare));
    let begins = since(from, zone, now)?;
    let ends = match read(to, Toward::Past, zone, now)? {
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
    Ok(DateRange { since: begins, until: ends.min(now) })
}

fn join<W: AsRef<str>>(words: &[W]) -> String {
    words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ")
}

/// Returns a word in lower case, without a comma at its end.
fn plain(word: &str) -> String {
    word.to_lowercase().trim_end_matches([',', ';']).to_owned()
}

fn moved(at: Option<DateTime<Utc>>, text: &str) -> Result<DateTime<Utc>, Misread> {
    writable(at.ok_or_else(|| Misread::NotInCalendar(text.to_owned()))?, text)
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

fn read(text: &str, toward: Toward, zone: Tz, now: DateTime<Utc>) -> Result<Named, Misread> {
    let asked = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(asked) {
        // Whole milliseconds, as everything that is stored.
        return writable(at.to_utc().trunc_subsecs(3), asked).map(Named::Moment);
    }
    let words: Vec<String> = asked.split_whitespace().map(plain).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words == ["now"] {
        return Ok(Named::Moment(now));
    }
    if let Some(length) = written::length(&words) {
        return Ok(Named::Length(length));
    }
    match days(&words, toward, now.with_timezone(&zone).date_naive()) {
        Some(Reading::Days(first, last)) => Ok(Named::Days(first, last)),
        Some(Reading::Either(one, other)) => Err(Misread::Ambiguous(asked.to_owned(), [one, other])),
        Some(Reading::NoSuchDay) => Err(Misread::NotInCalendar(asked.to_owned())),
        None => Err(Misread::NotUnderstood(asked.to_owned())),
    }
}

/// Reads the days that words in lower case name. `None`: they have no form of a date.
fn days(words: &[&str], toward: Toward, today: NaiveDate) -> Option<Reading> {
    let whole = |days: Days| days.map_or(Reading::NoSuchDay, |(first, last)| Reading::Days(first, last));
    let last_of = |days: Days| Reading::day(days.map(|(_, last)| last));
    Some(match words {
        ["today"] => Reading::day(Some(today)),
        ["yesterday"] => Reading::day(today.pred_opt()),
        ["tomorrow"] => Reading::day(today.succ_opt()),
        ["this", word] => match written::weekday_named(word) {
            Some(named) => {
                let monday = today - Duration::days(i64::from(today.weekday().num_days_from_monday()));
                let after = i64::from(named.num_days_from_monday());
                Reading::day(monday.checked_add_signed(Duration::days(after)))
            }
            None => whole(around(unit_named(word)?, today)),
        },
        ["last", unit] => whole(before(unit_named(unit)?, today)),
        ["next", word] => match written::weekday_named(word) {
            Some(named) => written::next_weekday(named, today),
            None => whole(after(unit_named(word)?, today)),
        },
        ["end", "of", "next", unit] => last_of(after(unit_named(unit)?, today)),
        ["end", "of", "the" | "this", unit] | ["end", "of", unit] => {
            last_of(around(unit_named(unit)?, today))
        }
        [word] if written::weekday_named(word).is_some() => {
            written::weekday(written::weekday_named(word)?, toward, today)
        }
        [word, rest @ ..] if !rest.is_empty() && written::weekday_named(word).is_some() => {
            let named = written::weekday_named(word)?;
            match days(rest, toward, today)? {
                Reading::Days(day, last) if day == last && day.weekday() == named => Reading::Days(day, day),
                Reading::Either(one, other) => match [one, other].map(|day| day.weekday() == named) {
                    [true, false] => Reading::day(Some(one)),
                    [false, true] => Reading::day(Some(other)),
                    _ => Reading::Either(one, other),
                },
                Reading::Days(..) | Reading::NoSuchDay => Reading::NoSuchDay,
            }
        }
        [month, year] if written::month_named(month).is_some() && year.len() == 4 => {
            whole(months(written::four_digits(year)?, written::month_named(month)?, 1))
        }
        [word] => match written::with_slashes(word, toward, today) {
            Some(reading) => reading,
            None => whole(digits(word)?),
        },
        _ => match (written::day_of_month(words, toward, today), words) {
            (Some(reading), _) => reading,
            (None, [one, other]) => whole(quarter_named(one, other)?),
            (None, _) => return None,
        },
    })
}

/// The first and the last day; `None` if the calendar has no such days.
type Days = Option<(NaiveDate, NaiveDate)>;

fn unit_named(word: &str) -> Option<Unit> {
    match word {
        "week" => Some(Unit::Week),
        "month" => Some(Unit::Month),
        "quarter" => Some(Unit::Quarter),
        "year" => Some(Unit::Year),
        _ => None,
    }
}

/// Reads `2026-10-01`, `2026-10`, `2026` and `2026-q3`. The outer `None`: no such form; the inner: no such day.
fn digits(word: &str) -> Option<Days> {
    let parts: Vec<&str> = word.split('-').collect();
    let number = |part: &str, width: usize| written::unsigned(part).filter(|_| part.len() == width);
    let year = number(parts[0], 4)?.cast_signed();
    match parts[1..] {
        [] => Some(months(year, 1, 12)),
        [quarter] if quarter.starts_with('q') => quarter_named(quarter, parts[0]),
        [month] => Some(months(year, number(month, 2)?, 1)),
        [month, day] => {
            let day = NaiveDate::from_ymd_opt(year, number(month, 2)?, number(day, 2)?);
            Some(day.map(|day| (day, day)))
        }
        _ => None,
    }
}

/// `q3` and `2026`, in either order.
fn quarter_named(one: &str, other: &str) -> Option<Days> {
    let (quarter, year) = if one.starts_with('q') { (one, other) } else { (other, one) };
    let quarter = quarter.strip_prefix('q').and_then(written::unsigned)?;
    let year = written::four_digits(year)?;
    Some((1..=4).contains(&quarter).then(|| months(year, quarter * 3 - 2, 3)).flatten())
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

/// Returns the unit after the one that a day lies in.
fn after(unit: Unit, day: NaiveDate) -> Days {
    let (_, last) = around(unit, day)?;
    around(unit, last.succ_opt()?)
}
