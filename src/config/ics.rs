//! Holidays in an iCalendar file (RFC 5545): its events that last whole days.
//!
//! A reader of our own, because a mistake in such a file is reported with its line, and the few properties that a
//! holiday has don't outweigh a general parser. What it promises:
//! - It reads `DTSTART`, `DTEND` (which is exclusive) or `DURATION`, `RRULE` for what comes back every year, `RDATE`,
//!   `EXDATE`, `STATUS` and `SUMMARY` of each `VEVENT`, and ignores everything else.
//! - An event with a time of day is no day off: it is left out, and that is said.
//! - What it can't read is a mistake with its line, never a holiday that is silently missing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Weekday};

use super::report::quote;
use crate::domain::calendar::{Yearly, YearlyDay};

/// Days in a row that one holiday may last: more is a mistake in a date.
pub(super) const DAYS_MAX: i64 = 100;
/// The years that a holiday may lie in: another one is a mistake in a date.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1990..=2200;
/// More single days off than this are no list of holidays, and each sweep keeps the list that it ran by.
const DATES_MAX: usize = 1_000;
/// Characters of a holiday's name that are kept.
const NAME_MAX: usize = 60;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Holidays {
    /// Single days off, with their names.
    pub(super) dates: BTreeMap<NaiveDate, String>,
    /// Those that come back, with their names.
    pub(super) yearly: Vec<(Yearly, String)>,
    /// What is no day off, one phrase each.
    pub(super) left_out: Vec<Wrong>,
}

/// A phrase about a line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// From 1.
    pub(super) line: usize,
    /// What is the matter with it.
    pub(super) what: String,
}

/// A property with its parameters, unfolded.
#[derive(Debug)]
struct Property<'t> {
    line: usize,
    name: String,
    value: std::borrow::Cow<'t, str>,
}

/// The properties of one event that matter here.
#[derive(Debug, Default)]
struct Event<'t> {
    line: usize,
    start: Option<Property<'t>>,
    end: Option<Property<'t>>,
    duration: Option<Property<'t>>,
    rule: Option<Property<'t>>,
    more: Vec<Property<'t>>,
    except: Vec<Property<'t>>,
    changed: Option<Property<'t>>,
    cancelled: bool,
    name: String,
}

/// Reads a file; fails with all that is wrong with it.
pub(super) fn read(text: &str) -> Result<Holidays, Vec<Wrong>> {
    let (mut holidays, mut wrong) = (Holidays::default(), Vec::new());
    let mut open: Vec<String> = Vec::new();
    let mut event: Option<Event> = None;
    let mut last_line = 1;
    for property in properties(text) {
        last_line = property.line;
        if open.is_empty() && !(property.name == "BEGIN" && is(&property, "VCALENDAR")) {
            wrong.push(at(last_line, "is not iCalendar: such a file begins with BEGIN:VCALENDAR"));
            return Err(wrong);
        }
        match property.name.as_str() {
            "BEGIN" => {
                open.push(property.value.trim().to_ascii_uppercase());
                if open.len() == 2 && is(&property, "VEVENT") {
                    event = Some(Event { line: last_line, ..Event::default() });
                }
            }
            "END" => {
                if open.pop().is_none_or(|begun| !is(&property, &begun)) {
                    wrong.push(at(last_line, format!("{} ends what did not begin", quote(&property.value))));
                    return Err(wrong);
                }
                if open.len() == 1
                    && let Some(event) = event.take()
                    && let Err(mistake) = add(&mut holidays, &event)
                {
                    wrong.push(mistake);
                }
            }
            // What is inside an event's alarm is not about the event.
            _ => {
                if let Some(event) = event.as_mut().filter(|_| open.len() == 2) {
                    event.take(property);
                }
            }
        }
    }
    match open.last() {
        Some(begun) => {
            let end = quote(&format!("END:{begun}"));
            wrong.push(at(last_line, format!("the file ends before {end}: it was cut off")));
        }
        None if last_line == 1 && text.trim().is_empty() => wrong.push(at(1, "the file is empty")),
        None => {}
    }
    if holidays.dates.len() > DATES_MAX {
        wrong.push(at(last_line, format!("more than {DATES_MAX} days off are no list of holidays")));
    }
    if wrong.is_empty() { Ok(holidays) } else { Err(wrong) }
}

fn at(line: usize, what: impl Into<String>) -> Wrong {
    Wrong { line, what: what.into() }
}

fn is(property: &Property<'_>, value: &str) -> bool {
    property.value.trim().eq_ignore_ascii_case(value)
}

/// The lines of the file, those that were folded put together again.
fn properties(text: &str) -> impl Iterator<Item = Property<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).peekable();
    std::iter::from_fn(move || {
        let (line, first) = lines.next()?;
        let mut whole = std::borrow::Cow::Borrowed(first);
        while let Some((_, more)) = lines.next_if(|(_, more)| more.starts_with([' ', '\t'])) {
            whole.to_mut().push_str(&more[1..]);
        }
        Some(property(line, whole))
    })
}

/// `NAME;PARAMETER="a:b":value`. A line without a colon is a name without a value.
fn property(line: usize, whole: std::borrow::Cow<'_, str>) -> Property<'_> {
    let mut quoted = false;
    let colon = whole.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    });
    let colon = colon.unwrap_or(whole.len());
    let name = whole[..colon].split(';').next().unwrap_or_default().trim().to_ascii_uppercase();
    let value = match whole {
        std::borrow::Cow::Borrowed(text) => text.get(colon + 1..).unwrap_or_default().into(),
        std::borrow::Cow::Owned(text) => text.get(colon + 1..).unwrap_or_default().to_owned().into(),
    };
    Property { line, name, value }
}

impl<'t> Event<'t> {
    fn take(&mut self, property: Property<'t>) {
        match property.name.as_str() {
            "DTSTART" => self.start = Some(property),
            "DTEND" => self.end = Some(property),
            "DURATION" => self.duration = Some(property),
            "RRULE" => self.rule = Some(property),
            "RDATE" => self.more.push(property),
            "EXDATE" => self.except.push(property),
            "RECURRENCE-ID" => self.changed = Some(property),
            "STATUS" => self.cancelled = is(&property, "CANCELLED"),
            "SUMMARY" => self.name = name(&property.value),
            _ => {}
        }
    }
}

/// A text without its escapes, on one line.
fn name(value: &str) -> String {
    let plain = value.replace("\\n", " ").replace("\\N", " ");
    let plain = plain.replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\");
    plain.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect::<String>().trim().to_owned()
}

/// The days of an event.
fn add(holidays: &mut Holidays, event: &Event<'_>) -> Result<(), Wrong> {
    if let Some(changed) = &event.changed {
        let how = "make it an event of its own and leave the day out of the other with EXDATE";
        return Err(at(changed.line, format!("RECURRENCE-ID changes one day of another event; {how}")));
    }
    if event.cancelled {
        return Ok(());
    }
    let called = || if event.name.is_empty() { "the event".to_owned() } else { quote(&event.name) };
    let Some(start) = &event.start else {
        return Err(at(event.line, format!("{} has no DTSTART", called())));
    };
    let Some(from) = day(start)? else {
        holidays.left_out.push(at(start.line, format!("{} is not a whole day", called())));
        return Ok(());
    };
    let days = match days(event, from)? {
        Some(days) if days <= DAYS_MAX => days,
        Some(days) => {
            let what = format!("{} lasts {days} days, but at most {DAYS_MAX} are a holiday", called());
            return Err(at(start.line, what));
        }
        None => {
            holidays.left_out.push(at(start.line, format!("{} does not last whole days", called())));
            return Ok(());
        }
    };
    let (except, mut single) = (dates(&event.except)?, dates(&event.more)?);
    if let Some(rule) = &event.rule {
        let yearly = yearly(rule, from, days, except.clone())?;
        // Unlike the rule, the event's own day always counts.
        if yearly.on.in_year(from.year()) != Some(from) {
            single.insert(from);
        }
        holidays.yearly.push((yearly, event.name.clone()));
    } else {
        single.insert(from);
    }
    for first in single.difference(&except) {
        for day in first.iter_days().take(usize::try_from(days).unwrap_or_default()) {
            holidays.dates.entry(day).or_insert_with(|| event.name.clone());
        }
    }
    Ok(())
}

/// How many days the event lasts; `None` if it ends within a day.
fn days(event: &Event<'_>, from: NaiveDate) -> Result<Option<i64>, Wrong> {
    if let Some(end) = &event.end {
        let Some(until) = day(end)? else { return Ok(None) };
        // Exclusive; some programs write the same day twice for a single one.
        let days = (until - from).num_days();
        return if days < 0 { Err(at(end.line, "DTEND is before DTSTART")) } else { Ok(Some(days.max(1))) };
    }
    let Some(duration) = &event.duration else { return Ok(Some(1)) };
    let text = duration.value.trim().trim_start_matches('+');
    let whole = |unit: char| text.strip_prefix('P')?.strip_suffix(unit)?.parse::<u16>().ok().map(i64::from);
    Ok(whole('D').or_else(|| Some(whole('W')? * 7)).filter(|days| *days > 0))
}

/// A date, or the midnight with which a day begins in some programs; `None` for another time of day.
fn day(property: &Property<'_>) -> Result<Option<NaiveDate>, Wrong> {
    let text = property.value.trim();
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let read = (date.len() == 8).then(|| NaiveDate::parse_from_str(date, "%Y%m%d").ok()).flatten();
    let Some(date) = read.filter(|date| YEARS.contains(&date.year())) else {
        let wrong = format!("{} is {}, which is no day such as 20261225", property.name, quote(text));
        return Err(at(property.line, wrong));
    };
    Ok(time.is_none_or(|time| time == "000000").then_some(date))
}

/// The dates of `EXDATE` and `RDATE` lines.
fn dates(lines: &[Property<'_>]) -> Result<BTreeSet<NaiveDate>, Wrong> {
    let each = lines.iter().flat_map(|property| {
        property.value.split(',').map(|value| Property {
            line: property.line,
            name: property.name.clone(),
            value: value.trim().split('T').next().unwrap_or_default().into(),
        })
    });
    let read: Result<Vec<Option<NaiveDate>>, Wrong> = each.map(|property| day(&property)).collect();
    Ok(read?.into_iter().flatten().collect())
}

/// The parts of a rule that a holiday may have.
#[derive(Default)]
struct Parts {
    month: Option<u32>,
    day: Option<u32>,
    weekday: Option<(i8, Weekday)>,
    count: Option<usize>,
    until: Option<NaiveDate>,
}

fn yearly(
    rule: &Property<'_>,
    from: NaiveDate,
    days: i64,
    except: BTreeSet<NaiveDate>,
) -> Result<Yearly, Wrong> {
    let parts = parts(rule)?;
    let on = match (parts.weekday, parts.month, parts.day) {
        (None, None, Some(_)) => {
            let what =
                "BYMONTHDAY without BYMONTH means that day of each month: name the month, as in BYMONTH=12";
            return Err(at(rule.line, what));
        }
        (None, month, day) => {
            YearlyDay::Date { month: month.unwrap_or(from.month()), day: day.unwrap_or(from.day()) }
        }
        (Some((nth, weekday)), Some(month), None) => YearlyDay::Nth { month, weekday, nth },
        (Some(_), _, _) => {
            let what = "BYDAY goes with BYMONTH, and not with BYMONTHDAY, as in BYMONTH=11;BYDAY=4TH";
            return Err(at(rule.line, what));
        }
    };
    let times = || YEARS.filter_map(|year| on.in_year(year)).filter(|begin| *begin >= from);
    if times().next().is_none() {
        return Err(at(rule.line, "RRULE names a day that never comes"));
    }
    let counted = parts.count.and_then(|count| times().nth(count.saturating_sub(1)));
    let until = counted.into_iter().chain(parts.until).min();
    Ok(Yearly { from, until, on, days: u16::try_from(days).unwrap_or(1), except })
}

fn parts(rule: &Property<'_>) -> Result<Parts, Wrong> {
    let (mut parts, mut yearly) = (Parts::default(), false);
    for part in rule.value.trim().split(';').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (key, value) = (key.to_ascii_uppercase(), value.trim().to_ascii_uppercase());
        let within = |most: u32| value.parse::<u32>().ok().filter(|number| (1..=most).contains(number));
        let read = match key.as_str() {
            "FREQ" => {
                yearly = value == "YEARLY";
                yearly
            }
            "INTERVAL" => value == "1",
            "WKST" => true,
            "COUNT" => set(&mut parts.count, value.parse().ok().filter(|count| *count > 0)),
            "UNTIL" => {
                let text = value.split('T').next().unwrap_or_default();
                set(&mut parts.until, NaiveDate::parse_from_str(text, "%Y%m%d").ok())
            }
            "BYMONTH" => set(&mut parts.month, within(12)),
            "BYMONTHDAY" => set(&mut parts.day, within(31)),
            "BYDAY" => set(&mut parts.weekday, nth_weekday(&value)),
            _ => false,
        };
        if !read {
            return Err(at(rule.line, format!("RRULE has {}; {RULE_HOW}", quote(part))));
        }
    }
    if yearly { Ok(parts) } else { Err(at(rule.line, format!("RRULE has no FREQ=YEARLY; {RULE_HOW}"))) }
}

/// What a rule may say.
const RULE_HOW: &str = "a holiday may come back every year on a date, or on a day such as BYMONTH=11;BYDAY=4TH: write \
     its days as events of their own, or weekly days off in working_week";

fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    *slot = value;
    slot.is_some()
}

/// `4TH`, `-1MO`.
fn nth_weekday(text: &str) -> Option<(i8, Weekday)> {
    let (nth, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let nth: i8 = nth.parse().ok().filter(|nth: &i8| (1..=5).contains(&nth.unsigned_abs()))?;
    let all = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let index = all.iter().position(|name| *name == day)?;
    Some((nth, Weekday::try_from(u8::try_from(index).ok()?).ok()?))
}
