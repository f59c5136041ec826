//! What a policy does while nobody answers: the keys of reminders and of the escalation.

use chrono::Duration;
use serde_json::json;

use crate::domain::settings::{People, Reminders};

use super::duration;
use super::report::quote;
use super::section::{Found, Section};
use super::values::{group, texts_like};

/// A request that is mentioned more often than this is noise.
const REMINDERS_MAX: usize = 5;

/// Reads `remind_before`, `remind`, `escalate_before` and `escalate_to`.
pub(super) fn read(
    section: &Section<'_>,
    approvers: Option<&People>,
    approval_timeout: Duration,
) -> Reminders {
    let remind_before = remind_before(section, approval_timeout);
    let remind = people(section, "remind", "policy.remind");
    let escalate_before = escalate_before(section, approval_timeout);
    let escalate_to = people(section, "escalate_to", "policy.escalate_to");
    if remind.is_some() && remind_before.is_empty() {
        let advice = "nobody is reminded; set remind_before, such as [\"4h\", \"1h\"]";
        section.report.warning(format!("a policy has remind, but no remind_before: {advice}"));
    }
    match (&escalate_before, &escalate_to) {
        (Some(_), None) if section.position_of("escalate_to").is_none() => {
            let message = "escalate_before needs escalate_to: who is notified when nobody answers";
            section.problem(section.position_of("escalate_before").unwrap_or(section.at), message);
        }
        (None, Some(_)) if section.position_of("escalate_before").is_none() => {
            let message = "escalate_to needs escalate_before: how long before the deadline they are notified";
            section.problem(section.position_of("escalate_to").unwrap_or(section.at), message);
        }
        _ => {}
    }
    Reminders {
        remind_before,
        // Those who are named: a whole channel is never notified.
        remind: remind
            .unwrap_or_else(|| People { channel_members: false, ..approvers.cloned().unwrap_or_default() }),
        escalate_before,
        escalate_to: escalate_to.unwrap_or_default(),
    }
}

fn remind_before(section: &Section<'_>, approval_timeout: Duration) -> Vec<Duration> {
    const KEY: &str = "remind_before";
    let found = section.list(KEY);
    section.looks_like(KEY, texts_like(duration::PATTERN));
    if found.len() > REMINDERS_MAX {
        let message =
            format!("remind_before has {} times, but at most {REMINDERS_MAX} are read", found.len());
        section.problem(found[0].at, &message);
    }
    let mut times: Vec<Duration> =
        found.iter().filter_map(|found| before(section, KEY, found, approval_timeout)).collect();
    times.sort_unstable();
    times.dedup();
    times.reverse();
    times
}

fn escalate_before(section: &Section<'_>, approval_timeout: Duration) -> Option<Duration> {
    const KEY: &str = "escalate_before";
    let written = section.text(KEY);
    section.looks_like(KEY, json!({ "pattern": duration::PATTERN }));
    before(section, KEY, &written?, approval_timeout)
}

/// So long before the deadline; the question must stand by then, or the moment never comes.
fn before(
    section: &Section<'_>,
    key: &str,
    found: &Found<String>,
    approval_timeout: Duration,
) -> Option<Duration> {
    let read = duration::parse(&found.value).filter(|read| *read < approval_timeout);
    if read.is_none() {
        let rule = "but must be a duration such as \"1h\", shorter than approval_timeout: how long before the deadline";
        section.problem(found.at, &format!("{key} has {}, {rule}", quote(&found.value)));
    }
    read
}

fn people(section: &Section<'_>, key: &'static str, name: &'static str) -> Option<People> {
    let nobody = format!("{key} must name somebody: users or groups");
    let found = group(section, key, name, &nobody, || None)?;
    if found.channel_members {
        let message =
            format!("{key} can't be channel_members: name users or groups, a channel is never notified");
        section.problem(section.position_of(key).unwrap_or(section.at), &message);
        return None;
    }
    Some(found)
}
