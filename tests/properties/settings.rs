//! Configurations that somebody gets wrong, and files of holidays as other programs write them.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;

use crate::generate::{holds, nasty};
use crate::targets::{GOOD, config, ics};

/// What a value of the file may look like.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "true", "1", "-1", "0.25", "1e99", "nan", "[]", "{}", "\"\"", "\"7d\"", "\"5 working days\"", "\"0d\"",
            "\"Europe/Berlin\"", "\"0 9 * * *\"", "\"0 0 30 2 *\"", "\"* * * * * *\"", "[\"Mon\"]", "[\"2026-12-25\"]",
            "[\"2026-12-25..2027-01-02\"]", "[\"1990-01-01..2200-12-31\"]", "\"other\"", "\"xoxb-1-planted\"",
            "2026-01-01", "'''\n'''", "[1, \"a\"]", "{ users = [\"U1\"] }", "{ users = [1], typo = 2 }", "[[]]",
        ])
        .prop_map(str::to_owned),
        1 => nasty().prop_map(|text| format!("{text:?}")),
        1 => nasty(),
    ]
}

#[test]
fn a_wrong_configuration_is_reported_by_its_places() {
    let keys: Vec<String> = inactive_contractors::config::Config::keys()
        .into_iter()
        .map(|key| key.name.to_owned())
        .chain(["nmae".to_owned(), "xoxb-1-planted".to_owned(), "\"a b\"".to_owned(), "[slack]".to_owned()])
        .collect();
    let line = (prop::sample::select(keys), value()).prop_map(|(key, value)| format!("{key} = {value}"));
    let change = (0..8_usize, any::<bool>(), prop_oneof![9 => line, 1 => nasty()]);
    holds(250, &prop::collection::vec(change, 0..4), |changes| {
        let mut lines: Vec<String> = GOOD.lines().map(str::to_owned).collect();
        for (at, instead, line) in changes {
            let at = at.min(lines.len());
            if instead && at < lines.len() {
                lines[at] = line;
            } else {
                lines.insert(at, line);
            }
        }
        config::check(lines.join("\n").as_bytes());
    });
}

#[test]
fn a_key_alone_with_any_value_is_right_or_reported() {
    let keys: Vec<(String, String)> = inactive_contractors::config::Config::keys()
        .into_iter()
        .map(|key| (key.section.to_owned(), key.name.to_owned()))
        .collect();
    holds(400, &(prop::sample::select(keys), value()), |((section, name), value)| {
        let text = match section.as_str() {
            "" => format!("{name} = {value}\n{GOOD}"),
            "policy" => format!("{GOOD}{name} = {value}\n"),
            inner => match inner.strip_prefix("policy.") {
                Some(inner) => format!("{GOOD}[policy.{inner}]\n{name} = {value}\n"),
                None if GOOD.contains(&format!("[{inner}]\n")) => format!("{GOOD}{inner}.{name} = {value}\n"),
                None => format!("{GOOD}[{inner}]\n{name} = {value}\n"),
            },
        };
        config::check(text.as_bytes());
    });
}

/// A calendar of single days as some program writes it.
fn written(days: &BTreeMap<NaiveDate, (u8, String)>, end: &str, fold: usize) -> String {
    let mut lines = vec!["BEGIN:VCALENDAR".to_owned(), "PRODID:-//x//y".to_owned()];
    for (day, (style, name)) in days {
        let stamp = day.format("%Y%m%d");
        let next = (*day + Days::new(1)).format("%Y%m%d");
        lines.push("BEGIN:VEVENT".to_owned());
        lines.push(format!("SUMMARY;LANGUAGE=\"a:b\":{name}"));
        match style % 5 {
            0 => lines.push(format!("DTSTART;VALUE=DATE:{stamp}")),
            1 => lines.extend([format!("dtstart:{stamp}"), format!("DTEND;VALUE=DATE:{next}")]),
            2 => lines.extend([format!("DTSTART;TZID=\"x;y\":{stamp}T000000"), "DURATION:P1D".to_owned()]),
            3 => lines.extend([
                "BEGIN:VALARM".into(),
                "DTSTART:20010101".into(),
                "END:VALARM".into(),
                format!("DTSTART:{stamp}"),
            ]),
            _ => {
                lines.extend([
                    format!("DTSTART:{stamp}"),
                    format!("RDATE:{stamp}"),
                    "EXDATE:19991231".into(),
                ]);
            }
        }
        lines.push("END:VEVENT".to_owned());
    }
    lines.push("END:VCALENDAR".to_owned());
    let mut out = String::new();
    for line in lines {
        for (part, letters) in line.chars().collect::<Vec<_>>().chunks(fold).enumerate() {
            let space = if part > 0 { " " } else { "" };
            let letters: String = letters.iter().collect();
            write!(out, "{}{space}{letters}", if part > 0 { end } else { "" }).expect("a string takes all");
        }
        out += end;
    }
    out
}

#[test]
fn holidays_are_read_as_they_were_written() {
    let day = (0..70_000_u64)
        .prop_map(|days| NaiveDate::from_ymd_opt(2001, 1, 1).expect("a day") + Days::new(days));
    let days = prop::collection::btree_map(day, (any::<u8>(), "[A-Za-zäß]{1,9}( [A-Z]{2,5})?"), 0..20);
    let end = prop::sample::select(vec!["\n", "\r\n"]);
    holds(120, &(days, end, 6..80_usize), |(days, end, fold)| {
        let text = written(&days, end, fold);
        ics::check(text.as_bytes());
        let calendar = ics::read(&text).unwrap_or_else(|problems| panic!("{problems:?}: {text}"));
        let mut read = ics::days(&calendar);
        // The one that the configuration itself names.
        read.remove(&NaiveDate::from_ymd_opt(2000, 1, 1).expect("a day"));
        let wanted: BTreeMap<NaiveDate, String> =
            days.into_iter().map(|(day, (_, name))| (day, name)).collect();
        assert_eq!(read, wanted);
    });
}

#[test]
fn a_damaged_file_of_holidays_is_reported_by_its_lines() {
    let line = prop::sample::select(vec![
        "BEGIN:VCALENDAR",
        "END:VCALENDAR",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "DTSTART:20261225",
        "DTSTART:20261225T0900",
        "DTEND:20261226",
        "DTEND:20251226",
        "DURATION:P1D",
        "DURATION:P1W",
        "DURATION:PT1H",
        "RRULE:FREQ=YEARLY",
        "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
        "RRULE:FREQ=YEARLY;COUNT=3;BYDAY=-1MO;BYMONTH=5",
        "RRULE:FREQ=DAILY",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;UNTIL=20300101",
        "RDATE:20270101,20280101",
        "EXDATE:20261225",
        "RECURRENCE-ID:20261225",
        "STATUS:CANCELLED",
        "SUMMARY:x\\n\\,y",
        " folded",
        "\tfolded",
        "",
        ":",
        ";",
        "\"",
    ])
    .prop_map(str::to_owned);
    let line = prop_oneof![9 => line, 1 => nasty()];
    holds(200, &prop::collection::vec(line, 0..12), |lines| {
        ics::check(
            format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{}\nEND:VEVENT\nEND:VCALENDAR\n", lines.join("\n"))
                .as_bytes(),
        );
        ics::check(lines.join("\n").as_bytes());
    });
}
