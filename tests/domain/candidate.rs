//! One approved account on its way to an outcome: every step in every state.

use chrono::Duration;
use inactive_contractors::domain::assess::Assessment;
use inactive_contractors::domain::attempt::{
    ATTEMPTS_MAX, Attempt, Confirmation, Proof, RetryState, Sessions,
};
use inactive_contractors::domain::audit::{Action, Draft};
use inactive_contractors::domain::candidate::{CandidateState, Skip, SuspensionStep, step};

use super::fixture::{candidate, days, due, every_candidate_state, now};

fn every_step() -> Vec<SuspensionStep> {
    vec![
        SuspensionStep::Intend { status_changed: None, evidence: None },
        SuspensionStep::Confirm(Proof::by_call(None)),
        SuspensionStep::Confirm(Proof { sessions: Sessions::due(), ..Proof::by_call(None) }),
        SuspensionStep::Skip(Skip::Gone),
        try_again(),
        rejected_before(),
        wait(),
        SuspensionStep::GiveUp { error: "E0000006".into() },
    ]
}

fn wait() -> SuspensionStep {
    SuspensionStep::Wait { error: "unreadable".into(), wait: Duration::minutes(1) }
}

fn rejected_before() -> SuspensionStep {
    SuspensionStep::Rejected { error: "rate limited".into(), wait: Duration::minutes(1) }
}

fn try_again() -> SuspensionStep {
    SuspensionStep::TryAgain { error: "timed out".into(), wait: Duration::seconds(30) }
}

fn take(state: CandidateState, wanted: SuspensionStep) -> (CandidateState, Vec<Draft>) {
    step(&candidate(0, state), wanted, now()).expect("the candidate is due")
}

#[test]
fn only_a_due_account_moves() {
    for state in every_candidate_state() {
        for wanted in every_step() {
            let moved = step(&candidate(0, state.clone()), wanted.clone(), now()).is_some();
            // What was never tried can't be confirmed either.
            let untried = matches!(state, CandidateState::Due(Attempt { attempts: 0, .. }));
            let confirms = matches!(wanted, SuspensionStep::Confirm(_));
            let may_move = matches!(state, CandidateState::Due { .. }) && !(untried && confirms);
            assert_eq!(moved, may_move, "{state:?} {wanted:?}");
        }
    }
}

#[test]
fn each_step_leads_where_it_says_and_leaves_its_trace() {
    let at = now();
    let failed = |error: &str, attempts| CandidateState::Failed {
        at,
        error: error.into(),
        attempts,
        status_changed: None,
    };
    let later = |attempts, wait, error: &str, waits| {
        let trouble = RetryState { error: Some(error.into()), waits };
        CandidateState::Due(Attempt { attempts, not_before: Some(at + wait), trouble, ..Attempt::default() })
    };
    let table = [
        (
            SuspensionStep::Intend { status_changed: None, evidence: None },
            due(2),
            Some(Action::SuspensionIntended),
        ),
        (
            SuspensionStep::Confirm(Proof::by_call(None)),
            CandidateState::suspended(at, Confirmation::ByCall),
            Some(Action::Suspended),
        ),
        (
            SuspensionStep::Confirm(Proof::by_reading()),
            CandidateState::suspended(at, Confirmation::ByReading),
            Some(Action::Suspended),
        ),
        (
            SuspensionStep::Skip(Skip::ChangedByOthers),
            CandidateState::Skipped { at, why: Skip::ChangedByOthers, error: None },
            Some(Action::Skipped),
        ),
        (try_again(), later(1, Duration::seconds(30), "timed out", 0), Some(Action::SuspensionTryFailed)),
        (
            rejected_before(),
            later(0, Duration::minutes(1), "rate limited", 0),
            Some(Action::SuspensionTryFailed),
        ),
        (wait(), later(1, Duration::minutes(1), "unreadable", 1), None),
        (
            SuspensionStep::GiveUp { error: "E0000006".into() },
            failed("E0000006", 1),
            Some(Action::SuspensionFailed),
        ),
    ];
    for (wanted, state, action) in table {
        let (next, events) = take(due(1), wanted.clone());
        assert_eq!(next, state, "{wanted:?}");
        let actions: Vec<_> = events.iter().map(|event| event.action).collect();
        assert_eq!(actions, Vec::from_iter(action), "{wanted:?}");
        for event in events {
            assert_eq!(event.subject, Some(candidate(0, due(1)).subject()));
            assert_eq!(event.at, at);
        }
    }
}

#[test]
fn the_first_seen_status_change_is_kept_through_every_repetition() {
    let first = Some(now() - days(300));
    let mut state = due(0);
    for attempt in 1..=3 {
        let seen = if attempt == 1 { first } else { Some(now()) };
        let (next, events) = take(state, SuspensionStep::Intend { status_changed: seen, evidence: None });
        assert_eq!(events[0].detail["attempt"], attempt);
        let CandidateState::Due(Attempt { attempts, status_changed, .. }) = next else { panic!("due") };
        assert_eq!((attempts, status_changed), (attempt, first));
        state = take(take(next, wait()).0, try_again()).0;
        let CandidateState::Due(Attempt { status_changed, .. }) = state else { panic!("due") };
        assert_eq!(status_changed, first, "waiting forgets nothing");
    }
    let (next, _) = take(due(1), SuspensionStep::Intend { status_changed: first, evidence: None });
    let CandidateState::Due(Attempt { status_changed, .. }) = next else { panic!("due") };
    assert_eq!(status_changed, None, "seen as absent before the first try stays absent");
}

#[test]
fn a_rejected_try_can_not_be_confirmed_and_any_other_try_can() {
    let intend = || SuspensionStep::Intend { status_changed: Some(now() - days(300)), evidence: None };
    let after = |state, steps: &[SuspensionStep]| {
        steps.iter().fold(state, |state, wanted| take(state, wanted.clone()).0)
    };
    let away = after(due(0), &[intend(), rejected_before(), wait(), intend(), rejected_before()]);
    let failed = CandidateState::Failed {
        at: now(),
        error: "timed out".into(),
        attempts: ATTEMPTS_MAX,
        status_changed: Some(now() - days(300)),
    };
    let again = after(failed.due_again(), &[intend(), rejected_before()]);
    let mut before_this_was_kept = serde_json::to_value(&away).unwrap();
    before_this_was_kept.as_object_mut().unwrap().remove("nothing_before");
    for (state, may_have_worked) in [
        (away.clone(), false),
        (after(away.clone(), &[intend()]), true),
        (after(away.clone(), &[intend(), try_again()]), true),
        (after(away.clone(), &[intend(), try_again(), intend(), rejected_before()]), true),
        (failed.due_again(), true),
        (again, true),
        (after(away, &[intend(), try_again()]).due_again(), true),
        (serde_json::from_value(before_this_was_kept).unwrap(), true),
    ] {
        let confirm = SuspensionStep::Confirm(Proof::by_reading());
        let confirmed = step(&candidate(0, state.clone()), confirm, now()).is_some();
        assert_eq!((confirmed, state.may_have_worked()), (may_have_worked, may_have_worked), "{state:?}");
    }
}

#[test]
fn what_was_read_before_a_call_and_what_the_provider_calls_it_are_recorded() {
    let evidence = candidate(0, due(0)).shown.evidence;
    let intend = SuspensionStep::Intend { status_changed: None, evidence: Some(Box::new(evidence.clone())) };
    let (_, events) = take(due(0), intend);
    assert_eq!(events[0].detail["evidence"], serde_json::json!(evidence));
    for sessions in [Sessions::Left, Sessions::due()] {
        let confirm = |proof| SuspensionStep::Confirm(Proof { sessions: sessions.clone(), ..proof });
        let (_, events) = take(due(1), confirm(Proof::by_call(Some("req1".to_owned()))));
        assert_eq!(events[0].detail["provider_request"], "req1");
        let (_, events) = take(due(1), confirm(Proof::by_reading()));
        assert_eq!(events[0].detail.get("provider_request"), None);
    }
}

#[test]
fn tries_are_limited() {
    for attempts in 0..ATTEMPTS_MAX {
        assert!(take(due(attempts), try_again()).0.is_open(), "after {attempts} tries");
    }
    let (state, events) = take(due(ATTEMPTS_MAX), try_again());
    let error = "timed out".to_owned();
    assert_eq!(
        state,
        CandidateState::Failed { at: now(), error, attempts: ATTEMPTS_MAX, status_changed: None }
    );
    assert_eq!(events[0].action, Action::SuspensionFailed);
    assert_eq!(events[0].detail["error"], "timed out");
}

#[test]
fn waiting_for_the_provider_is_no_try_however_often() {
    let mut state = due(ATTEMPTS_MAX - 1);
    for _ in 0..100 {
        state = take(state, wait()).0;
        state = take(
            take(state, SuspensionStep::Intend { status_changed: None, evidence: None }).0,
            rejected_before(),
        )
        .0;
    }
    let CandidateState::Due(Attempt { attempts, .. }) = state else { panic!("due") };
    assert_eq!(attempts, ATTEMPTS_MAX - 1);
}

#[test]
fn every_state_is_kept_as_it_was() {
    let why = Skip::NoLongerMatches(Assessment::Unknown("odd".into()));
    let skipped = CandidateState::Skipped { at: now(), why, error: None };
    for state in every_candidate_state().into_iter().chain([skipped]) {
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(json["state"], state.word());
        assert_eq!(serde_json::from_value::<CandidateState>(json).unwrap(), state);
    }
}

#[test]
fn an_approval_that_grew_too_old_says_what_stood_in_its_way() {
    let waited = take(take(due(0), wait()).0, wait()).0;
    let CandidateState::Due(Attempt { trouble, .. }) = &waited else { panic!("due") };
    assert_eq!((trouble.error.as_deref(), trouble.waits), (Some("unreadable"), 2));
    let (skipped, events) = take(waited.clone(), SuspensionStep::Skip(Skip::ApprovalTooOld));
    let error = Some("unreadable".to_owned());
    assert_eq!(skipped, CandidateState::Skipped { at: now(), why: Skip::ApprovalTooOld, error });
    assert_eq!(events[0].detail["error"], "unreadable");
    let (gone, events) = take(waited, SuspensionStep::Skip(Skip::Gone));
    assert_eq!(gone, CandidateState::skipped(now(), Skip::Gone), "that is reason enough");
    assert_eq!(events[0].detail["error"], serde_json::Value::Null);
}
