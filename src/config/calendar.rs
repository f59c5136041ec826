//! The days off of a `[[policy]]`: its working week, its holidays, and what follows from them.

use std::path::Path;

use chrono::{DateTime, Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde_json::json;

use crate::domain::calendar::{Calendar, Period};
use crate::domain::policy::Rule;
use crate::domain::schedule;
use crate::domain::settings::Schedule;

use super::ics::{self, DAYS_MAX, Wrong, YEARS};
use super::report::{quote, shown};
use super::section::{Found, Section};
use super::surroundings::Surroundings;
use super::values::texts_like;

/// Bytes of a file of holidays: ten countries' holidays of ten years are a tenth of this.
const FILE_MAX: usize = 1_048_576;
/// The most mistakes of one file that are reported.
const WRONG_MAX: usize = 5;
/// The most events of one file that are no days off and are reported.
const LEFT_OUT_MAX: usize = 3;

/// How to write a day off.
const DAYS_HOW: &str = "write \"2026-12-25\", or \"2026-12-24..2027-01-02\" for several";

/// What a policy says of days off.
pub(super) struct DaysOff {
    /// Which days they are; `None` when the policy knows of none.
    calendar: Option<Calendar>,
    /// Whether scheduled sweeps run on them all the same.
    sweep: bool,
}

/// Reads the keys about days off.
pub(super) fn read(section: &Section<'_>, surroundings: &Surroundings<'_>, zone: Tz) -> DaysOff {
    let week = working_week(section);
    let mut calendar = Calendar { zone, ..Calendar::default() };
    dates(section, &mut calendar);
    let file = file(section, surroundings, &mut calendar);
    let sweep = section.flag("sweep_on_days_off", false);
    let any = week.is_some() || file || !calendar.holidays.is_empty();
    calendar.working_week = week.unwrap_or(calendar.working_week);
    DaysOff { calendar: any.then_some(calendar), sweep }
}

impl DaysOff {
    /// Gives the rule and the schedule what they need of it. Periods of working days need a working week, so they bring
    /// the usual one with them.
    pub(super) fn settle(self, section: &Section<'_>, name: &str, rule: &mut Rule, schedule: &mut Schedule) {
        let counted = rule.counts_working_days();
        let usual = || Calendar { zone: schedule.zone, ..Calendar::default() };
        let Some(calendar) = self.calendar.or_else(|| counted.then(usual)) else { return };
        if counted {
            rule.calendar = calendar.nameless();
        }
        warn(section, name, rule, &calendar);
        if self.sweep {
            return;
        }
        let comes = schedule::next_slot(schedule, DateTime::UNIX_EPOCH).is_some();
        schedule.days_off = Some(calendar);
        if comes && schedule::next_slot(schedule, DateTime::UNIX_EPOCH).is_none() {
            let how =
                "which comes on days off only; change it or working_week, or set sweep_on_days_off = true";
            let at = section.position_of("schedule").unwrap_or(section.at);
            section.problem(at, &format!("schedule is {}, {how}", quote(&schedule.cron)));
        }
    }
}

/// Holidays that last as long as the period of calendar days make a candidate of everybody who takes them.
fn warn(section: &Section<'_>, name: &str, rule: &Rule, calendar: &Calendar) {
    let Period::Time(idle) = rule.inactive_after else { return };
    let Some((first, days)) = calendar.longest_run().filter(|(_, days)| *days >= idle.num_days()) else {
        return;
    };
    let week = i64::try_from(calendar.working_week.len()).unwrap_or(7);
    let instead = (idle.num_days() * week / 7).max(1);
    let unit = if instead == 1 { "working day" } else { "working days" };
    section.report.warning(format!(
        "policy \"{name}\": inactive_after counts calendar days, and from {first} {days} days in a row are off, so everyone who takes them off becomes a candidate; \"{instead} {unit}\" would not count them"
    ));
}

/// How editors know the days of the week: these are offered, and the others are right too.
const DAY_NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const OTHER_DAY_NAMES: &str = "^([Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)((s|nes|rs|ur)?day)?$";

fn working_week(section: &Section<'_>) -> Option<Vec<Weekday>> {
    const KEY: &str = "working_week";
    let written = section.list_if_any(KEY);
    let day = json!({ "type": "string", "anyOf": [{ "enum": DAY_NAMES }, { "pattern": OTHER_DAY_NAMES }] });
    section.looks_like(KEY, json!({ "items": day }));
    let (days, at) = written?;
    let mut week = Vec::new();
    for Found { value, at } in &days {
        let Ok(day) = value.parse::<Weekday>() else {
            let how = "write \"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\" or \"Sun\"";
            section.problem(*at, &format!("working_week: {} is no day of the week; {how}", quote(value)));
            continue;
        };
        week.push(day);
    }
    if days.is_empty() {
        let how = "name at least one day, or leave it out; to stop a policy set enabled = false";
        section.problem(at, &format!("working_week is empty, so no sweep would ever run; {how}"));
    }
    week.sort_by_key(Weekday::num_days_from_monday);
    week.dedup();
    (!week.is_empty()).then_some(week)
}

/// The key `holidays`.
fn dates(section: &Section<'_>, calendar: &mut Calendar) {
    let written = section.list("holidays");
    let date = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}";
    section.looks_like("holidays", texts_like(&format!("^{date}( *\\.\\. *{date})?$")));
    for Found { value, at } in written {
        match range(&value) {
            Ok((first, last)) => {
                calendar.holidays.extend(first.iter_days().take_while(|day| *day <= last));
            }
            Err(wrong) => section.problem(at, &format!("holidays: {} {wrong}", quote(&value))),
        }
    }
}

fn range(text: &str) -> Result<(NaiveDate, NaiveDate), String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let day = |text: &str| {
        let date = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d");
        date.ok().filter(|date| YEARS.contains(&date.year()))
    };
    let (first, last) = day(first).zip(day(last)).ok_or_else(|| format!("is no day off; {DAYS_HOW}"))?;
    let days = (last - first).num_days() + 1;
    if days < 1 {
        return Err("ends before it begins".to_owned());
    }
    if days > DAYS_MAX {
        return Err(format!("lasts {days} days, but at most {DAYS_MAX} are a holiday"));
    }
    Ok((first, last))
}

/// The key `holidays_file`; whether it was given.
fn file(section: &Section<'_>, surroundings: &Surroundings<'_>, calendar: &mut Calendar) -> bool {
    let Some(Found { value, at }) = section.text("holidays_file") else { return false };
    let path = surroundings.folder.join(&value);
    let shown = shown(&path);
    let text = match (surroundings.read_file)(&path) {
        Ok(text) if text.len() <= FILE_MAX => text,
        Ok(_) => {
            let how = "export only the holidays, and of a few years";
            section.problem(at, &format!("holidays_file: {shown} is larger than 1 MB; {how}"));
            return true;
        }
        Err(error) => {
            let how = "its path is relative to the configuration's file";
            section.problem(at, &format!("holidays_file: {shown} can't be read ({error}); {how}"));
            return true;
        }
    };
    match ics::read(&text) {
        Ok(holidays) => {
            say_what_is_left_out(section, &path, &holidays);
            take(calendar, holidays);
        }
        Err(wrong) => {
            for Wrong { line, what } in wrong.iter().take(WRONG_MAX) {
                section.problem(at, &format!("holidays_file: {shown}, line {line}: {what}"));
            }
            if let Some(more) = wrong.len().checked_sub(WRONG_MAX).filter(|more| *more > 0) {
                section.problem(at, &format!("holidays_file: {shown} has {more} more mistakes"));
            }
        }
    }
    true
}

fn say_what_is_left_out(section: &Section<'_>, path: &Path, holidays: &ics::Holidays) {
    let shown = shown(path);
    for Wrong { line, what } in holidays.left_out.iter().take(LEFT_OUT_MAX) {
        section.report.warning(format!("{shown}, line {line}: {what}, so it is no day off"));
    }
    if let Some(more) = holidays.left_out.len().checked_sub(LEFT_OUT_MAX).filter(|more| *more > 0) {
        let events = if more == 1 { "event that is no day off" } else { "events that are no days off" };
        section.report.warning(format!("{shown} has {more} more {events}"));
    }
    if holidays.dates.is_empty() && holidays.yearly.is_empty() {
        section.report.warning(format!("{shown} holds no day off: an event counts when it lasts whole days"));
    }
}

fn take(calendar: &mut Calendar, holidays: ics::Holidays) {
    for (date, name) in holidays.dates {
        calendar.holidays.insert(date);
        if !name.is_empty() {
            calendar.names.insert(date, name);
        }
    }
    for (yearly, name) in holidays.yearly {
        if !name.is_empty() {
            calendar.names.entry(yearly.from).or_insert(name);
        }
        if !calendar.yearly.contains(&yearly) {
            calendar.yearly.push(yearly);
        }
    }
}
