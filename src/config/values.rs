//! Reads values that more than one section has: ids of the chat system, and the people that they name.

use serde_json::{Value, json};

use crate::domain::settings::People;

use super::report::quote;
use super::section::{Found, Section};

/// Whether the text is one of Slack's ids that begin with one of these letters. Names are never in capitals.
pub(super) fn is_slack_id(text: &str, first: &str) -> bool {
    let rest = text.bytes().skip(1);
    text.len() > 1
        && text.starts_with(|c| first.contains(c))
        && rest.into_iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// What [`is_slack_id`] accepts, as a regular expression for editors.
pub(super) fn slack_id(first: &str) -> String {
    format!("^[{first}][A-Z0-9]+$")
}

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
    table.looks_like("users", texts_like(&slack_id("UW")));
    table.looks_like("groups", texts_like(&slack_id("S")));
    table.finish();
    if !table.is_table() {
        return None;
    }
    let user_how =
        "a member id such as \"U0123ABCDEF\": in Slack open the person's profile, ⋮, \"Copy member ID\"";
    let group_how =
        "a user group's id such as \"S0123ABCDEF\", which ends the address of its page in Slack's People";
    for user in users.iter().filter(|user| !is_slack_id(&user.value, "UW")) {
        table.problem(user.at, &format!("{key}: {} must be {user_how}", quote(&user.value)));
    }
    for group in groups.iter().filter(|group| !is_slack_id(&group.value, "S")) {
        table.problem(group.at, &format!("{key}: {} must be {group_how}", quote(&group.value)));
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
