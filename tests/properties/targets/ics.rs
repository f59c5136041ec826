//! A file of holidays: every mistake names its line, and what was read and is written out again reads the same.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{Datelike, NaiveDate};
use inactive_contractors::domain::calendar::Calendar;

/// Reads the bytes as the file of holidays of a policy.
pub fn check(data: &[u8]) {
    let text = super::text(data);
    match read(&text) {
        Ok(calendar) => {
            for day in calendar.holidays.iter().chain(calendar.names.keys()) {
                assert!((1990..=2201).contains(&day.year()), "{day}");
            }
            for name in calendar.names.values() {
                assert!(name.chars().count() <= 60 && !name.chars().any(char::is_control), "{name:?}");
            }
            for yearly in &calendar.yearly {
                assert!((1..=100).contains(&yearly.days), "{yearly:?}");
            }
            let once = days(&calendar);
            // An event may begin on the last day of the years that are read, and end after them.
            if once.keys().any(|day| day.year() > 2200) {
                return;
            }
            let again = read(&written(&once)).unwrap_or_else(|problems| panic!("{problems:?}"));
            assert_eq!(days(&again), once);
        }
        Err(problems) => {
            let lines = text.lines().count().max(1);
            for problem in problems {
                let start = "bot.toml:7:17: holidays_file: other";
                let rest = problem.strip_prefix(start).unwrap_or_else(|| panic!("{problem}"));
                assert!(!rest.chars().any(char::is_control) && rest.chars().count() < 600, "{rest:?}");
                let Some(rest) = rest.strip_prefix(", line ") else {
                    assert!(rest.ends_with(" more mistakes"), "no line: {problem}");
                    continue;
                };
                let line = rest.split(':').next().and_then(|line| line.parse().ok());
                assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{problem}");
            }
        }
    }
}

/// The calendar of a policy that has this file.
pub fn read(ics: &str) -> Result<Calendar, Vec<String>> {
    // With a day of its own the policy has a calendar even if the file is without one.
    let text = format!("{}holidays_file = \"other\"\nholidays = [\"2000-01-01\"]\n", super::GOOD);
    let config = super::configure(&text, ics).map_err(|error| error.problems().to_vec())?;
    let policy = config.policies.into_iter().next().expect("the configuration has one");
    Ok(policy.schedule.days_off.expect("it names days off"))
}

/// The single days off with their names.
pub fn days(calendar: &Calendar) -> BTreeMap<NaiveDate, String> {
    let name = |day: &NaiveDate| calendar.names.get(day).cloned().unwrap_or_default();
    calendar.holidays.iter().map(|day| (*day, name(day))).collect()
}

/// One event for each.
pub fn written(days: &BTreeMap<NaiveDate, String>) -> String {
    let mut out = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n");
    for (day, name) in days {
        let name = name.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;");
        let day = day.format("%Y%m%d");
        write!(out, "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{day}\r\nSUMMARY:{name}\r\nEND:VEVENT\r\n")
            .expect("writing to a string can't fail");
    }
    out + "END:VCALENDAR\r\n"
}
