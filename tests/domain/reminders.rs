//! What is sent while nobody answers: when, once, and never after a decision.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::reminders::{Kind, Reminder, due, next_at};
use inactive_contractors::domain::request::{Decision, Request, RequestState};
use inactive_contractors::domain::settings::Reminders;

use super::fixture::{every_request_state, held, now, pending, person, request};

fn hours(count: i64) -> Duration {
    Duration::hours(count)
}

/// Reminders four hours and one hour before, an escalation two hours before.
fn settings() -> Reminders {
    Reminders {
        remind_before: vec![hours(4), hours(1)],
        escalate_before: Some(hours(2)),
        ..Reminders::default()
    }
}

fn at(request: &Request, before: i64) -> DateTime<Utc> {
    request.deadline.unwrap() - hours(before)
}

fn told(request: &Request, now: DateTime<Utc>) -> Vec<(Kind, i64)> {
    let before = |at: DateTime<Utc>| (request.deadline.unwrap() - at).num_hours();
    due(&settings(), request, now).into_iter().map(|reminder| (reminder.kind, before(reminder.at))).collect()
}

#[test]
fn each_comes_at_its_moment_and_only_the_latest_reminder_is_sent() {
    let request = pending();
    assert_eq!(told(&request, at(&request, 4) - Duration::seconds(1)), []);
    assert_eq!(told(&request, at(&request, 4)), [(Kind::Reminder, 4)]);
    assert_eq!(told(&request, at(&request, 2)), [(Kind::Reminder, 4), (Kind::Escalation, 2)]);
    assert_eq!(told(&request, at(&request, 1)), [(Kind::Reminder, 1), (Kind::Escalation, 2)]);
    assert_eq!(next_at(&settings(), &request, now()), Some(at(&request, 4)));
    assert_eq!(next_at(&settings(), &request, at(&request, 2)), Some(at(&request, 1)));
    assert_eq!(next_at(&settings(), &request, at(&request, 1)), None);
}

#[test]
fn only_who_waits_for_people_reminds_them() {
    for state in every_request_state() {
        let waits = matches!(state, RequestState::Pending { .. }) || state == held();
        let request = request(state.clone());
        assert_eq!(!told(&request, at(&request, 1)).is_empty(), waits, "{state:?}");
        assert_eq!(next_at(&settings(), &request, now()).is_some(), waits, "{state:?}");
    }
    let unposted = Request { deadline: None, ..pending() };
    assert_eq!(due(&settings(), &unposted, now() + Duration::days(9)), []);
}

#[test]
fn a_moment_before_the_question_stood_never_comes() {
    let request = Request { approval_timeout: hours(2), deadline: Some(now() + hours(2)), ..pending() };
    assert_eq!(told(&request, now() + Duration::seconds(1)), []);
    assert_eq!(told(&request, at(&request, 1)), [(Kind::Reminder, 1)]);
}

#[test]
fn a_sent_reminder_is_recognised_by_its_stage() {
    for reminder in due(&settings(), &pending(), at(&pending(), 1)) {
        assert_eq!(Reminder::of_stage(&reminder.stage()), Some(reminder));
    }
    for other in ["", "reminder", "reminder:soon", "farewell:2026-11-23T08:00:00Z"] {
        assert_eq!(Reminder::of_stage(other), None, "{other}");
    }
}

#[test]
fn a_question_that_is_asked_again_has_stages_of_its_own() {
    let stage = |request: &Request| due(&settings(), request, at(request, 1)).remove(0).stage();
    let later = Request { deadline: Some(now() + Duration::days(2)), ..pending() };
    assert_ne!(stage(&pending()), stage(&later));
    let decision = Decision { by: person("ann"), at: now(), reason: None };
    let denied = request(RequestState::Denied { decision });
    assert_eq!(due(&settings(), &denied, at(&denied, 1)), []);
}
