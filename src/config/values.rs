//! Reads values that more than one section has: ids of the chat system, and the people that they name.

use serde_json::{Value, json};

use crate::domain::settings::People;

use super::ids;
use super::report::quote;
use super::section::{Found, Section};

/// How the ids of the chat system look.
pub(super) const IDS: ids::ChatIds = ids::SLACK;

/// A list of texts of which each looks like this.
pub(super) fn texts_like(pattern: &str) -> Value {
    json!({ "items": { "type": "string", "pattern": pattern } })
}

pub(super) fn group(
    section: &Section<'_>,
    key: &'static str,
    name: &'static str,
    nobody: &str,
    otherwise: impl FnOnce() -> Option<People>,
) -> Option<People> {
    let Some(table) = section.table(key, name) else { return otherwise() };
    let (users, groups) = (table.list("users"), table.list("groups"));
    let channel_members = table.flag("channel_members", false);
    table.looks_like("users", texts_like(&IDS.person.pattern()));
    table.looks_like("groups", texts_like(&IDS.group.pattern()));
    table.finish();
    if !table.is_table() {
        return None;
    }
    for user in users.iter().filter(|user| !IDS.person.fits(&user.value)) {
        table.problem(user.at, &format!("{key}: {} must be {}", quote(&user.value), IDS.person.how));
    }
    for group in groups.iter().filter(|group| !IDS.group.fits(&group.value)) {
        table.problem(group.at, &format!("{key}: {} must be {}", quote(&group.value), IDS.group.how));
    }
    let people = People { users: values(users), groups: values(groups), channel_members };
    if people.is_empty() {
        table.problem(table.at, nobody);
        return None;
    }
    Some(people)
}

pub(super) fn values(found: Vec<Found<String>>) -> Vec<String> {
    found.into_iter().map(|found| found.value).collect()
}
