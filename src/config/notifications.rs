//! The people that a policy notifies and asks besides its approvers: the channel by a digest, contractors and managers.

use chrono::{Duration, NaiveTime, Timelike};
use chrono_tz::Tz;
use serde_json::json;

use crate::domain::nearest::nearest;
use crate::domain::settings::{Digest, DigestPeriod, Schedule};
use crate::domain::template::{Outreach, Template};

use super::duration;
use super::report::quote;
use super::section::{Found, Section};
use super::settings::{self, SettingValue};

/// What an account's person is asked, unless the configuration has other words.
const CONTRACTOR_TEXT: &str =
    "Hello {name}, your account has not been used for {days} and may be suspended. Do you still need it?";
/// What a manager is asked, unless the configuration has other words.
const MANAGER_TEXT: &str = "Hello {name}, these accounts of people who work for you have not been used for {days} or longer and may be \
     suspended. Do these people still work with us?";

/// A week has these days; the first three letters of each.
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/// Every month has these days.
const LAST_DAY: u32 = 28;

/// Reads `digest` and `digest_at`.
pub(super) fn digest(section: &Section<'_>, zone: Tz) -> Option<Digest> {
    let period = section.text("digest");
    let at = section.text("digest_at");
    section
        .looks_like("digest", json!({ "enum": [DigestPeriod::Weekly.word(), DigestPeriod::Monthly.word()] }));
    section
        .looks_like("digest_at", json!({ "pattern": "^([A-Za-z]{3}|[0-9]{1,2}) +[0-9]{1,2}:[0-9]{1,2}$" }));
    let Some(Found { value, at: place }) = period else {
        if let Some(at) = at {
            section.problem(at.at, "digest_at needs digest = \"weekly\" or digest = \"monthly\" beside it");
        }
        return None;
    };
    let Some(period) =
        [DigestPeriod::Weekly, DigestPeriod::Monthly].into_iter().find(|one| one.word() == value)
    else {
        let hint = match nearest(&value, ["weekly", "monthly"]) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "leave it out for none".to_owned(),
        };
        let wrong = format!("digest is {}, but must be \"weekly\" or \"monthly\"; {hint}", quote(&value));
        section.problem(place, &wrong);
        return None;
    };
    let default = match period {
        DigestPeriod::Weekly => "Mon 09:00",
        DigestPeriod::Monthly => "1 09:00",
    };
    let at = at.unwrap_or_else(|| {
        section.settled("digest_at", SettingValue::Value(default.into()), settings::DEFAULT);
        Found { value: default.to_owned(), at: place }
    });
    let Some(cron) = cron(period, &at.value) else {
        let how = match period {
            DigestPeriod::Weekly => "a day and a time such as \"Mon 09:00\"".to_owned(),
            DigestPeriod::Monthly => format!("a day from 1 to {LAST_DAY} and a time such as \"1 09:00\""),
        };
        let wrong =
            format!("digest_at is {}, but a {} digest comes at {how}", quote(&at.value), period.word());
        section.problem(at.at, &wrong);
        return None;
    };
    Some(Digest { period, schedule: Schedule { cron, zone, days_off: None } })
}

/// "Mon 09:00" or "1 09:00" as five cron fields.
fn cron(period: DigestPeriod, text: &str) -> Option<String> {
    let (day, time) = text.split_once(' ')?;
    let time = NaiveTime::parse_from_str(time.trim(), "%H:%M").ok()?;
    let (minute, hour) = (time.minute(), time.hour());
    match period {
        DigestPeriod::Weekly => {
            let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?;
            Some(format!("{minute} {hour} * * {day}"))
        }
        DigestPeriod::Monthly => {
            let day: u32 = day.parse().ok().filter(|day| (1..=LAST_DAY).contains(day))?;
            Some(format!("{minute} {hour} {day} * *"))
        }
    }
}

/// Reads the keys that begin with `ask_`.
pub(super) fn ask(section: &Section<'_>) -> Outreach {
    let (contractor, manager) = (section.flag("ask_contractor", false), section.flag("ask_manager", false));
    let before = before(section);
    let contractor_text = wording(section, "ask_contractor_text", CONTRACTOR_TEXT);
    let manager_text = wording(section, "ask_manager_text", MANAGER_TEXT);
    Outreach {
        contractor: contractor_text.filter(|_| contractor),
        manager: manager_text.filter(|_| manager),
        before,
    }
}

fn before(section: &Section<'_>) -> Option<Duration> {
    const KEY: &str = "ask_before";
    let written = section.text(KEY);
    section.looks_like(KEY, json!({ "pattern": duration::PATTERN }));
    let Found { value, at } = written?;
    let bounds = Duration::minutes(1)..=Duration::days(30);
    let read = duration::parse(&value).filter(|read| bounds.contains(read));
    if read.is_none() {
        let rule = "must be a duration between \"1m\" and \"30d\": how long before the deadline contractors and managers \
                    are asked";
        section.problem(at, &format!("{KEY} is {}, but {rule}", quote(&value)));
    }
    read
}

fn wording(section: &Section<'_>, key: &'static str, default: &'static str) -> Option<Template> {
    let Found { value, at } = section.text_or(key, default);
    match Template::parse(&value) {
        Ok(template) => Some(template),
        Err(wrong) => {
            section.problem(at, &format!("{key} {wrong}"));
            None
        }
    }
}
