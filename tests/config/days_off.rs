//! The working week, holidays in the file and in an iCalendar file: what they come to, and the sentence for each mistake.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use chrono::{NaiveDate, Weekday};
use inactive_contractors::config::Config;
use inactive_contractors::domain::calendar::{Calendar, Period};
use inactive_contractors::domain::policy::Policy;

use super::{GOOD, TOKENS, bad, bad_line, good};

fn date(text: &str) -> NaiveDate {
    text.parse().expect("the test states a date")
}

fn policy(lines: &str) -> Policy {
    good(&format!("{GOOD}{lines}")).policies.remove(0)
}

fn days_off(lines: &str) -> Calendar {
    policy(lines).schedule.days_off.expect("the policy knows of days off")
}

/// A configuration `conf/bot.toml` with a file of holidays beside it.
fn with_file(lines: &str, ics: &str) -> Result<Config, Vec<String>> {
    let ics = ics.to_owned();
    let read = move |path: &Path| match path.to_str() {
        Some("conf/days.ics") => Ok(ics.clone()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let variables: BTreeMap<String, String> =
        TOKENS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let text = format!("{GOOD}holidays_file = \"days.ics\"\n{lines}");
    Config::parse(&text, "conf/bot.toml", &variables, &read).map_err(|error| error.problems().to_vec())
}

fn file(events: &str) -> Config {
    with_file("", &calendar(events)).unwrap_or_else(|problems| panic!("{}", problems.join("\n")))
}

fn days_of(config: &Config) -> Calendar {
    config.policies[0].schedule.days_off.clone().expect("a file makes days off")
}

/// Two lines, so that the events begin at line 3.
fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n")
}

/// One event of five lines: what matters of it is on lines 4 to 6 of the file.
fn event(properties: &[&str]) -> String {
    format!("BEGIN:VEVENT\n{}\nEND:VEVENT\n", properties.join("\n"))
}

/// What is wrong with a file that has this event, after the path.
fn wrong(properties: &[&str]) -> String {
    let problems = with_file("", &calendar(&event(properties))).expect_err("the file is wrong");
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let start = "conf/bot.toml:7:17: holidays_file: conf/days.ics, ";
    problems[0].strip_prefix(start).unwrap_or_else(|| panic!("{problems:?}")).to_owned()
}

#[test]
fn a_policy_that_says_nothing_of_days_off_has_none() {
    let policy = policy("");
    assert_eq!(policy.schedule.days_off, None);
    assert_eq!(policy.rule.calendar, Calendar::default());
    assert!(!policy.rule.counts_working_days());
}

#[test]
fn a_working_week_a_holiday_or_working_days_bring_days_off() {
    let week = days_off("working_week = [\"sun\", \"Mon\", \"Tuesday\", \"Mon\"]\n");
    assert_eq!(week.working_week, [Weekday::Mon, Weekday::Tue, Weekday::Sun]);
    let usual = Calendar::default().working_week;
    let holidays =
        days_off("holidays = [\"2026-12-25\", \"2026-12-30..2027-01-02\"]\ntime_zone = \"Europe/Berlin\"\n");
    assert_eq!((holidays.working_week, holidays.zone), (usual.clone(), chrono_tz::Europe::Berlin));
    let last = ["2026-12-25", "2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"].map(date);
    assert_eq!(holidays.holidays, last.into());
    assert_eq!(days_off("inactive_after = \"5 working days\"\n").working_week, usual);
    assert_eq!(days_off("restored_grace = \"1 working day\"\n").working_week, usual);
}

#[test]
fn the_rule_keeps_a_calendar_only_where_working_days_are_counted() {
    let holidays = "holidays = [\"2026-12-25\"]\n";
    let policy = policy(&format!("inactive_after = \"5 working days\"\n{holidays}"));
    assert_eq!(policy.rule.inactive_after, Period::WorkingDays(5));
    assert!(policy.rule.calendar.holidays.contains(&date("2026-12-25")));
    let calendar_days = super::days_off::policy(holidays);
    assert_eq!(calendar_days.rule, super::days_off::policy("").rule, "its holidays change nobody's fate");
}

#[test]
fn sweeps_on_days_off_can_be_wanted() {
    let policy = policy(
        "sweep_on_days_off = true\ninactive_after = \"5 working days\"\nholidays = [\"2026-12-25\"]\n",
    );
    assert_eq!(policy.schedule.days_off, None);
    assert!(policy.rule.calendar.is_day_off(date("2026-12-25")));
}

#[test]
fn each_mistake_about_days_off_has_its_sentence() {
    for (line, sentence) in [
        (
            "working_week = [\"Mo\"]",
            r#"17: working_week: "Mo" is no day of the week; write "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" or "Sun""#,
        ),
        (
            "working_week = []",
            "16: working_week is empty, so no sweep would ever run; name at least one day, or leave it out; to stop a policy set enabled = false",
        ),
        ("working_week = \"Mon\"", "16: working_week must be a list of texts in brackets, not a text"),
        ("working_week = [1]", "17: working_week must be a list of texts, not a number"),
        (
            "holidays = [\"25.12.2026\"]",
            r#"13: holidays: "25.12.2026" is no day off; write "2026-12-25", or "2026-12-24..2027-01-02" for several"#,
        ),
        (
            "holidays = [\"2026-02-30\"]",
            r#"13: holidays: "2026-02-30" is no day off; write "2026-12-25", or "2026-12-24..2027-01-02" for several"#,
        ),
        (
            "holidays = [\"0226-12-25\"]",
            r#"13: holidays: "0226-12-25" is no day off; write "2026-12-25", or "2026-12-24..2027-01-02" for several"#,
        ),
        (
            "holidays = [\"2027-01-02..2026-12-24\"]",
            r#"13: holidays: "2027-01-02..2026-12-24" ends before it begins"#,
        ),
        (
            "holidays = [\"2026-01-02..2027-01-02\"]",
            r#"13: holidays: "2026-01-02..2027-01-02" lasts 366 days, but at most 100 are a holiday"#,
        ),
        ("holidays = [2026-12-25]", "13: holidays must be a list of texts, not a date"),
        (
            "holidays_file = \"nowhere.ics\"",
            "17: holidays_file: nowhere.ics can't be read (entity not found); its path is relative to the configuration's file",
        ),
    ] {
        assert_eq!(bad_line(line), format!("bot.toml:7:{sentence}"), "{line}");
    }
    let sundays = format!("{GOOD}schedule = \"0 9 * * 0\"\nworking_week = [\"Mon\"]");
    let how = "which comes on days off only; change it or working_week, or set sweep_on_days_off = true";
    assert_eq!(bad(&sundays), [format!("bot.toml:7:1: schedule is \"0 9 * * 0\", {how}")]);
    good(&format!("{sundays}\nsweep_on_days_off = true"));
}

#[test]
fn holidays_that_outlast_the_calendar_days_are_said() {
    let warnings = |lines: &str| {
        let warnings = good(&format!("{GOOD}{lines}")).warnings;
        warnings.into_iter().filter(|warning| warning.contains("in a row")).collect::<Vec<_>>()
    };
    let holidays = "holidays = [\"2026-12-24..2027-01-01\"]\n";
    let sentence = "inactive_after counts calendar days, and from 2026-12-24 11 days in a row are off, so everyone who takes \
                    them off becomes a candidate; \"5 working days\" would not count them";
    assert_eq!(warnings(holidays), [format!("policy \"contractors\": {sentence}")]);
    assert_eq!(warnings(&format!("{holidays}inactive_after = \"12d\"\n")), Vec::<String>::new());
    assert_eq!(warnings(&format!("{holidays}inactive_after = \"5 working days\"\n")), Vec::<String>::new());
}

#[test]
fn whole_days_of_a_file_are_days_off() {
    let days = days_of(&file(
        &[
            event(&[
                "DTSTART;VALUE=DATE:20261225",
                "DTEND;VALUE=DATE:20261227",
                "SUMMARY:Christmas\\, both days",
            ]),
            event(&["DTSTART;VALUE=DATE:20270101", "SUMMARY;LANGUAGE=en:New Year"]),
            event(&["DTSTART:20270329T000000", "DTEND;TZID=\"Europe/Berlin: x\":20270330T000000"]),
            event(&["DTSTART;VALUE=DATE:20270501", "DURATION:P2D"]),
            event(&["DTSTART;VALUE=DATE:20270601", "DTEND;VALUE=DATE:20270601"]),
            event(&["DTSTART;VALUE=DATE:20270701", "STATUS:CANCELLED"]),
            event(&["DTSTART;VALUE=DATE:20270801", "RDATE;VALUE=DATE:20270803,20270805", "EXDATE:20270803"]),
        ]
        .concat(),
    ));
    let off = [
        "2026-12-25",
        "2026-12-26",
        "2027-01-01",
        "2027-03-29",
        "2027-05-01",
        "2027-05-02",
        "2027-06-01",
        "2027-08-01",
        "2027-08-05",
    ];
    assert_eq!(days.holidays, off.map(date).into());
    assert_eq!(days.name_of(date("2026-12-26")), Some("Christmas, both days"));
    assert_eq!(days.name_of(date("2027-01-01")), Some("New Year"));
    assert_eq!(days.name_of(date("2027-05-01")), None);
}

#[test]
fn a_file_as_programs_write_it_is_read() {
    let text = "\u{feff}BEGIN:VCALENDAR\r\nPRODID:-//x//y\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\n\
                DTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
                begin:vevent\r\nDTSTART;VALUE=DA\r\n TE:20261225\r\nSUMMARY:Christ\r\n\tmas\r\nTRANSP:TRANSPARENT\r\n\
                BEGIN:VALARM\r\nDTSTART:nonsense\r\nSUMMARY:Wake up\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let days = days_of(&with_file("", text).expect("it is good"));
    assert_eq!(days.holidays, [date("2026-12-25")].into());
    assert_eq!(days.name_of(date("2026-12-25")), Some("Christmas"));
}

#[test]
fn what_comes_back_every_year_is_off_every_year() {
    let days = days_of(&file(
        &[
            event(&[
                "DTSTART;VALUE=DATE:20201225",
                "DTEND;VALUE=DATE:20201227",
                "RRULE:FREQ=YEARLY",
                "SUMMARY:Christmas",
            ]),
            event(&["DTSTART;VALUE=DATE:20201126", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;WKST=SU"]),
            event(&["DTSTART;VALUE=DATE:20210531", "RRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=5;BYDAY=-1MO"]),
            event(&["DTSTART;VALUE=DATE:20250602", "RRULE:FREQ=YEARLY;COUNT=3;BYMONTH=6;BYMONTHDAY=2"]),
            event(&[
                "DTSTART;VALUE=DATE:20250702",
                "RRULE:FREQ=YEARLY;UNTIL=20270702T000000Z",
                "EXDATE;VALUE=DATE:20260702",
            ]),
            event(&["DTSTART;VALUE=DATE:20250803", "RRULE:FREQ=YEARLY;BYMONTH=8;BYMONTHDAY=4"]),
        ]
        .concat(),
    ));
    for off in [
        "2029-12-25",
        "2040-12-26",
        "2026-11-26",
        "2027-05-31",
        "2027-06-02",
        "2027-07-02",
        "2025-08-03",
        "2027-08-04",
    ] {
        assert!(days.is_day_off(date(off)), "{off}");
    }
    for on in ["2019-12-25", "2026-11-19", "2028-06-02", "2026-07-02", "2029-07-02", "2026-08-03"] {
        assert!(!days.is_day_off(date(on)), "{on}");
    }
    assert_eq!(days.name_of(date("2029-12-26")), Some("Christmas"));
}

#[test]
fn each_mistake_in_a_file_has_its_line() {
    let day = "DTSTART;VALUE=DATE:20261225";
    let how = "a holiday may come back every year on a date, or on a day such as BYMONTH=11;BYDAY=4TH: write its days as \
               events of their own, or weekly days off in working_week";
    for (properties, sentence) in [
        (&["SUMMARY:Christmas"][..], "line 3: \"Christmas\" has no DTSTART".to_owned()),
        (&["DTSTART:tomorrow"], "line 4: DTSTART is \"tomorrow\", which is no day such as 20261225".to_owned()),
        (&["DTSTART:20260230"], "line 4: DTSTART is \"20260230\", which is no day such as 20261225".to_owned()),
        (&[day, "DTEND:20261224"], "line 5: DTEND is before DTSTART".to_owned()),
        (
            &[day, "DTEND:20271224"],
            "line 4: the event lasts 364 days, but at most 100 are a holiday".to_owned(),
        ),
        (&[day, "RRULE:FREQ=WEEKLY"], format!("line 5: RRULE has \"FREQ=WEEKLY\"; {how}")),
        (&[day, "RRULE:FREQ=YEARLY;INTERVAL=2"], format!("line 5: RRULE has \"INTERVAL=2\"; {how}")),
        (&[day, "RRULE:FREQ=YEARLY;BYSETPOS=1"], format!("line 5: RRULE has \"BYSETPOS=1\"; {how}")),
        (&[day, "RRULE:FREQ=YEARLY;BYMONTH=1,2"], format!("line 5: RRULE has \"BYMONTH=1,2\"; {how}")),
        (&[day, "RRULE:FREQ=YEARLY;BYDAY=MO"], format!("line 5: RRULE has \"BYDAY=MO\"; {how}")),
        (&[day, "RRULE:COUNT=2"], format!("line 5: RRULE has no FREQ=YEARLY; {how}")),
        (
            &[day, "RRULE:FREQ=YEARLY;BYDAY=1MO"],
            "line 5: BYDAY goes with BYMONTH, and not with BYMONTHDAY, as in BYMONTH=11;BYDAY=4TH".to_owned(),
        ),
        (
            &[day, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"],
            "line 5: RRULE names a day that never comes".to_owned(),
        ),
        (
            &[day, "RECURRENCE-ID;VALUE=DATE:20261225"],
            "line 5: RECURRENCE-ID changes one day of another event; make it an event of its own and leave the day out \
             of the other with EXDATE"
                .to_owned(),
        ),
        (
            &[day, "STATUS:CANCELLED", "RECURRENCE-ID;VALUE=DATE:20261225"],
            "line 6: RECURRENCE-ID changes one day of another event; make it an event of its own and leave the day out \
             of the other with EXDATE"
                .to_owned(),
        ),
        (
            &[day, "RRULE:FREQ=YEARLY;BYMONTHDAY=25"],
            "line 5: BYMONTHDAY without BYMONTH means that day of each month: name the month, as in BYMONTH=12"
                .to_owned(),
        ),
        (&[day, "EXDATE:never"], "line 5: EXDATE is \"never\", which is no day such as 20261225".to_owned()),
    ] {
        assert_eq!(wrong(properties), sentence);
    }
}

#[test]
fn a_file_that_is_no_calendar_or_was_cut_off_is_refused() {
    for (text, sentence) in [
        ("<html>", "line 1: is not iCalendar: such a file begins with BEGIN:VCALENDAR"),
        ("", "line 1: the file is empty"),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\n",
            "line 3: the file ends before \"END:VEVENT\": it was cut off",
        ),
        ("BEGIN:VCALENDAR\nEND:VEVENT\n", "line 2: \"VEVENT\" ends what did not begin"),
    ] {
        let problems = with_file("", text).expect_err("it is wrong");
        assert_eq!(problems, [format!("conf/bot.toml:7:17: holidays_file: conf/days.ics, {sentence}")]);
    }
    let large = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", "X:y\n".repeat(300_000));
    let problems = with_file("", &large).expect_err("it is too large");
    let sentence = "conf/days.ics is larger than 1 MB; export only the holidays, and of a few years";
    assert_eq!(problems, [format!("conf/bot.toml:7:17: holidays_file: {sentence}")]);
    let many = event(&["DTSTART:x"]).repeat(7);
    let problems = with_file("", &calendar(&many)).expect_err("it is wrong");
    assert_eq!((problems.len(), problems[5].ends_with("conf/days.ics has 2 more mistakes")), (6, true));
}

#[test]
fn what_is_no_day_off_is_left_out_and_said() {
    let lunch = event(&["SUMMARY:Team lunch", "DTSTART:20261225T120000Z", "DTEND:20261225T130000Z"]);
    let party = event(&["DTSTART:20261225T000000", "DTEND:20261225T130000"]);
    let config = file(&[lunch.clone(), party, lunch.clone(), lunch].concat());
    let said: Vec<_> = config.warnings.iter().filter(|warning| warning.contains("days.ics")).collect();
    assert_eq!(
        said,
        [
            "conf/days.ics, line 5: \"Team lunch\" is not a whole day, so it is no day off",
            "conf/days.ics, line 9: the event does not last whole days, so it is no day off",
            "conf/days.ics, line 14: \"Team lunch\" is not a whole day, so it is no day off",
            "conf/days.ics has 1 more event that is no day off",
            "conf/days.ics holds no day off: an event counts when it lasts whole days",
        ]
    );
    assert!(days_of(&config).holidays.is_empty());
}

#[test]
fn a_file_is_found_beside_the_configuration_and_is_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("the folder is ours");
    };
    write("days.ics", &calendar(&event(&["DTSTART;VALUE=DATE:20261225"])));
    super::set_mode(&folder.path().join("days.ics"), 0o644);
    for (name, token) in [("bot", super::BOT), ("app", super::APP), ("api", super::API)] {
        write(name, token);
        super::set_mode(&folder.path().join(name), 0o600);
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let slack = format!("bot_token_file = '{}'\napp_token_file = '{}'", path("bot"), path("app"));
    let okta = format!("api_token_file = '{}'", path("api"));
    write("bot.toml", &format!("{}holidays_file = \"days.ics\"\n", super::with(&slack, &okta)));
    let config = Config::load(Some(&folder.path().join("bot.toml"))).expect("the file is good");
    assert_eq!(days_of(&config).holidays, [date("2026-12-25")].into());
    assert!(!config.warnings.iter().any(|warning| warning.contains("chmod")), "{:?}", config.warnings);
}

#[test]
fn no_file_of_holidays_makes_it_panic() {
    let good = calendar(&event(&[
        "DTSTART;VALUE=DATE:20201126",
        "DTEND;TZID=\"a:b\":20201128",
        "RRULE:FREQ=YEARLY;COUNT=9;BYMONTH=11;BYDAY=-4TH",
        "SUMMARY:Dé\\,j\n à",
    ]));
    with_file("", &good).expect("it is good");
    for (at, _) in good.char_indices() {
        let _ = with_file("", &good[..at]);
        for part in ["\n", ":", "\"", "é", "-99999999999"] {
            let _ = with_file("", &format!("{}{part}{}", &good[..at], &good[at..]));
        }
    }
}
