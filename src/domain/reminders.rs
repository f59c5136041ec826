//! What happens while nobody answers: reminders, then an escalation to somebody else. Never an approval.
//!
//! Each has its moment before the deadline. One whose moment passed while nothing ran is sent late, but only the latest
//! reminder is: three at once remind nobody three times. A moment before the question stood in the channel never comes.

use chrono::{DateTime, SecondsFormat, Utc};

use super::request::{Request, RequestState};
use super::settings::Reminders;

/// What people are reminded of while a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The approvers are reminded.
    Reminder,
    /// Somebody else is notified.
    Escalation,
}

/// One thing to tell, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminder {
    pub kind: Kind,
    /// Its moment; it may be sent later.
    pub at: DateTime<Utc>,
}

impl Reminder {
    /// What makes it the only one of its request.
    pub fn stage(&self) -> String {
        let kind = match self.kind {
            Kind::Reminder => "reminder",
            Kind::Escalation => "escalation",
        };
        format!("{kind}:{}", self.at.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl Reminder {
    /// The reminder of a stage, as [`Reminder::stage`] writes it.
    pub fn of_stage(stage: &str) -> Option<Reminder> {
        let (kind, at) = stage.split_once(':')?;
        let kind = match kind {
            "reminder" => Kind::Reminder,
            "escalation" => Kind::Escalation,
            _ => return None,
        };
        Some(Reminder { kind, at: DateTime::parse_from_rfc3339(at).ok()?.to_utc() })
    }
}

/// What is to be sent for the request now, or has been already: at most one of each kind, the latest.
pub fn due(settings: &Reminders, request: &Request, now: DateTime<Utc>) -> Vec<Reminder> {
    let come: Vec<Reminder> =
        moments(settings, request).into_iter().filter(|reminder| reminder.at <= now).collect();
    let latest = |kind| {
        come.iter().filter(|reminder| reminder.kind == kind).max_by_key(|reminder| reminder.at).copied()
    };
    latest(Kind::Reminder).into_iter().chain(latest(Kind::Escalation)).collect()
}

/// When there is something to tell next.
pub fn next_at(settings: &Reminders, request: &Request, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    moments(settings, request).into_iter().map(|reminder| reminder.at).filter(|at| *at > now).min()
}

/// Every moment of a request that waits for people; none once it is decided, or overdue.
fn moments(settings: &Reminders, request: &Request) -> Vec<Reminder> {
    // Nobody is waited for in a preview: one that ends loses nothing.
    let waits = request.state.awaits_decision() && request.state != RequestState::Preview;
    let Some(deadline) = request.deadline.filter(|_| waits) else { return Vec::new() };
    let reminders = settings.remind_before.iter().map(|before| (Kind::Reminder, *before));
    let escalation = settings.escalate_before.iter().map(|before| (Kind::Escalation, *before));
    reminders
        .chain(escalation)
        .filter(|(_, before)| *before < request.approval_timeout)
        .map(|(kind, before)| Reminder { kind, at: deadline - before })
        .collect()
}
