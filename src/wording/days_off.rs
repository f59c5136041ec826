//! What is said of days off: that today is one, and that a list of holidays ends.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::chat::{Span, Text};
use crate::domain::policy::Policy;

/// How long before its end a list of holidays is said to end: the new year's holidays are known by then.
const ENDS_SOON: Duration = Duration::days(30);

/// What `status` says of a policy's days off, if there is something to say.
pub fn notes(policy: &Policy, now: DateTime<Utc>) -> Vec<Text> {
    [today(policy, now), list_ends(policy, now)].into_iter().flatten().collect()
}

/// That no scheduled sweep runs today.
fn today(policy: &Policy, now: DateTime<Utc>) -> Option<Text> {
    let calendar = policy.schedule.days_off.as_ref()?;
    let today = calendar.day_of(now);
    calendar.is_day_off(today).then(|| {
        let text = Text::plain("Today is a day off");
        let text = match calendar.name_of(today) {
            Some(name) => text.then(" (").quoted(name).then(")"),
            None => text,
        };
        text.then(", so no scheduled sweep runs. ").with(Span::Code("sweep".into())).then(" still works.")
    })
}

/// That the list of holidays ends, when it does so soon or has done so.
pub fn list_ends(policy: &Policy, now: DateTime<Utc>) -> Option<Text> {
    let calendar = policy.calendar()?;
    let last = calendar.holidays_end()?;
    let ends = calendar.start_of(last);
    (now > ends - ENDS_SOON).then(|| {
        let verb = if calendar.day_of(now) > last { "ended on" } else { "ends on" };
        Text::plain(format!(
            "The list of holidays {verb} {}. Add later holidays to the configuration, or they count as working days.",
            in_words(last)
        ))
    })
}

/// A civil day, the same for everybody who reads it: Slack would show a moment in the reader's own zone.
fn in_words(date: NaiveDate) -> String {
    date.format("%-d %b %Y").to_string()
}
