//! The sessions of a suspended account on their way to an end.

use chrono::Duration;
use inactive_contractors::domain::account::AccountStatus;
use inactive_contractors::domain::attempt::{
    ATTEMPTS_MAX, Attempt, AttemptStep, Confirmation, Dropped, Proof, RetryState, Sessions,
};
use inactive_contractors::domain::candidate::CandidateState;
use inactive_contractors::domain::candidate::step_sessions as step;

use super::fixture::{candidate, every_candidate_state, now};

const INTEND: AttemptStep<Dropped> = AttemptStep::Intend { status_changed: None, evidence: None };
const WAIT: Duration = Duration::seconds(60);

fn suspended(sessions: Sessions) -> CandidateState {
    CandidateState::Suspended { at: now(), confirmation: Confirmation::ByCall, sessions }
}

fn due(attempts: u32, trouble: RetryState) -> Sessions {
    Sessions::Due(Attempt { attempts, trouble, ..Attempt::default() })
}

fn trouble(error: &str, waits: u32) -> RetryState {
    RetryState { error: Some(error.into()), waits }
}

/// Where the step leads, with the words of its events.
fn take(sessions: Sessions, wanted: AttemptStep<Dropped>) -> (Sessions, Vec<&'static str>) {
    let (state, events) = step(&candidate(0, suspended(sessions)), wanted, now()).expect("they are due");
    let CandidateState::Suspended { at, confirmation: Confirmation::ByCall, sessions } = state else {
        panic!("the suspension stands, and is not {state:?}")
    };
    assert_eq!(at, now(), "the suspension's own time stays");
    (sessions, events.iter().map(|event| event.action.word()).collect())
}

fn rejected_before(error: &str) -> AttemptStep<Dropped> {
    AttemptStep::Rejected { error: error.into(), wait: WAIT }
}

fn try_again() -> AttemptStep<Dropped> {
    AttemptStep::TryAgain { error: "timed out".into(), wait: WAIT }
}

#[test]
fn only_what_is_due_moves() {
    let ended = [
        Sessions::Left,
        Sessions::Cleared { at: now() },
        Sessions::Dropped { at: now(), why: Dropped::Gone },
        Sessions::Failed { at: now(), error: "no".into(), unclear: true },
    ];
    for state in every_candidate_state().into_iter().chain(ended.map(suspended)) {
        assert_eq!(step(&candidate(0, state.clone()), INTEND, now()), None, "{state:?}");
        assert_eq!(state.sessions_due_at(now()), None, "{state:?}");
    }
    assert_eq!(suspended(Sessions::due()).sessions_due_at(now()), Some(now()));
    let unproven =
        step(&candidate(0, suspended(Sessions::due())), AttemptStep::Confirm(Proof::by_call(None)), now());
    assert_eq!(unproven, None, "nothing is confirmed without its intent");
}

#[test]
fn each_step_leads_where_it_says_and_leaves_its_trace() {
    let later = |attempts, trouble| {
        Sessions::Due(Attempt { attempts, not_before: Some(now() + WAIT), trouble, ..Attempt::default() })
    };
    let active = || Dropped::NotSuspended(AccountStatus::Active);
    let wait = AttemptStep::Wait { error: "unreadable".into(), wait: WAIT };
    let table = [
        (INTEND, due(2, RetryState::default()), vec!["sessions_clear_intended"]),
        (
            AttemptStep::Confirm(Proof::by_call(None)),
            Sessions::Cleared { at: now() },
            vec!["sessions_cleared"],
        ),
        (
            AttemptStep::Skip(active()),
            Sessions::Dropped { at: now(), why: active() },
            vec!["sessions_clear_skipped"],
        ),
        (try_again(), later(1, trouble("timed out", 0)), vec!["sessions_clear_try_failed"]),
        (rejected_before("no right"), later(0, trouble("no right", 1)), vec!["sessions_clear_try_failed"]),
        (wait, later(1, trouble("unreadable", 1)), vec![]),
        (
            AttemptStep::TooLate,
            Sessions::Failed { at: now(), error: String::new(), unclear: true },
            vec!["sessions_clear_failed"],
        ),
    ];
    for (wanted, sessions, words) in table {
        assert_eq!(take(due(1, RetryState::default()), wanted.clone()), (sessions, words), "{wanted:?}");
    }
}

#[test]
fn tries_are_limited_and_what_grows_too_old_keeps_its_error() {
    assert!(
        suspended(take(due(ATTEMPTS_MAX - 1, RetryState::default()), try_again()).0)
            .sessions_due_at(now())
            .is_some()
    );
    let failed = |error: &str, unclear| Sessions::Failed { at: now(), error: error.into(), unclear };
    assert_eq!(take(due(ATTEMPTS_MAX, RetryState::default()), try_again()).0, failed("timed out", true));
    assert_eq!(take(due(0, trouble("no right", 7)), AttemptStep::TooLate).0, failed("no right", false));
}

#[test]
fn what_turns_away_for_the_same_reason_is_audited_once() {
    let before = due(1, trouble("no right (HTTP 403, request a)", 3));
    let (sessions, words) = take(before.clone(), rejected_before("no right (HTTP 403, request b)"));
    assert_eq!(words, Vec::<&str>::new());
    let Sessions::Due(Attempt { attempts, trouble, .. }) = sessions else { panic!("they are due") };
    assert_eq!((attempts, trouble.waits), (0, 4));
    assert_eq!(take(before, rejected_before("no token")).1, ["sessions_clear_try_failed"]);
}

#[test]
fn rows_of_before_are_read_as_left_alone_and_written_as_they_were() {
    let row = r#"{"state":"suspended","at":"2026-03-02T09:00:00Z","confirmation":"by_call"}"#;
    let state: CandidateState = serde_json::from_str(row).expect("an old row");
    assert_eq!(state.sessions_due_at(now()), None);
    assert_eq!(serde_json::to_string(&state).unwrap(), row);
    let state = suspended(due(1, trouble("no", 1)));
    let again: CandidateState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    assert_eq!(again, state);
}
