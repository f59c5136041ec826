//! Puts the audit trail's words into words for people: what happened, and why.
//!
//! The trail stores an action as one word and a cause as one word or a value of ours. Neither is shown to people as it is
//! stored. Exports keep the stored form.

use serde_json::Value;

use crate::chat::Text;
use crate::domain::assess::Assessment;
use crate::domain::audit::{Action, AuditEvent};
use crate::domain::candidate;

use super::{exemption_in_words, not_suspendable, seen_meanwhile};

/// Says what an event of the trail records: "suspended", "refused". A word of a later version is shown as its own words.
pub fn action(event: &AuditEvent) -> String {
    let Some(action) = Action::of_word(&event.action) else { return spaced(&event.action) };
    let words = match action {
        Action::ApprovedFirst => "approved as the first of two people",
        Action::ApprovalTakenBack => "took the approval back",
        Action::Retried => "asked for a retry",
        Action::RetriedFirst => "asked for a retry as the first of two people",
        Action::Reminded => "reminded the approvers",
        Action::Escalated => "escalated",
        Action::SweepHeld => "sweep held by a guard",
        Action::SweepRefused => "sweep stopped by a guard",
        Action::WentLive => "took the rule live",
        Action::InputRefused => "refused",
        Action::SuspensionIntended => "about to suspend",
        Action::SuspensionTryFailed => "suspension attempt failed",
        Action::Skipped => "left alone",
        Action::SessionsClearIntended => "about to end the sessions",
        Action::SessionsCleared => "sessions ended",
        Action::SessionsClearTryFailed => "attempt to end the sessions failed",
        Action::SessionsClearSkipped => "sessions left alone",
        Action::SessionsClearFailed => "sessions could not be ended",
        Action::Unexempted => "ended the exemption",
        Action::ExemptionEndAnnounced => "announced that the exemption ends",
        Action::RestoreAsked => "asked to restore",
        Action::RestoreIntended => "about to restore",
        Action::RestoreTryFailed => "restore attempt failed",
        Action::RestoreSkipped => "not restored",
        Action::DriftFound => "restored by someone else",
        Action::MissedSignFound => "activity found after the suspension",
        Action::PersonAnswered => "answered",
        Action::EvidenceMade => "evidence exported",
        Action::Outdated => "ended by a changed rule",
        Action::BotStarted
        | Action::ConfigurationReloaded
        | Action::SweepStarted
        | Action::SweepFinished
        | Action::SweepFailed
        | Action::Proposed
        | Action::CardPosted
        | Action::Approved
        | Action::AskedAgain
        | Action::Kept
        | Action::Denied
        | Action::Expired
        | Action::Withdrawn
        | Action::Released
        | Action::Suspended
        | Action::SuspensionFailed
        | Action::Completed
        | Action::Exempted
        | Action::ExemptionEnded
        | Action::Restored
        | Action::RestoreFailed
        | Action::Exported
        | Action::Paused
        | Action::Resumed
        | Action::Archived
        | Action::ClockJumped
        | Action::DatabaseStopped
        | Action::DatabaseResumed => return spaced(action.word()),
    };
    words.to_owned()
}

/// Says why, where the event has a cause: words of people and errors as they are, our own values in words.
pub(super) fn cause(event: &AuditEvent) -> Text {
    ["reason", "error", "why"]
        .into_iter()
        .filter_map(|key| Some((key, event.detail.get(key).filter(|value| !value.is_null())?)))
        .fold(Text::default(), |text, (key, value)| match key {
            "why" => text.then(" · ").and(why(value)),
            _ => text
                .then(format!(" · {key}: "))
                .quoted(value.as_str().map_or_else(|| spaced(&value.to_string()), str::to_owned)),
        })
}

fn why(value: &Value) -> Text {
    match serde_json::from_value(value.clone()) {
        Ok(candidate::Skip::NoLongerMatches(assessment)) => no_longer_matches(&assessment),
        Ok(candidate::Skip::AlreadySuspended) => Text::plain("somebody else had already suspended it"),
        Ok(candidate::Skip::Gone) => Text::plain("the account no longer exists"),
        Ok(_) | Err(_) => match value {
            Value::String(words) if words.contains(' ') => Text::default().quoted(words),
            Value::String(word) => Text::plain(spaced(word)),
            // A value of ours that says more: its name is the cause.
            Value::Object(named) => {
                Text::plain(named.keys().map(|key| spaced(key)).collect::<Vec<_>>().join(", "))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Text::default().quoted(value.to_string())
            }
        },
    }
}

fn no_longer_matches(assessment: &Assessment) -> Text {
    let it = Text::plain("it ");
    match assessment {
        Assessment::Active(idle) | Assessment::InGrace { idle, .. } => seen_meanwhile(idle),
        Assessment::NotSuspendable(status) => it.and(not_suspendable(status)),
        Assessment::Exempt(exemption) => it.and(exemption_in_words(exemption)),
        Assessment::Unknown(why) => Text::plain("it can't be judged: ").quoted(why),
        Assessment::OtherType(_) => Text::plain("its user type changed"),
        Assessment::Candidate(_) => Text::plain("it no longer met the rule"),
    }
}

fn spaced(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde_json::json;

    use super::*;
    use crate::domain::account::AccountStatus;
    use crate::domain::audit::Actor;

    fn event(action: &str, detail: Value) -> AuditEvent {
        AuditEvent {
            seq: 1,
            at: DateTime::<Utc>::UNIX_EPOCH,
            actor: Actor::System,
            action: action.to_owned(),
            policy: None,
            sweep: None,
            request: None,
            subject: None,
            detail,
            prev_hash: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn no_stored_word_or_json_reaches_a_person() {
        let skip = |why| json!({ "why": candidate::Skip::NoLongerMatches(why) });
        for (word, detail, said) in [
            ("input_refused", json!({ "why": "not_an_approver" }), "refused · not an approver"),
            (
                "input_refused",
                json!({ "why": { "past_deadline": { "deadline": "x" } } }),
                "refused · past deadline",
            ),
            ("input_refused", json!({ "why": "not in the channel" }), "refused · not in the channel"),
            ("person_answered", json!({ "answer": "still_here" }), "answered"),
            (
                "skipped",
                json!({ "why": "already_suspended" }),
                "left alone · somebody else had already suspended it",
            ),
            (
                "skipped",
                skip(Assessment::NotSuspendable(AccountStatus::Suspended)),
                "left alone · it is already suspended",
            ),
            ("kept", json!({ "reason": "on leave" }), "kept · reason: on leave"),
            ("of_a_later_version", Value::Null, "of a later version"),
        ] {
            let event = event(word, detail);
            assert_eq!(Text::plain(action(&event)).and(cause(&event)).to_plain(), said);
        }
    }
}
